package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"millrace"
)

// RepairOptions say how far a repair goes.
type RepairOptions struct {
	Apply bool   // change the store; otherwise only say what would change
	Serve bool   // rebuild served along with a head; false for a challenger, which is never served
	By    string // who, for the history
}

// Repair is what is wrong with a model's pointers, and what mends it.
type Repair struct {
	Model    string        `json:"model"`
	Faults   []string      `json:"faults"`   // what is wrong
	Steps    []string      `json:"steps"`    // what mends it, or has mended it
	Versions int           `json:"versions"` // whole candidates that were found
	Head     millrace.Head `json:"head"`     // afterwards; the zero Head when nothing is left to rebuild it from
	Served   millrace.Head `json:"served"`   // afterwards; the zero Head for none
	Applied  bool          `json:"applied"`
}

// Repair rebuilds head, served and the index from the candidates that are there. It puts pointers back as they were
// where the index still has them, so that a learner goes on and scorers see nothing new; a version that no pointer
// leads to gets one from its manifest. Keys of a wrong type are renamed, not deleted. What is in order stays as it is.
func (s *Store) Repair(ctx context.Context, model string, o RepairOptions) (Repair, error) {
	if err := checkModel(model); err != nil {
		return Repair{}, err
	}
	for range rollbackAttemptsMax {
		p, err := s.planRepair(ctx, model, o)
		if err != nil {
			return Repair{}, fmt.Errorf("repairing %s: %w", model, err)
		}
		if !o.Apply || len(p.report.Steps) == 0 {
			return p.report, nil
		}
		answer, err := s.repair(ctx, p)
		if err != nil {
			return Repair{}, fmt.Errorf("repairing %s: %w", model, err)
		}
		if answer == "OK" {
			p.report.Applied = true
			return p.report, s.flipped(ctx, model)
		}
		// Somebody published between the look and the change: look again.
	}
	return Repair{}, fmt.Errorf("repairing %s: other writers were faster every time, so its learner is alive and mends the head itself", model)
}

// repairPlan is what a repair does in one step.
type repairPlan struct {
	keys         keys
	state        state
	whole        map[string]found // by candidate
	head, served string           // to set; empty for leaving them
	add          []record         // to the index
	remove       []string         // from it
	unpin        []string
	report       Repair
}

func (s *Store) planRepair(ctx context.Context, model string, o RepairOptions) (*repairPlan, error) {
	st, err := s.state(ctx, model)
	if err != nil {
		return nil, err
	}
	p := &repairPlan{keys: keysOf(model), state: st, report: Repair{Model: model, Faults: slices.Clone(st.faults), Head: st.head.Head, Served: st.served.Head}}
	if p.whole, err = s.candidates(ctx, model); err != nil {
		return nil, err
	}
	p.report.Versions = len(p.whole)
	for _, key := range st.mistyped {
		p.step("rename %s, which holds another type", key)
	}
	for _, pin := range st.badPins {
		p.unpin = append(p.unpin, pin)
		p.step("unpin %.60q, which is no candidate", pin)
	}
	if err := p.planIndex(o, s.o.Now()); err != nil {
		return nil, err
	}
	return p, s.planPointers(ctx, p, o)
}

func (p *repairPlan) fault(format string, a ...any) {
	p.report.Faults = append(p.report.Faults, fmt.Sprintf(format, a...))
}

func (p *repairPlan) step(format string, a ...any) {
	p.report.Steps = append(p.report.Steps, fmt.Sprintf(format, a...))
}

// planIndex drops members that lead nowhere and adds what no member leads to.
func (p *repairPlan) planIndex(o RepairOptions, now time.Time) error {
	for _, raw := range p.state.unreadable {
		p.remove = append(p.remove, raw)
		p.step("drop the index member %.60q", raw)
	}
	led := map[string]bool{}
	for _, r := range p.state.history {
		if p.whole[r.Candidate].digest == r.Digest {
			led[r.Candidate] = true
			continue
		}
		p.fault("version %d leads to %s, which is gone or damaged", r.Seq, r.Candidate)
		if p.state.indexed[r.raw] {
			p.remove = append(p.remove, r.raw)
			p.step("drop version %d from the index", r.Seq)
		}
	}
	for _, r := range p.state.history { // head and served stand in the index, too
		if led[r.Candidate] && !p.state.indexed[r.raw] {
			p.fault("version %d is not in the index", r.Seq)
			p.add = append(p.add, r)
			p.step("put version %d into the index", r.Seq)
		}
	}
	for name, c := range p.whole {
		if led[name] {
			continue
		}
		cause := millrace.CauseRepaired
		if c.manifest.Steps() == 0 {
			cause = millrace.CauseFirst
		}
		r, err := newRecord(millrace.Head{Seq: c.manifest.Seq, Epoch: c.manifest.Epoch, Candidate: name, Digest: c.digest, Cause: cause,
			By: o.By, Origin: c.manifest.Origin, Began: c.manifest.Began}, now)
		if err != nil {
			return err
		}
		p.fault("no pointer leads to candidate %s", name)
		p.add = append(p.add, r)
		p.step("put version %d into the index, from its manifest", r.Seq)
	}
	return nil
}

