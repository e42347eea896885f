//go:build !unix

package folder

import (
	"fmt"
	"os"
)

// Locks says that no lock dies with its process.
const Locks = false

// Lock creates the folder. This system has no lock that dies with its process, so it is on
// the user not to start two processes on one folder.
func Lock(directory string, mode os.FileMode) (unlock func() error, err error) {
	if err := os.MkdirAll(directory, mode); err != nil {
		return nil, fmt.Errorf("creating folder: %w", err)
	}
	return func() error { return nil }, nil
}
