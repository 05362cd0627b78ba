package searchtest

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"xunqin/search"
)

// Characters that engines disagree about, and few enough to meet again.
const alphabet = "张三李四男孩岁在ー。，、 　\n\t\"'()*:^-+{}\\%_#@/或ABabÀàßſİıKΣςσ\u0301\u0308\u200b\u200d\ufe0f\x00éｅ１1Ⅷ㍿ﬁＡアｱ한ไท\u0e34🙏🏽👨𠮷𝒳\ue000\u0378\u3164\ufffd\xff"

func text() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringOfN(rapid.SampledFrom([]rune(alphabet)), 0, 12, -1),
		rapid.StringOfN(rapid.SampledFrom([]rune("张三ab 。")), 0, 12, -1),
		rapid.StringN(0, 8, -1), // any Unicode
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 8), func(b []byte) string { return string(b) }),
	)
}

func instant() *rapid.Generator[time.Time] {
	return rapid.OneOf(
		rapid.Map(rapid.IntRange(-2000, 2000), func(ms int) time.Time { return at(0).Add(time.Duration(ms) * time.Millisecond) }),
		rapid.Map(rapid.IntRange(-3, 3), at),
		rapid.Map(rapid.IntRange(0, 8000), func(days int) time.Time { return at(0).AddDate(0, 0, -days) }),
		rapid.Map(rapid.IntRange(1, 9999), func(y int) time.Time { return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC) }),
		rapid.Just(time.Time{}),
	)
}

func names3() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"", "a", "Ａ", "a b", "微博"})
}

func document() *rapid.Generator[search.Doc] {
	kind := rapid.SampledFrom([]string{search.KindPost, search.KindReport, search.KindNotice})
	return rapid.Custom(func(t *rapid.T) search.Doc {
		return search.Doc{
			ID:     fmt.Sprint(rapid.IntRange(0, 30).Draw(t, "id")),
			Kind:   kind.Draw(t, "kind"),
			Source: names3().Draw(t, "source"),
			Status: names3().Draw(t, "status"),
			Text:   text().Draw(t, "text"),
			Place:  text().Draw(t, "place"),
			At:     instant().Draw(t, "at"),
			Photos: make([]search.PhotoRef, rapid.IntRange(0, 1).Draw(t, "photos")),
			Facts:  known().Draw(t, "facts"),
		}
	})
}

// span is often empty or open.
func span() *rapid.Generator[search.Span] {
	return rapid.Custom(func(t *rapid.T) search.Span {
		s := search.Span{From: instant().Draw(t, "from"), To: instant().Draw(t, "to")}
		if rapid.Bool().Draw(t, "near") { // to a month of the end
			s.From = s.To.Add(-time.Duration(rapid.IntRange(0, 800).Draw(t, "hours")) * time.Hour)
		}
		return s
	})
}

func known() *rapid.Generator[search.Facts] {
	return rapid.Custom(func(t *rapid.T) search.Facts {
		if rapid.IntRange(0, 3).Draw(t, "any") == 0 {
			return search.Facts{}
		}
		spot := rapid.Custom(func(t *rapid.T) search.Spot {
			return search.Spot{
				Path:  rapid.SampledFrom(paths).Draw(t, "path"),
				Grade: rapid.SampledFrom([]search.Grade{search.Sure, search.Likely, search.Possible}).Draw(t, "grade"),
				Role:  rapid.SampledFrom([]search.Role{search.Seen, search.Lost, ""}).Draw(t, "role"),
			}
		})
		return search.Facts{
			Places: rapid.SliceOfN(spot, 0, 2).Draw(t, "places"),
			When:   span().Draw(t, "when"),
			Born:   span().Draw(t, "born"),
			Sex:    rapid.SampledFrom([]string{search.Male, search.Female, ""}).Draw(t, "sex"),
		}
	})
}

func codes() *rapid.Generator[[]string] {
	return rapid.SliceOfN(rapid.Map(rapid.SampledFrom(paths), func(p []string) string { return p[len(p)-1] }), 0, 2)
}

