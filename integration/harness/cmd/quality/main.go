// Command quality tells how well every family of models learns. First it evaluates all streams of a folder (CSV files
// whose label is y or the last column, and LIBSVM files) by progressive validation, and prints each family's figures
// and the ratio of its loss to those of earlier builds, which a file in the tree keeps. Losses that are worse by more
// than 0.5 % are marked, and end it with code 1.
//
//	go run ./integration/harness/cmd/quality -data ../shared/data
//	go run ./integration/harness/cmd/quality -seeds 5 -streams elec,bikes -families auto
//
// -write NAME puts the figures into that file, -binary those of an older build:
//
//	go run ./integration/harness/cmd/quality -write now -document docs/MODELS.md
//	go run ./integration/harness/cmd/quality -write before -binary old/millrace -commit a7bb921
//
// -calibration tells what calibrate: auto makes of log-losses and probabilities, beside none, of one seed. It ends with
// code 1 where that costs more, or leaves more off, than it may:
//
//	go run ./integration/harness/cmd/quality -calibration -document docs/MODELS.md
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"millrace/integration/harness/quality"
)

type settings struct {
	data, figures, families, streams string
	seeds                            int
	write, commit, binary, document  string
	calibration                      bool
}

// errShort is the end of a run that measured all and found calibration short of its bounds.
var errShort = errors.New("calibration falls short of its bounds")

// errWorse is the end of a run that measured all and found something worse.
var errWorse = errors.New("something is worse than before")

func main() {
	var s settings
	flag.StringVar(&s.data, "data", "../shared/data", "folder of the streams")
	flag.StringVar(&s.figures, "figures", "docs/quality.csv", "file of earlier figures")
	flag.StringVar(&s.families, "families", strings.Join(quality.Families(), ","), "families to measure; linear is logistic for classes")
	flag.StringVar(&s.streams, "streams", "", "parts of names of streams, with commas between them; all when empty")
	flag.IntVar(&s.seeds, "seeds", 5, "seeds of families that chance plays a part in, for the median; the first is 0")
	flag.StringVar(&s.write, "write", "", "write what was measured to the file of figures, by this name")
	flag.StringVar(&s.document, "document", "", "write tables of what was measured into this file, behind <!-- quality -->")
	flag.StringVar(&s.commit, "commit", "", "with -write: what was measured; git's word for this tree when empty")
	flag.StringVar(&s.binary, "binary", "", "measure this millrace binary, not this tree")
	flag.BoolVar(&s.calibration, "calibration", false, "tell what calibration makes of probabilities; -document has it behind <!-- calibration -->")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := s.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "quality:", err)
		os.Exit(1)
	}
}

func (s *settings) run(ctx context.Context) error {
	families, err := quality.Chosen(s.families, s.seeds)
	if err != nil {
		return err
	}
	if s.document != "" && len(families) < len(quality.Families()) {
		return errors.New("-document: its tables have all families: leave out -families")
	}
	found, err := quality.Find(s.data)
	if err != nil {
		return err
	}
	if s.calibration {
		return s.calibrations(ctx, families, found)
	}
	takes, err := quality.Load(s.figures)
	if err != nil {
		return err
	}
	r := &quality.Report{Families: families, Seeds: s.seeds, Takes: takes, Evaluate: quality.Evaluate, Out: os.Stdout}
	if s.binary != "" {
		r.Evaluate = quality.ByBinary(s.binary)
	}
	picked, unknown := quality.Pick(found, quality.Words(s.streams))
	if err := r.Run(ctx, picked); err != nil {
		return err
	}
	if err := s.keep(ctx, r); err != nil {
		return err
	}
	if s.document != "" {
		if err := quality.Document(s.document, "quality", func(old string) string { return r.Tables(old, "before") }); err != nil {
			return err
		}
	}
	return s.conclude(r, found, unknown)
}

// calibrations measures what calibration brings.
func (s *settings) calibrations(ctx context.Context, families []string, found []quality.Stream) error {
	picked, unknown := quality.Pick(found, quality.Words(s.streams))
	c := &quality.Calibrations{Families: families, Out: os.Stdout}
	if err := c.Run(ctx, picked); err != nil {
		return err
	}
	if s.document != "" {
		if err := quality.Document(s.document, "calibration", c.Table); err != nil {
			return err
		}
	}
	fmt.Print(quality.Sentence("skipped, as no stream has such a name", unknown), quality.Sentence("short", c.Short))
	if len(c.Short) > 0 {
		return errShort
	}
	return nil
}

// conclude says what was skipped and what is worse.
func (s *settings) conclude(r *quality.Report, found []quality.Stream, unknown []string) error {
	if len(found) == 0 {
		fmt.Printf("no streams in %s: none was measured; -data (make quality DATA=…) names another folder\n", s.data)
	}
	if s.streams == "" {
		fmt.Print(quality.Sentence("skipped, as not in "+s.data, quality.Absent(r.Takes, found)))
	}
	fmt.Print(quality.Sentence("skipped, as no stream has such a name", unknown))
	fmt.Print(quality.Sentence("skipped, as nothing could be learned from them", r.Skipped))
	fmt.Print(quality.Sentence("failed", r.Failed), quality.Sentence("worse", r.Worse))
	if len(r.Worse)+len(r.Failed) > 0 {
		return errWorse
	}
	if len(r.Measured) > 0 {
		fmt.Printf("%d streams measured; none is worse by more than %.1f %%\n", len(r.Measured), 100*(quality.Worse-1))
	}
	return nil
}

// keep writes what was measured where that was asked for.
func (s *settings) keep(ctx context.Context, r *quality.Report) error {
	if s.write == "" {
		return nil
	}
	if s.commit == "" {
		out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
		if err != nil {
			return fmt.Errorf("asking git for the commit: %w", err)
		}
		s.commit = strings.TrimSpace(string(out))
	}
	return quality.Store(s.figures, r.Takes, r.Take(s.write, s.commit))
}
