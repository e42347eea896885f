package decode

import (
	"fmt"
	"strings"

	"millrace/features"
)

// add enters a path into the trie and returns its edge.
func (s *schema) add(path string, t target) (int32, error) {
	keys, err := features.SplitPath(path)
	if err != nil {
		return 0, fmt.Errorf("%q is no path: %w", path, err)
	}
	if len(keys) > s.limits.Depth {
		return 0, fmt.Errorf("%q is nested deeper than limits.depth, %d", path, s.limits.Depth)
	}
	t.path = path
	at := int32(0)
	for i, key := range keys {
		e := s.edge(at, key, features.JoinPath(keys[:i+1]...))
		if i == len(keys)-1 {
			return e, s.attach(e, t)
		}
		if len(s.edges[e].targets) > 0 {
			return 0, fmt.Errorf("%q goes through %q, which is a value itself", path, s.edges[e].path)
		}
		if s.edges[e].node < 0 {
			s.edges[e].node = int32(len(s.nodes))
			s.nodes = append(s.nodes, node{path: s.edges[e].path})
		}
		at = s.edges[e].node
		s.nodes[at].below |= t.below()
	}
	panic("unreachable: a path has a last key")
}

// edge finds or makes the edge of key below a node.
func (s *schema) edge(at int32, key, path string) int32 {
	for _, e := range s.nodes[at].edges {
		if s.edges[e].key == key {
			return e
		}
	}
	e := int32(len(s.edges))
	s.edges = append(s.edges, edge{key: key, quoted: quoteKey(key), path: path, node: -1})
	s.nodes[at].edges = append(s.nodes[at].edges, e)
	return e
}

// quoteKey writes a key as JSON, escaping only what must be, and its colon.
func quoteKey(key string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range key {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteString(`":`)
	return b.String()
}

// attach adds a use to a leaf. A path may have several, but a feature never shares the label's: the
// model would score perfectly in training and know nothing.
func (s *schema) attach(e int32, t target) error {
	if s.edges[e].node >= 0 {
		return fmt.Errorf("%q is an object that other paths go through", t.path)
	}
	for _, other := range s.edges[e].targets {
		if t.label() != s.targets[other].label() && (t.use <= useMoment || s.targets[other].use <= useMoment) {
			return fmt.Errorf("%q is the label as well: a model would learn to read the answer", t.path)
		}
	}
	s.edges[e].targets = append(s.edges[e].targets, int32(len(s.targets)))
	s.targets = append(s.targets, t)
	return nil
}
