// Package api answers programs: searches, posts, pictures, photos, reports and leads as JSON over HTTP, described by an OpenAPI
// document that it serves itself.
//
// A [Server] stands on a desk. Whoever asks shows a token, which is bound to a person; what that person may see is decided by the
// functions of package desk that decide what the pages show, and every answer is made of the views the pages are made of. A token has
// scopes, which narrow what its person may do. No route sends the sharp bytes of a photo: that is a reveal, which people do.
//
// To add a route, write its operation in the table of a family ([Server.operations]) with its scope, and its types in types.go.
package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"xunqin/cmd/xunqin/internal/auth"
	"xunqin/cmd/xunqin/internal/desk"
	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/pipeline/record"
)

// Base is where the API stands.
const Base = "/api/v1"

// The limits of one request. An answer that takes longer than requestTime is cut off.
const (
	mostBody    = 64 << 10 // bytes, where the operation takes no photo
	requestTime = 60 * time.Second
)

// Server is the API.
type Server struct {
	Desk *desk.Server // whose views it answers with; all its fields set

	pace *auth.Pace
	json []byte // the document
	yaml []byte
}

// Handler makes the API. It answers every path under /api/.
func (s *Server) Handler() (http.Handler, error) {
	limit := s.Desk.Policy.Limits.CallsAMinute
	s.pace = &auth.Pace{Every: time.Minute / time.Duration(limit), Burst: max(1, limit/2), Now: s.Desk.Now}
	mux := http.NewServeMux()
	oapi, err := s.register(mux)
	if err != nil {
		return nil, err
	}
	if s.json, err = json.Marshal(oapi); err != nil {
		return nil, fmt.Errorf("document of the API: %w", err)
	}
	if s.yaml, err = oapi.YAML(); err != nil {
		return nil, fmt.Errorf("document of the API: %w", err)
	}
	mux.HandleFunc("GET "+Base+"/openapi.json", document(s.json, "application/json"))
	mux.HandleFunc("GET "+Base+"/openapi.yaml", document(s.yaml, "application/yaml"))
	for path, methods := range methodsOf(oapi) {
		mux.HandleFunc(Base+path, s.noMethod(methods))
	}
	mux.HandleFunc("/", s.missing)
	return s.Desk.Headers(mux), nil
}

// Document is the OpenAPI document, as JSON.
func (s *Server) Document() []byte { return s.json }

// register adds every operation.
func (s *Server) register(mux *http.ServeMux) (*huma.OpenAPI, error) {
	config := huma.Config{OpenAPI: s.about(), Formats: map[string]huma.Format{"application/json": jsonFormat(), "json": jsonFormat()}, DefaultFormat: "application/json",
		RejectUnknownQueryParameters: true, Transformers: []huma.Transformer{s.transform}}
	x := humago.NewWithPrefix(mux, Base, config)
	ops := s.operations()
	for _, o := range ops {
		if err := o.check(); err != nil {
			return nil, err
		}
		o.register(s, x)
	}
	oapi := x.OpenAPI()
	for _, of := range []string{"ErrorModel", "ErrorDetail"} { // the library's, whose place Problem takes
		delete(oapi.Components.Schemas.Map(), of)
	}
	return oapi, nil
}

// jsonFormat reads and writes JSON; it escapes nothing for HTML, as no answer is shown as that.
func jsonFormat() huma.Format {
	return huma.Format{Marshal: func(w io.Writer, v any) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return enc.Encode(v)
	}, Unmarshal: json.Unmarshal}
}

// methodsOf lists the methods of each path.
func methodsOf(oapi *huma.OpenAPI) map[string][]string {
	out := map[string][]string{"/openapi.json": {"GET", "HEAD"}, "/openapi.yaml": {"GET", "HEAD"}}
	for path, item := range oapi.Paths {
		for method, op := range map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "DELETE": item.Delete} {
			if op != nil {
				out[path] = append(out[path], method)
			}
		}
		if item.Get != nil {
			out[path] = append(out[path], "HEAD")
		}
		slices.Sort(out[path])
	}
	return out
}

// document serves a fixed text, which a reader may keep as long as it is the same.
func document(b []byte, kind string) http.HandlerFunc {
	sum := sha256.Sum256(b)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", kind)
		h.Set("ETag", tag)
		h.Set("Cache-Control", "no-cache")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
	}
}

