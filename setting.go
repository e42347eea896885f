package millrace

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// A spec is a plain struct with one field a setting of the pipeline file, and what is known of a setting stands on its
// field, as a tag. Package config says what all tags mean; the two that several packages read are read here:
//
//	of:"mlp|svm"                the types that read it, values of the setting that the spec's short form fills
//	of:"number if scale!=none"  a type that reads it only under a condition
//
// A condition looks at another setting of the same spec, by its name in the file: NAME=WORD, NAME!=WORD, NAME (it is
// given, not zero) or !NAME.

// Reader is a type that reads a setting.
type Reader struct {
	Type string
	If   Condition
}

// Readers parses an of tag; an empty one means that all types read the setting.
func Readers(tag string) []Reader {
	if tag == "" {
		return nil
	}
	var out []Reader
	for word := range strings.SplitSeq(tag, "|") {
		name, condition, _ := strings.Cut(word, " if ")
		out = append(out, Reader{name, ParseCondition(condition)})
	}
	return out
}

// Condition compares a setting with a word, or asks whether it is given. The zero Condition always holds.
type Condition struct {
	Name string // of the setting
	Word string // empty: whether the setting is given
	Not  bool
}

// ParseCondition reads a condition as tags write it.
func ParseCondition(s string) Condition {
	if name, word, ok := strings.Cut(s, "!="); ok {
		return Condition{name, word, true}
	}
	if name, word, ok := strings.Cut(s, "="); ok {
		return Condition{name, word, false}
	}
	name, not := strings.CutPrefix(s, "!")
	return Condition{name, "", not}
}

// Holds asks value for the setting's text, which is empty where it is not given.
func (c Condition) Holds(value func(name string) string) bool {
	if c.Name == "" {
		return true
	}
	is := value(c.Name) != ""
	if c.Word != "" {
		is = value(c.Name) == c.Word
	}
	return is != c.Not
}

// String is the condition as a message says it, as in "loss: huber".
func (c Condition) String() string {
	switch {
	case c.Word != "" && c.Not:
		return c.Name + " other than " + c.Word
	case c.Word != "":
		return c.Name + ": " + c.Word
	case c.Not:
		return "no " + c.Name
	}
	return c.Name
}

// Unread is a setting that the type of its spec does not read.
type Unread struct {
	Name string
	Set  bool   // it has another value than zero
	Only string // what would read it, as in "type: mlp or svm"
}

// UnreadSettings lists the settings of a spec, a struct, that its type does not read. A spec without a type reads all.
func UnreadSettings(spec any) []Unread {
	v := reflect.ValueOf(spec)
	fields, short := map[string]int{}, ""
	for i := range v.NumField() {
		name, option, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		fields[name] = i
		if option == "short" {
			short = name
		}
	}
	text := func(name string) string {
		i, ok := fields[name]
		if !ok || v.Field(i).IsZero() {
			return ""
		}
		return fmt.Sprint(v.Field(i).Interface())
	}
	var out []Unread
	for i := range v.NumField() {
		f := v.Type().Field(i)
		readers := Readers(f.Tag.Get("of"))
		if len(readers) == 0 || text(short) == "" {
			continue
		}
		only := ""
		if k := slices.IndexFunc(readers, func(r Reader) bool { return r.Type == text(short) }); k >= 0 {
			if readers[k].If.Holds(text) {
				continue
			}
			only = readers[k].If.String()
		} else {
			types := make([]string, len(readers))
			for k, r := range readers {
				types[k] = r.Type
			}
			only = short + ": " + strings.Join(types, " or ")
		}
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		set := !v.Field(i).IsZero() && (f.Type.Kind() != reflect.Slice || v.Field(i).Len() > 0)
		out = append(out, Unread{name, set, only})
	}
	return out
}

// Documentation is what a field's doc tag says, after the types that read it: "mlp, svm: …".
func Documentation(f reflect.StructField) string {
	doc := f.Tag.Get("doc")
	readers := Readers(f.Tag.Get("of"))
	if len(readers) == 0 {
		return doc
	}
	var b strings.Builder
	for i, r := range readers {
		b.WriteString(r.Type)
		more := i+1 < len(readers)
		if r.If != (Condition{}) && !(more && readers[i+1].If == r.If) { // once for types that share it
			b.WriteString(" (" + r.If.String() + ")")
		}
		if more {
			b.WriteString(", ")
		}
	}
	return b.String() + ": " + doc
}
