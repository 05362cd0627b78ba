package desk

import (
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"xunqin/cmd/xunqin/internal/auth"
	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/crawler"
	"xunqin/crawler/feed"
	"xunqin/crawler/guard"
	"xunqin/crawler/mastodon"
	"xunqin/pipeline"
	"xunqin/pipeline/blob"
	"xunqin/pipeline/notify"
	"xunqin/pipeline/photo"
	"xunqin/pipeline/record"
	"xunqin/pipeline/record/policy"
	"xunqin/pipeline/record/recordtest"
	"xunqin/search/embedded"
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

// passphraseHash is of passphrase, at the least cost that argon2 allows, so that hundreds of sign-ins take no time.
const (
	passphrase     = "correct horse battery"
	passphraseHash = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$uxWTSOnvlCJwDdrvGjf7x3xvw771mTCJHUN5gdfCrTw"
)

// newSite starts a desk over a real pipeline that may read loopback. Changes are made to the Server before its handler is
// built.
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
	log := slog.New(slog.NewJSONHandler(s.log, nil))
	s.Server = &Server{
		Records: records, Pipeline: newPipeline(t, records, rules, log, s.clock), Texts: texts, Policy: rules, Now: s.clock, Log: log, BaseURL: "http://desk.test",
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

func newPipeline(t testing.TB, records *record.Store, rules policy.Policy, log *slog.Logger, now func() time.Time) *pipeline.Pipeline {
	t.Helper()
	dir := t.TempDir()
	keys, err := blob.CreateKeys(filepath.Join(dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	pictures, err := blob.OpenFiles(filepath.Join(dir, "pictures"))
	if err != nil {
		t.Fatal(err)
	}
	index, err := embedded.Open(t.Context(), filepath.Join(dir, "index.db"))
	if err != nil {
		t.Fatal(err)
	}
	p := &pipeline.Pipeline{
		Records: records, Index: index, Blobs: &blob.Sealed{Store: pictures, Keys: keys}, Keys: keys,
		Door: &crawler.Door{Guard: &guard.Dialer{AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, Pace: &record.Pace{Store: records},
			Robots: &record.Robots{Store: records}, Version: "test", Now: now},
		Readers: map[string]crawler.Reader{"feed": feed.Reader{}, "mastodon": &mastodon.Reader{}}, Senders: map[string]notify.Sender{},
		Policy: rules, Budget: photo.NewBudget(64 << 20), Log: log, Now: now, BaseURL: "http://desk.test", Alone: true,
	}
	if err := p.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(index.Close(), keys.Close()); err != nil {
			t.Error(err)
		}
	})
	return p
}

func newGate(t testing.TB, s *site, factor bool) *auth.Gate {
	t.Helper()
	keys := s.Pipeline.Keys
	g, err := auth.New(auth.Options{Records: s.Records, Policy: s.Policy, Log: s.Log, Now: s.clock, BaseURL: s.BaseURL, Mark: keys.Pseudonym, Seal: keys.Seal, Open: keys.Open, SecondFactor: factor})
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
