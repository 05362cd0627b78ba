package kill

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	posts    = 500
	reports  = 20
	pageSize = 40
)

// content is what a site shows: it follows from its seed alone, so that two sites of one seed can be compared.
type content struct {
	reports [][]byte
	posts   []post
}

type post struct {
	id     string
	text   string
	photos []shown
}

// shown is one picture of a post, and what has to become of it.
type shown struct {
	path   string
	bytes  []byte
	flaky  bool // the first answer breaks off
	reason string
	report int // whose copy it is, -1 if nobody's
}

func (s shown) sha256() string { return fmt.Sprintf("%x", sha256.Sum256(s.bytes)) }

// newContent makes the posts: one in eight copies the photo of a report, one in fifteen cannot be read, some have two
// pictures or none, some repeat a picture that nobody reported.
func newContent(seed uint64) *content {
	r := rand.New(rand.NewPCG(seed, 500))
	c := &content{}
	var originals []image.Image
	for i := range reports {
		m := draw(seed<<16 + uint64(i))
		originals = append(originals, m)
		c.reports = append(c.reports, encode(m, 90))
	}
	var strays [][]byte
	for i := range posts {
		p := post{id: strconv.Itoa(1000 + i), text: []string{"街头看到一个孩子", "天桥下的男孩", "车站旁边的女孩", "a child at the station"}[i%4]}
		add := func(b []byte, reason string, report int) {
			p.photos = append(p.photos, shown{path: fmt.Sprintf("/media/%s-%d.jpg", p.id, len(p.photos)), bytes: b, reason: reason, report: report, flaky: r.IntN(25) == 0})
		}
		stray := func() {
			b := encode(draw(seed<<16+uint64(1000+i*4+len(p.photos))), 75+r.IntN(15))
			strays = append(strays, b)
			add(b, "", -1)
		}
		switch n := r.IntN(120); {
		case n < 15:
			report := r.IntN(reports)
			add(encode(originals[report], 70+r.IntN(25)), "", report)
		case n < 19:
			add(encode(draw(uint64(i)), 80)[:2000], "truncated", -1)
		case n < 23:
			add([]byte("<!DOCTYPE html><html><body>sign in</body></html>"), "not-picture", -1)
		case n < 33:
		case n < 43:
			stray()
			stray()
		case n < 53 && len(strays) > 0:
			add(strays[r.IntN(len(strays))], "", -1)
		default:
			stray()
		}
		c.posts = append(c.posts, p)
	}
	return c
}

// draw paints a picture that is like no other seed's.
func draw(seed uint64) image.Image {
	r := rand.New(rand.NewPCG(seed, 7))
	m := image.NewRGBA(image.Rect(0, 0, 320, 240))
	for n := range 41 {
		w, h := 20+r.IntN(150), 20+r.IntN(110)
		x0, y0 := r.IntN(300), r.IntN(220)
		if n == 0 {
			w, h, x0, y0 = 320, 240, 0, 0
		}
		c := color.RGBA{uint8(r.IntN(256)), uint8(r.IntN(256)), uint8(r.IntN(256)), 255}
		for y := y0; y < min(240, y0+h); y++ {
			for x := x0; x < min(320, x0+w); x++ {
				m.SetRGBA(x, y, c)
			}
		}
	}
	return m
}

func encode(m image.Image, quality int) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// site shows the content's posts that are published so far on a Mastodon-style timeline, every third in a feed, and takes
// webhooks.
type site struct {
	*httptest.Server
	content *content
	seen    chan<- string // told of each request, before its answer: timeline, feed, picture, hook

	mu        sync.Mutex
	published int
	growth    int                 // posts that appear by themselves with each look at the timeline
	broken    map[string]bool     // pictures and webhooks whose first answer failed
	hooks     map[string][]string // bodies by webhook-id
}

