//go:build !linux

package harness

import "syscall"

// processAttributes puts a child into a group of its own. Only Linux can tie its life to this process's.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
