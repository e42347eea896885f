#include "go_asm.h"
#include "textflag.h"
#include "macros_amd64.h"

// The rules that remember most; the scheme is that of step_amd64.s.

// AMSGRAD is in two parts, between which the largest v is loaded into Y6: m in Y2 and v in Y3, left there,
// the new largest v in Y4.
#define AMSGRAD1 \
	GRADIENT                  \
	VSUBPS      Y2, Y0, Y4    \
	VFMADD231PS Y4, Y11, Y2   \
	FLUSH(Y2)                 \
	VMULPS      Y0, Y0, Y4    \
	VMULPS      Y3, Y12, Y3   \
	VFMADD231PS Y4, Y13, Y3   \
	FLUSH(Y3)

#define AMSGRAD2 \
	VMAXPS       Y6, Y3, Y4   \
	VSQRTPS      Y4, Y6       \
	VFMADD213PS  Y15, Y14, Y6 \
	VDIVPS       Y6, Y2, Y6   \
	VFNMADD231PS Y6, Y9, Y1

// func amsgradAVX2(w, m, v, most, x, d []float32, c *Coefficients)
TEXT ·amsgradAVX2(SB), NOSPLIT, $0-152
	MOVQ w_base+0(FP), DI
	MOVQ m_base+24(FP), SI
	MOVQ v_base+48(FP), BX
	MOVQ most_base+72(FP), R12
	MOVQ x_base+96(FP), DX
	MOVQ x_len+104(FP), R8
	MOVQ d_base+120(FP), R9
	MOVQ d_len+128(FP), CX
	MOVQ c+144(FP), AX
	VBROADCASTSS Coefficients_Rate(AX), Y9
	VBROADCASTSS Coefficients_Decay(AX), Y10
	VBROADCASTSS Coefficients_Mix1(AX), Y11
	VBROADCASTSS Coefficients_Keep2(AX), Y12
	VBROADCASTSS Coefficients_Mix2(AX), Y13
	VBROADCASTSS Coefficients_Root(AX), Y14
	VBROADCASTSS Coefficients_Eps(AX), Y15
	VBROADCASTSS Coefficients_Tiny(AX), Y7
	SIGNMASK

row:
	TESTQ        R8, R8
	JZ           done
	VBROADCASTSS (DX), Y8
	ADDQ         $4, DX
	DECQ         R8
	MOVQ         R9, R10
	MOVQ         CX, R11

loop8:
	CMPQ R11, $8
	JLT  loop1
	VMOVUPS (R10), Y0
	VMOVUPS (DI), Y1
	VMOVUPS (SI), Y2
	VMOVUPS (BX), Y3
	AMSGRAD1
	VMOVUPS (R12), Y6
	AMSGRAD2
	VMOVUPS Y1, (DI)
	VMOVUPS Y2, (SI)
	VMOVUPS Y3, (BX)
	VMOVUPS Y4, (R12)
	ADDQ $32, R10
	ADDQ $32, DI
	ADDQ $32, SI
	ADDQ $32, BX
	ADDQ $32, R12
	SUBQ $8, R11
	JMP  loop8

loop1:
	TESTQ R11, R11
	JZ    row
	VMOVSS (R10), X0
	VMOVSS (DI), X1
	VMOVSS (SI), X2
	VMOVSS (BX), X3
	AMSGRAD1
	VMOVSS (R12), X6
	AMSGRAD2
	VMOVSS X1, (DI)
	VMOVSS X2, (SI)
	VMOVSS X3, (BX)
	VMOVSS X4, (R12)
	ADDQ $4, R10
	ADDQ $4, DI
	ADDQ $4, SI
	ADDQ $4, BX
	ADDQ $4, R12
	DECQ R11
	JMP  loop1

done:
	VZEROUPPER
	RET

