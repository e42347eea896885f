package offline

import (
	"fmt"
	"strings"
	"testing"

	"millrace"
	"millrace/model"
)

// TestHugeLabels: a label of up to 1e140, of either sign, is learned by every family, with its event or later. One
// beyond is a dead letter, of whoever brought it, and its event, which has lost it, is rejected too.
func TestHugeLabels(t *testing.T) {
	const text = `
name: huge
events: {topic: huge.events, id: id, time: time}
features: {a: number}
label: {topic: huge.labels, path: y, id: id, time: time, type: number, wait: 1h}
model: {type: %s}
`
	for _, family := range model.Families() {
		if family == "logistic" {
			continue // it is of classes
		}
		p := parsedText(t, fmt.Sprintf(text, family))
		events, labels := []string{"id,time,a,y"}, []string{"id,time,y"}
		for i := range 200 {
			y := fmt.Sprint(i % 7)
			switch i {
			case 100, 102:
				y = "1e140"
			case 104, 106:
				y = "-1e140"
			case 110, 113:
				y = "1.01e140"
			case 120, 123:
				y = "-1.7976931348623157e308"
			}
			event := fmt.Sprintf("e%d,%d,%d,", i, 1000+i, i%5)
			if i%2 == 0 {
				event += y
			} else {
				labels = append(labels, fmt.Sprintf("e%d,%d,%s", i, 1001+i, y))
			}
			events = append(events, event)
		}
		c, err := Evaluate(t.Context(), p, Data{Events: put(t, "events.csv", events...), Labels: put(t, "labels.csv", labels...)}, nil, unseen)
		if err != nil {
			t.Fatalf("%s: %v", family, err)
		}
		n := c.Pass.Names
		if n["labelled"] != 98 || n["joined"] != 98 || n["rejected"] != 4 || n["label_joined"] != 98 || n["label_rejected"] != 2 {
			t.Errorf("%s: %v", family, n)
		}
		if c.Pass.Rejected[millrace.ReasonUpdateOverflow] != 2 || c.Pass.LabelsRejected[millrace.ReasonUpdateOverflow] != 2 {
			t.Errorf("%s: events %s, labels %s", family, c.Pass.Reasons(), c.Pass.LabelReasons())
		}
		if first := c.Pass.FirstLabel(); !strings.HasPrefix(first, "labels.csv:58: update_overflow") {
			t.Errorf("%s: the first bad label: %s", family, first)
		}
	}
}
