package offline

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"millrace/config"
	"millrace/config/infer"
)

// inferredFrom writes rows as JSON lines, and infers their pipeline.
func inferredFrom(t *testing.T, rows int, row func(i int) string) (*config.Pipeline, Data) {
	t.Helper()
	var b strings.Builder
	for i := range rows {
		b.WriteString(row(i) + "\n")
	}
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	data := Data{Events: path}
	_, p, err := Inferred(context.Background(), data, infer.Options{Label: "y", Model: "logistic", ScanAll: true})
	if err != nil {
		var number error
		if _, p, number = Inferred(context.Background(), data, infer.Options{Label: "y", Model: "linear"}); number != nil {
			t.Fatal(err, number)
		}
	}
	return p, data
}

// TestTry: no more rows than a trial has are learned, and whether the model is better than its baselines is said.
func TestTry(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	row := func(signal float64) func(int) string {
		return func(int) string {
			a := r.NormFloat64()
			return fmt.Sprintf(`{"a":%.3f,"y":"%t"}`, a, signal*a+r.NormFloat64() > 0)
		}
	}
	p, data := inferredFrom(t, TrialRows+500, row(3))
	trial, err := Try(context.Background(), p, data)
	if err != nil || trial.Stopped == "" && trial.Events != TrialRows || !trial.Better || *trial.Accuracy < 0.8 {
		t.Errorf("%+v, %v", trial, err)
	}
	p, data = inferredFrom(t, 3000, row(0))
	if trial, err = Try(context.Background(), p, data); err != nil || trial.Better {
		t.Errorf("noise: %+v, %v", trial, err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	p, data = inferredFrom(t, TrialRows, row(3))
	trial, err = Try(ended, p, data)
	if err != nil || trial.Stopped != "interrupted" || trial.Learned == 0 || trial.Events > TrialRows/2 {
		t.Errorf("interrupted: %+v, %v", trial, err)
	}
	if p, data = inferredFrom(t, 10, row(3)); os.WriteFile(data.Events, []byte(`{"a":"x","y":"true"}`), 0o600) != nil {
		t.Fatal("writing")
	}
	if _, err = Try(context.Background(), p, data); err == nil || !strings.Contains(TrialFault(err), "no row can be learned") {
		t.Errorf("nothing to learn: %v", err)
	}
}

// TestLeaks: a feature that is the label in other words is found, whatever the words are; one that only helps is none.
func TestLeaks(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for _, c := range []struct {
		name string
		row  func(i int) string
		want string
	}{
		{"a copy in other words", func(i int) string {
			return fmt.Sprintf(`{"a":%d,"status":"%s","y":"%s"}`, i%7, []string{"closed", "open", "new"}[i%3], []string{"yes", "no", "no"}[i%3])
		}, "status"},
		{"a score", func(int) string {
			score := r.Float64()
			return fmt.Sprintf(`{"a":%.3f,"score":%.4f,"y":"%t"}`, r.Float64(), score, score > 0.97)
		}, "score"},
		{"there only when it is known", func(i int) string {
			back := ""
			if i%20 == 0 {
				back = fmt.Sprintf(`"paid_back":%.2f,`, r.Float64())
			}
			return fmt.Sprintf(`{"a":%.3f,%s"y":"%t"}`, r.Float64(), back, i%20 == 0)
		}, "paid_back"},
		{"a number in another unit", func(int) string {
			price := 1000 * r.Float64()
			return fmt.Sprintf(`{"a":%.3f,"with_tax":%.2f,"y":%.3f}`, r.Float64(), price*1.25, price)
		}, "with_tax"},
		{"a help", func(int) string {
			a := r.NormFloat64()
			return fmt.Sprintf(`{"a":%.3f,"b":%.3f,"y":"%t"}`, a, r.Float64(), a+0.5*r.NormFloat64() > 0)
		}, ""},
		{"a help for a number", func(int) string {
			a := r.NormFloat64()
			return fmt.Sprintf(`{"a":%.3f,"b":%.3f,"y":%.3f}`, a, r.Float64(), a+0.5*r.NormFloat64())
		}, ""},
		{"hardly another class", func(i int) string {
			return fmt.Sprintf(`{"a":%d,"b":%d,"y":"%t"}`, i%7, i%500, i%500 == 0)
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, data := inferredFrom(t, 4000, c.row)
			leaks, err := Leaks(context.Background(), p, data)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, l := range leaks {
				names = append(names, l.Feature)
				if l.Figure < 0.97 || l.Figure > 1 || math.IsNaN(l.Figure) || l.Rows != 4000 {
					t.Errorf("%+v", l)
				}
			}
			if got := strings.Join(names, " "); got != c.want {
				t.Errorf("leaks %q, want %q", got, c.want)
			}
		})
	}
}
