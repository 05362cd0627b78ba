package photo

import (
	"bytes"
	"image"
	"image/jpeg"
	"slices"

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
	// Query is what feature.Compare takes; its Candidates asks an index of features.
	Query         feature.Prepared
	whole, square image.Rectangle
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
	whole, square := image.Rect(0, 0, p.w, p.h), middle(p.w, p.h)
	out := &Probe{
		Query: feature.Query(size, g, parts...),
		whole: image.Rectangle{Max: size}, square: scaledRect(square, whole.Max, size),
	}
	all := append([]image.Rectangle{whole}, parts...)
	if square != whole {
		all = append(all, square)
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

// Whole reports whether a fingerprint of the probe is of the whole picture or of its middle square, not of a rectangle in it.
func (p *Probe) Whole(f Fingerprint) bool { return f.Part == p.whole || f.Part == p.square }

// Recognise reports whether a picture known by its fingerprints alone is the probe, a rectangle in it, or either of them turned
// or mirrored. It is quick and finds nothing that was cut or drawn over much; feature.Compare is for that.
func (p *Probe) Recognise(known Photo) (feature.Match, bool) {
	// Two whole pictures that agree say more than their middles, which may be nearer.
	var best Oriented
	var of Fingerprint
	nearest, wholly := TransformRadius+1, false
	for _, q := range p.Fingerprints {
		for _, k := range known.Fingerprints {
			d, ok := Distance(q.Fingerprint, k)
			if !ok || d > TransformRadius {
				continue
			}
			both := q.Part == p.whole && known.whole(k)
			if both && !wholly || d < nearest && both == wholly {
				best, of, nearest, wholly = q, k, d, both
			}
		}
	}
	if nearest > TransformRadius {
		return feature.Match{}, false
	}
	m := feature.Match{
		Kind: feature.Edited, Mirrored: mirrors(best.Orientation), View: best.Part,
		Query: turnedCorners(best.Part, best.Orientation), Known: turnedCorners(of.Part, 1),
		Evidence: feature.Evidence{Bits: nearest},
	}
	m.ToQuery, m.ToKnown = laidOver(m.Known, m.Query), laidOver(m.Query, m.Known)
	all := nearly(best.Part, p.whole)
	ofAll := known.whole(of) || nearly(of.Part, image.Rect(0, 0, known.Width, known.Height))
	switch {
	case !all && (best.Part != p.square || ofAll):
		m.Kind = feature.Inside
	case all && !ofAll:
		m.Kind = feature.Part
	// Left are the whole of both, or the middles of both: whole pictures too, their edges drawn over.
	case best.Orientation == 2:
		m.Kind = feature.Mirrored
	case best.Orientation > 2:
		m.Kind = feature.Turned
	}
	return m, true
}

// nearly reports whether a part is all of a picture but a margin.
func nearly(part, whole image.Rectangle) bool {
	return part.Dx()*part.Dy() >= whole.Dx()*whole.Dy()/10*9 && !whole.Empty()
}

// Certain is a distance of fingerprints so short that no other photo in a frame of the same make comes near it.
const Certain = TransformRadius / 2

// Compare says what the probe has to do with a known picture, by fingerprints and by features, as feature.Compare does. Features
// have the last word where fingerprints are not certain: a poster of the same make with another photo has a like fingerprint.
//
// where is that of a candidate of Query.Candidates; without it, everywhere is looked.
func (p *Probe) Compare(known Photo, kept feature.Prepared, where ...feature.Place) (feature.Match, bool) {
	hash, like := p.Recognise(known)
	if like && hash.Evidence.Bits <= Certain {
		return hash, true
	}
	m, ok := feature.Compare(p.Query, kept, where...)
	if like && m.Kind == "" {
		return hash, true
	}
	return m, ok
}

// mirrors reports whether an orientation, as EXIF counts it, is one of the four that mirror.
func mirrors(orientation int) bool {
	switch orientation {
	case 2, 4, 5, 7:
		return true
	}
	return false
}

// turnedCorners returns the corners of r beginning with the one that is top left once an orientation was undone, and then with the
// clock there.
func turnedCorners(r image.Rectangle, orientation int) [4]image.Point {
	c := [4]image.Point{r.Min, {X: r.Max.X, Y: r.Min.Y}, r.Max, {X: r.Min.X, Y: r.Max.Y}}
	first := [9]int{1: 0, 2: 1, 3: 2, 4: 3, 5: 0, 6: 3, 7: 2, 8: 1}[orientation]
	step := 1
	if mirrors(orientation) {
		step = 3
	}
	return [4]image.Point{c[first], c[(first+step)%4], c[(first+2*step)%4], c[(first+3*step)%4]}
}

// laidOver returns the map that takes the corners of one rectangle to those of another.
func laidOver(from, to [4]image.Point) [6]float64 {
	across, down := from[1].Sub(from[0]), from[3].Sub(from[0])
	toAcross, toDown := to[1].Sub(to[0]), to[3].Sub(to[0])
	// The sides of a rectangle lie along the axes, one each: solving for the map is dividing by their product.
	det := float64(across.X*down.Y - across.Y*down.X)
	var m [6]float64
	m[0] = float64(toAcross.X*down.Y-toDown.X*across.Y) / det
	m[1] = float64(toDown.X*across.X-toAcross.X*down.X) / det
	m[3] = float64(toAcross.Y*down.Y-toDown.Y*across.Y) / det
	m[4] = float64(toDown.Y*across.X-toAcross.Y*down.X) / det
	at := from[0]
	m[2] = float64(to[0].X) - float64(m[0]*float64(at.X)) - float64(m[1]*float64(at.Y))
	m[5] = float64(to[0].Y) - float64(m[3]*float64(at.X)) - float64(m[4]*float64(at.Y))
	return m
}

// Of the CrawledPoints kept of a picture that holds photos of its own, sharedPoints are of the largest photos in it, at most
// sharedParts. Without them a poster is known by its writing, and who looks for the photo in it does not find it.
const (
	sharedPoints = 70
	sharedParts  = 4
)

// features returns what is stored of a picture so that copies of a part of it are found.
func features(p plane, size image.Point) search.Features {
	g := p.gray()
	f := feature.Detect(g, g.Rect, feature.ReferenceSide, feature.ReferencePoints)
	f.Part = image.Rectangle{Max: size}
	parts := cut.Rectangles(g)
	parts = parts[:min(len(parts), sharedParts)]
	if len(parts) == 0 {
		return f
	}
	copied := p.scaled(int(f.W), int(f.H)).gray() // what the points are measured in
	own := min(CrawledPoints-sharedPoints, len(f.Points))
	points := slices.Clone(f.Points[:own])
	for _, r := range parts {
		r = scaledRect(r, g.Rect.Max, copied.Rect.Max)
		for _, at := range feature.Detect(copied, r, feature.ReferenceSide, sharedPoints/len(parts)).Points {
			at.X, at.Y = at.X+uint16(8*r.Min.X), at.Y+uint16(8*r.Min.Y)
			points = append(points, at)
		}
	}
	for _, at := range f.Points[own:] {
		if len(points) < feature.ReferencePoints && !slices.Contains(points[own:], at) {
			points = append(points, at)
		}
	}
	f.Points = points
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

// CrawledPoints is how many of a photo's features are kept when it belongs to no report: the first, which are the best
// of the whole and of the photos in it.
const CrawledPoints = 100

// Brightness reads a JPEG that Prepare made, such as Photo.Grey or Photo.Derivative, for feature.Reference.
func Brightness(b []byte) (*image.Gray, error) {
	m, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	switch m := m.(type) {
	case *image.Gray:
		return m, nil
	case *image.YCbCr:
		return &image.Gray{Pix: m.Y, Stride: m.YStride, Rect: m.Rect}, nil
	}
	return nil, &Refused{Reason: Unsupported}
}
