package desk

import (
	"bytes"
	"database/sql"
	"errors"
	"image/png"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/pipeline/record"
	"xunqin/pipeline/record/policy"
)

func TestSessionLivesWhileUsedAndEndsIdleAndAfterItsLife(t *testing.T) {
	s := newSite(t)
	s.person(t, "wang", record.Volunteer)
	here := func(b *browser) bool { return b.get("/account").status == http.StatusOK }

	b := s.as(t, "wang")
	for range 12 * 60 / 14 { // to just under twelve hours
		s.pass(14 * time.Minute)
		if !here(b) {
			t.Fatal("a session that is used ends before its life does")
		}
	}
	s.pass(14 * time.Minute)
	if here(b) {
		t.Error("a session goes on after twelve hours")
	}

	b = s.as(t, "wang")
	s.pass(14*time.Minute + 20*time.Second)
	if !here(b) {
		t.Error("a session ends within fifteen minutes")
	}
	s.pass(15*time.Minute + time.Second)
	if here(b) {
		t.Error("a session goes on after fifteen idle minutes")
	}
}

func TestSignInGivesANewTokenAndTakesNoneFromOutside(t *testing.T) {
	s := newSite(t)
	s.person(t, "wang", record.Volunteer)
	b := s.browser(t)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	planted := strings.Repeat("A", 43)
	b.http.Jar.SetCookies(u, []*http.Cookie{{Name: "session", Value: planted, Path: "/"}})
	b.fill("/sign-in", url.Values{"name": {"wang"}, "passphrase": {passphrase}})
	token := func() string {
		for _, c := range b.http.Jar.Cookies(u) {
			if c.Name == "session" {
				return c.Value
			}
		}
		return ""
	}
	first := token()
	if first == planted || len(first) < 40 {
		t.Fatalf("the token after signing in is %q", first)
	}
	dump := s.database(t)
	if strings.Contains(dump, first) {
		t.Error("the record holds the token itself")
	}

	a := b.post("/account/passphrase", url.Values{"old": {passphrase}, "passphrase": {"another long passphrase"}, "again": {"another long passphrase"}})
	if a.status != http.StatusSeeOther || token() == first {
		t.Errorf("changing the passphrase: status %d, token the same: %v", a.status, token() == first)
	}
	if b.get("/account").status != http.StatusOK {
		t.Error("one's own browser is signed out by the change")
	}
	thief := s.browser(t)
	thief.http.Jar.SetCookies(u, []*http.Cookie{{Name: "session", Value: first, Path: "/"}})
	if thief.get("/account").status == http.StatusOK {
		t.Error("the old token still opens the account")
	}
}

