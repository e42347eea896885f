package config

import (
	"time"
	_ "time/tzdata" // for machines without a zone database, as images that hold nothing but the binary

	"millrace/decode"
	"millrace/features"
)

// resolveZones looks up the zones that the file names; decoding and features read no database. What is not there is
// told by who has the setting. An order and a zone that are the default become empty, so that one meaning has one
// spec.
func (p *Pipeline) resolveZones() {
	for _, t := range []*decode.TimeSpec{&p.Events.Time, &p.Label.Time} {
		resolveTime(&t.Format, &t.Zone, &t.Location)
	}
	for i := range p.Features {
		if c := &p.Features[i]; c.Type == features.Time || c.Type == features.Since {
			resolveTime(&c.Format, &c.Zone, &c.Location)
		}
	}
}

func resolveTime(format, zone *string, location **time.Location) {
	if *format == features.FormatYMD {
		*format = ""
	}
	if *zone == "UTC" {
		*zone = ""
	}
	*location = zoneOf(*zone)
}

// zoneOf is the location of a zone's name, nil when there is none of that name. Local is none: it is another one on
// another machine, and learner and scorers must read the same.
func zoneOf(name string) *time.Location {
	if name == "" || name == "Local" {
		return nil
	}
	location, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	return location
}
