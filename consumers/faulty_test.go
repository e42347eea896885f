package consumers

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"net"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"millrace"
	"millrace/consumers/internal/recordbatch"
)

// written is a log's batch, made while it is sent, so that a large one takes no memory.
type written struct {
	first, last int64
	size        int64
	open        func() io.Reader
}

// madeLog answers fetches with batches that no broker would take, and leaves all else to a real one.
type madeLog struct {
	kafka.RoundTripper
	batches map[int32][]written
	fetches atomic.Int64
	running atomic.Int64 // fetch answers larger than usual that are being sent
	most    atomic.Int64
}

func (m *madeLog) RoundTrip(ctx context.Context, addr net.Addr, req kafka.Request) (kafka.Response, error) {
	f, ok := req.(*fetchRequest)
	if !ok {
		return m.RoundTripper.RoundTrip(ctx, addr, req)
	}
	m.fetches.Add(1)
	f.Required(map[protocol.ApiKey]int16{protocol.Fetch: fetchVersionMax})
	end, at := int64(0), written{open: func() io.Reader { return bytes.NewReader(nil) }}
	for _, b := range m.batches[f.partition] {
		if b.last >= f.offset && at.size == 0 {
			at = b
		}
		end = b.last + 1
	}
	if at.size == 0 {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	if f.large > 0 {
		m.most.Store(max(m.most.Load(), m.running.Add(1)))
		defer m.running.Add(-1)
	}
	head, tail := answerHead(f.topic, f.partition, end, at.size), []byte(nil)
	if f.topicID != (topicID{}) {
		f.speaks = fetchVersionByID
		head, tail = answerHeadByID(f.topicID, f.partition, end, at.size), make([]byte, 3) // no tags
	}
	framed := append(binary.BigEndian.AppendUint32(nil, uint32(int64(len(head)+len(tail))+at.size)), head...)
	return f.RawExchange(&conversation{Reader: io.MultiReader(bytes.NewReader(framed), io.LimitReader(at.open(), at.size), bytes.NewReader(tail))})
}

// answerHeadByID is a fetch answer of version 13 up to its records.
func answerHeadByID(id topicID, partition int32, end, size int64) []byte {
	be := binary.BigEndian
	b := be.AppendUint32(nil, correlation)
	b = append(b, make([]byte, 1+4+2+4)...) // tags, throttle time, error, session
	b = append(append(append(b, 2), id[:]...), 2)
	b = be.AppendUint32(b, uint32(partition))
	b = be.AppendUint16(b, 0)
	b = be.AppendUint64(b, uint64(end)) // high watermark
	b = be.AppendUint64(b, uint64(end)) // last stable offset
	b = be.AppendUint64(b, 0)           // log start
	b = append(b, 1)                    // no aborted transactions
	b = be.AppendUint32(b, 0xffffffff)  // preferred replica
	return binary.AppendUvarint(b, uint64(size)+1)
}

// answerHead is a fetch answer of version 11 up to its records.
func answerHead(topic string, partition int32, end, size int64) []byte {
	be := binary.BigEndian
	b := be.AppendUint32(nil, correlation)
	b = append(b, make([]byte, 10)...) // throttle time, error, session
	b = be.AppendUint32(b, 1)
	b = appendString(b, topic)
	b = be.AppendUint32(b, 1)
	b = be.AppendUint32(b, uint32(partition))
	b = be.AppendUint16(b, 0)
	b = be.AppendUint64(b, uint64(end)) // high watermark
	b = be.AppendUint64(b, uint64(end)) // last stable offset
	b = be.AppendUint64(b, 0)           // log start
	b = be.AppendUint32(b, 0)           // aborted transactions
	b = be.AppendUint32(b, 0xffffffff)  // preferred replica
	return be.AppendUint32(b, uint32(size))
}

// sealed makes a batch of the records at an offset.
func sealed(t testing.TB, first int64, codec string, alter func(b []byte) []byte, records ...millrace.Record) written {
	t.Helper()
	c, err := recordbatch.ParseCodec(codec)
	if err != nil {
		t.Fatal(err)
	}
	compress, err := recordbatch.NewCompressor(c)
	if err != nil {
		t.Fatal(err)
	}
	var builder recordbatch.Builder
	for i := range records {
		builder.Append(&records[i])
	}
	b, err := builder.Seal(nil, compress)
	if err != nil {
		t.Fatal(err)
	}
	binary.BigEndian.PutUint64(b, uint64(first))
	if alter != nil {
		b = alter(b)
		binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))
		binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
	}
	return written{first: first, last: first + int64(len(records)) - 1, size: int64(len(b)), open: func() io.Reader { return bytes.NewReader(b) }}
}

