// Package source reads the module's own Go files for tests that hold them to rules: who imports what, how long
// functions are, what is documented. It parses and does not build, so files of every platform and build tag count.
package source

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Module is the module's path, and the import path of its root package.
const Module = "millrace"

// File is one parsed Go file.
type File struct {
	Path    string // relative to the module's root, with slashes
	Package string // import path
	Test    bool   // _test.go
	Syntax  *ast.File
	Imports []Import
}

// Import is one import declaration.
type Import struct {
	Path string
	Name string // by which the file calls it: its alias, or the last element of its path without a version
	Line int
}

// Tree is all Go files of the module.
type Tree struct {
	Fset  *token.FileSet
	Files []File
}

// Read parses every Go file under root, in the order of their paths. Folders that the go command ignores are left out.
func Read(root string) (*Tree, error) {
	tree := &Tree{Fset: token.NewFileSet()}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			base := entry.Name()
			if name != root && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") ||
				base == "testdata" || base == "vendor") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		return tree.add(root, name)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the module's files: %w", err)
	}
	return tree, nil
}

func (t *Tree) add(root, name string) error {
	syntax, err := parser.ParseFile(t.Fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	relative, err := filepath.Rel(root, name)
	if err != nil {
		return err
	}
	relative = filepath.ToSlash(relative)
	file := File{
		Path:    relative,
		Package: path.Join(Module, path.Dir(relative)),
		Test:    strings.HasSuffix(name, "_test.go"),
		Syntax:  syntax,
	}
	for _, spec := range syntax.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return fmt.Errorf("%s: reading an import: %w", relative, err)
		}
		i := Import{Path: imported, Name: defaultName(imported), Line: t.Fset.Position(spec.Pos()).Line}
		if spec.Name != nil {
			i.Name = spec.Name.Name
		}
		file.Imports = append(file.Imports, i)
	}
	t.Files = append(t.Files, file)
	return nil
}

// defaultName guesses a package's name from its import path: golang.org/x/… and the standard library follow the rule,
// and modules with a version (/v9) or a go- prefix are named by what is left.
func defaultName(imported string) string {
	base := path.Base(imported)
	if len(base) > 1 && base[0] == 'v' && strings.Trim(base[1:], "0123456789") == "" {
		base = path.Base(path.Dir(imported))
	}
	return strings.TrimSuffix(strings.TrimPrefix(base, "go-"), "-go")
}

// Standard reports whether an import path is of the standard library: its first element has no dot and is not ours.
func Standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return first != Module && !strings.Contains(first, ".")
}

// Under reports whether an import path is pkg or below it.
func Under(imported, pkg string) bool {
	return imported == pkg || strings.HasPrefix(imported, pkg+"/")
}

// Place returns where a node stands, path:line.
func (t *Tree) Place(f *File, pos token.Pos) string {
	return fmt.Sprintf("%s:%d", f.Path, t.Fset.Position(pos).Line)
}

// ImportGraph returns what each package imports outside its tests.
func (t *Tree) ImportGraph() map[string][]string {
	graph := make(map[string][]string)
	for _, f := range t.Files {
		if f.Test {
			continue
		}
		for _, i := range f.Imports {
			if !slices.Contains(graph[f.Package], i.Path) {
				graph[f.Package] = append(graph[f.Package], i.Path)
			}
		}
	}
	return graph
}

// Chain returns the shortest way of imports from one package to another, both included, or nil when there is none.
func Chain(graph map[string][]string, from, to string) []string {
	before := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		if queue[0] == to {
			var chain []string
			for at := to; at != ""; at = before[at] {
				chain = append(chain, at)
			}
			slices.Reverse(chain)
			return chain
		}
		for _, next := range graph[queue[0]] {
			if _, seen := before[next]; !seen {
				before[next] = queue[0]
				queue = append(queue, next)
			}
		}
	}
	return nil
}

// Tracked returns the files of the tree that git tracks or would add, relative to root. Without git, or outside a
// repository (a source archive), it returns an error that wraps ErrNoGit.
func Tracked(root string) ([]string, error) {
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("listing tracked files: %w (%w)", ErrNoGit, err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"), nil
}

// ErrNoGit says that there is no repository to ask.
var ErrNoGit = errors.New("no git repository")
