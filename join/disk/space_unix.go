//go:build linux || darwin || freebsd

package disk

import (
	"fmt"
	"math"
	"syscall"
)

// free is how many bytes a file system has left for this user.
func free(folder string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		return 0, fmt.Errorf("asking what is free in %s: %w", folder, err)
	}
	blocks, size := int64(s.Bavail), int64(s.Bsize) //nolint:unconvert // other systems have other types there
	if blocks < 0 {                                 // what is reserved is in use, too
		return 0, nil
	}
	if size > 0 && blocks > math.MaxInt64/size {
		return math.MaxInt64, nil
	}
	return blocks * size, nil
}
