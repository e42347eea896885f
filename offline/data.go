package offline

import (
	"fmt"
	"strconv"
	"time"

	"millrace"
	"millrace/config"
	"millrace/decode"
	"millrace/features"
	"millrace/files"
	"millrace/pipeline"
)

// Data is what a race learns: a file of events, and labels that come with them or later.
type Data struct {
	Events string // path of the file
	// Labels is the path of a file of labels that come later, empty for none.
	Labels string
	// Input says how both are read.
	Input files.Input
	// Delay is how much later than their events the labels in the file of events come. The zero value is not at all.
	Delay Delay

	limit *limit // nil reads all of it
}

// Delay is how much later than their events labels come: by time, or by events; the zero value is not at all.
type Delay struct {
	Time time.Duration
	// Events that come between an event and its label, where Given and Time is 0.
	Events int64
	Given  bool
}

// delayEventsMost bounds a delay by events: more than any file has. One by time is at most what label.wait may be.
const delayEventsMost = 1 << 40

// ParseDelay reads a delay as a person writes it: 30d, 90m, or 1000 for so many events.
func ParseDelay(s string) (Delay, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 && n <= delayEventsMost {
		return Delay{Events: n, Given: true}, nil
	}
	d, err := millrace.ParseDuration(s)
	if err == nil && d > decode.WaitMost {
		return Delay{}, fmt.Errorf("%q is longer than any label is waited for: at most %s", s, millrace.FormatDuration(decode.WaitMost))
	}
	if err != nil || d <= 0 {
		return Delay{}, fmt.Errorf("%q is no delay: write a time, as 30d or 90m, or a number of events, as 1000", s)
	}
	return Delay{Time: d, Given: true}, nil
}

// late reports whether labels come on their own.
func (d *Data) late() bool { return d.Labels != "" || d.Delay.Given }

// Pipeline is the pipeline that learns the data: the file's own, or with labels that come later, where the data has
// such and the pipeline file does not say so. What the pipeline is lacking for that is a config.UsageError.
func (d *Data) Pipeline(p *config.Pipeline) (*config.Pipeline, error) {
	if !d.late() {
		return p, nil
	}
	if d.Labels != "" && d.Delay.Given {
		return nil, config.Usagef("labels that come later are in the file of events or in one of their own: leave out --labels or --label-delay")
	}
	if d.Labels != "" && p.Events.ID == "" {
		return nil, config.Usagef("labels find their events by id, and the pipeline names none; write events: {id: PATH}")
	}
	if d.Delay.Time > 0 && !p.Events.Time.Given() {
		return nil, config.Usagef("--label-delay %s is a time, and the pipeline names none of its events: write events: {time: PATH}, "+
			"or give a number of events, as --label-delay 1000", millrace.FormatDuration(d.Delay.Time))
	}
	if d.Labels != "" && p.LateLabels() {
		if err := pipeline.CheckFileTimes(p); err != nil {
			return nil, err
		}
	}
	late := *p
	if !late.LateLabels() {
		for i := range late.Features {
			if late.Features[i].Type == features.Lag {
				return nil, config.Usagef("feature %s is a lag, which does not go with labels that come later: an event that is learned when "+
					"its label comes would be given what came after it; a window (type: window, stat: last) is taken when the event comes",
					late.Features[i].Name)
			}
		}
		late.Label.Topic = late.Name + ".labels"
		late.Label.Unlabelled = decode.UnlabelledCount
		late.Label.Time = late.Events.Time
		late.Label.Resolve(late.Events.ID)
	}
	return &late, nil
}

// size is how many bytes reading all of it will take.
func (d *Data) size() (int64, error) {
	size, known, err := files.Size(d.Events, d.Input)
	if err != nil {
		return 0, config.UsageError{Err: fmt.Errorf("opening data: %w", err)}
	}
	if d.Delay.Given {
		if !known {
			return 0, config.Usagef("--label-delay reads the data twice, and %s can be read once only: write it to a file", d.Events)
		}
		return 2 * size, nil
	}
	if d.Labels == "" {
		return size, nil
	}
	labels, _, err := files.Size(d.Labels, d.Input.Labels())
	if err != nil {
		return 0, config.UsageError{Err: fmt.Errorf("opening labels: %w", err)}
	}
	return size + labels, nil
}

// labelSpec is what the records of labels are decoded by. In the file of events the labels have the event's id, which
// without a path of one is the row's number, and no time but their record's.
func (d *Data) labelSpec(p *config.Pipeline) decode.Spec {
	label := p.Label
	if d.Delay.Given {
		label.ID, label.Time = p.Events.ID, decode.TimeSpec{}
		if label.ID == "" {
			label.ID = decode.KeyID
		}
	} else if label.ID == decode.KeyID {
		label.ID = p.Events.ID // rows have no keys
	}
	return label.LabelRecordSpec(p.Limits)
}
