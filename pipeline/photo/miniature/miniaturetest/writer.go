// Package miniaturetest writes JPEGs of kinds that image/jpeg does not write, for tests and for measuring.
package miniaturetest

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
)

// A Writer writes one picture.
type Writer struct {
	Width, Height int
	Sampling      [][2]int                          // of each component, across and down
	Names         []byte                            // of the components; 1, 2, 3 without
	Sample        func(component, x, y int) float64 // in the component's own pixels; a made picture of slopes, edges and grain without
	Seed          uint64                            // of the grain
	Step          byte                              // of quantisation, for all coefficients; 3 without
	Extended      bool                              // say so, and not baseline
	Progressive   bool                              // in ten scans or more, the last three refining
	Separate      bool                              // each component in a scan of its own
	Interval      int                               // units between restarts; none without
	Long          bool                              // codes longer than a symbol's frequency asks for, up to 16 bits

	out    []byte
	coefs  [][][64]int // of each component: its blocks, in zigzag order
	across []int       // blocks of a row of each component
	acc    byte
	n      int
	run    int    // blocks that have nothing in a band
	bits   []byte // of correction, kept back with run
	table  [256]struct{ code, length int }
}

// band is what of the coefficients a scan carries.
type band struct {
	start, end int
	low        uint
	refining   bool
}

const (
	markerSOF0 = 0xc0
	markerSOF1 = 0xc1
	markerSOF2 = 0xc2
	markerDHT  = 0xc4
	markerRST0 = 0xd0
	markerSOS  = 0xda
	markerDQT  = 0xdb
	markerDRI  = 0xdd
)

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

// sample draws a picture: slopes, edges and grain, never near black or white, so that nothing is clipped.
func sample(r *rand.Rand, component, x, y, w, h int) float64 {
	v := 90 + 60*float64(x)/float64(w) + 20*math.Sin(float64(y)/float64(5+3*component))
	if (x/13+y/17+component)%3 == 0 {
		v += 25
	}
	return v + float64(r.IntN(13)) - 6
}

// Bytes returns the file.
func (p *Writer) Bytes() []byte {
	if p.Step == 0 {
		p.Step = 3
	}
	across, down := 1, 1
	for _, s := range p.Sampling {
		across, down = max(across, s[0]), max(down, s[1])
	}
	if len(p.Sampling) == 1 {
		across, down = 1, 1
	}
	unitsAcross, unitsDown := (p.Width+8*across-1)/(8*across), (p.Height+8*down-1)/(8*down)
	r := rand.New(rand.NewPCG(p.Seed, 1))
	p.coefs, p.across = nil, nil
	for i, s := range p.Sampling {
		h, v := s[0], s[1]
		if len(p.Sampling) == 1 {
			h, v = 1, 1
		}
		w, t := unitsAcross*h*8, unitsDown*v*8
		plane := make([]float64, w*t)
		for y := range t {
			for x := range w {
				if p.Sample != nil {
					plane[y*w+x] = p.Sample(i, x, y)
				} else {
					plane[y*w+x] = sample(r, i, x, y, w, t)
				}
			}
		}
		var blocks [][64]int
		for by := range t / 8 {
			for bx := range w / 8 {
				blocks = append(blocks, p.forward(plane[8*by*w+8*bx:], w))
			}
		}
		p.coefs, p.across = append(p.coefs, blocks), append(p.across, w/8)
	}

	p.out = []byte{0xff, 0xd8}
	quant := make([]byte, 65)
	for i := range 64 {
		quant[1+i] = p.Step
	}
	p.segment(markerDQT, quant)
	frame := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16([]byte{8}, uint16(p.Height)), uint16(p.Width))
	frame = append(frame, byte(len(p.Sampling)))
	for i, s := range p.Sampling {
		frame = append(frame, p.name(i), byte(s[0]<<4|s[1]), 0)
	}
	switch {
	case p.Progressive:
		p.segment(markerSOF2, frame)
	case p.Extended:
		p.segment(markerSOF1, frame)
	default:
		p.segment(markerSOF0, frame)
	}
	p.codes()
	if p.Interval > 0 {
		p.segment(markerDRI, binary.BigEndian.AppendUint16(nil, uint16(p.Interval)))
	}
	var all []int
	for i := range p.Sampling {
		all = append(all, i)
	}
	together := [][]int{all}
	if p.Separate {
		together = nil
		for i := range p.Sampling {
			together = append(together, []int{i})
		}
	}
	scan := func(of []int, b band) {
		high := byte(0)
		if b.refining {
			high = byte(b.low + 1)
		}
		head := []byte{byte(len(of))}
		for _, i := range of {
			head = append(head, p.name(i), 0)
		}
		p.segment(markerSOS, append(head, byte(b.start), byte(b.end), high<<4|byte(b.low)))
		p.scan(of, b, across, down, unitsAcross, unitsDown)
	}
	if !p.Progressive {
		for _, of := range together {
			scan(of, band{0, 63, 0, false})
		}
	} else {
		for _, of := range together {
			scan(of, band{0, 0, 1, false})
		}
		for i := range p.Sampling {
			scan([]int{i}, band{1, 5, 2, false})
			scan([]int{i}, band{6, 63, 2, false})
		}
		for _, of := range together {
			scan(of, band{0, 0, 0, true})
		}
		for i := range p.Sampling {
			scan([]int{i}, band{1, 63, 1, true})
			scan([]int{i}, band{1, 63, 0, true})
		}
	}
	return append(p.out, 0xff, 0xd9)
}

