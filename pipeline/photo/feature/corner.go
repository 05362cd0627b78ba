package feature

import (
	"cmp"
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

// corners returns the pixels at least margin from the border of which nine neighbours in a row on the circle are all brighter or
// all darker by more than threshold, the best of each 3 by 3, with Harris' measure as strength, row by row.
func (p plane) corners(threshold, margin int) []corner {
	if p.w <= 2*margin || p.h <= 2*margin {
		return nil
	}
	var around [16]int
	for i, o := range circle {
		around[i] = o[1]*p.w + o[0]
	}
	contrast := make([]uint16, len(p.pix))
	var found []int32
	for y := margin; y < p.h-margin; y++ {
		for at := y*p.w + margin; at < (y+1)*p.w-margin; at++ {
			v := int(p.pix[at])
			low, high := v-threshold, v+threshold
			// Nine in a row hold one of every two opposite pixels.
			up, down := int(p.pix[at+around[0]]), int(p.pix[at+around[8]])
			if up >= low && up <= high && down >= low && down <= high {
				continue
			}
			right, left := int(p.pix[at+around[4]]), int(p.pix[at+around[12]])
			if right >= low && right <= high && left >= low && left <= high {
				continue
			}
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
				contrast[at] = uint16(score)
				found = append(found, int32(at))
			}
		}
	}
	var best []corner
	for _, at := range found {
		at := int(at)
		c := contrast[at]
		if c < contrast[at-p.w-1] || c < contrast[at-p.w] || c < contrast[at-p.w+1] || c < contrast[at-1] ||
			c <= contrast[at+1] || c <= contrast[at+p.w-1] || c <= contrast[at+p.w] || c <= contrast[at+p.w+1] {
			continue
		}
		x, y := at%p.w, at/p.w
		if s := p.harris(x, y); s > 0 {
			best = append(best, corner{x, y, s})
		}
	}
	return best
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

// spread returns the n corners to keep of a level: the strongest of every cell of a grid first, then the second of every cell,
// and so on, so that each region of a picture is known by something.
func spread(all []corner, w, h, n int) []corner {
	const cells = 8
	type placed struct {
		corner
		cell, rank int
	}
	list := make([]placed, len(all))
	for i, c := range all {
		list[i] = placed{corner: c, cell: c.y*cells/h*cells + c.x*cells/w}
	}
	before := func(a, b corner) int {
		return cmp.Or(cmp.Compare(b.strength, a.strength), cmp.Compare(a.y, b.y), cmp.Compare(a.x, b.x))
	}
	slices.SortFunc(list, func(a, b placed) int { return before(a.corner, b.corner) })
	var taken [cells * cells]int
	for i := range list {
		list[i].rank = taken[list[i].cell]
		taken[list[i].cell]++
	}
	slices.SortFunc(list, func(a, b placed) int { return cmp.Or(cmp.Compare(a.rank, b.rank), before(a.corner, b.corner)) })
	out := make([]corner, min(n, len(list)))
	for i := range out {
		out[i] = list[i].corner
	}
	return out
}