// asker is who asks: a person, by one of their tokens.
type asker struct {
	user  record.User
	token record.Token
	lang  string
}

// admit finds out who asks, and counts the request.
func (s *Server) admit(r *http.Request) (asker, *Problem) {
	a := asker{lang: locale.Accepted(r.Header.Get("Accept-Language"))}
	var err error
	a.user, a.token, err = s.Desk.Auth.Bearer(r.Context(), r.Header.Get("Authorization"))
	if errors.Is(err, auth.ErrRefused) {
		return a, s.problem(a.lang, http.StatusUnauthorized, "unsigned")
	}
	if err != nil {
		s.Desk.Log.ErrorContext(r.Context(), "token", "error", err)
		return a, s.problem(a.lang, http.StatusServiceUnavailable, "busy")
	}
	if lang, ok := locale.Known(a.user.Lang); ok && r.Header.Get("Accept-Language") == "" {
		a.lang = lang
	}
	if ready, ok := s.pace.Take(a.token.ID); !ok {
		wait := max(time.Second, ready.Sub(s.Desk.Now()))
		p := s.problem(a.lang, http.StatusTooManyRequests, "calls", "n", int((wait+time.Second-1)/time.Second))
		p.wait = wait
		return a, p
	}
	return a, nil
}

// missing answers where there is nothing, as if there were something that may not be seen.
func (s *Server) missing(w http.ResponseWriter, r *http.Request) {
	a, p := s.admit(r)
	if p == nil {
		page := s.Desk.Program(w, r, a.user, a.lang, a.token, Base)
		errors.As(s.fail(page, record.ErrNotFound), &p)
	}
	p.write(w, a.lang)
}

// noMethod answers a method that a path does not have.
func (s *Server) noMethod(methods []string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a, p := s.admit(r)
		if p == nil {
			w.Header().Set("Allow", strings.Join(methods, ", "))
			p = s.problem(a.lang, http.StatusMethodNotAllowed, "method")
		}
		p.write(w, a.lang)
	}
}

// pageKey finds the page of a request in its context.
type pageKey struct{}

func pageOf(ctx context.Context) *desk.Page { return ctx.Value(pageKey{}).(*desk.Page) }

// guard stands before an operation: it finds out who asks, refuses whoever may not, bounds the request, and turns panics into answers.
func (s *Server) guard(o operation) func(huma.Context, func(huma.Context)) {
	return func(hc huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(hc)
		ctx, cancel := context.WithTimeout(hc.Context(), requestTime)
		defer cancel()
		w.Header().Add("Vary", "Accept-Language, Authorization")
		r.Body = http.MaxBytesReader(w, r.Body, o.body())
		r = r.WithContext(ctx)
		a, p := s.admit(r)
		if p == nil && !o.allows(a) {
			p = s.problem(a.lang, http.StatusForbidden, "scope", "scope", o.scope)
		}
		if p == nil {
			p = s.checkQuery(a.lang, r.URL.RawQuery)
		}
		if p != nil {
			p.write(w, a.lang)
			return
		}
		w.Header().Set("Content-Language", a.lang)
		defer s.crashed(w, r, a.lang)
		next(huma.WithValue(huma.WithContext(hc, ctx), pageKey{}, s.Desk.Program(w, r, a.user, a.lang, a.token, Base)))
	}
}

// crashed answers a panic, unless an answer has begun. Its value may carry what people wrote: its type alone is logged.
func (s *Server) crashed(w http.ResponseWriter, r *http.Request, lang string) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	code := newCode()
	s.Desk.Log.ErrorContext(r.Context(), "panic", "code", code, "route", r.Pattern, "what", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
	s.problem(lang, http.StatusInternalServerError, "internal", "code", code).write(w, lang)
}

// newCode names one failure, so that a person can tell an admin which one it was.
func newCode() string { return strings.ToLower(rand.Text()[:8]) }

// transform puts our problems in the place of the library's.
func (s *Server) transform(ctx huma.Context, _ string, v any) (any, error) {
	e, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	return s.translate(pageOf(ctx.Context()).Lang, e), nil
}
