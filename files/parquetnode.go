package files

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// node is a column, or a group of them, compiled for writing.
type node struct {
	key                []byte // `"name":`
	first, last        int    // its leaves
	optional, repeated bool
	children           []*node
	list               *node // the repeated node within a list; nil for others
	entries            *node // the repeated node within a map
	write              func(dst []byte, v parquet.Value) ([]byte, bool)
}

// nodeOf compiles a column.
func (c *columnar) nodeOf(column *parquet.Column) (*node, error) {
	n := &node{
		key: append(appendString(nil, []byte(column.Name())), ':'), first: len(c.leaves),
		optional: column.Optional(), repeated: column.Repeated(),
	}
	if column.Leaf() {
		if len(c.leaves) == parquetColumnsMax {
			return nil, fmt.Errorf("more than %d columns", parquetColumnsMax)
		}
		c.leaves = append(c.leaves, &leaf{many: column.MaxRepetitionLevel() > 0})
		n.last = len(c.leaves)
		var err error
		if n.write, err = writerOf(column.Type()); err != nil {
			return nil, fmt.Errorf("column %s: %w", strings.Join(column.Path(), "."), err)
		}
		return n, nil
	}
	for _, child := range column.Columns() {
		inner, err := c.nodeOf(child)
		if err != nil {
			return nil, err
		}
		n.children = append(n.children, inner)
	}
	if n.last = len(c.leaves); n.last == n.first {
		return nil, fmt.Errorf("column %s is a group of none", strings.Join(column.Path(), "."))
	}
	if len(n.children) != 1 || !n.children[0].repeated {
		return n, nil
	}
	// A list is a group that holds a repeated one, which mostly holds the element; so is a map, with key and value.
	child := column.Columns()[0]
	switch name := child.Name(); {
	case isMap(column.Type()) && len(n.children[0].children) == 2:
		n.entries = n.children[0]
	case isList(column.Type()) && len(n.children[0].children) == 1 && name != "array" && !strings.HasSuffix(name, "_tuple"):
		n.list = n.children[0]
		n.list.list = n.list.children[0] // its only child stands for it
	case isList(column.Type()):
		n.list = n.children[0]
	}
	return n, nil
}

// errDisagree says that columns of a row have not as many values as each other.
var errDisagree = errors.New("the file is damaged: its columns do not agree on how many values a row has")

// level is the definition level of what a node begins with.
func (c *columnar) level(n *node) int {
	for i := n.first; i < n.last; i++ {
		if len(c.scope[i]) == 0 {
			c.bad = errDisagree
			return -1
		}
	}
	return c.scope[n.first][0].DefinitionLevel()
}

// object appends fields that are there as an object.
func (c *columnar) object(dst []byte, fields []*node, def, rep int) []byte {
	dst = append(dst, '{')
	for _, n := range fields {
		start := len(dst)
		if dst[start-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(dst, n.key...)
		var ok bool
		if dst, ok = c.value(dst, n, def, rep); !ok {
			dst = dst[:start]
		}
		if c.bad != nil {
			return dst
		}
	}
	return append(dst, '}')
}

// value appends what a node holds, if it holds anything.
func (c *columnar) value(dst []byte, n *node, def, rep int) ([]byte, bool) {
	switch {
	case n.optional:
		if def++; c.level(n) < def {
			return dst, false
		}
	case n.repeated:
		return c.array(dst, n, def, rep), true
	}
	return c.content(dst, n, def, rep)
}

// content is value for one that is not null.
func (c *columnar) content(dst []byte, n *node, def, rep int) ([]byte, bool) {
	switch {
	case n.write != nil:
		if c.level(n) < def {
			return dst, false
		}
		return n.write(dst, c.scope[n.first][0])
	case n.list != nil && n.list.repeated:
		return c.array(dst, n.list, def, rep), true
	case n.entries != nil:
		return c.entriesOf(dst, n.entries, def, rep), true
	}
	return c.object(dst, n.children, def, rep), true
}

// array appends the elements of a repeated node.
func (c *columnar) array(dst []byte, n *node, def, rep int) []byte {
	dst = append(dst, '[')
	c.each(n, def, rep, func(i, def, rep int) {
		if i > 0 {
			dst = append(dst, ',')
		}
		start, ok := len(dst), false
		if n.list != nil && !n.list.repeated { // the element of a list
			dst, ok = c.value(dst, n.list, def, rep)
		} else {
			dst, ok = c.content(dst, n, def, rep)
		}
		if !ok {
			dst = append(dst[:start], "null"...)
		}
	})
	return append(dst, ']')
}

// entriesOf appends the entries of a map as an object. Keys are texts there; others are written as text.
func (c *columnar) entriesOf(dst []byte, n *node, def, rep int) []byte {
	dst = append(dst, '{')
	var key []byte
	c.each(n, def, rep, func(_, def, rep int) {
		start := len(dst)
		if dst[start-1] != '{' {
			dst = append(dst, ',')
		}
		var ok bool
		if key, ok = c.value(key[:0], n.children[0], def, rep); !ok {
			dst = dst[:start]
			return
		}
		if len(key) > 0 && key[0] == '"' {
			dst = append(dst, key...)
		} else {
			dst = appendString(dst, key)
		}
		dst = append(dst, ':')
		if dst, ok = c.value(dst, n.children[1], def, rep); !ok {
			dst = dst[:start]
		}
	})
	return append(dst, '}')
}

// each goes through the elements of a repeated node, with the scope of each in turn.
func (c *columnar) each(n *node, def, rep int, do func(i, def, rep int)) {
	def, rep = def+1, rep+1
	if c.level(n) < def || c.bad != nil {
		return // an empty list
	}
	rest := slices.Clone(c.scope[n.first:n.last])
	defer func(all [][]parquet.Value) { copy(c.scope[n.first:n.last], all) }(slices.Clone(rest))
	for i := 0; len(rest[0]) > 0 && c.bad == nil; i++ {
		for k, values := range rest {
			end := min(1, len(values))
			for end < len(values) && values[end].RepetitionLevel() > rep {
				end++
			}
			c.scope[n.first+k], rest[k] = values[:end], values[end:]
		}
		do(i, def, rep)
	}
}
