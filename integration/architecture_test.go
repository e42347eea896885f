// Package integration tests the whole system. This file holds the source itself to the rules of docs/ARCHITECTURE.md;
// it runs with the unit tests, because a rule that is checked late is a rule that is argued with.
package integration

import (
	"errors"
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"millrace/integration/harness"
	"millrace/integration/harness/source"
)

const (
	// A function fits a screen.
	functionLinesMax = 70
	// A test may lay out a table or a story in one piece.
	testLinesMax = 120
)

// may lists, for the packages that must not know of the outside world, all that they import beside the standard library
// and their own folder.
var may = []struct {
	pkg     string
	imports []string
	why     string
}{
	{source.Module, nil, "the root is the shared vocabulary: the standard library only"},
	{"millrace/elementary", nil, "logarithms and exponentials know only the standard library's"},
	{"millrace/moments", []string{"millrace"}, "what a column usually is knows only the root"},
	{"millrace/features", []string{"millrace", "millrace/moments", "gonum.org/v1/gonum"}, "features know only the root, moments and gonum"},
	{"millrace/keyed", []string{"millrace", "millrace/features"}, "keyed state knows only the root and features"},
	{"millrace/model", []string{"millrace", "millrace/drift", "millrace/elementary", "millrace/moments", "gonum.org/v1/gonum", "golang.org/x/sys/cpu"},
		"the numeric core knows only the root, elementary functions, moments, what detects drift, gonum and the processor"},
	{"millrace/model/kernel", []string{"gonum.org/v1/gonum", "golang.org/x/sys/cpu"},
		"vector arithmetic knows no model, only gonum and the processor"},
	{"millrace/drift", []string{"millrace", "gonum.org/v1/gonum"}, "what watches for drift is a function of events: it knows only the root and gonum"},
	{"millrace/model/tree", []string{"millrace", "millrace/drift", "millrace/moments", "gonum.org/v1/gonum"},
		"trees know only the root, moments, drift and gonum; millrace/model/family makes models of them"},
	{"millrace/model/calibration", []string{"millrace", "millrace/elementary", "millrace/model", "millrace/moments"},
		"calibration knows models by their interface alone"},
	{"millrace/explain", []string{"millrace", "millrace/features", "millrace/model"}, "reasons know features and models by their interfaces alone"},
	{"millrace/conformal", []string{"millrace"}, "intervals know predictions and labels, no model"},
	{"millrace/decode", []string{"millrace", "millrace/features", "github.com/go-faster/jx"},
		"decoding knows only the root, features and its JSON library"},
	{"millrace/snapshot", []string{"millrace"}, "the format knows only the root"},
	{"millrace/join", []string{"millrace"}, "what waits is a function of events and labels: it knows only the root"},
	{"millrace/join/frozen", nil, "what is moved to a store is plain data"},
	{"millrace/store/folder", []string{"millrace", "millrace/snapshot"}, "local copies know of no server"},
	{"millrace/pipeline/status", nil, "what a pipeline says of itself is plain data"},
	{"millrace/pipeline/running", []string{"millrace/pipeline/status", "millrace/snapshot", "millrace/store/folder"},
		"what a process leaves for others is a file: no server is asked for it"},
	{"millrace/web", []string{"millrace/pipeline/status"},
		"what is served knows of a pipeline only what it says of itself"},
	{"millrace/scorer/wire", []string{"millrace"}, "the score's form knows only the root"},
	{"millrace/scorer/web", []string{"millrace", "millrace/scorer", "golang.org/x/sync"}, "the scorer's HTTP face knows only the scorer"},
	{"millrace/scorer/follow", []string{"millrace", "millrace/merge", "millrace/scorer", "golang.org/x/sync", "github.com/prometheus/client_golang"},
		"a scorer's window tables know of no Kafka, only the scorer"},
	{"millrace/merge", []string{"millrace"}, "what is merged are batches, wherever they come from"},
	{"millrace/files", []string{"millrace", "github.com/andybalholm/brotli", "github.com/klauspost/compress", "github.com/parquet-go/parquet-go", "golang.org/x/text"},
		"files deliver raw records and know only the root, and how files are packed and encoded"},
}

