package discuz_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"

	"xunqin/crawler"
	"xunqin/crawler/crawlertest"
	"xunqin/crawler/discuz"
)

// forum is a Discuz board of threads numbered 1 to last, four a page, newest
// first. Its templates are those of X3.5 and of X2, and the archiver's.
type forum struct{ last int }

const perPage = 4

func (f *forum) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	q := r.URL.Query()
	page, _ := strconv.Atoi(q.Get("page"))
	if m := regexp.MustCompile(`^/forum-2-(\d+)\.html$`).FindStringSubmatch(r.URL.Path); m != nil {
		page, _ = strconv.Atoi(m[1])
		fmt.Fprint(w, f.list(page, "forum-2-%d.html", "thread-%d-1-1.html"))
	} else if m := regexp.MustCompile(`^/thread-(\d+)-1-1\.html$`).FindStringSubmatch(r.URL.Path); m != nil {
		fmt.Fprint(w, thread(m[1]))
	} else if m := regexp.MustCompile(`^fid-2\.html(?:&page=(\d+))?$`).FindStringSubmatch(r.URL.RawQuery); m != nil {
		page, _ = strconv.Atoi(m[1])
		fmt.Fprint(w, f.archive(page))
	} else if m := regexp.MustCompile(`^tid-(\d+)\.html$`).FindStringSubmatch(r.URL.RawQuery); m != nil {
		fmt.Fprintf(w, archived, m[1])
	} else if q.Get("mod") == "forumdisplay" {
		fmt.Fprint(w, f.list(page, "forum.php?mod=forumdisplay&fid=2&amp;page=%d", "forum.php?mod=viewthread&amp;tid=%d&amp;extra=page%%3D1"))
	} else if q.Get("mod") == "viewthread" {
		fmt.Fprint(w, thread(q.Get("tid")))
	} else if q.Get("mod") == "rss" {
		w.Header().Set("Content-Type", "application/xml")
		fmt.Fprint(w, f.rss())
	} else {
		http.NotFound(w, r)
	}
}

func (f *forum) ids(page int) (list []int, more bool) {
	page = max(page, 1)
	for id := f.last - (page-1)*perPage; id > max(f.last-page*perPage, 0); id-- {
		list = append(list, id)
	}
	return list, f.last > page*perPage
}

func (f *forum) list(page int, pages, threads string) string {
	var s strings.Builder
	s.WriteString(`<html><body><div id="threadlist"><form id="moderate"><table id="threadlisttableid">
<tbody id="stickthread_900"><tr><th><a href="` + fmt.Sprintf(threads, 900) + `" class="s xst">rules</a></th></tr></tbody>`)
	ids, more := f.ids(page)
	for _, id := range ids {
		a := fmt.Sprintf(threads, id)
		fmt.Fprintf(&s, `<tbody id="normalthread_%d"><tr><td class="icn"><a href="%s">o</a></td><th class="new"><a href="%s" class="s xst">thread %d</a></th>
<td class="by"><cite><a href="home.php?mod=space&amp;uid=12">m</a></cite><em><span>2026-1-%d</span></em></td>
<td class="by"><em><a href="forum.php?mod=redirect&tid=%d&goto=lastpost#lastpost">2026-1-20 14:30</a></em></td></tr></tbody>`, id, a, a, id, id, id)
	}
	if len(ids) == 0 {
		s.WriteString(`<tbody class="bw0_all"><tr><th><p class="emp">本版块或指定的范围内尚无主题</p></th></tr></tbody>`)
	}
	s.WriteString(`</table></form></div><div class="pg">`)
	if more {
		a := fmt.Sprintf(pages, max(page, 1)+1)
		fmt.Fprintf(&s, `<strong>%d</strong><a href="%s">n</a><a href="%s" class="nxt">next</a>`, max(page, 1), a, a)
	}
	s.WriteString(`</div></body></html>`)
	return s.String()
}

