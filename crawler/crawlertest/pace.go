package crawlertest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"xunqin/crawler"
)

// Pace is the suite every crawler.Pace passes. open gives a Pace that knows no
// host; it is called once for each case. The cases run on the wall clock and
// take about a second together.
func Pace(t *testing.T, open func() crawler.Pace) {
	const every = 50 * time.Millisecond
	ctx := t.Context()
	take := func(t *testing.T, p crawler.Pace, host string, rate crawler.Rate) func(time.Time) {
		t.Helper()
		release, err := p.Acquire(ctx, host, rate)
		if err != nil {
			t.Fatal(err)
		}
		return release
	}

	t.Run("OneAtATimeAndApart", func(t *testing.T) {
		p := open()
		var flying, most atomic.Int64
		var mu sync.Mutex
		var last time.Time
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				release, err := p.Acquire(ctx, "h.example", crawler.Rate{Every: every})
				if err != nil {
					t.Error(err)
					return
				}
				most.Store(max(most.Load(), flying.Add(1)))
				mu.Lock()
				if gap := time.Since(last); !last.IsZero() && gap < every-5*time.Millisecond {
					t.Errorf("two requests were %v apart", gap)
				}
				last = time.Now()
				mu.Unlock()
				flying.Add(-1)
				release(time.Time{})
			})
		}
		wg.Wait()
		if most.Load() != 1 {
			t.Errorf("%d requests were in flight at once", most.Load())
		}
	})

	t.Run("HeldTurnKeepsOthersWaiting", func(t *testing.T) {
		p := open()
		release := take(t, p, "h.example", crawler.Rate{Every: crawler.NoPause})
		short, cancel := context.WithTimeout(ctx, every)
		defer cancel()
		if _, err := p.Acquire(short, "h.example", crawler.Rate{Every: crawler.NoPause}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want to wait until the context ends", err)
		}
		release(time.Time{})
		take(t, p, "h.example", crawler.Rate{Every: crawler.NoPause})(time.Time{})
	})

	t.Run("HostsDoNotWaitForOneAnother", func(t *testing.T) {
		p := open()
		long := crawler.Rate{Every: time.Hour}
		for _, host := range []string{"a.example", "b.example", "a.example:8080"} {
			defer take(t, p, host, long)(time.Time{})
		}
	})

	t.Run("ParallelAllowsSoMany", func(t *testing.T) {
		p := open()
		rate := crawler.Rate{Every: crawler.NoPause, Parallel: 2}
		first := take(t, p, "h.example", rate)
		second := take(t, p, "h.example", rate)
		short, cancel := context.WithTimeout(ctx, every)
		defer cancel()
		if _, err := p.Acquire(short, "h.example", rate); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a third was let in: %v", err)
		}
		first(time.Time{})
		take(t, p, "h.example", rate)(time.Time{})
		second(time.Time{})
	})

	t.Run("ReleasingTwiceFreesOneTurn", func(t *testing.T) {
		p := open()
		rate := crawler.Rate{Every: crawler.NoPause}
		first := take(t, p, "h.example", rate)
		first(time.Time{})
		defer take(t, p, "h.example", rate)(time.Time{})
		first(time.Time{})
		short, cancel := context.WithTimeout(ctx, every)
		defer cancel()
		if _, err := p.Acquire(short, "h.example", rate); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the turn of another was freed: %v", err)
		}
	})

	t.Run("ShortPauseOfTheHostIsWaitedFor", func(t *testing.T) {
		p := open()
		rate := crawler.Rate{Every: crawler.NoPause}
		until := time.Now().Add(3 * every)
		take(t, p, "h.example", rate)(until)
		take(t, p, "h.example", rate)(time.Time{})
		if early := time.Until(until); early > 5*time.Millisecond {
			t.Errorf("the host was asked %v too early", early)
		}
	})

	t.Run("LongPauseOfTheHostIsARefusal", func(t *testing.T) {
		p := open()
		rate := crawler.Rate{Every: crawler.NoPause}
		until := time.Now().Add(time.Hour)
		take(t, p, "h.example", rate)(until)
		for range 2 {
			_, err := p.Acquire(ctx, "h.example", rate)
			ref, ok := errors.AsType[*crawler.Refusal](err)
			if !ok || ref.Name != crawler.RefusedRate || !ref.Temporary() || ref.RetryAfter.Sub(until).Abs() > time.Second {
				t.Errorf("got %v, want a refusal until %v", err, until)
			}
		}
	})

	t.Run("LaterPauseIsNotShortened", func(t *testing.T) {
		p := open()
		rate := crawler.Rate{Every: crawler.NoPause, Parallel: 2}
		first := take(t, p, "h.example", rate)
		second := take(t, p, "h.example", rate)
		first(time.Now().Add(time.Hour))
		second(time.Now().Add(time.Minute))
		_, err := p.Acquire(ctx, "h.example", rate)
		if ref, ok := errors.AsType[*crawler.Refusal](err); !ok || time.Until(ref.RetryAfter) < 50*time.Minute {
			t.Errorf("got %v, want a refusal for an hour", err)
		}
	})

	t.Run("EndedContextTakesNoTurn", func(t *testing.T) {
		p := open()
		ended, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := p.Acquire(ended, "h.example", crawler.Rate{}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		take(t, p, "h.example", crawler.Rate{})(time.Time{})
	})
}