func newSite(t *testing.T, c *content, seen chan<- string) *site {
	s := &site{content: c, seen: seen, broken: map[string]bool{}, hooks: map[string][]string{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

// publish shows n posts more, and from now on growth more with each look at the timeline.
func (s *site) publish(n, growth int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.published, s.growth = min(s.published+n, len(s.content.posts)), growth
}

func (s *site) tell(stage string) {
	if s.seen == nil {
		return
	}
	select {
	case s.seen <- stage:
	default: // nobody waits
	}
}

// fails is true the first time it is asked of a thing.
func (s *site) fails(thing string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.broken[thing]
	s.broken[thing] = true
	return !was
}

// inFeed splits the posts between the two sources.
func inFeed(i int) bool { return i%3 == 2 }

func (s *site) some(feed bool) []post {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []post
	for i, p := range s.content.posts[:s.published] {
		if inFeed(i) == feed {
			list = append(list, p)
		}
	}
	return list
}

func (s *site) serve(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case path == "/api/v1/timelines/tag/x":
		s.tell("timeline")
		s.timeline(w, r)
		s.mu.Lock()
		s.published = min(s.published+s.growth, len(s.content.posts))
		s.mu.Unlock()
	case path == "/feed.json":
		s.tell("feed")
		s.feed(w)
	case strings.HasPrefix(path, "/media/"):
		s.picture(w, path)
		s.tell("picture")
	case path == "/hook":
		s.hook(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (s *site) timeline(w http.ResponseWriter, r *http.Request) {
	least, _ := strconv.Atoi(r.URL.Query().Get("min_id"))
	most, err := strconv.Atoi(r.URL.Query().Get("max_id"))
	if err != nil {
		most = 1 << 30
	}
	var list []post
	for _, p := range s.some(false) {
		if id, _ := strconv.Atoi(p.id); id > least && id < most {
			list = append(list, p)
		}
	}
	if len(list) > pageSize && r.URL.Query().Get("min_id") != "" {
		list = list[:pageSize]
	} else if len(list) > pageSize {
		list = list[len(list)-pageSize:]
	}
	out := []map[string]any{}
	for _, p := range list {
		media := []map[string]any{}
		for _, ph := range p.photos {
			media = append(media, map[string]any{"id": ph.path, "type": "image", "url": s.URL + ph.path})
		}
		out = append([]map[string]any{{
			"id": p.id, "uri": s.URL + "/p/" + p.id, "url": s.URL + "/@a/" + p.id, "created_at": at(p.id).Format("2006-01-02T15:04:05.000Z"), "visibility": "public", "content": "<p>" + p.text + "</p>",
			"account": map[string]any{"id": "7", "acct": "spotter", "url": s.URL + "/@a", "username": "spotter"}, "media_attachments": media, "tags": []any{},
		}}, out...)
	}
	if len(list) > 0 {
		w.Header().Set("Link", fmt.Sprintf(`<%s/api/v1/timelines/tag/x?max_id=%s>; rel="next", <%s/api/v1/timelines/tag/x?min_id=%s>; rel="prev"`, s.URL, list[0].id, s.URL, list[len(list)-1].id))
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(out)
}

func at(id string) time.Time {
	n, _ := strconv.Atoi(id)
	return time.Date(2026, 3, 1, 0, n, 0, 0, time.UTC)
}

func (s *site) feed(w http.ResponseWriter) {
	items := []map[string]any{}
	for _, p := range s.some(true) {
		files := []map[string]any{}
		for _, ph := range p.photos {
			files = append(files, map[string]any{"url": s.URL + ph.path, "mime_type": "image/jpeg"})
		}
		items = append([]map[string]any{{"id": p.id, "url": s.URL + "/p/" + p.id, "content_text": p.text, "date_published": at(p.id).Format(time.RFC3339), "attachments": files}}, items...)
	}
	w.Header().Set("Content-Type", "application/feed+json")
	json.NewEncoder(w).Encode(map[string]any{"version": "https://jsonfeed.org/version/1.1", "title": "street", "items": items})
}

func (s *site) picture(w http.ResponseWriter, path string) {
	id, _, _ := strings.Cut(strings.TrimPrefix(path, "/media/"), "-")
	n, err := strconv.Atoi(id)
	if err != nil || n < 1000 || n >= 1000+len(s.content.posts) {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	for _, ph := range s.content.posts[n-1000].photos {
		if ph.path != path {
			continue
		}
		if ph.flaky && s.fails(path) {
			w.Header().Set("Content-Length", strconv.Itoa(len(ph.bytes)))
			w.Write(ph.bytes[:len(ph.bytes)/2])
			panic(http.ErrAbortHandler)
		}
		w.Write(ph.bytes)
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
	}
}

// hook takes an alert. One in ten of them is refused the first time.
func (s *site) hook(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender was killed while it sent
	}
	id := r.Header.Get("webhook-id")
	if sha256.Sum256([]byte(id))[0] < 26 && s.fails(id) {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	s.mu.Lock()
	s.hooks[id] = append(s.hooks[id], string(body))
	s.mu.Unlock()
	s.tell("hook") // between the alert and its answer
	w.WriteHeader(http.StatusNoContent)
}
