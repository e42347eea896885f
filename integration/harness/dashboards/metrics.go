// Package dashboards reads the Grafana dashboards of deploy/ for tests: which panels there are, what they ask, and
// which metrics the questions name.
package dashboards

import (
	"maps"
	"strings"
)

// Kind is a metric's type as Prometheus knows it.
type Kind string

// The kinds of the binary's metrics.
const (
	Counter   Kind = "counter"
	Gauge     Kind = "gauge"
	Histogram Kind = "histogram"
)

// Target says which pipelines export a metric.
type Target string

// A metric is exported always, or only where classes or numbers are predicted, by mixtures of experts, with windows
// or with intervals.
const (
	Always  Target = "always"
	Classes Target = "classes"
	Numbers Target = "numbers"
	Experts Target = "experts"
	// Categories are exported where there are features of type category.
	Categories Target = "categories"
	Late       Target = "late labels"
	Windows    Target = "windows"
	Levels     Target = "intervals"
)

// Metric is one metric that the binary exports.
type Metric struct {
	Kind   Kind
	Target Target
}

// Exported are Millrace's own metrics: what dashboards, alerts and other people's queries may name. The integration
// tests compare the list with what a running binary exports, so that neither drifts from the other.
func Exported() map[string]Metric {
	all := exportedKeyed()
	maps.Copy(all, map[string]Metric{
		"millrace_consumed_records_total":        {Counter, Always},
		"millrace_consumed_bytes_total":          {Counter, Always},
		"millrace_rejected_events_total":         {Counter, Always},
		"millrace_learned_events_total":          {Counter, Always},
		"millrace_events_unlabelled_total":       {Counter, Always},
		"millrace_scored_events_total":           {Counter, Always},
		"millrace_unscored_events_total":         {Counter, Always},
		"millrace_lag_records":                   {Gauge, Always},
		"millrace_progressive_log_loss":          {Gauge, Classes},
		"millrace_progressive_accuracy":          {Gauge, Classes},
		"millrace_progressive_precision":         {Gauge, Classes},
		"millrace_progressive_recall":            {Gauge, Classes},
		"millrace_progressive_roc_auc":           {Gauge, Classes},
		"millrace_progressive_average_precision": {Gauge, Classes},
		"millrace_progressive_ece":               {Gauge, Classes},
		"millrace_progressive_ece_expected":      {Gauge, Classes},
		"millrace_progressive_coverage":          {Gauge, Levels},
		"millrace_progressive_interval_width":    {Gauge, Levels},
		"millrace_progressive_unbounded":         {Gauge, Levels},
		"millrace_progressive_mae":               {Gauge, Numbers},
		"millrace_progressive_rmse":              {Gauge, Numbers},
		"millrace_baseline_accuracy":             {Gauge, Classes},
		"millrace_baseline_log_loss":             {Gauge, Classes},
		"millrace_baseline_mae":                  {Gauge, Numbers},
		"millrace_baseline_rmse":                 {Gauge, Numbers},
		"millrace_snapshot_age_seconds":          {Gauge, Always},
		"millrace_snapshot_size_bytes":           {Gauge, Always},
		"millrace_snapshot_duration_seconds":     {Histogram, Always},
		"millrace_snapshots_held_bytes":          {Gauge, Always},
		"millrace_snapshots_published_total":     {Counter, Always},
		"millrace_snapshots_skipped_total":       {Counter, Always},
		"millrace_snapshots_refused_total":       {Counter, Always},
		"millrace_snapshot_swaps_total":          {Counter, Always},
		"millrace_event_to_model_seconds":        {Histogram, Always},
		"millrace_event_to_score_seconds":        {Histogram, Always},
		"millrace_model_info":                    {Gauge, Always},
		"millrace_score":                         {Histogram, Always},
		"millrace_predicted_class_total":         {Counter, Classes},
		"millrace_observed_class_total":          {Counter, Classes},
		"millrace_feature_importance":            {Gauge, Always},
		"millrace_feature_missing_ratio":         {Gauge, Always},
		"millrace_feature_unknown_ratio":         {Gauge, Categories},
		"millrace_gradient_norm":                 {Gauge, Always},
		"millrace_weight_norm":                   {Gauge, Always},
		"millrace_model_dead_units_ratio":        {Gauge, Always},
		"millrace_dead_letters_pending":          {Gauge, Always},
		"millrace_dead_letters_blocked_seconds":  {Gauge, Always},
		"millrace_fetch_paused_seconds_total":    {Counter, Always},
		"millrace_learner_up":                    {Gauge, Always},
		"millrace_expert_weight":                 {Gauge, Experts},
		"millrace_expert_loss":                   {Gauge, Experts},
		"millrace_expert_skipped_total":          {Counter, Experts},
		"millrace_build_info":                    {Gauge, Always},
		"millrace_drift_alarms_total":            {Counter, Always},
		"millrace_drift_statistic":               {Gauge, Always},
	})
	return all
}

