package pipeline

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// lag exports how far a source is behind, partition by partition, as it is at each scrape: also while fetching pauses,
// and only for the partitions that the process has at the moment.
type lag struct {
	description *prometheus.Desc
	topic       string
	read        func() map[int32]int64
}

func newLag(stage, topic string, read func() map[int32]int64) *lag {
	return &lag{topic: topic, read: read, description: prometheus.NewDesc("millrace_lag_records",
		"Records between the position and the partition's end.", []string{"topic", "partition"}, prometheus.Labels{"stage": stage})}
}

// Describe implements prometheus.Collector.
func (l *lag) Describe(out chan<- *prometheus.Desc) { out <- l.description }

// Collect implements prometheus.Collector.
func (l *lag) Collect(out chan<- prometheus.Metric) {
	for id, n := range l.read() {
		out <- prometheus.MustNewConstMetric(l.description, prometheus.GaugeValue, float64(n), l.topic, strconv.Itoa(int(id)))
	}
}
