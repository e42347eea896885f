package consumers

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"millrace"
)

func TestValidate(t *testing.T) {
	good := testSpec("localhost:9092", "[::1]:9093")
	if v := good.Validate(); len(v) != 0 {
		t.Errorf("a good spec: %v", v)
	}
	embedded := testSpec()
	embedded.Mode = "embedded"
	if v := embedded.Validate(); len(v) != 0 {
		t.Errorf("an embedded spec: %v", v)
	}
	for _, test := range []struct {
		name  string
		alter func(s *Spec)
		paths string
	}{
		{"no brokers", func(s *Spec) { s.Brokers = nil }, "brokers"},
		{"embedded with brokers", func(s *Spec) { s.Mode = "embedded" }, "brokers"},
		{"a mode", func(s *Spec) { s.Mode = "cloud" }, "mode"},
		{"addresses", func(s *Spec) { s.Brokers = []string{"a:1", "b", ":3", "c:0", "d:x"} }, "brokers[1] brokers[2] brokers[3] brokers[4]"},
		{"a certificate without key", func(s *Spec) { s.TLS = TLSSpec{Enabled: true, Cert: "c"} }, "tls.key"},
		{"a key without certificate", func(s *Spec) { s.TLS = TLSSpec{Enabled: true, Key: "c"} }, "tls.cert"},
		{"files without TLS", func(s *Spec) { s.TLS = TLSSpec{CA: "c"} }, "tls.enabled"},
		{"a user without mechanism", func(s *Spec) { s.SASL = SASLSpec{Username: "u"} }, "sasl.mechanism"},
		{"a mechanism alone", func(s *Spec) { s.SASL = SASLSpec{Mechanism: "plain"} }, "sasl.username sasl.password"},
		{"Kafka's words", func(s *Spec) {
			s.Security, s.SASL = "SASL_SSL", SASLSpec{Mechanism: "SCRAM-SHA-512", Username: "u", Password: "p"}
		}, ""},
		{"Kafka's word with a certificate", func(s *Spec) { s.Security, s.TLS.CA = "SSL", "ca.pem" }, ""},
		{"SASL without a mechanism", func(s *Spec) { s.Security = "SASL_PLAINTEXT" }, "sasl.mechanism"},
		{"a mechanism without SASL", func(s *Spec) {
			s.Security, s.SASL = "SSL", SASLSpec{Mechanism: "PLAIN", Username: "u", Password: "p"}
		}, "security_protocol"},
		{"encryption and none", func(s *Spec) { s.Security, s.TLS.Enabled = "PLAINTEXT", true }, "security_protocol"},
		{"an unknown word", func(s *Spec) { s.Security = "ssl3" }, "security_protocol"},
		{"an unknown mechanism", func(s *Spec) { s.SASL = SASLSpec{Mechanism: "gssapi", Username: "u", Password: "p"} }, "sasl.mechanism"},
		{"times", func(s *Spec) { s.Timeout, s.Retry = 0, -1 }, "timeout retry"},
	} {
		s := testSpec("localhost:9092")
		test.alter(&s)
		var paths []string
		for _, v := range s.Validate() {
			paths = append(paths, v.Path)
		}
		if got := strings.Join(paths, " "); got != test.paths {
			t.Errorf("%s: %q, want %q", test.name, got, test.paths)
		}
	}
}

