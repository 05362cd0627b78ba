package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"xunqin/pipeline"
	"xunqin/search"
	"xunqin/search/elastic/elastictest"
)

// eachEngine runs a test on an office over each engine of the index.
func eachEngine(t *testing.T, test func(t *testing.T, d *office)) {
	t.Parallel() // a purge waits for Elasticsearch
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, newOffice(t))
	})
	t.Run("elastic", func(t *testing.T) {
		t.Parallel()
		o := over(t, Options{})
		d := newOffice(t)
		in := d.Options
		in.Index, in.ElasticHost, in.ElasticIndex = o.Index, o.ElasticHost, o.ElasticIndex
		d.reopen(t, in)
		test(t, d)
	})
}

func (d *office) reopen(t *testing.T, o Options) {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d.App = openApp(t, o)
}

// answers is what the index says to words, counts, fingerprints and features.
func (d *office) answers(t *testing.T, words ...string) string {
	t.Helper()
	ctx := t.Context()
	var out strings.Builder
	for _, w := range words {
		r, err := d.Index.Find(ctx, search.Text(w), search.Page{Count: 100})
		if err != nil {
			t.Fatal(err)
		}
		f, err := d.Index.Facets(ctx, search.Text(w), search.Facet{})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&out, w, r, f)
	}
	photos := query(t, d.App, `SELECT id FROM photos`)
	slices.Sort(photos)
	for _, id := range photos {
		id = strings.Trim(id, "[]")
		prints, err := d.Records.PrintsOf(ctx, nil, id)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range prints {
			hits, err := d.Index.Similar(ctx, f, 12)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&out, id, hits)
		}
		features, err := d.Records.Features(ctx, nil, []string{id})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range features {
			votes, err := d.Index.Votes(ctx, f, 10)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&out, id, votes)
		}
	}
	return out.String()
}

// shelved is the places of the indexes beside the one that answers.
func (d *office) shelved(t *testing.T) (places []string) {
	t.Helper()
	_, beside, err := d.Pipeline.Shelved(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range beside {
		places = append(places, s.Engine+" "+s.Place)
	}
	return places
}

// holders opens every index there is and says which of them find a word.
func (d *office) holders(t *testing.T, word string) (list []string) {
	t.Helper()
	_, beside, err := d.Pipeline.Shelved(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	look := func(place string, x search.Index) {
		r, err := x.Find(t.Context(), search.Text(word), search.Page{Count: 10})
		if err != nil {
			t.Fatal(err)
		}
		if r.Total > 0 {
			list = append(list, place)
		}
	}
	look("current", d.Index)
	for _, s := range beside {
		for _, shelf := range d.shelves {
			if shelf.Engine() != s.Engine {
				continue
			}
			x, err := shelf.Open(t.Context(), s.Name)
			if err != nil {
				t.Fatal(err)
			}
			look(s.Engine+" "+s.Place, x)
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return list
}

func TestReindexGoesBackAndForgets(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *office) {
		ctx := t.Context()
		d.report(t, "林示例", 1)
		d.post(t, "a", "天桥 男孩", 1, 3)
		want := d.answers(t, "天桥", "林示例")
		if _, err := d.Back(ctx); !errors.Is(err, pipeline.ErrNoOld) {
			t.Errorf("went back to nothing: %v", err)
		}
		r, err := d.Reindex(ctx, "", nil)
		if err != nil || r.Checked != 2 || r.Info.Docs != 2 {
			t.Fatalf("reindexed: %+v (%v)", r, err)
		}
		if got := d.answers(t, "天桥", "林示例"); got != want {
			t.Errorf("built anew (-grown +anew):\n%s", cmp.Diff(want, got))
		}
		d.post(t, "b", "后来的", 2) // of which the old one knows nothing
		want = d.answers(t, "天桥", "后来的")
		if _, err := d.Back(ctx); err != nil {
			t.Fatal(err)
		}
		if got := d.answers(t, "天桥", "后来的"); got != want {
			t.Errorf("gone back (-new +old):\n%s", cmp.Diff(want, got))
		}
		d.reopen(t, d.Options)
		if got := d.answers(t, "天桥", "后来的"); got != want {
			t.Errorf("after a start (-new +old):\n%s", cmp.Diff(want, got))
		}
		engine := d.shelves[0].Engine()
		if diff := cmp.Diff([]string{engine + " old"}, beside(d.shelved(t), engine)); diff != "" {
			t.Errorf("kept (-want +got):\n%s", diff)
		}
		if _, err := d.Pipeline.ForgetOld(ctx, false); err != nil {
			t.Fatal(err)
		}
		if got := d.shelved(t); len(got) > 0 {
			t.Errorf("still there: %v", got)
		}
		if got := d.answers(t, "天桥", "后来的"); got != want {
			t.Errorf("after forgetting (-before +after):\n%s", cmp.Diff(want, got))
		}
	})
}

// beside are the indexes of one engine: an office over Elasticsearch was over a file before.
func beside(list []string, engine string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return !strings.HasPrefix(s, engine) })
}

