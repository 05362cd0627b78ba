// Package mastodon reads the tag and public timelines of servers that speak the
// Mastodon API (Mastodon, GoToSocial, Pleroma and others).
//
// The first run reads the newest posts, backfill pages of them (one unless
// configured), from new to old. Later runs go forward with min_id, which gives
// the posts next after the cursor, so nothing between two runs is skipped
// however many there are; since_id would skip. The cursor advances with each
// page.
//
// A server that files a back-dated post under an id of that date (GoToSocial)
// hides it from every id cursor; such posts are not found.
//
// Left alone are posts that are not public, and accounts that do not want to be
// collected: noindex, or #nobot or #nobots in their note. indexable speaks of
// full-text search and is false by default, so it decides nothing here. A boost
// stands for the post it boosts.
package mastodon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"xunqin/crawler"
	"xunqin/crawler/markup"
)

// Reader implements crawler.Reader.
type Reader struct {
	// Getenv gives the value of the variable that a configuration names as
	// token_env; nil is os.Getenv. Tokens stand in the environment so that
	// neither the record nor a backup holds one.
	Getenv func(string) string
}

// Config is the configuration of one source.
type Config struct {
	Server    string   `json:"server"`               // "https://mastodon.example"
	Timeline  string   `json:"timeline"`             // "tag" or "public"
	Tag       string   `json:"tag,omitempty"`        // for "tag", without '#'
	Any       []string `json:"any,omitempty"`        // further tags, any of which will do
	All       []string `json:"all,omitempty"`        // tags a post must have as well
	None      []string `json:"none,omitempty"`       // tags a post must not have
	Local     bool     `json:"local,omitempty"`      // posts of the server's own accounts only
	OnlyMedia bool     `json:"only_media,omitempty"` // posts with attachments only
	Limit     int      `json:"limit,omitempty"`      // posts a page, 1 to 40; 0 is 40
	Backfill  int      `json:"backfill,omitempty"`   // pages of the first run, at most 1000; 0 is 1
	TokenEnv  string   `json:"token_env,omitempty"`  // environment variable that holds an access token
}

// maxLimit is how many posts a Mastodon server gives at most.
const maxLimit = 40

// parse reads and checks a configuration.
func parse(raw json.RawMessage) (Config, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	var c Config
	if err := dec.Decode(&c); err != nil {
		return c, fmt.Errorf("mastodon configuration: %w", err)
	}
	if dec.More() {
		return c, errors.New("mastodon configuration: more than one object")
	}
	u, err := url.Parse(c.Server)
	switch {
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Host == "":
		return c, errors.New(`mastodon configuration: server must be an address such as "https://mastodon.example"`)
	case u.User != nil, u.RawQuery != "", u.Fragment != "", strings.Trim(u.Path, "/") != "":
		return c, errors.New("mastodon configuration: server must be scheme and host alone")
	case c.Timeline != "tag" && c.Timeline != "public":
		return c, errors.New(`mastodon configuration: timeline must be "tag" or "public"`)
	case c.Timeline == "public" && (c.Tag != "" || len(c.Any)+len(c.All)+len(c.None) > 0):
		return c, errors.New("mastodon configuration: tags do not apply to the public timeline")
	case c.Limit < 0 || c.Limit > maxLimit:
		return c, fmt.Errorf("mastodon configuration: limit must be 1 to %d", maxLimit)
	case c.Backfill < 0 || c.Backfill > 1000:
		return c, errors.New("mastodon configuration: backfill must be 1 to 1000 pages")
	}
	if c.Timeline == "tag" && c.Tag == "" {
		return c, errors.New("mastodon configuration: tag is missing")
	}
	for _, tag := range append([]string{c.Tag}, append(c.Any, append(c.All, c.None...)...)...) {
		if strings.ContainsAny(tag, "#/ \t\r\n?&") {
			return c, fmt.Errorf("mastodon configuration: %q is no tag; write it without '#'", tag)
		}
	}
	c.Server = u.Scheme + "://" + u.Host
	if c.Limit == 0 {
		c.Limit = maxLimit
	}
	if c.Backfill == 0 {
		c.Backfill = 1
	}
	return c, nil
}

// Check implements crawler.ConfigChecker.
func (r *Reader) Check(config json.RawMessage) error {
	_, err := parse(config)
	return err
}