// database is all sessions and links as they are stored.
func (s *site) database(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	for _, q := range []string{"SELECT mark || ' ' || CAST(data AS TEXT) FROM sessions", "SELECT mark || ' ' || purpose FROM links"} {
		rows, err := s.Records.DB().QueryContext(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			b.WriteString(line + "\n")
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestCookieIsGuarded(t *testing.T) {
	s := newSite(t, func(s *site) { s.BaseURL = "https://desk.test" })
	s.person(t, "wang", record.Volunteer)
	b := s.browser(t)
	page := b.get("/sign-in")
	form := url.Values{"name": {"wang"}, "passphrase": {passphrase}, "token": {tokenField.FindStringSubmatch(page.body)[1]}}
	// The jar keeps Secure cookies from a server without TLS; carry the form's by hand.
	req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/sign-in", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, line := range page.header["Set-Cookie"] {
		req.Header.Add("Cookie", strings.SplitN(line, ";", 2)[0])
	}
	a := b.do(req)
	var session string
	for _, line := range a.header["Set-Cookie"] {
		if strings.HasPrefix(line, "session=") {
			session = line
		}
	}
	for _, want := range []string{"HttpOnly", "Secure", "SameSite=Strict", "Path=/"} {
		if !strings.Contains(session, want) {
			t.Errorf("cookie %q lacks %s", session, want)
		}
	}
	if strings.Contains(session, "Expires") {
		t.Errorf("cookie %q outlives the browser", session)
	}
	if a.header.Get("Strict-Transport-Security") == "" {
		t.Error("no Strict-Transport-Security although the address is https")
	}
}

func TestWrongSignInsSayTheSameAndThenWait(t *testing.T) {
	s := newSite(t, func(s *site) { s.Auth = newGate(t, s, true) })
	s.person(t, "off", record.Volunteer)
	off, err := s.Records.UserNamed(t.Context(), nil, "off")
	if err != nil {
		t.Fatal(err)
	}
	s.disable(t, off.ID, true)
	s.person(t, "wang", record.Volunteer) // has no second factor yet
	strip := regexp.MustCompile(`name="(token|name)" value="[^"]*"|id="name"[^>]*`)
	var first string
	for i, form := range []url.Values{
		{"name": {"nobody"}, "passphrase": {passphrase}, "code": {"123456"}},
		{"name": {"wang"}, "passphrase": {"wrong wrong wrong"}, "code": {"123456"}},
		{"name": {"wang"}, "passphrase": {passphrase}, "code": {"123456"}},
		{"name": {"off"}, "passphrase": {passphrase}, "code": {"123456"}},
	} {
		form.Set("next", "/")
		b := s.browser(t)
		a := b.fill("/sign-in?lang=en", form)
		body := strip.ReplaceAllString(a.body, "")
		if i == 0 {
			first = body
		}
		if a.status != http.StatusForbidden || body != first {
			t.Errorf("wrong sign-in %d tells which part is wrong: status %d", i, a.status)
		}
	}
	b := s.browser(t)
	statuses := []int{}
	for range 3 {
		statuses = append(statuses, b.fill("/sign-in", url.Values{"name": {"nobody"}, "passphrase": {"x"}}).status)
	}
	// One more is free; from then on the address waits, whatever the name.
	if statuses[0] != http.StatusForbidden || statuses[1] != http.StatusTooManyRequests || statuses[2] != http.StatusTooManyRequests {
		t.Errorf("after five wrong tries: %v", statuses)
	}
	if a := b.fill("/sign-in", url.Values{"name": {"somebody else"}, "passphrase": {"x"}}); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" {
		t.Errorf("another name from the same address: %d", a.status)
	}
	s.pass(16 * time.Second)
	if a := b.fill("/sign-in", url.Values{"name": {"nobody"}, "passphrase": {"x"}}); a.status != http.StatusForbidden {
		t.Errorf("after the wait: %d", a.status)
	}
	if a := b.fill("/sign-in", url.Values{"name": {"nobody"}, "passphrase": {"x"}}); a.status != http.StatusTooManyRequests {
		t.Errorf("the wait begins anew: %d", a.status)
	}
}

func TestFirstAdminEnrolsAndInvitesAndAnotherRecovers(t *testing.T) {
	s := newSite(t, func(s *site) { s.Auth = newGate(t, s, true) })
	link, err := s.Auth.FirstAdmin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(s.database(t), strings.TrimPrefix(link, s.BaseURL+"/link/")) {
		t.Error("the record holds the link itself")
	}
	admin, adminSecret := s.accept(t, link, "li")
	if again, err := s.Auth.FirstAdmin(t.Context()); err != nil || again != "" {
		t.Errorf("a second first admin: %q, %v", again, err)
	}
	if a := s.browser(t).get(strings.TrimPrefix(link, s.BaseURL)); a.status != http.StatusNotFound {
		t.Errorf("the link works twice: %d", a.status)
	}

	// The code that enrolled is used up; the next one is not, and works once.
	b := s.browser(t)
	sign := func(name, secret string) int {
		return b.fill("/sign-in", url.Values{"name": {name}, "passphrase": {passphrase}, "code": {s.code(t, secret)}}).status
	}
	if got := sign("li", adminSecret); got != http.StatusForbidden {
		t.Errorf("the code of the enrolment signs in again: %d", got)
	}
	s.pass(30 * time.Second)
	if got := sign("li", adminSecret); got != http.StatusSeeOther {
		t.Errorf("the next code: %d", got)
	}

	a := admin.post("/people", url.Values{"role": {"volunteer", "reviewer", "root"}, "area": {"Quanzhou"}})
	m := regexp.MustCompile(`http://desk\.test(/link/[A-Z0-9]+)`).FindStringSubmatch(a.body)
	if a.status != http.StatusOK || m == nil {
		t.Fatalf("invite: status %d", a.status)
	}
	if strings.Contains(admin.get("/people").body, m[1]) {
		t.Error("the link is shown a second time")
	}
	volunteer, _ := s.accept(t, m[0], "wang")
	wang, err := s.Records.UserNamed(t.Context(), nil, "wang")
	if err != nil {
		t.Fatal(err)
	}
	li, err := s.Records.UserNamed(t.Context(), nil, "li")
	if err != nil {
		t.Fatal(err)
	}
	if len(wang.Roles) != 2 || wang.Area != "Quanzhou" || wang.CreatedBy != li.ID {
		t.Errorf("joined as %v of %q by %q", wang.Roles, wang.Area, wang.CreatedBy)
	}

	// Nobody begins their own recovery, or gives themselves a role.
	for _, path := range []string{"/recover", "/suspend", ""} {
		if a := admin.post("/people/"+li.ID+path, url.Values{"role": {"reviewer"}}); a.status != http.StatusForbidden {
			t.Errorf("one's own account%s: %d", path, a.status)
		}
	}
	a = admin.post("/people/"+wang.ID+"/recover", url.Values{})
	m = regexp.MustCompile(`http://desk\.test(/link/[A-Z0-9]+)`).FindStringSubmatch(a.body)
	if m == nil {
		t.Fatalf("recover: status %d", a.status)
	}
	if volunteer.get("/account").status != http.StatusOK {
		t.Error("beginning a recovery signs the person out already")
	}
	s.pass(30 * time.Second)
	s.accept(t, m[0], "")
	if volunteer.get("/account").status == http.StatusOK {
		t.Error("sessions from before the recovery go on")
	}
	after, err := s.Records.UserNamed(t.Context(), nil, "wang")
	if err != nil || bytes.Equal(after.Factor, wang.Factor) {
		t.Errorf("the recovery kept the second factor: %v", err)
	}

	s.pass(s.Policy.Lives.Invitation.D() + time.Minute)
	fresh := s.as2(t, "li", adminSecret)
	a = fresh.post("/people", url.Values{"role": {"auditor"}})
	m = regexp.MustCompile(`http://desk\.test(/link/[A-Z0-9]+)`).FindStringSubmatch(a.body)
	if m == nil {
		t.Fatalf("invite: status %d", a.status)
	}
	s.pass(s.Policy.Lives.Invitation.D())
	if a := s.browser(t).get(m[1]); a.status != http.StatusNotFound {
		t.Errorf("an expired link: %d", a.status)
	}
}

// code is what an authenticator shows now.
func (s *site) code(t testing.TB, secret string) string {
	t.Helper()
	code, err := totp.GenerateCode(secret, s.clock())
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// accept opens a one-time link as its person does: both pages, the picture, a wrong code first.
func (s *site) accept(t testing.TB, link, name string) (b *browser, secret string) {
	t.Helper()
	b = s.browser(t)
	path := strings.TrimPrefix(link, s.BaseURL)
	var page answer
	for _, lang := range locale.Langs() {
		page = b.get(path + "?lang=" + lang)
		if page.status != http.StatusOK || strings.Contains(page.body, "⟦") {
			t.Fatalf("link in %s: %d", lang, page.status)
		}
	}
	secret = strings.ReplaceAll(regexp.MustCompile(`class="secret">([A-Z2-7 ]+)<`).FindStringSubmatch(page.body)[1], " ", "")
	qr := b.get(path + "/qr.png")
	if _, err := png.Decode(strings.NewReader(qr.body)); err != nil || qr.header.Get("Content-Type") != "image/png" {
		t.Errorf("QR: %v", err)
	}
	form := url.Values{"name": {name}, "passphrase": {passphrase}, "again": {passphrase}, "code": {"000000"}}
	if a := b.fill(path, form); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `id="code-bad"`) {
		t.Errorf("a wrong first code: %d", a.status)
	}
	form.Set("passphrase", "short")
	form.Set("again", "short")
	form.Set("code", s.code(t, secret))
	if a := b.fill(path, form); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `id="passphrase-bad"`) || strings.Contains(a.body, `value="short"`) {
		t.Errorf("a short passphrase: %d", a.status)
	}
	form.Set("passphrase", passphrase)
	form.Set("again", passphrase)
	if a := b.fill(path, form); a.status != http.StatusSeeOther {
		t.Fatalf("accept: %d", a.status)
	}
	return b, secret
}

