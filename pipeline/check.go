package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"millrace"
	"millrace/config"
	"millrace/consumers"
	"millrace/join/disk"
	"millrace/keyed"
	"millrace/store"
)

// Checked is what check found.
type Checked struct {
	Pipeline string `json:"pipeline"`
	Features int    `json:"features"`
	Model    string `json:"model"`
	Kafka    string `json:"kafka,omitempty"`
	Redis    string `json:"redis,omitempty"`
	// Snapshot is the size of one version, and Held about the most that all versions hold in the store, in bytes.
	Snapshot int64    `json:"snapshot_bytes"`
	Held     int64    `json:"held_bytes"`
	Shares   []Share  `json:"shares,omitempty"` // features that take much of a version
	Windows  []Table  `json:"windows,omitempty"`
	Waits    *Waits   `json:"waits,omitempty"` // at the rate that was given, or that the topic has
	Warnings []string `json:"warnings,omitempty"`
}

// Table is what the windows of one key take in the memory of a learner, and of every scorer.
type Table struct {
	Key      string `json:"key,omitempty"` // empty for the whole topic
	KeyBytes int    `json:"key_bytes"`     // bytes a key
	Keys     int    `json:"keys"`          // at most
}

// CheckOptions say what to check beside a pipeline file.
type CheckOptions struct {
	Connect bool    // try each server once
	Rate    float64 // events a second, for what waits will take; 0: with Connect, the topic's own
	Log     *slog.Logger

	space func(string) (disk.Space, error) // of a state folder, for tests; nil asks the system
}

// Check reports what of a pipeline and its challengers cannot be built and what is at its servers: it is for finding
// out, not for waiting.
func Check(ctx context.Context, p *config.Pipeline, file string, o CheckOptions) (Checked, error) {
	found := Checked{Pipeline: p.Name, Features: len(p.Features), Model: p.Model.Type}
	pieces, err := Build(p)
	if err != nil {
		return found, config.UsageError{Err: fmt.Errorf("%s: %w", file, err)}
	}
	found.holds(p, pieces.Layout.Bytes())
	found.Shares = shares(p, found.Snapshot)
	for _, text := range []string{leftOut(p, pieces.Model), p.TimeTeachesLabel()} {
		if text != "" {
			found.Warnings = append(found.Warnings, text)
		}
	}
	sizes, err := keyed.Sizes(p.Features)
	if err != nil {
		return found, config.UsageError{Err: fmt.Errorf("%s: %w", file, err)}
	}
	for _, s := range sizes {
		found.Windows = append(found.Windows, Table(s))
	}
	found.placeOfDisk(p)
	found.waits(p, o.Rate, pieces.Model.Outputs())
	challengers, err := loadChallengers(p, challengerFiles(p, file, nil))
	if err != nil {
		return found, err
	}
	found.spaceOfDisk(append(challengers, p), o.space)
	if !o.Connect {
		return found, nil
	}
	found.Kafka, found.Redis = "embedded", "embedded"
	e := newEnvironment(p, o.Log)
	defer e.Close()
	var faults []error // all of them, so that a person mends all
	if p.Kafka.Mode != "embedded" {
		found.Kafka, err = checkKafka(ctx, e, pieces, &found)
		faults = append(faults, err)
		if err == nil && found.Waits == nil && p.LateLabels() {
			rate, err := measuredRate(ctx, e, p.Events.Topic, time.Now())
			faults = append(faults, err)
			found.waits(p, rate, pieces.Model.Outputs())
		}
	}
	if p.Redis.Mode != "embedded" {
		found.Redis, err = checkRedis(ctx, e, &found)
		faults = append(faults, err)
	}
	if err := errors.Join(faults...); err != nil || p.Kafka.Mode == "embedded" || p.Redis.Mode == "embedded" {
		return found, err
	}
	return found, checkVersions(ctx, e, pieces)
}

