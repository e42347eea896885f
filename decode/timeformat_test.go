package decode

import (
	"testing"
	"time"
	_ "time/tzdata" // the zones of the tests, on machines without a database

	"millrace"
	"millrace/features"
)

// format is a format of times in a zone, which is UTC when empty.
func format(t testing.TB, order, zone string) TimeFormat {
	t.Helper()
	var location *time.Location
	if zone != "" {
		var err error
		if location, err = time.LoadLocation(zone); err != nil {
			t.Fatal(err)
		}
	}
	f, err := NewTimeFormat(order, zone, location)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// times are times as people and programs write them, by order, and what they mean in RFC 3339; empty is refused.
func times() map[string]map[string]string {
	return map[string]map[string]string{
		features.FormatYMD: {
			"2024-01-31 00:21:00":             "2024-01-31T00:21:00Z",
			"2024-01-31T00:21:00":             "2024-01-31T00:21:00Z",
			"2024-01-31t00:21:00z":            "2024-01-31T00:21:00Z",
			"2024-01-31 00:21:00.123456":      "2024-01-31T00:21:00.123Z",
			"2024-01-31 00:21:00,5":           "2024-01-31T00:21:00.5Z",
			"2024-01-31 00:21":                "2024-01-31T00:21:00Z",
			"2024-01-31 0:21":                 "2024-01-31T00:21:00Z",
			" 2024-01-31  00:21:00 ":          "2024-01-31T00:21:00Z",
			"2024-01-31 00:21:00+02:00":       "2024-01-30T22:21:00Z",
			"2024-01-31 00:21:00 +0200":       "2024-01-30T22:21:00Z",
			"2024-01-31 00:21:00-08":          "2024-01-31T08:21:00Z",
			"2024-01-31T00:21:00.5+0200":      "2024-01-30T22:21:00.5Z",
			"2024-01-31 00:21:00 UTC":         "2024-01-31T00:21:00Z",
			"2024-01-31 00:21:00 GMT":         "2024-01-31T00:21:00Z",
			"2024-01-31 00:21:00 +0000 UTC":   "",
			"2024-01-31":                      "2024-01-31T00:00:00Z",
			"2024/01/31":                      "2024-01-31T00:00:00Z",
			"2024.1.3 4:05":                   "2024-01-03T04:05:00Z",
			"20240131":                        "2024-01-31T00:00:00Z",
			"20240131T002100Z":                "2024-01-31T00:21:00Z",
			"20240131002100":                  "2024-01-31T00:21:00Z",
			"20240131 00:21":                  "2024-01-31T00:21:00Z",
			"31-Jan-2024":                     "2024-01-31T00:00:00Z",
			"31. Januar 2024":                 "2024-01-31T00:00:00Z",
			"1. März 2024 14:30":              "2024-03-01T14:30:00Z",
			"1. MÄRZ 2024":                    "2024-03-01T00:00:00Z",
			"03-Okt-2024":                     "2024-10-03T00:00:00Z",
			"31 janvier 2024":                 "2024-01-31T00:00:00Z",
			"15 août 2024 08:05:00":           "2024-08-15T08:05:00Z",
			"1 déc. 2024":                     "2024-12-01T00:00:00Z",
			"31 de enero de 2024":             "2024-01-31T00:00:00Z",
			"5 mayo 2024":                     "2024-05-05T00:00:00Z",
			"5\u00a0mai\u00a02024":            "2024-05-05T00:00:00Z",
			"31 January 2024 00:21":           "2024-01-31T00:21:00Z",
			"31/Jan/2024:00:21:00 +0200":      "2024-01-30T22:21:00Z",
			"Jan 31, 2024":                    "2024-01-31T00:00:00Z",
			"January 31, 2024, 12:21 AM":      "2024-01-31T00:21:00Z",
			"Wed, 31 Jan 2024 00:21:00 GMT":   "2024-01-31T00:21:00Z",
			"Wed, 31 Jan 2024 00:21:00 +0200": "2024-01-30T22:21:00Z",
			"1706660460":                      "2024-01-31T00:21:00Z",
			"1706660460.5":                    "2024-01-31T00:21:00.5Z",
			"1706660460123":                   "2024-01-31T00:21:00.123Z",
			"1706660460123456":                "2024-01-31T00:21:00.123Z",
			"1706660460123456789":             "2024-01-31T00:21:00.123Z",
			"-1706660460":                     "1915-12-02T23:39:00Z",
			"31.01.2024":                      "", "01/31/2024": "", "2024": "", "20240132": "", "2024-01-32": "", "2023-02-29": "", "2024-13-01": "",
			"2024-01-31 24:00:00": "", "2024-01-31 00:60": "", "2024-01-31 00:21:60": "", "2024-01-31 00:21:00 CET": "",
			"2024-01-31 00:21:00 +24:00": "", "2024-01-31 00:21.5": "", "2024-01-31 00": "", "2024-01-31T": "", "2024-01-31 x": "",
			"2024-01/31": "", "2024-01-31 00:21:00 Z Z": "", "2024-01-31 00:21:00.": "", "2024-01-31 13:00 PM": "", "2024-01-31 0:00 AM": "",
			"31-Foo-2024": "", "Jan 31 24": "", "12345678.5": "", "1e9": "", "soon": "", "": "", "-": "", "1706660460.": "", "2024-1": "",
			"999999999999999999999": "", "192.168.1.1": "", "2024-01-3100:21:00": "",
		},
		features.FormatDMY: {
			"31.12.2024":             "2024-12-31T00:00:00Z",
			"31/12/2024":             "2024-12-31T00:00:00Z",
			"31-12-2024":             "2024-12-31T00:00:00Z",
			"1.2.2024":               "2024-02-01T00:00:00Z",
			"01.02.24 7:05":          "2024-02-01T07:05:00Z",
			"01.02.69":               "1969-02-01T00:00:00Z",
			"01.02.68":               "2068-02-01T00:00:00Z",
			"31.12.2024 13:05:07.25": "2024-12-31T13:05:07.25Z",
			"31.12.2024, 13:05 Z":    "2024-12-31T13:05:00Z",
			"2024-12-31 13:05":       "2024-12-31T13:05:00Z",
			"31-Dec-24":              "2024-12-31T00:00:00Z",
			"12/31/2024":             "", "31.12/2024": "", "31.12.024": "", "31.12": "", "31 12 2024": "", "29.2.2023": "", "1.2.3.4": "",
		},
		features.FormatMDY: {
			"12/31/2024":                    "2024-12-31T00:00:00Z",
			"12-31-2024":                    "2024-12-31T00:00:00Z",
			"1/2/2024 12:05 AM":             "2024-01-02T00:05:00Z",
			"1/2/2024 12:05:06 pm":          "2024-01-02T12:05:06Z",
			"1/2/2024, 1:05:06 p.m.":        "2024-01-02T13:05:06Z",
			"1/2/2024, 1:05:06\u202fPM":     "2024-01-02T13:05:06Z",
			"1/2/2024 11:05PM":              "2024-01-02T23:05:00Z",
			"1/2/2024 11:05 PM -0800":       "2024-01-03T07:05:00Z",
			"31/12/2024":                    "",
			"31 Dec 2024":                   "2024-12-31T00:00:00Z",
			"1/2/2024 11:05 P":              "",
			"Tuesday, December 31, 2024":    "2024-12-31T00:00:00Z",
			"2024-12-31T13:05:00.000+01:00": "2024-12-31T12:05:00Z",
		},
	}
}

func TestTimeFormats(t *testing.T) {
	for order, texts := range times() {
		f := format(t, order, "")
		for text, want := range texts {
			ms, ok := f.Parse([]byte(text))
			if ok != (want != "") {
				t.Errorf("%s %q: %d, %v; want %q", order, text, ms, ok, want)
				continue
			}
			if !ok {
				continue
			}
			at, err := time.Parse(time.RFC3339Nano, want)
			if err != nil || at.UnixMilli() != ms {
				t.Errorf("%s %q: %v, want %s (%v)", order, text, time.UnixMilli(ms).UTC(), want, err)
			}
		}
	}
}

// TestZones: a time without an offset is of the zone, also on the days when its clocks change.
func TestZones(t *testing.T) {
	for _, c := range []struct{ zone, text, want string }{
		{"Europe/Berlin", "2024-01-31 12:00:00", "2024-01-31T11:00:00Z"},
		{"Europe/Berlin", "2024-07-31 12:00:00", "2024-07-31T10:00:00Z"},
		{"Europe/Berlin", "2024-07-31", "2024-07-30T22:00:00Z"},
		{"Europe/Berlin", "2024-07-31T12:00:00Z", "2024-07-31T12:00:00Z"},
		{"Europe/Berlin", "2024-07-31 12:00:00 -0500", "2024-07-31T17:00:00Z"},
		{"Europe/Berlin", "1706660460", "2024-01-31T00:21:00Z"},
		// Set forward at two: half past two never was, and is an hour later by the new clock.
		{"Europe/Berlin", "2024-03-31 01:59:59", "2024-03-31T00:59:59Z"},
		{"Europe/Berlin", "2024-03-31 02:30:00", "2024-03-31T01:30:00Z"},
		{"Europe/Berlin", "2024-03-31 03:00:00", "2024-03-31T01:00:00Z"},
		// Set back at three: half past two came twice, and is the first of the two.
		{"Europe/Berlin", "2024-10-27 02:30:00", "2024-10-27T00:30:00Z"},
		{"Europe/Berlin", "2024-10-27 03:00:00", "2024-10-27T02:00:00Z"},
		{"America/New_York", "2024-03-10 02:30:00", "2024-03-10T07:30:00Z"},
		{"America/New_York", "2024-11-03 01:30:00", "2024-11-03T05:30:00Z"},
		{"America/New_York", "2024-11-03 02:00:00", "2024-11-03T07:00:00Z"},
		{"Asia/Kolkata", "2024-07-31 12:00:00", "2024-07-31T06:30:00Z"},
		{"Australia/Lord_Howe", "2024-10-06 02:15:00", "2024-10-05T15:45:00Z"}, // half an hour forward
		{"Pacific/Apia", "2011-12-30 12:00:00", "2011-12-30T22:00:00Z"},        // a day that was left out
		{"Pacific/Apia", "2011-12-31 00:00:00", "2011-12-30T10:00:00Z"},
	} {
		ms, ok := format(t, "", c.zone).Parse([]byte(c.text))
		if at, _ := time.Parse(time.RFC3339, c.want); !ok || at.UnixMilli() != ms {
			t.Errorf("%s %s: %v, %v; want %s", c.zone, c.text, time.UnixMilli(ms).UTC(), ok, c.want)
		}
	}
}

// Every quarter of an hour of a year, as the zone's clocks show it, is read as itself; of what they show twice the
// first.
func TestZonesOfAYear(t *testing.T) {
	for _, zone := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe"} {
		f := format(t, "", zone)
		seen := make(map[string]bool)
		for at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() == 2024; at = at.Add(15 * time.Minute) {
			text := at.In(f.zone).Format("2006-01-02 15:04:05")
			if ms, ok := f.Parse([]byte(text)); !ok || ms != at.UnixMilli() && !seen[text] {
				t.Fatalf("%s %s: %v, %v; want %v", zone, text, time.UnixMilli(ms).UTC(), ok, at)
			}
			seen[text] = true
		}
	}
}

