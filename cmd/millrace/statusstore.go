package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"millrace"
	"millrace/config"
	"millrace/pipeline"
	"millrace/store"
)

// storeTimeout bounds what a store is asked for that is only told beside other things.
const storeTimeout = 5 * time.Second

// stored is what the store says of a pipeline that no process of this machine runs.
type stored struct {
	Pipeline string         `json:"pipeline"`
	Versions int            `json:"versions"` // that are kept
	Head     *storedVersion `json:"head,omitempty"`
	Served   *storedVersion `json:"served,omitempty"`
	// Owner may publish the next version: the latest learner that began, or the person whose flip came after that.
	Owner string `json:"owner,omitempty"`
	Epoch uint64 `json:"epoch"` // the owner's
}

// storedVersion is a version that is in use.
type storedVersion struct {
	Version   uint64         `json:"version"`
	Published time.Time      `json:"published"`
	Age       float64        `json:"age_seconds"`
	Learned   uint64         `json:"learned"`
	Rejected  uint64         `json:"rejected"`
	Cause     millrace.Cause `json:"cause"`
	By        string         `json:"by"`
	Fault     string         `json:"fault,omitempty"` // why its manifest cannot be read
}

// askStore looks for the versions of a pipeline file that no process of this machine runs. Where its store is embedded
// in such a process, or has no version of it, there is nothing to be told but that.
func askStore(ctx context.Context, file string, now time.Time) ([]told, error) {
	notRunning := fmt.Sprintf("no process of this machine runs %s", file)
	start := fmt.Sprintf("start millrace run -c %s, or name one elsewhere with --url http://HOST:9464", file)
	p, err := pipeline.Load(file)
	if err != nil {
		return nil, fmt.Errorf("%s, and it cannot be read: %s", notRunning, err.Error())
	}
	if p.Redis.Mode == "embedded" {
		return nil, fmt.Errorf("%s: %s", notRunning, start)
	}
	s, err := storedOf(ctx, p, now)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s, and its store does not tell of versions: %w; %s", notRunning, err, start)
	case s.Versions == 0:
		return nil, fmt.Errorf("%s, and its store has no version of %s: %s", notRunning, p.Name, start)
	}
	return []told{{Store: s}}, nil
}

// storedOf is what the pipeline's store says now.
func storedOf(ctx context.Context, p *config.Pipeline, now time.Time) (s *stored, err error) {
	ctx, stop := context.WithTimeout(ctx, storeTimeout)
	defer stop()
	st, err := store.Open(p.Redis, store.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	versions, err := st.List(ctx, p.Name)
	if err != nil {
		return nil, err
	}
	owner, err := st.Owner(ctx, p.Name)
	if err != nil {
		return nil, err
	}
	s = &stored{Pipeline: p.Name, Versions: len(versions), Owner: owner.By, Epoch: owner.Epoch}
	in := func(use func(store.Version) bool) *storedVersion {
		i := slices.IndexFunc(versions, use)
		if i < 0 {
			return nil
		}
		v, m := &versions[i], &versions[i].Manifest
		return &storedVersion{v.Head.Seq, v.At, max(0, now.Sub(v.At).Seconds()), m.Learned, m.Rejected, v.Head.Cause, v.Head.By, v.Fault}
	}
	s.Head = in(func(v store.Version) bool { return v.IsHead })
	s.Served = in(func(v store.Version) bool { return v.IsServed })
	return s, nil
}

// storedText is what the store says, in a few lines.
func storedText(s *stored) []string {
	lines := []string{s.Pipeline + ": no process of this machine runs it; its store tells:"}
	for _, v := range []struct {
		use string
		of  *storedVersion
	}{{"head", s.Head}, {"served", s.Served}} {
		if v.of == nil {
			lines = append(lines, fmt.Sprintf("  %-10s none", v.use))
			continue
		}
		age := time.Duration(v.of.Age * float64(time.Second)).Round(time.Second)
		line := fmt.Sprintf("  %-10s version %d, %s old; %s learned, %d rejected; %s by %s", v.use, v.of.Version, millrace.FormatDuration(age),
			millrace.Counted(v.of.Learned, "event"), v.of.Rejected, v.of.Cause, v.of.By)
		if v.of.Fault != "" {
			line = fmt.Sprintf("  %-10s version %d, %s old; it cannot be read: %s", v.use, v.of.Version, millrace.FormatDuration(age), v.of.Fault)
		}
		lines = append(lines, line)
	}
	owner := cmp.Or(s.Owner, "nobody")
	return append(lines, fmt.Sprintf("  %-10s %s, epoch %d", "owner", owner, s.Epoch), fmt.Sprintf("  %-10s %s", "kept", millrace.Counted(s.Versions, "version")))
}
