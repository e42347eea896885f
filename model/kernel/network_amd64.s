#include "go_asm.h"
#include "textflag.h"

// Operands are in Go's order, as in step_amd64.s.

// func reluAVX2(z []float32, limit float32)
// VMAXPS returns its first operand here, the zero, when the other is a NaN.
TEXT ·reluAVX2(SB), NOSPLIT, $0-28
	MOVQ         z_base+0(FP), DI
	MOVQ         z_len+8(FP), CX
	VBROADCASTSS limit+24(FP), Y1
	VXORPS       Y0, Y0, Y0

loop8:
	CMPQ    CX, $8
	JLT     loop1
	VMOVUPS (DI), Y2
	VMAXPS  Y0, Y2, Y2
	VMINPS  Y1, Y2, Y2
	VMOVUPS Y2, (DI)
	ADDQ    $32, DI
	SUBQ    $8, CX
	JMP     loop8

loop1:
	TESTQ  CX, CX
	JZ     done
	VMOVSS (DI), X2
	VMAXSS X0, X2, X2
	VMINSS X1, X2, X2
	VMOVSS X2, (DI)
	ADDQ   $4, DI
	DECQ   CX
	JMP    loop1

done:
	VZEROUPPER
	RET

// func gateAVX2(d, out []float32)
TEXT ·gateAVX2(SB), NOSPLIT, $0-48
	MOVQ   d_base+0(FP), DI
	MOVQ   d_len+8(FP), CX
	MOVQ   out_base+24(FP), SI
	VXORPS Y0, Y0, Y0

loop8:
	CMPQ    CX, $8
	JLT     loop1
	VMOVUPS (SI), Y1
	VCMPPS  $30, Y0, Y1, Y1
	VANDPS  (DI), Y1, Y1
	VMOVUPS Y1, (DI)
	ADDQ    $32, DI
	ADDQ    $32, SI
	SUBQ    $8, CX
	JMP     loop8

loop1:
	TESTQ  CX, CX
	JZ     done
	VMOVSS (SI), X1
	VMOVSS (DI), X2
	VCMPSS $30, X0, X1, X1
	VANDPS X2, X1, X1
	VMOVSS X1, (DI)
	ADDQ   $4, DI
	ADDQ   $4, SI
	DECQ   CX
	JMP    loop1

done:
	VZEROUPPER
	RET

// MASK leaves in BX one bit for each of the next min(64, R8) values at x: set where it is not zero, by
// comparison how. R13 is how many values they are; AX, R10, R11 and Y15 are lost; Y14 must be zero. It walks
// from the last value to the first, so that every shift is by a constant.
#define MASK(x, how) \
	MOVQ       R8, R13            \
	CMPQ       R13, $64           \
	JLE        few                \
	MOVQ       $64, R13           \
few:                              \
	XORQ       BX, BX             \
	MOVQ       R13, R10           \
	MOVQ       R13, R11           \
	ANDQ       $-8, R11           \
single:                           \
	CMPQ       R10, R11           \
	JEQ        eight              \
	DECQ       R10                \
	VMOVSS     (x)(R10*4), X15    \
	VCMPPS     how, X14, X15, X15 \
	VMOVMSKPS  X15, AX            \
	ANDQ       $1, AX             \
	SHLQ       $1, BX             \
	ORQ        AX, BX             \
	JMP        single             \
eight:                            \
	TESTQ      R10, R10           \
	JZ         masked             \
	SUBQ       $8, R10            \
	VMOVUPS    (x)(R10*4), Y15    \
	VCMPPS     how, Y14, Y15, Y15 \
	VMOVMSKPS  Y15, AX            \
	SHLQ       $8, BX             \
	ORQ        AX, BX             \
	JMP        eight              \
masked:

// NEXT leaves in R11 the number of the lowest bit of R12, and ROW turns it into the address of that row of
// the matrix at base, whose rows are R9 bytes.
#define NEXT \
	TZCNTQ R12, R11

#define ROW(base) \
	IMULQ R9, R11   \
	ADDQ  base, R11

// CLEAR clears the lowest bit of R12 and sets the zero flag when none is left.
#define CLEAR \
	LEAQ -1(R12), R10 \
	ANDQ R10, R12

