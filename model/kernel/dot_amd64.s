#include "textflag.h"
#include "macros_amd64.h"

// Operands are in Go's order, as in step_amd64.s.

// DOT leaves in X0 the sum of the products of the R11 values at SI with those at DX. AX and Y15 are the mask of
// what is left of R11 after the eights; SI and DX move, Y0 to Y7 are lost. Four sums of eight lanes run side by side, so
// the order depends on the length alone. It can stand in a function once.
#define DOT \
	VXORPS       Y0, Y0, Y0     \
	VXORPS       Y1, Y1, Y1     \
	VXORPS       Y2, Y2, Y2     \
	VXORPS       Y3, Y3, Y3     \
loop32:                             \
	CMPQ         R11, $32       \
	JLT          loop8          \
	VMOVUPS      (DX), Y4       \
	VMOVUPS      32(DX), Y5     \
	VMOVUPS      64(DX), Y6     \
	VMOVUPS      96(DX), Y7     \
	VFMADD231PS  (SI), Y4, Y0   \
	VFMADD231PS  32(SI), Y5, Y1 \
	VFMADD231PS  64(SI), Y6, Y2 \
	VFMADD231PS  96(SI), Y7, Y3 \
	ADDQ         $128, DX       \
	ADDQ         $128, SI       \
	SUBQ         $32, R11       \
	JMP          loop32         \
loop8:                              \
	CMPQ         R11, $8        \
	JLT          tail           \
	VMOVUPS      (DX), Y4       \
	VFMADD231PS  (SI), Y4, Y0   \
	ADDQ         $32, DX        \
	ADDQ         $32, SI        \
	SUBQ         $8, R11        \
	JMP          loop8          \
tail:                               \
	TESTQ        AX, AX         \
	JZ           reduce         \
	VMASKMOVPS   (DX), Y15, Y4  \
	VMASKMOVPS   (SI), Y15, Y5  \
	VFMADD231PS  Y5, Y4, Y1     \
	LEAQ         (SI)(AX*4), SI \
reduce:                             \
	VADDPS       Y1, Y0, Y0     \
	VADDPS       Y3, Y2, Y2     \
	VADDPS       Y2, Y0, Y0     \
	VEXTRACTF128 $1, Y0, X1     \
	VADDPS       X1, X0, X0     \
	VHADDPS      X0, X0, X0     \
	VHADDPS      X0, X0, X0

// func dotAVX2(x, y []float32) float32
TEXT ·dotAVX2(SB), NOSPLIT, $0-52
	MOVQ x_base+0(FP), SI
	MOVQ x_len+8(FP), R11
	MOVQ y_base+24(FP), DX
	MOVQ R11, AX
	ANDQ $7, AX
	TAILMASK
	DOT
	VMOVSS X0, ret+48(FP)
	VZEROUPPER
	RET

// func dotsAVX2(y, a, x []float32)
TEXT ·dotsAVX2(SB), NOSPLIT, $0-72
	MOVQ y_base+0(FP), DI
	MOVQ y_len+8(FP), R8
	MOVQ a_base+24(FP), SI
	MOVQ x_base+48(FP), R9
	MOVQ x_len+56(FP), CX
	MOVQ CX, AX
	ANDQ $7, AX
	TAILMASK

row:
	TESTQ R8, R8
	JZ    done
	MOVQ  R9, DX
	MOVQ  CX, R11
	DOT
	VMOVSS X0, (DI)
	ADDQ   $4, DI
	DECQ   R8
	JMP    row

done:
	VZEROUPPER
	RET

// func squaresAVX2(x []float32) float64
TEXT ·squaresAVX2(SB), NOSPLIT, $0-32
	MOVQ x_base+0(FP), SI
	MOVQ x_len+8(FP), CX
	MOVQ CX, AX
	ANDQ $7, AX
	TAILMASK
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1

loop8:
	CMPQ        CX, $8
	JLT         tail
	VCVTPS2PD   (SI), Y2
	VCVTPS2PD   16(SI), Y3
	VFMADD231PD Y2, Y2, Y0
	VFMADD231PD Y3, Y3, Y1
	ADDQ        $32, SI
	SUBQ        $8, CX
	JMP         loop8

tail:
	TESTQ        AX, AX
	JZ           reduce
	VMASKMOVPS   (SI), Y15, Y2
	VEXTRACTF128 $1, Y2, X3
	VCVTPS2PD    X2, Y2
	VCVTPS2PD    X3, Y3
	VFMADD231PD  Y2, Y2, Y0
	VFMADD231PD  Y3, Y3, Y1

reduce:
	VADDPD       Y1, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VADDPD       X1, X0, X0
	VHADDPD      X0, X0, X0
	VMOVSD       X0, ret+24(FP)
	VZEROUPPER
	RET
