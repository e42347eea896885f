// What kernels share.

// GRADIENT leaves g = x·d + λw in Y0.
#define GRADIENT \
	VMULPS      Y8, Y0, Y0  \
	VFMADD231PS Y1, Y10, Y0

// FLUSH sets the lanes of r whose absolute value is below tiny (Y7) to zero; Y6 is lost and Y5 must
// hold the mask of all bits but the sign.
#define FLUSH(r) \
	VANDPS r, Y5, Y6         \
	VCMPPS $13, Y7, Y6, Y6   \
	VANDPS r, Y6, r

#define SIGNMASK \
	VPCMPEQD Y5, Y5, Y5 \
	VPSRLD   $1, Y5, Y5

// TAILMASK sets the low AX lanes of Y15, 0 to 8, and clears the others; R10 is lost.
#define TAILMASK \
	LEAQ    ·tailMask+32(SB), R10 \
	SHLQ    $2, AX                \
	SUBQ    AX, R10               \
	SHRQ    $2, AX                \
	VMOVUPS (R10), Y15

// STORETAIL stores the low AX lanes of Y0, 1 to 7, at DI, which it moves. The processors that need it most
// take a dozen cycles for a masked store. It can stand in a function once.
#define STORETAIL \
	TESTQ        $4, AX      \
	JZ           pair        \
	VMOVUPS      X0, (DI)    \
	VEXTRACTF128 $1, Y0, X0  \
	ADDQ         $16, DI     \
pair:                        \
	TESTQ        $2, AX      \
	JZ           single      \
	VMOVLPS      X0, (DI)    \
	VPSRLDQ      $8, X0, X0  \
	ADDQ         $8, DI      \
single:                      \
	TESTQ        $1, AX      \
	JZ           stored      \
	VMOVSS       X0, (DI)    \
stored:
