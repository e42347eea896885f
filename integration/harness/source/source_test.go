package source

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestRead(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"root.go":              "package millrace\n\nimport \"fmt\"\n\nvar _ = fmt.Sprint\n",
		"a/a.go":               "package a\n\nimport (\n\tred \"github.com/redis/go-redis/v9\"\n\t\"millrace/b\"\n)\n",
		"a/a_test.go":          "package a\n\nimport \"millrace/c\"\n",
		"b/b_linux.go":         "//go:build linux\n\npackage b\n\nimport \"github.com/segmentio/kafka-go\"\n",
		"b/testdata/broken.go": "not Go",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := Read(root)
	if err != nil {
		t.Fatal(err)
	}
	graph := tree.ImportGraph()
	want := map[string][]string{
		"millrace":   {"fmt"},
		"millrace/a": {"github.com/redis/go-redis/v9", "millrace/b"},
		"millrace/b": {"github.com/segmentio/kafka-go"},
	}
	for pkg, imports := range want {
		if !slices.Equal(graph[pkg], imports) {
			t.Errorf("%s imports %v, want %v", pkg, graph[pkg], imports)
		}
	}
	if chain := Chain(graph, "millrace/a", "github.com/segmentio/kafka-go"); len(chain) != 3 || chain[1] != "millrace/b" {
		t.Errorf("chain %v, want it through millrace/b", chain)
	}
	if chain := Chain(graph, "millrace/b", "millrace/a"); chain != nil {
		t.Errorf("chain %v, want none", chain)
	}
}

func TestDefaultName(t *testing.T) {
	for imported, want := range map[string]string{
		"time":                                     "time",
		"math/rand/v2":                             "rand",
		"github.com/redis/go-redis/v9":             "redis",
		"github.com/segmentio/kafka-go":            "kafka",
		"github.com/twmb/franz-go/pkg/kfake":       "kfake",
		"github.com/santhosh-tekuri/jsonschema/v6": "jsonschema",
	} {
		if got := defaultName(imported); got != want {
			t.Errorf("defaultName(%q) = %q, want %q", imported, got, want)
		}
	}
}
