package decode

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"millrace"
	"millrace/features"
)

func timeDecoder(t testing.TB) *Decoder {
	s := Spec{Time: TimeSpec{Path: "t"}, Columns: features.Columns{features.DefaultColumn("a", features.Number)}}
	s.Limits.SetDefaults()
	return newDecoderOf(t, s)
}

func TestTimes(t *testing.T) {
	d := timeDecoder(t)
	cases := []struct {
		value string
		want  int64
		ok    bool
	}{
		{`0`, 0, true},
		{`null`, 42, true},
		{`1700000000`, 1700000000000, true},
		{`1700000000.123`, 1700000000123, true},
		{`1700000000.5`, 1700000000500, true},
		{`1700000000123`, 1700000000123, true},
		{`1.7e9`, 1700000000000, true},
		{`-1`, -1000, true},
		{`99999999999`, 99999999999000, true},
		{`100000000000`, 100000000000, true},
		{`99999999999999`, 99999999999999, true},
		{`100000000000000`, 100000000000, true},
		{`1700000000123456`, 1700000000123, true},
		{`1700000000123456789`, 1700000000123, true},
		{`99999999999999000000`, 99999999999999, true},
		{`100000000000000000000`, 0, false},
		{`1e999`, 0, false},
		{`true`, 0, false},
		{`"1700000000"`, 1700000000000, true},
		{`"2024-02-29T12:00:00Z"`, 1709208000000, true},
		{`"2024-02-29T12:00:00.1239Z"`, 1709208000123, true},
		{`"2024-02-29T14:30:00+02:30"`, 1709208000000, true},
		{`"2024-02-29t12:00:00z"`, 1709208000000, true},
		{`"2024-02-29 12:00:00Z"`, 1709208000000, true},
		{`"1969-12-31T23:59:59.5Z"`, -500, true},
		{`"0000-01-01T00:00:00Z"`, -62167219200000, true},
		{`"2023-02-29T12:00:00Z"`, 0, false},
		{`"2024-13-01T12:00:00Z"`, 0, false},
		{`"2024-00-01T12:00:00Z"`, 0, false},
		{`"2024-01-01T24:00:00Z"`, 0, false},
		{`"2024-01-01T12:60:00Z"`, 0, false},
		{`"2024-01-01T12:00:60Z"`, 0, false},
		{`"2024-01-01T12:00:00.Z"`, 0, false},
		{`"2024-01-01T12:00:00+25:00"`, 0, false},
		{`"2O24-01-01T12:00:00Z"`, 0, false},
		{`""`, 0, false},
	}
	for _, c := range cases {
		e, err := decode(d, `{"t":`+c.value+`}`)
		if (err == nil) != c.ok || (c.ok && e.Time != c.want) {
			t.Errorf("%s: %d, %v; want %d", c.value, e.Time, err, c.want)
		}
	}
	if e, err := decode(d, `{}`); err != nil || e.Time != 42 {
		t.Errorf("without a time: %v, %v", e, err)
	}
}

func FuzzTime(f *testing.F) {
	for _, s := range []string{"2024-02-29T12:00:00Z", "1999-12-31T23:59:59.999999+14:00", "2023-02-29T00:00:00Z", "2024-01-01T12:00:00.5-00:00"} {
		f.Add(s)
	}
	// Within this shape the time package is right but for offsets, whose ranges it does not hold; outside
	// of it, it takes single-digit hours and commas, which are no RFC 3339.
	shape := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)
	f.Fuzz(func(t *testing.T, s string) {
		wall, millis, offset, ok := usualTime([]byte(s))
		ms, ok := (wall-offset)*1000+millis, ok && offset != noOffset
		if !shape.MatchString(s) {
			if ok && !shape.MatchString(strings.ToUpper(strings.Replace(s, " ", "T", 1))) {
				t.Errorf("%q is no RFC 3339, but was taken for %d", s, ms)
			}
			return
		}
		want, err := time.Parse(time.RFC3339Nano, s)
		if ok != (err == nil) || (ok && want.UnixMilli() != ms) {
			t.Errorf("%q: %d, %v; want %v, %v", s, ms, ok, want, err)
		}
	})
}

func TestTimeIsTheRecordsUnlessNamed(t *testing.T) {
	d := newDecoderOf(t, elecSpec())
	e := d.NewEvent()
	if err := d.Decode(&millrace.Record{Time: 7, Value: []byte(`{"time":5}`)}, e); err != nil || e.Time != 7 {
		t.Errorf("%d, %v", e.Time, err)
	}
}
