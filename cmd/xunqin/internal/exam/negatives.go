package exam

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/jpeg"
	"path/filepath"
	"slices"
	"sync"

	"xunqin/cmd/xunqin/internal/exam/made"
	"xunqin/pipeline"
	"xunqin/pipeline/photo"
)

const (
	layoutPhotos = 90 // that are put on pages; there are 5 pairs for each and kind of page
	layoutGroup  = 6  // pages of one seed
)

// A side is a picture of a pair, as what is asked and as what is known.
type side struct {
	name  string
	photo photo.Photo
	known Known
}

// negatives compares pictures that look alike and are no copies. Every one is compared with every other, whether or not the index
// would have named it: that is more than the program does, and so harder.
func (e Exam) negatives(ctx context.Context, r *Report, files []string, progress func(done, of int)) error {
	for _, folder := range e.Series {
		shots, err := pictures([]string{folder})
		if err != nil {
			return err
		}
		var sides []side
		for i, file := range shots {
			progress(i, len(shots))
			s, err := newSide(ctx, file, nil)
			if err != nil {
				return err
			}
			if s == nil {
				r.Unfit = append(r.Unfit, file)
				continue
			}
			sides = append(sides, *s)
		}
		r.Series.compare(r, sides)
	}
	if !e.Layouts {
		return nil
	}
	if e.Half > 0 {
		files = slices.DeleteFunc(slices.Clone(files), func(f string) bool {
			return filepath.Dir(f) == filepath.Join(e.Set, "originals") && half(f) != e.Half
		})
	}
	files = files[:min(len(files), layoutPhotos)]
	for group := range slices.Chunk(files, layoutGroup) {
		progress(slices.Index(files, group[0]), len(files))
		for _, kind := range made.Layouts() {
			var sides []side
			for _, file := range group {
				page, err := onPage(ctx, kind, uint64(slices.Index(files, group[0])), file)
				if err != nil {
					return err
				}
				if page == nil {
					continue
				}
				s, err := newSide(ctx, kind+" with "+file, page)
				if err != nil {
					return err
				}
				if s != nil {
					sides = append(sides, *s)
				}
			}
			if r.Layouts[kind] == nil {
				r.Layouts[kind] = &Negatives{Called: [][2]string{}}
			}
			r.Layouts[kind].compare(r, sides)
		}
	}
	return nil
}

// onPage puts a photo on a page of a layout; nil if the photo cannot be read.
func onPage(ctx context.Context, kind string, seed uint64, file string) ([]byte, error) {
	p, err := read(ctx, file, photo.Limits{})
	if refused := (*photo.Refused)(nil); errors.As(err, &refused) || err == nil && !p.Matchable() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m, err := jpeg.Decode(bytes.NewReader(p.Derivative))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return made.JPEG(made.Layout(kind, seed, made.Opaque(m)), 80), nil
}

// newSide prepares a file, or the bytes given; nil for a picture under the quality gate.
func newSide(ctx context.Context, file string, b []byte) (*side, error) {
	lim := photo.Limits{Features: true, Probe: true}
	var p photo.Photo
	var err error
	if b == nil {
		p, err = read(ctx, file, lim)
	} else {
		p, err = photo.Prepare(ctx, b, lim)
	}
	if refused := (*photo.Refused)(nil); errors.As(err, &refused) || err == nil && !p.Matchable() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	k, err := NewKnown(p)
	return &side{file, p, k}, err
}

// compare compares each with each; the same file under two names is no pair.
func (n *Negatives) compare(r *Report, sides []side) {
	for i, q := range sides {
		windows := sync.OnceValue(q.photo.Probe.Query.Windows)
		for j, k := range sides {
			if i == j || k.known.sum == q.photo.SHA256 {
				continue
			}
			v := compare(q.photo, k.known, windows)
			n.Pairs++
			r.reached(pipeline.Reaches(), func(f *pipeline.ReachRates) { f.Alike++ })
			r.reached(r.judge(v, isAlike), func(f *pipeline.ReachRates) { f.AlikeTaken++ })
			switch {
			case v.Same:
				n.CalledSame++
				n.Called = append(n.Called, [2]string{q.name, k.name})
			case v.Kind != "":
				n.Apart++
			}
		}
	}
}
