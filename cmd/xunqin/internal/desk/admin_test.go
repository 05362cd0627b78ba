package desk

import (
	"fmt"
	"html"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"xunqin/pipeline/record"
)

// feedSite serves a feed with one post whose text an admin must not see.
func feedSite(t testing.TB, s *site, posts int) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/feed" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/rss+xml")
		fmt.Fprint(w, `<?xml version="1.0"?><rss version="2.0"><channel><title>x</title>`)
		for i := range posts {
			fmt.Fprintf(w, `<item><guid>g%d</guid><link>https://example.org/%d</link><title>canary title</title><description>canary text</description><pubDate>Mon, 02 Feb 2026 03:04:05 GMT</pubDate></item>`, i, i)
		}
		fmt.Fprint(w, `</channel></rss>`)
	}))
	t.Cleanup(srv.Close)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(srv.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	s.Pipeline.Door.Guard.AllowPorts = append(s.Pipeline.Door.Guard.AllowPorts, uint16(n))
	return srv.URL + "/feed"
}

// goodSource is a form that can be saved and enabled.
func goodSource(address string) url.Values {
	return url.Values{"name": {"Well"}, "reader": {"feed"}, "config": {fmt.Sprintf(`{"url":%q}`, address)}, "cron": {"30 2 * * *"}, "zone": {"Europe/Berlin"}, "jitter": {"60"},
		"every": {"0"}, "parallel": {"1"}, "purpose": {"find copies"}, "basis": {"public posts"}, "review": {"2026-09-01"}, "version": {"0"}}
}

func with(form url.Values, pairs ...string) url.Values {
	changed := url.Values{}
	for k, v := range form {
		changed[k] = v
	}
	for i := 0; i < len(pairs); i += 2 {
		changed.Set(pairs[i], pairs[i+1])
	}
	return changed
}

func TestSourceIsWrittenTriedEnabledAndPaused(t *testing.T) {
	s := newSite(t)
	admin := s.person(t, "li", record.Admin)
	b := s.as(t, "li")
	b.get("/account?lang=en")
	form := goodSource(feedSite(t, s, 2))

	a := b.post("/sources/new", with(form, "do", "try"))
	if a.status != http.StatusOK || !strings.Contains(a.body, "2 posts read") || strings.Contains(a.body, "canary") {
		t.Fatalf("try: status %d, or it shows what posts say", a.status)
	}
	if list, err := s.Records.Sources(t.Context(), nil); err != nil || len(list) != 0 {
		t.Fatalf("a try stored %d sources, %v", len(list), err)
	}
	if a = b.post("/sources/new", form); a.status != http.StatusSeeOther {
		t.Fatalf("save: status %d", a.status)
	}
	path := a.header.Get("Location")
	id := strings.TrimPrefix(path, "/sources/")
	src := func() record.Source {
		src, err := s.Records.Source(t.Context(), nil, id)
		if err != nil {
			t.Fatal(err)
		}
		return src
	}
	if got := src(); got.Enabled || !got.NextRun.IsZero() {
		t.Error("a source that was only saved is enabled")
	}
	if a = b.post(path+"/run", url.Values{}); a.status != http.StatusSeeOther || a.header.Get("Location") != path {
		t.Errorf("run before approval: %d to %s", a.status, a.header.Get("Location"))
	}
	if a = b.post(path+"/enable", url.Values{"version": {"1"}}); a.status != http.StatusSeeOther {
		t.Fatalf("enable: status %d", a.status)
	}
	if got := src(); !got.Enabled || got.ApprovedBy != admin.ID || got.NextRun.Before(s.now) {
		t.Errorf("enabled %v by %q, next run %v", got.Enabled, got.ApprovedBy, got.NextRun)
	}
	if a = b.post(path+"/run", url.Values{}); !strings.HasPrefix(a.header.Get("Location"), "/runs/") {
		t.Errorf("run: %d to %s", a.status, a.header.Get("Location"))
	}
	if a = b.get(a.header.Get("Location")); a.status != http.StatusOK || !strings.Contains(a.body, "by hand") {
		t.Errorf("the run's page: %d", a.status)
	}
	if a = b.post(path+"/run", url.Values{}); a.header.Get("Location") != path {
		t.Error("a second run begins beside the first")
	}
	if a = b.post(path, with(form, "version", "2", "basis", "")); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `id="basis-bad"`) {
		t.Errorf("a running source loses its basis: %d", a.status)
	}
	if a = b.post(path, with(form, "version", "1")); a.status != http.StatusConflict {
		t.Errorf("an old form: %d", a.status)
	}
	before := src().NextRun
	if a = b.post(path, with(form, "version", "2", "cron", "30 5 * * *")); a.status != http.StatusSeeOther || src().NextRun.Equal(before) {
		t.Errorf("change the schedule: %d, next run %v", a.status, src().NextRun)
	}
	if a = b.post(path+"/pause", url.Values{}); a.status != http.StatusSeeOther || src().Enabled {
		t.Errorf("pause: %d", a.status)
	}
	if _, err := s.Records.VerifyAudit(t.Context()); err != nil {
		t.Error(err)
	}
	log, err := s.Records.AuditLog(t.Context(), nil, 0, admin.ID, 20)
	if err != nil {
		t.Fatal(err)
	}
	var actions []string
	for _, l := range log {
		actions = append([]string{l.Action}, actions...)
		if strings.Contains(l.Detail+l.Object, "Well") {
			t.Errorf("the audit names the source: %+v", l)
		}
	}
	if got := strings.Join(actions, " "); got != "sign-in source-added source-enabled run-by-hand source-changed source-paused" {
		t.Errorf("audit: %s", got)
	}
}

