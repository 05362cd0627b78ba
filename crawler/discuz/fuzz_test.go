package discuz

import (
	"bytes"
	"encoding/json"
	"net/url"
	"testing"

	"golang.org/x/net/html"

	"xunqin/crawler/listing"
)

func FuzzPage(f *testing.F) {
	f.Add([]byte(`<div id="threadlist"><tbody id="normalthread_1"><a class="xst" href="forum.php?mod=viewthread&tid=1">t</a></tbody><div class="pg"><a class="nxt" href="forum.php?mod=forumdisplay&fid=2&page=2">n</a></div></div>`))
	f.Add([]byte(`<div id="postlist"><div id="post_1"><em id="authorposton1">发表于 <span title="2026-1-20 1:2">2 天前</span></em><div class="t_f"><img file="a.jpg.thumb.jpg" zoomfile="//x/y" src="static/"><i class="pstatus">于 1 编辑</i></div></div></div>`))
	f.Add([]byte(`<div id="content"><li><a href="?tid-1.html">t</a></li><p class="author"><strong>m</strong>发表于 昨天 12:30</p><h3>t</h3>x<div class="page"><a href="?fid-2.html&page=2">2</a></div></div>`))
	f.Add([]byte(`<rss><channel><item><link>thread-1-1-1.html</link><pubDate>x</pubDate></item></channel></rss>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		doc, err := html.Parse(bytes.NewReader(body))
		if err != nil {
			return
		}
		for _, address := range []string{"https://h.example/forum.php?mod=forumdisplay&fid=2", "https://h.example/forum-2-1.html", "https://h.example/archiver/?fid-2.html", "https://h.example/forum.php?mod=rss&fid=2"} {
			config, err := json.Marshal(Config{URL: address})
			if err != nil {
				t.Fatal(err)
			}
			b, err := parse(config)
			if err != nil {
				t.Fatal(err)
			}
			here, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			const now = "Tue, 20 Jan 2026 06:30:00 GMT"
			s, err := b.sheet(doc, here, now)
			if b.way == rss {
				s, err = b.feed(body)
			}
			for _, e := range s.Entries {
				if err != nil || e.ID == "" || e.URL == "" {
					t.Errorf("%+v, %v", e, err)
				}
			}
			said(doc)
			p, _, err := b.post(doc, listing.Entry{ID: "1"}, now)
			if err != nil {
				continue
			}
			if p.NativeID == "" || p.Text == "" && len(p.Photos) == 0 {
				t.Errorf("%+v", p)
			}
			for _, photo := range p.Photos {
				if u, err := url.Parse(photo.URL); err != nil || u.Host == "" {
					t.Errorf("%q is no address", photo.URL)
				}
			}
		}
	})
}
