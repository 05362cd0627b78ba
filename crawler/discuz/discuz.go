// Package discuz reads boards of forums that run Discuz! X (X2 to X3.5).
//
// A board is read from the address that people copy: the page of the board
// (forum.php?mod=forumdisplay, or forum-F-1.html where addresses are
// rewritten), its plain archiver, or its RSS. Each thread's own page gives one
// post: the first one, under the thread's number. Replies are other people's
// words and are not read.
//
// What Discuz says in place of content has a name: a message page is closed,
// login-wall or not-found by its words, the script that tests for robots a
// captcha. Photos that guests may not see are a warning; the text is kept.
package discuz

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/html"

	"github.com/andybalholm/cascadia"

	"xunqin/crawler"
	"xunqin/crawler/listing"
	"xunqin/crawler/markup"
)

// Reader implements crawler.Reader. Its zero value is ready.
type Reader struct{}

// Config is the configuration of one source.
type Config struct {
	URL      string `json:"url"`                // of a board, its archiver or its RSS
	Kind     string `json:"kind,omitempty"`     // "post", "report" or "notice"; empty is "post"
	Backfill int    `json:"backfill,omitempty"` // list pages of the first run, at most 1000; 0 is 1
	Zone     string `json:"zone,omitempty"`     // IANA zone of the forum's times; empty is Asia/Shanghai
	listing.Past
}

// ways in which a board shows itself
const (
	dynamic   = "dynamic"   // forum.php?mod=...
	rewritten = "rewritten" // forum-F-N.html
	archive   = "archiver"  // archiver/?fid-F.html
	rss       = "rss"       // forum.php?mod=rss
)

// board is a source as configured.
type board struct {
	root  *url.URL // the folder that forum.php lies in
	fid   string
	way   string
	kind  string
	zone  *time.Location
	pages int
	past  listing.Past
}

var (
	rewrittenList = regexp.MustCompile(`^forum-(\w+)-\d+\.html$`)
	archiverList  = regexp.MustCompile(`^fid-(\d+)\.html`)
)

