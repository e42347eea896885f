package decode

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"testing"

	"millrace"
	"millrace/features"
)

// testSpec has every kind of path, some nested.
func testSpec() Spec {
	s := Spec{ID: "id", Time: TimeSpec{Path: "meta.time"}, Label: LabelSpec{Path: "y", Classes: []string{"no", "yes"}}}
	s.Limits.SetDefaults()
	s.Limits.Depth, s.Limits.Text = 4, 8
	nested := features.DefaultColumn("country", features.Category)
	nested.Path = "user.address.country"
	s.Columns = features.Columns{
		features.DefaultColumn("amount", features.Number),
		features.DefaultColumn("kind", features.Category),
		features.DefaultColumn("known", features.Boolean),
		nested,
	}
	return s
}

func newDecoderOf(t testing.TB, spec Spec) *Decoder {
	t.Helper()
	d, err := New(spec)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func decode(d *Decoder, text string) (*millrace.Event, error) {
	e := d.NewEvent()
	return e, d.Decode(&millrace.Record{Time: 42, Value: []byte(text)}, e)
}

// show writes an event so that tables can compare it.
func show(e *millrace.Event) string {
	id := string(e.ID)
	if e.ID != nil && !e.IDNumber {
		id = strconv.Quote(id)
	}
	s := fmt.Sprintf("id=%s time=%d", id, e.Time)
	for i, f := range e.Fields {
		switch {
		case f.Presence == millrace.Absent:
			s += " -"
		case f.Presence == millrace.Null:
			s += " null"
		case f.Text != nil || i == 1 || i == 3:
			s += fmt.Sprintf(" %q", f.Text)
		default:
			s += fmt.Sprintf(" %v", f.Number)
		}
	}
	return s
}

func TestDecodeAccepts(t *testing.T) {
	d := newDecoderOf(t, testSpec())
	cases := []struct{ event, want string }{
		{`{}`, `id= time=42 - - - -`},
		{" \t\r\n{ } \n", `id= time=42 - - - -`},
		{`{"amount":1.5,"kind":"a","known":true,"user":{"address":{"country":"DE"}}}`, `id= time=42 1.5 "a" 1 "DE"`},
		{`{"user":{"address":{"country":"DE"},"x":1},"known":false,"kind":"","amount":-0.25e+2}`, `id= time=42 -25 "" 0 "DE"`},
		{`{ "amount" : 0 , "kind" : null , "known" : null , "user" : null }`, `id= time=42 0 null null -`},
		{`{"amount":null,"user":{"address":null}}`, `id= time=42 null - - -`},
		{`{"user":{"address":{"country":null}}}`, `id= time=42 - - - null`},
		{`{"user":{}}`, `id= time=42 - - - -`},
		{`{"kind":12}`, `id= time=42 - "12" - -`},
		{`{"kind":-0}`, `id= time=42 - "0" - -`},
		{`{"kind":12.0}`, `id= time=42 - "12" - -`},
		{`{"kind":"12.00"}`, `id= time=42 - "12" - -`},
		{`{"kind":1.2e1}`, `id= time=42 - "12" - -`},
		{`{"kind":-0.0}`, `id= time=42 - "0" - -`},
		{`{"kind":"-3.0"}`, `id= time=42 - "-3" - -`},
		{`{"kind":1.10}`, `id= time=42 - "1.10" - -`},
		{`{"kind":"1.10"}`, `id= time=42 - "1.10" - -`},
		{`{"kind":"1e3"}`, `id= time=42 - "1e3" - -`},
		{`{"kind":1e300}`, `id= time=42 - "1e300" - -`},
		{`{"kind":"007"}`, `id= time=42 - "007" - -`},
		{`{"kind":"007.0"}`, `id= time=42 - "007.0" - -`},
		{`{"kind":".0"}`, `id= time=42 - ".0" - -`},
		{`{"kind":"1.2.0"}`, `id= time=42 - "1.2.0" - -`},
		{`{"kind":"-.0"}`, `id= time=42 - "-.0" - -`},
		{`{"kind":"10"}`, `id= time=42 - "10" - -`},
		{`{"id":17.0}`, `id=17 time=42 - - - -`},
		{`{"id":"17.0"}`, `id="17.0" time=42 - - - -`},
		{`{"kind":true}`, `id= time=42 - "true" - -`},
		{`{"kind":"\"\\\/\b\f\n\r\t"}`, `id= time=42 - "\"\\/\b\f\n\r\t" - -`},
		{`{"kind":"\u00e9\u20AC","user":{"address":{"country":"\ud83d\ude00!"}}}`, `id= time=42 - "é€" - "😀!"`},
		{`{"kind":"12345678"}`, `id= time=42 - "12345678" - -`},
		{`{"kind":"\u0031\u0032\u0033\u0034\u0035\u0036\u0037\u0038"}`, `id= time=42 - "12345678" - -`},
		{`{"kind":"Zürich"}`, `id= time=42 - "Zürich" - -`},
		{`{"k\u0069nd":"a","\u0061mount":2}`, `id= time=42 2 "a" - -`},
		{`{"id":"x\n1","amount":1}`, `id="x\n1" time=42 1 - - -`},
		{`{"id":17}`, `id=17 time=42 - - - -`},
		{`{"id":null}`, `id= time=42 - - - -`},
		{`{"meta":{"time":1700000000}}`, `id= time=1700000000000 - - - -`},
		{`{"amount":5e-324,"z":1e999,"Amount":"x","amount ":[]}`, `id= time=42 5e-324 - - -`},
		{`{"x":[1,[2,{"a":0}]],"x2":{"a":[],"b":"c"},"amount":3}`, `id= time=42 3 - - -`},
		{`{"x":[{"a":1},{"a":1}],"y2":{"a":1},"amount":3}`, `id= time=42 3 - - -`},
	}
	for _, c := range cases {
		e, err := decode(d, c.event)
		if err != nil {
			t.Errorf("%s: %v", c.event, err)
			continue
		}
		if got := show(e); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.event, got, c.want)
		}
	}
}

