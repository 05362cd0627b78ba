package crawler

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gocolly/colly/v2"

	"xunqin/crawler/guard"
	"xunqin/crawler/markup"
)

// Fetcher is what a Reader fetches through during one run. It is for one
// goroutine, and nothing of it outlives the run. Errors are *Refusal, the
// context's, or what tells the Reader to stop; each is to be returned.
type Fetcher struct {
	door  *Door
	src   Source
	stats Stats
	until time.Time

	collector *colly.Collector
	origin    string // of the collector, see collectorFor
	page      *page  // what the collector is fetching
}

// Request is what a Reader asks for.
type Request struct {
	URL        string
	Accept     string        // as in the header; empty is */* for pages, application/json for JSON
	Bearer     string        // token of an API; sent to this origin alone
	Header     http.Header   // further headers; of these, Authorization and Cookie are sent to this origin alone
	Validators Validators    // of the last answer, to be told of a change only
	Every      time.Duration // pause round this request where it is longer than the source's, for what nobody waits for
	Body       []byte        // posted, for JSON alone: some APIs take a search no other way; JSON unless Header says otherwise; nil asks with GET
}

// Validators are what a site gave to recognise an unchanged page by, byte for
// byte. They belong in the Reader's cursor, so that they are committed with the
// posts they vouch for.
type Validators struct {
	ETag         string `json:"etag,omitzero"`
	LastModified string `json:"last_modified,omitzero"`
}

// Answer is a page or an API answer that is content, or NotModified.
type Answer struct {
	URL         string // after redirects; relative addresses are meant against it
	NotModified bool   // 304: nothing new since Validators; Body is empty
	Header      http.Header
	Body        []byte // UTF-8 where it is text, whatever the site sent
	Charset     string // as sent; empty if Body is not text
	Damaged     bool   // U+FFFD stands for bytes that meant nothing in Charset
	Validators  Validators
	HTML        *colly.HTMLElement // the html element of a page that is HTML, else nil
}

// Page fetches an HTML page, a feed or any other document that a browser could
// show, through this run's colly collector.
func (f *Fetcher) Page(ctx context.Context, req Request) (Answer, error) {
	return f.fetch(ctx, req, f.visit)
}

// JSON fetches an answer of an API. Anything but JSON in its place is a
// refusal: a sign-in page, a captcha, an error page with status 200.
func (f *Fetcher) JSON(ctx context.Context, req Request) (Answer, error) {
	if req.Accept == "" {
		req.Accept = "application/json"
	}
	a, err := f.fetch(ctx, req, f.door.ask)
	if err != nil || a.NotModified {
		return a, err
	}
	if !json.Valid(a.Body) {
		return Answer{}, f.Refuse(a, RefusedNotJSON)
	}
	return a, nil
}

// Refuse is the refusal of an answer that is not what was due: name, unless the
// answer is recognised as a sign-in page or a captcha.
func (f *Fetcher) Refuse(a Answer, name string) *Refusal {
	u, err := url.Parse(a.URL)
	if err != nil {
		u = &url.URL{}
	}
	return reply{url: u, status: http.StatusOK, header: a.Header, body: a.Body}.wall(name)
}

