package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"millrace"
	"millrace/config"
)

const (
	// askBytes of rows are one request: far below what a server takes, and enough that its cost does not matter.
	askBytes = 512 << 10
	// askedMax is how long one request may take, and notReadyMax how long a server may have nothing to score with.
	askedMax    = 30 * time.Second
	notReadyMax = 10 * time.Second
	// answerLineMax bounds what a server says of one row.
	answerLineMax = 1 << 20
)

// remote is a running pipeline that is asked for scores over HTTP.
type remote struct {
	client *http.Client
	url    string
}

// AskPredictor scores rows by asking the running pipeline at an address, as scores.http of its file has it. The
// pipeline says how files are read; windows are those of whom is asked, and observe nothing.
func AskPredictor(p *config.Pipeline, address string) (*Predictor, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
		return nil, config.Usagef("--url: %q is no address such as http://HOST:8080", address)
	}
	if parsed.Path == "" || parsed.Path == "/" {
		parsed.Path = "/v1/score"
	}
	return &Predictor{pipeline: p, version: parsed.Host, remote: &remote{client: &http.Client{Timeout: askedMax}, url: parsed.String()}}, nil
}

// score implements rowScorer: it asks for as many rows at a time as fit a request.
func (r *remote) score(ctx context.Context, b *millrace.Batch, dst []byte, counts *rowCounts) (_ []byte, err error) {
	for from := 0; from < len(b.Records); {
		body, to := []byte(nil), from
		for ; to < len(b.Records) && (len(body) == 0 || len(body)+len(b.Records[to].Value) < askBytes); to++ {
			if rec := &b.Records[to]; rec.Fault == nil {
				body = append(appendLine(body, rec.Value), '\n')
			}
		}
		var answer []byte
		if len(body) > 0 {
			if answer, err = r.ask(ctx, body, b.Records[from].Offset+1); err != nil {
				return dst, err
			}
		}
		if dst, err = takeAnswers(dst, b.Records[from:to], answer, counts); err != nil {
			return dst, err
		}
		from = to
	}
	return dst, nil
}

// appendLine appends a row as one line: a line ending is space in JSON, and in its texts it is escaped.
func appendLine(dst, row []byte) []byte {
	from := len(dst)
	dst = append(dst, row...)
	for i := from; i < len(dst); i++ {
		if dst[i] == '\n' || dst[i] == '\r' {
			dst[i] = ' '
		}
	}
	return dst
}

// takeAnswers takes the answers for rows, a line for each that was asked.
func takeAnswers(dst []byte, records []millrace.Record, answer []byte, counts *rowCounts) (_ []byte, err error) {
	for i := range records {
		rec := &records[i]
		if rec.Fault != nil {
			if dst, err = counts.bad(dst, faultOf(rec, rec.Fault)); err != nil {
				return dst, err
			}
			continue
		}
		line, rest, ok := bytes.Cut(answer, []byte{'\n'})
		if answer = rest; !ok || len(line) == 0 {
			return dst, fmt.Errorf("asking for the score of row %d: the answer ends before it", rec.Offset+1)
		}
		var said struct {
			Score  json.RawMessage `json:"score"`
			Reason millrace.Reason `json:"reason"`
			Path   string          `json:"path"`
			Detail string          `json:"detail"`

			Unknown, Missing json.RawMessage
		}
		if err := json.Unmarshal(line, &said); err != nil {
			return dst, fmt.Errorf("reading the score of row %d: %w", rec.Offset+1, err)
		}
		if said.Score != nil {
			dst = counts.good(dst, rec.Offset+1, scoreAlone(line, said.Unknown != nil, said.Missing != nil))
			continue
		}
		f := RowFault{Row: rec.Offset + 1, Reason: said.Reason, Path: said.Path, Detail: said.Detail}
		if dst, err = counts.bad(dst, f); err != nil {
			return dst, err
		}
	}
	if len(answer) > 0 {
		return dst, errors.New("asking for scores: the answer has more lines than were asked for")
	}
	return dst, nil
}

// scoreAlone is an answer without what it says of fields behind the score: so a row has one line, whoever scores it.
// Quotes within texts are escaped, so that no id or class looks like a key.
func scoreAlone(line []byte, unknown, missing bool) []byte {
	end := -1
	switch {
	case unknown:
		end = bytes.LastIndex(line, []byte(`,"unknown":[`))
	case missing:
		end = bytes.LastIndex(line, []byte(`,"missing":[`))
	}
	if end < 0 {
		return line
	}
	return append(line[:end:end], '}')
}

// ask sends rows, and again for a while where there is nothing to score with yet.
func (r *remote) ask(ctx context.Context, body []byte, row int64) ([]byte, error) {
	for began := time.Now(); ; {
		answer, after, err := r.once(ctx, body)
		if err == nil {
			return answer, nil
		}
		if after == 0 || time.Since(began) > notReadyMax {
			return nil, fmt.Errorf("asking for the scores of row %d and those that follow: %w", row, err)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(after):
		}
	}
}

// once sends rows once; after is when to try again, 0 for never.
func (r *remote) once(ctx context.Context, body []byte) (answer []byte, after time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	got, err := r.client.Do(request)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = got.Body.Close() }() // it was read
	most := int64(bytes.Count(body, []byte{'\n'})) * answerLineMax
	answer, err = io.ReadAll(io.LimitReader(got.Body, most))
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("reading the answer: %w", err)
	case got.StatusCode == http.StatusOK:
		return answer, 0, nil
	case got.StatusCode == http.StatusServiceUnavailable:
		seconds, _ := strconv.Atoi(got.Header.Get("Retry-After")) // without one it is tried at once a second
		after = time.Duration(max(seconds, 1)) * time.Second
	}
	return nil, after, fmt.Errorf("%s answers %s: %.300s", r.url, got.Status, bytes.TrimSpace(answer))
}
