package features

import (
	"math"

	"millrace"
)

const (
	// pairsDenseMax is the widest standard view whose products are dense: 64 numbers have 2,080, which
	// take about a microsecond and as much again for a model to read.
	pairsDenseMax = 64
	// pairsBits is how many columns the products of a wider view have, as a power of two. A triangle that
	// fits keeps a column a product; a larger one is hashed into them.
	pairsBits = 18
	// pairsCrossed is how many of a wider view's non-zeros are multiplied with each other: the first ones,
	// in the order of the standard view. The products of 64 are 2,080, as many as a dense view has at most.
	pairsCrossed = 64
	// productMax bounds products: two values at the default clip of 8 would make 64, and a few such would
	// outweigh all else that a linear model sees.
	productMax = 10
)

// pairs makes the view of products from the standard view: its columns first, then, for each column, its
// square and its products with the columns after it. Columns of one category, and a value and its own
// indicators, never meet in an event, and a column of zeros and ones is its own square: a dense view
// leaves such products out.
type pairs struct {
	shape  millrace.ViewShape
	rows   []productRow // of a dense view, one a column
	width  uint32       // of the standard view
	hashed bool         // the products share 2^pairsBits columns
	seed   uint64
}

// productRow says what a column of the standard view is multiplied with in a dense view of products.
type productRow struct {
	square bool
	from   int // all columns from this one on
}

func (x *Extractor) newPairs() *pairs {
	width, nonZeroMax := x.standard.Width, x.standard.NonZeroMax
	p := &pairs{width: uint32(width)}
	p.reseed(x.seed[0])
	if !x.standard.Sparse && width <= pairsDenseMax {
		p.rows = make([]productRow, width)
		products := 0
		for i := range p.rows {
			b := &x.blocks[x.block(uint32(i))]
			p.rows[i] = productRow{square: b.squares(i), from: i + 1}
			if b.single {
				p.rows[i].from = b.end
			}
			products += width - p.rows[i].from
			if p.rows[i].square {
				products++
			}
		}
		p.shape = millrace.ViewShape{Width: width + products, NonZeroMax: width + products, NonZeroUsual: width + products}
		return p
	}
	products := width * (width + 1) / 2 // at most 2^47
	if p.hashed = products > 1<<pairsBits; p.hashed {
		products = 1 << pairsBits
	}
	crossed := min(nonZeroMax, pairsCrossed)
	usual := min(x.standard.NonZeroUsual, crossed)
	p.shape = millrace.ViewShape{Width: width + products, Sparse: true, NonZeroMax: nonZeroMax + crossed*(crossed+1)/2,
		NonZeroUsual: x.standard.NonZeroUsual + usual*(usual+1)/2}
	return p
}

func (p *pairs) reseed(seed uint64) { p.seed = hash64(seed, []byte("pairs")) }

// dense fills dst, of the view's width, from a row of the standard view.
func (p *pairs) dense(dst, row []float32) {
	copy(dst, row)
	most := float32(0)
	for _, v := range row {
		if a := abs(v); a > most {
			most = a
		}
	}
	out := dst[len(row):]
	for i, v := range row {
		r := &p.rows[i]
		if r.square {
			out[0] = clipProduct(v * v)
			out = out[1:]
		}
		rest := row[r.from:]
		products := out[:len(rest)]
		out = out[len(rest):]
		switch {
		case v == 0:
			clear(products)
		case abs(v)*most <= productMax: // mostly: then no product of the row needs a look
			multiply(products, rest, v)
		default:
			multiplyClipped(products, rest, v)
		}
	}
}

// multiply sets dst to v times row, both of one length. Eight at a time let the processor overlap them.
func multiply(dst, row []float32, v float32) {
	for len(row) >= 8 && len(dst) >= 8 {
		d, r := (*[8]float32)(dst), (*[8]float32)(row)
		d[0], d[1], d[2], d[3] = v*r[0], v*r[1], v*r[2], v*r[3]
		d[4], d[5], d[6], d[7] = v*r[4], v*r[5], v*r[6], v*r[7]
		row, dst = row[8:], dst[8:]
	}
	for i := range min(len(row), len(dst)) {
		dst[i] = v * row[i]
	}
}

// multiplyClipped is multiply with products held within ±productMax, infinite ones too.
func multiplyClipped(dst, row []float32, v float32) {
	dst = dst[:len(row)]
	for i, w := range row {
		dst[i] = clipProduct(v * w)
	}
}

// clipProduct compares instead of using min and max, whose care for NaN takes three times as long.
func clipProduct(v float32) float32 {
	if v > productMax {
		return productMax
	}
	if v < -productMax {
		return -productMax
	}
	return v
}

func abs(v float32) float32 { return math.Float32frombits(math.Float32bits(v) &^ (1 << 31)) }

// sparse fills dst from the standard view, dense or sparse.
func (p *pairs) sparse(x *Extractor, dst, standard *millrace.Vector) {
	appendStandard(dst, standard)
	n := len(dst.Index)
	crossed := min(n, pairsCrossed)
	most := n + crossed*(crossed+1)/2
	index, value := dst.Index[:most], dst.Value[:most]
	for a := range crossed {
		first := a
		if i := index[a]; !x.blocks[x.block(i)].squares(int(i)) {
			first++
		}
		if first < crossed {
			p.cross(index[n:], value[n:], index[first:crossed], value[first:crossed], index[a], value[a])
			n += crossed - first
		}
	}
	dst.Index, dst.Value = index[:n], value[:n]
}

// cross writes the products of column i, whose value is v, with others.
func (p *pairs) cross(index []uint32, value []float32, others []uint32, values []float32, i uint32, v float32) {
	index, value, values = index[:len(others)], value[:len(others)], values[:len(others)]
	for k, j := range others {
		column, sign := p.column(i, j)
		index[k], value[k] = column, clipProduct(v*values[k])*sign
	}
}

// column is where the product of columns i and j goes, and with which sign: in a triangle of its rows, or
// hashed, with a sign so that collisions do not add up (see Extractor.encode).
func (p *pairs) column(i, j uint32) (column uint32, sign float32) {
	if i > j {
		i, j = j, i
	}
	if !p.hashed {
		return p.width + i*p.width - i*(i+1)/2 + j, 1
	}
	h := mix(p.seed ^ (uint64(i)<<32 | uint64(j)))
	return p.width + uint32(h&(1<<pairsBits-1)), 1 - 2*float32(h>>63)
}

// mix is the avalanche of XXH64 after one product that spreads the low bits: columns next to each other
// go to unrelated places.
func mix(h uint64) uint64 {
	h *= prime1
	h ^= h >> 33
	h *= prime2
	h ^= h >> 29
	h *= prime3
	return h ^ h>>32
}

// appendStandard empties dst and appends the non-zeros of the standard view.
func appendStandard(dst, standard *millrace.Vector) {
	if standard.Dense == nil {
		dst.Index = append(dst.Index[:0], standard.Index...)
		dst.Value = append(dst.Value[:0], standard.Value...)
		return
	}
	index, value := dst.Index[:0], dst.Value[:0]
	for i, v := range standard.Dense {
		if v != 0 {
			index, value = append(index, uint32(i)), append(value, v)
		}
	}
	dst.Index, dst.Value = index, value
}
