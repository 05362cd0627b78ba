package desk

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"xunqin/cmd/xunqin/internal/auth"
	"xunqin/cmd/xunqin/internal/locale"
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
	ScopeQueries = "queries:read" // the person's own saved queries
	ScopeInbox   = "inbox:read"   // what the person was told
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
		{ScopeInbox, readers()},
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

func (s *Server) tokenRoutes() []Route {
	return []Route{
		{Method: "GET", Pattern: "/account/tokens", AnyRole: true, Handle: s.tokens},
		{Method: "POST", Pattern: "/account/tokens", AnyRole: true, Handle: s.makeToken},
		{Method: "POST", Pattern: "/account/tokens/{id}/take", AnyRole: true, Handle: s.takeToken},
		{Method: "POST", Pattern: "/account/tokens/{id}/revoke", AnyRole: true, Handle: s.revokeOwnToken},
		{Method: "GET", Pattern: "/people/{id}/tokens", Roles: admins(), Handle: s.personTokens},
		{Method: "POST", Pattern: "/people/{id}/tokens", Roles: admins(), Handle: s.offerToken},
		{Method: "POST", Pattern: "/tokens/{id}/revoke", Roles: admins(), Handle: s.revokeToken},
	}
}

type tokenForm struct {
	Name   string   `form:"name" max:"80"`
	Scopes []string `form:"scope" max:"40"`
	Days   int      `form:"days"`
}

// tokenLine is a token in a list.
type tokenLine struct {
	ID, Name, State      string
	Scopes               []string
	Made, Until, Used    locale.Moment
	ByOther, Mine, Ended bool
}

type tokensView struct {
	Form   tokenForm
	Errors Errors
	Lines  []tokenLine
	Choice []scopeChoice // none when the person's roles allow nothing by program
	Most   int           // days
	Person record.User   // whose they are
	Own    bool
	Base   string // address of the API
	Words  bool   // they may search by words
	Calls  int    // a minute
}

// curl is a command that asks the API.
func curl(token, rest string) string { return `curl -H "Authorization: Bearer ` + token + `" ` + rest }

// AskMe, AskWords and AskInbox are commands that show how to ask.
func (v tokensView) AskMe() string { return curl("$TOKEN", v.Base+"/me") }

// AskWords searches by words.
func (v tokensView) AskWords() string {
	return curl("$TOKEN", `-G --data-urlencode "q=天桥 男孩" `+v.Base+"/search")
}

// AskInbox reads the inbox.
func (v tokensView) AskInbox() string { return curl("$TOKEN", v.Base+"/inbox") }

type scopeChoice struct {
	Name    string
	Checked bool
}

// ownTokenDays is for how long a token is made where nothing is said.
const ownTokenDays = 30

func (s *Server) tokensView(p *Page, of record.User) (tokensView, error) {
	v := tokensView{Form: tokenForm{Days: ownTokenDays}, Errors: Errors{}, Most: MostTokenDays(s.Policy), Person: of, Own: of.ID == p.User.ID, Base: s.BaseURL + "/api/v1", Calls: s.Policy.Limits.CallsAMinute}
	for _, name := range ScopesFor(of) {
		v.Choice = append(v.Choice, scopeChoice{name, name != ScopeDecide})
		v.Words = v.Words || name == ScopeWords
	}
	list, err := s.Records.Tokens(p.Context(), nil, of.ID)
	for _, t := range list {
		state := TokenState(t, s.Now())
		v.Lines = append(v.Lines, tokenLine{ID: t.ID, Name: t.Name, State: state, Scopes: t.Scopes, Made: p.At(t.CreatedAt), Until: p.At(t.ExpiresAt), Used: p.At(t.UsedAt), ByOther: t.CreatedBy != t.UserID, Mine: v.Own,
			Ended: state == "revoked" || state == "expired"})
	}
	return v, err
}

// read reads the form and gives the token it asks for; what is wrong is in the view's complaints.
func (v *tokensView) read(s *Server, p *Page) (record.Token, error) {
	var err error
	if v.Errors, err = p.Read(&v.Form); err != nil {
		return record.Token{}, err
	}
	for i, c := range v.Choice {
		v.Choice[i].Checked = slices.Contains(v.Form.Scopes, c.Name)
	}
	scopes := v.Form.Scopes
	if len(scopes) == 0 {
		scopes = []string{""} // none is not all
	}
	t, wrong := NewToken(v.Person, v.Form.Name, scopes, v.Form.Days, s.Policy, s.Now())
	t.CreatedBy = p.User.ID
	going := 0
	for _, l := range v.Lines {
		if !l.Ended {
			going++
		}
	}
	switch {
	case len(v.Errors) > 0:
	case wrong != "":
		v.Errors[wrong] = p.T("tokenbad."+wrong, "n", v.Most)
	case going >= mostTokens:
		v.Errors["name"] = p.T("tokens.many", "n", mostTokens)
	}
	return t, nil
}

func (s *Server) tokens(p *Page) error {
	v, err := s.tokensView(p, p.User)
	if err != nil {
		return err
	}
	return p.Render("tokens", v)
}

