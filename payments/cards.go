package payments

import "math/rand/v2"

// cards says who pays: honest holders now and then, and a thief as long as a stolen card works.
type cards struct {
	random *rand.Rand // of its own, so that all else of a payment is as it was before there were cards
	recent [12]int    // cards that honest holders paid with last
	next   int        // place in recent that is the oldest
	stolen [3]struct{ card, left int }
}

const (
	// cardCount makes a card pay about once a day: seldom enough for a burst to show.
	cardCount = 4000
	// onTour is how often an honest payment is one of several in a row: shop after shop on a Saturday.
	onTour = 0.08
)

func newCards(seed uint64) cards { return cards{random: rand.New(rand.NewPCG(seed, 0x6361726473))} }

// draw draws the card of a payment. A stolen one is used three to eight times within hours: no single payment shows it.
func (c *cards) draw(fraud bool) int {
	if fraud {
		slot := &c.stolen[c.random.IntN(len(c.stolen))]
		if slot.left == 0 {
			slot.card, slot.left = 1+c.random.IntN(cardCount), 3+c.random.IntN(6)
		}
		slot.left--
		return slot.card
	}
	if card := c.recent[c.random.IntN(len(c.recent))]; card != 0 && c.random.Float64() < onTour {
		return card
	}
	card := 1 + c.random.IntN(cardCount)
	c.recent[c.next] = card
	c.next = (c.next + 1) % len(c.recent)
	return card
}
