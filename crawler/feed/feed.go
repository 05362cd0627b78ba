// Package feed reads RSS, Atom and JSON feeds.
//
// A feed shows its newest items again at each visit. The cursor holds the
// site's validators, so that an unchanged feed costs one 304, and short hashes
// of the items seen last, so that what comes again unchanged is not handed on
// again while an item with a new body is. Where a feed is paged (Atom "next" of
// RFC 5005, in RSS as atom:link; JSON Feed next_url) the first run reads
// backfill pages, later runs go back until a page shows something known.
package feed

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mmcdole/gofeed"
	"github.com/mmcdole/gofeed/atom"
	jsonfeed "github.com/mmcdole/gofeed/json"

	"xunqin/crawler"
	"xunqin/crawler/markup"
)

// Reader implements crawler.Reader. Its zero value is ready.
type Reader struct{}

// Config is the configuration of one source.
type Config struct {
	URL      string `json:"url"`
	Kind     string `json:"kind,omitempty"`     // "post", "report" or "notice"; empty is "post"
	Backfill int    `json:"backfill,omitempty"` // pages of the first run, at most 1000; 0 is 1
	Zone     string `json:"zone,omitempty"`     // IANA zone of dates that name none, or an ambiguous one ("CST")
}

// Bounds of what one feed may make us do.
const (
	maxDepth    = 128  // of XML elements: parsers recurse
	maxItems    = 2000 // of one page
	maxPhotos   = 50   // of one item
	maxCatchUp  = 200  // pages of one later run and its continuations
	maxSeen     = 500  // items remembered
	maxTextSize = 64 << 10
)

func parse(raw json.RawMessage) (Config, *time.Location, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	var c Config
	if err := dec.Decode(&c); err != nil {
		return c, nil, fmt.Errorf("feed configuration: %w", err)
	}
	if dec.More() {
		return c, nil, errors.New("feed configuration: more than one object")
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return c, nil, errors.New(`feed configuration: url must be an address such as "https://site.example/feed.xml"`)
	}
	switch c.Kind {
	case "":
		c.Kind = crawler.KindPost
	case crawler.KindPost, crawler.KindReport, crawler.KindNotice:
	default:
		return c, nil, errors.New(`feed configuration: kind must be "post", "report" or "notice"`)
	}
	if c.Backfill < 0 || c.Backfill > 1000 {
		return c, nil, errors.New("feed configuration: backfill must be 1 to 1000 pages")
	}
	c.Backfill = max(c.Backfill, 1)
	if c.Zone == "" {
		return c, nil, nil
	}
	zone, err := time.LoadLocation(c.Zone)
	if err != nil {
		return c, nil, fmt.Errorf("feed configuration: zone: %w", err)
	}
	return c, zone, nil
}

// Check implements crawler.ConfigChecker.
func (Reader) Check(config json.RawMessage) error {
	_, _, err := parse(config)
	return err
}

// cursor is what is remembered between pages and runs.
type cursor struct {
	Validators crawler.Validators `json:"validators,omitzero"` // of the first page
	Seen       []item             `json:"seen,omitempty"`      // newest first, of runs that came to their end
	Fresh      []item             `json:"fresh,omitempty"`     // of the run that has not
	Next       string             `json:"next,omitempty"`      // page to go on with; empty starts at the top
	Pages      int                `json:"pages,omitempty"`     // read by the run that has not come to its end
}

// item is one item as remembered: hash of its identity, hash of its content.
type item [2]string

