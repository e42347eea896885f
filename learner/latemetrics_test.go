package learner

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"millrace"
	"millrace/join"
	"millrace/snapshot"
)

// TestMetricsOfLateLabels: what is shown is what happened, also over a restart, whose counts were added before it.
func TestMetricsOfLateLabels(t *testing.T) {
	l := newLives(11)
	l.fill(3000, 1)
	f := l.begin(t, nil, 700, 0)
	f.run(t)
	names, held := f.stream.Names(), f.stream.Join.Stats()
	all := gathered(t, f)
	for _, c := range []struct {
		family, outcome string
		want            float64
	}{
		{"millrace_events_ended_total", "joined", float64(names["joined"])},
		{"millrace_events_ended_total", "expired_learned", float64(names["expired_learned"])},
		{"millrace_events_ended_total", "duplicate", float64(names["duplicate"])},
		{"millrace_labels_ended_total", "repeated", float64(names["label_repeated"])},
		{"millrace_labels_ended_total", "unmatched", float64(names["label_unmatched"])},
		{"millrace_labels_early_total", "", float64(names["label_early"])},
		{"millrace_waiting_events", "", float64(held.Waiting)},
		{"millrace_waiting_labels", "", float64(held.Kept)},
	} {
		if got := valueOf(all[c.family], c.outcome); got != c.want || c.want == 0 {
			t.Errorf("%s %s is %v, want %v", c.family, c.outcome, got, c.want)
		}
	}
	delay := all["millrace_label_delay_seconds"].GetMetric()[0].GetHistogram()
	if got := delay.GetSampleCount(); got != names[string(join.NameJoined)] {
		t.Errorf("%d label delays, want %d", got, names[string(join.NameJoined)])
	}
	if oldest := valueOf(all["millrace_waiting_oldest_seconds"], ""); oldest <= 0 || oldest > l.spec.Wait.Seconds()*1.1 {
		t.Errorf("the oldest event has waited %v s", oldest)
	}
	if loss := valueOf(all["millrace_label_delay_log_loss"], ""); loss <= 0.3 || loss > 1.5 {
		t.Errorf("log-loss by label delay is %v", loss)
	}
	from := f.store.heads[len(f.store.heads)/2]
	again := l.begin(t, &from, 0, 0)
	if _, ok := again.stream.Trainer.Progressive.delayed(0); !ok {
		t.Error("losses by label delay begin anew with a restart")
	}
	again.run(t)
	want := float64(names["joined"] - from.Manifest.Names["joined"])
	if got := valueOf(gathered(t, again)["millrace_events_ended_total"], "joined"); got != want || want == 0 {
		t.Errorf("%v events joined since the restart, want %v", got, want)
	}
}

// TestStatusOfLateLabels: it says how long labels took, and how right predictions were by that, as the metrics do.
func TestStatusOfLateLabels(t *testing.T) {
	l := newLives(11)
	l.fill(3000, 1)
	f := l.begin(t, nil, 700, 0)
	f.learner.report()
	if late := f.learner.Status().Late; late.Delay != (LabelDelay{}) || late.Losses != nil {
		t.Errorf("no label came, and it says %+v, %v", late.Delay, late.Losses)
	}
	var took []time.Duration
	tell, sum := f.stream.Joined, time.Duration(0)
	f.stream.Joined = func(delay time.Duration, prediction []float64, y millrace.Label) {
		tell(delay, prediction, y)
		took, sum = append(took, delay), sum+delay
	}
	f.run(t)
	slices.Sort(took)
	late, all := f.learner.Status().Late, gathered(t, f)
	if late.Delay.Labels != uint64(len(took)) || len(took) < 500 {
		t.Fatalf("label delays of %d labels, want %d", late.Delay.Labels, len(took))
	}
	if mean := sum / time.Duration(len(took)); (late.Delay.Mean - mean).Abs() > time.Microsecond {
		t.Errorf("the mean delay is %s, want %s", late.Delay.Mean, mean)
	}
	for share, got := range map[float64]time.Duration{0.5: late.Delay.Median, 0.95: late.Delay.Percent95} {
		want := took[int(math.Ceil(share*float64(len(took))))-1]
		if bucket(got) != bucket(want) || got <= 0 {
			t.Errorf("%v of the labels came within %s, want some %s", share, got, want)
		}
	}
	if late.Delay.Percent95 <= late.Delay.Median {
		t.Errorf("half of the labels took %s, 95 %% of them %s", late.Delay.Median, late.Delay.Percent95)
	}
	told := all["millrace_label_delay_log_loss"].GetMetric()
	if len(late.Losses) != len(told) || len(told) == 0 {
		t.Fatalf("losses of %v, the metrics have %v", late.Losses, told)
	}
	for _, d := range late.Losses {
		if want := valueOf(all["millrace_label_delay_log_loss"], d.Delay); d.Loss != want {
			t.Errorf("up to %s the log-loss is %v, want %v", d.Delay, d.Loss, want)
		}
	}
	again := l.begin(t, &f.store.heads[len(f.store.heads)-1], 0, 0)
	again.learner.report()
	if late := again.learner.Status().Late; late.Delay.Labels != 0 || len(late.Losses) != len(told) {
		t.Errorf("after a restart it says %+v, %v", late.Delay, late.Losses)
	}
}

