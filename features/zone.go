package features

import (
	"fmt"
	"time"
)

// The orders of day, month and year in a time's dates; the first is the default.
const (
	FormatYMD = "ymd"
	FormatDMY = "dmy"
	FormatMDY = "mdy"
	// FormatDigits is of dates that are numbers, as 20240131; else FormatYMD.
	FormatDigits = "yyyymmdd"
)

// TimeFormatFault says what is wrong with the format of times, if anything.
func TimeFormatFault(format string) string {
	switch format {
	case "", FormatYMD, FormatDMY, FormatMDY, FormatDigits:
		return ""
	}
	return fmt.Sprintf("%q is none of ymd, dmy, mdy and yyyymmdd: the order of day, month and year in dates", format)
}

// ZoneFault says what is wrong with a zone and the location that was found for it, if anything.
func ZoneFault(zone string, location *time.Location) string {
	if zone == "" || location != nil {
		return ""
	}
	return fmt.Sprintf("%q is no zone of the zone database; write its name there, as Europe/Berlin or America/New_York", zone)
}
