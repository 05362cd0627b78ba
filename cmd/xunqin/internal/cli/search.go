package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"xunqin/cmd/xunqin/internal/app"
	"xunqin/pipeline"
	"xunqin/pipeline/record"
	"xunqin/pipeline/redact"
	"xunqin/search"
)

type searchCmd struct {
	Words  []string `arg:"" optional:"" help:"Words to search for, in the desk's query language."`
	Photo  string   `help:"Search for copies of the picture in this file." placeholder:"FILE"`
	Limit  int      `help:"Documents at most." default:"50"`
	Facets bool     `help:"Count what is found by source, division, month, sex, age, kind and status."`
	After  string   `help:"Go on after a page: the value of next." placeholder:"KEY"`
}

// found is what the command prints, for words and for photos alike.
type found struct {
	Query     string        `json:"query,omitempty"`
	Means     string        `json:"means,omitempty"`     // the query in words
	Facets    *facetCounts  `json:"facets,omitempty"`    // when asked for
	Matchable *bool         `json:"matchable,omitempty"` // of a photo: false when it is too flat or small to be compared
	Total     int           `json:"total"`
	More      bool          `json:"more,omitempty"` // there are more than total
	Pictures  []foundGroup  `json:"pictures"`
	Reports   []foundReport `json:"reports"`
	Next      string        `json:"next,omitempty"`
	Behind    int64         `json:"behind"`            // changes the index had not taken in; -1 when nobody knows
	Partial   bool          `json:"partial,omitempty"` // part of the index did not answer
	Record    *fromRecord   `json:"record,omitempty"`  // the index did not answer, and the record was read instead
}

// fromRecord says how an answer came about that is not the index's.
type fromRecord struct {
	Down *time.Time `json:"down,omitempty"` // since when the index does not answer; none: it does, but not this query
	To   *time.Time `json:"to,omitempty"`   // the record was read back to then; none: all of it
}

// facetCounts are the counts of what is found, or of the newest of it if there is more.
type facetCounts struct {
	Docs   int                     `json:"docs"`
	More   bool                    `json:"more"`
	Counts map[string][]facetCount `json:"counts"`
}

type facetCount struct {
	Value string `json:"value"`
	Docs  int    `json:"docs"`
	Term  string `json:"term"` // narrows the query to it
}

func (c *searchCmd) facets(ctx context.Context, a *app.App, q search.Query, lang string) (*facetCounts, error) {
	counted, err := a.Pipeline.Facets(ctx, q, search.Facet{})
	if err != nil {
		return nil, err
	}
	out := &facetCounts{counted.Docs, counted.More, map[string][]facetCount{}}
	for by, counts := range counted.Counts {
		out.Counts[by] = []facetCount{}
		for _, v := range counts {
			out.Counts[by] = append(out.Counts[by], facetCount{v.Value, v.Docs, search.Term(by, v.Value, lang, pipeline.Divisions{})})
		}
	}
	return out, nil
}

// badQuery is a query that cannot be read.
type badQuery struct {
	error
	query string
}

func (b badQuery) Unwrap() error { return b.error }

// marked shows a query, or what of it is around a character, with that character between arrows.
func marked(query string, at int) string {
	const around = 60
	runes := []rune(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, query))
	at = min(at, len(runes))
	from, to := max(0, at-around), min(len(runes), at+around)
	before, after := string(runes[from:at]), ""
	this := " "
	if at < len(runes) {
		this, after = string(runes[at]), string(runes[at+1:max(to, at+1)])
	}
	if from > 0 {
		before = "…" + before
	}
	if to < len(runes) {
		after += "…"
	}
	return before + "→" + this + "←" + after
}

type foundGroup struct {
	Picture string      `json:"picture,omitempty"`
	Kind    string      `json:"kind,omitempty"`
	First   time.Time   `json:"first"`
	Last    time.Time   `json:"last"`
	Copies  []foundCopy `json:"copies"`
	Leads   []string    `json:"leads"`
}

