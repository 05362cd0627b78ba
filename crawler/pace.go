package crawler

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

const (
	// DefaultEvery is the pause between two requests to a host when its
	// source asks for nothing else.
	DefaultEvery = time.Second
	// MaxPaceWait is how long Acquire may wait, beside the pause itself, for
	// a host that asked to be left alone; when it is further away, Acquire
	// returns a refusal instead of holding a worker.
	MaxPaceWait = 30 * time.Second
	// LeaseLife is how long a lease lasts when nobody releases it: longer
	// than any answer may take.
	LeaseLife = 2 * time.Minute
)

// Pace hands out turns to ask a host. Pages, robots.txt and pictures all take
// one, so all processes that share a Pace are one polite client.
//
// Acquire waits until the host (with port, as in url.URL.Host, lower case) has
// fewer than rate.Parallel requests in flight and rate.Every has passed: since
// the last answer ended when Parallel is 1, since the last request began
// otherwise. It returns the context's error when that ends first, and a
// *Refusal named RefusedRate with RetryAfter when an earlier release asked for
// a pause that ends later than MaxPaceWait plus rate.Every from now.
//
// release must be called once, when the answer is read; further calls do
// nothing. notBefore is when the host may be asked next at the earliest; the
// zero time leaves it to the rate. A later notBefore replaces an earlier one,
// never the reverse.
type Pace interface {
	Acquire(ctx context.Context, host string, rate Rate) (release func(notBefore time.Time), err error)
}

// Check reports whether the rate may be used with host, which may carry a port:
// NoPause is for loopback addresses inside allow alone.
func (r Rate) Check(host string, allow []netip.Prefix) error {
	if r.Every >= 0 {
		return nil
	}
	if addr, ok := loopback(host); ok {
		for _, p := range allow {
			if p.Contains(addr) {
				return nil
			}
		}
	}
	return fmt.Errorf("no pause between requests is only for loopback addresses that are allowed, not for %s", host)
}

// Pause gives Every with the default filled in: 0 for NoPause.
func (r Rate) Pause() time.Duration {
	switch {
	case r.Every < 0:
		return 0
	case r.Every == 0:
		return DefaultEvery
	}
	return r.Every
}

// Width gives Parallel with the default filled in.
func (r Rate) Width() int { return max(r.Parallel, 1) }

// MemoryPace is the Pace of one process.
type MemoryPace struct {
	now func() time.Time

	mu    sync.Mutex
	hosts map[string]*turn
}

type turn struct {
	flying int
	next   time.Time     // by the rate
	not    time.Time     // by the host's wish
	freed  chan struct{} // closed and replaced when a turn ends
}

// NewMemoryPace returns a Pace without any host in it. now is the clock; nil is
// time.Now.
func NewMemoryPace(now func() time.Time) *MemoryPace {
	if now == nil {
		now = time.Now
	}
	return &MemoryPace{now: now, hosts: map[string]*turn{}}
}

// Acquire implements Pace.
func (p *MemoryPace) Acquire(ctx context.Context, host string, rate Rate) (func(time.Time), error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		wait, freed, err := p.try(host, rate)
		if err != nil {
			return nil, err
		}
		if wait == 0 && freed == nil {
			return p.releaser(host, rate), nil
		}
		if wait == 0 {
			wait = LeaseLife // only freed can help
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-freed:
		}
		timer.Stop()
	}
}

// try takes a turn, or says how long to wait or on what.
func (p *MemoryPace) try(host string, rate Rate) (wait time.Duration, freed <-chan struct{}, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	t := p.hosts[host]
	if t == nil {
		p.forget(now)
		t = &turn{freed: make(chan struct{})}
		p.hosts[host] = t
	}
	if d := t.not.Sub(now); d > MaxPaceWait+rate.Pause() {
		return 0, nil, &Refusal{Name: RefusedRate, RetryAfter: t.not, Detail: "the host asked for a pause"}
	}
	if t.flying >= rate.Width() {
		return 0, t.freed, nil
	}
	next := t.not
	if rate.Pause() > 0 && t.next.After(next) {
		next = t.next
	}
	if d := next.Sub(now); d > 0 {
		return d, t.freed, nil
	}
	t.flying++
	t.next = now.Add(rate.Pause())
	return 0, nil, nil
}

func (p *MemoryPace) releaser(host string, rate Rate) func(time.Time) {
	var once sync.Once
	return func(notBefore time.Time) {
		once.Do(func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			t := p.hosts[host]
			t.flying--
			if rate.Width() == 1 {
				if next := p.now().Add(rate.Pause()); next.After(t.next) {
					t.next = next
				}
			}
			if notBefore.After(t.not) {
				t.not = notBefore
			}
			close(t.freed)
			t.freed = make(chan struct{})
		})
	}
}

// forget drops hosts that nobody waits for, so that a crawl over many picture
// hosts does not grow the map for ever.
func (p *MemoryPace) forget(now time.Time) {
	if len(p.hosts) < 4096 {
		return
	}
	for host, t := range p.hosts {
		if t.flying == 0 && t.next.Before(now) && t.not.Before(now) {
			delete(p.hosts, host)
		}
	}
}
