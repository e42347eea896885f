package disk

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Files are where a store has its segments. A test makes some that fail.
type Files interface {
	// Create makes a file, which is new, to be written once from its beginning and then read anywhere.
	Create(name string) (File, error)
	Remove(name string) error
}

// File is one of them.
type File interface {
	io.Writer
	io.ReaderAt
	io.Closer
}

// folder is one of the operating system's.
type folder struct{ path string }

func (f folder) Create(name string) (File, error) {
	file, err := os.OpenFile(filepath.Join(f.path, name), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err // not a nil *os.File that would not be nil
	}
	return file, nil
}

func (f folder) Remove(name string) error { return os.Remove(filepath.Join(f.path, name)) }

// folderName is the store's folder within a pipeline's state.
const folderName = "waiting"

// empty makes the store's folder, without what a process that was killed left there.
func empty(state string) (folder, error) {
	f := folder{filepath.Join(state, folderName)}
	if err := os.RemoveAll(f.path); err != nil {
		return f, fmt.Errorf("emptying the store of what waits: %w", err)
	}
	if err := os.MkdirAll(f.path, 0o700); err != nil {
		return f, fmt.Errorf("making the store of what waits: %w", err)
	}
	return f, nil
}
