package main

import (
	"fmt"
	"os"
	"testing"

	"millrace/pipeline/running"
)

// asMillrace in the environment makes the test binary the program, for tests that type what a shell runs.
const asMillrace = "MILLRACE_TEST_AS_PROGRAM"

// TestMain keeps what tests run out of the user's runtime folder, and the user's processes out of tests.
func TestMain(m *testing.M) {
	if os.Getenv(asMillrace) != "" {
		main()
		return
	}
	runtime, err := os.MkdirTemp("", "millrace-test-")
	if err == nil {
		err = os.Setenv(running.FolderVariable, runtime)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(runtime)
	os.Exit(code)
}
