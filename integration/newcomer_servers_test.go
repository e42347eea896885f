//go:build integration

package integration

import (
	"testing"

	"millrace/integration/harness"
)

// TestNewcomerWithServers types what the README says, in its order, on a machine with Kafka and Redis.
func TestNewcomerWithServers(t *testing.T) {
	kafka, redis := harness.NewKafka(t, harness.KafkaOptions{}), harness.NewRedis(t, harness.RedisOptions{})
	newNewcomer(t, kafka.Addr(), redis.Addr()).walk(t)
}
