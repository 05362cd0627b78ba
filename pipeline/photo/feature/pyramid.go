package feature

import "image"

// A plane is the brightness of a picture, rows without gaps.
type plane struct {
	w, h int
	pix  []byte
}

func newPlane(w, h int) plane { return plane{w, h, make([]byte, w*h)} }

func (p plane) row(y int) []byte { return p.pix[y*p.w:][:p.w] }

// planeOf returns a part of g, without a copy when its rows have no gaps.
func planeOf(g *image.Gray, part image.Rectangle) plane {
	part = part.Intersect(g.Rect)
	w, h := part.Dx(), part.Dy()
	if w < 1 || h < 1 {
		return plane{}
	}
	from := g.Pix[g.PixOffset(part.Min.X, part.Min.Y):]
	if w == g.Stride {
		return plane{w, h, from[:w*h]}
	}
	p := newPlane(w, h)
	for y := range h {
		copy(p.row(y), from[y*g.Stride:])
	}
	return p
}

// fitted returns p shrunk to a long side of at most side: by halves as long as it is twice as large, then by interpolation.
func (p plane) fitted(side int) plane {
	long := max(p.w, p.h)
	if long <= side {
		return p
	}
	w, h := max(1, (2*p.w*side+long)/(2*long)), max(1, (2*p.h*side+long)/(2*long))
	for p.w >= 2*w && p.h >= 2*h {
		p = p.halved()
	}
	return p.scaled(w, h)
}

func (p plane) halved() plane {
	out := newPlane(p.w/2, p.h/2)
	for y := range out.h {
		a, b, row := p.row(2*y), p.row(2*y+1), out.row(y)
		a, b = a[:2*len(row)], b[:2*len(row)]
		for x := range row {
			row[x] = byte((uint(a[2*x]) + uint(a[2*x+1]) + uint(b[2*x]) + uint(b[2*x+1]) + 2) / 4)
		}
	}
	return out
}

// scaled returns p at w by h by linear interpolation between the middles of its pixels. It does not soften: it is for factors
// under two.
func (p plane) scaled(w, h int) plane {
	if w == p.w && h == p.h {
		return p
	}
	type step struct{ at, next, far int }
	across := make([]step, w)
	for x := range across {
		across[x].at, across[x].next, across[x].far = between(x, w, p.w)
	}
	out := newPlane(w, h)
	for y := range h {
		y0, y1, fy := between(y, h, p.h)
		top, bottom, row := p.row(y0), p.row(y1), out.row(y)
		for x, s := range across {
			above := int(top[s.at])*(256-s.far) + int(top[s.next])*s.far
			below := int(bottom[s.at])*(256-s.far) + int(bottom[s.next])*s.far
			row[x] = byte((above*(256-fy) + below*fy + 1<<15) >> 16)
		}
	}
	return out
}

// between returns the two of n pixels around the middle of pixel i of size, and how far it lies from the first to the second,
// in 256ths.
func between(i, size, n int) (at, next, far int) {
	pos := (2*i+1)*n*128/size - 128
	if pos < 0 {
		return 0, 0, 0
	}
	at = pos >> 8
	return min(at, n-1), min(at+1, n-1), pos & 255
}

// sums returns for each pixel the sum of the 5 by 5 around it; within two pixels of the border it is 0.
func (p plane) sums() []uint16 {
	out := make([]uint16, len(p.pix))
	if p.w < 5 || p.h < 5 {
		return out
	}
	columns := make([]uint16, p.w)
	for y := range 5 {
		for x, v := range p.row(y) {
			columns[x] += uint16(v)
		}
	}
	for y := 2; ; y++ {
		row := out[y*p.w+2:][:p.w-4]
		sum := columns[0] + columns[1] + columns[2] + columns[3]
		ahead, behind := columns[4:][:len(row)], columns[:len(row)]
		for x := range row {
			sum += ahead[x]
			row[x] = sum
			sum -= behind[x]
		}
		if y+3 >= p.h {
			return out
		}
		add, drop := p.row(y + 3)[:len(columns)], p.row(y - 2)[:len(columns)]
		for x := range columns {
			columns[x] += uint16(add[x]) - uint16(drop[x])
		}
	}
}

func (p plane) flipped() plane {
	out := newPlane(p.w, p.h)
	for y := range p.h {
		from, to := p.row(y), out.row(y)
		for x, v := range from {
			to[p.w-1-x] = v
		}
	}
	return out
}
