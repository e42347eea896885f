package pipeline

import (
	"fmt"
	"time"

	"millrace"
	"millrace/config"
	"millrace/learner"
	"millrace/store"
)

// stays is how many versions a store keeps whatever room there is: those of the last minute, the head and a served one
// before it.
func stays(every time.Duration) int64 {
	if every <= 0 {
		return 2
	}
	return 2 + int64(store.RetainAlways/every)
}

// holds says what the pipeline's versions will hold in the store.
func (c *Checked) holds(p *config.Pipeline, version int64) {
	c.Snapshot = version
	always, young := stays(p.Snapshots.Every), int64(p.Snapshots.Keep)
	if every := p.Snapshots.Every; every > 0 {
		young = max(young, int64(store.RetainYoung/every))
	}
	least, most := always*version, (always+young)*version
	c.Held = max(least, min(most, int64(p.Snapshots.BytesMax)))
	if least > int64(p.Snapshots.BytesMax) {
		c.Warnings = append(c.Warnings, heldText(p.Snapshots, version, least))
	}
}

// heldText says what to write so that versions fit.
func heldText(s learner.SnapshotsSpec, version, least int64) string {
	fits := FittingSnapshots(s, version)
	what := "snapshots.every: " + millrace.FormatDuration(fits.Every)
	switch {
	case fits.Every == s.Every:
		what = "snapshots.bytes_max: " + fits.BytesMax.String()
	case fits.BytesMax != s.BytesMax:
		what += " and snapshots.bytes_max: " + fits.BytesMax.String()
	}
	return fmt.Sprintf("versions of the last minute alone hold %s, more than snapshots.bytes_max (%s): %s would do",
		rounded(least, 1<<20), s.BytesMax, what)
}

// rounded rounds up.
func rounded(bytes, unit int64) millrace.Bytes {
	return millrace.Bytes((bytes + unit - 1) / unit * unit)
}

// FittingSnapshots are a spec's with a time between snapshots, and where that is not enough a bytes_max, that versions
// of so many bytes keep within. Beyond half a minute it takes room: scores would be too old.
func FittingSnapshots(s learner.SnapshotsSpec, version int64) learner.SnapshotsSpec {
	fits := func() bool { return stays(s.Every)*version <= int64(s.BytesMax) }
	for _, every := range []time.Duration{5, 10, 15, 20, 30} {
		if every *= time.Second; s.Every > 0 && every > s.Every && !fits() {
			s.Every = every
		}
	}
	if !fits() {
		s.BytesMax = rounded(stays(s.Every)*version, 64<<20)
	}
	return s
}
