// What the update rules share.

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
