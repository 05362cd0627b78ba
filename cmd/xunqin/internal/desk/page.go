package desk

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"database/sql"
	"errors"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"xunqin/cmd/xunqin/internal/auth"
	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/pipeline/record"
	"xunqin/search"
)

// Page is one request being answered, and who asks.
type Page struct {
	R    *http.Request
	W    http.ResponseWriter
	User record.User // ID is empty for nobody
	Lang string
	Zone *time.Location

	s       *Server
	route   Route
	start   time.Time
	written bool
	program *program // that asks in the person's name, where no browser does
}

// Problem is a refusal that people can act on. Its text is the catalog's problem.<Key>, which says what happened, whether
// anything was saved and who can help.
type Problem struct {
	Status int
	Key    string
	Args   []any     // pairs for the text
	Until  time.Time // when to ask again, where that is known
}

func (e *Problem) Error() string { return "problem " + e.Key }

// Context is the request's.
func (p *Page) Context() context.Context { return p.R.Context() }

// Path is a part of the path that the pattern names.
func (p *Page) Path(name string) string { return p.R.PathValue(name) }

// T is a text in the reader's language.
func (p *Page) T(key string, pairs ...any) string { return p.s.Texts.T(p.Lang, key, pairs...) }

// At is an instant in the reader's zone.
func (p *Page) At(t time.Time) locale.Moment { return locale.At(p.Lang, t, p.Zone) }

// AtIn is an instant in another zone, such as a source's.
func (p *Page) AtIn(t time.Time, zone *time.Location) locale.Moment {
	return locale.At(p.Lang, t, zone)
}

// Day is the day of an instant in the reader's zone.
func (p *Page) Day(t time.Time) locale.Moment { return locale.Day(p.Lang, t, p.Zone) }

// Change runs fn in one transaction of the record. See [record.Store.Tx].
func (p *Page) Change(fn func(*sql.Tx) error) error { return p.s.Records.Tx(p.Context(), fn) }

// Audit notes what the person did to which object, in machine words and ids alone. It comes last in a transaction.
func (p *Page) Audit(tx *sql.Tx, action, object, detail string) error {
	return p.s.Records.Audit(p.Context(), tx, p.User.ID, action, object, detail)
}

// Flash keeps a text for the top of the person's next page.
func (p *Page) Flash(text string) { p.s.Auth.Flash(p.Context(), text) }

// Redirect sends the browser to a path of the desk. Anything else leads to the first page.
func (p *Page) Redirect(to string) error {
	p.written = true
	http.Redirect(p.W, p.R, localPath(to), http.StatusSeeOther)
	return nil
}

// localPath keeps a path and its query where a browser cannot take them for another site.
func localPath(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || u.Opaque != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.ContainsAny(to, "\\\x00\r\n\t") {
		return "/"
	}
	// Printed without scheme and host; a path that begins with two slashes after cleaning would name a host.
	return (&url.URL{Path: path.Clean(u.Path), RawQuery: u.RawQuery, Fragment: u.Fragment}).String()
}

// identify finds language, zone and person.
func (p *Page) identify() error {
	user, ok, err := p.s.Auth.User(p.Context())
	if err != nil {
		return err
	}
	if ok {
		p.User = user
	}
	p.Lang = p.language()
	if zone, err := time.LoadLocation(user.Zone); ok && err == nil && user.Zone != "" {
		p.Zone = zone
	}
	return nil
}

// language is the one asked for in the address, which is then remembered; else the one remembered; else the account's;
// else the browser's.
func (p *Page) language() string {
	if lang, ok := locale.Known(p.R.URL.Query().Get("lang")); ok {
		http.SetCookie(p.W, &http.Cookie{Name: "lang", Value: lang, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, Secure: p.s.secure(), SameSite: http.SameSiteStrictMode})
		return lang
	}
	if c, err := p.R.Cookie("lang"); err == nil {
		if lang, ok := locale.Known(c.Value); ok {
			return lang
		}
	}
	if lang, ok := locale.Known(p.User.Lang); ok {
		return lang
	}
	return locale.Accepted(p.R.Header.Get("Accept-Language"))
}

// signInFirst sends one who is not signed in to sign in and come back; it is the same for a page that is not there.
func (p *Page) signInFirst() error {
	to := "/sign-in"
	if p.R.Method == http.MethodGet && p.R.URL.Path != "/" {
		to += "?" + url.Values{"next": {p.R.URL.RequestURI()}}.Encode()
	}
	return p.Redirect(to)
}

const tokenCookie = "form"

// Token is what a form that needs no account carries, bound to a cookie of the same browser.
func (p *Page) Token() string {
	var secret string
	if c, err := p.R.Cookie(tokenCookie); err == nil && len(c.Value) >= 26 && len(c.Value) <= 64 {
		secret = c.Value
	} else {
		secret = rand.Text()
		http.SetCookie(p.W, &http.Cookie{Name: tokenCookie, Value: secret, Path: "/", HttpOnly: true, Secure: p.s.secure(), SameSite: http.SameSiteStrictMode})
		p.R.AddCookie(&http.Cookie{Name: tokenCookie, Value: secret}) // for a second form on the page
	}
	return p.s.mark("form", secret)
}

func (p *Page) checkToken() error {
	if err := p.parse(); err != nil {
		return err
	}
	c, err := p.R.Cookie(tokenCookie)
	if err != nil || !hmac.Equal([]byte(p.s.mark("form", c.Value)), []byte(p.R.PostForm.Get("token"))) {
		return &Problem{Status: http.StatusForbidden, Key: "token"}
	}
	return nil
}

