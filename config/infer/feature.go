package infer

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"millrace/features"
)

const (
	// missingShare of the events without a value make its absence worth a column of its own.
	missingShare = 0.01
	// oneHotMax different values get a column each; more are hashed.
	oneHotMax = 500
	// differentShare of different values, from differentRows on, mark a text that says nothing about
	// the next event: a name, a remark, another id.
	differentShare, differentRows = 0.9, 50
	// wordsMin words a text are what somebody wrote, and may be read word by word.
	wordsMin = 4
	// strayShare of texts among numbers are taken for mistakes, more for a category.
	strayShare = 0.2
	// denseShare of the events with a value make a field of a sparse file a dense one.
	denseShare = 0.99
)

// feature is a column of the pipeline and what the file says beside it.
type feature struct {
	features.Column
	note string
}

func (p *plan) chooseFeatures() {
	if p.sparse {
		p.sparseFeatures()
		return
	}
	names := make(map[string]bool)
	for _, c := range p.seen.columns {
		if c == p.label || c == p.id || c == p.time {
			continue
		}
		f, why := p.feature(c)
		f.Gaps = unusual(c.gaps)
		if c.bag != nil && c.lists == 0 {
			p.bagged = true
			f, why = p.bagFeature(c)
		}
		if why != "" {
			p.left = append(p.left, LeftOut{c.path, why})
			continue
		}
		// The key "a.b" and the key "b" in the object "a" would share a name.
		for n := 2; names[f.Name]; n++ {
			f.Name = fmt.Sprintf("%s (%d)", c.name, n)
		}
		names[f.Name] = true
		if c.path != f.Name {
			f.Path = c.path
		}
		p.features = append(p.features, f)
	}
}

// feature turns a field into a column, or says why it is none.
func (p *plan) feature(c *column) (feature, string) {
	values := c.values()
	switch {
	case slices.Contains(c.keys, ""):
		return feature{}, "no path leads to a key without a name"
	case c.lists > 0 && c.lists == c.tags && values == 0 && len(c.distinct) > 0:
		return p.tagFeature(c), ""
	case c.lists > 0:
		return feature{}, "a list or an object, not always a plain value"
	case len(c.keys) > len(p.label.keys) && slices.Equal(c.keys[:len(p.label.keys)], p.label.keys):
		return feature{}, "stands inside the label"
	case values == 0:
		return feature{}, "no event has a value"
	case p.unique(c):
		return feature{}, "an id, another one than " + p.id.path
	case timeLike(c):
		return p.timeFeature(c)
	case notQuiteTime(c) != "":
		return feature{}, notQuiteTime(c)
	case c.leftOut() != "":
		return feature{}, c.leftOut()
	case c.texts == values && values >= differentRows && c.nearlyAll():
		if c.words >= wordsMin*c.texts {
			return p.textFeature(c), ""
		}
		if note := c.unreadNote(); note != "" {
			return feature{}, note
		}
		return feature{}, fmt.Sprintf("nearly every value is another one, as %.40q", c.sample)
	}
	f := feature{Column: features.DefaultColumn(c.name, features.Number)}
	var notes []string
	switch {
	case c.booleans == values:
		f.Type = features.Boolean
	case c.code() != "":
		f.Type = features.Category
		notes = append(notes, c.code())
	case float64(c.texts+c.booleans) > strayShare*float64(values):
		f.Type = features.Category
	default:
		f.Format, f.Unit = string(formatOf[c.format]), c.unit
		notes = append(notes, c.formatNote(), c.unitNote(), c.bareNote(), c.strayNote())
	}
	if f.Type == features.Category {
		notes = append(notes, encode(&f.Column, c), c.unreadNote())
	}
	if len(c.distinct) == 1 && !c.many {
		notes = append(notes, fmt.Sprintf("always %.40s so far", c.sample))
	}
	if missing := p.rows - values; float64(missing) >= missingShare*float64(p.rows) {
		f.Missing = "indicator"
		notes = append(notes, p.missingNote(c))
	} else if missing > 0 {
		notes = append(notes, p.missingNote(c))
	}
	notes = append(notes, p.spanNote(c))
	if len(c.gaps) > 0 {
		notes = append(notes, "there it says "+c.gapText())
	}
	f.note = strings.Join(slices.DeleteFunc(notes, func(note string) bool { return note == "" }), "; ")
	return f, ""
}

