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
	Pipeline string   `json:"pipeline"`
	Features int      `json:"features"`
	Model    string   `json:"model"`
	Kafka    string   `json:"kafka,omitempty"`
	Redis    string   `json:"redis,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

// Check reports what of a pipeline and its challengers cannot be built and, with connect, tries each server once: it is for
// finding out, not for waiting.
func Check(ctx context.Context, p *config.Pipeline, file string, connect bool, log *slog.Logger) (Checked, error) {
	found := Checked{Pipeline: p.Name, Features: len(p.Features), Model: p.Model.Type}
	if _, err := Build(p); err != nil {
		return found, config.UsageError{Err: fmt.Errorf("%s: %w", file, err)}
	}
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
