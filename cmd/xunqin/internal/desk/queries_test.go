package desk

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/crawler"
	"xunqin/crawler/guard"
	"xunqin/pipeline/notify"
	"xunqin/pipeline/record"
)

// outbox is a sender that keeps what it is given.
type outbox chan notify.Message

func (o outbox) Send(ctx context.Context, m notify.Message) (bool, error) {
	select {
	case o <- m:
		return false, nil
	case <-ctx.Done():
		return true, ctx.Err()
	}
}

// campaign is a feed of posts with pictures on loopback, and its source at the desk.
func (s *site) campaign(t *testing.T, items map[string][]byte) (source string) {
	t.Helper()
	mux := http.NewServeMux()
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	var list strings.Builder
	for text, picture := range items {
		name := "/p" + strconv.Itoa(list.Len()) + ".jpg"
		mux.HandleFunc(name, func(w http.ResponseWriter, _ *http.Request) { w.Write(picture) })
		fmt.Fprintf(&list, `<item><guid isPermaLink="false">%s</guid><link>%s%s.html</link><title>%s</title><description>%s</description><pubDate>%s</pubDate><enclosure url="%s%s" type="image/jpeg" length="1"/></item>`,
			name, srv.URL, name, html.EscapeString(text), html.EscapeString(text), s.clock().Add(-3*time.Hour).Format(time.RFC1123Z), srv.URL, name)
	}
	mux.HandleFunc("/feed", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/rss+xml")
		fmt.Fprintf(w, `<?xml version="1.0"?><rss version="2.0"><channel><title>x</title>%s</channel></rss>`, list.String())
	})
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	s.Pipeline.Door.Guard = &guard.Dialer{AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, AllowPorts: []uint16{uint16(port)}}
	err = s.Records.Tx(t.Context(), func(tx *sql.Tx) error {
		source, err = s.Records.AddSource(t.Context(), tx, record.Source{Name: "campaign", Reader: "feed", Config: json.RawMessage(`{"url":"` + srv.URL + `/feed"}`), Cron: "@every 1h", TimeZone: "UTC",
			Enabled: true, Purpose: "x", Basis: "x", ApprovedBy: "x", ReviewAt: s.clock().Add(1000 * time.Hour), Place: "福建省泉州市丰泽区", Rate: crawler.Rate{Every: crawler.NoPause, Parallel: 2}, NextRun: s.clock().Add(time.Hour)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// crawl reads a source and does all the work that follows from it.
func (s *site) crawl(t *testing.T, source string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Pipeline.Start(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	run, err := s.Pipeline.CrawlNow(t.Context(), source, "hand")
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.NewTimer(60 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		waiting, err := s.Pipeline.Waiting(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r, err := s.Records.Run(t.Context(), nil, run); err != nil || len(waiting) == 0 && !r.EndedAt.IsZero() {
			if err != nil || r.State != record.RunDone {
				t.Fatalf("run %+v: %v", r, err)
			}
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("still waiting after a minute: %v", waiting)
		}
	}
}

func TestAlertSaysWhyAtTheDeskAndNothingOutside(t *testing.T) {
	out := outbox(make(chan notify.Message, 10))
	s := newSite(t, func(s *site) { s.Pipeline.Senders[record.Webhook] = out })
	s.person(t, "act", record.Activist)
	s.person(t, "wu", record.Reviewer)
	b, wu := s.as(t, "act"), s.as(t, "wu")
	a := b.post("/queries", url.Values{"name": {"我的·胎记"}, "q": {"胎记 女孩"}, "do": {"save"}})
	query := a.header.Get("Location")
	wants(t, "saved", a, 303, nil, nil)
	a = b.post(query+"/subscriptions", url.Values{"channel": {"webhook"}, "target": {"https://hooks.example.org/abc?key=geheim"}})
	secret := regexp.MustCompile(`whsec_[A-Za-z0-9+/=]+`).FindString(html.UnescapeString(a.body))
	if a.status != 200 || secret == "" {
		t.Fatalf("no secret is shown: %d", a.status)
	}
	wants(t, "the secret a second time", b.get(query), 200, []string{"hooks.example.org"}, []string{secret, "geheim"})
	wants(t, "alerts of new leads", wu.post("/alerts", url.Values{"channel": {"inbox"}}), 303, nil, nil)

	picture := draw(101)
	s.seedReport(t, record.Report{Name: "王小明", Number: "A-17", Place: "福建省泉州市"}, jpg(picture, 95))
	s.crawl(t, s.campaign(t, map[string][]byte{"女孩，左脸有胎记，联系电话" + phone: jpg(picture, 50), "一个男孩": jpg(draw(102), 50)}))

	inbox := b.get("/inbox")
	wants(t, "the inbox", inbox, 200, []string{"我的·胎记", "胎记 女孩"}, []string{phone, "左脸", "王小明", "/sharp", "丰泽", "/leads/"})
	pictures, _ := b.pictures(inbox)
	if len(pictures) != 1 || pictures[0].status != 200 {
		t.Errorf("%d pictures, want one blurred", len(pictures))
	}
	wants(t, "today", b.get("/today?lang=en"), 200, []string{"1 alert waits"}, nil)
	for _, path := range []string{"/leads", "/search?q=x", "/search/photo", "/reports"} {
		wants(t, "an activist at "+path, b.get(path), 404, nil, nil)
	}
	wants(t, "the reviewer's inbox", wu.get("/inbox"), 200, []string{"A-17", "/leads/"}, nil)

	m := <-out
	if text := fmt.Sprint(m.Subject, m.Text, m.URL); m.To != "https://hooks.example.org/abc?key=geheim" || m.Secret != secret {
		t.Errorf("sent to %q", m.To)
	} else {
		for _, canary := range []string{"胎记", "女孩", phone, "王小明", "A-17", "泉州", "丰泽", "福建", "jpg"} {
			if strings.Contains(text, canary) {
				t.Errorf("the alert says %q: %s", canary, text)
			}
		}
	}
	if list := holding(t, filepath.Dir(t.TempDir()), []byte(secret), []byte("geheim")); len(list) > 0 {
		t.Errorf("the webhook's address or secret can be read in %v", list)
	}

	id := regexp.MustCompile(`name="id" value="([^"]+)"`).FindStringSubmatch(inbox.body)
	if id == nil {
		t.Fatal("no form in the inbox")
	}
	wants(t, "somebody else's alert", wu.post("/inbox", url.Values{"id": {id[1]}, "useful": {"no"}}), 404, nil, nil)
	wants(t, "useful", b.post("/inbox", url.Values{"id": {id[1]}, "useful": {"yes"}}), 303, nil, nil)
	wants(t, "the inbox after", b.get("/inbox"), 200, nil, []string{id[1]})
	wants(t, "with what is done", b.get("/inbox?all=1"), 200, []string{id[1], `aria-pressed="true"`}, nil)
	wants(t, "the query's fate", b.get(query+"?lang=en"), 200, []string{"1 of 1 judged"}, nil)
}

func TestSavedQueryIsItsOwnersAlone(t *testing.T) {
	s := newSite(t)
	s.person(t, "act", record.Activist)
	s.person(t, "other", record.Activist)
	b, other := s.as(t, "act"), s.as(t, "other")
	query := b.post("/queries", url.Values{"name": {"mine"}, "q": {"x"}}).header.Get("Location")
	b.post(query+"/subscriptions", url.Values{"channel": {"webhook"}, "target": {"https://hooks.example.org/"}})
	drop := regexp.MustCompile(`action="(/subscriptions/[^"]+)/drop"`).FindStringSubmatch(b.get(query).body)
	if drop == nil {
		t.Fatal("no subscription")
	}
	wants(t, "the list of another", other.get("/queries"), 200, nil, []string{"mine"})
	wants(t, "reading", other.get(query), 404, nil, []string{"mine"})
	for _, path := range []string{query, query + "/pause", query + "/resume", query + "/delete", query + "/subscriptions", drop[1] + "/drop", drop[1] + "/test"} {
		wants(t, path, other.post(path, url.Values{"name": {"y"}, "q": {"y"}, "channel": {"inbox"}}), 404, nil, nil)
	}
	wants(t, "the owner's", b.get(query), 200, []string{"mine"}, nil)
}

func TestSavedQueryIsCountedAndCheckedBeforeItIsKept(t *testing.T) {
	c := newCase(t)
	c.person(t, "act", record.Activist)
	b := c.as(t, "act")
	for i := range 4 {
		c.seedPost(t, c.source(t), record.Post{Text: "recent", PostedAt: c.clock().Add(-time.Duration(i+1) * 9 * 24 * time.Hour)}, jpg(draw(3), 60))
	}
	c.seedPost(t, c.source(t), record.Post{Text: "ancient", PostedAt: c.clock().Add(-400 * 24 * time.Hour)}, jpg(draw(3), 60))
	count := func(q string) answer {
		return b.post("/queries?lang=en", url.Values{"name": {"n"}, "q": {q}, "do": {"count"}})
	}
	wants(t, "a count", count("recent"), 200, []string{"4 posts fit now", "this would have sent 3 alerts"}, []string{c.Texts.T("en", "query.silent", "n", 90)})
	wants(t, "nothing lately", count("ancient"), 200, []string{"1 post fits now", c.Texts.T("en", "query.silent", "n", 90)}, nil)
	wants(t, "reports are not counted", count("左脸胎记"), 200, []string{"0 posts fit now"}, nil)
	wants(t, "a mistake", count("recent ("), 422, []string{"<mark>(</mark>"}, nil)
	wants(t, "no name", b.post("/queries", url.Values{"q": {"x"}}), 422, []string{`id="name-bad"`}, nil)
	wants(t, "no words", b.post("/queries", url.Values{"name": {"x"}}), 422, []string{`id="q-bad"`}, nil)
	wants(t, "the list", b.get("/queries"), 200, []string{c.Texts.T(locale.English, "queries.empty")}, nil)
	query := b.post("/queries", url.Values{"name": {"n"}, "q": {"recent"}}).header.Get("Location")
	version := regexp.MustCompile(`name="version" value="(\d+)"`).FindStringSubmatch(b.get(query).body)[1]
	wants(t, "changed", b.post(query, url.Values{"name": {"m"}, "q": {"ancient"}, "version": {version}}), 303, nil, nil)
	wants(t, "changed from an old page", b.post(query, url.Values{"name": {"k"}, "q": {"other"}, "version": {version}}), 409, nil, nil)
	wants(t, "paused", b.post(query+"/pause", nil), 303, nil, nil)
	wants(t, "its page", b.get(query), 200, []string{c.Texts.T("en", "query.rests"), query + "/resume"}, nil)
	wants(t, "resumed", b.post(query+"/resume", nil), 303, nil, nil)
	wants(t, "deleted", b.post(query+"/delete", nil), 303, nil, nil)
	wants(t, "gone", b.get(query), 404, nil, nil)
}

func TestWebhookAddressMustBePublic(t *testing.T) {
	s := newSite(t)
	for address, want := range map[string]bool{
		"https://hooks.example.org/x": true, "https://8.8.8.8/": true, "http://hooks.example.org/": false, "https://localhost/": false, "https://10.0.0.1/": false,
		"https://[::1]/": false, "https://2130706433/": false, "https://0x7f.1/": false, "https://u:p@hooks.example.org/": false, "ftp://hooks.example.org/": false,
		"https://169.254.169.254/latest": false, "": false, "https://": false, "javascript:alert(1)": false, "https://8.8.8.8:22/": false, "https://127.0.0.1/": true, // the tests' network
	} {
		if got := s.webhookAddress(address); got != want {
			t.Errorf("%q: %v, want %v", address, got, want)
		}
	}
}
