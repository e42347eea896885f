#include "go_asm.h"
#include "textflag.h"
#include "macros_amd64.h"

// Operands are in Go's order: sources first, destination last, so VSUBPS b, a, c is c = a − b and
// VFMADD231PS a, b, c is c += a·b.

// The step kernels share one frame: for each row j, x[j] is broadcast into Y8 and the columns are
// walked eight at a time; what is left over is loaded by the mask at R13 and goes through the same body,
// in which zero lanes stay finite. Each body takes d in Y0 and w in Y1 and leaves the new w in Y1; Y9
// and up hold the Coefficients.

// MASKAT makes R13 the address of the mask of the columns left over, of CX; AX is lost.
#define MASKAT \
	LEAQ ·tailMask+32(SB), R13 \
	MOVQ CX, AX                \
	ANDQ $7, AX                \
	SHLQ $2, AX                \
	SUBQ AX, R13

// STORE4, STORE2 and STORE1 store the lowest lanes of y, whose lower half is x, at to and move on to the
// lanes after them.
#define STORE4(x, y, to) \
	VMOVUPS      x, (to)  \
	VEXTRACTF128 $1, y, x \
	ADDQ         $16, to

#define STORE2(x, to) \
	VMOVLPS  x, (to)  \
	VPSRLDQ  $8, x, x \
	ADDQ     $8, to

#define STORE1(x, to) \
	VMOVSS x, (to) \
	ADDQ   $4, to

// func sgdAVX2(w, x, d []float32, c *Coefficients)
TEXT ·sgdAVX2(SB), NOSPLIT, $0-80
	MOVQ         w_base+0(FP), DI
	MOVQ         x_base+24(FP), DX
	MOVQ         x_len+32(FP), R8
	MOVQ         d_base+48(FP), R9
	MOVQ         d_len+56(FP), CX
	MOVQ         c+72(FP), AX
	VBROADCASTSS Coefficients_Rate(AX), Y9
	VBROADCASTSS Coefficients_Decay(AX), Y10
	MASKAT

row:
	TESTQ        R8, R8
	JZ           done
	VBROADCASTSS (DX), Y8
	ADDQ         $4, DX
	DECQ         R8
	MOVQ         R9, R10
	MOVQ         CX, R11

loop8:
	CMPQ    R11, $8
	JLT     tail
	VMOVUPS (R10), Y0
	VMOVUPS (DI), Y1
	GRADIENT
	VFNMADD231PS Y0, Y9, Y1
	VMOVUPS      Y1, (DI)
	ADDQ         $32, R10
	ADDQ         $32, DI
	SUBQ         $8, R11
	JMP          loop8

tail:
	TESTQ      R11, R11
	JZ         row
	VMOVUPS    (R13), Y4
	VMASKMOVPS (R10), Y4, Y0
	VMASKMOVPS (DI), Y4, Y1
	GRADIENT
	VFNMADD231PS Y0, Y9, Y1
	TESTQ        $4, R11
	JZ           pair
	STORE4(X1, Y1, DI)

pair:
	TESTQ $2, R11
	JZ    single
	STORE2(X1, DI)

single:
	TESTQ $1, R11
	JZ    row
	STORE1(X1, DI)
	JMP row


done:
	VZEROUPPER
	RET

// MOMENTUM: b in Y2.
#define MOMENTUM \
	GRADIENT                   \
	VMOVAPS      Y0, Y3        \
	VFMADD231PS  Y2, Y11, Y3   \
	FLUSH(Y3)                  \
	VMULPS       Y0, Y12, Y4   \
	VFMADD231PS  Y3, Y13, Y4   \
	VFNMADD231PS Y4, Y9, Y1