// func forwardActiveAVX2(z, w, x []float32)
// Rows are taken 64 at a time: a mask says which of them have an x. Within them columns are taken in tiles
// whose sums stay in registers.
TEXT ·forwardActiveAVX2(SB), NOSPLIT, $0-72
	MOVQ   w_base+24(FP), SI
	MOVQ   x_base+48(FP), DX
	MOVQ   x_len+56(FP), R8
	MOVQ   z_len+8(FP), R9
	SHLQ   $2, R9             // bytes a row
	VXORPS Y14, Y14, Y14

chunk:
	TESTQ R8, R8
	JZ    done
	MASK(DX, $4)
	TESTQ BX, BX
	JZ    advance
	MOVQ  z_base+0(FP), DI
	MOVQ  z_len+8(FP), CX
	MOVQ  SI, AX

tile64:
	CMPQ    CX, $64
	JLT     tile32
	VMOVUPS (DI), Y0
	VMOVUPS 32(DI), Y1
	VMOVUPS 64(DI), Y2
	VMOVUPS 96(DI), Y3
	VMOVUPS 128(DI), Y4
	VMOVUPS 160(DI), Y5
	VMOVUPS 192(DI), Y6
	VMOVUPS 224(DI), Y7
	MOVQ    BX, R12

row64:
	NEXT
	VBROADCASTSS (DX)(R11*4), Y8
	ROW(AX)
	VFMADD231PS  (R11), Y8, Y0
	VFMADD231PS  32(R11), Y8, Y1
	VFMADD231PS  64(R11), Y8, Y2
	VFMADD231PS  96(R11), Y8, Y3
	VFMADD231PS  128(R11), Y8, Y4
	VFMADD231PS  160(R11), Y8, Y5
	VFMADD231PS  192(R11), Y8, Y6
	VFMADD231PS  224(R11), Y8, Y7
	CLEAR
	JNZ          row64
	VMOVUPS      Y0, (DI)
	VMOVUPS      Y1, 32(DI)
	VMOVUPS      Y2, 64(DI)
	VMOVUPS      Y3, 96(DI)
	VMOVUPS      Y4, 128(DI)
	VMOVUPS      Y5, 160(DI)
	VMOVUPS      Y6, 192(DI)
	VMOVUPS      Y7, 224(DI)
	ADDQ         $256, DI
	ADDQ         $256, AX
	SUBQ         $64, CX
	JMP          tile64

tile32:
	CMPQ    CX, $32
	JLT     tile8
	VMOVUPS (DI), Y0
	VMOVUPS 32(DI), Y1
	VMOVUPS 64(DI), Y2
	VMOVUPS 96(DI), Y3
	MOVQ    BX, R12

row32:
	NEXT
	VBROADCASTSS (DX)(R11*4), Y8
	ROW(AX)
	VFMADD231PS  (R11), Y8, Y0
	VFMADD231PS  32(R11), Y8, Y1
	VFMADD231PS  64(R11), Y8, Y2
	VFMADD231PS  96(R11), Y8, Y3
	CLEAR
	JNZ          row32
	VMOVUPS      Y0, (DI)
	VMOVUPS      Y1, 32(DI)
	VMOVUPS      Y2, 64(DI)
	VMOVUPS      Y3, 96(DI)
	ADDQ         $128, DI
	ADDQ         $128, AX
	SUBQ         $32, CX

tile8:
	CMPQ    CX, $8
	JLT     tile1
	VMOVUPS (DI), Y0
	MOVQ    BX, R12

row8:
	NEXT
	VBROADCASTSS (DX)(R11*4), Y8
	ROW(AX)
	VFMADD231PS  (R11), Y8, Y0
	CLEAR
	JNZ          row8
	VMOVUPS      Y0, (DI)
	ADDQ         $32, DI
	ADDQ         $32, AX
	SUBQ         $8, CX
	JMP          tile8

tile1:
	TESTQ  CX, CX
	JZ     advance
	VMOVSS (DI), X0
	MOVQ   BX, R12

