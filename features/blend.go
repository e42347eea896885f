package features

import (
	"slices"

	"millrace"
)

// Player is one of a pipeline's features as explanations speak of them: an entry of `features`, of which a window may
// have several statistics. A cross is none, as it follows its parts.
type Player struct {
	Name   string
	Fields []int // of an event
}

// Players are the extractor's features in their order. Nobody changes them.
func (x *Extractor) Players() []Player { return x.players }

func (s Columns) players() []Player {
	var all []Player
	for i := range s {
		c := &s[i]
		if c.Type == Cross {
			continue
		}
		name := c.Name
		if c.entry != "" {
			name = c.entry
			if at := slices.IndexFunc(all, func(p Player) bool { return p.Name == name }); at >= 0 {
				all[at].Fields = append(all[at].Fields, i)
				continue
			}
		}
		all = append(all, Player{Name: name, Fields: []int{i}})
	}
	return all
}

// lagUsual is the number of a lag's own field in a Blend where the lag's usual values stand in place of the key's.
const lagUsual = 1

// Blend is an event put together of two: of each player it has what the one or the other has. What was derived, such as
// ratios and whose lags they are, stays with the player that it is of: ratios do not follow the numbers that they were
// made of. It is for one goroutine.
type Blend struct {
	x     *Extractor
	event millrace.Event
	parts [2][]millrace.Field // of each of the two events, by field
}

// NewBlend returns a blend of no events.
func (x *Extractor) NewBlend() *Blend {
	n := len(x.columns)
	return &Blend{x: x, event: millrace.Event{Fields: make([]millrace.Field, n)},
		parts: [2][]millrace.Field{make([]millrace.Field, n), make([]millrace.Field, n)}}
}

// Begin makes the blend one of e alone, with other to take players from: an event like e, or a Baseline of e. Both must
// have passed Check, and stay as they are while the blend is used.
func (b *Blend) Begin(e, other *millrace.Event) {
	b.event.ID, b.event.Time, b.event.Label = e.ID, e.Time, e.Label
	b.event.Entries = append(append(b.event.Entries[:0], e.Entries...), other.Entries...)
	for k, from := range [...]*millrace.Event{e, other} {
		copy(b.parts[k], from.Fields)
		for _, enc := range b.x.others {
			switch enc := enc.(type) {
			case *lags:
				for i := range enc.all {
					enc.all[i].hold(b.parts[k])
				}
			case *bags:
				for i := range enc.all {
					b.parts[k][enc.all[i].field].First += uint32(k * len(e.Entries))
				}
			}
		}
	}
	copy(b.event.Fields, b.parts[0])
}

// hold keeps in the lag's own field whose earlier values it has, whatever becomes of the key.
func (l *lag) hold(fields []millrace.Field) {
	own, key := &fields[l.own], &fields[l.key]
	if own.Presence != millrace.Absent { // of a baseline, which says so itself
		return
	}
	*own = millrace.Field{Presence: millrace.Null}
	if key.Presence == millrace.Present {
		own.Presence, own.Text = millrace.Present, key.Text
	}
}

// Take has the player's fields be those of the other event, or of the first again.
func (b *Blend) Take(player int, other bool) {
	from := b.parts[0]
	if other {
		from = b.parts[1]
	}
	for _, field := range b.x.players[player].Fields {
		b.event.Fields[field] = from[field]
	}
}

// Differs reports whether a player has something else in the two events.
func (b *Blend) Differs(player int) bool {
	for _, field := range b.x.players[player].Fields {
		one, two := &b.parts[0][field], &b.parts[1][field]
		if one.Presence != two.Presence || one.Number != two.Number || string(one.Text) != string(two.Text) ||
			!slices.Equal(b.event.Bag(one), b.event.Bag(two)) {
			return true
		}
	}
	return false
}

// Extract writes every compiled view of the blend into dst, as Extractor.Extract does of an event. Nothing is refused.
func (b *Blend) Extract(dst millrace.Input) { b.x.ExtractChecked(dst, &b.event) }

// Owners says of which player each column of a view is; nil for a view of which some columns are of several, as those
// of pairs and crosses, or with too many columns to list them.
func (x *Extractor) Owners(v millrace.ViewID) []int32 {
	_, shape, err := x.View(x.views[v])
	if err != nil || shape.Width > ownersMax {
		return nil
	}
	of := make([]int32, len(x.columns)) // the player of each field
	for i := range of {
		of[i] = -1
	}
	for i, p := range x.players {
		for _, field := range p.Fields {
			of[field] = int32(i)
		}
	}
	if kind := x.views[v]; slices.Contains(of, -1) || kind == millrace.ViewPairs || kind == millrace.ViewRaw {
		return nil
	}
	owners := make([]int32, 0, shape.Width)
	for i := range x.blocks {
		for range x.blocks[i].end - x.blocks[i].first {
			owners = append(owners, of[i])
		}
	}
	for k := range shape.Width - x.standard.Width { // levels
		owners = append(owners, of[x.levels.fields[k/levelsMax]])
	}
	return owners
}

// ownersMax is how many columns Owners lists: 16 MiB.
const ownersMax = 1 << 22
