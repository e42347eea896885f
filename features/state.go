package features

import (
	"fmt"
	"slices"

	"millrace"
)

// State visits all learned state; a scorer needs every bit of it but for recent values. Tensors that would be empty,
// such as those of categories in a pipeline without any, are left out.
//
//	seed                                      U64 [1]: of all hashes (only where something is hashed)
//	numbers.count, numbers.mean, numbers.m2   F64 [numbers and booleans, in the pipeline's order]
//	numbers.usual, numbers.history, numbers.recent, and lags.N's: see moments.Columns.State
//	categories.size                           I32 [categories]: values learned of each
//	categories.hash                           U64 [sum of caps]: their hashes, category by category
//	categories.count                          U32 [sum of caps]: events that had each, halved from time to time
//	categories.text, categories.length        U8 [sum of caps, 32] and [sum of caps]: their text
//	times.N.count                         U32 [43]: events at time N's hours, weekdays and months
//	bags.N.largest                        F32 [columns of scaled bag N]: largest magnitude of each
//	lags.N.count, lags.N.mean, lags.N.m2  F64 [steps of lag N]
//	lags.N.clock                          U64 [1]: events that wrote to its table
//	lags.N.hash, lags.N.last, lags.N.seen U64 [keys]: their hashes, the event that last wrote each, and
//	                                      how many values each had
//	lags.N.value                          F64 [keys, longest step]: their last values, as rings
//	levels.size                           I32 [numbers]: levels of each, -1 for none (ViewLevels only)
//	levels.value                          F64 [numbers, 32]: their values
func (x *Extractor) State(visit func(name string, t millrace.Tensor, role millrace.Role)) {
	if x.beyond || x.pairs != nil && x.pairs.hashed {
		visit("seed", millrace.Tensor{Shape: []int{1}, U64: x.seed, Added: true}, millrace.Serving)
	}
	x.numbers.state(visit)
	x.categories.state(visit)
	// From the back: the first snapshots had bags before lags.
	for _, enc := range slices.Backward(x.others) {
		enc.state(visit)
	}
	if x.levels != nil && len(x.levels.size) > 0 {
		n := len(x.levels.size)
		visit("levels.size", millrace.Tensor{Shape: []int{n}, I32: x.levels.size}, millrace.Serving)
		visit("levels.value", millrace.Tensor{Shape: []int{n, levelsMax}, F64: x.levels.value}, millrace.Serving)
	}
}

// Restored checks the state that was copied in and derives scales and tables from it, and hashes from its seed: that of
// the spec counts no longer. Its errors wrap millrace.ErrCorrupt; the extractor must not be used after one.
func (x *Extractor) Restored() error {
	if x.seed[0] != x.seeded {
		x.reseed()
	}
	for _, enc := range append([]encoder{&x.numbers, &x.categories}, x.others...) {
		if err := enc.restored(); err != nil {
			return fmt.Errorf("restoring features: %w", err)
		}
	}
	if x.levels != nil {
		if err := x.levels.restored(); err != nil {
			return fmt.Errorf("restoring features: %w", err)
		}
	}
	return nil
}
