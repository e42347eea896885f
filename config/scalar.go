package config

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"millrace"
)

// scalar is a scalar of the file with its variables replaced.
type scalar struct {
	text string
	tag  string // !!str, !!int, !!float, !!bool, !!null or !!timestamp
	// variable: the text came from the environment, at least in part. Its author wrote no YAML, so
	// it has no quotes to tell text from number: it is read as whatever the field takes.
	variable bool
}

// String says what the scalar is in a message. Texts are quoted and cut, numbers stand as written.
func (s scalar) String() string {
	switch s.tag {
	case "!!int", "!!float":
		return "the number " + s.text
	case "!!bool":
		return s.text
	case "!!null":
		return "nothing"
	}
	return "the text " + quoted(s.text)
}

// text reads a scalar node. Outside variables a quoted text is a text, whatever it looks like.
func (d *decoder) text(n *yaml.Node) (scalar, error) {
	text, changed, err := expand(n.Value, d.env)
	if err != nil {
		return scalar{}, err
	}
	s := scalar{text: text, tag: n.Tag, variable: changed}
	if changed {
		s.tag = tagOf(text)
	}
	return s, nil
}

// tagOf types the text of a variable as YAML types a plain scalar, but never as null or a time.
func tagOf(text string) string {
	n := yaml.Node{Kind: yaml.ScalarNode, Value: text}
	switch tag := n.ShortTag(); tag {
	case "!!int", "!!float", "!!bool":
		return tag
	}
	return "!!str"
}

// decodeScalar fills v, whose type is no struct and no list.
func (d *decoder) decodeScalar(v reflect.Value, n *yaml.Node, s *spot, f field) {
	text, err := d.text(n)
	if err != nil {
		d.report(s, "%s", err.Error())
		return
	}
	if f.secret {
		d.secrets = append(d.secrets, text.text)
	}
	if message, suggestion := set(v, text, f); message != "" {
		if f.secret {
			message = "write " + want(f)
		}
		d.reportAt(s, s.path, message, suggestion)
	}
}

// mismatch says that s is not what f takes, and what may have been meant.
func mismatch(s scalar, f field) (message, suggestion string) {
	message = "found " + s.String() + "; write " + want(f)
	if kindOf(f.typ) == kindBool {
		switch strings.ToLower(s.text) {
		case "yes", "on", "1":
			suggestion = "true"
		case "no", "off", "0":
			suggestion = "false"
		}
	}
	if s.tag == "!!str" && tagOf(s.text) != "!!str" {
		message += ", without quotes"
	}
	return message, suggestion
}

// set assigns the scalar to v and answers with what is wrong, if anything.
func set(v reflect.Value, s scalar, f field) (message, suggestion string) {
	switch kindOf(f.typ) {
	case kindText:
		return setText(v, s, f)
	case kindBool:
		if s.tag != "!!bool" {
			return mismatch(s, f)
		}
		v.SetBool(strings.EqualFold(s.text, "true"))
	case kindFloat:
		x, ok := parseFloat(s)
		if !ok {
			return mismatch(s, f)
		}
		if math.IsInf(x, 0) || math.IsNaN(x) {
			return "found " + s.text + "; write a finite number", ""
		}
		if v.Kind() == reflect.Pointer {
			v.Set(reflect.ValueOf(&x))
		} else {
			v.SetFloat(x)
		}
	case kindInt:
		x, err := strconv.ParseInt(digits(s), 0, 64)
		if err != nil {
			return mismatch(s, f)
		}
		v.SetInt(x)
	case kindUint:
		x, err := strconv.ParseUint(digits(s), 0, 64)
		if err != nil {
			return mismatch(s, f)
		}
		v.SetUint(x)
	case kindDuration:
		return setDuration(v, s, f)
	case kindBytes:
		return setBytes(v, s, f)
	}
	return "", ""
}

// setText assigns to a string, which may be one of a closed list of words. A bare number is refused where
// text belongs: 1.10 and 1.1 are one number and two names, and only quotes say which was meant.
func setText(v reflect.Value, s scalar, f field) (message, suggestion string) {
	// An unquoted time in a list or a field is the text it is written as.
	isText := s.tag == "!!str" || s.tag == "!!timestamp"
	switch {
	case f.enum != nil && (!isText || !slices.Contains(f.enum, s.text)) && !(f.time && isTime(s.text)):
		return "found " + s.String() + "; write " + wantText(f), Nearest(s.text, f.enum)
	case isText || s.variable:
	case (f.element || f.class) && s.tag != "!!null":
		// Classes 0 and 1 are names, spelt as in the file.
	case f.number && (s.tag == "!!int" || s.tag == "!!float"):
	case s.tag == "!!null":
		return fmt.Sprintf("found nothing; write text, in quotes if it is meant literally: %q", s.text), ""
	default:
		return fmt.Sprintf("found %s; write text, in quotes if it is meant: %q", s, s.text), ""
	}
	v.SetString(s.text)
	return "", ""
}

