package snapshot

import (
	"encoding/binary"
	"math"
	"unsafe"

	"millrace"
)

// nativeLittleEndian reports whether this machine stores numbers as the format does. Only then may
// live memory be copied as bytes; elsewhere every element is converted.
func nativeLittleEndian() bool {
	return binary.NativeEndian.Uint16([]byte{1, 0}) == 1
}

// rawBytes is the memory behind the tensor's one slice. It keeps that memory alive and has no
// alignment needs of its own, so it is safe to copy from and into.
func rawBytes(t *millrace.Tensor) []byte {
	switch {
	case t.F32 != nil:
		return castBytes(t.F32)
	case t.F64 != nil:
		return castBytes(t.F64)
	case t.I32 != nil:
		return castBytes(t.I32)
	case t.I64 != nil:
		return castBytes(t.I64)
	case t.U32 != nil:
		return castBytes(t.U32)
	case t.U64 != nil:
		return castBytes(t.U64)
	}
	return t.U8
}

func castBytes[T float32 | float64 | int32 | int64 | uint32 | uint64](s []T) []byte {
	var element T
	//nolint:gosec // the bytes are exactly the slice's own memory, and any bytes are valid bytes
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(element)))
}

// putPortable writes t's elements to dst in little-endian order, on any machine.
func putPortable(dst []byte, t *millrace.Tensor) {
	le := binary.LittleEndian
	switch {
	case t.F32 != nil:
		for i, v := range t.F32 {
			le.PutUint32(dst[4*i:], math.Float32bits(v))
		}
	case t.F64 != nil:
		for i, v := range t.F64 {
			le.PutUint64(dst[8*i:], math.Float64bits(v))
		}
	case t.I32 != nil:
		for i, v := range t.I32 {
			le.PutUint32(dst[4*i:], uint32(v))
		}
	case t.I64 != nil:
		for i, v := range t.I64 {
			le.PutUint64(dst[8*i:], uint64(v))
		}
	case t.U32 != nil:
		for i, v := range t.U32 {
			le.PutUint32(dst[4*i:], v)
		}
	case t.U64 != nil:
		for i, v := range t.U64 {
			le.PutUint64(dst[8*i:], v)
		}
	default:
		copy(dst, t.U8)
	}
}

// getPortable reads t's elements from src, the inverse of putPortable.
func getPortable(t *millrace.Tensor, src []byte) {
	le := binary.LittleEndian
	switch {
	case t.F32 != nil:
		for i := range t.F32 {
			t.F32[i] = math.Float32frombits(le.Uint32(src[4*i:]))
		}
	case t.F64 != nil:
		for i := range t.F64 {
			t.F64[i] = math.Float64frombits(le.Uint64(src[8*i:]))
		}
	case t.I32 != nil:
		for i := range t.I32 {
			t.I32[i] = int32(le.Uint32(src[4*i:]))
		}
	case t.I64 != nil:
		for i := range t.I64 {
			t.I64[i] = int64(le.Uint64(src[8*i:]))
		}
	case t.U32 != nil:
		for i := range t.U32 {
			t.U32[i] = le.Uint32(src[4*i:])
		}
	case t.U64 != nil:
		for i := range t.U64 {
			t.U64[i] = le.Uint64(src[8*i:])
		}
	default:
		copy(t.U8, src)
	}
}
