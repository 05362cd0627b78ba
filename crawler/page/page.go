// Package page reads sites that have neither an API nor a feed: pages that are
// taken apart by CSS selectors, or by what they say of themselves (JSON-LD, Open
// Graph), and sitemaps that lead to such pages.
//
// A selector that matches nothing is a refusal or, where the post is whole
// without it, a warning; both name it, and the refusal holds the page's outline,
// so that whoever wrote the selector sees what there is.
package page

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"

	"xunqin/crawler"
	"xunqin/crawler/listing"
	"xunqin/crawler/markup"
)

// Reader implements crawler.Reader. Its zero value is ready.
type Reader struct{}

// Config is the configuration of one source. Selectors are CSS.
//
// With List the address is of a list whose links lead to pages of one post each;
// with Item alone it is of a page that holds several posts; with a sitemap's
// address (.xml, .xml.gz) each address of the map is a page of one post; with
// none of them the page itself is one post.
type Config struct {
	URL      string `json:"url"`
	Kind     string `json:"kind,omitempty"`     // "post", "report" or "notice"; empty is "post"
	Match    string `json:"match,omitempty"`    // regular expression that addresses of posts satisfy; empty takes all
	List     string `json:"list,omitempty"`     // links to the posts' pages, or elements that hold one
	Item     string `json:"item,omitempty"`     // the element that holds a post
	Link     string `json:"link,omitempty"`     // in an item, its own address
	Title    string `json:"title,omitempty"`    // in an item, as all that follow
	Text     string `json:"text,omitempty"`     //
	Time     string `json:"time,omitempty"`     // its datetime or content attribute, else its text
	Author   string `json:"author,omitempty"`   //
	Place    string `json:"place,omitempty"`    //
	Image    string `json:"image,omitempty"`    // photos, or elements that hold them
	Next     string `json:"next,omitempty"`     // link to the page behind; empty looks for rel=next
	Empty    string `json:"empty,omitempty"`    // what the list shows when it holds nothing, so that this is no fault
	Backfill int    `json:"backfill,omitempty"` // list pages of the first run, at most 1000; 0 is 1
	Zone     string `json:"zone,omitempty"`     // IANA zone of times that name none; empty is Asia/Shanghai
	listing.Past
}

// site is a source as configured.
type site struct {
	cfg   Config
	first *url.URL
	match *regexp.Regexp
	zone  *time.Location
	sel   map[string]cascadia.Matcher // by the name in Config; those that are not set are missing
}

func parse(raw json.RawMessage) (site, error) {
	fault := func(format string, args ...any) (site, error) {
		return site{}, fmt.Errorf("page configuration: "+format, args...)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	s := site{sel: map[string]cascadia.Matcher{}}
	if err := dec.Decode(&s.cfg); err != nil {
		return fault("%w", err)
	}
	if dec.More() {
		return fault("more than one object")
	}
	u, err := url.Parse(strings.TrimSpace(s.cfg.URL))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return fault(`url must be an address such as "https://site.example/news/"`)
	}
	u.Fragment, u.RawFragment = "", ""
	s.first = u
	switch s.cfg.Kind {
	case "":
		s.cfg.Kind = crawler.KindPost
	case crawler.KindPost, crawler.KindReport, crawler.KindNotice:
	default:
		return fault(`kind must be "post", "report" or "notice"`)
	}
	if s.match, err = regexp.Compile(s.cfg.Match); err != nil {
		return fault("match: %w", err)
	}
	for name, text := range map[string]string{"list": s.cfg.List, "item": s.cfg.Item, "link": s.cfg.Link, "title": s.cfg.Title, "text": s.cfg.Text, "time": s.cfg.Time, "author": s.cfg.Author,
		"place": s.cfg.Place, "image": s.cfg.Image, "next": s.cfg.Next, "empty": s.cfg.Empty} {
		if text == "" {
			continue
		}
		m, err := cascadia.ParseGroup(text)
		if err != nil {
			return fault("%s: %q is no selector: %w", name, text, err)
		}
		s.sel[name] = m
	}
	if s.cfg.Backfill < 0 || s.cfg.Backfill > 1000 {
		return fault("backfill must be 1 to 1000 pages")
	}
	if s.sitemap() && (s.cfg.List != "" || s.cfg.Next != "") {
		return fault("a sitemap has neither a list nor a next page")
	}
	if s.cfg.Zone == "" {
		s.cfg.Zone = "Asia/Shanghai"
	}
	if s.zone, err = time.LoadLocation(s.cfg.Zone); err != nil {
		return fault("zone: %w", err)
	}
	if err := s.cfg.Past.Check(); err != nil {
		return fault("%w", err)
	}
	return s, nil
}

