package consumers

import (
	"encoding/binary"
	"io"
)

// wire reads an answer's fields off a connection. After an error it answers zeroes.
type wire struct {
	r       io.Reader
	remain  int
	err     error
	scratch [8]byte
}

func (w *wire) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *wire) take(n int) []byte {
	b := w.scratch[:n]
	if w.err == nil && n > w.remain {
		w.err = io.ErrUnexpectedEOF
	}
	if w.err == nil {
		_, w.err = io.ReadFull(w.r, b)
		w.remain -= n
	}
	if w.err != nil {
		clear(b)
	}
	return b
}

func (w *wire) int16() int16 { return int16(binary.BigEndian.Uint16(w.take(2))) }
func (w *wire) int32() int32 { return int32(binary.BigEndian.Uint32(w.take(4))) }
func (w *wire) int64() int64 { return int64(binary.BigEndian.Uint64(w.take(8))) }

// count reads an array's length; null is 0. Every element takes a byte or more.
func (w *wire) count() int {
	n := int(w.int32())
	if n > w.remain {
		w.fail(io.ErrUnexpectedEOF)
		return 0
	}
	return max(n, 0)
}

func (w *wire) string() string {
	n := int(w.int16())
	if n <= 0 || n > w.remain || w.err != nil {
		return ""
	}
	b := make([]byte, n)
	_, err := io.ReadFull(w.r, b)
	w.remain -= n
	w.fail(err)
	return string(b)
}

func (w *wire) skip(n int) {
	if w.err == nil && n > 0 {
		_, err := io.CopyN(io.Discard, w.r, int64(n))
		w.remain -= n
		w.fail(err)
	}
}
