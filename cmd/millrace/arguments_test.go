package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

const shortPipeline = "name: short\nevents: {topic: short.events}\nfeatures: {a: number}\nlabel: {path: y, classes: [n, p]}\nmodel: logistic\n"

// shortRows are rows that shortPipeline learns.
func shortRows(n int) string {
	return "a,y\n" + strings.Repeat("1,p\n-1,n\n", n/2)
}

// inFolder writes files into a folder of their own and makes it the working one.
func inFolder(t *testing.T, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
}

// TestPipelineFileAsArgument: a pipeline file needs no -c, wherever it stands among the arguments, and no other file is
// taken for one.
func TestPipelineFileAsArgument(t *testing.T) {
	rows := shortRows(40)
	inFolder(t, map[string]string{"my.yaml": shortPipeline, "mine": shortPipeline, "data.csv": rows, "rows.yaml": `{"a":1,"y":"p"}` + "\n" + `{"a":2,"y":"n"}` + "\n",
		"notes.txt": "features of a label\n"})
	for _, args := range [][]string{
		{"check", "my.yaml"}, {"check", "mine"}, {"check", "-c", "my.yaml", "my.yaml"},
		{"evaluate", "my.yaml", "data.csv"}, {"evaluate", "data.csv", "my.yaml"}, {"evaluate", "-c", "my.yaml", "data.csv"},
		{"evaluate", "my.yaml", "rows.yaml"}, {"evaluate", "my.yaml", "--", "rows.yaml"},
		{"compare", "my.yaml", "mine", "data.csv"},
		{"train", "my.yaml", "data.csv", "--out", "a.millrace"},
		{"init", "data.csv", "-q"}, {"evaluate", "data.csv", "--label", "y"},
	} {
		if code, out, errOut := verb(t, args...); code != exitDone || out == "" {
			t.Errorf("millrace %s: %d, %s%s", strings.Join(args, " "), code, out, errOut)
		}
	}
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"check", "my.yaml", "mine"}, "takes one pipeline file, and here are two: my.yaml and mine"},
		{[]string{"check", "-c", "my.yaml", "notes.txt"}, "takes no arguments, got 1 argument;"},
		{[]string{"check", "absent.yaml"}, "absent.yaml"},
		{[]string{"init", "--from", "data.csv", "data.csv"}, "without --from"},
		{[]string{"evaluate", "--", "my.yaml"}, "my.yaml"},
	} {
		if code, _, errOut := verb(t, c.args...); code != exitUsage || !strings.Contains(errOut, c.says) {
			t.Errorf("millrace %s: %d, %s", strings.Join(c.args, " "), code, errOut)
		}
	}
}

// TestPipelineFileOfEnvironment: MILLRACE_CONFIG names the file where nothing else does, and nothing that goes without.
func TestPipelineFileOfEnvironment(t *testing.T) {
	inFolder(t, map[string]string{"my.yaml": shortPipeline, "other.yaml": strings.Replace(shortPipeline, "short", "other", 2), "data.csv": shortRows(40)})
	t.Setenv(configVariable, "my.yaml")
	if out := ok(t, "check"); !strings.Contains(out, "my.yaml: pipeline short") {
		t.Errorf("check: %s", out)
	}
	if out := ok(t, "check", "other.yaml"); !strings.Contains(out, "pipeline other") {
		t.Errorf("an argument beside the variable: %s", out)
	}
	if out := ok(t, "evaluate", "data.csv"); !strings.Contains(out, "short: 40 events") {
		t.Errorf("evaluate: %s", out)
	}
	if out := ok(t, "evaluate", "data.csv", "--label", "y"); !strings.Contains(out, "data: 40 events") {
		t.Errorf("evaluate --label: %s", out)
	}
}

