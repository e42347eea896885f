package pipeline

import (
	"errors"
	"fmt"

	"millrace/config"
	"millrace/join/disk"
)

// overflows reports whether what waits may go to disk. A pipeline that wants it and has no place for it is refused.
func (l *learning) overflows() (bool, error) {
	if l.learned.Join == nil || l.env.pipeline.Join.Disk == 0 {
		return false, nil
	}
	if l.env.folder == nil {
		return false, config.UsageError{Err: errors.New("join.disk is for files in the state folder, and there is none: " +
			"name one with --state-dir DIR or state: DIR, or leave join.disk out")}
	}
	return true, nil
}

// overflow gives a new learner's table the disk that the pipeline file lets what waits have, for as long as the learner
// runs. What a former one had there is gone: the table is made again from the log.
func (l *learning) overflow() error {
	wanted, err := l.overflows()
	if !wanted || err != nil {
		return err
	}
	if err := l.env.closeOverflow(); err != nil {
		return err
	}
	open := l.o.overflow
	if open == nil {
		open = disk.Open
	}
	s, err := open(l.env.folder.Folder(), int64(l.env.pipeline.Join.Disk))
	if err != nil {
		return err // it names the folder
	}
	l.env.overflow.Store(s)
	l.onDisk = s
	l.learned.Join.Overflow(s)
	return nil
}

// anew begins state by key anew, before the learner is at work: what was half made is gone, also from disk.
func (l *learning) anew() error {
	if err := l.learned.Begin(l.env.pipeline); err != nil || l.onDisk == nil {
		return err
	}
	if err := l.onDisk.Reset(); err != nil {
		return err // it names the file
	}
	l.learned.Join.Overflow(l.onDisk)
	return nil
}

// takeOverflow makes whoever runs the learner the only one who closes its store; what it returns does that.
func (l *learning) takeOverflow() (end func()) {
	s := l.env.overflow.Swap(nil)
	return func() {
		if s == nil {
			return
		}
		if err := s.Close(); err != nil {
			l.env.log.Warn("closing the store of what waits; the next start deletes what is left of it", "error", err)
		}
	}
}

// closeOverflow deletes what a learner that never ran had moved to disk.
func (e *environment) closeOverflow() error {
	s := e.overflow.Swap(nil)
	if s == nil {
		return nil
	}
	if err := s.Close(); err != nil {
		return fmt.Errorf("closing the store of what waits: %w", err)
	}
	return nil
}
