package infer_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"millrace/config/infer"
)

// TestCodes: digits that name or count something are categories or left out, and what is an amount, a time or a count
// of something stays a number. Each is a column of 400 rows beside another feature.
func TestCodes(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	within := func(low, high int) func(int) string {
		return func(int) string { return fmt.Sprint(low + random.IntN(high-low)) }
	}
	total := 0
	order := random.Perm(400)
	for _, c := range []struct {
		name  string
		value func(i int) string
		want  string // type of the feature, or left out
		said  string
	}{
		{"zip", within(10000, 10060), "category", "named as a code"}, {"PLZ", within(1067, 99998), "left out", "named as a code, and nearly every"},
		{"postcode", within(1000, 1040), "category", "named as a code"}, {"zip_code", func(i int) string { return fmt.Sprintf(`"%05d"`, 900+i%200*50) }, "category", "zeros in front"},
		{"where", func(i int) string { return fmt.Sprintf(`"%05d"`, 900+i%40*50) }, "category", "zeros in front"},
		{"where", func(i int) string { // as CSV files have them: those without a zero in front are numbers
			if i%12 == 0 {
				return fmt.Sprintf(`"0%d"`, 1000+i%60)
			}
			return fmt.Sprint(20000 + i%60)
		}, "category", "zeros in front"},
		{"account", func(i int) string { return fmt.Sprintf(`"00%d"`, 4_711_000+i*i) }, "left out", "zeros in front, and nearly every value"},
		{"account_no", func(int) string { return fmt.Sprint(10_000_000 + random.IntN(90_000_000)) }, "left out", "named as a code"},
		{"phone", func(int) string { return fmt.Sprint(2_000_000_000 + random.IntN(7_000_000_000)) }, "left out", "named as a code"},
		{"caller", func(int) string { return fmt.Sprint(2_000_000_000 + random.IntN(7_000_000_000)) }, "left out", "numbers of 10 digits"},
		{"caller", func(i int) string { return fmt.Sprintf(`"+49 30 %07d"`, i*i*31%9_999_999) }, "left out", "telephone"},
		{"caller", func(i int) string { return fmt.Sprintf(`"(030) 12-34-%03d"`, i%50) }, "category", "telephone"},
		{"paid_with", func(i int) string { return fmt.Sprintf(`"4111 1111 %04d %04d"`, i, i*7) }, "left out", "telephone, card or account"},
		{"ean", within(4_000_000_000_000, 4_000_000_000_020), "category", "named as a code"},
		{"device", func(i int) string { return fmt.Sprint(350_000_000_000_000 + i%20*7_777_777_777) }, "category", "numbers of 15 digits"},
		{"hash", func(int) string { return fmt.Sprint(uint64(1e19) + random.Uint64()%8e18) }, "left out", "numbers of 20 digits"},
		{"card_id", within(1, 40), "category", "named as an id"}, {"user_id", func(i int) string { return fmt.Sprint(100_000 + i%380*977) }, "left out", "named as an id, and nearly every"},
		{"card_id", func(i int) string { return fmt.Sprintf("%d.0", 29_872_499_824_296+i%20) }, "category", "named as an id"},
		{"userid", within(1, 300), "category", "named as an id"}, {"store_nbr", within(1, 54), "category", "named as a code"},
		{"paid", within(1, 300), "number", ""}, {"grid", within(1, 300), "number", ""}, {"user_id", func(i int) string { return fmt.Sprintf("%d.25", i%30) }, "number", ""},
		{"error_code", within(100, 130), "category", "named as a code"}, {"order_number", within(100_000, 999_999), "left out", "named as a code"},
		{"Kundennummer", within(1000, 1050), "category", "named as a code"},

		{"row", func(i int) string { return fmt.Sprint(i) }, "left out", "counts the rows, 0 to 399"},
		{"Unnamed: 0", func(i int) string { return fmt.Sprint(i + 1) }, "left out", "counts the rows, 1 to 400"},
		{"left", func(i int) string { return fmt.Sprint(400 - i) }, "left out", "counts the rows, 1 to 400"},
		{"number", func(i int) string { return fmt.Sprintf(`"%d"`, i) }, "left out", "counts the rows"},
		{"seq", func(i int) string { return fmt.Sprint(5000 + i*3 + i%3) }, "left out", "rises with the rows, 5000 to"},
		{"n", func(i int) string { return fmt.Sprint(order[i]) }, "left out", "numbers the rows in another order, 0 to 399"},

		{"year", func(i int) string { return fmt.Sprint(1600 + i) }, "number", ""}, {"ordinal_date", func(i int) string { return fmt.Sprint(736_000 + i) }, "number", ""},
		{"age", within(18, 99), "number", ""}, {"hour", func(i int) string { return fmt.Sprint(i % 24) }, "number", ""},
		{"minute_of_day", func(i int) string { return fmt.Sprint(i) }, "number", ""}, {"slot", func(i int) string { return fmt.Sprint(i % 200) }, "number", ""},
		{"amount_cents", within(100, 10_000_000), "number", ""}, {"amount", within(1_000_000_000, 9_000_000_000), "number", ""},
		{"odometer", func(int) string { total += 1 + random.IntN(90); return fmt.Sprint(total) }, "number", ""},
		{"bytes_sent", within(1_000_000_000, 9_000_000_000), "number", ""}, {"clicks", within(0, 5000), "number", ""},
		{"reads", func(int) string { return fmt.Sprint(int(1e3 * random.ExpFloat64() * 1e7)) }, "number", ""},
		{"changed", func(i int) string { return fmt.Sprint(1_700_000_000 + i) }, "number", ""},
		{"changed", func(i int) string { return fmt.Sprint(1_700_000_000_123 + i*60_000) }, "number", ""},
		{"account_age", within(1, 5000), "number", ""}, {"num_accounts", within(0, 9), "number", ""}, {"card_balance", within(0, 90_000), "number", ""},
		{"education_num", within(1, 16), "number", ""}, {"mobile", within(0, 2), "number", ""}, {"card", func(i int) string { return fmt.Sprint(i%2 == 0) }, "boolean", ""},
		{"code", func(int) string { return fmt.Sprintf("%.3f", random.Float64()) }, "number", ""},
		{"temperature", func(i int) string { return fmt.Sprint(i%40 - 20) }, "number", ""},
		{"price", func(int) string { return fmt.Sprintf("%d.%02d", random.IntN(1000), random.IntN(100)) }, "number", ""},
	} {
		r := run(t, infer.Options{}, repeat(400, func(i int) string {
			return fmt.Sprintf(`{"a":%d.5,%q:%s,"y":%d}`, i%7, c.name, c.value(i), i%2)
		})...)
		got, said := "left out", ""
		for _, f := range r.Report.Features {
			if f.Name == c.name {
				got, said = f.Kind, strings.Join(f.Guessed, "; ")
			}
		}
		for _, l := range r.Report.LeftOut {
			if strings.Contains(l.Field, strings.ReplaceAll(c.name, ".", `\.`)) {
				said = l.Why
			}
		}
		if got != c.want || !strings.Contains(said, c.said) {
			t.Errorf("%s of %s: %s, %q; want %s, %q", c.name, c.value(7), got, said, c.want, c.said)
		}
	}
}

