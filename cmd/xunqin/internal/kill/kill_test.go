// Package kill holds one claim against the whole program: killed at any moment it loses nothing and doubles nothing.
//
// The test starts the program as it is (this test's own binary becomes it), lets it crawl a site that fills while it runs,
// kills it at seeded random moments, and holds its data against the truth and against a run that was never killed.
//
//	go test ./cmd/xunqin/internal/kill -v -kills 200 -seed 7
package kill

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"xunqin/cmd/xunqin/internal/app"
	"xunqin/cmd/xunqin/internal/cli"
	"xunqin/crawler"
	"xunqin/pipeline/notify"
	"xunqin/pipeline/record"
)

var (
	kills = flag.Int("kills", map[bool]int{false: 10, true: 50}[os.Getenv("CI") != ""], "how often the program is killed")
	seed  = flag.Uint64("seed", 0, "of contents and moments; 0 takes one from the clock")
)

// asProgram is set in the environment of this binary where it is the program under test.
const asProgram = "XUNQIN_KILL_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM) // as main does
	status := cli.Run(ctx, cli.Process(), os.Args[1:])
	stop()
	os.Exit(status)
}

// install is a data folder and the site that its program crawls.
type install struct {
	dir  string
	site *site
	log  *tail

	host, index string // of Elasticsearch, where the index is there
}

func (in *install) options() app.Options {
	o := app.Options{Data: filepath.Join(in.dir, "data"), Keys: filepath.Join(in.dir, "keys"), AllowCIDRs: []string{"127.0.0.0/8"}, AllowPorts: []uint16{uint16(in.site.Listener.Addr().(*net.TCPAddr).Port)}}
	if in.host != "" {
		o.Index, o.ElasticHost, o.ElasticIndex = app.Elastic, []string{in.host}, in.index
	}
	return o
}

// args is a command line on the install.
func (in *install) args(command ...string) []string {
	o := in.options()
	args := append(command, "--data", o.Data, "--keys", o.Keys, "--allow-cidrs", o.AllowCIDRs[0], "--allow-ports", fmt.Sprint(o.AllowPorts[0]), "--base-url", "http://desk.test")
	if in.host != "" {
		args = append(args, "--index", app.Elastic, "--elastic-host", in.host, "--elastic-index", in.index)
	}
	return args
}

// run carries out a short command while no process holds the data.
func (in *install) run(t *testing.T, command ...string) []byte {
	t.Helper()
	var out, errs bytes.Buffer
	status := cli.Run(t.Context(), &cli.Env{Stdout: &out, Stderr: &errs, Dir: in.dir, Lang: "en", Now: time.Now}, in.args(command...))
	if status != 0 {
		t.Fatalf("%s: status %d\n%s%s\nlog of the program:\n%s", command[0], status, errs.Bytes(), out.Bytes(), in.log)
	}
	return out.Bytes()
}

type life struct {
	cmd  *exec.Cmd
	gone chan struct{}
	err  error // how it ended, once gone
}

// start runs `xunqin serve`.
func (in *install) start(t *testing.T) *life {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l := &life{cmd: exec.Command(self, in.args("serve", "--listen", "127.0.0.1:0")...), gone: make(chan struct{})}
	l.cmd.Env = append(os.Environ(), asProgram+"=1")
	l.cmd.Stderr, l.cmd.Stdout = in.log, in.log
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		l.err = l.cmd.Wait()
		close(l.gone)
	}()
	t.Cleanup(func() {
		l.cmd.Process.Kill() // one that has ended gives an error
		<-l.gone
	})
	return l
}

// kill ends the process as a power cut would. One that had ended before is a failure.
func (in *install) kill(t *testing.T, l *life) {
	t.Helper()
	select {
	case <-l.gone:
		t.Fatalf("the program ended by itself: %v\n%s", l.err, in.log)
	default:
	}
	if err := l.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-l.gone
}

