package pipeline

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"millrace"
	"millrace/snapshot"
)

// storiesOf are two stories of so many events, the same up to some place.
func storiesOf(rng *rand.Rand, n, partitions int) (a, b memoryLogs) {
	start := time.UnixMilli(1_764_000_000_000)
	fork := n/3 + rng.IntN(n/3)
	common := eventsOf(rng, start, 0, fork, partitions)
	for _, logs := range []*memoryLogs{&a, &b} {
		all := append(slices.Clone(common), eventsOf(rng, start, fork, n, partitions)...)
		slices.SortStableFunc(all, func(a, b stamped) int { return int(a.at - b.at) })
		*logs = logsOf(all, partitions)
	}
	return a, b
}

// afterwards are events with the ids of a story's last ones and new ones, labels for all, and one event so late that
// nothing waits any more.
func afterwards(rng *rand.Rand, now int64) (all []millrace.Record) {
	add := func(topic int, at int64, value string) {
		all = append(all, millrace.Record{Topic: killedTopics[topic], Offset: 1 << 40, Time: at, Value: []byte(value)})
		all[len(all)-1].Offset += int64(len(all))
	}
	for i := range 300 {
		now += 30
		id := rng.IntN(900)
		add(0, now, fmt.Sprintf(`{"id":"e%d","time":%d,"amount":%d,"card":"c%d"}`, id, now, rng.IntN(40), rng.IntN(40)))
		add(1, now, fmt.Sprintf(`{"id":"e%d","outcome":%q}`, rng.IntN(900), []string{"legit", "fraud"}[i%2]))
	}
	add(0, now+3_600_000, fmt.Sprintf(`{"id":"last","time":%d,"amount":1,"card":"c1"}`, now+3_600_000))
	add(0, now+3_600_001, fmt.Sprintf(`{"id":"last","time":%d,"amount":1,"card":"c1"}`, now+3_600_001))
	return all
}

// checkpoints are the files of checkpoints that are there.
func (l *lives) checkpoints() map[string][]byte {
	all := map[string][]byte{}
	for _, name := range []string{newestCheckpoint, beforeCheckpoint} {
		if data, err := os.ReadFile(l.file(name)); err == nil {
			all[name] = data
		}
	}
	return all
}

func (l *lives) file(name string) string { return filepath.Join(l.state, "loop", name) }

// put makes files what they are to be; nil is none.
func (l *lives) put(files map[string][]byte) {
	l.t.Helper()
	for name, data := range files {
		err := os.RemoveAll(l.file(name))
		if data != nil && err == nil {
			err = os.WriteFile(l.file(name), data, 0o600)
		}
		if err != nil {
			l.t.Fatal(err)
		}
	}
}

// damage is what happens while no learner lives: to the state folder, and to the versions.
func (l *lives) damage() {
	l.t.Helper()
	if l.rng.IntN(2) == 0 {
		l.saved = append(l.saved, l.checkpoints())
	}
	if len(l.left) > 0 && l.rng.IntN(3) > 0 && l.putLeft() {
		return
	}
	for range 1 + l.rng.IntN(2) {
		all := l.damages()
		names := slices.Sorted(maps.Keys(all))
		name := names[l.rng.IntN(len(names))]
		l.tell("  %s", name)
		if all[name]() {
			l.kinds[name]++
		} else {
			l.tell("    not possible")
		}
	}
}

// leave keeps the checkpoints of what is gone on from no more.
func (l *lives) leave() {
	for _, files := range append(l.saved[max(0, len(l.saved)-3):], l.checkpoints()) {
		if len(files) > 0 {
			l.left = append(l.left, files)
		}
	}
}

// putLeft puts a checkpoint of what was left, the newest that does not lie beyond the head, in place of all others.
func (l *lives) putLeft() bool {
	head, err := l.rig.servers.store.Head(l.t.Context(), "loop")
	if err != nil || !l.there() {
		return false
	}
	v, err := l.rig.servers.store.Load(l.t.Context(), "loop", head, false)
	if err != nil {
		l.t.Fatal(err)
	}
	var best []byte
	most := int64(0)
	for _, files := range l.left {
		for _, data := range files {
			m, reached := l.written[sha256.Sum256(data)].version, int64(0)
			for _, p := range m.Positions {
				i := slices.IndexFunc(v.Manifest.Positions, func(q millrace.Position) bool { return q.Topic == p.Topic && q.Partition == p.Partition })
				if reached += p.Offset; v.Manifest.Positions[i].Offset < p.Offset {
					reached = math.MinInt64
					break
				}
			}
			if reached > most {
				best, most = data, reached
			}
		}
	}
	if best == nil {
		return false
	}
	l.tell("  a checkpoint of what was left")
	l.kinds["a checkpoint of what was left"]++
	l.put(map[string][]byte{newestCheckpoint: best, beforeCheckpoint: nil})
	return true
}

