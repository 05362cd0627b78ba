package photo

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Golden fingerprints: what is stored must be made the same way for as long as its version stands. The 256 bits are the same on
// every machine; goimagehash computes in floating point, so its may differ by a bit or two on another architecture.
func TestFingerprintsStayAsTheyAre(t *testing.T) {
	for _, c := range []struct {
		seed                  uint64
		w, h                  int
		algo, part, wantBytes string
	}{
		{1, 640, 480, Perception, "(0,0)-(640,480)", "96b2ad46e347ac38"},
		{1, 640, 480, Transform, "(0,0)-(640,480)", "648d5b978f3be6c18e16d8d9703561fa510ea2f4bd81673a97c12d4a867588cd"},
		{1, 640, 480, Perception, "(80,0)-(560,480)", "87b60a41d267cc3f"},
		{1, 640, 480, Transform, "(80,0)-(560,480)", "6dda15728330a47bcf2a9c9b7f5d68029bef642208556b2594fb2aa2c75c9c99"},
		{2, 1031, 700, Perception, "(0,0)-(1031,700)", "b9469b6f66b35808"},
		{2, 1031, 700, Transform, "(0,0)-(1031,700)", "8cdc3633dfc1cdc16632b1e010ef735f8d3c8e135fc3b9e4339042388c7d3345"},
		{3, 150, 200, Transform, "(0,25)-(150,175)", "06d7d0e8b1e0c3c5c385b8b8c81ce91cd4ab6d7a7687fca76b1a16866d45335a"},
		{4, 64, 64, Transform, "(0,0)-(64,64)", "330d3496f85decd76e595336dc88926949a63659c9e636c96918b358ec9cc323"},
	} {
		m := scene(c.seed, c.w, c.h)
		p := prepare(t, pngBytes(t, m))
		i := slices.IndexFunc(p.Fingerprints, func(f Fingerprint) bool { return f.Algo == c.algo && f.Part.String() == c.part })
		if i < 0 {
			t.Errorf("scene %d has no %s of %s", c.seed, c.algo, c.part)
			continue
		}
		got := p.Fingerprints[i]
		want, _ := hex.DecodeString(c.wantBytes)
		d, ok := Distance(got, Fingerprint{Algo: c.algo, Bits: want})
		if !ok || c.algo == Transform && d > 0 || d > 2 {
			t.Errorf("scene %d, %s of %s: %x, want %s", c.seed, c.algo, c.part, got.Bits, c.wantBytes)
		}
	}
}

func TestCosinesAreRounded(t *testing.T) {
	for i := range 1000 {
		if got, want := cosine(i), math.Round(math.Cos(float64(i)*math.Pi/128)*32768); float64(got) != want {
			t.Errorf("cosine %d is %d, want %v", i, got, want)
		}
	}
}

func TestDecodedPictureHasTheSameFingerprints(t *testing.T) {
	for _, m := range []image.Image{scene(1, 300, 200), strange{scene(1, 300, 200)}, shifted(scene(1, 300, 200))} {
		got, want := Fingerprints(m), prepare(t, pngBytes(t, scene(1, 300, 200))).Fingerprints
		if len(got) != 4 || !slices.EqualFunc(got, want, func(a, b Fingerprint) bool {
			return a.Algo == b.Algo && a.Part == b.Part && bytes.Equal(a.Bits, b.Bits)
		}) {
			t.Errorf("%T: %v, want %v", m, got, want)
		}
	}
	if got := Fingerprints(image.NewGray(image.Rectangle{})); got != nil {
		t.Errorf("an empty picture has %v", got)
	}
}

// strange is a picture of a type nobody knows.
type strange struct{ image.Image }

