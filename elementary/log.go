// Package elementary has the natural logarithm and the exponential in float64, as exact as those of math and at a third
// of their cost: what is measured of events, and what calibrates their probabilities, wants some of each for every one;
// and the numbers of SplitMix64. A binary gives the same bits on every processor, which math.Exp does not.
package elementary

import "math"

const (
	// logFrom is the least mantissa that Log reduces to: all are in [11/16, 11/8).
	logFrom = 0x3FE6000000000000
	// logBits of a mantissa choose the point whose logarithm is in the table.
	logBits = 7
	// mantissaBits are those of a float64.
	mantissaBits = 52
)

// logPoint is a point c near which logarithms are known.
type logPoint struct{ c, inverse, log float64 }

// logPoints are the middles of intervals of equal mantissa bits. The two at 1 have it in common, so that logarithms of
// what is near 1, which are near 0, are as exact as others.
var logPoints = func() (points [1 << logBits]logPoint) {
	for i := range points {
		const width = 1 << (mantissaBits - logBits)
		from := uint64(logFrom) + uint64(i)*width
		c := math.Float64frombits(from + width/2)
		if one := math.Float64bits(1); from == one || from+width == one {
			c = 1
		}
		points[i] = logPoint{c, 1 / c, math.Log(c)}
	}
	return points
}()

// Log is the natural logarithm, within two units in the last place. It reduces x = 2ᵏ·z and looks log c up for a point
// near z (P.-T. P. Tang, Table-driven implementation of the logarithm function, ACM TOMS 16, 1990); with r = (z − c)/c
// the rest is a polynomial.
func Log(x float64) float64 {
	bits := math.Float64bits(x)
	if bits-1<<mantissaBits >= (0x7FF-1)<<mantissaBits { // 0, subnormal, negative, infinite or no number
		return math.Log(x)
	}
	t := bits - logFrom
	k := float64(int64(t) >> mantissaBits)
	z := math.Float64frombits(bits - t&(0xFFF<<mantissaBits))
	p := &logPoints[t>>(mantissaBits-logBits)%(1<<logBits)]
	r := (z - p.c) * p.inverse
	s := r * r
	return (k*math.Ln2 + p.log) + (r + s*((-1./2+r*(1./3))+s*((-1./4+r*(1./5))+s*(-1./6+r*(1./7)))))
}
