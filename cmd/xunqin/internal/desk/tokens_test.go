package desk

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"xunqin/pipeline/record"
)

var secretShown = regexp.MustCompile(`xunqin_[a-z2-7]{33}`)

// works reports whether a token opens something, and for whom.
func (s *site) works(t testing.TB, secret string) string {
	t.Helper()
	u, _, err := s.Auth.Bearer(t.Context(), "Bearer "+secret)
	if err != nil {
		return ""
	}
	return u.Name
}

func TestATokenIsMadeForOneselfAndShownOnce(t *testing.T) {
	s := newSite(t)
	s.person(t, "wang", record.Volunteer)
	s.person(t, "li", record.Volunteer)
	b := s.as(t, "wang")
	form := url.Values{"name": {"nightly <b>"}, "scope": {ScopeWords, ScopeLeads}, "days": {"7"}, "old": {passphrase}}
	for name, change := range map[string]struct {
		field, value, says string
	}{
		"no name": {"name", " ", "tokenbad.name"}, "a scope of others": {"scope", ScopeQueries, "tokenbad.scope"}, "no scope": {"scope", "", "tokenbad.scope"}, "too long": {"days", "91", "tokenbad.days"},
		"not at all": {"days", "0", "tokenbad.days"}, "no number": {"days", "x", "form.number"}, "a wrong passphrase": {"old", "x", "passphrase.wrong"},
	} {
		bad := url.Values{}
		for k, v := range form {
			bad[k] = slices.Clone(v)
		}
		bad.Set(change.field, change.value)
		a := b.post("/account/tokens", bad)
		if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, s.Texts.T("zh-CN", change.says, "n", 90)) || secretShown.MatchString(a.body) {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	a := b.post("/account/tokens", form)
	secret := secretShown.FindString(a.body)
	if a.status != http.StatusOK || s.works(t, secret) != "wang" {
		t.Fatalf("made: %d, works for %q", a.status, s.works(t, secret))
	}
	list := b.get("/account/tokens")
	if strings.Contains(list.body, secret) || !strings.Contains(list.body, "nightly &lt;b&gt;") {
		t.Error("the list shows a token, or not its name")
	}
	tokens, err := s.Records.Tokens(t.Context(), nil, "")
	if err != nil || len(tokens) != 1 || strings.Contains(tokens[0].Mark, secret) || !slices.Equal(tokens[0].Scopes, []string{ScopeWords, ScopeLeads}) || !tokens[0].ExpiresAt.Equal(s.now.Add(7*24*time.Hour)) {
		t.Errorf("stored %+v, %v", tokens, err)
	}
	if n := s.audited(t, "token-made"); n != 1 {
		t.Errorf("%d are noted", n)
	}

	other := s.as(t, "li")
	if a := other.post("/account/tokens/"+tokens[0].ID+"/revoke", url.Values{}); a.status != http.StatusNotFound || s.works(t, secret) == "" {
		t.Errorf("another revokes it: %d", a.status)
	}
	if a := b.post("/account/tokens/"+tokens[0].ID+"/revoke", url.Values{}); a.status != http.StatusSeeOther || s.works(t, secret) != "" {
		t.Errorf("revoked: %d, works for %q", a.status, s.works(t, secret))
	}
	if a := b.post("/account/tokens/"+tokens[0].ID+"/revoke", url.Values{}); a.status != http.StatusConflict {
		t.Errorf("revoked twice: %d", a.status)
	}
	lines, err := s.Records.AuditLog(t.Context(), nil, 0, "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		if secretShown.MatchString(l.Object + l.Detail) {
			t.Errorf("the audit log holds a token: %+v", l)
		}
	}
	if secretShown.MatchString(s.log.String()) {
		t.Error("the log holds a token")
	}
}

func TestAnAdminOffersATokenAndNeverSeesIt(t *testing.T) {
	s := newSite(t)
	wang := s.person(t, "wang", record.Volunteer)
	s.person(t, "boss", record.Admin)
	s.person(t, "li", record.Volunteer)
	admin, b := s.as(t, "boss"), s.as(t, "wang")
	page := "/people/" + wang.ID + "/tokens"
	if a := admin.post(page, url.Values{"name": {"nightly"}, "scope": {ScopeWords}, "days": {"7"}}); a.status != http.StatusSeeOther {
		t.Fatalf("offered: %d", a.status)
	}
	if a := admin.get(page); secretShown.MatchString(a.body) || !strings.Contains(a.body, "nightly") {
		t.Error("the admin's page shows a token, or not its name")
	}
	tokens, err := s.Records.Tokens(t.Context(), nil, wang.ID)
	if err != nil || len(tokens) != 1 || tokens[0].Mark != "" {
		t.Fatalf("stored %+v, %v", tokens, err)
	}
	take := "/account/tokens/" + tokens[0].ID + "/take"
	for name, by := range map[string]*browser{"the admin": admin, "another": s.as(t, "li")} {
		if a := by.post(take, url.Values{"old": {passphrase}}); a.status != http.StatusNotFound || secretShown.MatchString(a.body) {
			t.Errorf("%s takes it: %d", name, a.status)
		}
	}
	if a := b.post(take, url.Values{"old": {"x"}}); a.status != http.StatusUnprocessableEntity || secretShown.MatchString(a.body) {
		t.Errorf("without the passphrase: %d", a.status)
	}
	a := b.post(take, url.Values{"old": {passphrase}})
	secret := secretShown.FindString(a.body)
	if s.works(t, secret) != "wang" {
		t.Fatalf("taken: %d", a.status)
	}
	if a := b.post(take, url.Values{"old": {passphrase}}); a.status != http.StatusConflict {
		t.Errorf("taken twice: %d", a.status)
	}
	if a := admin.post("/tokens/"+tokens[0].ID+"/revoke", url.Values{}); a.status != http.StatusSeeOther || s.works(t, secret) != "" {
		t.Errorf("revoked by the admin: %d, works for %q", a.status, s.works(t, secret))
	}
	// An admin's own roles allow nothing by program.
	if a := admin.get("/account/tokens"); strings.Contains(a.body, `name="scope"`) {
		t.Error("an admin is offered scopes")
	}
	if a := admin.post("/account/tokens", url.Values{"name": {"n"}, "scope": {ScopeWords}, "days": {"7"}, "old": {passphrase}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("an admin makes a token: %d", a.status)
	}
}

func TestNobodyHasTokensWithoutEnd(t *testing.T) {
	s := newSite(t)
	s.person(t, "wang", record.Volunteer)
	b := s.as(t, "wang")
	form := url.Values{"name": {"n"}, "scope": {ScopeWords}, "days": {"7"}, "old": {passphrase}}
	for range mostTokens {
		if a := b.post("/account/tokens", form); a.status != http.StatusOK {
			t.Fatal(a.status)
		}
	}
	if a := b.post("/account/tokens", form); a.status != http.StatusUnprocessableEntity {
		t.Errorf("one more: %d", a.status)
	}
	s.pass(7 * 24 * time.Hour)
	b = s.as(t, "wang")
	if a := b.post("/account/tokens", form); a.status != http.StatusOK {
		t.Errorf("when the others have expired: %d", a.status)
	}
}
