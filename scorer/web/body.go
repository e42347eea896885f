package web

import (
	"errors"
	"io"
	"net/http"
	"slices"
)

const (
	// bytesFree of a body count for nothing, so that usual events are answered also while others fill the bound.
	bytesFree = 4 << 10
	// bytesKept is the largest buffer that waits for the next request.
	bytesKept = 64 << 10
)

var errBusy = errors.New("too many large events are being read; try again")

// body is one request's event while it is read. Its buffer grows with what has come, never with what was announced.
type body struct {
	h       *Handler
	buffer  *[]byte // the pool's
	data    []byte
	counted int64 // bytes taken of Handler.inFlight
}

func (h *Handler) body() *body {
	buffer := h.bodies.Get().(*[]byte) //nolint:forcetypeassert // the pool makes nothing else
	return &body{h: h, buffer: buffer, data: (*buffer)[:0]}
}

// read reads the whole event, or the events of a request that has several.
func (b *body) read(w http.ResponseWriter, r *http.Request) error {
	from := http.MaxBytesReader(w, r.Body, max(b.h.o.EventBytesMax, manyBytesMax))
	kind := r.Header.Get("Content-Type")
	for several := false; ; {
		allowed := bytesFree + int(b.counted)
		if len(b.data) == allowed {
			if !b.h.inFlight.TryAcquire(int64(allowed)) {
				return errBusy
			}
			b.counted += int64(allowed)
			allowed *= 2
		}
		if len(b.data) == cap(b.data) {
			b.data = slices.Grow(b.data, len(b.data))
		}
		n, err := from.Read(b.data[len(b.data):min(cap(b.data), allowed)])
		b.data = b.data[:len(b.data)+n]
		if !several && int64(len(b.data)) > b.h.o.EventBytesMax {
			if several = shapeOf(kind, b.data) != single; !several {
				w.Header().Set("Connection", "close") // the rest is not read
				return &http.MaxBytesError{Limit: b.h.o.EventBytesMax}
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// release gives back what the body holds.
func (b *body) release() {
	b.h.inFlight.Release(b.counted)
	if cap(b.data) <= bytesKept {
		*b.buffer = b.data[:0]
	}
	b.h.bodies.Put(b.buffer)
}
