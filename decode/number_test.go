package decode

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"millrace"
)

// checkNumber compares parseNumber and skipNumber with encoding/json and strconv on one literal, and plainNumber with
// parseNumber.
func checkNumber(t *testing.T, literal string) {
	t.Helper()
	if literal == "" {
		return
	}
	for _, text := range []string{literal, literal + ",", literal + "}        ", literal + " 123456789"} {
		v, end, fault := parseNumber([]byte(text), 0)
		skipped, ok := skipNumber([]byte(text), 0)
		d := Decoder{data: []byte(text), event: &millrace.Event{Fields: make([]millrace.Field, 1)}}
		field := &d.event.Fields[0]
		switch plain := d.plainNumber(0, 0); {
		case fault != numberOK && plain > 0:
			t.Fatalf("%q is a plain number to %d, fault %d", text, plain, fault)
		case fault == numberOK && (plain != end || math.Float64bits(field.Number) != math.Float64bits(v)):
			t.Fatalf("%q is the plain number %v to %d, want %v to %d", text, field.Number, plain, v, end)
		}
		valid := json.Valid([]byte(literal)) && (literal[0] == '-' || literal[0]-'0' <= 9) && strings.TrimSpace(literal) == literal
		whole := fault != numberMalformed && end == len(literal)
		if valid != whole || (ok && skipped == len(literal)) != valid {
			t.Fatalf("%q in %q: end %d, fault %d, skipped to %d %v; JSON says %v", literal, text, end, fault, skipped, ok, valid)
		}
		if !valid {
			continue
		}
		want, err := strconv.ParseFloat(literal, 64)
		if (err != nil) != (fault == numberNotFinite) {
			t.Fatalf("%q: fault %d, strconv says %v", literal, fault, err)
		}
		if err == nil && math.Float64bits(v) != math.Float64bits(want) {
			t.Fatalf("%q: %v, want %v", literal, v, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, literal := range []string{
		"0", "-0", "0.0", "1", "-1", "9007199254740991", "9007199254740993", "1.7976931348623159e308", "1e22", "1e23", "1e-22",
		"123456789012345678", "18446744073709551616", "99999999999999999999", "0.000000000000000000000000001", "4.35",
		"0.30000000000000004", "5e-324", "2e-324", "1e-400", "1e999999999999", "0e999999999999", "1E+2", "1e-2", "1.5E5",
		"12345678.12345678", "0.12345678", "0.1234567", "0.123456789", "0.12345678901234567", "00", "01", "-", "-01", "1.", "1.e1",
		"1e", "1e+", "1ee1", "1.1.1", "--1", "0x1", "1_0", "0.", "-.5", "0.5e3", "0.1234567E10", "0.1e", "0.123e2", "0.123E2", "0.123u", "0.1234567e1", "0.1e-3", "0.1e", "0.12x", "-0.25", "0.0000000", "1e1.5", "8.", "1.12345678a", "1.1234567/", "1.:",
	} {
		checkNumber(t, literal)
	}
}

func TestRandomNumbers(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 20000 {
		bits := math.Float64frombits(random.Uint64())
		if math.IsNaN(bits) || math.IsInf(bits, 0) {
			continue
		}
		checkNumber(t, strconv.FormatFloat(bits, 'g', -1, 64))
		checkNumber(t, strconv.FormatFloat(random.NormFloat64()*1000, 'f', random.IntN(20), 64))
		checkNumber(t, fmt.Sprintf("%d.%de%d", random.IntN(1000), random.Uint64()>>random.IntN(64), random.IntN(60)-30))
	}
}

func FuzzNumber(f *testing.F) {
	for _, s := range []string{"1", "-0.5e-3", "12345678.87654321", "1e400", "01", "9007199254740993"} {
		f.Add(s)
	}
	f.Fuzz(checkNumber)
}
