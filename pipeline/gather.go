package pipeline

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"strings"
	"sync"
	"time"

	"xunqin/crawler"
	"xunqin/pipeline/photo"
	"xunqin/pipeline/record"
)

// Gather fetches the photos of a post that are still wanted, makes what is kept of each, and passes the post on. What
// cannot come right is refused with a word; what may is tried again later, and what was kept meanwhile is compared at once.
func (p *Pipeline) Gather(ctx context.Context, job gatherJob, try int, done done) error {
	post, err := p.Records.Post(ctx, nil, job.Post)
	if record.IsNotFound(err) {
		return p.Records.Tx(ctx, done) // erased meanwhile
	}
	if err != nil {
		return err
	}
	src, err := p.Records.Source(ctx, nil, post.SourceID)
	if err != nil {
		return err
	}
	photos, err := p.Records.PhotosOf(ctx, nil, post.ID)
	if err != nil {
		return err
	}
	if pause := src.Rate.Pause(); pause > 0 {
		host := firstHost(photos)
		leave, ok := p.hosts.enter(host, 2+src.Rate.Width())
		if !ok {
			return later{p.hosts.wait(host, pause)}
		}
		defer leave()
	}
	// What became of a photo is recorded when the next one is done, so that little is fetched twice after a kill; of the last
	// one it is recorded together with the post's own step, and most posts have one.
	var again error
	var last *outcome
	kept := false
	for _, ph := range photos {
		if ph.State != record.PhotoWanted {
			continue
		}
		if err := last.record(ctx, p); err != nil {
			return err
		}
		last = nil
		o, err := p.gatherPhoto(ctx, src, ph, try)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			kept, last = true, o
		default:
			again = err
		}
	}
	if again == nil {
		err := p.pass(ctx, post.ID, record.StepGathered, func(tx *sql.Tx) error {
			if err := last.in(tx); err != nil {
				return err
			}
			return done(tx)
		})
		last.settle(err)
		return err
	}
	if err := last.record(ctx, p); err != nil {
		return err
	}
	if kept {
		if err := p.pass(ctx, post.ID, "", func(*sql.Tx) error { return nil }); err != nil {
			return err
		}
	}
	var r *crawler.Refusal
	if errors.As(again, &r) && r.RetryAfter.After(p.Now()) {
		return later{r.RetryAfter.Sub(p.Now())}
	}
	return again
}

// outcome is what became of a photo: a change to be recorded, and what has to go when it is not. A nil one is none.
type outcome struct {
	change func(tx *sql.Tx) error // record.ErrStale: the photo is not wanted any more
	undo   func()
	stale  bool
}

// in makes the change within a transaction, which may run more than once.
func (o *outcome) in(tx *sql.Tx) error {
	if o == nil {
		return nil
	}
	err := o.change(tx)
	o.stale = errors.Is(err, record.ErrStale)
	return ignore(err, record.ErrStale)
}

// settle follows the transaction's end. After an error nobody knows whether it was committed: what it named is left to Sweep.
func (o *outcome) settle(err error) {
	if o != nil && o.undo != nil && err == nil && o.stale {
		o.undo()
	}
}

// record makes the change in a transaction of its own.
func (o *outcome) record(ctx context.Context, p *Pipeline) error {
	if o == nil {
		return nil
	}
	err := p.Records.Tx(ctx, o.in)
	o.settle(err)
	return err
}

// pass hands a post on to Relate.
func (p *Pipeline) pass(ctx context.Context, post, step string, done done) error {
	return p.Records.Tx(ctx, func(tx *sql.Tx) error {
		if step != "" {
			if err := p.Records.MovePost(ctx, tx, post, record.StepAccepted, step); err != nil {
				return err
			}
		}
		if err := p.enqueue(ctx, tx, relateJob{Doc: post, Of: "post"}); err != nil {
			return err
		}
		if err := done(tx); err != nil {
			return err
		}
		return p.Records.Changed(ctx, tx, post, "post")
	})
}

