package search

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func TestAPollOfAllPicturesIsVote(t *testing.T) {
	point := rapid.Custom(func(t *rapid.T) (p Point) {
		p.Angle, p.Level = rapid.Byte().Draw(t, "angle"), uint8(rapid.IntRange(0, 5).Draw(t, "level"))
		p.Desc[31] = rapid.SampledFrom([]byte{0, 0xff}).Draw(t, "seed")
		for range rapid.IntRange(0, 3).Draw(t, "flips") {
			b := rapid.IntRange(0, 40).Draw(t, "bit")
			p.Desc[b/8] ^= 1 << (b % 8)
		}
		return p
	})
	features := rapid.Custom(func(t *rapid.T) Features {
		return Features{Algo: "a", Points: rapid.SliceOfN(point, 1, 8).Draw(t, "points")}
	})
	rapid.Check(t, func(t *rapid.T) {
		query := features.Draw(t, "query")
		poll := query.Poll()
		var docs []Doc
		for i, f := range rapid.SliceOfN(features, 0, 8).Draw(t, "known") {
			docs = append(docs, Doc{ID: fmt.Sprint(i), Kind: KindPost, Photos: []PhotoRef{{ID: "p", Features: []Features{f}}}})
			poll.Add(f)
		}
		var got []Candidate
		for i, score := range poll.Scores(len(docs), nil) {
			if score > 0 {
				got = append(got, Candidate{Doc: fmt.Sprint(i), Photo: "p", Kind: KindPost, Score: score})
			}
		}
		slices.SortFunc(got, Candidate.Compare)
		want, err := Vote(docs, query, 100)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("-want +got:\n%s", d)
		}
	})
}
