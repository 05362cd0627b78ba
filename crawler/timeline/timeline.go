// Package timeline reads lists that give their newest entries first and older
// ones page by page, as most networks do: [Read] knows when to stop, where to go
// on and what is new, and a Reader only has to give it one page.
//
// A pass starts at the newest page and goes back to the first page with an
// entry that the pass before it met at the top. A pass that is broken off goes
// on where it stopped, and only its end moves the mark, so nothing between two
// runs is lost. Behind each pass a chosen range of the past can be read, some
// pages a run, at a pace of its own.
//
// What a source files under an older place than its time, behind entries that
// are known, is not met.
package timeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"time"

	"xunqin/crawler"
)

// Bounds of what one list may make us do.
const (
	MaxCatchUp = 1000 // pages of one pass, however many runs it takes
	maxMark    = 200  // entries of the top page that are remembered
)

// slack is how much older than the newest known entry a page must be as a whole
// before a pass ends that met nothing known: everything it knew may be deleted.
const slack = 48 * time.Hour

// Entry is one line of a list: the posts it stands for, a repost with what it
// reposts, for instance.
type Entry struct {
	ID     string    // of the line; a repost has one of its own
	At     time.Time // by which the list is ordered; zero if it does not say
	Pinned bool      // stands out of its order, so it says nothing of where we are
	Posts  []crawler.Post
}

// Ask is which page is wanted, and how.
type Ask struct {
	Older      string // as a Listing gave it; empty is the newest page
	Validators crawler.Validators
	Every      time.Duration // see crawler.Request
}

// Listing is one page of a list.
type Listing struct {
	Entries     []Entry
	Older       string // by which the page behind it is asked for; empty at the end
	NotModified bool   // as when its validators were given
	Validators  crawler.Validators
	Capped      bool // the list ends here although the source holds more
	Warnings    []string
}

// Rules are how a list is read.
type Rules struct {
	Backfill int   // pages of the first pass; 0 is 1
	Past     *Past // a range of the past to read as well
}

// Past is a range of days that is read beside what is new.
type Past struct {
	From  string `json:"from"`            // first day, such as 2011-01-25, in UTC
	To    string `json:"to"`              // last day
	Pages int    `json:"pages,omitempty"` // pages a run, 1 to 20; 0 is 1
	Every int    `json:"every,omitempty"` // seconds between two requests for them, 1 to 600; 0 is 10
}

// Check says what is wrong with the range; a nil one is right.
func (p *Past) Check() error {
	if p == nil {
		return nil
	}
	from, to, err := p.Range()
	switch {
	case err != nil:
		return errors.New("past: from and to must be days such as 2011-01-25")
	case !from.Before(to):
		return errors.New("past: from must not lie after to")
	case p.Pages < 0 || p.Pages > 20:
		return errors.New("past: pages must be 1 to 20 a run")
	case p.Every < 0 || p.Every > 600:
		return errors.New("past: every must be 1 to 600 seconds")
	}
	return nil
}

// Range is from the first instant of From to the first one after To.
func (p *Past) Range() (from, to time.Time, err error) {
	if from, err = time.Parse(time.DateOnly, p.From); err != nil {
		return from, to, err
	}
	to, err = time.Parse(time.DateOnly, p.To)
	return from, to.AddDate(0, 0, 1), err
}

// PagesARun is Pages with its default.
func (p *Past) PagesARun() int { return max(p.Pages, 1) }

// Pause is Every with its default.
func (p *Past) Pause() time.Duration {
	if p.Every == 0 {
		return 10 * time.Second
	}
	return time.Duration(p.Every) * time.Second
}

// cursor is how far a list was read.
type cursor struct {
	Mark *mark  `json:"mark,omitempty"` // of the last pass that came to its end
	Pass *pass  `json:"pass,omitempty"` // under way
	Past *where `json:"past,omitempty"`
}