// confirmed reports whether the passphrase of the form is the person's: a browser left open must not be enough for what lives longer
// than a session.
func (s *Server) confirmed(p *Page, wrong Errors) (bool, error) {
	err := s.Auth.Confirm(p.Context(), p.User, p.secret("old"), s.addr(p.R))
	if errors.Is(err, auth.ErrRefused) {
		wrong["old"] = p.T("passphrase.wrong")
		return false, nil
	}
	return err == nil, err
}

// tokenOnce is the page that shows a token, once.
type tokenOnce struct{ Secret, Base string }

// AskMe is a command that tries the token.
func (v tokenOnce) AskMe() string { return curl(v.Secret, v.Base+"/me") }

func (s *Server) makeToken(p *Page) error {
	v, err := s.tokensView(p, p.User)
	if err != nil {
		return err
	}
	t, err := v.read(s, p)
	if err != nil {
		return err
	}
	if len(v.Errors) == 0 {
		if _, err := s.confirmed(p, v.Errors); err != nil {
			return err
		}
	}
	if len(v.Errors) > 0 {
		return p.Again("tokens", v)
	}
	secret := ""
	err = p.Change(func(tx *sql.Tx) error {
		id, made, err := s.Auth.NewToken(p.Context(), tx, t)
		if err != nil {
			return err
		}
		secret = made
		return p.Audit(tx, "token-made", id, p.User.ID)
	})
	if err != nil {
		return err
	}
	return p.Render("tokenonce", tokenOnce{secret, v.Base})
}

func (s *Server) takeToken(p *Page) error {
	v, err := s.tokensView(p, p.User)
	if err != nil {
		return err
	}
	id := p.Path("id")
	if !slices.ContainsFunc(v.Lines, func(l tokenLine) bool { return l.ID == id }) {
		return fmt.Errorf("token %s: %w", id, record.ErrNotFound)
	}
	if err := p.parse(); err != nil {
		return err
	}
	if ok, err := s.confirmed(p, v.Errors); err != nil {
		return err
	} else if !ok {
		return p.Again("tokens", v)
	}
	secret := ""
	err = p.Change(func(tx *sql.Tx) error {
		var err error
		if secret, err = s.Auth.TakeToken(p.Context(), tx, p.User, id); err != nil {
			return err
		}
		return p.Audit(tx, "token-taken", id, "")
	})
	if errors.Is(err, record.ErrNotFound) {
		return fmt.Errorf("token %s: %w", id, record.ErrStale) // it is theirs, and was taken or ended meanwhile
	}
	if err != nil {
		return err
	}
	return p.Render("tokenonce", tokenOnce{secret, v.Base})
}

func (s *Server) revokeOwnToken(p *Page) error {
	t, err := s.Records.Token(p.Context(), nil, p.Path("id"))
	if err != nil {
		return err
	}
	if t.UserID != p.User.ID {
		return fmt.Errorf("token %s: %w", t.ID, record.ErrNotFound)
	}
	return s.endToken(p, t, "/account/tokens")
}

func (s *Server) revokeToken(p *Page) error {
	t, err := s.Records.Token(p.Context(), nil, p.Path("id"))
	if err != nil {
		return err
	}
	return s.endToken(p, t, "/people/"+t.UserID+"/tokens")
}

func (s *Server) endToken(p *Page, t record.Token, back string) error {
	err := p.Change(func(tx *sql.Tx) error {
		if err := s.Records.RevokeToken(p.Context(), tx, t.ID); err != nil {
			return err
		}
		return p.Audit(tx, "token-revoked", t.ID, "")
	})
	if errors.Is(err, record.ErrNotFound) {
		return fmt.Errorf("token %s: %w", t.ID, record.ErrStale)
	}
	if err != nil {
		return err
	}
	p.Flash(p.T("tokens.revoked"))
	return p.Redirect(back)
}

// personTokens is the page of somebody else's tokens.
func (s *Server) personTokens(p *Page) error {
	v, err := s.othersTokens(p)
	if err != nil {
		return err
	}
	return p.Render("persontokens", v)
}

func (s *Server) othersTokens(p *Page) (tokensView, error) {
	u, err := s.Records.User(p.Context(), nil, p.Path("id"))
	if err != nil {
		return tokensView{}, err
	}
	return s.tokensView(p, u)
}

// offerToken makes a token that its person takes on their own page: who gives access never holds it.
func (s *Server) offerToken(p *Page) error {
	v, err := s.othersTokens(p)
	if err != nil {
		return err
	}
	if v.Own {
		return p.Redirect("/account/tokens")
	}
	t, err := v.read(s, p)
	if err != nil {
		return err
	}
	if len(v.Errors) > 0 {
		return p.Again("persontokens", v)
	}
	err = p.Change(func(tx *sql.Tx) error {
		id, err := s.Auth.OfferToken(p.Context(), tx, t)
		if err != nil {
			return err
		}
		return p.Audit(tx, "token-offered", id, v.Person.ID)
	})
	if err != nil {
		return err
	}
	p.Flash(p.T("tokens.offered", "name", v.Person.Name))
	return p.Redirect("/people/" + v.Person.ID + "/tokens")
}
