package feed_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"

	"xunqin/crawler"
	"xunqin/crawler/crawlertest"
	"xunqin/crawler/feed"
)

func config(base, more string) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"url":%q%s}`, base+"/feed", more))
}

func source(site *crawlertest.Site, more string) crawler.Source {
	return crawler.Source{Config: config(site.URL, more), Rate: crawler.Rate{Every: crawler.NoPause}}
}

// blog is an Atom feed of numbered entries, ten a page, newest first.
type blog struct{ last int }

func (b *blog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.URL.Query().Get("page"))
	var s strings.Builder
	s.WriteString(`<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>b</title>`)
	from := b.last - n*10
	if from > 10 {
		fmt.Fprintf(&s, `<link rel="next" href="/feed?page=%d"/>`, n+1)
	}
	for id := from; id > max(from-10, 0); id-- {
		fmt.Fprintf(&s, `<entry><id>tag:%d</id><title>post %d</title><updated>2026-01-20T06:30:12Z</updated><link href="/p/%d"/></entry>`, id, id, id)
	}
	s.WriteString(`</feed>`)
	w.Header().Set("Content-Type", "application/atom+xml")
	fmt.Fprint(w, s.String())
}

func TestReader(t *testing.T) {
	crawlertest.Run(t, crawlertest.Suite{
		Reader: feed.Reader{},
		Config: func(base string) json.RawMessage { return config(base, `,"backfill":10`) },
		Path:   "/feed",
		Site: func(string) (http.Handler, []string) {
			var want []string
			for id := 1; id <= 35; id++ {
				want = append(want, fmt.Sprintf("tag:%d", id))
			}
			return &blog{35}, want
		},
		Empty: crawlertest.Body("application/rss+xml", `<rss version="2.0"><channel><title>empty</title></channel></rss>`),
	})
}

// read runs once, commits the cursor and returns the posts.
func read(t *testing.T, d *crawler.Door, src *crawler.Source) ([]crawler.Post, crawler.Stats) {
	t.Helper()
	var posts []crawler.Post
	stats, err := d.Run(t.Context(), feed.Reader{}, *src, func(_ context.Context, p crawler.Page) error {
		posts = append(posts, p.Posts...)
		src.Cursor = p.Cursor
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return posts, stats
}

// readOne serves one document and reads it.
func readOne(t *testing.T, contentType, body, more string) ([]crawler.Post, *crawlertest.Site) {
	t.Helper()
	site := crawlertest.NewSite(t)
	site.Handle("/feed", crawlertest.Body(contentType, body))
	src := source(site, more)
	posts, _ := read(t, crawlertest.NewDoor(t, site), &src)
	return posts, site
}

func TestLaterRunsGoBackUntilSomethingKnown(t *testing.T) {
	site := crawlertest.NewSite(t)
	b := &blog{100}
	site.Fallback(b)
	d := crawlertest.NewDoor(t, site)
	src := source(site, "")
	if posts, _ := read(t, d, &src); len(posts) != 10 {
		t.Errorf("first run: %d posts, want one page", len(posts))
	}
	b.last = 135
	posts, stats := read(t, d, &src)
	if len(posts) != 35 || stats.Pages != 4 {
		t.Errorf("second run: %d posts on %d pages, want the 35 that are new on 4", len(posts), stats.Pages)
	}
	if posts, stats := read(t, d, &src); len(posts) != 0 || stats.Fetched != 1 {
		t.Errorf("third run: %d posts, %+v", len(posts), stats)
	}
}

func TestChangedItemComesAgainAndUnchangedOnesDoNot(t *testing.T) {
	const rss = `<rss version="2.0"><channel><title>t</title><item><guid>1</guid><title>one</title></item><item><guid>2</guid><title>%s</title></item></channel></rss>`
	site := crawlertest.NewSite(t)
	site.Handle("/feed", crawlertest.Body("application/rss+xml", fmt.Sprintf(rss, "two")))
	d := crawlertest.NewDoor(t, site)
	src := source(site, "")
	read(t, d, &src)
	site.Handle("/feed", crawlertest.Body("application/rss+xml", fmt.Sprintf(rss, "two, and found")))
	posts, _ := read(t, d, &src)
	if len(posts) != 1 || posts[0].NativeID != "2" || posts[0].Text != "two, and found" {
		t.Errorf("got %+v", posts)
	}
}

func TestUnchangedFeedCostsOne304(t *testing.T) {
	site := crawlertest.NewSite(t)
	site.Handle("/feed", crawlertest.Tagged("application/rss+xml", `W/"a\b"`, `<rss version="2.0"><channel><title>t</title><item><guid>1</guid></item></channel></rss>`))
	d := crawlertest.NewDoor(t, site)
	src := source(site, "")
	read(t, d, &src)
	cursor := string(src.Cursor)
	posts, stats := read(t, d, &src)
	if len(posts) != 0 || stats.NotModified != 1 || stats.Pages != 0 || string(src.Cursor) != cursor {
		t.Errorf("got %d posts, %+v", len(posts), stats)
	}
}

func TestNextPageOnAnotherHostIsNotFollowed(t *testing.T) {
	other := crawlertest.NewSite(t)
	site := crawlertest.NewSite(t)
	site.Handle("/feed", crawlertest.Body("application/feed+json", `{"version":"https://jsonfeed.org/version/1.1","title":"t","next_url":"`+other.URL+`/2","items":[{"id":"1","content_text":"a"}]}`))
	src := source(site, `,"backfill":5`)
	read(t, crawlertest.NewDoor(t, site, other), &src)
	if n := len(other.Asked()); n != 0 {
		t.Errorf("%d requests reached the other host", n)
	}
}

func TestRSSItem(t *testing.T) {
	posts, site := readOne(t, "application/rss+xml", `<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom" xmlns:media="http://search.yahoo.com/mrss/">
