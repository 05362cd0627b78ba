package pair

import (
	"math"

	"xunqin/pipeline/facts"
)

// How much likelier two documents agree as they do when they speak of one
// child than by chance is the product over what both say. By chance a thing is
// as likely as it is common among all documents. If they speak of one child it
// is by the shares below, which are guesses on the side of not believing too
// much; only their order of magnitude matters to an order.
const (
	inCounty     = 0.33 // is found in the county it was lost in
	inPrefecture = 0.27 // in another of the prefecture
	inProvince   = 0.15 // in another of the province
	anywhere     = 0.25 // brought wherever people live, rather near than far

	sameHome = 0.65 // comes from where its speech says

	sureBirth = 0.85 // was born within what is said, rather than a year beside
	goodGuess = 0.5  // and in the middle of it, where it was guessed

	sameEvent = 0.5 // a found child's report tells of the loss, rather than the find

	longest = 9000 // days between loss and find; as likely in each order of magnitude

	sameMark   = 0.75 // a mark that one names is named by the other
	otherHand  = 0.05 // on the other side
	otherKind  = 0.12 // as another kind
	otherPart  = 0.08 // on another part of the same region
	unmatched  = 0.35 // no mark of the one is one of the other
	unnamed    = 0.85 // a passer-by names none
	unnoted    = 0.5  // nor does who knows the body
	unreported = 0.8  // the family names none of what is there
	sameColour = 0.8
	colourOff  = 0.4

	sameWear = 0.5
	wornFor  = 10.0 // days

	sameKey     = 0.9
	manyNumbers = 5000 // as if there were so many documents more that give others
)

// common counts how many documents say a thing.
type common struct {
	docs         int
	sex          [256]int32
	county       map[string]int32 // by code
	prefecture   map[string]int32 // by the first four digits
	province     map[string]int32
	placed       int
	home         map[string]int32
	homed        int
	born, events [years + 1]float64
	sumBorn      [years + 2]float64 // made of born when asked
	sumEvents    [years + 2]float64
	stale        bool
	marks        map[uint32]int32
	wears        map[uint16]int32
	keys         map[uint64]int32
}

// The years of which births and events are counted.
const (
	firstYear = 1900
	years     = 200
	perYear   = 365.2425
)

func yearOf(day int32) int {
	return min(max(int(float64(day)/perYear+70), 0), years)
}

func (c *common) count(x *Index, e entry, by int32) {
	if c.county == nil {
		c.county, c.prefecture, c.province, c.home = map[string]int32{}, map[string]int32{}, map[string]int32{}, map[string]int32{}
		c.marks, c.wears, c.keys = map[uint32]int32{}, map[uint16]int32{}, map[uint64]int32{}
	}
	c.docs += int(by)
	c.sex[e.sex] += by
	if p := e.places[0]; p.n != 0 {
		code := x.divisions[p.n].Code
		c.placed += int(by)
		c.county[code] += by
		c.prefecture[code[:4]] += by
		c.province[code[:2]] += by
	}
	if p := e.homes[0]; p.n != 0 {
		c.homed += int(by)
		c.home[x.divisions[p.n].Code[:2]] += by
	}
	if s := e.born; s.from > ever && s.to < never {
		c.born[yearOf((s.from+s.to)/2)] += float64(by)
		c.stale = true
	}
	if s := e.event; s.from > ever && s.to < never {
		c.events[yearOf((s.from+s.to)/2)] += float64(by)
		c.stale = true
	}
	seen := make(map[uint32]bool, 4*len(e.marks))
	for _, m := range e.marks {
		for _, k := range m.grades() {
			if k != 0 && !seen[k] {
				seen[k] = true
				c.marks[k] += by
			}
		}
	}
	for _, m := range e.marks {
		if m.Colour != 0 {
			c.marks[m.coloured()] += by
			c.marks[6<<28] += by
		}
	}
	for _, w := range e.wears {
		c.wears[w.key()] += by
	}
	for _, k := range e.keys {
		c.keys[k] += by
	}
}

// grades are the ways to name a mark from the most to the least exact: kind,
// part and hand; kind and part; part and hand; kind and region; kind.
func (m Mark) grades() [5]uint32 {
	k, p, r := uint32(m.Kind), uint32(m.Part), uint32(regions[m.Part])
	g := [5]uint32{1<<28 | k<<16 | p<<8 | uint32(m.Hand), 2<<28 | k<<16 | p<<8, 3<<28 | p<<8 | uint32(m.Hand), 4<<28 | k<<16 | r<<8, 5<<28 | k<<16}
	if m.Kind == 0 {
		g[0], g[1], g[3], g[4] = 0, 0, 0, 0
	}
	if m.Part == 0 {
		g[2], g[3] = 0, 0
	}
	return g
}

