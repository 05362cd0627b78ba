package exam

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// drawn makes a picture of hundreds of overlapping shapes of all sizes.
func drawn(seed uint64, w, h int) *image.RGBA {
	r := rand.New(rand.NewPCG(seed, 1911))
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(m, m.Rect, image.NewUniform(color.RGBA{90, 120, 150, 255}), image.Point{}, draw.Src)
	for i := range 260 {
		size := max(4, min(w, h)*(3+r.IntN(22))/(60+i*2))
		at := image.Pt(r.IntN(w), r.IntN(h))
		c := color.RGBA{byte(r.IntN(220)), byte(r.IntN(220)), byte(r.IntN(220)), 255}
		round, wide := r.IntN(2) == 0, 1+r.IntN(3)
		for y := -size; y < size; y++ {
			for x := -size; x < size; x++ {
				if round && x*x+y*y < size*size || !round && wide*max(y, -y) < size && max(x, -x) < size*2/3 {
					m.Set(at.X+x, at.Y+y, c)
				}
			}
		}
	}
	return m
}

func save(t *testing.T, path string, m image.Image) {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 80}); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func mirrored(m *image.RGBA) image.Image {
	out := image.NewRGBA(m.Rect)
	for y := range m.Rect.Dy() {
		for x := range m.Rect.Dx() {
			out.Set(m.Rect.Dx()-1-x, y, m.At(x, y))
		}
	}
	return out
}

// copied pastes a part of m on a page of its own size or another.
func copied(m image.Image, from image.Rectangle, w, h int, at image.Point) image.Image {
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(out, out.Rect, image.White, image.Point{}, draw.Src)
	draw.Draw(out, image.Rectangle{Max: from.Size()}.Add(at), m, from.Min, draw.Src)
	return out
}

// drawnSet writes a set of drawn pictures with four edits of each, and a page that is blank but for one original.
func drawnSet(t *testing.T, n int) string {
	dir := t.TempDir()
	lines := [][]string{{"query", "transform", "class", "original", "params"}}
	for i := range n {
		m := drawn(uint64(i), 600, 450)
		original := fmt.Sprintf("originals/%d.jpg", i)
		save(t, filepath.Join(dir, original), m)
		for _, e := range []struct {
			name, class string
			m           image.Image
		}{
			{"jpeg", "A-photometric", m},
			{"mirror", "D-flip-turn", mirrored(m)},
			{"crop", "E-geometry-large", copied(m, image.Rect(150, 60, 560, 400), 410, 340, image.Point{})},
			{"poster", "F-embedded", copied(m, m.Rect, 800, 900, image.Pt(90, 200))},
		} {
			query := fmt.Sprintf("queries/%s/%d.jpg", e.name, i)
			save(t, filepath.Join(dir, query), e.m)
			lines = append(lines, []string{query, e.name, e.class, original, "{}"})
		}
	}
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(lines); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "truth.csv"), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestEditedDrawingsAreAllFoundAndNothingElse(t *testing.T) {
	set, others := drawnSet(t, 4), t.TempDir()
	for i := range 6 {
		save(t, filepath.Join(others, fmt.Sprintf("%d.jpg", i)), drawn(uint64(100+i), 500, 400))
	}
	save(t, filepath.Join(others, "blank.jpg"), image.NewGray(image.Rect(0, 0, 300, 200)))
	r, err := Exam{Set: set, Distractors: []string{others}, Series: []string{others}}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range r.Edits {
		if c.Found != 4 || c.Of != 4 {
			t.Errorf("%s: %+v", name, *c)
		}
	}
	if r.Mean != 1 || r.FalsePairs != 0 || len(r.Edits) != 4 || r.Queries != 16 {
		t.Errorf("%+v", r)
	}
	if r.Pairs != 16*(4+6-1) {
		t.Errorf("%d pairs", r.Pairs)
	}
	if len(r.Unfit) != 2 { // among the distractors and in the series
		t.Errorf("unfit: %v", r.Unfit)
	}
	if r.Series.Pairs != 6*5 || r.Series.CalledSame != 0 {
		t.Errorf("%+v", r.Series)
	}
	if r.Edits["mirror"].Hash != 4 || r.Edits["poster"].Hash != 4 || r.Edits["crop"].Hash != 0 {
		t.Errorf("by hash: %+v %+v %+v", *r.Edits["mirror"], *r.Edits["poster"], *r.Edits["crop"])
	}
	if r.Bytes.Reference > 10_000 || r.Bytes.Crawled > 4000 || r.Bytes.Crawled == 0 {
		t.Errorf("%+v", r.Bytes)
	}
	var table strings.Builder
	if _, err := r.WriteTo(&table); err != nil || !strings.Contains(table.String(), "mean of the edits  1.0000") {
		t.Errorf("%v\n%s", err, table.String())
	}
}

