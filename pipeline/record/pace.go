package record

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"xunqin/crawler"
)

// Pace is the lease on a host, shared by every process that uses this record: pages, robots.txt and pictures all take it.
// It implements crawler.Pace.
type Pace struct {
	Store *Store
	Log   *slog.Logger // may be nil

	once sync.Once
	free *crawler.MemoryPace // of hosts without a pause
}

// askAgain is how long to wait where all turns of a host are taken.
const askAgain = 20 * time.Millisecond

// Acquire implements crawler.Pace. Without a pause, which only hosts of this machine itself can have, turns are counted in this
// process and cost no write.
func (p *Pace) Acquire(ctx context.Context, host string, rate crawler.Rate) (func(time.Time), error) {
	if rate.Pause() == 0 {
		p.once.Do(func() { p.free = crawler.NewMemoryPace(p.Store.Now) })
		return p.free.Acquire(ctx, host, rate)
	}
	holder := NewID()
	for {
		slot, wait, err := p.try(ctx, host, holder, rate)
		if err != nil {
			return nil, fmt.Errorf("take turn at %s: %w", host, err)
		}
		if wait == 0 {
			var once sync.Once
			return func(notBefore time.Time) {
				once.Do(func() { p.release(context.WithoutCancel(ctx), host, slot, holder, rate, notBefore) })
			}, nil
		}
		t := time.NewTimer(min(wait, time.Second))
		select {
		case <-ctx.Done():
			t.Stop()
			return nil, ctx.Err()
		case <-t.C:
		}
	}
}

