package feed

import (
	"net/url"
	"testing"
	"time"
)

func FuzzPage(f *testing.F) {
	f.Add([]byte(`<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/"><channel><item><guid>1</guid><pubDate>Tue, 20 Jan 2026 14:30:12 CST</pubDate><media:group><media:content url="a.jpg"/></media:group></item></channel></rss>`))
	f.Add([]byte(`<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>1</id><updated>2026-01-20</updated><content type="html">&lt;img srcset="a 1w"></content></entry></feed>`))
	f.Add([]byte(`{"version":"https://jsonfeed.org/version/1.1","items":[{"id":1,"attachments":[{"url":"x"}]},null]}`))
	base, err := url.Parse("https://h.example/feed")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := read(body)
		if err != nil {
			return
		}
		d.next(base)
		var cur cursor
		p, known := d.page(&cur, base, "post", time.UTC)
		if known {
			t.Error("an empty cursor knows something")
		}
		for _, post := range p.Posts {
			if post.NativeID == "" {
				t.Error("a post without identity")
			}
			for _, photo := range post.Photos {
				if u, err := url.Parse(photo.URL); err != nil || u.Host == "" {
					t.Errorf("%q is no address", photo.URL)
				}
			}
		}
	})
}
