package decode

import (
	"testing"
	"time"

	"millrace/features"
)

// BenchmarkTime is an event that is little more than its time.
func BenchmarkTime(b *testing.B) {
	spec := Spec{Time: TimeSpec{Path: "t"}, Columns: features.Columns{features.DefaultColumn("a", features.Number)}}
	spec.Limits.SetDefaults()
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05.000-07:00", time.DateTime} {
		events := make([]string, 1024)
		for i := range events {
			events[i] = `{"t":"` + start.Add(time.Duration(i)*1237*time.Second).Format(layout) + `","a":1.5}`
		}
		b.Run(layout, func(b *testing.B) { benchmark(b, spec, true, events...) })
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		b.Fatal(err)
	}
	spec.Time = TimeSpec{Path: "t", Format: features.FormatDMY, Zone: "Europe/Berlin", Location: berlin}
	b.Run("02.01.2006 15:04 in a zone", func(b *testing.B) { benchmark(b, spec, true, `{"t":"31.07.2024 12:30","a":1.5}`) })
	b.Run("unix", func(b *testing.B) { benchmark(b, spec, true, `{"t":1700000000123,"a":1.5}`) })
}
