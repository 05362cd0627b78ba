package record

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"xunqin/pipeline/facts"
	"xunqin/search"
)

// Narrow says what Browse may leave out: it lets through at least all that is asked for, and asks the database for no more than
// it can answer cheaply.
type Narrow struct {
	Kind     string     // of the searchable form; "" is any
	From, To time.Time  // of its instant, without To; a zero end is open
	Holds    [][]string // its words hold one of each list; no list is empty, and none holds % or _
}

const (
	browseWindow  = 10_000 // posts between two looks at the time
	browsePortion = 500    // rows read at once
	mostReports   = 100_000
)

// Browse calls fn with the searchable form of every live post and of every report that n lets through, without fingerprints and
// features, in the order of answers (see search.Key) from after on, until it returns false. It is how words are looked for
// without an index. end is asked every few thousand rows at the latest; when it is true Browse gives up and says where it stood:
// all up to there was looked at. A zero Key: all there is.
func (s *Store) Browse(ctx context.Context, after search.Key, n Narrow, end func() bool, fn func(search.Doc) bool) (search.Key, error) {
	if after.IsZero() {
		after = search.Key{At: time.UnixMilli(math.MaxInt64)}
	}
	b := browse{s: s, n: n, pos: after}
	if err := b.listReports(ctx, after); err != nil {
		return search.Key{}, err
	}
	for {
		posts, more, err := b.posts(ctx)
		if err != nil {
			return search.Key{}, err
		}
		for _, d := range posts {
			at := search.Key{At: d.At, ID: d.ID}
			if stop, reached, err := b.reportsBefore(ctx, at, end, fn); stop || err != nil {
				return reached, err
			}
			if !fn(d) {
				return at, nil
			}
		}
		before := b.pos
		if !more {
			before = search.Key{At: time.UnixMilli(math.MinInt64), ID: last}
		}
		if stop, reached, err := b.reportsBefore(ctx, before, end, fn); stop || err != nil {
			return reached, err
		}
		if !more {
			return search.Key{}, nil
		}
		if end() {
			return b.pos, nil
		}
	}
}

// last comes after every ID.
const last = "~"

// browse is where a Browse stands.
type browse struct {
	s       *Store
	n       Narrow
	pos     search.Key // of posts
	low     int64      // of the window of posts, inclusive
	inside  bool       // pos is inside a window
	bottom  bool       // the window is the last
	reports []search.Key
	ready   []search.Doc // of reports, the next ones
}

// where collects conditions and their arguments.
type where struct {
	parts []string
	args  []any
}

// add writes a condition; each ? in it is the next argument.
func (w *where) add(condition string, args ...any) {
	for _, a := range args {
		w.args = append(w.args, a)
		condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(w.args)), 1)
	}
	w.parts = append(w.parts, condition)
}

func (w *where) String() string { return " WHERE " + strings.Join(w.parts, " AND ") }

// holds asks that one of the columns holds one of each list.
func (w *where) holds(text string, lists [][]string) {
	for _, list := range lists {
		var one []string
		var args []any
		for _, s := range list {
			one, args = append(one, text+" LIKE ?"), append(args, "%"+s+"%")
		}
		w.add("("+strings.Join(one, " OR ")+")", args...)
	}
}

// shown is whether a post or report has a photo in its searchable form.
const shown = `EXISTS (SELECT 1 FROM photos WHERE photos.%s=%s.id AND photos.matchable AND photos.state IN ('` + PhotoKept + `','` + PhotoGone + `') AND EXISTS (SELECT 1 FROM prints WHERE prints.photo_id=photos.id))`

// wider is a scanner that reads further columns as well.
type wider struct {
	scanner
	more []any
}

func (w wider) Scan(dest ...any) error { return w.scanner.Scan(append(dest, w.more...)...) }

// known reads the columns that follow those of the row itself into its searchable form.
func known(d *search.Doc, said string, photo bool) error {
	var f facts.Facts
	if err := json.Unmarshal([]byte(said), &f); err != nil {
		return err
	}
	d.Facts = searchable(f)
	if photo {
		d.Photos = []search.PhotoRef{{}}
	}
	return nil
}

