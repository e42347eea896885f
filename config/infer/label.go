package infer

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"millrace/model"
)

// Words for the class that is not looked for; with two classes it stands first.
var negatives = []string{
	"no", "n", "false", "f", "off", "neg", "negative", "legit", "legitimate", "normal", "ham", "good", "benign", "ok", "none", "-1", "0",
}

// decideLabel settles whether the label is a class or a number, and what model learns it.
func (p *plan) decideLabel() error {
	c := p.label
	if c.values() == 0 {
		return fmt.Errorf("the label %q has no value that is a number, a boolean or text", c.path)
	}
	p.model = cmp.Or(p.options.Model, modelDefault)
	numeric := c.numbers == c.values()
	switch {
	case p.model == "linear":
		if !numeric {
			return fmt.Errorf("a linear model predicts numbers, and the label %q is %.40q: use logistic, svm, mlp, tree, forest or auto", c.path, c.sample)
		}
		return nil
	case numeric && !fewIntegers(c) && slices.Contains(model.Suitable(model.TargetSpec{}), p.model):
		return nil
	}
	delete(c.distinct, "") // no class can be named so; the decoder will reject such a label as unknown
	if numeric && p.model == "logistic" && (c.many || len(c.distinct) > classesMax) {
		return fmt.Errorf("a logistic model predicts classes, and the label %q is a number with more than %d different values: "+
			"use linear, svm, mlp, tree, forest or auto", c.path, classesMax)
	}
	if c.many || len(c.distinct) > classesMax {
		return fmt.Errorf("the label %q has more than %d different values: too many for classes", c.path, classesMax)
	}
	if len(c.distinct) < 2 {
		return fmt.Errorf("the label %q is always %.40q in %d events: there is nothing to tell apart",
			c.path, c.sample, p.rows+p.scanned)
	}
	p.orderClasses()
	return nil
}

// fewIntegers says whether numbers are rather classes than amounts.
func fewIntegers(c *column) bool {
	n := int64(len(c.distinct))
	return c.integers == c.numbers && !c.many && n <= integerClassesMax &&
		(n == 2 || n*rowsPerClass <= c.numbers)
}

// orderClasses sorts the classes, numbers by value. With two, the last is the one that a score speaks
// of, so it should be the one that people look for.
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
	p.order = "a score is the probability of the last class"
	if p.label.texts == 0 {
		return
	}
	first, last := p.classes[0], p.classes[1]
	noFirst := slices.Contains(negatives, strings.ToLower(first))
	noLast := slices.Contains(negatives, strings.ToLower(last))
	if noLast && !noFirst || noFirst == noLast && counts[last] > counts[first] {
		p.classes = []string{last, first}
	}
}
