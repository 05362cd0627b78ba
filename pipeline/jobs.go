package pipeline

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"xunqin/pipeline/record"
	"xunqin/search"
)

// The kinds of job. Each names a row, or finds its rows; everything else is read when the job runs.
type (
	crawlJob   struct{ Run string }
	gatherJob  struct{ Post string }
	relateJob  struct{ Doc, Of string } // Of: post or report
	notifyJob  struct{ Delivery string }
	compareJob struct{} // of all photos that are behind
	rereadJob  struct{} // of all texts that were read by older rules
	pairJob    struct{} // of all reports whose pairs older rules looked for
)

// job is what can be queued.
type job = river.JobArgs

func (crawlJob) Kind() string   { return "crawl" }
func (gatherJob) Kind() string  { return "gather" }
func (relateJob) Kind() string  { return "relate" }
func (notifyJob) Kind() string  { return "notify" }
func (rereadJob) Kind() string  { return "reread" }
func (pairJob) Kind() string    { return "pair" }
func (compareJob) Kind() string { return "compare" }

// How many jobs of a kind one process works on at once. Gather mostly waits for its turn at a host; what it decodes at
// once is bounded by the budget, not here.
var width = map[string]int{"crawl": 8, "gather": 24, "relate": 4, "notify": 4, "reread": 1, "pair": 1, "compare": 1}

// A step's patience, after which its try ends, and the tries it has before it joins the dead list.
var (
	patience = map[string]time.Duration{"crawl": 5 * time.Minute, "gather": 5 * time.Minute, "relate": 2 * time.Minute, "notify": 2 * time.Minute, "reread": 2 * time.Minute, "pair": 10 * time.Minute, "compare": 10 * time.Minute}
	tries    = map[string]int{"crawl": 3, "gather": 7, "relate": 10, "notify": 14, "reread": 10, "pair": 10, "compare": 25}
)

// indexPause is how long jobs wait for an index that does not answer.
const indexPause = 10 * time.Second

const (
	beatEvery = 15 * time.Second
	beatLife  = 45 * time.Second // a process not heard of for so long is dead; its jobs are taken over
	// mostDeaths is how many processes may die with a job in hand before it joins the dead list: it may be what kills them. Many,
	// since most of what a dying process had in hand is innocent.
	mostDeaths = 100
)

// done completes the job of a step in the transaction that holds the step's result.
type done func(tx *sql.Tx) error

// cancelled is work that cannot succeed: the queue keeps it with its reason and does not try again.
type cancelled struct{ error }

// later asks for the same work at a later instant without counting a try.
type later struct{ wait time.Duration }

func (l later) Error() string { return "later" }

type queue struct {
	client  *river.Client[*sql.Tx]
	working atomic.Bool
}

// step is a worker of one kind.
type step[A river.JobArgs] struct {
	river.WorkerDefaults[A]
	p  *Pipeline
	do func(ctx context.Context, args A, try int, done done) error
}

func (w *step[A]) Timeout(j *river.Job[A]) time.Duration { return patience[j.Kind] }

func (w *step[A]) Work(ctx context.Context, j *river.Job[A]) error {
	err := w.do(ctx, j.Args, j.Attempt, func(tx *sql.Tx) error {
		var err error
		if w.p.Records.Dialect() == record.SQLite {
			_, err = river.JobCompleteTx[*riversqlite.Driver](ctx, tx, j)
		} else {
			_, err = river.JobCompleteTx[*riverdatabasesql.Driver](ctx, tx, j)
		}
		return err
	})
	var c cancelled
	var l later
	switch {
	case errors.As(err, &c):
		return river.JobCancel(c.error)
	case errors.As(err, &l):
		return river.JobSnooze(l.wait)
	case errors.Is(err, search.ErrUnavailable):
		return river.JobSnooze(indexPause) // however long it takes, that is no fault of the job
	case err != nil && errors.Is(ctx.Err(), context.Canceled):
		return river.JobSnooze(0) // the process ends; that is no fault of the job
	}
	return err
}

