package miniature

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"testing"

	"xunqin/pipeline/photo/miniature/miniaturetest"
)

var samplings = map[string][][2]int{
	"grey":             {{1, 1}},
	"grey of 2x2":      {{2, 2}},
	"4:4:4":            {{1, 1}, {1, 1}, {1, 1}},
	"4:2:2":            {{2, 1}, {1, 1}, {1, 1}},
	"4:2:0":            {{2, 2}, {1, 1}, {1, 1}},
	"4:4:0":            {{1, 2}, {1, 1}, {1, 1}},
	"4:1:1":            {{4, 1}, {1, 1}, {1, 1}},
	"4:1:0":            {{4, 2}, {1, 1}, {1, 1}},
	"4:2:2 in doubles": {{2, 2}, {1, 2}, {1, 2}},
}

// variants are files of every kind that is read, small, by name. Those that image/jpeg reads wrongly are left out when it is to
// judge.
func variants(judged bool) map[string][]byte {
	all := map[string][]byte{}
	for name, s := range samplings {
		for i, size := range [][2]int{{64, 48}, {61, 43}, {1, 1}, {9, 33}} {
			for _, p := range []miniaturetest.Writer{
				{},
				{Long: true, Interval: 1},
				{Extended: true, Interval: 3, Step: 1},
				{Separate: true},
				{Separate: true, Interval: 2},
				{Progressive: true},
				{Progressive: true, Long: true, Separate: true, Step: 1},
				{Progressive: true, Interval: 2, Step: 20},
			} {
				scansOfOne := p.Separate || p.Progressive
				if judged && len(s) > 1 && scansOfOne && (p.Interval > 0 || s[1] != [2]int{1, 1}) {
					continue
				}
				p.Width, p.Height, p.Sampling, p.Seed = size[0], size[1], s, uint64(i)
				all[fmt.Sprintf("%s, %dx%d, progressive %v, deep %v, separate %v, every %d", name, p.Width, p.Height, p.Progressive, p.Long, p.Separate, p.Interval)] = p.Bytes()
			}
		}
	}
	return all
}

func decode(t testing.TB, name string, b []byte, o Options) image.Image {
	t.Helper()
	f, err := Open(b)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	m, err := f.Decode(context.Background(), o)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return m
}

// plane is one channel of a picture.
type plane struct {
	w, h, pitch int
	pix         []byte
}

func planes(t testing.TB, m image.Image) []plane {
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	switch m := m.(type) {
	case *image.Gray:
		return []plane{{w, h, m.Stride, m.Pix}}
	case *image.YCbCr:
		cw, ch := w, h
		switch m.SubsampleRatio {
		case image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420:
			cw = (w + 1) / 2
		case image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410:
			cw = (w + 3) / 4
		}
		switch m.SubsampleRatio {
		case image.YCbCrSubsampleRatio420, image.YCbCrSubsampleRatio440, image.YCbCrSubsampleRatio410:
			ch = (h + 1) / 2
		}
		return []plane{{w, h, m.YStride, m.Y}, {cw, ch, m.CStride, m.Cb}, {cw, ch, m.CStride, m.Cr}}
	}
	t.Fatalf("%T", m)
	return nil
}

// Of the whole image/jpeg differs by at most 1, by its rounding; of a miniature each pixel is within 1 of the mean of those that
// image/jpeg makes.
func TestEachPixelIsTheMeanOfThoseItStandsFor(t *testing.T) {
	for name, b := range variants(true) {
		want, err := jpeg.Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		wanted := planes(t, want)
		for s := Whole; s <= Eighth; s++ {
			got := planes(t, decode(t, name, b, Options{Scale: s}))
			if len(got) != len(wanted) {
				t.Fatalf("%s at %d: %d planes", name, s, len(got))
			}
			for i, g := range got {
				w := wanted[i]
				if g.w != s.Of(w.w) || g.h != s.Of(w.h) {
					t.Fatalf("%s at %d: plane %d is %dx%d, of %dx%d", name, s, i, g.w, g.h, w.w, w.h)
				}
				n := 1 << s
				worst := 0.0
				for y := range w.h / n {
					for x := range w.w / n {
						sum := 0
						for v := range n {
							for u := range n {
								sum += int(w.pix[(y*n+v)*w.pitch+x*n+u])
							}
						}
						d := float64(g.pix[y*g.pitch+x]) - float64(sum)/float64(n*n)
						worst = max(worst, d, -d)
					}
				}
				if worst > 1 {
					t.Errorf("%s at %d: plane %d differs by %.2f", name, s, i, worst)
				}
			}
		}
	}
}

