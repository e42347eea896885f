package config

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"millrace"
	"millrace/decode"
	"millrace/join"
)

// late is a pipeline whose labels come later, with further settings of the label.
func late(settings string) string {
	return strings.NewReplacer("events: e", "events: {topic: e, id: i}", "[n, p]", "[n, p], topic: l"+settings).Replace(minimal)
}

// TestLateLabels: the settings, long and short, and their defaults.
func TestLateLabels(t *testing.T) {
	p := parseOne(t, late(""))
	l := p.Label
	if !p.LateLabels() || parseOne(t, minimal).LateLabels() || l.ID != "i" || l.Wait != 30*24*time.Hour || l.Early != 10*time.Minute ||
		l.DeadLetters != "l.dead" || l.IfMissing().Known || l.Assumed().Known || p.Join.Memory != 256<<20 {
		t.Errorf("defaults are %+v, %+v", l, p.Join)
	}
	p = parseOne(t, late(", id: $key, time: at, wait: 7d12h, missing: {class: n, hold: 90m}, assume: n, early: 5m, dead_letters: bad")+"join: {memory: 1GiB, disk: 20GiB}\n")
	l = p.Label
	if l.ID != decode.KeyID || l.Time.Path != "at" || l.Wait != 180*time.Hour || l.Missing.Hold != 90*time.Minute || !l.IfMissing().Known || !l.Assumed().Known ||
		l.Early != 5*time.Minute || l.DeadLetters != "bad" || p.Join != (Join{Memory: 1 << 30, Disk: 20 << 30}) {
		t.Errorf("read as %+v, %+v", l, p.Join)
	}
	spec := p.LabelDecodeSpec()
	if !spec.LabelRecord || spec.ID != decode.KeyID || spec.Time.Path != "at" || spec.Label.Path != "y" || len(spec.Columns) != 0 || spec.Limits != p.Limits {
		t.Errorf("decoded by %+v", spec)
	}
	if _, err := decode.New(spec); err != nil {
		t.Error(err)
	}
	if spec, want := p.JoinSpec(), (join.Spec{Wait: 180 * time.Hour, Early: 5 * time.Minute, Hold: 90 * time.Minute, Memory: 1 << 30, Disk: 20 << 30,
		Missing: millrace.Target{Known: true}}); spec != want {
		t.Errorf("joined by %+v, want %+v", spec, want)
	}
	numbers := strings.NewReplacer("classes: [n, p]", "type: number", "logistic", "linear").Replace(late(", missing: -1.50"))
	if l := parseOne(t, numbers).Label; l.IfMissing() != (millrace.Label{Known: true, Value: -1.5}) {
		t.Errorf("a missing number is %+v", l.IfMissing())
	}
	digits := strings.Replace(late(", missing: 0, assume: 0"), "[n, p]", "[0, 1]", 1)
	if l := parseOne(t, digits).Label; !l.IfMissing().Known || !l.Assumed().Known {
		t.Errorf("classes that are numbers: %+v", l)
	}
}

// TestLateLabelSpecs: labels that come later are no reason to begin anew unless something else is learned, and no spec
// of before has changed.
func TestLateLabelSpecs(t *testing.T) {
	before, _, _ := parseOne(t, minimal).CanonicalSpec()
	for settings, same := range map[string]bool{
		"": true, ", wait: 7d, early: 1m, id: $key, time: at, dead_letters: d": true, ", missing: drop": true, ", assume: none": true,
		", missing: {class: drop}": true, ", missing: n": false, ", assume: n": false, ", unlabelled: count": true,
	} {
		p := parseOne(t, late(settings))
		spec, _, _ := p.CanonicalSpec()
		if bytes.Equal(spec, before) != same {
			t.Errorf("%s: the spec is\n%s\nwas\n%s", settings, spec, before)
		}
		version := versionOf(t, minimal)
		if err := p.Fits(version); (err == nil) != same {
			t.Errorf("%s: a learner: %v", settings, err)
		}
		if err := p.Serves(version); err != nil {
			t.Errorf("%s: a scorer: %v", settings, err)
		}
	}
	held := func(hold string) string { return late(", missing: {class: n, hold: " + hold + "}") }
	if err := parseOne(t, held("2h")).Fits(versionOf(t, held("1h"))); err != nil {
		t.Errorf("to hold longer: %v", err)
	}
	strict := strings.Replace(minimal, "[n, p]", "[n, p], unlabelled: reject", 1)
	if err := parseOne(t, strict).Fits(versionOf(t, minimal)); err != nil {
		t.Errorf("rejecting events without a label: %v", err)
	}
}

// TestLateLabelsServed: a scorer builds from the version's spec, and what no snapshot remembers stays its own.
func TestLateLabelsServed(t *testing.T) {
	version := versionOf(t, late(", missing: n, assume: n"))
	p, err := parseOne(t, strings.Replace(late(", wait: 2h, missing: p, unlabelled: count"), "topic: l", "topic: mine", 1)).ServedBy(version)
	if err != nil || p.Label.Topic != "mine" || p.Label.Wait != 2*time.Hour || p.Label.Missing.Class != "n" || p.Label.DeadLetters != "mine.dead" || p.Label.Unlabelled != "count" {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestFromSpecOfLateLabels: the file that is written from a spec names a topic where the settings need one.
func TestFromSpecOfLateLabels(t *testing.T) {
	spec, _, _ := parseOne(t, late(", missing: {class: n, hold: 1h}, assume: n")).CanonicalSpec()
	text, differences, err := FromSpec(spec, FileOptions{Name: "other"})
	if err != nil || len(differences) > 0 {
		t.Fatalf("%v %v\n%s", err, differences, text)
	}
	p := parseOne(t, string(text))
	if p.Label.Topic != "other.labels" || p.Events.ID != "id" || p.Label.Missing.Class != "n" || !strings.Contains(string(text), "# Labels came later") {
		t.Errorf("it is\n%s", text)
	}
}

// TestTimeTeachesLabel: a feature of the events' own time is told of where a label decides when its event is learned.
func TestTimeTeachesLabel(t *testing.T) {
	timed := func(settings, feature string) *Pipeline {
		text := strings.Replace(late(settings), "{topic: e, id: i}", "{topic: e, id: i, time: at}", 1)
		return parseOne(t, strings.Replace(text, "a: number", "a: number, "+feature, 1))
	}
	for settings, told := range map[string]bool{"": false, ", missing: drop": false, ", missing: n": true, ", assume: n": true} {
		if text := timed(settings, "when: {type: time, path: at, parts: [hour]}").TimeTeachesLabel(); strings.HasPrefix(text, "when: ") != told {
			t.Errorf("%q: %q", settings, text)
		}
	}
	for feature, told := range map[string]bool{"at: number": true, "born: time": false, "b: number": false, "age: {type: since, of: born}": false} {
		if text := timed(", missing: n", feature).TimeTeachesLabel(); strings.HasPrefix(text, "at: ") != told {
			t.Errorf("%s: %q", feature, text)
		}
	}
	if text := parseOne(t, strings.Replace(minimal, "a: number", "at: time", 1)).TimeTeachesLabel(); text != "" {
		t.Errorf("of labels that come with their events: %q", text)
	}
}
