package recordbatch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"

	"millrace"
)

// taken is what a body gave piece by piece.
type taken struct {
	records []millrace.Record
	overs   []Over
	err     error // io.EOF at a good end
}

func takePieces(h *Header, body []byte) taken {
	var all taken
	p, err := NewPieces(h, body, heap{}, nil)
	if err != nil {
		return taken{err: err}
	}
	defer p.Close()
	for {
		piece, err := p.Next()
		if piece.Over != nil {
			all.overs = append(all.overs, *piece.Over)
		}
		if err != nil {
			all.err = err
			return all
		}
		for more := piece.Over == nil; more; {
			var rec millrace.Record
			var headers []millrace.Header
			if more, err = piece.Records.Next(&rec, &headers); err != nil && !errors.Is(err, ErrHeaders) {
				all.err = err
				return all
			}
			if more {
				all.records = append(all.records, rec)
			}
		}
		p.Walked(&piece.Records)
	}
}

// whole reads a batch that must be good.
func whole(t *testing.T, set []byte) taken {
	t.Helper()
	h, body, rest, err := Split(set)
	if err != nil || len(rest) > 0 {
		t.Fatalf("%v, %d bytes behind it", err, len(rest))
	}
	return takePieces(&h, body)
}

func offsets(records []millrace.Record) string {
	var all []int64
	for i := range records {
		all = append(all, records[i].Offset)
	}
	return fmt.Sprint(all)
}

// TestPiecesAreTheWhole: a body taken apart gives what it gives when it is opened at once, with records within a piece,
// across pieces and larger than one.
func TestPiecesAreTheWhole(t *testing.T) {
	want := events(20_000, 180, millrace.Header{Key: "trace", Value: []byte("1")})
	large := bytes.Repeat([]byte("three MiB of it, "), 3<<20/17)
	want = append(want, millrace.Record{Offset: 20_000, Time: 5, Key: []byte("large"), Value: large})
	want = append(want, samples()...)
	for i := range want {
		want[i].Offset = int64(i)
	}
	for _, codec := range codecs {
		t.Run(codec.String(), func(t *testing.T) {
			got := whole(t, seal(t, codec, want...))
			if !errors.Is(got.err, io.EOF) || len(got.overs) > 0 {
				t.Fatalf("%v, %d too large", got.err, len(got.overs))
			}
			if len(got.records) != len(want) {
				t.Fatalf("%d records of %d", len(got.records), len(want))
			}
			for i := range want {
				if !reflect.DeepEqual(got.records[i], want[i]) {
					t.Fatalf("record %d is another one, at offset %d", i, got.records[i].Offset)
				}
			}
		})
	}
}

