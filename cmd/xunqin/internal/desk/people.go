package desk

import (
	"database/sql"
	"slices"
	"time"

	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/pipeline/record"
)

func (s *Server) peopleRoutes() []Route {
	return []Route{
		{Method: "GET", Pattern: "/people", Roles: admins(), Handle: s.people},
		{Method: "POST", Pattern: "/people", Roles: admins(), Handle: s.invite},
		{Method: "GET", Pattern: "/people/{id}", Roles: admins(), Handle: s.person},
		{Method: "POST", Pattern: "/people/{id}", Roles: admins(), Handle: s.changePerson},
		{Method: "POST", Pattern: "/people/{id}/suspend", Roles: admins(), Handle: s.suspend},
		{Method: "POST", Pattern: "/people/{id}/restore", Roles: admins(), Handle: s.restore},
		{Method: "POST", Pattern: "/people/{id}/recover", Roles: admins(), Handle: s.recover},
	}
}

type personLine struct {
	record.User
	Seen, Joined locale.Moment
	Views        int64 // pictures revealed today
	Many         bool  // more in a day than an hour allows
	Suspended    bool
}

func (s *Server) personLine(p *Page, u record.User) (personLine, error) {
	now := s.Now().In(p.Zone)
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, p.Zone)
	views, err := s.Records.CountAudit(p.Context(), nil, u.ID, "reveal", today)
	return personLine{User: u, Seen: p.At(u.SeenAt), Joined: p.Day(u.CreatedAt), Views: views, Many: views > int64(s.Policy.Limits.ViewsAnHour), Suspended: !u.DisabledAt.IsZero()}, err
}

type inviteForm struct {
	Roles []string `form:"role" max:"20"`
	Area  string   `form:"area" max:"100"`
}

type peopleView struct {
	Lines  []personLine
	Form   inviteForm
	Errors Errors
	Choice []roleChoice
	Link   string // of an invitation that was just made; it is shown once
	Lives  string
}

type roleChoice struct {
	Role    record.Role
	Checked bool
}

func choices(held []record.Role) []roleChoice {
	var list []roleChoice
	for _, r := range record.Roles() {
		list = append(list, roleChoice{r, slices.Contains(held, r)})
	}
	return list
}

// rolesOf reads the roles of a form in their order; anything else written there is dropped.
func rolesOf(names []string) []record.Role {
	var roles []record.Role
	for _, r := range record.Roles() {
		if slices.Contains(names, string(r)) {
			roles = append(roles, r)
		}
	}
	return roles
}

func (s *Server) peopleView(p *Page) (peopleView, error) {
	v := peopleView{Errors: Errors{}, Choice: choices(nil), Lives: locale.Span(p.Lang, s.Policy.Lives.Invitation.D())}
	users, err := s.Records.Users(p.Context(), nil)
	if err != nil {
		return v, err
	}
	for _, u := range users {
		l, err := s.personLine(p, u)
		if err != nil {
			return v, err
		}
		v.Lines = append(v.Lines, l)
	}
	return v, nil
}

func (s *Server) people(p *Page) error {
	v, err := s.peopleView(p)
	if err != nil {
		return err
	}
	return p.Render("people", v)
}

// invite makes a link and shows it once: only its hash is stored.
func (s *Server) invite(p *Page) error {
	v, err := s.peopleView(p)
	if err != nil {
		return err
	}
	if v.Errors, err = p.Read(&v.Form); err != nil {
		return err
	}
	roles := rolesOf(v.Form.Roles)
	v.Choice = choices(roles)
	if len(roles) == 0 {
		v.Errors["role"] = p.T("people.norole")
	}
	if len(v.Errors) > 0 {
		return p.Again("people", v)
	}
	err = p.Change(func(tx *sql.Tx) error {
		var err error
		if v.Link, err = s.Auth.Invite(p.Context(), tx, p.User.ID, roles, v.Form.Area); err != nil {
			return err
		}
		return p.Audit(tx, "invited", "", machineRoles(roles))
	})
	if err != nil {
		return err
	}
	v.Form, v.Choice = inviteForm{}, choices(nil)
	return p.Render("people", v)
}

