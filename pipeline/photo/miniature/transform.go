package miniature

import (
	"encoding/binary"
	"math/bits"
)

// A block holds what the coefficients of one block add up to, as its kernel says. Of a whole picture these are the coefficients
// themselves, two in each word: one plus 2^32 times its right neighbour. Sums and products of such a word are those of both, so
// one transform does the work of two; of smaller ones the frequencies of the miniature, in units of 2^-weightBits.
type block [32]int64

const weightBits = 14

// A kernel says what a component's coefficients, in zigzag order, add to a block.
//
// The mean of two neighbours in the inverse transform of frequency k of 8 is that of a frequency of 4: of k itself for k under 4,
// of 8-k with the other sign above, times cos(k*pi/16), and nothing for k = 4. The mean of four is the same done twice. So a
// coefficient adds to one frequency of the miniature, times two such factors and its step of quantisation, and the inverse
// transform that remains is of 4 by 4 or 2 by 2.
type kernel struct {
	cells  int // of the block that are used
	place  [64]uint8
	weight [64]int64
	kept   int       // coefficients that a progressive picture keeps
	slot   [64]uint8 // where it keeps them; unkept for those it does not
}

const unkept = 255

// zigzag is the place of each coefficient, row by row: T.81, figure A.6.
var zigzag = [64]uint8{
	0, 1, 8, 16, 9, 2, 3, 10,
	17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34,
	27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36,
	29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46,
	53, 60, 61, 54, 47, 55, 62, 63,
}

// fold says which frequency of a miniature a frequency adds to, and by how much, in units of 2^-15. Those it adds nothing to have
// a factor of 0.
type fold struct {
	to     uint8
	factor int64
}

var folds = [...][8]fold{
	Half:    {{0, 32768}, {1, 32138}, {2, 30274}, {3, 27246}, {}, {3, -18205}, {2, -12540}, {1, -6393}},
	Quarter: {{0, 32768}, {1, 29692}, {}, {1, -10426}, {}, {1, 6967}, {}, {1, -5906}},
	Eighth:  {{0, 32768}},
}

// pixels returns how many pixels a block has at the scale.
func (s Scale) pixels() int { return 64 >> (2 * s) }

// coefficients returns how many of the coefficients of a block have a part in its pixels.
func (s Scale) coefficients() int { return [...]int{64, 49, 25, 1}[s] }

func newKernel(quant *[64]int32, scale Scale, wanted bool) kernel {
	k := kernel{cells: scale.pixels()}
	if scale == Whole {
		k.cells = len(block{})
	}
	for i, natural := range zigzag {
		k.slot[i] = unkept
		q := int64(quant[i])
		if scale == Whole {
			k.place[i], k.weight[i] = natural/2, q<<(32*(natural%2))
		} else {
			across, down := folds[scale][natural%8], folds[scale][natural/8]
			if across.factor == 0 || down.factor == 0 {
				k.place[i] = uint8(len(block{}) - 1) // where nothing is looked for
				continue
			}
			k.place[i] = down.to<<(3-scale) + across.to
			const half = 1 << (30 - weightBits - 1)
			k.weight[i] = (q*across.factor*down.factor + half) >> (30 - weightBits)
		}
		if wanted {
			k.slot[i] = uint8(k.kept)
			k.kept++
		}
	}
	return k
}

// gather makes the block of the coefficients kept, and returns the place of the last that is not zero.
func (c *component) gather(at int, b *block) (last int) {
	k := &c.kernel
	coefs := c.coefs[at*k.kept:][:k.kept]
	clear(b[:k.cells])
	b[0] = int64(coefs[0]) * k.weight[0]
	for rest := c.mask[at]; rest != 0; rest &= rest - 1 {
		last = bits.TrailingZeros64(rest)
		if slot := int(k.slot[last]); slot < len(coefs) {
			b[k.place[last]&31] += int64(coefs[slot]) * k.weight[last]
		}
	}
	return last
}

