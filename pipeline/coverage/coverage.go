// Package coverage says what of a source was seen and what was not: the hours of a ledger, the time whose posts were all
// shown, the gaps between and why they are there. [Routes.Estimate] says how much two ways to the same posts are likely to
// have missed.
//
// It stores nothing and asks nobody. "No copy found" is worth what this package can say about where was looked.
package coverage

import (
	"cmp"
	"slices"
	"time"

	"xunqin/crawler"
)

// Hour is the account of one source for one hour of the clock.
type Hour struct {
	Source  string
	At      time.Time // when the hour began, UTC
	Asked   int64     // requests for pages
	Shown   int64     // posts on them, known ones too
	Capped  int64     // times the source ended before anything known, and posts may lie between
	Refused int64     // runs that ended because the source did not let us read
	Skipped int64     // runs that were due and did not take place
	Down    int64     // runs that ended because the source did not answer
}

// Why a source has a gap, and how runs fail. The words are stored, counted and translated.
const (
	Capped  = "capped"  // it showed only its newest posts, and more had come
	Refused = "refused" // it did not let us read
	Down    = "down"    // it did not answer
	Skipped = "skipped" // we did not ask although it was due
	Unasked = "unasked" // nobody asked: not set up yet, paused, or this program was off
	Unknown = "unknown" // it was read, and cannot tell how far back
)

// Failed says whether a refusal of this name means that the source was down, or that it refused.
func Failed(name string) string {
	switch name {
	case crawler.RefusedUnreachable, crawler.RefusedTimeout, crawler.RefusedServer, crawler.RefusedCut:
		return Down
	}
	return Refused
}

// Span is a stretch of time: from From on, up to but without To.
type Span struct{ From, To time.Time }

// Empty reports whether nothing lies in the span.
func (s Span) Empty() bool { return !s.From.Before(s.To) }

// Length is how long the span is, zero when it is empty.
func (s Span) Length() time.Duration { return max(s.To.Sub(s.From), 0) }

// Clip is what of s lies in w.
func (s Span) Clip(w Span) Span {
	if s.From.Before(w.From) {
		s.From = w.From
	}
	if s.To.After(w.To) {
		s.To = w.To
	}
	return s
}

// Read is the time whose posts a run has shown to the end. last is where the time read before ends, zero before the first
// run; started is when the run began. A run that went on from where the last had ended, and met no cap, joins on to it;
// any other is sure only of what its reader says, since, and where that says nothing only of the instant it began.
func Read(last, started, since time.Time, anew, capped bool) Span {
	s := Span{started, started}
	if !since.IsZero() && since.Before(started) {
		s.From = since
	}
	if !anew && !capped && !last.IsZero() && last.Before(s.From) {
		s.From = last
	}
	return s
}

// Join sorts spans and merges those that touch or overlap.
func Join(spans []Span) []Span {
	spans = slices.SortedFunc(slices.Values(spans), func(a, b Span) int { return cmp.Or(a.From.Compare(b.From), a.To.Compare(b.To)) })
	var joined []Span
	for _, s := range spans {
		if n := len(joined); n > 0 && !s.From.After(joined[n-1].To) {
			if s.To.After(joined[n-1].To) {
				joined[n-1].To = s.To
			}
			continue
		}
		joined = append(joined, s)
	}
	return joined
}

// Gap is time of a source of which not all was seen.
type Gap struct {
	Span
	Why string // one of the words above
}

// least is the shortest gap that is told. Runs begin some seconds after the last one ended.
const least = time.Minute

// Gaps is what of the window lies in no span, with the reason as the hours tell it. The end of the window may be newer
// than the last run: what lies between is a gap only when a run should have been, which a failed or skipped one shows.
func Gaps(window Span, spans []Span, hours []Hour) (gaps []Gap) {
	at := window.From
	for _, s := range Join(spans) {
		if c := s.Clip(window); s.To.After(window.From) && s.From.Before(window.To) {
			if gap := (Span{at, c.From}); gap.Length() >= least {
				gaps = append(gaps, Gap{gap, why(gap, s.From, s.To, hours)})
			}
			at = c.To
		}
	}
	if gap := (Span{at, window.To}); gap.Length() >= least {
		gaps = append(gaps, Gap{gap, why(gap, gap.To, gap.To, hours)})
	}
	return gaps
}

// why looks at the hours from the gap's first to that in which the next span begins. A cap is met by the run that opened that
// span, which took place within it: it can show posts of many hours before.
func why(gap Span, again, until time.Time, hours []Hour) string {
	var sum Hour
	for _, h := range hours {
		if !h.At.Add(time.Hour).After(gap.From) {
			continue
		}
		if !h.At.After(until) {
			sum.Capped += h.Capped
		}
		if !h.At.After(again) {
			sum.Asked += h.Asked
			sum.Refused += h.Refused
			sum.Skipped += h.Skipped
			sum.Down += h.Down
		}
	}
	switch {
	case sum.Down > 0 && sum.Down >= sum.Refused:
		return Down
	case sum.Refused > 0:
		return Refused
	case sum.Capped > 0:
		return Capped
	case sum.Skipped > 0:
		return Skipped
	case sum.Asked > 0:
		return Unknown
	}
	return Unasked
}