// bucket is which of the histogram's buckets a delay is in: up to 1, 4, 16 seconds and so on.
func bucket(d time.Duration) int {
	return max(0, int(math.Ceil(math.Log(d.Seconds())/math.Log(4)-1e-9)))
}

// TestWithin: a share of a histogram's samples is found as Prometheus finds it.
func TestWithin(t *testing.T) {
	for _, c := range []struct {
		samples     []float64
		share, want float64
	}{
		{[]float64{0, 0}, 0.5, 0.5}, // all in the first bucket, and half of it
		{[]float64{0.5, 2, 2, 2, 2}, 0.6, 2.5},
		{[]float64{0.5, 10, 10}, 0.5, 7},
		{[]float64{10}, 1, 16},
		{[]float64{0.5, 1e12}, 0.95, 67108864}, // 4¹³ s is the end of the last
	} {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h", Buckets: prometheus.ExponentialBuckets(1, 4, 14)})
		for _, s := range c.samples {
			h.Observe(s)
		}
		var m dto.Metric
		if err := h.Write(&m); err != nil {
			t.Fatal(err)
		}
		if got := within(m.GetHistogram(), c.share); math.Abs(got-c.want) > 1e-9*c.want {
			t.Errorf("%v of %v are within %v, want %v", c.share, c.samples, got, c.want)
		}
	}
}

func gathered(t *testing.T, f *life) map[string]*dto.MetricFamily {
	t.Helper()
	families, err := f.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*dto.MetricFamily{}
	for _, family := range families {
		all[family.GetName()] = family
	}
	return all
}

// valueOf is the value of a family's only series, or of the one with a label of that value.
func valueOf(family *dto.MetricFamily, label string) float64 {
	for _, m := range family.GetMetric() {
		if label == "" || len(m.GetLabel()) > 0 && m.GetLabel()[0].GetValue() == label {
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return -1
}

// TestLossesByLabelDelayGoOn: figures by label delay are in a snapshot as they are, start at nothing where an older one
// lacks them, and are refused where no stream makes them.
func TestLossesByLabelDelayGoOn(t *testing.T) {
	before, after := NewProgressive(2), (*Progressive)(nil)
	for i := range 100 {
		for k, delay := range []time.Duration{time.Second, time.Minute, 59 * time.Minute, 3 * time.Hour, 1000 * time.Hour} {
			if k != 3 || i < 7 {
				before.AddDelayed(delay, []float64{.7, .3}, millrace.Label{Known: true, Class: int32(i % 2)})
			}
		}
	}
	copied := func(from millrace.Stateful) {
		t.Helper()
		after = NewProgressive(2)
		old, err := snapshot.NewLayout(nil, snapshot.Part{Prefix: "progressive", State: from})
		if err != nil {
			t.Fatal(err)
		}
		layout, err := snapshot.NewLayout(nil, snapshot.Part{Prefix: "progressive", State: after})
		if err != nil {
			t.Fatal(err)
		}
		b := old.NewBuffer()
		old.Copy(b)
		if err := layout.Restore(b.Serving(), b.Training()); err != nil {
			t.Fatal(err)
		}
	}
	copied(before)
	for i, d := range delays {
		want, known := before.delayed(i)
		if got, ok := after.delayed(i); ok != known || known && got != want || known != (d.name != "7d") {
			t.Errorf("up to %s: %v, %v, want %v, %v", d.name, got, ok, want, known)
		}
	}
	copied(older{before})
	for i, d := range delays {
		if got, ok := after.delayed(i); ok {
			t.Errorf("up to %s: %v from a snapshot that lacks it", d.name, got)
		}
	}
	for _, wrong := range []float64{-1, math.NaN(), math.Inf(1)} {
		p := NewProgressive(0)
		p.delays[3] = wrong
		if p.Restored() == nil {
			t.Errorf("a sum of %v was taken", wrong)
		}
	}
	before.Reset()
	if _, ok := before.delayed(0); ok {
		t.Error("they outlive a reset")
	}
}
