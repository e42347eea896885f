#include "textflag.h"
#include "macros_amd64.h"

// Operands are in Go's order, as in step_amd64.s; the constants and the order of operations are
// those of exp32 and log32.

// tailMask is eight lanes of ones and eight of zeros: the eight lanes from lane 8−t on let t pass.
DATA ·tailMask+0(SB)/8, $-1
DATA ·tailMask+8(SB)/8, $-1
DATA ·tailMask+16(SB)/8, $-1
DATA ·tailMask+24(SB)/8, $-1
DATA ·tailMask+32(SB)/8, $0
DATA ·tailMask+40(SB)/8, $0
DATA ·tailMask+48(SB)/8, $0
DATA ·tailMask+56(SB)/8, $0
GLOBL ·tailMask(SB), RODATA|NOPTR, $64

DATA exps<>+0(SB)/4, $-87.3
DATA exps<>+4(SB)/4, $1.44269504088896
DATA exps<>+8(SB)/4, $0.693359375
DATA exps<>+12(SB)/4, $-2.12194440e-4
DATA exps<>+16(SB)/4, $1.9875691500e-4
DATA exps<>+20(SB)/4, $1.3981999507e-3
DATA exps<>+24(SB)/4, $8.3334519073e-3
DATA exps<>+28(SB)/4, $4.1665795894e-2
DATA exps<>+32(SB)/4, $1.6666665459e-1
DATA exps<>+36(SB)/4, $5.0000001201e-1
DATA exps<>+40(SB)/4, $1.0
GLOBL exps<>(SB), RODATA|NOPTR, $44

DATA logs<>+0(SB)/4, $0x00800000 // 2^-126
DATA logs<>+4(SB)/4, $0x3f3504f3 // √½
DATA logs<>+8(SB)/4, $0x007fffff
DATA logs<>+12(SB)/4, $7.0376836292e-2
DATA logs<>+16(SB)/4, $-1.1514610310e-1
DATA logs<>+20(SB)/4, $1.1676998740e-1
DATA logs<>+24(SB)/4, $-1.2420140846e-1
DATA logs<>+28(SB)/4, $1.4249322787e-1
DATA logs<>+32(SB)/4, $-1.6668057665e-1
DATA logs<>+36(SB)/4, $2.0000714765e-1
DATA logs<>+40(SB)/4, $-2.4999993993e-1
DATA logs<>+44(SB)/4, $3.3333331174e-1
DATA logs<>+48(SB)/4, $0.5
GLOBL logs<>(SB), RODATA|NOPTR, $52

DATA one64<>+0(SB)/8, $1.0
GLOBL one64<>(SB), RODATA|NOPTR, $8

// STEP makes p ← p·x + the constant.
#define STEP(constant, x, p) \
	VBROADCASTSS constant, Y5    \
	VFMADD213PS  Y5, x, p

// EXP replaces Y0 by its exponential; Y1 to Y3 and Y5 are lost. VMAXPS returns its first operand here,
// the bound, when the other is a NaN.
#define EXP \
	VMAXPS       Y12, Y0, Y0                \
	VMULPS       Y13, Y0, Y1                \
	VROUNDPS     $8, Y1, Y1                 \
	VBROADCASTSS exps<>+12(SB), Y5          \
	VFNMADD231PS Y14, Y1, Y0                \
	VFNMADD231PS Y5, Y1, Y0                 \
	VCVTPS2DQ    Y1, Y1                     \
	VPSLLD       $23, Y1, Y1                \
	VBROADCASTSS exps<>+16(SB), Y2          \
	STEP(exps<>+20(SB), Y0, Y2)             \
	STEP(exps<>+24(SB), Y0, Y2)             \
	STEP(exps<>+28(SB), Y0, Y2)             \
	STEP(exps<>+32(SB), Y0, Y2)             \
	STEP(exps<>+36(SB), Y0, Y2)             \
	VMULPS       Y0, Y0, Y3                 \
	VFMADD213PS  Y0, Y3, Y2                 \
	VBROADCASTSS exps<>+40(SB), Y5          \
	VADDPS       Y5, Y2, Y2                 \
	VPADDD       Y1, Y2, Y0

// SUM adds the lanes of Y0 to the float64 sums in Y10 and Y11; Y1 and Y2 are lost.
#define SUM \
	VCVTPS2PD    X0, Y1        \
	VEXTRACTF128 $1, Y0, X2    \
	VCVTPS2PD    X2, Y2        \
	VADDPD       Y1, Y10, Y10  \
	VADDPD       Y2, Y11, Y11

// func softmaxAVX2(dst, z []float32, factor float32)
TEXT ·softmaxAVX2(SB), NOSPLIT, $0-52
	MOVQ  dst_base+0(FP), DI
	MOVQ  z_base+24(FP), SI
	MOVQ  z_len+32(FP), CX
	TESTQ CX, CX
	JZ    done

	// AX lanes are left over after the full vectors, and Y15 lets them pass.
	MOVQ CX, AX
	ANDQ $7, AX
	SHRQ $3, CX
	TAILMASK

	// The largest of z, in every lane of Y7.
	VBROADCASTSS (SI), Y7
	VMOVAPS      Y7, Y6
	MOVQ         SI, R11
	MOVQ         CX, R10

most8:
	TESTQ  R10, R10
	JZ     most1
	VMAXPS (R11), Y7, Y7
	ADDQ   $32, R11
	DECQ   R10
	JMP    most8

