package cli

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"xunqin/cmd/xunqin/internal/app"
	"xunqin/crawler"
	"xunqin/pipeline/record"
)

type sourcesCmd struct {
	List   sourcesListCmd   `cmd:"" default:"1" help:"List sources (the default)."`
	Add    sourcesAddCmd    `cmd:"" help:"Add a source, paused."`
	Enable sourcesEnableCmd `cmd:"" help:"Let a source be crawled on its schedule."`
	Pause  sourcesPauseCmd  `cmd:"" help:"Stop crawling a source."`
	Runs   sourcesRunsCmd   `cmd:"" help:"List the last runs."`
}

type sourceLine struct {
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	Reader     string          `json:"reader"`
	Config     json.RawMessage `json:"config"`
	Cron       string          `json:"cron"`
	TimeZone   string          `json:"time_zone"`
	Enabled    bool            `json:"enabled"`
	Purpose    string          `json:"purpose"`
	Basis      string          `json:"basis"`
	ApprovedBy string          `json:"approved_by"`
	ReviewAt   time.Time       `json:"review_at"`
	NextRun    time.Time       `json:"next_run"`
	LastRun    time.Time       `json:"last_run"`
	LastNew    time.Time       `json:"last_new"`
}

type sourcesListCmd struct{}

func (c *sourcesListCmd) run(ctx context.Context, e *Env, a *app.App) error {
	list, err := a.Records.Sources(ctx, nil)
	if err != nil {
		return err
	}
	out := []sourceLine{}
	for _, s := range list {
		out = append(out, sourceLine{s.ID, s.Name, s.Reader, s.Config, s.Cron, s.TimeZone, s.Enabled, s.Purpose, s.Basis, s.ApprovedBy, s.ReviewAt, s.NextRun, s.LastRun, s.LastNew})
	}
	return e.print(out, func(w io.Writer) {
		for _, s := range out {
			state := e.T("cli.paused")
			if s.Enabled {
				state = e.T("cli.next", "at", s.NextRun.Format(time.RFC3339))
			}
			fmt.Fprintf(w, "%s  %s  %s (%s)  %s\n", s.Name, s.Reader, s.Cron, s.TimeZone, state)
		}
		if len(out) == 0 {
			fmt.Fprintln(w, e.T("cli.nosources"))
		}
	})
}

type sourcesAddCmd struct {
	Name     string        `arg:"" help:"A name for people."`
	Reader   string        `arg:"" help:"Which reader reads it; without one that exists the command names them."`
	Settings string        `arg:"" help:"The reader's settings as JSON, such as {\"url\":\"https://example.org/feed.xml\"}."`
	Cron     string        `help:"When it is read: five cron fields, or @every 30m." default:"17 * * * *"`
	Zone     string        `help:"Time zone of the schedule." default:"Asia/Shanghai"`
	Jitter   time.Duration `help:"Start at most so much later." default:"1m"`
	Every    time.Duration `help:"Pause between two requests to one host." default:"1s"`
	Parallel int           `help:"Requests to one host at once." default:"1"`
	NoPause  bool          `help:"No pause at all: only for this machine itself, where allow_cidrs names it."`
	Place    string        `help:"Where its posts are from when they do not say."`
	Purpose  string        `help:"What it is collected for."`
	Basis    string        `help:"On what legal basis."`
	Approver string        `help:"Name of the admin who approves it."`
	Review   string        `help:"Until when the approval holds, 2012-01-31." placeholder:"DATE"`
	Enable   bool          `help:"Enable it at once; needs purpose, basis, approver and review."`
}

