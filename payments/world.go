package payments

// shop is a merchant category: what a purchase costs (the median, and the standard deviation of its
// logarithm), how often the card is there, and how much of the night it is closed.
type shop struct {
	name            string
	median, spread  float64
	present, closed float64
}

// The tables are only read.
var (
	shops = [...]shop{
		{"groceries", 31, 0.7, 0.93, 0.9},
		{"restaurants", 27, 0.6, 0.88, 0.8},
		{"fuel", 52, 0.35, 0.97, 0.5},
		{"clothing", 58, 0.7, 0.55, 0.8},
		{"electronics", 150, 0.8, 0.35, 0.7},
		{"travel", 290, 0.8, 0.10, 0.6},
		{"digital_goods", 11, 0.8, 0, 0.3},
		{"gift_cards", 55, 0.6, 0.25, 0.8},
		{"pharmacy", 17, 0.6, 0.85, 0.8},
		{"jewelry", 210, 0.9, 0.60, 0.9},
		{"games", 22, 0.7, 0.05, 0.2},
	}
	shopWeights = []float64{0.27, 0.16, 0.09, 0.10, 0.08, 0.05, 0.09, 0.04, 0.06, 0.02, 0.04}

	countries = [...]struct {
		code, currency string
		offset         int // hours from UTC
	}{
		{"DE", "EUR", 1}, {"FR", "EUR", 1}, {"NL", "EUR", 1}, {"ES", "EUR", 1}, {"IT", "EUR", 1},
		{"GB", "GBP", 0}, {"CH", "CHF", 1}, {"US", "USD", -5}, {"CA", "CAD", -6}, {"AU", "AUD", 10},
	}
	countryWeights = []float64{0.24, 0.15, 0.08, 0.09, 0.09, 0.13, 0.04, 0.12, 0.04, 0.02}

	devices       = [...]string{"terminal", "phone", "desktop", "tablet", "emulator"}
	deviceWeights = []float64{0.58, 0.33, 0.085, 0.005} // without a card at hand

	mails       = [...]string{"mail.example", "inbox.example", "post.example", "work.example", "campus.example", "throwaway.example"}
	mailWeights = []float64{0.42, 0.24, 0.14, 0.12, 0.06, 0.02}
)

// Indices that patterns name.
const (
	fuel         = 2
	electronics  = 4
	travel       = 5
	digitalGoods = 6
	giftCards    = 7
	jewelry      = 9

	terminal = 0
	phone    = 1
	desktop  = 2
	emulator = 4

	throwaway = 5
)

// Patterns of fraud, as indices into a phase's weights.
const (
	cardTesting = iota
	newCardAbroad
	nightGiftCards
	takenAccount
	skimmedFuel
)

// disguise makes the payment a fraud of that pattern. None of the signs is certain: honest payments
// have each of them at times, and a fraud may lack some.
func (g *Generator) disguise(pattern int) {
	p := &g.p
	switch pattern {
	case cardTesting: // bursts of small amounts that find out which stolen numbers work
		p.shop = digitalGoods
		p.cents = 50 + g.random.Int64N(350)
		p.attempts = 3 + g.random.IntN(9)
		p.present, p.device = false, g.one(0.55, emulator, desktop)
	case newCardAbroad: // cards stolen in the post, used far away for what can be sold again
		p.shop = g.one(0.6, electronics, jewelry)
		p.cents = int64(100 * g.between(180, 900))
		p.ageDays = g.random.IntN(25)
		p.distance = g.between(500, 7000)
		p.present, p.device = true, terminal
	case nightGiftCards: // just below the amount that a person would look at
		p.shop = giftCards
		p.cents = int64(100 * g.between(140, 500))
		p.hour = g.random.IntN(6)
		p.present, p.device = false, g.one(0.5, phone, desktop)
		p.mail = g.mailOf(0.5)
	case takenAccount: // an old, trusted card with a new device and a new address, by day
		p.shop = g.one(0.7, travel, electronics)
		p.cents = int64(100 * g.between(350, 1600))
		p.hour = 9 + g.random.IntN(10)
		p.ageDays = 500 + g.random.IntN(2000)
		p.present, p.device = false, g.one(0.35, emulator, phone)
		p.mail = g.mailOf(0.65)
	case skimmedFuel: // copied cards at pumps without staff, at night, up to the pump's limit
		p.shop = fuel
		p.cents = int64(100 * g.between(88, 125))
		p.attempts = 1 + g.random.IntN(5)
		p.distance = g.between(40, 400)
		p.hour = (21 + g.random.IntN(9)) % 24
		p.present, p.device = true, terminal
	}
	// One fraud in twelve is patient and hides among the usual amounts.
	if g.chance(0.08) {
		p.cents = g.amount(shops[p.shop].median, shops[p.shop].spread)
		p.attempts = 1
	}
}

// one is a with that chance, else b.
func (g *Generator) one(chance float64, a, b int) int {
	if g.chance(chance) {
		return a
	}
	return b
}

// mailOf is a throw-away address with that chance, else any.
func (g *Generator) mailOf(chance float64) int {
	if g.chance(chance) {
		return throwaway
	}
	return pick(g, mailWeights)
}

// Shift is a change of what fraud looks like.
type Shift struct {
	At   uint64 // payments made before it, counted within a cycle
	Tale string // what changes, for people
}

// phase is what holds from one shift to the next.
type phase struct {
	at       uint64
	tale     string
	fraud    float64   // share of payments
	travel   float64   // share of honest payments far from home
	patterns []float64 // weights of the patterns
}

// Cycle is the number of payments after which the phases start over, so that a stream never settles.
const Cycle = 80_000

// The last phase brings the holidays: far from home, a sign of fraud until then, becomes common.
var phases = [...]phase{
	{0, "cards are tested in bursts of small amounts, and new cards are used abroad", 0.05, 0.03,
		[]float64{0.45, 0.55, 0, 0, 0}},
	{6_000, "testing stops; gift cards are bought at night", 0.06, 0.03,
		[]float64{0.05, 0.30, 0.65, 0, 0}},
	{16_000, "accounts with old cards are taken over for travel", 0.05, 0.04,
		[]float64{0, 0.10, 0.25, 0.65, 0}},
	{40_000, "holidays: honest holders travel, and cards are copied at fuel pumps", 0.06, 0.15,
		[]float64{0.10, 0, 0, 0.30, 0.60}},
}

// Shifts lists when fraud changes, in order, the first at 0. After [Cycle] payments it begins again.
func Shifts() []Shift {
	shifts := make([]Shift, len(phases))
	for i, p := range phases {
		shifts[i] = Shift{At: p.at, Tale: p.tale}
	}
	return shifts
}

// phaseOf is the phase of the payment that count others came before.
func phaseOf(count uint64) *phase {
	count %= Cycle
	for i := len(phases) - 1; i > 0; i-- {
		if count >= phases[i].at {
			return &phases[i]
		}
	}
	return &phases[0]
}
