package demo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"image"
	"io"
	"math/bits"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corona10/goimagehash"
	"github.com/google/go-cmp/cmp"
	"github.com/mmcdole/gofeed"
	xdraw "golang.org/x/image/draw"
	"pgregory.net/rapid"

	"xunqin/cmd/xunqin/internal/demo/draw"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// numbered is a wall of n posts without pictures whose ids are 1000, 1001 and so on.
func numbered(n int) *wall {
	w := &wall{}
	for i := range n {
		p := post{n: i, id: fmt.Sprint(1000 + i), at: start.Add(time.Duration(i) * time.Minute), author: accounts[0], tags: []string{Tag}, text: "x", language: "zh"}
		if i%5 == 0 {
			p.tags = append(p.tags, "Fifth")
			p.pictures = []picture{{p.id + ".jpg", 1, 1, func() []byte { return nil }}}
		}
		w.add(p)
	}
	return w
}

// tb is a test or a property.
type tb interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// answer is one page of a timeline.
type answer struct {
	IDs        []string
	next, prev string
}

var linkPattern = regexp.MustCompile(`^<([^>]+)>; rel="next", <([^>]+)>; rel="prev"$`)

func timeline(t tb, address string) answer {
	t.Helper()
	resp, body := get(t, address, nil)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s", address, resp.Status)
	}
	var statuses []status
	if err := json.Unmarshal(body, &statuses); err != nil || statuses == nil {
		t.Fatalf("GET %s: %v in %s", address, err, body)
	}
	var a answer
	for _, s := range statuses {
		a.IDs = append(a.IDs, s.ID)
	}
	link := resp.Header.Get("Link")
	if m := linkPattern.FindStringSubmatch(link); m != nil {
		a.next, a.prev = m[1], m[2]
	} else if link != "" {
		t.Errorf("Link: %s", link)
	}
	return a
}

func get(t tb, address string, header http.Header) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		req.Header = header
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}

// ids returns the ids from the first to the last, which may count down.
func ids(first, last int) (list []string) {
	step := 1
	if first > last {
		step = -1
	}
	for i := first; i != last+step; i += step {
		list = append(list, fmt.Sprint(i))
	}
	return list
}

func TestTimelinePagesAsMastodonDoes(t *testing.T) {
	srv := httptest.NewServer(mastodonHandler(numbered(100))) // 1000 to 1099
	defer srv.Close()
	for query, want := range map[string][]string{
		"":                            ids(1099, 1080),
		"limit=3":                     ids(1099, 1097),
		"limit=40":                    ids(1099, 1060),
		"limit=1000":                  ids(1099, 1060),
		"limit=-3":                    ids(1099, 1097),
		"limit=0":                     nil,
		"limit=many":                  nil,
		"max_id=1003":                 ids(1002, 1000),
		"max_id=1000":                 nil,
		"since_id=1090":               ids(1099, 1091),
		"since_id=1010&limit=5":       ids(1099, 1095), // the newest: 1011 to 1094 are skipped
		"min_id=1010&limit=5":         ids(1015, 1011), // the nearest
		"min_id=1096":                 ids(1099, 1097),
		"min_id=1099":                 nil,
		"min_id=1010&max_id=1013":     ids(1012, 1011),
		"since_id=1010&max_id=1013":   ids(1012, 1011),
		"since_id=1090&min_id=1001":   ids(1021, 1002), // min_id wins
		"only_media=true&limit=2":     {"1095", "1090"},
		"none[]=fifth&limit=3":        ids(1099, 1097)[:3],
		"all[]=FIFTH&limit=2":         {"1095", "1090"},
		"remote=true":                 nil,
		"local=true&limit=1":          {"1099"},
		"all[]=fifth&all[]=absent":    nil,
		"none[]=fifth&max_id=1002":    {"1001"},
		"any[]=fifth&any[]=x&limit=1": {"1099"},
	} {
		got := timeline(t, srv.URL+"/api/v1/timelines/tag/"+url.PathEscape(Tag)+"?"+query)
		if diff := cmp.Diff(want, got.IDs); diff != "" {
			t.Errorf("?%s (-want +got):\n%s", query, diff)
		}
		if (got.next == "") != (len(want) == 0) {
			t.Errorf("?%s: %d posts and next page %q", query, len(want), got.next)
		}
	}
	if got := timeline(t, srv.URL+"/api/v1/timelines/tag/fifth?limit=2"); !slices.Equal(got.IDs, []string{"1095", "1090"}) {
		t.Errorf("another tag: %v", got.IDs)
	}
	if got := timeline(t, srv.URL+"/api/v1/timelines/tag/absent"); got.IDs != nil {
		t.Errorf("a tag that nobody used: %v", got.IDs)
	}
	if got := timeline(t, srv.URL+"/api/v1/timelines/tag/absent?any[]=fifth&limit=1"); !slices.Equal(got.IDs, []string{"1095"}) {
		t.Errorf("any of two tags: %v", got.IDs)
	}
	if got := timeline(t, srv.URL+"/api/v1/timelines/public"); !slices.Equal(got.IDs, ids(1099, 1080)) {
		t.Errorf("the public timeline: %v", got.IDs)
	}
}

