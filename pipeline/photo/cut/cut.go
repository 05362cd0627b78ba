// Package cut finds the photos in a poster, a collage or a screenshot: the rectangles that remain when a picture is cut along
// rows and columns of one colour.
package cut

import (
	"cmp"
	"image"
	"slices"
)

// What counts as a photo, and how far one is looked for.
const (
	side      = 512 // long side of the copy that is looked at
	plain     = 7   // standard deviation, in grey, up to which a row or column is of one colour
	minSide   = 56  // of a photo, in pixels of the copy
	minShare  = 3   // of a photo, in percent of the picture
	maxDepth  = 7   // of cuts within cuts
	maxPhotos = 16
)

// Rectangles returns the parts of g that may be photos of their own, the largest first, none of them all of g. Both sides are
// read as a copy of at most 512 pixels, so the edges are good to about one of its pixels.
func Rectangles(g *image.Gray) []image.Rectangle {
	c := newCutter(g)
	if c.w < minSide || c.h < minSide {
		return nil
	}
	whole := image.Rect(0, 0, c.w, c.h)
	c.cut(whole, 0)
	var out []image.Rectangle
	for _, r := range c.found {
		if r == whole {
			continue
		}
		out = append(out, c.original(r))
	}
	slices.SortFunc(out, func(a, b image.Rectangle) int {
		return cmp.Or(cmp.Compare(b.Dx()*b.Dy(), a.Dx()*a.Dy()), cmp.Compare(a.Min.Y, b.Min.Y), cmp.Compare(a.Min.X, b.Min.X))
	})
	return out[:min(len(out), maxPhotos)]
}

// A cutter knows the sums of grey and of its square over every rectangle of the copy.
type cutter struct {
	of      image.Rectangle
	w, h    int
	sums    []int64 // (w+1)*(h+1)
	squares []int64
	found   []image.Rectangle
}

func newCutter(g *image.Gray) *cutter {
	c := &cutter{of: g.Rect, w: g.Rect.Dx(), h: g.Rect.Dy()}
	if long := max(c.w, c.h); long > side {
		c.w, c.h = max(1, c.w*side/long), max(1, c.h*side/long)
	}
	if c.w < 1 || c.h < 1 {
		return c
	}
	c.sums = make([]int64, (c.w+1)*(c.h+1))
	c.squares = make([]int64, (c.w+1)*(c.h+1))
	w, h := g.Rect.Dx(), g.Rect.Dy()
	for y := range c.h {
		var row, square int64
		y0, y1 := y*h/c.h, (y+1)*h/c.h
		for x := range c.w {
			x0, x1 := x*w/c.w, (x+1)*w/c.w
			var sum, n int64
			for j := y0; j < y1; j++ {
				for _, v := range g.Pix[j*g.Stride+x0 : j*g.Stride+x1] {
					sum += int64(v)
				}
				n += int64(x1 - x0)
			}
			v := (sum + n/2) / n
			row += v
			square += v * v
			at := (y+1)*(c.w+1) + x + 1
			c.sums[at] = c.sums[at-c.w-1] + row
			c.squares[at] = c.squares[at-c.w-1] + square
		}
	}
	return c
}

func (c *cutter) over(table []int64, r image.Rectangle) int64 {
	w := c.w + 1
	return table[r.Max.Y*w+r.Max.X] - table[r.Min.Y*w+r.Max.X] - table[r.Max.Y*w+r.Min.X] + table[r.Min.Y*w+r.Min.X]
}

// plain reports whether a rectangle is of one colour.
func (c *cutter) plain(r image.Rectangle) bool {
	n := int64(r.Dx() * r.Dy())
	s := c.over(c.sums, r)
	return n*c.over(c.squares, r)-s*s < plain*plain*n*n
}

// A run is some rows or columns in a row that are all plain.
type run struct{ from, to int }

// runs returns the plain runs of at least two rows, or columns, of r.
func (c *cutter) runs(r image.Rectangle, columns bool) []run {
	var out []run
	from, to := r.Min.Y, r.Max.Y
	if columns {
		from, to = r.Min.X, r.Max.X
	}
	start := -1
	for i := from; i <= to; i++ {
		is := false
		if i < to {
			line := image.Rect(r.Min.X, i, r.Max.X, i+1)
			if columns {
				line = image.Rect(i, r.Min.Y, i+1, r.Max.Y)
			}
			is = c.plain(line)
		}
		switch {
		case is && start < 0:
			start = i
		case !is && start >= 0:
			if i-start >= 2 || start == from || i == to {
				out = append(out, run{start, i})
			}
			start = -1
		}
	}
	return out
}

// cut trims the plain margins of r, cuts along all plain runs of the direction that has the widest, and goes on with the pieces.
func (c *cutter) cut(r image.Rectangle, depth int) {
	if r.Dx() < minSide || r.Dy() < minSide {
		return
	}
	var rows, columns []run
	for {
		before := r
		columns = c.runs(r, true)
		rows = c.runs(r, false)
		for _, l := range columns {
			if l.from == r.Min.X {
				r.Min.X = l.to
			}
			if l.to == before.Max.X {
				r.Max.X = l.from
			}
		}
		for _, l := range rows {
			if l.from == r.Min.Y {
				r.Min.Y = l.to
			}
			if l.to == before.Max.Y {
				r.Max.Y = l.from
			}
		}
		if r.Dx() < minSide || r.Dy() < minSide || r.Dx()*r.Dy()*100 < minShare*c.w*c.h {
			return
		}
		if r == before {
			break
		}
	}
	widest := func(l []run) int {
		n := 0
		for _, x := range l {
			n = max(n, x.to-x.from)
		}
		return n
	}
	if depth == maxDepth || len(rows)+len(columns) == 0 {
		c.found = append(c.found, r)
		return
	}
	if widest(columns) > widest(rows) {
		from := r.Min.X
		for _, l := range append(columns, run{r.Max.X, r.Max.X}) {
			c.cut(image.Rect(from, r.Min.Y, l.from, r.Max.Y), depth+1)
			from = l.to
		}
		return
	}
	from := r.Min.Y
	for _, l := range append(rows, run{r.Max.Y, r.Max.Y}) {
		c.cut(image.Rect(r.Min.X, from, r.Max.X, l.from), depth+1)
		from = l.to
	}
}

// original returns a rectangle of the copy in pixels of the picture, a pixel of the copy smaller all around where that leaves
// the margin's blur outside.
func (c *cutter) original(r image.Rectangle) image.Rectangle {
	w, h := c.of.Dx(), c.of.Dy()
	return image.Rect(
		(r.Min.X*w+c.w-1)/c.w, (r.Min.Y*h+c.h-1)/c.h,
		r.Max.X*w/c.w, r.Max.Y*h/c.h,
	).Add(c.of.Min)
}
