package join

import (
	"millrace/join/frozen"
)

// Cold is what of a table was in its store at one moment: what belongs into a checkpoint beside what is in memory. It
// may be written down on another goroutine while the table goes on.
type Cold struct{ view frozen.View }

// Cold is what is in the table's store now; nil when nothing is. It is called between two records, and is to be closed.
func (t *Table) Cold() *Cold {
	t.pass()
	if t.cold.count == 0 || t.cold.err != nil {
		return nil
	}
	return &Cold{t.cold.store.View()}
}

// Bytes is about what it has.
func (c *Cold) Bytes() int64 {
	if c == nil {
		return 0
	}
	return c.view.Bytes()
}

// Checkpoint hands write all of it, in blocks as [Table.Checkpoint] does.
func (c *Cold) Checkpoint(write func(block []byte) error) error {
	if c == nil {
		return nil
	}
	block := make([]byte, 0, blockBytes+blockBytes/4)
	err := c.view.Each(func(r *frozen.Record) error {
		kind := known
		if r.Waits {
			kind = waiting
		}
		block = appendEntryOf(block, kind, Place{r.Partition, r.Offset}, r.Until, r.Deadline, r.ID, r.Value)
		if len(block) < blockBytes {
			return nil
		}
		err := write(block)
		block = block[:0]
		return err
	})
	if err != nil || len(block) == 0 {
		return err
	}
	return write(block)
}

// Close gives back what it holds.
func (c *Cold) Close() error {
	if c == nil {
		return nil
	}
	return c.view.Close()
}