// exportedKeyed are the metrics of state by key.
func exportedKeyed() map[string]Metric {
	return map[string]Metric{
		"millrace_scorer_window_difference":         {Histogram, Windows},
		"millrace_scorer_windows_ready":             {Gauge, Windows},
		"millrace_scorer_windows_remaining_records": {Gauge, Windows},
		"millrace_scorer_windows_fillings_total":    {Counter, Windows},
		"millrace_scorer_windows_kept_bytes":        {Gauge, Windows},
		"millrace_scorer_windows_dropped_total":     {Counter, Windows},
		"millrace_scorer_windows_keys":              {Gauge, Windows},
		"millrace_scorer_windows_bytes":             {Gauge, Windows},
		"millrace_scorer_windows_late_total":        {Counter, Windows},
		"millrace_scorer_windows_evicted_total":     {Counter, Windows},
		"millrace_waiting_events":                   {Gauge, Late},
		"millrace_waiting_labels":                   {Gauge, Late},
		"millrace_waiting_oldest_seconds":           {Gauge, Late},
		"millrace_waiting_memory_ratio":             {Gauge, Late},
		"millrace_waiting_disk_ratio":               {Gauge, Late},
		"millrace_waiting_disk_bytes":               {Gauge, Late},
		"millrace_waiting_disk_index_bytes":         {Gauge, Late},
		"millrace_expiries_held":                    {Gauge, Late},
		"millrace_events_ended_total":               {Counter, Late},
		"millrace_events_unmeasured_total":          {Counter, Late},
		"millrace_labels_ended_total":               {Counter, Late},
		"millrace_labels_early_total":               {Counter, Late},
		"millrace_label_delay_seconds":              {Histogram, Late},
		"millrace_label_delay_log_loss":             {Gauge, Late},
		"millrace_label_delay_mae":                  {Gauge, Late},
		"millrace_windows_keys":                     {Gauge, Windows},
		"millrace_windows_bytes":                    {Gauge, Windows},
		"millrace_windows_late_total":               {Counter, Windows},
		"millrace_windows_evicted_total":            {Counter, Windows},
		"millrace_rebuild_reach_seconds":            {Gauge, Windows},
		"millrace_rebuild_retention_seconds":        {Gauge, Windows},
		"millrace_rebuild_labels_reach_seconds":     {Gauge, Late},
		"millrace_rebuild_labels_retention_seconds": {Gauge, Late},
		"millrace_rebuild_remaining_records":        {Gauge, Windows},
		"millrace_merge_stalled_seconds":            {Gauge, Windows},
	}
}

// Family returns the metric that a series name belongs to: a histogram's series have suffixes. ok is false for names
// that neither Millrace, nor client_golang's Go and process collectors, nor Prometheus itself exports.
func Family(series string) (name string, ok bool) {
	exported := Exported()
	if m, known := exported[series]; known {
		// Classic histograms have no series of their bare name.
		return series, m.Kind != Histogram
	}
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base, cut := strings.CutSuffix(series, suffix); cut && exported[base].Kind == Histogram {
			return base, true
		}
	}
	return series, series == "up" || strings.HasPrefix(series, "go_") || strings.HasPrefix(series, "process_")
}
