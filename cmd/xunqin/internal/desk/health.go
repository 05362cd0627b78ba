package desk

import (
	"cmp"
	"database/sql"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/pipeline"
	"xunqin/pipeline/record"
)

func (s *Server) healthRoutes() []Route {
	return []Route{
		{Method: "GET", Pattern: "/health", Roles: admins(), Handle: s.health},
		{Method: "POST", Pattern: "/dead/{id}/again", Roles: admins(), Handle: s.runAgain},
	}
}

// The states of a source on the health page, the worst first.
const (
	sourceFailing  = "failing"  // its last run failed, or none came when one was due
	sourceReview   = "review"   // crawled no longer: its review date has passed
	sourceQuiet    = "quiet"    // runs well, and has shown nothing new for a week
	sourceWaiting  = "waiting"  // enabled, and has not run yet
	sourceHealthy  = "healthy"  //
	sourcePaused   = "paused"   //
	sourceNotReady = "notready" // never enabled
)

// overdue is how late a run may begin before that is a failure; quietAfter is how long no new post is nothing to mention.
const (
	overdue    = 15 * time.Minute
	quietAfter = 7 * 24 * time.Hour
)

type sourceLine struct {
	ID, Name, State, Look, Why string // Look is the colour of the state, Why a word of why.<word>
	LastRun, LastNew, NextRun  locale.Moment
	RunID                      string
	Fresh, Refused             int64 // of the last run
}

// line says how a source is doing. A run that is still going says nothing yet: the one before it does.
func (s *Server) line(p *Page, src record.Source) (sourceLine, error) {
	l := sourceLine{ID: src.ID, Name: src.Name, LastRun: p.At(src.LastRun), LastNew: p.At(src.LastNew)}
	if src.Enabled {
		l.NextRun = p.At(src.NextRun)
	}
	runs, err := s.Records.Runs(p.Context(), nil, src.ID, time.Time{}, 2)
	if err != nil {
		return l, err
	}
	runs = slices.DeleteFunc(runs, func(r record.Run) bool { return r.EndedAt.IsZero() })
	failed := false
	if len(runs) > 0 {
		l.RunID, l.Why, l.Fresh, l.Refused = runs[0].ID, runs[0].Why, runs[0].Fresh, runs[0].Refused
		failed = runs[0].State != record.RunDone
	}
	now := s.Now()
	switch {
	case !src.Enabled && src.LastRun.IsZero():
		l.State = sourceNotReady
	case !src.ReviewAt.After(now):
		l.State = sourceReview
	case !src.Enabled:
		l.State = sourcePaused
	case failed:
		l.State = sourceFailing
	case !src.NextRun.IsZero() && now.Sub(src.NextRun) > overdue:
		l.State, l.Why = sourceFailing, "overdue"
	case len(runs) == 0:
		l.State = sourceWaiting
	case now.Sub(src.LastNew) > quietAfter:
		l.State = sourceQuiet
	default:
		l.State = sourceHealthy
	}
	l.Look = map[string]string{sourceFailing: "wrong", sourceReview: "wrong", sourceQuiet: "wait", sourceHealthy: "good"}[l.State]
	return l, nil
}

// severity orders sources, those that need somebody first.
func (l sourceLine) severity() int {
	return slices.Index([]string{sourceFailing, sourceReview, sourceQuiet, sourceWaiting, sourceHealthy, sourcePaused, sourceNotReady}, l.State)
}

type deadLine struct {
	ID                 int64
	Kind, Subject, Why string
	At                 locale.Moment
	Tries              int
	Refused            bool // for good, rather than out of tries
}

type waitingLine struct {
	Kind string
	N    int64
}

type workerLine struct {
	ID          string
	Began, Beat locale.Moment
}

type healthView struct {
	Sources   []sourceLine
	Waiting   []waitingLine
	Dead      []deadLine
	Workers   []workerLine
	Index     IndexView
	Indexes   indexesView
	Engine    pipeline.IndexState
	Unchecked int64
	Oldest    locale.Moment // of the unchecked leads
	Steps     []setupStep   // while there is no source
	Comparing comparing
	Now       locale.Moment
}

// setupStep is one thing to do before the first real source.
type setupStep struct {
	Key, Path string
	Done      bool
}

