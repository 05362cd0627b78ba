package miniature

import (
	"context"
	"encoding/binary"
	"io"
	"math/bits"
)

// part is a component's part in a scan.
type part struct {
	*component
	dc, ac *table
	last   int32 // the DC coefficient of the block before
}

// band is what of the coefficients a scan of a progressive picture carries: those from start to end in zigzag order, shifted left
// by low, for the first time or as one more bit of each.
type band struct {
	start, end int
	low        uint
	refining   bool
}

func (d *decoder) scan(ctx context.Context, body []byte) error {
	parts, b, err := d.parts(body)
	if err != nil {
		return err
	}
	for i := range parts {
		if err := d.reserve(parts[i].component); err != nil {
			return err
		}
	}
	across, down, visits := d.unitsAcross, d.unitsDown, int64(0)
	if len(parts) == 1 {
		across, down = parts[0].across, parts[0].down
	}
	for _, p := range parts {
		visits += int64(p.stride) * int64(p.rows)
	}
	if d.visits += visits; d.visits > d.blocks*MaxPasses {
		return LimitError("more scans than any encoder writes")
	}

	r := &d.bits
	*r = bitReader{b: d.b, at: d.at}
	left := d.interval // units to the next restart
	marker := byte(markerRST0)
	run := 0 // blocks that an AC scan says nothing of
	for y := range down {
		if err := ctx.Err(); err != nil {
			return err
		}
		for x := 0; x < across; {
			if d.interval > 0 && left == 0 {
				if run > 0 {
					return FormatError("empty blocks beyond a restart")
				}
				if err := d.restart(&marker); err != nil {
					return err
				}
				left = d.interval
				for i := range parts {
					parts[i].last = 0
				}
			}
			done, ok := 1, true
			switch {
			case b.start > 0:
				if run > 0 && !b.refining {
					done = min(run, across-x)
					if d.interval > 0 {
						done = min(done, left)
					}
					run -= done
				} else {
					run, ok = r.ac(parts[0], y*parts[0].stride+x, b, run)
				}
			case len(parts) == 1:
				ok = d.decode(&parts[0], x, y, b)
			default:
				ok = d.unit(parts, x, y, b)
			}
			if !ok || r.exhausted() {
				return r.failure()
			}
			x += done
			left -= done
		}
	}
	if run > 0 {
		return FormatError("empty blocks beyond the scan")
	}
	d.at = r.at
	return nil
}

// parts reads the header of a scan.
func (d *decoder) parts(body []byte) ([]part, band, error) {
	all := band{0, 63, 0, false}
	if len(body) < 1 {
		return nil, all, FormatError("bad scan")
	}
	n := int(body[0])
	if n < 1 || n > len(d.components) || len(body) != 4+2*n {
		return nil, all, FormatError("bad scan")
	}
	parts := make([]part, n)
	b := all
	if d.progressive {
		b = band{int(body[1+2*n]), int(body[2+2*n]), uint(body[3+2*n] & 15), body[3+2*n]>>4 != 0}
		switch high := uint(body[3+2*n] >> 4); {
		case b.start > b.end || b.end > 63 || b.start == 0 && b.end != 0:
			return nil, all, FormatError("bad band")
		case b.start > 0 && n > 1:
			return nil, all, FormatError("AC coefficients of more than one component")
		case high != 0 && high != b.low+1 || b.low > 13:
			return nil, all, FormatError("bad shift")
		}
	}
	blocks := 0
	for i := range parts {
		p := &parts[i]
		name, dc, ac := body[1+2*i], body[2+2*i]>>4, body[2+2*i]&15
		for k := range d.components {
			if d.components[k].name == name {
				p.component = &d.components[k]
			}
		}
		if p.component == nil {
			return nil, all, FormatError("scan of an unknown component")
		}
		for _, other := range parts[:i] {
			if other.component == p.component {
				return nil, all, FormatError("scan of a component twice")
			}
		}
		if dc > 3 || ac > 3 || d.baseline && (dc > 1 || ac > 1) {
			return nil, all, FormatError("bad table of codes")
		}
		p.dc, p.ac = &d.huff[0][dc], &d.huff[1][ac]
		if b.start == 0 && !b.refining && !p.dc.defined || b.end > 0 && !p.ac.defined {
			return nil, all, FormatError("table of codes is missing")
		}
		if (b.start > 0 || b.refining) && !p.scanned {
			return nil, all, FormatError("scan before the first DC scan")
		}
		blocks += p.h * p.v
	}
	if n > 1 && blocks > 10 {
		return nil, all, FormatError("too many blocks in a unit") // T.81, B.2.3
	}
	return parts, b, nil
}