// damages are what can happen; each reports whether it could.
func (l *lives) damages() map[string]func() bool {
	all := map[string]func() bool{
		"nothing":                  func() bool { return true },
		"nothing, again":           func() bool { return true },
		"cut off":                  func() bool { return l.spoil(func(b []byte) []byte { return b[:l.rng.IntN(len(b))] }) },
		"a byte flips":             func() bool { return l.spoil(l.flip) },
		"older files":              l.putSaved,
		"an older file":            l.putOneSaved,
		"the two change places":    l.swap,
		"half turned":              l.halfTurned,
		"odd files":                l.odd,
		"the copy is spoilt":       l.spoilCopy,
		"rolled back":              l.rollBack,
		"the head is set back":     func() bool { return l.setBack(false) },
		"head and copy set back":   func() bool { return l.setBack(true) },
		"the store loses its data": l.loseStore,
		"one file is gone": func() bool {
			l.put(map[string][]byte{[]string{newestCheckpoint, beforeCheckpoint}[l.rng.IntN(2)]: nil})
			return true
		},
		"all is gone": func() bool {
			if err := os.RemoveAll(l.state); err != nil {
				l.t.Fatal(err)
			}
			return true
		},
	}
	return all
}

// spoil makes one of the checkpoints something else.
func (l *lives) spoil(how func([]byte) []byte) bool {
	all := l.checkpoints()
	names := slices.Sorted(maps.Keys(all))
	if len(names) == 0 {
		return false
	}
	name := names[l.rng.IntN(len(names))]
	if len(all[name]) == 0 {
		return false
	}
	l.put(map[string][]byte{name: how(all[name])})
	return true
}

func (l *lives) flip(b []byte) []byte {
	b[l.rng.IntN(len(b))] ^= 1 << l.rng.IntN(8)
	return b
}

func (l *lives) putSaved() bool {
	if len(l.saved) == 0 || !l.there() {
		return false
	}
	l.put(map[string][]byte{newestCheckpoint: nil, beforeCheckpoint: nil})
	l.put(l.saved[l.rng.IntN(len(l.saved))])
	return true
}

func (l *lives) there() bool {
	_, err := os.Stat(filepath.Join(l.state, "loop"))
	return err == nil
}

func (l *lives) putOneSaved() bool {
	if len(l.saved) == 0 || !l.there() {
		return false
	}
	saved := l.saved[l.rng.IntN(len(l.saved))]
	names := slices.Sorted(maps.Keys(saved))
	if len(names) == 0 {
		return false
	}
	to := []string{newestCheckpoint, beforeCheckpoint}[l.rng.IntN(2)]
	l.put(map[string][]byte{to: saved[names[l.rng.IntN(len(names))]]})
	return true
}

func (l *lives) swap() bool {
	all := l.checkpoints()
	if len(all) < 2 {
		return false
	}
	l.put(map[string][]byte{newestCheckpoint: all[beforeCheckpoint], beforeCheckpoint: all[newestCheckpoint]})
	return true
}

// halfTurned is what a process leaves that is killed between the two renames of writing a checkpoint.
func (l *lives) halfTurned() bool {
	all := l.checkpoints()
	if all[newestCheckpoint] == nil {
		return false
	}
	newest := all[newestCheckpoint]
	l.put(map[string][]byte{beforeCheckpoint: newest, newestCheckpoint: nil, ".keyed.checkpoint.7.tmp": newest[:len(newest)/2]})
	return true
}

