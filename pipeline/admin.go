package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"millrace/model"
	"millrace/pipeline/status"
	"millrace/web"
)

// newAdmin serves /metrics, /status, /healthz, /readyz and, behind a flag, pprof. now says how the process does.
func newAdmin(o Options, e *environment, now func() status.Status) (*web.Server, error) {
	address := o.Admin
	if address == "" {
		address = e.pipeline.Admin.Listen
	}
	mux := http.NewServeMux()
	server, err := web.Listen(address, "metrics", mux, e.log)
	if host, _, split := net.SplitHostPort(address); split == nil && o.Admin == "" && embeds(e.pipeline) && errors.Is(err, syscall.EADDRINUSE) {
		// A pipeline with servers of its own is somebody's trial, beside another one perhaps; status finds it anywhere.
		e.log.Warn("the address for metrics is taken, so a free one is", "taken", address)
		server, err = web.Listen(net.JoinHostPort(host, "0"), "metrics", mux, e.log)
	}
	if err != nil {
		return nil, fmt.Errorf("%w (set admin in the pipeline file, or --admin)", err)
	}
	e.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	e.metrics.MustRegister(buildInfo(o.Version))
	for _, c := range e.challengers { // dashboards find pipelines by it
		c.env.metrics.MustRegister(buildInfo(o.Version))
	}
	mux.Handle("GET /metrics", promhttp.HandlerFor(e, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(now()) // who asked is gone
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if why := now().NotReady; why != "" {
			http.Error(w, why, http.StatusServiceUnavailable)
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
	return server, nil
}

func buildInfo(version string) prometheus.Collector {
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "millrace_build_info", Help: "The build.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version(), "profile": model.Profile()}})
	info.Set(1)
	return info
}
