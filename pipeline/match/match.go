// Package match finds, among all photos that are indexed, those that a picture shows: candidates by fingerprint in eight
// orientations and by the votes of local features, each then compared. Everything that looks for a picture goes through a
// Finder: intake, a person's search, comparing again, and the benchmark.
package match

import (
	"cmp"
	"context"
	"fmt"
	"image"
	"math"
	"slices"

	"xunqin/pipeline/photo"
	"xunqin/pipeline/photo/feature"
	"xunqin/search"
)

// Known is what is stored of a photo.
type Known struct {
	photo.Photo // SHA256, Width, Height, Fingerprints and Features alone
	// Brightness reads the photo's luma, of its derivative or of the small grey picture kept after it; it gives nil when neither
	// is held any more, and fingerprints alone are left to compare by.
	Brightness func() (*image.Gray, error)
}

// Found is a photo that the picture shows, or is like.
type Found struct {
	ID string
	feature.Match
	Same bool // false for another shot of the same scene, or another photo in the same frame
}

// Finder finds photos. Its fields are set before use.
type Finder struct {
	Index search.Index
	// Load reads what is stored of photos by their ids; those that are gone since are left out. It is given at most some
	// hundreds at once.
	Load func(ctx context.Context, ids []string) (map[string]Known, error)
	// Windows looks again, in overlapping windows, where nothing was found: it finds photos of printed posters, and costs six
	// times the first look.
	Windows bool
	// Whole looks for whole copies alone, turned or mirrored or not, by their fingerprints.
	Whole bool
	// Most ends the look by fingerprints after so many copies, the nearest first; 0 is 2,000. Of a picture that went around
	// there may be a hundred thousand.
	Most int
}

const (
	// perView is how many photos the index is asked for, for each view of the picture and each way round.
	perView = 8
	// mostCompared is how many candidates are compared by their features in one look: the best of all, see Prepared.Candidates.
	mostCompared = 24
	// mostDoubtful is how many photos like the picture by fingerprint, but not certainly the same, are compared by features.
	mostDoubtful = 100
)

// Find returns the photos of documents of the given kinds, or of all, that the picture shows: copies first, the nearest
// before others, then by id. The picture was prepared with its probe; without one (a flat or tiny picture) nothing is found.
func (f *Finder) Find(ctx context.Context, q photo.Photo, kinds ...string) ([]Found, error) {
	if q.Probe == nil {
		return nil, nil
	}
	found := map[string]Found{}
	if err := f.byFingerprint(ctx, q, kinds, found); err != nil {
		return nil, err
	}
	if !f.Whole {
		query := q.Probe.Query
		for look := 0; ; look++ {
			if err := f.byFeatures(ctx, q, query, look == 1, kinds, found); err != nil {
				return nil, err
			}
			if !f.Windows || look == 1 || anySame(found) {
				break
			}
			query = query.Windows()
		}
	}
	list := make([]Found, 0, len(found))
	for _, v := range found {
		list = append(list, v)
	}
	slices.SortFunc(list, func(a, b Found) int {
		return cmp.Or(order(a.Same, b.Same), order(a.Kind == photo.Same, b.Kind == photo.Same), order(a.Evidence.Ties == 0, b.Evidence.Ties == 0),
			cmp.Compare(a.Evidence.Bits, b.Evidence.Bits), cmp.Compare(b.Evidence.Support, a.Evidence.Support), cmp.Compare(a.ID, b.ID))
	})
	return list, nil
}

func anySame(found map[string]Found) bool {
	for _, v := range found {
		if v.Same {
			return true
		}
	}
	return false
}

// order puts true before false.
func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// byFingerprint finds copies by the fingerprints of the picture, of its middle and of each rectangle in it, in all orientations.
func (f *Finder) byFingerprint(ctx context.Context, q photo.Photo, kinds []string, found map[string]Found) error {
	near := map[string]int{}
	for _, p := range q.Probe.Fingerprints {
		if f.Whole && !q.Probe.Whole(p.Fingerprint) {
			continue
		}
		hits, err := f.Index.Similar(ctx, p.Fingerprint, photo.TransformRadius, kinds...)
		if err != nil {
			return fmt.Errorf("look for copies: %w", err)
		}
		for _, h := range hits {
			if d, ok := near[h.Photo]; !ok || h.Distance < d {
				near[h.Photo] = h.Distance
			}
		}
	}
	most, same, doubtful := cmp.Or(f.Most, 2000), 0, 0
	return f.each(ctx, nearest(near), func(id string, k Known) (more bool, err error) {
		v := Found{ID: id, Match: sameFile(q), Same: true}
		if k.SHA256 != q.SHA256 {
			if v.Match, v.Same = q.Probe.Recognise(k.Photo); !v.Same {
				return true, nil
			}
			if v.Evidence.Bits > photo.Certain {
				if doubtful++; doubtful > mostDoubtful {
					return true, nil
				}
				kept, err := k.prepared()
				if err != nil {
					return false, fmt.Errorf("compare with photo %s: %w", id, err)
				}
				v.Match, v.Same = q.Probe.Compare(k.Photo, kept)
			}
		}
		if v.Kind == "" || f.Whole && !(v.Same && wholly(v.Kind)) {
			return true, nil
		}
		found[id] = v
		if v.Same {
			same++
		}
		return same < most, nil
	})
}

