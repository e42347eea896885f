package infer_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"millrace/config/infer"
	"millrace/features"
)

// found is what the report says of a feature.
func found(t testing.TB, r *infer.Result, name string) infer.FeatureReport {
	t.Helper()
	for _, f := range r.Report.Features {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("the report has no feature %q: %+v", name, r.Report.Features)
	return infer.FeatureReport{}
}

// TestManyDifferentValues: a category of more values than are kept is one all the same, and about how many they are is
// known; a text of which nearly every one is another one is none, and neither is an id.
func TestManyDifferentValues(t *testing.T) {
	const rows, users = 120_000, 30_000
	r := run(t, infer.Options{RowsMax: rows}, repeat(rows, func(i int) string {
		return fmt.Sprintf(`{"user":"u%d","note":"n%d","row_id":"r%d","x":%d,"y":%d}`, i*7919%users, i, i, i*1000, i%2)
	})...)
	if got := types(r); got != "user:category x:number" || r.ID != "row_id" {
		t.Errorf("features %s, id %q", got, r.ID)
	}
	if c := column(t, r, "user"); c.Encode != "hash" || c.Bits < 15 {
		t.Errorf("%d users: %+v", users, c)
	}
	for name, want := range map[string]float64{"user": users, "x": rows} {
		if f := found(t, r, name); !f.DistinctAbout || math.Abs(float64(f.Distinct)-want) > 0.06*want {
			t.Errorf("%s: about %d different values (an estimate: %t), want %.0f", name, f.Distinct, f.DistinctAbout, want)
		}
	}
}

// TestFieldsThatBeginLate: a field that comes up after the first rows is a feature like others, and where it begins or
// ends is said.
func TestFieldsThatBeginLate(t *testing.T) {
	const rows = 12_000
	texts := repeat(rows, func(i int) string {
		late, early := "", ""
		if i >= 11_000 {
			late = fmt.Sprintf(`"late":%d,`, i%9)
		}
		if i < 4000 {
			early = fmt.Sprintf(`"early":%d,`, i%9)
		}
		return fmt.Sprintf(`{"a":%d,%s%s"y":%d}`, i%50, late, early, i%2)
	})
	looked := 0
	r := run(t, infer.Options{Enough: func() bool { looked++; return false }}, texts...)
	if r.Rows != rows || r.Report.More || looked == 0 {
		t.Errorf("%d rows, more: %t, asked %d times", r.Rows, r.Report.More, looked)
	}
	if f := found(t, r, "late"); f.FirstRow != 11_001 || f.LastRow != 0 || math.Abs(f.Missing-11.0/12) > 1e-9 {
		t.Errorf("late: %+v", f)
	}
	if f := found(t, r, "early"); f.FirstRow != 0 || f.LastRow != 4000 {
		t.Errorf("early: %+v", f)
	}
	if f := found(t, r, "a"); f.FirstRow != 0 || f.LastRow != 0 {
		t.Errorf("a: %+v", f)
	}
	said := 0
	for _, w := range r.Report.Warnings {
		if w.Kind == infer.WarnPartly && (w.Field == "late" || w.Field == "early") {
			said++
		}
	}
	if said != 2 {
		t.Errorf("warnings %+v, want one for each that is there partly", r.Report.Warnings)
	}
	if r := run(t, infer.Options{}, texts...); strings.Contains(types(r), "late") || !r.Report.More {
		t.Errorf("10,000 rows have %s, more: %t", types(r), r.Report.More)
	}
}

// TestTooManyLateFields: fields that come up late and are too many are passed over, and said; those of the first rows
// are an error.
func TestTooManyLateFields(t *testing.T) {
	const early = 10_000
	texts := repeat(early+3, func(i int) string {
		if i < early {
			return fmt.Sprintf(`{"a":%d,"y":%d}`, i, i%2)
		}
		var b strings.Builder
		fmt.Fprintf(&b, `{"a":1`)
		for k := range 5000 {
			fmt.Fprintf(&b, `,"k%d_%d":1`, i, k)
		}
		return b.String() + `,"y":0}`
	})
	_, err := infer.FromSource(context.Background(), events(texts[early:]...), infer.Options{RowsMax: early})
	if err == nil || !strings.Contains(err.Error(), "more than 10000 different fields") {
		t.Errorf("too many at once: %v", err)
	}
	r, err := infer.FromSource(context.Background(), events(texts...), infer.Options{RowsMax: len(texts)})
	if err != nil || len(r.Features) > features.ColumnsMax {
		t.Fatalf("%v", err)
	}
	if last := r.Report.LeftOut[len(r.Report.LeftOut)-1]; last.Field != "other fields" || !strings.Contains(last.Why, "of theirs were passed over") {
		t.Errorf("what was passed over is not said: %+v", last)
	}
}
