package app

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"xunqin/cmd/xunqin/internal/api"
	"xunqin/cmd/xunqin/internal/auth"
	"xunqin/cmd/xunqin/internal/desk"
	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/crawler"
	"xunqin/crawler/guard"
	"xunqin/pipeline"
	"xunqin/pipeline/record"
)

// ServeOptions are the settings of the desk alone.
type ServeOptions struct {
	Listen string // host:port
	Proxy  string // the range of the proxy in front whose X-Forwarded-For is believed; may be empty
}

// Serve runs desk, schedules and work until ctx ends, then lets what is in hand come to its end: ten seconds at most.
func (a *App) Serve(ctx context.Context, o ServeOptions) error {
	l, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	address := "http://" + l.Addr().String()
	if a.Options.BaseURL == "" {
		a.Options.BaseURL = address
	}
	a.Pipeline.BaseURL = a.Options.BaseURL
	gate, err := a.Gate()
	if err != nil {
		return errors.Join(err, l.Close())
	}
	handler, err := a.handler(gate, o.Proxy)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	if err := a.welcome(ctx, gate); err != nil {
		return errors.Join(err, l.Close())
	}
	srv := desk.HTTPServer(handler)
	srv.ErrorLog = slog.NewLogLogger(a.Log.Handler(), slog.LevelDebug)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.Work(ctx) })
	g.Go(func() error {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("desk: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := srv.Shutdown(end); err != nil {
			return srv.Close()
		}
		return nil
	})
	if a.Started != nil {
		a.Started(a.Options.BaseURL)
	}
	return g.Wait()
}

// welcome makes the link of the first admin where nobody has an account yet.
func (a *App) welcome(ctx context.Context, gate *auth.Gate) error {
	if a.FirstAdmin == nil {
		return nil
	}
	link, err := gate.FirstAdmin(ctx)
	if err == nil && link != "" {
		a.FirstAdmin(link)
	}
	return err
}

// Gate makes the desk's gate.
func (a *App) Gate() (*auth.Gate, error) {
	return auth.New(auth.Options{Records: a.Records, Policy: a.Policy, Log: a.Log, Now: func() time.Time { return a.Now() }, BaseURL: a.Options.BaseURL,
		Mark: a.Keys.Pseudonym, Seal: a.Keys.Seal, Open: a.Keys.Open, SecondFactor: a.SecondFactor})
}

func (a *App) handler(gate *auth.Gate, proxy string) (http.Handler, error) {
	texts, err := locale.Load()
	if err != nil {
		return nil, err
	}
	s := &desk.Server{Records: a.Records, Pipeline: a.Pipeline, Auth: gate, Texts: texts, Policy: a.Policy, Log: a.Log, Now: func() time.Time { return a.Now() }, BaseURL: a.Options.BaseURL}
	if proxy != "" {
		from, err := netip.ParsePrefix(proxy)
		if err != nil {
			return nil, &Trouble{Code: "range", Detail: "proxy: " + proxy, Err: err}
		}
		s.ClientIP = behind(from)
	}
	pages, err := s.Handler()
	if err != nil {
		return nil, err
	}
	programs, err := (&api.Server{Desk: s}).Handler()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", pages)
	mux.Handle("/api/", programs)
	return mux, nil
}

// behind finds who asks through a trusted proxy: the last address in X-Forwarded-For, which the proxy wrote itself.
func behind(proxy netip.Prefix) func(*http.Request) string {
	return func(r *http.Request) string {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || !proxy.Contains(peer.Addr().Unmap()) {
			return r.RemoteAddr
		}
		list := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		if ip, err := netip.ParseAddr(strings.TrimSpace(list[len(list)-1])); err == nil {
			return ip.String()
		}
		return peer.Addr().String()
	}
}

// WriteRoutes writes the tables of routes of the desk and of the API.
func WriteRoutes(w io.Writer, asJSON bool) error {
	s := new(desk.Server)
	return desk.WriteRoutes(w, slices.Concat(s.RouteLines(), (&api.Server{Desk: s}).RouteLines()), asJSON)
}

