package main

import (
	"fmt"

	"millrace"
	"millrace/pipeline"
)

// deadAdvices say what a person can do about each reason, where it is the producer who can mend it and where the
// pipeline file.
func deadAdvices(reason millrace.Reason) string {
	switch reason {
	case millrace.ReasonEmpty:
		return "the producer wrote no value (a tombstone?): nothing of it can be learned"
	case millrace.ReasonTooLarge:
		return "raise limits.event if such events are meant to be learned"
	case millrace.ReasonTooDeep:
		return "raise limits.depth if such events are meant to be learned"
	case millrace.ReasonMalformed, millrace.ReasonNotObject, millrace.ReasonDuplicateKey:
		return "mend the producer: each record is one JSON object, which names each key once"
	case millrace.ReasonMalformedRow:
		return "mend the file: each row has as many cells as its header"
	case millrace.ReasonWrongType, millrace.ReasonNotFinite:
		return "mend the producer, or the feature: another type, or a format: (us, eu) for numbers in texts, or missing: {values: [...]} for " +
			"words that stand for no value"
	case millrace.ReasonOutOfRange:
		return "widen min and max of what lies at the path, or take what lies outside as the bound with outside: clip"
	case millrace.ReasonMissingFeature:
		return "the feature says missing: reject; missing: mean, zero or indicator learns such events"
	case millrace.ReasonTextTooLong:
		return "raise limits.text, or make the feature a text (type: text), which has no such bound"
	case millrace.ReasonTooManyEntries:
		return "raise the bag's number of entries"
	case millrace.ReasonMissingID, millrace.ReasonBadID:
		return "mend the producer, or the path of the id (events.id, label.id): ids are strings or whole numbers"
	case millrace.ReasonBadTime:
		return "say how the time is written: {path: ..., format: dmy, zone: Europe/Berlin}, or mend the producer"
	case millrace.ReasonMissingLabel:
		return "the label is not there: mend label.path, or leave out unlabelled: reject to score such events without learning them"
	case millrace.ReasonBadLabel:
		return "mend label.path and label.type, or a format: of numbers in texts"
	case millrace.ReasonUnknownClass:
		return "add the class to label.classes (which begins a new model), or mend the producer"
	case millrace.ReasonBadWeight:
		return "mend the producer, or label.weight: weights are finite numbers, 0 or more"
	case millrace.ReasonUpdateOverflow:
		return "learning it would have broken the model: look at the features' sizes (scale: standard), or lower the rate"
	case millrace.ReasonBadRecord, millrace.ReasonBadBatch:
		return "what was written to the topic cannot be read at all: look at the producer's client and its compression"
	case "":
		return "Millrace did not write this: somebody else writes to the topic of dead letters"
	}
	return "a later release of millrace wrote this, and may say more"
}

// deadAdvice is what to do about one letter.
func deadAdvice(l *pipeline.Letter) string {
	text := deadAdvices(l.Reason)
	if l.Range() {
		return fmt.Sprintf("%s; it stands for records that could not be read, up to offset %d", text, max(l.Last, 0))
	}
	return text
}