type foundCopy struct {
	Post   string    `json:"post"`
	Native string    `json:"native_id"`
	Photo  string    `json:"photo,omitempty"`
	Posted time.Time `json:"posted"`
	Text   string    `json:"text"`
	Place  string    `json:"place,omitempty"`
}

type foundReport struct {
	Report string `json:"report"`
	Number string `json:"number,omitempty"`
	Kind   string `json:"kind,omitempty"`
	Status string `json:"status"`
}

func (c *searchCmd) run(ctx context.Context, e *Env, a *app.App) error {
	if (c.Photo == "") == (len(c.Words) == 0) {
		return usageError{errors.New(e.T("cli.search"))}
	}
	out := found{Pictures: []foundGroup{}, Reports: []foundReport{}}
	var groups []pipeline.Group
	var reports []pipeline.ReportHit
	if c.Photo != "" {
		b, err := readPicture(e.path(c.Photo))
		if err != nil {
			return err
		}
		ans, err := a.Pipeline.SearchPhoto(ctx, b)
		if err != nil {
			return err
		}
		groups, reports, out.Behind, out.Matchable = ans.Groups, ans.Reports, ans.Behind, &ans.Matchable
		out.Total = len(groups) + len(reports)
	} else {
		query := strings.Join(c.Words, " ")
		q, err := search.Parse(query, pipeline.Divisions{})
		if err != nil {
			return usageError{badQuery{err, query}}
		}
		after, err := search.ParseKey(c.After)
		if err != nil {
			return usageError{err}
		}
		ans, err := a.Pipeline.SearchWords(ctx, q, search.Page{Limit: c.Limit, After: after})
		if err != nil {
			return err
		}
		groups, reports, out.Behind, out.Total, out.Query = ans.Groups, ans.Reports, ans.Behind, ans.Total, q.String()
		out.Next, out.Means = ans.Next.String(), search.Explain(q, e.Lang, pipeline.Divisions{})
		out.More, out.Partial = ans.More, ans.Partial
		if r := ans.Record; r != nil {
			out.Record = &fromRecord{}
			if !r.Down.IsZero() {
				out.Record.Down = &r.Down
			}
			if !r.To.IsZero() {
				out.Record.To = &r.To
			}
		}
		if c.Facets && ans.Record == nil {
			if out.Facets, err = c.facets(ctx, a, q, e.Lang); err != nil {
				return err
			}
		}
	}
	for _, g := range groups {
		v := foundGroup{Picture: g.PictureID, Kind: g.Kind, First: g.First(), Last: g.Last(), Copies: []foundCopy{}, Leads: []string{}}
		for _, cp := range g.Copies {
			v.Copies = append(v.Copies, foundCopy{cp.Post.ID, cp.Post.NativeID, cp.Photo.ID, cp.Post.PostedAt, redact.Text(cp.Post.Text, redact.View{}), redact.Place(cp.Post.Place, redact.County)})
		}
		for _, l := range g.Leads {
			v.Leads = append(v.Leads, l.ID)
		}
		out.Pictures = append(out.Pictures, v)
	}
	for _, r := range reports {
		out.Reports = append(out.Reports, foundReport{r.Report.ID, r.Report.Number, r.Kind, r.Report.Status})
	}
	return e.print(out, func(w io.Writer) {
		if out.Means != "" {
			fmt.Fprintln(w, e.T("words.means", "query", out.Means))
		}
		switch r := out.Record; {
		case r != nil && r.To == nil:
			fmt.Fprintln(w, e.T("cli.recordall"))
		case r != nil:
			fmt.Fprintln(w, e.T("cli.recordto", "to", r.To.Format(time.RFC3339)))
		case out.Partial:
			fmt.Fprintln(w, e.T("cli.partial"))
		case out.Behind != 0:
			fmt.Fprintln(w, e.T("cli.behind"))
		}
		if out.Facets != nil {
			for _, by := range slices.Sorted(maps.Keys(out.Facets.Counts)) {
				for _, v := range out.Facets.Counts[by] {
					fmt.Fprintf(w, "%7d  %s\n", v.Docs, v.Term)
				}
			}
		}
		for _, g := range out.Pictures {
			if g.Kind != "" {
				fmt.Fprint(w, e.T("likeness."+g.Kind), ": ")
			}
			fmt.Fprintln(w, e.T("cli.picture", "copies", len(g.Copies), "first", g.First.Format(time.DateOnly), "last", g.Last.Format(time.DateOnly), "leads", len(g.Leads)))
			for _, cp := range g.Copies {
				fmt.Fprintf(w, "  %s %s %s %s\n", cp.Posted.Format(time.DateOnly), cp.Post, cp.Place, oneLine(cp.Text))
			}
		}
		for _, r := range out.Reports {
			if r.Kind != "" {
				fmt.Fprint(w, e.T("likeness."+r.Kind), ": ")
			}
			fmt.Fprintln(w, e.T("cli.report", "id", r.Report, "number", r.Number, "status", r.Status))
		}
		switch {
		case out.Matchable != nil && !*out.Matchable:
			fmt.Fprintln(w, e.T("cli.flat"))
		case out.Total == 0:
			fmt.Fprintln(w, e.T("cli.nocopy"))
		}
	})
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 80 {
		return string(r[:79]) + "…"
	}
	return s
}

