package embedded

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// headroomPerLog is the share of the retention that held logs may grow beyond it, before producers wait: trimming back
// to the retention then makes room for more than a batch.
const headroomPerLog = 4

// releasedBytes come on top once nobody reads any more: what producers still have on its way then has a place.
const releasedBytes = 64 << 20

// askedAgain is longer than producers wait before they try again, some of them five seconds: one that does not has
// given up.
const askedAgain = 10 * time.Second

// Reader is one that still reads a topic.
type Reader struct {
	Topic string
	// Needed is, for each partition, the first offset that is still needed; one without needs all.
	Needed map[int32]int64
}

// Full is a partition that takes no more until its readers need less of it.
type Full struct {
	Topic     string
	Partition int32
	Bytes     int64
}

type logKey struct {
	topic     string
	partition int32
}

// logSize is what a partition holds: as it was looked at, and what was written since.
type logSize struct{ looked, written int64 }

// holding is what is known of logs inside of the broker's loop, which must not be asked from there.
type holding struct {
	retention int64
	wake      chan struct{} // a producer waits

	mu       sync.Mutex
	readers  func() []Reader // nil where no topic is held
	held     map[string]bool
	names    map[[16]byte]string
	unknown  map[[16]byte]bool // ids that somebody writes to, and no name is known of
	written  map[string]bool   // topics that somebody writes to
	sizes    map[logKey]logSize
	full     map[logKey]time.Time // when a producer was last told to wait
	guards   map[logKey]guarding
	released bool
}

// guarding is what holds a partition's producers back, for one topic of its name.
type guarding struct {
	id    [16]byte
	fault *kfake.FaultHandle
}

func newHolding(retention int64) *holding {
	return &holding{retention: retention, wake: make(chan struct{}, 1), held: map[string]bool{}, names: map[[16]byte]string{},
		unknown: map[[16]byte]bool{}, written: map[string]bool{}, sizes: map[logKey]logSize{}, full: map[logKey]time.Time{},
		guards: map[logKey]guarding{}}
}

// Hold keeps the records of topics until no reader needs them: their producers wait while a log is full of such. It
// must be called before Run; readers is asked at every look, from another goroutine. Topics that are not named lose
// their oldest records whoever reads them.
func (k *Kafka) Hold(topics []string, readers func() []Reader) {
	k.hold.mu.Lock()
	defer k.hold.mu.Unlock()
	k.hold.readers = readers
	for _, topic := range topics {
		k.hold.held[topic] = true
	}
}

// Release lets producers write what they still have: nobody reads any more that room could be waited for.
func (k *Kafka) Release() {
	k.hold.mu.Lock()
	defer k.hold.mu.Unlock()
	k.hold.released = true
}

// Full lists the partitions that producers wait for, in order.
func (k *Kafka) Full() []Full {
	h := k.hold
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]Full, 0, len(h.full))
	for key, told := range h.full {
		if time.Since(told) < askedAgain {
			all = append(all, Full{key.topic, key.partition, h.sizes[key].bytes()})
		}
	}
	slices.SortFunc(all, func(a, b Full) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return all
}

func (s logSize) bytes() int64 { return s.looked + s.written }

// errHeld ends a connection whose producer wants no answers, as brokers do: it would not know otherwise.
var errHeld = errors.New("the log is full of records that are still needed")

// observe sees each produce request before the broker does, in its loop, and notes the topics. One that wants no
// answers is dealt with here: the broker would pass over what must wait in silence.
func (h *holding) observe(k *Kafka) func(kmsg.Request) (kmsg.Response, error, bool) {
	return func(req kmsg.Request) (kmsg.Response, error, bool) {
		produce := req.(*kmsg.ProduceRequest)
		if h.note(produce) {
			h.awake()
		}
		if produce.Acks != 0 || !h.waits(produce) {
			return nil, nil, false
		}
		k.cluster.KeepControl()
		h.awake()
		return nil, errHeld, true
	}
}

func (h *holding) awake() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// note takes down the topics of a request, and reports whether there are new ones among them.
func (h *holding) note(req *kmsg.ProduceRequest) (fresh bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range req.Topics {
		topic := h.name(req, &req.Topics[i])
		if fresh = fresh || !h.written[topic]; topic != "" {
			h.written[topic] = true
		}
	}
	return fresh
}

// waits reports whether a partition of a request is full.
func (h *holding) waits(req *kmsg.ProduceRequest) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range req.Topics {
		topic := h.name(req, &req.Topics[i])
		for _, p := range req.Topics[i].Partitions {
			if h.held[topic] && h.noRoom(logKey{topic, p.Partition}) {
				return true
			}
		}
	}
	return false
}

// name is a topic's: from version 13 on, requests have ids. One that is not known yet is looked up from outside.
func (h *holding) name(req *kmsg.ProduceRequest, topic *kmsg.ProduceRequestTopic) string {
	if req.Version < 13 {
		return topic.Topic
	}
	name, known := h.names[topic.TopicID]
	if !known {
		h.unknown[topic.TopicID] = true
	}
	return name
}

// fullAt is how many bytes of a held log are too many, while it is held.
func (h *holding) fullAt() int64 { return h.retention + h.retention/headroomPerLog }

// noRoom reports whether a log is full, and notes that somebody waits for it; the lock is held.
func (h *holding) noRoom(key logKey) bool {
	most := h.fullAt()
	if h.released {
		most += releasedBytes
	}
	if h.sizes[key].bytes() < most {
		return false
	}
	h.full[key] = time.Now()
	return true
}

// guard makes the broker answer producers of a partition that is full as it does where replicas are missing:
// clients try again then, in order, and other partitions of the same request are written meanwhile.
func (h *holding) guard(c *kfake.Cluster, key logKey, id [16]byte) {
	h.mu.Lock()
	before, guarded := h.guards[key]
	h.mu.Unlock()
	if guarded && before.id == id {
		return
	}
	if guarded { // the topic was made anew
		before.fault.Remove()
	}
	fault := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: key.topic, Partitions: []int32{key.partition}, Count: -1,
		Err: kerr.NotEnoughReplicas, When: func(req kmsg.Request) bool { return !h.admit(key, id, req.(*kmsg.ProduceRequest)) }})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.guards[key] = guarding{id, fault}
}

// admit reports whether there is room in a partition, and counts what comes if so.
func (h *holding) admit(key logKey, id [16]byte, req *kmsg.ProduceRequest) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.noRoom(key) {
		h.awake()
		return false
	}
	size := h.sizes[key]
	for i := range req.Topics {
		t := &req.Topics[i]
		if t.Topic != key.topic && (req.Version < 13 || t.TopicID != id) {
			continue
		}
		for _, p := range t.Partitions {
			if p.Partition == key.partition {
				size.written += int64(len(p.Records))
			}
		}
	}
	h.sizes[key] = size
	return true
}
