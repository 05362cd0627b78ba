package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/image/draw"

	"xunqin/cmd/xunqin/internal/app"
	"xunqin/crawler"
	"xunqin/pipeline/record"
)

// TestRealInput posts edited copies of real photos to a Mastodon server that nobody here wrote, and in a feed, lets the program
// crawl both on their schedules, and holds the leads against the truth: nearly every copy found, and no lead between different
// photos. It wants the command of the PyPI package mastodon-mock in XUNQIN_MASTODON_MOCK, and a folder of photos in
// XUNQIN_TEST_PHOTOS, each picture of another thing, those of its subfolder `pool` if it has one.
func TestRealInput(t *testing.T) {
	mock, photos := needRealInput(t)
	server := startMock(t, mock)
	feed := newFeed(t)

	unrelated, originals := pick(photos)
	t.Logf("%d originals, %d unrelated photos", len(originals), len(unrelated))
	a := openApp(t, server, feed.URL)
	reports := map[string]string{} // report id to the photo it was made of
	truth := map[string]string{}   // text of a post to the photo it is a copy of
	post := 0
	publish := func(of string, b []byte) {
		text := fmt.Sprintf("post-%d", post)
		truth[text] = of
		if post%3 == 2 {
			feed.add(text, b)
		} else {
			server.post(t, text, b)
		}
		post++
	}
	for _, path := range originals {
		b := read(t, path)
		id, problems, err := a.Pipeline.AddReport(t.Context(), "test", record.Report{Kind: record.ReportMissing, Name: filepath.Base(path), SourceName: "test"}, [][]byte{b})
		if err != nil || len(problems) > 0 {
			t.Fatalf("%s: %v, %v", path, problems, err)
		}
		reports[id] = path
	}
	ctx, cancel := context.WithCancel(t.Context())
	worked := make(chan error, 1)
	go func() { worked <- a.Work(ctx) }()

	for i, path := range originals {
		m := decode(t, read(t, path))
		for j, e := range edits {
			if (i+j)%2 == 0 { // every other edit of every photo: all edits are met, in half the time
				publish(path, e.make(m))
			}
		}
	}
	copies := post
	for _, path := range unrelated {
		publish("", read(t, path))
	}
	waitFor(t, 10*time.Minute, func() bool {
		n, err := count(a, record.StepRelated)
		if err != nil {
			t.Fatal(err)
		}
		return n == post
	})
	cancel()
	if err := <-worked; err != nil {
		t.Fatal(err)
	}

	found, wrong := map[string]bool{}, 0
	err := a.Records.EachLead(t.Context(), func(l record.Lead) error {
		sightings, err := a.Records.Sightings(t.Context(), nil, l.ID)
		if err != nil {
			return err
		}
		for _, s := range sightings {
			ph, err := a.Records.Photo(t.Context(), nil, s.PhotoID)
			if err != nil {
				return err
			}
			if ph.ReportID != "" {
				if reports[ph.ReportID] != reports[l.ReportID] {
					wrong++
					t.Logf("lead between reports of %s and %s", reports[ph.ReportID], reports[l.ReportID])
				}
				continue
			}
			p, err := a.Records.Post(t.Context(), nil, ph.PostID)
			if err != nil {
				return err
			}
			text := strings.Fields(p.Text)[0]
			if truth[text] != reports[l.ReportID] {
				wrong++
				t.Logf("lead between %s and a copy of %s", filepath.Base(reports[l.ReportID]), filepath.Base(truth[text]))
				continue
			}
			found[text] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	recall := float64(len(found)) / float64(copies)
	t.Logf("recall %.4f (%d of %d copies), %d sightings of another photo, %d unrelated posts", recall, len(found), copies, wrong, post-copies)
	if recall < 0.98 {
		t.Errorf("recall %.4f, want at least 0.98", recall)
	}
	if wrong > 0 {
		t.Errorf("%d sightings of another photo, want none", wrong)
	}
	runs, err := a.Records.Runs(t.Context(), nil, "", time.Time{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range runs {
		if r.State == record.RunFailed || r.Cause != "schedule" {
			t.Errorf("run %+v", r)
		}
	}
	if v, err := a.Pipeline.Verify(t.Context()); err != nil || len(v.Problems) > 0 {
		t.Errorf("verify: %+v, %v", v.Problems, err)
	}
}

func needRealInput(t *testing.T) (mock, photos string) {
	t.Helper()
	mock, photos = os.Getenv("XUNQIN_MASTODON_MOCK"), os.Getenv("XUNQIN_TEST_PHOTOS")
	if mock != "" && photos != "" {
		return mock, photos
	}
	why := "XUNQIN_MASTODON_MOCK (the command mastodon_mock of the PyPI package mastodon-mock) or XUNQIN_TEST_PHOTOS (a folder of photos) is not set"
	if os.Getenv("CI") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
	return "", ""
}

// pick divides a folder's photos. Where a list of originals lies beside them, the others are unrelated, and so are the first
// of a folder of distractors.
func pick(dir string) (unrelated, originals []string) {
	pool := dir
	if st, err := os.Stat(filepath.Join(dir, "pool")); err == nil && st.IsDir() {
		pool = filepath.Join(dir, "pool")
	}
	listed := map[string]bool{}
	if b, err := os.ReadFile(filepath.Join(dir, "originals.txt")); err == nil {
		for _, name := range strings.Fields(string(b)) {
			listed[name] = true
		}
	}
	names, _ := filepath.Glob(filepath.Join(pool, "*.jp*g")) // the pattern is good
	for _, n := range names {
		if len(listed) == 0 || listed[filepath.Base(n)] {
			originals = append(originals, n)
		} else {
			unrelated = append(unrelated, n)
		}
	}
	more, _ := filepath.Glob(filepath.Join(dir, "distractors", "*.jp*g"))
	return append(unrelated, more[:min(len(more), 150)]...), originals
}

// edits are the copies that hashing a whole picture must find.
var edits = []struct {
	name string
	make func(image.Image) []byte
}{
	{"quality 85", func(m image.Image) []byte { return encode(m, 85) }},
	{"quality 30", func(m image.Image) []byte { return encode(m, 30) }},
	{"half", func(m image.Image) []byte { return encode(scale(m, 0.5), 80) }},
	{"quarter", func(m image.Image) []byte { return encode(scale(m, 0.25), 80) }},
	{"larger", func(m image.Image) []byte { return encode(scale(m, 1.4), 75) }},
	{"brighter", func(m image.Image) []byte { return encode(tone(m, func(v float64) float64 { return v*0.9 + 40 }), 75) }},
	{"darker", func(m image.Image) []byte { return encode(tone(m, func(v float64) float64 { return v * 0.75 }), 75) }},
	{"grey", func(m image.Image) []byte { return encode(grey(m), 75) }},
}

func encode(m image.Image, q int) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: q}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func scale(m image.Image, by float64) image.Image {
	s := m.Bounds().Size()
	out := image.NewRGBA(image.Rect(0, 0, int(float64(s.X)*by), int(float64(s.Y)*by)))
	draw.CatmullRom.Scale(out, out.Bounds(), m, m.Bounds(), draw.Src, nil)
	return out
}

func tone(m image.Image, f func(float64) float64) image.Image {
	out := image.NewRGBA(m.Bounds())
	draw.Draw(out, out.Bounds(), m, m.Bounds().Min, draw.Src)
	for i, v := range out.Pix {
		if i%4 != 3 {
			out.Pix[i] = uint8(min(255, max(0, f(float64(v)))))
		}
	}
	return out
}

func grey(m image.Image) image.Image {
	out := image.NewGray(m.Bounds())
	for y := m.Bounds().Min.Y; y < m.Bounds().Max.Y; y++ {
		for x := m.Bounds().Min.X; x < m.Bounds().Max.X; x++ {
			out.Set(x, y, color.GrayModel.Convert(m.At(x, y)))
		}
	}
	return out
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func decode(t *testing.T, b []byte) image.Image {
	t.Helper()
	m, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// openApp opens the program on an empty folder, with both places as sources on schedules of a few seconds.
func openApp(t *testing.T, server *mockServer, feed string) *app.App {
	t.Helper()
	dir := t.TempDir()
	o := app.Options{Data: filepath.Join(dir, "data"), Keys: filepath.Join(dir, "keys"), AllowCIDRs: []string{"127.0.0.0/8"}}
	for _, u := range []string{server.url, feed} {
		o.AllowPorts = append(o.AllowPorts, portOf(t, u))
	}
	a, err := app.New(t.Context(), o, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	a.Pipeline.LeastEvery = time.Second
	for name, config := range map[string]string{
		"mastodon": fmt.Sprintf(`{"server":%q,"timeline":"public","backfill":20}`, server.url),
		"feed":     fmt.Sprintf(`{"url":%q}`, feed+"/feed.xml"),
	} {
		src := record.Source{Name: name, Reader: name, Config: json.RawMessage(config), Cron: "@every 3s", TimeZone: "UTC", Purpose: "test", Basis: "test", ApprovedBy: "test",
			ReviewAt: time.Now().Add(24 * time.Hour), Rate: crawler.Rate{Every: crawler.NoPause, Parallel: 4}}
		if err := a.Enable(&src); err != nil {
			t.Fatal(err)
		}
		if err := a.Records.Tx(t.Context(), func(tx *sql.Tx) error { _, err := a.Records.AddSource(t.Context(), tx, src); return err }); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func portOf(t *testing.T, address string) uint16 {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return uint16(n)
}

func count(a *app.App, step string) (int, error) {
	n := 0
	err := a.Records.EachPost(context.Background(), func(p record.Post) error {
		if p.Step == step {
			n++
		}
		return nil
	})
	return n, err
}

func waitFor(t *testing.T, most time.Duration, cond func() bool) {
	t.Helper()
	deadline := time.NewTimer(most)
	defer deadline.Stop()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal("waited in vain")
		}
	}
}

// mockServer is a running mastodon-mock.
type mockServer struct{ url string }

func startMock(t *testing.T, command string) *mockServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), command, "serve", "--in-memory", "--host", "127.0.0.1", "--port", strconv.Itoa(port), "--log-level", "error")
	cmd.Dir = t.TempDir()
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait() // killed: its error says so
	})
	s := &mockServer{url: "http://127.0.0.1:" + strconv.Itoa(port)}
	waitFor(t, time.Minute, func() bool {
		resp, err := http.Get(s.url + "/api/v1/timelines/public")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return s
}

// post uploads a picture and publishes a status with it, as any Mastodon client does.
func (s *mockServer) post(t *testing.T, text string, picture []byte) {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	part, err := w.CreateFormFile("file", text+".jpg")
	if err != nil {
		t.Fatal(err)
	}
	part.Write(picture)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var media struct {
		ID string `json:"id"`
	}
	s.call(t, "/api/v2/media", w.FormDataContentType(), &body, &media)
	form := url.Values{"status": {text}, "media_ids[]": {media.ID}, "visibility": {"public"}}
	s.call(t, "/api/v1/statuses", "application/x-www-form-urlencoded", strings.NewReader(form.Encode()), &struct{}{})
}

func (s *mockServer) call(t *testing.T, path, kind string, body io.Reader, into any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", s.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Authorization", "Bearer mock_token")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %s %v", path, resp.Status, b, err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%s: %v in %s", path, err, b)
	}
}

// feedServer serves an RSS feed with enclosures.
type feedServer struct {
	*httptest.Server
	posts chan func(*feedState)
}

type feedState struct {
	items    []feedItem
	pictures map[string][]byte
}

type feedItem struct {
	Title     string        `xml:"title"`
	GUID      string        `xml:"guid"`
	PubDate   string        `xml:"pubDate"`
	Enclosure feedEnclosure `xml:"enclosure"`
}

type feedEnclosure struct {
	URL    string `xml:"url,attr"`
	Type   string `xml:"type,attr"`
	Length int    `xml:"length,attr"`
}

func newFeed(t *testing.T) *feedServer {
	f := &feedServer{posts: make(chan func(*feedState))}
	ended := make(chan struct{})
	go func() { // owns the state
		defer close(ended)
		s := &feedState{pictures: map[string][]byte{}}
		for do := range f.posts {
			do(s)
		}
	}()
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answered := make(chan struct{})
		f.posts <- func(s *feedState) {
			defer close(answered)
			if b, ok := s.pictures[r.URL.Path]; ok {
				w.Write(b)
				return
			}
			if r.URL.Path != "/feed.xml" {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Content-Type", "application/rss+xml")
			io.WriteString(w, xml.Header)
			type channel struct {
				Title string     `xml:"title"`
				Items []feedItem `xml:"item"`
			}
			xml.NewEncoder(w).Encode(struct {
				XMLName xml.Name `xml:"rss"`
				Version string   `xml:"version,attr"`
				Channel channel  `xml:"channel"`
			}{Version: "2.0", Channel: channel{"feed", s.items}})
		}
		<-answered
	}))
	t.Cleanup(func() {
		f.Close()
		close(f.posts)
		<-ended
	})
	return f
}

func (f *feedServer) add(text string, picture []byte) {
	f.posts <- func(s *feedState) {
		path := "/" + text + ".jpg"
		s.pictures[path] = picture
		s.items = append([]feedItem{{text, text, time.Now().UTC().Format(time.RFC1123Z), feedEnclosure{f.URL + path, "image/jpeg", len(picture)}}}, s.items...)
	}
}
