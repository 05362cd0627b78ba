package demo

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The Mastodon API's timelines as far as a reader of public posts sees them: paging by
// max_id, since_id and min_id with the Link header, limit, any[], all[], none[],
// only_media, local and remote (docs.joinmastodon.org/methods/timelines).

const (
	defaultLimit  = 20
	greatestLimit = 40
)

// mastodonHandler serves the posts of a wall.
func mastodonHandler(w *wall) http.Handler {
	mux := http.NewServeMux()
	w.serveCommon(mux, "GET /{author}/{id}")
	mux.HandleFunc("GET /api/v1/timelines/tag/{tag}", func(rw http.ResponseWriter, r *http.Request) {
		serveTimeline(rw, r, w.all(), r.PathValue("tag"))
	})
	mux.HandleFunc("GET /api/v1/timelines/public", func(rw http.ResponseWriter, r *http.Request) {
		serveTimeline(rw, r, w.all(), "")
	})
	return mux
}

func serveTimeline(rw http.ResponseWriter, r *http.Request, posts []post, tag string) {
	q := r.URL.Query()
	posts = cut(q, slices.DeleteFunc(slices.Clone(posts), func(p post) bool { return !wanted(q, tag, p) }))
	base := "http://" + r.Host
	statuses := make([]status, len(posts))
	for i, p := range posts {
		statuses[i] = newStatus(base, p)
	}
	body, err := json.Marshal(statuses)
	if err != nil {
		http.Error(rw, `{"error":"`+err.Error()+`"}`, http.StatusInternalServerError)
		return
	}
	if len(posts) > 0 {
		// As Mastodon does: also the last page has a next one, which is empty.
		rw.Header().Set("Link", fmt.Sprintf(`<%s>; rel="next", <%s>; rel="prev"`,
			pageLink(base, r, "max_id", posts[len(posts)-1].id), pageLink(base, r, "min_id", posts[0].id)))
	}
	serve(rw, r, "application/json; charset=utf-8", time.Time{}, body)
}

// pageLink is the address of another page: what was asked for, from another place.
func pageLink(base string, r *http.Request, cursor, id string) string {
	q := url.Values{cursor: {id}}
	for key, values := range r.URL.Query() {
		switch key {
		case "limit", "local", "remote", "only_media", "any[]", "all[]", "none[]":
			q[key] = values
		}
	}
	return base + r.URL.EscapedPath() + "?" + q.Encode()
}

// wanted tells whether the post is in the timeline that was asked for.
func wanted(q url.Values, tag string, p post) bool {
	has := func(tag string) bool {
		return slices.ContainsFunc(p.tags, func(t string) bool { return strings.EqualFold(t, tag) })
	}
	lacks := func(tag string) bool { return !has(tag) }
	switch {
	case q.Get("remote") == "true" && q.Get("local") != "true":
		return false // all posts are this server's own
	case q.Get("only_media") == "true" && len(p.pictures) == 0:
		return false
	case tag == "":
		return true
	}
	return (has(tag) || slices.ContainsFunc(q["any[]"], has)) &&
		!slices.ContainsFunc(q["all[]"], lacks) && !slices.ContainsFunc(q["none[]"], has)
}

// cut returns one page of posts, newest first. With min_id it is the page next to that id,
// else the newest page: what lies between since_id and it is left out.
func cut(q url.Values, posts []post) []post {
	limit := defaultLimit
	if s := q.Get("limit"); s != "" {
		n, _ := strconv.Atoi(s) // as Mastodon: what is no number is 0
		limit = min(max(n, -n), greatestLimit)
	}
	above := idOr(q.Get("since_id"), 0)
	least := q.Get("min_id") != ""
	if least {
		above = idOr(q.Get("min_id"), 0)
	}
	below := idOr(q.Get("max_id"), ^uint64(0))
	posts = slices.DeleteFunc(posts, func(p post) bool { id := idOr(p.id, 0); return id <= above || id >= below })
	if least {
		posts = posts[:min(limit, len(posts))]
	} else {
		posts = posts[max(0, len(posts)-limit):]
	}
	slices.Reverse(posts)
	return posts
}

