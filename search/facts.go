package search

import (
	"fmt"
	"math"
	"time"
)

// Facts are what is known of the event that a document speaks of, and of the child.
// What is not known is zero; a query about it then does not accept the document.
type Facts struct {
	Places []Spot
	When   Span // the event was at some time of it
	Born   Span // the child was born at some time of it
	Sex    string
}

// The sexes in Facts and in queries.
const (
	Male   = "m"
	Female = "f"
)

// A Spot is a place that the document means or may mean. Path are the codes of the
// divisions around it from the province down to the finest known, six digits each, of
// divisions that stand today. Spots that may be meant by the same words are several.
type Spot struct {
	Path  []string
	Grade Grade
	Role  Role
}

// A Grade says how well a place is known. Every grade is found.
type Grade string

// The grades.
const (
	Sure     Grade = "sure"
	Likely   Grade = "likely"
	Possible Grade = "possible"
)

// A Role says what happened at a place; where nothing is said there is none. Places
// the child merely comes from, or somebody else passed through, are no Spots.
type Role string

// The roles.
const (
	Seen Role = "seen"
	Lost Role = "lost"
)

// A Span is the time from From up to To, without To, counted in milliseconds. A zero
// end is open. Of an empty Span, as of one with two open ends, nothing is known.
type Span struct{ From, To time.Time }

// Known reports that the span excludes anything and leaves something.
func (s Span) Known() bool {
	if s.From.IsZero() || s.To.IsZero() {
		return !s.From.IsZero() || !s.To.IsZero()
	}
	return s.From.UnixMilli() < s.To.UnixMilli()
}

// Limits of Facts.
const (
	mostSpots = 200
	mostPath  = 8
)

// Check reports facts that no index takes: over 200 spots, a path that is empty or
// longer than 8, a code that is not of digits alone, a grade, role or sex there is not.
func (f Facts) Check() error {
	if len(f.Places) > mostSpots {
		return fmt.Errorf("%d places", len(f.Places))
	}
	for _, s := range f.Places {
		if n := len(s.Path); n == 0 || n > mostPath {
			return fmt.Errorf("place in %d divisions", n)
		}
		for _, code := range s.Path {
			if !isCode(code) {
				return fmt.Errorf("division %.20q", code)
			}
		}
		switch s.Grade {
		case Sure, Likely, Possible:
		default:
			return fmt.Errorf("place of grade %.20q", s.Grade)
		}
		switch s.Role {
		case Seen, Lost, "":
		default:
			return fmt.Errorf("place of role %.20q", s.Role)
		}
	}
	switch f.Sex {
	case Male, Female, "":
		return nil
	}
	return fmt.Errorf("sex %.20q", f.Sex)
}

func isCode(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != "" && len(s) <= 12
}

// A Range are the whole numbers from First to Last, both included; none if Last is
// less.
type Range struct{ First, Last int64 }

// Empty reports that there is no number in r.
func (r Range) Empty() bool { return r.Last < r.First }

// Meets reports whether a number is in both.
func (r Range) Meets(s Range) bool {
	return max(r.First, s.First) <= min(r.Last, s.Last)
}

// nothing is the Range of what is not known.
func nothing() Range { return Range{First: 1, Last: 0} }

// millis are the Unix milliseconds of a span; a zero end reaches to the end of numbers.
func (s Span) millis() Range {
	r := Range{math.MinInt64, math.MaxInt64}
	if !s.From.IsZero() {
		r.First = s.From.UnixMilli()
	}
	if !s.To.IsZero() {
		r.Last = s.To.UnixMilli() - 1
	}
	return r
}

// Time is when that of which d speaks happened, in Unix milliseconds: at some of them.
// Where nothing is known of it, it is the instant of d itself.
func (d Doc) Time() Range {
	if d.Facts.When.Known() {
		return d.Facts.When.millis()
	}
	at := d.At.UnixMilli()
	return Range{at, at}
}

// Born is when the child was born, in Unix milliseconds, empty where nothing is known.
func (d Doc) Born() Range {
	if d.Facts.Born.Known() {
		return d.Facts.Born.millis()
	}
	return nothing()
}

// MaxAge is the highest age, in months; whoever is older counts as that old.
const MaxAge = 150*12 - 1

// Age is how old the child may have been at the Time of d, in whole months it had
// lived, by the calendar of China. It is empty where the birth is not known or came
// after that time.
func (d Doc) Age() Range {
	born, at := d.Born(), d.Time()
	if born.Empty() || born.First > at.Last {
		return nothing()
	}
	r := Range{0, MaxAge}
	if born.Last != math.MaxInt64 && at.First != math.MinInt64 {
		r.First = months(born.Last, at.First)
	}
	if born.First != math.MinInt64 && at.Last != math.MaxInt64 {
		r.Last = months(born.First, at.Last)
	}
	return r
}

// months are those between two instants that are over, 0 … MaxAge.
func months(from, to int64) int64 {
	a, b := time.UnixMilli(from).UTC().Add(offset), time.UnixMilli(to).UTC().Add(offset)
	n := int64(b.Year()-a.Year())*12 + int64(b.Month()-a.Month())
	if b.Day() < a.Day() {
		n--
	}
	return min(max(0, n), MaxAge)
}
