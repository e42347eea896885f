package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"millrace"
	"millrace/config"
	"millrace/pipeline"
	"millrace/store"
)

// repairSnapshots puts back pointers that the store has lost.
func (a *app) repairSnapshots(file, url *string) *cobra.Command {
	var o store.RepairOptions
	var unserved bool
	cmd := &cobra.Command{
		Use: "repair", Short: "Put back a head or an index that the store lost, from the versions that are there",
		Long: `Look whether head, served, index and pins lead where they should, and say what would put them back: the newest whole
version becomes the head, as it was where the index still has it; versions that no pointer leads to get an entry from their
manifests; what cannot be read goes, and a key of another type is renamed. With --apply that is done, in one step.

No version's weights are changed. What the store has lost wholly comes back from a learner's --state-dir, or with
millrace snapshots import.`,
		Example: "  millrace snapshots repair -c payments.yaml            # what is wrong, and what would mend it\n" +
			"  millrace snapshots repair -c payments.yaml --apply",
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := pipeline.Load(*file)
			if err != nil {
				return err
			}
			st, err := a.openPipelineStore(cmd.Context(), p, *file, *url)
			if err != nil {
				return err
			}
			o.Serve, o.By = !unserved, person()
			return errors.Join(a.repair(cmd.Context(), st, p, o), st.Close())
		},
	}
	cmd.Flags().BoolVar(&o.Apply, "apply", false, "do it; otherwise only say what would be done")
	cmd.Flags().BoolVar(&unserved, "unserved", false, "leave served alone, as for a challenger")
	return cmd
}

func (a *app) repair(ctx context.Context, st *store.Store, p *config.Pipeline, o store.RepairOptions) error {
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	r, err := st.Repair(ctx, p.Name, o)
	if err != nil {
		return err // it names the model
	}
	if asJSON {
		err = json.NewEncoder(a.out).Encode(r)
	} else {
		err = a.printRepair(r)
	}
	if err == nil && len(r.Faults) > 0 && r.Head == (millrace.Head{}) {
		return fmt.Errorf("no whole version of %s is left to make the head: import one (millrace snapshots import), start a learner with the "+
			"--state-dir that it had, or begin anew with --fresh", p.Name)
	}
	return err
}

func (a *app) printRepair(r store.Repair) error {
	var b bytes.Buffer
	if len(r.Faults) == 0 && len(r.Steps) == 0 {
		_, err := fmt.Fprintf(a.out, "%s: nothing to repair; %s, the head is version %d\n", r.Model, millrace.Counted(r.Versions, "whole version"), r.Head.Seq)
		return err
	}
	fmt.Fprintf(&b, "%s: %s\n", r.Model, millrace.Counted(r.Versions, "whole version"))
	for _, f := range r.Faults {
		fmt.Fprintln(&b, "  wrong:", f)
	}
	verb := "would:"
	if r.Applied {
		verb = "did:  "
	}
	for _, s := range r.Steps {
		fmt.Fprintln(&b, " ", verb, s)
	}
	if !r.Applied && len(r.Steps) > 0 {
		fmt.Fprintln(&b, "Nothing was changed: to do it, add --apply")
	}
	_, err := a.out.Write(b.Bytes())
	return err
}
