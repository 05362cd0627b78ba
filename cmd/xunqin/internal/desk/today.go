package desk

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/pipeline/lead"
	"xunqin/pipeline/record"
	"xunqin/pipeline/report"
)

func (s *Server) todayRoutes() []Route {
	return []Route{
		{Method: "GET", Pattern: "/today", Roles: readers(), Handle: s.today},
	}
}

// column is one of the three of the page.
type column struct {
	Key   string // review, second or mine
	Leads []LeadLine
	More  string // where the rest is
}

type todayView struct {
	Columns []column
	Waiting int
	Health  crawlHealth
	Inbox   *inboxSummary
}

// inboxSummary says how much waits in the inbox.
type inboxSummary struct {
	Waiting int
	More    bool
	Newest  locale.Moment
}

// today is what waits for the person: leads for volunteers and reviewers, a summary of the inbox for those who save queries.
func (s *Server) today(p *Page) error {
	var v todayView
	var err error
	if v.Health, err = s.crawlHealth(p); err != nil {
		return err
	}
	if p.User.Is(record.Volunteer) || p.User.Is(record.Reviewer) {
		if v.Columns, err = s.columns(p); err != nil {
			return err
		}
		for _, c := range v.Columns {
			v.Waiting += len(c.Leads)
		}
	}
	if v.Inbox, err = s.inboxSummary(p); err != nil {
		return err
	}
	return p.Render("today", v)
}

const columnLength = 20

func (s *Server) columns(p *Page) ([]column, error) {
	var list []column
	for _, key := range []string{"review", "second", "mine"} {
		leads, more, err := s.leadList(p, key, record.Lead{}, columnLength)
		if err != nil {
			return nil, err
		}
		c := column{Key: key}
		if c.Leads, err = s.leadLines(p, leads); err != nil {
			return nil, err
		}
		if more {
			c.More = "/leads?list=" + key
		}
		if key == "mine" {
			slices.SortStableFunc(c.Leads, func(a, b LeadLine) int { return a.due.Compare(b.due) })
		}
		list = append(list, c)
	}
	return list, nil
}

// leadLists are the lists of leads and the states each holds.
func leadLists() map[string][]string {
	return map[string][]string{
		"review": {record.LeadUnchecked},
		"second": {record.LeadFirst, record.LeadDisputed, record.LeadUnsure},
		"mine":   {record.LeadUnchecked, record.LeadFirst, record.LeadDisputed, record.LeadUnsure, record.LeadAgreed},
		"done":   {record.LeadAgreed, record.LeadDifferent, record.LeadHarmful},
	}
}

// leadList reads the leads of a list that are the person's to see, who waits longest first, after one where it is given; more says
// that others follow.
func (s *Server) leadList(p *Page, list string, after record.Lead, most int) (leads []record.Lead, more bool, err error) {
	f := record.LeadFilter{States: leadLists()[list], After: after, Most: 200}
	if list == "mine" {
		f.Owner = p.User.ID
	}
	for {
		part, err := s.Records.Leads(p.Context(), nil, f)
		if err != nil {
			return nil, false, err
		}
		for _, l := range part {
			f.After = l
			if list == "second" {
				said, err := s.verdictOf(p, l)
				if err != nil {
					return nil, false, err
				}
				if said.ID != "" {
					continue
				}
			}
			if list == "review" && l.Owner != "" && l.Owner != p.User.ID && !p.User.Is(record.Reviewer) {
				continue
			}
			may, err := s.mayLead(p, l)
			if err != nil {
				return nil, false, err
			}
			if !may {
				continue
			}
			if len(leads) == most {
				return leads, true, nil
			}
			leads = append(leads, l)
		}
		if len(part) < f.Most {
			return leads, false, nil
		}
	}
}

// LeadLine is a lead in a list.
type LeadLine struct {
	ID, Number, State, Pair, Kind string
	Age                           string
	Place                         string
	Waits                         string // how long it has waited, in words
	Due                           locale.Moment
	Overdue, Mine, Taken          bool

	due time.Time
}

// leadLines makes lines of leads that are the person's to see; others are left out.
func (s *Server) leadLines(p *Page, leads []record.Lead) ([]LeadLine, error) {
	ids := make([]string, len(leads))
	for i, l := range leads {
		ids[i] = l.ReportID
	}
	slices.Sort(ids)
	list, err := s.Records.ReportsByID(p.Context(), nil, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	reports := map[string]record.Report{}
	for _, r := range list {
		reports[r.ID] = r
	}
	var lines []LeadLine
	for _, l := range leads {
		r, ok := reports[l.ReportID]
		if !ok {
			continue
		}
		if may, err := s.mayLead(p, l); err != nil {
			return nil, err
		} else if !may {
			continue
		}
		own := l.Owner == p.User.ID
		lines = append(lines, LeadLine{ID: l.ID, Number: caseNumber(r), State: l.State, Pair: l.Pair, Kind: l.Kind, Age: p.ageBand(r), Place: p.place(r.Place, r.At(), own),
			Waits: locale.Span(p.Lang, s.Now().Sub(l.CreatedAt)), Due: p.At(l.NextAt), Overdue: !lead.Final(l.State) && l.NextAt.Before(s.Now()), Mine: own, Taken: l.Owner != "", due: l.NextAt})
	}
	return lines, nil
}

// caseNumber names a report among people: the number its source gave it, else the end of its id.
func caseNumber(r record.Report) string {
	return cmp.Or(r.Number, strings.ToUpper(r.ID[:min(8, len(r.ID))]))
}

// ageBand is how old the child was when it was lost, or is now where that is not known: a band, since dates are; empty when nothing
// is known of the birth.
func (p *Page) ageBand(r record.Report) string {
	birth, _ := report.ParseDate(r.Birth)
	if birth.IsZero() {
		return ""
	}
	key, from, to := "today.agenow", p.s.Now(), p.s.Now()
	if !r.LostFrom.IsZero() {
		key, from, to = "today.agelost", r.LostFrom, r.LostFrom
		if !r.LostTo.IsZero() {
			to = r.LostTo
		}
	}
	low, high := max(0, years(birth.To, from)), max(0, years(birth.From, to))
	if low >= high {
		return p.T(key, "age", fmt.Sprint(high))
	}
	return p.T(key, "age", fmt.Sprintf("%d–%d", low, high))
}

// years counts the birthdays after birth, to an instant.
func years(birth, at time.Time) int {
	n := at.Year() - birth.Year()
	if at.Month() < birth.Month() || at.Month() == birth.Month() && at.Day() < birth.Day() {
		n--
	}
	return n
}

// crawlHealth says how well the crawls go: when the last ended, and of how many enabled sources the last run ended well or not.
type crawlHealth struct {
	Last      locale.Moment
	Well, Ill int
}

func (s *Server) crawlHealth(p *Page) (crawlHealth, error) {
	var h crawlHealth
	var last time.Time
	list, err := s.Records.Sources(p.Context(), nil)
	if err != nil {
		return h, err
	}
	for _, src := range list {
		if src.LastRun.After(last) {
			last = src.LastRun
		}
		if !src.Enabled {
			continue
		}
		runs, err := s.Records.Runs(p.Context(), nil, src.ID, time.Time{}, 2)
		if err != nil {
			return h, err
		}
		runs = slices.DeleteFunc(runs, func(r record.Run) bool { return r.EndedAt.IsZero() })
		if len(runs) > 0 && runs[0].State != record.RunDone {
			h.Ill++
		} else {
			h.Well++
		}
	}
	h.Last = p.At(last)
	return h, nil
}
