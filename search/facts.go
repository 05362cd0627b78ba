package search

import (
	"fmt"
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
		return s.From != s.To
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
