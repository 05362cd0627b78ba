package app

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"xunqin/pipeline"
	"xunqin/search"
	"xunqin/search/elastic"
	"xunqin/search/elastic/elastictest"
)

// over gives the settings of an office whose index is in Elasticsearch, under a name of its own.
func over(t *testing.T, o Options, hosts ...string) Options {
	t.Helper()
	cfg := elastictest.Config(t)
	if len(hosts) == 0 {
		hosts = cfg.Hosts
	}
	o.Index, o.ElasticHost, o.ElasticIndex = Elastic, hosts, cfg.Index
	return o
}

func TestTheIndexMovesToElasticsearchAndBack(t *testing.T) {
	d := newOffice(t)
	d.report(t, "林示例", 1)
	d.post(t, "a", "天桥 男孩", 1)
	d.post(t, "b", "别的", 2)
	d.settle(t)
	was, leads := query(t, d.App, `SELECT id FROM leads`), tables(t, d.App)["leads"]
	file := d.Options
	o := over(t, file)
	for range 2 { // there, there again, and back
		for _, o := range []Options{o, file} {
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			d.App = openApp(t, o)
			if err := d.Pipeline.Follow(t.Context()); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				found, err := d.Pipeline.SearchWords(t.Context(), search.Text("天桥"), search.Page{})
				if err != nil || found.Total != 1 || found.Behind != 0 {
					t.Errorf("found %d, %d behind (%v)", found.Total, found.Behind, err)
				}
				seen := int64(0)
				r, err := d.Reindex(t.Context(), "", func(p pipeline.Progress) { seen = p.Done })
				if err != nil || r.Info.Docs != 3 || seen < 3 || r.Checked != 3 || r.Resumed || !r.Answers {
					t.Errorf("reindexed: %+v, %d (%v)", r, seen, err)
				}
			}
			if diff := cmp.Diff(leads, tables(t, d.App)["leads"]); diff != "" || len(was) == 0 {
				t.Errorf("leads (-before +after):\n%s", diff)
			}
			findings, err := d.Doctor(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range findings {
				if want := map[string]string{Elastic: Elastic, "": Embedded}[o.Index]; f.Check == "index" && (!f.OK || f.Detail != want) {
					t.Errorf("doctor: %+v, want %s", f, want)
				}
			}
		}
	}
}

func TestAnotherInstallationsIndexIsNotTaken(t *testing.T) {
	d, e := newOffice(t), newOffice(t)
	o := over(t, d.Options)
	if err := errors.Join(d.Close(), e.Close()); err != nil {
		t.Fatal(err)
	}
	d.App = openApp(t, o)
	theirs := e.Options
	theirs.Index, theirs.ElasticHost, theirs.ElasticIndex = o.Index, o.ElasticHost, o.ElasticIndex
	a, err := New(t.Context(), theirs, d.Log)
	var trouble *Trouble
	if !errors.As(err, &trouble) || trouble.Code != "index-other" {
		t.Errorf("opened: %v", err)
	}
	if err == nil {
		t.Error(a.Close())
	}
}

func TestTheProgramStartsWithoutItsIndex(t *testing.T) {
	proxy := elastictest.NewProxy(t)
	d := newOffice(t)
	o := over(t, d.Options, proxy.URL)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	proxy.Stop()
	d.App = openApp(t, o)
	d.accept(t, "a", "天桥 男孩", 1)
	if a, err := d.Pipeline.SearchWords(t.Context(), search.Text("天桥"), search.Page{}); err != nil || a.Record == nil || a.Total != 1 {
		t.Errorf("a search: %+v, %v", a, err)
	}
	proxy.Start()
	d.settle(t)
	found, err := d.Pipeline.SearchWords(t.Context(), search.Text("天桥"), search.Page{})
	if err != nil || found.Total != 1 {
		t.Errorf("found %d (%v)", found.Total, err)
	}
}

func TestWhatADropLeftGoesAtTheNextStart(t *testing.T) {
	d := newOffice(t)
	o := over(t, d.Options)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d.App = openApp(t, o)
	shelf := d.shelves[0]
	if err := shelf.Begin(t.Context(), d.Now(), 0); err != nil {
		t.Fatal(err)
	}
	g, err := shelf.Generations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	left, err := shelf.Open(t.Context(), g.Next.Name)
	if err != nil {
		t.Fatal(err)
	}
	if err := left.Put(t.Context(), search.Doc{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	elastictest.Unname(t, o.ElasticHost[0], g.Next.Name, o.ElasticIndex+"-next")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d.App = openApp(t, o)
	if _, err := left.Find(t.Context(), search.And{}, search.Page{}); !errors.Is(err, elastic.ErrMissing) {
		t.Errorf("what was left: %v", err)
	}
	if err := left.Close(); err != nil {
		t.Error(err)
	}
}
