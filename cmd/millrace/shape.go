package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"millrace/config"
	"millrace/files"
)

// shapeFlags say how data files are written, where that is not to be found in them. Every verb that reads files has
// them, and they hold for all files that it is given.
type shapeFlags struct{ shape files.Shape }

func (f *shapeFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.shape.Format, "format", "", "of DATA, where neither name nor beginning tell it: csv, tsv, jsonl, json, libsvm or parquet")
	flags.StringVar(&f.shape.Delimiter, "delimiter", "", "what stands between the cells of a table: a character, or tab or space; found out when left out")
	flags.StringVar(&f.shape.Quote, "quote", "", "what encloses cells with delimiters in them: double, single, none or a character; found out when left out")
	flags.StringVar(&f.shape.Comment, "comment", "", "lines of a table that begin with this character are skipped, with none no line is; found out when left out")
	flags.StringVar(&f.shape.Encoding, "encoding", "", "latin1, windows-1252, utf-16, …; UTF-8 when left out, and UTF-16 where the file says so")
	flags.Var(&headerFlag{&f.shape.NoHeader}, "no-header", "the first row of a table is data, and columns are called c1, c2, …; found out when left out")
	flags.Lookup("no-header").NoOptDefVal = "true"
}

// typed are the flags that were given, as a shell takes them.
func (f *shapeFlags) typed() string {
	var all []string
	for _, given := range [][2]string{{"format", f.shape.Format}, {"delimiter", f.shape.Delimiter}, {"quote", f.shape.Quote},
		{"comment", f.shape.Comment}, {"encoding", f.shape.Encoding}, {"no-header", (&headerFlag{&f.shape.NoHeader}).String()}} {
		if name, value := given[0], given[1]; value != "" {
			all = append(all, "--"+name+"="+shellWord(value))
		}
	}
	return strings.Join(all, " ")
}

// shellWord is a text as one word of a shell.
func shellWord(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_./,:=+@%", r)
	}) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// headerFlag is yes, no or left out.
type headerFlag struct{ none **bool }

func (f *headerFlag) Set(text string) error {
	none, err := strconv.ParseBool(text)
	if err != nil {
		return fmt.Errorf("%q is neither true nor false", text)
	}
	*f.none = &none
	return nil
}

func (f *headerFlag) String() string {
	if f.none == nil || *f.none == nil {
		return ""
	}
	return strconv.FormatBool(**f.none)
}

func (*headerFlag) Type() string { return "bool" }

// files are the files that a person names, patterns among them: the first, and how it is read with those that follow
// it. Standard input is kept where it, or the files of labels, will be read again.
func (f *shapeFlags) files(ctx context.Context, a *app, names []string, labels string, again bool) (string, files.Input, error) {
	if err := f.shape.Check(); err != nil {
		return "", files.Input{}, config.Usagef("--%w", err)
	}
	paths, err := files.Expand(names)
	if err != nil {
		return "", files.Input{}, config.UsageError{Err: err}
	}
	in := files.Input{Shape: f.shape, More: paths[1:], Stdin: files.NewStdin(a.in)}
	stdin := 0
	for _, path := range append(paths, labels) {
		if path == files.StdinPath {
			stdin++
		}
	}
	switch {
	case stdin > 1:
		return "", in, config.Usagef("standard input (-) comes only once: name a file for the rest")
	case stdin == 0 || !again:
		return paths[0], in, nil
	}
	size, err := in.Stdin.Spool(ctx, files.SpoolBytesMax)
	if err != nil {
		return "", in, err
	}
	fmt.Fprintf(a.err, "standard input is read more than once: its %s are kept in %s meanwhile, in a file without a name\n",
		byteText(size), os.TempDir())
	return paths[0], in, nil
}

// someFiles wants one data file at least.
func someFiles(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return config.Usagef("%s takes data files, or - for standard input; see %s --help", cmd.Name(), cmd.CommandPath())
	}
	return nil
}
