package dashboards

import (
	"slices"
	"testing"
)

func TestMetricNames(t *testing.T) {
	tests := []struct {
		expr string
		want []string
	}{
		{`sum(rate(a_total{x="by (b)"}[5m]))`, []string{"a_total"}},
		{`sum by (class, le) (rate(a_bucket[$__rate_interval]))`, []string{"a_bucket"}},
		{`sum(a) by (b)`, []string{"a"}},
		{`a / ignoring (class) group_left () (sum(b) > 0)`, []string{"a", "b"}},
		{`histogram_quantile(0.99, sum by (le) (rate(h_bucket{p="$p"}[1m])))`, []string{"h_bucket"}},
		{`60 * a and on (job) b or vector(1e5)`, []string{"a", "b"}},
		{`max(a) - max(a offset 5m)`, []string{"a"}},
		{`level:a:rate5m > bool 1`, []string{"level:a:rate5m"}},
		{`deriv(sum(x)[10m:30s])`, []string{"x"}},
	}
	for _, test := range tests {
		if got := MetricNames(test.expr); !slices.Equal(got, test.want) {
			t.Errorf("MetricNames(%s) = %v, want %v", test.expr, got, test.want)
		}
	}
}

func TestFill(t *testing.T) {
	got, err := Fill(`a{p="$p",q="${q:regex}"}[$__rate_interval]`, map[string]string{"p": "x", "q": "y", "__rate_interval": "1m"})
	if want := `a{p="x",q="y"}[1m]`; err != nil || got != want {
		t.Errorf("Fill = %s, %v, want %s", got, err, want)
	}
	if _, err := Fill("a{p=\"$other\"}", nil); err == nil {
		t.Error("a variable without a value is no error")
	}
}

func TestFamily(t *testing.T) {
	tests := []struct {
		series, name string
		ok           bool
	}{
		{"millrace_learned_events_total", "millrace_learned_events_total", true},
		{"millrace_score_bucket", "millrace_score", true},
		{"millrace_score", "millrace_score", false},
		{"millrace_gradient_norm_bucket", "millrace_gradient_norm_bucket", false},
		{"millrace_learnt_total", "millrace_learnt_total", false},
		{"process_cpu_seconds_total", "process_cpu_seconds_total", true},
	}
	for _, test := range tests {
		if name, ok := Family(test.series); name != test.name || ok != test.ok {
			t.Errorf("Family(%s) = %s, %t, want %s, %t", test.series, name, ok, test.name, test.ok)
		}
	}
}

func TestOverlap(t *testing.T) {
	a := Grid{X: 0, Y: 0, W: 12, H: 8}
	for _, test := range []struct {
		b    Grid
		want bool
	}{
		{Grid{X: 12, Y: 0, W: 12, H: 8}, false},
		{Grid{X: 11, Y: 7, W: 2, H: 2}, true},
		{Grid{X: 0, Y: 8, W: 24, H: 1}, false},
	} {
		if got := a.Overlap(test.b); got != test.want || test.b.Overlap(a) != test.want {
			t.Errorf("%v overlaps %v: %t, want %t", a, test.b, got, test.want)
		}
	}
}
