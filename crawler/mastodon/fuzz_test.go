package mastodon

import (
	"net/url"
	"testing"
)

func FuzzPage(f *testing.F) {
	f.Add([]byte(`[{"id":"1","uri":"https://m/1","visibility":"public","content":"<p>a</p>","media_attachments":[{"type":"image","url":"https://f/a.jpg"}]}]`))
	f.Add([]byte(`[{"id":"1","reblog":{"id":"2","reblog":{"reblog":null}},"quote":{"uri":"x"},"account":{"noindex":true}}]`))
	f.Add([]byte(`[{"id":"1","visibility":"public","media_attachments":[{"type":"video","preview_url":"//x","meta":{"small":{"width":1e300}}}]}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := decode(body)
		if err != nil {
			return
		}
		for _, post := range posts(list).Posts {
			if post.NativeID == "" {
				t.Error("a post without identity")
			}
			for _, photo := range post.Photos {
				if u, err := url.Parse(photo.URL); err != nil || u.Host == "" || photo.Width < 0 {
					t.Errorf("photo %+v", photo)
				}
			}
		}
	})
}
