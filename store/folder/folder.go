// Package folder keeps a copy of a pipeline's newest version in a folder of local files, so that a store that has lost
// its data can be filled again, and checkpoints of its state by key.
package folder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"millrace"
	"millrace/snapshot"
)

// newest is the file of the copy: a snapshot file, as train --out writes and snapshots import reads.
const newest = "newest.millrace"

// Folder is one pipeline's folder: <state>/<pipeline>, this user's alone and locked for as long as it is open.
type Folder struct {
	path   string
	unlock func() error
	told   func(path string, what error)
	newest atomic.Int32 // what is known of the newest checkpoint, see isUnknown
}

// Open creates and locks the pipeline's folder below state. A second process is refused, which names the first. told is
// told of what is odd in the folder and was dealt with, or harms nothing.
func Open(state, pipeline string, told func(path string, what error)) (*Folder, error) {
	path := filepath.Join(state, pipeline)
	unlock, err := Lock(path, 0o700)
	if err != nil {
		return nil, fmt.Errorf("opening the state of %s: %w", pipeline, advised(err))
	}
	f := &Folder{path: path, unlock: unlock, told: told}
	files, err := os.ReadDir(path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the state of %s: %w", pipeline, advised(err)), f.Close())
	}
	// Who was killed while it wrote a copy has left that behind, and nobody else writes here.
	for _, file := range files {
		if name := file.Name(); strings.HasPrefix(name, ".") && strings.HasSuffix(name, ".tmp") {
			if err := os.Remove(filepath.Join(path, name)); err != nil {
				told(filepath.Join(path, name), fmt.Errorf("what was left half written cannot be deleted, and is in nobody's way: %w", err))
			}
		}
	}
	return f, nil
}

// Folder is where the pipeline may keep what is its own, and lost without harm.
func (f *Folder) Folder() string { return f.path }

// Path is where the copy is, or will be.
func (f *Folder) Path() string { return filepath.Join(f.path, newest) }

// Keep makes a version the copy, in place of the one before. It is whole and on disk when Keep returns; whatever
// happens meanwhile, one of the two is there.
func (f *Folder) Keep(s *millrace.Snapshot) error {
	err := f.makeWay(f.Path())
	if err == nil {
		err = snapshot.WriteFile(f.Path(), *s)
	}
	if err != nil {
		return fmt.Errorf("keeping a copy of version %d: %w", s.Manifest.Seq, advised(err))
	}
	return nil
}

// Newest is the copy, verified; millrace.ErrNoSnapshot when there is none.
func (f *Folder) Newest() (millrace.Snapshot, error) {
	if err := odd(f.Path(), takesItsPlace); err != nil {
		return millrace.Snapshot{}, fmt.Errorf("reading the copy: %w", err)
	}
	s, err := snapshot.ReadFile(f.Path())
	if errors.Is(err, os.ErrNotExist) {
		return s, fmt.Errorf("%w in %s", millrace.ErrNoSnapshot, f.path)
	}
	return s, advised(err)
}

// Close gives the folder back.
func (f *Folder) Close() error {
	if err := f.unlock(); err != nil {
		return fmt.Errorf("closing the state folder %s: %w", f.path, err)
	}
	return nil
}
