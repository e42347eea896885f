package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"millrace"
	"millrace/config"
	"millrace/pipeline"
	"millrace/store"
)

func (a *app) snapshots() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "snapshots list|show|rollback|promote|import|repair",
		Short:   "Look at a model's versions, go back to one, or make a challenger's the champion",
		Example: "  millrace snapshots list -c payments.yaml",
		Args:    noVerb,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var file, url string
	cmd.PersistentFlags().StringVarP(&file, "config", "c", "", "pipeline file")
	cmd.PersistentFlags().StringVar(&url, "redis", "", "Redis URL in place of the pipeline file's, as that of a running embedded store")
	with := func(use func(ctx context.Context, s *store.Store, p *config.Pipeline, args []string) error) func(*cobra.Command, []string) error {
		return func(cmd *cobra.Command, args []string) error {
			p, err := pipeline.Load(file)
			if err != nil {
				return err
			}
			s, err := a.openPipelineStore(cmd.Context(), p, file, url)
			if err != nil {
				return err
			}
			return errors.Join(use(cmd.Context(), s, p, args), s.Close())
		}
	}
	var look looking
	rollback := &cobra.Command{
		Use: "rollback VERSION", Short: "Serve an older version again, and learn on from it",
		Long: `Make an older version the head and what scorers serve. It takes a new epoch, so a running learner stops,
reloads it and reads on from its positions: the events learned since then are learned again, and the version that comes of
that, within seconds, is served in its place. To keep serving an older one, stop the learner; score serves on without.

A version is of use only with the settings that it was learned with. Where the pipeline file has others (after a promotion,
say), rolling back refuses and says what differs: give the former file, and start processes again with it. Windows and events
that wait for their label are made again from the log: where that no longer reaches back as far, or cannot be asked, rolling
back refuses, too; --force leaves looking out.`,
		Example:           "  millrace snapshots rollback 41 -c payments.yaml",
		ValidArgsFunction: a.completeFromStore(&url, offerVersions),
		Args:              exactly(1, "one version"), RunE: with(func(ctx context.Context, s *store.Store, p *config.Pipeline, args []string) error {
			nameBrokers(p, look.brokers)
			return a.rollback(ctx, s, p, args, file, look.force)
		}),
	}
	look.flags(rollback)
	cmd.AddCommand(reading(&cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the versions that are kept, newest first",
		Example: "  millrace snapshots list -c payments.yaml --output json",
		Args:    exactly(0, "no arguments"), RunE: with(a.listSnapshots),
	}), reading(&cobra.Command{
		Use: "show [VERSION]", Short: "Show one version, the head by default: metrics, positions, sizes, a mixture's experts",
		Example:           "  millrace snapshots show 42 -c payments.yaml",
		ValidArgsFunction: a.completeFromStore(&url, offerVersions),
		Args:              between(0, 1, "one version at most"), RunE: with(a.showSnapshot),
	}), rollback, a.promoteSnapshot(&file, &url), a.importSnapshot(&file, &url), a.repairSnapshots(&file, &url))
	return cmd
}

// looking is whether, and where, to look before a flip whether the log holds what a version goes on with.
type looking struct {
	force   bool
	brokers []string
}

func (l *looking) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&l.force, "force", false, "flip without asking Kafka whether the log still holds what windows and waiting events are made from")
	cmd.Flags().StringSliceVar(&l.brokers, "brokers", nil, "Kafka addresses in place of the pipeline file's, as that of a running embedded broker")
}

// openPipelineStore opens the pipeline's store, also that of a process of this machine with servers of its own, or the
// one at url. No broker is needed for that, and none looked for.
func (a *app) openPipelineStore(ctx context.Context, p *config.Pipeline, file, url string) (*store.Store, error) {
	log, err := a.logger()
	if err != nil {
		return nil, err
	}
	if url != "" {
		p.Redis.Mode, p.Redis.URL = "external", url
	}
	o := a.locating(file, 0, log)
	o.Store = true
	if err := pipeline.Locate(ctx, p, o); err != nil {
		return nil, err
	}
	return a.openStore(p)
}

