package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"millrace"
	"path/filepath"
	"strings"

	"millrace/config"
	"millrace/payments"
	"millrace/pipeline"
)

// generateFiles writes generated payments to a file of JSON lines, for evaluate and its like; with the pipeline file of
// one whose labels come later, those to a second one beside it.
func (a *app) generateFiles(ctx context.Context, f produceFlags) error {
	if f.generate != "payments" || f.events == 0 {
		return config.Usagef("--out is for a number of generated events: produce --generate payments --events N --out %s", f.out)
	}
	late := false
	if f.config != "" {
		p, err := pipeline.Load(f.config)
		if err != nil {
			return err
		}
		late = p.LateLabels()
	}
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	paths := []string{f.out}
	if late {
		ending := filepath.Ext(f.out)
		paths = append(paths, strings.TrimSuffix(f.out, ending)+".labels"+ending)
	}
	n, err := generate(ctx, payments.New(f.seed), f.events, paths)
	if err != nil {
		return err
	}
	if asJSON {
		said := generatedFiles{Events: n.Events, File: f.out}
		if late {
			said.Labels, said.LabelsFile = &n.Labels, paths[1]
		}
		return json.NewEncoder(a.out).Encode(said)
	}
	text := fmt.Sprintf("%s written to %s", millrace.Counted(n.Events, "event"), f.out)
	if late {
		text += fmt.Sprintf(" and %s to %s", millrace.Counted(n.Labels, "label"), paths[1])
	}
	_, err = fmt.Fprintln(a.out, text)
	return err
}

// generatedFiles are files of generated events as JSON.
type generatedFiles struct {
	Events     uint64  `json:"events"`
	File       string  `json:"file"`
	Labels     *uint64 `json:"labels,omitempty"` // that come later
	LabelsFile string  `json:"labels_file,omitempty"`
}

// generate writes events to the first path and, where there is a second one, their labels to that. Files are there once
// both are whole.
func generate(ctx context.Context, g *payments.Generator, events uint64, paths []string) (n pipeline.Written, err error) {
	places, outs := make([]*place, len(paths)), make([]*bufio.Writer, len(paths))
	for i, path := range paths {
		if places[i], err = replacing("out", path); err != nil {
			return n, err
		}
		defer places[i].drop()
		outs[i] = bufio.NewWriter(places[i].file)
	}
	rows := generated(g, len(paths) > 1)
	for n.Events < events {
		row, err := rows(ctx)
		if err != nil {
			return n, err
		}
		out, count := outs[0], &n.Events
		if row.Label {
			out, count = outs[1], &n.Labels
		}
		if _, err := out.Write(append(row.Value, '\n')); err != nil {
			return n, fmt.Errorf("writing events: %w", err)
		}
		*count++
	}
	if err := ctx.Err(); err != nil {
		return n, err
	}
	for i, out := range outs {
		if err := out.Flush(); err != nil {
			return n, fmt.Errorf("writing %s: %w", paths[i], err)
		}
	}
	for _, p := range places {
		if err := p.keep(); err != nil {
			return n, err
		}
	}
	return n, nil
}
