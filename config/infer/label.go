package infer

import (
	"cmp"
	"fmt"
	"slices"

	"millrace/model"
)

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
	p.joinSpellings()
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
