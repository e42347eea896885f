package pipeline

import (
	"testing"
	"time"

	"millrace/decode"
)

func TestRowTime(t *testing.T) {
	var limits decode.Limits
	limits.SetDefaults()
	read, err := RowTime(decode.TimeSpec{Path: "seen.at"}, limits)
	if err != nil {
		t.Fatal(err)
	}
	for row, want := range map[string]int64{
		`{"seen":{"at":"1970-01-01T00:00:01.5Z"},"x":[1]}`: 1500, `{"seen":{"at":1700000000}}`: 1_700_000_000_000,
		`{"seen":{"at":-3}}`: -3000, `{"seen":{"at":0}}`: 0,
		`{"seen":{}}`: -1, `{"seen":{"at":null}}`: -1, `{"seen":{"at":"soon"}}`: -1, `{"seen":{"at":1}`: -1, `[]`: -1, ``: -1,
	} {
		if got, ok := read([]byte(row)); ok != (want != -1) || ok && got != want {
			t.Errorf("%s: %d %v, want %d", row, got, ok, want)
		}
	}
	// Rows are read as events are, in whatever format and zone those have.
	read, err = RowTime(decode.TimeSpec{Path: "at", Format: "dmy", Zone: "one", Location: time.FixedZone("one", 3600)}, limits)
	if err != nil {
		t.Fatal(err)
	}
	for row, want := range map[string]int64{`{"at":"01.01.1970 01:00:02"}`: 2000, `{"at":"1970-01-01 01:00"}`: 0, `{"at":"1970-01-01T01:00Z"}`: 3_600_000} {
		if got, ok := read([]byte(row)); !ok || got != want {
			t.Errorf("%s: %d %v, want %d", row, got, ok, want)
		}
	}
	if read, err := RowTime(decode.TimeSpec{}, limits); read != nil || err != nil {
		t.Errorf("no path gives times: %v", err)
	}
	if _, err := RowTime(decode.TimeSpec{Path: "a..b"}, limits); err == nil {
		t.Error("a wrong path was taken")
	}
}
