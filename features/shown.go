package features

import (
	"time"

	"millrace"
)

// Shown is what a player has in an event, or in a Baseline of it, as people and JSON take it: a number, a boolean, a
// text, a time in UTC; of a window with several statistics each by its name, of a lag the values that it has step by
// step, of a bag how many entries it has. It is nil for what is not there.
func (x *Extractor) Shown(player int, e *millrace.Event) any {
	p := &x.players[player]
	if len(p.Fields) == 1 {
		return x.shown(p.Fields[0], e)
	}
	all := map[string]any{}
	for _, field := range p.Fields {
		all[x.columns[field].Stat[0]] = x.shown(field, e)
	}
	return all
}

func (x *Extractor) shown(field int, e *millrace.Event) any {
	f := &e.Fields[field]
	if x.columns[field].Type == Lag {
		return x.encoders[field].(*lags).shown(field, e)
	}
	if f.Presence != millrace.Present {
		return nil
	}
	switch x.columns[field].Type {
	case Boolean:
		if f.Number == 0 || f.Number == 1 {
			return f.Number == 1
		}
		return f.Number // the mean
	case Category, Text:
		return string(f.Text)
	case Time:
		return time.UnixMilli(int64(f.Number)).UTC().Format("2006-01-02T15:04:05.999Z07:00")
	case Bag:
		return int(f.Count)
	default:
		return f.Number
	}
}

// shown are a lag's values, nil for a key without any.
func (ls *lags) shown(field int, e *millrace.Event) any {
	for i := range ls.all {
		l := &ls.all[i]
		if l.own != field {
			continue
		}
		hash, ok := l.keyOf(e)
		if !ok {
			return nil
		}
		entry, ok := l.find(hash)
		if !ok {
			return nil
		}
		all := make([]any, len(l.steps))
		for k := range l.steps {
			if v, ok := l.step(e, entry, k); ok {
				all[k] = v
			}
		}
		return all
	}
	return nil
}
