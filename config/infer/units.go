package infer

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"millrace/decode"
	"millrace/features"
)

const (
	// unitsMost different units of a field are kept: where there are more, its values are codes as 12A.
	unitsMost = 8
	// mixedShare of the values in another unit, or another format, make a field one of both.
	mixedShare = 0.05
)

// united are a field's numbers that have a unit, a currency or a percent sign, by what that is. They are kept apart
// from the bare ones, because numbers in several units are none in one.
type united struct {
	units   map[string]*unitReading
	nowhere int64 // values in units for which there was no place
}

// unitReading are the numbers in one unit.
type unitReading struct {
	name   string
	passed bool // a currency or a percent sign, which us and eu pass over
	n      int64
	sample string
	by     [formats]reading
}

// place is where a unit's numbers are kept, nil when there is no room left.
func (u *united) place(name string, passed bool, text []byte) *[formats]reading {
	r := u.units[name]
	if r == nil && len(u.units) >= unitsMost {
		u.nowhere++
		return nil
	}
	if r == nil {
		if u.units == nil {
			u.units = make(map[string]*unitReading)
		}
		r = &unitReading{name: name, passed: passed, sample: string(text[:min(len(text), textMax)])}
		u.units[name] = r
	}
	r.n++
	return &r.by
}

// splitUnit parts a number from what stands behind it; unit is empty where that is none.
func splitUnit(text []byte) (number []byte, unit string) {
	end := bytes.IndexFunc(text, func(r rune) bool { return !strings.ContainsRune("0123456789.,'’+-−( \u00a0\u2009\u202f)", r) })
	if end <= 0 || len(text)-end > features.UnitBytesMax {
		return nil, ""
	}
	number, rest := bytes.TrimSpace(text[:end]), bytes.TrimSpace(text[end:])
	first, _ := utf8.DecodeRune(rest)
	if !unicode.IsLetter(first) && first != '°' && first != '/' || bytes.ContainsAny(rest, "-_:;,") {
		return nil, ""
	}
	// m2 and cm3 are units, B17 is none.
	if digits := bytes.IndexAny(rest, "0123456789"); digits >= 0 && (digits < len(rest)-1 || rest[digits] != '2' && rest[digits] != '3') {
		return nil, ""
	}
	return number, string(rest)
}

// affixOf is the currency or percent sign of a number that a format reads; empty for none.
func affixOf(text []byte) string {
	return string(bytes.TrimSpace(bytes.TrimFunc(text, func(r rune) bool {
		return r != '%' && !unicode.IsLetter(r) && !unicode.Is(unicode.Sc, r)
	})))
}

// oneUnit reports whether two spellings are of one unit: but for case, unless that tells milli from mega and bits from
// bytes, but for a plural's ending, and signs and codes of a currency.
func oneUnit(a, b string) bool {
	if currencyCode(a) == currencyCode(b) || decode.Magnitude(a) > 1 && decode.Magnitude(b) > 1 {
		return true
	}
	if strings.EqualFold(a, b) {
		return len(a) > 1 && !strings.ContainsAny(a[:1], "mM") && !strings.ContainsAny(a, "bB")
	}
	if len(a) > len(b) {
		a, b = b, a
	}
	const wordLeast = 3
	ending, ok := strings.CutPrefix(strings.ToLower(b), strings.TrimSuffix(strings.ToLower(a), "."))
	return ok && len(a) >= wordLeast && slices.Contains([]string{"s", "e", "n", "en", "."}, ending)
}

// settleUnit counts the numbers of a field's unit as numbers, if it has one: the same at nearly all values. With
// several it has none, and its values are words.
func (c *column) settleUnit() {
	if len(c.units) == 0 || codeName(nameWords(c.last())) {
		return
	}
	group, most, others := c.unitGroup()
	total := float64(c.numbers + c.texts - c.wordsMissing())
	passed, multiplied := group[0].passed, decode.Magnitude(group[0].name) > 1
	if multiplied { // a number without is what it is
		most += max(c.by[asPlain].n, c.by[asUS].n, c.by[asEU].n)
	}
	switch {
	case float64(others) > mixedShare*total:
		return
	case !passed && float64(most) < (1-strayShare)*total:
		return
	}
	for _, r := range group {
		for f := range r.by {
			c.by[f].merge(&r.by[f])
		}
		if !passed || others > 0 { // a format alone would pass the others over as well
			c.unit = append(c.unit, r.name)
		}
	}
	slices.Sort(c.unit)
}

