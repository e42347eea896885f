package learner

import (
	"errors"
	"math"

	"millrace"
	"millrace/elementary"
	"millrace/features"
	"millrace/model"
)

// Watch looks at single features: at how much predictions need them, at how often they are missing, and at how often a
// category has a value that its vocabulary lacks. It is no part of what is learned, and looks at few events, chosen by
// counts and a seed: so the same events give the same figures, to the last bit, whatever the machine and however often
// learning began again.
type Watch struct {
	x       *features.Extractor
	players []features.Player
	clock   []uint64  // see the clock… indices
	sums    []float64 // [players, watched, 2] smoothed values, and smoothed ones: how far smoothing has come

	importance *importance
}

// What is watched of a feature.
const (
	watchedMissing = iota
	watchedUnknown
	watched
)

// Indices into a watch's clock.
const (
	clockRandom = iota // state of the generator that chooses
	clockLook          // events until the next that is looked at
	clockLen
)

const (
	// watchEvery is one in how many events is looked at, on average.
	watchEvery = 128
	// shareRate is what one event counts in smoothed shares: they remember about 200 that were looked at, so 25,000.
	shareRate = 0.005
)

// NewWatch returns a watch over the extractor's features, and over what the model makes of them, that has seen nothing.
// Classes are 0 for numbers.
func NewWatch(x *features.Extractor, m model.Model, classes int, seed uint64) *Watch {
	players := x.Players()
	w := &Watch{x: x, players: players, clock: make([]uint64, clockLen), sums: make([]float64, len(players)*watched*2)}
	w.clock[clockRandom] = seed
	w.clock[clockLook] = gap(&w.clock[clockRandom])
	w.importance = newImportance(x, m, classes, seed)
	return w
}

// splitMix is the next number of SplitMix64.
func splitMix(state *uint64) uint64 {
	*state += elementary.Golden
	return elementary.Mix(*state)
}

// gapMax is the most events that are left out between two that are chosen, and one.
const gapMax = watchEvery / 2 * 3

// gap is how many events it is to the next that is chosen: never the same number, as streams have periods.
func gap(state *uint64) uint64 { return watchEvery/2 + splitMix(state)%(watchEvery+1) }

// due counts an event that comes, and reports whether it is one to look at.
func (w *Watch) due() bool {
	w.clock[clockLook]--
	return w.clock[clockLook] == 0
}

// look looks at an event that has been extracted and not been observed.
func (w *Watch) look(e *millrace.Event) {
	w.clock[clockLook] = gap(&w.clock[clockRandom])
	for i := range w.players {
		missing, unknown, values := 0, 0, 0
		fields := w.players[i].Fields
		for _, field := range fields {
			if e.Fields[field].Presence != millrace.Present {
				missing++
			}
			if is, ok := w.x.Unknown(field, e); ok {
				unknown, values = unknown+one(is), values+1
			}
		}
		w.smooth(i, watchedMissing, float64(missing)/float64(len(fields)), shareRate)
		if values > 0 {
			w.smooth(i, watchedUnknown, float64(unknown)/float64(values), shareRate)
		}
	}
}

// smooth takes in a value that is watched of a player.
func (w *Watch) smooth(player, what int, v, rate float64) {
	sum := w.sums[(player*watched+what)*2:]
	sum[0] += rate * (v - sum[0])
	sum[1] += rate * (1 - sum[1])
}

// smoothed is what is watched of a player; NaN before the first value.
func (w *Watch) smoothed(player, what int) float64 {
	sum := w.sums[(player*watched+what)*2:]
	if sum[1] == 0 {
		return math.NaN()
	}
	return sum[0] / sum[1]
}

// FeatureFigures are what is known of a feature lately.
type FeatureFigures struct {
	Name string
	// Importance is by how much the loss rises when the feature has the value of another event: nats of log-loss, for
	// numbers units of the label. NaN where it is not known yet.
	Importance float64
	// Missing is the share of events that lack it, of a window with several statistics the mean of theirs; NaN where
	// that says nothing, as of lags.
	Missing float64
	// Unknown is the share of a category's values that its vocabulary lacked when they came; NaN for other types, and
	// before the first.
	Unknown float64
}

// Figures are those of all features, in the order of the pipeline's.
func (w *Watch) Figures() []FeatureFigures {
	all := make([]FeatureFigures, len(w.players))
	for i := range all {
		all[i] = FeatureFigures{Name: w.players[i].Name, Importance: w.importance.of(i), Missing: w.smoothed(i, watchedMissing), Unknown: w.smoothed(i, watchedUnknown)}
		if w.x.TypeOf(w.players[i].Fields[0]) == features.Lag {
			all[i].Missing = math.NaN()
		}
	}
	return all
}

// State is Training only, and was added after the first snapshots.
func (w *Watch) State(visit func(string, millrace.Tensor, millrace.Role)) {
	visit("clock", millrace.Tensor{Shape: []int{clockLen}, U64: w.clock, Added: true}, millrace.Training)
	visit("sums", millrace.Tensor{Shape: []int{len(w.players), watched, 2}, F64: w.sums, Added: true}, millrace.Training)
	w.importance.state(visit)
}

// Restored checks what no events leave.
func (w *Watch) Restored() error {
	if at := w.clock[clockLook]; at == 0 || at > gapMax {
		return errors.New("the next event that is looked at is out of range")
	}
	for i := 0; i < len(w.sums); i += 2 {
		if share, most := w.sums[i], w.sums[i+1]; !(share >= 0 && most <= 1 && share <= most*(1+1e-9)) {
			return errors.New("a share of a feature's values is out of range")
		}
	}
	return w.importance.restored()
}
