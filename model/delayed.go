package model

// FakeNegativeWeight is what the loss of an event is multiplied by that is learned at once as the class that is assumed
// (the paper's negative), and once more as the other class when a label says so. With p the probability of the other
// class that the learning model gives the event before the update, held constant in it,
//
//	assumed:   (1 − p)·(1 + p)
//	corrected: 1 + p
//
// (Ktena, Tejani, Theis, Myana, Dilipkumar, Huszár, Yoo and Shi 2019, "Addressing Delayed Feedback for Continuous
// Training with Neural Networks in CTR prediction", arXiv 1907.06558, the fake negative weighted loss).
//
// Events are learned from a biased distribution b: every one comes as assumed, those of the other class come a second
// time. So b(other|x) = p/(1+p) and b(assumed|x) = 1/(1+p), and the weights are the ratios of the true to the biased
// probabilities. With them the expected gradient of the log-loss is zero where the model's probability is the true one;
// without, where it is p/(1+p).
func FakeNegativeWeight(p float64, corrected bool) float64 {
	if corrected {
		return 1 + p
	}
	return (1 - p) * (1 + p)
}
