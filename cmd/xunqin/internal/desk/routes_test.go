package desk

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/pipeline/record"
)

// seedSource is a source that is running, approved by somebody who is not there.
func (s *site) seedSource(t testing.TB, name, reader, config string) string {
	t.Helper()
	var id string
	err := s.Records.Tx(t.Context(), func(tx *sql.Tx) error {
		var err error
		id, err = s.Records.AddSource(t.Context(), tx, record.Source{Name: name, Reader: reader, Config: json.RawMessage(config), Cron: "30 4 * * *", TimeZone: "Asia/Shanghai",
			Enabled: true, Purpose: "find copies", Basis: "public posts", ApprovedBy: "nobody", ReviewAt: s.now.Add(90 * 24 * time.Hour), NextRun: s.now.Add(time.Hour)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// objects makes one object of each kind that the table's patterns name, and gives the path in place of the pattern's part.
func objects(t testing.TB, s *site, owner record.User) map[string]string {
	t.Helper()
	source := s.seedSource(t, "Brunnen", "feed", `{"url":"https://example.org/feed"}`)
	other := s.person(t, "somebody", record.Volunteer)
	var run, link, entry, aside, proposal string
	var ownToken, othersToken string
	err := s.Records.Tx(t.Context(), func(tx *sql.Tx) error {
		var err error
		token := record.Token{UserID: owner.ID, Name: "somebody", Scopes: []string{ScopeWords}, CreatedBy: other.ID, ExpiresAt: s.now.Add(time.Hour)}
		if ownToken, err = s.Auth.OfferToken(t.Context(), tx, token); err != nil {
			return err
		}
		token.UserID = other.ID
		if othersToken, err = s.Auth.OfferToken(t.Context(), tx, token); err != nil {
			return err
		}
		if run, err = s.Records.OpenRun(t.Context(), tx, source, "schedule", s.now); err != nil {
			return err
		}
		if err := s.Records.EndRun(t.Context(), tx, run, record.RunFailed, "robots", "robots.txt says no"); err != nil {
			return err
		}
		if entry, err = s.Records.AddHarmless(t.Context(), tx, record.Harmless{Label: "somebody"}); err != nil {
			return err
		}
		if aside, err = s.Records.AddPicture(t.Context(), tx, ""); err != nil {
			return err
		}
		if err := s.Records.SetAside(t.Context(), tx, aside, record.AsideFlood); err != nil {
			return err
		}
		if proposal, err = s.Records.AddProposal(t.Context(), tx, record.Proposal{Kind: "reach", Detail: "wide", Preview: "{}", ProposedBy: other.ID}); err != nil {
			return err
		}
		link, err = s.Auth.Invite(t.Context(), tx, owner.ID, []record.Role{record.Volunteer}, "")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Records.DB().ExecContext(t.Context(), `INSERT INTO river_job (id, args, attempt, errors, finalized_at, kind, max_attempts, metadata, priority, queue, state, tags)
		VALUES (7001, '{"Post":"abc"}', 3, '[{"at":"2026-03-01T00:00:00Z","attempt":3,"error":"gather: cut","trace":""}]', '2026-03-01 00:00:00', 'gather', 3, '{}', 1, 'gather', 'discarded', '[]')`)
	if err != nil {
		t.Fatal(err)
	}
	return withWork(t, s, owner, map[string]string{
		"/sources/{id}":            "/sources/" + source,
		"/runs/{id}":               "/runs/" + run,
		"/people/{id}":             "/people/" + other.ID,
		"/dead/{id}":               "/dead/7001",
		"/link/{token}":            strings.TrimPrefix(link, s.BaseURL),
		"/static/{name}":           "/static/desk.css",
		"/account/tokens/{id}":     "/account/tokens/" + ownToken,
		"/tokens/{id}":             "/tokens/" + othersToken,
		"/matching/harmless/{id}":  "/matching/harmless/" + entry,
		"/matching/pictures/{id}":  "/matching/pictures/" + aside,
		"/matching/proposals/{id}": "/matching/proposals/" + proposal,
		"/account/sessions/{id}":   "/account/sessions/{own}", // filled in by whoever is signed in
		"/{$}":                     "/",
	})
}

// pathOf fills a pattern with the objects.
func pathOf(t testing.TB, pattern string, objects map[string]string) string {
	t.Helper()
	path := pattern
	for part, value := range objects {
		if rest, ok := strings.CutPrefix(path, part); ok {
			path = value + rest
			break
		}
	}
	if strings.Contains(path, "{") && !strings.Contains(path, "{own}") {
		t.Errorf("no object for the pattern %s", pattern)
		return ""
	}
	return path
}

// own fills in the mark of a session of the person's that is not the one they ask with.
func (b *browser) own(t testing.TB, path string, u record.User) string {
	t.Helper()
	if !strings.Contains(path, "{own}") {
		return path
	}
	mark := "other" + record.NewID()
	err := b.site.Records.Tx(t.Context(), func(tx *sql.Tx) error {
		return b.site.Records.SaveSession(t.Context(), tx, record.Session{Mark: mark, UserID: u.ID, Data: []byte("{}"), ExpiresAt: b.site.clock().Add(time.Hour)})
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(path, "{own}", mark, 1)
}

func (b *browser) call(method, path string) answer {
	if method == "POST" {
		return b.post(path, url.Values{})
	}
	return b.get(path)
}

func TestEveryRouteObeysItsRuleForEveryRole(t *testing.T) {
	for _, role := range append(record.Roles(), "anonymous", "disabled", "expired") {
		t.Run(string(role), func(t *testing.T) {
			s := newSite(t)
			roles := []record.Role{role}
			if !slices.Contains(record.Roles(), role) {
				roles = record.Roles()
			}
			u := s.person(t, "person", roles...)
			paths := objects(t, s, u)
			for _, r := range s.Routes() {
				name := r.Method + " " + r.Pattern
				b := s.browser(t)
				if role != "anonymous" {
					b = s.as(t, "person")
				}
				path := b.own(t, pathOf(t, r.Pattern, paths), u)
				if path == "" {
					continue
				}
				switch role {
				case "disabled":
					s.disable(t, u.ID, true)
				case "expired":
					s.pass(s.Policy.Lives.Idle.D() + time.Second)
				}
				a := b.call(r.Method, path)
				if role == "disabled" {
					s.disable(t, u.ID, false)
				}
				toSignIn := a.status == http.StatusSeeOther && strings.HasPrefix(a.header.Get("Location"), "/sign-in") && r.Pattern != "/sign-out"
				switch {
				case r.Public:
					if a.status >= 500 || a.status == http.StatusNotFound || toSignIn {
						t.Errorf("%s is public: status %d", name, a.status)
					}
				case !slices.Contains(record.Roles(), role):
					if a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), "/sign-in") {
						t.Errorf("%s: status %d, want the way to sign in", name, a.status)
					}
				case r.AnyRole || slices.Contains(r.Roles, role):
					if a.status >= 500 || a.status == http.StatusNotFound || toSignIn {
						t.Errorf("%s is allowed: status %d", name, a.status)
					}
				default:
					if a.status != http.StatusNotFound {
						t.Errorf("%s is not allowed: status %d", name, a.status)
					}
				}
			}
		})
	}
}

func (s *site) disable(t testing.TB, id string, off bool) {
	t.Helper()
	err := s.Records.Tx(t.Context(), func(tx *sql.Tx) error {
		u, err := s.Records.User(t.Context(), tx, id)
		if err != nil {
			return err
		}
		u.DisabledAt = time.Time{}
		if off {
			u.DisabledAt = s.now
		}
		return s.Records.ChangeUser(t.Context(), tx, u)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRouteWithoutARuleDoesNotStart(t *testing.T) {
	answer := func(*Page) error { return nil }
	for name, r := range map[string]Route{
		"no rule":          {Method: "GET", Pattern: "/x", Handle: answer},
		"two rules":        {Method: "GET", Pattern: "/x", Public: true, AnyRole: true, Handle: answer},
		"no such role":     {Method: "GET", Pattern: "/x", Roles: []record.Role{"root"}, Handle: answer},
		"no answer":        {Method: "GET", Pattern: "/x", Public: true},
		"strange method":   {Method: "PUT", Pattern: "/x", Public: true, Handle: answer},
		"cached for a few": {Method: "GET", Pattern: "/x", AnyRole: true, Cache: Static, Handle: answer},
	} {
		if err := checkRoutes([]Route{r}); err == nil {
			t.Errorf("%s: it starts", name)
		}
	}
	if err := checkRoutes((&Server{}).Routes()); err != nil {
		t.Error(err)
	}
}

func TestMissingAndForbiddenAnswerAlike(t *testing.T) {
	s := newSite(t)
	u := s.person(t, "wang", record.Volunteer)
	paths := objects(t, s, u)
	b := s.as(t, "wang")
	missing := b.get("/no/such/page")
	same := func(name string, a answer) {
		t.Helper()
		here := regexp.MustCompile(`href="[^"]*lang=| aria-current="page"`) // what the address itself says
		if a.status != missing.status || here.ReplaceAllString(a.body, "") != here.ReplaceAllString(missing.body, "") {
			t.Errorf("%s tells itself from a missing page: %d %s, want %d", name, a.status, a.header.Get("Location"), missing.status)
		}
	}
	same("an admin's page", b.get("/health"))
	same("an admin's object", b.get(paths["/sources/{id}"]))
	same("an admin's change", b.post(paths["/sources/{id}"]+"/pause", url.Values{}))
	same("a method that is not there", b.post("/health", url.Values{}))
	same("another's session", b.post("/account/sessions/nosuch/end", url.Values{}))

	s.person(t, "li", record.Admin)
	b = s.as(t, "li")
	missing = b.get("/no/such/page")
	same("an id that is not there", b.get("/sources/"+record.NewID()))
	same("dead work that is not there", b.post("/dead/99/again", url.Values{}))
}

func TestEveryAnswerCarriesTheHeaders(t *testing.T) {
	s := newSite(t)
	u := s.person(t, "all", record.Roles()...)
	paths := objects(t, s, u)
	b := s.as(t, "all")
	for _, r := range s.Routes() {
		if r.Pattern == "/sign-out" {
			continue
		}
		path := b.own(t, pathOf(t, r.Pattern, paths), u)
		if path == "" {
			continue
		}
		a := b.call(r.Method, path)
		for header, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "Cache-Control": "no-store",
			"X-Robots-Tag": "noindex, nofollow, noarchive, noimageindex", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := a.header.Get(header); got != want {
				t.Errorf("%s %s: %s is %q, want %q", r.Method, r.Pattern, header, got, want)
			}
		}
		csp := a.header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s %s: policy %q lacks %s", r.Method, r.Pattern, csp, want)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") {
			t.Errorf("%s %s: policy is lax: %s", r.Method, r.Pattern, csp)
		}
		if b = s.again(t, b, "all"); b == nil {
			return
		}
	}
}

// again signs in anew where the last call ended the session.
func (s *site) again(t testing.TB, b *browser, name string) *browser {
	t.Helper()
	if b.get("/account").status == http.StatusOK {
		return b
	}
	return s.as(t, name)
}

func TestEveryPageIsWholeInBothLanguages(t *testing.T) {
	s := newSite(t)
	u := s.person(t, "all", record.Roles()...)
	paths := objects(t, s, u)
	b := s.as(t, "all")
	outside := regexp.MustCompile(`(?:src|href|action|content)="(?:https?:)?//[^"]*`)
	for _, r := range s.Routes() {
		if r.Method != "GET" || r.cache() == Static {
			continue
		}
		for _, lang := range locale.Langs() {
			path := pathOf(t, r.Pattern, paths)
			if path == "" {
				continue
			}
			a := b.get(path + "?lang=" + lang)
			if a.status == http.StatusSeeOther || strings.HasPrefix(r.Pattern, "/account/factor") || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
				continue
			}
			name := fmt.Sprintf("%s in %s", r.Pattern, lang)
			if a.status != http.StatusOK {
				t.Errorf("%s: status %d", name, a.status)
			}
			if m := regexp.MustCompile(`⟦[^⟧]*⟧`).FindString(a.body); m != "" {
				t.Errorf("%s: no text for %s", name, m)
			}
			if m := outside.FindString(a.body); m != "" {
				t.Errorf("%s: a foreign host: %s", name, m)
			}
			if n := len(a.body); n > 150_000 {
				t.Errorf("%s: %d bytes", name, n)
			}
			for _, part := range []string{`<html lang="` + lang + `"`, `name="viewport"`, `class="skip"`, "<h1>", s.Texts.T(lang, "frame.danger")} {
				if !strings.Contains(a.body, part) {
					t.Errorf("%s: lacks %s", name, part)
				}
			}
			if m := regexp.MustCompile(` style="| on[a-z]+="|<script>|<style`).FindString(a.body); m != "" {
				t.Errorf("%s: inline %s", name, m)
			}
		}
	}
}

func TestRoutesAreListedForMachines(t *testing.T) {
	var b strings.Builder
	if err := WriteRoutes(&b, (&Server{}).RouteLines(), true); err != nil {
		t.Fatal(err)
	}
	var lines []map[string]any
	if err := json.Unmarshal([]byte(b.String()), &lines); err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		roles, _ := l["roles"].([]any)
		if len(roles) == 0 || l["csrf"] == "" || l["cache"] == "" || l["method"] == "POST" && l["csrf"] == "none" {
			t.Errorf("line says too little: %v", l)
		}
	}
}

// The frame without a session shows nothing of what is held: not a source's name, not a person's, not an id.
func TestPagesWithoutSessionShowNothingOfWhatIsHeld(t *testing.T) {
	s := newSite(t)
	u := s.person(t, "canary-person", record.Admin)
	paths := objects(t, s, u)
	b := s.browser(t)
	for _, r := range s.Routes() {
		if r.Method != "GET" {
			continue
		}
		path := pathOf(t, r.Pattern, paths)
		if path == "" {
			continue
		}
		a := b.get(path)
		for _, canary := range []string{"canary-person", "Brunnen", u.ID, "somebody"} {
			if strings.Contains(a.body, canary) || strings.Contains(fmt.Sprint(a.header), canary) {
				t.Errorf("%s shows %q to everybody", r.Pattern, canary)
			}
		}
	}
}
