package desk

import (
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"xunqin/cmd/xunqin/internal/auth"
	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/pipeline/record"
	"xunqin/pipeline/record/policy"
	"xunqin/pipeline/record/recordtest"
)

// site is a desk on a real server over a real record.
type site struct {
	*Server
	URL string
	log *lockedBuffer

	mu  sync.Mutex
	now time.Time
}

type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (s *site) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *site) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func mark(purpose, text string) string {
	h := hmac.New(sha256.New, []byte("key of the tests"))
	io.WriteString(h, purpose+"\x00"+text)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// seal is no seal: the tests' secrets guard nothing.
func seal(purpose string, plain []byte) []byte { return append([]byte(purpose+":"), plain...) }

func unseal(purpose string, sealed []byte) ([]byte, error) {
	if plain, ok := strings.CutPrefix(string(sealed), purpose+":"); ok {
		return []byte(plain), nil
	}
	return nil, errors.New("not sealed for this")
}

// passphraseHash is of passphrase, at the least cost that argon2 allows, so that hundreds of sign-ins take no time.
const (
	passphrase     = "correct horse battery"
	passphraseHash = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$uxWTSOnvlCJwDdrvGjf7x3xvw771mTCJHUN5gdfCrTw"
)

// newSite starts a desk. Changes are made to the Server before its handler is built.
func newSite(t testing.TB, changes ...func(*site)) *site {
	t.Helper()
	s := &site{now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), log: &lockedBuffer{}}
	texts, err := locale.Load()
	if err != nil {
		t.Fatal(err)
	}
	rules := policy.Default()
	rules.Limits.AnswerStep = policy.Duration(time.Millisecond) // how long answers wait is a test of its own
	records := recordtest.Open(t)
	records.Now = s.clock
	s.Server = &Server{
		Records: records, Texts: texts, Policy: rules, Now: s.clock, Mark: mark,
		Log: slog.New(slog.NewJSONHandler(s.log, nil)), BaseURL: "http://desk.test", Least: time.Minute,
	}
	for _, change := range changes {
		change(s)
	}
	if s.Auth == nil {
		s.Auth = newGate(t, s, false)
	}
	h, err := s.Handler()
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	s.URL = srv.URL
	return s
}

func newGate(t testing.TB, s *site, factor bool) *auth.Gate {
	t.Helper()
	g, err := auth.New(auth.Options{Records: s.Records, Policy: s.Policy, Log: s.Log, Now: s.clock, BaseURL: s.BaseURL, Mark: mark, Seal: seal, Open: unseal, SecondFactor: factor})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// browser keeps cookies and follows no redirect.
type browser struct {
	t    testing.TB
	site *site
	http *http.Client
}

func (s *site) browser(t testing.TB) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, s, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (b *browser) do(req *http.Request) answer {
	b.t.Helper()
	res, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}

func (b *browser) get(path string) answer {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), "GET", b.site.URL+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(req)
}

// post sends a form as a browser on the site does.
func (b *browser) post(path string, form url.Values) answer {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), "POST", b.site.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", b.site.URL)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(req)
}

var tokenField = regexp.MustCompile(`name="token" value="([^"]+)"`)

// fill gets a form that needs no account and posts it with its token.
func (b *browser) fill(path string, form url.Values) answer {
	b.t.Helper()
	page := b.get(path)
	m := tokenField.FindStringSubmatch(page.body)
	if m == nil {
		b.t.Fatalf("no form at %s: %d", path, page.status)
	}
	form.Set("token", m[1])
	return b.post(path, form)
}

// person makes an account with the test's passphrase.
func (s *site) person(t testing.TB, name string, roles ...record.Role) record.User {
	t.Helper()
	var id string
	err := s.Records.Tx(t.Context(), func(tx *sql.Tx) error {
		var err error
		id, err = s.Records.AddUser(t.Context(), tx, record.User{Name: name, Password: passphraseHash, Roles: roles})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	u, err := s.Records.User(t.Context(), nil, id)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// as signs a person in.
func (s *site) as(t testing.TB, name string) *browser {
	t.Helper()
	b := s.browser(t)
	if a := b.fill("/sign-in", url.Values{"name": {name}, "passphrase": {passphrase}}); a.status != http.StatusSeeOther {
		t.Fatalf("sign in as %s: status %d", name, a.status)
	}
	return b
}
