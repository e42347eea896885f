package features

import (
	"fmt"
	"math"

	"millrace"
)

// State visits all learned state; a scorer needs every bit of it. Tensors that would be empty, such
// as those of categories in a pipeline without any, are left out.
//
//	numbers.count, numbers.mean, numbers.m2   F64 [numbers and booleans, in the pipeline's order]
//	categories.size                           I32 [categories]: values learned of each
//	categories.hash                           U64 [sum of caps]: their hashes, category by category
//	categories.text, categories.length        U8 [sum of caps, 32] and [sum of caps]: their text
//	bags.N.largest                        F32 [columns of scaled bag N]: largest magnitude of each
//	lags.N.count, lags.N.mean, lags.N.m2  F64 [steps of lag N]
//	lags.N.clock                          U64 [1]: events that wrote to its table
//	lags.N.hash, lags.N.last, lags.N.seen U64 [keys]: their hashes, the event that last wrote each, and
//	                                      how many values each had
//	lags.N.value                          F64 [keys, longest step]: their last values, as rings
//	levels.size                           I32 [numbers]: levels of each, -1 for none (ViewLevels only)
//	levels.value                          F64 [numbers, 32]: their values
func (x *Extractor) State(visit func(name string, t millrace.Tensor, role millrace.Role)) {
	if n := len(x.count); n > 0 {
		visit("numbers.count", millrace.Tensor{Shape: []int{n}, F64: x.count}, millrace.Serving)
		visit("numbers.mean", millrace.Tensor{Shape: []int{n}, F64: x.mean}, millrace.Serving)
		visit("numbers.m2", millrace.Tensor{Shape: []int{n}, F64: x.m2}, millrace.Serving)
	}
	if n := len(x.words.size); n > 0 {
		values := len(x.words.hashes)
		visit("categories.size", millrace.Tensor{Shape: []int{n}, I32: x.words.size}, millrace.Serving)
		visit("categories.hash", millrace.Tensor{Shape: []int{values}, U64: x.words.hashes}, millrace.Serving)
		visit("categories.text", millrace.Tensor{Shape: []int{values, textMax}, U8: x.words.text}, millrace.Serving)
		visit("categories.length", millrace.Tensor{Shape: []int{values}, U8: x.words.length}, millrace.Serving)
	}
	x.more.state(visit)
	if x.levels != nil && len(x.levels.size) > 0 {
		n := len(x.levels.size)
		visit("levels.size", millrace.Tensor{Shape: []int{n}, I32: x.levels.size}, millrace.Serving)
		visit("levels.value", millrace.Tensor{Shape: []int{n, levelsMax}, F64: x.levels.value}, millrace.Serving)
	}
}

// Restored checks the state that was copied in and derives scales and tables from it. Its errors wrap
// millrace.ErrCorrupt; the extractor must not be used after one.
func (x *Extractor) Restored() error {
	for i, n := range x.count {
		if err := checkMoments(x.columns[x.numerics[i].field].Name, n, x.mean[i], x.m2[i]); err != nil {
			return fmt.Errorf("restoring features: %w", err)
		}
	}
	if err := x.words.restored(); err != nil {
		return fmt.Errorf("restoring features: %w", err)
	}
	if err := x.more.restored(x.columns); err != nil {
		return fmt.Errorf("restoring features: %w", err)
	}
	if x.levels != nil {
		if err := x.levels.restored(); err != nil {
			return fmt.Errorf("restoring features: %w", err)
		}
	}
	x.refresh()
	return nil
}

// checkMoments refuses a count, a mean and a sum of squared deviations that no values have.
func checkMoments(name string, n, mean, m2 float64) error {
	switch {
	case !(n >= 0) || n != math.Floor(n) || math.IsInf(n, 0):
		return fmt.Errorf("%w: %s was seen %v times", millrace.ErrCorrupt, name, n)
	case !(math.Abs(mean) <= numberMax):
		return fmt.Errorf("%w: %s has a mean of %v", millrace.ErrCorrupt, name, mean)
	case !(m2 >= 0) || math.IsInf(m2, 0):
		return fmt.Errorf("%w: %s has squared deviations of %v", millrace.ErrCorrupt, name, m2)
	case n < 2 && m2 != 0, n == 0 && mean != 0:
		return fmt.Errorf("%w: %s has moments without values", millrace.ErrCorrupt, name)
	}
	return nil
}