// as2 signs in with a code.
func (s *site) as2(t testing.TB, name, secret string) *browser {
	t.Helper()
	b := s.browser(t)
	if a := b.fill("/sign-in", url.Values{"name": {name}, "passphrase": {passphrase}, "code": {s.code(t, secret)}}); a.status != http.StatusSeeOther {
		t.Fatalf("sign in as %s: %d", name, a.status)
	}
	return b
}

func TestChangingTheFactorTakesPassphraseAndNewCode(t *testing.T) {
	s := newSite(t, func(s *site) { s.Auth = newGate(t, s, true) })
	link, err := s.Auth.FirstAdmin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, old := s.accept(t, link, "li")
	s.pass(time.Minute)
	elsewhere := s.as2(t, "li", old)
	var page answer
	for _, lang := range locale.Langs() {
		if page = b.get("/account/factor?lang=" + lang); page.status != http.StatusOK || strings.Contains(page.body, "⟦") {
			t.Fatalf("page in %s: %d", lang, page.status)
		}
	}
	if a := b.get("/account/factor/qr.png"); a.header.Get("Content-Type") != "image/png" {
		t.Errorf("QR: %d", a.status)
	}
	secret := strings.ReplaceAll(regexp.MustCompile(`class="secret">([A-Z2-7 ]+)<`).FindStringSubmatch(page.body)[1], " ", "")
	if secret == old {
		t.Fatal("the new factor is the old one")
	}
	for field, form := range map[string]url.Values{
		"old":  {"old": {"wrong"}, "code": {s.code(t, secret)}},
		"code": {"old": {passphrase}, "code": {s.code(t, old)}},
	} {
		if a := b.post("/account/factor", form); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `id="`+field+`-bad"`) {
			t.Errorf("a wrong %s: %d", field, a.status)
		}
	}
	if a := b.post("/account/factor", url.Values{"old": {passphrase}, "code": {s.code(t, secret)}}); a.status != http.StatusSeeOther {
		t.Fatalf("change: %d", a.status)
	}
	if elsewhere.get("/account").status == http.StatusOK {
		t.Error("a session elsewhere goes on")
	}
	s.pass(time.Minute)
	if a := s.browser(t).fill("/sign-in", url.Values{"name": {"li"}, "passphrase": {passphrase}, "code": {s.code(t, old)}}); a.status != http.StatusForbidden {
		t.Errorf("the old factor signs in: %d", a.status)
	}
	s.as2(t, "li", secret)
}