// only lists who may import a package, outside tests.
var only = []struct {
	imported string
	by       []string
	why      string
}{
	{"millrace/config", []string{"millrace/cmd/millrace", "millrace/pipeline", "millrace/offline", "millrace/integration"},
		"every package has a plain spec of its own; only who builds pipelines composes them into a file"},
	{"github.com/segmentio/kafka-go", []string{"millrace/consumers"}, "Kafka is reached through consumers"},
	{"github.com/redis/go-redis", []string{"millrace/store"}, "Redis is reached through store"},
	{"github.com/twmb/franz-go", []string{"millrace/embedded", "millrace/integration"},
		"the fake broker belongs to the embedded set-up, the other client to tests"},
	{"github.com/alicebob/miniredis", []string{"millrace/embedded", "millrace/integration"},
		"the fake store belongs to the embedded set-up"},
	{"github.com/parquet-go/parquet-go", []string{"millrace/files"}, "files are read by files"},
	{"github.com/spf13/cobra", []string{"millrace/cmd/millrace"}, "only the binary has a command line"},
	{"github.com/schollz/progressbar", []string{"millrace/cmd/millrace"}, "only the binary has a terminal"},
	{"gonum.org/v1/plot", []string{"millrace/cmd/millrace"}, "only the binary draws"},
	{"golang.org/x/sys/cpu", []string{"millrace/model/kernel"}, "which kernels a processor runs is decided in one place"},
	{"millrace/join/disk", []string{"millrace/join/disk", "millrace/pipeline", "millrace/integration"},
		"a table knows no files: who builds pipelines gives it a store"},
	{"millrace/model/family", []string{"millrace/pipeline", "millrace/integration"},
		"who builds pipelines makes models; nothing else under model may know of all families"},
	{"millrace/model/mixture", []string{"millrace/model/family"}, "models of every family are made by millrace/model/family"},
	{"millrace/pipeline", []string{"millrace/cmd/millrace", "millrace/pipeline", "millrace/offline", "millrace/integration"},
		"a pipeline joins the packages, so none of them may know of it"},
	{"millrace/offline", []string{"millrace/cmd/millrace", "millrace/integration"}, "files are learned for whoever asks, never for a running pipeline"},
	{"millrace/cmd", nil, "a command is not a library"},
	{"millrace/integration", []string{"millrace/integration"}, "the harness is for tests"},
}

// never lists packages that must not reach others by any way of imports.
var never = []struct {
	pkg   string
	reach []string
	why   string
}{
	{"millrace/learner", []string{"millrace/scorer", "millrace/consumers", "millrace/store"},
		"the learner defines the interfaces it needs; pipeline joins them"},
	{"millrace/scorer", []string{"millrace/learner", "millrace/consumers", "millrace/store"},
		"the scorer defines the interfaces it needs; pipeline joins them"},
	{"millrace/scorer/topic", []string{"millrace/learner", "millrace/consumers", "millrace/store"},
		"the scorer defines the interfaces it needs; pipeline joins them"},
	{"millrace/scorer/web", []string{"millrace/learner", "millrace/consumers", "millrace/store"},
		"the scorer defines the interfaces it needs; pipeline joins them"},
	{"millrace/scorer/follow", []string{"millrace/learner", "millrace/consumers", "millrace/store"},
		"the scorer defines the interfaces it needs; pipeline joins them"},
	{"millrace/consumers", []string{"millrace/learner", "millrace/scorer", "millrace/store"},
		"consumers deliver raw records and know nothing of who learns from them"},
	{"millrace/store", []string{"millrace/learner", "millrace/scorer", "millrace/consumers"},
		"the store keeps snapshots and knows nothing of who made them"},
}

// pure are the packages whose results depend on their arguments alone, so that a resumed run repeats an uninterrupted
// one.
var pure = []string{"millrace/model", "millrace/features", "millrace/moments", "millrace/elementary", "millrace/decode", "millrace/snapshot", "millrace/join", "millrace/keyed"}

// foreign are the types of other modules that exported names may mention: what a caller passes in so that a package
// need not make it, and what a simulation replaces.
var foreign = []string{
	"github.com/prometheus/client_golang/prometheus.Registerer",
	"github.com/segmentio/kafka-go.RoundTripper",
}

func tree(t *testing.T) (*source.Tree, string) {
	t.Helper()
	root, err := harness.RepoRoot()
	if err != nil {
		t.Fatal(err)
	}
	read, err := source.Read(root)
	if err != nil {
		t.Fatal(err)
	}
	return read, root
}

