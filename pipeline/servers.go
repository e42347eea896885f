package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"golang.org/x/sync/errgroup"

	"millrace/config"
	"millrace/consumers"
	"millrace/embedded"
	"millrace/join/disk"
	"millrace/learner"
	"millrace/store"
	"millrace/store/folder"
)

// environment is what a pipeline runs in: a broker and a store, embedded or external.
type environment struct {
	pipeline *config.Pipeline
	log      *slog.Logger
	registry *prometheus.Registry
	metrics  prometheus.Registerer // with the pipeline's name as a constant label
	// learning is the registry of the learner at work: a reload after a rollback starts a new one.
	learning atomic.Pointer[prometheus.Registry]
	// rebuilding is the making of state by key that goes on; nil while none does.
	rebuilding atomic.Pointer[learner.Rebuilding]
	lag        atomic.Pointer[lag]    // of the learner at work
	ended      atomic.Pointer[ending] // of the learner for good, while the process goes on; nil before
	kafka      *embedded.Kafka        // nil when external
	redis      *embedded.Redis        // nil when external
	cluster    *consumers.Cluster
	dial       dialer // of both servers; nil is the network
	store      keeper
	marks      atomic.Pointer[headMarks] // of the newest version; nil before there is a learner
	folder     *folder.Folder            // nil without a state folder, or before there is a learner
	// overflow has what waits on disk. Whoever closes it takes it away first.
	overflow atomic.Pointer[disk.Store]
	forgets  bool // the store is in this process's memory alone

	champion    string        // of a challenger: its versions are never served
	challengers []*challenger // of a champion
}

// Servers shape the embedded broker and store; the zero value keeps both in memory, on free loopback ports.
type Servers struct {
	DataDir   string // where they keep topics and snapshots; in memory by default
	KafkaAddr string // where the broker listens; a free loopback port by default
	RedisAddr string // where the store listens
	// For tests; 0 is the broker's own.
	retention, batch int64 // bytes of its partitions, and of a batch at most
}

func newEnvironment(p *config.Pipeline, log *slog.Logger) *environment {
	e := &environment{pipeline: p, log: log, registry: prometheus.NewRegistry()}
	e.metrics = e.named(e.registry)
	e.learning.Store(prometheus.NewRegistry())
	return e
}

// dialer opens connections.
type dialer = func(ctx context.Context, network, address string) (net.Conn, error)

// openEnvironment starts what is embedded and reaches what is external. Close ends it.
func openEnvironment(ctx context.Context, o Options) (*environment, error) {
	e := newEnvironment(o.Config, o.Log)
	e.dial = o.dial
	if err := e.openKafka(ctx, o.Servers); err != nil {
		e.Close()
		return nil, err
	}
	err := e.openStore(ctx, o.Servers)
	if err == nil {
		err = e.warnOfStore(ctx)
	}
	if err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

func (e *environment) named(r prometheus.Registerer) prometheus.Registerer {
	labels := prometheus.Labels{"pipeline": e.pipeline.Name}
	if e.champion != "" {
		labels["champion"] = e.champion
	}
	return prometheus.WrapRegistererWith(labels, r)
}

// learnerMetrics is a fresh registerer for one learner; it takes the place of the one before.
func (e *environment) learnerMetrics() prometheus.Registerer {
	r := prometheus.NewRegistry()
	e.learning.Store(r)
	return e.named(r)
}

// Gather is all metrics of the process.
func (e *environment) Gather() ([]*dto.MetricFamily, error) {
	all := make(prometheus.Gatherers, 0, 2+2*len(e.challengers))
	all = append(all, e.registry, e.learning.Load())
	for _, c := range e.challengers {
		all = append(all, c.env.registry, c.env.learning.Load())
	}
	return all.Gather()
}

func (e *environment) openKafka(ctx context.Context, o Servers) error {
	spec := e.pipeline.Kafka
	if spec.Mode == "embedded" {
		k, err := embedded.StartKafka(embedded.KafkaOptions{Dir: o.DataDir, Addr: orLoopback(o.KafkaAddr), RetentionBytes: o.retention,
			BatchBytes: o.batch, Log: e.log})
		if err != nil {
			return fmt.Errorf("starting the embedded broker: %w", err)
		}
		e.kafka, spec.Brokers = k, []string{k.Addr()}
		e.log.Info("embedded Kafka listens", "address", k.Addr())
	}
	c, err := consumers.Dial(spec, consumers.Options{Log: e.log, ClientID: "millrace", Dial: e.dial})
	if err != nil {
		return fmt.Errorf("connecting to Kafka: %w", err)
	}
	e.cluster = c
	return reached(ctx, e.log, "Kafka", spec.Retry, c.Check)
}

func (e *environment) openStore(ctx context.Context, o Servers) error {
	spec := e.pipeline.Redis
	options := store.Options{Log: e.log, Dialer: e.dial}
	if spec.Mode == "embedded" {
		r, err := embedded.StartRedis(embedded.RedisOptions{Dir: o.DataDir, Addr: orLoopback(o.RedisAddr), Log: e.log})
		if err != nil {
			return fmt.Errorf("starting the embedded store: %w", err)
		}
		e.forgets = o.DataDir == ""
		e.redis, spec.URL = r, "redis://"+r.Addr()+"/0"
		options.AfterFlip = r.Persist
		e.log.Info("embedded Redis listens", "address", r.Addr())
	}
	s, err := store.Open(spec, options)
	if err != nil {
		return fmt.Errorf("opening the store: %w", err)
	}
	e.store = keeper{s}
	return e.store.Ready(ctx)
}

// warnOfStore says which settings of the store endanger what will be published to it. Who only reads has no use for
// that.
func (e *environment) warnOfStore(ctx context.Context) error {
	warnings, err := e.store.Check(ctx)
	for _, w := range warnings {
		e.log.Warn("Redis: " + w)
	}
	return err
}

// run keeps the embedded servers' clocks, files and retention going.
func (e *environment) run(ctx context.Context, g *errgroup.Group) {
	if e.kafka != nil {
		g.Go(func() error { return e.kafka.Run(ctx) })
	}
	if e.redis != nil {
		g.Go(func() error { return e.redis.Run(ctx) })
	}
}

// Close ends connections and embedded servers, the store's before the broker's.
func (e *environment) Close() {
	type closer struct {
		what  string
		close func() error
	}
	var closers []closer
	for _, c := range e.challengers {
		closers = append(closers, closer{"what waits on disk", c.env.closeOverflow})
		if c.env.folder != nil {
			closers = append(closers, closer{"state folder", c.env.folder.Close})
		}
	}
	closers = append(closers, closer{"what waits on disk", e.closeOverflow})
	if e.folder != nil {
		closers = append(closers, closer{"state folder", e.folder.Close})
	}
	if e.store.Store != nil {
		closers = append(closers, closer{"store", e.store.Close})
	}
	if e.cluster != nil {
		closers = append(closers, closer{"Kafka client", e.cluster.Close})
	}
	if e.redis != nil {
		closers = append(closers, closer{"embedded Redis", e.redis.Close})
	}
	if e.kafka != nil {
		closers = append(closers, closer{"embedded Kafka", e.kafka.Close})
	}
	for _, c := range closers {
		if err := c.close(); err != nil {
			e.log.Warn("closing", "what", c.what, "error", err)
		}
	}
}

func orLoopback(addr string) string {
	if addr == "" {
		return "127.0.0.1:0"
	}
	return addr
}
