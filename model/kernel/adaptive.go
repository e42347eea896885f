package kernel

import "math"

// The fallbacks of the rules that remember most; see Set.

// amsgradGeneric is Adam with v̂ replaced by the largest v so far: Reddi, Kale, Kumar 2018, Algorithm 2,
// with Adam's bias corrections as torch.optim.Adam(amsgrad=True) applies them.
func amsgradGeneric(w, m, v, most, x, d []float32, c *Coefficients) {
	n := len(d)
	for _, xj := range x {
		row, first, second, third := w[:n], m[:n], v[:n], most[:n]
		w, m, v, most = w[n:], m[n:], v[n:], most[n:]
		for o, do := range d {
			g := xj*do + c.Decay*row[o]
			f := Flush(first[o]+c.Mix1*(g-first[o]), c.Tiny)
			a := Flush(c.Keep2*second[o]+c.Mix2*(g*g), c.Tiny)
			first[o], second[o] = f, a
			third[o] = max(third[o], a)
			row[o] -= c.Rate * (f / (sqrt32(third[o])*c.Root + c.Eps))
		}
	}
}

// adadeltaGeneric: v ← ρv + (1−ρ)g², Δ = g·√(u + ε)/√(v + ε), u ← ρu + (1−ρ)Δ², w ← w − ηΔ; Zeiler 2012,
// Algorithm 1. u is held at c.Most, which its steps alone set.
func adadeltaGeneric(w, v, u, x, d []float32, c *Coefficients) {
	n := len(d)
	for _, xj := range x {
		row, second, third := w[:n], v[:n], u[:n]
		w, v, u = w[n:], v[n:], u[n:]
		for o, do := range d {
			g := xj*do + c.Decay*row[o]
			a := Flush(c.Keep2*second[o]+c.Mix2*(g*g), c.Tiny)
			step := g * (sqrt32(third[o]+c.Eps) / sqrt32(a+c.Eps))
			second[o] = a
			third[o] = min(Flush(c.Keep2*third[o]+c.Mix2*(step*step), c.Tiny), c.Most)
			row[o] -= c.Rate * step
		}
	}
}

// ftrlGeneric: σ = (√(n + g²) − √n)/α, z ← z + g − σw, n ← n + g², and w = 0 where |z| ≤ λ₁, otherwise
// −(z − sgn(z)·λ₁)/((β + √n)/α + λ₂); McMahan et al. 2013, Algorithm 1.
func ftrlGeneric(w []float32, z, s []float64, x, d []float32, c *Coefficients) {
	n := len(d)
	for _, xj := range x {
		row, sum, acc := w[:n], z[:n], s[:n]
		w, z, s = w[n:], z[n:], s[n:]
		for o, do := range d {
			g := float64(xj * do)
			next := acc[o] + g*g
			root := math.Sqrt(next)
			sum[o] += g - (root-math.Sqrt(acc[o]))*c.Inverse*float64(row[o])
			acc[o] = next
			row[o] = float32(FTRLWeight(sum[o], root, c))
		}
	}
}

// FTRLWeight is the weight that FTRL's z and root, which is √n, stand for.
func FTRLWeight(z, root float64, c *Coefficients) float64 {
	beyond := math.Abs(z) - c.L1
	if !(beyond > 0) {
		return 0
	}
	return -math.Copysign(beyond/((c.Beta+root)*c.Inverse+c.L2), z)
}

// cocobGeneric: L ← max(L, |g|), G ← G + |g|, R ← max(R − (w − w₁)g, 0), θ ← θ − g,
// w = w₁ + θ/(L·max(G + L, αL))·(L + R); Orabona and Tommasi 2017, Algorithm 2. R is held at c.Wealth·L.
// Without origins w₁ is zero.
func cocobGeneric(w, most []float32, sums, thetas, rewards []float64, origin, x, d []float32, c *Coefficients) {
	n := len(d)
	for j, xj := range x {
		from := j * n
		for o, do := range d {
			at := from + o
			g := float64(xj*do + c.Decay*w[at])
			var start float32
			if origin != nil {
				start = origin[at]
			}
			l := max(float64(most[at]), math.Abs(g))
			reward := min(max(rewards[at]-float64(w[at]-start)*g, 0), c.Wealth*l)
			sum, theta := sums[at]+math.Abs(g), thetas[at]-g
			most[at], sums[at], thetas[at], rewards[at] = float32(l), sum, theta, reward
			w[at] = start
			if l > 0 {
				w[at] += float32(theta * (l + reward) / (l * max(sum+l, c.Alpha*l)))
			}
		}
	}
}
