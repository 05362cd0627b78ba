package crawler_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"

	"xunqin/crawler"
	"xunqin/crawler/crawlertest"
)

// reader is a Reader made of a function.
type reader func(ctx context.Context, f *crawler.Fetcher, src crawler.Source, emit func(crawler.Page) error) error

func (r reader) Read(ctx context.Context, f *crawler.Fetcher, src crawler.Source, emit func(crawler.Page) error) error {
	return r(ctx, f, src, emit)
}

// get reads one address as a page or as JSON and hands the answer to got.
func get(address string, asJSON bool, req crawler.Request, got *crawler.Answer) reader {
	return func(ctx context.Context, f *crawler.Fetcher, _ crawler.Source, emit func(crawler.Page) error) error {
		req.URL = address
		fetch := f.Page
		if asJSON {
			fetch = f.JSON
		}
		a, err := fetch(ctx, req)
		if err != nil {
			return err
		}
		if got != nil {
			*got = a
		}
		return emit(crawler.Page{Posts: []crawler.Post{{NativeID: a.URL}}, Cursor: json.RawMessage(`1`)})
	}
}

var quick = crawler.Source{ID: "s", Rate: crawler.Rate{Every: crawler.NoPause}}

func accept(context.Context, crawler.Page) error { return nil }

// run reads and reports the refusal's name, empty for success.
func run(t *testing.T, d *crawler.Door, r crawler.Reader) (crawler.Stats, string) {
	t.Helper()
	stats, err := d.Run(t.Context(), r, quick, accept)
	return stats, name(t, err)
}

func name(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	ref, ok := errors.AsType[*crawler.Refusal](err)
	if !ok {
		t.Fatalf("got %v, want a refusal", err)
	}
	return ref.Name
}

func TestRefusalsHaveTheirNames(t *testing.T) {
	const feed = `{"posts":[]}`
	for _, c := range []struct {
		name       string
		h          http.Handler
		page, json string // refusal of each way to fetch
		picture    string
	}{
		{"content", crawlertest.Body("application/json", feed), "", "", "not-picture"},
		{"400", crawlertest.Status(400), "bad-status", "bad-status", "bad-status"},
		{"401", crawlertest.Status(401), "unauthorized", "unauthorized", "unauthorized"},
		{"403", crawlertest.Status(403), "forbidden", "forbidden", "forbidden"},
		{"404", crawlertest.Status(404), "not-found", "not-found", "not-found"},
		{"410", crawlertest.Status(410), "gone", "gone", "gone"},
		{"418", crawlertest.Status(418), "teapot", "teapot", "teapot"},
		{"432 without a word", crawlertest.Status(432), "weibo-432", "weibo-432", "weibo-432"},
		{"451", crawlertest.Status(451), "forbidden", "forbidden", "forbidden"},
		{"500", crawlertest.Status(500), "server-error", "server-error", "server-error"},
		{"599", crawlertest.Status(599), "server-error", "server-error", "server-error"},
		{"202", crawlertest.Status(202), "bad-status", "bad-status", "bad-status"},
		{"204", crawlertest.Status(204), "bad-status", "bad-status", "bad-status"},
		{"304 nobody asked for", crawlertest.Status(304), "bad-status", "bad-status", "bad-status"},
		{"302 to nowhere", crawlertest.Status(302), "bad-status", "bad-status", "bad-status"},
		{"sign-in page", crawlertest.Login(), "", "login-wall", "login-wall"},
		{"captcha", crawlertest.Captcha(), "", "captcha", "captcha"},
		{"HTML", crawlertest.Body("application/json", "<html><body>maintenance"), "", "not-json", "not-picture"},
		{"nothing", crawlertest.Body("application/json", ""), "", "not-json", "not-picture"},
		{"half of it", crawlertest.Body("application/json", `{"posts":[`), "", "not-json", "not-picture"},
		{"body cut short", crawlertest.Cut("application/json", feed), "cut", "cut", "cut"},
		{"gzip bomb", crawlertest.Bomb("application/json", 64<<20), "too-large", "too-large", "too-large"},
		{"gzip bomb that colly would unpack", crawlertest.Bomb("application/x-gzip", 64<<20), "too-large", "too-large", "too-large"},
		{"one byte too much", crawlertest.Body("text/plain", strings.Repeat("x", crawler.MaxPageBytes+1)), "too-large", "too-large", "not-picture"},
		{"foreign encoding", crawlertest.Status(200, "Content-Encoding", "br"), "encoding", "encoding", "encoding"},
		{"to a private address", crawlertest.Redirect("http://10.0.0.1/a"), "address-refused", "address-refused", "address-refused"},
		{"to the metadata service", crawlertest.Redirect("http://169.254.169.254/latest"), "address-refused", "address-refused", "address-refused"},
		{"to another port", crawlertest.Redirect("http://127.0.0.1:1/"), "address-refused", "address-refused", "address-refused"},
		{"to what is no address", crawlertest.Redirect("http://[::1"), "bad-url", "bad-url", "bad-url"},
		{"to a file", crawlertest.Redirect("file:///etc/passwd"), "bad-url", "bad-url", "bad-url"},
		{"to user info", crawlertest.Redirect("http://u:p@127.0.0.1/"), "bad-url", "bad-url", "bad-url"},
		{"to a decimal address", crawlertest.Redirect("http://2130706433/"), "bad-url", "bad-url", "bad-url"},
		{"to itself", crawlertest.Redirect("/a"), "redirect-loop", "redirect-loop", "redirect-loop"},
		{"to what is disallowed", crawlertest.Redirect("/private"), "robots", "robots", "robots"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			site := crawlertest.NewSite(t)
			site.Handle("/robots.txt", crawlertest.Body("text/plain", "User-agent: *\nDisallow: /private"))
			site.Handle("/a", c.h)
			d := crawlertest.NewDoor(t, site)
			d.Contact = "crawler@example.org" // so that no redirect ends for want of one
			for kind, want := range map[string]string{"page": c.page, "json": c.json, "picture": c.picture} {
				var got string
				if kind == "picture" {
					_, err := d.Picture(t.Context(), quick, site.URL+"/a")
					got = name(t, err)
				} else {
					_, got = run(t, d, get(site.URL+"/a", kind == "json", crawler.Request{}, nil))
				}
				if got != want {
					t.Errorf("%s: got %q, want %q", kind, got, want)
				}
			}
			if site.Count("/private") > 0 {
				t.Error("the disallowed path was asked for")
			}
		})
	}
}

