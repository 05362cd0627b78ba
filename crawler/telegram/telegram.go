// Package telegram reads public channels through the preview pages that
// Telegram shows to anybody, https://t.me/s/CHANNEL.
//
// A post is known by what the page calls it, "channel/123"; an album is one
// post. Channel events, the channel's picture, emoji, stickers, link previews
// and the thumbnails of replies are left out; a video gives the frame that is
// shown before it plays. Of a forwarded message QuotedID is the message it came
// from.
package telegram

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"xunqin/crawler"
	"xunqin/crawler/markup"
	"xunqin/crawler/timeline"
)

// Reader implements crawler.Reader.
type Reader struct{}

// Config is the configuration of one source.
type Config struct {
	Channel  string         `json:"channel"`            // without '@'
	Query    string         `json:"query,omitempty"`    // only messages with these words, as the channel's own search finds them
	Backfill int            `json:"backfill,omitempty"` // pages of the first run, at most 1000; 0 is 1
	Past     *timeline.Past `json:"past,omitempty"`     // a range of the past to read as well
	Server   string         `json:"server,omitempty"`   // empty is https://t.me
}

var channelName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{2,63}$`)

func parse(raw json.RawMessage) (Config, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	var c Config
	if err := dec.Decode(&c); err != nil {
		return c, fmt.Errorf("telegram configuration: %w", err)
	}
	if dec.More() {
		return c, errors.New("telegram configuration: more than one object")
	}
	if c.Server == "" {
		c.Server = "https://t.me"
	}
	u, err := url.Parse(c.Server)
	switch {
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Host == "", u.User != nil, strings.Trim(u.Path, "/") != "", u.RawQuery != "":
		return c, errors.New("telegram configuration: server must be scheme and host alone")
	case !channelName.MatchString(c.Channel):
		return c, errors.New("telegram configuration: channel must be the name of a public channel, without '@'")
	case c.Backfill < 0 || c.Backfill > 1000:
		return c, errors.New("telegram configuration: backfill must be 1 to 1000 pages")
	}
	if err := c.Past.Check(); err != nil {
		return c, fmt.Errorf("telegram configuration: %w", err)
	}
	c.Server = u.Scheme + "://" + u.Host
	return c, nil
}

// Check implements crawler.ConfigChecker.
func (Reader) Check(config json.RawMessage) error {
	_, err := parse(config)
	return err
}

// Read implements crawler.Reader.
func (Reader) Read(ctx context.Context, f *crawler.Fetcher, src crawler.Source, emit func(crawler.Page) error) error {
	c, err := parse(src.Config)
	if err != nil {
		return err
	}
	fetch := func(ctx context.Context, ask timeline.Ask) (timeline.Listing, error) { return list(ctx, f, c, ask) }
	return timeline.Read(ctx, src.Cursor, timeline.Rules{Backfill: c.Backfill, Past: c.Past}, fetch, emit)
}

// list fetches one page of the channel.
func list(ctx context.Context, f *crawler.Fetcher, c Config, ask timeline.Ask) (timeline.Listing, error) {
	q := url.Values{}
	if c.Query != "" {
		q.Set("q", c.Query)
	}
	if ask.Older != "" {
		q.Set("before", ask.Older)
	}
	address := c.Server + "/s/" + url.PathEscape(c.Channel)
	if len(q) > 0 {
		address += "?" + q.Encode()
	}
	a, err := f.Page(ctx, crawler.Request{URL: address, Accept: "text/html", Validators: ask.Validators, Every: ask.Every})
	if err != nil {
		return timeline.Listing{}, err
	}
	if a.NotModified {
		return timeline.Listing{NotModified: true, Validators: a.Validators}, nil
	}
	p, err := read(a.Body)
	if err != nil {
		ref := f.Refuse(a, crawler.RefusedMarkup)
		if errors.Is(err, errNoPreview) && ref.Name == crawler.RefusedMarkup {
			ref.Name = crawler.RefusedClosed
		}
		ref.Detail = err.Error()
		return timeline.Listing{}, ref
	}
	l := timeline.Listing{Older: p.older, Validators: a.Validators, Warnings: p.warnings}
	// The page is oldest first.
	for i := len(p.messages) - 1; i >= 0; i-- {
		post := p.messages[i]
		l.Entries = append(l.Entries, timeline.Entry{ID: post.NativeID, At: post.At, Posts: []crawler.Post{post}})
	}
	return l, nil
}

var (
	errNoPreview = errors.New("this channel has no preview for everybody, or there is no such channel")
	errNoHistory = errors.New("the page has no history of a channel")
	errNothing   = errors.New("no message of the page can be read: it is built otherwise than was due")
)

// preview is what a page says.
type preview struct {
	messages []crawler.Post // oldest first
	older    string         // the id before which the page behind this one ends
	warnings []string
}

// read takes a preview page apart.
func read(body []byte) (preview, error) {
	root, err := parsePage(body)
	if err != nil {
		return preview{}, err
	}
	history := first(root, "tgme_channel_history")
	if history == nil {
		switch {
		case first(root, "tme_no_messages_found") != nil:
			return preview{}, nil
		case first(root, "tgme_page") != nil:
			return preview{}, errNoPreview
		}
		return preview{}, errNoHistory
	}
	var p preview
	var odd struct{ lost, empty, undated, hidden, pictures int }
	seen := map[string]bool{}
	taken := 0
	wraps := all(history, "tgme_widget_message_wrap")
	for _, m := range all(history, "tgme_widget_message") {
		taken++
		if has(m, "service_message") {
			continue
		}
		post, strange := message(m)
		switch {
		case post.NativeID == "":
			odd.lost++
			continue
		case seen[post.NativeID]:
			continue
		}
		seen[post.NativeID] = true
		if post.At.IsZero() {
			odd.undated++
		}
		if first(m, "message_media_not_supported") != nil {
			odd.hidden++
		} else if post.Text == "" && len(post.Photos) == 0 {
			odd.empty++
		}
		odd.pictures += strange
		p.messages = append(p.messages, post)
	}
	if lost := len(wraps) - taken; lost > odd.lost {
		odd.lost = lost
	}
	if odd.lost > 0 && len(p.messages) == 0 || len(wraps) == 0 && holdsPosts(history) {
		return preview{}, errNothing
	}
	for _, w := range []struct {
		n    int
		text string
	}{
		{odd.lost, "%d messages could not be read"},
		{odd.empty, "%d messages without text or photo"},
		{odd.undated, "%d messages without a date that can be read"},
		{odd.hidden, "%d messages hold what the preview does not show"},
		{odd.pictures, "%d pictures in parts of a message that are not known"},
	} {
		if w.n > 0 {
			p.warnings = append(p.warnings, fmt.Sprintf(w.text, w.n))
		}
	}
	p.older = older(root)
	return p, nil
}

// older is the id that the page's own link back names.
func older(root *node) string {
	for _, a := range all(root, "tme_messages_more") {
		if id := attr(a, "data-before"); id != "" {
			return id
		}
	}
	for n := range root.Descendants() {
		if n.Data == "link" && attr(n, "rel") == "prev" {
			if u, err := url.Parse(attr(n, "href")); err == nil {
				return u.Query().Get("before")
			}
		}
	}
	return ""
}

var dataPost = regexp.MustCompile(`^[A-Za-z0-9_]+/[0-9]+$`)

// message reads one message; strange counts pictures whose place is not known.
func message(m *node) (post crawler.Post, strange int) {
	id := attr(m, "data-post")
	if !dataPost.MatchString(id) {
		return crawler.Post{}, 0
	}
	post = crawler.Post{NativeID: id, Kind: crawler.KindPost, URL: "https://t.me/" + id}
	post.AuthorID, _, _ = strings.Cut(id, "/")
	inReply := func(n *node) bool { return within(n, m, "tgme_widget_message_reply") }
	if owner := first(m, "tgme_widget_message_owner_name"); owner != nil {
		post.AuthorName = markup.Text(inner(owner))
	}
	for _, n := range all(m, "tgme_widget_message_text") {
		if inReply(n) {
			continue
		}
		post.Text = strings.TrimSpace(post.Text + "\n" + markup.Text(inner(n)))
		post.Tags = append(post.Tags, tags(n)...)
	}
	for _, n := range all(m, "tgme_widget_message_date") {
		for t := range n.Descendants() {
			if t.Data != "time" || attr(t, "datetime") == "" {
				continue
			}
			post.RawAt = attr(t, "datetime")
			if at, err := time.Parse(time.RFC3339, post.RawAt); err == nil {
				post.At, post.Precision = at.UTC(), crawler.PrecisionSecond
			}
		}
	}
	if from := first(m, "tgme_widget_message_forwarded_from_name"); from != nil {
		post.QuotedID = messageOf(attr(from, "href"))
	}
	met := map[string]bool{}
	for n := range m.Descendants() {
		address, ok := background(n)
		if !ok || inReply(n) {
			continue
		}
		switch {
		case has(n, "tgme_widget_message_photo_wrap"), has(n, "tgme_widget_message_video_thumb"), has(n, "tgme_widget_message_roundvideo_thumb"):
			if u, ok := markup.Resolve(nil, absolute(address)); ok && !met[u] {
				met[u] = true
				post.Photos = append(post.Photos, crawler.PhotoURL{URL: u})
			}
		case !decoration(n):
			strange++
		}
	}
	return post, strange
}

// decoration reports whether a background is one of those that are no photo of
// the message.
func decoration(n *node) bool {
	for _, class := range strings.Fields(attr(n, "class")) {
		switch class {
		case "emoji", "tgme_widget_message_reply_thumb", "link_preview_image", "link_preview_right_image", "link_preview_video_thumb", "link_preview_embed_thumb",
			"tgme_widget_message_sticker", "tgme_widget_message_tgsticker", "tgme_widget_message_video_blured", "tgme_widget_message_roundvideo_blured",
			"tgme_widget_message_document_thumb", "tgme_widget_message_location", "tgme_widget_message_user_photo":
			return true
		}
	}
	return false
}

var backgroundImage = regexp.MustCompile(`background-image\s*:\s*url\(\s*['"]?([^'")]+?)['"]?\s*\)`)

// messageOf is the identity of the message that a link names, if it names one.
func messageOf(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	if id := strings.TrimPrefix(strings.TrimPrefix(u.Path, "/"), "s/"); dataPost.MatchString(id) {
		return id
	}
	return ""
}

// tags are the hashtags of a text: links that search the channel for them.
func tags(n *node) []string {
	var list []string
	for a := range n.Descendants() {
		if a.Data != "a" || !strings.HasPrefix(attr(a, "href"), "?q=") {
			continue
		}
		if tag, ok := strings.CutPrefix(markup.Text(inner(a)), "#"); ok && tag != "" {
			list = append(list, tag)
		}
	}
	return list
}

func absolute(address string) string {
	if strings.HasPrefix(address, "//") {
		return "https:" + address
	}
	return address
}

// Parse reads a saved page, for measuring and for pages that people hand in.
func Parse(body []byte) ([]crawler.Post, error) {
	p, err := read(body)
	return p.messages, err
}
