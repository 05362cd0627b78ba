package desk

import (
	"database/sql"
	"strconv"

	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/pipeline/record"
)

func (s *Server) auditRoutes() []Route {
	auditors := []record.Role{record.Auditor}
	return []Route{
		{Method: "GET", Pattern: "/audit", Roles: auditors, Handle: s.auditLog},
		{Method: "POST", Pattern: "/audit/check", Roles: auditors, Handle: s.checkAudit},
	}
}

type auditLine struct {
	record.Audit
	When locale.Moment
}

type auditView struct {
	Actor   string
	Lines   []auditLine
	Older   int64
	Checked bool
	Stand   int64  // lines that verify
	Broken  string // where the chain is broken, as the machine says it
}

func (s *Server) auditView(p *Page) (auditView, error) {
	var f struct {
		Actor  string `form:"actor" max:"40"`
		Before int    `form:"before" max:"19"`
	}
	if _, err := p.Read(&f); err != nil {
		return auditView{}, err
	}
	list, err := s.Records.AuditLog(p.Context(), nil, int64(max(0, f.Before)), f.Actor, pageSize+1)
	v := auditView{Actor: f.Actor}
	if len(list) > pageSize {
		list = list[:pageSize]
		v.Older = list[pageSize-1].Seq
	}
	for _, a := range list {
		v.Lines = append(v.Lines, auditLine{a, p.At(a.At)})
	}
	return v, err
}

func (s *Server) auditLog(p *Page) error {
	v, err := s.auditView(p)
	if err != nil {
		return err
	}
	return p.Render("audit", v)
}

// checkAudit walks the whole chain and notes that somebody did.
func (s *Server) checkAudit(p *Page) error {
	stand, broken := s.Records.VerifyAudit(p.Context())
	if p.Context().Err() != nil {
		return broken
	}
	detail := "whole"
	if broken != nil {
		detail = "broken after " + strconv.FormatInt(stand, 10)
	}
	if err := p.Change(func(tx *sql.Tx) error { return p.Audit(tx, "audit-checked", "", detail) }); err != nil {
		return err
	}
	v, err := s.auditView(p)
	if err != nil {
		return err
	}
	v.Checked, v.Stand = true, stand
	if broken != nil {
		v.Broken = broken.Error()
	}
	return p.Render("audit", v)
}
