package feature

import (
	"cmp"
	"math"
	"slices"
)

// A picture is its brightness at several sizes, each half the one before, for looking up places in units.
type picture struct {
	size   vec // in units
	halves []plane
}

func pictureOf(p plane) picture {
	long := max(p.w, p.h)
	out := picture{size: vec{product(unit, float64(p.w)) / float64(long), product(unit, float64(p.h)) / float64(long)}}
	for {
		out.halves = append(out.halves, p)
		if min(p.w, p.h) < 32 || max(p.w, p.h) < 2*24 {
			return out
		}
		p = p.halved()
	}
}

// fine returns the smallest of the sizes that still has the given pixels a unit, or the largest, and its pixels a unit.
func (p picture) fine(density float64) (plane, float64) {
	for i := len(p.halves) - 1; i > 0; i-- {
		if d := float64(p.halves[i].w) / p.size.x; d >= product(density, 0.9) {
			return p.halves[i], d
		}
	}
	return p.halves[0], float64(p.halves[0].w) / p.size.x
}

// at returns the brightness at a place in pixels, in 256ths of a grey, or -1 outside.
func (p plane) at(x, y float64) int {
	fx, fy := int(math.Floor(x*256))-128, int(math.Floor(y*256))-128
	if fx < -128 || fy < -128 || fx >= p.w*256-128 || fy >= p.h*256-128 {
		return -1
	}
	fx, fy = max(0, fx), max(0, fy)
	x0, y0 := fx>>8, fy>>8
	x1, y1 := min(x0+1, p.w-1), min(y0+1, p.h-1)
	fx, fy = fx&255, fy&255
	a, b := p.row(y0), p.row(y1)
	above := int(a[x0])*(256-fx) + int(a[x1])*fx
	below := int(b[x0])*(256-fx) + int(b[x1])*fx
	return (above*(256-fy) + below*fy) >> 8
}

// An overlay says how alike two pictures are where a plan lays them over each other, block by block.
type overlay struct {
	alike    float64 // mean correlation of the best two thirds of the blocks with something in them
	agreeing float64 // part of those blocks that correlate
	against  float64 // part of the overlay in the largest patch of blocks that show something else
	differs  float64 // part of the blocks in the middle with something in them in both pictures that do not correlate
	seen     float64 // part of the overlay whose blocks have something in them and correlate
	shade    float64 // correlation of the brightness of the plain blocks; 1 where there are hardly any
	blocks   int     // with something in them
	inside   float64 // part of the known picture that the query covers
	covered  float64 // part of the query that the known picture covers
	middle   vec     // of the overlay, in the query
}

// An overlay is compared in a grid of blocks, fewer where they would be under minBlock pixels, on about canvas by canvas pixels:
// as fine as the smallest picture kept for comparing.
const (
	grid     = 10
	minBlock = 8
	canvas   = 112
)

// A block agrees from a correlation of correlated on, and does not under different; blocks together show something else under
// maxContrary. The middle is without edge of the picture above and below: what is drawn over a picture is a banner or a line of
// text there, and the photo in a page is not.
const (
	correlated  = 0.5
	different   = 0.35
	maxContrary = 0.4
	edge        = 0.2
)

// A box is a part of a picture in units.
type box struct{ min, max vec }

func (b box) size() vec { return b.max.minus(b.min) }

func (b box) corners() [4]vec {
	return [4]vec{b.min, {b.max.x, b.min.y}, b.max, {b.min.x, b.max.y}}
}

func (b box) holds(v vec) bool {
	return v.x >= b.min.x && v.y >= b.min.y && v.x < b.max.x && v.y < b.max.y
}

