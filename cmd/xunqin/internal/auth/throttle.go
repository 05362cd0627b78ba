package auth

import (
	"context"
	"database/sql"
	"errors"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"
)

// CleanName is the form of a name that is stored and compared: full-width letters as plain ones, without space around it.
func CleanName(name string) string { return strings.TrimSpace(norm.NFKC.String(name)) }

// nameMark is what tries on a name are counted under, whether anybody has it or not.
func (g *Gate) nameMark(name string) string {
	return g.opts.Mark("attempt-name", strings.ToLower(CleanName(name)))
}

// addrMark is what tries from an address are counted under. Of IPv6 the first 64 bits count: whoever has one such
// address has them all.
func (g *Gate) addrMark(addr string) string {
	if a, err := netip.ParseAddr(addr); err == nil {
		a = a.Unmap().WithZone("")
		bits := a.BitLen()
		if a.Is6() {
			bits = 64
		}
		if p, err := a.Prefix(bits); err == nil {
			addr = p.String()
		}
	}
	return g.opts.Mark("attempt-address", addr)
}

// throttled runs a check unless one of the marks was tried too often, and notes it under all of them when it is wrong.
// A hundred tries sent at once count as they begin, not as they end.
func (g *Gate) throttled(ctx context.Context, marks []string, check func() error) error {
	ahead := make([]int, len(marks))
	g.mu.Lock()
	for i, m := range marks {
		ahead[i] = g.going[m]
		g.going[m]++
	}
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		for _, m := range marks {
			if g.going[m]--; g.going[m] == 0 {
				delete(g.going, m)
			}
		}
	}()
	for i, m := range marks {
		if err := g.mayTry(ctx, m, ahead[i]); err != nil {
			return err
		}
	}
	err := check()
	if !errors.Is(err, ErrRefused) {
		return err
	}
	noted := g.opts.Records.Tx(ctx, func(tx *sql.Tx) error {
		for _, m := range marks {
			if err := g.opts.Records.Attempt(ctx, tx, m); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, noted)
}

// mayTry allows a number of wrong tries freely, then each after a wait that doubles from 15 seconds, and at most the
// policy's number in its window.
func (g *Gate) mayTry(ctx context.Context, mark string, ahead int) error {
	limits, now := g.opts.Policy.Limits, g.opts.Now()
	window := limits.SignInWindow.D()
	tried, err := g.opts.Records.Attempts(ctx, nil, mark, now.Add(-window))
	if err != nil {
		return err
	}
	var until time.Time
	switch n := len(tried) + ahead; {
	case n < limits.SignInWait:
		return nil
	case len(tried) == 0:
		until = now.Add(15 * time.Second) // only what is under way
	case n >= limits.SignIns:
		until = tried[min(len(tried), limits.SignIns)-1].Add(window)
	default:
		until = tried[0].Add(15 * time.Second << min(n-limits.SignInWait, 10))
	}
	if until.After(now) {
		return &WaitError{Until: until}
	}
	return nil
}
