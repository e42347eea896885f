package snapshot

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"millrace"
)

// differencesMax bounds how many differences an error lists; a pipeline that fits at all differs in
// few places, and one that does not is told by the first ones.
const differencesMax = 8

// Restore copies the blobs into the live tensors and calls Restored of every part. A nil training
// restores what scorers need only. Names, types and shapes must match exactly, but for tensors that a part has gained
// since (millrace.Tensor's Added): those become what they were when the layout was planned; and for those that may be
// dropped, see Drop.
//
// Everything that the bytes can tell is checked before live state is touched: an error that wraps
// millrace.ErrCorrupt (a broken blob) or millrace.ErrIncompatible (another pipeline's, saying what
// differs) from these checks leaves it as it was. When a part's Restored refuses what it got, the
// error wraps ErrCorrupt and the parts must be thrown away.
func (l *Layout) Restore(serving, training []byte) error {
	blobs := [2][]byte{serving, training}
	var files [2]*File
	var tail []byte
	for role, blob := range blobs {
		if role == int(millrace.Training) && blob == nil {
			continue
		}
		name := roleName(millrace.Role(role))
		f, err := Parse(blob)
		if err != nil {
			return fmt.Errorf("reading %s blob: %w", name, err)
		}
		var found []byte
		if f.Tensors, found = l.blobs[role].splitTail(f.Tensors); found != nil {
			tail = found
		}
		if err := l.blobs[role].compare(f); err != nil {
			return fmt.Errorf("comparing %s blob: %w", name, err)
		}
		files[role] = f
	}
	if err := l.checkMemory(); err != nil {
		return err
	}
	l.tail = tail
	for role, f := range files {
		if f != nil {
			l.blobs[role].fill(f)
		}
	}
	for _, part := range l.parts {
		if err := part.State.Restored(); err != nil {
			return fmt.Errorf("restoring %q: %w: %w", part.Prefix, millrace.ErrCorrupt, err)
		}
	}
	return nil
}

func roleName(r millrace.Role) string {
	if r == millrace.Training {
		return "training"
	}
	return "serving"
}

// compare lists how the file's tensors differ from the planned ones.
func (b *plan) compare(f *File) error {
	stored := make(map[string]FileTensor, len(f.Tensors))
	for _, t := range f.Tensors {
		stored[t.Name] = t
	}
	var differences []string
	for _, want := range b.tensors {
		got, ok := stored[want.name]
		delete(stored, want.name)
		switch {
		case !ok && want.made != nil:
		case !ok:
			differences = append(differences, fmt.Sprintf("the snapshot lacks %s, which the pipeline has as %s%v",
				want.name, want.dtype, want.shape))
		case got.DType != want.dtype || !slices.Equal(got.Shape, want.shape):
			differences = append(differences, fmt.Sprintf("%s is %s%v in the snapshot and %s%v in the pipeline",
				want.name, got.DType, got.Shape, want.dtype, want.shape))
		}
	}
	for _, t := range f.Tensors {
		if _, extra := stored[t.Name]; extra && !b.drops(t.Name) {
			differences = append(differences, fmt.Sprintf("the snapshot has %s, which the pipeline lacks", t.Name))
		}
	}
	if len(differences) == 0 {
		return nil
	}
	more := ""
	if n := len(differences); n > differencesMax {
		differences, more = differences[:differencesMax], fmt.Sprintf("; and %d more", n-differencesMax)
	}
	return fmt.Errorf("%w: %s%s", millrace.ErrIncompatible, strings.Join(differences, "; "), more)
}

// drops reports whether a tensor of a snapshot that the layout lacks is passed over.
func (b *plan) drops(name string) bool {
	return slices.ContainsFunc(b.dropped, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// fill copies the file's data into live memory; compare has matched them.
func (b *plan) fill(f *File) {
	stored := make(map[string][]byte, len(f.Tensors))
	for _, t := range f.Tensors {
		stored[t.Name] = t.Data
	}
	for i := range b.tensors {
		t := &b.tensors[i]
		data, ok := stored[t.name]
		if !ok {
			data = t.made
		}
		if t.raw != nil {
			copy(t.raw, data)
		} else {
			getPortable(&t.tensor, data)
		}
	}
}

// checkMemory makes sure that every tensor still stands where it was planned. A component that
// reallocated one would be snapshot and restored in memory it no longer uses, silently.
func (l *Layout) checkMemory() error {
	planned := map[string]*byte{}
	for role := range l.blobs {
		for i := range l.blobs[role].tensors {
			t := &l.blobs[role].tensors[i]
			planned[t.name] = firstByte(&t.tensor)
		}
	}
	var errs []error
	l.visit(func(name string, t millrace.Tensor, _ millrace.Role) {
		if firstByte(&t) != planned[name] {
			errs = append(errs, fmt.Errorf("checking tensor %q: its memory moved since the layout was planned", name))
		}
	})
	return errors.Join(errs...)
}

// firstByte is where the tensor's memory starts; nil when it has none, which cannot move.
func firstByte(t *millrace.Tensor) *byte {
	if raw := rawBytes(t); len(raw) > 0 {
		return &raw[0]
	}
	return nil
}
