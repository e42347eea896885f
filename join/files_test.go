package join

import (
	"bytes"
	"errors"
	"io/fs"

	"millrace/join/disk"
)

var errFull = errors.New("no space left on device")

// memory has files that touch no disk, and fail after a while when they are told to: a write, or a bit of a read.
type memory struct {
	files map[string]*memoryFile
	fails bool
	flips bool
	after int // so many operations; below 0 they have failed
}

type memoryFile struct {
	bytes.Buffer
	of *memory
}

func (m *memory) Create(name string) (disk.File, error) {
	if m.files == nil {
		m.files = map[string]*memoryFile{}
	}
	if m.files[name] != nil {
		return nil, fs.ErrExist
	}
	m.files[name] = &memoryFile{of: m}
	return m.files[name], nil
}

func (m *memory) Remove(name string) error {
	if m.files[name] == nil {
		return fs.ErrNotExist
	}
	delete(m.files, name)
	return nil
}

// fail is whether an operation fails.
func (m *memory) fail(flip bool) bool {
	if !m.fails || m.flips != flip || m.after < 0 {
		return false
	}
	m.after--
	return m.after < 0
}

func (f *memoryFile) Write(b []byte) (int, error) {
	if f.of.fail(false) {
		return 0, errFull
	}
	return f.Buffer.Write(b)
}

func (f *memoryFile) ReadAt(b []byte, at int64) (int, error) {
	if at > int64(f.Len()) {
		return 0, errors.New("a read behind the end")
	}
	n, err := bytes.NewReader(f.Bytes()).ReadAt(b, at)
	if n > 0 && f.of.fail(true) {
		b[n/2] ^= 16
	}
	return n, err
}

func (f *memoryFile) Close() error { return nil }
