package learner

import (
	"maps"

	"millrace/join"
)

// Outcome is what became of an event or a label, as far as it is known when it has been applied.
type Outcome uint8

// The outcomes. Waiting and LabelEarly are followed by another one later; every event and every label ends under
// exactly one of the rest.
const (
	Rejected       Outcome = iota // it cannot be used; the rejection says why
	Learned                       // it brought its label, and changed the weights
	Unlabelled                    // predicted and observed; no label can come
	Waiting                       // predicted and observed; its label may come
	Joined                        // its label came, or was there before it, and it changed the weights
	Duplicate                     // an event of its id has been: predicted and observed
	NoID                          // as Unlabelled, where labels come by id
	Expired                       // its wait ended without a label: dropped
	ExpiredLearned                // its wait ended without a label: learned as what such an event is
	Crowded                       // as one of these two, before its time: memory was full
	Lost                          // it waited, and the log no longer has it

	LabelEarly     // it waits for its event
	LabelJoined    // with its event
	LabelUnmatched // no event came for it in time
	LabelRepeated  // its event has had one, or waits no longer
	LabelCrowded   // it waited for its event until too many did
	LabelRejected  // it cannot be used; the rejection says why
	LabelLost      // it waited, and the log no longer has it

	Unmeasured // beside Joined, ExpiredLearned, Crowded: in no figure, without the prediction made when it came

	outcomes
)

// names are the outcomes' stable words; the empty ones are followed by another outcome.
func (o Outcome) name() join.Name {
	return [outcomes]join.Name{
		Rejected: join.NameRejected, Learned: join.NameLabelled, Unlabelled: join.NameUnlabelled, Joined: join.NameJoined,
		Duplicate: join.NameDuplicate, NoID: join.NameNoID, Expired: join.NameExpired, ExpiredLearned: join.NameExpiredLearned,
		Crowded: join.NameCrowded, Lost: join.NameLost, LabelEarly: join.NameLabelEarly, LabelJoined: join.NameLabelJoined,
		LabelUnmatched: join.NameLabelUnmatched, LabelRepeated: join.NameLabelRepeated, LabelCrowded: join.NameLabelCrowded,
		LabelRejected: join.NameLabelRejected, LabelLost: join.NameLabelLost, Unmeasured: join.NameUnmeasured,
	}[o]
}

// Learns reports whether an event changed the weights with it, at that moment.
func (o Outcome) Learns() bool {
	return o == Learned || o == Joined || o == LabelJoined || o == ExpiredLearned
}

// counts are how many had each outcome.
type counts [outcomes]uint64

// names are the counts by name; those of other releases, which it does not know, are in kept.
func (t *counts) names(kept map[string]uint64) map[string]uint64 {
	all := maps.Clone(kept)
	if all == nil {
		all = map[string]uint64{}
	}
	for o := range outcomes {
		if name := o.name(); name != "" && t[o] > 0 {
			all[string(name)] = t[o]
		}
	}
	return all
}

// restore takes counts over, and returns those under names that it does not know.
func (t *counts) restore(names map[string]uint64) (kept map[string]uint64) {
	*t = counts{}
	kept = maps.Clone(names)
	for o := range outcomes {
		if name := o.name(); name != "" {
			t[o] = names[string(name)]
			delete(kept, string(name))
		}
	}
	return kept
}
