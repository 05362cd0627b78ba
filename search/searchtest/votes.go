package searchtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"xunqin/search"
)

// descriptor is drawn from seed, with bits flipped: inWord of those of its word, and others besides.
func descriptor(seed uint64, inWord, others int) (d [32]byte) {
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range d {
		d[i] = byte(r.Uint32())
	}
	r = rand.New(rand.NewPCG(uint64(inWord), uint64(others)))
	for _, i := range r.Perm(search.WordBits)[:inWord] {
		d[i/8] ^= 1 << (i % 8)
	}
	for _, i := range r.Perm(256 - search.WordBits)[:others] {
		i += search.WordBits
		d[i/8] ^= 1 << (i % 8)
	}
	return d
}

// picture has n points that nothing else has, lying as given.
func picture(seed uint64, n int, angle, level uint8, flipped int) search.Features {
	f := search.Features{Algo: "f/1", W: 512, H: 384}
	r := rand.New(rand.NewPCG(seed, 2))
	for i := range n {
		f.Points = append(f.Points, search.Point{
			X: uint16(r.IntN(4096)), Y: uint16(r.IntN(3072)), Angle: uint8(r.IntN(256)) + angle, Level: uint8(r.IntN(4)) + level,
			Desc: descriptor(seed<<20+uint64(i), i%2*min(1, flipped), max(0, flipped-i%2)),
		})
	}
	return f
}

func pictured(id, kind string, features ...search.Features) search.Doc {
	return search.Doc{ID: id, Kind: kind, At: at(0), Photos: []search.PhotoRef{{ID: "p", Features: features}}}
}