// posts reads on, a portion at most. It is false when there are no more.
func (b *browse) posts(ctx context.Context) (list []search.Doc, more bool, err error) {
	low := int64(math.MinInt64)
	if !b.n.From.IsZero() {
		low = ms(b.n.From)
	}
	if !b.inside {
		to := b.pos.At.UnixMilli()
		if b.pos.ID == last {
			to--
		}
		if !b.n.To.IsZero() && ms(b.n.To) <= to {
			b.pos = search.Key{At: b.n.To, ID: ""}
			to = ms(b.n.To)
		}
		ends, err := all(ctx, "browse posts", b.s.read, scanInt, `SELECT posted_at FROM posts WHERE posted_at<=$1 ORDER BY posted_at DESC LIMIT 1 OFFSET $2`, to, browseWindow)
		if err != nil {
			return nil, false, err
		}
		b.low, b.bottom, b.inside = low, true, true
		if len(ends) > 0 && ends[0] > low {
			b.low, b.bottom = ends[0], false
		}
	}
	var w where
	at := b.pos.At.UnixMilli()
	w.add("posted_at<=? AND (posted_at<? OR id>?)", at, at, b.pos.ID)
	w.add("posted_at>=?", b.low)
	w.add("state=?", PostLive)
	if !b.n.To.IsZero() {
		w.add("posted_at<?", ms(b.n.To))
	}
	if b.n.Kind != "" {
		w.add("kind=?", b.n.Kind)
	}
	w.holds("(text || ' ' || tags)", b.n.Holds)
	scan := func(r scanner, d *search.Doc) error {
		var p Post
		var source, said string
		var photo bool
		if err := scanPost(wider{r, []any{&source, &said, &photo}}, &p); err != nil {
			return err
		}
		*d = postDoc(p, source)
		return known(d, said, photo)
	}
	list, err = all(ctx, "browse posts", b.s.read, scan, `SELECT `+postColumns+`, (SELECT name FROM sources WHERE sources.id=posts.source_id), facts, `+
		fmt.Sprintf(shown, "post_id", "posts")+` FROM posts`+w.String()+fmt.Sprintf(` ORDER BY posted_at DESC, id LIMIT %d`, browsePortion), w.args...)
	if err != nil {
		return nil, false, err
	}
	if len(list) == browsePortion {
		d := list[len(list)-1]
		b.pos = search.Key{At: d.At, ID: d.ID}
		return list, true, nil
	}
	b.pos, b.inside = search.Key{At: time.UnixMilli(b.low), ID: last}, false
	return list, !b.bottom, nil
}

// filed is Report.At.
const filed = `CASE WHEN lost_from<>0 THEN lost_from ELSE created_at END`

// listReports finds out which reports there are after a place.
func (b *browse) listReports(ctx context.Context, after search.Key) (err error) {
	if b.n.Kind != "" && b.n.Kind != search.KindReport {
		return nil
	}
	var w where
	at := after.At.UnixMilli()
	w.add(filed+"<=? AND ("+filed+"<? OR id>?)", at, at, after.ID)
	if !b.n.From.IsZero() {
		w.add(filed+">=?", ms(b.n.From))
	}
	if !b.n.To.IsZero() {
		w.add(filed+"<?", ms(b.n.To))
	}
	w.holds("(name || ' ' || other_names || ' ' || number || ' ' || features || ' ' || lost_text)", b.n.Holds)
	scan := func(r scanner, k *search.Key) error {
		var at int64
		err := r.Scan(&k.ID, &at)
		k.At = time.UnixMilli(at)
		return err
	}
	b.reports, err = all(ctx, "browse reports", b.s.read, scan, `SELECT id, `+filed+` AS filed FROM reports`+w.String()+fmt.Sprintf(` ORDER BY filed DESC, id LIMIT %d`, mostReports), w.args...)
	return err
}

// reportsBefore calls fn with the reports before a place; it says when that is the end, and where.
func (b *browse) reportsBefore(ctx context.Context, place search.Key, end func() bool, fn func(search.Doc) bool) (stop bool, reached search.Key, err error) {
	for {
		if len(b.ready) == 0 && len(b.reports) > 0 && b.reports[0].Compare(place) < 0 {
			n := min(len(b.reports), 100)
			if err := b.readReports(ctx, b.reports[:n]); err != nil {
				return true, reached, err
			}
			b.reports = b.reports[n:]
			if len(b.ready) == 0 {
				continue // erased meanwhile
			}
		}
		if len(b.ready) == 0 {
			return false, reached, nil
		}
		d := b.ready[0]
		at := search.Key{At: d.At, ID: d.ID}
		if at.Compare(place) >= 0 {
			return false, reached, nil
		}
		b.ready = b.ready[1:]
		if !fn(d) || len(b.ready) == 0 && end() {
			return true, at, nil
		}
	}
}

func (b *browse) readReports(ctx context.Context, keys []search.Key) error {
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = k.ID
	}
	scan := func(r scanner, d *search.Doc) error {
		var v Report
		var said string
		var photo bool
		if err := scanReport(wider{r, []any{&said, &photo}}, &v); err != nil {
			return err
		}
		*d = reportDoc(v)
		return known(d, said, photo)
	}
	list, err := in(ctx, "browse reports", b.s.read, scan, `SELECT `+reportColumns+`, facts, `+fmt.Sprintf(shown, "report_id", "reports")+` FROM reports WHERE id IN `, ids)
	b.ready = ordered(list, ids, func(d search.Doc) string { return d.ID })
	return err
}

// Unrelated is how many posts and reports wait for the index to take them in and to be compared, and when the first of them was
// seen; zero where none waits.
func (s *Store) Unrelated(ctx context.Context) (n int64, since time.Time, err error) {
	var first int64
	err = s.read.QueryRowContext(ctx, `SELECT COUNT(*), COALESCE(MIN(at), 0) FROM (SELECT seen_at AS at FROM posts WHERE step<>'related' AND step=$1
		UNION ALL SELECT created_at FROM reports WHERE step=$1) AS waiting`, StepGathered).Scan(&n, &first)
	if err != nil {
		return 0, since, fmt.Errorf("what waits for the index: %w", err)
	}
	return n, at(first), nil
}
