package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"xunqin/search"
)

// ErrReindexing is returned while this process builds or exchanges an index for somebody else.
var ErrReindexing = errors.New("an index is being built already")

// ErrNoOld is returned where no index is kept that could be gone back to.
var ErrNoOld = errors.New("no index is kept from before")

// The phases of Reindex, in their order.
const (
	PhaseBuild  = "build"  // the record's changes are walked from where an earlier walk ended
	PhasePurge  = "purge"  // what was erased meanwhile goes from the disk
	PhaseCheck  = "check"  // the index is held against the record
	PhaseSwitch = "switch" // it follows what came last, and answers
)

// Progress is how far Reindex has come.
type Progress struct {
	Engine    string
	Phase     string
	Resumed   bool
	Began     time.Time // this run
	Done      int64     // changes, with those of earlier runs
	Total     int64     // changes
	PerSecond float64   // in this run
	Left      time.Duration
}

// A Rebuilt is an index that Reindex made.
type Rebuilt struct {
	Engine  string
	Info    search.Info
	Resumed bool // a walk that an earlier process began was ended
	Checked int  // documents held against the record one by one
	Answers bool // rather than waiting for a process that is set to its engine
}

// rebuild is what is known of an index beside the one that answers.
type rebuild struct {
	run     sync.Mutex // one Reindex or Back at a time
	keeping sync.Mutex // held by who changes what the shelves keep, or works on what they kept
	walk    sync.Mutex // held by who changes the index that is being built, for a batch

	index   search.Index // being built, while it is open
	name    string       // of the generation
	swept   int64        // change up to which sweep has gone ahead of the walk
	sweptOf string       // in which generation

	mu       sync.Mutex
	progress *Progress
}

func (r *rebuild) report(p Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.progress = &p
}

func (r *rebuild) done() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.progress = nil
}

// Rebuilding says how far Reindex has come in this process, if it runs.
func (p *Pipeline) Rebuilding() (Progress, bool) {
	p.rebuild.mu.Lock()
	defer p.rebuild.mu.Unlock()
	if p.rebuild.progress == nil {
		return Progress{}, false
	}
	return *p.rebuild.progress, true
}

// Reindex builds an index of the record beside the one that answers, holds it against the record and lets it answer; the one
// before is kept. Everything else goes on meanwhile. A walk that was broken off, by the end of the process or of ctx or by an
// engine that went away, goes on where it was when Reindex is called again. Any other error, a full disk above all, and a
// difference to the record, which is *Unequal, end in what was built being dropped. The index that answered does so in any case.
//
// With the name of the other engine the index is built there, and stands ready for a process that is set to it. progress, if
// given, is called often.
func (p *Pipeline) Reindex(ctx context.Context, engine string, progress func(Progress)) (Rebuilt, error) {
	shelf, own, err := p.shelf(engine)
	if err != nil {
		return Rebuilt{}, err
	}
	if !p.rebuild.run.TryLock() {
		return Rebuilt{}, ErrReindexing
	}
	defer p.rebuild.run.Unlock()
	defer p.rebuild.done()
	r := &run{p: p, shelf: shelf, own: own, tell: progress, to: Progress{Engine: shelf.Engine(), Began: p.Now()}}
	out, err := r.all(ctx)
	if err != nil {
		return Rebuilt{}, fmt.Errorf("reindex: %w", errors.Join(err, r.giveUp(context.WithoutCancel(ctx), err)))
	}
	return out, nil
}

// shelf finds the shelf of an engine, and whether its index answers here.
func (p *Pipeline) shelf(engine string) (search.Shelf, bool, error) {
	for i, s := range p.Shelves {
		if s.Engine() == engine || engine == "" {
			return s, i == 0, nil
		}
	}
	return nil, false, fmt.Errorf("reindex: %w: %q", ErrNoEngine, engine)
}

// ErrNoEngine is returned where an engine is asked for that the settings say nothing of.
var ErrNoEngine = errors.New("no such engine")

