package offline

import (
	"cmp"
	"slices"

	"millrace/pipeline/status"
)

// Comparison are the figures of several models over the same events.
type Comparison struct {
	Name   string     `json:"name"`
	Events uint64     `json:"events"`
	Models []Compared `json:"models"` // the best by log-loss or RMSE first, those that could not be built last
	// Positive is the one of two classes that precision, recall and the areas under both curves are of.
	Positive  string                   `json:"positive,omitempty"`
	Baselines map[string]status.Losses `json:"baselines"`
	// Best names the best model by column, the first of equals.
	Best map[string]string `json:"best"`
	// Interrupted says that the figures are of the events so far, and there were more.
	Interrupted bool `json:"interrupted,omitempty"`

	classes bool // whether the label is one
}

// Compared is one model of a comparison.
type Compared struct {
	Name     string `json:"name"`
	Family   string `json:"family"`
	Learned  uint64 `json:"learned"`
	Rejected uint64 `json:"rejected"`
	status.Losses
	EventsPerSecond float64 `json:"events_per_second,omitempty"` // of the model alone
	StateBytes      int64   `json:"state_bytes,omitempty"`
	Error           string  `json:"error,omitempty"` // why it could not be built
}

// NewComparison orders the results of a race. At least one contender was built.
func NewComparison(name string, contenders []*Contender) Comparison {
	r := Comparison{Name: name, Best: map[string]string{}}
	for _, c := range contenders {
		m := Compared{Name: c.Name, Family: c.Pipeline.Model.Type}
		if c.Err != nil {
			m.Error = c.Err.Error()
			r.Models = append(r.Models, m)
			continue
		}
		r.classes = c.Pipeline.Target().Classes > 0
		s := newSummary(c.Pieces.Trainer.Progressive, c.Pipeline.Label)
		r.Positive = s.Positive
		m.Learned, m.Rejected, m.Losses = c.Pass.Learned, c.Pass.Rejections(), s.Losses
		m.EventsPerSecond, m.StateBytes = c.EventsPerSecond(), c.StateBytes()
		r.Events = max(r.Events, c.Pass.Events)
		r.Interrupted = r.Interrupted || c.Pass.Interrupted
		if r.Baselines == nil {
			r.Baselines = s.Baselines // the same for all, as all have the same labels
		}
		r.Models = append(r.Models, m)
	}
	slices.SortStableFunc(r.Models, func(a, b Compared) int {
		if a.Error == "" && b.Error == "" {
			return cmp.Compare(r.order(a), r.order(b))
		}
		return cmp.Compare(min(len(a.Error), 1), min(len(b.Error), 1)) // the failed ones last, in their order
	})
	for _, c := range Columns(r.classes) {
		r.Best[c.Key] = c.best(r.Models)
	}
	return r
}

// order is what models are sorted by.
func (r *Comparison) order(m Compared) float64 {
	if r.classes {
		return *m.LogLoss
	}
	return *m.RMSE
}

// Column is one column of a comparison's table.
type Column struct {
	Key   string
	Value func(Compared) float64
	Most  bool // the largest is the best
}

// Columns are what models are compared by, where the label is a class or a number.
func Columns(classes bool) []Column {
	columns := make([]Column, 0, 4)
	if classes {
		columns = append(columns, Column{"accuracy", func(m Compared) float64 { return *m.Accuracy }, true},
			Column{"log_loss", func(m Compared) float64 { return *m.LogLoss }, false})
	} else {
		columns = append(columns, Column{"mae", func(m Compared) float64 { return *m.MAE }, false},
			Column{"rmse", func(m Compared) float64 { return *m.RMSE }, false})
	}
	return append(columns, Column{"events_per_second", func(m Compared) float64 { return m.EventsPerSecond }, true},
		Column{"state_bytes", func(m Compared) float64 { return float64(m.StateBytes) }, false})
}

// Classes says whether the label is a class.
func (r *Comparison) Classes() bool { return r.classes }

// best names the best model of the column.
func (c Column) best(models []Compared) string {
	name, best := "", 0.0
	for _, m := range models {
		if m.Error != "" {
			continue
		}
		v := c.Value(m)
		if c.Most {
			v = -v
		}
		if name == "" || v < best {
			name, best = m.Name, v
		}
	}
	return name
}
