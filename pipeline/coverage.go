package pipeline

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"xunqin/crawler"
	"xunqin/pipeline/coverage"
	"xunqin/pipeline/record"
)

// account enters a share of a run, or its end, in the ledger: state is empty while the run goes on.
func (p *Pipeline) account(ctx context.Context, tx *sql.Tx, run record.Run, stats crawler.Stats, state, why string) error {
	run, err := p.Records.Run(ctx, tx, run.ID) // with what its pages have added
	if err != nil {
		return err
	}
	hour := coverage.Hour{Source: run.SourceID, At: p.Now(), Asked: int64(stats.Asked), Shown: int64(stats.Posts)}
	switch state {
	case record.RunDone:
		spans, err := p.Records.Spans(ctx, tx, run.SourceID)
		if err != nil {
			return err
		}
		var last time.Time
		if n := len(spans); n > 0 {
			last = spans[n-1].To
		}
		read := coverage.Read(last, run.StartedAt, run.Since, run.Anew, run.Capped > 0)
		if read.From.After(last) { // else all is shown that a cap may have hidden
			hour.Capped = run.Capped
		}
		if err := p.Records.AddSpan(ctx, tx, run.SourceID, read); err != nil {
			return err
		}
	case record.RunFailed:
		if coverage.Failed(why) == coverage.Down {
			hour.Down++
		} else {
			hour.Refused++
		}
	}
	return p.Records.AddHour(ctx, tx, hour)
}

// mostMissed is how many missed runs of one source are entered in the ledger at once: a day of one every minute.
const mostMissed = 24 * 60

// missed enters in the ledger the runs of a source that were due before now and are not made up, for its next run makes up
// one of them.
func (p *Pipeline) missed(ctx context.Context, tx *sql.Tx, src record.Source, now time.Time) error {
	s, err := p.schedule(src)
	if err != nil {
		return err
	}
	at := src.ScheduledAt
	if at.IsZero() {
		return nil
	}
	for range mostMissed {
		next := s.Next(at)
		if next.IsZero() || next.After(now) {
			return nil
		}
		if err := p.Records.AddHour(ctx, tx, coverage.Hour{Source: src.ID, At: at, Skipped: 1}); err != nil {
			return err
		}
		at = next
	}
	return nil
}

// Seen is what the ledger says of one source for a window of time.
type Seen struct {
	ID, Name string
	Enabled  bool
	Spans    []coverage.Span // all that was shown to the end, whatever the window
	Until    time.Time       // the newest instant up to which all was shown; zero if never
	Gaps     []coverage.Gap  // in the window
}

// Whole reports whether all of the window was shown, as far as the source shows anything.
func (s Seen) Whole() bool { return len(s.Gaps) == 0 && !s.Until.IsZero() }

// Coverage is what the sources showed of the posts of a window of time.
type Coverage struct {
	Window  coverage.Span
	Sources []Seen // those enabled or ever read, by name
}

// Whole counts the sources that showed all of the window.
func (c Coverage) Whole() (n int) {
	for _, s := range c.Sources {
		if s.Whole() {
			n++
		}
	}
	return n
}

// Until is the instant up to which every enabled source has shown all it has but for gaps; zero when one was never read.
func (c Coverage) Until() (until time.Time) {
	for i, s := range c.Sources {
		if s.Enabled && (i == 0 || until.IsZero() || s.Until.Before(until)) {
			until = s.Until
		}
	}
	return until
}

