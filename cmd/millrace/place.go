package main

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"millrace/config"
)

// place is where a verb's file goes: whole, or not at all.
type place struct {
	path string
	out  io.Writer   // where no path was given
	file *os.File    // beside the path, until it is whole
	over bool        // a file that is there gives way to it
	mode fs.FileMode // of that one; 0 where there is none
	// direct: the path is a device or a pipe, which is written to as it is.
	direct bool
}

// newPlace tries a path before the work that fills it. A file that is there is kept.
func newPlace(path string, out io.Writer) (*place, error) {
	p := &place{path: path, out: out}
	if path == "" {
		return p, nil
	}
	if _, err := os.Lstat(path); err == nil {
		return nil, taken(path)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, config.UsageError{Err: fmt.Errorf("--out: %w", noPlace(path, err))}
	}
	var err error
	if p.file, err = beside(path); err != nil {
		return nil, config.UsageError{Err: fmt.Errorf("--out: %w", err)}
	}
	return p, nil
}

// replacing tries a path before the work that fills it, for a flag. A file that is there stays as it is until the new
// one is whole.
func replacing(flag, path string) (*place, error) {
	p := &place{path: path, over: true}
	fault := func(err error) (*place, error) { return nil, config.UsageError{Err: fmt.Errorf("--%s: %w", flag, err)} }
	if whole, err := filepath.EvalSymlinks(path); err == nil {
		p.path = whole // the link stays one
	}
	info, err := os.Stat(p.path)
	switch {
	case err == nil && info.IsDir():
		return nil, config.Usagef("--%s: %s is a folder: name a file in it", flag, path)
	case err == nil && !info.Mode().IsRegular():
		p.direct = true
		if p.file, err = os.OpenFile(p.path, os.O_WRONLY, 0); err != nil {
			return fault(err)
		}
		return p, nil
	case err == nil:
		p.mode = info.Mode().Perm()
	case !errors.Is(err, fs.ErrNotExist):
		return fault(noPlace(path, err))
	}
	if p.file, err = beside(p.path); err != nil {
		return fault(err)
	}
	return p, nil
}

// beside makes a file next to a path, for what will be there once it is whole. Its permissions are those of any file
// that the user makes, while os.CreateTemp's files are the owner's alone.
func beside(path string) (*os.File, error) {
	for {
		name := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%s.tmp", filepath.Base(path), rand.Text()[:10]))
		file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666) //nolint:gosec // as any file of the user's, by the umask
		switch {
		case err == nil:
			return file, nil
		case !errors.Is(err, fs.ErrExist):
			return nil, noPlace(path, err)
		}
	}
}

// noPlace is why no file can be written at a path.
func noPlace(path string, why error) error {
	return fmt.Errorf("no file can be written in %s: %w", filepath.Dir(path), cmp.Or(errors.Unwrap(why), why))
}

func taken(path string) error {
	return config.Usagef("--out: %s is there and is not overwritten: remove it, or name another file", path)
}

// write puts the whole file where it belongs.
func (p *place) write(text []byte) error {
	if _, err := p.writer().Write(text); err != nil {
		return fmt.Errorf("writing %s: %w", cmp.Or(p.path, "to standard output"), err)
	}
	return p.keep()
}

// writer is what the file's text is written to, piece by piece, before keep.
func (p *place) writer() io.Writer {
	if p.path == "" {
		return p.out
	}
	return p.file
}

// keep puts the file, which is whole, where it belongs.
func (p *place) keep() (err error) {
	if p.path == "" {
		return nil
	}
	defer func() {
		if err != nil && !errors.As(err, new(config.UsageError)) {
			err = fmt.Errorf("writing %s: %w", p.path, err)
		}
	}()
	if p.direct {
		return p.file.Close()
	}
	if p.mode != 0 {
		err = p.file.Chmod(p.mode)
	}
	if err := errors.Join(err, p.file.Sync(), p.file.Close()); err != nil {
		return err
	}
	if p.over {
		return os.Rename(p.file.Name(), p.path)
	}
	// A link, other than a rename, never takes the place of a file that came meanwhile.
	err = os.Link(p.file.Name(), p.path)
	switch {
	case errors.Is(err, fs.ErrExist):
		return taken(p.path)
	case err != nil: // a file system without links
		if _, err := os.Lstat(p.path); err == nil {
			return taken(p.path)
		}
		return os.Rename(p.file.Name(), p.path)
	}
	return nil
}

// drop removes what is not whole. It may be called after write, and of nil.
func (p *place) drop() {
	if p == nil || p.file == nil {
		return
	}
	_ = p.file.Close() // it was closed, or is of no use
	if p.direct {
		return
	}
	_ = os.Remove(p.file.Name()) // it became the file, or is in nobody's way: its name starts with a dot
}
