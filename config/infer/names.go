package infer

import (
	"strings"
	"unicode"
)

// nameWords are the words that a field's name is made of, in lower case: customerID, Customer-Id and customer_id are
// customer and id.
func nameWords(name string) []string {
	var words []string
	runes := []rune(name)
	from := 0
	end := func(to int) {
		if to > from {
			words = append(words, strings.ToLower(string(runes[from:to])))
		}
		from = to
	}
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			end(i)
			from = i + 1
		case i > from && unicode.IsUpper(r) && (!unicode.IsUpper(runes[i-1]) ||
			i+1 < len(runes) && unicode.IsLower(runes[i+1])): // a hump, or the last capital of several
			end(i)
		}
	}
	end(len(runes))
	return words
}

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

// any reports whether one of the words is in the set.
func (s wordSet) any(words []string) bool {
	for _, word := range words {
		if s[word] {
			return true
		}
	}
	return false
}
