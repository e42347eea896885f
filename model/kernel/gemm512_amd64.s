#include "textflag.h"
#include "gemm_amd64.h"

// Operands are in Go's order, as in step_amd64.s.

// The tiles of gemm_amd64.s with registers twice as wide and twice as many, so that rows of C are taken eight at a time.
// A lane has the same products in the same order, and so the same bits. The last columns are masked.

// Free are AX, BX, DX, R11 and R14, of which a tile makes the places in A and B and the count.

// BEGIN8 and NEXT8 are BEGIN and NEXT of eight rows: R11 is the place of the fifth.
#define BEGIN8 \
	LEAQ (SI)(R9*4), R11  \
	BEGIN

#define NEXT8 \
	ADDQ R12, R11  \
	NEXT

// ROW32 adds one product to a row of thirty-two, ROW16 to one of sixteen.
#define ROW32(x, low, high) \
	VBROADCASTSS x, Z18         \
	VFMADD231PS  Z16, Z18, low  \
	VFMADD231PS  Z17, Z18, high

#define ROW16(x, sum) \
	VBROADCASTSS x, Z18         \
	VFMADD231PS  Z16, Z18, sum

// LOAD32 and STORE32 move a row of thirty-two, and go to the next.
#define LOAD32(low, high) \
	VMOVUPS.Z (AX), K1, low     \
	VMOVUPS.Z 64(AX), K2, high  \
	ADDQ      R8, AX

#define STORE32(low, high) \
	VMOVUPS low, K1, (AX)     \
	VMOVUPS high, K2, 64(AX)  \
	ADDQ    R8, AX

#define LOAD16(sum) \
	VMOVUPS.Z (AX), K1, sum  \
	ADDQ      R8, AX

#define STORE16(sum) \
	VMOVUPS sum, K1, (AX)  \
	ADDQ    R8, AX

#define FACTORS32 \
	VMOVUPS.Z (DX), K1, Z16    \
	VMOVUPS.Z 64(DX), K2, Z17

// func gemm32AVX512(c *float32, ldc int, a *float32, rs, cs int, b *float32, ldb, m, k int, mask uint32)
// Of thirty-two columns those are there whose bit in mask is set.
TEXT ·gemm32AVX512(SB), NOSPLIT, $0-76
	MOVL  mask+72(FP), AX
	KMOVW AX, K1
	SHRL  $16, AX
	KMOVW AX, K2
	ARGUMENTS

eight:
	CMPQ CX, $8
	JLT  four
	MOVQ DI, AX
	LOAD32(Z0, Z1)
	LOAD32(Z2, Z3)
	LOAD32(Z4, Z5)
	LOAD32(Z6, Z7)
	LOAD32(Z8, Z9)
	LOAD32(Z10, Z11)
	LOAD32(Z12, Z13)
	LOAD32(Z14, Z15)
	BEGIN8

product8:
	FACTORS32
	ROW32((AX), Z0, Z1)
	ROW32((AX)(R9*1), Z2, Z3)
	ROW32((AX)(R9*2), Z4, Z5)
	ROW32((AX)(R10*1), Z6, Z7)
	ROW32((R11), Z8, Z9)
	ROW32((R11)(R9*1), Z10, Z11)
	ROW32((R11)(R9*2), Z12, Z13)
	ROW32((R11)(R10*1), Z14, Z15)
	NEXT8
	JNZ  product8
	MOVQ DI, AX
	STORE32(Z0, Z1)
	STORE32(Z2, Z3)
	STORE32(Z4, Z5)
	STORE32(Z6, Z7)
	STORE32(Z8, Z9)
	STORE32(Z10, Z11)
	STORE32(Z12, Z13)
	STORE32(Z14, Z15)
	ADVANCE(8)
	JMP  eight

four:
	CMPQ CX, $4
	JLT  one
	MOVQ DI, AX
	LOAD32(Z0, Z1)
	LOAD32(Z2, Z3)
	LOAD32(Z4, Z5)
	LOAD32(Z6, Z7)
	BEGIN

product4:
	FACTORS32
	ROW32((AX), Z0, Z1)
	ROW32((AX)(R9*1), Z2, Z3)
	ROW32((AX)(R9*2), Z4, Z5)
	ROW32((AX)(R10*1), Z6, Z7)
	NEXT
	JNZ  product4
	MOVQ DI, AX
	STORE32(Z0, Z1)
	STORE32(Z2, Z3)
	STORE32(Z4, Z5)
	STORE32(Z6, Z7)
	ADVANCE(4)

one:
	TESTQ CX, CX
	JZ    done
	MOVQ  DI, AX
	LOAD32(Z0, Z1)
	BEGIN

product1:
	FACTORS32
	ROW32((AX), Z0, Z1)
	NEXT
	JNZ  product1
	MOVQ DI, AX
	STORE32(Z0, Z1)
	ADVANCE(1)
	JMP  one

done:
	VZEROUPPER
	RET

// func gemm16AVX512(c *float32, ldc int, a *float32, rs, cs int, b *float32, ldb, m, k int, mask uint32)
// Of sixteen columns those are there whose bit in mask is set.
TEXT ·gemm16AVX512(SB), NOSPLIT, $0-76
	MOVL  mask+72(FP), AX
	KMOVW AX, K1
	ARGUMENTS

eight:
	CMPQ CX, $8
	JLT  one
	MOVQ DI, AX
	LOAD16(Z0)
	LOAD16(Z1)
	LOAD16(Z2)
	LOAD16(Z3)
	LOAD16(Z4)
	LOAD16(Z5)
	LOAD16(Z6)
	LOAD16(Z7)
	BEGIN8

product8:
	VMOVUPS.Z (DX), K1, Z16
	ROW16((AX), Z0)
	ROW16((AX)(R9*1), Z1)
	ROW16((AX)(R9*2), Z2)
	ROW16((AX)(R10*1), Z3)
	ROW16((R11), Z4)
	ROW16((R11)(R9*1), Z5)
	ROW16((R11)(R9*2), Z6)
	ROW16((R11)(R10*1), Z7)
	NEXT8
	JNZ       product8
	MOVQ      DI, AX
	STORE16(Z0)
	STORE16(Z1)
	STORE16(Z2)
	STORE16(Z3)
	STORE16(Z4)
	STORE16(Z5)
	STORE16(Z6)
	STORE16(Z7)
	ADVANCE(8)
	JMP       eight

one:
	TESTQ CX, CX
	JZ    done
	MOVQ  DI, AX
	LOAD16(Z0)
	BEGIN

product1:
	VMOVUPS.Z (DX), K1, Z16
	ROW16((AX), Z0)
	NEXT
	JNZ       product1
	MOVQ      DI, AX
	STORE16(Z0)
	ADVANCE(1)
	JMP       one

done:
	VZEROUPPER
	RET
