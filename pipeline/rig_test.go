package pipeline_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"xunqin/crawler"
	"xunqin/crawler/guard"
	"xunqin/crawler/mastodon"
	"xunqin/pipeline"
	"xunqin/pipeline/blob"
	"xunqin/pipeline/notify"
	"xunqin/pipeline/photo"
	"xunqin/pipeline/record"
	"xunqin/pipeline/record/policy"
	"xunqin/pipeline/record/recordtest"
	"xunqin/search"
	"xunqin/search/embedded"
)

// rig is a whole pipeline on temporary folders, and a site that it crawls.
type rig struct {
	*pipeline.Pipeline
	site   *site
	dir    string
	source string
	leads  chan record.Lead
	clock  *clock
}

type clock struct {
	mu  sync.Mutex
	off time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.off)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off += d
}

// each runs the test on a pipeline over each database.
func each(t *testing.T, test func(t *testing.T, r *rig)) {
	recordtest.Each(t, func(t *testing.T, s *record.Store) { test(t, newRig(t, s)) })
}

func newRig(t *testing.T, s *record.Store) *rig {
	t.Helper()
	return newRigOver(t, s, openEmbedded)
}

func openEmbedded(t *testing.T) search.Index {
	t.Helper()
	x, err := embedded.Open(t.Context(), filepath.Join(t.TempDir(), "index.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

func newRigOver(t *testing.T, s *record.Store, open func(t *testing.T) search.Index) *rig {
	t.Helper()
	r := &rig{site: newSite(t), dir: t.TempDir(), leads: make(chan record.Lead, 100), clock: &clock{}}
	s.Now = r.clock.now
	keys, err := blob.CreateKeys(filepath.Join(r.dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := blob.OpenFiles(filepath.Join(r.dir, "pictures"))
	if err != nil {
		t.Fatal(err)
	}
	index := open(t)
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	u, err := url.Parse(r.site.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	g := &guard.Dialer{AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, AllowPorts: []uint16{uint16(port)}}
	r.Pipeline = &pipeline.Pipeline{
		Records: s, Index: index, Blobs: &blob.Sealed{Store: files, Keys: keys}, Keys: keys,
		Door:    &crawler.Door{Guard: g, Pace: &record.Pace{Store: s, Log: log}, Robots: &record.Robots{Store: s}, Version: "test", Log: log, Now: r.clock.now},
		Readers: map[string]crawler.Reader{"mastodon": &mastodon.Reader{}}, Senders: map[string]notify.Sender{},
		Policy: policy.Default(), Budget: photo.NewBudget(256 << 20), Log: log, Now: r.clock.now, BaseURL: "https://desk.example.org",
		LeastEvery: time.Second, Alone: s.Dialect() == record.SQLite,
		OnLead: func(l record.Lead) { r.leads <- l },
	}
	if err := r.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := keys.Close(); err != nil {
			t.Error(err)
		}
	})
	err = s.Tx(t.Context(), func(tx *sql.Tx) error {
		r.source, err = s.AddSource(t.Context(), tx, record.Source{Name: "site", Reader: "mastodon", Config: json.RawMessage(fmt.Sprintf(`{"server":%q,"timeline":"tag","tag":"x"}`, r.site.URL)),
			Cron: "@every 5s", TimeZone: "UTC", Enabled: true, Purpose: "test", Basis: "test", ApprovedBy: "test", ReviewAt: time.Now().Add(2000 * 24 * time.Hour),
			Rate: crawler.Rate{Every: crawler.NoPause, Parallel: 4}, NextRun: r.clock.now().Add(time.Hour)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// work works on jobs until the test says so or ends.
func (r *rig) work(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Start(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("stop: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// eventually waits until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited 30 s in vain: %s", what)
		}
	}
}

// quiet waits until no job is waiting.
func (r *rig) quiet(t *testing.T) {
	t.Helper()
	eventually(t, "no job waiting", func() bool {
		n, err := r.Waiting(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(n) == 0
	})
}

// crawl crawls the site once and waits until all that follows is done.
func (r *rig) crawl(t *testing.T) record.Run {
	t.Helper()
	id, err := r.CrawlNow(t.Context(), r.source, "hand")
	if err != nil {
		t.Fatal(err)
	}
	r.quiet(t)
	run, err := r.Records.Run(t.Context(), nil, id)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func (r *rig) report(t *testing.T, name string, photos ...[]byte) string {
	t.Helper()
	id, problems, err := r.AddReport(t.Context(), "tester", record.Report{Kind: record.ReportMissing, Name: name, SourceName: "form"}, photos)
	if err != nil || len(problems) > 0 {
		t.Fatalf("add report: %v, %v", problems, err)
	}
	return id
}

func (r *rig) all(t *testing.T) []record.Lead {
	t.Helper()
	list, err := r.Records.Leads(t.Context(), nil, record.LeadFilter{})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func (r *rig) verified(t *testing.T) {
	t.Helper()
	v, err := r.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range v.Problems {
		t.Errorf("verify: %s %s: %s", p.Kind, p.ID, p.What)
	}
}

// site is a small Mastodon: a tag's timeline and its pictures.
type site struct {
	*httptest.Server
	mu       sync.Mutex
	posts    []map[string]any // oldest first
	pictures map[string][]byte
	refuse   func(w http.ResponseWriter, r *http.Request) bool
	asked    map[string]int
}

func newSite(t *testing.T) *site {
	s := &site{pictures: map[string][]byte{}, asked: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *site) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[r.URL.Path]++
	if s.refuse != nil && s.refuse(w, r) {
		return
	}
	if b, ok := s.pictures[r.URL.Path]; ok {
		w.Write(b)
		return
	}
	if r.URL.Path != "/api/v1/timelines/tag/x" {
		http.NotFound(w, r)
		return
	}
	q := r.URL.Query()
	min, _ := strconv.Atoi(q.Get("min_id"))
	limit, _ := strconv.Atoi(q.Get("limit"))
	if limit == 0 || limit > 40 {
		limit = 40
	}
	var out []map[string]any
	for i := range s.posts { // with min_id the oldest ones above it, without the newest: pages are newest first
		p := s.posts[i]
		id, _ := strconv.Atoi(p["id"].(string))
		if id > min {
			out = append([]map[string]any{p}, out...)
		}
	}
	if min > 0 && len(out) > limit {
		out = out[len(out)-limit:]
	} else if len(out) > limit {
		out = out[:limit]
	}
	if out == nil {
		out = []map[string]any{}
	} else {
		w.Header().Set("Link", fmt.Sprintf(`<%s/api/v1/timelines/tag/x?min_id=%s>; rel="prev"`, s.URL, out[0]["id"]))
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(out)
}

// post publishes a post with pictures and gives its id.
func (s *site) post(text string, pictures ...[]byte) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := strconv.Itoa(1000 + len(s.posts))
	media := []map[string]any{}
	for i, b := range pictures {
		path := fmt.Sprintf("/media/%s-%d.jpg", id, i)
		s.pictures[path] = b
		media = append(media, map[string]any{"id": path, "type": "image", "url": s.URL + path})
	}
	s.posts = append(s.posts, map[string]any{
		"id": id, "uri": s.URL + "/p/" + id, "url": s.URL + "/@a/" + id, "created_at": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), "visibility": "public", "content": "<p>" + text + "</p>",
		"account": map[string]any{"id": "7", "acct": "spotter", "url": s.URL + "/@a", "username": "spotter"}, "media_attachments": media, "tags": []any{},
	})
	return id
}

// draw paints a picture that is like no other seed's.
func draw(seed uint64) image.Image {
	rnd := rand.New(rand.NewPCG(seed, 7))
	m := image.NewRGBA(image.Rect(0, 0, 480, 360))

	c := color.RGBA{uint8(rnd.IntN(256)), uint8(rnd.IntN(256)), uint8(rnd.IntN(256)), 255}
	for y := range 360 {
		for x := range 480 {
			m.SetRGBA(x, y, c)
		}
	}
	for range 40 {
		w, h := 20+rnd.IntN(220), 20+rnd.IntN(160)
		x0, y0 := rnd.IntN(480-20), rnd.IntN(360-20)
		c := color.RGBA{uint8(rnd.IntN(256)), uint8(rnd.IntN(256)), uint8(rnd.IntN(256)), 255}
		for y := y0; y < min(360, y0+h); y++ {
			for x := x0; x < min(480, x0+w); x++ {
				m.SetRGBA(x, y, c)
			}
		}
	}
	return m
}

func jpg(m image.Image, quality int) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
		panic(err)
	}
	return b.Bytes()
}
