package infer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// joinSpellings makes one class of those that differ in case alone, named as it is written most often. A letter may be
// another thing in upper case, so those are joined only where they are a yes and a no.
func (p *plan) joinSpellings() {
	c := p.label
	if c.many || c.texts == 0 {
		return
	}
	for class, n := range c.distinct { // the decoder passes blanks over
		if bare := strings.TrimSpace(class); bare != class && bare != "" {
			delete(c.distinct, class)
			c.distinct[bare] += n
		}
	}
	several, different := c.spellings()
	joinable := len(different) > 1
	for _, words := range several {
		joinable = joinable && (utf8.RuneCountInString(words[0]) > 1 || opposed(different))
	}
	if !joinable {
		p.apart = several
		return
	}
	p.joined = several
	for _, words := range several {
		for _, word := range words[1:] {
			c.distinct[words[0]] += c.distinct[word]
			delete(c.distinct, word)
		}
	}
}

// spellings are the values that differ in case and blanks around them alone, the most frequent first, and what the
// values are without such differences.
func (c *column) spellings() (several [][]string, different []string) {
	groups := map[string][]string{}
	for value := range c.distinct {
		key := strings.ToLower(strings.TrimSpace(value))
		groups[key] = append(groups[key], value)
	}
	for key, words := range groups {
		different = append(different, key)
		if len(words) == 1 {
			continue
		}
		slices.SortFunc(words, func(a, b string) int {
			return cmp.Or(cmp.Compare(c.distinct[b], c.distinct[a]), strings.Compare(a, b))
		})
		several = append(several, words)
	}
	slices.SortFunc(several, slices.Compare)
	return several, different
}

// opposed reports whether two classes are letters for a yes and a no.
func opposed(classes []string) bool {
	return len(classes) == 2 && (opposites[classes[0]+"/"+classes[1]] || opposites[classes[1]+"/"+classes[0]])
}

// quoted lists values so that blanks are seen.
func quoted(words []string) string {
	all := make([]string, len(words))
	for i, word := range words {
		all[i] = fmt.Sprintf("%.40q", word)
	}
	return listed(all)
}
