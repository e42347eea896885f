package pipeline

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"millrace/pipeline/status"
)

// ending is how a learner ended for good in a process that goes on without it.
type ending struct {
	state status.State
	why   string
}

// endLearning notes that the learner ended. Its metrics end as well, so that nobody compares with figures that stand
// still.
func (e *environment) endLearning(err error) {
	state := status.Ended
	var taken *takenError
	if errors.As(err, &taken) {
		state = status.Fenced
	}
	e.learning.Store(prometheus.NewRegistry())
	e.ended.Store(&ending{state: state, why: err.Error()})
}

// tellLearner exports whether the process learns the model.
func (e *environment) tellLearner() {
	e.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "millrace_learner_up",
		Help: "1 while this process learns the model, 0 when its learner has ended: another learner owns the model, or it could not go on."},
		func() float64 {
			if e.ended.Load() != nil {
				return 0
			}
			return 1
		}))
}
