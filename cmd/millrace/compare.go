package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"millrace/config"
	"millrace/config/infer"
	"millrace/decode"
	"millrace/model"
	"millrace/offline"
	"millrace/pipeline"
)

// compareFlags say who is compared.
type compareFlags struct {
	files  []string
	models []string
	label  string
	seed   seedFlag
	plot   string
	late   dataFlags
}

func (a *app) compare() *cobra.Command {
	var o compareFlags
	cmd := &cobra.Command{
		Use:   "compare DATA... [--label PATH] [--models LIST] [-c FILE]... [--plot FILE]",
		Short: "Progressive validation of several models over the same events, side by side",
		Long: `Let several models predict every row of a file before learning it, all of them the same rows in one pass,
and print a table of their losses, speeds and sizes, the best of each column marked. Without -c features and label are
inferred from the data, and every family that suits the label takes part. Each -c adds the model of a pipeline file,
which must predict the same label; with --models, those families take part on the first file's features too.

Events per second are those of a model alone, once events are decoded. --plot draws how the log-loss (for numbers, the
root mean squared error) went, as .svg or .png.`,
		Example: `  millrace compare elec.csv --label y --plot elec.svg
  millrace compare --models logistic,mlp --label y data.csv.gz --output json
  millrace compare -c examples/elec.yaml -c examples/elec-mlp.yaml elec.csv`,
		Args: someFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := o.late.data(cmd.Context(), a, args, len(o.files) != 1 || len(o.models) > 0)
			if err != nil {
				return err
			}
			plot, err := plotPlace(o.plot)
			if err != nil {
				return err
			}
			defer plot.drop()
			contenders, err := a.contenders(cmd.Context(), data, o)
			if err != nil {
				return err
			}
			return a.compareFile(cmd.Context(), contenders, data, plot)
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.files, "config", "c", nil, "pipeline file; may be given several times")
	f.StringSliceVar(&o.models, "models", nil, "families: "+strings.Join(model.Families(), ", ")+"; without -c, all that suit the label")
	f.StringVar(&o.label, "label", "", "without -c: the column to predict; guessed when left out")
	f.Var(&o.seed, "seed", "seed of all randomness, in place of the pipeline files'")
	o.late.add(f)
	f.StringVar(&o.plot, "plot", "", "draw the losses into this file, .svg or .png")
	withoutConfig(cmd, "label")
	return cmd
}

// contenders builds all that are asked for. Those that cannot be built say why, unless none can.
func (a *app) contenders(ctx context.Context, data offline.Data, o compareFlags) ([]*offline.Contender, error) {
	var list []*offline.Contender
	var base *config.Pipeline // whose features and label the families take
	sparse := false
	if len(o.files) == 0 {
		r, p, err := offline.Inferred(ctx, data, infer.Options{Label: o.label, Model: targetFamily(o.models), ScanAll: true})
		if err != nil {
			return nil, config.UsageError{Err: err}
		}
		a.tellInferred(&r.Report)
		base, sparse = p, r.Sparse
		if len(o.models) == 0 {
			o.models = model.Suitable(p.Target())
		}
	} else if o.label != "" {
		return nil, config.Usagef("--label is for runs without a pipeline file; %s names it", o.files[0])
	}
	for _, file := range o.files {
		p, err := pipeline.Load(file)
		if err != nil {
			return nil, err
		}
		base = cmp.Or(base, p)
		if !sameLabel(p.Label, base.Label) {
			return nil, config.Usagef("%s and %s predict different labels: losses of different things cannot be compared", o.files[0], file)
		}
		o.seed.apply(p)
		list = append(list, offline.NewContender(unusedName(list, p.Name), p, data))
	}
	for _, family := range o.models {
		if !slices.Contains(model.Families(), family) {
			return nil, config.Usagef("--models: %q is none of %s", family, strings.Join(model.Families(), ", "))
		}
		p := *base
		p.Model = infer.ModelSpec(family, sparse)
		p.Model.Seed = base.Model.Seed
		o.seed.apply(&p)
		list = append(list, offline.NewContender(unusedName(list, family), &p, data))
	}
	if failed := offline.Failures(list); len(failed) == len(list) {
		return nil, config.UsageError{Err: errors.Join(failed...)}
	}
	return list, nil
}

// sameLabel says whether two pipelines predict the same. How events and classes weigh may differ: that is worth a
// comparison.
func sameLabel(a, b decode.LabelSpec) bool {
	return a.Path == b.Path && a.Type == b.Type && slices.Equal(a.Classes, b.Classes) && a.Positive == b.Positive
}

// targetFamily is the family that settles whether whole numbers are classes or numbers, when the families that are
// asked for say so.
func targetFamily(models []string) string {
	linear, logistic := slices.Contains(models, "linear"), slices.Contains(models, "logistic")
	switch {
	case linear && !logistic:
		return "linear"
	case logistic && !linear:
		return "logistic"
	}
	return ""
}

// unusedName numbers names that come again.
func unusedName(list []*offline.Contender, name string) string {
	taken := func(name string) bool {
		return slices.ContainsFunc(list, func(c *offline.Contender) bool { return c.Name == name })
	}
	unused := name
	for n := 2; taken(unused); n++ {
		unused = fmt.Sprintf("%s (%d)", name, n)
	}
	return unused
}

func (a *app) compareFile(ctx context.Context, contenders []*offline.Contender, data offline.Data, plot *place) error {
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	progress, finish := a.progress("comparing")
	err = offline.Race(ctx, data, contenders, progress)
	finish()
	if err != nil && !interrupted(err) {
		return err
	}
	calledOff := err
	built := slices.DeleteFunc(slices.Clone(contenders), func(c *offline.Contender) bool { return c.Err != nil })
	passes := make([]*offline.Pass, len(built))
	for i, c := range built {
		passes[i] = &c.Pass
	}
	a.tellMissing(passes...)
	// The table first: a picture that cannot be written must not cost what was learned.
	result := offline.NewComparison(offline.Name(data.Events), contenders)
	if asJSON {
		err = json.NewEncoder(a.out).Encode(result)
	} else {
		a.tellRejected(&built[0].Pass)
		err = errors.Join(printComparison(a.out, result), printLabels(a.out, built[0].Summary()))
	}
	if err == nil && plot != nil {
		err = savePlot(plot, offline.Name(data.Events), built)
	}
	return cmp.Or(err, calledOff)
}
