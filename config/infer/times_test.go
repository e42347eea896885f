package infer_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"millrace/config/infer"
	"millrace/features"
)

// hourly are events an hour apart from the 1st of a month on, with what more says of them.
func hourly(n int, more func(i int, at time.Time) string) []string {
	return repeat(n, func(i int) string {
		at := time.Date(2024, 2, 1, 0, 30, 0, 0, time.UTC).Add(time.Duration(i) * time.Hour)
		return fmt.Sprintf(`{%s,"y":"k%d"}`, more(i, at), i%2)
	})
}

// TestTimesOfFiles: a column of times is found however it is written, and the file reads it.
func TestTimesOfFiles(t *testing.T) {
	text := func(layout string) func(int, time.Time) string {
		return func(_ int, at time.Time) string { return fmt.Sprintf(`"created":%q`, at.Format(layout)) }
	}
	daily := func(layout string) func(int, time.Time) string {
		return func(i int, at time.Time) string {
			return fmt.Sprintf(`"created":%q`, at.Add(time.Duration(i)*23*time.Hour).Format(layout))
		}
	}
	number := func(name string, unit time.Duration) func(int, time.Time) string {
		return func(_ int, at time.Time) string { return fmt.Sprintf(`%q:%d`, name, at.UnixNano()/int64(unit)) }
	}
	for name, c := range map[string]struct {
		more  func(int, time.Time) string
		event string // of the line of events; empty when it is no time
		order string
	}{
		"sql":            {text("2006-01-02 15:04:05"), "time: created}", ""},
		"with an offset": {text("2006-01-02T15:04:05-0700"), "time: created}", ""},
		"german":         {text("02.01.2006 15:04"), "time: {path: created, format: dmy}}", "dmy"},
		"british":        {text("02/01/2006 15:04:05"), "time: {path: created, format: dmy}}", "dmy"},
		"american":       {text("1/2/2006 3:04 PM"), "time: {path: created, format: mdy}}", "mdy"},
		"dates alone":    {daily("2006-01-02"), "time: created}", ""},
		"german dates":   {daily("02.01.2006"), "time: {path: created, format: dmy}}", "dmy"},
		"compact dates":  {daily("20060102"), "time: created}", ""},
		"named months":   {text("02-Jan-2006 15:04"), "time: created}", ""},
		"compact":        {text("20060102150405"), "time: created}", ""},
		"numbers as dates": {func(i int, at time.Time) string {
			return `"day":` + at.Add(time.Duration(i)*23*time.Hour).Format("20060102")
		}, "time: {path: day, format: yyyymmdd}}", "yyyymmdd"},
		"seconds":      {number("created_at", time.Second), "time: created_at}", ""},
		"milliseconds": {number("ts", time.Millisecond), "time: ts}", ""},
		"microseconds": {number("event_time", time.Microsecond), "time: event_time}", ""},
		"nanoseconds":  {number("time_ns", time.Nanosecond), "time: time_ns}", ""},
		"as text": {func(_ int, at time.Time) string { return fmt.Sprintf(`"timestamp":"%d"`, at.Unix()) },
			"time: timestamp}", ""},
		"numbers of no name": {number("amount", time.Second), "", ""},
		"small numbers":      {func(i int, _ time.Time) string { return fmt.Sprintf(`"time":%d`, i) }, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			texts := hourly(1000, c.more)
			r := run(t, infer.Options{}, texts...)
			p := accept(t, r)
			if c.event == "" {
				if r.Time != "" {
					t.Errorf("%s was taken for the time of events", r.Time)
				}
				return
			}
			if !strings.Contains(string(r.YAML), c.event) {
				t.Errorf("the file does not say %q:\n%s", c.event, r.YAML)
			}
			own := r.Features[len(r.Features)-1]
			want := "[hour weekday]"
			if strings.Contains(name, "dates") {
				want = "[weekday month]"
			}
			if own.Type != features.Time || own.Format != c.order || fmt.Sprint(own.Parts) != want {
				t.Errorf("%+v", own)
			}
			decodes(t, p, texts)
		})
	}
}

