// Package consumers reads Kafka topics as batches of records: one loop a partition over kafka-go's
// Transport with a record-batch decoder of its own, positions that tell a hole from a loss, groups
// for scorers, and a producer without idempotence for dead letters, scores and produce.
package consumers

import "time"

// Spec says how a Kafka cluster is reached. `kafka: embedded` is short for `{mode: embedded}`.
type Spec struct {
	Mode    string   `yaml:"mode,short" enum:"embedded|external" doc:"embedded starts a broker in the process; external uses brokers"`
	Brokers []string `yaml:"brokers" doc:"bootstrap addresses, host:port"`
	// Security is what Kafka's own clients call security.protocol: tls and sasl in one word.
	Security string        `yaml:"security_protocol" enum:"PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL" doc:"Kafka's word for tls and sasl; left out, what those say"`
	TLS      TLSSpec       `yaml:"tls" doc:"transport encryption"`
	SASL     SASLSpec      `yaml:"sasl" secret:"true" doc:"authentication"`
	Timeout  time.Duration `yaml:"timeout" doc:"how long one request may take"`
	Retry    time.Duration `yaml:"retry" doc:"how long an unreachable cluster is tried before giving up; while running it is tried for ever"`
}

// TLSSpec configures TLS; `tls: true` is short for `{enabled: true}`.
type TLSSpec struct {
	Enabled bool   `yaml:"enabled,short" doc:"use TLS"`
	CA      string `yaml:"ca" doc:"file with the certificates that sign the brokers'; the system's by default"`
	Cert    string `yaml:"cert" doc:"file with the client's certificate"`
	Key     string `yaml:"key" doc:"file with the client's key"`
}

// SASLSpec configures authentication.
type SASLSpec struct {
	Mechanism string `yaml:"mechanism" enum:"plain|scram-sha-256|scram-sha-512|PLAIN|SCRAM-SHA-256|SCRAM-SHA-512" doc:"SASL mechanism, as here or as Kafka spells it"`
	Username  string `yaml:"username" doc:"user"`
	Password  string `yaml:"password" secret:"true" doc:"password; take it from the environment with ${VAR}"`
}

// SetDefaults fills in what a pipeline file may leave out.
func (s *Spec) SetDefaults() {
	*s = Spec{Timeout: 10 * time.Second, Retry: 30 * time.Second}
}
