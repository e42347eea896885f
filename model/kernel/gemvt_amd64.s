#include "textflag.h"
#include "macros_amd64.h"

// Operands are in Go's order, as in step_amd64.s.

// One sum a lane has to wait four cycles for the last product, so few columns are summed in several sets
// of registers, a row each in turn: enough sets that two products can start in every cycle. The sets
// are added up at the end, so the order depends on the shape alone.

// MADD adds x, in Y8, times the masked row at address to sum.
#define MADD(address, sum) \
	VMASKMOVPS  address, Y15, Y9 \
	VFMADD231PS Y9, Y8, sum

// func gemvTWideAVX2(y, a, x []float32)
// Columns are taken in tiles whose sums stay in registers over all rows, so z is read and written
// once and each weight is read once. The last of a tile's vectors is masked.
TEXT ·gemvTWideAVX2(SB), NOSPLIT, $0-72
	MOVQ  y_base+0(FP), DI
	MOVQ  y_len+8(FP), CX
	MOVQ  a_base+24(FP), SI
	MOVQ  x_base+48(FP), DX
	MOVQ  x_len+56(FP), R8
	MOVQ  CX, R9
	SHLQ  $2, R9           // bytes a row
	LEAQ  (R9)(R9*2), R13
	TESTQ R8, R8
	JZ    done

next:
	MOVQ  SI, R10
	MOVQ  DX, R11
	MOVQ  R8, R12
	CMPQ  CX, $64
	JGE   tile64
	TESTQ CX, CX
	JLE   done

	// BX vectors, at most 4, of which the last has AX columns.
	MOVQ CX, BX
	ADDQ $7, BX
	SHRQ $3, BX
	MOVQ $8, AX
	CMPQ BX, $4
	JGT  tile32
	LEAQ (BX*8), R14
	ADDQ CX, AX
	SUBQ R14, AX
	CMPQ BX, $1
	JEQ  tile8
	CMPQ BX, $2
	JEQ  tile16
	CMPQ BX, $3
	JEQ  tile24
	JMP  tile32

tile64:
	VMOVUPS (DI), Y0
	VMOVUPS 32(DI), Y1
	VMOVUPS 64(DI), Y2
	VMOVUPS 96(DI), Y3
	VMOVUPS 128(DI), Y4
	VMOVUPS 160(DI), Y5
	VMOVUPS 192(DI), Y6
	VMOVUPS 224(DI), Y7

row64:
	VBROADCASTSS (R11), Y8
	VFMADD231PS  (R10), Y8, Y0
	VFMADD231PS  32(R10), Y8, Y1
	VFMADD231PS  64(R10), Y8, Y2
	VFMADD231PS  96(R10), Y8, Y3
	VFMADD231PS  128(R10), Y8, Y4
	VFMADD231PS  160(R10), Y8, Y5
	VFMADD231PS  192(R10), Y8, Y6
	VFMADD231PS  224(R10), Y8, Y7
	ADDQ         R9, R10
	ADDQ         $4, R11
	DECQ         R12
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
	ADDQ         $256, SI
	SUBQ         $64, CX
	JMP          next

tile32:
	TAILMASK
	MOVQ       SI, R10
	VMOVUPS    (DI), Y0
	VMOVUPS    32(DI), Y1
	VMOVUPS    64(DI), Y2
	VMASKMOVPS 96(DI), Y15, Y3
	VXORPS     Y4, Y4, Y4
	VXORPS     Y5, Y5, Y5
	VXORPS     Y6, Y6, Y6
	VXORPS     Y7, Y7, Y7
	SUBQ       $2, R12
	JLT        rest32

rows32:
	VBROADCASTSS (R11), Y8
	VFMADD231PS  (R10), Y8, Y0
	VFMADD231PS  32(R10), Y8, Y1
	VFMADD231PS  64(R10), Y8, Y2
	MADD(96(R10), Y3)
	VBROADCASTSS 4(R11), Y8
	VFMADD231PS  (R10)(R9*1), Y8, Y4
	VFMADD231PS  32(R10)(R9*1), Y8, Y5
	VFMADD231PS  64(R10)(R9*1), Y8, Y6
	MADD(96(R10)(R9*1), Y7)
	LEAQ (R10)(R9*2), R10
	ADDQ $8, R11
	SUBQ $2, R12
	JGE  rows32

rest32:
	ADDQ $2, R12
	JZ   sum32

row32:
	VBROADCASTSS (R11), Y8
	VFMADD231PS  (R10), Y8, Y0
	VFMADD231PS  32(R10), Y8, Y1
	VFMADD231PS  64(R10), Y8, Y2
	MADD(96(R10), Y3)
	ADDQ R9, R10
	ADDQ $4, R11
	DECQ R12
	JNZ  row32

sum32:
	VADDPS  Y4, Y0, Y0
	VADDPS  Y5, Y1, Y1
	VADDPS  Y6, Y2, Y2
	VADDPS  Y7, Y3, Y3
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	ADDQ    $96, DI
	VMOVAPS Y3, Y0
	CMPQ    AX, $8
	JNE     last
	VMOVUPS Y0, (DI)
	ADDQ    $32, DI
	ADDQ    $128, SI
	SUBQ    $32, CX
	JMP     next