func TestDisallowedPageIsNeverAskedForWhateverTheEnvironmentSays(t *testing.T) {
	for k, v := range map[string]string{
		"COLLY_IGNORE_ROBOTSTXT": "yes", "COLLY_MAX_BODY_SIZE": "3", "COLLY_ALLOWED_DOMAINS": "example.org", "COLLY_USER_AGENT": "other",
		"COLLY_CACHE_DIR": t.TempDir(), "COLLY_MAX_REQUESTS": "1", "COLLY_FOLLOW_REDIRECTS": "no", "COLLY_DISALLOWED_DOMAINS": "127.0.0.1",
		"COLLY_PARSE_HTTP_ERROR_RESPONSE": "no", "COLLY_MAX_DEPTH": "1", "COLLY_DETECT_CHARSET": "yes",
	} {
		t.Setenv(k, v)
	}
	site := crawlertest.NewSite(t)
	site.Handle("/robots.txt", crawlertest.Body("text/plain", "User-agent: xunqin\nDisallow: /no"))
	site.Handle("/yes", crawlertest.Redirect("/body"))
	site.Handle("/body", crawlertest.Body("text/plain", "whole body"))
	d := crawlertest.NewDoor(t, site)
	for range 2 {
		var a crawler.Answer
		if _, got := run(t, d, get(site.URL+"/yes", false, crawler.Request{}, &a)); got != "" || string(a.Body) != "whole body" {
			t.Errorf("got %q, refusal %q", a.Body, got)
		}
		if _, got := run(t, d, get(site.URL+"/no", false, crawler.Request{}, nil)); got != crawler.RefusedRobots {
			t.Errorf("got %q, want robots", got)
		}
	}
	if site.Count("/no") != 0 {
		t.Error("the disallowed path was asked for")
	}
	if n := site.Count("/robots.txt"); n != 1 {
		t.Errorf("robots.txt was asked for %d times, want once", n)
	}
	for _, a := range site.Asked() {
		if got := a.Header.Get("User-Agent"); got != "xunqin/test" {
			t.Errorf("%s was asked for by %q", a.Path, got)
		}
	}
}

