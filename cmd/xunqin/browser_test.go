package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"xunqin/cmd/xunqin/internal/app"
	"xunqin/cmd/xunqin/internal/demo"
	"xunqin/cmd/xunqin/internal/demo/draw"
	"xunqin/pipeline/photo/feature"
	"xunqin/pipeline/record"
)

// TestBrowser does one whole job of a volunteer, an activist and an admin in a real browser, on the demo: Chinese on a phone's
// screen and English on a desk's. It wants Chromium's command in XUNQIN_CHROMIUM, or chromium in the path. With XUNQIN_SHOTS it
// leaves screenshots in that folder.
func TestBrowser(t *testing.T) {
	command := os.Getenv("XUNQIN_CHROMIUM")
	if command == "" {
		for _, path := range []string{"/usr/bin/chromium", "/usr/bin/chromium-browser"} {
			if _, err := os.Stat(path); err == nil {
				command = path
			}
		}
	}
	if command == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("no Chromium, and CI must test in a browser")
		}
		t.Skip("no Chromium: install it or name its command in XUNQIN_CHROMIUM")
	}
	d := startDemo(t)
	hidden := hiddenCopies(t, d)
	for _, screen := range []struct {
		name, lang    string
		width, height int64
	}{
		{"zh-390", "zh-CN", 390, 844},
		{"en-1280", "en", 1280, 900},
	} {
		t.Run(screen.name, func(t *testing.T) {
			b := &browser{d: d, lang: screen.lang, name: screen.name, width: screen.width, height: screen.height, command: command}
			t.Run("volunteer", func(t *testing.T) { b.volunteer(t) })
			t.Run("hidden", func(t *testing.T) { b.hidden(t, hidden) })
			t.Run("activist", func(t *testing.T) { b.activist(t) })
			t.Run("admin", func(t *testing.T) { b.admin(t) })
			t.Run("auditor", func(t *testing.T) { b.auditor(t) })
		})
	}
}

