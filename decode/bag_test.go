package decode

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"millrace"
	"millrace/features"
)

// moreSpec has a bag, a text, a time and two columns that no event holds.
func moreSpec() Spec {
	s := Spec{Label: LabelSpec{Path: "y", Type: "number"}}
	s.Limits.SetDefaults()
	s.Limits.Depth = 4
	bag := features.DefaultColumn("x", features.Bag)
	bag.Entries = 3
	s.Columns = features.Columns{
		features.DefaultColumn("c", features.Cross), bag, features.DefaultColumn("t", features.Text),
		features.DefaultColumn("at", features.Time), features.DefaultColumn("l", features.Lag),
	}
	return s
}

func showMore(e *millrace.Event) string {
	var s []string
	for i, f := range e.Fields {
		switch {
		case f.Presence == millrace.Absent:
			s = append(s, "-")
		case f.Presence == millrace.Null:
			s = append(s, "null")
		case i == 1:
			s = append(s, entries(e, &e.Fields[1]))
		case i == 2:
			s = append(s, strconv.Quote(string(f.Text)))
		default:
			s = append(s, strconv.FormatFloat(f.Number, 'f', -1, 64))
		}
	}
	return strings.Join(s, " ")
}

func entries(e *millrace.Event, f *millrace.Field) string {
	var s []string
	for _, entry := range e.Bag(f) {
		key := strconv.FormatUint(entry.Key, 10)
		if entry.Key >= 1<<63 {
			key = "#"
			for _, name := range []string{"a", "é", "01", "", "-1", "4294967296", "10000000000", "1.5", "true"} {
				if features.EntryKey([]byte(name)) == entry.Key {
					key = strconv.Quote(name)
				}
			}
		}
		s = append(s, key+":"+strconv.FormatFloat(entry.Value, 'g', -1, 64))
	}
	return "{" + strings.Join(s, " ") + "}"
}

func TestDecodeMore(t *testing.T) {
	d := newDecoderOf(t, moreSpec())
	for event, want := range map[string]string{
		`{}`: "- - - - -",
		`{"x":{"0":1,"17":-0.5,"4294967295":2e3},"t":"Two words","at":"1970-01-01T00:00:01Z"}`: `- {0:1 17:-0.5 4294967295:2000} "Two words" 1000 -`,
		`{"x":{},"t":"","at":1.5}`:                        `- {} "" 1500 -`,
		`{"x":{ "1" : 1 , "2" : 2 } ,"t":null,"at":null}`: "- {1:1 2:2} null null -",
		`{"x":null}`:          "- null - - -",
		`{"x":{"2":1,"1":1}}`: "- {2:1 1:1} - - -",
		`{"x":{"1":0,"2":0,"3":0,"4":0,"5":1,"6":-0}}`:             "- {5:1} - - -",
		`{"x":{"a":1,"b":null,"1":2}}`:                             `- {"a":1 1:2} - - -`,
		`{"x":{"\u00e9":1,"01":2}}`:                                `- {"é":1 "01":2} - - -`,
		`{"x":{"":1,"-1":2,"4294967296":3}}`:                       `- {"":1 "-1":2 "4294967296":3} - - -`,
		`{"x":{"1":1,"2":null}}`:                                   "- {1:1} - - -",
		`{"x":{"9":1,"10000000000":1,"\u0031":1}}`:                 `- {9:1 "10000000000":1 1:1} - - -`,
		`{"x":["a","a",7]}`:                                        `- {"a":1 "a":1 7:1} - - -`,
		`{"x":[]}`:                                                 "- {} - - -",
		`{"x": [ "\u0061" , -1 ] }`:                                `- {"a":1 "-1":1} - - -`,
		`{"c":"ignored","l":{"a":[1]},"at":-1,"t":"\ud83d\ude00"}`: `- - "😀" -1000 -`,
	} {
		e, err := decode(d, event)
		if err != nil {
			t.Errorf("%s: %v", event, err)
		} else if got := showMore(e); got != want {
			t.Errorf("%s:\n got %s\nwant %s", event, got, want)
		}
	}
}

