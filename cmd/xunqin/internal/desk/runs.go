package desk

import (
	"strconv"
	"time"

	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/pipeline/record"
)

func (s *Server) runRoutes() []Route {
	return []Route{
		{Method: "GET", Pattern: "/runs", Roles: admins(), Handle: s.runs},
		{Method: "GET", Pattern: "/runs/{id}", Roles: admins(), Handle: s.run},
	}
}

// pageSize is how many lines a list shows.
const pageSize = 50

type runLine struct {
	record.Run
	Source, Look              string
	Scheduled, Started, Ended locale.Moment
	Took                      string
}

func (s *Server) runLine(p *Page, r record.Run, names map[string]string) runLine {
	l := runLine{Run: r, Source: names[r.SourceID], Scheduled: p.At(r.ScheduledAt), Started: p.At(r.StartedAt), Ended: p.At(r.EndedAt)}
	switch r.State {
	case record.RunDone:
		l.Look = "good"
	case record.RunFailed, record.RunLost:
		l.Look = "wrong"
	default:
		l.Look = "wait"
	}
	if !r.StartedAt.IsZero() && !r.EndedAt.IsZero() {
		l.Took = locale.Span(p.Lang, r.EndedAt.Sub(r.StartedAt))
	}
	return l
}

func (s *Server) sourceNames(p *Page) (map[string]string, error) {
	sources, err := s.Records.Sources(p.Context(), nil)
	names := map[string]string{}
	for _, src := range sources {
		names[src.ID] = src.Name
	}
	return names, err
}

type runsView struct {
	Source, Name string // of one source, where asked
	Lines        []runLine
	Older        string // where the next page begins
}

func (s *Server) runs(p *Page) error {
	var f struct {
		Source string `form:"source" max:"40"`
		Before string `form:"before" max:"20"`
	}
	if _, err := p.Read(&f); err != nil {
		return err
	}
	var before time.Time
	if ms, err := strconv.ParseInt(f.Before, 10, 64); err == nil && ms > 0 {
		before = time.UnixMilli(ms)
	}
	names, err := s.sourceNames(p)
	if err != nil {
		return err
	}
	list, err := s.Records.Runs(p.Context(), nil, f.Source, before, pageSize+1)
	if err != nil {
		return err
	}
	v := runsView{Source: f.Source, Name: names[f.Source]}
	if len(list) > pageSize {
		list = list[:pageSize]
		v.Older = strconv.FormatInt(list[pageSize-1].ScheduledAt.UnixMilli(), 10)
	}
	for _, r := range list {
		v.Lines = append(v.Lines, s.runLine(p, r, names))
	}
	return p.Render("runs", v)
}

func (s *Server) run(p *Page) error {
	r, err := s.Records.Run(p.Context(), nil, p.Path("id"))
	if err != nil {
		return err
	}
	names, err := s.sourceNames(p)
	if err != nil {
		return err
	}
	return p.Render("run", s.runLine(p, r, names))
}
