package cli

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"xunqin/cmd/xunqin/internal/app"
	"xunqin/pipeline/record"
	"xunqin/pipeline/report"
)

// bar shows progress to a person, and nothing to anybody else.
func (e *Env) bar(total int, what string, more ...progressbar.Option) *progressbar.ProgressBar {
	w := e.Stderr
	if !e.Terminal {
		w = io.Discard
	}
	options := []progressbar.Option{progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what), progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100 * time.Millisecond)}
	return progressbar.NewOptions(total, append(options, more...)...)
}

type crawlCmd struct {
	Name string `arg:"" help:"The source's name."`
}

// crawled is the account of one run, as the command prints it.
type crawled struct {
	Run         string `json:"run"`
	Source      string `json:"source"`
	State       string `json:"state"`
	Why         string `json:"why,omitempty"`
	Detail      string `json:"detail,omitempty"`
	Asked       int64  `json:"asked"`
	Fetched     int64  `json:"fetched"`
	NotModified int64  `json:"not_modified"`
	New         int64  `json:"new"`
	Duplicate   int64  `json:"duplicate"`
	Refused     int64  `json:"refused"`
	Failed      int64  `json:"failed"`
	Seconds     int64  `json:"seconds"`
}

func (c *crawlCmd) run(ctx context.Context, e *Env, a *app.App) error {
	src, err := a.Records.SourceNamed(ctx, nil, c.Name)
	if err != nil {
		return err
	}
	id, err := a.Pipeline.CrawlNow(ctx, src.ID, "command")
	if err != nil {
		return err
	}
	if err := a.WorkUntil(ctx, func() (bool, error) {
		run, err := a.Records.Run(ctx, nil, id)
		if err != nil || run.EndedAt.IsZero() {
			return false, err
		}
		busy, err := a.Pipeline.Busy(ctx)
		return !busy, err
	}); err != nil {
		return err
	}
	run, err := a.Records.Run(ctx, nil, id)
	if err != nil {
		return err
	}
	out := account(src.Name, run)
	err = e.print(out, func(w io.Writer) {
		fmt.Fprintln(w, out.line(e))
		if out.Why != "" {
			fmt.Fprintf(w, "%s: %s\n", out.Why, out.Detail)
		}
	})
	if err == nil && run.State != record.RunDone {
		return exitStatus(1)
	}
	return err
}

// line says a run to a person.
func (c crawled) line(e *Env) string {
	return e.T("cli.run", "source", c.Source, "state", e.T("cli.run."+c.State), "asked", c.Asked, "new", c.New, "duplicate", c.Duplicate, "same", c.NotModified, "refused", c.Refused, "failed", c.Failed, "seconds", c.Seconds)
}

func account(source string, r record.Run) crawled {
	c := crawled{Run: r.ID, Source: source, State: r.State, Why: r.Why, Detail: r.Detail, Asked: r.Asked, Fetched: r.Fetched, NotModified: r.NotModified, New: r.Fresh, Duplicate: r.Duplicate, Refused: r.Refused, Failed: r.FailedPhotos}
	if !r.EndedAt.IsZero() {
		c.Seconds = int64(r.EndedAt.Sub(r.StartedAt).Seconds())
	}
	return c
}

type importCmd struct {
	File    string `arg:"" help:"CSV file, UTF-8 or GB18030. Photos are addresses, or files beside it."`
	DryRun  bool   `help:"Say what would happen and store nothing."`
	Results string `help:"Write a line for each row with what became of it and why." placeholder:"FILE"`
}

// imported is what the command prints.
type imported struct {
	File      string        `json:"file"`
	DryRun    bool          `json:"dry_run"`
	Encoding  string        `json:"encoding"`
	Rows      int           `json:"rows"`
	Added     int           `json:"added"`
	Updated   int           `json:"updated"`
	Unchanged int           `json:"unchanged"`
	Rejected  int           `json:"rejected"`
	Warnings  []string      `json:"warnings"`
	Lines     []importedRow `json:"lines"`
}

type importedRow struct {
	Line     int      `json:"line"`
	Number   string   `json:"number"`
	Outcome  string   `json:"outcome"`
	Problems []string `json:"problems"`
}