func TestDecodeRejects(t *testing.T) {
	d := newDecoderOf(t, testSpec())
	d.limits.Event = 2000
	cases := []struct {
		event  string
		reason millrace.Reason
		path   string
	}{
		{``, millrace.ReasonEmpty, ""},
		{`{"x":"` + strings.Repeat("a", 2000) + `"}`, millrace.ReasonTooLarge, ""},
		{` `, millrace.ReasonMalformed, ""},
		{`[1]`, millrace.ReasonNotObject, ""},
		{`"a"`, millrace.ReasonNotObject, ""},
		{`1`, millrace.ReasonNotObject, ""},
		{`null `, millrace.ReasonNotObject, ""},
		{`1 2`, millrace.ReasonMalformed, ""},
		{`[1`, millrace.ReasonMalformed, ""},
		{`NaN`, millrace.ReasonMalformed, ""},
		{`{`, millrace.ReasonMalformed, ""},
		{`{,}`, millrace.ReasonMalformed, ""},
		{`{"amount"}`, millrace.ReasonMalformed, ""},
		{`{"amount":}`, millrace.ReasonMalformed, ""},
		{`{"amount":`, millrace.ReasonMalformed, ""},
		{`{"amount":1`, millrace.ReasonMalformed, ""},
		{`{"amount":1,`, millrace.ReasonMalformed, ""},
		{`{"amount":1,}`, millrace.ReasonMalformed, ""},
		{`{"amount":1 "kind":"a"}`, millrace.ReasonMalformed, ""},
		{`{"amount":1}}`, millrace.ReasonMalformed, ""},
		{`{"amount":1} x`, millrace.ReasonMalformed, ""},
		{"\ufeff{}", millrace.ReasonMalformed, ""},
		{`{amount:1}`, millrace.ReasonMalformed, ""},
		{`{'amount':1}`, millrace.ReasonMalformed, ""},
		{`{"amount":01}`, millrace.ReasonMalformed, ""},
		{`{"amount":-}`, millrace.ReasonMalformed, ""},
		{`{"amount":+1}`, millrace.ReasonMalformed, ""},
		{`{"amount":.5}`, millrace.ReasonMalformed, ""},
		{`{"amount":1.}`, millrace.ReasonMalformed, ""},
		{`{"amount":1e}`, millrace.ReasonMalformed, ""},
		{`{"amount":1e+}`, millrace.ReasonMalformed, ""},
		{`{"amount":0x1}`, millrace.ReasonMalformed, ""},
		{`{"amount":1_0}`, millrace.ReasonMalformed, ""},
		{`{"amount":NaN}`, millrace.ReasonMalformed, ""},
		{`{"amount":Infinity}`, millrace.ReasonMalformed, ""},
		{`{"amount":nul}`, millrace.ReasonMalformed, ""},
		{`{"z":tru}`, millrace.ReasonMalformed, ""},
		{`{"z":01}`, millrace.ReasonMalformed, ""},
		{`{"z":-a}`, millrace.ReasonMalformed, ""},
		{`{"z":1.e1}`, millrace.ReasonMalformed, ""},
		{`{"z":[1,]}`, millrace.ReasonMalformed, ""},
		{`{"z":[1 2]}`, millrace.ReasonMalformed, ""},
		{`{"z":{"a":1,}}`, millrace.ReasonMalformed, ""},
		{`{"z":{"a" 1}}`, millrace.ReasonMalformed, ""},
		{`{"kind":"a` + "\n" + `"}`, millrace.ReasonMalformed, ""},
		{`{"kind":"abcdefgh` + "\x01" + `"}`, millrace.ReasonMalformed, ""},
		{`{"kind":"\x"}`, millrace.ReasonMalformed, ""},
		{`{"kind":"\u12g4"}`, millrace.ReasonMalformed, ""},
		{`{"kind":"\ud800"}`, millrace.ReasonMalformed, ""},
		{`{"kind":"\ud800\u0041"}`, millrace.ReasonMalformed, ""},
		{`{"kind":"\udc00\ud800"}`, millrace.ReasonMalformed, ""},
		{"{\"kind\":\"\xff\"}", millrace.ReasonMalformed, ""},
		{"{\"z\":\"\xc0\xaf\"}", millrace.ReasonMalformed, ""},
		{"{\"z\xed\xa0\x80\":1}", millrace.ReasonMalformed, ""},
		{`{"kind":"abc`, millrace.ReasonMalformed, ""},
		{`{"kind":"abc\`, millrace.ReasonMalformed, ""},
		{`{"a":{"b":{"c":{}}}}`, "", ""},
		{`{"a":{"b":{"c":{"d":{}}}}}`, millrace.ReasonTooDeep, ""},
		{`{"a":[[[[]]]]}`, millrace.ReasonTooDeep, ""},
		{`{"user":{"address":{"x":{"d":{}}}}}`, millrace.ReasonTooDeep, ""},
		{`{"amount":1,"amount":1}`, millrace.ReasonDuplicateKey, "amount"},
		{`{"amount":1,"\u0061mount":1}`, millrace.ReasonDuplicateKey, "amount"},
		{`{"user":{"address":{}},"user":null}`, millrace.ReasonDuplicateKey, "user"},
		{`{"user":{"address":{"country":"a","country":"b"}}}`, millrace.ReasonDuplicateKey, "user.address.country"},
		{`{"z":1,"z":2}`, millrace.ReasonDuplicateKey, ""},
		{`{"z":1,"\u007a":2}`, millrace.ReasonDuplicateKey, ""},
		{`{"\u007a":1,"\u007A":2}`, millrace.ReasonDuplicateKey, ""},
		{`{"x":[{"a":{"b":1,"c":2,"b":3}}]}`, millrace.ReasonDuplicateKey, ""},
		{`{"y":"yes","y":"yes"}`, millrace.ReasonDuplicateKey, "y"},
		{`{"amount":"1x"}`, millrace.ReasonWrongType, "amount"},
		{`{"amount":true}`, millrace.ReasonWrongType, "amount"},
		{`{"amount":{}}`, millrace.ReasonWrongType, "amount"},
		{`{"amount":[1]}`, millrace.ReasonWrongType, "amount"},
		{`{"id":1e-3}`, millrace.ReasonBadID, "id"},
		{`{"kind":["a"]}`, millrace.ReasonWrongType, "kind"},
		{`{"known":1}`, millrace.ReasonWrongType, "known"},
		{`{"known":"true"}`, millrace.ReasonWrongType, "known"},
		{`{"user":1}`, millrace.ReasonWrongType, "user"},
		{`{"user":{"address":["DE"]}}`, millrace.ReasonWrongType, "user.address"},
		{`{"amount":1e999}`, millrace.ReasonNotFinite, "amount"},
		{`{"amount":-1e309}`, millrace.ReasonNotFinite, "amount"},
		{`{"kind":"123456789"}`, millrace.ReasonTextTooLong, "kind"},
		{`{"kind":123456789}`, millrace.ReasonTextTooLong, "kind"},
		{`{"id":"123456789"}`, millrace.ReasonTextTooLong, "id"},
		{`{"id":1.5}`, millrace.ReasonBadID, "id"},
		{`{"id":{}}`, millrace.ReasonBadID, "id"},
		{`{"id":true}`, millrace.ReasonBadID, "id"},
		{`{"meta":{"time":"yesterday"}}`, millrace.ReasonBadTime, "meta.time"},
		{`{"meta":{"time":1e20}}`, millrace.ReasonBadTime, "meta.time"},
		{`{"meta":{"time":[]}}`, millrace.ReasonBadTime, "meta.time"},
	}
	for _, c := range cases {
		_, err := decode(d, c.event)
		if c.reason == "" {
			if err != nil {
				t.Errorf("%.60q: %v", c.event, err)
			}
			continue
		}
		var r *millrace.Rejection
		if !errors.As(err, &r) {
			t.Errorf("%.60q: %v, want %s", c.event, err, c.reason)
			continue
		}
		if r.Reason != c.reason || r.Path != c.path || r.Detail == "" {
			t.Errorf("%.60q: %v, want %s at %q", c.event, r, c.reason, c.path)
		}
	}
}

func TestDetailsSayWhatWasFoundAndExpected(t *testing.T) {
	d := newDecoderOf(t, testSpec())
	cases := []struct{ event, want string }{
		{`{"amount":"1,5"}`, `wrong_type at "amount": found "1,5"; a number belongs there, and format: eu would read it`},
		{`{"kind":[]}`, `wrong_type at "kind": found an array; a string, a number or a boolean belongs there`},
		{`{"amount":1e999}`, `not_finite at "amount": found 1e999, which is out of range; a number belongs there`},
		{`{"amount":1]`, `malformed_json: found byte ']' at offset 11; a comma or a closing brace belongs there`},
		{`{"amount":`, `malformed_json: found the end at offset 10; a value belongs there`},
		{`{"user":3}`, `wrong_type at "user": found a number; an object belongs there`},
		{`[]`, `not_an_object: found an array; an event is a JSON object`},
	}
	for _, c := range cases {
		if _, err := decode(d, c.event); err == nil || err.Error() != c.want {
			t.Errorf("%s:\n got %v\nwant %s", c.event, err, c.want)
		}
	}
}

func TestLabels(t *testing.T) {
	classes := func(names ...string) LabelSpec { return LabelSpec{Path: "y", Classes: names} }
	strict := func(l LabelSpec) LabelSpec { l.Unlabelled = UnlabelledReject; return l }
	number := LabelSpec{Path: "y", Type: "number"}
	nested := LabelSpec{Path: "truth.y", Classes: []string{"a", "b"}}
	many := classes("a", "b", "c", "d", "e", "f", "g", "h")
	cases := []struct {
		label LabelSpec
		event string
		want  millrace.Label
		fault millrace.Reason
	}{
		{classes("no", "yes"), `{"y":"yes"}`, millrace.Label{Known: true, Class: 1}, ""},
		{classes("no", "yes"), `{"y":"y\u0065s"}`, millrace.Label{Known: true, Class: 1}, ""},
		{classes("0", "1"), `{"y":1}`, millrace.Label{Known: true, Class: 1}, ""},
		{classes("0", "1"), `{"y":"0"}`, millrace.Label{Known: true}, ""},
		{classes("0", "1"), `{"y":1.0}`, millrace.Label{Known: true, Class: 1}, ""},
		{classes("0", "1"), `{"y":10e-1}`, millrace.Label{Known: true, Class: 1}, ""},
		{classes("0", "1"), `{"y":"1.0"}`, millrace.Label{Known: true, Class: 1}, ""},
		{classes("0", "1"), `{"y":"1e0"}`, millrace.Label{}, millrace.ReasonUnknownClass},
		{classes("1.10", "1.1"), `{"y":"1.100"}`, millrace.Label{}, millrace.ReasonUnknownClass},
		{classes("1.0", "2.0"), `{"y":"2"}`, millrace.Label{Known: true, Class: 1}, ""},
		{classes("1.0", "1", "2"), `{"y":"1.00"}`, millrace.Label{}, millrace.ReasonUnknownClass},
		{classes("1.0", "1", "2"), `{"y":1.0}`, millrace.Label{Known: true}, ""},
		{classes("1.0", "1", "2"), `{"y":1}`, millrace.Label{Known: true, Class: 1}, ""},
		{classes("1.0", "1", "2"), `{"y":1.00}`, millrace.Label{}, millrace.ReasonUnknownClass},
		{classes("1.0", "1", "1.00", "2"), `{"y":1.000}`, millrace.Label{}, millrace.ReasonUnknownClass},
		{classes("false", "true"), `{"y":true}`, millrace.Label{Known: true, Class: 1}, ""},
		{classes("0", "1"), `{"y":1e999}`, millrace.Label{}, millrace.ReasonUnknownClass},
		{classes("no", "yes"), `{"y":"maybe"}`, millrace.Label{}, millrace.ReasonUnknownClass},
		{classes("no", "yes"), `{"y":null}`, millrace.Label{}, ""},
		{classes("no", "yes"), `{}`, millrace.Label{}, ""},
		{strict(classes("no", "yes")), `{"y":"yes"}`, millrace.Label{Known: true, Class: 1}, ""},
		{strict(classes("no", "yes")), `{"y":null}`, millrace.Label{}, millrace.ReasonMissingLabel},
		{strict(classes("no", "yes")), `{}`, millrace.Label{}, millrace.ReasonMissingLabel},
		{classes("no", "yes"), `{"y":["yes"]}`, millrace.Label{}, millrace.ReasonBadLabel},
		{many, `{"y":"h"}`, millrace.Label{Known: true, Class: 7}, ""},
		{many, `{"y":"i"}`, millrace.Label{}, millrace.ReasonUnknownClass},
		{nested, `{"truth":{"y":"b"}}`, millrace.Label{Known: true, Class: 1}, ""},
		{nested, `{"truth":null}`, millrace.Label{}, ""},
		{strict(nested), `{"truth":null}`, millrace.Label{}, millrace.ReasonMissingLabel},
		{strict(number), `{"y":null}`, millrace.Label{}, millrace.ReasonMissingLabel},
		{nested, `{"truth":"b"}`, millrace.Label{}, millrace.ReasonBadLabel},
		{number, `{"y":-2.5}`, millrace.Label{Known: true, Value: -2.5}, ""},
		{number, `{"y":"2.5"}`, millrace.Label{Known: true, Value: 2.5}, ""},
		{number, `{"y":"2,5"}`, millrace.Label{}, millrace.ReasonBadLabel},
		{number, `{"y":true}`, millrace.Label{}, millrace.ReasonBadLabel},
		{number, `{"y":1e999}`, millrace.Label{}, millrace.ReasonBadLabel},
		{LabelSpec{}, `{"y":1}`, millrace.Label{}, ""},
	}
	for _, c := range cases {
		spec := testSpec()
		spec.Label = c.label
		e, err := decode(newDecoderOf(t, spec), c.event)
		if err != nil {
			t.Errorf("%v %s: %v", c.label, c.event, err)
			continue
		}
		got := e.Label
		if got.Fault != nil && (got.Fault.Reason != c.fault || got.Fault.Path == "" || got.Fault.Detail == "") || (got.Fault == nil) != (c.fault == "") {
			t.Errorf("%v %s: fault %v, want %s", c.label, c.event, got.Fault, c.fault)
		}
		if got.Fault = nil; got != c.want {
			t.Errorf("%v %s: %+v, want %+v", c.label, c.event, got, c.want)
		}
	}
}

// One path may feed several columns, the id and the time.
func TestOnePathSeveralUses(t *testing.T) {
	spec := testSpec()
	spec.ID, spec.Time = "t", TimeSpec{Path: "t"}
	hour := features.DefaultColumn("hour", features.Number)
	id := features.DefaultColumn("hour id", features.Category)
	hour.Path, id.Path = "t", "t"
	spec.Columns = features.Columns{hour, id}
	e, err := decode(newDecoderOf(t, spec), `{"t": 17}`)
	if err != nil {
		t.Fatal(err)
	}
	if string(e.ID) != "17" || e.Time != 17000 || e.Fields[0].Number != 17 || string(e.Fields[1].Text) != "17" {
		t.Errorf("%+v", e)
	}
}

// Keys that JSON must escape, and names with dots, are reached like any other.
func TestKeysWithOddCharacters(t *testing.T) {
	for _, key := range []string{`a"b`, `a\b`, "a\nb", "a.b", "ключ", "<&>", "\u2028", ""} {
		if key == "" {
			continue
		}
		spec := testSpec()
		c := features.DefaultColumn("c", features.Number)
		c.Path = features.JoinPath("outer."+key, key)
		spec.Columns = features.Columns{c}
		d := newDecoderOf(t, spec)
		quoted := quoteKey(key)
		for _, event := range []string{
			`{` + quoteKey("outer."+key) + `{` + quoted + `7}}`,
			`{` + quoteKey("outer."+key) + `{` + strings.Replace(quoted, `":`, `" :`, 1) + `7}}`,
		} {
			e, err := decode(d, event)
			if err != nil || e.Fields[0].Number != 7 {
				t.Errorf("%q: %+v, %v", event, e.Fields, err)
			}
		}
	}
}

// Whatever an event held, nothing of it is left in the next.
func TestEventsLeaveNoTrace(t *testing.T) {
	d := newDecoderOf(t, testSpec())
	full := `{"id":1,"meta":{"time":5},"amount":1,"kind":"\u0061","known":true,"user":{"address":{"country":"DE"}},"y":"yes"}`
	nulls := `{"amount":null,"kind":null,"known":null,"user":{"address":{"country":null}},"y":null}`
	e := d.NewEvent()
	for _, next := range []string{`{}`, nulls, `{"amount":2}`, `{"user":{}}`} {
		for _, before := range []string{full, nulls, `{"amount":"x"}`, `{"kind":"a"`} {
			_ = d.Decode(&millrace.Record{Value: []byte(before)}, e)
			if err := d.Decode(&millrace.Record{Time: 42, Value: []byte(next)}, e); err != nil {
				t.Fatal(err)
			}
			fresh, _ := decode(d, next)
			if show(e) != show(fresh) || e.Label != (millrace.Label{}) {
				t.Errorf("%s after %s: %s, want %s", next, before, show(e), show(fresh))
			}
		}
	}
}

// Events of one decoder may be in flight at once: their texts do not share memory.
func TestEventsInFlight(t *testing.T) {
	d := newDecoderOf(t, testSpec())
	a, _ := decode(d, `{"kind":"\u0061\u0061"}`)
	b, _ := decode(d, `{"kind":"\u0062\u0062"}`)
	if string(a.Fields[1].Text) != "aa" || string(b.Fields[1].Text) != "bb" {
		t.Errorf("%q %q", a.Fields[1].Text, b.Fields[1].Text)
	}
	// Appending to a text must not run into what follows it.
	c, _ := decode(d, `{"kind":"a","amount":1}`)
	if cap(c.Fields[1].Text) != 1 {
		t.Errorf("the text has room for %d bytes of its record", cap(c.Fields[1].Text))
	}
}

func TestManyUnknownKeys(t *testing.T) {
	d := newDecoderOf(t, testSpec())
	var b strings.Builder
	b.WriteString(`{"amount":1`)
	for i := range 5000 {
		fmt.Fprintf(&b, `,"k%d":{"k":%d,"\u006b2":0}`, i, i)
	}
	for range 3 {
		if _, err := decode(d, b.String()+"}"); err != nil {
			t.Fatal(err)
		}
		_, err := decode(d, b.String()+`,"k77":1}`)
		var r *millrace.Rejection
		if !errors.As(err, &r) || r.Reason != millrace.ReasonDuplicateKey || !strings.Contains(r.Detail, `"k77"`) {
			t.Fatalf("%v", err)
		}
	}
}

func TestDecodeAllocatesNothing(t *testing.T) {
	spec := testSpec()
	spec.Limits.Text = 64
	d := newDecoderOf(t, spec)
	e := d.NewEvent()
	events := []string{
		`{"id":"a-1","meta":{"time":"2024-05-06T07:08:09.123+02:00"},"amount":0.30000000000000004,"kind":"groc\u0065ry","known":true,"user":{"address":{"country":"Österreich"}},"y":"yes"}`,
		`{"z":{"a":[1,2,{"b":"c"}],"d\u0065":null},"kind":12,"amount":123456789012345678901234567890123456789,"y":"no"}`,
		`{"amount":"wrong"}`, `{"kind":{}}`, `{"y":"maybe"}`, `{"y":[]}`, ``, `[]`, `{"amount":1,"amount":2}`,
		`{"a":{"b":{"c":{"d":{}}}}}`, `{"id":0.5}`, `{"user":1}`, `{"kind":"` + strings.Repeat("x", 65) + `"}`,
	}
	for _, event := range events {
		rec := &millrace.Record{Value: []byte(event)}
		if n := testing.AllocsPerRun(100, func() { _ = d.Decode(rec, e) }); n != 0 {
			t.Errorf("%s: %v allocations", event, n)
		}
	}
}

func TestClonesDecodeConcurrently(t *testing.T) {
	d := newDecoderOf(t, testSpec())
	var wait sync.WaitGroup
	for i := range 4 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			c := d.Clone()
			for k := range 200 {
				amount := float64(i*1000 + k)
				e, err := decode(c, fmt.Sprintf(`{"kind":"\u0061%d","amount":%v,"z":{"a":1}}`, k, amount))
				if err != nil || e.Fields[0].Number != amount {
					t.Errorf("%v, %v", e.Fields, err)
					return
				}
				_, _ = decode(c, `{"amount":"x"}`)
			}
		}()
	}
	wait.Wait()
}