func TestOriginalThatIsNotKnownIsMissed(t *testing.T) {
	set := drawnSet(t, 2)
	if err := os.Remove(filepath.Join(set, "originals", "1.jpg")); err != nil {
		t.Fatal(err)
	}
	r, err := Exam{Set: set, Sample: 2}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.Queries != 4 || r.Mean != 1 { // every second is the first picture's
		t.Errorf("%+v", r)
	}
	if r, err = (Exam{Set: set}).Run(t.Context()); err != nil || r.Mean != 0.5 || len(r.Missed) != 4 || r.FalsePairs != 0 {
		t.Errorf("%v %+v", err, r)
	}
}

func TestSetsThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	if _, err := (Exam{Set: dir}).Run(t.Context()); !os.IsNotExist(err) {
		t.Errorf("no truth.csv: %v", err)
	}
	for _, text := range []string{"", "query,transform,class\n", "query,\"x\n"} {
		if err := os.WriteFile(filepath.Join(dir, "truth.csv"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := (Exam{Set: dir}).Run(t.Context()); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func TestIntervalsAreWilsons(t *testing.T) {
	for _, c := range []struct {
		found, of int
		lo, hi    float64
	}{{0, 0, 0, 1}, {0, 100, 0, 0.037}, {50, 100, 0.404, 0.596}, {100, 100, 0.963, 1}} {
		lo, hi := interval(c.found, c.of)
		if lo < c.lo-0.001 || lo > c.lo+0.001 || hi < c.hi-0.001 || hi > c.hi+0.001 {
			t.Errorf("%d of %d: %.3f to %.3f", c.found, c.of, lo, hi)
		}
	}
}

func TestIntervalOfNoneBeginsAtNothing(t *testing.T) {
	for of := 1; of < 1e6; of = of*7/2 + 1 {
		if lo, _ := interval(0, of); lo != 0 {
			t.Errorf("0 of %d: from %v", of, lo)
		}
		if _, hi := interval(of, of); hi != 1 {
			t.Errorf("%d of %d: to %v", of, of, hi)
		}
	}
}

func TestPosterOfTheSameLayoutIsShownApart(t *testing.T) {
	set := t.TempDir()
	for seed, name := range map[uint64]string{61: "originals/poster.jpg", 62: "queries/other.jpg"} {
		poster := drawn(77, 700, 900)
		draw.Draw(poster, image.Rect(60, 250, 640, 680), drawn(seed, 580, 430), image.Point{}, draw.Src)
		save(t, filepath.Join(set, name), poster)
	}
	truth := "query,transform,class,original\nqueries/other.jpg,exchange,X,originals/poster.jpg\n"
	if err := os.WriteFile(filepath.Join(set, "truth.csv"), []byte(truth), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := Exam{Set: set}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c := *r.Edits["exchange"]; c.Of != 1 || c.Found != 0 || c.Apart != 1 || r.FalsePairs != 0 || r.ScenePairs != 0 {
		t.Errorf("%+v %+v", c, r)
	}
}

func TestHalvesOfASetMakeTheWhole(t *testing.T) {
	set := drawnSet(t, 4)
	asked := 0
	for _, half := range []int{1, 2} {
		r, err := Exam{Set: set, Half: half}.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r.References != 4 {
			t.Errorf("half %d: %d known", half, r.References)
		}
		asked += r.Queries
	}
	if asked != 16 {
		t.Errorf("%d of 16 queries asked in two halves", asked)
	}
}

func TestPagesOfOneLayoutAreComparedEachWithEach(t *testing.T) {
	r, err := Exam{Set: drawnSet(t, 3), Layouts: true, Sample: 3}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"poster", "frame", "screenshot"} {
		if n := r.Layouts[kind]; n == nil || n.Pairs != 3*2 || n.CalledSame+n.Apart > n.Pairs || len(n.Called) != n.CalledSame {
			t.Errorf("%s: %+v", kind, n)
		}
	}
}

func TestCopiesOfWhatIsUnderTheGateAreCountedApart(t *testing.T) {
	set := drawnSet(t, 2)
	save(t, filepath.Join(set, "originals", "1.jpg"), image.NewGray(image.Rect(0, 0, 300, 200)))
	r, err := Exam{Set: set}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range r.Edits {
		if c.Of != 2 || c.Found != 1 || c.Unfit != 1 {
			t.Errorf("%s: %+v", name, *c)
		}
	}
	if r.Mean != 0.5 || r.MeanFit != 1 || len(r.Unfit) != 1 {
		t.Errorf("%v %v %v", r.Mean, r.MeanFit, r.Unfit)
	}
}

func TestSpreadIsTheMedianAndTheWorstButOneInAHundred(t *testing.T) {
	var v []float64
	for i := range 200 {
		v = append(v, float64(200-i))
	}
	if got := spread(v); got != (Spread{100, 198}) {
		t.Errorf("%+v", got)
	}
	if got := spread([]float64{7}); got != (Spread{7, 7}) || spread(nil) != (Spread{}) {
		t.Errorf("%+v", got)
	}
}
