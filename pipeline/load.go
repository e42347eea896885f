package pipeline

import (
	"errors"
	"os"
	"slices"

	"millrace/config"
	"millrace/features"
	"millrace/files"
)

// Load reads a pipeline file; its mistakes are config.Errors or a config.UsageError.
func Load(path string) (*config.Pipeline, error) {
	if path == "" {
		return nil, config.Usagef("no pipeline file: name one with -c FILE, or write one with millrace init")
	}
	p, err := config.Load(path, os.LookupEnv)
	var problems config.Errors
	if errors.As(err, &problems) || errors.Is(err, os.ErrNotExist) {
		return nil, config.UsageError{Err: err}
	}
	return p, err
}

// fileOptions say how the pipeline's files are read. The columns that it reads as categories or texts, or as numbers of
// a format, stay text, also where cells look like numbers such as 1.5: 1.234 is a thousand in some. In those that it
// reads as numbers or booleans alone, NA and the like are missing values. Rows without a value of any feature are
// faults, unless the pipeline learns from what is missing.
func fileOptions(p *config.Pipeline) files.Options {
	words, numbers, written, all, gaps := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}, false
	for _, c := range p.Features {
		if !c.Derived() {
			all[c.EventPath()] = true
			gaps = gaps || c.Missing == "indicator"
		}
		switch c.Type {
		case features.Category, features.Text:
			words[c.EventPath()] = true
		case features.Number, features.Boolean:
			numbers[c.EventPath()] = true
			written[c.EventPath()] = c.Format != ""
		}
	}
	if p.Label.Type == "number" {
		numbers[p.Label.Path] = true
		written[p.Label.Path] = p.Label.Format != ""
	}
	return files.Options{
		Features: func(column string) bool { return !gaps && all[features.JoinPath(column)] },
		Strings: func(column string) bool {
			path := features.JoinPath(column)
			return words[path] || written[path]
		},
		Missing: func(column string) bool {
			return numbers[features.JoinPath(column)] && !words[features.JoinPath(column)]
		},
		Known: knownColumns(p, all),
		Bag:   bagColumn(p),
	}
}

// knownColumns names the columns that the pipeline reads, features among them.
func knownColumns(p *config.Pipeline, fields map[string]bool) func(column string) bool {
	paths := []string{p.Events.ID, p.Events.Time.Path, p.Events.Key, p.Label.Path, p.Label.ID, p.Label.Time.Path, p.Label.Weight}
	return func(column string) bool {
		path := features.JoinPath(column)
		return path != "" && (fields[path] || slices.Contains(paths, path)) // settings that are left out name no column
	}
}

// bagColumn names the object in which the pipeline reads the entries of a LIBSVM file's rows; none when it
// reads each index as a feature.
func bagColumn(p *config.Pipeline) string {
	for _, c := range p.Features {
		if keys, err := features.SplitPath(c.EventPath()); err == nil && c.Type == features.Bag && len(keys) == 1 {
			return keys[0]
		}
	}
	return ""
}
