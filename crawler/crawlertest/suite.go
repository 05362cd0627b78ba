package crawlertest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"xunqin/crawler"
)

// Suite says how a Reader is put to the test.
type Suite struct {
	Reader crawler.Reader
	// Config is a configuration under which Reader reads the site at base.
	Config func(base string) json.RawMessage
	// Path is what Reader asks for first.
	Path string
	// Site serves at least three pages, Want their posts by NativeID in any
	// order; base is the site's address. It may differ between calls only
	// through what it is asked.
	Site func(base string) (h http.Handler, want []string)
	// Empty is what a healthy site without posts answers at Path.
	Empty http.Handler
	// Mutants makes changed pages of the first one, such as JSONMutants and
	// HTMLMutants do; nil leaves that case out.
	Mutants func(t testing.TB, body string) []Mutant
}

// Run is the suite every Reader passes.
func Run(t *testing.T, s Suite) {
	start := func(t *testing.T) (*Site, crawler.Source, []string) {
		site := NewSite(t)
		h, want := s.Site(site.URL)
		site.Fallback(h)
		return site, s.source(site), want
	}

	t.Run("EveryPostComesOnce", func(t *testing.T) {
		site, src, want := start(t)
		got := map[string]int{}
		_, err := NewDoor(t, site).Run(t.Context(), s.Reader, src, func(_ context.Context, p crawler.Page) error {
			if len(p.Cursor) > 0 && !json.Valid(p.Cursor) {
				t.Errorf("cursor %q is no JSON", p.Cursor)
			}
			for _, post := range p.Posts {
				checkPost(t, post)
				got[post.NativeID]++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(counted(want), got); diff != "" {
			t.Error(diff)
		}
	})

	t.Run("SecondRunBringsNothingAgain", func(t *testing.T) {
		site, src, _ := start(t)
		d := NewDoor(t, site)
		for range 2 {
			if _, err := d.Run(t.Context(), s.Reader, src, func(_ context.Context, p crawler.Page) error { src.Cursor = p.Cursor; return nil }); err != nil {
				t.Fatal(err)
			}
		}
		stats, err := d.Run(t.Context(), s.Reader, src, func(_ context.Context, p crawler.Page) error { return nil })
		if err != nil || stats.Posts != 0 {
			t.Errorf("got %+v, %v", stats, err)
		}
	})

	t.Run("NothingIsLostWhereverARunBreaksOff", func(t *testing.T) {
		broken := errors.New("could not commit")
		site, src, want := start(t)
		d := NewDoor(t, site)
		got := map[string]int{}
		commits := 0
		for done := false; !done; {
			// Each run commits one page; the next one fails.
			first := true
			_, err := d.Run(t.Context(), s.Reader, src, func(_ context.Context, p crawler.Page) error {
				if !first {
					return broken
				}
				first = false
				commits++
				src.Cursor = p.Cursor
				for _, post := range p.Posts {
					got[post.NativeID] = 1
				}
				return nil
			})
			switch {
			case err == nil:
				done = true
			case !errors.Is(err, broken):
				t.Fatal(err)
			case commits > 100:
				t.Fatal("the reader does not come to an end")
			}
		}
		if diff := cmp.Diff(counted(want), got); diff != "" {
			t.Error(diff)
		}
	})

	t.Run("ReaderStopsWhenThePageWasNotTaken", func(t *testing.T) {
		broken := errors.New("could not commit")
		site, src, _ := start(t)
		asked := 0
		_, err := NewDoor(t, site).Run(t.Context(), s.Reader, src, func(context.Context, crawler.Page) error {
			asked = len(site.Asked())
			return broken
		})
		if !errors.Is(err, broken) || len(site.Asked()) != asked {
			t.Errorf("got %v and %d more requests", err, len(site.Asked())-asked)
		}
	})

	t.Run("RefusalIsNeverNothingNew", func(t *testing.T) {
		for _, c := range []struct {
			name string
			h    http.Handler
		}{
			{crawler.RefusedForbidden, Status(403)},
			{crawler.RefusedNotFound, Status(404)},
			{crawler.RefusedTeapot, Status(418)},
			{crawler.RefusedRate, Status(429, "Retry-After", "300")},
			{crawler.RefusedWeibo, Status(432)},
			{crawler.RefusedServer, Status(500)},
			{crawler.RefusedServer, Status(503, "Retry-After", "300")},
			{crawler.RefusedLogin, Login()},
			{crawler.RefusedCaptcha, Captcha()},
			{crawler.RefusedLogin, Redirect("/account/login")},
			{"", Body("text/html", "<!doctype html><p>maintenance")},
			{"", Body("application/json", "")},
			{"", Body("application/json", "{}")},
			{"", Body("application/json", "[{")},
			{"", Body("application/xml", "<?xml version='1.0'?><error/>")},
			{"", Body("application/xml", "<rss><channel><item>")},
			{"", Status(204)},
			{crawler.RefusedTooLarge, Bomb("application/json", 64<<20)},
			{crawler.RefusedCut, Cut("application/json", "[]")},
			{crawler.RefusedAddress, Redirect("http://169.254.169.254/latest/meta-data")},
			{crawler.RefusedAddress, Redirect("http://[::1]:80/")},
			{crawler.RefusedRobots, Redirect("/private")},
			{crawler.RefusedRedirects, Redirect(s.Path)},
		} {
			site, src, _ := start(t)
			site.Handle("/robots.txt", Body("text/plain", "User-agent: *\nDisallow: /private\n"))
			site.Handle("/account/login", Login())
			site.Handle(s.Path, c.h)
			d := NewDoor(t, site)
			d.Contact = "crawler@example.org"
			stats, err := d.Run(t.Context(), s.Reader, src, func(context.Context, crawler.Page) error { return nil })
			ref, ok := errors.AsType[*crawler.Refusal](err)
			switch {
			case !ok:
				t.Errorf("%s: got %v, want a refusal", c.name, err)
			case c.name != "" && ref.Name != c.name:
				t.Errorf("got %v, want %s", err, c.name)
			case stats.Pages != 0 || stats.Refused+stats.Failed != 1:
				t.Errorf("%s: got %+v", ref.Name, stats)
			case site.Count("/private") != 0:
				t.Errorf("a disallowed path was asked for")
			}
		}
	})

	t.Run("SiteWithoutPostsIsNoRefusal", func(t *testing.T) {
		site := NewSite(t)
		site.Handle(s.Path, s.Empty)
		stats, err := NewDoor(t, site).Run(t.Context(), s.Reader, s.source(site), func(context.Context, crawler.Page) error { return nil })
		if err != nil || stats.Posts != 0 || stats.Fetched != 1 {
			t.Errorf("got %+v, %v", stats, err)
		}
	})

	t.Run("DisallowedPathIsNeverAskedFor", func(t *testing.T) {
		site, src, _ := start(t)
		site.Handle("/robots.txt", Body("text/plain", "User-agent: xunqin\nDisallow: /\n"))
		_, err := NewDoor(t, site).Run(t.Context(), s.Reader, src, func(context.Context, crawler.Page) error { return nil })
		if ref, ok := errors.AsType[*crawler.Refusal](err); !ok || ref.Name != crawler.RefusedRobots {
			t.Errorf("got %v, want robots", err)
		}
		if n := len(site.Asked()); n != 1 {
			t.Errorf("%d requests were made, want robots.txt alone", n)
		}
	})

	t.Run("ContextEndsItWithinASecond", func(t *testing.T) {
		site, src, _ := start(t)
		begun := make(chan struct{}, 1)
		site.Handle(s.Path, Hang("application/json", begun))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error, 1)
		d := NewDoor(t, site)
		go func() {
			_, err := d.Run(ctx, s.Reader, src, func(context.Context, crawler.Page) error { return nil })
			done <- err
		}()
		<-begun
		at := time.Now()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(at); took > time.Second {
			t.Errorf("the run went on for %v", took)
		}
	})

	if s.Mutants != nil {
		t.Run("RebuiltSiteIsSaid", s.rebuilt)
	}

	t.Run("ConfigurationIsChecked", func(t *testing.T) {
		checker, ok := s.Reader.(crawler.ConfigChecker)
		if !ok {
			t.Fatal("the reader is no ConfigChecker")
		}
		good := s.Config("https://site.example")
		if err := checker.Check(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
		var fields map[string]any
		if err := json.Unmarshal(good, &fields); err != nil {
			t.Fatal(err)
		}
		fields["no_such_field"] = true
		unknown, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{string(unknown), "", "{}", "[]", "null", "nonsense", string(good) + string(good)} {
			if checker.Check(json.RawMessage(bad)) == nil {
				t.Errorf("%q passed", bad)
			}
		}
	})
}

func (s Suite) source(site *Site) crawler.Source {
	return crawler.Source{ID: "test", Config: s.Config(site.URL), Rate: crawler.Rate{Every: crawler.NoPause}}
}

func checkPost(t *testing.T, p crawler.Post) {
	t.Helper()
	if p.NativeID == "" {
		t.Error("a post without NativeID")
	}
	switch p.Kind {
	case crawler.KindPost, crawler.KindReport, crawler.KindNotice:
	default:
		t.Errorf("%s: kind %q", p.NativeID, p.Kind)
	}
	addresses := []string{}
	if p.URL != "" {
		addresses = append(addresses, p.URL)
	}
	for _, photo := range p.Photos {
		addresses = append(append(addresses, photo.URL), photo.Fallback...)
	}
	for _, a := range addresses {
		if u, err := url.Parse(a); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			t.Errorf("%s: %q is no address", p.NativeID, a)
		}
	}
	if !p.At.IsZero() && (p.At.Location() != time.UTC || p.Precision == crawler.PrecisionUnknown) {
		t.Errorf("%s: time %v with precision %q", p.NativeID, p.At, p.Precision)
	}
}

func counted(ids []string) map[string]int {
	m := map[string]int{}
	for _, id := range ids {
		m[id] = 1
	}
	return m
}