// ADADELTA: v in Y2 and u in Y3, left there.
#define ADADELTA \
	GRADIENT                  \
	VMULPS       Y0, Y0, Y4   \
	VMULPS       Y2, Y11, Y2  \
	VFMADD231PS  Y4, Y12, Y2  \
	FLUSH(Y2)                 \
	VADDPS       Y13, Y3, Y4  \
	VSQRTPS      Y4, Y4       \
	VADDPS       Y13, Y2, Y15 \
	VSQRTPS      Y15, Y15     \
	VDIVPS       Y15, Y4, Y4  \
	VMULPS       Y0, Y4, Y4   \
	VMULPS       Y3, Y11, Y3  \
	VMULPS       Y4, Y4, Y15  \
	VFMADD231PS  Y15, Y12, Y3 \
	FLUSH(Y3)                 \
	VMINPS       Y14, Y3, Y3  \
	VFNMADD231PS Y4, Y9, Y1

// func adadeltaAVX2(w, v, u, x, d []float32, c *Coefficients)
TEXT ·adadeltaAVX2(SB), NOSPLIT, $0-128
	MOVQ w_base+0(FP), DI
	MOVQ v_base+24(FP), SI
	MOVQ u_base+48(FP), BX
	MOVQ x_base+72(FP), DX
	MOVQ x_len+80(FP), R8
	MOVQ d_base+96(FP), R9
	MOVQ d_len+104(FP), CX
	MOVQ c+120(FP), AX
	VBROADCASTSS Coefficients_Rate(AX), Y9
	VBROADCASTSS Coefficients_Decay(AX), Y10
	VBROADCASTSS Coefficients_Keep2(AX), Y11
	VBROADCASTSS Coefficients_Mix2(AX), Y12
	VBROADCASTSS Coefficients_Eps(AX), Y13
	VBROADCASTSS Coefficients_Most(AX), Y14
	VBROADCASTSS Coefficients_Tiny(AX), Y7
	SIGNMASK

row:
	TESTQ        R8, R8
	JZ           done
	VBROADCASTSS (DX), Y8
	ADDQ         $4, DX
	DECQ         R8
	MOVQ         R9, R10
	MOVQ         CX, R11

loop8:
	CMPQ R11, $8
	JLT  loop1
	VMOVUPS (R10), Y0
	VMOVUPS (DI), Y1
	VMOVUPS (SI), Y2
	VMOVUPS (BX), Y3
	ADADELTA
	VMOVUPS Y1, (DI)
	VMOVUPS Y2, (SI)
	VMOVUPS Y3, (BX)
	ADDQ $32, R10
	ADDQ $32, DI
	ADDQ $32, SI
	ADDQ $32, BX
	SUBQ $8, R11
	JMP  loop8

loop1:
	TESTQ R11, R11
	JZ    row
	VMOVSS (R10), X0
	VMOVSS (DI), X1
	VMOVSS (SI), X2
	VMOVSS (BX), X3
	ADADELTA
	VMOVSS X1, (DI)
	VMOVSS X2, (SI)
	VMOVSS X3, (BX)
	ADDQ $4, R10
	ADDQ $4, DI
	ADDQ $4, SI
	ADDQ $4, BX
	DECQ R11
	JMP  loop1

done:
	VZEROUPPER
	RET

// SIGNMASK64 leaves the mask of all bits but the sign of float64 in Y14.
#define SIGNMASK64 \
	VPCMPEQD Y14, Y14, Y14 \
	VPSRLQ   $1, Y14, Y14

