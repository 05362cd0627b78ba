package photo

import (
	"image"

	"xunqin/pipeline/photo/cut"
	"xunqin/pipeline/photo/feature"
	"xunqin/search"
)

// ProbeSide is the long side of the copy that a picture is looked for by: larger than what is kept, for the photo looked for may
// be one cell of a collage.
const ProbeSide = 1280

// A Probe is what a picture is looked for by, as itself and as something that holds other pictures. It is made by Prepare on
// request, used and thrown away; nothing of it is stored.
type Probe struct {
	// Fingerprints are of the whole, of its middle square, and of every rectangle that may be a photo of its own, each in all
	// eight orientations. They are of the Transform algorithm.
	Fingerprints []Oriented
	// Query is what feature.Compare takes; its Probes are what an index of features takes.
	Query feature.Prepared
	scale float64 // pixels of the picture for one of Query's
}

// An Oriented is the fingerprint a part of a picture would have if the picture were turned.
type Oriented struct {
	Fingerprint
	Orientation int // as EXIF counts: what undoes 1 to 8, 2 being the mirror and 6 a quarter to the right
}

// newProbe takes a copy of the picture with a long side of at most ProbeSide, and the picture's size.
func newProbe(p plane, size image.Point) *Probe {
	g := p.gray()
	parts := cut.Rectangles(g)
	out := &Probe{Query: feature.Query(g, parts...), scale: float64(max(size.X, size.Y)) / float64(max(p.w, p.h))}
	whole := image.Rect(0, 0, p.w, p.h)
	all := append([]image.Rectangle{whole, middle(p.w, p.h)}, parts...)
	if all[1] == whole {
		all = append(all[:1], parts...)
	}
	for _, r := range all {
		grey := p
		if r != whole {
			grey = p.part(r.Min.X, r.Min.Y, r.Dx(), r.Dy())
		}
		grey = grey.scaled(greySide, greySide)
		if detail(grey) < minDetail {
			continue
		}
		f := transform(grey)
		if f.typical() < minTypical {
			continue
		}
		part := scaledRect(r, image.Pt(p.w, p.h), size)
		for o := 1; o <= 8; o++ {
			out.Fingerprints = append(out.Fingerprints, Oriented{
				Fingerprint{Algo: Transform, Bits: f.upright(o).bits(), Part: part}, o,
			})
		}
	}
	return out
}

// Pixels returns a place of the picture in its own pixels, from one in those of a match that Query was part of.
func (p *Probe) Pixels(at image.Point) image.Point {
	return image.Pt(int(float64(at.X)*p.scale+0.5), int(float64(at.Y)*p.scale+0.5))
}

// Recognise reports whether a picture known by its fingerprints alone is the probe, a rectangle in it, or either of them turned
// or mirrored. It is quick and finds nothing that was cut or drawn over much; feature.Compare is for that.
func (p *Probe) Recognise(known Photo) (Match, bool) {
	var best Match
	found := false
	for i, q := range p.Fingerprints {
		for _, k := range known.Fingerprints {
			d, ok := Distance(q.Fingerprint, k)
			if !ok || d > TransformRadius || found && d >= best.Transform {
				continue
			}
			best = Match{Query: q.Part, Known: k.Part, Transform: d, Kind: Edited}
			switch {
			case i >= 8 && q.Part != p.Fingerprints[0].Part:
				best.Kind = feature.Inside
				if !known.whole(k) {
					best.Kind = Part
				}
			case !known.whole(k):
				best.Kind = Part
			case q.Orientation == 2:
				best.Kind = feature.Mirrored
			case q.Orientation > 2:
				best.Kind = feature.Turned
			}
			found = true
		}
	}
	return best, found
}

// features returns what is stored of a picture so that copies of a part of it are found.
func features(p plane, size image.Point) search.Features {
	g := p.gray()
	f := feature.Detect(g, g.Rect, feature.ReferenceSide, feature.ReferencePoints)
	f.Part = image.Rectangle{Max: size}
	return f
}

func (p plane) gray() *image.Gray {
	return &image.Gray{Pix: p.pix, Stride: p.w, Rect: image.Rect(0, 0, p.w, p.h)}
}

// scaledRect returns a part of a picture of one size in the pixels of another size of it, none left out.
func scaledRect(r image.Rectangle, from, to image.Point) image.Rectangle {
	return image.Rect(
		r.Min.X*to.X/from.X, r.Min.Y*to.Y/from.Y,
		(r.Max.X*to.X+from.X-1)/from.X, (r.Max.Y*to.Y+from.Y-1)/from.Y,
	)
}

// upright returns the spectrum of the picture whose orientation, as EXIF counts it, was undone: a mirror changes the sign of
// every other frequency and a turn swaps across and down, exactly.
func (s *spectrum) upright(orientation int) *spectrum {
	// Frequencies count from one: those at even places are odd and change sign.
	across := orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7
	down := orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8
	var out spectrum
	for v := range frequencies {
		for u := range frequencies {
			f := s[v*frequencies+u]
			if orientation >= 5 {
				f = s[u*frequencies+v]
			}
			if across && u%2 == 0 {
				f = -f
			}
			if down && v%2 == 0 {
				f = -f
			}
			out[v*frequencies+u] = f
		}
	}
	return &out
}