// odd puts into the folder what has no business there.
func (l *lives) odd() bool {
	if !l.there() {
		return false
	}
	name := l.file([]string{newestCheckpoint, beforeCheckpoint, "newest.millrace"}[l.rng.IntN(3)])
	err := os.RemoveAll(name)
	if err == nil {
		switch l.rng.IntN(4) {
		case 0:
			err = os.Mkdir(name, 0o700)
		case 1:
			err = os.MkdirAll(filepath.Join(name, "sub"), 0o700)
		case 2:
			err = os.Symlink("nowhere", name)
		case 3:
			err = os.WriteFile(name, []byte("what is this?"), 0o600)
		}
	}
	if err == nil {
		err = os.MkdirAll(l.file("waiting"), 0o700)
	}
	if err == nil {
		err = os.WriteFile(l.file("waiting/3"), []byte("left by a process that was killed"), 0o600)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	return true
}

func (l *lives) spoilCopy() bool {
	data, err := os.ReadFile(l.file("newest.millrace"))
	if err != nil {
		return false
	}
	switch l.rng.IntN(3) {
	case 0:
		data = nil
	case 1:
		data = data[:l.rng.IntN(len(data))]
	default:
		data = l.flip(data)
	}
	l.put(map[string][]byte{"newest.millrace": data})
	return true
}

// rollBack has a person go back to one of the last versions.
func (l *lives) rollBack() bool {
	all, err := l.rig.servers.store.List(l.t.Context(), "loop")
	if err != nil {
		return false // there is none
	}
	var to []uint64
	for _, v := range all {
		if !v.IsHead && v.Fault == "" && l.good[v.Digest] && v.Manifest.Applied > 0 && len(to) < 15 {
			to = append(to, v.Head.Seq)
		}
	}
	if len(to) == 0 {
		return false
	}
	return l.backTo(to[l.rng.IntN(len(to))])
}

func (l *lives) backTo(seq uint64) bool {
	l.t.Helper()
	if _, err := l.rig.servers.store.Rollback(l.t.Context(), "loop", seq, "tester"); err != nil {
		l.t.Fatal(err)
	}
	l.tell("    to %d", seq)
	l.heads = nil
	return true
}

// setBack has the store be what it was before its last flips, as after a failover to a replica that lags; with the
// copy in the state folder lost, the lost versions never were.
func (l *lives) setBack(copyToo bool) bool {
	if len(l.heads) < 4 {
		return false
	}
	i := len(l.heads) - 2 - l.rng.IntN(3)
	l.rig.redis("SET", "millrace:{loop}:head", l.heads[i])
	l.rig.redis("SET", "millrace:{loop}:served", l.heads[i])
	l.heads = l.heads[:i+1]
	if copyToo && l.there() {
		l.put(map[string][]byte{"newest.millrace": nil})
	}
	return true
}

// loseStore has the store lose everything: it is filled from the copy, or learning begins anew.
func (l *lives) loseStore() bool {
	s, err := snapshot.ReadFile(l.file("newest.millrace"))
	if err == nil && !l.good[digestOf(&s.Manifest)] || err != nil && !l.there() {
		return false
	}
	l.rig.redis("FLUSHALL")
	l.heads = nil
	if err == nil {
		return true
	}
	l.forget()
	l.kinds["learning begins anew"]++
	return true
}

// forget makes no version one that may be gone on from.
func (l *lives) forget() { l.heads, l.good = nil, map[string]bool{} }

// loseTail has the logs lose what came last, and get something else: people then go back to a version of before.
func (l *lives) loseTail(logs *memoryLogs) {
	l.t.Helper()
	all, err := l.rig.servers.store.List(l.t.Context(), "loop")
	if err != nil && !errors.Is(err, millrace.ErrNoSnapshot) {
		l.t.Fatal(err)
	}
	good := map[string]bool{}
	var to []uint64
	for _, v := range all {
		if v.Fault == "" && l.good[v.Digest] && l.logs.shares(logs, v.Manifest.Positions) {
			good[v.Digest] = true
			if v.Manifest.Applied > 0 {
				to = append(to, v.Head.Seq)
			}
		}
	}
	l.logs, l.good = logs, good
	if len(to) == 0 {
		l.tell("the tail is lost, and learning begins anew")
		l.rig.redis("FLUSHALL")
		l.forget()
		if l.there() {
			l.put(map[string][]byte{"newest.millrace": nil})
		}
		return
	}
	seq := to[l.rng.IntN(min(3, len(to)))]
	l.tell("the tail is lost; back to %d", seq)
	l.backTo(seq)
	l.kinds["tails lost"]++
}
