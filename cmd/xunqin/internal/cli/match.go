package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"xunqin/cmd/xunqin/internal/app"
	"xunqin/cmd/xunqin/internal/exam"
	"xunqin/cmd/xunqin/internal/exam/made"
	"xunqin/pipeline"
	"xunqin/pipeline/photo"
	"xunqin/pipeline/photo/feature"
)

// match sits the exam of the matcher on a set of edited copies.
func (c *benchCmd) match(ctx context.Context, e *Env) (err error) {
	if c.Half < 0 || c.Half > 2 || c.Set == "" && c.Originals < 1 {
		return usageError{errors.New(e.T("cli.benchhalf"))}
	}
	paths := func(names []string) []string {
		out := make([]string, len(names))
		for i, name := range names {
			out[i] = e.path(name)
		}
		return out
	}
	set := e.path(c.Set)
	if c.Set == "" {
		if set, err = os.MkdirTemp("", "xunqin-set-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(set)) }()
		fmt.Fprintln(e.Stderr, e.T("cli.benchdraws", "n", c.Originals))
		if err := made.Write(set, c.Seed, c.Originals, 640, 480); err != nil {
			return err
		}
	}
	x := exam.Exam{
		Set: set, Distractors: paths(slices.Concat(c.Distractors, c.Folders)), Series: paths(c.Series),
		Layouts: c.Layouts, Sample: c.Sample, Half: c.Half,
	}
	if e.Terminal {
		x.Progress = func(done, of int) { fmt.Fprintf(e.Stderr, "\r%d/%d", done, of) }
	}
	r, err := x.Run(ctx)
	if e.Terminal {
		fmt.Fprint(e.Stderr, "\r\x1b[K")
	}
	if err != nil {
		return err
	}
	if c.Figures != "" {
		if err := c.writeFigures(e, r); err != nil {
			return err
		}
	}
	return e.print(r, func(w io.Writer) { _, err = r.WriteTo(w) })
}

// growth asks the queries of a set at several sizes.
func (c *benchCmd) growth(ctx context.Context, e *Env) error {
	if c.Set == "" || c.Dir == "" || len(c.Sizes) == 0 || !slices.IsSorted(c.Sizes) || c.Sizes[0] < 1 || c.Decoded < 1 {
		return usageError{errors.New(e.T("cli.benchgrowth"))}
	}
	x := exam.Growth{Set: e.path(c.Set), Dir: e.path(c.Dir), Sizes: c.Sizes, Decoded: c.Decoded, Sample: c.Sample}
	for _, d := range slices.Concat(c.Distractors, c.Folders) {
		x.Distractors = append(x.Distractors, e.path(d))
	}
	if e.Terminal {
		x.Progress = func(done, of int) { fmt.Fprintf(e.Stderr, "\r%d/%d ", done, of) }
	}
	return x.Run(ctx, func(s exam.Step) error {
		return e.print(s, func(w io.Writer) { _, _ = s.WriteTo(w) }) // a broken output shows when the next is printed
	})
}

// writeFigures writes what people are shown of the exam, with the command that repeats it.
func (c *benchCmd) writeFigures(e *Env, r exam.Report) error {
	f := pipeline.Figures{Command: "xunqin bench match", Date: e.Now().UTC().Format(time.DateOnly), Kinds: r.Kinds, Reaches: r.Reaches}
	if c.Set == "" {
		f.Command += fmt.Sprintf(" --originals %d --seed %d", c.Originals, c.Seed)
	} else {
		f.Command += " --set " + filepath.Base(c.Set)
	}
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(e.path(c.Figures), append(b, '\n'), 0o644)
}

// hashes prints what goimagehash makes of the files named on the input.
func (c *benchCmd) hashes(ctx context.Context, e *Env) error {
	b, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var files []string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			files = append(files, e.path(line))
		}
	}
	h, err := exam.HashesOf(ctx, files)
	if err != nil {
		return err
	}
	return e.print(h, func(w io.Writer) {
		for i, file := range files {
			fmt.Fprintf(w, "%16s  %s\n", h.Hashes[i], file)
		}
	})
}

type compareCmd struct {
	Query string `arg:"" help:"The picture that may show the other."`
	Known string `arg:"" help:"The picture it may be a copy of."`
}

// comparison is what compare tells of two pictures.
type comparison struct {
	Kind     string            `json:"kind"`  // empty when they have nothing to do with each other
	Found    bool              `json:"found"` // whether the one shows the other; a scene or a layout in common is not that
	Geometry *geometry         `json:"geometry"`
	Evidence *feature.Evidence `json:"evidence"` // null when the file itself decided
}