func (c *importCmd) run(ctx context.Context, e *Env, a *app.App) error {
	path := e.path(c.File)
	f, err := openFile(path)
	if err != nil {
		return err
	}
	defer f.Close()
	table, err := report.ReadCSV(f, report.Limits{}, e.Now())
	if err != nil {
		return err
	}
	bar := e.bar(len(table.Rows), e.T("cli.importing"))
	results, ids, err := a.Pipeline.Import(ctx, "command", table, beside(path), c.DryRun, func(n int) { bar.Set(n) })
	if err != nil {
		return err
	}
	if err := bar.Finish(); err != nil {
		return err
	}
	if c.Results != "" {
		var b strings.Builder
		if err := report.WriteResult(&b, table.Rows, results, e.Lang); err != nil {
			return err
		}
		if err := writeFile(e.path(c.Results), []byte(b.String())); err != nil {
			return err
		}
	}
	if !c.DryRun {
		if err := a.WorkUntil(ctx, related(ctx, a, ids)); err != nil {
			return err
		}
	}
	out := imported{File: c.File, DryRun: c.DryRun, Encoding: table.Encoding, Rows: len(table.Rows), Warnings: []string{}, Lines: []importedRow{}}
	for _, w := range table.Warnings {
		out.Warnings = append(out.Warnings, w.Message(e.Lang))
	}
	for i, row := range table.Rows {
		switch results[i].Outcome {
		case report.Added:
			out.Added++
		case report.Updated:
			out.Updated++
		case report.Unchanged:
			out.Unchanged++
		default:
			out.Rejected++
		}
		line := importedRow{Line: row.Line, Number: row.Report.Number, Outcome: string(results[i].Outcome), Problems: []string{}}
		for _, p := range row.Problems {
			line.Problems = append(line.Problems, p.Message(e.Lang))
		}
		out.Lines = append(out.Lines, line)
	}
	err = e.print(out, func(w io.Writer) {
		for _, s := range out.Warnings {
			fmt.Fprintln(w, s)
		}
		for _, l := range out.Lines {
			if len(l.Problems) > 0 {
				fmt.Fprintf(w, "%d %s %s: %s\n", l.Line, l.Number, l.Outcome, strings.Join(l.Problems, "; "))
			}
		}
		fmt.Fprintln(w, e.T("cli.imported", "rows", out.Rows, "added", out.Added, "updated", out.Updated, "unchanged", out.Unchanged, "rejected", out.Rejected))
		if c.DryRun {
			fmt.Fprintln(w, e.T("cli.dryrun"))
		}
	})
	if err == nil && out.Rejected > 0 {
		return exitStatus(1)
	}
	return err
}

// related is true when every report has been compared with what is there.
func related(ctx context.Context, a *app.App, ids []string) func() (bool, error) {
	return func() (bool, error) {
		for len(ids) > 0 {
			r, err := a.Records.Report(ctx, nil, ids[0])
			if err != nil && !record.IsNotFound(err) {
				return false, err
			}
			if err == nil && r.Step != record.StepRelated {
				return false, nil
			}
			ids = ids[1:]
		}
		return true, nil
	}
}

// beside reads files of a folder by their plain names: a table cannot name a file elsewhere.
func beside(table string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		if name != filepath.Base(name) || name == "." || name == ".." {
			return nil, fmt.Errorf("%q is no plain file name", name)
		}
		return readPicture(filepath.Join(filepath.Dir(table), name))
	}
}

type verifyCmd struct{}

func (c *verifyCmd) run(ctx context.Context, e *Env, a *app.App) error {
	if err := a.Pipeline.Follow(ctx); err != nil {
		a.Log.Warn("index", "err", err) // Verify will say so
	}
	v, err := a.Pipeline.Verify(ctx)
	if err != nil {
		return err
	}
	err = e.print(v, func(w io.Writer) {
		for _, p := range v.Problems {
			fmt.Fprintf(w, "%s %s: %s\n", p.Kind, p.ID, p.What)
		}
		fmt.Fprintln(w, e.T("cli.verified", "posts", v.Posts, "photos", v.Photos, "reports", v.Reports, "leads", v.Leads, "problems", len(v.Problems)))
	})
	if err == nil && len(v.Problems) > 0 {
		return exitStatus(1)
	}
	return err
}

type dumpCmd struct{}

func (c *dumpCmd) run(ctx context.Context, e *Env, a *app.App) error {
	return a.Pipeline.Dump(ctx, e.Stdout)
}

type eraseCmd struct {
	ID     string `arg:"" help:"Id of the post or report."`
	Reason string `help:"Why, as a word: asked, court, mistake." required:""`
}

func (c *eraseCmd) run(ctx context.Context, e *Env, a *app.App) error {
	if strings.ContainsFunc(c.Reason, func(r rune) bool { return (r < 'a' || r > 'z') && r != '-' }) {
		return usageError{errors.New(e.T("cli.reason"))}
	}
	err := a.Pipeline.Erase(ctx, "command", c.ID, c.Reason)
	if record.IsNotFound(err) {
		return fmt.Errorf("post or report %s: %w", c.ID, record.ErrNotFound)
	}
	if err != nil {
		return err
	}
	return e.print(map[string]string{"erased": c.ID}, func(w io.Writer) { fmt.Fprintln(w, e.T("cli.erased")) })
}

type retentionCmd struct{}

func (c *retentionCmd) run(ctx context.Context, e *Env, a *app.App) error {
	n, err := a.Pipeline.Expire(ctx)
	if err != nil {
		return err
	}
	out := map[string]int64{"derivatives": n.Derivatives, "fingerprints": n.Fingerprints, "posts": n.Posts, "reports": n.Reports, "audit_lines": n.AuditLines}
	return e.print(out, func(w io.Writer) {
		fmt.Fprintln(w, e.T("cli.expired", "pictures", n.Derivatives, "prints", n.Fingerprints, "posts", n.Posts, "reports", n.Reports, "lines", n.AuditLines))
	})
}

// audit notes a change made by command.
func audit(ctx context.Context, a *app.App, tx *sql.Tx, action, object, detail string) error {
	return a.Records.Audit(ctx, tx, "command", action, object, detail)
}
