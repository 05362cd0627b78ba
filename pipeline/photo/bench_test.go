package photo

import (
	"bytes"
	"image"
	"image/jpeg"
	"testing"
	"time"
)

// BenchmarkPrepare measures intake of a one-megapixel JPEG, and how many times what image/jpeg alone takes to decode it that is,
// in the same run.
func BenchmarkPrepare(b *testing.B) {
	for _, c := range []struct {
		name string
		w, h int
	}{{"1MP", 1152, 864}, {"12MP", 4000, 3000}} {
		file := jpegBytes(b, scene(1, c.w, c.h), 85)
		b.Run(c.name, func(b *testing.B) {
			limits := Limits{Budget: NewBudget(DefaultBudget)}
			decoding := time.Duration(0)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				start := time.Now()
				if _, err := jpeg.Decode(bytes.NewReader(file)); err != nil {
					b.Fatal(err)
				}
				decoding += time.Since(start)
				b.StartTimer()
				if _, err := Prepare(b.Context(), file, limits); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(b.Elapsed().Seconds()/decoding.Seconds(), "x-decode")
		})
	}
}

// BenchmarkFingerprints measures all hashes of a decoded megapixel.
func BenchmarkFingerprints(b *testing.B) {
	m, err := jpeg.Decode(bytes.NewReader(jpegBytes(b, scene(1, 1152, 864), 85)))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		Fingerprints(m)
	}
}

func BenchmarkStages(b *testing.B) {
	m, err := jpeg.Decode(bytes.NewReader(jpegBytes(b, scene(1, 1152, 864), 85)))
	if err != nil {
		b.Fatal(err)
	}
	r, err := rasterOf(m)
	if err != nil {
		b.Fatal(err)
	}
	small := r.small(DerivativeSide, 1)
	b.Run("small", func(b *testing.B) {
		for b.Loop() {
			r.small(DerivativeSide, 1)
		}
	})
	b.Run("derivative", func(b *testing.B) {
		for b.Loop() {
			if _, err := encode(small, derivativeQuality); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("blurred", func(b *testing.B) {
		for b.Loop() {
			if _, err := blurred(small); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("hashes", func(b *testing.B) {
		for b.Loop() {
			fingerprints(luma(small), image.Pt(1152, 864))
		}
	})
	rgb := raster{w: r.w, h: r.h, rgb: rows(scene(1, 1152, 864), false)}
	b.Run("small from RGB", func(b *testing.B) {
		for b.Loop() {
			rgb.small(DerivativeSide, 1)
		}
	})
}