func values(from, n int) []millrace.Record {
	var all []millrace.Record
	for i := range n {
		all = append(all, millrace.Record{Time: 1, Value: []byte(fmt.Sprint(from + i))})
	}
	return all
}

// enormous is an uncompressed batch of one record with a value of size bytes, which is in no memory.
func enormous(first, size int64) written {
	record := []byte{0, 0, 0}                                        // attributes, time delta, offset delta
	record = append(binary.AppendVarint(record, 3), "key"...)        //
	record = append(binary.AppendVarint(record, size), "value: "...) // the rest is made
	tail := []byte{2, 2, 'h', 2, 'v'}                                // one header
	length := int64(len(record)) + size - 7 + int64(len(tail))
	body := append(binary.AppendVarint(nil, length), record...)
	head := make([]byte, recordbatch.HeaderBytes)
	be := binary.BigEndian
	be.PutUint64(head, uint64(first))
	total := int64(len(head)) + int64(len(body)) + size - 7 + int64(len(tail))
	be.PutUint32(head[8:], uint32(total-12))
	head[16] = 2
	be.PutUint64(head[43:], math.MaxUint64)
	be.PutUint32(head[57:], 1)
	rest := func() io.Reader {
		return io.MultiReader(bytes.NewReader(head[21:]), bytes.NewReader(body), io.LimitReader(letters{}, size-7), bytes.NewReader(tail))
	}
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	_, _ = io.Copy(sum, rest()) // a hash never fails
	be.PutUint32(head[17:], sum.Sum32())
	return written{first: first, last: first, size: total, open: func() io.Reader {
		return io.MultiReader(bytes.NewReader(head[:21]), rest())
	}}
}

type letters struct{}

func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// reading starts a source over made batches, a list for each partition.
func (b *bench) reading(allowGaps bool, partitions ...[]written) (*Source, *madeLog) {
	b.t.Helper()
	topic := b.topic(len(partitions))
	made := &madeLog{RoundTripper: b.cluster.transport, batches: map[int32][]written{}}
	for p, batches := range partitions {
		made.batches[int32(p)] = batches
	}
	c, err := Dial(testSpec(b.addrs...), Options{Transport: made})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = c.Close() })
	s := NewSource(c, SourceOptions{Topic: topic, AllowGaps: allowGaps})
	start(b.t, s.Run)
	return s, made
}

// summary is what came, a word a record: its offset, and for a faulty one its reason, end and count.
func summary(records []copied) string {
	var all []string
	for _, r := range records {
		word := fmt.Sprint(r.Offset)
		if r.Fault != nil {
			word = fmt.Sprintf("%s:%d-%d/%d", r.Fault.Reason, r.Offset, r.Next()-1, r.Count())
		}
		all = append(all, word)
	}
	return strings.Join(all, " ")
}

func bytesOf(n int) []byte { return bytes.Repeat([]byte(`{"a": 1} `), n/9) }

