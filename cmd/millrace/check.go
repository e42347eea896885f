package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"millrace/config"
	"millrace/consumers"
	"millrace/store"
)

func (a *app) check() *cobra.Command {
	var file string
	var connect bool
	cmd := &cobra.Command{
		Use:   "check -c FILE",
		Short: "Check a pipeline file, and with --connect its brokers and Redis",
		Long: `Report every mistake of a pipeline file with file, line and column. With --connect, also reach the brokers
and Redis once, and say what about them would lose snapshots.`,
		Example: "  millrace check -c payments.yaml --connect",
		Args:    exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := loadPipeline(file)
			if err != nil {
				return err
			}
			if _, err := newLearned(p); err != nil {
				return usageError{fmt.Errorf("%s: %w", file, err)}
			}
			if _, err := loadChallengers(p, challengerFiles(p, file, nil)); err != nil {
				return err
			}
			found := checked{Pipeline: p.Name, Features: len(p.Features), Model: p.Model.Type}
			if connect {
				if err := a.connect(cmd.Context(), p, &found); err != nil {
					return err
				}
			}
			return a.printChecked(file, &found)
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "pipeline file")
	cmd.Flags().BoolVar(&connect, "connect", false, "reach the brokers and Redis too")
	return cmd
}

// checked is what check found.
type checked struct {
	Pipeline string   `json:"pipeline"`
	Features int      `json:"features"`
	Model    string   `json:"model"`
	Kafka    string   `json:"kafka,omitempty"`
	Redis    string   `json:"redis,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

// connect tries each server once: check is for finding out, not for waiting.
func (a *app) connect(ctx context.Context, p *config.Pipeline, found *checked) error {
	log, err := a.logger()
	if err != nil {
		return err
	}
	found.Kafka, found.Redis = "embedded", "embedded"
	var kafkaErr, redisErr error
	if p.Kafka.Mode != "embedded" {
		found.Kafka, kafkaErr = checkKafka(ctx, p, found, log)
	}
	if p.Redis.Mode != "embedded" {
		found.Redis, redisErr = checkRedis(ctx, p, found, log)
	}
	return errors.Join(kafkaErr, redisErr) // both, so that a person mends both
}

// checkRedis reaches the server and looks for settings that would lose snapshots.
func checkRedis(ctx context.Context, p *config.Pipeline, found *checked, log *slog.Logger) (string, error) {
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

func (a *app) printChecked(file string, found *checked) error {
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(a.out).Encode(found)
	}
	fmt.Fprintf(a.out, "%s: pipeline %s, %d features, model %s: ok\n", file, found.Pipeline, found.Features, found.Model)
	if found.Kafka != "" {
		fmt.Fprintf(a.out, "Kafka: %s\nRedis: %s\n", found.Kafka, found.Redis)
	}
	for _, w := range found.Warnings {
		fmt.Fprintln(a.out, "warning:", w)
	}
	return nil
}

// checkKafka reaches a broker and looks for the pipeline's topic.
func checkKafka(ctx context.Context, p *config.Pipeline, found *checked, log *slog.Logger) (string, error) {
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
