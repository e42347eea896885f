package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// asked posts a body, and returns status, content type and body of the answer.
func asked(t *testing.T, h http.Handler, kind, body string) (int, string, string) {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/score", strings.NewReader(body))
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	h.ServeHTTP(w, r)
	return w.Code, w.Header().Get("Content-Type"), w.Body.String()
}

// TestManyEvents: as many answers as events, in their order and their form; what is faulty has its error in its place.
func TestManyEvents(t *testing.T) {
	h, ready, counted := newHandler(1 << 10)
	const nd, js = "application/x-ndjson", "application/json"
	if code, _, body := asked(t, h, nd, "1\n2\n"); code != http.StatusServiceUnavailable || !strings.Contains(body, "not_ready") {
		t.Errorf("before the first snapshot: %d %s", code, body)
	}
	*ready = true
	good := func(id string) string { return `{"id":` + id + `,"version":3,"score":0.75,"class":"yes"}` }
	const bad = `{"detail":"no number","path":"","reason":"malformed_json"}`
	away := `{"detail":"scoring: the window tables are still being filled","path":"","reason":"not_ready"}`
	for _, c := range []struct {
		name, kind, body string
		code             int
		answerKind, want string
	}{
		{"one", js, "7", 200, js, good("7") + "\n"},
		{"one by curl", "application/x-www-form-urlencoded", "7\n", 200, js, good("7\n") + "\n"},
		{"lines by type", nd, "1\nx\n\r\n2", 200, nd, good("1") + "\n" + bad + "\n" + good("2") + "\n"},
		{"a line by type", nd + "; charset=utf-8", "1", 200, nd, good("1") + "\n"},
		{"no lines", nd, "\n", 200, nd, ""},
		{"lines by look", "", "{}\n{}\n", 200, nd, good("{}") + "\n" + good("{}") + "\n"},
		{"an object over lines is one", "", "{\n}\n", 200, js, good("{\n}\n") + "\n"},
		{"an object and an empty line are one", "", "{}\n \n", 200, js, good("{}\n \n") + "\n"},
		{"an array", js, ` [1, x ,{"a":[1,"],\""]},2]` + "\n", 200, js, "[" + good("1") + ",\n" + bad + ",\n" + good(`{"a":[1,"]`) + ",\n" + good("2") + "]\n"},
		{"an empty array", js, "[ ]", 200, js, "[]\n"},
		{"windows go on being filled meanwhile", nd, "1\nw\n2", 200, nd, good("1") + "\n" + away + "\n" + good("2") + "\n"},
		{"an array that is cut off", js, "[1,2", 422, js, "is not closed"},
		{"and one with more behind", js, "[1,2] 3", 422, js, "and more follows"},
		{"and one of other brackets", js, "[1,2}", 422, js, "ends here"},
		{"and one with a hole", js, "[1,,2]", 422, js, "missing between commas"},
		{"too many lines", nd, strings.Repeat("1\n", eventsMax+1), 413, js, "too_many_events"},
		{"too many in an array", js, "[1" + strings.Repeat(",1", eventsMax) + "]", 413, js, "too_many_events"},
		{"one that is too large", js, strings.Repeat("7", 1025), 413, js, "too_large"},
	} {
		code, kind, body := asked(t, h, c.kind, c.body)
		if code != c.code || kind != c.answerKind || body != c.want && (code == 200 || !strings.Contains(body, c.want)) {
			t.Errorf("%s: %d %s\n%s\n  want %d %s\n%s", c.name, code, kind, body, c.code, c.answerKind, c.want)
		}
	}
	_, _, body := asked(t, h, nd, strings.Repeat("1\n", eventsMax)) // more than an answer holds back, and than an event may have
	if n := strings.Count(body, good("1")+"\n"); n != eventsMax {
		t.Errorf("%d answers of %d", n, eventsMax)
	}
	if counted.unscored != 2 || counted.predicted < eventsMax {
		t.Errorf("counted %d and %d", counted.predicted, counted.unscored)
	}
	if !h.inFlight.TryAcquire(bytesInFlightMax) {
		t.Error("bytes are still taken after all requests")
	}
}

// TestManyBytesAreBounded: a request of many events may be larger than an event, and not without end.
func TestManyBytesAreBounded(t *testing.T) {
	h, ready, _ := newHandler(10)
	*ready = true
	line := strings.Repeat("7", 1<<19) + "\n"
	if code, _, body := asked(t, h, "application/x-ndjson", strings.Repeat(line, 8)); code != 200 || strings.Count(body, "\n") != 8 {
		t.Errorf("4 MiB: %d", code)
	}
	if code, _, body := asked(t, h, "application/x-ndjson", strings.Repeat(line, manyBytesMax/len(line)+2)); code != 413 || !strings.Contains(body, "too_large") {
		t.Errorf("more than the bound: %d %.200s", code, body)
	}
}

// FuzzSplitArray: an array that is JSON is cut into its elements as encoding/json has them, and nothing else panics or
// makes events out of more than there is.
func FuzzSplitArray(f *testing.F) {
	for _, seed := range []string{`[]`, `[1]`, `[{"a":"]\\\""},[],{}]`, `[1,`, `]`, `[[[[`, ` [ 1 , 2 ] `, `["\`, `[1,,2]`, `[]]`, `[{]`, "[\"\\u005d\"]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		data = bytes.TrimLeft(data, space)
		if len(data) == 0 || data[0] != '[' {
			return
		}
		events, err := splitArray(data)
		var want []json.RawMessage
		if json.Unmarshal(data, &want) != nil {
			return
		}
		if err != nil || len(events) != len(want) {
			t.Fatalf("%q: %d events, want %d: %v", data, len(events), len(want), err)
		}
		for i := range events {
			if !bytes.Equal(events[i], want[i]) {
				t.Fatalf("%q: event %d is %q, want %q", data, i, events[i], want[i])
			}
		}
	})
}

// FuzzHandler: whatever is asked is answered with JSON, or lines of it, and never with more than there was.
func FuzzHandler(f *testing.F) {
	for _, seed := range []string{"7", "[7,x]", "{}\n{}", "[", "\n", "{\"a\":1}\nx\n"} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	h, ready, _ := newHandler(1 << 16)
	*ready = true
	f.Fuzz(func(t *testing.T, body string, nd bool) {
		if strings.ContainsAny(body, "w!") || strings.Trim(body, space) == "" { // what this reader answers otherwise
			return
		}
		kind := map[bool]string{true: "application/x-ndjson"}[nd]
		code, _, answer := asked(t, h, kind, body)
		if code != 200 && code != 413 && code != 422 {
			t.Fatalf("%d %s", code, answer)
		}
		if nd && code == 200 && strings.Count(answer, "\n") > strings.Count(body, "\n")+1 {
			t.Fatalf("%q has the answer %q", body, answer)
		}
	})
}