// TestOverIsPassed: a record that is too large leaves its key, its headers and the first KiB, and those around it are
// read.
func TestOverIsPassed(t *testing.T) {
	value := bytes.Repeat([]byte(`{"amount": 1}, `), (RecordBytesMax+5000)/15)
	trace := []millrace.Header{{Key: "trace", Value: []byte("7")}, {Key: "null"}}
	many := make([]millrace.Header, 4000)
	for i := range many {
		many[i] = millrace.Header{Key: "h", Value: []byte("0123456789")}
	}
	set := func(codec Codec) []byte {
		return seal(t, codec,
			millrace.Record{Time: 1, Value: []byte("before")},
			millrace.Record{Time: 2, Key: []byte("k"), Value: value, Headers: trace},
			millrace.Record{Time: 3, Value: []byte("between")},
			millrace.Record{Time: 4, Key: value, Value: []byte("v"), Headers: many},
			millrace.Record{Time: 5, Headers: []millrace.Header{{Key: "large", Value: value}}},
			millrace.Record{Time: 6, Value: []byte("behind")})
	}
	for _, codec := range codecs {
		t.Run(codec.String(), func(t *testing.T) {
			got := whole(t, set(codec))
			if !errors.Is(got.err, io.EOF) || offsets(got.records) != "[0 2 5]" || len(got.overs) != 3 {
				t.Fatalf("%v, read %s, %d too large", got.err, offsets(got.records), len(got.overs))
			}
			first, second, third := got.overs[0], got.overs[1], got.overs[2]
			if r := first.Record; !first.Known || r.Offset != 1 || r.Time != 2 || string(r.Key) != "k" || first.KeyBytes != 1 ||
				!bytes.Equal(r.Value, value[:1024]) || first.ValueBytes != int64(len(value)) || !reflect.DeepEqual(r.Headers, trace) {
				t.Errorf("a large value: offset %d, key %q, %d bytes of %d", r.Offset, r.Key, len(r.Value), first.ValueBytes)
			}
			if r := second.Record; r.Offset != 3 || len(r.Key) != 64<<10 || second.KeyBytes != int64(len(value)) || string(r.Value) != "v" ||
				!second.HeadersLost || r.Headers != nil {
				t.Errorf("a large key and many headers: offset %d, %d bytes of %d, headers lost: %v", r.Offset, len(r.Key), second.KeyBytes, second.HeadersLost)
			}
			if r := third.Record; r.Offset != 4 || r.Key != nil || third.KeyBytes != -1 || r.Value != nil || !third.HeadersLost {
				t.Errorf("a large header: offset %d, %d bytes, headers lost: %v", r.Offset, third.KeyBytes, third.HeadersLost)
			}
		})
	}
}

// TestTooManyHeaders: forty bytes of memory for two in a batch would be a way to fill it.
func TestTooManyHeaders(t *testing.T) {
	many := make([]millrace.Header, HeadersMax+1)
	for _, n := range []int{HeadersMax, HeadersMax + 1} {
		set := seal(t, None, millrace.Record{Value: []byte("many"), Headers: many[:n]}, millrace.Record{Value: []byte("next")})
		h, body, _, err := Split(set)
		if err != nil {
			t.Fatal(err)
		}
		records := NewRecords(&h, body)
		var rec millrace.Record
		var headers []millrace.Header
		more, err := records.Next(&rec, &headers)
		if !more || string(rec.Value) != "many" || errors.Is(err, ErrHeaders) != (n > HeadersMax) || n <= HeadersMax && len(rec.Headers) != n {
			t.Errorf("%d headers: %v, %v, %d read", n, more, err, len(rec.Headers))
		}
		if more, err = records.Next(&rec, &headers); !more || err != nil || string(rec.Value) != "next" || rec.Offset != 1 {
			t.Errorf("behind %d headers: %v, %v", n, more, err)
		}
	}
}

// TestCutAnywhere: whatever part of a body there is, what is read of it is right, and the end is an error.
func TestCutAnywhere(t *testing.T) {
	want := samples()
	want[4].Value = bytes.Repeat([]byte("long "), 300)
	for _, codec := range codecs {
		set := seal(t, codec, want...)
		h, body, _, err := Split(set)
		if err != nil {
			t.Fatal(err)
		}
		for cut := range body {
			got := takePieces(&h, body[:cut])
			// A codec's own trailer, a checksum or an end mark, may be all that is missing.
			if !errors.Is(got.err, ErrMalformed) && !(errors.Is(got.err, io.EOF) && len(got.records) == len(want)) {
				t.Fatalf("%v cut at %d of %d: %v", codec, cut, len(body), got.err)
			}
			for i, r := range got.records {
				if !reflect.DeepEqual(r, want[i]) {
					t.Fatalf("%v cut at %d: record %d is %v", codec, cut, i, r)
				}
			}
			for _, o := range got.overs {
				if r := o.Record; o.Known && (r.Offset != int64(len(got.records)) || !bytes.HasPrefix(want[r.Offset].Key, r.Key) || !bytes.HasPrefix(want[r.Offset].Value, r.Value)) {
					t.Fatalf("%v cut at %d: %+v", codec, cut, r)
				}
			}
		}
	}
}

