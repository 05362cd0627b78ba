package page_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"xunqin/crawler"
	"xunqin/crawler/crawlertest"
	"xunqin/crawler/page"
)

// news is a site with a list of articles numbered 1 to last, four a page, newest
// first, a page for each, a page that shows them whole, and a sitemap.
type news struct {
	base string
	last int
}

const perPage = 4

func (s *news) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	n, _ := strconv.Atoi(r.URL.Query().Get("page"))
	n = max(n, 1)
	from, to := s.last-(n-1)*perPage, max(s.last-n*perPage, 0)
	next := ""
	if to > 0 {
		next = fmt.Sprintf(`<a class="more" rel="next" href="?page=%d">older</a>`, n+1)
	}
	switch p := r.URL.Path; {
	case p == "/list":
		fmt.Fprint(w, `<html><body><ul class="articles">`)
		for id := from; id > to; id-- {
			fmt.Fprintf(w, `<li class="row"><a class="to" href="/t/%d.html?utm_source=list">article %d</a></li>`, id, id)
		}
		if from <= 0 {
			fmt.Fprint(w, `<li class="none">nothing</li>`)
		}
		fmt.Fprint(w, `</ul>`+next+`</body></html>`)
	case p == "/wall":
		fmt.Fprint(w, `<html><body><main>`)
		for id := from; id > to; id-- {
			fmt.Fprintf(w, `<div class="card"><a class="to" href="/t/%d.html">article %d</a><p class="says">seen %d</p><time datetime="2026-01-20T14:30:12+08:00">20 Jan</time><img src="/img/%d.jpg"></div>`, id, id, id, id)
		}
		if from <= 0 {
			fmt.Fprint(w, `<p class="none">nothing</p>`)
		}
		fmt.Fprint(w, `</main>`+next+`</body></html>`)
	case p == "/sitemap.xml":
		w.Header().Set("Content-Type", "application/xml")
		fmt.Fprint(w, `<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">`)
		for id := 1; id <= s.last; id++ {
			fmt.Fprintf(w, `<url><loc>%s/t/%d.html</loc><lastmod>2026-01-%02d</lastmod></url>`, s.base, id, id)
		}
		fmt.Fprint(w, `</urlset>`)
	case strings.HasPrefix(p, "/t/"):
		id := strings.TrimSuffix(strings.TrimPrefix(p, "/t/"), ".html")
		fmt.Fprintf(w, `<html lang="zh"><head><link rel="canonical" href="/t/%[1]s.html"></head><body><nav><img src="/logo.png"></nav><article class="post"><h1>article %[1]s</h1><time datetime="2026-01-20T14:30:12+08:00">1月20日</time><div class="body">seen %[1]s<br>alone</div><img src="/img/%[1]s.jpg"></article></body></html>`, id)
	default:
		http.NotFound(w, r)
	}
}

func source(site *crawlertest.Site, address, more string) crawler.Source {
	return crawler.Source{Reader: "page", Config: json.RawMessage(fmt.Sprintf(`{"url":%q%s}`, site.URL+address, more)), Rate: crawler.Rate{Every: crawler.NoPause}}
}

func TestReader(t *testing.T) {
	for name, c := range map[string]struct{ path, more string }{
		"list":    {"/list", `,"list":"li.row","item":"article","title":"h1","text":".body","time":"time","image":"article img","empty":".none","backfill":9`},
		"wall":    {"/wall", `,"item":".card","link":"a.to","text":".says","time":"time","image":"img","empty":".none","backfill":9`},
		"sitemap": {"/sitemap.xml", ``},
	} {
		t.Run(name, func(t *testing.T) {
			base := ""
			s := crawlertest.Suite{
				Reader: page.Reader{},
				Config: func(base string) json.RawMessage {
					return json.RawMessage(fmt.Sprintf(`{"url":%q%s}`, base+c.path, c.more))
				},
				Path: c.path,
				Site: func(b string) (http.Handler, []string) {
					base = b
					var want []string
					for id := 1; id <= 11; id++ {
						want = append(want, fmt.Sprintf("%s/t/%d.html", base, id))
					}
					return &news{base, 11}, want
				},
				Empty: &news{base, 0},
			}
			if name != "sitemap" {
				s.Mutants = crawlertest.HTMLMutants
			}
			crawlertest.Run(t, s)
		})
	}
}

