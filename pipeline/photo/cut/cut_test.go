package cut

import (
	"image"
	"image/draw"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// busy fills a rectangle with what cannot be taken for a margin.
func busy(g *image.Gray, r image.Rectangle, seed uint64) {
	n := rand.New(rand.NewPCG(seed, 3))
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			g.Pix[g.PixOffset(x, y)] = byte(60 + (x*7+y*3)%97 + n.IntN(90))
		}
	}
}

func page(w, h int, v byte) *image.Gray {
	g := image.NewGray(image.Rect(0, 0, w, h))
	for i := range g.Pix {
		g.Pix[i] = v
	}
	return g
}

// nearly reports whether two lists hold the same rectangles to within some pixels.
func nearly(a, b []image.Rectangle, px int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !a[i].In(b[i].Inset(-px)) || !b[i].Inset(px).In(a[i]) {
			return false
		}
	}
	return true
}

func TestPhotoOfAPosterIsCutOut(t *testing.T) {
	g := page(900, 1200, 255)
	photo := image.Rect(150, 220, 760, 720)
	busy(g, photo, 1)
	for i := range 5 { // a title, and lines of text
		busy(g, image.Rect(80, 40+i*12, 800, 40+i*12+6), 2)
		busy(g, image.Rect(80, 800+i*60, 600, 830+i*60), 3)
	}
	got := Rectangles(g)
	if len(got) == 0 || !nearly(got[:1], []image.Rectangle{photo}, 4) {
		t.Errorf("got %v", got)
	}
}

func TestEveryPhotoOfACollageIsCutOut(t *testing.T) {
	g := page(1006, 1006, 255)
	var want []image.Rectangle
	for i := range 9 {
		r := image.Rect(0, 0, 330, 330).Add(image.Pt(i%3*338, i/3*338))
		busy(g, r, uint64(i))
		want = append(want, r)
	}
	got := Rectangles(g)
	slicesSortByPlace(got)
	if !nearly(got, want, 4) {
		t.Errorf("got %v", got)
	}
}

func slicesSortByPlace(r []image.Rectangle) {
	for i := range r {
		for j := range i {
			a, b := r[j], r[i]
			if b.Min.Y < a.Min.Y-50 || b.Min.Y < a.Min.Y+50 && b.Min.X < a.Min.X {
				r[i], r[j] = a, b
			}
		}
	}
}

func TestMarginIsCutOff(t *testing.T) {
	g := page(640, 640, 0)
	photo := image.Rect(0, 80, 640, 560)
	busy(g, photo, 4)
	if got := Rectangles(g); !nearly(got, []image.Rectangle{photo}, 3) {
		t.Errorf("got %v", got)
	}
}

func TestAPhotoAloneIsNotCut(t *testing.T) {
	g := page(640, 480, 0)
	busy(g, g.Rect, 5)
	if got := Rectangles(g); got != nil {
		t.Errorf("got %v", got)
	}
}

func TestRectanglesAreInPixelsOfTheWholePicture(t *testing.T) {
	g := page(700, 700, 255)
	busy(g, image.Rect(300, 300, 620, 600), 6)
	whole := Rectangles(g)
	shifted := &image.Gray{Pix: g.Pix, Stride: g.Stride, Rect: g.Rect.Add(image.Pt(40, 30))}
	var want []image.Rectangle
	for _, r := range whole {
		want = append(want, r.Add(image.Pt(40, 30)))
	}
	if diff := cmp.Diff(want, Rectangles(shifted)); diff != "" || len(want) == 0 {
		t.Error(diff)
	}
}

func TestNothingToCut(t *testing.T) {
	for _, size := range []image.Point{{0, 0}, {1, 1}, {1, 20000}, {20000, 1}, {55, 600}, {640, 480}} {
		if got := Rectangles(page(size.X, size.Y, 30)); got != nil {
			t.Errorf("%v: %v", size, got)
		}
	}
}

func FuzzRectangles(f *testing.F) {
	f.Add([]byte{0, 0, 0, 255}, 100, 80)
	f.Add([]byte{9}, 1, 1)
	f.Fuzz(func(t *testing.T, pix []byte, w, h int) {
		if w < 0 || h < 0 || w > 700 || h > 700 {
			return
		}
		g := page(w, h, 255)
		for i, v := range pix { // each byte a busy or a plain patch
			at := image.Pt(i%8*w/8, i/8%8*h/8)
			draw.Draw(g, image.Rect(0, 0, w/8, h/8).Add(at), image.NewUniform(image.Black), image.Point{}, draw.Src)
			if v > 128 {
				busy(g, image.Rect(0, 0, w/8-int(v)%4, h/8-int(v)%3).Add(at).Intersect(g.Rect), uint64(v))
			}
		}
		got := Rectangles(g)
		for i, r := range got {
			if r.Empty() || !r.In(g.Rect) || r == g.Rect {
				t.Fatalf("%v of %v", r, g.Rect)
			}
			if i > 0 && r.Dx()*r.Dy() > got[i-1].Dx()*got[i-1].Dy() {
				t.Fatalf("%v after %v", r, got[i-1])
			}
		}
	})
}

func BenchmarkRectangles(b *testing.B) {
	g := page(1280, 960, 255)
	busy(g, image.Rect(40, 40, 1200, 900), 1)
	for b.Loop() {
		Rectangles(g)
	}
}
