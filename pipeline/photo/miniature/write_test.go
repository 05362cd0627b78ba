package miniature

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
)

// A writer makes the JPEGs that image/jpeg cannot: of any sampling, progressive, with restarts, in separate scans.
type writer struct {
	w, h        int
	sampling    [][2]int // of each component
	names       []byte   // of the components; 1, 2, 3 without
	progressive bool
	separate    bool // each component in a scan of its own
	interval    int  // units between restarts
	deep        bool // codes of up to 16 bits, where others have 8 or 9
	step        byte // of quantisation
	extended    bool // SOF1
	head        []byte
	seed        uint64

	out    []byte
	coefs  [][][64]int // of each component: its blocks, in zigzag order
	acc    uint32
	n      int
	run    int    // blocks without anything
	bits   []byte // of correction, kept back with run
	table  [256][2]int
	across []int // of each component, in whole units
}

// sample draws a picture: slopes, edges and grain, never near black or white, so that nothing is clipped.
func sample(r *rand.Rand, component, x, y, w, h int) float64 {
	v := 90 + 60*float64(x)/float64(w) + 20*math.Sin(float64(y)/float64(5+3*component))
	if (x/13+y/17+component)%3 == 0 {
		v += 25
	}
	return v + float64(r.IntN(13)) - 6
}

