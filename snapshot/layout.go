package snapshot

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"millrace"
)

// Part is one component whose state goes into the blobs. Its tensors are named Prefix + "." + name,
// or just name when Prefix is empty.
type Part struct {
	Prefix string
	State  millrace.Stateful
}

// planned is one tensor's place in a blob.
type planned struct {
	name       string
	dtype      DType
	shape      []int
	begin, end int // bytes from the start of the blob, header included
	tensor     millrace.Tensor
	raw        []byte // the tensor's memory; nil where it must be converted
	made       []byte // of an added tensor, which older blobs lack: what it held when it was planned
}

type plan struct {
	tensors  []planned
	header   []byte // with its length before it and its padding behind it
	size     int    // of the whole blob, without a tail
	metadata map[string]string
	tail     string   // name of the tensor of varying length behind the others; empty for none
	skipped  string   // name of a tail that is passed over when it is there
	dropped  []string // what begins the names of tensors that are passed over when they are there
}

// Layout is the plan of both blobs, made once: headers, offsets and where in live memory each
// tensor stands. It holds on to the slices that State named at planning, so components must keep
// their tensors in the same memory for good; Restore checks that they did.
type Layout struct {
	parts []Part
	blobs [2]plan // indexed by millrace.Role
	tail  []byte  // what the last Restore found, see Tail
}

// Buffer holds the bytes of both blobs. A snapshot in flight owns one, so a learner that goes on
// learning meanwhile needs two.
type Buffer struct {
	blobs [2][]byte
	tails *plan // of the training blob when it may have a tail; nil otherwise
}

// NewLayout plans the blobs of the given parts; both carry the metadata. It refuses names that are
// empty, too long, not UTF-8 or used twice, tensors whose slice and shape differ, headers over
// [HeaderBytesMax] and blobs over [BlobBytesMax].
func NewLayout(metadata map[string]string, parts ...Part) (*Layout, error) {
	return newLayout(metadata, "", parts, !nativeLittleEndian())
}

