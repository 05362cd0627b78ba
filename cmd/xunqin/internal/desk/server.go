package desk

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"path"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"xunqin/cmd/xunqin/internal/auth"
	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/pipeline"
	"xunqin/pipeline/record"
	"xunqin/pipeline/record/policy"
)

// Server is the desk. All fields must be set but those said to be optional.
type Server struct {
	Records  *record.Store
	Pipeline *pipeline.Pipeline // open; with the index, the pictures and the keys
	Auth     *auth.Gate
	Texts    *locale.Catalog
	Policy   policy.Policy
	Log      *slog.Logger
	Now      func() time.Time
	BaseURL  string                     // https://desk.example.org; with https the browser is told to stay with it
	Zone     *time.Location             // of readers who chose none; optional, Asia/Shanghai
	ClientIP func(*http.Request) string // who asks, behind a trusted proxy; optional, the connection's other end

	templates map[string]*template.Template // by language
	assets    map[string]asset
	intake    intake
}

//go:embed templates static
var files embed.FS

type asset struct {
	body    []byte
	version string // names the content
}

// The limits of one request. An answer that takes longer than requestTime is cut off.
const (
	formBody    = 64 << 10 // bytes
	requestTime = 60 * time.Second
)

// HTTPServer is a server for the handler with its time limits set, so that slow clients hold nothing for long.
func HTTPServer(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: requestTime, WriteTimeout: 2 * requestTime, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
}

// Handler checks the table of routes, reads the templates, and gives the whole desk.
func (s *Server) Handler() (http.Handler, error) {
	routes := s.Routes()
	if err := checkRoutes(routes); err != nil {
		return nil, err
	}
	if s.Zone == nil {
		zone, err := time.LoadLocation("Asia/Shanghai")
		if err != nil {
			return nil, fmt.Errorf("desk: %w", err)
		}
		s.Zone = zone
	}
	if err := s.loadAssets(); err != nil {
		return nil, err
	}
	if err := s.loadTemplates(); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for _, r := range routes {
		var h http.Handler = s.serve(r)
		if r.cache() != Static {
			h = s.Auth.Sessions(h)
		}
		mux.Handle(r.Method+" "+r.Pattern, h)
	}
	// What no route takes, with any method, is answered as what may not be seen.
	mux.Handle("/", s.Auth.Sessions(s.serve(Route{Method: "GET", Pattern: "/", AnyRole: true, Handle: func(*Page) error { return record.ErrNotFound }})))

	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(s.Auth.Sessions(s.serve(Route{Method: "GET", Pattern: "/", Public: true, Handle: func(*Page) error {
		return &Problem{Status: http.StatusForbidden, Key: "origin"}
	}})))
	return s.Headers(origin.Handler(mux)), nil
}

func (s *Server) loadAssets() error {
	s.assets = map[string]asset{}
	return fs.WalkDir(files, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		s.assets[path.Base(name)] = asset{b, hex.EncodeToString(sum[:6])}
		return nil
	})
}

func (s *Server) loadTemplates() error {
	s.templates = map[string]*template.Template{}
	for _, lang := range locale.Langs() {
		t, err := template.New("").Funcs(template.FuncMap{
			"T":     func(key string, pairs ...any) string { return s.Texts.T(lang, key, pairs...) },
			"Of":    func(table string, value any) string { return s.Texts.T(lang, table+"."+fmt.Sprint(value)) },
			"why":   func(word string) string { return s.why(lang, word) },
			"asset": func(name string) string { return "/static/" + name + "?v=" + s.assets[name].version },
			"bad":   func(e Errors, field string) complaint { return complaint{field, e[field]} },
		}).ParseFS(files, "templates/*.html")
		if err != nil {
			return fmt.Errorf("templates: %w", err)
		}
		s.templates[lang] = t
	}
	return nil
}

// why is a word of the crawler or the pipeline in a language; one that has no text yet stands as it is.
func (s *Server) why(lang, word string) string {
	if key := "why." + word; s.Texts.Has(key) {
		return s.Texts.T(lang, key)
	}
	return word
}

// Headers sets what every answer carries, a page's or a program's.
func (s *Server) Headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' blob:; connect-src 'self'; "+
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), interest-cohort=()")
		h.Set("X-Robots-Tag", "noindex, nofollow, noarchive, noimageindex")
		h.Set("Cache-Control", "no-store")
		if s.secure() {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// mark is a keyed mark: without the key files it cannot be made for another text.
func (s *Server) mark(purpose, text string) string { return s.Pipeline.Keys.Pseudonym(purpose, text) }

func (s *Server) secure() bool { return strings.HasPrefix(s.BaseURL, "https:") }

// serve answers one route: it finds out who asks, refuses whoever may not, and turns errors and panics into pages.
func (s *Server) serve(route Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTime)
		defer cancel()
		limit := route.Body
		if limit == 0 {
			limit = formBody
		}
		r = r.WithContext(ctx)
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		p := &Page{R: r, W: w, s: s, route: route, start: time.Now(), Lang: locale.Chinese, Zone: s.Zone}
		defer func() {
			if v := recover(); v != nil {
				s.crash(p, v)
			}
		}()
		if err := s.answer(p); err != nil {
			p.fail(err)
		}
	})
}

