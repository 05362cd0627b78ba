package miniature

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/jpeg"
	"io"
	"runtime"
	"slices"
	"testing"

	"xunqin/pipeline/photo/miniature/miniaturetest"
)

// whole opens and decodes a file.
func whole(ctx context.Context, b []byte, o Options) (image.Image, error) {
	f, err := Open(b)
	if err != nil {
		return nil, err
	}
	return f.Decode(ctx, o)
}

// put returns b with other bytes after the first place where what stands.
func put(t *testing.T, b []byte, what string, offset int, other ...byte) []byte {
	t.Helper()
	i := bytes.Index(b, []byte(what))
	if i < 0 {
		t.Fatalf("no %x", what)
	}
	b = slices.Clone(b)
	copy(b[i+offset:], other)
	return b
}

// insert returns b with a segment before the first of a kind.
func insert(t *testing.T, b []byte, before string, segment ...byte) []byte {
	t.Helper()
	i := bytes.Index(b, []byte(before))
	if i < 0 {
		t.Fatalf("no %x", before)
	}
	return slices.Insert(slices.Clone(b), i, segment...)
}

const (
	sof0 = "\xff\xc0"
	sof2 = "\xff\xc2"
	dht  = "\xff\xc4"
	sos  = "\xff\xda"
	dqt  = "\xff\xdb"
	dri  = "\xff\xdd"
)

