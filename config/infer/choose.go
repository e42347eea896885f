package infer

import (
	"fmt"
	"strings"

	"millrace/features"
	"millrace/model"
)

// modelDefault is the family that a file starts with when none is asked for.
const modelDefault = model.FamilyAuto

// ModelSpec is a family's model as a file starts with it: its defaults, but for what does not suit sparse events, where
// absent numbers are zeros.
func ModelSpec(family string, sparse bool) model.Spec {
	s := model.Spec{Type: family}
	if sparse && (family == "logistic" || family == "linear") {
		// AdaGrad gives rare features the larger steps that they need; at an adaptive rate it goes on following.
		s.Optimizer = model.OptimizerSpec{Type: "adagrad", Rate: 0.1}
		s.Optimizer.Schedule.Type = model.ScheduleAdaptive
	}
	return s
}

// plan is a pipeline in the making.
type plan struct {
	options Options
	seen    *seen
	topic   string
	rows    int64 // looked at for features
	scanned int64 // further ones, looked at for the label
	sparse  bool
	bagged  bool // a feature is a bag

	label    *column
	why      string // the label was chosen; empty when it was asked for
	classes  []string
	joined   [][]string // spellings of a class that are read as one, its name first
	apart    [][]string // classes that differ in case alone, and may be different ones
	positive string     // of two classes
	order    string     // why that one is the positive one
	model    string
	id, time *column
	features []feature
	offered  []feature // in comments, for a person to take
	left     []LeftOut
	byPath   map[string]*column
}

// names lists the fields for a message, the first of them when there are many.
func (p *plan) names() string {
	const most = 20
	names := make([]string, 0, most)
	for _, c := range p.seen.columns[:min(len(p.seen.columns), most)] {
		names = append(names, c.path)
	}
	text := strings.Join(names, ", ")
	if n := len(p.seen.columns); n > most {
		text += fmt.Sprintf(" and %d more", n-most)
	}
	return text
}

// decide settles everything but the words.
func (p *plan) decide() error {
	if err := p.decideLabel(); err != nil {
		return err
	}
	p.chooseID()
	p.chooseTime()
	p.chooseFeatures()
	if !p.sparse {
		p.ownTime()
		p.sinceTimes()
	}
	if len(p.features) == 0 {
		p.rowNumbers()
	}
	p.fitWidths()
	p.hints()
	if len(p.features) == 0 {
		return p.nothing()
	}
	if len(p.features) > features.ColumnsMax {
		return fmt.Errorf("%d features are more than the %d that a pipeline may name", len(p.features), features.ColumnsMax)
	}
	return nil
}

// nothing says why no field is a feature.
func (p *plan) nothing() error {
	why := make([]string, 0, len(p.left)+1)
	for _, l := range p.left {
		why = append(why, l.String())
	}
	if p.id != nil {
		why = append(why, p.id.path+": the id of events")
	}
	if len(why) == 0 {
		why = []string{"the events have no other field"}
	}
	return fmt.Errorf("there is nothing to learn %q from: %s", p.label.path, strings.Join(why, "; "))
}

// idLike says whether a key is one that ids go by.
func idLike(key string) bool {
	k := strings.ToLower(key)
	return k == "id" || k == "uuid" || k == "guid" || k == "_id" || strings.HasSuffix(k, "_id") ||
		strings.HasSuffix(k, "-id") || numberedWords[strings.TrimSuffix(k, "id")] && strings.HasSuffix(k, "id") || strings.HasSuffix(k, "uuid") || strings.HasSuffix(key, "Id") || strings.HasSuffix(key, "ID")
}

// unique says whether the field is named as ids are and no two events share a value.
func (p *plan) unique(c *column) bool {
	return idLike(c.last()) && c.texts+c.bare == c.values() && c.values() == p.rows && c.allDifferent()
}

// chooseID takes the plainest of the names: id before payment_id before id of an inner object.
func (p *plan) chooseID() {
	for _, c := range p.seen.columns {
		if c == p.label || c.lists > 0 || !p.unique(c) {
			continue
		}
		if p.id == nil || len(c.keys) < len(p.id.keys) ||
			len(c.keys) == len(p.id.keys) && len(c.name) < len(p.id.name) {
			p.id = c
		}
	}
}
