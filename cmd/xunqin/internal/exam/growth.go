package exam

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"xunqin/cmd/xunqin/internal/exam/made"
	"xunqin/pipeline/match"
	"xunqin/pipeline/photo"
	"xunqin/search"
)

// A Growth asks the queries of a set at several sizes of what is known. Photos are, in this order: those of the set and of the
// distractors; up to CropsEach crops of each distractor; drawn pictures, up to Decoded of all these; and beyond that photos
// whose features are drawn from the measured ones. What was made is kept in Dir, and a run goes on where one before it ended.
type Growth struct {
	Set         string
	Distractors []string
	Dir         string
	Sizes       []int // rising
	Decoded     int   // so many photos at most are pictures, each encoded, decoded and prepared
	Sample      int
	Progress    func(done, of int)
}

// CropsEach is how many crops of a photo stand for other photos.
const CropsEach = 16

// A Step is what was measured at one size.
type Step struct {
	Known     int     `json:"known"`
	Real      int     `json:"real"`    // of them, photos
	Crops     int     `json:"crops"`   // parts of photos, mirrored or not
	Drawn     int     `json:"drawn"`   // drawn pictures
	Sampled   int     `json:"sampled"` // features drawn from the measured ones, no pictures
	IndexDisk int64   `json:"index_bytes"`
	StoreDisk int64   `json:"store_bytes"`
	Seconds   float64 `json:"index_seconds"` // of processor time, for what this step added to the index
	Report    Report  `json:"report"`
}

// Run measures each size in turn and tells it when it is done.
func (e Growth) Run(ctx context.Context, tell func(Step) error) (err error) {
	rows, err := Exam{Set: e.Set, Sample: e.Sample}.truth()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(e.Dir, 0o700); err != nil {
		return err
	}
	s := source{decoded: e.Decoded}
	if s.originals, err = pictures([]string{filepath.Join(e.Set, "originals")}); err != nil {
		return err
	}
	if s.others, err = pictures(e.Distractors); err != nil {
		return err
	}
	of := s.name()
	// An index of other photos, or of more than a store that was cut off, is of no use.
	g, err := openGallery(ctx, e.Dir, of)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	if info, err := g.index.Info(ctx); err != nil {
		return err
	} else if mark, _ := os.ReadFile(filepath.Join(e.Dir, "of")); info.Docs > 0 && string(mark) != of {
		return fmt.Errorf("%s was made from other photos or by another version: begin in an empty folder", e.Dir)
	}
	if err := os.WriteFile(filepath.Join(e.Dir, "of"), []byte(of), 0o600); err != nil {
		return err
	}
	progress := e.Progress
	if progress == nil {
		progress = func(int, int) {}
	}
	for number := range g.store.len() {
		p, err := g.store.photo(number)
		if err != nil {
			return err
		}
		g.sums = append(g.sums, p.SHA256)
		if err := g.weigh(p); err != nil {
			return err
		}
	}
	for _, size := range e.Sizes {
		step, err := e.step(ctx, g, &s, rows, size, progress)
		if err != nil {
			return err
		}
		if err := tell(step); err != nil {
			return err
		}
	}
	return nil
}