// checkVersions looks whether a learner could go on from the head, and a scorer serve what is served.
func checkVersions(ctx context.Context, e *environment, pieces *Pieces) error {
	p := e.pipeline
	clusterID, err := e.cluster.ID(ctx)
	if err != nil {
		return fmt.Errorf("asking for the cluster's id: %w", err)
	}
	var faults []error
	l := &learning{env: e, learned: pieces}
	head, err := e.store.Head(ctx, p.Name)
	if never(err) {
		err = l.emptied(ctx)
	} else if err == nil {
		var s millrace.Snapshot
		if s, err = l.load(ctx, Manifest(p, clusterID), head, false); err == nil {
			if pieces, err = Build(p.Beside(&s.Manifest)); err != nil {
				return err
			}
			err = errors.Join(pieces.Layout.Restore(s.Serving, s.Training), checkPositions(ctx, e, s.Manifest.Positions))
		}
	}
	if err != nil {
		faults = append(faults, fmt.Errorf("learners: %w", err))
	}
	served, err := e.store.Served(ctx, p.Name)
	if err == nil {
		var s millrace.Snapshot
		if s, err = e.store.Load(ctx, p.Name, served, false); err == nil {
			err = p.Serves(&s.Manifest)
		}
	}
	if err != nil && !never(err) {
		faults = append(faults, fmt.Errorf("scorers: %w", err))
	}
	return errors.Join(faults...)
}

// never reports whether there was no version yet; one that has gone is a fault.
func never(err error) bool {
	return errors.Is(err, millrace.ErrNoSnapshot) && !errors.Is(err, store.ErrGone)
}

// checkPositions looks whether the log still holds what a learner would go on with.
func checkPositions(ctx context.Context, e *environment, positions []millrace.Position) error {
	var gaps []error
	for _, topic := range readTopics(e.pipeline) {
		bounds, err := e.cluster.Bounds(ctx, topic)
		if errors.Is(err, consumers.ErrUnknownTopic) {
			continue // it was said already
		}
		if err != nil {
			return fmt.Errorf("asking what the log holds: %w", err)
		}
		for _, at := range ofTopic(topic, positions) {
			log, ok := bounds[at.Partition]
			if ok && (at.Offset < log[0] || at.Offset > log[1]) {
				gaps = append(gaps, &millrace.GapError{Topic: at.Topic, Partition: at.Partition, Position: at.Offset, Start: log[0], End: log[1]})
			}
		}
	}
	return errors.Join(gaps...)
}

// checkRedis reaches the server, tries what learners and scorers do there, and looks for settings that would lose
// snapshots.
func checkRedis(ctx context.Context, e *environment, found *Checked) (string, error) {
	s, err := store.Open(e.pipeline.Redis, store.Options{Log: e.log})
	if err != nil {
		return "", fmt.Errorf("opening the store: %w", err)
	}
	e.store = keeper{s}
	warnings, err := e.store.Check(ctx)
	if err != nil {
		return "", err
	}
	found.Warnings = append(found.Warnings, warnings...)
	missing, err := e.store.Probe(ctx, e.pipeline.Name)
	if err != nil {
		return "", fmt.Errorf("trying what run does at Redis: %w", err)
	}
	faults := make([]error, len(missing))
	for i, m := range missing {
		faults[i] = errors.New("Redis: " + m)
	}
	return "reached", errors.Join(faults...)
}

// checkKafka reaches a broker, looks for the pipeline's topics and what they keep, and asks for its groups' positions.
// Whether topics may be written cannot be found out without writing to them.
func checkKafka(ctx context.Context, e *environment, pieces *Pieces, found *Checked) (string, error) {
	p := e.pipeline
	c, err := consumers.Dial(p.Kafka, consumers.Options{Log: e.log, ClientID: "millrace"})
	if err != nil {
		return "", fmt.Errorf("connecting to Kafka: %w", err)
	}
	e.cluster = c
	if err := c.Check(ctx); err != nil {
		return "", err
	}
	told := "reached"
	for _, topic := range readTopics(p) {
		partitions, err := c.Partitions(ctx, topic)
		switch {
		case errors.Is(err, consumers.ErrUnknownTopic):
			found.Warnings = append(found.Warnings, fmt.Sprintf("topic %s does not exist; run would %s", topic, p.Events.UnknownTopic))
		case err != nil:
			return "", err
		default:
			told += fmt.Sprintf("; topic %s has %s", topic, millrace.Counted(len(partitions), "partition"))
		}
	}
	warnings, _, err := checkLogs(ctx, c, p, reachesBackOf(p, pieces.Windows))
	if found.Warnings = append(found.Warnings, warnings...); err != nil {
		return "", err
	}
	for _, group := range []string{learnerGroup(p.Name), scorerGroup(p.Name)} {
		if _, err := c.CommittedOffsets(ctx, group, p.Events.Topic); err != nil && !errors.Is(err, consumers.ErrUnknownTopic) {
			return "", fmt.Errorf("asking where group %s stands: %w", group, err)
		}
	}
	return told, nil
}
