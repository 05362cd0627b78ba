package photo

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

func deflated(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// pngOf is a PNG file that says it is w by h pixels of a colour type and depth, whatever its data.
func pngOf(w, h uint32, depth, colour byte, data []byte) []byte {
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)
	head = append(head, depth, colour, 0, 0, 0)
	return slices.Concat([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", head), chunk("IDAT", data), chunk("IEND", nil))
}

func TestBombsAndStrangersAreRefusedByName(t *testing.T) {
	small := jpegBytes(t, scene(1, 100, 80), 80)
	frame := bytes.Index(small, []byte{0xff, 0xc0})
	sized := func(w, h uint16) []byte {
		b := slices.Clone(small)
		binary.BigEndian.PutUint16(b[frame+5:], h)
		binary.BigEndian.PutUint16(b[frame+7:], w)
		return b
	}
	segment := make([]byte, 65000)
	heavy := small
	for range 32 {
		heavy = withSegment(heavy, 0xe1, segment)
	}
	zeros := deflated(t, make([]byte, 200<<20))
	var tall bytes.Buffer
	if err := gif.Encode(&tall, image.NewPaletted(image.Rect(0, 0, 1, 60000), color.Palette{color.Black}), nil); err != nil {
		t.Fatal(err)
	}
	scan := small[bytes.Index(small, []byte{0xff, 0xda}) : len(small)-2]
	scans := slices.Concat(small[:len(small)-2], bytes.Repeat(scan, 200), small[len(small)-2:])
	arithmetic := slices.Clone(small)
	arithmetic[frame+1] = 0xc9
	deep := slices.Clone(small)
	deep[frame+4] = 12
	ftyp := func(brand string) []byte { return []byte("\x00\x00\x00\x14ftyp" + brand + "\x00\x00\x00\x00" + brand) }

	for _, c := range []struct {
		name, reason string
		b            []byte
	}{
		{"nothing", Empty, nil},
		{"too large a file", TooLarge, append(slices.Clone(small), make([]byte, MaxBytes)...)},
		{"SVG", UnknownFormat, []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>`)},
		{"HTML", UnknownFormat, []byte("<!DOCTYPE html><title>not a picture</title>")},
		{"PDF", UnknownFormat, []byte("%PDF-1.7\n")},
		{"text that begins like a BMP", UnknownFormat, []byte("BMW is a maker of cars in Munich, in the south of Germany, and has been for long.")},
		{"a film", UnknownFormat, ftyp("isom")},
		{"HEIC", HEIC, ftyp("heic")},
		{"HEIF", HEIC, ftyp("mif1")},
		{"PNG that says it is a JPEG nowhere", Corrupt, pngOf(100, 80, 8, 2, []byte("not deflated"))},
		{"JPEG of 65535x65535", TooWide, sized(65535, 65535)},
		{"JPEG of 12000x12000", TooManyPixels, sized(12000, 12000)},
		{"JPEG of no height", Corrupt, sized(100, 0)},
		{"JPEG of 8000x20", TooNarrow, sized(8000, 20)},
		{"PNG of 1x100000", TooWide, pngOf(1, 100000, 8, 0, deflated(t, make([]byte, 200000)))},
		{"PNG of 1x16000", TooNarrow, pngOf(1, 16000, 8, 0, deflated(t, make([]byte, 32000)))},
		{"PNG of 2^31-1 square", TooWide, pngOf(1<<31-1, 1<<31-1, 8, 2, nil)},
		{"PNG of 2^32-1 square", Corrupt, pngOf(1<<32-1, 1<<32-1, 8, 2, nil)},
		{"PNG of 6000x6000 at 64 bit", OverBudget, pngOf(6000, 6000, 16, 6, zeros)},
		{"PNG with 200 MB of data for 100 pixels", Corrupt, pngOf(10, 10, 8, 0, zeros)},
		{"GIF of 1x60000", TooWide, tall.Bytes()},
		{"2 MiB of EXIF", MetadataTooLarge, heavy},
		{"2 MiB of text in a PNG", MetadataTooLarge, withChunk(pngBytes(t, scene(1, 80, 80)), "tEXt", make([]byte, 2<<20))},
		{"2 MiB of EXIF in a PNG", MetadataTooLarge, withChunk(pngBytes(t, scene(1, 80, 80)), "eXIf", make([]byte, 2<<20))},
		{"WebP frame that says another size", Corrupt, riff("VP8X", []byte{2, 0, 0, 0, 119, 0, 0, 79, 0, 0},
			"ANMF", slices.Concat([]byte{0, 0, 0, 0, 0, 0, 99, 0, 0, 59, 0, 0, 1, 0, 0, 0}, read(t, "testdata/cropped.webp")[12:]))},
		{"200 scans", Corrupt, scans},
		{"arithmetic coding", Unsupported, arithmetic},
		{"12 bits a sample", Unsupported, deep},
		{"WebP with 2 MiB of XMP", MetadataTooLarge, riff("VP8X", []byte{4, 0, 0, 0, 79, 0, 0, 59, 0, 0}, "VP8 ", vp8(t), "XMP ", make([]byte, 2<<20))},
		{"WebP that says another size twice", Corrupt, riff("VP8X", []byte{0, 0, 0, 0, 255, 255, 255, 255, 255, 255}, "VP8 ", vp8(t))},
		{"WebP without picture", Corrupt, riff("ANIM", make([]byte, 6))},
		{"lossless WebP of 16384x16384 in twenty bytes", TooManyPixels, riff("VP8L", []byte{0x2f, 0xff, 0xff, 0xff, 0xff, 0, 0, 0})},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Prepare(t.Context(), c.b, Limits{})
			var refused *Refused
			if !errors.As(err, &refused) || refused.Reason != c.reason {
				t.Errorf("%v, want %s", err, c.reason)
			}
		})
	}
}

// vp8 is the lossy picture of testdata/cropped.webp.
func vp8(t testing.TB) []byte { return read(t, "testdata/cropped.webp")[20:] }

func TestTenThousandFramesCostOne(t *testing.T) {
	g := animation(image.NewPaletted(image.Rect(0, 0, 40, 40), webSafe()), 10000)
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, g); err != nil {
		t.Fatal(err)
	}
	if _, err := Prepare(t.Context(), b.Bytes(), Limits{Budget: NewBudget(2 << 20)}); err != nil {
		t.Error(err)
	}
}

func TestPictureOverTheWholeBudgetIsRefusedAtOnce(t *testing.T) {
	budget := NewBudget(1 << 20)
	for name, b := range files(t) {
		_, err := Prepare(t.Context(), b, Limits{Budget: budget})
		var refused *Refused
		if !errors.As(err, &refused) || refused.Reason != OverBudget {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatIsCutOffIsNeverTaken(t *testing.T) {
	for name, b := range files(t) {
		t.Run(name, func(t *testing.T) {
			// Every place near both ends, and a hundred between.
			step := max(1, len(b)/100)
			for n := 1; n < len(b); n++ {
				if n > 64 && n < len(b)-64 && n%step != 0 {
					continue
				}
				if strings.HasSuffix(name, "tiff") && n > len(b)-24 {
					continue // the last tags (resolution) end the file and are not needed
				}
				p, err := Prepare(t.Context(), b[:n], Limits{})
				var refused *Refused
				if !errors.As(err, &refused) {
					t.Fatalf("cut at %d of %d: %v, %d fingerprints", n, len(b), err, len(p.Fingerprints))
				}
				if n > 64 && refused.Reason != Truncated && !strings.HasSuffix(name, "tiff") {
					t.Errorf("cut at %d of %d: %v", n, len(b), err)
				}
			}
		})
	}
}

func TestCutJPEGWithAnEndPutOnIsNotTaken(t *testing.T) {
	b := jpegBytes(t, scene(2, 320, 240), 85)
	for n := len(b) / 4; n < len(b)-2; n += 997 {
		if _, err := Prepare(t.Context(), append(slices.Clone(b[:n]), 0xff, 0xd9), Limits{}); err == nil {
			t.Errorf("cut at %d of %d and ended: taken", n, len(b))
		}
	}
}

func TestDamageNeverEscapes(t *testing.T) {
	for name, b := range files(t) {
		places := 60
		if strings.HasSuffix(name, "avif") {
			places = 12 // each starts a machine
		}
		for i := 0; i < len(b); i += max(1, len(b)/places) {
			for _, flip := range []byte{0x01, 0x80, 0xff} {
				hurt := slices.Clone(b)
				hurt[i] ^= flip
				_, err := Prepare(t.Context(), hurt, Limits{})
				var refused *Refused
				if err != nil && !errors.As(err, &refused) {
					t.Errorf("%s with byte %d changed: %v", name, i, err)
				}
			}
		}
	}
}

func TestAVIFThatDecodesToNothingIsRefused(t *testing.T) {
	// With these bytes changed the decoder parses the file, makes no picture, and reports success.
	for _, at := range []int{120, 275, 302} {
		b := read(t, "testdata/drawn.avif")
		b[at] ^= 0x55
		var refused *Refused
		if p, err := Prepare(t.Context(), b, Limits{}); !errors.As(err, &refused) || refused.Reason != Corrupt {
			t.Errorf("byte %d: %v, %d fingerprints", at, err, len(p.Fingerprints))
		}
	}
}

func TestPanicBecomesARefusal(t *testing.T) {
	var refused *Refused
	err := guarded(func() error { panic("index out of range") })
	if err == nil || !errors.As(refusal(err), &refused) || refused.Reason != Corrupt {
		t.Error(err)
	}
	if err := refusal(io.ErrUnexpectedEOF); !errors.As(err, &refused) || refused.Reason != Truncated || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
}

func FuzzPrepare(f *testing.F) {
	for _, b := range files(f) {
		f.Add(b)
	}
	f.Add(withSegment(jpegBytes(f, scene(1, 80, 80), 80), 0xe1, append([]byte("Exif\x00\x00"), cameraBlock()...)))
	budget := NewBudget(64 << 20)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Prepare(t.Context(), b, Limits{Budget: budget, Deadline: time.Second, KeepPlace: true})
		var refused *Refused
		if err != nil {
			if !errors.As(err, &refused) || refused.Reason == "" {
				t.Fatalf("no refusal: %v", err)
			}
			return
		}
		if p.Width < 1 || p.Height < 1 || p.Width*p.Height > MaxPixels || max(p.Width, p.Height) > MaxSide {
			t.Fatalf("%dx%d", p.Width, p.Height)
		}
		if p.Matchable() != (len(p.Fingerprints) > 0) {
			t.Fatalf("matchable %v with %d fingerprints", p.Matchable(), len(p.Fingerprints))
		}
		if d := decodeJPEG(t, p.Derivative).Rect.Size(); max(d.X, d.Y) > DerivativeSide {
			t.Fatalf("derivative of %v", d)
		}
		decodeJPEG(t, p.Blurred)
	})
}
