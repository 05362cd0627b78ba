package desk

import (
	"database/sql"
	"errors"
	"html/template"
	"net/http"
	"slices"
	"time"

	"xunqin/cmd/xunqin/internal/auth"
	"xunqin/cmd/xunqin/internal/locale"
)

func (s *Server) accountRoutes() []Route {
	return []Route{
		{Method: "GET", Pattern: "/account", AnyRole: true, Handle: s.accountPage},
		{Method: "POST", Pattern: "/account", AnyRole: true, Handle: s.changeAccount},
		{Method: "POST", Pattern: "/account/passphrase", AnyRole: true, Handle: s.changePassphrase},
		{Method: "GET", Pattern: "/account/factor", AnyRole: true, Handle: s.factorPage},
		{Method: "GET", Pattern: "/account/factor/qr.png", AnyRole: true, Handle: s.factorQR},
		{Method: "POST", Pattern: "/account/factor", AnyRole: true, Handle: s.changeFactor},
		{Method: "POST", Pattern: "/account/sessions/{id}/end", AnyRole: true, Handle: s.endSession},
	}
}

type accountForm struct {
	Lang string `form:"lang" max:"10"`
	Zone string `form:"zone" max:"60"`
}

type accountView struct {
	Form         accountForm
	Errors       Errors
	Zones        []string
	Sessions     []sessionView
	SecondFactor bool
	Least        int
}

type sessionView struct {
	Mark         string
	Here         bool
	Began, Until locale.Moment
}

func (s *Server) account(p *Page) (accountView, error) {
	v := accountView{Form: accountForm{p.Lang, p.Zone.String()}, Errors: Errors{}, Zones: commonZones(), SecondFactor: s.Auth.SecondFactor(), Least: s.Policy.Limits.Passphrase}
	sessions, err := s.Records.SessionsOf(p.Context(), nil, p.User.ID)
	if err != nil {
		return v, err
	}
	here := s.Auth.Mark(p.Context())
	for _, x := range sessions {
		v.Sessions = append(v.Sessions, sessionView{x.Mark, x.Mark == here, p.At(x.CreatedAt), p.At(x.ExpiresAt)})
	}
	return v, nil
}

func (s *Server) accountPage(p *Page) error {
	v, err := s.account(p)
	if err != nil {
		return err
	}
	return p.Render("account", v)
}

func (s *Server) changeAccount(p *Page) error {
	v, err := s.account(p)
	if err != nil {
		return err
	}
	if v.Errors, err = p.Read(&v.Form); err != nil {
		return err
	}
	if !slices.Contains(locale.Langs(), v.Form.Lang) {
		v.Errors["lang"] = p.T("account.badlang")
	}
	if zone, err := time.LoadLocation(v.Form.Zone); err != nil || v.Form.Zone == "" || zone == time.Local {
		v.Errors["zone"] = p.T("account.badzone")
	}
	if len(v.Errors) > 0 {
		return p.Again("account", v)
	}
	user := p.User
	user.Lang, user.Zone = v.Form.Lang, v.Form.Zone
	err = p.Change(func(tx *sql.Tx) error {
		if err := s.Records.ChangeUser(p.Context(), tx, user); err != nil {
			return err
		}
		return p.Audit(tx, "account", user.ID, "")
	})
	if err != nil {
		return err
	}
	p.Flash(s.Texts.T(v.Form.Lang, "account.saved"))
	return p.Redirect("/account?lang=" + v.Form.Lang)
}

func (s *Server) changePassphrase(p *Page) error {
	v, err := s.account(p)
	if err != nil {
		return err
	}
	if err := p.parse(); err != nil {
		return err
	}
	if p.secret("passphrase") != p.secret("again") {
		v.Errors["again"] = p.T("passphrase.differ")
		return p.Again("account", v)
	}
	err = s.Auth.CheckPassphrase(p.User.Name, p.secret("passphrase"))
	if err == nil {
		err = s.Auth.Confirm(p.Context(), p.User, p.secret("old"), s.addr(p.R))
	}
	if err == nil {
		err = s.Auth.SetPassphrase(p.Context(), p.User, p.secret("passphrase"))
	}
	if errors.Is(err, auth.ErrRefused) {
		v.Errors["old"] = p.T("passphrase.wrong")
		return p.Again("account", v)
	}
	if err != nil {
		if err := p.complain(v.Errors, err); err != nil {
			return err
		}
		return p.Again("account", v)
	}
	p.Flash(p.T("passphrase.saved"))
	return p.Redirect("/account")
}

type factorView struct {
	Factor auth.Enrolment
	URI    template.URL
	Errors Errors
}

func (s *Server) factor(p *Page) (factorView, error) {
	if !s.Auth.SecondFactor() {
		return factorView{}, &Problem{Status: http.StatusConflict, Key: "nofactor"}
	}
	e, err := s.Auth.NewFactor(p.Context(), p.User)
	return factorView{e, template.URL(e.URI), Errors{}}, err
}

func (s *Server) factorPage(p *Page) error {
	v, err := s.factor(p)
	if err != nil {
		return err
	}
	return p.Render("factor", v)
}

func (s *Server) factorQR(p *Page) error {
	v, err := s.factor(p)
	if err != nil {
		return err
	}
	return p.qr(v.Factor)
}

// changeFactor asks for the passphrase as well: a browser left open must not be enough to move the account to another phone.
func (s *Server) changeFactor(p *Page) error {
	v, err := s.factor(p)
	if err != nil {
		return err
	}
	if err := p.parse(); err != nil {
		return err
	}
	err = s.Auth.Confirm(p.Context(), p.User, p.secret("old"), s.addr(p.R))
	if errors.Is(err, auth.ErrRefused) {
		v.Errors["old"] = p.T("passphrase.wrong")
		return p.Again("factor", v)
	}
	if err == nil {
		err = s.Auth.SetFactor(p.Context(), p.User, p.secret("code"), s.addr(p.R))
	}
	if err != nil {
		if err := p.complain(v.Errors, err); err != nil {
			return err
		}
		return p.Again("factor", v)
	}
	p.Flash(p.T("factor.saved"))
	return p.Redirect("/account")
}

func (s *Server) endSession(p *Page) error {
	if err := s.Auth.End(p.Context(), p.User, p.Path("id")); err != nil {
		return err
	}
	p.Flash(p.T("account.ended"))
	return p.Redirect("/account")
}

// commonZones are offered; any IANA name can be typed.
func commonZones() []string {
	return []string{"Asia/Shanghai", "Asia/Urumqi", "Asia/Hong_Kong", "Asia/Taipei", "Asia/Singapore", "Asia/Tokyo", "Europe/London", "Europe/Berlin", "America/New_York", "America/Los_Angeles", "UTC"}
}
