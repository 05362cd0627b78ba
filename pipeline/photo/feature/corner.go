package feature

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
)

// A corner is a pixel of one level that stands out from the circle around it.
type corner struct {
	x, y     int
	strength int64
}

// circle is the ring of 16 pixels at distance 3 that FAST looks at, in order.
var circle = [16][2]int{
	{0, -3}, {1, -3}, {2, -2}, {3, -1}, {3, 0}, {3, 1}, {2, 2}, {1, 3},
	{0, 3}, {-1, 3}, {-2, 2}, {-3, 1}, {-3, 0}, {-3, -1}, {-2, -2}, {-1, -3},
}

// A finder looks for corners. It keeps its memory from one picture to the next.
type finder struct {
	contrast []uint16 // of a pixel to the circle around it; all zero between searches
	found    []int32
	corners  []corner
	cells    [spreadCells * spreadCells][]corner
	round    []corner
}

// search returns the pixels at least margin from the border of which nine neighbours in a row on the circle are all brighter or
// all darker by more than threshold, the best of each 3 by 3, with Harris' measure as strength, row by row. They are good until
// the next search.
func (f *finder) search(p plane, threshold, margin int) []corner {
	f.corners = f.corners[:0]
	if p.w <= 2*margin || p.h <= 2*margin {
		return nil
	}
	if len(f.contrast) < len(p.pix) {
		f.contrast = make([]uint16, len(p.pix))
	}
	var around [16]int
	for i, o := range circle {
		around[i] = o[1]*p.w + o[0]
	}
	f.found = f.found[:0]
	for y := margin; y < p.h-margin; y++ {
		at, end := y*p.w+margin, (y+1)*p.w-margin
		for ; at+8 <= end; at += 8 {
			for lanes := p.maybe(at, &around, threshold); lanes != 0; lanes &= lanes - 1 {
				f.look(p, at+bits.TrailingZeros64(lanes)/8, &around, threshold)
			}
		}
		for ; at < end; at++ {
			f.look(p, at, &around, threshold)
		}
	}
	contrast := f.contrast
	for _, at := range f.found {
		at := int(at)
		c := contrast[at]
		if c < contrast[at-p.w-1] || c < contrast[at-p.w] || c < contrast[at-p.w+1] || c < contrast[at-1] ||
			c <= contrast[at+1] || c <= contrast[at+p.w-1] || c <= contrast[at+p.w] || c <= contrast[at+p.w+1] {
			continue
		}
		x, y := at%p.w, at/p.w
		if s := p.harris(x, y); s > 0 {
			f.corners = append(f.corners, corner{x, y, s})
		}
	}
	for _, at := range f.found {
		contrast[at] = 0
	}
	return f.corners
}

const (
	eachLow  = 0x0101010101010101
	eachHigh = 0x8080808080808080
)

// maybe returns which of eight pixels can be corners, a high bit each: nine in a row hold one of every two opposite pixels, so
// above or below, and left or right, and all by the same sign. Eight bytes are compared at once; most of a picture ends here.
func (p plane) maybe(at int, around *[16]int, threshold int) uint64 {
	load := func(i int) uint64 { return binary.LittleEndian.Uint64(p.pix[at+around[i]:]) }
	v := binary.LittleEndian.Uint64(p.pix[at:])
	t := uint64(threshold) * eachLow
	// v+t and v-t, held at 255 and 0, of every byte.
	sum := (v &^ eachHigh) + t // t is under 128
	over := v & sum & eachHigh
	high := sum ^ v&eachHigh | over>>7*255
	diff := (v | eachHigh) - t
	under := ^(v | diff) & eachHigh
	low := (diff ^ ^v&eachHigh) &^ (under >> 7 * 255)
	up, down, right, left := load(0), load(8), load(4), load(12)
	lanes := (less(high, up)|less(high, down))&(less(high, right)|less(high, left)) |
		(less(up, low)|less(down, low))&(less(right, low)|less(left, low))
	if lanes == 0 {
		return 0
	}
	brighter, darker := lanes, lanes
	for i := 1; i < 8; i++ {
		a, b := load(i), load(i+8)
		brighter &= less(high, a) | less(high, b)
		darker &= less(a, low) | less(b, low)
	}
	return brighter | darker
}

