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
	watch            *Watch
	missing, unknown *prometheus.GaugeVec
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
	return &watchMetrics{watch: w,
		missing: gauge("millrace_feature_missing_ratio", "Share of recent events that lack the feature; other is the mean of all features without a series."),
		unknown: gauge("millrace_feature_unknown_ratio", "Share of a category's recent values that its vocabulary lacked; other is the mean of all categories without a series."),
	}
}

// report refreshes the gauges and returns those that a status tells of. Nil reports nothing.
func (m *watchMetrics) report() []FeatureFigures {
	if m == nil {
		return nil
	}
	all := m.watch.Figures()
	shown := min(len(all), featuresMax)
	set := func(g *prometheus.GaugeVec, of func(*FeatureFigures) float64) {
		var sum, n float64
		for i := range all {
			switch v := of(&all[i]); {
			case math.IsNaN(v):
			case i < shown:
				g.WithLabelValues(all[i].Name).Set(v)
			default:
				sum, n = sum+v, n+1
			}
		}
		if n > 0 {
			g.WithLabelValues(otherFeatures).Set(sum / n)
		}
	}
	set(m.missing, func(f *FeatureFigures) float64 { return f.Missing })
	set(m.unknown, func(f *FeatureFigures) float64 { return f.Unknown })
	return strongest(all)
}

// featuresTold is how many features a status tells of.
const featuresTold = 10

// strongest are the features that most is to be said of, the strongest first.
func strongest(all []FeatureFigures) []FeatureFigures {
	weight := func(f *FeatureFigures) float64 {
		w := 0.0
		for _, v := range [...]float64{f.Missing, f.Unknown} {
			if v > w { // a NaN is not
				w = v
			}
		}
		return w
	}
	slices.SortStableFunc(all, func(a, b FeatureFigures) int { return cmp.Compare(weight(&b), weight(&a)) })
	return all[:min(len(all), featuresTold)]
}
