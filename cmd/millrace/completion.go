package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"millrace/config"
	"millrace/model"
)

// shells are those that a script of completions is written for.
var shells = []string{"bash", "zsh", "fish", "powershell"}

// completion is millrace completion SHELL. It stands in place of cobra's own, which hides and says less.
func (a *app) completion() *cobra.Command {
	var bare bool
	cmd := &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print a script that lets a shell complete verbs, flags, pipeline files and versions",
		Long: `Print a script that lets a shell complete verbs, flags and their values, pipeline files and names, and the
versions that snapshots show and rollback take, from the store. For the shell that runs:

  bash   source <(millrace completion bash)         # with the package bash-completion
  zsh    source <(millrace completion zsh)
  fish   millrace completion fish | source

and for all to come:

  bash   millrace completion bash > ~/.local/share/bash-completion/completions/millrace
  zsh    millrace completion zsh > "${fpath[1]}/_millrace"
  fish   millrace completion fish > ~/.config/fish/completions/millrace.fish`,
		Example: `  millrace completion bash > millrace.bash
  millrace completion zsh > _millrace
  millrace completion fish > millrace.fish`,
		ValidArgs: shells,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && !slices.Contains(shells, args[0]) {
				return config.Usagef("no completion for %q%s; there is one for %s", args[0], meant(args[0], shells), strings.Join(shells, ", "))
			}
			return exactly(1, "a shell: "+strings.Join(shells, ", "))(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.writeCompletion(cmd.Root(), args[0], !bare) },
	}
	cmd.Flags().BoolVar(&bare, "no-descriptions", false, "complete words alone, without what they are")
	return cmd
}

func (a *app) writeCompletion(root *cobra.Command, shell string, described bool) (err error) {
	switch {
	case shell == "bash":
		err = root.GenBashCompletionV2(a.out, described)
	case shell == "zsh" && described:
		err = root.GenZshCompletion(a.out)
	case shell == "zsh":
		err = root.GenZshCompletionNoDesc(a.out)
	case shell == "fish":
		err = root.GenFishCompletion(a.out, described)
	case described:
		err = root.GenPowerShellCompletionWithDesc(a.out)
	default:
		err = root.GenPowerShellCompletion(a.out)
	}
	if err != nil {
		return fmt.Errorf("writing the completion for %s: %w", shell, err)
	}
	return nil
}

// complete lets shells complete what a verb, and those below it, take.
func (a *app) complete(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		a.complete(sub)
	}
	words := func(of ...string) cobra.CompletionFunc {
		return cobra.FixedCompletions(of, cobra.ShellCompDirectiveNoFileComp)
	}
	for name, complete := range map[string]cobra.CompletionFunc{
		configFlag: completePipelineFiles, "challenger": completePipelineFiles,
		"output": words("text", "json"), "log-level": words("debug", "info", "warn", "error"), "log-format": words("text", "json"),
		"model": words(model.Families()...), "generate": words("payments"), "format": words("csv", "tsv", "jsonl", "json", "libsvm", "parquet"),
		"from-snapshot": completeModels,
	} {
		if cmd.Flags().Lookup(name) != nil || cmd.PersistentFlags().Lookup(name) != nil {
			_ = cmd.RegisterFlagCompletionFunc(name, complete) // it fails on flags that are not there
		}
	}
	switch {
	case cmd.HasSubCommands() || cmd.ValidArgsFunction != nil || cmd.ValidArgs != nil:
	case cmd.RunE == nil || strings.Contains(cmd.Use, "DATA") || strings.Contains(cmd.Use, "SNAPSHOT"): // files of any name
	case cmd.Flag(configFlag) != nil:
		cmd.ValidArgsFunction = completePipelineFiles
	default:
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
}
