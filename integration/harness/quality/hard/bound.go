package hard

import (
	"fmt"
	"math"
)

// The bounds: how many times as large as on the clean stream a loss may be, how much lower an accuracy, and what is no
// difference between log-losses: a model that is nearly always sure and right is not held to a tenth of nothing.
const (
	Worse         = 1.10
	AccuracyBelow = 0.005
	logLossSame   = 0.001
)

// Bound says what the families must keep in the trial.
func (t *Trial) Bound() string {
	if t.Least > 0 {
		return fmt.Sprintf("accuracy at least %.2f, or as on the clean stream", t.Least)
	}
	return fmt.Sprintf("loss at most x%.2f, accuracy at most %.3f lower", Worse, AccuracyBelow)
}

// Ratio is the loss beside that of the clean stream; more than 1 is worse.
func (s *Standing) Ratio() float64 {
	if s.Clean.Loss == s.Spoilt.Loss {
		return 1
	}
	return s.Spoilt.Loss / s.Clean.Loss
}

// Classes tells whether the label is a class.
func (s *Standing) Classes() bool { return !math.IsNaN(s.Clean.Accuracy) }

// Short says what of the trial's bound the family falls short of; empty when it keeps it.
func (t *Trial) Short(s *Standing) string {
	switch {
	case s.Err != nil:
		return "not learned: " + s.Err.Error()
	case s.Spoilt.Rejected > s.Clean.Rejected:
		return fmt.Sprintf("%d events rejected", s.Spoilt.Rejected-s.Clean.Rejected)
	case s.Classes() && t.Least > 0 && s.Spoilt.Accuracy >= t.Least:
		return ""
	case s.Classes() && !(s.Spoilt.Accuracy >= s.Clean.Accuracy-AccuracyBelow): // NaN is short
		return fmt.Sprintf("accuracy %.4f for %.4f", s.Spoilt.Accuracy, s.Clean.Accuracy)
	case s.Classes() && s.Spoilt.Loss <= s.Clean.Loss+logLossSame:
		return ""
	case !(s.Ratio() <= Worse):
		return fmt.Sprintf("loss x%.3f", s.Ratio())
	}
	return ""
}
