package pipeline

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"xunqin/crawler"
	"xunqin/pipeline/coverage"
	"xunqin/pipeline/record"
)

// Why a source cannot be crawled as it is set up. A crawler.ScheduleError says the same of its schedule.
type SourceError struct {
	Field  string // reader, config, approval
	Detail string
}

func (e *SourceError) Error() string { return "source " + e.Field + ": " + e.Detail }

// CheckSource says what is wrong with a source's reader, its settings or its schedule: a *SourceError or a
// *crawler.ScheduleError.
func (p *Pipeline) CheckSource(src record.Source) error {
	r, ok := p.Readers[src.Reader]
	if !ok {
		return &SourceError{Field: "reader", Detail: fmt.Sprintf("no reader %q; there are %s", src.Reader, strings.Join(slices.Sorted(maps.Keys(p.Readers)), ", "))}
	}
	if c, ok := r.(crawler.ConfigChecker); ok {
		if err := c.Check(src.Config); err != nil {
			return &SourceError{Field: "config", Detail: err.Error()}
		}
	}
	_, err := p.schedule(src)
	return err
}

func (p *Pipeline) schedule(src record.Source) (interface{ Next(time.Time) time.Time }, error) {
	least := p.LeastEvery
	if least == 0 {
		least = time.Minute
	}
	return crawler.ParseSchedule(src.Cron, src.TimeZone, least)
}

// NextRun is when a source is due next after now: the instant its schedule names, and that instant with the source's own
// jitter added.
func (p *Pipeline) NextRun(src record.Source, now time.Time) (scheduled, due time.Time, err error) {
	s, err := p.schedule(src)
	if err != nil {
		return time.Time{}, time.Time{}, err
	}
	scheduled = s.Next(now)
	return scheduled, scheduled.Add(crawler.Jitter(src.ID, scheduled, src.Jitter)), nil
}

// DispatchDue queues a crawl of every source that is due and says how many. Of several processes that do it at once, one
// queues each crawl. A run that was missed, however often, is made up once; while the last run of a source goes on, no
// other begins.
func (p *Pipeline) DispatchDue(ctx context.Context, now time.Time) (int, error) {
	if err := p.healClock(ctx, now); err != nil {
		return 0, err
	}
	due, err := p.Records.DueSources(ctx, nil, now, 100)
	if err != nil {
		return 0, err
	}
	n := 0
	var errs []error
	for _, src := range due {
		queued, err := p.dispatch(ctx, src, now)
		if err != nil {
			errs = append(errs, fmt.Errorf("dispatch %s: %w", src.Name, err))
		}
		if queued {
			n++
		}
	}
	return n, errors.Join(errs...)
}

func (p *Pipeline) dispatch(ctx context.Context, src record.Source, now time.Time) (queued bool, err error) {
	if !src.Approved(now) {
		return false, p.Records.Tx(ctx, func(tx *sql.Tx) error {
			src.Enabled = false
			if err := p.Records.ChangeSource(ctx, tx, src); err != nil {
				return ignore(err, record.ErrStale)
			}
			return p.Records.Audit(ctx, tx, "system", "source-paused", src.ID, "review date has passed")
		})
	}
	scheduled, next, err := p.NextRun(src, now)
	if err != nil {
		return false, err
	}
	err = p.Records.Tx(ctx, func(tx *sql.Tx) error {
		queued = false
		if err := p.Records.ClaimRun(ctx, tx, src, scheduled, next); err != nil {
			return ignore(err, record.ErrStale)
		}
		run, err := p.Records.OpenRun(ctx, tx, src.ID, "schedule", src.ScheduledAt)
		if errors.Is(err, record.ErrExists) {
			p.Log.Info("last run still going, this one is skipped", "source", src.ID)
			return p.Records.AddHour(ctx, tx, coverage.Hour{Source: src.ID, At: now, Skipped: 1})
		}
		if err != nil {
			return err
		}
		queued = true
		if err := p.missed(ctx, tx, src, now); err != nil {
			return err
		}
		return p.enqueue(ctx, tx, crawlJob{Run: run})
	})
	return queued, err
}

// healClock finds sources whose next run lies farther away than their schedule can mean, as after a clock that was wrong
// and has been set right, and sets it anew.
func (p *Pipeline) healClock(ctx context.Context, now time.Time) error {
	all, err := p.Records.Sources(ctx, nil)
	if err != nil {
		return err
	}
	for _, src := range all {
		if !src.Enabled {
			continue
		}
		scheduled, next, err := p.NextRun(src, now)
		if err != nil || !src.NextRun.After(scheduled.Add(src.Jitter)) {
			continue
		}
		err = p.Records.Tx(ctx, func(tx *sql.Tx) error { return p.Records.ClaimRun(ctx, tx, src, scheduled, next) })
		if err := ignore(err, record.ErrStale); err != nil {
			return err
		}
	}
	return nil
}

// ignore turns one error into none.
func ignore(err, none error) error {
	if errors.Is(err, none) {
		return nil
	}
	return err
}

// CrawlNow queues a crawl of a source outside its schedule. While one goes on it is record.ErrExists.
func (p *Pipeline) CrawlNow(ctx context.Context, sourceID, cause string) (run string, err error) {
	err = p.Records.Tx(ctx, func(tx *sql.Tx) error {
		src, err := p.Records.Source(ctx, tx, sourceID)
		if err != nil {
			return err
		}
		if !src.Approved(p.Now()) {
			return &SourceError{Field: "approval", Detail: "purpose, basis, approver and a review date to come are needed before a crawl"}
		}
		if run, err = p.Records.OpenRun(ctx, tx, sourceID, cause, p.Now()); err != nil {
			return err
		}
		return p.enqueue(ctx, tx, crawlJob{Run: run})
	})
	return run, err
}