func (a *app) listSnapshots(ctx context.Context, s *store.Store, p *config.Pipeline, _ []string) error {
	model := p.Name
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	versions, err := s.List(ctx, model)
	if err != nil {
		return fmt.Errorf("listing versions of %s: %w", model, err)
	}
	if asJSON {
		rows := make([]versionRow, len(versions))
		for i := range versions {
			rows[i] = newVersionRow(versions[i])
		}
		return json.NewEncoder(a.out).Encode(rows)
	}
	if len(versions) == 0 {
		_, err := fmt.Fprintf(a.out, "no versions of %s yet\n", model)
		return err
	}
	t := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	return errors.Join(printVersions(t, versions), t.Flush())
}

// versionRow is a version as JSON: in the spelling of all else, and as releases before had it, for scripts that read
// that.
type versionRow struct {
	store.Version
	OldAt       time.Time         `json:"At"`
	OldManifest millrace.Manifest `json:"Manifest"`
	OldIsHead   bool              `json:"IsHead"`
	OldIsServed bool              `json:"IsServed"`
	OldPinned   bool              `json:"Pinned"`
	OldFault    string            `json:"Fault"`
}

// shownVersion is one version as JSON, with a mixture's experts.
type shownVersion struct {
	versionRow
	Experts    []expertRow `json:"experts,omitempty"`
	OldExperts []expertRow `json:"Experts,omitempty"`
}

func newVersionRow(v store.Version) versionRow {
	return versionRow{v, v.At, v.Manifest, v.IsHead, v.IsServed, v.Pinned, v.Fault}
}

// printVersions writes a line a version. What was applied stands beside what was learned where that is another number.
func printVersions(w io.Writer, versions []store.Version) error {
	title, applied := "", func(*millrace.Manifest) string { return "" }
	if slices.ContainsFunc(versions, func(v store.Version) bool { return v.Manifest.Applied > 0 }) {
		title, applied = "APPLIED\t", func(m *millrace.Manifest) string { return fmt.Sprintf("%d\t", m.Steps()) }
	}
	_, err := fmt.Fprintf(w, "VERSION\tEPOCH\tPUBLISHED\t%sLEARNED\tREJECTED\tSIZE\tRECENT LOSS\tCAUSE\tBY\tIN USE\n", title)
	for _, v := range versions {
		m := v.Manifest
		_, lineErr := fmt.Fprintf(w, "%d\t%d\t%s\t%s%d\t%d\t%s\t%s\t%s\t%s\t%s\n", v.Head.Seq, v.Head.Epoch, v.At.Local().Format(time.DateTime),
			applied(&m), m.Learned, m.Rejected, byteText(m.Serving.Bytes+m.Training.Bytes), lossText(m.Metrics), v.Head.Cause, v.Head.By, marks(v))
		err = errors.Join(err, lineErr)
	}
	return err
}

func marks(v store.Version) string {
	var marks []string
	if v.IsHead {
		marks = append(marks, "head")
	}
	if v.IsServed {
		marks = append(marks, "served")
	}
	return strings.Join(marks, ", ")
}

// lossText is the metric people look at first: log-loss or mean absolute error over the fading window.
func lossText(metrics map[string]float64) string {
	for _, name := range []string{"log_loss_fading", "mae_fading"} {
		if v, ok := metrics[name]; ok {
			return strings.TrimSuffix(fmt.Sprintf("%#.4g", v), ".")
		}
	}
	return "–"
}

func byteText(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

func versionArgument(text string) (uint64, error) {
	seq, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, config.Usagef("%q is no version: give a number from snapshots list", text)
	}
	return seq, nil
}

// chosenVersion is the version that args name, or the head.
func chosenVersion(ctx context.Context, s *store.Store, model string, args []string) (store.Version, error) {
	chosen, what := func(v store.Version) bool { return v.IsHead }, "the store has no head of "+model
	if len(args) > 0 {
		seq, err := versionArgument(args[0])
		if err != nil {
			return store.Version{}, err
		}
		chosen, what = func(v store.Version) bool { return v.Head.Seq == seq }, fmt.Sprintf("version %d of %s is not kept", seq, model)
	}
	versions, err := s.List(ctx, model)
	if err != nil {
		return store.Version{}, fmt.Errorf("listing versions of %s: %w", model, err)
	}
	i := slices.IndexFunc(versions, chosen)
	if i < 0 {
		return store.Version{}, fmt.Errorf("%s: see snapshots list", what)
	}
	return versions[i], nil
}