func votes(t *testing.T, x search.Index, f search.Features, most int, kinds ...string) []search.Candidate {
	t.Helper()
	found, err := x.Votes(t.Context(), f, most, kinds...)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// score is what n points give, so many bits apart, that so many pictures have.
func score(n, distance, pictures int) int {
	return n * int(search.Weight(distance)*search.Rarity(pictures))
}

// scored writes what scores does of candidates that all have one score.
func scored(score int, photos ...string) string {
	for i := range photos {
		photos[i] += fmt.Sprint("=", score)
	}
	return strings.Join(photos, " ")
}

// scores writes candidates as "document/photo=score".
func scores(found []search.Candidate) string {
	var list []string
	for _, c := range found {
		list = append(list, fmt.Sprintf("%s/%s=%d", c.Doc, c.Photo, c.Score))
	}
	return strings.Join(list, " ")
}

func wantScores(t *testing.T, x search.Index, f search.Features, want string, kinds ...string) {
	t.Helper()
	if got := scores(votes(t, x, f, 10, kinds...)); got != want {
		t.Errorf("of kinds %v: got %s, want %s", kinds, got, want)
	}
}

func votesReach(t *testing.T, x search.Index) {
	one := func(inWord, others int) search.Features {
		return search.Features{Algo: "f/1", Points: []search.Point{{Angle: 7, Level: 3, Desc: descriptor(1, inWord, others)}}}
	}
	far := search.MaxDistance
	put(t, x,
		pictured("same", search.KindPost, one(0, 0)),
		pictured("word", search.KindPost, one(1, 0)),
		pictured("two bits of the word", search.KindPost, one(2, 0)),
		pictured("far", search.KindPost, one(0, far)),
		pictured("far with word", search.KindPost, one(1, far-1)),
		pictured("too far", search.KindPost, one(0, far+1)),
		pictured("too far with word", search.KindPost, one(1, far)),
		pictured("other", search.KindPost, picture(9, 5, 0, 0, 0)),
	)
	wantScores(t, x, one(0, 0),
		scored(score(1, 0, 4), "same/p", "word/p")+" "+scored(score(1, far, 4), "far/p", "far with word/p"))
}

func votesFindTurnedAndScaled(t *testing.T, x search.Index) {
	put(t, x,
		pictured("copy", search.KindReport, picture(1, 40, 0, 0, 0)),
		pictured("another", search.KindReport, picture(2, 40, 0, 0, 0)),
	)
	for _, tt := range []struct{ angle, level uint8 }{{0, 0}, {11, 0}, {64, 1}, {128, 2}, {200, 4}, {255, 6}} {
		found := votes(t, x, picture(1, 40, tt.angle, tt.level, 30), 5)
		if len(found) != 1 || found[0].Doc != "copy" || found[0].Kind != search.KindReport || found[0].Score != score(40, 30, 1) {
			t.Errorf("turned by %d, scaled by %d: %+v", tt.angle, tt.level, found)
		}
	}
	scattered := picture(1, 40, 0, 0, 30) // the same points, lying every which way
	for i := range scattered.Points {
		scattered.Points[i].Angle += uint8(i * 77)
	}
	if found := votes(t, x, scattered, 5); len(found) != 1 || found[0].Score > score(12, 30, 1) {
		t.Errorf("points that agree on no turn: %+v", found)
	}
}

// Of equal points four vote, on either side.
func votesOfEqualPoints(t *testing.T, x search.Index) {
	wall := picture(1, 1, 0, 0, 0)
	for range 49 {
		wall.Points = append(wall.Points, wall.Points[0])
	}
	put(t, x, pictured("wall", search.KindPost, wall), pictured("brick", search.KindPost, picture(1, 1, 0, 0, 0)))
	wantScores(t, x, picture(1, 1, 0, 0, 0), scored(score(1, 0, 2), "brick/p", "wall/p"))
	wantScores(t, x, wall, scored(score(4, 0, 2), "wall/p")+" "+scored(score(1, 0, 2), "brick/p"))
}

func votesKeepMethodsAndKindsApart(t *testing.T, x search.Index) {
	f := picture(1, 3, 0, 0, 0)
	other := f
	other.Algo = "f/2"
	put(t, x,
		pictured("1", search.KindPost, f), pictured("2", search.KindReport, f), pictured("3", search.KindNotice, f),
		pictured("4", search.KindPost, other), pictured("5", search.KindPost),
	)
	alone := score(3, 0, 1)
	wantScores(t, x, f, scored(alone, "1/p", "2/p", "3/p"))
	wantScores(t, x, f, scored(alone, "1/p"), search.KindPost)
	wantScores(t, x, f, scored(alone, "2/p", "3/p"), search.KindNotice, search.KindReport, search.KindReport)
	wantScores(t, x, f, "", "other")
	wantScores(t, x, other, scored(alone, "4/p"))
	put(t, x, pictured("1", search.KindReport, f)) // it was a report after all
	wantScores(t, x, f, scored(score(3, 0, 2), "1/p", "2/p"), search.KindReport)
	wantScores(t, x, f, "", search.KindPost)
}

func votesFollowChanges(t *testing.T, x search.Index) {
	f, g := picture(1, 3, 0, 0, 0), picture(2, 3, 0, 0, 0)
	for i := range 6 {
		put(t, x, pictured(fmt.Sprint(i), search.KindPost, f))
	}
	all := scored(score(3, 0, 6), "0/p", "1/p", "2/p", "3/p", "4/p", "5/p")
	wantScores(t, x, f, all)
	moved := pictured("3", search.KindPost, f) // the same photo, the rest is new
	moved.At, moved.Text = at(-9999), "张三"
	put(t, x, moved)
	wantScores(t, x, f, all)
	if err := x.Apply(t.Context(), 0, []search.Doc{pictured("0", search.KindPost, g), pictured("1", search.KindPost)}, []string{"2"}); err != nil {
		t.Fatal(err)
	}
	wantScores(t, x, f, scored(score(3, 0, 3), "3/p", "4/p", "5/p"))
	wantScores(t, x, g, scored(score(3, 0, 1), "0/p"))
	renamed := pictured("4", search.KindPost, f)
	renamed.Photos[0].ID = "q"
	renamed.Photos = append(renamed.Photos, search.PhotoRef{ID: "r", Features: []search.Features{g, f, f}})
	put(t, x, renamed)
	wantScores(t, x, f, scored(score(3, 0, 5), "3/p", "4/q", "4/r", "5/p"))
	wantScores(t, x, g, scored(score(3, 0, 2), "0/p", "4/r"))
	if i := info(t, x); i.Docs != 5 || i.Features != 7 {
		t.Errorf("Info = %+v", i)
	}
	if err := x.Delete(t.Context(), "0", "1", "3", "4", "5"); err != nil {
		t.Fatal(err)
	}
	wantScores(t, x, f, "")
	if i := info(t, x); i.Features != 0 {
		t.Errorf("Info = %+v", i)
	}
	put(t, x, pictured("2", search.KindPost, f)) // back again
	wantScores(t, x, f, scored(score(3, 0, 1), "2/p"))
}

func votesInOrder(t *testing.T, x search.Index) {
	var docs []search.Doc
	for i := range 30 {
		d := pictured(fmt.Sprintf("%02d", i*7%30), search.KindPost, picture(1, 2, 0, 0, i%3*20))
		d.Photos = append(d.Photos, d.Photos[0])
		d.Photos[1].ID = "a"
		docs = append(docs, d)
	}
	put(t, x, docs...)
	f := picture(1, 2, 0, 0, 0)
	want, err := search.Vote(docs, f, 1000)
	if err != nil || len(want) != 60 {
		t.Fatalf("%d candidates, %v", len(want), err)
	}
	for _, most := range []int{1, 2, 3, 19, 20, 21, 59, 60, 61} {
		if d := cmp.Diff(want[:min(most, 60)], votes(t, x, f, most)); d != "" {
			t.Errorf("the first %d (-want +got):\n%s", most, d)
		}
	}
}

// A word that too many pictures have finds none of them, until enough are gone; one fewer is found, and other kinds do not count.
func votesDropStopWords(t *testing.T, x search.Index) {
	common := picture(1, 1, 0, 0, 0)
	twice := common
	twice.Points = append(twice.Points, common.Points[0])
	most := search.StopWord(256)
	var docs []search.Doc
	for i := range most {
		docs = append(docs, pictured(fmt.Sprint("p", i), search.KindPost, twice))
	}
	docs = append(docs, pictured("r", search.KindReport, common))
	put(t, x, docs...)
	if n := len(votes(t, x, common, 1000)); n != most+1 {
		t.Errorf("%d candidates, want %d", n, most+1)
	}
	rare := picture(2, 3, 0, 0, 0)
	rare.Points = append(rare.Points, common.Points[0])
	put(t, x, pictured("rare", search.KindPost, rare))
	wantScores(t, x, rare, scored(score(3, 0, 1), "rare/p"), search.KindPost)
	wantScores(t, x, rare, scored(score(1, 0, 1), "r/p"), search.KindReport)
	if err := x.Delete(t.Context(), "p7"); err != nil {
		t.Fatal(err)
	}
	if found := votes(t, x, rare, 1000, search.KindPost); len(found) != most || scores(found[:1]) != scored(score(3, 0, 1)+score(1, 0, most), "rare/p") {
		t.Errorf("%d candidates, the first %s", len(found), scores(found[:1]))
	}
}

func votesRefuse(t *testing.T, x search.Index) {
	f := picture(1, 3, 0, 0, 0)
	if _, err := x.Votes(t.Context(), f, 0); err == nil {
		t.Error("searched for no candidates")
	}
	if _, err := x.Votes(t.Context(), search.Features{Points: f.Points}, 5); err == nil {
		t.Error("searched by features of no method")
	}
	long := search.Features{Algo: "f/1", Points: make([]search.Point, search.MaxPoints+1)}
	if _, err := x.Votes(t.Context(), long, 5); err == nil {
		t.Error("searched by more points than there may be")
	}
	if err := x.Put(t.Context(), pictured("a", search.KindPost, f), pictured("b", search.KindPost, long)); err == nil {
		t.Error("more points than there may be are taken")
	}
	none := search.Features{Algo: "f/1"}
	put(t, x, pictured("c", search.KindPost, none))
	wantScores(t, x, none, "")
	wantScores(t, x, f, "")
	if i := info(t, x); i.Docs != 1 || i.Photos != 1 || i.Features != 0 {
		t.Errorf("Info = %+v", i)
	}
	long.Points = long.Points[:search.MaxPoints]
	put(t, x, pictured("d", search.KindPost, long))
	wantScores(t, x, long, scored(score(4, 0, 1), "d/p"))
}

func votesAreVote(t *testing.T, x search.Index) {
	point := rapid.Custom(func(t *rapid.T) search.Point {
		return search.Point{
			Angle: rapid.Byte().Draw(t, "angle"), Level: rapid.SampledFrom([]uint8{0, 1, 2, 3, 7, 40, 255}).Draw(t, "level"),
			Desc: descriptor(uint64(rapid.IntRange(0, 3).Draw(t, "seed")), rapid.IntRange(0, 2).Draw(t, "word"), rapid.IntRange(0, 60).Draw(t, "flipped")),
		}
	})
	features := rapid.Custom(func(t *rapid.T) search.Features {
		return search.Features{Algo: rapid.SampledFrom([]string{"a", "a", "b"}).Draw(t, "algo"), Points: rapid.SliceOfN(point, 0, 10).Draw(t, "points")}
	})
	photo := rapid.Custom(func(t *rapid.T) search.PhotoRef {
		return search.PhotoRef{
			ID:       rapid.SampledFrom([]string{"p", "q", "r"}).Draw(t, "photo"),
			Features: rapid.SliceOfN(features, 0, 2).Draw(t, "features"),
		}
	})
	before := make(map[string]search.Doc)
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		docs := rapid.SliceOfN(document(), 0, 10).Draw(t, "docs")
		var keep []string
		for i := range docs {
			docs[i].Photos = rapid.SliceOfNDistinct(photo, 0, 3, func(p search.PhotoRef) string { return p.ID }).Draw(t, "photos")
			if old, ok := before[docs[i].ID]; ok && rapid.Bool().Draw(t, "photos stay") {
				docs[i].Photos = old.Photos
			}
			keep = append(keep, docs[i].ID)
		}
		docs = latest(docs)
		clear(t, x, keep) // the rest is replaced
		if err := x.Put(ctx, docs...); err != nil {
			t.Fatal(err)
		}
		for _, d := range docs {
			before[d.ID] = d
		}
		for range 5 {
			f := features.Draw(t, "f")
			most := rapid.IntRange(1, 12).Draw(t, "most")
			kinds := rapid.SliceOfN(rapid.SampledFrom([]string{search.KindPost, search.KindReport}), 0, 2).Draw(t, "kinds")
			want, err := search.Vote(docs, f, most, kinds...)
			if err != nil {
				t.Fatal(err)
			}
			got, err := x.Votes(ctx, f, most, kinds...)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
				t.Fatalf("of kinds %v (-want +got):\n%s", slices.Compact(kinds), d)
			}
		}
	})
}