// coloured is a mark by its colour alone.
func (m Mark) coloured() uint32 { return 6<<28 | uint32(m.Colour) }

func (w Wear) key() uint16 { return uint16(w.Garment)<<8 | uint16(w.Colour) }

// share is how common something is, which few documents do not yet say: as if
// in 50 more it were as common as expected.
func share(n int32, of int, expected float64) float64 {
	const more = 50
	return (float64(n) + more*expected) / (float64(of) + more)
}

// A query is a document with what is worked out once for all comparisons.
type query struct {
	entry
	places, homes []float64 // how much likelier with each division
}

func (x *Index) query(d Doc) query {
	if x.at == nil {
		x.at, x.number, x.divisions = map[string]int32{}, map[*facts.Division]int16{}, []*facts.Division{nil}
	}
	q := query{entry: x.entry(d)}
	c := &x.common
	if c.stale || c.sumBorn[years+1] == 0 {
		c.sum()
	}
	q.places, q.homes = x.byDivision(q.entry.places, x.together), x.byDivision(q.entry.homes, x.speaks)
	if q.entry.homes[0].n == 0 && q.side == Seeks { // most families live where the child was lost
		q.homes = x.byDivision(q.entry.places, x.speaks)
	}
	return q
}

// sum adds up births and events over the years, as if one more of each were in
// every year a child of today or its parents may be of.
func (c *common) sum() {
	b, e := 0.0, 0.0
	for y := range years + 1 {
		c.sumBorn[y], c.sumEvents[y] = b, e
		b += c.born[y] + 0.01
		e += c.events[y] + 0.01
		if y >= 70 && y < 130 {
			b++
			e++
		}
	}
	c.sumBorn[years+1], c.sumEvents[years+1] = b, e
	c.stale = false
}

// mass is the share of a sum that lies in a span.
func mass(sum *[years + 2]float64, s span) float64 {
	at := func(day int32) float64 {
		y := min(max(float64(day)/perYear+70, 0), years)
		i := int(y)
		return sum[i] + (y-float64(i))*(sum[i+1]-sum[i])
	}
	return max(1e-9, (at(s.to)-at(s.from))/sum[years+1])
}

// byDivision works out for each division how much likelier it is, over the
// candidates of a place.
func (x *Index) byDivision(places [mostPlaces]placed, likelier func(a, b *facts.Division) float64) []float64 {
	if places[0].n == 0 {
		return nil
	}
	out := make([]float64, len(x.divisions))
	for i, d := range x.divisions {
		if i == 0 {
			out[i] = 1
			continue
		}
		rest := 1.0
		for _, p := range places {
			if p.n != 0 {
				g := min(float64(p.grade), rest)
				out[i] += g * likelier(x.divisions[p.n], d)
				rest -= g
			}
		}
		out[i] += rest
	}
	return out
}

// together is how much likelier a child lost in one of two divisions is found
// in the other than anywhere.
func (x *Index) together(a, b *facts.Division) float64 {
	c := &x.common
	level := min(a.Level, b.Level)
	out := anywhere * nearness(a, b)
	if a.Code[:2] != b.Code[:2] {
		return out
	}
	province, prefecture, county := inProvince, inPrefecture, inCounty
	if level < facts.County {
		prefecture, county = prefecture+county, 0
	}
	if level < facts.Prefecture {
		province, prefecture = province+prefecture, 0
	}
	out += province / share(c.province[a.Code[:2]], c.placed, 1.0/31)
	if prefecture > 0 && a.Code[:4] == b.Code[:4] {
		out += prefecture / share(c.prefecture[a.Code[:4]], c.placed, 1.0/340)
		if county > 0 && a.Code == b.Code {
			out += county / share(c.county[a.Code], c.placed, 1.0/2900)
		}
	}
	return out
}

// nearness makes near places likelier than far ones: from 0.6 to twice.
func nearness(a, b *facts.Division) float64 {
	if a.Lat == 0 || b.Lat == 0 || a.Level == facts.Province || b.Level == facts.Province {
		return 1
	}
	return 0.6 + 1.4*math.Exp(-facts.Distance(a, b)/200)
}

// speaks is how much likelier a child from one division speaks as in the other.
func (x *Index) speaks(a, b *facts.Division) float64 {
	if a.Code[:2] != b.Code[:2] {
		return 1 - sameHome
	}
	out := 1 - sameHome + sameHome/share(x.common.home[a.Code[:2]], x.common.homed, 1.0/31)
	if a.Level > facts.Province && b.Level > facts.Province && a.Code[:4] == b.Code[:4] {
		out *= 3
	}
	return out
}

