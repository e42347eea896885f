package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// diff says in sentences how two canonical specs differ: a is the snapshot's, b the pipeline's. It is
// empty when they are equal. Columns are compared by name; when the same ones stand in another order,
// that is said, too, since weights follow the order.
func diff(a, b json.RawMessage) []string {
	x, errA := decodeSpec(a)
	y, errB := decodeSpec(b)
	switch {
	case errA != nil:
		return []string{"the snapshot's spec cannot be read: " + errA.Error()}
	case errB != nil:
		return []string{"the pipeline's spec cannot be read: " + errB.Error()}
	}
	return diffValue(nil, "", x, y)
}

func decodeSpec(data json.RawMessage) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber() // seeds beyond 2^53 stay exact
	var v any
	if err := decoder.Decode(&v); err != nil {
		return nil, fmt.Errorf("decoding spec: %w", err)
	}
	return v, nil
}

// diffValue appends the differences of a and b to out; path is where both stand.
func diffValue(out []string, path string, a, b any) []string {
	switch x := a.(type) {
	case object:
		if y, ok := b.(object); ok {
			return diffObject(out, path, x, y)
		}
	case []any:
		if y, ok := b.([]any); ok && isNamed(x) && isNamed(y) {
			return diffNamed(out, path, x, y)
		}
	}
	if reflect.DeepEqual(a, b) {
		return out
	}
	return append(out, path+": "+show(a)+" in the snapshot, "+show(b)+" in the pipeline")
}

// diffObject goes through the fields of both in one sorted order, so that reports can be compared.
func diffObject(out []string, path string, a, b object) []string {
	names := slices.Sorted(maps.Keys(a))
	for name := range b {
		if _, ok := a[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		at := joinPath(path, name)
		x, inA := a[name]
		y, inB := b[name]
		switch {
		case !inA:
			out = append(out, at+": not in the snapshot, "+show(y)+" in the pipeline")
		case !inB:
			out = append(out, at+": "+show(x)+" in the snapshot, not in the pipeline")
		default:
			out = diffValue(out, at, x, y)
		}
	}
	return out
}

// isNamed reports whether every element is an object with a name, as columns are.
func isNamed(list []any) bool {
	return len(list) > 0 && !slices.ContainsFunc(list, func(v any) bool { return nameOf(v) == "" })
}

func nameOf(v any) string {
	o, _ := v.(object)
	name, _ := o["name"].(string)
	return name
}

// diffNamed compares columns by name: one that was put in front has not changed all that follow.
func diffNamed(out []string, path string, a, b []any) []string {
	x, y := byName(a), byName(b)
	var before, after []string // the names that both have, in either's order
	for _, v := range a {
		name := nameOf(v)
		if other, ok := y[name]; ok {
			before = append(before, name)
			out = diffValue(out, joinPath(path, name), v, other)
		} else {
			out = append(out, joinPath(path, name)+": in the snapshot, not in the pipeline")
		}
	}
	for _, v := range b {
		name := nameOf(v)
		if _, ok := x[name]; ok {
			after = append(after, name)
		} else {
			out = append(out, joinPath(path, name)+": not in the snapshot, in the pipeline")
		}
	}
	if !slices.Equal(before, after) {
		out = append(out, path+": in the order "+strings.Join(before, ", ")+" in the snapshot, "+
			strings.Join(after, ", ")+" in the pipeline")
	}
	return out
}

func byName(list []any) map[string]any {
	out := make(map[string]any, len(list))
	for _, v := range list {
		out[nameOf(v)] = v
	}
	return out
}

// show writes a value as the pipeline file would.
func show(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case []any:
		words := make([]string, len(x))
		for i, item := range x {
			words[i] = show(item)
		}
		return "[" + strings.Join(words, ", ") + "]"
	case object:
		words := make([]string, 0, len(x))
		for _, name := range slices.Sorted(maps.Keys(x)) {
			words = append(words, name+": "+show(x[name]))
		}
		return "{" + strings.Join(words, ", ") + "}"
	}
	return fmt.Sprint(v)
}
