package pipeline

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// lag exports how far sources are behind, partition by partition, as it is at each scrape: also while fetching pauses,
// and only for the partitions that the process has at the moment.
type lag struct {
	description *prometheus.Desc
	of          []lagOf
}

// lagOf is one topic's.
type lagOf struct {
	topic string
	read  func() map[int32]int64
}

func newLag(stage string, of ...lagOf) *lag {
	return &lag{of: of, description: prometheus.NewDesc("millrace_lag_records",
		"Records between the position and the partition's end.", []string{"topic", "partition"}, prometheus.Labels{"stage": stage})}
}

// learningLag is how many records the learner at work is behind; 0 while none is.
func (e *environment) learningLag() int64 {
	l := e.lag.Load()
	if l == nil {
		return 0
	}
	var sum int64
	for _, t := range l.of {
		records, _ := total(t.read())
		sum += records
	}
	return sum
}

// total is the records of all partitions, and how many partitions those are.
func total(lag map[int32]int64) (records int64, partitions int) {
	for _, n := range lag {
		records += n
	}
	return records, len(lag)
}

// Describe implements prometheus.Collector.
func (l *lag) Describe(out chan<- *prometheus.Desc) { out <- l.description }

// Collect implements prometheus.Collector.
func (l *lag) Collect(out chan<- prometheus.Metric) {
	for _, t := range l.of {
		for id, n := range t.read() {
			out <- prometheus.MustNewConstMetric(l.description, prometheus.GaugeValue, float64(n), t.topic, strconv.Itoa(int(id)))
		}
	}
}