func (f *Fetcher) fetch(ctx context.Context, req Request, ask func(context.Context, *url.URL, trip) (reply, error)) (Answer, error) {
	if f.stats.Pages > 0 && !f.door.Now().Before(f.until) {
		return Answer{}, errEnough
	}
	u, err := url.Parse(req.URL)
	if err != nil {
		return Answer{}, &Refusal{Name: RefusedURL, Detail: "not an address"}
	}
	h := req.Header.Clone()
	if h == nil {
		h = http.Header{}
	}
	set := func(key, value string) {
		if value != "" {
			h.Set(key, value)
		}
	}
	set("Accept", req.Accept)
	set("If-None-Match", req.Validators.ETag)
	set("If-Modified-Since", req.Validators.LastModified)
	if req.Bearer != "" {
		h.Set("Authorization", "Bearer "+req.Bearer)
	}
	if req.Body != nil && h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
	rate := f.src.Rate
	if req.Every > rate.Pause() {
		rate.Every = req.Every
	}
	f.page = &page{}
	r, err := f.door.follow(ctx, u, trip{header: h, limit: MaxPageBytes, rate: rate, robots: true, body: req.Body, asked: f.asked}, ask)
	if err != nil {
		f.count(err)
		return Answer{}, err
	}
	a := Answer{URL: r.url.String(), Header: r.header, HTML: f.page.html}
	a.Validators = Validators{ETag: r.header.Get("ETag"), LastModified: r.header.Get("Last-Modified")}
	if r.status == http.StatusNotModified && req.Validators != (Validators{}) {
		f.stats.NotModified++
		a.NotModified = true
		// A 304 need not repeat them (RFC 9110, 15.4.5).
		if a.Validators == (Validators{}) {
			a.Validators = req.Validators
		}
		return a, nil
	}
	if ref := r.refusal(); ref != nil {
		ref.Detail = apiError(r.body)
		f.count(ref)
		return Answer{}, ref
	}
	f.stats.Fetched++
	a.Body = r.body
	if d, ok := text(r); ok {
		a.Body, a.Charset, a.Damaged = d.Text, d.Charset, d.Damaged
	}
	return a, nil
}

func (f *Fetcher) asked(r reply, err error) {
	if r.status != 0 || err == nil {
		f.stats.Asked++
		f.stats.Bytes += int64(len(r.body))
		return
	}
	if ref, ok := errors.AsType[*Refusal](err); ok && ref.failed() {
		f.stats.Asked++
	}
}

// count enters a refusal into the stats, once.
func (f *Fetcher) count(err error) {
	ref, ok := errors.AsType[*Refusal](err)
	switch {
	case !ok || ref.counted:
	case ref.failed():
		f.stats.Failed++
	default:
		f.stats.Refused++
	}
	if ok {
		ref.counted = true
	}
}

// failed tells "no whole answer" from "answered no".
func (r *Refusal) failed() bool {
	switch r.Name {
	case RefusedTimeout, RefusedUnreachable, RefusedCut:
		return true
	}
	return false
}

// apiError is what APIs put beside an error status: a word, a sentence or both.
func apiError(body []byte) string {
	var m struct {
		Error   any `json:"error"`
		Message any `json:"message"`
	}
	if json.Unmarshal(body, &m) != nil {
		return ""
	}
	s, _ := m.Error.(string)
	if message, ok := m.Message.(string); ok && message != "" {
		s = strings.TrimPrefix(s+": "+message, ": ")
	}
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "")
	}
	return s
}

// text decodes a body that is text by its declared type, or by its bytes where
// none is declared.
func text(r reply) (markup.Decoded, bool) {
	contentType := r.header.Get("Content-Type")
	media, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	media = strings.TrimSpace(media)
	if media == "" || media == "application/octet-stream" {
		media = http.DetectContentType(r.body)
	}
	switch {
	case strings.HasPrefix(media, "image/") && media != "image/svg+xml", strings.HasPrefix(media, "video/"), strings.HasPrefix(media, "audio/"),
		strings.HasPrefix(media, "font/"), media == "application/zip", strings.Contains(media, "gzip"), media == "application/pdf",
		media == "application/octet-stream":
		return markup.Decoded{}, false
	}
	return markup.Decode(r.body, contentType), true
}

// page is what the collector's callbacks found of one request.
type page struct {
	trip  trip
	reply reply
	err   error // of the request itself
	html  *colly.HTMLElement
}

type pageKey struct{}

