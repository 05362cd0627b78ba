// Package exam measures how well pictures are found again, on a set of edited copies with known answers.
//
// A set is a folder as the benchmark's generator writes it: originals/, queries/ and truth.csv, whose columns query, transform,
// class and original name the copy, what was done to it, the kind of edit, and the original. Every original and every
// distractor is indexed as the program indexes a photo, from what is kept of it for good; every query goes through what the
// program does with a photo that comes in. Nothing leaves the machine.
package exam

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"xunqin/pipeline/photo"
	"xunqin/pipeline/photo/feature"
	"xunqin/search"
	"xunqin/search/embedded"
)

// An Exam says what to measure on.
type Exam struct {
	Set         string   // folder of the set
	Distractors []string // folders of other photos
	Series      []string // folders of shots that show the same things and are no copies; each picture is compared with each
	Sample      int      // every how many-th query of an edit is asked; 0 and 1 are all
	Progress    func(done, of int)
}

// A Report is what was measured.
type Report struct {
	Edits      map[string]*Count `json:"edits"`
	Classes    map[string]*Count `json:"classes"`
	Mean       float64           `json:"mean"` // of the edits' rates
	Pairs      int               `json:"pairs"`
	FalsePairs int               `json:"false_pairs"`
	ScenePairs int               `json:"scene_pairs"` // not the same by the program's word, and shown apart
	Series     Series            `json:"series"`
	Milli      Milliseconds      `json:"ms"`
	Bytes      Bytes             `json:"bytes"`
	References int               `json:"references"`
	Queries    int               `json:"queries"`
	Unfit      []string          `json:"unfit"` // pictures under the quality gate: too flat, too small or refused
	Missed     []string          `json:"missed"`
	Wrong      [][2]string       `json:"wrong"` // false pairs: query and photo
	edits      []string          // in the order of the set
	class      map[string]string // of an edit
}

// A Count is how many copies were found of how many.
type Count struct {
	Found int `json:"found"`
	Of    int `json:"of"`
	Hash  int `json:"by_hash"` // of those found, by fingerprints alone
	Apart int `json:"apart"`   // of those not found, shown as the same scene or layout
	Unfit int `json:"unfit"`   // of those, copies of pictures under the quality gate, or under it themselves
}

// Series are pairs of pictures of the same things that are no copies.
type Series struct {
	Pairs      int `json:"pairs"`
	CalledSame int `json:"called_same"`
	Apart      int `json:"shown_apart"` // as the same scene or the same layout
}

// Milliseconds are means over the queries, of processor time where the system tells it.
type Milliseconds struct {
	Decode     float64 `json:"decode"`     // reading the file, and all that is kept of any photo
	Hash       float64 `json:"hash"`       // looking for fingerprints among all
	Features   float64 `json:"features"`   // all that a photo is looked for by, fingerprints of its parts among it
	Candidates float64 `json:"candidates"` // the votes of the index
	Verify     float64 `json:"verify"`     // comparing the candidates
}

// Bytes are means over the references.
type Bytes struct {
	Reference float64 `json:"reference"` // features and fingerprints of a photo of a report
	Crawled   float64 `json:"crawled"`   // the same of any other, see photo.CrawledPoints
}

// candidates is how many photos of each answer of the index are compared.
const candidates = 8

