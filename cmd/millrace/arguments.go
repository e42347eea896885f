package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"millrace/config"
)

const (
	// configFlag names the pipeline file, in every verb that has one.
	configFlag = "config"
	// configVariable is the environment variable that names the pipeline file where no flag or argument does.
	configVariable = "MILLRACE_CONFIG"
	// onlyReads is the annotation of a verb that changes nothing: it may take the only pipeline file of the folder.
	onlyReads = "millrace_only_reads"
	// inPlaceOfConfig is the annotation of a flag that a pipeline file does not go with.
	inPlaceOfConfig = "millrace_in_place_of_config"
)

// reading marks a verb that changes nothing.
func reading(cmd *cobra.Command) *cobra.Command {
	cmd.Annotations = map[string]string{onlyReads: "true"}
	return cmd
}

// withoutConfig marks flags of a verb that a pipeline file does not go with: with one of them none is looked for.
func withoutConfig(cmd *cobra.Command, flags ...string) {
	for _, name := range flags {
		cmd.Flags().Lookup(name).Annotations = map[string][]string{inPlaceOfConfig: {"true"}}
	}
}

// takePipelineFiles lets every verb below cmd that has a flag for the pipeline file take that file as an argument, too,
// or from where else a person may have named it.
func (a *app) takePipelineFiles(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		a.takePipelineFiles(sub)
	}
	if cmd.HasSubCommands() || cmd.RunE == nil || cmd.Flag(configFlag) == nil {
		return
	}
	check, run := cmd.Args, cmd.RunE
	var rest []string
	cmd.Args = func(cmd *cobra.Command, args []string) (err error) {
		if rest, err = namedPipeline(cmd, args); err != nil {
			return err
		}
		if err := a.unnamedPipeline(cmd); err != nil {
			return err
		}
		if check == nil {
			return nil
		}
		return check(cmd, rest)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return run(cmd, rest) }
}

// namedPipeline gives the pipeline files among a verb's arguments to its flag, and returns the others. What comes after
// -- is taken as it is.
func namedPipeline(cmd *cobra.Command, args []string) (rest []string, err error) {
	flag := cmd.Flags().Lookup(configFlag)
	several := strings.HasSuffix(flag.Value.Type(), "Array")
	for i, arg := range args {
		if dash := cmd.ArgsLenAtDash(); dash >= 0 && i >= dash || !isPipelineFile(arg) {
			rest = append(rest, arg)
			continue
		}
		if named := flag.Value.String(); flag.Changed && !several {
			if named == arg {
				continue
			}
			if "c"+named == configFlag {
				return nil, config.Usagef("unknown flag -%s: did you mean --%s?", configFlag, configFlag)
			}
			return nil, config.Usagef("%s takes one pipeline file, and here are two: %s and %s", cmd.Name(), named, arg)
		}
		if err := cmd.Flags().Set(configFlag, arg); err != nil {
			return nil, fmt.Errorf("taking the pipeline file: %w", err)
		}
	}
	return rest, nil
}

// unnamedPipeline finds the pipeline file of a command line that has none, nor what takes its place: the environment
// names it, or it is the only one of this folder and the verb changes nothing.
func (a *app) unnamedPipeline(cmd *cobra.Command) error {
	flag := cmd.Flags().Lookup(configFlag)
	if flag.Changed || withoutPipeline(cmd) {
		return nil
	}
	path := os.Getenv(configVariable)
	if path == "" && cmd.Annotations[onlyReads] != "" {
		var err error
		if path, err = a.onlyPipeline("."); err != nil {
			return err
		}
	}
	if path == "" {
		return nil
	}
	if err := cmd.Flags().Set(configFlag, path); err != nil {
		return fmt.Errorf("taking the pipeline file: %w", err)
	}
	return nil
}

// onlyPipeline is the only pipeline file of a folder, which is said; empty where there is none. Several are an error:
// nobody knows which is meant.
func (a *app) onlyPipeline(folder string) (string, error) {
	found := pipelineFiles(folder)
	switch len(found) {
	case 0:
		return "", nil
	case 1:
		fmt.Fprintf(a.err, "the pipeline file is %s, the only one here\n", found[0])
		return found[0], nil
	}
	return "", config.Usagef("no pipeline file is named, and here are several: %s; name one with -c FILE, or in %s", strings.Join(found, ", "), configVariable)
}

// pipelineFiles are the pipeline files of a folder, by what is in them, in the order of their names.
func pipelineFiles(folder string) (found []string) {
	for _, pattern := range []string{"*.yaml", "*.yml"} {
		paths, _ := filepath.Glob(filepath.Join(folder, pattern)) // it fails on patterns that are none
		found = append(found, paths...)
	}
	slices.Sort(found)
	return slices.DeleteFunc(found, func(path string) bool { return !looksLikePipeline(beginning(path)) })
}

// isPipelineFile tells an argument that is a pipeline file from data: by its name, unless its content says otherwise;
// and a file of another name by its content.
func isPipelineFile(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".yaml", ".yml":
		return !looksLikeData(beginning(path))
	case "", ".conf", ".txt":
		return looksLikePipeline(beginning(path))
	}
	return false
}

// beginningBytes is how much of a file is looked at: pipeline files are shorter, nearly all.
const beginningBytes = 256 << 10

// beginning is how a regular file begins; nothing of what cannot be read, or only once.
func beginning(path string) []byte {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // it was only read
	text, _ := io.ReadAll(io.LimitReader(f, beginningBytes))
	return text
}

// looksLikePipeline reports whether a text has the sections that every pipeline file has.
func looksLikePipeline(text []byte) bool {
	for _, section := range []string{"features", "label"} {
		if !regexp.MustCompile(`(?m)^"?` + section + `"?\s*:`).Match(text) {
			return false
		}
	}
	return true
}

// looksLikeData reports whether a text's first line is a whole JSON object or array: rows, whatever their file's name.
func looksLikeData(text []byte) bool {
	line, _, more := bytes.Cut(bytes.TrimSpace(text), []byte("\n"))
	if len(line) == 0 || line[0] != '{' && line[0] != '[' || !json.Valid(line) {
		return false
	}
	var fields struct{ Features json.RawMessage }
	return json.Unmarshal(line, &fields) != nil || fields.Features == nil || more
}
