package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	// StdinPath is the path of standard input.
	StdinPath = "-"
	// StdinName is what faults call it.
	StdinName = "stdin"
	// SpoolBytesMax of standard input are kept to be read again: more is a mistake, or better a file.
	SpoolBytesMax = 64 << 30
)

// Stdin is standard input as a file. It can be read once, and as often as one likes after Spool. Its methods belong to
// one goroutine, what it opens to any.
type Stdin struct {
	in    io.Reader
	taken bool
	spool *os.File
	size  int64
}

// NewStdin makes a file of what can be read.
func NewStdin(in io.Reader) *Stdin { return &Stdin{in: in} }

// Spool copies all that comes to a file in the temporary folder, so that it can be read again, and answers how many
// bytes these are. Nobody else finds the file, for it has no name, and it is gone when the process is. What is longer
// than most bytes is refused.
func (s *Stdin) Spool(ctx context.Context, most int64) (int64, error) {
	if s == nil || s.taken {
		return 0, errors.New("reading standard input: it was read before")
	}
	if s.spool != nil {
		return s.size, nil
	}
	file, err := os.CreateTemp("", "millrace-stdin-*")
	if err != nil {
		return 0, fmt.Errorf("keeping standard input: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		return 0, errors.Join(fmt.Errorf("keeping standard input: %w", err), file.Close())
	}
	s.taken = true
	n, err := io.Copy(file, io.LimitReader(&within{ctx, s.in}, most+1))
	if err == nil && n > most {
		err = fmt.Errorf("more than %d bytes: write it to a file", most)
	}
	if err != nil {
		return 0, errors.Join(fmt.Errorf("keeping standard input in %s: %w", os.TempDir(), err), file.Close())
	}
	s.spool, s.size, s.taken = file, n, false
	return n, nil
}

// within ends reading with a context, between two reads.
type within struct {
	ctx context.Context
	in  io.Reader
}

func (w *within) Read(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.in.Read(p)
}

// spooled reports whether it can be read again.
func (s *Stdin) spooled() bool { return s != nil && s.spool != nil }

// open gives all of it: the only time, or once more.
func (s *Stdin) open() (*stream, error) {
	switch {
	case s == nil:
		return nil, errors.New("opening data: there is no standard input here: name a file")
	case s.spool != nil:
		all := io.NewSectionReader(s.spool, 0, s.size)
		return &stream{Reader: all, at: s.spool, size: s.size}, nil
	case s.taken:
		return nil, errors.New("opening data: standard input was read before: it comes only once")
	}
	s.taken = true
	return &stream{Reader: s.in}, nil
}