// Run sits the exam.
func (e Exam) Run(ctx context.Context) (r Report, err error) {
	rows, err := e.truth()
	if err != nil {
		return r, err
	}
	r = Report{Edits: map[string]*Count{}, Classes: map[string]*Count{}, class: map[string]string{}, Unfit: []string{}, Missed: []string{}, Wrong: [][2]string{}}
	dir, err := os.MkdirTemp("", "xunqin-exam-")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	index, err := embedded.Open(ctx, filepath.Join(dir, "index.db"))
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, index.Close()) }()

	files, err := pictures(append([]string{filepath.Join(e.Set, "originals")}, e.Distractors...))
	if err != nil {
		return r, err
	}
	known := &gallery{index: index, byFile: map[string]int{}}
	progress := e.Progress
	if progress == nil {
		progress = func(int, int) {}
	}
	all := len(files) + len(rows)
	for i, file := range files {
		progress(i, all)
		ok, err := known.add(ctx, file)
		if err != nil {
			return r, err
		}
		if !ok {
			r.Unfit = append(r.Unfit, file)
		}
	}
	if err := known.flush(ctx); err != nil {
		return r, err
	}
	r.References = len(known.photos)
	r.Bytes = known.bytes()

	for i, row := range rows {
		progress(len(files)+i, all)
		if err := r.ask(ctx, known, row); err != nil {
			return r, err
		}
	}
	n := float64(max(1, r.Queries))
	for _, ms := range []*float64{&r.Milli.Decode, &r.Milli.Hash, &r.Milli.Features, &r.Milli.Candidates, &r.Milli.Verify} {
		*ms /= n
	}
	for _, c := range r.Edits {
		r.Mean += c.rate() / float64(len(r.Edits))
	}
	for _, folder := range e.Series {
		if err := r.series(ctx, folder); err != nil {
			return r, err
		}
	}
	return r, nil
}

func (c *Count) rate() float64 { return float64(c.Found) / float64(max(1, c.Of)) }

// A row is a line of truth.csv with its names made paths.
type row struct{ query, edit, class, original string }