func (f *forum) archive(page int) string {
	var s strings.Builder
	s.WriteString(`<html><body><div id="nav"><a href="./">home</a></div><div id="content"><ul type="1" start="1">`)
	ids, more := f.ids(page)
	for _, id := range ids {
		fmt.Fprintf(&s, `<li><a href="?tid-%d.html">thread %d</a> (0)</li>`, id, id)
	}
	s.WriteString(`</ul>`)
	if more {
		fmt.Fprintf(&s, `<div class="page"><strong>[%d]</strong><a href="?fid-2.html&page=%d">n</a></div>`, max(page, 1), max(page, 1)+1)
	}
	s.WriteString(`</div></body></html>`)
	return s.String()
}

func (f *forum) rss() string {
	var s strings.Builder
	s.WriteString(`<?xml version="1.0"?><rss version="2.0"><channel><title>b</title>`)
	for id := f.last; id > max(f.last-20, 0); id-- {
		fmt.Fprintf(&s, `<item><title>thread %d</title><link>http://bbs.example/forum.php?mod=viewthread&amp;tid=%d</link><pubDate>Tue, 20 Jan 2026 06:30:12 +0000</pubDate></item>`, id, id)
	}
	s.WriteString(`</channel></rss>`)
	return s.String()
}

func thread(id string) string {
	return fmt.Sprintf(`<html><body><h1 class="ts"><span id="thread_subject">thread %[1]s</span></h1><div id="postlist" class="pl bm"><div id="post_7%[1]s"><table id="pid7%[1]s" class="plhin"><tr>
<td class="pls"><div class="authi"><a href="home.php?mod=space&amp;uid=12" class="xw1">m</a></div></td><td class="plc"><em id="authorposton7%[1]s">发表于 2026-1-%[1]s 12:30:05</em>
<table><tr><td class="t_f" id="postmessage_7%[1]s">seen %[1]s<br /><ignore_js_op><img id="aimg_%[1]s" aid="%[1]s" src="static/image/common/none.gif" zoomfile="data/attachment/forum/%[1]s.jpg" file="data/attachment/forum/%[1]s.jpg.thumb.jpg" /></ignore_js_op></td></tr></table></td></tr></table></div>
<div id="post_8%[1]s"><table><tr><td class="t_f" id="postmessage_8%[1]s">a reply <img src="http://other.example/reply.jpg"></td></tr></table></div></div></body></html>`, id)
}

const archived = `<html><body><div id="content"><p class="author"><strong>m</strong>发表于 2026-1-20 12:30:05</p><h3>thread %[1]s</h3>seen %[1]s<br />
<p class="author"><strong>other</strong>发表于 2026-1-20 13:00:00</p>a reply<div class="page">1</div></div></body></html>`

var addresses = map[string]string{
	"X3.5":      "/forum.php?mod=forumdisplay&fid=2",
	"rewritten": "/forum-2-1.html",
	"archiver":  "/archiver/?fid-2.html",
	"rss":       "/forum.php?mod=rss&fid=2&auth=0",
}

