package explain

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"millrace"
)

// Report is an explanation as people and programs read it.
type Report struct {
	Model   string  `json:"model"`
	Version uint64  `json:"version"`         // that the event was scored with
	Score   float64 `json:"score"`           // as scores have it
	Class   string  `json:"class,omitempty"` // the predicted one; left out for numbers
	// Of is the class whose log-odds contributions are: of two the positive one, of more the predicted one. It is left
	// out for numbers, whose contributions are in the label's units.
	Of    string  `json:"of,omitempty"`
	Total float64 `json:"total"` // base and all contributions: the score, of classes as log-odds
	Base  float64 `json:"base"`  // the same of an event with all features as usual
	// Method is terms where the score is a sum over the features, exact where every set of them was predicted, and
	// sampled where orders of them were drawn.
	Method        Method         `json:"method"`
	Evaluations   int            `json:"evaluations"`    // predictions that were made
	StandardError float64        `json:"standard_error"` // the largest of the contributions'; 0 unless sampled
	Features      []Contribution `json:"features"`       // the strongest first
	Note          string         `json:"note,omitempty"` // what is not as it was when the event was scored
}

// Contribution is what one feature has moved a score by.
type Contribution struct {
	Feature       string          `json:"feature"`
	Value         json.RawMessage `json:"value"`            // the event's; null where it has none
	Usual         json.RawMessage `json:"usual"`            // what was put in its place; null where none is known
	Contribution  float64         `json:"contribution"`     // what the value has moved the score by, from that of usual ones
	StandardError float64         `json:"standard_error"`   // of the contribution; 0 unless sampled
	Reason        string          `json:"reason,omitempty"` // the feature's text in the pipeline file
}

// Report says what the explainer found of the event that it explained last. Reasons are the texts of features.
func (e *Explainer) Report(x *Explanation, ev *millrace.Event, s *millrace.Score, classes []string, reasons map[string]string) (Report, error) {
	r := Report{Model: s.Model, Version: s.Version, Score: s.Score, Class: s.Class, Total: x.Score, Base: x.Base, Method: x.Method,
		Evaluations: x.Evaluations, Features: make([]Contribution, len(e.players))}
	if len(classes) > 0 {
		r.Of = classes[x.Class]
		r.Score = shortest(s.Score)
	}
	for i := range e.players {
		name := e.players[i].Name
		c := Contribution{Feature: name, Contribution: x.Shares[i], StandardError: x.Errors[i], Reason: reasons[name]}
		var err error
		if c.Value, err = json.Marshal(e.x.Shown(i, ev)); err != nil {
			return r, fmt.Errorf("telling the value of %s: %w", name, err)
		}
		if c.Usual, err = json.Marshal(e.x.Shown(i, &e.usual)); err != nil {
			return r, fmt.Errorf("telling the usual value of %s: %w", name, err)
		}
		r.StandardError = math.Max(r.StandardError, c.StandardError)
		r.Features[i] = c
	}
	slices.SortStableFunc(r.Features, func(a, b Contribution) int {
		return cmp.Compare(math.Abs(b.Contribution), math.Abs(a.Contribution))
	})
	return r, nil
}

// shortest is a float32 as the decimal that names it, as scores have it.
func shortest(v float64) float64 {
	short, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', -1, 32), 64)
	if err != nil { // a number that was just written reads
		return v
	}
	return short
}