// pause breaks a rebuild off after its first report of a phase, as a process that ends does.
func (d *office) pause(t *testing.T, engine, phase string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	_, err := d.Reindex(ctx, engine, func(p pipeline.Progress) {
		if p.Phase == phase {
			stop()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("not broken off in %s: %v", phase, err)
	}
}

// What is erased while a rebuild goes on or stands still, and while an old index or one of another engine is kept, is in none
// of them afterwards, on disk either.
func TestErasedIsInNoGeneration_S37(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *office) {
		ctx := t.Context()
		d.post(t, "stays", "天桥 stayplover", 9)
		var ids []string
		for i := range 5 {
			ids = append(ids, d.post(t, fmt.Sprint(i), fmt.Sprintf("广州 goneplover%d", i), uint64(10+i)))
		}
		erase := func(n int) {
			t.Helper()
			word := fmt.Sprintf("goneplover%d", n)
			if err := d.Pipeline.Erase(ctx, "test", ids[n], "asked"); err != nil {
				t.Fatal(err)
			}
			if got := d.holders(t, word); len(got) > 0 {
				t.Errorf("%s is found in %v", word, got)
			}
			absent(t, files(t, d.Options.Data), word)
		}
		engine, left := d.shelves[0].Engine(), []string{}
		if engine == Elastic {
			left = []string{"embedded left"}
		}
		all := func(want ...string) {
			t.Helper()
			if diff := cmp.Diff(want, d.shelved(t)); diff != "" {
				t.Fatalf("beside it (-want +got):\n%s", diff)
			}
			// What another engine has left follows with an erasure.
			if got := d.holders(t, "stayplover"); len(got) < len(want)+1-len(left) {
				t.Errorf("what stays is in %v", got)
			}
		}
		if _, err := d.Reindex(ctx, "", nil); err != nil {
			t.Fatal(err)
		}
		if engine == "embedded" { // on Elasticsearch each takes half a minute
			erase(0) // with one kept
		}
		all(append([]string{engine + " old"}, left...)...)
		d.pause(t, "", pipeline.PhaseCheck)
		all(append([]string{engine + " old", engine + " next"}, left...)...)
		erase(1) // with one that was broken off
		d.reopen(t, d.Options)
		if engine == "embedded" {
			erase(2) // and that a process before had begun
		}
		during := false
		r, err := d.Reindex(ctx, "", func(p pipeline.Progress) {
			if !during && p.Phase == pipeline.PhaseCheck {
				during = true
				erase(3)
			}
		})
		if err != nil || !r.Resumed || !during {
			t.Fatalf("reindexed: %+v, %v (%v)", r, during, err)
		}
		for _, n := range []int{1, 3} {
			if got := d.holders(t, fmt.Sprintf("goneplover%d", n)); len(got) > 0 {
				t.Errorf("number %d is found in %v", n, got)
			}
			absent(t, files(t, d.Options.Data), fmt.Sprintf("goneplover%d", n))
		}
		if _, err := d.Back(ctx); err != nil {
			t.Fatal(err)
		}
		if got := d.holders(t, "goneplover4"); len(got) != len(left)+2 {
			t.Errorf("what was not erased is in %v", got)
		}
		if engine == "embedded" {
			erase(4)
		}
	})
}

