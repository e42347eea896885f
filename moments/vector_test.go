package moments

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestSpan is to the last bit what it is one by one.
func TestSpan(t *testing.T) {
	random := rand.New(rand.NewPCG(15, 11))
	for range 1000 {
		var values [half]float64
		for i := range values {
			values[i] = random.NormFloat64() * math.Exp(40*random.NormFloat64()) * float64(random.IntN(3))
		}
		if got, want := span(&values), spanGeneric(&values); math.Float64bits(got) != math.Float64bits(want) {
			t.Fatalf("%v span %v, want %v", values, got, want)
		}
	}
}
