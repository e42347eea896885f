//go:build !unix

package embedded

import (
	"fmt"
	"os"
)

// lock creates the data directory. This system has no lock that dies with its process, so it is on
// the user not to start two processes on one directory.
func lock(directory string) (unlock func() error, err error) {
	if err := os.MkdirAll(directory, 0o750); err != nil {
		return nil, fmt.Errorf("creating data directory: %w", err)
	}
	return func() error { return nil }, nil
}