// A rebuild that was broken off in its walk holds of what was erased since neither what it had nor what it has not reached.
func TestErasureReachesAnIndexInTheMiddleOfItsWalk(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *office) {
		ctx := t.Context()
		var ids []string
		for i := range 3 {
			ids = append(ids, d.post(t, fmt.Sprint(i), fmt.Sprintf("广州 goneplover%d", i)))
		}
		last, err := d.Records.LastChange(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		shelf := d.shelves[0]
		if err := shelf.Begin(ctx, d.Now(), last); err != nil {
			t.Fatal(err)
		}
		g, err := shelf.Generations(ctx)
		if err != nil {
			t.Fatal(err)
		}
		x, err := shelf.Open(ctx, g.Next.Name)
		if err != nil {
			t.Fatal(err)
		}
		list, err := d.Records.Changes(ctx, nil, 0, 2) // two of three
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			doc, _, err := d.Records.Doc(ctx, nil, c)
			if err != nil {
				t.Fatal(err)
			}
			if err := x.Apply(ctx, c.Seq, []search.Doc{doc}, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		erased := []int{0, 2}
		if d.Options.Index == Elastic {
			erased = erased[:1] // each takes half a minute
		}
		for _, i := range erased {
			if err := d.Pipeline.Erase(ctx, "test", ids[i], "asked"); err != nil {
				t.Fatal(err)
			}
			if got := d.holders(t, fmt.Sprintf("goneplover%d", i)); len(got) > 0 {
				t.Errorf("number %d is found in %v", i, got)
			}
			absent(t, files(t, d.Options.Data), fmt.Sprintf("goneplover%d", i))
		}
		r, err := d.Reindex(ctx, "", nil)
		if err != nil || !r.Resumed || r.Info.Docs != int64(3-len(erased)) {
			t.Errorf("reindexed: %+v (%v)", r, err)
		}
	})
}

func TestAnIndexThatDiffersDoesNotAnswer(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *office) {
		ctx := t.Context()
		d.report(t, "林示例", 1)
		id := d.post(t, "a", "天桥 男孩 在广州", 1)
		want := d.answers(t, "天桥")
		doc := func() search.Doc {
			list, err := d.Records.Changes(ctx, nil, 0, 100)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range list {
				if c.DocID == id {
					doc, _, err := d.Records.Doc(ctx, nil, c)
					if err != nil {
						t.Fatal(err)
					}
					return doc
				}
			}
			t.Fatal("not there")
			return search.Doc{}
		}
		for name, broken := range map[string]func(*search.Doc){
			"words":     func(d *search.Doc) { d.Text = "天桥 在广州" },
			"kind":      func(d *search.Doc) { d.Kind = search.KindNotice },
			"source":    func(d *search.Doc) { d.Source = "another" },
			"divisions": func(d *search.Doc) { d.Facts.Places = nil },
			"time":      func(d *search.Doc) { d.Facts.When = search.Span{}; d.At = d.At.AddDate(0, 0, -2) },
			"photos":    func(d *search.Doc) { d.Photos = nil },
			"fingerprint": func(d *search.Doc) {
				d.Photos[0].Prints = slices.Clone(d.Photos[0].Prints)
				for i, f := range d.Photos[0].Prints {
					f.Bits = slices.Clone(f.Bits)
					f.Bits[0] ^= 255
					d.Photos[0].Prints[i] = f
				}
			},
			"features": func(d *search.Doc) { d.Photos[0].Features = nil },
			"count":    nil,
		} {
			t.Run(name, func(t *testing.T) {
				seen := false
				_, err := d.Reindex(ctx, "", func(p pipeline.Progress) {
					if p.Phase != pipeline.PhaseCheck || seen {
						return
					}
					seen = true
					g, err := d.shelves[0].Generations(ctx)
					if err != nil {
						t.Fatal(err)
					}
					x, err := d.shelves[0].Open(ctx, g.Next.Name)
					if err != nil {
						t.Fatal(err)
					}
					if broken == nil {
						err = x.Delete(ctx, id)
					} else {
						changed := doc()
						broken(&changed)
						err = x.Put(ctx, changed)
					}
					if err := errors.Join(err, x.Close()); err != nil {
						t.Fatal(err)
					}
				})
				unequal, ok := errors.AsType[*pipeline.Unequal](err)
				if !ok || !slices.ContainsFunc(unequal.Differences, func(v pipeline.Difference) bool {
					return strings.HasPrefix(v.What, name) || name == "time" && v.What == "written" || name == "photos" && v.What == "count photos"
				}) {
					t.Fatalf("let answer, or another reason: %v", err)
				}
				if strings.Contains(err.Error(), "天桥") {
					t.Errorf("a text in an error: %v", err)
				}
				if got := d.answers(t, "天桥"); got != want {
					t.Errorf("-before +after:\n%s", cmp.Diff(want, got))
				}
				if got := beside(d.shelved(t), d.shelves[0].Engine()); len(got) > 0 {
					t.Errorf("kept: %v", got)
				}
			})
		}
	})
}

