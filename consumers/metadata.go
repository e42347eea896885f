package consumers

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

const (
	// Versions of the Metadata API that tell topics' ids and are spoken here. kafka-go's own end at 8.
	metadataVersionMin = 10
	metadataVersionMax = 12
	// metadataBytesMax bounds an answer about one topic: ten thousand brokers and two hundred thousand partitions.
	metadataBytesMax = 32 << 20
)

// topicRequest asks any broker, or a certain one, what it knows of one topic. Like fetchRequest it talks to the
// connection itself: the Transport clips the versions that it negotiates to kafka-go's, and those tell no topic ids.
// What a message writes it does not clip, so the versions are asked anew on the same connection.
type topicRequest struct {
	topic    string
	broker   int32 // -1 is any
	clientID string
	version  int16 // kafka-go's
}

// topicResponse is what a broker knows of a topic.
type topicResponse struct {
	code       kafka.Error
	found      bool
	id         topicID // zero when the broker tells none
	partitions []partitionInfo
}

// partitionInfo is a partition and the broker that leads it.
type partitionInfo struct {
	code              kafka.Error
	partition, leader int32
}

var (
	_ protocol.BrokerMessage = (*topicRequest)(nil)
	_ protocol.RawExchanger  = (*topicRequest)(nil)
)

// ApiKey is that of Metadata.
func (r *topicRequest) ApiKey() protocol.ApiKey { return protocol.Metadata }

// ApiKey is that of Metadata.
func (r *topicResponse) ApiKey() protocol.ApiKey { return protocol.Metadata }

// Broker routes the request.
func (r *topicRequest) Broker(protocol.Cluster) (protocol.Broker, error) {
	return protocol.Broker{ID: r.broker}, nil
}

// Required takes note of the version that kafka-go would speak.
func (r *topicRequest) Required(versions map[protocol.ApiKey]int16) bool {
	r.version = versions[protocol.Metadata]
	return true
}

// RawExchange asks for the version, writes the request and reads the answer.
func (r *topicRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	speaks, err := askVersion(rw, protocol.Metadata, r.clientID)
	if err != nil {
		return nil, err
	}
	if speaks < metadataVersionMin {
		return r.plain(rw)
	}
	version := min(speaks, metadataVersionMax)
	if _, err := rw.Write(r.encode(version)); err != nil {
		return nil, err
	}
	in := wire{r: rw}
	in.begin(metadataBytesMax)
	in.tags() // of the answer's head
	res := decodeTopic(&in, version, r.topic)
	in.skip(in.remain)
	if in.err != nil {
		return nil, fmt.Errorf("reading a metadata answer: %w", in.err)
	}
	return res, nil
}

func (r *topicRequest) encode(version int16) []byte {
	b := appendHead(make([]byte, 0, 128+len(r.topic)), protocol.Metadata, version, r.clientID)
	b = append(b, 0)                   // tags of the head
	b = append(b, 2)                   // one topic
	b = append(b, make([]byte, 16)...) // without an id
	b = appendCompact(b, r.topic)
	b = append(b, 0) // tags
	b = append(b, 0) // must not be created
	if version <= 10 {
		b = append(b, 0) // no authorized operations of the cluster
	}
	b = append(b, 0, 0) // nor of the topic; tags
	return sized(b)
}

func decodeTopic(in *wire, version int16, topic string) *topicResponse {
	in.int32() // throttle time: the broker holds back by itself
	for range in.compactCount() {
		in.int32()         // broker
		in.compactString() // host
		in.int32()         // port
		in.compactString() // rack
		in.tags()
		if in.err != nil {
			return nil
		}
	}
	in.compactString() // cluster
	in.int32()         // controller
	res := &topicResponse{}
	for range in.compactCount() {
		code := kafka.Error(in.int16())
		name := in.compactString()
		var id topicID
		in.uuid(&id)
		in.take(1) // internal
		partitions := decodePartitions(in)
		in.int32() // authorized operations
		in.tags()
		if in.err != nil {
			return nil
		}
		if name == topic {
			*res = topicResponse{code: code, found: true, id: id, partitions: partitions}
		}
	}
	if version <= 10 {
		in.int32() // authorized operations
	}
	in.tags()
	return res
}

