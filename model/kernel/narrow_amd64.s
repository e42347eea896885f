#include "go_asm.h"
#include "textflag.h"

// Operands are in Go's order, as in step_amd64.s.

// The narrow kernels take eight rows at a time, which fill as many vectors as the matrix has columns: of 2 to
// 7. Y9 to Y15 hold, for each vector, which of the eight rows each lane belongs to.
#define UNLESS(n, label) \
	CMPQ CX, n   \
	JLT  label

// func activeNarrowAVX2(sums *[56]float32, a, x []float32, columns int, row *[56]int32)
TEXT ·activeNarrowAVX2(SB), NOSPLIT, $0-72
	MOVQ    sums+0(FP), DI
	MOVQ    a_base+8(FP), SI
	MOVQ    x_base+32(FP), DX
	MOVQ    x_len+40(FP), R8
	MOVQ    columns+56(FP), CX
	MOVQ    row+64(FP), AX
	MOVQ    CX, R9
	SHLQ    $5, R9
	VMOVUPS (AX), Y9
	VMOVUPS 32(AX), Y10
	VMOVUPS 64(AX), Y11
	VMOVUPS 96(AX), Y12
	VMOVUPS 128(AX), Y13
	VMOVUPS 160(AX), Y14
	VMOVUPS 192(AX), Y15
	VXORPS  Y0, Y0, Y0
	VXORPS  Y1, Y1, Y1
	VXORPS  Y2, Y2, Y2
	VXORPS  Y3, Y3, Y3
	VXORPS  Y4, Y4, Y4
	VXORPS  Y5, Y5, Y5
	VXORPS  Y6, Y6, Y6

eight:
	VMOVUPS     (DX), Y8
	VPERMPS     Y8, Y9, Y7
	VFMADD231PS (SI), Y7, Y0
	UNLESS($2, next)
	VPERMPS     Y8, Y10, Y7
	VFMADD231PS 32(SI), Y7, Y1
	UNLESS($3, next)
	VPERMPS     Y8, Y11, Y7
	VFMADD231PS 64(SI), Y7, Y2
	UNLESS($4, next)
	VPERMPS     Y8, Y12, Y7
	VFMADD231PS 96(SI), Y7, Y3
	UNLESS($5, next)
	VPERMPS     Y8, Y13, Y7
	VFMADD231PS 128(SI), Y7, Y4
	UNLESS($6, next)
	VPERMPS     Y8, Y14, Y7
	VFMADD231PS 160(SI), Y7, Y5
	UNLESS($7, next)
	VPERMPS     Y8, Y15, Y7
	VFMADD231PS 192(SI), Y7, Y6

next:
	ADDQ $32, DX
	ADDQ R9, SI
	SUBQ $8, R8
	JNZ  eight

	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	VMOVUPS Y3, 96(DI)
	VMOVUPS Y4, 128(DI)
	VMOVUPS Y5, 160(DI)
	VMOVUPS Y6, 192(DI)
	VZEROUPPER
	RET

// func gerNarrowAVX2(a, x []float32, y *[8]float32, columns int, table *lanes)
TEXT ·gerNarrowAVX2(SB), NOSPLIT, $0-72
	MOVQ    a_base+0(FP), DI
	MOVQ    x_base+24(FP), DX
	MOVQ    x_len+32(FP), R8
	MOVQ    y+48(FP), SI
	MOVQ    columns+56(FP), CX
	MOVQ    table+64(FP), AX
	MOVQ    CX, R9
	SHLQ    $5, R9
	VMOVUPS (SI), Y8
	LEAQ    lanes_column(AX), BX
	VMOVUPS (BX), Y0
	VMOVUPS 32(BX), Y1
	VMOVUPS 64(BX), Y2
	VMOVUPS 96(BX), Y3
	VMOVUPS 128(BX), Y4
	VMOVUPS 160(BX), Y5
	VMOVUPS 192(BX), Y6
	VPERMPS Y8, Y0, Y0
	VPERMPS Y8, Y1, Y1
	VPERMPS Y8, Y2, Y2
	VPERMPS Y8, Y3, Y3
	VPERMPS Y8, Y4, Y4
	VPERMPS Y8, Y5, Y5
	VPERMPS Y8, Y6, Y6
	LEAQ    lanes_row(AX), BX
	VMOVUPS (BX), Y9
	VMOVUPS 32(BX), Y10
	VMOVUPS 64(BX), Y11
	VMOVUPS 96(BX), Y12
	VMOVUPS 128(BX), Y13
	VMOVUPS 160(BX), Y14
	VMOVUPS 192(BX), Y15

eight:
	VMOVUPS     (DX), Y8
	VPERMPS     Y8, Y9, Y7
	VFMADD213PS (DI), Y0, Y7
	VMOVUPS     Y7, (DI)
	UNLESS($2, next)
	VPERMPS     Y8, Y10, Y7
	VFMADD213PS 32(DI), Y1, Y7
	VMOVUPS     Y7, 32(DI)
	UNLESS($3, next)
	VPERMPS     Y8, Y11, Y7
	VFMADD213PS 64(DI), Y2, Y7
	VMOVUPS     Y7, 64(DI)
	UNLESS($4, next)
	VPERMPS     Y8, Y12, Y7
	VFMADD213PS 96(DI), Y3, Y7
	VMOVUPS     Y7, 96(DI)
	UNLESS($5, next)
	VPERMPS     Y8, Y13, Y7
	VFMADD213PS 128(DI), Y4, Y7
	VMOVUPS     Y7, 128(DI)
	UNLESS($6, next)
	VPERMPS     Y8, Y14, Y7
	VFMADD213PS 160(DI), Y5, Y7
	VMOVUPS     Y7, 160(DI)
	UNLESS($7, next)
	VPERMPS     Y8, Y15, Y7
	VFMADD213PS 192(DI), Y6, Y7
	VMOVUPS     Y7, 192(DI)

next:
	ADDQ $32, DX
	ADDQ R9, DI
	SUBQ $8, R8
	JNZ  eight
	VZEROUPPER
	RET

// func gemvNarrowAVX2(y, a, x []float32)
// One value at a time: rows this short leave nothing to add up across lanes, and rows do not wait for each
// other.
TEXT ·gemvNarrowAVX2(SB), NOSPLIT, $0-72
	MOVQ y_base+0(FP), DI
	MOVQ y_len+8(FP), R8
	MOVQ a_base+24(FP), SI
	MOVQ x_base+48(FP), DX
	MOVQ x_len+56(FP), CX
	LEAQ (CX*4), R9

row:
	TESTQ       R8, R8
	JZ          done
	VMOVSS      (SI), X0
	VMULSS      (DX), X0, X0
	UNLESS($2, store)
	VMOVSS      4(SI), X1
	VFMADD231SS 4(DX), X1, X0
	UNLESS($3, store)
	VMOVSS      8(SI), X1
	VFMADD231SS 8(DX), X1, X0
	UNLESS($4, store)
	VMOVSS      12(SI), X1
	VFMADD231SS 12(DX), X1, X0
	UNLESS($5, store)
	VMOVSS      16(SI), X1
	VFMADD231SS 16(DX), X1, X0
	UNLESS($6, store)
	VMOVSS      20(SI), X1
	VFMADD231SS 20(DX), X1, X0
	UNLESS($7, store)
	VMOVSS      24(SI), X1
	VFMADD231SS 24(DX), X1, X0

store:
	VMOVSS X0, (DI)
	ADDQ   $4, DI
	ADDQ   R9, SI
	DECQ   R8
	JMP    row

done:
	VZEROUPPER
	RET
