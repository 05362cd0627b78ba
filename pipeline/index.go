package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"xunqin/pipeline/photo"
	"xunqin/search"
)

// The index is a projection: whatever is wrong with it, nothing is lost and words are still looked for, see SearchWords. That
// rests on two rules. All that the pipeline asks of the index it asks through watched, which makes any failure
// search.ErrUnavailable, so that jobs wait for the index and none is given up for it; and after a failure the index is left alone
// for a moment, so that those who ask next do not wait for an answer that will not come.

// What is asked of an index, and how long is waited for the answer.
const (
	askInfo    = "info"
	askFind    = "find"
	askFacets  = "facets"
	askSimilar = "similar"
	askVotes   = "votes"
	askApply   = "apply"
)

var indexPatience = map[string]time.Duration{askInfo: 5 * time.Second, askFind: 5 * time.Second, askFacets: 5 * time.Second,
	askSimilar: 30 * time.Second, askVotes: 30 * time.Second, askApply: time.Minute}

const (
	indexRest   = 3 * time.Second // after a failure
	indexForget = 5 * time.Minute // after which a failure says nothing any more
)

// indexHealth is what this process has seen of the index.
type indexHealth struct {
	mu      sync.Mutex
	failing map[string]failing
}

// failing is what the index fails to do: since when, when it was last seen to, and when it was last asked for.
type failing struct{ since, last, asked time.Time }

func (h *indexHealth) began(what string, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	f, ok := h.failing[what]
	if !ok {
		return true
	}
	if wait := now.Sub(f.asked); wait >= 0 && wait < indexRest {
		return false
	}
	f.asked = now // one tries; the others wait for what comes of it
	h.failing[what] = f
	return true
}

// ended notes how it went, and reports whether that is news.
func (h *indexHealth) ended(what string, ok bool, now time.Time) (news bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f, had := h.failing[what]
	if ok {
		delete(h.failing, what)
		return had
	}
	if had && now.Sub(f.last) > indexForget {
		had = false
	}
	if !had {
		f.since = now
	}
	f.last, f.asked = now, now
	if h.failing == nil {
		h.failing = map[string]failing{}
	}
	h.failing[what] = f
	return !had
}

// since is from when on the index has failed to do one of some things; zero when it does them.
func (h *indexHealth) since(now time.Time, what ...string) (t time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range what {
		if f, ok := h.failing[w]; ok && now.Sub(f.last) <= indexForget && (t.IsZero() || f.since.Before(t)) {
			t = f.since
		}
	}
	return t
}

// watched is the index as the pipeline asks it.
type watched struct {
	p    *Pipeline
	most time.Duration // its patience, where that is less than the common one; 0: it is not
}

var _ search.Index = watched{}

// index is what all that needs the index asks.
func (p *Pipeline) index() search.Index { return watched{p: p} }

var errResting = fmt.Errorf("%w, as it did not a moment ago", search.ErrUnavailable)