func TestDamageIsNamed(t *testing.T) {
	colour := [][2]int{{2, 2}, {1, 1}, {1, 1}}
	p := miniaturetest.Writer{Width: 40, Height: 30, Sampling: colour}
	plain := p.Bytes()
	p.Interval = 1
	restarted := p.Bytes()
	p.Interval, p.Progressive = 0, true
	progressive := p.Bytes()
	adobe := func(transform byte) []byte {
		return append([]byte("\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00"), transform)
	}
	tableOf := func(counts ...byte) []byte {
		body := append(append([]byte{0}, counts...), make([]byte, 16-len(counts))...)
		n := 0
		for _, c := range counts {
			n += int(c)
		}
		body = append(body, make([]byte, n)...)
		return append([]byte{0xff, 0xc4, byte((len(body) + 2) >> 8), byte(len(body) + 2)}, body...)
	}
	cut := bytes.LastIndex(restarted, []byte("\xff\xd0"))
	scan := progressive[bytes.Index(progressive, []byte(sos)):]
	crowded := miniaturetest.Writer{Width: 40, Height: 30, Sampling: [][2]int{{4, 2}, {2, 2}, {2, 2}}}
	grey := miniaturetest.Writer{Width: 40, Height: 30, Sampling: [][2]int{{1, 1}}, Progressive: true}
	first := grey.Bytes()
	// An AC scan whose one code says that 2^14 blocks are empty.
	empty := slices.Concat([]byte("\xff\xc4\x00\x14\x10\x01"), make([]byte, 15), []byte("\xe0\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x00\x00\x00\xff\xd9"))
	beyond := slices.Concat(first[:len(first)-2], empty)
	beyondRestart := slices.Concat(first[:len(first)-2], []byte("\xff\xdd\x00\x04\x00\x07"), empty)

	var damaged FormatError
	var unsupported UnsupportedError
	var limit LimitError
	for name, c := range map[string]struct {
		b    []byte
		want any
	}{
		"nothing":                     {nil, io.ErrUnexpectedEOF},
		"another format":              {[]byte("\x89PNG\r\n\x1a\n"), &damaged},
		"no end":                      {plain[:len(plain)-2], io.ErrUnexpectedEOF},
		"cut in the data":             {plain[:len(plain)-40], io.ErrUnexpectedEOF},
		"cut in the data and ended":   {append(slices.Clone(plain[:len(plain)-40]), 0xff, 0xd9), &damaged},
		"cut in a header":             {plain[:30], io.ErrUnexpectedEOF},
		"a segment of no length":      {insert(t, plain, dqt, 0xff, 0xe2, 0, 0), &damaged},
		"a segment without end":       {insert(t, plain, sos, 0xff, 0xe2, 0xff, 0xff), io.ErrUnexpectedEOF},
		"two frames":                  {insert(t, plain, sos, plain[bytes.Index(plain, []byte(sof0)):][:19]...), &damaged},
		"no frame":                    {[]byte("\xff\xd8\xff\xd9"), &damaged},
		"a scan before the frame":     {insert(t, plain, sof0, plain[bytes.Index(plain, []byte(sos)):][:14]...), &damaged},
		"no scan":                     {append(slices.Clone(plain[:bytes.Index(plain, []byte(sos))]), 0xff, 0xd9), &damaged},
		"width 0":                     {put(t, plain, sof0, 7, 0, 0), &damaged},
		"height 0, a DNL after it":    {put(t, plain, sof0, 5, 0, 0), &unsupported},
		"DNL":                         {insert(t, plain, sos, 0xff, 0xdc, 0, 4, 0, 30), &unsupported},
		"12 bits":                     {put(t, plain, sof0, 4, 12), &unsupported},
		"arithmetic":                  {put(t, plain, sof0, 1, 0xc9), &unsupported},
		"lossless":                    {put(t, plain, sof0, 1, 0xc3), &unsupported},
		"hierarchical":                {put(t, plain, sof0, 1, 0xc5), &unsupported},
		"four components":             {put(t, plain, sof0, 9, 4), &unsupported},
		"two components":              {put(t, plain, sof0, 9, 2), &unsupported},
		"sampling 0":                  {put(t, plain, sof0, 11, 0x20), &damaged},
		"sampling 5":                  {put(t, plain, sof0, 11, 0x52), &damaged},
		"sampling 3":                  {put(t, plain, sof0, 11, 0x32), &unsupported},
		"chroma finer than luma":      {put(t, plain, sof0, 14, 0x41), &unsupported},
		"chroma of two samplings":     {put(t, plain, sof0, 14, 0x21), &unsupported},
		"components of one name":      {put(t, plain, sof0, 13, 1), &damaged},
		"quantisation table 4":        {put(t, plain, sof0, 12, 4), &damaged},
		"quantisation table missing":  {put(t, plain, sof0, 12, 3), &damaged},
		"RGB by its Adobe block":      {insert(t, plain, dqt, adobe(0)...), &unsupported},
		"RGB by its names":            {put(t, put(t, put(t, plain, sof0, 10, 'R'), sof0, 13, 'G'), sof0, 16, 'B'), &unsupported},
		"no codes":                    {insert(t, plain, sos, tableOf(0)...), &damaged},
		"codes that overlap":          {insert(t, plain, sos, tableOf(2, 1)...), &damaged},
		"more than 256 codes":         {insert(t, plain, sos, tableOf(0, 0, 0, 0, 0, 0, 0, 0, 200, 200)...), &damaged},
		"a table of codes cut":        {put(t, plain, dht, 3, 0x20), &damaged},
		"table of codes 2":            {put(t, plain, dht, 4, 2), &damaged},
		"table of codes missing":      {put(t, plain, sos, 6, 0x11), &damaged},
		"codes not of the table":      {insert(t, plain, sos, tableOf(0, 1)...), &damaged},
		"an unknown component":        {put(t, plain, sos, 5, 9), &damaged},
		"a component twice":           {put(t, plain, sos, 7, 1), &damaged},
		"a scan of no components":     {put(t, plain, sos, 4, 0), &damaged},
		"a scan of four":              {put(t, plain, sos, 4, 4), &damaged},
		"sixteen blocks in a unit":    {crowded.Bytes(), &damaged},
		"an interval of three bytes":  {put(t, restarted, dri, 3, 3), &damaged},
		"restarts out of order":       {put(t, restarted, "\xff\xd1", 1, 0xd3), &damaged},
		"a restart missing":           {slices.Delete(slices.Clone(restarted), cut, cut+2), &damaged},
		"an interval not kept":        {put(t, restarted, dri, 4, 0, 2), &damaged},
		"band from DC on":             {put(t, progressive, sos, 12, 5), &damaged},
		"shift over 13":               {put(t, progressive, sos, 13, 14), &damaged},
		"a bit that was not next":     {put(t, progressive, sos, 13, 0x31), &damaged},
		"AC before DC":                {slices.Concat(progressive[:bytes.Index(progressive, []byte(sos))], scan[bytes.Index(scan[1:], []byte(sos))+1:]), &damaged},
		"empty blocks beyond the end": {beyond, &damaged},
		"and beyond a restart":        {beyondRestart, &damaged},
		"more scans than are written": {slices.Concat(first[:len(first)-2], bytes.Repeat([]byte("\xff\xda\x00\x08\x01\x01\x00\x00\x00\x10\x00\x00\x00"), MaxPasses), []byte("\xff\xd9")), &limit},
	} {
		_, err := whole(t.Context(), c.b, Options{})
		switch want := c.want.(type) {
		case *FormatError, *UnsupportedError, *LimitError:
			if err == nil || !errors.As(err, want) {
				t.Errorf("%s: %v, want %T", name, err, want)
			}
		case error:
			if !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
		}
	}
}