// draw turns a block into pixels at its place. Its last coefficient that is not zero is at last in zigzag order.
func (d *decoder) draw(c *component, x, y, last int) {
	scale := d.options.Scale
	side := 8 >> scale
	to := c.pix[y*side*c.pitch+x*side:]
	b := &d.block
	switch {
	case last == 0 || scale == Eighth:
		dc := b[0]
		if scale != Whole {
			dc >>= weightBits
		}
		v := pixel((dc + 4) >> 3)
		if scale == Whole {
			for row := range 8 {
				binary.LittleEndian.PutUint64(to[row*c.pitch:], uint64(v)*0x0101010101010101)
			}
			return
		}
		for row := range side {
			row := to[row*c.pitch:][:side]
			for i := range row {
				row[i] = v
			}
		}
	case scale == Whole:
		b.draw8(to, c.pitch)
	case scale == Half:
		b.draw4(to, c.pitch)
	default:
		b.draw2(to, c.pitch)
	}
}

// pixel makes a sample of a level around 0.
func pixel(v int64) byte {
	if v += 128; uint64(v) > 255 {
		return byte(^v >> 63)
	}
	return byte(v)
}

func (b *block) draw2(to []byte, pitch int) {
	const shift = weightBits + 3
	mean, across, down, both := b[0]+1<<(shift-1), b[1], b[2], b[3]
	top, bottom := to[:2], to[pitch:][:2]
	top[0], top[1] = pixel((mean+across+down+both)>>shift), pixel((mean-across+down-both)>>shift)
	bottom[0], bottom[1] = pixel((mean+across-down-both)>>shift), pixel((mean-across-down+both)>>shift)
}

func (b *block) draw4(to []byte, pitch int) {
	// sqrt(2) times cos(pi/8) and cos(3*pi/8), in units of 2^-13.
	const bits, long, short = 13, 10703, 4433
	for x := range 4 {
		f0, f1, f2, f3 := b[x]<<bits, b[4+x], b[8+x]<<bits, b[12+x]
		even, odd := f0+f2, f1*long+f3*short
		even2, odd2 := f0-f2, f1*short-f3*long
		const half = 1 << (bits - 1)
		b[x], b[12+x] = (even+odd+half)>>bits, (even-odd+half)>>bits
		b[4+x], b[8+x] = (even2+odd2+half)>>bits, (even2-odd2+half)>>bits
	}
	for y := range 4 {
		const shift = weightBits + bits + 3
		f0, f1, f2, f3 := b[4*y]<<bits+1<<(shift-1), b[4*y+1], b[4*y+2]<<bits, b[4*y+3]
		even, odd := f0+f2, f1*long+f3*short
		even2, odd2 := f0-f2, f1*short-f3*long
		row := to[y*pitch:][:4]
		row[0], row[3] = pixel((even+odd)>>shift), pixel((even-odd)>>shift)
		row[1], row[2] = pixel((even2+odd2)>>shift), pixel((even2-odd2)>>shift)
	}
}

