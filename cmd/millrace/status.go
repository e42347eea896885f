package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"millrace/config"
	"millrace/pipeline"
	"millrace/pipeline/running"
	"millrace/pipeline/status"
)

// rateEvery is between the two looks that a rate is told from, and between those of --watch.
const rateEvery = time.Second

type statusFlags struct {
	config, url string
	watch       bool
}

func (a *app) status() *cobra.Command {
	var f statusFlags
	cmd := &cobra.Command{
		Use:   "status [-c FILE | --url URL]",
		Short: "Say what runs, how far it is, and how well it predicts",
		Long: `Ask the processes of this machine that run a pipeline file how they do: what they have learned, scored and
rejected, at which rate, how far they are behind, how well they predict and which versions they have. Without a file all
that runs here is told. --url asks the admin address of a process anywhere.`,
		Example: `  millrace status
  millrace status -c payments.yaml --watch
  millrace status --url http://learner:9464 --output json`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.config != "" && f.url != "" {
				return config.Usagef("-c and --url name two processes: give one of them")
			}
			if f.watch {
				return a.watch(cmd.Context(), f)
			}
			return a.tellStatus(cmd.Context(), f)
		},
	}
	cmd.Flags().StringVarP(&f.config, "config", "c", "", "pipeline file whose processes are asked; all of this machine by default")
	cmd.Flags().StringVar(&f.url, "url", "", "admin address of a process, as http://HOST:9464, in place of those of this machine")
	cmd.Flags().BoolVar(&f.watch, "watch", false, "go on telling, each second, until Ctrl-C")
	withoutConfig(cmd, "url")
	return cmd
}

// told is a process, what it says of itself, and how fast it goes.
type told struct {
	Process *running.Process `json:"process,omitempty"` // nil for one that was named by its address
	// Store is what the store says in place of a process, where none of this machine runs the pipeline file.
	Store  *stored        `json:"store,omitempty"`
	Status *status.Status `json:"status,omitempty"`
	Error  string         `json:"error,omitempty"` // why it says nothing
	// Changed are the pipeline files that are no longer as the process read them.
	Changed []string `json:"changed_files,omitempty"`
	// LearnedPerSecond and ScoredPerSecond are of the last second; left out of a process that was not there before it.
	LearnedPerSecond *float64 `json:"learned_per_second,omitempty"`
	ScoredPerSecond  *float64 `json:"scored_per_second,omitempty"`
	url              string
}

func (a *app) tellStatus(ctx context.Context, f statusFlags) error {
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	now, err := askTwice(ctx, f)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(a.out).Encode(now)
	}
	_, err = fmt.Fprintln(a.out, strings.Join(statusText(now, f.config != "" || f.url != "" || len(now) == 1), "\n"))
	return err
}

// watch tells again each second: in place on a terminal, line below line elsewhere.
func (a *app) watch(ctx context.Context, f statusFlags) error {
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	live, lines := !asJSON && isTerminal(a.out), 0
	now, err := askTwice(ctx, f)
	for err == nil {
		before, at := now, time.Now()
		if asJSON {
			err = json.NewEncoder(a.out).Encode(now)
		} else {
			lines, err = redraw(a.out, statusText(now, f.config != "" || f.url != ""), lines, live)
		}
		if err != nil {
			return err
		}
		if !sleep(ctx, rateEvery) {
			return nil
		}
		if now, err = ask(ctx, f); err == nil {
			addRates(now, before, time.Since(at))
		}
	}
	if ctx.Err() != nil { // while it waited to tell for the first time
		return nil
	}
	return err
}

// askTwice asks, and once more after as long as a rate is taken over: what was asked once has none.
func askTwice(ctx context.Context, f statusFlags) ([]told, error) {
	before, err := ask(ctx, f)
	if err != nil || before[0].Store != nil { // a store has no rate
		return before, err
	}
	if !sleep(ctx, rateEvery) {
		return nil, ctx.Err()
	}
	now, err := ask(ctx, f)
	if err == nil {
		addRates(now, before, rateEvery)
	}
	return now, err
}

// sleep reports whether it slept as long as it should.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// ask asks all processes that are meant; none is an error.
func ask(ctx context.Context, f statusFlags) ([]told, error) {
	if f.url != "" {
		if !strings.Contains(f.url, "://") {
			f.url = "http://" + f.url
		}
		s, err := pipeline.AskStatus(ctx, f.url)
		if err != nil {
			return nil, err
		}
		return []told{{Status: s, url: f.url}}, nil
	}
	all, err := running.All(running.Folder(os.LookupEnv))
	if err != nil {
		return nil, err
	}
	if f.config != "" {
		path, err := filepath.Abs(f.config)
		if err != nil {
			return nil, fmt.Errorf("looking for what runs: %w", err)
		}
		all = running.Of(all, path)
	}
	switch {
	case len(all) == 0 && f.config != "":
		return askStore(ctx, f.config, time.Now())
	case len(all) == 0:
		return nil, fmt.Errorf("nothing runs on this machine: start millrace run -c FILE, or name a process elsewhere with --url http://HOST:9464")
	}
	said := make([]told, len(all))
	for i := range all {
		said[i] = told{Process: &all[i], url: "http://" + all[i].Addresses.Admin, Changed: changedFiles(&all[i])}
		if said[i].Status, err = pipeline.AskProcess(ctx, &all[i]); err != nil {
			said[i].Error = err.Error()
		}
	}
	return said, nil
}

// changedFiles are the pipeline files that are no longer as a process read them, or no longer there.
func changedFiles(p *running.Process) []string {
	var changed []string
	for path, read := range p.Digests {
		if now, err := config.DigestOf(path); err != nil || now != read {
			changed = append(changed, path)
		}
	}
	slices.Sort(changed)
	return changed
}

// addRates says how fast processes went since they were asked before.
func addRates(now, before []told, elapsed time.Duration) {
	for i := range now {
		to := &now[i]
		for j := range before {
			a, b := before[j].Status, to.Status
			if a == nil || b == nil || a.Instance != b.Instance {
				continue
			}
			if a.Learning != nil && b.Learning != nil {
				to.LearnedPerSecond = perSecond(since(b.Learning.Learned, a.Learning.Learned), elapsed)
			}
			if a.Scoring != nil && b.Scoring != nil {
				to.ScoredPerSecond = perSecond(since(b.Scoring.Scored, a.Scoring.Scored), elapsed)
			}
		}
	}
}

func perSecond(n uint64, elapsed time.Duration) *float64 {
	rate := float64(n) / elapsed.Seconds()
	return &rate
}