func machineRoles(roles []record.Role) string {
	s := "roles"
	for _, r := range roles {
		s += " " + string(r)
	}
	return s
}

type personView struct {
	Line      personLine
	InvitedBy string
	Own       bool
	Version   int64
	Form      inviteForm
	Errors    Errors
	Choice    []roleChoice
	Link      string // of a recovery that was just begun; it is shown once
	Lives     string
}

func (s *Server) personView(p *Page) (personView, error) {
	u, err := s.Records.User(p.Context(), nil, p.Path("id"))
	if err != nil {
		return personView{}, err
	}
	l, err := s.personLine(p, u)
	v := personView{Line: l, Own: u.ID == p.User.ID, Version: u.Version, Form: inviteForm{Area: u.Area}, Errors: Errors{}, Choice: choices(u.Roles), Lives: locale.Span(p.Lang, s.Policy.Lives.Invitation.D())}
	if err != nil {
		return v, err
	}
	if by, err := s.Records.User(p.Context(), nil, u.CreatedBy); err == nil {
		v.InvitedBy = by.Name
	}
	return v, nil
}

func (s *Server) person(p *Page) error {
	v, err := s.personView(p)
	if err != nil {
		return err
	}
	return p.Render("person", v)
}

// errOwn: nobody gives themselves roles, suspends or recovers themselves. So there is always an admin left, and taking a role
// that shows pictures takes two people.
func errOwn() error { return &Problem{Status: 403, Key: "own"} }

func (s *Server) changePerson(p *Page) error {
	v, err := s.personView(p)
	if err != nil {
		return err
	}
	if v.Own {
		return errOwn()
	}
	var f struct {
		inviteForm
		Version int `form:"version" max:"20"`
	}
	if v.Errors, err = p.Read(&f.inviteForm); err != nil {
		return err
	}
	if _, err := p.Read(&f); err != nil {
		return err
	}
	roles := rolesOf(f.Roles)
	v.Form, v.Choice = f.inviteForm, choices(roles)
	if len(roles) == 0 {
		v.Errors["role"] = p.T("people.norole")
	}
	if len(v.Errors) > 0 {
		return p.Again("person", v)
	}
	u := v.Line.User
	u.Roles, u.Area, u.Version = roles, f.Area, int64(f.Version)
	if err := s.storePerson(p, u, "roles-changed", machineRoles(roles)); err != nil {
		return err
	}
	p.Flash(p.T("people.saved"))
	return p.Redirect("/people/" + u.ID)
}

func (s *Server) storePerson(p *Page, u record.User, action, detail string) error {
	return p.Change(func(tx *sql.Tx) error {
		if err := s.Records.ChangeUser(p.Context(), tx, u); err != nil {
			return err
		}
		return p.Audit(tx, action, u.ID, detail)
	})
}

func (s *Server) suspend(p *Page) error {
	return s.setDisabled(p, s.Now(), "suspended", "people.suspended")
}

func (s *Server) restore(p *Page) error {
	return s.setDisabled(p, time.Time{}, "restored", "people.restored")
}

func (s *Server) setDisabled(p *Page, at time.Time, action, text string) error {
	u, err := s.Records.User(p.Context(), nil, p.Path("id"))
	if err != nil {
		return err
	}
	if u.ID == p.User.ID {
		return errOwn()
	}
	u.DisabledAt = at
	if err := s.storePerson(p, u, action, ""); err != nil {
		return err
	}
	p.Flash(p.T(text))
	return p.Redirect("/people/" + u.ID)
}

func (s *Server) recover(p *Page) error {
	v, err := s.personView(p)
	if err != nil {
		return err
	}
	if v.Own {
		return errOwn()
	}
	err = p.Change(func(tx *sql.Tx) error {
		var err error
		if v.Link, err = s.Auth.Recover(p.Context(), tx, p.User.ID, v.Line.ID); err != nil {
			return err
		}
		return p.Audit(tx, "recovery-begun", v.Line.ID, "")
	})
	if err != nil {
		return err
	}
	return p.Render("person", v)
}
