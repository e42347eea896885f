//go:build !unix

package disk

func newChunk() ([]byte, error) { return make([]byte, chunkBytes), nil }

func freeChunk([]byte) {}
