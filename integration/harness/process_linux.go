package harness

import "syscall"

// processAttributes puts a child into a group of its own and has the kernel kill it when the thread that started it
// ends: then no server survives a test that panics, times out or is killed.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
