package learner

import (
	"cmp"
	"math"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// featuresMax bounds the features that have series: of the others there is one together.
const featuresMax = 50

// otherFeatures is the label of what is said of those together.
const otherFeatures = "other"

// watchMetrics are gauges of single features.
type watchMetrics struct {
	watch                        *Watch
	importance, missing, unknown *prometheus.GaugeVec
	shown                        map[string]bool
}

// newWatchMetrics registers the gauges if there is a watch; nil otherwise.
func newWatchMetrics(r prometheus.Registerer, w *Watch) *watchMetrics {
	if w == nil {
		return nil
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"feature"})
		r.MustRegister(g)
		return g
	}
	return &watchMetrics{watch: w, shown: map[string]bool{},
		importance: gauge("millrace_feature_importance", "By how much the recent loss (log-loss, of numbers the absolute error) rises when the feature has another event's value; other is the sum of all features without a series."),
		missing:    gauge("millrace_feature_missing_ratio", "Share of recent events that lack the feature; other is the mean of all features without a series."),
		unknown:    gauge("millrace_feature_unknown_ratio", "Share of a category's recent values that its vocabulary lacked; other is the mean of all categories without a series."),
	}
}

// report refreshes the gauges and returns the figures that a status tells of. The most important features have series;
// those of others go. Nil reports nothing.
func (m *watchMetrics) report() []FeatureFigures {
	if m == nil {
		return nil
	}
	all := m.watch.Figures()
	slices.SortStableFunc(all, func(a, b FeatureFigures) int { return cmp.Compare(b.Importance, a.Importance) }) // NaNs come last
	shown := min(len(all), featuresMax)
	set := func(g *prometheus.GaugeVec, of func(*FeatureFigures) float64) (sum, n float64) {
		for i := range all {
			switch v := of(&all[i]); {
			case math.IsNaN(v):
			case i < shown:
				g.WithLabelValues(all[i].Name).Set(v)
			default:
				sum, n = sum+v, n+1
			}
		}
		return sum, n
	}
	if sum, n := set(m.importance, func(f *FeatureFigures) float64 { return f.Importance }); n > 0 {
		m.importance.WithLabelValues(otherFeatures).Set(sum)
	}
	if sum, n := set(m.missing, func(f *FeatureFigures) float64 { return f.Missing }); n > 0 {
		m.missing.WithLabelValues(otherFeatures).Set(sum / n)
	}
	if sum, n := set(m.unknown, func(f *FeatureFigures) float64 { return f.Unknown }); n > 0 {
		m.unknown.WithLabelValues(otherFeatures).Set(sum / n)
	}
	m.forget(all[:shown])
	return all[:min(len(all), featuresTold)]
}

// featuresTold is how many features a status tells of, the most important.
const featuresTold = 10

// forget takes away the series of features that are no longer shown.
func (m *watchMetrics) forget(shown []FeatureFigures) {
	now := make(map[string]bool, len(shown))
	for i := range shown {
		now[shown[i].Name] = true
	}
	for name := range m.shown {
		if !now[name] {
			for _, g := range [...]*prometheus.GaugeVec{m.importance, m.missing, m.unknown} {
				g.DeleteLabelValues(name)
			}
		}
	}
	m.shown = now
}
