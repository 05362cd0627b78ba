package desk

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/crawler"
	"xunqin/pipeline"
	"xunqin/pipeline/record"
)

func (s *Server) sourceRoutes() []Route {
	return []Route{
		{Method: "GET", Pattern: "/sources", Roles: admins(), Handle: s.sources},
		{Method: "GET", Pattern: "/sources/new", Roles: admins(), Handle: s.newSource},
		{Method: "POST", Pattern: "/sources/new", Roles: admins(), Handle: s.saveSource},
		{Method: "GET", Pattern: "/sources/{id}", Roles: admins(), Handle: s.source},
		{Method: "POST", Pattern: "/sources/{id}", Roles: admins(), Handle: s.saveSource},
		{Method: "POST", Pattern: "/sources/{id}/enable", Roles: admins(), Handle: s.enableSource},
		{Method: "POST", Pattern: "/sources/{id}/pause", Roles: admins(), Handle: s.pauseSource},
		{Method: "POST", Pattern: "/sources/{id}/run", Roles: admins(), Handle: s.runSource},
	}
}

type sourcesView struct {
	Filter string
	All    int
	Lines  []sourceListLine
}

type sourceListLine struct {
	sourceLine
	Reader, Cron, Zone string
	Enabled            bool
}

func (s *Server) sources(p *Page) error {
	var f struct {
		Q string `form:"q" max:"100"`
	}
	if _, err := p.Read(&f); err != nil {
		return err
	}
	list, err := s.Records.Sources(p.Context(), nil)
	if err != nil {
		return err
	}
	v := sourcesView{Filter: f.Q, All: len(list)}
	for _, src := range list {
		if !strings.Contains(strings.ToLower(src.Name), strings.ToLower(f.Q)) {
			continue
		}
		l, err := s.line(p, src)
		if err != nil {
			return err
		}
		v.Lines = append(v.Lines, sourceListLine{l, src.Reader, src.Cron, src.TimeZone, src.Enabled})
	}
	return p.Render("sources", v)
}

// sourceForm is what an admin writes. Do says which button was pressed.
type sourceForm struct {
	Do       string `form:"do" max:"10"`
	Version  int    `form:"version" max:"20"`
	Name     string `form:"name" max:"80"`
	Reader   string `form:"reader" max:"40"`
	Config   string `form:"config" max:"20000"`
	Cron     string `form:"cron"`
	Zone     string `form:"zone" max:"60"`
	Jitter   string `form:"jitter" max:"12"`   // seconds
	Every    string `form:"every" max:"12"`    // seconds
	Parallel string `form:"parallel" max:"4"`  //
	Place    string `form:"place" max:"100"`   //
	Purpose  string `form:"purpose" max:"500"` //
	Basis    string `form:"basis" max:"500"`   //
	Review   string `form:"review" max:"10"`   // 2006-01-02, in the reader's zone
}

type sourceView struct {
	New, Enabled    bool
	ID, Path        string
	Form            sourceForm
	Errors          Errors
	Readers, Zones  []string
	Line            sourceLine
	Approved        bool
	ApprovedBy      string // a name: admins know each other
	Runs            []runTime
	Jitter          string
	Tried           *tryView
	AskAnyway       bool // the source was not enabled because a try found nothing
	Created, Edited locale.Moment
}

// runTime is one coming run in the source's zone and in the reader's.
type runTime struct {
	There, Here locale.Moment
	Changes     bool // the source's clock was changed since the run before
}

// tryView is what a try found. It holds no text, name or picture: an admin need not see any to know that a reader works.
type tryView struct {
	Error    string
	Asked    int
	Found    int
	Warnings []string
	Posts    []tryPost
}

type tryPost struct {
	At             locale.Moment
	Kind           string
	Length, Photos int
	Place, Address bool
	Author, Gone   bool
}

func (s *Server) newSource(p *Page) error {
	review := s.Now().In(p.Zone).AddDate(0, 6, 0).Format(time.DateOnly)
	src := record.Source{Reader: "mastodon", Cron: "@every 15m", TimeZone: p.Zone.String(), Jitter: time.Minute}
	v := s.sourceView(p, src)
	v.Form.Config, v.Form.Review = "{\n  \"server\": \"https://\",\n  \"timeline\": \"tag\",\n  \"tag\": \"\"\n}", review
	s.showRuns(p, &v, src)
	return p.Render("source", v)
}

