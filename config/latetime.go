package config

import (
	"cmp"
	"fmt"
	"strings"
)

// TimeTeachesLabel says which features read the events' own time where an event's label decides when it is learned;
// empty where none does. One class is then learned as soon as it is reported, and the other when the wait ends
// (missing) or when the event comes (assume). So what is learned of the present, by its hour, weekday or month, is
// always of one class, and the model takes the time itself for a sign of it.
func (p *Pipeline) TimeTeachesLabel() string {
	setting := ""
	switch {
	case !p.LateLabels() || p.Events.Time.Path == "":
		return ""
	case p.Label.Assume != "":
		setting = "label.assume: " + p.Label.Assume
	case p.Label.IfMissing().Known:
		setting = "label.missing: " + cmp.Or(p.Label.Missing.Class, p.Label.Missing.Value)
	default:
		return ""
	}
	var names []string
	for i := range p.Features {
		if f := &p.Features[i]; !f.Derived() && f.EventPath() == p.Events.Time.Path {
			names = append(names, f.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("%s: read from the events' own time, and with %s an event's label decides when it is learned: the present itself comes to mean "+
		"one class, and predictions may be far worse than the baselines'; leave the time out of the features, or send a label for every event, equally late "+
		"(docs/LABELS.md)", strings.Join(names, ", "), setting)
}