// gatherPhoto fetches one photo and makes what is kept of it, or says why it is refused. An error means that it may come right
// later.
func (p *Pipeline) gatherPhoto(ctx context.Context, src record.Source, ph record.Photo, try int) (*outcome, error) {
	refuse := func(why string) (*outcome, error) {
		return &outcome{change: func(tx *sql.Tx) error { return p.Records.RefusePhoto(ctx, tx, ph.ID, why) }}, nil
	}
	buried, err := p.Records.Buried(ctx, nil, record.TombURL, p.mark(record.TombURL, ph.URL))
	if err != nil {
		return nil, err
	}
	if buried {
		return refuse("erased")
	}
	got, err := p.fetchPhoto(ctx, src, ph)
	var r *crawler.Refusal
	switch {
	case errors.As(err, &r) && !r.Temporary():
		return refuse(r.Name)
	case errors.Is(err, crawler.ErrNoContact):
		return refuse("no-contact")
	case err != nil:
		return nil, err
	}
	ready, err := p.prepare(ctx, got)
	var bad *photo.Refused
	if errors.As(err, &bad) {
		broken := bad.Reason == photo.Truncated || bad.Reason == photo.Corrupt || bad.Reason == photo.TimedOut
		if broken && try == 1 {
			return nil, err // perhaps the transfer's fault: once more
		}
		return refuse(bad.Reason)
	}
	if err != nil {
		return nil, err
	}
	buried, err = p.Records.Buried(ctx, nil, record.TombBytes, p.mark(record.TombBytes, string(ready.SHA256[:])))
	if err != nil {
		return nil, err
	}
	if buried {
		return refuse("erased")
	}
	ties, looked := p.lookFor(ctx, ph.ID, ready)
	ph.Looked, ph.Generation = looked, 1 // the thorough look is Compare's
	if err := p.store(ctx, ready, &ph); err != nil {
		return nil, err
	}
	return &outcome{change: func(tx *sql.Tx) error {
		if err := p.Records.KeepPhoto(ctx, tx, ph); err != nil {
			return err
		}
		if err := p.addTies(ctx, tx, ties); err != nil {
			return err
		}
		return p.queueBehind(ctx, tx)
	}, undo: func() { p.discard(ctx, ph) }}, nil
}

// fetchPhoto tries a photo's addresses in turn and gives the first answer; the error is that of the address that may
// still come right, else the last one's.
func (p *Pipeline) fetchPhoto(ctx context.Context, src record.Source, ph record.Photo) ([]byte, error) {
	var failed error
	for _, address := range append([]string{ph.URL}, ph.Fallback...) {
		pic, err := p.Door.Picture(ctx, src.Crawl(), address)
		if err == nil {
			return pic.Bytes, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var was *crawler.Refusal
		if failed == nil || errors.As(failed, &was) && !was.Temporary() {
			failed = err
		}
	}
	return nil, failed
}

func firstHost(photos []record.Photo) string {
	for _, ph := range photos {
		if ph.State == record.PhotoWanted {
			if u, err := url.Parse(ph.URL); err == nil {
				return strings.ToLower(u.Host)
			}
		}
	}
	return ""
}

// hostTurns bounds how many workers of this process wait for one host, so that a slow one does not hold them all. Those
// that find no place come back later, the more of them the later.
type hostTurns struct {
	mu    sync.Mutex
	hosts map[string]*hostLoad
}

type hostLoad struct {
	inside, sentAway int
}

func (h *hostTurns) enter(host string, most int) (leave func(), ok bool) {
	if host == "" {
		return func() {}, true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.hosts == nil {
		h.hosts = map[string]*hostLoad{}
	}
	l := h.hosts[host]
	if l == nil {
		l = &hostLoad{}
		h.hosts[host] = l
	}
	if l.inside >= most {
		l.sentAway++
		return nil, false
	}
	l.inside++
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		l.inside--
		l.sentAway = max(0, l.sentAway-1)
		if l.inside == 0 && l.sentAway == 0 {
			delete(h.hosts, host)
		}
	}, true
}

// wait is how long to stay away from a host: about the time that those sent away before will take.
func (h *hostTurns) wait(host string, pause time.Duration) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 1
	if l := h.hosts[host]; l != nil {
		n = l.sentAway
	}
	return min(time.Duration(n)*pause, 30*time.Second)
}
