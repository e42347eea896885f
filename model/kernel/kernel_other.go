//go:build !amd64

package kernel

// Best picks the fastest set that this processor runs.
func Best() *Set { return Generic() }
