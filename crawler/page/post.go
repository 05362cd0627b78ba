package page

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"

	"xunqin/crawler"
	"xunqin/crawler/listing"
	"xunqin/crawler/markup"
)

// Bounds of what one page may bring.
const (
	maxText   = 64 << 10
	maxPhotos = 50
)

// hint is what a list or sitemap says of a page beside its address.
type hint struct {
	Day    string   `json:"day,omitempty"`
	Photos []string `json:"photos,omitempty"`

	inList bool // the page holds other posts too: what it says of itself is not the post's
}

var (
	canonical = cascadia.MustCompile(`link[rel~="canonical"]`)
	metas     = cascadia.MustCompile("meta[content]")
	scripts   = cascadia.MustCompile(`script[type="application/ld+json"]`)
	mains     = []cascadia.Matcher{cascadia.MustCompile("article"), cascadia.MustCompile(`main, [role="main"]`), cascadia.MustCompile("body")}
	headings  = cascadia.MustCompile("h1, h2, h3")
	times     = cascadia.MustCompile("time[datetime], time")
	notText   = cascadia.MustCompile("a[rel~=next], a[rel~=prev], script, style, nav, header nav, footer, aside, form, .comments, #comments, .comment-list, .sidebar, .share, .related")
	notPhotos = cascadia.MustCompile(".avatar, .author, .related, .comments, #comments, .sidebar, .logo, .share, nav, aside, footer")
	languages = cascadia.MustCompile("html[lang]")
)

// said is what a page says of itself, for programs.
type said struct {
	title, text, at, author, lang, place string
	images                               []string
	id                                   string
	report                               bool // of a missing person
}

// one reads the page of one post, or data that is one.
func (s site) one(a crawler.Answer, doc *html.Node, here *url.URL, h hint) (crawler.Post, []string, error) {
	now := a.Header.Get("Date")
	if doc == nil {
		d, ok := jsonLD(a.Body)
		if !ok {
			return crawler.Post{}, nil, errNoPage
		}
		p, w := s.ofData(d, here, now, h)
		if p.Text == "" && len(p.Photos) == 0 {
			return crawler.Post{}, nil, errNoPage
		}
		return p, w, nil
	}
	var box *html.Node
	if m := s.sel["item"]; m != nil {
		if box = markup.Find(doc, m); box == nil {
			return crawler.Post{}, nil, s.nothing("item")
		}
	}
	for _, m := range mains {
		if box == nil {
			box = markup.Find(doc, m)
		}
	}
	return s.post(doc, box, here, now, h)
}

// ofData makes a post of what is data alone.
func (s site) ofData(d said, here *url.URL, now string, h hint) (crawler.Post, []string) {
	p := crawler.Post{NativeID: cmp.Or(d.id, clean(here.String())), URL: clean(here.String()), Kind: s.cfg.Kind, AuthorID: d.author, AuthorName: d.author, Place: d.place, Lang: d.lang, RawAt: cmp.Or(d.at, h.Day)}
	if d.report && p.Kind == crawler.KindPost {
		p.Kind = crawler.KindReport
	}
	p.Text = joined(d.title, d.text)
	var warnings []string
	if p.At, p.Precision = listing.Date(p.RawAt, now, s.zone); p.At.IsZero() {
		warnings = append(warnings, "no date that can be read")
	}
	s.photos(&p, nil, here, append(d.images, h.Photos...))
	return p, warnings
}

