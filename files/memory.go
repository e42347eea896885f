package files

import "millrace"

// memory is what one batch stands on. It goes back and forth between the source and its reader, so
// that a steady stream of batches allocates nothing a row.
type memory struct {
	data    []byte // all values, one after the other
	ends    []int  // where each value ends in data
	block   []byte // in place of both, the stretch of the file that values were cut out of
	records []millrace.Record
	faults  []faulty
	release func()
}

// faulty is a row that could not be read.
type faulty struct {
	row int
	why *millrace.Rejection
}

// memory returns a free one, or a new one when the reader still holds all others.
func (s *Source) memory() *memory {
	select {
	case m := <-s.free:
		return m
	default:
	}
	m := &memory{}
	m.release = func() {
		m.data, m.ends, m.faults, m.records = m.data[:0], m.ends[:0], m.faults[:0], m.records[:0]
		if len(m.block) > 2*batchBytesMax { // of a row as there are few
			m.block = nil
		}
		select {
		case s.free <- m:
		default: // more are free than a pipeline ever holds at once
		}
	}
	return m
}

// rows is how many rows there are so far.
func (m *memory) rows() int { return len(m.ends) + len(m.records) }

// cut cuts data into records, where rows were appended to it. It waits until the batch is full, for data moves while it
// grows.
func (m *memory) cut(topic string, offset int64) {
	from := 0
	for i, to := range m.ends {
		m.records = append(m.records, millrace.Record{
			Topic: topic, Offset: offset + int64(i), Value: m.data[from:to:to],
		})
		from = to
	}
	for _, f := range m.faults {
		m.records[f.row].Fault = f.why
	}
}

// rejection is why a row cannot be used: of JSON as any event's that is none, of a table as such.
func rejection(text string, json bool) *millrace.Rejection {
	if json {
		return &millrace.Rejection{Reason: millrace.ReasonMalformed, Detail: text}
	}
	return &millrace.Rejection{Reason: millrace.ReasonMalformedRow, Detail: text}
}

// lend has a window read into the block from here on, so that rows can be cut out of it: about as many bytes as the
// batch will need, for what is read beyond them has to be copied to the next block.
func (m *memory) lend(v *window, bytes int) {
	bytes = max(bytes, v.w-v.r)
	if cap(m.block) < bytes {
		m.block = make([]byte, max(bytes, chunkBytes))
	}
	v.into(m.block[:bytes])
}

// appendRaw appends a faulty row's text. A stray row may happen to be a JSON object; it must not be
// taken for an event, so a mark that no JSON text starts with is put before it.
func appendRaw(dst, raw []byte) []byte {
	for _, c := range raw {
		if c == ' ' || c == '\t' || c == '\r' || c == '\n' {
			continue
		}
		if c == '{' {
			dst = append(dst, "# "...)
		}
		break
	}
	return append(dst, raw...)
}
