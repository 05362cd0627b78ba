package desk

import (
	"context"
	"errors"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/pipeline/record"
	"xunqin/search"
)

// broken is a real index that answers nothing while it is broken, and says so in its own words.
type broken struct {
	search.Index
	is, part atomic.Bool
}

const engineText = "ENGINE-TEXT fts5 shard 3"

func (x *broken) err() error {
	if x.is.Load() {
		return errors.New(engineText)
	}
	return nil
}

func (x *broken) Apply(ctx context.Context, seq int64, put []search.Doc, del []string) error {
	return errors.Join(x.err(), x.Index.Apply(ctx, seq, put, del))
}

func (x *broken) Find(ctx context.Context, q search.Query, p search.Page) (search.Result, error) {
	r, err := x.Index.Find(ctx, q, p)
	if r.Partial = x.part.Load(); r.Partial {
		r.Missing = 0.25
	}
	return r, errors.Join(x.err(), err)
}

func (x *broken) Facets(ctx context.Context, q search.Query, f search.Facet) (search.Facets, error) {
	r, err := x.Index.Facets(ctx, q, f)
	if x.part.Load() {
		err = errors.New(engineText)
	}
	return r, errors.Join(x.err(), err)
}

func (x *broken) Similar(ctx context.Context, f search.Fingerprint, radius int, kinds ...string) ([]search.Hit, error) {
	r, err := x.Index.Similar(ctx, f, radius, kinds...)
	return r, errors.Join(x.err(), err)
}

func (x *broken) Votes(ctx context.Context, f search.Features, most int, kinds ...string) ([]search.Candidate, error) {
	r, err := x.Index.Votes(ctx, f, most, kinds...)
	return r, errors.Join(x.err(), err)
}

func (x *broken) Info(ctx context.Context) (search.Info, error) {
	r, err := x.Index.Info(ctx)
	return r, errors.Join(x.err(), err)
}

func newBroken(t *testing.T) (*cas, *broken) {
	x := &broken{}
	c := newCase(t, func(s *site) { x.Index, s.Pipeline.Index = s.Pipeline.Index, x })
	return c, x
}

// With a broken engine every page that searches says what works and what does not, in both languages, and none shows or logs to
// people what the engine says.
func TestABrokenIndexIsSaidOnEveryPageThatSearches(t *testing.T) {
	c, x := newBroken(t)
	c.person(t, "wu", record.Reviewer, record.Volunteer, record.Activist)
	c.person(t, "ad", record.Admin)
	b, admin := c.as(t, "wu"), c.as(t, "ad")
	saved := b.post("/queries", url.Values{"name": {"n"}, "q": {"女孩"}}).header.Get("Location")
	x.is.Store(true)
	c.pass(time.Minute)
	none := []string{engineText, "⟦degraded.", "⟦query.", "⟦health."}
	for _, lang := range locale.Langs() {
		text := func(key string, pairs ...any) string { return html.EscapeString(c.Texts.T(lang, key, pairs...)) }
		begin := func(key string) string {
			s, _, _ := strings.Cut(c.Texts.T(lang, key), "{")
			return html.EscapeString(s)
		}
		wants(t, "words", b.get("/search?lang="+lang+"&q="+url.QueryEscape("女孩")), 200, []string{begin("degraded.down"), text("degraded.recordall"), text("degraded.works"), "/pictures/", "女孩"}, none)
		wants(t, "no words", b.get("/search?lang="+lang+"&q=zzzz"), 200, []string{text("degraded.recordall"), text("words.nothing")}, none)
		c.pass(time.Minute)
		wants(t, "the photo form", b.get("/search/photo?lang="+lang), 200, []string{begin("degraded.nophotos"), text("degraded.towords")}, append(none, text("degraded.forgotten")))
		c.pass(time.Minute)
		wants(t, "a photo", b.send("/search/photo?lang="+lang, nil, upload{Field: "photo", Name: "x", Bytes: c.picture}), http.StatusServiceUnavailable, []string{text("degraded.forgotten"), text("degraded.lost")}, none)
		wants(t, "a count", b.post("/queries?lang="+lang, url.Values{"name": {"n"}, "q": {"女孩"}, "do": {"count"}}), 200, []string{text("query.nocount")}, none)
		wants(t, "a saved query", b.get(saved+"?lang="+lang), 200, []string{text("query.nocount")}, none)
		wants(t, "a new one is saved", b.post("/queries?lang="+lang, url.Values{"name": {"m" + lang}, "q": {"男孩"}}), 303, nil, nil)
		wants(t, "health", admin.get("/health?lang="+lang), 200, []string{begin("degraded.down"), text("health.mend")}, none)
	}
	for _, path := range []string{"/today", "/leads", "/leads/" + c.lead, "/reports", "/reports/" + c.report, "/inbox", "/queries"} {
		wants(t, path, b.get(path), 200, nil, none)
	}
	wants(t, "readiness", b.get("/readyz"), 200, nil, nil)
	x.is.Store(false)
	c.pass(time.Minute)
	wants(t, "words afterwards", b.get("/search?lang=en&q="+url.QueryEscape("女孩")), 200, []string{"/pictures/"}, []string{"not answered"})
	wants(t, "a photo afterwards", b.send("/search/photo?lang=en", nil, upload{Field: "photo", Name: "x", Bytes: c.picture}), 200, nil, []string{"not answered"})
	wants(t, "health afterwards", admin.get("/health?lang=en"), 200, []string{c.Texts.T("en", "health.nolag")}, []string{"not answered"})
}

