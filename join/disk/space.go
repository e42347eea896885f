package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"millrace"
)

// Space is what there is for a store's files, in bytes.
type Space struct {
	Free  int64 // of the file system, for this user
	Taken int64 // by the store's own files, or what a process that was killed left of them
}

// SpaceOf is the space for a store in a pipeline's state folder, which need not be there yet. The error wraps
// errors.ErrUnsupported where the system cannot be asked.
func SpaceOf(state string) (Space, error) {
	var s Space
	files, err := os.ReadDir(filepath.Join(state, folderName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("looking at the store of what waits: %w", err)
	}
	for _, f := range files {
		info, err := f.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // a learner at work deletes them
		}
		if err != nil {
			return s, fmt.Errorf("looking at the store of what waits: %w", err)
		}
		s.Taken += info.Size()
	}
	at, err := existing(state)
	if err != nil {
		return s, err
	}
	s.Free, err = free(at)
	return s, err
}

// existing is the folder, or the nearest above it that is there.
func existing(folder string) (string, error) {
	at, err := filepath.Abs(folder)
	if err != nil {
		return "", fmt.Errorf("looking for the state folder: %w", err)
	}
	for {
		_, err := os.Stat(at)
		above := filepath.Dir(at)
		if !errors.Is(err, fs.ErrNotExist) || above == at {
			return at, err
		}
		at = above
	}
}

// advised is an error of writing, with what to do when the disk is full.
func (s *Store) advised(err error) error {
	if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
		return err
	}
	return fmt.Errorf("%w: the disk of the state folder is full, though join.disk (%s) is not: make room there, or lower join.disk "+
		"so that the oldest become what label.missing says before; nothing that waits is lost, the next start reads it from the log",
		err, millrace.Bytes(s.limits.Room))
}