func run(t *testing.T, d *crawler.Door, src *crawler.Source) ([]crawler.Post, crawler.Stats, error) {
	t.Helper()
	var posts []crawler.Post
	stats, err := d.Run(t.Context(), page.Reader{}, *src, func(_ context.Context, p crawler.Page) error {
		posts = append(posts, p.Posts...)
		src.Cursor = p.Cursor
		return nil
	})
	return posts, stats, err
}

func read(t *testing.T, d *crawler.Door, src *crawler.Source) ([]crawler.Post, []string) {
	t.Helper()
	var posts []crawler.Post
	var warnings []string
	for range 50 {
		got, stats, err := run(t, d, src)
		if err != nil {
			t.Fatal(err)
		}
		posts, warnings = append(posts, got...), append(warnings, stats.Warnings...)
		if !stats.More {
			return posts, warnings
		}
	}
	t.Fatal("no end")
	return nil, nil
}

func readOne(t *testing.T, body, more string) (crawler.Post, []string) {
	t.Helper()
	site := crawlertest.NewSite(t)
	site.Handle("/t/1.html", crawlertest.Body("text/html; charset=utf-8", body))
	src := source(site, "/t/1.html", more)
	posts, warnings := read(t, crawlertest.NewDoor(t, site), &src)
	if len(posts) != 1 {
		t.Fatalf("got %+v", posts)
	}
	return posts[0], warnings
}

const article = `<!DOCTYPE html><html lang="zh"><head><link rel="canonical" href="https://site.example/t/1.html"><meta property="og:image" content="https://site.example/img/og.jpg"><meta property="article:published_time" content="2026-01-20T14:30:12+08:00">
<meta name="author" content="spotter"></head><body><nav>menu <img src="/nav.jpg"></nav><article class="post"><h1>看到孩子 &amp; 老人</h1><time datetime="2026-01-20T14:30:12+08:00">1月20日</time><div class="body">阳光路，约6岁<br>独自</div>
<img src="/img/placeholder.gif" data-src="/img/1.jpg"><picture><source srcset="/img/2.webp 1x, /img/2@2x.webp 2x"><img src="/img/2.jpg"></picture><div class="related"><img src="/img/other.jpg"></div><img class="avatar" src="/a.jpg"></article><div id="comments"><img src="/c.jpg">no</div></body></html>`

func TestPageIsReadBySelectorsAndWithoutThem(t *testing.T) {
	for _, more := range []string{"", `,"item":".post","title":"h1","text":".body","time":"time","author":"meta[name=author]","image":".post > img:not(.avatar), .post > picture"`} {
		got, warnings := readOne(t, article, more)
		for i := range got.Photos { // the port of the site
			got.Photos[i].URL = got.Photos[i].URL[strings.Index(got.Photos[i].URL, "/img"):]
			for j, f := range got.Photos[i].Fallback {
				got.Photos[i].Fallback[j] = f[strings.Index(f, "/img"):]
			}
		}
		text := "看到孩子 & 老人\n阳光路，约6岁\n独自"
		if more == "" {
			text = "看到孩子 & 老人\n1月20日\n阳光路，约6岁\n独自"
		}
		want := crawler.Post{
			NativeID: "https://site.example/t/1.html", URL: "https://site.example/t/1.html", Kind: "post", AuthorID: "spotter", AuthorName: "spotter", Lang: "zh", Text: text,
			RawAt: "2026-01-20T14:30:12+08:00", At: time.Date(2026, 1, 20, 6, 30, 12, 0, time.UTC), Precision: crawler.PrecisionSecond,
			Photos: []crawler.PhotoURL{{URL: "/img/1.jpg"}, {URL: "/img/2@2x.webp", Fallback: []string{"/img/2.webp", "/img/2.jpg"}}},
		}
		if diff := cmp.Diff(want, got); diff != "" || len(warnings) > 0 {
			t.Errorf("%s: %s %q", more, diff, warnings)
		}
	}
}

