package recordbatch

import (
	"errors"
	"io"

	"millrace"
)

const (
	// pieceBytes is how much of a large body is opened at once.
	pieceBytes = 1 << 20
	// RecordBytesMax bounds a record that is kept in memory, in a body that is opened piece by piece. A larger one is
	// passed over. It is what files allow a row.
	RecordBytesMax = 16 << 20
)

// Pieces takes a body apart that is too large to be opened whole. Its memory is one piece, or one record, beside what
// its codec needs. It is for one goroutine.
type Pieces struct {
	s       *stream
	pool    Pool
	records Records
	begun   []byte // of the pool: the beginning of a record whose rest is to come
	err     error  // met behind begun
}

// Piece is some records in a row, or one that is too large to be kept.
type Piece struct {
	Bytes   []byte  // of the pool: the receiver puts it back; records alias it
	Records Records // walks exactly the records in Bytes
	Over    *Over   // comes alone
}

// Over is what is left of a record that is too large, or, beside an error, of one that the body holds only a part of.
type Over struct {
	Record      millrace.Record // key, value and headers are copies of their own, and cut
	Known       bool            // Offset and Time could be read
	Size        int64           // of the record, as its length says
	KeyBytes    int64           // of the key before it was cut; -1 when there is none, or it is not known
	ValueBytes  int64           // likewise
	Headers     int64           // how many there are
	HeadersLost bool            // they were too many to be kept
}

// NewPieces begins to open the body of a batch. The caller closes it. An error wraps ErrMalformed.
func NewPieces(h *Header, body []byte, pool Pool, keys *Interner) (*Pieces, error) {
	s, err := newStream(h.Codec(), body)
	if err != nil {
		return nil, err
	}
	p := &Pieces{s: s, pool: pool, records: NewRecords(h, nil)}
	p.records.Intern(keys)
	return p, nil
}

// Close gives back what the codec and an unfinished record hold.
func (p *Pieces) Close() {
	p.s.close()
	if p.begun != nil {
		p.pool.Put(p.begun)
		p.begun = nil
	}
}

// Left is the number of records that are still to come, as the header counts them.
func (p *Pieces) Left() int { return p.records.Left() }

// Next returns the next piece. The walk through a piece's records must be over before, and is handed back by Walked. It
// returns io.EOF behind the last record, ErrMalformed for what is no body of records, and ErrTooLarge beyond
// StreamBytesMax; what came before an error is good. A body that ends too early is ErrMalformed after an Over that is
// not complete, if a record had begun.
func (p *Pieces) Next() (Piece, error) {
	buf := p.begun
	p.begun = nil
	if buf == nil {
		buf = p.pool.Get(pieceBytes)
	}
	for {
		buf = p.fill(buf)
		n, whole, size := p.whole(buf)
		if n > 0 {
			return p.cut(buf, n, whole), nil
		}
		switch {
		case p.records.left == 0:
			return Piece{}, p.end(buf)
		case size < 0:
			p.pool.Put(buf)
			return Piece{}, p.records.malformed("record length %d does not fit", size)
		case size > RecordBytesMax, p.err != nil && len(buf) > 0:
			over, err := p.over(buf, size)
			p.pool.Put(buf) // what over keeps is a copy
			return Piece{Over: over}, err
		case p.err != nil:
			p.pool.Put(buf)
			return Piece{}, p.early()
		}
		// One record that is larger than a piece.
		larger := append(p.pool.Get(varintMax+int(size)), buf...)
		p.pool.Put(buf)
		buf = larger
	}
}

// Walked takes note of where a piece's records ended, when their walk was without an error.
func (p *Pieces) Walked(records *Records) { p.records.delta = records.delta }

// fill reads until buf is full or the body ends.
func (p *Pieces) fill(buf []byte) []byte {
	for p.err == nil && len(buf) < cap(buf) {
		var n int
		n, p.err = p.s.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
	}
	return buf
}

// whole counts the records that lie in buf as a whole, and says where they end. Without any, size is that of the first:
// 0 when not even its length is there.
func (p *Pieces) whole(buf []byte) (n, end int, size int64) {
	for n < int(p.records.left) {
		length, at := varint(buf, end)
		if at < 0 {
			if len(buf)-end >= varintMax {
				length = -1
			}
			return n, end, min(length, 0)
		}
		if length < 0 || length > RecordBytesMax || length > int64(len(buf)-at) {
			return n, end, length
		}
		end = at + int(length)
		n++
	}
	return n, end, 0
}

// varintMax is how many bytes the longest varint takes.
const varintMax = 10

// cut hands out the first n records of buf and keeps what is behind them.
func (p *Pieces) cut(buf []byte, n, end int) Piece {
	if rest := buf[end:]; len(rest) > 0 || p.err == nil {
		p.begun = append(p.pool.Get(max(pieceBytes, len(rest))), rest...)
	} else {
		p.begun = p.pool.Get(0)
	}
	walk := p.records
	walk.data, walk.at, walk.left = buf[:end:end], 0, int32(n)
	p.records.left -= int32(n)
	return Piece{Bytes: buf[:end], Records: walk}
}

// end is what comes behind the last record: nothing.
func (p *Pieces) end(buf []byte) error {
	defer p.pool.Put(buf)
	switch {
	case len(buf) > 0:
		return p.records.malformed("%d bytes or more after the last record", len(buf))
	case errors.Is(p.err, io.EOF):
		return io.EOF
	}
	return p.err
}

