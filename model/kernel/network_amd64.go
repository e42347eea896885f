package kernel

// narrowMax is how many columns a matrix may have at most for its rows to be walked eight at a time: with
// fewer columns than a vector has lanes, walking them row by row leaves most lanes empty.
const narrowMax = 7

func avx2Network() Network {
	return Network{
		ReLU: reluAVX2, Gate: gateAVX2, Tanh: tanhAVX2, Slope: tanhSlopeAVX2,
		Forward: func(z, w, x []float32) {
			if n := len(z); n <= narrowMax {
				forwardNarrow(z, w, x)
				return
			}
			forwardActiveAVX2(z, w, x)
		},
		Backward: func(dx, w, d, out []float32) {
			if len(d) <= narrowMax {
				backwardNarrowAVX2(dx, w, d)
				if out != nil {
					gateAVX2(dx, out)
				}
				return
			}
			backwardGatedAVX2(dx, w, d, out)
		},
		Outer: func(g, x, d []float32, scale float32) {
			if len(d) <= narrowMax {
				outerNarrow(g, x, d, scale)
				return
			}
			outerAVX2(g, x, d, scale)
		},
	}
}

// lanes say for each lane of the vectors that eight rows of a narrow matrix fill which row and which column
// stands there.
type lanes struct{ row, column [8 * narrowMax]int32 }

// narrowLanes are the lanes by the number of columns.
var narrowLanes = func() (all [narrowMax + 1]lanes) {
	for columns := 1; columns <= narrowMax; columns++ {
		for i := range 8 * columns {
			all[columns].row[i], all[columns].column[i] = int32(i/columns), int32(i%columns)
		}
	}
	return all
}()

// forwardNarrow is the kernel forward of a matrix with few columns.
func forwardNarrow(z, w, x []float32) {
	n := len(z)
	eights := len(x) &^ 7
	if eights > 0 {
		var sums [8 * narrowMax]float32
		table := &narrowLanes[n]
		forwardNarrowAVX2(&sums, w, x[:eights], n, &table.row)
		// Lane by lane in one order, so that the last bit depends on nothing else.
		for i, o := range table.column[:8*n] {
			z[o] += sums[i]
		}
	}
	forwardActiveGeneric(z, w[eights*n:], x[eights:])
}

// outerNarrow is the kernel outer of a matrix with few columns.
func outerNarrow(g, x, d []float32, scale float32) {
	n := len(d)
	eights := len(x) &^ 7
	if eights > 0 {
		var row [8]float32
		for o, v := range d {
			row[o] = scale * v
		}
		table := &narrowLanes[n]
		outerNarrowAVX2(g, x[:eights], &row, n, table)
	}
	for j, xj := range x[eights:] {
		row := g[(eights+j)*n:][:n]
		for o, v := range d {
			row[o] += xj * (scale * v)
		}
	}
}

//go:noescape
func reluAVX2(z []float32, limit float32)

//go:noescape
func gateAVX2(d, out []float32)

//go:noescape
func tanhAVX2(z []float32)

//go:noescape
func tanhSlopeAVX2(d, out []float32)

//go:noescape
func forwardActiveAVX2(z, w, x []float32)

//go:noescape
func backwardGatedAVX2(dx, w, d, out []float32)

//go:noescape
func backwardNarrowAVX2(dx, w, d []float32)

//go:noescape
func outerAVX2(g, x, d []float32, scale float32)

//go:noescape
func forwardNarrowAVX2(sums *[56]float32, w, x []float32, columns int, row *[56]int32)

//go:noescape
func outerNarrowAVX2(g, x []float32, d *[8]float32, columns int, table *lanes)