// post reads the post in box. A selector that was given and matches nothing is
// named; without one the page's own words for programs are believed, then
// custom.
func (s site) post(doc, box *html.Node, here *url.URL, now string, h hint) (crawler.Post, []string, error) {
	var d said
	if !h.inList {
		d = selfSaid(doc)
	}
	var warnings []string
	// in finds the elements of a selector in the box, and asks the whole page
	// where a page holds one post.
	in := func(name string) []*html.Node {
		m := s.sel[name]
		if m == nil {
			return nil
		}
		list := markup.FindAll(box, m)
		if len(list) == 0 && !h.inList {
			list = markup.FindAll(doc, m)
		}
		if len(list) == 0 {
			warnings = append(warnings, s.nothing(name).Error())
		}
		return list
	}
	first := func(name string) string {
		for _, n := range in(name) {
			if v := cmp.Or(strings.TrimSpace(markup.Attr(n, "content")), markup.Words(n)); v != "" {
				return v
			}
		}
		return ""
	}

	post := crawler.Post{Kind: s.cfg.Kind, Lang: d.lang}
	if d.report && post.Kind == crawler.KindPost {
		post.Kind = crawler.KindReport
	}
	s.identify(&post, doc, box, here, h, in)

	title := first("title")
	if title == "" && s.cfg.Title == "" {
		title = cmp.Or(d.title, markup.Words(markup.Find(box, headings)))
	}
	post.AuthorName = first("author")
	if post.AuthorName == "" && s.cfg.Author == "" {
		post.AuthorName = d.author
	}
	post.AuthorID = post.AuthorName
	post.Place = first("place")
	if post.Place == "" && s.cfg.Place == "" {
		post.Place = d.place
	}
	s.date(&post, box, now, d, h, in)

	// Before words are pruned.
	images := in("image")
	if s.cfg.Image == "" {
		images = []*html.Node{box}
	}
	var fallback []string
	if s.cfg.Image == "" {
		fallback = append(slices.Clone(d.images), h.Photos...)
	}
	s.photos(&post, images, here, fallback)

	if s.cfg.Text != "" {
		var parts []string
		for _, n := range in("text") {
			if t := cmp.Or(strings.TrimSpace(markup.Attr(n, "content")), markup.Text(markup.Source(n))); t != "" {
				parts = append(parts, t)
			}
		}
		if len(parts) == 0 {
			return crawler.Post{}, warnings, s.nothing("text")
		}
		post.Text = joined(title, strings.Join(parts, "\n"))
	} else {
		markup.Prune(box, notText)
		if box != nil && box.Data == "body" && d.text != "" { // a page without a place for its text
			post.Text = joined(title, d.text)
		} else {
			post.Text = joined(title, cmp.Or(markup.Text(markup.Source(box)), d.text))
		}
	}
	if post.Text == "" && len(post.Photos) == 0 {
		return crawler.Post{}, warnings, errors.New("neither words nor photos")
	}
	if post.NativeID == "" {
		post.NativeID = "sha256:" + digest(post)
	}
	return post, warnings, nil
}

// identify finds a post's address and identity: its own link in a list; of a
// page the canonical address, if it can be this page's, else the page's own.
func (s site) identify(post *crawler.Post, doc, box *html.Node, here *url.URL, h hint, in func(string) []*html.Node) {
	if h.inList {
		for _, n := range in("link") {
			if markup.Attr(n, "href") == "" {
				n = markup.Find(n, anyLink)
			}
			if u, ok := markup.Resolve(here, markup.Attr(n, "href")); ok && post.URL == "" {
				post.URL = clean(u)
			}
		}
		post.NativeID = post.URL
		if id := markup.Attr(box, "id"); post.NativeID == "" && id != "" {
			post.URL = clean(here.String())
			page := *s.first
			post.NativeID = clean(page.String()) + "#" + id
		}
		return
	}
	post.URL = clean(here.String())
	if address, ok := markup.Resolve(here, markup.Attr(markup.Find(doc, canonical), "href")); ok {
		u, err := url.Parse(address)
		// A page that names the front page, or the list, as its own is mistaken.
		same := err == nil && (sameSite(u, here) || u.Path == here.Path)
		if same && strings.Trim(u.Path, "/")+u.RawQuery != "" && (clean(address) != clean(s.first.String()) || clean(here.String()) == clean(s.first.String())) {
			post.URL = clean(address)
		}
	}
	post.NativeID = post.URL
}

// date reads the time of a post.
func (s site) date(post *crawler.Post, box *html.Node, now string, d said, h hint, in func(string) []*html.Node) {
	var raws []string
	for _, n := range in("time") {
		raws = append(raws, markup.Attr(n, "datetime"), markup.Attr(n, "content"), markup.Attr(n, "title"), markup.Words(n))
	}
	if s.cfg.Time == "" {
		raws = append(raws, d.at)
		if n := markup.Find(box, times); n != nil {
			raws = append(raws, markup.Attr(n, "datetime"), markup.Words(n))
		}
	}
	raws = append(raws, h.Day)
	for _, raw := range raws {
		if raw = strings.TrimSpace(raw); raw == "" {
			continue
		}
		if post.RawAt == "" {
			post.RawAt = raw
		}
		if at, precision := listing.Date(raw, now, s.zone); !at.IsZero() {
			post.RawAt, post.At, post.Precision = raw, at, precision
			return
		}
	}
}

