package photo

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// drawing is the picture of testdata/README.
func drawing(t testing.TB) *image.NRGBA {
	t.Helper()
	m, err := png.Decode(bytes.NewReader(read(t, "testdata/drawn.png")))
	if err != nil {
		t.Fatal(err)
	}
	return nrgba(m)
}

// files returns the drawing, or a part of it on white, in every format and mode.
func files(t testing.TB) map[string][]byte {
	t.Helper()
	m := drawing(t)
	written := func(f func(*bytes.Buffer) error) []byte {
		var b bytes.Buffer
		if err := f(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	as := func(to draw.Image) image.Image {
		draw.Draw(to, to.Bounds(), m, image.Point{}, draw.Src)
		return to
	}
	colours := image.NewPaletted(m.Rect, webSafe())
	draw.Draw(colours, m.Rect, m, image.Point{}, draw.Src)
	out := map[string][]byte{
		"baseline.jpg":    jpegBytes(t, m, 95),
		"grey.jpg":        jpegBytes(t, as(image.NewGray(m.Rect)), 95),
		"8 bit.png":       pngBytes(t, m),
		"16 bit.png":      pngBytes(t, as(image.NewNRGBA64(m.Rect))),
		"16 bit rgb.png":  pngBytes(t, as(image.NewRGBA64(m.Rect))),
		"grey.png":        pngBytes(t, as(image.NewGray(m.Rect))),
		"16 bit grey.png": pngBytes(t, as(image.NewGray16(m.Rect))),
		"palette.png":     pngBytes(t, colours),
		"interlaced.png":  interlaced(t, m),
		"animated.png":    apng(t, m),
		"still.gif":       written(func(b *bytes.Buffer) error { return gif.Encode(b, colours, nil) }),
		"animated.gif":    written(func(b *bytes.Buffer) error { return gif.EncodeAll(b, animation(colours, 3)) }),
		"24 bit.bmp":      written(func(b *bytes.Buffer) error { return bmp.Encode(b, m) }),
		"palette.bmp":     written(func(b *bytes.Buffer) error { return bmp.Encode(b, colours) }),
		"plain.tiff":      written(func(b *bytes.Buffer) error { return tiff.Encode(b, m, nil) }),
		"deflate.tiff": written(func(b *bytes.Buffer) error {
			return tiff.Encode(b, m, &tiff.Options{Compression: tiff.Deflate, Predictor: true})
		}),
		"16 bit grey.tiff": written(func(b *bytes.Buffer) error { return tiff.Encode(b, as(image.NewGray16(m.Rect)), nil) }),
	}
	made, err := filepath.Glob("testdata/*.*")
	if err != nil || len(made) < 10 {
		t.Fatal("testdata is incomplete", err)
	}
	for _, file := range made {
		out[filepath.Base(file)] = read(t, file)
	}
	return out
}

func webSafe() color.Palette {
	p := color.Palette{}
	for i := range 216 {
		p = append(p, color.NRGBA{byte(i / 36 * 51), byte(i / 6 % 6 * 51), byte(i % 6 * 51), 255})
	}
	return p
}

// animation shows m, then its negative.
func animation(m *image.Paletted, frames int) *gif.GIF {
	negative := &image.Paletted{Pix: slices.Clone(m.Pix), Stride: m.Stride, Rect: m.Rect, Palette: m.Palette}
	for i, v := range negative.Pix {
		negative.Pix[i] = 215 - v
	}
	g := &gif.GIF{Image: []*image.Paletted{m}, Delay: []int{1}}
	for range frames - 1 {
		g.Image, g.Delay = append(g.Image, negative), append(g.Delay, 1)
	}
	return g
}

// chunk is one chunk of a PNG file.
func chunk(kind string, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = append(append(b, kind...), body...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// withChunk puts a chunk after the header of a PNG file.
func withChunk(b []byte, kind string, body []byte) []byte {
	return slices.Concat(b[:33], chunk(kind, body), b[33:])
}

// apng turns m into an animation whose second frame, said to be larger than the canvas, is not to be looked at.
func apng(t testing.TB, m image.Image) []byte {
	b := withChunk(pngBytes(t, m), "acTL", []byte{0, 0, 0, 2, 0, 0, 0, 0})
	end := len(b) - 12
	return slices.Concat(b[:end], chunk("fcTL", make([]byte, 26)), chunk("fdAT", []byte("\x00\x00\x00\x02not a picture")), b[end:])
}

// interlaced writes m by the seven passes of PNG, each of which is a small picture of its own.
func interlaced(t testing.TB, m *image.NRGBA) []byte {
	t.Helper()
	raw := bytes.Buffer{}
	for _, p := range [7][4]int{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}} {
		for y := p[1]; y < m.Rect.Dy(); y += p[3] {
			raw.WriteByte(0)
			for x := p[0]; x < m.Rect.Dx(); x += p[2] {
				c := m.NRGBAAt(x, y)
				raw.Write([]byte{c.R, c.G, c.B})
			}
		}
	}
	head := binary.BigEndian.AppendUint32(nil, uint32(m.Rect.Dx()))
	head = binary.BigEndian.AppendUint32(head, uint32(m.Rect.Dy()))
	head = append(head, 8, 2, 0, 0, 1)
	return slices.Concat([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", head), chunk("IDAT", deflated(t, raw.Bytes())), chunk("IEND", nil))
}

func TestEveryFormatIsTheSamePicture(t *testing.T) {
	known := prepare(t, read(t, "testdata/drawn.png"))
	for name, b := range files(t) {
		t.Run(name, func(t *testing.T) {
			p := prepare(t, b)
			want := [2]int{120, 80}
			switch {
			case strings.HasPrefix(name, "cropped"):
				want = [2]int{80, 60}
			case strings.HasPrefix(name, "tiny"):
				want = [2]int{12, 8}
			}
			if got := [2]int{p.Width, p.Height}; got != want {
				t.Errorf("size %v, want %v", got, want)
			}
			if ext := strings.TrimPrefix(filepath.Ext(name), "."); p.Format != ext && p.Format+ext != "jpegjpg" {
				t.Errorf("format %q", p.Format)
			}
			if p.Matchable() {
				if strings.HasPrefix(name, "alpha") {
					return // half of it is on white: another picture
				}
				if m, ok := Verify(p, known); !ok {
					t.Errorf("not found; %+v", m)
				}
			}
			m := decodeJPEG(t, p.Derivative)
			at := image.Pt(30*m.Rect.Dx()/120, 25*m.Rect.Dy()/80) // in the yellow disc
			if strings.HasPrefix(name, "cropped") {
				at = image.Pt(10, 15)
			}
			r, g, blue, _ := m.At(at.X, at.Y).RGBA()
			tolerance := 12
			if strings.HasPrefix(name, "palette") || strings.HasPrefix(name, "tiny") || strings.HasSuffix(name, "gif") {
				tolerance = 32 // of 216 colours, or few pixels
			}
			if got := [3]int{int(r >> 8), int(g >> 8), int(blue >> 8)}; !strings.Contains(name, "grey") && !near(got, [3]int{240, 220, 40}, tolerance) {
				t.Errorf("the disc is %v", got)
			}
		})
	}
}

func near(a, b [3]int, by int) bool {
	for i := range a {
		if a[i] > b[i]+by || a[i] < b[i]-by {
			return false
		}
	}
	return true
}

func decodeJPEG(t testing.TB, b []byte) *image.YCbCr {
	t.Helper()
	m, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return m.(*image.YCbCr)
}

func TestTransparencyIsWhite(t *testing.T) {
	m := drawing(t)
	for y := range 80 {
		for x := 60; x < 120; x++ {
			c := m.NRGBAAt(x, y)
			c.A = 0
			m.SetNRGBA(x, y, c)
		}
	}
	deep := image.NewNRGBA64(m.Rect)
	draw.Draw(deep, m.Rect, m, image.Point{}, draw.Src)
	see := image.NewPaletted(m.Rect, append(webSafe(), color.NRGBA{10, 20, 30, 0}))
	draw.Draw(see, m.Rect, m, image.Point{}, draw.Src)
	for y := range 80 {
		for x := 60; x < 120; x++ {
			see.SetColorIndex(x, y, 216)
		}
	}
	var asGIF bytes.Buffer
	if err := gif.EncodeAll(&asGIF, &gif.GIF{Image: []*image.Paletted{see}, Delay: []int{0}}); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"png": pngBytes(t, m), "16 bit png": pngBytes(t, deep), "palette png": pngBytes(t, see), "gif": asGIF.Bytes(),
		"webp": read(t, "testdata/alpha.webp"), "lossless webp": read(t, "testdata/alpha-lossless.webp"), "avif": read(t, "testdata/alpha.avif"),
	} {
		d := decodeJPEG(t, prepare(t, b).Derivative)
		r, g, blue, _ := d.At(112, 40).RGBA()
		if got := [3]int{int(r >> 8), int(g >> 8), int(blue >> 8)}; !near(got, [3]int{255, 255, 255}, 12) {
			t.Errorf("%s: see-through pixels are %v, not white", name, got)
		}
	}
}

func TestFrameOfAnAnimationLiesOnItsCanvas(t *testing.T) {
	frame := image.NewPaletted(image.Rect(40, 30, 60, 50), color.Palette{color.Black, color.White})
	var b bytes.Buffer
	g := &gif.GIF{Image: []*image.Paletted{frame}, Delay: []int{0}, Config: image.Config{Width: 120, Height: 80, ColorModel: frame.Palette}}
	if err := gif.EncodeAll(&b, g); err != nil {
		t.Fatal(err)
	}
	d := decodeJPEG(t, prepare(t, b.Bytes()).Derivative)
	if d.Rect.Size() != image.Pt(120, 80) || d.YCbCrAt(50, 40).Y > 20 || d.YCbCrAt(20, 40).Y < 235 || d.YCbCrAt(50, 70).Y < 235 {
		t.Errorf("%v: %v in the frame, %v and %v beside it", d.Rect, d.YCbCrAt(50, 40), d.YCbCrAt(20, 40), d.YCbCrAt(50, 70))
	}

	// The same for WebP, whose frame must be cut out for the decoder.
	still := read(t, "testdata/cropped.webp") // 80 by 60
	frameChunk := slices.Concat([]byte{20, 0, 0, 5, 0, 0, 79, 0, 0, 59, 0, 0, 1, 0, 0, 0}, still[12:])
	p := prepare(t, riff(
		"VP8X", []byte{2, 0, 0, 0, 119, 0, 0, 79, 0, 0}, "ANIM", make([]byte, 6), "ANMF", frameChunk, "ANMF", []byte("sixteen bytes or more, never looked at")))
	d = decodeJPEG(t, p.Derivative)
	if d.Rect.Size() != image.Pt(120, 80) || d.YCbCrAt(10, 40).Y < 235 || d.YCbCrAt(50, 75).Y < 235 || d.YCbCrAt(55, 25).Y > 220 {
		t.Errorf("%v: %v %v %v", d.Rect, d.YCbCrAt(10, 40), d.YCbCrAt(50, 75), d.YCbCrAt(55, 25))
	}
}

// riff makes a WebP file of kinds and bodies of chunks.
func riff(parts ...any) []byte {
	var body []byte
	for i := 0; i < len(parts); i += 2 {
		b := parts[i+1].([]byte)
		body = append(body, parts[i].(string)...)
		body = binary.LittleEndian.AppendUint32(body, uint32(len(b)))
		body = append(append(body, b...), make([]byte, len(b)&1)...)
	}
	out := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(4+len(body)))
	return append(append(out, "WEBP"...), body...)
}

// stored returns m as a camera that says orientation o stores it: what upright undoes.
func stored(m *image.NRGBA, o int) *image.NRGBA {
	back := []int{0, 1, 2, 3, 4, 5, 8, 7, 6}[o]
	w, h := m.Rect.Dx(), m.Rect.Dy()
	var out *image.NRGBA
	for c := range 4 {
		p := newPlane(w, h)
		for i := range p.pix {
			p.pix[i] = m.Pix[4*i+c]
		}
		p = p.upright(back)
		if out == nil {
			out = image.NewNRGBA(image.Rect(0, 0, p.w, p.h))
		}
		for i, v := range p.pix {
			out.Pix[4*i+c] = v
		}
	}
	return out
}

// exifBlock makes an EXIF block in the byte order of a tag list: tags of the first directory, all SHORT or ASCII.
func exifBlock(orientation uint16, taken string) []byte {
	b := []byte("MM\x00*\x00\x00\x00\x08\x00\x02")
	b = binary.BigEndian.AppendUint16(b, tagOrientation)
	b = append(b, 0, 3, 0, 0, 0, 1)
	b = binary.BigEndian.AppendUint16(b, orientation)
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint16(b, tagDateTime)
	b = append(b, 0, 2)
	b = binary.BigEndian.AppendUint32(b, uint32(len(taken)+1))
	b = binary.BigEndian.AppendUint32(b, uint32(len(b)+8))
	return append(append(append(b, 0, 0, 0, 0), taken...), 0)
}

// withSegment puts an application segment at the start of a JPEG file.
func withSegment(b []byte, marker byte, body []byte) []byte {
	head := binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(len(body)+2))
	return slices.Concat(b[:2], head, body, b[2:])
}

func TestEightOrientationsAreOneFingerprint(t *testing.T) {
	for _, size := range []image.Point{{300, 200}, {201, 333}, {1031, 700}} {
		m := scene(7, size.X, size.Y)
		want := prepare(t, pngBytes(t, m))
		inJPEG := prepare(t, jpegBytes(t, m, 100))
		for o := 1; o <= 8; o++ {
			block := exifBlock(uint16(o), "2011:01:25 08:30:00")
			p := prepare(t, withChunk(pngBytes(t, stored(m, o)), "eXIf", block))
			if p.Width != size.X || p.Height != size.Y {
				t.Errorf("orientation %d: %dx%d, want %v", o, p.Width, p.Height, size)
			}
			if diff := cmp.Diff(want.Fingerprints, p.Fingerprints); diff != "" {
				t.Errorf("orientation %d, %v: %s", o, size, diff)
			}
			// In a JPEG the stored pixels themselves differ by a rounding once it is turned.
			p = prepare(t, withSegment(jpegBytes(t, stored(m, o), 100), 0xe1, append([]byte("Exif\x00\x00"), block...)))
			for i, f := range p.Fingerprints {
				if d, ok := Distance(f, inJPEG.Fingerprints[i]); !ok || d > 8 {
					t.Errorf("orientation %d in JPEG, %v: %s is %d away", o, size, f.Algo, d)
				}
			}
		}
	}
}

func TestTurnOfAVIFIsItsOwn(t *testing.T) {
	// turned.avif carries its turn as a property, and beside it an EXIF orientation that must not turn it again.
	p, want := prepare(t, read(t, "testdata/turned.avif")), prepare(t, read(t, "testdata/drawn.png"))
	if m, ok := Verify(p, want); !ok || m.Kind != Edited {
		t.Errorf("%+v %v", m, ok)
	}
}

func TestDerivativeCarriesNoMetadata(t *testing.T) {
	m := scene(3, 900, 600)
	b := jpegBytes(t, m, 90)
	const canary = "CANARY"
	for marker := byte(0xe0); marker < 0xf0; marker++ {
		b = withSegment(b, marker, []byte("Exif\x00\x00"+canary))
	}
	b = append(withSegment(b, 0xfe, []byte(canary)), canary...)
	in := withChunk(withChunk(pngBytes(t, m), "tEXt", []byte("Comment\x00"+canary)), "eXIf", exifBlock(6, canary))
	for _, b := range [][]byte{b, in} {
		p := prepare(t, b)
		for name, out := range map[string][]byte{"derivative": p.Derivative, "blurred": p.Blurred, "grey": p.Grey} {
			if bytes.Contains(out, []byte(canary)) {
				t.Errorf("the %s holds the canary", name)
			}
			for _, kind := range segments(t, out) {
				if !slices.Contains([]byte{0xdb, 0xc0, 0xc4, 0xda}, kind) { // tables, frame and scan
					t.Errorf("the %s has a segment %x", name, kind)
				}
			}
		}
	}
}

// segments returns the markers of a JPEG file between its first and its last, which must be the end of the file.
func segments(t *testing.T, b []byte) []byte {
	t.Helper()
	var out []byte
	at := 2
	for b[at+1] != 0xda {
		out = append(out, b[at+1])
		at += 2 + int(binary.BigEndian.Uint16(b[at+2:]))
	}
	if i := bytes.Index(b[at+2:], []byte{0xff, 0xd9}); at+2+i+2 != len(b) {
		t.Errorf("%d bytes after the end", len(b)-at-4-i)
	}
	return append(out, 0xda)
}

func TestDerivativeIsSmallAndNeverEnlarged(t *testing.T) {
	for _, c := range []struct{ w, h, wantW, wantH int }{
		{1200, 900, 640, 480}, {900, 1200, 480, 640}, {640, 480, 640, 480}, {333, 17, 333, 17}, {1, 1, 1, 1}, {2000, 10, 640, 3}, {1000, 5, 640, 3},
	} {
		p := prepare(t, pngBytes(t, scene(1, c.w, c.h)))
		if got := decodeJPEG(t, p.Derivative).Rect.Size(); got != image.Pt(c.wantW, c.wantH) {
			t.Errorf("%dx%d became %v", c.w, c.h, got)
		}
		if got := decodeJPEG(t, p.Blurred).Rect.Size(); max(got.X, got.Y) != BlurredSide {
			t.Errorf("%dx%d blurred is %v", c.w, c.h, got)
		}
	}
}

func TestBlurHidesEveryDetail(t *testing.T) {
	// Two pictures that differ in everything but the mean of each of 8x8 cells must look alike once blurred, and nothing in
	// the blurred picture may change faster than from cell to cell.
	a, b := image.NewGray(image.Rect(0, 0, 640, 640)), image.NewGray(image.Rect(0, 0, 640, 640))
	for y := range 640 {
		for x := range 640 {
			mean := (x/80*31 + y/80*57) % 160
			a.SetGray(x, y, color.Gray{byte(mean + 48 + 40*(x/40%2*2-1))})
			b.SetGray(x, y, color.Gray{byte(mean + 48 + 40*(y/40%2*2-1))})
		}
	}
	left, right := decodeJPEG(t, prepare(t, pngBytes(t, a)).Blurred), decodeJPEG(t, prepare(t, pngBytes(t, b)).Blurred)
	for y := range 160 {
		for x := range 160 {
			l, r := int(left.YCbCrAt(x, y).Y), int(right.YCbCrAt(x, y).Y)
			if l-r > 6 || r-l > 6 {
				t.Fatalf("at %d, %d: %d and %d", x, y, l, r)
			}
			if x > 0 {
				if step := l - int(left.YCbCrAt(x-1, y).Y); step > 24 || step < -24 {
					t.Fatalf("at %d, %d: an edge of %d", x, y, step)
				}
			}
		}
	}
}

func TestFlatAndTinyAreNeverMatched(t *testing.T) {
	plain := image.NewNRGBA(image.Rect(0, 0, 400, 300))
	fade, glow, grain, text := image.NewNRGBA(plain.Rect), image.NewNRGBA(plain.Rect), image.NewNRGBA(plain.Rect), image.NewNRGBA(plain.Rect)
	noise := scene(5, 400, 300)
	for i := range plain.Pix {
		plain.Pix[i], text.Pix[i] = 255, 255
		fade.Pix[i] = byte(255 * (i % 1600) / 1600)
		dx, dy := i%1600/4-200, i/1600-150
		glow.Pix[i] = byte(255 - (dx*dx+dy*dy)*255/62500)
		grain.Pix[i] = 120 + noise.Pix[i]&15
		if i%4 == 3 {
			fade.Pix[i], glow.Pix[i], grain.Pix[i] = 255, 255, 255
		}
	}
	text.Set(200, 150, color.Black)
	for name, m := range map[string]*image.NRGBA{"white": plain, "fade": fade, "glow": glow, "grain": grain, "a dot": text} {
		for _, b := range [][]byte{pngBytes(t, m), jpegBytes(t, m, 60)} {
			p := prepare(t, b)
			if !p.Flat || p.Matchable() || p.Fingerprints != nil {
				t.Errorf("%s is not flat", name)
			}
			if match, ok := Verify(p, prepare(t, jpegBytes(t, m, 50))); ok {
				t.Errorf("%s matches: %+v", name, match)
			}
		}
	}
	for _, size := range []image.Point{{63, 300}, {300, 63}, {1, 1}, {12, 12}} {
		if p := prepare(t, pngBytes(t, scene(1, size.X, size.Y))); !p.Tiny || p.Matchable() || p.Fingerprints != nil {
			t.Errorf("%v is not tiny", size)
		}
	}
	for seed := range uint64(40) {
		if p := prepare(t, jpegBytes(t, scene(seed, 200, 150), 50)); !p.Matchable() {
			t.Errorf("scene %d is not matchable", seed)
		}
	}
}

func TestCameraFacts(t *testing.T) {
	b := jpegBytes(t, scene(1, 80, 80), 90)
	block := append([]byte("Exif\x00\x00"), cameraBlock()...)
	b = withSegment(b, 0xe1, block)
	want := time.Date(2011, 1, 25, 8, 30, 0, 0, time.FixedZone("", 8*3600))
	p := prepare(t, b)
	if !p.Taken.Equal(want) || !p.TakenZoned || p.Place != nil {
		t.Errorf("taken %v (%v), place %v", p.Taken, p.TakenZoned, p.Place)
	}
	p, err := Prepare(t.Context(), b, Limits{KeepPlace: true})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&Place{Lat: -33.5, Lon: 151.25}, p.Place); diff != "" {
		t.Error(diff)
	}
	p = prepare(t, withChunk(pngBytes(t, scene(1, 80, 80)), "eXIf", exifBlock(1, "2011:01:25 08:30:00")))
	if want := time.Date(2011, 1, 25, 8, 30, 0, 0, time.UTC); !p.Taken.Equal(want) || p.TakenZoned {
		t.Errorf("taken %v (%v), want %v", p.Taken, p.TakenZoned, want)
	}
	for _, nonsense := range []string{"0000:00:00 00:00:00", "    :  :     :  :  ", "2011:13:45 99:99:99", ""} {
		if p := prepare(t, withChunk(pngBytes(t, scene(1, 80, 80)), "eXIf", exifBlock(9, nonsense))); !p.Taken.IsZero() {
			t.Errorf("%q is %v", nonsense, p.Taken)
		}
	}
}

// cameraBlock is a little-endian block with a zoned time and a place: 33.5 S, 151.25 E.
func cameraBlock() []byte {
	le := binary.LittleEndian
	b := make([]byte, 300)
	copy(b, "II*\x00\x08\x00\x00\x00")
	put := func(at int, entries ...[4]uint32) {
		le.PutUint16(b[at:], uint16(len(entries)))
		for i, e := range entries {
			p := at + 2 + 12*i
			le.PutUint16(b[p:], uint16(e[0]))
			le.PutUint16(b[p+2:], uint16(e[1]))
			le.PutUint32(b[p+4:], e[2])
			le.PutUint32(b[p+8:], e[3])
		}
	}
	put(8, [4]uint32{tagExifDirectory, 4, 1, 40}, [4]uint32{tagPlaceDirectory, 4, 1, 80})
	put(40, [4]uint32{tagTaken, 2, 20, 150}, [4]uint32{tagTakenOffset, 2, 7, 180})
	put(80, [4]uint32{1, 2, 2, 'S'}, [4]uint32{2, 5, 3, 200}, [4]uint32{3, 2, 2, 'E'}, [4]uint32{4, 5, 3, 230})
	copy(b[150:], "2011:01:25 08:30:00")
	copy(b[180:], "+08:00")
	for i, v := range []uint32{33, 1, 30, 1, 0, 1} {
		le.PutUint32(b[200+4*i:], v)
	}
	for i, v := range []uint32{151, 1, 1500, 100, 0, 1} {
		le.PutUint32(b[230+4*i:], v)
	}
	return b
}

func TestBudgetIsWaitedFor(t *testing.T) {
	b := pngBytes(t, scene(1, 500, 500)) // reserves 2 MB
	budget := NewBudget(3 << 20)
	release, err := budget.reserve(t.Context(), 2<<20)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Prepare(ctx, b, Limits{Budget: budget}); !errors.Is(err, context.Canceled) {
		t.Errorf("without room and without time: %v", err)
	}
	release()

	synctest.Test(t, func(t *testing.T) {
		budget := NewBudget(3 << 20) // of the bubble's own
		release, err := budget.reserve(t.Context(), 2<<20)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() {
			_, err := Prepare(t.Context(), b, Limits{Budget: budget})
			done <- err
		}()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("did not wait: %v", err)
		default:
		}
		release()
		if err := <-done; err != nil {
			t.Errorf("with room again: %v", err)
		}
	})
	if _, err := budget.reserve(t.Context(), 3<<20); err != nil {
		t.Errorf("not all was given back: %v", err)
	}
}

func TestEndOfContextIsNoRefusal(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var refused *Refused
	for name, b := range files(t) {
		if _, err := Prepare(ctx, b, Limits{}); !errors.Is(err, context.Canceled) || errors.As(err, &refused) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Prepare(t.Context(), b, Limits{Deadline: -1}); !errors.As(err, &refused) || refused.Reason != TimedOut {
			t.Errorf("%s after its deadline: %v", name, err)
		}
	}
}