// startDemo serves the demo until the test ends, and waits for its first lead.
func startDemo(t *testing.T) *app.Demo {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	d, err := app.NewDemo(ctx, app.Options{}, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		t.Fatal(err)
	}
	up := make(chan struct{})
	d.Started = func(address string) {
		d.SetAddress(address)
		close(up)
	}
	leads := make(chan struct{}, 1000)
	d.Pipeline.OnLead = func(record.Lead) { leads <- struct{}{} }
	served := make(chan error, 1)
	go func() { served <- d.Serve(ctx, app.ServeOptions{Listen: "127.0.0.1:0"}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	<-up
	for range 2 { // one for each screen's volunteer
		select {
		case <-leads:
		case <-time.After(60 * time.Second):
			t.Fatal("no lead within a minute of being up")
		}
	}
	return d
}

// hiddenCopy is a lead that takes more than a hash of the whole picture to find.
type hiddenCopy struct {
	edit        draw.Edit
	lead, photo string
}

// hiddenCopies waits until the demo has a lead of each edit that hides a picture, of the kind that is true of it.
func hiddenCopies(t *testing.T, d *app.Demo) (list []hiddenCopy) {
	t.Helper()
	kinds := map[draw.Edit][]string{
		draw.Mirror: {feature.Mirrored}, draw.Turn: {feature.Turned}, draw.Crop: {feature.Part}, draw.Poster: {feature.Inside},
		draw.Collage: {feature.Inside}, draw.Screenshot: {feature.Inside}, draw.Print: {feature.Print, feature.Inside},
	}
	find := func() (list []hiddenCopy, missing string) {
		for edit, want := range kinds {
			i := slices.IndexFunc(d.Copies(), func(c demo.Copy) bool { return c.Edit == edit })
			if i < 0 {
				return nil, fmt.Sprintf("no post with a %s", edit)
			}
			var lead, photo, kind string
			err := d.Records.DB().QueryRowContext(t.Context(), `SELECT sightings.lead_id, sightings.photo_id, sightings.kind FROM sightings JOIN photos ON photos.id=sightings.photo_id
				JOIN posts ON posts.id=photos.post_id JOIN leads ON leads.id=sightings.lead_id JOIN reports ON reports.id=leads.report_id WHERE posts.native_id LIKE '%' || $1 AND reports.name=$2`,
				d.Copies()[i].NativeID, d.Reports()[d.Copies()[i].Report].Name).Scan(&lead, &photo, &kind)
			if errors.Is(err, sql.ErrNoRows) {
				return nil, fmt.Sprintf("no lead of the %s", edit)
			}
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(want, kind) {
				return nil, fmt.Sprintf("the %s is a lead of kind %s, want %v", edit, kind, want)
			}
			list = append(list, hiddenCopy{edit, lead, photo})
		}
		return list, ""
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		list, missing := find()
		if missing == "" {
			return list
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal(missing)
		}
	}
}

// hidden: each such lead says its kind in words, outlines where the picture lies, and turns it back.
func (b *browser) hidden(t *testing.T, copies []hiddenCopy) {
	ctx := b.open(t, record.Volunteer)
	for _, c := range copies {
		b.goTo(t, ctx, "/leads/"+c.lead+"?copy="+c.photo)
		b.until(t, ctx, `[...document.querySelectorAll(".pair .framed img")].every(i => i.complete)`)
		b.shot(t, ctx, string(c.edit))
		whole := c.edit == draw.Mirror || c.edit == draw.Turn
		if n := value[int](t, b, ctx, `document.querySelectorAll(".pair svg.outline polygon").length`); (n > 0) == whole {
			t.Errorf("the lead of the %s: %d outlines", c.edit, n)
		}
		if value[string](t, b, ctx, `document.querySelector(".tags").innerText`) == "" {
			t.Errorf("the lead of the %s does not say its kind", c.edit)
		}
		b.run(t, ctx, chromedp.Click("#aligned"))
		b.until(t, ctx, `[...document.querySelectorAll(".pair svg.aligned")].every(s => getComputedStyle(s).display === "block")`)
		b.click(t, ctx, `form[action$="/show"] button`)
		b.until(t, ctx, `document.querySelector("#aligned").checked`)
		b.until(t, ctx, `[...document.querySelectorAll(".pair.shown .framed img")].every(i => i.complete && i.naturalWidth > 100)`)
		b.shot(t, ctx, string(c.edit)+"-aligned")
		b.run(t, ctx, chromedp.Click("#aligned"))
		b.shot(t, ctx, string(c.edit)+"-shown")
	}
}

// browser is one person's browser at a time.
type browser struct {
	d             *app.Demo
	lang, name    string
	width, height int64
	command       string
}

// open starts a browser with an empty profile, signed in as the role.
func (b *browser) open(t *testing.T, role record.Role) context.Context {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(b.command), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-quic", true),
		chromedp.Flag("lang", b.lang), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(int(b.width), int(b.height)))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 90*time.Second)
	t.Cleanup(cancel)
	var in app.SignIn
	for _, s := range b.d.SignIns {
		if s.Role == role {
			in = s
		}
	}
	b.run(t, ctx, chromedp.EmulateViewport(b.width, b.height), chromedp.Navigate(b.d.Address()+"/sign-in?lang="+b.lang),
		chromedp.WaitVisible("#name"))
	b.shot(t, ctx, "sign-in")
	b.run(t, ctx, chromedp.SendKeys("#name", in.Name), chromedp.SendKeys("#passphrase", in.Passphrase), chromedp.Submit("#passphrase"),
		chromedp.WaitVisible("nav.menu"))
	return ctx
}

func (b *browser) run(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.failed(t, ctx, err)
	}
}

// value runs a script and gives its value.
func value[T any](t *testing.T, b *browser, ctx context.Context, script string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		b.failed(t, ctx, err)
	}
	return v
}

// until waits until a script's value is true.
func (b *browser) until(t *testing.T, ctx context.Context, script string) {
	t.Helper()
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](script, chromedp.WithPollingTimeout(20*time.Second))); err != nil {
		b.failed(t, ctx, err)
	}
}

