package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestWhichLabel: where two fields are as likely to be the label, every verb that guesses it refuses, names both and
// the flag; with it each goes on, and says which class is the positive one.
func TestWhichLabel(t *testing.T) {
	var rows strings.Builder
	rows.WriteString("amount,churn,fraud,visits\n")
	for i := range 200 {
		fmt.Fprintf(&rows, "%d.5,%s,%s,%d\n", i*37%101, []string{"no", "yes", "no"}[i%3], []string{"legit", "fraud", "legit", "legit"}[i%4], i%50)
	}
	data := written(t, "shop.csv", rows.String())
	verbs := map[string][]string{
		"init": {"init", "--from", data}, "evaluate": {"evaluate", "--model", "logistic", data},
		"compare": {"compare", "--models", "logistic,svm", data},
	}
	for name, args := range verbs {
		code, _, errOut := verb(t, args...)
		if want := "which field is the label? As likely are churn (of its name, it has two values) and fraud (of its name, it has two values): " +
			"give --label churn, or another"; code != exitUsage || !strings.Contains(errOut, want) {
			t.Errorf("%s: exit %d, %s", name, code, errOut)
		}
		code, out, errOut := verb(t, append(args, "--label", "fraud")...)
		if code != exitDone {
			t.Errorf("%s --label: exit %d, %s", name, code, errOut)
		}
		if want := map[string]string{"init": "positive: fraud", "evaluate": "positive class fraud: precision"}[name]; !strings.Contains(out, want) {
			t.Errorf("%s --label: no %q in\n%s", name, want, out)
		}
	}
	code, out, errOut := verb(t, "compare", "--models", "logistic,svm", "--label", "fraud", "--output", "json", data)
	if code != exitDone || !strings.Contains(out, `"positive":"fraud"`) {
		t.Errorf("exit %d, %s\n%s", code, out, errOut)
	}
}