// view is the dot of every template.
type view struct {
	*Page
	Name  string // of the page, which marks it in the navigation
	Title template.HTML
	Main  template.HTML
	Flash string
	D     any // what the handler gave
}

// SignedIn reports whether somebody is.
func (v view) SignedIn() bool { return v.User.ID != "" }

// Can reports whether the person holds the role.
func (v view) Can(role string) bool { return v.User.Is(record.Role(role)) }

// Here is the path of the page.
func (v view) Here() string { return v.R.URL.Path }

// navItem is a line of the navigation.
type navItem struct {
	Key, Path string
	Active    bool
}

// Nav is the navigation of the person.
func (v view) Nav() []navItem {
	var items []navItem
	for _, m := range v.s.menu() {
		if m.allows(v.User) {
			at := v.R.URL.Path
			items = append(items, navItem{m.key, m.path, at == m.path || strings.HasPrefix(at, m.path+"/")})
		}
	}
	return items
}

// langItem is a language to switch to.
type langItem struct {
	Lang, Path string
	Active     bool
}

// Langs are the languages and the address of this page in each.
func (v view) Langs() []langItem {
	var items []langItem
	for _, lang := range locale.Langs() {
		q := v.R.URL.Query()
		q.Set("lang", lang)
		items = append(items, langItem{lang, v.R.URL.Path + "?" + q.Encode(), lang == v.Lang})
	}
	return items
}

// Render answers with a page: templates name.title and name.main inside the frame, with data as .D.
func (p *Page) Render(name string, data any) error {
	return p.render(http.StatusOK, name, data)
}

// Again answers a form with the same page, its data and its complaints.
func (p *Page) Again(name string, data any) error {
	return p.render(http.StatusUnprocessableEntity, name, data)
}

func (p *Page) render(status int, name string, data any) error {
	t := p.s.templates[p.Lang]
	v := view{Page: p, Name: name, D: data}
	if p.User.ID != "" {
		v.Flash = p.s.Auth.TakeFlash(p.Context())
	}
	var title, main, whole bytes.Buffer
	if err := t.ExecuteTemplate(&title, name+".title", v); err != nil {
		return err
	}
	if err := t.ExecuteTemplate(&main, name+".main", v); err != nil {
		return err
	}
	v.Title, v.Main = template.HTML(bytes.TrimSpace(title.Bytes())), template.HTML(main.Bytes()) // both are output of html/template
	if err := t.ExecuteTemplate(&whole, "layout", v); err != nil {
		return err
	}
	p.W.Header().Set("Content-Type", "text/html; charset=utf-8")
	p.W.Header().Set("Content-Language", p.Lang)
	p.W.Header().Add("Vary", "Accept-Language, Cookie")
	p.written = true
	p.W.WriteHeader(status)
	_, err := whole.WriteTo(p.W)
	if err != nil {
		p.s.Log.DebugContext(p.Context(), "answer cut off", "route", p.route.Pattern)
	}
	return nil
}

// plain answers with a line of text.
func (p *Page) plain(status int, text string) error {
	p.W.Header().Set("Content-Type", "text/plain; charset=utf-8")
	p.written = true
	p.W.WriteHeader(status)
	_, _ = io.WriteString(p.W, text) // the reader has gone
	return nil
}

// fail turns an error into the page that people see.
func (p *Page) fail(err error) {
	if p.written {
		p.s.Log.ErrorContext(p.Context(), "after the answer", "route", p.route.Pattern, "error", err)
		return
	}
	p.failWith(p.problem(err))
}

// problem is what people are told of an error. What is nobody's fault but the program's is logged under a code.
func (p *Page) problem(err error) *Problem {
	var problem *Problem
	var wait *auth.WaitError
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &problem):
	case errors.Is(err, record.ErrNotFound):
		// Not there and not allowed leave alike: same words, same step of time.
		p.s.Auth.Step(p.Context(), p.start)
		problem = &Problem{Status: http.StatusNotFound, Key: "missing"}
	case errors.Is(err, record.ErrStale):
		problem = &Problem{Status: http.StatusConflict, Key: "stale"}
	case errors.As(err, &wait):
		problem = &Problem{Status: http.StatusTooManyRequests, Key: "wait", Args: []any{"n", p.minutesTo(wait.Until)}, Until: wait.Until}
	case errors.Is(err, auth.ErrBusy):
		problem = &Problem{Status: http.StatusServiceUnavailable, Key: "busy"}
	case errors.Is(err, search.ErrUnavailable):
		p.s.Log.WarnContext(p.Context(), "no answer from the index", "route", p.route.Pattern, "error", err)
		problem = &Problem{Status: http.StatusServiceUnavailable, Key: "index"}
	case errors.As(err, &large):
		problem = &Problem{Status: http.StatusRequestEntityTooLarge, Key: "large"}
	default:
		code := newCode()
		p.s.Log.ErrorContext(p.Context(), "request", "code", code, "route", p.route.Pattern, "error", err)
		problem = &Problem{Status: http.StatusInternalServerError, Key: "internal", Args: []any{"code", code}}
	}
	return problem
}

// minutesTo is how many whole minutes to wait, at least 1.
func (p *Page) minutesTo(t time.Time) int {
	return max(1, int((t.Sub(p.s.Now())+time.Minute-1)/time.Minute))
}

func (p *Page) failWith(e *Problem) {
	if err := p.render(cmp.Or(e.Status, http.StatusBadRequest), "problem", p.T("problem."+e.Key, e.Args...)); err != nil {
		p.s.Log.ErrorContext(p.Context(), "error page", "error", err)
		http.Error(p.W, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
	}
}
