// Package payments makes a stream of card payments for demonstrations: a seeded generator whose
// frauds follow patterns that shift at known event counts, and the pipeline that learns them. The
// payments are invented; no figure in them describes a real bank, shop or country.
package payments

import (
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// Classes of the outcome, the positive one last as a pipeline file wants it.
const (
	Legit = "legit"
	Fraud = "fraud"
)

// Generator makes payments one after the other. The same seed gives the same bytes on every
// machine with the same Go version and architecture. It is not for concurrent use.
type Generator struct {
	random *rand.Rand
	count  uint64 // payments made
	millis int64  // simulated time of the latest one
	key    []byte
	p      payment
	share  float64 // of the frauds, and of the disputes, of an ordinary stream
	cards  cards
	labels labels

	scratch []byte
}

// payment is one event before it is written.
type payment struct {
	card     int
	cents    int64
	shop     int // index into shops
	country  int // index into countries
	hour     int // on the clock of that country
	ageDays  int
	present  bool
	device   int // index into devices
	distance float64
	attempts int
	mail     int // index into mails
	fraud    bool
	reported bool // as fraud: not all fraud is found, and not all that is reported is fraud
}

// timeFormat is how times are written.
const timeFormat = "2006-01-02T15:04:05.000Z"

// start is where simulated time begins: a fixed day, for the generator reads no clock.
var start = time.Date(2025, time.March, 3, 6, 0, 0, 0, time.UTC).UnixMilli()

// New returns the generator of that seed, before its first payment.
func New(seed uint64) *Generator {
	return NewRare(seed, 1)
}

// NewRare returns a generator whose frauds, and what is reported as such by mistake, are that share of an ordinary
// stream's, in (0, 1]: with 0.02 about one payment in a thousand is reported.
func NewRare(seed uint64, share float64) *Generator {
	return &Generator{random: rand.New(rand.NewPCG(seed, 0x6d696c6c72616365)), millis: start, share: share,
		cards: newCards(seed), labels: newLabels(seed)}
}

// Count is how many payments have been made.
func (g *Generator) Count() uint64 { return g.count }

// Skip makes payments that nobody sees: a stream that ended goes on behind them. Labels of theirs that are under way
// come on.
func (g *Generator) Skip(payments uint64) {
	for range payments {
		g.scratch = g.NextUnlabelled(g.scratch[:0])
		for ok := true; ok; {
			g.scratch, ok = g.NextLabel(g.scratch[:0])
		}
	}
}

// Key is the latest payment's id, which its record is keyed by. It is valid until the next Next.
func (g *Generator) Key() []byte { return g.key }

// Next appends the next payment to dst as a JSON object, with its outcome. It allocates nothing beyond dst's growth.
func (g *Generator) Next(dst []byte) []byte {
	g.draw()
	dst = append(g.write(dst), `,"outcome":"`...)
	return append(append(dst, g.p.outcome()...), `"}`...)
}

// outcome is what people come to know of the payment.
func (p *payment) outcome() string {
	if p.reported {
		return Fraud
	}
	return Legit
}

// draw makes the next payment.
func (g *Generator) draw() {
	phase := phaseOf(g.count)
	g.clock()
	p := &g.p
	*p = payment{}
	p.fraud = g.chance(phase.fraud * g.share)
	g.honest(phase)
	if p.fraud {
		g.disguise(pick(g, phase.patterns))
	}
	// Some fraud is never noticed, and some buyers dispute what they bought. Both bound what any
	// model can reach.
	p.reported = p.fraud && !g.chance(0.04) || !p.fraud && g.chance(0.002*g.share)
	p.card = g.cards.draw(p.fraud)
	g.count++
	g.key = appendID(g.key[:0], g.count)
}

// clock moves simulated time on: about 3,500 payments a day, few of them at night in Europe.
func (g *Generator) clock() {
	busy := 1.0
	if hour := g.millis / 3_600_000 % 24; hour < 5 {
		busy = 0.35
	}
	g.millis += 1 + int64(g.random.ExpFloat64()*22_000/busy)
}

// honest draws a payment as an honest holder makes it. Fraud starts from one, too, for a thief
// knows what is usual.
func (g *Generator) honest(phase *phase) {
	p := &g.p
	p.shop = pick(g, shopWeights)
	shop := &shops[p.shop]
	p.cents = g.amount(shop.median, shop.spread)
	p.country = pick(g, countryWeights)
	p.hour = int((g.millis/3_600_000+int64(countries[p.country].offset)+24)%24) % 24
	// Shops sell by day; who would buy at night mostly waits until evening.
	if p.hour < 6 && g.chance(shop.closed) {
		p.hour = 8 + g.random.IntN(14)
	}
	p.ageDays = int(g.random.ExpFloat64() * 620)
	if g.chance(0.06) {
		p.ageDays = g.random.IntN(20)
	}
	p.present = g.chance(shop.present)
	p.distance = math.Exp(1.4 + 1.1*g.random.NormFloat64())
	if g.chance(phase.travel) {
		p.distance = 150 + g.random.ExpFloat64()*1800
		p.ageDays += g.random.IntN(200)
	}
	p.device = terminal
	if !p.present {
		p.device = 1 + pick(g, deviceWeights)
	}
	p.attempts = 1
	for p.attempts < 6 && g.chance(0.09) {
		p.attempts++
	}
	p.mail = pick(g, mailWeights)
}

// amount draws cents from a log-normal distribution; shops like prices that end in 9 or 0.
func (g *Generator) amount(median, spread float64) int64 {
	cents := int64(100 * median * math.Exp(spread*g.random.NormFloat64()))
	if g.chance(0.4) {
		cents -= cents % 10
		if g.chance(0.5) {
			cents += 9
		}
	}
	return max(cents, 20)
}

func (g *Generator) chance(p float64) bool { return g.random.Float64() < p }

// between draws uniformly from [low, high).
func (g *Generator) between(low, high float64) float64 {
	return low + (high-low)*g.random.Float64()
}

// pick draws an index with the given weights, which sum to 1.
func pick(g *Generator, weights []float64) int {
	x := g.random.Float64()
	for i, w := range weights {
		if x < w {
			return i
		}
		x -= w
	}
	return len(weights) - 1
}

// write appends the payment but for its end. What a real system would not know is left out or null: no e-mail
// address comes with a card at a terminal, and a position is not always found.
func (g *Generator) write(dst []byte) []byte {
	p := &g.p
	dst = append(dst, `{"id":"`...)
	dst = append(dst, g.key...)
	dst = append(dst, `","time":"`...)
	dst = time.UnixMilli(g.millis).UTC().AppendFormat(dst, timeFormat)
	dst = append(dst, `","card":"`...)
	dst = appendNumbered(dst, "card-", uint64(p.card), 1000)
	dst = append(dst, `","amount":`...)
	dst = appendHundredths(dst, p.cents)
	dst = append(dst, `,"currency":"`...)
	dst = append(dst, countries[p.country].currency...)
	dst = append(dst, `","merchant_category":"`...)
	dst = append(dst, shops[p.shop].name...)
	dst = append(dst, `","country":"`...)
	dst = append(dst, countries[p.country].code...)
	dst = append(dst, `","hour":`...)
	dst = strconv.AppendInt(dst, int64(p.hour), 10)
	dst = append(dst, `,"card_age_days":`...)
	if g.chance(0.005) {
		dst = append(dst, "null"...)
	} else {
		dst = strconv.AppendInt(dst, int64(p.ageDays), 10)
	}
	dst = append(dst, `,"card_present":`...)
	dst = strconv.AppendBool(dst, p.present)
	if !g.chance(0.01) {
		dst = append(dst, `,"device":"`...)
		dst = append(dst, devices[p.device]...)
		dst = append(dst, '"')
	}
	if !g.chance(0.03) {
		dst = append(dst, `,"distance_km":`...)
		dst = appendHundredths(dst, int64(100*p.distance))
	}
	dst = append(dst, `,"attempts_last_hour":`...)
	dst = strconv.AppendInt(dst, int64(p.attempts), 10)
	dst = append(dst, `,"email_domain":`...)
	if p.present {
		dst = append(dst, "null"...)
	} else {
		dst = append(dst, '"')
		dst = append(dst, mails[p.mail]...)
		dst = append(dst, '"')
	}
	return dst
}

// appendHundredths appends n/100 with two decimals, n not negative. It is exact, and several times as
// fast as formatting a float.
func appendHundredths(dst []byte, n int64) []byte {
	dst = strconv.AppendInt(dst, n/100, 10)
	return append(dst, '.', byte('0'+n/10%10), byte('0'+n%10))
}

// appendID appends pay-00000001 and so on; ids sort as the payments came.
func appendID(dst []byte, n uint64) []byte { return appendNumbered(dst, "pay-", n, 10_000_000) }

// appendNumbered appends a number with leading zeros: at least as many digits as limit has.
func appendNumbered(dst []byte, prefix string, n, limit uint64) []byte {
	dst = append(dst, prefix...)
	for ; limit > 1 && n < limit; limit /= 10 {
		dst = append(dst, '0')
	}
	return strconv.AppendUint(dst, n, 10)
}