func TestNumbersMatchInfinity(t *testing.T) {
	// The largest finite number is accepted, the next one up is not.
	d := newDecoderOf(t, testSpec())
	e, err := decode(d, `{"amount":1.7976931348623157e308}`)
	if err != nil || e.Fields[0].Number != math.MaxFloat64 {
		t.Errorf("%v, %v", e.Fields[0], err)
	}
}

// What is made of other fields is not in the event; an earlier event's must not stay in one that is used again.
func TestMadeFieldsAreEmptied(t *testing.T) {
	spec := testSpec()
	spec.Columns = append(spec.Columns, features.DefaultColumn("w", features.Window), features.DefaultColumn("r", features.Ratio))
	d := newDecoderOf(t, spec)
	e := d.NewEvent()
	for _, text := range []string{`{"amount": 1, "w": 5, "r": 6}`, `{"amount": 2, "kind": "a", "known": true, "user": {"address": {"country": "se"}}}`} {
		e.Fields[4] = millrace.Field{Presence: millrace.Present, Number: 3}
		e.Fields[5] = millrace.Field{Presence: millrace.Present, Number: 4}
		if err := d.Decode(&millrace.Record{Value: []byte(text)}, e); err != nil {
			t.Fatal(err)
		}
		if e.Fields[0].Presence != millrace.Present || e.Fields[4].Presence != millrace.Absent || e.Fields[5].Presence != millrace.Absent {
			t.Errorf("%s: %+v", text, e.Fields)
		}
	}
}

