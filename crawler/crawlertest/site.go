// Package crawlertest is what tests of the crawler share: a site on loopback
// that serves what it is told and counts what it is asked ([Site]), faults that
// sites show ([Status], [Bomb], [Hang] and their kin), the suite every Reader
// passes ([Run]) and the one every Pace passes ([Pace]).
//
// Loopback is reached as in production: through the guard's exceptions, which
// [NewDoor] sets for the sites it is given.
package crawlertest

import (
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"xunqin/crawler"
	"xunqin/crawler/guard"
)

// Site is a web site on loopback. Paths without a handler answer 404, so a
// fresh Site has no robots.txt and allows everything.
type Site struct {
	URL string // http://127.0.0.1:port

	mu       sync.Mutex
	handlers map[string]http.Handler
	other    http.Handler
	asked    []Asked
	server   *httptest.Server
}

// Asked is one request as it arrived.
type Asked struct {
	At     time.Time
	Path   string // with the query
	Header http.Header
}

// NewSite starts a site that ends with the test.
func NewSite(t testing.TB) *Site {
	t.Helper()
	s := &Site{handlers: map[string]http.Handler{}}
	s.server = httptest.NewServer(s)
	s.URL = s.server.URL
	t.Cleanup(func() {
		s.server.CloseClientConnections()
		s.server.Close()
	})
	return s
}

// Handle answers requests for path with h, whatever their query. It replaces
// what was there.
func (s *Site) Handle(path string, h http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handlers[path] = h
}

// Fallback answers requests for paths without a handler of their own.
func (s *Site) Fallback(h http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.other = h
}

// ServeHTTP implements http.Handler.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, Asked{time.Now(), r.URL.RequestURI(), r.Header.Clone()})
	h := s.handlers[r.URL.Path]
	if h == nil && r.URL.Path != "/robots.txt" {
		h = s.other
	}
	s.mu.Unlock()
	if h == nil {
		h = http.NotFoundHandler()
	}
	h.ServeHTTP(w, r)
}

// Asked lists the requests so far, in order of arrival.
func (s *Site) Asked() []Asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Asked(nil), s.asked...)
}

// Count is how often path was asked for, whatever the query.
func (s *Site) Count(path string) int {
	n := 0
	for _, a := range s.Asked() {
		if p, _, _ := strings.Cut(a.Path, "?"); p == path {
			n++
		}
	}
	return n
}

// Forget empties the list of requests.
func (s *Site) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = nil
}

// NewDoor is a Door that reaches the given sites and no other address of
// loopback.
func NewDoor(t testing.TB, sites ...*Site) *crawler.Door {
	t.Helper()
	return &crawler.Door{Guard: NewGuard(t, sites...), Version: "test"}
}

// NewGuard is the guard of NewDoor.
func NewGuard(t testing.TB, sites ...*Site) *guard.Dialer {
	t.Helper()
	d := &guard.Dialer{AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
	for _, s := range sites {
		u, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		d.AllowPorts = append(d.AllowPorts, netip.MustParseAddrPort(u.Host).Port())
	}
	return d
}

// Body serves one document.
func Body(contentType, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if contentType == "" {
			w.Header()["Content-Type"] = nil
		} else {
			w.Header().Set("Content-Type", contentType)
		}
		fmt.Fprint(w, body)
	})
}

// Status answers with a status, headers given as key and value in turn, and an
// empty body.
func Status(code int, headers ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Add(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
	})
}

// Redirect answers 302 to where.
func Redirect(where string) http.Handler { return Status(http.StatusFound, "Location", where) }

// Login is a sign-in page with status 200.
func Login() http.Handler {
	return Body("text/html; charset=utf-8", `<!DOCTYPE html><html><head><title>Sign in</title></head><body><form method="post"><input name="user"><input type="password" name="p"></form></body></html>`)
}

// Captcha is a puzzle with status 200.
func Captcha() http.Handler {
	return Body("text/html; charset=utf-8", `<!DOCTYPE html><html><body><div class="g-recaptcha"></div><input type="password"></body></html>`)
}

// Bomb sends size bytes of blanks, packed to a thousandth of them.
func Bomb(contentType string, size int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		blank := make([]byte, 64<<10)
		for i := range blank {
			blank[i] = ' '
		}
		for sent := 0; sent < size; sent += len(blank) {
			if _, err := z.Write(blank); err != nil {
				return
			}
		}
		z.Close()
	})
}

// Cut promises more bytes than it sends and hangs up.
func Cut(contentType, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Length", fmt.Sprint(len(body)+100))
		fmt.Fprint(w, body)
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
}

// Hang sends the header and a first byte, then nothing until the client is
// gone. begun gets a value when it hangs; it may be nil.
func Hang(contentType string, begun chan<- struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		fmt.Fprint(w, " ")
		http.NewResponseController(w).Flush()
		if begun != nil {
			select {
			case begun <- struct{}{}:
			default:
			}
		}
		<-r.Context().Done()
	})
}

// Tagged serves one document with an ETag and answers 304 to who has it.
func Tagged(contentType, etag, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", etag)
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		Body(contentType, body).ServeHTTP(w, r)
	})
}
