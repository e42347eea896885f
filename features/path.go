package features

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// PathDepthMax bounds the keys of one path: deeper documents are no place for features, and the
// decoder holds a trie node for every key.
const PathDepthMax = 16

// SplitPath splits a path into the object keys it goes through: "customer.address.country" is three
// keys. A dot that belongs to a key is written `\.` and a backslash `\\`, so that a column named
// "sepal.length" can be reached as `sepal\.length`. Keys may hold any other character; none is empty.
func SplitPath(path string) ([]string, error) {
	var keys []string
	var key strings.Builder
	for i := 0; i < len(path); i++ {
		switch c := path[i]; c {
		case '\\':
			i++
			if i == len(path) || (path[i] != '.' && path[i] != '\\') {
				return nil, errors.New(`a backslash in a path stands before a dot or another backslash`)
			}
			key.WriteByte(path[i])
		case '.':
			if key.Len() == 0 {
				return nil, errors.New(`a path has a key on both sides of each dot (a dot within a key is written \.)`)
			}
			keys = append(keys, key.String())
			key.Reset()
		default:
			key.WriteByte(c)
		}
	}
	switch {
	case !utf8.ValidString(path):
		return nil, errors.New("a path is valid UTF-8, as events are")
	case path == "":
		return nil, errors.New("a path has at least one key")
	case key.Len() == 0:
		return nil, errors.New(`a path does not end with a dot (a dot within a key is written \.)`)
	case len(keys) >= PathDepthMax:
		return nil, fmt.Errorf("a path has at most %d keys", PathDepthMax)
	}
	return append(keys, key.String()), nil
}

// JoinPath is the inverse of SplitPath: it escapes dots and backslashes within the keys.
func JoinPath(keys ...string) string {
	escape := strings.NewReplacer(`\`, `\\`, `.`, `\.`)
	escaped := make([]string, len(keys))
	for i, key := range keys {
		escaped[i] = escape.Replace(key)
	}
	return strings.Join(escaped, ".")
}