// TestADecodedEventIsLocatedByNobody: what tables by key found out of an event is not taken for the next one's.
func TestADecodedEventIsLocatedByNobody(t *testing.T) {
	d := newDecoderOf(t, moreSpec())
	e := d.NewEvent()
	e.Located = millrace.Located{By: t, Before: true}
	if err := d.Decode(&millrace.Record{Value: []byte(`{}`)}, e); err != nil {
		t.Fatal(err)
	}
	if e.Located.By != nil {
		t.Error("the event is still known to whoever had the one before")
	}
}

// TestAlikeClasses: blanks around a class are none of it, and with ignore_case letters of another case are; what two
// classes may be is neither.
func TestAlikeClasses(t *testing.T) {
	for _, c := range []struct {
		classes []string
		ignore  bool
		label   string
		want    int32 // -1: none
	}{
		{[]string{"no", "yes"}, false, "yes", 1},
		{[]string{"no", "yes"}, false, " yes ", 1},
		{[]string{"no", "yes"}, false, "Yes", -1},
		{[]string{"no", "yes"}, true, "YES\t", 1},
		{[]string{"no", "yes"}, true, "y", -1},
		{[]string{"no", " yes", "yes"}, false, "yes ", -1},
		{[]string{"no", " yes", "yes"}, false, " yes", 1},
		{[]string{"no", " yes"}, false, "yes", 1},
		{[]string{"nein", "Ärger"}, true, "ärger", 1},
	} {
		spec := testSpec()
		spec.Label = LabelSpec{Path: "y", Classes: c.classes, IgnoreCase: c.ignore}
		e, err := decode(newDecoderOf(t, spec), fmt.Sprintf(`{"y":%q}`, c.label))
		if err != nil || e.Label.Known != (c.want >= 0) || e.Label.Known && e.Label.Class != c.want {
			t.Errorf("%q of %q: %+v, %v, want %d", c.label, c.classes, e.Label, err, c.want)
		}
	}
	if found := (LabelSpec{Path: "y", Classes: []string{"no", "No"}, IgnoreCase: true}).Validate(); len(found) != 1 {
		t.Errorf("two classes that are one: %v", found)
	}
}

