package decode

import (
	"fmt"
	"strings"
	"testing"

	"millrace"
	"millrace/features"
)

// TestKeysOfAnyLength: a key is compared as two words, as one or as text, by its length and by how near the event's end
// is. One that differs in any byte is another, and one that it is the beginning of, too.
func TestKeysOfAnyLength(t *testing.T) {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	for n := 1; n <= 24; n++ {
		key := letters[:n]
		spec := Spec{Columns: features.Columns{{Name: key, Path: key, Type: features.Number}}}
		spec.Limits.SetDefaults()
		d, err := New(spec)
		if err != nil {
			t.Fatal(err)
		}
		for _, behind := range []string{"", strings.Repeat(" ", 30), `,"z":"` + strings.Repeat("z", 30) + `"`} {
			check := func(other string, want millrace.Presence) {
				t.Helper()
				e := d.NewEvent()
				text := fmt.Sprintf(`{"%s":4%s}`, other, behind)
				if err := d.Decode(&millrace.Record{Value: []byte(text)}, e); err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				if f := e.Fields[0]; f.Presence != want || want == millrace.Present && f.Number != 4 {
					t.Errorf("%s for the key %q: %+v", text, key, f)
				}
			}
			check(key, millrace.Present)
			for i := range n {
				check(key[:i]+"_"+key[i+1:], millrace.Absent)
			}
			check(key+"_", millrace.Absent)
			check(key[1:]+"_", millrace.Absent)
		}
	}
}
