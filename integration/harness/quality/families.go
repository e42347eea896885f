package quality

import "slices"

// linearFamily is what linear models are asked for by; of classes they are called logisticFamily.
const (
	linearFamily   = "linear"
	logisticFamily = "logistic"
)

// Families are all that are measured, as they stand in tables: linear is logistic where the label is a class.
func Families() []string { return []string{"auto", linearFamily, "svm", "mlp", "tree", "forest"} }

// named is the family that learns labels of the kind.
func named(family string, classes bool) string {
	if family == linearFamily && classes {
		return logisticFamily
	}
	return family
}

// asked is the family as it is asked for.
func asked(family string) string {
	if family == logisticFamily {
		return linearFamily
	}
	return family
}

// runs is how often a family is measured, of so many seeds: those that do not differ by it once.
func runs(family string, seeds int) int {
	if slices.Contains([]string{"auto", "mlp", "forest"}, family) {
		return seeds
	}
	return 1
}

// order is a family's place in tables.
func order(family string) int { return slices.Index(Families(), asked(family)) }
