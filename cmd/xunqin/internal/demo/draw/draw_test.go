package draw

import (
	"bytes"
	"image"
	"math/bits"
	"math/rand/v2"
	"testing"
)

// The pictures are small here, which changes nothing but the time: a hash sees 64 x 64.
func TestAnyTwoOfFiveHundredPicturesAreFarApart(t *testing.T) {
	for seed := range uint64(2) {
		a := NewAlbum(seed, 400, 300)
		var hashes []uint64
		for range 500 {
			hashes = append(hashes, hash(shrink(a.Next())))
		}
		least := 64
		for i, h := range hashes {
			for _, other := range hashes[:i] {
				least = min(least, bits.OnesCount64(h^other))
			}
		}
		if least < Apart {
			t.Errorf("seed %d: two pictures are %d apart, want %d at least", seed, least, Apart)
		}
	}
}

func TestPicturesOfFullSizeAreFarApartAsPosted(t *testing.T) {
	a := NewAlbum(5, 1000, 750)
	var hashes []uint64
	for range 40 {
		hashes = append(hashes, hash(shrink(Decode(JPEG(a.Next(), 80)))))
	}
	for i, h := range hashes {
		for j, other := range hashes[:i] {
			if d := bits.OnesCount64(h ^ other); d < Apart-2 {
				t.Errorf("pictures %d and %d are %d apart", i, j, d)
			}
		}
	}
}

func TestNearEditsStayNearAndFarEditsDoNot(t *testing.T) {
	a := NewAlbum(7, 1000, 750)
	r := rand.New(rand.NewPCG(7, 7))
	most, far := map[Edit]int{}, map[Edit]int{}
	const pictures = 25
	for i := range pictures {
		img := a.Next()
		h := hash(shrink(img))
		for _, e := range Near() {
			d := bits.OnesCount64(h ^ hash(shrink(Decode(e.Apply(img, r)))))
			most[e] = max(most[e], d)
			if d > 10 {
				t.Errorf("%s of picture %d is %d away, want 10 at most", e, i, d)
			}
		}
		for _, e := range Far() {
			if bits.OnesCount64(h^hash(shrink(Decode(e.Apply(img, r))))) > 10 {
				far[e]++
			}
		}
	}
	for _, e := range Far() {
		if far[e] < pictures*8/10 {
			t.Errorf("%s leaves %d of %d pictures within 10", e, pictures-far[e], pictures)
		}
	}
	t.Logf("greatest distance of the near edits %v, pictures that the far ones move away %v", most, far)
}

func TestPicturesFollowFromTheSeed(t *testing.T) {
	one, same, other := NewAlbum(1, 200, 150), NewAlbum(1, 200, 150), NewAlbum(2, 200, 150)
	for i := range 5 {
		a, b, c := one.Next(), same.Next(), other.Next()
		if !bytes.Equal(a.Pix, b.Pix) {
			t.Errorf("picture %d differs between two albums of one seed", i)
		}
		if bytes.Equal(a.Pix, c.Pix) {
			t.Errorf("picture %d is the same for another seed", i)
		}
		for _, e := range append(Near(), Far()...) {
			x, y := e.Apply(a, rand.New(rand.NewPCG(1, 1))), e.Apply(a, rand.New(rand.NewPCG(1, 1)))
			if !bytes.Equal(x, y) {
				t.Errorf("%s is not deterministic", e)
			}
			if !bytes.Equal(a.Pix, b.Pix) {
				t.Fatalf("%s changed its picture", e)
			}
		}
	}
}

func TestCompositesAreWholeAndFarApart(t *testing.T) {
	const n = 40
	c := NewComposites(1, n)
	var hashes []uint64
	for i := range n {
		b := c.JPEG(i)
		img := Decode(b)
		if img.Rect.Dx() != CompositeWidth || img.Rect.Dy() != CompositeHeight {
			t.Fatalf("picture %d is %v", i, img.Rect)
		}
		hashes = append(hashes, hash(shrink(img)))
	}
	for i, h := range hashes {
		for j, other := range hashes[:i] {
			if d := bits.OnesCount64(h ^ other); d < Apart-4 {
				t.Errorf("pictures %d and %d are %d apart", i, j, d)
			}
		}
	}
}

// The strips of a composite are where they were in the pictures they come from.
func TestCompositeShowsItsStrips(t *testing.T) {
	c := NewComposites(1, 1)
	got := Decode(c.JPEG(0))
	var drawn [sources]*image.RGBA
	for i, a := 0, NewAlbum(1, CompositeWidth, CompositeHeight); i < sources; i++ {
		drawn[i] = a.Next()
	}
	for i, s := range c.choices[0] {
		want, off := drawn[s], 0
		for y := i * stripHeight; y < (i+1)*stripHeight; y++ {
			for x := range CompositeWidth {
				d := int(got.RGBAAt(x, y).G) - int(want.RGBAAt(x, y).G)
				off += max(d, -d)
			}
		}
		if mean := off / (CompositeWidth * stripHeight); mean > 8 {
			t.Errorf("strip %d is off by %d on average", i, mean)
		}
	}
}

func BenchmarkComposites(b *testing.B) {
	for b.Loop() {
		NewComposites(1, 2000)
	}
}

func BenchmarkCompositeJPEG(b *testing.B) {
	c := NewComposites(1, 50)
	size := 0
	for b.Loop() {
		size = len(c.JPEG(size % 50))
	}
	b.ReportMetric(float64(size), "bytes/picture")
}

func BenchmarkPicture(b *testing.B) {
	a := NewAlbum(1, 1000, 750)
	var size int
	for b.Loop() {
		size += len(JPEG(a.Next(), 80))
	}
	b.ReportMetric(float64(size/b.N), "bytes/picture")
}

func BenchmarkEdit(b *testing.B) {
	img := NewAlbum(1, 1000, 750).Next()
	for _, e := range append(Near(), Far()...) {
		b.Run(string(e), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 1))
			for b.Loop() {
				e.Apply(img, r)
			}
		})
	}
}
