//go:build !amd64

package model

// bestKernels picks the fastest set that this processor runs.
func bestKernels() *kernels { return genericKernels() }
