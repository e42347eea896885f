package infer

import (
	"fmt"
	"math/bits"
	"strings"

	"millrace"
	"millrace/decode"
	"millrace/features"
)

// limitLines raises the limits that events looked at go beyond, twice over, for longer ones may come: with less each of
// these would be a dead letter.
func (w *writer) limitLines() {
	var usual decode.Limits
	usual.SetDefaults()
	var text, longest int
	var of string
	for i := range w.plan.features {
		f := &w.plan.features[i]
		c := w.plan.columnOf(f)
		if c != nil && f.Type == features.Category && c.widest > text {
			text, of = c.widest, f.Name
		}
	}
	if id := w.plan.id; id != nil && id.widest > text {
		text, of = id.widest, id.path
	}
	var settings, notes []string
	if millrace.Bytes(text) > usual.Text {
		limit := roomy(text)
		settings = append(settings, "text: "+limit.String())
		notes = append(notes, fmt.Sprintf("%s has values of up to %s", of, count(int64(text), "byte")))
		longest = int(limit)
	}
	if longest = max(longest, w.plan.seen.widest); millrace.Bytes(longest) > usual.Event {
		settings = append(settings, "event: "+roomy(longest).String())
		notes = append(notes, fmt.Sprintf("events have up to %s", count(int64(w.plan.seen.widest), "byte")))
	}
	if len(settings) > 0 {
		w.line("# %s.", oneLine(strings.Join(notes, "; ")))
		w.line("limits: {%s}", strings.Join(settings, ", "))
		w.line("")
	}
}

// roomy is a limit that leaves room for values twice as long.
func roomy(bytes int) millrace.Bytes {
	return min(millrace.Bytes(2)<<bits.Len(uint(bytes)), decode.EventMax)
}