// unitGroup are the spellings of the most frequent unit, with how many values have it, and how many another one.
func (c *column) unitGroup() (group []*unitReading, most, others int64) {
	all := slices.SortedFunc(maps.Values(c.units), func(a, b *unitReading) int {
		return cmp.Or(cmp.Compare(b.n, a.n), strings.Compare(a.name, b.name))
	})
	others = c.nowhere
	for _, r := range all {
		if oneUnit(all[0].name, r.name) {
			group, most = append(group, r), most+r.n
		} else {
			others += r.n
		}
	}
	return group, most, others
}

// otherUnit is a value in another unit than the field's; empty for none.
func (c *column) otherUnit() string {
	for _, name := range slices.Sorted(maps.Keys(c.units)) {
		if len(c.unit) > 0 && !slices.Contains(c.unit, name) {
			return c.units[name].sample
		}
	}
	return ""
}

// unitNote says what unit a field's numbers have.
func (c *column) unitNote() string {
	if len(c.unit) == 0 || !c.settled {
		return ""
	}
	group, _, _ := c.unitGroup()
	note := fmt.Sprintf("numbers with the unit %s, as %q", strings.Join(c.unit, " or "), group[0].sample)
	if decode.Magnitude(group[0].name) > 1 {
		note = fmt.Sprintf("numbers with %s, which multiply, as %q", strings.Join(c.unit, " or "), group[0].sample)
		if len(c.unit) == 1 && c.unit[0] == "K" {
			note += "; K is a thousand, never kelvin, which would be a thousand times too large: that matters in a label"
		}
	}
	return note
}

// bareNote says how many values have no unit, or no percent or currency sign, where others have.
func (c *column) bareNote() string {
	if len(c.units) == 0 || !c.settled || c.format == asDuration {
		return ""
	}
	group, most, _ := c.unitGroup()
	bare := c.numbers - most
	if float64(bare) <= strayNoted*float64(c.numbers) || decode.Magnitude(group[0].name) > 1 {
		return ""
	}
	return fmt.Sprintf("%s of %s have no %s and count as if they had", digitsOf(bare), count(c.values(), "value"), group[0].name)
}

// strayNoted of the values without what the others have are said.
const strayNoted = 0.01

// severalUnits says of a field whose values are numbers in several units what to do; empty where they are not.
func (c *column) severalUnits() string {
	if len(c.units) == 0 {
		return ""
	}
	total := float64(c.numbers + c.texts)
	group, most, others := c.unitGroup()
	bare := max(c.by[asPlain].n, c.by[asUS].n, c.by[asEU].n)
	switch {
	case float64(c.nowhere) > mixedShare*total || float64(most+others+bare) < (1-strayShare)*total:
		return ""
	case others == 0 || float64(others) <= mixedShare*total:
		if float64(most) < mixedShare*total || float64(bare) < mixedShare*total {
			return ""
		}
		return fmt.Sprintf("%s of its values have the unit %s, as %.40q, %s have none: to learn from them as numbers, write them alike",
			digitsOf(most), group[0].name, group[0].sample, digitsOf(bare))
	}
	names := make([]string, 0, unitsMost)
	for _, name := range slices.Sorted(maps.Keys(c.units)) {
		names = append(names, fmt.Sprintf("%s in %s", digitsOf(c.units[name].n), name))
	}
	return fmt.Sprintf("its values are numbers in several units (%s), as %.40q: to learn from them as numbers, write them in one",
		strings.Join(names, ", "), group[0].sample)
}

// currencyCode is the code of a sign or word for money; other units are their own.
func currencyCode(unit string) string {
	switch unit {
	case "$", "US$", "usd":
		return "USD"
	case "€", "Eur", "Euro", "eur", "euro":
		return "EUR"
	case "£":
		return "GBP"
	case "Fr.", "SFr.":
		return "CHF"
	case "zł":
		return "PLN"
	case "Kč":
		return "CZK"
	case "R$":
		return "BRL"
	case "₹", "Rs", "Rs.":
		return "INR"
	}
	return unit
}
