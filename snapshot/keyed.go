package snapshot

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"millrace"
)

// nameBytesMax bounds one of a manifest's names of what became of events, which are words of this program.
const nameBytesMax = 64

// inOrder returns marks in the order of a manifest, never nil.
func inOrder(marks []millrace.Mark) []millrace.Mark {
	marks = append([]millrace.Mark{}, marks...)
	slices.SortFunc(marks, func(a, b millrace.Mark) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return marks
}

// checkKeyed checks what a manifest says of keyed state, and of what became of events.
func checkKeyed(m *millrace.Manifest) error {
	for name := range m.Names {
		odd := func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }
		if name == "" || len(name) > nameBytesMax || strings.ContainsFunc(name, odd) {
			return fmt.Errorf("%.80q is no name of what becomes of an event", name)
		}
	}
	k := m.Keyed
	if k == nil {
		return nil
	}
	if k.Now < k.Watermark {
		return fmt.Errorf("a watermark that fell from %d to %d", k.Watermark, k.Now)
	}
	for _, digest := range k.Checkpoints {
		if !isDigest(digest) || len(k.Checkpoints) > millrace.CheckpointsMax {
			return fmt.Errorf("checkpoints %.200q: there may be %d, each of 64 lower-case hexadecimal digits", k.Checkpoints, millrace.CheckpointsMax)
		}
	}
	type place struct {
		topic     string
		partition int32
	}
	read := map[place]int64{}
	for _, p := range m.Positions {
		read[place{p.Topic, p.Partition}] = p.Offset
	}
	seen := map[place]bool{}
	for _, mark := range k.Rebuild {
		at := place{mark.Topic, mark.Partition}
		if offset, known := read[at]; !known || seen[at] || mark.Offset < 0 || mark.Offset > offset {
			return fmt.Errorf("rebuild mark %s/%d at %d is given twice, negative or not before its position",
				mark.Topic, mark.Partition, mark.Offset)
		}
		seen[at] = true
	}
	clear(seen)
	for _, mark := range k.Newest {
		at := place{mark.Topic, mark.Partition}
		if _, known := read[at]; !known || seen[at] || mark.Offset != 0 {
			return fmt.Errorf("newest watermark of %s/%d is given twice, has an offset or is of no position", mark.Topic, mark.Partition)
		}
		seen[at] = true
	}
	return nil
}