// planPointers chooses head and served anew where they are lost or lead nowhere.
func (s *Store) planPointers(ctx context.Context, p *repairPlan, o RepairOptions) error {
	st := &p.state
	versions := slices.Concat(st.history, p.add)
	slices.SortFunc(versions, func(a, b record) int {
		return cmp.Or(cmp.Compare(b.Epoch, a.Epoch), cmp.Compare(b.Seq, a.Seq))
	})
	whatever := func(millrace.Manifest) bool { return true }
	head, err := s.newestIntact(ctx, p, []record{st.head}, whatever)
	if err != nil {
		return err
	}
	served, err := s.newestIntact(ctx, p, []record{st.served}, whatever)
	if err != nil {
		return err
	}
	headLost := head.raw == ""
	anything := len(st.history) > 0 || len(p.whole) > 0 || len(st.faults) > 0
	if headLost && anything {
		p.report.Head = millrace.Head{}
		if st.head.raw == "" {
			p.fault("there is no head")
		}
		newest, err := s.newestIntact(ctx, p, versions, whatever)
		if err != nil {
			return err
		}
		if newest.raw != "" {
			p.head, p.report.Head = newest.raw, newest.Head
			p.step("make version %d the head (%d events learned)", newest.Seq, p.whole[newest.Candidate].manifest.Learned)
		}
	}
	servedLost := st.served.raw != "" && served.raw == "" || st.served.raw == "" && headLost && o.Serve
	if servedLost && anything {
		p.report.Served = millrace.Head{}
		newest, err := s.newestIntact(ctx, p, versions, func(m millrace.Manifest) bool { return m.Steps() > 0 })
		if err != nil {
			return err
		}
		if newest.raw != "" {
			p.served, p.report.Served = newest.raw, newest.Head
			p.step("serve version %d", newest.Seq)
		}
	}
	return nil
}

// newestIntact is the newest version that fits and whose blobs have the checksums of its manifest; the zero record when
// there is none.
func (s *Store) newestIntact(ctx context.Context, p *repairPlan, newestFirst []record, fits func(millrace.Manifest) bool) (record, error) {
	for _, r := range newestFirst {
		if c := p.whole[r.Candidate]; r.Seq == 0 || c.digest != r.Digest || !fits(c.manifest) {
			continue
		}
		_, err := s.Load(ctx, p.report.Model, r.Head, true)
		switch {
		case err == nil:
			return r, nil
		case errors.Is(err, millrace.ErrCorrupt) || errors.Is(err, ErrGone):
			p.fault("version %d: %v", r.Seq, err)
		default:
			return record{}, err
		}
	}
	return record{}, nil
}

// repair changes what the plan says, all or nothing.
func (s *Store) repair(ctx context.Context, p *repairPlan) (string, error) {
	k := p.keys
	word, err := s.word(4)
	if err != nil {
		return "", err
	}
	names := []string{k.owner(), k.head(), k.served(), k.index(), k.pinned()}
	for _, key := range names[:5] {
		names = append(names, key+".aside-"+word)
	}
	args := []any{p.state.head.raw, p.state.served.raw, p.head, p.served, len(p.add), len(p.remove)}
	for _, r := range p.add {
		args = append(args, count(r.Seq), r.raw)
	}
	for _, raw := range p.remove {
		args = append(args, raw)
	}
	for _, pin := range p.unpin {
		args = append(args, pin)
	}
	answer, err := s.scripts.repair.Run(ctx, s.client, names, args...).Text()
	if err != nil {
		return "", s.failed("changing the pointers", err)
	}
	return answer, nil
}
