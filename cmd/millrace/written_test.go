package main

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestFormsByName: predict --out NAME.csv writes a table with the scores that the lines have, and why a row has none,
// and evaluate --predictions NAME.jsonl the lines that the table has.
func TestFormsByName(t *testing.T) {
	inFolder(t, map[string]string{"my.yaml": strings.Replace(shortPipeline, "short.events", "short.events, id: id", 1),
		"train.csv": "id,a,y\n" + strings.Repeat("x,1,p\nx,-1,n\n", 50), "new.csv": "id,a\ne-1,1\ne-2,many\n\"e,3\",-1\n"})
	ok(t, "train", "-c", "my.yaml", "--out", "my.millrace", "train.csv")
	args := []string{"predict", "-c", "my.yaml", "--snapshot", "my.millrace", "new.csv", "--out"}
	ok(t, append(args, "scores.jsonl")...)
	ok(t, append(args, "scores.csv")...)
	rows := readTable(t, "scores.csv")
	var lines []scoreLine
	for line := range strings.Lines(readText(t, "scores.jsonl")) {
		var l scoreLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	if len(rows) != 4 || len(lines) != 3 || strings.Join(rows[0], " ") != "row id version score class p_n p_p reason detail" {
		t.Fatalf("%d rows and %d lines: %q", len(rows), len(lines), rows)
	}
	for i, l := range lines {
		row := rows[i+1]
		if row[0] != strconv.Itoa(i+1) || row[3] != l.Score.String() || row[6] != l.Probabilities["p"].String() || row[7] != string(l.Reason) {
			t.Errorf("row %q of line %+v", row, l)
		}
	}
	if rows[2][3] != "" || rows[2][7] != "wrong_type" || rows[3][1] != "e,3" || rows[1][4] != "p" {
		t.Errorf("%q", rows)
	}

	ok(t, "evaluate", "-c", "my.yaml", "train.csv", "--predictions", "p.csv")
	ok(t, "evaluate", "-c", "my.yaml", "train.csv", "--predictions", "p.jsonl")
	table, n := readTable(t, "p.csv"), 0
	for line := range strings.Lines(readText(t, "p.jsonl")) {
		var l struct {
			Row   int
			ID    string
			Time  *string
			P     float64 `json:"p_p"`
			Label string
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		n++
		want := []string{strconv.Itoa(l.Row), l.ID, "", strconv.FormatFloat(l.P, 'g', -1, 64), l.Label}
		if got := append(slices.Clone(table[n][:3]), table[n][4:]...); !slices.Equal(got, want) || l.Time != nil {
			t.Fatalf("%s beside %q", line, table[n])
		}
	}
	if n != 100 || len(table) != 101 {
		t.Errorf("%d lines and %d rows", n, len(table))
	}
}

func readText(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func readTable(t *testing.T, file string) [][]string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(readText(t, file))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}
