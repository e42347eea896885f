package decode

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"

	"millrace"
)

// TestNumberFormats: what people write is the number they mean, or none.
func TestNumberFormats(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		text          string
		plain, us, eu float64 // NaN: no number
	}{
		{"12", 12, 12, 12},
		{"-7", -7, -7, -7},
		{"0", 0, 0, 0},
		{"1e3", 1000, 1000, 1000},
		{"1.5e-3", .0015, .0015, nan},
		{"1,5e3", nan, nan, 1500},
		{"1.5", 1.5, 1.5, nan},
		{"1.234", 1.234, 1.234, 1234},
		{"1,234", nan, 1234, 1.234},
		{"1,23", nan, nan, 1.23},
		{"0,123", nan, nan, .123},
		{"0.123", .123, .123, nan},
		{"1234,5", nan, nan, 1234.5},
		{"1,234.50", nan, 1234.5, nan},
		{"1.234,56", nan, nan, 1234.56},
		{"1,234,567", nan, 1234567, nan},
		{"1,234567", nan, nan, 1.234567},
		{"12,34,567", nan, nan, nan},
		{"1234,567", nan, nan, 1234.567},
		{"1.234.567,8", nan, nan, 1234567.8},
		{"1'234.5", nan, 1234.5, nan},
		{"1’234.5", nan, 1234.5, nan},
		{"'12.5", nan, 12.5, nan},
		{" '-12", nan, -12, -12},
		{"'007", nan, nan, nan},
		{"''12", nan, nan, nan},
		{"'", nan, nan, nan},
		{"1'234,5", nan, nan, 1234.5},
		{"1 234,5", nan, nan, 1234.5},
		{"1 234.5", nan, 1234.5, nan},
		{"1\u00a0234,5", nan, nan, 1234.5},
		{"1\u202f234,5", nan, nan, 1234.5},
		{"1\u202f234 567", nan, 1234567, 1234567},
		{"1 234'567", nan, nan, nan},
		{"$ 1,200", nan, 1200, 1.2},
		{"$1,200.00", nan, 1200, nan},
		{"-$5", nan, -5, -5},
		{"$-5", nan, -5, -5},
		{"- 5", nan, -5, -5},
		{"−5", nan, -5, -5},
		{"+5", nan, 5, 5},
		{"--5", nan, nan, nan},
		{"-5-", nan, nan, nan},
		{"(1,200)", nan, -1200, -1.2},
		{"($1,200.5)", nan, -1200.5, nan},
		{"(1,200.5) USD", nan, -1200.5, nan},
		{"$(1,200.5)", nan, -1200.5, nan},
		{"(-5)", nan, nan, nan},
		{"(5", nan, nan, nan},
		{"()", nan, nan, nan},
		{"1.200,00-", nan, nan, -1200},
		{"1,200.00-", nan, -1200, nan},
		{"12.5 %", nan, 12.5, nan},
		{"12,5%", nan, nan, 12.5},
		{"%12", nan, 12, 12},
		{"$5%", nan, nan, nan},
		{"1.200 €", nan, 1.2, 1200},
		{"€1.200,50", nan, nan, 1200.5},
		{"EUR 1.200,50", nan, nan, 1200.5},
		{"1.200,50 EUR", nan, nan, 1200.5},
		{"1 200,50 zł", nan, nan, 1200.5},
		{"1.200,50 kr.", nan, nan, 1200.5},
		{"Fr. 1'200.50", nan, 1200.5, nan},
		{"US$ 12", nan, 12, 12},
		{"12 R$", nan, 12, 12},
		{"$ 5 USD", nan, nan, nan},
		{"REF 123", nan, nan, nan},
		{"SKU123", nan, nan, nan},
		{"12 kg", nan, nan, nan},
		{".5", nan, .5, nan},
		{",5", nan, nan, .5},
		{"5.", nan, 5, nan},
		{"5,", nan, nan, 5},
		{".", nan, nan, nan},
		{",", nan, nan, nan},
		{"-.", nan, nan, nan},
		{"007", nan, nan, nan},
		{"01,234", nan, nan, nan},
		{"1,234 ", nan, 1234, 1.234},
		{"\u00a01,234", nan, 1234, 1.234},
		{"1,,234", nan, nan, nan},
		{"1,234,", nan, nan, nan},
		{"1.2.3", nan, nan, nan},
		{"192.168.1.1", nan, nan, nan},
		{"31.12.2024", nan, nan, nan},
		{"12:30", nan, nan, nan},
		{"1e", nan, nan, nan},
		{"1e5.5", nan, nan, nan},
		{"e3", nan, nan, nan},
		{"1e999", nan, nan, nan},
		{"NaN", nan, nan, nan},
		{"inf", nan, nan, nan},
		{"0x1F", nan, nan, nan},
		{"1_000", nan, nan, nan},
		{"", nan, nan, nan},
		{" ", nan, nan, nan},
		{"-", nan, nan, nan},
		{"$", nan, nan, nan},
		{"%", nan, nan, nan},
		{"1" + strings.Repeat("0", 63), 1e63, 1e63, 1e63},
		{"1" + strings.Repeat("0", 64), 1e64, 1e64, 1e64},
		{"\xff1", nan, nan, nan},
	} {
		for format, want := range map[NumberFormat]float64{NumberPlain: c.plain, NumberUS: c.us, NumberEU: c.eu} {
			got, ok := format.Parse([]byte(c.text))
			if ok == math.IsNaN(want) || ok && math.Float64bits(got) != math.Float64bits(want) {
				t.Errorf("%q as %q: %v, %v, want %v", c.text, format, got, ok, want)
			}
		}
	}
}

