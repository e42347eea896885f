// Package config reads the pipeline file: one YAML file that says where events come from, what is
// learned from them and where scores go. It composes the plain spec structs of the other packages
// and decodes strictly: every mistake is reported with file, line and column, all of them at once.
//
// The struct tags of the specs drive the decoder and the JSON Schema alike, so that what an editor
// accepts and what the program accepts come from one place:
//
//	yaml:"name"        the field's name in the file
//	yaml:"name,short"  a bare scalar in place of the mapping fills this field
//	yaml:"name,list"   a bare list in place of the mapping fills this field
//	yaml:",key"        in a slice of structs: the file has a mapping, its keys fill this field
//	enum:"a|b"         the words allowed
//	also:"time"        beside the enum's words, an RFC 3339 time
//	also:"number"      beside a text, a number, kept as it is written
//	also:"class"       beside a text, a number or a boolean, kept as it is written: a class
//	also:"one"         beside a list, its one element
//	doc:"…"            what the field means
//	of:"a|b"           the types that read the field, see millrace.Readers; all without it
//	hash:"…"           who must agree on the field to use a snapshot, see verdict
//	secret:"true"      no message shows the field's value
package config

import (
	"fmt"
	"time"

	"millrace"
	"millrace/consumers"
	"millrace/decode"
	"millrace/features"
	"millrace/join"
	"millrace/learner"
	"millrace/model"
	"millrace/scorer"
	"millrace/store"
)

// Pipeline is one pipeline file, defaults filled in. Name, Events, Features, Label and Model are
// required; the rest has defaults that work on one machine.
type Pipeline struct {
	Name      string                `yaml:"name" hash:"none" doc:"name of the pipeline and of its model: letters, digits, - _ and . up to 100"`
	Kafka     consumers.Spec        `yaml:"kafka" hash:"none" doc:"the Kafka cluster; embedded without brokers"`
	Redis     store.Spec            `yaml:"redis" hash:"none" doc:"the Redis that keeps snapshots; embedded without url"`
	Events    Events                `yaml:"events" hash:"none" doc:"where events come from"`
	Features  features.Columns      `yaml:"features" doc:"what is learned from, in this order: a mapping from name to column"`
	Label     decode.LabelSpec      `yaml:"label" doc:"what is predicted"`
	Model     model.Spec            `yaml:"model" doc:"what learns"`
	Snapshots learner.SnapshotsSpec `yaml:"snapshots" hash:"none" doc:"when snapshots are taken and how many are kept"`
	Scores    scorer.Spec           `yaml:"scores" hash:"none" doc:"where scores go"`
	Limits    decode.Limits         `yaml:"limits" doc:"what one event may cost"`
	Join      Join                  `yaml:"join" hash:"none" doc:"what events that wait for their label may take"`
	State     string                `yaml:"state" hash:"none" doc:"folder where the learner keeps a copy of its newest version, to fill a store that has lost its data, and checkpoints of windows and of events that wait, to start from without reading the log again; none by default"`
	Admin     Admin                 `yaml:"admin" hash:"none" doc:"metrics, health and profiles over HTTP"`
	// Challengers are relative to the file that names them. Other settings of theirs than events, features, label,
	// model and snapshots are not read: they use this pipeline's connections, and are not served.
	Challengers []string `yaml:"challengers" hash:"none" doc:"pipeline files of models that learn the same events beside this one, are compared, and are never served"`

	chosen chosen // by Parse
	digest string // by Load
}

// Where an events topic is first read from, besides an RFC 3339 time.
const (
	StartEarliest = "earliest"
	StartLatest   = "latest"
)

// What happens when the events topic does not exist.
const (
	UnknownTopicWait   = "wait"
	UnknownTopicCreate = "create"
	UnknownTopicFail   = "fail"
)

// Whether a compacted topic of events is learned from where state by key is made again from it.
const (
	CompactedRefuse = "refuse"
	CompactedAllow  = "allow"
)