// geometry is in pixels of each picture.
type geometry struct {
	Mirrored bool       `json:"mirrored"`
	Query    [4][2]int  `json:"query"` // outline of what both show
	Known    [4][2]int  `json:"known"`
	ToKnown  [6]float64 `json:"to_known"` // x' = m0 x + m1 y + m2, y' = m3 x + m4 y + m5
	ToQuery  [6]float64 `json:"to_query"`
	View     [4]int     `json:"view"` // left, top, right, bottom of the part of the query that was looked at
}

func (c *compareCmd) runAlone(ctx context.Context, e *Env, _ app.Options) error {
	query, err := e.prepared(ctx, c.Query, photo.Limits{Probe: true})
	if err != nil {
		return err
	}
	known, err := e.prepared(ctx, c.Known, photo.Limits{Features: true})
	if err != nil {
		return err
	}
	k, err := exam.NewKnown(known)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Known, err)
	}
	v, err := exam.Compare(query, k)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Query, err)
	}
	out := comparison{Kind: v.Kind, Found: v.Same}
	if v.Kind != "" {
		out.Geometry = &geometry{v.Mirrored, outline(v.Query), outline(v.Known), v.ToKnown, v.ToQuery, [4]int{v.View.Min.X, v.View.Min.Y, v.View.Max.X, v.View.Max.Y}}
	}
	if v.Evidence != (feature.Evidence{}) {
		out.Evidence = &v.Evidence
	}
	return e.print(out, func(w io.Writer) {
		fmt.Fprintln(w, e.T("cli.compared."+cmp.Or(v.Kind, "nothing")))
		if v.Kind == "" || v.Kind == photo.Same {
			return
		}
		fmt.Fprintln(w, e.T("cli.comparedat", "query", said(out.Geometry.Query), "known", said(out.Geometry.Known)))
		if v.Mirrored && v.Kind != feature.Mirrored {
			fmt.Fprintln(w, e.T("cli.comparedmirrored"))
		}
		if v.Evidence.Support > 0 {
			fmt.Fprintln(w, e.T("cli.comparedby", "points", v.Evidence.Support, "alike", likeness(e, v.Evidence), "inside", tenths(v.Evidence.Inside)))
		} else {
			fmt.Fprintln(w, e.T("cli.comparedhash", "bits", v.Evidence.Bits))
		}
	})
}

// said writes the corners of an area, from its top left with the clock.
func said(corners [4][2]int) string {
	var s []string
	for _, c := range corners {
		s = append(s, fmt.Sprintf("%d,%d", c[0], c[1]))
	}
	return strings.Join(s, "  ")
}

// likeness says in words how much of the area agrees, block by block.
func likeness(e *Env, v feature.Evidence) string {
	switch {
	case v.Agreeing > 0.9:
		return e.T("cli.agreeing.all")
	case v.Agreeing > 0.6:
		return e.T("cli.agreeing.most")
	}
	return e.T("cli.agreeing.some")
}

func tenths(part float64) int { return max(1, min(10, int(part*10+0.5))) }

func outline(c [4]image.Point) (out [4][2]int) {
	for i, p := range c {
		out[i] = [2]int{p.X, p.Y}
	}
	return out
}

// prepared reads a picture to be compared, or says in the reader's language why it cannot be.
func (e *Env) prepared(ctx context.Context, name string, lim photo.Limits) (photo.Photo, error) {
	b, err := os.ReadFile(e.path(name))
	if err != nil {
		return photo.Photo{}, err
	}
	p, err := photo.Prepare(ctx, b, lim)
	if bad, ok := errors.AsType[*photo.Refused](err); ok {
		return p, errors.New(e.T("cli.notcompared", "file", name, "why", e.unreadable(bad.Reason)))
	}
	if err != nil {
		return p, fmt.Errorf("%s: %w", name, err)
	}
	if !p.Matchable() {
		return p, errors.New(e.T("cli.notcompared", "file", name, "why", e.T("cli.flatortiny")))
	}
	return p, nil
}

// unreadable says why a picture is refused.
func (e *Env) unreadable(reason string) string {
	switch reason {
	case photo.Empty, photo.UnknownFormat, photo.HEIC, photo.TooManyPixels, photo.TimedOut:
		return e.T("photoreason." + reason)
	case photo.TooLarge:
		return e.T("photoreason."+reason, "n", photo.MaxBytes>>20)
	case photo.TooWide, photo.TooNarrow:
		return e.T("photoreason.shape")
	case photo.Truncated, photo.Corrupt:
		return e.T("photoreason.broken")
	}
	return e.T("photoreason.other")
}