tile24:
	TAILMASK
	MOVQ       SI, R10
	VMOVUPS    (DI), Y0
	VMOVUPS    32(DI), Y1
	VMASKMOVPS 64(DI), Y15, Y2
	VXORPS     Y4, Y4, Y4
	VXORPS     Y5, Y5, Y5
	VXORPS     Y6, Y6, Y6
	SUBQ       $2, R12
	JLT        rest24

rows24:
	VBROADCASTSS (R11), Y8
	VFMADD231PS  (R10), Y8, Y0
	VFMADD231PS  32(R10), Y8, Y1
	MADD(64(R10), Y2)
	VBROADCASTSS 4(R11), Y8
	VFMADD231PS  (R10)(R9*1), Y8, Y4
	VFMADD231PS  32(R10)(R9*1), Y8, Y5
	MADD(64(R10)(R9*1), Y6)
	LEAQ (R10)(R9*2), R10
	ADDQ $8, R11
	SUBQ $2, R12
	JGE  rows24

rest24:
	ADDQ $2, R12
	JZ   sum24

row24:
	VBROADCASTSS (R11), Y8
	VFMADD231PS  (R10), Y8, Y0
	VFMADD231PS  32(R10), Y8, Y1
	MADD(64(R10), Y2)
	ADDQ R9, R10
	ADDQ $4, R11
	DECQ R12
	JNZ  row24

sum24:
	VADDPS  Y4, Y0, Y0
	VADDPS  Y5, Y1, Y1
	VADDPS  Y6, Y2, Y2
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	ADDQ    $64, DI
	VMOVAPS Y2, Y0
	JMP     last

tile16:
	TAILMASK
	MOVQ       SI, R10
	VMOVUPS    (DI), Y0
	VMASKMOVPS 32(DI), Y15, Y4
	VXORPS     Y1, Y1, Y1
	VXORPS     Y5, Y5, Y5
	VXORPS     Y2, Y2, Y2
	VXORPS     Y6, Y6, Y6
	VXORPS     Y3, Y3, Y3
	VXORPS     Y7, Y7, Y7
	SUBQ       $4, R12
	JLT        rest16

rows16:
	VBROADCASTSS (R11), Y8
	VFMADD231PS  (R10), Y8, Y0
	MADD(32(R10), Y4)
	VBROADCASTSS 4(R11), Y8
	VFMADD231PS  (R10)(R9*1), Y8, Y1
	MADD(32(R10)(R9*1), Y5)
	VBROADCASTSS 8(R11), Y8
	VFMADD231PS  (R10)(R9*2), Y8, Y2
	MADD(32(R10)(R9*2), Y6)
	VBROADCASTSS 12(R11), Y8
	VFMADD231PS  (R10)(R13*1), Y8, Y3
	MADD(32(R10)(R13*1), Y7)
	LEAQ (R10)(R9*4), R10
	ADDQ $16, R11
	SUBQ $4, R12
	JGE  rows16

rest16:
	ADDQ $4, R12
	JZ   sum16

row16:
	VBROADCASTSS (R11), Y8
	VFMADD231PS  (R10), Y8, Y0
	MADD(32(R10), Y4)
	ADDQ R9, R10
	ADDQ $4, R11
	DECQ R12
	JNZ  row16

sum16:
	VADDPS  Y1, Y0, Y0
	VADDPS  Y3, Y2, Y2
	VADDPS  Y2, Y0, Y0
	VADDPS  Y5, Y4, Y4
	VADDPS  Y7, Y6, Y6
	VADDPS  Y6, Y4, Y4
	VMOVUPS Y0, (DI)
	ADDQ    $32, DI
	VMOVAPS Y4, Y0
	JMP     last

tile8:
	TAILMASK
	MOVQ       SI, R10
	VMASKMOVPS (DI), Y15, Y0
	VXORPS     Y1, Y1, Y1
	VXORPS     Y2, Y2, Y2
	VXORPS     Y3, Y3, Y3
	SUBQ       $4, R12
	JLT        rest8

rows8:
	VBROADCASTSS (R11), Y8
	MADD((R10), Y0)
	VBROADCASTSS 4(R11), Y8
	MADD((R10)(R9*1), Y1)
	VBROADCASTSS 8(R11), Y8
	MADD((R10)(R9*2), Y2)
	VBROADCASTSS 12(R11), Y8
	MADD((R10)(R13*1), Y3)
	LEAQ (R10)(R9*4), R10
	ADDQ $16, R11
	SUBQ $4, R12
	JGE  rows8

rest8:
	ADDQ $4, R12
	JZ   sum8

row8:
	VBROADCASTSS (R11), Y8
	MADD((R10), Y0)
	ADDQ R9, R10
	ADDQ $4, R11
	DECQ R12
	JNZ  row8

sum8:
	VADDPS Y1, Y0, Y0
	VADDPS Y3, Y2, Y2
	VADDPS Y2, Y0, Y0

last:
	CMPQ    AX, $8
	JNE     tail
	VMOVUPS Y0, (DI)
	JMP     done

tail:
	STORETAIL

done:
	VZEROUPPER
	RET
