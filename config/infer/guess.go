package infer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Likelihoods of being the label, in points. What counts is their order, and which are nearly equal: a name that says
// so outweighs a place, a place a kind.
const (
	pointsNamed   = 100 // y, label, target
	pointsClass   = 70  // class, which may be that of a ticket
	pointsOutcome = 70  // churn, fraud, survived, with few values
	pointsPart    = 60  // y_true, target_value
	pointsAsked   = 55  // is_fraud, has_churned
	pointsWithin  = 30  // default payment next month
	pointsResult  = 25  // price, sales
	pointsOf      = 12  // SalePrice, income_class
	pointsLast    = 25  // the last field
	pointsNearly  = 15  // … but for those that cannot be it
	pointsFirst   = 8
	pointsTwo     = 10 // values
	pointsFew     = 6
	pointsNumber  = 4
	pointsUsual   = -15 // age, country: a feature's name
	pointsInner   = -20 // within an object
	pointsGuess   = -90 // y_pred: somebody else's prediction
	// pointsAlike is how near the second is to the first where the two are as likely.
	pointsAlike = 8
)

// candidatesShown are named where several fields are as likely.
const candidatesShown = 5

// placeSeen is where in the events a field stands.
type placeSeen struct{ begins, ends int64 }

// placesSeen are the fields that an event begins and ends with.
type placesSeen struct{ opening, closing *column }

func (s *placesSeen) at(c *column) {
	if s.opening == nil {
		s.opening = c
	}
	s.closing = c
}

// end counts them, at the event's end.
func (s *placesSeen) end() {
	if s.opening != nil {
		s.opening.begins++
		s.closing.ends++
	}
	s.opening = nil
}

// candidate is a field that may be the label.
type candidate struct {
	*column
	points int
	why    []string
}

func (c *candidate) add(points int, why string) {
	c.points += points
	if why != "" {
		c.why = append(c.why, why)
	}
}

// chooseLabel finds the label that is asked for, or guesses one.
func (p *plan) chooseLabel() error {
	if asked := p.options.Label; asked != "" {
		for _, c := range p.seen.columns {
			if c.path == asked || c.name == asked {
				p.label = c
				return nil
			}
		}
		if p.label = p.otherCase(asked); p.label != nil {
			return nil
		}
		return fmt.Errorf("there is no field %q for the label; the events have %s (labels in a file of their own: see millrace init --help)", asked, p.names())
	}
	candidates, others := p.candidates()
	if len(candidates) == 0 {
		return fmt.Errorf("no field looks like a label; name one with --label: %s", strings.Join(others, ", "))
	}
	best := candidates[0]
	alike := slices.DeleteFunc(candidates, func(c candidate) bool { return c.points <= best.points-pointsAlike })
	if len(alike) > 1 {
		return fmt.Errorf("which field is the label? As likely are %s", alikeText(alike))
	}
	p.label, p.why = best.column, "because "+strings.Join(best.why, ", ")
	return nil
}

// otherCase is the only field that is called so in another case, nil where there are none or several.
func (p *plan) otherCase(asked string) (found *column) {
	for _, c := range p.seen.columns {
		if !strings.EqualFold(c.path, asked) && !strings.EqualFold(c.name, asked) {
			continue
		}
		if found != nil {
			return nil
		}
		found = c
	}
	return found
}

// alikeText lists the candidates with what speaks for each, and how to choose one.
func alikeText(alike []candidate) string {
	texts := make([]string, 0, candidatesShown+1)
	for _, c := range alike[:min(len(alike), candidatesShown)] {
		texts = append(texts, fmt.Sprintf("%s (%s)", c.path, strings.Join(c.why, ", ")))
	}
	if n := len(alike) - candidatesShown; n > 0 {
		texts = append(texts, fmt.Sprintf("%d more", n))
	}
	return fmt.Sprintf("%s: give --label %s, or another", strings.Join(texts, " and "), alike[0].path)
}

// candidates are the fields that may be the label, the likeliest first, and why the others are none.
func (p *plan) candidates() (found []candidate, others []string) {
	names := map[string]bool{}
	for _, c := range p.seen.columns {
		names[strings.ToLower(c.name)] = true
	}
	for _, c := range p.seen.columns {
		candidate := candidate{column: c}
		candidate.nameAs(names["x"])
		if why := p.noLabel(c, candidate.points); why != "" {
			if len(others) < candidatesShown {
				others = append(others, c.path+" is "+why)
			}
			continue
		}
		candidate.kindAs()
		found = append(found, candidate)
	}
	p.places(found)
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(b.points, a.points) })
	return found, others
}

