package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"xunqin/pipeline/record"
	"xunqin/pipeline/record/policy"
	"xunqin/pipeline/record/recordtest"
)

func mark(purpose, s string) string {
	h := hmac.New(sha256.New, []byte("key of the tests"))
	h.Write([]byte(purpose + "\x00" + s))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// clock is a time that only tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newGate(t testing.TB, records *record.Store) (*Gate, *clock) {
	t.Helper()
	c := &clock{now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	records.Now = c.Now
	g, err := New(Options{Records: records, Policy: policy.Default(), Log: slog.New(slog.DiscardHandler), Now: c.Now, BaseURL: "https://desk.test", Mark: mark,
		Seal: func(purpose string, plain []byte) []byte { return append([]byte(purpose+":"), plain...) },
		Open: func(purpose string, sealed []byte) ([]byte, error) { return sealed[len(purpose)+1:], nil }})
	if err != nil {
		t.Fatal(err)
	}
	return g, c
}

// cheap is a hash of passphrase that takes no time.
const (
	passphrase = "correct horse battery"
	cheap      = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$uxWTSOnvlCJwDdrvGjf7x3xvw771mTCJHUN5gdfCrTw"
)

func addUser(t testing.TB, g *Gate, name string) record.User {
	t.Helper()
	var id string
	err := g.opts.Records.Tx(t.Context(), func(tx *sql.Tx) error {
		var err error
		id, err = g.opts.Records.AddUser(t.Context(), tx, record.User{Name: name, Password: cheap, Roles: []record.Role{record.Volunteer}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	u, err := g.opts.Records.User(t.Context(), nil, id)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// within runs fn inside a request that has the library's session data.
func within(t testing.TB, g *Gate, fn func(ctx context.Context)) {
	t.Helper()
	h := g.Sessions(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fn(r.Context()) }))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
}

func TestHashIsRightForItsPassphraseAlone(t *testing.T) {
	h := newHasher()
	hash, err := h.hash(t.Context(), "Ｐａｓｓ phrase 长一点")
	if err != nil {
		t.Fatal(err)
	}
	again, err := h.hash(t.Context(), "Ｐａｓｓ phrase 长一点")
	if err != nil || hash == again {
		t.Fatalf("two hashes are the same, %v", err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=65536,t=3,p=1$") {
		t.Errorf("hash %s", hash)
	}
	for passphrase, want := range map[string]bool{"Ｐａｓｓ phrase 长一点": true, "Pass phrase 长一点": true, "pass phrase 长一点": false, "": false, strings.Repeat("x", 5000): false} {
		if got, err := h.verify(t.Context(), hash, passphrase); err != nil || got != want {
			t.Errorf("verify %.20q: %v, %v", passphrase, got, err)
		}
	}
}

func TestHashThatCannotBeReadIsNeverRight(t *testing.T) {
	for _, s := range []string{"", "x", "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA", "$argon2id$v=19$m=99999999,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=8,t=0,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA", "$argon2id$v=19$m=8,t=1,p=1$$", "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$"} {
		if ok, err := newHasher().verify(t.Context(), s, ""); ok || err == nil {
			t.Errorf("%q: %v, %v", s, ok, err)
		}
	}
}

func FuzzParsePHC(f *testing.F) {
	f.Add(cheap)
	f.Add("$argon2id$v=19$m=8,t=1,p=1$$")
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := parsePHC(s); err == nil && (p.memory > 1<<20 || p.passes > 16 || len(p.key) < 16) {
			t.Errorf("%q: %+v", s, p)
		}
	})
}

func TestFloodOfHashesIsTurnedAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher()
		var held []func()
		for range hashWidth {
			done, err := h.turn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, done)
		}
		results := make(chan error, 2*hashQueue)
		for range 2 * hashQueue {
			go func() {
				done, err := h.turn(t.Context())
				if err == nil {
					done()
				}
				results <- err
			}()
		}
		synctest.Wait()
		if n := len(results); n != hashQueue {
			t.Errorf("%d of %d are turned away at once, want %d", n, 2*hashQueue, hashQueue)
		}
		time.Sleep(hashWait + time.Second) // of the bubble: no time passes
		for range 2 * hashQueue {
			if err := <-results; !errors.Is(err, ErrBusy) {
				t.Errorf("got %v, want ErrBusy", err)
			}
		}
		for _, done := range held {
			done()
		}
		if done, err := h.turn(t.Context()); err != nil {
			t.Errorf("after the flood: %v", err)
		} else {
			done()
		}
	})
}

