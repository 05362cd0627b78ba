// Package listing walks what boards, registries and news sites have in common:
// pages that list items, newest first, and mostly a page for each item. A
// [Site] says how its pages are read; [Walk.Read] does the rest of a
// crawler.Reader's work:
//
//   - each run looks at the top of the listing (with validators, so that one
//     that has not changed costs a 304) and goes down until a page shows nothing
//     new, reading new and changed items as it goes;
//   - every item is committed with the cursor that no longer owes it, so a run
//     that breaks off loses nothing and repeats at most one item;
//   - a stretch of the past is read once beside that, page by page, at its own
//     slow rate, over as many runs as it takes;
//   - an item that cannot be read is skipped with a warning, but not when
//     several in a row cannot: then the site has changed, the run is refused and
//     the items stay owed.
package listing

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"xunqin/crawler"
)

// Bounds of what one listing may make us do.
const (
	maxCatchUp = 200   // pages down from the top in one later walk
	maxPast    = 5000  // pages of a stretch of the past
	maxEntries = 50000 // on one page, as a sitemap may have
	maxOwed    = 400   // items one page of a list may make us read; ten times that of the past
	maxInRow   = 50    // known entries in a row, on a page of more than maxOwed, behind which nothing new is expected
	maxSeen    = 500   // entries remembered
	maxRow     = 3     // unreadable items in a row that end a run
	maxOld     = 60    // items in a row from before a past that end its walk, where listings show no dates
)

// Entry is an item as its listing shows it. What has no json name lives only
// until the page is dealt with.
type Entry struct {
	ID    string        `json:"id"`             // as the post's NativeID, where the listing tells it
	URL   string        `json:"url,omitempty"`  // of the item's own page; Site.Item fetches it
	Hint  string        `json:"hint,omitempty"` // what Site.Item needs of the listing
	Stamp string        `json:"-"`              // changes when the item does; may be empty
	At    time.Time     `json:"-"`              // day or time of the item, zero if the listing shows none
	Post  *crawler.Post `json:"-"`              // set when the listing shows the whole item
}

// Sheet is one page of a listing.
type Sheet struct {
	Entries    []Entry
	Next       string // address of the page behind it, empty if none is shown
	End        bool   // nothing lies behind it: not only that no more is shown
	Warnings   []string
	Validators crawler.Validators
	Unchanged  bool // 304; all else is empty
}

// Site is what a kind of site knows of its pages. Both methods fetch what req
// asks for, through f, and return its error. A page that is not what was due is
// a *crawler.Refusal, with crawler.RefusedMarkup where only parts are missing.
//
// Item may return a post with Deleted set for an item that its site says is gone,
// and the zero Post for one that is not wanted.
type Site interface {
	List(ctx context.Context, f *crawler.Fetcher, req crawler.Request) (Sheet, error)
	Item(ctx context.Context, f *crawler.Fetcher, req crawler.Request, e Entry) (post crawler.Post, warnings []string, err error)
}

// Past is a stretch of time that is read once, beside what is new. It is part
// of a Reader's configuration; both days are included and are those of the
// site's zone. The zero value is none.
type Past struct {
	From string `json:"from,omitempty"` // 2006-01-02
	To   string `json:"to,omitempty"`   // 2006-01-02; empty leaves it open
	Slow int    `json:"slow,omitempty"` // seconds between its requests, 1 to 60; 0 is 10
}

// Check says what is wrong with it.
func (p Past) Check() error {
	from, to, err := p.days(time.UTC)
	switch {
	case err != nil:
		return err
	case p.From == "" && (p.To != "" || p.Slow != 0):
		return errors.New("to and slow need from")
	case !to.IsZero() && !to.After(from):
		return errors.New("to lies before from")
	case p.Slow < 0 || p.Slow > 60:
		return errors.New("slow must be 1 to 60 seconds")
	}
	return nil
}

