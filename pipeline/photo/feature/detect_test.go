package feature

import (
	"crypto/sha256"
	"encoding/hex"
	"image"
	"math/bits"
	"testing"

	"pgregory.net/rapid"

	"xunqin/search"
)

// The features of a picture are stored and compared with those made elsewhere, so they are the same on every machine. Whoever
// changes them on purpose changes search.OrientedBinary too.
func TestFeaturesOfDrawnPictures(t *testing.T) {
	for _, c := range []struct {
		seed         uint64
		w, h, points int
		want         string
	}{
		{1, 640, 480, 250, "edff11fc967ec5ce"},
		{2, 333, 512, 600, "c971a58c8bb5eb8b"},
		{3, 97, 64, 250, "b613bced21580097"},
	} {
		g := drawn(c.seed, c.w, c.h)
		b, err := Detect(g, g.Rect, ReferenceSide, c.points).MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(b)
		if got := hex.EncodeToString(sum[:8]); got != c.want {
			t.Errorf("picture %d: %s, want %s", c.seed, got, c.want)
		}
	}
}

func TestPointsAreSpreadOverThePicture(t *testing.T) {
	// All that is strong lies in one corner; the rest is faint.
	g := drawn(4, 640, 480)
	for y := range 480 {
		for x := range 640 {
			if x > 200 || y > 150 {
				g.Pix[y*640+x] = 128 + g.Pix[y*640+x]/6
			}
		}
	}
	f := Detect(g, g.Rect, ReferenceSide, ReferencePoints)
	if len(f.Points) < 200 {
		t.Fatalf("%d points", len(f.Points))
	}
	quarters := map[image.Point]int{}
	for _, p := range f.Points {
		quarters[image.Pt(int(p.X)/8*2/int(f.W), int(p.Y)/8*2/int(f.H))]++
	}
	for at, n := range quarters {
		if n < 25 {
			t.Errorf("%d of %d points in quarter %v", n, len(f.Points), at)
		}
	}
	if len(quarters) != 4 {
		t.Errorf("points in %d quarters", len(quarters))
	}
}

func TestMirroredFeaturesAreThoseOfTheMirroredPicture(t *testing.T) {
	g := drawn(5, 512, 400)
	_, mirrored := new(detector).detect(g, g.Rect, QuerySide, 300, true)
	want := Detect(mirror(g), g.Rect, QuerySide, 900)
	same := 0
	for _, p := range mirrored.Points {
		for _, q := range want.Points {
			dx, dy := int(p.X)-int(q.X), int(p.Y)-int(q.Y)
			turn := int8(p.Angle - q.Angle)
			if p.Level == q.Level && dx*dx+dy*dy <= 16*16 && turn >= -4 && turn <= 4 && apart(p, q) <= 30 {
				same++
				break
			}
		}
	}
	if same*100 < 90*len(mirrored.Points) || same < 200 {
		t.Errorf("%d of %d", same, len(mirrored.Points))
	}
}

func apart(p, q search.Point) int {
	n := 0
	for i := range p.Desc {
		n += bits.OnesCount8(p.Desc[i] ^ q.Desc[i])
	}
	return n
}

func TestDirectionsAreRoundedEvenly(t *testing.T) {
	for a := range 256 {
		c, s := cosine(uint8(a)), sine(uint8(a))
		if got := direction(c, s); got != uint8(a) {
			t.Errorf("direction %d came back as %d", a, got)
		}
		if got := direction(-c, s); got != 128-uint8(a) {
			t.Errorf("direction %d mirrored is %d", a, got)
		}
	}
}

func TestNothingInAPictureWithNothingInIt(t *testing.T) {
	for _, size := range []image.Point{{0, 0}, {1, 1}, {1, 9000}, {9000, 1}, {31, 31}, {40, 40}, {640, 480}} {
		g := plainGround(size.X, size.Y, 200)
		if f := Detect(g, g.Rect, QuerySide, QueryPoints); len(f.Points) > 0 || f.Check() != nil {
			t.Errorf("%v: %d points, %v", size, len(f.Points), f.Check())
		}
		if m, ok := Compare(Query(size, g, image.Rect(-5, -5, 3, 3)), Reference(size, g, search.Features{Algo: search.OrientedBinary})); ok || m.Kind != "" {
			t.Errorf("%v: %+v", size, m)
		}
	}
}

func TestPartOfAPictureHasTheFeaturesItHasAlone(t *testing.T) {
	g := drawn(6, 600, 500)
	part := image.Rect(50, 40, 450, 380)
	cut := sub(g, part)
	a, b := Detect(g, part, QuerySide, 200), Detect(cut, cut.Rect, QuerySide, 200)
	if len(a.Points) == 0 || len(a.Points) != len(b.Points) {
		t.Fatalf("%d and %d points", len(a.Points), len(b.Points))
	}
	for i := range a.Points {
		if a.Points[i] != b.Points[i] {
			t.Fatalf("point %d differs", i)
		}
	}
}

func TestSumsAreThoseOfFiveByFive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, h := rapid.IntRange(1, 20).Draw(t, "w"), rapid.IntRange(1, 20).Draw(t, "h")
		p := plane{w, h, rapid.SliceOfN(rapid.Byte(), w*h, w*h).Draw(t, "pix")}
		got := p.sums()
		for y := range h {
			for x := range w {
				want := 0
				if x >= 2 && y >= 2 && x < w-2 && y < h-2 {
					for j := y - 2; j <= y+2; j++ {
						for i := x - 2; i <= x+2; i++ {
							want += int(p.pix[j*w+i])
						}
					}
				}
				if int(got[y*w+x]) != want {
					t.Fatalf("at %d,%d: %d, want %d", x, y, got[y*w+x], want)
				}
			}
		}
	})
}

func FuzzDetect(f *testing.F) {
	f.Add([]byte{0, 255, 128, 7}, 90, 70)
	f.Add([]byte{1}, 1, 1)
	f.Add([]byte("corners and edges"), 300, 40)
	f.Fuzz(func(t *testing.T, pix []byte, w, h int) {
		if w < 0 || h < 0 || w > 400 || h > 400 {
			return
		}
		g := image.NewGray(image.Rect(0, 0, w, h))
		for i := range g.Pix {
			if len(pix) > 0 {
				g.Pix[i] = pix[(i/7+i/w/5*3)%len(pix)]
			}
		}
		q := Query(g.Rect.Size(), g, image.Rect(w/3, h/4, w, h))
		for _, p := range q.Probes() {
			if err := p.Plain.Check(); err != nil {
				t.Fatal(err)
			}
			for _, at := range p.Plain.Points {
				if int(at.X) >= 8*int(p.Plain.W) || int(at.Y) >= 8*int(p.Plain.H) {
					t.Fatalf("point %d,%d outside of %d by %d", at.X, at.Y, p.Plain.W, p.Plain.H)
				}
			}
		}
		Compare(q, Reference(g.Rect.Size(), g, Detect(g, g.Rect, ReferenceSide, 50)))
	})
}

func BenchmarkDetect(b *testing.B) {
	g := drawn(1, 640, 480)
	for _, c := range []struct {
		name         string
		side, points int
	}{{"reference", ReferenceSide, ReferencePoints}, {"query", QuerySide, QueryPoints}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				Detect(g, g.Rect, c.side, c.points)
			}
		})
	}
}