// cursor is how far the timeline was read.
type cursor struct {
	Newest string `json:"newest,omitempty"` // id of the newest post seen; forward reading starts here
	Older  string `json:"older,omitempty"`  // during the first run: max_id of the next page back
	Pages  int    `json:"pages,omitempty"`  // pages the first run has read
}

// Read implements crawler.Reader.
func (r *Reader) Read(ctx context.Context, f *crawler.Fetcher, src crawler.Source, emit func(crawler.Page) error) error {
	c, err := parse(src.Config)
	if err != nil {
		return err
	}
	var cur cursor
	if len(src.Cursor) > 0 {
		if err := json.Unmarshal(src.Cursor, &cur); err != nil {
			return fmt.Errorf("mastodon cursor: %w", err)
		}
	}
	token := ""
	if c.TokenEnv != "" {
		getenv := r.Getenv
		if getenv == nil {
			getenv = os.Getenv
		}
		if token = getenv(c.TokenEnv); token == "" {
			return &crawler.Refusal{Name: crawler.RefusedAuth, Detail: "the environment variable " + c.TokenEnv + " is empty"}
		}
	}
	for {
		forward := cur.Newest != "" && cur.Older == ""
		list, next, err := page(ctx, f, c, cur, token)
		if err != nil {
			return err
		}
		more := false
		newest := newestOf(list)
		switch {
		case forward:
			// A server that answers min_id with what is not newer would keep
			// us here for ever.
			more = len(list) > 0 && newer(newest, cur.Newest)
			if more {
				cur.Newest = newest
			}
		default:
			if cur.Newest == "" || newer(newest, cur.Newest) {
				cur.Newest = newest
			}
			cur.Pages++
			older := next
			more = len(list) > 0 && older != "" && older != cur.Older && cur.Pages < c.Backfill
			cur.Older = ""
			if more {
				cur.Older = older
			} else {
				cur.Pages = 0
			}
		}
		p := posts(list)
		p.More = more
		if !forward {
			p.Since = since(list)
			if next == "" {
				p.Since = crawler.Beginning()
			}
		}
		p.Cursor, err = json.Marshal(cur)
		if err != nil {
			return fmt.Errorf("mastodon cursor: %w", err)
		}
		// An empty page while going forward says what the cursor already says.
		if len(list) > 0 || !forward {
			if err := emit(p); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
	}
}

// page fetches one page of the timeline; next is the max_id of the page behind
// it, empty at the end.
func page(ctx context.Context, f *crawler.Fetcher, c Config, cur cursor, token string) (list []status, next string, err error) {
	path := "/api/v1/timelines/public"
	if c.Timeline == "tag" {
		path = "/api/v1/timelines/tag/" + url.PathEscape(c.Tag)
	}
	q := url.Values{"limit": {strconv.Itoa(c.Limit)}}
	for key, tags := range map[string][]string{"any[]": c.Any, "all[]": c.All, "none[]": c.None} {
		if len(tags) > 0 {
			q[key] = tags
		}
	}
	if c.Local {
		q.Set("local", "true")
	}
	if c.OnlyMedia {
		q.Set("only_media", "true")
	}
	switch {
	case cur.Older != "":
		q.Set("max_id", cur.Older)
	case cur.Newest != "":
		q.Set("min_id", cur.Newest)
	}
	a, err := f.JSON(ctx, crawler.Request{URL: c.Server + path + "?" + q.Encode(), Bearer: token})
	if ref, ok := errors.AsType[*crawler.Refusal](err); ok && ref.Status == http.StatusUnprocessableEntity && token == "" {
		ref.Name = crawler.RefusedAuth // Mastodon's way to ask for a token on a timeline it does not show to guests
	}
	if err != nil {
		return nil, "", err
	}
	list, err = decode(a.Body)
	if err != nil {
		ref := f.Refuse(a, crawler.RefusedNotJSON)
		ref.Detail = err.Error()
		return nil, "", ref
	}
	unsaid := 0
	for _, s := range list {
		if s.Visibility == "" {
			unsaid++
		}
		if s.ID == "" {
			return nil, "", &crawler.Refusal{Name: crawler.RefusedNotJSON, Status: http.StatusOK, URL: a.URL, Detail: "a post without id"}
		}
	}
	// Only public posts are read, so a server that no longer says which are would look like one without posts.
	if len(list) > 0 && unsaid == len(list) {
		return nil, "", &crawler.Refusal{Name: crawler.RefusedMarkup, Status: http.StatusOK, URL: a.URL, Detail: "no post says whether it is public"}
	}
	return list, older(a, c.Server, list), nil
}

// decode reads a timeline. Servers answer some errors with status 200 and an
// object, which is no timeline.
func decode(body []byte) ([]status, error) {
	var list []status
	if !bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
		return nil, errors.New("no list of posts")
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("no list of posts: %w", err)
	}
	return list, nil
}