// shifted returns m as a part of a larger picture: with another origin, and strangers around it.
// What a large JPEG is decoded to at a fraction of its size is nearly what its means are. At 1,303 and 2,601 pixels of its long
// side the fraction is a half and a quarter, for a probe less.
func TestFractionOfAJPEGHasTheFingerprintsOfTheWhole(t *testing.T) {
	for _, size := range []image.Point{{1279, 800}, {1303, 799}, {1701, 2601}, {4001, 300}} {
		b := jpegBytes(t, scene(7, size.X, size.Y), 85)
		m, err := jpeg.Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		want := Fingerprints(m)
		for _, lim := range []Limits{{}, {Probe: true}} {
			p, err := Prepare(t.Context(), b, lim)
			if err != nil {
				t.Fatal(err)
			}
			if p.Width != size.X || p.Height != size.Y || len(p.Fingerprints) != len(want) {
				t.Fatalf("%v: %dx%d with %d fingerprints, want %d", size, p.Width, p.Height, len(p.Fingerprints), len(want))
			}
			for i, f := range p.Fingerprints {
				most := PerceptionRadius / 4
				if f.Algo == Transform {
					most = TransformRadius / 4
				}
				if d, ok := Distance(f, want[i]); !ok || f.Part != want[i].Part || d > most {
					t.Errorf("%v, probe %v: %s of %v is %d away from that of %v", size, lim.Probe, f.Algo, f.Part, d, want[i].Part)
				}
			}
			if d := decodeJPEG(t, p.Derivative).Rect.Size(); max(d.X, d.Y) != DerivativeSide {
				t.Errorf("%v: derivative of %v", size, d)
			}
		}
	}
}

func shifted(m *image.NRGBA) image.Image {
	big := scene(9, m.Rect.Dx()+50, m.Rect.Dy()+50)
	draw.Draw(big, m.Rect.Add(image.Pt(20, 30)), m, image.Point{}, draw.Src)
	return big.SubImage(m.Rect.Add(image.Pt(20, 30)))
}

func TestVerifyNamesTheKind(t *testing.T) {
	m := scene(11, 640, 480)
	b := jpegBytes(t, m, 95)
	known := prepare(t, b)
	middle := nrgba(m.SubImage(image.Rect(80, 0, 560, 480)))
	for _, c := range []struct {
		name, kind string
		b          []byte
	}{
		{"the file itself", Same, b},
		{"recompressed", Edited, jpegBytes(t, m, 40)},
		{"other format", Edited, pngBytes(t, m)},
		{"its middle square", Part, jpegBytes(t, middle, 75)},
		{"another picture", "", jpegBytes(t, scene(12, 640, 480), 95)},
	} {
		got, ok := Verify(prepare(t, c.b), known)
		if got.Kind != c.kind || ok != (c.kind != "") {
			t.Errorf("%s: %+v %v, want %q", c.name, got, ok, c.kind)
		}
		back, _ := Verify(known, prepare(t, c.b))
		if back.Kind != got.Kind || back.Query != got.Known || back.Known != got.Query {
			t.Errorf("%s: %+v one way, %+v the other", c.name, got, back)
		}
	}
	if m, ok := Verify(Photo{}, Photo{}); ok {
		t.Errorf("nothing matches nothing: %+v", m)
	}
	far := known
	far.SHA256 = [32]byte{1}
	far.Fingerprints = slices.Clone(far.Fingerprints)
	for i, f := range far.Fingerprints {
		if f.Algo == Transform {
			far.Fingerprints[i].Bits = slices.Clone(f.Bits)
			for j := range (TransformRadius + 8) / 8 {
				far.Fingerprints[i].Bits[j] ^= 0xff
			}
		}
	}
	if m, ok := Verify(far, known); ok {
		t.Errorf("%d bits apart is near enough: %+v", TransformRadius+8, m)
	}
	half := known
	half.SHA256 = [32]byte{1}
	half.Fingerprints = slices.DeleteFunc(slices.Clone(half.Fingerprints), func(f Fingerprint) bool { return f.Algo == Transform })
	if m, ok := Verify(half, known); ok {
		t.Errorf("one hash alone is enough: %+v", m)
	}
}

