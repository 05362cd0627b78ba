package api

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"xunqin/cmd/xunqin/internal/auth"
	"xunqin/cmd/xunqin/internal/desk"
	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/crawler"
	"xunqin/pipeline"
	"xunqin/pipeline/blob"
	"xunqin/pipeline/notify"
	"xunqin/pipeline/photo"
	"xunqin/pipeline/record"
	"xunqin/pipeline/record/policy"
	"xunqin/pipeline/record/recordtest"
	"xunqin/search"
	"xunqin/search/elastic/elastictest"
	"xunqin/search/embedded"
)

// site is the API on a real server over a real record and index, with one lead: of a report in Fujian and of a post in Guangdong.
type site struct {
	*Server
	URL  string
	desk *desk.Server
	log  *lockedBuffer

	report, post, picture, lead string
	photo                       record.Photo // of the post
	bytes                       []byte       // as it was posted
	sharp                       [][]byte     // the stored pictures

	mu  sync.Mutex
	now time.Time
}

type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (s *site) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *site) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// What must not be read by everybody.
const (
	phone  = "13912345678"
	kin    = "13987654321" // the family's
	street = "岗顶天桥"
)

func embeddedIndex(t testing.TB) search.Index {
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

// engines runs a test on each database with each index.
func engines(t *testing.T, test func(t *testing.T, s *site)) {
	recordtest.Each(t, func(t *testing.T, records *record.Store) {
		t.Run("embedded", func(t *testing.T) { test(t, open(t, records, embeddedIndex(t))) })
	})
	t.Run("elastic", func(t *testing.T) {
		test(t, open(t, recordtest.Open(t), elastictest.Open(t, elastictest.Config(t))))
	})
}

func newSite(t testing.TB, changes ...func(*policy.Policy)) *site {
	t.Helper()
	return open(t, recordtest.Open(t), embeddedIndex(t), changes...)
}

func open(t testing.TB, records *record.Store, index search.Index, changes ...func(*policy.Policy)) *site {
	t.Helper()
	s := &site{now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), log: &lockedBuffer{}}
	texts, err := locale.Load()
	if err != nil {
		t.Fatal(err)
	}
	rules := policy.Default()
	rules.Limits.AnswerStep = policy.Duration(time.Millisecond) // how long answers wait is a test of the desk's
	for _, change := range changes {
		change(&rules)
	}
	records.Now = s.clock
	log := slog.New(slog.NewJSONHandler(s.log, nil))
	dir := t.TempDir()
	keys, err := blob.CreateKeys(filepath.Join(dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := keys.Close(); err != nil {
			t.Error(err)
		}
	})
	pictures, err := blob.OpenFiles(filepath.Join(dir, "pictures"))
	if err != nil {
		t.Fatal(err)
	}
	p := &pipeline.Pipeline{Records: records, Index: index, Blobs: &blob.Sealed{Store: pictures, Keys: keys}, Keys: keys, Door: &crawler.Door{Now: s.clock}, Senders: map[string]notify.Sender{},
		Policy: rules, Budget: photo.NewBudget(64 << 20), Log: log, Now: s.clock, BaseURL: "http://desk.test", Alone: true}
	if err := p.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	gate, err := auth.New(auth.Options{Records: records, Policy: rules, Log: log, Now: s.clock, BaseURL: "http://desk.test", Mark: keys.Pseudonym, Seal: keys.Seal, Open: keys.Open})
	if err != nil {
		t.Fatal(err)
	}
	s.desk = &desk.Server{Records: records, Pipeline: p, Auth: gate, Texts: texts, Policy: rules, Log: log, Now: s.clock, BaseURL: "http://desk.test"}
	s.Server = &Server{Desk: s.desk}
	h, err := s.Handler()
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	s.URL = srv.URL
	s.fill(t)
	return s
}