func (c *sourcesAddCmd) run(ctx context.Context, e *Env, a *app.App) error {
	src := record.Source{Name: c.Name, Reader: c.Reader, Config: json.RawMessage(c.Settings), Cron: c.Cron, TimeZone: c.Zone, Jitter: c.Jitter,
		Rate: crawler.Rate{Every: c.Every, Parallel: c.Parallel}, Place: c.Place, Purpose: c.Purpose, Basis: c.Basis}
	if c.NoPause {
		src.Rate.Every = crawler.NoPause
	}
	if !json.Valid(src.Config) {
		return usageError{errors.New(e.T("cli.settings"))}
	}
	if err := a.Pipeline.CheckSource(src); err != nil {
		return err
	}
	if c.Review != "" {
		day, err := time.Parse(time.DateOnly, c.Review)
		if err != nil {
			return usageError{err}
		}
		src.ReviewAt = day
	}
	err := a.Records.Tx(ctx, func(tx *sql.Tx) error {
		if c.Approver != "" {
			u, err := a.Records.UserNamed(ctx, tx, c.Approver)
			if err != nil {
				return err
			}
			if !u.Is(record.Admin) {
				return fmt.Errorf("approver: %w", record.ErrNotFound)
			}
			src.ApprovedBy = u.ID
		}
		if c.Enable {
			if err := a.Enable(&src); err != nil {
				return err
			}
		}
		id, err := a.Records.AddSource(ctx, tx, src)
		if err != nil {
			return err
		}
		src.ID = id
		return audit(ctx, a, tx, "source-added", id, "")
	})
	if err != nil {
		return err
	}
	return e.print(map[string]string{"id": src.ID, "name": src.Name}, func(w io.Writer) { fmt.Fprintln(w, e.T("cli.sourceadded", "name", src.Name)) })
}

type sourcesEnableCmd struct {
	Name string `arg:"" help:"The source's name."`
}

func (c *sourcesEnableCmd) run(ctx context.Context, e *Env, a *app.App) error {
	return changeSource(ctx, e, a, c.Name, "source-enabled", func(s *record.Source) error { return a.Enable(s) })
}

type sourcesPauseCmd struct {
	Name string `arg:"" help:"The source's name."`
}

func (c *sourcesPauseCmd) run(ctx context.Context, e *Env, a *app.App) error {
	return changeSource(ctx, e, a, c.Name, "source-paused", func(s *record.Source) error { s.Enabled = false; return nil })
}

func changeSource(ctx context.Context, e *Env, a *app.App, name, action string, change func(*record.Source) error) error {
	err := a.Records.Tx(ctx, func(tx *sql.Tx) error {
		src, err := a.Records.SourceNamed(ctx, tx, name)
		if err != nil {
			return err
		}
		if err := change(&src); err != nil {
			return err
		}
		if err := a.Records.ChangeSource(ctx, tx, src); err != nil {
			return err
		}
		return audit(ctx, a, tx, action, src.ID, "")
	})
	if err != nil {
		return err
	}
	return e.print(map[string]string{"name": name, "done": action}, func(w io.Writer) { fmt.Fprintln(w, e.T("cli.done")) })
}

type sourcesRunsCmd struct {
	Name  string `arg:"" optional:"" help:"Only of this source."`
	Limit int    `help:"Runs at most." default:"20"`
}

func (c *sourcesRunsCmd) run(ctx context.Context, e *Env, a *app.App) error {
	id := ""
	if c.Name != "" {
		src, err := a.Records.SourceNamed(ctx, nil, c.Name)
		if err != nil {
			return err
		}
		id = src.ID
	}
	runs, err := a.Records.Runs(ctx, nil, id, time.Time{}, c.Limit)
	if err != nil {
		return err
	}
	out := []crawled{}
	for _, r := range runs {
		src, err := a.Records.Source(ctx, nil, r.SourceID)
		if err != nil {
			return err
		}
		out = append(out, account(src.Name, r))
	}
	return e.print(out, func(w io.Writer) {
		for _, r := range out {
			fmt.Fprintln(w, r.line(e), r.Why)
		}
	})
}

type readCmd struct {
	Reader   string `arg:"" help:"Which reader; without one that exists the command names them."`
	URL      string `arg:"" help:"Address of the feed, the timeline, the board or the list, or the reader's settings as JSON."`
	NoPause  bool   `help:"No pause between requests: only for this machine itself, where allow_cidrs names it."`
	MaxPosts int    `help:"Posts at most." default:"40"`
}

// readPost is one post as a reader hands it on, in the names of every reader's page.
type readPost struct {
	ID        string      `json:"source_id"`
	URL       string      `json:"url"`
	Kind      string      `json:"kind"`
	Author    string      `json:"author_id"`
	Text      string      `json:"text"`
	Place     string      `json:"place,omitempty"`
	Lang      string      `json:"lang,omitempty"`
	RawAt     string      `json:"raw_at,omitempty"`
	CreatedAt *time.Time  `json:"created_at"`
	Precision string      `json:"precision"`
	EditedAt  *time.Time  `json:"edited_at,omitempty"`
	Tags      []string    `json:"tags"`
	Sensitive bool        `json:"sensitive"`
	Deleted   bool        `json:"deleted"`
	QuotedID  string      `json:"quoted_id,omitempty"`
	Images    []readImage `json:"images"`
}

