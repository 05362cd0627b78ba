package feature

import (
	"errors"
	"image"
	"testing"

	"github.com/google/go-cmp/cmp"

	"xunqin/search"
)

func TestCandidatesAreTheBestOfAllAndOfEveryView(t *testing.T) {
	m := drawn(3, 600, 400)
	q := Query(m.Rect.Size(), m, image.Rect(0, 0, 300, 400), image.Rect(300, 0, 600, 400))
	c := func(id string, score int) search.Candidate {
		return search.Candidate{Doc: id, Photo: id, Kind: "report", Score: score}
	}
	answers := [][]search.Candidate{
		{c("a", 90), c("b", 80), c("c", 10)}, {c("c", 20)}, // all of it, as it is and mirrored
		{c("b", 85), c("d", 70)}, {},
		{c("e", 5), c("f", 4)}, {c("g", 3)},
	}
	asked := 0
	got, err := q.Candidates(2, func(f search.Features) ([]search.Candidate, error) {
		want := q.Probes()[asked/2].Plain
		if asked%2 > 0 {
			want = q.Probes()[asked/2].Mirrored
		}
		if d := cmp.Diff(want, f); d != "" {
			t.Errorf("question %d: %s", asked, d)
		}
		asked++
		return answers[asked-1], nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []Candidate{
		{c("a", 90), []Place{{0, false}}},
		{c("b", 85), []Place{{1, false}, {0, false}}},
		{c("e", 5), []Place{{2, false}}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	broken := errors.New("index is away")
	if _, err := q.Candidates(2, func(search.Features) ([]search.Candidate, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

func TestCompareLooksWhereItIsTold(t *testing.T) {
	m := drawn(31, 720, 540)
	q, k := query(mirror(m)), known(m)
	if got, ok := Compare(q, k, Place{0, true}); !ok || got.Kind != Mirrored {
		t.Errorf("%v %+v", ok, got)
	}
	for _, at := range []Place{{0, false}, {1, true}, {-1, true}} {
		if got, ok := Compare(q, k, at); ok || got.Kind != "" {
			t.Errorf("at %v: %+v", at, got)
		}
	}
}