func (p Past) days(zone *time.Location) (from, to time.Time, err error) {
	if p.From != "" {
		if from, err = time.ParseInLocation(time.DateOnly, p.From, zone); err != nil {
			return from, to, errors.New("from must be a day such as 2010-08-12")
		}
	}
	if p.To != "" {
		if to, err = time.ParseInLocation(time.DateOnly, p.To, zone); err != nil {
			return from, to, errors.New("to must be a day such as 2010-08-12")
		}
		to = to.AddDate(0, 0, 1) // the whole day
	}
	return from, to, nil
}

// Walk is how one source is walked.
type Walk struct {
	Site  Site
	Kind  string         // of the posts
	First string         // address of the top of the listing
	Pages int            // of the first walk down; 0 is 1
	Zone  *time.Location // of Past; nil is UTC
	Past  Past
	Every time.Duration // least pause between requests, where the source's own rate asks for less
	// Strict ends a run with the first answer but 404 and 410 whose status says
	// no, where three items in a row would otherwise be tried.
	Strict bool
}

// cursor is what is remembered between pages and runs.
type cursor struct {
	Validators crawler.Validators `json:"validators,omitzero"` // of the top
	Seen       []mark             `json:"seen,omitempty"`      // newest first, of walks that came to their end
	Down       *descent           `json:"down,omitempty"`      // the walk from the top that has not
	Past       *descent           `json:"past,omitempty"`      // the one through the past
	Stretch    string             `json:"stretch,omitempty"`   // which past that is, or was
}

// descent is a walk down a listing that has not come to its end.
type descent struct {
	Next  string  `json:"next,omitempty"`  // page to read next; empty: none is left
	Pages int     `json:"pages,omitempty"` // read so far
	Stale int     `json:"stale,omitempty"` // of them, in a row, with nothing new
	Fresh []mark  `json:"fresh,omitempty"` // entries met, newest first
	Owed  []Entry `json:"owed,omitempty"`  // listed and not read yet
	Old   int     `json:"old,omitempty"`   // items in a row that lay before a past
	Known bool    `json:"known,omitempty"` // something was met that earlier walks have seen
	Cut   bool    `json:"cut,omitempty"`   // a page below the top was refused
	Mixed bool    `json:"mixed,omitempty"` // entries are not sorted by date, or have none
	// Since is the date of the last entry where they are, crawler.Beginning at
	// the end of the listing.
	Since time.Time `json:"since,omitzero"`
}

// done reports whether nothing is left of a walk.
func (d *descent) done() bool { return d.Next == "" && len(d.Owed) == 0 }

// mark is one entry as remembered: hashes of its identity and of its stamp.
type mark [2]string

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:6])
}

// reading is one call of Read.
type reading struct {
	Walk
	ctx  context.Context
	f    *crawler.Fetcher
	emit func(crawler.Page) error
	cur  cursor
	was  string // the cursor as last committed

	past        bool      // the walk is through the past
	bottom, top time.Time // of which this is wanted

	said   []string         // warnings of a list, until its first item
	failed []Entry          // read in vain since the last item that could be read
	whys   []string         // why, as warnings
	first  *crawler.Refusal // of the first of them
	hard   bool             // one had another reason than that it is not for guests
	read   bool             // an item was read
}

// Read implements crawler.Reader for one source.
func (w Walk) Read(ctx context.Context, f *crawler.Fetcher, src crawler.Source, emit func(crawler.Page) error) error {
	r := &reading{Walk: w, ctx: ctx, f: f, emit: emit}
	if len(src.Cursor) > 0 {
		if err := json.Unmarshal(src.Cursor, &r.cur); err != nil {
			return fmt.Errorf("%s cursor: %w", src.Reader, err)
		}
	}
	was, err := r.saved()
	if err != nil {
		return err
	}
	r.was = string(was)
	if r.cur.Down != nil { // what an earlier run left
		if err := r.down(r.cur.Down); err != nil {
			return err
		}
	}
	r.cur.Down = &descent{Next: r.First}
	if err := r.down(r.cur.Down); err != nil {
		return err
	}
	if err := r.through(); err != nil {
		return err
	}
	return r.settle()
}

