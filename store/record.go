package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"millrace"
	"millrace/snapshot"
)

// countMax bounds epochs and sequence numbers: the scripts compare them as Lua numbers, which are
// exact up to 2^53. A flip a millisecond would take 285,000 years to get there.
const countMax = 1 << 53

// record is a pointer as Redis holds it, in head, in served and as a member of the index: canonical
// JSON, so that scripts can compare records as strings. It adds the time of the flip to the Head,
// which is what retention goes by.
type record struct {
	millrace.Head
	At int64 `json:"at"` // Unix milliseconds, by the clock of who flipped

	raw string
}

func newRecord(h millrace.Head, at time.Time) (record, error) {
	r := record{Head: h, At: at.UnixMilli()}
	data, err := snapshot.CanonicalJSON(struct {
		millrace.Head
		At int64 `json:"at"`
	}{r.Head, r.At})
	if err != nil {
		return r, fmt.Errorf("encoding head: %w", err)
	}
	r.raw = string(data)
	return r, nil
}

// parseRecord reads a record. It tells apart what could mislead: a pointer without a candidate or a
// digest, or with a number beyond what scripts compare exactly. With an error the record has nothing but raw.
func parseRecord(raw string) (record, error) {
	r := record{raw: raw}
	if err := json.Unmarshal([]byte(raw), &r); err != nil {
		return record{raw: raw}, fmt.Errorf("%w: %.60q is no pointer: %w", millrace.ErrCorrupt, raw, err)
	}
	if r.Seq == 0 || r.Seq > countMax || r.Epoch == 0 || r.Epoch > countMax || len(r.Digest) != 64 || !candidateName(r.Candidate) {
		return record{raw: raw}, fmt.Errorf("%w: no pointer: seq %d, epoch %d, candidate %.80q, digest %.80q",
			millrace.ErrCorrupt, r.Seq, r.Epoch, r.Candidate, r.Digest)
	}
	return r, nil
}

// candidateName reports whether s is <seq>-<epoch>-<random>: it becomes part of key names.
func candidateName(s string) bool {
	return len(s) <= 64 && strings.Count(s, "-") == 2 && strings.Trim(s, "0123456789abcdef-") == ""
}

// modelNameMax bounds a model's name, which is part of every key and file name.
const modelNameMax = 128

// checkModel refuses names that would break the hash tag, a pattern or a file name.
func checkModel(name string) error {
	if name == "" || len(name) > modelNameMax {
		return fmt.Errorf("a model's name has 1 to %d characters, not %d", modelNameMax, len(name))
	}
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("._-", c) {
			return fmt.Errorf("model name %q: only letters, digits, dots, dashes and underscores may be in it", name)
		}
	}
	return nil
}

// keys names one model's keys. The hash tag puts them into one slot of a cluster, so that scripts may
// touch them together.
type keys struct{ prefix string }

func keysOf(model string) keys { return keys{"millrace:{" + model + "}:"} }

func (k keys) owner() string  { return k.prefix + "owner" }
func (k keys) head() string   { return k.prefix + "head" }
func (k keys) served() string { return k.prefix + "served" }
func (k keys) index() string  { return k.prefix + "index" }
func (k keys) pinned() string { return k.prefix + "pinned" }

// sizes is a hash of every candidate's bytes, also of those that no flip has published: what retention adds up. It is
// bookkeeping: without it sizes are asked one by one.
func (k keys) sizes() string { return k.prefix + "sizes" }

// hint is the Pub/Sub channel that says served may have moved.
func (k keys) hint() string { return k.prefix + "hint" }

// candidate is the three keys of a candidate: manifest, serving, training.
func (k keys) candidate(name string) [3]string {
	c := k.prefix + "c:" + name
	return [3]string{c + ":manifest", c + ":serving", c + ":training"}
}
