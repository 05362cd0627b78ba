package feature

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"xunqin/search"
)

// Two features may be one when their descriptions differ in at most maxDistance bits, and in clearly fewer than the next best,
// which lies elsewhere (Lowe's ratio).
const (
	maxDistance = 72
	ratio       = 90 // in percent
	elsewhere   = 12 // units
)

// scaleOf returns 1.2 to the power of a level.
func scaleOf(level uint8) float64 {
	s := 1.0
	for range level {
		s = product(s, 1.2)
	}
	return s
}

type description [4]uint64

func descriptions(f search.Features) []description {
	out := make([]description, len(f.Points))
	for i, p := range f.Points {
		for j := range out[i] {
			out[i][j] = binary.LittleEndian.Uint64(p.Desc[8*j:])
		}
	}
	return out
}

func (d *description) distance(e *description) int {
	return bits.OnesCount64(d[0]^e[0]) + bits.OnesCount64(d[1]^e[1]) + bits.OnesCount64(d[2]^e[2]) + bits.OnesCount64(d[3]^e[3])
}

// points is Features made ready for comparing.
type points struct {
	at    []vec     // where each lies in the whole picture
	size  []float64 // of a pixel of its level, in units
	angle []uint8
	desc  []description
}

// pointsOf places f's points in the whole picture, whose long side in the pixels of f.Part is given.
func pointsOf(f search.Features, long int) points {
	n := len(f.Points)
	p := points{at: make([]vec, n), size: make([]float64, n), angle: make([]uint8, n), desc: descriptions(f)}
	if n == 0 || f.W == 0 || f.H == 0 || long == 0 {
		return points{}
	}
	px := unit / float64(long) // units a pixel of the picture
	w, h := float64(f.Part.Dx())/float64(f.W), float64(f.Part.Dy())/float64(f.H)
	for i, q := range f.Points {
		x := float64(f.Part.Min.X) + product(float64(q.X)/8, w)
		y := float64(f.Part.Min.Y) + product(float64(q.Y)/8, h)
		p.at[i] = vec{product(x, px), product(y, px)}
		p.size[i] = product(product(scaleOf(q.Level), w), px)
		p.angle[i] = q.Angle
	}
	return p
}

// ties returns the pairs that look alike, nearest first: for each point of the query the nearest known one.
func ties(query, known points) []tie {
	var out []tie
	for i := range query.desc {
		d := &query.desc[i]
		best, second, at := maxDistance+1, 257, -1
		for j := range known.desc {
			n := d.distance(&known.desc[j])
			if n >= second {
				continue
			}
			switch {
			case at >= 0 && near(known.at[at], known.at[j]):
				if n < best {
					best, at = n, j
				}
			case n < best:
				if at >= 0 {
					second = best
				}
				best, at = n, j
			default:
				second = n
			}
		}
		if at < 0 || best*100 > second*ratio {
			continue
		}
		out = append(out, tie{
			from: query.at[i], to: known.at[at], i: i, j: at, distance: best,
			angle: known.angle[at] - query.angle[i], scale: known.size[at] / query.size[i],
		})
	}
	slices.SortStableFunc(out, func(a, b tie) int { return cmp.Compare(a.distance, b.distance) })
	return out
}

func near(a, b vec) bool { return a.minus(b).square() < elsewhere*elsewhere }

// layouts returns up to three plans that many ties agree on, the best first. Every tie suggests one by itself, being two points
// each with a direction and a size; so there is no need to draw samples, and no chance in it.
func layouts(all []tie) []layout {
	const seeds = 160
	type guess struct {
		seed  int
		votes int
	}
	var guesses []guess
	for s := range all[:min(seeds, len(all))] {
		p := all[s].similarity()
		n := 0
		for k := range all {
			if agrees(p, &all[s], &all[k]) {
				n++
			}
		}
		if n >= 4 {
			guesses = append(guesses, guess{s, n})
		}
	}
	slices.SortStableFunc(guesses, func(a, b guess) int { return cmp.Compare(b.votes, a.votes) })
	var out []layout
	var tried [search.MaxPoints]bool // points whose ties a plan explains that was tried before suggest no other
	for _, g := range guesses {
		if len(out) == 3 {
			break
		}
		if tried[all[g.seed].i] {
			continue
		}
		l, ok := settle(all, g.seed)
		tried[all[g.seed].i] = true
		for _, t := range l.ties {
			tried[t.i] = true
		}
		if ok && !slices.ContainsFunc(out, func(o layout) bool { return o.plan == l.plan }) {
			out = append(out, l)
		}
	}
	slices.SortStableFunc(out, func(a, b layout) int { return cmp.Compare(b.support, a.support) })
	return out
}

