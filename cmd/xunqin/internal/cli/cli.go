// Package cli is the command line: one file for each family of commands, all over the same functions as the desk.
//
// Results go to standard output, as text for people or, with --json, as one JSON document for machines; everything else (logs,
// progress, errors) goes to standard error. The status is 0 when the command did what it says, 1 when it did not, 2 when it was
// called wrongly. A command that works on a data folder which a running server holds is carried out by that server, through the
// socket in the folder: what it adds is found at once.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"

	"xunqin/cmd/xunqin/internal/app"
	"xunqin/cmd/xunqin/internal/locale"
)

// Env is what a command knows of the process around it.
type Env struct {
	Stdout, Stderr io.Writer
	Terminal       bool   // whether standard error is watched by a person
	Dir            string // against which relative file names are read
	Lang           string // of messages to people
	JSON           bool
	Now            func() time.Time
	Log            *slog.Logger

	texts *locale.Catalog
}

// Process is the Env of this process.
func Process() *Env {
	e := &Env{Stdout: os.Stdout, Stderr: os.Stderr, Now: time.Now, Lang: locale.English}
	if st, err := os.Stderr.Stat(); err == nil {
		e.Terminal = st.Mode()&os.ModeCharDevice != 0
	}
	if dir, err := os.Getwd(); err == nil {
		e.Dir = dir
	}
	for _, v := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if s := os.Getenv(v); s != "" {
			if strings.HasPrefix(s, "zh") {
				e.Lang = locale.Chinese
			}
			break
		}
	}
	return e
}

// T is a text of the catalog in the reader's language.
func (e *Env) T(key string, pairs ...any) string { return e.texts.T(e.Lang, key, pairs...) }

// path reads a file name given by a person.
func (e *Env) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(e.Dir, name)
}

// print writes v as JSON with --json, else what text writes.
func (e *Env) print(v any, text func(w io.Writer)) error {
	if !e.JSON {
		text(e.Stdout)
		return nil
	}
	enc := json.NewEncoder(e.Stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// commands is the whole command line.
type commands struct {
	app.Options
	Config kong.ConfigFlag `help:"TOML file with any of these settings; environment and flags win over it." placeholder:"FILE" env:"XUNQIN_CONFIG"`
	JSON   bool            `name:"json" help:"Write the result as JSON, for machines."`

	Serve     serveCmd     `cmd:"" help:"Run everything: desk, schedules and work. With --demo on invented data."`
	Work      workCmd      `cmd:"" help:"Run schedules and work without a desk."`
	Crawl     crawlCmd     `cmd:"" help:"Crawl one source now and wait for all that follows."`
	Read      readCmd      `cmd:"" help:"Show what a reader hands on for an address; nothing is stored."`
	Import    importCmd    `cmd:"" help:"Take reports from a CSV file."`
	Search    searchCmd    `cmd:"" help:"Search by words, or by a photo."`
	Leads     leadsCmd     `cmd:"" help:"List leads."`
	Matching  matchingCmd  `cmd:"" help:"Show and change how pictures are matched, with two admins."`
	Sources   sourcesCmd   `cmd:"" help:"List, add, enable and pause sources."`
	Users     usersCmd     `cmd:"" help:"List people, invite, suspend."`
	Tokens    tokensCmd    `cmd:"" help:"List, make and revoke tokens, with which programs ask in a person's name."`
	Reindex   reindexCmd   `cmd:"" help:"Build the index anew from the record."`
	Backup    backupCmd    `cmd:"" help:"Write a backup of record and sealed pictures, without keys."`
	Restore   restoreCmd   `cmd:"" help:"Restore a backup into an empty data folder."`
	Verify    verifyCmd    `cmd:"" help:"Check all stores against each other."`
	Dump      dumpCmd      `cmd:"" help:"Write ids, states and fingerprints of everything, a JSON object a line."`
	Erase     eraseCmd     `cmd:"" help:"Erase a post or a report for good."`
	Retention retentionCmd `cmd:"" help:"End what has lived its life by the policy."`
	Routes    routesCmd    `cmd:"" help:"List the desk's routes and who may call them."`
	Bench     benchCmd     `cmd:"" help:"Measure the program on invented data."`
	Compare   compareCmd   `cmd:"" help:"Say whether one picture shows another, or a part of it."`
	Facts     factsCmd     `cmd:"" help:"Say what the words of posts say: places, time, age, sex; JSON lines in, one answer a line."`
	Doctor    doctorCmd    `cmd:"" help:"Say what is missing before real sources."`
}

// onData is a command that needs the data folder.
type onData interface {
	run(ctx context.Context, e *Env, a *app.App) error
}

// alone is a command that needs none, or opens it in its own way.
type alone interface {
	runAlone(ctx context.Context, e *Env, o app.Options) error
}

// usageError is a call that was wrong in itself.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

// Run carries out a command line and gives the exit status.
func Run(ctx context.Context, e *Env, args []string) int {
	texts, err := locale.Load()
	if err != nil {
		fmt.Fprintln(e.Stderr, "xunqin:", err)
		return 1
	}
	e.texts = texts
	c, selected, done, err := parse(e, args)
	if done {
		return 0
	}
	if err != nil {
		fmt.Fprintln(e.Stderr, "xunqin:", err)
		return 2
	}
	err = c.carryOut(ctx, e, selected, args)
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return 1
	case errors.As(err, &usage):
		fmt.Fprintln(e.Stderr, "xunqin:", e.explain(err))
		return 2
	}
	if status := exitStatus(0); errors.As(err, &status) {
		return int(status)
	}
	fmt.Fprintln(e.Stderr, "xunqin:", e.explain(err))
	return 1
}

// exitStatus ends a command that has said already what is wrong.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

func parse(e *Env, args []string) (c *commands, selected any, done bool, err error) {
	c = &commands{}
	exit := -1
	k, err := kong.New(c, kong.Name("xunqin"), kong.Description("Finds every copy of a photo of a street child, and brings those reported missing to people who check them."),
		kong.Configuration(configFile), kong.Writers(e.Stdout, e.Stderr), kong.Exit(func(n int) { exit = n }), kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Vars{"version": app.Version})
	if err != nil {
		return nil, nil, false, err
	}
	ctx, err := k.Parse(args)
	if exit == 0 {
		return nil, nil, true, nil // --help has been shown
	}
	if err != nil {
		return nil, nil, false, err
	}
	e.JSON = c.JSON
	level := slog.LevelInfo
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return nil, nil, false, err
	}
	e.Log = slog.New(slog.NewJSONHandler(e.Stderr, &slog.HandlerOptions{Level: level}))
	return c, ctx.Selected().Target.Addr().Interface(), false, nil
}

