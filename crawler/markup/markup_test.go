package markup_test

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/andybalholm/cascadia"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"

	"xunqin/crawler/markup"
)

const (
	simplified  = "阳光路地铁口看到一个约六岁的孩子独自乞讨，穿红色外套"
	traditional = "陽光路捷運站看到一個約六歲的孩子獨自乞討，穿紅色外套"
)

func TestCharsetIsFound(t *testing.T) {
	gb, big5 := simplifiedchinese.GB18030, traditionalchinese.Big5
	for _, c := range []struct {
		name        string
		body        []byte
		contentType string
		want        string
		charset     string
	}{
		{"utf-8 that says nothing", []byte(simplified), "", simplified, "utf-8"},
		{"utf-8 with a mark", []byte("\ufeff" + simplified), "text/html", simplified, "utf-8"},
		{"a mark beats the header", []byte("\ufeff" + simplified), "text/html; charset=gbk", simplified, "utf-8"},
		{"utf-16le with a mark", encode(t, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), simplified), "", simplified, "utf-16le"},
		{"utf-16be with a mark", encode(t, unicode.UTF16(unicode.BigEndian, unicode.UseBOM), simplified), "", simplified, "utf-16be"},
		{"utf-16 without a mark", encode(t, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), "<p>"+simplified), "", "<p>" + simplified, "utf-16le"},
		{"header", encode(t, gb, simplified), "text/html; charset=gb2312", simplified, "gb18030"},
		{"header in quotes", encode(t, big5, traditional), `text/html; charset="Big5"`, traditional, "big5"},
		{"broken header", encode(t, gb, simplified), `text/html; charset='gbk';`, simplified, "gb18030"},
		{"four bytes", encode(t, gb, "𠮷"+simplified), "text/html; charset=gbk", "𠮷" + simplified, "gb18030"},
		{"meta", encode(t, gb, `<meta charset="gbk">`+simplified), "text/html", `<meta charset="gbk">` + simplified, "gb18030"},
		{"old meta", encode(t, big5, `<META http-equiv=Content-Type content="text/html; charset=big5">`+traditional), "text/html",
			`<META http-equiv=Content-Type content="text/html; charset=big5">` + traditional, "big5"},
		{"prolog, rewritten", encode(t, gb, `<?xml version="1.0" encoding="GB2312"?><a>`+simplified), "application/xml",
			`<?xml version="1.0" encoding="UTF-8"?><a>` + simplified, "gb18030"},
		{"detected gbk", encode(t, gb, simplified), "text/html", simplified, "gb18030"},
		{"detected big5", encode(t, big5, traditional), "text/html", traditional, "big5"},
		{"header says utf-8 and is wrong", encode(t, gb, simplified), "text/html; charset=utf-8", simplified, "gb18030"},
		{"header says gbk and is wrong", []byte(simplified), "text/html; charset=gbk", simplified, "utf-8"},
		{"prolog says gb2312 and is wrong", []byte(`<?xml version="1.0" encoding="gb2312"?><a>` + simplified), "", `<?xml version="1.0" encoding="UTF-8"?><a>` + simplified, "utf-8"},
		{"unknown name", []byte(simplified), "text/html; charset=none", simplified, "utf-8"},
		{"latin", []byte("caf\xe9 na\xefve"), "", "café naïve", "windows-1252"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := markup.Decode(c.body, c.contentType)
			if diff := cmp.Diff(markup.Decoded{Text: []byte(c.want), Charset: c.charset}, d); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDamageIsMarked(t *testing.T) {
	cut := []byte(strings.Repeat(simplified, 3))
	d := markup.Decode(cut[:len(cut)-1], "text/html; charset=utf-8")
	if !d.Damaged || d.Charset != "utf-8" || !strings.HasPrefix(string(d.Text), simplified) {
		t.Errorf("got %q, %s, damaged %v", d.Text, d.Charset, d.Damaged)
	}
}

func TestTextKeepsLinesAndDropsMarkup(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                                                     "plain",
		"<p>a</p><p>b<br>c<br/>d</p>":                               "a\nb\nc\nd",
		"<p>a<br><br><br>b</p>":                                     "a\n\nb",
		"  a \n\t b  ":                                              "a b",
		"5 &lt; 6 &amp; 7 > 6 tea & rice":                           "5 < 6 & 7 > 6 tea & rice",
		"<ul><li>a<li>b</ul>c":                                      "a\nb\nc",
		"a<script>alert(1)</script><style>p{}</style>b":             "ab",
		"<a href='x'>#<span>随手拍</span></a> 约6岁":                     "#随手拍 约6岁",
		`<span class="invisible">https://</span><span>a.org</span>`: "https://a.org",
		"a\x00\u200bb":                                              "ab",
		"　　段落":                                                      "段落",
		"<pre>a\n  b</pre>":                                         "a\nb",
		"<p>never closed":                                           "never closed",
	} {
		if got := markup.Text(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestImagesAreTheWidestAndOnlyPhotos(t *testing.T) {
	base, _ := url.Parse("https://h.example/dir/post")
	got := markup.Images(`
		<img src="a-300.jpg" srcset="a-300.jpg 300w, /a,1600.jpg 1600w,a-800.jpg 800w" alt=" red jacket " width="300" height="200px">
		<img src="data:image/gif;base64,R0lGOD" data-src="b.jpg">
		<noscript><img src="c.jpg"></noscript>
		<img src="pixel.gif" width=1 height="1"><img src="zero.gif" width="0">
		<img class="emoji" src="e.png"><img src="javascript:alert(1)"><img src="ftp://h/x.jpg"><img>
		<img src="/img/placeholder.gif" data-src="e.jpg">
		<video poster="v.jpg" src="v.mp4"><source src="v.webm"></video>
		<picture><source srcset="p.webp 1x, p@2x.webp 2x"><img src="p.jpg"></picture>
		<IMG SRC="//cdn.example/d.jpg#f"><img src="b.jpg"><img src="with space.jpg" width="100%">`, base)
	want := []markup.Image{
		{URL: "https://h.example/a,1600.jpg", Alt: "red jacket", Width: 300, Height: 200,
			Fallback: []string{"https://h.example/dir/a-800.jpg", "https://h.example/dir/a-300.jpg"}},
		{URL: "https://h.example/dir/b.jpg"},
		{URL: "https://h.example/dir/c.jpg"},
		{URL: "https://h.example/dir/e.jpg"},
		{URL: "https://h.example/dir/v.jpg"},
		{URL: "https://h.example/dir/p@2x.webp", Fallback: []string{"https://h.example/dir/p.webp", "https://h.example/dir/p.jpg"}},
		{URL: "https://cdn.example/d.jpg"},
		{URL: "https://h.example/dir/with%20space.jpg"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOutlineNamesThePartsOfAPage(t *testing.T) {
	doc, err := html.Parse(strings.NewReader(`<div id="main" class="wrap"><article class="post big"><h2>a</h2></article><article class="post big"><h2>b</h2><script class="x"></script></article></div>`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := markup.Outline(doc), "div#main.wrap, article.post.big ×2, h2 ×2"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("\xff\xfea\x00"), "text/html")
	f.Add([]byte("<?xml version='1.0' encoding='gbk'?>\x81\x30\x81\x30"), "application/xml; charset=big5")
	f.Add([]byte("<meta charset=replacement>\xb0"), "")
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		if d := markup.Decode(body, contentType); !utf8.Valid(d.Text) {
			t.Errorf("%s: %q is not UTF-8", d.Charset, d.Text)
		}
	})
}

func FuzzText(f *testing.F) {
	f.Add("<p>a<br>b &amp; <img srcset='a 1w, b 2x,' src=x></p>")
	f.Add("<pre>\n\n<script><!--<noscript><img src=a")
	base, _ := url.Parse("https://h.example/")
	f.Fuzz(func(t *testing.T, src string) {
		if text := markup.Text(src); utf8.ValidString(src) && !utf8.ValidString(text) {
			t.Errorf("%q is not UTF-8", text)
		}
		for _, im := range markup.Images(src, base) {
			u, err := url.Parse(im.URL)
			if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
				t.Errorf("%q is no address: %v", im.URL, err)
			}
		}
	})
}

func encode(t *testing.T, e encoding.Encoding, s string) []byte {
	t.Helper()
	b, err := e.NewEncoder().Bytes([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestNodesGiveTheirTextAndPicturesWithoutWhatIsPruned(t *testing.T) {
	doc, err := html.Parse(strings.NewReader(`<div id=a>seen at<br>阳光路<p class=tip>download <img src=tip.jpg></p><img src=a.jpg></div>`))
	if err != nil {
		t.Fatal(err)
	}
	markup.Prune(doc, cascadia.MustCompile(".tip"))
	n := cascadia.Query(doc, cascadia.MustCompile("#a"))
	base, _ := url.Parse("https://h.example/")
	if got := markup.Text(markup.Source(n)); got != "seen at\n阳光路" {
		t.Errorf("got %q", got)
	}
	if diff := cmp.Diff([]markup.Image{{URL: "https://h.example/a.jpg"}}, markup.Images(markup.Source(n), base)); diff != "" {
		t.Error(diff)
	}
	if got := markup.Attr(n, "id") + markup.Attr(n, "none"); got != "a" || markup.Attr(nil, "id") != "" || markup.Source(nil) != "" {
		t.Errorf("got %q", got)
	}
}