func TestSelectorThatMatchesNothingIsNamedWithThePagesOutline(t *testing.T) {
	site := crawlertest.NewSite(t)
	site.Fallback(&news{site.URL, 11})
	d := crawlertest.NewDoor(t, site)
	for more, want := range map[string]string{
		`,"list":".rows a"`:                    `list: ".rows a" matched nothing; the page has: ul.articles, li.row ×4, a.to ×4, a.more`,
		`,"item":"article"`:                    `item: "article" matched nothing; the page has: ul.articles, li.row ×4, a.to ×4, a.more`,
		`,"list":"li.row","item":".entry"`:     `item: ".entry" matched nothing; the page has: img ×2, article.post, h1, time, div.body`,
		`,"list":"li.row","text":".content"`:   `text: ".content" matched nothing; the page has: img ×2, article.post, h1, time, div.body`,
		`,"list":"li.row","match":"/nowhere/"`: `no link of 4 is on`,
	} {
		src := source(site, "/list", more)
		_, _, err := run(t, d, &src)
		ref, ok := errors.AsType[*crawler.Refusal](err)
		if !ok || ref.Name != crawler.RefusedMarkup || !strings.Contains(ref.Detail, want) {
			t.Errorf("%s: got %v", more, err)
		}
	}
	src := source(site, "/list", `,"list":"li.row","author":".by","image":".photo"`)
	posts, warnings := read(t, d, &src)
	if len(posts) != perPage || !slices.Contains(warnings, `/t/11.html: image: ".photo" matched nothing`) || !slices.Contains(warnings, `/t/11.html: author: ".by" matched nothing`) {
		t.Errorf("got %d posts, %q", len(posts), warnings)
	}
}

func TestAddressesOfOnePageAreOnePost(t *testing.T) {
	site := crawlertest.NewSite(t)
	site.Fallback(&news{site.URL, 3})
	site.Handle("/list", crawlertest.Body("text/html", `<a href="/t/1.html?utm_source=a&amp;from=timeline">1</a><a href="/t/1.html#c">1</a><a href="/t/1.html;jsessionid=9">1</a><a href="http://elsewhere.example/t/2.html">2</a><a href="/t/3.html?id=7">3</a>`))
	src := source(site, "/list", `,"list":"a"`)
	posts, _ := read(t, crawlertest.NewDoor(t, site), &src)
	if len(posts) != 2 || posts[0].NativeID != site.URL+"/t/1.html" || site.Count("/t/1.html") != 1 {
		t.Errorf("got %+v", posts)
	}
}

func TestLinkedDataIsRead(t *testing.T) {
	got, _ := readOne(t, `<html><head><script type="application/ld+json">{"@context":"https://schema.org","@graph":[{"@type":"WebSite","name":"site"},
{"@type":["NewsArticle"],"headline":"found","articleBody":"near 阳光路","datePublished":"2026-01-20","author":[{"@type":"Person","name":"spotter"}],"image":[{"@type":"ImageObject","url":"/img/1.jpg"},"/img/2.jpg"],"contentLocation":{"name":"示例省"}}]}</script></head><body><div>menu</div></body></html>`, "")
	if got.Text != "found\nnear 阳光路" || got.AuthorName != "spotter" || len(got.Photos) != 2 || got.Place != "示例省" || got.Precision != crawler.PrecisionDay || got.Kind != "post" {
		t.Errorf("got %+v", got)
	}
	site := crawlertest.NewSite(t)
	site.Handle("/case", crawlertest.Body("application/ld+json", `{"@type":"Report","identifier":"900105","dateCreated":"2010-09-01","about":{"@type":"Person","name":"林示例","gender":"Male","birthDate":"2004-03-05","image":"https://r.example/p.jpg","description":"左眉有小疤"},"locationCreated":{"@type":"Place","address":"示例省"}}`))
	src := source(site, "/case", "")
	posts, _ := read(t, crawlertest.NewDoor(t, site), &src)
	if len(posts) != 1 || posts[0].NativeID != "900105" || posts[0].Kind != "report" || posts[0].Text != "姓名：林示例\n性别：男\n出生日期：2004-03-05\n失踪地点：示例省\n特征描述：左眉有小疤" || len(posts[0].Photos) != 1 {
		t.Errorf("got %+v", posts)
	}
}