func TestRolesChangeEndsSessionsAtOnceAndAreAudited(t *testing.T) {
	s := newSite(t)
	u := s.person(t, "wang", record.Volunteer)
	s.person(t, "li", record.Admin)
	b, admin := s.as(t, "wang"), s.as(t, "li")
	if a := admin.post("/people/"+u.ID, url.Values{"version": {"99"}, "role": {"reviewer"}}); a.status != http.StatusConflict {
		t.Errorf("an old form: %d", a.status)
	}
	if a := admin.post("/people/"+u.ID, url.Values{"version": {"1"}, "role": {"reviewer"}}); a.status != http.StatusSeeOther {
		t.Fatalf("change roles: %d", a.status)
	}
	if b.get("/account").status == http.StatusOK {
		t.Error("a session goes on after the roles changed")
	}
	b = s.as(t, "wang")
	admin.post("/people/"+u.ID+"/suspend", url.Values{})
	if b.get("/account").status == http.StatusOK {
		t.Error("a session goes on after suspension")
	}
	log, err := s.Records.AuditLog(t.Context(), nil, 0, "", 10)
	if err != nil {
		t.Fatal(err)
	}
	var actions []string
	for _, l := range log {
		actions = append(actions, l.Action)
	}
	if got := strings.Join(actions, " "); got != "suspended sign-in roles-changed sign-in sign-in" {
		t.Errorf("audit, newest first: %s", got)
	}
	if _, err := s.Records.VerifyAudit(t.Context()); err != nil {
		t.Error(err)
	}
}