func TestRobotsAnswersDecide(t *testing.T) {
	site2 := crawlertest.NewSite(t)
	site2.Handle("/robots.txt", crawlertest.Body("text/plain", "User-agent: *\nDisallow: /a"))
	loop := crawlertest.Redirect("/robots.txt")
	for _, c := range []struct {
		name  string
		h     http.Handler
		want  string
		again int // times it is asked for when a second run follows
	}{
		{"allow", crawlertest.Body("text/plain", "User-agent: *\nAllow: /"), "", 1},
		{"deny", crawlertest.Body("text/plain", "User-agent: *\nDisallow: /"), "robots", 1},
		{"longest match wins where temoto errs", crawlertest.Body("text/plain", "User-agent: *\nDisallow: /*\nAllow: /a"), "", 1},
		{"another agent", crawlertest.Body("text/plain", "User-agent: x\nDisallow: /"), "", 1},
		{"404", crawlertest.Status(404), "", 1},
		{"403", crawlertest.Status(403), "", 1},
		{"500", crawlertest.Status(500), "robots", 1},
		{"503", crawlertest.Status(503), "robots", 1},
		{"429", crawlertest.Status(429), "rate-limited", 1},
		{"redirect loop", loop, "robots", 6},
		{"redirect to another host", crawlertest.Redirect(site2.URL + "/robots.txt"), "robots", 1},
		{"redirect to a private address", crawlertest.Redirect("http://10.0.0.1/robots.txt"), "robots", 1},
		{"cut", crawlertest.Cut("text/plain", "User-agent: *\nAllow: /"), "robots", 1},
		{"huge", crawlertest.Body("text/plain", "User-agent: *\nDisallow: /a\n"+strings.Repeat("# filler\n", 4<<20/9)), "robots", 1},
		{"bomb", crawlertest.Bomb("text/plain", 64<<20), "", 1},
		{"HTML", crawlertest.Body("text/html", "<html><p>Disallow: no"), "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			site := crawlertest.NewSite(t)
			site.Handle("/robots.txt", c.h)
			site.Handle("/a", crawlertest.Body("text/plain", "a"))
			d := crawlertest.NewDoor(t, site, site2)
			d.Contact = "crawler@example.org"
			for range 2 {
				if _, got := run(t, d, get(site.URL+"/a", false, crawler.Request{}, nil)); got != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
			}
			_, err := d.Picture(t.Context(), quick, site.URL+"/a")
			if got := name(t, err); c.want != "" && got != c.want {
				t.Errorf("picture: got %q, want %q", got, c.want)
			}
			if n := site.Count("/robots.txt"); n != c.again {
				t.Errorf("robots.txt was asked for %d times, want %d", n, c.again)
			}
			if n := site.Count("/a"); c.want != "" && n != 0 {
				t.Errorf("the page was asked for %d times", n)
			}
		})
	}
}

func TestRobotsIsAskedForAgainAfterADay(t *testing.T) {
	site := crawlertest.NewSite(t)
	site.Handle("/robots.txt", crawlertest.Status(500))
	site.Handle("/a", crawlertest.Body("text/plain", "a"))
	var hours atomic.Int64
	begin := time.Now()
	d := crawlertest.NewDoor(t, site)
	d.Now = func() time.Time { return begin.Add(time.Duration(hours.Load()) * time.Hour) }
	_, err := d.Run(t.Context(), get(site.URL+"/a", false, crawler.Request{}, nil), quick, accept)
	ref, ok := errors.AsType[*crawler.Refusal](err)
	if !ok || ref.Name != crawler.RefusedRobots || !ref.Temporary() || !ref.RetryAfter.Equal(begin.Add(24*time.Hour)) {
		t.Fatalf("got %v, want robots until tomorrow", err)
	}
	site.Handle("/robots.txt", crawlertest.Status(404))
	hours.Store(23)
	if _, got := run(t, d, get(site.URL+"/a", false, crawler.Request{}, nil)); got != crawler.RefusedRobots {
		t.Errorf("after 23 h: got %q, want robots", got)
	}
	hours.Store(24)
	if _, got := run(t, d, get(site.URL+"/a", false, crawler.Request{}, nil)); got != "" {
		t.Errorf("after a day: got %q", got)
	}
}

