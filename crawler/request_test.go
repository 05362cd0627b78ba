package crawler_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"xunqin/crawler"
	"xunqin/crawler/crawlertest"
)

// asks is a Reader that makes one request.
type asks struct {
	req  crawler.Request
	took *crawler.Answer
}

func (a asks) Read(ctx context.Context, f *crawler.Fetcher, _ crawler.Source, _ func(crawler.Page) error) error {
	got, err := f.JSON(ctx, a.req)
	if a.took != nil {
		*a.took = got
	}
	return err
}

func ask(t *testing.T, d *crawler.Door, req crawler.Request) (crawler.Answer, error) {
	t.Helper()
	var took crawler.Answer
	_, err := d.Run(t.Context(), asks{req, &took}, crawler.Source{Rate: crawler.Rate{Every: crawler.NoPause}}, func(context.Context, crawler.Page) error { return nil })
	return took, err
}

func TestCookieStaysWithItsOrigin(t *testing.T) {
	here, there := crawlertest.NewSite(t), crawlertest.NewSite(t)
	here.Handle("/a", crawlertest.Redirect(there.URL+"/b"))
	there.Handle("/b", crawlertest.Body("application/json", "{}"))
	_, err := ask(t, crawlertest.NewDoor(t, here, there), crawler.Request{URL: here.URL + "/a", Header: http.Header{"Cookie": {"SUB=x"}, "X-Own": {"1"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range here.Asked() {
		if a.Path == "/a" && a.Header.Get("Cookie") != "SUB=x" {
			t.Error("the cookie was not sent where it is for")
		}
	}
	for _, a := range there.Asked() {
		if a.Header.Get("Cookie") != "" {
			t.Errorf("%s got the cookie of another", a.Path)
		}
		if a.Path == "/b" && a.Header.Get("X-Own") != "1" {
			t.Error("a header was lost at the redirect")
		}
	}
}

func TestSignInPageIsNotVisitedByRedirect(t *testing.T) {
	here, there := crawlertest.NewSite(t), crawlertest.NewSite(t)
	here.Handle("/a", crawlertest.Redirect(there.URL+"/visitor/visitor?a=enter"))
	_, err := ask(t, crawlertest.NewDoor(t, here, there), crawler.Request{URL: here.URL + "/a"})
	if ref, ok := errors.AsType[*crawler.Refusal](err); !ok || ref.Name != crawler.RefusedLogin {
		t.Errorf("got %v, want %s", err, crawler.RefusedLogin)
	}
	if n := len(there.Asked()); n != 0 {
		t.Errorf("%d requests went to the sign-in page's host", n)
	}
}

func TestBodyIsPostedAndNotSentOn(t *testing.T) {
	here, there := crawlertest.NewSite(t), crawlertest.NewSite(t)
	here.Handle("/session", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || string(b) != `{"a":1}` || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("got %s %q, %v", r.Method, b, err)
		}
		crawlertest.Body("application/json", "{}").ServeHTTP(w, r)
	}))
	here.Handle("/moved", crawlertest.Redirect(there.URL+"/session"))
	d := crawlertest.NewDoor(t, here, there)
	req := crawler.Request{URL: here.URL + "/session", Body: []byte(`{"a":1}`), Header: http.Header{"Content-Type": {"application/json"}}}
	if _, err := ask(t, d, req); err != nil {
		t.Error(err)
	}
	req.URL = here.URL + "/moved"
	there.Handle("/session", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b, err := io.ReadAll(r.Body); r.Method != http.MethodGet || len(b) > 0 || err != nil {
			t.Errorf("what was posted went on to another host: %s %q, %v", r.Method, b, err)
		}
		crawlertest.Body("application/json", "{}").ServeHTTP(w, r)
	}))
	if _, err := ask(t, d, req); err != nil {
		t.Error(err)
	}
}

func TestPauseThatHostsAskForByTheirOwnHeaders(t *testing.T) {
	now := time.Now()
	for name, h := range map[string]http.Handler{
		"Bluesky": crawlertest.Status(429, "RateLimit-Remaining", "0", "RateLimit-Reset", fmt.Sprint(now.Add(5*time.Minute).Unix())),
		"Reddit":  crawlertest.Status(429, "X-Ratelimit-Remaining", "0.0", "X-Ratelimit-Reset", "300"),
	} {
		site := crawlertest.NewSite(t)
		site.Handle("/a", h)
		_, err := ask(t, crawlertest.NewDoor(t, site), crawler.Request{URL: site.URL + "/a"})
		ref, ok := errors.AsType[*crawler.Refusal](err)
		if !ok || ref.Name != crawler.RefusedRate || ref.RetryAfter.Sub(now) < 4*time.Minute || ref.RetryAfter.Sub(now) > 6*time.Minute {
			t.Errorf("%s: got %+v", name, err)
		}
	}
}