<channel><title>寻亲</title><link>https://news.example/</link><atom:link href="https://wrong.example:8080/feed/" rel="self"/><language>zh-CN</language>
<item><title>看到孩子 &#038; 老人</title><link>/p/11</link><guid isPermaLink="false">https://news.example/?p=11</guid><dc:creator><![CDATA[editor]]></dc:creator>
<pubDate>Tue, 20 Jan 2026 14:30:12 +0800</pubDate><category><![CDATA[随手拍]]></category><description><![CDATA[阳光路，约6岁&hellip;]]></description>
<content:encoded><![CDATA[<p>阳光路，约6岁</p><img src="u/a-300x200.jpg" alt="red" srcset="u/a-300x200.jpg 300w, /u/a.jpg 1600w"><img src="data:image/gif;base64,R0" data-src="/u/c.jpg"><img src="/pixel.gif" width="1" height="1">]]></content:encoded>
<enclosure url="/u/a.jpg" length="0" type="image/jpeg"/><enclosure url="/u/noext" length=""/><enclosure url="/u/talk.mp3" type="audio/mpeg"/></item>
<item><title>group</title><guid>10</guid><pubDate>Mon, 19 Jan 2026 08:00:00 GMT</pubDate>
<media:group><media:content url="https://news.example/u/b-s.jpg" type="image/jpeg" width="200"/><media:content url="https://news.example/u/b.jpg" medium="image" width="1600" height="1200"/><media:content url="https://news.example/u/b.mp4" type="video/mp4" medium="video"/></media:group>
<media:content url="https://secure.gravatar.com/avatar/x?s=96" medium="image"/><media:content url="https://news.example/v.mp4" type="video/mp4"><media:thumbnail url="https://news.example/v.jpg"/></media:content>
<media:thumbnail url="https://news.example/u/b-150.jpg" width="150" height="150"/></item>
<item><title>only a thumbnail</title><link>https://news.example/p/9</link><media:thumbnail url="/t.jpg" width="150" height="100"/></item>
<item><description>neither id nor link</description></item>
</channel></rss>`, "")
	want := []crawler.Post{{
		NativeID: "https://news.example/?p=11", URL: site.URL + "/p/11", Kind: "post", AuthorID: "editor", AuthorName: "editor",
		Text: "看到孩子 & 老人\n阳光路，约6岁", Lang: "zh-CN", RawAt: "Tue, 20 Jan 2026 14:30:12 +0800",
		At: time.Date(2026, 1, 20, 6, 30, 12, 0, time.UTC), Precision: crawler.PrecisionSecond, Tags: []string{"随手拍"},
		Photos: []crawler.PhotoURL{
			{URL: site.URL + "/u/a.jpg", MIME: "image/jpeg", Alt: "red", Fallback: []string{site.URL + "/p/u/a-300x200.jpg"}},
			{URL: site.URL + "/u/noext"},
			{URL: site.URL + "/u/c.jpg"},
		},
	}, {
		NativeID: "10", Kind: "post", Text: "group", Lang: "zh-CN", RawAt: "Mon, 19 Jan 2026 08:00:00 GMT",
		At: time.Date(2026, 1, 19, 8, 0, 0, 0, time.UTC), Precision: crawler.PrecisionSecond,
		Photos: []crawler.PhotoURL{
			{URL: "https://news.example/u/b.jpg", Width: 1600, Height: 1200, Fallback: []string{"https://news.example/u/b-s.jpg"}},
			{URL: "https://news.example/v.jpg"},
		},
	}, {
		NativeID: "https://news.example/p/9", URL: "https://news.example/p/9", Kind: "post", Text: "only a thumbnail", Lang: "zh-CN",
		Photos: []crawler.PhotoURL{{URL: "https://news.example/t.jpg", Width: 150, Height: 100}},
	}, {
		NativeID: "sha256:Xps-Qv66Lw1L", Kind: "post", Text: "neither id nor link", Lang: "zh-CN",
	}}
	if diff := cmp.Diff(want, posts); diff != "" {
		t.Error(diff)
	}
}

func TestAtomEntry(t *testing.T) {
	posts, site := readOne(t, "application/atom+xml", `<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"><title>示例</title><id>f</id><updated>2026-01-20T06:30:12Z</updated><author><name>feed author</name></author>