func (e Exam) truth() ([]row, error) {
	f, err := os.Open(filepath.Join(e.Set, "truth.csv"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("%s: no queries", f.Name())
	}
	var at [4]int
	for i, name := range []string{"query", "transform", "class", "original"} {
		if at[i] = slices.Index(lines[0], name); at[i] < 0 {
			return nil, fmt.Errorf("%s: no column %q", f.Name(), name)
		}
	}
	var rows []row
	asked := map[string]int{}
	for _, l := range lines[1:] {
		q := row{filepath.Join(e.Set, l[at[0]]), l[at[1]], l[at[2]], filepath.Join(e.Set, l[at[3]])}
		if asked[q.edit]++; (asked[q.edit]-1)%max(1, e.Sample) == 0 {
			rows = append(rows, q)
		}
	}
	return rows, nil
}

// pictures lists the picture files of folders and the folders in them, by name.
func pictures(folders []string) ([]string, error) {
	var files []string
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			switch strings.ToLower(filepath.Ext(path)) {
			case ".jpg", ".jpeg", ".png", ".webp":
				files = append(files, path)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// A gallery is all that is known.
type gallery struct {
	index  search.Index
	photos []Known
	files  []string
	byFile map[string]int
	put    []search.Doc
	size   int64
	small  int64
}

// add makes a picture known; ok is false for one that cannot be compared.
func (g *gallery) add(ctx context.Context, file string) (ok bool, err error) {
	p, err := read(ctx, file, photo.Limits{Features: true})
	if refused := (*photo.Refused)(nil); errors.As(err, &refused) || err == nil && !p.Matchable() {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	k, err := NewKnown(p)
	if err != nil {
		return false, err
	}
	number := len(g.photos)
	g.byFile[file] = number
	g.files = append(g.files, file)
	g.photos = append(g.photos, k)
	if err := g.weigh(p); err != nil {
		return false, err
	}
	id := strconv.Itoa(number)
	g.put = append(g.put, search.Doc{ID: id, Kind: search.KindReport, At: time.UnixMilli(1), Photos: []search.PhotoRef{{
		ID: id, Prints: p.Fingerprints, Features: []search.Features{p.Features},
	}}})
	if len(g.put) < 500 {
		return true, nil
	}
	return true, g.flush(ctx)
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
	n := float64(max(1, len(g.photos)))
	return Bytes{float64(g.size) / n, float64(g.small) / n}
}

func read(ctx context.Context, file string, lim photo.Limits) (photo.Photo, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return photo.Photo{}, err
	}
	p, err := photo.Prepare(ctx, b, lim)
	if err != nil {
		return p, fmt.Errorf("%s: %w", file, err)
	}
	return p, nil
}

// ask asks one query and marks the answers.
func (r *Report) ask(ctx context.Context, g *gallery, q row) error {
	count := func(m map[string]*Count, key string) *Count {
		if m[key] == nil {
			m[key] = &Count{}
		}
		m[key].Of++
		return m[key]
	}
	if r.Edits[q.edit] == nil {
		r.edits = append(r.edits, q.edit)
		r.class[q.edit] = q.class
	}
	edit, class := count(r.Edits, q.edit), count(r.Classes, q.class)
	r.Queries++
	original, known := g.byFile[q.original]
	if !known {
		edit.Unfit++
		class.Unfit++
		r.Missed = append(r.Missed, q.query)
		original = -1
	}
	answers, byHash, err := g.answers(ctx, q.query, &r.Milli)
	if refused := (*photo.Refused)(nil); errors.As(err, &refused) || errors.Is(err, errUnfit) {
		edit.Unfit++
		class.Unfit++
		r.Unfit = append(r.Unfit, q.query)
	} else if err != nil {
		return err
	}
	r.Pairs += len(g.photos)
	if known {
		r.Pairs--
	}
	found := false
	for _, a := range answers {
		switch {
		case !a.Same:
			if a.number == original {
				edit.Apart++
				class.Apart++
			} else {
				r.ScenePairs++
			}
		case a.number == original:
			found = true
			edit.Found++
			class.Found++
			if byHash[a.number] {
				edit.Hash++
				class.Hash++
			}
		case g.photos[a.number].sum == g.sum(original):
			// The very same file under another name.
		default:
			r.FalsePairs++
			r.Wrong = append(r.Wrong, [2]string{q.query, g.files[a.number]})
		}
	}
	if !found && known {
		r.Missed = append(r.Missed, q.query)
	}
	return nil
}

func (g *gallery) sum(number int) [sha256.Size]byte {
	if number < 0 {
		return [sha256.Size]byte{}
	}
	return g.photos[number].sum
}

var errUnfit = errors.New("too flat or too small to be compared")

type answer struct {
	number int
	Verdict
}

// answers returns the known photos that the program would show for a picture.
func (g *gallery) answers(ctx context.Context, file string, ms *Milliseconds) (all []answer, byHash map[int]bool, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	var clock stopwatch
	clock.lap()
	p, err := photo.Prepare(ctx, b, photo.Limits{})
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	plain := clock.lap()
	ms.Decode += plain
	if !p.Matchable() {
		return nil, nil, fmt.Errorf("%s: %w", file, errUnfit)
	}
	if p, err = photo.Prepare(ctx, b, photo.Limits{Probe: true}); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	ms.Features += max(0, clock.lap()-plain)

	byHash = map[int]bool{}
	for i, k := range g.photos {
		if _, ok := p.Probe.Recognise(k.photo); ok {
			byHash[i] = true
		}
	}
	ms.Hash += clock.lap()
	for i := range g.photos {
		if byHash[i] {
			m, ok := p.Probe.Compare(g.photos[i].photo, g.photos[i].prepared)
			all = append(all, answer{i, Verdict{m, ok}})
		}
	}
	ms.Verify += clock.lap()

	query := p.Probe.Query
	for range 2 { // as it is, then in windows
		asked := map[int]bool{}
		for _, probe := range query.Probes() {
			for _, f := range []search.Features{probe.Plain, probe.Mirrored} {
				if len(f.Points) == 0 {
					continue
				}
				list, err := g.index.Votes(ctx, f, candidates)
				if err != nil {
					return nil, nil, err
				}
				for _, c := range list {
					n, err := strconv.Atoi(c.Photo)
					if err != nil {
						return nil, nil, err
					}
					asked[n] = true
				}
			}
		}
		ms.Candidates += clock.lap()
		for i := range g.photos {
			if !asked[i] || slices.ContainsFunc(all, func(a answer) bool { return a.number == i }) {
				continue
			}
			if m, ok := feature.Compare(query, g.photos[i].prepared); m.Kind != "" {
				all = append(all, answer{i, Verdict{m, ok}})
			}
		}
		ms.Verify += clock.lap()
		if slices.ContainsFunc(all, func(a answer) bool { return a.Same }) {
			break
		}
		query = query.Windows()
		ms.Features += clock.lap()
	}
	return all, byHash, nil
}

// series compares every picture of a folder with every other.
func (r *Report) series(ctx context.Context, folder string) error {
	files, err := pictures([]string{folder})
	if err != nil {
		return err
	}
	var probes []photo.Photo
	var known []Known
	for _, file := range files {
		p, err := read(ctx, file, photo.Limits{Features: true, Probe: true})
		if refused := (*photo.Refused)(nil); errors.As(err, &refused) || err == nil && !p.Matchable() {
			r.Unfit = append(r.Unfit, file)
			continue
		}
		if err != nil {
			return err
		}
		k, err := NewKnown(p)
		if err != nil {
			return err
		}
		probes, known = append(probes, p), append(known, k)
	}
	for i, p := range probes {
		for j, k := range known {
			if i == j || k.sum == p.SHA256 {
				continue
			}
			v, err := Compare(p, k)
			if err != nil {
				return err
			}
			r.Series.Pairs++
			switch {
			case v.Same:
				r.Series.CalledSame++
			case v.Kind != "":
				r.Series.Apart++
			}
		}
	}
	return nil
}

// gray reads what is kept of a photo for good.
func gray(p photo.Photo) (*image.Gray, error) {
	return photo.Brightness(p.Grey)
}

// WriteTo writes the report as a table for people.
func (r Report) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%d queries, %d photos known, %d pairs of pictures that do not belong together\n\n", r.Queries, r.References, r.Pairs)
	fmt.Fprintf(&b, "%-18s %-16s %11s  %5s  %-14s  %7s  %s\n", "class", "edit", "found", "", "95 %", "by hash", "shown apart")
	for _, name := range r.edits {
		c := r.Edits[name]
		lo, hi := interval(c.Found, c.Of)
		fmt.Fprintf(&b, "%-18s %-16s %5d/%5d  %.3f  %.3f to %.3f  %7.3f  %d\n", r.class[name], name, c.Found, c.Of, c.rate(), lo, hi, float64(c.Hash)/float64(max(1, c.Of)), c.Apart)
	}
	b.WriteByte('\n')
	var classes []string
	for _, name := range r.edits {
		if !slices.Contains(classes, r.class[name]) {
			classes = append(classes, r.class[name])
		}
	}
	slices.Sort(classes)
	for _, name := range classes {
		c := r.Classes[name]
		lo, hi := interval(c.Found, c.Of)
		fmt.Fprintf(&b, "%-35s %5d/%5d  %.3f  %.3f to %.3f\n", name, c.Found, c.Of, c.rate(), lo, hi)
	}
	_, hi := interval(r.FalsePairs, r.Pairs)
	fmt.Fprintf(&b, "\nmean of the edits %.4f\nfalse pairs       %d (95 %%: at most %.1e a pair), %d more shown as the same scene or layout\n", r.Mean, r.FalsePairs, hi, r.ScenePairs)
	if r.Series.Pairs > 0 {
		fmt.Fprintf(&b, "other shots       %d of %d pairs called the same picture, %d shown as the same scene or layout\n", r.Series.CalledSame, r.Series.Pairs, r.Series.Apart)
	}
	m := r.Milli
	fmt.Fprintf(&b, "ms a query        decode %.1f, hash %.1f, features %.1f, candidates %.1f, verify %.1f\n", m.Decode, m.Hash, m.Features, m.Candidates, m.Verify)
	fmt.Fprintf(&b, "bytes a photo     %.0f of a report, %.0f crawled\n", r.Bytes.Reference, r.Bytes.Crawled)
	for _, list := range []struct {
		name  string
		files []string
	}{{"under the quality gate", r.Unfit}, {"missed", r.Missed}} {
		if len(list.files) > 0 {
			fmt.Fprintf(&b, "\n%s:\n  %s\n", list.name, strings.Join(list.files, "\n  "))
		}
	}
	if len(r.Wrong) > 0 {
		b.WriteString("\nfalse pairs:\n")
		for _, p := range r.Wrong {
			fmt.Fprintf(&b, "  %s\n    and %s\n", p[0], p[1])
		}
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}
