//go:build !(linux || darwin || freebsd)

package disk

import (
	"errors"
	"fmt"
)

func free(folder string) (int64, error) {
	return 0, fmt.Errorf("asking what is free in %s: %w", folder, errors.ErrUnsupported)
}
