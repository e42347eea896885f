package decode

import (
	"fmt"
	"time"

	"millrace"
	"millrace/features"
)

// TimeSpec says where a time stands in a record and how it reads; a bare string is its path. The zero TimeSpec is no
// time.
type TimeSpec struct {
	Path   string `yaml:"path,short" doc:"path of the time"`
	Format string `yaml:"format" enum:"ymd|dmy|mdy|yyyymmdd" doc:"order of day, month and year in dates such as 31.12.2024 (dmy) or 12/31/2024 (mdy), or yyyymmdd for numbers as 20241231; ymd, years first, by default"`
	Zone   string `yaml:"zone" doc:"zone of times that name none, as Europe/Berlin; UTC by default"`
	// Location is what Zone names: decoding reads no zone database, so whoever makes the spec does. Nil for UTC.
	Location *time.Location `json:"-"`
}

// Given reports whether there is a time at all.
func (s TimeSpec) Given() bool { return s.Path != "" }

// Validate lists what is wrong with the spec, but for its path, which is told by who knows what else is read.
func (s TimeSpec) Validate() (found []millrace.Violation) {
	if message := features.TimeFormatFault(s.Format); message != "" {
		found = append(found, millrace.Violation{Path: "format", Message: message})
	}
	if message := features.ZoneFault(s.Zone, s.Location); message != "" {
		found = append(found, millrace.Violation{Path: "zone", Message: message})
	}
	if s.Path == "" && (s.Format != "" || s.Zone != "") {
		found = append(found, millrace.Violation{Path: "path", Message: "how a time reads is said, and not where it stands; write its path"})
	}
	return found
}

// timeFormat is how its times read.
func (s TimeSpec) timeFormat() (TimeFormat, error) {
	return NewTimeFormat(s.Format, s.Zone, s.Location)
}

// NewTimeFormat is the format of times with dates of an order (ymd, dmy, mdy or yyyymmdd; ymd when empty) and in a
// zone, which location is; nil is UTC, for a zone without a name.
func NewTimeFormat(order, zone string, location *time.Location) (TimeFormat, error) {
	for _, message := range []string{features.TimeFormatFault(order), features.ZoneFault(zone, location)} {
		if message != "" {
			return TimeFormat{}, fmt.Errorf("making a format of times: %s", message)
		}
	}
	f := TimeFormat{zone: location}
	switch order {
	case features.FormatDMY:
		f.order = dayFirst
	case features.FormatMDY:
		f.order = monthFirst
	case features.FormatDigits:
		f.digits = true
	}
	if location == time.UTC {
		f.zone = nil
	}
	return f, nil
}