// TestNumberFormatAllocates: nothing.
func TestNumberFormatAllocates(t *testing.T) {
	for _, text := range []string{"1,234.50", "$ 1,200", "12.5 %", "1234.5678901234567890123", "no number"} {
		b := []byte(text)
		if n := testing.AllocsPerRun(100, func() { NumberUS.Parse(b) }); n > 0 {
			t.Errorf("%q: %v allocations", text, n)
		}
	}
}

// TestWrittenNumbers: a feature, a label and a label record read texts as their column says, JSON numbers all the same.
func TestWrittenNumbers(t *testing.T) {
	spec := testSpec()
	spec.Columns[0].Format = "eu"
	spec.Label = LabelSpec{Path: "y", Type: "number", Format: "us"}
	d := newDecoderOf(t, spec)
	for _, c := range []struct {
		event        string
		amount, y    float64
		reason, path string
	}{
		{`{"amount":"1.234,5","y":"1,234.5"}`, 1234.5, 1234.5, "", ""},
		{`{"amount":"1\u00a0234,5 \u20ac","y":" $ 12"}`, 1234.5, 12, "", ""},
		{`{"amount":1.234,"y":1.234}`, 1.234, 1.234, "", ""},
		{`{"amount":"1.234","y":"1.234"}`, 1234, 1.234, "", ""},
		{`{"amount":"12.5","y":1}`, 0, 0, "wrong_type", "amount"},
		{`{"amount":true,"y":1}`, 0, 0, "wrong_type", "amount"},
		{`{"amount":"1,2","y":"1,2"}`, 1.2, 0, "bad_label", "y"},
	} {
		e, err := decode(d, c.event)
		var fault *millrace.Rejection
		if !errors.As(err, &fault) {
			fault = e.Label.Fault
		}
		switch {
		case fault != nil && (string(fault.Reason) != c.reason || fault.Path != c.path):
			t.Errorf("%s: %v", c.event, fault)
		case fault == nil && (c.reason != "" || e.Fields[0].Number != c.amount || e.Label.Value != c.y):
			t.Errorf("%s: %v and %+v, want %v and %v", c.event, e.Fields[0].Number, e.Label, c.amount, c.y)
		}
	}
	late := spec.Label
	late.Topic, late.ID = "labels", "id"
	if e, err := decode(newDecoderOf(t, late.LabelRecordSpec(spec.Limits)), `{"id":"a","y":"1,234"}`); err != nil || e.Label.Value != 1234 {
		t.Errorf("a label record: %+v, %v", e.Label, err)
	}
	weighted := testSpec()
	weighted.Label.Weight = "w"
	if e, err := decode(newDecoderOf(t, weighted), `{"w":"2.5","y":"yes"}`); err != nil || e.Label.Importance() != 2.5 {
		t.Errorf("a weight in quotes: %+v, %v", e.Label, err)
	}
}

// FuzzNumberFormats: what a format reads is what strconv reads of the text without marks and affixes.
func FuzzNumberFormats(f *testing.F) {
	for _, text := range []string{"1,234.50", "1.234,5", "$ 1,200", "(1,200)", "12.5 %", "1'234.5", "1 234", "1e3", "-", "€"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, format := range []NumberFormat{NumberPlain, NumberUS, NumberEU} {
			got, ok := format.Parse([]byte(text))
			if !ok {
				continue
			}
			point := "."
			if format == NumberEU {
				point = ","
			}
			core := strings.Map(func(r rune) rune {
				if r >= '0' && r <= '9' || string(r) == point {
					return r
				}
				return -1
			}, text)
			if strings.ContainsAny(text, "eE") { // an exponent, or a letter of a currency
				continue
			}
			want, err := strconv.ParseFloat(strings.Replace(core, ",", ".", 1), 64)
			if point := strings.IndexByte(core, '.'); format != NumberEU && err != nil && point >= 0 {
				return // of kr. or Fr.
			}
			if err != nil || math.Abs(got) != want || math.IsInf(got, 0) {
				t.Errorf("%q as %q: %v, and %v of %q: %v", text, format, got, want, core, err)
			}
		}
	})
}

func BenchmarkNumberFormat(b *testing.B) {
	for _, text := range []string{"1234", "1,234.50", "$ 1,200.00", "1.234,50"} {
		format := NumberUS
		if strings.HasSuffix(text, ",50") {
			format = NumberEU
		}
		raw := []byte(text)
		b.Run(text, func(b *testing.B) {
			for b.Loop() {
				format.Parse(raw)
			}
		})
	}
}
