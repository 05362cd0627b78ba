// Package families invents what families and finders write of children, with
// the truth of who is who: reports of a family, and the notice, sighting or
// report of the same child years later, among documents of other children.
// Nobody and nothing in it is real; only the divisions are, drawn by the
// population of their provinces.
//
// [Invent] does it all. The same seed gives the same documents, byte for byte.
package families

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"xunqin/pipeline/facts"
	"xunqin/pipeline/record"
)

// A Set is documents of many children.
type Set struct {
	Reports []record.Report // of families, and of found children and grown ones who seek theirs
	Posts   []record.Post   // notices and sightings
	Pairs   []Pair
	Now     time.Time // when the last of them was written
}

// A Pair is the report of a family and another document of the same child.
type Pair struct {
	Report, Other string   // ids
	Traits        []string // what makes it hard: wrong county, travelled, renamed, assigned birthday, nominal age, typo, no sex, …
}

// Invent makes two documents of each of so many families' children, and
// others of children of whom there is one. A planted pair says at least what a
// person needs to tell it from the others: sex or a mark, an age, and either
// both places in one prefecture, or a mark, or a telephone number that both
// documents give. Which of them, and how it is written, is left to chance.
func Invent(seed uint64, families, others int) Set {
	w := newWorld(seed)
	s := Set{Now: w.now}
	type placed struct {
		report *record.Report
		post   *record.Post
	}
	var docs []placed
	for range families {
		for {
			c := w.child()
			w.traits = nil
			f := w.found(c)
			told := w.tell(c, f)
			if !told.enough {
				continue
			}
			r := w.familyReport(c, told)
			docs = append(docs, placed{report: &r})
			var other string
			switch f.as {
			case grown:
				o := w.foundReport(c, f, told)
				docs, other = append(docs, placed{report: &o}), o.ID
			case notice:
				o := w.notice(c, f, told)
				docs, other = append(docs, placed{post: &o}), o.ID
			default:
				o := w.sighting(c, f, told)
				docs, other = append(docs, placed{post: &o}), o.ID
			}
			s.Pairs = append(s.Pairs, Pair{r.ID, other, w.traits})
			break
		}
	}
	for range others {
		c := w.child()
		w.traits = nil
		f := w.found(c)
		told := w.tell(c, f)
		switch x := w.rand.Float64(); {
		case x < 0.40:
			f.as = sighting
			w.again(&f, c)
			o := w.sighting(c, f, told)
			docs = append(docs, placed{post: &o})
		case x < 0.65:
			f.as = notice
			w.again(&f, c)
			o := w.notice(c, f, told)
			docs = append(docs, placed{post: &o})
		case x < 0.90:
			r := w.familyReport(c, told)
			docs = append(docs, placed{report: &r})
		default:
			f.as = grown
			w.again(&f, c)
			o := w.foundReport(c, f, told)
			docs = append(docs, placed{report: &o})
		}
	}
	w.rand.Shuffle(len(docs), func(i, j int) { docs[i], docs[j] = docs[j], docs[i] })
	for _, d := range docs {
		if d.report != nil {
			s.Reports = append(s.Reports, *d.report)
		} else {
			s.Posts = append(s.Posts, *d.post)
		}
	}
	return s
}

// A child, as it really was.
type child struct {
	sex    string
	born   time.Time
	lost   time.Time
	place  *facts.Division // a county, where it was lost
	home   *facts.Division // where it comes from
	height int             // when lost
	marks  []mark
	wears  string
	phone  string // of the family, which some children know by heart
}

// How a child came to be found.
const (
	notice = iota
	sighting
	grown
)

type found struct {
	as      int
	at      time.Time
	written time.Time
	place   *facts.Division
}

// told is which of the facts the two documents give.
type told struct {
	enough              bool
	noSex, noSexOther   bool
	noAge, noAgeOther   bool
	noWhen, noWhenOther bool
	family, other       []mark // as either has it
	phone               bool
	place, otherPlace   *facts.Division
	level, otherLevel   facts.Level
}

type world struct {
	rand     *rand.Rand
	now      time.Time
	counties []*facts.Division
	sum      []float64 // of weights, up to each county
	goal     []float64 // likewise, where children are brought to
	older    map[string][]*facts.Division
	mates    map[string][]*facts.Division // counties of a prefecture
	people   map[string][]*facts.Division // counties of a province
	traits   []string
	last     int
}