// ask asks the index for something, within its patience. Whatever goes wrong is search.ErrUnavailable, but for what is the
// caller's own: a change that comes too late, and its giving up.
func (w watched) ask(ctx context.Context, what string, fn func(context.Context, search.Index) error) error {
	h := &w.p.health
	if !h.began(what, w.p.Now()) {
		return errResting
	}
	patience := indexPatience[what]
	if w.most > 0 {
		patience = min(patience, w.most)
	}
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := fn(within, w.p.Index)
	if err == nil || errors.Is(err, search.ErrBehind) {
		if h.ended(what, true, w.p.Now()) {
			w.p.Log.Info("the index answers again", "what", what)
		}
		return err
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return err
	}
	if ctx.Err() == nil && !w.answersPlainly(ctx, what) && h.ended(what, false, w.p.Now()) {
		w.p.Log.Warn("the index does not answer", "what", what, "err", err)
	}
	if errors.Is(err, search.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", search.ErrUnavailable, err)
}

// answersPlainly reports whether an index that failed to answer a query answers the plainest: then it was the query, and others
// are not kept from theirs.
func (w watched) answersPlainly(ctx context.Context, what string) bool {
	if what != askFind && what != askFacets {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, err := w.p.Index.Find(ctx, search.And{}, search.Page{Limit: 1})
	return err == nil
}

func (w watched) Apply(ctx context.Context, seq int64, put []search.Doc, del []string) error {
	return w.ask(ctx, askApply, func(ctx context.Context, x search.Index) error { return x.Apply(ctx, seq, put, del) })
}

func (w watched) Put(ctx context.Context, docs ...search.Doc) error {
	return w.Apply(ctx, 0, docs, nil)
}

func (w watched) Delete(ctx context.Context, ids ...string) error { return w.Apply(ctx, 0, nil, ids) }

func (w watched) Find(ctx context.Context, q search.Query, page search.Page) (r search.Result, err error) {
	err = w.ask(ctx, askFind, func(ctx context.Context, x search.Index) error {
		r, err = x.Find(ctx, q, page)
		return err
	})
	return r, err
}

func (w watched) Facets(ctx context.Context, q search.Query, f search.Facet) (r search.Facets, err error) {
	err = w.ask(ctx, askFacets, func(ctx context.Context, x search.Index) error {
		r, err = x.Facets(ctx, q, f)
		return err
	})
	return r, err
}

func (w watched) Similar(ctx context.Context, f search.Fingerprint, radius int, kinds ...string) (r []search.Hit, err error) {
	err = w.ask(ctx, askSimilar, func(ctx context.Context, x search.Index) error {
		r, err = x.Similar(ctx, f, radius, kinds...)
		return err
	})
	return r, err
}

func (w watched) Votes(ctx context.Context, f search.Features, most int, kinds ...string) (r []search.Candidate, err error) {
	err = w.ask(ctx, askVotes, func(ctx context.Context, x search.Index) error {
		r, err = x.Votes(ctx, f, most, kinds...)
		return err
	})
	return r, err
}

func (w watched) Info(ctx context.Context) (i search.Info, err error) {
	err = w.ask(ctx, askInfo, func(ctx context.Context, x search.Index) error {
		i, err = x.Info(ctx)
		return err
	})
	return i, err
}

func (w watched) Close() error { return w.p.Index.Close() }

// IndexState is how the index is doing, as far as this process has seen.
type IndexState struct {
	Down      time.Time // since when it does not answer words; zero: it does
	DownPhoto time.Time // since when it does not answer photos
	Stuck     time.Time // since when it takes in no changes
	Behind    int64     // changes it has not taken in; -1: nobody knows, since it does not answer
	UpTo      time.Time // what was seen until then is in it
	Waiting   int64     // posts and reports that wait to be compared
}

// Well reports that nothing is wrong.
func (s IndexState) Well() bool {
	return s.Down.IsZero() && s.DownPhoto.IsZero() && s.Stuck.IsZero() && s.Behind == 0
}

// probePatience is how long IndexState waits for an index.
const probePatience = 3 * time.Second

// IndexState asks the index how it is, for three seconds at most. An error is the record's alone.
func (p *Pipeline) IndexState(ctx context.Context) (IndexState, error) {
	x := watched{p, probePatience}
	var g errgroup.Group
	// What fails is noted where it is asked.
	g.Go(func() error {
		_, _ = x.Find(ctx, search.And{}, search.Page{Limit: 1})
		return nil
	})
	g.Go(func() error {
		_, _ = x.Similar(ctx, search.Fingerprint{Algo: photo.Perception, Bits: make([]byte, 8)}, 0)
		return nil
	})
	behind := int64(-1)
	g.Go(func() error {
		last, err := p.Records.LastChange(ctx, nil)
		if info, failed := x.Info(ctx); failed == nil {
			behind = max(0, last-info.Seq)
		}
		return err
	})
	if err := g.Wait(); err != nil {
		return IndexState{}, err
	}
	return p.indexState(ctx, behind)
}

// indexState is what is known without asking.
func (p *Pipeline) indexState(ctx context.Context, behind int64) (s IndexState, err error) {
	now := p.Now()
	s = IndexState{Down: p.health.since(now, askFind), DownPhoto: p.health.since(now, askSimilar, askVotes), Stuck: p.health.since(now, askApply), Behind: behind, UpTo: now}
	var first time.Time
	if s.Waiting, first, err = p.Records.Unrelated(ctx); err != nil {
		return s, err
	}
	if !first.IsZero() && behind != 0 {
		s.UpTo = first
	}
	return s, nil
}

// turns lets so many in at once.
type turns struct {
	once sync.Once
	c    chan struct{}
}

// take waits for a turn, which ends with done.
func (t *turns) take(ctx context.Context, most int) (done func(), err error) {
	t.once.Do(func() { t.c = make(chan struct{}, most) })
	select {
	case t.c <- struct{}{}:
		return func() { <-t.c }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
