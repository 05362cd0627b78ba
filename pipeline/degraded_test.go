package pipeline_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"xunqin/crawler"
	"xunqin/pipeline/notify"
	"xunqin/pipeline/record"
	"xunqin/pipeline/record/recordtest"
	"xunqin/search"
	"xunqin/search/elastic/elastictest"
	"xunqin/search/embedded"
)

// faulty is a real index that fails, while fails is set, by whatever it says. It stands before the engine as a network and a disk
// do, and knows nothing of either.
type faulty struct {
	search.Index
	mu    sync.Mutex
	fails func(ctx context.Context, what string) error
}

func (f *faulty) set(fails func(ctx context.Context, what string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fails = fails
}

func (f *faulty) try(ctx context.Context, what string) error {
	f.mu.Lock()
	fails := f.fails
	f.mu.Unlock()
	if fails == nil {
		return nil
	}
	return fails(ctx, what)
}

func (f *faulty) Apply(ctx context.Context, seq int64, put []search.Doc, del []string) error {
	if err := f.try(ctx, "apply"); err != nil {
		return err
	}
	return f.Index.Apply(ctx, seq, put, del)
}

func (f *faulty) Find(ctx context.Context, q search.Query, p search.Page) (search.Result, error) {
	if err := f.try(ctx, "find"); err != nil {
		return search.Result{}, err
	}
	return f.Index.Find(ctx, q, p)
}

func (f *faulty) Facets(ctx context.Context, q search.Query, of search.Facet) (search.Facets, error) {
	if err := f.try(ctx, "facets"); err != nil {
		return search.Facets{}, err
	}
	return f.Index.Facets(ctx, q, of)
}

func (f *faulty) Similar(ctx context.Context, p search.Fingerprint, radius int, kinds ...string) ([]search.Hit, error) {
	if err := f.try(ctx, "similar"); err != nil {
		return nil, err
	}
	return f.Index.Similar(ctx, p, radius, kinds...)
}

func (f *faulty) Votes(ctx context.Context, p search.Features, most int, kinds ...string) ([]search.Candidate, error) {
	if err := f.try(ctx, "votes"); err != nil {
		return nil, err
	}
	return f.Index.Votes(ctx, p, most, kinds...)
}

func (f *faulty) Info(ctx context.Context) (search.Info, error) {
	if err := f.try(ctx, "info"); err != nil {
		return search.Info{}, err
	}
	return f.Index.Info(ctx)
}

// The ways an index fails. What it says is never what people or jobs hear.
var failures = map[string]func(ctx context.Context, what string) error{
	"down": func(context.Context, string) error {
		return fmt.Errorf("%w: connection refused", search.ErrUnavailable)
	},
	"wrong": func(context.Context, string) error {
		return errors.New("SECRET engine text: no mapping for [at] in order to sort on")
	},
	"slow": func(ctx context.Context, _ string) error {
		<-ctx.Done()
		return ctx.Err()
	},
	"reads only": func(_ context.Context, what string) error {
		if what == "apply" {
			return errors.New("SECRET engine text: index read-only / allow delete")
		}
		return nil
	},
}

func openFaulty(x search.Index) (*faulty, func(t *testing.T) search.Index) {
	f := &faulty{Index: x}
	return f, func(t *testing.T) search.Index { return f }
}

// archive stores posts and reports of all kinds, some at one instant, some older than others.
func (r *rig) archive(t *testing.T) {
	t.Helper()
	day := func(n int) time.Time { return time.Date(2024, 5, 1, 4, 0, 0, 0, time.UTC).AddDate(0, 0, -n) }
	texts := []string{"天桥上有个女孩，大约3岁，在泉州", "男孩 福建口音 左脸有胎记", "Girl near the station, QUANZHOU", "招领公告：女婴，2006年5月出生", "㊚孩三岁 在晋江市场", "张\u200b三 寻 人 启 事", "⼀个男孩在广州火车站", ""}
	posts := make([]crawler.Post, 0, 60)
	for i := range 60 {
		p := crawler.Post{NativeID: fmt.Sprint("p", i), URL: fmt.Sprint("https://example.org/p", i), Text: texts[i%len(texts)], At: day(i / 4 * 3), Precision: "second", Tags: []string{"寻亲", fmt.Sprint("第", i)}}
		switch i % 5 {
		case 0:
			p.Place = "福建省泉州市"
		case 1:
			p.Place = "广东省广州市天河区"
		case 2:
			p.Kind = search.KindNotice
		}
		posts = append(posts, p)
	}
	r.accept(t, posts...)
	for i := range 15 {
		report := record.Report{Kind: record.ReportMissing, Name: fmt.Sprint("林示例", i), Sex: []string{"", "male", "female"}[i%3], Birth: "2006-05", Features: texts[i%len(texts)], Place: []string{"", "福建省泉州市", "广州"}[i%3], SourceName: "form"}
		if i%2 == 0 {
			report.LostFrom, report.LostTo = day(i*2), day(i*2-1)
		}
		var photos [][]byte
		if i%4 == 0 {
			photos = [][]byte{jpg(draw(uint64(100+i)), 80)}
		}
		if _, problems, err := r.AddReport(t.Context(), "tester", report, photos); err != nil || len(problems) > 0 {
			t.Fatal(err, problems)
		}
	}
}

// ids reads an answer to its end, three documents a page.
func (r *rig) ids(t *testing.T, q search.Query) (list []string, fromRecord bool) {
	t.Helper()
	for page := (search.Page{Limit: 3}); len(list) < 1000; {
		a, err := r.SearchWords(t.Context(), q, page)
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		var of []string // a page is in groups, the copies of each in order of time
		for _, g := range a.Groups {
			for _, c := range g.Copies {
				of = append(of, c.Post.ID)
			}
		}
		for _, h := range a.Reports {
			of = append(of, h.Report.ID)
		}
		slices.Sort(of)
		list, fromRecord = append(list, strings.Join(of, " ")), a.Record != nil
		if a.Next.IsZero() {
			return list, fromRecord
		}
		page.After = a.Next
	}
	t.Fatalf("%s: no end of pages", q)
	return nil, false
}

// With or without an index, words find the same in the same order, page by page, on both databases.
func TestWordsAreFoundInTheRecordAsInTheIndex(t *testing.T) {
	recordtest.Each(t, func(t *testing.T, s *record.Store) {
		f, open := openFaulty(openEmbedded(t))
		r := newRigOver(t, s, open)
		r.archive(t)
		for _, query := range []string{
			"", "女孩", "男孩", "一", "张三", "\"张三\"", "寻人启事", "quanzhou", "女孩 or 胎记", "女孩 -泉州", "-女孩", "泉州或晋江", "(男孩 or girl) 火车站", "没有的词",
			"place:泉州", "place:福建", "near:厦门,100km", "near:广州", "age:3", "age:..5", "born:2006", "sex:m", "sex:f", "kind:report", "kind:post", "kind:notice", "类型:公告 女婴",
			"has:photo", "-has:photo", "status:open", "source:site", "source:form", "date:2024-04", "date:2024-03..2024-04-15", "posted:2024-04", "posted:..2024-03-31 男孩", "posted:2030..", "kind:report or kind:notice", "第59", "林示例3",
		} {
			q := parse(t, query)
			f.set(nil)
			r.clock.advance(time.Minute)
			want, record := r.ids(t, q)
			if record {
				t.Fatalf("%q: the index did not answer", query)
			}
			f.set(failures["down"])
			got, record := r.ids(t, q)
			if !record {
				t.Fatalf("%q: the index answered", query)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%q (-index +record):\n%s", query, d)
			}
		}
	})
}

// In whatever way an index fails, words are found, a search by photo says that it cannot be done, nothing that it says reaches
// anybody, and when it is back it is asked again.
func TestWhateverIsWrongWithTheIndexWordsAreAnswered(t *testing.T) {
	for name, fails := range failures {
		t.Run(name, func(t *testing.T) {
			f, open := openFaulty(openEmbedded(t))
			r := newRigOver(t, recordtest.Open(t), open)
			r.archive(t)
			if _, record := r.ids(t, parse(t, "女孩")); record {
				t.Fatal("the index did not answer")
			}
			f.set(fails)
			r.accept(t, crawler.Post{NativeID: "late", URL: "https://example.org/late", Text: "迟来的女孩", At: r.Now()})
			began := r.Now()
			a, err := r.SearchWords(t.Context(), parse(t, "迟来的"), search.Page{})
			if err != nil {
				t.Fatal(err)
			}
			readsOnly := name == "reads only"
			switch {
			case readsOnly:
				if a.Record != nil || a.Total != 0 || a.Behind != 1 {
					t.Errorf("%d found, %d behind, from the record: %v", a.Total, a.Behind, a.Record != nil)
				}
			case a.Record == nil || a.Record.Down.Before(began) || !a.Record.To.IsZero() || a.Total != 1:
				t.Errorf("%d found, %+v", a.Total, a.Record)
			}
			if _, err := r.SearchPhoto(t.Context(), jpg(draw(5), 80)); !readsOnly && (!errors.Is(err, search.ErrUnavailable)) {
				t.Errorf("a search by photo: %v", err)
			}
			if _, err := r.CountWords(t.Context(), parse(t, "女孩"), 10); !readsOnly && !errors.Is(err, search.ErrUnavailable) {
				t.Errorf("a count: %v", err)
			}
			state, err := r.IndexState(t.Context())
			if err != nil || state.Well() || state.Down.IsZero() != readsOnly || state.Stuck.IsZero() == readsOnly {
				t.Errorf("the state is %+v, %v", state, err)
			}
			v, err := r.Verify(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range v.Problems {
				if strings.Contains(p.What, "SECRET") {
					t.Errorf("told: %s", p.What)
				}
			}
			f.set(nil)
			r.clock.advance(time.Minute)
			a, err = r.SearchWords(t.Context(), parse(t, "迟来的"), search.Page{})
			if err != nil || a.Record != nil || a.Total != 1 || a.Behind != 0 {
				t.Errorf("afterwards: %d found, %d behind, from the record: %v, %v", a.Total, a.Behind, a.Record != nil, err)
			}
			if _, err := r.SearchPhoto(t.Context(), jpg(draw(5), 80)); err != nil {
				t.Errorf("a search by photo afterwards: %v", err)
			}
			if state, err := r.IndexState(t.Context()); err != nil || !state.Well() {
				t.Errorf("the state afterwards is %+v, %v", state, err)
			}
		})
	}
}

// One who asks what the index cannot answer does not keep the others from it.
func TestAQueryThatTheIndexRefusesIsReadInTheRecordAlone(t *testing.T) {
	r := newRigOver(t, recordtest.Open(t), func(t *testing.T) search.Index { return refusing{openEmbedded(t)} })
	r.archive(t)
	a, err := r.SearchWords(t.Context(), parse(t, "胎记"), search.Page{})
	if err != nil || a.Record == nil || !a.Record.Down.IsZero() || a.Total == 0 {
		t.Errorf("the refused query: %d, %+v, %v", a.Total, a.Record, err)
	}
	if a, err := r.SearchWords(t.Context(), parse(t, "女孩"), search.Page{}); err != nil || a.Record != nil {
		t.Errorf("another: %+v, %v", a.Record, err)
	}
}

// refusing is an index that cannot answer one word.
type refusing struct{ search.Index }

func (x refusing) Find(ctx context.Context, q search.Query, p search.Page) (search.Result, error) {
	if strings.Contains(fmt.Sprint(q), "胎记") {
		return search.Result{}, errors.New("too many clauses")
	}
	return x.Index.Find(ctx, q, p)
}

// kept is a sender that remembers.
type kept struct {
	mu   sync.Mutex
	sent map[string]int
}

func (k *kept) Send(_ context.Context, m notify.Message) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.sent == nil {
		k.sent = map[string]int{}
	}
	k.sent[m.ID]++
	return false, nil
}

// told writes what people were told, without what is drawn anew each time.
func (r *rig) told(t *testing.T) (list []string) {
	t.Helper()
	err := r.Records.EachDelivery(t.Context(), func(d record.Delivery) error {
		subject := d.Subject
		switch d.SubjectKind {
		case "post":
			post, err := r.Records.Post(t.Context(), nil, d.Subject)
			if err != nil {
				return err
			}
			subject = filepath.Base(post.NativeID)
		case "lead":
			l, err := r.Records.Lead(t.Context(), nil, d.Subject)
			if err != nil {
				return err
			}
			report, err := r.Records.Report(t.Context(), nil, l.ReportID)
			if err != nil {
				return err
			}
			subject = report.Name
		}
		list = append(list, fmt.Sprint(d.Channel, " ", d.SubjectKind, " ", subject, " ", d.State))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// watch subscribes somebody to a query and to leads, by the inbox and by a webhook.
func (r *rig) watch(t *testing.T, query string) *kept {
	t.Helper()
	k := &kept{}
	r.Senders[record.Webhook] = k
	user := r.person(t, "watcher", record.Volunteer, record.Activist)
	target := r.Keys.Seal("subscription", []byte("https://hook.example.org/"))
	err := r.Records.Tx(t.Context(), func(tx *sql.Tx) error {
		q, err := r.Records.AddSavedQuery(t.Context(), tx, record.SavedQuery{UserID: user, Name: "q", Query: query})
		if err != nil {
			return err
		}
		for _, s := range []record.Subscription{
			{UserID: user, SavedQueryID: q, Channel: record.Inbox}, {UserID: user, SavedQueryID: q, Channel: record.Webhook, Target: target},
			{UserID: user, Channel: record.Inbox}, {UserID: user, Channel: record.Webhook, Target: target},
		} {
			if _, err := r.Records.AddSubscription(t.Context(), tx, s); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// While an index comes and goes, and in whatever way, no post is lost: when it is back there are the leads and alerts of a run
// without trouble, each once, and each was sent once.
func TestAnIndexThatComesAndGoesCostsNoLeadAndNoAlert(t *testing.T) {
	campaign := func(t *testing.T, r *rig, trouble func(step int)) (leads, told []string) {
		sent := r.watch(t, "天桥 or 转发")
		r.work(t)
		step := 0
		act := func(fn func()) {
			trouble(step)
			step++
			fn()
		}
		crawl := func() { // without waiting for the work that follows, which waits for the index
			if _, err := r.CrawlNow(t.Context(), r.source, "hand"); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the crawl has ended", func() bool {
				runs, err := r.Records.OpenRuns(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				return len(runs) == 0
			})
		}
		for i := range uint64(3) {
			act(func() { r.report(t, fmt.Sprint("林示例", i), jpg(draw(i), 90)) })
			act(func() { r.site.post("天桥 男孩", jpg(draw(i), 60)); crawl() })
		}
		act(func() {
			r.site.post("转发", jpg(draw(1), 40))
			r.site.post("没有图")
			r.site.post("天桥 没有图")
			crawl()
		})
		trouble(-1)
		r.quiet(t)
		for id, n := range sent.sent {
			if n != 1 {
				t.Errorf("alert %s was sent %d times", id, n)
			}
		}
		r.verified(t)
		leads, told = r.said(t), r.told(t)
		if hooks := strings.Count(strings.Join(told, "\n"), record.Webhook); hooks != len(sent.sent) {
			t.Errorf("%d alerts by webhook, %d sent", hooks, len(sent.sent))
		}
		return leads, told
	}
	wantLeads, wantTold := campaign(t, newRig(t, recordtest.Open(t)), func(int) {})
	if len(wantLeads) != 3 || len(wantTold) < 16 {
		t.Fatalf("without trouble: %q, %q", wantLeads, wantTold)
	}
	check := func(t *testing.T, leads, told []string) {
		if d := cmp.Diff(wantLeads, leads); d != "" {
			t.Errorf("leads (-want +got):\n%s", d)
		}
		if d := cmp.Diff(wantTold, told); d != "" {
			t.Errorf("alerts (-want +got):\n%s", d)
		}
	}
	for name, fails := range failures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			recordtest.Each(t, func(t *testing.T, s *record.Store) {
				f, open := openFaulty(openEmbedded(t))
				leads, told := campaign(t, newRigOver(t, s, open), func(step int) {
					f.set(nil)
					if step%2 == 1 {
						f.set(fails)
					}
				})
				check(t, leads, told)
			})
		})
	}
	t.Run("elastic", func(t *testing.T) {
		proxy := elastictest.NewProxy(t)
		cfg := elastictest.Config(t)
		cfg.Hosts = []string{proxy.URL}
		down := false
		leads, told := campaign(t, newRigOver(t, recordtest.Open(t), func(t *testing.T) search.Index { return elastictest.Open(t, cfg) }), func(step int) {
			if down {
				proxy.Start()
				down = false
			}
			if step%2 == 1 {
				proxy.Stop()
				down = true
			}
		})
		check(t, leads, told)
	})
}

// An index in Elasticsearch that is gone, red or cut off in its answers is no answer, and words are found in the record.
func TestBrokenElasticsearchIsNoAnswer(t *testing.T) {
	for name, breaks := range map[string]func(next http.Handler) http.Handler{
		"gone": func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Elastic-Product", "Elasticsearch")
				w.WriteHeader(http.StatusNotFound)
				fmt.Fprint(w, `{"error":{"type":"index_not_found_exception","reason":"SECRET"},"status":404}`)
			})
		},
		"wrong mapping": func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Elastic-Product", "Elasticsearch")
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprint(w, `{"error":{"type":"illegal_argument_exception","reason":"SECRET"},"status":400}`)
			})
		},
		"half an answer": func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Elastic-Product", "Elasticsearch")
				w.Header().Set("Content-Length", "1000")
				fmt.Fprint(w, `{"hits":{"hits":[`)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			proxy := elastictest.NewProxy(t)
			cfg := elastictest.Config(t)
			cfg.Hosts = []string{proxy.URL}
			r := newRigOver(t, recordtest.Open(t), func(t *testing.T) search.Index { return elastictest.Open(t, cfg) })
			r.archive(t)
			want, record := r.ids(t, parse(t, "女孩"))
			if record {
				t.Fatal("the index did not answer")
			}
			proxy.Wrap(breaks)
			got, record := r.ids(t, parse(t, "女孩"))
			if !record {
				t.Error("the index answered")
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("-index +record:\n%s", d)
			}
		})
	}
}

