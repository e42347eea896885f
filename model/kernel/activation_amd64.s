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

// func slopeAVX2(d, out []float32)
TEXT ·slopeAVX2(SB), NOSPLIT, $0-48
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