func TestDecodeMoreRejects(t *testing.T) {
	d := newDecoderOf(t, moreSpec())
	for event, want := range map[string]struct {
		reason millrace.Reason
		path   string
	}{
		`{"x":1}`:                         {millrace.ReasonWrongType, "x"},
		`{"x":{"1":"a"}}`:                 {millrace.ReasonWrongType, "x"},
		`{"x":{"1":{"a":1}}}`:             {millrace.ReasonWrongType, "x"},
		`{"x":{"a":true}}`:                {millrace.ReasonWrongType, "x"},
		`{"x":[1.5]}`:                     {millrace.ReasonWrongType, "x"},
		`{"x":[null]}`:                    {millrace.ReasonWrongType, "x"},
		`{"x":[["a"]]}`:                   {millrace.ReasonWrongType, "x"},
		`{"x":{"1":1e999}}`:               {millrace.ReasonNotFinite, "x"},
		`{"x":{"1":1,"2":2,"3":3,"4":4}}`: {millrace.ReasonTooManyEntries, "x"},
		`{"x":{"a":1,"b":2,"c":3,"d":4}}`: {millrace.ReasonTooManyEntries, "x"},
		`{"x":[1,2,3,4]}`:                 {millrace.ReasonTooManyEntries, "x"},
		`{"x":{"1":1,"1":2}}`:             {millrace.ReasonDuplicateKey, "x"},
		`{"x":{"1":1,"2":1,"\u0031":2}}`:  {millrace.ReasonDuplicateKey, "x"},
		`{"x":{"a":1,"a":null}}`:          {millrace.ReasonDuplicateKey, "x"},
		`{"x":{"1":1},"x":{}}`:            {millrace.ReasonDuplicateKey, "x"},
		`{"x":{"a":{"b":{"c":{"d":1}}}}}`: {millrace.ReasonTooDeep, ""},
		`{"x":{"1":1`:                     {millrace.ReasonMalformed, ""},
		`{"x":{"1":1,}}`:                  {millrace.ReasonMalformed, ""},
		`{"x":{"1":01}}`:                  {millrace.ReasonMalformed, ""},
		`{"x":{"1":-}}`:                   {millrace.ReasonMalformed, ""},
		`{"x":{"1" 1}}`:                   {millrace.ReasonMalformed, ""},
		`{"x":{1:1}}`:                     {millrace.ReasonMalformed, ""},
		`{"x":{"1":`:                      {millrace.ReasonMalformed, ""},
		`{"x":{"1`:                        {millrace.ReasonMalformed, ""},
		`{"x":[1,]}`:                      {millrace.ReasonMalformed, ""},
		`{"x":[`:                          {millrace.ReasonMalformed, ""},
		`{"x":["a" "b"]}`:                 {millrace.ReasonMalformed, ""},
		`{"t":1}`:                         {millrace.ReasonWrongType, "t"},
		`{"t":["a"]}`:                     {millrace.ReasonWrongType, "t"},
		`{"at":"yesterday"}`:              {millrace.ReasonBadTime, "at"},
		`{"at":1e20}`:                     {millrace.ReasonBadTime, "at"},
		`{"at":true}`:                     {millrace.ReasonBadTime, "at"},
	} {
		_, err := decode(d, event)
		var r *millrace.Rejection
		if !errors.As(err, &r) || r.Reason != want.reason || r.Path != want.path || r.Detail == "" {
			t.Errorf("%s: %v, want %s at %q", event, err, want.reason, want.path)
		}
	}
}

// One event is decoded into after another: entries of an earlier one never come back.
func TestEventsWithBagsAreReused(t *testing.T) {
	spec := moreSpec()
	second := features.DefaultColumn("z", features.Bag)
	spec.Columns = append(spec.Columns, second)
	d := newDecoderOf(t, spec)
	e := d.NewEvent()
	for _, c := range []struct{ event, x, z string }{
		{`{"x":{"1":1},"z":{"2":2,"a":3}}`, "{1:1}", `{2:2 "a":3}`},
		{`{"z":["a"],"x":{"2":1,"1":1}}`, "{2:1 1:1}", `{"a":1}`},
		{`{"z":{}}`, "", "{}"},
	} {
		if err := d.Decode(&millrace.Record{Value: []byte(c.event)}, e); err != nil {
			t.Fatal(err)
		}
		if c.x != "" && entries(e, &e.Fields[1]) != c.x || (c.x != "") != (e.Fields[1].Presence == millrace.Present) ||
			entries(e, &e.Fields[5]) != c.z {
			t.Errorf("%s: %s, %s", c.event, entries(e, &e.Fields[1]), entries(e, &e.Fields[5]))
		}
	}
}

