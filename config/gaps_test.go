package config_test

import (
	"reflect"
	"strings"
	"testing"

	"millrace/config"
)

// TestMissingLongForm: a feature says which words are no value beside what becomes of them; the short form means what
// it meant, a version's spec too, and what was learned with words is written back as a file with them.
func TestMissingLongForm(t *testing.T) {
	parse := func(missing string) (*config.Pipeline, error) {
		return config.Parse("p.yaml", []byte("name: p\nevents: {topic: e}\nfeatures: {a: {type: number"+missing+
			"}}\nlabel: {path: \"y\", classes: [n, p]}\nmodel: logistic\n"), nil)
	}
	for _, c := range []struct {
		missing, as string
		gaps        []string
		spec        string
	}{
		{"", "zero", nil, `"missing":"zero"`},
		{", missing: mean", "mean", nil, `"missing":"mean"`},
		{", missing: {as: mean}", "mean", nil, `"missing":"mean"`},
		{`, missing: {values: ["-", \N]}`, "zero", []string{"-", `\N`}, `"missing":{"as":"zero","values":["-","\\N"]}`},
		{", missing: {as: indicator, values: [n/a, -999]}", "indicator", []string{"n/a", "-999"}, `"missing":{"as":"indicator","values":["n/a","-999"]}`},
	} {
		p, err := parse(c.missing)
		if err != nil {
			t.Errorf("%s: %v", c.missing, err)
			continue
		}
		if p.Features[0].Missing != c.as || !reflect.DeepEqual(p.Features[0].Gaps, c.gaps) {
			t.Errorf("%s: %+v", c.missing, p.Features[0])
		}
		spec, schema, _ := p.CanonicalSpec()
		if !strings.Contains(string(spec), c.spec) {
			t.Errorf("%s: the spec does not hold %s: %s", c.missing, c.spec, spec)
		}
		file, differences, err := config.FromSpec(spec, config.FileOptions{Name: "p"})
		if err != nil || len(differences) > 0 {
			t.Errorf("%s: %v %v\n%s", c.missing, err, differences, file)
		}
		other, err := parse(", missing: {as: mean, values: [other]}")
		if err != nil {
			t.Fatal(err)
		}
		if _, hash, _ := other.CanonicalSpec(); hash == schema {
			t.Errorf("%s: other words have the same hash", c.missing)
		}
	}
	for missing, want := range map[string]string{
		", missing: {policy: mean}":   "unknown field; features.a.missing has as and values",
		", missing: {as: median}":     "write zero, mean, indicator or reject",
		", missing: {values: 1}":      "write a list",
		", missing.values: [a]":       "unknown field",
		", missing: [mean]":           "write zero, mean, indicator or reject",
		", missing: {as: {as: mean}}": "write zero, mean, indicator or reject",
	} {
		if _, err := parse(missing); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", missing, err, want)
		}
	}
}