func decodePartitions(in *wire) []partitionInfo {
	var partitions []partitionInfo
	for range in.compactCount() {
		p := partitionInfo{code: kafka.Error(in.int16()), partition: in.int32(), leader: in.int32()}
		in.int32()    // leader epoch
		for range 3 { // replicas, those in sync, those offline
			for range in.compactCount() {
				in.int32()
			}
		}
		in.tags()
		if in.err != nil {
			return nil
		}
		partitions = append(partitions, p)
	}
	return partitions
}

// plain asks with kafka-go's own request, for brokers that know of no ids.
func (r *topicRequest) plain(rw io.ReadWriter) (protocol.Message, error) {
	m, err := protocol.RoundTrip(rw, r.version, correlation, r.clientID, &metadata.Request{TopicNames: []string{r.topic}})
	if err != nil {
		return nil, err
	}
	res := &topicResponse{}
	topics := m.(*metadata.Response).Topics
	i := slices.IndexFunc(topics, func(t metadata.ResponseTopic) bool { return t.Name == r.topic })
	if i < 0 {
		return res, nil
	}
	res.found, res.code = true, kafka.Error(topics[i].ErrorCode)
	for _, p := range topics[i].Partitions {
		res.partitions = append(res.partitions, partitionInfo{kafka.Error(p.ErrorCode), p.PartitionIndex, p.LeaderID})
	}
	return res, nil
}

// askTopic asks a broker what it knows of a topic.
func (c *Cluster) askTopic(ctx context.Context, broker int32, name string) (*topicInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, c.spec.Timeout)
	defer cancel()
	m, err := c.transport.RoundTrip(ctx, c.addr, &topicRequest{topic: name, broker: broker, clientID: c.clientID})
	if err != nil {
		return nil, c.named(err)
	}
	res, ok := m.(*topicResponse)
	if !ok {
		return nil, settled("the transport answered a question for a topic with a %T", m)
	}
	switch {
	case !res.found, res.code == kafka.UnknownTopicOrPartition:
		return nil, fmt.Errorf("%w %s", ErrUnknownTopic, name)
	case res.code != 0:
		return nil, fmt.Errorf("topic %s: %w", name, res.code)
	}
	info := &topicInfo{asked: c.now(), id: res.id, leaders: make(map[int32]int32, len(res.partitions))}
	for _, p := range res.partitions {
		info.partitions = append(info.partitions, p.partition)
		// A broker may still name a leader that it knows to be away.
		if p.code == kafka.LeaderNotAvailable {
			p.leader = -1
		}
		info.leaders[p.partition] = p.leader
	}
	slices.Sort(info.partitions)
	return info, nil
}

// askVersion asks on a connection which version of an API the broker speaks at most; 0 when it does not know the API.
func askVersion(rw io.ReadWriter, key protocol.ApiKey, clientID string) (int16, error) {
	// Version 0 of the question itself is spoken by all brokers since 0.10, and has no flexible head.
	if _, err := rw.Write(sized(appendHead(nil, protocol.ApiVersions, 0, clientID))); err != nil {
		return 0, err
	}
	in := wire{r: rw}
	in.begin(versionsBytesMax)
	code := kafka.Error(in.int16())
	speaks := int16(0)
	for range in.count() {
		api := protocol.ApiKey(in.int16())
		in.int16() // the oldest
		if newest := in.int16(); api == key {
			speaks = newest
		}
	}
	in.skip(in.remain)
	switch {
	case in.err != nil:
		return 0, fmt.Errorf("reading an answer about versions: %w", in.err)
	case code != 0:
		return 0, fmt.Errorf("asking for versions: %w", code)
	}
	return speaks, nil
}

// versionsBytesMax bounds an answer about versions: there are about a hundred APIs, of six bytes each.
const versionsBytesMax = 64 << 10

// appendHead appends a request's size, to be filled in by sized, and the head that all versions share.
func appendHead(b []byte, key protocol.ApiKey, version int16, clientID string) []byte {
	be := binary.BigEndian
	b = append(b, 0, 0, 0, 0)
	b = be.AppendUint16(b, uint16(key))
	b = be.AppendUint16(b, uint16(version))
	b = be.AppendUint32(b, correlation)
	return appendString(b, clientID)
}

// sized fills in a request's size.
func sized(b []byte) []byte {
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// appendCompact appends a string as flexible versions write it.
func appendCompact(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))+1), s...)
}
