package features

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// The vectors were made with another implementation of XXH64; those of the empty input, "abc" and the
// sentence are published with the algorithm.
func TestHashVectors(t *testing.T) {
	input := make([]byte, 101)
	for i := range input {
		input[i] = byte(i * 7)
	}
	cases := []struct {
		seed   uint64
		length int
		want   uint64
	}{
		{0, 0, 0xef46db3751d8e999}, {0, 1, 0xe934a84adb052768}, {0, 3, 0x9ff70a635a6209ab}, {0, 4, 0xae5acdc00a55ac41},
		{0, 7, 0xd734a6b26f3da63e}, {0, 8, 0x87116b3365b924eb}, {0, 13, 0x92e7ac00fd9ce667}, {0, 16, 0xed1dd2fac0a31fbc},
		{0, 31, 0x0f187c62b1e722b7}, {0, 32, 0x91b0cb0931a8c629}, {0, 33, 0x931b043cf8d65b94}, {0, 63, 0x219110bf13e2fa26},
		{0, 64, 0xbf3052e3445775d0}, {0, 101, 0x42312f4d55d9bd17},
		{1, 0, 0xd5afba1336a3be4b}, {1, 1, 0x771917c7f6ee2451}, {1, 8, 0xbef42115e14bdfb0}, {1, 31, 0x67f506790e4c2a7c},
		{1, 32, 0xd447e0c979a17fa0}, {1, 101, 0x8c7897866746ecfa},
		{0x9e3779b185ebca8d, 0, 0x0b303d920ec349df}, {0x9e3779b185ebca8d, 7, 0xe025869232fee7c7},
		{0x9e3779b185ebca8d, 33, 0x4ff12dedb4435382}, {0x9e3779b185ebca8d, 101, 0x7e40ae150e2ada34},
	}
	for _, c := range cases {
		if got := hash64(c.seed, input[:c.length]); got != c.want {
			t.Errorf("seed %#x, %d bytes: %#x, want %#x", c.seed, c.length, got, c.want)
		}
	}
	if got := hash64(0, []byte("abc")); got != 0x44bc2cf5ad770999 {
		t.Errorf("abc: %#x", got)
	}
	if got := hash64(0, []byte("Nobody inspects the spammish repetition")); got != 0xfbcea83c8a378bf1 {
		t.Errorf("the sentence: %#x", got)
	}
}

// Values that differ in a digit spread over columns and signs as random ones would: a chi-squared over 256 columns that
// chance exceeds once in a hundred million times is none of chance.
func TestHashDistribution(t *testing.T) {
	const values, bins = 100_000, 256
	for seed := range uint64(4) {
		var count [bins]float64
		signs := 0
		for i := range values {
			h := hash64(seed, fmt.Appendf(nil, "merchant-%d", i))
			count[h%bins]++
			signs += int(h >> 63)
		}
		expected := slices.Repeat([]float64{float64(values) / bins}, bins)
		chi := stat.ChiSquare(count[:], expected)
		if p := (distuv.ChiSquared{K: bins - 1}).Survival(chi); p < 1e-8 {
			t.Errorf("seed %d: chi-squared %v over %d columns, by chance in %g", seed, chi, bins, p)
		}
		// The number of signs is binomial with standard deviation √(n)/2.
		if math.Abs(float64(signs)-values/2) > 6*math.Sqrt(values)/2 {
			t.Errorf("seed %d: %d of %d signs are negative", seed, signs, values)
		}
	}
}
