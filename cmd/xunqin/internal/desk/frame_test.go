package desk

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/pipeline/record"
)

func TestSignInLeadsBackToThePageThatWasAskedFor(t *testing.T) {
	s := newSite(t)
	s.person(t, "wang", record.Volunteer)
	b := s.browser(t)
	a := b.get("/account?x=1")
	if a.status != http.StatusSeeOther || a.header.Get("Location") != "/sign-in?next=%2Faccount%3Fx%3D1" {
		t.Fatalf("without a session: %d to %q", a.status, a.header.Get("Location"))
	}
	a = b.fill(a.header.Get("Location"), url.Values{"name": {"wang"}, "passphrase": {passphrase}, "next": {"/account?x=1"}})
	if a.status != http.StatusSeeOther || a.header.Get("Location") != "/account?x=1" {
		t.Fatalf("signed in: %d to %q", a.status, a.header.Get("Location"))
	}
	for range 3 {
		if a = b.get("/account?x=1"); a.status != http.StatusOK || !strings.Contains(a.body, "wang") {
			t.Fatalf("the page: %d", a.status)
		}
	}
}

func TestRedirectsStayOnTheDesk(t *testing.T) {
	for to, want := range map[string]string{
		"/today?x=1#y": "/today?x=1#y", "/": "/", "": "/", "today": "/", "//evil.example/x": "/", "/\\evil.example": "/", "\\\\evil.example": "/",
		"https://evil.example": "/", "javascript:alert(1)": "/", "/%2F%2Fevil.example": "/", "/x\r\nSet-Cookie: a=b": "/", "/.//evil.example": "/evil.example",
		"///evil.example": "/", "/..//evil.example": "/evil.example", "http:/x": "/",
	} {
		if got := localPath(to); got != want {
			t.Errorf("localPath(%q) = %q, want %q", to, got, want)
		}
	}
}

func FuzzRedirectsStayOnTheDesk(f *testing.F) {
	for _, s := range []string{"/a", "//b", "/\\c", "/%5c%5cd", "/..//e", "https:f", "/a?b=//c#d"} {
		f.Add(s)
	}
	base := &url.URL{Scheme: "https", Host: "desk.test", Path: "/x"}
	f.Fuzz(func(t *testing.T, to string) {
		got := localPath(to)
		u, err := base.Parse(got)
		if err != nil || u.Host != "desk.test" || u.Scheme != "https" || !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.HasPrefix(got, "/\\") || strings.ContainsAny(got, "\r\n") {
			t.Errorf("localPath(%q) = %q", to, got)
		}
	})
}

func TestOtherSitesCannotPost(t *testing.T) {
	s := newSite(t)
	s.person(t, "wang", record.Volunteer)
	for name, set := range map[string]func(http.Header){
		"cross-site by fetch metadata": func(h http.Header) { h.Set("Sec-Fetch-Site", "cross-site") },
		"same site, other origin":      func(h http.Header) { h.Set("Sec-Fetch-Site", "same-site") },
		"another origin":               func(h http.Header) { h.Set("Origin", "https://evil.example") },
		"no origin at all":             func(h http.Header) { h.Set("Origin", "null") },
	} {
		b := s.as(t, "wang")
		req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/sign-out", nil)
		if err != nil {
			t.Fatal(err)
		}
		set(req.Header)
		if a := b.do(req); a.status != http.StatusForbidden || !strings.Contains(a.body, s.Texts.T(locale.Chinese, "problem.origin")) {
			t.Errorf("%s: status %d", name, a.status)
		}
		if b.get("/account").status != http.StatusOK {
			t.Errorf("%s signed the person out", name)
		}
	}
}

func TestFormsThatNeedNoAccountNeedTheirToken(t *testing.T) {
	s := newSite(t)
	s.person(t, "wang", record.Volunteer)
	form := url.Values{"name": {"wang"}, "passphrase": {passphrase}}
	b := s.browser(t)
	if a := b.post("/sign-in", form); a.status != http.StatusForbidden {
		t.Errorf("without token and cookie: %d", a.status)
	}
	other := s.browser(t)
	form.Set("token", tokenField.FindStringSubmatch(other.get("/sign-in").body)[1])
	b.get("/sign-in")
	if a := b.post("/sign-in", form); a.status != http.StatusForbidden {
		t.Errorf("with the token of another browser: %d", a.status)
	}
}

