package consumers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"millrace"
	"millrace/consumers/internal/recordbatch"
)

// ErrUnknownTopic says that the cluster has no such topic, or does not show it to this user.
var ErrUnknownTopic = errors.New("unknown topic")

const (
	// backoffFirst is short, as a moved leader is usually found at once; backoffLongest keeps a cluster
	// that starts again from being flooded, and an outage from lasting noticeably longer than it does.
	backoffFirst   = 20 * time.Millisecond
	backoffLongest = 2 * time.Second
)

// backoff waits longer each time, with jitter, so that many clients do not come back in step.
type backoff struct {
	c     *Cluster
	tries int
}

func (b *backoff) reset() { b.tries = 0 }

// wait sleeps for between half and all of the next step.
func (b *backoff) wait(ctx context.Context) error {
	step := backoffLongest
	if b.tries < 10 { // beyond that, the shift is far above the maximum anyway
		step = min(backoffFirst<<b.tries, backoffLongest)
	}
	b.tries++
	return b.c.sleep(ctx, step/2+time.Duration(b.c.jitter()*float64(step/2)))
}

// sleepTimer is how Options.Sleep waits when none is given.
func sleepTimer(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// passing reports whether trying again may help: brokers restart, leaders move, networks fail.
// What needs a person (authorization, a broken certificate, a refused setting) does not pass.
func passing(err error) bool {
	var (
		code      kafka.Error
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		plain     tls.RecordHeaderError
		alert     tls.AlertError
		gap       *millrace.GapError
	)
	switch {
	case err == nil, errors.As(err, &gap), errors.Is(err, context.Canceled), errors.Is(err, ErrUnknownTopic),
		errors.Is(err, recordbatch.ErrOldFormat), errors.Is(err, errSettled):
		return false
	case errors.As(err, &code):
		return passingCode(code)
	case errors.As(err, &authority), errors.As(err, &hostname), errors.As(err, &invalid),
		errors.As(err, &plain), errors.As(err, &alert):
		return false
	}
	return true
}

// errSettled marks errors of this package that no retry changes.
var errSettled = errors.New("giving up")

// settled wraps an error so that it is not tried again.
func settled(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errSettled}, args...)...)
}

// passingCode goes beyond kafka-go's Temporary by what clients of a restarting cluster meet.
func passingCode(code kafka.Error) bool {
	switch code {
	case kafka.Unknown, kafka.BrokerNotAvailable, kafka.ReplicaNotAvailable, kafka.StaleControllerEpoch,
		kafka.RebalanceInProgress, kafka.IllegalGeneration, kafka.UnknownMemberId:
		return true
	}
	return code.Temporary()
}

// quietTries is how often something is tried before anybody is told: a topic that was just created has no leader for a
// moment, a group's first member waits for its coordinator, and a leader that moves is away as long.
const quietTries = 3

// persist calls try until it succeeds, fails for good, or the spec's retry time is over. It is for
// what happens before anything runs; sources and producers go on for ever instead.
func (c *Cluster) persist(ctx context.Context, what string, try func(context.Context) error) error {
	return c.persistFor(ctx, c.spec.Retry, what, try)
}

// forever is how long what runs already is tried: a year is longer than anybody watches.
const forever = 365 * 24 * time.Hour

func (c *Cluster) persistFor(ctx context.Context, howLong time.Duration, what string, try func(context.Context) error) error {
	start := c.now()
	wait := backoff{c: c}
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		tried := c.now().Sub(start)
		if ctx.Err() != nil || !passing(err) || tried >= howLong {
			if wait.tries > 0 && passing(err) {
				return fmt.Errorf("%s, tried for %s: %w", what, tried.Round(time.Millisecond), err)
			}
			return fmt.Errorf("%s: %w", what, err)
		}
		if wait.tries == quietTries {
			log := c.log
			if howLong != forever {
				log = log.With("for", howLong)
			}
			log.Warn("kafka: will try again", "doing", what, "error", err)
		}
		if err := wait.wait(ctx); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
}
