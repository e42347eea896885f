// Command hard tells how every family of models stands wild values, changes of unit and labels that flip, on streams
// that are spoilt on purpose, beside the same streams as they were, from 2,000 events after the change. What falls
// short of its bound is marked, and ends it with code 1.
//
//	go run ./integration/harness/cmd/hard
//	go run ./integration/harness/cmd/hard -document docs/MODELS.md
//	go run ./integration/harness/cmd/hard -on elec,bikes
//	go run ./integration/harness/cmd/hard -families tree,forest -seeds 1 -trials '°C to °F,a + 4'
//
// Streams are made from fixed seeds; two cases need sea.csv and elec.csv in -data, and are skipped without.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"millrace/integration/harness/quality"
	"millrace/integration/harness/quality/hard"
)

type settings struct {
	data, families, trials, on, document string
	seeds                                int
}

// errShort is the end of a run that measured all and found something short of its bound.
var errShort = errors.New("something falls short of its bound")

func main() {
	var s settings
	flag.StringVar(&s.data, "data", "../shared/data", "folder with sea.csv and elec.csv")
	flag.StringVar(&s.families, "families", strings.Join(quality.Families(), ","), "families to measure; linear is logistic for classes")
	flag.StringVar(&s.trials, "trials", "", "parts of names of trials, with commas between them; all when empty")
	flag.IntVar(&s.seeds, "seeds", 5, "seeds of families that chance plays a part in, for the median; the first is 0")
	flag.StringVar(&s.on, "on", "", "spoil these streams of -data in place of the usual ones, as elec,bikes")
	flag.StringVar(&s.document, "document", "", "write tables of what was measured into this file, behind <!-- hard -->")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := s.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "hard:", err)
		os.Exit(1)
	}
}

func (s *settings) run(ctx context.Context) error {
	families, err := quality.Chosen(s.families, s.seeds)
	if err != nil {
		return err
	}
	words := strings.FieldsFunc(s.trials, func(r rune) bool { return r == ',' })
	if s.document != "" && (s.on != "" || len(words) > 0 || len(families) < len(quality.Families())) {
		return errors.New("-document: its tables have all families and trials: leave out -families, -trials and -on")
	}
	folder, err := os.MkdirTemp("", "millrace-hard-")
	if err != nil {
		return fmt.Errorf("making a folder for streams: %w", err)
	}
	defer os.RemoveAll(folder)
	groups, absent, err := s.groups()
	if err != nil {
		return err
	}
	r := &hard.Report{Runner: hard.Runner{Families: families, Seeds: s.seeds, Folder: folder}, Out: os.Stdout}
	var tables []string
	for _, g := range groups {
		rows, err := r.Run(ctx, g, words)
		if err != nil {
			return err
		}
		tables = append(tables, hard.Markdown(&g, rows))
	}
	if s.document != "" {
		if err := quality.Document(s.document, "hard", func(string) string { return quality.SeedsSentence(s.seeds) + strings.Join(tables, "\n") }); err != nil {
			return err
		}
	}
	fmt.Print(quality.Sentence("skipped, as not in "+s.data, absent))
	for _, short := range r.Short {
		fmt.Println("short:", short)
	}
	if len(r.Short) > 0 {
		return errShort
	}
	fmt.Printf("%d trials; every family keeps the bounds\n", r.Trials)
	return nil
}

// groups are those to measure, and the streams that they lack.
func (s *settings) groups() (groups []hard.Group, absent []string, err error) {
	for _, name := range quality.Words(s.on) {
		g, err := hard.On(s.data, strings.TrimSuffix(name, ".csv"))
		if err != nil {
			return nil, nil, err
		}
		groups = append(groups, g)
	}
	if len(groups) > 0 {
		return groups, nil, nil
	}
	cases, absent, err := hard.Cases(s.data)
	return []hard.Group{hard.Numbers(), hard.Classes(1), hard.Classes(0.1), cases}, absent, err
}