// Work runs schedules and jobs until ctx ends.
func (a *App) Work(ctx context.Context) error {
	tasks, err := a.tasks()
	if err != nil {
		return err
	}
	s := &crawler.Scheduler{DispatchDue: a.Pipeline.DispatchDue, Tasks: tasks, Now: func() time.Time { return a.Now() }, Log: a.Log}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Run(ctx) })
	g.Go(func() error { return a.Pipeline.Start(ctx) })
	return g.Wait()
}

// tasks are the housekeeping: what has lived its life ends each night, keys are copied, blobs of no row are swept.
func (a *App) tasks() ([]crawler.Task, error) {
	var orphans map[string]bool
	var list []crawler.Task
	for _, t := range []struct {
		name, cron string
		run        func(context.Context) error
	}{
		{"expire", "23 3 * * *", func(ctx context.Context) error {
			_, err := a.Pipeline.Expire(ctx)
			return err
		}},
		{"back up keys", "11 2 * * *", a.backUpKeys},
		{"sweep", "41 * * * *", func(ctx context.Context) error {
			var err error
			orphans, _, err = a.Pipeline.Sweep(ctx, orphans)
			return err
		}},
	} {
		s, err := crawler.ParseSchedule(t.cron, "Asia/Shanghai", time.Minute)
		if err != nil {
			return nil, fmt.Errorf("task %s: %w", t.name, err)
		}
		list = append(list, crawler.Task{Name: t.name, Schedule: s, Run: t.run})
	}
	return list, nil
}

// backUpKeys copies the key file beside itself, and deletes copies older than the policy lets them live: a key that was
// destroyed must not come back from an old copy.
func (a *App) backUpKeys(ctx context.Context) error {
	dir := filepath.Join(a.Options.Keys, "backup")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("back up keys: %w", err)
	}
	name := filepath.Join(dir, a.Now().UTC().Format("2006-01-02")+".db")
	f, err := os.OpenFile(name+".part", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("back up keys: %w", err)
	}
	if err := errors.Join(a.Keys.Backup(ctx, f), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("back up keys: %w", err)
	}
	if err := os.Rename(name+".part", name); err != nil {
		return fmt.Errorf("back up keys: %w", err)
	}
	old, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("back up keys: %w", err)
	}
	for _, e := range old {
		day, err := time.Parse("2006-01-02.db", e.Name())
		if err == nil && a.Now().Sub(day) > a.Policy.Lives.BackupKeys.D() {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return fmt.Errorf("back up keys: %w", err)
			}
		}
	}
	return nil
}

// WorkUntil works on jobs, for a command, until done says so. Where this process works on jobs anyway, it waits.
func (a *App) WorkUntil(ctx context.Context, done func() (bool, error)) error {
	if ok, err := done(); ok || err != nil {
		return err
	}
	asked := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	if !a.Works {
		g.Go(func() error {
			err := a.Pipeline.Start(ctx)
			if asked.Err() == nil && errors.Is(err, context.Canceled) {
				return nil // done before it had begun
			}
			return err
		})
	}
	g.Go(func() error {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			ok, err := done()
			if err != nil {
				return err
			}
			if ok {
				cancel()
				return nil
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-tick.C:
			}
		}
	})
	return g.Wait()
}

// Finding is one line of the doctor's account.
type Finding struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	What   string `json:"what"`
	Detail string `json:"detail,omitempty"`
}