// func momentumAVX2(w, b, x, d []float32, c *Coefficients)
TEXT ·momentumAVX2(SB), NOSPLIT, $0-104
	MOVQ         w_base+0(FP), DI
	MOVQ         b_base+24(FP), SI
	MOVQ         x_base+48(FP), DX
	MOVQ         x_len+56(FP), R8
	MOVQ         d_base+72(FP), R9
	MOVQ         d_len+80(FP), CX
	MOVQ         c+96(FP), AX
	VBROADCASTSS Coefficients_Rate(AX), Y9
	VBROADCASTSS Coefficients_Decay(AX), Y10
	VBROADCASTSS Coefficients_Mix1(AX), Y11
	VBROADCASTSS Coefficients_Direct(AX), Y12
	VBROADCASTSS Coefficients_Buffer(AX), Y13
	VBROADCASTSS Coefficients_Tiny(AX), Y7
	SIGNMASK
	MASKAT

row:
	TESTQ        R8, R8
	JZ           done
	VBROADCASTSS (DX), Y8
	ADDQ         $4, DX
	DECQ         R8
	MOVQ         R9, R10
	MOVQ         CX, R11

loop8:
	CMPQ    R11, $8
	JLT     tail
	VMOVUPS (R10), Y0
	VMOVUPS (DI), Y1
	VMOVUPS (SI), Y2
	MOMENTUM
	VMOVUPS Y1, (DI)
	VMOVUPS Y3, (SI)
	ADDQ    $32, R10
	ADDQ    $32, DI
	ADDQ    $32, SI
	SUBQ    $8, R11
	JMP     loop8

tail:
	TESTQ      R11, R11
	JZ         row
	VMOVUPS    (R13), Y4
	VMASKMOVPS (R10), Y4, Y0
	VMASKMOVPS (DI), Y4, Y1
	VMASKMOVPS (SI), Y4, Y2
	MOMENTUM
	TESTQ $4, R11
	JZ    pair
	STORE4(X1, Y1, DI)
	STORE4(X3, Y3, SI)

pair:
	TESTQ $2, R11
	JZ    single
	STORE2(X1, DI)
	STORE2(X3, SI)

single:
	TESTQ $1, R11
	JZ    row
	STORE1(X1, DI)
	STORE1(X3, SI)
	JMP row


done:
	VZEROUPPER
	RET

// ADAGRAD takes eight of s, in float64, in Y2 and Y3, and leaves them there. Squares add up in float64, where
// they do not get lost; the root and the quotient need no more than what a float32 weight keeps of them.
// A sum beyond float32, to which MAXFLOAT in Y11 bounds it, would be of gradients of 1e15.
#define ADAGRAD \
	GRADIENT                   \
	VEXTRACTF128 $1, Y0, X5    \
	VCVTPS2PD    X0, Y4        \
	VCVTPS2PD    X5, Y5        \
	VFMADD231PD  Y4, Y4, Y2    \
	VFMADD231PD  Y5, Y5, Y3    \
	VCVTPD2PSY   Y2, X4        \
	VCVTPD2PSY   Y3, X5        \
	VINSERTF128  $1, X5, Y4, Y4 \
	VMINPS       Y11, Y4, Y4   \
	VSQRTPS      Y4, Y4        \
	VADDPS       Y12, Y4, Y4   \
	VDIVPS       Y4, Y0, Y4    \
	VFNMADD231PS Y4, Y9, Y1

DATA maxFloat32<>+0(SB)/4, $0x7f7fffff
GLOBL maxFloat32<>(SB), RODATA|NOPTR, $4

// func adagradAVX2(w []float32, s []float64, x, d []float32, c *Coefficients)
TEXT ·adagradAVX2(SB), NOSPLIT, $0-104
	MOVQ         w_base+0(FP), DI
	MOVQ         s_base+24(FP), SI
	MOVQ         x_base+48(FP), DX
	MOVQ         x_len+56(FP), R8
	MOVQ         d_base+72(FP), R9
	MOVQ         d_len+80(FP), CX
	MOVQ         c+96(FP), AX
	VBROADCASTSS Coefficients_Rate(AX), Y9
	VBROADCASTSS Coefficients_Decay(AX), Y10
	VBROADCASTSS maxFloat32<>+0(SB), Y11
	VBROADCASTSS Coefficients_Eps(AX), Y12
	MASKAT

	// The mask of the columns left over, for floats in Y13 and for the two halves of s in Y14 and Y15.
	VMOVUPS      (R13), Y13
	VEXTRACTF128 $1, Y13, X15
	VPMOVSXDQ    X13, Y14
	VPMOVSXDQ    X15, Y15