// step makes so many photos known and asks.
func (e Growth) step(ctx context.Context, g *gallery, s *source, rows []row, size int, progress func(done, of int)) (Step, error) {
	step := Step{Known: size}
	// Slots without a picture (what is under the quality gate) count as photos of no features.
	for g.store.len() < min(size, s.pictures()) {
		number := g.store.len()
		progress(number, size)
		p, err := s.picture(ctx, number)
		if err != nil {
			return step, err
		}
		if _, err := g.store.add(p); err != nil {
			return step, err
		}
		g.sums = append(g.sums, p.SHA256)
		if err := g.weigh(p); err != nil {
			return step, err
		}
	}
	info, err := g.index.Info(ctx)
	if err != nil {
		return step, err
	}
	measured, err := sampled(g, min(g.store.len(), s.pictures()))
	if err != nil {
		return step, err
	}
	g.beyond = func(number int) match.Known { return measured.known(number) }
	start := spent()
	for number := int(info.Docs); number < size; number++ {
		progress(number, size)
		var p photo.Photo
		if number < g.store.len() {
			if p, err = g.store.photo(number); err != nil {
				return step, err
			}
		} else {
			p = measured.known(number).Photo
		}
		if err := g.list(ctx, number, p.Fingerprints, p.Features); err != nil {
			return step, err
		}
	}
	if err := g.flush(ctx); err != nil {
		return step, err
	}
	step.Seconds = (spent() - start).Seconds()
	pictures := min(size, s.pictures())
	step.Real = min(pictures, s.real())
	step.Crops = min(pictures-step.Real, s.crops())
	step.Drawn = pictures - step.Real - step.Crops
	step.Sampled = size - pictures
	if step.IndexDisk, step.StoreDisk, err = disk(e.Dir); err != nil {
		return step, err
	}

	g.files, g.byFile = make([]string, size), map[string]int{}
	for number := range g.files {
		g.files[number] = s.title(number)
		if number < len(s.originals) {
			g.byFile[s.originals[number]] = number
		}
	}
	r := newReport()
	for i, row := range rows {
		progress(i, len(rows))
		if err := r.ask(ctx, g, row); err != nil {
			return step, err
		}
	}
	r.References, r.Bytes = size, g.bytes()
	r.finish()
	step.Report = r
	return step, nil
}

// disk adds up files of a folder: those of the index, and the store.
func disk(dir string) (index, store int64, err error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return 0, 0, err
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			return 0, 0, err
		}
		switch {
		case f.Name() == "photos":
			store += info.Size()
		case f.Name() != "of":
			index += info.Size()
		}
	}
	return index, store, nil
}

// A source makes pictures by number.
type source struct {
	originals, others []string
	decoded           int
	last              string // the photo decoded last, of which the next crop probably is
	photo             *image.RGBA
}

// name says what the pictures are made from and how they are described.
func (s *source) name() string {
	all := sha256.New()
	for _, f := range slices.Concat(s.originals, s.others) {
		fmt.Fprintln(all, filepath.Base(f))
	}
	return fmt.Sprintf("growth/1 %x %s %s %s %d\n", all.Sum(nil)[:8], photo.Perception, photo.Transform, search.OrientedBinary, s.decoded)
}

func (s *source) real() int     { return len(s.originals) + len(s.others) }
func (s *source) crops() int    { return CropsEach * len(s.others) }
func (s *source) pictures() int { return s.decoded }

// title names a picture for a list of false pairs.
func (s *source) title(number int) string {
	switch crop := number - s.real(); {
	case number < len(s.originals):
		return s.originals[number]
	case crop < 0:
		return s.others[number-len(s.originals)]
	case number >= s.decoded:
		return fmt.Sprintf("features %d", number)
	case crop < s.crops():
		return fmt.Sprintf("crop %d of %s", crop, s.others[s.cropped(crop)])
	}
	return fmt.Sprintf("drawn picture %d", number)
}

// cropped returns which photo a crop is of: four of each in turn, and again.
func (s *source) cropped(crop int) int { return crop / 4 % len(s.others) }

// picture prepares a picture; one under the quality gate has neither fingerprints nor features.
func (s *source) picture(ctx context.Context, number int) (photo.Photo, error) {
	p, err := s.prepared(ctx, number)
	p.Features.Algo = search.OrientedBinary
	return p, err
}

func (s *source) prepared(ctx context.Context, number int) (photo.Photo, error) {
	var b []byte
	r := rand.New(rand.NewPCG(uint64(number), 80))
	switch crop := number - s.real(); {
	case crop < 0:
		var err error
		if b, err = os.ReadFile(s.title(number)); err != nil {
			return photo.Photo{}, err
		}
	case crop < s.crops():
		file := s.others[s.cropped(crop)]
		if file != s.last {
			p, err := read(ctx, file, photo.Limits{})
			if refused := (*photo.Refused)(nil); errors.As(err, &refused) {
				return photo.Photo{}, nil
			}
			if err != nil {
				return p, err
			}
			m, err := jpeg.Decode(bytes.NewReader(p.Derivative))
			if err != nil {
				return p, fmt.Errorf("%s: %w", file, err)
			}
			s.last, s.photo = file, made.Opaque(m)
		}
		b = made.JPEG(made.Part(r, s.photo), 80)
	default:
		b = made.JPEG(made.Photo(3<<60|uint64(number), 400, 300), 80)
	}
	p, err := photo.Prepare(ctx, b, photo.Limits{Features: true})
	if refused := (*photo.Refused)(nil); errors.As(err, &refused) {
		return photo.Photo{}, nil
	}
	if err != nil {
		return p, fmt.Errorf("%s: %w", s.title(number), err)
	}
	return p, nil
}