// query asks for parts of the documents as often as for anything.
func query(docs []search.Doc, depth int) *rapid.Generator[search.Query] {
	part := rapid.Custom(func(t *rapid.T) string {
		if len(docs) == 0 || rapid.IntRange(0, 3).Draw(t, "any") == 0 {
			return text().Draw(t, "text")
		}
		d := rapid.SampledFrom(docs).Draw(t, "of")
		r := []rune(d.Text + " " + d.Place)
		i := rapid.IntRange(0, len(r)).Draw(t, "from")
		return string(r[i:min(len(r), i+rapid.IntRange(1, 4).Draw(t, "length"))])
	})
	months := rapid.OneOf(rapid.IntRange(0, 40), rapid.IntRange(0, 2500))
	leaf := rapid.Custom(func(t *rapid.T) search.Query {
		switch rapid.IntRange(0, 16).Draw(t, "leaf") {
		case 0:
			return search.Place(part.Draw(t, "place"))
		case 1:
			return search.Source(names3().Draw(t, "source"))
		case 2:
			return search.Status(names3().Draw(t, "status"))
		case 3:
			return search.Kind(rapid.SampledFrom([]string{search.KindPost, search.KindReport, "x"}).Draw(t, "kind"))
		case 4:
			return search.HasPhoto{}
		case 5:
			return search.Date(span().Draw(t, "date"))
		case 6:
			return search.Born(span().Draw(t, "birth"))
		case 12:
			return search.Posted(span().Draw(t, "posted"))
		case 7, 8:
			return search.Age{From: months.Draw(t, "youngest"), To: months.Draw(t, "eldest")}
		case 9:
			return search.Within{Codes: codes().Draw(t, "codes")}
		case 10:
			return search.Near{Around: codes().Draw(t, "around"), Seats: codes().Draw(t, "seats")}
		case 11:
			return search.Sex(rapid.SampledFrom([]string{search.Male, search.Female, "", "x"}).Draw(t, "sex"))
		}
		return search.Text(part.Draw(t, "text"))
	})
	return rapid.Custom(func(t *rapid.T) search.Query {
		if depth == 0 {
			return leaf.Draw(t, "leaf")
		}
		sub := query(docs, depth-1)
		switch rapid.IntRange(0, 5).Draw(t, "node") {
		case 0:
			return search.And(rapid.SliceOfN(sub, 0, 3).Draw(t, "and"))
		case 1:
			return search.Or(rapid.SliceOfN(sub, 0, 3).Draw(t, "or"))
		case 2:
			return search.Not{Query: sub.Draw(t, "not")}
		}
		return leaf.Draw(t, "leaf")
	})
}

// casesEach is how many queries are asked of each set of documents.
const casesEach = 100

// rounds is how often rapid's own number of sets, a hundred, is drawn: in CI 20,000 queries come together, over 200 sets.
func rounds() int {
	if os.Getenv("CI") != "" {
		return 2
	}
	return 1
}

func findIsMatch(t *testing.T, x search.Index) {
	sets, queries := 0, 0
	for range rounds() {
		findIsMatchOnce(t, x, &sets, &queries)
	}
	t.Logf("%d queries over %d sets of documents", queries, sets)
}

func findIsMatchOnce(t *testing.T, x search.Index, sets, queries *int) {
	rapid.Check(t, func(t *rapid.T) {
		*sets++
		ctx := context.Background()
		docs := latest(rapid.SliceOfN(document(), 0, 12).Draw(t, "docs"))
		clear(t, x, nil)
		if err := x.Put(ctx, docs...); err != nil {
			t.Fatal(err)
		}
		for range casesEach {
			*queries++
			q := query(docs, 3).Draw(t, "query")
			var want []search.Found
			for _, d := range docs {
				if search.Match(q, d) {
					want = append(want, search.Found{ID: d.ID, Kind: d.Kind, At: d.At.Truncate(time.Millisecond)})
				}
			}
			slices.SortFunc(want, func(a, b search.Found) int { return a.Key().Compare(b.Key()) })
			got, err := find(ctx, x, q, rapid.IntRange(1, 8).Draw(t, "page"))
			if err != nil {
				t.Fatalf("%v: %v", q, err)
			}
			if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
				t.Fatalf("%v over %+v (-want +got):\n%s", q, docs, d)
			}
		}
	})
}

