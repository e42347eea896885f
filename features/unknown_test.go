package features

import (
	"fmt"
	"testing"
	"time"
)

// TestPlayers: a player is an entry of the pipeline file, with all its statistics; crosses follow their parts.
func TestPlayers(t *testing.T) {
	x := newExtractor(t, DefaultColumn("amount", Number), window("", "amount", time.Hour, StatSum, StatMax),
		DefaultColumn("country", Category), crossColumn("both", "amount", "country"), DefaultColumn("hour", Number))
	if got, want := fmt.Sprint(x.Players()), "[{amount [0]} {w [1 2]} {country [3]} {hour [5]}]"; got != want {
		t.Errorf("players %s, want %s", got, want)
	}
	if x.TypeOf(2) != Window {
		t.Errorf("a statistic of a window is a %s", x.TypeOf(2))
	}
}

// TestUnknown: a value is unknown until it was observed, and where the vocabulary has no room for it.
func TestUnknown(t *testing.T) {
	country := DefaultColumn("country", Category)
	country.Cap = 1
	x := newExtractor(t, DefaultColumn("amount", Number), country)
	for i, c := range []struct {
		country string
		want    bool
	}{{"ch", true}, {"ch", false}, {"at", true}, {"at", true}, {"ch", false}} {
		e := event(1, c.country)
		if unknown, ok := x.Unknown(1, e); unknown != c.want || !ok {
			t.Errorf("event %d: unknown %t, %t", i, unknown, ok)
		}
		x.Observe(e)
	}
	if _, ok := x.Unknown(0, event(1, "ch")); ok {
		t.Error("a number has a vocabulary")
	}
	if _, ok := x.Unknown(1, event(1, absent)); ok {
		t.Error("a value that is absent is known or unknown")
	}
}