func (s *Server) source(p *Page) error {
	src, err := s.Records.Source(p.Context(), nil, p.Path("id"))
	if err != nil {
		return err
	}
	v, err := s.storedView(p, src)
	if err != nil {
		return err
	}
	return p.Render("source", v)
}

// storedView is the editor with what the record holds.
func (s *Server) storedView(p *Page, src record.Source) (sourceView, error) {
	v := s.sourceView(p, src)
	var err error
	if v.Line, err = s.line(p, src); err != nil {
		return v, err
	}
	if src.ApprovedBy != "" {
		v.ApprovedBy = src.ApprovedBy
		if u, err := s.Records.User(p.Context(), nil, src.ApprovedBy); err == nil {
			v.ApprovedBy = u.Name
		} else if !errors.Is(err, record.ErrNotFound) {
			return v, err
		}
	}
	s.showRuns(p, &v, src)
	return v, nil
}

func (s *Server) sourceView(p *Page, src record.Source) sourceView {
	var config strings.Builder
	if len(src.Config) > 0 {
		b, err := json.MarshalIndent(src.Config, "", "  ")
		if err != nil {
			b = src.Config
		}
		config.Write(b)
	}
	v := sourceView{New: src.ID == "", Enabled: src.Enabled, ID: src.ID, Path: "/sources/new", Errors: Errors{}, Zones: commonZones(),
		Readers: slices.Sorted(maps.Keys(s.Pipeline.Readers)), Approved: src.Approved(s.Now()), Created: p.At(src.CreatedAt), Edited: p.At(src.UpdatedAt)}
	v.Form = sourceForm{Version: int(src.Version), Name: src.Name, Reader: src.Reader, Config: config.String(), Cron: src.Cron, Zone: src.TimeZone,
		Jitter: seconds(src.Jitter), Every: seconds(src.Rate.Pause()), Parallel: strconv.Itoa(src.Rate.Width()), Place: src.Place, Purpose: src.Purpose, Basis: src.Basis}
	if !src.ReviewAt.IsZero() {
		v.Form.Review = src.ReviewAt.In(p.Zone).Format(time.DateOnly)
	}
	if src.ID != "" {
		v.Path = "/sources/" + src.ID
	}
	return v
}

// showRuns lists the next five runs of the schedule, or puts its complaint at its field.
func (s *Server) showRuns(p *Page, v *sourceView, src record.Source) {
	schedule, err := crawler.ParseSchedule(src.Cron, src.TimeZone, s.leastEvery())
	if err != nil {
		s.complainOfSource(p, v.Errors, err)
		return
	}
	zone, err := time.LoadLocation(src.TimeZone)
	if err != nil { // ParseSchedule has found it
		return
	}
	before := ""
	for _, t := range crawler.NextRuns(schedule, s.Now(), 5) {
		offset := locale.Offset(t.In(zone))
		v.Runs = append(v.Runs, runTime{There: p.AtIn(t, zone), Here: p.At(t), Changes: before != "" && offset != before})
		before = offset
	}
	if src.Jitter > 0 {
		v.Jitter = locale.Span(p.Lang, src.Jitter)
	}
}

// leastEvery is the pipeline's, with its default.
func (s *Server) leastEvery() time.Duration {
	if s.Pipeline.LeastEvery > 0 {
		return s.Pipeline.LeastEvery
	}
	return time.Minute
}

// complainOfSource puts what the pipeline found wrong at its field.
func (s *Server) complainOfSource(p *Page, wrong Errors, err error) {
	var schedule *crawler.ScheduleError
	var source *pipeline.SourceError
	switch {
	case errors.As(err, &schedule) && schedule.Field == "zone":
		wrong["zone"] = schedule.Message(p.Lang)
	case errors.As(err, &schedule):
		wrong["cron"] = schedule.Message(p.Lang)
	case errors.As(err, &source) && source.Field == "reader":
		wrong["reader"] = p.T("source.badreader", "list", strings.Join(slices.Sorted(maps.Keys(s.Pipeline.Readers)), ", "))
	case errors.As(err, &source) && source.Field == "config":
		wrong["config"] = p.T("source.badconfig", "detail", short(source.Detail, 300))
	default:
		wrong["config"] = p.T("source.badconfig", "detail", short(err.Error(), 300))
	}
}