// TestBatchesThatCannotBeRead are passed over as one faulty record each, whose checksum is right: to fetch it again
// would give the same for ever.
func TestBatchesThatCannotBeRead(t *testing.T) {
	codec := func(c byte) func([]byte) []byte {
		return func(b []byte) []byte { b[22] = c; return b }
	}
	cut := func(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:len(b)-n] } }
	log := []written{
		sealed(t, 0, "", nil, values(0, 2)...),
		sealed(t, 2, "", codec(5), values(2, 3)...), // an unknown codec
		sealed(t, 5, "", nil, values(5, 1)...),
		sealed(t, 6, "", codec(4), values(6, 2)...), // no zstd
		sealed(t, 8, "", cut(12), values(8, 4)...),  // one and a half of four are there
		sealed(t, 12, "lz4", cut(9), values(12, 2)...),
		sealed(t, 14, "", func(b []byte) []byte { b[60] = 9; return b }, values(14, 2)...),         // more records than there are, which loses nothing
		sealed(t, 16, "", func(b []byte) []byte { return append(b, "more"...) }, values(16, 1)...), // as does what stands behind the last
		sealed(t, 17, "", func(b []byte) []byte { b[22] = 0x20; return b }, values(17, 1)...),      // a marker without a key
		sealed(t, 18, "", func(b []byte) []byte { b[23] = 0x80; return b }, values(18, 1)...),      // a last offset before the first
		sealed(t, 19, "gzip", nil, values(19, 1)...),
		sealed(t, 20, "", nil, values(20, 1)...),
	}
	b := newFake(t)
	s, made := b.reading(false, log)
	var got []copied
	for len(got) == 0 || got[len(got)-1].Offset < 20 {
		batch, err := s.Next(b.ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range batch.Records {
			got = append(got, deepCopy(r))
		}
		batch.Release()
	}
	want := "0 1 bad_batch:2-4/3 5 bad_batch:6-7/2 8 9 bad_batch:10-11/2 bad_batch:12-13/2 14 15 16 bad_batch:17-17/1 bad_batch:18-18/1 19 20"
	if summary(got) != want {
		t.Errorf("read %s\nwant %s", summary(got), want)
	}
	if n := made.fetches.Load(); n > 30 {
		t.Errorf("%d fetches of %d batches", n, len(log))
	}
}

