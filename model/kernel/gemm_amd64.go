package kernel

// gemmAVX2 takes C in panels of sixteen columns, then of eight.
func gemmAVX2(f factors) {
	if f.m <= 0 || f.n <= 0 || f.k <= 0 {
		return
	}
	// The assembly trusts its lengths: the last value of each operand is there.
	_, _, _ = f.a[(f.m-1)*f.row+(f.k-1)*f.column], f.b[(f.k-1)*f.strideB+f.n-1], f.c[(f.m-1)*f.strideC+f.n-1]
	j := 0
	for ; f.n-j >= 16; j += 16 {
		gemm16AVX2(&f.c[j], f.strideC, &f.a[0], f.row, f.column, &f.b[j], f.strideB, f.m, f.k)
	}
	for ; j < f.n; j += 8 {
		gemm8AVX2(&f.c[j], f.strideC, &f.a[0], f.row, f.column, &f.b[j], f.strideB, f.m, f.k, min(8, f.n-j))
	}
}

//go:noescape
func gemm16AVX2(c *float32, ldc int, a *float32, rs, cs int, b *float32, ldb, m, k int)

//go:noescape
func gemm8AVX2(c *float32, ldc int, a *float32, rs, cs int, b *float32, ldb, m, k, lanes int)