// prepare fills a new data folder: people, saved query and subscriptions, two sources, reports.
func (in *install) prepare(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	a, err := app.New(ctx, in.options(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	err = a.Records.Tx(ctx, func(tx *sql.Tx) error {
		user, err := a.Records.AddUser(ctx, tx, record.User{Name: "activist", Password: "none", Roles: []record.Role{record.Activist}})
		if err != nil {
			return err
		}
		query, err := a.Records.AddSavedQuery(ctx, tx, record.SavedQuery{UserID: user, Name: "bridge", Query: "天桥"})
		if err != nil {
			return err
		}
		target, secret := a.Keys.Seal("subscription", []byte(in.site.URL+"/hook")), a.Keys.Seal("subscription", []byte(notify.NewSecret()))
		for _, s := range []record.Subscription{
			{SavedQueryID: query, Channel: record.Inbox}, {SavedQueryID: query, Channel: record.Webhook, Target: target, Secret: secret}, {Channel: record.Webhook, Target: target, Secret: secret},
		} {
			s.UserID, s.Lang = user, "en"
			if _, err := a.Records.AddSubscription(ctx, tx, s); err != nil {
				return err
			}
		}
		for _, src := range []record.Source{
			{Name: "plaza", Reader: "mastodon", Config: json.RawMessage(fmt.Sprintf(`{"server":%q,"timeline":"tag","tag":"x"}`, in.site.URL))},
			{Name: "paper", Reader: "feed", Config: json.RawMessage(fmt.Sprintf(`{"url":%q}`, in.site.URL+"/feed.json"))},
		} {
			src.Cron, src.TimeZone, src.Purpose, src.Basis, src.ApprovedBy, src.ReviewAt = "@every 1m", "UTC", "test", "test", user, time.Now().AddDate(1, 0, 0)
			src.Rate = crawler.Rate{Every: crawler.NoPause, Parallel: 3}
			if err := a.Enable(&src); err != nil {
				return err
			}
			if _, err := a.Records.AddSource(ctx, tx, src); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range in.site.content.reports {
		_, problems, err := a.Pipeline.AddReport(ctx, "test", record.Report{Kind: record.ReportMissing, Number: fmt.Sprint(i), Name: "child", SourceName: "form"}, [][]byte{b})
		if err != nil || len(problems) > 0 {
			t.Fatalf("report %d: %v, %v", i, problems, err)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

// feed has the running program crawl both sources again and again until ctx ends, by commands through its socket, which
// fail while it is not up.
func (in *install) feed(ctx context.Context) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(in.options().Data, "xunqin.sock"))
	}}}
	tick := time.NewTicker(40 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		body := fmt.Sprintf(`{"Args":["crawl",%q],"Lang":"en"}`, []string{"plaza", "paper"}[n%2])
		req, err := http.NewRequestWithContext(ctx, "POST", "http://socket/command", strings.NewReader(body))
		if err != nil {
			return
		}
		if res, err := client.Do(req); err == nil {
			io.Copy(io.Discard, res.Body) // ends with the command, or with the process
			res.Body.Close()
		}
	}
}

// A moment is when to kill: so long after a stage was seen for the nth time in this life.
type moment struct {
	stage string
	nth   int
	after time.Duration
}

func (m moment) String() string { return fmt.Sprintf("%s %d + %v", m.stage, m.nth, m.after) }

// choose spreads the moments over all that the program does. What follows a picture's transfer (decode, hash, seal, store,
// commit, index, relate) is met by delays after one.
func choose(r *rand.Rand) moment {
	ms := func(n int) time.Duration { return time.Duration(r.IntN(n*1000)) * time.Microsecond }
	switch n := r.IntN(20); {
	case n < 2:
		return moment{"start", 0, ms(600)}
	case n < 5:
		return moment{"timeline", 1 + r.IntN(3), ms(40)}
	case n < 7:
		return moment{"feed", 1 + r.IntN(3), ms(40)}
	case n < 15:
		return moment{"picture", 1 + r.IntN(12), ms(150)}
	case n < 17:
		return moment{"hook", 1 + r.IntN(3), 0}
	}
	return moment{"hook", 1 + r.IntN(3), ms(30)}
}

// await waits for the moment, or for five seconds in which its stage was not reached often enough.
func await(m moment, seen <-chan string) (reached bool) {
	most := time.NewTimer(5 * time.Second)
	defer most.Stop()
	for n := 0; n < m.nth; {
		select {
		case stage := <-seen:
			if stage == m.stage {
				n++
			}
		case <-most.C:
			return false
		}
	}
	if m.after > 0 {
		after := time.NewTimer(m.after)
		defer after.Stop()
		<-after.C
	}
	return true
}

func drain(seen <-chan string) {
	for {
		select {
		case <-seen:
		default:
			return
		}
	}
}

// finish lets the program come to the end of all work, and then asks it to stop, as systemd does.
func (in *install) finish(t *testing.T, l *life) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var feeding sync.WaitGroup
	feeding.Go(func() { in.feed(ctx) })
	err := in.settled(ctx, l)
	cancel()
	feeding.Wait()
	if err != nil {
		t.Fatalf("%v\n%s", err, in.log)
	}
	in.stop(t, l)
}

// settled waits until all posts are there, all steps taken and no alert waits: for two minutes.
func (in *install) settled(ctx context.Context, l *life) error {
	late := time.NewTimer(2 * time.Minute)
	defer late.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		p, err := in.look(ctx)
		if err != nil || p == (progress{posts, 0, 0}) {
			return err
		}
		select {
		case <-tick.C:
		case <-l.gone:
			return fmt.Errorf("the program ended: %w", l.err)
		case <-late.C:
			return fmt.Errorf("after two minutes %+v", p)
		}
	}
}

// stop ends the program by SIGTERM and expects it to end well within ten seconds.
func (in *install) stop(t *testing.T, l *life) {
	t.Helper()
	if err := l.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	late := time.NewTimer(10 * time.Second)
	defer late.Stop()
	select {
	case <-l.gone:
	case <-late.C:
		l.cmd.Process.Kill()
		t.Fatalf("still there ten seconds after SIGTERM\n%s", in.log)
	}
	if l.err != nil {
		t.Errorf("after SIGTERM: %v\n%s", l.err, in.log)
	}
}

// progress is how far a run has come.
type progress struct{ posts, open, waiting int }

// look sees into the database beside the running program.
func (in *install) look(ctx context.Context) (p progress, err error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(in.options().Data, "xunqin.db")+"?mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		return p, err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM posts), (SELECT COUNT(*) FROM posts WHERE step<>'related') + (SELECT COUNT(*) FROM reports WHERE step<>'related'),
		(SELECT COUNT(*) FROM deliveries WHERE state='waiting')`).Scan(&p.posts, &p.open, &p.waiting)
	return p, err
}

type verified struct {
	Orphans  int `json:"orphan_blobs"`
	Problems []struct{ Kind, ID, What string }
}

func (in *install) verify(t *testing.T, when any) verified {
	t.Helper()
	var v verified
	if err := json.Unmarshal(in.run(t, "verify", "--json"), &v); err != nil {
		t.Fatal(err)
	}
	for _, p := range v.Problems {
		t.Errorf("verify after %v: %s %s: %s", when, p.Kind, p.ID, p.What)
	}
	return v
}

func TestKilledAnywhereNothingIsLostOrDoubled(t *testing.T) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano()) % 1_000_000
	}
	t.Logf("seed %d", *seed)
	c := newContent(*seed)
	r := rand.New(rand.NewPCG(*seed, 9))
	calm := &install{dir: t.TempDir(), log: &tail{}}
	calm.site = newSite(t, c, nil)
	calm.prepare(t)
	calm.site.publish(30, 30)
	calm.finish(t, calm.start(t))
	want := calm.state(t)
	c.check(t, want)

	seen := make(chan string, 4096)
	in := &install{dir: t.TempDir(), log: &tail{}}
	in.site = newSite(t, c, seen)
	for range *kills / 10 { // a first start: key file, migrations, first link
		l := in.start(t)
		m := moment{"first start", 0, time.Duration(r.IntN(400_000)) * time.Microsecond}
		await(m, seen)
		in.kill(t, l)
		in.verify(t, m)
	}
	in.prepare(t)
	missed, orphans := 0, 0
	for i := *kills / 10; i < *kills; i++ {
		m := choose(r)
		drain(seen)
		in.site.publish(posts / *kills, 0)
		l := in.start(t)
		ctx, cancel := context.WithCancel(t.Context())
		var feeding sync.WaitGroup
		feeding.Go(func() { in.feed(ctx) })
		if !await(m, seen) {
			missed++
			t.Logf("%v never came", m)
		}
		in.kill(t, l)
		cancel()
		feeding.Wait()
		orphans = max(orphans, in.verify(t, m).Orphans)
	}
	if missed > *kills/4 {
		t.Errorf("%d of %d moments never came", missed, *kills)
	}

	in.site.publish(30, 30)
	drain(seen) // what the last killed one asked for
	l := in.start(t)
	await(moment{"picture", 5, 0}, seen)
	for _, sig := range []os.Signal{syscall.SIGSTOP, syscall.SIGCONT} { // asleep for a while, as a laptop
		if err := l.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if sig == syscall.SIGSTOP {
			await(moment{"sleep", 0, 3 * time.Second}, seen)
		}
	}
	await(moment{"picture", 3, 0}, seen)
	in.stop(t, l) // in the middle of its work
	in.verify(t, "SIGTERM")
	in.finish(t, in.start(t))
	v := in.verify(t, "the end")
	t.Logf("%d kills, %d moments missed, at most %d orphan blobs, %d at the end", *kills, missed, orphans, v.Orphans)
	got := in.state(t)
	c.check(t, got)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(state{})); diff != "" {
		t.Errorf("a run that was never killed (-) and the killed one (+):\n%s", diff)
	}
	in.checkHooks(t, want)
	in.sweep(t)
	if v := in.verify(t, "the sweep"); v.Orphans > 0 {
		t.Errorf("%d orphan blobs after the sweep", v.Orphans)
	}
}

// sweep removes the blobs of no row, as the program does every hour.
func (in *install) sweep(t *testing.T) {
	t.Helper()
	a, err := app.New(t.Context(), in.options(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var seen map[string]bool
	for range 2 {
		if seen, _, err = a.Pipeline.Sweep(t.Context(), seen); err != nil {
			t.Error(err)
		}
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// state is a dump with ids replaced by what they stand for, sorted: equal for two runs that did the same.
type state struct {
	Posts, Photos, Leads, Deliveries []string
	hooks                            []string // ids of deliveries by webhook
}

func (in *install) state(t *testing.T) state {
	t.Helper()
	var s state
	name := map[string]string{}
	dec := json.NewDecoder(bytes.NewReader(in.run(t, "dump")))
	type line struct {
		Type, ID, Kind, State, Step, Why, SHA256, Format, Picture, Post, Report, Channel, Subject, Pair, Number, Status string
		Native                                                                                                          string   `json:"native_id"`
		ReportPhoto                                                                                                     string   `json:"report_photo"`
		Query                                                                                                           string   `json:"saved_query"`
		Sightings                                                                                                       []string `json:"sightings"`
		Matchable                                                                                                       bool
		Width, Height                                                                                                   int
		Fingerprints                                                                                                    json.RawMessage
	}
	clusters := map[string][]string{}
	var lines []line
	for {
		var l line
		err := dec.Decode(&l)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	for _, l := range lines {
		switch l.Type {
		case "post":
			l.Native = path.Base(l.Native) // one source names posts by address
			name[l.ID] = "post " + l.Native
			s.Posts = append(s.Posts, fmt.Sprint(l.Native, " ", l.Kind, " ", l.State, " ", l.Step))
		case "report":
			name[l.ID] = "report " + l.Number
			s.Posts = append(s.Posts, fmt.Sprint("report ", l.Number, " ", l.Status, " ", l.Step))
		case "photo":
			name[l.ID] = fmt.Sprintf("%s %.8s", name[l.Post+l.Report], l.SHA256)
			if l.Picture != "" {
				clusters[l.Picture] = append(clusters[l.Picture], name[l.ID])
			}
		}
	}
	for _, l := range lines {
		switch l.Type {
		case "photo":
			copies := clusters[l.Picture]
			slices.Sort(copies)
			s.Photos = append(s.Photos, fmt.Sprint(name[l.Post+l.Report], " ", l.State, " ", l.Why, " ", l.SHA256, " ", l.Format, l.Width, l.Height, l.Matchable, " ", string(l.Fingerprints), " copies ", copies))
		case "lead":
			var sightings []string
			for _, id := range l.Sightings {
				sightings = append(sightings, name[id])
			}
			slices.Sort(sightings)
			name[l.ID] = "lead of " + name[l.Report]
			s.Leads = append(s.Leads, fmt.Sprint(name[l.Report], " ", l.Pair, " ", l.Kind, " ", l.State, " ", sightings))
		case "delivery":
			subject := name[l.Subject]
			if subject == "" {
				t.Errorf("alert %s is about %s, which is not there", l.ID, l.Subject)
			}
			if l.Channel == "webhook" {
				s.hooks = append(s.hooks, l.ID)
			}
			s.Deliveries = append(s.Deliveries, fmt.Sprint(subject, " ", l.Query != "", " ", l.Channel, " ", l.State))
		}
	}
	for _, list := range [][]string{s.Posts, s.Photos, s.Leads, s.Deliveries} {
		slices.Sort(list)
	}
	slices.Sort(s.hooks)
	return s
}

// check holds a run against the truth.
func (c *content) check(t *testing.T, s state) {
	t.Helper()
	var posts, leads, alerts []string
	copies, kind := map[int][]string{}, map[int]string{}
	for i := range c.reports {
		kind[i] = "edited"
		posts = append(posts, fmt.Sprintf("report %d open related", i))
	}
	photos := map[string]string{}
	for _, p := range c.posts {
		posts = append(posts, p.id+" post live related")
		if strings.Contains(p.text, "天桥") {
			alerts = append(alerts, "post "+p.id+" true inbox sent", "post "+p.id+" true webhook sent")
		}
		for _, ph := range p.photos {
			if ph.report >= 0 {
				if bytes.Equal(ph.bytes, c.reports[ph.report]) {
					kind[ph.report] = "same"
				}
				copies[ph.report] = append(copies[ph.report], fmt.Sprintf("post %s %.8s", p.id, ph.sha256()))
			}
			prefix := fmt.Sprintf("post %s kept  %s ", p.id, ph.sha256())
			if ph.reason != "" {
				prefix = fmt.Sprintf("post %s refused %s  ", p.id, ph.reason)
			}
			photos[prefix] = ph.path
		}
	}
	for i, list := range copies {
		slices.Sort(list)
		leads = append(leads, fmt.Sprintf("report %d sighting %s unchecked %v", i, kind[i], list))
		alerts = append(alerts, fmt.Sprintf("lead of report %d false webhook sent", i))
	}
	for _, list := range [][]string{posts, leads, alerts} {
		slices.Sort(list)
	}
	if diff := cmp.Diff(posts, s.Posts); diff != "" {
		t.Errorf("posts and reports: truth (-) and record (+):\n%s", diff)
	}
	if diff := cmp.Diff(leads, s.Leads); diff != "" {
		t.Errorf("leads: truth (-) and record (+):\n%s", diff)
	}
	if diff := cmp.Diff(alerts, s.Deliveries); diff != "" {
		t.Errorf("alerts: truth (-) and record (+):\n%s", diff)
	}
	for prefix, path := range photos {
		if !slices.ContainsFunc(s.Photos, func(line string) bool { return strings.HasPrefix(line, prefix) }) {
			t.Errorf("no photo %s: %s", path, prefix)
		}
	}
	if n := len(s.Photos) - len(c.reports); n != len(photos) {
		t.Errorf("%d photos of posts, want %d", n, len(photos))
	}
}

// checkHooks holds what came by webhook against the alerts: each came, under its own id, a repeat with the same body.
func (in *install) checkHooks(t *testing.T, s state) {
	t.Helper()
	in.site.mu.Lock()
	defer in.site.mu.Unlock()
	want := in.state(t).hooks
	var got []string
	again := 0
	for id, bodies := range in.site.hooks {
		got = append(got, id)
		again += len(bodies) - 1
		for _, b := range bodies[1:] {
			if b != bodies[0] {
				t.Errorf("alert %s came again with another body: %s and %s", id, bodies[0], b)
			}
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("alerts in the record (-) and at the receiver (+):\n%s", diff)
	}
	if len(want) != len(s.Leads)+posts/4 {
		t.Errorf("%d alerts by webhook, want %d", len(want), len(s.Leads)+posts/4)
	}
	t.Logf("%d alerts, %d came twice", len(got), again)
}

// tail keeps the end of what the program wrote, for a failure.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (w *tail) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b = append(w.b, b...)
	if len(w.b) > 64<<10 {
		w.b = slices.Clone(w.b[len(w.b)-32<<10:])
	}
	return len(b), nil
}

func (w *tail) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.b)
}
