package infer

import "strings"

// wordSet is made of words with spaces between them.
type wordSet map[string]bool

func wordsOf(texts ...string) wordSet {
	set := wordSet{}
	for _, text := range texts {
		for _, word := range strings.Fields(text) {
			set[word] = true
		}
	}
	return set
}
