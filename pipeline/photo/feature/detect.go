package feature

import (
	"cmp"
	"image"
	"slices"

	"xunqin/search"
)

// How many points are looked for, and in how large a copy.
const (
	ReferenceSide   = 512
	ReferencePoints = 250
	QuerySide       = 640
	QueryPoints     = 600

	levels = 8 // of the pyramid, each 5/6 of the one before
)

// Thresholds of contrast for a corner, in grey. The lower one is for pictures, or sizes of them, in which the first finds too few.
const (
	contrast      = 14
	contrastFaint = 7
)

// Detect returns up to n features of a part of a picture, best first, found in a copy with a long side of at most side. The points
// are evenly spread as far as there is anything to find. 250 points in 512 pixels cost some ten milliseconds.
func Detect(g *image.Gray, part image.Rectangle, side, n int) search.Features {
	f, _ := new(detector).detect(g, part, side, n, false)
	return f
}

// A detector keeps its memory from one part of a picture to the next.
type detector struct {
	finder
	describer
}

// detect also returns, if asked, the features that the mirrored part has: the same corners, otherwise described.
func (d *detector) detect(g *image.Gray, part image.Rectangle, side, n int, mirror bool) (plain, mirrored search.Features) {
	part = part.Intersect(g.Rect)
	base := planeOf(g, part).fitted(side)
	plain = search.Features{Algo: search.OrientedBinary, Part: part, W: uint16(base.w), H: uint16(base.h)}
	mirrored = plain
	sites := d.sites(base, n)
	plain.Points = make([]search.Point, 0, len(sites))
	if mirror {
		mirrored.Points = make([]search.Point, 0, len(sites))
	}
	for i := range sites {
		s := &sites[i]
		p := search.Point{
			X: eighths(s.x, s.w, base.w), Y: eighths(s.y, s.h, base.h), Angle: s.angle, Level: s.level, Desc: d.describe(s, false),
		}
		plain.Points = append(plain.Points, p)
		if mirror {
			p.X = uint16(8*base.w - int(p.X))
			p.Angle = 128 - s.angle
			p.Desc = d.describe(s, true)
			mirrored.Points = append(mirrored.Points, p)
		}
	}
	return plain, mirrored
}

// A site is a corner with what it is described by.
type site struct {
	sums  []uint16 // of its level, which is w by h
	w, h  int
	x, y  int
	angle uint8
	level uint8
	place int // among those of its level, in 65536ths of its quota
}

// sites returns up to n corners of p and of its smaller sizes, best first.
func (f *finder) sites(p plane, n int) []site {
	all := make([]site, 0, n)
	w, h := p.w, p.h
	for l, most := range quota(min(n, search.MaxPoints)) {
		if l > 0 {
			w, h = w*5/6, h*5/6
			if min(w, h) <= 2*margin {
				break
			}
			p = p.scaled(w, h)
		}
		corners := f.search(p, contrast, margin)
		if len(corners) < 2*most {
			corners = f.search(p, contrastFaint, margin)
		}
		corners = f.spread(corners, w, h, most)
		if len(corners) == 0 {
			continue
		}
		sums := p.sums()
		for i, c := range corners {
			all = append(all, site{sums: sums, w: w, h: h, x: c.x, y: c.y, angle: p.turned(c.x, c.y), level: uint8(l), place: i << 16 / most})
		}
	}
	slices.SortStableFunc(all, func(a, b site) int { return cmp.Compare(a.place, b.place) })
	return all
}

// eighths returns the middle of pixel i of n in eighths of a pixel of the base.
func eighths(i, n, base int) uint16 { return uint16((2*i + 1) * 4 * base / n) }

// quota divides n points among the levels, each 5/6 of the one before.
func quota(n int) [levels]int {
	var q [levels]int
	weight, total := 1<<20, 0
	for range q {
		total += weight
		weight = weight * 5 / 6
	}
	weight, left := 1<<20, n
	for l := range q {
		q[l] = (n*weight + total/2) / total
		weight = weight * 5 / 6
		if l == levels-1 || q[l] > left {
			q[l] = left
		}
		left -= q[l]
	}
	return q
}