// early is the error of a body that ended before its last record.
func (p *Pieces) early() error {
	if errors.Is(p.err, io.EOF) {
		return p.records.malformed("the body ends, %d records are missing", p.records.left)
	}
	return p.err
}

// over reads past a record whose beginning is in buf.
func (p *Pieces) over(buf []byte, size int64) (*Over, error) {
	_, at := varint(buf, 0)
	o := &Over{Size: size, KeyBytes: -1, ValueBytes: -1}
	if at < 0 { // not even its length is there
		return o, p.early()
	}
	r := &overReader{buf: buf[at:], p: p, left: size}
	r.read(o)
	if r.err != nil {
		return o, r.err
	}
	p.records.left--
	p.begun = append(p.pool.Get(pieceBytes), r.buf...)
	return o, nil
}

// What is kept of a record that is too large: enough to find out what it was.
const (
	overKeyMax     = 64 << 10
	overValueMax   = 1 << 10
	overHeadersMax = 64 << 10
	// overStep is how much of a record that is passed over is read at once.
	overStep = 64 << 10
)

// overReader reads a record's fields, keeping the beginning of each.
type overReader struct {
	buf     []byte // read already
	scratch []byte
	p       *Pieces
	left    int64 // of the record
	err     error
}

// read fills in o as far as the body goes.
func (r *overReader) read(o *Over) {
	r.keep(1, 1) // attributes
	timeDelta := r.varint()
	delta := r.varint()
	records := &r.p.records
	if r.err == nil && (delta <= int64(records.delta) || delta > int64(records.last)) {
		r.err = records.malformed("offset delta %d after %d, of at most %d", delta, records.delta, records.last)
	}
	if r.err != nil {
		return
	}
	records.delta = int32(delta)
	o.Known = true
	o.Record.Offset, o.Record.Time = records.base+delta, records.fixedTime
	if records.fixedTime < 0 {
		o.Record.Time = records.baseTime + timeDelta
	}
	o.Record.Key, o.KeyBytes = r.field(overKeyMax)
	o.Record.Value, o.ValueBytes = r.field(overValueMax)
	r.headers(o, r.varint())
	if r.err == nil && r.left != 0 && !o.HeadersLost {
		r.err = records.malformed("%d bytes left over in a record", r.left)
	}
	r.skip(r.left)
}

// headers reads count headers, all or none: half of a producer's may mislead.
func (r *overReader) headers(o *Over, count int64) {
	if r.err == nil && (count < 0 || count > r.left/2) {
		r.err = r.p.records.malformed("lengths within a record do not fit")
	}
	if r.err == nil {
		o.Headers = count
	}
	kept := int64(0)
	for range o.Headers {
		key, keyBytes := r.field(overHeadersMax)
		value, valueBytes := r.field(overHeadersMax)
		if r.err != nil {
			return
		}
		if kept += headerBytes + max(keyBytes, 0) + max(valueBytes, 0); kept > overHeadersMax {
			o.Record.Headers, o.HeadersLost = nil, true
			return
		}
		o.Record.Headers = append(o.Record.Headers, millrace.Header{Key: string(key), Value: value})
	}
}

// headerBytes is about what a header costs beside its key and value.
const headerBytes = 40

// field reads a length and as many bytes, of which it keeps the first keep. Null is nil and -1.
func (r *overReader) field(keep int64) ([]byte, int64) {
	n := r.varint()
	if r.err != nil || n == -1 {
		return nil, -1
	}
	if n < 0 || n > r.left {
		r.err = r.p.records.malformed("lengths within a record do not fit")
		return nil, -1
	}
	return r.keep(n, keep), n
}

// keep reads n bytes and returns the first of them. What was read before an error is returned, too.
func (r *overReader) keep(n, keep int64) []byte {
	kept := make([]byte, 0, min(n, keep))
	for n > 0 && r.err == nil {
		if len(r.buf) == 0 && !r.more() {
			return kept
		}
		part := r.buf[:min(n, int64(len(r.buf)))]
		kept = append(kept, part[:min(len(part), cap(kept)-len(kept))]...)
		r.buf = r.buf[len(part):]
		r.left -= int64(len(part))
		n -= int64(len(part))
	}
	return kept
}

func (r *overReader) varint() int64 {
	var b [varintMax]byte
	for i := range b {
		if r.left <= 0 {
			r.err = r.p.records.malformed("lengths within a record do not fit")
		}
		one := r.keep(1, 1)
		if r.err != nil {
			return 0
		}
		if b[i] = one[0]; b[i] < 0x80 {
			v, at := varint(b[:i+1], 0)
			if at < 0 {
				break
			}
			return v
		}
	}
	r.err = r.p.records.malformed("a number within a record does not end")
	return 0
}

// more reads on in the body.
func (r *overReader) more() bool {
	if r.p.err != nil {
		r.err = r.p.early()
		return false
	}
	if r.scratch == nil {
		r.scratch = make([]byte, 0, overStep)
	}
	r.buf = r.p.fill(r.scratch)
	return len(r.buf) > 0 || r.more()
}

func (r *overReader) skip(n int64) { r.keep(n, 0) }