// An index is made ready in the other engine, and a process that is set to it answers at once; leads and verdicts stay.
func TestAnotherEngineStandsReady(t *testing.T) {
	t.Parallel()
	o := over(t, Options{})
	d := newOffice(t)
	file := d.Options
	file.ElasticHost, file.ElasticIndex = o.ElasticHost, o.ElasticIndex
	cluster := file
	cluster.Index = Elastic
	d.reopen(t, file)
	d.report(t, "林示例", 1)
	gone := d.post(t, "a", "天桥 goneplover", 4)
	d.post(t, "b", "天桥 男孩", 1, 2)
	want, rows := d.answers(t, "天桥"), tables(t, d.App)
	for i, o := range []Options{cluster, file, cluster} {
		r, err := d.Reindex(t.Context(), o.Index+map[bool]string{true: Embedded}[o.Index == ""], nil)
		if err != nil || r.Answers || r.Checked != 3-min(i, 1) {
			t.Fatalf("%+v (%v)", r, err)
		}
		if got := d.answers(t, "天桥"); got != want {
			t.Errorf("the one that answered (-before +after):\n%s", cmp.Diff(want, got))
		}
		if i == 0 { // of what stands ready as well
			if _, err := d.Pipeline.ForgetOld(t.Context(), false); err != nil || len(d.shelved(t)) != 1 {
				t.Fatalf("beside: %v (%v)", d.shelved(t), err)
			}
			if err := d.Pipeline.Erase(t.Context(), "test", gone, "asked"); err != nil {
				t.Fatal(err)
			}
			if got := d.holders(t, "goneplover"); len(got) > 0 {
				t.Errorf("erased, and found in %v", got)
			}
			want, rows = d.answers(t, "天桥"), tables(t, d.App)
		}
		d.reopen(t, o)
		info, err := d.Index.Info(t.Context()) // before it has followed
		if err != nil || info.Docs != 2 || info.Engine != d.shelves[0].Engine() {
			t.Errorf("at the start: %+v (%v)", info, err)
		}
		if got := d.answers(t, "天桥"); got != want {
			t.Errorf("the other engine (-before +after):\n%s", cmp.Diff(want, got))
		}
		for _, name := range []string{"leads", "sightings", "verdicts"} {
			if diff := cmp.Diff(rows[name], tables(t, d.App)[name]); diff != "" {
				t.Errorf("%s (-before +after):\n%s", name, diff)
			}
		}
		if diff := cmp.Diff([]string{d.shelves[1].Engine() + " left"}, d.shelved(t)); diff != "" {
			t.Errorf("beside (-want +got):\n%s", diff)
		}
	}
}

func TestARebuildOutlivesItsEngine(t *testing.T) {
	proxy := elastictest.NewProxy(t)
	d := newOffice(t)
	o := over(t, d.Options, proxy.URL)
	d.reopen(t, o)
	d.post(t, "a", "天桥 男孩", 1)
	want := d.answers(t, "天桥")
	for _, phase := range []string{pipeline.PhaseBuild, pipeline.PhaseCheck, pipeline.PhaseSwitch} {
		_, err := d.Reindex(t.Context(), "", func(p pipeline.Progress) {
			if p.Phase == phase {
				proxy.Stop()
			}
		})
		if !errors.Is(err, search.ErrUnavailable) {
			t.Errorf("gone in %s: %v", phase, err)
		}
		proxy.Start()
		if got := d.answers(t, "天桥"); got != want {
			t.Errorf("gone in %s (-before +after):\n%s", phase, cmp.Diff(want, got))
		}
	}
	r, err := d.Reindex(t.Context(), "", nil)
	if err != nil || !r.Resumed {
		t.Errorf("back again: %+v (%v)", r, err)
	}
	// The answer to the exchange is lost, and it was made.
	lost := false
	proxy.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/_aliases" && !lost {
				lost = true
				next.ServeHTTP(discard{http.Header{}}, r)
				panic(http.ErrAbortHandler)
			}
			next.ServeHTTP(w, r)
		})
	})
	if _, err := d.Reindex(t.Context(), "", nil); err != nil || !lost {
		t.Errorf("the answer was lost: %v, %v", lost, err)
	}
	if got := d.answers(t, "天桥"); got != want {
		t.Errorf("-before +after:\n%s", cmp.Diff(want, got))
	}
}

