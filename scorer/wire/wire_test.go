package wire

import (
	"encoding/json"
	"math"
	"testing"

	"millrace"
)

func TestEncoder(t *testing.T) {
	s := &millrace.Score{ID: []byte(`a"b`), Model: "m", Version: 7, Score: 0.25, Class: `ye"s`, Probabilities: []float32{0.75, 0.25}, Time: 12}
	all := []string{"id", "model", "version", "class", "probabilities", "time"}
	for _, c := range []struct {
		include []string
		score   *millrace.Score
		want    string
	}{
		{all, s, `{"id":"a\"b","model":"m","version":7,"score":0.25,"class":"ye\"s","probabilities":{"no\n":0.75,"ye\"s":0.25},"time":12}`},
		{nil, s, `{"score":0.25}`},
		{[]string{"id"}, &millrace.Score{ID: []byte("12"), IDNumber: true}, `{"id":12,"score":0}`},
		{[]string{"id"}, &millrace.Score{ID: []byte("12")}, `{"id":"12","score":0}`},
		{[]string{"id"}, &millrace.Score{ID: []byte{}}, `{"id":"","score":0}`},
		{[]string{"time"}, s, `{"score":0.25,"time":12}`},
		{all, &millrace.Score{Model: "m", Score: 1e-7}, `{"model":"m","version":0,"score":1e-07,"time":0}`},
		{nil, &millrace.Score{Score: math.Inf(1)}, `{"score":null}`},
		{nil, &millrace.Score{Score: 2, Interval: true, Low: -1.5, High: 5.5}, `{"score":2,"interval":[-1.5,5.5]}`},
		{nil, &millrace.Score{Score: 2, Interval: true, Low: math.Inf(-1), High: math.Inf(1)}, `{"score":2,"interval":null}`},
		{nil, &millrace.Score{Set: []bool{true, true}}, `{"score":0,"set":["no\n","ye\"s"]}`},
		{nil, &millrace.Score{Set: []bool{false, true}}, `{"score":0,"set":["ye\"s"]}`},
	} {
		got := NewEncoder("m", []string{"no\n", `ye"s`}, c.include).Append(nil, c.score)
		// A control character is escaped by number, which is the same JSON.
		if want := c.want; !sameJSON(t, got, []byte(want)) {
			t.Errorf("%v: %s, want %s", c.include, got, want)
		}
	}
}

// TestNumbersKeepTheirDigits: the score of a number has what float64 holds, a probability what float32 does.
func TestNumbersKeepTheirDigits(t *testing.T) {
	s := &millrace.Score{Score: 100000001.625}
	if got := string(NewEncoder("m", nil, nil).Append(nil, s)); got != `{"score":1.00000001625e+08}` {
		t.Errorf("a number: %s", got)
	}
	s.Score = float64(float32(0.1))
	if got := string(NewEncoder("m", []string{"no", "yes"}, nil).Append(nil, s)); got != `{"score":0.1}` {
		t.Errorf("a probability: %s", got)
	}
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal(a, &x); err != nil {
		t.Errorf("%s: %v", a, err)
	}
	if err := json.Unmarshal(b, &y); err != nil {
		t.Fatal(err)
	}
	p, _ := json.Marshal(x) // of values that Unmarshal made
	q, _ := json.Marshal(y)
	return string(p) == string(q)
}

func FuzzEncoder(f *testing.F) {
	f.Add("m", "class \x00 \xff", float32(0.5))
	f.Fuzz(func(t *testing.T, name, class string, p float32) {
		got := NewEncoder(name, []string{class}, []string{"model", "class", "probabilities"}).
			Append(nil, &millrace.Score{Score: float64(p), Class: class, Probabilities: []float32{p}})
		if !json.Valid(got) {
			t.Errorf("%q is no JSON", got)
		}
	})
}

func TestEncoderAllocatesNothing(t *testing.T) {
	e := NewEncoder("m", []string{"no", "yes"}, []string{"id", "model", "version", "class", "probabilities", "time"})
	s := &millrace.Score{ID: []byte("tx-1"), Class: "yes", Probabilities: []float32{0.1, 0.9}}
	buffer := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { buffer = e.Append(buffer[:0], s) }); n != 0 {
		t.Errorf("Append allocates %v times", n)
	}
}