// textFeature turns what people wrote into its words.
func (p *plan) textFeature(c *column) feature {
	p.bagged = true
	f := feature{Column: features.DefaultColumn(c.name, features.Text)}
	f.Bits = hashedBits(4*len(c.vocabulary), 18)
	f.note = fmt.Sprintf("%d words on average, %d different ones, as %.40q; ngrams: 2 reads pairs of them, too", c.words/c.texts, len(c.vocabulary), c.sample)
	if missing := p.rows - c.values(); float64(missing) >= missingShare*float64(p.rows) {
		f.Missing = "indicator"
		f.note += "; " + p.missingNote(c)
	}
	return f
}

// tagFeature turns arrays of strings into a bag.
func (p *plan) tagFeature(c *column) feature {
	p.bagged = true
	f := feature{Column: features.DefaultColumn(c.name, features.Bag)}
	n := int(c.different())
	f.Scale = "none"
	f.Bits = hashedBits(16*n, 20)
	more := ""
	if c.many {
		more = "about "
	}
	f.note = fmt.Sprintf("%s%d different texts, at most %d an event", more, n, c.longest)
	for f.Entries < 2*c.longest && f.Entries < features.EntriesMax {
		f.Entries = min(2*f.Entries, features.EntriesMax)
	}
	return f
}

// encode settles how a category becomes columns, and says how many values it had.
func encode(f *features.Column, c *column) string {
	n := int(c.different())
	switch {
	case c.many || n > oneHotMax:
		f.Encode = "hash"
		// Sixteen columns a value let about one value in 32 share one.
		f.Bits = hashedBits(16*n, 20)
	case n > f.Cap*3/4:
		// Room for values that were not seen yet.
		f.Cap = 1 << bits.Len(uint(2*n-1))
	}
	return distinctNote(c)
}

// distinctNote says how many values a category had.
func distinctNote(c *column) string {
	switch n := c.different(); {
	case c.many:
		return fmt.Sprintf("about %d different values", n)
	case n == 1:
		return "1 value"
	default:
		return fmt.Sprintf("%d different values", n)
	}
}

// missingNote says how many events have no value.
func (p *plan) missingNote(c *column) string {
	return "missing in " + percent(p.rows-c.values(), p.rows)
}

// sparse says whether the events are a LIBSVM file's: all fields but the label are numbers named by an
// index, and most are absent from some events, which means that they are zero.
func sparse(s *seen, label *column) bool {
	absent := false
	for _, c := range s.columns {
		if c == label {
			continue
		}
		if _, ok := index(c); !ok || c.numbers != c.values() {
			return false
		}
		absent = absent || float64(c.values()) < denseShare*float64(s.rows)
	}
	return absent && len(s.columns) > 1
}

// index is the number that names a column.
func index(c *column) (int, bool) {
	i, err := strconv.Atoi(c.name)
	return i, err == nil && i >= 0 && strconv.Itoa(i) == c.name && len(c.keys) == 1
}

// sparseFeatures names every index up to the largest, for one that no event had yet may come.
// Absence is zero, so it needs no indicator, and scaling must not move zero: values are taken as they
// are, or, where they are large, scaled by what is known of them.
func (p *plan) sparseFeatures() {
	byIndex := make(map[int]*column)
	first, last := 1, 0
	binary := true
	for _, c := range p.seen.columns {
		if c == p.label {
			continue
		}
		i, ok := index(c)
		if !ok {
			continue // came up after the sample; too rare to matter
		}
		byIndex[i] = c
		first, last = min(first, i), max(last, i)
		binary = binary && c.binary
	}
	// Vectors within ±largeValue are fit to learn from as they are.
	const largeValue = 16
	for i := first; i <= last && len(p.features) <= features.ColumnsMax; i++ {
		f := feature{Column: features.DefaultColumn(strconv.Itoa(i), features.Number)}
		f.Scale = "none"
		if c, ok := byIndex[i]; !ok {
			f.note = "in no event so far"
		} else if !binary && (c.max > largeValue || c.min < -largeValue) {
			f.Scale = "standard"
			f.note = fmt.Sprintf("%.4g to %.4g where it is there", c.min, c.max)
		}
		p.features = append(p.features, f)
	}
}

// percent writes a share for people.
func percent(part, whole int64) string {
	share := 100 * float64(part) / float64(whole)
	switch {
	case share >= 10:
		return fmt.Sprintf("%.0f %%", share)
	case share >= 0.1:
		return fmt.Sprintf("%.1f %%", share)
	}
	return "less than 0.1 %"
}
