package config

import (
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"millrace"
	"millrace/features"
	"millrace/keyed"
	"millrace/model"
)

// Specs check themselves through one of these. They are found by interface, so that a spec may
// gain a check without this package knowing.
type (
	validator       interface{ Validate() []millrace.Violation }
	targetValidator interface {
		Validate(model.TargetSpec) []millrace.Violation
	}
)

// Parse reads a pipeline file's bytes; name is how messages call the file. The error, if any, is an
// Errors with every mistake of the file.
func Parse(name string, data []byte, env Env) (*Pipeline, error) {
	root, problem := parseYAML(data)
	if problem != nil {
		problem.File = name
		return nil, Errors{*problem}
	}
	p := new(Pipeline)
	v := reflect.ValueOf(p).Elem()
	setDefaults(v)
	d := newDecoder(env)
	s := &spot{line: root.Line, column: root.Column}
	d.decode(v, root, s, field{typ: v.Type()})
	c := &checker{decoder: d, pipeline: p, root: s}
	c.checkColumnZeros()
	p.resolve()
	if len(d.problems) == 0 {
		p.chooseWidths(s)
	}
	c.crossCheck()
	if len(d.problems) < problemsMax {
		c.validate(v, s)
		c.compiled()
	}
	if len(d.problems) == 0 {
		return p, nil
	}
	for i := range d.problems {
		d.problems[i].File = name
		d.problems[i].Message = d.redact(d.problems[i].Message)
	}
	return nil, d.problems.sorted()
}

// checker looks for values that are well-formed and impossible. It sees what decoding already
// found, and keeps quiet about what would only follow from that.
type checker struct {
	decoder  *decoder
	pipeline *Pipeline
	root     *spot
}

// flag reports a mistake at a path of the whole file, unless something is wrong there already.
func (c *checker) flag(path, message string) {
	c.report(c.root, nil, []millrace.Violation{{Path: path, Message: message}})
}

// report maps violations, whose paths are relative to base, to places. Left out are those at, above
// or below a known problem, and, when some field of the spec itself is wrong, those about fields
// that the file does not give: a misspelt field looks missing to the spec.
func (c *checker) report(base *spot, rename map[string]string, violations []millrace.Violation) {
	broken := c.broken(base.path)
	type mistake struct {
		place         *spot
		path, message string
	}
	// Two violations at one path are both told, so none is noted before all are judged.
	var found []mistake
	for _, v := range violations {
		place, path, given := base.resolve(renamed(v.Path, rename))
		if c.decoder.faults.touch(path) || !given && broken && base != c.root {
			continue
		}
		found = append(found, mistake{place, path, v.Message})
	}
	for _, m := range found {
		c.decoder.reportAt(m.place, m.path, m.message, "")
	}
}

// broken reports whether a problem lies at or below path.
func (c *checker) broken(path string) bool { return c.decoder.faults[path] != 0 }

// under reports whether path is base or something inside it.
func under(path, base string) bool {
	rest, ok := strings.CutPrefix(path, base)
	return ok && (base == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}

// renamed maps the first part of a path that a compiled spec uses to the file's.
func renamed(path string, rename map[string]string) string {
	for from, to := range rename {
		if under(path, from) {
			return to + path[len(from):]
		}
	}
	return path
}

// validate asks v and everything in it for violations, outer specs first.
func (c *checker) validate(v reflect.Value, s *spot) {
	if !c.typeWrong(v, s) {
		c.ask(v, s)
	}
	switch v.Kind() {
	case reflect.Struct:
		for _, f := range c.decoder.shape(v.Type()).fields {
			k := kindOf(f.typ)
			if k == kindStruct || k == kindKeyed || k == kindList {
				c.validate(v.Field(f.index), s.child(f.name))
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Struct {
			for i := range v.Len() {
				c.validate(v.Index(i), s.child(indexName(i)))
			}
		}
	}
}

// ask runs v's Validate, if it has one.
func (c *checker) ask(v reflect.Value, s *spot) {
	switch spec := v.Addr().Interface().(type) {
	case validator:
		c.report(s, nil, spec.Validate())
	case targetValidator:
		if !c.broken("label") {
			c.report(s, nil, spec.Validate(c.pipeline.Target()))
			return
		}
		// What is predicted is not known. What would be wrong for classes and for a number alike
		// is wrong whatever the label becomes.
		forNumber := spec.Validate(model.TargetSpec{})
		c.report(s, nil, slices.DeleteFunc(spec.Validate(model.TargetSpec{Classes: 2}), func(v millrace.Violation) bool {
			return !slices.Contains(forNumber, v)
		}))
	}
}

// typeWrong reports whether the field that tells the rest of a struct how to read itself, a type or
// a mode, is missing or wrong; whatever the spec says about the other fields would be a guess.
func (c *checker) typeWrong(v reflect.Value, s *spot) bool {
	if v.Kind() != reflect.Struct {
		return false
	}
	sh := c.decoder.shape(v.Type())
	if sh.short < 0 {
		return false
	}
	path := joinPath(s.path, sh.fields[sh.short].name)
	faults := c.decoder.faults
	return faults[path] == faultHere || s.path != "" && faults[s.path] == faultHere
}

// compiled checks what the extractor is built from, which no part of the file has alone.
func (c *checker) compiled() {
	// The columns as the file has them: windows of several statistics are one place in it.
	columns := c.pipeline.Features
	rename := map[string]string{"columns": "features"}
	c.report(c.root, rename, c.keysExplained(features.Spec{Columns: columns}.Validate()))
	c.report(c.root, rename, keyed.Validate(columns))
}

// child is the spot of a field, or s itself, under the field's path, when the file does not give it.
func (s *spot) child(name string) *spot {
	if inside := s.inside[name]; inside != nil {
		return inside
	}
	return &spot{line: s.line, column: s.column, path: appendPath(s.path, name)}
}

var userinfo = regexp.MustCompile(`://[^\s"']*@`)

// redact masks passwords in a message: those of secret fields however they are written, and
// whatever looks like the user and password of a URL.
func (d *decoder) redact(message string) string {
	const mask = "***"
	for _, secret := range d.secrets {
		for _, part := range secretParts(secret) {
			message = strings.ReplaceAll(message, part, mask)
		}
	}
	return userinfo.ReplaceAllStringFunc(message, func(found string) string {
		if found == "://[user:password@" {
			return found // a spec's example of a URL
		}
		return "://" + mask + "@"
	})
}

// secretParts are the strings that would give a secret away: of a URL its user information, as it
// stands and decoded; of anything else all of it. Each also as %q would quote it.
func secretParts(secret string) []string {
	parts := []string{secret}
	if _, rest, ok := strings.Cut(secret, "://"); ok {
		i := strings.LastIndexByte(rest, '@')
		if i < 0 {
			return nil
		}
		user, password, _ := strings.Cut(rest[:i], ":")
		parts = []string{password}
		if password == "" {
			parts = []string{user}
		}
		if plain, err := url.PathUnescape(parts[0]); err == nil {
			parts = append(parts, plain)
		}
	}
	out := parts[:0:0]
	for _, p := range parts {
		// Shorter ones cannot be told from the words of the message.
		if len(p) >= 3 {
			out = append(out, p, strings.Trim(strconv.Quote(p), `"`))
		}
	}
	return out
}