// try takes a slot or says how long to wait. Reading first keeps those that wait from holding up the writer.
func (p *Pace) try(ctx context.Context, host, holder string, rate crawler.Rate) (slot int, wait time.Duration, err error) {
	s := p.Store
	h, err := s.paceHost(ctx, nil, host)
	if err != nil {
		return 0, 0, err
	}
	if wait, err = h.wait(s.Now(), rate); wait > 0 || err != nil {
		return 0, wait, err
	}
	var held int
	if err := s.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM pace WHERE host=$1 AND slot<$2 AND held_until > $3`, host, rate.Width(), s.now()).Scan(&held); err != nil {
		return 0, 0, err
	}
	if held >= rate.Width() {
		return 0, askAgain, nil
	}
	err = s.Tx(ctx, func(tx *sql.Tx) error {
		now := s.Now()
		// The upsert takes the host's row, so that on PostgreSQL too one process at a time decides.
		if _, err := exec(ctx, "pace", tx, `INSERT INTO pace_hosts (host) VALUES ($1) ON CONFLICT (host) DO UPDATE SET next_at=pace_hosts.next_at`, host); err != nil {
			return err
		}
		h, err := s.paceHost(ctx, tx, host)
		if err != nil {
			return err
		}
		if wait, err = h.wait(now, rate); wait > 0 || err != nil {
			return err
		}
		wait = askAgain
		for i := range rate.Width() {
			n, err := exec(ctx, "pace", tx, `INSERT INTO pace (host, slot, holder, held_until) VALUES ($1,$2,$3,$4)
				ON CONFLICT (host, slot) DO UPDATE SET holder=excluded.holder, held_until=excluded.held_until WHERE pace.held_until <= $5`, host, i, holder, ms(now.Add(crawler.LeaseLife)), ms(now))
			if err != nil {
				return err
			}
			if n == 1 {
				slot, wait = i, 0
				_, err := exec(ctx, "pace", tx, `UPDATE pace_hosts SET next_at=$1 WHERE host=$2`, ms(now.Add(rate.Pause())), host)
				return err
			}
		}
		return nil
	})
	return slot, wait, err
}

// paceHost is when a host may be asked next: by the rate, and by its own wish.
type paceHost struct{ next, not time.Time }

// wait says how long to wait for the host; a pause that it asked for and that ends too late is a refusal.
func (h paceHost) wait(now time.Time, rate crawler.Rate) (time.Duration, error) {
	if h.not.Sub(now) > crawler.MaxPaceWait+rate.Pause() {
		return 0, &crawler.Refusal{Name: crawler.RefusedRate, RetryAfter: h.not, Detail: "the host asked for a pause"}
	}
	until := h.not
	if rate.Pause() > 0 && h.next.After(until) {
		until = h.next
	}
	return max(0, until.Sub(now)), nil
}

func (s *Store) paceHost(ctx context.Context, tx *sql.Tx, host string) (paceHost, error) {
	var h paceHost
	err := s.from(tx).QueryRowContext(ctx, `SELECT next_at, not_before FROM pace_hosts WHERE host=$1`, host).Scan(when{&h.next}, when{&h.not})
	if errors.Is(err, sql.ErrNoRows) {
		return h, nil
	}
	return h, err
}

// release frees the slot. An error is left to the end of the lease.
func (p *Pace) release(ctx context.Context, host string, slot int, holder string, rate crawler.Rate, notBefore time.Time) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err := p.Store.Tx(ctx, func(tx *sql.Tx) error {
		if _, err := exec(ctx, "pace", tx, `UPDATE pace SET held_until=0 WHERE host=$1 AND slot=$2 AND holder=$3`, host, slot, holder); err != nil {
			return err
		}
		if rate.Width() == 1 && rate.Pause() > 0 {
			if _, err := exec(ctx, "pace", tx, `UPDATE pace_hosts SET next_at=$1 WHERE host=$2 AND next_at < $1`, ms(p.Store.Now().Add(rate.Pause())), host); err != nil {
				return err
			}
		}
		if notBefore.IsZero() {
			return nil
		}
		_, err := exec(ctx, "pace", tx, `UPDATE pace_hosts SET not_before=$1 WHERE host=$2 AND not_before < $1`, ms(notBefore), host)
		return err
	})
	if err != nil && p.Log != nil {
		p.Log.Warn("release turn", "err", err)
	}
}

// FreePace ends all turns at hosts, for a process that is alone and has just begun: they are of one that was killed. When a host
// may be asked next stays as it is.
func (s *Store) FreePace(ctx context.Context, tx *sql.Tx) error {
	_, err := exec(ctx, "free pace", tx, `UPDATE pace SET held_until=0 WHERE held_until>0`)
	return err
}

// Robots keeps each origin's robots.txt in the record for its day. It implements crawler.RobotsCache.
type Robots struct{ Store *Store }

// Load implements crawler.RobotsCache.
func (r *Robots) Load(ctx context.Context, origin string) (crawler.RobotsEntry, bool, error) {
	var e crawler.RobotsEntry
	var raw string
	err := r.Store.read.QueryRowContext(ctx, `SELECT entry FROM robots WHERE origin=$1 AND expires_at > $2`, origin, r.Store.now()).Scan(&raw)
	if errors.Is(err, sql.ErrNoRows) {
		return e, false, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(raw), &e)
	}
	if err != nil {
		return e, false, fmt.Errorf("robots of %s: %w", origin, err)
	}
	return e, true, nil
}

// Save implements crawler.RobotsCache.
func (r *Robots) Save(ctx context.Context, origin string, e crawler.RobotsEntry) error {
	raw, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("robots of %s: %w", origin, err)
	}
	return r.Store.Tx(ctx, func(tx *sql.Tx) error {
		_, err := exec(ctx, "robots of "+origin, tx, `INSERT INTO robots (origin, entry, expires_at) VALUES ($1,$2,$3)
			ON CONFLICT (origin) DO UPDATE SET entry=excluded.entry, expires_at=excluded.expires_at`, origin, string(raw), ms(e.Expires))
		return err
	})
}

// Worker is a running process that works on jobs.
type Worker struct {
	ID                string
	StartedAt, BeatAt time.Time
}

// Beat says that a process is alive.
func (s *Store) Beat(ctx context.Context, tx *sql.Tx, id string) error {
	now := s.now()
	_, err := exec(ctx, "beat", tx, `INSERT INTO workers (id, started_at, beat_at) VALUES ($1,$2,$2) ON CONFLICT (id) DO UPDATE SET beat_at=excluded.beat_at`, id, now)
	return err
}

// Workers lists the processes that have said they are alive and have not said goodbye.
func (s *Store) Workers(ctx context.Context, tx *sql.Tx) ([]Worker, error) {
	return all(ctx, "workers", s.from(tx), func(r scanner, w *Worker) error { return r.Scan(&w.ID, when{&w.StartedAt}, when{&w.BeatAt}) }, `SELECT id, started_at, beat_at FROM workers ORDER BY started_at, id`)
}

// DropWorker forgets a process: it has ended, or its jobs were taken over.
func (s *Store) DropWorker(ctx context.Context, tx *sql.Tx, id string) error {
	_, err := exec(ctx, "drop worker", tx, `DELETE FROM workers WHERE id=$1`, id)
	return err
}
