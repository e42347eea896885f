//go:build !unix

package running

import "os"

// mine cannot be told here: the folder is among the user's own.
func mine(os.FileInfo) bool { return true }