// configFile reads settings from TOML. A flag whose variable is set is left to the environment: kong would otherwise let the
// file win over it.
func configFile(r io.Reader) (kong.Resolver, error) {
	var values map[string]any
	if _, err := toml.NewDecoder(r).Decode(&values); err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	return settings(values), nil
}

// settings are the values of a file by the names of flags, with underscores.
type settings map[string]any

func settingName(f *kong.Flag) string { return strings.ReplaceAll(f.Name, "-", "_") }

// Validate implements kong.Resolver: it refuses a name that no command has a flag for.
func (s settings) Validate(a *kong.Application) error {
	known := map[string]bool{}
	for _, n := range append(a.Leaves(false), a.Node) {
		for _, flags := range n.AllFlags(false) {
			for _, f := range flags {
				known[settingName(f)] = true
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s)) {
		if !known[key] {
			return fmt.Errorf("settings: there is no setting %q", key)
		}
	}
	return nil
}

// Resolve implements kong.Resolver.
func (s settings) Resolve(_ *kong.Context, _ *kong.Path, f *kong.Flag) (any, error) {
	for _, v := range f.Envs {
		if _, set := os.LookupEnv(v); set {
			return nil, nil
		}
	}
	v, ok := s[settingName(f)]
	if !ok {
		return nil, nil
	}
	if list, ok := v.([]any); ok { // kong reads lists as it reads them on the command line
		parts := make([]string, len(list))
		for i, x := range list {
			parts[i] = fmt.Sprint(x)
		}
		return strings.Join(parts, ","), nil
	}
	return fmt.Sprint(v), nil
}

func (c *commands) carryOut(ctx context.Context, e *Env, selected any, args []string) error {
	switch cmd := selected.(type) {
	case alone:
		return cmd.runAlone(ctx, e, c.Options)
	case onData:
		if !e.watched(args) {
			e.Log = slog.New(quiet{e.Log.Handler()})
		}
		a, err := app.New(ctx, c.Options, e.Log)
		if errors.Is(err, app.ErrInUse) {
			return forward(ctx, e, c.Options, args)
		}
		if err != nil {
			return err
		}
		return errors.Join(cmd.run(ctx, e, a), a.Close())
	}
	return fmt.Errorf("%T is no command", selected)
}

// watched reports whether a person asked for logs of a short command by naming a level.
func (e *Env) watched(args []string) bool {
	for _, a := range args {
		if strings.HasPrefix(a, "--log-level") {
			return true
		}
	}
	return os.Getenv("XUNQIN_LOG_LEVEL") != ""
}

// quiet drops what is below a warning: a short command prints its result, not its doings.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && q.Handler.Enabled(ctx, l)
}
func (q quiet) WithAttrs(a []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(a)} }
func (q quiet) WithGroup(n string) slog.Handler      { return quiet{q.Handler.WithGroup(n)} }
