package consumers

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"millrace/consumers/internal/recordbatch"
)

const (
	// Versions of the Fetch API that are spoken: 4 brought isolation levels and format v2, 12 the
	// flexible encoding, 13 topics named by their ids.
	fetchVersionMin  = 4
	fetchVersionMax  = 11 // with the topic's name
	fetchVersionByID = 13
	// responseKeptMax bounds what is kept of a partition's records in one answer. A single batch larger than asked for
	// comes whole, up to 2 GiB: of one beyond this only the beginning is read.
	responseKeptMax = 48 << 20
	// largeBytesASecond is how fast a large answer comes at least: its time-out grows with it.
	largeBytesASecond = 1 << 20
	// abortedMax bounds the aborted transactions in one answer: each takes at least a control
	// batch of 78 bytes in the log between.
	abortedMax = 1 << 20
)

// fetchRequest asks one partition's leader for record batches, read-committed. It talks to the
// connection itself (protocol.RawExchanger): kafka-go's own Fetch decodes record by record and
// drops what positions need, the batches' last offsets, the end of committed data and the aborted
// transactions. The records come as raw bytes in a buffer of the pool.
type fetchRequest struct {
	topic     string
	partition int32
	leader    int32
	offset    int64
	maxBytes  int32
	minBytes  int32
	maxWait   time.Duration
	clientID  string
	pool      *buffers
	// large is how many bytes of records are expected when they may be more than usualBytesMax: the caller then holds
	// the lane. Without it such an answer is refused with a *largeAnswerError.
	large int
	// topicID names the topic instead of its name, where the broker knows how; see fetchid.go. speaks is the newest
	// version that it does, 0 when that must be asked first.
	topicID topicID
	speaks  int16
	// head keeps of the records the first batch's header alone.
	head    bool
	version int16 // that was negotiated
}

// largeAnswerError says that an answer takes the lane. It was not read, so that its connection is lost.
type largeAnswerError struct{ bytes int }

func (e *largeAnswerError) Error() string {
	return fmt.Sprintf("answer holds %d bytes of records, more than a partition may take at once", e.bytes)
}

// fetchResponse is one partition's answer.
type fetchResponse struct {
	code     kafka.Error
	end      int64 // the readable end: all before it is committed or aborted
	logStart int64 // -1 when the broker does not say
	aborted  []abortedTransaction
	records  []byte // of the pool; the receiver puts it back
	// sum is set when only the beginning of the records is here: the checksum of the first batch, as a whole.
	sum    *recordbatch.Sum
	speaks int16 // the newest version that the broker speaks, 0 when that is not known
	byID   bool  // the records are of the topic with the request's id, whatever its name
}

// abortedTransaction says that what a producer wrote in a transaction from First on, up to its
// abort marker, is not to be read.
type abortedTransaction struct {
	Producer, First int64
}

var (
	_ protocol.BrokerMessage = (*fetchRequest)(nil)
	_ protocol.RawExchanger  = (*fetchRequest)(nil)
)

// ApiKey is that of Fetch.
func (r *fetchRequest) ApiKey() protocol.ApiKey { return protocol.Fetch }

// ApiKey is that of Fetch.
func (r *fetchResponse) ApiKey() protocol.ApiKey { return protocol.Fetch }

// Broker routes the request to the partition's leader.
func (r *fetchRequest) Broker(protocol.Cluster) (protocol.Broker, error) {
	return protocol.Broker{ID: r.leader}, nil
}

// Required takes note of the version that was negotiated.
func (r *fetchRequest) Required(versions map[protocol.ApiKey]int16) bool {
	r.version = min(versions[protocol.Fetch], fetchVersionMax)
	return true
}

// RawExchange writes the request and reads the answer.
func (r *fetchRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if r.version < fetchVersionMin {
		return nil, settled("the broker speaks Fetch up to v%d, v%d is needed: it is older than Kafka 0.11", r.version, fetchVersionMin)
	}
	res := &fetchResponse{logStart: -1}
	if err := r.chooseID(rw, res); err != nil {
		return nil, err
	}
	frame := make([]byte, 0, 128+len(r.topic))
	if res.byID {
		frame = r.encodeByID(frame)
	} else {
		frame = r.encode(frame)
	}
	if _, err := rw.Write(frame); err != nil {
		return nil, err
	}
	in := wire{r: rw}
	in.begin(math.MaxInt32)
	if res.byID {
		r.decodeByID(&in, res)
	} else {
		r.decode(&in, res)
	}
	in.skip(in.remain)
	if in.err != nil {
		r.pool.Put(res.records)
		// Wrapped by the caller with the topic; an answer that ends early is a lost connection.
		return nil, fmt.Errorf("reading a fetch answer: %w", in.err)
	}
	return res, nil
}

