package infer

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"millrace/features"
)

// idSeen is what tells numbers that count or name something from amounts. The order is that of the rows.
type idSeen struct {
	whole        int64 // values that are whole numbers, digits in a text as well
	digitTexts   int64 // of the texts, digits alone
	padded       int64 // of those, with zeros in front
	phones       int64 // of the texts, digits as telephones, cards and accounts have them, with their spaces and signs
	fewestDigits int
	mostDigits   int
	previous     int64 // whole number
	least        int64
	largest      int64
	rises, falls int64 // of the whole numbers, those above and below the one before
	ups, downs   int64 // of those, by one
}

const (
	// sequenceShare of the values that follow the one before make a sequence: files are joined, topics have partitions.
	sequenceShare = 0.95
	// sequenceGap is how far apart on average the values of a sequence are at most: some rows may be filtered out.
	sequenceGap = 10
	// paddedShare of digits with zeros in front make a field a code; a single one is a slip.
	paddedShare = 0.005
	// digitsLong digits are rather a name than an amount, if all values have as many; digitsExact are more than amounts
	// have, and than a float64 keeps.
	digitsLong, digitsExact = 10, 16
)

// wholeNumber looks at a whole number of so many digits.
func (s *idSeen) wholeNumber(x int64, digits int) {
	s.digits(digits)
	switch {
	case s.whole == 0:
		s.least, s.largest = x, x
	case x > s.previous:
		s.rises++
		if x == s.previous+1 {
			s.ups++
		}
	case x < s.previous:
		s.falls++
		if x == s.previous-1 {
			s.downs++
		}
	}
	s.least, s.largest, s.previous = min(s.least, x), max(s.largest, x), x
	s.whole++
}

func (s *idSeen) digits(n int) {
	if s.fewestDigits == 0 || n < s.fewestDigits {
		s.fewestDigits = n
	}
	s.mostDigits = max(s.mostDigits, n)
}

// digitText looks at a text.
func (s *idSeen) digitText(text []byte) {
	if len(text) == 0 || len(text) > textMax {
		return
	}
	digits := 0
	for _, b := range text {
		if b >= '0' && b <= '9' {
			digits++
		} else if !bytes.ContainsRune([]byte(" -()/.+"), rune(b)) {
			return
		}
	}
	if digits == len(text) {
		s.digitTexts++
		if digits > 1 && text[0] == '0' {
			s.padded++
		}
		if x, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			s.wholeNumber(x, digits)
			return
		}
		s.digits(digits)
		return
	}
	const fewest, most, long = 7, 20, 12
	if _, err := strconv.ParseFloat(string(text), 64); err == nil || digits < fewest || digits > most {
		return
	}
	if bytes.IndexByte([]byte("+(0"), text[0]) >= 0 || digits >= long {
		s.phones++
	}
}

// totalsMost rows of so many may be sums of others, which have a word where those have their number.
func totalsMost(rows int64) int64 { return max(1, rows/1000) }

// rowNumber says of a field that numbers the rows how it does; empty for any other. What was numbered so never comes
// again, so nothing can be learned from it for the next event.
func (c *column) rowNumber() string {
	n := c.values()
	if n < differentRows || c.whole < n-totalsMost(n) || !c.nearlyAll() || datedWords.any(nameWords(c.last())) ||
		c.least >= timeFrom && c.largest <= timeTo { // it may be a time, a second a row
		return ""
	}
	n = c.whole
	span, steps := float64(c.largest)-float64(c.least), float64(n-1)
	if span+1 < float64(n) || span > sequenceGap*float64(n) { // it goes round, or has steps of its own
		return ""
	}
	switch {
	case float64(max(c.ups, c.downs)) >= sequenceShare*steps:
		return fmt.Sprintf("counts the rows, %d to %d", c.least, c.largest)
	case float64(max(c.rises, c.falls)) >= sequenceShare*steps:
		return fmt.Sprintf("rises with the rows, %d to %d, and nearly no value comes twice", c.least, c.largest)
	case span < 1.02*float64(n):
		return fmt.Sprintf("numbers the rows in another order, %d to %d", c.least, c.largest)
	}
	return ""
}

// rowNumbers takes fields that number the rows as features, where there is nothing else: of two columns, say, x and y.
func (p *plan) rowNumbers() {
	for _, c := range p.seen.columns {
		if c == p.label || c.lists > 0 || c.rowNumber() == "" || slices.Contains(c.keys, "") {
			continue
		}
		f := feature{Column: features.DefaultColumn(c.name, features.Number), note: c.rowNumber() + "; a feature as there is no other"}
		if c.path != f.Name {
			f.Path = c.path
		}
		if c.texts > 0 {
			continue // digits in quotes are no number
		}
		p.features = append(p.features, f)
		p.left = slices.DeleteFunc(p.left, func(l LeftOut) bool { return l.Field == c.path })
	}
}

