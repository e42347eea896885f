package web

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestGuard(t *testing.T) {
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "in") })
	for _, c := range []struct {
		local        bool
		method, host string
		headers      string // name value, name value
		code         int
	}{
		{true, "POST", "127.0.0.1:8080", "", 200}, // curl -d
		{true, "POST", "localhost:8080", "", 200},
		{true, "GET", "[::1]:8080", "", 200},
		{true, "GET", "LOCALHOST.", "", 200},
		{true, "GET", "grafana.localhost:1", "", 200},
		{true, "GET", "", "", 200},
		{true, "POST", "evil.example:8080", "", 421},
		{true, "GET", "127.0.0.1.evil.example", "", 421},
		{true, "GET", "192.168.1.7:8080", "", 421},
		{false, "POST", "scores.example:8080", "", 200},
		{true, "POST", "localhost:8080", "Origin http://localhost:8080", 200},
		{true, "POST", "localhost:8080", "Origin http://localhost:9999", 403},
		{true, "GET", "localhost:8080", "Origin https://evil.example", 403},
		{true, "POST", "localhost:8080", "Origin null", 403},
		{true, "POST", "localhost:8080", "Origin http://localhost:8080,Origin http://evil.example", 403},
		{false, "POST", "scores.example", "Origin https://evil.example", 403},
		{false, "POST", "scores.example", "Origin https://scores.example,Sec-Fetch-Site same-origin", 200},
		{true, "POST", "localhost:8080", "Sec-Fetch-Site cross-site", 403},
		{true, "GET", "localhost:8080", "Sec-Fetch-Site cross-site", 200}, // a link from another page
	} {
		r := httptest.NewRequestWithContext(t.Context(), c.method, "/", nil)
		r.Host = c.host
		for _, h := range strings.Split(c.headers, ",") {
			if name, value, ok := strings.Cut(h, " "); ok {
				r.Header.Add(name, value)
			}
		}
		w := httptest.NewRecorder()
		guard(next, c.local).ServeHTTP(w, r)
		if w.Code != c.code {
			t.Errorf("local %v, %s %q %q: %d, want %d", c.local, c.method, c.host, c.headers, w.Code, c.code)
		}
	}
}

// logged is a log that a test reads while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// serve runs a server until the test ends; the channel gets what Run returns.
func serve(t *testing.T, address string, h http.Handler) (*Server, *logged, context.CancelFunc, chan error) {
	t.Helper()
	out := new(logged)
	s, err := Listen(address, "tests", h, slog.New(slog.NewTextHandler(out, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return s, out, cancel, ended
}

// A request in flight is finished when the server ends, and one that takes too long does not hold it up.
func TestShutdown(t *testing.T) {
	began, finish := make(chan struct{}, 2), make(chan struct{})
	s, _, stop, ended := serve(t, "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began <- struct{}{}
		if r.URL.Path == "/slow" {
			<-r.Context().Done()
			return
		}
		<-finish
		fmt.Fprint(w, "done")
	}))
	answers := make(chan string, 2)
	for _, path := range []string{"/", "/slow"} {
		go func() { answers <- get(t, s.Address(), path) }()
		<-began
	}
	stop()
	close(finish)
	got := []string{<-answers, <-answers}
	if got[0] != "200 OK" {
		t.Errorf("the request in flight got %q", got[0])
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(closeTimeout + 20*time.Second):
		t.Error("a request that never ends holds the server up")
	}
}

func get(t *testing.T, address, path string) string {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	return answer.Status
}

// Only an address that other machines reach is worth a warning.
func TestWarnsOfOpenAddresses(t *testing.T) {
	for address, warned := range map[string]bool{"127.0.0.1:0": false, "0.0.0.0:0": true} {
		s, out, stop, ended := serve(t, address, http.NotFoundHandler())
		_, port, _ := net.SplitHostPort(s.Address())
		get(t, "127.0.0.1:"+port, "/") // it serves, so it has said what it has to say
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if got := strings.Contains(out.String(), "without authentication"); got != warned {
			t.Errorf("%s: warned %v, want %v: %s", address, got, warned, out)
		}
	}
}

// At the bound of connections those that wait longest for a request make room for new ones.
func TestSilentConnectionsMakeRoom(t *testing.T) {
	s, _, _, _ := serve(t, "127.0.0.1:0", http.NotFoundHandler())
	open := make([]net.Conn, connectionsMax+100)
	for i := range open {
		var err error
		if open[i], err = net.Dial("tcp", s.Address()); err != nil {
			t.Fatal(err)
		}
		defer open[i].Close()
		if i%2 == 0 { // every second one is kept alive after a request
			fmt.Fprint(open[i], "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
			line, err := bufio.NewReader(open[i]).ReadString('\n')
			if err != nil || !strings.Contains(line, "404") {
				t.Fatalf("connection %d: %q, %v", i, line, err)
			}
		}
	}
	if got := get(t, s.Address(), "/"); got != "404 Not Found" {
		t.Errorf("one more is answered with %q", got)
	}
	if err := open[1].SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := open[1].Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the one that waited longest is still open: %v", err)
	}
}

// When all connections are at work a further one is closed, and those at work are answered.
func TestConnectionsAtWorkStay(t *testing.T) {
	const most = 3
	finish, began := make(chan struct{}), make(chan struct{}, most)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, ConnState: newCrowd(most).state,
		Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { began <- struct{}{}; <-finish })}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	answers := make(chan string, most)
	for range most {
		go func() { answers <- get(t, listener.Addr().String(), "/") }()
		<-began
	}
	if got := get(t, listener.Addr().String(), "/"); strings.HasPrefix(got, "200") {
		t.Errorf("one more than %d is answered: %s", most, got)
	}
	close(finish)
	for range most {
		if got := <-answers; got != "200 OK" {
			t.Errorf("one at work got %q", got)
		}
	}
	if got := get(t, listener.Addr().String(), "/"); got != "200 OK" { // there is room again
		t.Errorf("afterwards: %q", got)
	}
}
