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
	Name       string `arg:"" optional:"" enum:"all,accept,intake,latency,hamming" default:"all" help:"accept, intake, latency or hamming; without a name all."`
	Size       int    `help:"Pages, posts, seconds or hashes; without it what the goal is set for."`
	CPUProfile string `name:"cpu-profile" help:"Write a CPU profile for go tool pprof." placeholder:"FILE"`
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
