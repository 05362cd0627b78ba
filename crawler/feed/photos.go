package feed

import (
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/mmcdole/gofeed"
	ext "github.com/mmcdole/gofeed/extensions"
	jsonfeed "github.com/mmcdole/gofeed/json"

	"xunqin/crawler"
	"xunqin/crawler/markup"
)

// photos are the photos of an item, best first: enclosures, what JSON Feed
// names, Media RSS, the item's image, then the pictures in its body. A
// thumbnail counts where nothing better is there. link is what addresses are
// relative to.
func photos(it *gofeed.Item, original *jsonfeed.Item, link *url.URL) []crawler.PhotoURL {
	a := album{base: link}
	for _, e := range it.Enclosures {
		if e != nil && pictureType(e.Type, e.URL) {
			a.add(crawler.PhotoURL{MIME: imageOnly(e.Type)}, e.URL)
		}
	}
	if original != nil {
		a.add(crawler.PhotoURL{}, original.Image)
		a.add(crawler.PhotoURL{}, original.BannerImage)
	}
	media := it.Extensions["media"]
	for _, group := range media["group"] {
		a.group(group)
	}
	for _, c := range media["content"] {
		a.content(c)
	}
	if it.Image != nil {
		a.add(crawler.PhotoURL{}, it.Image.URL)
	}
	for _, body := range []string{it.Content, it.Description} {
		for _, im := range markup.Images(body, link) {
			a.add(crawler.PhotoURL{Alt: im.Alt, Width: im.Width, Height: im.Height}, append([]string{im.URL}, im.Fallback...)...)
		}
	}
	if len(a.photos) == 0 {
		for _, t := range media["thumbnail"] {
			a.add(sized(t), t.Attrs["url"])
		}
	}
	return a.photos
}

// album collects photos, each address once.
type album struct {
	base   *url.URL
	photos []crawler.PhotoURL
}

// add enters a photo with its addresses, best first. One whose best address is
// known already only adds to what is known of it.
func (a *album) add(p crawler.PhotoURL, refs ...string) {
	var urls []string
	for _, ref := range refs {
		if u, ok := markup.Resolve(a.base, ref); ok && !avatar(u) && !slices.Contains(urls, u) {
			urls = append(urls, u)
		}
	}
	if len(urls) == 0 || len(a.photos) >= maxPhotos || tiny(p) {
		return
	}
	for i := range a.photos {
		known := &a.photos[i]
		if known.URL != urls[0] && !slices.Contains(known.Fallback, urls[0]) {
			continue
		}
		if known.Alt == "" {
			known.Alt = p.Alt
		}
		for _, u := range urls {
			if u != known.URL && !slices.Contains(known.Fallback, u) {
				known.Fallback = append(known.Fallback, u)
			}
		}
		return
	}
	p.URL = urls[0]
	if len(urls) > 1 {
		p.Fallback = urls[1:]
	}
	a.photos = append(a.photos, p)
}

// group enters a media:group, whose members are one picture in several sizes;
// of a video the frame shown before it plays.
func (a *album) group(g ext.Extension) {
	var best crawler.PhotoURL
	var refs []string
	for _, c := range g.Children["content"] {
		if !isPicture(c) {
			continue
		}
		if p := sized(c); len(refs) == 0 || p.Width > best.Width {
			best = p
			refs = append([]string{c.Attrs["url"]}, refs...)
		} else {
			refs = append(refs, c.Attrs["url"])
		}
	}
	for _, t := range g.Children["thumbnail"] {
		refs = append(refs, t.Attrs["url"])
	}
	a.add(best, refs...)
}

func (a *album) content(c ext.Extension) {
	if isPicture(c) {
		a.add(sized(c), c.Attrs["url"])
		return
	}
	for _, t := range c.Children["thumbnail"] {
		a.add(sized(t), t.Attrs["url"])
	}
}

func isPicture(c ext.Extension) bool {
	if medium := c.Attrs["medium"]; medium != "" {
		return medium == "image"
	}
	return pictureType(c.Attrs["type"], c.Attrs["url"])
}

func sized(e ext.Extension) crawler.PhotoURL {
	p := crawler.PhotoURL{MIME: imageOnly(e.Attrs["type"]), Width: markup.Pixels(e.Attrs["width"]), Height: markup.Pixels(e.Attrs["height"])}
	for _, name := range []string{"description", "title"} {
		for _, c := range e.Children[name] {
			if p.Alt == "" {
				p.Alt = markup.Text(c.Value)
			}
		}
	}
	return p
}

// pictureType judges by the declared type, and by the name where the type says
// nothing; what is left open is judged by the bytes once they are here.
func pictureType(mime, address string) bool {
	mime = strings.ToLower(strings.TrimSpace(mime))
	if mime != "" && mime != "application/octet-stream" {
		return strings.HasPrefix(mime, "image/") && mime != "image/svg+xml"
	}
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	switch strings.ToLower(path.Ext(u.Path)) {
	case ".mp3", ".m4a", ".ogg", ".wav", ".flac", ".mp4", ".m4v", ".mov", ".webm", ".avi", ".mkv", ".flv", ".pdf", ".doc", ".docx", ".zip", ".svg", ".torrent":
		return false
	}
	return true
}

func imageOnly(mime string) string {
	if mime = strings.ToLower(strings.TrimSpace(mime)); strings.HasPrefix(mime, "image/") {
		return mime
	}
	return ""
}

// avatar reports whether the address is a picture of the author, which
// WordPress puts into Media RSS beside those of the post.
func avatar(address string) bool {
	u, err := url.Parse(address)
	return err == nil && strings.HasSuffix(u.Hostname(), "gravatar.com") && strings.HasPrefix(u.Path, "/avatar")
}

// tiny is a counting pixel.
func tiny(p crawler.PhotoURL) bool { return p.Width == 1 || p.Height == 1 }
