package consumers

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"millrace"
)

// Validate reports every mistake in the spec; paths are relative to it.
func (s Spec) Validate() []millrace.Violation {
	var found []millrace.Violation
	report := func(path, format string, args ...any) {
		found = append(found, millrace.Violation{Path: path, Message: fmt.Sprintf(format, args...)})
	}
	switch s.Mode {
	case "embedded":
		if len(s.Brokers) > 0 {
			report("brokers", "the embedded broker has an address of its own: leave brokers out, or mode")
		}
	case "", "external":
		if len(s.Brokers) == 0 {
			report("brokers", "name at least one broker as host:port, or write `kafka: embedded`")
		}
	default:
		report("mode", "%q is neither embedded nor external", s.Mode)
	}
	for i, b := range s.Brokers {
		if why := addressFault(b); why != "" {
			report(fmt.Sprintf("brokers[%d]", i), "%q %s: write host:port, as localhost:9092", b, why)
		}
	}
	s.encryption().validate(report)
	s.validateSecurity(report)
	s.SASL.validate(report)
	if s.Timeout <= 0 {
		report("timeout", "must be more than 0, as 10s")
	}
	if s.Retry < 0 {
		report("retry", "must not be negative; 0 tries once")
	}
	return found
}

// encryption is TLS as tls and security_protocol say together.
func (s *Spec) encryption() *TLSSpec {
	t := s.TLS
	t.Enabled = t.Enabled || strings.HasSuffix(s.Security, "SSL")
	return &t
}

// validateSecurity compares Kafka's word with what tls and sasl say.
func (s *Spec) validateSecurity(report func(path, format string, args ...any)) {
	switch s.Security {
	case "":
		return
	case "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL":
	default:
		report("security_protocol", "%q is none of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL", s.Security)
		return
	}
	if s.TLS.Enabled && !strings.HasSuffix(s.Security, "SSL") {
		report("security_protocol", "%s is without encryption, and tls says with: leave one of them out", s.Security)
	}
	signs := strings.HasPrefix(s.Security, "SASL")
	if given := s.SASL.Mechanism != ""; signs && !given {
		report("sasl.mechanism", "is needed with %s: plain, scram-sha-256 or scram-sha-512", s.Security)
	} else if given && !signs {
		report("security_protocol", "%s is without SASL, and sasl names a mechanism: write SASL_%s", s.Security, s.Security)
	}
}

func addressFault(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "is no address"
	}
	if host == "" {
		return "names no host"
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "has no port from 1 to 65535"
	}
	return ""
}

func (t *TLSSpec) validate(report func(path, format string, args ...any)) {
	if (t.Cert == "") != (t.Key == "") {
		missing, given := "tls.key", "cert"
		if t.Cert == "" {
			missing, given = "tls.cert", "key"
		}
		report(missing, "is needed beside tls.%s", given)
	}
	if !t.Enabled && (t.CA != "" || t.Cert != "" || t.Key != "") {
		report("tls.enabled", "must be true for the certificates to be used")
	}
}

func (s *SASLSpec) validate(report func(path, format string, args ...any)) {
	switch strings.ToLower(s.Mechanism) {
	case "":
		if s.Username != "" || s.Password != "" {
			report("sasl.mechanism", "is needed beside username and password: plain, scram-sha-256 or scram-sha-512")
		}
		return
	case "plain", "scram-sha-256", "scram-sha-512":
	default:
		report("sasl.mechanism", "%q is none of plain, scram-sha-256, scram-sha-512", s.Mechanism)
	}
	if s.Username == "" {
		report("sasl.username", "is needed with a mechanism")
	}
	if s.Password == "" {
		report("sasl.password", "is needed with a mechanism; take it from the environment with ${VAR}")
	}
}

func sortPositions(positions []millrace.Position) {
	slices.SortFunc(positions, func(a, b millrace.Position) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
}
