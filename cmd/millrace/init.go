package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"millrace"
	"millrace/config"
	"millrace/config/infer"
	"millrace/model"
	"millrace/offline"
)

// initFlags say what init looks at, and what it says of it.
type initFlags struct {
	from, fromSnapshot, expert string
	more                       []string // data files after the first
	infer                      infer.Options
	shape                      shapeFlags
	out                        string
	quiet                      bool
	noTry                      bool
}

func (a *app) initFile() *cobra.Command {
	var o initFlags
	cmd := &cobra.Command{
		Use:   "init DATA... | --topic T --brokers HOST:PORT | --from-snapshot MODEL|FILE",
		Short: "Write a commented pipeline file from your data, or from a snapshot",
		Long: `Look at a data file, or at the newest events of a topic, infer the types of features and label, and write
a commented pipeline file to standard output that check accepts, or to --out FILE. Read it before you run it.

What was found stands on standard error: label, features, what was left out and why, sizes and warnings, and how well
the first 20,000 rows are learned, in a few seconds at most. With --output json all that goes to standard output, with
the pipeline file in it unless --out names a place. docs/INIT.md says what is guessed from what.

With --from-snapshot the file has the features, label and model of a snapshot: of a file that train --out
wrote, or of the version that is served of a model in the store at --redis. Of a mixture (auto) it is its best
expert that becomes the model, or the one that --expert names; --expert auto keeps the mixture.

With --windows, and where a field is the time of events, the file proposes in comments what windows there could be:
for each category of many values how many events it had lately and how long ago its last one was, and what its
largest amounts come to.

Labels that come later, in a file of their own: run init on the file of events, with any of its columns as --label, then put
that column among the features and write label: {path: PATH, classes: [A, B], topic: TOPIC, id: PATH, time: PATH}, whose
paths are of the file of labels. docs/LABELS.md shows it.`,
		Example: `  millrace init data.csv --label y > pipeline.yaml
  millrace init data.csv --windows --out pipeline.yaml
  millrace init data.csv --output json --look 100MiB
  millrace init --topic payments.events --brokers localhost:9092 --label outcome > pipeline.yaml
  millrace init --from-snapshot payments --redis redis://localhost:6379/0 > again.yaml`,
		Args: func(_ *cobra.Command, args []string) error { return o.take(args) },
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.infer.ScanAll = o.from != "" // a file's rare classes must all be found
			return a.initAny(cmd.Context(), &o)
		},
	}
	f := cmd.Flags()
	o.shape.add(f)
	f.StringVar(&o.from, "from", "", "data file, pattern of files, or - for standard input; the same as DATA")
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
	f.BoolVarP(&o.quiet, "quiet", "q", false, "leave out the report on standard error, and the try")
	f.BoolVar(&o.noTry, "no-try", false, "report without learning the first rows")
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

// take takes data files that come without --from.
func (o *initFlags) take(args []string) error {
	if len(args) == 0 {
		return nil
	}
	if o.from != "" {
		return config.Usagef("init looks at %s, and here is %s: name data files without --from", o.from, args[0])
	}
	o.from, o.more = args[0], args[1:]
	return nil
}

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
	looked, err := a.look(ctx, o)
	if err != nil {
		return err
	}
	defer looked.drop()
	found, err := a.reportOn(ctx, o, looked, asJSON)
	if err != nil {
		return err
	}
	if asJSON {
		return a.initJSON(found, place, looked.result.YAML)
	}
	if !o.quiet {
		if err := printReport(a.err, found, screenOf(a.err)); err != nil {
			return err
		}
	}
	return place.write(looked.result.YAML)
}

// look looks at a file or at a topic.
func (a *app) look(ctx context.Context, o *initFlags) (*looked, error) {
	switch {
	case o.fromSnapshot != "":
		return a.lookAtSnapshot(ctx, o)
	case o.from != "" && o.infer.Topic == "":
		path, in, err := o.shape.files(ctx, a, append([]string{o.from}, o.more...), "", true)
		if err != nil {
			return nil, err
		}
		data := offline.Data{Events: path, Input: in}
		o.infer.Flags = o.shape.typed()
		progress, finish := a.progress("looking")
		if !o.quiet {
			o.infer.Progress = progress
		}
		r, err := offline.Infer(ctx, data, o.infer)
		finish()
		if err != nil {
			return nil, config.UsageError{Err: err} // the file, the label or the model was named wrong
		}
		return &looked{result: r, data: data}, nil
	case o.from == "" && o.infer.Topic != "":
		return a.lookAtTopic(ctx, o.infer)
	}
	return nil, config.Usagef("init looks at one thing: give one of DATA, --topic TOPIC and --from-snapshot MODEL")
}

// reportOn is what there is to be said of a pipeline file, and of the data.
func (a *app) reportOn(ctx context.Context, o *initFlags, l *looked, asJSON bool) (*initReport, error) {
	r := &initReport{Report: l.result.Report, Flags: o.infer.Flags}
	p, size, err := sizeOf(ctx, l, r)
	if err != nil {
		return nil, err
	}
	if o.quiet && !asJSON {
		return r, nil // nobody reads it
	}
	r.Size = size
	if o.fromSnapshot != "" {
		r.fromPipeline(p)
		r.Learned = l.learned
	}
	if !o.noTry && o.fromSnapshot == "" {
		a.tryPipeline(ctx, p, l.data, r)
	}
	return r, nil
}
