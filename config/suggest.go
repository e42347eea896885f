package config

// Nearest is the candidate most like word, or "" when none is near enough to be a slip of the
// hand: one edit in a short word, one in three letters of a longer one.
func Nearest(word string, candidates []string) string {
	best, bestDistance := "", max(1, len([]rune(word))/3)+1
	for _, c := range candidates {
		if d := distance(word, c); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance is the optimal string alignment distance: insertions, deletions, substitutions and
// swaps of neighbours, the four slips of a typing hand, upper and lower case being one. Words
// longer than wordMax count as far from everything, since no field is that long.
func distance(a, b string) int {
	const wordMax = 64
	x, y := []rune(a), []rune(b)
	if len(x) > wordMax || len(y) > wordMax {
		return wordMax
	}
	// Three rows of the matrix: a swap looks two rows back.
	rows := [3][wordMax + 1]int{}
	for j := range len(y) + 1 {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		row, above, above2 := &rows[i%3], &rows[(i+2)%3], &rows[(i+1)%3]
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if lower(x[i-1]) == lower(y[j-1]) {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && lower(x[i-1]) == lower(y[j-2]) && lower(x[i-2]) == lower(y[j-1]) {
				row[j] = min(row[j], above2[j-2]+1)
			}
		}
	}
	return rows[len(x)%3][len(y)]
}

// lower folds ASCII only, as fields and words are ASCII; a hyphen and an underscore are one, too.
func lower(r rune) rune {
	switch {
	case r >= 'A' && r <= 'Z':
		return r + 'a' - 'A'
	case r == '-':
		return '_'
	}
	return r
}