// sitemap reports whether the source is one.
func (s site) sitemap() bool {
	p := strings.ToLower(s.first.Path)
	return strings.HasSuffix(p, ".xml") || strings.HasSuffix(p, ".xml.gz") || p == "/robots.txt"
}

// Check implements crawler.ConfigChecker.
func (Reader) Check(config json.RawMessage) error {
	_, err := parse(config)
	return err
}

// Read implements crawler.Reader.
func (Reader) Read(ctx context.Context, f *crawler.Fetcher, src crawler.Source, emit func(crawler.Page) error) error {
	s, err := parse(src.Config)
	if err != nil {
		return err
	}
	return listing.Walk{Site: s, Kind: s.cfg.Kind, First: s.first.String(), Pages: s.cfg.Backfill, Zone: s.zone, Past: s.cfg.Past}.Read(ctx, f, src, emit)
}

// List implements listing.Site.
func (s site) List(ctx context.Context, f *crawler.Fetcher, req crawler.Request) (listing.Sheet, error) {
	if s.sitemap() {
		return s.maps(ctx, f, req)
	}
	a, err := f.Page(ctx, req)
	if err != nil {
		return listing.Sheet{}, err
	}
	if a.NotModified {
		return listing.Sheet{Unchanged: true}, nil
	}
	here, err := url.Parse(a.URL)
	if err != nil {
		return listing.Sheet{}, fmt.Errorf("page address: %w", err)
	}
	var sheet listing.Sheet
	doc := tree(a)
	switch {
	case s.several(doc):
		if doc == nil {
			return sheet, f.Refuse(a, crawler.RefusedNotPage)
		}
		if sheet, err = s.sheet(doc, here, a.Header.Get("Date")); err != nil {
			return sheet, refuse(f, a, doc, err)
		}
	default:
		post, warnings, err := s.one(a, doc, here, hint{})
		if err != nil {
			return sheet, refuse(f, a, doc, err)
		}
		sheet = listing.Sheet{Entries: []listing.Entry{{ID: post.NativeID, Stamp: digest(post), At: post.At, Post: &post}}, Warnings: warnings}
	}
	sheet.End = sheet.Next == ""
	if a.Damaged {
		sheet.Warnings = append(sheet.Warnings, "some bytes mean nothing in "+a.Charset)
	}
	sheet.Validators = a.Validators
	return sheet, nil
}

// several reports whether the page is a list, or holds several posts: one item
// alone, without a link and an id, is the page's own post.
func (s site) several(doc *html.Node) bool {
	if s.cfg.List != "" || s.cfg.Link != "" || s.cfg.Item == "" {
		return s.cfg.List != "" || s.cfg.Link != ""
	}
	boxes := markup.FindAll(doc, s.sel["item"])
	return len(boxes) != 1 || markup.Attr(boxes[0], "id") != ""
}

// Item implements listing.Site.
func (s site) Item(ctx context.Context, f *crawler.Fetcher, req crawler.Request, e listing.Entry) (crawler.Post, []string, error) {
	a, err := f.Page(ctx, req)
	if err != nil {
		return crawler.Post{}, nil, err
	}
	here, err := url.Parse(a.URL)
	if err != nil {
		return crawler.Post{}, nil, fmt.Errorf("page address: %w", err)
	}
	var h hint
	if e.Hint != "" {
		if err := json.Unmarshal([]byte(e.Hint), &h); err != nil {
			return crawler.Post{}, nil, fmt.Errorf("hint of a page: %w", err)
		}
	}
	doc := tree(a)
	post, warnings, err := s.one(a, doc, here, h)
	if err != nil {
		return crawler.Post{}, nil, refuse(f, a, doc, err)
	}
	for i, w := range warnings {
		warnings[i] = here.Path + ": " + w
	}
	if a.Damaged {
		warnings = append(warnings, here.Path+": some bytes mean nothing in "+a.Charset)
	}
	return post, warnings, nil
}

// tree is what the collector made of an answer, nil if it is no page.
func tree(a crawler.Answer) *html.Node {
	if a.HTML == nil || len(a.HTML.DOM.Nodes) == 0 {
		return nil
	}
	return a.HTML.DOM.Nodes[0]
}

// errNoPage is of an answer that is neither a page nor data.
var errNoPage = errors.New("neither a page nor JSON-LD")

// refuse names what came in place of what was due, and what the page holds.
func refuse(f *crawler.Fetcher, a crawler.Answer, doc *html.Node, err error) error {
	if errors.Is(err, errNoPage) {
		return f.Refuse(a, crawler.RefusedNotPage)
	}
	ref := f.Refuse(a, crawler.RefusedMarkup)
	if ref.Name == crawler.RefusedMarkup && ref.Detail != "empty" {
		ref.Detail = err.Error() + "; the page has: " + markup.Outline(doc)
	}
	return ref
}

