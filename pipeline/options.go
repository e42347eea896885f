package pipeline

import (
	"log/slog"
	"time"

	"millrace/config"
	"millrace/join/disk"
)

// Options say what runs, and how.
type Options struct {
	Config *config.Pipeline
	// File is where Config was read from: challengers are named from there, and messages name it. It may be empty.
	File string
	// Learn and Score are the stages; at least one of them.
	Learn, Score bool

	// Challengers are pipeline files of models that learn beside the pipeline's, further to those that Config names.
	Challengers []string
	// Fresh starts with new weights and positions, FreshChallengers does so for challengers; old versions are kept.
	Fresh, FreshChallengers bool
	// AllowGaps goes on where events were lost, or on another cluster or topic, and at the beginning of a topic made
	// anew.
	AllowGaps bool

	// StateDir is where the learner keeps a copy of its newest version, and checkpoints, in place of Config's state.
	StateDir string

	// Admin is the address for metrics and health, in place of Config's.
	Admin string
	PProf bool
	// Runtime is the folder in which the process says where it listens, see running.Folder; empty says nothing.
	Runtime string
	// Version of the build, for the metric that tells it.
	Version string

	Servers Servers
	Log     *slog.Logger
	// ShutdownTimeout bounds what happens between the end of Run's context and its return: the drain, the last
	// snapshot, the last commits, closing. 0 is the package's ShutdownTimeout.
	ShutdownTimeout time.Duration
	// Quiet leaves out the line that says now and then how it goes: a live view says it better.
	Quiet bool
	// OnScore is told of each score as it is written; may be nil. It must not keep what it is given.
	OnScore func(key, value []byte)

	// For tests; nil is the network, and the system.
	patience time.Duration                                        // with a log that is held for nothing
	dial     dialer                                               // of both servers
	space    func(folder string) (disk.Space, error)              // of a state folder
	overflow func(folder string, room int64) (*disk.Store, error) // opens the store of what waits
}

// check refuses what the file and the options cannot have together.
func (o *Options) check() error {
	embeddedKafka, embeddedRedis := o.Config.Kafka.Mode == "embedded", o.Config.Redis.Mode == "embedded"
	if (!o.Learn || !o.Score) && (embeddedKafka || embeddedRedis) {
		return config.Usagef("learn and score in separate processes need kafka.brokers and redis.url; embedded servers live inside one process: use run")
	}
	if o.Servers != (Servers{}) && !embeddedKafka && !embeddedRedis {
		return config.Usagef("--data-dir, --embedded-kafka and --embedded-redis are for embedded servers, and %s names real ones", o.File)
	}
	return nil
}
