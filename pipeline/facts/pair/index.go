package pair

import (
	"cmp"
	"hash/fnv"
	"math"
	"slices"
	"sync"

	"xunqin/pipeline/facts"
)

// An Index holds documents and how common what they say is. It is derived:
// whoever starts fills it with [Index.Put] from the record. A document takes
// some 300 bytes. It is safe for concurrent use; the same documents give the
// same answers in whatever order they came.
type Index struct {
	mu        sync.RWMutex
	at        map[string]int32
	docs      []entry
	divisions []*facts.Division
	number    map[*facts.Division]int16
	common    common
}

// An entry is a document as it is compared.
type entry struct {
	id            string
	born, event   span
	places, homes [mostPlaces]placed
	marks         []Mark
	wears         []Wear
	keys          []uint64
	side          Side
	report, close bool
	given         bool
	sex           byte
	height        facts.Height
}

// placed is a division by its number, 0 for none.
type placed struct {
	n     int16
	grade float32
}

// A Candidate is a document that may speak of the child of another, with how
// rare it is that two agree so: the binary logarithm of how much likelier they
// do if they speak of one child than by chance.
type Candidate struct {
	ID   string
	Bits float64
}

// Put adds a document or puts it in the place of the one with its id.
func (x *Index) Put(d Doc) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.at == nil {
		x.at, x.number, x.divisions = map[string]int32{}, map[*facts.Division]int16{}, []*facts.Division{nil}
	}
	e := x.entry(d)
	i, known := x.at[d.ID]
	if known {
		x.common.count(x, x.docs[i], -1)
		x.docs[i] = e
	} else {
		x.at[d.ID] = int32(len(x.docs))
		x.docs = append(x.docs, e)
	}
	x.common.count(x, e, 1)
}

// Remove takes a document out; one that is not there is none.
func (x *Index) Remove(id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	i, ok := x.at[id]
	if !ok {
		return
	}
	x.common.count(x, x.docs[i], -1)
	last := len(x.docs) - 1
	x.docs[i] = x.docs[last]
	x.at[x.docs[i].id] = i
	x.docs[last] = entry{}
	x.docs = x.docs[:last]
	delete(x.at, id)
}

// Len is how many documents there are.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.docs)
}

// Candidates are the documents of the other side that do not contradict d, the
// rarest agreement first and at most so many. d need not be in the index. It
// costs some milliseconds for 50,000 documents.
func (x *Index) Candidates(d Doc, most int) []Candidate {
	x.mu.Lock()
	q := x.query(d)
	x.mu.Unlock()
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.best(q, most)
}

// Open counts the documents that do not contradict d: what would have to be
// looked at without ranking.
func (x *Index) Open(d Doc) int {
	x.mu.Lock()
	q := x.query(d)
	x.mu.Unlock()
	x.mu.RLock()
	defer x.mu.RUnlock()
	n := 0
	for i := range x.docs {
		if x.meets(&q, &x.docs[i]) {
			n++
		}
	}
	return n
}

func (x *Index) best(q query, most int) []Candidate {
	var top []Candidate // a heap would save little: most is small
	least := 0.0
	for i := range x.docs {
		e := &x.docs[i]
		if !x.meets(&q, e) {
			continue
		}
		likelier := x.likelier(&q, e)
		if len(top) == most && likelier < least {
			continue
		}
		c := Candidate{e.id, likelier}
		at, _ := slices.BinarySearchFunc(top, c, func(a, b Candidate) int {
			return cmp.Or(cmp.Compare(b.Bits, a.Bits), cmp.Compare(a.ID, b.ID))
		})
		if at == most {
			continue
		}
		if len(top) == most {
			top = top[:most-1]
		}
		top = slices.Insert(top, at, c)
		least = top[len(top)-1].Bits
	}
	for i := range top {
		top[i].Bits = math.Log2(top[i].Bits)
	}
	return top
}

func (x *Index) meets(q *query, e *entry) bool {
	if q.side == e.side || !q.report && !e.report || q.sex != 0 && e.sex != 0 && q.sex != e.sex || apart(q.born, e.born) {
		return false
	}
	seeks, finds := &q.entry, e
	if q.side == Finds {
		seeks, finds = e, &q.entry
	}
	return !before(finds.event, seeks.event, finds.report) && !unborn(seeks.born, finds.event) && q.id != e.id
}

func (x *Index) entry(d Doc) entry {
	e := entry{id: d.ID, born: spanOf(d.Born), event: spanOf(d.Event), marks: d.Marks, wears: d.Wears, side: d.Side, report: d.Report, close: d.Close, given: d.Given, height: d.Height}
	if d.Sex != "" {
		e.sex = d.Sex[0]
	}
	e.marks = slices.Clone(d.Marks)
	for i := range e.marks {
		e.marks[i].Words = ""
	}
	e.wears = slices.Clone(d.Wears)
	for i := range e.wears {
		e.wears[i].Words = ""
	}
	x.place(&e.places, d.Places)
	x.place(&e.homes, d.Homes)
	for _, k := range d.Keys {
		h := fnv.New64a()
		h.Write([]byte(k))
		e.keys = append(e.keys, h.Sum64())
	}
	return e
}

// place numbers divisions, as they stand today where that is one.
func (x *Index) place(to *[mostPlaces]placed, places []Place) {
	for i, p := range places {
		if i == mostPlaces {
			break
		}
		d := p.Division
		for range 3 {
			if d.Current() || len(d.Next) != 1 {
				break
			}
			if next := facts.Lookup(d.Next[0]); next != nil {
				d = next
			}
		}
		n, ok := x.number[d]
		if !ok {
			n = int16(len(x.divisions))
			x.divisions = append(x.divisions, d)
			x.number[d] = n
		}
		to[i] = placed{n, float32(p.Grade)}
	}
}

// Rank says at which place of d's candidates a document stands, from 0; -1 if it is none.
func (x *Index) Rank(d Doc, id string) int {
	list := x.Candidates(d, x.Len())
	return slices.IndexFunc(list, func(c Candidate) bool { return c.ID == id })
}

// Bits is how rare the agreement of two documents of different sides is,
// whether or not they contradict each other or are in the index.
func (x *Index) Bits(a, b Doc) float64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.entry(b)
	q := x.query(a)
	return math.Log2(x.likelier(&q, &e))
}
