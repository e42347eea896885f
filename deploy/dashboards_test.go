// Package deploy checks the files that a deployment is made of, as far as that can be done without running them.
package deploy

import (
	"slices"
	"strings"
	"testing"

	"millrace/integration/harness/dashboards"
)

// gridColumns is the width of Grafana's grid.
const gridColumns = 24

func load(t *testing.T) []dashboards.Dashboard {
	t.Helper()
	all, err := dashboards.Load("grafana/dashboards")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 {
		t.Fatalf("%d dashboards, want pipeline.json and learning.json", len(all))
	}
	return all
}

func TestDashboards(t *testing.T) {
	for _, d := range load(t) {
		t.Run(d.File, func(t *testing.T) {
			if d.UID == "" || d.Title == "" || d.SchemaVersion < 39 {
				t.Errorf("uid %q, title %q, schema version %d: want all three, the version recent", d.UID, d.Title, d.SchemaVersion)
			}
			var names []string
			for _, v := range d.Templating.List {
				names = append(names, v.Name+" "+v.Type)
				if v.Name == "pipeline" && !strings.Contains(string(v.Query), "label_values(millrace_build_info, pipeline)") {
					t.Errorf("$pipeline asks %s", v.Query)
				}
			}
			if want := []string{"datasource datasource", "pipeline query"}; !slices.Equal(names, want) {
				t.Errorf("variables %q, want %q", names, want)
			}
		})
	}
}

func TestPanels(t *testing.T) {
	titles := make(map[string]bool)
	for _, d := range load(t) {
		ids := make(map[int]string)
		for i, p := range d.Panels {
			where := d.File + ": " + p.Title
			if other, taken := ids[p.ID]; taken || p.ID == 0 {
				t.Errorf("%s: id %d is %q's too, or none", where, p.ID, other)
			}
			ids[p.ID] = p.Title
			if g := p.GridPos; g.W < 1 || g.H < 1 || g.X < 0 || g.Y < 0 || g.X+g.W > gridColumns {
				t.Errorf("%s: %+v is outside the grid", where, g)
			}
			for _, q := range d.Panels[:i] {
				if p.GridPos.Overlap(q.GridPos) {
					t.Errorf("%s: %+v lies over %q at %+v", where, p.GridPos, q.Title, q.GridPos)
				}
			}
			if p.Type == "row" {
				continue
			}
			if titles[where] || p.Title == "" {
				t.Errorf("%s: the title is empty or taken", where)
			}
			titles[where] = true
			checkPanel(t, where, p)
		}
	}
}

func checkPanel(t *testing.T, where string, p dashboards.Panel) {
	t.Helper()
	if p.Description == "" || !strings.HasSuffix(p.Description, ".") {
		t.Errorf("%s: the description is missing or no sentence: %q", where, p.Description)
	}
	if p.FieldConfig.Defaults.Unit == "" {
		t.Errorf("%s: no unit", where)
	}
	if len(p.Targets) == 0 {
		t.Errorf("%s: no query", where)
	}
	want := dashboards.Datasource{Type: "prometheus", UID: "${datasource}"}
	if p.Datasource != want {
		t.Errorf("%s: data source %+v, want the variable's", where, p.Datasource)
	}
	refs := make(map[string]bool)
	for _, q := range p.Targets {
		if q.Datasource != want {
			t.Errorf("%s, query %s: data source %+v, want the variable's", where, q.RefID, q.Datasource)
		}
		if refs[q.RefID] || q.RefID == "" {
			t.Errorf("%s: refId %q is empty or taken", where, q.RefID)
		}
		refs[q.RefID] = true
		if !strings.Contains(q.Expr, `pipeline="$pipeline"`) {
			t.Errorf("%s, query %s: shows every pipeline at once: %s", where, q.RefID, q.Expr)
		}
		checkMetrics(t, where, q.Expr)
	}
}

func checkMetrics(t *testing.T, where, expr string) {
	t.Helper()
	names := dashboards.MetricNames(expr)
	if len(names) == 0 {
		t.Errorf("%s: names no metric: %s", where, expr)
	}
	for _, name := range names {
		if _, ok := dashboards.Family(name); !ok {
			t.Errorf("%s: nothing exports %s", where, name)
		}
	}
}

// Every metric is shown somewhere: one that nobody looks at is not worth exporting.
func TestEveryMetricIsShown(t *testing.T) {
	shown := make(map[string]bool)
	for _, d := range load(t) {
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				for _, name := range dashboards.MetricNames(q.Expr) {
					family, _ := dashboards.Family(name)
					shown[family] = true
				}
			}
		}
	}
	for name := range dashboards.Exported() {
		if !shown[name] {
			t.Errorf("no panel shows %s", name)
		}
	}
}
