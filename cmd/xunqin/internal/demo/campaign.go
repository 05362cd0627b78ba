// Package demo is a synthetic campaign: invented posts with drawn pictures that appear on
// two servers on loopback while it runs, and invented reports of missing children whose
// pictures some of the posts carry, mostly edited. It exists to show and to test the whole
// way from a post to a lead. Nothing in it is, or touches, real data.
//
//	s := &demo.Server{Campaign: demo.NewCampaign(1, time.Now()), First: 30, Every: 5 * time.Second, Most: 200}
//	err := s.Start(ctx)
//	defer s.Close()
//
// A campaign follows from its seed, all but the times: these count from the time it is
// given.
package demo

import (
	"bytes"
	"fmt"
	"image/jpeg"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"xunqin/cmd/xunqin/internal/demo/draw"
)

// Tag is the hashtag of the campaign's posts.
const Tag = "街头寻亲演示"

// The two sources, as Copy names them.
const (
	Mastodon = "mastodon"
	Feed     = "feed"
)

// Report is an invented report of a missing child.
type Report struct {
	Name                   string
	Sex                    string    // "female" or "male"
	BirthText              string    // as the family writes it: a date, a month, or a year
	MissingFrom, MissingTo time.Time // first and last possible day, UTC; equal if the day is known
	Place                  string    // province, city, district and spot
	Features               string
	Contact                string // a name and a number that nobody has
	Picture                []byte // JPEG
}

// Copy says that a post carries the picture of a report.
type Copy struct {
	Source   string // Mastodon or Feed
	NativeID string
	Report   int // index in Campaign.Reports
	Edit     draw.Edit
}

// Campaign makes the posts. Its methods may be called at once.
type Campaign struct {
	seed    uint64
	reports []Report
	born    []time.Time

	mastodon, feed wall

	mu     sync.Mutex // held while a post is made
	r      *rand.Rand
	album  *draw.Album
	made   int
	strays [][]byte // pictures of earlier posts that belong to no report
	truth  []Copy
}

const (
	reportCount = 10
	width       = 1000
	height      = 750
)

// NewCampaign draws the reports of a campaign that begins at start, and no post yet. It
// takes about a third of a second.
func NewCampaign(seed uint64, start time.Time) *Campaign {
	c := &Campaign{
		seed:  seed,
		r:     rand.New(rand.NewPCG(seed, 2011)),
		album: draw.NewAlbum(seed, width, height),
	}
	for i := range reportCount {
		c.addReport(i, start)
	}
	return c
}

func (c *Campaign) addReport(i int, start time.Time) {
	r := c.r
	today := start.UTC().Truncate(24 * time.Hour)
	born := today.AddDate(-3-r.IntN(8), -r.IntN(12), -r.IntN(28))
	missing := today.AddDate(0, -1-r.IntN(20), -r.IntN(28))
	until := missing
	if r.IntN(4) == 0 {
		until = missing.AddDate(0, 0, 1+r.IntN(20))
	}
	report := Report{
		Name:        surnames[(i*5+int(c.seed%12))%len(surnames)] + given[i%len(given)],
		Sex:         pick(r, []string{"female", "male"}),
		BirthText:   born.Format(pick(r, []string{"2006-01-02", "2006-01-02", "2006年1月", "2006"})),
		MissingFrom: missing,
		MissingTo:   until,
		Place:       pick(r, provinces) + pick(r, cities) + pick(r, districts) + pick(r, spots),
		Features:    pick(r, features[:6]) + "；" + pick(r, features[6:]),
		Picture:     draw.JPEG(c.album.Next(), 88),
	}
	report.Contact = string([]rune(report.Name)[:1]) + pick(r, []string{"先生", "女士"}) + " " + phone(r)
	c.reports = append(c.reports, report)
	c.born = append(c.born, born)
}

// Reports returns the reports, ten of them.
func (c *Campaign) Reports() []Report { return c.reports }

// Truth returns the posts so far that carry the picture of a report, oldest first.
func (c *Campaign) Truth() []Copy {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Copy(nil), c.truth...)
}

// Count returns how many posts there are so far.
func (c *Campaign) Count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.made
}

// Grow publishes n more posts, as written at the given time, which must not run backwards.
// A post takes about 40 ms.
func (c *Campaign) Grow(n int, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range n {
		c.add(at)
	}
}

// plan is what a post is about.
type plan int

const (
	stray   plan = iota // a child nobody reported
	again               // a stray's picture once more
	copied              // a report's picture
	several             // a stray, in several pictures
	talk                // no picture
)

// opening fixes what the first posts are, so that whoever looks on sees leads soon, two
// copies of one picture that disagree, and one of each edit that hides a picture.
var opening = map[int]struct {
	report int
	edit   draw.Edit
}{
	2: {0, draw.Recompress}, 7: {1, draw.Caption}, 12: {0, draw.Resize}, 18: {2, draw.Tone}, 24: {3, draw.Brightness},
	4: {4, draw.Poster}, 9: {5, draw.Mirror}, 11: {6, draw.Collage}, 14: {7, draw.Screenshot}, 16: {8, draw.Crop}, 21: {9, draw.Print}, 26: {1, draw.Turn},
}

