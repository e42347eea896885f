package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"millrace/store"
)

// completed are the words that a shell is offered for a command line whose last word is begun, with what they are.
func completed(t *testing.T, args ...string) []string {
	t.Helper()
	lines := strings.Split(ok(t, append([]string{"__complete"}, args...)...), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ":") { // how the shell is to go on
			return lines[:i]
		}
	}
	t.Fatalf("no directive: %q", lines)
	return nil
}

// TestCompletionScripts: there is one for each shell, which bash can read, and the verb is in help.
func TestCompletionScripts(t *testing.T) {
	if help := ok(t, "--help"); !strings.Contains(help, "\n  completion ") {
		t.Errorf("help: %s", help)
	}
	for _, shell := range shells {
		for _, more := range [][]string{nil, {"--no-descriptions"}} {
			if out := ok(t, append([]string{"completion", shell}, more...)...); !strings.Contains(out, "__complete") {
				t.Errorf("%s %v: %.200s", shell, more, out)
			}
		}
	}
	if bash, err := exec.LookPath("bash"); err == nil {
		script := exec.CommandContext(t.Context(), bash, "-n")
		script.Stdin = strings.NewReader(ok(t, "completion", "bash"))
		if text, err := script.CombinedOutput(); err != nil {
			t.Errorf("bash does not read its script: %v, %s", err, text)
		}
	}
	for _, c := range [][2]string{{"fihs", "did you mean fish?"}, {"", "bash, zsh, fish"}} {
		args := append([]string{"completion"}, strings.Fields(c[0])...)
		if code, _, errOut := verb(t, args...); code != exitUsage || !strings.Contains(errOut, c[1]) {
			t.Errorf("completion %s: %d, %s", c[0], code, errOut)
		}
	}
}

// TestCompletesPipelineFiles: by what is in them, with the name of their pipeline, for -c and for arguments; other
// words where flags have some.
func TestCompletesPipelineFiles(t *testing.T) {
	inFolder(t, map[string]string{"my.yaml": shortPipeline, "compose.yaml": "services: {}\n", "data.csv": shortRows(2)})
	if err := os.Mkdir("more", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("more", "other.yml"), []byte(shortPipeline), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"check ":              "my.yaml\tshort",
		"run -c ":             "my.yaml\tshort",
		"run --challenger m":  "my.yaml\tshort",
		"evaluate -c more/":   "more/other.yml\tshort",
		"snapshots show ":     "", // of my.yaml, whose store is not there
		"snapshots rollback ": "my.yaml\tshort",
		"status --output ":    "text json",
		"produce --generate ": "payments",
		"completion f":        "fish",
		"compl":               "completion\tPrint a script that lets a shell complete verbs, flags, pipeline files and versions",
		"version ":            "",
	} {
		args := strings.Split(line, " ")
		if got := strings.Join(completed(t, args...), " "); got != want {
			t.Errorf("%q is completed to %q, want %q", line, got, want)
		}
	}
}

// TestCompletesVersions: from the store, with what they are; nothing, and no word of it, where the store is away.
func TestCompletesVersions(t *testing.T) {
	r := newRig(t)
	file, rival := r.file("loop", "distance_km"), r.file("rival", "attempts_last_hour")
	r.produce(file, 300)
	r.learn(file, learned(300), rival)
	head := decoded[[]store.Version](t, "snapshots", "list", "-c", file)[0]
	want := fmt.Sprintf("%d\t%s, 300 events learned, head, served", head.Seq, head.At.Local().Format("2006-01-02 15:04:05"))
	redis := "redis://" + r.redis + "/0"
	for _, args := range [][]string{{"show", "-c", file, ""}, {"show", file, ""}, {"rollback", "-c", file, ""}, {"rollback", "-c", file, "--redis", redis, ""}} {
		if got := completed(t, append([]string{"snapshots"}, args...)...); len(got) == 0 || got[0] != want {
			t.Errorf("%v is completed to %q, want %q first", args, got, want)
		}
	}
	if got := completed(t, "snapshots", "rollback", "-c", file, "1", ""); len(got) != 0 {
		t.Errorf("a second version is offered: %q", got)
	}
	if got := strings.Join(completed(t, "snapshots", "promote", "-c", file, ""), " "); got != "rival" {
		t.Errorf("challengers: %q", got)
	}
	if got := completed(t, "snapshots", "promote", "-c", file, "rival", ""); len(got) == 0 || !strings.Contains(got[0], "events learned") {
		t.Errorf("versions of the challenger: %q", got)
	}
	if got := strings.Join(completed(t, "init", "--redis", redis, "--from-snapshot", ""), " "); got != "loop rival" {
		t.Errorf("models: %q", got)
	}
	if code, out, errOut := verb(t, "__complete", "snapshots", "rollback", "-c", file, "--redis", "redis://127.0.0.1:1/0", ""); code != exitDone ||
		!strings.HasPrefix(out, ":") || strings.Contains(errOut, "127.0.0.1:1") {
		t.Errorf("without the store: %d, %q, %q", code, out, errOut)
	}
}