// Events says where events come from and where an event keeps its id and time; a bare string is
// the topic.
type Events struct {
	Topic  string `yaml:"topic,short" doc:"topic of the events"`
	Format string `yaml:"format" enum:"json" doc:"format of an event"`
	ID     string `yaml:"id" doc:"path of the event's id, which scores carry; none by default"`
	// Time is read by windows, waits and features of type since.
	Time  decode.TimeSpec `yaml:"time" hash:"schema" doc:"path of the event's time, or how it reads as well; the record's time by default"`
	Key   string          `yaml:"key" doc:"path of the value that produce keys records by; the id by default"`
	Start string          `yaml:"start" enum:"earliest|latest" also:"time" doc:"where a pipeline without a snapshot starts to read: earliest, latest or an RFC 3339 time"`
	// UnknownTopic's default depends on the broker: nobody else can create a topic in an embedded
	// one, and nobody wants a misspelt topic created in a shared one.
	UnknownTopic string `yaml:"unknown_topic" enum:"wait|create|fail" doc:"when the topic does not exist: wait for it, create it or fail; create by default with an embedded broker, wait otherwise"`
	Partitions   int    `yaml:"partitions" doc:"partitions of a topic that is created"`
	Compacted    string `yaml:"compacted" enum:"refuse|allow" doc:"with windows or label.topic, which are made again from all events after a restart: whether to learn from a topic with cleanup.policy=compact, which loses some; refuse by default"`
	DeadLetters  string `yaml:"dead_letters" doc:"topic of the events that cannot be used; <topic>.dead by default"`
}

// SetDefaults fills in what a pipeline file may leave out. One partition is what makes two runs
// over the same events equal bit for bit.
func (e *Events) SetDefaults() {
	*e = Events{Format: "json", Start: StartEarliest, Partitions: 1, Compacted: CompactedRefuse}
}

// StartTime is the time that Start names; ok is false when Start is a word.
func (e *Events) StartTime() (t time.Time, ok bool) {
	t, err := time.Parse(time.RFC3339Nano, e.Start)
	return t, err == nil
}

// Join bounds what events that wait for their label may take; a bare size is the memory. Disk is charged as memory is,
// so files take less.
type Join struct {
	Memory millrace.Bytes `yaml:"memory,short" doc:"memory of events that wait for their label, and of labels that wait for their event; when it is full, the oldest go to disk, or become what label.missing says"`
	Disk   millrace.Bytes `yaml:"disk" doc:"what of them may wait in files of the state folder beyond that, which state or --state-dir names; none by default"`
}

// SetDefaults fills in what a pipeline file may leave out: about a million events of ten features.
func (j *Join) SetDefaults() { *j = Join{Memory: join.MemoryDefault} }

// joinMemoryLeast is enough for the tables of a join and some thousands of events.
const joinMemoryLeast millrace.Bytes = 1 << 20

// Validate lists what is wrong with the spec.
func (j Join) Validate() (v []millrace.Violation) {
	if j.Memory < joinMemoryLeast || j.Memory > join.MemoryMax {
		v = append(v, millrace.Violation{Path: "memory", Message: fmt.Sprintf("%s is outside %s to %s", j.Memory, joinMemoryLeast, join.MemoryMax)})
	}
	if j.Disk != 0 && (j.Disk < joinMemoryLeast || j.Disk > join.DiskMax) {
		v = append(v, millrace.Violation{Path: "disk", Message: fmt.Sprintf("%s is neither 0 nor in %s to %s", j.Disk, joinMemoryLeast, join.DiskMax)})
	}
	return v
}

// Admin says where metrics and health are served; a bare string is the address.
type Admin struct {
	Listen string `yaml:"listen,short" doc:"address of /metrics, /healthz and /readyz, host:port; port 0 takes a free one"`
	PProf  bool   `yaml:"pprof" doc:"serve profiles under /debug/pprof"`
}

// SetDefaults fills in what a pipeline file may leave out. Loopback only: metrics are no secret,
// but opening them to a network is a decision.
func (a *Admin) SetDefaults() { *a = Admin{Listen: "127.0.0.1:9464"} }

// Modes of kafka and redis.
const (
	modeEmbedded = "embedded"
	modeExternal = "external"
)

// What all versions of a pipeline may hold when its file does not say. A Redis has other users; an embedded store lives
// in the process.
const (
	snapshotBytesExternal = 1 << 30
	snapshotBytesEmbedded = 128 << 20
)

