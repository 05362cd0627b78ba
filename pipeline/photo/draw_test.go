package photo

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// scene draws a picture with the statistics of a photo: a sky, a ground, overlapping shapes of many sizes, fine grain.
func scene(seed uint64, w, h int) *image.NRGBA {
	r := rand.New(rand.NewPCG(seed, 20110125))
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	top, bottom := r.IntN(200), r.IntN(200)
	for y := range h {
		v := top + (bottom-top)*y/h
		for x := range w {
			m.SetNRGBA(x, y, color.NRGBA{byte(v + 40), byte(v + 20), byte(v + 10), 255})
		}
	}
	for range 40 {
		size := max(3, min(w, h)/(2+r.IntN(12)))
		cx, cy := r.IntN(w), r.IntN(h)
		c := color.NRGBA{byte(r.IntN(256)), byte(r.IntN(256)), byte(r.IntN(256)), 255}
		round := r.IntN(2) == 0
		for y := max(0, cy-size); y < min(h, cy+size); y++ {
			for x := max(0, cx-size); x < min(w, cx+size); x++ {
				if dx, dy := x-cx, y-cy; !round && 2*max(dy, -dy) < size || round && dx*dx+dy*dy < size*size {
					m.SetNRGBA(x, y, c)
				}
			}
		}
	}
	for i := range m.Pix {
		if i%4 != 3 {
			m.Pix[i] = byte(max(0, min(255, int(m.Pix[i])+r.IntN(13)-6)))
		}
	}
	return m
}

func jpegBytes(t testing.TB, m image.Image, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pngBytes(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func prepare(t testing.TB, b []byte) Photo {
	t.Helper()
	p, err := Prepare(t.Context(), b, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// edits are what happens to a picture that is passed on.
var edits = []struct {
	name string
	edit func(testing.TB, *image.NRGBA) []byte
}{
	{"jpeg q90", recompressed(90)},
	{"jpeg q50", recompressed(50)},
	{"jpeg q30", recompressed(30)},
	{"jpeg q10", recompressed(10)},
	{"resize 200 %", resized(200)},
	{"resize 75 %", resized(75)},
	{"resize 50 %", resized(50)},
	{"resize 25 %", resized(25)},
	{"tone", toned(func(r, g, b int) (int, int, int) { return r * 11 / 10, g, b * 9 / 10 })},
	{"sepia", toned(func(r, g, b int) (int, int, int) {
		return (393*r + 769*g + 189*b) / 1000, (349*r + 686*g + 168*b) / 1000, (272*r + 534*g + 131*b) / 1000
	})},
	{"grey", toned(func(r, g, b int) (int, int, int) { l := (299*r + 587*g + 114*b) / 1000; return l, l, l })},
	{"brighter", toned(func(r, g, b int) (int, int, int) { return r + 35, g + 35, b + 35 })},
	{"darker", toned(func(r, g, b int) (int, int, int) { return r - 35, g - 35, b - 35 })},
	{"contrast", toned(func(r, g, b int) (int, int, int) { return (r-128)*5/4 + 128, (g-128)*5/4 + 128, (b-128)*5/4 + 128 })},
	{"gamma", toned(func(r, g, b int) (int, int, int) { return r * r / 255, g * g / 255, b * b / 255 })},
	{"blur", func(t testing.TB, m *image.NRGBA) []byte { return jpegBytes(t, softened(m, 2), 75) }},
	{"noise", func(t testing.TB, m *image.NRGBA) []byte {
		r := rand.New(rand.NewPCG(1, 2))
		out := &image.NRGBA{Pix: slices.Clone(m.Pix), Stride: m.Stride, Rect: m.Rect}
		for i := range out.Pix {
			if i%4 != 3 {
				out.Pix[i] = byte(max(0, min(255, int(out.Pix[i])+r.IntN(41)-20)))
			}
		}
		return jpegBytes(t, out, 75)
	}},
}

func recompressed(q int) func(testing.TB, *image.NRGBA) []byte {
	return func(t testing.TB, m *image.NRGBA) []byte { return jpegBytes(t, m, q) }
}

// resized scales by another filter than the package's own: linear, as most sites do.
func resized(percent int) func(testing.TB, *image.NRGBA) []byte {
	return func(t testing.TB, m *image.NRGBA) []byte {
		w, h := max(1, m.Rect.Dx()*percent/100), max(1, m.Rect.Dy()*percent/100)
		if percent < 100 {
			m = softened(m, 50/percent)
		}
		out := image.NewNRGBA(image.Rect(0, 0, w, h))
		for c := range 4 {
			channel := newPlane(m.Rect.Dx(), m.Rect.Dy())
			for i := range channel.pix {
				channel.pix[i] = m.Pix[4*i+c]
			}
			for i, v := range channel.faded(w, h).pix {
				out.Pix[4*i+c] = v
			}
		}
		return jpegBytes(t, out, 75)
	}
}

func toned(f func(r, g, b int) (int, int, int)) func(testing.TB, *image.NRGBA) []byte {
	return func(t testing.TB, m *image.NRGBA) []byte {
		out := image.NewNRGBA(m.Rect)
		for i := 0; i < len(m.Pix); i += 4 {
			r, g, b := f(int(m.Pix[i]), int(m.Pix[i+1]), int(m.Pix[i+2]))
			for j, v := range []int{r, g, b} {
				out.Pix[i+j] = byte(max(0, min(255, v)))
			}
			out.Pix[i+3] = 255
		}
		return jpegBytes(t, out, 75)
	}
}

// softened blurs with a box of 2*radius+1 pixels each way.
func softened(m *image.NRGBA, radius int) *image.NRGBA {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	pass := func(src, dst []byte, n, lines, step, next int) {
		for l := range lines {
			for i := range n {
				sum, count := 0, 0
				for k := max(0, i-radius); k <= min(n-1, i+radius); k++ {
					sum += int(src[l*next+k*step])
					count++
				}
				dst[l*next+i*step] = byte(sum / count)
			}
		}
	}
	half, out := image.NewNRGBA(m.Rect), image.NewNRGBA(m.Rect)
	for c := range 4 {
		pass(m.Pix[c:], half.Pix[c:], w, h, 4, m.Stride)
		pass(half.Pix[c:], out.Pix[c:], h, w, m.Stride, 4)
	}
	return out
}

func nrgba(m image.Image) *image.NRGBA {
	out := image.NewNRGBA(image.Rectangle{Max: m.Bounds().Size()})
	draw.Draw(out, out.Rect, m, m.Bounds().Min, draw.Src)
	return out
}

// photos returns the files of a folder of the shared photos, or skips the test where they are not.
func photos(t testing.TB, folder string) []string {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join("..", "..", "..", "shared", "photos", folder, "*.jpg"))
	if len(files) == 0 {
		t.Skip("no shared photos beside the repository")
	}
	slices.Sort(files)
	return files
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