func newLayout(metadata map[string]string, tail string, parts []Part, portable bool) (*Layout, error) {
	l := &Layout{parts: parts}
	l.blobs[millrace.Training].tail = tail
	var errs []error
	names := map[string]bool{}
	if tail != "" {
		errs = append(errs, checkName(tail))
		names[tail] = true
	}
	l.visit(func(name string, t millrace.Tensor, role millrace.Role) {
		p, err := planTensor(name, t, portable)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("planning tensor %.300q: %w", name, err))
			return
		case names[name]:
			errs = append(errs, fmt.Errorf("planning tensor %q: the name is used twice", name))
			return
		case role > millrace.Training:
			errs = append(errs, fmt.Errorf("planning tensor %q: unknown role %d", name, role))
			return
		}
		names[name] = true
		l.blobs[role].tensors = append(l.blobs[role].tensors, p)
	})
	for role := range l.blobs {
		if err := l.blobs[role].place(metadata); err != nil {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return l, nil
}

// Drop has Restore pass over tensors of a snapshot whose names begin with one of these and which the layout lacks: of
// what can be added to a pipeline, changed and taken away again without learning anew.
func (l *Layout) Drop(prefixes ...string) {
	for role := range l.blobs {
		l.blobs[role].dropped = prefixes
	}
}

func fullName(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

// visit calls f for every tensor of every part, under its full name.
func (l *Layout) visit(f func(name string, t millrace.Tensor, role millrace.Role)) {
	for _, part := range l.parts {
		part.State.State(func(name string, t millrace.Tensor, role millrace.Role) {
			f(fullName(part.Prefix, name), t, role)
		})
	}
}

func checkName(name string) error {
	switch {
	case name == "" || len(name) > NameBytesMax:
		return fmt.Errorf("a name has 1 to %d bytes, not %d", NameBytesMax, len(name))
	case name == metadataKey || strings.HasPrefix(name, ".") || strings.HasSuffix(name, "."):
		return errors.New("a name is not __metadata__ and has no dot at its ends")
	case !utf8.ValidString(name):
		return errors.New("the name is not UTF-8")
	}
	return nil
}

func planTensor(name string, t millrace.Tensor, portable bool) (planned, error) {
	p := planned{name: name, shape: slices.Clone(t.Shape), tensor: t}
	if err := checkName(name); err != nil {
		return p, err
	}
	dtype, length, err := tensorType(&t)
	if err != nil {
		return p, err
	}
	n, err := elements(t.Shape)
	if err != nil {
		return p, err
	}
	if n != length {
		return p, fmt.Errorf("shape %v has %d elements, its slice %d", t.Shape, n, length)
	}
	p.dtype = dtype
	if !portable {
		p.raw = rawBytes(&t)
	}
	if t.Added {
		p.made = make([]byte, n*dtype.Size())
		putPortable(p.made, &t)
	}
	return p, nil
}

// place orders the tensors, writes the header and fixes the offsets. Wide elements come first, so
// that every tensor is aligned to its element size without a gap; names decide among equals, so the
// bytes do not depend on the order of visiting.
func (b *plan) place(metadata map[string]string) error {
	slices.SortFunc(b.tensors, func(x, y planned) int {
		return cmp.Or(cmp.Compare(y.dtype.Size(), x.dtype.Size()), cmp.Compare(x.name, y.name))
	})
	offset := 0
	for i := range b.tensors {
		t := &b.tensors[i]
		n, _ := elements(t.shape) // checked when it was planned
		t.begin, t.end = offset, offset+n*t.dtype.Size()
		offset = t.end
		if offset > BlobBytesMax {
			return fmt.Errorf("placing tensor %q: the blob exceeds %d bytes", t.name, BlobBytesMax)
		}
	}
	b.metadata = metadata
	bytesMax := BlobBytesMax
	if b.tail == "" {
		b.header = encodeHeader(metadata, b.tensors)
	} else {
		b.header = b.tailedHeader(offset)
		bytesMax -= TailBytesMax
	}
	if len(b.header)-8 > HeaderBytesMax {
		return fmt.Errorf("planning header: %d bytes, more than %d", len(b.header)-8, HeaderBytesMax)
	}
	b.size = len(b.header) + offset
	if b.size > bytesMax {
		return fmt.Errorf("planning blob: %d bytes, more than %d", b.size, bytesMax)
	}
	for i := range b.tensors {
		b.tensors[i].begin += len(b.header)
		b.tensors[i].end += len(b.header)
	}
	return nil
}

// encodeHeader writes length, JSON and padding. Offsets in it count from the header's end; the
// padding is spaces, as the format asks, up to the next multiple of 8.
func encodeHeader(metadata map[string]string, tensors []planned) []byte {
	h := append(make([]byte, 8), '{')
	if len(metadata) > 0 {
		h = append(appendString(h, metadataKey), ":{"...)
		keys := make([]string, 0, len(metadata))
		for key := range metadata {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for i, key := range keys {
			if i > 0 {
				h = append(h, ',')
			}
			h = append(appendString(h, strings.ToValidUTF8(key, "\ufffd")), ':')
			h = appendString(h, strings.ToValidUTF8(metadata[key], "\ufffd"))
		}
		h = append(h, '}')
	}
	for _, t := range tensors {
		if h[len(h)-1] != '{' {
			h = append(h, ',')
		}
		h = append(appendString(h, t.name), `:{"dtype":`...)
		h = append(appendString(h, string(t.dtype)), `,"shape":[`...)
		for i, side := range t.shape {
			if i > 0 {
				h = append(h, ',')
			}
			h = fmt.Appendf(h, "%d", side)
		}
		h = fmt.Appendf(h, `],"data_offsets":[%d,%d]}`, t.begin, t.end)
	}
	h = append(h, '}')
	for len(h)%8 != 0 {
		h = append(h, ' ')
	}
	binary.LittleEndian.PutUint64(h, uint64(len(h)-8))
	return h
}

// Bytes is the size of every snapshot of this layout, both blobs together, without the tail.
func (l *Layout) Bytes() int64 {
	return int64(l.blobs[millrace.Serving].size + l.blobs[millrace.Training].size)
}

// NewBuffer allocates both blobs with their headers in place.
func (l *Layout) NewBuffer() *Buffer {
	b := &Buffer{}
	for role := range l.blobs {
		b.blobs[role] = make([]byte, l.blobs[role].size)
		copy(b.blobs[role], l.blobs[role].header)
		if l.blobs[role].tail != "" {
			b.tails = &l.blobs[role]
		}
	}
	return b
}

// Copy copies the live tensors into dst, a buffer of this layout, and does nothing else: it is the
// only part of a snapshot that learning waits for. It allocates nothing. The caller makes sure that
// nothing changes the tensors meanwhile. A tail that the buffer had is gone.
func (l *Layout) Copy(dst *Buffer) {
	dst.cutTail()
	for role := range l.blobs {
		blob, tensors := dst.blobs[role], l.blobs[role].tensors
		if len(blob) != l.blobs[role].size {
			panic("snapshot: the buffer belongs to another layout")
		}
		for i := range tensors {
			t := &tensors[i]
			if t.raw != nil {
				copy(blob[t.begin:t.end], t.raw)
			} else {
				putPortable(blob[t.begin:t.end], &t.tensor)
			}
		}
	}
}

// Serving is the serving blob, a complete safetensors file. It aliases the buffer: the next Copy
// overwrites it.
func (b *Buffer) Serving() []byte { return b.blobs[millrace.Serving] }

// Training is the training blob, under the same terms as Serving.
func (b *Buffer) Training() []byte { return b.blobs[millrace.Training] }