type readImage struct {
	URL      string   `json:"url"`
	Width    int      `json:"width,omitempty"`
	Height   int      `json:"height,omitempty"`
	Alt      string   `json:"alt,omitempty"`
	MIME     string   `json:"mime,omitempty"`
	Fallback []string `json:"fallback_urls,omitempty"`
}

func (c *readCmd) runAlone(ctx context.Context, e *Env, o app.Options) error {
	reader, ok := app.Readers()[c.Reader]
	if !ok {
		return usageError{errors.New(e.T("cli.noreader", "name", c.Reader, "readers", strings.Join(app.ReaderNames(), ", ")))}
	}
	config := json.RawMessage(c.URL)
	if !strings.HasPrefix(strings.TrimSpace(c.URL), "{") {
		var err error
		if config, err = app.ConfigFor(c.Reader, c.URL); err != nil {
			return usageError{err}
		}
	}
	if check, ok := reader.(crawler.ConfigChecker); ok {
		if err := check.Check(config); err != nil {
			return usageError{err}
		}
	}
	door, err := app.Door(o, e.Log)
	if err != nil {
		return err
	}
	src := crawler.Source{ID: "read", Name: c.URL, Reader: c.Reader, Config: config}
	if c.NoPause {
		src.Rate = crawler.Rate{Every: crawler.NoPause, Parallel: 4}
	}
	out := struct {
		Reader   string          `json:"reader"`
		Posts    []readPost      `json:"posts"`
		Cursor   json.RawMessage `json:"cursor"`
		More     bool            `json:"more"`
		Asked    int             `json:"asked"`
		Warnings []string        `json:"warnings"`
		Refusal  string          `json:"refusal,omitempty"`
		Detail   string          `json:"detail,omitempty"`
	}{Reader: c.Reader, Posts: []readPost{}, Warnings: []string{}}
	enough := errors.New("enough")
	stats, err := door.Run(ctx, reader, src, func(_ context.Context, p crawler.Page) error {
		for _, post := range p.Posts {
			if len(out.Posts) < c.MaxPosts {
				out.Posts = append(out.Posts, readable(post))
			}
		}
		out.Cursor, out.More = p.Cursor, p.More
		if len(out.Posts) >= c.MaxPosts {
			return enough
		}
		return nil
	})
	out.Asked = stats.Asked
	out.Warnings = append(out.Warnings, stats.Warnings...)
	refusal, refused := errors.AsType[*crawler.Refusal](err)
	if err != nil && !errors.Is(err, enough) && !refused {
		return err
	}
	if refused {
		out.Refusal, out.Detail = refusal.Name, refusal.Error()
	}
	err = e.print(out, func(w io.Writer) {
		for _, p := range out.Posts {
			at := p.RawAt
			if p.CreatedAt != nil {
				at = p.CreatedAt.Format(time.RFC3339)
			}
			fmt.Fprintf(w, "%s  %s  %s\n", at, p.ID, oneLine(p.Text))
			for _, i := range p.Images {
				fmt.Fprintf(w, "    %s\n", i.URL)
			}
		}
		fmt.Fprintln(w, e.T("cli.read", "posts", len(out.Posts), "asked", out.Asked))
	})
	if err == nil && refused {
		fmt.Fprintln(e.Stderr, "xunqin:", e.explain(refusal))
		return exitStatus(1)
	}
	return err
}

func readable(p crawler.Post) readPost {
	r := readPost{ID: p.NativeID, URL: p.URL, Kind: p.Kind, Author: p.AuthorID, Text: p.Text, Place: p.Place, Lang: p.Lang, RawAt: p.RawAt, Precision: string(p.Precision), Tags: p.Tags,
		Sensitive: p.Sensitive, Deleted: p.Deleted, QuotedID: p.QuotedID, Images: []readImage{}}
	if r.Kind == "" {
		r.Kind = crawler.KindPost
	}
	if r.Precision == "" {
		r.Precision = "unknown"
	}
	if r.Tags == nil {
		r.Tags = []string{}
	}
	if !p.At.IsZero() {
		r.CreatedAt = &p.At
	}
	if !p.EditedAt.IsZero() {
		r.EditedAt = &p.EditedAt
	}
	for _, i := range p.Photos {
		r.Images = append(r.Images, readImage{i.URL, i.Width, i.Height, i.Alt, i.MIME, i.Fallback})
	}
	return r
}
