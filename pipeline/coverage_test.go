package pipeline_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"xunqin/crawler"
	"xunqin/pipeline/coverage"
	"xunqin/pipeline/record"
)

// run crawls the source once and gives the run's end.
func (r *rig) run(t *testing.T) record.Run {
	t.Helper()
	id, err := r.CrawlNow(t.Context(), r.source, "hand")
	if err != nil {
		t.Fatal(err)
	}
	var run record.Run
	eventually(t, "the end of the run", func() bool {
		if run, err = r.Records.Run(t.Context(), nil, id); err != nil {
			t.Fatal(err)
		}
		return !run.EndedAt.IsZero()
	})
	return run
}

// refused makes the site answer every page with a status, 0 for a connection that ends.
func (s *site) refused(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = func(w http.ResponseWriter, r *http.Request) bool {
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(status)
		return true
	}
	if status == http.StatusOK {
		s.refuse = nil
	}
}

func TestTheLedgerSaysWhatWasSeenAndWhatNot(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		r.work(t)
		r.site.post("天桥")
		first := r.run(t)
		if first.State != record.RunDone || !first.Anew || first.Shown != 1 {
			t.Fatalf("first run: %+v", first)
		}
		covered := func() coverageOf {
			t.Helper()
			c, err := r.Covered(ctx, coverage.Span{})
			if err != nil {
				t.Fatal(err)
			}
			s := c.Sources[0]
			if c.Whole() != btoi(s.Whole()) {
				t.Errorf("%d of one source whole, and its gaps are %v", c.Whole(), s.Gaps)
			}
			var why []string
			for _, g := range s.Gaps {
				why = append(why, g.Why)
			}
			return coverageOf{len(s.Spans), why, s.Until.UnixMilli()}
		}
		if diff := cmp.Diff(coverageOf{1, nil, first.StartedAt.UnixMilli()}, covered()); diff != "" {
			t.Errorf("after the first run: %s", diff)
		}

		r.clock.advance(2 * time.Hour)
		r.site.refused(0)
		if run := r.run(t); run.State != record.RunFailed {
			t.Fatalf("a site that hangs up: %+v", run)
		}
		if diff := cmp.Diff(coverageOf{1, []string{coverage.Down}, first.StartedAt.UnixMilli()}, covered()); diff != "" {
			t.Errorf("while it is down: %s", diff)
		}
		r.clock.advance(2 * time.Hour)
		r.site.refused(http.StatusForbidden)
		r.run(t)
		if got := covered(); !cmp.Equal(got.Why, []string{coverage.Refused}) {
			t.Errorf("while it refuses: %+v", got)
		}

		// This timeline goes on from where it was left, so nothing is missing once it answers again.
		r.clock.advance(2 * time.Hour)
		r.site.refused(http.StatusOK)
		r.site.post("车站")
		again := r.run(t)
		if diff := cmp.Diff(coverageOf{1, nil, again.StartedAt.UnixMilli()}, covered()); diff != "" {
			t.Errorf("when it is back: %s", diff)
		}
		hours, err := r.Records.Hours(ctx, nil, r.source, coverage.Span{From: first.StartedAt, To: r.clock.now()})
		if err != nil {
			t.Fatal(err)
		}
		var sum coverage.Hour
		for _, h := range hours {
			sum.Asked, sum.Shown, sum.Down, sum.Refused = sum.Asked+h.Asked, sum.Shown+h.Shown, sum.Down+h.Down, sum.Refused+h.Refused
		}
		if sum.Asked < 4 || sum.Shown != 2 || sum.Down != 1 || sum.Refused != 1 {
			t.Errorf("the hours add up to %+v", sum)
		}
	})
}

type coverageOf struct {
	Spans int
	Why   []string
	Until int64
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestASourceReadInAnotherWayBeginsAnew(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		r.work(t)
		r.site.post("天桥")
		r.run(t)
		src, err := r.Records.Source(ctx, nil, r.source)
		if err != nil {
			t.Fatal(err)
		}
		change := func() {
			t.Helper()
			if err := r.Records.Tx(ctx, func(tx *sql.Tx) error { return r.Records.ChangeSource(ctx, tx, src) }); err != nil {
				t.Fatal(err)
			}
			if src, err = r.Records.Source(ctx, nil, r.source); err != nil {
				t.Fatal(err)
			}
		}
		src.Purpose = "another"
		if change(); src.Cursor == nil {
			t.Error("a new purpose took the cursor")
		}
		src.Config = append([]byte(" "), src.Config...)
		if change(); src.Cursor != nil {
			t.Error("the cursor of another way to read is kept")
		}
		r.clock.advance(time.Hour)
		if run := r.run(t); !run.Anew {
			t.Errorf("the run does not begin anew: %+v", run)
		}
	})
}