// nothing is the error of a selector that matched nothing.
func (s site) nothing(name string) error {
	text := map[string]string{"list": s.cfg.List, "item": s.cfg.Item, "text": s.cfg.Text, "image": s.cfg.Image, "time": s.cfg.Time, "author": s.cfg.Author, "title": s.cfg.Title, "link": s.cfg.Link, "place": s.cfg.Place, "next": s.cfg.Next}[name]
	return fmt.Errorf("%s: %q matched nothing", name, text)
}

var (
	anyLink = cascadia.MustCompile("a[href]")
	relNext = cascadia.MustCompile(`a[rel~="next"], link[rel~="next"]`)
)

// sheet reads a page of a list, or one that holds several posts.
func (s site) sheet(doc *html.Node, here *url.URL, now string) (listing.Sheet, error) {
	var sheet listing.Sheet
	name, what := "list", s.sel["list"]
	if what == nil {
		name, what = "item", s.sel["item"]
	}
	boxes := markup.FindAll(doc, what)
	if len(boxes) == 0 {
		if m := s.sel["empty"]; m != nil && markup.Find(doc, m) != nil {
			return sheet, nil
		}
		return sheet, s.nothing(name)
	}
	lost := map[string]int{}
	for _, box := range boxes {
		if name == "item" {
			post, warnings, err := s.post(doc, box, here, now, hint{inList: true})
			for _, w := range warnings {
				lost[w]++
			}
			if err != nil {
				lost[err.Error()]++
				continue
			}
			sheet.Entries = append(sheet.Entries, listing.Entry{ID: post.NativeID, Stamp: digest(post), At: post.At, Post: &post})
			continue
		}
		link := box
		if box.Data != "a" {
			link = markup.Find(box, anyLink)
		}
		address, ok := markup.Resolve(here, markup.Attr(link, "href"))
		if !ok {
			lost[fmt.Sprintf("list: %q matched an element without a link", s.cfg.List)]++
			continue
		}
		if address = clean(address); !s.wanted(address, here) {
			continue
		}
		sheet.Entries = append(sheet.Entries, listing.Entry{ID: address, URL: address, Stamp: markup.Words(link)})
	}
	for w, n := range lost {
		if n > 1 {
			w = fmt.Sprintf("%s (%d times)", w, n)
		}
		if len(sheet.Entries) == 0 {
			return sheet, errors.New(w)
		}
		sheet.Warnings = append(sheet.Warnings, w)
	}
	if len(sheet.Entries) == 0 {
		return sheet, fmt.Errorf("no link of %d is on %s and matches %q", len(boxes), here.Host, s.cfg.Match)
	}
	m := cascadia.Matcher(relNext)
	if s.sel["next"] != nil {
		m = s.sel["next"]
	}
	next := markup.Find(doc, m)
	if next != nil && markup.Attr(next, "href") == "" {
		next = markup.Find(next, anyLink)
	}
	sheet.Next, _ = markup.Resolve(here, markup.Attr(next, "href"))
	return sheet, nil
}

// wanted reports whether an address is one of the site's posts.
func (s site) wanted(address string, here *url.URL) bool {
	u, err := url.Parse(address)
	return err == nil && sameSite(u, here) && s.match.MatchString(address)
}

// sameSite reports whether two addresses are on one host, with www or without.
func sameSite(a, b *url.URL) bool {
	return strings.TrimPrefix(strings.ToLower(a.Host), "www.") == strings.TrimPrefix(strings.ToLower(b.Host), "www.")
}

// tracking are parameters that say where a reader came from, not what is read.
var tracking = regexp.MustCompile(`(?i)^(?:utm_\w+|fbclid|gclid|yclid|msclkid|mc_[ce]id|_ga|_gl|igshid|spm|scm|share\w*|from(?:_?\w*)|ref(?:er(?:er)?)?|source|sid|s?session(?:id)?|phpsessid|jsessionid|timestamp|isappinstalled)$`)

// clean drops them, and the session that some servers put into the path.
func clean(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	if i := strings.Index(strings.ToLower(u.Path), ";jsessionid="); i >= 0 {
		u.Path, u.RawPath = u.Path[:i], ""
	}
	u.Fragment, u.RawFragment = "", ""
	if u.RawQuery == "" {
		return u.String()
	}
	var kept []string // in their order, as written
	for _, pair := range strings.Split(u.RawQuery, "&") {
		if key, _, _ := strings.Cut(pair, "="); pair != "" && !tracking.MatchString(key) {
			kept = append(kept, pair)
		}
	}
	u.RawQuery = strings.Join(kept, "&")
	return u.String()
}