func TestImports(t *testing.T) {
	tr, _ := tree(t)
	for i := range tr.Files {
		f := &tr.Files[i]
		if f.Test {
			continue
		}
		for _, imported := range f.Imports {
			for _, why := range importFaults(f.Package, imported.Path) {
				t.Errorf("%s:%d: %s imports %s, but %s", f.Path, imported.Line, f.Package, imported.Path, why)
			}
		}
	}
	graph := tr.ImportGraph()
	for _, rule := range never {
		for _, reach := range rule.reach {
			if chain := source.Chain(graph, rule.pkg, reach); chain != nil {
				t.Errorf("%s, but %s", strings.Join(chain, " imports "), rule.why)
			}
		}
	}
}

// importFaults returns why a package may not import another directly: one reason a rule that says so.
func importFaults(pkg, imported string) []string {
	var faults []string
	for _, rule := range may {
		ours := pkg == rule.pkg || rule.pkg != source.Module && source.Under(pkg, rule.pkg)
		if !ours || source.Standard(imported) || rule.pkg != source.Module && source.Under(imported, rule.pkg) {
			continue
		}
		allowed := slices.ContainsFunc(rule.imports, func(p string) bool {
			// The root has every package of the module beneath it, and stands for itself alone.
			return imported == p || p != source.Module && source.Under(imported, p)
		})
		if !allowed {
			faults = append(faults, rule.why)
		}
	}
	for _, rule := range only {
		if !source.Under(imported, rule.imported) {
			continue
		}
		if !slices.ContainsFunc(rule.by, func(p string) bool { return source.Under(pkg, p) }) {
			faults = append(faults, rule.why)
		}
	}
	return faults
}

// The rules themselves are tested: a rule that lets everything pass would never be noticed.
func TestImportRulesRefuse(t *testing.T) {
	tests := []struct {
		pkg, imported string
		faults        int
	}{
		{"millrace", "fmt", 0},
		{"millrace", "millrace/model", 1},
		{"millrace", "gonum.org/v1/gonum/blas", 1},
		{"millrace/features", "millrace", 0},
		{"millrace/features", "millrace/model", 1},
		{"millrace/features", "millrace/keyed", 1},
		{"millrace/keyed", "millrace/features", 0},
		{"millrace/keyed", "millrace/learner", 1},
		{"millrace/features", "golang.org/x/sys/cpu", 2},
		{"millrace/model", "golang.org/x/sys/cpu", 1},
		{"millrace/model", "millrace/model/kernel", 0},
		{"millrace/model/kernel", "golang.org/x/sys/cpu", 0},
		{"millrace/model/kernel", "millrace", 1},
		{"millrace/model/kernel", "millrace/model", 1},
		{"millrace/model/kernel", "millrace/model/tree", 1},
		{"millrace/model", "golang.org/x/sys/unix", 1},
		{"millrace/model/modeltest", "millrace/model", 0},
		{"millrace/model/family", "millrace/model/mixture", 0},
		{"millrace/model", "millrace/model/family", 1},
		{"millrace/model", "millrace/model/mixture", 1},
		{"millrace/model/mixture", "millrace/model/kernel", 0},
		{"millrace/model/mixture", "millrace/model/family", 1},
		{"millrace/model/tree", "millrace/model/family", 2},
		{"millrace/model/tree", "millrace/model", 1},
		{"millrace/learner", "millrace/model/family", 1},
		{"millrace/pipeline", "millrace/model/family", 0},
		{"millrace/decode", "millrace/features", 0},
		{"millrace/decode", "millrace/config", 2},
		{"millrace/join", "millrace", 0},
		{"millrace/join", "millrace/features", 1},
		{"millrace/join", "millrace/join/disk", 1},
		{"millrace/join", "millrace/join/frozen", 0},
		{"millrace/join/disk", "millrace/join/frozen", 0},
		{"millrace/join/frozen", "millrace", 1},
		{"millrace/snapshot", "encoding/json", 0},
		{"millrace/snapshot", "github.com/redis/go-redis/v9", 2},
		{"millrace/consumers", "github.com/segmentio/kafka-go/protocol", 0},
		{"millrace/scorer", "github.com/segmentio/kafka-go", 1},
		{"millrace/embedded", "github.com/twmb/franz-go/pkg/kfake", 0},
		{"millrace/consumers", "github.com/twmb/franz-go/pkg/kgo", 1},
		{"millrace/cmd/millrace", "millrace/config", 0},
		{"millrace/pipeline", "millrace/config", 0},
		{"millrace/offline", "millrace/pipeline", 0},
		{"millrace/pipeline", "millrace/offline", 1},
		{"millrace/pipeline", "github.com/spf13/cobra", 1},
		{"millrace/pipeline/status", "encoding/json", 0},
		{"millrace/pipeline/status", "millrace/learner", 1},
		{"millrace/learner", "millrace/pipeline/status", 1},
		{"millrace/cmd/millrace", "gonum.org/v1/plot/vg", 0},
		{"millrace/learner", "gonum.org/v1/plot", 1},
		{"millrace/learner", "millrace/config", 1},
		{"millrace/learner", "github.com/prometheus/client_golang/prometheus", 0},
	}
	for _, test := range tests {
		if faults := importFaults(test.pkg, test.imported); len(faults) != test.faults {
			t.Errorf("%s imports %s: faults %q, want %d", test.pkg, test.imported, faults, test.faults)
		}
	}
}

