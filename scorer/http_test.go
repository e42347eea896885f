package scorer_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"millrace"
	"millrace/scorer"
	"millrace/scorer/topic"
)

func TestHTTP(t *testing.T) {
	r := newRig(t)
	encoder := topic.NewEncoder("m", []string{"no", "yes"}, []string{"id", "version", "class"})
	h := scorer.NewHTTP(r.scorer, encoder.Append, 10, func() time.Time { return time.UnixMilli(5) })
	ask := func(method, path, body string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	if code, _ := ask("POST", "/v1/score", "7"); code != http.StatusServiceUnavailable {
		t.Errorf("before the first snapshot: %d", code)
	}
	r.store.serve(millrace.Head{Epoch: 1, Seq: 3}, good(0.75, "schema"))
	r.settled()
	for _, c := range []struct {
		method, path, body string
		code               int
		want               string
	}{
		{"POST", "/v1/score", "7", http.StatusOK, `{"id":7,"version":3,"score":0.75,"class":"yes"}`},
		{"POST", "/v1/score", "x", http.StatusUnprocessableEntity, `{"detail":"no number","path":"","reason":"malformed_json"}`},
		{"POST", "/v1/score", "12345678901", http.StatusRequestEntityTooLarge, `"reason":"too_large"`},
		{"GET", "/v1/score", "", http.StatusMethodNotAllowed, `"reason":"method_not_allowed"`},
		{"POST", "/", "7", http.StatusNotFound, "not found"},
	} {
		code, body := ask(c.method, c.path, c.body)
		if code != c.code || !strings.Contains(body, c.want) {
			t.Errorf("%s %s %q: %d %s, want %d %s", c.method, c.path, c.body, code, body, c.code, c.want)
		}
	}
}