// visit makes one request through the collector. What colly would do by itself
// and Door does better is switched off in collectorFor; the request reaches
// Door.ask through RoundTrip.
func (f *Fetcher) visit(ctx context.Context, u *url.URL, t trip) (reply, error) {
	if err := guard.CheckURL(u); err != nil {
		return reply{}, &Refusal{Name: RefusedURL, URL: u.String(), Err: err}
	}
	// Before colly asks for robots.txt on its own: with checks, once.
	if _, err := f.door.rules(ctx, u, t.rate); err != nil {
		return reply{}, err
	}
	p := &page{trip: t}
	f.page = p
	c := f.collectorFor(u)
	c.Context = context.WithValue(ctx, pageKey{}, p)
	err := c.Request(http.MethodGet, u.String(), nil, nil, t.header.Clone())
	switch {
	case p.err != nil:
		return p.reply, p.err
	case errors.Is(err, colly.ErrRobotsTxtBlocked):
		return reply{}, &Refusal{Name: RefusedRobots, URL: u.String(), Detail: "robots.txt does not allow it"}
	case p.reply.status == 0 && ctx.Err() != nil:
		return reply{}, ctx.Err()
	case err != nil && p.reply.status == 0:
		return p.reply, &Refusal{Name: RefusedURL, URL: u.String(), Err: err}
	}
	// With an answer, err is the HTML parser's: Answer.HTML stays nil, and the Reader says what was due.
	return p.reply, nil
}

// collectorFor builds the collector of this run. Init, unlike NewCollector,
// does not read COLLY_* from the environment. It is built anew when the origin
// changes, because colly keeps robots.txt by host alone and http and https, or
// two ports, may say different things.
func (f *Fetcher) collectorFor(u *url.URL) *colly.Collector {
	if f.collector != nil && f.origin == origin(u) {
		return f.collector
	}
	c := &colly.Collector{}
	c.Init()
	c.UserAgent = f.door.UserAgent()
	c.IgnoreRobotsTxt = false
	c.AllowURLRevisit = true        // what was seen is the record's business
	c.ParseHTTPErrorResponse = true // a status is judged in one place, see reply.refusal
	c.MaxBodySize = 0               // colly cuts silently; Door.exchange does not
	c.SetRequestTimeout(0)          // it would run while we wait for our turn; Door.exchange has its own
	c.DisableCookies()
	c.WithTransport(roundTrip(func(req *http.Request) (*http.Response, error) { return f.roundTrip(u, req) }))
	c.SetRedirectHandler(func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }) // Door.follow follows
	c.OnHTML("html", func(e *colly.HTMLElement) { f.page.html = e })
	f.collector, f.origin = c, origin(u)
	return c
}

type roundTrip func(*http.Request) (*http.Response, error)

func (rt roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return rt(req) }

// roundTrip is the collector's transport. A request without a page in its
// context is colly's own for robots.txt: it is answered from the checked copy.
func (f *Fetcher) roundTrip(u *url.URL, req *http.Request) (*http.Response, error) {
	p, ok := req.Context().Value(pageKey{}).(*page)
	if !ok {
		rules, err := f.door.rules(req.Context(), u, f.src.Rate)
		if err != nil {
			return nil, err
		}
		return respond(req, http.StatusOK, http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, []byte(rules.Plain())), nil
	}
	t := p.trip
	t.header = req.Header
	p.reply, p.err = f.door.ask(req.Context(), req.URL, t)
	if p.err != nil {
		return nil, p.err
	}
	// colly gets text as UTF-8.
	h, body := p.reply.header.Clone(), p.reply.body
	if d, ok := text(p.reply); ok {
		body = d.Text
		media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
		if err != nil {
			media, _, _ = strings.Cut(http.DetectContentType(body), ";")
		}
		h.Set("Content-Type", media+"; charset=utf-8")
	}
	return respond(req, p.reply.status, h, body), nil
}

func respond(req *http.Request, status int, h http.Header, body []byte) *http.Response {
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
		Uncompressed: true, // or colly undoes what looks like gzip once more, without a limit
		Request:      req,
	}
}

// decodeRune is utf8.DecodeRune with size 0 for what is no UTF-8.
func decodeRune(b []byte) (rune, int) {
	r, n := utf8.DecodeRune(b)
	if r == utf8.RuneError && n == 1 {
		return r, 0
	}
	return r, n
}