// latest leaves of documents with one ID the last, as Put does.
func latest(docs []search.Doc) []search.Doc {
	var out []search.Doc
	for i, d := range docs {
		if !slices.ContainsFunc(docs[i+1:], func(e search.Doc) bool { return e.ID == d.ID }) {
			out = append(out, d)
		}
	}
	return out
}

// clear deletes all documents but those to be kept.
func clear(t *rapid.T, x search.Index, keep []string) {
	found, err := find(context.Background(), x, search.And{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, f := range found {
		if !slices.Contains(keep, f.ID) {
			ids = append(ids, f.ID)
		}
	}
	if err := x.Delete(context.Background(), ids...); err != nil {
		t.Fatal(err)
	}
}

func similarIsHamming(t *testing.T, x search.Index) {
	fingerprint := rapid.Custom(func(t *rapid.T) search.Fingerprint {
		size := rapid.SampledFrom([]int{8, 32}).Draw(t, "size")
		f := bits(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "algo"), size, rapid.IntRange(0, 8*size).Draw(t, "set"))
		f.Bits[rapid.IntRange(0, size-1).Draw(t, "at")] ^= rapid.Byte().Draw(t, "flip")
		return f
	})
	photo := rapid.Custom(func(t *rapid.T) search.PhotoRef {
		return search.PhotoRef{
			ID:     rapid.SampledFrom([]string{"p", "q", "r"}).Draw(t, "photo"),
			Prints: rapid.SliceOfN(fingerprint, 0, 3).Draw(t, "prints"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		docs := rapid.SliceOfN(document(), 0, 10).Draw(t, "docs")
		for i := range docs {
			docs[i].Photos = rapid.SliceOfNDistinct(photo, 0, 3, func(p search.PhotoRef) string { return p.ID }).Draw(t, "photos")
		}
		docs = latest(docs)
		var keep []string
		for _, d := range docs {
			keep = append(keep, d.ID)
		}
		clear(t, x, keep) // the rest is replaced
		if err := x.Put(ctx, docs...); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			f := fingerprint.Draw(t, "f")
			radius := rapid.IntRange(0, 256).Draw(t, "radius")
			kinds := rapid.SliceOfN(rapid.SampledFrom([]string{search.KindPost, search.KindReport}), 0, 2).Draw(t, "kinds")
			got, err := x.Similar(ctx, f, radius, kinds...)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(near(docs, f, radius, kinds), got, cmpopts.EquateEmpty()); d != "" {
				t.Fatalf("within %d of %x among %s (-want +got):\n%s", radius, f.Bits, strings.Join(kinds, ", "), d)
			}
		}
	})
}

// near is what Similar says, in plain Go.
func near(docs []search.Doc, f search.Fingerprint, radius int, kinds []string) []search.Hit {
	var hits []search.Hit
	for _, d := range docs {
		if len(kinds) > 0 && !slices.Contains(kinds, d.Kind) {
			continue
		}
		for _, p := range d.Photos {
			best := search.Hit{Distance: radius + 1}
			for _, g := range p.Prints {
				if n := search.Hamming(f.Bits, g.Bits); g.Algo == f.Algo && n < best.Distance {
					best = search.Hit{Doc: d.ID, Photo: p.ID, Kind: d.Kind, Distance: n, Fingerprint: g}
				}
			}
			if best.Distance <= radius {
				hits = append(hits, best)
			}
		}
	}
	slices.SortFunc(hits, search.Hit.Compare)
	return hits
}