// Crawl reads a source for one run, page by page, each page committed with its cursor. A refusal ends the run as failed
// under its name; the cursor stays at the last page that was recorded.
func (p *Pipeline) Crawl(ctx context.Context, job crawlJob, try int, done done) error {
	run, err := p.Records.Run(ctx, nil, job.Run)
	if record.IsNotFound(err) {
		return cancelled{errors.New("its run is gone")}
	}
	if err != nil {
		return err
	}
	if !run.EndedAt.IsZero() {
		return p.Records.Tx(ctx, done)
	}
	src, err := p.Records.Source(ctx, nil, run.SourceID)
	if err != nil {
		return err
	}
	end := func(stats crawler.Stats, state, why, detail string) error {
		return p.Records.Tx(ctx, func(tx *sql.Tx) error {
			if err := p.account(ctx, tx, run, stats, state, why); err != nil {
				return err
			}
			if err := p.Records.CountRun(ctx, tx, run.ID, record.Run{Asked: int64(stats.Asked), Fetched: int64(stats.Fetched), NotModified: int64(stats.NotModified), Refused: int64(stats.Refused)}); err != nil {
				return err
			}
			if state == "" { // its share is done, more is there: the rest is a job of its own
				if err := p.enqueue(ctx, tx, crawlJob{Run: run.ID}); err != nil {
					return err
				}
			} else if err := p.Records.EndRun(ctx, tx, run.ID, state, why, detail); err != nil {
				return err
			}
			return done(tx)
		})
	}
	reader, ok := p.Readers[src.Reader]
	if !ok {
		return end(crawler.Stats{}, record.RunFailed, "no-reader", src.Reader)
	}
	if err := p.Records.Tx(ctx, func(tx *sql.Tx) error { return p.Records.StartRun(ctx, tx, run.ID) }); err != nil {
		return err
	}
	stats, err := p.Door.Run(ctx, reader, src.Crawl(), func(ctx context.Context, page crawler.Page) error {
		return p.Accept(ctx, src, run.ID, page)
	})
	var refusal *crawler.Refusal
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &refusal):
		return end(stats, record.RunFailed, refusal.Name, refusal.Error())
	case errors.Is(err, crawler.ErrNoContact):
		return end(stats, record.RunFailed, "no-contact", err.Error())
	case err != nil && try < tries["crawl"]:
		return err
	case err != nil:
		return end(stats, record.RunFailed, "failed", err.Error())
	case stats.More:
		return end(stats, "", "", "")
	}
	return end(stats, record.RunDone, "", strings.Join(stats.Warnings, "\n"))
}

// Accept records a page: its posts with what their words say, the work on those that are new or changed, the run's account and the source's cursor,
// all in one transaction.
func (p *Pipeline) Accept(ctx context.Context, src record.Source, run string, page crawler.Page) error {
	return p.Records.Tx(ctx, func(tx *sql.Tx) error {
		count := record.Run{Shown: int64(len(page.Posts)), Since: page.Since}
		if page.Capped {
			count.Capped++
		}
		var work []job
		for _, post := range page.Posts {
			if post.Deleted {
				continue
			}
			buried, err := p.Records.Buried(ctx, tx, record.TombNative, p.mark(record.TombNative, src.ID+"\x00"+post.NativeID))
			if err != nil {
				return err
			}
			if buried {
				count.Refused++
				continue
			}
			row := record.FromCrawl(src.ID, post, p.Now().UTC(), func(s string) string { return p.Keys.Pseudonym("author", s) })
			if row.Place == "" {
				row.Place = src.Place
			}
			id, changed, err := p.Records.SavePost(ctx, tx, row)
			if err != nil {
				return err
			}
			if !changed {
				count.Duplicate++
				continue
			}
			count.Fresh++
			if err := p.Records.SetFacts(ctx, tx, record.Ref{ID: id, Kind: "post"}, p.FactsOfPost(row)); err != nil {
				return err
			}
			work = append(work, gatherJob{Post: id})
		}
		if err := p.enqueue(ctx, tx, work...); err != nil {
			return err
		}
		if run != "" {
			if err := p.Records.CountRun(ctx, tx, run, count); err != nil {
				return err
			}
		}
		if page.Cursor == nil {
			return nil
		}
		return p.Records.MoveCursor(ctx, tx, src.ID, page.Cursor)
	})
}

// Try reads one page of a source and stores nothing: what a reader hands on, for whoever sets a source up. Photos are not
// fetched.
func (p *Pipeline) Try(ctx context.Context, src record.Source) ([]crawler.Post, crawler.Stats, error) {
	reader, ok := p.Readers[src.Reader]
	if !ok {
		return nil, crawler.Stats{}, p.CheckSource(src)
	}
	c := src.Crawl()
	c.Cursor = json.RawMessage(nil)
	var posts []crawler.Post
	enough := errors.New("one page is enough")
	stats, err := p.Door.Run(ctx, reader, c, func(_ context.Context, page crawler.Page) error {
		posts = append(posts, page.Posts...)
		if len(posts) > 0 {
			return enough
		}
		return nil
	})
	return posts, stats, ignore(err, enough)
}