row1:
	NEXT
	VMOVSS      (DX)(R11*4), X8
	ROW(AX)
	VFMADD231SS (R11), X8, X0
	CLEAR
	JNZ         row1
	VMOVSS      X0, (DI)
	ADDQ        $4, DI
	ADDQ        $4, AX
	DECQ        CX
	JMP         tile1

advance:
	LEAQ  (DX)(R13*4), DX
	SUBQ  R13, R8
	IMULQ R9, R13
	ADDQ  R13, SI
	JMP   chunk

done:
	VZEROUPPER
	RET

// SUM adds up the lanes of Y0 to Y3 into X0, in the order of backwardAVX2.
#define SUM \
	VADDPS       Y1, Y0, Y0 \
	VADDPS       Y3, Y2, Y2 \
	VADDPS       Y2, Y0, Y0 \
	VEXTRACTF128 $1, Y0, X1 \
	VADDPS       X1, X0, X0 \
	VHADDPS      X0, X0, X0 \
	VHADDPS      X0, X0, X0

// func backwardGatedAVX2(dx, w, d, out []float32)
TEXT ·backwardGatedAVX2(SB), NOSPLIT, $0-96
	MOVQ   dx_base+0(FP), DI
	MOVQ   dx_len+8(FP), R8
	MOVQ   w_base+24(FP), SI
	MOVQ   out_base+72(FP), DX
	MOVQ   d_len+56(FP), R9
	SHLQ   $2, R9
	VXORPS Y14, Y14, Y14

	// dx is cleared first, and then written where out is above zero.
	MOVQ DI, R10
	MOVQ R8, R11

clear8:
	CMPQ    R11, $8
	JLT     clear1
	VMOVUPS Y14, (R10)
	ADDQ    $32, R10
	SUBQ    $8, R11
	JMP     clear8

clear1:
	TESTQ R11, R11
	JZ    chunk
	MOVL  $0, (R10)
	ADDQ  $4, R10
	DECQ  R11
	JMP   clear1

chunk:
	TESTQ  R8, R8
	JZ     done
	TESTQ  DX, DX
	JZ     all
	VXORPS Y14, Y14, Y14
	MASK(DX, $30)

chosen:
	MOVQ   BX, R12
	TESTQ  R12, R12
	JZ     advance
	MOVQ   d_base+48(FP), AX
	CMPQ   R9, $256
	JNE    any

	// Of 64 columns d stays in registers.
	VMOVUPS (AX), Y8
	VMOVUPS 32(AX), Y9
	VMOVUPS 64(AX), Y10
	VMOVUPS 96(AX), Y11
	VMOVUPS 128(AX), Y12
	VMOVUPS 160(AX), Y13
	VMOVUPS 192(AX), Y14
	VMOVUPS 224(AX), Y15

row64:
	NEXT
	LEAQ        (DI)(R11*4), CX
	SHLQ        $8, R11
	ADDQ        SI, R11
	VMULPS      (R11), Y8, Y0
	VMULPS      32(R11), Y9, Y1
	VMULPS      64(R11), Y10, Y2
	VMULPS      96(R11), Y11, Y3
	VFMADD231PS 128(R11), Y12, Y0
	VFMADD231PS 160(R11), Y13, Y1
	VFMADD231PS 192(R11), Y14, Y2
	VFMADD231PS 224(R11), Y15, Y3
	SUM
	VMOVSS      X0, (CX)
	CLEAR
	JNZ         row64
	JMP         advance

any:
	NEXT
	LEAQ   (DI)(R11*4), R14
	ROW(SI)
	MOVQ   AX, R10
	MOVQ   d_len+56(FP), CX
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3

loop32:
	CMPQ        CX, $32
	JLT         loop8
	VMOVUPS     (R10), Y4
	VMOVUPS     32(R10), Y5
	VMOVUPS     64(R10), Y6
	VMOVUPS     96(R10), Y7
	VFMADD231PS (R11), Y4, Y0
	VFMADD231PS 32(R11), Y5, Y1
	VFMADD231PS 64(R11), Y6, Y2
	VFMADD231PS 96(R11), Y7, Y3
	ADDQ        $128, R10
	ADDQ        $128, R11
	SUBQ        $32, CX
	JMP         loop32

