// Package snapshot is the byte format of learned state: two safetensors blobs, serving and training,
// under one canonical JSON manifest. It plans the blobs once, copies live tensors into them at the
// speed of memcpy, reads them back strictly, and checks them before anybody relies on them. It does
// no network I/O and imports only the root package and the standard library, so that learner, scorer
// and store can share it. docs/SNAPSHOTS.md describes every byte.
package snapshot

import (
	"fmt"
	"math/bits"

	"millrace"
)

// Limits on what is written and, before anything is allocated for it, on what is read.
const (
	// HeaderBytesMax bounds a blob's JSON header: room for about 10,000 tensors, far beyond a model
	// that fits a blob, and small enough that a hostile length cannot exhaust memory.
	HeaderBytesMax = 1 << 20
	// BlobBytesMax bounds one blob. Two buffers of each are preallocated beside the live state, and
	// Redis refuses values beyond 512 MiB.
	BlobBytesMax = 256 << 20
	// TailBytesMax bounds the one tensor of varying length that a training blob may end with: a bitmap of the
	// offsets that still wait has 32 MiB at most, and what else a join has to keep is far smaller.
	TailBytesMax = 64 << 20
	// ManifestBytesMax bounds a manifest: a canonical spec of 10,000 features and the positions of
	// 10,000 partitions fit in half of it.
	ManifestBytesMax = 4 << 20
	// NameBytesMax bounds a tensor's full name.
	NameBytesMax = 256
	// DimensionsMax bounds a tensor's rank; models here use at most three.
	DimensionsMax = 8
)

// DType is a tensor's element type, spelled as safetensors spells it. The list is closed: the format
// has more, but nothing here writes them, so a file that holds one is not ours.
type DType string

// The element types, all little-endian.
const (
	F32 DType = "F32"
	F64 DType = "F64"
	I32 DType = "I32"
	I64 DType = "I64"
	U32 DType = "U32"
	U64 DType = "U64"
	U8  DType = "U8"
)

// Size is the bytes of one element, 0 for a type outside the list.
func (d DType) Size() int {
	switch d {
	case F64, I64, U64:
		return 8
	case F32, I32, U32:
		return 4
	case U8:
		return 1
	}
	return 0
}

// tensorType finds the one slice that is set.
func tensorType(t *millrace.Tensor) (d DType, length int, err error) {
	set := 0
	pick := func(is bool, dtype DType, n int) {
		if is {
			set, d, length = set+1, dtype, n
		}
	}
	pick(t.F32 != nil, F32, len(t.F32))
	pick(t.F64 != nil, F64, len(t.F64))
	pick(t.I32 != nil, I32, len(t.I32))
	pick(t.I64 != nil, I64, len(t.I64))
	pick(t.U32 != nil, U32, len(t.U32))
	pick(t.U64 != nil, U64, len(t.U64))
	pick(t.U8 != nil, U8, len(t.U8))
	if set != 1 {
		return "", 0, fmt.Errorf("%d of its slices are set instead of one", set)
	}
	return d, length, nil
}

// elements multiplies a shape out, refusing what would overflow or exceed a blob.
func elements(shape []int) (int, error) {
	if len(shape) > DimensionsMax {
		return 0, fmt.Errorf("%d dimensions, more than %d", len(shape), DimensionsMax)
	}
	n := uint64(1)
	for _, side := range shape {
		if side < 0 {
			return 0, fmt.Errorf("negative dimension %d", side)
		}
		high, low := bits.Mul64(n, uint64(side))
		if high != 0 || low > BlobBytesMax {
			return 0, fmt.Errorf("shape %v is larger than a blob may be", shape)
		}
		n = low
	}
	return int(n), nil
}
