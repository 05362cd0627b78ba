package search

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// The facets, by what documents are counted. ByDivision counts at the level below a
// division, ByMonth the months of Doc.Time, ByAge bands of Doc.Age.
const (
	BySource   = "source"
	ByDivision = "division"
	ByMonth    = "month"
	BySex      = "sex"
	ByAge      = "age"
	ByKind     = "kind"
	ByStatus   = "status"
)

// facets in the order of Values.
var facets = [...]string{BySource, ByDivision, ByMonth, BySex, ByAge, ByKind, ByStatus}

// A Facet asks for counts.
type Facet struct {
	Below string // the division of whose parts documents are counted; empty for provinces
	Docs  int    // count the first so many of the answer; 0 or over 10,000 means 10,000
	Most  int    // values of each facet; 0 means 20, over 100 means 100
}

// Size is how many documents are counted at most.
func (f Facet) Size() int {
	if f.Docs <= 0 {
		return 10_000
	}
	return min(f.Docs, 10_000)
}

// Facets are counts of documents. Where More is false they are those of the whole
// answer.
type Facets struct {
	Docs   int                // documents counted
	More   bool               // there are others, older ones
	Counts map[string][]Count // by facet: most first, then by value
}

// A Count is how many documents have a value. Narrow is what finds them.
type Count struct {
	Value string
	Docs  int
}

// Narrow is the query for the documents counted for a value. It accepts these of an
// answer and no others, except that of a month it also accepts those which may have
// been in so many others that they are counted in none.
func Narrow(facet, value string) Query {
	switch facet {
	case BySource:
		return Source(value)
	case ByDivision:
		return Within{Name: value, Codes: []string{value}}
	case ByMonth:
		from, to, _ := days(value)
		return Date{from, to}
	case BySex:
		return Sex(value)
	case ByAge:
		for _, band := range ageBands {
			if band.value() == value {
				return band
			}
		}
	case ByKind:
		return Kind(value)
	case ByStatus:
		return Status(value)
	}
	return Or{}
}

// ageBands follow what years are said to mean: a small child, one before school, one in
// the first school, one in the next, an adult.
var ageBands = [...]Age{{0, 3 * 12}, {3 * 12, 7 * 12}, {7 * 12, 13 * 12}, {13 * 12, 18 * 12}, {18 * 12, 0}}

func (q Age) value() string { return strings.TrimPrefix(q.String(), "age:") }

// Faceted is what of a document facets are made of.
type Faceted struct {
	Kind, Source, Status, Sex string
	Time, Age                 Range
	Paths                     [][]string // of its Spots
}

// Faceted is the part of d that facets are made of.
func (d Doc) Faceted() Faceted {
	v := Faceted{Kind: d.Kind, Source: d.Source, Status: d.Status, Sex: d.Facts.Sex, Time: d.Time(), Age: d.Age()}
	for _, p := range d.Facts.Places {
		v.Paths = append(v.Paths, p.Path)
	}
	return v
}

// mostMonths is how many months a document counts in.
const mostMonths = 12

// Values are those of each facet, each once: sources and statuses as Name has them,
// divisions by code, months as 2011-01, ages as behind the field age.
func (f Facet) Values(v Faceted) map[string][]string {
	values := make(map[string][]string, len(facets))
	for facet, value := range map[string]string{BySource: Name(v.Source), ByKind: v.Kind, ByStatus: Name(v.Status), BySex: v.Sex} {
		if value != "" {
			values[facet] = []string{value}
		}
	}
	for _, path := range v.Paths {
		at := 0
		if f.Below != "" {
			at = slices.Index(path, f.Below) + 1
		}
		if (at > 0 || f.Below == "") && at < len(path) && !slices.Contains(values[ByDivision], path[at]) {
			values[ByDivision] = append(values[ByDivision], path[at])
		}
	}
	for _, band := range ageBands {
		if v.Age.Meets(band.Range()) {
			values[ByAge] = append(values[ByAge], band.value())
		}
	}
	values[ByMonth] = monthsOf(v.Time)
	return values
}

