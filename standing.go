package millrace

import "time"

// Standing is how a partition stands with the source that reads it, as its broker's answers tell.
type Standing struct {
	Partition int32
	// Since is from when on every answer said that what was returned of the partition reaches to its end. It is zero
	// while there is more, be it in the log or waiting to be taken.
	Since time.Time
	// Answered is when the broker answered last; zero before it did.
	Answered time.Time
	// Asked is when the question was asked whose answer last said so, while Since is set: all that was in the partition
	// at that moment was returned.
	Asked time.Time
}
