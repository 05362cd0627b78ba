package photo

import "math/bits"

// plane is one channel of a picture, rows without gaps.
type plane struct {
	w, h int
	pix  []byte
}

func newPlane(w, h int) plane { return plane{w, h, make([]byte, w*h)} }

func (p plane) row(y int) []byte { return p.pix[y*p.w:][:p.w] }

// An averager scales one channel, row by row, to a target in which each pixel is the exact mean of the area it covers, rounded
// to nearest. Nothing is rounded in between, so a picture flipped or turned before scaling gives the target flipped or turned:
// that is what makes all eight orientations of a picture one fingerprint. Enlarging repeats pixels.
//
// Lengths are counted so that everything is whole: vertically a source row is out.h units high and a target row is h, horizontally
// alike. The largest sum is 255*MaxSide in a column and 255*MaxPixels in a pixel.
type averager struct {
	w, h    int // of the source
	out     plane
	y, done int      // source rows taken, target rows finished
	columns []uint32 // sums of the target row under way
	fresh   bool     // nothing is in columns yet
	inverse uint64   // of w*h, see finishRow
}

func newAverager(w, h, n, m int) *averager {
	a := &averager{w: w, h: h, out: newPlane(n, m), fresh: true}
	if n != w || m != h {
		a.columns = make([]uint32, w)
		a.inverse = ^uint64(0)/uint64(w*h) + 1
	}
	return a
}

func (a *averager) add(row []byte) {
	row = row[:a.w]
	if a.columns == nil {
		copy(a.out.row(a.y), row)
		a.y++
		return
	}
	from, end := a.y*a.out.h, (a.y+1)*a.out.h
	for from < end {
		rowEnd := (a.done + 1) * a.h
		to := min(end, rowEnd)
		a.weigh(row, uint32(to-from))
		if to == rowEnd {
			a.finishRow()
		}
		from = to
	}
	a.y++
}

func (a *averager) weigh(row []byte, weight uint32) {
	columns := a.columns[:len(row)]
	if a.fresh {
		for i, v := range row {
			columns[i] = weight * uint32(v)
		}
		a.fresh = false
		return
	}
	for i, v := range row {
		columns[i] += weight * uint32(v)
	}
}

func (a *averager) finishRow() {
	out := a.out.row(a.done)
	a.done++
	a.fresh = true
	n, columns := a.out.w, a.columns
	area := uint64(a.w) * uint64(a.h)
	left := n // units of columns[0] not yet used
	for j := range out {
		need := a.w
		var sum uint64
		if left <= need {
			sum = uint64(left) * uint64(columns[0])
			need -= left
			columns = columns[1:]
			var whole uint64
			for need >= n {
				whole += uint64(columns[0])
				columns = columns[1:]
				need -= n
			}
			sum += whole * uint64(n)
			left = n
		}
		if need > 0 {
			sum += uint64(need) * uint64(columns[0])
			left -= need
		}
		// Dividing by multiplying with the rounded-up inverse is exact while sum*area stays under 2^64; sum is under 2^34 and
		// area under 2^26.
		q, _ := bits.Mul64(sum+area/2, a.inverse)
		if area == 1 {
			q = sum
		}
		out[j] = byte(q)
	}
}

// scaled returns p at n by m pixels.
func (p plane) scaled(n, m int) plane {
	if p.w == n && p.h == m {
		return p
	}
	a := newAverager(p.w, p.h, n, m)
	for y := range p.h {
		a.add(p.row(y))
	}
	return a.out
}

// part returns a copy of a rectangle of p, with its own origin.
func (p plane) part(x0, y0, w, h int) plane {
	out := newPlane(w, h)
	for y := range h {
		copy(out.row(y), p.row(y0 + y)[x0:])
	}
	return out
}

// upright undoes an EXIF orientation.
func (p plane) upright(orientation int) plane {
	if orientation <= 1 {
		return p
	}
	// at is where the upright picture's first pixel is stored, right and down the steps from there.
	var at, right, down int
	last, lastRow := p.w-1, (p.h-1)*p.w
	w, h := p.w, p.h
	switch orientation {
	case 2:
		at, right, down = last, -1, p.w
	case 3:
		at, right, down = lastRow+last, -1, -p.w
	case 4:
		at, right, down = lastRow, 1, -p.w
	case 5:
		at, right, down = 0, p.w, 1
	case 6:
		at, right, down = lastRow, -p.w, 1
	case 7:
		at, right, down = lastRow+last, -p.w, -1
	case 8:
		at, right, down = last, p.w, -1
	}
	if orientation >= 5 {
		w, h = h, w
	}
	out := newPlane(w, h)
	for y := range h {
		from := at + y*down
		row := out.row(y)
		for x := range row {
			row[x] = p.pix[from]
			from += right
		}
	}
	return out
}

// fit returns w by h shrunk to a long side of at most side; sides never fall under one pixel. It treats both sides alike, so
// turning before or after gives the same.
func fit(w, h, side int) (int, int) {
	long := max(w, h)
	if long <= side {
		return w, h
	}
	shrink := func(v int) int { return max(1, (2*v*side+long)/(2*long)) }
	return shrink(w), shrink(h)
}