func (p *Pipeline) driver() riverdriver.Driver[*sql.Tx] {
	if p.Records.Dialect() == record.SQLite {
		return riversqlite.New(p.Records.DB())
	}
	return riverdatabasesql.New(p.Records.DB())
}

// Open prepares the queue's tables and the client that puts work into it. Work is done only after Start.
func (p *Pipeline) Open(ctx context.Context) error {
	if p.Now == nil {
		p.Now = time.Now
	}
	quiet := slog.New(atLeast{p.Log.Handler(), slog.LevelError})
	m, err := rivermigrate.New(p.driver(), &rivermigrate.Config{Logger: quiet})
	if err != nil {
		return fmt.Errorf("open queue: %w", err)
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate queue: %w", err)
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &step[crawlJob]{p: p, do: p.Crawl})
	river.AddWorker(workers, &step[gatherJob]{p: p, do: p.Gather})
	river.AddWorker(workers, &step[relateJob]{p: p, do: p.Relate})
	river.AddWorker(workers, &step[notifyJob]{p: p, do: p.Notify})
	river.AddWorker(workers, &step[rereadJob]{p: p, do: p.Reread})
	river.AddWorker(workers, &step[pairJob]{p: p, do: p.Pair})
	river.AddWorker(workers, &step[compareJob]{p: p, do: p.Compare})
	queues := map[string]river.QueueConfig{}
	for kind, n := range width {
		queues[kind] = river.QueueConfig{MaxWorkers: n}
	}
	if p.Alone {
		// Turns that a killed process had at hosts would be waited for in vain.
		if err := p.Records.Tx(ctx, func(tx *sql.Tx) error { return p.Records.FreePace(ctx, tx) }); err != nil {
			return err
		}
	}
	p.worker = record.NewID()
	cfg := &river.Config{
		ID: p.worker, Queues: queues, Workers: workers, Logger: quiet,
		FetchCooldown: 20 * time.Millisecond, FetchPollInterval: 100 * time.Millisecond, PollOnly: p.Records.Dialect() == record.SQLite,
		JobTimeout: -1, RescueStuckJobsAfter: 15 * time.Minute,
		DiscardedJobRetentionPeriod: -1, CancelledJobRetentionPeriod: 30 * 24 * time.Hour, CompletedJobRetentionPeriod: time.Hour,
	}
	p.queue.client, err = river.NewClient(p.driver(), cfg)
	if err != nil {
		return fmt.Errorf("open queue: %w", err)
	}
	return nil
}

// Start works on jobs until ctx ends, then waits for those in hand: ten seconds, after which they are cancelled and will
// be done by the next process. It returns when all is quiet.
func (p *Pipeline) Start(ctx context.Context) error {
	if err := p.begin(ctx); err != nil {
		return err
	}
	// Photos may be behind from before an upgrade, or with their job on the dead list.
	if err := p.Records.Tx(ctx, func(tx *sql.Tx) error { return p.queueBehind(ctx, tx) }); err != nil {
		return err
	}
	if !p.queue.working.CompareAndSwap(false, true) {
		return errors.New("this process works on jobs already")
	}
	defer p.queue.working.Store(false)
	workCtx := context.WithoutCancel(ctx)
	if err := p.queue.client.Start(workCtx); err != nil {
		return fmt.Errorf("start queue: %w", err)
	}
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return p.stop(workCtx)
		case <-tick.C:
			if err := p.beat(ctx); err != nil && ctx.Err() == nil {
				p.Log.Error("heartbeat", "err", err)
			}
		}
	}
}

// Working reports whether this process works on jobs.
func (p *Pipeline) Working() bool { return p.queue.working.Load() }