// What stands around the data and means nothing is no damage.
func TestHarmlessBytesArePassedOver(t *testing.T) {
	p := miniaturetest.Writer{Width: 40, Height: 30, Sampling: [][2]int{{2, 2}, {1, 1}, {1, 1}}, Interval: 2}
	plain := p.Bytes()
	want := decode(t, "plain", plain, Options{}).(*image.YCbCr)
	for name, b := range map[string][]byte{
		"trailing garbage":           append(slices.Clone(plain), "\xff\xd8 and more"...),
		"fill bytes before a marker": insert(t, plain, dqt, 0xff, 0xff, 0xff),
		"fill before a restart":      insert(t, plain, "\xff\xd1", 0xff, 0xff),
		"stray bytes":                insert(t, plain, dht, 0, 1, 2, 0xff, 0),
		"a restart at the end":       insert(t, plain, "\xff\xd9", 0xff, 0xd2),
		"a comment between scans":    insert(t, plain, sos, 0xff, 0xfe, 0, 4, 'a', 'b'),
		"Adobe's YCbCr":              insert(t, plain, dqt, []byte("\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x01")...),
		"JFIF with odd names":        put(t, put(t, insert(t, plain, dqt, []byte("\xff\xe0\x00\x07JFIF\x00")...), sof0, 10, 'R'), sos, 5, 'R'),
	} {
		m, err := whole(t.Context(), b, Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !bytes.Equal(m.(*image.YCbCr).Y, want.Y) {
			t.Errorf("%s: another picture", name)
		}
	}
}

func TestEveryCutIsFound(t *testing.T) {
	for name, b := range variants(false) {
		if len(b) > 2500 {
			continue
		}
		for n := range len(b) - 1 {
			if n > 700 && n%5 > 0 {
				continue // the header is over
			}
			if _, err := whole(t.Context(), b[:n], Options{Scale: Quarter}); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("%s, cut at %d of %d: %v", name, n, len(b), err)
			}
		}
	}
}

func TestNothingIsAllocatedBeyondWhatWasSaid(t *testing.T) {
	for name, p := range map[string]miniaturetest.Writer{
		"grey":               {Sampling: samplings["grey"]},
		"4:2:0":              {Sampling: samplings["4:2:0"]},
		"progressive 4:4:4":  {Sampling: samplings["4:4:4"], Progressive: true},
		"progressive 4:1:1 ": {Sampling: samplings["4:1:1"], Progressive: true},
	} {
		p.Width, p.Height = 411, 307
		b := p.Bytes()
		f, err := Open(b)
		if err != nil {
			t.Fatal(err)
		}
		for s := Whole; s <= Eighth; s++ {
			for _, luma := range []bool{false, true} {
				o := Options{Scale: s, Luma: luma}
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				m, err := f.Decode(t.Context(), o)
				runtime.ReadMemStats(&after)
				if err != nil {
					t.Fatal(err)
				}
				runtime.KeepAlive(m)
				if got := int64(after.TotalAlloc - before.TotalAlloc); got > f.Bytes(o) {
					t.Errorf("%s at %d, luma %v: %d bytes, said %d", name, s, luma, got, f.Bytes(o))
				}
				o.Bytes = f.Bytes(o) - 1
				var limit LimitError
				if _, err := f.Decode(t.Context(), o); !errors.As(err, &limit) {
					t.Errorf("%s at %d, luma %v: %v", name, s, luma, err)
				}
			}
		}
	}
}

func TestEndOfContextEndsDecoding(t *testing.T) {
	p := miniaturetest.Writer{Width: 40, Height: 30, Sampling: [][2]int{{1, 1}}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := whole(ctx, p.Bytes(), Options{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// FuzzDecode holds the verdict against that of image/jpeg: what is taken here it takes too, or finds something unsupported or
// misreads restarts in a scan of one component of several. What it takes and is refused here is only what the package says.
func FuzzDecode(f *testing.F) {
	for _, b := range variants(false) {
		if len(b) < 2500 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Open(b)
		if err != nil {
			return
		}
		if file.Width*file.Height > 1<<20 {
			return
		}
		var pictures [4]image.Image
		var errs [4]error
		for s := range pictures {
			o := Options{Scale: Scale(s), Bytes: 64 << 20}
			pictures[s], errs[s] = file.Decode(t.Context(), o)
			if (errs[s] == nil) != (errs[0] == nil) {
				t.Fatalf("at %d %v, of the whole %v", s, errs[s], errs[0])
			}
			if errs[s] != nil {
				continue
			}
			if got := pictures[s].Bounds().Size(); got != image.Pt(Scale(s).Of(file.Width), Scale(s).Of(file.Height)) {
				t.Fatalf("at %d: %v", s, got)
			}
		}
		if errs[0] != nil {
			return
		}
		var unsupported jpeg.UnsupportedError
		m, err := jpeg.Decode(bytes.NewReader(b))
		switch {
		case err == nil:
			if m.Bounds() != pictures[0].Bounds() {
				t.Fatalf("%v, image/jpeg has %v", pictures[0].Bounds(), m.Bounds())
			}
		case errors.As(err, &unsupported), len(file.components) > 1 && bytes.Count(b, []byte(sos)) > 1:
		default:
			t.Fatalf("taken, and image/jpeg says: %v", err)
		}
	})
}
