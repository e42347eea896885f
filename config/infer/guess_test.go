package infer_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"millrace/config/infer"
)

// kinds are columns by a letter: values of row i as JSON.
func kindOf(kind string, i int) string {
	switch kind {
	case "two":
		return fmt.Sprintf(`"%c"`, 'a'+i*7%13%2)
	case "flag":
		return fmt.Sprint(i * 7 % 13 % 2)
	case "some":
		return fmt.Sprintf(`"k%d"`, i*7%13%5)
	case "whole":
		return fmt.Sprint(i * 7919 % 1013)
	case "id":
		return fmt.Sprintf(`"e%d"`, i)
	case "row":
		return fmt.Sprint(i)
	case "time":
		return fmt.Sprintf(`"2026-01-%02dT%02d:%02d:00Z"`, 1+i/60/24, i/60%24, i%60)
	case "text":
		return fmt.Sprintf(`"what %d people wrote about %d"`, i, i*i)
	case "same":
		return `"s"`
	case "day": // of the day or the month first nothing says which, as the rows are in no order
		return fmt.Sprintf(`"%02d/%02d/2025"`, 1+i*7%12, 1+i*5%12)
	case "code":
		return fmt.Sprintf(`"0%d"`, 1000+i*7%1000)
	}
	return fmt.Sprintf("%d.%d", i*7919%1013, i%9+1) // a number with a fraction
}

// table makes rows of columns that are given as "name:kind name:kind"; %20 in a name is a space.
func table(columns string) []string {
	return repeat(300, func(i int) string {
		var fields []string
		for _, column := range strings.Fields(columns) {
			name, kind, _ := strings.Cut(column, ":")
			if kind == "gaps" {
				if kind = "some"; i%3 == 0 {
					continue
				}
			}
			fields = append(fields, fmt.Sprintf("%q:%s", strings.ReplaceAll(name, "%20", " "), kindOf(kind, i)))
		}
		return "{" + strings.Join(fields, ",") + "}"
	})
}

