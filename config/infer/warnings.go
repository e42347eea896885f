package infer

import (
	"fmt"
	"slices"
	"strings"

	"millrace/features"
)

const (
	// rareShare of the share that a class would have if all were equally frequent makes it a rare one.
	rareShare = 0.1
	// wideColumns of a single feature are said.
	wideColumns = 1 << 16
	// namesMost are named in a warning, the others counted.
	namesMost = 5
)

// warnings are what a person should look at, the gravest first.
func (p *plan) warnings(r *Report) []Warning {
	out := []Warning{}
	add := func(kind WarningKind, field string, figure *float64, format string, args ...any) {
		out = append(out, Warning{Kind: kind, Field: field, Figure: figure, Text: fmt.Sprintf(format, args...)})
	}
	if r.Label.Why != "" {
		add(WarnGuessedLabel, r.Label.Path, nil, "the label is a guess, %s; --label names another", r.Label.Why)
	}
	if r.Skipped > 0 {
		part := share(r.Skipped, r.Rows+r.Skipped)
		add(WarnSkipped, "", &part, "%s cannot be read, which a topic has as dead letters; the first: %s", count(r.Skipped, "event"), r.Fault)
	}
	for _, c := range r.Label.Classes {
		if n := len(r.Label.Classes); c.Share < rareShare/float64(n) && n <= integerClassesMax {
			add(WarnRareClass, r.Label.Path, &c.Share, "class %s is rare (%s): class_weights: balanced in the label makes its events weigh more; "+
				"look at recall and average precision, not at accuracy", c.Class, percent(c.Rows, r.Label.Rows))
		}
	}
	for _, words := range p.joined {
		add(WarnSpelling, r.Label.Path, nil, "classes %s differ in case alone and are read as one, %s: take ignore_case out of the label if they are not", quoted(words), words[0])
	}
	for _, words := range p.apart {
		add(WarnSpelling, r.Label.Path, nil, "classes %s differ in case alone and are learned as different ones: if they are one, write ignore_case: true into the label", quoted(words))
	}
	for _, c := range p.seen.columns {
		if timeLike(c) {
			if note := c.zonesNote(); note != "" {
				add(WarnTime, c.path, nil, "%s: %s", c.path, note)
			}
			continue
		}
		if note := c.bareNote(); note != "" {
			add(WarnUnread, c.path, nil, "%s: %s: write them alike, if they are not", c.path, note)
		}
		if c == p.label || c == p.id {
			continue
		}
		if note := c.unreadNote(); note != "" {
			how := "read as words"
			if slices.ContainsFunc(p.left, func(l LeftOut) bool { return l.Field == c.path }) {
				how = "left out"
			}
			add(WarnUnread, c.path, nil, "%s is %s: %s", c.path, how, note)
		}
	}
	p.spellingWarnings(add)
	p.featureWarnings(r, add)
	if text, part := p.stepsBack(); text != "" {
		add(WarnTime, p.time.path, &part, "%s", text)
	}
	if p.time != nil && !p.learnsTime() {
		add(WarnTime, p.time.path, nil, "the events' time (%s) is no feature, as nothing of it has come round in these events; if the label goes by the hour, add {type: time, path: %s, parts: [hour]}",
			p.time.path, scalar(p.time.path))
	}
	if keys := p.keys(); p.time != nil && len(keys) > 0 && !p.options.Windows {
		names := make([]string, len(keys))
		for i, f := range keys {
			names[i] = f.Name
		}
		add(WarnWindows, "", nil, "%s come again and again: --windows proposes what each did lately", listed(names))
	}
	return out
}

// spellingWarnings say of categories which values may be one and are not.
func (p *plan) spellingWarnings(add func(WarningKind, string, *float64, string, ...any)) {
	for i := range p.features {
		f := &p.features[i]
		c := p.columnOf(f)
		if f.Type != features.Category || c == nil || c.many {
			continue
		}
		if several, _ := c.spellings(); len(several) > 0 {
			more := ""
			if n := len(several) - 1; n > 0 {
				more = fmt.Sprintf("; so do %s more", count(int64(n), "value"))
			}
			add(WarnSpelling, f.Name, nil, "values %s of %s differ in case or blanks alone and count as different ones: write them alike in the data%s",
				quoted(several[0]), f.Name, more)
		}
	}
}

// featureWarnings are those of fields.
func (p *plan) featureWarnings(r *Report, add func(WarningKind, string, *float64, string, ...any)) {
	var constant []string
	for i := range r.Features {
		f := &r.Features[i]
		switch {
		case f.Distinct == 1 && f.Missing == 0 && f.Kind != string(features.Bag):
			constant = append(constant, f.Name)
		case f.FirstRow > 0 || f.LastRow > 0:
			add(WarnPartly, f.Name, &f.Missing, "%s has values %s", f.Name, partly(f))
		}
	}
	if len(constant) > 0 {
		verb := "has"
		if len(constant) > 1 {
			verb = "have"
		}
		add(WarnConstant, "", nil, "%s %s always the same value: nothing can be learned from that so far", listed(constant), verb)
	}
	for i := range r.Features {
		if f := &r.Features[i]; f.Columns >= wideColumns {
			width := float64(f.Columns)
			how := "fewer bits, or a coarser value, make the model smaller"
			if !hashedColumns(p.features[i].Column) {
				how = "a lower cap or index makes the model smaller"
			}
			add(WarnWide, f.Name, &width, "%s takes %s: %s", f.Name, count(int64(f.Columns), "column"), how)
		}
	}
}

// partly says where a feature has values.
func partly(f *FeatureReport) string {
	switch {
	case f.LastRow == 0:
		return fmt.Sprintf("from event %d on only", f.FirstRow)
	case f.FirstRow == 0:
		return fmt.Sprintf("up to event %d only", f.LastRow)
	}
	return fmt.Sprintf("from event %d to event %d only", f.FirstRow, f.LastRow)
}

// learnsTime reports whether the events' own time is among the features.
func (p *plan) learnsTime() bool {
	for i := range p.features {
		if p.features[i].EventPath() == p.time.path {
			return true
		}
	}
	return false
}

// listed names things, the first of them when there are many.
func listed(names []string) string {
	if len(names) > namesMost {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:namesMost], ", "), len(names)-namesMost)
	}
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}
