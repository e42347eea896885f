package harness

import (
	"testing"
)

// NewKafka starts a broker for one test and ends it with the test; see StartKafka.
func NewKafka(t testing.TB, o KafkaOptions) *Kafka {
	t.Helper()
	k, err := StartKafka(t.Context(), t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	k.endWith(t)
	return k
}

// NewRedis starts a server for one test and ends it with the test; see StartRedis.
func NewRedis(t testing.TB, o RedisOptions) *Redis {
	t.Helper()
	r, err := StartRedis(t.Context(), t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	r.endWith(t)
	return r
}

// NewPrometheus starts a server for one test and ends it with the test; see StartPrometheus.
func NewPrometheus(t testing.TB, config string) *Prometheus {
	t.Helper()
	p, err := StartPrometheus(t.Context(), t.TempDir(), config)
	if err != nil {
		t.Fatal(err)
	}
	p.endWith(t)
	return p
}

// endWith kills the server when the test ends: its data goes with the test's folder, so nobody needs it written.
func (s *server) endWith(t testing.TB) {
	t.Cleanup(func() {
		if s.External() {
			return
		}
		if t.Failed() {
			t.Log(s.process.LogTail())
		}
		if err := s.Kill(); err != nil {
			t.Error(err)
		}
	})
}
