package infer

import (
	"fmt"
	"strings"

	"millrace/features"
)

// earlierShare of the rows in which a time is not after the event make it one that was known then.
const earlierShare = 0.99

// partsOf are the parts of a time that differ and have come round at least twice: an hour that was never seen again
// says nothing about the next one.
func partsOf(c *column) []string {
	const day = 24 * 60 * 60 * 1000
	_, r, _, _ := timeOf(c)
	one := func(bits uint32) bool { return bits&(bits-1) == 0 }
	var parts []string
	for _, part := range []struct {
		name string
		days int64
		same bool
	}{{"hour", 1, one(r.hours)}, {"weekday", 7, one(uint32(r.weekdays))}, {"month", 365, one(uint32(r.months))}} {
		if r.to-r.from >= 2*part.days*day && !part.same {
			parts = append(parts, part.name)
		}
	}
	return parts
}

// timeColumn is a feature of the time in a field, and what is said of how it reads.
func (p *plan) timeColumn(c *column) (feature, []string) {
	f := feature{Column: features.DefaultColumn(c.name, features.Time)}
	f.Format, _, _, _ = timeOf(c)
	f.Parts = partsOf(c)
	return f, timeNotes(c)
}

// timeNotes say how a field's texts read as times.
func timeNotes(c *column) (notes []string) {
	order, _, _, _ := timeOf(c)
	words := map[string]string{features.FormatDMY: "days", features.FormatMDY: "months"}[order]
	if words != "" {
		notes = append(notes, fmt.Sprintf("dates with their %s first, as %.40q", words, c.sample))
	}
	if order == features.FormatDigits {
		notes = append(notes, fmt.Sprintf("numbers that are dates, as %.40s", c.sample))
	} else if order != "" && c.orders[1].n == c.orders[2].n && c.orders[1] != c.orders[2] {
		notes = append(notes, "the other way round they would not rise with the rows")
	}
	if strays := c.unread; strays > 0 {
		notes = append(notes, fmt.Sprintf("%s do not read as times, as %.40q: such events are rejected", percent(strays, c.values()), c.misread))
	}
	if note := c.zonesNote(); note != "" {
		notes = append(notes, note)
	}
	if c.gone > 0 {
		notes = append(notes, fmt.Sprintf("%s say %s", percent(c.gone, c.values()+c.gone), c.gapText()))
	}
	return notes
}

// timeFeature turns a time other than the event's own into what of it has come round at least twice.
func (p *plan) timeFeature(c *column) (feature, string) {
	f, notes := p.timeColumn(c)
	if len(f.Parts) == 0 {
		why := "a time of less than two days"
		if p.time != nil {
			why = "a time, another one than " + p.time.path + ", of less than two days"
		}
		return f, why
	}
	notes = append([]string{"a time; its parts go round in UTC"}, notes...)
	if missing := p.rows - c.values(); float64(missing) >= missingShare*float64(p.rows) {
		f.Missing = "indicator"
		notes = append(notes, p.missingNote(c))
	}
	f.note = strings.Join(notes, "; ")
	return f, ""
}

// ownTime adds the events' own time to the features where hours, weekdays or months have come round, or where the
// events have nothing else to learn from.
func (p *plan) ownTime() {
	if p.time == nil {
		return
	}
	f, _ := p.timeColumn(p.time)
	f.note = "the events' own time; its parts go round in UTC"
	switch {
	case len(p.features) == 0 && len(f.Parts) == 0:
		f.Parts = []string{"hour"}
		f.note = "the events' own time, as there is no other feature; of less than two days the hour says little"
	case len(f.Parts) == 0:
		return
	}
	p.addTime(f, p.time)
}

// addTime adds a feature of a field under a name of its own.
func (p *plan) addTime(f feature, c *column) {
	name := f.Name
	for n := 2; p.featureNamed(f.Name) != nil; n++ {
		f.Name = fmt.Sprintf("%s (%d)", name, n)
	}
	if f.Type == features.Time && c.path != f.Name {
		f.Path = c.path
	}
	p.features = append(p.features, f)
}

func (p *plan) featureNamed(name string) *feature {
	for i := range p.features {
		if p.features[i].Name == name {
			return &p.features[i]
		}
	}
	return nil
}

// sinceTimes adds how long ago other times were at the event. One that mostly comes after the event may not be known
// yet when an event is scored, so it is offered only.
func (p *plan) sinceTimes() {
	if p.time == nil {
		return
	}
	for _, c := range p.seen.columns {
		if c == p.label || c == p.time || c.pair == 0 || p.time.pair == 0 || !timeLike(c) {
			continue
		}
		pair := p.seen.pairs[c.pair-1][p.time.pair-1]
		if pair.both == 0 {
			continue
		}
		f := feature{Column: features.DefaultColumn("since_"+plainName(c.name), features.Since)}
		f.Of, f.Format = []string{c.path}, ""
		if own := p.timeFeatureOf(c); own != nil {
			f.Of[0] = own.Name
		} else {
			f.Format, _, _, _ = timeOf(c)
		}
		f.note = fmt.Sprintf("seconds from %.40s to the event", c.name)
		if missing := p.rows - c.values(); float64(missing) >= missingShare*float64(p.rows) {
			f.Missing = "indicator"
			f.note += "; " + p.missingNote(c)
		}
		if float64(pair.before) < earlierShare*float64(pair.both) {
			f.note += fmt.Sprintf("; after the event in %s: make sure that it is known by then", percent(pair.both-pair.before, pair.both))
			p.offered = append(p.offered, f)
			continue
		}
		p.addTime(f, c)
	}
}

// timeFeatureOf is the feature that reads a field as a time, nil when there is none.
func (p *plan) timeFeatureOf(c *column) *feature {
	for i := range p.features {
		if f := &p.features[i]; f.Type == features.Time && f.EventPath() == c.path {
			return f
		}
	}
	return nil
}

// timeSetting writes the events' time as the pipeline file has it.
func (p *plan) timeSetting() string {
	path := scalar(p.time.path)
	if order, _, _, _ := timeOf(p.time); order != "" {
		return fmt.Sprintf("{path: %s, format: %s}", path, order)
	}
	return path
}