type leadsCmd struct {
	State string `help:"Only leads in this state: unchecked, first, agreed, disputed, different, unsure." placeholder:"STATE" default:"" enum:",unchecked,first,agreed,disputed,different,unsure"`
	Limit int    `help:"Leads at most." default:"1000"`
}

type leadLine struct {
	ID          string    `json:"id"`
	Report      string    `json:"report"`
	Number      string    `json:"number,omitempty"`
	ReportPhoto string    `json:"report_photo"`
	Picture     string    `json:"picture"`
	Pair        string    `json:"pair"`
	Kind        string    `json:"kind"`
	State       string    `json:"state"`
	Posts       []string  `json:"posts"`                  // ids of posts with a copy
	Other       string    `json:"other_report,omitempty"` // of a lead by facts between two reports
	Native      []string  `json:"native_ids"`             // their ids at their sources
	CreatedAt   time.Time `json:"created_at"`
}

func (c *leadsCmd) run(ctx context.Context, e *Env, a *app.App) error {
	f := record.LeadFilter{Most: c.Limit}
	if c.State != "" {
		f.States = []string{c.State}
	}
	leads, err := a.Records.Leads(ctx, nil, f)
	if err != nil {
		return err
	}
	out := []leadLine{}
	for _, l := range leads {
		v := leadLine{ID: l.ID, Report: l.ReportID, ReportPhoto: l.ReportPhotoID, Picture: l.PictureID, Other: l.OtherID, Pair: l.Pair, Kind: l.Kind, State: l.State, CreatedAt: l.CreatedAt, Posts: []string{}, Native: []string{}}
		r, err := a.Records.Report(ctx, nil, l.ReportID)
		if err != nil && !record.IsNotFound(err) {
			return err
		}
		v.Number = r.Number
		sightings, err := a.Records.Sightings(ctx, nil, l.ID)
		if err != nil {
			return err
		}
		if l.PostID != "" {
			if post, err := a.Records.Post(ctx, nil, l.PostID); err == nil {
				v.Posts, v.Native = append(v.Posts, post.ID), append(v.Native, post.NativeID)
			}
		}
		for _, s := range sightings {
			ph, err := a.Records.Photo(ctx, nil, s.PhotoID)
			if err != nil || ph.PostID == "" {
				continue
			}
			post, err := a.Records.Post(ctx, nil, ph.PostID)
			if err != nil {
				continue
			}
			v.Posts, v.Native = append(v.Posts, post.ID), append(v.Native, post.NativeID)
		}
		out = append(out, v)
	}
	return e.print(out, func(w io.Writer) {
		for _, l := range out {
			fmt.Fprintln(w, e.T("cli.lead", "id", l.ID, "number", l.Number, "state", l.State, "kind", l.Kind, "copies", len(l.Posts), "at", l.CreatedAt.Format(time.DateTime)))
		}
		if len(out) == 0 {
			fmt.Fprintln(w, e.T("cli.noleads"))
		}
	})
}