func (s *Server) health(p *Page) error {
	v := healthView{Now: p.At(s.Now())}
	sources, err := s.Records.Sources(p.Context(), nil)
	if err != nil {
		return err
	}
	for _, src := range sources {
		l, err := s.line(p, src)
		if err != nil {
			return err
		}
		v.Sources = append(v.Sources, l)
	}
	slices.SortStableFunc(v.Sources, func(a, b sourceLine) int { return cmp.Compare(a.severity(), b.severity()) })
	if len(sources) == 0 {
		if v.Steps, err = s.setup(p); err != nil {
			return err
		}
	}
	if err := s.work(p, &v); err != nil {
		return err
	}
	unchecked, err := s.Records.Leads(p.Context(), nil, record.LeadFilter{States: []string{record.LeadUnchecked}, Most: 1})
	if err != nil {
		return err
	}
	if len(unchecked) > 0 {
		v.Oldest = p.At(unchecked[0].CreatedAt)
	}
	counts, err := s.Records.LeadCounts(p.Context(), nil)
	if err != nil {
		return err
	}
	v.Unchecked = counts[record.LeadUnchecked]
	return p.Render("health", v)
}

// work fills in the queue, what was given up, and who works.
func (s *Server) work(p *Page, v *healthView) error {
	waiting, err := s.Pipeline.Waiting(p.Context())
	if err != nil {
		return err
	}
	for _, kind := range slices.Sorted(maps.Keys(waiting)) {
		v.Waiting = append(v.Waiting, waitingLine{kind, waiting[kind]})
	}
	dead, err := s.Pipeline.Dead(p.Context())
	if err != nil {
		return err
	}
	for _, d := range dead {
		v.Dead = append(v.Dead, deadLine{d.ID, d.Kind, d.Subject, short(d.Why, 300), p.At(d.At), d.Tries, d.Cancelled})
	}
	workers, err := s.Records.Workers(p.Context(), nil)
	if err != nil {
		return err
	}
	for _, w := range workers {
		v.Workers = append(v.Workers, workerLine{w.ID, p.At(w.StartedAt), p.At(w.BeatAt)})
	}
	if v.Comparing, err = s.comparing(p); err != nil {
		return err
	}
	if v.Engine, err = s.Pipeline.IndexState(p.Context()); err != nil {
		return err
	}
	v.Index, v.Indexes = p.indexView(v.Engine), s.indexes(p)
	return nil
}

// setup is what stands between a new installation and its first real source.
func (s *Server) setup(p *Page) ([]setupStep, error) {
	users, err := s.Records.Users(p.Context(), nil)
	if err != nil {
		return nil, err
	}
	holders := map[record.Role]int{}
	for _, u := range users {
		for _, r := range u.Roles {
			if u.DisabledAt.IsZero() {
				holders[r]++
			}
		}
	}
	return []setupStep{
		{"contact", "", s.Pipeline.Door.Contact != ""},
		{"https", "", s.secure()},
		{"mail", "", s.Pipeline.Senders["mail"] != nil},
		{"admin", "/people", holders[record.Admin] > 1},
		{"people", "/people", holders[record.Volunteer] > 0 && holders[record.Reviewer] > 0},
		{"source", "/sources/new", false},
	}, nil
}

// runAgain notes who asked before the work is queued: the queue commits by itself.
func (s *Server) runAgain(p *Page) error {
	id, err := strconv.ParseInt(p.Path("id"), 10, 64)
	if err != nil {
		return record.ErrNotFound
	}
	dead, err := s.Pipeline.Dead(p.Context())
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(dead, func(d pipeline.DeadJob) bool { return d.ID == id }) {
		return record.ErrNotFound
	}
	err = p.Change(func(tx *sql.Tx) error { return p.Audit(tx, "run-again", strconv.FormatInt(id, 10), "") })
	if err != nil {
		return err
	}
	if err := s.Pipeline.RunAgain(p.Context(), id); err != nil {
		return err
	}
	p.Flash(p.T("health.again"))
	return p.Redirect("/health")
}

// short cuts a reason that a machine wrote.
func short(s string, most int) string {
	r := []rune(strings.TrimSpace(s))
	if len(r) > most {
		return string(r[:most]) + "…"
	}
	return string(r)
}
