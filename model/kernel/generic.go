package kernel

import "math"

// The products below are no calls of gonum: its dot product peels off entries until its argument is aligned to
// 16 bytes, so the order of its sum, and with it the last bit, depends on where the allocator put a slice, and a
// restored model would not equal the one it was copied from. Here the order is fixed.

func gemvTGeneric(y, a, x []float32) {
	n := len(y)
	if n == 1 {
		y[0] += dotGeneric(a[:len(x)], x)
		return
	}
	for _, xj := range x {
		axpyGeneric(xj, a[:n], y)
		a = a[n:]
	}
}

// activeGeneric is gemvT; see products.
func activeGeneric(y, a, x []float32) {
	n := len(y)
	for j, xj := range x {
		if xj != 0 {
			axpyGeneric(xj, a[j*n:(j+1)*n], y)
		}
	}
}

func gatherGeneric(z, w []float32, index []uint32, x []float32) {
	n := len(z)
	for i, row := range index {
		from := int(row) * n
		for o, v := range w[from : from+n] {
			z[o] += x[i] * v
		}
	}
}

func dotGeneric(x, y []float32) float32 {
	var sum float32
	y = y[:len(x)]
	for i, v := range x {
		sum += v * y[i]
	}
	return sum
}

func axpyGeneric(alpha float32, x, y []float32) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] += alpha * v
	}
}

// SparseDot is the sum of x times the entries of w that index names. Four sums at a time need not wait for
// each other.
func SparseDot(w []float32, index []uint32, x []float32) float32 {
	x = x[:len(index)]
	var a, b, c, d float32
	for len(index) >= 4 && len(x) >= 4 {
		a += x[0] * w[index[0]]
		b += x[1] * w[index[1]]
		c += x[2] * w[index[2]]
		d += x[3] * w[index[3]]
		index, x = index[4:], x[4:]
	}
	for i, row := range index {
		a += x[i] * w[row]
	}
	return (a + b) + (c + d)
}

func gemvGeneric(y, a, x []float32) {
	n := len(x)
	for j := range y {
		y[j] = dotGeneric(a[j*n:(j+1)*n], x)
	}
}

// gatedGeneric is gemv where gate is above zero; see products.
func gatedGeneric(y, a, x, gate []float32) {
	n := len(x)
	for j, g := range gate {
		y[j] = 0
		if g > 0 {
			y[j] = dotGeneric(a[j*n:(j+1)*n], x)
		}
	}
}

func gerGeneric(a, x, y []float32, alpha float32) {
	n := len(y)
	for j, xj := range x {
		if xj != 0 {
			axpyGeneric(alpha*xj, y, a[j*n:(j+1)*n])
		}
	}
}

func squaresGeneric(x []float32) float64 {
	var sum float64
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum
}

// sgdGeneric: w ← w − η(g + λw).
func sgdGeneric(w, x, d []float32, c *Coefficients) {
	for _, xj := range x {
		row := w[:len(d)]
		w = w[len(d):]
		for o, do := range d {
			row[o] -= c.Rate * (xj*do + c.Decay*row[o])
		}
	}
}

// momentumGeneric: g ← g + λw, b ← μb + g, w ← w − η(direct·g + buffer·b), as torch.optim.SGD;
// Nesterov's form is Sutskever et al. 2013 as rewritten there.
func momentumGeneric(w, b, x, d []float32, c *Coefficients) {
	for _, xj := range x {
		row, buf := w[:len(d)], b[:len(d)]
		w, b = w[len(d):], b[len(d):]
		for o, do := range d {
			g := xj*do + c.Decay*row[o]
			v := Flush(c.Mix1*buf[o]+g, c.Tiny)
			buf[o] = v
			row[o] -= c.Rate * (c.Direct*g + c.Buffer*v)
		}
	}
}

// adagradGeneric: s ← s + g², w ← w − ηg/(√s + ε); Duchi, Hazan, Singer 2011, diagonal form. Squares
// add up in float64, where they do not get lost; the root and the quotient need no more than what a
// float32 weight keeps of them.
func adagradGeneric(w []float32, s []float64, x, d []float32, c *Coefficients) {
	for _, xj := range x {
		row, acc := w[:len(d)], s[:len(d)]
		w, s = w[len(d):], s[len(d):]
		for o, do := range d {
			g := xj*do + c.Decay*row[o]
			acc[o] += float64(g) * float64(g)
			row[o] -= c.Rate * (g / (sqrt32(float32(min(acc[o], math.MaxFloat32))) + c.Eps))
		}
	}
}

// rmspropGeneric: v ← ρv + (1−ρ)g², w ← w − ηg/(√v + ε); Tieleman, Hinton 2012, lecture 6.5.
func rmspropGeneric(w, v, x, d []float32, c *Coefficients) {
	for _, xj := range x {
		row, acc := w[:len(d)], v[:len(d)]
		w, v = w[len(d):], v[len(d):]
		for o, do := range d {
			g := xj*do + c.Decay*row[o]
			a := Flush(c.Keep2*acc[o]+c.Mix2*(g*g), c.Tiny)
			acc[o] = a
			row[o] -= c.Rate * (g / (sqrt32(a) + c.Eps))
		}
	}
}

// adamGeneric: m ← m + (1−β₁)(g − m), v ← β₂v + (1−β₂)g², w ← w − η·m̂/(√v̂ + ε); Kingma, Ba 2015,
// Algorithm 1, with the bias corrections folded into rate and root as torch.optim.Adam does.
func adamGeneric(w, m, v, x, d []float32, c *Coefficients) {
	n := len(d)
	for _, xj := range x {
		row, first, second := w[:n], m[:n], v[:n]
		w, m, v = w[n:], m[n:], v[n:]
		for o, do := range d {
			g := xj*do + c.Decay*row[o]
			f := Flush(first[o]+c.Mix1*(g-first[o]), c.Tiny)
			a := Flush(c.Keep2*second[o]+c.Mix2*(g*g), c.Tiny)
			first[o], second[o] = f, a
			row[o] -= c.Rate * (f / (sqrt32(a)*c.Root + c.Eps))
		}
	}
}

// Flush is v, or 0 where its absolute value is below tiny.
func Flush(v, tiny float32) float32 {
	if v < tiny && v > -tiny {
		return 0
	}
	return v
}

func sqrt32(v float32) float32 { return float32(math.Sqrt(float64(v))) }