// monthsOf are the months in which r has a millisecond; none if they are over twelve or
// outside the years that can be asked for.
func monthsOf(r Range) (list []string) {
	const year = 366 * 24 * 60 * 60 * 1000 // ms
	if r.Empty() || r.First < -1<<50 || r.Last > 1<<50 || r.Last-r.First > (mostMonths/12+1)*year {
		return nil
	}
	last := time.UnixMilli(r.Last).UTC().Add(offset)
	t := time.UnixMilli(r.First).UTC().Add(offset)
	for t = time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC); !t.After(last); t = t.AddDate(0, 1, 0) {
		if t.Year() < 1000 || t.Year() > 9999 || len(list) == mostMonths {
			return nil
		}
		list = append(list, t.Format("2006-01"))
	}
	return list
}

// A FacetCounter counts what engines give to it.
type FacetCounter struct {
	facet  Facet
	docs   int
	counts map[string]map[string]int
}

// Counter begins to count.
func (f Facet) Counter() *FacetCounter {
	c := &FacetCounter{facet: f, counts: make(map[string]map[string]int)}
	for _, name := range facets {
		c.counts[name] = make(map[string]int)
	}
	return c
}

// Add counts a document.
func (c *FacetCounter) Add(v Faceted) {
	c.docs++
	for name, values := range c.facet.Values(v) {
		for _, value := range values {
			c.counts[name][value]++
		}
	}
}

// Facets are the counts so far.
func (c *FacetCounter) Facets(more bool) Facets { return c.facet.Of(c.counts, c.docs, more) }

// Of are the Facets of so many documents, of which engines have counted those with each
// value of each facet.
func (f Facet) Of(counts map[string]map[string]int, docs int, more bool) Facets {
	most := f.Most
	if most <= 0 {
		most = 20
	}
	out := Facets{Docs: docs, More: more, Counts: make(map[string][]Count, len(facets))}
	for name, counts := range counts {
		var list []Count
		for _, value := range slices.Sorted(maps.Keys(counts)) {
			list = append(list, Count{value, counts[value]})
		}
		slices.SortStableFunc(list, func(a, b Count) int { return cmp.Compare(b.Docs, a.Docs) })
		out.Counts[name] = list[:min(most, 100, len(list))]
	}
	return out
}

// CountFacets is the specification of Index.Facets.
func CountFacets(docs []Doc, q Query, f Facet) Facets {
	var accepted []Doc
	for _, d := range docs {
		if Match(q, d) {
			accepted = append(accepted, d)
		}
	}
	slices.SortFunc(accepted, func(a, b Doc) int { return Key{a.At, a.ID}.Compare(Key{b.At, b.ID}) })
	n := min(f.Size(), len(accepted))
	c := f.Counter()
	for _, d := range accepted[:n] {
		c.Add(d.Faceted())
	}
	return c.Facets(n < len(accepted))
}

// Term is what narrows a query to a value when it is written behind it, in Chinese if
// lang begins with zh and in English otherwise; d names the divisions.
func Term(facet, value, lang string, d Divisions) string {
	field := map[string]string{ByDivision: "place", ByMonth: "date"}[facet]
	if field == "" {
		field = facet
	}
	to := 0
	if chinese(lang) {
		to = 1
	}
	if d != nil && facet == ByDivision {
		if found := d.Lookup(value); len(found) == 1 {
			full := found[0].Full(lang)
			if same := d.Lookup(fold(full)); len(same) == 1 && same[0].Code == value {
				value = full
			}
		}
	}
	q := Narrow(facet, value)
	for _, name := range slices.Sorted(maps.Keys(values[field])) {
		if !ascii(name) && to == 1 && values[field][name] == q { // the shortest sorts first
			value = name
			break
		}
	}
	if facet != ByMonth && facet != ByAge {
		value = quote(value)
	}
	return fieldName(field, to) + ":" + value
}
