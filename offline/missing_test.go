package offline

import (
	"errors"
	"fmt"
	"millrace"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"millrace/config"
)

// TestPathsThatAreNowhere: files in which no row has the time that they are merged by are refused, and other paths that
// no event or label has are said.
func TestPathsThatAreNowhere(t *testing.T) {
	events, labels := payments100(5)
	file := func(rows []string, old, head string) string {
		rows = append([]string{strings.Replace(rows[0], old, head, 1)}, rows[1:]...)
		return put(t, strings.ReplaceAll(old+head, ",", "")+".csv", rows...)
	}
	good, goodLabels := file(events, "", ""), file(labels, "", "")
	untimed, untimedLabels := file(events, "time", "at"), file(labels, "known", "when")
	short := strings.Replace(lateConfig, "id: of, time: known, ", "", 1)
	for _, c := range []struct {
		text   string
		data   Data
		want   string
		refuse bool // by what the files or the pipeline are lacking
	}{
		{lateConfig, Data{Events: good, Labels: untimedLabels}, "no row of knownwhen.csv has a time at label.time (known)", true},
		{lateConfig, Data{Events: untimed, Labels: goodLabels}, "no row of timeat.csv has a time at events.time (time)", true},
		{lateConfig, Data{Events: untimed, Delay: Delay{Time: time.Hour, Given: true}}, "has a time at events.time (time)", true},
		{short, Data{Events: good, Labels: goodLabels}, "label.time is not given: write label: {time: PATH}", true},
		{strings.Replace(lateConfig, ", time: time", "", 1), Data{Events: good, Labels: goodLabels}, "events.time is not given: write events: {time: PATH}", true},
		{lateConfig, Data{Events: good, Labels: file(labels, "of", "id")}, "in no label: label.id (of)", false},
		{lateConfig, Data{Events: good, Labels: file(labels, "outcome", "class")}, "in no label: label.path (outcome)", false},
		{lateConfig, Data{Events: file(events, "id", "nr"), Labels: goodLabels}, "in no event: events.id (id)", false},
		{lateConfig, Data{Events: good, Delay: Delay{Time: time.Hour, Given: true}}, "none has a value at label.path (outcome)", false},
		{lateConfig, Data{Events: good, Labels: put(t, "empty.csv", "of,known,outcome")}, "empty.csv has no rows", false},
	} {
		_, err := Evaluate(t.Context(), parsedText(t, c.text), c.data, nil, unseen)
		var usage config.UsageError
		var none *NoneLearnedError
		if c.refuse && !errors.As(err, &usage) || !c.refuse && !errors.As(err, &none) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

// TestMissingOfLabels: what no label has is said beside what was learned without them.
func TestMissingOfLabels(t *testing.T) {
	events, labels := payments100(5)
	data := Data{Events: put(t, "events.csv", events...), Labels: put(t, "labels.csv", append([]string{"of,known,class"}, labels[1:]...)...)}
	p := parsedText(t, strings.Replace(lateConfig, "wait: 10s", "missing: legit, wait: 10s", 1))
	c, err := Evaluate(t.Context(), p, data, nil, unseen)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Pass.Missing(); got != "in no label: label.path (outcome)" {
		t.Errorf("it says %q", got)
	}
	data = Data{Events: data.Events, Delay: Delay{Time: time.Second, Given: true}}
	if c, err = Evaluate(t.Context(), p, data, nil, unseen); err != nil {
		t.Fatal(err)
	}
	if got := c.Pass.Missing(); got != "in no event: label.path (outcome)" {
		t.Errorf("of labels among the events it says %q", got)
	}
}

// TestNoDataFile: what is no file that can be read is refused by its name, as events and as labels.
func TestNoDataFile(t *testing.T) {
	events, labels := payments100(5)
	good := Data{Events: put(t, "events.csv", events...), Labels: put(t, "labels.csv", labels...)}
	for _, path := range []string{put(t, "rows.txt", "nothing", "at all"), t.TempDir(), "/dev/null", "nowhere.csv"} {
		for _, data := range []Data{{Events: path}, {Events: path, Labels: good.Labels}, {Events: good.Events, Labels: path},
			{Events: path, Delay: Delay{Time: time.Second, Given: true}}, {Events: path, Delay: Delay{Events: 3, Given: true}}} {
			if _, err := Evaluate(t.Context(), parsedText(t, lateConfig), data, nil, unseen); err == nil || !strings.Contains(err.Error(), filepath.Base(path)) {
				t.Errorf("%+v: %v", data, err)
			}
		}
	}
}

// TestDisorder: files that are not in the order of their times are told of, each once, and learned as they are.
func TestDisorder(t *testing.T) {
	events, labels := payments100(5)
	file := put(t, "events.csv", events...)
	c, err := Evaluate(t.Context(), parsedText(t, lateConfig), Data{Events: file, Labels: put(t, "labels.csv", labels...)}, nil, unseen)
	if err != nil || c.Pass.Disorder() != "" {
		t.Fatalf("%v, and of files in order it says %q", err, c.Pass.Disorder())
	}
	slices.Reverse(labels[1:])
	c, err = Evaluate(t.Context(), parsedText(t, lateConfig), Data{Events: file, Labels: put(t, "labels.csv", labels...)}, nil, unseen)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("labels.csv: %d of %d rows have an earlier time", len(labels)-2, len(labels)-1)
	if got := c.Pass.Disorder(); !strings.HasPrefix(got, want) || strings.Contains(got, "\n") {
		t.Errorf("it says %q, want %s", got, want)
	}
	for i := range events {
		events[i] += map[bool]string{true: ",outcome", false: ",legit"}[i == 0]
	}
	slices.Reverse(events[1:])
	data := Data{Events: put(t, "events.csv", events...), Delay: Delay{Time: time.Second, Given: true}}
	if c, err = Evaluate(t.Context(), parsedText(t, lateConfig), data, nil, unseen); err != nil {
		t.Fatal(err)
	}
	if got := c.Pass.Disorder(); !strings.HasPrefix(got, "events.csv: 99 of 100 rows") || strings.Contains(got, "\n") {
		t.Errorf("of events that carry their labels it says %q", got)
	}
}

// TestWhyNoLabelFoundItsEvent: with the reasons, the first that could not be used, and an id of each side.
func TestWhyNoLabelFoundItsEvent(t *testing.T) {
	events, labels := payments100(5)
	file := put(t, "events.csv", events...)
	for i := 1; i < len(labels); i++ {
		labels[i] = "pay-" + labels[i]
	}
	odd := strings.Split(strings.NewReplacer("legit", "odd", "fraud", "odd").Replace(strings.Join(labels, "\n")), "\n")
	for want, labels := range map[string][]string{
		`of 100 labels and 100 events; the first id of the events is "0", that of the labels "pay-0"`:                           labels,
		`of 100 labels and 100 events; 100 labels could not be used: unknown_class 100; the first: labels.csv:2: unknown_class`: odd,
	} {
		_, err := Evaluate(t.Context(), parsedText(t, lateConfig), Data{Events: file, Labels: put(t, "labels.csv", labels...)}, nil, unseen)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestCountsOneLabel: one label is no labels.
func TestCountsOneLabel(t *testing.T) {
	p := &Pass{Events: 1, Labels: 1, Rejected: map[millrace.Reason]uint64{millrace.ReasonWrongType: 1},
		LabelsRejected: map[millrace.Reason]uint64{millrace.ReasonUnknownClass: 1}}
	text := p.withoutLabels()
	for _, want := range []string{"of 1 label and 1 event;", "; 1 label could not be used", "; 1 event could not be used"} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q: %s", want, text)
		}
	}
}
