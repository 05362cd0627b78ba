package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"xunqin/cmd/xunqin/internal/app"
	"xunqin/pipeline"
)

type reindexCmd struct {
	To        string `help:"Build it in this engine, embedded or elastic, for a server that will be started with it." placeholder:"ENGINE" xor:"what"`
	Back      bool   `help:"Let the index answer again that was kept when it was last built anew." xor:"what"`
	ForgetOld bool   `help:"Drop the index that was kept, and one that an engine used before has left." xor:"what"`
	GiveUp    bool   `help:"Drop an index whose building was broken off." xor:"what"`
	Status    bool   `help:"Say which indexes there are." xor:"what"`
}

func (c *reindexCmd) run(ctx context.Context, e *Env, a *app.App) error {
	switch {
	case c.To != "" && c.To != app.Embedded && c.To != app.Elastic:
		return usageError{errors.New(e.T("cli.reindex.engine", "engine", c.To))}
	case c.Status:
		return c.status(ctx, e, a)
	case c.ForgetOld, c.GiveUp:
		return c.forget(ctx, e, a)
	case c.Back:
		start := e.Now()
		out, err := a.Back(ctx)
		return c.rebuilt(e, out, err, start)
	}
	watch := &watch{e: e}
	start := e.Now()
	out, err := a.Reindex(ctx, c.To, watch.tell)
	if err := watch.end(); err != nil {
		return err
	}
	return c.rebuilt(e, out, err, start)
}

// rebuilt prints what came of building or going back.
func (c *reindexCmd) rebuilt(e *Env, r pipeline.Rebuilt, err error, start time.Time) error {
	if bad, ok := errors.AsType[*pipeline.Unequal](err); ok {
		out := struct {
			Checked     int                   `json:"checked"`
			Differences []pipeline.Difference `json:"differences"`
		}{bad.Checked, bad.Differences}
		err := e.print(out, func(w io.Writer) {
			for _, d := range bad.Differences {
				fmt.Fprintln(w, e.T("cli.reindex.difference", "doc", d.Doc, "what", d.What, "want", d.Want, "got", d.Got))
			}
			fmt.Fprintln(w, e.T("cli.reindex.unequal", "n", len(bad.Differences), "checked", bad.Checked))
		})
		return errors.Join(err, exitStatus(1))
	}
	if err != nil {
		return err
	}
	out := struct {
		Engine  string  `json:"engine"`
		Docs    int64   `json:"docs"`
		Prints  int64   `json:"fingerprints"`
		Change  int64   `json:"change"`
		Checked int     `json:"checked"`
		Resumed bool    `json:"resumed"`
		Answers bool    `json:"answers"`
		Seconds float64 `json:"seconds"`
	}{r.Engine, r.Info.Docs, r.Info.Prints, r.Info.Seq, r.Checked, r.Resumed, r.Answers, e.Now().Sub(start).Seconds()}
	return e.print(out, func(w io.Writer) {
		fmt.Fprintln(w, e.T("cli.reindexed", "docs", out.Docs, "prints", out.Prints, "checked", out.Checked))
		if !r.Answers {
			fmt.Fprintln(w, e.T("cli.reindex.ready", "engine", r.Engine))
		}
	})
}

// shelved is an index as commands print it.
type shelved struct {
	Engine string    `json:"engine"`
	Place  string    `json:"place"`
	Name   string    `json:"name"`
	Began  time.Time `json:"began,omitzero"`
}

func (s shelved) print(e *Env, w io.Writer) {
	began := e.T("cli.reindex.grown")
	if !s.Began.IsZero() {
		began = s.Began.Format(time.DateTime)
	}
	fmt.Fprintf(w, "%s  %s  %s  %s\n", e.T("cli.reindex.place."+s.Place), s.Engine, s.Name, began)
}

func (c *reindexCmd) status(ctx context.Context, e *Env, a *app.App) error {
	current, beside, err := a.Pipeline.Shelved(ctx)
	if err != nil {
		return err
	}
	out := struct {
		Indexes []shelved `json:"indexes"`
		Running *progress `json:"running,omitempty"`
	}{Indexes: []shelved{{a.Options.Index, "current", current.Name, current.Began}}}
	for _, s := range beside {
		out.Indexes = append(out.Indexes, shelved{s.Engine, s.Place, s.Name, s.Began})
	}
	if p, ok := a.Pipeline.Rebuilding(); ok {
		line := newProgress(p)
		out.Running = &line
	}
	return e.print(out, func(w io.Writer) {
		for _, s := range out.Indexes {
			s.print(e, w)
		}
		if r := out.Running; r != nil {
			fmt.Fprintln(w, e.T("cli.reindex.phase."+r.Phase), r.Done, "/", r.Total)
		}
	})
}

func (c *reindexCmd) forget(ctx context.Context, e *Env, a *app.App) error {
	dropped, err := a.Pipeline.ForgetOld(ctx, c.GiveUp)
	if err != nil {
		return err
	}
	out := []shelved{}
	for _, s := range dropped {
		out = append(out, shelved{s.Engine, s.Place, s.Name, s.Began})
	}
	return e.print(out, func(w io.Writer) {
		for _, s := range out {
			s.print(e, w)
		}
		fmt.Fprintln(w, e.T("cli.reindex.dropped", "n", len(out)))
	})
}

// progress is a line for machines.
type progress struct {
	Phase       string  `json:"phase"`
	Done        int64   `json:"done"`
	Total       int64   `json:"total"`
	PerSecond   float64 `json:"per_second"`
	SecondsLeft float64 `json:"seconds_left"`
	Resumed     bool    `json:"resumed"`
}

func newProgress(p pipeline.Progress) progress {
	return progress{p.Phase, p.Done, p.Total, p.PerSecond, p.Left.Seconds(), p.Resumed}
}

// watch shows how far building has come: a bar to a person, and with --json a line a second to standard error.
type watch struct {
	e     *Env
	bar   *progressbar.ProgressBar
	phase string
	last  time.Time
}

func (w *watch) tell(p pipeline.Progress) {
	now := w.e.Now()
	if w.e.JSON {
		if p.Phase == w.phase && now.Sub(w.last) < time.Second {
			return
		}
		w.phase, w.last = p.Phase, now
		_ = json.NewEncoder(w.e.Stderr).Encode(newProgress(p)) // whoever went away asked for it
		return
	}
	if w.bar == nil { // it knows nothing of what earlier runs have done, and would count that to its rate
		w.bar = w.e.bar(int(p.Total), "", progressbar.OptionSetPredictTime(false))
	}
	what := w.e.T("cli.reindex.phase." + p.Phase)
	if p.Phase == pipeline.PhaseBuild && p.PerSecond > 0 {
		what = w.e.T("cli.reindex.rate", "what", what, "rate", int(p.PerSecond), "left", p.Left)
	}
	w.bar.Describe(what)
	w.bar.ChangeMax64(p.Total)
	_ = w.bar.Set64(p.Done) // a bar that cannot be drawn keeps nothing from being built
}

func (w *watch) end() error {
	if w.bar == nil {
		return nil
	}
	return w.bar.Finish()
}
