package merge

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// logs are random: times go up on the whole and back at places, there are holes and ties.
func logs(rng *rand.Rand, partitions, records int) [][]int64 {
	all := make([][]int64, partitions)
	for p := range all {
		t := int64(rng.IntN(500))
		for range rng.IntN(records) + 1 {
			switch t += int64(rng.IntN(20)); rng.IntN(10) {
			case 0:
				all[p] = append(all[p], holeTime)
			case 1:
				all[p] = append(all[p], t-int64(rng.IntN(300)))
			default:
				all[p] = append(all[p], t)
			}
		}
	}
	return all
}

// merged is the order that logs have, found the slow way.
func merged(topics []string, all [][][]int64) string {
	type head struct {
		topic, partition, at int
	}
	var heads []*head
	for t := range all {
		for p := range all[t] {
			heads = append(heads, &head{topic: t, partition: p})
		}
	}
	var words []string
	for {
		var least *head
		for _, h := range heads {
			log := all[h.topic][h.partition]
			for h.at < len(log) && log[h.at] == holeTime {
				h.at++
			}
			// Heads are in the order of ties.
			if h.at < len(log) && (least == nil || log[h.at] < all[least.topic][least.partition][least.at]) {
				least = h
			}
		}
		if least == nil {
			return strings.Join(words, " ")
		}
		words = append(words, fmt.Sprintf("%s%d/%d", topics[least.topic], least.partition, least.at))
		least.at++
	}
}

func count(all ...[][]int64) (n int) {
	for _, logs := range all {
		for _, log := range logs {
			for _, t := range log {
				if t != holeTime {
					n++
				}
			}
		}
	}
	return n
}

func TestOrderIsTheSameWhateverArrivesFirst(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	events, labels := logs(rng, 4, 200), logs(rng, 3, 200)
	want := merged([]string{"e", "l"}, [][][]int64{events, labels})
	for seed := range uint64(50) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			m := merger(Options{}, newFake("e", rng, events...), newFake("l", rng, labels...))
			if got := tell(t, m).read(count(events, labels)); got != want {
				t.Fatalf("seed %d:\n%s\nwant\n%s", seed, got, want)
			}
		})
	}
}

// TestGoingOnRepeatsTheOrder: killed at random places, and resumed from the positions there.
func TestGoingOnRepeatsTheOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	events, labels := logs(rng, 3, 150), logs(rng, 2, 150)
	want := merged([]string{"e", "l"}, [][][]int64{events, labels})
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 2))
			position := map[string]int64{}
			var told []string
			for left := count(events, labels); left > 0; {
				e, l := newFake("e", rng, events...), newFake("l", rng, labels...)
				for _, f := range []*fake{e, l} {
					for p, log := range f.logs {
						log.next = int(position[fmt.Sprintf("%s%d", f.topic, p)])
					}
				}
				m := merger(Options{}, e, l)
				s := tell(t, m)
				s.position = position
				for n := min(rng.IntN(60)+1, left); n > 0; {
					got, err := m.Next(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					// In the middle of a stretch, too.
					if got.To-got.From > n {
						got.To, got.Last = got.From+n, false
					}
					told = append(told, s.words(got)...)
					n -= got.To - got.From
					left -= got.To - got.From
				}
				m.Close()
			}
			if got := strings.Join(told, " "); got != want {
				t.Fatalf("seed %d:\n%s\nwant\n%s", seed, got, want)
			}
		})
	}
}

func TestFiniteSources(t *testing.T) {
	a, b := newFake("a", nil, []int64{1, 2, 2, 5, 9}), newFake("b", nil, []int64{2, 3, 4, 8})
	a.finite, b.finite = true, true
	got := tell(t, merger(Options{}, a, b)).read(100)
	if want := "a0/0 a0/1 a0/2 b0/0 b0/1 b0/2 a0/3 b0/3 a0/4 EOF"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if a.held+b.held != 0 {
		t.Errorf("%d records were not released", a.held+b.held)
	}
}

func TestNothingAtAll(t *testing.T) {
	a, b := newFake("a", nil, nil), newFake("b", nil)
	a.finite, b.finite = true, true
	if got := tell(t, merger(Options{}, a, b)).read(1); got != "EOF" {
		t.Errorf("%s", got)
	}
}

// TestStretchesAreLong: one partition's batches come whole, and of several as much as is next.
func TestStretchesAreLong(t *testing.T) {
	a := newFake("a", nil, slices.Repeat([]int64{7}, 1000))
	got, err := merger(Options{}, a).Next(t.Context())
	if err != nil || got.To-got.From != 1000 || !got.Last {
		t.Errorf("%+v, %v", got, err)
	}
	a, b := newFake("a", nil, []int64{1, 2, 3, 4, 9, 10}), newFake("b", nil, []int64{5, 6, 7, 11})
	m := merger(Options{}, a, b)
	// Who must not wait asks first.
	ready := []bool{false, true, true}
	for i, want := range [][3]int{{0, 0, 4}, {1, 0, 3}, {0, 4, 6}} {
		if m.Ready() != ready[i] {
			t.Errorf("before stretch %d: ready is %v", i, !ready[i])
		}
		got, err := m.Next(t.Context())
		if err != nil || [3]int{got.Source, got.From, got.To} != want {
			t.Errorf("%+v, %v, want %v", got, err, want)
		}
	}
	if m.Ready() {
		t.Error("ready although one is used up")
	}
}

// TestIdle: the others go on when a partition is at its end for a second, not before, and it says so.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		a := newFake("a", nil, []int64{1, 5, 9}, []int64{2})
		s := tell(t, merger(Options{}, a))
		s.news = true
		if got, want := s.read(2), "awake0 awake1 a0/0 a1/0"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if waited := time.Since(begin); waited > 100*time.Millisecond {
			t.Errorf("what is in order waited %v", waited)
		}
		if got, want := s.read(2), "idle1 a0/1 a0/2"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if waited := time.Since(begin); waited < time.Second || waited > 1200*time.Millisecond {
			t.Errorf("waited %v", waited)
		}
		// With all idle whatever comes is next, at once.
		got := make(chan string)
		go func() { got <- s.read(1) }()
		time.Sleep(5 * time.Second)
		a.write(1, 3)
		from := time.Now()
		if got, want := <-got, "idle0 awake1 a1/1"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if waited := time.Since(from); waited > 100*time.Millisecond {
			t.Errorf("with all idle a record waited %v", waited)
		}
	})
}