// agrees reports whether a tie fits the plan that a seed suggests: roughly, since a direction is good to some degrees and a size
// to a fifth, and the more roughly the farther from the seed.
func agrees(p plan, seed, t *tie) bool {
	if turn := int8(t.angle - seed.angle); turn > 21 || turn < -21 { // 30 degrees
		return false
	}
	if r := t.scale / seed.scale; r > 1.75 || r < 1/1.75 {
		return false
	}
	at, _ := p.at(t.from)
	slack := 6 + product(0.2, seed.to.distance(t.to))
	return at.minus(t.to).square() <= product(slack, slack)
}

// A layout is a plan with the ties that agree.
type layout struct {
	plan
	ties    []tie
	support int // ties, at most two in any cell of the known picture
}

// settle refines the plan of a seed: a similarity, then a stretched one, then a projective one where enough ties carry it.
func settle(all []tie, seed int) (layout, bool) {
	p := all[seed].similarity()
	var in []tie
	for k := range all {
		if agrees(p, &all[seed], &all[k]) {
			in = append(in, all[k])
		}
	}
	steps := []struct {
		slack float64
		fit   func([]tie) (plan, bool)
		least int
	}{
		{20, fitSimilarity, 3}, {12, fitAffine, 5}, {8, fitAffine, 5}, {6, fitProjective, 12}, {4, fitProjective, 12}, {3, fitProjective, 12},
	}
	for _, s := range steps {
		if len(in) < s.least {
			continue
		}
		q, ok := s.fit(in)
		if !ok || !q.sensible(vec{unit, unit}, 3) {
			continue
		}
		next := within(all, q, s.slack, &all[seed])
		if len(next) < 4 || s.slack < 8 && 3*len(next) < 2*len(in) {
			continue
		}
		p, in = q, next
	}
	l := layout{plan: p, ties: in, support: support(in)}
	return l, l.support >= 4
}

// within returns the ties that p explains to within some units, one a point.
func within(all []tie, p plan, slack float64, seed *tie) []tie {
	var out []tie
	var usedFrom, usedTo [search.MaxPoints]bool
	for _, t := range all {
		if turn := int8(t.angle - seed.angle); turn > 32 || turn < -32 {
			continue
		}
		at, ok := p.at(t.from)
		if !ok || at.minus(t.to).square() > product(slack, slack) || usedFrom[t.i] || usedTo[t.j] {
			continue
		}
		usedFrom[t.i], usedTo[t.j] = true, true
		out = append(out, t)
	}
	return out
}

// What lies near its place in another shot is as much alike and as large and turned as in its place, and no chance.
const (
	inPlace      = 4  // units
	offPlace     = 4  // pixels of the level it was found in, and as many units
	nearPlace    = 30 // units
	nearTurn     = 12 // 256ths of a full turn
	nearDistance = 60 // bits
)

// astray returns how many of all ties lead near the place the plan says and not to it, to those that do. A copy moves nothing;
// from another side, or a moment later, some things lie elsewhere among the others.
func (l layout) astray(all []tie, query, known points) float64 {
	in, near := 0, 0
	for _, t := range all {
		at, ok := l.at(t.from)
		if !ok {
			continue
		}
		d := at.distance(t.to)
		if d <= inPlace {
			in++
		}
		if d <= offPlace || d > nearPlace || t.distance > nearDistance {
			continue
		}
		m := l.local(t.from)
		enlarged, _ := stretch(m)
		turn := int8(t.angle - direction(int(product(m[0]+m[3], 1<<14)), int(product(m[2]-m[1], 1<<14))))
		if d > product(offPlace, max(known.size[t.j], product(query.size[t.i], enlarged))) && turn <= nearTurn && turn >= -nearTurn {
			near++
		}
	}
	return float64(near) / float64(max(1, in))
}

// support counts ties, at most two in a cell of 24 units, so that one spot rich in corners does not carry a plan.
func support(in []tie) int {
	type cell struct{ x, y int }
	taken := map[cell]int{}
	n := 0
	for _, t := range in {
		c := cell{int(math.Floor(t.to.x / 24)), int(math.Floor(t.to.y / 24))}
		if taken[c] < 2 {
			taken[c]++
			n++
		}
	}
	return n
}
