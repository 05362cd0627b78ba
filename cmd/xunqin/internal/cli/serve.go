package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"golang.org/x/sync/errgroup"

	"xunqin/cmd/xunqin/internal/app"
	"xunqin/pipeline/record"
	"xunqin/search"
)

type serveCmd struct {
	Listen string `help:"Address the desk answers on." default:"127.0.0.1:8484" env:"XUNQIN_LISTEN"`
	Demo   bool   `help:"Run a synthetic campaign on this machine, with invented pictures, posts and reports, in a folder of its own that is deleted at the end."`
	Proxy  string `help:"Address range of the proxy in front, whose X-Forwarded-For is believed." env:"XUNQIN_PROXY" placeholder:"CIDR"`
}

func (c *serveCmd) runAlone(ctx context.Context, e *Env, o app.Options) error {
	if c.Demo {
		return c.demo(ctx, e, o)
	}
	a, err := app.New(ctx, o, e.Log)
	if err != nil {
		return err
	}
	a.Started = func(address string) { fmt.Fprintln(e.Stderr, e.T("cli.serving", "address", address)) }
	a.FirstAdmin = func(link string) { fmt.Fprintln(e.Stderr, e.T("cli.firstadmin", "link", link)) }
	return errors.Join(c.serve(ctx, e, a), a.Close())
}

func (c *serveCmd) serve(ctx context.Context, e *Env, a *app.App) error {
	a.Works = true
	if err := boundMemory(ctx, a); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.Serve(ctx, app.ServeOptions{Listen: c.Listen, Proxy: c.Proxy}) })
	g.Go(func() error { return listen(ctx, a, e.texts, e.Log) })
	return g.Wait()
}

func (c *serveCmd) demo(ctx context.Context, e *Env, o app.Options) (err error) {
	d, err := app.NewDemo(ctx, o, e.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	a := d.App
	n := 0
	a.Pipeline.OnLead = func(l record.Lead) {
		n++
		fmt.Fprintln(e.Stdout, e.T("cli.demolead", "n", n, "kind", e.T("cli.kind."+l.Kind), "address", d.Address()+"/leads/"+l.ID))
	}
	a.Started = func(address string) {
		d.SetAddress(address)
		fmt.Fprintln(e.Stdout, e.T("cli.demo", "address", address))
		for _, s := range d.SignIns {
			fmt.Fprintln(e.Stdout, "  ", strings.Join([]string{e.T("cli.role." + string(s.Role)), s.Name, s.Passphrase}, "  "))
		}
	}
	return c.serve(ctx, e, a)
}

// memory is what the program may use beside its index before the collector works harder: it is to stay within half a gigabyte
// however large the pictures are.
const memory = 400 << 20

// boundMemory sets the collector's soft limit, unless the environment has set one.
func boundMemory(ctx context.Context, a *app.App) error {
	if os.Getenv("GOMEMLIMIT") != "" {
		return nil
	}
	info, err := a.Index.Info(ctx)
	if err != nil && !errors.Is(err, search.ErrUnavailable) {
		return err
	}
	debug.SetMemoryLimit(memory + 64*info.Prints)
	return nil
}

type workCmd struct{}

func (c *workCmd) runAlone(ctx context.Context, e *Env, o app.Options) error {
	a, err := app.New(ctx, o, e.Log)
	if err != nil {
		return err
	}
	a.Works = true
	if err := boundMemory(ctx, a); err != nil {
		return errors.Join(err, a.Close())
	}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.Work(gctx) })
	g.Go(func() error { return listen(gctx, a, e.texts, e.Log) })
	return errors.Join(g.Wait(), a.Close())
}

type routesCmd struct{}

func (c *routesCmd) runAlone(ctx context.Context, e *Env, o app.Options) error {
	return app.WriteRoutes(e.Stdout, e.JSON)
}

type doctorCmd struct{}

func (c *doctorCmd) run(ctx context.Context, e *Env, a *app.App) error {
	list, err := a.Doctor(ctx)
	if err != nil {
		return err
	}
	missing := 0
	for i := range list {
		list[i].What = e.T("cli.doctor." + list[i].Check)
		if !list[i].OK {
			missing++
		}
	}
	err = e.print(list, func(w io.Writer) {
		for _, f := range list {
			mark := "✓"
			if !f.OK {
				mark = "✗"
			}
			fmt.Fprintf(w, "%s %s", mark, f.What)
			if f.Detail != "" {
				fmt.Fprintf(w, " (%s)", f.Detail)
			}
			fmt.Fprintln(w)
		}
	})
	if err == nil && missing > 0 {
		return exitStatus(1)
	}
	return err
}