func (b *browser) failed(t *testing.T, ctx context.Context, err error) {
	t.Helper()
	if says, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.pathname + ": " + document.body.innerText`)); err == nil {
		t.Logf("the page says: %s", says)
	}
	b.shot(t, ctx, "failed")
	t.Fatal(err)
}

func (b *browser) goTo(t *testing.T, ctx context.Context, path string) {
	t.Helper()
	b.run(t, ctx, chromedp.Navigate(b.d.Address()+path), chromedp.WaitReady("footer.strip"))
}

// click presses a button or link whose press loads a page, and waits for that page. The old page is known by a mark that the new one
// does not have: events of loading can be those of the page before.
func (b *browser) click(t *testing.T, ctx context.Context, selector string) {
	t.Helper()
	b.run(t, ctx, chromedp.ScrollIntoView(selector))
	value[bool](t, b, ctx, `(document.documentElement.dataset.old = "yes", true)`)
	b.run(t, ctx, chromedp.Click(selector, chromedp.NodeVisible))
	b.eventually(t, ctx, `!document.documentElement.dataset.old && document.readyState === "complete"`)
}

// eventually is until over a change of pages, in which a script can fail.
func (b *browser) eventually(t *testing.T, ctx context.Context, script string) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](script))
		if ok && err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			b.failed(t, ctx, fmt.Errorf("waited 30 s in vain (%v): %s", err, script))
		case <-ctx.Done():
			t.Fatal(ctx.Err())
		}
	}
}

func (b *browser) text(t *testing.T, ctx context.Context) string {
	t.Helper()
	s, err := chromedp.Run(ctx, chromedp.Text("body"))
	if err != nil {
		b.failed(t, ctx, err)
	}
	return s
}

// shot checks that the page fits the screen's width and, where asked, leaves a picture of it.
func (b *browser) shot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	wide, err := chromedp.Run(ctx, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`))
	if err == nil && wide > b.width {
		t.Errorf("%s: the page is %d px wide on a screen of %d", name, wide, b.width)
	}
	dir := os.Getenv("XUNQIN_SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Error(err)
		return
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Error(err)
	} else if err := os.WriteFile(filepath.Join(dir, b.name+"-"+strings.ReplaceAll(t.Name(), "/", "_")[len("TestBrowser_"):]+"-"+name+".png"), png, 0o644); err != nil {
		t.Error(err)
	}
}