// sparseEvent is one of a wide stream: 150 entries of 40,000.
func sparseEvent(n int, named bool) []byte {
	b := []byte(`{"y":1,"x":{`)
	for i := range 150 {
		name := ""
		if named {
			name = "w"
		}
		b = fmt.Appendf(b, `"%s%d":0.%d,`, name, i*260+n%260, 1+(i*n)%9999)
	}
	b[len(b)-1] = '}'
	return append(b, '}')
}

func TestBagsAllocateNothing(t *testing.T) {
	spec := moreSpec()
	spec.Columns[1].Entries = 4096
	d := newDecoderOf(t, spec)
	e := d.NewEvent()
	for _, named := range []bool{false, true} {
		rec := millrace.Record{Value: sparseEvent(3, named)}
		if n := testing.AllocsPerRun(100, func() {
			if err := d.Decode(&rec, e); err != nil || len(e.Bag(&e.Fields[1])) != 150 {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("named %v: %v allocations", named, n)
		}
	}
}

func BenchmarkBag(b *testing.B) {
	spec := moreSpec()
	spec.Columns[1].Entries = 4096
	d := newDecoderOf(b, spec)
	e := d.NewEvent()
	for _, named := range []bool{false, true} {
		records := make([]millrace.Record, 64)
		for i := range records {
			records[i].Value = sparseEvent(i, named)
		}
		b.Run(map[bool]string{false: "indices", true: "names"}[named], func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(records[1].Value)))
			for i := range b.N {
				if err := d.Decode(&records[i%64], e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// FuzzBag holds bags against encoding/json.
func FuzzBag(f *testing.F) {
	for _, s := range []string{
		`{"1":1,"2":0.5}`, `{"2":1,"1":1}`, `{"a":-1e5,"b":null}`, `["a",1,"b"]`, `{"\u0031":1,"1":2}`, `{"1":1,"1":1}`, `null`, `[]`, `{}`,
		`{"1":{"a":1}}`, `{"1":1e999}`, `{"01":1,"4294967296":2}`, `{"1":1,"2"`, `[1.5]`,
	} {
		f.Add([]byte(s))
	}
	spec := moreSpec()
	spec.Columns[1].Entries = 100
	d := newDecoderOf(f, spec)
	f.Fuzz(func(t *testing.T, bag []byte) {
		data := append(append([]byte(`{"x":`), bag...), '}')
		e, err := decode(d, string(data))
		if err != nil {
			var r *millrace.Rejection
			if !errors.As(err, &r) || r.Detail == "" {
				t.Fatalf("%T: %v", err, err)
			}
			if r.Reason == millrace.ReasonDuplicateKey && json.Valid(data) && !duplicates(data) {
				t.Fatalf("%q has no duplicate, but: %v", data, err)
			}
			return
		}
		if !json.Valid(data) || duplicates(data) {
			t.Fatalf("%q was accepted", data)
		}
		f := &e.Fields[1]
		var event struct{ X any }
		if err := json.Unmarshal(data, &event); err != nil || f.Presence != millrace.Present {
			return // null, or another key
		}
		want := map[uint64]float64{}
		switch x := event.X.(type) {
		case map[string]any:
			for name, v := range x {
				if v, ok := v.(float64); ok && v != 0 {
					want[features.EntryKey([]byte(name))] = v
				}
			}
		case []any:
			if len(x) != len(e.Bag(f)) {
				t.Fatalf("%q: %s", data, entries(e, f))
			}
			return
		}
		for _, entry := range e.Bag(f) {
			if want[entry.Key] != entry.Value || math.IsInf(entry.Value, 0) {
				t.Fatalf("%q: %s", data, entries(e, f))
			}
			delete(want, entry.Key)
		}
		if len(want) > 0 {
			t.Fatalf("%q: %s lacks %v", data, entries(e, f), want)
		}
	})
}