func TestLanguageIsChosenAndRemembered(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	if a := b.get("/sign-in"); !strings.Contains(a.body, `<html lang="zh-CN"`) {
		t.Error("Chinese is not the default")
	}
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/sign-in", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Language", "de, en-GB;q=0.8, zh;q=0.5")
	if a := b.do(req); !strings.Contains(a.body, `<html lang="en"`) {
		t.Error("the browser's language is not followed")
	}
	b.get("/sign-in?lang=en")
	if a := b.get("/sign-in"); !strings.Contains(a.body, `<html lang="en"`) {
		t.Error("the language that was chosen is not remembered")
	}
	if a := b.get("/sign-in?lang=xx"); !strings.Contains(a.body, `<html lang="en"`) {
		t.Error("a language that is not there changes something")
	}
}

func TestPanicsAndErrorsShowACodeAndNothingElse(t *testing.T) {
	s := newSite(t)
	for name, handle := range map[string]func(*Page) error{
		"panic with a text": func(*Page) error { panic("canary of a post") },
		"run-time panic":    func(p *Page) error { return p.Render([]string{"canary"}[len(p.Lang)], nil) },
		"error":             func(*Page) error { return errors.New("canary in an error") },
		"no template":       func(p *Page) error { return p.Render("nosuch", "canary") },
	} {
		h := s.Auth.Sessions(s.serve(Route{Method: "GET", Pattern: "/x", Public: true, Handle: handle}))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/x?lang=en", nil))
		body := w.Body.String()
		if w.Code != http.StatusInternalServerError || strings.Contains(body, "canary") || !strings.Contains(body, "Tell the admin") {
			t.Errorf("%s: %d %s", name, w.Code, body)
		}
	}
	log := s.log.String()
	if strings.Contains(log, "canary of a post") {
		t.Error("what a panic carried is in the log")
	}
	if !strings.Contains(log, "index out of range") || !strings.Contains(log, `"stack"`) {
		t.Error("the log does not say where it happened")
	}
}

func TestTooLargeFormsAreRefused(t *testing.T) {
	s := newSite(t)
	s.person(t, "wang", record.Volunteer)
	b := s.as(t, "wang")
	if a := b.post("/account", url.Values{"zone": {strings.Repeat("x", 70_000)}}); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", a.status)
	}
}

func TestOpenRoutesAnswerWithoutASession(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\n", "/robots.txt": "User-agent: *\nDisallow: /\n"} {
		if a := b.get(path); a.status != http.StatusOK || a.body != want || len(a.header["Set-Cookie"]) > 0 {
			t.Errorf("%s: %d %q", path, a.status, a.body)
		}
	}
	page := b.get("/sign-in")
	for name := range s.assets {
		i := strings.Index(page.body, "/static/"+name)
		if i < 0 {
			continue
		}
		address, _, _ := strings.Cut(page.body[i:], `"`)
		if a := b.get(address); a.status != http.StatusOK || !strings.Contains(a.header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %s", address, a.status, a.header.Get("Cache-Control"))
		}
	}
}

type everyField struct {
	Text   string   `form:"text" max:"5"`
	List   []string `form:"list"`
	Number int      `form:"number"`
	Is     bool     `form:"is"`
	Other  string
}

func TestFormsAreReadIntoStructs(t *testing.T) {
	var got everyField
	wrong := readForm(url.Values{"text": {" 五个字都在 "}, "list": {"a", "", " b"}, "number": {"-3"}, "is": {"on"}, "Other": {"x"}}, &got)
	if want := (everyField{Text: "五个字都在", List: []string{"a", "b"}, Number: -3, Is: true}); len(wrong) > 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, complaints %v", got, wrong)
	}
	wrong = readForm(url.Values{"text": {"sixsix"}, "number": {"3x"}, "list": {"a\x00"}}, &got)
	for field, key := range map[string]string{"text": "long", "number": "number", "list": "unreadable"} {
		if wrong[field].key != key {
			t.Errorf("%s: %v, want %s", field, wrong[field], key)
		}
	}
}

func FuzzReadForm(f *testing.F) {
	f.Add("text=a&list=b&list=c&number=1&is=1")
	f.Add("text=%ff%00&number=99999999999999999999")
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		var got everyField
		wrong := readForm(values, &got)
		for _, s := range append(got.List, got.Text) {
			if !utf8.ValidString(s) || strings.ContainsRune(s, 0) || s != strings.TrimSpace(s) {
				t.Errorf("read %q", s)
			}
		}
		if utf8.RuneCountInString(got.Text) > 5 && wrong["text"].key == "" {
			t.Errorf("no complaint of %q", got.Text)
		}
	})
}