// TestAmbiguousDates: where every day is a month as well, the rows say which it is, or the column is left out.
func TestAmbiguousDates(t *testing.T) {
	days := func(layout string, at func(i int) time.Time) []string {
		return repeat(300, func(i int) string {
			return fmt.Sprintf(`{"when":%q,"a":%d,"y":"k%d"}`, at(i).Format(layout), i%9, i%2)
		})
	}
	rising := func(i int) time.Time { return time.Date(2024, time.Month(1+i/25), 1+i%25/3, 0, 0, 0, 0, time.UTC) }
	mixed := func(i int) time.Time { return time.Date(2024, time.Month(1+i*7%12), 1+i*5%12, 0, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		name, layout string
		at           func(int) time.Time
		want         string
	}{
		{"days first", "02/01/2006", rising, "time: {path: when, format: dmy}}"},
		{"months first", "01/02/2006", rising, "time: {path: when, format: mdy}}"},
		{"neither", "02/01/2006", mixed, "#   when: a date, and nothing says whether its day or its month stands first"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := run(t, infer.Options{}, days(c.layout, c.at)...)
			if !strings.Contains(string(r.YAML), c.want) {
				t.Errorf("the file does not say %q:\n%s", c.want, r.YAML)
			}
			accept(t, r)
		})
	}
	// A single day above twelve decides.
	texts := append(days("02/01/2006", mixed), `{"when":"13/01/2024","a":1,"y":"k1"}`)
	if r := run(t, infer.Options{}, texts...); column(t, r, "when").Format != "dmy" {
		t.Errorf("%s", r.YAML)
	}
}

// TestMixedTimes: some values that are no times are mistakes, and said; with many the column is none.
func TestMixedTimes(t *testing.T) {
	mixed := func(every int) []string {
		return hourly(1000, func(i int, at time.Time) string {
			if i%every == 1 {
				return `"created":"soon","a":1`
			}
			return fmt.Sprintf(`"created":%q,"a":2`, at.Format("02.01.2006 15:04"))
		})
	}
	r := run(t, infer.Options{}, mixed(50)...)
	accept(t, r)
	for _, want := range []string{"time: {path: created, format: dmy}", `2.0 % do not read as times, as "soon": such events are rejected`} {
		if !strings.Contains(string(r.YAML), want) {
			t.Errorf("the file does not say %q:\n%s", want, r.YAML)
		}
	}
	r = run(t, infer.Options{}, mixed(4)...)
	if want := `times in 75 % of the values only; others as "soon"`; r.Time != "" || !strings.Contains(string(r.YAML), want) {
		t.Errorf("the file does not say %q:\n%s", want, r.YAML)
	}
}

// TestOtherTimes: a time that is known at the event is worth how long ago it was; one that comes later may not be
// known.
func TestOtherTimes(t *testing.T) {
	texts := hourly(1000, func(i int, at time.Time) string {
		born := time.Date(1950+i*7%50, time.Month(1+i*5%12), 1+i*11%28, 0, 0, 0, 0, time.UTC)
		return fmt.Sprintf(`"birth_date":%q,"created":%q,"closed":%q,"a":%d`, born.Format("02.01.2006"), at.Format(time.DateTime),
			at.Add(time.Duration(i%100)*time.Hour+time.Second).Format(time.DateTime), i)
	})
	r := run(t, infer.Options{}, texts...)
	p := accept(t, r)
	decodes(t, p, texts)
	if r.Time != "created" {
		t.Errorf("the time of events is %q", r.Time)
	}
	born := column(t, r, "since_birth_date")
	if born.Type != features.Since || fmt.Sprint(born.Of) != "[birth_date]" {
		t.Errorf("%+v", born)
	}
	if want := "# since_closed: {type: since, of: closed}  # seconds from closed to the event; after the event in 100 %"; !strings.Contains(string(r.YAML), want) {
		t.Errorf("the file does not say %q:\n%s", want, r.YAML)
	}
	// Without another time a birthday is not when the event was.
	r = run(t, infer.Options{}, hourly(300, func(i int, _ time.Time) string {
		return fmt.Sprintf(`"birth_date":"19%02d-%02d-15","a":%d`, i*37%100, 1+i*7%12, i)
	})...)
	if r.Time != "" || column(t, r, "birth_date").Type != features.Time {
		t.Errorf("the time of events is %q:\n%s", r.Time, r.YAML)
	}
}

// A date is not guessed for the label, whichever order it is written in.
func TestNoDateIsTheLabel(t *testing.T) {
	r := run(t, infer.Options{}, repeat(300, func(i int) string {
		return fmt.Sprintf(`{"a":%d,"churn":"k%d","day":"%02d/%02d/2024"}`, i, i%2, 1+i*7%12, 1+i*5%12)
	})...)
	if r.Label != "churn" {
		t.Errorf("the label is %q", r.Label)
	}
}