// FTRL works on four lanes in float64: z in Y2 and n in Y3, left there. The sign of −z is put on the weight
// before lanes within the L1 penalty are cleared, so that those hold +0.
#define FTRL \
	VMULPS       X8, X0, X0      \
	VCVTPS2PD    X0, Y4          \
	VCVTPS2PD    X1, Y5          \
	VSQRTPD      Y3, Y6          \
	VFMADD231PD  Y4, Y4, Y3      \
	VSQRTPD      Y3, Y7          \
	VSUBPD       Y6, Y7, Y6      \
	VMULPD       Y9, Y6, Y6      \
	VADDPD       Y4, Y2, Y2      \
	VFNMADD231PD Y5, Y6, Y2      \
	VANDPD       Y2, Y14, Y4     \
	VSUBPD       Y10, Y4, Y4     \
	VADDPD       Y11, Y7, Y7     \
	VFMADD213PD  Y12, Y9, Y7     \
	VXORPD       Y6, Y6, Y6      \
	VCMPPD       $14, Y6, Y4, Y6 \
	VDIVPD       Y7, Y4, Y4      \
	VANDNPD      Y15, Y2, Y5     \
	VANDNPD      Y5, Y14, Y5     \
	VXORPD       Y5, Y4, Y4      \
	VANDPD       Y6, Y4, Y4      \
	VCVTPD2PSY   Y4, X1

// func ftrlAVX2(w []float32, z, s []float64, x, d []float32, c *Coefficients)
TEXT ·ftrlAVX2(SB), NOSPLIT, $0-128
	MOVQ w_base+0(FP), DI
	MOVQ z_base+24(FP), SI
	MOVQ s_base+48(FP), BX
	MOVQ x_base+72(FP), DX
	MOVQ x_len+80(FP), R8
	MOVQ d_base+96(FP), R9
	MOVQ d_len+104(FP), CX
	MOVQ c+120(FP), AX
	VBROADCASTSD Coefficients_Inverse(AX), Y9
	VBROADCASTSD Coefficients_L1(AX), Y10
	VBROADCASTSD Coefficients_Beta(AX), Y11
	VBROADCASTSD Coefficients_L2(AX), Y12
	SIGNMASK64
	VPCMPEQD Y15, Y15, Y15

row:
	TESTQ        R8, R8
	JZ           done
	VBROADCASTSS (DX), Y8
	ADDQ         $4, DX
	DECQ         R8
	MOVQ         R9, R10
	MOVQ         CX, R11

loop4:
	CMPQ R11, $4
	JLT  loop1
	VMOVUPS (R10), X0
	VMOVUPS (DI), X1
	VMOVUPD (SI), Y2
	VMOVUPD (BX), Y3
	FTRL
	VMOVUPS X1, (DI)
	VMOVUPD Y2, (SI)
	VMOVUPD Y3, (BX)
	ADDQ $16, R10
	ADDQ $16, DI
	ADDQ $32, SI
	ADDQ $32, BX
	SUBQ $4, R11
	JMP  loop4

loop1:
	TESTQ R11, R11
	JZ    row
	VMOVSS (R10), X0
	VMOVSS (DI), X1
	VMOVSD (SI), X2
	VMOVSD (BX), X3
	FTRL
	VMOVSS X1, (DI)
	VMOVSD X2, (SI)
	VMOVSD X3, (BX)
	ADDQ $4, R10
	ADDQ $4, DI
	ADDQ $8, SI
	ADDQ $8, BX
	DECQ R11
	JMP  loop1

done:
	VZEROUPPER
	RET

