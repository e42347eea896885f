package consumers

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/produce"

	"millrace/consumers/internal/recordbatch"
)

// Versions of the Produce API that are spoken: 3 brought format v2, 9 the flexible encoding. zstd
// needs 7.
const (
	produceVersionMin     = 3
	produceVersionMax     = 8
	produceVersionMinZstd = 7
)

// acksAll asks for the acknowledgement of all in-sync replicas.
const acksAll = 0xffff

// produceRequest writes one sealed batch to one partition. Like fetchRequest it talks to the
// connection itself, so that a batch is copied once, behind its request's head.
type produceRequest struct {
	leader  int32
	codec   recordbatch.Codec
	version int16
	frame   []byte // the whole request, size first; its version is filled in when it is known
}

var (
	_ protocol.BrokerMessage = (*produceRequest)(nil)
	_ protocol.RawExchanger  = (*produceRequest)(nil)
)

// ApiKey is that of Produce.
func (r *produceRequest) ApiKey() protocol.ApiKey { return protocol.Produce }

// Broker routes the request to the partition's leader.
func (r *produceRequest) Broker(protocol.Cluster) (protocol.Broker, error) {
	return protocol.Broker{ID: r.leader}, nil
}

// Required takes note of the version that was negotiated.
func (r *produceRequest) Required(versions map[protocol.ApiKey]int16) bool {
	r.version = min(versions[protocol.Produce], produceVersionMax)
	return true
}

// RawExchange writes the request and reads the answer.
func (r *produceRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if r.version < produceVersionMin || r.codec == recordbatch.Zstd && r.version < produceVersionMinZstd {
		return nil, settled("the broker speaks Produce up to v%d, which is too old for %v batches", r.version, r.codec)
	}
	binary.BigEndian.PutUint16(r.frame[frameVersionAt:], uint16(r.version))
	if _, err := rw.Write(r.frame); err != nil {
		return nil, err
	}
	id, m, err := protocol.ReadResponse(rw, protocol.Produce, r.version)
	if err != nil {
		return nil, fmt.Errorf("reading a produce answer: %w", err)
	}
	if id != correlation {
		return nil, fmt.Errorf("reading a produce answer: it is to request %d instead of %d", id, correlation)
	}
	return &answer{inner: m}, nil
}

// frameVersionAt is where a request's version stands: behind its size and API key.
const frameVersionAt = 6

// frame appends a produce request around the builder's batch to dst, which must be empty. Versions
// 3 to 8 are laid out alike.
func (c *Cluster) frame(dst []byte, topic string, partition int32, b *recordbatch.Builder, with *recordbatch.Compressor) ([]byte, error) {
	be := binary.BigEndian
	dst = append(dst, 0, 0, 0, 0) // size
	dst = be.AppendUint16(dst, uint16(protocol.Produce))
	dst = append(dst, 0, 0) // version
	dst = be.AppendUint32(dst, correlation)
	dst = appendString(dst, c.clientID)
	dst = be.AppendUint16(dst, 0xffff) // no transactional id
	dst = be.AppendUint16(dst, acksAll)
	// The broker gives up waiting for its replicas before we give up waiting for the broker.
	dst = be.AppendUint32(dst, uint32(c.spec.Timeout.Milliseconds()*3/4))
	dst = be.AppendUint32(dst, 1)
	dst = appendString(dst, topic)
	dst = be.AppendUint32(dst, 1)
	dst = be.AppendUint32(dst, uint32(partition))
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0) // size of the batch
	dst, err := b.Seal(dst, with)
	if err != nil {
		return dst, err
	}
	be.PutUint32(dst[at:], uint32(len(dst)-at-4))
	be.PutUint32(dst, uint32(len(dst)-4))
	return dst, nil
}

// produce sends one request and returns the offset of the batch's first record.
func (c *Cluster) produce(ctx context.Context, req *produceRequest) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, c.spec.Timeout)
	defer cancel()
	m, err := c.transport.RoundTrip(ctx, c.addr, req)
	if err != nil {
		return 0, c.named(err)
	}
	a, ok := m.(*answer)
	if !ok {
		return 0, settled("the transport answered a produce with a %T", m)
	}
	res, ok := a.inner.(*produce.Response)
	if !ok || len(res.Topics) != 1 || len(res.Topics[0].Partitions) != 1 {
		return 0, fmt.Errorf("reading a produce answer: it does not speak of one partition")
	}
	p := &res.Topics[0].Partitions[0]
	switch {
	case p.ErrorCode == 0:
		return p.BaseOffset, nil
	case p.ErrorMessage != "":
		return 0, fmt.Errorf("%w: %s", kafka.Error(p.ErrorCode), p.ErrorMessage)
	}
	return 0, kafka.Error(p.ErrorCode)
}