// unit decodes all blocks of one unit of interleaved components.
func (d *decoder) unit(parts []part, x, y int, b band) bool {
	for i := range parts {
		p := &parts[i]
		for v := range p.v {
			for h := range p.h {
				if !d.decode(p, x*p.h+h, y*p.v+v, b) {
					return false
				}
			}
		}
	}
	return true
}

// decode decodes one block of a sequential scan or of a DC scan.
func (d *decoder) decode(p *part, x, y int, b band) bool {
	if d.progressive {
		return d.bits.dc(p, y*p.stride+x, b)
	}
	last := d.bits.sequential(p, &d.block)
	if last >= 0 && p.pix != nil {
		d.draw(p.component, x, y, last)
	}
	return last >= 0
}

// restart begins a new interval.
func (d *decoder) restart(marker *byte) error {
	d.at = d.bits.at
	m, err := d.marker()
	if err != nil {
		return err
	}
	if m != *marker {
		return FormatError("another marker than that of the restart")
	}
	*marker = markerRST0 + (*marker+1-markerRST0)%8
	d.bits = bitReader{b: d.b, at: d.at}
	return nil
}

// failure says why decoding ended.
func (r *bitReader) failure() error {
	if r.pad > 0 { // what seemed a bad code had the end in it
		if r.at+1 >= len(r.b) {
			return io.ErrUnexpectedEOF
		}
		return FormatError("data of a scan ends too soon")
	}
	return FormatError("bad code")
}

// sequential decodes a block into b, multiplied and placed as its component's kernel says, and returns the place of its last
// coefficient in zigzag order, or -1 when there is no such block.
func (r *bitReader) sequential(p *part, b *block) int {
	size, ok := r.symbol(p.dc)
	if !ok || size > 16 {
		return -1
	}
	p.last += extend(r.take(int(size)), int(size))

	k := &p.kernel
	clear(b[:k.cells])
	b[0] = int64(p.last) * k.weight[0]

	// The reader's state is kept in variables while the loop runs: it is where a decoder spends its time.
	data, at, acc, n := r.b, r.at, r.acc, r.n
	lut := &p.ac.lut
	last := 0
	for i := 1; i < 64; {
		if n < 32 {
			var v uint64
			if at+8 <= len(data) {
				v = binary.BigEndian.Uint64(data[at:])
			} else {
				v = ^uint64(0)
			}
			if holdsFF(v) {
				r.at, r.acc, r.n = at, acc, n
				r.fill()
				at, acc, n = r.at, r.acc, r.n
			} else {
				acc |= v >> (n & 63)
				at += int((63 - n) >> 3)
				n |= 56
			}
		}
		e := lut[acc>>(64-lutBits)]
		if e == 0 {
			symbol, length := p.ac.long(acc)
			if length == 0 {
				return -1
			}
			e = uint32(symbol)<<8 | uint32(length)
		}
		acc <<= e & 63
		n -= uint(e & 63)
		v := int32(e) >> 16
		run, size := int(e>>12&15), int(e>>8&15)
		if v == 0 {
			if size == 0 {
				if run == 0 {
					break
				}
				if i += 16; run < 15 || i > 64 {
					return -1
				}
				continue
			}
			v = extend(uint32(acc>>32>>(32-uint(size))), size)
			acc <<= uint(size) & 63
			n -= uint(size)
		}
		if i += run; i > 63 {
			return -1
		}
		b[k.place[i]&31] += int64(v) * k.weight[i]
		last = i
		i++
	}
	r.at, r.acc, r.n = at, acc, n
	return last
}

