package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"millrace/config"
)

// noVerb refuses a verb that is not there, and says which may have been meant.
func noVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return config.Usagef("unknown verb %q%s; see %s --help", args[0], meant(args[0], verbsOf(cmd)), cmd.CommandPath())
}

// verbsOf are the names of the verbs below a command, with their other names.
func verbsOf(cmd *cobra.Command) (names []string) {
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() || sub.Name() == "help" {
			names = append(append(names, sub.Name()), sub.Aliases...)
		}
	}
	return names
}

// meant asks whether the word that is nearest was meant; it is empty where none is near.
func meant(word string, words []string) string {
	if near := config.Nearest(word, words); near != "" {
		return ": did you mean " + near + "?"
	}
	return ""
}

// exactly checks the number of arguments, as a usage error.
func exactly(n int, what string) cobra.PositionalArgs { return between(n, n, what) }

// between checks that there are from least to most arguments.
func between(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return config.Usagef("%s takes %s, got %s; see %s --help", cmd.Name(), what, plural(len(args), "argument"), cmd.CommandPath())
		}
		return nil
	}
}

// flagFault says what is wrong with a flag: which one, what was given, and what would be right.
func flagFault(cmd *cobra.Command, err error) error {
	return config.Usagef("%s; see %s --help", flagText(cmd, err), cmd.CommandPath())
}

func flagText(cmd *cobra.Command, err error) string {
	var unknown *pflag.NotExistError
	var lacking *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	var syntax *pflag.InvalidSyntaxError
	switch {
	case errors.As(err, &unknown):
		name, short := unknown.GetSpecifiedName(), unknown.GetSpecifiedShortnames()
		if short == "" {
			return fmt.Sprintf("unknown flag --%s%s", name, meant("--"+name, flagsOf(cmd)))
		}
		// -config is a slip for --config: the whole word says more than its first letter.
		if near := config.Nearest(short, flagWords(cmd)); near != "" && len(short) > 1 {
			return fmt.Sprintf("unknown flag -%s: did you mean --%s?", short, near)
		}
		return fmt.Sprintf("unknown flag -%s", name)
	case errors.As(err, &lacking):
		f := lacking.GetFlag()
		return fmt.Sprintf("--%s needs a value: %s", f.Name, kindOf(f).right(f.Name))
	case errors.As(err, &invalid):
		return invalidText(invalid)
	case errors.As(err, &syntax):
		return fmt.Sprintf("%q is no flag: write --NAME VALUE or --NAME=VALUE", syntax.GetSpecifiedFlag())
	}
	return err.Error()
}

func invalidText(invalid *pflag.InvalidValueError) string {
	f, given := invalid.GetFlag(), invalid.GetValue()
	kind := kindOf(f)
	switch {
	case kind.what == "" || !errors.As(invalid, new(*strconv.NumError)) && kind.what != "time": // it has words of its own
		return fmt.Sprintf("--%s: %v", f.Name, errors.Unwrap(invalid))
	case errors.Is(invalid, strconv.ErrRange):
		return fmt.Sprintf("--%s: %s is too large a number", f.Name, given)
	}
	return fmt.Sprintf("--%s: %q is no %s: %s", f.Name, given, kind.what, kind.right(f.Name))
}

// kind is what a flag's value is, in words, and one that would do.
type kind struct{ what, example string }

// right says what would be right.
func (k kind) right(flag string) string {
	if k.example == "" {
		return "write --" + flag + " VALUE"
	}
	return "write one as --" + flag + " " + k.example
}

func kindOf(f *pflag.Flag) kind {
	switch f.Value.Type() {
	case "int", "int32", "int64":
		return kind{"whole number", "3"}
	case "uint", "uint32", "uint64":
		return kind{"whole number of 0 or more", "3"}
	case "float32", "float64":
		return kind{"number", "2.5"}
	case "duration":
		return kind{"time", "30s"}
	case "bool":
		return kind{"switch", "true"}
	}
	return kind{}
}

// flagsOf are the flags that a verb takes, as they are written.
func flagsOf(cmd *cobra.Command) (names []string) {
	for _, name := range flagWords(cmd) {
		names = append(names, "--"+name)
	}
	return names
}

// flagWords are the names of the flags that a verb takes, in order.
func flagWords(cmd *cobra.Command) (names []string) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// withoutPipeline reports whether a flag was given that no pipeline file goes with.
func withoutPipeline(cmd *cobra.Command) (is bool) {
	cmd.Flags().Visit(func(f *pflag.Flag) { is = is || f.Annotations[inPlaceOfConfig] != nil })
	return is
}

// help is millrace help VERB.
func help(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:     "help [VERB]",
		Short:   "Say what a verb does",
		Example: "  millrace help evaluate\n  millrace help snapshots rollback",
		Args:    func(*cobra.Command, []string) error { return nil },
		RunE: func(_ *cobra.Command, args []string) error {
			verb := root
			for _, name := range args {
				subs := verb.Commands()
				i := slices.IndexFunc(subs, func(c *cobra.Command) bool { return c.Name() == name || c.HasAlias(name) })
				if i < 0 {
					return noVerb(verb, []string{name})
				}
				verb = subs[i]
			}
			verb.InitDefaultHelpFlag()
			return verb.Help()
		},
	}
}
