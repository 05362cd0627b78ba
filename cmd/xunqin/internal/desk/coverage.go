package desk

import (
	"fmt"
	"math"
	"strings"
	"time"

	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/pipeline"
	"xunqin/pipeline/coverage"
	"xunqin/pipeline/record"
)

func (s *Server) coverageRoutes() []Route {
	return []Route{
		{Method: "GET", Pattern: "/coverage", Roles: []record.Role{record.Admin, record.Reviewer, record.Volunteer}, Handle: s.coverage},
	}
}

// CoveredView says on a page of results how far they can be trusted: what of the sources was read, and what not.
type CoveredView struct {
	From, Until locale.Moment // Until is how far every enabled source was read
	Whole, All  int           // sources read without a gap, and all
	Gaps        []GapLine     // the longest first shownGaps of them, by source and time
	More        int           // gaps that are not in the list
	MayAll      bool          // may open the page of coverage
}

// GapLine is time of a source that was not read, and why.
type GapLine struct {
	Source                string
	From, To, Length, Why string
	Begin                 bool // it was first read at To
}

// shownGaps is how many gaps a page of results lists; the page of coverage has all.
const shownGaps = 8

// covered says what was read of the posts from one instant to another; see Pipeline.Covered for zero ones.
func (s *Server) covered(p *Page, from, to time.Time) (CoveredView, error) {
	c, err := s.Pipeline.Covered(p.Context(), coverage.Span{From: from, To: to})
	if err != nil {
		return CoveredView{}, err
	}
	v := CoveredView{From: p.At(c.Window.From), Until: p.At(c.Until()), Whole: c.Whole(), All: len(c.Sources),
		MayAll: p.User.Is(record.Admin) || p.User.Is(record.Volunteer) || p.User.Is(record.Reviewer)}
	for _, src := range c.Sources {
		for _, g := range gapLines(p, src) {
			if len(v.Gaps) < shownGaps {
				v.Gaps = append(v.Gaps, g)
			} else {
				v.More++
			}
		}
	}
	return v, nil
}

func gapLines(p *Page, src pipeline.Seen) (list []GapLine) {
	for _, g := range src.Gaps {
		list = append(list, GapLine{Source: src.Name, From: p.At(g.From).Text, To: p.At(g.To).Text, Length: locale.Span(p.Lang, g.Length()), Why: g.Why,
			Begin: len(src.Spans) > 0 && !g.To.After(src.Spans[0].From)})
	}
	return list
}

// coverageDays is over how many days the page of coverage looks.
const coverageDays = 30

type coverageSource struct {
	ID, Name string
	Enabled  bool
	Until    locale.Moment
	Bar      string // path of the read time in a box of 1,000 by 10
	Gaps     []GapLine
	Sum      coverage.Hour
	MayOpen  bool // its page
}

type coverageOverlap struct {
	First, Second    string
	Seen             int64
	Posts, Low, High int64
	Missed           int64
}

type coverageView struct {
	Days       int
	From, To   locale.Moment
	Sources    []coverageSource
	Overlaps   []coverageOverlap
	MayOverlap bool
}

// coverage shows what was read of each source in the last days, and what two ways to the same posts have missed.
func (s *Server) coverage(p *Page) error {
	now := s.Now().UTC()
	window := coverage.Span{From: now.Add(-coverageDays * 24 * time.Hour), To: now}
	c, err := s.Pipeline.Covered(p.Context(), window)
	if err != nil {
		return err
	}
	v := coverageView{Days: coverageDays, From: p.At(window.From), To: p.At(window.To), MayOverlap: p.User.Is(record.Admin)}
	for _, src := range c.Sources {
		line := coverageSource{ID: src.ID, Name: src.Name, Enabled: src.Enabled, Until: p.At(src.Until), Bar: bar(window, src.Spans), Gaps: gapLines(p, src), MayOpen: p.User.Is(record.Admin)}
		hours, err := s.Records.Hours(p.Context(), nil, src.ID, window)
		if err != nil {
			return err
		}
		for _, h := range hours {
			line.Sum.Asked += h.Asked
			line.Sum.Shown += h.Shown
			line.Sum.Capped += h.Capped
			line.Sum.Refused += h.Refused
			line.Sum.Skipped += h.Skipped
			line.Sum.Down += h.Down
		}
		v.Sources = append(v.Sources, line)
	}
	if v.MayOverlap {
		overlaps, err := s.Pipeline.Overlaps(p.Context())
		if err != nil {
			return err
		}
		for _, o := range overlaps {
			v.Overlaps = append(v.Overlaps, coverageOverlap{First: o.First, Second: o.Second, Seen: o.Seen,
				Posts: int64(math.Round(o.Posts)), Low: int64(math.Floor(o.Low)), High: int64(math.Ceil(o.High)), Missed: int64(math.Round(o.Posts)) - o.Seen})
		}
	}
	return p.Render("coverage", v)
}

// bar draws the spans as one path, so that a page with many sources stays small.
func bar(window coverage.Span, spans []coverage.Span) string {
	var b strings.Builder
	width := float64(window.Length())
	for _, s := range coverage.Join(spans) {
		if s = s.Clip(window); s.Empty() {
			continue
		}
		x := 1000 * float64(s.From.Sub(window.From)) / width
		w := 1000 * float64(s.Length()) / width
		fmt.Fprintf(&b, "M%.1f 0h%.1fv10h-%.1fz", x, w, w)
	}
	return b.String()
}