func (p *Pipeline) begin(ctx context.Context) error {
	if p.Alone {
		if err := p.forgetWorkers(ctx); err != nil {
			return err
		}
	}
	if err := p.beat(ctx); err != nil {
		return err
	}
	if err := p.rereadLater(ctx); err != nil {
		return err
	}
	return p.pairLater(ctx)
}

func (p *Pipeline) stop(ctx context.Context) error {
	soft, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err := p.queue.client.Stop(soft)
	if err != nil {
		hard, cancel := context.WithTimeout(ctx, 4*time.Second)
		defer cancel()
		err = p.queue.client.StopAndCancel(hard)
	}
	gone := p.Records.Tx(ctx, func(tx *sql.Tx) error { return p.Records.DropWorker(ctx, tx, p.worker) })
	return errors.Join(err, gone)
}

func (p *Pipeline) forgetWorkers(ctx context.Context) error {
	return p.Records.Tx(ctx, func(tx *sql.Tx) error {
		list, err := p.Records.Workers(ctx, tx)
		for _, w := range list {
			if err := p.Records.DropWorker(ctx, tx, w.ID); err != nil {
				return err
			}
		}
		return err
	})
}

// beat says that this process lives, and takes over the jobs of those that do not: whose heartbeat is old, or who have none.
func (p *Pipeline) beat(ctx context.Context) error {
	return p.Records.Tx(ctx, func(tx *sql.Tx) error {
		if err := p.Records.Beat(ctx, tx, p.worker); err != nil {
			return err
		}
		list, err := p.Records.Workers(ctx, tx)
		if err != nil {
			return err
		}
		for _, w := range list {
			if p.Now().Sub(w.BeatAt) > beatLife {
				p.Log.Warn("a process died; its jobs are taken over", "worker", w.ID)
				if err := p.Records.DropWorker(ctx, tx, w.ID); err != nil {
					return err
				}
			}
		}
		// Documents and lists are of other types in the two databases. A try that ended with its process does not count as one.
		take := `UPDATE river_job SET attempt=attempt-1, metadata=jsonb_set(metadata, '{deaths}', to_jsonb(COALESCE((metadata->>'deaths')::int, 0) + 1)),
			state=CASE WHEN COALESCE((metadata->>'deaths')::int, 0) + 1 < $1 THEN 'available' ELSE 'discarded' END::river_job_state,
			finalized_at=CASE WHEN COALESCE((metadata->>'deaths')::int, 0) + 1 < $1 THEN NULL ELSE now() END
			WHERE state='running' AND attempted_by[array_upper(attempted_by, 1)] NOT IN (SELECT id FROM workers)`
		if p.Records.Dialect() == record.SQLite {
			take = `UPDATE river_job SET attempt=attempt-1, metadata=jsonb_set(metadata, '$.deaths', COALESCE(json_extract(metadata, '$.deaths'), 0) + 1),
			state=CASE WHEN COALESCE(json_extract(metadata, '$.deaths'), 0) + 1 < $1 THEN 'available' ELSE 'discarded' END,
			finalized_at=CASE WHEN COALESCE(json_extract(metadata, '$.deaths'), 0) + 1 < $1 THEN NULL ELSE datetime('now', 'subsec') END
			WHERE state='running' AND json_extract(attempted_by, '$[#-1]') NOT IN (SELECT id FROM workers)`
		}
		_, err = tx.ExecContext(ctx, take, mostDeaths)
		if err != nil {
			return fmt.Errorf("take over jobs: %w", err)
		}
		return p.endLostRuns(ctx, tx)
	})
}

