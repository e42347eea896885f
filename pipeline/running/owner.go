//go:build unix

package running

import (
	"os"
	"syscall"
)

// mine reports whether the folder belongs to this user.
func mine(info os.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == os.Getuid()
}