func TestLinksKeepWhatWasAskedFor(t *testing.T) {
	srv := httptest.NewServer(mastodonHandler(numbered(100)))
	defer srv.Close()
	path := srv.URL + "/api/v1/timelines/tag/" + url.PathEscape(Tag)
	got := timeline(t, path+"?limit=2&only_media=true&min_id=1004&resolve=x")
	if want := path + "?limit=2&max_id=1005&only_media=true"; got.next != want {
		t.Errorf("next is %s\nwant    %s", got.next, want)
	}
	if want := path + "?limit=2&min_id=1010&only_media=true"; got.prev != want {
		t.Errorf("prev is %s\nwant    %s", got.prev, want)
	}
}

// Whoever follows the links gets every post once, however many there are and however many
// appear meanwhile.
func TestFollowingLinksMissesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 120).Draw(t, "posts")
		limit := rapid.IntRange(1, 50).Draw(t, "limit")
		grow := rapid.IntRange(0, 30).Draw(t, "grow")
		w := numbered(n)
		srv := httptest.NewServer(mastodonHandler(w))
		defer srv.Close()
		first := fmt.Sprintf("%s/api/v1/timelines/public?limit=%d", srv.URL, limit)

		var older []string
		page := timeline(t, first)
		newest := page.prev
		for page.IDs != nil && len(older) <= n {
			older = append(older, page.IDs...)
			page = timeline(t, page.next)
		}
		var want []string
		if n > 0 {
			want = ids(999+n, 1000)
		}
		if diff := cmp.Diff(want, older); diff != "" {
			t.Fatalf("following next (-want +got):\n%s", diff)
		}
		if n == 0 {
			return
		}
		for _, p := range numbered(n + grow).posts[n:] {
			w.add(p)
		}
		var newer []string
		for page = timeline(t, newest); page.IDs != nil && len(newer) <= grow; page = timeline(t, page.prev) {
			newer = append(slices.Clone(page.IDs), newer...)
		}
		want = nil
		if grow > 0 {
			want = ids(999+n+grow, 1000+n)
		}
		if diff := cmp.Diff(want, newer); diff != "" {
			t.Fatalf("following prev (-want +got):\n%s", diff)
		}
	})
}

func TestUnchangedAnswersAreNotSentAgain(t *testing.T) {
	s := startServer(t, 4)
	urls := s.URLs()
	var picture string
	for _, p := range s.Campaign.mastodon.all() {
		if len(p.pictures) > 0 {
			picture = urls.Mastodon + "/media/" + p.pictures[0].name
		}
	}
	timeline := urls.Mastodon + "/api/v1/timelines/tag/" + url.PathEscape(Tag)
	tags := map[string]string{}
	for _, address := range []string{timeline, urls.Feed, picture, urls.Mastodon + "/robots.txt", strings.TrimSuffix(urls.Feed, "feed.xml") + "robots.txt"} {
		resp, body := get(t, address, nil)
		tags[address] = resp.Header.Get("ETag")
		if resp.StatusCode != http.StatusOK || len(body) == 0 || tags[address] == "" {
			t.Fatalf("%s: %s, %d bytes, ETag %q", address, resp.Status, len(body), tags[address])
		}
		resp, body = get(t, address, http.Header{"If-None-Match": {tags[address]}})
		if resp.StatusCode != http.StatusNotModified || len(body) != 0 {
			t.Errorf("%s again: %s, %d bytes", address, resp.Status, len(body))
		}
	}
	modified, _ := get(t, urls.Feed, nil)
	resp, _ := get(t, urls.Feed, http.Header{"If-Modified-Since": {modified.Header.Get("Last-Modified")}})
	if resp.StatusCode != http.StatusNotModified {
		t.Errorf("feed since its last change: %s", resp.Status)
	}
	s.Grow(3) // at least one post on each server
	for _, address := range []string{timeline, urls.Feed} {
		if resp, _ := get(t, address, http.Header{"If-None-Match": {tags[address]}}); resp.StatusCode != http.StatusOK {
			t.Errorf("%s after new posts: %s", address, resp.Status)
		}
	}
}

