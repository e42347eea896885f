package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

const (
	// problemsMax bounds what is kept of a file that is no pipeline at all, problemsPrintedMax what is
	// printed: a person mends the first hundred before reading on.
	problemsMax        = 1000
	problemsPrintedMax = 100
)

// Problem is one mistake in a pipeline file.
type Problem struct {
	File         string
	Line, Column int    // from 1; Column counts characters
	Path         string // of the field at fault, as "model.optimizer.rate"; empty for the whole file
	Message      string // what was found and what would be right
	Suggestion   string // a near miss, or empty
}

// String is `file:line:column: path: message (did you mean "x"?)`, the form that editors jump to.
func (p Problem) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: ", p.File, p.Line, p.Column)
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	// One line a problem, also when a value that a message quotes has line breaks.
	b.WriteString(strings.Join(strings.FieldsFunc(p.Message, func(r rune) bool {
		return r == '\n' || r == '\r'
	}), " "))
	if p.Suggestion != "" {
		fmt.Fprintf(&b, " (did you mean %q?)", p.Suggestion)
	}
	return b.String()
}

// Errors are all mistakes of a pipeline file, sorted by place. It is never empty as an error.
type Errors []Problem

// Error prints one problem a line.
func (e Errors) Error() string {
	var b strings.Builder
	for i, p := range e {
		if i == problemsPrintedMax {
			fmt.Fprintf(&b, "\nand %d more", len(e)-i)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(p.String())
	}
	return b.String()
}

// sorted orders problems by place and drops repeats: a mapping reached through several aliases is
// wrong once, where it stands.
func (e Errors) sorted() Errors {
	slices.SortStableFunc(e, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	type place struct {
		line, column int
		message      string
	}
	seen := make(map[place]bool, len(e))
	return slices.DeleteFunc(e, func(p Problem) bool {
		at := place{p.Line, p.Column, p.Message}
		if seen[at] {
			return true
		}
		seen[at] = true
		return false
	})
}
