package exam

import (
	"path/filepath"
	"testing"

	"xunqin/cmd/xunqin/internal/exam/made"
)

// The floor under the matcher: of pictures that the test draws, all edits of them and others beside them, so much is found and
// nothing else. It takes half a minute. Real photos are harder in places; what breaks the matcher shows here all the same.
func TestCopiesOfDrawnPhotosAreFound(t *testing.T) {
	t.Parallel()
	set, others := filepath.Join(t.TempDir(), "set"), t.TempDir()
	if err := made.Write(set, 1, 6, 640, 480); err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(30) {
		save(t, filepath.Join(others, string(rune('a'+seed))+".jpg"), made.Photo(2<<32+seed, 480, 360))
	}
	r, err := Exam{Set: set, Distractors: []string{others}}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Edits) != 36 || r.Queries != 216 || r.References != 36 {
		t.Fatalf("%d edits, %d queries, %d known", len(r.Edits), r.Queries, r.References)
	}
	if r.Mean < 0.96 {
		t.Errorf("mean of the edits %.4f, at least 0.96; missed:\n%q", r.Mean, r.Missed)
	}
	for class, floor := range map[string]float64{
		"A-photometric": 0.98, "B-overlay": 0.95, "C-geometry-small": 0.95, "D-flip-turn": 1, "E-geometry-large": 0.94, "F-embedded": 0.91, "G-recapture": 0.9, "H-combo": 0.88,
	} {
		if c := r.Classes[class]; c == nil || c.rate() < floor {
			t.Errorf("%s: %+v, at least %.2f", class, c, floor)
		}
	}
	if r.FalsePairs > 0 {
		t.Errorf("false pairs: %q", r.Wrong)
	}
}
