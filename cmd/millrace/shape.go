package main

import (
	"github.com/spf13/pflag"

	"millrace/config"
	"millrace/files"
)

// shapeFlags say how data files are written, where that is not to be found in them. Every verb that reads files has
// them, and they hold for all files that it is given.
type shapeFlags struct{ shape files.Shape }

func (f *shapeFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.shape.Delimiter, "delimiter", "", "what stands between cells of DATA and --labels: a character, or tab or space; found out when left out")
}

// input is how files are read.
func (f *shapeFlags) input() (files.Input, error) {
	if err := f.shape.Check(); err != nil {
		return files.Input{}, config.Usagef("--%w", err)
	}
	return files.Input{Shape: f.shape}, nil
}
