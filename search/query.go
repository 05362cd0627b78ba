package search

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// A Query is a tree of the types below. Its String is a text that Parse reads
// back to the same tree, for every tree that came from Parse.
type Query interface {
	String() string
	query()
}

// And accepts what all its parts accept; without parts, everything.
type And []Query

// Or accepts what one of its parts accepts; without parts, nothing.
type Or []Query

// Not accepts what Query does not. A query of nothing but Nots is defined by
// that as well: -男孩 accepts every document without 男孩.
type Not struct{ Query Query }

// Text accepts documents whose text holds its tokens (the singles of Tokens)
// one after the other. Text without tokens accepts everything; Parse makes none.
type Text string

// Place is like Text, in the place of a document as it was written. Parse makes it of
// a place that is no division.
type Place string

// Within accepts documents with a Spot in one of the divisions, at any depth.
type Within struct {
	Name  string // as asked for
	Codes []string
}

// Near accepts documents with a Spot in one of the divisions Around, at any depth,
// or whose finest known division is one of Seats: where only the province is known,
// nothing is near.
type Near struct {
	Name   string // as asked for
	Km     int
	Around []string
	Seats  []string
}

// Posted accepts documents that were written then, whatever they speak of. The ends are
// those of Date.
type Posted struct{ From, To time.Time }

// Age accepts documents of a child that may have been at least From and less than To
// months old at the time of the document, that of the event if that is known. To is
// open if zero.
type Age struct{ From, To int }

// Born accepts documents of a child that may have been born then. The ends are those
// of Date.
type Born struct{ From, To time.Time }

// Sex accepts documents of a child of that sex.
type Sex string

// Source accepts documents whose source is the same but for width and case.
type Source string

// Status accepts documents whose status is the same but for width and case.
type Status string

// Kind accepts documents of exactly that kind.
type Kind string

// HasPhoto accepts documents with at least one photo.
type HasPhoto struct{}

// Date accepts documents of an event that may have been at or after From and before
// To, or, where no time of an event is known, that were written then; a zero time
// leaves that end open. Days begin at midnight in China (UTC+8, which has
// had no summer time since 1991), whatever zone the reader is in: From and To made
// by Parse are such midnights.
type Date struct{ From, To time.Time }

func (And) query()      {}
func (Or) query()       {}
func (Not) query()      {}
func (Text) query()     {}
func (Place) query()    {}
func (Within) query()   {}
func (Near) query()     {}
func (Posted) query()   {}
func (Age) query()      {}
func (Born) query()     {}
func (Sex) query()      {}
func (Source) query()   {}
func (Status) query()   {}
func (Kind) query()     {}
func (HasPhoto) query() {}
func (Date) query()     {}

func (q And) String() string    { return join(q, " ", func(p Query) bool { _, or := p.(Or); return or }) }
func (q Or) String() string     { return join(q, " or ", func(Query) bool { return false }) }
func (q Text) String() string   { return quote(string(q)) }
func (q Place) String() string  { return "place:" + quote(string(q)) }
func (q Within) String() string { return "place:" + quote(q.Name) }
func (q Born) String() string   { return "born:" + dates(q.From, q.To) }
func (q Posted) String() string { return "posted:" + dates(q.From, q.To) }
func (q Sex) String() string    { return "sex:" + string(q) }
func (q Date) String() string   { return "date:" + dates(q.From, q.To) }
func (q Source) String() string { return "source:" + quote(string(q)) }
func (q Status) String() string { return "status:" + quote(string(q)) }
func (q Kind) String() string   { return "kind:" + string(q) }
func (HasPhoto) String() string { return "has:photo" }

func (q Not) String() string {
	switch q.Query.(type) {
	case And, Or:
		return "-(" + q.Query.String() + ")"
	}
	return "-" + q.Query.String()
}

func (q Near) String() string {
	distance := fmt.Sprintf(",%dkm", q.Km)
	if name := quote(q.Name); name == q.Name {
		return "near:" + name + distance
	}
	return "near:" + quote(q.Name+distance)
}

func (q Age) String() string {
	from, to, unit := "", "", "m"
	if q.From%12 == 0 && q.To%12 == 0 {
		unit = ""
	}
	size := map[string]int{"m": 1, "": 12}[unit]
	if q.From > 0 || q.To == 0 {
		from = strconv.Itoa(q.From/size) + unit
	}
	if q.To > 0 {
		to = strconv.Itoa(q.To/size-1) + unit
	}
	if q.To-q.From == size {
		return "age:" + to
	}
	return "age:" + from + ".." + to
}