func TestSourceThatFindsNothingIsEnabledOnlyByChoice(t *testing.T) {
	s := newSite(t)
	s.person(t, "li", record.Admin)
	b := s.as(t, "li")
	a := b.post("/sources/new", goodSource(feedSite(t, s, 0)))
	path := a.header.Get("Location")
	a = b.post(path+"/enable", url.Values{"version": {"1"}})
	if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `name="anyway"`) {
		t.Fatalf("enable: status %d", a.status)
	}
	if a = b.post(path+"/enable", url.Values{"version": {"1"}, "anyway": {"1"}}); a.status != http.StatusSeeOther {
		t.Errorf("enable anyway: status %d", a.status)
	}
}

func TestSourceIsNotEnabledWithoutItsAccount(t *testing.T) {
	s := newSite(t)
	s.person(t, "li", record.Admin)
	b := s.as(t, "li")
	address := feedSite(t, s, 1)
	for _, field := range []string{"purpose", "basis", "review"} {
		a := b.post("/sources/new", with(goodSource(address), field, "", "name", "without "+field))
		if a.status != http.StatusSeeOther {
			t.Fatalf("save without %s: %d", field, a.status)
		}
		path := a.header.Get("Location")
		a = b.post(path+"/enable", url.Values{"version": {"1"}, "anyway": {"1"}})
		if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `id="`+field+`-bad"`) {
			t.Errorf("enable without %s: %d", field, a.status)
		}
		if src, err := s.Records.Source(t.Context(), nil, strings.TrimPrefix(path, "/sources/")); err != nil || src.Enabled {
			t.Errorf("without %s: enabled %v, %v", field, src.Enabled, err)
		}
	}
}

func TestWhatIsWrongWithASourceIsSaidAtItsField(t *testing.T) {
	s := newSite(t)
	s.person(t, "li", record.Admin)
	b := s.as(t, "li")
	good := goodSource("https://example.org/feed")
	for name, tc := range map[string]struct{ field, value string }{
		"no name":            {"name", ""},
		"long name":          {"name", strings.Repeat("长", 81)},
		"unknown reader":     {"reader", "weibo9"},
		"no JSON":            {"config", "{"},
		"unknown setting":    {"config", `{"url":"https://example.org/feed","colour":1}`},
		"cron of four":       {"cron", "* * * *"},
		"cron that never is": {"cron", "0 0 31 2 *"},
		"cron too often":     {"cron", "@every 5s"},
		"unknown zone":       {"zone", "Mars/Base"},
		"jitter in words":    {"jitter", "soon"},
		"endless jitter":     {"jitter", "1e300"},
		"no number":          {"jitter", "NaN"},
		"negative pause":     {"every", "-1"},
		"no request":         {"parallel", "0"},
		"a date of the past": {"review", "2020-01-01"},
		"no date":            {"review", "soon"},
	} {
		for _, lang := range []string{"zh-CN", "en"} {
			b.get("/account?lang=" + lang)
			a := b.post("/sources/new", with(good, tc.field, tc.value))
			if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `id="`+tc.field+`-bad"`) {
				t.Errorf("%s in %s: status %d, no complaint at %s", name, lang, a.status, tc.field)
			}
			if strings.Contains(a.body, "⟦") {
				t.Errorf("%s in %s: a text is missing", name, lang)
			}
			if n := strings.Count(a.body, `-bad"`); n != 1 {
				t.Errorf("%s in %s: %d complaints", name, lang, n)
			}
		}
	}
	if list, err := s.Records.Sources(t.Context(), nil); err != nil || len(list) != 0 {
		t.Errorf("stored %d sources, %v", len(list), err)
	}
	if a := b.post("/sources/new", good); a.status != http.StatusSeeOther {
		t.Fatalf("the good one: %d", a.status)
	}
	if a := b.post("/sources/new", good); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `id="name-bad"`) {
		t.Errorf("a taken name: %d", a.status)
	}
}

