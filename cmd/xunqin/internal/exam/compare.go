package exam

import (
	"crypto/sha256"
	"image"
	"math"

	"xunqin/pipeline/photo"
	"xunqin/pipeline/photo/feature"
)

// Known is what is kept of a photo for good, made ready for comparing.
type Known struct {
	photo    photo.Photo // fingerprints and sizes alone
	prepared feature.Prepared
	sum      [sha256.Size]byte
}

// NewKnown takes a photo prepared with its features.
func NewKnown(p photo.Photo) (Known, error) {
	g, err := photo.Brightness(p.Grey)
	if err != nil {
		return Known{}, err
	}
	size := image.Pt(p.Width, p.Height)
	return Known{
		photo:    photo.Photo{SHA256: p.SHA256, Width: p.Width, Height: p.Height, Fingerprints: p.Fingerprints},
		prepared: feature.Reference(size, g, p.Features),
		sum:      p.SHA256,
	}, nil
}

// A Verdict says whether two pictures are one, and what they have to do with each other.
type Verdict struct {
	feature.Match
	Same bool
}

// Compare says what a picture, prepared with its probe, has to do with a known one, by all means the program has.
func Compare(p photo.Photo, k Known) (Verdict, error) {
	if p.SHA256 == k.sum {
		whole := [4]image.Point{{}, {X: p.Width}, {X: p.Width, Y: p.Height}, {Y: p.Height}}
		same := [6]float64{1, 0, 0, 0, 1, 0}
		return Verdict{feature.Match{Kind: photo.Same, Query: whole, Known: whole, ToKnown: same, ToQuery: same, View: image.Rect(0, 0, p.Width, p.Height)}, true}, nil
	}
	if p.Probe == nil {
		return Verdict{}, errUnfit
	}
	return compare(p, k, p.Probe.Query.Windows), nil
}

// compare is given the windows of the query, so that many comparisons can share them.
func compare(p photo.Photo, k Known, windows func() feature.Prepared) Verdict {
	if m, ok := p.Probe.Compare(k.photo, k.prepared); ok || m.Kind != "" {
		return Verdict{m, ok}
	}
	m, ok := feature.Compare(windows(), k.prepared)
	return Verdict{m, ok}
}

// interval returns the bounds between which a rate lies with 95 % confidence (Wilson, 1927).
func interval(found, of int) (lo, hi float64) {
	if of == 0 {
		return 0, 1
	}
	const z = 1.959964
	n, p := float64(of), float64(found)/float64(of)
	middle, half := p+z*z/(2*n), z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	lo, hi = max(0, (middle-half)/(1+z*z/n)), min(1, (middle+half)/(1+z*z/n))
	switch found { // where rounding would leave something near
	case 0:
		lo = 0
	case of:
		hi = 1
	}
	return lo, hi
}
