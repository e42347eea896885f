package scorer

import (
	"errors"

	"millrace"
)

// Reasons a snapshot is refused for: stable words, and a metric label.
const (
	RefusedCorrupt      = "corrupt"
	RefusedIncompatible = "incompatible"
	RefusedStale        = "stale"
	RefusedOtherOrigin  = "other_origin"
	RefusedUnreadable   = "unreadable"
)

var (
	errStale       = errors.New("older than what is served, or equal with another digest")
	errOtherOrigin = errors.New("it belongs to another lineage, which began because the store had forgotten this one")
)

// refusalReason is the word for why a snapshot was refused.
func refusalReason(err error) string {
	switch {
	case errors.Is(err, errStale):
		return RefusedStale
	case errors.Is(err, errOtherOrigin):
		return RefusedOtherOrigin
	case errors.Is(err, millrace.ErrIncompatible):
		return RefusedIncompatible
	case errors.Is(err, millrace.ErrCorrupt):
		return RefusedCorrupt
	default:
		return RefusedUnreadable
	}
}

// refusedMany is how many versions in a row a scorer refuses before it says what a person should do, and after how many
// more it says so again. A few pass by themselves, as while a learner and its scorers are given new settings.
const refusedMany = 20

// refusals counts what was refused since the last good version.
type refusals struct {
	n       int
	pointer string // what is wrong with a pointer that cannot be read; empty after one that can
	told    told   // of the latest
}

// told is what a line in the log was written about.
type told struct {
	head   millrace.Head
	reason string
}

// refuse counts and tells that a version was refused: under the zero Head when the pointer to it cannot be read. Such a
// pointer stands there until somebody replaces it, and is one refusal. What is tried again and again is told once.
func (s *Scorer) refuse(r *refusals, h millrace.Head, err error) {
	reason, pointer := refusalReason(err), ""
	if h == (millrace.Head{}) {
		if pointer = err.Error(); pointer == r.pointer {
			return
		}
	}
	r.pointer = pointer
	r.n++
	if now := (told{h, reason}); now != r.told || pointer != "" {
		r.told = now
		s.o.Log.Warn("snapshot refused; "+s.meanwhile(), "seq", h.Seq, "epoch", h.Epoch, "reason", reason, "error", err)
	}
	if r.n%refusedMany == 0 {
		s.o.Log.Error("every version is refused, and the one in service grows old", "refused", r.n, "reason", reason, "do", remedy(reason))
	}
	s.o.Metrics.refused.WithLabelValues(reason).Inc() // last: who sees it counted finds it told
}

// remedy says what a person can do about versions that are all refused.
func remedy(reason string) string {
	switch reason {
	case RefusedStale:
		return "the store went back to older versions, as after a failover: restart the learner, which then takes a newer epoch than any before, " +
			"or restart this scorer to take what the store serves now"
	case RefusedOtherOrigin:
		return "the store lost this model, and another began in its place: restore the former one (millrace snapshots import, or a learner with " +
			"--state-dir), or restart this scorer to take the new one"
	case RefusedIncompatible:
		return "the learner runs with another pipeline file: restart this scorer with that one (millrace check -c FILE)"
	case RefusedCorrupt:
		return "look at millrace snapshots list and repair, and go back to a good version with millrace snapshots rollback"
	default:
		return "see whether the store lost blobs (maxmemory-policy must be noeviction), and look at millrace snapshots list and repair"
	}
}
