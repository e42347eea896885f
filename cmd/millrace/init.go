package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"millrace"
	"millrace/config/infer"
	"millrace/consumers"
	"millrace/model"
)

func (a *app) initFile() *cobra.Command {
	var o infer.Options
	var from string
	var brokers []string
	cmd := &cobra.Command{
		Use:   "init --from FILE | --topic T --brokers HOST:PORT",
		Short: "Write a commented pipeline file from your data",
		Long: `Look at a data file, or at the newest events of a topic, infer the types of features and label, and write
a commented pipeline file to standard output that check accepts. Read it before you run it.`,
		Example: `  millrace init --from data.csv --label y > pipeline.yaml
  millrace init --topic payments.events --brokers localhost:9092 --label outcome > pipeline.yaml`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Brokers = brokers
			var r *infer.Result
			var err error
			switch {
			case from != "" && o.Topic == "":
				o.ScanAll = true // a file's rare classes must all be found
				if r, err = inferFile(cmd.Context(), from, o); err != nil {
					err = usageError{err} // the file, the label or the model was named wrong
				}
			case from == "" && o.Topic != "":
				r, err = a.inferTopic(cmd.Context(), o)
			default:
				return usagef("init looks at one thing: give either --from FILE or --topic TOPIC")
			}
			if err != nil {
				return err
			}
			_, err = a.out.Write(r.YAML)
			return err
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "data file: .csv .tsv .jsonl .svm, also with .gz")
	cmd.Flags().StringVar(&o.Topic, "topic", "", "topic to look at")
	cmd.Flags().StringSliceVar(&brokers, "brokers", nil, "Kafka addresses, for --topic and for the file that is written")
	cmd.Flags().StringVar(&o.Redis, "redis", "", "Redis URL for the file that is written; embedded when left out")
	cmd.Flags().StringVar(&o.Name, "name", "", "name of the pipeline; from the file or topic by default")
	cmd.Flags().StringVar(&o.Label, "label", "", "column to predict; guessed when left out")
	cmd.Flags().StringVar(&o.Model, "model", "", "the model's family, one of "+strings.Join(model.Families(), ", ")+"; by the label when left out")
	return cmd
}

// inferEvents is how many events of each partition init looks at.
const inferEvents = 5000

func (a *app) inferTopic(ctx context.Context, o infer.Options) (*infer.Result, error) {
	if len(o.Brokers) == 0 {
		return nil, usagef("--topic needs --brokers HOST:PORT[,HOST:PORT…]")
	}
	log, err := a.logger()
	if err != nil {
		return nil, err
	}
	var spec consumers.Spec
	spec.SetDefaults()
	spec.Mode, spec.Brokers = "external", o.Brokers
	c, err := consumers.Dial(spec, consumers.Options{Log: log})
	if err != nil {
		return nil, fmt.Errorf("connecting to Kafka: %w", err)
	}
	defer c.Close() //nolint:errcheck // nothing was written
	if err := c.Check(ctx); err != nil {
		return nil, err
	}
	if o.Name == "" {
		o.Name = pipelineName(o.Topic)
	}
	bounds, err := c.Bounds(ctx, o.Topic)
	if err != nil {
		return nil, fmt.Errorf("looking at topic %s: %w", o.Topic, err)
	}
	source := newTail(c, o.Topic, bounds)
	ctx, cancel := context.WithCancel(ctx)
	ran := make(chan error, 1)
	go func() { ran <- source.Run(ctx) }()
	r, err := infer.FromSource(ctx, untilEnd(source.Next, bounds), o)
	cancel()
	if runErr := <-ran; err == nil && !errors.Is(runErr, context.Canceled) {
		err = runErr
	}
	if err != nil {
		return nil, fmt.Errorf("looking at topic %s: %w", o.Topic, err)
	}
	return r, nil
}

// newTail reads the newest events of every partition.
func newTail(c *consumers.Cluster, topic string, bounds map[int32][2]int64) *consumers.Source {
	positions := make([]millrace.Position, 0, len(bounds))
	for id, b := range bounds {
		positions = append(positions, millrace.Position{Topic: topic, Partition: id, Offset: max(b[0], b[1]-inferEvents)})
	}
	return consumers.NewSource(c, consumers.SourceOptions{Topic: topic, Positions: positions})
}

// untilEnd turns an endless source into a finite one: it ends where the log ended when bounds were asked for.
func untilEnd(next func(context.Context) (*millrace.Batch, error), bounds map[int32][2]int64) func(context.Context) (*millrace.Batch, error) {
	left := map[int32]bool{}
	for id, b := range bounds {
		if b[1] > b[0] {
			left[id] = true
		}
	}
	return func(ctx context.Context) (*millrace.Batch, error) {
		if len(left) == 0 {
			return nil, io.EOF
		}
		b, err := next(ctx)
		if err == nil && b.To >= bounds[b.Partition][1] {
			delete(left, b.Partition)
		}
		return b, err
	}
}