row:
	TESTQ        R8, R8
	JZ           done
	VBROADCASTSS (DX), Y8
	ADDQ         $4, DX
	DECQ         R8
	MOVQ         R9, R10
	MOVQ         CX, R11

loop8:
	CMPQ    R11, $8
	JLT     tail
	VMOVUPS (R10), Y0
	VMOVUPS (DI), Y1
	VMOVUPD (SI), Y2
	VMOVUPD 32(SI), Y3
	ADAGRAD
	VMOVUPS Y1, (DI)
	VMOVUPD Y2, (SI)
	VMOVUPD Y3, 32(SI)
	ADDQ    $32, R10
	ADDQ    $32, DI
	ADDQ    $64, SI
	SUBQ    $8, R11
	JMP     loop8

tail:
	TESTQ      R11, R11
	JZ         row
	VMASKMOVPS (R10), Y13, Y0
	VMASKMOVPS (DI), Y13, Y1
	VMASKMOVPD (SI), Y14, Y2
	VMASKMOVPD 32(SI), Y15, Y3
	ADAGRAD
	TESTQ $4, R11
	JZ    pair
	STORE4(X1, Y1, DI)
	VMOVUPD Y2, (SI)
	VMOVAPD Y3, Y2
	ADDQ    $32, SI

pair:
	TESTQ $2, R11
	JZ    single
	STORE2(X1, DI)
	VMOVUPD      X2, (SI)
	VEXTRACTF128 $1, Y2, X2
	ADDQ         $16, SI

single:
	TESTQ $1, R11
	JZ    row
	STORE1(X1, DI)
	VMOVSD X2, (SI)
	ADDQ   $8, SI
	JMP    row

done:
	VZEROUPPER
	RET

// RMSPROP: v in Y2, left there.
#define RMSPROP \
	GRADIENT                   \
	VMULPS       Y0, Y0, Y3    \
	VMULPS       Y2, Y11, Y2   \
	VFMADD231PS  Y3, Y12, Y2   \
	FLUSH(Y2)                  \
	VSQRTPS      Y2, Y4        \
	VADDPS       Y13, Y4, Y4   \
	VDIVPS       Y4, Y0, Y4    \
	VFNMADD231PS Y4, Y9, Y1

// func rmspropAVX2(w, v, x, d []float32, c *Coefficients)
TEXT ·rmspropAVX2(SB), NOSPLIT, $0-104
	MOVQ         w_base+0(FP), DI
	MOVQ         v_base+24(FP), SI
	MOVQ         x_base+48(FP), DX
	MOVQ         x_len+56(FP), R8
	MOVQ         d_base+72(FP), R9
	MOVQ         d_len+80(FP), CX
	MOVQ         c+96(FP), AX
	VBROADCASTSS Coefficients_Rate(AX), Y9
	VBROADCASTSS Coefficients_Decay(AX), Y10
	VBROADCASTSS Coefficients_Keep2(AX), Y11
	VBROADCASTSS Coefficients_Mix2(AX), Y12
	VBROADCASTSS Coefficients_Eps(AX), Y13
	VBROADCASTSS Coefficients_Tiny(AX), Y7
	SIGNMASK
	MASKAT

row:
	TESTQ        R8, R8
	JZ           done
	VBROADCASTSS (DX), Y8
	ADDQ         $4, DX
	DECQ         R8
	MOVQ         R9, R10
	MOVQ         CX, R11

loop8:
	CMPQ    R11, $8
	JLT     tail
	VMOVUPS (R10), Y0
	VMOVUPS (DI), Y1
	VMOVUPS (SI), Y2
	RMSPROP
	VMOVUPS Y1, (DI)
	VMOVUPS Y2, (SI)
	ADDQ    $32, R10
	ADDQ    $32, DI
	ADDQ    $32, SI
	SUBQ    $8, R11
	JMP     loop8

