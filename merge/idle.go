package merge

import "slices"

// turns notes that a partition is idle or awake. Of the first source's that is told.
func (m *Merger) turns(p *partition, idle bool) {
	if p.idle == idle && p.told != toldNothing {
		return
	}
	p.idle = idle
	if p.source.index == 0 && !slices.Contains(m.changed, p) {
		m.changed = append(m.changed, p)
	}
}

// rested reports whether some partition is idle of which that was not told: records may wait for the word.
func (m *Merger) rested() bool {
	return slices.ContainsFunc(m.changed, func(p *partition) bool { return p.idle && p.told != toldIdle })
}

// news tells what is another than was told, each partition once.
func (m *Merger) news(s *Stretch) {
	slices.SortFunc(m.changed, func(a, b *partition) int { return int(a.id) - int(b.id) })
	for _, p := range m.changed {
		switch {
		case p.idle && p.told != toldIdle:
			s.Idle = append(s.Idle, p.id)
			p.told = toldIdle
		case !p.idle && p.told != toldAwake:
			s.Awake = append(s.Awake, p.id)
			p.told = toldAwake
		}
	}
	clear(m.changed)
	m.changed = m.changed[:0]
}
