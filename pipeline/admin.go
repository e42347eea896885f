package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"millrace/model"
)

// webServer is one address of this process.
type webServer struct {
	listener net.Listener
	server   *http.Server
	log      *slog.Logger
}

// newAdmin serves /metrics, /healthz, /readyz and, behind a flag, pprof. It listens on address at once, so that a taken port is an error before anything is learned.
// ready answers nil when the process does its work.
func newAdmin(o Options, e *environment, ready func() error) (*webServer, error) {
	address := o.Admin
	if address == "" {
		address = e.pipeline.Admin.Listen
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening for metrics: %w (set admin in the pipeline file, or --admin)", err)
	}
	e.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	e.metrics.MustRegister(buildInfo(o.Version))
	for _, c := range e.challengers { // dashboards find pipelines by it
		c.env.metrics.MustRegister(buildInfo(o.Version))
	}

	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(e, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	if o.PProf || e.pipeline.Admin.PProf {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	}
	return newWebServer(listener, mux, e.log), nil
}

func buildInfo(version string) prometheus.Collector {
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "millrace_build_info", Help: "The build.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version(), "profile": model.Profile()}})
	info.Set(1)
	return info
}

// newWebServer serves a handler. Slow clients may not hold connections for ever.
func newWebServer(listener net.Listener, handler http.Handler, log *slog.Logger) *webServer {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: time.Minute, IdleTimeout: time.Minute}
	return &webServer{listener: listener, server: server, log: log}
}

// Address is where it listens.
func (s *webServer) Address() string { return s.listener.Addr().String() }

// Run serves until ctx ends.
func (s *webServer) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		if err := s.server.Close(); err != nil {
			s.log.Warn("closing a web server", "address", s.Address(), "error", err)
		}
	})
	defer stop()
	if err := s.server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving on %s: %w", s.Address(), err)
	}
	return nil
}