// TestLabelIsGuessed: the label is told by its name, its place and its kind; where two fields are as likely, init asks
// and names both.
func TestLabelIsGuessed(t *testing.T) {
	for _, c := range []struct{ columns, want, why string }{
		// Names.
		{"a:num y:num b:two", "y", "of its name"}, {"Target:two a:num b:num", "Target", "of its name"}, {"a:num LABEL:some b:two", "LABEL", ""},
		{"a:num outcome:flag b:num", "outcome", ""}, {"a:num y_true:flag b:num y_pred:num", "y_true", ""}, {"y_pred:num y:num", "y", ""},
		{"id:id is_fraud:flag amount:num country:some", "is_fraud", ""}, {"isFraud:flag amount:num step:num", "isFraud", ""},
		{"PassengerId:row Survived:flag Pclass:some Name:text Age:num Cabin:gaps Embarked:some", "Survived", ""},
		{"survived:flag pclass:some sex:two age:num class:some who:some alone:two", "survived", ""},
		{"customerID:id gender:two tenure:whole MonthlyCharges:num Churn:two", "Churn", ""}, {"churn:two price:num plan:some", "churn", ""},
		{"Id:row MSSubClass:whole LotArea:num SaleType:some SalePrice:num", "SalePrice", ""},
		{"ID:row LIMIT_BAL:num SEX:flag default%20payment%20next%20month:flag", "default payment next month", ""},
		{"age:whole default:two balance:num housing:two deposit:two", "deposit", ""}, {"age:whole default:two duration:num y:two", "y", ""},
		{"Time:num V1:num V2:num Amount:num Class:flag", "Class", ""}, {"sepal:num petal:num species:some", "species", ""},
		{"age:whole workclass:some education:some sex:two hours:whole income:two", "income", ""}, {"fixed:num acidity:num quality:some", "quality", ""},
		{"x:num y:num", "y", ""}, {"x:num y:num z:num price:num", "price", ""}, {"unit_price:num days_since_click:whole size:num foo:two", "foo", ""},
		// Places and kinds.
		{"a:num b:num c:num", "c", "it is the last field"}, {"kind:two a:num b:num", "b", "it is the last field"}, {"a:num b:gaps c:two", "c", "it is the last field"},
		{"b:gaps a:num c:two", "c", "it is the last field"},
		// Never a time, an id, a constant, a text, a code, a number of the row.
		{"a:num b:num at:time", "b", "last field that may be one"}, {"a:num b:num c_id:id", "b", "last field that may be one"},
		{"a:num b:num note:text", "b", ""}, {"a:num b:num s:same", "b", ""}, {"a:num b:num n:row", "b", ""}, {"a:num b:num zip:code", "b", ""},
		{"target:time a:num b:num", "b", ""}, {"y:text a:num b:num", "b", ""},
		// As likely.
		{"a:num target:two label:two b:num", "", "target (of its name, it has two values) and label (of its name, it has two values): give --label target, or another"},
		{"price:num a:some b:two", "", "b (it has two values, it is the last field) and price (of its name): give --label b"},
		{"kind:two a:num b:num country:some", "", "--label"}, {"b:num churn:two fraud:two a:num", "", "churn ("},
		{"at:time note:text id:id", "", "no field looks like a label; name one with --label: at is a time, note is a text, id is an id"},
		{"at:time s:same", "", "s is always the same"}, {"a:num b:num day:day", "b", ""}, {"day:day s:same", "", "day is a time"},
	} {
		r, err := infer.FromSource(context.Background(), events(table(c.columns)...), infer.Options{})
		switch {
		case c.want == "" && (err == nil || !strings.Contains(err.Error(), c.why)):
			got := "an error"
			if err == nil {
				got = r.Label
			}
			t.Errorf("%s: %s, %v; want %q", c.columns, got, err, c.why)
		case c.want != "" && err != nil:
			t.Errorf("%s: %v; want %s", c.columns, err, c.want)
		case c.want != "" && (r.Label != strings.ReplaceAll(c.want, ".", `\.`) || !r.Guessed || !strings.Contains(r.Report.Label.Why, c.why)):
			t.Errorf("%s: %s, %s; want %s, %s", c.columns, r.Label, r.Report.Label.Why, c.want, c.why)
		}
	}
}

// TestLabelInAnotherCase: a label may be asked for in another case, where that leaves no choice.
func TestLabelInAnotherCase(t *testing.T) {
	if r := run(t, infer.Options{Label: "churn"}, table("a:num Churn:two b:two")...); r.Label != "Churn" || r.Guessed {
		t.Errorf("the label is %q, a guess: %t", r.Label, r.Guessed)
	}
	_, err := infer.FromSource(context.Background(), events(table("a:num Churn:two CHURN:two")...), infer.Options{Label: "churn"})
	if err == nil || !strings.Contains(err.Error(), `no field "churn" for the label; the events have a, Churn, CHURN`) {
		t.Error(err)
	}
}

// TestConstantLabel: a field that is named as a label and never changes is said to be so; another is not taken in its
// place.
func TestConstantLabel(t *testing.T) {
	_, err := infer.FromSource(context.Background(), events(table("a:num label:same b:two")...), infer.Options{})
	if err == nil || !strings.Contains(err.Error(), `the label "label" is always "s" in 300 events`) {
		t.Error(err)
	}
}

// TestPlaceIsSaidOnce: a label that stands first, and is the only field that may be one, is not called the last one.
func TestPlaceIsSaidOnce(t *testing.T) {
	r := run(t, infer.Options{}, repeat(400, func(i int) string {
		return fmt.Sprintf(`{"label":"%s","text":"some words of event %d"}`, []string{"n", "p"}[i%2], i)
	})...)
	if why := r.Report.Label.Why; !strings.Contains(why, "it is the first field") || strings.Contains(why, "last field") {
		t.Errorf("label %s, %s", r.Label, why)
	}
}
