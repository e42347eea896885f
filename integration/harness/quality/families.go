package quality

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// linearFamily is what linear models are asked for by; of classes they are called logisticFamily.
const (
	linearFamily   = "linear"
	logisticFamily = "logistic"
)

// Families are all that are measured, as they stand in tables: linear is logistic where the label is a class.
func Families() []string { return []string{"auto", linearFamily, "svm", "mlp", "tree", "forest"} }

// Chosen are the families of a list with commas, in the order of tables.
func Chosen(list string, seeds int) ([]string, error) {
	asked, all := Words(list), Families()
	for _, family := range asked {
		if !slices.Contains(all, family) {
			return nil, fmt.Errorf("-families: %q is none of %s", family, strings.Join(all, ", "))
		}
	}
	if seeds < 1 {
		return nil, fmt.Errorf("-seeds: %d is no number of seeds", seeds)
	}
	return slices.DeleteFunc(all, func(family string) bool { return !slices.Contains(asked, family) }), nil
}

// Words are those of a list with commas or spaces between them.
func Words(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

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

// chanceFamilies are those that a seed makes a difference to.
func chanceFamilies() []string { return []string{"auto", "mlp", "forest"} }

// SeedsSentence says in documents how many seeds there were.
func SeedsSentence(seeds int) string {
	if seeds == 1 {
		return "Of `auto`, `mlp` and `forest`, which chance plays a part in, it is what one seed came to.\n\n"
	}
	return fmt.Sprintf("Of `auto`, `mlp` and `forest`, which chance plays a part in, it is the median of %d seeds.\n\n", seeds)
}

// runs is how often a family is measured, of so many seeds: those that do not differ by it once.
func runs(family string, seeds int) int {
	if slices.Contains(chanceFamilies(), family) {
		return seeds
	}
	return 1
}

// order is a family's place in tables.
func order(family string) int { return slices.Index(Families(), asked(family)) }

// Median is the value in the middle, and of an even number the mean of both; NaN if there is one among them.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values)) // NaN comes first
	if len(sorted) == 0 || math.IsNaN(sorted[0]) {
		return math.NaN()
	}
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