// A run is one call of Reindex.
type run struct {
	p     *Pipeline
	shelf search.Shelf
	own   bool
	tell  func(Progress)
	to    Progress
	first int64 // changes that earlier runs have done
}

func (r *run) report(phase string) {
	r.to.Phase = phase
	if phase != PhaseBuild {
		r.to.Left = 0
	}
	r.p.rebuild.report(r.to)
	if r.tell != nil {
		r.tell(r.to)
	}
}

func (r *run) all(ctx context.Context) (Rebuilt, error) {
	p, x := r.p, search.Index(nil)
	g, err := r.open(ctx)
	if err != nil {
		return Rebuilt{}, err
	}
	x = p.rebuild.index
	if err := r.walk(ctx, x); err != nil {
		return Rebuilt{}, err
	}
	// What was erased meanwhile was taken out at once, unless the process ended in the middle of that.
	erased, err := p.Records.ErasedSince(ctx, nil, g.From)
	if err != nil {
		return Rebuilt{}, err
	}
	if erased {
		r.report(PhasePurge)
		if err := purge(ctx, x); err != nil {
			return Rebuilt{}, err
		}
	}
	r.report(PhaseCheck)
	out := Rebuilt{Engine: r.to.Engine, Resumed: r.to.Resumed, Answers: r.own}
	if out.Checked, err = p.check(ctx, x); err != nil {
		return Rebuilt{}, err
	}
	r.report(PhaseSwitch)
	if out.Info, err = r.exchange(ctx, x); err != nil {
		return Rebuilt{}, err
	}
	return out, nil
}

// open opens what an earlier run began, or begins.
func (r *run) open(ctx context.Context) (search.Generation, error) {
	p := r.p
	p.rebuild.keeping.Lock()
	defer p.rebuild.keeping.Unlock()
	last, err := p.Records.LastChange(ctx, nil)
	if err != nil {
		return search.Generation{}, err
	}
	g, err := r.shelf.Generations(ctx)
	if err != nil {
		return search.Generation{}, err
	}
	if g.Next.Name != "" {
		x, err := r.shelf.Open(ctx, g.Next.Name)
		switch {
		case errors.Is(err, search.ErrRebuild):
		case err != nil:
			return search.Generation{}, err
		default:
			info, err := x.Info(ctx)
			if err == nil && info.Seq <= last { // else it is of another record, of which this one is an older copy
				r.to.Resumed = true
				r.set(x, g.Next.Name)
				return g.Next, nil
			}
			if err := errors.Join(err, x.Close()); err != nil {
				return search.Generation{}, err
			}
		}
	}
	if err := r.shelf.Begin(ctx, p.Now(), last); err != nil {
		return search.Generation{}, err
	}
	if g, err = r.shelf.Generations(ctx); err != nil {
		return search.Generation{}, err
	}
	x, err := r.shelf.Open(ctx, g.Next.Name)
	if err != nil {
		return search.Generation{}, err
	}
	r.set(x, g.Next.Name)
	return g.Next, nil
}

func (r *run) set(x search.Index, name string) {
	r.p.rebuild.walk.Lock()
	defer r.p.rebuild.walk.Unlock()
	r.p.rebuild.index, r.p.rebuild.name = x, name
}

// walk applies all changes to the index that is being built.
func (r *run) walk(ctx context.Context, x search.Index) error {
	p := r.p
	info, err := x.Info(ctx)
	if err != nil {
		return err
	}
	left, err := p.Records.CountChanges(ctx, nil, info.Seq)
	if err != nil {
		return err
	}
	all, err := p.Records.CountChanges(ctx, nil, 0)
	if err != nil {
		return err
	}
	last, err := p.Records.LastChange(ctx, nil)
	if err != nil {
		return err
	}
	r.to.Done, r.to.Total = all-left, all
	r.first = r.to.Done
	r.report(PhaseBuild)
	for {
		n, err := r.step(ctx, x)
		if err != nil || n == 0 {
			return err
		}
		now, err := p.Records.LastChange(ctx, nil)
		if err != nil {
			return err
		}
		r.to.Done += int64(n)
		r.to.Total += now - last // a document that changed is walked again
		last = now
		if spent := p.Now().Sub(r.to.Began).Seconds(); spent > 0 {
			r.to.PerSecond = float64(r.to.Done-r.first) / spent
			r.to.Left = time.Duration(float64(max(0, r.to.Total-r.to.Done)) / r.to.PerSecond * float64(time.Second)).Round(time.Second)
		}
		r.report(PhaseBuild)
	}
}

