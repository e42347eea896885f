package pipeline

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"millrace/config"
	"millrace/consumers"
	"millrace/pipeline/running"
	"millrace/pipeline/status"
)

const (
	// askTimeout bounds one question to a process of this machine.
	askTimeout = 5 * time.Second
	// locateEvery is the pause between looks for a process that is just being started.
	locateEvery = 50 * time.Millisecond
	// statusBytesMax is far above what a process says of itself.
	statusBytesMax = 8 << 20
)

// Locating says which servers are needed, and where to look for the process that runs a pipeline.
type Locating struct {
	// Broker and Store are the servers that are needed: the other one may be anywhere, and is not looked for.
	Broker, Store bool

	File     string        // the pipeline file
	Runtime  string        // see running.Folder
	Patience time.Duration // how long to wait for a process that is not there yet
	Log      *slog.Logger  // is told of the wait
}

// embeds reports whether the pipeline has a broker or a store that only its process knows the address of.
func embeds(p *config.Pipeline) bool { return p.Kafka.Mode == "embedded" || p.Redis.Mode == "embedded" }

// Locate names the servers to a pipeline that are needed and that only its process knows the address of: those of the
// process that runs its file, which must be one, answer with the id in its file, and have a broker of the cluster named
// there. A pipeline whose file names them is left as it is.
func Locate(ctx context.Context, p *config.Pipeline, o Locating) error {
	broker, storage := o.Broker && p.Kafka.Mode == "embedded", o.Store && p.Redis.Mode == "embedded"
	if !broker && !storage {
		return nil
	}
	process, err := find(ctx, p, o)
	if err != nil {
		return err
	}
	if broker {
		spec := p.Kafka
		spec.Mode, spec.Brokers = "external", []string{process.Addresses.Kafka}
		if err := sameCluster(ctx, spec, process); err != nil {
			return fmt.Errorf("reaching the process that runs %s: %w", o.File, err)
		}
		p.Kafka = spec
	}
	if storage {
		p.Redis.Mode, p.Redis.URL = "external", "redis://"+process.Addresses.Redis+"/0"
	}
	return nil
}

// find waits for the one process that runs the file.
func find(ctx context.Context, p *config.Pipeline, o Locating) (*running.Process, error) {
	waiting, stop := context.WithTimeout(ctx, o.Patience)
	defer stop()
	for told := false; ; {
		process, err := findNow(ctx, p, o)
		if !errors.Is(err, errNotRunning) {
			return process, err
		}
		if !told && o.Patience > 0 {
			o.Log.Info("waiting for the process that runs it", "file", o.File, "at_most", o.Patience)
			told = true
		}
		select {
		case <-waiting.Done():
			return nil, cmp.Or(ctx.Err(), err)
		case <-time.After(locateEvery):
		}
	}
}

// errNotRunning is that no process runs a pipeline's file.
var errNotRunning = errors.New("no process runs it")

func findNow(ctx context.Context, p *config.Pipeline, o Locating) (*running.Process, error) {
	path, err := filepath.Abs(o.File)
	if err != nil {
		return nil, fmt.Errorf("looking for the process that runs %s: %w", o.File, err)
	}
	all, err := running.All(o.Runtime)
	if err != nil {
		return nil, err
	}
	found := running.Of(all, path)
	switch len(found) {
	case 0:
		return nil, notRunning(p, o, all)
	case 1:
	default:
		pids := make([]string, len(found))
		for i := range found {
			pids[i] = fmt.Sprint(found[i].PID)
		}
		return nil, config.Usagef("%s runs in %d processes, each with servers of its own (%s): end all but one, or name those that are meant with "+
			"--brokers and --redis", o.File, len(found), strings.Join(pids, ", "))
	}
	if _, err := AskProcess(ctx, &found[0]); err != nil {
		return nil, fmt.Errorf("asking process %d, which runs %s: %w", found[0].PID, o.File, err)
	}
	return &found[0], nil
}

// notRunning says what is missing, and what runs under the pipeline's name instead.
func notRunning(p *config.Pipeline, o Locating, all []running.Process) error {
	what, flags := "broker", "it with --brokers HOST:PORT"
	switch {
	case o.Broker && o.Store && p.Kafka.Mode == p.Redis.Mode:
		what, flags = "servers", "them with --brokers HOST:PORT and --redis redis://HOST:PORT/0"
	case o.Store && p.Redis.Mode == "embedded":
		what, flags = "store", "it with --redis redis://HOST:PORT/0"
	}
	for _, other := range all {
		if other.Pipeline == p.Name && other.Config != "" {
			return config.UsageError{Err: fmt.Errorf("%s embeds its %s, and %w; a pipeline of the same name, %s, runs from %s: give that file, or start "+
				"millrace run -c %s", o.File, what, errNotRunning, p.Name, other.Config, o.File)}
		}
	}
	return config.UsageError{Err: fmt.Errorf("%s embeds its %s in the process that runs it, and %w: start millrace run -c %s, or name %s",
		o.File, what, errNotRunning, o.File, flags)}
}

// sameCluster refuses a broker that is not of the cluster that the process has.
func sameCluster(ctx context.Context, spec consumers.Spec, process *running.Process) (err error) {
	ctx, stop := context.WithTimeout(ctx, askTimeout)
	defer stop()
	c, err := consumers.Dial(spec, consumers.Options{Log: slog.New(slog.DiscardHandler), ClientID: "millrace"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	id, err := c.ID(ctx)
	if err != nil {
		return err
	}
	if id != process.Cluster {
		return fmt.Errorf("at %s answers cluster %s, not %s: it is another broker", process.Addresses.Kafka, id, process.Cluster)
	}
	return nil
}

// AskProcess is what a process of this machine says of itself; an error where another one answers in its place.
func AskProcess(ctx context.Context, p *running.Process) (*status.Status, error) {
	s, err := AskStatus(ctx, "http://"+p.Addresses.Admin)
	if err == nil && s.Instance != p.Instance {
		return nil, fmt.Errorf("at %s another process answers: %q, not %q", p.Addresses.Admin, s.Instance, p.Instance)
	}
	return s, err
}

// AskStatus is what the process behind an admin address says of itself.
func AskStatus(ctx context.Context, url string) (*status.Status, error) {
	ctx, stop := context.WithTimeout(ctx, askTimeout)
	defer stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(url, "/")+"/status", nil)
	if err != nil {
		return nil, fmt.Errorf("asking for the status: %w", err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking for the status: %w", err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking for the status: %s answers %s", url, answer.Status)
	}
	s := new(status.Status)
	if err := json.NewDecoder(io.LimitReader(answer.Body, statusBytesMax)).Decode(s); err != nil {
		return nil, fmt.Errorf("reading the status from %s: %w", url, err)
	}
	return s, nil
}