// saveSource saves, tries or shows the runs of what stands in the form; the last two store nothing.
func (s *Server) saveSource(p *Page) error {
	src, v := record.Source{}, sourceView{}
	if id := p.Path("id"); id != "" {
		var err error
		if src, err = s.Records.Source(p.Context(), nil, id); err != nil {
			return err
		}
	}
	v, err := s.storedView(p, src)
	if err != nil {
		return err
	}
	v.Runs = nil
	if v.Errors, err = p.Read(&v.Form); err != nil {
		return err
	}
	changed := s.written(p, v.Form, src, v.Errors)
	if err := s.Pipeline.CheckSource(changed); err != nil {
		s.complainOfSource(p, v.Errors, err)
	}
	if v.Errors["cron"] == "" && v.Errors["zone"] == "" {
		s.showRuns(p, &v, changed)
	}
	switch {
	case len(v.Errors) > 0:
		return p.Again("source", v)
	case v.Form.Do == "runs":
		return p.Render("source", v)
	case v.Form.Do == "try":
		v.Tried = s.try(p, changed)
		return p.Render("source", v)
	}
	id, err := s.storeSource(p, src, changed)
	if errors.Is(err, record.ErrExists) {
		v.Errors["name"] = p.T("source.taken")
		return p.Again("source", v)
	}
	if err != nil {
		return err
	}
	p.Flash(p.T("source.saved"))
	return p.Redirect("/sources/" + id)
}

// written is the source with what the form says; what cannot be read is a complaint.
func (s *Server) written(p *Page, f sourceForm, src record.Source, wrong Errors) record.Source {
	src.Name, src.Reader, src.Cron, src.TimeZone, src.Place = f.Name, f.Reader, f.Cron, f.Zone, f.Place
	src.Purpose, src.Basis, src.Config, src.Version = f.Purpose, f.Basis, json.RawMessage(f.Config), int64(f.Version)
	if f.Name == "" {
		wrong["name"] = p.T("source.noname")
	}
	if !json.Valid(src.Config) {
		wrong["config"] = p.T("source.nojson")
		src.Config = json.RawMessage("null")
	}
	var ok bool
	if src.Jitter, ok = parseSeconds(f.Jitter, 24*time.Hour); !ok {
		wrong["jitter"] = p.T("source.badseconds")
	}
	if src.Rate.Every, ok = parseSeconds(f.Every, time.Hour); !ok {
		wrong["every"] = p.T("source.badseconds")
	}
	if src.Rate.Every == 0 {
		src.Rate.Every = crawler.NoPause
	}
	n, err := strconv.Atoi(f.Parallel)
	if err != nil || n < 1 || n > 8 {
		wrong["parallel"] = p.T("source.badparallel")
		n = 1
	}
	src.Rate.Parallel = n
	src.ReviewAt = time.Time{}
	if f.Review != "" {
		day, err := time.ParseInLocation(time.DateOnly, f.Review, p.Zone)
		switch {
		case err != nil:
			wrong["review"] = p.T("source.baddate")
		case !day.After(s.Now()):
			wrong["review"] = p.T("source.pastdate")
		}
		src.ReviewAt = day
	}
	if src.Enabled {
		for name, value := range map[string]string{"purpose": f.Purpose, "basis": f.Basis, "review": f.Review} {
			if value == "" {
				wrong[name] = p.T("source.needed")
			}
		}
	}
	return src
}

// storeSource stores a new or changed source. Whoever changes what is read, or why, of a source that is running approves it
// by that.
func (s *Server) storeSource(p *Page, was, src record.Source) (string, error) {
	if src.ID == "" {
		err := p.Change(func(tx *sql.Tx) error {
			var err error
			if src.ID, err = s.Records.AddSource(p.Context(), tx, src); err != nil {
				return err
			}
			return p.Audit(tx, "source-added", src.ID, "")
		})
		return src.ID, err
	}
	if src.Enabled {
		src.ApprovedBy = p.User.ID
		if src.Cron != was.Cron || src.TimeZone != was.TimeZone || src.Jitter != was.Jitter {
			var err error
			if src.ScheduledAt, src.NextRun, err = s.Pipeline.NextRun(src, s.Now()); err != nil {
				return "", err
			}
		}
	}
	return src.ID, p.Change(func(tx *sql.Tx) error {
		if err := s.Records.ChangeSource(p.Context(), tx, src); err != nil {
			return err
		}
		return p.Audit(tx, "source-changed", src.ID, "")
	})
}