func TestNewTimeFormatRefuses(t *testing.T) {
	if _, err := NewTimeFormat("yyyy", "", nil); err == nil {
		t.Error("an unknown order was taken")
	}
	if _, err := NewTimeFormat("", "Europe/Nowhere", nil); err == nil {
		t.Error("a zone that nobody found was taken for UTC")
	}
}

func TestTimesAllocateNothing(t *testing.T) {
	for order, texts := range times() {
		f := format(t, order, "Europe/Berlin")
		for text := range texts {
			b := []byte(text)
			if n := testing.AllocsPerRun(10, func() { f.Parse(b) }); n > 0 {
				t.Errorf("%s %q: %v allocations", order, text, n)
			}
		}
	}
}

// FuzzTimeFormat: what is read is within the years that four digits write, and the same when it is written out.
func FuzzTimeFormat(f *testing.F) {
	for order, texts := range times() {
		for text := range texts {
			f.Add(text, order)
		}
	}
	zone := format(f, "", "Europe/Berlin")
	f.Fuzz(func(t *testing.T, text, order string) {
		utc, err := NewTimeFormat(order, "", nil)
		if err != nil {
			return
		}
		local := TimeFormat{order: utc.order, zone: zone.zone}
		ms, ok := utc.Parse([]byte(text))
		inBerlin, okInBerlin := local.Parse([]byte(text))
		if ok != okInBerlin {
			t.Fatalf("%q %s: read in one zone alone", text, order)
		}
		if !ok {
			return
		}
		if d := ms - inBerlin; d < 0 || d > 2*3600*1000 {
			t.Fatalf("%q: %d in UTC, %d in Berlin", text, ms, inBerlin)
		}
		at := time.UnixMilli(ms).UTC()
		if at.Year() < -1 || at.Year() > 10000 {
			t.Fatalf("%q is of the year %d", text, at.Year())
		}
		if at.Year() < 0 || at.Year() > 9999 {
			return
		}
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.000", "2006-01-02 15:04:05.000 -0700"} {
			if again, ok := utc.Parse([]byte(at.Format(layout))); !ok || again != ms {
				t.Fatalf("%q is %s, which is %d, %v", text, at.Format(layout), again, ok)
			}
		}
	})
}