// Whatever changes an account, by whatever way, ends what began under the old one.
func TestSessionEndsWithTheAccountItBeganUnder(t *testing.T) {
	for _, change := range []string{"roles='volunteer admin'", "password='x'", "factor=X'00'", "disabled_at=1"} {
		s := newSite(t)
		s.person(t, "wang", record.Volunteer)
		b := s.as(t, "wang")
		if _, err := s.Records.DB().ExecContext(t.Context(), "UPDATE users SET "+change); err != nil {
			t.Fatal(err)
		}
		if b.get("/account").status == http.StatusOK {
			t.Errorf("a session goes on after %s", change)
		}
	}
}

func TestRequestUnderWayDoesNotBringBackAnEndedSession(t *testing.T) {
	started, ended := make(chan bool), make(chan bool)
	s := newSite(t)
	u := s.person(t, "wang", record.Volunteer)
	b := s.as(t, "wang")
	// The account page, held open between reading the session and keeping it.
	slow := httptest.NewServer(s.Auth.Sessions(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Auth.Flash(r.Context(), "changes the session's data")
		close(started)
		<-ended
	})))
	defer slow.Close()
	site, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		req, err := http.NewRequestWithContext(t.Context(), "GET", slow.URL, nil)
		if err == nil {
			for _, c := range b.http.Jar.Cookies(site) {
				req.AddCookie(c)
			}
			var res *http.Response
			if res, err = http.DefaultClient.Do(req); err == nil {
				err = res.Body.Close()
			}
		}
		done <- err
	}()
	<-started
	if err := s.Records.Tx(t.Context(), func(tx *sql.Tx) error { return s.Records.EndSessionsOf(t.Context(), tx, u.ID) }); err != nil {
		t.Fatal(err)
	}
	close(ended)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if b.get("/account").status == http.StatusOK {
		t.Error("the session is back")
	}
}

func TestSignInAnswersLeaveAtFixedSteps(t *testing.T) {
	step := 40 * time.Millisecond
	s := newSite(t, func(s *site) { s.Policy.Limits.AnswerStep = policy.Duration(step) })
	s.person(t, "wang", record.Volunteer)
	b := s.as(t, "wang")
	for name, call := range map[string]func() answer{
		"missing page":   func() answer { return b.get("/no/such") },
		"forbidden page": func() answer { return b.get("/health") },
		"wrong sign-in":  func() answer { return s.browser(t).fill("/sign-in", url.Values{"name": {"x"}, "passphrase": {"x"}}) },
		"unknown link":   func() answer { return s.browser(t).get("/link/nosuch") },
	} {
		start := time.Now()
		call()
		if took := time.Since(start); took < step {
			t.Errorf("%s leaves after %v, before the first step", name, took)
		}
	}
}