<entry><title type="html">约6岁 &amp;amp; 独自</title><id>tag:example.org,2026:1</id><link rel="alternate" href="/1"/><link rel="enclosure" type="image/jpeg" length="412345" href="/1.jpg"/>
<published>2026-01-20T14:30:12+08:00</published><updated>2026-01-20T15:00:00+08:00</updated><content type="html">&lt;p&gt;阳光路&lt;/p&gt;&lt;img src="1b.jpg"&gt;</content></entry></feed>`, `,"kind":"notice"`)
	want := []crawler.Post{{
		NativeID: "tag:example.org,2026:1", URL: site.URL + "/1", Kind: "notice", AuthorID: "feed author", AuthorName: "feed author",
		Text: "约6岁 & 独自\n阳光路", RawAt: "2026-01-20T14:30:12+08:00", At: time.Date(2026, 1, 20, 6, 30, 12, 0, time.UTC),
		EditedAt: time.Date(2026, 1, 20, 7, 0, 0, 0, time.UTC), Precision: crawler.PrecisionSecond,
		Photos: []crawler.PhotoURL{{URL: site.URL + "/1.jpg", MIME: "image/jpeg"}, {URL: site.URL + "/1b.jpg"}},
	}}
	if diff := cmp.Diff(want, posts); diff != "" {
		t.Error(diff)
	}
}

func TestJSONFeedItem(t *testing.T) {
	posts, _ := readOne(t, "application/feed+json", `{"version":"https://jsonfeed.org/version/1.1","title":"示例","language":"zh","items":[
		{"id":"1","url":"https://b.example/1","title":"约6岁","content_html":"<p>阳光路</p><img src=\"/1b.jpg\">","image":"https://b.example/1.jpg","banner_image":"https://b.example/ban.jpg",
		 "date_published":"2026-01-20T14:30:12+08:00","authors":[{"name":"spotter"}],"tags":["随手拍"],
		 "attachments":[{"url":"https://b.example/1c.jpg","mime_type":"image/jpeg"},{"url":"https://b.example/1.mp3","mime_type":"audio/mpeg"}]},
		{"id":2,"content_text":"a < b & <c>"}]}`, "")
	want := []crawler.Post{{
		NativeID: "1", URL: "https://b.example/1", Kind: "post", AuthorID: "spotter", AuthorName: "spotter", Text: "约6岁\n阳光路", Lang: "zh",
		RawAt: "2026-01-20T14:30:12+08:00", At: time.Date(2026, 1, 20, 6, 30, 12, 0, time.UTC), Precision: crawler.PrecisionSecond, Tags: []string{"随手拍"},
		Photos: []crawler.PhotoURL{
			{URL: "https://b.example/1c.jpg", MIME: "image/jpeg"}, {URL: "https://b.example/1.jpg"},
			{URL: "https://b.example/ban.jpg"}, {URL: "https://b.example/1b.jpg"},
		},
	}, {NativeID: "2", Kind: "post", Text: "a < b & <c>", Lang: "zh"}}
	if diff := cmp.Diff(want, posts); diff != "" {
		t.Error(diff)
	}
}

func TestDatesHaveTheirPrecisionAndZone(t *testing.T) {
	at := func(d, h, m, s int) time.Time { return time.Date(2026, 1, d, h, m, s, 0, time.UTC) }
	for _, c := range []struct {
		raw, zone string
		want      time.Time
		precision crawler.Precision
	}{
		{"Tue, 20 Jan 2026 14:30:12 +0800", "", at(20, 6, 30, 12), crawler.PrecisionSecond},
		{"Tue, 20 Jan 2026 14:30 GMT", "", at(20, 14, 30, 0), crawler.PrecisionMinute},
		{"Tue, 20 Jan 2026 14:30:12 EST", "", at(20, 19, 30, 12), crawler.PrecisionSecond},
		{"Tue, 20 Jan 2026 14:30:12 CST", "Asia/Shanghai", at(20, 6, 30, 12), crawler.PrecisionSecond},
		{"Tue, 20 Jan 2026 14:30:12 CST", "", at(20, 14, 30, 12), crawler.PrecisionDay},
		{"2026-01-20T14:30:12Z", "", at(20, 14, 30, 12), crawler.PrecisionSecond},
		{"2026-01-20 14:30:12", "Asia/Shanghai", at(20, 6, 30, 12), crawler.PrecisionSecond},
		{"2026-01-20 14:30", "Asia/Shanghai", at(20, 6, 30, 0), crawler.PrecisionMinute},
		{"2026-01-20 14:30:12", "", at(20, 14, 30, 12), crawler.PrecisionDay},
		{"2026-01-20", "Asia/Shanghai", at(19, 16, 0, 0), crawler.PrecisionDay},
		{"2026年1月20日 14:30", "Asia/Shanghai", at(20, 6, 30, 0), crawler.PrecisionMinute},
		{"yesterday", "Asia/Shanghai", time.Time{}, crawler.PrecisionUnknown},
		{"", "", time.Time{}, crawler.PrecisionUnknown},
	} {
		more := ""
		if c.zone != "" {
			more = fmt.Sprintf(`,"zone":%q`, c.zone)
		}
		posts, _ := readOne(t, "application/rss+xml", `<rss version="2.0"><channel><title>t</title><item><guid>1</guid><pubDate>`+c.raw+`</pubDate></item></channel></rss>`, more)
		if len(posts) != 1 {
			t.Fatalf("%q: got %+v", c.raw, posts)
		}
		if p := posts[0]; !p.At.Equal(c.want) || p.Precision != c.precision || p.RawAt != c.raw {
			t.Errorf("%q in %q: got %v, %q, raw %q, want %v, %q", c.raw, c.zone, p.At, p.Precision, p.RawAt, c.want, c.precision)
		}
	}
}

func TestCharsetsOfFeeds(t *testing.T) {
	gbk, err := simplifiedchinese.GBK.NewEncoder().String(`<?xml version="1.0" encoding="gb2312"?><rss version="2.0"><channel><title>t</title><item><title>约六岁的孩子</title></item></channel></rss>`)
	if err != nil {
		t.Fatal(err)
	}
	for _, contentType := range []string{"application/xml", "text/xml; charset=gbk", "text/html; charset=utf-8", ""} {
		posts, _ := readOne(t, contentType, gbk, "")
		if len(posts) != 1 || posts[0].Text != "约六岁的孩子" {
			t.Errorf("%s: got %+v", contentType, posts)
		}
	}
}

func TestHostileFeedsAreRefused(t *testing.T) {
	nest := func(tag string) string {
		return strings.Repeat("<"+tag+">", 200_000) + strings.Repeat("</"+tag+">", 200_000)
	}
	for name, body := range map[string]string{
		"deep":         `<rss version="2.0" xmlns:x="u"><channel><item>` + nest("x:a") + `</item></channel></rss>`,
		"deep atom":    `<feed xmlns="http://www.w3.org/2005/Atom"><entry><content type="xhtml">` + nest("div") + `</content></entry></feed>`,
		"many items":   `<rss version="2.0"><channel>` + strings.Repeat("<item></item>", 3000) + `</channel></rss>`,
		"other JSON":   `{"items":[{"id":"1"}]}`,
		"other XML":    `<?xml version="1.0"?><urlset><url/></urlset>`,
		"broken":       `<rss version="2.0"><channel><item><title>a</title>`,
		"null item":    `{"version":"https://jsonfeed.org/version/1","items":[null]}`,
		"nested array": `{"version":"https://jsonfeed.org/version/1","items":` + strings.Repeat("[", 100_000),
	} {
		site := crawlertest.NewSite(t)
		site.Handle("/feed", crawlertest.Body("application/xml", body))
		_, err := crawlertest.NewDoor(t, site).Run(t.Context(), feed.Reader{}, source(site, ""), func(context.Context, crawler.Page) error { return nil })
		if ref, ok := errors.AsType[*crawler.Refusal](err); !ok || ref.Name != crawler.RefusedNotFeed {
			t.Errorf("%s: got %v, want not-feed", name, err)
		}
	}
}

func TestEntitiesOfADocumentAreNotExpanded(t *testing.T) {
	posts, _ := readOne(t, "application/xml", `<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;"><!ENTITY x SYSTEM "file:///etc/hostname">]>
<rss version="2.0"><channel><title>t</title><item><guid>1</guid><title>&b;&x;|end</title></item></channel></rss>`, "")
	if len(posts) != 1 || !strings.Contains(posts[0].Text, "|end") || len(posts[0].Text) > 20 {
		t.Errorf("got %+v", posts)
	}
}

func TestHTMLPageSaysWhereItsFeedIs(t *testing.T) {
	site := crawlertest.NewSite(t)
	site.Handle("/feed", crawlertest.Body("text/html", `<!doctype html><html><head><link rel="alternate" type="application/rss+xml" href="/rss.xml"></head><body></body></html>`))
	_, err := crawlertest.NewDoor(t, site).Run(t.Context(), feed.Reader{}, source(site, ""), func(context.Context, crawler.Page) error { return nil })
	ref, ok := errors.AsType[*crawler.Refusal](err)
	if !ok || ref.Name != crawler.RefusedNotFeed || !strings.Contains(ref.Detail, site.URL+"/rss.xml") {
		t.Errorf("got %v", err)
	}
}

func TestConfigurationFaultsAreNamed(t *testing.T) {
	for _, bad := range []string{
		`{"url":"feed.xml"}`, `{"url":"ftp://h/feed"}`, `{"url":"https://u:p@h/feed"}`, `{"url":"https://h/feed","kind":"rumour"}`,
		`{"url":"https://h/feed","backfill":1001}`, `{"url":"https://h/feed","zone":"Mars/Base"}`,
	} {
		if (feed.Reader{}).Check(json.RawMessage(bad)) == nil {
			t.Errorf("%s passed", bad)
		}
	}
}

// shown runs once, commits the cursor and gives the last page.
func shown(t *testing.T, d *crawler.Door, r crawler.Reader, src *crawler.Source) (last crawler.Page) {
	t.Helper()
	_, err := d.Run(t.Context(), r, *src, func(_ context.Context, p crawler.Page) error {
		last, src.Cursor = p, p.Cursor
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return last
}

func TestAListThatShowsNothingKnownIsCapped(t *testing.T) {
	list := func(first, last int) http.Handler {
		var s strings.Builder
		s.WriteString(`<rss version="2.0"><channel><title>t</title>`)
		for id := last; id >= first; id-- {
			fmt.Fprintf(&s, `<item><guid>%d</guid><title>%d</title><pubDate>%s</pubDate></item>`, id, id, time.Date(2026, 1, 1, id, 0, 0, 0, time.UTC).Format(time.RFC1123Z))
		}
		return crawlertest.Body("application/rss+xml", s.String()+`</channel></rss>`)
	}
	site := crawlertest.NewSite(t)
	d := crawlertest.NewDoor(t, site)
	src := source(site, "")
	for _, run := range []struct {
		first, last int
		capped      bool
	}{{1, 5, false}, {4, 8, false}, {9, 13, true}, {13, 17, false}} {
		site.Handle("/feed", list(run.first, run.last))
		p := shown(t, d, feed.Reader{}, &src)
		if p.Capped != run.capped || !p.Since.Equal(time.Date(2026, 1, 1, run.first, 0, 0, 0, time.UTC)) {
			t.Errorf("items %d to %d: capped %t, everything since %s", run.first, run.last, p.Capped, p.Since)
		}
	}
}

func TestAFeedOutOfOrderDoesNotSaySinceWhenItIsWhole(t *testing.T) {
	for _, rss := range []string{
		`<item><guid>1</guid><pubDate>Thu, 01 Jan 2026 00:00:00 GMT</pubDate></item><item><guid>2</guid><pubDate>Fri, 02 Jan 2026 00:00:00 GMT</pubDate></item>`,
		`<item><guid>1</guid><pubDate>Thu, 01 Jan 2026 00:00:00 GMT</pubDate></item><item><guid>2</guid></item>`,
	} {
		site := crawlertest.NewSite(t)
		site.Handle("/feed", crawlertest.Body("application/rss+xml", `<rss version="2.0"><channel><title>t</title>`+rss+`</channel></rss>`))
		src := source(site, "")
		if p := shown(t, crawlertest.NewDoor(t, site), feed.Reader{}, &src); !p.Since.IsZero() {
			t.Errorf("everything since %s: %s", p.Since, rss)
		}
	}
}

func TestEveryKindOfFeedIsRead(t *testing.T) {
	for name, c := range map[string]struct{ body, id, text string }{
		"RSS 0.90":   {`<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://my.netscape.com/rdf/simple/0.9/"><channel><title>t</title></channel><item><title>one</title><link>http://h.example/1</link></item></rdf:RDF>`, "http://h.example/1", "one"},
		"RSS 0.91":   {`<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://my.netscape.com/publish/formats/rss-0.91.dtd"><rss version="0.91"><channel><title>t</title><item><title>one</title><link>http://h.example/1</link><description>d</description></item></channel></rss>`, "http://h.example/1", "one\nd"},
		"RSS 1.0":    {`<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="x"><title>t</title></channel><item rdf:about="http://h.example/1"><title>one</title><link>http://h.example/1</link><dc:date>2026-01-20T14:30:12+08:00</dc:date></item></rdf:RDF>`, "http://h.example/1", "one"},
		"Atom 0.3":   {`<feed version="0.3" xmlns="http://purl.org/atom/ns#"><title>t</title><entry><title>one</title><link rel="alternate" href="http://h.example/1"/><id>tag:1</id><issued>2026-01-20T14:30:12+08:00</issued><content type="text/html" mode="escaped">&lt;p>x&lt;/p></content></entry></feed>`, "tag:1", "one\nx"},
		"no version": {`<rss><channel><title>t</title><item><guid>1</guid><title>one</title></item></channel></rss>`, "1", "one"},
	} {
		if posts, _ := readOne(t, "application/xml", `<?xml version="1.0"?>`+c.body, ""); len(posts) != 1 || posts[0].NativeID != c.id || posts[0].Text != c.text {
			t.Errorf("%s: got %+v", name, posts)
		}
	}
}