// Doctor says what is missing before real sources are crawled and real people let in.
func (a *App) Doctor(ctx context.Context) ([]Finding, error) {
	users, err := a.Records.Users(ctx, nil)
	if err != nil {
		return nil, err
	}
	admins, reviewers := 0, 0
	for _, u := range users {
		if u.DisabledAt.IsZero() && u.Is(record.Admin) {
			admins++
		}
		if u.DisabledAt.IsZero() && u.Is(record.Reviewer) {
			reviewers++
		}
	}
	backup := time.Time{}
	if st, err := os.Stat(filepath.Join(a.Options.Data, "last-backup")); err == nil {
		backup = st.ModTime()
	}
	keys := a.Keys.Check(ctx)
	index, indexErr := a.Index.Info(ctx)
	if indexErr != nil {
		a.Log.Warn("the index does not answer", "err", indexErr)
		index.Engine = a.Options.Index
	}
	list := []Finding{
		{Check: "contact", OK: a.Options.Contact != "", Detail: a.Options.Contact},
		{Check: "https", OK: strings.HasPrefix(a.Options.BaseURL, "https://"), Detail: a.Options.BaseURL},
		{Check: "mail", OK: a.Options.MailHost != "" && a.Options.MailFrom != "", Detail: a.Options.MailHost},
		{Check: "backup", OK: !backup.IsZero() && a.Now().Sub(backup) < 7*24*time.Hour, Detail: day(backup)},
		{Check: "keys", OK: keys == nil, Detail: text(keys)},
		{Check: "index", OK: indexErr == nil, Detail: index.Engine},
		{Check: "admins", OK: admins >= 2, Detail: fmt.Sprint(admins)},
		{Check: "reviewers", OK: reviewers >= 2, Detail: fmt.Sprint(reviewers)},
		{Check: "second-factor", OK: a.SecondFactor},
	}
	return list, nil
}

func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Enable lets a source be crawled from its next scheduled time on, if it carries all that this asks for.
func (a *App) Enable(src *record.Source) error {
	if !src.Approved(a.Now()) {
		return &pipeline.SourceError{Field: "approval", Detail: "purpose, basis, approver and a review date to come"}
	}
	if err := a.Pipeline.CheckSource(*src); err != nil {
		return err
	}
	var err error
	src.Enabled = true
	src.ScheduledAt, src.NextRun, err = a.Pipeline.NextRun(*src, a.Now())
	return err
}

// ReaderNames lists the readers by name.
func ReaderNames() []string { return slices.Sorted(maps.Keys(Readers())) }

// ConfigFor makes a reader's settings from an address that people know the source by.
func ConfigFor(reader, address string) (json.RawMessage, error) {
	switch reader {
	case "feed", "discuz", "baobeihuijia", "page":
		return json.Marshal(map[string]string{"url": address})
	case "mastodon":
		return mastodonConfig(address)
	case "telegram":
		return lastPart(address, "channel")
	}
	return nil, fmt.Errorf("no reader %q", reader)
}

// lastPart makes settings of an address whose last part names the place.
func lastPart(address, field string) (json.RawMessage, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("%q is no address", address)
	}
	path := strings.Trim(u.Path, "/")
	return json.Marshal(map[string]string{field: path[strings.LastIndexByte(path, '/')+1:]})
}

// Door makes the crawler's door for a command that stores nothing.
func Door(o Options, log *slog.Logger) (*crawler.Door, error) {
	cidrs, err := o.cidrs()
	if err != nil {
		return nil, err
	}
	return &crawler.Door{Guard: &guard.Dialer{AllowCIDRs: cidrs, AllowPorts: o.AllowPorts}, Version: Version, Contact: o.Contact, Log: log}, nil
}

// addUser stores a person with a passphrase, for the demo.
func (a *App) addUser(ctx context.Context, gate *auth.Gate, name, passphrase string, roles []record.Role, lang string) (string, error) {
	hash, err := gate.Hash(ctx, passphrase)
	if err != nil {
		return "", err
	}
	var id string
	err = a.Records.Tx(ctx, func(tx *sql.Tx) error {
		var err error
		id, err = a.Records.AddUser(ctx, tx, record.User{Name: name, Password: hash, Roles: roles, Lang: lang, Zone: "Asia/Shanghai"})
		return err
	})
	return id, err
}