func (c *Campaign) choose() plan {
	if _, ok := opening[c.made]; ok {
		return copied
	}
	n := c.r.IntN(100)
	switch {
	case n < 12:
		return copied
	case n < 24 && len(c.strays) > 0:
		return again
	case n < 30:
		return several
	case n < 38:
		return talk
	}
	return stray
}

// add makes one post. Two of three are on the Mastodon-style server.
func (c *Campaign) add(at time.Time) {
	r := c.r
	n := c.made
	p := post{n: n, at: at, author: pick(r, accounts), tags: []string{Tag}}
	target, source := &c.mastodon, Mastodon
	// Ids grow like Mastodon's: a time in the upper bits, chance in the lower 16.
	p.id = strconv.FormatUint(uint64(115_000_000_000)<<20|uint64(n)<<18|uint64(r.IntN(1<<16)), 10)
	if n%3 == 0 {
		target, source = &c.feed, Feed
		p.id = fmt.Sprintf("demo-%d-%05d", c.seed, n)
	}
	child := sighting{female: r.IntN(2) == 0, age: 3 + r.IntN(9)}
	switch c.choose() {
	case talk:
		p.text, p.language = pick(r, chatter), "zh"
	case stray:
		c.strays = append(c.strays, draw.JPEG(c.album.Next(), 78+r.IntN(12)))
		p.pictures = []picture{newPicture(p.id, 0, c.strays[len(c.strays)-1])}
	case several:
		for i := range 2 + r.IntN(2) {
			p.pictures = append(p.pictures, newPicture(p.id, i, draw.JPEG(c.album.Next(), 82)))
		}
	case again:
		jpg := pick(r, c.strays)
		if r.IntN(2) == 0 {
			jpg = pick(r, draw.Near()).Apply(draw.Decode(jpg), r)
		}
		p.pictures = []picture{newPicture(p.id, 0, jpg)}
	case copied:
		var truth Copy
		truth, child = c.copyOf(n, at)
		truth.Source, truth.NativeID = source, p.id
		jpg := truth.Edit.Apply(draw.Decode(c.reports[truth.Report].Picture), r)
		p.pictures = []picture{newPicture(p.id, 0, jpg)}
		c.truth = append(c.truth, truth)
	}
	if p.text == "" {
		p.text, p.language = words(r, child, at)
	}
	if r.IntN(3) == 0 {
		p.tags = append(p.tags, "寻亲")
	}
	target.add(p)
	c.made++
}

// copyOf chooses the report and the edit of post n, and what the post claims of the child:
// mostly what fits the report, now and then something else.
func (c *Campaign) copyOf(n int, at time.Time) (Copy, sighting) {
	r := c.r
	first, ok := opening[n]
	if !ok {
		first.report = r.IntN(len(c.reports))
		first.edit = pick(r, draw.Near())
		if r.IntN(5) == 0 {
			first.edit = pick(r, draw.Far())
		}
	}
	years := int(at.Sub(c.born[first.report]).Hours() / 24 / 365.25)
	child := sighting{female: c.reports[first.report].Sex == "female", age: max(2, years-1+r.IntN(3))}
	if r.IntN(4) == 0 {
		child = sighting{female: r.IntN(2) == 0, age: 3 + r.IntN(9)}
	}
	return Copy{Report: first.report, Edit: first.edit}, child
}

// A post as both servers show it.
type post struct {
	n        int // counts from 0
	id       string
	at       time.Time
	author   account
	text     string
	language string
	tags     []string
	pictures []picture
}

type picture struct {
	name          string // of the file under /media/
	width, height int
	jpeg          func() []byte
}

func newPicture(id string, n int, jpg []byte) picture {
	size, err := jpeg.DecodeConfig(bytes.NewReader(jpg))
	if err != nil {
		panic(fmt.Sprintf("read the size of a drawn picture: %v", err))
	}
	name := fmt.Sprintf("%s-%d.jpg", id, n)
	return picture{name, size.Width, size.Height, func() []byte { return jpg }}
}

// A wall holds the posts of one server, oldest first.
type wall struct {
	mu       sync.RWMutex
	posts    []post
	pictures map[string]picture
}

func (w *wall) add(p post) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.posts = append(w.posts, p)
	if w.pictures == nil {
		w.pictures = map[string]picture{}
	}
	for _, pic := range p.pictures {
		w.pictures[pic.name] = pic
	}
}

// all returns the posts as they are now, for reading only.
func (w *wall) all() []post {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.posts[:len(w.posts):len(w.posts)]
}

func (w *wall) picture(name string) (picture, bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	p, ok := w.pictures[name]
	return p, ok
}