// dc decodes the DC coefficient of a block, or one more bit of it.
func (r *bitReader) dc(p *part, at int, b band) bool {
	kept := p.kernel.kept
	if b.refining {
		if r.bit() && kept > 0 {
			p.coefs[at*kept] |= 1 << b.low
		}
		return true
	}
	size, ok := r.symbol(p.dc)
	if !ok || size > 16 {
		return false
	}
	p.last += extend(r.take(int(size)), int(size))
	if kept > 0 {
		p.coefs[at*kept] = int16(p.last << b.low)
	}
	return true
}

// ac decodes a band of the AC coefficients of a block, or one more bit of each. It takes and returns for how many blocks, this one
// the first, the band is over.
func (r *bitReader) ac(p part, at int, b band, run int) (left int, ok bool) {
	if b.refining {
		return r.refine(p, at, b, run)
	}
	kept := p.kernel.kept
	coefs, mask := p.coefs[at*kept:][:kept], p.mask[at]
	for i := b.start; i <= b.end; i++ {
		if r.n < 32 {
			r.fill()
		}
		e := p.ac.lut[r.acc>>(64-lutBits)]
		if e == 0 {
			symbol, length := p.ac.long(r.acc)
			if length == 0 {
				return 0, false
			}
			e = uint32(symbol)<<8 | uint32(length)
		}
		r.drop(uint(e & 63))
		v := int32(e) >> 16
		zeros, size := int(e>>12&15), int(e>>8&15)
		if v == 0 {
			if size == 0 {
				if zeros < 15 {
					run = 1<<zeros - 1 + int(r.take(zeros))
					break
				}
				if i += 15; i > b.end {
					return 0, false
				}
				continue
			}
			v = extend(r.take(size), size)
		}
		if i += zeros; i > b.end {
			return 0, false
		}
		mask |= 1 << i
		if slot := int(p.kernel.slot[i]); slot < len(coefs) {
			coefs[slot] = int16(v << b.low)
		}
	}
	p.mask[at] = mask
	return run, true
}

// refine reads one more bit of the coefficients of a band that are not zero yet, and those that become so: T.81, G.1.2.3.
func (r *bitReader) refine(p part, at int, b band, run int) (left int, ok bool) {
	kept := p.kernel.kept
	coefs, mask := p.coefs[at*kept:][:kept], p.mask[at]
	delta := int16(1) << b.low
	more := func(i int) {
		slot := int(p.kernel.slot[i])
		switch {
		case !r.bit() || slot >= len(coefs):
		case coefs[slot] < 0:
			coefs[slot] -= delta
		default:
			coefs[slot] += delta
		}
	}
	i := b.start
	if run == 0 {
		for i <= b.end {
			symbol, ok := r.symbol(p.ac)
			if !ok {
				return 0, false
			}
			zeros, size := int(symbol>>4), symbol&15
			var v int16
			switch {
			case size == 1:
				v = -delta
				if r.bit() {
					v = delta
				}
			case size > 1:
				return 0, false
			case zeros < 15:
				run = 1<<zeros + int(r.take(zeros))
			}
			if run > 0 {
				break
			}
			for ; i <= b.end; i++ {
				if mask>>i&1 != 0 {
					more(i)
				} else if zeros--; zeros < 0 {
					break
				}
			}
			if i > b.end {
				return 0, false
			}
			if v != 0 {
				mask |= 1 << i
				if slot := int(p.kernel.slot[i]); slot < len(coefs) {
					coefs[slot] = v
				}
			}
			i++
		}
	}
	if run > 0 {
		run--
		for rest := mask >> i << i & (1<<b.end<<1 - 1); rest != 0; rest &= rest - 1 {
			more(bits.TrailingZeros64(rest))
		}
	}
	p.mask[at] = mask
	return run, true
}
