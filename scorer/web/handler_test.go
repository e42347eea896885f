package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"millrace"
	"millrace/scorer"
	"millrace/scorer/wire"
)

// reading scores numbers: the event is the score times 100.
type reading struct{ ready *bool }

func (r reading) Score(rec *millrace.Record, dst *millrace.Score) error {
	switch {
	case !*r.ready:
		return scorer.ErrNotReady
	case rec.Value[0] == 'x':
		return &millrace.Rejection{Reason: millrace.ReasonMalformed, Detail: "no number"}
	case rec.Value[0] == 'w':
		return fmt.Errorf("scoring: %w", scorer.ErrWindowsNotReady)
	case rec.Value[0] == '!':
		return errors.New("broken")
	}
	*dst = millrace.Score{ID: rec.Value[:min(len(rec.Value), 10)], IDNumber: true, Version: 3, Score: 0.75, Class: "yes"}
	return nil
}

func (reading) Event() *millrace.Event { return nil }

type counts struct {
	mu                  sync.Mutex
	predicted, unscored int
}

func (c *counts) Predicted(*millrace.Score) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.predicted++
}

func (c *counts) Unscored(millrace.Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unscored++
}

func newHandler(bytesMax int64) (*Handler, *bool, *counts) {
	ready, c := new(bool), new(counts)
	encoder := wire.NewEncoder("m", []string{"no", "yes"}, []string{"id", "version", "class"})
	return NewHandler(Options{NewSession: func() Session { return reading{ready} }, Append: encoder.Append, Metrics: c,
		EventBytesMax: bytesMax, Now: func() time.Time { return time.UnixMilli(5) }}), ready, c
}

func TestHandler(t *testing.T) {
	h, ready, counted := newHandler(10)
	ask := func(method, path, body string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	if code, body := ask("POST", "/v1/score", "7"); code != http.StatusServiceUnavailable || !strings.Contains(body, "not_ready") {
		t.Errorf("before the first snapshot: %d %s", code, body)
	}
	*ready = true
	for _, c := range []struct {
		method, path, body string
		code               int
		want               string
	}{
		{"POST", "/v1/score", "7", http.StatusOK, `{"id":7,"version":3,"score":0.75,"class":"yes"}`},
		{"POST", "/v1/score", "w", http.StatusServiceUnavailable, `window tables are still being filled`},
		{"POST", "/v1/score", "x", http.StatusUnprocessableEntity, `{"detail":"no number","path":"","reason":"malformed_json"}`},
		{"POST", "/v1/score", "12345678901", http.StatusRequestEntityTooLarge, `"reason":"too_large"`},
		{"POST", "/v1/score", "!", http.StatusInternalServerError, `"reason":"internal"`},
		{"GET", "/v1/score", "", http.StatusMethodNotAllowed, `"reason":"method_not_allowed"`},
		{"POST", "/other", "7", http.StatusNotFound, "not found"},
		{"POST", "/", "7", http.StatusMethodNotAllowed, "POST events to /v1/score"},
	} {
		code, body := ask(c.method, c.path, c.body)
		if code != c.code || !strings.Contains(body, c.want) {
			t.Errorf("%s %s %q: %d %s, want %d %s", c.method, c.path, c.body, code, body, c.code, c.want)
		}
	}
	if counted.predicted != 1 || counted.unscored != 1 {
		t.Errorf("%d predicted, %d unscored; want one each", counted.predicted, counted.unscored)
	}
}

// A body of any size around the steps in which it is counted arrives whole.
func TestBodySizes(t *testing.T) {
	h, ready, _ := newHandler(1 << 20)
	*ready = true
	for _, size := range []int{1, bytesFree - 1, bytesFree, bytesFree + 1, 2 * bytesFree, 100_000, 1 << 20} {
		text := strings.Repeat("7", size)
		b := h.body()
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/score", iotestReader(text))
		if err := b.read(httptest.NewRecorder(), r); err != nil || string(b.data) != text {
			t.Errorf("%d bytes: %d came: %v", size, len(b.data), err)
		}
		if room := int64(len(b.data)) - bytesFree; b.counted < room {
			t.Errorf("%d bytes: only %d are counted", size, b.counted)
		}
		b.release()
	}
	if !h.inFlight.TryAcquire(bytesInFlightMax) {
		t.Error("bytes are still taken after all bodies were released")
	}
}

// iotestReader hands out a text in pieces of odd sizes.
func iotestReader(text string) io.Reader {
	return io.MultiReader(strings.NewReader(text[:len(text)/3]), strings.NewReader(text[len(text)/3:]))
}

// Bodies that are sent by halves hold no more than the bound, and small events are answered beside them.
func TestHalfSentBodiesAreBounded(t *testing.T) {
	const size = 1 << 20
	h, ready, _ := newHandler(size)
	*ready = true
	server := httptest.NewServer(h)
	t.Cleanup(server.Close) // after the clients have gone, for whom it would wait
	clients := 2 * bytesInFlightMax / size
	var busy int
	for range clients {
		if sendHalf(t, server.Listener.Addr().String(), size) == http.StatusServiceUnavailable {
			busy++
		}
	}
	if busy == 0 {
		t.Errorf("%d bodies of %d bytes are all taken in", clients, size)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "POST", server.URL+"/v1/score", strings.NewReader("7"))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("a small event beside them: %s", answer.Status)
	}
}

// sendHalf sends a body but for its last byte, and returns the status of an answer that comes all the same, or 0. The
// connection stays open until the test ends.
func sendHalf(t *testing.T, address string, size int) int {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	request := "POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048576\r\n\r\n"
	if _, err := io.WriteString(conn, request+strings.Repeat("7", size-1)); err != nil {
		return http.StatusServiceUnavailable // it was answered and closed before all was sent
	}
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	var head [12]byte
	if n, _ := io.ReadFull(conn, head[:]); n == len(head) && string(head[9:]) == "503" {
		return http.StatusServiceUnavailable
	}
	return 0
}