func TestManyPicturesAskForRobotsOnce(t *testing.T) {
	site := crawlertest.NewSite(t)
	site.Handle("/robots.txt", crawlertest.Body("text/plain", "User-agent: *\nDisallow: /no"))
	site.Handle("/a.png", crawlertest.Body("image/png", "\x89PNG\r\n\x1a\nrest"))
	d := crawlertest.NewDoor(t, site)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			p, err := d.Picture(t.Context(), quick, site.URL+"/a.png")
			if err != nil || p.MIME != "image/png" || p.FinalURL != site.URL+"/a.png" {
				t.Errorf("got %+v, %v", p, err)
			}
		})
	}
	wg.Wait()
	if n := site.Count("/robots.txt"); n != 1 {
		t.Errorf("robots.txt was asked for %d times", n)
	}
}

func TestNothingBeyondLoopbackWithoutContact(t *testing.T) {
	for _, address := range []string{"http://example.org/", "http://localhost.example.org/", "http://8.8.8.8/"} {
		_, err := new(crawler.Door).Run(t.Context(), get(address, false, crawler.Request{}, nil), quick, accept)
		if !errors.Is(err, crawler.ErrNoContact) {
			t.Errorf("%s: got %v", address, err)
		}
		if _, err := new(crawler.Door).Picture(t.Context(), quick, address); !errors.Is(err, crawler.ErrNoContact) {
			t.Errorf("picture %s: got %v", address, err)
		}
	}
	d := crawler.Door{Version: "1.2", Contact: "crawler@example.org"}
	if got, want := d.UserAgent(), "xunqin/1.2 (+crawler@example.org)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAuthorizationStaysWithItsOrigin(t *testing.T) {
	here, there := crawlertest.NewSite(t), crawlertest.NewSite(t)
	here.Handle("/a", crawlertest.Redirect("/b"))
	here.Handle("/b", crawlertest.Redirect(there.URL+"/c"))
	there.Handle("/c", crawlertest.Redirect(here.URL+"/d"))
	here.Handle("/d", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Set-Cookie", "id=1; Path=/")
		w.Write([]byte("{}"))
	}))
	d := crawlertest.NewDoor(t, here, there)
	for _, asJSON := range []bool{true, false} {
		for range 2 {
			if _, got := run(t, d, get(here.URL+"/a", asJSON, crawler.Request{Bearer: "secret"}, nil)); got != "" {
				t.Fatal(got)
			}
		}
	}
	for _, a := range append(here.Asked(), there.Asked()...) {
		want := ""
		if a.Path == "/a" || a.Path == "/b" {
			want = "Bearer secret"
		}
		if got := a.Header.Get("Authorization"); got != want {
			t.Errorf("%s was asked for with %q, want %q", a.Path, got, want)
		}
		if got := a.Header.Get("Cookie"); got != "" {
			t.Errorf("%s was asked for with cookie %q", a.Path, got)
		}
	}
}

func TestFiveRedirectsAreFollowedAndNoSixth(t *testing.T) {
	site := crawlertest.NewSite(t)
	for i := range 8 {
		site.Handle(fmt.Sprintf("/%d", i), crawlertest.Redirect(fmt.Sprintf("/%d", i+1)))
	}
	site.Handle("/8", crawlertest.Body("application/json", "{}"))
	d := crawlertest.NewDoor(t, site)
	for _, asJSON := range []bool{true, false} {
		var a crawler.Answer
		stats, got := run(t, d, get(site.URL+"/3", asJSON, crawler.Request{}, &a))
		if got != "" || a.URL != site.URL+"/8" || stats.Asked != 6 {
			t.Errorf("five: got %q, %s, %+v", got, a.URL, stats)
		}
		stats, got = run(t, d, get(site.URL+"/2", asJSON, crawler.Request{}, &a))
		if got != crawler.RefusedRedirects || stats.Asked != 6 {
			t.Errorf("six: got %q, %+v", got, stats)
		}
	}
	if n := site.Count("/8"); n != 2 {
		t.Errorf("the end was asked for %d times, want 2", n)
	}
}

