package consumers

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// A fetch that names the topic by its id is an error once the topic is deleted, also when another one has its name: no
// record of that can be taken for one of the former. Brokers since Kafka 3.1 can (Fetch v13). kafka-go knows Fetch up
// to v11 and clips what it negotiates to that, but a raw exchange writes what it likes, so the broker's own range is
// asked once on the connection, see askVersion.

// chooseID decides whether to fetch by id.
func (r *fetchRequest) chooseID(rw io.ReadWriter, res *fetchResponse) error {
	// A broker that speaks less than we do by name needs no question.
	if r.topicID == (topicID{}) || r.version < fetchVersionMax {
		return nil
	}
	res.speaks = r.speaks
	if res.speaks == 0 {
		speaks, err := askVersion(rw, protocol.Fetch, r.clientID)
		if err != nil {
			return err
		}
		res.speaks = speaks
	}
	res.byID = res.speaks >= fetchVersionByID
	return nil
}

func (r *fetchRequest) encodeByID(b []byte) []byte {
	be := binary.BigEndian
	b = appendHead(b, protocol.Fetch, fetchVersionByID, r.clientID)
	b = append(b, 0)                   // tags of the head
	b = be.AppendUint32(b, 0xffffffff) // replica id: a consumer
	b = be.AppendUint32(b, uint32(r.maxWait.Milliseconds()))
	b = be.AppendUint32(b, uint32(r.minBytes))
	b = be.AppendUint32(b, uint32(r.maxBytes))
	b = append(b, byte(readCommitted))
	b = be.AppendUint32(b, 0)          // session id
	b = be.AppendUint32(b, 0xffffffff) // session epoch: no session
	b = append(b, 2)                   // one topic: lengths are one more than they say
	b = append(b, r.topicID[:]...)
	b = append(b, 2) // one partition
	b = be.AppendUint32(b, uint32(r.partition))
	b = be.AppendUint32(b, 0xffffffff) // leader epoch: any
	b = be.AppendUint64(b, uint64(r.offset))
	b = be.AppendUint32(b, 0xffffffff) // epoch of what was fetched last: not told
	b = be.AppendUint64(b, ^uint64(0)) // log start: for replicas
	b = be.AppendUint32(b, uint32(r.maxBytes))
	b = append(b, 0, 0) // tags of the partition and of the topic
	b = append(b, 1)    // no forgotten topics
	b = append(b, 1)    // no rack
	b = append(b, 0)    // tags
	return sized(b)
}

func (r *fetchRequest) decodeByID(in *wire, res *fetchResponse) {
	in.tags()  // of the head
	in.int32() // throttle time: the broker holds back by itself
	res.code = kafka.Error(in.int16())
	in.int32() // session id
	found := false
	for range in.compactCount() {
		var id topicID
		in.uuid(&id)
		for range in.compactCount() {
			partition := in.int32()
			if found || id != r.topicID || partition != r.partition {
				in.fail(fmt.Errorf("answer speaks of %s/%d", id, partition))
				return
			}
			found = true
			r.decodePartitionByID(in, res)
		}
		in.tags()
	}
	in.tags() // among them where leaders are, which the next question finds out, too
	if !found && res.code == 0 {
		in.fail(errNoPartition)
	}
}

func (r *fetchRequest) decodePartitionByID(in *wire, res *fetchResponse) {
	if code := kafka.Error(in.int16()); code != 0 {
		res.code = code
	}
	highWatermark := in.int64()
	res.end = in.int64() // last stable offset
	if res.end < 0 {
		res.end = highWatermark
	}
	res.logStart = in.int64()
	res.takeAborted(in, in.compactCount(), true)
	in.int32() // preferred replica: none without a rack
	r.decodeRecords(in, in.length(), res)
	in.tags()
}