func TestBrokenFeedsGiveWhatIsWholeAndSaySo(t *testing.T) {
	const head = `<rss version="2.0"><channel><title>t</title>`
	item := func(s string) string { return `<item><guid>` + s + `</guid><title>` + s + `</title></item>` }
	for name, c := range map[string]struct {
		body    string
		want    []string
		warning string
	}{
		"ampersands and names":   {head + `<item><guid>1</guid><title>a & b &nbsp;&hellip;</title><link>http://h.example/?a=1&b=2</link></item></channel></rss>`, []string{"1"}, ""},
		"control characters":     {head + "<item><guid>1</guid><title>a\x0b\x00b</title></item></channel></rss>", []string{"1"}, ""},
		"unclosed HTML":          {head + `<item><guid>1</guid><description><p>x<br>y</description></item></channel></rss>`, []string{"1"}, ""},
		"undeclared prefix":      {head + `<item><guid>1</guid><content:encoded>x</content:encoded></item></channel></rss>`, []string{"1"}, ""},
		"cut":                    {head + item("1") + item("2") + `<item><guid>3</gu`, []string{"1", "2"}, "the feed is broken behind its item 2"},
		"cut Atom":               {`<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title><entry><id>1</id><title>x</title></entry><entry><id>2`, []string{"1"}, "the feed is broken behind its item 1"},
		"cut RDF":                {`<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"><channel><title>t</title></channel><item><title>one</title><link>http://h.example/1</link></item><item>`, []string{"http://h.example/1"}, "the feed is broken behind its item 1"},
		"errors of a site":       {"<br />\n<b>Warning</b>: no database<br />\n<?xml version=\"1.0\"?>" + head + item("1") + "</channel></rss>", []string{"1"}, "bytes before the feed were skipped"},
		"UTF-8 that says GB2312": {`<?xml version="1.0" encoding="gb2312"?>` + head + `<item><guid>1</guid><title>阳光路地铁口</title></item></channel></rss>`, []string{"1"}, ""},
	} {
		site := crawlertest.NewSite(t)
		site.Handle("/feed", crawlertest.Body("application/xml", c.body))
		src := source(site, "")
		posts, stats := read(t, crawlertest.NewDoor(t, site), &src)
		var got []string
		for _, p := range posts {
			got = append(got, p.NativeID)
			if strings.ContainsRune(p.Text, 0xfffd) {
				t.Errorf("%s: %q", name, p.Text)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" || !strings.Contains(strings.Join(stats.Warnings, "\n"), c.warning) || c.warning == "" && len(stats.Warnings) > 0 {
			t.Errorf("%s: %s %q", name, diff, stats.Warnings)
		}
	}
}

func TestWordPressIsPagedAndEndsWhereAPageIsMissing(t *testing.T) {
	site := crawlertest.NewSite(t)
	site.Handle("/feed", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("paged"))
		if n > 3 {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintf(w, `<rss version="2.0"><channel><title>t</title><generator>https://wordpress.org/?v=6.1</generator><item><guid>%d</guid><title>x</title></item></channel></rss>`, max(n, 1))
	}))
	d := crawlertest.NewDoor(t, site)
	src := source(site, `,"backfill":9`)
	if posts, _ := read(t, d, &src); len(posts) != 3 {
		t.Errorf("got %+v", posts)
	}
	if posts, stats := read(t, d, &src); len(posts) != 0 || stats.Asked != 1 {
		t.Errorf("again: %+v, %+v", posts, stats)
	}
}

