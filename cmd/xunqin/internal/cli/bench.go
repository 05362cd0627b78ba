package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/pprof"

	"xunqin/cmd/xunqin/internal/app"
	"xunqin/cmd/xunqin/internal/bench"
)

type benchCmd struct {
	Name        string   `arg:"" optional:"" enum:"all,accept,intake,latency,hamming,match" default:"all" help:"accept, intake, latency or hamming; without a name all of them. match: how well edited photos are found, on a set with known answers."`
	Folders     []string `arg:"" optional:"" help:"Of match: more folders of distractors."`
	Size        int      `help:"Pages, posts, seconds or hashes; without it what the goal is set for."`
	Set         string   `help:"Of match: the folder with originals, queries and truth.csv." placeholder:"DIR"`
	Distractors []string `help:"Of match: folders of other photos to know beside the originals." placeholder:"DIR"`
	Series      []string `help:"Of match: folders of other shots of the same things, which are no copies." placeholder:"DIR"`
	Sample      int      `help:"Of match: ask every so many-th query of an edit only." default:"1"`
	CPUProfile  string   `name:"cpu-profile" help:"Write a CPU profile for go tool pprof." placeholder:"FILE"`
}

func (c *benchCmd) runAlone(ctx context.Context, e *Env, _ app.Options) (err error) {
	if c.Size < 0 {
		return usageError{errors.New(e.T("cli.benchsize"))}
	}
	if c.CPUProfile != "" {
		f, err := os.Create(e.path(c.CPUProfile))
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return errors.Join(err, f.Close())
		}
		defer func() {
			pprof.StopCPUProfile()
			err = errors.Join(err, f.Close())
		}()
	}
	if c.Name == "match" {
		return c.match(ctx, e)
	}
	if len(c.Folders) > 0 {
		return usageError{errors.New(e.T("cli.benchfolders", "name", c.Name))}
	}
	out := struct {
		Machine bench.Machine  `json:"machine"`
		Results []bench.Result `json:"results"`
	}{bench.ThisMachine(), nil}
	for _, b := range bench.All() {
		if c.Name != "all" && c.Name != b.Name {
			continue
		}
		fmt.Fprintln(e.Stderr, e.T("cli.benching", "name", b.Name))
		results, err := b.Run(ctx, c.Size)
		if err != nil {
			return err
		}
		out.Results = append(out.Results, results...)
	}
	return e.print(out, func(w io.Writer) { bench.WriteTo(w, out.Machine, out.Results) })
}
