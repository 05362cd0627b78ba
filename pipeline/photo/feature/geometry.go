package feature

import "math"

// product rounds each product by itself: without it a compiler may fuse it with the sum around it where the machine can, and
// results would differ between machines in their last bits.
func product(a, b float64) float64 { return float64(a * b) }

// A vec is a place in a picture whose long side is unit long.
type vec struct{ x, y float64 }

const unit = 512

func (a vec) minus(b vec) vec        { return vec{a.x - b.x, a.y - b.y} }
func (a vec) square() float64        { return product(a.x, a.x) + product(a.y, a.y) }
func (a vec) distance(b vec) float64 { return math.Sqrt(a.minus(b).square()) }

// A plan maps places of one picture to another: (p0 x + p1 y + p2, p3 x + p4 y + p5) / (p6 x + p7 y + 1).
type plan [8]float64

// at returns where v lies; ok is false beyond the plan's horizon.
func (p plan) at(v vec) (vec, bool) {
	d := product(p[6], v.x) + product(p[7], v.y) + 1
	if d < 1e-3 {
		return vec{}, false
	}
	return vec{
		(product(p[0], v.x) + product(p[1], v.y) + p[2]) / d,
		(product(p[3], v.x) + product(p[4], v.y) + p[5]) / d,
	}, true
}

func (p plan) inverse() (plan, bool) {
	a, b, c, d, e, f, g, h := p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]
	m := [9]float64{
		e - product(f, h), product(c, h) - b, product(b, f) - product(c, e),
		product(f, g) - d, a - product(c, g), product(c, d) - product(a, f),
		product(d, h) - product(e, g), product(b, g) - product(a, h), product(a, e) - product(b, d),
	}
	if math.Abs(m[8]) < 1e-9 {
		return plan{}, false
	}
	var out plan
	for i := range out {
		out[i] = m[i] / m[8]
	}
	return out, true
}

// local returns the plan's linear part at a place, row by row.
func (p plan) local(v vec) [4]float64 {
	o, ok := p.at(v)
	if !ok {
		return [4]float64{}
	}
	d := product(p[6], v.x) + product(p[7], v.y) + 1
	return [4]float64{
		(p[0] - product(p[6], o.x)) / d, (p[1] - product(p[7], o.x)) / d,
		(p[3] - product(p[6], o.y)) / d, (p[4] - product(p[7], o.y)) / d,
	}
}

// stretch returns the geometric mean of the factors by which a linear part enlarges, 0 for one that mirrors, and how many times
// the larger factor is the smaller.
func stretch(m [4]float64) (scale, ratio float64) {
	det := product(m[0], m[3]) - product(m[1], m[2])
	if det <= 0 {
		return 0, math.Inf(1)
	}
	sum := product(m[0], m[0]) + product(m[1], m[1]) + product(m[2], m[2]) + product(m[3], m[3])
	root := math.Sqrt(max(0, product(sum, sum)-4*product(det, det)))
	return math.Sqrt(det), math.Sqrt((sum + root) / max(sum-root, 1e-12))
}

// sensible reports whether a picture of the given size may have been laid over another by p: not mirrored, neither very small
// nor very large, stretched by at most limit, everywhere alike.
func (p plan) sensible(size vec, limit float64) bool {
	for _, v := range corners(size) {
		scale, ratio := stretch(p.local(v))
		if scale < 1./12 || scale > 8 || ratio > limit {
			return false
		}
	}
	return true
}

func corners(size vec) [4]vec { return [4]vec{{}, {size.x, 0}, size, {0, size.y}} }

// A tie is a place of the one picture and a place of the other that look alike.
type tie struct {
	from, to vec
	angle    uint8   // the feature of the one turned to that of the other
	scale    float64 // and enlarged
	i, j     int     // indices of the points
	distance int
}

// similarity returns the plan that a single tie suggests.
func (t tie) similarity() plan {
	c := product(float64(cosine(t.angle))/(1<<14), t.scale)
	s := product(float64(sine(t.angle))/(1<<14), t.scale)
	return plan{
		c, -s, t.to.x - product(c, t.from.x) + product(s, t.from.y),
		s, c, t.to.y - product(s, t.from.x) - product(c, t.from.y),
	}
}

// fitSimilarity, fitAffine and fitProjective return the plan of their kind with the least squares of error; ok is false when the
// ties do not determine one.