func TestPartOfAnAnswerIsSaidToBeOne(t *testing.T) {
	c, x := newBroken(t)
	c.person(t, "wu", record.Reviewer)
	c.seedTexts(t, 7, "many")
	x.part.Store(true)
	wants(t, "words", c.as(t, "wu").get("/search?lang=en&q=many"), 200, []string{"3 of 4 parts of the search data answered", c.Texts.T("en", "words.nocount")}, []string{engineText})
}

// Paging goes on where it stood while documents arrive, and more than a thousand are not counted.
func TestPagesStandStillWhileDocumentsArrive(t *testing.T) {
	c := newCase(t)
	c.person(t, "wu", record.Reviewer)
	b := c.as(t, "wu")
	c.seedTexts(t, 1010, "many")
	next := regexp.MustCompile(`href="(/search\?after=[^"&]+&amp;q=many)"`)
	link, seen, pages := "/search?q=many&lang=en", 0, 0
	for ; link != "" && pages < 40; pages++ {
		a := b.get(link)
		if pages == 0 {
			wants(t, "the first page", a, 200, []string{"More than 1,000 posts and reports"}, nil)
		}
		seen += strings.Count(a.body, `<article class="card group">`)
		link = ""
		if m := next.FindStringSubmatch(a.body); m != nil {
			link = html.UnescapeString(m[1])
		}
		c.pass(time.Minute)
		c.seedTexts(t, 1, "many") // newer than all
	}
	if seen != 1010 || pages != 21 {
		t.Errorf("%d posts on %d pages, want 1010 on 21", seen, pages)
	}
}

// What cannot be read is shown with its place marked, however long it is and whatever is in it.
func TestBadQueriesAreMarkedAtTheDeskAndInSavedQueries(t *testing.T) {
	c := newCase(t)
	c.person(t, "wu", record.Volunteer, record.Activist)
	b := c.as(t, "wu")
	for _, bad := range []struct{ query, mark, en, zh string }{
		{`女孩 "泉州`, "<mark>&#34;</mark>泉州", "partner", "配对"},
		{"女孩 plcae:泉州", "<mark>p</mark>lcae", "Did you mean “place”?", "您是要写“place”吗？"},
		{"date:2012..2011", "date:<mark>2</mark>", "after the last", "晚于"},
		{"sex:gril", "sex:<mark>g</mark>", "Did you mean “girl”?", "您是要写“girl”吗？"},
		{"性别:女孩子", "女孩<mark>子</mark>", "put a space before", "加一个空格"},
		{"男\x07孩", "男<mark>␇</mark>孩", "cannot be seen", "控制字符"},
		{strings.Repeat("a ", 250), "<mark>a</mark>", "200 are the limit", "最多 200 个"},
		{strings.Repeat("a ", 10000), "", "2000 characters are the limit", "最多 2000 个字符"},
	} {
		for lang, says := range map[string]string{"en": bad.en, "zh-CN": bad.zh} {
			a := b.get("/search?lang=" + lang + "&q=" + url.QueryEscape(bad.query))
			wants(t, bad.mark, a, 422, []string{bad.mark, html.EscapeString(says)}, nil)
			if i, j := strings.Index(a.body, "<code>"), strings.Index(a.body, "</code>"); bad.mark != "" && j-i > 500 {
				t.Errorf("%d bytes around the mark", j-i)
			}
			wants(t, "saved: "+bad.mark, b.post("/queries?lang="+lang, url.Values{"name": {"n"}, "q": {bad.query}}), 422, []string{bad.mark, html.EscapeString(says)}, nil)
		}
	}
	wants(t, "no text", b.get("/search?lang=en&q=%ff%00"), 422, []string{c.Texts.T("en", "form.unreadable")}, nil)
}