// mark is what the top of the list was.
type mark struct {
	Entries    map[string]string  `json:"entries"` // what it said, by what it is
	At         time.Time          `json:"at,omitzero"`
	Validators crawler.Validators `json:"validators,omitzero"`
}

type pass struct {
	Top   mark   `json:"top"` // the mark when it comes to its end
	Older string `json:"older"`
	Pages int    `json:"pages"`
}

type where struct {
	Range string `json:"range"` // as it was set; another one starts anew
	Older string `json:"older,omitempty"`
	Pages int    `json:"pages,omitempty"`
	Done  bool   `json:"done,omitempty"`
}

// Read reads a list for one run, from the cursor that an earlier page carried,
// which may be empty. fetch gives one page; its errors end the run. What emit
// must do and its errors are those of crawler.Reader.
func Read(ctx context.Context, from json.RawMessage, rules Rules, fetch func(context.Context, Ask) (Listing, error), emit func(crawler.Page) error) error {
	r := reading{ctx: ctx, rules: rules, fetch: fetch, emit: emit, met: map[string]bool{}}
	if len(from) > 0 {
		if err := json.Unmarshal(from, &r.cur); err != nil {
			return fmt.Errorf("timeline cursor: %w", err)
		}
	}
	resumed := r.cur.Pass != nil
	if err := r.pass(); err != nil {
		return err
	}
	if resumed { // what came while it was broken off
		if err := r.pass(); err != nil {
			return err
		}
	}
	return r.past()
}

// reading is one run.
type reading struct {
	ctx   context.Context
	cur   cursor
	rules Rules
	fetch func(context.Context, Ask) (Listing, error)
	emit  func(crawler.Page) error
	met   map[string]bool // posts handed on in this run, with what they said
}

// pass reads from the newest page, or from where the last run broke off, to
// what is known.
func (r *reading) pass() error {
	lines := map[string]bool{} // entries of this pass, for a source that repeats itself
	whole := r.cur.Pass == nil // the run has seen this pass from its top
	oldest, dates := time.Time{}, true
	for {
		ask := Ask{}
		switch p := r.cur.Pass; {
		case p != nil:
			ask.Older = p.Older
		case r.cur.Mark != nil:
			ask.Validators = r.cur.Mark.Validators
		}
		l, err := r.fetch(r.ctx, ask)
		if err != nil || l.NotModified {
			return err
		}
		first := r.cur.Mark == nil
		p := r.cur.Pass
		if p == nil {
			p = &pass{Top: markOf(l)}
		}
		p.Pages++
		page := crawler.Page{Warnings: l.Warnings, Capped: l.Capped}
		var known mark
		if !first {
			known = *r.cur.Mark
		}
		fresh, meets, old, dated := 0, false, true, false
		for _, e := range l.Entries {
			id, says := hash(e.ID), saying(e)
			if !lines[id] {
				fresh++
			}
			lines[id] = true
			was, isKnown := known.Entries[id]
			if isKnown && !e.Pinned {
				meets = true
			}
			if !e.Pinned {
				dates = dates && !e.At.IsZero()
				if oldest.IsZero() || e.At.Before(oldest) {
					oldest = e.At.UTC()
				}
			}
			if !e.Pinned && !e.At.IsZero() {
				dated = true
				old = old && e.At.Before(known.At.Add(-slack))
			}
			if isKnown && was == says {
				continue
			}
			page.Posts = append(page.Posts, r.unmet(e.Posts)...)
		}
		switch {
		case !whole:
		case l.Older == "" && !l.Capped:
			page.Since = crawler.Beginning()
		case dates:
			page.Since = oldest
		}
		done := l.Older == "" || l.Older == p.Older || meets || dated && old
		switch {
		case done:
		case first && p.Pages >= max(r.rules.Backfill, 1):
			done = true
		case len(l.Entries) > 0 && fresh == 0:
			done, page.Capped = true, true
			page.Warnings = append(page.Warnings, "the source gave the same page again; what lies behind it was not seen")
		case p.Pages >= MaxCatchUp:
			done, page.Capped = true, true
			page.Warnings = append(page.Warnings, fmt.Sprintf("the limit of %d pages was reached; what lies behind them was not seen", MaxCatchUp))
		}
		if done {
			changed := first || r.cur.Pass != nil || !same(known, p.Top)
			r.cur.Mark, r.cur.Pass = &p.Top, nil
			if !changed && len(page.Posts) == 0 && len(page.Warnings) == 0 {
				return nil
			}
		} else {
			p.Older = l.Older
			r.cur.Pass = p
		}
		page.More = !done
		if err := r.hand(page); err != nil || done {
			return err
		}
	}
}

