package offline

import (
	"context"
	"errors"
	"io"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"millrace"
	"millrace/config"
	"millrace/files"
	"millrace/merge"
	"millrace/pipeline"
)

// feed gives a lane its records in the order in which they are learned. What a stretch says of idleness means nothing
// to a single partition.
type feed interface {
	// Next returns io.EOF after the last.
	Next(ctx context.Context) (merge.Stretch, error)
}

// labels are the second source of a feed, where it has two.
const labels = 1

// openFeed opens the data's files for a contender, and returns them beside the feed of them.
func (d *Data) openFeed(c *Contender) (feed, []*fileTopic, error) {
	p := c.Pipeline
	o := c.Pieces.Files
	o.Input = d.Input
	var err error
	if c.Pieces.Stream.Clock != nil {
		if o.Time, err = pipeline.RowTime(p.Events.Time, p.Limits); err != nil {
			return nil, nil, err
		}
	}
	events, err := openTopic(d.Events, o)
	if err != nil {
		return nil, nil, err
	}
	if !d.late() {
		return oneFile{events}, []*fileTopic{events}, nil
	}
	path, o, err := d.labelFile(p, o)
	if err != nil {
		return nil, []*fileTopic{events}, err
	}
	second, err := openTopic(path, o)
	if err != nil {
		return nil, []*fileTopic{events}, err
	}
	opened := []*fileTopic{events, second}
	if d.Delay.Given {
		second.later = d.Delay.Time.Milliseconds()
		events.keyed, second.keyed = true, true
		if d.Delay.Time == 0 {
			return &counted{files: [2]*fileTopic{events, second}, gap: d.Delay.Events}, opened, nil
		}
	}
	return merge.New(merge.Options{Sources: []merge.Source{events, second}, Now: time.Now}), opened, nil
}

// labelFile is the file that labels come from, and how it is read: the events' own, as they are, or one of labels.
func (d *Data) labelFile(p *config.Pipeline, events files.Options) (string, files.Options, error) {
	if d.Delay.Given {
		o := events
		var err error
		o.Time, err = pipeline.RowTime(p.Events.Time, p.Limits)
		return d.Events, o, err
	}
	o := pipeline.LabelFileOptions(p)
	o.Input = d.Input.Labels()
	var err error
	o.Time, err = pipeline.RowTime(p.Label.Time, p.Limits)
	return d.Labels, o, err
}

// fileTopic is a file as a topic of one partition.
type fileTopic struct {
	*files.Source
	path  string
	o     files.Options
	later int64 // milliseconds that are added to its record times
	keyed bool  // records are keyed by the rows' numbers
	keys  []byte
	ahead chan reading // what was read before it was asked for
	ended error        // what came behind the last batch
}

// reading is a batch that was read, or why there is none.
type reading struct {
	batch *millrace.Batch
	err   error
}

func openTopic(path string, o files.Options) (*fileTopic, error) {
	source, err := files.Open(path, o)
	if err != nil {
		return nil, err
	}
	return &fileTopic{Source: source, path: path, o: o}, nil
}

// readAhead has a goroutine of the group read the file, one batch before it is asked for and one being read, until it
// ends or the context does.
func (t *fileTopic) readAhead(ctx context.Context, g *errgroup.Group) {
	t.ahead, t.ended = make(chan reading, 1), nil
	g.Go(func() error {
		for {
			b, err := t.read(ctx)
			select {
			case t.ahead <- reading{b, err}:
			case <-ctx.Done():
				return nil // who asks for it is told
			}
			if err != nil {
				return nil // it is given to who asks for what follows
			}
		}
	})
}

// Next returns the next batch of rows.
func (t *fileTopic) Next(ctx context.Context) (*millrace.Batch, error) {
	if t.ended != nil {
		return nil, t.ended
	}
	select {
	case r := <-t.ahead:
		t.ended = r.err
		return r.batch, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// read reads the next batch of rows.
func (t *fileTopic) read(ctx context.Context) (*millrace.Batch, error) {
	b, err := t.Source.Next(ctx)
	if err != nil || t.later == 0 && !t.keyed {
		return b, err
	}
	t.keys = make([]byte, 0, 20*len(b.Records)) // new for each batch: those before may still be in use
	for i := range b.Records {
		rec := &b.Records[i]
		rec.Time += t.later
		from := len(t.keys)
		t.keys = strconv.AppendInt(t.keys, rec.Offset, 10)
		rec.Key = t.keys[from:len(t.keys):len(t.keys)]
	}
	return b, nil
}

// NextOf is merge.Source's: the only partition is wanted, or nothing comes.
func (t *fileTopic) NextOf(ctx context.Context, want func(int32) bool) (*millrace.Batch, error) {
	if !want(0) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return t.Next(ctx)
}

// Standings is merge.Source's. A file is at its end when Next says so.
func (t *fileTopic) Standings() ([]millrace.Standing, bool) {
	return []millrace.Standing{{Answered: time.Now()}}, true
}

// Ask is merge.Source's. Nothing is ever seen at its end here.
func (*fileTopic) Ask(context.Context, time.Time, func(int32) bool) error { return nil }

// oneFile feeds a file as it is.
type oneFile struct{ events *fileTopic }

func (f oneFile) Next(ctx context.Context) (merge.Stretch, error) {
	b, err := f.events.Next(ctx)
	if err != nil {
		return merge.Stretch{}, err
	}
	return merge.Stretch{Batch: b, To: len(b.Records), Last: true}, nil
}

// counted feeds a file's events and, so many events after each, its label: the same file, read a second time. Labels
// that would come after the last event never come.
type counted struct {
	files [2]*fileTopic
	gap   int64
	rest  [2]merge.Stretch // of the batches at hand
	ahead int64            // events given, less labels
	now   int64            // record time of the event given last
}

func (f *counted) Next(ctx context.Context) (merge.Stretch, error) {
	from, most := 0, f.gap+1-f.ahead
	if most <= 0 {
		from, most = labels, 1
	}
	s := &f.rest[from]
	if s.Batch == nil {
		b, err := f.files[from].Next(ctx)
		if errors.Is(err, io.EOF) && from == labels {
			err = io.ErrUnexpectedEOF // it was longer a moment ago
		}
		if err != nil {
			return merge.Stretch{}, err
		}
		*s = merge.Stretch{Source: from, Batch: b, To: len(b.Records)}
	}
	out := *s
	out.To = min(s.To, s.From+int(min(most, int64(len(s.Batch.Records)))))
	n := int64(out.To - out.From)
	if s.From = out.To; s.From == s.To {
		out.Last = true
		*s = merge.Stretch{}
	}
	if from == labels {
		f.ahead -= n
		out.Batch.Records[out.From].Time = f.now
		return out, nil
	}
	f.ahead += n
	if n > 0 {
		f.now = out.Batch.Records[out.To-1].Time
	}
	return out, nil
}