// COCOB works on four lanes in float64, g in Y0, w − w₁ in Y3, w₁ in X2: L in Y5, G in Y4, θ in Y11 and R in Y6,
// left there. Lanes that never had a gradient stay where they started.
#define COCOB \
	VMULPS       X8, X0, X0      \
	VFMADD231PS  X1, X10, X0     \
	VSUBPS       X2, X1, X3      \
	VCVTPS2PD    X0, Y0          \
	VCVTPS2PD    X3, Y3          \
	VCVTPS2PD    X5, Y5          \
	VANDPD       Y0, Y14, Y7     \
	VMAXPD       Y7, Y5, Y5      \
	VADDPD       Y7, Y4, Y4      \
	VFNMADD231PD Y0, Y3, Y6      \
	VMAXPD       Y15, Y6, Y6     \
	VMULPD       Y13, Y5, Y7     \
	VMINPD       Y7, Y6, Y6      \
	VSUBPD       Y0, Y11, Y11    \
	VADDPD       Y5, Y4, Y7      \
	VMULPD       Y12, Y5, Y3     \
	VMAXPD       Y3, Y7, Y7      \
	VMULPD       Y5, Y7, Y7      \
	VADDPD       Y5, Y6, Y3      \
	VMULPD       Y11, Y3, Y3     \
	VDIVPD       Y7, Y3, Y3      \
	VCMPPD       $14, Y15, Y5, Y7 \
	VANDPD       Y7, Y3, Y3      \
	VCVTPD2PSY   Y3, X3          \
	VADDPS       X2, X3, X1      \
	VCVTPD2PSY   Y5, X5

// func cocobAVX2(w, most []float32, sums, thetas, rewards []float64, origin, x, d []float32, c *Coefficients)
TEXT ·cocobAVX2(SB), NOSPLIT, $0-200
	MOVQ w_base+0(FP), DI
	MOVQ most_base+24(FP), SI
	MOVQ sums_base+48(FP), BX
	MOVQ thetas_base+72(FP), R12
	MOVQ rewards_base+96(FP), R13
	MOVQ x_base+144(FP), DX
	MOVQ x_len+152(FP), R8
	MOVQ d_base+168(FP), R9
	MOVQ d_len+176(FP), CX
	MOVQ c+192(FP), AX
	VBROADCASTSS Coefficients_Decay(AX), Y10
	VBROADCASTSD Coefficients_Alpha(AX), Y12
	VBROADCASTSD Coefficients_Wealth(AX), Y13
	SIGNMASK64
	VXORPD Y15, Y15, Y15
	MOVQ origin_base+120(FP), AX

row:
	TESTQ        R8, R8
	JZ           done
	VBROADCASTSS (DX), Y8
	ADDQ         $4, DX
	DECQ         R8
	MOVQ         R9, R10
	MOVQ         CX, R11

loop4:
	CMPQ R11, $4
	JLT  loop1
	VXORPS X2, X2, X2
	TESTQ AX, AX
	JZ zero4
	VMOVUPS (AX), X2
	ADDQ $16, AX

zero4:
	VMOVUPS (R10), X0
	VMOVUPS (DI), X1
	VMOVUPS (SI), X5
	VMOVUPD (BX), Y4
	VMOVUPD (R12), Y11
	VMOVUPD (R13), Y6
	COCOB
	VMOVUPS X1, (DI)
	VMOVUPS X5, (SI)
	VMOVUPD Y4, (BX)
	VMOVUPD Y11, (R12)
	VMOVUPD Y6, (R13)
	ADDQ $16, R10
	ADDQ $16, DI
	ADDQ $16, SI
	ADDQ $32, BX
	ADDQ $32, R12
	ADDQ $32, R13
	SUBQ $4, R11
	JMP  loop4

loop1:
	TESTQ R11, R11
	JZ    row
	VXORPS X2, X2, X2
	TESTQ AX, AX
	JZ zero1
	VMOVSS (AX), X2
	ADDQ $4, AX

zero1:
	VMOVSS (R10), X0
	VMOVSS (DI), X1
	VMOVSS (SI), X5
	VMOVSD (BX), X4
	VMOVSD (R12), X11
	VMOVSD (R13), X6
	COCOB
	VMOVSS X1, (DI)
	VMOVSS X5, (SI)
	VMOVSD X4, (BX)
	VMOVSD X11, (R12)
	VMOVSD X6, (R13)
	ADDQ $4, R10
	ADDQ $4, DI
	ADDQ $4, SI
	ADDQ $8, BX
	ADDQ $8, R12
	ADDQ $8, R13
	DECQ R11
	JMP  loop1

done:
	VZEROUPPER
	RET