// TestOnlyPipelineOfFolder: what only reads takes the only pipeline file here, and says so; what changes something does
// not.
func TestOnlyPipelineOfFolder(t *testing.T) {
	inFolder(t, map[string]string{"my.yaml": shortPipeline, "compose.yaml": "services: {}\n"})
	code, out, errOut := verb(t, "check")
	if code != exitDone || !strings.Contains(out, "my.yaml: pipeline short") || !strings.Contains(errOut, "the pipeline file is my.yaml, the only one here") {
		t.Errorf("check: %d, %s%s", code, out, errOut)
	}
	for _, args := range [][]string{{"run"}, {"train", "x.csv"}, {"snapshots", "rollback", "1"}, {"snapshots", "repair"}} {
		if code, _, errOut := verb(t, args...); code != exitUsage || !strings.Contains(errOut, "no pipeline file") {
			t.Errorf("millrace %s: %d, %s", strings.Join(args, " "), code, errOut)
		}
	}
	if err := os.WriteFile("more.yml", []byte(shortPipeline), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errOut := verb(t, "snapshots", "ls"); code != exitUsage || !strings.Contains(errOut, "here are several: more.yml, my.yaml") {
		t.Errorf("of two: %d, %s", code, errOut)
	}
}

// TestNearVerbsAndFlags: a slip of the hand is answered with what was meant, a wrong value with what would be right.
func TestNearVerbsAndFlags(t *testing.T) {
	for _, c := range []struct{ args, says string }{
		{"evalute", `unknown verb "evalute": did you mean evaluate?; see millrace --help`},
		{"snapshots lst", `unknown verb "lst": did you mean list?; see millrace snapshots --help`},
		{"help evalute", "did you mean evaluate?"},
		{"zzzzzz", `unknown verb "zzzzzz"; see`},
		{"evaluate --lable y d.csv", "unknown flag --lable: did you mean --label?; see millrace evaluate --help"},
		{"evaluate -config my.yaml", "did you mean --config?"},
		{"evaluate --sedes=3 d.csv", "did you mean --seeds?"},
		{"evaluate --qqqqqq d.csv", "unknown flag --qqqqqq; see"},
		{"evaluate --seeds three d.csv", `--seeds: "three" is no whole number: write one as --seeds 3; see`},
		{"evaluate --seeds 99999999999999999999 d.csv", "--seeds: 99999999999999999999 is too large a number"},
		{"evaluate --seed=-1 d.csv", "--seed: "},
		{"produce --rate fast d.csv", `--rate: "fast" is no number: write one as --rate 2.5`},
		{"produce --events -5 d.csv", `--events: "-5" is no whole number of 0 or more`},
		{"run --fresh=maybe", `--fresh: "maybe" is no switch`},
		{"evaluate d.csv --label", "--label needs a value: write --label VALUE"},
		{"init d.csv --look much", "--look: "},
		{"evaluate --no-header=perhaps d.csv", `--no-header: "perhaps" is neither true nor false`},
		{"evaluate --=3", "is no flag"},
	} {
		code, _, errOut := verb(t, strings.Fields(c.args)...)
		if code != exitUsage || !strings.Contains(errOut, c.says) || strings.Contains(errOut, "strconv") {
			t.Errorf("millrace %s: %d, %s", c.args, code, errOut)
		}
	}
}

// TestShortForms: the short ways to ask are the long ones.
func TestShortForms(t *testing.T) {
	for _, pair := range [][2]string{
		{"--version", "version"}, {"-v", "version"}, {"-v -o json", "version --output json"},
		{"help evaluate", "evaluate --help"}, {"help snapshots ls", "snapshots list --help"}, {"help", "--help"},
	} {
		short, long := ok(t, strings.Fields(pair[0])...), ok(t, strings.Fields(pair[1])...)
		if short != long || short == "" {
			t.Errorf("millrace %s is not millrace %s:\n%s%s", pair[0], pair[1], short, long)
		}
	}
}

// TestEveryVerbTakesItsPipelineFile: none is left out of what all share.
func TestEveryVerbTakesItsPipelineFile(t *testing.T) {
	inFolder(t, map[string]string{"my.yaml": shortPipeline})
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
		if cmd.HasSubCommands() || cmd.Flag(configFlag) == nil || cmd.Args == nil {
			return
		}
		if err := cmd.ParseFlags(nil); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Args(cmd, []string{"my.yaml"}) // it may lack others
		if named := cmd.Flag(configFlag).Value.String(); !strings.Contains(named, "my.yaml") {
			t.Errorf("%s does not take my.yaml as its pipeline file: %q", cmd.CommandPath(), named)
		}
	}
	walk(newRoot(&app{in: os.Stdin, out: new(bytes.Buffer), err: new(bytes.Buffer)}))
}
