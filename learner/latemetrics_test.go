package learner

import (
	"testing"

	dto "github.com/prometheus/client_model/go"

	"millrace/join"
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
	again.run(t)
	want := float64(names["joined"] - from.Manifest.Names["joined"])
	if got := valueOf(gathered(t, again)["millrace_events_ended_total"], "joined"); got != want || want == 0 {
		t.Errorf("%v events joined since the restart, want %v", got, want)
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
