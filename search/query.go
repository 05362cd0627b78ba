package search

import (
	"fmt"
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

// Place is like Text, in the place of a document.
type Place string

// Source accepts documents whose source is the same but for width and case.
type Source string

// Status accepts documents whose status is the same but for width and case.
type Status string

// Kind accepts documents of exactly that kind.
type Kind string

// HasPhoto accepts documents with at least one photo.
type HasPhoto struct{}

// Date accepts documents whose time is at or after From and before To; a zero
// time leaves that end open. Days begin at midnight in China (UTC+8, which has
// had no summer time since 1991), whatever zone the reader is in: From and To made
// by Parse are such midnights.
type Date struct{ From, To time.Time }

func (And) query()      {}
func (Or) query()       {}
func (Not) query()      {}
func (Text) query()     {}
func (Place) query()    {}
func (Source) query()   {}
func (Status) query()   {}
func (Kind) query()     {}
func (HasPhoto) query() {}
func (Date) query()     {}

func (q And) String() string    { return join(q, " ", func(p Query) bool { _, or := p.(Or); return or }) }
func (q Or) String() string     { return join(q, " or ", func(Query) bool { return false }) }
func (q Text) String() string   { return quote(string(q)) }
func (q Place) String() string  { return "place:" + quote(string(q)) }
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

func (q Date) String() string {
	from, to := day(q.From), day(q.To.AddDate(0, 0, -1))
	switch {
	case q.From.IsZero():
		return "date:.." + to
	case q.To.IsZero():
		return "date:" + from + ".."
	case from == to:
		return "date:" + from
	case from[4:] == "-01-01" && to == from[:4]+"-12-31":
		return "date:" + from[:4]
	case from[7:] == "-01" && q.From.Add(offset).AddDate(0, 1, 0).Equal(q.To.Add(offset)):
		return "date:" + from[:7]
	}
	return "date:" + from + ".." + to
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
	case Source:
		return Same(string(q), s.doc.Source)
	case Status:
		return Same(string(q), s.doc.Status)
	case Kind:
		return string(q) == s.doc.Kind
	case HasPhoto:
		return len(s.doc.Photos) > 0
	case Date:
		at := s.doc.At.UnixMilli()
		return (q.From.IsZero() || at >= q.From.UnixMilli()) && (q.To.IsZero() || at < q.To.UnixMilli())
	}
	panic(fmt.Sprintf("search: query of type %T", q))
}

// Same reports whether two names of a source or status are one.
func Same(a, b string) bool { return Name(a) == Name(b) }

// Name is the form of a source or status that engines store: what differs only
// in width, case, invisible characters or the amount of space is the same.
func Name(s string) string { return strings.Join(strings.Fields(fold(s)), " ") }
