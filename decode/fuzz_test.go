package decode

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"millrace"
)

// FuzzDecode holds the decoder against encoding/json: what one accepts as JSON the other does, and
// the values agree.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"amount":1.5,"kind":"a","known":true,"user":{"address":{"country":"DE"}},"y":"yes","id":"x","meta":{"time":1}}`,
		`{"kind":"\ud83d\ude00\u00e9\n","amount":-0.0e-5,"z":[1,{"a":null}]}`,
		`{"amount":1,"\u0061mount":2}`, `{"z":{"a":1,"a":2}}`, `{"kind":12,"y":1.0}`, `{"user":{"address":{"country":false}}}`,
		`{"a":{"b":{"c":{"d":1}}}}`, `[1]`, `{"amount":1e999}`, "{\"kind\":\"\xff\"}", `{"kind":"\ud800"}`, ` { } `, `{"y":null}x`,
	} {
		f.Add([]byte(s))
	}
	spec := testSpec()
	d := newDecoderOf(f, spec)
	e := d.NewEvent()
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		err := d.Decode(&millrace.Record{Value: data}, e)
		if !bytes.Equal(before, data) {
			t.Fatal("the record was changed")
		}
		if err == nil {
			agree(t, data, e)
			return
		}
		var r *millrace.Rejection
		if !errors.As(err, &r) || r.Detail == "" {
			t.Fatalf("%T: %v", err, err)
		}
		clean := utf8.Valid(data) && !bytes.Contains(bytes.ToLower(data), []byte(`\ud`))
		switch r.Reason {
		case millrace.ReasonMalformed:
			if clean && json.Valid(data) {
				t.Fatalf("%q is JSON, but: %v", data, err)
			}
		case millrace.ReasonDuplicateKey:
			// What follows the duplicate was not looked at and may be anything.
			if json.Valid(data) && clean && !duplicates(data) {
				t.Fatalf("%q has no duplicate, but: %v", data, err)
			}
		case millrace.ReasonEmpty, millrace.ReasonTooDeep, millrace.ReasonNotObject, millrace.ReasonWrongType, millrace.ReasonNotFinite,
			millrace.ReasonTextTooLong, millrace.ReasonBadID, millrace.ReasonBadTime:
		default:
			t.Fatalf("%q: unexpected %v", data, err)
		}
	})
}

// agree checks an accepted event against encoding/json.
func agree(t *testing.T, data []byte, e *millrace.Event) {
	t.Helper()
	if !json.Valid(data) || !utf8.Valid(data) {
		t.Fatalf("%q was accepted but is no JSON", data)
	}
	if duplicates(data) {
		t.Fatalf("%q was accepted but has a duplicate key", data)
	}
	var event map[string]any
	reader := json.NewDecoder(bytes.NewReader(data))
	reader.UseNumber()
	if err := reader.Decode(&event); err != nil {
		t.Fatal(err)
	}
	user, _ := event["user"].(map[string]any)
	address, _ := user["address"].(map[string]any)
	country, hasCountry := address["country"]
	check := func(name string, f millrace.Field, want any, has bool) {
		t.Helper()
		text := strconv.Quote(string(f.Text))
		switch w := want.(type) {
		case nil:
			if (has && f.Presence != millrace.Null) || (!has && f.Presence != millrace.Absent) {
				t.Fatalf("%q: %s is %+v, want none", data, name, f)
			}
			return
		case bool:
			if name != "known" && text != strconv.Quote(strconv.FormatBool(w)) || name == "known" && (f.Number == 1) != w {
				t.Fatalf("%q: %s is %+v, want %v", data, name, f, w)
			}
		case string:
			if text != strconv.Quote(w) {
				t.Fatalf("%q: %s is %s, want %q", data, name, text, w)
			}
		case json.Number:
			v, err := w.Float64()
			if name == "amount" && (err != nil || v != f.Number) || name != "amount" && string(f.Text) != w.String() {
				t.Fatalf("%q: %s is %+v, want %v", data, name, f, w)
			}
		default:
			t.Fatalf("%q: %s was accepted as %+v", data, name, f)
		}
		if f.Presence != millrace.Present {
			t.Fatalf("%q: %s is %+v", data, name, f)
		}
	}
	for i, name := range []string{"amount", "kind", "known"} {
		want, has := event[name]
		check(name, e.Fields[i], want, has)
	}
	check("country", e.Fields[3], country, hasCountry)
	id, has := event["id"]
	text, isText := id.(string)
	if has = has && id != nil; has != (e.ID != nil) || (has && (isText == e.IDNumber || isText && text != string(e.ID))) {
		t.Fatalf("%q: id is %q", data, e.ID)
	}
	if y, ok := event["y"].(string); ok && (y == "no" || y == "yes") != e.Label.Known {
		t.Fatalf("%q: label is %+v", data, e.Label)
	}
}

// duplicates walks the tokens of valid JSON and looks for a key that one object holds twice.
func duplicates(data []byte) bool {
	reader := json.NewDecoder(bytes.NewReader(data))
	reader.UseNumber()
	type level struct {
		keys map[string]bool // nil in arrays
		key  bool            // a key comes next
	}
	levels := []level{{}}
	for {
		token, err := reader.Token()
		if errors.Is(err, io.EOF) || err != nil {
			return false
		}
		top := &levels[len(levels)-1]
		if s, ok := token.(string); ok && top.key {
			if top.keys[s] {
				return true
			}
			top.keys[s] = true
			top.key = false
			continue
		}
		if delim, ok := token.(json.Delim); ok && strings.ContainsRune("]}", rune(delim)) {
			levels = levels[:len(levels)-1]
			top = &levels[len(levels)-1]
		} else if ok && delim == '{' {
			levels = append(levels, level{keys: map[string]bool{}, key: true})
			continue
		} else if ok {
			levels = append(levels, level{})
			continue
		}
		top.key = top.keys != nil
	}
}
