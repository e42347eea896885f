package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"millrace/config"
	"millrace/pipeline/running"
)

// announced is a pipeline with servers of its own that says where it listens.
func announced(t *testing.T, file, runtime string) *Pipeline {
	t.Helper()
	text := "name: p\nevents: {topic: p.events, unknown_topic: create}\nfeatures: {a: number}\nlabel: {path: \"y\", classes: [0, 1]}\nmodel: logistic\nadmin: 127.0.0.1:0\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	r, err := Open(ctx, Options{Config: p, File: file, Runtime: runtime, Learn: true, Score: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		r.Close()
	})
	return r
}

// TestLocate: the embedded servers of a file's process are found, those of another file of the same name are not, and
// nothing is believed that does not answer as it should.
func TestLocate(t *testing.T) {
	directory := t.TempDir()
	runtime, file, other := filepath.Join(directory, "run"), filepath.Join(directory, "p.yaml"), filepath.Join(directory, "q.yaml")
	r := announced(t, file, runtime)
	locate := func(file string) (*config.Pipeline, error) {
		p, err := Load(file)
		if err != nil {
			t.Fatal(err)
		}
		return p, Locate(t.Context(), p, Locating{Broker: true, Store: true, File: file, Runtime: runtime, Log: slog.New(slog.DiscardHandler)})
	}
	p, err := locate(file)
	if err != nil || p.Kafka.Brokers[0] != r.env.kafka.Addr() || p.Redis.URL != "redis://"+r.env.redis.Addr()+"/0" {
		t.Fatalf("found %v, %s: %v", p.Kafka.Brokers, p.Redis.URL, err)
	}

	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var usage config.UsageError
	if _, err := locate(other); !errors.As(err, &usage) || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), other) {
		t.Errorf("another file of the same name: %v", err)
	}

	said := running.Process{Instance: "stranger", Pipeline: "p", Config: other, Cluster: r.env.kafka.ClusterID(), Addresses: r.addresses(), Started: time.Now()}
	for what, c := range map[string]struct {
		change func(*running.Process)
		want   string
	}{
		"an instance that another process answers for": {func(*running.Process) {}, "another process answers"},
		"a cluster that another broker is of": {func(p *running.Process) {
			p.Instance, p.Cluster = r.instance, "another"
		}, "it is another broker"},
		"nobody there": {func(p *running.Process) { p.Addresses.Admin = "127.0.0.1:1" }, "asking process"},
	} {
		forged := said
		c.change(&forged)
		folder := filepath.Join(directory, fmt.Sprintf("run %d", len(what)))
		notice, err := running.Announce(folder, forged)
		if err != nil {
			t.Fatal(err)
		}
		q, err := Load(other)
		if err != nil {
			t.Fatal(err)
		}
		err = Locate(t.Context(), q, Locating{Broker: true, Store: true, File: other, Runtime: folder, Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.Contains(err.Error(), c.want) || q.Kafka.Mode != "embedded" {
			t.Errorf("%s: %v", what, err)
		}
		if err := notice.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestNoticeStandsAgain: a process is found also after somebody cleaned the folder that says where it listens.
func TestNoticeStandsAgain(t *testing.T) {
	directory := t.TempDir()
	runtime, file := filepath.Join(directory, "run"), filepath.Join(directory, "p.yaml")
	r := announced(t, file, runtime)
	if err := os.RemoveAll(runtime); err != nil {
		t.Fatal(err)
	}
	p, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	err = Locate(t.Context(), p, Locating{Broker: true, Store: true, File: file, Runtime: runtime, Patience: time.Minute, Log: slog.New(slog.DiscardHandler)})
	if err != nil || p.Kafka.Brokers[0] != r.env.kafka.Addr() {
		t.Errorf("after its notice was taken away: %v, %v", p.Kafka.Brokers, err)
	}
}

// TestLocateWaits: a process that is just being started is waited for, and two of one file are refused.
func TestLocateWaits(t *testing.T) {
	directory := t.TempDir()
	runtime, file := filepath.Join(directory, "run"), filepath.Join(directory, "p.yaml")
	p, err := config.Parse("p.yaml", []byte("name: p\nevents: {topic: e}\nfeatures: {a: number}\nlabel: {path: \"y\", classes: [0, 1]}\nmodel: logistic\n"), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	again := *p
	found := make(chan error, 1)
	go func() {
		found <- Locate(t.Context(), p, Locating{Broker: true, Store: true, File: file, Runtime: runtime, Patience: time.Minute, Log: slog.New(slog.DiscardHandler)})
	}()
	time.Sleep(100 * time.Millisecond)
	r := announced(t, file, runtime)
	if err := <-found; err != nil || p.Kafka.Brokers[0] != r.env.kafka.Addr() {
		t.Errorf("after waiting: %v, %v", p.Kafka.Brokers, err)
	}
	announced(t, file, runtime)
	err = Locate(t.Context(), &again, Locating{Broker: true, Store: true, File: file, Runtime: runtime, Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "2 processes") {
		t.Errorf("two processes of one file: %v", err)
	}
}

// TestLocateWhatIsNeeded: only servers that a verb needs are looked for, so that the lack of another one is no failure;
// and the lack of one that is needed always is, whatever else the file names.
func TestLocateWhatIsNeeded(t *testing.T) {
	directory := t.TempDir()
	file := filepath.Join(directory, "p.yaml")
	r := announced(t, file, filepath.Join(directory, "run"))
	sick := filepath.Join(directory, "sick") // the process answers, and its broker does not
	addresses := r.addresses()
	addresses.Kafka = "127.0.0.1:1"
	notice, err := running.Announce(sick, running.Process{Instance: r.instance, Pipeline: "p", Config: file, Cluster: r.env.kafka.ClusterID(), Addresses: addresses})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = notice.Close() })
	for _, c := range []struct {
		kafka, redis  string // the file's modes
		broker, store bool
		runtime, want string // the error; empty is none
	}{
		{"embedded", "embedded", true, true, "run", ""},
		{"embedded", "embedded", false, false, "none", ""},
		{"embedded", "embedded", true, true, "none", "name them with --brokers HOST:PORT and --redis redis://HOST:PORT/0"},
		{"embedded", "external", false, true, "none", ""},
		{"embedded", "external", true, true, "none", "embeds its broker in the process that runs it, and no process runs it"},
		{"external", "embedded", true, false, "none", ""},
		{"external", "embedded", true, true, "none", "name it with --redis redis://HOST:PORT/0"},
		{"embedded", "embedded", false, true, "sick", ""},
		{"embedded", "embedded", true, false, "sick", "127.0.0.1:1"},
	} {
		p, err := Load(file)
		if err != nil {
			t.Fatal(err)
		}
		p.Kafka.Mode, p.Redis.Mode, p.Kafka.Retry = c.kafka, c.redis, 1
		err = Locate(t.Context(), p, Locating{Broker: c.broker, Store: c.store, File: file, Runtime: filepath.Join(directory, c.runtime),
			Log: slog.New(slog.DiscardHandler)})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
		broker, store := c.broker && c.kafka == "embedded" && c.want == "", c.store && c.redis == "embedded" && c.want == ""
		if (p.Kafka.Mode != c.kafka) != broker || (p.Redis.Mode != c.redis) != store {
			t.Errorf("%+v: found %s %v and %s %s", c, p.Kafka.Mode, p.Kafka.Brokers, p.Redis.Mode, p.Redis.URL)
		}
	}
}