func (a *app) showSnapshot(ctx context.Context, s *store.Store, p *config.Pipeline, args []string) error {
	model := p.Name
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	v, err := chosenVersion(ctx, s, model, args)
	if err != nil {
		return err
	}
	// Loading verifies checksums, so that show tells a damaged version from a good one.
	snap, err := s.Load(ctx, model, v.Head, true)
	if err != nil {
		return fmt.Errorf("version %d of %s: %w", v.Head.Seq, model, err)
	}
	experts, err := snapshotExperts(&snap)
	if err != nil {
		// A mixture of another release, say: all else is still worth showing.
		fmt.Fprintf(a.err, "the experts of version %d cannot be shown: %v\n", v.Head.Seq, err)
	}
	if asJSON {
		return json.NewEncoder(a.out).Encode(shownVersion{newVersionRow(v), experts, experts})
	}
	if err := printVersion(a.out, v); err != nil || len(experts) == 0 {
		return err
	}
	return printExperts(a.out, experts)
}

func printVersion(w io.Writer, v store.Version) error {
	m := v.Manifest
	fmt.Fprintf(w, "version %d of %s", v.Head.Seq, m.Model)
	if text := marks(v); text != "" {
		fmt.Fprintf(w, ", %s", text)
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "candidate\t%s\ncause\t%s by %s\ncreated\t%s\nlearned\t%s, %d rejected\n", v.Head.Candidate, v.Head.Cause,
		v.Head.By, m.CreatedAt.Format(time.RFC3339), millrace.Counted(m.Learned, "event"), m.Rejected)
	fmt.Fprintf(t, "serving\t%s, sha256 %s\ntraining\t%s, sha256 %s\n", byteText(m.Serving.Bytes), m.Serving.SHA256,
		byteText(m.Training.Bytes), m.Training.SHA256)
	fmt.Fprintf(t, "schema\t%s\nprofile\t%s\ncluster\t%s\n", m.SchemaHash, m.Profile, m.Cluster)
	if m.Applied > 0 {
		fmt.Fprintf(t, "applied\t%d records, labels and expiries\n", m.Applied)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Names)) {
		fmt.Fprintf(t, "%s\t%d\n", strings.ReplaceAll(name, "_", " "), m.Names[name])
	}
	for _, p := range m.Positions {
		fmt.Fprintf(t, "position\t%s/%d at %d\n", p.Topic, p.Partition, p.Offset)
	}
	if m.Keyed != nil {
		for _, mark := range m.Keyed.Rebuild {
			fmt.Fprintf(t, "rebuilt from\t%s/%d at %d\n", mark.Topic, mark.Partition, mark.Offset)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Metrics)) {
		fmt.Fprintf(t, "%s\t%.6g\n", name, m.Metrics[name])
	}
	return t.Flush()
}

// flip is what a person asked for who moves a model's pointers.
func (a *app) flip(file string, force bool) (pipeline.Flip, error) {
	log, err := a.logger()
	return pipeline.Flip{By: person(), Force: force, Locating: a.locating(file, 0, log)}, err
}

func (a *app) rollback(ctx context.Context, s *store.Store, p *config.Pipeline, args []string, file string, force bool) error {
	model := p.Name
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	seq, err := versionArgument(args[0])
	if err != nil {
		return err
	}
	flip, err := a.flip(file, force)
	if err != nil {
		return err
	}
	head, err := pipeline.Rollback(ctx, s, p, seq, flip)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(a.out).Encode(head)
	}
	_, err = fmt.Fprintf(a.out, "%s now serves version %d again, as version %d\n%s\n", model, seq, head.Seq, afterRollback)
	return err
}

// afterRollback is what becomes of the version that is served again: it is not held.
const afterRollback = "it is served until the next version: a learner that runs, or is started, goes on from it, learns again what came since, and\n" +
	"publishes that; to keep serving this one, stop the learner (score goes on without), and first mend what made the later versions bad"

// person names who ran this, for the history.
func person() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return name
}
