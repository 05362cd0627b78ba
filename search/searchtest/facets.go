package searchtest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"xunqin/search"
)

func countFacets(t *testing.T, x search.Index, query string, f search.Facet) search.Facets {
	t.Helper()
	counts, err := x.Facets(t.Context(), parse(t, query), f)
	if err != nil {
		t.Fatal(err)
	}
	return counts
}

// line writes the counts of a facet.
func line(counts []search.Count) (s string) {
	for _, c := range counts {
		s += fmt.Sprintf("%s=%d ", c.Value, c.Docs)
	}
	return s
}

func facetsCount(t *testing.T, x search.Index) {
	day := func(y, m, d int) search.Span { return search.Span{From: china(y, m, d), To: china(y, m, d+1)} }
	put(t, x,
		search.Doc{ID: "1", Kind: search.KindPost, Source: "微博　街拍", At: at(3), Text: "男孩", Facts: search.Facts{Places: spots("350503", "350582", "110105"), Sex: search.Male, Born: day(2007, 6, 1)}},
		search.Doc{ID: "2", Kind: search.KindPost, Source: "微博 街拍", At: at(2), Text: "男孩", Facts: search.Facts{Places: spots("350102"), When: day(2010, 12, 31), Born: search.Span{From: china(2003, 1, 1), To: china(2005, 1, 1)}}},
		search.Doc{ID: "3", Kind: search.KindReport, Source: "A", Status: "Open", At: at(1), Text: "男孩", Facts: search.Facts{Places: spots("350500"), When: search.Span{From: china(2010, 12, 1), To: china(2011, 2, 1)}}},
		search.Doc{ID: "4", Kind: search.KindNotice, At: at(0), Text: "男孩", Facts: search.Facts{When: search.Span{To: china(2011, 1, 1)}}},
		search.Doc{ID: "5", Kind: search.KindPost, Source: "A", At: at(0), Text: "别的"},
	)
	for _, tt := range []struct {
		query string
		facet search.Facet
		by    string
		want  string
	}{
		{"男孩", search.Facet{}, search.BySource, "微博 街拍=2 a=1 "},
		{"男孩", search.Facet{}, search.ByDivision, "350000=3 110000=1 "},
		{"男孩", search.Facet{Below: "350000"}, search.ByDivision, "350500=2 350100=1 "},
		{"男孩", search.Facet{Below: "350500"}, search.ByDivision, "350503=1 350582=1 "},
		{"男孩", search.Facet{Below: "350503"}, search.ByDivision, ""},
		{"男孩", search.Facet{}, search.ByMonth, "2010-12=2 2011-01=2 "},
		{"男孩", search.Facet{}, search.BySex, "m=1 "},
		{"男孩", search.Facet{}, search.ByAge, "3..6=2 7..12=1 "},
		{"", search.Facet{}, search.ByKind, "post=3 notice=1 report=1 "},
		{"", search.Facet{}, search.ByStatus, "open=1 "},
		{"", search.Facet{Most: 1}, search.ByKind, "post=3 "},
		{"", search.Facet{Docs: 2}, search.ByKind, "post=2 "},
		{"", search.Facet{Docs: 3}, search.ByKind, "post=2 report=1 "},
		{"女孩", search.Facet{}, search.ByKind, ""},
	} {
		if got := line(countFacets(t, x, tt.query, tt.facet).Counts[tt.by]); got != tt.want {
			t.Errorf("%q by %s, %+v: %s, want %s", tt.query, tt.by, tt.facet, got, tt.want)
		}
	}
	for docs, want := range map[int]bool{4: true, 5: false, 6: false} {
		if got := countFacets(t, x, "", search.Facet{Docs: docs}); got.More != want || got.Docs != min(docs, 5) {
			t.Errorf("of %d: %d counted, more: %v", docs, got.Docs, got.More)
		}
	}
}

// The bound is held, and cuts the answer where pages do.
func facetsOfMany(t *testing.T, x search.Index) {
	var docs []search.Doc
	for i := range 10_050 {
		d := post(fmt.Sprintf("%05d", i), "男孩")
		d.At = at(0).Add(-time.Duration(i/100) * time.Second) // all of a few quarters
		d.Source = fmt.Sprint(i / 5000)
		docs = append(docs, d)
	}
	put(t, x, docs...)
	got := countFacets(t, x, "男孩", search.Facet{Docs: 1 << 30})
	if got.Docs != 10_000 || !got.More || line(got.Counts[search.BySource]) != "0=5000 1=5000 " {
		t.Errorf("%d counted, more: %v, %s", got.Docs, got.More, line(got.Counts[search.BySource]))
	}
}

func facetsAreCounts(t *testing.T, x search.Index) {
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		docs := latest(rapid.SliceOfN(document(), 0, 12).Draw(t, "docs"))
		clear(t, x, nil)
		if err := x.Put(ctx, docs...); err != nil {
			t.Fatal(err)
		}
		for range casesEach / 5 {
			q := query(docs, 2).Draw(t, "query")
			f := search.Facet{
				Below: rapid.SampledFrom([]string{"", "350000", "350500", "110000", "1"}).Draw(t, "below"),
				Docs:  rapid.IntRange(0, 12).Draw(t, "docs"), Most: rapid.IntRange(0, 3).Draw(t, "most"),
			}
			got, err := x.Facets(ctx, q, f)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(search.CountFacets(docs, q, f), got, cmpopts.EquateEmpty()); d != "" {
				t.Fatalf("%v, %+v over %+v (-want +got):\n%s", q, f, docs, d)
			}
			if got.More {
				continue
			}
			for by, counts := range got.Counts {
				for _, c := range counts {
					r, err := x.Find(ctx, search.And{q, search.Narrow(by, c.Value)}, search.Page{Count: 100})
					if err != nil || r.Total < c.Docs || r.Total > c.Docs && by != search.ByMonth {
						t.Fatalf("%v by %s: %d have %s, %d are found (%v)", q, by, c.Docs, c.Value, r.Total, err)
					}
				}
			}
		}
	})
}
