#include "textflag.h"

// Operands are in Go's order, as in step_amd64.s.

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

// func activeWideAVX2(y, a, x []float32)
// Rows are taken 64 at a time: a mask says which of them have an x. Within them columns are taken in tiles
// whose sums stay in registers.
TEXT ·activeWideAVX2(SB), NOSPLIT, $0-72
	MOVQ   a_base+24(FP), SI
	MOVQ   x_base+48(FP), DX
	MOVQ   x_len+56(FP), R8
	MOVQ   y_len+8(FP), R9
	SHLQ   $2, R9             // bytes a row
	VXORPS Y14, Y14, Y14

chunk:
	TESTQ R8, R8
	JZ    done
	MASK(DX, $4)
	TESTQ BX, BX
	JZ    advance
	MOVQ  y_base+0(FP), DI
	MOVQ  y_len+8(FP), CX
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

// SUM adds up the lanes of Y0 to Y3 into X0, in the order of dotAVX2.
#define SUM \
	VADDPS       Y1, Y0, Y0 \
	VADDPS       Y3, Y2, Y2 \
	VADDPS       Y2, Y0, Y0 \
	VEXTRACTF128 $1, Y0, X1 \
	VADDPS       X1, X0, X0 \
	VHADDPS      X0, X0, X0 \
	VHADDPS      X0, X0, X0

// func gatedWideAVX2(y, a, x, gate []float32)
TEXT ·gatedWideAVX2(SB), NOSPLIT, $0-96
	MOVQ   y_base+0(FP), DI
	MOVQ   y_len+8(FP), R8
	MOVQ   a_base+24(FP), SI
	MOVQ   gate_base+72(FP), DX
	MOVQ   x_len+56(FP), R9
	SHLQ   $2, R9
	VXORPS Y14, Y14, Y14

	// y is cleared first, and then written where gate is above zero.
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
	MOVQ   x_base+48(FP), AX
	CMPQ   R9, $256
	JNE    any

	// Of 64 columns x stays in registers.
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
	MOVQ   x_len+56(FP), CX
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

	// Without gate every row counts.
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

// func gerWideAVX2(a, x, y []float32, alpha float32)
TEXT ·gerWideAVX2(SB), NOSPLIT, $0-76
	MOVQ         a_base+0(FP), SI
	MOVQ         x_base+24(FP), DX
	MOVQ         x_len+32(FP), R8
	MOVQ         y_len+56(FP), R9
	SHLQ         $2, R9
	VBROADCASTSS alpha+72(FP), Y13
	VXORPS       Y14, Y14, Y14

chunk:
	TESTQ R8, R8
	JZ    done
	MASK(DX, $4)
	TESTQ BX, BX
	JZ    advance
	MOVQ  y_base+48(FP), DI
	MOVQ  y_len+56(FP), CX
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
