package web

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// guard refuses what a page of somebody else's makes a browser ask: a request whose Origin is another one than the
// server's, and, where only this machine can ask, one for another host than this machine (a name that its owner lets
// point to 127.0.0.1, "DNS rebinding"). Programs send no Origin, and name the host that they ask.
func guard(next http.Handler, local bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case local && !isLocalHost(r.Host):
			http.Error(w, "this address answers for localhost, 127.0.0.1 and [::1] only", http.StatusMisdirectedRequest)
		case foreign(r):
			http.Error(w, "pages of other origins may not ask here", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// foreign reports whether a browser asks for a page of another origin. Browsers send Origin with every request that
// such a page could read the answer of or change something with; plain GETs (links) have none and are let through.
func foreign(r *http.Request) bool {
	safe := r.Method == http.MethodGet || r.Method == http.MethodHead
	if site := r.Header.Get("Sec-Fetch-Site"); !safe && site != "" && site != "same-origin" && site != "none" {
		return true
	}
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return false
	}
	parsed, err := url.Parse(origins[0])
	return len(origins) > 1 || err != nil || parsed.Host == "" || !strings.EqualFold(parsed.Host, r.Host)
}

// isLocalHost reports whether a Host header names this machine by a name that nobody else can give it. A request of
// HTTP/1.0 has none; no browser sends such.
func isLocalHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if address, err := netip.ParseAddr(host); err == nil {
		return address.IsLoopback()
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost")
}
