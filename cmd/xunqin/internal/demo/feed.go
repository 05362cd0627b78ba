package demo

import (
	"encoding/xml"
	"fmt"
	"html"
	"net/http"
	"slices"
	"strings"
	"time"
)

// feedItems is how many posts the feed shows, the newest.
const feedItems = 40

// feedHandler serves the posts of a wall as RSS 2.0 at /feed.xml. Its pictures are now an
// enclosure, now an image within the content, now both.
func feedHandler(w *wall) http.Handler {
	mux := http.NewServeMux()
	w.serveCommon(mux, "GET /p/{id}")
	mux.HandleFunc("GET /feed.xml", func(rw http.ResponseWriter, r *http.Request) {
		posts := w.all()
		body, err := xml.Marshal(newFeed("http://"+r.Host, posts))
		if err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
			return
		}
		var changed time.Time
		if len(posts) > 0 {
			changed = posts[len(posts)-1].at
		}
		serve(rw, r, "application/rss+xml; charset=utf-8", changed, append([]byte(xml.Header), body...))
	})
	return mux
}

type rss struct {
	XMLName xml.Name `xml:"rss"`
	Version string   `xml:"version,attr"`
	Content string   `xml:"xmlns:content,attr"`
	Creator string   `xml:"xmlns:dc,attr"`
	Channel channel  `xml:"channel"`
}

type channel struct {
	Title       string `xml:"title"`
	Link        string `xml:"link"`
	Description string `xml:"description"`
	TTL         int    `xml:"ttl"`
	Items       []item `xml:"item"`
}

type item struct {
	Title       string      `xml:"title"`
	Link        string      `xml:"link"`
	GUID        guid        `xml:"guid"`
	Creator     string      `xml:"dc:creator"`
	PubDate     string      `xml:"pubDate"`
	Categories  []string    `xml:"category"`
	Description cdata       `xml:"description"`
	Content     cdata       `xml:"content:encoded"`
	Enclosures  []enclosure `xml:"enclosure"`
}

type guid struct {
	PermaLink bool   `xml:"isPermaLink,attr"`
	ID        string `xml:",chardata"`
}

type cdata struct {
	Text string `xml:",cdata"`
}

type enclosure struct {
	URL    string `xml:"url,attr"`
	Length int    `xml:"length,attr"`
	Type   string `xml:"type,attr"`
}

func newFeed(base string, posts []post) rss {
	f := rss{
		Version: "2.0",
		Content: "http://purl.org/rss/1.0/modules/content/",
		Creator: "http://purl.org/dc/elements/1.1/",
		Channel: channel{Title: "街头寻亲（演示）", Link: base + "/", Description: "内容均为虚构。", TTL: 1},
	}
	posts = slices.Clone(posts[max(0, len(posts)-feedItems):])
	slices.Reverse(posts)
	for _, p := range posts {
		f.Channel.Items = append(f.Channel.Items, newItem(base, p))
	}
	return f
}

func newItem(base string, p post) item {
	title := []rune(strings.ReplaceAll(p.text, "\n", "，"))
	if len(title) > 20 {
		title = append(title[:20], '…')
	}
	text := strings.ReplaceAll(html.EscapeString(p.text), "\n", "<br>")
	content := "<p>" + text + "</p>"
	enclosed, inline := p.n/3%3 != 1, p.n/3%3 != 0
	it := item{
		Title:       string(title),
		Link:        base + "/p/" + p.id,
		GUID:        guid{ID: p.id},
		Creator:     p.author.display,
		PubDate:     p.at.In(time.FixedZone("", 8*3600)).Format(time.RFC1123Z),
		Categories:  p.tags,
		Description: cdata{"<p>" + text + "</p>"},
	}
	for _, pic := range p.pictures {
		if inline { // relative to the item's link, as some sites write them
			content += fmt.Sprintf(`<p><img src="../media/%s" width="%d" height="%d" alt=""></p>`, pic.name, pic.width, pic.height)
		}
		if enclosed {
			it.Enclosures = append(it.Enclosures, enclosure{base + "/media/" + pic.name, len(pic.jpeg()), "image/jpeg"})
		}
	}
	it.Content = cdata{content}
	return it
}