func parse(raw json.RawMessage) (board, error) {
	fault := func(format string, args ...any) (board, error) {
		return board{}, fmt.Errorf("discuz configuration: "+format, args...)
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
	b := board{kind: c.Kind, pages: max(c.Backfill, 1), past: c.Past}
	u, err := url.Parse(strings.TrimSpace(c.URL))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return fault(`url must be the address of a board such as "https://bbs.example/forum.php?mod=forumdisplay&fid=2"`)
	}
	folder, file := u.Path, ""
	if i := strings.LastIndexByte(u.Path, '/'); i >= 0 {
		folder, file = u.Path[:i+1], u.Path[i+1:]
	}
	if strings.HasSuffix(folder, "/archiver/") {
		m := archiverList.FindStringSubmatch(u.RawQuery)
		if m == nil && strings.HasPrefix(file, "fid-") {
			m = archiverList.FindStringSubmatch(file)
		}
		if m == nil {
			return fault("the archiver's address has no fid-NUMBER.html")
		}
		b.way, b.fid, folder = archive, m[1], strings.TrimSuffix(folder, "archiver/")
	} else if m := rewrittenList.FindStringSubmatch(file); m != nil {
		b.way, b.fid = rewritten, m[1]
	} else {
		q := u.Query()
		b.fid = q.Get("fid")
		switch q.Get("mod") {
		case "forumdisplay":
			b.way = dynamic
		case "rss":
			b.way = rss
		}
		if _, err := strconv.Atoi(b.fid); err != nil || b.way == "" {
			return fault("the address is none of a board: it has mod=forumdisplay and fid=NUMBER, or is forum-NUMBER-1.html")
		}
	}
	b.root = &url.URL{Scheme: u.Scheme, Host: u.Host, Path: folder}
	if folder == "" {
		b.root.Path = "/"
	}
	switch c.Kind {
	case "":
		b.kind = crawler.KindPost
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
	if b.zone, err = time.LoadLocation(c.Zone); err != nil {
		return fault("zone: %w", err)
	}
	if err := c.Past.Check(); err != nil {
		return fault("%w", err)
	}
	if c.From != "" && b.way == rss {
		return fault("a feed shows no past: give the address of the board itself")
	}
	return b, nil
}

// Check implements crawler.ConfigChecker.
func (Reader) Check(config json.RawMessage) error {
	_, err := parse(config)
	return err
}

// Read implements crawler.Reader.
func (Reader) Read(ctx context.Context, f *crawler.Fetcher, src crawler.Source, emit func(crawler.Page) error) error {
	b, err := parse(src.Config)
	if err != nil {
		return err
	}
	return listing.Walk{Site: b, Kind: b.kind, First: b.list(), Pages: b.pages, Zone: b.zone, Past: b.past}.Read(ctx, f, src, emit)
}

// at is an address in the forum's folder.
func (b board) at(ref string) string {
	u, err := b.root.Parse(ref)
	if err != nil {
		return b.root.String()
	}
	return u.String()
}

func (b board) list() string {
	switch b.way {
	case rewritten:
		return b.at("forum-" + b.fid + "-1.html")
	case archive:
		return b.at("archiver/?fid-" + b.fid + ".html")
	case rss:
		return b.at("forum.php?mod=rss&fid=" + b.fid + "&auth=0")
	}
	// By the time threads were opened: by the last reply, old threads would keep
	// new ones down.
	return b.at("forum.php?mod=forumdisplay&fid=" + b.fid + "&orderby=dateline")
}

func (b board) thread(tid string) string {
	switch b.way {
	case rewritten:
		return b.at("thread-" + tid + "-1-1.html")
	case archive:
		return b.at("archiver/?tid-" + tid + ".html")
	}
	return b.at("forum.php?mod=viewthread&tid=" + tid)
}

// link is where a link of a list leads, without what tells where one came from;
// where it leads to another host, the thread's address here.
func (b board) link(a *html.Node, id string) string {
	address, ok := markup.Resolve(b.base(), markup.Attr(a, "href"))
	u, err := url.Parse(address)
	if !ok || err != nil || u.Scheme != b.root.Scheme || u.Host != b.root.Host || tid(address) != id {
		return b.thread(id)
	}
	if b.way == archive {
		return address // its query is no list of values
	}
	q := u.Query()
	for _, key := range []string{"extra", "page", "sid", "highlight", "fromuid", "from"} {
		q.Del(key)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// List implements listing.Site.
func (b board) List(ctx context.Context, f *crawler.Fetcher, req crawler.Request) (listing.Sheet, error) {
	a, err := f.Page(ctx, req)
	if err != nil {
		return listing.Sheet{}, err
	}
	if a.NotModified {
		return listing.Sheet{Unchanged: true}, nil
	}
	here, err := url.Parse(a.URL)
	if err != nil {
		return listing.Sheet{}, fmt.Errorf("discuz address: %w", err)
	}
	var s listing.Sheet
	if b.way == rss {
		if s, err = b.feed(a.Body); err != nil {
			ref := f.Refuse(a, crawler.RefusedNotFeed)
			if ref.Name == crawler.RefusedNotFeed {
				ref.Detail = err.Error()
				if word, _ := said(page(a)); word != "" {
					ref.Name = word
				}
			}
			return listing.Sheet{}, ref
		}
	} else {
		doc := page(a)
		if doc == nil {
			return listing.Sheet{}, f.Refuse(a, crawler.RefusedNotPage)
		}
		if s, err = b.sheet(doc, here, a.Header.Get("Date")); err != nil {
			return listing.Sheet{}, b.refuse(f, a, doc, err)
		}
	}
	if a.Damaged {
		s.Warnings = append(s.Warnings, "some bytes mean nothing in "+a.Charset)
	}
	s.Validators = a.Validators
	return s, nil
}

// Item implements listing.Site.
func (b board) Item(ctx context.Context, f *crawler.Fetcher, req crawler.Request, e listing.Entry) (crawler.Post, []string, error) {
	a, err := f.Page(ctx, req)
	if err != nil {
		return crawler.Post{}, nil, err
	}
	doc := page(a)
	if doc == nil {
		return crawler.Post{}, nil, f.Refuse(a, crawler.RefusedNotPage)
	}
	post, warnings, err := b.post(doc, e, a.Header.Get("Date"))
	if err != nil {
		return crawler.Post{}, nil, b.refuse(f, a, doc, err)
	}
	post.URL = e.URL
	if a.Damaged {
		warnings = append(warnings, "thread "+e.ID+": some bytes mean nothing in "+a.Charset)
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

// refuse names what came in place of a list or a thread.
func (b board) refuse(f *crawler.Fetcher, a crawler.Answer, doc *html.Node, err error) error {
	if word, detail := said(doc); word != "" {
		return &crawler.Refusal{Name: word, Status: 200, URL: a.URL, Detail: detail}
	}
	if bytes.Contains(a.Body, []byte("_dsign")) && markup.Words(markup.Find(doc, body)) == "" {
		return &crawler.Refusal{Name: crawler.RefusedCaptcha, Status: 200, URL: a.URL, Detail: "the script by which Discuz tests for robots"}
	}
	ref := f.Refuse(a, crawler.RefusedMarkup)
	if ref.Name == crawler.RefusedMarkup && ref.Detail != "empty" {
		ref.Detail = err.Error()
	}
	return ref
}

var (
	body     = cascadia.MustCompile("body")
	messages = cascadia.MustCompile("#messagetext, .alert_error, .alert_info, #messagelogin")
	logins   = regexp.MustCompile(`登录|登錄|登入|游客|遊客|未登|注册会员`)
	missing  = regexp.MustCompile(`不存在|已被删除|已被刪除|已删除|正在被审核|正在審核`)
)

// said reads a message page of Discuz: a name of a refusal and its words, both
// empty if it is none.
func said(doc *html.Node) (word, detail string) {
	if doc == nil {
		return "", ""
	}
	n := markup.Find(doc, messages)
	if n == nil {
		return "", ""
	}
	detail = markup.Words(n)
	if r := []rune(detail); len(r) > 60 {
		detail = string(r[:60])
	}
	switch {
	case missing.MatchString(detail):
		return crawler.RefusedNotFound, detail
	case logins.MatchString(detail):
		return crawler.RefusedLogin, detail
	}
	return crawler.RefusedClosed, detail
}

var (
	table     = cascadia.MustCompile("#threadlisttableid, #threadlist, #waterfall, form#moderate")
	rows      = cascadia.MustCompile(`tbody[id^="normalthread_"]`)
	pictures  = cascadia.MustCompile("#waterfall li")
	sticky    = cascadia.MustCompile(`tbody[id^="stickthread_"]`)
	titles    = cascadia.MustCompile("a.xst, h3 a")
	anyLink   = cascadia.MustCompile("a[href]")
	dated     = cascadia.MustCompile("td.by em")
	titled    = cascadia.MustCompile("span[title]")
	nextLink  = cascadia.MustCompile("a.nxt")
	strong    = cascadia.MustCompile("strong")
	total     = cascadia.MustCompile("label span[title]")
	listed    = cascadia.MustCompile("#content li a[href]")
	listItems = cascadia.MustCompile("li, a[href]")
	content   = cascadia.MustCompile("#content")
	empty     = cascadia.MustCompile(".emp")

	threadID   = regexp.MustCompile(`(?:[?&;]tid=|thread-|tid-)(\d+)`)
	number     = regexp.MustCompile(`\d+`)
	boardID    = regexp.MustCompile(`(?:mod=forumdisplay\b.*?[?&;]fid=|[?&;]fid=|forum-|fid-)(\w+)`)
	pageNumber = regexp.MustCompile(`[?&;]page=(\d+)|forum-\w+-(\d+)\.html`)
)

// tid is the thread that a link leads to.
func tid(href string) string {
	if strings.Contains(href, "mod=redirect") || strings.Contains(href, "goto=") {
		return ""
	}
	if m := threadID.FindStringSubmatch(href); m != nil {
		return m[1]
	}
	return ""
}

// sheet reads a page of the board, or of its archiver.
func (b board) sheet(doc *html.Node, here *url.URL, now string) (listing.Sheet, error) {
	if b.way == archive {
		return b.plain(doc, here)
	}
	list := markup.Find(doc, table)
	if list == nil {
		return listing.Sheet{}, errors.New("no list of threads (#threadlisttableid, #threadlist, #waterfall)")
	}
	var s listing.Sheet
	known := map[string]bool{}
	for _, row := range markup.FindAll(doc, sticky) {
		for _, a := range markup.FindAll(row, anyLink) {
			known[tid(markup.Attr(a, "href"))] = true
		}
	}
	undated := 0
	for _, row := range append(markup.FindAll(list, rows), markup.FindAll(doc, pictures)...) {
		id := number.FindString(markup.Attr(row, "id"))
		title := markup.Find(row, titles)
		if t := tid(markup.Attr(title, "href")); id == "" {
			id = t
		}
		if id == "" || known[id] {
			continue
		}
		known[id] = true
		e := listing.Entry{ID: id, URL: b.link(title, id), Stamp: markup.Words(title)}
		when := markup.Find(row, dated)
		raw := markup.Words(when)
		if t := markup.Find(when, titled); t != nil {
			raw = markup.Attr(t, "title")
		}
		e.At, _ = listing.Date(raw, now, b.zone)
		switch {
		case e.At.IsZero():
			undated++
		case !strings.Contains(raw, "前"): // another day it would be another
			e.Hint = raw
		}
		s.Entries = append(s.Entries, e)
	}
	// What else leads to a thread from inside the list is a row we do not know.
	var strange []string
	for _, a := range markup.FindAll(list, anyLink) {
		if t := tid(markup.Attr(a, "href")); t != "" && !known[t] {
			known[t] = true
			strange = append(strange, t)
		}
	}
	switch {
	case len(s.Entries) == 0 && len(strange) > 0:
		return listing.Sheet{}, errors.New(`links to threads, but no row that is one (tbody[id^="normalthread_"])`)
	case len(s.Entries) == 0 && markup.Find(doc, empty) == nil && markup.Find(doc, sticky) == nil && len(markup.FindAll(list, anyLink)) > 3:
		return listing.Sheet{}, errors.New("a list of threads without a thread")
	case len(strange) > 0:
		s.Warnings = append(s.Warnings, fmt.Sprintf("%d threads in rows of another kind were left out", len(strange)))
	}
	if undated > 0 && undated == len(s.Entries) {
		s.Warnings = append(s.Warnings, "the list shows no dates that can be read")
	}
	s.Next = b.next(doc, here)
	s.End = s.Next == ""
	return s, nil
}

// next is the page behind this one: by the link that says so, by any link to
// the board's page of that number, or by the number of pages.
func (b board) next(doc *html.Node, here *url.URL) string {
	at := pageOf(here.RequestURI())
	for _, links := range [][]*html.Node{markup.FindAll(doc, nextLink), markup.FindAll(doc, anyLink)} {
		for _, a := range links {
			href := markup.Attr(a, "href")
			u, ok := markup.Resolve(b.base(), href)
			if m := boardID.FindStringSubmatch(href); ok && m != nil && m[1] == b.fid && pageOf(u) == at+1 {
				if b.way == dynamic { // some links forget the order
					return b.list() + "&page=" + strconv.Itoa(at+1)
				}
				return u
			}
		}
	}
	pages, _ := strconv.Atoi(number.FindString(markup.Attr(markup.Find(doc, total), "title")))
	if at >= pages || b.way == archive {
		return ""
	}
	if b.way == rewritten {
		return b.at(fmt.Sprintf("forum-%s-%d.html", b.fid, at+1))
	}
	return b.list() + "&page=" + strconv.Itoa(at+1)
}

// pageOf is the number of a list's page by its address.
func pageOf(address string) int {
	m := pageNumber.FindStringSubmatch(address)
	if m == nil {
		return 1
	}
	n, err := strconv.Atoi(m[1] + m[2])
	if err != nil {
		return 1
	}
	return n
}

// base is the folder that links of the board's pages are meant in.
func (b board) base() *url.URL {
	if b.way == archive {
		return b.root.JoinPath("archiver/")
	}
	return b.root
}

// plain reads a page of the archiver's list.
func (b board) plain(doc *html.Node, here *url.URL) (listing.Sheet, error) {
	list := markup.Find(doc, content)
	if list == nil {
		return listing.Sheet{}, errors.New("no list of threads (#content)")
	}
	var s listing.Sheet
	known := map[string]bool{}
	for _, a := range markup.FindAll(doc, listed) {
		id := tid(markup.Attr(a, "href"))
		if id == "" || known[id] {
			continue
		}
		known[id] = true
		s.Entries = append(s.Entries, listing.Entry{ID: id, URL: b.link(a, id), Stamp: markup.Words(a)})
	}
	if len(s.Entries) == 0 && markup.Find(list, listItems) != nil {
		return listing.Sheet{}, errors.New("items, but no link to a thread (#content li a)")
	}
	s.Next = b.next(doc, here)
	s.End = s.Next == ""
	return s, nil
}

var (
	postlist  = cascadia.MustCompile("#postlist")
	posts     = cascadia.MustCompile(`#postlist > div[id^="post_"], #postlist > table[id^="pid"]`)
	texts     = cascadia.MustCompile(`[id^="postmessage_"], .t_f`)
	denied    = cascadia.MustCompile(".attach_nopermission")
	subject   = cascadia.MustCompile("#thread_subject")
	headline  = cascadia.MustCompile("h1")
	tagLinks  = cascadia.MustCompile(`h1 a[href*="typeid"], .ptg a`)
	posted    = cascadia.MustCompile(`[id^="authorposton"]`)
	authors   = cascadia.MustCompile(".authi a.xw1, .pls .authi a")
	edits     = cascadia.MustCompile(".pstatus")
	noText    = cascadia.MustCompile("script, style, .pstatus, .tip, .aimg_tip, .attach_tips, .jammer, .attach_nopermission, .pattl, .locked, [style*=\"display:none\"], [style*=\"display: none\"]")
	inText    = cascadia.MustCompile("img, video[poster]")
	attached  = cascadia.MustCompile(`.pattl img, img[id^="aimg_"]`)
	canonical = cascadia.MustCompile(`link[rel="canonical"]`)
	archHead  = cascadia.MustCompile("#content p.author")

	edited = regexp.MustCompile(`于\s*(\d.*?)\s*编辑|於\s*(\d.*?)\s*編輯`)
	member = regexp.MustCompile(`uid[=-](\d+)`)
)

// maxText and maxPhotos bound what one thread may bring.
const (
	maxText   = 64 << 10
	maxPhotos = 50
)

// post reads the first post of a thread.
func (b board) post(doc *html.Node, e listing.Entry, now string) (crawler.Post, []string, error) {
	id := e.ID
	if b.way == archive {
		return b.plainPost(doc, id, now)
	}
	if markup.Find(doc, postlist) == nil {
		return crawler.Post{}, nil, errors.New("no posts (#postlist)")
	}
	first := markup.Find(doc, posts)
	if first == nil {
		return crawler.Post{}, nil, errors.New("no first post (#postlist > div[id^=post_])")
	}
	message := markup.Find(first, texts)
	if message == nil {
		if word, detail := said(first); word != "" {
			return crawler.Post{}, nil, &crawler.Refusal{Name: word, Detail: detail}
		}
		return crawler.Post{}, nil, errors.New("no text of the first post ([id^=postmessage_])")
	}
	post := crawler.Post{NativeID: id, Kind: b.kind, URL: b.thread(id)}
	var warnings []string
	warn := func(s string) { warnings = append(warnings, "thread "+id+": "+s) }

	if n := markup.Find(first, posted); n != nil {
		post.RawAt = strings.TrimSpace(strings.TrimPrefix(markup.Words(n), "发表于"))
		if t := markup.Find(n, titled); t != nil {
			post.RawAt = markup.Attr(t, "title")
		}
	}
	post.At, post.Precision = listing.Date(post.RawAt, now, b.zone)
	if post.At.IsZero() && e.Hint != "" { // what the list says
		post.RawAt = e.Hint
		post.At, post.Precision = listing.Date(e.Hint, now, b.zone)
	}
	if post.At.IsZero() {
		warn("no date that can be read")
	}
	if m := edited.FindStringSubmatch(markup.Words(markup.Find(first, edits))); m != nil {
		post.EditedAt, _ = listing.Date(m[1]+m[2], now, b.zone)
	}
	if a := markup.Find(first, authors); a != nil {
		post.AuthorName = markup.Words(a)
		post.AuthorID = post.AuthorName
		if m := member.FindStringSubmatch(markup.Attr(a, "href")); m != nil {
			post.AuthorID = m[1]
		}
	}
	for _, a := range markup.FindAll(doc, tagLinks) {
		if t := strings.Trim(markup.Words(a), "[]【】# "); t != "" && !slices.Contains(post.Tags, t) {
			post.Tags = append(post.Tags, t)
		}
	}
	if markup.Find(first, denied) != nil {
		warn("photos are shown to members only (attach_nopermission)")
	}
	b.photos(&post, message, first)

	title := markup.Find(doc, subject)
	if title == nil {
		title = markup.Find(doc, headline)
	}
	markup.Prune(message, noText)
	post.Text = words(title, markup.Text(markup.Source(message)))
	if post.Text == "" && len(post.Photos) == 0 {
		return crawler.Post{}, nil, errors.New("a first post without words and photos")
	}
	return post, warnings, nil
}

// words puts a title before a text that does not begin with it.
func words(title *html.Node, text string) string {
	head := markup.Words(title)
	if head != "" && !strings.HasPrefix(text, head) {
		text = strings.TrimSpace(head + "\n" + text)
	}
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "")
	}
	return text
}

// photos enters those of the text first, then those attached below it.
func (b board) photos(post *crawler.Post, message, first *html.Node) {
	var seen []string
	for _, n := range append(markup.FindAll(message, inText), markup.FindAll(first, attached)...) {
		p, ok := b.photo(n)
		if !ok || slices.Contains(seen, p.URL) || len(post.Photos) >= maxPhotos {
			continue
		}
		seen = append(append(seen, p.URL), p.Fallback...)
		post.Photos = append(post.Photos, p)
	}
}

// photo reads a picture of a post. Discuz names an attachment in zoomfile
// (whole) and file (which may be a thumbnail), and leaves a blank in src.
func (b board) photo(n *html.Node) (crawler.PhotoURL, bool) {
	if markup.Attr(n, "smilieid") != "" {
		return crawler.PhotoURL{}, false
	}
	var p crawler.PhotoURL
	add := func(ref string) {
		u, ok := markup.Resolve(b.root, ref)
		if !ok || decoration(u) || u == p.URL || slices.Contains(p.Fallback, u) {
			return
		}
		if p.URL == "" {
			p.URL = u
		} else {
			p.Fallback = append(p.Fallback, u)
		}
	}
	file := markup.Attr(n, "file")
	add(markup.Attr(n, "poster"))
	add(markup.Attr(n, "zoomfile"))
	add(strings.TrimSuffix(file, ".thumb.jpg"))
	add(file)
	if n.Data == "img" {
		if w, h := markup.Attr(n, "width"), markup.Attr(n, "height"); w == "1" || h == "1" || w == "0" || h == "0" {
			return crawler.PhotoURL{}, false
		}
		add(markup.Attr(n, "src"))
	}
	for _, key := range []string{"alt", "title"} {
		if alt := strings.TrimSpace(markup.Attr(n, key)); p.Alt == "" && alt != "" && !fileName.MatchString(alt) {
			p.Alt = alt
		}
	}
	return p, p.URL != ""
}

var fileName = regexp.MustCompile(`(?i)^[^\s]*\.(jpe?g|png|gif|webp|bmp)$`)

// decoration reports whether the address is one of Discuz's own pictures, a
// smiley or an avatar.
func decoration(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return true
	}
	for _, sign := range []string{"static/", "uc_server/", "avatar.php", "/smiley/", "/avatar/"} {
		if strings.Contains(u.Path, sign) {
			return true
		}
	}
	return false
}

// plainPost reads a thread in the archiver, which has no photos.
func (b board) plainPost(doc *html.Node, id, now string) (crawler.Post, []string, error) {
	head := markup.Find(doc, archHead)
	if head == nil {
		return crawler.Post{}, nil, errors.New("no first post (#content p.author)")
	}
	post := crawler.Post{NativeID: id, Kind: b.kind, URL: b.thread(id)}
	if u, ok := markup.Resolve(b.root, markup.Attr(markup.Find(doc, canonical), "href")); ok && tid(u) == id {
		post.URL = u
	}
	post.AuthorName = markup.Words(markup.Find(head, strong))
	post.AuthorID = post.AuthorName
	line := markup.Words(head)
	if _, raw, ok := strings.Cut(line, "发表于"); ok {
		post.RawAt = strings.TrimSpace(raw)
	}
	var warnings []string
	if post.At, post.Precision = listing.Date(post.RawAt, now, b.zone); post.At.IsZero() {
		warnings = append(warnings, "thread "+id+": no date that can be read")
	}
	var text strings.Builder
	var title *html.Node
	for n := head.NextSibling; n != nil; n = n.NextSibling {
		class := markup.Attr(n, "class")
		if n.Type == html.ElementNode && (n.Data == "p" && class == "author" || class == "page") {
			break // the next post, or the end
		}
		if n.Type == html.ElementNode && n.Data == "h3" && title == nil {
			title = n
			continue
		}
		text.WriteString(markup.Source(n))
	}
	post.Text = words(title, markup.Text(text.String()))
	if post.Text == "" {
		return crawler.Post{}, nil, errors.New("a first post without words")
	}
	return post, warnings, nil
}
