package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"millrace"
	"millrace/config"
	"millrace/consumers"
	"millrace/features"
	"millrace/join"
	"millrace/join/disk"
)

// Waits are what events that wait for their label take at a rate, at most: when no label comes before the wait ends.
type Waits struct {
	Rate   float64 `json:"rate"`        // events a second
	Events float64 `json:"events"`      // that wait, or whose ids are remembered
	Each   int64   `json:"event_bytes"` // bytes an event is charged, about
	Bytes  float64 `json:"bytes"`       // of all
	Room   int64   `json:"room_bytes"`  // what the pipeline file allows, in memory and on disk
	Disk   int64   `json:"disk_bytes,omitempty"`
	// Finding is what finding those on disk takes of memory, beyond what the file allows.
	Finding int64 `json:"finding_bytes,omitempty"`
	// Lasts is how long an event can wait until that is full; longer than label.wait where all have room.
	Lasts time.Duration `json:"-"`
}

// Ids and texts that a pipeline file says nothing of are taken to be as long as a UUID, and as a short word.
const (
	usualID   = 36
	usualText = "a-value"
)

// waitsAt is what waits at a rate of so many events a second.
func waitsAt(p *config.Pipeline, rate float64, outputs int) *Waits {
	each := join.EventBytes(usualID, join.ValueBytes(usualEvent(p.FeatureSpec().Columns)), outputs)
	seconds := p.Label.Wait.Seconds()
	// A record takes one bit of the state beside, whether it waits or not.
	w := &Waits{Rate: rate, Events: rate * seconds, Each: each, Room: int64(p.Join.Memory + p.Join.Disk), Disk: int64(p.Join.Disk)}
	w.Bytes = w.Events * (float64(each) + 1./8)
	if beyond := min(w.Bytes-float64(p.Join.Memory), float64(w.Disk)); beyond > 0 {
		w.Finding = int64(beyond / float64(each) * disk.IDBytes)
	}
	lasts := seconds
	if w.Bytes > 0 {
		lasts *= float64(w.Room) / w.Bytes
	}
	if bits := 8. * join.StateBytesMax; rate > 0 {
		lasts = min(lasts, bits/rate)
	}
	w.Lasts = time.Duration(min(lasts, 1e9) * float64(time.Second))
	return w
}

// usualEvent has a value in each column, none of which is shorter than they usually are.
func usualEvent(columns features.Columns) *millrace.Event {
	e := &millrace.Event{Fields: make([]millrace.Field, len(columns))}
	for i := range columns {
		f := &e.Fields[i]
		f.Presence = millrace.Present
		switch columns[i].Type {
		case features.Category, features.Text:
			f.Text = []byte(usualText)
		case features.Boolean:
			f.Number = 1
		case features.Bag:
			f.First, f.Count = uint32(len(e.Entries)), 8
			e.Entries = append(e.Entries, make([]millrace.Entry, f.Count)...)
		case features.Cross, features.Ratio:
			f.Presence = millrace.Absent // computed from others
		default:
			f.Number = .1 // which takes 8 bytes
		}
	}
	return e
}

// placeOfDisk warns of a pipeline file that wants what waits on disk and says nothing of where.
func (c *Checked) placeOfDisk(p *config.Pipeline) {
	if p.LateLabels() && p.Join.Disk > 0 && p.State == "" {
		c.Warnings = append(c.Warnings, "join.disk is for files in the state folder, and the file names none: learn and run need --state-dir")
	}
}

// waits says what waits take, at a rate or, where that is 0, at the topic's own; nothing when neither is known.
func (c *Checked) waits(p *config.Pipeline, rate float64, outputs int) {
	if !p.LateLabels() || rate <= 0 {
		return
	}
	c.Waits = waitsAt(p, rate, outputs)
	if c.Waits.Lasts >= p.Label.Wait {
		return
	}
	c.Warnings = append(c.Warnings, fmt.Sprintf("at %.4g events a second what waits for its label has room for about %s of the %s that label.wait "+
		"says: when labels come later than that, the oldest become what label.missing says (crowded); give join.memory or join.disk more, or wait less",
		rate, millrace.FormatDuration(c.Waits.Lasts.Round(time.Second)), millrace.FormatDuration(p.Label.Wait)))
}

// measuredRate is how many events a second a topic has had on average since its first record; 0 when there is none, or
// no such topic.
func measuredRate(ctx context.Context, e *environment, topic string, now time.Time) (float64, error) {
	bounds, err := e.cluster.Bounds(ctx, topic)
	if errors.Is(err, consumers.ErrUnknownTopic) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("asking what the log holds: %w", err)
	}
	var records int64
	var starts []millrace.Position
	for partition, log := range bounds {
		records += log[1] - log[0]
		starts = append(starts, millrace.Position{Topic: topic, Partition: partition, Offset: log[0]})
	}
	if records == 0 {
		return 0, nil
	}
	first, none, err := firstTime(ctx, e, topic, starts)
	if err != nil {
		return 0, fmt.Errorf("looking at the first events of %s: %w", topic, err)
	}
	seconds := now.Sub(time.UnixMilli(first)).Seconds()
	if none || seconds < 1 {
		return 0, nil
	}
	return float64(records) / seconds, nil
}