func packed(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	fmt.Fprint(z, s)
	z.Close()
	return b.String()
}

func TestSitemapsNestPackedAndLoop(t *testing.T) {
	site := crawlertest.NewSite(t)
	site.Fallback(&news{site.URL, 5})
	urls := func(ids ...int) string {
		s := `<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">`
		for _, id := range ids {
			s += fmt.Sprintf(`<url><loc>%s/t/%d.html</loc><lastmod>2026-01-%02dT06:30:12+00:00</lastmod><image:image><image:loc>%s/img/map%d.jpg</image:loc></image:image></url>`, site.URL, id, id, site.URL, id)
		}
		return s + `<url><loc>` + site.URL + `/about</loc></url></urlset>`
	}
	site.Handle("/robots.txt", crawlertest.Body("text/plain", "User-agent: *\nDisallow: /private\nSitemap: "+site.URL+"/index.xml\n"))
	site.Handle("/index.xml", crawlertest.Body("application/xml", fmt.Sprintf(`<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><sitemap><loc>%[1]s/a.xml</loc></sitemap><sitemap><loc>%[1]s/b.xml.gz</loc></sitemap><sitemap><loc>%[1]s/index.xml</loc></sitemap>
<sitemap><loc>%[1]s/gone.xml</loc></sitemap><sitemap><loc>http://elsewhere.example/c.xml</loc></sitemap></sitemapindex>`, site.URL)))
	site.Handle("/a.xml", crawlertest.Body("application/xml", urls(1, 2)))
	site.Handle("/b.xml.gz", crawlertest.Body("application/x-gzip", packed(urls(4, 3))))
	d := crawlertest.NewDoor(t, site)
	for _, start := range []string{"/index.xml", "/robots.txt"} {
		src := source(site, start, `,"match":"/t/\\d+"`)
		posts, warnings := read(t, d, &src)
		var got []string
		for _, p := range posts {
			got = append(got, strings.TrimPrefix(p.NativeID, site.URL))
		}
		if diff := cmp.Diff([]string{"/t/4.html", "/t/3.html", "/t/2.html", "/t/1.html"}, got); diff != "" {
			t.Errorf("%s: %s", start, diff)
		}
		all := strings.Join(warnings, "\n")
		for _, want := range []string{"leads back to itself", "left out: not-found", "on another host"} {
			if !strings.Contains(all, want) {
				t.Errorf("%s: no word of %q in %s", start, want, all)
			}
		}
		if posts, _ := read(t, d, &src); len(posts) != 0 {
			t.Errorf("%s: again %d posts", start, len(posts))
		}
		site.Handle("/a.xml", crawlertest.Body("application/xml", strings.Replace(urls(1, 2), "2026-01-01T", "2026-01-09T", 1)))
		if posts, _ := read(t, d, &src); len(posts) != 1 || posts[0].NativeID != site.URL+"/t/1.html" {
			t.Errorf("%s: after a change %+v", start, posts)
		}
		site.Handle("/a.xml", crawlertest.Body("application/xml", urls(1, 2)))
	}
}

func TestSitemapsThatAreNoneAreNamed(t *testing.T) {
	bomb := packed(strings.Repeat(" ", 51<<20))
	for body, want := range map[string]string{
		"<!doctype html><p>no":   crawler.RefusedMarkup,
		"<rss/>":                 crawler.RefusedMarkup,
		"<urlset><url><loc>http": crawler.RefusedMarkup,
		bomb:                     crawler.RefusedMarkup,
		packed("<urlset>")[:20]:  crawler.RefusedMarkup,
		`<urlset><url><loc>https://x/1</loc></url></urlset>`: crawler.RefusedMarkup,
		"": crawler.RefusedMarkup,
	} {
		site := crawlertest.NewSite(t)
		site.Handle("/sitemap.xml", crawlertest.Body("application/octet-stream", body))
		src := source(site, "/sitemap.xml", "")
		_, _, err := run(t, crawlertest.NewDoor(t, site), &src)
		if ref, ok := errors.AsType[*crawler.Refusal](err); !ok || ref.Name != want {
			t.Errorf("%.40q: got %v", body, err)
		}
	}
}