// less sets the high bit of every byte of a that is less than that of b.
func less(a, b uint64) uint64 {
	atLeast := (a | eachHigh) - b&^eachHigh // whether the lower seven bits are, in the high bit
	return (^a&b | ^(a^b)&^atLeast) & eachHigh
}

// look notes a pixel if it is a corner.
func (f *finder) look(p plane, at int, around *[16]int, threshold int) {
	v := int(p.pix[at])
	low, high := v-threshold, v+threshold
	var brighter, darker uint32
	light, dark := 0, 0
	for i, o := range around {
		switch c := int(p.pix[at+o]); {
		case c > high:
			brighter |= 1 << i
			light += c - high
		case c < low:
			darker |= 1 << i
			dark += low - c
		}
	}
	score := 0
	if nineInARow(brighter) {
		score = light
	}
	if nineInARow(darker) {
		score = max(score, dark)
	}
	if score > 0 {
		f.contrast[at] = uint16(score)
		f.found = append(f.found, int32(at))
	}
}

func nineInARow(ring uint32) bool {
	ring |= ring << 16
	two := ring & (ring >> 1)
	four := two & (two >> 2)
	eight := four & (four >> 4)
	return eight&(ring>>8) != 0
}

// harris measures how much brightness changes both ways in the 7 by 7 around a pixel (Harris and Stephens, 1988, k = 1/25).
func (p plane) harris(x, y int) int64 {
	var xx, yy, xy int64
	for j := y - 3; j <= y+3; j++ {
		above, here, below := p.row(j - 1)[x-4:][:9], p.row(j)[x-4:][:9], p.row(j + 1)[x-4:][:9]
		for i := 1; i < 8; i++ {
			dx := int(above[i+1]) + 2*int(here[i+1]) + int(below[i+1]) - int(above[i-1]) - 2*int(here[i-1]) - int(below[i-1])
			dy := int(below[i-1]) + 2*int(below[i]) + int(below[i+1]) - int(above[i-1]) - 2*int(above[i]) - int(above[i+1])
			xx += int64(dx * dx)
			yy += int64(dy * dy)
			xy += int64(dx * dy)
		}
	}
	return xx*yy - xy*xy - (xx+yy)*(xx+yy)/25
}

// spreadCells is how many cells a level is divided into each way.
const spreadCells = 8

// spread returns the n corners to keep of a level: the strongest of every cell of a grid first, then the second of every cell,
// and so on, so that each region of a picture is known by something.
func (f *finder) spread(all []corner, w, h, n int) []corner {
	for i := range f.cells {
		f.cells[i] = f.cells[i][:0]
	}
	for _, c := range all {
		cell := &f.cells[c.y*spreadCells/h*spreadCells+c.x*spreadCells/w]
		*cell = append(*cell, c)
	}
	for i := range f.cells {
		slices.SortFunc(f.cells[i], corner.before)
	}
	out := make([]corner, 0, min(n, len(all)))
	for rank := 0; len(out) < cap(out); rank++ {
		f.round = f.round[:0]
		for i := range f.cells {
			if rank < len(f.cells[i]) {
				f.round = append(f.round, f.cells[i][rank])
			}
		}
		slices.SortFunc(f.round, corner.before)
		out = append(out, f.round[:min(len(f.round), cap(out)-len(out))]...)
	}
	return out
}

// before orders corners, the strongest first.
func (c corner) before(other corner) int {
	return cmp.Or(cmp.Compare(other.strength, c.strength), cmp.Compare(c.y, other.y), cmp.Compare(c.x, other.x))
}