func startServer(t *testing.T, first int) *Server {
	t.Helper()
	s := &Server{Campaign: NewCampaign(1, start), First: first, Now: func() time.Time { return start }}
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestPostsAppearByThemselvesUpToTheBound(t *testing.T) {
	s := &Server{Campaign: NewCampaign(1, start), First: 2, Every: time.Millisecond, Most: 6}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { s.publish(ctx); close(done) }() // returns at the bound, whoever reached it
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("no posts come")
	}
	cancel() // ends the servers too
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if n := s.Campaign.Count(); n < 6 || n > 7 {
		t.Errorf("%d posts, want the 6 of the bound", n)
	}
	if resp, err := http.Get(s.URLs().Feed); err == nil {
		resp.Body.Close()
		t.Error("the feed still answers")
	}
}

func TestFeedShowsPostsAndPictures(t *testing.T) {
	s := startServer(t, 60)
	_, body := get(t, s.URLs().Feed, nil)
	feed, err := gofeed.NewParser().Parse(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	want := s.Campaign.feed.all()
	if len(feed.Items) != len(want) || len(want) != 20 {
		t.Fatalf("%d items for %d posts", len(feed.Items), len(want))
	}
	enclosures, images := 0, 0
	for i, it := range feed.Items {
		p := want[len(want)-1-i]
		if it.GUID != p.id || it.PublishedParsed == nil || !it.PublishedParsed.Equal(p.at) {
			t.Errorf("item %d is %s of %v, want %s of %v", i, it.GUID, it.PublishedParsed, p.id, p.at)
		}
		if resp, body := get(t, it.Link, nil); resp.StatusCode != http.StatusOK || !strings.Contains(string(body), it.Title[:6]) {
			t.Errorf("the page of %s: %s", it.GUID, resp.Status)
		}
		for _, e := range it.Enclosures {
			enclosures++
			if resp, body := get(t, e.URL, nil); resp.StatusCode != http.StatusOK || fmt.Sprint(len(body)) != e.Length {
				t.Errorf("enclosure %s: %s, %d bytes, announced %s", e.URL, resp.Status, len(body), e.Length)
			}
		}
		for _, m := range regexp.MustCompile(`<img src="([^"]+)"`).FindAllStringSubmatch(it.Content, -1) {
			images++
			page, err := url.Parse(it.Link)
			if err != nil {
				t.Fatal(err)
			}
			address, err := page.Parse(m[1])
			if err != nil {
				t.Fatal(err)
			}
			if resp, _ := get(t, address.String(), nil); resp.StatusCode != http.StatusOK {
				t.Errorf("image %s: %s", address, resp.Status)
			}
		}
	}
	if enclosures == 0 || images == 0 {
		t.Errorf("%d enclosures, %d images in content: both ways should be seen", enclosures, images)
	}
}

func TestFeedShowsTheNewestPostsOnly(t *testing.T) {
	f := newFeed("http://127.0.0.1:1", numbered(100).all())
	if len(f.Channel.Items) != feedItems || f.Channel.Items[0].GUID.ID != "1099" {
		t.Errorf("%d items from %s", len(f.Channel.Items), f.Channel.Items[0].GUID.ID)
	}
}

// A comparison of whole-picture hashes within 10 finds exactly the near copies: the truth
// says all there is, and what it does not name is no copy.
func TestTruthIsWhatThePicturesSay(t *testing.T) {
	c := NewCampaign(1, start)
	c.Grow(120, start)
	var reports []uint64
	for _, r := range c.Reports() {
		reports = append(reports, hash(t, r.Picture))
	}
	truth := map[string]Copy{}
	near := 0
	for _, copy := range c.Truth() {
		truth[copy.NativeID] = copy
		if slices.Contains(draw.Near(), copy.Edit) {
			near++
		}
	}
	found := 0
	for _, p := range append(c.mastodon.all(), c.feed.all()...) {
		for _, pic := range p.pictures {
			h := hash(t, pic.jpeg())
			for i, other := range reports {
				copy, ok := truth[p.id]
				ok = ok && copy.Report == i && slices.Contains(draw.Near(), copy.Edit)
				if d := bits.OnesCount64(h ^ other); ok != (d <= 10) {
					t.Errorf("post %s is %d from report %d, which is no %+v", p.id, d, i, copy)
				} else if ok {
					found++
				}
			}
		}
	}
	if found != near || near < 9 || len(truth) == near {
		t.Errorf("%d of %d near copies found, %d copies in all", found, near, len(truth))
	}
	t.Logf("%d copies, %d of them near", len(truth), near)
}

func TestTheFirstPostsHoldCopiesOnBothServers(t *testing.T) {
	for seed := range uint64(3) {
		c := NewCampaign(seed, start)
		c.Grow(30, start)
		sources := map[string]int{}
		ofReport0 := 0
		for _, copy := range c.Truth() {
			if slices.Contains(draw.Near(), copy.Edit) {
				sources[copy.Source]++
				if copy.Report == 0 {
					ofReport0++
				}
			}
		}
		if sources[Mastodon] < 2 || sources[Feed] < 2 || ofReport0 < 2 {
			t.Errorf("seed %d: near copies %v, of the first report %d", seed, sources, ofReport0)
		}
	}
}

func hash(t *testing.T, jpg []byte) uint64 {
	t.Helper()
	img := draw.Decode(jpg)
	small := image.NewGray(image.Rect(0, 0, 64, 64))
	xdraw.BiLinear.Scale(small, small.Rect, img, img.Rect, xdraw.Src, nil)
	h, err := goimagehash.PerceptionHash(small)
	if err != nil {
		t.Fatal(err)
	}
	return h.GetHash()
}

func TestCampaignFollowsFromItsSeed(t *testing.T) {
	type shown struct {
		Reports []Report
		Truth   []Copy
		Posts   []string
	}
	show := func(seed uint64, step int) (s shown) {
		c := NewCampaign(seed, start)
		for range 20 / step {
			c.Grow(step, start)
		}
		s.Reports, s.Truth = c.Reports(), c.Truth()
		for i := range s.Reports {
			s.Posts = append(s.Posts, fmt.Sprintf("%x", sha256.Sum256(s.Reports[i].Picture)))
			s.Reports[i].Picture = nil // too long to print the difference
		}
		for _, p := range append(c.mastodon.all(), c.feed.all()...) {
			text := p.id + p.author.name + p.text
			for _, pic := range p.pictures {
				text += fmt.Sprintf(" %s %x", pic.name, sha256.Sum256(pic.jpeg()))
			}
			s.Posts = append(s.Posts, text)
		}
		return s
	}
	if diff := cmp.Diff(show(1, 20), show(1, 4)); diff != "" {
		t.Errorf("twice the same seed (-one +other):\n%s", diff)
	}
	if cmp.Equal(show(1, 20), show(2, 20)) {
		t.Error("another seed, the same campaign")
	}
}

func TestReportsAreCompleteAndPlainlyInvented(t *testing.T) {
	names := map[string]bool{}
	for _, r := range NewCampaign(3, start).Reports() {
		names[r.Name] = true
		if r.Sex != "female" && r.Sex != "male" || r.BirthText == "" || r.Features == "" || len(r.Picture) == 0 {
			t.Errorf("incomplete: %s %s %q %q", r.Name, r.Sex, r.BirthText, r.Features)
		}
		if r.MissingFrom.After(r.MissingTo) || r.MissingTo.After(start) {
			t.Errorf("%s missing from %v to %v", r.Name, r.MissingFrom, r.MissingTo)
		}
		if !slices.ContainsFunc(provinces, func(p string) bool { return strings.HasPrefix(r.Place, p) }) {
			t.Errorf("%s missed in %s", r.Name, r.Place)
		}
		invented(t, r.Contact)
	}
	if len(names) < 8 {
		t.Errorf("%d names", len(names))
	}
}

func TestTextsAreVariedAndHoldNoRealNumber(t *testing.T) {
	c := NewCampaign(4, start)
	seen, phones, english := map[string]bool{}, 0, 0
	for range 2000 {
		text, language := words(c.r, sighting{c.r.IntN(2) == 0, 2 + c.r.IntN(11)}, start)
		seen[text] = true
		phones += invented(t, text)
		if language == "en" {
			english++
		}
	}
	if len(seen) < 1990 || phones < 200 || english < 100 {
		t.Errorf("of 2000 texts %d differ, %d hold a number, %d are English", len(seen), phones, english)
	}
}

// invented counts the telephone numbers in a text and fails on one that somebody could have.
func invented(t *testing.T, text string) int {
	t.Helper()
	found := regexp.MustCompile(`[\d-]{7,}`).FindAllString(text, -1)
	for _, number := range found {
		if !strings.HasPrefix(number, "139-0000-") && !strings.HasPrefix(number, "000-0000-") {
			t.Errorf("%s in %s", number, text)
		}
	}
	return len(found)
}

func TestPostsForMeasuringAllHaveAPictureOfTheirOwn(t *testing.T) {
	srv := httptest.NewServer(Posts(60))
	defer srv.Close()
	page := timeline(t, srv.URL+"/api/v1/timelines/tag/"+url.PathEscape(Tag)+"?limit=40")
	seen := map[uint64]bool{}
	for n := 0; page.IDs != nil; page = timeline(t, page.next) {
		for _, id := range page.IDs {
			resp, body := get(t, srv.URL+"/media/"+id+".jpg", nil)
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("picture of post %s: %s", id, resp.Status)
			}
			seen[hash(t, body)] = true
		}
		if n += len(page.IDs); n > 60 {
			t.Fatal("more posts than there are")
		}
	}
	if len(seen) != 60 {
		t.Errorf("60 posts have %d pictures", len(seen))
	}
}