// TestRowNumbersAlone: what counts the rows is a feature where there is no other.
func TestRowNumbersAlone(t *testing.T) {
	texts := repeat(200, func(i int) string { return fmt.Sprintf(`{"x":%d,"y":%d.5}`, i, i*i) })
	r := run(t, infer.Options{}, texts...)
	if types(r) != "x:number" || !strings.Contains(string(r.YAML), "counts the rows, 0 to 199; a feature as there is no other") || len(r.Report.LeftOut) != 0 {
		t.Errorf("%s", r.YAML)
	}
	decodes(t, accept(t, r), texts)
}

// TestLeftOutMayBeTheID: what no two events share is offered as their id where they have none, and a backslash of a
// path is explained.
func TestLeftOutMayBeTheID(t *testing.T) {
	for id, offered := range map[string]bool{"": true, `"id":"e%d",`: false} {
		r := run(t, infer.Options{Label: "y"}, repeat(400, func(i int) string {
			first := id
			if id != "" {
				first = fmt.Sprintf(id, i)
			}
			return fmt.Sprintf(`{%s"Rechnungs-Nr.":"RG-%dx","a":%d,"y":%d}`, first, i*i, i%7, i%2)
		})...)
		if len(r.Report.LeftOut) != 1 {
			t.Fatalf("left out: %v", r.Report.LeftOut)
		}
		why := r.Report.LeftOut[0].Why
		if strings.Contains(why, `write events: {id: "Rechnungs-Nr\\."}`) != offered || !strings.Contains(why, `(\. is a dot of the name, in paths)`) {
			t.Errorf("id %q: %s", r.ID, why)
		}
	}
}
