package baobeihuijia

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"

	"xunqin/crawler"
	"xunqin/crawler/listing"
	"xunqin/crawler/markup"
)

var (
	links   = cascadia.MustCompile("a[href]")
	img     = cascadia.MustCompile("img")
	day     = cascadia.MustCompile(".person-agent-info .d-block, .d-block, .date, time")
	badge   = cascadia.MustCompile(".badge")
	lists   = cascadia.MustCompile("#ti1, .pg, .person-image, .pagination")
	inside  = cascadia.MustCompile("a, img")
	items   = cascadia.MustCompile("li, tr, p, dd")
	spans   = cascadia.MustCompile("span, th, .view-th, strong, b")
	cases   = cascadia.MustCompile(".pagecontent, #table_1_normaldivr, #_table_1_photo, #table_1_photo")
	noWords = cascadia.MustCompile("script, style, nav, footer")

	viewed  = regexp.MustCompile(`(?:^|/)view\.aspx\?(?:[^#]*&)?id=(\d+)`)
	viewCat = regexp.MustCompile(`[?&]type=(\d+)`)
	content = regexp.MustCompile(`/contents/(\d+)/(\d+)\.html`)
	listed  = regexp.MustCompile(`[?&]page=(\d+)|/channels/\d+_(\d+)\.html`)
	dayText = regexp.MustCompile(`^\d{4}\D\d{1,2}\D\d{1,2}`)
)

// hint is what a list says of a case beside its address.
type hint struct {
	Category string `json:"category,omitempty"`
	Day      string `json:"day,omitempty"`
	Photo    string `json:"photo,omitempty"`
}

// caseOf is the number and category in the address of a case's page.
func caseOf(address string) (id, category string) {
	if m := viewed.FindStringSubmatch(address); m != nil {
		if c := viewCat.FindStringSubmatch(address); c != nil {
			category = c[1]
		}
		return m[1], category
	}
	if m := content.FindStringSubmatch(address); m != nil {
		return m[2], m[1]
	}
	return "", ""
}

// sheet reads a page of a list of either site: whatever links to a case.
func (r registry) sheet(doc *html.Node, here *url.URL) (listing.Sheet, error) {
	var s listing.Sheet
	at := map[string]int{}
	for _, a := range markup.FindAll(doc, links) {
		address, ok := markup.Resolve(here, markup.Attr(a, "href"))
		id, cat := caseOf(address)
		if !ok || id == "" {
			continue
		}
		if u, err := url.Parse(address); err != nil || u.Host != here.Host {
			continue
		}
		i, known := at[id]
		if !known {
			i = len(s.Entries)
			at[id] = i
			s.Entries = append(s.Entries, listing.Entry{ID: id, URL: address})
		}
		e := &s.Entries[i]
		var h hint
		if e.Hint != "" {
			if err := json.Unmarshal([]byte(e.Hint), &h); err != nil {
				return s, fmt.Errorf("hint of a case: %w", err)
			}
		}
		if h.Category == "" && r.shape == old {
			h.Category = cat
		}
		// The smallest element round the link that holds this case alone.
		box := a
		for p := a.Parent; p != nil && alone(p, here, id); p = p.Parent {
			box = p
		}
		if b := markup.Words(markup.Find(box, badge)); kinds[b] != "" {
			h.Category = b
		}
		if d := markup.Words(markup.Find(box, day)); dayText.MatchString(d) {
			h.Day = d
		}
		for _, n := range markup.FindAll(box, img) {
			if u, ok := photo(n, here); ok && h.Photo == "" {
				h.Photo = u
			}
		}
		b, err := json.Marshal(h)
		if err != nil {
			return s, fmt.Errorf("hint of a case: %w", err)
		}
		e.Hint, e.Stamp = string(b), h.Photo+" "+h.Category
		e.At, _ = listing.Date(h.Day, "", r.zone)
	}
	if len(s.Entries) == 0 {
		list := markup.Find(doc, lists)
		if list == nil {
			return s, errors.New("no link to a case (view.aspx?id=, contents/C/ID.html) and no list")
		}
		if markup.Find(list, inside) != nil {
			return s, errors.New("a list, but no link to a case (view.aspx?id=, contents/C/ID.html)")
		}
	}
	s.Next = r.next(doc, here)
	s.End = s.Next == ""
	return s, nil
}

// alone reports whether every case that n links to is the one with id.
func alone(n *html.Node, here *url.URL, id string) bool {
	if n.Data == "body" || n.Data == "html" {
		return false
	}
	for _, a := range markup.FindAll(n, links) {
		if other, _ := caseOf(markup.Attr(a, "href")); other != "" && other != id {
			return false
		}
	}
	return true
}

