package folder

import "fmt"

// InUseError is that another process has a folder's lock.
type InUseError struct {
	Directory string
	Holder    string // who has it, in words
	Err       error
}

func (e *InUseError) Error() string {
	return fmt.Sprintf("folder %s is in use by %s: stop it or choose another folder: %v", e.Directory, e.Holder, e.Err)
}

func (e *InUseError) Unwrap() error { return e.Err }
