package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"millrace"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"millrace/config"
	"millrace/pipeline"
	"millrace/store"
)

// completeTimeout is how long a person who pressed the tab key may wait for the store.
const completeTimeout = time.Second

// completePipelineFiles are the pipeline files of the folder that a word begins to name, each with its pipeline's name.
// Where there is none, folders and YAML files are offered.
func completePipelineFiles(_ *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	folder, _ := filepath.Split(word)
	var found []cobra.Completion
	for _, path := range pipelineFiles(filepath.Join(".", folder)) {
		if path = folder + filepath.Base(path); strings.HasPrefix(path, word) {
			found = append(found, cobra.CompletionWithDesc(path, pipelineName(path)))
		}
	}
	if len(found) == 0 {
		return []cobra.Completion{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

// pipelineName is the name in a pipeline file; empty where it cannot be read.
func pipelineName(path string) string {
	p, err := pipeline.Load(path)
	if err != nil {
		return ""
	}
	return p.Name
}

// completeFromStore asks a pipeline's store for the words that an argument may be. What cannot be read or reached
// completes nothing: a shell has no place for what went wrong.
func (a *app) completeFromStore(url *string, offer func(ctx context.Context, s *store.Store, p *config.Pipeline, args []string) ([]cobra.Completion, error)) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		file, rest := completingFor(cmd, args)
		if file == "" {
			return completePipelineFiles(cmd, args, word)
		}
		ctx, stop := context.WithTimeout(cmd.Context(), completeTimeout)
		defer stop()
		var found []cobra.Completion
		err := a.withStore(ctx, file, *url, func(s *store.Store, p *config.Pipeline) (err error) {
			found, err = offer(ctx, s, p, rest)
			return err
		})
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// completingFor is the pipeline file that a command line speaks of so far, as a verb would find it, and the arguments
// beside it; empty where none is named.
func completingFor(cmd *cobra.Command, args []string) (file string, rest []string) {
	if flag := cmd.Flag(configFlag); flag.Changed {
		file = flag.Value.String()
	}
	for _, arg := range args {
		if isPipelineFile(arg) {
			file = arg
		} else {
			rest = append(rest, arg)
		}
	}
	if file == "" {
		file = os.Getenv(configVariable)
	}
	if found := pipelineFiles("."); file == "" && cmd.Annotations[onlyReads] != "" && len(found) == 1 {
		file = found[0]
	}
	return file, rest
}

// withStore opens the store of a pipeline file for one use, as that of the process that runs it, or the one at a URL.
func (a *app) withStore(ctx context.Context, file, url string, use func(*store.Store, *config.Pipeline) error) error {
	p, err := pipeline.Load(file)
	if err != nil {
		return err
	}
	if url != "" {
		p.Redis.Mode, p.Redis.URL = "external", url
	}
	o := a.locating(file, 0, slog.New(slog.DiscardHandler))
	o.Store = true
	if err := pipeline.Locate(ctx, p, o); err != nil {
		return err
	}
	s, err := store.Open(p.Redis, store.Options{Log: o.Log})
	if err != nil {
		return err
	}
	return errors.Join(use(s, p), s.Close())
}

// completeModels are the models of the store that --redis names, beside files.
func completeModels(cmd *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx, stop := context.WithTimeout(cmd.Context(), completeTimeout)
	defer stop()
	s, err := store.Open(store.Spec{Mode: "external", URL: cmd.Flag("redis").Value.String(), Timeout: completeTimeout}, store.Options{})
	if err != nil {
		return nil, cobra.ShellCompDirectiveDefault
	}
	defer func() { _ = s.Close() }() // it was only read
	models, err := s.Models(ctx)
	models = slices.DeleteFunc(models, func(name string) bool { return !strings.HasPrefix(name, word) })
	if err != nil || len(models) == 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return models, cobra.ShellCompDirectiveNoFileComp
}

// offerVersions are a model's versions, newest first, unless one was named.
func offerVersions(ctx context.Context, s *store.Store, p *config.Pipeline, args []string) ([]cobra.Completion, error) {
	if len(args) > 0 {
		return nil, nil
	}
	versions, err := s.List(ctx, p.Name)
	if err != nil {
		return nil, err
	}
	found := make([]cobra.Completion, len(versions))
	for i := range versions {
		v := &versions[i]
		what := fmt.Sprintf("%s, %s learned", v.At.Local().Format(time.DateTime), millrace.Counted(v.Manifest.Learned, "event"))
		if text := marks(*v); text != "" {
			what += ", " + text
		}
		found[i] = cobra.CompletionWithDesc(strconv.FormatUint(v.Head.Seq, 10), what)
	}
	return found, nil
}

// offerChallengers are the other models of the store, and then the versions of the one that was named.
func offerChallengers(ctx context.Context, s *store.Store, p *config.Pipeline, args []string) ([]cobra.Completion, error) {
	switch len(args) {
	case 0:
		models, err := s.Models(ctx)
		return slices.DeleteFunc(models, func(name string) bool { return name == p.Name }), err
	case 1:
		challenger := *p
		challenger.Name = args[0]
		return offerVersions(ctx, s, &challenger, nil)
	}
	return nil, nil
}
