package baobeihuijia_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"xunqin/crawler"
	"xunqin/crawler/baobeihuijia"
	"xunqin/crawler/crawlertest"
)

// registry is the site in its shapes, with cases 1 to last, four a page, newest first.
type registry struct{ last int }

const perPage = 4

func (s *registry) ids(page int) (list []int, more bool) {
	page = max(page, 1)
	for id := s.last - (page-1)*perPage; id > max(s.last-page*perPage, 0); id-- {
		list = append(list, id)
	}
	return list, s.last > page*perPage
}

func (s *registry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	q := r.URL.Query()
	switch p := r.URL.Path; {
	case p == "/list.aspx":
		page, _ := strconv.Atoi(q.Get("page"))
		ids, more := s.ids(page)
		fmt.Fprint(w, `<html><body><div id="ti1">`)
		for _, id := range ids {
			fmt.Fprintf(w, `<dl><dt><a href="/view.aspx?type=1&id=%d"><img class="cimg" src="/photo/s_%d.jpg" /></a></dt><dd><a href="/view.aspx?type=1&id=%d">n</a></dd></dl>`, id, id, id)
		}
		fmt.Fprint(w, `</div><div class="pg">`)
		if more {
			fmt.Fprintf(w, `<a class="nxt" href="/list.aspx?tid=1&sex=&photo=1&page=%d">末页</a>`, (s.last+perPage-1)/perPage)
		}
		fmt.Fprint(w, `</div></body></html>`)
	case p == "/view.aspx":
		fmt.Fprintf(w, `<html><body><div id="_table_1_photo"><img class="cimg" src="/photo/%[1]s.jpg" /></div><div id="table_1_normaldivr"><h3>登记信息</h3><ul>
<li><span>寻亲编号：</span><a href="view.aspx?id=%[1]s">%[1]s</a></li><li><span>姓名：</span>林示例</li><li><span>出生日期：</span>2004年03月05日</li><li><span>失踪地点：</span>示例省</li>
<li><span>注册时间：</span>2010/9/1 10:22:31</li><li><span>跟进志愿者：</span>示例志愿者</li></ul></div></body></html>`, q.Get("id"))
	case strings.HasPrefix(p, "/bbhj/channels/"):
		m := regexp.MustCompile(`3_(\d+)\.html`).FindStringSubmatch(p)
		page, _ := strconv.Atoi(m[1])
		ids, more := s.ids(page)
		fmt.Fprint(w, `<html><body>`)
		for _, id := range ids {
			fmt.Fprintf(w, `<div class="person-image"><a href="/bbhj/contents/3/%[1]d.html"><img class="img-fluid" src="/bbhj/special/2026/1/s_%[1]d.jpg"></a><span class="badge">家寻宝贝</span><div class="person-agent-info"><a href="/bbhj/contents/3/%[1]d.html">n</a><span class="d-block">2026-01-%02[1]d</span></div></div>`, id)
		}
		fmt.Fprint(w, `<ul class="pagination">`)
		if more {
			fmt.Fprintf(w, `<li><a href="/bbhj/channels/3_%d.html">n</a></li>`, page+1)
		}
		fmt.Fprint(w, `</ul></body></html>`)
	case strings.HasPrefix(p, "/bbhj/contents/3/"):
		id := strings.TrimSuffix(strings.TrimPrefix(p, "/bbhj/contents/3/"), ".html")
		fmt.Fprintf(w, detail, id, "家寻宝贝")
	case p == "/api/search/contents/actions/list":
		var ask struct{ Page int }
		if err := json.NewDecoder(r.Body).Decode(&ask); err != nil || r.Method != http.MethodPost {
			http.Error(w, "no question", http.StatusBadRequest)
			return
		}
		ids, _ := s.ids(ask.Page)
		var rows []string
		for _, id := range ids {
			rows = append(rows, fmt.Sprintf(`{"publishId":%d,"name":"林示例","sex":true,"birthDay":"2004-03-05","lostPass":"儿童走失","lostAddress":"示例省","lostDay":"2010-08-12","addDate":"2010-09-01"}`, id))
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"pageContents":[%s]}`, strings.Join(rows, ","))
	case p == "/data.js":
		w.Header().Set("Content-Type", "application/javascript")
		var rows []string
		for id := s.last; id > 0; id-- {
			rows = append(rows, fmt.Sprintf(`{id:"%d",name:'林示例',child_pic:"https://pics.example/%d.jpg",lost_place:"示例省",}`, id, id))
		}
		fmt.Fprintf(w, "var jsondata = {data:[%s]};", strings.Join(rows, ","))
	default:
		http.NotFound(w, r)
	}
}

const detail = `<html><body><div class="pagecontent"><img class="img-fluid" src="/bbhj/special/2026/1/%[1]s.jpg"><ul>
<li><div class="view-th">寻亲类别：</div><div class="view-td">%[2]s</div></li><li><div class="view-th">寻亲编号：</div><div class="view-td">%[1]s</div></li>
<li><div class="view-th">姓名：林示例</div><div class="view-td"></div></li><li><div class="view-th">出生日期：</div><div class="view-td">2004-03-05</div></li>
<li><div class="view-th">失踪者特征描述：</div><div class="view-td">左眉有小疤 &amp; 双眼皮</div></li><li><div class="view-th">其他资料：</div><div class="view-td"></div></li>
<li><div class="view-th">注册时间：</div><div class="view-td">2010-09-01</div></li></ul></div></body></html>`

var addresses = map[string]string{
	"old":     "/list.aspx?tid=1&sex=&photo=1&page=1",
	"current": "/bbhj/channels/3_1.html",
	"search":  "/api/search/contents/actions/list",
	"script":  "/data.js",
}

func source(site *crawlertest.Site, address, more string) crawler.Source {
	return crawler.Source{Reader: "baobeihuijia", Config: json.RawMessage(fmt.Sprintf(`{"url":%q%s}`, site.URL+address, more)), Rate: crawler.Rate{Every: crawler.NoPause}}
}

func TestReader(t *testing.T) {
	for name, address := range addresses {
		t.Run(name, func(t *testing.T) {
			path, _, _ := strings.Cut(address, "?")
			s := crawlertest.Suite{
				Reader: baobeihuijia.Reader{},
				Config: func(base string) json.RawMessage {
					return json.RawMessage(fmt.Sprintf(`{"url":%q,"backfill":10}`, base+address))
				},
				Path: path,
				Site: func(string) (http.Handler, []string) {
					var want []string
					for id := 1; id <= 11; id++ {
						want = append(want, strconv.Itoa(id))
					}
					return &registry{11}, want
				},
				Empty: &registry{0},
			}
			switch name {
			case "old", "current":
				s.Mutants = crawlertest.HTMLMutants
			case "search":
				s.Mutants = crawlertest.JSONMutants
			}
			crawlertest.Run(t, s)
		})
	}
}

func read(t *testing.T, d *crawler.Door, src *crawler.Source) ([]crawler.Post, []string) {
	t.Helper()
	var posts []crawler.Post
	var warnings []string
	for range 50 {
		stats, err := d.Run(t.Context(), baobeihuijia.Reader{}, *src, func(_ context.Context, p crawler.Page) error {
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

func TestCaseIsReadByItsLabels(t *testing.T) {
	site := crawlertest.NewSite(t)
	site.Fallback(&registry{1})
	d := crawlertest.NewDoor(t, site)
	src := source(site, addresses["current"], "")
	posts, _ := read(t, d, &src)
	want := []crawler.Post{{
		NativeID: "1", URL: site.URL + "/bbhj/contents/3/1.html", Kind: "report", RawAt: "2010-09-01", Precision: crawler.PrecisionDay,
		Text: "寻亲类别：家寻宝贝\n寻亲编号：1\n姓名：林示例\n出生日期：2004-03-05\n特征描述：左眉有小疤 & 双眼皮", Tags: []string{"家寻宝贝"},
		At:     time.Date(2010, 8, 31, 16, 0, 0, 0, time.UTC),
		Photos: []crawler.PhotoURL{{URL: site.URL + "/bbhj/special/2026/1/1.jpg", Fallback: []string{site.URL + "/bbhj/special/2026/1/s_1.jpg"}}},
	}}
	if diff := cmp.Diff(want, posts); diff != "" {
		t.Error(diff)
	}
	src = source(site, addresses["old"], "")
	posts, _ = read(t, d, &src)
	if len(posts) != 1 || strings.Contains(posts[0].Text, "示例志愿者") || posts[0].Place != "示例省" || posts[0].Precision != crawler.PrecisionSecond || posts[0].Kind != "report" || len(posts[0].Photos) != 1 {
		t.Errorf("old site: got %+v", posts)
	}
}

func TestKindFollowsTheCategory(t *testing.T) {
	for category, want := range map[string]string{"家寻宝贝": "report", "宝贝寻家": "notice", "流浪乞讨": "post", "其他寻人": "report", "海外寻亲": "notice", "烈士寻根": ""} {
		site := crawlertest.NewSite(t)
		site.Fallback(&registry{1})
		site.Handle("/bbhj/contents/3/1.html", crawlertest.Body("text/html; charset=utf-8", fmt.Sprintf(detail, "1", category)))
		src := source(site, addresses["current"], "")
		posts, _ := read(t, crawlertest.NewDoor(t, site), &src)
		got := ""
		if len(posts) > 0 {
			got = posts[0].Kind
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", category, got, want)
		}
	}
}

func TestSearchReadsThePagesOfItsCasesWhereItKnowsThem(t *testing.T) {
	site := crawlertest.NewSite(t)
	site.Fallback(&registry{5})
	src := source(site, addresses["search"], fmt.Sprintf(`,"backfill":5,"search":{"isPhotos":true},"detail":%q`, site.URL+"/bbhj/contents/3/{id}.html"))
	posts, _ := read(t, crawlertest.NewDoor(t, site), &src)
	if len(posts) != 5 || len(posts[0].Photos) != 1 || posts[0].NativeID != "5" {
		t.Errorf("got %+v", posts)
	}
}

func TestFoundChildrenOfTheScriptAreGone(t *testing.T) {
	site := crawlertest.NewSite(t)
	site.Handle("/data.js", crawlertest.Body("application/javascript", `// cases
var jsondata = {data:[{id:"7",name:"林示例",sex:"男",birth_time:"2004年03月05日",lost_time:"2010年08月12日",child_pic:"https://p.example/7.jpg",lost_place:"示例省",url:"https://bbs.example/t",child_feature:"左眉\u6709\"疤\"",expire:undefined},]};
var foundjsondata = {data:[{id:"3",name:"x"}]};`))
	src := source(site, addresses["script"], "")
	posts, _ := read(t, crawlertest.NewDoor(t, site), &src)
	want := []crawler.Post{
		{NativeID: "7", URL: "https://bbs.example/t", Kind: "report", Text: "寻亲编号：7\n姓名：林示例\n性别：男\n出生日期：2004年03月05日\n失踪时间：2010年08月12日\n失踪地点：示例省\n特征描述：左眉有\"疤\"", Place: "示例省",
			Photos: []crawler.PhotoURL{{URL: "https://p.example/7.jpg"}}},
		{NativeID: "3", Kind: "report", Deleted: true},
	}
	if diff := cmp.Diff(want, posts); diff != "" {
		t.Error(diff)
	}
}

func TestFirstAnswerThatSaysNoEndsTheRun(t *testing.T) {
	for _, status := range []int{403, 429, 521} {
		site := crawlertest.NewSite(t)
		site.Fallback(&registry{4})
		site.Handle("/bbhj/contents/3/4.html", crawlertest.Status(status))
		_, err := crawlertest.NewDoor(t, site).Run(t.Context(), baobeihuijia.Reader{}, source(site, addresses["current"], ""), func(context.Context, crawler.Page) error { return nil })
		ref, ok := errors.AsType[*crawler.Refusal](err)
		if !ok || ref.Status != status || len(site.Asked()) != 3 {
			t.Errorf("%d: got %v after %d requests", status, err, len(site.Asked()))
		}
	}
}

// ratePace notes the pause of each turn, and lets nobody through.
type ratePace struct{ every []time.Duration }

var errStop = errors.New("nobody is asked")

func (p *ratePace) Acquire(_ context.Context, _ string, rate crawler.Rate) (func(time.Time), error) {
	p.every = append(p.every, rate.Pause())
	return nil, errStop
}

func TestRegistryIsAskedOnceInFiveSeconds(t *testing.T) {
	pace := &ratePace{}
	d := &crawler.Door{Pace: pace, Contact: "crawler@example.org", Robots: &crawler.MemoryRobots{}}
	if err := d.Robots.Save(t.Context(), "https://registry.example", crawler.RobotsEntry{State: crawler.RobotsOpen, Expires: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	src := crawler.Source{Config: json.RawMessage(`{"url":"https://registry.example/bbhj/channels/3_1.html"}`), Rate: crawler.Rate{Every: time.Second}}
	if _, err := d.Run(t.Context(), baobeihuijia.Reader{}, src, func(context.Context, crawler.Page) error { return nil }); !errors.Is(err, errStop) {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]time.Duration{5 * time.Second}, pace.every); diff != "" {
		t.Error(diff)
	}
}

func TestConfigurationFaultsAreNamed(t *testing.T) {
	for _, bad := range []string{
		`{"url":"https://registry.example/"}`,
		`{"url":"registry.example/list.aspx"}`,
		`{"url":"https://registry.example/list.aspx","kind":"x"}`,
		`{"url":"https://registry.example/list.aspx","search":{}}`,
		`{"url":"https://registry.example/list.aspx","detail":"https://x/{id}"}`,
		`{"url":"https://registry.example/contents/actions/list","detail":"https://x/"}`,
		`{"url":"https://registry.example/data.js","from":"2010-01-01"}`,
		`{"url":"https://registry.example/list.aspx","backfill":-1}`,
		`{"url":"https://registry.example/list.aspx","zone":"Mars"}`,
	} {
		if (baobeihuijia.Reader{}).Check(json.RawMessage(bad)) == nil {
			t.Errorf("%s passed", bad)
		}
	}
}

// TestExamplesGiveTheirCases reads the bodies of the wire documents where they lie beside the repository.
func TestExamplesGiveTheirCases(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "wire", "examples", "baobeihuijia")
	if _, err := os.Stat(dir); err != nil {
		return // nothing lies there; the same shapes are tested above
	}
	site := crawlertest.NewSite(t)
	serve := func(path, contentType, name string) {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		site.Handle(path, crawlertest.Body(contentType, string(b)))
	}
	serve("/list.aspx", "text/html", "legacy_list.html")
	serve("/view.aspx", "text/html", "legacy_view.html")
	serve("/bbhj/channels/3_1.html", "text/html", "current_channel_list.html")
	serve("/bbhj/contents/3/900105.html", "text/html", "current_detail.html")
	serve("/api/search/contents/actions/list", "application/json", "search_response.json")
	serve("/data.js", "application/javascript", "tencent_404_data.js")
	d := crawlertest.NewDoor(t, site)
	for name, n := range map[string]int{"old": 2, "current": 1, "search": 2, "script": 1} {
		src := source(site, addresses[name], "")
		posts, _ := read(t, d, &src)
		if len(posts) != n || posts[0].NativeID != "900105" || posts[0].Kind != "report" || posts[0].Place != "示例省,例城市,样本区,市场路" && name != "script" || !strings.Contains(posts[0].Text, "姓名：林示例") {
			t.Errorf("%s: got %+v", name, posts)
			continue
		}
		if len(posts[0].Photos) != map[string]int{"old": 1, "current": 1, "search": 0, "script": 1}[name] {
			t.Errorf("%s: photos %+v", name, posts[0].Photos)
		}
	}
}