func config(base, address, more string) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"url":%q%s}`, base+address, more))
}

func source(site *crawlertest.Site, address, more string) crawler.Source {
	return crawler.Source{Reader: "discuz", Config: config(site.URL, address, more), Rate: crawler.Rate{Every: crawler.NoPause}}
}

func TestReader(t *testing.T) {
	for name, address := range addresses {
		t.Run(name, func(t *testing.T) {
			path, _, _ := strings.Cut(address, "?")
			s := crawlertest.Suite{
				Reader: discuz.Reader{},
				Config: func(base string) json.RawMessage {
					if name == "rss" {
						return config(base, address, "")
					}
					return config(base, address, `,"backfill":10`)
				},
				Path: path,
				Site: func(string) (http.Handler, []string) {
					var want []string
					for id := 1; id <= 11; id++ {
						want = append(want, strconv.Itoa(id))
					}
					return &forum{11}, want
				},
				Empty: &forum{0},
			}
			if name != "rss" {
				s.Mutants = crawlertest.HTMLMutants
			}
			crawlertest.Run(t, s)
		})
	}
}

// read runs until nothing more is there, commits each page and returns the posts.
func read(t *testing.T, d *crawler.Door, src *crawler.Source) ([]crawler.Post, []string) {
	t.Helper()
	var posts []crawler.Post
	var warnings []string
	for range 50 {
		stats, err := d.Run(t.Context(), discuz.Reader{}, *src, func(_ context.Context, p crawler.Page) error {
			posts = append(posts, p.Posts...)
			src.Cursor = p.Cursor
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		warnings = append(warnings, stats.Warnings...)
		if !stats.More {
			return posts, warnings
		}
	}
	t.Fatal("no end")
	return nil, nil
}

// refusal is the name under which a run ends.
func refusal(t *testing.T, d *crawler.Door, src crawler.Source) *crawler.Refusal {
	t.Helper()
	_, err := d.Run(t.Context(), discuz.Reader{}, src, func(context.Context, crawler.Page) error { return nil })
	ref, ok := errors.AsType[*crawler.Refusal](err)
	if !ok {
		t.Fatalf("got %v, want a refusal", err)
	}
	return ref
}

func ids(posts []crawler.Post) []string {
	var list []string
	for _, p := range posts {
		list = append(list, p.NativeID)
	}
	return list
}

func TestThreadGivesItsFirstPostAndNoReply(t *testing.T) {
	site := crawlertest.NewSite(t)
	site.Handle("/bbs/forum.php", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if r.URL.Query().Get("mod") == "forumdisplay" {
			fmt.Fprint(w, `<div id="threadlist"><table id="threadlisttableid"><tbody id="normalthread_480105"><tr><th><a href="forum.php?mod=viewthread&tid=480105" class="s xst">t</a></th></tr></tbody></table></div>`)
			return
		}
		fmt.Fprint(w, `<h1 class="ts"><a href="forum.php?mod=forumdisplay&fid=191&filter=typeid&typeid=7">[家寻宝贝]</a> <span id="thread_subject">寻找林示例&nbsp;900105</span></h1>