func TestRunsThatNeverWereAreInTheLedger(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		src, err := r.Records.Source(ctx, nil, r.source)
		if err != nil {
			t.Fatal(err)
		}
		at := r.clock.now().UTC().Truncate(time.Hour).Add(time.Hour)
		src.Cron, src.ScheduledAt, src.NextRun = "0 * * * *", at, at
		if err := r.Records.Tx(ctx, func(tx *sql.Tx) error { return r.Records.ChangeSource(ctx, tx, src) }); err != nil {
			t.Fatal(err)
		}
		now := at.Add(3*time.Hour + time.Minute) // four were due; one is made up
		if n, err := r.DispatchDue(ctx, now); n != 1 || err != nil {
			t.Fatalf("%d queued, %v", n, err)
		}
		hours, err := r.Records.Hours(ctx, nil, r.source, coverage.Span{From: at, To: now})
		if err != nil {
			t.Fatal(err)
		}
		var skipped []time.Time
		for _, h := range hours {
			if h.Skipped == 1 {
				skipped = append(skipped, h.At)
			}
		}
		if diff := cmp.Diff([]time.Time{at, at.Add(time.Hour), at.Add(2 * time.Hour)}, skipped); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTwoSourcesOfTheSamePostsOverlap(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		var second string
		err := r.Records.Tx(ctx, func(tx *sql.Tx) (err error) {
			src, err := r.Records.Source(ctx, tx, r.source)
			if err != nil {
				return err
			}
			src.Name = "another way"
			second, err = r.Records.AddSource(ctx, tx, src)
			if err != nil {
				return err
			}
			hour := r.clock.now().UTC().Truncate(time.Hour).Add(-2 * time.Hour)
			for _, s := range []string{r.source, second} {
				if err := r.Records.AddSpan(ctx, tx, s, coverage.Span{From: hour, To: hour.Add(time.Hour)}); err != nil {
					return err
				}
			}
			add := func(source string, n int, at time.Time) {
				id := string(rune('a' + n))
				if _, _, e := r.Records.SavePost(ctx, tx, record.Post{SourceID: source, NativeID: id, URL: "https://site.example/" + id, Kind: "post", PostedAt: at, SeenAt: at}); e != nil {
					err = e
				}
			}
			for n := range 12 {
				if n < 10 {
					add(r.source, n, hour.Add(time.Minute))
				}
				if n >= 2 {
					add(second, n, hour.Add(time.Minute))
				}
			}
			add(r.source, 25, hour.Add(-time.Minute)) // in an hour that was not read to the end
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		list, err := r.Overlaps(ctx)
		if err != nil || len(list) != 1 {
			t.Fatalf("%+v, %v", list, err)
		}
		if e := list[0]; e.Seen != 12 || e.Hours != 1 || e.Posts != 11.0*11/9-1 {
			t.Errorf("%+v", e)
		}
	})
}

// list is a source that shows only its newest posts: each reading gives what is next in pages.
type list struct{ pages []crawler.Page }

func (l *list) Read(_ context.Context, _ *crawler.Fetcher, _ crawler.Source, emit func(crawler.Page) error) error {
	page := l.pages[0]
	l.pages, page.Cursor = l.pages[1:], json.RawMessage(`{}`)
	return emit(page)
}

func TestWhatACapHidIsAGap(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		start := r.clock.now().UTC().Truncate(time.Millisecond)
		hour := func(n int) time.Time { return start.Add(time.Duration(n) * time.Hour) }
		l := &list{pages: []crawler.Page{{Since: hour(-3)}, {}, {Capped: true, Since: hour(4)}, {Capped: true}}}
		r.Readers["list"] = l
		src, err := r.Records.Source(ctx, nil, r.source)
		if err != nil {
			t.Fatal(err)
		}
		src.Reader = "list"
		if err := r.Records.Tx(ctx, func(tx *sql.Tx) error { return r.Records.ChangeSource(ctx, tx, src) }); err != nil {
			t.Fatal(err)
		}
		r.work(t)
		var began []time.Time
		for range 4 { // at 0, 2, 6 and 8 o'clock or a moment later
			run := r.run(t)
			if run.State != record.RunDone {
				t.Fatalf("%+v", run)
			}
			began = append(began, run.StartedAt)
			r.clock.advance(2 * time.Hour)
			if len(began) == 2 {
				r.clock.advance(2 * time.Hour)
			}
		}
		spans, err := r.Records.Spans(ctx, nil, r.source)
		if err != nil {
			t.Fatal(err)
		}
		want := []coverage.Span{{From: hour(-3), To: began[1]}, {From: hour(4), To: began[2]}, {From: began[3], To: began[3]}}
		if diff := cmp.Diff(want, spans); diff != "" {
			t.Errorf("what was seen (-want +got):\n%s", diff)
		}
		c, err := r.Covered(ctx, coverage.Span{From: hour(-3), To: began[3]})
		if err != nil {
			t.Fatal(err)
		}
		gaps := []coverage.Gap{{Span: coverage.Span{From: began[1], To: hour(4)}, Why: coverage.Capped}, {Span: coverage.Span{From: began[2], To: began[3]}, Why: coverage.Capped}}
		if diff := cmp.Diff(gaps, c.Sources[0].Gaps); diff != "" {
			t.Errorf("what was not (-want +got):\n%s", diff)
		}
	})
}
