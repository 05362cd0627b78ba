package mastodon_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"xunqin/crawler"
	"xunqin/crawler/crawlertest"
	"xunqin/crawler/mastodon"
)

const tagPath = "/api/v1/timelines/tag/寻亲"

// server is a timeline of numbered posts with the paging of Mastodon.
type server struct {
	base  string
	first int // oldest id
	last  int // newest id
	post  func(id int) string
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit, _ := strconv.Atoi(q.Get("limit"))
	from := s.last // newest first, downwards
	if v := q.Get("max_id"); v != "" {
		n, _ := strconv.Atoi(v)
		from = n - 1
	}
	if v := q.Get("min_id"); v != "" {
		n, _ := strconv.Atoi(v)
		from = min(n+limit, s.last)
		limit = from - n
	}
	var list []string
	for id := from; id > from-limit && id >= s.first; id-- {
		list = append(list, s.post(id))
	}
	if len(list) > 0 {
		oldest := from - len(list) + 1
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?limit=%d&max_id=%d>; rel="next", <%s%s?min_id=%d>; rel="prev"`,
			s.base, r.URL.EscapedPath(), limit, oldest, s.base, r.URL.EscapedPath(), from))
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	fmt.Fprint(w, "["+strings.Join(list, ",")+"]")
}

func plain(id int) string {
	return fmt.Sprintf(`{"id":"%d","uri":"https://m.example/s/%d","url":"https://m.example/@a/%d","created_at":"2026-01-20T06:30:12.345Z",
		"visibility":"public","content":"<p>post %d</p>","account":{"id":"1","acct":"a"},
		"media_attachments":[{"type":"image","url":"https://f.example/%d.jpg"}]}`, id, id, id, id, id)
}

func config(base, more string) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"server":%q,"timeline":"tag","tag":"寻亲"%s}`, base, more))
}

func source(site *crawlertest.Site, more string) crawler.Source {
	return crawler.Source{Config: config(site.URL, more), Rate: crawler.Rate{Every: crawler.NoPause}}
}

func TestReader(t *testing.T) {
	crawlertest.Run(t, crawlertest.Suite{
		Reader: &mastodon.Reader{},
		Config: func(base string) json.RawMessage { return config(base, `,"limit":5,"backfill":10`) },
		Path:   tagPath,
		Site: func(base string) (http.Handler, []string) {
			var want []string
			for id := 991; id <= 1012; id++ { // across a change in the number of digits
				want = append(want, fmt.Sprintf("https://m.example/s/%d", id))
			}
			return &server{base: base, first: 991, last: 1012, post: plain}, want
		},
		Empty:   crawlertest.Body("application/json", "[]"),
		Mutants: crawlertest.JSONMutants,
	})
}

