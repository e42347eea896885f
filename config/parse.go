package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

const (
	// fileBytesMax bounds a pipeline file. The longest sensible one, ten thousand features with
	// every setting written out, is about 2 MiB.
	fileBytesMax = 4 << 20
	// nodesMax bounds the values that are decoded, each use of an alias counted anew, so that a
	// small file cannot ask for a large pipeline.
	nodesMax = 1 << 18
)

// Load reads the pipeline file at path, with ${VAR} from env (os.LookupEnv; nil knows no variable).
// Mistakes in the file come back as Errors; a file that cannot be read as the system's error.
func Load(path string, env Env) (*Pipeline, error) {
	data, digest, err := readFile(path)
	if err != nil {
		return nil, err
	}
	p, err := Parse(path, data, env)
	if p != nil {
		p.digest = digest
	}
	return p, err
}

// readFile reads the pipeline file at path, and one byte more than it may have; the digest is empty for what is no
// regular file and may be another one when it is read again.
func readFile(path string) (data []byte, digest string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, "", fmt.Errorf("reading pipeline file: %w", err)
	}
	defer f.Close()
	if data, err = io.ReadAll(io.LimitReader(f, fileBytesMax+1)); err != nil {
		return nil, "", fmt.Errorf("reading pipeline file: %w", err)
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		sum := sha256.Sum256(data)
		digest = hex.EncodeToString(sum[:])
	}
	return data, digest, nil
}

// Digest is the SHA-256 of the text that the pipeline was loaded from, in hexadecimal; empty where it was not read from
// a regular file.
func (p *Pipeline) Digest() string { return p.digest }

// DigestOf is what Digest would be of a pipeline that is loaded from path now.
func DigestOf(path string) (string, error) {
	_, digest, err := readFile(path)
	return digest, err
}

// parseYAML turns data into the mapping at its root. The problem, if any, has no File yet.
func parseYAML(data []byte) (*yaml.Node, *Problem) {
	if len(data) > fileBytesMax {
		return nil, at(1, 1, fmt.Sprintf("the file is larger than %d MiB, the most a pipeline file may have", fileBytesMax>>20))
	}
	if p := checkUTF8(data); p != nil {
		return nil, p
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, at(1, 1, messageEmpty)
	case err != nil:
		return nil, syntaxProblem(data, err)
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		return nil, at(second.Line, second.Column, "a second document begins here; a pipeline file holds one")
	case !errors.Is(err, io.EOF):
		return nil, syntaxProblem(data, err)
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil, at(1, 1, messageEmpty)
	}
	if root.Kind != yaml.MappingNode {
		return nil, at(root.Line, root.Column, "a pipeline file is a mapping; write name: …, events: … and so on, each on its own line")
	}
	return root, nil
}

const messageEmpty = "the file is empty; a pipeline needs name, events, features, label and model"

// at is a problem of the whole file, which has no path.
func at(line, column int, message string) *Problem {
	return &Problem{Line: line, Column: column, Message: message}
}

// checkUTF8 finds the first byte that is no UTF-8: the library would take UTF-16 for text, and
// then count its columns in other units.
func checkUTF8(data []byte) *Problem {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			line, column := placeOf(data, i)
			return at(line, column, fmt.Sprintf("byte 0x%02x is not UTF-8; save the file as UTF-8", data[i]))
		}
		i += size
	}
	return nil
}

// placeOf is the line and column, from 1 and in characters, of the byte at offset.
func placeOf(data []byte, offset int) (line, column int) {
	before := data[:offset]
	start := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte{'\n'}) + 1, utf8.RuneCount(before[start:]) + 1
}

// syntaxProblem finds where a syntax error is. The library gives a line, often that of the next
// token, and no column. But it reads from the front, so there is a shortest beginning of the file
// that fails in the same way; the error is where that beginning ends. Bisecting for it costs some
// twenty parses of a file that is refused anyway.
func syntaxProblem(data []byte, err error) *Problem {
	want := failure(err)
	n := 1 + sort.Search(len(data)-1, func(n int) bool {
		decoder := yaml.NewDecoder(bytes.NewReader(data[:n+1]))
		for {
			var node yaml.Node
			if err := decoder.Decode(&node); err != nil {
				return failure(err) == want
			}
		}
	})
	for n > 1 && !utf8.RuneStart(data[n-1]) {
		n--
	}
	if strings.HasPrefix(want, unknownAnchor) {
		// The name is complete only at its end; the alias begins at its star.
		n = max(1, bytes.LastIndexByte(data[:n], '*')+1)
	}
	line, column := placeOf(data, n-1)
	return at(line, column, syntaxMessage(err, string(bytes.TrimSpace(lineAt(data, n-1))), data[n-1]))
}

// The library's words for what gets words of our own.
const (
	unknownAnchor = "unknown anchor"
	endOfStream   = "found unexpected end of stream"
)

// failure is what makes an error the same error: its line and words, but only the words where the
// line is merely that of the file's end. That leads to the quote that was opened.
func failure(err error) string {
	if words := withoutLine(err); words == endOfStream || strings.HasPrefix(words, unknownAnchor) {
		return words
	}
	return err.Error()
}

// withoutLine is the library's error without its prefix and line, which errors of this package have themselves.
func withoutLine(err error) string {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(message, "line "); ok {
		if _, after, ok := strings.Cut(rest, ": "); ok {
			return after
		}
	}
	return message
}

// lineAt is the line that holds the byte at offset, without its end.
func lineAt(data []byte, offset int) []byte {
	start := bytes.LastIndexByte(data[:offset], '\n') + 1
	if end := bytes.IndexByte(data[start:], '\n'); end >= 0 {
		return data[start : start+end]
	}
	return data[start:]
}

// syntaxMessage says in plain words what the library's error means. It quotes nothing of the line:
// a password may stand there.
func syntaxMessage(err error, line string, char byte) string {
	message := withoutLine(err)
	hint := ""
	switch {
	case strings.HasPrefix(message, unknownAnchor):
		message = "an alias (*name) without an anchor (&name) before it"
		hint = "; a text that begins with * stands in quotes"
	case char == '\t':
		hint = "; indent with spaces, not with a tab"
	case strings.Contains(line, "${") && strings.ContainsAny(line, "[{"):
		hint = `; between [ ] or { } a variable stands in quotes, as "${VAR}"`
	case strings.Contains(message, "mapping values are not allowed"):
		hint = "; is the line above indented differently, or does a text with a colon need quotes?"
	case strings.Contains(message, "could not find expected ':'"):
		hint = "; write name: value"
	case strings.Contains(message, "did not find expected key"):
		hint = "; fields of one mapping start in one column"
	case strings.Contains(message, "',' or"):
		hint = "; is a comma or a closing bracket missing?"
	case strings.Contains(message, "cannot start any token"):
		hint = "; a text that begins with @ ` or % stands in quotes"
	case message == endOfStream:
		hint = "; is a closing quote missing?"
	}
	return "not YAML: " + message + hint
}
