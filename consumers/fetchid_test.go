package consumers

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// answerByID encodes a fetch answer of version 13 for partition 3 of the topic with id 7 as a broker does.
func answerByID(code int16, records []byte) []byte {
	be := binary.BigEndian
	var b []byte
	b = be.AppendUint32(b, correlation)
	b = append(b, 0)                              // tags of the head
	b = be.AppendUint32(b, 0)                     // throttle time
	b = be.AppendUint16(b, 0)                     // error
	b = be.AppendUint32(b, 0)                     // session
	b = append(b, 2)                              // topics
	b = append(append(b, make([]byte, 15)...), 7) // id
	b = append(b, 2)                              // partitions
	b = be.AppendUint32(b, 3)                     // partition
	b = be.AppendUint16(b, uint16(code))          //
	b = be.AppendUint64(b, 100)                   // high watermark
	b = be.AppendUint64(b, 90)                    // last stable offset
	b = be.AppendUint64(b, 10)                    // log start
	b = append(b, 2)                              // aborted transactions
	b = be.AppendUint64(b, 7)
	b = be.AppendUint64(b, 8)
	b = append(b, 0)                   // tags
	b = be.AppendUint32(b, 0xffffffff) // preferred replica
	b = binary.AppendUvarint(b, uint64(len(records))+1)
	b = append(b, records...)
	b = append(b, 1, 1, 3, 'a', 'b', 'c') // a tag
	return append(b, 0, 0)                // of the topic, of the answer
}

func exchangeByID(answer []byte) (*fetchResponse, *conversation, error) {
	framed := append(binary.BigEndian.AppendUint32(nil, uint32(len(answer))), answer...)
	c := &conversation{Reader: bytes.NewReader(framed)}
	req := &fetchRequest{topic: "t", topicID: topicID{15: 7}, partition: 3, offset: 42, maxBytes: 1 << 20, clientID: "me", pool: &buffers{}, speaks: 17}
	req.Required(map[protocol.ApiKey]int16{protocol.Fetch: 11})
	m, err := req.RawExchange(c)
	if err != nil {
		return nil, c, err
	}
	return m.(*fetchResponse), c, nil
}

func TestFetchAnswerByID(t *testing.T) {
	good := answerByID(0, []byte("records"))
	res, c, err := exchangeByID(good)
	if err != nil || !res.byID || res.speaks != 17 || res.code != 0 || res.end != 90 || res.logStart != 10 || string(res.records) != "records" ||
		len(res.aborted) != 1 || res.aborted[0] != (abortedTransaction{Producer: 7, First: 8}) {
		t.Fatalf("%+v, %v", res, err)
	}
	asked := c.asked.Bytes()
	if size := binary.BigEndian.Uint32(asked); int(size) != len(asked)-4 {
		t.Errorf("the request says it has %d bytes, it has %d", size, len(asked)-4)
	}
	res, _, err = exchangeByID(answerByID(int16(kafka.UnknownTopicID), nil))
	if err != nil || res.code != kafka.UnknownTopicID || !passing(res.code) || res.records != nil {
		t.Errorf("%+v, %v", res, err)
	}
	for cut := range good {
		if _, _, err := exchangeByID(good[:cut]); err == nil {
			t.Errorf("an answer cut off at %d is taken", cut)
		}
	}
	other := bytes.Clone(good)
	other[4+1+4+2+4+1+15]++
	if _, _, err := exchangeByID(other); err == nil {
		t.Error("an answer about another topic is taken")
	}
}

func FuzzFetchAnswerByID(f *testing.F) {
	f.Add(answerByID(0, []byte("records")))
	f.Add(answerByID(int16(kafka.UnknownTopicID), nil))
	f.Fuzz(func(t *testing.T, answer []byte) {
		res, _, err := exchangeByID(answer)
		if err == nil && len(res.records) > len(answer) {
			t.Fatalf("%d bytes of records in an answer of %d", len(res.records), len(answer))
		}
	})
}