func TestFunctionsFitAScreen(t *testing.T) {
	tr, _ := tree(t)
	for i := range tr.Files {
		f := &tr.Files[i]
		if ast.IsGenerated(f.Syntax) {
			continue
		}
		limit := functionLinesMax
		// A suite such as model/modeltest is tests in ordinary files.
		if f.Test || strings.HasSuffix(f.Syntax.Name.Name, "test") {
			limit = testLinesMax
		}
		for _, decl := range f.Syntax.Decls {
			function, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			lines := tr.Fset.Position(function.End()).Line - tr.Fset.Position(function.Pos()).Line + 1
			if lines > limit {
				t.Errorf("%s: %s has %d lines, at most %d fit a screen", tr.Place(f, function.Pos()), function.Name.Name, lines, limit)
			}
		}
	}
}

// The map in docs/ARCHITECTURE.md is complete and names nothing that is gone: every folder with a package has a row,
// its own or that of a folder above it.
func TestFoldersAreInTheMap(t *testing.T) {
	tr, root := tree(t)
	text, err := os.ReadFile(filepath.Join(root, "docs", "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Where things are\n")
	section, _, _ = strings.Cut(section, "\n## ")
	rows := regexp.MustCompile("(?m)^\\| `([a-z/]+)/` ").FindAllStringSubmatch(section, -1)
	var folders []string
	for _, row := range rows {
		folders = append(folders, row[1])
		if _, err := os.Stat(filepath.Join(root, row[1])); err != nil {
			t.Errorf("the map has %s/: %v", row[1], err)
		}
	}
	for i := range tr.Files {
		folder := filepath.ToSlash(filepath.Dir(tr.Files[i].Path))
		if folder == "." || slices.ContainsFunc(folders, func(f string) bool { return source.Under(folder, f) }) {
			continue
		}
		t.Errorf("%s is in no row of the map", folder)
	}
	// These are rooms of their own, with rules of their own: a row above does not say what is in them.
	for _, own := range []string{"model/kernel", "model/mixture", "model/family", "model/tree"} {
		if !slices.Contains(folders, own) {
			t.Errorf("%s has no row of its own", own)
		}
	}
}

// commentColumnsMax is how wide a line of a comment may be, a tab as four.
const commentColumnsMax = 120

func TestCommentsFitTheirWidth(t *testing.T) {
	tr, root := tree(t)
	for i := range tr.Files {
		f := &tr.Files[i]
		if ast.IsGenerated(f.Syntax) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, f.Path))
		if err != nil {
			t.Fatal(err)
		}
		for number, line := range strings.Split(string(text), "\n") {
			comment := strings.TrimLeft(line, "\t")
			if !strings.HasPrefix(comment, "// ") {
				continue
			}
			if width := utf8.RuneCountInString(comment) + 4*(len(line)-len(comment)); width > commentColumnsMax {
				t.Errorf("%s:%d: a comment of %d columns, at most %d", f.Path, number+1, width, commentColumnsMax)
			}
		}
	}
}

func TestNoInit(t *testing.T) {
	tr, _ := tree(t)
	for i := range tr.Files {
		f := &tr.Files[i]
		for _, decl := range f.Syntax.Decls {
			if function, ok := decl.(*ast.FuncDecl); ok && function.Recv == nil && function.Name.Name == "init" {
				t.Errorf("%s: init() wires things out of sight; pass them in", tr.Place(f, function.Pos()))
			}
		}
	}
}