// next is the page behind this one: a list links to it, or at least to the last.
func (r registry) next(doc *html.Node, here *url.URL) string {
	number := func(address string) int {
		m := listed.FindStringSubmatch(address)
		if m == nil {
			return 1
		}
		n, err := strconv.Atoi(m[1] + m[2])
		if err != nil {
			return 1
		}
		return n
	}
	at := number(here.String())
	later := ""
	for _, a := range markup.FindAll(doc, links) {
		u, ok := markup.Resolve(here, markup.Attr(a, "href"))
		if !ok || !listed.MatchString(u) {
			continue
		}
		switch n := number(u); {
		case n == at+1:
			return u
		case n > at+1:
			later = u
		}
	}
	if later == "" {
		return ""
	}
	m := listed.FindStringSubmatchIndex(later)
	from, to := m[2], m[3]
	if from < 0 {
		from, to = m[4], m[5]
	}
	return later[:from] + strconv.Itoa(at+1) + later[to:]
}

// photo is the address of a case's picture; the registry's own stand-ins are
// none.
func photo(n *html.Node, base *url.URL) (string, bool) {
	u, ok := markup.Resolve(base, markup.Attr(n, "src"))
	p, err := url.Parse(u)
	if !ok || err != nil {
		return "", false
	}
	file := strings.ToLower(path.Base(p.Path))
	for _, sign := range []string{"none", "nophoto", "logo", "qrcode", "weixin", "icon"} {
		if strings.HasPrefix(file, sign) {
			return "", false
		}
	}
	return u, strings.Contains(p.Path, "/photo/") || strings.Contains(p.Path, "/special/") || strings.Contains(p.Path, "/upload")
}

// photosOf are the pictures at the given addresses, each whole before small
// ("s_" before the file's name).
func photosOf(addresses []string) []crawler.PhotoURL {
	var list []crawler.PhotoURL
	var seen []string
	for _, a := range addresses {
		p := crawler.PhotoURL{URL: a}
		if dir, file := path.Split(a); strings.HasPrefix(file, "s_") {
			p = crawler.PhotoURL{URL: dir + strings.TrimPrefix(file, "s_"), Fallback: []string{a}}
		}
		if i := slices.Index(seen, p.URL); i >= 0 {
			for _, f := range p.Fallback {
				if !slices.Contains(list[i].Fallback, f) {
					list[i].Fallback = append(list[i].Fallback, f)
				}
			}
			continue
		}
		seen = append(seen, p.URL)
		list = append(list, p)
		if len(list) == 20 {
			break
		}
	}
	return list
}

// post reads the page of a case, of either site.
func (r registry) post(doc *html.Node, address string, e listing.Entry) (crawler.Post, []string, error) {
	base, err := url.Parse(address)
	if err != nil {
		return crawler.Post{}, nil, fmt.Errorf("address of a case: %w", err)
	}
	var h hint
	if e.Hint != "" {
		if err := json.Unmarshal([]byte(e.Hint), &h); err != nil {
			return crawler.Post{}, nil, fmt.Errorf("hint of a case: %w", err)
		}
	}
	f, known := fields{}, 0
	var pictures []string
	for _, n := range append(markup.FindAll(doc, cases), doc) {
		if n == doc && known >= least {
			break
		}
		for _, li := range markup.FindAll(n, items) {
			if row(f, li) {
				known++
			}
		}
	}
	if known < least { // lines of a text
		markup.Prune(doc, noWords)
		for line := range strings.Lines(markup.Text(markup.Source(doc))) {
			if f.line(strings.TrimSpace(line)) {
				known++
			}
		}
	}
	if known < least || f.text() == "" {
		return crawler.Post{}, nil, fmt.Errorf("no case: %d of its labels (姓名, 出生日期, 失踪时间 …) are on the page", known)
	}
	holders := markup.FindAll(doc, cases)
	if len(holders) == 0 {
		holders = []*html.Node{doc}
	}
	for _, n := range holders {
		for _, im := range markup.FindAll(n, img) {
			if u, ok := photo(im, base); ok {
				pictures = append(pictures, u)
			}
		}
	}
	if h.Photo != "" {
		pictures = append(pictures, h.Photo)
	}
	post, warnings := r.postOf(e.ID, address, f, h.Day, "")
	post.Kind = r.kindOf(f[category], h.Category)
	if post.Kind == unwanted {
		return crawler.Post{}, nil, nil
	}
	if f[category] == "" && h.Category == "" {
		warnings = append(warnings, "case "+e.ID+": no category; taken for a "+post.Kind)
	}
	post.Photos = photosOf(pictures)
	return post, warnings, nil
}

// row enters a label and its value, which stand in one element: the label in an
// element of its own or before the first colon, the value behind it or, on some
// pages of the current site, in the label's own element.
func row(f fields, n *html.Node) bool {
	if label := markup.Find(n, spans); label != nil {
		head := markup.Words(label)
		if rest, ok := strings.CutPrefix(markup.Text(markup.Source(n)), head); ok && strings.TrimRight(head, "：: ") != "" {
			if strings.HasSuffix(head, "：") || strings.HasSuffix(head, ":") {
				return f.put(head, rest)
			}
			if strings.ContainsAny(head, "：:") {
				return f.line(head + rest)
			}
			if strings.HasPrefix(strings.TrimSpace(rest), "：") || strings.HasPrefix(strings.TrimSpace(rest), ":") {
				return f.put(head, strings.TrimLeft(rest, "：: \n"))
			}
			return f.put(head, rest)
		}
	}
	return f.line(markup.Words(n))
}
