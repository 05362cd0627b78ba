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
	"os"
	"path/filepath"
	"slices"
	"strings"

	"xunqin/pipeline"
	"xunqin/pipeline/photo"
)

// An Exam says what to measure on.
type Exam struct {
	Set         string   // folder of the set
	Distractors []string // folders of other photos
	Series      []string // folders of shots that show the same things and are no copies; each picture is compared with each
	Layouts     bool     // compare pages of one layout with different photos too, which the exam makes itself
	Sample      int      // every how many-th query of an edit is asked; 0 and 1 are all
	Half        int      // ask about one half of the originals only, 1 or 2, by a hash of their names; all are known nevertheless
	Progress    func(done, of int)
}

// Run sits the exam.
func (e Exam) Run(ctx context.Context) (r Report, err error) {
	rows, err := e.truth()
	if err != nil {
		return r, err
	}
	r = newReport()
	dir, err := os.MkdirTemp("", "xunqin-exam-")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	known, err := openGallery(ctx, dir, "exam\n")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, known.close()) }()

	files, err := pictures(append([]string{filepath.Join(e.Set, "originals")}, e.Distractors...))
	if err != nil {
		return r, err
	}
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
	r.References = len(known.files)
	r.Bytes = known.bytes()

	for i, row := range rows {
		progress(len(files)+i, all)
		if err := r.ask(ctx, known, row); err != nil {
			return r, err
		}
	}
	if err := e.negatives(ctx, &r, files, func(done, of int) { progress(done, of) }); err != nil {
		return r, err
	}
	r.finish()
	return r, nil
}

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
		if e.Half > 0 && half(q.original) != e.Half {
			continue
		}
		if asked[q.edit]++; (asked[q.edit]-1)%max(1, e.Sample) == 0 {
			rows = append(rows, q)
		}
	}
	return rows, nil
}

// half returns which half of a set an original belongs to, whatever else is in the set: 1 if the first byte of the SHA-256 of its
// file name is even, 2 if it is odd.
func half(original string) int { return 1 + int(sha256.Sum256([]byte(filepath.Base(original)))[0]%2) }

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
	counts := r.count(q.edit, q.class)
	each := func(f func(*Count)) {
		for _, c := range counts {
			f(c)
		}
	}
	original, known := g.byFile[q.original]
	if !known {
		each(func(c *Count) { c.Unfit++ })
		r.Missed = append(r.Missed, q.query)
		original = -1
	}
	var ms Milliseconds
	answers, err := g.answers(ctx, q.query, &ms)
	if refused := (*photo.Refused)(nil); errors.As(err, &refused) || errors.Is(err, errUnfit) {
		if known {
			each(func(c *Count) { c.Unfit++ })
		}
		r.Unfit = append(r.Unfit, q.query)
	} else if err != nil {
		return err
	}
	r.took(q.edit, ms)
	r.Pairs += len(g.files)
	if known {
		r.Pairs--
	}
	if known {
		r.reached(pipeline.Reaches(), func(f *pipeline.ReachRates) { f.Copies++ })
	}
	r.reached(pipeline.Reaches(), func(f *pipeline.ReachRates) { f.Unrelated += len(g.files) - 1 })
	found := false
	for _, a := range answers {
		if g.sums[a.number] == g.sum(original) {
			taken := r.judge(a.Verdict, isCopy)
			if a.number == original {
				r.reached(taken, func(f *pipeline.ReachRates) { f.Found++ })
			}
		} else {
			r.reached(r.judge(a.Verdict, isUnrelated), func(f *pipeline.ReachRates) { f.FalseTaken++ })
		}
		switch {
		case !a.Same:
			if a.number == original {
				each(func(c *Count) { c.Apart++ })
			} else {
				r.ScenePairs++
			}
		case a.number == original:
			found = true
			each(func(c *Count) {
				c.Found++
				if a.byHash {
					c.Hash++
				}
			})
		case g.sums[a.number] == g.sum(original):
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
	return g.sums[number]
}