func isTime(text string) bool {
	_, err := time.Parse(time.RFC3339Nano, text)
	return err == nil
}

// digits is the whole number in s as strconv reads it, or "" when there is none. A leading zero is
// refused: YAML 1.1 reads 010 as eight, YAML 1.2 as ten.
func digits(s scalar) string {
	text := strings.TrimPrefix(s.text, "+")
	bare := strings.TrimPrefix(text, "-")
	if s.tag != "!!int" || len(bare) > 1 && bare[0] == '0' && bare[1] >= '0' && bare[1] <= '9' {
		return ""
	}
	return strings.ReplaceAll(text, "_", "")
}

// parseFloat reads any YAML number. Those that are not finite come through, for set to name.
func parseFloat(s scalar) (float64, bool) {
	switch s.tag {
	case "!!int":
		if x, err := strconv.ParseInt(digits(s), 0, 64); err == nil {
			return float64(x), true
		}
		x, err := strconv.ParseUint(digits(s), 0, 64)
		return float64(x), err == nil
	case "!!float":
		text := strings.ReplaceAll(strings.ToLower(s.text), "_", "")
		x, err := strconv.ParseFloat(strings.Replace(text, ".inf", "inf", 1), 64)
		if text == ".nan" {
			return math.NaN(), true
		}
		// Out of range comes with ±Inf, which the caller refuses by name.
		return x, err == nil || math.IsInf(x, 0)
	}
	return 0, false
}

// The patterns stand in the JSON Schema too. Signs are left out: no duration or size is negative.
const (
	durationPattern = `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h|d))+$`
	bytesPattern    = `^[0-9]+ ?(B|KiB|MiB|GiB|kB|MB|GB)$`
)

// setDuration insists on a unit: 5 is seconds to one reader and milliseconds to the next.
func setDuration(v reflect.Value, s scalar, f field) (message, suggestion string) {
	if s.tag == "!!int" || s.tag == "!!float" {
		return withoutUnit(s, f, "s", func(text string) bool { return regexp.MustCompile(durationPattern).MatchString(text) })
	}
	if strings.HasPrefix(s.text, "-") {
		return fmt.Sprintf("found %s, which is below 0; write %s", s, want(f)), ""
	}
	x, err := millrace.ParseDuration(s.text)
	if err != nil || s.tag != "!!str" || !regexp.MustCompile(durationPattern).MatchString(s.text) {
		return mismatch(s, f)
	}
	v.SetInt(int64(x))
	return "", ""
}

// withoutUnit refuses a number where one with a unit belongs. The unit is proposed where what comes of it may be meant:
// a zero is refused of most settings, whatever its unit.
func withoutUnit(s scalar, f field, unit string, legal func(text string) bool) (message, suggestion string) {
	x, ok := parseFloat(s)
	if ok && x < 0 {
		return fmt.Sprintf("found %s, which is below 0; write %s", s, want(f)), ""
	}
	if ok && x > 0 && legal(s.text+unit) {
		suggestion = s.text + unit
	}
	return fmt.Sprintf("found %s, which has no unit; write %s", s, want(f)), suggestion
}

// setBytes insists on a unit for the same reason.
func setBytes(v reflect.Value, s scalar, f field) (message, suggestion string) {
	if s.tag == "!!int" || s.tag == "!!float" {
		return withoutUnit(s, f, "B", func(text string) bool { return regexp.MustCompile(bytesPattern).MatchString(text) })
	}
	if strings.HasPrefix(s.text, "-") {
		return fmt.Sprintf("found %s, which is below 0; write %s", s, want(f)), ""
	}
	x, err := millrace.ParseBytes(s.text)
	if err != nil || s.tag != "!!str" || !regexp.MustCompile(bytesPattern).MatchString(s.text) {
		return mismatch(s, f)
	}
	v.SetInt(int64(x))
	return "", ""
}