// dates writes the days from From up to To.
func dates(begin, end time.Time) string {
	from, to := day(begin), day(end.AddDate(0, 0, -1))
	switch {
	case begin.IsZero():
		return ".." + to
	case end.IsZero():
		return from + ".."
	case from == to:
		return from
	case from[4:] == "-01-01" && to == from[:4]+"-12-31":
		return from[:4]
	case from[7:] == "-01" && begin.Add(offset).AddDate(0, 1, 0).Equal(end.Add(offset)):
		return from[:7]
	}
	return from + ".." + to
}

// offset is the time of China, east of UTC.
const offset = 8 * time.Hour

func day(t time.Time) string { return t.UTC().Add(offset).Format(time.DateOnly) }

func join(parts []Query, sep string, group func(Query) bool) string {
	texts := make([]string, len(parts))
	for i, p := range parts {
		if texts[i] = p.String(); group(p) {
			texts[i] = "(" + texts[i] + ")"
		}
	}
	return strings.Join(texts, sep)
}

// quote leaves alone what can only be read as one word.
func quote(s string) string {
	plain := s != "" && fold(s) != "or"
	for _, r := range s {
		plain = plain && r != '或' && (unicode.IsLetter(r) || unicode.IsDigit(r))
	}
	if plain {
		return s
	}
	return `"` + strings.Map(func(r rune) rune {
		if syntax(r) == '"' {
			return ','
		}
		return r
	}, s) + `"`
}

// Match reports whether q accepts d. It is the specification of Index.Find, and
// how saved queries are evaluated. To ask many queries about one document, use
// Analyse.
func Match(q Query, d Doc) bool { return Analyse(d).Match(q) }

// A Subject is a document whose text has been analysed.
type Subject struct {
	doc         Doc
	text, place []string
}

// Analyse prepares d for many queries.
func Analyse(d Doc) *Subject {
	s := &Subject{doc: d}
	_, s.text = Tokens(d.Text)
	_, s.place = Tokens(d.Place)
	return s
}

// Match reports whether q accepts the document. A nil query accepts everything.
func (s *Subject) Match(q Query) bool {
	switch q := q.(type) {
	case nil:
		return true
	case And:
		for _, p := range q {
			if !s.Match(p) {
				return false
			}
		}
		return true
	case Or:
		for _, p := range q {
			if s.Match(p) {
				return true
			}
		}
		return false
	case Not:
		return !s.Match(q.Query)
	case Text:
		_, part := Tokens(string(q))
		return contains(s.text, part)
	case Place:
		_, part := Tokens(string(q))
		return contains(s.place, part)
	case Within:
		return s.spot(q.Codes, nil)
	case Near:
		return s.spot(q.Around, q.Seats)
	case Age:
		return s.doc.Age().Meets(q.Range())
	case Born:
		return s.doc.Born().Meets(q.Range())
	case Sex:
		return q != "" && string(q) == s.doc.Facts.Sex
	case Source:
		return Same(string(q), s.doc.Source)
	case Status:
		return Same(string(q), s.doc.Status)
	case Kind:
		return string(q) == s.doc.Kind
	case HasPhoto:
		return len(s.doc.Photos) > 0
	case Date:
		return s.doc.Time().Meets(q.Range())
	case Posted:
		at := s.doc.At.UnixMilli()
		return q.Range().Meets(Range{at, at})
	}
	panic(fmt.Sprintf("search: query of type %T", q))
}

// spot reports whether a place is in one of the divisions, or its finest one of seats.
func (s *Subject) spot(in, seats []string) bool {
	return slices.ContainsFunc(s.doc.Facts.Places, func(p Spot) bool {
		return slices.ContainsFunc(p.Path, func(code string) bool { return slices.Contains(in, code) }) ||
			slices.Contains(seats, p.Path[len(p.Path)-1])
	})
}

// Range are the Unix milliseconds that q asks for.
func (q Date) Range() Range { return Span(q).millis() }

// Range are the Unix milliseconds that q asks for.
func (q Posted) Range() Range { return Span(q).millis() }

// Range are the Unix milliseconds that q asks for.
func (q Born) Range() Range { return Span(q).millis() }

// Range are the months that q asks for.
func (q Age) Range() Range {
	if q.To == 0 {
		return Range{int64(q.From), math.MaxInt64}
	}
	return Range{int64(q.From), int64(q.To) - 1}
}

// Same reports whether two names of a source or status are one.
func Same(a, b string) bool { return Name(a) == Name(b) }

// Name is the form of a source or status that engines store: what differs only
// in width, case, invisible characters or the amount of space is the same.
func Name(s string) string { return strings.Join(strings.Fields(fold(s)), " ") }
