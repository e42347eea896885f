package disk

import (
	"cmp"
	"errors"
	"slices"
	"sync/atomic"

	"millrace/join/frozen"
)

// held is a segment's file. It is closed and deleted when nobody holds it any more: the store, and every view.
type held struct {
	File
	name    string
	files   Files
	holders atomic.Int32
}

func hold(file File, files Files, name string) *held {
	h := &held{File: file, name: name, files: files}
	h.holders.Store(1)
	return h
}

func (h *held) letGo() error {
	if h.holders.Add(-1) > 0 {
		return nil
	}
	return errors.Join(h.Close(), h.files.Remove(h.name))
}

// view has segments as they were: their files never change, and what became of the records is copied.
type view struct {
	segments []*segment
	bytes    int64
}

// View is what is in the store now.
func (s *Store) View() frozen.View {
	v := &view{bytes: s.live}
	for _, g := range s.segments {
		g.file.holders.Add(1)
		v.segments = append(v.segments, &segment{serial: g.serial, file: g.file, blocks: slices.Clone(g.blocks), blocksEnd: g.blocksEnd, first: g.first})
	}
	slices.SortFunc(v.segments, func(a, b *segment) int { return cmp.Compare(a.first, b.first) })
	return v
}

// Bytes is about what its records take.
func (v *view) Bytes() int64 { return v.bytes }

// Each hands do every record.
func (v *view) Each(do func(r *frozen.Record) error) error {
	for _, g := range v.segments {
		w := &walker{of: g, block: block{number: -1}}
		for {
			more, err := w.next()
			if err != nil {
				return err
			}
			if !more {
				break
			}
			if err := do(&w.record); err != nil {
				return err
			}
		}
	}
	return nil
}

// Close lets the files go.
func (v *view) Close() error {
	errs := make([]error, 0, len(v.segments))
	for _, g := range v.segments {
		errs = append(errs, g.file.letGo())
	}
	v.segments = nil
	return errors.Join(errs...)
}
