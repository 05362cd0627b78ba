package desk

import (
	"bytes"
	"crypto/rand"
	"html"
	"image"
	"image/color"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"xunqin/cmd/xunqin/internal/exam/made"
	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/pipeline/record"
)

// withComment puts bytes into a JPEG that no decoder looks at.
func withComment(jpeg, comment []byte) []byte {
	n := len(comment) + 2
	head := append([]byte{0xff, 0xd8, 0xff, 0xfe, byte(n >> 8), byte(n)}, comment...)
	return append(head, jpeg[2:]...)
}

// holding lists the files below a folder that hold any of the bytes.
func holding(t *testing.T, dir string, canaries ...[]byte) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, c := range canaries {
			if bytes.Contains(b, c) {
				list = append(list, path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestPhotoThatIsSearchedForIsWrittenNowhere(t *testing.T) {
	all := filepath.Dir(t.TempDir()) // every folder that this test's programs were given lies here
	c := newCase(t)
	c.person(t, "li", record.Volunteer)
	b := c.as(t, "li")
	t.Setenv("TMPDIR", filepath.Join(all, "none")) // a temporary file, however short its life, fails
	canary := make([]byte, 4096)
	rand.Read(canary)
	query := withComment(jpg(draw(11), 40), canary)
	query = append(query, bytes.Repeat(canary, 2500)...) // 10 MB behind the end of the picture
	a := b.send("/search/photo", nil, upload{Field: "photo", Name: "girl.jpg", Bytes: query})
	wants(t, "the answer", a, http.StatusOK, []string{"A-17", "/leads/" + c.lead, c.Texts.T(locale.Chinese, "likeness.edited"), c.Texts.T(locale.Chinese, "photosearch.memory")}, []string{"girl.jpg"})
	if list := holding(t, all, canary[:64], query[2:66]); len(list) > 0 {
		t.Errorf("bytes of the picture are in %v", list)
	}
	if strings.Contains(c.log.String(), "girl") {
		t.Error("the file's name is in the log")
	}
	if list := holding(t, all, []byte("SQLite format 3")); len(list) == 0 {
		t.Error("the walk does not see the record")
	}
}

// The calls of net/http that read a form with files write large ones to disk on their way.
func TestNoPageReadsFormsInAWayThatWritesFiles(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	spills := regexp.MustCompile(`\.(ParseMultipartForm|FormFile|FormValue|PostFormValue|ReadForm)\(`)
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if m := spills.Find(b); m != nil && !strings.HasSuffix(name, "_test.go") {
			t.Errorf("%s calls %s", name, m)
		}
	}
}

func TestLongResultsStayLight(t *testing.T) {
	c := newCase(t)
	c.person(t, "wu", record.Reviewer)
	long := strings.Repeat("很长的文字 ", 1000)
	l, err := c.Records.Lead(t.Context(), nil, c.lead)
	if err != nil {
		t.Fatal(err)
	}
	_, ph := c.seedPost(t, c.source(t), record.Post{Text: long, PostedAt: c.clock().Add(-time.Hour)}, jpg(draw(200), 60))
	c.join(t, ph.ID, l.PictureID)
	c.seedTexts(t, 60, long)
	if n := len(c.as(t, "wu").get("/search?q=" + url.QueryEscape("很长的文字")).body); n > 150_000 {
		t.Errorf("a page of results weighs %d bytes", n)
	}
}

func TestPictureThatCannotBeSearchedForIsNamedWithItsReason(t *testing.T) {
	c := newCase(t, func(s *site) { s.Policy.Limits.Upload = 1 << 20 })
	c.person(t, "li", record.Volunteer)
	b := c.as(t, "li")
	flat := image.NewRGBA(image.Rect(0, 0, 300, 300))
	for i := range flat.Pix {
		flat.Pix[i] = 200
	}
	flat.SetRGBA(0, 0, color.RGBA{200, 200, 201, 255})
	heic := append([]byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"), make([]byte, 100)...)
	whole := jpg(draw(3), 90)
	for name, test := range map[string]struct {
		file   []byte
		status int
		key    string
	}{
		"no picture": {[]byte("hello"), 422, "photoreason.unknown-format"},
		"empty":      {[]byte{}, 422, "photoreason.empty"},
		"too large":  {bytes.Repeat([]byte{7}, 1<<20+1), 422, "photoreason.too-large"},
		"HEIC":       {heic, 422, "photoreason.heic"},
		"cut off":    {whole[:len(whole)/2], 422, "photoreason.broken"},
		"flat":       {jpg(flat, 90), 200, "photosearch.flat"},
		"not here":   {whole, 200, "photosearch.nothing"},
	} {
		for _, lang := range locale.Langs() {
			a := b.send("/search/photo?lang="+lang, nil, upload{Field: "photo", Name: "x", Bytes: test.file})
			wants(t, name, a, test.status, []string{c.Texts.T(lang, test.key, "n", 1)}, nil)
		}
	}
	wants(t, "no file", b.send("/search/photo", nil), 422, []string{c.Texts.T(locale.English, "photosearch.none")}, nil)
	wants(t, "two files", b.send("/search/photo", nil, upload{Field: "photo", Name: "a", Bytes: whole}, upload{Field: "photo", Name: "b", Bytes: whole}), 422, []string{c.Texts.T(locale.English, "photosearch.one")}, nil)
	wants(t, "a form without files", b.post("/search/photo", url.Values{"photo": {"x"}}), http.StatusBadRequest, nil, nil)
}

func TestSearchesByPhotoAreThrottled(t *testing.T) {
	c := newCase(t, func(s *site) { s.Policy.Limits.SearchesAnHour = 3 })
	c.person(t, "li", record.Volunteer)
	c.person(t, "hu", record.Volunteer)
	b := c.as(t, "li")
	for i := range 5 {
		a := b.send("/search/photo", nil, upload{Field: "photo", Name: "x", Bytes: c.picture})
		if want := map[bool]int{true: http.StatusOK, false: http.StatusTooManyRequests}[i < 3]; a.status != want {
			t.Errorf("search %d: status %d, want %d", i+1, a.status, want)
		}
		c.pass(time.Minute)
	}
	wants(t, "another person", c.as(t, "hu").send("/search/photo", nil, upload{Field: "photo", Name: "x", Bytes: c.picture}), http.StatusOK, nil, nil)
	c.pass(56 * time.Minute)
	wants(t, "an hour after the first", c.as(t, "li").send("/search/photo", nil, upload{Field: "photo", Name: "x", Bytes: c.picture}), http.StatusOK, nil, nil)
}

func TestQueryThatCannotBeReadIsMarkedAtItsCharacter(t *testing.T) {
	c := newCase(t)
	c.person(t, "li", record.Volunteer)
	b := c.as(t, "li")
	wants(t, "an unknown field", b.get("/search?lang=en&q="+url.QueryEscape("女孩 foo:bar")), 422, []string{"女孩 <mark>f</mark>oo:bar", "Character 4:"}, nil)
	wants(t, "an open quotation", b.get("/search?lang=zh-CN&q="+url.QueryEscape(`女孩 "泉州`)), 422, []string{"<mark>&#34;</mark>泉州", "第 4 个字符："}, nil)
	wants(t, "a missing end", b.get("/search?lang=en&q="+url.QueryEscape("女孩 or")), 422, []string{"<mark>␣</mark>"}, nil)
	wants(t, "a page that is none", b.get("/search?q=x&after=zzz"), http.StatusBadRequest, nil, nil)
	wants(t, "nothing found", b.get("/search?lang=en&q=zzzz"), 200, []string{"That does not mean the child is not here"}, nil)
}

func TestResultsByWordsAreOneForEachPictureAndPaged(t *testing.T) {
	c := newCase(t)
	c.person(t, "wu", record.Reviewer)
	b := c.as(t, "wu")
	l, err := c.Records.Lead(t.Context(), nil, c.lead)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		_, ph := c.seedPost(t, c.source(t), record.Post{Text: "女孩 again", Place: "浙江省杭州市", PostedAt: c.clock().Add(-time.Duration(10+i) * 24 * time.Hour)}, jpg(draw(11), 50+i))
		c.join(t, ph.ID, l.PictureID)
	}
	a := b.get("/search?lang=en&q=" + url.QueryEscape("女孩"))
	wants(t, "the results", a, 200, []string{"One picture, 4 copies", "浙江省杭州市", "4 posts and reports"}, nil)
	if n := strings.Count(a.body, "/pictures/"+l.PictureID); n != 1 {
		t.Errorf("the picture stands %d times among the results", n)
	}
	c.seedTexts(t, 60, "many")
	link, posts, pages := "/search?q=many&lang=en", 0, 0
	for ; link != "" && pages < 5; pages++ {
		a := b.get(link)
		posts += strings.Count(a.body, `<article class="card group">`)
		link = ""
		if m := regexp.MustCompile(`href="(/search\?after=[^"&]+&amp;q=many)"`).FindStringSubmatch(a.body); m != nil {
			link = strings.ReplaceAll(m[1], "&amp;", "&")
		}
	}
	if posts != 60 || pages != 2 {
		t.Errorf("%d posts on %d pages, want 60 on 2", posts, pages)
	}
}

func TestSearchIsNarrowedByWhatIsCounted(t *testing.T) {
	c := newCase(t)
	c.person(t, "wu", record.Reviewer)
	b := c.as(t, "wu")
	c.seedTexts(t, 7, "many")
	links := regexp.MustCompile(`<li><a href="(/search\?q=[^"]+)">([^<]+)</a> <span class="count">(\d+)</span>`)
	for _, lang := range locale.Langs() {
		a := b.get("/search?lang=" + lang + "&q=" + url.QueryEscape("many或类型:登记"))
		wants(t, "the results", a, 200, []string{c.Texts.T(lang, "words.narrow"), c.Texts.T(lang, "facet.kind"), c.Texts.T(lang, "facet.month")}, nil)
		found := links.FindAllStringSubmatch(a.body, -1)
		if len(found) < 3 {
			t.Errorf("%s: only %d ways to narrow", lang, len(found))
		}
		for _, m := range found {
			narrowed := b.get(html.UnescapeString(m[1]))
			n, _ := strconv.Atoi(m[3])
			wants(t, m[2], narrowed, 200, []string{c.Texts.T(lang, "words.total", "n", n)}, nil)
		}
	}
	wants(t, "another area", c.working(t, "hu", "北京", record.Volunteer).get("/search?lang=en&q="+url.QueryEscape("many或类型:登记")), 200, nil, []string{c.Texts.T(locale.English, "words.narrow")})
}

func TestQueryIsExplainedAndCompleted(t *testing.T) {
	c := newCase(t)
	c.person(t, "li", record.Volunteer)
	b := c.as(t, "li")
	wants(t, "a place", b.get("/search?lang=en&q="+url.QueryEscape("地点:泉州 age:3")), 200, []string{"Looked for: in Quanzhou City, Fujian Province and perhaps aged 3 years."}, nil)
	wants(t, "no place", b.get("/search?lang=zh-CN&q="+url.QueryEscape("地点:泉洲湾")), 200, []string{"没有这个名称的行政区划"}, nil)
	wants(t, "a place that must be known", b.get("/search?lang=en&q="+url.QueryEscape("女孩 near:泉洲,50km")), 422, []string{"女孩 near:<mark>泉</mark>洲", "Character 9:", "is no province"}, nil)
	a := b.get("/search/complete?lang=zh-CN&at=6&q=" + url.QueryEscape("😀地点:泉 女孩"))
	wants(t, "a completion", a, 200, []string{`"text":"福建省泉州市"`, `"query":"😀地点:福建省泉州市 女孩"`, `"at":11`}, nil)
	if got := a.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("the type is %s", got)
	}
	wants(t, "nothing", b.get("/search/complete?at=x&q=x"), http.StatusBadRequest, nil, nil)
}

// Whatever is sent, a form with files is read within its bounds or refused.
func FuzzUploads(f *testing.F) {
	for _, body := range []string{
		"--b\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"a\"\r\nContent-Type: image/jpeg\r\n\r\nbytes\r\n--b--\r\n",
		"--b\r\nContent-Disposition: form-data; name=\"do\"\r\n\r\ntake\r\n--b--\r\n",
		"--b\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"\"\r\nContent-Type: application/octet-stream\r\n\r\n\r\n--b--",
		"--b\r\n\r\n", "",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest("POST", "/", bytes.NewReader(body))
		r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		values, files, err := (&Page{R: r}).readUploads(2, 16)
		if len(files) > 2 {
			t.Errorf("%d files", len(files))
		}
		for _, f := range files {
			if len(f.Bytes) > 16 || f.TooLarge && len(f.Bytes) > 0 {
				t.Errorf("a file of %d bytes", len(f.Bytes))
			}
		}
		if err == nil && values == nil {
			t.Error("no form and no error")
		}
	})
}

func TestAnotherPhotoInOneLayoutIsShownApart(t *testing.T) {
	c := newCase(t)
	b := c.working(t, "li", "", record.Volunteer)
	b.get("/account?lang=en")
	page := func(seed uint64) []byte { return made.JPEG(made.Layout("poster", 3, made.Opaque(draw(seed))), 85) }
	c.seedReport(t, record.Report{Name: "somebody", Number: "L-1"}, page(21))
	a := b.send("/search/photo", nil, upload{Field: "photo", Name: "a.jpg", Bytes: page(22)})
	wants(t, "another photo in the layout", a, http.StatusOK, []string{"No copy of this picture", "Not the same picture, but alike", "same layout, another photo", "L-1"}, nil)
	a = b.send("/search/photo", nil, upload{Field: "photo", Name: "a.jpg", Bytes: page(21)})
	wants(t, "the page itself", a, http.StatusOK, []string{"same picture", "L-1"}, []string{"Not the same picture, but alike"})
}