func TestScalingIsExactAndSymmetric(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, h := rapid.IntRange(1, 40).Draw(t, "w"), rapid.IntRange(1, 40).Draw(t, "h")
		n, m := rapid.IntRange(1, 40).Draw(t, "n"), rapid.IntRange(1, 40).Draw(t, "m")
		p := newPlane(w, h)
		copy(p.pix, rapid.SliceOfN(rapid.Byte(), w*h, w*h).Draw(t, "pix"))
		got := p.scaled(n, m)
		for y := range m {
			for x := range n {
				if want := meanOf(p, x, y, n, m); got.pix[y*n+x] != want {
					t.Fatalf("%d, %d is %d, want %d", x, y, got.pix[y*n+x], want)
				}
			}
		}
		o := rapid.IntRange(1, 8).Draw(t, "o")
		if o >= 5 {
			n, m = m, n
		}
		if turned := p.upright(o).scaled(n, m); !bytes.Equal(turned.pix, got.upright(o).pix) {
			t.Fatalf("orientation %d before scaling is not the same after it", o)
		}
	})
}

// meanOf is the definition: the mean of the area that one pixel of n by m covers, pixel by pixel.
func meanOf(p plane, x, y, n, m int) byte {
	overlap := func(i, scale, from, to int) int { return max(0, min((i+1)*scale, to)-max(i*scale, from)) }
	sum := 0
	for v := range p.h {
		for u := range p.w {
			sum += int(p.pix[v*p.w+u]) * overlap(u, n, x*p.w, (x+1)*p.w) * overlap(v, m, y*p.h, (y+1)*p.h)
		}
	}
	area := p.w * p.h
	return byte((sum + area/2) / area)
}

var (
	full    = flag.Bool("exam", false, "take all photos, which lasts minutes, instead of a sample")
	verbose = flag.Bool("exam.verbose", false, "name each copy that was missed")
)

// TestExam looks for edited copies of real photos among all of them, as the program does, and prints what was found and what
// should not have been. The photos are not part of the repository.
func TestExam(t *testing.T) {
	sample := 25
	if *full {
		sample = 1
	}
	var known []Photo
	var names []string
	var scenes []bool // from one series of frames of one scene
	type query struct {
		of   int
		edit string
		Photo
	}
	var queries []query
	for _, folder := range []string{"pool", "series", "distractors"} {
		for i, file := range photos(t, folder) {
			if folder != "series" && i%sample > 0 {
				continue
			}
			b := read(t, file)
			p := prepare(t, b)
			known, names, scenes = append(known, p), append(names, filepath.Base(file)), append(scenes, folder == "series")
			if folder == "distractors" && i%50 > 0 || folder == "series" && i%sample > 0 {
				continue
			}
			m, err := jpeg.Decode(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range edits {
				queries = append(queries, query{len(known) - 1, e.name, prepare(t, e.edit(t, nrgba(m)))})
			}
		}
	}
	found, asked := map[string]int{}, map[string]int{}
	pairs, same := 0, 0
	var false_ []string
	for _, q := range queries {
		asked[q.edit]++
		for i, k := range known {
			m, ok := Verify(q.Photo, k)
			switch {
			case i == q.of:
				if ok {
					found[q.edit]++
				} else if *verbose {
					t.Logf("missed %s of %s: %+v", q.edit, names[i], m)
				}
				continue
			case ok && scenes[i] && scenes[q.of]:
				same++
				fallthrough
			case ok:
				false_ = append(false_, fmt.Sprintf("%s of %s and %s: %+v", q.edit, names[q.of], names[i], m))
			}
			pairs++
		}
	}
	for i := range known {
		for j := range i {
			pairs++
			if m, ok := Verify(known[i], known[j]); ok {
				false_ = append(false_, fmt.Sprintf("%s and %s: %+v", names[i], names[j], m))
			}
		}
	}
	all, of := 0, 0
	for _, e := range edits {
		rate := float64(found[e.name]) / float64(asked[e.name])
		t.Logf("%-13s found %4d of %4d  %.3f", e.name, found[e.name], asked[e.name], rate)
		if rate < 0.98 && *full || rate < 0.9 {
			t.Errorf("%s: %.3f", e.name, rate)
		}
		all, of = all+found[e.name], of+asked[e.name]
	}
	flat := 0
	for _, p := range known {
		if !p.Matchable() {
			flat++
		}
	}
	t.Logf("%d photos, %d of them not matchable; all edits: %.4f; %d false of %d pairs (%d of one scene)", len(known), flat, float64(all)/float64(of), len(false_), pairs, same)
	if len(false_) > 0 {
		t.Errorf("false pairs:\n%s", strings.Join(false_, "\n"))
	}
}
