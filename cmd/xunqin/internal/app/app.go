// Package app opens everything the program stands on and runs its parts. A command gets an [App] from [New]; a process that
// serves calls [App.Serve].
package app

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"xunqin/crawler"
	"xunqin/crawler/baobeihuijia"
	"xunqin/crawler/discuz"
	"xunqin/crawler/feed"
	"xunqin/crawler/guard"
	"xunqin/crawler/mastodon"
	"xunqin/crawler/page"
	"xunqin/crawler/telegram"
	"xunqin/pipeline"
	"xunqin/pipeline/blob"
	"xunqin/pipeline/notify"
	"xunqin/pipeline/photo"
	"xunqin/pipeline/record"
	"xunqin/pipeline/record/policy"
	"xunqin/search"
)

// Version is the program's version, part of the user agent.
const Version = "0.1"

// decodeBudget is how many bytes decoding pictures may use at once.
const decodeBudget = 256 << 20

// secondLook is how long photos wait for their thorough comparison.
const secondLook = time.Minute

// App is everything that is open.
type App struct {
	Options  Options
	Records  *record.Store
	Pipeline *pipeline.Pipeline
	Policy   policy.Policy
	Keys     *blob.Keys
	Blobs    *blob.Sealed
	Index    *search.Switch
	Guard    *guard.Dialer
	Log      *slog.Logger
	Now      func() time.Time
	// SecondFactor says that people sign in with a second factor. Only the demo, whose people and data are invented,
	// switches it off.
	SecondFactor bool
	// Started is called when the desk answers, with its address.
	Started func(address string)
	// Works says that this process runs Work, or is about to: a command carried out in it leaves jobs to that.
	Works bool
	// FirstAdmin is called once, at the first start, with the link by which the first admin gets an account.
	FirstAdmin func(link string)

	lock    *os.File
	shelves []search.Shelf
	close   []func() error
}

// Readers are the readers the program knows, by the name a source gives.
func Readers() map[string]crawler.Reader {
	return map[string]crawler.Reader{
		"mastodon":     &mastodon.Reader{},
		"feed":         feed.Reader{},
		"discuz":       discuz.Reader{},
		"baobeihuijia": baobeihuijia.Reader{},
		"page":         page.Reader{},
		"telegram":     telegram.Reader{},
	}
}

// New opens the data folder, alone: ErrInUse when another process has it. Close what it returns.
func New(ctx context.Context, o Options, log *slog.Logger) (*App, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	a := &App{Options: o, Log: log, Now: time.Now, SecondFactor: true, Policy: policy.Default()}
	if err := a.open(ctx); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *App) open(ctx context.Context) (err error) {
	o := a.Options
	if a.lock, err = lock(o.Data); err != nil {
		return err
	}
	a.close = append(a.close, a.lock.Close)
	if err := dropHalves(o.Data); err != nil {
		return err
	}
	if o.Policy != "" {
		if a.Policy, err = policy.Load(o.Policy); err != nil {
			return err
		}
	}
	if err := a.openKeys(ctx); err != nil {
		return err
	}
	files, err := blob.OpenFiles(filepath.Join(o.Data, "pictures"))
	if err != nil {
		return err
	}
	a.close = append(a.close, files.Close)
	a.Blobs = &blob.Sealed{Store: files, Keys: a.Keys}
	if a.Records, err = record.Open(ctx, o.dsn()); err != nil {
		return err
	}
	a.close = append(a.close, a.Records.Close)
	a.Records.Now = func() time.Time { return a.Now() }
	a.Records.AuditKey = []byte(a.Keys.Pseudonym("audit", "chain"))
	if err := a.openIndex(ctx); err != nil {
		return err
	}
	cidrs, err := o.cidrs()
	if err != nil {
		return err
	}
	a.Guard = &guard.Dialer{AllowCIDRs: cidrs, AllowPorts: o.AllowPorts}
	p := &pipeline.Pipeline{
		Records: a.Records, Index: a.Index, Shelves: a.shelves, Blobs: a.Blobs, Keys: a.Keys, Readers: Readers(), Policy: a.Policy, Budget: photo.NewBudget(decodeBudget),
		Door: &crawler.Door{Guard: a.Guard, Pace: &record.Pace{Store: a.Records, Log: a.Log}, Robots: &record.Robots{Store: a.Records}, Version: Version, Contact: o.Contact,
			Now: func() time.Time { return a.Now() }, Log: a.Log},
		Log: a.Log, Now: func() time.Time { return a.Now() }, BaseURL: o.BaseURL, Alone: a.Records.Dialect() == record.SQLite,
		SecondLook: secondLook,
	}
	if p.Senders, err = a.senders(); err != nil {
		return err
	}
	a.Pipeline = p
	return p.Open(ctx)
}