func (s *Server) answer(p *Page) error {
	if p.route.cache() == Static {
		return p.route.Handle(p)
	}
	if err := p.identify(); err != nil {
		return err
	}
	if !p.route.Public {
		if p.User.ID == "" {
			return p.signInFirst()
		}
		if !p.route.allows(p.User) {
			return record.ErrNotFound
		}
	}
	if p.route.CSRF() == "origin+token" {
		if err := p.checkToken(); err != nil {
			return err
		}
	}
	return p.route.Handle(p)
}

// crash answers a panic. Of its value only a run-time error is logged: any other may carry what people wrote.
func (s *Server) crash(p *Page, v any) {
	if v == http.ErrAbortHandler {
		panic(v)
	}
	what := fmt.Sprintf("%T", v)
	var re runtime.Error
	if err, ok := v.(error); ok && errors.As(err, &re) {
		what = re.Error()
	}
	code := newCode()
	s.Log.ErrorContext(p.Context(), "panic", "code", code, "route", p.route.Pattern, "what", what, "stack", string(debug.Stack()))
	if !p.written {
		p.failWith(&Problem{Status: http.StatusInternalServerError, Key: "internal", Args: []any{"code", code}})
	}
}

// newCode names one failure, so that a person can tell an admin which one it was.
func newCode() string { return strings.ToLower(rand.Text()[:8]) }

// frameRoutes are those of the frame itself.
func (s *Server) frameRoutes() []Route {
	return []Route{
		{Method: "GET", Pattern: "/{$}", AnyRole: true, Handle: s.home},
		{Method: "GET", Pattern: "/keys", AnyRole: true, Handle: s.keys},
		{Method: "GET", Pattern: "/static/{name}", Public: true, Cache: Static, Handle: s.static},
		{Method: "GET", Pattern: "/robots.txt", Public: true, Cache: Static, Handle: s.robots},
		{Method: "GET", Pattern: "/healthz", Public: true, Cache: Static, Handle: s.healthz},
		{Method: "GET", Pattern: "/readyz", Public: true, Cache: Static, Handle: s.readyz},
	}
}

// home sends people to the first page of their navigation.
func (s *Server) home(p *Page) error {
	for _, m := range s.menu() {
		if m.allows(p.User) {
			return p.Redirect(m.path)
		}
	}
	return p.Redirect("/account")
}

func (s *Server) keys(p *Page) error { return p.Render("keys", nil) }

func (s *Server) static(p *Page) error {
	name := p.Path("name")
	a, ok := s.assets[name]
	if !ok {
		return p.plain(http.StatusNotFound, "not found\n")
	}
	if p.R.URL.Query().Get("v") == a.version {
		p.W.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeContent(p.W, p.R, name, time.Time{}, bytes.NewReader(a.body))
	return nil
}

func (s *Server) robots(p *Page) error { return p.plain(http.StatusOK, "User-agent: *\nDisallow: /\n") }

// healthz says that the process answers.
func (s *Server) healthz(p *Page) error { return p.plain(http.StatusOK, "ok\n") }

// readyz says whether the record answers, and no more: it is open to everybody. Without the index the desk still answers, see
// the health page for that.
func (s *Server) readyz(p *Page) error {
	ctx, cancel := context.WithTimeout(p.Context(), 5*time.Second)
	defer cancel()
	_, err := s.Records.LastChange(ctx, nil)
	if err != nil {
		s.Log.WarnContext(ctx, "not ready", "error", err)
		return p.plain(http.StatusServiceUnavailable, "not ready\n")
	}
	return p.plain(http.StatusOK, "ready\n")
}

// addr is who asks.
func (s *Server) addr(r *http.Request) string {
	if s.ClientIP != nil {
		return s.ClientIP(r)
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// menuItem is a page in the navigation.
type menuItem struct {
	key, path string
	roles     []record.Role
}

func (m menuItem) allows(u record.User) bool { return Route{Roles: m.roles}.allows(u) }

// menu is the navigation, in its order; people see what their roles allow.
func (s *Server) menu() []menuItem {
	return []menuItem{
		{"today", "/today", readers()},
		{"search", "/search/photo", volunteers()},
		{"leads", "/leads", volunteers()},
		{"reports", "/reports", volunteers()},
		{"queries", "/queries", activists()},
		{"inbox", "/inbox", readers()},
		{"health", "/health", admins()},
		{"sources", "/sources", admins()},
		{"runs", "/runs", admins()},
		{"matching", "/matching", admins()},
		{"people", "/people", admins()},
		{"audit", "/audit", []record.Role{record.Auditor}},
	}
}
