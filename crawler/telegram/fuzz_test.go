package telegram

import (
	"net/url"
	"os"
	"testing"
)

func FuzzPage(f *testing.F) {
	page, err := os.ReadFile("testdata/page.html")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(page)
	f.Add([]byte(`<section class="tgme_channel_history"><div class="tgme_widget_message" data-post="a/1"><i class="tgme_widget_message_photo_wrap" style="background-image:url(//x)">`))
	f.Add([]byte(`<div class="tgme_page">`))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := read(body)
		if err != nil {
			return
		}
		for _, post := range p.messages {
			if post.NativeID == "" {
				t.Error("a post without identity")
			}
			for _, photo := range post.Photos {
				if u, err := url.Parse(photo.URL); err != nil || u.Host == "" {
					t.Errorf("photo %+v", photo)
				}
			}
		}
	})
}