tail:
	TESTQ      R11, R11
	JZ         row
	VMOVUPS    (R13), Y4
	VMASKMOVPS (R10), Y4, Y0
	VMASKMOVPS (DI), Y4, Y1
	VMASKMOVPS (SI), Y4, Y2
	RMSPROP
	TESTQ $4, R11
	JZ    pair
	STORE4(X1, Y1, DI)
	STORE4(X2, Y2, SI)

pair:
	TESTQ $2, R11
	JZ    single
	STORE2(X1, DI)
	STORE2(X2, SI)

single:
	TESTQ $1, R11
	JZ    row
	STORE1(X1, DI)
	STORE1(X2, SI)
	JMP row


done:
	VZEROUPPER
	RET

// ADAM: m in Y2 and v in Y3, left there.
#define ADAM \
	GRADIENT                   \
	VSUBPS       Y2, Y0, Y4    \
	VFMADD231PS  Y4, Y11, Y2   \
	FLUSH(Y2)                  \
	VMULPS       Y0, Y0, Y4    \
	VMULPS       Y3, Y12, Y3   \
	VFMADD231PS  Y4, Y13, Y3   \
	FLUSH(Y3)                  \
	VSQRTPS      Y3, Y4        \
	VFMADD213PS  Y15, Y14, Y4  \
	VDIVPS       Y4, Y2, Y4    \
	VFNMADD231PS Y4, Y9, Y1

// func adamAVX2(w, m, v, x, d []float32, c *Coefficients)
TEXT ·adamAVX2(SB), NOSPLIT, $0-128
	MOVQ         w_base+0(FP), DI
	MOVQ         m_base+24(FP), SI
	MOVQ         v_base+48(FP), BX
	MOVQ         x_base+72(FP), DX
	MOVQ         x_len+80(FP), R8
	MOVQ         d_base+96(FP), R9
	MOVQ         d_len+104(FP), CX
	MOVQ         c+120(FP), AX
	VBROADCASTSS Coefficients_Rate(AX), Y9
	VBROADCASTSS Coefficients_Decay(AX), Y10
	VBROADCASTSS Coefficients_Mix1(AX), Y11
	VBROADCASTSS Coefficients_Keep2(AX), Y12
	VBROADCASTSS Coefficients_Mix2(AX), Y13
	VBROADCASTSS Coefficients_Root(AX), Y14
	VBROADCASTSS Coefficients_Eps(AX), Y15
	VBROADCASTSS Coefficients_Tiny(AX), Y7
	SIGNMASK
	MASKAT

row:
	TESTQ        R8, R8
	JZ           done
	VBROADCASTSS (DX), Y8
	ADDQ         $4, DX
	DECQ         R8
	MOVQ         R9, R10
	MOVQ         CX, R11

loop8:
	CMPQ    R11, $8
	JLT     tail
	VMOVUPS (R10), Y0
	VMOVUPS (DI), Y1
	VMOVUPS (SI), Y2
	VMOVUPS (BX), Y3
	ADAM
	VMOVUPS Y1, (DI)
	VMOVUPS Y2, (SI)
	VMOVUPS Y3, (BX)
	ADDQ    $32, R10
	ADDQ    $32, DI
	ADDQ    $32, SI
	ADDQ    $32, BX
	SUBQ    $8, R11
	JMP     loop8

tail:
	TESTQ      R11, R11
	JZ         row
	VMOVUPS    (R13), Y4
	VMASKMOVPS (R10), Y4, Y0
	VMASKMOVPS (DI), Y4, Y1
	VMASKMOVPS (SI), Y4, Y2
	VMASKMOVPS (BX), Y4, Y3
	ADAM
	TESTQ $4, R11
	JZ    pair
	STORE4(X1, Y1, DI)
	STORE4(X2, Y2, SI)
	STORE4(X3, Y3, BX)

pair:
	TESTQ $2, R11
	JZ    single
	STORE2(X1, DI)
	STORE2(X2, SI)
	STORE2(X3, BX)

single:
	TESTQ $1, R11
	JZ    row
	STORE1(X1, DI)
	STORE1(X2, SI)
	STORE1(X3, BX)
	JMP row


done:
	VZEROUPPER
	RET