// likelier is how much likelier q and e say what they say if of one child.
func (x *Index) likelier(q *query, e *entry) float64 {
	seeks, finds := &q.entry, e
	if q.side == Finds {
		seeks, finds = e, &q.entry
	}
	out := 1.0
	if q.sex != 0 && e.sex != 0 {
		out /= share(x.common.sex[e.sex], x.common.docs-int(x.common.sex[0]), 0.5)
	}
	out *= x.birth(seeks, finds) * x.time(seeks, finds)
	if q.places != nil && e.places[0].n != 0 {
		out *= q.over(q.places, e.places)
	}
	if q.homes != nil {
		homes := e.homes
		if homes[0].n == 0 && e.side == Seeks {
			homes = e.places
		}
		if homes[0].n != 0 && (q.entry.homes[0].n != 0 || q.side == Seeks && e.homes[0].n != 0) {
			out *= q.over(q.homes, homes)
		}
	}
	out *= x.body(seeks, finds)
	if len(q.keys) > 0 && len(e.keys) > 0 {
		out *= x.numbers(q.keys, e.keys)
	}
	if len(q.entry.wears) > 0 && len(e.wears) > 0 {
		out *= x.clothes(seeks, finds)
	}
	return out * tall(seeks, finds)
}

func (q *query) over(by []float64, places [mostPlaces]placed) float64 {
	out, rest := 0.0, 1.0
	for _, p := range places {
		if p.n == 0 {
			break
		}
		g := min(float64(p.grade), rest)
		if int(p.n) < len(by) {
			out += g * by[p.n]
		}
		rest -= g
	}
	return out + rest
}

// birth compares when the two were born. Where one does not say it, it was a
// child when it was lost or seen.
func (x *Index) birth(seeks, finds *entry) float64 {
	a, b := seeks.childhood(), finds.childhood()
	said := x.bornIn(a, b)
	if g, ok := b.guess(finds.born); ok {
		said = goodGuess*x.bornIn(a, g) + (1-goodGuess)*said
	}
	return max(0.02, sureBirth*said+(1-sureBirth)*x.bornIn(a.widen(ageSlack), b.widen(ageSlack)))
}

// bornIn is how much likelier one birth lies in both spans than by chance.
func (x *Index) bornIn(a, b span) float64 {
	c := a.and(b)
	if c.to <= c.from {
		return 0
	}
	sum := &x.common.sumBorn
	return mass(sum, c) / (mass(sum, a) * mass(sum, b))
}

// guess is the middle of an age that was guessed, give or take a year or two:
// most guesses are better than they dare to say.
func (s span) guess(said span) (span, bool) {
	if w := s.to - s.from; s != said || w < 2*365 || w > 6*366 {
		return span{}, false
	}
	third := (s.to - s.from) / 3
	return span{s.from + third, s.to - third}, true
}

// childhood is when it was born, an open end closed by that it was a child at
// the event, and that a given birthday is not far from the true one.
func (e *entry) childhood() span {
	b, at := e.born, e.when()
	if b.to == never {
		b.to = max(b.from+1, at.to)
	}
	if b.from == ever && e.given {
		b.from = b.to - 6*366
	}
	if b.from == ever && at.from != ever {
		b.from = min(at.from-16*366, b.to-1)
	}
	return b
}

// when is the event, an open beginning closed where a post tells of it: it is
// written at once, or within the year.
func (e *entry) when() span {
	s := e.event
	if s.from == ever && s.to != never && !e.report {
		s.from = s.to - 365
	}
	return s
}

// time compares when it was lost and when it was found.
func (x *Index) time(seeks, finds *entry) float64 {
	lost, found := seeks.when(), finds.when()
	if lost.from == ever || lost.to == never || found.from == ever || found.to == never {
		return 1
	}
	after := 0.0
	for _, d := range [3]int32{lost.from, lost.from + (lost.to-lost.from)/2, lost.to - 1} {
		after += delay(found.to-d) - delay(found.from-d)
	}
	after /= 3
	if finds.report {
		same := 0.0
		if c := lost.and(found); c.to > c.from {
			same = float64(c.to-c.from) / float64(lost.to-lost.from)
		} else if c := lost.and(found.widen(366)); c.to > c.from {
			same = 0.2 * float64(c.to-c.from) / float64(lost.to-lost.from)
		}
		after = sameEvent*same + (1-sameEvent)*after
	}
	return max(0.05, after/mass(&x.common.sumEvents, found))
}

