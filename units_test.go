package millrace

import (
	"math"
	"testing"
	"time"
)

func TestDurationsWithDays(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30d": 30 * day, "1d12h": 36 * time.Hour, "0.5d": 12 * time.Hour, "1h30m": 90 * time.Minute, "24h": day,
		"200ms": 200 * time.Millisecond, "7d1h2m3.5s": 7*day + time.Hour + 2*time.Minute + 3500*time.Millisecond,
	} {
		got, err := ParseDuration(text)
		if err != nil || got != want {
			t.Errorf("%s: %v (%v), want %v", text, got, err, want)
		}
		if back, err := ParseDuration(FormatDuration(want)); err != nil || back != want {
			t.Errorf("%v is written %s and read as %v (%v)", want, FormatDuration(want), back, err)
		}
	}
	for _, text := range []string{"d", "1d2", "1d2d", "1d-3h", "200000d", "106751d24h", "5", "-1d1h", "1hd"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%s is read as %v", text, got)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0s", time.Second: "1s", 90 * time.Minute: "1h30m", time.Hour: "1h", day: "1d", 36 * time.Hour: "1d12h",
		10 * time.Minute: "10m", 10*time.Hour + time.Second: "10h0m1s", day + 1500*time.Millisecond: "1d1.5s",
		math.MaxInt64: "106751d23h47m16.854775807s",
	} {
		if got := FormatDuration(d); got != want {
			t.Errorf("%d is written %s, want %s", d, got, want)
		}
	}
}

func TestCounted(t *testing.T) {
	for _, c := range [][2]string{{Counted(0, "event"), "0 events"}, {Counted(1, "event"), "1 event"}, {Counted(uint64(2000), "whole version"), "2000 whole versions"},
		{Counted(int64(-1), "row"), "-1 rows"}} {
		if c[0] != c[1] {
			t.Errorf("counted as %q, want %q", c[0], c[1])
		}
	}
}