func TestOlderPageThatIsRefusedDoesNotKeepRunsFromTheTop(t *testing.T) {
	site := crawlertest.NewSite(t)
	b := &blog{35}
	site.Handle("/feed", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("page") != "" {
			crawlertest.Body("text/html", "<!doctype html><p>no").ServeHTTP(w, r)
			return
		}
		b.ServeHTTP(w, r)
	}))
	d := crawlertest.NewDoor(t, site)
	src := source(site, `,"backfill":9`)
	posts, stats := read(t, d, &src)
	if len(posts) != 10 || len(stats.Warnings) != 1 || !strings.HasPrefix(stats.Warnings[0], "page 2 of the feed: not-feed") {
		t.Errorf("got %d posts, %q", len(posts), stats.Warnings)
	}
	b.last = 36
	if posts, _ := read(t, d, &src); len(posts) != 1 {
		t.Errorf("then %d posts", len(posts))
	}
}

func TestJSONFeedPassesTheSuite(t *testing.T) {
	crawlertest.Run(t, crawlertest.Suite{
		Reader: feed.Reader{},
		Config: func(base string) json.RawMessage { return config(base, `,"backfill":10`) },
		Path:   "/feed",
		Site: func(string) (http.Handler, []string) {
			var want []string
			for id := 1; id <= 12; id++ {
				want = append(want, strconv.Itoa(id))
			}
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n, _ := strconv.Atoi(r.URL.Query().Get("page"))
				var items []string
				for id := 12 - n*4; id > max(8-n*4, 0); id-- {
					items = append(items, fmt.Sprintf(`{"id":"%d","content_html":"<p>post %d</p>","date_published":"2026-01-20T14:30:12+08:00","image":"https://h.example/%d.jpg","tags":["a"]}`, id, id, id))
				}
				next := ""
				if n < 2 {
					next = fmt.Sprintf(`"next_url":"/feed?page=%d",`, n+1)
				}
				w.Header().Set("Content-Type", "application/feed+json")
				fmt.Fprintf(w, `{"version":"https://jsonfeed.org/version/1.1","title":"t",%s"items":[%s]}`, next, strings.Join(items, ","))
			}), want
		},
		Empty:   crawlertest.Body("application/feed+json", `{"version":"https://jsonfeed.org/version/1.1","title":"t","items":[]}`),
		Mutants: crawlertest.JSONMutants,
	})
}

// TestExamplesGiveTheirPosts reads the bodies of the wire documents where they lie beside the repository.
func TestExamplesGiveTheirPosts(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "wire", "examples", "feeds")
	if _, err := os.Stat(dir); err != nil {
		return // nothing lies there; the same shapes are tested above
	}
	for name, want := range map[string]string{
		"rss_enclosure_media.xml": "https://news.example.org/?p=11 https://news.example.org/u/a.jpg; https://news.example.org/?p=10 https://news.example.org/u/b.jpg",
		"atom.xml":                "tag:example.org,2026:1 https://blog.example.org/1.jpg https://blog.example.org/1b.jpg",
		"feed.json":               "https://blog.example.org/1 https://blog.example.org/1c.jpg https://blog.example.org/1.jpg https://blog.example.org/1b.jpg",
	} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		posts, _ := readOne(t, "", string(b), "")
		var got []string
		for _, p := range posts {
			s := p.NativeID
			for _, ph := range p.Photos {
				s += " " + ph.URL
			}
			got = append(got, s)
		}
		if diff := cmp.Diff(want, strings.Join(got, "; ")); diff != "" || posts[0].At.IsZero() {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
