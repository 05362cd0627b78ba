package bench

import (
	"bytes"
	"context"
	"fmt"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/corona10/goimagehash"

	"xunqin/cmd/xunqin/internal/exam/made"
	"xunqin/pipeline/photo"
	"xunqin/pipeline/photo/feature"
	"xunqin/pipeline/photo/miniature"
	"xunqin/pipeline/photo/miniature/miniaturetest"
)

// Decode measures what reading a photo costs: from the bytes of a JPEG to its fingerprints, which are of its brightness alone, on
// pictures it makes itself. Size is how many times each is read.
func Decode(ctx context.Context, size int) ([]Result, error) {
	if size == 0 {
		size = 20
	}
	var all []Result
	for _, c := range []struct {
		name string
		w, h int
	}{{"1 MP", 1152, 864}, {"12 MP", 4000, 3000}} {
		m := made.Photo(2011, c.w, c.h)
		// With the grain of a small sensor, without which a file is a third as long as a camera's.
		grain := rand.New(rand.NewPCG(2011, 1))
		for i := 0; i < len(m.Pix); i += 4 {
			v := grain.IntN(13) - 6
			for k := range 3 {
				m.Pix[i+k] = uint8(min(255, max(0, int(m.Pix[i+k])+v)))
			}
		}
		// Samples at a fourth of the pixels, as JPEG has its chroma.
		ycc := func(component, x, y int) float64 {
			if component > 0 {
				x, y = 2*x, 2*y
			}
			at := m.Pix[min(y, c.h-1)*m.Stride+min(x, c.w-1)*4:]
			r, g, b := float64(at[0]), float64(at[1]), float64(at[2])
			return [...]float64{0.299*r + 0.587*g + 0.114*b, 128 - 0.1687*r - 0.3313*g + 0.5*b, 128 + 0.5*r - 0.4187*g - 0.0813*b}[component]
		}
		progressive := miniaturetest.Writer{Width: c.w, Height: c.h, Sampling: [][2]int{{2, 2}, {1, 1}, {1, 1}}, Sample: ycc, Step: 8, Progressive: true}
		for _, file := range []struct {
			kind string
			b    []byte
		}{{"baseline", made.JPEG(m, 85)}, {"progressive", progressive.Bytes()}} {
			r, err := decodeFiles(ctx, [][]byte{file.b}, size)
			if err != nil {
				return nil, fmt.Errorf("bench: %w", err)
			}
			r.What = fmt.Sprintf("a %s JPEG of %s, %d kB, %d times; processor time each", file.kind, c.name, len(file.b)/1000, size)
			all = append(all, r)
		}
	}
	return all, nil
}

// DecodeFolder measures the same on the JPEGs of a folder, each once; of more than size of them the first by name, where size is
// not 0.
func DecodeFolder(ctx context.Context, size int, dir string) ([]Result, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	var files [][]byte
	for _, e := range entries {
		if ext := strings.ToLower(filepath.Ext(e.Name())); ext != ".jpg" && ext != ".jpeg" || size > 0 && len(files) == size {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("bench: %w", err)
		}
		files = append(files, b)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("bench: no JPEGs in %s", dir)
	}
	r, err := decodeFiles(ctx, files, 1)
	if err != nil {
		return nil, fmt.Errorf("bench: %s: %w", dir, err)
	}
	r.What = fmt.Sprintf("%d JPEGs of a folder; processor time each", len(files))
	return []Result{r}, nil
}

// decodeFiles reads each file so many times, in every way.
func decodeFiles(ctx context.Context, files [][]byte, times int) (Result, error) {
	// The ways take turns, so that what else the machine does falls on all of them.
	ways := []func(b []byte) error{
		func(b []byte) error {
			f, err := miniature.Open(b)
			if err != nil {
				return err
			}
			m, err := f.Decode(ctx, miniature.Options{Scale: miniature.Leaving(photo.DerivativeSide, f.Width, f.Height), Luma: true})
			if err != nil {
				return err
			}
			photo.Fingerprints(m)
			return nil
		},
		func(b []byte) error { _, err := photo.Prepare(ctx, b, photo.Limits{}); return err },
		func(b []byte) error { _, err := jpeg.Decode(bytes.NewReader(b)); return err },
		func(b []byte) error {
			m, err := jpeg.Decode(bytes.NewReader(b))
			if err != nil {
				return err
			}
			_, err = goimagehash.PerceptionHash(m)
			return err
		},
	}
	spent := make([]time.Duration, len(ways))
	var features time.Duration
	for range times {
		for _, b := range files {
			for i, way := range ways {
				start := processorTime()
				if err := way(b); err != nil {
					return Result{}, err
				}
				spent[i] += processorTime() - start
			}
			p, err := photo.Prepare(ctx, b, photo.Limits{})
			if err != nil {
				return Result{}, err
			}
			grey, err := photo.Brightness(p.Derivative)
			if err != nil {
				return Result{}, err
			}
			start := processorTime()
			feature.Detect(grey, grey.Rect, feature.ReferenceSide, feature.ReferencePoints)
			features += processorTime() - start
		}
	}
	ms := func(d time.Duration) float64 { return d.Seconds() * 1000 / float64(times*len(files)) }
	base := Figure{"image/jpeg and goimagehash", ms(spent[3]), "ms"}
	return Result{
		Bench: "decode",
		Figures: []Figure{
			{"decoded and hashed", ms(spent[0]), "ms"}, {"its features", ms(features), "ms"},
			{"all that intake makes of it", ms(spent[1]), "ms"}, {"image/jpeg alone", ms(spent[2]), "ms"},
		},
		Baseline: "image/jpeg and goimagehash's PerceptionHash, called as its README does", Base: base,
		Ratio: ms(spent[0]) / base.Value, Goal: "decoded and hashed 12 MP in 60 ms, 1 MP in 8 ms; features in 15 ms more",
	}, nil
}
