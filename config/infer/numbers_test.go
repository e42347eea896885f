package infer_test

import (
	"fmt"
	"strings"
	"testing"

	"millrace/config/infer"
)

// us and eu write a number with two decimals and marks between thousands.
func us(cents int) string {
	whole := fmt.Sprintf("%d", cents/100)
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return fmt.Sprintf("%s.%02d", whole, cents%100)
}

func eu(cents int) string { return strings.NewReplacer(",", ".", ".", ",").Replace(us(cents)) }

// quote writes a table's cell as JSON: a number where it is one.
func quote(cell string) string {
	if strings.Trim(cell, "0123456789.") == "" && strings.Count(cell, ".") < 2 && !strings.HasPrefix(cell, ".") {
		return cell
	}
	return fmt.Sprintf("%q", cell)
}

// TestNumberFormats: a column's format is what reads most of its values, and what it does not say the others do.
func TestNumberFormats(t *testing.T) {
	for _, c := range []struct {
		name         string
		a, b         func(i int) string
		formA, formB string
		say          []string
	}{
		{"us", func(i int) string { return us(i * 977) }, func(i int) string { return fmt.Sprint(i % 700) }, "us", "",
			[]string{`us numbers, as "1,006.31"`}},
		{"eu", func(i int) string { return eu(i * 977) }, func(i int) string { return fmt.Sprint(i % 700) }, "eu", "",
			[]string{`eu numbers, as "9,77"`}},
		{"money", func(i int) string { return "$ " + us(i*977) }, func(i int) string { return eu(i*31) + " %" }, "us", "eu",
			[]string{"currencies are passed over", "12.5 % counts as 12.5"}},
		{"only thousands, beside eu", func(i int) string { return fmt.Sprintf("%d.%03d", i%9+1, i*7%1000) }, eu, "eu", "eu",
			[]string{"as those of other fields are: 1.234 is a thousand and more"}},
		{"only thousands, alone", func(i int) string { return fmt.Sprintf("%d.%03d", i%9+1, i*7%1000) }, func(i int) string { return fmt.Sprint(i % 700) }, "", "", nil},
		{"only thousands, beside points", func(i int) string { return fmt.Sprintf("%d,%03d", i%9+1, i*7%1000) }, func(i int) string { return fmt.Sprintf("%d.5", i) }, "us", "", nil},
		{"comma and three digits, beside eu", func(i int) string { return fmt.Sprintf("%d,%03d", i%9+1, i*7%1000) }, eu, "eu", "eu", nil},
	} {
		r := run(t, infer.Options{Label: "y", Cells: true}, repeat(1000, func(i int) string {
			return fmt.Sprintf(`{"a":%s,"b":%s,"y":"k%d"}`, quote(c.a(i+1)), quote(c.b(i+1)), i%2)
		})...)
		accept(t, r)
		a, b := column(t, r, "a"), column(t, r, "b")
		if a.Type != "number" || b.Type != "number" || a.Format != c.formA || b.Format != c.formB {
			t.Errorf("%s: a is a %s of format %q, b a %s of format %q:\n%s", c.name, a.Type, a.Format, b.Type, b.Format, r.YAML)
		}
		for _, say := range c.say {
			if !strings.Contains(string(r.YAML), say) {
				t.Errorf("%s: the file does not say %q:\n%s", c.name, say, r.YAML)
			}
		}
	}
}

// TestNumberLabel: a label in a format is a number, whose range is that of what it means.
func TestNumberLabel(t *testing.T) {
	r := run(t, infer.Options{Label: "y", ScanAll: true, RowsMax: 500, Cells: true}, repeat(1000, func(i int) string {
		return fmt.Sprintf(`{"a":%d,"y":%q}`, i, eu(i*1000))
	})...)
	accept(t, r)
	if want := "label: {path: \"y\", format: eu, type: number}    # 0 to 9990"; !strings.Contains(string(r.YAML), want) {
		t.Errorf("the file does not say %q:\n%s", want, r.YAML)
	}
}

