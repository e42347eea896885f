package config

import (
	"errors"
	"strings"
	"testing"
)

// TestHintsAreAccepted: what is proposed in place of a mistake is none itself, and what is said of it is so.
func TestHintsAreAccepted(t *testing.T) {
	window := func(key string) string {
		return strings.Replace(strings.Replace(minimal, "{a: number}", "{a: number, w: {type: window, stat: count, over: 1h, key: "+key+"}}", 1),
			"events: e", "events: {topic: e, id: id}", 1)
	}
	for _, c := range []struct{ text, want, suggestion string }{
		{late(", wait: 0"), "found the number 0, which has no unit; write a duration with its unit, as 5s, 200ms, 1m30s or 30d", ""},
		{late(", wait: 30"), "found the number 30, which has no unit", "30s"},
		{late(", wait: 1e3"), "found the number 1e3, which has no unit", ""},
		{late(", wait: -3"), "found the number -3, which is below 0", ""},
		{late(", wait: -3d"), `found the text "-3d", which is below 0`, ""},
		{minimal + "limits: {event: -1}\n", "found the number -1, which is below 0", ""},
		{minimal + "limits: {event: 1.5}\n", "found the number 1.5, which has no unit", ""},
		{minimal + "limits: {event: 4096}\n", "found the number 4096, which has no unit", "4096B"},
		{minimal + "limits: {event: -1MiB}\n", `found the text "-1MiB", which is below 0`, ""},
		{window("id"), `there is no feature "id"; a key is a feature: add it to them, as id: {type: category, cap: 1}`, ""},
	} {
		_, err := Parse("p.yaml", []byte(c.text), env)
		var problems Errors
		if !errors.As(err, &problems) || len(problems) != 1 {
			t.Errorf("%s\n%v", c.text, err)
			continue
		}
		if p := problems[0]; !strings.HasPrefix(p.Message, c.want) || p.Suggestion != c.suggestion {
			t.Errorf("%s: %s; suggested is %q, want %s and %q", c.text, p.Message, p.Suggestion, c.want, c.suggestion)
		}
	}
	parseOne(t, strings.Replace(window("id"), "{a: number", "{id: {type: category, cap: 1}, a: number", 1))
}
