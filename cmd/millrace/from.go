package main

import (
	"cmp"
	"context"
	"encoding/json"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"millrace/config"
	"millrace/pipeline"
	"millrace/pipeline/running"
)

// fromFlags are those of run that send files beside running.
type fromFlags struct {
	files     []string
	untilDone bool
	rowFlags
	own *pflag.FlagSet // all but --from, which they go with
}

func (f *fromFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.files, "from", nil, "file whose rows are sent to the events topic beside running; may be repeated, or a pattern in quotes, or -")
	f.own = pflag.NewFlagSet("from", pflag.ContinueOnError)
	f.own.BoolVar(&f.untilDone, "until-done", false, "end once all rows of --from are learned, scored and published")
	f.add(f.own)
	cmd.Flags().AddFlagSet(f.own)
}

// given refuses flags of --from without it.
func (f *fromFlags) given() (bool, error) {
	if len(f.files) > 0 {
		return true, f.check()
	}
	var err error
	f.own.VisitAll(func(flag *pflag.Flag) {
		if flag.Changed && err == nil {
			err = config.Usagef("--%s is for rows of files: name some with --from FILE", flag.Name)
		}
	})
	return false, err
}

// runFrom runs a pipeline and sends it the rows of files.
func (a *app) runFrom(ctx context.Context, f runFlags, from fromFlags) error {
	if from.loop && from.untilDone {
		return config.Usagef("--until-done: with --loop there is no end of rows")
	}
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	if err := a.loadRun(&f, true, true); err != nil {
		return err
	}
	p := f.Config
	p.Events.UnknownTopic = config.UnknownTopicCreate // as produce does: who sends knows that the topic is meant
	rows, err := from.open(ctx, a, p, from.files)
	if err != nil {
		return err
	}
	defer a.closeRows(rows)
	digest, err := from.digest(ctx, a)
	if err != nil {
		return err
	}
	d := &fromFeed{digest: digest, feed: feed{late: p.LateLabels(), log: f.Log, started: time.Now()}, flags: from, rows: rows, sent: make(chan struct{})}
	if d.running, err = pipeline.Open(ctx, f.Options); err != nil {
		return err
	}
	defer d.running.Close()
	if err := d.run(ctx, d.produce, d.show); err != nil {
		return err
	}
	var calledOff error
	if !from.loop && !d.done.Load() {
		calledOff = ctx.Err()
	}
	s := d.summary()
	s.Interrupted = calledOff != nil
	if asJSON {
		return cmp.Or(json.NewEncoder(a.out).Encode(s), calledOff)
	}
	return cmp.Or(s.print(a.out, p.Name, p.Model.Type), calledOff)
}

// fromFeed is a pipeline that runs beside files.
type fromFeed struct {
	feed
	flags  fromFlags
	rows   *pipeline.FileRows
	digest string        // of the files; empty where they can be read once only
	sent   chan struct{} // closed once all is
	done   atomic.Bool   // all that was asked for is, and a signal interrupts nothing
}

// produce sends the rows, and ends when they are done with, where that was asked for.
func (d *fromFeed) produce(ctx context.Context) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	if err := d.resume(ctx); err != nil {
		return err
	}
	n, err := d.running.Produce(ctx, d.count(d.rows.Next), pipeline.Produce{Rate: d.flags.rate})
	d.produced.Store(n.Events) // of those that were read some may not be written
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return nil
	}
	close(d.sent)
	if n.Events == 0 && d.rows.Passed() > 0 {
		d.log.Info("nothing was sent: the topic had all rows already; millrace produce sends them again", "from", d.names(), "rows", d.rows.Passed())
	}
	if d.flags.untilDone {
		err := d.running.Through(ctx)
		d.done.Store(err == nil)
		return err
	}
	d.done.Store(true)
	d.log.Info("all rows are sent; the pipeline runs on, Ctrl-C ends it", "from", d.names(), "events", n.Events)
	<-ctx.Done()
	return nil
}

func (d *fromFeed) names() string { return strings.Join(d.flags.files, " ") }

// resume goes on behind the rows that an earlier run has sent.
func (d *fromFeed) resume(ctx context.Context) error {
	if d.digest == "" {
		d.log.Info("the rows are read once only, and carry no number: started again, all that come then are sent", "from", d.names())
		return nil
	}
	at, err := d.running.Resume(ctx, d.rows, d.digest)
	switch {
	case err != nil:
		return err
	case at.Found:
		d.log.Info("going on behind the rows that were sent before", "from", d.names(), "pass", at.Pass+1, "row", at.Row+1)
	case at.Other:
		d.log.Info("the topic has rows of another file, or of this one before it changed: this one is sent from its first row", "from", d.names())
	}
	return nil
}

// show says now and then how far the files are sent, until they are.
func (d *fromFeed) show(ctx context.Context) {
	wait, total := progressAfter, d.rows.Size()
	for {
		select {
		case <-d.sent:
			return
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = progressEvery
		s := d.running.Status()
		told := []any{"sent", d.produced.Load()}
		if total > 0 {
			told = append(told, "percent", 100*d.rows.Read()/total)
		}
		d.log.Info("sending rows", append(told, "scored", s.Scoring.Scored, "behind", s.Learning.LagRecords)...)
	}
}

// loadRun loads the pipeline of run, learn and score.
func (a *app) loadRun(f *runFlags, learn, score bool) (err error) {
	f.Learn, f.Score, f.Version, f.Runtime = learn, score, version, running.Folder(os.LookupEnv)
	if f.Config, err = pipeline.Load(f.File); err != nil {
		return err
	}
	if f.Log, err = a.logger(); err != nil {
		return err
	}
	return boundMemory(f.Config)
}
