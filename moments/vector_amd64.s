#include "textflag.h"

// All of it is SSE2, which every amd64 has, and gives the bits of the same operations one by one.

#define FOUR(at) \
	MOVUPD at(SI), X4    \
	MOVUPD at+16(SI), X5 \
	MINPD  X4, X0        \
	MAXPD  X4, X1        \
	MINPD  X5, X2        \
	MAXPD  X5, X3

// func span(values *[16]float64) float64
TEXT ·span(SB), NOSPLIT, $0-16
	MOVQ   values+0(FP), SI
	MOVUPD (SI), X0
	MOVUPD 16(SI), X2
	MOVAPD X0, X1
	MOVAPD X2, X3
	FOUR(32)
	FOUR(64)
	FOUR(96)
	MINPD    X2, X0
	MAXPD    X3, X1
	MOVAPD   X0, X4
	MOVAPD   X1, X5
	UNPCKHPD X4, X4
	UNPCKHPD X5, X5
	MINSD    X4, X0
	MAXSD    X5, X1
	SUBSD    X0, X1
	MOVSD    X1, ret+8(FP)
	RET