// through walks the past, if one is wanted and has not been walked.
func (r *reading) through() error {
	if r.Past.From == "" {
		r.cur.Past, r.cur.Stretch = nil, ""
		return nil
	}
	if stretch := r.Past.From + "/" + r.Past.To; r.cur.Stretch != stretch {
		r.cur.Past, r.cur.Stretch = &descent{Next: r.First}, stretch
	}
	if r.cur.Past == nil {
		return nil
	}
	zone := r.Zone
	if zone == nil {
		zone = time.UTC
	}
	var err error
	if r.bottom, r.top, err = r.Past.days(zone); err != nil {
		return err
	}
	r.past = true
	return r.down(r.cur.Past)
}

// down goes on with a walk until nothing is left of it.
func (r *reading) down(d *descent) error {
	for !d.done() {
		var err error
		if len(d.Owed) > 0 {
			err = r.item(d)
		} else {
			err = r.sheet(d)
		}
		if err != nil {
			return err
		}
	}
	r.cur = r.cur.settled()
	return nil
}

// settled is the cursor without walks that came to their end; what they met is
// known to the next.
func (c cursor) settled() cursor {
	if c.Past != nil && c.Past.done() {
		c.Past = nil
	}
	if c.Down == nil || !c.Down.done() {
		return c
	}
	fresh := index(c.Down.Fresh)
	seen := slices.Clone(c.Down.Fresh)
	for _, m := range c.Seen {
		if _, ok := fresh[m[0]]; !ok {
			seen = append(seen, m)
		}
	}
	c.Seen, c.Down = seen[:min(len(seen), maxSeen)], nil
	return c
}

func index(list []mark) map[string]string {
	m := make(map[string]string, len(list))
	for _, it := range list {
		m[it[0]] = it[1]
	}
	return m
}

// request is for the next page of a walk; the past is in no hurry.
func (r *reading) request(address string) crawler.Request {
	req := crawler.Request{URL: address, Every: r.Every}
	if r.past {
		slow := 10 * time.Second
		if r.Past.Slow > 0 {
			slow = time.Duration(r.Past.Slow) * time.Second
		}
		req.Every = max(req.Every, slow)
	}
	return req
}

// sheet reads the next page of the listing.
func (r *reading) sheet(d *descent) error {
	req := r.request(d.Next)
	top := d.Pages == 0 && !r.past
	if top {
		req.Validators = r.cur.Validators
	}
	s, err := r.Site.List(r.ctx, r.f, req)
	if err != nil {
		return r.stuck(d, err)
	}
	if s.Unchanged {
		d.Next = ""
		return nil
	}
	if len(s.Entries) > maxEntries {
		return &crawler.Refusal{Name: crawler.RefusedMarkup, URL: req.URL, Detail: fmt.Sprintf("a page of %d entries", len(s.Entries))}
	}
	if top {
		r.cur.Validators = s.Validators
	}
	page := crawler.Page{Warnings: s.Warnings}
	seen, fresh := index(r.cur.Seen), index(d.Fresh)
	met, news, known, dated, old, row, left := 0, 0, 0, 0, 0, 0, 0
	for _, e := range s.Entries {
		if !r.past && row >= maxInRow && len(s.Entries) > maxOwed {
			break
		}
		if most := r.most(); len(d.Owed) >= most || len(page.Posts) >= most {
			left++
			continue
		}
		m := mark{hash(e.ID), hash(e.Stamp)}
		if fresh[m[0]] != "" {
			continue // twice on a page, or moved from one to the next while we read
		}
		met++
		fresh[m[0]] = m[1]
		d.Fresh = append(d.Fresh, m)
		if len(d.Fresh) > 2*maxSeen { // the newest for the end, the last against repetition
			d.Fresh = slices.Delete(d.Fresh, maxSeen, maxSeen+1)
		}
		if r.past && !e.At.IsZero() {
			dated++
			if e.At.Before(r.bottom) {
				old++
			}
			if !r.within(e.At) {
				continue
			}
		}
		stamp, ok := seen[m[0]]
		if ok {
			known++
		}
		if stamp == m[1] && ok {
			row++
			continue
		}
		row = 0
		news++
		if e.Post != nil {
			page.Posts = append(page.Posts, *e.Post)
		} else {
			d.Owed = append(d.Owed, e)
		}
	}
	if left > 0 {
		page.Warnings = append(page.Warnings, fmt.Sprintf("a page of %d entries: the last %d were not looked at", len(s.Entries), left))
		d.Cut = true
	}
	d.Known = d.Known || known > 0
	d.date(s)
	d.Pages++
	d.Stale++
	if news > 0 {
		d.Stale = 0
	}
	d.Next = next(req.URL, s.Next)
	if r.over(d, len(s.Entries), met, news, known) || dated > 0 && old == dated {
		d.Next = ""
	}
	if len(page.Posts) == 0 && len(d.Owed) > 0 { // the first item will carry it
		r.said = append(r.said, page.Warnings...)
		return nil
	}
	return r.commit(d, page)
}

