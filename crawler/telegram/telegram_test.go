package telegram

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"xunqin/crawler"
	"xunqin/crawler/crawlertest"
)

func config(base, more string) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"server":%q,"channel":"made_channel"%s}`, base, more))
}

// channel serves messages 1 to last, ten a page.
type channel struct{ last int }

func (c *channel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	before := c.last + 1
	if v := r.URL.Query().Get("before"); v != "" {
		before, _ = strconv.Atoi(v)
	}
	first := max(before-10, 1)
	var s strings.Builder
	s.WriteString(`<!DOCTYPE html><html><head><title>made</title></head><body><section class="tgme_channel_history">`)
	if first > 1 {
		fmt.Fprintf(&s, `<a class="tme_messages_more js-messages_more" data-before="%d"></a>`, first)
	}
	for id := first; id < before && id <= c.last; id++ {
		fmt.Fprintf(&s, `<div class="tgme_widget_message_wrap"><div class="tgme_widget_message js-widget_message" data-post="made_channel/%d">
			<a class="tgme_widget_message_owner_name" href="https://t.me/made_channel"><span>made</span></a>
			<a class="tgme_widget_message_photo_wrap" href="https://t.me/made_channel/%d" style="background-image:url('https://cdn.example/%d.jpg')"></a>
			<div class="tgme_widget_message_text">post %d</div><a class="tgme_widget_message_date" href="#"><time datetime="2026-01-20T06:%02d:12+00:00"></time></a></div></div>`, id, id, id, id, id%60)
	}
	s.WriteString(`</section></body></html>`)
	crawlertest.Body("text/html; charset=utf-8", s.String()).ServeHTTP(w, r)
}

func TestReader(t *testing.T) {
	crawlertest.Run(t, crawlertest.Suite{
		Reader: Reader{},
		Config: func(base string) json.RawMessage { return config(base, `,"backfill":10`) },
		Path:   "/s/made_channel",
		Site: func(string) (http.Handler, []string) {
			var want []string
			for id := 1; id <= 35; id++ {
				want = append(want, fmt.Sprintf("made_channel/%d", id))
			}
			return &channel{35}, want
		},
		Empty:   crawlertest.Body("text/html", `<!DOCTYPE html><html><body><section class="tgme_channel_history"></section></body></html>`),
		Mutants: crawlertest.HTMLMutants,
	})
}

func TestPageGivesItsMessagesWithTheirOwnPhotosOnly(t *testing.T) {
	body, err := os.ReadFile("testdata/page.html")
	if err != nil {
		t.Fatal(err)
	}
	p, err := read(body)
	if err != nil {
		t.Fatal(err)
	}
	photos := func(names ...string) []crawler.PhotoURL {
		var list []crawler.PhotoURL
		for _, n := range names {
			list = append(list, crawler.PhotoURL{URL: "https://cdn4.example/file/" + n})
		}
		return list
	}
	at := time.Date(2026, 1, 20, 6, 30, 12, 0, time.UTC)
	want := []crawler.Post{
		{NativeID: "made_channel/41", URL: "https://t.me/made_channel/41", Kind: crawler.KindPost, AuthorID: "made_channel", AuthorName: "合成频道",
			Text: "两个孩子 & 一名大人 #合成\n第二行🚇", RawAt: "2026-01-20T14:30:12+08:00", At: at, Precision: crawler.PrecisionSecond, Tags: []string{"合成"}, Photos: photos("A0.jpg", "A1.jpg", "A2.jpg")},
		{NativeID: "made_channel/44", URL: "https://t.me/made_channel/44", Kind: crawler.KindPost, AuthorID: "made_channel", AuthorName: "合成频道", Text: "转发的录像", QuotedID: "other_channel/5",
			RawAt: "2026-01-20T08:00:00+00:00", At: at.Truncate(24 * time.Hour).Add(8 * time.Hour), Precision: crawler.PrecisionSecond, Photos: photos("frame.jpg")},
		{NativeID: "made_channel/45", URL: "https://t.me/made_channel/45", Kind: crawler.KindPost, AuthorID: "made_channel", AuthorName: "合成频道",
			RawAt: "2026-01-20T09:00:00+00:00", At: at.Truncate(24 * time.Hour).Add(9 * time.Hour), Precision: crawler.PrecisionSecond},
	}
	if diff := cmp.Diff(want, p.messages); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"1 messages hold what the preview does not show"}, p.warnings); diff != "" {
		t.Error(diff)
	}
	if p.older != "40" {
		t.Errorf("the page before is %q", p.older)
	}
}

func TestExamplePageGivesThreeMessages(t *testing.T) {
	body, ok := crawlertest.Example(t, "../..", "telegram/channel_page1.html")
	if !ok {
		return // TestPageGivesItsMessagesWithTheirOwnPhotosOnly has a page of the same shape
	}
	p, err := read(body)
	if err != nil {
		t.Fatal(err)
	}
	type line struct {
		ID, Quoted string
		Photos     int
	}
	var got []line
	for _, m := range p.messages {
		got = append(got, line{m.NativeID, m.QuotedID, len(m.Photos)})
	}
	want := []line{{"example_channel/102", "", 3}, {"example_channel/105", "", 1}, {"example_channel/106", "other_channel/5", 1}}
	if diff := cmp.Diff(want, got); diff != "" || len(p.warnings) != 0 || p.older != "101" {
		t.Errorf("older %q, warnings %v\n%s", p.older, p.warnings, diff)
	}
}

// state is the name under which a run against a site fails.
func state(t *testing.T, site *crawlertest.Site) string {
	t.Helper()
	src := crawler.Source{Config: config(site.URL, ""), Rate: crawler.Rate{Every: crawler.NoPause}}
	_, err := crawlertest.NewDoor(t, site).Run(t.Context(), Reader{}, src, func(context.Context, crawler.Page) error { return nil })
	ref, ok := errors.AsType[*crawler.Refusal](err)
	if !ok {
		t.Fatalf("got %v, want a refusal", err)
	}
	return ref.Name
}

func TestChannelWithoutPreviewIsClosed(t *testing.T) {
	site := crawlertest.NewSite(t)
	site.Handle("/s/made_channel", crawlertest.Redirect("/made_channel"))
	site.Handle("/made_channel", crawlertest.Body("text/html", `<!DOCTYPE html><html><body class="no_transition"><div class="tgme_page"><div class="tgme_page_action"><a href="tg://resolve?domain=made_channel">View in Telegram</a></div></div></body></html>`))
	if got := state(t, site); got != crawler.RefusedClosed {
		t.Errorf("got %s", got)
	}
}

func TestSearchWithoutAResultIsNoRefusal(t *testing.T) {
	site := crawlertest.NewSite(t)
	site.Fallback(crawlertest.Body("text/html", `<!DOCTYPE html><html><body><div class="tme_no_messages_found">No posts found</div></body></html>`))
	src := crawler.Source{Config: config(site.URL, `,"query":"男孩 6岁"`), Rate: crawler.Rate{Every: crawler.NoPause}}
	stats, err := crawlertest.NewDoor(t, site).Run(t.Context(), Reader{}, src, func(context.Context, crawler.Page) error { return nil })
	if err != nil || stats.Posts != 0 {
		t.Errorf("got %+v, %v", stats, err)
	}
	if asked := site.Asked(); asked[len(asked)-1].Path != "/s/made_channel?q=%E7%94%B7%E5%AD%A9+6%E5%B2%81" {
		t.Errorf("asked %s", asked[len(asked)-1].Path)
	}
}

func TestConfigurationNamesAChannel(t *testing.T) {
	for _, more := range []string{`"channel":"@a_channel"`, `"channel":"a/b"`, `"channel":""`, `"channel":"good_name","backfill":-1`, `"channel":"good_name","server":"ftp://t.me"`,
		`"channel":"good_name","server":"https://t.me/s"`, `"channel":"good_name","past":{"from":"2026-01-02","to":"2026-01-01"}`} {
		if (Reader{}).Check(json.RawMessage("{"+more+"}")) == nil {
			t.Errorf("%s passed", more)
		}
	}
}