func TestNextRunsShowBothZonesAndWhereClocksChange(t *testing.T) {
	s := newSite(t)
	s.person(t, "li", record.Admin)
	s.pass(25 * 24 * time.Hour) // to 27 March 2026; clocks in Berlin change on the 29th
	b := s.as(t, "li")
	b.get("/account?lang=en")
	a := b.post("/sources/new", with(goodSource("https://example.org/feed"), "cron", "30 6 * * *", "do", "runs"))
	if a.status != http.StatusOK {
		t.Fatalf("status %d", a.status)
	}
	for _, want := range []string{"28 Mar 2026, 06:30 UTC+1", "28 Mar 2026, 13:30 UTC+8", "29 Mar 2026, 06:30 UTC+2", "29 Mar 2026, 12:30 UTC+8", "1 Apr 2026, 06:30 UTC+2"} {
		if !strings.Contains(html.UnescapeString(a.body), want) {
			t.Errorf("lacks %s", want)
		}
	}
	if strings.Count(a.body, "clocks change") != 1 {
		t.Errorf("%d marks of changing clocks", strings.Count(a.body, "clocks change"))
	}
}

func TestHealthPutsWhatFailsFirstAndRunsDeadWorkAgain(t *testing.T) {
	s := newSite(t)
	u := s.person(t, "li", record.Admin)
	b := s.as(t, "li")
	b.get("/account?lang=en")
	if a := b.get("/health"); !strings.Contains(a.body, "six steps") || strings.Count(a.body, "<li>") < 6 {
		t.Error("an empty desk shows no steps")
	}
	s.seedSource(t, "A good one", "feed", `{"url":"https://example.org/feed"}`)
	objects(t, s, u) // Brunnen, which failed, and dead work
	a := b.get("/health")
	if bad, good := strings.Index(a.body, "Brunnen"), strings.Index(a.body, "A good one"); bad < 0 || good < bad {
		t.Errorf("what fails stands at %d, what does not at %d", bad, good)
	}
	if !strings.Contains(a.body, "gather: cut") || !strings.Contains(a.body, "robots.txt says no") {
		t.Error("the reasons are not shown")
	}
	if a := b.post("/dead/7001/again", url.Values{}); a.status != http.StatusSeeOther {
		t.Errorf("run again: %d", a.status)
	}
	if dead, err := s.Pipeline.Dead(t.Context()); err != nil || len(dead) != 0 {
		t.Errorf("dead list: %v, %v", dead, err)
	}
	if a := b.post("/dead/7001/again", url.Values{}); a.status != http.StatusNotFound {
		t.Errorf("run again what is not dead: %d", a.status)
	}
}

func TestAuditorSeesIdsAloneAndFindsTampering(t *testing.T) {
	s := newSite(t)
	s.person(t, "canary-name", record.Auditor)
	b := s.as(t, "canary-name")
	b.get("/account?lang=en")
	main := func(a answer) string {
		_, body, _ := strings.Cut(a.body, "<main")
		return body
	}
	if a := b.get("/audit"); a.status != http.StatusOK || strings.Contains(main(a), "canary-name") || !strings.Contains(main(a), "sign-in") {
		t.Errorf("audit: %d", a.status)
	}
	if a := b.post("/audit/check", url.Values{}); !strings.Contains(a.body, "The chain is whole: 1 line stands.") {
		t.Errorf("check: %d", a.status)
	}
	if _, err := s.Records.DB().ExecContext(t.Context(), `UPDATE audit SET action='sign-out' WHERE seq=1`); err != nil {
		t.Fatal(err)
	}
	if a := b.post("/audit/check", url.Values{}); !strings.Contains(a.body, "The chain is broken") {
		t.Errorf("a changed line is not found: %d", a.status)
	}
}
