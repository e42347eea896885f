package web

import (
	"encoding/json"
	"slices"
	"strings"

	"millrace"
)

const (
	// namesMax of unknown and of missing fields are named in an answer.
	namesMax = 16
	// lookedBytesMax is the largest event in which unknown fields are looked for: it is read a second time for that.
	lookedBytesMax = 64 << 10
)

// Field is one that the pipeline reads of an event.
type Field struct {
	Name string   `json:"name"` // the feature's, or what else it is for
	Path []string `json:"path"`
	Type string   `json:"type"`
	// Feature is the field's place in a decoded event, -1 for what is no feature.
	Feature int `json:"-"`
	// Sparse is set where leaving the field out is how it is written: it is never missing.
	Sparse bool `json:"-"`
}

// Fields know what an event has, by the names of its fields.
type Fields struct {
	all     []Field
	needed  []int // of all, those of features that can be missing, one a path
	root    key
	nearest func(word string, candidates []string) string
}

// key is one of an object.
type key struct {
	below map[string]*key
	field int // in Fields.all plus one; 0 where a path goes on
}

// NewFields returns what tells of fields; nearest names the candidate that a word is a slip for, or nothing.
func NewFields(all []Field, nearest func(word string, candidates []string) string) *Fields {
	f := &Fields{all: all, nearest: nearest}
	for i := range all {
		at := &f.root
		for _, name := range all[i].Path {
			if at.below == nil {
				at.below = map[string]*key{}
			}
			if at.below[name] == nil {
				at.below[name] = &key{}
			}
			at = at.below[name]
		}
		p := &all[i]
		if at.field == 0 || p.Feature >= 0 && all[at.field-1].Feature < 0 { // several features of one field are one
			at.field = i + 1
			if p.Feature >= 0 && !p.Sparse {
				f.needed = append(f.needed, i)
			}
		}
	}
	return f
}

// lacks reports whether a feature of the event has no field, which is cheap.
func (f *Fields) lacks(e *millrace.Event) bool {
	for _, i := range f.needed {
		if e.Fields[f.all[i].Feature].Presence == millrace.Absent {
			return true
		}
	}
	return false
}

// slip is what is odd about the fields of an event.
type slip struct {
	Unknown []string          `json:"unknown,omitempty"`
	Missing []string          `json:"missing,omitempty"`
	Meant   map[string]string `json:"did_you_mean,omitempty"` // of unknown fields, missing ones that they are nearest to
}

// look finds the fields of features that an event does not have, and those that it has and nobody reads: nil where none
// is missing.
func (f *Fields) look(event []byte) *slip {
	if len(event) > lookedBytesMax {
		return nil
	}
	var object map[string]any
	if json.Unmarshal(event, &object) != nil {
		return nil
	}
	seen := make([]bool, len(f.all))
	s := &slip{}
	f.walk(object, &f.root, "", seen, &s.Unknown)
	for _, i := range f.needed {
		if !seen[i] {
			s.Missing = append(s.Missing, strings.Join(f.all[i].Path, "."))
		}
	}
	if len(s.Missing) == 0 {
		return nil
	}
	slices.Sort(s.Unknown)
	for _, word := range s.Unknown[:min(len(s.Unknown), namesMax)] {
		if near := f.nearest(word, s.Missing); near != "" {
			if s.Meant == nil {
				s.Meant = map[string]string{}
			}
			s.Meant[word] = near
		}
	}
	s.Unknown, s.Missing = s.Unknown[:min(len(s.Unknown), namesMax)], s.Missing[:min(len(s.Missing), namesMax)]
	return s
}

// walk marks the fields that an object has, and collects those that nobody reads. What is null has no fields, and none
// of them is missing.
func (f *Fields) walk(object map[string]any, at *key, before string, seen []bool, unknown *[]string) {
	for name, value := range object {
		below := at.below[name]
		if below == nil {
			*unknown = append(*unknown, before+name)
			continue
		}
		if below.field > 0 {
			seen[below.field-1] = true
		}
		switch value := value.(type) {
		case map[string]any:
			if len(below.below) > 0 {
				f.walk(value, below, before+name+".", seen, unknown)
			}
		case nil:
			below.all(func(field int) { seen[field] = true })
		}
	}
}

// all tells of every field below.
func (k *key) all(tell func(field int)) {
	if k.field > 0 {
		tell(k.field - 1)
	}
	for _, below := range k.below {
		below.all(tell)
	}
}

// append adds it to a JSON object that has members.
func (s *slip) append(dst []byte) []byte {
	text, err := json.Marshal(s)
	if err != nil || len(text) <= len("{}") { // texts have no faults in JSON
		return dst
	}
	dst[len(dst)-1] = ',' // in place of the object's end
	return append(dst, text[1:]...)
}
