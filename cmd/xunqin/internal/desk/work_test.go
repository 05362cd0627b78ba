package desk

import (
	"bytes"
	"database/sql"
	"fmt"
	"html"
	"image"
	"image/color"
	"image/jpeg"
	"maps"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"xunqin/crawler"
	"xunqin/pipeline"
	"xunqin/pipeline/photo"
	"xunqin/pipeline/record"
)

// draw paints a picture that is like no other seed's.
func draw(seed uint64) image.Image {
	rnd := rand.New(rand.NewPCG(seed, 7))
	m := image.NewRGBA(image.Rect(0, 0, 480, 360))
	fill := func(x0, y0, x1, y1 int) {
		c := color.RGBA{uint8(rnd.IntN(256)), uint8(rnd.IntN(256)), uint8(rnd.IntN(256)), 255}
		for y := y0; y < min(360, y1); y++ {
			for x := x0; x < min(480, x1); x++ {
				m.SetRGBA(x, y, c)
			}
		}
	}
	fill(0, 0, 480, 360)
	for range 40 {
		x, y := rnd.IntN(460), rnd.IntN(340)
		fill(x, y, x+20+rnd.IntN(220), y+20+rnd.IntN(160))
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

// seedPost stores a post with one kept photo, as the pipeline's first steps leave it.
func (s *site) seedPost(t testing.TB, source string, p record.Post, picture []byte) (post string, ph record.Photo) {
	t.Helper()
	ready, err := photo.Prepare(t.Context(), picture, photo.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	p.SourceID, p.NativeID, p.State = source, record.NewID(), record.PostLive
	p.SeenAt = p.PostedAt.Add(time.Hour)
	p.Photos = []crawler.PhotoURL{{URL: "https://example.org/" + p.NativeID + ".jpg"}}
	keys := map[string][]byte{record.NewID(): ready.Derivative, record.NewID(): ready.Blurred, record.NewID(): ready.Grey}
	for key, b := range keys {
		if err := s.Pipeline.Blobs.Put(t.Context(), key, bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
	}
	err = s.Records.Tx(t.Context(), func(tx *sql.Tx) error {
		var err error
		if post, _, err = s.Records.SavePost(t.Context(), tx, p); err != nil {
			return err
		}
		if err := s.Records.SetFacts(t.Context(), tx, record.Ref{ID: post, Kind: "post"}, s.Pipeline.FactsOfPost(p)); err != nil {
			return err
		}
		list, err := s.Records.PhotosOf(t.Context(), tx, post)
		if err != nil {
			return err
		}
		ph = list[0]
		ph.SHA256, ph.Format, ph.Width, ph.Height, ph.Matchable, ph.Prints = fmt.Sprintf("%x", ready.SHA256), ready.Format, ready.Width, ready.Height, ready.Matchable(), ready.Fingerprints
		for key, b := range keys {
			switch {
			case bytes.Equal(b, ready.Derivative):
				ph.Sharp = key
			case bytes.Equal(b, ready.Blurred):
				ph.Blurred = key
			default:
				ph.Grey = key
			}
		}
		if err := s.Records.KeepPhoto(t.Context(), tx, ph); err != nil {
			return err
		}
		return s.Records.Changed(t.Context(), tx, post, "post")
	})
	if err != nil {
		t.Fatal(err)
	}
	return post, ph
}

// seedTexts stores posts without photos, an hour apart.
func (s *site) seedTexts(t testing.TB, n int, text string) {
	t.Helper()
	source := s.source(t)
	err := s.Records.Tx(t.Context(), func(tx *sql.Tx) error {
		for i := range n {
			p := record.Post{SourceID: source, NativeID: record.NewID(), Text: text, State: record.PostLive, PostedAt: s.clock().Add(-time.Duration(i) * time.Hour)}
			if _, _, err := s.Records.SavePost(t.Context(), tx, p); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// seedLead stores the lead of a report's first photo and a post's.
func (s *site) seedLead(t testing.TB, report string, copies ...record.Photo) string {
	t.Helper()
	photos, err := s.Records.PhotosOf(t.Context(), nil, report)
	if err != nil {
		t.Fatal(err)
	}
	var lead string
	err = s.Records.Tx(t.Context(), func(tx *sql.Tx) error {
		picture, err := s.Records.AddPicture(t.Context(), tx, "")
		if err != nil {
			return err
		}
		lead, _, err = s.Records.AddLead(t.Context(), tx, record.Lead{ReportID: report, ReportPhotoID: photos[0].ID, PictureID: picture, Pair: "sighting", Kind: photo.Edited,
			Distance: 3, NextAt: s.clock().Add(72 * time.Hour)})
		if err != nil {
			return err
		}
		for _, c := range copies {
			if err := s.Records.JoinPicture(t.Context(), tx, c.ID, picture); err != nil {
				return err
			}
			if _, err := s.Records.AddSighting(t.Context(), tx, record.Sighting{LeadID: lead, PhotoID: c.ID, Kind: photo.Edited, Distance: 3}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lead
}

func (s *site) seedReport(t testing.TB, r record.Report, photos ...[]byte) string {
	t.Helper()
	if r.Kind == "" {
		r.Kind = record.ReportMissing
	}
	id, problems, err := s.Pipeline.AddReport(t.Context(), "nobody", r, photos)
	if err != nil || len(problems) > 0 {
		t.Fatalf("add report: %v, %v", problems, err)
	}
	return id
}

// withWork adds one object of each kind that the pages of volunteers and activists name, the owner's where it has one.
func withWork(t testing.TB, s *site, owner record.User, paths map[string]string) map[string]string {
	t.Helper()
	source, err := s.Records.SourceNamed(t.Context(), nil, "Brunnen")
	if err != nil {
		t.Fatal(err)
	}
	report := s.seedReport(t, record.Report{Name: "somebody", Number: "7001", Contact: s.Pipeline.SealContact(pipeline.Contact{Name: "somebody", Phone: "1"})}, jpg(draw(1), 90))
	_, ph := s.seedPost(t, source.ID, record.Post{Text: "somebody", PostedAt: s.clock().Add(-48 * time.Hour)}, jpg(draw(1), 60))
	lead := s.seedLead(t, report, ph)
	l, err := s.Records.Lead(t.Context(), nil, lead)
	if err != nil {
		t.Fatal(err)
	}
	var query, alert string
	err = s.Records.Tx(t.Context(), func(tx *sql.Tx) error {
		var err error
		if query, err = s.Records.AddSavedQuery(t.Context(), tx, record.SavedQuery{UserID: owner.ID, Name: "somebody", Query: "somebody"}); err != nil {
			return err
		}
		in, err := s.Records.AddSubscription(t.Context(), tx, record.Subscription{UserID: owner.ID, SavedQueryID: query, Channel: record.Inbox})
		if err != nil {
			return err
		}
		if _, _, err := s.Records.AddDelivery(t.Context(), tx, record.Delivery{SubscriptionID: in, UserID: owner.ID, SavedQueryID: query, Subject: ph.PostID, SubjectKind: "post",
			PictureID: l.PictureID, Channel: record.Inbox, Why: "somebody"}); err != nil {
			return err
		}
		alert, err = s.Records.AddSubscription(t.Context(), tx, record.Subscription{UserID: owner.ID, Channel: record.Webhook, Target: s.Pipeline.Keys.Seal("subscription", []byte("https://all/"))})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(paths, map[string]string{
		"/leads/{id}":         "/leads/" + lead,
		"/pictures/{id}":      "/pictures/" + l.PictureID,
		"/photos/{id}/{form}": "/photos/" + ph.ID + "/blurred",
		"/photos/{id}/show":   "/photos/" + ph.ID + "/show",
		"/reports/{id}":       "/reports/" + report,
		"/queries/{id}":       "/queries/" + query,
		"/subscriptions/{id}": "/subscriptions/" + alert,
	})
	return paths
}

// send posts a form with files as a browser on the site does.
func (b *browser) send(path string, fields map[string]string, files ...upload) answer {
	b.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, value := range fields {
		if err := w.WriteField(name, value); err != nil {
			b.t.Fatal(err)
		}
	}
	for _, f := range files {
		part, err := w.CreateFormFile(f.Field, f.Name)
		if err != nil {
			b.t.Fatal(err)
		}
		if _, err := part.Write(f.Bytes); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(b.t.Context(), "POST", b.site.URL+path, &body)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", w.FormDataContentType())
	req.Header.Set("Origin", b.site.URL)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(req)
}

var images = regexp.MustCompile(`<img src="(/photos/[^"]+)"`)

// pictures fetches every picture that a page shows.
func (b *browser) pictures(page answer) (list []answer, links []string) {
	b.t.Helper()
	for _, m := range images.FindAllStringSubmatch(page.body, -1) {
		link := html.UnescapeString(m[1])
		links = append(links, link)
		list = append(list, b.get(link))
	}
	return list, links
}

// cas is a site with one lead: of a report in Fujian and of a post in Guangdong.
type cas struct {
	*site
	report, post, lead string
	photo              record.Photo // of the post
	sharp              [][]byte     // the two pictures as they are stored
	picture            []byte       // as it was posted
}

const (
	phone  = "13912345678"
	street = "岗顶天桥"
	kin    = "13987654321" // the family's
)

func newCase(t testing.TB, changes ...func(*site)) *cas {
	t.Helper()
	c := &cas{site: newSite(t, changes...), picture: jpg(draw(11), 70)}
	source := c.seedSource(t, "Brunnen", "feed", `{"url":"https://example.org/feed"}`)
	c.report = c.seedReport(t, record.Report{Name: "王小明", Number: "A-17", Place: "福建省泉州市晋江市青阳街道", Birth: "2003", LostText: "2010-05", LostFrom: time.Date(2010, 5, 1, 0, 0, 0, 0, time.UTC),
		LostTo: time.Date(2010, 6, 1, 0, 0, 0, 0, time.UTC), Features: "左脸胎记", SourceName: "registry", Contact: c.Pipeline.SealContact(pipeline.Contact{Name: "王父", Phone: kin})}, jpg(draw(11), 95))
	c.post, c.photo = c.seedPost(t, source, record.Post{Text: "女孩，左脸有胎记。联系电话 " + phone + " <img src=x onerror=alert(1)>\u202e", Place: "广东省广州市天河区" + street, PostedAt: c.clock().Add(-72 * time.Hour)}, c.picture)
	c.lead = c.seedLead(t, c.report, c.photo)
	photos, err := c.Records.PhotosOf(t.Context(), nil, c.report)
	if err != nil {
		t.Fatal(err)
	}
	for _, ph := range append(photos, c.photo) {
		b, err := c.Pipeline.Picture(t.Context(), ph.Sharp)
		if err != nil {
			t.Fatal(err)
		}
		c.sharp = append(c.sharp, b)
	}
	return c
}

// working makes an account with an area and signs it in.
func (s *site) working(t testing.TB, name, area string, roles ...record.Role) *browser {
	t.Helper()
	u := s.person(t, name, roles...)
	u.Area = area
	if err := s.Records.Tx(t.Context(), func(tx *sql.Tx) error { return s.Records.ChangeUser(t.Context(), tx, u) }); err != nil {
		t.Fatal(err)
	}
	return s.as(t, name)
}

// audited counts the lines of an action.
func (s *site) audited(t testing.TB, action string) int {
	t.Helper()
	lines, err := s.Records.AuditLog(t.Context(), nil, 0, "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, l := range lines {
		if l.Action == action {
			n++
		}
	}
	return n
}

func wants(t testing.TB, name string, a answer, status int, has []string, hasNot []string) {
	t.Helper()
	if a.status != status {
		t.Errorf("%s: status %d, want %d", name, a.status, status)
	}
	for _, s := range has {
		if !strings.Contains(a.body, s) {
			t.Errorf("%s lacks %q", name, s)
		}
	}
	for _, s := range hasNot {
		if strings.Contains(a.body, s) {
			t.Errorf("%s shows %.40q", name, s)
		}
	}
}

func (s *site) join(t testing.TB, photo, picture string) {
	t.Helper()
	if err := s.Records.Tx(t.Context(), func(tx *sql.Tx) error { return s.Records.JoinPicture(t.Context(), tx, photo, picture) }); err != nil {
		t.Fatal(err)
	}
}