// A file of the embedded index that breaks while it is open, or that something else locks, is no answer either; work waits and is
// done when it is whole again.
func TestABrokenOrLockedIndexFileLosesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "index.db")
	x, err := embedded.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	f, open := openFaulty(x)
	t.Cleanup(func() {
		if err := f.Index.Close(); err != nil {
			t.Error(err)
		}
	})
	r := newRigOver(t, recordtest.Open(t), open)
	r.report(t, "林示例", jpg(draw(1), 90))
	stop := r.work(t)
	r.quiet(t)
	stop()

	// Locked: reads go on, changes wait.
	lock, err := sql.Open("sqlite", "file:"+path+"?_txlock=exclusive")
	if err != nil {
		t.Fatal(err)
	}
	held, err := lock.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.accept(t, crawler.Post{NativeID: "late", URL: "https://example.org/late", Text: "迟来的女孩", At: r.Now()})
	a, err := r.SearchWords(t.Context(), parse(t, "迟来的"), search.Page{})
	if err != nil || a.Record == nil && a.Behind != 1 {
		t.Errorf("locked: %+v, %v", a, err)
	}
	if err := errors.Join(held.Rollback(), lock.Close()); err != nil {
		t.Fatal(err)
	}
	r.clock.advance(time.Minute)
	if a, err := r.SearchWords(t.Context(), parse(t, "迟来的"), search.Page{}); err != nil || a.Total != 1 || a.Behind != 0 {
		t.Errorf("unlocked: %+v, %v", a, err)
	}

	// Broken: pages of the file are overwritten.
	for _, of := range []string{path, path + "-wal"} {
		b, err := os.ReadFile(of)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(of, []byte(strings.Repeat("broken! ", len(b)/8+1)), 0); err != nil {
			t.Fatal(err)
		}
	}
	r.site.post("天桥 男孩", jpg(draw(1), 60))
	stop = r.work(t)
	if _, err := r.CrawlNow(t.Context(), r.source, "hand"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the post waits for the index, which does not answer", func() bool {
		state, err := r.IndexState(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return state.Waiting >= 1 && !state.Down.IsZero()
	})
	if a, err := r.SearchWords(t.Context(), parse(t, "天桥"), search.Page{}); err != nil || a.Record == nil || a.Total != 1 {
		t.Errorf("broken: %+v, %v", a, err)
	}
	stop()
	dead, err := r.Dead(t.Context())
	if err != nil || len(dead) != 0 {
		t.Errorf("given up: %v, %v", dead, err)
	}
	if err := f.Index.Close(); err != nil {
		t.Logf("the broken file: %v", err)
	}
	if f.Index, err = embedded.Open(t.Context(), filepath.Join(dir, "fresh.db")); err != nil {
		t.Fatal(err)
	}
	r.work(t)
	r.quiet(t)
	if n := len(r.all(t)); n != 1 {
		t.Errorf("%d leads, want 1", n)
	}
	r.verified(t)
}

