#include "textflag.h"
#include "macros_amd64.h"
#include "gemm_amd64.h"

// Operands are in Go's order, as in step_amd64.s.

// A tile of C stays in registers while k products are added to each of its entries, one after the other: the order of
// a sum is that of the rows of B, whatever the shape, and a sum that is cut in two calls is the same to the last bit.
// Rows of C are taken six at a time, which fill the registers, then four, then one by one.

// Free are AX, BX and DX, of which a tile makes the places in A and B and the count; R11 is five rows of A.

// ROW16 adds one product to a row of sixteen.
#define ROW16(x, low, high) \
	VBROADCASTSS x, Y14         \
	VFMADD231PS  Y12, Y14, low  \
	VFMADD231PS  Y13, Y14, high

#define ROW8(x, sum) \
	VBROADCASTSS x, Y14        \
	VFMADD231PS  Y12, Y14, sum

// LOAD4 loads the first four rows of a tile of sixteen columns, and leaves the place of the fourth in AX.
#define LOAD4 \
	LEAQ    (DI)(R8*2), AX    \
	ADDQ    R8, AX            \
	VMOVUPS (DI), Y0          \
	VMOVUPS 32(DI), Y1        \
	VMOVUPS (DI)(R8*1), Y2    \
	VMOVUPS 32(DI)(R8*1), Y3  \
	VMOVUPS (DI)(R8*2), Y4    \
	VMOVUPS 32(DI)(R8*2), Y5  \
	VMOVUPS (AX), Y6          \
	VMOVUPS 32(AX), Y7

// PRODUCTS4 adds one product to each of them.
#define PRODUCTS4 \
	VMOVUPS (DX), Y12          \
	VMOVUPS 32(DX), Y13        \
	ROW16((AX), Y0, Y1)        \
	ROW16((AX)(R9*1), Y2, Y3)  \
	ROW16((AX)(R9*2), Y4, Y5)  \
	ROW16((AX)(R10*1), Y6, Y7)

// STORE4 stores them, and leaves the place of the fourth in AX.
#define STORE4 \
	LEAQ    (DI)(R8*2), AX    \
	ADDQ    R8, AX            \
	VMOVUPS Y0, (DI)          \
	VMOVUPS Y1, 32(DI)        \
	VMOVUPS Y2, (DI)(R8*1)    \
	VMOVUPS Y3, 32(DI)(R8*1)  \
	VMOVUPS Y4, (DI)(R8*2)    \
	VMOVUPS Y5, 32(DI)(R8*2)  \
	VMOVUPS Y6, (AX)          \
	VMOVUPS Y7, 32(AX)

// func gemm16AVX2(c *float32, ldc int, a *float32, rs, cs int, b *float32, ldb, m, k int)
TEXT ·gemm16AVX2(SB), NOSPLIT, $0-72
	ARGUMENTS
	LEAQ (R9)(R9*4), R11

six:
	CMPQ    CX, $6
	JLT     four
	LOAD4
	VMOVUPS (DI)(R8*4), Y8
	VMOVUPS 32(DI)(R8*4), Y9
	VMOVUPS (AX)(R8*2), Y10
	VMOVUPS 32(AX)(R8*2), Y11
	BEGIN

product6:
	PRODUCTS4
	ROW16((AX)(R9*4), Y8, Y9)
	ROW16((AX)(R11*1), Y10, Y11)
	NEXT
	JNZ     product6
	STORE4
	VMOVUPS Y8, (DI)(R8*4)
	VMOVUPS Y9, 32(DI)(R8*4)
	VMOVUPS Y10, (AX)(R8*2)
	VMOVUPS Y11, 32(AX)(R8*2)
	ADVANCE(6)
	JMP     six

four:
	CMPQ    CX, $4
	JLT     one
	LOAD4
	BEGIN

product4:
	PRODUCTS4
	NEXT
	JNZ     product4
	STORE4
	ADVANCE(4)

one:
	TESTQ   CX, CX
	JZ      done
	VMOVUPS (DI), Y0
	VMOVUPS 32(DI), Y1
	BEGIN

product1:
	VMOVUPS (DX), Y12
	VMOVUPS 32(DX), Y13
	ROW16((AX), Y0, Y1)
	NEXT
	JNZ     product1
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	ADVANCE(1)
	JMP     one

done:
	VZEROUPPER
	RET

// func gemm8AVX2(c *float32, ldc int, a *float32, rs, cs int, b *float32, ldb, m, k, lanes int)
// Of eight columns the first lanes, 1 to 8, are there.
TEXT ·gemm8AVX2(SB), NOSPLIT, $0-80
	MOVQ lanes+72(FP), AX
	TAILMASK
	ARGUMENTS
	LEAQ (R9)(R9*4), R11

six:
	CMPQ       CX, $6
	JLT        one
	LEAQ       (DI)(R8*2), AX
	ADDQ       R8, AX
	VMASKMOVPS (DI), Y15, Y0
	VMASKMOVPS (DI)(R8*1), Y15, Y1
	VMASKMOVPS (DI)(R8*2), Y15, Y2
	VMASKMOVPS (AX), Y15, Y3
	VMASKMOVPS (DI)(R8*4), Y15, Y4
	VMASKMOVPS (AX)(R8*2), Y15, Y5
	BEGIN

product6:
	VMASKMOVPS (DX), Y15, Y12
	ROW8((AX), Y0)
	ROW8((AX)(R9*1), Y1)
	ROW8((AX)(R9*2), Y2)
	ROW8((AX)(R10*1), Y3)
	ROW8((AX)(R9*4), Y4)
	ROW8((AX)(R11*1), Y5)
	NEXT
	JNZ        product6
	LEAQ       (DI)(R8*2), AX
	ADDQ       R8, AX
	VMASKMOVPS Y0, Y15, (DI)
	VMASKMOVPS Y1, Y15, (DI)(R8*1)
	VMASKMOVPS Y2, Y15, (DI)(R8*2)
	VMASKMOVPS Y3, Y15, (AX)
	VMASKMOVPS Y4, Y15, (DI)(R8*4)
	VMASKMOVPS Y5, Y15, (AX)(R8*2)
	ADVANCE(6)
	JMP        six

one:
	TESTQ      CX, CX
	JZ         done
	VMASKMOVPS (DI), Y15, Y0
	BEGIN

product1:
	VMASKMOVPS (DX), Y15, Y12
	ROW8((AX), Y0)
	NEXT
	JNZ        product1
	VMASKMOVPS Y0, Y15, (DI)
	ADVANCE(1)
	JMP        one

done:
	VZEROUPPER
	RET
