package desk

import (
	"cmp"
	"fmt"
	"image"
	"math"
	"strings"

	"xunqin/pipeline"
	"xunqin/pipeline/photo"
	"xunqin/pipeline/photo/feature"
	"xunqin/pipeline/record"
)

// outline is where a photo shows what the other one shows, for a drawing over it that measures in the photo's own pixels. It says
// the same in words.
type outline struct {
	W, H    int
	Points  string // the corners, for a polygon
	Outside string // the photo without it, for a path with the even-odd rule
	Where   string // a word of outlinewhere
	Share   string // a word of outlineshare
}

// nearlyAll is the share of a photo from which on nothing is outlined: an edge shaved off is no part to look for.
const nearlyAll = 0.94

// outlined makes the outline of four corners in a photo, nil when that is nothing, or nearly all.
func outlined(ph record.Photo, corners [4][2]int) *outline {
	if ph.Width < 1 || ph.Height < 1 {
		return nil
	}
	var area float64
	var mid [2]float64
	points := make([]string, 4)
	for i, c := range corners {
		next := corners[(i+1)%4]
		area += float64(c[0]*next[1]-next[0]*c[1]) / 2
		mid[0], mid[1] = mid[0]+float64(c[0])/4, mid[1]+float64(c[1])/4
		points[i] = fmt.Sprintf("%d,%d", c[0], c[1])
	}
	share := math.Abs(area) / float64(ph.Width*ph.Height)
	if share == 0 || share >= nearlyAll {
		return nil
	}
	third := func(v float64, of int, words ...string) string { return words[min(2, max(0, int(3*v/float64(of))))] }
	o := &outline{W: ph.Width, H: ph.Height, Points: strings.Join(points, " "), Where: third(mid[1], ph.Height, "top", "middle", "bottom") + third(mid[0], ph.Width, "left", "centre", "right")}
	o.Outside = fmt.Sprintf("M0,0H%dV%dH0ZM%sZ", ph.Width, ph.Height, strings.Join(points, "L"))
	for _, s := range []struct {
		least float64
		word  string
	}{{0.6, "most"}, {0.42, "half"}, {0.29, "third"}, {0.2, "quarter"}, {0.08, "tenth"}, {0, "small"}} {
		if share >= s.least {
			o.Share = s.word
			break
		}
	}
	return o
}

// alignment shows the same part of both photos, the copy's turned back as the report's is.
type alignment struct {
	ViewBox        string
	Left           image.Point // size of the report's photo
	Right          image.Point // of the copy's
	Matrix         string      // from the copy's pixels to the report's
	Turned         bool        // the copy was mirrored or turned
	Inside, Within bool        // the copy shows more than the report's photo, or less
}

// aligned makes the alignment of a tie seen from the copy, nil when it says nothing of where.
func aligned(t record.Tie, copied, report record.Photo) *alignment {
	m := t.Geometry.ToKnown
	if math.Abs(m[0]*m[4]-m[1]*m[3]) < 1e-9 || report.Width < 1 || copied.Width < 1 {
		return nil
	}
	whole := image.Rect(0, 0, report.Width, report.Height)
	var box image.Rectangle
	for i, c := range t.Geometry.Known {
		at := image.Rectangle{Min: image.Pt(c[0], c[1]), Max: image.Pt(c[0]+1, c[1]+1)}
		if i == 0 {
			box = at
		}
		box = box.Union(at)
	}
	box = box.Intersect(whole)
	if box.Empty() || float64(box.Dx()*box.Dy()) > nearlyAll*float64(whole.Dx()*whole.Dy()) {
		box = whole
	}
	return &alignment{
		ViewBox: fmt.Sprintf("%d %d %d %d", box.Min.X, box.Min.Y, box.Dx(), box.Dy()),
		Left:    whole.Max, Right: image.Pt(copied.Width, copied.Height),
		Matrix: fmt.Sprintf("matrix(%.5g %.5g %.5g %.5g %.5g %.5g)", m[0], m[3], m[1], m[4], m[2], m[5]),
		Turned: t.Mirrored || t.Kind == feature.Turned, Inside: t.Kind == feature.Inside || t.Kind == feature.Print, Within: t.Kind == feature.Part,
	}
}

// measuredLine says how often leads of a kind were wrong when that was measured.
func (p *Page) measuredLine(kind string) string {
	f := pipeline.Measured()
	rate, ok := f.Kinds[kind]
	switch {
	case kind == photo.Same:
		return p.T("measured.samefile")
	case !ok || rate.Of == 0:
		return p.T("measured.never")
	case apart(kind):
		return p.T("measured.apart", "n", rate.Wrong, "of", rate.Of)
	case rate.Wrong == 0:
		return p.T("measured.none", "of", rate.Of)
	}
	return p.T("measured.kind", "n", rate.Wrong, "of", rate.Of)
}

// apart reports whether a kind is not of one picture.
func apart(kind string) bool { return kind == feature.Scene || kind == feature.Layout }

// lay fills in what the copy that is shown is to the report's photo, and where.
func (s *Server) lay(p *Page, l record.Lead, report, copied record.Photo, v *LeadView) error {
	v.CopyKind = l.Kind
	list, err := s.Records.Sightings(p.Context(), nil, l.ID)
	if err != nil {
		return err
	}
	for _, x := range list {
		if x.PhotoID == copied.ID {
			v.CopyKind = cmp.Or(x.Kind, l.Kind)
		}
	}
	t, err := s.Records.TieOf(p.Context(), nil, copied.ID, report.ID)
	if record.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	v.CopyKind = t.Kind
	if apart(t.Kind) {
		return nil // where they agree is what they have in common, not the picture
	}
	v.Left.Outline, v.Right.Outline = outlined(report, t.Geometry.Known), outlined(copied, t.Geometry.Query)
	if v.Left.Blurred != "" && v.Right.Blurred != "" {
		v.Aligned = aligned(t, copied, report)
	}
	return nil
}
