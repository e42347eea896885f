package recordbatch

import (
	"errors"
	"fmt"

	"millrace"
)

// Records walks the records of one decompressed body. Copy it to remember a place.
type Records struct {
	data      []byte
	at        int
	base      int64
	baseTime  int64
	fixedTime int64 // of every record when the broker set the time; else -1
	last      int32 // largest delta the header allows
	delta     int32 // of the record before
	left      int32 // records still to come
	keys      *Interner
}

// NewRecords starts at the first record. body is the decompressed body.
func NewRecords(h *Header, body []byte) Records {
	r := Records{
		data: body, base: h.BaseOffset, baseTime: h.BaseTime, fixedTime: -1,
		last: h.LastOffsetDelta, delta: -1, left: h.Count,
	}
	if h.Attributes&logAppendTime != 0 {
		r.fixedTime = h.MaxTime
	}
	return r
}

// Intern makes header keys come from a table instead of being allocated one by one.
func (r *Records) Intern(keys *Interner) { r.keys = keys }

// Left is the number of records still to come, as the header counts them.
func (r *Records) Left() int { return int(r.left) }

// Next fills in offset, time, key, value and headers of rec with the next record, aliasing the
// body; topic and partition stay as they are. Headers are appended to *headers, and rec.Headers is
// a slice of it. It reports false after the last record, and ErrMalformed for bytes that are no
// record, or that are left over after the last one. ErrHeaders is the one error that comes with a record.
func (r *Records) Next(rec *millrace.Record, headers *[]millrace.Header) (bool, error) {
	if r.left == 0 {
		if r.at != len(r.data) {
			return false, r.malformed("%d bytes after the last record", len(r.data)-r.at)
		}
		return false, nil
	}
	data := r.data
	size, at := varint(data, r.at)
	if at < 0 || size < 0 || size > int64(len(data)-at) {
		return false, r.malformed("record length %d does not fit", size)
	}
	data = data[:at+int(size)]
	// One byte of attributes, which no version of Kafka uses.
	timeDelta, at := varint(data, at+1)
	delta, at := varint(data, at)
	if at < 0 || delta <= int64(r.delta) || delta > int64(r.last) {
		return false, r.malformed("offset delta %d after %d, of at most %d", delta, r.delta, r.last)
	}
	key, at := field(data, at)
	value, at := field(data, at)
	count, at := varint(data, at)
	// A header takes two bytes or more, so that the count is bounded by what is there.
	if at < 0 || count < 0 || count > int64(len(data)-at)/2 {
		return false, r.malformed("lengths within a record do not fit")
	}
	rec.Headers = nil
	if count > HeadersMax {
		return r.pass(rec, len(data), key, value, timeDelta, delta)
	}
	if count > 0 {
		if at = r.headers(data, at, int(count), rec, headers); at < 0 {
			return false, r.malformed("lengths within a record's headers do not fit")
		}
	}
	if at != len(data) {
		return false, r.malformed("%d bytes left over in a record", len(data)-at)
	}
	rec.Offset = r.base + delta
	rec.Time = r.fixedTime
	if r.fixedTime < 0 {
		rec.Time = r.baseTime + timeDelta
	}
	rec.Key, rec.Value = key, value
	r.at, r.delta = at, int32(delta)
	r.left--
	return true, nil
}

// HeadersMax bounds a record's headers: each takes two bytes in a batch and forty when it is read.
const HeadersMax = 1 << 16

// ErrHeaders says that a record has more than HeadersMax headers. It comes with the record, without any, and the walk
// goes on.
var ErrHeaders = errors.New("a record has too many headers")

// pass fills in rec without its headers.
func (r *Records) pass(rec *millrace.Record, end int, key, value []byte, timeDelta, delta int64) (bool, error) {
	rec.Offset, rec.Time, rec.Key, rec.Value = r.base+delta, r.fixedTime, key, value
	if r.fixedTime < 0 {
		rec.Time = r.baseTime + timeDelta
	}
	r.at, r.delta = end, int32(delta)
	r.left--
	return true, fmt.Errorf("%w: more than %d", ErrHeaders, HeadersMax)
}

