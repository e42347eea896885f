package status

import "testing"

// TestNoBetter: which baseline a model is no better than, once there were enough events.
func TestNoBetter(t *testing.T) {
	classes := func(accuracy, loss float64) Losses { return Losses{Accuracy: &accuracy, LogLoss: &loss} }
	numbers := func(rmse float64) Losses { return Losses{MAE: &rmse, RMSE: &rmse} }
	label := func(accuracy float64) Losses { return Losses{Accuracy: &accuracy} }
	for _, test := range []struct {
		events             uint64
		model, first, last Losses
		want               string
	}{
		{enoughEvents, classes(0.8, 0.66), classes(0.78, 0.54), label(0.65), "majority"},
		{enoughEvents - 1, classes(0.8, 0.66), classes(0.78, 0.54), label(0.65), ""},
		{enoughEvents, classes(0.8, 0.539), classes(0.8, 0.54), label(0.65), ""},
		{enoughEvents, classes(0.8, 0.4), classes(0.78, 0.54), label(0.81), "last"},
		{enoughEvents, numbers(3), numbers(3), numbers(4), "mean"},
		{enoughEvents, numbers(3), numbers(4), numbers(2), "last"},
		{enoughEvents, numbers(1), numbers(4), numbers(2), ""},
		{enoughEvents, Losses{}, Losses{}, Losses{}, ""},
	} {
		if got := NoBetter(test.events, test.model, test.first, test.last); got != test.want {
			t.Errorf("%+v: %q", test, got)
		}
	}
}
