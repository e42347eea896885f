package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"millrace/config"
	"millrace/consumers"
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
	Warnings []string `json:"warnings,omitempty"`
}

// Check reports what of a pipeline and its challengers cannot be built and, with connect, tries each server once: it is for
// finding out, not for waiting.
func Check(ctx context.Context, p *config.Pipeline, file string, connect bool, log *slog.Logger) (Checked, error) {
	found := Checked{Pipeline: p.Name, Features: len(p.Features), Model: p.Model.Type}
	pieces, err := Build(p)
	if err != nil {
		return found, config.UsageError{Err: fmt.Errorf("%s: %w", file, err)}
	}
	found.holds(p, pieces.Layout.Bytes())
	if _, err := LoadChallengers(p, challengerFiles(p, file, nil)); err != nil || !connect {
		return found, err
	}
	found.Kafka, found.Redis = "embedded", "embedded"
	var kafkaErr, redisErr error
	if p.Kafka.Mode != "embedded" {
		found.Kafka, kafkaErr = checkKafka(ctx, p, &found, log)
	}
	if p.Redis.Mode != "embedded" {
		found.Redis, redisErr = checkRedis(ctx, p, &found, log)
	}
	return found, errors.Join(kafkaErr, redisErr) // both, so that a person mends both
}

// holds says what the pipeline's versions will hold in the store.
func (c *Checked) holds(p *config.Pipeline, version int64) {
	c.Snapshot = version
	always, young := int64(2), int64(p.Snapshots.Keep) // the head and a served one before it
	if every := p.Snapshots.Every; every > 0 {
		always += int64(store.RetainAlways / every)
		young = max(young, int64(store.RetainYoung/every))
	}
	least, most := always*version, (always+young)*version
	c.Held = max(least, min(most, int64(p.Snapshots.BytesMax)))
	if least > int64(p.Snapshots.BytesMax) {
		c.Warnings = append(c.Warnings, fmt.Sprintf("versions of the last minute alone hold %d MiB, more than snapshots.bytes_max (%s): "+
			"take snapshots less often", least>>20, p.Snapshots.BytesMax))
	}
}

// checkRedis reaches the server and looks for settings that would lose snapshots.
func checkRedis(ctx context.Context, p *config.Pipeline, found *Checked, log *slog.Logger) (string, error) {
	s, err := store.Open(p.Redis, store.Options{Log: log})
	if err != nil {
		return "", fmt.Errorf("opening the store: %w", err)
	}
	defer s.Close() //nolint:errcheck // nothing was written
	warnings, err := s.Check(ctx)
	if err != nil {
		return "", err
	}
	found.Warnings = append(found.Warnings, warnings...)
	return "reached", nil
}

// checkKafka reaches a broker and looks for the pipeline's topic.
func checkKafka(ctx context.Context, p *config.Pipeline, found *Checked, log *slog.Logger) (string, error) {
	c, err := consumers.Dial(p.Kafka, consumers.Options{Log: log, ClientID: "millrace"})
	if err != nil {
		return "", fmt.Errorf("connecting to Kafka: %w", err)
	}
	defer c.Close() //nolint:errcheck // nothing was written
	if err := c.Check(ctx); err != nil {
		return "", err
	}
	partitions, err := c.Partitions(ctx, p.Events.Topic)
	switch {
	case errors.Is(err, consumers.ErrUnknownTopic):
		found.Warnings = append(found.Warnings, fmt.Sprintf("topic %s does not exist; run would %s", p.Events.Topic, p.Events.UnknownTopic))
		return "reached", nil
	case err != nil:
		return "", err
	}
	return fmt.Sprintf("reached; topic %s has %d partitions", p.Events.Topic, len(partitions)), nil
}
