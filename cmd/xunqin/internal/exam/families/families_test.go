package families

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOneSeedIsOneSet(t *testing.T) {
	a, b := Invent(1, 20, 200), Invent(1, 20, 200)
	if d := cmp.Diff(a, b); d != "" {
		t.Error(d)
	}
	if c := Invent(2, 20, 200); cmp.Equal(a, c) {
		t.Error("two seeds give one set")
	}
	if len(a.Pairs) != 20 || len(a.Reports)+len(a.Posts) != 240 {
		t.Errorf("%d pairs, %d documents", len(a.Pairs), len(a.Reports)+len(a.Posts))
	}
	ids := map[string]bool{}
	for _, r := range a.Reports {
		ids[r.ID] = true
	}
	for _, p := range a.Posts {
		ids[p.ID] = true
	}
	for _, p := range a.Pairs {
		if !ids[p.Report] || !ids[p.Other] {
			t.Errorf("%+v is not there", p)
		}
	}
}
