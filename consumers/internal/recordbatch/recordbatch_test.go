package recordbatch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/snappy"

	"millrace"
)

// heap is a Pool without memory.
type heap struct{}

func (heap) Get(n int) []byte { return make([]byte, 0, n) }
func (heap) Put([]byte)       {}

// keeper is a Pool of one slice, for counting allocations.
type keeper struct{ b []byte }

func (k *keeper) Get(n int) []byte {
	if cap(k.b) < n {
		return make([]byte, 0, n)
	}
	b := k.b
	k.b = nil
	return b[:0]
}

func (k *keeper) Put(b []byte) { k.b = b }

var codecs = []Codec{None, Gzip, Snappy, LZ4, Zstd}

func seal(t testing.TB, codec Codec, records ...millrace.Record) []byte {
	t.Helper()
	c, err := NewCompressor(codec)
	if err != nil {
		t.Fatal(err)
	}
	var b Builder
	for i := range records {
		b.Append(&records[i])
	}
	set, err := b.Seal(nil, c)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// resum makes the checksum of an altered batch fit again.
func resum(batch []byte) []byte {
	binary.BigEndian.PutUint32(batch[atCRC:], crc32.Checksum(batch[atAttributes:], castagnoli()))
	return batch
}

// readSet reads a whole set the plain way.
func readSet(set []byte, d *Decompressor) ([]millrace.Record, error) {
	var all []millrace.Record
	for len(set) > 0 {
		h, body, rest, err := Split(set)
		if err != nil {
			return all, err
		}
		set = rest
		if h.Control() {
			if _, err := AbortMarker(&h, body); err != nil {
				return all, err
			}
			continue
		}
		open, _, err := d.Open(h.Codec(), body)
		if err != nil {
			return all, err
		}
		records := NewRecords(&h, open)
		for {
			var rec millrace.Record
			var headers []millrace.Header
			more, err := records.Next(&rec, &headers)
			if err != nil {
				return all, err
			}
			if !more {
				break
			}
			all = append(all, rec)
		}
	}
	return all, nil
}

func samples() []millrace.Record {
	return []millrace.Record{
		{Offset: 0, Time: 1_700_000_000_000, Key: []byte("k"), Value: []byte("v")},
		{Offset: 1, Time: 1_700_000_000_000 - 5000, Value: []byte("no key, an earlier time")},
		{Offset: 2, Time: 1_700_000_000_001, Key: []byte("gone")}, // a tombstone
		{Offset: 3, Time: 1_700_000_000_002, Key: []byte{}, Value: []byte{}},
		{Offset: 4, Time: 1_700_000_000_003, Value: bytes.Repeat([]byte("long "), 20_000), Headers: []millrace.Header{
			{Key: "a", Value: []byte("1")}, {Key: "", Value: []byte{}}, {Key: "null", Value: nil},
		}},
	}
}

func TestRoundTrip(t *testing.T) {
	for _, codec := range codecs {
		t.Run(codec.String(), func(t *testing.T) {
			want := samples()
			set := seal(t, codec, want...)
			set = append(set, seal(t, codec, want[:1]...)...)
			got, err := readSet(set, NewDecompressor(1<<20, heap{}))
			if err != nil {
				t.Fatal(err)
			}
			if want = append(want, want[0]); !reflect.DeepEqual(got, want) {
				t.Fatalf("got %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestBroker(t *testing.T) {
	// What brokers alone write: their own offsets and times, holes, and an empty batch.
	set := seal(t, None, samples()...)
	binary.BigEndian.PutUint64(set, 1000) // outside the checksum
	set[atAttributes+1] |= logAppendTime
	binary.BigEndian.PutUint64(set[atMaxTime:], 42)
	got, err := readSet(resum(set), NewDecompressor(1<<20, heap{}))
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range got {
		if r.Offset != int64(1000+i) || r.Time != 42 {
			t.Errorf("record %d has offset %d and time %d, want %d and 42", i, r.Offset, r.Time, 1000+i)
		}
	}
	empty := seal(t, None, millrace.Record{})[:HeaderBytes]
	binary.BigEndian.PutUint32(empty[atLength:], HeaderBytes-atLeaderEpoch)
	binary.BigEndian.PutUint32(empty[atLastOffsetDelta:], 7)
	binary.BigEndian.PutUint32(empty[atCount:], 0)
	h, body, rest, err := Split(resum(empty))
	if err != nil || h.LastOffset() != 7 || len(body) != 0 || len(rest) != 0 {
		t.Errorf("empty batch: %+v, %d bytes, rest %d, %v", h, len(body), len(rest), err)
	}
}

func TestXerialSnappy(t *testing.T) {
	plain := bytes.Repeat([]byte("sixty-four KiB blocks, each with its length before it; "), 4000)
	var framed []byte
	header := append([]byte(xerialMagic), 0, 0, 0, 1, 0, 0, 0, 1)
	for i, part := range slices.Collect(slices.Chunk(plain, 64<<10)) {
		if i == 0 || i == 2 { // a second stream behind the first is legal
			framed = append(framed, header...)
		}
		block := snappy.Encode(nil, part)
		framed = binary.BigEndian.AppendUint32(framed, uint32(len(block)))
		framed = append(framed, block...)
	}
	d := NewDecompressor(1<<20, heap{})
	got, owned, err := d.Open(Snappy, framed)
	if err != nil || !owned || !bytes.Equal(got, plain) {
		t.Fatalf("%d bytes, owned %v, %v", len(got), owned, err)
	}
	for cut := len(header) + 1; cut < len(framed); cut += 997 {
		if _, _, err := d.Open(Snappy, framed[:cut]); !errors.Is(err, ErrMalformed) && cut != len(header) {
			// A cut exactly between two blocks is a shorter stream.
			if got, _, _ := d.Open(Snappy, framed[:cut]); !bytes.HasPrefix(plain, got) {
				t.Fatalf("cut at %d: %v", cut, err)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	good := seal(t, None, samples()...)
	alter := func(f func(b []byte)) []byte {
		b := slices.Clone(good)
		f(b)
		return b
	}
	for _, test := range []struct {
		name string
		set  []byte
		want error
		says string
	}{
		{"cut off", good[:len(good)-1], ErrTruncated, ""},
		{"cut off in its header", good[:20], ErrTruncated, ""},
		{"cut off before its format", good[:10], ErrTruncated, ""},
		{"a flipped bit", alter(func(b []byte) { b[100] ^= 1 }), ErrCorrupt, "checksum"},
		{"format 1", alter(func(b []byte) { b[atMagic] = 1 }), ErrOldFormat, "v0 or v1"},
		{"format 0", alter(func(b []byte) { b[atMagic] = 0 }), ErrOldFormat, ""},
		{"format 3", alter(func(b []byte) { b[atMagic] = 3 }), ErrCorrupt, "format 3"},
		{"a short length", alter(func(b []byte) { binary.BigEndian.PutUint32(b[atLength:], 10) }), ErrCorrupt, "length"},
		{"a negative length", alter(func(b []byte) { binary.BigEndian.PutUint32(b[atLength:], 1<<31) }), ErrCorrupt, "length"},
		{"a negative offset", alter(func(b []byte) { b[0] = 0xff }), ErrCorrupt, "base offset"},
		{"an unknown codec", resum(alter(func(b []byte) { b[atAttributes+1] = 5 })), ErrMalformed, "codec 5"},
		{"too many records", resum(alter(func(b []byte) { b[atCount+3]++ })), ErrMalformed, "record 5"},
		{"too few records", resum(alter(func(b []byte) { b[atCount+3]-- })), ErrMalformed, "after the last record"},
		{"a small last delta", resum(alter(func(b []byte) { b[atLastOffsetDelta+3] = 3 })), ErrMalformed, "offset delta 4"},
		{"a long record", resum(alter(func(b []byte) { b[HeaderBytes] = 0x7e })), ErrMalformed, "left over"},
		{"no gzip", resum(alter(func(b []byte) { b[atAttributes+1] = byte(Gzip) })), ErrMalformed, "gzip"},
		{"no snappy", resum(alter(func(b []byte) { b[atAttributes+1] = byte(Snappy) })), ErrMalformed, "snappy"},
		{"no lz4", resum(alter(func(b []byte) { b[atAttributes+1] = byte(LZ4) })), ErrMalformed, "lz4"},
		{"no zstd", resum(alter(func(b []byte) { b[atAttributes+1] = byte(Zstd) })), ErrMalformed, "zstd"},
		{"a short marker", resum(alter(func(b []byte) { b[atAttributes+1] = control })), ErrMalformed, "marker"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := readSet(test.set, NewDecompressor(1<<20, heap{}))
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %v saying %q", err, test.want, test.says)
			}
		})
	}
}

func TestBomb(t *testing.T) {
	bomb := millrace.Record{Value: make([]byte, 8<<20)}
	for _, codec := range codecs[1:] {
		t.Run(codec.String(), func(t *testing.T) {
			_, body, _, err := Split(seal(t, codec, bomb))
			if err != nil {
				t.Fatal(err)
			}
			if len(body) > 1<<20 {
				t.Fatalf("%d bytes are no bomb", len(body))
			}
			if _, _, err := NewDecompressor(1<<20, heap{}).Open(codec, body); !errors.Is(err, ErrTooLarge) {
				t.Errorf("8 MiB with a limit of 1 MiB: %v", err)
			}
			if got, _, err := NewDecompressor(9<<20, heap{}).Open(codec, body); err != nil || len(got) < 8<<20 {
				t.Errorf("8 MiB with a limit of 9 MiB: %d bytes, %v", len(got), err)
			}
		})
	}
}

func TestMarker(t *testing.T) {
	for kind, abort := range map[byte]bool{0: true, 1: false} {
		set := seal(t, None, millrace.Record{Key: []byte{0, 0, 0, kind}, Value: []byte{0, 0, 0, 0, 0, 1}})
		set[atAttributes+1] |= control | transactional
		h, body, _, err := Split(resum(set))
		if err != nil || !h.Control() || !h.Transactional() {
			t.Fatalf("%+v, %v", h, err)
		}
		if got, err := AbortMarker(&h, body); err != nil || got != abort {
			t.Errorf("marker of type %d: abort is %v, %v", kind, got, err)
		}
	}
}

func TestVarint(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	values := []int64{0, -1, 1, 63, 64, -64, -65, 1 << 31, -1 << 31, 1<<63 - 1, -1 << 63}
	for range 1000 {
		values = append(values, int64(r.Uint64()>>r.IntN(64)), -int64(r.Uint64()>>(1+r.IntN(63))))
	}
	for _, v := range values {
		b := binary.AppendVarint([]byte{9}, v)
		if got, at := varint(b, 1); got != v || at != len(b) {
			t.Fatalf("%d is read as %d, ending at %d of %d", v, got, at, len(b))
		}
		if n := varintSize(v); n != len(b)-1 {
			t.Fatalf("%d takes %d bytes, not %d", v, len(b)-1, n)
		}
		if _, at := varint(b[:len(b)-1], 1); at != -1 {
			t.Fatalf("%d cut off ends at %d", v, at)
		}
	}
	for _, bad := range [][]byte{
		bytes.Repeat([]byte{0x80}, 11),
		append(bytes.Repeat([]byte{0xff}, 9), 2),
		{},
	} {
		if _, at := varint(bad, 0); at != -1 {
			t.Errorf("% x ends at %d", bad, at)
		}
	}
}

func TestInterner(t *testing.T) {
	keys := NewInterner()
	for i := range 2 * internedMax {
		key := fmt.Sprint(i)
		if got := keys.String([]byte(key)); got != key {
			t.Fatalf("got %q, want %q", got, key)
		}
	}
	if n := len(keys.table); n != internedMax {
		t.Errorf("the table holds %d keys, want %d", n, internedMax)
	}
	keys = NewInterner()
	if keys.String(make([]byte, internedBytesMax+1)); len(keys.table) != 0 {
		t.Error("a long key is in the table")
	}
	var none *Interner
	if none.String([]byte("x")) != "x" {
		t.Error("a nil Interner must work")
	}
}

// events are records of about the size of a small JSON event.
func events(n, size int, headers ...millrace.Header) []millrace.Record {
	r := rand.New(rand.NewPCG(1, 2))
	records := make([]millrace.Record, n)
	for i := range records {
		value := []byte(fmt.Sprintf(`{"id":%d,"amount":%.3f,"hour":%d,"country":"%c%c","pad":"`, i, r.Float64()*1000, r.IntN(24), 'A'+rune(r.IntN(26)), 'A'+rune(r.IntN(26))))
		for len(value) < size-2 {
			value = append(value, byte('a'+r.IntN(16)))
		}
		records[i] = millrace.Record{Offset: int64(i), Time: int64(1_700_000_000_000 + i), Value: append(value, `"}`...), Headers: headers}
	}
	return records
}

// decodeAll is the steady state of a consumer: everything is reused.
func decodeAll(tb testing.TB, set []byte, d *Decompressor, pool Pool, keys *Interner, dst []millrace.Record, headers []millrace.Header) int {
	n := 0
	for len(set) > 0 {
		h, body, rest, err := Split(set)
		if err != nil {
			tb.Fatal(err)
		}
		set = rest
		open, owned, err := d.Open(h.Codec(), body)
		if err != nil {
			tb.Fatal(err)
		}
		records := NewRecords(&h, open)
		records.Intern(keys)
		headers = headers[:0]
		for i := 0; ; i = (i + 1) % len(dst) {
			more, err := records.Next(&dst[i], &headers)
			if err != nil {
				tb.Fatal(err)
			}
			if !more {
				break
			}
			n++
		}
		if owned {
			pool.Put(open)
		}
	}
	return n
}

func TestDecodeAllocatesNothing(t *testing.T) {
	const n = 500
	records := events(n, 180, millrace.Header{Key: "trace", Value: []byte("1")}, millrace.Header{Key: "x"})
	for _, codec := range codecs {
		t.Run(codec.String(), func(t *testing.T) {
			set := seal(t, codec, records...)
			pool := new(keeper)
			d := NewDecompressor(1<<20, pool)
			keys := NewInterner()
			dst := make([]millrace.Record, n)
			headers := make([]millrace.Header, 0, 2*n)
			allocs := testing.AllocsPerRun(20, func() {
				if got := decodeAll(t, set, d, pool, keys, dst, headers); got != n {
					t.Fatalf("%d records", got)
				}
			})
			// The codecs may allocate a little a batch, never a record.
			limit := 0.0
			if codec != None {
				limit = n / 20
			}
			if allocs > limit {
				t.Errorf("%v allocations for %d records, want at most %v", allocs, n, limit)
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	records := events(1<<20/190, 180)
	for _, codec := range codecs {
		b.Run(codec.String(), func(b *testing.B) {
			set := seal(b, codec, records...)
			pool := new(keeper)
			d := NewDecompressor(16<<20, pool)
			keys := NewInterner()
			dst := make([]millrace.Record, 2048)
			b.ReportAllocs()
			b.SetBytes(1 << 20)
			n := 0
			for b.Loop() {
				n += decodeAll(b, set, d, pool, keys, dst, nil)
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	records := events(512<<10/190, 180)
	for _, codec := range codecs {
		b.Run(codec.String(), func(b *testing.B) {
			c, err := NewCompressor(codec)
			if err != nil {
				b.Fatal(err)
			}
			var builder Builder
			dst := make([]byte, 0, 1<<20)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				builder.Reset(1 << 20)
				for i := range records {
					builder.Append(&records[i])
				}
				if dst, err = builder.Seal(dst[:0], c); err != nil {
					b.Fatal(err)
				}
				n += len(records)
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

func FuzzDecode(f *testing.F) {
	for _, codec := range codecs {
		set := seal(f, codec, samples()[:4]...)
		f.Add(set, false)
		f.Add(append(slices.Clone(set), set[:40]...), true)
	}
	headers := seal(f, None, millrace.Record{Value: []byte("v"), Headers: []millrace.Header{{Key: "k", Value: []byte("v")}}})
	f.Add(headers, true)
	marker := seal(f, None, millrace.Record{Key: []byte{0, 0, 0, 1}})
	marker[atAttributes+1] |= control
	f.Add(resum(marker), true)
	f.Add([]byte{}, false)
	d := NewDecompressor(1<<20, heap{})
	f.Fuzz(func(t *testing.T, set []byte, sum bool) {
		// Random bytes hardly ever have the right checksum: with sum, they get it.
		if sum && len(set) >= HeaderBytes {
			set = slices.Clone(set)
			size := int64(binary.BigEndian.Uint32(set[atLength:])) + atLeaderEpoch
			if size >= HeaderBytes && size <= int64(len(set)) {
				resum(set[:size])
			}
		}
		records, err := readSet(set, d)
		if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrHeaders) && !errors.Is(err, ErrTruncated) &&
			!errors.Is(err, ErrOldFormat) && !errors.Is(err, ErrTooLarge) {
			t.Fatalf("an error of no kind: %v", err)
		}
		total := 0
		for _, r := range records {
			total += len(r.Key) + len(r.Value)
		}
		if total > 2<<20*max(len(set)/HeaderBytes, 1) {
			t.Fatalf("%d bytes of records from %d", total, len(set))
		}
	})
}