// older is the max_id by which the server says to go back: from the Link header
// if it leads to the same scheme, host and port, else the oldest id.
func older(a crawler.Answer, server string, list []status) string {
	links := a.Header.Values("Link")
	for _, header := range links {
		for _, link := range linkNext.FindAllStringSubmatch(header, -1) {
			u, err := url.Parse(link[1])
			if err != nil {
				continue
			}
			if s := u.Scheme + "://" + u.Host; strings.EqualFold(s, server) || u.Host == "" {
				return u.Query().Get("max_id")
			}
		}
	}
	if len(links) > 0 || len(list) == 0 {
		return ""
	}
	last := list[0].ID
	for _, s := range list {
		if newer(last, s.ID) {
			last = s.ID
		}
	}
	return last
}

var linkNext = regexp.MustCompile(`<([^<>]*)>\s*(?:;[^,<]*)?;\s*rel\s*=\s*"?next\b`)

// newer orders ids: numbers of any length and ULIDs both sort by length, then
// by text.
func newer(a, b string) bool {
	if len(a) != len(b) {
		return len(a) > len(b)
	}
	return a > b
}

func newestOf(list []status) string {
	newest := ""
	for _, s := range list {
		if newer(s.ID, newest) {
			newest = s.ID
		}
	}
	return newest
}

// since is the time of the oldest item of a page from new to old; of a boost its
// own time counts, for that is where it stands. Zero if one has no time.
func since(list []status) (oldest time.Time) {
	for _, s := range list {
		at, err := time.Parse(time.RFC3339, s.CreatedAt)
		if err != nil {
			return time.Time{}
		}
		if oldest.IsZero() || at.Before(oldest) {
			oldest = at.UTC()
		}
	}
	return oldest
}

// status is what is read of a post: the fields named here and no other.
type status struct {
	ID          string       `json:"id"`
	URI         string       `json:"uri"`
	URL         string       `json:"url"`
	CreatedAt   string       `json:"created_at"`
	EditedAt    string       `json:"edited_at"`
	Content     string       `json:"content"`
	Spoiler     string       `json:"spoiler_text"`
	Sensitive   bool         `json:"sensitive"`
	Visibility  string       `json:"visibility"`
	Language    string       `json:"language"`
	Account     account      `json:"account"`
	Tags        []tag        `json:"tags"`
	Attachments []attachment `json:"media_attachments"`
	Reblog      *status      `json:"reblog"`
	Quote       *quote       `json:"quote"`
}

type account struct {
	ID          string `json:"id"`
	Acct        string `json:"acct"`
	URL         string `json:"url"`
	URI         string `json:"uri"`
	DisplayName string `json:"display_name"`
	Note        string `json:"note"`
	NoIndex     *bool  `json:"noindex"`
}

type tag struct {
	Name string `json:"name"`
}

// quote is Mastodon 4.4's {state, quoted_status}, or the post itself as forks
// have it.
type quote struct {
	Quoted *struct {
		URI string `json:"uri"`
	} `json:"quoted_status"`
	URI string `json:"uri"`
}

type attachment struct {
	Type             string `json:"type"`
	URL              string `json:"url"`
	PreviewURL       string `json:"preview_url"`
	RemoteURL        string `json:"remote_url"`
	PreviewRemoteURL string `json:"preview_remote_url"`
	Description      string `json:"description"`
	Meta             struct {
		Original size `json:"original"`
		Small    size `json:"small"`
	} `json:"meta"`
}

// size is a width and height in pixels; of videos it holds other things too,
// and some servers write fractions.
type size struct {
	Width  float64 `json:"width"`
	Height float64 `json:"height"`
}

