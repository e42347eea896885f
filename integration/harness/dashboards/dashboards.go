package dashboards

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Dashboard is what tests look at of a dashboard's JSON.
type Dashboard struct {
	File          string `json:"-"`
	UID           string
	Title         string
	SchemaVersion int
	Panels        []Panel
	Templating    struct{ List []Variable }
}

// Variable is a template variable.
type Variable struct {
	Name, Type string
	Query      json.RawMessage // text, or an object that holds it
}

// Panel is one panel, or a row's heading.
type Panel struct {
	ID          int
	Type        string
	Title       string
	Description string
	Datasource  Datasource
	GridPos     Grid
	FieldConfig struct{ Defaults struct{ Unit string } }
	Targets     []Query
}

// Datasource names where a panel asks.
type Datasource struct{ Type, UID string }

// Grid is a panel's place: Grafana's grid is 24 columns wide.
type Grid struct{ X, Y, W, H int }

// Query is one query of a panel.
type Query struct {
	RefID      string
	Expr       string
	Datasource Datasource
}

// Load reads every dashboard of a folder.
func Load(dir string) ([]Dashboard, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("listing dashboards: %w", err)
	}
	var all []Dashboard
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading a dashboard: %w", err)
		}
		d := Dashboard{File: filepath.Base(file)}
		if err := json.Unmarshal(text, &d); err != nil {
			return nil, fmt.Errorf("reading %s: %w", d.File, err)
		}
		all = append(all, d)
	}
	return all, nil
}

// Overlap reports whether two places share a cell.
func (g Grid) Overlap(o Grid) bool {
	return g.X < o.X+o.W && o.X < g.X+g.W && g.Y < o.Y+o.H && o.Y < g.Y+g.H
}

var variable = regexp.MustCompile(`\$\{?(\w+)(?::\w+)?\}?`)

// Variables returns the names of the variables in a query, each once.
func Variables(expr string) []string {
	var names []string
	for _, match := range variable.FindAllStringSubmatch(expr, -1) {
		if !slices.Contains(names, match[1]) {
			names = append(names, match[1])
		}
	}
	return names
}

// Fill puts values in for a query's variables, as Grafana does before it asks. A variable without a value is an error.
func Fill(expr string, values map[string]string) (string, error) {
	for _, name := range Variables(expr) {
		if _, ok := values[name]; !ok {
			return "", fmt.Errorf("filling in %s: no value for $%s", expr, name)
		}
	}
	return variable.ReplaceAllStringFunc(expr, func(found string) string {
		return values[variable.FindStringSubmatch(found)[1]]
	}), nil
}

var (
	quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'`)
	braces = regexp.MustCompile(`\{[^}]*\}`)
	ranges = regexp.MustCompile(`\[[^\]]*\]`)
	// The labels named by aggregations and joins are no metrics.
	labels = regexp.MustCompile(`\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)`)
	word   = regexp.MustCompile(`[a-zA-Z_:][\w:]*`)
	call   = regexp.MustCompile(`^\s*\(`)
	// A number such as 1e5 has letters too.
	number = regexp.MustCompile(`\b\d[\w.]*`)
)

var operators = []string{"and", "or", "unless", "bool", "offset", "atan2", "inf", "nan", "by", "without"}

// MetricNames returns the series that a query names, each once, in order. It is no parser: it takes away all that is
// certainly no metric and calls the rest by what it is. Prometheus itself judges in the integration tests.
func MetricNames(expr string) []string {
	for _, r := range []*regexp.Regexp{quoted, braces, ranges, labels, number} {
		expr = r.ReplaceAllString(expr, " ")
	}
	var names []string
	for _, at := range word.FindAllStringIndex(expr, -1) {
		name := expr[at[0]:at[1]]
		if call.MatchString(expr[at[1]:]) || slices.Contains(operators, strings.ToLower(name)) || slices.Contains(names, name) {
			continue
		}
		names = append(names, name)
	}
	return names
}
