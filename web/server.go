// Package web serves HTTP on one address of this process, within bounds: how long a client may take, how many there may
// be at once, and from where a browser may ask. What is answered is the handler's; the scorer's is in scorer/web.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// A client is a program near by that asks small questions, so it has little reason to be slow. Who is slower holds a
// connection that others want.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second // the whole request
	writeTimeout  = 20 * time.Second // from the end of the headers to the end of the answer; profiles ask for more by themselves
	idleTimeout   = time.Minute      // longer than scrapes are apart
	// closeTimeout is how long requests in flight may take when the server ends.
	closeTimeout = time.Second
	// headerBytesMax is far above what the clients of an API send.
	headerBytesMax = 16 << 10
	// connectionsMax connections of one server are open at once, see crowd. Each costs about 10 KiB beside its request.
	connectionsMax = 1024
)

// Server serves one address.
type Server struct {
	what     string
	listener net.Listener
	handler  http.Handler
	log      *slog.Logger
}

// Listen takes an address at once, so that a taken port is an error before anything else is done. what names, for
// people, what the handler serves there.
func Listen(address, what string, handler http.Handler, log *slog.Logger) (*Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening for %s: %w", what, err)
	}
	return &Server{what: what, listener: listener, handler: handler, log: log}, nil
}

// Address is where it listens.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Close gives the address back without serving it. After Run has begun, end its context instead.
func (s *Server) Close() error { return s.listener.Close() }

// Run serves until ctx ends. It says so when the address can be reached from other machines, as nobody is asked
// who they are.
func (s *Server) Run(ctx context.Context) error {
	local := isLoopback(s.listener.Addr())
	if !local {
		s.log.Warn("listening beyond this machine without authentication: whoever reaches the address may ask",
			"serves", s.what, "address", s.Address())
	}
	server := &http.Server{Handler: guard(s.handler, local), ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout,
		WriteTimeout: writeTimeout, ConnState: newCrowd(connectionsMax).state, IdleTimeout: idleTimeout, MaxHeaderBytes: headerBytesMax,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)}
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		s.shutdown(context.WithoutCancel(ctx), server)
	})
	err := server.Serve(s.listener)
	if !stop() {
		<-closed
	}
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving %s on %s: %w", s.what, s.Address(), err)
	}
	return nil
}

// shutdown lets requests in flight finish, but not for long.
func (s *Server) shutdown(ctx context.Context, server *http.Server) {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	err := server.Shutdown(ctx)
	if err != nil {
		err = server.Close()
	}
	if err != nil {
		s.log.Warn("closing a web server", "serves", s.what, "address", s.Address(), "error", err)
	}
}

func isLoopback(address net.Addr) bool {
	tcp, ok := address.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
