package pipeline

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"millrace/config"
)

// TestSizesAreSaid: check says which features take a version, what a mixture has no room for, and what cannot be
// built at all is refused with the feature that takes it and what to do.
func TestSizesAreSaid(t *testing.T) {
	for _, c := range []struct {
		features, model string
		shares          string // features that are named, in order
		warning, fault  string
	}{
		{"n: number, a: {type: text, bits: 13}, b: {type: text, bits: 14}, c: {type: text, bits: 6}", "auto", "b a", "", ""},
		{"n: number, a: {type: text, bits: 18}", "auto", "a",
			"no room for mlp-levels-64-64-rmsprop-0.0015, mlp-levels-64-sgd-0.03, mlp-levels-64-64-adam-0.001, mlp-levels-64-sgd-0.01: a has 262144 columns, lower its bits, or raise model.state_max", ""},
		{"n: number, a: {type: text, bits: 18}", "{type: auto, state_max: 256MiB}", "a", "", ""},
		{"n: number, a: text", "auto", "a", "", ""},
		{"n: number, a: {type: text, bits: 23}", "mlp", "", "", "a has 8388608 columns, about 4096 MiB of it: lower its bits"},
		{"a: {type: bag, indices: 8000000}", "mlp", "", "", "a has 8000000 columns, about 3906 MiB of it: leave out its indices and give bits"},
		{"n: number", "auto", "", "", ""},
	} {
		text := fmt.Sprintf("name: s\nevents: s.events\nfeatures: {%s}\nlabel: {path: \"y\", classes: [n, p]}\nmodel: %s\nsnapshots: 1m\n", c.features, c.model)
		p, err := config.Parse("s.yaml", []byte(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		found, err := Check(t.Context(), p, "s.yaml", CheckOptions{Log: slog.New(slog.DiscardHandler)})
		if c.fault != "" {
			if err == nil || !strings.Contains(err.Error(), c.fault) {
				t.Errorf("%s for %s: %v, want %q", c.features, c.model, err, c.fault)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		var named []string
		var sum int64
		for _, s := range found.Shares {
			named, sum = append(named, s.Feature), sum+s.Bytes
		}
		if strings.Join(named, " ") != c.shares || sum > found.Snapshot || !strings.Contains(strings.Join(found.Warnings, "\n"), c.warning) {
			t.Errorf("%s for %s: %v of %d bytes, warnings %q", c.features, c.model, found.Shares, found.Snapshot, found.Warnings)
		}
		if left := leftOutOf(found.Warnings); (c.warning != "") != left {
			t.Errorf("%s for %s: warnings %q", c.features, c.model, found.Warnings)
		}
	}
}

func leftOutOf(warnings []string) bool {
	return strings.Contains(strings.Join(warnings, "\n"), "no room for")
}