// enableSource approves a source and lets it run by its schedule: with purpose, basis and a review date to come alone, and when
// a try finds something or the admin says that it need not.
func (s *Server) enableSource(p *Page) error {
	var f struct {
		Version int  `form:"version" max:"20"`
		Anyway  bool `form:"anyway"`
	}
	if _, err := p.Read(&f); err != nil {
		return err
	}
	src, err := s.Records.Source(p.Context(), nil, p.Path("id"))
	if err != nil {
		return err
	}
	if int64(f.Version) != src.Version {
		return record.ErrStale
	}
	v, err := s.storedView(p, src)
	if err != nil {
		return err
	}
	src.Enabled, src.ApprovedBy = true, p.User.ID
	s.written(p, v.Form, src, v.Errors) // complains of what is missing
	if err := s.Pipeline.CheckSource(src); err != nil {
		s.complainOfSource(p, v.Errors, err)
	}
	if len(v.Errors) > 0 {
		return p.Again("source", v)
	}
	detail := ""
	if f.Anyway {
		detail = "nothing found"
	} else if v.Tried = s.try(p, src); v.Tried.Found == 0 {
		v.AskAnyway = true
		return p.Again("source", v)
	}
	if src.ScheduledAt, src.NextRun, err = s.Pipeline.NextRun(src, s.Now()); err != nil {
		return err
	}
	err = p.Change(func(tx *sql.Tx) error {
		if err := s.Records.ChangeSource(p.Context(), tx, src); err != nil {
			return err
		}
		return p.Audit(tx, "source-enabled", src.ID, detail)
	})
	if err != nil {
		return err
	}
	p.Flash(p.T("source.enabled"))
	return p.Redirect("/sources/" + src.ID)
}

func (s *Server) pauseSource(p *Page) error {
	id := p.Path("id")
	err := p.Change(func(tx *sql.Tx) error {
		src, err := s.Records.Source(p.Context(), tx, id)
		if err != nil {
			return err
		}
		src.Enabled, src.NextRun = false, time.Time{}
		if err := s.Records.ChangeSource(p.Context(), tx, src); err != nil {
			return err
		}
		return p.Audit(tx, "source-paused", id, "")
	})
	if err != nil {
		return err
	}
	p.Flash(p.T("source.paused"))
	return p.Redirect("/sources/" + id)
}

// runSource queues a run beside the schedule.
func (s *Server) runSource(p *Page) error {
	id := p.Path("id")
	run, err := s.Pipeline.CrawlNow(p.Context(), id, "hand")
	var source *pipeline.SourceError
	switch {
	case errors.Is(err, record.ErrExists):
		p.Flash(p.T("source.goingon"))
		return p.Redirect("/sources/" + id)
	case errors.As(err, &source):
		p.Flash(p.T("source.notapproved"))
		return p.Redirect("/sources/" + id)
	case err != nil:
		return err
	}
	if err := p.Change(func(tx *sql.Tx) error { return p.Audit(tx, "run-by-hand", id, run) }); err != nil {
		return err
	}
	p.Flash(p.T("source.queued"))
	return p.Redirect("/runs/" + run)
}

// tryTime is how long an admin waits for a try.
const tryTime = 30 * time.Second

func (s *Server) try(p *Page, src record.Source) *tryView {
	ctx, cancel := context.WithTimeout(p.Context(), tryTime)
	defer cancel()
	posts, stats, err := s.Pipeline.Try(ctx, src)
	v := &tryView{Asked: stats.Asked, Found: len(posts), Warnings: stats.Warnings}
	var refusal *crawler.Refusal
	switch {
	case errors.As(err, &refusal):
		v.Error = p.T("source.refused", "why", s.why(p.Lang, refusal.Name))
		if refusal.Detail != "" {
			v.Warnings = append(v.Warnings, short(refusal.Detail, 300))
		}
	case errors.Is(err, crawler.ErrNoContact):
		v.Error = p.T("why.no-contact")
	case err != nil:
		v.Error = p.T("source.failed", "detail", short(err.Error(), 300))
	}
	for _, post := range posts[:min(len(posts), 20)] {
		v.Posts = append(v.Posts, tryPost{At: p.At(post.At), Kind: post.Kind, Length: len([]rune(post.Text)), Photos: len(post.Photos), Place: post.Place != "",
			Address: post.URL != "", Author: post.AuthorID != "" || post.AuthorName != "", Gone: post.Deleted})
	}
	return v
}

// seconds writes a duration as people type it into a field.
func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

// parseSeconds reads it back; empty is 0.
func parseSeconds(s string, most time.Duration) (time.Duration, bool) {
	if s == "" {
		return 0, true
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 0 && f <= most.Seconds()) {
		return 0, false
	}
	return time.Duration(f * float64(time.Second)).Round(time.Millisecond), true
}