// past reads some pages of the range of the past.
func (r *reading) past() error {
	if r.rules.Past == nil {
		return nil
	}
	from, to, err := r.rules.Past.Range()
	if err != nil {
		return err
	}
	set := r.rules.Past.From + "/" + r.rules.Past.To
	w := r.cur.Past
	if w == nil || w.Range != set {
		w = &where{Range: set}
	}
	for range r.rules.Past.PagesARun() {
		if w.Done {
			return nil
		}
		l, err := r.fetch(r.ctx, Ask{Older: w.Older, Every: r.rules.Past.Pause()})
		if err != nil {
			return err
		}
		page := crawler.Page{Warnings: l.Warnings}
		old, dated := true, false
		for _, e := range l.Entries {
			if e.Pinned || e.At.IsZero() {
				continue
			}
			dated = true
			old = old && e.At.Before(from)
			if !e.At.Before(from) && e.At.Before(to) {
				page.Posts = append(page.Posts, r.unmet(e.Posts)...)
			}
		}
		w.Pages++
		w.Done = l.Older == "" || l.Older == w.Older || dated && old
		if !w.Done && w.Pages >= 100*MaxCatchUp {
			w.Done = true
			page.Warnings = append(page.Warnings, "the past is longer than is read")
		}
		w.Older = l.Older
		if w.Done {
			w.Older = ""
		}
		r.cur.Past = w
		if err := r.hand(page); err != nil {
			return err
		}
	}
	return nil
}

func (r *reading) hand(page crawler.Page) error {
	c, err := json.Marshal(r.cur)
	if err != nil {
		return fmt.Errorf("timeline cursor: %w", err)
	}
	page.Cursor = c
	return r.emit(page)
}

// unmet are the posts that this run has not handed on yet.
func (r *reading) unmet(posts []crawler.Post) []crawler.Post {
	return slices.DeleteFunc(slices.Clone(posts), func(p crawler.Post) bool {
		key := p.NativeID + "\x00" + says(p)
		met := r.met[key]
		r.met[key] = true
		return met
	})
}

func markOf(l Listing) mark {
	m := mark{Entries: map[string]string{}, Validators: l.Validators}
	for _, e := range l.Entries {
		if len(m.Entries) < maxMark {
			m.Entries[hash(e.ID)] = saying(e)
		}
		if !e.Pinned && e.At.After(m.At) {
			m.At = e.At.UTC()
		}
	}
	return m
}

func same(a, b mark) bool {
	if len(a.Entries) != len(b.Entries) || a.Validators != b.Validators {
		return false
	}
	for id, says := range a.Entries {
		if b.Entries[id] != says {
			return false
		}
	}
	return true
}

func hash(s string) string {
	h := fnv.New64a()
	h.Write([]byte(s))
	return strconv.FormatUint(h.Sum64(), 36)
}

func saying(e Entry) string {
	s := ""
	for _, p := range e.Posts {
		s += says(p) + "\x00"
	}
	return hash(s)
}

// says is what makes another version of a post. Addresses of photos are none of
// it: many carry a signature that is another one each time.
func says(p crawler.Post) string {
	return fmt.Sprintf("%s\x00%s\x00%d\x00%t", p.Text, p.EditedAt, len(p.Photos), p.Deleted)
}