// TestGarbageWithRightSum never panics and never invents records: what is read is a prefix of what was written, or an
// altered one of as many bytes.
func TestGarbageWithRightSum(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, codec := range codecs {
		good := seal(t, codec, events(50, 100)...)
		failed := 0
		for range 400 {
			set := bytes.Clone(good)
			set[HeaderBytes+r.IntN(len(set)-HeaderBytes)] ^= byte(1 + r.IntN(255))
			got := whole(t, resum(set))
			if !errors.Is(got.err, io.EOF) && !errors.Is(got.err, ErrMalformed) {
				t.Fatalf("%v: %v", codec, got.err)
			}
			if errors.Is(got.err, ErrMalformed) {
				failed++
			}
		}
		if failed == 0 {
			t.Errorf("%v: no garbage was found out", codec)
		}
	}
}

// bomb is a batch of two records, the second of which opens to gib GiB and a bit: its codec's streams may be put one
// behind the other, so that it costs nothing to make.
func bomb(t *testing.T, codec Codec, gib float64) []byte {
	t.Helper()
	c, err := NewCompressor(codec)
	if err != nil {
		t.Fatal(err)
	}
	var b Builder
	b.Append(&millrace.Record{Value: []byte("before")})
	begin := binary.AppendVarint(b.body, math.MaxInt32-100)
	begin = append(begin, 0, 0, 2)                                                // attributes, time delta, offset delta 1
	begin = append(binary.AppendVarint(begin, 1), 'k')                            // key
	begin = append(binary.AppendVarint(begin, math.MaxInt32-1000), "payload "...) // value
	frame := func(part []byte) []byte {
		part, err := c.compress(nil, part)
		if err != nil {
			t.Fatal(err)
		}
		if codec == Snappy {
			part = append(binary.BigEndian.AppendUint32(nil, uint32(len(part))), part...)
		}
		return part
	}
	var body []byte
	if codec == Snappy {
		body = append([]byte(xerialMagic), 0, 0, 0, 1, 0, 0, 0, 1)
	}
	body = append(body, frame(begin)...)
	zeros := frame(make([]byte, 16<<20))
	for range int(gib * 64) {
		body = append(body, zeros...)
	}
	batch := append(make([]byte, HeaderBytes), body...)
	be := binary.BigEndian
	be.PutUint32(batch[atLength:], uint32(len(batch)-atLeaderEpoch))
	batch[atMagic], batch[atAttributes+1] = 2, byte(codec)
	be.PutUint32(batch[atLastOffsetDelta:], 9)
	be.PutUint32(batch[atCount:], 10)
	return resum(batch)
}

// TestBombs open to more than a GiB: reading stops there, and what came before is read. Memory stays what a window
// takes.
func TestBombs(t *testing.T) {
	for _, codec := range codecs[1:] {
		t.Run(codec.String(), func(t *testing.T) {
			set := bomb(t, codec, 1.1)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got := whole(t, set)
			runtime.ReadMemStats(&after)
			if !errors.Is(got.err, ErrTooLarge) || offsets(got.records) != "[0]" || len(got.overs) != 1 {
				t.Fatalf("%v, read %s, %d too large", got.err, offsets(got.records), len(got.overs))
			}
			if o := got.overs[0]; o.Record.Offset != 1 || string(o.Record.Key) != "k" || !strings.HasPrefix(string(o.Record.Value), "payload \x00") {
				t.Errorf("offset %d, key %q, %d bytes", o.Record.Offset, o.Record.Key, len(o.Record.Value))
			}
			if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 100 {
				t.Errorf("it took %d MiB", took)
			}
		})
	}
}

