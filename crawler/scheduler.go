package crawler

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// A Task is housekeeping that runs on a schedule while the program is up. It
// is counted from the start of the program: what must not be missed while it
// is down keeps its own time of the last run.
type Task struct {
	Name     string
	Schedule cron.Schedule
	Run      func(context.Context) error
}

// A Scheduler asks each tick which sources are due and runs housekeeping.
// Sources' own times are rows in the record, so nothing here needs reloading
// when one changes.
type Scheduler struct {
	// DispatchDue queues what is due at now and says how many. It is never
	// called twice at once, and again at the next tick after an error.
	DispatchDue func(ctx context.Context, now time.Time) (int, error)
	Tasks       []Task
	Now         func() time.Time // the wall clock; nil is time.Now
	Tick        time.Duration    // whole seconds; zero is one second
	Log         *slog.Logger
}

// Run works until ctx ends, then waits for what is running and returns nil.
// DispatchDue and the tasks get ctx and must end soon after it.
//
// The clock of the machine may jump: timers here follow elapsed time, and
// whether something is due is asked of Now at each tick.
func (s *Scheduler) Run(ctx context.Context) error {
	now := s.Now
	if now == nil {
		now = time.Now
	}
	tick := cron.Every(max(s.Tick, time.Second))
	c := cron.New(cron.WithLogger(cronLogger{s.Log}), cron.WithLocation(time.UTC))

	// SkipIfStillRunning stands outside: inside Recover, a panic would leave
	// it thinking that the job still runs.
	add := func(name string, job func()) {
		log := cronLogger{s.Log.With("task", name)}
		c.Schedule(tick, cron.NewChain(cron.SkipIfStillRunning(log), cron.Recover(log)).Then(cron.FuncJob(job)))
	}
	failures := 0
	add("dispatch", func() {
		n, err := s.DispatchDue(ctx, now())
		switch {
		case ctx.Err() != nil:
		case err != nil:
			// One line for an outage, not one each second of it.
			if failures++; failures == 1 {
				s.Log.Error("dispatch", "err", err)
			}
		default:
			if failures > 0 {
				s.Log.Info("dispatch works again", "failures", failures)
			}
			failures = 0
			if n > 0 {
				s.Log.Debug("dispatched", "sources", n)
			}
		}
	})
	for _, task := range s.Tasks {
		due := dueTimes{schedule: task.Schedule, seen: now()}
		add(task.Name, func() {
			if !due.at(now()) {
				return
			}
			if err := task.Run(ctx); err != nil && ctx.Err() == nil {
				s.Log.Error("housekeeping", "task", task.Name, "err", err)
			}
		})
	}

	c.Start()
	<-ctx.Done()
	<-c.Stop().Done()
	return nil
}

// dueTimes follows one schedule by a wall clock that may jump. A time missed in a
// jump forward is made up once; one already run is not run again after a
// small jump back; a large jump back does not wait for the old future.
type dueTimes struct {
	schedule   cron.Schedule
	seen       time.Time // the clock when last asked, at first when started
	next, last time.Time // the coming run, and the scheduled time of the last one
}

func (d *dueTimes) at(now time.Time) bool {
	// Whether the clock went back is a question to the wall clock alone.
	now = now.Round(0)
	if d.next.IsZero() || now.Before(d.seen) {
		d.next = d.schedule.Next(earlier(now, d.seen))
		if d.next.Equal(d.last) {
			d.next = d.schedule.Next(d.next)
		}
	}
	d.seen = now
	if d.next.IsZero() || now.Before(d.next) {
		return false
	}
	d.last, d.next = d.next, d.schedule.Next(now)
	return true
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// cronLogger keeps cron's chatter out of the log and says of a panic what it
// was without its text, which may hold anything.
type cronLogger struct{ log *slog.Logger }

func (l cronLogger) Info(msg string, _ ...any) {
	if msg == "skip" {
		l.log.Debug("still running, skipped")
	}
}

func (l cronLogger) Error(err error, msg string, pairs ...any) {
	what := fmt.Sprintf("%T", err)
	if fault, ok := err.(runtime.Error); ok {
		what = fault.Error()
	}
	stack := ""
	for i := 1; i < len(pairs); i += 2 {
		if pairs[i-1] == "stack" {
			stack = strings.TrimPrefix(fmt.Sprint(pairs[i]), "...\n")
		}
	}
	l.log.Error(msg, "kind", what, "stack", stack)
}
