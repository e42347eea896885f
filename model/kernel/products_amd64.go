package kernel

// narrowMax is how many columns a matrix may have at most for its rows to be walked eight at a time: with
// fewer columns than a vector has lanes, walking them row by row leaves most lanes empty.
const narrowMax = 7

func gemvAVX2(y, a, x []float32) {
	if len(x) <= narrowMax {
		gemvNarrowAVX2(y, a, x)
		return
	}
	gatedWideAVX2(y, a, x, nil)
}

func gemvTAVX2(y, a, x []float32) {
	if len(y) == 1 {
		y[0] += dotAVX2(a, x) // a column is a row of the transpose
		return
	}
	gemvTWideAVX2(y, a, x)
}

func axpyAVX2(alpha float32, x, y []float32) {
	row := [1]float32{alpha}
	gemvTWideAVX2(y, x, row[:])
}

func activeAVX2(y, a, x []float32) {
	if len(y) <= narrowMax {
		activeNarrow(y, a, x)
		return
	}
	activeWideAVX2(y, a, x)
}

// gemvTsAVX2 multiplies matrices where gemvTAVX2 sums each column in one chain: in tiles of 64.
func gemvTsAVX2(gemm func(f factors)) func(f factors) {
	return func(f factors) {
		if f.n%64 != 0 {
			eachRow(gemvTAVX2)(f)
			return
		}
		gemm(f)
	}
}

// activesAVX2 multiplies matrices but for narrow ones, as activeWideAVX2 has one chain a column. Its zeros add nothing.
func activesAVX2(gemm func(f factors)) func(f factors) {
	return func(f factors) {
		if f.n <= narrowMax {
			eachRow(activeAVX2)(f)
			return
		}
		gemm(f)
	}
}

// transposeAVX2 takes blocks of eight rows and columns, and the rest one by one.
func transposeAVX2(t, a []float32, rows, cols int) {
	_, _ = t[:rows*cols], a[:rows*cols]
	blocks := cols / 8
	row := 0
	for ; blocks > 0 && rows-row >= 8; row += 8 {
		transpose8AVX2(&t[row], rows, &a[row*cols], cols, blocks)
	}
	transposeFrom(t, a, rows, cols, row, 8*blocks)
}

func gatedAVX2(y, a, x, gate []float32) {
	if len(x) <= narrowMax {
		gemvNarrowAVX2(y, a, x)
		gateAVX2(y, gate)
		return
	}
	gatedWideAVX2(y, a, x, gate)
}

func gerAVX2(a, x, y []float32, alpha float32) {
	if len(y) <= narrowMax {
		gerNarrow(a, x, y, alpha)
		return
	}
	gerWideAVX2(a, x, y, alpha)
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

// activeNarrow is active of a matrix with few columns.
func activeNarrow(y, a, x []float32) {
	n := len(y)
	eights := len(x) &^ 7
	if eights > 0 {
		var sums [8 * narrowMax]float32
		table := &narrowLanes[n]
		activeNarrowAVX2(&sums, a, x[:eights], n, &table.row)
		// Lane by lane in one order, so that the last bit depends on nothing else.
		for i, o := range table.column[:8*n] {
			y[o] += sums[i]
		}
	}
	activeGeneric(y, a[eights*n:], x[eights:])
}

// gerNarrow is ger of a matrix with few columns.
func gerNarrow(a, x, y []float32, alpha float32) {
	n := len(y)
	eights := len(x) &^ 7
	if eights > 0 {
		var row [8]float32
		for o, v := range y {
			row[o] = alpha * v
		}
		gerNarrowAVX2(a, x[:eights], &row, n, &narrowLanes[n])
	}
	for j, xj := range x[eights:] {
		row := a[(eights+j)*n:][:n]
		for o, v := range y {
			row[o] += xj * (alpha * v)
		}
	}
}

// The assembly trusts its lengths: every matrix holds as many values as its two vectors say.

//go:noescape
func dotAVX2(x, y []float32) float32

//go:noescape
func dotsAVX2(y, a, x []float32)

//go:noescape
func gemvNarrowAVX2(y, a, x []float32)

// gatedWideAVX2 without a gate takes every row.
//
//go:noescape
func gatedWideAVX2(y, a, x, gate []float32)

//go:noescape
func gemvTWideAVX2(y, a, x []float32)

//go:noescape
func activeWideAVX2(y, a, x []float32)

//go:noescape
func activeNarrowAVX2(sums *[56]float32, a, x []float32, columns int, row *[56]int32)

//go:noescape
func gerWideAVX2(a, x, y []float32, alpha float32)

//go:noescape
func gerNarrowAVX2(a, x []float32, y *[8]float32, columns int, table *lanes)

//go:noescape
func transpose8AVX2(t *float32, ldt int, a *float32, lda, blocks int)
