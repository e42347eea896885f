package decode

import (
	"math"
	"strings"
	"testing"

	"millrace/features"
)

// TestDurations: what says how long something took is that in seconds, or none where it may be something else.
func TestDurations(t *testing.T) {
	nan := math.NaN()
	for text, want := range map[string]float64{
		"1h30m": 5400, "1h 30min": 5400, "2 days 3 hours": 183600, "90s": 90, "90 min": 5400, "1.5 h": 5400, "500ms": .5, "05 min": 300,
		"1 Std 5 Min": 3900, "-1h": -3600, "1d, 2h": 93600, "20µs": 20e-6,
		"00:12:30": 750, "100:00:00.5": 360000.5, "-00:00:01": -1, "0 days 00:12:30": 750, "1 day, 2:00:00": 93600,
		"PT5M": 300, "PT1H30M": 5400, "P1DT12H": 129600, "P2W": 1209600, "PT0.5S": .5, "-PT5M": -300,
		"12:30": nan, "12": nan, "5 m": nan, "1m1h": nan, "1h1h": nan, "1 month": nan, "P1M": nan, "P1Y": nan, "P": nan, "PT": nan, "PT5": nan, "P1DT": nan,
		"00:60:00": nan, "00:00:60": nan, "00:12:30 PM": nan, "1:2:3": nan, "2h 00:12:30": nan, "": nan, "-": nan, "h": nan, "1h3": nan, "1,5h": nan,
		"2024-01-01 00:00:00": nan, "1e3s": nan, "P-1D": nan, "1h -30m": nan, "1.h": nan,
	} {
		if got, ok := NumberDuration.Parse([]byte(text)); ok == math.IsNaN(want) || ok && math.Abs(got-want) > 1e-12*math.Abs(want) {
			t.Errorf("%q: %v, %v, want %v", text, got, ok, want)
		}
	}
}

// TestUnits: a number is read with its column's unit or without, and with no other.
func TestUnits(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		text          string
		unit          string
		plain, us, eu float64
	}{
		{"12 kg", "kg", 12, 12, 12},
		{"12kg", "kg", 12, 12, 12},
		{"12.5 kg", "kg", 12.5, 12.5, nan},
		{"1,234.5 kg", "kg", nan, 1234.5, nan},
		{"1.234,5 kg", "kg", nan, nan, 1234.5},
		{"-5 kg", "kg", -5, -5, -5},
		{"(5 kg)", "kg", nan, -5, -5},
		{"12", "kg", 12, 12, 12},
		{"12 g", "kg", nan, nan, nan},
		{"12 kg kg", "kg", nan, nan, nan},
		{"kg", "kg", nan, nan, nan},
		{"$ 12", "kg", nan, nan, nan},
		{"12 %", "kg", nan, nan, nan},
		{"EUR 12", "€|EUR", 12, 12, 12},
		{"12 €", "€|EUR", 12, 12, 12},
		{"12 USD", "€|EUR", nan, nan, nan},
		{"12 years", "year|years", 12, 12, 12},
		{"1 year", "year|years", 1, 1, 1},
		{"12 m2", "m2", 12, 12, 12},
		{"m212", "m2", nan, nan, nan},
		{"2k", "k|M", 2000, 2000, 2000},
		{"1.5M", "k|M", 1.5e6, 1.5e6, nan},
		{"300", "k|M", 300, 300, 300},
		{"$1.5M", "$|M", 1.5e6, 1.5e6, nan},
		{"$ 1.5 M", "$|M", 1.5e6, 1.5e6, nan},
		{"1.5 k$", "$|k", 1500, 1500, nan},
		{"1,5 Mio. €", "€|Mio.", nan, nan, 1.5e6},
		{"$12", "$|M", 12, 12, 12},
		{"12 k M", "k|M", nan, nan, nan},
		{"$12$", "$|M", nan, nan, nan},
		{"$M", "$|M", nan, nan, nan},
		{"-2 Tsd.", "Tsd.|Mio", -2000, -2000, -2000},
		{"5 m", "m", 5, 5, 5},
		{"1e3 kg", "kg", 1000, 1000, 1000},
	} {
		for format, want := range map[NumberFormat]float64{NumberPlain: c.plain, NumberUS: c.us, NumberEU: c.eu} {
			got, ok := format.ParseUnit([]byte(c.text), strings.Split(c.unit, "|"))
			if ok == math.IsNaN(want) || ok && got != want {
				t.Errorf("%q as %q with %s: %v, %v, want %v", c.text, format, c.unit, got, ok, want)
			}
		}
	}
}

// TestUnitsOfColumns: a feature and a label have their own, and what is rejected says which belongs there.
func TestUnitsOfColumns(t *testing.T) {
	spec := testSpec()
	spec.Columns[0].Unit, spec.Columns[0].Gaps = []string{"kg"}, []string{"0 kg"}
	spec.Label = LabelSpec{Path: "y", Type: "number", Format: "duration"}
	d := newDecoderOf(t, spec)
	e, err := decode(d, `{"amount":"12 kg","y":"1h30m"}`)
	if err != nil || e.Fields[0].Number != 12 || e.Label.Value != 5400 {
		t.Errorf("%+v, %v", e, err)
	}
	if e, err = decode(d, `{"amount":"0 kg","y":60}`); err != nil || e.Fields[0].Presence != 0 || e.Label.Value != 60 {
		t.Errorf("%+v, %v", e, err)
	}
	if _, err = decode(d, `{"amount":"12 g","y":1}`); err == nil || !strings.Contains(err.Error(), "a number with the unit kg, or without, belongs there") {
		t.Errorf("another unit: %v", err)
	}
	late := LabelSpec{Path: "y", Type: "number", Unit: []string{"min"}, Topic: "labels", ID: "id"}
	if e, err := decode(newDecoderOf(t, late.LabelRecordSpec(spec.Limits)), `{"id":"a","y":"5 min"}`); err != nil || e.Label.Value != 5 {
		t.Errorf("a label record: %+v, %v", e.Label, err)
	}
}

// TestUnitFaults: what would take digits or signs off numbers is no unit.
func TestUnitFaults(t *testing.T) {
	for _, unit := range []string{"", " kg", "5kg", "-", "-kg", "e", "()", strings.Repeat("k", 17)} {
		if len(features.UnitFaults([]string{unit}, "")) == 0 {
			t.Errorf("%q is taken for a unit", unit)
		}
	}
	if faults := features.UnitFaults([]string{"kg", "€", "°C", "km/h", "sq. ft", "%"}, "us"); len(faults) > 0 {
		t.Errorf("%q", faults)
	}
	if len(features.UnitFaults([]string{"h"}, "duration")) == 0 {
		t.Error("a duration has no unit beside its own")
	}
}

// FuzzDurations: whatever is read is finite and has digits.
func FuzzDurations(f *testing.F) {
	for _, text := range []string{"1h30m", "00:12:30", "PT5M", "2 days 03:00:00", "-1.5 h"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, ok := NumberDuration.Parse([]byte(text))
		if ok && (math.IsNaN(v) || math.IsInf(v, 0) || !strings.ContainsAny(text, "0123456789")) {
			t.Errorf("%q: %v", text, v)
		}
	})
}