// stuck decides what becomes of a walk whose next page is refused. The top, and a
// page of the past, are tried again by the next run. A page below the top must
// not keep later runs from the top: the walk ends there, and says so unless the
// page is simply not there.
func (r *reading) stuck(d *descent, err error) error {
	ref, refused := errors.AsType[*crawler.Refusal](err)
	if !refused || r.past || d.Pages == 0 {
		return err
	}
	page := crawler.Page{}
	switch {
	case ref.Name == crawler.RefusedNotFound, ref.Name == crawler.RefusedGone:
		d.Since = crawler.Beginning()
	case ofItem(ref.Name):
		page.Warnings = []string{fmt.Sprintf("page %d of the list: %s", d.Pages+1, ref.Error())}
		d.Since, d.Cut = time.Time{}, true
	default:
		return err
	}
	d.Next = ""
	return r.commit(d, page)
}

// date notes how far back the walk shows everything.
func (d *descent) date(s Sheet) {
	for _, e := range s.Entries {
		d.Mixed = d.Mixed || e.At.IsZero() || !d.Since.IsZero() && e.At.After(d.Since)
		d.Since = e.At
	}
	switch {
	case s.End:
		d.Since = crawler.Beginning()
	case d.Mixed:
		d.Since = time.Time{}
	}
}

// most is how many items one page may bring.
func (r *reading) most() int {
	if r.past {
		return 10 * maxOwed
	}
	return maxOwed
}

// within reports whether a time lies in the past that is wanted.
func (r *reading) within(t time.Time) bool {
	return !t.Before(r.bottom) && (r.top.IsZero() || t.Before(r.top))
}

// over reports whether a walk ends with this page, which shows so many entries, of which so many were met for the first time in
// this walk, so many are news and so many were known from earlier walks.
func (r *reading) over(d *descent, shown, met, news, known int) bool {
	switch {
	case r.past: // what is known is no reason to stop: the past lies behind it
		return met == 0 || d.Pages >= maxPast
	case news == 0 && met == shown:
		return true
	case 2*known >= shown: // a few may have come up again among what is new; half of a page is where we were
		return true
	case d.Stale > 1: // one page may repeat the last, where posts came in while we read; then it is a site without an end
		return true
	case len(r.cur.Seen) > 0:
		return d.Pages >= maxCatchUp
	}
	return d.Pages >= max(r.Pages, 1)
}

// next is the page behind the one at here, if it is another on the same host.
func next(here, address string) string {
	a, err := url.Parse(here)
	if err != nil {
		return ""
	}
	b, err := url.Parse(address)
	if err != nil || address == here || b.Scheme != a.Scheme || !strings.EqualFold(b.Host, a.Host) {
		return ""
	}
	return address
}