func fitSimilarity(ties []tie) (p plan, ok bool) {
	return fit(ties, 4, func(t tie) (rx, ry [8]float64, x, y float64) {
		return [8]float64{t.from.x, -t.from.y, 1, 0}, [8]float64{t.from.y, t.from.x, 0, 1}, t.to.x, t.to.y
	}, func(s [8]float64) plan { return plan{s[0], -s[1], s[2], s[1], s[0], s[3]} })
}

func fitAffine(ties []tie) (p plan, ok bool) {
	return fit(ties, 6, func(t tie) (rx, ry [8]float64, x, y float64) {
		return [8]float64{t.from.x, t.from.y, 1}, [8]float64{3: t.from.x, t.from.y, 1}, t.to.x, t.to.y
	}, func(s [8]float64) plan { return plan{s[0], s[1], s[2], s[3], s[4], s[5]} })
}

func fitProjective(ties []tie) (p plan, ok bool) {
	return fit(ties, 8, func(t tie) (rx, ry [8]float64, x, y float64) {
		f, o := t.from, t.to
		return [8]float64{f.x, f.y, 1, 0, 0, 0, -product(f.x, o.x), -product(f.y, o.x)},
			[8]float64{0, 0, 0, f.x, f.y, 1, -product(f.x, o.y), -product(f.y, o.y)}, o.x, o.y
	}, func(s [8]float64) plan { return plan(s) })
}

// fit solves for n unknowns by the normal equations, with both pictures moved to their ties' middle and shrunk to about one, so
// that the equations are well-behaved.
func fit(ties []tie, n int, rows func(tie) (rx, ry [8]float64, x, y float64), made func([8]float64) plan) (plan, bool) {
	if 2*len(ties) < n {
		return plan{}, false
	}
	var a, b vec
	for _, t := range ties {
		a, b = vec{a.x + t.from.x, a.y + t.from.y}, vec{b.x + t.to.x, b.y + t.to.y}
	}
	count := float64(len(ties))
	a, b = vec{a.x / count, a.y / count}, vec{b.x / count, b.y / count}
	var sa, sb float64
	for _, t := range ties {
		sa += t.from.minus(a).square()
		sb += t.to.minus(b).square()
	}
	sa, sb = math.Sqrt(sa/count), math.Sqrt(sb/count)
	if sa < 1 || sb < 1 {
		return plan{}, false
	}
	var m [8][9]float64
	for _, t := range ties {
		t.from, t.to = t.from.minus(a), t.to.minus(b)
		t.from, t.to = vec{t.from.x / sa, t.from.y / sa}, vec{t.to.x / sb, t.to.y / sb}
		rx, ry, x, y := rows(t)
		for i := range n {
			for j := range n {
				m[i][j] += product(rx[i], rx[j]) + product(ry[i], ry[j])
			}
			m[i][n] += product(rx[i], x) + product(ry[i], y)
		}
	}
	for i := range n { // Gauss and Jordan, the largest of each column first
		best := i
		for k := i + 1; k < n; k++ {
			if math.Abs(m[k][i]) > math.Abs(m[best][i]) {
				best = k
			}
		}
		m[i], m[best] = m[best], m[i]
		if math.Abs(m[i][i]) < 1e-6 {
			return plan{}, false
		}
		for k := range n {
			if k == i {
				continue
			}
			f := m[k][i] / m[i][i]
			for j := i; j <= n; j++ {
				m[k][j] -= product(f, m[i][j])
			}
		}
	}
	var s [8]float64
	for i := range n {
		s[i] = m[i][n] / m[i][i]
	}
	p := made(s)
	// p maps the moved and shrunk pictures; undo both.
	in := plan{1 / sa, 0, -a.x / sa, 0, 1 / sa, -a.y / sa}
	out := plan{sb, 0, b.x, 0, sb, b.y}
	if p, ok := p.after(in); ok {
		return out.after(p)
	}
	return plan{}, false
}

// after returns first q, then p.
func (p plan) after(q plan) (plan, bool) {
	a := [9]float64{p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], 1}
	b := [9]float64{q[0], q[1], q[2], q[3], q[4], q[5], q[6], q[7], 1}
	var m [9]float64
	for i := range 3 {
		for j := range 3 {
			for k := range 3 {
				m[3*i+j] += product(a[3*i+k], b[3*k+j])
			}
		}
	}
	if math.Abs(m[8]) < 1e-9 {
		return plan{}, false
	}
	var out plan
	for i := range out {
		out[i] = m[i] / m[8]
	}
	return out, true
}