// posts turns a timeline into a page without cursor. A post that stands twice,
// as itself and as a boost, comes once.
func posts(list []status) crawler.Page {
	var p crawler.Page
	seen := map[string]bool{}
	undated := 0
	for i := range list {
		s := &list[i]
		// Whoever does not want to be collected does not want their boosts
		// collected either.
		if !open(s) {
			continue
		}
		for depth := 0; s.Reblog != nil && depth < 3; depth++ {
			s = s.Reblog
		}
		if !open(s) {
			continue
		}
		post := postOf(s)
		if post.NativeID == "" || seen[post.NativeID] {
			continue
		}
		seen[post.NativeID] = true
		if post.At.IsZero() {
			undated++
		}
		p.Posts = append(p.Posts, post)
	}
	if undated > 0 {
		p.Warnings = append(p.Warnings, fmt.Sprintf("%d posts without a date that can be read", undated))
	}
	return p
}

// noBot is the mark by which accounts ask to be left alone.
var noBot = regexp.MustCompile(`(?i)#\s*nobots?\b`)

// open reports whether the post is public and its account does not mind being
// read by programs.
func open(s *status) bool {
	return s.Visibility == "public" && (s.Account.NoIndex == nil || !*s.Account.NoIndex) && !noBot.MatchString(markup.Text(s.Account.Note))
}

func postOf(s *status) crawler.Post {
	text := markup.Text(s.Content)
	if s.Spoiler != "" {
		text = strings.TrimSpace(markup.Text(s.Spoiler) + "\n" + text)
	}
	post := crawler.Post{
		NativeID:   s.URI, // the same wherever the post is read; an id is the server's own
		Kind:       crawler.KindPost,
		AuthorID:   firstOf(s.Account.URI, s.Account.URL, s.Account.Acct),
		AuthorName: firstOf(s.Account.DisplayName, s.Account.Acct),
		Text:       text,
		Lang:       s.Language,
		RawAt:      s.CreatedAt,
		Sensitive:  s.Sensitive,
	}
	if post.NativeID == "" {
		post.NativeID = s.ID
	}
	post.URL, _ = markup.Resolve(nil, s.URL)
	if post.URL == "" {
		post.URL, _ = markup.Resolve(nil, s.URI) // GoToSocial and relays leave url null at times
	}
	if at, err := time.Parse(time.RFC3339, s.CreatedAt); err == nil {
		post.At, post.Precision = at.UTC(), crawler.PrecisionSecond
	}
	if at, err := time.Parse(time.RFC3339, s.EditedAt); err == nil {
		post.EditedAt = at.UTC()
	}
	for _, t := range s.Tags {
		if t.Name != "" {
			post.Tags = append(post.Tags, strings.TrimPrefix(t.Name, "#"))
		}
	}
	if s.Quote != nil {
		post.QuotedID = s.Quote.URI
		if s.Quote.Quoted != nil {
			post.QuotedID = s.Quote.Quoted.URI
		}
	}
	for _, a := range s.Attachments {
		if photo, ok := photoOf(a); ok {
			post.Photos = append(post.Photos, photo)
		}
	}
	return post
}

// photoOf gives the photo of an attachment: an image itself, of a gifv or video
// the frame shown before it plays. url is null while the server has not copied
// a remote file; unknown attachments are such files of unknown type.
func photoOf(a attachment) (crawler.PhotoURL, bool) {
	var addresses []string
	size := a.Meta.Original
	switch a.Type {
	case "image":
		addresses = []string{a.URL, a.RemoteURL, a.PreviewURL, a.PreviewRemoteURL}
	case "gifv", "video":
		addresses = []string{a.PreviewURL, a.PreviewRemoteURL}
		size = a.Meta.Small
	default:
		return crawler.PhotoURL{}, false
	}
	photo := crawler.PhotoURL{Alt: a.Description, Width: pixels(size.Width), Height: pixels(size.Height)}
	seen := map[string]bool{}
	for _, address := range addresses {
		u, ok := markup.Resolve(nil, address)
		switch {
		case !ok || seen[u]:
			continue
		case photo.URL == "":
			photo.URL = u
		default:
			photo.Fallback = append(photo.Fallback, u)
		}
		seen[u] = true
	}
	return photo, photo.URL != ""
}

func pixels(f float64) int {
	if !(f >= 1 && f <= 1<<20) {
		return 0
	}
	return int(f)
}

func firstOf(list ...string) string {
	for _, s := range list {
		if s != "" && utf8.ValidString(s) {
			return s
		}
	}
	return ""
}
