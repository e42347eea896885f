package elementary

import "math"

const (
	// expBits of an exponent in base 2 behind the point choose the power that is in the table.
	expBits  = 7
	expSteps = 1 << expBits
	// expRound makes the last bit of a sum with it count ones.
	expRound = 3 << (mantissaBits - 1)
	// expReach is within what results are neither subnormal nor infinite.
	expReach = 708
	// ln 2 / expSteps in two parts. The first has 33 bits, so that its product with a count of steps is exact.
	stepHigh = 0x1.62e42fefp-1 / expSteps
	stepLow  = 0x1.473de6af278edp-34 / expSteps
)

// expPowers are 2^(i/expSteps).
var expPowers = func() (powers [expSteps]float64) {
	for i := range powers {
		powers[i] = math.Exp2(float64(i) / expSteps)
	}
	return powers
}()

// Exp is eˣ, within two units in the last place. It reduces x to n·ln 2/128 + r and looks 2^(n/128) up (P.-T. P. Tang,
// Table-driven implementation of the exponential function, ACM TOMS 15, 1989); the rest is a polynomial in r.
func Exp(x float64) float64 {
	if !(x > -expReach && x < expReach) {
		return math.Exp(x)
	}
	sum := x*(expSteps/math.Ln2) + expRound
	n := sum - expRound
	r := x - n*stepHigh - n*stepLow
	steps := math.Float64bits(sum) // the count, below a constant that is a multiple of 1 << 51
	power := math.Float64frombits(math.Float64bits(expPowers[steps%expSteps]) + steps>>expBits<<mantissaBits)
	return power + power*(r+r*r*(1./2+r*(1./6)+r*r*(1./24+r*(1./120))))
}