// endLostRuns closes runs whose job is on the dead list or gone: while a run is open no other of its source begins.
func (p *Pipeline) endLostRuns(ctx context.Context, tx *sql.Tx) error {
	open, err := p.Records.OpenRuns(ctx, tx)
	if err != nil {
		return err
	}
	for _, run := range open {
		var jobs int
		err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM river_job WHERE kind='crawl' AND args->>'Run'=$1 AND state NOT IN ('completed','discarded','cancelled')`, run.ID).Scan(&jobs)
		if err != nil {
			return fmt.Errorf("look for the job of a run: %w", err)
		}
		if jobs > 0 {
			continue
		}
		if err := p.Records.EndRun(ctx, tx, run.ID, record.RunLost, "lost", "its job was given up; the dead list says why"); err != nil {
			return err
		}
	}
	return nil
}

// enqueue puts work into the queue with the transaction it follows from; much of it at once costs little more than one.
func (p *Pipeline) enqueue(ctx context.Context, tx *sql.Tx, work ...job) error {
	return p.enqueueAfter(ctx, tx, 0, work...)
}

// enqueueAfter is enqueue of work that is to wait for a while.
func (p *Pipeline) enqueueAfter(ctx context.Context, tx *sql.Tx, wait time.Duration, work ...job) error {
	if len(work) == 0 {
		return nil
	}
	var due time.Time // at once
	if wait > 0 {
		due = time.Now().Add(wait) // the queue keeps its own time
	}
	list := make([]river.InsertManyParams, len(work))
	for i, args := range work {
		list[i] = river.InsertManyParams{Args: args, InsertOpts: &river.InsertOpts{Queue: args.Kind(), MaxAttempts: tries[args.Kind()], ScheduledAt: due}}
	}
	if _, err := p.queue.client.InsertManyFastTx(ctx, tx, list); err != nil {
		return fmt.Errorf("queue %s: %w", work[0].Kind(), err)
	}
	return nil
}

// DeadJob is work that will not be tried again by itself: cancelled for a reason that stays, or out of tries.
type DeadJob struct {
	ID            int64
	Kind, Subject string // the step, and the id of the run, post, report or delivery it was for
	Why           string
	At            time.Time
	Tries         int
	Cancelled     bool // refused for good, rather than out of tries
}

// Dead lists the dead list, newest first, at most 200.
func (p *Pipeline) Dead(ctx context.Context) ([]DeadJob, error) {
	params := river.NewJobListParams().States(rivertype.JobStateDiscarded, rivertype.JobStateCancelled).OrderBy(river.JobListOrderByID, river.SortOrderDesc).First(200)
	res, err := p.queue.client.JobList(ctx, params)
	if err != nil {
		return nil, fmt.Errorf("dead list: %w", err)
	}
	var list []DeadJob
	for _, j := range res.Jobs {
		d := DeadJob{ID: j.ID, Kind: j.Kind, Tries: j.Attempt, Cancelled: j.State == rivertype.JobStateCancelled}
		if j.FinalizedAt != nil {
			d.At = *j.FinalizedAt
		}
		if n := len(j.Errors); n > 0 {
			d.Why = j.Errors[n-1].Error
		}
		var meta struct{ Deaths int }
		if err := json.Unmarshal(j.Metadata, &meta); err == nil && meta.Deaths >= mostDeaths {
			d.Why = "the process died each time it had this in hand"
		}
		var args struct{ Run, Post, Doc, Delivery string }
		if err := json.Unmarshal(j.EncodedArgs, &args); err == nil {
			d.Subject = args.Run + args.Post + args.Doc + args.Delivery // one of them
		}
		list = append(list, d)
	}
	return list, nil
}

// RunAgain puts a dead job back into the queue.
func (p *Pipeline) RunAgain(ctx context.Context, id int64) error {
	j, err := p.queue.client.JobGet(ctx, id)
	if errors.Is(err, rivertype.ErrNotFound) {
		return fmt.Errorf("run again: %w", record.ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("run again: %w", err)
	}
	if j.State != rivertype.JobStateDiscarded && j.State != rivertype.JobStateCancelled {
		return fmt.Errorf("run again: %w", record.ErrStale)
	}
	if _, err := p.queue.client.JobRetry(ctx, id); err != nil {
		return fmt.Errorf("run again: %w", err)
	}
	return nil
}

// Waiting counts the jobs that are queued, due later or in hand, by kind.
func (p *Pipeline) Waiting(ctx context.Context) (map[string]int64, error) {
	rows, err := p.Records.DB().QueryContext(ctx, `SELECT kind, COUNT(*) FROM river_job WHERE state IN ('available','pending','running','retryable','scheduled') GROUP BY kind`)
	if err != nil {
		return nil, fmt.Errorf("count jobs: %w", err)
	}
	defer rows.Close()
	counts := map[string]int64{}
	for rows.Next() {
		var kind string
		var n int64
		if err := rows.Scan(&kind, &n); err != nil {
			return nil, fmt.Errorf("count jobs: %w", err)
		}
		counts[kind] = n
	}
	return counts, rows.Err()
}

// Busy reports whether photos are being fetched or compared, or will be within the minute. What waits longer, for a host that
// asked for it or after several failures, is not counted.
func (p *Pipeline) Busy(ctx context.Context) (bool, error) {
	params := river.NewJobListParams().Kinds("gather", "relate").First(1000).
		States(rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateRetryable, rivertype.JobStateScheduled)
	res, err := p.queue.client.JobList(ctx, params)
	if err != nil {
		return false, fmt.Errorf("list jobs: %w", err)
	}
	soon := time.Now().Add(time.Minute) // the queue keeps its own time
	return slices.ContainsFunc(res.Jobs, func(j *rivertype.JobRow) bool { return j.ScheduledAt.Before(soon) }), nil
}

// alive lists the subjects of all jobs of a kind that are not completed: waiting, in hand or on the dead list. The operator
// reads both forms in which the queue keeps arguments on SQLite: text at first, binary after a job was touched.
func (p *Pipeline) alive(ctx context.Context, kind, field string) (map[string]bool, error) {
	rows, err := p.Records.DB().QueryContext(ctx, `SELECT args->>'`+field+`' FROM river_job WHERE kind=$1 AND state<>'completed'`, kind)
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	defer rows.Close()
	out := map[string]bool{}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("list jobs: %w", err)
		}
		out[id] = true
	}
	return out, rows.Err()
}

// queued reports whether a job of a kind waits or is in hand.
func (p *Pipeline) queued(ctx context.Context, tx *sql.Tx, kind string) (bool, error) {
	var n int64
	err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM river_job WHERE kind=$1 AND state NOT IN ('completed','discarded','cancelled')`, kind).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look for jobs: %w", err)
	}
	return n > 0, nil
}