loop8:
	CMPQ        CX, $8
	JLT         reduce
	VMOVUPS     (R10), Y4
	VFMADD231PS (R11), Y4, Y0
	ADDQ        $32, R10
	ADDQ        $32, R11
	SUBQ        $8, CX
	JMP         loop8

reduce:
	SUM

loop1:
	TESTQ       CX, CX
	JZ          store
	VMOVSS      (R10), X4
	VFMADD231SS (R11), X4, X0
	ADDQ        $4, R10
	ADDQ        $4, R11
	DECQ        CX
	JMP         loop1

store:
	VMOVSS X0, (R14)
	CLEAR
	JNZ    any

advance:
	LEAQ  (DI)(R13*4), DI
	TESTQ DX, DX
	JZ    next
	LEAQ  (DX)(R13*4), DX

next:
	SUBQ  R13, R8
	IMULQ R9, R13
	ADDQ  R13, SI
	JMP   chunk

	// Without out every row counts.
all:
	MOVQ $64, R13
	CMPQ R8, R13
	JGE  full
	MOVQ R8, R13

full:
	MOVQ $64, CX
	SUBQ R13, CX
	MOVQ $-1, BX
	SHRQ CX, BX
	JMP  chosen

done:
	VZEROUPPER
	RET

// func outerAVX2(g, x, d []float32, scale float32)
TEXT ·outerAVX2(SB), NOSPLIT, $0-76
	MOVQ         g_base+0(FP), SI
	MOVQ         x_base+24(FP), DX
	MOVQ         x_len+32(FP), R8
	MOVQ         d_len+56(FP), R9
	SHLQ         $2, R9
	VBROADCASTSS scale+72(FP), Y13
	VXORPS       Y14, Y14, Y14

chunk:
	TESTQ R8, R8
	JZ    done
	MASK(DX, $4)
	TESTQ BX, BX
	JZ    advance
	MOVQ  d_base+48(FP), DI
	MOVQ  d_len+56(FP), CX
	MOVQ  SI, AX

tile64:
	CMPQ   CX, $64
	JLT    tile8
	VMULPS (DI), Y13, Y0
	VMULPS 32(DI), Y13, Y1
	VMULPS 64(DI), Y13, Y2
	VMULPS 96(DI), Y13, Y3
	VMULPS 128(DI), Y13, Y4
	VMULPS 160(DI), Y13, Y5
	VMULPS 192(DI), Y13, Y6
	VMULPS 224(DI), Y13, Y7
	MOVQ   BX, R12

row64:
	NEXT
	VBROADCASTSS (DX)(R11*4), Y8
	ROW(AX)
	VMOVUPS      (R11), Y9
	VMOVUPS      32(R11), Y10
	VMOVUPS      64(R11), Y11
	VMOVUPS      96(R11), Y12
	VFMADD231PS  Y0, Y8, Y9
	VFMADD231PS  Y1, Y8, Y10
	VFMADD231PS  Y2, Y8, Y11
	VFMADD231PS  Y3, Y8, Y12
	VMOVUPS      Y9, (R11)
	VMOVUPS      Y10, 32(R11)
	VMOVUPS      Y11, 64(R11)
	VMOVUPS      Y12, 96(R11)
	VMOVUPS      128(R11), Y9
	VMOVUPS      160(R11), Y10
	VMOVUPS      192(R11), Y11
	VMOVUPS      224(R11), Y12
	VFMADD231PS  Y4, Y8, Y9
	VFMADD231PS  Y5, Y8, Y10
	VFMADD231PS  Y6, Y8, Y11
	VFMADD231PS  Y7, Y8, Y12
	VMOVUPS      Y9, 128(R11)
	VMOVUPS      Y10, 160(R11)
	VMOVUPS      Y11, 192(R11)
	VMOVUPS      Y12, 224(R11)
	CLEAR
	JNZ          row64
	ADDQ         $256, DI
	ADDQ         $256, AX
	SUBQ         $64, CX
	JMP          tile64

tile8:
	CMPQ   CX, $8
	JLT    tile1
	VMULPS (DI), Y13, Y0
	MOVQ   BX, R12

