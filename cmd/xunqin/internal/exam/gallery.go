package exam

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"xunqin/pipeline/match"
	"xunqin/pipeline/photo"
	"xunqin/pipeline/photo/feature"
	"xunqin/search"
	"xunqin/search/embedded"
)

// A gallery is all that is known: an index, and what is stored of each photo, in a folder.
type gallery struct {
	index  *embedded.Index
	store  *store
	files  []string // of the photos, by number
	byFile map[string]int
	sums   [][sha256.Size]byte
	put    []search.Doc
	size   int64
	small  int64
	beyond func(number int) match.Known // photos of greater numbers than are stored
}

// openGallery opens or makes a gallery.
func openGallery(ctx context.Context, dir, of string) (*gallery, error) {
	g := &gallery{byFile: map[string]int{}}
	var err error
	if g.store, err = openStore(filepath.Join(dir, "photos"), of); err != nil {
		return nil, err
	}
	if g.index, err = embedded.Open(ctx, filepath.Join(dir, "index.db")); err != nil {
		return nil, errors.Join(err, g.store.close())
	}
	return g, nil
}

func (g *gallery) close() error { return errors.Join(g.index.Close(), g.store.close()) }

// add makes a picture known; ok is false for one that cannot be compared.
func (g *gallery) add(ctx context.Context, file string) (ok bool, err error) {
	p, err := read(ctx, file, photo.Limits{Features: true})
	if refused := (*photo.Refused)(nil); errors.As(err, &refused) || err == nil && !p.Matchable() {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	g.byFile[file] = len(g.files)
	g.files = append(g.files, file)
	return true, g.keep(ctx, p)
}

// keep stores and indexes a photo, under the next number.
func (g *gallery) keep(ctx context.Context, p photo.Photo) error {
	if err := g.weigh(p); err != nil {
		return err
	}
	number, err := g.store.add(p)
	if err != nil {
		return err
	}
	g.sums = append(g.sums, p.SHA256)
	return g.list(ctx, number, p.Fingerprints, p.Features)
}

// list has a photo indexed, with others; flush has the last of them indexed.
func (g *gallery) list(ctx context.Context, number int, prints []search.Fingerprint, f search.Features) error {
	id := strconv.Itoa(number)
	g.put = append(g.put, search.Doc{ID: id, Kind: search.KindReport, At: timeOf(number), Photos: []search.PhotoRef{{
		ID: id, Prints: prints, Features: []search.Features{f},
	}}})
	if len(g.put) < 500 {
		return nil
	}
	return g.flush(ctx)
}

func (g *gallery) flush(ctx context.Context) error {
	err := g.index.Put(ctx, g.put...)
	g.put = nil
	return err
}

// weigh adds up what is stored of a photo.
func (g *gallery) weigh(p photo.Photo) error {
	b, err := p.Features.MarshalBinary()
	if err != nil {
		return err
	}
	prints := 0
	for _, f := range p.Fingerprints {
		prints += len(f.Bits)
	}
	few := p.Features
	few.Points = few.Points[:min(len(few.Points), photo.CrawledPoints)]
	s, err := few.MarshalBinary()
	if err != nil {
		return err
	}
	g.size += int64(len(b) + prints)
	g.small += int64(len(s) + prints)
	return nil
}

func (g *gallery) bytes() Bytes {
	n := float64(max(1, len(g.sums)))
	return Bytes{float64(g.size) / n, float64(g.small) / n}
}

// load is what a Finder reads photos with.
func (g *gallery) load(_ context.Context, ids []string) (map[string]match.Known, error) {
	all := make(map[string]match.Known, len(ids))
	for _, id := range ids {
		n, err := strconv.Atoi(id)
		if err != nil {
			return nil, err
		}
		if n >= g.store.len() {
			all[id] = g.beyond(n)
			continue
		}
		p, err := g.store.photo(n)
		if err != nil {
			return nil, err
		}
		all[id] = match.Known{Photo: p, Brightness: func() (*image.Gray, error) { return photo.Brightness(p.Grey) }}
	}
	return all, nil
}

var errUnfit = errors.New("too flat or too small to be compared")

// An answer is a known photo that the program would show.
type answer struct {
	number int
	Verdict
	byHash bool
}

// answers asks as the program does with what comes in, and looks again in windows where nothing was found.
func (g *gallery) answers(ctx context.Context, file string, ms *Milliseconds) ([]answer, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var clock stopwatch
	clock.lap()
	p, err := photo.Prepare(ctx, b, photo.Limits{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	ms.Decode = clock.lap()
	if !p.Matchable() {
		return nil, fmt.Errorf("%s: %w", file, errUnfit)
	}
	if p, err = photo.Prepare(ctx, b, photo.Limits{Probe: true}); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	ms.Features = max(0, clock.lap()-ms.Decode)
	finder := match.Finder{Index: timed{g.index, ms}, Load: g.load, Windows: true}
	found, err := finder.Find(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	ms.Verify = max(0, clock.lap()-ms.Hash-ms.Candidates)
	all := make([]answer, len(found))
	for i, f := range found {
		n, err := strconv.Atoi(f.ID)
		if err != nil {
			return nil, err
		}
		all[i] = answer{n, Verdict{f.Match, f.Same}, f.Evidence == feature.Evidence{Bits: f.Evidence.Bits}}
	}
	slices.SortFunc(all, func(a, b answer) int { return a.number - b.number })
	return all, nil
}

// timed notes how long an index takes.
type timed struct {
	search.Index
	ms *Milliseconds
}

func (t timed) Similar(ctx context.Context, f search.Fingerprint, radius int, kinds ...string) ([]search.Hit, error) {
	var clock stopwatch
	clock.lap()
	hits, err := t.Index.Similar(ctx, f, radius, kinds...)
	t.ms.Hash += clock.lap()
	return hits, err
}

func (t timed) Votes(ctx context.Context, f search.Features, most int, kinds ...string) ([]search.Candidate, error) {
	var clock stopwatch
	clock.lap()
	list, err := t.Index.Votes(ctx, f, most, kinds...)
	t.ms.Candidates += clock.lap()
	return list, err
}

// timeOf is an age for a document, all different.
func timeOf(number int) time.Time { return time.Unix(int64(number)*60, 0) }
