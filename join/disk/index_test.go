package disk

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestIndexForgets: ten thousand segments come and go, more than there are numbers. Ids are found as long as their
// segment is there, what is left of others is swept out, and memory stays what the largest moment took.
func TestIndexForgets(t *testing.T) {
	const segments, each, live = 10_000, 50, 20
	rng := rand.New(rand.NewPCG(1, 2))
	x := newIndex(live * each)
	var there [][]uint64
	var numbers []uint16
	var found []uint16
	for i := range segments {
		n, ok := x.number()
		if !ok {
			t.Fatalf("segment %d has no number", i)
		}
		hashes := make([]uint64, each)
		for k := range hashes {
			hashes[k] = rng.Uint64()
			if err := x.add(hashes[k], n); err != nil {
				t.Fatal(err)
			}
		}
		x.sweep(len(x.shards)/sweepShare + 1)
		there, numbers = append(there, hashes), append(numbers, n)
		if len(there) > live {
			gone := rng.IntN(len(there))
			x.retire(numbers[gone])
			there, numbers = slices.Delete(there, gone, gone+1), slices.Delete(numbers, gone, gone+1)
		}
		for k := range there {
			hash := there[k][rng.IntN(each)]
			if found = x.find(found[:0], hash); !slices.Contains(found, numbers[k]) {
				t.Fatalf("segment %d: an id of number %d is found in %d", i, numbers[k], found)
			}
		}
		if x.ids > (live+3*sweepShare)*each {
			t.Fatalf("segment %d: %d ids of %d segments", i, x.ids, live)
		}
	}
	if x.pages.bytes() > chunkBytes {
		t.Errorf("%d bytes for %d ids", x.pages.bytes(), x.ids)
	}
	x.reset()
	if x.pages.bytes() != 0 || len(x.find(nil, there[0][0])) > 0 {
		t.Error("something is left")
	}
}