func TestDialReadsFiles(t *testing.T) {
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk.pem")
	if err := os.WriteFile(junk, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, alter := range map[string]func(s *Spec){
		"no brokers":   func(s *Spec) { s.Brokers = nil },
		"tls.ca":       func(s *Spec) { s.TLS = TLSSpec{Enabled: true, CA: filepath.Join(dir, "none")} },
		"certificate":  func(s *Spec) { s.TLS = TLSSpec{Enabled: true, CA: junk} },
		"tls.cert":     func(s *Spec) { s.TLS = TLSSpec{Enabled: true, Cert: junk, Key: junk} },
		"none of plai": func(s *Spec) { s.SASL.Mechanism = "gssapi" },
	} {
		s := testSpec("localhost:9092")
		alter(&s)
		if _, err := Dial(s, Options{}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// closedPort is an address that nobody listens on.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func TestCheck(t *testing.T) {
	one, two := closedPort(t), closedPort(t)
	s := testSpec(one, two)
	s.Timeout, s.Retry = 2*time.Second, 50*time.Millisecond
	c, err := Dial(s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	ctx := withTimeout(t, testTimeout)
	err = c.Check(ctx)
	if err == nil || !strings.Contains(err.Error(), one) || !strings.Contains(err.Error(), two) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("the error names not both addresses: %v", err)
	}
	if err = c.Wait(ctx); err == nil || !strings.Contains(err.Error(), "tried for") {
		t.Errorf("waiting: %v", err)
	}
	b := newFake(t)
	// One good address among bad ones is enough.
	s.Brokers = append(s.Brokers, b.addrs...)
	c, err = Dial(s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.Wait(ctx); err != nil {
		t.Error(err)
	}
}

func TestClusterOffsets(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		c := b.cluster
		if err := c.Check(b.ctx); err != nil {
			t.Error(err)
		}
		id, err := c.ID(b.ctx)
		if err != nil || id == "" || b.fake != nil && id != "kfake" {
			t.Errorf("id is %q, %v", id, err)
		}
		topic := b.topic(2)
		if err := c.EnsureTopic(b.ctx, TopicSpec{Name: topic, Partitions: 9}); err != nil {
			t.Errorf("a topic that exists: %v", err)
		}
		if partitions, err := c.Partitions(b.ctx, topic); err != nil || fmt.Sprint(partitions) != "[0 1]" {
			t.Errorf("partitions are %v, %v", partitions, err)
		}
		if err := c.EnsureTopic(b.ctx, TopicSpec{Name: "no good!"}); b.fake == nil && (err == nil || passing(err)) { // kfake takes any
			t.Errorf("an impossible name: %v", err)
		}
		records := numbered(topic, 1, 0, 10)
		for i, r := range records {
			r.Timestamp = time.UnixMilli(int64(1_000_000 + 1000*i))
		}
		b.write(records)
		for _, test := range []struct {
			start Start
			want  int64
		}{{Earliest, 0}, {Latest, 10}, {StartAt(time.UnixMilli(1_004_500)), 5}, {StartAt(time.UnixMilli(9_000_000)), 10}} {
			got, err := c.Resolve(b.ctx, topic, test.start)
			id, idErr := c.TopicID(b.ctx, topic)
			if idErr != nil || len(id) != 22 {
				t.Fatalf("the topic's id is %q, %v", id, idErr)
			}
			want := []millrace.Position{{Topic: topic, TopicID: id}, {Topic: topic, Partition: 1, Offset: test.want, TopicID: id}}
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%v resolves to %v, %v, want %v", test.start, got, err, want)
			}
		}
		if bounds, err := c.Bounds(b.ctx, topic); err != nil || fmt.Sprint(bounds) != "map[0:[0 0] 1:[0 10]]" {
			t.Errorf("bounds are %v, %v", bounds, err)
		}
		group := topic + ".learner"
		if got, err := c.CommittedOffsets(b.ctx, group, topic); err != nil || len(got) != 0 {
			t.Errorf("a new group stands at %v, %v", got, err)
		}
		want := []millrace.Position{{Topic: topic, Partition: 1, Offset: 7}}
		if err := c.CommitOffsets(b.ctx, group, want); err != nil {
			t.Error(err)
		}
		if got, err := c.CommittedOffsets(b.ctx, group, topic); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("the group stands at %v, %v, want %v", got, err, want)
		}
	})
}

func TestParseStart(t *testing.T) {
	for text, want := range map[string]Start{
		"earliest": Earliest, "latest": Latest, "1970-01-01T00:00:02Z": 2000, "1960-01-01T00:00:00Z": 0,
	} {
		got, err := ParseStart(text)
		if err != nil || got != want {
			t.Errorf("%q is %d, %v, want %d", text, got, err, want)
		}
		if again, err := ParseStart(got.String()); err != nil || again != want {
			t.Errorf("%q is written as %q", text, got)
		}
	}
	if _, err := ParseStart("soon"); err == nil {
		t.Error("soon is no start")
	}
}

