// Package baobeihuijia reads the public case pages of Baby Back Home (宝贝回家),
// a registry that volunteers keep, in the shapes it has had: the old site
// (list.aspx, view.aspx), the current one (bbhj/channels, bbhj/contents), its
// search (JSON), and the data that a public page of missing children carried as
// a script.
//
// Fields are found by their labels, never by their place. What a family files
// is a report, what a grown or found child files a notice, a child seen begging
// a post. The follow-up volunteer's name is not read.
//
// The registry belongs to a charity: it is asked once in five seconds at most,
// and the first answer that says no ends a run.
package baobeihuijia

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"

	"golang.org/x/net/html"

	"xunqin/crawler"
	"xunqin/crawler/listing"
)

// Reader implements crawler.Reader. Its zero value is ready.
type Reader struct{}

// Config is the configuration of one source.
type Config struct {
	URL      string         `json:"url"`                // of a list (old or current site), the search, or the data script
	Kind     string         `json:"kind,omitempty"`     // of cases that name no category: "report", "notice" or "post"; empty is "report"
	Backfill int            `json:"backfill,omitempty"` // list pages of the first run, at most 1000; 0 is 1
	Zone     string         `json:"zone,omitempty"`     // IANA zone of the site's dates; empty is Asia/Shanghai
	Search   map[string]any `json:"search,omitempty"`   // of the search alone: fields of what is posted that differ from the usual
	Detail   string         `json:"detail,omitempty"`   // of the search and the data alone: address of a case's page, with {id}; empty reads no pages
	listing.Past
}

// pause is the least time between two requests to the registry.
const pause = 5 * time.Second

// shapes of a source
const (
	old     = "old"     // list.aspx and view.aspx
	current = "current" // channels/C_N.html and contents/C/ID.html
	search  = "search"  // POST .../contents/actions/list
	script  = "script"  // var jsondata = {...}
)

// registry is a source as configured.
type registry struct {
	first  *url.URL
	shape  string
	kind   string
	zone   *time.Location
	pages  int
	past   listing.Past
	every  time.Duration
	search map[string]any
	detail string
}

var channel = regexp.MustCompile(`/channels/\d+(?:_\d+)?\.html$`)

func parse(raw json.RawMessage) (registry, error) {
	fault := func(format string, args ...any) (registry, error) {
		return registry{}, fmt.Errorf("baobeihuijia configuration: "+format, args...)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	var c Config
	if err := dec.Decode(&c); err != nil {
		return fault("%w", err)
	}
	if dec.More() {
		return fault("more than one object")
	}
	u, err := url.Parse(strings.TrimSpace(c.URL))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return fault("url must be the address of a list, the search or the data")
	}
	u.Fragment, u.RawFragment = "", ""
	r := registry{first: u, kind: c.Kind, pages: max(c.Backfill, 1), past: c.Past, search: c.Search, detail: c.Detail}
	switch {
	case strings.HasSuffix(u.Path, "/list.aspx"):
		r.shape = old
	case channel.MatchString(u.Path):
		r.shape = current
	case strings.HasSuffix(u.Path, "/contents/actions/list"):
		r.shape = search
	case strings.HasSuffix(u.Path, ".js"):
		r.shape = script
	default:
		return fault("the address is none that is known: it ends in list.aspx?tid=1, channels/3_1.html, contents/actions/list or .js")
	}
	switch c.Kind {
	case "":
		r.kind = crawler.KindReport
	case crawler.KindPost, crawler.KindReport, crawler.KindNotice:
	default:
		return fault(`kind must be "post", "report" or "notice"`)
	}
	if c.Backfill < 0 || c.Backfill > 1000 {
		return fault("backfill must be 1 to 1000 pages")
	}
	if c.Zone == "" {
		c.Zone = "Asia/Shanghai"
	}
	if r.zone, err = time.LoadLocation(c.Zone); err != nil {
		return fault("zone: %w", err)
	}
	if err := c.Past.Check(); err != nil {
		return fault("%w", err)
	}
	if r.shape == old || r.shape == current {
		if c.Search != nil || c.Detail != "" {
			return fault("search and detail are for the search and the data")
		}
	}
	if r.shape == script && (c.Search != nil || c.From != "") {
		return fault("the data has neither a search nor a past")
	}
	if c.Detail != "" {
		d, err := url.Parse(strings.ReplaceAll(c.Detail, "{id}", "1"))
		if err != nil || d.Scheme != "http" && d.Scheme != "https" || d.Host == "" || !strings.Contains(c.Detail, "{id}") {
			return fault("detail must be an address with {id} in it")
		}
	}
	r.every = pause
	if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsLoopback() {
		r.every = 0 // nobody's site; the source's own pace holds
	}
	return r, nil
}