// TestFaultsShowTheValue: a person sees what stood there, short and in a form that no terminal acts on, and with it
// which format would have read it.
func TestFaultsShowTheValue(t *testing.T) {
	d := newDecoderOf(t, testSpec())
	e := d.NewEvent()
	for _, c := range [][2]string{
		{`{"amount":"9,99"}`, `wrong_type at "amount": found "9,99"; a number belongs there, and format: eu would read it`},
		{`{"amount":"1,234"}`, `wrong_type at "amount": found "1,234"; a number belongs there, and format: us or eu would read it`},
		{`{"amount":"1h30m"}`, `wrong_type at "amount": found "1h30m"; a number belongs there, and format: duration would read it`},
		{`{"amount":"many"}`, `wrong_type at "amount": found "many"; a number belongs there`},
		{`{"amount":"9,99"}`, `wrong_type at "amount": found "9,99"; a number belongs there, and format: eu would read it`},
		{`{"amount":"\u001b[2J"}`, `wrong_type at "amount": found "\x1b[2J"; a number belongs there`},
		{`{"amount":"` + strings.Repeat("x", 200) + `"}`, `wrong_type at "amount": found "` + strings.Repeat("x", 40) + `"…; a number belongs there`},
		{`{"amount":true}`, `wrong_type at "amount": found a boolean; a number belongs there`},
		{`{"known":"\u00e4"}`, `wrong_type at "known": found "ä"; true or false belongs there`},
		{`{"known":17}`, `wrong_type at "known": found 17; true or false belongs there`},
		{`{"id":0.5}`, `bad_id at "id": found 0.5; a string or a whole number belongs there`},
	} {
		if err := d.Decode(&millrace.Record{Value: []byte(c[0])}, e); err == nil || err.Error() != c[1] {
			t.Errorf("%s: %v\nwant %s", c[0], err, c[1])
		}
	}
}
