package status

// enoughEvents is how many events figures are of before a model that is no better than a baseline is told of: the first
// ones are guesses.
const enoughEvents = 1000

// NoBetter is the baseline that a model was no better than over so many events: majority, mean or last; empty where it
// was better than all, or where there were too few to say so. first is the majority class's or the mean's.
func NoBetter(events uint64, model, first, last Losses) string {
	switch {
	case events < enoughEvents:
		return ""
	case model.RMSE != nil && first.RMSE != nil && last.RMSE != nil:
		if *model.RMSE >= *first.RMSE {
			return "mean"
		}
		if *model.RMSE >= *last.RMSE {
			return "last"
		}
	case model.LogLoss != nil && first.LogLoss != nil && last.Accuracy != nil:
		if *model.LogLoss >= *first.LogLoss {
			return "majority"
		}
		if *model.Accuracy < *last.Accuracy { // the last label has no log-loss
			return "last"
		}
	}
	return ""
}
