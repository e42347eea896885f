package consumers

import (
	"slices"

	"millrace/consumers/internal/recordbatch"
)

// transactions sorts out which batches of one fetch answer are to be read, as Java's consumer does:
// the answer lists the aborted transactions that reach into it, each with its producer and first
// offset; each ends at that producer's abort marker.
type transactions struct {
	ahead   []abortedTransaction // by first offset, not begun yet
	aborted map[int64]struct{}   // producers within an aborted transaction
}

func newTransactions(listed []abortedTransaction) transactions {
	if len(listed) == 0 {
		return transactions{}
	}
	slices.SortFunc(listed, func(a, b abortedTransaction) int {
		switch {
		case a.First < b.First:
			return -1
		case a.First > b.First:
			return 1
		}
		return 0
	})
	return transactions{ahead: listed, aborted: make(map[int64]struct{})}
}

// skip reports whether a batch holds no records to read: a marker, or part of an aborted
// transaction. Batches must be shown to it in order, all of the answer.
func (t *transactions) skip(h *recordbatch.Header, body []byte) (bool, error) {
	for len(t.ahead) > 0 && t.ahead[0].First <= h.LastOffset() {
		t.aborted[t.ahead[0].Producer] = struct{}{}
		t.ahead = t.ahead[1:]
	}
	if h.Control() {
		abort, err := recordbatch.AbortMarker(h, body)
		if abort {
			delete(t.aborted, h.ProducerID)
		}
		return true, err
	}
	if !h.Transactional() {
		return false, nil
	}
	_, aborted := t.aborted[h.ProducerID]
	return aborted, nil
}