// step applies one batch, and says of how many changes. Another process may erase a document between its being read and its
// being applied: what changed meanwhile is applied again.
func (r *run) step(ctx context.Context, x search.Index) (int, error) {
	p := r.p
	p.rebuild.walk.Lock()
	defer p.rebuild.walk.Unlock()
	info, err := x.Info(ctx) // sweep may have gone on with it
	if err != nil {
		return 0, err
	}
	last, err := p.Records.LastChange(ctx, nil)
	if err != nil {
		return 0, err
	}
	b, err := p.batch(ctx, nil, info.Seq, followed)
	if err != nil || b.n == 0 {
		return 0, err
	}
	if err := x.Apply(ctx, b.seq, b.put, b.del); err != nil {
		return 0, err
	}
	if !p.Alone {
		if _, err := p.ahead(ctx, x, last); err != nil {
			return 0, err
		}
	}
	return b.n, nil
}

// ahead applies the changes after seq without moving the mark, and returns up to which.
func (p *Pipeline) ahead(ctx context.Context, x search.Index, seq int64) (int64, error) {
	for {
		b, err := p.batch(ctx, nil, seq, followed)
		if err != nil || b.n == 0 {
			return seq, err
		}
		if err := x.Apply(ctx, 0, b.put, b.del); err != nil {
			return seq, err
		}
		seq = b.seq
	}
}

// exchange lets the index answer. On a record that other processes change as well, none of them does so in the moment between
// its last step and that: of two documents that are compared at once one must see the other.
func (r *run) exchange(ctx context.Context, x search.Index) (info search.Info, err error) {
	p := r.p
	p.rebuild.keeping.Lock()
	defer p.rebuild.keeping.Unlock()
	if r.own {
		if err := p.answerFrom(ctx, x, r.shelf.Promote); err != nil {
			return info, err
		}
		r.set(nil, "")
		return p.Index.Info(ctx)
	}
	p.rebuild.walk.Lock()
	defer p.rebuild.walk.Unlock()
	if err := p.followFrom(ctx, x, -1); err != nil {
		return info, err
	}
	if x, err = r.shelf.Promote(ctx, x); err != nil {
		return info, err
	}
	p.rebuild.index, p.rebuild.name = nil, ""
	info, err = x.Info(ctx)
	if err := errors.Join(err, x.Close()); err != nil {
		return info, err
	}
	g, err := r.shelf.Generations(ctx)
	if err != nil || g.Old.Name == "" {
		return info, err
	}
	return info, r.shelf.Drop(ctx, g.Old.Name) // it has never answered here
}

// answerFrom lets an index answer that is open beside the one that does.
func (p *Pipeline) answerFrom(ctx context.Context, x search.Index, exchange func(context.Context, search.Index) (search.Index, error)) error {
	answers, ok := p.Index.(*search.Switch)
	if !ok {
		return errors.New("the index cannot be exchanged")
	}
	done, err := p.follow.take(ctx, 1)
	if err != nil {
		return err
	}
	defer done()
	p.rebuild.walk.Lock()
	defer p.rebuild.walk.Unlock()
	change := func() error {
		if err := p.followFrom(ctx, x, -1); err != nil {
			return err
		}
		now, err := exchange(ctx, x)
		if err != nil {
			return err
		}
		if err := answers.Exchange(now); err != nil {
			p.Log.Warn("close the index before", "err", err)
		}
		return nil
	}
	if p.Alone {
		return change()
	}
	if err := p.followFrom(ctx, x, -1); err != nil { // so that others wait for a moment only
		return err
	}
	return p.Records.HoldChanges(ctx, change)
}