// headers reads count headers and returns where they end, or -1.
func (r *Records) headers(data []byte, at, count int, rec *millrace.Record, dst *[]millrace.Header) int {
	from := len(*dst)
	for range count {
		var key, value []byte
		key, at = field(data, at)
		value, at = field(data, at)
		// A header's key is never null.
		if at < 0 || key == nil {
			return -1
		}
		*dst = append(*dst, millrace.Header{Key: r.keys.String(key), Value: value})
	}
	rec.Headers = (*dst)[from:len(*dst):len(*dst)]
	return at
}

// firstKey returns the key of the first record without moving on.
func (r *Records) firstKey() ([]byte, error) {
	size, at := varint(r.data, r.at)
	if at < 0 || size < 0 || size > int64(len(r.data)-at) {
		return nil, r.malformed("record length %d does not fit", size)
	}
	data := r.data[:at+int(size)]
	_, at = varint(data, at+1)
	_, at = varint(data, at)
	key, at := field(data, at)
	if at < 0 {
		return nil, r.malformed("lengths within a record do not fit")
	}
	return key, nil
}

func (r *Records) malformed(format string, args ...any) error {
	return fmt.Errorf("%w: record %d after offset %d: %s", ErrMalformed, r.delta+1, r.base, fmt.Sprintf(format, args...))
}

// field reads a length and as many bytes; a length of -1 is null. It returns a position of -1 when
// the length does not fit, or when at is -1 already, so that callers check once after several.
func field(data []byte, at int) ([]byte, int) {
	n, at := varint(data, at)
	switch {
	case at < 0:
		return nil, -1
	case n == -1:
		return nil, at
	case n < 0 || n > int64(len(data)-at):
		return nil, -1
	}
	end := at + int(n)
	return data[at:end:end], end
}

// varint reads a zigzag varint and returns where it ends; -1 when it does not end in time, or when
// at is outside data.
func varint(data []byte, at int) (int64, int) {
	if uint(at) < uint(len(data)) && data[at] < 0x80 {
		u := data[at]
		return int64(u>>1) ^ -int64(u&1), at + 1
	}
	return varintLong(data, at)
}

func varintLong(data []byte, at int) (int64, int) {
	if at < 0 || at > len(data) {
		return 0, -1
	}
	// Two bytes are what lengths and deltas mostly take.
	if at+1 < len(data) && data[at+1] < 0x80 && data[at] >= 0x80 {
		u := uint64(data[at]&0x7f) | uint64(data[at+1])<<7
		return int64(u>>1) ^ -int64(u&1), at + 2
	}
	var u uint64
	for i, c := range data[at:] {
		// Ten bytes carry 64 bits; the tenth has room for one.
		if i == 9 && c > 1 || i > 9 {
			return 0, -1
		}
		u |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			return int64(u>>1) ^ -int64(u&1), at + i + 1
		}
	}
	return 0, -1
}

const (
	// internedMax bounds an Interner's table: producers use a handful of header keys, so that a
	// topic with more than this many is one that makes keys up.
	internedMax = 256
	// internedBytesMax keeps long keys out of the table.
	internedBytesMax = 128
)

// Interner gives the same string for the same header key, so that reading headers allocates
// nothing in steady state. The strings are copies: they stay valid when the batch is gone. It is
// for one goroutine. A nil Interner always allocates.
type Interner struct{ table map[string]string }

// NewInterner returns an empty table.
func NewInterner() *Interner { return &Interner{table: make(map[string]string)} }

// String returns b as a string.
func (k *Interner) String(b []byte) string {
	if k == nil {
		return string(b)
	}
	if s, ok := k.table[string(b)]; ok { // the conversion in a lookup does not allocate
		return s
	}
	s := string(b)
	if len(k.table) < internedMax && len(s) <= internedBytesMax {
		k.table[s] = s
	}
	return s
}
