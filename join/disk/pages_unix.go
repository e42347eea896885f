//go:build unix

package disk

import "syscall"

func newChunk() ([]byte, error) {
	return syscall.Mmap(-1, 0, chunkBytes, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
}

func freeChunk(chunk []byte) {
	if err := syscall.Munmap(chunk); err != nil {
		panic("disk: giving memory back that was not taken: " + err.Error())
	}
}