func TestLargeSitemapIsReadOnceFromTheNewest(t *testing.T) {
	site := crawlertest.NewSite(t)
	var m strings.Builder
	m.WriteString(`<urlset>`)
	for id := 1; id <= 1000; id++ {
		fmt.Fprintf(&m, `<url><loc>%s/t/%d.html</loc><lastmod>%s</lastmod></url>`, site.URL, id, time.Date(2020, 1, id, 0, 0, 0, 0, time.UTC).Format(time.DateOnly))
	}
	body := m.String()
	site.Fallback(&news{site.URL, 11})
	site.Handle("/sitemap.xml", crawlertest.Body("application/xml", body+"</urlset>"))
	d := crawlertest.NewDoor(t, site)
	src := source(site, "/sitemap.xml", "")
	posts, warnings := read(t, d, &src)
	if len(posts) != 400 || posts[0].NativeID != site.URL+"/t/1000.html" || len(warnings) == 0 {
		t.Errorf("got %d posts, %q", len(posts), warnings)
	}
	if posts, _ := read(t, d, &src); len(posts) != 0 {
		t.Errorf("again %d posts", len(posts))
	}
	site.Handle("/sitemap.xml", crawlertest.Body("application/xml", body+fmt.Sprintf(`<url><loc>%s/t/1001.html</loc><lastmod>2026-01-20</lastmod></url></urlset>`, site.URL)))
	if posts, _ := read(t, d, &src); len(posts) != 1 {
		t.Errorf("one is new: %d posts", len(posts))
	}
}

func TestConfigurationFaultsAreNamed(t *testing.T) {
	for _, bad := range []string{
		`{"url":"site.example"}`,
		`{"url":"https://u:p@site.example/"}`,
		`{"url":"https://site.example/","kind":"x"}`,
		`{"url":"https://site.example/","list":"a["}`,
		`{"url":"https://site.example/","match":"("}`,
		`{"url":"https://site.example/","backfill":1001}`,
		`{"url":"https://site.example/","zone":"Mars"}`,
		`{"url":"https://site.example/","slow":5}`,
		`{"url":"https://site.example/sitemap.xml","list":"a"}`,
	} {
		if (page.Reader{}).Check(json.RawMessage(bad)) == nil {
			t.Errorf("%s passed", bad)
		}
	}
}

// TestExamplesGiveTheirPosts reads the bodies of the wire documents where they lie beside the repository.
func TestExamplesGiveTheirPosts(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "wire", "examples")
	if _, err := os.Stat(dir); err != nil {
		return // nothing lies there; the same shapes are tested above
	}
	site := crawlertest.NewSite(t)
	body := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(string(b), "https://site.example.org", site.URL)
	}
	site.Handle("/t/1.html", crawlertest.Body("text/html", body("generic_html/post.html")))
	site.Handle("/sitemap.xml", crawlertest.Body("application/xml", body("sitemap/sitemap_index.xml")))
	site.Handle("/sitemap-posts-1.xml", crawlertest.Body("application/xml", body("sitemap/sitemap_posts.xml")))
	site.Handle("/sitemap-posts-2.xml.gz", crawlertest.Body("application/gzip", packed(body("sitemap/sitemap_posts.xml"))))
	site.Handle("/case.jsonld", crawlertest.Body("application/ld+json", body("schema_org/missing_child.jsonld")))
	d := crawlertest.NewDoor(t, site)
	for _, address := range []string{"/t/1.html", "/sitemap.xml"} {
		src := source(site, address, "")
		posts, _ := read(t, d, &src)
		if len(posts) != 1 || posts[0].NativeID != site.URL+"/t/1.html" || len(posts[0].Photos) != 2 || posts[0].Photos[0].URL != site.URL+"/img/1.jpg" || posts[0].Photos[1].URL != site.URL+"/img/2@2x.webp" {
			t.Errorf("%s: got %+v", address, posts)
		}
	}
	src := source(site, "/case.jsonld", "")
	if posts, _ := read(t, d, &src); len(posts) != 1 || posts[0].NativeID != "900105" || posts[0].Kind != "report" || len(posts[0].Photos) != 1 {
		t.Errorf("got %+v", posts)
	}
}