// millions of people in each province at the census of 2020.
var millions = map[string]float64{
	"11": 21.9, "12": 13.9, "13": 74.6, "14": 34.9, "15": 24.0, "21": 42.6, "22": 24.1, "23": 31.9, "31": 24.9, "32": 84.7, "33": 64.6, "34": 61.0, "35": 41.5, "36": 45.2,
	"37": 101.5, "41": 99.4, "42": 57.8, "43": 66.4, "44": 126.0, "45": 50.1, "46": 10.1, "50": 32.1, "51": 83.7, "52": 38.6, "53": 47.2, "54": 3.6, "61": 39.5, "62": 25.0,
	"63": 5.9, "64": 7.2, "65": 25.9,
}

// drawn are the provinces to which more children are brought than live there.
var drawn = map[string]float64{"44": 2.5, "35": 2.5, "37": 1.8, "13": 1.6, "41": 1.5, "33": 1.5, "32": 1.3, "31": 1.3, "11": 1.3}

func newWorld(seed uint64) *world {
	w := &world{
		rand: rand.New(rand.NewPCG(seed, 2011)), now: time.Date(2025, 6, 30, 12, 0, 0, 0, zone),
		older: map[string][]*facts.Division{}, mates: map[string][]*facts.Division{}, people: map[string][]*facts.Division{},
	}
	weights := map[string]float64{}
	for code := 110000; code < 660000; code++ {
		d := facts.Lookup(fmt.Sprint(code))
		if d == nil || d.Level != facts.County || d.Code != fmt.Sprint(code) {
			continue
		}
		if !d.Current() {
			if len(d.Next) == 1 {
				w.older[d.Next[0]] = append(w.older[d.Next[0]], d)
			}
			continue
		}
		if millions[d.Code[:2]] == 0 || d.Parent() == nil || d.Short == "" {
			continue
		}
		w.counties = append(w.counties, d)
		w.mates[d.Code[:4]] = append(w.mates[d.Code[:4]], d)
		w.people[d.Code[:2]] = append(w.people[d.Code[:2]], d)
		weights[d.Code[:2]] += size(d)
	}
	var a, b float64
	for _, d := range w.counties {
		share := millions[d.Code[:2]] * size(d) / weights[d.Code[:2]]
		a += share
		b += share * max(1, drawn[d.Code[:2]])
		w.sum, w.goal = append(w.sum, a), append(w.goal, b)
	}
	return w
}

// size is how many people live in a county beside others of its province.
func size(d *facts.Division) float64 {
	switch r := []rune(d.Name); r[len(r)-1] {
	case '区':
		return 1.4
	case '市':
		return 1.6
	}
	return 1
}

var zone = time.FixedZone("+08:00", 8*3600)

func (w *world) county(sum []float64) *facts.Division {
	x := w.rand.Float64() * sum[len(sum)-1]
	lo, hi := 0, len(sum)-1
	for lo < hi {
		if m := (lo + hi) / 2; sum[m] > x {
			hi = m
		} else {
			lo = m + 1
		}
	}
	return w.counties[lo]
}

func (w *world) chance(p float64) bool { return w.rand.Float64() < p }

func (w *world) of(list []string) string { return list[w.rand.IntN(len(list))] }

func (w *world) trait(s string) { w.traits = append(w.traits, s) }

func (w *world) id(kind string) string {
	w.last++
	return fmt.Sprintf("%s%06d", kind, w.last)
}

// child draws one. Most are lost before they are seven, between 1985 and 2022.
func (w *world) child() child {
	c := child{sex: "male", place: w.county(w.sum)}
	if w.chance(0.42) {
		c.sex = "female"
	}
	years := math.Min(37, math.Max(0, 18+9*w.rand.NormFloat64()))
	c.lost = time.Date(1985, 1, 1, 9, 0, 0, 0, zone).AddDate(0, 0, int(years*365.25)).Add(time.Duration(w.rand.IntN(12)) * time.Hour)
	age := w.rand.ExpFloat64() * 4.2
	for age > 15 {
		age = w.rand.ExpFloat64() * 4.2
	}
	c.born = c.lost.AddDate(0, 0, -int(age*365.25)-1)
	c.height = int(50 + 26*math.Min(age, 1) + 8.2*math.Min(math.Max(age-1, 0), 1) + 6.3*math.Max(age-2, 0) + 3.5*w.rand.NormFloat64())
	c.home = c.place
	if w.chance(0.25) {
		c.home = w.county(w.sum)
	}
	for n := w.rand.Float64(); n < 0.55; n += 0.36 {
		c.marks = append(c.marks, w.mark())
	}
	c.wears = w.of(colours) + w.of(garments)
	c.phone = fmt.Sprintf("139-0000-%04d", w.rand.IntN(10000))
	if w.chance(0.5) {
		c.phone = fmt.Sprintf("138-0000-%04d", w.rand.IntN(10000))
	}
	return c
}

