package consumers

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go/protocol"
)

// routed sends one of kafka-go's requests to the broker of our choice and past the Transport's
// caches. It uses protocol.RawExchanger, which hands the negotiated connection to the message: the
// Transport still dials, authenticates and pools. So a moved leader is found by asking, not by
// waiting for a cache to expire, and the Transport needs no list of all the cluster's topics.
type routed struct {
	inner    protocol.Message
	broker   int32 // -1 is any
	clientID string
	version  int16
}

// anyBroker routes a request to whichever bootstrap address answers.
const anyBroker int32 = -1

var (
	_ protocol.BrokerMessage = (*routed)(nil)
	_ protocol.RawExchanger  = (*routed)(nil)
)

// ApiKey is the request's own.
func (r *routed) ApiKey() protocol.ApiKey { return r.inner.ApiKey() }

// Broker lets requests with an opinion of their own, as those for the controller, keep it.
func (r *routed) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	if m, ok := r.inner.(protocol.BrokerMessage); ok && r.broker == anyBroker {
		return m.Broker(cluster)
	}
	return protocol.Broker{ID: r.broker}, nil
}

// Required takes note of the version that was negotiated for this connection.
func (r *routed) Required(versions map[protocol.ApiKey]int16) bool {
	r.version = versions[r.inner.ApiKey()]
	return true
}

// correlation numbers every request alike: a connection carries one at a time.
const correlation = 1

// RawExchange writes the request and reads its answer.
func (r *routed) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	m, err := protocol.RoundTrip(rw, r.version, correlation, r.clientID, r.inner)
	if err != nil {
		return nil, err
	}
	// Wrapped, as the Transport would refresh and wait for its own caches on some answers.
	return &answer{inner: m}, nil
}

type answer struct{ inner protocol.Message }

func (a *answer) ApiKey() protocol.ApiKey { return a.inner.ApiKey() }

// ask sends one request once, within the spec's time-out, and returns its answer.
func ask[T protocol.Message](ctx context.Context, c *Cluster, broker int32, req protocol.Message) (T, error) {
	var none T
	ctx, cancel := context.WithTimeout(ctx, c.spec.Timeout)
	defer cancel()
	m, err := c.transport.RoundTrip(ctx, c.addr, &routed{inner: req, broker: broker, clientID: c.clientID})
	if err != nil {
		return none, c.named(err)
	}
	// A transport that stands in for the network may answer plainly.
	if a, ok := m.(*answer); ok {
		m = a.inner
	}
	t, ok := m.(T)
	if !ok {
		return none, fmt.Errorf("asking for %v: the answer is a %T", req.ApiKey(), m)
	}
	return t, nil
}

// named says which brokers an error speaks of, as errors from the network often do not.
func (c *Cluster) named(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("asking %s: %w", c.addr, err)
}