// item reads the next item that is owed.
func (r *reading) item(d *descent) error {
	e := d.Owed[0]
	post, warnings, err := r.Site.Item(r.ctx, r.f, r.request(e.URL), e)
	ref, refused := errors.AsType[*crawler.Refusal](err)
	switch {
	case err == nil:
	case !refused:
		return err
	case ref.Name == crawler.RefusedNotFound, ref.Name == crawler.RefusedGone:
		post = crawler.Post{NativeID: e.ID, Kind: r.Kind, Deleted: true}
	default:
		if !ofItem(ref.Name) || r.Strict && ref.Status >= 400 {
			return err
		}
		d.Owed = d.Owed[1:]
		r.failed = append(r.failed, e)
		r.whys = append(r.whys, fmt.Sprintf("item %s: %s", shown(e.ID), ref.Error()))
		r.hard = r.hard || !forGuests(ref.Name)
		if r.first == nil {
			r.first = ref
		}
		if len(r.failed) >= maxRow {
			return r.owe()
		}
		return nil
	}
	d.Owed = d.Owed[1:]
	page := crawler.Page{Warnings: append(r.whys, warnings...)}
	r.failed, r.whys, r.first, r.hard, r.read = nil, nil, nil, false, true
	switch {
	case post.NativeID == "": // read, and not wanted
	case !r.past || post.At.IsZero() || r.within(post.At):
		page.Posts = []crawler.Post{post}
		d.Old = 0
	case post.At.Before(r.bottom):
		if d.Old++; d.Old >= maxOld {
			d.Next, d.Owed = "", nil
		}
	}
	return r.commit(d, page)
}

// ofItem tells refusals that are about one item from those about the site.
func ofItem(name string) bool {
	switch name {
	case crawler.RefusedMarkup, crawler.RefusedNotPage, crawler.RefusedNotJSON, crawler.RefusedTooLarge, crawler.RefusedURL, crawler.RefusedRedirects, crawler.RefusedStatus:
		return true
	}
	return forGuests(name)
}

// forGuests names the refusals by which a site keeps an item to its members.
func forGuests(name string) bool {
	return name == crawler.RefusedClosed || name == crawler.RefusedLogin || name == crawler.RefusedForbidden || name == crawler.RefusedAuth
}

// shown keeps an id short enough for a warning.
func shown(id string) string {
	if len(id) > 100 {
		return "#" + hash(id)
	}
	return id
}

// saved is the cursor to commit: items read in vain are still owed, last, so
// that they do not keep a later run from the others.
func (r *reading) saved() (json.RawMessage, error) {
	c := r.cur.settled()
	if len(r.failed) > 0 {
		d := descent{}
		if c.Down != nil {
			d = *c.Down
		}
		d.Owed = append(slices.Clone(d.Owed), r.failed...)
		c.Down = &d
	}
	b, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("cursor of a listing: %w", err)
	}
	return b, nil
}

// commit hands on what was read of d.
func (r *reading) commit(d *descent, page crawler.Page) error {
	b, err := r.saved()
	if err != nil {
		return err
	}
	page.Warnings, r.said = append(r.said, page.Warnings...), nil
	if string(b) == r.was && len(page.Posts) == 0 && len(page.Warnings) == 0 {
		return nil
	}
	page.Cursor, page.More = b, d != nil && !d.done()
	if d != nil && d == r.cur.Down && d.done() && len(r.failed) == 0 {
		page.Since, page.Capped = d.Since, d.Cut || len(r.cur.Seen) > 0 && !d.Known && len(d.Fresh) > 0
	}
	if err := r.emit(page); err != nil {
		return err
	}
	r.was = string(b)
	return nil
}

// owe ends a run that could not read what it should: nothing of it is lost.
func (r *reading) owe() error {
	if err := r.commit(nil, crawler.Page{}); err != nil {
		return err
	}
	return r.first
}

// settle ends a run. Items that could not be read are given up with a warning
// where others could, or where they are not for guests.
func (r *reading) settle() error {
	if r.hard && !r.read {
		return r.owe()
	}
	whys := r.whys
	r.failed, r.whys = nil, nil
	return r.commit(nil, crawler.Page{Warnings: whys})
}
