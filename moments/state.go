package moments

import (
	"fmt"
	"math"

	"millrace"
)

// Restored checks the state that was copied in, and derives the rest from it. Its errors wrap millrace.ErrCorrupt.
func (c *Columns) Restored() error {
	for i := range c.deviation {
		at := i * c.stride
		n, mean, squares := c.count[at], c.mean[at], c.squares[at]
		switch {
		case !(n >= 0) || math.IsInf(n, 1):
			return fmt.Errorf("%w: column %d was seen %v times", millrace.ErrCorrupt, i, n)
		case !(math.Abs(mean) <= ValueMax):
			return fmt.Errorf("%w: column %d has a mean of %v", millrace.ErrCorrupt, i, mean)
		case !(squares >= 0) || math.IsInf(squares, 1):
			return fmt.Errorf("%w: column %d has squared deviations of %v", millrace.ErrCorrupt, i, squares)
		}
		c.refresh(i)
	}
	return nil
}
