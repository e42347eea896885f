package features

import (
	"encoding/binary"
	"math/bits"
)

// The five primes of XXH64, as its specification gives them.
const (
	prime1 uint64 = 0x9E3779B185EBCA87
	prime2 uint64 = 0xC2B2AE3D27D4EB4F
	prime3 uint64 = 0x165667B19E3779F9
	prime4 uint64 = 0x85EBCA77C2B2AE63
	prime5 uint64 = 0x27D4EB2F165667C5
)

// hash64 is XXH64 (Yann Collet, xxHash fast digest algorithm, specification 0.1.1, section "XXH64
// algorithm description"). It is written out here because columns and snapshots depend on its exact
// values: they must not change with a library or a Go release. It is no defence against somebody who
// knows the seed and wants collisions; they only cost accuracy.
func hash64(seed uint64, b []byte) uint64 {
	n := uint64(len(b))
	var h uint64
	if len(b) >= 32 {
		h, b = hashStripes(seed, b)
	} else {
		h = seed + prime5
	}
	h += n
	for ; len(b) >= 8; b = b[8:] {
		h ^= hashRound(0, binary.LittleEndian.Uint64(b))
		h = bits.RotateLeft64(h, 27)*prime1 + prime4
	}
	if len(b) >= 4 {
		h ^= uint64(binary.LittleEndian.Uint32(b)) * prime1
		h = bits.RotateLeft64(h, 23)*prime2 + prime3
		b = b[4:]
	}
	for _, c := range b {
		h ^= uint64(c) * prime5
		h = bits.RotateLeft64(h, 11) * prime1
	}
	// The avalanche: every input bit reaches every output bit, so low bits index and the top one signs.
	h ^= h >> 33
	h *= prime2
	h ^= h >> 29
	h *= prime3
	h ^= h >> 32
	return h
}

// Hash is XXH64 of b under a seed, as all features are hashed.
func Hash(seed uint64, b []byte) uint64 { return hash64(seed, b) }

// hashStripes digests all whole 32-byte stripes and returns what is left of b.
func hashStripes(seed uint64, b []byte) (uint64, []byte) {
	v1, v2, v3, v4 := seed+prime1+prime2, seed+prime2, seed, seed-prime1
	for ; len(b) >= 32; b = b[32:] {
		v1 = hashRound(v1, binary.LittleEndian.Uint64(b))
		v2 = hashRound(v2, binary.LittleEndian.Uint64(b[8:]))
		v3 = hashRound(v3, binary.LittleEndian.Uint64(b[16:]))
		v4 = hashRound(v4, binary.LittleEndian.Uint64(b[24:]))
	}
	h := bits.RotateLeft64(v1, 1) + bits.RotateLeft64(v2, 7) + bits.RotateLeft64(v3, 12) + bits.RotateLeft64(v4, 18)
	for _, v := range [4]uint64{v1, v2, v3, v4} {
		h = (h^hashRound(0, v))*prime1 + prime4
	}
	return h, b
}

func hashRound(acc, lane uint64) uint64 {
	return bits.RotateLeft64(acc+lane*prime2, 31) * prime1
}