// Check implements crawler.ConfigChecker.
func (Reader) Check(config json.RawMessage) error {
	_, err := parse(config)
	return err
}

// Read implements crawler.Reader.
func (Reader) Read(ctx context.Context, f *crawler.Fetcher, src crawler.Source, emit func(crawler.Page) error) error {
	r, err := parse(src.Config)
	if err != nil {
		return err
	}
	first := *r.first
	if r.shape == search {
		first.Fragment = "1"
	}
	return listing.Walk{Site: r, Kind: r.kind, First: first.String(), Pages: r.pages, Zone: r.zone, Past: r.past, Every: r.every, Strict: true}.Read(ctx, f, src, emit)
}

// List implements listing.Site.
func (r registry) List(ctx context.Context, f *crawler.Fetcher, req crawler.Request) (listing.Sheet, error) {
	switch r.shape {
	case search:
		return r.found(ctx, f, req)
	case script:
		return r.data(ctx, f, req)
	}
	a, err := f.Page(ctx, req)
	if err != nil {
		return listing.Sheet{}, err
	}
	if a.NotModified {
		return listing.Sheet{Unchanged: true}, nil
	}
	doc := page(a)
	if doc == nil {
		return listing.Sheet{}, f.Refuse(a, crawler.RefusedNotPage)
	}
	here, err := url.Parse(a.URL)
	if err != nil {
		return listing.Sheet{}, fmt.Errorf("baobeihuijia address: %w", err)
	}
	s, err := r.sheet(doc, here)
	if err != nil {
		return listing.Sheet{}, refuse(f, a, err)
	}
	s.Validators = a.Validators
	return s, nil
}

// Item implements listing.Site.
func (r registry) Item(ctx context.Context, f *crawler.Fetcher, req crawler.Request, e listing.Entry) (crawler.Post, []string, error) {
	a, err := f.Page(ctx, req)
	if err != nil {
		return crawler.Post{}, nil, err
	}
	doc := page(a)
	if doc == nil {
		return crawler.Post{}, nil, f.Refuse(a, crawler.RefusedNotPage)
	}
	post, warnings, err := r.post(doc, a.URL, e)
	if err != nil {
		return crawler.Post{}, nil, refuse(f, a, err)
	}
	if a.Damaged {
		warnings = append(warnings, "case "+e.ID+": some bytes mean nothing in "+a.Charset)
	}
	return post, warnings, nil
}

// page is the tree that the collector made of an answer, nil if it is no page.
func page(a crawler.Answer) *html.Node {
	if a.HTML == nil || len(a.HTML.DOM.Nodes) == 0 {
		return nil
	}
	return a.HTML.DOM.Nodes[0]
}

// refuse names what came in place of a page.
func refuse(f *crawler.Fetcher, a crawler.Answer, err error) error {
	if ref, ok := errors.AsType[*crawler.Refusal](err); ok {
		return ref
	}
	ref := f.Refuse(a, crawler.RefusedMarkup)
	if ref.Name == crawler.RefusedMarkup && ref.Detail != "empty" {
		ref.Detail = err.Error()
	}
	return ref
}
