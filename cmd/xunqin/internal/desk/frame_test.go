package desk

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"xunqin/pipeline/record"
)

func TestSignInLeadsBackToThePageThatWasAskedFor(t *testing.T) {
	s := newSite(t)
	s.person(t, "wang", record.Volunteer)
	b := s.browser(t)
	a := b.get("/account?x=1")
	if a.status != http.StatusSeeOther || a.header.Get("Location") != "/sign-in?next=%2Faccount%3Fx%3D1" {
		t.Fatalf("without a session: %d to %q", a.status, a.header.Get("Location"))
	}
	a = b.fill(a.header.Get("Location"), url.Values{"name": {"wang"}, "passphrase": {passphrase}, "next": {"/account?x=1"}})
	if a.status != http.StatusSeeOther || a.header.Get("Location") != "/account?x=1" {
		t.Fatalf("signed in: %d to %q", a.status, a.header.Get("Location"))
	}
	if a = b.get("/account?x=1"); a.status != http.StatusOK || !strings.Contains(a.body, "wang") {
		t.Fatalf("the page: %d", a.status)
	}
}
