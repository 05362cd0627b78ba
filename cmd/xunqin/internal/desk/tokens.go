package desk

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"xunqin/pipeline/record"
	"xunqin/pipeline/record/policy"
)

// Scope is what a token may be good for. It narrows what its person may do and never widens it: whoever holds none of the roles gets
// nothing by it.
type Scope struct {
	Name  string
	Roles []record.Role
}

// The scopes.
const (
	ScopeWords   = "search:words"
	ScopePhoto   = "search:photo" // by photo and by fingerprint
	ScopePosts   = "posts:read"   // posts and pictures
	ScopePhotos  = "photos:read"  // what is known of photos, and their blurred form
	ScopeReports = "reports:read"
	ScopeLeads   = "leads:read"
	ScopeDecide  = "leads:decide" // verdicts
	ScopeQueries = "queries:read" // the person's own saved queries and what they found
)

// Scopes lists all of them, in the order they are shown.
func Scopes() []Scope {
	return []Scope{
		{ScopeWords, volunteers()},
		{ScopePhoto, volunteers()},
		{ScopePosts, volunteers()},
		{ScopePhotos, readers()},
		{ScopeReports, volunteers()},
		{ScopeLeads, volunteers()},
		{ScopeDecide, volunteers()},
		{ScopeQueries, activists()},
	}
}

// Allows reports whether a person may have a token for the scope.
func (s Scope) Allows(u record.User) bool { return slices.ContainsFunc(s.Roles, u.Is) }

// ScopesFor lists the scopes that a person may have tokens for.
func ScopesFor(u record.User) []string {
	var list []string
	for _, s := range Scopes() {
		if s.Allows(u) {
			list = append(list, s.Name)
		}
	}
	return list
}

// mostTokens is how many tokens that work or wait one person has.
const mostTokens = 20

// MostTokenDays is the longest that the policy lets a token live.
func MostTokenDays(p policy.Policy) int { return int(p.Lives.Token.D().Hours() / 24) }

// NewToken is a token that a person may have, with all scopes that their roles allow where none is named; wrong is the key of what
// keeps them from it, in the catalog's table tokenbad: name, scope or days.
func NewToken(u record.User, name string, scopes []string, days int, p policy.Policy, now time.Time) (t record.Token, wrong string) {
	name = strings.TrimSpace(name)
	may := ScopesFor(u)
	if len(scopes) == 0 {
		scopes = may
	}
	t = record.Token{UserID: u.ID, Name: name, ExpiresAt: now.Add(time.Duration(days) * 24 * time.Hour)}
	for _, s := range may { // in their order, each once
		if slices.Contains(scopes, s) {
			t.Scopes = append(t.Scopes, s)
		}
	}
	notTheirs := slices.ContainsFunc(scopes, func(s string) bool { return !slices.Contains(may, s) })
	switch {
	case name == "" || utf8.RuneCountInString(name) > 80:
		return t, "name"
	case len(t.Scopes) == 0 || notTheirs:
		return t, "scope"
	case days < 1 || days > MostTokenDays(p):
		return t, "days"
	}
	return t, ""
}

// TokenState says in a word how a token is: works, offered, revoked or expired.
func TokenState(t record.Token, now time.Time) string {
	switch {
	case !t.RevokedAt.IsZero():
		return "revoked"
	case !now.Before(t.ExpiresAt):
		return "expired"
	case t.Mark == "":
		return "offered"
	}
	return "works"
}
