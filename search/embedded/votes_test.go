package embedded

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"xunqin/search"
)

// motif is a document with a picture of its own.
func motif(n int) search.Doc {
	f := search.Features{Algo: "f/1"}
	r := rand.New(rand.NewPCG(uint64(n), 3))
	for range 5 {
		p := search.Point{Angle: uint8(r.Uint32()), Level: uint8(r.IntN(8))}
		for i := range p.Desc {
			p.Desc[i] = byte(r.Uint32())
		}
		f.Points = append(f.Points, p)
	}
	d := doc(fmt.Sprint(n), "男孩")
	d.Photos = []search.PhotoRef{{ID: "p", Features: []search.Features{f}}}
	return d
}

func motifs(from, to int) (docs []search.Doc) {
	for i := from; i < to; i++ {
		docs = append(docs, motif(i))
	}
	return docs
}

// recognised are those of the motifs that are found by their own features, alone and whole.
func recognised(t testing.TB, x *Index, docs []search.Doc) (ids []string) {
	t.Helper()
	for _, d := range docs {
		found, err := x.Votes(t.Context(), d.Photos[0].Features[0], 3)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) > 1 {
			t.Errorf("%s: candidates %v", d.ID, found)
		}
		if len(found) == 1 && found[0].Doc == d.ID && found[0].Score == 5*int(search.Weight(0)*search.Rarity(1)) {
			ids = append(ids, d.ID)
		}
	}
	return ids
}

func wantRecognised(t testing.TB, x *Index, docs []search.Doc) {
	t.Helper()
	var want []string
	for _, d := range docs {
		want = append(want, d.ID)
	}
	if d := cmp.Diff(want, recognised(t, x, docs)); d != "" {
		t.Errorf("recognised (-want +got):\n%s", d)
	}
}