// TestNumberStrays: what does not read is counted and shown; where it is much, the column is a category.
func TestNumberStrays(t *testing.T) {
	strays := func(every int) []string {
		return repeat(1000, func(i int) string {
			cell := us(i * 977)
			if i%every == 0 {
				cell = fmt.Sprintf("abc%d", i%3)
			}
			return fmt.Sprintf(`{"a":%q,"y":"k%d"}`, cell, i%2)
		})
	}
	r := run(t, infer.Options{Cells: true}, strays(50)...)
	if want := `20 of 1,000 values do not read as numbers, as "abc0": such events are rejected`; !strings.Contains(string(r.YAML), want) {
		t.Errorf("the file does not say %q:\n%s", want, r.YAML)
	}
	if c := column(t, r, "a"); c.Type != "number" || c.Format != "us" {
		t.Errorf("a is %+v", c)
	}
	r, err := infer.FromSource(t.Context(), events(append(strays(2), `{"b":1,"y":"k1"}`)...), infer.Options{Cells: true})
	if err != nil || strings.Contains(string(r.YAML), "format: us") {
		t.Errorf("half of the values are no numbers: %v\n%s", err, r.YAML)
	}
}

// TestTwoFormats: a column written in two ways is read as most of it is, and the rest is counted with its rows, and so
// is what may be either; by halves it is none.
func TestTwoFormats(t *testing.T) {
	mixed := func(usFrom int) []string {
		return repeat(1000, func(i int) string {
			cell := eu(100000 + i*977)
			if i >= usFrom {
				cell = us(100000 + i*977)
			}
			if i%100 == 0 {
				cell = "1,234"
			}
			return fmt.Sprintf(`{"a":%s,"b":%d,"y":"k%d"}`, quote(cell), i%40, i%2)
		})
	}
	r := run(t, infer.Options{Cells: true, Label: "y"}, mixed(900)...)
	if want := "99 of 1,000 values do not read as eu numbers: such events are rejected; it is written in two ways, 99 only as us, as " +
		`"9,802.77" (events 902 to 1,000), 891 only as eu, as "1.009,77" (events 2 to 900), 10 as either, which count as eu`; !strings.Contains(string(r.YAML), want) {
		t.Errorf("the file does not say %q:\n%s", want, r.YAML)
	}
	r = run(t, infer.Options{Cells: true, Label: "y"}, mixed(500)...)
	if want := `495 only as us, as "5,894.77" (events 502 to 1,000), 495 only as eu, as "1.009,77" (events 2 to 500), 10 as either`; !strings.Contains(warned(r, infer.WarnUnread), want) || types(r) != "b:number" {
		t.Errorf("features %s, want %q said:\n%s", types(r), want, warned(r, infer.WarnUnread))
	}
}

// TestNumbersInQuotes: JSON texts that are numbers are, unless they are few or of one length, as codes are.
func TestNumbersInQuotes(t *testing.T) {
	r := run(t, infer.Options{}, repeat(1000, func(i int) string {
		return fmt.Sprintf(`{"price":"%d.%d","n":"%d","shop":"%d","zip":"%05d","code":"00%d","y":"k%d"}`, i, i%10, i*7919%500, i%4, 10000+i*77%500, i%300, i%2)
	})...)
	accept(t, r)
	if got, want := types(r), "price:number n:number shop:category zip:category code:category"; got != want {
		t.Errorf("got %s, want %s\n%s", got, want, r.YAML)
	}
}

// TestGapWords: words for nothing are found among numbers in a format, booleans and times, and written down; among
// categories they are values.
func TestGapWords(t *testing.T) {
	r := run(t, infer.Options{Cells: true}, repeat(1000, func(i int) string {
		n, b, at, c := fmt.Sprintf("%q", us(i*977)), []string{"true", "false"}[i%2], fmt.Sprintf(`"2024-%02d-%02d 10:00:00"`, i%12+1, i%28+1), "red"
		if i%20 == 3 {
			n, b, at, c = `"-"`, `"\\N"`, `"None"`, "none"
		}
		return fmt.Sprintf(`{"n":%s,"b":%s,"at":%s,"c":%q,"y":"k%d"}`, n, b, at, c, i%2)
	})...)
	p := accept(t, r)
	for i, want := range []string{"[-]", `[\N]`, "[None]", "[]"} {
		if i == 2 { // the events' own time
			continue
		}
		c := p.Features[min(i, len(p.Features)-1)]
		if got := fmt.Sprint(c.Gaps); got != want {
			t.Errorf("%s has the words %s, want %s:\n%s", c.Name, got, want, r.YAML)
		}
	}
}
