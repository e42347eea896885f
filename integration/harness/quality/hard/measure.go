package hard

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"

	"millrace"
	"millrace/integration/harness/quality"
	"millrace/offline"
)

// Runner measures trials.
type Runner struct {
	Families []string
	Seeds    int // of families that chance plays a part in; medians are taken
	Folder   string
	clean    map[*Stream][]losses
}

// losses are those of one contender, by the row of its stream.
type losses struct {
	family string
	err    error     // why there are none
	loss   []float64 // log-loss, or absolute error; NaN where the row was rejected
	right  []bool    // nil for numbers
}

// Loss is what a family lost on average in the rows of a trial.
type Loss struct {
	Loss     float64 // log-loss, or mean absolute error
	Accuracy float64 // NaN for numbers
	Rejected int     // rows without a prediction
}

// Standing is how a family stood a trial.
type Standing struct {
	Family        string
	Clean, Spoilt Loss
	Err           error
}

// Run measures a trial for each family.
func (r *Runner) Run(ctx context.Context, t *Trial) ([]Standing, error) {
	clean, ok := r.clean[t.Clean]
	if !ok {
		var err error
		if clean, err = r.learn(ctx, t.Clean); err != nil {
			return nil, fmt.Errorf("%s, before it is spoilt: %w", t.Name, err)
		}
		if r.clean == nil {
			r.clean = map[*Stream][]losses{}
		}
		r.clean[t.Clean] = clean
	}
	spoilt, err := r.learn(ctx, t.Spoilt)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.Name, err)
	}
	scale := t.Scale
	if scale == 0 {
		scale = 1
	}
	var standings []Standing
	for i := 0; i < len(clean); {
		s, next := Standing{Family: clean[i].family}, i
		for next < len(clean) && clean[next].family == s.Family {
			next++
		}
		for j := i; j < next && s.Err == nil; j++ {
			if s.Err = clean[j].err; s.Err == nil {
				s.Err = spoilt[j].err
			}
		}
		if s.Err == nil {
			s.Clean = median(clean[i:next], t.From, t.To)
			s.Spoilt = median(spoilt[i:next], t.From+t.Ahead, t.To+t.Ahead)
			s.Spoilt.Loss /= scale
		}
		standings = append(standings, s)
		i = next
	}
	return standings, nil
}

// learn has all families learn the stream side by side, and keeps what each lost in each row.
func (r *Runner) learn(ctx context.Context, s *Stream) ([]losses, error) {
	stored, err := s.store(r.Folder, "stream")
	if err != nil {
		return nil, err
	}
	defer os.Remove(stored.Path)
	contenders, err := quality.Contend(ctx, stored, r.Families, r.Seeds)
	if err != nil {
		return nil, err
	}
	all := make([]losses, len(contenders))
	for i, c := range contenders {
		all[i].family, all[i].err = c.Name, c.Err
		all[i].follow(c, len(s.Lines))
	}
	return all, quality.Race(ctx, stored, contenders)
}

// probabilityLeast keeps the log-loss of a class that was ruled out finite, as peers' figures have it.
const probabilityLeast = 1e-7

// follow keeps what the contender is told to have predicted.
func (l *losses) follow(c *offline.Contender, rows int) {
	if c.Err != nil {
		return
	}
	l.loss = make([]float64, rows)
	for i := range l.loss {
		l.loss[i] = math.NaN()
	}
	classes := c.Pipeline.Target().Classes > 0
	if classes {
		l.right = make([]bool, rows)
	}
	c.Predicted = func(rec *millrace.Record, e *millrace.Event, prediction []float64) {
		if !classes {
			l.loss[rec.Offset] = math.Abs(prediction[0] - e.Label.Value)
			return
		}
		class := int(e.Label.Class)
		l.loss[rec.Offset] = -math.Log(max(prediction[class], probabilityLeast))
		l.right[rec.Offset] = slices.Index(prediction, slices.Max(prediction)) == class
	}
}

// median is the loss of the seed in the middle, and the accuracy of the one in the middle of that.
func median(seeds []losses, from, to int) Loss {
	var all, accuracies []float64
	var m Loss
	for i := range seeds {
		loss := seeds[i].mean(from, to)
		all, accuracies = append(all, loss.Loss), append(accuracies, loss.Accuracy)
		m.Rejected = max(m.Rejected, loss.Rejected)
	}
	m.Loss, m.Accuracy = quality.Median(all), quality.Median(accuracies)
	return m
}

// mean is over the rows of [from, to) that were not rejected.
func (l *losses) mean(from, to int) Loss {
	var sum, right float64
	n := 0
	for i := from; i < to; i++ {
		if math.IsNaN(l.loss[i]) {
			continue
		}
		n++
		sum += l.loss[i]
		if l.right != nil && l.right[i] {
			right++
		}
	}
	mean := Loss{Loss: sum / float64(n), Accuracy: right / float64(n), Rejected: to - from - n}
	if l.right == nil {
		mean.Accuracy = math.NaN()
	}
	return mean
}