// draw paints a picture that is like no other seed's.
func draw(seed uint64) image.Image {
	rnd := rand.New(rand.NewPCG(seed, 7))
	m := image.NewRGBA(image.Rect(0, 0, 480, 360))
	for range 40 {
		x0, y0 := rnd.IntN(460), rnd.IntN(340)
		x1, y1 := min(480, x0+20+rnd.IntN(220)), min(360, y0+20+rnd.IntN(160))
		c := color.RGBA{uint8(rnd.IntN(256)), uint8(rnd.IntN(256)), uint8(rnd.IntN(256)), 255}
		for y := y0; y < y1; y++ {
			for x := x0; x < x1; x++ {
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

// fill stores the report, the post, the lead, and a saved query of nobody's yet.
func (s *site) fill(t testing.TB) {
	t.Helper()
	ctx, records := t.Context(), s.desk.Records
	s.bytes = jpg(draw(11), 70)
	var problems []pipeline.PhotoProblem
	var err error
	s.report, problems, err = s.desk.Pipeline.AddReport(ctx, "nobody", record.Report{Kind: record.ReportMissing, Name: "王小明", Number: "A-17", Place: "福建省泉州市晋江市青阳街道", Birth: "2003", LostText: "2010-05",
		LostFrom: time.Date(2010, 5, 1, 0, 0, 0, 0, time.UTC), LostTo: time.Date(2010, 6, 1, 0, 0, 0, 0, time.UTC), Features: "左脸胎记", SourceName: "registry",
		Contact: s.desk.Pipeline.SealContact(pipeline.Contact{Name: "王父", Phone: kin})}, [][]byte{jpg(draw(11), 95)})
	if err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	ready, err := photo.Prepare(ctx, s.bytes, photo.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	sharp, blurred := record.NewID(), record.NewID()
	for key, b := range map[string][]byte{sharp: ready.Derivative, blurred: ready.Blurred} {
		if err := s.desk.Pipeline.Blobs.Put(ctx, key, bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
	}
	err = records.Tx(ctx, func(tx *sql.Tx) error {
		source, err := records.AddSource(ctx, tx, record.Source{Name: "Brunnen", Reader: "feed", Config: json.RawMessage(`{"url":"https://example.org/feed"}`), Cron: "30 4 * * *", TimeZone: "Asia/Shanghai"})
		if err != nil {
			return err
		}
		p := record.Post{SourceID: source, Kind: "post", NativeID: "poster-canary", URL: "https://example.org/poster-canary/1", Text: "女孩，左脸有胎记。联系电话 " + phone, Place: "广东省广州市天河区" + street, State: record.PostLive,
			PostedAt: s.now.Add(-72 * time.Hour), SeenAt: s.now.Add(-71 * time.Hour), Photos: []crawler.PhotoURL{{URL: "https://example.org/1.jpg"}}}
		if s.post, _, err = records.SavePost(ctx, tx, p); err != nil {
			return err
		}
		if err := records.SetFacts(ctx, tx, record.Ref{ID: s.post, Kind: "post"}, s.desk.Pipeline.FactsOfPost(p)); err != nil {
			return err
		}
		list, err := records.PhotosOf(ctx, tx, s.post)
		if err != nil {
			return err
		}
		s.photo = list[0]
		s.photo.SHA256, s.photo.Format, s.photo.Width, s.photo.Height, s.photo.Matchable, s.photo.Prints = fmt.Sprintf("%x", ready.SHA256), ready.Format, ready.Width, ready.Height, ready.Matchable(), ready.Fingerprints
		s.photo.Sharp, s.photo.Blurred = sharp, blurred
		if err := records.KeepPhoto(ctx, tx, s.photo); err != nil {
			return err
		}
		if s.picture, err = records.AddPicture(ctx, tx, ""); err != nil {
			return err
		}
		if err := records.JoinPicture(ctx, tx, s.photo.ID, s.picture); err != nil {
			return err
		}
		photos, err := records.PhotosOf(ctx, tx, s.report)
		if err != nil {
			return err
		}
		if s.lead, _, err = records.AddLead(ctx, tx, record.Lead{ReportID: s.report, ReportPhotoID: photos[0].ID, PictureID: s.picture, Pair: "sighting", Kind: photo.Edited, Distance: 3, NextAt: s.now.Add(72 * time.Hour)}); err != nil {
			return err
		}
		if _, err := records.AddSighting(ctx, tx, record.Sighting{LeadID: s.lead, PhotoID: s.photo.ID, Kind: photo.Edited, Distance: 3}); err != nil {
			return err
		}
		return records.Changed(ctx, tx, s.post, "post")
	})
	if err != nil {
		t.Fatal(err)
	}
	photos, err := records.PhotosOf(ctx, nil, s.report)
	if err != nil {
		t.Fatal(err)
	}
	for _, ph := range append(photos, s.photo) {
		b, err := s.desk.Pipeline.Picture(ctx, ph.Sharp)
		if err != nil {
			t.Fatal(err)
		}
		s.sharp = append(s.sharp, b)
	}
}

// person makes an account.
func (s *site) person(t testing.TB, name, area string, roles ...record.Role) record.User {
	t.Helper()
	var id string
	err := s.desk.Records.Tx(t.Context(), func(tx *sql.Tx) error {
		var err error
		id, err = s.desk.Records.AddUser(t.Context(), tx, record.User{Name: name, Password: "x", Roles: roles, Area: area})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	u, err := s.desk.Records.User(t.Context(), nil, id)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// caller asks with one token.
type caller struct {
	t      testing.TB
	site   *site
	id     string // of the token
	secret string
	lang   string
}

// with makes a token for a person, with all scopes they may have where none is named.
func (s *site) with(t testing.TB, u record.User, scopes ...string) *caller {
	t.Helper()
	if len(scopes) == 0 {
		scopes = desk.ScopesFor(u)
	}
	c := &caller{t: t, site: s, lang: "en"}
	err := s.desk.Records.Tx(t.Context(), func(tx *sql.Tx) error {
		var err error
		c.id, c.secret, err = s.desk.Auth.NewToken(t.Context(), tx, record.Token{UserID: u.ID, Name: "test", Scopes: scopes, CreatedBy: u.ID, ExpiresAt: s.clock().Add(30 * 24 * time.Hour)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// as makes a person and a token with all they may have.
func (s *site) as(t testing.TB, name, area string, roles ...record.Role) *caller {
	t.Helper()
	return s.with(t, s.person(t, name, area, roles...))
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (c *caller) do(method, path, kind string, body []byte) reply {
	c.t.Helper()
	if !strings.HasPrefix(path, Base) {
		path = Base + path
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.site.URL+path, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if c.secret != "" {
		req.Header.Set("Authorization", "Bearer "+c.secret)
	}
	if c.lang != "" {
		req.Header.Set("Accept-Language", c.lang)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header, string(b)}
}

func (c *caller) get(path string) reply { c.t.Helper(); return c.do("GET", path, "", nil) }

// read gets an answer that must be there.
func read[T any](c *caller, path string) T {
	c.t.Helper()
	a := c.get(path)
	if a.status != http.StatusOK {
		c.t.Fatalf("GET %s: status %d: %s", path, a.status, a.body)
	}
	return decode[T](c.t, a)
}

func decode[T any](t testing.TB, a reply) T {
	t.Helper()
	var v T
	dec := json.NewDecoder(strings.NewReader(a.body))
	dec.DisallowUnknownFields()
	if err := errors.Join(dec.Decode(&v), dec.Decode(&struct{}{})); !errors.Is(err, io.EOF) {
		t.Fatalf("answer %.200s: %v", a.body, err)
	}
	return v
}

// wrong is the problem of an answer that must be one.
func wrong(t testing.TB, a reply, status int, key string) Problem {
	t.Helper()
	if a.status != status || a.header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("status %d, %s, want a problem of %d: %s", a.status, a.header.Get("Content-Type"), status, a.body)
	}
	p := decode[Problem](t, a)
	if p.Type != "urn:xunqin:problem:"+key || p.Status != status || p.Title == "" || p.Detail == "" {
		t.Errorf("problem %+v, want %s", p, key)
	}
	return p
}