func TestUnchangedPageIsNotModified(t *testing.T) {
	site := crawlertest.NewSite(t)
	site.Handle("/a", crawlertest.Tagged("text/plain", `W/"x y"`, "a"))
	d := crawlertest.NewDoor(t, site)
	var a crawler.Answer
	run(t, d, get(site.URL+"/a", false, crawler.Request{}, &a))
	if want := (crawler.Validators{ETag: `W/"x y"`}); a.Validators != want || a.NotModified {
		t.Fatalf("got %+v", a)
	}
	for _, asJSON := range []bool{true, false} {
		stats, got := run(t, d, get(site.URL+"/a", asJSON, crawler.Request{Validators: a.Validators}, &a))
		if got != "" || !a.NotModified || a.Validators.ETag != `W/"x y"` || stats.NotModified != 1 || stats.Fetched != 0 {
			t.Errorf("got %+v, %+v, refusal %q", a, stats, got)
		}
	}
}

func TestPagesComeAsUTF8WithTheirElements(t *testing.T) {
	site := crawlertest.NewSite(t)
	body, err := simplifiedchinese.GBK.NewEncoder().String(`<html><head><meta charset="gb2312"></head><body><h1>寻亲</h1></body></html>`)
	if err != nil {
		t.Fatal(err)
	}
	for path, contentType := range map[string]string{"/header": "text/html; charset=gbk", "/meta": "text/html", "/none": ""} {
		site.Handle(path, crawlertest.Body(contentType, body))
		var a crawler.Answer
		if _, got := run(t, crawlertest.NewDoor(t, site), get(site.URL+path, false, crawler.Request{}, &a)); got != "" {
			t.Fatal(got)
		}
		if a.HTML == nil || a.HTML.ChildText("h1") != "寻亲" || !strings.Contains(string(a.Body), "寻亲") || a.Charset != "gb18030" {
			t.Errorf("%s: got %q in %s", path, a.Body, a.Charset)
		}
	}
}

func TestContextEndsARunWithinASecond(t *testing.T) {
	site := crawlertest.NewSite(t)
	begun := make(chan struct{}, 1)
	site.Handle("/a", crawlertest.Hang("text/html", begun))
	for _, asJSON := range []bool{true, false} {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := crawlertest.NewDoor(t, site).Run(ctx, get(site.URL+"/a", asJSON, crawler.Request{}, nil), quick, accept)
			done <- err
		}()
		<-begun
		start := time.Now()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("the run went on for %v", took)
		}
	}
}

func TestRetryAfterIsObeyed(t *testing.T) {
	now := time.Date(2026, 1, 20, 6, 30, 0, 0, time.UTC)
	for _, c := range []struct {
		headers []string
		status  int
		want    time.Time
	}{
		{[]string{"Retry-After", "120"}, 429, now.Add(2 * time.Minute)},
		{[]string{"Retry-After", "Tue, 20 Jan 2026 06:40:00 GMT"}, 503, now.Add(10 * time.Minute)},
		{[]string{"Retry-After", "60", "Retry-After", "Tue, 20 Jan 2026 06:40:00 GMT"}, 503, now.Add(10 * time.Minute)},
		{[]string{"X-RateLimit-Reset", "2026-01-20T06:45:00.059919Z"}, 429, now.Add(15*time.Minute + 59919*time.Microsecond)},
		{[]string{"X-RateLimit-Reset", fmt.Sprint(now.Unix() + 90)}, 429, now.Add(90 * time.Second)},
		{nil, 429, now.Add(time.Minute)},
		{[]string{"Retry-After", "soon"}, 429, now.Add(time.Minute)},
		{[]string{"Retry-After", "99999999"}, 429, now.Add(24 * time.Hour)},
		{[]string{"Retry-After", "Tue, 20 Jan 2025 06:40:00 GMT"}, 503, time.Time{}},
		{nil, 500, time.Time{}},
	} {
		site := crawlertest.NewSite(t)
		site.Handle("/a", crawlertest.Status(c.status, c.headers...))
		d := crawlertest.NewDoor(t, site)
		d.Now = func() time.Time { return now }
		_, err := d.Run(t.Context(), get(site.URL+"/a", false, crawler.Request{}, nil), quick, accept)
		ref, ok := errors.AsType[*crawler.Refusal](err)
		if !ok || !ref.RetryAfter.Equal(c.want) || !ref.Temporary() {
			t.Errorf("%d %v: got %v until %v, want %v", c.status, c.headers, err, ref.RetryAfter, c.want)
		}
		if c.want.Sub(now) <= crawler.MaxPaceWait {
			continue
		}
		site.Forget()
		if _, got := run(t, d, get(site.URL+"/b", false, crawler.Request{}, nil)); got != crawler.RefusedRate || len(site.Asked()) != 0 {
			t.Errorf("%d %v: the host was asked again: %q", c.status, c.headers, got)
		}
	}
}