func (r *fetchRequest) encode(b []byte) []byte {
	be, v := binary.BigEndian, r.version
	b = appendHead(b, protocol.Fetch, v, r.clientID)
	b = be.AppendUint32(b, 0xffffffff) // replica id: a consumer
	b = be.AppendUint32(b, uint32(r.maxWait.Milliseconds()))
	b = be.AppendUint32(b, uint32(r.minBytes))
	b = be.AppendUint32(b, uint32(r.maxBytes))
	b = append(b, byte(readCommitted))
	if v >= 7 {
		b = be.AppendUint32(b, 0)          // session id
		b = be.AppendUint32(b, 0xffffffff) // session epoch: no session
	}
	b = be.AppendUint32(b, 1)
	b = appendString(b, r.topic)
	b = be.AppendUint32(b, 1)
	b = be.AppendUint32(b, uint32(r.partition))
	if v >= 9 {
		b = be.AppendUint32(b, 0xffffffff) // leader epoch: any
	}
	b = be.AppendUint64(b, uint64(r.offset))
	if v >= 5 {
		b = be.AppendUint64(b, ^uint64(0)) // log start: for replicas
	}
	b = be.AppendUint32(b, uint32(r.maxBytes))
	if v >= 7 {
		b = be.AppendUint32(b, 0) // forgotten topics
	}
	if v >= 11 {
		b = appendString(b, "") // rack
	}
	return sized(b)
}

func appendString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

func (r *fetchRequest) decode(in *wire, res *fetchResponse) {
	in.int32() // throttle time: the broker holds back by itself
	if r.version >= 7 {
		res.code = kafka.Error(in.int16())
		in.int32() // session id
	}
	found := false
	for range in.count() {
		topic := in.string()
		for range in.count() {
			partition := in.int32()
			if found || topic != r.topic || partition != r.partition {
				in.fail(fmt.Errorf("answer speaks of %s/%d", topic, partition))
				return
			}
			found = true
			r.decodePartition(in, res)
		}
	}
	if !found && res.code == 0 {
		in.fail(errNoPartition)
	}
}

var errNoPartition = errors.New("answer speaks of no partition")

func (r *fetchRequest) decodePartition(in *wire, res *fetchResponse) {
	if code := kafka.Error(in.int16()); code != 0 {
		res.code = code
	}
	highWatermark := in.int64()
	res.end = in.int64() // last stable offset
	if res.end < 0 {
		res.end = highWatermark
	}
	if r.version >= 5 {
		res.logStart = in.int64()
	}
	res.takeAborted(in, in.count(), false)
	if r.version >= 11 {
		in.int32() // preferred replica: none without a rack
	}
	r.decodeRecords(in, int(in.int32()), res)
}

// decodeRecords reads n bytes into a slice of the pool; of null n is -1.
func (r *fetchRequest) decodeRecords(in *wire, n int, res *fetchResponse) {
	switch {
	case in.err != nil || n <= 0:
		return
	case n > in.remain:
		in.fail(io.ErrUnexpectedEOF)
		return
	case r.head:
		res.records = r.pool.Get(recordbatch.HeaderBytes)[:min(n, recordbatch.HeaderBytes)]
		_, err := io.ReadFull(in.r, res.records)
		in.remain -= len(res.records)
		in.fail(err)
		in.skip(n - len(res.records))
		return
	case n > usualBytesMax && r.large == 0:
		in.fail(&largeAnswerError{n})
		return
	}
	res.records = r.pool.Get(min(n, responseKeptMax))[:min(n, responseKeptMax)]
	_, err := io.ReadFull(in.r, res.records)
	in.remain -= len(res.records)
	in.fail(err)
	if n -= len(res.records); n > 0 && in.err == nil {
		res.sum = new(recordbatch.Sum)
		res.sum.Add(res.records)
		in.sum(res.sum, n)
	}
}

// sum reads past n bytes and shows them to s.
func (w *wire) sum(s *recordbatch.Sum, n int) {
	buf := make([]byte, 64<<10)
	for n > 0 && w.err == nil {
		got, err := w.r.Read(buf[:min(n, len(buf))])
		s.Add(buf[:got])
		w.remain -= got
		n -= got
		if n > 0 && err != nil {
			w.fail(err)
		}
	}
}

// takeAborted reads the list of aborted transactions.
func (r *fetchResponse) takeAborted(in *wire, n int, flexible bool) {
	if n > abortedMax {
		in.fail(fmt.Errorf("answer lists %d aborted transactions", n))
	}
	for range n {
		a := abortedTransaction{Producer: in.int64(), First: in.int64()}
		if flexible {
			in.tags()
		}
		if in.err != nil {
			return
		}
		r.aborted = append(r.aborted, a)
	}
}

// fetch sends one request to a partition's leader and waits for its answer.
func (c *Cluster) fetch(ctx context.Context, req *fetchRequest) (*fetchResponse, error) {
	larger := time.Duration(req.large/largeBytesASecond) * time.Second
	ctx, cancel := context.WithTimeout(ctx, req.maxWait+c.spec.Timeout+larger)
	defer cancel()
	m, err := c.transport.RoundTrip(ctx, c.addr, req)
	if err != nil {
		return nil, c.named(err)
	}
	res, ok := m.(*fetchResponse)
	if !ok {
		return nil, settled("the transport answered a fetch with a %T", m)
	}
	return res, nil
}