// overtaken is an index in which the answers to the first photo of a post that is looked for come so late that another post was
// taken in, compared and done with meanwhile, and do not hold it.
type overtaken struct {
	search.Index
	armed atomic.Bool
	while func() (post string)

	mu   sync.Mutex
	late string // the document that is not in late answers
}

func (x *overtaken) Similar(ctx context.Context, f search.Fingerprint, radius int, kinds ...string) ([]search.Hit, error) {
	hits, err := x.Index.Similar(ctx, f, radius, kinds...)
	// It finds itself: it is in the index by now.
	if slices.Contains(kinds, search.KindPost) && len(hits) > 0 && x.armed.CompareAndSwap(true, false) {
		post := x.while()
		x.mu.Lock()
		x.late = post
		x.mu.Unlock()
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.DeleteFunc(hits, func(h search.Hit) bool { return h.Doc == x.late }), err
}

// Of two copies that are compared at once the later to be found sees the other, which may not be in a picture yet. They are one
// picture and one lead all the same, and who is told is told once.
func TestCopiesComparedAtOnceMakeOneLead(t *testing.T) {
	recordtest.Each(t, func(t *testing.T, s *record.Store) {
		x := &overtaken{Index: openEmbedded(t)}
		r := newRigOver(t, s, func(*testing.T) search.Index { return x })
		r.SecondLook = time.Hour // which would find what the first did not
		r.watch(t, "nobody")
		r.work(t)
		report := r.report(t, "林示例", jpg(draw(1), 90))
		eventually(t, "the report is compared", func() bool {
			rep, err := r.Records.Report(t.Context(), nil, report)
			return err == nil && rep.Step == record.StepRelated
		})
		x.while = func() string {
			r.site.post("another", jpg(draw(1), 40))
			if _, err := r.CrawlNow(t.Context(), r.source, "hand"); err != nil {
				t.Error(err)
				return ""
			}
			for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
				var id string
				err := r.Records.DB().QueryRowContext(t.Context(), `SELECT id FROM posts WHERE text='another' AND step='related'`).Scan(&id)
				if err != nil {
					continue
				}
				// As when it was taken in before this one could be found, and compared after.
				if _, err := r.Records.DB().ExecContext(t.Context(), `DELETE FROM ties WHERE NOT EXISTS (SELECT 1 FROM photos WHERE photos.id=known_id AND report_id IS NOT NULL)`); err != nil {
					t.Error(err)
				}
				return id
			}
			t.Error("the other post was not compared")
			return ""
		}
		x.armed.Store(true)
		r.site.post("one", jpg(draw(1), 60))
		if _, err := r.CrawlNow(t.Context(), r.source, "hand"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "both posts are compared and everybody is told", func() bool {
			var posts, waiting int
			err := r.Records.DB().QueryRowContext(t.Context(), `SELECT (SELECT COUNT(*) FROM posts WHERE step='related'), (SELECT COUNT(*) FROM deliveries WHERE state<>'sent')`).Scan(&posts, &waiting)
			return err == nil && posts == 2 && waiting == 0
		})
		if x.armed.Load() {
			t.Fatal("no post was looked for")
		}
		if leads := r.all(t); len(leads) != 1 {
			t.Errorf("%d leads", len(leads))
		}
		if d := cmp.Diff([]string{"inbox lead 林示例 sent", "webhook lead 林示例 sent"}, r.told(t)); d != "" {
			t.Errorf("alerts (-want +got):\n%s", d)
		}
		r.verified(t)
	})
}