// wholly reports whether a kind is of two whole pictures.
func wholly(kind string) bool {
	return kind == photo.Same || kind == feature.Edited || kind == feature.Mirrored || kind == feature.Turned
}

// byFeatures finds what fingerprints did not: what was cut, drawn over, put into something else or photographed again.
func (f *Finder) byFeatures(ctx context.Context, q photo.Photo, query feature.Prepared, windows bool, kinds []string, found map[string]Found) error {
	list, err := query.Candidates(mostCompared, func(view search.Features) ([]search.Candidate, error) {
		return f.Index.Votes(ctx, view, perView, kinds...)
	})
	if err != nil {
		return fmt.Errorf("look for copies: %w", err)
	}
	var ids []string
	where := map[string][]feature.Place{}
	for _, c := range list {
		if _, ok := found[c.Photo]; ok {
			continue
		}
		if _, ok := where[c.Photo]; !ok {
			ids = append(ids, c.Photo)
		}
		where[c.Photo] = append(where[c.Photo], c.Where...)
	}
	return f.each(ctx, ids, func(id string, k Known) (bool, error) {
		kept, err := k.prepared()
		if err != nil {
			return false, fmt.Errorf("compare with photo %s: %w", id, err)
		}
		m, ok := feature.Compare(query, kept, where[id]...)
		if windows && m.Kind == feature.Part {
			m = beyond(m, image.Pt(q.Width, q.Height), image.Pt(k.Width, k.Height))
		}
		if m.Kind != "" {
			found[id] = Found{ID: id, Match: m, Same: ok}
		}
		return true, nil
	})
}

// nearest returns the keys by their number, then by name.
func nearest(of map[string]int) []string {
	ids := make([]string, 0, len(of))
	for id := range of {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Or(cmp.Compare(of[a], of[b]), cmp.Compare(a, b)) })
	return ids
}

// each loads photos in parts and calls fn for those that are there, in the order of ids, as long as it wants more.
func (f *Finder) each(ctx context.Context, ids []string, fn func(id string, k Known) (more bool, err error)) error {
	for part := range slices.Chunk(ids, 200) {
		known, err := f.Load(ctx, part)
		if err != nil {
			return err
		}
		for _, id := range part {
			k, ok := known[id]
			if !ok {
				continue
			}
			if more, err := fn(id, k); err != nil || !more {
				return err
			}
		}
	}
	return nil
}

// prepared makes a known photo ready to be compared; without brightness or features the result compares with nothing.
func (k Known) prepared() (feature.Prepared, error) {
	size := image.Pt(k.Width, k.Height)
	if k.Brightness == nil || len(k.Features.Points) == 0 {
		return feature.Reference(size, nil), nil
	}
	g, err := k.Brightness()
	if err != nil {
		return feature.Prepared{}, err
	}
	return feature.Reference(size, g, k.Features), nil
}

// sameFile is the match of two copies of one file.
func sameFile(q photo.Photo) feature.Match {
	whole := [4]image.Point{{}, {X: q.Width}, {X: q.Width, Y: q.Height}, {Y: q.Height}}
	same := [6]float64{1, 0, 0, 0, 1, 0}
	return feature.Match{Kind: photo.Same, Query: whole, Known: whole, ToKnown: same, ToQuery: same, View: image.Rect(0, 0, q.Width, q.Height)}
}

// Upright is the match of two copies neither of which is turned, as photo.Verify found them.
func Upright(m photo.Match) feature.Match {
	corners := func(r image.Rectangle) [4]image.Point {
		return [4]image.Point{r.Min, {X: r.Max.X, Y: r.Min.Y}, r.Max, {X: r.Min.X, Y: r.Max.Y}}
	}
	out := feature.Match{Kind: m.Kind, Query: corners(m.Query), Known: corners(m.Known), View: m.Query, Evidence: feature.Evidence{Bits: m.Transform}}
	out.ToKnown, out.ToQuery = between(m.Query, m.Known), between(m.Known, m.Query)
	return out
}

// between is the map from the pixels of one rectangle to those of another.
func between(from, to image.Rectangle) [6]float64 {
	x, y := float64(to.Dx())/float64(from.Dx()), float64(to.Dy())/float64(from.Dy())
	return [6]float64{x, 0, float64(to.Min.X) - x*float64(from.Min.X), 0, y, float64(to.Min.Y) - y*float64(from.Min.Y)}
}

// beyond looks past the window that shows a part of the known photo: when the picture shows nearly all of it, that is what it is
// called and outlined as.
func beyond(m feature.Match, query, known image.Point) feature.Match {
	at := func(x, y float64) (image.Point, bool) {
		p := image.Pt(int(math.Round(m.ToQuery[0]*x+m.ToQuery[1]*y+m.ToQuery[2])), int(math.Round(m.ToQuery[3]*x+m.ToQuery[4]*y+m.ToQuery[5])))
		return p, p.In(image.Rectangle{Max: query})
	}
	const steps = 10
	in := 0
	for i := range steps {
		for j := range steps {
			if _, ok := at((float64(i)+0.5)/steps*float64(known.X), (float64(j)+0.5)/steps*float64(known.Y)); ok {
				in++
			}
		}
	}
	if in < steps*steps*9/10 {
		return m
	}
	m.Kind = feature.Inside
	m.Known = [4]image.Point{{}, {X: known.X}, known, {Y: known.Y}}
	for i, c := range m.Known {
		m.Query[i], _ = at(float64(c.X), float64(c.Y))
	}
	return m
}