// giveUp closes the index that was being built, and drops it unless it can be gone on with.
func (r *run) giveUp(ctx context.Context, why error) error {
	p := r.p
	p.rebuild.keeping.Lock()
	defer p.rebuild.keeping.Unlock()
	p.rebuild.walk.Lock()
	defer p.rebuild.walk.Unlock()
	if p.rebuild.index == nil {
		return nil
	}
	name, err := p.rebuild.name, p.rebuild.index.Close()
	p.rebuild.index, p.rebuild.name = nil, ""
	if errors.Is(why, context.Canceled) || errors.Is(why, context.DeadlineExceeded) || errors.Is(why, search.ErrUnavailable) {
		return err
	}
	return errors.Join(err, r.shelf.Drop(ctx, name))
}

// Back lets the index answer again that was kept by the last Reindex, after bringing it up to date and holding it against the
// record; the one that answered is kept in its place.
func (p *Pipeline) Back(ctx context.Context) (Rebuilt, error) {
	if len(p.Shelves) == 0 {
		return Rebuilt{}, ErrNoOld
	}
	if !p.rebuild.run.TryLock() {
		return Rebuilt{}, ErrReindexing
	}
	defer p.rebuild.run.Unlock()
	p.rebuild.keeping.Lock()
	defer p.rebuild.keeping.Unlock()
	shelf := p.Shelves[0]
	out, err := p.back(ctx, shelf)
	if err != nil {
		return Rebuilt{}, fmt.Errorf("go back to the index before: %w", err)
	}
	out.Info, err = p.Index.Info(ctx)
	return out, err
}

func (p *Pipeline) back(ctx context.Context, shelf search.Shelf) (out Rebuilt, err error) {
	out = Rebuilt{Engine: shelf.Engine(), Answers: true}
	g, err := shelf.Generations(ctx)
	if err != nil {
		return out, err
	}
	if g.Old.Name == "" {
		return out, ErrNoOld
	}
	x, err := shelf.Open(ctx, g.Old.Name)
	if err != nil {
		return out, err
	}
	if err = p.followFrom(ctx, x, -1); err == nil {
		out.Checked, err = p.check(ctx, x)
	}
	if err == nil {
		err = p.answerFrom(ctx, x, shelf.Back)
	}
	if err != nil {
		return out, errors.Join(err, x.Close())
	}
	return out, nil
}

// The places of indexes beside the one that answers.
const (
	IndexOld   = "old"   // answered before the last Reindex
	IndexNext  = "next"  // is being built, or was, by a Reindex that did not end
	IndexReady = "ready" // of the other engine, built after the one that answers
	IndexLeft  = "left"  // of the other engine, from the time before this one's
)

// A Shelved is an index beside the one that answers.
type Shelved struct {
	Engine string
	Place  string
	search.Generation
	shelf search.Shelf
}

// Shelved lists the indexes beside the one that answers, which it returns too.
func (p *Pipeline) Shelved(ctx context.Context) (current search.Generation, beside []Shelved, err error) {
	for i, shelf := range p.Shelves {
		g, err := shelf.Generations(ctx)
		if err != nil {
			return current, beside, fmt.Errorf("indexes: %w", err)
		}
		place := IndexOld
		if i == 0 {
			current = g.Current
		} else if place = IndexLeft; g.Current.Began.After(current.Began) {
			place = IndexReady
		}
		add := func(place string, g search.Generation) {
			if g.Name != "" {
				beside = append(beside, Shelved{shelf.Engine(), place, g, shelf})
			}
		}
		if i > 0 {
			add(place, g.Current)
		}
		add(IndexOld, g.Old)
		add(IndexNext, g.Next)
	}
	return current, beside, nil
}