func (p *writer) bytes() []byte {
	if p.step == 0 {
		p.step = 3
	}
	across, down := 1, 1
	for _, s := range p.sampling {
		across, down = max(across, s[0]), max(down, s[1])
	}
	if len(p.sampling) == 1 {
		across, down = 1, 1
	}
	unitsAcross, unitsDown := (p.w+8*across-1)/(8*across), (p.h+8*down-1)/(8*down)
	r := rand.New(rand.NewPCG(p.seed, 1))
	p.coefs, p.across = nil, nil
	for i, s := range p.sampling {
		h, v := s[0], s[1]
		if len(p.sampling) == 1 {
			h, v = 1, 1
		}
		w, t := unitsAcross*h*8, unitsDown*v*8
		plane := make([]float64, w*t)
		for y := range t {
			for x := range w {
				plane[y*w+x] = sample(r, i, x, y, w, t)
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

	p.out = append([]byte{0xff, 0xd8}, p.head...)
	quant := make([]byte, 65)
	for i := range 64 {
		quant[1+i] = p.step
	}
	p.segment(markerDQT, quant)
	frame := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16([]byte{8}, uint16(p.h)), uint16(p.w))
	frame = append(frame, byte(len(p.sampling)))
	for i, s := range p.sampling {
		frame = append(frame, p.name(i), byte(s[0]<<4|s[1]), 0)
	}
	switch {
	case p.progressive:
		p.segment(markerSOF2, frame)
	case p.extended:
		p.segment(markerSOF1, frame)
	default:
		p.segment(markerSOF0, frame)
	}
	p.codes()
	if p.interval > 0 {
		p.segment(markerDRI, binary.BigEndian.AppendUint16(nil, uint16(p.interval)))
	}
	var all []int
	for i := range p.sampling {
		all = append(all, i)
	}
	together := [][]int{all}
	if p.separate {
		together = nil
		for i := range p.sampling {
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
	if !p.progressive {
		for _, of := range together {
			scan(of, band{0, 63, 0, false})
		}
	} else {
		for _, of := range together {
			scan(of, band{0, 0, 1, false})
		}
		for i := range p.sampling {
			scan([]int{i}, band{1, 5, 2, false})
			scan([]int{i}, band{6, 63, 2, false})
		}
		for _, of := range together {
			scan(of, band{0, 0, 0, true})
		}
		for i := range p.sampling {
			scan([]int{i}, band{1, 63, 1, true})
			scan([]int{i}, band{1, 63, 0, true})
		}
	}
	return append(p.out, 0xff, 0xd9)
}

func (p *writer) name(i int) byte {
	if p.names != nil {
		return p.names[i]
	}
	return byte(i + 1)
}

func (p *writer) segment(marker byte, body []byte) {
	p.out = append(p.out, 0xff, marker)
	p.out = binary.BigEndian.AppendUint16(p.out, uint16(len(body)+2))
	p.out = append(p.out, body...)
}

// codes writes one table for everything: of codes of 8 and 9 bits or of 2 to 16.
func (p *writer) codes() {
	counts := make([]byte, 16)
	if p.deep {
		// Three of two bits, and all others hang from the fourth.
		copy(counts, []byte{0, 3, 1, 1, 1, 1, 1, 1})
		counts[15] = 247
	} else {
		counts[7], counts[8] = 254, 2
	}
	body := append([]byte{0}, counts...)
	code, at := 0, 0
	for length := 1; length <= 16; length++ {
		for range counts[length-1] {
			p.table[at] = [2]int{code, length}
			code++
			at++
		}
		code <<= 1
	}
	for i := range 256 {
		body = append(body, byte(i))
	}
	p.segment(markerDHT, body)
	body[0] = 0x10
	p.segment(markerDHT, body)
}

var cosines = func() (c [32]float64) {
	for i := range c {
		c[i] = math.Cos(float64(i) * math.Pi / 16)
	}
	return c
}()

func (p *writer) forward(from []float64, pitch int) (out [64]int) {
	for i, natural := range zigzag {
		u, v := int(natural%8), int(natural/8)
		sum := 0.0
		for y := range 8 {
			for x := range 8 {
				sum += (from[y*pitch+x] - 128) * cosines[(2*x+1)*u%32] * cosines[(2*y+1)*v%32]
			}
		}
		scale := 0.25
		if u == 0 {
			scale *= math.Sqrt2 / 2
		}
		if v == 0 {
			scale *= math.Sqrt2 / 2
		}
		out[i] = int(math.Round(sum * scale / float64(p.step)))
	}
	return out
}

func (p *writer) scan(of []int, b band, across, down, unitsAcross, unitsDown int) {
	last := make([]int, len(p.sampling))
	left, marker := p.interval, byte(0)
	restart := func() {
		if p.interval == 0 {
			return
		}
		if left == 0 {
			p.flush()
			p.out = append(p.out, 0xff, markerRST0+marker)
			marker = (marker + 1) % 8
			left = p.interval
			clear(last)
		}
		left--
	}
	if len(of) == 1 {
		i := of[0]
		s := p.sampling[i]
		if len(p.sampling) == 1 {
			s = [2]int{1, 1}
		}
		w, h := across/s[0], down/s[1]
		for y := range (p.h + 8*h - 1) / (8 * h) {
			for x := range (p.w + 8*w - 1) / (8 * w) {
				restart()
				p.write(&p.coefs[i][y*p.across[i]+x], &last[i], b)
			}
		}
	} else {
		for y := range unitsDown {
			for x := range unitsAcross {
				restart()
				for _, i := range of {
					s := p.sampling[i]
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

func (p *writer) write(c *[64]int, last *int, b band) {
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
		if p.run++; !p.progressive || p.run == 0x7fff {
			p.over()
		}
	}
}

func (p *writer) refine(c *[64]int, b band) {
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
func (p *writer) over() {
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

func (p *writer) corrections(bits []byte) {
	for _, b := range bits {
		p.put(int(b), 1)
	}
}

func (p *writer) number(zeros, v int) {
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

func (p *writer) symbol(s int) { p.put(p.table[s][0], p.table[s][1]) }

func (p *writer) put(v, n int) {
	for i := n - 1; i >= 0; i-- {
		p.acc = p.acc<<1 | uint32(v>>i&1)
		if p.n++; p.n == 8 {
			p.out = append(p.out, byte(p.acc))
			if byte(p.acc) == 0xff {
				p.out = append(p.out, 0)
			}
			p.n = 0
		}
	}
}

// flush ends an interval.
func (p *writer) flush() {
	p.over()
	for p.n > 0 {
		p.put(1, 1)
	}
}
