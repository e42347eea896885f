package config

import "fmt"

// UsageError is a mistake of whoever asked: in a pipeline file, in what a file and an option say together, or on the
// command line. Nothing was done, and trying again is of no use before it is mended. Errors is the other form of it,
// with places in a file. The binary exits with 2 for both.
type UsageError struct{ Err error }

// Error is the mistake, without more.
func (e UsageError) Error() string { return e.Err.Error() }

// Unwrap is what was found.
func (e UsageError) Unwrap() error { return e.Err }

// Usagef makes a UsageError as fmt.Errorf makes an error.
func Usagef(format string, args ...any) error { return UsageError{fmt.Errorf(format, args...)} }
