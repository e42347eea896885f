// Package harness starts real servers for tests: Apache Kafka, Redis and Prometheus, each on free loopback ports with
// its data and log in a folder of the test, and the millrace binary itself. A server can be stopped, killed and
// restarted with the same ports and data, which is what tests of recovery are made of.
//
// No process outlives the test: each runs in a process group of its own, ends with the test's cleanup, and on Linux is
// killed by the kernel when the test's process goes in any other way (a panic, a time-out, kill -9).
//
// MILLRACE_TEST_KAFKA and MILLRACE_TEST_REDIS name servers that run already. Tests that stop or restart a server ask
// for their own with the Own option and never disturb those.
package harness

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// freePorts returns n different free TCP ports on the loopback address. They are free when it returns; another process
// may take one before the server binds it, so starting a server is tried again with other ports.
func freePorts(n int) ([]int, error) {
	ports := make([]int, 0, n)
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("finding a free port: %w", err)
		}
		// All stay open until the last is found, or the kernel could hand out one twice.
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// FreePort returns a free TCP port on the loopback address, for a server that a test starts itself.
func FreePort(t testing.TB) int {
	t.Helper()
	ports, err := freePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	return ports[0]
}

// RepoRoot returns the folder of the module's go.mod: the working directory or the nearest one above it.
func RepoRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the module's root: %w", err)
	}
	for {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(mod, []byte("module millrace\n")) {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("finding the module's root: no go.mod of module millrace here or above")
		}
		dir = parent
	}
}