// delay is the share of children that is found within so many days.
func delay(days int32) float64 {
	if days <= 0 {
		return 0
	}
	return math.Log1p(float64(min(days, longest))) / math.Log1p(longest)
}

// body compares marks: each of the seeker's with the best of the finder's.
func (x *Index) body(seeks, finds *entry) float64 {
	switch {
	case len(seeks.marks) == 0 && len(finds.marks) == 0:
		return 1
	case len(seeks.marks) == 0:
		return unreported
	case len(finds.marks) == 0 && finds.close:
		return unnoted
	case len(finds.marks) == 0:
		return unnamed
	}
	out, any := 1.0, false
	var used uint64
	for _, m := range seeks.marks {
		best, at := 1.0, -1
		for i, n := range finds.marks {
			if used&(1<<i) != 0 {
				continue
			}
			if l := x.mark(m, n); l > best {
				best, at = l, i
			}
		}
		if at >= 0 {
			used |= 1 << at
			out, any = out*best, true
		}
	}
	if !any {
		return unmatched
	}
	return out
}

// mark is how much likelier one mark is called both; 0 where they are no two names of one.
func (x *Index) mark(m, n Mark) float64 {
	c := &x.common
	of := func(key uint32, expected float64) float64 { return share(c.marks[key], c.docs, expected) }
	out := 0.0
	g := m.grades()
	switch {
	case m.Kind != 0 && m.Kind == n.Kind && m.Part == n.Part:
		switch {
		case m.Hand == n.Hand:
			out = sameMark / of(g[0], 0.01)
		case m.Hand == 0 || n.Hand == 0:
			out = 0.6 * sameMark / of(g[1], 0.02)
		default:
			out = otherHand / of(g[1], 0.02)
		}
	case m.Kind != 0 && m.Kind == n.Kind && (m.Part == 0 || n.Part == 0):
		out = 0.4 * sameMark / of(g[4], 0.1)
	case m.Kind != 0 && m.Kind == n.Kind && regions[m.Part] == regions[n.Part]:
		out = otherPart / of(g[3], 0.05)
	case m.Part != 0 && m.Part == n.Part && (m.Hand == n.Hand || m.Hand == 0 || n.Hand == 0):
		share := otherKind
		if akin(m.Kind, n.Kind) {
			share = 4 * otherKind
		} else if m.Kind == 0 || n.Kind == 0 {
			share = 2 * otherKind
		}
		out = share / of(g[2], 0.03)
	}
	if out > 0 && m.Colour != 0 && n.Colour != 0 {
		if m.Colour == n.Colour {
			out *= sameColour / share(c.marks[m.coloured()], int(c.marks[6<<28]), 0.25)
		} else {
			out *= colourOff
		}
	}
	return out
}

// akin are kinds that people call by one another's name.
func akin(a, b concept) bool {
	family := func(c concept) concept {
		switch c {
		case 4, 9:
			return 3
		case 2, 6, 7:
			return 1
		}
		return c
	}
	return family(a) == family(b)
}

// numbers compare telephone numbers. One that many documents give is an office's.
func (x *Index) numbers(a, b []uint64) float64 {
	out := 1.0
	for _, k := range a {
		for _, l := range b {
			if k == l {
				n := float64(max(2, x.common.keys[k])) - 1
				out = max(out, sameKey*float64(x.common.docs+manyNumbers)/(n*n))
			}
		}
	}
	return out
}

// clothes compare only as long as a child wears what it wore.
func (x *Index) clothes(seeks, finds *entry) float64 {
	days := max(0, finds.event.from-seeks.event.to+1)
	if finds.event.from == ever || seeks.event.to == never || days > 100 {
		return 1
	}
	still := sameWear * math.Exp(-float64(days)/wornFor)
	out := 1.0
	for _, a := range seeks.wears {
		for _, b := range finds.wears {
			if a.Garment == b.Garment && a.Colour == b.Colour && a.Colour != 0 {
				out = max(out, 1-still+still/share(x.common.wears[a.key()], x.common.docs, 0.01))
			}
		}
	}
	return out
}

// tall compares heights: a child grows some 6 cm a year until it is 16.
func tall(seeks, finds *entry) float64 {
	if seeks.height.Max == 0 || finds.height.Max == 0 || finds.event.from == ever || seeks.event.to == never {
		return 1
	}
	grown := max(0, min(10, float64((finds.event.from+finds.event.to-seeks.event.from-seeks.event.to)/2)/perYear)) * 6
	off := math.Abs(float64(finds.height.Min+finds.height.Max-seeks.height.Min-seeks.height.Max)/2 - grown)
	return 0.4 + 1.3*math.Exp(-off*off/(2*10*10))
}
