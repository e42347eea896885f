package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"millrace"
	"millrace/snapshot"
	"millrace/store/folder"
)

// copies keeps a copy of each published version in the state folder. It fails quietly: the store has the version, and
// the next one is a new try.
type copies struct {
	folder *folder.Folder // nil without a state folder
	log    *slog.Logger

	mu      sync.Mutex
	failing bool               // it was told of
	there   *millrace.Manifest // of the copy; nil where there is none that can be read
}

func (c *copies) keep(s *millrace.Snapshot) {
	if c.folder == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.folder.Keep(s); err != nil {
		if !c.failing {
			c.log.Warn("no copy of the newest version: a store that lost its data could not be filled from here", "error", err)
		}
		c.failing = true
		return
	}
	if c.failing {
		c.log.Info("copies of versions are kept again", "file", c.folder.Path())
	}
	m := s.Manifest
	c.failing, c.there = false, &m
}

// lacks reports whether the copy is to be written again, as it is not the head: it was lost or broken, or is an older
// one. That of another lineage stays until something new is published, as whoever started on the wrong store needs it.
func (c *copies) lacks(head millrace.Head) bool {
	if c.folder == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.there == nil || c.there.Origin == head.Origin && digestOf(c.there) != head.Digest
}

// look finds out what has become of the copy meanwhile.
func (c *copies) look() {
	if c.folder == nil {
		return
	}
	s, err := c.folder.Newest()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.there = nil; err == nil {
		c.there = &s.Manifest
	}
}

// digestOf is a version's digest by its manifest; empty when it can be none.
func digestOf(m *millrace.Manifest) string {
	text, err := snapshot.EncodeManifest(*m)
	if err != nil {
		return ""
	}
	return snapshot.Digest(text)
}

// copyAgainMost is how long the end may take to write a copy again.
const copyAgainMost = 2 * time.Second

// copyAgain writes the copy of the last version again at a clean end, when it is not there any more.
func (l *learning) copyAgain(ctx context.Context) {
	c, head := l.publisher.copies, l.learner.Status().Head
	if head.Candidate == "" {
		return
	}
	c.look()
	if !c.lacks(head) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), copyAgainMost)
	defer cancel()
	s, err := l.env.store.Load(ctx, l.from.Model, head, true)
	if err != nil {
		l.env.log.Warn("the state folder has no copy of the newest version, and none could be made", "error", err)
		return
	}
	c.keep(&s)
}

// copied is the version in the state folder; nil when there is none that can be read.
func (l *learning) copied() *millrace.Snapshot {
	if l.env.folder == nil {
		return nil
	}
	s, err := l.env.folder.Newest()
	if err != nil {
		if !errors.Is(err, millrace.ErrNoSnapshot) {
			l.env.log.Warn("the copy in the state folder cannot be read; it is written anew from the store's head, if that has one", "error", err)
		}
		return nil
	}
	l.copy = &s.Manifest
	return &s
}