// overlaid compares the pictures where p lays a part of the query over the known one. Size and contrast of either do not matter,
// and a block that is plain in both says nothing by itself.
func overlaid(query, known picture, part box, p plan) (out overlay, ok bool) {
	back, ok := p.inverse()
	if !ok {
		return out, false
	}
	// What of the known picture the part covers, as a box.
	over := box{vec{math.Inf(1), math.Inf(1)}, vec{math.Inf(-1), math.Inf(-1)}}
	for _, v := range part.corners() {
		at, ok := p.at(v)
		if !ok {
			return out, false
		}
		over.min = vec{min(over.min.x, at.x), min(over.min.y, at.y)}
		over.max = vec{max(over.max.x, at.x), max(over.max.y, at.y)}
	}
	over.min = vec{max(over.min.x, 0), max(over.min.y, 0)}
	over.max = vec{min(over.max.x, known.size.x), min(over.max.y, known.size.y)}
	size := over.size()
	if size.x < 16 || size.y < 16 {
		return out, false
	}
	middle := vec{(over.min.x + over.max.x) / 2, (over.min.y + over.max.y) / 2}
	out.middle, _ = back.at(middle)
	shrinks, _ := stretch(back.local(middle)) // units of the query in one of the known picture
	if shrinks == 0 {
		return out, false
	}
	_, sharpest := query.fine(math.Inf(1))
	_, knownSharpest := known.fine(math.Inf(1))
	density := min(product(shrinks, sharpest), knownSharpest, canvas/math.Sqrt(product(size.x, size.y)))
	k, kd := known.fine(density)
	q, qd := query.fine(density / shrinks)

	w, h := int(product(size.x, density)), int(product(size.y, density))
	columns, rows := min(grid, w/minBlock), min(grid, h/minBlock)
	if columns < 2 || rows < 2 {
		return out, false
	}
	blocks := make([]block, columns*rows)
	compared := 0
	for y := range h {
		for x := range w {
			b := &blocks[y*rows/h*columns+x*columns/w]
			b.all++
			v := vec{over.min.x + (float64(x)+0.5)/density, over.min.y + (float64(y)+0.5)/density}
			from, ok := back.at(v)
			if !ok || !part.holds(from) {
				continue
			}
			qv := q.at(product(from.x, qd), product(from.y, qd))
			kv := k.at(product(v.x, kd), product(v.y, kd))
			if qv < 0 || kv < 0 {
				continue
			}
			compared++
			b.add(int64(qv), int64(kv))
		}
	}
	units := float64(compared) / product(density, density)
	out.inside = units / product(known.size.x, known.size.y)
	covers := part.size()
	out.covered = product(product(units, shrinks), shrinks) / product(covers.x, covers.y)

	var told []float64
	var plain block
	changes := make([]change, len(blocks)) // zero where there is nothing to tell
	whole, agreeing := 0, 0
	rich, differing := 0, 0
	m := p.local(out.middle)
	sideways := math.Abs(m[2]-m[1]) > math.Abs(m[0]+m[3]) // above and below in the query are left and right in the known picture
	for i := range blocks {
		b := &blocks[i]
		if 2*b.n < b.all {
			continue
		}
		whole++
		c := b.change()
		if max(c.q, c.k) < minContrast {
			plain.add(b.q/b.n, b.k/b.n)
			continue
		}
		changes[i] = c
		r := c.correlation(minContrast)
		told = append(told, r)
		if r >= correlated {
			agreeing++
		}
		at := (float64(i/columns) + 0.5) / float64(rows)
		if sideways {
			at = (float64(i%columns) + 0.5) / float64(columns)
		}
		if min(c.q, c.k) >= minContrast && at > edge && at < 1-edge {
			rich++
			if r < different {
				differing++
			}
		}
	}
	if len(told) == 0 {
		return out, false
	}
	slices.SortFunc(told, func(a, b float64) int { return cmp.Compare(b, a) })
	best := told[:(2*len(told)+2)/3]
	for _, r := range best {
		out.alike += r
	}
	out.alike /= float64(len(best))
	out.blocks = len(told)
	out.agreeing = float64(agreeing) / float64(len(told))
	out.seen = float64(agreeing) / float64(whole)
	out.differs = float64(differing) / float64(max(1, rich))
	out.against = float64(largest(contrary(changes, columns), columns)) / float64(whole)
	out.shade = 1
	if plain.n >= 8 {
		if c := plain.change(); max(c.q, c.k) >= 1 {
			out.shade = c.correlation(1)
		}
	}
	return out, true
}

// minContrast is the variance, in grey squared, from which a block has something in it.
const minContrast = 12

// A block sums up pairs of brightness, in 256ths of a grey.
type block struct{ all, n, q, k, qq, kk, qk int64 }

func (b *block) add(q, k int64) {
	b.n++
	b.q += q
	b.k += k
	b.qq += q * q
	b.kk += k * k
	b.qk += q * k
}

// A change is how much brightness changes within a block, in grey squared: of the query, of the known picture, and together.
type change struct{ q, k, both float64 }

func (b *block) change() change {
	scale := product(product(float64(b.n), float64(b.n)), 1<<16)
	return change{
		float64(b.n*b.qq-b.q*b.q) / scale, float64(b.n*b.kk-b.k*b.k) / scale, float64(b.n*b.qk-b.q*b.k) / scale,
	}
}

// correlation returns how alike the two change, from -1 to 1, a little less where they change hardly more than least.
func (c change) correlation(least float64) float64 {
	return c.both / math.Sqrt(product(c.q+least/3, c.k+least/3))
}

// contrary returns which blocks show something else together with those around them. One block of another picture agrees by
// chance in one of eight cases, nine together hardly ever.
func contrary(changes []change, columns int) []bool {
	out := make([]bool, len(changes))
	rows := len(changes) / columns
	for i, c := range changes {
		if c == (change{}) {
			continue
		}
		var sum change
		for y := max(0, i/columns-1); y < min(rows, i/columns+2); y++ {
			for x := max(0, i%columns-1); x < min(columns, i%columns+2); x++ {
				c := changes[y*columns+x]
				sum.q, sum.k, sum.both = sum.q+c.q, sum.k+c.k, sum.both+c.both
			}
		}
		out[i] = sum.correlation(minContrast) < maxContrary
	}
	return out
}

// largest returns the size of the largest patch of blocks set that touch each other by a side.
func largest(set []bool, columns int) int {
	most := 0
	var patch func(i int) int
	patch = func(i int) int {
		if i < 0 || i >= len(set) || !set[i] {
			return 0
		}
		set[i] = false
		n := 1 + patch(i-columns) + patch(i+columns)
		if i%columns > 0 {
			n += patch(i - 1)
		}
		if i%columns < columns-1 {
			n += patch(i + 1)
		}
		return n
	}
	for i := range set {
		most = max(most, patch(i))
	}
	return most
}
