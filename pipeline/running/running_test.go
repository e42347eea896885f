package running

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"millrace/pipeline/status"
)

func process(name, config string) Process {
	return Process{Instance: name, Pipeline: "p", Config: config, Cluster: "c", Addresses: status.Addresses{Admin: "127.0.0.1:1"}, PID: os.Getpid(),
		Started: time.Unix(int64(len(name)), 0)}
}

// TestAnnounce: what was said is found while its process lives, changed whole, and gone with it.
func TestAnnounce(t *testing.T) {
	runtime := filepath.Join(t.TempDir(), "run", "millrace")
	if all, err := All(runtime); len(all) != 0 || err != nil {
		t.Fatalf("before anything ran: %v, %v", all, err)
	}
	first, err := Announce(runtime, process("one", "/a.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := Announce(runtime, process("second", "/b.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	more := process("second", "/b.yaml")
	more.Addresses.Score = "127.0.0.1:2"
	if err := second.Update(more); err != nil {
		t.Fatal(err)
	}
	all, err := All(runtime)
	if err != nil || len(all) != 2 || all[0].Addresses.Score != "127.0.0.1:2" || all[1].Instance != "one" {
		t.Fatalf("two run: %+v, %v", all, err)
	}
	if of := Of(all, "/a.yaml"); len(of) != 1 || of[0].Instance != "one" {
		t.Errorf("of /a.yaml: %+v", of)
	}
	if info, err := os.Stat(runtime); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v", info.Mode(), err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if all, err = All(runtime); err != nil || len(all) != 1 {
		t.Errorf("one has ended: %+v, %v", all, err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(runtime); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestRenew: what somebody has taken away of a notice is made again, whatever of it was taken; what is left of old is
// made young.
func TestRenew(t *testing.T) {
	runtime := filepath.Join(t.TempDir(), "millrace")
	notice, err := Announce(runtime, process("one", "/a.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	directory := filepath.Join(runtime, "one")
	for what, path := range map[string]string{"nothing": "", "all": runtime, "its folder": directory, "what it says": filepath.Join(directory, entryFile),
		"its lock": filepath.Join(directory, "lock")} {
		if path != "" {
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
		}
		again, err := notice.Renew(time.Now())
		if again != (path != "") || err != nil {
			t.Errorf("%s was taken away: again %v, %v", what, again, err)
		}
		for range 2 { // whoever looks first might take away what nobody has the lock of
			if all, err := All(runtime); err != nil || len(all) != 1 || all[0].Config != "/a.yaml" {
				t.Fatalf("%s was taken away: found %+v, %v", what, all, err)
			}
		}
	}
	old := time.Now().Add(-2 * youngAge)
	for _, path := range []string{directory, filepath.Join(directory, "lock"), filepath.Join(directory, entryFile)} {
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	if again, err := notice.Renew(time.Now()); again || err != nil {
		t.Errorf("old: %v, %v", again, err)
	}
	for _, path := range []string{directory, filepath.Join(directory, "lock"), filepath.Join(directory, entryFile)} {
		if info, err := os.Stat(path); err != nil || time.Since(info.ModTime()) > youngAge {
			t.Errorf("%s is still old: %v", path, err)
		}
	}
	if err := notice.Close(); err != nil {
		t.Fatal(err)
	}
	if again, err := notice.Renew(time.Now()); again || err != nil {
		t.Errorf("closed: %v, %v", again, err)
	}
	if all, err := All(runtime); err != nil || len(all) != 0 {
		t.Errorf("closed: %+v, %v", all, err)
	}
}

// TestKilledProcess: what a killed process left is not believed, and taken away.
func TestKilledProcess(t *testing.T) {
	const child = "MILLRACE_TEST_ANNOUNCE"
	if runtime := os.Getenv(child); runtime != "" {
		if _, err := Announce(runtime, process("child", "/a.yaml")); err != nil {
			t.Fatal(err)
		}
		fmt.Println("announced")
		select {}
	}
	runtime := filepath.Join(t.TempDir(), "millrace")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run", "^TestKilledProcess$")
	cmd.Env = append(os.Environ(), child+"="+runtime)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "announced"; {
	}
	if all, err := All(runtime); err != nil || len(all) != 1 {
		t.Errorf("while it lives: %+v, %v", all, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	if _, err := os.Stat(filepath.Join(runtime, "child", entryFile)); err != nil {
		t.Fatalf("the killed process left nothing, so this tests nothing: %v", err)
	}
	if all, err := All(runtime); err != nil || len(all) != 0 {
		t.Errorf("after it was killed: %+v, %v", all, err)
	}
	if _, err := os.Stat(filepath.Join(runtime, "child")); !os.IsNotExist(err) {
		t.Errorf("what it left is still there: %v", err)
	}
}

// TestReadableFolder: a folder that others can only read is used, by those who announce and those who look; what a
// process says there is still for this user alone.
func TestReadableFolder(t *testing.T) {
	readable := filepath.Join(t.TempDir(), "readable")
	if err := os.Mkdir(readable, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(readable, 0o755); err != nil {
		t.Fatal(err)
	}
	notice, err := Announce(readable, process("one", "/a.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if all, err := All(readable); err != nil || len(all) != 1 {
		t.Errorf("found %+v, %v", all, err)
	}
	if info, err := os.Stat(filepath.Join(readable, "one")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("its own folder: %v, %v", info.Mode(), err)
	}
	if err := notice.Close(); err != nil {
		t.Error(err)
	}
}

// TestOpenFolder: a folder that others can write to is neither believed nor used.
func TestOpenFolder(t *testing.T) {
	open := filepath.Join(t.TempDir(), "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{open, link} {
		if _, err := Announce(path, process("one", "")); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("announcing in %s: %v", path, err)
		}
		if _, err := All(path); err == nil || !strings.Contains(err.Error(), FolderVariable) {
			t.Errorf("looking in %s: %v", path, err)
		}
	}
}

// TestFolder: what is named, then the user's runtime folder, then one of the user's own.
func TestFolder(t *testing.T) {
	there := t.TempDir()
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{FolderVariable: "/x", "XDG_RUNTIME_DIR": there}, "/x"},
		{map[string]string{"XDG_RUNTIME_DIR": there}, filepath.Join(there, "millrace")},
		{map[string]string{"XDG_RUNTIME_DIR": filepath.Join(there, "gone")}, fmt.Sprintf("%s/millrace-%d", os.TempDir(), os.Getuid())},
	} {
		got := Folder(func(name string) (string, bool) { v, ok := c.env[name]; return v, ok })
		if got != c.want {
			t.Errorf("%v: %s, want %s", c.env, got, c.want)
		}
	}
}

// TestSameFile: a path by another way is the same file.
func TestSameFile(t *testing.T) {
	directory := t.TempDir()
	path, link := filepath.Join(directory, "a.yaml"), filepath.Join(directory, "b.yaml")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	all := []Process{process("one", path)}
	beside := []Process{{Config: filepath.Join(directory, "champion.yaml"), Challengers: []string{filepath.Join(directory, "a.yaml")}}}
	if len(Of(beside, link)) != 1 || len(Of(beside, filepath.Join(directory, "c.yaml"))) != 0 {
		t.Errorf("of a challenger's file: %v, of none: %v", Of(beside, link), Of(beside, filepath.Join(directory, "c.yaml")))
	}
	if len(Of(all, link)) != 1 || len(Of(all, directory+"/./a.yaml")) != 1 || len(Of(all, filepath.Join(directory, "c.yaml"))) != 0 {
		t.Error("a link is the same file, another name is not")
	}
}
