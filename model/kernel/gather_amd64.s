#include "textflag.h"
#include "macros_amd64.h"

// Operands are in Go's order, as in step_amd64.s.

// AHEAD is how many rows before its use a row is asked for. Rows of a sparse input lie anywhere, so no
// processor guesses the next one, and memory takes as long as several rows of sums.
#define AHEAD 12

// ROW leaves the address of row R11 in R10, and jumps to bad if it lies beyond the matrix.
#define ROW \
	MOVL  (BX)(R11*4), R10 \
	IMULQ R9, R10          \
	CMPQ  R10, R13         \
	JHI   bad              \
	ADDQ  SI, R10

// SOON leaves the address of the row AHEAD in R14, and jumps to now if there is none.
#define SOON(now) \
	LEAQ  AHEAD(R11), R14  \
	CMPQ  R14, R8          \
	JGE   now              \
	MOVL  (BX)(R14*4), R14 \
	IMULQ R9, R14          \
	ADDQ  SI, R14

// func gatherAVX2(z, w []float32, index []uint32, x []float32) (ok bool)
TEXT ·gatherAVX2(SB), NOSPLIT, $0-97
	MOVQ  z_base+0(FP), DI
	MOVQ  z_len+8(FP), CX
	MOVQ  w_base+24(FP), SI
	MOVQ  w_len+32(FP), R13
	MOVQ  index_base+48(FP), BX
	MOVQ  index_len+56(FP), R8
	MOVQ  x_base+72(FP), DX
	MOVQ  CX, R9
	SHLQ  $2, R9                // bytes a row
	SHLQ  $2, R13
	SUBQ  R9, R13               // where the last row starts
	TESTQ R8, R8
	JZ    done

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
	XORQ    R11, R11

row64:
	ROW
	SOON(now64)
	PREFETCHT0 (R14)
	PREFETCHT0 64(R14)
	PREFETCHT0 128(R14)
	PREFETCHT0 192(R14)
	PREFETCHT0 255(R14)

now64:
	VBROADCASTSS (DX)(R11*4), Y8
	VFMADD231PS  (R10), Y8, Y0
	VFMADD231PS  32(R10), Y8, Y1
	VFMADD231PS  64(R10), Y8, Y2
	VFMADD231PS  96(R10), Y8, Y3
	VFMADD231PS  128(R10), Y8, Y4
	VFMADD231PS  160(R10), Y8, Y5
	VFMADD231PS  192(R10), Y8, Y6
	VFMADD231PS  224(R10), Y8, Y7
	INCQ         R11
	CMPQ         R11, R8
	JLT          row64
	VMOVUPS      Y0, (DI)
	VMOVUPS      Y1, 32(DI)
	VMOVUPS      Y2, 64(DI)
	VMOVUPS      Y3, 96(DI)
	VMOVUPS      Y4, 128(DI)
	VMOVUPS      Y5, 160(DI)
	VMOVUPS      Y6, 192(DI)
	VMOVUPS      Y7, 224(DI)
	ADDQ         $256, DI
	ADDQ         $256, SI
	SUBQ         $64, CX
	JMP          tile64

tile32:
	CMPQ    CX, $32
	JLT     tile16
	VMOVUPS (DI), Y0
	VMOVUPS 32(DI), Y1
	VMOVUPS 64(DI), Y2
	VMOVUPS 96(DI), Y3
	XORQ    R11, R11

row32:
	ROW
	SOON(now32)
	PREFETCHT0 (R14)
	PREFETCHT0 64(R14)
	PREFETCHT0 127(R14)

now32:
	VBROADCASTSS (DX)(R11*4), Y8
	VFMADD231PS  (R10), Y8, Y0
	VFMADD231PS  32(R10), Y8, Y1
	VFMADD231PS  64(R10), Y8, Y2
	VFMADD231PS  96(R10), Y8, Y3
	INCQ         R11
	CMPQ         R11, R8
	JLT          row32
	VMOVUPS      Y0, (DI)
	VMOVUPS      Y1, 32(DI)
	VMOVUPS      Y2, 64(DI)
	VMOVUPS      Y3, 96(DI)
	ADDQ         $128, DI
	ADDQ         $128, SI
	SUBQ         $32, CX

tile16:
	CMPQ    CX, $16
	JLT     tile8
	VMOVUPS (DI), Y0
	VMOVUPS 32(DI), Y1
	XORQ    R11, R11

row16:
	ROW
	SOON(now16)
	PREFETCHT0 (R14)
	PREFETCHT0 63(R14)

now16:
	VBROADCASTSS (DX)(R11*4), Y8
	VFMADD231PS  (R10), Y8, Y0
	VFMADD231PS  32(R10), Y8, Y1
	INCQ         R11
	CMPQ         R11, R8
	JLT          row16
	VMOVUPS      Y0, (DI)
	VMOVUPS      Y1, 32(DI)
	ADDQ         $64, DI
	ADDQ         $64, SI
	SUBQ         $16, CX

tile8:
	CMPQ    CX, $8
	JLT     tail
	VMOVUPS (DI), Y0
	XORQ    R11, R11

row8:
	ROW
	SOON(now8)
	PREFETCHT0 (R14)
	PREFETCHT0 31(R14)

now8:
	VBROADCASTSS (DX)(R11*4), Y8
	VFMADD231PS  (R10), Y8, Y0
	INCQ         R11
	CMPQ         R11, R8
	JLT          row8
	VMOVUPS      Y0, (DI)
	ADDQ         $32, DI
	ADDQ         $32, SI
	SUBQ         $8, CX

tail:
	TESTQ CX, CX
	JZ    done
	MOVQ  CX, AX
	TAILMASK
	VMASKMOVPS (DI), Y15, Y0
	XORQ       R11, R11

row1:
	ROW
	SOON(now1)
	PREFETCHT0 (R14)

now1:
	VBROADCASTSS (DX)(R11*4), Y8
	VMASKMOVPS   (R10), Y15, Y9
	VFMADD231PS  Y9, Y8, Y0
	INCQ         R11
	CMPQ         R11, R8
	JLT          row1
	STORETAIL

done:
	VZEROUPPER
	MOVB $1, ok+96(FP)
	RET

bad:
	VZEROUPPER
	MOVB $0, ok+96(FP)
	RET

// ASK prefetches the rows that index names, of R9 bytes each, for writing soon.
#define ASK \
	MOVL  (BX), R10  \
	ADDQ  $4, BX     \
	IMULQ R9, R10    \
	ADDQ  SI, R10    \
	LEAQ  -1(R10)(R9*1), R11 \
line:                    \
	PREFETCHT0 (R10) \
	ADDQ  $64, R10   \
	CMPQ  R10, R11   \
	JLS   line       \
	PREFETCHT0 (R11)

// func prefetch32AVX2(w []float32, index []uint32, cols int)
TEXT ·prefetch32AVX2(SB), NOSPLIT, $0-56
	MOVQ w_base+0(FP), SI
	MOVQ index_base+24(FP), BX
	MOVQ index_len+32(FP), R8
	MOVQ cols+48(FP), R9
	SHLQ $2, R9

next:
	DECQ R8
	JLT  done
	ASK
	JMP next

done:
	RET

// func prefetch64AVX2(w []float64, index []uint32, cols int)
TEXT ·prefetch64AVX2(SB), NOSPLIT, $0-56
	MOVQ w_base+0(FP), SI
	MOVQ index_base+24(FP), BX
	MOVQ index_len+32(FP), R8
	MOVQ cols+48(FP), R9
	SHLQ $3, R9

next:
	DECQ R8
	JLT  done
	ASK
	JMP next

done:
	RET