// noLabel says why a field cannot be the label that nobody named; empty if it can.
func (p *plan) noLabel(c *column, named int) string {
	values := c.values()
	numeric := c.numbers == values
	classes := !c.many && len(c.distinct) <= classesMax
	switch {
	case values == 0 || c.bag != nil || c.lists > 0:
		return "no plain value"
	case timeLike(c), notQuiteTime(c) != "":
		return "a time"
	case p.unique(c) || idLike(c.last()):
		return "an id"
	case len(c.distinct) == 1 && !c.many && named < pointsPart: // one that is named so is said to be constant
		return "always the same"
	case c.rowNumber() != "":
		return "a number of the row"
	case c.code() != "" && (!fewIntegers(c) || c.padded > 1 && named < pointsPart):
		return "a code"
	case !numeric && (!classes || values >= differentRows && c.nearlyAll()):
		return "a text"
	case p.options.Model == "linear" && !numeric && named < pointsPart:
		return "no number"
	case p.options.Model == "logistic" && !classes && named < pointsPart:
		return "no class"
	}
	return ""
}

// nameAs counts what the field's name says. Beside x, y is as much a coordinate, and what happened has few values.
func (c *candidate) nameAs(besideX bool) {
	words := nameWords(c.last())
	if len(words) == 0 {
		return
	}
	whole, last := strings.Join(words, "_"), words[len(words)-1]
	if len(c.keys) > 1 {
		c.add(pointsInner, "")
	}
	if guessWords.any(words) {
		c.add(pointsGuess, "")
	}
	few, measure := c.few(), amountWords.any(words) || measureWords.any(words)
	points := 0
	switch {
	case whole == "y" && besideX:
		points = pointsResult
	case whole == "class":
		points = pointsClass
	case labelWords[whole]:
		points = pointsNamed
	case outcomeWords[whole] && few:
		points = pointsOutcome
	case outcomeWords[whole], resultWords[whole]:
		points = pointsResult
	case partWords.any(words):
		points = pointsPart
	case askingWords.any(words[:1]) && outcomeWords.any(words[1:]):
		points = pointsAsked
	case outcomeWords.any(words) && !measure:
		points = pointsWithin
	case resultWords[last], last == "class":
		points = pointsOf
	case datedWords[last], usualWords[last]:
		c.add(pointsUsual, "")
	}
	if points > 0 {
		c.add(points, "of its name")
	}
}

// kindAs counts what the field's values say.
func (c *candidate) kindAs() {
	switch n := len(c.distinct); {
	case n == 2 && !c.many:
		c.add(pointsTwo, "it has two values")
	case c.numbers == c.values() && !fewIntegers(c.column):
		c.add(pointsNumber, "")
	default:
		c.add(pointsFew, fmt.Sprintf("it has %d values", n))
	}
}

// few reports whether the field has few values, as what happened has.
func (c *column) few() bool { return !c.many && len(c.distinct) <= integerClassesMax }

// firstAs counts that the field stands first, which labels that are classes do at times.
func (c *candidate) firstAs(why string) {
	if c.few() {
		c.add(pointsFirst, why)
	}
}

// places counts where the candidates stand: most tables have the label last, some first.
func (p *plan) places(found []candidate) {
	last, first := -1, -1
	isLast, isFirst := false, false
	for i := range found {
		c := &found[i]
		if len(c.keys) > 1 {
			continue
		}
		if first < 0 {
			first = i
		}
		last = i
		if 2*c.ends > p.rows {
			c.add(pointsLast, "it is the last field")
			isLast = true
		} else if 2*c.begins > p.rows {
			c.firstAs("it is the first field")
			isFirst = true
		}
	}
	if !isLast && last >= 0 {
		why := "it is the last field that may be one"
		if isFirst && first == last && found[last].few() {
			why = "" // it is said to be the first field
		}
		found[last].add(pointsNearly, why)
	}
	if !isFirst && first >= 0 && first != last {
		found[first].firstAs("it is the first field that may be one")
	}
}

var labelWords = wordsOf("y label labels target targets outcome outcomes truth ground_truth response dependent dependent_variable",
	"ziel zielwert klasse ergebnis y_true y_label y_actual y_value ytrue")

// partWords make a name that they are in one of a label, askingWords one that begins so and goes on with an outcome.
var partWords, askingWords = wordsOf("label target outcome truth"), wordsOf("is has will did was")

// outcomeWords are names of what happened in the end.
var outcomeWords = wordsOf("churn churned kündigung betrug ausfall exited attrition left fraud fraudulent default defaulted survived survival spam diagnosis disease stroke",
	"converted conversion clicked click bought purchased subscribed deposit readmitted died death mortality recovered sentiment",
	"species won winner approved hired failure failed anomaly attack malignant cancelled canceled noshow delinquent bankrupt")

// resultWords are names of what is often predicted, and as often a feature.
var resultWords = wordsOf("price sales income quality rating demand revenue result status cnt salary preis umsatz cost profit medv rings delay duration grade")

// measureWords are in names of what was counted or measured of something.
var measureWords = wordsOf("rate ratio score share percent pct mean avg average min max std num number id days since until last previous prev prior")

// usualWords are names that features go by.
var usualWords = wordsOf("age sex gender country city state region zip name first last lat lon lng latitude longitude index row weight x z browser",
	"os device channel source")

// guessWords are in names of what was predicted by somebody else.
var guessWords = wordsOf("pred predicted prediction predictions proba probability estimate estimated forecast yhat")
