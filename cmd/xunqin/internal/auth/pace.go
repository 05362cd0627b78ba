package auth

import (
	"sync"
	"time"
)

// Pace lets each of many callers ask so often: Burst times at once, then once in every Every.
type Pace struct {
	Every time.Duration
	Burst int
	Now   func() time.Time

	mu   sync.Mutex
	free map[string]time.Time // when the burst of a caller is whole again
}

// mostPaced is how many callers are remembered before those whose burst is whole are forgotten.
const mostPaced = 4096

// Take counts a request of a caller; ready is when the next one counts, if this one came too early.
func (p *Pace) Take(caller string) (ready time.Time, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.Now()
	if p.free == nil || len(p.free) > mostPaced {
		kept := map[string]time.Time{}
		for c, t := range p.free {
			if t.After(now) {
				kept[c] = t
			}
		}
		p.free = kept
	}
	whole := p.free[caller]
	if whole.Before(now) {
		whole = now
	}
	whole = whole.Add(p.Every)
	if early := whole.Add(-time.Duration(p.Burst) * p.Every); early.After(now) {
		return early, false
	}
	p.free[caller] = whole
	return now, true
}
