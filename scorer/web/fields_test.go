package web

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"millrace"
)

func testFields() *Fields {
	return NewFields([]Field{
		{Name: "amount", Path: []string{"amount"}, Type: "number", Feature: 0},
		{Name: "country", Path: []string{"user", "country"}, Type: "category", Feature: 1},
		{Name: "again", Path: []string{"amount"}, Type: "category", Feature: 2},
		{Name: "words", Path: []string{"words"}, Type: "bag", Feature: 3, Sparse: true},
		{Name: "id", Path: []string{"id"}, Type: "id", Feature: -1},
	}, func(word string, candidates []string) string {
		for _, c := range candidates {
			if len(c) == len(word) && c[0] == word[0] {
				return c
			}
		}
		return ""
	})
}

// TestSlips: what is missing is named, and what nobody reads where something is missing; nothing else is.
func TestSlips(t *testing.T) {
	for _, c := range []struct{ event, want string }{
		{`{"id":1,"amount":2,"user":{"country":"a"}}`, `{}`},
		{`{"id":1,"amount":null,"user":null,"other":1}`, `{}`},
		{`{"id":1,"amount":2,"user":{"country":"a"},"other":1}`, `{}`},
		{`{"amuont":2,"user":{"country":"a"}}`, `{"unknown":["amuont"],"missing":["amount"],"did_you_mean":{"amuont":"amount"}}`},
		{`{"amount":2,"user":{"land":"a"},"words":{"x":1}}`, `{"unknown":["user.land"],"missing":["user.country"]}`},
		{`{"amount":2,"user":7}`, `{"missing":["user.country"]}`},
		{`{`, `{}`},
		{`{"x":"` + strings.Repeat("x", lookedBytesMax) + `"}`, `{}`},
	} {
		got := "{}"
		if s := testFields().look([]byte(c.event)); s != nil {
			got = string(s.append([]byte(`{"a":1}`)))
			got = "{" + strings.TrimPrefix(got, `{"a":1,`)
		}
		if got != c.want {
			t.Errorf("%.80s: %s, want %s", c.event, got, c.want)
		}
	}
	var many strings.Builder
	for i := range 100 {
		many.WriteString(`,"x` + strings.Repeat("y", i) + `":1`)
	}
	if s := testFields().look([]byte(`{` + many.String()[1:] + `}`)); s == nil || len(s.Unknown) != namesMax {
		t.Errorf("of 100 unknown fields: %+v", s)
	}
}

// slipping scores events whose second feature is missing unless they say so.
type slipping struct{ event *millrace.Event }

func (s slipping) Event() *millrace.Event { return s.event }

func (s slipping) Score(rec *millrace.Record, dst *millrace.Score) error {
	s.event.Fields = make([]millrace.Field, 4)
	if strings.Contains(string(rec.Value), `"amount"`) {
		s.event.Fields[0].Presence, s.event.Fields[1].Presence = millrace.Present, millrace.Present
	}
	if strings.Contains(string(rec.Value), "reject") {
		return &millrace.Rejection{Reason: millrace.ReasonMissingFeature, Path: "amount"}
	}
	*dst = millrace.Score{Score: 0.5}
	return nil
}

// TestSlipsAreAnswered: beside the score, which stays what it is, in a single answer and in one of many; and a good
// event's answer has nothing more than before.
func TestSlipsAreAnswered(t *testing.T) {
	h, _, _ := newHandler(1 << 10)
	h.o.Fields = testFields()
	h.sessions.New = func() any { return &session{Session: slipping{&millrace.Event{}}} }
	h.o.About = About{Pipeline: "shop", Fields: testFields().all, Example: json.RawMessage(`{"amount":12.5}`), Score: "the probability of fraud"}
	h.o.Version = func() uint64 { return 7 }
	const good, odd = `{"amount":1,"user":{"country":"a"},"more":1}`, `{"amuont":1,"user":{"country":"a"}}`
	const plain, told = `{"version":0,"score":0.5}`, `{"version":0,"score":0.5,"unknown":["amuont"],"missing":["amount"],"did_you_mean":{"amuont":"amount"}}`
	if _, _, body := asked(t, h, "", good); body != plain+"\n" {
		t.Errorf("a good event: %s", body)
	}
	if _, _, body := asked(t, h, "", odd); body != told+"\n" {
		t.Errorf("a misspelt field: %s", body)
	}
	if _, _, body := asked(t, h, "", "["+good+","+odd+"]"); body != "["+plain+",\n"+told+"]\n" {
		t.Errorf("many: %s", body)
	}
	_, _, body := asked(t, h, "", `{"amuont":1,"user":{"country":"reject"}}`)
	if want := `{"detail":"","path":"amount","reason":"missing_feature","unknown":["amuont"],"missing":["amount"],`; !strings.HasPrefix(body, want) {
		t.Errorf("a refused event: %s", body)
	}
	aboutIsTold(t, h)
}

// aboutIsTold: GET / says pipeline, version, how to ask and which fields there are.
func aboutIsTold(t *testing.T, h *Handler) {
	t.Helper()
	get := func(accept string) (string, string) {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.Host = "127.0.0.1:8080"
		r.Header.Set("Accept", accept)
		h.ServeHTTP(w, r)
		return w.Header().Get("Content-Type"), w.Body.String()
	}
	kind, text := get("*/*")
	for _, want := range []string{"pipeline shop: version 7", `curl -d '{"amount":12.5}' http://127.0.0.1:8080/v1/score`, "user.country  category", "the probability of fraud"} {
		if kind != "text/plain; charset=utf-8" || !strings.Contains(text, want) {
			t.Errorf("%s: %q is not said: %s", kind, want, text)
		}
	}
	kind, text = get("application/json")
	var said struct {
		Pipeline string
		Version  uint64
		Fields   []Field
	}
	if err := json.Unmarshal([]byte(text), &said); err != nil || kind != "application/json" || said.Version != 7 || said.Pipeline != "shop" || len(said.Fields) != 5 ||
		said.Fields[1].Path[1] != "country" {
		t.Errorf("%s %s: %v", kind, text, err)
	}
}
