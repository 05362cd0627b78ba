package photo

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"testing"

	"xunqin/pipeline/photo/feature"
)

func probe(t testing.TB, m image.Image) Photo {
	t.Helper()
	p, err := Prepare(t.Context(), jpegBytes(t, m, 85), Limits{Probe: true})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func reference(t testing.TB, m image.Image) (Photo, feature.Prepared) {
	t.Helper()
	p, err := Prepare(t.Context(), jpegBytes(t, m, 90), Limits{Features: true})
	if err != nil {
		t.Fatal(err)
	}
	small, err := jpeg.Decode(bytes.NewReader(p.Grey)) // what outlives everything else
	if err != nil {
		t.Fatal(err)
	}
	g := image.NewGray(small.Bounds())
	draw.Draw(g, g.Rect, small, image.Point{}, draw.Src)
	return p, feature.Reference(image.Pt(p.Width, p.Height), g, p.Features)
}

func TestSpectrumIsTurnedAsThePicture(t *testing.T) {
	grey := luma(mustRaster(t, scene(5, 300, 200)).small(DerivativeSide, 1)).scaled(greySide, greySide)
	for o := 1; o <= 8; o++ {
		if got, want := transform(grey).upright(o), transform(grey.upright(o)); *got != *want {
			t.Errorf("orientation %d: spectrum differs", o)
		}
	}
}

// within pastes m into a larger picture of one colour, with some lines that look like text.
func within(m image.Image, w, h int, at image.Point, ground color.Color) *image.NRGBA {
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	draw.Draw(out, out.Rect, image.NewUniform(ground), image.Point{}, draw.Src)
	draw.Draw(out, m.Bounds().Add(at), m, image.Point{}, draw.Src)
	for i := range 40 {
		x, y := 20+i%20*(w-40)/20, h-60+i/20*24
		draw.Draw(out, image.Rect(x, y, x+8+i%5*3, y+14-i%3*4), image.NewUniform(color.Black), image.Point{}, draw.Src)
	}
	return out
}

func flipped(m *image.NRGBA) *image.NRGBA {
	out := image.NewNRGBA(m.Rect)
	for y := range m.Rect.Dy() {
		for x := range m.Rect.Dx() {
			out.Set(m.Rect.Dx()-1-x, y, m.At(x, y))
		}
	}
	return out
}

func quarterTurned(m *image.NRGBA) *image.NRGBA {
	out := image.NewNRGBA(image.Rect(0, 0, m.Rect.Dy(), m.Rect.Dx()))
	for y := range m.Rect.Dy() {
		for x := range m.Rect.Dx() {
			out.Set(m.Rect.Dy()-1-y, x, m.At(x, y))
		}
	}
	return out
}

func TestProbeFindsByFingerprintWhatWasMirroredTurnedOrPutIntoAPoster(t *testing.T) {
	m := scene(11, 480, 360)
	known, _ := reference(t, m)
	for name, want := range map[string]struct {
		of    image.Image
		kind  string
		query [4]image.Point
	}{
		"as it is": {m, Edited, [4]image.Point{{0, 0}, {480, 0}, {480, 360}, {0, 360}}},
		"mirrored": {flipped(m), feature.Mirrored, [4]image.Point{{480, 0}, {0, 0}, {0, 360}, {480, 360}}},
		"turned":   {quarterTurned(m), feature.Turned, [4]image.Point{{360, 0}, {360, 480}, {0, 480}, {0, 0}}},
		"poster": {within(m, 700, 800, image.Pt(110, 120), color.White), feature.Inside,
			[4]image.Point{{110, 120}, {590, 120}, {590, 480}, {110, 480}}},
	} {
		p := probe(t, want.of)
		got, ok := p.Probe.Recognise(known)
		if !ok || got.Kind != want.kind {
			t.Errorf("%s: %+v, %v", name, got, ok)
		}
		for i, at := range want.query {
			if d := got.Query[i].Sub(at); d.X*d.X+d.Y*d.Y > 8*8 {
				t.Errorf("%s: outlined at %v, is at %v", name, got.Query, want.query)
			}
			x, y := float64(got.Known[i].X), float64(got.Known[i].Y)
			m := got.ToQuery
			if to := image.Pt(int(m[0]*x+m[1]*y+m[2]+0.5), int(m[3]*x+m[4]*y+m[5]+0.5)); to != got.Query[i] {
				t.Errorf("%s: %v leads to %v, not to %v", name, got.Known[i], to, got.Query[i])
			}
		}
	}
	if got, ok := probe(t, scene(12, 480, 360)).Probe.Recognise(known); ok {
		t.Errorf("another picture: %+v", got)
	}
}

func TestProbeFindsByFeaturesWhatIsKeptOfAPhoto(t *testing.T) {
	m := scene(21, 900, 675)
	_, known := reference(t, m)
	_, other := reference(t, scene(22, 900, 675))
	big := within(nrgba(m.SubImage(image.Rect(100, 60, 700, 560))), 1000, 900, image.Pt(100, 40), color.NRGBA{250, 225, 225, 255})
	for name, want := range map[string]struct {
		of   image.Image
		kind string
	}{
		"as it is": {m, feature.Edited},
		"mirrored": {flipped(m), feature.Mirrored},
		"turned":   {quarterTurned(m), feature.Turned},
		"part":     {nrgba(m.SubImage(image.Rect(200, 100, 750, 520))), feature.Part},
		"poster":   {big, feature.Inside},
	} {
		q := probe(t, want.of).Probe.Query
		if got, ok := feature.Compare(q, known); !ok || got.Kind != want.kind {
			t.Errorf("%s: %v, %+v", name, ok, got)
		}
		if got, ok := feature.Compare(q, other); ok || got.Kind != "" {
			t.Errorf("%s is another photo: %+v", name, got)
		}
	}
}

func TestProbeAndFeaturesAreMadeOnRequestOnly(t *testing.T) {
	b := jpegBytes(t, scene(3, 300, 200), 90)
	p := prepare(t, b)
	if p.Probe != nil || p.Features.Points != nil {
		t.Error("made unasked")
	}
	flat, err := Prepare(t.Context(), jpegBytes(t, image.NewGray(image.Rect(0, 0, 300, 200)), 90), Limits{Probe: true, Features: true})
	if err != nil || flat.Probe != nil || flat.Features.Points != nil {
		t.Errorf("of a flat picture: %v, %v", flat.Probe, err)
	}
}

func mustRaster(t testing.TB, m image.Image) raster {
	t.Helper()
	r, err := rasterOf(m)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
