package scorer

import (
	"errors"

	"millrace"
	"millrace/explain"
)

// ErrNoReasons says that a scorer's replicas cannot be explained.
var ErrNoReasons = errors.New("scores are not explained here")

// Explain scores a record as Score does, into score, and says why: by the same version, and the same event. What cannot
// be scored has no reasons, and its rejection is the error.
func (s *Session) Explain(rec *millrace.Record, score *millrace.Score, dst *explain.Explanation) error {
	if err := s.Score(rec, score); err != nil {
		return err
	}
	if s.explainer == nil || s.explained != s.version {
		if s.version.newExplainer == nil {
			return ErrNoReasons
		}
		e, err := s.version.newExplainer()
		if err != nil {
			return err
		}
		s.explainer, s.explained = e, s.version
	}
	return s.explainer.Explain(dst, s.event, s.version.Head.Seq) //nolint:wrapcheck // a rejection is what it is
}

// Report explains a record, for people. Reasons are the texts of features.
func (s *Session) Report(rec *millrace.Record, reasons map[string]string) (explain.Report, error) {
	var score millrace.Score
	var why explain.Explanation
	if err := s.Explain(rec, &score, &why); err != nil {
		return explain.Report{}, err
	}
	return s.explainer.Report(&why, s.event, &score, s.scorer.o.Classes, reasons) //nolint:wrapcheck // says what it is
}
