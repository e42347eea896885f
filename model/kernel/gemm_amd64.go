package kernel

import "golang.org/x/sys/cpu"

// bestGemm is the fastest of those below, whose bits are the same. Processors whose clock slows down by registers of
// 512 bits lack VBMI2, which came after them.
func bestGemm() func(f factors) {
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512VBMI2 {
		return gemmAVX512
	}
	return gemmAVX2
}

// empty reports that there is nothing to multiply. Where there is, the last value of each operand is there, as the
// assembly trusts its lengths.
func (f *factors) empty() bool {
	if f.m <= 0 || f.n <= 0 || f.k <= 0 {
		return true
	}
	_, _, _ = f.a[(f.m-1)*f.row+(f.k-1)*f.column], f.b[(f.k-1)*f.strideB+f.n-1], f.c[(f.m-1)*f.strideC+f.n-1]
	return false
}

// gemmAVX512 takes C in panels of thirty-two columns, the last one masked.
func gemmAVX512(f factors) {
	if f.empty() {
		return
	}
	for j := 0; j < f.n; j += 32 {
		left := min(32, f.n-j)
		mask := uint32(1<<left - 1)
		if left <= 16 {
			gemm16AVX512(&f.c[j], f.strideC, &f.a[0], f.row, f.column, &f.b[j], f.strideB, f.m, f.k, mask)
			continue
		}
		gemm32AVX512(&f.c[j], f.strideC, &f.a[0], f.row, f.column, &f.b[j], f.strideB, f.m, f.k, mask)
	}
}

// gemmAVX2 takes C in panels of sixteen columns, then of eight.
func gemmAVX2(f factors) {
	if f.empty() {
		return
	}
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

//go:noescape
func gemm32AVX512(c *float32, ldc int, a *float32, rs, cs int, b *float32, ldb, m, k int, mask uint32)

//go:noescape
func gemm16AVX512(c *float32, ldc int, a *float32, rs, cs int, b *float32, ldb, m, k int, mask uint32)