// found draws where and when somebody sees the child.
func (w *world) found(c child) found {
	f := found{as: w.rand.IntN(3)}
	w.again(&f, c)
	switch x := w.rand.Float64(); {
	case x < 0.35:
		f.place = c.place
	case x < 0.62:
		mates := w.mates[c.place.Code[:4]]
		f.place = mates[w.rand.IntN(len(mates))]
	case x < 0.75:
		mates := w.people[c.place.Code[:2]]
		f.place = mates[w.rand.IntN(len(mates))]
	default:
		f.place = w.county(w.goal)
	}
	return f
}

// again draws the dates anew, as the kind of document has them.
func (w *world) again(f *found, c child) {
	years := func(lo, hi float64) float64 { return lo * math.Pow(hi/lo, w.rand.Float64()) }
	switch f.as {
	case grown:
		f.at = c.lost
		f.written = c.lost.AddDate(0, 0, int(years(6, 25)*365))
	case sighting:
		f.at = c.lost.AddDate(0, 0, 1+int(years(0.003, 9)*365))
		if campaign := time.Date(2009, 6, 1, 10, 0, 0, 0, zone); f.at.Before(campaign) && w.chance(0.8) {
			f.at = campaign.AddDate(0, 0, w.rand.IntN(900))
			if f.at.Sub(c.born) > 17*365*24*time.Hour {
				f.at = c.lost.AddDate(0, 0, 30)
			}
		}
		f.written = f.at.Add(time.Duration(1+w.rand.IntN(70)) * time.Hour)
	default:
		f.at = c.lost.AddDate(0, 0, int(years(0.003, 8)*365))
		f.written = f.at.AddDate(0, 0, 20+w.rand.IntN(200))
	}
	if f.written.After(w.now) {
		f.written = w.now
	}
	if f.at.After(f.written) {
		f.at = f.written.Add(-time.Hour)
	}
}

// tell draws what the documents say of it, and whether a person could tell the pair.
func (w *world) tell(c child, f found) told {
	t := told{
		noSex: w.chance(0.03), noSexOther: w.chance(0.06), noAge: w.chance(0.08), noAgeOther: w.chance(0.10), noWhen: w.chance(0.05), noWhenOther: w.chance(0.12),
		place: c.place, otherPlace: f.place, level: facts.County, otherLevel: facts.County, phone: w.chance(0.02),
	}
	// The report has another county of the prefecture, or no county, or only the province.
	switch x := w.rand.Float64(); {
	case x < 0.15:
		if mates := w.mates[c.place.Code[:4]]; len(mates) > 1 {
			if t.place = mates[w.rand.IntN(len(mates))]; t.place != c.place {
				w.trait("wrong county")
			}
		}
	case x < 0.25:
		t.level = facts.Prefecture
	case x < 0.28:
		t.level = facts.Province
	}
	switch x := w.rand.Float64(); {
	case x < 0.25:
		t.otherLevel = facts.Prefecture
	case x < 0.29:
		t.otherLevel = facts.Province
	}
	shared := false
	for _, m := range c.marks {
		mine, theirs := w.chance(0.9), w.chance(0.8)
		if mine {
			t.family = append(t.family, m)
		}
		if theirs {
			t.other = append(t.other, w.misseen(m))
		}
		shared = shared || mine && theirs
	}
	if w.chance(0.12) { // got since
		t.other = append(t.other, w.mark())
		w.trait("new mark")
	}
	sex, age := !t.noSex && !t.noSexOther, !t.noAge && !t.noAgeOther
	near := c.place.Code[:4] == f.place.Code[:4] && t.level > facts.Province && t.otherLevel > facts.Province
	t.enough = t.phone || (sex || shared) && age && (near || shared)
	if c.place.Code[:2] != f.place.Code[:2] {
		w.trait("travelled")
	}
	for _, l := range []struct {
		what string
		is   bool
	}{{"no sex", !sex}, {"no age", !age}, {"no date", t.noWhen || t.noWhenOther}, {"no common mark", !shared}, {"telephone", t.phone}} {
		if l.is {
			w.trait(l.what)
		}
	}
	if f.at.Sub(c.lost) > 2*365*24*time.Hour || f.as == grown {
		w.trait("years apart")
	}
	return t
}