// ForgetOld drops the indexes that answered before, and with unfinished those that a Reindex began and did not end; it
// returns which.
func (p *Pipeline) ForgetOld(ctx context.Context, unfinished bool) (dropped []Shelved, err error) {
	if !p.rebuild.run.TryLock() {
		return nil, ErrReindexing
	}
	defer p.rebuild.run.Unlock()
	p.rebuild.keeping.Lock()
	defer p.rebuild.keeping.Unlock()
	_, beside, err := p.Shelved(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range beside {
		if s.Place == IndexReady || (s.Place == IndexNext) != unfinished {
			continue
		}
		if err := s.shelf.Drop(ctx, s.Name); err != nil {
			return dropped, err
		}
		dropped = append(dropped, s)
	}
	return dropped, nil
}

// scrubIndexes takes what was erased out of all indexes, on disk too. One beside that which answers is dropped where it cannot
// go on.
func (p *Pipeline) scrubIndexes(ctx context.Context) error {
	p.rebuild.keeping.Lock()
	defer p.rebuild.keeping.Unlock()
	p.rebuild.walk.Lock()
	defer p.rebuild.walk.Unlock()
	list, open := []search.Index{p.Index}, []search.Index{}
	last, err := p.Records.LastChange(ctx, nil)
	if err != nil {
		return err
	}
	err = p.eachBeside(ctx, func(s Shelved) error {
		if s.Place == IndexNext && p.rebuild.index != nil && p.rebuild.name == s.Name {
			list = append(list, p.rebuild.index)
			return p.sweep(ctx, p.rebuild.index, s.Generation)
		}
		x, err := s.shelf.Open(ctx, s.Name)
		if errors.Is(err, search.ErrRebuild) {
			return s.shelf.Drop(ctx, s.Name)
		}
		if err != nil {
			return err
		}
		info, err := x.Info(ctx)
		if err == nil && info.Seq > last { // of another record, of which this one is an older copy
			return errors.Join(x.Close(), s.shelf.Drop(ctx, s.Name))
		}
		if err != nil {
			return errors.Join(err, x.Close())
		}
		list, open = append(list, x), append(open, x)
		if s.Place == IndexNext {
			return p.sweep(ctx, x, s.Generation)
		}
		return p.followFrom(ctx, x, -1)
	})
	var g errgroup.Group // an engine may wait for half a minute until it can
	for _, x := range list {
		g.Go(func() error { return purge(ctx, x) })
	}
	err = errors.Join(err, g.Wait())
	for _, x := range open {
		err = errors.Join(err, x.Close())
	}
	return err
}

// eachBeside calls fn for each index beside the one that answers, and for all of them whatever it returns.
func (p *Pipeline) eachBeside(ctx context.Context, fn func(Shelved) error) error {
	var errs []error
	for _, shelf := range p.Shelves {
		errs = append(errs, shelf.Tidy(ctx))
	}
	_, beside, err := p.Shelved(ctx)
	errs = append(errs, err)
	for _, s := range beside {
		if err := fn(s); err != nil {
			errs = append(errs, fmt.Errorf("index %s: %w", s.Name, err))
		}
	}
	return errors.Join(errs...)
}

// sweep brings up to date what a generation holds that is being built: of what changed since its building began, all; the rest
// the walk will bring.
func (p *Pipeline) sweep(ctx context.Context, x search.Index, g search.Generation) error {
	info, err := x.Info(ctx)
	if err != nil {
		return err
	}
	if info.Seq >= g.From {
		return p.followFrom(ctx, x, info.Seq)
	}
	if p.rebuild.sweptOf != g.Name {
		p.rebuild.sweptOf, p.rebuild.swept = g.Name, g.From
	}
	p.rebuild.swept, err = p.ahead(ctx, x, p.rebuild.swept)
	return err
}

func purge(ctx context.Context, x search.Index) error {
	if x, ok := x.(interface{ Purge(context.Context) error }); ok {
		if err := x.Purge(ctx); err != nil {
			return fmt.Errorf("purge index: %w", err)
		}
	}
	return nil
}
