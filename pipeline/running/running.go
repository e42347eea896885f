// Package running is what runs on this machine: each process leaves a file that says what it runs and where it listens,
// so that other commands find it without addresses. A file is true as long as its process holds the lock beside it;
// what a killed process left is taken away by whoever looks next.
package running

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"millrace/pipeline/status"
	"millrace/snapshot"
	"millrace/store/folder"
)

// FolderVariable is the environment variable that names another folder than Folder's choice.
const FolderVariable = "MILLRACE_RUNTIME_DIR"

// entryFile is a process's file, in a folder of its own beside the lock.
const entryFile = "process.json"

// entryBytesMax is far above what a process says.
const entryBytesMax = 64 << 10

// Process is what a process says of itself.
type Process struct {
	Instance string `json:"instance"` // random; the admin address answers it, too
	Pipeline string `json:"pipeline"`
	Config   string `json:"config,omitempty"` // the pipeline file's absolute path; empty without one, as for demo
	// Challengers are the absolute paths of the files of the models that learn beside it: they share its servers.
	Challengers []string `json:"challengers,omitempty"`
	// Digests are of those files as the process read them, by path; left out for what is no regular file.
	Digests   map[string]string `json:"digests,omitempty"`
	Cluster   string            `json:"cluster_id"` // Kafka's
	Learning  bool              `json:"learning"`
	Scoring   bool              `json:"scoring"`
	Addresses status.Addresses  `json:"addresses"`
	PID       int               `json:"pid"`
	Started   time.Time         `json:"started"`
}

// Folder is where processes of this user leave their files: what FolderVariable names, millrace in the user's runtime
// folder, or a folder of the user's own among the temporary ones.
func Folder(lookup func(string) (string, bool)) string {
	if path, ok := lookup(FolderVariable); ok && path != "" {
		return path
	}
	if base, ok := lookup("XDG_RUNTIME_DIR"); ok && filepath.IsAbs(base) {
		if info, err := os.Stat(base); err == nil && info.IsDir() {
			return filepath.Join(base, "millrace")
		}
	}
	return filepath.Join(os.TempDir(), "millrace-"+strconv.Itoa(os.Getuid()))
}

// youngAge is how old a notice's files get before Renew makes them young: what cleans folders of temporary files spares
// those of some days.
const youngAge = time.Hour

// Notice is a process's file while it runs. Its methods may be called by several goroutines.
type Notice struct {
	runtime, directory string

	mu      sync.Mutex
	process Process
	unlock  func() error // nil once it is closed
}

// Announce makes a notice in a folder, which it creates for this user alone; it refuses one that others can write to.
// In one that they can read, they see that something runs, and nothing more.
func Announce(runtime string, p Process) (*Notice, error) {
	if err := own(runtime); err != nil {
		return nil, fmt.Errorf("saying where the process listens: %w", err)
	}
	n := &Notice{runtime: runtime, directory: filepath.Join(runtime, p.Instance)}
	var err error
	if n.unlock, err = folder.Lock(n.directory, 0o700); err != nil {
		return nil, fmt.Errorf("saying where the process listens: %w", err)
	}
	if err := n.Update(p); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// Update says something else. Readers see what was said before or this, whole.
func (n *Notice) Update(p Process) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.process = p
	return n.write()
}

func (n *Notice) write() error {
	text, err := json.MarshalIndent(n.process, "", "  ")
	if err != nil {
		return fmt.Errorf("saying where the process listens: %w", err)
	}
	if err := snapshot.ReplaceFile(filepath.Join(n.directory, entryFile), append(text, '\n')); err != nil {
		return fmt.Errorf("saying where the process listens: %w", err)
	}
	return nil
}

// Renew makes the notice again where its files were taken away, as by what cleans folders of temporary files, and keeps
// them young, so that this leaves them alone. It reports whether something was gone.
func (n *Notice) Renew(now time.Time) (again bool, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.unlock == nil {
		return false, nil
	}
	if err := own(n.runtime); err != nil {
		return false, fmt.Errorf("saying again where the process listens: %w", err)
	}
	entry := filepath.Join(n.directory, entryFile)
	info, gone := os.Lstat(entry)
	// A lock that can be had is not the one that this process has: that one's file is gone.
	if unlock, err := folder.Lock(n.directory, 0o700); err == nil {
		_ = n.unlock() // of a file without a name
		n.unlock, again = unlock, folder.Locks
	}
	if gone != nil || again {
		return true, n.write()
	}
	if now.Sub(info.ModTime()) < youngAge {
		return false, nil
	}
	for _, path := range []string{n.directory, filepath.Join(n.directory, "lock"), entry} {
		err = errors.Join(err, os.Chtimes(path, now, now))
	}
	return false, err
}

// Close takes the notice away.
func (n *Notice) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	unlock := n.unlock
	n.unlock = nil
	return errors.Join(os.RemoveAll(n.directory), unlock())
}

// Alone lets one process at a time do what has this name, until it releases it or dies; a *folder.InUseError says who
// is at it. The lock stays as an empty one: taken away, two processes might each have one.
func Alone(runtime, what string) (release func() error, err error) {
	if err := own(runtime); err != nil {
		return nil, err
	}
	return folder.Lock(filepath.Join(runtime, what), 0o700)
}

// own makes a folder in which nobody else can leave anything, or says why it is not such a one.
func own(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil { //nolint:gosec // the user names the folder
		return err
	}
	info, err := os.Lstat(path) //nolint:gosec // the same
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is no folder: remove it, or name another one in %s", path, FolderVariable)
	case info.Mode().Perm()&0o022 != 0 || !mine(info):
		return fmt.Errorf("%s is open to other users, who could name servers of their own there: make it yours alone (chmod 700), or name another "+
			"folder in %s", path, FolderVariable)
	}
	return nil
}

// All are the processes that run, the one that started last first. A folder that is not there, or that others can
// write to, has none.
func All(runtime string) ([]Process, error) {
	if _, err := os.Lstat(runtime); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err := own(runtime); err != nil {
		return nil, fmt.Errorf("looking for what runs: %w", err)
	}
	inside, err := os.ReadDir(runtime)
	if err != nil {
		return nil, fmt.Errorf("looking for what runs: %w", err)
	}
	var all []Process
	for _, e := range inside {
		if p, ok := read(filepath.Join(runtime, e.Name())); ok {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b Process) int {
		return cmp.Or(b.Started.Compare(a.Started), cmp.Compare(a.Instance, b.Instance))
	})
	return all, nil
}

// read is what the process of a folder says; not ok where there is none any more. What a killed one left goes.
func read(directory string) (Process, bool) {
	path := filepath.Join(directory, entryFile)
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > entryBytesMax {
		return Process{}, false // it is just being made or taken away, or is none of ours
	}
	if unlock, err := folder.Lock(directory, 0o700); err == nil && folder.Locks {
		_ = os.RemoveAll(directory)
		_ = unlock()
		return Process{}, false
	}
	text, err := os.ReadFile(path)
	var p Process
	if err != nil || json.Unmarshal(text, &p) != nil || p.Instance != filepath.Base(directory) {
		return Process{}, false
	}
	return p, true
}

// Of are the processes that run a pipeline file, as their own or as a challenger's.
func Of(all []Process, path string) []Process {
	var found []Process
	for _, p := range all {
		if p.Config != "" && sameFile(p.Config, path) ||
			slices.ContainsFunc(p.Challengers, func(file string) bool { return sameFile(file, path) }) {
			found = append(found, p)
		}
	}
	return found
}

// sameFile reports whether two paths lead to one file, or are one where it is gone.
func sameFile(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}
