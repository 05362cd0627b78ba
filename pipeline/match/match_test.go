package match_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"xunqin/pipeline/match"
	"xunqin/pipeline/photo"
	"xunqin/pipeline/photo/feature"
	"xunqin/search"
	"xunqin/search/embedded"
)

// shelf is an index with what is stored of its photos.
type shelf struct {
	index search.Index
	known map[string]match.Known
}

func newShelf(t *testing.T) *shelf {
	x, err := embedded.Open(t.Context(), filepath.Join(t.TempDir(), "index.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return &shelf{x, map[string]match.Known{}}
}

func (s *shelf) add(t *testing.T, id, kind string, m image.Image) {
	t.Helper()
	p := prepared(t, m, photo.Limits{Features: true})
	err := s.index.Put(t.Context(), search.Doc{ID: id, Kind: kind, At: time.UnixMilli(1),
		Photos: []search.PhotoRef{{ID: id, Prints: p.Fingerprints, Features: []search.Features{p.Features}}}})
	if err != nil {
		t.Fatal(err)
	}
	s.known[id] = match.Known{Photo: p, Brightness: func() (*image.Gray, error) { return photo.Brightness(p.Grey) }}
}

func (s *shelf) finder() *match.Finder {
	return &match.Finder{Index: s.index, Load: func(_ context.Context, ids []string) (map[string]match.Known, error) {
		out := map[string]match.Known{}
		for _, id := range ids {
			if k, ok := s.known[id]; ok {
				out[id] = k
			}
		}
		return out, nil
	}}
}

func prepared(t *testing.T, m image.Image, lim photo.Limits) photo.Photo {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	p, err := photo.Prepare(t.Context(), b.Bytes(), lim)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// scene is a picture like no other seed's.
func scene(seed uint64) image.Image {
	rnd := rand.New(rand.NewPCG(seed, 3))
	m := image.NewRGBA(image.Rect(0, 0, 480, 360))
	for range 200 {
		r := image.Rect(0, 0, 10+rnd.IntN(200), 10+rnd.IntN(150)).Add(image.Pt(rnd.IntN(480)-40, rnd.IntN(360)-40)).Intersect(m.Rect)
		c := color.RGBA{uint8(rnd.IntN(256)), uint8(rnd.IntN(256)), uint8(rnd.IntN(256)), 255}
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				m.SetRGBA(x, y, c)
			}
		}
	}
	return m
}

func moved(m image.Image, w, h int, at func(x, y int) image.Point) image.Image {
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			p := at(x, y)
			out.Set(x, y, m.At(p.X, p.Y))
		}
	}
	return out
}

func TestFind(t *testing.T) {
	s := newShelf(t)
	m := scene(1)
	s.add(t, "itself", search.KindReport, m)
	s.add(t, "mirrored", search.KindPost, moved(m, 480, 360, func(x, y int) image.Point { return image.Pt(479-x, y) }))
	s.add(t, "part", search.KindPost, moved(m, 300, 260, func(x, y int) image.Point { return image.Pt(x+120, y+70) }))
	for i := range 20 {
		s.add(t, fmt.Sprint("other ", i), search.KindPost, scene(uint64(100+i)))
	}
	q := prepared(t, m, photo.Limits{Probe: true})
	find := func(f *match.Finder, kinds ...string) map[string]string {
		t.Helper()
		list, err := f.Find(t.Context(), q, kinds...)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, v := range list {
			if v.Same {
				got[v.ID] = v.Kind
			}
		}
		return got
	}
	check := func(what string, got, want map[string]string) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: found %v, want %v", what, got, want)
		}
	}
	f := s.finder()
	// A part of the photo searched with is a known photo that lies inside it.
	check("all", find(f), map[string]string{"itself": photo.Same, "mirrored": feature.Mirrored, "part": feature.Inside})
	check("posts", find(f, search.KindPost), map[string]string{"mirrored": feature.Mirrored, "part": feature.Inside})
	f.Whole = true
	check("whole copies", find(f), map[string]string{"itself": photo.Same, "mirrored": feature.Mirrored})
	f.Most = 1
	check("the nearest copy", find(f), map[string]string{"itself": photo.Same})
	delete(s.known, "mirrored")
	f.Most = 0
	check("without an erased one", find(f), map[string]string{"itself": photo.Same})

	if list, err := s.finder().Find(t.Context(), photo.Photo{}); err != nil || list != nil {
		t.Errorf("a picture with nothing to look for: %v, %v", list, err)
	}
}

// A photo whose pictures are gone is found by its fingerprint alone.
func TestWithoutPicturesFingerprintsDecide(t *testing.T) {
	s := newShelf(t)
	m := scene(1)
	s.add(t, "bare", search.KindPost, m)
	k := s.known["bare"]
	k.Brightness = func() (*image.Gray, error) { return nil, nil }
	k.SHA256 = [32]byte{}
	s.known["bare"] = k
	q := prepared(t, moved(m, 480, 360, func(x, y int) image.Point { return image.Pt(479-x, y) }), photo.Limits{Probe: true})
	list, err := s.finder().Find(t.Context(), q)
	if err != nil || len(list) != 1 || !list[0].Same || list[0].Kind != feature.Mirrored {
		t.Errorf("found %+v, %v", list, err)
	}
}
