package infer

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Words for the one of two classes that people look for, and for the other. What is opposed to one of the latter is
// looked for, too.
var positives = wordsOf("yes ja oui si sí sim da true wahr vrai on pos positive positiv",
	"fraud fraudulent scam spam phishing malware attack intrusion anomaly anomalous abnormal outlier",
	"churn churned exited left lost_customer attrited default defaulted bad late delayed overdue unpaid delinquent",
	"sick ill disease diseased malignant cancer infected dead died deceased fail failed failure faulty broken defect defective",
	"alarm alert hit won win winner clicked click bought buy purchased purchase sale sold converted conversion subscribed",
	"responded responder accepted approved hired promoted survived returned cancelled canceled readmitted",
	"toxic hate offensive fake no_show noshow high up more above >50k >50k.")

var negatives = wordsOf("no nein non nee não nao net false falsch faux off neg negative negativ",
	"legit legitimate genuine ham normal benign ok okay none nothing good healthy well clean valid",
	"stayed stay retained loyal existing paid current ontime on_time punctual alive working intact",
	"miss loss lose lost ignored skipped show low down less below <=50k <=50k. real")

// opposites are letters for what people look for, and for the other.
var opposites = wordsOf("y/n j/n o/n s/n t/f w/f v/f p/n")

// evenShare is the least share of the rarer class from which on its being rarer is chance.
const evenShare = 0.45

// orderClasses sorts the classes, numbers by value, and settles which of two is the positive one.
func (p *plan) orderClasses() {
	counts := p.label.distinct
	p.classes = slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		x, errX := strconv.ParseFloat(a, 64)
		y, errY := strconv.ParseFloat(b, 64)
		if errX == nil && errY == nil && x != y {
			return cmp.Compare(x, y)
		}
		return strings.Compare(a, b)
	})
	if len(p.classes) != 2 {
		return
	}
	positive, why := positiveOf(p.classes[0], p.classes[1], counts)
	p.positive, p.order = p.classes[positive], why
	if p.label.texts > 0 && positive == 0 { // numbers and booleans stay in the order that they have anyway
		slices.Reverse(p.classes)
	}
}

// positiveOf says which of two classes people look for, and why: by what they are called, else the rarer one.
func positiveOf(first, last string, counts map[string]int64) (positive int, why string) {
	switch a, b := looked(first, last), looked(last, first); {
	case a > b:
		return 0, "by its name"
	case b > a:
		return 1, "by its name"
	}
	all := counts[first] + counts[last]
	rarer, n := 1, counts[last]
	if counts[first] < n {
		rarer, n = 0, counts[first]
	}
	if float64(n) < evenShare*float64(all) {
		return rarer, fmt.Sprintf("as the rarer one, in %s of the events", percent(n, all))
	}
	return 1, "as the last one; neither its name nor its share tells"
}

// looked is 1 for a class that is called as what people look for, -1 for one that is called as the other, 0 for no
// telling.
func looked(class, other string) int {
	word, opposed := classWord(class), classWord(other)
	if x, err := strconv.ParseFloat(class, 64); err == nil {
		if x == 0 || x == -1 {
			return -1
		}
		return 0 // 1 is positive beside 0, and may be anything beside 2
	}
	// A letter alone says something beside its opposite only.
	isPositive, isNegative := positives[word] || opposites[word+"/"+opposed], negatives[word] || opposites[opposed+"/"+word]
	switch {
	case isPositive && !isNegative:
		return 1
	case isNegative || negated(word, opposed):
		return -1
	}
	return 0
}

// classWord is a class in the spelling of the lists.
func classWord(class string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(strings.ToLower(class)), "_"), "-", "_")
}

// negated reports whether a class is the other one with a not before it: not_fraud, non-fraud, no fraud.
func negated(word, other string) bool {
	for _, not := range []string{"not_", "non_", "non", "no_", "kein_", "keine_", "nicht_"} {
		if rest, ok := strings.CutPrefix(word, not); ok && rest == other && other != "" {
			return true
		}
	}
	return false
}