// A restart interval in a scan of one component counts its blocks, and chroma may lie in more than one block of a unit. The same
// picture written plainly must come out the same.
func TestScansOfOneComponentAreReadAsTheStandardHasThem(t *testing.T) {
	for name, s := range samplings {
		for _, size := range [][2]int{{64, 48}, {61, 43}, {9, 33}} {
			plain := miniaturetest.Writer{Width: size[0], Height: size[1], Sampling: s}
			for _, p := range []miniaturetest.Writer{
				{Separate: true, Interval: 2}, {Separate: true}, {Progressive: true, Interval: 2}, {Progressive: true, Separate: true, Interval: 5, Long: true},
			} {
				p.Width, p.Height, p.Sampling = size[0], size[1], s
				for scale := Whole; scale <= Eighth; scale++ {
					want, got := planes(t, decode(t, name, plain.Bytes(), Options{Scale: scale})), planes(t, decode(t, name, p.Bytes(), Options{Scale: scale}))
					for i := range want {
						for y := range want[i].h {
							if !bytes.Equal(want[i].pix[y*want[i].pitch:][:want[i].w], got[i].pix[y*got[i].pitch:][:got[i].w]) {
								t.Fatalf("%s, progressive %v, separate %v at %d: row %d of plane %d differs", name, p.Progressive, p.Separate, scale, y, i)
							}
						}
					}
				}
			}
		}
	}
}

// The shorter transform and the fill are the long transform where there is little to transform.
func TestShortTransformsAreTheLongOne(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var b, low, all [8]int64
		for i := range 4 {
			b[i] = int64(r.IntN(4000)-2000) + int64(r.IntN(4000)-2000)<<32
		}
		low, all = b, b
		low[4], low[7] = 99, -99 // not looked at
		inverseLow(&low)
		inverse(&all)
		if low != all {
			t.Fatalf("%x: %x, want %x", b, low, all)
		}
	}
	// Blocks with coefficients in some places only, among them one that counts for nothing.
	for _, places := range [][]int{{}, {1}, {8}, {2, 3}, {5}, {16, 6}, {40}, {63}, {0, 63}} {
		var b, full block
		for _, i := range places {
			b[i/2] += int64(100+i) << (32 * (i % 2))
		}
		full = b
		var got, want [64]byte
		b.draw8(got[:], 8)
		full.plain8(want[:])
		if got != want {
			t.Errorf("coefficients at %v: %v, want %v", places, got, want)
		}
	}
}

// plain8 is draw8 one number at a time, with nothing left out.
func (b *block) plain8(to []byte) {
	var w [64]int64
	for x := range 8 {
		var v [8]int64
		for y := range 8 {
			pair := b[4*y+x/2]
			v[y] = int64(int32(pair))
			if x%2 == 1 {
				v[y] = (pair - v[y]) >> 32
			}
		}
		inverse(&v)
		for y := range 8 {
			w[8*y+x] = (v[y] + 1<<10) >> 11
		}
	}
	for y := range 8 {
		v := [8]int64(w[8*y:])
		inverse(&v)
		for x := range 8 {
			to[8*y+x] = pixel((v[x] + 1<<17) >> 18)
		}
	}
}

func TestLumaAloneIsTheLumaOfThePicture(t *testing.T) {
	for name, b := range variants(false) {
		for s := Whole; s <= Eighth; s++ {
			all, alone := planes(t, decode(t, name, b, Options{Scale: s})), planes(t, decode(t, name, b, Options{Scale: s, Luma: true}))
			if len(alone) != 1 || !bytes.Equal(all[0].pix, alone[0].pix) {
				t.Errorf("%s at %d: another luma", name, s)
			}
		}
	}
}