// photos enters those that the elements show, or hold; where there are none,
// those that the page or its sitemap names.
func (s site) photos(post *crawler.Post, from []*html.Node, here *url.URL, named []string) {
	var seen []string
	add := func(p crawler.PhotoURL) {
		if len(post.Photos) < maxPhotos && !slices.Contains(seen, p.URL) {
			seen = append(append(seen, p.URL), p.Fallback...)
			post.Photos = append(post.Photos, p)
		}
	}
	for _, n := range from {
		if n == nil {
			continue
		}
		// An img in a picture element is one picture with its sources.
		if n.Data == "img" && n.Parent != nil && n.Parent.Data == "picture" {
			n = n.Parent
		}
		if u, ok := markup.Resolve(here, markup.Attr(n, "content")); ok && n.Data == "meta" {
			add(crawler.PhotoURL{URL: u})
			continue
		}
		var drop []*html.Node
		if s.cfg.Image == "" {
			drop = markup.FindAll(n, notPhotos)
		}
		src := markup.Source(n)
		for _, d := range drop {
			src = strings.Replace(src, markup.Source(d), "", 1)
		}
		list := markup.Images(src, here)
		for _, im := range list {
			add(crawler.PhotoURL{URL: im.URL, Alt: im.Alt, Width: im.Width, Height: im.Height, Fallback: im.Fallback})
		}
		if href := markup.Attr(n, "href"); len(list) == 0 && href != "" && n.Data == "a" { // a link to the picture
			if u, ok := markup.Resolve(here, href); ok {
				add(crawler.PhotoURL{URL: u})
			}
		}
	}
	if len(post.Photos) > 0 {
		return
	}
	for _, ref := range named {
		if u, ok := markup.Resolve(here, ref); ok {
			add(crawler.PhotoURL{URL: u})
		}
	}
}

// selfSaid is what a page says in JSON-LD and, where that is silent, in its meta
// elements.
func selfSaid(doc *html.Node) said {
	var d said
	for _, n := range markup.FindAll(doc, scripts) {
		if n.FirstChild == nil {
			continue
		}
		if found, ok := jsonLD([]byte(n.FirstChild.Data)); ok {
			d = found
			break
		}
	}
	meta := map[string]string{}
	for _, n := range markup.FindAll(doc, metas) {
		key := strings.ToLower(cmp.Or(markup.Attr(n, "property"), markup.Attr(n, "name"), markup.Attr(n, "itemprop")))
		if v := strings.TrimSpace(markup.Attr(n, "content")); v != "" && meta[key] == "" {
			meta[key] = v
		}
	}
	d.title = cmp.Or(d.title, meta["og:title"])
	d.text = cmp.Or(d.text, meta["og:description"], meta["description"])
	d.at = cmp.Or(d.at, meta["article:published_time"], meta["og:article:published_time"], meta["datepublished"], meta["pubdate"], meta["publishdate"], meta["date"])
	d.author = cmp.Or(d.author, meta["author"], meta["article:author"])
	if len(d.images) == 0 {
		if im := cmp.Or(meta["og:image:secure_url"], meta["og:image"], meta["twitter:image"]); im != "" {
			d.images = []string{im}
		}
	}
	d.lang = cmp.Or(d.lang, markup.Attr(doc, "lang"), markup.Attr(markup.Find(doc, languages), "lang"))
	return d
}

// joined is a title before a text that does not hold it already.
func joined(title, text string) string {
	text = strings.TrimSpace(text)
	if title != "" && !strings.HasPrefix(text, title) && !strings.Contains(text, title+"\n") {
		text = strings.TrimSpace(title + "\n" + text)
	}
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "")
	}
	return text
}

// digest is what makes a post another version of itself.
func digest(p crawler.Post) string {
	h := sha256.New()
	for _, part := range []string{p.Text, p.URL, p.RawAt} {
		h.Write([]byte(part + "\x00"))
	}
	for _, ph := range p.Photos {
		h.Write([]byte(ph.URL + "\x00"))
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:9])
}
