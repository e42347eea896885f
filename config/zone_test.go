package config

import (
	"strings"
	"testing"
	"time"
)

// timesFile is a pipeline file whose times are of every kind.
const timesFile = `name: p
events: {topic: t, id: id, time: {path: created, format: dmy, zone: Europe/Berlin}}
features:
  born: {type: time, format: mdy, zone: America/New_York}
  age: {type: since, of: born}
  idle: {type: since, of: last.seen, format: dmy, zone: UTC}
label: {path: y, classes: [n, p], topic: l, time: {path: at, zone: Asia/Tokyo}}
model: logistic
`

func TestTimesOfAFile(t *testing.T) {
	p, err := Parse("p.yaml", []byte(timesFile), nil)
	if err != nil {
		t.Fatal(err)
	}
	zone := func(l *time.Location) string {
		if l == nil {
			return ""
		}
		return l.String()
	}
	if e := p.DecodeSpec().Time; e.Path != "created" || e.Format != "dmy" || zone(e.Location) != "Europe/Berlin" {
		t.Errorf("%+v", e)
	}
	if l := p.LabelDecodeSpec().Time; l.Path != "at" || zone(l.Location) != "Asia/Tokyo" {
		t.Errorf("%+v", l)
	}
	columns := p.DecodeSpec().Columns
	if c := columns.TimeSource(1); c.Name != "born" || c.Format != "mdy" || zone(c.Location) != "America/New_York" {
		t.Errorf("%+v", c)
	}
	if c := columns.TimeSource(2); c.EventPath() != "last.seen" || c.Format != "dmy" || c.Zone != "" || c.Location != nil {
		t.Errorf("%+v", c)
	}
	// What a feature counts from is of the settings that must agree.
	spec, _, _ := p.CanonicalSpec()
	for _, want := range []string{`"events":{"time":{"format":"dmy","path":"created","zone":"Europe/Berlin"}}`, `"zone":"America/New_York"`} {
		if !strings.Contains(string(spec), want) {
			t.Errorf("the spec lacks %s: %s", want, spec)
		}
	}
	file, differences, err := FromSpec(spec, FileOptions{Name: "p", Topic: "t"})
	if err != nil || len(differences) > 0 {
		t.Errorf("%v %v\n%s", err, differences, file)
	}
}

func TestTimesRefused(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"Europe/Berlin", "Europe/Brelin", `p.yaml:2:69: events.time.zone: "Europe/Brelin" is no zone`},
		{"Europe/Berlin", "Local", `p.yaml:2:69: events.time.zone: "Local" is no zone`},
		{"Europe/Berlin", "../zone", `p.yaml:2:69: events.time.zone: "../zone" is no zone`},
		{"America/New_York", "EDT", `p.yaml:4:41: features.born.zone: "EDT" is no zone`},
		{"Asia/Tokyo", "Tokyo", `p.yaml:7:68: label.time.zone: "Tokyo" is no zone`},
		{"format: mdy", "format: dym", `p.yaml:4:30: features.born.format: found the text "dym"; write`},
		{"path: created, ", "", `events.time.path: how a time reads is said`},
		{"of: born", "of: age", `p.yaml:5:26: features.age.of: "age" is a since; write a feature of type time`},
		{"of: born", "of: born, format: dmy", `p.yaml:5:26: features.age.of: how "born" reads is said there`},
		{"of: born", "of: y", `p.yaml:7:15: label.path: is the path of feature age too`},
		{"of: born", "of: [born, created]", `features.age.of: is the one time that is counted from`},
		{"of: last.seen", "of: born.seen", `lies inside "born"`},
		{"of: born", "of: born, path: x", `features.age.path: means nothing for a since; leave it out`},
	} {
		_, err := Parse("p.yaml", []byte(strings.Replace(timesFile, c.from, c.to, 1)), nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v\nwant %s", c.to, err, c.want)
		}
	}
}

// A spec of before there was more to say of a time than its path means the same.
func TestTimeAsAPathAlone(t *testing.T) {
	file := strings.NewReplacer("{path: created, format: dmy, zone: Europe/Berlin}", "{path: created, format: ymd, zone: UTC}").Replace(timesFile)
	long, err := Parse("p.yaml", []byte(file), nil)
	if err != nil {
		t.Fatal(err)
	}
	short, err := Parse("p.yaml", []byte(strings.Replace(file, "{path: created, format: ymd, zone: UTC}", "created", 1)), nil)
	if err != nil {
		t.Fatal(err)
	}
	a, _, _ := long.CanonicalSpec()
	b, _, _ := short.CanonicalSpec()
	if string(a) != string(b) || !strings.Contains(string(b), `"events":{"time":"created"}`) {
		t.Errorf("%s\n%s", a, b)
	}
}