<div id="postlist"><div id="post_700001"><table id="pid700001"><tr><td class="pls"><div class="authi"><a href="space-uid-12.html" class="xw1">示例会员</a></div><div class="avatar"><img src="uc_server/avatar.php?uid=12"></div></td>
<td class="plc"><em id="authorposton700001">发表于 <span title="2026-01-20 12:30:05">2&nbsp;小时前</span></em><div class="t_fsz"><table><tr><td class="t_f" id="postmessage_700001">
<i class="pstatus"> 本帖最后由 示例会员 于 2026-1-20 12:40 编辑 </i><br />
姓&nbsp;&nbsp;名：林示例<font class="jammer">xyz</font><br />特征：左眉有小疤 &amp; 双眼皮<span style="display:none">abc</span><img smilieid="1" src="static/image/smiley/default/smile.gif"><img src="static/image/common/back.gif">
<ignore_js_op><img id="aimg_8001" src="static/image/common/none.gif" zoomfile="data/attachment/forum/1.jpg" file="data/attachment/forum/1.jpg" alt="photo.jpg" width="400" /><div class="tip aimg_tip"><p>photo.jpg (305 KB)</p><p><a href="forum.php?mod=attachment&aid=x">下载附件</a></p></div></ignore_js_op>
<img src="http://pics.example/out.jpg" alt="red jacket"><img src="http://pics.example/pixel.gif" width="1"><video src="v.mp4" poster="data/attachment/forum/v.jpg"></video></td></tr></table>
<div class="pattl"><dl><dd><img id="aimg_8002" src="static/image/common/none.gif" file="data/attachment/forum/2.jpg.thumb.jpg" /></dd></dl></div></div></td></tr></table></div>
<div id="post_700002"><em id="authorposton700002">发表于 2026-1-20 13:00:00</em><div class="t_f" id="postmessage_700002">顶<img src="http://pics.example/reply.jpg"></div></div></div>`)
	}))
	src := source(site, "/bbs/forum.php?mod=forumdisplay&fid=191&page=1", `,"kind":"report"`)
	posts, warnings := read(t, crawlertest.NewDoor(t, site), &src)
	at := func(ref string) string { return site.URL + "/bbs/data/attachment/forum/" + ref }
	want := []crawler.Post{{
		NativeID: "480105", URL: site.URL + "/bbs/forum.php?mod=viewthread&tid=480105", Kind: "report", AuthorID: "12", AuthorName: "示例会员",
		Text: "寻找林示例 900105\n姓 名：林示例\n特征：左眉有小疤 & 双眼皮", RawAt: "2026-01-20 12:30:05", Precision: crawler.PrecisionSecond, Tags: []string{"家寻宝贝"},
		At: time.Date(2026, 1, 20, 4, 30, 5, 0, time.UTC), EditedAt: time.Date(2026, 1, 20, 4, 40, 0, 0, time.UTC),
		Photos: []crawler.PhotoURL{
			{URL: at("1.jpg")},
			{URL: "http://pics.example/out.jpg", Alt: "red jacket"},
			{URL: at("v.jpg")},
			{URL: at("2.jpg"), Fallback: []string{at("2.jpg.thumb.jpg")}},
		},
	}}
	if diff := cmp.Diff(want, posts); diff != "" {
		t.Error(diff)
	}
	if len(warnings) != 1 { // the list shows no dates
		t.Errorf("got %q", warnings)
	}
}

func TestPhotosKeptFromGuestsAreAWarning(t *testing.T) {
	site := crawlertest.NewSite(t)
	site.Fallback(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := &strings.Builder{}
		rec := recorder{w, b}
		(&forum{1}).ServeHTTP(rec, r)
		fmt.Fprint(w, strings.Replace(b.String(), `</td></tr></table></td>`, `</td></tr></table><div class="attach_nopermission attach_tips"><p>您需要 <a>登录</a> 才可以下载或查看</p></div></td>`, 1))
	}))
	src := source(site, addresses["X3.5"], "")
	posts, warnings := read(t, crawlertest.NewDoor(t, site), &src)
	if len(posts) != 1 || posts[0].Text != "thread 1\nseen 1" || !slices.ContainsFunc(warnings, func(s string) bool { return strings.Contains(s, "thread 1: photos are shown to members only") }) {
		t.Errorf("got %+v, %q", posts, warnings)
	}
}

// recorder keeps a body back.
type recorder struct {
	http.ResponseWriter
	b *strings.Builder
}

func (r recorder) Write(p []byte) (int, error) { return r.b.Write(p) }

func TestWhatTheForumSaysInPlaceOfAListHasAName(t *testing.T) {
	for body, want := range map[string]string{
		`<div id="messagetext" class="alert_error"><p>抱歉，指定的版块不存在</p></div>`:                                     crawler.RefusedNotFound,
		`<div id="messagetext" class="alert_info"><p>抱歉，您尚未登录，没有权限访问该版块</p></div>`:                               crawler.RefusedLogin,
		`<div id="messagetext" class="alert_error"><p>抱歉，本版块只有特定用户组可以访问</p></div>`:                               crawler.RefusedClosed,
		`<div id="messagetext" class="alert_info"><p>站点维护中</p></div>`:                                            crawler.RefusedClosed,
		`<html><head></head><body><script>var _dsign="x";location.href="?_dsign="+_dsign</script></body></html>`: crawler.RefusedCaptcha,
		`<html><body>hello</body></html>`: crawler.RefusedMarkup,
		`<div id="threadlist"><table><tbody id="row_1"><tr><td><a href="forum.php?mod=viewthread&tid=1">a</a></table>`: crawler.RefusedMarkup,
		``: crawler.RefusedMarkup,
	} {
		site := crawlertest.NewSite(t)
		site.Handle("/forum.php", crawlertest.Body("text/html", body))
		if ref := refusal(t, crawlertest.NewDoor(t, site), source(site, addresses["X3.5"], "")); ref.Name != want {
			t.Errorf("%s: got %v, want %s", body, ref, want)
		}
	}
}

func TestThreadThatIsGoneOrClosedDoesNotStopTheOthers(t *testing.T) {
	site := crawlertest.NewSite(t)
	site.Fallback(&forum{6})
	for id, h := range map[string]http.Handler{
		"/thread-5-1-1.html": crawlertest.Body("text/html", `<div id="messagetext" class="alert_error"><p>抱歉，指定的主题不存在或已被删除或正在被审核</p></div>`),
		"/thread-4-1-1.html": crawlertest.Body("text/html", `<div id="messagetext" class="alert_error"><p>抱歉，本帖要求阅读权限高于 50 才能浏览</p></div>`),
		"/thread-3-1-1.html": crawlertest.Status(404),
		"/thread-2-1-1.html": crawlertest.Body("text/html", `<div id="postlist">new template</div>`),
	} {
		site.Handle(id, h)
	}
	src := source(site, addresses["rewritten"], `,"backfill":2`)
	posts, warnings := read(t, crawlertest.NewDoor(t, site), &src)
	gone := map[string]bool{}
	for _, p := range posts {
		gone[p.NativeID] = p.Deleted
	}
	if diff := cmp.Diff(map[string]bool{"6": false, "5": true, "3": true, "1": false}, gone); diff != "" {
		t.Error(diff)
	}
	all := strings.Join(warnings, "\n")
	if !strings.Contains(all, "item 4: closed") || !strings.Contains(all, "item 2: markup") {
		t.Errorf("got %s", all)
	}
}

func TestChangedTemplateLosesNothing(t *testing.T) {
	site := crawlertest.NewSite(t)
	f := &forum{11}
	broken := true
	site.Fallback(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if broken && r.URL.Query().Get("mod") == "viewthread" {
			crawlertest.Body("text/html", `<div id="posts">a template nobody knows</div>`).ServeHTTP(w, r)
			return
		}
		f.ServeHTTP(w, r)
	}))
	src := source(site, addresses["X3.5"], `,"backfill":3`)
	d := crawlertest.NewDoor(t, site)
	for range 2 {
		site.Forget()
		_, err := d.Run(t.Context(), discuz.Reader{}, src, func(_ context.Context, p crawler.Page) error { src.Cursor = p.Cursor; return nil })
		if ref, ok := errors.AsType[*crawler.Refusal](err); !ok || ref.Name != crawler.RefusedMarkup || len(site.Asked()) > 5 {
			t.Errorf("got %v after %d requests, want a refusal soon", err, len(site.Asked()))
		}
	}
	broken = false
	posts, _ := read(t, d, &src)
	if got := ids(posts); len(got) != 11 {
		t.Errorf("got %v", got)
	}
}

func TestLaterRunsReadWhatIsNewAlone(t *testing.T) {
	site := crawlertest.NewSite(t)
	f := &forum{20}
	site.Fallback(f)
	d := crawlertest.NewDoor(t, site)
	src := source(site, addresses["X3.5"], "")
	if posts, _ := read(t, d, &src); len(posts) != perPage {
		t.Errorf("first run: %v", ids(posts))
	}
	f.last = 29
	site.Forget()
	posts, _ := read(t, d, &src)
	if diff := cmp.Diff([]string{"29", "28", "27", "26", "25", "24", "23", "22", "21"}, ids(posts)); diff != "" {
		t.Error(diff)
	}
	site.Forget()
	if posts, _ := read(t, d, &src); len(posts) != 0 || len(site.Asked()) != 1 {
		t.Errorf("third run: %v, %d requests", ids(posts), len(site.Asked()))
	}
}

func TestRefusedPageBelowTheTopDoesNotKeepRunsFromTheTop(t *testing.T) {
	site := crawlertest.NewSite(t)
	f := &forum{11}
	site.Fallback(f)
	site.Handle("/forum-2-2.html", crawlertest.Body("text/html", `<div id="messagetext" class="alert_info">抱歉，您尚未登录</div>`))
	d := crawlertest.NewDoor(t, site)
	src := source(site, addresses["rewritten"], `,"backfill":3`)
	posts, warnings := read(t, d, &src)
	if len(posts) != perPage || len(warnings) != 1 || !strings.HasPrefix(warnings[0], "page 2 of the list: login-wall") {
		t.Errorf("got %v, %q", ids(posts), warnings)
	}
	f.last = 13
	if posts, _ := read(t, d, &src); !cmp.Equal(ids(posts), []string{"13", "12"}) {
		t.Errorf("then: %v", ids(posts))
	}
}

func TestARunSaysHowFarBackItSawEverything(t *testing.T) {
	site := crawlertest.NewSite(t)
	f := &forum{11}
	site.Fallback(f)
	d := crawlertest.NewDoor(t, site)
	last := func(src *crawler.Source) (p crawler.Page) {
		t.Helper()
		if _, err := d.Run(t.Context(), discuz.Reader{}, *src, func(_ context.Context, got crawler.Page) error {
			p, src.Cursor = got, got.Cursor
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return p
	}
	src := source(site, addresses["X3.5"], "")
	if p := last(&src); !p.Since.Equal(time.Date(2026, 1, 7, 16, 0, 0, 0, time.UTC)) || p.Capped {
		t.Errorf("a page of it: since %v, capped %v", p.Since, p.Capped)
	}
	src = source(site, addresses["X3.5"], `,"backfill":9`)
	if p := last(&src); !p.Since.Equal(crawler.Beginning()) || p.Capped {
		t.Errorf("all of it: since %v, capped %v", p.Since, p.Capped)
	}
	src = source(site, addresses["rss"], "")
	last(&src)
	f.last = 31 // twenty more, all that a feed shows
	if p := last(&src); p.Since.Equal(crawler.Beginning()) || !p.Capped && !p.More {
		t.Errorf("a feed: since %v, capped %v", p.Since, p.Capped)
	}
}

func TestEndlessBoardComesToAnEnd(t *testing.T) {
	site := crawlertest.NewSite(t)
	site.Fallback(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("mod") == "viewthread" {
			(&forum{9}).ServeHTTP(w, r)
			return
		}
		page, _ := strconv.Atoi(q.Get("page"))
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, strings.Replace((&forum{4}).list(1, "", "forum.php?mod=viewthread&tid=%d"), `<div class="pg">`, fmt.Sprintf(`<div class="pg"><a class="nxt" href="forum.php?mod=forumdisplay&fid=2&page=%d">`, max(page, 1)+1), 1))
	}))
	src := source(site, addresses["X3.5"], `,"backfill":1000`)
	if posts, _ := read(t, crawlertest.NewDoor(t, site), &src); len(posts) != 4 || len(site.Asked()) > 10 {
		t.Errorf("%d posts after %d requests", len(posts), len(site.Asked()))
	}
}

// ratePace notes the pause of each turn and waits for none.
type ratePace struct {
	crawler.Pace
	every map[time.Duration]int
}

func (p *ratePace) Acquire(ctx context.Context, host string, rate crawler.Rate) (func(time.Time), error) {
	p.every[rate.Pause()]++
	return p.Pace.Acquire(ctx, host, crawler.Rate{Every: crawler.NoPause})
}

func TestStretchOfThePastIsReadOnceAndSlowly(t *testing.T) {
	site := crawlertest.NewSite(t)
	f := &forum{28} // one a day of January 2026
	site.Fallback(f)
	pace := &ratePace{crawler.NewMemoryPace(nil), map[time.Duration]int{}}
	d := crawlertest.NewDoor(t, site)
	d.Pace = pace
	src := source(site, addresses["X3.5"], `,"from":"2026-01-09","to":"2026-01-14","slow":30`)
	posts, _ := read(t, d, &src)
	if diff := cmp.Diff([]string{"28", "27", "26", "25", "14", "13", "12", "11", "10", "9"}, ids(posts)); diff != "" {
		t.Error(diff)
	}
	// Of the past: six threads, and list pages until all of one lies before it.
	if n := pace.every[30*time.Second]; n != 6+6 {
		t.Errorf("%d slow requests: %v", n, pace.every)
	}
	site.Forget()
	if posts, _ := read(t, d, &src); len(posts) != 0 || len(site.Asked()) != 1 {
		t.Errorf("second run: %v, %d requests", ids(posts), len(site.Asked()))
	}
	src.Config = config(site.URL, addresses["X3.5"], `,"from":"2026-01-01","to":"2026-01-02"`)
	if posts, _ := read(t, d, &src); !cmp.Equal(ids(posts), []string{"2", "1"}) {
		t.Errorf("another stretch: %v", ids(posts))
	}
}

func TestTimesAreReadAsTheForumWritesThem(t *testing.T) {
	served := time.Date(2026, 1, 20, 6, 30, 0, 0, time.UTC) // 14:30 in Shanghai
	for raw, want := range map[string]struct {
		at        time.Time
		precision crawler.Precision
	}{
		"2012-5-1 09:05":    {time.Date(2012, 5, 1, 1, 5, 0, 0, time.UTC), crawler.PrecisionMinute},
		"2012-5-1 09:05:07": {time.Date(2012, 5, 1, 1, 5, 7, 0, time.UTC), crawler.PrecisionSecond},
		"48&nbsp;秒前":        {served.Add(-48 * time.Second), crawler.PrecisionMinute},
		"半小时前":              {served.Add(-30 * time.Minute), crawler.PrecisionDay},
		"3&nbsp;天前":         {served.AddDate(0, 0, -3), crawler.PrecisionDay},
		"昨天&nbsp;23:10":     {time.Date(2026, 1, 19, 15, 10, 0, 0, time.UTC), crawler.PrecisionMinute},
		"前天&nbsp;00:10":     {time.Date(2026, 1, 17, 16, 10, 0, 0, time.UTC), crawler.PrecisionMinute},
		"0000-0-0":          {time.Date(2025, 12, 31, 16, 0, 0, 0, time.UTC), crawler.PrecisionDay}, // what the list says
		"99999999999999 天前": {time.Date(2025, 12, 31, 16, 0, 0, 0, time.UTC), crawler.PrecisionDay},
	} {
		site := crawlertest.NewSite(t)
		site.Handle("/forum.php", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", served.Format(http.TimeFormat))
			b := &strings.Builder{}
			(&forum{1}).ServeHTTP(recorder{w, b}, r)
			fmt.Fprint(w, strings.Replace(b.String(), "发表于 2026-1-1 12:30:05", "发表于 "+raw, 1))
		}))
		src := source(site, addresses["X3.5"], "")
		posts, _ := read(t, crawlertest.NewDoor(t, site), &src)
		if len(posts) != 1 || !posts[0].At.Equal(want.at) || posts[0].Precision != want.precision {
			t.Errorf("%s: got %+v, want %v", raw, posts, want)
		}
	}
}

func TestBoardInGBKIsReadWhateverItSaysOfItself(t *testing.T) {
	for _, contentType := range []string{"text/html; charset=gbk", "text/html; charset=utf-8", "text/html"} {
		site := crawlertest.NewSite(t)
		site.Fallback(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b := &strings.Builder{}
			(&forum{1}).ServeHTTP(recorder{w, b}, r)
			w.Header().Set("Content-Type", contentType)
			gbk, err := simplifiedchinese.GBK.NewEncoder().String(strings.Replace(b.String(), "seen 1", "阳光路，约6岁，红外套，独自一人在地铁口", 1))
			if err != nil {
				t.Error(err)
			}
			fmt.Fprint(w, gbk)
		}))
		src := source(site, addresses["X3.5"], "")
		if posts, _ := read(t, crawlertest.NewDoor(t, site), &src); len(posts) != 1 || posts[0].Text != "thread 1\n阳光路，约6岁，红外套，独自一人在地铁口" || posts[0].At.IsZero() {
			t.Errorf("%s: got %+v", contentType, posts)
		}
	}
}

func TestConfigurationFaultsAreNamed(t *testing.T) {
	for _, bad := range []string{
		`{"url":"bbs.example"}`,
		`{"url":"https://bbs.example/"}`,
		`{"url":"https://bbs.example/forum.php?mod=viewthread&tid=1"}`,
		`{"url":"https://bbs.example/forum.php?mod=forumdisplay&fid=x"}`,
		`{"url":"https://bbs.example/archiver/"}`,
		`{"url":"https://u:p@bbs.example/forum-2-1.html"}`,
		`{"url":"https://bbs.example/forum-2-1.html","kind":"lead"}`,
		`{"url":"https://bbs.example/forum-2-1.html","backfill":1001}`,
		`{"url":"https://bbs.example/forum-2-1.html","zone":"Mars"}`,
		`{"url":"https://bbs.example/forum-2-1.html","to":"2010-01-01"}`,
		`{"url":"https://bbs.example/forum-2-1.html","from":"2010"}`,
		`{"url":"https://bbs.example/forum-2-1.html","from":"2010-01-02","to":"2010-01-01"}`,
		`{"url":"https://bbs.example/forum-2-1.html","from":"2010-01-02","slow":61}`,
		`{"url":"https://bbs.example/forum.php?mod=rss&fid=2","from":"2010-01-02"}`,
	} {
		if (discuz.Reader{}).Check(json.RawMessage(bad)) == nil {
			t.Errorf("%s passed", bad)
		}
	}
}

// TestExamplesGiveTheirPosts reads the bodies of the wire documents where they lie beside the repository.
func TestExamplesGiveTheirPosts(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "wire", "examples", "discuz")
	if _, err := os.Stat(dir); err != nil {
		return // nothing lies there; the same shapes are tested above
	}
	body := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	site := crawlertest.NewSite(t)
	denied := `<div id="postlist"><div id="post_700001"><table><tr>` + body("viewthread_guest_attachment_denied.html") + `</div></div>`
	site.Handle("/forum.php", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		switch {
		case q.Get("mod") == "forumdisplay" && q.Get("page") == "":
			fmt.Fprint(w, body("forumdisplay_x35.html"))
		case q.Get("mod") == "forumdisplay":
			fmt.Fprint(w, "<!doctype html>"+body("message_error.html"))
		case q.Get("tid") == "480105":
			fmt.Fprint(w, body("viewthread_x35.html"))
		default:
			fmt.Fprint(w, "<!doctype html>"+denied)
		}
	}))
	site.Handle("/archiver/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "fid-191.html" {
			fmt.Fprint(w, `<!doctype html><div id="content"><ul><li><a href="?tid-480105.html">t</a></li></ul></div>`)
			return
		}
		fmt.Fprint(w, body("archiver_thread.html"))
	}))
	src := source(site, "/forum.php?mod=forumdisplay&fid=191", "")
	posts, warnings := read(t, crawlertest.NewDoor(t, site), &src)
	if len(posts) != 2 || len(posts[0].Photos) != 2 || len(posts[1].Photos) != 0 || posts[1].Text != "正文" {
		t.Errorf("got %+v", posts)
	}
	if p := posts[0]; p.NativeID != "480105" || p.AuthorID != "12" || !p.At.Equal(time.Date(2026, 1, 20, 4, 30, 5, 0, time.UTC)) || p.EditedAt.IsZero() || !strings.Contains(p.Text, "采血情况：父母已采血") ||
		strings.Contains(p.Text, "下载附件") || p.Photos[1].URL != site.URL+"/data/attachment/forum/202601/20/123006example.jpg" {
		t.Errorf("got %+v", p)
	}
	if !strings.Contains(strings.Join(warnings, "\n"), "members only") {
		t.Errorf("got %q", warnings)
	}
	src = source(site, "/archiver/?fid-191.html", "")
	posts, _ = read(t, crawlertest.NewDoor(t, site), &src)
	if len(posts) != 1 || posts[0].Text != "寻找林示例\n寻亲类别：家寻宝贝" || posts[0].AuthorName != "示例会员" || posts[0].At.IsZero() {
		t.Errorf("archiver: got %+v", posts)
	}
	site.Handle("/forum.php", crawlertest.Body("text/html", body("message_error.html")))
	if ref := refusal(t, crawlertest.NewDoor(t, site), source(site, "/forum.php?mod=forumdisplay&fid=191", "")); ref.Name != crawler.RefusedNotFound {
		t.Errorf("got %v", ref)
	}
}
