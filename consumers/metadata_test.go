package consumers

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// topicAnswer encodes a metadata answer of version 12 about two topics.
func topicAnswer() []byte {
	be := binary.BigEndian
	b := be.AppendUint32(nil, correlation)
	b = append(b, 0)          // tags of the head
	b = be.AppendUint32(b, 0) // throttle time
	b = append(b, 2)          // brokers
	b = be.AppendUint32(b, 1)
	b = appendCompact(b, "host")
	b = be.AppendUint32(b, 9092)
	b = append(b, 0, 0) // no rack, tags
	b = appendCompact(b, "cluster")
	b = be.AppendUint32(b, 1) // controller
	b = append(b, 3)          // topics
	for i, name := range []string{"other", "t"} {
		b = be.AppendUint16(b, 0)
		b = appendCompact(b, name)
		b = append(append(b, make([]byte, 15)...), byte(i+6))
		b = append(b, 0, 2) // not internal, partitions
		b = be.AppendUint16(b, 0)
		b = be.AppendUint32(b, 3) // partition
		b = be.AppendUint32(b, 1) // leader
		b = be.AppendUint32(b, 0) // its epoch
		b = append(b, 2)
		b = be.AppendUint32(b, 1)
		b = append(b, 1, 0, 0) // in sync, offline, tags
		b = be.AppendUint32(b, 0)
		b = append(b, 0)
	}
	return append(b, 0)
}

func decodeTopicAnswer(answer []byte) (*topicResponse, error) {
	framed := append(binary.BigEndian.AppendUint32(nil, uint32(len(answer))), answer...)
	in := wire{r: bytes.NewReader(framed)}
	in.begin(metadataBytesMax)
	in.tags()
	res := decodeTopic(&in, 12, "t")
	in.skip(in.remain)
	return res, in.err
}

func TestTopicAnswer(t *testing.T) {
	good := topicAnswer()
	res, err := decodeTopicAnswer(good)
	if err != nil || !res.found || res.id != (topicID{15: 7}) || len(res.partitions) != 1 || res.partitions[0] != (partitionInfo{partition: 3, leader: 1}) {
		t.Fatalf("%+v, %v", res, err)
	}
	for cut := range good {
		if _, err := decodeTopicAnswer(good[:cut]); err == nil {
			t.Errorf("an answer cut off at %d is taken", cut)
		}
	}
	// An array that claims to be longer than the answer allocates nothing and is refused.
	huge := bytes.Clone(good)
	huge[9] = 0xfe
	if _, err := decodeTopicAnswer(huge); err == nil {
		t.Error("an answer of 253 brokers in a few bytes is taken")
	}
}

func FuzzTopicAnswer(f *testing.F) {
	f.Add(topicAnswer())
	f.Add([]byte{0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, answer []byte) {
		if res, err := decodeTopicAnswer(answer); err == nil && len(res.partitions) > len(answer) {
			t.Fatalf("%d partitions in an answer of %d bytes", len(res.partitions), len(answer))
		}
	})
}

func TestTopicIDText(t *testing.T) {
	id := topicID{1, 2, 3, 250, 251, 252}
	if got := parseTopicID(id.String()); got != id || len(id.String()) != 22 {
		t.Errorf("%q reads back as %v", id.String(), got)
	}
	for _, none := range []string{"", "short", "kT8bLRMOQvmDTzSxFq1hWg=="} {
		if got := parseTopicID(none); got != (topicID{}) || got.String() != "" {
			t.Errorf("%q is %v", none, got)
		}
	}
}