row8:
	NEXT
	VBROADCASTSS (DX)(R11*4), Y8
	ROW(AX)
	VMOVUPS      (R11), Y9
	VFMADD231PS  Y0, Y8, Y9
	VMOVUPS      Y9, (R11)
	CLEAR
	JNZ          row8
	ADDQ         $32, DI
	ADDQ         $32, AX
	SUBQ         $8, CX
	JMP          tile8

tile1:
	TESTQ  CX, CX
	JZ     advance
	VMULSS (DI), X13, X0
	MOVQ   BX, R12

row1:
	NEXT
	VMOVSS      (DX)(R11*4), X8
	ROW(AX)
	VMOVSS      (R11), X9
	VFMADD231SS X0, X8, X9
	VMOVSS      X9, (R11)
	CLEAR
	JNZ         row1
	ADDQ        $4, DI
	ADDQ        $4, AX
	DECQ        CX
	JMP         tile1

advance:
	LEAQ  (DX)(R13*4), DX
	SUBQ  R13, R8
	IMULQ R9, R13
	ADDQ  R13, SI
	JMP   chunk

done:
	VZEROUPPER
	RET

// The narrow kernels take eight rows at a time, which fill as many vectors as the matrix has columns: of 2 to
// 7. Y9 to Y15 hold, for each vector, which of the eight rows each lane belongs to.
#define UNLESS(n, label) \
	CMPQ CX, n   \
	JLT  label

// func forwardNarrowAVX2(sums *[56]float32, w, x []float32, columns int, row *[56]int32)
TEXT ·forwardNarrowAVX2(SB), NOSPLIT, $0-72
	MOVQ    sums+0(FP), DI
	MOVQ    w_base+8(FP), SI
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

// func outerNarrowAVX2(g, x []float32, d *[8]float32, columns int, table *lanes)
TEXT ·outerNarrowAVX2(SB), NOSPLIT, $0-72
	MOVQ    g_base+0(FP), DI
	MOVQ    x_base+24(FP), DX
	MOVQ    x_len+32(FP), R8
	MOVQ    d+48(FP), SI
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

// func backwardNarrowAVX2(dx, w, d []float32)
// One value at a time: rows this short leave nothing to add up across lanes, and rows do not wait for each
// other.
TEXT ·backwardNarrowAVX2(SB), NOSPLIT, $0-72
	MOVQ dx_base+0(FP), DI
	MOVQ dx_len+8(FP), R8
	MOVQ w_base+24(FP), SI
	MOVQ d_base+48(FP), DX
	MOVQ d_len+56(FP), CX
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

// Constants of tanh: lane by lane the same, read with a broadcast.
DATA tanhOf<>+0(SB)/4, $10.0                  // beyond it tanh is 1 in float32
DATA tanhOf<>+4(SB)/4, $-2.0
DATA tanhOf<>+8(SB)/4, $1.4426950408889634    // 1/ln 2
DATA tanhOf<>+12(SB)/4, $0.693359375          // ln 2 in two parts, the first with few bits
DATA tanhOf<>+16(SB)/4, $-2.1219444005469057e-4
DATA tanhOf<>+20(SB)/4, $1.984126984126984e-4 // 1/7! to 1/2!
DATA tanhOf<>+24(SB)/4, $1.3888888888888889e-3
DATA tanhOf<>+28(SB)/4, $8.333333333333333e-3
DATA tanhOf<>+32(SB)/4, $4.1666666666666664e-2
DATA tanhOf<>+36(SB)/4, $1.6666666666666666e-1
DATA tanhOf<>+40(SB)/4, $0.5
DATA tanhOf<>+44(SB)/4, $1.0
DATA tanhOf<>+48(SB)/4, $2.0
GLOBL tanhOf<>(SB), RODATA|NOPTR, $52

#define TERM(offset) \
	VBROADCASTSS tanhOf<>+offset(SB), Y6 \
	VFMADD213PS  Y6, Y2, Y3

