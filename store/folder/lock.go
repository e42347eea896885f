//go:build unix

package folder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Locks says that a lock dies with its process.
const Locks = true

// Lock makes this process the only user of a folder, which it creates with the given mode. The kernel gives the
// lock back when the process dies, however it dies; the file stays and means nothing by itself.
func Lock(directory string, mode os.FileMode) (unlock func() error, err error) {
	if err := os.MkdirAll(directory, mode); err != nil {
		return nil, fmt.Errorf("creating folder: %w", err)
	}
	path := filepath.Join(directory, "lock")
	if err := odd(path, "move it away"); err != nil {
		return nil, fmt.Errorf("opening lock file: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening lock file: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder := "another process"
		// The file names its holder for people; it may have no time to, so what it says is a hint only.
		if text, readErr := os.ReadFile(path); readErr == nil && len(text) > 0 && len(text) < 32 {
			holder = "process " + strings.TrimSpace(string(text))
		}
		return nil, &InUseError{Directory: directory, Holder: holder, Err: errors.Join(err, f.Close())}
	}
	// Where that cannot be written, as the disk is full, the lock is one all the same.
	if n, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err == nil {
		_ = f.Truncate(int64(n))
	}
	return f.Close, nil
}