most1:
	TESTQ      AX, AX
	JZ         reduce
	VMASKMOVPS (R11), Y15, Y0
	VBLENDVPS  Y15, Y0, Y6, Y0
	VMAXPS     Y0, Y7, Y7

reduce:
	VPERM2F128 $1, Y7, Y7, Y0
	VMAXPS     Y0, Y7, Y7
	VPERMILPS  $0x4e, Y7, Y0
	VMAXPS     Y0, Y7, Y7
	VPERMILPS  $0xb1, Y7, Y0
	VMAXPS     Y0, Y7, Y7

	VBROADCASTSS factor+48(FP), Y6
	VBROADCASTSS exps<>+0(SB), Y12
	VBROADCASTSS exps<>+4(SB), Y13
	VBROADCASTSS exps<>+8(SB), Y14
	VXORPD       Y10, Y10, Y10
	VXORPD       Y11, Y11, Y11
	MOVQ         DI, R12
	MOVQ         CX, R10

exp8:
	TESTQ   R10, R10
	JZ      exp1
	VMOVUPS (SI), Y0
	VSUBPS  Y7, Y0, Y0
	VMULPS  Y6, Y0, Y0
	EXP
	VMOVUPS Y0, (DI)
	SUM
	ADDQ $32, SI
	ADDQ $32, DI
	DECQ R10
	JMP  exp8

exp1:
	TESTQ      AX, AX
	JZ         scale
	VMASKMOVPS (SI), Y15, Y0
	VSUBPS     Y7, Y0, Y0
	VMULPS     Y6, Y0, Y0
	EXP
	VANDPS Y15, Y0, Y0
	SUM
	VMOVAPS Y0, Y4           // the tail is scaled where it is

scale:
	VADDPD       Y11, Y10, Y10
	VEXTRACTF128 $1, Y10, X11
	VADDPD       X11, X10, X10
	VHADDPD      X10, X10, X10
	VMOVSD       one64<>(SB), X0
	VDIVSD       X10, X0, X0
	VCVTSD2SS    X0, X0, X0
	VBROADCASTSS X0, Y1

scale8:
	TESTQ   CX, CX
	JZ      scale1
	VMULPS  (R12), Y1, Y0
	VMOVUPS Y0, (R12)
	ADDQ    $32, R12
	DECQ    CX
	JMP     scale8

scale1:
	VMULPS Y4, Y1, Y0
	STORETAIL

done:
	VZEROUPPER
	RET

// LOG replaces Y0 by its logarithm; Y1 to Y3 and Y5 are lost. Y6, Y7, Y8 hold the smallest number, the
// bits of √½ and the mask of a fraction, Y9 ones, Y10 and Y11 the parts of ln 2.
#define LOG \
	VMAXPS       Y6, Y0, Y0                 \
	VPSUBD       Y7, Y0, Y0                 \
	VPSRAD       $23, Y0, Y1                \
	VCVTDQ2PS    Y1, Y1                     \
	VPAND        Y8, Y0, Y0                 \
	VPADDD       Y7, Y0, Y0                 \
	VSUBPS       Y9, Y0, Y0                 \
	VBROADCASTSS logs<>+12(SB), Y2          \
	STEP(logs<>+16(SB), Y0, Y2)             \
	STEP(logs<>+20(SB), Y0, Y2)             \
	STEP(logs<>+24(SB), Y0, Y2)             \
	STEP(logs<>+28(SB), Y0, Y2)             \
	STEP(logs<>+32(SB), Y0, Y2)             \
	STEP(logs<>+36(SB), Y0, Y2)             \
	STEP(logs<>+40(SB), Y0, Y2)             \
	STEP(logs<>+44(SB), Y0, Y2)             \
	VMULPS       Y0, Y0, Y3                 \
	VMULPS       Y0, Y2, Y2                 \
	VMULPS       Y3, Y2, Y2                 \
	VFMADD231PS  Y11, Y1, Y2                \
	VBROADCASTSS logs<>+48(SB), Y5          \
	VFNMADD231PS Y5, Y3, Y2                 \
	VADDPS       Y0, Y2, Y0                 \
	VFMADD231PS  Y10, Y1, Y0

// func logsAVX2(dst, p []float32)
TEXT ·logsAVX2(SB), NOSPLIT, $0-48
	MOVQ         dst_base+0(FP), DI
	MOVQ         p_base+24(FP), SI
	MOVQ         p_len+32(FP), CX
	VBROADCASTSS logs<>+0(SB), Y6
	VBROADCASTSS logs<>+4(SB), Y7
	VBROADCASTSS logs<>+8(SB), Y8
	VBROADCASTSS exps<>+40(SB), Y9
	VBROADCASTSS exps<>+8(SB), Y10
	VBROADCASTSS exps<>+12(SB), Y11
	MOVQ         CX, AX
	ANDQ         $7, AX
	SHRQ         $3, CX

log8:
	TESTQ   CX, CX
	JZ      log1
	VMOVUPS (SI), Y0
	LOG
	VMOVUPS Y0, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DI
	DECQ    CX
	JMP     log8

log1:
	TESTQ AX, AX
	JZ    done
	TAILMASK
	VMASKMOVPS (SI), Y15, Y0
	LOG
	STORETAIL

done:
	VZEROUPPER
	RET