// read runs once and returns the page's posts and the cursor after them.
func read(t *testing.T, d *crawler.Door, r crawler.Reader, src *crawler.Source) ([]string, crawler.Stats) {
	t.Helper()
	var ids []string
	stats, err := d.Run(t.Context(), r, *src, func(_ context.Context, p crawler.Page) error {
		for _, post := range p.Posts {
			ids = append(ids, strings.TrimPrefix(post.NativeID, "https://m.example/s/"))
		}
		src.Cursor = p.Cursor
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids, stats
}

func TestRunsGoForwardWithoutGapsHoweverMuchCame(t *testing.T) {
	site := crawlertest.NewSite(t)
	s := &server{base: site.URL, first: 1, last: 100, post: plain}
	site.Fallback(s)
	d := crawlertest.NewDoor(t, site)
	src := source(site, `,"limit":4`)
	if ids, _ := read(t, d, &mastodon.Reader{}, &src); !cmp.Equal(ids, []string{"100", "99", "98", "97"}) {
		t.Errorf("first run: got %v", ids)
	}
	s.last = 190
	want := map[string]bool{}
	for id := 101; id <= 190; id++ {
		want[strconv.Itoa(id)] = true
	}
	got := map[string]bool{}
	ids, stats := read(t, d, &mastodon.Reader{}, &src)
	if !stats.More || stats.Pages != crawler.MaxRunPages {
		t.Errorf("second run: got %+v", stats)
	}
	more, stats := read(t, d, &mastodon.Reader{}, &src)
	if stats.More {
		t.Errorf("third run: got %+v", stats)
	}
	for _, id := range append(ids, more...) {
		got[id] = true
	}
	if diff := cmp.Diff(want, got); diff != "" || len(ids)+len(more) != 90 {
		t.Error(diff)
	}
}

func TestPostsThatComeDuringTheFirstRunAreNotSkipped(t *testing.T) {
	site := crawlertest.NewSite(t)
	s := &server{base: site.URL, first: 1, last: 20, post: plain}
	site.Fallback(s)
	d := crawlertest.NewDoor(t, site)
	src := source(site, `,"limit":5,"backfill":3`)
	got := map[string]bool{}
	for range 2 {
		_, err := d.Run(t.Context(), &mastodon.Reader{}, src, func(_ context.Context, p crawler.Page) error {
			for _, post := range p.Posts {
				got[post.NativeID] = true
			}
			src.Cursor = p.Cursor
			s.last = 30
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for id := 6; id <= 30; id++ {
		if !got[fmt.Sprintf("https://m.example/s/%d", id)] {
			t.Errorf("post %d was skipped", id)
		}
	}
	if len(got) != 25 {
		t.Errorf("got %d posts, want 25", len(got))
	}
}

func TestLinkToAnotherHostIsNotFollowed(t *testing.T) {
	other := crawlertest.NewSite(t)
	site := crawlertest.NewSite(t)
	site.Fallback(&server{base: other.URL, first: 1, last: 20, post: plain})
	src := source(site, `,"limit":5,"backfill":3`)
	if ids, _ := read(t, crawlertest.NewDoor(t, site, other), &mastodon.Reader{}, &src); len(ids) != 5 {
		t.Errorf("got %v", ids)
	}
	if n := len(other.Asked()); n != 0 {
		t.Errorf("%d requests reached the other host", n)
	}
}

func TestServerThatIgnoresMinIDDoesNotHoldTheReader(t *testing.T) {
	site := crawlertest.NewSite(t)
	site.Handle(tagPath, crawlertest.Body("application/json", "["+plain(7)+"]"))
	src := source(site, "")
	d := crawlertest.NewDoor(t, site)
	for range 2 {
		if _, stats := read(t, d, &mastodon.Reader{}, &src); stats.Pages > 1 {
			t.Errorf("got %+v", stats)
		}
	}
}

func TestWhatServersAnswerToGuestsIsNamed(t *testing.T) {
	for _, c := range []struct {
		status     int
		body, want string
	}{
		{401, `{"error":"This method requires an authenticated user"}`, crawler.RefusedAuth},
		{422, `{"error":"This method requires an authenticated user"}`, crawler.RefusedAuth},
		{401, `{"error":"Unauthorized: token not supplied"}`, crawler.RefusedAuth},
		{404, `{"error":"Record not found"}`, crawler.RefusedNotFound},
		{429, `{"error":"rate limit reached"}`, crawler.RefusedRate},
		{200, `{"error":"down"}`, crawler.RefusedNotJSON},
		{200, `[{"uri":"x"}]`, crawler.RefusedNotJSON},
		{200, `[1]`, crawler.RefusedNotJSON},
		{200, `null`, crawler.RefusedNotJSON},
	} {
		site := crawlertest.NewSite(t)
		site.Handle(tagPath, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			fmt.Fprint(w, c.body)
		}))
		_, err := crawlertest.NewDoor(t, site).Run(t.Context(), &mastodon.Reader{}, source(site, ""), func(context.Context, crawler.Page) error { return nil })
		if ref, ok := errors.AsType[*crawler.Refusal](err); !ok || ref.Name != c.want {
			t.Errorf("%d %s: got %v, want %s", c.status, c.body, err, c.want)
		}
	}
}

func TestTokenComesFromTheEnvironmentAlone(t *testing.T) {
	site := crawlertest.NewSite(t)
	site.Handle(tagPath, crawlertest.Body("application/json", "["+plain(1)+"]"))
	env := map[string]string{"MASTODON_TOKEN": "secret"}
	r := &mastodon.Reader{Getenv: func(k string) string { return env[k] }}
	src := source(site, `,"token_env":"MASTODON_TOKEN","any":["a","b"],"none":["c"],"only_media":true,"local":true`)
	read(t, crawlertest.NewDoor(t, site), r, &src)
	asked := site.Asked()[1]
	if got := asked.Header.Get("Authorization"); got != "Bearer secret" {
		t.Errorf("got %q", got)
	}
	if want := "/api/v1/timelines/tag/%E5%AF%BB%E4%BA%B2?any%5B%5D=a&any%5B%5D=b&limit=40&local=true&none%5B%5D=c&only_media=true"; asked.Path != want {
		t.Errorf("got %s, want %s", asked.Path, want)
	}
	if got := site.Asked()[0].Header.Get("Authorization"); got != "" {
		t.Errorf("robots.txt was asked for with %q", got)
	}
	delete(env, "MASTODON_TOKEN")
	_, err := crawlertest.NewDoor(t, site).Run(t.Context(), r, src, func(context.Context, crawler.Page) error { return nil })
	if ref, ok := errors.AsType[*crawler.Refusal](err); !ok || ref.Name != crawler.RefusedAuth {
		t.Errorf("without the variable: got %v", err)
	}
}

func TestPostHoldsWhatTheServerShows(t *testing.T) {
	site := crawlertest.NewSite(t)
	site.Handle(tagPath, crawlertest.Body("application/json", `[{
		"id":"115900000000000003","created_at":"2026-01-20T06:30:12.345Z","edited_at":"2026-01-20T07:00:00.000Z","sensitive":true,
		"spoiler_text":"children","visibility":"public","language":"zh","uri":"https://m.example/s/3","url":"https://m.example/@spotter/3",
		"content":"<p>Seen at 阳光路 &amp; east gate<br>about 6 <a href=\"https://m.example/tags/x\">#<span>寻亲</span></a></p><p>second</p>",
		"account":{"id":"101","acct":"spotter","display_name":"Spotter","uri":"https://m.example/users/spotter","url":"https://m.example/@spotter","note":"<p></p>","indexable":false},
		"tags":[{"name":"寻亲"}],"quote":{"state":"accepted","quoted_status":{"id":"9","uri":"https://o.example/s/9"}},
		"media_attachments":[
			{"type":"image","url":"https://f.example/a.jpg","preview_url":"https://f.example/a-small.jpg","remote_url":"https://o.example/a.jpg","description":"red jacket","meta":{"original":{"width":1600,"height":1200}}},
			{"type":"image","url":null,"remote_url":"https://o.example/b.jpg","preview_url":null,"description":null,"meta":null},
			{"type":"gifv","url":"https://f.example/c.mp4","preview_url":"https://f.example/c.png","meta":{"original":{"width":900.5,"frame_rate":"30/1"},"small":{"width":400,"height":300}}},
			{"type":"audio","url":"https://f.example/d.mp3","preview_url":"https://f.example/d.png"},
			{"type":"unknown","url":null,"remote_url":"https://o.example/e"}
		]}]`))
	var got []crawler.Post
	_, err := crawlertest.NewDoor(t, site).Run(t.Context(), &mastodon.Reader{}, source(site, ""), func(_ context.Context, p crawler.Page) error {
		got = append(got, p.Posts...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []crawler.Post{{
		NativeID: "https://m.example/s/3", URL: "https://m.example/@spotter/3", Kind: "post",
		AuthorID: "https://m.example/users/spotter", AuthorName: "Spotter",
		Text: "children\nSeen at 阳光路 & east gate\nabout 6 #寻亲\nsecond", QuotedID: "https://o.example/s/9", Lang: "zh",
		RawAt: "2026-01-20T06:30:12.345Z", At: time.Date(2026, 1, 20, 6, 30, 12, 345e6, time.UTC), EditedAt: time.Date(2026, 1, 20, 7, 0, 0, 0, time.UTC),
		Precision: crawler.PrecisionSecond, Tags: []string{"寻亲"}, Sensitive: true,
		Photos: []crawler.PhotoURL{
			{URL: "https://f.example/a.jpg", Alt: "red jacket", Width: 1600, Height: 1200, Fallback: []string{"https://o.example/a.jpg", "https://f.example/a-small.jpg"}},
			{URL: "https://o.example/b.jpg"},
			{URL: "https://f.example/c.png", Width: 400, Height: 300},
		},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhoDoesNotWantToBeCollectedIsLeftAlone(t *testing.T) {
	post := func(id int, more, account string) string {
		return fmt.Sprintf(`{"id":"%d","uri":"https://m.example/s/%d","created_at":"2026-01-20T06:30:12Z","visibility":"public","account":{"id":"1"%s}%s}`, id, id, account, more)
	}
	site := crawlertest.NewSite(t)
	site.Handle(tagPath, crawlertest.Body("application/json", "["+strings.Join([]string{
		post(20, "", ""),
		post(19, `,"visibility":"unlisted"`, ""),
		post(18, `,"visibility":"private"`, ""),
		post(17, "", `,"noindex":true`),
		post(16, "", `,"noindex":false,"indexable":false`),
		post(15, "", `,"note":"<p>me <a href='x'>#<span>NoBot</span></a></p>"`),
		post(14, "", `,"note":"no robots, #nobots."`),
		post(13, "", `,"note":"#nobotany"`),
		post(12, `,"reblog":`+post(5, "", ""), ""),
		post(11, `,"reblog":`+post(5, "", ""), ""),
		post(10, `,"reblog":`+post(4, "", `,"noindex":true`), ""),
		post(9, `,"reblog":`+post(3, `,"visibility":"private"`, ""), ""),
		post(8, `,"reblog":`+post(2, "", ""), `,"note":"#nobot"`),
	}, ",")+"]"))
	src := source(site, "")
	ids, _ := read(t, crawlertest.NewDoor(t, site), &mastodon.Reader{}, &src)
	if diff := cmp.Diff([]string{"20", "16", "13", "5"}, ids); diff != "" {
		t.Error(diff)
	}
}

func TestConfigurationFaultsAreNamed(t *testing.T) {
	r := &mastodon.Reader{}
	for _, bad := range []string{
		`{"timeline":"tag","tag":"a"}`,
		`{"server":"m.example","timeline":"tag","tag":"a"}`,
		`{"server":"ftp://m.example","timeline":"tag","tag":"a"}`,
		`{"server":"https://u:p@m.example","timeline":"tag","tag":"a"}`,
		`{"server":"https://m.example/api","timeline":"tag","tag":"a"}`,
		`{"server":"https://m.example","timeline":"home"}`,
		`{"server":"https://m.example","timeline":"tag"}`,
		`{"server":"https://m.example","timeline":"tag","tag":"#a"}`,
		`{"server":"https://m.example","timeline":"tag","tag":"a","all":["b c"]}`,
		`{"server":"https://m.example","timeline":"public","tag":"a"}`,
		`{"server":"https://m.example","timeline":"public","limit":41}`,
		`{"server":"https://m.example","timeline":"public","backfill":-1}`,
		`{"server":"https://m.example","timeline":"public","token":"secret"}`,
	} {
		if r.Check(json.RawMessage(bad)) == nil {
			t.Errorf("%s passed", bad)
		}
	}
	if err := r.Check(json.RawMessage(`{"server":"https://m.example/","timeline":"public","local":true}`)); err != nil {
		t.Error(err)
	}
}

func TestARunSaysSinceWhenItShowsEverything(t *testing.T) {
	hour := func(n int) time.Time { return time.Date(2026, 1, 20, n, 0, 0, 0, time.UTC) }
	site := crawlertest.NewSite(t)
	s := &server{base: site.URL, first: 1, last: 20, post: func(id int) string {
		dated := strings.ReplaceAll(plain(id), "2026-01-20T06:30:12.345Z", hour(id).Format(time.RFC3339))
		if id != 17 {
			return dated
		}
		old := strings.ReplaceAll(plain(900), "2026-01-20T06:30:12.345Z", "2019-01-01T00:00:00Z")
		return strings.TrimSuffix(dated, "}") + `,"reblog":` + old + "}" // a boost of an old post stands at its own time
	}}
	site.Fallback(s)
	d := crawlertest.NewDoor(t, site)
	src := source(site, `,"limit":5,"backfill":2`)
	var since []time.Time
	run := func() {
		t.Helper()
		since = nil
		if _, err := d.Run(t.Context(), &mastodon.Reader{}, src, func(_ context.Context, p crawler.Page) error {
			since, src.Cursor = append(since, p.Since), p.Cursor
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if run(); !cmp.Equal(since, []time.Time{hour(16), hour(11)}) {
		t.Errorf("first run: everything since %v", since)
	}
	s.last = 22
	if run(); !cmp.Equal(since, []time.Time{{}}) {
		t.Errorf("forwards, a page says nothing of what is behind it: %v", since)
	}
	src.Cursor, s.last = nil, 0
	if run(); !cmp.Equal(since, []time.Time{crawler.Beginning()}) {
		t.Errorf("an empty timeline is read whole: %v", since)
	}
}

// TestExamplesGiveTheirPosts reads the bodies of the wire documents where they lie beside the repository.
func TestExamplesGiveTheirPosts(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "wire", "examples", "mastodon")
	if _, err := os.Stat(dir); err != nil {
		return // nothing lies there; the same shapes are tested above
	}
	for name, want := range map[string][]int{"timelines_tag_page1.json": {2, 1, 0}, "gotosocial_tag_timeline_captured.json": {1, 1}} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		site := crawlertest.NewSite(t)
		site.Handle(tagPath, crawlertest.Body("application/json", string(b)))
		var got []int
		_, err = crawlertest.NewDoor(t, site).Run(t.Context(), &mastodon.Reader{}, source(site, ""), func(_ context.Context, p crawler.Page) error {
			for _, post := range p.Posts {
				if got = append(got, len(post.Photos)); post.At.IsZero() || post.Text == "" || post.AuthorID == "" || !strings.HasPrefix(post.NativeID, "https://") {
					t.Errorf("%s: %+v", name, post)
				}
			}
			return nil
		})
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %s %v", name, diff, err)
		}
	}
	for name, want := range map[string]string{"error_401.json": crawler.RefusedAuth, "error_422.json": crawler.RefusedAuth, "error_404.json": crawler.RefusedNotFound, "error_429.json": crawler.RefusedRate,
		"gotosocial_error_401.json": crawler.RefusedAuth, "gotosocial_error_429.json": crawler.RefusedRate} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		status, err := strconv.Atoi(name[strings.LastIndexByte(name, '_')+1 : len(name)-len(".json")])
		if err != nil {
			t.Fatal(err)
		}
		site := crawlertest.NewSite(t)
		site.Handle(tagPath, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			w.Write(b)
		}))
		_, err = crawlertest.NewDoor(t, site).Run(t.Context(), &mastodon.Reader{}, source(site, ""), func(context.Context, crawler.Page) error { return nil })
		if ref, ok := errors.AsType[*crawler.Refusal](err); !ok || ref.Name != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
}

// TestPleromaAndGoToSocialAreReadAsTheyAnswer has what their servers leave out or name otherwise.
func TestPleromaAndGoToSocialAreReadAsTheyAnswer(t *testing.T) {
	for name, body := range map[string]string{
		"Pleroma": `[{"id":"AqQjmA6Aof5FVCTR6m","uri":"https://p.example/objects/1","url":"https://p.example/notice/AqQjmA6Aof5FVCTR6m","created_at":"2026-01-20T06:30:12.000Z","edited_at":null,"visibility":"public","language":null,
			"content":"seen<br/>alone","account":{"id":"A1","acct":"a","fqn":"a@p.example","url":"https://p.example/users/a","note":"","display_name":""},"tags":[{"name":"寻亲"}],"quote_id":null,"quote":{"id":"x","uri":"https://p.example/objects/9"},
			"media_attachments":[{"id":"1","type":"image","url":"https://p.example/media/1.jpg","preview_url":"https://p.example/media/1.jpg","remote_url":"https://p.example/media/1.jpg","description":"","pleroma":{"mime_type":"image/jpeg"}}],"pleroma":{"local":true}},
			{"id":"AqQjmA6Aof5FVCTR6l","uri":"https://p.example/objects/2","created_at":"2026-01-20T06:30:12.000Z","visibility":"local","content":"x","account":{"id":"A1"}}]`,
		"GoToSocial": `[{"id":"01M87M88N25VZJ7RABE645MQPS","uri":"https://p.example/objects/1","url":null,"created_at":"2026-01-20T06:30:12.283Z","visibility":"public","language":"zh","content":"<p>seen<br>alone</p>","reblog":null,
			"account":{"id":"01MP5YQ130JPXE4R0RJY78WWJ8","acct":"a","url":"https://p.example/users/a","noindex":false,"indexable":false},"tags":[{"name":"寻亲"}],"quote":{"state":"accepted","quoted_status":{"uri":"https://p.example/objects/9"}},
			"media_attachments":[{"id":"1","type":"image","url":null,"text_url":null,"remote_url":"https://p.example/media/1.jpg","preview_url":null,"meta":{"original":{"width":8,"height":8}}}]}]`,
	} {
		site := crawlertest.NewSite(t)
		site.Handle(tagPath, crawlertest.Body("application/json", body))
		var got []crawler.Post
		src := source(site, "")
		_, err := crawlertest.NewDoor(t, site).Run(t.Context(), &mastodon.Reader{}, src, func(_ context.Context, p crawler.Page) error {
			got, src.Cursor = append(got, p.Posts...), p.Cursor
			return nil
		})
		if err != nil || len(got) != 1 || got[0].NativeID != "https://p.example/objects/1" || got[0].URL == "" || got[0].Text != "seen\nalone" || got[0].AuthorID != "https://p.example/users/a" ||
			got[0].QuotedID != "https://p.example/objects/9" || len(got[0].Photos) != 1 || got[0].Photos[0].URL != "https://p.example/media/1.jpg" || len(got[0].Photos[0].Fallback) != 0 {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}