func TestRunStopsAtTwentyPagesAndGoesOnFromItsCursor(t *testing.T) {
	pages := reader(func(_ context.Context, _ *crawler.Fetcher, src crawler.Source, emit func(crawler.Page) error) error {
		n := 0
		json.Unmarshal(src.Cursor, &n)
		for n < 45 {
			n++
			if err := emit(crawler.Page{Posts: []crawler.Post{{}, {}}, Cursor: json.RawMessage(fmt.Sprint(n)), More: n < 45}); err != nil {
				return fmt.Errorf("emit: %w", err)
			}
		}
		return nil
	})
	src := quick
	var got []crawler.Stats
	for more := true; more; {
		stats, err := new(crawler.Door).Run(t.Context(), pages, src, func(_ context.Context, p crawler.Page) error { src.Cursor = p.Cursor; return nil })
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, stats)
		more = stats.More
	}
	want := []crawler.Stats{{Pages: 20, Posts: 40, More: true}, {Pages: 20, Posts: 40, More: true}, {Pages: 5, Posts: 10}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRunStopsAfterAMinute(t *testing.T) {
	site := crawlertest.NewSite(t)
	site.Handle("/a", crawlertest.Body("application/json", "{}"))
	var now atomic.Int64
	d := crawlertest.NewDoor(t, site)
	d.Now = func() time.Time { return time.Unix(now.Load(), 0) }
	stats, err := d.Run(t.Context(), reader(func(ctx context.Context, f *crawler.Fetcher, _ crawler.Source, emit func(crawler.Page) error) error {
		for {
			if _, err := f.JSON(ctx, crawler.Request{URL: site.URL + "/a"}); err != nil {
				return err
			}
			now.Add(25)
			if err := emit(crawler.Page{Cursor: json.RawMessage("1")}); err != nil {
				return err
			}
		}
	}), quick, accept)
	if err != nil || !stats.More || stats.Pages != 3 {
		t.Errorf("got %+v, %v", stats, err)
	}
}

func TestErrorOfAcceptEndsTheRunEvenIfTheReaderHidesIt(t *testing.T) {
	broken := errors.New("disk full")
	calls := 0
	_, err := new(crawler.Door).Run(t.Context(), reader(func(_ context.Context, _ *crawler.Fetcher, _ crawler.Source, emit func(crawler.Page) error) error {
		emit(crawler.Page{})
		emit(crawler.Page{})
		return nil
	}), quick, func(context.Context, crawler.Page) error { calls++; return broken })
	if !errors.Is(err, broken) || calls != 1 {
		t.Errorf("got %v after %d calls", err, calls)
	}
}

func TestPanicOfAReaderEndsOnlyItsRun(t *testing.T) {
	_, err := new(crawler.Door).Run(t.Context(), reader(func(context.Context, *crawler.Fetcher, crawler.Source, func(crawler.Page) error) error {
		panic("hostile page")
	}), quick, accept)
	if err == nil || strings.Contains(err.Error(), "hostile") {
		t.Errorf("got %v", err)
	}
}

func TestPaceIsTakenByRobotsPagesAndPicturesAlike(t *testing.T) {
	site := crawlertest.NewSite(t)
	site.Handle("/a", crawlertest.Redirect("/b"))
	site.Handle("/b", crawlertest.Body("text/plain", "b"))
	site.Handle("/c.png", crawlertest.Body("image/png", "\x89PNG\r\n\x1a\n"))
	d := crawlertest.NewDoor(t, site)
	const every = 60 * time.Millisecond
	src := crawler.Source{Rate: crawler.Rate{Every: every}}
	if _, err := d.Run(t.Context(), get(site.URL+"/a", false, crawler.Request{}, nil), src, accept); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Picture(t.Context(), src, site.URL+"/c.png"); err != nil {
		t.Fatal(err)
	}
	asked := site.Asked()
	var paths []string
	for i, a := range asked {
		paths = append(paths, a.Path)
		if i > 0 && a.At.Sub(asked[i-1].At) < every {
			t.Errorf("%s came %v after the request before", a.Path, a.At.Sub(asked[i-1].At))
		}
	}
	if diff := cmp.Diff([]string{"/robots.txt", "/a", "/b", "/c.png"}, paths); diff != "" {
		t.Error(diff)
	}
}

func TestNoPauseIsForAllowedLoopbackAlone(t *testing.T) {
	allow := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("8.0.0.0/8")}
	rate := crawler.Rate{Every: crawler.NoPause}
	for host, ok := range map[string]bool{
		"127.0.0.1": true, "localhost:80": true, "127.0.0.1:8080": true, "[::ffff:127.0.0.1]:80": true,
		"[::1]:80": false, "8.8.8.8": false, "localhost.example.org": false, "example.org:80": false, "127.0.0.1.example.org": false,
	} {
		if err := rate.Check(host, allow); (err == nil) != ok {
			t.Errorf("%s: got %v", host, err)
		}
		if err := (crawler.Rate{}).Check(host, nil); err != nil {
			t.Errorf("%s: default rate: %v", host, err)
		}
	}
}

