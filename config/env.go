package config

import (
	"errors"
	"fmt"
	"strings"
)

// Env looks a variable up, as os.LookupEnv does.
type Env = func(name string) (value string, ok bool)

// expand replaces ${VAR} and ${VAR:default} in text and turns $${ into ${. It works on scalars after
// parsing, so that no value can add structure to the file. changed is true when a variable was
// replaced; a variable that is set and empty stays empty, default or not.
func expand(text string, env Env) (out string, changed bool, err error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		if !found {
			b.WriteString(text)
			return b.String(), changed, nil
		}
		if head, escaped := strings.CutSuffix(before, "$"); escaped {
			b.WriteString(head + "${")
			text = rest
			continue
		}
		b.WriteString(before)
		inside, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", false, errors.New("${ without its }; write ${VAR} or ${VAR:default}, or $${ for the characters themselves")
		}
		value, err := lookup(inside, env)
		if err != nil {
			return "", false, err
		}
		b.WriteString(value)
		text, changed = after, true
	}
}

// lookup resolves what stands between the braces. Its errors quote the variable's name, never a
// value or a default: either may be a password.
func lookup(inside string, env Env) (string, error) {
	name, fallback, hasFallback := strings.Cut(inside, ":")
	if !isVariable(name) {
		return "", errors.New("${…} does not hold the name of a variable; write ${VAR} or ${VAR:default}, or $${ for the characters themselves")
	}
	if env != nil {
		if value, ok := env(name); ok {
			return value, nil
		}
	}
	if hasFallback {
		return fallback, nil
	}
	return "", fmt.Errorf("the environment has no %s; set it, or write ${%s:default}", name, name)
}

func isVariable(name string) bool {
	for i, r := range name {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}
