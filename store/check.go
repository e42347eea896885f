package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// lagMax is the replication lag in seconds beyond which a failover would lose more than a snapshot.
const lagMax = 10

// Check asks whether Redis can be reached, and how it is set up. The error names the address and never
// a password; warnings are sentences about settings that endanger snapshots. It changes nothing.
func (s *Store) Check(ctx context.Context) (warnings []string, err error) {
	if err := s.client.Ping(ctx).Err(); err != nil {
		return nil, s.failed("connecting", err)
	}
	if s.mode == "embedded" {
		return nil, nil // it has no settings and no replicas
	}
	settings, err := s.client.ConfigGet(ctx, "*").Result()
	if err != nil {
		warnings = append(warnings, "its settings cannot be read, so make sure that maxmemory-policy is noeviction")
	} else {
		warnings = append(warnings, settingWarnings(settings)...)
	}
	info, err := s.client.Info(ctx, "replication").Result()
	if err != nil {
		return append(warnings, "its replication state cannot be read"), nil
	}
	return append(warnings, replicationWarnings(parseInfo(info))...), nil
}

func settingWarnings(settings map[string]string) (warnings []string) {
	if policy := settings["maxmemory-policy"]; policy != "" && policy != "noeviction" {
		note := "snapshots may be evicted"
		if settings["maxmemory"] == "0" {
			note = "harmless only while maxmemory is 0"
		}
		warnings = append(warnings, fmt.Sprintf("maxmemory-policy is %s: set it to noeviction (%s)", policy, note))
	}
	aof, known := settings["appendonly"]
	switch {
	case !known || aof == "yes":
	case settings["save"] == "":
		warnings = append(warnings, "it keeps nothing on disk (appendonly no, save empty): a restart loses all snapshots")
	default:
		warnings = append(warnings, "appendonly is no: a crash loses the versions since the last RDB save")
	}
	return warnings
}

func replicationWarnings(info map[string]string) (warnings []string) {
	if info["role"] == "slave" {
		warnings = append(warnings, "it is a replica: scorers can read from it, a learner cannot write")
		if info["master_link_status"] == "down" {
			warnings = append(warnings, "its link to its master is down")
		}
	}
	for key, value := range info {
		if !strings.HasPrefix(key, "slave") || !strings.Contains(value, "lag=") {
			continue
		}
		for field := range strings.SplitSeq(value, ",") {
			text, ok := strings.CutPrefix(field, "lag=")
			if lag, err := strconv.Atoi(text); ok && err == nil && lag > lagMax {
				warnings = append(warnings, fmt.Sprintf("a replica lags %d s behind: a failover to it would lose the versions since", lag))
			}
		}
	}
	return warnings
}

// parseInfo reads INFO's lines of key:value.
func parseInfo(text string) map[string]string {
	info := map[string]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[key] = value
		}
	}
	return info
}

// readyEvery is the pause between attempts to reach a server that is not there: often enough to
// start right after it, rarely enough for its log.
const readyEvery = 500 * time.Millisecond

// Ready waits until Redis answers, for as long as the spec's Retry, and logs why it waits. A refusal
// by a server that answers, such as a wrong password, is final.
func (s *Store) Ready(ctx context.Context) error {
	deadline := time.NewTimer(s.retry)
	defer deadline.Stop()
	for told := false; ; told = true {
		err := s.client.Ping(ctx).Err()
		if err == nil {
			return nil
		}
		err = s.failed("connecting", err)
		if refusal := redis.Error(nil); errors.As(err, &refusal) && !strings.HasPrefix(refusal.Error(), "LOADING") {
			return err
		}
		if !told {
			s.o.Log.WarnContext(ctx, "Redis does not answer, trying on", "address", s.addr, "error", err, "gives_up_after", s.retry)
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-deadline.C:
			return fmt.Errorf("giving up after %s: %w", s.retry, err)
		case <-time.After(readyEvery):
		}
	}
}
