package keyed

import (
	"encoding/binary"
	"fmt"

	"millrace"
)

// blockReader reads a block of a checkpoint.
type blockReader struct {
	b   []byte
	err error
}

func (r *blockReader) fail(why string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: a checkpoint of windows with %s", millrace.ErrCorrupt, why)
		r.b = nil
	}
}

// take returns the next n bytes, nil after an error.
func (r *blockReader) take(n int) []byte {
	if len(r.b) < n {
		r.fail("a block that ends early")
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *blockReader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// uvarint reads a number of at most most.
func (r *blockReader) uvarint(most uint64) uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > most {
		r.fail("a number that is too large")
		return 0
	}
	r.b = r.b[n:]
	return v
}