func (p *Writer) name(i int) byte {
	if p.Names != nil {
		return p.Names[i]
	}
	return byte(i + 1)
}

func (p *Writer) segment(marker byte, body []byte) {
	p.out = append(p.out, 0xff, marker)
	p.out = binary.BigEndian.AppendUint16(p.out, uint16(len(body)+2))
	p.out = append(p.out, body...)
}

// codes writes one table for everything, with shorter codes for what is frequent in photos: small coefficients after few zeros,
// and the end of a block.
func (p *Writer) codes() {
	counts := make([]byte, 16)
	copy(counts, []byte{0, 1, 2, 2, 3, 4, 6, 8, 12, 16, 16, 16})
	counts[15] = 170
	if p.Long {
		copy(counts, []byte{0, 3, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0})
		counts[15] = 247
	}
	symbols := make([]byte, 256)
	for i := range symbols {
		symbols[i] = byte(i)
	}
	rarity := func(s byte) int {
		zeros, size := int(s>>4), int(s&15)
		if size == 0 {
			return 2 * zeros
		}
		return 2*zeros + 3*size
	}
	slices.SortStableFunc(symbols, func(a, b byte) int { return cmp.Compare(rarity(a), rarity(b)) })
	code, at := 0, 0
	for length := 1; length <= 16; length++ {
		for range counts[length-1] {
			p.table[symbols[at]].code, p.table[symbols[at]].length = code, length
			code++
			at++
		}
		code <<= 1
	}
	for _, class := range []byte{0x00, 0x10} {
		p.segment(markerDHT, slices.Concat([]byte{class}, counts, symbols))
	}
}

// basis is the cosine transform of eight samples.
var basis = func() (b [8][8]float64) {
	for u := range b {
		for x := range b[u] {
			b[u][x] = math.Cos(float64((2*x+1)*u)*math.Pi/16) / 2
			if u == 0 {
				b[u][x] /= math.Sqrt2
			}
		}
	}
	return b
}()

// forward transforms a block.
func (p *Writer) forward(from []float64, pitch int) (out [64]int) {
	var rows, all [64]float64
	for y := range 8 {
		for u := range 8 {
			for x, v := range from[y*pitch:][:8] {
				rows[8*y+u] += (v - 128) * basis[u][x]
			}
		}
	}
	for v := range 8 {
		for u := range 8 {
			for y := range 8 {
				all[8*v+u] += rows[8*y+u] * basis[v][y]
			}
		}
	}
	for i, natural := range zigzag {
		out[i] = int(math.Round(all[natural] / float64(p.Step)))
	}
	return out
}