func idOr(s string, otherwise uint64) uint64 {
	if s == "" {
		return otherwise
	}
	id, _ := strconv.ParseUint(s, 10, 64) // as Mastodon: what is no number is 0
	return id
}

// status has the fields of Mastodon's Status that concern a reader of public posts.
type status struct {
	ID               string        `json:"id"`
	CreatedAt        string        `json:"created_at"`
	EditedAt         *string       `json:"edited_at"`
	InReplyToID      *string       `json:"in_reply_to_id"`
	Sensitive        bool          `json:"sensitive"`
	SpoilerText      string        `json:"spoiler_text"`
	Visibility       string        `json:"visibility"`
	Language         string        `json:"language"`
	URI              string        `json:"uri"`
	URL              string        `json:"url"`
	RepliesCount     int           `json:"replies_count"`
	ReblogsCount     int           `json:"reblogs_count"`
	FavouritesCount  int           `json:"favourites_count"`
	Content          string        `json:"content"`
	Reblog           *status       `json:"reblog"`
	Account          statusAccount `json:"account"`
	MediaAttachments []attachment  `json:"media_attachments"`
	Mentions         []struct{}    `json:"mentions"`
	Tags             []statusTag   `json:"tags"`
	Emojis           []struct{}    `json:"emojis"`
	Card             *struct{}     `json:"card"`
	Poll             *struct{}     `json:"poll"`
}

type statusAccount struct {
	ID          string `json:"id"`
	Username    string `json:"username"`
	Acct        string `json:"acct"`
	DisplayName string `json:"display_name"`
	Locked      bool   `json:"locked"`
	Bot         bool   `json:"bot"`
	Indexable   bool   `json:"indexable"`
	NoIndex     bool   `json:"noindex"`
	Note        string `json:"note"`
	URL         string `json:"url"`
	URI         string `json:"uri"`
}

type attachment struct {
	ID          string         `json:"id"`
	Type        string         `json:"type"`
	URL         string         `json:"url"`
	PreviewURL  string         `json:"preview_url"`
	RemoteURL   *string        `json:"remote_url"`
	Meta        map[string]any `json:"meta"`
	Description *string        `json:"description"`
	Blurhash    *string        `json:"blurhash"`
}

type statusTag struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

func newStatus(base string, p post) status {
	author := base + "/@" + p.author.name
	s := status{
		ID:         p.id,
		CreatedAt:  p.at.UTC().Format("2006-01-02T15:04:05.000Z"),
		Visibility: "public",
		Language:   p.language,
		URI:        base + "/users/" + p.author.name + "/statuses/" + p.id,
		URL:        author + "/" + p.id,
		Account: statusAccount{
			ID: strconv.Itoa(100 + slices.Index(accounts, p.author)), Username: p.author.name, Acct: p.author.name,
			DisplayName: p.author.display, Indexable: true, Note: "<p>演示账号，内容均为虚构。</p>", URL: author, URI: base + "/users/" + p.author.name,
		},
		MediaAttachments: []attachment{},
		Mentions:         []struct{}{},
		Tags:             []statusTag{},
		Emojis:           []struct{}{},
	}
	content := "<p>" + strings.ReplaceAll(html.EscapeString(p.text), "\n", "<br>")
	for _, tag := range p.tags {
		link := base + "/tags/" + url.PathEscape(tag)
		content += fmt.Sprintf(` <a href="%s" class="mention hashtag" rel="tag">#<span>%s</span></a>`, link, html.EscapeString(tag))
		s.Tags = append(s.Tags, statusTag{tag, link})
	}
	s.Content = content + "</p>"
	for i, pic := range p.pictures {
		link := base + "/media/" + pic.name
		s.MediaAttachments = append(s.MediaAttachments, attachment{
			ID: p.id + strconv.Itoa(i), Type: "image", URL: link, PreviewURL: link,
			Meta: map[string]any{"original": map[string]any{"width": pic.width, "height": pic.height, "size": fmt.Sprintf("%dx%d", pic.width, pic.height)}},
		})
	}
	return s
}
