package features

// sinces are the features of type since: numbers that decoding made of two times, the event's and another.
type sinces struct{ numbers }

func (*sinces) check(c *Column, report report) {
	switch {
	case len(c.Of) != 1:
		report("of", "is the one time that is counted from: a feature of type time, or the path of a time in the event; found %d", len(c.Of))
	case c.Path != "":
		report("path", "a since reads the time that `of` names")
	}
	checkTimes(c, report)
}

func (*sinces) checkSources(s Columns, i int, report report) {
	c := &s[i]
	if len(c.Of) != 1 {
		return
	}
	j := s.find(c.Of[0])
	switch {
	case j == i, j >= 0 && s[j].Type != Time && s[j].EventPath() == c.Of[0]:
		report("of", "%q is a %s; write a feature of type time, or the path of a time in the event", c.Of[0], s[j].Type)
	case j >= 0 && s[j].Type == Time && (c.Format != "" || c.Zone != ""):
		report("of", "how %q reads is said there; leave format and zone out here", c.Of[0])
	case j < 0 || s[j].Type != Time:
		if _, err := SplitPath(c.Of[0]); err != nil {
			report("of", "%q is no feature of type time, and no path: %v", c.Of[0], err)
		}
	}
}

// checkTimes reports what is wrong with how a column's times read.
func checkTimes(c *Column, report report) {
	if message := TimeFormatFault(c.Format); message != "" {
		report("format", "%s", message)
	}
	if message := ZoneFault(c.Zone, c.Location); message != "" {
		report("zone", "%s", message)
	}
}