// forgetJobs deletes the jobs of what was erased, from the dead list too. One that is in hand finds nothing to do, completes
// and goes within the hour.
func (p *Pipeline) forgetJobs(ctx context.Context) error {
	return p.Records.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM river_job WHERE state<>'running' AND (
			kind='gather' AND NOT EXISTS (SELECT 1 FROM posts WHERE posts.id=river_job.args->>'Post')
			OR kind='relate' AND NOT EXISTS (SELECT 1 FROM posts WHERE posts.id=river_job.args->>'Doc') AND NOT EXISTS (SELECT 1 FROM reports WHERE reports.id=river_job.args->>'Doc')
			OR kind='notify' AND NOT EXISTS (SELECT 1 FROM deliveries WHERE deliveries.id=river_job.args->>'Delivery'))`)
		if err != nil {
			return fmt.Errorf("forget jobs: %w", err)
		}
		return nil
	})
}

// atLeast drops what the queue says below a level: it logs every start and election at info.
type atLeast struct {
	slog.Handler
	level slog.Level
}

func (h atLeast) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= h.level && h.Handler.Enabled(ctx, l)
}
func (h atLeast) WithAttrs(a []slog.Attr) slog.Handler {
	return atLeast{h.Handler.WithAttrs(a), h.level}
}
func (h atLeast) WithGroup(n string) slog.Handler { return atLeast{h.Handler.WithGroup(n), h.level} }
