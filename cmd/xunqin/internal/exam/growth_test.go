package exam

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"xunqin/cmd/xunqin/internal/exam/made"
	"xunqin/pipeline/photo"
)

func TestGrowthGoesOnWhereItEnded(t *testing.T) {
	set, others, dir := drawnSet(t, 2), t.TempDir(), filepath.Join(t.TempDir(), "kept")
	for i := range uint64(2) {
		save(t, filepath.Join(others, string(rune('a'+i))+".jpg"), made.Photo(50+i, 400, 300))
	}
	save(t, filepath.Join(others, "blank.jpg"), made.Photo(60, 30, 30)) // too small to be compared, and counted all the same
	run := func(sizes ...int) (steps []Step) {
		t.Helper()
		err := Growth{Set: set, Distractors: []string{others}, Dir: dir, Sizes: sizes, Decoded: 56}.Run(t.Context(), func(s Step) error {
			steps = append(steps, s)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return steps
	}
	first := run(20)
	kept := len(readFile(t, filepath.Join(dir, "photos")))
	// What a killed run leaves: half a photo, and an index that knows less.
	f, err := os.OpenFile(filepath.Join(dir, "photos"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte{0, 9, 0, 0, 1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	steps := run(20, 56, 80)
	if got := len(readFile(t, filepath.Join(dir, "photos"))); got <= kept || steps[0].StoreDisk != int64(kept) {
		t.Errorf("%d bytes kept, then %d, then %d", kept, steps[0].StoreDisk, got)
	}
	for i, want := range []Step{{Known: 20, Real: 5, Crops: 15}, {Known: 56, Real: 5, Crops: 48, Drawn: 3}, {Known: 80, Real: 5, Crops: 48, Drawn: 3, Sampled: 24}} {
		s := steps[i]
		if got := (Step{Known: s.Known, Real: s.Real, Crops: s.Crops, Drawn: s.Drawn, Sampled: s.Sampled}); !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, want %+v", got, want)
		}
		if s.Report.Mean != 1 || s.Report.FalsePairs != 0 || s.Report.Pairs != 8*(s.Known-1) || s.IndexDisk == 0 {
			t.Errorf("%d known: mean %v, %d false of %d", s.Known, s.Report.Mean, s.Report.FalsePairs, s.Report.Pairs)
		}
	}
	if first[0].Report.Pairs != steps[0].Report.Pairs {
		t.Error("a second run differs from the first")
	}
	var text strings.Builder
	if _, err := steps[2].WriteTo(&text); err != nil || !strings.Contains(text.String(), "80 known: 5 photos, 48 crops, 3 drawn, 24 of drawn features") {
		t.Errorf("%v\n%s", err, text.String())
	}
	err = Growth{Set: set, Dir: dir, Sizes: []int{10}, Decoded: 56}.Run(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), "other photos") {
		t.Errorf("an index of other photos was used: %v", err)
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestStoreGivesBackWhatItWasGiven(t *testing.T) {
	p, err := photo.Prepare(t.Context(), made.JPEG(made.Photo(1, 300, 200), 90), photo.Limits{Features: true})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "photos")
	s, err := openStore(path, "these")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := s.add(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	if s, err = openStore(path, "these"); err != nil {
		t.Fatal(err)
	}
	got, err := s.photo(2)
	if err != nil || s.len() != 3 {
		t.Fatal(err, s.len())
	}
	if got.SHA256 != p.SHA256 || got.Width != 300 || got.Height != 200 || !bytes.Equal(got.Grey, p.Grey) ||
		!reflect.DeepEqual(got.Features, p.Features) || !reflect.DeepEqual(got.Fingerprints, p.Fingerprints) {
		t.Errorf("%+v", got)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	if s, err = openStore(path, "others"); err != nil || s.len() != 0 {
		t.Errorf("a store of other photos: %v", err)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
}