const accept = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, text/xml;q=0.9, application/json;q=0.8, */*;q=0.1"

// Read implements crawler.Reader.
func (Reader) Read(ctx context.Context, f *crawler.Fetcher, src crawler.Source, emit func(crawler.Page) error) error {
	c, zone, err := parse(src.Config)
	if err != nil {
		return err
	}
	var cur cursor
	if len(src.Cursor) > 0 {
		if err := json.Unmarshal(src.Cursor, &cur); err != nil {
			return fmt.Errorf("feed cursor: %w", err)
		}
	}
	for {
		req := crawler.Request{URL: c.URL, Accept: accept}
		top := cur.Next == ""
		if top {
			req.Validators = cur.Validators
		} else {
			req.URL = cur.Next
		}
		a, err := f.Page(ctx, req)
		if err != nil {
			return cur.end(err, emit)
		}
		if a.NotModified {
			return nil
		}
		doc, err := read(a.Body)
		if err != nil {
			return cur.end(refuse(f, a, err), emit)
		}
		base, err := url.Parse(a.URL)
		if err != nil {
			return fmt.Errorf("feed address: %w", err)
		}
		if top {
			cur.Validators = a.Validators
		}
		met := len(cur.Fresh)
		p, known := doc.page(&cur, base, c.Kind, zone)
		p.Warnings = append(p.Warnings, doc.warnings...)
		if a.Damaged {
			p.Warnings = append(p.Warnings, "some bytes mean nothing in "+a.Charset)
		}
		cur.Pages++
		limit := c.Backfill
		if len(cur.Seen) > 0 {
			limit = maxCatchUp
		}
		next := doc.next(base)
		p.More = next != "" && next != req.URL && !known && len(cur.Fresh) > met && cur.Pages < limit
		if p.More {
			cur.Next = next
		} else {
			p.Since = since(doc.feed.Items)
			p.Capped = len(cur.Seen) > 0 && !known && len(doc.feed.Items) > 0
			cur.finish()
		}
		p.Cursor, err = json.Marshal(cur)
		if err != nil {
			return fmt.Errorf("feed cursor: %w", err)
		}
		if err := emit(p); err != nil {
			return err
		}
		if !p.More {
			return nil
		}
	}
}

// end decides what becomes of a run whose page was refused. Where an older page
// is not there, or is no feed, the run has come to its end: it must not keep later
// ones from the top.
func (c *cursor) end(err error, emit func(crawler.Page) error) error {
	ref, ok := errors.AsType[*crawler.Refusal](err)
	if !ok || c.Next == "" {
		return err
	}
	p := crawler.Page{}
	switch ref.Name {
	case crawler.RefusedNotFound, crawler.RefusedGone: // how many sites end
	case crawler.RefusedNotFeed, crawler.RefusedForbidden, crawler.RefusedStatus, crawler.RefusedRedirects:
		p.Warnings = []string{fmt.Sprintf("page %d of the feed: %s", c.Pages+1, ref.Error())}
		p.Capped = true
	default:
		return err
	}
	c.finish()
	if p.Cursor, err = json.Marshal(c); err != nil {
		return fmt.Errorf("feed cursor: %w", err)
	}
	return emit(p)
}

// finish ends a run: what it saw is what the next one knows.
func (c *cursor) finish() {
	fresh := map[string]bool{}
	for _, it := range c.Fresh {
		fresh[it[0]] = true
	}
	for _, it := range c.Seen {
		if !fresh[it[0]] {
			c.Fresh = append(c.Fresh, it)
		}
	}
	c.Seen = c.Fresh[:min(len(c.Fresh), maxSeen)]
	c.Fresh, c.Next, c.Pages = nil, "", 0
}

// refuse names what came in place of a feed, and the feed that an HTML page
// announces.
func refuse(f *crawler.Fetcher, a crawler.Answer, err error) error {
	ref := f.Refuse(a, crawler.RefusedNotFeed)
	if ref.Name != crawler.RefusedNotFeed {
		return ref
	}
	ref.Detail = err.Error()
	if a.HTML != nil {
		ref.Detail = "an HTML page came instead"
		for _, kind := range []string{"application/atom+xml", "application/rss+xml", "application/feed+json"} {
			if href := a.HTML.ChildAttr(`link[rel="alternate"][type="`+kind+`"]`, "href"); href != "" {
				ref.Detail += "; it announces the feed " + a.HTML.Request.AbsoluteURL(href)
				break
			}
		}
	}
	return ref
}

// document is a parsed feed with what gofeed's common form leaves out.
type document struct {
	feed *gofeed.Feed
	json *jsonfeed.Feed // if it is one
	atom *atom.Feed     // if it is one

	warnings []string // of what had to be mended
}

// read parses a feed. XML that breaks off, or whose later items are broken, gives
// the items before that, with a warning; so does what a site's own errors put
// before a feed.
func read(body []byte) (document, error) {
	body = bytes.TrimSpace(body)
	var warnings []string
	if at := start(body); at > 0 {
		warnings = append(warnings, fmt.Sprintf("%d bytes before the feed were skipped", at))
		body = body[at:]
	}
	d, err := parseFeed(body)
	if err != nil {
		whole := mended(body)
		if whole == nil {
			return document{}, err
		}
		again, broken := parseFeed(whole)
		if broken != nil || len(again.feed.Items) == 0 {
			return document{}, err
		}
		d, warnings = again, append(warnings, fmt.Sprintf("the feed is broken behind its item %d", len(again.feed.Items)))
	}
	d.warnings = warnings
	return d, nil
}

// start is where a feed begins that something stands before; 0 where it begins at
// once, or none begins soon.
func start(body []byte) int {
	if bytes.HasPrefix(body, []byte("<?xml")) || bytes.HasPrefix(body, []byte("{")) {
		return 0
	}
	at := -1
	for _, sign := range []string{"<?xml ", "<rss ", "<rss>", "<feed ", "<rdf:RDF "} {
		if i := bytes.Index(body[:min(len(body), 4096)], []byte(sign)); i >= 0 && (at < 0 || i < at) {
			at = i
		}
	}
	return max(at, 0)
}

var rootName = regexp.MustCompile(`<(rss|feed|[A-Za-z]+:RDF|RDF)[\s>]`)

// mended is a broken XML feed up to its last whole item, nil where there is none.
func mended(body []byte) []byte {
	root := rootName.FindSubmatch(body[:min(len(body), 8192)])
	if root == nil {
		return nil
	}
	end := 0
	for _, tag := range []string{"</item>", "</entry>"} {
		if i := bytes.LastIndex(body, []byte(tag)); i >= 0 {
			end = max(end, i+len(tag))
		}
	}
	if end == 0 {
		return nil
	}
	whole := slices.Clone(body[:end])
	if string(root[1]) == "rss" {
		whole = append(whole, "</channel>"...)
	}
	return append(append(append(whole, "</"...), root[1]...), '>')
}

func parseFeed(body []byte) (d document, err error) {
	// gofeed panics on some documents (a JSON Feed whose items hold null).
	defer func() {
		if v := recover(); v != nil {
			d, err = document{}, errors.New("not a feed: its parser gave up")
		}
	}()
	if bytes.HasPrefix(body, []byte("<")) {
		if err := shallow(body); err != nil {
			return document{}, err
		}
	}
	p := gofeed.NewParser()
	p.KeepOriginalFeed = true
	p.RSSTranslator = &gofeed.DefaultRSSTranslator{DisableContentImageScan: true}
	feed, err := p.Parse(bytes.NewReader(body))
	if err != nil {
		return document{}, fmt.Errorf("not a feed: %w", err)
	}
	d = document{feed: feed}
	switch original := feed.OriginalFeed().(type) {
	case *jsonfeed.Feed:
		d.json = original
		if original.Items == nil || !strings.Contains(original.Version, "jsonfeed.org") && original.Title == "" {
			return document{}, errors.New("not a feed: JSON without version and items")
		}
	case *atom.Feed:
		d.atom = original
	}
	if len(feed.Items) > maxItems {
		return document{}, fmt.Errorf("a page of %d items", len(feed.Items))
	}
	return d, nil
}

// shallow refuses XML so deep that a recursive parser would run out of stack,
// which nothing can catch. encoding/xml expands no entities of a document's own,
// so there is no other way to grow.
func shallow(body []byte) error {
	d := xml.NewDecoder(bytes.NewReader(body))
	d.Strict = false
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	for depth := 0; ; {
		t, err := d.RawToken()
		if err != nil {
			return nil // the parser will say it better
		}
		switch t.(type) {
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return fmt.Errorf("elements are nested more than %d deep", maxDepth)
			}
		case xml.EndElement:
			depth--
		}
	}
}

// next is the address of the page behind this one, on the same host, or empty.
func (d document) next(base *url.URL) string {
	var refs []string
	switch {
	case d.json != nil:
		refs = append(refs, d.json.NextURL)
	case d.atom != nil:
		for _, l := range d.atom.Links {
			if l.Rel == "next" {
				refs = append(refs, l.Href)
			}
		}
	default:
		for _, l := range d.feed.Extensions["atom"]["link"] {
			if l.Attrs["rel"] == "next" {
				refs = append(refs, l.Attrs["href"])
			}
		}
	}
	// WordPress pages its feeds and does not say so.
	if len(refs) == 0 && strings.Contains(strings.ToLower(d.feed.Generator), "wordpress.org") {
		q := base.Query()
		n, err := strconv.Atoi(q.Get("paged"))
		if err != nil {
			n = 1
		}
		q.Set("paged", strconv.Itoa(n+1))
		u := *base
		u.RawQuery = q.Encode()
		refs = append(refs, u.String())
	}
	for _, ref := range refs {
		address, ok := markup.Resolve(base, ref)
		if !ok {
			continue
		}
		if u, err := url.Parse(address); err == nil && u.Scheme == base.Scheme && strings.EqualFold(u.Host, base.Host) {
			return address
		}
	}
	return ""
}

// page turns the items that are new or changed into posts and enters all of
// them into cur.Fresh. known reports whether an earlier run has seen one.
func (d document) page(cur *cursor, base *url.URL, kind string, zone *time.Location) (p crawler.Page, known bool) {
	seen, fresh := index(cur.Seen), index(cur.Fresh)
	undated, shared := 0, 0
	for i, it := range d.feed.Items {
		if it == nil {
			continue
		}
		post := d.post(i, base, zone)
		post.Kind = kind
		mark := item{hash(post.NativeID), hash(content(post))}
		if _, ok := seen[mark[0]]; ok {
			known = true
		}
		if was := fresh[mark[0]]; was != "" {
			if was != mark[1] {
				shared++
			}
			continue // twice on a page, or moved from one to the next while we read
		}
		fresh[mark[0]] = mark[1]
		cur.Fresh = append(cur.Fresh, mark)
		if seen[mark[0]] == mark[1] {
			continue
		}
		if post.At.IsZero() && post.RawAt != "" {
			undated++
		}
		p.Posts = append(p.Posts, post)
	}
	if shared > 0 {
		p.Warnings = append(p.Warnings, fmt.Sprintf("%d items have the identity of another and are not read", shared))
	}
	if undated > 0 {
		p.Warnings = append(p.Warnings, fmt.Sprintf("%d items with a date that cannot be read", undated))
	}
	return p, known
}

// since is the date of the last item where a page is sorted by date, newest first:
// all that is newer stands before it. Zero where it is not, or where a date is
// missing.
func since(items []*gofeed.Item) (oldest time.Time) {
	for _, it := range items {
		if it == nil || it.PublishedParsed == nil || !oldest.IsZero() && it.PublishedParsed.After(oldest) {
			return time.Time{}
		}
		oldest = it.PublishedParsed.UTC()
	}
	return oldest
}

func index(list []item) map[string]string {
	m := make(map[string]string, len(list))
	for _, it := range list {
		m[it[0]] = it[1]
	}
	return m
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

// content is what makes an item another version of itself.
func content(p crawler.Post) string {
	s := []string{p.Text, p.URL}
	for _, photo := range p.Photos {
		s = append(s, photo.URL)
	}
	return strings.Join(s, "\x00")
}

func (d document) post(i int, base *url.URL, zone *time.Location) crawler.Post {
	it := d.feed.Items[i]
	var original *jsonfeed.Item
	if d.json != nil && i < len(d.json.Items) {
		original = d.json.Items[i]
	}
	post := crawler.Post{Lang: d.feed.Language}
	post.URL, _ = markup.Resolve(base, it.Link)
	link := base
	if u, err := url.Parse(post.URL); err == nil && post.URL != "" {
		link = u
	}

	body := it.Content
	if strings.TrimSpace(body) == "" {
		body = it.Description
	}
	text := markup.Text(body)
	if original != nil && original.ContentHTML == "" && original.ContentText != "" {
		text = strings.TrimSpace(original.ContentText) // the one body that is not HTML
	}
	title := markup.Text(it.Title)
	if title != "" && !strings.HasPrefix(text, title) {
		text = strings.TrimSpace(title + "\n" + text)
	}
	if len(text) > maxTextSize {
		text = strings.ToValidUTF8(text[:maxTextSize], "")
	}
	post.Text = text

	switch guid := strings.TrimSpace(it.GUID); {
	case guid != "":
		post.NativeID = guid
	case post.URL != "":
		post.NativeID = post.URL
	default:
		post.NativeID = "sha256:" + hash(text)
	}
	if post.URL == "" {
		post.URL, _ = markup.Resolve(nil, it.GUID) // a permalink, unless it says otherwise and is one all the same
	}
	authors := it.Authors
	if len(authors) == 0 {
		authors = d.feed.Authors
	}
	for _, a := range authors {
		if a != nil && (a.Name != "" || a.Email != "") {
			post.AuthorName = markup.Text(a.Name)
			if post.AuthorID = a.Email; post.AuthorID == "" {
				post.AuthorID = post.AuthorName
			}
			break
		}
	}
	if original != nil && original.Language != "" {
		post.Lang = original.Language
	}
	for _, c := range it.Categories {
		if c = strings.TrimPrefix(markup.Text(c), "#"); c != "" && !slices.Contains(post.Tags, c) {
			post.Tags = append(post.Tags, c)
		}
	}
	post.RawAt = strings.TrimSpace(it.Published)
	parsed := it.PublishedParsed
	if post.RawAt == "" {
		post.RawAt, parsed = strings.TrimSpace(it.Updated), it.UpdatedParsed
	}
	post.At, post.Precision = date(post.RawAt, parsed, zone)
	if edited, _ := date(strings.TrimSpace(it.Updated), it.UpdatedParsed, zone); edited.After(post.At) && it.Published != "" {
		post.EditedAt = edited
	}
	post.Photos = photos(it, original, link)
	return post
}
