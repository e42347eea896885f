package consumers

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// conversation answers whatever is asked with the same bytes.
type conversation struct {
	io.Reader
	asked bytes.Buffer
}

func (c *conversation) Write(b []byte) (int, error) { return c.asked.Write(b) }

// answerBytes encodes a fetch answer of version 11 for t/3 as a broker does.
func answerBytes(code int16, records []byte) []byte {
	be := binary.BigEndian
	var b []byte
	b = be.AppendUint32(b, correlation)
	b = be.AppendUint32(b, 0)            // throttle time
	b = be.AppendUint16(b, 0)            // error
	b = be.AppendUint32(b, 0)            // session
	b = be.AppendUint32(b, 1)            // topics
	b = appendString(b, "t")             //
	b = be.AppendUint32(b, 1)            // partitions
	b = be.AppendUint32(b, 3)            // partition
	b = be.AppendUint16(b, uint16(code)) //
	b = be.AppendUint64(b, 100)          // high watermark
	b = be.AppendUint64(b, 90)           // last stable offset
	b = be.AppendUint64(b, 10)           // log start
	b = be.AppendUint32(b, 1)            // aborted transactions
	b = be.AppendUint64(b, 7)
	b = be.AppendUint64(b, 8)
	b = be.AppendUint32(b, 0xffffffff) // preferred replica
	b = be.AppendUint32(b, uint32(len(records)))
	return append(b, records...)
}

func exchange(answer []byte) (*fetchResponse, *conversation, error) {
	framed := append(binary.BigEndian.AppendUint32(nil, uint32(len(answer))), answer...)
	c := &conversation{Reader: bytes.NewReader(framed)}
	req := &fetchRequest{topic: "t", partition: 3, offset: 42, maxBytes: 1 << 20, clientID: "me", pool: &buffers{}}
	req.Required(map[protocol.ApiKey]int16{protocol.Fetch: 11})
	m, err := req.RawExchange(c)
	if err != nil {
		return nil, c, err
	}
	return m.(*fetchResponse), c, nil
}

func TestFetchAnswer(t *testing.T) {
	res, c, err := exchange(answerBytes(0, []byte("records")))
	if err != nil || res.code != 0 || res.end != 90 || res.logStart != 10 || string(res.records) != "records" ||
		len(res.aborted) != 1 || res.aborted[0] != (abortedTransaction{Producer: 7, First: 8}) {
		t.Fatalf("%+v, %v", res, err)
	}
	asked := c.asked.Bytes()
	if size := binary.BigEndian.Uint32(asked); int(size) != len(asked)-4 {
		t.Errorf("the request says it has %d bytes, it has %d", size, len(asked)-4)
	}
	res, _, err = exchange(answerBytes(int16(kafka.OffsetOutOfRange), nil))
	if err != nil || res.code != kafka.OffsetOutOfRange || res.records != nil {
		t.Errorf("%+v, %v", res, err)
	}
	good := answerBytes(0, []byte("records"))
	for cut := range good {
		if _, _, err := exchange(good[:cut]); err == nil {
			t.Errorf("an answer cut off at %d is taken", cut)
		}
	}
	old := &fetchRequest{topic: "t"}
	old.Required(map[protocol.ApiKey]int16{protocol.Fetch: 3})
	if _, err := old.RawExchange(c); err == nil || passing(err) {
		t.Errorf("an old broker: %v", err)
	}
}

func FuzzFetchAnswer(f *testing.F) {
	f.Add(answerBytes(0, []byte("records")))
	f.Add(answerBytes(int16(kafka.NotLeaderForPartition), nil))
	f.Add([]byte{0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, answer []byte) {
		res, _, err := exchange(answer)
		if err == nil && len(res.records) > len(answer) {
			t.Fatalf("%d bytes of records in an answer of %d", len(res.records), len(answer))
		}
	})
}