func TestPassphrasesThatAreGuessedAreRefused(t *testing.T) {
	g := &Gate{opts: Options{Policy: policy.Default()}}
	for passphrase, want := range map[string]string{
		"eleven char": PassphraseShort, "twelve chars": "", "十二个字也是一句好话呀真的": "", "短": PassphraseShort, "aaaaaaaaaaaaaaaa": PassphraseSimple, "abababababababab": PassphraseSimple,
		"wangxiaoming": PassphraseName, "WangXiaoMing123": PassphraseName, strings.Repeat("long ", 300): PassphraseLong,
	} {
		err := g.CheckPassphrase("wangxiaoming", passphrase)
		var got *PassphraseError
		if want == "" && err != nil || want != "" && (!errors.As(err, &got) || got.Code != want) {
			t.Errorf("%.30q: %v, want %q", passphrase, err, want)
		}
	}
}

func TestWrongTriesAreFreeThenWaitThenStop(t *testing.T) {
	recordtest.Each(t, func(t *testing.T, records *record.Store) {
		g, c := newGate(t, records)
		wrong := func() error { return g.throttled(t.Context(), []string{"m"}, func() error { return ErrRefused }) }
		wait := func() time.Duration {
			t.Helper()
			var w *WaitError
			if err := wrong(); !errors.As(err, &w) {
				t.Fatalf("got %v, want a wait", err)
			}
			return w.Until.Sub(c.Now())
		}
		for i := range 5 {
			if err := wrong(); !errors.Is(err, ErrRefused) {
				t.Fatalf("try %d: %v", i+1, err)
			}
		}
		for i, want := range []time.Duration{15, 30, 60, 120, 240} {
			if got := wait(); got != want*time.Second {
				t.Errorf("wait %d: %v, want %v", i+1, got, want*time.Second)
			}
			c.pass(want * time.Second)
			if err := wrong(); !errors.Is(err, ErrRefused) {
				t.Fatalf("after wait %d: %v", i+1, err)
			}
		}
		// Ten in fifteen minutes: the eleventh waits until the first leaves the window.
		if got, want := wait(), 15*time.Minute-465*time.Second; got != want {
			t.Errorf("after ten: %v, want %v", got, want)
		}
		if err := g.throttled(t.Context(), []string{"other"}, func() error { return nil }); err != nil {
			t.Errorf("another mark: %v", err)
		}
	})
}

func TestTriesAtOnceCountAsTheyBegin(t *testing.T) {
	g, _ := newGate(t, recordtest.Open(t))
	var mu sync.Mutex
	var checked int
	hold := make(chan bool)
	results := make(chan error, 50)
	for range 50 {
		go func() {
			results <- g.throttled(t.Context(), []string{"m"}, func() error {
				mu.Lock()
				checked++
				mu.Unlock()
				<-hold
				return ErrRefused
			})
		}()
	}
	for range 45 { // those that are turned away come back while the others are held
		var w *WaitError
		if err := <-results; !errors.As(err, &w) {
			t.Fatalf("got %v, want a wait", err)
		}
	}
	close(hold)
	for range 5 {
		if err := <-results; !errors.Is(err, ErrRefused) {
			t.Errorf("got %v", err)
		}
	}
	if checked != 5 {
		t.Errorf("%d of 50 tries at once were checked, want 5", checked)
	}
}

func TestAddressesCountByWhoHoldsThem(t *testing.T) {
	g, _ := newGate(t, recordtest.Open(t))
	for _, tc := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.2", false}, {"192.0.2.1", "::ffff:192.0.2.1", true}, {"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true}, {"2001:db8:1:2::1", "2001:db8:1:3::1", false}, {"fe80::1%eth0", "fe80::1", true},
	} {
		if got := g.addrMark(tc.a) == g.addrMark(tc.b); got != tc.same {
			t.Errorf("%s and %s: %v", tc.a, tc.b, got)
		}
	}
}

func TestRightSignInForgetsTheWrongOnesBefore(t *testing.T) {
	g, _ := newGate(t, recordtest.Open(t))
	addUser(t, g, "wang")
	within(t, g, func(ctx context.Context) {
		for i := range 4 {
			addr := "192.0.2." + string(rune('1'+i))
			if _, err := g.SignIn(ctx, "wang", "wrong", "", addr); !errors.Is(err, ErrRefused) {
				t.Errorf("wrong: %v", err)
			}
		}
		for _, name := range []string{"wang", " ｗａｎｇ "} {
			if _, err := g.SignIn(ctx, name, passphrase, "", "192.0.2.9"); err != nil {
				t.Errorf("right as %q: %v", name, err)
			}
		}
		if tried, err := g.opts.Records.Attempts(ctx, nil, g.nameMark("wang"), time.Time{}); err != nil || len(tried) != 0 {
			t.Errorf("%d wrong tries are remembered, %v", len(tried), err)
		}
	})
}

