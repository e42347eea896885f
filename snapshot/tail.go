package snapshot

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"millrace"
)

// NewTailedLayout plans the blobs as NewLayout does, with room at the end of the training blob for a tail: one U8
// tensor of the given full name, as long as it happens to be, at most [TailBytesMax]. Blobs without it, as they were
// before there was one, are restored with an empty tail.
func NewTailedLayout(metadata map[string]string, tail string, parts ...Part) (*Layout, error) {
	if tail == "" {
		return nil, errors.New("planning a tail: it has no name")
	}
	return newLayout(metadata, tail, parts, !nativeLittleEndian())
}

// tailedHeader is the header of a blob without a tail, padded with spaces to the length that it has with the longest.
// So the tensors' places do not depend on the tail. offset is where the tensors end.
func (b *plan) tailedHeader(offset int) []byte {
	header := encodeHeader(b.metadata, b.tensors)
	return pad(header, len(encodeHeader(b.metadata, b.withTail(offset, TailBytesMax))))
}

// withTail are the blob's tensors, with offsets as encodeHeader wants them, and a tail of n bytes behind them.
func (b *plan) withTail(offset, n int) []planned {
	return append(slices.Clone(b.tensors), planned{name: b.tail, dtype: U8, shape: []int{n}, begin: offset, end: offset + n})
}

// pad lengthens a header to n bytes, as encodeHeader does to a multiple of 8.
func pad(header []byte, n int) []byte {
	for len(header) < n {
		header = append(header, ' ')
	}
	binary.LittleEndian.PutUint64(header, uint64(len(header)-8))
	return header
}

// SetTail ends the training blob with a copy of tail, in place of the one it has; an empty one takes that away. It
// allocates only where the buffer has not held as much yet, and a new header. The layout must have been planned with a
// tail. One of more than [TailBytesMax] is refused.
func (b *Buffer) SetTail(tail []byte) error {
	if b.tails == nil {
		panic("snapshot: the layout was planned without a tail")
	}
	b.cutTail()
	if len(tail) == 0 {
		return nil
	}
	if len(tail) > TailBytesMax {
		return fmt.Errorf("setting tail %q: %d bytes, more than %d", b.tails.tail, len(tail), TailBytesMax)
	}
	room := len(b.tails.header)
	tensors := b.tails.withTail(b.tails.size, len(tail))
	for i := range tensors {
		tensors[i].begin -= room
		tensors[i].end -= room
	}
	blob := b.blobs[millrace.Training]
	copy(blob, pad(encodeHeader(b.tails.metadata, tensors), room))
	b.blobs[millrace.Training] = append(blob, tail...)
	return nil
}

// cutTail leaves the training blob as it is without a tail.
func (b *Buffer) cutTail() {
	if b.tails == nil {
		return
	}
	blob := b.blobs[millrace.Training][:b.tails.size]
	copy(blob, b.tails.header)
	b.blobs[millrace.Training] = blob
}

// Tail is the tail that the last Restore found, nil when there was none. It aliases the training blob of then.
func (l *Layout) Tail() []byte { return l.tail }

// SkipTail has Restore pass over a tail of the given name, of a layout that has none.
func (l *Layout) SkipTail(name string) { l.blobs[millrace.Training].skipped = name }

// splitTail takes the tail from a blob's tensors: data is nil when there is none. What has its name but not its
// form is left for compare to refuse.
func (b *plan) splitTail(tensors []FileTensor) (others []FileTensor, data []byte) {
	name := cmp.Or(b.tail, b.skipped)
	last := len(tensors) - 1
	if name == "" || last < 0 {
		return tensors, nil
	}
	t := tensors[last]
	switch {
	case t.Name != name || t.DType != U8 || len(t.Shape) != 1 || len(t.Data) > TailBytesMax:
		return tensors, nil
	case b.tail == "":
		return tensors[:last], nil
	}
	return tensors[:last], t.Data
}
