package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"millrace"
	"millrace/config"
	"millrace/model"
	"millrace/pipeline"
)

// expertRow is one expert as show prints it.
type expertRow struct {
	ID     uint64          `json:"id"`
	Name   string          `json:"name"`
	Weight float64         `json:"weight"`
	Loss   float64         `json:"loss"`
	Active bool            `json:"active"`
	Why    string          `json:"why,omitempty"`
	Parent uint64          `json:"parent,omitempty"`
	Born   uint64          `json:"born"`
	Spec   json.RawMessage `json:"spec"` // canonical
}

// snapshotExperts are the experts of a snapshot's model; none when it is not made of experts.
func snapshotExperts(s *millrace.Snapshot) ([]expertRow, error) {
	if pipeline.Family(s.Manifest.Spec) != model.FamilyAuto {
		return nil, nil // so that large models of other families are not built for nothing
	}
	p, pieces, err := pipeline.Revive(s)
	if err != nil {
		return nil, err
	}
	return expertRows(p, expertsOf(pieces.Model))
}

// expertsOf lists a model's experts, the active ones first, by weight; nil for models that are not made of experts.
func expertsOf(m model.Model) []model.Expert {
	mixture, ok := model.As[model.HasExperts](m)
	if !ok {
		return nil
	}
	experts := mixture.Experts()
	slices.SortStableFunc(experts, func(a, b model.Expert) int {
		if a.Active != b.Active {
			if a.Active {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(b.Weight, a.Weight), cmp.Compare(a.ID, b.ID))
	})
	return experts
}

// chooseExpert finds an expert by its name or number; without either it is the one with the largest weight.
func chooseExpert(experts []model.Expert, name string) (model.Expert, error) {
	if len(experts) == 0 {
		return model.Expert{}, config.Usagef("--expert: the model is not made of experts")
	}
	if name == "" {
		return experts[0], nil
	}
	names := make([]string, len(experts))
	for i, e := range experts {
		if e.Name == name || strconv.FormatUint(e.ID, 10) == name {
			return e, nil
		}
		names[i] = fmt.Sprintf("%s (%d)", e.Name, e.ID)
	}
	return model.Expert{}, config.Usagef("--expert: there is no %q; the experts are %s", name, strings.Join(names, ", "))
}

// specAs is the canonical spec of a pipeline with another model.
func specAs(p *config.Pipeline, m model.Spec) json.RawMessage {
	other := *p
	other.Model = m
	spec, _, _ := other.CanonicalSpec()
	return spec
}

func expertRows(p *config.Pipeline, experts []model.Expert) ([]expertRow, error) {
	rows := make([]expertRow, len(experts))
	for i, e := range experts {
		var spec struct {
			Model json.RawMessage `json:"model"`
		}
		if err := json.Unmarshal(specAs(p, e.Spec), &spec); err != nil {
			return nil, fmt.Errorf("writing the spec of %s: %w", e.Name, err)
		}
		rows[i] = expertRow{ID: e.ID, Name: e.Name, Weight: e.Weight, Loss: e.Loss, Active: e.Active, Why: e.Why,
			Parent: e.Parent, Born: e.Born, Spec: spec.Model}
	}
	return rows, nil
}

func printExperts(w io.Writer, rows []expertRow) error {
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "EXPERT\tID\tWEIGHT\tLOSS\tACTIVE\tBORN\tPARENT\tWHY")
	for _, r := range rows {
		active, parent := "no", "–"
		if r.Active {
			active = "yes"
		}
		if r.Parent != 0 {
			parent = strconv.FormatUint(r.Parent, 10)
		}
		fmt.Fprintf(t, "%s\t%d\t%.3f\t%.4g\t%s\t%d\t%s\t%s\n", r.Name, r.ID, r.Weight, r.Loss, active, r.Born, parent, r.Why)
	}
	return t.Flush()
}
