package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"millrace"
	"millrace/config"
	"millrace/config/infer"
	"millrace/consumers"
	"millrace/model"
	"millrace/offline"
)

// initFlags say what init looks at, and what it says of it.
type initFlags struct {
	from, fromSnapshot, expert string
	infer                      infer.Options
	shape                      shapeFlags
	out                        string
	quiet                      bool
}

func (a *app) initFile() *cobra.Command {
	var o initFlags
	cmd := &cobra.Command{
		Use:   "init --from FILE | --topic T --brokers HOST:PORT | --from-snapshot MODEL|FILE",
		Short: "Write a commented pipeline file from your data, or from a snapshot",
		Long: `Look at a data file, or at the newest events of a topic, infer the types of features and label, and write
a commented pipeline file to standard output that check accepts. Read it before you run it.

With --from-snapshot the file has the features, label and model of a snapshot: of a file that train --out
wrote, or of the version that is served of a model in the store at --redis. Of a mixture (auto) it is its best
expert that becomes the model, or the one that --expert names; --expert auto keeps the mixture.

With --windows, and where a field is the time of events, the file proposes in comments what windows there could be:
for each category of many values how many events it had lately and how long ago its last one was, and what its
largest amounts come to.

Labels that come later, in a file of their own: run init on the file of events, with any of its columns as --label, then put
that column among the features and write label: {path: PATH, classes: [A, B], topic: TOPIC, id: PATH, time: PATH}, whose
paths are of the file of labels. docs/LABELS.md shows it.`,
		Example: `  millrace init --from data.csv --label y > pipeline.yaml
  millrace init --from data.csv --windows > pipeline.yaml
  millrace init --topic payments.events --brokers localhost:9092 --label outcome > pipeline.yaml
  millrace init --from-snapshot payments --redis redis://localhost:6379/0 > again.yaml`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.infer.ScanAll = o.from != "" // a file's rare classes must all be found
			return a.initAny(cmd.Context(), &o)
		},
	}
	f := cmd.Flags()
	o.shape.add(f)
	f.StringVar(&o.from, "from", "", "data file: .csv .tsv .jsonl .svm, also with .gz")
	f.StringVar(&o.infer.Topic, "topic", "", "topic to look at; with --from-snapshot, the events topic for the file that is written")
	f.StringVar(&o.fromSnapshot, "from-snapshot", "", "snapshot file, or a model whose served version is in the store at --redis")
	f.StringVar(&o.expert, "expert", "", "with --from-snapshot of a mixture: name or id of the expert that becomes the model; auto keeps the mixture")
	f.StringSliceVar(&o.infer.Brokers, "brokers", nil, "Kafka addresses, for --topic and for the file that is written")
	f.StringVar(&o.infer.Redis, "redis", "", "Redis URL for the file that is written; embedded when left out")
	f.BoolVar(&o.infer.Windows, "windows", false, "propose windows (statistics by key and time), in comments")
	f.StringVar(&o.infer.Name, "name", "", "name of the pipeline; from the file, topic or snapshot by default")
	f.StringVar(&o.infer.Label, "label", "", "column to predict; guessed when left out")
	f.StringVar(&o.infer.Model, "model", "", "the model's family, one of "+strings.Join(model.Families(), ", ")+"; auto when left out")
	f.StringVar(&o.out, "out", "", "write the pipeline file here, in place of standard output; a file that is there is kept")
	f.Var(&sizeFlag{&o.infer.Look}, "look", "how much of a file is looked at for features, as 100MiB; the label is looked for in all of it (default 2GiB)")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "leave out the report on standard error")
	return cmd
}

// sizeFlag is a size in bytes with its unit.
type sizeFlag struct{ bytes *int64 }

func (f *sizeFlag) Set(text string) error {
	size, err := millrace.ParseBytes(text)
	if err == nil && size == 0 {
		return errors.New("it must be more than nothing")
	}
	*f.bytes = int64(size)
	return err
}

func (f *sizeFlag) String() string {
	if f.bytes == nil || *f.bytes == 0 {
		return ""
	}
	return millrace.Bytes(*f.bytes).String()
}

func (*sizeFlag) Type() string { return "BYTES" }

// initAny looks at what it is told to, reports, and writes the file.
func (a *app) initAny(ctx context.Context, o *initFlags) error {
	switch {
	case o.infer.Look != 0 && o.from == "":
		return config.Usagef("--look goes with --from")
	case o.fromSnapshot != "" && o.from != "":
		return config.Usagef("init looks at one thing: give either --from or --from-snapshot")
	case o.fromSnapshot != "" && o.infer.Windows:
		return config.Usagef("--windows goes with --from or --topic: a snapshot's features are what they are")
	case o.fromSnapshot == "" && o.expert != "":
		return config.Usagef("--expert goes with --from-snapshot")
	}
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	place, err := newPlace(o.out, a.out)
	if err != nil {
		return err
	}
	defer place.drop()
	if o.fromSnapshot != "" {
		file, err := a.snapshotFile(ctx, o)
		if err != nil {
			return err
		}
		return place.write(file)
	}
	progress, finish := a.slowProgress("looking")
	if !o.quiet {
		o.infer.Progress = progress
	}
	r, err := a.infer(ctx, o)
	finish()
	if err != nil {
		return err
	}
	found := initReport{Report: r.Report}
	if found.Size, err = sizeOf(ctx, r); err != nil {
		return err
	}
	if asJSON {
		return a.initJSON(&found, place, r.YAML)
	}
	if !o.quiet {
		if err := printReport(a.err, &found, screenOf(a.err)); err != nil {
			return err
		}
	}
	return place.write(r.YAML)
}

// infer looks at a file or at a topic.
func (a *app) infer(ctx context.Context, o *initFlags) (*infer.Result, error) {
	switch {
	case o.from != "" && o.infer.Topic == "":
		in, err := o.shape.input()
		if err != nil {
			return nil, err
		}
		r, err := offline.Infer(ctx, offline.Data{Events: o.from, Input: in}, o.infer)
		if err != nil {
			return nil, config.UsageError{Err: err} // the file, the label or the model was named wrong
		}
		return r, nil
	case o.from == "" && o.infer.Topic != "":
		return a.inferTopic(ctx, o.infer)
	}
	return nil, config.Usagef("init looks at one thing: give one of --from FILE, --topic TOPIC and --from-snapshot MODEL")
}

// inferEvents is how many events of each partition init looks at.
const inferEvents = 5000

func (a *app) inferTopic(ctx context.Context, o infer.Options) (*infer.Result, error) {
	if len(o.Brokers) == 0 {
		return nil, config.Usagef("--topic needs --brokers HOST:PORT[,HOST:PORT…]")
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
		o.Name = offline.Name(o.Topic)
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
