package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"millrace/pipeline/status"
)

// watched ends a watch once something was told.
type watched struct {
	bytes.Buffer
	stop context.CancelFunc
}

func (w *watched) Write(p []byte) (int, error) {
	defer w.stop()
	return w.Buffer.Write(p)
}

// TestWatchBeginsWithRates: the first that is told has a rate, also as JSON; what was asked only once has none.
func TestWatchBeginsWithRates(t *testing.T) {
	var asked uint64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s := busy()
		s.Instance, s.Learning.Learned, s.Scoring.Scored = "one", 1000*asked, 500*asked
		asked++
		_ = json.NewEncoder(w).Encode(s)
	}))
	defer server.Close()
	for _, format := range []string{"text", "json"} {
		ctx, stop := context.WithCancel(t.Context())
		out := &watched{stop: stop}
		var errOut bytes.Buffer
		execute(ctx, []string{"status", "--watch", "--url", server.URL, "-o", format}, &app{in: strings.NewReader(""), out: out, err: &errOut})
		text := out.String()
		if format == "text" {
			if strings.Contains(text, " 0/s") || strings.Count(text, "/s") != 2 {
				t.Errorf("%s%s", text, errOut.String())
			}
			continue
		}
		var all []told
		if err := json.Unmarshal(out.Bytes(), &all); err != nil || len(all) != 1 || all[0].LearnedPerSecond == nil ||
			*all[0].LearnedPerSecond < 100 || all[0].ScoredPerSecond == nil || *all[0].ScoredPerSecond < 50 {
			t.Errorf("%v: %s%s", err, text, errOut.String())
		}
	}
	newcomer := []told{{Status: &status.Status{Instance: "two", Learning: busy().Learning, Scoring: busy().Scoring}}}
	addRates(newcomer, []told{{Status: busy()}}, rateEvery)
	if text := strings.Join(statusText(newcomer, false), "\n"); strings.Contains(text, "/s") || !strings.Contains(text, "–  behind") {
		t.Error(text)
	}
	if encoded, err := json.Marshal(newcomer); err != nil || bytes.Contains(encoded, []byte("_per_second")) {
		t.Errorf("%v: %s", err, encoded)
	}
}
