package consumers

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
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

// begin reads an answer's size and checks what it answers to.
func (w *wire) begin(sizeMax int) {
	w.remain = 4
	n := int(w.int32())
	if w.err == nil && (n < 4 || n > sizeMax) {
		w.err = fmt.Errorf("answer of %d bytes", n)
		return
	}
	w.remain = n
	if got := w.int32(); got != correlation {
		w.fail(fmt.Errorf("answer to request %d instead of %d", got, correlation))
	}
}

// uvarint reads an unsigned number of at most 32 bits, as flexible versions write lengths.
func (w *wire) uvarint() uint32 {
	var n uint64
	for shift := 0; shift < 35; shift += 7 {
		b := w.take(1)[0]
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			if n <= math.MaxUint32 {
				return uint32(n)
			}
			break
		}
	}
	w.fail(errors.New("a number has too many digits"))
	return 0
}

// length reads the length of what flexible versions write: of null it is -1.
func (w *wire) length() int {
	n := int64(w.uvarint()) - 1
	if n > int64(w.remain) {
		w.fail(io.ErrUnexpectedEOF)
		return -1
	}
	return int(n)
}

// compactCount is count, in flexible versions.
func (w *wire) compactCount() int { return max(w.length(), 0) }

// compactString is string, in flexible versions.
func (w *wire) compactString() string { return w.text(w.length()) }

func (w *wire) uuid(id *topicID) {
	copy(id[:8], w.take(8))
	copy(id[8:], w.take(8))
}

// tags passes over the fields that flexible versions may add anywhere.
func (w *wire) tags() {
	for n := w.uvarint(); n > 0 && w.err == nil; n-- {
		w.uvarint() // which
		size := w.uvarint()
		if int64(size) > int64(w.remain) {
			w.fail(io.ErrUnexpectedEOF)
			return
		}
		w.skip(int(size))
	}
}

func (w *wire) string() string { return w.text(int(w.int16())) }

func (w *wire) text(n int) string {
	if n > w.remain {
		w.fail(io.ErrUnexpectedEOF)
	}
	if n <= 0 || w.err != nil {
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