func segmentFiles(t testing.TB, dir string) (files []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestPicturesAreKeptInFewSegments(t *testing.T) {
	dir := t.TempDir()
	x := openSmall(t, filepath.Join(dir, "index"))
	docs := motifs(0, 100)
	for _, d := range docs {
		put(t, x, d)
	}
	if n := len(segmentFiles(t, dir)); n == 0 || n > 7 {
		t.Errorf("%d segments of 100 pictures, three and more in each", n)
	}
	wantRecognised(t, x, docs)
	if err := x.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOneBatchMakesManySegments(t *testing.T) {
	x := openSmall(t, filepath.Join(t.TempDir(), "index"))
	docs := motifs(0, 40)
	put(t, x, docs...)
	put(t, x, docs...) // nothing new in it
	var numbered int
	if err := x.read.QueryRowContext(t.Context(), `SELECT next FROM classes`).Scan(&numbered); err != nil || numbered != 40 {
		t.Errorf("%d pictures were numbered, want 40 (%v)", numbered, err)
	}
	if n := x.votes[ballotKey{"f/1", search.KindPost}].live(); n != 40 {
		t.Errorf("%d pictures live, want 40", n)
	}
	wantRecognised(t, x, docs)
}

func TestSegmentsOutliveTheProcess(t *testing.T) {
	dir := t.TempDir()
	docs := motifs(0, 10)
	x, err := openAt(t.Context(), filepath.Join(dir, "index.new"), 3, 5)
	if err != nil {
		t.Fatal(err)
	}
	put(t, x, docs...)
	if err := x.Delete(t.Context(), docs[0].ID, docs[9].ID); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	for _, end := range []string{"", "-wal", "-shm"} { // as it is when it takes the place of another
		if err := os.Rename(filepath.Join(dir, "index.new"+end), filepath.Join(dir, "index"+end)); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	orphan := filepath.Join(dir, "index-left"+segmentSuffix) // of a change that was not made
	foreign := filepath.Join(dir, "index2-other"+segmentSuffix)
	for _, f := range []string{orphan, foreign} {
		if err := os.WriteFile(f, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	x = openSmall(t, filepath.Join(dir, "index"))
	if got := recognised(t, x, docs); len(got) != 8 || slices.Contains(got, "0") || slices.Contains(got, "9") {
		t.Errorf("recognised %v", got)
	}
	for _, f := range segmentFiles(t, dir) {
		if !strings.HasPrefix(filepath.Base(f), "index-") && f != foreign || f == orphan {
			t.Errorf("%s is there", f)
		}
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Error(err)
	}
}

func TestDamagedSegmentIsNamed(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(path string, b []byte) error
		open bool // it opens, and only Check sees
	}{
		{"missing", func(path string, b []byte) error { return os.Remove(path) }, false},
		{"empty", func(path string, b []byte) error { return os.WriteFile(path, nil, 0o600) }, false},
		{"cut", func(path string, b []byte) error { return os.WriteFile(path, b[:len(b)-1], 0o600) }, false},
		{"not one", func(path string, b []byte) error { b[0] = 'y'; return os.WriteFile(path, b, 0o600) }, false},
		{"out of order", func(path string, b []byte) error { b[headerBytes+4*words/2+3] = 9; return os.WriteFile(path, b, 0o600) }, false},
		{"of too many points", func(path string, b []byte) error { b[headerBytes-8] ^= 1; return os.WriteFile(path, b, 0o600) }, false},
		{"one bit", func(path string, b []byte) error { b[len(b)-1] ^= 1; return os.WriteFile(path, b, 0o600) }, true},
		{"pictures that are none", func(path string, b []byte) error {
			for i := headerBytes + 4*(words+1); i < len(b); i++ {
				b[i] = 0xff
			}
			return os.WriteFile(path, b, 0o600)
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			x, err := openAt(t.Context(), filepath.Join(dir, "index"), 3, 5)
			if err != nil {
				t.Fatal(err)
			}
			put(t, x, motifs(0, 3)...)
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
			files := segmentFiles(t, dir)
			if len(files) != 1 {
				t.Fatalf("segments: %v", files)
			}
			b, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := tt.do(files[0], b); err != nil {
				t.Fatal(err)
			}
			x, err = Open(t.Context(), filepath.Join(dir, "index"))
			if err != nil {
				if tt.open || !errors.Is(err, ErrCorrupt) {
					t.Errorf("Open: %v", err)
				}
				return
			}
			defer x.Close() // read
			if !tt.open {
				t.Error("it opens")
			}
			for i := range 3 { // anything but a panic
				if _, err := x.Votes(t.Context(), motif(i).Photos[0].Features[0], 3); err != nil && !errors.Is(err, ErrCorrupt) {
					t.Errorf("Votes: %v", err)
				}
			}
			if err := x.Check(t.Context()); !errors.Is(err, ErrCorrupt) {
				t.Errorf("Check: %v", err)
			}
		})
	}
}

func TestProcessesSeeEachOthersPictures(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index")
	a, b := openSmall(t, path), openSmall(t, path)
	docs := motifs(0, 30)
	for i, d := range docs {
		put(t, []*Index{a, b}[i/5%2], d)
		if i > 0 {
			wantRecognised(t, []*Index{b, a}[i/5%2], docs[i-1:i+1])
		}
	}
	wantRecognised(t, a, docs)
	if err := a.Delete(t.Context(), "3", "29"); err != nil {
		t.Fatal(err)
	}
	if got := recognised(t, b, docs); len(got) != 28 {
		t.Errorf("recognised %v", got)
	}
	if err := a.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := recognised(t, b, docs); len(got) != 28 {
		t.Errorf("recognised %v", got)
	}
	for i := range changesKept + 1 {
		put(t, a, doc("other", "", print(byte(i))))
	}
	if got := recognised(t, b, docs); len(got) != 28 {
		t.Errorf("far behind: recognised %v", got)
	}
}

// A picture that was there all along is recognised whatever is written beside it, and a new one as soon as Put has returned.
func TestVotesWhileWriting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index")
	indexes := []*Index{openSmall(t, path), openSmall(t, path)}
	stays := motif(999)
	put(t, indexes[0], stays)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var writers, readers sync.WaitGroup
	for w, x := range indexes {
		writers.Go(func() {
			for i := range 30 {
				d := motif(w*1000 + i%10)
				moved := stays // in another row each time
				moved.At = moved.At.AddDate(0, 0, i)
				if err := x.Put(ctx, d, moved); err != nil {
					t.Error(err)
					return
				}
				found, err := x.Votes(ctx, d.Photos[0].Features[0], 1)
				if err != nil || len(found) != 1 || found[0].Doc != d.ID {
					t.Errorf("%s is put and not found: %v, %v", d.ID, found, err)
				}
				if i%3 == 0 {
					if err := x.Delete(ctx, d.ID); err != nil {
						t.Error(err)
					}
				}
				if i == 20 {
					if err := x.Purge(ctx); err != nil {
						t.Error(err)
					}
				}
			}
		})
		readers.Go(func() {
			for ctx.Err() == nil {
				found, err := x.Votes(ctx, stays.Photos[0].Features[0], 2)
				if ctx.Err() == nil && (err != nil || len(found) != 1 || found[0].Doc != "999") {
					t.Errorf("found: %v, %v", found, err)
					return
				}
			}
		})
	}
	writers.Wait()
	stop()
	readers.Wait()
	if err := indexes[0].Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// A document that changes its photo again and again leaves no more behind than the tail may carry.
func TestTailSheds(t *testing.T) {
	x := open(t, filepath.Join(t.TempDir(), "index"))
	d := motif(0)
	for i := range tailWaste + 100 {
		d.Photos[0].Features = motif(i).Photos[0].Features
		put(t, x, d)
	}
	if n := len(x.votes[ballotKey{"f/1", search.KindPost}].tail.numbers); n > 100 {
		t.Errorf("%d pictures in the tail", n)
	}
	var dead int
	if err := x.read.QueryRowContext(t.Context(), `SELECT count(*) FROM dead`).Scan(&dead); err != nil || dead > changesKept {
		t.Errorf("%d dead pictures, %v", dead, err)
	}
	found, err := x.Votes(t.Context(), d.Photos[0].Features[0], 3)
	if err != nil || len(found) != 1 {
		t.Errorf("found %v, %v", found, err)
	}
}

// The descriptors of an erased picture are gone from the files after Purge, those of others are not.
func TestErasedPictureLeavesNoBytes(t *testing.T) {
	dir := t.TempDir()
	x := openSmall(t, filepath.Join(dir, "index"))
	docs := motifs(0, 11) // two are not in a segment yet
	put(t, x, docs...)
	desc := func(i int) string { return string(docs[i].Photos[0].Features[0].Points[2].Desc[:half]) }
	for i := range docs {
		if !inFiles(t, dir, desc(i)) {
			t.Fatalf("the descriptors of %d are nowhere: the test sees nothing", i)
		}
	}
	erased := []int{0, 4, 10}
	for _, i := range erased {
		if err := x.Delete(t.Context(), docs[i].ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range docs {
		if got, want := inFiles(t, dir, desc(i)), !slices.Contains(erased, i); got != want {
			t.Errorf("descriptors of %d in the files: %v", i, got)
		}
	}
	if got := recognised(t, x, docs); len(got) != 8 {
		t.Errorf("recognised %v", got)
	}
	if n := x.votes[ballotKey{"f/1", search.KindPost}].live(); n != 8 {
		t.Errorf("%d pictures live, want 8", n)
	}
	for i := range docs {
		if err := x.Delete(t.Context(), docs[i].ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	if files := segmentFiles(t, dir); len(files) > 0 {
		t.Errorf("segments of nothing: %v", files)
	}
	put(t, x, docs...)
	wantRecognised(t, x, docs)
	if err := x.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFailedChangeLeavesNoSegment(t *testing.T) {
	dir := t.TempDir()
	x := openSmall(t, filepath.Join(dir, "index"))
	put(t, x, motifs(0, 2)...)
	statement := func(s string) {
		if _, err := x.write.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	statement(`CREATE TRIGGER fails BEFORE UPDATE ON meta BEGIN SELECT raise(ABORT, 'full'); END`)
	if err := x.Put(t.Context(), motif(2)); err == nil {
		t.Fatal("put, though nothing could be written")
	}
	if files := segmentFiles(t, dir); len(files) > 0 {
		t.Errorf("segments: %v", files)
	}
	statement(`DROP TRIGGER fails`)
	wantRecognised(t, x, motifs(0, 2))
	put(t, x, motif(2))
	wantRecognised(t, x, motifs(0, 3))
	before := segmentFiles(t, dir)
	if len(before) != 1 {
		t.Errorf("segments: %v", before)
	}
	if err := x.Delete(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	statement(`CREATE TRIGGER fails BEFORE UPDATE ON meta BEGIN SELECT raise(ABORT, 'full'); END`)
	if err := x.Purge(t.Context()); err == nil {
		t.Fatal("purged, though nothing could be written")
	}
	if d := cmp.Diff(before, segmentFiles(t, dir)); d != "" {
		t.Errorf("segments (-want +got):\n%s", d)
	}
}
