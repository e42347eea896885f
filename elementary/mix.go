package elementary

// Golden and Mix are SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators"): its
// n-th number is Mix(seed + n·Golden), so any of them can be had at once.
const Golden = 0x9E3779B97F4A7C15

// Mix is the number of a state.
func Mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}