// volunteer: from today's list to a lead, compares, gives the first verdict; then searches by photo and by words.
func (b *browser) volunteer(t *testing.T) {
	ctx := b.open(t, record.Volunteer)
	b.goTo(t, ctx, "/today")
	b.shot(t, ctx, "today")
	b.click(t, ctx, `section[aria-labelledby="column-review"] article.lead a, article.lead a`)
	b.shot(t, ctx, "lead")
	if value[int](t, b, ctx, `document.querySelectorAll(".pair.shown").length`) != 0 {
		t.Error("pictures are shown before anybody asked")
	}
	b.click(t, ctx, `form[action$="/show"] button`)
	b.until(t, ctx, `[...document.querySelectorAll(".pair.shown img")].filter(i => i.complete && i.naturalWidth > 300).length === 2`)
	b.shot(t, ctx, "shown")
	b.click(t, ctx, `button[value="same"]`)
	b.shot(t, ctx, "verdict")
	first, err := b.d.Records.Leads(ctx, nil, record.LeadFilter{States: []string{record.LeadFirst}})
	if err != nil || len(first) == 0 {
		t.Errorf("leads with a first verdict: %d, %v", len(first), err)
	}

	file := filepath.Join(t.TempDir(), "photo.jpg")
	lead := first[0]
	report, err := b.d.Records.Report(ctx, nil, lead.ReportID)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range b.d.Reports() {
		if r.Name == report.Name && r.Place == report.Place {
			if err := os.WriteFile(file, r.Picture, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.goTo(t, ctx, "/search/photo")
	b.shot(t, ctx, "photo-search")
	b.run(t, ctx, chromedp.SetUploadFiles(`input[type="file"]`, []string{file}))
	b.click(t, ctx, `form[action="/search/photo"] button`)
	b.shot(t, ctx, "photo-results")
	if value[int](t, b, ctx, `document.querySelectorAll('a[href^="/pictures/"], a[href^="/leads/"]').length`) == 0 {
		t.Errorf("no result by photo: %s", b.text(t, ctx))
	}
	b.goTo(t, ctx, "/search?q=%E5%A4%A9%E6%A1%A5")
	b.shot(t, ctx, "word-results")
	b.goTo(t, ctx, "/reports")
	b.shot(t, ctx, "reports")
	b.goTo(t, ctx, "/reports/new")
	b.shot(t, ctx, "report-new")
	if s := b.text(t, ctx); strings.Contains(s, "⟦") {
		t.Errorf("a text is missing: %s", s)
	}
}

// activist: saves a query, sees its count, finds the inbox.
func (b *browser) activist(t *testing.T) {
	ctx := b.open(t, record.Activist)
	b.goTo(t, ctx, "/queries/new")
	b.run(t, ctx, chromedp.SendKeys("#name", "q "+b.name), chromedp.SendKeys("#q", "女孩 or 男孩"))
	b.click(t, ctx, `button[value="count"]`)
	b.shot(t, ctx, "query-count")
	b.click(t, ctx, `button[value="save"]`)
	b.shot(t, ctx, "query")
	b.goTo(t, ctx, "/queries")
	b.shot(t, ctx, "queries")
	if s := b.text(t, ctx); !strings.Contains(s, "q "+b.name) {
		t.Errorf("the saved query is not listed: %s", s)
	}
	b.goTo(t, ctx, "/inbox")
	b.shot(t, ctx, "inbox")
	b.goTo(t, ctx, "/search/photo")
	if s := b.text(t, ctx); strings.Contains(s, "input") || strings.Contains(s, "choose") {
		t.Errorf("an activist sees the search by photo: %s", s)
	}
}

// admin: sees health, changes a schedule (a wrong one is refused at its field, a right one shows the next runs), runs the source now.
func (b *browser) admin(t *testing.T) {
	ctx := b.open(t, record.Admin)
	b.goTo(t, ctx, "/health")
	b.shot(t, ctx, "health")
	b.goTo(t, ctx, "/sources")
	b.shot(t, ctx, "sources")
	b.click(t, ctx, `table a[data-row]`)
	b.run(t, ctx, chromedp.SetValue("#cron", "0 0 31 2 *"))
	b.click(t, ctx, `button[value="runs"]`)
	if value[string](t, b, ctx, `document.querySelector("#cron-bad")?.textContent ?? ""`) == "" {
		t.Error("a schedule that never fires is not refused at its field")
	}
	b.shot(t, ctx, "schedule-wrong")
	b.run(t, ctx, chromedp.SetValue("#cron", "*/20 * * * *"))
	b.click(t, ctx, `button[value="runs"]`)
	if rows := value[int](t, b, ctx, `[...document.querySelectorAll("table")].at(-1).querySelectorAll("tbody tr").length`); rows != 5 {
		t.Errorf("%d next runs, want five", rows)
	}
	b.shot(t, ctx, "schedule")
	b.click(t, ctx, `button[value="save"]`)
	b.click(t, ctx, `form[action$="/run"] button`)
	b.goTo(t, ctx, "/runs")
	b.shot(t, ctx, "runs")
	b.goTo(t, ctx, "/people")
	b.shot(t, ctx, "people")
	b.goTo(t, ctx, "/matching")
	b.run(t, ctx, chromedp.Click(`input[value="wide"]`))
	b.click(t, ctx, `button[value="preview"]`)
	b.shot(t, ctx, "matching-preview")
	b.click(t, ctx, `button[value="propose"]`)
	b.shot(t, ctx, "matching")
	if value[int](t, b, ctx, `document.querySelectorAll('button[value="approved"]').length`) != 0 {
		t.Error("an admin may approve what they proposed")
	}
	b.click(t, ctx, `button[value="rejected"]`)
	if value[int](t, b, ctx, `document.querySelectorAll('img[src^="/photos/"]').length`) != 0 {
		t.Error("an admin sees pictures")
	}
}

func (b *browser) auditor(t *testing.T) {
	ctx := b.open(t, record.Auditor)
	b.goTo(t, ctx, "/audit")
	b.click(t, ctx, `form[action="/audit/check"] button`)
	b.shot(t, ctx, "audit")
}