// clock and random are the names of time and math/rand that read the clock or the global generator. What a caller makes
// and passes in (a *rand.Rand, a time.Time) is fine, so these list what is refused and what is not.
var (
	clock  = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}
	random = []string{"New", "NewSource", "NewPCG", "NewChaCha8", "NewZipf", "Rand", "Source", "Source64", "PCG", "ChaCha8", "Zipf"}
)

func TestPurePackagesHaveNoClockChanceOrGoroutines(t *testing.T) {
	tr, _ := tree(t)
	for i := range tr.Files {
		f := &tr.Files[i]
		isPure := slices.ContainsFunc(pure, func(p string) bool { return source.Under(f.Package, p) })
		if f.Test || !isPure {
			continue
		}
		names := make(map[string]string)
		for _, imported := range f.Imports {
			names[imported.Name] = imported.Path
		}
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s: %s starts a goroutine; it must be pure", tr.Place(f, n.Pos()), f.Package)
			case *ast.SelectorExpr:
				base, ok := n.X.(*ast.Ident)
				if ok && impure(names[base.Name], n.Sel.Name) {
					t.Errorf("%s: %s uses %s.%s; the clock and chance are passed in",
						tr.Place(f, n.Pos()), f.Package, base.Name, n.Sel.Name)
				}
			}
			return true
		})
	}
}

func impure(pkg, name string) bool {
	switch pkg {
	case "time":
		return slices.Contains(clock, name)
	case "math/rand", "math/rand/v2":
		return !slices.Contains(random, name)
	case "crypto/rand":
		return true
	}
	return false
}

func TestExportedNamesAreDocumented(t *testing.T) {
	tr, _ := tree(t)
	for i := range tr.Files {
		f := &tr.Files[i]
		if f.Test || f.Syntax.Name.Name == "main" || ast.IsGenerated(f.Syntax) {
			continue
		}
		for _, decl := range f.Syntax.Decls {
			for _, name := range source.Undocumented(decl) {
				t.Errorf("%s: %s.%s has no doc comment", tr.Place(f, name.Pos()), f.Syntax.Name.Name, name.Name)
			}
		}
	}
}

func TestNoForeignTypesInExportedNames(t *testing.T) {
	tr, _ := tree(t)
	for i := range tr.Files {
		f := &tr.Files[i]
		if f.Test || source.Under(f.Package, "millrace/cmd") || source.Under(f.Package, "millrace/integration") {
			continue
		}
		names := make(map[string]string)
		for _, imported := range f.Imports {
			if !source.Standard(imported.Path) && !source.Under(imported.Path, source.Module) {
				names[imported.Name] = imported.Path
			}
		}
		check := func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			base, ok := selector.X.(*ast.Ident)
			if !ok || names[base.Name] == "" {
				return true
			}
			// The kernels are an implementation of gonum's interface, in its types.
			if f.Package == "millrace/model/kernel" && source.Under(names[base.Name], "gonum.org/v1/gonum/blas") {
				return true
			}
			if typ := names[base.Name] + "." + selector.Sel.Name; !slices.Contains(foreign, typ) {
				t.Errorf("%s: %s shows callers %s; wrap it, or hide it", tr.Place(f, n.Pos()), f.Package, typ)
			}
			return true
		}
		for _, decl := range f.Syntax.Decls {
			source.InspectExported(decl, check)
		}
	}
}

// machinePath matches absolute paths of the folders that somebody's own machine or container has.
var machinePath = regexp.MustCompile("(^|[\\s\"'`(=:,])/(" + strings.Join([]string{"work", "root", "home/[a-z]+"}, "|") + ")/")

func TestNoPathsOfOneMachine(t *testing.T) {
	_, root := tree(t)
	files, err := source.Tracked(root)
	if errors.Is(err, source.ErrNoGit) {
		t.Skipf("which files are tracked is git's to say: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if errors.Is(err, os.ErrNotExist) {
			continue // deleted, not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		for number, line := range strings.Split(string(text), "\n") {
			if found := machinePath.FindString(line); found != "" {
				t.Errorf("%s:%d: %q is a path of one machine", name, number+1, strings.TrimSpace(found))
			}
		}
	}
}
