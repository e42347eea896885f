package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// answerMax bounds one answer of Prometheus, so that a query that matches too much fails instead of filling memory.
const answerMax = 16 << 20

// Prometheus is a Prometheus server with its HTTP API.
type Prometheus struct {
	server
	addr   string
	client *http.Client
}

// StartPrometheus starts a server with the given configuration (the YAML text of a prometheus.yml) and its data and log
// under dir, and waits until it answers. Relative paths in the configuration are relative to dir/prometheus.
func StartPrometheus(ctx context.Context, dir, config string) (*Prometheus, error) {
	path, err := exec.LookPath("prometheus")
	if err != nil {
		return nil, errors.New("starting Prometheus needs prometheus on PATH (apt-get install prometheus)")
	}
	dir = filepath.Join(dir, "prometheus")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("preparing Prometheus: %w", err)
	}
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		return nil, fmt.Errorf("preparing Prometheus: %w", err)
	}
	for attempt := 1; ; attempt++ {
		ports, err := freePorts(1)
		if err != nil {
			return nil, err
		}
		p := &Prometheus{addr: fmt.Sprintf("127.0.0.1:%d", ports[0]), client: &http.Client{Timeout: pingTimeout}}
		p.server = server{
			command: Command{
				Path: path,
				Args: []string{
					"--config.file=" + file,
					"--storage.tsdb.path=" + filepath.Join(dir, "data"),
					"--web.listen-address=" + p.addr,
				},
				Dir:    dir,
				Stdout: filepath.Join(dir, "prometheus.log"),
			},
			ping: p.ping,
		}
		err = p.start(ctx)
		if err == nil {
			return p, nil
		}
		if attempt == startAttempts || !portTaken(err) {
			return nil, err
		}
	}
}

// Addr returns the server's address, host:port.
func (p *Prometheus) Addr() string { return p.addr }

func (p *Prometheus) ping(ctx context.Context) error {
	_, err := p.get(ctx, "/-/ready", nil)
	return err
}

// Sample is one series of an instant query's answer.
type Sample struct {
	Labels map[string]string
	Value  float64
}

// QueryError is Prometheus' refusal of a query, for instance one that does not parse.
type QueryError struct {
	Query, Kind, Message string
}

func (e *QueryError) Error() string {
	return fmt.Sprintf("Prometheus refuses %s: %s: %s", e.Query, e.Kind, e.Message)
}

// Query asks an instant query for the present moment. An empty answer is no error. A query that Prometheus refuses is a
// *QueryError. Scalars come as one sample without labels; range vectors and strings are errors.
func (p *Prometheus) Query(ctx context.Context, expr string) ([]Sample, error) {
	body, err := p.get(ctx, "/api/v1/query", url.Values{"query": {expr}})
	if body == nil {
		return nil, fmt.Errorf("asking Prometheus %s: %w", expr, err)
	}
	var answer struct {
		Status    string
		ErrorType string
		Error     string
		Data      struct {
			ResultType string
			Result     json.RawMessage
		}
	}
	if jsonErr := json.Unmarshal(body, &answer); jsonErr != nil {
		return nil, fmt.Errorf("asking Prometheus %s: %w", expr, errors.Join(err, jsonErr))
	}
	if answer.Status != "success" {
		return nil, &QueryError{Query: expr, Kind: answer.ErrorType, Message: answer.Error}
	}
	switch answer.Data.ResultType {
	case "vector":
		var series []struct {
			Metric map[string]string
			Value  point
		}
		if err := json.Unmarshal(answer.Data.Result, &series); err != nil {
			return nil, fmt.Errorf("reading Prometheus' answer to %s: %w", expr, err)
		}
		samples := make([]Sample, 0, len(series))
		for _, s := range series {
			samples = append(samples, Sample{Labels: s.Metric, Value: float64(s.Value)})
		}
		return samples, nil
	case "scalar":
		var value point
		if err := json.Unmarshal(answer.Data.Result, &value); err != nil {
			return nil, fmt.Errorf("reading Prometheus' answer to %s: %w", expr, err)
		}
		return []Sample{{Value: float64(value)}}, nil
	default:
		return nil, fmt.Errorf("asking Prometheus %s: it answers a %s, not a vector", expr, answer.Data.ResultType)
	}
}

// WaitFor asks a query until the answer satisfies enough, and returns it. The error at ctx's end shows the last answer.
func (p *Prometheus) WaitFor(ctx context.Context, expr string, enough func([]Sample) bool) ([]Sample, error) {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		samples, err := p.Query(ctx, expr)
		if err == nil && enough(samples) {
			return samples, nil
		}
		var refused *QueryError
		if errors.As(err, &refused) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return samples, fmt.Errorf("waiting for %s: %w (last answer %v)", expr, errors.Join(ctx.Err(), err), samples)
		case <-tick.C:
		}
	}
}

// get returns the answer's body also when its status is an error, with that error: the body says why.
func (p *Prometheus) get(ctx context.Context, path string, values url.Values) ([]byte, error) {
	address := url.URL{Scheme: "http", Host: p.addr, Path: path, RawQuery: values.Encode()}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, err
	}
	response, err := p.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, answerMax))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return body, fmt.Errorf("%s answers %s", path, response.Status)
	}
	return body, nil
}

// point is Prometheus' [seconds, "value"].
type point float64

// UnmarshalJSON reads the value, which is text so that it can be NaN or +Inf, and drops the time.
func (p *point) UnmarshalJSON(data []byte) error {
	var pair [2]json.RawMessage
	if err := json.Unmarshal(data, &pair); err != nil {
		return err
	}
	var text string
	if err := json.Unmarshal(pair[1], &text); err != nil {
		return err
	}
	value, err := strconv.ParseFloat(text, 64)
	*p = point(value)
	return err
}
