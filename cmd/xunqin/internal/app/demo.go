package app

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"xunqin/cmd/xunqin/internal/demo"
	"xunqin/crawler"
	"xunqin/pipeline"
	"xunqin/pipeline/record"
)

// Demo is the program on invented data: a synthetic campaign on this machine, crawled for real on its schedules, in a folder of
// its own that Close deletes.
type Demo struct {
	*App
	SignIns []SignIn

	campaign *demo.Server
	dir      string
	address  atomic.Value
}

// SignIn is an invented person.
type SignIn struct {
	Role             record.Role
	Name, Passphrase string
}

// The demo's pace: so many posts at the start, then one now and then.
const (
	demoFirst = 36
	demoEvery = 3 * time.Second
	demoMost  = 400
)

// NewDemo starts the campaign and fills a new folder with its people, sources and reports. Of o it takes the log level and the policy
// alone.
func NewDemo(ctx context.Context, o Options, log *slog.Logger) (_ *Demo, err error) {
	d := &Demo{}
	if d.dir, err = os.MkdirTemp("", "xunqin-demo-"); err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close())
		}
	}()
	now := time.Now()
	d.campaign = &demo.Server{Campaign: demo.NewCampaign(uint64(now.UnixNano()), now), First: demoFirst, Every: demoEvery, Most: demoMost}
	if err := d.campaign.Start(ctx); err != nil {
		d.campaign = nil
		return nil, err
	}
	at := d.campaign.URLs()
	options := Options{Data: filepath.Join(d.dir, "data"), Keys: filepath.Join(d.dir, "keys"), AllowCIDRs: []string{"127.0.0.0/8"}, LogLevel: o.LogLevel, Policy: o.Policy}
	for _, u := range []string{at.Mastodon, at.Feed} {
		port, err := portOf(u)
		if err != nil {
			return nil, err
		}
		options.AllowPorts = append(options.AllowPorts, port)
	}
	if d.App, err = New(ctx, options, log); err != nil {
		return nil, err
	}
	d.SecondFactor = false
	d.Pipeline.LeastEvery = time.Second
	d.Pipeline.SecondLook = 5 * time.Second
	if err := d.people(ctx); err != nil {
		return nil, err
	}
	if err := d.sources(ctx, at); err != nil {
		return nil, err
	}
	return d, d.fileReports(ctx)
}

// Reports are the invented reports, with their pictures.
func (d *Demo) Reports() []demo.Report { return d.campaign.Campaign.Reports() }

// Copies are the posts so far that carry the picture of a report, and what was done to it.
func (d *Demo) Copies() []demo.Copy { return d.campaign.Campaign.Truth() }

// SetAddress and Address keep where the desk is, for whoever prints links to it.
func (d *Demo) SetAddress(s string) { d.address.Store(s) }

// Address is what SetAddress was given.
func (d *Demo) Address() string {
	s, _ := d.address.Load().(string)
	return s
}

func (d *Demo) people(ctx context.Context) error {
	gate, err := d.Gate()
	if err != nil {
		return err
	}
	for _, role := range record.Roles() {
		// Random, though the data is invented: a passphrase that stands in the source would be tried on real desks.
		s := SignIn{Role: role, Name: "demo-" + string(role), Passphrase: passphrase()}
		roles := []record.Role{role}
		if role == record.Reviewer {
			roles = append(roles, record.Volunteer)
		}
		id, err := d.addUser(ctx, gate, s.Name, s.Passphrase, roles, "")
		if err != nil {
			return err
		}
		d.SignIns = append(d.SignIns, s)
		if role == record.Activist {
			if err := d.savedQuery(ctx, id); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Demo) savedQuery(ctx context.Context, user string) error {
	return d.Records.Tx(ctx, func(tx *sql.Tx) error {
		q, err := d.Records.AddSavedQuery(ctx, tx, record.SavedQuery{UserID: user, Name: "天桥上的男孩", Query: "天桥 男孩"})
		if err != nil {
			return err
		}
		_, err = d.Records.AddSubscription(ctx, tx, record.Subscription{UserID: user, SavedQueryID: q, Channel: record.Inbox})
		return err
	})
}

func (d *Demo) sources(ctx context.Context, at demo.URLs) error {
	admin, err := d.Records.UserNamed(ctx, nil, "demo-"+string(record.Admin))
	if err != nil {
		return err
	}
	list := []record.Source{
		{Name: "演示广场", Reader: "mastodon", Cron: "@every 5s"},
		{Name: "演示订阅", Reader: "feed", Cron: "@every 8s"},
	}
	if list[0].Config, err = json.Marshal(map[string]string{"server": at.Mastodon, "timeline": "tag", "tag": demo.Tag}); err != nil {
		return err
	}
	if list[1].Config, err = json.Marshal(map[string]string{"url": at.Feed}); err != nil {
		return err
	}
	return d.Records.Tx(ctx, func(tx *sql.Tx) error {
		for _, src := range list {
			src.TimeZone, src.Purpose, src.Basis = "Asia/Shanghai", "演示", "虚构的内容"
			src.ApprovedBy, src.ReviewAt = admin.ID, d.Now().AddDate(0, 0, 30)
			src.Rate = crawler.Rate{Every: 250 * time.Millisecond, Parallel: 2}
			if err := d.Enable(&src); err != nil {
				return err
			}
			if _, err := d.Records.AddSource(ctx, tx, src); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *Demo) fileReports(ctx context.Context) error {
	for i, r := range d.Reports() {
		name, phone, _ := strings.Cut(r.Contact, " ")
		_, problems, err := d.Pipeline.AddReport(ctx, "demo", record.Report{Kind: record.ReportMissing, Number: fmt.Sprintf("YS-%04d", i+1), Name: r.Name, Sex: r.Sex, Birth: r.BirthText,
			LostText: r.MissingFrom.Format(time.DateOnly), LostFrom: r.MissingFrom, LostTo: r.MissingTo.AddDate(0, 0, 1), Place: r.Place, Features: r.Features, SourceName: "演示登记",
			Contact: d.Pipeline.SealContact(pipeline.Contact{Name: name, Phone: phone})}, [][]byte{r.Picture})
		if err != nil {
			return err
		}
		if len(problems) > 0 {
			return fmt.Errorf("demo report %d: %v", i, problems)
		}
	}
	return nil
}

// Close ends the campaign and deletes the folder.
func (d *Demo) Close() error {
	var errs []error
	if d.App != nil {
		errs = append(errs, d.App.Close())
	}
	if d.campaign != nil {
		errs = append(errs, d.campaign.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(d.dir))...)
}

func passphrase() string {
	s := strings.ToLower(rand.Text())
	return s[:4] + "-" + s[4:8] + "-" + s[8:12] + "-" + s[12:16]
}

func portOf(address string) (uint16, error) {
	u, err := url.Parse(address)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return uint16(n), err
}

// mastodonConfig reads what people copy from a browser: https://server/tags/TAG, https://server/public, or the address of the
// API's own timeline.
func mastodonConfig(address string) (json.RawMessage, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%q is no address of a timeline", address)
	}
	server := u.Scheme + "://" + u.Host
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	last := parts[len(parts)-1]
	if len(parts) >= 2 && (parts[len(parts)-2] == "tags" || parts[len(parts)-2] == "tag") {
		return json.Marshal(map[string]string{"server": server, "timeline": "tag", "tag": last})
	}
	if last == "" || last == "public" || last == "local" {
		return json.Marshal(map[string]string{"server": server, "timeline": "public"})
	}
	return nil, fmt.Errorf("%q is no address of a timeline: it ends in /tags/TAG or /public", address)
}
