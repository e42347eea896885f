package millrace

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Bytes is a size in bytes, written with a unit: 512B, 64KiB, 1MiB, 2GiB (or kB, MB, GB).
type Bytes int64

var byteUnits = []struct {
	suffix string
	size   int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
	{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1},
}

// ParseBytes reads a size with its unit.
func ParseBytes(s string) (Bytes, error) {
	for _, u := range byteUnits {
		digits, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/u.size {
			break
		}
		return Bytes(n * u.size), nil
	}
	return 0, fmt.Errorf("%q is no size: write a whole number with B, KiB, MiB, GiB, kB, MB or GB, as 1MiB", s)
}

func (b Bytes) String() string {
	for i := 2; i >= 0; i-- {
		if u := byteUnits[i]; b != 0 && int64(b)%u.size == 0 {
			return strconv.FormatInt(int64(b)/u.size, 10) + u.suffix
		}
	}
	return strconv.FormatInt(int64(b), 10) + "B"
}

// day is how long a day is where durations are read and written: event time knows no summer time.
const day = 24 * time.Hour

// ParseDuration reads a duration as time.ParseDuration does, and days beside it: 30d, 1d12h.
func ParseDuration(s string) (time.Duration, error) {
	days, rest, ok := strings.Cut(s, "d")
	if !ok {
		return time.ParseDuration(s)
	}
	hours, err := time.ParseDuration(days + "h")
	if err != nil || hours > math.MaxInt64/24 || hours < math.MinInt64/24 {
		return 0, fmt.Errorf("%q is no duration: write it with its unit, as 30d or 1d12h", s)
	}
	d := hours * 24
	if rest == "" {
		return d, nil
	}
	more, err := time.ParseDuration(rest)
	if err != nil || more < 0 || d < 0 || d > math.MaxInt64-more {
		return 0, fmt.Errorf("%q is no duration: write it with its unit, as 30d or 1d12h", s)
	}
	return d + more, nil
}

// FormatDuration writes a duration that is not negative as ParseDuration reads it, in as few words as a person would:
// 30d, 1d12h, 90m is 1h30m.
func FormatDuration(d time.Duration) string {
	days, rest := d/day, d%day
	out := ""
	if days > 0 {
		out = strconv.FormatInt(int64(days), 10) + "d"
	}
	if rest == 0 && out != "" {
		return out
	}
	text := rest.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return out + text
}

// Counted is a number as scripts read it, and its thing: 1 event, 2000 events.
func Counted[N int | int32 | int64 | uint64](n N, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}
