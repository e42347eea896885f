#include "textflag.h"

// Operands are in Go's order, as in step_amd64.s.

// func transpose8AVX2(t *float32, ldt int, a *float32, lda, blocks int)
// Eight rows of A become eight columns of T, eight columns of A at a time: pairs of rows are interleaved, then pairs of
// pairs, then halves of registers.
TEXT ·transpose8AVX2(SB), NOSPLIT, $0-40
	MOVQ t+0(FP), DI
	MOVQ ldt+8(FP), R8
	MOVQ a+16(FP), SI
	MOVQ lda+24(FP), R9
	MOVQ blocks+32(FP), CX
	SHLQ $2, R8
	SHLQ $2, R9
	LEAQ (R8)(R8*2), R10
	LEAQ (R9)(R9*2), R11

block:
	DECQ       CX
	JLT        done
	LEAQ       (SI)(R9*4), DX
	VMOVUPS    (SI), Y0
	VMOVUPS    (SI)(R9*1), Y1
	VMOVUPS    (SI)(R9*2), Y2
	VMOVUPS    (SI)(R11*1), Y3
	VMOVUPS    (DX), Y4
	VMOVUPS    (DX)(R9*1), Y5
	VMOVUPS    (DX)(R9*2), Y6
	VMOVUPS    (DX)(R11*1), Y7
	VUNPCKLPS  Y1, Y0, Y8
	VUNPCKHPS  Y1, Y0, Y9
	VUNPCKLPS  Y3, Y2, Y10
	VUNPCKHPS  Y3, Y2, Y11
	VUNPCKLPS  Y5, Y4, Y12
	VUNPCKHPS  Y5, Y4, Y13
	VUNPCKLPS  Y7, Y6, Y14
	VUNPCKHPS  Y7, Y6, Y15
	VSHUFPS    $0x44, Y10, Y8, Y0
	VSHUFPS    $0xEE, Y10, Y8, Y1
	VSHUFPS    $0x44, Y11, Y9, Y2
	VSHUFPS    $0xEE, Y11, Y9, Y3
	VSHUFPS    $0x44, Y14, Y12, Y4
	VSHUFPS    $0xEE, Y14, Y12, Y5
	VSHUFPS    $0x44, Y15, Y13, Y6
	VSHUFPS    $0xEE, Y15, Y13, Y7
	VPERM2F128 $0x20, Y4, Y0, Y8
	VPERM2F128 $0x20, Y5, Y1, Y9
	VPERM2F128 $0x20, Y6, Y2, Y10
	VPERM2F128 $0x20, Y7, Y3, Y11
	VPERM2F128 $0x31, Y4, Y0, Y12
	VPERM2F128 $0x31, Y5, Y1, Y13
	VPERM2F128 $0x31, Y6, Y2, Y14
	VPERM2F128 $0x31, Y7, Y3, Y15
	LEAQ       (DI)(R8*4), DX
	VMOVUPS    Y8, (DI)
	VMOVUPS    Y9, (DI)(R8*1)
	VMOVUPS    Y10, (DI)(R8*2)
	VMOVUPS    Y11, (DI)(R10*1)
	VMOVUPS    Y12, (DX)
	VMOVUPS    Y13, (DX)(R8*1)
	VMOVUPS    Y14, (DX)(R8*2)
	VMOVUPS    Y15, (DX)(R10*1)
	ADDQ       $32, SI
	LEAQ       (DI)(R8*8), DI
	JMP        block

done:
	VZEROUPPER
	RET