// TestSince: a since is the seconds from another time to the event, and absent where either is.
func TestSince(t *testing.T) {
	since := func(name, of string) features.Column {
		c := features.DefaultColumn(name, features.Since)
		c.Of = []string{of}
		return c
	}
	born := features.DefaultColumn("born", features.Time)
	born.Path, born.Format = "user.born", features.FormatDMY
	spec := Spec{Time: TimeSpec{Path: "at"}, Columns: features.Columns{since("age", "born"), born, since("idle", "user.seen")}}
	spec.Limits.SetDefaults()
	d := newDecoderOf(t, spec)
	absent, null := millrace.Field{}, millrace.Field{Presence: millrace.Null}
	seconds := func(v float64) millrace.Field { return millrace.Field{Presence: millrace.Present, Number: v} }
	for event, want := range map[string][2]millrace.Field{
		`{"user":{"born":"31.12.2023","seen":"2024-01-01 00:00:30.5"},"at":"2024-01-01 00:01:00"}`: {seconds(86460), seconds(29.5)},
		`{"at":1704067260,"user":{"seen":"2024-01-01T00:02:00Z","born":null}}`:                     {null, seconds(-60)},
		`{"user":{"seen":1704067200,"born":1704067200}}`:                                           {absent, absent},
		`{"at":null,"user":{"seen":1704067200,"born":1704067200}}`:                                 {absent, absent},
		`{"at":1704067260}`: {absent, absent},
	} {
		e, err := decode(d, event)
		if err != nil || e.Fields[0].Presence != want[0].Presence || e.Fields[0].Number != want[0].Number ||
			e.Fields[2].Presence != want[1].Presence || e.Fields[2].Number != want[1].Number {
			t.Errorf("%s: %+v, %v; want %+v", event, e.Fields, err, want)
		}
	}
	// Without a path of the event's time it is the record's.
	spec.Time = TimeSpec{}
	e, err := decode(newDecoderOf(t, spec), `{"user":{"seen":0}}`) // the record's time is 42 ms
	if err != nil || e.Fields[2].Number != 0.042 {
		t.Errorf("%+v, %v", e.Fields, err)
	}
	if _, err := decode(d, `{"at":0,"user":{"seen":"soon"}}`); err == nil {
		t.Error("a time that is none was taken")
	}
}

// TestNumbersAsDates: numbers are Unix times, unless the format says that they are dates.
func TestNumbersAsDates(t *testing.T) {
	spec := Spec{Time: TimeSpec{Path: "t", Format: features.FormatDigits}, Columns: features.Columns{features.DefaultColumn("a", features.Number)}}
	spec.Limits.SetDefaults()
	d := newDecoderOf(t, spec)
	for value, want := range map[string]int64{`20240131`: 1706659200000, `"20240131"`: 1706659200000, `20240131002100`: 1706660460000,
		`"2024-01-31"`: 1706659200000, `20240132`: -1, `20240131.5`: -1, `2024`: -1} {
		e, err := decode(d, `{"t":`+value+`}`)
		if (err == nil) != (want >= 0) || err == nil && e.Time != want {
			t.Errorf("%s: %d, %v; want %d", value, e.Time, err, want)
		}
	}
}
