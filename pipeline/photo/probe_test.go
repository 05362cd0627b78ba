package photo

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"math/rand/v2"
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

func TestPhotoIsFoundInAPosterOfWhichLittleIsKept(t *testing.T) {
	m := scene(31, 480, 360)
	poster := page(4, 800, 1100, false)
	draw.Draw(poster, image.Rect(100, 240, 700, 720), image.White, image.Point{}, draw.Src)
	draw.Draw(poster, m.Bounds().Add(image.Pt(160, 290)), m, image.Point{}, draw.Src)
	p, _ := reference(t, poster)
	p.Features.Points = p.Features.Points[:CrawledPoints]
	within := 0
	for _, at := range p.Features.Points {
		x, y := int(at.X)*p.Width/8/int(p.Features.W), int(at.Y)*p.Height/8/int(p.Features.H)
		if image.Pt(x, y).In(image.Rect(160, 290, 640, 650)) {
			within++
		}
	}
	if within < sharedPoints {
		t.Errorf("%d of the points kept are in the photo", within)
	}
	g, err := Brightness(p.Grey)
	if err != nil {
		t.Fatal(err)
	}
	kept := feature.Reference(image.Pt(p.Width, p.Height), g, p.Features)
	got, ok := feature.Compare(probe(t, m).Probe.Query, kept)
	if !ok {
		t.Fatalf("not found: %+v", got)
	}
	if d := got.Known[0].Sub(image.Pt(160, 290)); d.X*d.X+d.Y*d.Y > 12*12 {
		t.Errorf("outlined at %v", got.Known)
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

// page draws lines of writing in an invented alphabet, and bars and boxes as an app has them.
func page(seed uint64, w, h int, boxes bool) *image.NRGBA {
	alphabet := rand.New(rand.NewPCG(1, 26))
	var letters [26]uint64
	for i := range letters {
		letters[i] = alphabet.Uint64() & alphabet.Uint64()
	}
	r := rand.New(rand.NewPCG(seed, 1))
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	draw.Draw(m, m.Rect, image.White, image.Point{}, draw.Src)
	fill := func(r image.Rectangle, v uint8) {
		draw.Draw(m, r, image.NewUniform(color.Gray{v}), image.Point{}, draw.Src)
	}
	if boxes {
		fill(image.Rect(0, 0, w, 60), 40)
		for i := range 9 {
			fill(image.Rect(20+i%3*w/3, 90+i/3*h/3, w/3-10+i%3*w/3, 60+h/4+i/3*h/3), uint8(200+5*i))
		}
	}
	for y := 30; y < h-40; y += 34 {
		for x := 30; x < w-40; x += 22 {
			l := letters[r.IntN(len(letters))]
			for i := 0; i < 64 && r.IntN(6) > 0; i++ {
				if l>>i&1 > 0 {
					fill(image.Rect(0, 0, 2, 2).Add(image.Pt(x+i%8*2, y+i/8*2)), 20)
				}
			}
		}
	}
	return m
}

func TestPagesOfWritingAndOfAppsFindNothing(t *testing.T) {
	photo, photoKept := reference(t, scene(5, 640, 480))
	other, otherKept := reference(t, page(9, 700, 900, true))
	for name, m := range map[string]image.Image{"writing": page(2, 900, 1200, false), "app": page(3, 720, 1280, true)} {
		p := probe(t, m)
		if p.Probe == nil {
			continue // too little in it: nothing is asked
		}
		if got, ok := p.Probe.Compare(photo, photoKept); ok || got.Kind != "" {
			t.Errorf("%s is a photo: %+v", name, got)
		}
		if got, ok := p.Probe.Compare(other, otherKept); ok {
			t.Errorf("%s is another page: %+v", name, got)
		}
	}
}

func TestPicturesWithNothingInThemHaveNoProbe(t *testing.T) {
	for _, m := range []image.Image{
		image.NewGray(image.Rect(0, 0, 1, 1)), image.NewGray(image.Rect(0, 0, 1, 2000)), image.NewGray(image.Rect(0, 0, 900, 900)),
		scene(1, 60, 900),
	} {
		p, err := Prepare(t.Context(), pngBytes(t, m), Limits{Probe: true})
		if refused := (*Refused)(nil); err != nil && !errors.As(err, &refused) {
			t.Fatal(err)
		}
		if p.Probe != nil || err == nil && p.Matchable() {
			t.Errorf("%v has a probe", m.Bounds())
		}
	}
}

// However busy a picture is, what it is looked for by is bounded: seventeen views of six hundred points each way.
func TestGridOfThumbnailsIsLookedAtInFewViews(t *testing.T) {
	grid := image.NewNRGBA(image.Rect(0, 0, 2000, 2000))
	for i := range 25 { // the largest that may be photos, and more than are looked at
		cell := image.Rect(0, 0, 380, 380).Add(image.Pt(i%5*400+10, i/5*400+10))
		draw.Draw(grid, cell, scene(uint64(100+i), 380, 380), image.Point{}, draw.Src)
	}
	tiny := image.NewNRGBA(image.Rect(0, 0, 2000, 2000))
	for i := range 400 {
		cell := image.Rect(0, 0, 90, 90).Add(image.Pt(i%20*100+5, i/20*100+5))
		draw.Draw(tiny, cell, scene(uint64(i%7), 90, 90), image.Point{}, draw.Src)
	}
	for name, c := range map[string]struct {
		of    image.Image
		views int
	}{"25": {grid, 17}, "400": {tiny, 1}} {
		p := probe(t, c.of).Probe
		views := p.Query.Probes()
		if len(views) != c.views {
			t.Errorf("grid of %s: %d views, want %d", name, len(views), c.views)
		}
		for _, v := range append(views, p.Query.Windows().Probes()...) {
			if len(v.Plain.Points) > feature.QueryPoints || len(v.Mirrored.Points) > feature.QueryPoints {
				t.Errorf("grid of %s: %d and %d points", name, len(v.Plain.Points), len(v.Mirrored.Points))
			}
		}
		if n := len(p.Fingerprints); n > 8*18 {
			t.Errorf("grid of %s: %d fingerprints", name, n)
		}
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