type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

// A disk that fills while an index is built has its room back, and the one before answers on.
func TestARebuildThatFindsNoRoomIsDropped(t *testing.T) {
	if os.Getenv("XUNQIN_TEST_NO_ROOM") == "" { // the bound is one of a process
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), "XUNQIN_TEST_NO_ROOM=1")
		if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	d := newOffice(t)
	for i := range 30 {
		d.post(t, fmt.Sprint(i), "天桥 男孩 "+strings.Repeat(fmt.Sprint("字", i), 3000))
	}
	want := d.answers(t, "天桥")
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	limit := func(bytes uint64) {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: was.Max}); err != nil {
			t.Error(err)
		}
	}
	_, err := d.Reindex(t.Context(), "", func(p pipeline.Progress) {
		if p.Phase == pipeline.PhaseBuild {
			limit(200_000) // no file may become larger, and none of the new index's is
		}
	})
	limit(was.Cur)
	if err == nil || errors.Is(err, search.ErrUnavailable) {
		t.Fatalf("no room: %v", err)
	}
	if got := d.answers(t, "天桥"); got != want {
		t.Errorf("-before +after:\n%s", cmp.Diff(want, got))
	}
	if got := d.shelved(t); len(got) > 0 {
		t.Errorf("beside: %v", got)
	}
	list, err := filepath.Glob(filepath.Join(d.Options.Data, "index-*"))
	if err != nil || len(list) > 0 {
		t.Errorf("left: %v (%v)", list, err)
	}
	if r, err := d.Reindex(t.Context(), "", nil); err != nil || r.Resumed {
		t.Errorf("with room: %+v (%v)", r, err)
	}
}

func TestOneRebuildAtATime(t *testing.T) {
	d := newOffice(t)
	d.post(t, "a", "天桥")
	tried := false
	_, err := d.Reindex(t.Context(), "", func(p pipeline.Progress) {
		if tried {
			return
		}
		tried = true
		if now, ok := d.Pipeline.Rebuilding(); !ok || now.Phase != p.Phase {
			t.Errorf("it runs: %+v, %v", now, ok)
		}
		if _, err := d.Reindex(t.Context(), "", nil); !errors.Is(err, pipeline.ErrReindexing) {
			t.Errorf("a second one: %v", err)
		}
		if _, err := d.Back(t.Context()); !errors.Is(err, pipeline.ErrReindexing) {
			t.Errorf("back meanwhile: %v", err)
		}
		if _, err := d.Pipeline.ForgetOld(t.Context(), true); !errors.Is(err, pipeline.ErrReindexing) {
			t.Errorf("dropped meanwhile: %v", err)
		}
	})
	if err != nil || !tried {
		t.Errorf("%v, %v", tried, err)
	}
	if _, ok := d.Pipeline.Rebuilding(); ok {
		t.Error("it ended, and is said to run")
	}
}

// An index that cannot be opened is built anew, and one that is kept and cannot is dropped by the next erasure: it could not be
// purged.
func TestADamagedOldIndexGoesWithTheNextErasure(t *testing.T) {
	d := newOffice(t)
	id := d.post(t, "a", "天桥 goneplover")
	if _, err := d.Reindex(t.Context(), "", nil); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(d.Options.Data, "index.db")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append([]byte("no database"), bytes.Repeat(b, 1)...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Pipeline.Erase(t.Context(), "test", id, "asked"); err != nil {
		t.Fatal(err)
	}
	if got := d.shelved(t); len(got) > 0 {
		t.Errorf("beside: %v", got)
	}
	absent(t, files(t, d.Options.Data), "goneplover")
}