// TestWrongChecksum is a loss, not a batch that cannot be read: three tries, and only with AllowGaps reading goes on.
func TestWrongChecksum(t *testing.T) {
	wrong := sealed(t, 2, "", nil, values(2, 3)...)
	damaged, err := io.ReadAll(wrong.open())
	if err != nil {
		t.Fatal(err)
	}
	damaged[70] ^= 1
	wrong.open = func() io.Reader { return bytes.NewReader(damaged) }
	large := enormous(2, 60<<20)
	flipped := large
	flipped.open = func() io.Reader {
		return io.MultiReader(io.LimitReader(large.open(), 59<<20), io.LimitReader(letters{}, 100), bytes.NewReader(make([]byte, large.size-59<<20-100)))
	}
	for name, bad := range map[string]written{"small": wrong, "larger than is kept": flipped} {
		t.Run(name, func(t *testing.T) {
			log := []written{sealed(t, 0, "", nil, values(0, 2)...), bad, sealed(t, bad.last+1, "", nil, values(5, 1)...)}
			b := newFake(t)
			s, _ := b.reading(false, log)
			read(b.ctx, t, s, 2)
			_, err := s.Next(b.ctx)
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) || corrupt.From != 2 || corrupt.To != bad.last+1 {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestTooLargeRecords are passed over, whatever compressed them; those around them in their batch are read.
func TestTooLargeRecords(t *testing.T) {
	large := bytesOf(recordbatch.RecordBytesMax + 1000)
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		t.Run(codec, func(t *testing.T) {
			records := values(1, 5)
			records[2] = millrace.Record{Time: 7, Key: []byte("k"), Value: large, Headers: []millrace.Header{{Key: "trace", Value: []byte("1")}}}
			b := newFake(t)
			s, _ := b.reading(false, []written{sealed(t, 0, "", nil, values(0, 1)...), sealed(t, 1, codec, nil, records...), sealed(t, 6, "", nil, values(6, 1)...)})
			got := read(b.ctx, t, s, 7)[0]
			if want := "0 1 2 too_large:3-3/1 4 5 6"; summary(got) != want {
				t.Fatalf("read %s, want %s", summary(got), want)
			}
			r := got[3]
			if string(r.Key) != "k" || !bytes.Equal(r.Value, large[:1024]) || r.Time != 7 || header(r, "trace") != "1" ||
				header(r, millrace.HeaderTruncated) != fmt.Sprintf("value=%d", len(large)) || !strings.Contains(r.Fault.Detail, "bytes") {
				t.Errorf("what is left: key %q, %d bytes, %v", r.Key, len(r.Value), r.Fault)
			}
		})
	}
}

// TestBatchLargerThanIsKept is read as far as it is kept, and the rest of it passed over by its header.
func TestBatchLargerThanIsKept(t *testing.T) {
	var many []millrace.Record
	for range 60 {
		many = append(many, millrace.Record{Time: 1, Key: []byte("k"), Value: bytesOf(1 << 20)})
	}
	b := newFake(t)
	s, _ := b.reading(false, []written{sealed(t, 0, "", nil, many...), enormous(60, 200<<20), sealed(t, 61, "", nil, values(61, 1)...)})
	got := read(b.ctx, t, s, 50)[0]
	if want := " 46 too_large:47-59/13 too_large:60-60/1 61"; !strings.HasSuffix(summary(got), want) {
		t.Fatalf("read %s, want%s", summary(got), want)
	}
	begun, alone := got[47], got[48]
	if string(begun.Key) != "k" || len(begun.Value) != 1024 || !strings.Contains(begun.Fault.Detail, "62915161") {
		t.Errorf("of the batch: key %q, %d bytes, %v", begun.Key, len(begun.Value), begun.Fault)
	}
	if string(alone.Key) != "key" || !strings.HasPrefix(string(alone.Value), "value: xxx") ||
		header(alone, millrace.HeaderTruncated) != fmt.Sprintf("value=%d", 200<<20) {
		t.Errorf("of the record: key %q, %d bytes, %v", alone.Key, len(alone.Value), alone.Fault)
	}
}

// TestOneMemoryForAllPartitions: two with a batch that is larger than usual at once take it one after the other.
func TestOneMemoryForAllPartitions(t *testing.T) {
	b := newFake(t)
	var logs [][]written
	for range 4 {
		logs = append(logs, []written{enormous(0, 300<<20), sealed(t, 1, "zstd", nil, millrace.Record{Value: bytesOf(40 << 20)}, millrace.Record{Value: []byte("x")})})
	}
	defer debug.SetGCPercent(debug.SetGCPercent(10)) // so that the heap is about what is used
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	s, made := b.reading(false, logs...)
	most := uint64(0)
	stop := start(t, func(ctx context.Context) error {
		for ctx.Err() == nil {
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
			time.Sleep(5 * time.Millisecond)
		}
		return nil
	})
	for p, got := range read(b.ctx, t, s, 12) {
		if want := "too_large:0-0/1 too_large:1-1/1 2"; summary(got) != want {
			t.Errorf("partition %d: read %s, want %s", p, summary(got), want)
		}
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if made.most.Load() != 1 {
		t.Errorf("%d large answers at once", made.most.Load())
	}
	// HeapAlloc counts what the collector has not come to yet, too: about one answer, though it runs often here.
	if took := (most - before.HeapAlloc) >> 20; took > 128+32 {
		t.Errorf("it took %d MiB", took)
	}
	if s.in.apart.used != 0 {
		t.Errorf("%d bytes are still counted", s.in.apart.used)
	}
}
