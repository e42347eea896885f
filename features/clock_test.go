package features

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"millrace"
)

func TestTime(t *testing.T) {
	c := DefaultColumn("at", Time)
	c.Missing = "indicator"
	x := newExtractor(t, c)
	id, shape := compileView(t, x, millrace.ViewStandard)
	if !reflect.DeepEqual(shape, millrace.ViewShape{Width: 7, NonZeroMax: 7, NonZeroUsual: 1}) {
		t.Fatalf("%+v", shape)
	}
	angle := func(row []float32, part int, of float64) float64 {
		a := math.Atan2(float64(row[2*part]), float64(row[2*part+1])) / (2 * math.Pi) * of
		if a < -1e-3 {
			a += of
		}
		return a
	}
	random := rand.New(rand.NewPCG(13, 13))
	for range 500 {
		at := time.UnixMilli(random.Int64N(8e12) - 4e12).UTC() // from 1843 to 2096
		row := extract(t, x, millrace.ViewStandard, event(float64(at.UnixMilli())))
		midnight := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
		want := []float64{at.Sub(midnight).Hours(), float64((at.Weekday() + 6) % 7), float64(at.Month()-1) +
			float64(at.Day()-1)/31}
		for part, of := range []float64{24, 7, 12} {
			tolerance := 1e-4
			if part == 2 {
				tolerance = 0.15 // of months that are shorter, and the hours
			}
			if got := angle(row, part, of); math.Abs(math.Remainder(got-want[part], of)) > tolerance {
				t.Fatalf("%v: part %d is %v, want %v", at, part, got, want[part])
			}
		}
	}
	if got := extract(t, x, millrace.ViewStandard, event(nil)); got[6] != 1 || slices.Max(got[:6]) != 0 {
		t.Errorf("%v", got)
	}
	noon := time.Date(2024, 2, 29, 13, 30, 0, 0, time.UTC)
	if got := extract(t, x, millrace.ViewRaw, event(float64(noon.UnixMilli()))); got[0] != 13.5 {
		t.Errorf("raw: %v", got)
	}
	if got := x.FeatureName(id, 3); !slices.Equal(got, []string{"at (weekday, cosine)"}) {
		t.Errorf("%q", got)
	}
}

// The parts of a time with a zone are those that clocks there show, in summer and in winter.
func TestClockOfAZone(t *testing.T) {
	c := DefaultColumn("at", Time)
	c.Parts, c.Zone = []string{"hour", "weekday"}, "Europe/Berlin"
	if _, err := New(Spec{Columns: Columns{c}}); err == nil {
		t.Error("a zone that nobody looked up was taken for UTC")
	}
	var err error
	if c.Location, err = time.LoadLocation(c.Zone); err != nil {
		t.Fatal(err)
	}
	x := newExtractor(t, c)
	compileView(t, x, millrace.ViewRaw)
	for at, hour := range map[string]float64{"2024-01-31T23:30:00Z": 0.5, "2024-07-31T21:30:00Z": 23.5, "2024-07-31T22:30:00Z": 0.5} {
		moment, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		e := &millrace.Event{Fields: []millrace.Field{{Presence: millrace.Present, Number: float64(moment.UnixMilli())}}}
		if got := extract(t, x, millrace.ViewRaw, e); float64(got[0]) != hour {
			t.Errorf("%s: hour %v, want %v", at, got[0], hour)
		}
	}
}