// A distribution draws features like those that were measured: each point lies where some measured point lies, and looks like
// another one with 20 to 60 of its 256 bits thrown again, which leaves the words of an index as crowded as they are.
type distribution struct{ from []photo.Photo }

// mostMeasured is from how many photos features are drawn.
const mostMeasured = 2000

func sampled(g *gallery, pictures int) (d distribution, err error) {
	for i := range min(pictures, mostMeasured) {
		p, err := g.store.photo(i * pictures / min(pictures, mostMeasured))
		if err != nil {
			return d, err
		}
		if len(p.Features.Points) > 0 {
			d.from = append(d.from, p)
		}
	}
	if len(d.from) == 0 {
		return d, errors.New("no photo has features to draw others from")
	}
	return d, nil
}

// known makes the photo of a number, which is always the same: its features drawn, its brightness that of a measured one.
func (d distribution) known(number int) match.Known {
	r := rand.New(rand.NewPCG(uint64(number), 800))
	base := d.from[r.IntN(len(d.from))]
	k := match.Known{Photo: photo.Photo{Width: base.Width, Height: base.Height, Features: base.Features}}
	k.Features.Points = slices.Clone(base.Features.Points)
	for i := range k.Features.Points {
		other := d.from[r.IntN(len(d.from))].Features.Points
		p := &k.Features.Points[i]
		p.Desc = other[r.IntN(len(other))].Desc
		for range 20 + r.IntN(41) {
			bit := r.IntN(256)
			p.Desc[bit/8] = p.Desc[bit/8]&^(1<<(bit%8)) | byte(r.IntN(2))<<(bit%8)
		}
	}
	k.Brightness = func() (*image.Gray, error) { return photo.Brightness(base.Grey) }
	return k
}

// WriteTo writes a step for people, under a heading of its own.
func (s Step) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	r := s.Report
	fmt.Fprintf(&b, "%d known: %d photos, %d crops, %d drawn, %d of drawn features\n", s.Known, s.Real, s.Crops, s.Drawn, s.Sampled)
	fmt.Fprintf(&b, "  mean of the edits  %.4f of %d queries\n", r.Mean, r.Queries)
	fmt.Fprintf(&b, "  false pairs        %d of %d, 95 %%: %.1e to %.1e a pair; %d more shown apart; %.2f unrelated pairs shown in 1,000 queries\n",
		r.FalsePairs, r.Pairs, r.FalseRate[0], r.FalseRate[1], r.ScenePairs, 1000*float64(r.FalsePairs+r.ScenePairs)/float64(max(1, r.Queries)))
	for _, l := range []struct {
		name string
		Latency
	}{{"plain photos", r.Plain}, {"posters, prints", r.Embedded}} {
		fmt.Fprintf(&b, "  %-18s %d queries, ms median and p99: hash %.1f %.1f, features %.1f %.1f, candidates %.1f %.1f, verify %.1f %.1f, asking %.1f %.1f\n", l.name, l.Queries,
			l.Hash.Median, l.Hash.P99, l.Features.Median, l.Features.P99, l.Candidates.Median, l.Candidates.P99, l.Verify.Median, l.Verify.P99, l.Asking.Median, l.Asking.P99)
	}
	fmt.Fprintf(&b, "  on disk            index %.1f MB, %.0f bytes a photo; what is kept of pictures %.1f MB\n", float64(s.IndexDisk)/1e6, float64(s.IndexDisk)/float64(max(1, s.Known)), float64(s.StoreDisk)/1e6)
	fmt.Fprintf(&b, "  indexing           %.0f s of processor time for what this step added\n", s.Seconds)
	for _, p := range r.Wrong {
		fmt.Fprintf(&b, "  false pair: %s\n    and %s\n", p[0], p[1])
	}
	b.WriteByte('\n')
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}