func (p *Writer) scan(of []int, b band, across, down, unitsAcross, unitsDown int) {
	last := make([]int, len(p.Sampling))
	left, marker := p.Interval, byte(0)
	restart := func() {
		if p.Interval == 0 {
			return
		}
		if left == 0 {
			p.flush()
			p.out = append(p.out, 0xff, markerRST0+marker)
			marker = (marker + 1) % 8
			left = p.Interval
			clear(last)
		}
		left--
	}
	if len(of) == 1 {
		i := of[0]
		s := p.Sampling[i]
		if len(p.Sampling) == 1 {
			s = [2]int{1, 1}
		}
		w, h := across/s[0], down/s[1]
		for y := range (p.Height + 8*h - 1) / (8 * h) {
			for x := range (p.Width + 8*w - 1) / (8 * w) {
				restart()
				p.write(&p.coefs[i][y*p.across[i]+x], &last[i], b)
			}
		}
	} else {
		for y := range unitsDown {
			for x := range unitsAcross {
				restart()
				for _, i := range of {
					s := p.Sampling[i]
					for v := range s[1] {
						for h := range s[0] {
							p.write(&p.coefs[i][(y*s[1]+v)*p.across[i]+x*s[0]+h], &last[i], b)
						}
					}
				}
			}
		}
	}
	p.flush()
}

func shifted(v int, low uint) int {
	if v < 0 {
		return -(-v >> low)
	}
	return v >> low
}

func (p *Writer) write(c *[64]int, last *int, b band) {
	switch {
	case b.refining && b.start == 0:
		p.put(c[0]>>b.low&1, 1)
		return
	case b.refining:
		p.refine(c, b)
		return
	}
	if b.start == 0 {
		v := c[0] >> b.low
		p.number(0, v-*last)
		*last = v
		if b.end == 0 {
			return
		}
		b.start = 1
	}
	zeros := 0
	for i := b.start; i <= b.end; i++ {
		v := shifted(c[i], b.low)
		if v == 0 {
			zeros++
			continue
		}
		p.over()
		for ; zeros > 15; zeros -= 16 {
			p.symbol(0xf0)
		}
		p.number(zeros, v)
		zeros = 0
	}
	if zeros > 0 {
		if p.run++; !p.Progressive || p.run == 0x7fff {
			p.over()
		}
	}
}

func (p *Writer) refine(c *[64]int, b band) {
	lastNew := 0
	for i := b.start; i <= b.end; i++ {
		if v := shifted(c[i], b.low); v == 1 || v == -1 {
			lastNew = i
		}
	}
	zeros := 0
	var kept []byte
	for i := b.start; i <= b.end; i++ {
		v := shifted(c[i], b.low)
		if v == 0 {
			zeros++
			continue
		}
		for zeros > 15 && i <= lastNew {
			p.over()
			p.symbol(0xf0)
			p.corrections(kept)
			kept = nil
			zeros -= 16
		}
		if v > 1 || v < -1 {
			kept = append(kept, byte(max(v, -v)&1))
			continue
		}
		p.over()
		p.symbol(zeros<<4 | 1)
		p.put((v+1)/2, 1)
		p.corrections(kept)
		kept, zeros = nil, 0
	}
	if zeros > 0 || len(kept) > 0 {
		p.run++
		p.bits = append(p.bits, kept...)
		if p.run == 0x7fff || len(p.bits) > 900 {
			p.over()
		}
	}
}

// over writes how many blocks had nothing.
func (p *Writer) over() {
	if p.run == 0 {
		return
	}
	size := 0
	for p.run>>(size+1) > 0 {
		size++
	}
	p.symbol(size << 4)
	p.put(p.run-1<<size, size)
	p.run = 0
	p.corrections(p.bits)
	p.bits = nil
}

func (p *Writer) corrections(bits []byte) {
	for _, b := range bits {
		p.put(int(b), 1)
	}
}

func (p *Writer) number(zeros, v int) {
	size := 0
	for max(v, -v)>>size > 0 {
		size++
	}
	p.symbol(zeros<<4 | size)
	if v < 0 {
		v += 1<<size - 1
	}
	p.put(v, size)
}

func (p *Writer) symbol(s int) { p.put(p.table[s].code, p.table[s].length) }

func (p *Writer) put(v, n int) {
	for i := n - 1; i >= 0; i-- {
		p.acc = p.acc<<1 | byte(v>>i&1)
		if p.n++; p.n == 8 {
			p.out = append(p.out, p.acc)
			if p.acc == 0xff {
				p.out = append(p.out, 0)
			}
			p.n = 0
		}
	}
}

// flush ends an interval.
func (p *Writer) flush() {
	p.over()
	for p.n > 0 {
		p.put(1, 1)
	}
}