// Covered says what of the posts from one instant to another the sources have shown. A zero from begins with the earliest
// reading of any source that is not the beginning of time, a zero or future to ends now. It costs three short questions a source.
func (p *Pipeline) Covered(ctx context.Context, window coverage.Span) (Coverage, error) {
	now := p.Now().UTC()
	if window.To.IsZero() || window.To.After(now) {
		window.To = now
	}
	c := Coverage{Window: window}
	sources, err := p.Records.Sources(ctx, nil)
	if err != nil {
		return c, err
	}
	all := map[string]record.Source{}
	var first time.Time
	for _, src := range sources {
		spans, err := p.Records.Spans(ctx, nil, src.ID)
		if err != nil {
			return c, err
		}
		if !src.Enabled && len(spans) == 0 {
			continue
		}
		s := Seen{ID: src.ID, Name: src.Name, Enabled: src.Enabled, Spans: spans}
		if n := len(spans); n > 0 {
			s.Until = spans[n-1].To
			// The span in which reading began may reach back for ever; what is asked by default is since then.
			begun := spans[0].From
			if !begun.After(crawler.Beginning()) {
				begun = src.CreatedAt
			}
			if first.IsZero() || begun.Before(first) {
				first = begun
			}
		}
		c.Sources, all[src.ID] = append(c.Sources, s), src
	}
	if c.Window.From.IsZero() {
		if c.Window.From = first; first.IsZero() || first.After(c.Window.To) {
			c.Window.From = c.Window.To
		}
	}
	for i := range c.Sources {
		if err := p.gaps(ctx, &c.Sources[i], all[c.Sources[i].ID], c.Window, now); err != nil {
			return c, fmt.Errorf("coverage of %s: %w", all[c.Sources[i].ID].Name, err)
		}
	}
	return c, nil
}

// gaps fills in the gaps of a source. From its last reading to the end of the window nothing is missing that the next run
// will not show, as long as that run is not late and the last one did not fail.
func (p *Pipeline) gaps(ctx context.Context, s *Seen, src record.Source, window coverage.Span, now time.Time) error {
	// Why something is missing may have shown after the window.
	hours, err := p.Records.Hours(ctx, nil, src.ID, coverage.Span{From: window.From, To: now})
	if err != nil {
		return err
	}
	s.Gaps = coverage.Gaps(window, s.Spans, hours)
	n := len(s.Gaps)
	if n == 0 || s.Gaps[n-1].To.Before(window.To) || s.Gaps[n-1].From.Before(s.Until) {
		return nil
	}
	tail := &s.Gaps[n-1]
	runs, err := p.Records.Runs(ctx, nil, src.ID, time.Time{}, 2)
	if err != nil {
		return err
	}
	for _, r := range runs {
		if r.EndedAt.IsZero() {
			continue
		}
		switch {
		case r.State == record.RunFailed:
			tail.Why = coverage.Failed(r.Why)
		case !src.Enabled:
			tail.Why = coverage.Unasked
		case src.NextRun.Add(late).After(now) && !s.Until.IsZero():
			s.Gaps = s.Gaps[:n-1]
		default:
			tail.Why = coverage.Skipped
		}
		return nil
	}
	tail.Why = coverage.Unasked
	return nil
}

// late is how long after its time a run may begin before the ledger says that it is missing.
const late = 10 * time.Minute

// overlapDays is over how many days of posts two routes are compared.
const overlapDays = 30

// Overlap is two sources that show the same posts, and what both together are likely to miss.
type Overlap struct {
	First, Second string // names
	coverage.Estimate
}

// Overlaps compares every pair of sources that have shown at least coverage.MinBoth posts of the last 30 days in common, with those
// hours in which neither had a gap. It reads the addresses of all posts of the sources' last 30 days once a pair: seconds, at a million.
func (p *Pipeline) Overlaps(ctx context.Context) ([]Overlap, error) {
	now := p.Now().UTC()
	window := coverage.Span{From: now.Add(-overlapDays * 24 * time.Hour).Truncate(time.Hour), To: now.Truncate(time.Hour)}
	c, err := p.Covered(ctx, window)
	if err != nil {
		return nil, err
	}
	var list []Overlap
	for i, a := range c.Sources {
		for _, b := range c.Sources[i+1:] {
			hours, err := p.Records.Overlaps(ctx, nil, a.ID, b.ID, window)
			if err != nil {
				return nil, err
			}
			e := coverage.Overlap(coverage.WholeHours(hours, a.Spans, b.Spans))
			if e.Enough {
				list = append(list, Overlap{First: a.Name, Second: b.Name, Estimate: e})
			}
		}
	}
	return list, nil
}
