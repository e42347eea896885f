package consumers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/metadata"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"millrace/consumers/internal/recordbatch"
)

// metadataTTL is how often the Transport looks for new and moved brokers, at most. Topics are not
// in its list, so that this costs little however many the cluster has.
const metadataTTL = 4 * time.Second

// Options are what a Cluster takes from outside beside its spec. The zero value is ready.
type Options struct {
	// Transport carries requests; nil is one built from the spec. A simulation may stand in.
	Transport kafka.RoundTripper
	// Dial opens connections; nil is the network. It is not used for a Transport that is given,
	// but always for group membership, which kafka-go keeps on a connection of its own.
	Dial     func(ctx context.Context, network, address string) (net.Conn, error)
	Log      *slog.Logger // nil is none
	ClientID string       // what brokers log; "millrace" when empty

	Now    func() time.Time                                 // nil is time.Now
	Sleep  func(ctx context.Context, d time.Duration) error // nil is a timer
	Jitter func() float64                                   // in [0, 1), safe for concurrent use; nil is random
}

// Cluster is a way to one Kafka cluster. It is safe for concurrent use.
type Cluster struct {
	spec      Spec
	transport kafka.RoundTripper
	owned     *kafka.Transport // nil when the transport was given
	dialer    *kafka.Dialer
	addr      net.Addr
	clientID  string
	log       *slog.Logger
	now       func() time.Time
	sleep     func(context.Context, time.Duration) error
	jitter    func() float64

	buffers buffers
	open    *recordbatch.Decompressor

	mu     sync.Mutex
	topics map[string]*topicEntry
	absent map[string]*absentTopic
}

// Dial prepares the way to a cluster and reads the certificates that the spec names. It does no
// network I/O: the first request connects.
func Dial(s Spec, o Options) (*Cluster, error) {
	if len(s.Brokers) == 0 {
		return nil, errors.New("dialing Kafka: no brokers")
	}
	tlsConfig, err := s.encryption().config()
	if err != nil {
		return nil, fmt.Errorf("dialing Kafka: %w", err)
	}
	mechanism, err := s.SASL.mechanism()
	if err != nil {
		return nil, fmt.Errorf("dialing Kafka: %w", err)
	}
	// A time-out of 0 would fail every request; the spec may come from a test.
	if s.Timeout <= 0 {
		s.Timeout = defaultTimeout
	}
	c := &Cluster{
		spec: s, transport: o.Transport, addr: kafka.TCP(s.Brokers...), clientID: o.ClientID, log: o.Log,
		now: o.Now, sleep: o.Sleep, jitter: o.Jitter,
		topics: make(map[string]*topicEntry), absent: make(map[string]*absentTopic),
	}
	// One for all partitions: the codecs keep memory of their own.
	c.open = recordbatch.NewDecompressor(usualBytesMax, &c.buffers)
	c.fill()
	c.dialer = &kafka.Dialer{
		ClientID: c.clientID, DialFunc: o.Dial, Timeout: s.Timeout, DualStack: true,
		TLS: tlsConfig, SASLMechanism: mechanism,
	}
	if c.transport == nil {
		c.owned = &kafka.Transport{
			Dial: o.Dial, DialTimeout: s.Timeout, ClientID: c.clientID, TLS: tlsConfig, SASL: mechanism,
			MetadataTTL: metadataTTL,
			// Empty, not nil: brokers only. Leaders are looked up as they are needed, see routed.
			MetadataTopics: []string{},
		}
		c.transport = c.owned
	}
	return c, nil
}

// defaultTimeout stands in when a spec was built without SetDefaults.
const defaultTimeout = 10 * time.Second

func (c *Cluster) fill() {
	if c.clientID == "" {
		c.clientID = "millrace"
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.sleep == nil {
		c.sleep = sleepTimer
	}
	if c.jitter == nil {
		c.jitter = rand.Float64
	}
}

func (t *TLSSpec) config() (*tls.Config, error) {
	if !t.Enabled {
		return nil, nil
	}
	// The name to verify is each broker's own, which kafka-go fills in.
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("reading tls.ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading tls.ca: %s holds no certificate in PEM", t.CA)
		}
	}
	if t.Cert != "" || t.Key != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("reading tls.cert and tls.key: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

func (s *SASLSpec) mechanism() (sasl.Mechanism, error) {
	switch strings.ToLower(s.Mechanism) {
	case "":
		return nil, nil
	case "plain":
		return plain.Mechanism{Username: s.Username, Password: s.Password}, nil
	case "scram-sha-256":
		return scram.Mechanism(scram.SHA256, s.Username, s.Password)
	case "scram-sha-512":
		return scram.Mechanism(scram.SHA512, s.Username, s.Password)
	}
	return nil, fmt.Errorf("sasl.mechanism %q is none of plain, scram-sha-256, scram-sha-512", s.Mechanism)
}

// Check tries once to reach a broker. Its error names each address and what came of it.
func (c *Cluster) Check(ctx context.Context) error {
	_, err := c.id(ctx)
	if err == nil {
		return nil
	}
	if c.owned == nil || ctx.Err() != nil {
		return fmt.Errorf("reaching Kafka: %w", err)
	}
	// The Transport reports one address's error; a person wants to know about all.
	tried := make([]error, 0, len(c.spec.Brokers)+1)
	for _, address := range c.spec.Brokers {
		conn, dialErr := c.dialer.DialContext(ctx, "tcp", address)
		if dialErr != nil {
			tried = append(tried, fmt.Errorf("%s: %w", address, dialErr))
			continue
		}
		_ = conn.Close() // nothing was written that closing could lose
		tried = append(tried, fmt.Errorf("%s: connected, but asking for the cluster's metadata failed: %w", address, err))
	}
	return fmt.Errorf("reaching Kafka within %s: %w", c.spec.Timeout, errors.Join(tried...))
}

// Wait is Check, tried again until the spec's retry time is over.
func (c *Cluster) Wait(ctx context.Context) error {
	return c.persist(ctx, "waiting for Kafka", c.Check)
}

// ID is the cluster's id: positions speak of one cluster only.
func (c *Cluster) ID(ctx context.Context) (string, error) {
	var id string
	err := c.persist(ctx, "asking for the cluster's id", func(ctx context.Context) (err error) {
		id, err = c.id(ctx)
		return err
	})
	return id, err
}

func (c *Cluster) id(ctx context.Context) (string, error) {
	// Empty, not nil: no topics.
	res, err := ask[*metadata.Response](ctx, c, anyBroker, &metadata.Request{TopicNames: []string{}})
	if err != nil {
		return "", err
	}
	return res.ClusterID, nil
}

// Close closes idle connections, and busy ones when their answer has come. Sources and producers
// must have stopped.
func (c *Cluster) Close() error {
	if c.owned != nil {
		c.owned.CloseIdleConnections()
	}
	c.open.Close()
	return nil
}
