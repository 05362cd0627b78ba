package made

import (
	"bytes"
	"encoding/csv"
	"image"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

func TestPhotosFollowFromTheirSeedAndDiffer(t *testing.T) {
	a, again, b := Photo(1, 200, 150), Photo(1, 200, 150), Photo(2, 200, 150)
	if !bytes.Equal(a.Pix, again.Pix) {
		t.Error("one seed, two pictures")
	}
	differ := 0
	for i := range a.Pix {
		if d := int(a.Pix[i]) - int(b.Pix[i]); d > 20 || d < -20 {
			differ++
		}
	}
	if differ < len(a.Pix)/3 {
		t.Errorf("two seeds, %d of %d bytes differ", differ, len(a.Pix))
	}
}

func TestEditsLeaveTheOriginalAloneAndFitAPost(t *testing.T) {
	m := Photo(3, 320, 240)
	before := bytes.Clone(m.Pix)
	names, classes := map[string]bool{}, map[string]bool{}
	for k, e := range Edits() {
		r := rand.New(rand.NewPCG(3, uint64(k)))
		b := e.Apply(r, m, func() *image.RGBA { return Photo(r.Uint64(), 160, 120) })
		if !bytes.Equal(m.Pix, before) {
			t.Fatalf("%s drew on the original", e.Name)
		}
		c, err := jpeg.DecodeConfig(bytes.NewReader(b))
		if err != nil || max(c.Width, c.Height) > 1280 || min(c.Width, c.Height) < 60 {
			t.Errorf("%s: %v %dx%d", e.Name, err, c.Width, c.Height)
		}
		names[e.Name], classes[e.Class] = true, true
	}
	if len(names) != 36 || len(classes) != 8 {
		t.Errorf("%d edits, %d classes", len(names), len(classes))
	}
}

func TestPagesOfOneSeedDifferInTheirPhoto(t *testing.T) {
	for _, kind := range Layouts() {
		a, b, c := Layout(kind, 5, Photo(1, 300, 200)), Layout(kind, 5, Photo(2, 200, 300)), Layout(kind, 6, Photo(1, 300, 200))
		if a.Rect != b.Rect {
			t.Errorf("%s: %v and %v", kind, a.Rect, b.Rect)
			continue
		}
		same := 0
		for i := 0; i < len(a.Pix); i += 4 {
			if bytes.Equal(a.Pix[i:i+4], b.Pix[i:i+4]) {
				same++
			}
		}
		if part := float64(same) / float64(len(a.Pix)/4); part < 0.2 || part > 0.9 {
			t.Errorf("%s: %.2f of two pages are the same", kind, part)
		}
		if bytes.Equal(a.Pix, c.Pix) {
			t.Errorf("%s: two seeds make one page", kind)
		}
	}
}

func TestProjectionTakesTheSquareToItsCorners(t *testing.T) {
	corners := [4][2]float64{{3, 5}, {90, 12}, {80, 70}, {-4, 60}}
	m := quad(corners)
	back := inverse(m)
	for i, c := range [4][2]float64{{0, 0}, {1, 0}, {1, 1}, {0, 1}} {
		for _, p := range []struct {
			m        [9]float64
			at, want [2]float64
		}{{m, c, corners[i]}, {back, corners[i], c}} {
			k := p.m[6]*p.at[0] + p.m[7]*p.at[1] + p.m[8]
			x, y := (p.m[0]*p.at[0]+p.m[1]*p.at[1]+p.m[2])/k, (p.m[3]*p.at[0]+p.m[4]*p.at[1]+p.m[5])/k
			if math.Abs(x-p.want[0]) > 1e-9 || math.Abs(y-p.want[1]) > 1e-9 {
				t.Errorf("%v goes to %v, %v, want %v", p.at, x, y, p.want)
			}
		}
	}
}

func TestSetNamesEveryCopy(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "set")
	if err := Write(dir, 9, 1, 160, 120); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(dir, "truth.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil || len(lines) != 37 {
		t.Fatalf("%v, %d lines", err, len(lines))
	}
	for _, l := range lines[1:] {
		for _, name := range []string{l[0], l[3]} {
			if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
				t.Error(err)
			}
		}
	}
}