func TestMemoryPace(t *testing.T) {
	crawlertest.Pace(t, func() crawler.Pace { return crawler.NewMemoryPace(nil) })
}

func FuzzWall(f *testing.F) {
	f.Add([]byte("<html><input type=password>"), "http://h/login")
	f.Add([]byte("<form action=/captcha"), "http://h/")
	f.Fuzz(func(t *testing.T, body []byte, address string) {
		if _, err := url.Parse(address); err != nil {
			return
		}
		ref := new(crawler.Fetcher).Refuse(crawler.Answer{URL: address, Body: body}, crawler.RefusedNotFeed)
		if ref.Name == "" || ref.Error() == "" {
			t.Error("a refusal without a name")
		}
	})
}

func TestWhatIsPostedGoesToNobodyElse(t *testing.T) {
	for status, want := range map[int]string{http.StatusFound: "", http.StatusTemporaryRedirect: crawler.RefusedRedirects} {
		site, other := crawlertest.NewSite(t), crawlertest.NewSite(t)
		var sent, method, passed string
		site.Fallback(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			sent, method = string(b), r.Method+" "+r.Header.Get("Content-Type")
			crawlertest.Status(status, "Location", other.URL+"/").ServeHTTP(w, r)
		}))
		other.Fallback(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			passed = r.Method + string(b)
			fmt.Fprint(w, "{}")
		}))
		_, got := run(t, crawlertest.NewDoor(t, site, other), get(site.URL+"/search", true, crawler.Request{Body: []byte(`{"page":1}`)}, nil))
		if sent != `{"page":1}` || method != "POST application/json" || got != want || strings.Contains(passed, "page") {
			t.Errorf("%d: sent %s as %s, got %q; the other was asked %q", status, sent, method, got, passed)
		}
	}
}

// ratePace notes the pause of each turn and waits for none.
type ratePace struct {
	crawler.Pace
	every []time.Duration
}

func (p *ratePace) Acquire(ctx context.Context, host string, rate crawler.Rate) (func(time.Time), error) {
	p.every = append(p.every, rate.Pause())
	return p.Pace.Acquire(ctx, host, crawler.Rate{Every: crawler.NoPause})
}

func TestRequestMayBeSlowerThanItsSourceAndNeverFaster(t *testing.T) {
	site := crawlertest.NewSite(t)
	site.Handle("/", crawlertest.Body("text/html", "<html>"))
	pace := &ratePace{Pace: crawler.NewMemoryPace(nil)}
	d := crawlertest.NewDoor(t, site)
	d.Pace = pace
	for _, every := range []time.Duration{0, time.Millisecond, time.Minute} {
		src := crawler.Source{Rate: crawler.Rate{Every: time.Second}}
		if _, err := d.Run(t.Context(), get(site.URL+"/", false, crawler.Request{Every: every}, nil), src, accept); err != nil {
			t.Fatal(err)
		}
	}
	// robots.txt, then the three pages.
	if diff := cmp.Diff([]time.Duration{time.Second, time.Second, time.Second, time.Minute}, pace.every); diff != "" {
		t.Error(diff)
	}
}
