package config

import "testing"

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"rate", "rate", 0}, {"rate", "Rate", 0}, {"reat", "rate", 2}, {"raet", "rate", 1},
		{"rte", "rate", 1}, {"ratee", "rate", 1}, {"räte", "rate", 1}, {"dead-letters", "dead_letters", 0}, {"kitten", "sitting", 3},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
		if got := distance(c.b, c.a); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.b, c.a, got, c.want)
		}
	}
}

func TestNearest(t *testing.T) {
	for _, c := range []struct{ word, want string }{
		{"raet", "rate"}, {"rat", "rate"}, {"epsilom", "epsilon"}, {"momntm", "momentum"}, {"x", ""}, {"colour", ""}, {"ratio", ""}, {"", ""},
	} {
		if got := Nearest(c.word, []string{"type", "rate", "momentum", "epsilon"}); got != c.want {
			t.Errorf("Nearest(%q) = %q, want %q", c.word, got, c.want)
		}
	}
}