func TestCodeWorksOnceAndOneStepAround(t *testing.T) {
	g, c := newGate(t, recordtest.Open(t))
	g.opts.SecondFactor = true
	u := addUser(t, g, "wang")
	secret := []byte("12345678901234567890") // of RFC 6238's appendix B
	if got := codeOf(secret, 37037036); got != "081804" {
		t.Errorf("code of 2005-03-18 01:58:29 is %s, RFC 6238 says 07081804", got)
	}
	if err := g.opts.Records.Tx(t.Context(), func(tx *sql.Tx) error {
		u.Factor = g.opts.Seal(factorPurpose, secret)
		return g.opts.Records.ChangeUser(t.Context(), tx, u)
	}); err != nil {
		t.Fatal(err)
	}
	step := c.Now().Unix() / 30
	use := func(offset int64) bool {
		t.Helper()
		now, err := g.opts.Records.User(t.Context(), nil, u.ID)
		if err != nil {
			t.Fatal(err)
		}
		err = g.useCode(t.Context(), now, codeOf(secret, step+offset))
		if err != nil && !errors.Is(err, ErrRefused) {
			t.Fatal(err)
		}
		return err == nil
	}
	for _, tc := range []struct {
		offset int64
		want   bool
	}{{-2, false}, {2, false}, {-1, true}, {-1, false}, {0, true}, {0, false}, {-1, false}, {1, true}, {0, false}} {
		if got := use(tc.offset); got != tc.want {
			t.Errorf("code of step %+d: %v, want %v", tc.offset, got, tc.want)
		}
	}
	c.pass(30 * time.Second)
	if use(1) {
		t.Error("the code that was used in advance works when its time comes")
	}
	if _, ok := matchCode(secret, codeOf(secret, step+1)[:3]+" "+codeOf(secret, step+1)[3:], c.Now()); !ok {
		t.Error("a code typed in two groups is refused")
	}
}

func TestAnswersLeaveAtMultiplesOfTheStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &Gate{opts: Options{Policy: policy.Default()}}
		for work, want := range map[time.Duration]time.Duration{time.Millisecond: 250 * time.Millisecond, 249 * time.Millisecond: 250 * time.Millisecond, 251 * time.Millisecond: 500 * time.Millisecond, 2 * time.Second: 2250 * time.Millisecond} {
			start := time.Now()
			time.Sleep(work)
			g.Step(t.Context(), start)
			if got := time.Since(start); got != want {
				t.Errorf("work of %v leaves after %v, want %v", work, got, want)
			}
		}
	})
}

func TestTwoWhoUseOneLinkMakeOneAccount(t *testing.T) {
	recordtest.Each(t, func(t *testing.T, records *record.Store) {
		g, _ := newGate(t, records)
		link, err := g.FirstAdmin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		other, err := g.FirstAdmin(t.Context())
		if err != nil || other == link {
			t.Fatalf("a second link before the first is used: %q, %v", other, err)
		}
		results := make(chan error, 4)
		for i, l := range []string{link, link, other, other} {
			go within(t, g, func(ctx context.Context) {
				results <- g.Accept(ctx, strings.TrimPrefix(l, "https://desk.test/link/"), "admin "+string(rune('a'+i)), "a fine long passphrase", "", "192.0.2.1")
			})
		}
		made := 0
		for range 4 {
			switch err := <-results; {
			case err == nil:
				made++
			case !errors.Is(err, ErrRefused):
				t.Error(err)
			}
		}
		users, err := records.Users(t.Context(), nil)
		if err != nil || made != 1 || len(users) != 1 {
			t.Errorf("%d made, %d there, %v", made, len(users), err)
		}
	})
}

func TestNamesThatConfuseAreRefused(t *testing.T) {
	for name, want := range map[string]bool{"王芳": true, "li.ming-2": true, "O Neil": true, "": false, " x": true, "<b>": false, "a\u202eb": false, "-x": false, strings.Repeat("长", 41): false, "a@b": false} {
		if got := goodName.MatchString(CleanName(name)); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

func BenchmarkHash(b *testing.B) {
	h := newHasher()
	for b.Loop() {
		if _, err := h.hash(b.Context(), passphrase); err != nil {
			b.Fatal(err)
		}
	}
}