// TestZstdWindows: one that is larger than 32 MiB is taken only where the body is small enough to be its own window.
func TestZstdWindows(t *testing.T) {
	z, err := zstd.NewWriter(nil, zstd.WithWindowSize(64<<20), zstd.WithSingleSegment(false))
	if err != nil {
		t.Fatal(err)
	}
	for size, want := range map[int]error{5000: nil, 20 << 20: ErrMalformed} {
		var b Builder
		b.Append(&millrace.Record{Value: bytes.Repeat([]byte("x"), size)})
		var body bytes.Buffer
		z.Reset(&body) // streamed, so that its size is not told
		for part := b.body; len(part) > 0; part = part[min(len(part), 1000):] {
			if _, err := z.Write(part[:min(len(part), 1000)]); err != nil {
				t.Fatal(err)
			}
			if err := z.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		open, _, err := NewDecompressor(8<<20, heap{}).Open(Zstd, body.Bytes())
		if want == nil {
			if err != nil || !bytes.Equal(open, b.body) {
				t.Errorf("%d bytes: %d opened, %v", size, len(open), err)
			}
			continue
		}
		if !errors.Is(err, ErrTooLarge) {
			t.Errorf("%d bytes at once: %v", size, err)
		}
		if got := takePieces(&Header{Attributes: uint16(Zstd), Count: 1}, body.Bytes()); !errors.Is(got.err, want) || !strings.Contains(got.err.Error(), "window") {
			t.Errorf("%d bytes: %v, want %v", size, got.err, want)
		}
	}
}

// TestBeginning: the checksum of a batch counts also when only its beginning is kept.
func TestBeginning(t *testing.T) {
	set := seal(t, None, events(100, 180)...)
	sum := func(parts ...[]byte) *Sum {
		s := new(Sum)
		for _, p := range parts {
			s.Add(p)
		}
		return s
	}
	kept := set[:5000]
	h, body, size, err := Beginning(kept, sum(kept, set[5000:5001], set[5001:], []byte("the next batch")))
	if err != nil || h.Count != 100 || size != int64(len(set)) || len(body) != 5000-HeaderBytes {
		t.Errorf("%+v, %d of %d bytes, %v", h, len(body), size, err)
	}
	got := takePieces(&h, body)
	if n := len(got.records); n < 20 || n > 30 || !errors.Is(got.err, ErrMalformed) || len(got.overs) != 1 || got.overs[0].Record.Offset != int64(n) {
		t.Errorf("read %d records, %v, %d begun", n, got.err, len(got.overs))
	}
	damaged := bytes.Clone(set[5000:])
	damaged[77] ^= 1
	if _, _, _, err := Beginning(kept, sum(kept, damaged)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("damaged: %v", err)
	}
	if _, _, _, err := Beginning(kept, sum(kept, damaged[:20])); !errors.Is(err, ErrTruncated) {
		t.Errorf("cut off on its way: %v", err)
	}
	if h, ok := Peek(kept); !ok || h.Count != 100 {
		t.Errorf("peeked %+v", h)
	}
	if _, ok := Peek(kept[:HeaderBytes-1]); ok {
		t.Error("half a header is taken for one")
	}
}

// TestSnappyReader opens what other encoders write, also copies that reach far beyond 64 KiB.
func TestSnappyReader(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	noise := make([]byte, 9<<20)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	far := append(bytes.Clone(noise), noise[:1<<20]...) // Go's encoder finds what it wrote 9 MiB before
	for name, plain := range map[string][]byte{
		"nothing": {}, "a byte": {1}, "noise": noise[:200_000], "text": bytes.Repeat([]byte("abcab"), 200_000), "far": far,
	} {
		block := snappy.Encode(nil, plain)
		got, err := io.ReadAll(newSnappyReader(block))
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%s: %d bytes of %d, %v", name, len(got), len(plain), err)
		}
	}
	if n := len(snappy.Encode(nil, far)); n > len(noise)+1<<19 {
		t.Errorf("%d bytes: the encoder found nothing far away, so that nothing is tested", n)
	}
	// Copies from beyond the window: zeros, a literal among them, then a copy of the literal. The block's beginning
	// stays within reach.
	for at, want := range map[int]error{0: nil, snappyFirst - 64: nil, snappyFirst + 64: errSnappyFar} {
		zeros := func(block []byte, n int) []byte {
			for range n / 64 {
				block = append(block, 63<<2|2, 1, 0)
			}
			return block
		}
		block := binary.AppendUvarint(nil, uint64(1+at+4+2*snappyWindow+4))
		block = zeros(append(block, 0, 0), at)
		block = zeros(append(block, 3<<2, 'a', 'b', 'c', 0), 2*snappyWindow)
		block = binary.LittleEndian.AppendUint32(append(block, 3<<2|3), 2*snappyWindow+4)
		got, err := io.ReadAll(newSnappyReader(block))
		if !errors.Is(err, want) || err == nil && !bytes.HasSuffix(got, []byte("\x00abc\x00")) {
			t.Errorf("a copy of byte %d from beyond the window: %v, want %v", at, err, want)
		}
	}
}