// resolve fills in the defaults that depend on other fields.
func (p *Pipeline) resolve() {
	if p.Kafka.Mode == "" {
		p.Kafka.Mode = modeEmbedded
		if len(p.Kafka.Brokers) > 0 {
			p.Kafka.Mode = modeExternal
		}
	}
	if p.Redis.Mode == "" {
		p.Redis.Mode = modeEmbedded
		if p.Redis.URL != "" {
			p.Redis.Mode = modeExternal
		}
	}
	if p.Snapshots.BytesMax == 0 {
		p.Snapshots.BytesMax = snapshotBytesExternal
		if p.Redis.Mode == modeEmbedded {
			p.Snapshots.BytesMax = snapshotBytesEmbedded
		}
	}
	if p.Events.UnknownTopic == "" {
		p.Events.UnknownTopic = UnknownTopicWait
		if p.Kafka.Mode == modeEmbedded {
			p.Events.UnknownTopic = UnknownTopicCreate
		}
	}
	if p.Events.Topic != "" {
		setEmpty(&p.Events.DeadLetters, p.Events.Topic+".dead")
		setEmpty(&p.Scores.Topic, p.Events.Topic+".scores")
	}
	setEmpty(&p.Events.Key, p.Events.ID)
	// Nulls stay empty when the file leaves them out: that they are the same as absent values, with one
	// indicator for both, is something else than the same policy twice.
	for i := range p.Features {
		p.Features[i].Resolve()
		if !p.Features[i].Derived() && p.Features[i].Type != features.Since {
			setEmpty(&p.Features[i].Path, p.Features[i].Name)
		}
	}
	p.resolveZones()
	if p.Label.Type == "" && len(p.Label.Classes) > 0 {
		p.Label.Type = "class"
	}
	p.Label.Resolve(p.Events.ID)
	if w := &p.Label.ClassWeights; w.Mode == "" && len(w.Weights) > 0 {
		w.Mode = "given"
	}
}

func setEmpty(s *string, to string) {
	if *s == "" {
		*s = to
	}
}

// DecodeSpec is what the pipeline's decoder is compiled from, with a column for each field of an event: windows of
// several statistics are expanded.
func (p *Pipeline) DecodeSpec() decode.Spec {
	return decode.Spec{
		ID:      p.Events.ID,
		Time:    p.Events.Time,
		Columns: p.Features.Expand(),
		Label:   p.Label,
		Limits:  p.Limits,
	}
}

// LateLabels reports whether labels come later, on a topic of their own.
func (p *Pipeline) LateLabels() bool { return p.Label.Late() }

// LabelDecodeSpec is what the decoder of the topic of labels is compiled from; see [Pipeline.LateLabels].
func (p *Pipeline) LabelDecodeSpec() decode.Spec { return p.Label.LabelRecordSpec(p.Limits) }

// JoinSpec says how long events and labels wait for each other; see [Pipeline.LateLabels].
func (p *Pipeline) JoinSpec() join.Spec {
	missing := p.Label.IfMissing()
	return join.Spec{Wait: p.Label.Wait, Early: p.Label.Early, Hold: p.Label.Missing.Hold, Memory: p.Join.Memory, Disk: p.Join.Disk,
		Missing: millrace.Target{Class: missing.Class, Value: missing.Value, Known: missing.Known}}
}

// FeatureSpec is what the pipeline's extractor is built from, its columns expanded as DecodeSpec's. Its seed is the
// model's, so that one number in the file fixes all randomness.
func (p *Pipeline) FeatureSpec() features.Spec {
	return features.Spec{Columns: p.Features.Expand(), Seed: p.Model.Seed}
}

// Target says what the pipeline's model predicts.
func (p *Pipeline) Target() model.TargetSpec {
	if p.Label.Type != "class" {
		return model.TargetSpec{}
	}
	return model.TargetSpec{Classes: len(p.Label.Classes), Delayed: p.Label.Assume != ""}
}

// ClassWeights is what the losses of the pipeline's classes are multiplied by.
func (p *Pipeline) ClassWeights() model.ClassWeights {
	w := p.Label.ClassWeights
	return model.ClassWeights{Fixed: w.Weights, Balanced: w.Mode == "balanced", Window: w.Window, Max: w.Max,
		Corrected: w.Probabilities == "corrected"}
}
