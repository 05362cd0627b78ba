package desk

import (
	"errors"
	"html/template"
	"net/http"
	"strconv"

	"xunqin/cmd/xunqin/internal/auth"
	"xunqin/pipeline/record"
)

func (s *Server) signInRoutes() []Route {
	return []Route{
		{Method: "GET", Pattern: "/sign-in", Public: true, Handle: s.signInPage},
		{Method: "POST", Pattern: "/sign-in", Public: true, Handle: s.signIn},
		{Method: "POST", Pattern: "/sign-out", AnyRole: true, Handle: s.signOut},
		{Method: "GET", Pattern: "/link/{token}", Public: true, Handle: s.linkPage},
		{Method: "POST", Pattern: "/link/{token}", Public: true, Handle: s.acceptLink},
		{Method: "GET", Pattern: "/link/{token}/qr.png", Public: true, Handle: s.linkQR},
	}
}

type signInForm struct {
	Name string `form:"name" max:"60"`
	Next string `form:"next" max:"2000"`
	Code string `form:"code" max:"12"`
}

type signInView struct {
	signInForm
	SecondFactor bool
	Wrong        string
}

func (s *Server) signInPage(p *Page) error {
	var f signInForm
	if _, err := p.Read(&f); err != nil {
		return err
	}
	if p.User.ID != "" {
		return p.Redirect(f.Next)
	}
	f.Next = localPath(f.Next)
	return p.Render("signin", signInView{signInForm: f, SecondFactor: s.Auth.SecondFactor()})
}

// signIn answers at fixed steps and with the same words, whatever was wrong.
func (s *Server) signIn(p *Page) error {
	var f signInForm
	if _, err := p.Read(&f); err != nil {
		return err
	}
	_, err := s.Auth.SignIn(p.Context(), f.Name, p.secret("passphrase"), f.Code, s.addr(p.R))
	s.Auth.Step(p.Context(), p.start)
	v := signInView{signInForm: f, SecondFactor: s.Auth.SecondFactor()}
	v.Next = localPath(f.Next)
	var wait *auth.WaitError
	switch {
	case err == nil:
		return p.Redirect(f.Next)
	case errors.Is(err, auth.ErrRefused):
		v.Wrong = p.T("signin.wrong")
		if v.SecondFactor {
			v.Wrong = p.T("signin.wrongcode")
		}
		return p.render(http.StatusForbidden, "signin", v)
	case errors.As(err, &wait):
		v.Wrong = p.T("problem.wait", "n", p.minutesTo(wait.Until))
		p.W.Header().Set("Retry-After", strconv.Itoa(60*p.minutesTo(wait.Until)))
		return p.render(http.StatusTooManyRequests, "signin", v)
	}
	return err
}

// secret is a passphrase as it was typed: never trimmed, never shown again.
func (p *Page) secret(name string) string { return p.R.PostForm.Get(name) }

func (s *Server) signOut(p *Page) error {
	if err := s.Auth.SignOut(p.Context()); err != nil {
		return err
	}
	return p.Redirect("/sign-in")
}

type linkForm struct {
	Name string `form:"name" max:"40"`
	Code string `form:"code" max:"12"`
}

type linkView struct {
	Inv          auth.Invitation
	URI          template.URL // otpauth:, which opens the authenticator on the same phone
	Form         linkForm
	Errors       Errors
	Wrong        string
	SecondFactor bool
	Least        int
}

func (s *Server) openLink(p *Page) (linkView, error) {
	inv, err := s.Auth.Link(p.Context(), p.Path("token"))
	if errors.Is(err, auth.ErrRefused) {
		s.Auth.Step(p.Context(), p.start)
		return linkView{}, &Problem{Status: http.StatusNotFound, Key: "link"}
	}
	return linkView{Inv: inv, URI: template.URL(inv.Factor.URI), SecondFactor: s.Auth.SecondFactor(), Least: s.Policy.Limits.Passphrase}, err
}

func (s *Server) linkPage(p *Page) error {
	v, err := s.openLink(p)
	if err != nil {
		return err
	}
	return p.Render("link", v)
}

func (s *Server) linkQR(p *Page) error {
	v, err := s.openLink(p)
	if err != nil {
		return err
	}
	return p.qr(v.Inv.Factor)
}

func (p *Page) qr(e auth.Enrolment) error {
	b, err := e.QR()
	if err != nil {
		return err
	}
	p.W.Header().Set("Content-Type", "image/png")
	p.written = true
	_, _ = p.W.Write(b) // the reader has gone
	return nil
}

func (s *Server) acceptLink(p *Page) error {
	v, err := s.openLink(p)
	if err != nil {
		return err
	}
	if v.Errors, err = p.Read(&v.Form); err != nil {
		return err
	}
	passphrase := p.secret("passphrase")
	if passphrase != p.secret("again") {
		v.Errors["again"] = p.T("passphrase.differ")
	}
	if len(v.Errors) == 0 {
		err = s.Auth.Accept(p.Context(), p.Path("token"), v.Form.Name, passphrase, v.Form.Code, s.addr(p.R))
		if err == nil {
			p.Flash(p.T("link.done"))
			return p.Redirect("/")
		}
		if err := p.complain(v.Errors, err); err != nil {
			return err
		}
	}
	return p.Again("link", v)
}

// complain turns what is wrong with a passphrase, code or name into a complaint at its field, and gives back any other error.
func (p *Page) complain(wrong Errors, err error) error {
	var passphrase *auth.PassphraseError
	var name *auth.NameError
	switch {
	case errors.As(err, &passphrase):
		wrong["passphrase"] = p.T("passphrase."+passphrase.Code, "n", passphrase.Least)
	case errors.As(err, &name):
		wrong["name"] = p.T("link.badname")
	case errors.Is(err, record.ErrExists):
		wrong["name"] = p.T("link.taken")
	case errors.Is(err, auth.ErrCode):
		wrong["code"] = p.T("factor.wrong")
	case errors.Is(err, auth.ErrRefused):
		return &Problem{Status: http.StatusNotFound, Key: "link"}
	default:
		return err
	}
	return nil
}