// TANH replaces Y0 by its tanh; NaN becomes 0. With y = −2|x| = n·ln 2 + r it is −u/(2 + u), where u = eʸ − 1 =
// 2ⁿ·(eʳ − 1) + (2ⁿ − 1), and eʳ − 1 is Taylor's sum, so that a small x keeps its relative precision. Y8 to Y15
// hold constants; Y1 to Y7 are lost.
#define TANH \
	VCMPPS       $7, Y0, Y0, Y1       \
	VANDPS       Y1, Y0, Y0           \
	VANDPS       Y15, Y0, Y1          \
	VANDNPS      Y0, Y15, Y0          \
	VMINPS       Y8, Y1, Y1           \
	VMULPS       Y9, Y1, Y1           \
	VMULPS       Y10, Y1, Y4          \
	VROUNDPS     $0, Y4, Y4           \
	VMOVAPS      Y1, Y2               \
	VFNMADD231PS Y11, Y4, Y2          \
	VFNMADD231PS Y12, Y4, Y2          \
	VBROADCASTSS tanhOf<>+20(SB), Y3  \
	TERM(24)                          \
	TERM(28)                          \
	TERM(32)                          \
	TERM(36)                          \
	TERM(40)                          \
	VMULPS       Y2, Y2, Y5           \
	VFMADD213PS  Y2, Y5, Y3           \
	VCVTPS2DQ    Y4, Y4               \
	VPSLLD       $23, Y4, Y4          \
	VPADDD       Y13, Y4, Y4          \
	VSUBPS       Y13, Y4, Y5          \
	VFMADD213PS  Y5, Y4, Y3           \
	VADDPS       Y14, Y3, Y5          \
	VDIVPS       Y5, Y3, Y3           \
	VANDPS       Y15, Y3, Y3          \
	VORPS        Y0, Y3, Y0

// func tanhAVX2(z []float32)
TEXT ·tanhAVX2(SB), NOSPLIT, $0-24
	MOVQ         z_base+0(FP), DI
	MOVQ         z_len+8(FP), CX
	VBROADCASTSS tanhOf<>+0(SB), Y8
	VBROADCASTSS tanhOf<>+4(SB), Y9
	VBROADCASTSS tanhOf<>+8(SB), Y10
	VBROADCASTSS tanhOf<>+12(SB), Y11
	VBROADCASTSS tanhOf<>+16(SB), Y12
	VBROADCASTSS tanhOf<>+44(SB), Y13
	VBROADCASTSS tanhOf<>+48(SB), Y14
	VPCMPEQD     Y15, Y15, Y15
	VPSRLD       $1, Y15, Y15         // all bits but the sign

loop8:
	CMPQ    CX, $8
	JLT     loop1
	VMOVUPS (DI), Y0
	TANH
	VMOVUPS Y0, (DI)
	ADDQ    $32, DI
	SUBQ    $8, CX
	JMP     loop8

loop1:
	TESTQ  CX, CX
	JZ     done
	VMOVSS (DI), X0
	TANH
	VMOVSS X0, (DI)
	ADDQ   $4, DI
	DECQ   CX
	JMP    loop1

done:
	VZEROUPPER
	RET

// func tanhSlopeAVX2(d, out []float32)
TEXT ·tanhSlopeAVX2(SB), NOSPLIT, $0-48
	MOVQ         d_base+0(FP), DI
	MOVQ         d_len+8(FP), CX
	MOVQ         out_base+24(FP), SI
	VBROADCASTSS tanhOf<>+44(SB), Y2

loop8:
	CMPQ         CX, $8
	JLT          loop1
	VMOVUPS      (SI), Y0
	VMOVAPS      Y2, Y1
	VFNMADD231PS Y0, Y0, Y1
	VMULPS       (DI), Y1, Y1
	VMOVUPS      Y1, (DI)
	ADDQ         $32, DI
	ADDQ         $32, SI
	SUBQ         $8, CX
	JMP          loop8

loop1:
	TESTQ        CX, CX
	JZ           done
	VMOVSS       (SI), X0
	VMOVAPS      X2, X1
	VFNMADD231SS X0, X0, X1
	VMULSS       (DI), X1, X1
	VMOVSS       X1, (DI)
	ADDQ         $4, DI
	ADDQ         $4, SI
	DECQ         CX
	JMP          loop1

done:
	VZEROUPPER
	RET