func TestTLSAndSASL(t *testing.T) {
	config, ca := selfSigned(t)
	for _, mechanism := range []string{"plain", "scram-sha-256", "scram-sha-512", "PLAIN", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.TLS(config), kfake.EnableSASL(),
				kfake.Superuser(strings.ToUpper(mechanism), "user", "secret"))
			if err != nil {
				t.Fatal(err)
			}
			defer fake.Close()
			spec := testSpec(fake.ListenAddrs()...)
			spec.Timeout, spec.Retry = 5*time.Second, 0
			spec.TLS = TLSSpec{Enabled: true, CA: ca}
			spec.SASL = SASLSpec{Mechanism: mechanism, Username: "user", Password: "secret"}
			if mechanism == "PLAIN" { // as Kafka's own clients say it all
				spec.TLS.Enabled, spec.Security = false, "SASL_SSL"
			}
			ctx := withTimeout(t, testTimeout)
			check := func(s Spec) error {
				c, err := Dial(s, Options{})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = c.Close() }()
				return c.Wait(ctx)
			}
			if err := check(spec); err != nil {
				t.Errorf("as it should be: %v", err)
			}
			wrong := spec
			wrong.SASL.Password = "guess"
			if err := check(wrong); err == nil {
				t.Error("a wrong password is taken")
			}
			wrong = spec
			wrong.TLS.CA = ""
			if err := check(wrong); err == nil || passing(err) {
				t.Errorf("an unknown authority: %v", err)
			}
			// A group has connections of its own.
			c, err := Dial(spec, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			if err := c.EnsureTopic(ctx, TopicSpec{Name: "t"}); err != nil {
				t.Fatal(err)
			}
			g := NewGroupSource(c, groupOptions("t"))
			stop := start(t, g.Run)
			for len(g.Assigned()) == 0 && ctx.Err() == nil {
				time.Sleep(5 * time.Millisecond)
			}
			if err := stop(); !errors.Is(err, context.Canceled) || ctx.Err() != nil {
				t.Errorf("joining a group: %v", err)
			}
		})
	}
}

// selfSigned makes a server's configuration and the file that a client trusts.
func selfSigned(t *testing.T) (config *tls.Config, ca string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, ca
}

func TestPassing(t *testing.T) {
	for err, want := range map[error]bool{
		errors.New("connection reset"):                true,
		context.DeadlineExceeded:                      true,
		context.Canceled:                              false,
		kafka.NotLeaderForPartition:                   true,
		kafka.BrokerNotAvailable:                      true,
		kafka.TopicAuthorizationFailed:                false,
		kafka.SASLAuthenticationFailed:                false,
		fmt.Errorf("looking: %w", ErrUnknownTopic):    false,
		settled("whatever"):                           false,
		fmt.Errorf("x: %w", kafka.OffsetNotAvailable): true,
	} {
		if got := passing(err); got != want {
			t.Errorf("%v: passing is %v", err, got)
		}
	}
}

// drop is a transport that loses every third answer, as a network does.
type drop struct {
	kafka.RoundTripper
	n atomic.Int64
}

func (d *drop) RoundTrip(ctx context.Context, addr net.Addr, req kafka.Request) (kafka.Response, error) {
	res, err := d.RoundTripper.RoundTrip(ctx, addr, req)
	if d.n.Add(1)%3 == 0 {
		return nil, errors.New("the network lost it")
	}
	return res, err
}

func TestGivenTransport(t *testing.T) {
	b := newFake(t)
	topic := b.topic(1)
	c, err := Dial(testSpec(b.addrs...), Options{Transport: &drop{RoundTripper: &kafka.Transport{MetadataTopics: []string{}}}})
	if err != nil {
		t.Fatal(err)
	}
	b.cluster = c
	p := b.producer(ProducerOptions{})
	for range 5 {
		if err := p.Send(b.ctx, millrace.Record{Topic: topic, Value: []byte("v")}, nil); err != nil {
			t.Fatal(err)
		}
		if err := p.Flush(b.ctx); err != nil {
			t.Fatal(err)
		}
	}
	// Written twice where the answer was lost, never lost.
	bounds, err := c.Bounds(b.ctx, topic)
	if err != nil || bounds[0][1] < 5 {
		t.Fatalf("%v, %v", bounds, err)
	}
}
