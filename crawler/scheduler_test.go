package crawler

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/robfig/cron/v3"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func nothingDue(context.Context, time.Time) (int, error) { return 0, nil }

// started runs s in the bubble and returns a function that ends it and waits.
func started(t *testing.T, s *Scheduler) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	}
}

func TestDispatchIsAskedEachTickWithTheClockThatIsGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []time.Time
		var skew atomic.Int64
		s := &Scheduler{Log: quiet(), Tick: 2 * time.Second,
			Now: func() time.Time { return time.Now().Add(time.Duration(skew.Load())) },
			DispatchDue: func(_ context.Context, now time.Time) (int, error) {
				asked = append(asked, now)
				return 1, nil
			}}
		start := time.Now()
		stop := started(t, s)
		time.Sleep(4500 * time.Millisecond) // the bubble's clock
		synctest.Wait()
		const years = 10 * 365 * 24 * time.Hour
		skew.Store(int64(years))
		time.Sleep(2 * time.Second)
		stop()
		want := []time.Time{start.Add(2 * time.Second), start.Add(4 * time.Second), start.Add(6*time.Second + years)}
		if diff := cmp.Diff(want, asked); diff != "" {
			t.Errorf("asked (-want +got):\n%s", diff)
		}
	})
}

func TestSlowDispatchIsNotCalledTwiceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most, calls atomic.Int32
		s := &Scheduler{Log: quiet(), DispatchDue: func(context.Context, time.Time) (int, error) {
			most.Store(max(most.Load(), running.Add(1)))
			calls.Add(1)
			time.Sleep(3500 * time.Millisecond)
			running.Add(-1)
			return 0, nil
		}}
		stop := started(t, s)
		time.Sleep(8500 * time.Millisecond)
		stop()
		if most.Load() != 1 || calls.Load() != 2 {
			t.Errorf("at most %d at once in %d calls, want 1 and 2", most.Load(), calls.Load())
		}
	})
}

func TestPanicCostsOneRunAndItsTextStaysOutOfTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		calls, tasks := 0, 0
		s := &Scheduler{
			Log: slog.New(slog.NewTextHandler(&log, nil)),
			DispatchDue: func(context.Context, time.Time) (int, error) {
				if calls++; calls == 1 {
					panic("王小明 13800138000")
				}
				return 0, nil
			},
			Tasks: []Task{{Name: "sweep", Schedule: cron.Every(time.Second), Run: func(context.Context) error {
				if tasks++; tasks == 1 {
					var none []int
					_ = none[tasks]
				}
				return nil
			}}},
		}
		stop := started(t, s)
		time.Sleep(3500 * time.Millisecond)
		stop()
		if calls != 3 || tasks < 2 {
			t.Errorf("%d dispatches and %d tasks after a panic in each", calls, tasks)
		}
		if text := log.String(); strings.Contains(text, "王小明") || !strings.Contains(text, "index out of range") || !strings.Contains(text, "task=sweep") {
			t.Errorf("log: %s", text)
		}
	})
}

func TestAnOutageIsLoggedOnceAndItsEndOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		calls := 0
		s := &Scheduler{Log: slog.New(slog.NewTextHandler(&log, nil)), DispatchDue: func(context.Context, time.Time) (int, error) {
			if calls++; calls < 5 {
				return 0, errors.New("database is locked")
			}
			return 0, nil
		}}
		stop := started(t, s)
		time.Sleep(7500 * time.Millisecond)
		stop()
		if got := strings.Count(log.String(), "\n"); got != 2 || !strings.Contains(log.String(), "failures=4") {
			t.Errorf("log: %s", log.String())
		}
	})
}

func TestEndOfTheContextIsPassedOnAndWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		finished := false
		s := &Scheduler{Log: quiet(), DispatchDue: nothingDue,
			Tasks: []Task{{Name: "long", Schedule: cron.Every(time.Second), Run: func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(5 * time.Second) // tidying up
				finished = true
				return ctx.Err()
			}}}}
		stop := started(t, s)
		time.Sleep(3 * time.Second)
		stop()
		if !finished {
			t.Error("Run returned while a task was running")
		}
	})
}

func TestTaskRunsByItsSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		daily, err := ParseSchedule("30 3 * * *", "Asia/Shanghai", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		var runs []string
		s := &Scheduler{Log: quiet(), DispatchDue: nothingDue, Tick: time.Minute,
			Tasks: []Task{{Name: "daily", Schedule: daily, Run: func(context.Context) error {
				runs = append(runs, time.Now().UTC().Format(time.DateTime))
				return nil
			}}}}
		stop := started(t, s)
		time.Sleep(48 * time.Hour)
		stop()
		want := []string{"2000-01-01 19:30:00", "2000-01-02 19:30:00"}
		if diff := cmp.Diff(want, runs); diff != "" {
			t.Errorf("runs (-want +got):\n%s", diff)
		}
	})
}

func TestClockJumpsNeitherLoseNorDoubleATask(t *testing.T) {
	daily, err := ParseSchedule("0 3 * * *", "UTC", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		asks []string
		want []bool
	}{
		{"forward over the time", []string{"01-01 02:59", "01-01 04:00", "01-01 04:01"}, []bool{false, true, false}},
		{"forward over many times makes up one", []string{"01-01 02:59", "01-09 04:00", "01-09 04:01", "01-10 03:00"}, []bool{false, true, false, true}},
		{"an hour back after the run", []string{"01-01 02:59", "01-01 03:00", "01-01 02:10", "01-01 03:00", "01-02 03:00"}, []bool{false, true, false, false, true}},
		{"an hour back before the run", []string{"01-01 02:30", "01-01 01:30", "01-01 03:00"}, []bool{false, false, true}},
		{"weeks back", []string{"01-20 02:59", "01-20 03:00", "01-05 12:00", "01-06 03:00"}, []bool{false, true, false, true}},
		{"back at the first look", []string{"01-01 00:00", "01-01 03:00"}, []bool{false, true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			at := func(s string) time.Time {
				v, err := time.Parse("2006-01-02 15:04", "2026-"+s)
				if err != nil {
					t.Fatal(err)
				}
				return v
			}
			d := dueTimes{schedule: daily, seen: at(tc.asks[0])}
			var got []bool
			for _, ask := range tc.asks {
				got = append(got, d.at(at(ask)))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("due (-want +got):\n%s", diff)
			}
		})
	}
}
