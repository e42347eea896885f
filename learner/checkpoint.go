package learner

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"millrace"
	"millrace/join"
	"millrace/keyed"
)

// The kinds of blocks in a checkpoint of state by key.
const (
	blockRead    = 'r' // readState as JSON
	blockWindows = 'w' // of keyed.Windows
	blockJoin    = 'j' // of join.Table
)

// Blocks hands write the state by key of one moment, in blocks, each with its kind; write must not keep them. It ends
// with the first error of write.
type Blocks = func(write func(kind byte, block []byte) error) error

// checkpointed are windows that can be written down and restored. Layout is equal for those that can restore each
// other's.
type checkpointed interface {
	Layout() string
	Checkpoint(watermark int64, write func(block []byte) error) error
	Restore(block []byte) error
}

// readState is how far a stream has come in the log, as a checkpoint has it.
type readState struct {
	Origin keyed.Vector     `json:"origin"`
	Events keyed.IndexState `json:"events"`
	Labels keyed.IndexState `json:"labels"`
	First  int64            `json:"first"`
	Newest [2]int64         `json:"newest"`
	Record int64            `json:"record"`
}

// Layout tells streams apart whose checkpoints differ in form. ok is false where there is no state by key, or where it
// cannot be written down.
func (s *Stream) Layout() (layout string, ok bool) {
	if s.Clock == nil {
		return "", false
	}
	if s.Windows != nil {
		w, ok := s.Windows.(checkpointed)
		if !ok {
			return "", false
		}
		layout = w.Layout() + "\n"
	}
	if s.Join != nil {
		layout += s.Join.Layout() + "\n"
	}
	return layout, true
}

// Checkpoint hands write the state by key, as it is between two records. It changes nothing.
func (s *Stream) Checkpoint(write func(kind byte, block []byte) error) error {
	cold := s.cold()
	err := checkpointCold(cold, write)
	if err == nil {
		err = s.checkpointMemory(write)
	}
	return errors.Join(err, cold.Close())
}

// cold is what of the state by key is on disk; nil when nothing is. It is to be closed.
func (s *Stream) cold() *join.Cold {
	if s.Join == nil {
		return nil
	}
	return s.Join.Cold()
}

// checkpointCold hands write what is on disk. It comes first, as it is the oldest: whoever restores it moves it to disk
// before what is to stay in memory comes.
func checkpointCold(cold *join.Cold, write func(kind byte, block []byte) error) error {
	return cold.Checkpoint(func(block []byte) error { return write(blockJoin, block) })
}

// checkpointMemory hands write the rest.
func (s *Stream) checkpointMemory(write func(kind byte, block []byte) error) error {
	r := &s.read
	origin := r.origin
	origin.Offsets, origin.Watermarks = maps.Clone(origin.Offsets), maps.Clone(origin.Watermarks)
	text, err := json.Marshal(readState{Origin: origin, Events: r.events.State(), Labels: r.labels.State(), First: r.first,
		Newest: r.newest, Record: r.record})
	if err == nil {
		err = write(blockRead, text)
	}
	if w, ok := s.Windows.(checkpointed); ok && err == nil {
		err = w.Checkpoint(s.Clock.Now(), func(block []byte) error { return write(blockWindows, block) })
	}
	if s.Join != nil && err == nil {
		err = s.Join.Checkpoint(func(block []byte) error { return write(blockJoin, block) })
	}
	return err
}

// Restored is what a version with a checkpoint of an ancestor is rebuilt from: what it says of its state by key, with
// marks at the ancestor's positions. Of partitions that the ancestor did not know nothing is in the checkpoint; and of
// labels before the version's own marks none is kept any more.
func Restored(version, ancestor *millrace.Manifest) *millrace.Manifest {
	m, k := *version, *version.Keyed
	type place struct {
		topic     string
		partition int32
	}
	newest, at := map[place]int64{}, map[place]int64{}
	for _, mark := range ancestor.Keyed.Newest {
		newest[place{mark.Topic, mark.Partition}] = mark.Watermark
	}
	for _, p := range ancestor.Positions {
		at[place{p.Topic, p.Partition}] = p.Offset
	}
	k.Watermark, k.Rebuild = ancestor.Keyed.Now, nil
	for _, mark := range version.Keyed.Rebuild {
		of := place{mark.Topic, mark.Partition}
		offset, known := at[of]
		switch w, events := newest[of]; {
		case known && events:
			mark.Offset, mark.Watermark = offset, w
		case known:
			mark.Offset = max(mark.Offset, offset)
		}
		k.Rebuild = append(k.Rebuild, mark)
	}
	m.Keyed = &k
	return &m
}

// UnusableError is that a checkpoint cannot be restored: state by key is then in no state that can be gone on with, and
// has to be made anew.
type UnusableError struct{ Err error }

func (e *UnusableError) Error() string { return "restoring a checkpoint: " + e.Err.Error() }

// Unwrap is why.
func (e *UnusableError) Unwrap() error { return e.Err }

// restore takes over the blocks of a checkpoint, after BeginRebuild with what Restored said.
func (s *Stream) restore(blocks Blocks) error {
	windows, _ := s.Windows.(checkpointed)
	var read *readState
	err := blocks(func(kind byte, block []byte) error {
		switch {
		case kind == blockRead && read == nil:
			read = &readState{}
			return json.Unmarshal(block, read)
		case kind == blockWindows && windows != nil:
			return windows.Restore(block)
		case kind == blockJoin && s.Join != nil:
			return s.Join.Restore(block)
		}
		return fmt.Errorf("%w: a block of kind %q", millrace.ErrCorrupt, kind)
	})
	if err == nil && read == nil {
		err = fmt.Errorf("%w: it does not say how far it has read", millrace.ErrCorrupt)
	}
	if err == nil && s.Join != nil {
		err = s.Join.EndRestore(func(k join.Kind, partition int32) int64 { return s.nextOf(k, partition) })
	}
	if err != nil {
		return err
	}
	return s.restoreRead(read)
}

func (s *Stream) restoreRead(from *readState) error {
	r := &s.read
	if err := errors.Join(r.events.Restore(from.Events), r.labels.Restore(from.Labels)); err != nil {
		return err
	}
	// Of partitions that came later, the origin is where BeginRebuild found them.
	maps.Copy(r.origin.Offsets, from.Origin.Offsets)
	maps.Copy(r.origin.Watermarks, from.Origin.Watermarks)
	r.origin.Topic, r.origin.Record = from.Origin.Topic, from.Origin.Record
	r.first, r.newest, r.record = from.First, from.Newest, from.Record
	return nil
}
