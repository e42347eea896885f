//go:build integration

package integration

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"millrace/integration/harness"
	"millrace/integration/harness/dashboards"
)

const (
	// queryTimeout is how long a query may take until it has finite data: histograms and rates need a few scrapes.
	queryTimeout = 45 * time.Second
	// rateInterval stands in for Grafana's $__rate_interval: more than four scrapes of a second.
	rateInterval = "20s"
)

// mayBeEmpty are queries that have nothing to show in a run where all goes well; they must parse all the same.
var mayBeEmpty = map[string]string{
	"millrace_snapshots_refused_total":    "no snapshot was refused",
	"millrace_expert_weight":              "neither model is a mixture of experts",
	"millrace_expert_loss":                "neither model is a mixture of experts",
	"millrace_model_dead_units_ratio":     "only networks with plasticity watch their units",
	"millrace_events_ended_total":         "neither pipeline has labels that come later",
	"millrace_events_unmeasured_total":    "neither pipeline has labels that come later",
	"millrace_labels_ended_total":         "neither pipeline has labels that come later",
	"millrace_labels_early_total":         "neither pipeline has labels that come later",
	"millrace_label_delay_seconds_bucket": "neither pipeline has labels that come later",
	"millrace_waiting_events":             "neither pipeline has labels that come later",
	"millrace_waiting_labels":             "neither pipeline has labels that come later",
	"millrace_waiting_oldest_seconds":     "neither pipeline has labels that come later",
	"millrace_waiting_memory_ratio":       "neither pipeline has labels that come later",
	"millrace_waiting_disk_bytes":         "neither pipeline has labels that come later",
	"millrace_waiting_disk_index_bytes":   "neither pipeline has labels that come later",
	"millrace_waiting_disk_ratio":         "neither pipeline has labels that come later",
	"millrace_expiries_held":              "neither pipeline has labels that come later",
	"millrace_label_delay_log_loss":       "neither pipeline has labels that come later",
	"millrace_label_delay_mae":            "neither pipeline has labels that come later",
}

// numbersPipeline predicts a number, for the metrics that classes do not have.
const numbersPipeline = `name: numbers
events: {topic: numbers.events, id: id}
features: {a: number, b: number, n: {type: window, over: 10s, stat: count}}
label: {path: y, type: number}
model: {type: linear, optimizer: {type: sgd, rate: 0.01}}
snapshots: {every: 1s, keep: 5}
scores: {topic: numbers.scores, interval: 0.9}
`

// A real Prometheus scrapes real runs and is asked every query of every panel: each must parse and answer with finite
// numbers. No Grafana server takes part, so what a panel looks like is not tested; that its questions have answers is.
func TestDashboardQueriesHaveAnswers(t *testing.T) {
	admin := map[dashboards.Target]string{
		dashboards.Classes: startPayments(t),
		dashboards.Numbers: startNumbers(t),
	}
	pipelines := map[dashboards.Target]string{dashboards.Classes: "payments", dashboards.Numbers: "numbers"}
	p := harness.NewPrometheus(t, fmt.Sprintf(`global: {scrape_interval: 1s}
scrape_configs:
  - job_name: millrace
    static_configs: [{targets: [%q, %q]}]
`, admin[dashboards.Classes], admin[dashboards.Numbers]))

	_, root := tree(t)
	all, err := dashboards.Load(filepath.Join(root, "deploy", "grafana", "dashboards"))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		for _, panel := range d.Panels {
			for _, query := range panel.Targets {
				t.Run(d.UID+"/"+panel.Title+"/"+query.RefID, func(t *testing.T) {
					expr, err := dashboards.Fill(query.Expr, map[string]string{
						"pipeline":        pipelines[targetOf(query.Expr)],
						"__rate_interval": rateInterval,
						"__interval":      "1s",
						"__range":         "1m",
					})
					if err != nil {
						t.Fatal(err)
					}
					askFinite(t, p, expr)
				})
			}
		}
	}
	for target, address := range admin {
		t.Run("metrics of "+pipelines[target], func(t *testing.T) { compareMetrics(t, address, target) })
		if target == dashboards.Classes {
			t.Run("metrics of categories", func(t *testing.T) { compareMetrics(t, address, dashboards.Categories) })
		}
		if target == dashboards.Numbers {
			t.Run("metrics of windows", func(t *testing.T) { compareMetrics(t, address, dashboards.Windows) })
			t.Run("metrics of intervals", func(t *testing.T) { compareMetrics(t, address, dashboards.Levels) })
		}
	}
}

// targetOf returns which run can answer a query: the numbers' one for metrics that only numbers have.
func targetOf(expr string) dashboards.Target {
	exported := dashboards.Exported()
	for _, name := range dashboards.MetricNames(expr) {
		family, _ := dashboards.Family(name)
		if t := exported[family].Target; t == dashboards.Numbers || t == dashboards.Windows || t == dashboards.Levels {
			return dashboards.Numbers
		}
	}
	return dashboards.Classes
}

