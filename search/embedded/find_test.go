package embedded

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"xunqin/search"
)

// More documents of eight hours than have rows there, some of them old and some replaced, stand where their times say.
func TestDocumentsOfOneTimeStandInOrder(t *testing.T) {
	x := open(t, filepath.Join(t.TempDir(), "index"))
	var docs []search.Doc
	for i := range 3 << slotBits {
		d := doc(fmt.Sprintf("%05d", i*7919%100_000), []string{"男孩", "女孩", "男孩 女孩"}[i%3])
		switch {
		case i%100 == 0:
			d.At = d.At.Add(time.Duration(i-1500) * time.Hour)
		case i%3 == 0:
			d.At = d.At.Add(time.Duration(i%7) * time.Minute)
		}
		docs = append(docs, d)
	}
	for batch := range slices.Chunk(docs, 1000) {
		put(t, x, batch...)
	}
	for i := range docs {
		if i%5 == 0 {
			docs[i].At = docs[i].At.Add(time.Duration(i%3) * 8 * time.Hour)
			put(t, x, docs[i])
		}
	}
	for _, q := range []search.Query{search.Text("女孩"), search.Text("男孩 女孩"), search.Posted{From: docs[1].At.Add(time.Minute), To: docs[1].At.Add(time.Hour)}} {
		var want []string
		all := slices.Clone(docs)
		slices.SortFunc(all, func(a, b search.Doc) int {
			return search.Key{At: a.At, ID: a.ID}.Compare(search.Key{At: b.At, ID: b.ID})
		})
		for _, d := range all {
			if search.Match(q, d) {
				want = append(want, d.ID)
			}
		}
		var got []string
		for page := (search.Page{Limit: 300, Count: 10_000}); ; {
			r, err := x.Find(t.Context(), q, page)
			if err != nil {
				t.Fatal(err)
			}
			if r.Total != len(want) {
				t.Errorf("%v: counts %d, want %d", q, r.Total, len(want))
			}
			for _, f := range r.Found {
				got = append(got, f.ID)
			}
			if page.After = r.Next; page.After.IsZero() {
				break
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%v (-want +got):\n%s", q, d)
		}
		facets, err := x.Facets(t.Context(), q, search.Facet{Docs: 700})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(search.CountFacets(docs, q, search.Facet{Docs: 700}), facets); d != "" {
			t.Errorf("facets of %v (-want +got):\n%s", q, d)
		}
	}
}