// FuzzSnappyReader compares the stream with the whole, framed and bare.
func FuzzSnappyReader(f *testing.F) {
	f.Add([]byte{5, 16, 'h', 'e', 'l', 'l', 'o'}, 0)
	f.Add(snappy.Encode(nil, bytes.Repeat([]byte("to and fro, "), 3000)), 0)
	f.Add(snappy.Encode(nil, bytes.Repeat([]byte{7}, 70_000)), 40)
	f.Add([]byte{0x80, 0x80, 0x80, 0x80, 0x10, 0}, 3)
	f.Fuzz(func(t *testing.T, block []byte, cut int) {
		if n, err := snappy.DecodedLen(block); err == nil && n > 1<<20 {
			return
		}
		want, wantErr := snappy.Decode(nil, block)
		got, err := io.ReadAll(newSnappyReader(block))
		if (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(got, want) {
			t.Fatalf("%d bytes, %v; as a whole %d, %v", len(got), err, len(want), wantErr)
		}
		if cut < 0 || cut > len(want) || wantErr != nil {
			return
		}
		framed := append([]byte(xerialMagic), 0, 0, 0, 1, 0, 0, 0, 1)
		for _, part := range [][]byte{want[:cut], want[cut:]} {
			block := snappy.Encode(nil, part)
			framed = append(binary.BigEndian.AppendUint32(framed, uint32(len(block))), block...)
		}
		if got, err := io.ReadAll(newSnappyReader(framed)); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("framed: %d bytes of %d, %v", len(got), len(want), err)
		}
	})
}

// FuzzPieces: whatever is in a body, pieces and the whole say the same.
func FuzzPieces(f *testing.F) {
	for _, codec := range codecs {
		set := seal(f, codec, samples()[:4]...)
		f.Add(set[HeaderBytes:], byte(codec), int32(4))
	}
	d := NewDecompressor(1<<20, heap{})
	f.Fuzz(func(t *testing.T, body []byte, codec byte, count int32) {
		h := Header{Attributes: uint16(codec & 7), LastOffsetDelta: 100, Count: count & 0xff}
		got := takePieces(&h, body)
		if !errors.Is(got.err, io.EOF) && !errors.Is(got.err, ErrMalformed) && !errors.Is(got.err, ErrTooLarge) {
			t.Fatalf("an error of no kind: %v", got.err)
		}
		open, _, err := d.Open(h.Codec(), body)
		if err != nil {
			return
		}
		records := NewRecords(&h, open)
		for i := 0; ; i++ {
			var rec millrace.Record
			var headers []millrace.Header
			more, err := records.Next(&rec, &headers)
			if err != nil && !errors.Is(err, ErrHeaders) {
				if errors.Is(got.err, io.EOF) || len(got.records) != i {
					t.Fatalf("as a whole %d records and %v, in pieces %d and %v", i, err, len(got.records), got.err)
				}
				return
			}
			if !more {
				if !errors.Is(got.err, io.EOF) || len(got.records) != i {
					t.Fatalf("as a whole %d records, in pieces %d and %v", i, len(got.records), got.err)
				}
				return
			}
			if i >= len(got.records) || !reflect.DeepEqual(got.records[i], rec) {
				t.Fatalf("record %d of %d is another one in pieces", i, len(got.records))
			}
		}
	})
}
