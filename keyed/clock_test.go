package keyed_test

import (
	"maps"
	"math"
	"testing"

	"millrace/keyed"
)

func TestTheTopicsWatermark(t *testing.T) {
	c := keyed.NewClock()
	is := func(what string, want int64) {
		t.Helper()
		if c.Now() != want {
			t.Errorf("%s: %d, want %d", what, c.Now(), want)
		}
	}
	is("nothing known", math.MinInt64)
	c.Advance(0, 100)
	is("one partition", 100)
	c.SetIdle(1, false)
	c.Advance(0, 200)
	is("a partition that is known and has no record holds it", 100)
	c.Advance(1, 150)
	is("the smaller of two", 150)
	c.Advance(1, 120)
	is("an earlier event", 150)
	c.Advance(1, 300)
	is("now the other is smaller", 200)
	c.SetIdle(0, true)
	is("an idle one holds nothing", 300)
	c.SetIdle(1, true)
	is("all idle: it stands", 300)
	c.SetIdle(0, false)
	is("awake and behind: it does not fall", 300)
	c.Advance(0, 250)
	c.Advance(1, 900)
	is("the one that is behind holds it", 300)
	c.Advance(0, 400)
	is("and lets go", 400)
	c.SetIdle(0, true)
	is("of 900 alone", 900)
	c.Advance(0, 1000)
	c.Advance(1, 1100)
	is("who delivers is awake", 1000)
	if c.Watermark(0) != 1000 || c.Watermark(1) != 1100 || c.Watermark(7) != math.MinInt64 {
		t.Errorf("watermarks %d %d %d", c.Watermark(0), c.Watermark(1), c.Watermark(7))
	}
	d := keyed.NewClock()
	d.Advance(5, 5)
	d.Set(c.Now(), c.Watermarks())
	if d.Now() != 1000 || !maps.Equal(d.Watermarks(), c.Watermarks()) {
		t.Errorf("restored: %d %v", d.Now(), d.Watermarks())
	}
	d.Advance(0, 1050)
	if d.Now() != 1050 {
		t.Errorf("restored and advanced: %d", d.Now())
	}
}

// Whatever comes, the watermark is that of the definition, worked out from scratch.
func TestTheClockKeepsToItsDefinition(t *testing.T) {
	c := keyed.NewClock()
	marks, idle, now := map[int32]int64{}, map[int32]bool{}, int64(math.MinInt64)
	x := uint64(1)
	for i := range 20000 {
		x = x*6364136223846793005 + 1442695040888963407
		id, at := int32(x>>60%5), int64(i)+int64(x>>40%2000)
		switch x >> 33 % 16 {
		case 0:
			idle[id] = true
			c.SetIdle(id, true)
		case 1:
			idle[id] = false
			c.SetIdle(id, false)
		default:
			if old, ok := marks[id]; !ok || at > old {
				marks[id] = at
			}
			idle[id] = false
			c.Advance(id, at)
		}
		least, some := int64(math.MaxInt64), false
		for id, asleep := range idle {
			if !asleep {
				mark, ok := marks[id]
				if !ok {
					mark = math.MinInt64
				}
				least, some = min(least, mark), true
			}
		}
		if some {
			now = max(now, least)
		}
		if c.Now() != now {
			t.Fatalf("step %d: %d, want %d", i, c.Now(), now)
		}
	}
}

func TestClockRisesToItsLimit(t *testing.T) {
	c := keyed.NewClock()
	c.Set(50, map[int32]int64{0: 90, 1: 50})
	c.Limit(70)
	c.SetIdle(1, true)
	if c.Now() != 70 {
		t.Errorf("the watermark is %d with a limit of 70", c.Now())
	}
	c.Advance(0, 100)
	if c.Now() != 70 || c.Watermark(0) != 100 {
		t.Errorf("the watermark is %d, the partition's %d, with a limit of 70", c.Now(), c.Watermark(0))
	}
	c.Set(70, map[int32]int64{0: 100})
	c.Advance(0, 110)
	if c.Now() != 110 {
		t.Errorf("the watermark is %d after the limit was lifted", c.Now())
	}
}