// dropHalves deletes what a backup that was killed has left, or a reindex of the first version: copies of texts that an erasure
// would not reach.
func dropHalves(data string) error {
	list, err := os.ReadDir(data)
	if err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	for _, e := range list {
		if !strings.HasPrefix(e.Name(), "backup-") && !strings.HasPrefix(e.Name(), "index.db.new") {
			continue
		}
		if err := os.RemoveAll(filepath.Join(data, e.Name())); err != nil {
			return fmt.Errorf("data folder: %w", err)
		}
	}
	return nil
}

// openKeys opens the key folder, or makes it for a data folder that is new. Data without its keys would be unreadable, so new
// keys are never made for it.
func (a *App) openKeys(ctx context.Context) error {
	var err error
	a.Keys, err = blob.OpenKeys(a.Options.Keys)
	if errors.Is(err, os.ErrNotExist) {
		if _, gone := os.Stat(filepath.Join(a.Options.Data, "pictures")); gone == nil {
			return &Trouble{Code: "keys-lost", Detail: a.Options.Keys, Err: err}
		}
		a.Keys, err = blob.CreateKeys(a.Options.Keys)
	}
	if err != nil {
		return err
	}
	a.close = append(a.close, a.Keys.Close)
	return a.matchKeys()
}

// matchKeys holds the keys against the mark that the data folder keeps of those it was sealed with. Under others nothing would
// open, and what came from now on would be sealed apart.
func (a *App) matchKeys() error {
	path, own := filepath.Join(a.Options.Data, "keys-mark"), a.Keys.Fingerprint()
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return os.WriteFile(path, []byte(own+"\n"), 0o600)
	}
	if err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	if strings.TrimSpace(string(b)) != own {
		return &Trouble{Code: "keys-other", Detail: a.Options.Keys, Err: blob.ErrWrongKey}
	}
	return nil
}

func (a *App) senders() (map[string]notify.Sender, error) {
	client := &http.Client{Transport: guard.Transport(a.Guard), Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	senders := map[string]notify.Sender{record.Webhook: &notify.Webhook{Client: client}}
	if a.Options.MailHost == "" {
		return senders, nil
	}
	password := ""
	if f := a.Options.MailPasswordFile; f != "" {
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("mail password: %w", err)
		}
		password = strings.TrimSpace(string(b))
	}
	senders[record.Mail] = &notify.Mail{Host: a.Options.MailHost, From: a.Options.MailFrom, User: a.Options.MailUser, Password: password, Dial: a.Guard.DialContext}
	return senders, nil
}

// Close closes everything, the last opened first.
func (a *App) Close() error {
	var errs []error
	for i := len(a.close) - 1; i >= 0; i-- {
		errs = append(errs, a.close[i]())
	}
	a.close = nil
	return errors.Join(errs...)
}

// Audit appends a line to the audit log outside any other change.
func (a *App) Audit(ctx context.Context, actor, action, object, detail string) error {
	return a.Records.Tx(ctx, func(tx *sql.Tx) error { return a.Records.Audit(ctx, tx, actor, action, object, detail) })
}