func askFinite(t *testing.T, p *harness.Prometheus, expr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), queryTimeout)
	defer cancel()
	for name, why := range mayBeEmpty {
		if !slices.Contains(dashboards.MetricNames(expr), name) {
			continue
		}
		samples, err := p.Query(ctx, expr)
		if err != nil {
			t.Fatal(err)
		}
		if len(samples) == 0 {
			t.Logf("%s is empty: %s", expr, why)
			return
		}
	}
	_, err := p.WaitFor(ctx, expr, func(samples []harness.Sample) bool {
		return len(samples) > 0 && !slices.ContainsFunc(samples, func(s harness.Sample) bool {
			return math.IsNaN(s.Value) || math.IsInf(s.Value, 0)
		})
	})
	if err != nil {
		t.Error(err)
	}
}

// startPayments starts the demo with something wrong in its topic, so that rejections are counted, and returns its
// admin address.
func startPayments(t *testing.T) string {
	t.Helper()
	kafka := fmt.Sprintf("127.0.0.1:%d", harness.FreePort(t))
	admin := fmt.Sprintf("127.0.0.1:%d", harness.FreePort(t))
	run := harness.Start(t, "demo", "--rate", "500", "--admin", admin, "--embedded-kafka", kafka)
	waitForMetric(t, run, admin, "millrace_scored_events_total")
	client, err := kgo.NewClient(kgo.SeedBrokers(kafka), kgo.DefaultProduceTopic("payments.events"))
	if err != nil {
		t.Fatal(err)
	}
	// A producer that goes wrong twice a second for as long as the queries last: rates need more than one moment.
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer client.Close()
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for {
			client.Produce(ctx, kgo.StringRecord(`{"amount": "a lot"}`), nil)
			client.Produce(ctx, kgo.StringRecord(`not JSON`), nil)
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return admin
}

// startNumbers starts a pipeline that predicts a number, and the binary's own producer for it.
func startNumbers(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "numbers.yaml")
	var rows strings.Builder
	rows.WriteString("id,a,b,y\n")
	for i := range 1000 {
		a, b := math.Sin(float64(i)), math.Cos(float64(3*i))
		fmt.Fprintf(&rows, "%d,%g,%g,%g\n", i, a, b, 20+3*a-b)
	}
	data := filepath.Join(dir, "numbers.csv")
	for path, text := range map[string]string{file: numbersPipeline, data: rows.String()} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kafka := fmt.Sprintf("127.0.0.1:%d", harness.FreePort(t))
	admin := fmt.Sprintf("127.0.0.1:%d", harness.FreePort(t))
	run := harness.Start(t, "run", "-c", file, "--admin", admin, "--embedded-kafka", kafka)
	waitForMetric(t, run, admin, "millrace_build_info")
	harness.Start(t, "produce", "-c", file, "--brokers", kafka, "--rate", "500", "--loop", data)
	return admin
}

// waitForMetric waits until a run serves a metric.
func waitForMetric(t *testing.T, run *harness.Run, admin, name string) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		kinds, err := scrape(t.Context(), admin)
		if err == nil && kinds[name] != "" {
			return
		}
		select {
		case <-run.Exited():
			t.Fatalf("%s ended with code %d before it served metrics on %s", run.Name(), run.ExitCode(), admin)
		case <-deadline.C:
			t.Fatalf("no %s on %s: %v", name, admin, err)
		case <-tick.C:
		}
	}
}

// scrape returns the kinds of the metrics that an admin address serves.
func scrape(ctx context.Context, admin string) (map[string]dashboards.Kind, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, errors.New(response.Status)
	}
	kinds := make(map[string]dashboards.Kind)
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) == 4 && fields[1] == "TYPE" {
			kinds[fields[2]] = dashboards.Kind(fields[3])
		}
	}
	return kinds, nil
}

// compareMetrics compares what a run exports with the list that dashboards and alerts are checked against.
func compareMetrics(t *testing.T, admin string, target dashboards.Target) {
	kinds, err := scrape(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	exported := dashboards.Exported()
	for name, kind := range kinds {
		if !strings.HasPrefix(name, "millrace_") {
			continue
		}
		if m, ok := exported[name]; !ok || m.Kind != kind {
			t.Errorf("the binary exports %s, a %s, which the list does not have so", name, kind)
		}
	}
	for name, m := range exported {
		if m.Target != dashboards.Always && m.Target != target {
			continue
		}
		// A counter by reason has no series before its first reason; only the payments run provokes some.
		provoked := name != "millrace_rejected_events_total" && name != "millrace_unscored_events_total" || target == dashboards.Classes
		if _, empty := mayBeEmpty[name]; empty || !provoked {
			continue
		}
		if kinds[name] == "" {
			t.Errorf("the binary does not export %s", name)
		}
	}
}
