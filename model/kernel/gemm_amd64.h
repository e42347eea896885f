// What the products of matrices share, whatever the width of their registers.

// ARGUMENTS loads what all tiles use. Strides become bytes, and R10 is three rows of A.
#define ARGUMENTS \
	MOVQ c+0(FP), DI      \
	MOVQ ldc+8(FP), R8    \
	MOVQ a+16(FP), SI     \
	MOVQ rs+24(FP), R9    \
	MOVQ cs+32(FP), R12   \
	MOVQ ldb+48(FP), R13  \
	MOVQ m+56(FP), CX     \
	SHLQ $2, R8           \
	SHLQ $2, R9           \
	SHLQ $2, R12          \
	SHLQ $2, R13          \
	LEAQ (R9)(R9*2), R10

// BEGIN goes to the first product of a tile.
#define BEGIN \
	MOVQ SI, AX        \
	MOVQ b+40(FP), DX  \
	MOVQ k+64(FP), BX

// NEXT goes to the next one, and sets the zero flag behind the last.
#define NEXT \
	ADDQ R12, AX  \
	ADDQ R13, DX  \
	DECQ BX

// ADVANCE leaves a tile of so many rows behind.
#define ADVANCE(rows) \
	IMUL3Q $rows, R8, AX  \
	ADDQ   AX, DI         \
	IMUL3Q $rows, R9, AX  \
	ADDQ   AX, SI         \
	SUBQ   $rows, CX