// code says of a field of digits, or of numbers, that they name something and are no amounts, and why; empty for any
// other.
func (c *column) code() string {
	n := c.values()
	words := nameWords(c.last())
	switch {
	case n == 0 || c.booleans > 0 || c.binary && c.texts == 0:
		return ""
	case float64(c.phones+c.whole) >= sequenceShare*float64(n) && float64(c.phones) > strayShare*float64(n):
		return "digits as of a telephone, card or account"
	case c.numbers > max(c.integers, c.bare), float64(c.texts-c.digitTexts-c.phones) > strayShare*float64(n):
		return ""
	case c.padded > 1 && float64(c.padded) >= paddedShare*float64(n):
		return "digits with zeros in front"
	case c.texts == 0 && idLike(c.last()): // no number has a fraction
		return "whole numbers, but named as an id"
	case codeName(words) && c.fewestDigits > 0 && c.min >= 0:
		return "whole numbers, but named as a code"
	case c.longDigits(words):
		return fmt.Sprintf("numbers of %d digits", c.mostDigits)
	}
	return ""
}

// longDigits reports whether all values have so many digits that they name rather than measure something, and are no
// times.
func (c *column) longDigits(words []string) bool {
	if c.numbers+c.digitTexts == 0 || c.fewestDigits < digitsLong || c.mostDigits > c.fewestDigits+1 || c.min < 0 ||
		amountWords.any(words) || datedWords.any(words) {
		return false
	}
	if c.fewestDigits >= digitsExact && c.fewestDigits != len("1700000000000000") && c.fewestDigits != len("1700000000000000000") {
		return true
	}
	for _, unit := range []int64{1, 1e3, 1e6, 1e9} { // s, ms, µs, ns of the years 1990 to 2100
		if c.whole > 0 && c.least/unit >= timeFrom && c.largest/unit <= timeTo {
			return false
		}
	}
	return true
}

// Seconds of the years 1990 to 2100.
const timeFrom, timeTo = 631_152_000, 4_102_444_800

// leftOut says of a code or of a number of rows why nothing can be learned from it; empty if something can.
func (c *column) leftOut() string {
	if why := c.rowNumber(); why != "" {
		return why
	}
	if why := c.code(); why != "" && c.values() >= differentRows && c.nearlyAll() {
		return fmt.Sprintf("%s, and nearly every value is another one, as %.40q", why, c.sample)
	}
	return ""
}

// hints adds to what was left out that it may be the events' id, where they have none, and what a backslash means.
func (p *plan) hints() {
	named, dotted := p.id != nil, false
	for i := range p.left {
		l := &p.left[i]
		at := slices.IndexFunc(p.seen.columns, func(c *column) bool { return c.path == l.Field })
		if at < 0 {
			continue
		}
		if c := p.seen.columns[at]; !named && c.lists == 0 && c.rowNumber() == "" && c.values() == p.rows && p.rows >= differentRows && c.allDifferent() {
			named = true
			l.Why += fmt.Sprintf("; if it is the events' id, write events: {id: %s}", scalar(c.path))
		}
		if !dotted && strings.Contains(l.Field, `\.`) {
			dotted = true
			l.Why += ` (\. is a dot of the name, in paths)`
		}
	}
}

// codeName reports whether a name is that of a code, though its values may be numbers: zip_code, plz, order_no.
func codeName(words []string) bool {
	if len(words) == 0 {
		return false
	}
	last := words[len(words)-1]
	if codeWords[last] {
		return true
	}
	if len(last) > len("nummer") && (strings.HasSuffix(last, "nummer") || strings.HasSuffix(last, "nr")) {
		return true
	}
	return len(words) > 1 && slices.Contains([]string{"no", "nr", "nbr", "num", "number", "nummer"}, last) && numberedWords[words[len(words)-2]]
}

var codeWords = wordsOf("zip zipcode plz postcode postleitzahl postal postalcode code codes barcode phone phonenumber telephone telefon tel",
	"mobile msisdn fax account acct konto iban card cardnumber ssn ein qid isbn ean upc gtin sku vin imei naics sic fips cusip npi pin")

var numberedWords = wordsOf("account acct card phone telephone mobile customer client order invoice ticket contract policy serial part item",
	"product article document transaction reference ref receipt tracking batch lot vehicle flight train room loan member patient",
	"employee student case user session request merchant movie event payment visitor store shop branch department dept",
	"terminal machine device sensor site station")

// amountWords are in names of what is measured, however many digits it has.
var amountWords = wordsOf("amount price cost value bytes byte size count total sum balance revenue population salary income volume cap area",
	"distance length width height weight mass duration elapsed budget sales gdp turnover profit debt pixels hz cents cent")

// datedWords are in names of times: their numbers are no codes, and rise for a reason.
var datedWords = wordsOf("date datetime time timestamp ts epoch year yr years jahr month mnth monat week woche day days tag hour hours",
	"minute minutes second seconds ms ns us quarter season age")