// draw8 is the inverse transform of Loeffler, Ligtenberg and Moschytz (Practical fast 1-D DCT algorithms with 11 multiplications,
// 1989) over columns and then rows, two at a time, with the rounding of libjpeg's jidctint.
func (b *block) draw8(to []byte, pitch int) {
	var v [8]int64
	used := 0 // pairs of columns that hold something
	for x := range 4 {
		high := b[16+x] | b[20+x] | b[24+x] | b[28+x]
		if b[4+x]|b[8+x]|b[12+x]|high == 0 {
			w := b[x] << fractionBits
			if w != 0 {
				used = x + 1
				for y := range 8 {
					b[4*y+x] = w
				}
			}
			continue
		}
		used = x + 1
		v[0], v[1], v[2], v[3] = b[x], b[4+x], b[8+x], b[12+x]
		if high == 0 {
			inverseLow(&v)
		} else {
			v[4], v[5], v[6], v[7] = b[16+x], b[20+x], b[24+x], b[28+x]
			inverse(&v)
		}
		for y, w := range v {
			left, right := halves(w, inverseBits-fractionBits)
			b[4*y+x] = left + right<<32
		}
	}
	for y := 0; y < 8; y += 2 {
		// From two rows of four pairs of neighbours to eight pairs of one above the other.
		for x := range used {
			above, below := b[4*y+x], b[4*y+4+x]
			left, leftBelow := int64(int32(above)), int64(int32(below))
			v[2*x] = left + leftBelow<<32
			v[2*x+1] = (above-left)>>32 + below - leftBelow
		}
		if used <= 2 {
			clear(v[2*used : 4])
			inverseLow(&v)
		} else {
			clear(v[2*used:])
			inverse(&v)
		}
		top, bottom := to[y*pitch:][:8], to[(y+1)*pitch:][:8]
		for x, w := range v {
			above, below := halves(w, inverseBits+fractionBits+3)
			top[x], bottom[x] = pixel(above), pixel(below)
		}
	}
}

const (
	inverseBits  = 13 // how much larger inverse makes its results
	fractionBits = 2  // kept between columns and rows
)

// Cosines and their sums in units of 2^-13, named by their value in thousandths.
const (
	c0298 = 2446
	c0390 = 3196
	c0541 = 4433
	c0765 = 6270
	c0899 = 7373
	c1175 = 9633
	c1501 = 12299
	c1847 = 15137
	c1961 = 16069
	c2053 = 16819
	c2562 = 20995
	c3072 = 25172
)

// halves returns the two numbers of a word, divided by 2^shift and rounded.
func halves(w int64, shift uint) (low, high int64) {
	w += 1<<(shift-1) + 1<<(shift-1+32)
	return int64(int32(w) >> shift), (w + 1<<31) >> (32 + shift)
}

// inverse transforms eight frequencies, 2^inverseBits times larger.
func inverse(v *[8]int64) {
	z := (v[2] + v[6]) * c0541
	low, high := z-v[6]*c1847, z+v[2]*c0765
	sum, difference := (v[0]+v[4])<<inverseBits, (v[0]-v[4])<<inverseBits
	e0, e3 := sum+high, sum-high
	e1, e2 := difference+low, difference-low

	o7, o5, o3, o1 := v[7], v[5], v[3], v[1]
	z1, z2, z3, z4 := (o7+o1)*-c0899, (o5+o3)*-c2562, o7+o3, o5+o1
	z5 := (z3 + z4) * c1175
	z3, z4 = z5-z3*c1961, z5-z4*c0390
	o7, o5 = o7*c0298+z1+z3, o5*c2053+z2+z4
	o3, o1 = o3*c3072+z2+z3, o1*c1501+z1+z4

	v[0], v[7] = e0+o1, e0-o1
	v[1], v[6] = e1+o3, e1-o3
	v[2], v[5] = e2+o5, e2-o5
	v[3], v[4] = e3+o7, e3-o7
}

// inverseLow is inverse where the upper four frequencies are nothing, whatever stands in their place.
func inverseLow(v *[8]int64) {
	low, high := v[2]*c0541, v[2]*(c0541+c0765)
	mean := v[0] << inverseBits
	e0, e3 := mean+high, mean-high
	e1, e2 := mean+low, mean-low

	o3, o1 := v[3], v[1]
	z5 := (o3 + o1) * c1175
	z3, z4 := z5-o3*c1961, z5-o1*c0390
	o7, o5 := z3-o1*c0899, z4-o3*c2562
	o3, o1 = o3*(c3072-c2562)+z3, o1*(c1501-c0899)+z4

	v[0], v[7] = e0+o1, e0-o1
	v[1], v[6] = e1+o3, e1-o3
	v[2], v[5] = e2+o5, e2-o5
	v[3], v[4] = e3+o7, e3-o7
}
