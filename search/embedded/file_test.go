package embedded

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"xunqin/search"
)

func print(n byte) search.Fingerprint {
	return search.Fingerprint{Algo: "a", Bits: []byte{n, 0, 0, 0, 0, 0, 0, 0}}
}

func doc(id, text string, prints ...search.Fingerprint) search.Doc {
	d := search.Doc{ID: id, Kind: search.KindPost, Text: text, At: time.Unix(1295884800, 0)}
	if prints != nil {
		d.Photos = []search.PhotoRef{{ID: "p", Prints: prints}}
	}
	return d
}

func put(t testing.TB, x *Index, docs ...search.Doc) {
	t.Helper()
	if err := x.Put(t.Context(), docs...); err != nil {
		t.Fatal(err)
	}
}

func found(t testing.TB, x *Index, q search.Query) (ids []string) {
	t.Helper()
	r, err := x.Find(t.Context(), q, search.Page{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Found {
		ids = append(ids, f.ID)
	}
	return ids
}

func near(t testing.TB, x *Index, radius int) (ids []string) {
	t.Helper()
	hits, err := x.Similar(t.Context(), print(0), radius)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hits {
		ids = append(ids, h.Doc)
	}
	return ids
}

func TestFileKeepsEverything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a folder?#%20", "index 寻")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	x, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Apply(t.Context(), 12, []search.Doc{doc("a", "张三", print(1)), doc("b", "李四", print(3))}, nil); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	x = open(t, path)
	if got := found(t, x, search.Text("张三")); !slices.Equal(got, []string{"a"}) {
		t.Errorf("found %v", got)
	}
	if got := near(t, x, 2); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("near: %v", got)
	}
	i, err := x.Info(t.Context())
	if want := (search.Info{Engine: "embedded", Docs: 2, Photos: 2, Prints: 2, Seq: 12}); err != nil || i != want {
		t.Errorf("Info = %+v, %v, want %+v", i, err, want)
	}
	if err := x.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestProcessesSeeEachOthersChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index")
	a, b := open(t, path), open(t, path)
	put(t, a, doc("1", "男孩", print(1)), doc("2", "男孩", print(3)))
	if got := near(t, b, 8); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("near: %v", got)
	}
	if got := found(t, b, search.Text("男孩")); len(got) != 2 {
		t.Errorf("found %v", got)
	}
	put(t, b, doc("1", "女孩", print(7)), doc("3", "男孩", print(0)))
	if err := b.Delete(t.Context(), "2"); err != nil {
		t.Fatal(err)
	}
	if got := near(t, a, 8); !slices.Equal(got, []string{"3", "1"}) {
		t.Errorf("near: %v", got)
	}
}

func TestProcessFarBehindReadsEverythingAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index")
	a, b := open(t, path), open(t, path)
	put(t, a, doc("gone", "", print(0)))
	near(t, b, 0)
	if err := a.Delete(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	for i := range changesKept + 1 {
		put(t, a, doc("1", "", print(byte(i))))
	}
	put(t, a, doc("1", "", print(1)))
	if got := near(t, b, 64); !slices.Equal(got, []string{"1"}) {
		t.Errorf("near: %v", got)
	}
	if n := b.mem[class{"a", search.KindPost, 8}].Len(); n != 1 {
		t.Errorf("%d prints in memory, want 1", n)
	}
}

// Whatever runs beside it, a photo that was there all along is found once, and a
// post is found as soon as Put has returned.
func TestReadersAndWritersAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index")
	indexes := []*Index{open(t, path), open(t, path)}
	put(t, indexes[0], doc("stays", "男孩", print(0)))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var writers, readers sync.WaitGroup
	for w, x := range indexes {
		writers.Go(func() {
			for i := range 40 {
				id := fmt.Sprint(w, "-", i%5)
				d := doc(id, "男孩", print(1))
				d.At = d.At.Add(time.Duration(i) * time.Hour)
				replaced := doc("stays", "男孩", print(0)) // in another row each time
				replaced.At = d.At
				if err := x.Put(ctx, d, replaced); err != nil {
					t.Error(err)
					return
				}
				hits, err := x.Similar(ctx, print(0), 1)
				if err != nil || !slices.ContainsFunc(hits, func(h search.Hit) bool { return h.Doc == id }) {
					t.Errorf("%s is put and not near: %v, %v", id, hits, err)
				}
				if i%7 == 0 {
					if err := x.Delete(ctx, id); err != nil {
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
				hits, err := x.Similar(ctx, print(0), 0)
				if ctx.Err() == nil && (err != nil || len(hits) != 1 || hits[0].Doc != "stays") {
					t.Errorf("near: %v, %v", hits, err)
					return
				}
				r, err := x.Find(ctx, search.Text("男孩"), search.Page{Limit: 100, Count: 1000})
				if ctx.Err() == nil && (err != nil || r.Total != len(r.Found)) {
					t.Errorf("found %d of %d, %v", len(r.Found), r.Total, err)
					return
				}
			}
		})
	}
	writers.Wait()
	stop()
	readers.Wait()
}

func TestOpenNamesWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	valid := filepath.Join(dir, "valid")
	x, err := Open(t.Context(), valid)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		put(t, x, doc(fmt.Sprint(i), fmt.Sprintf("男孩 %d", i), print(byte(i))))
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(valid)
	if err != nil {
		t.Fatal(err)
	}
	statement := func(s string) func(path string) {
		return func(path string) {
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec(s); err != nil {
				t.Fatal(err)
			}
		}
	}
	write := func(b []byte) func(path string) {
		return func(path string) {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	overwritten := slices.Clone(whole)
	for i := 4096; i < len(overwritten); i++ {
		overwritten[i] = 'x'
	}
	for _, tt := range []struct {
		name string
		make func(path string)
		want error
	}{
		{"newer", statement(`PRAGMA user_version = 99`), ErrNewer},
		{"outdated", statement(`UPDATE meta SET analyser = '0'`), ErrOutdated},
		{"without its mark", statement(`DELETE FROM meta`), ErrCorrupt},
		{"foreign", statement(`PRAGMA application_id = 5`), ErrForeign},
		{"text", write(bytes.Repeat([]byte("not an index\n"), 1000)), ErrCorrupt},
		{"cut", write(whole[:len(whole)/2]), ErrCorrupt},
		{"overwritten", write(overwritten), ErrCorrupt},
	} {
		path := filepath.Join(dir, tt.name)
		write(whole)(path)
		tt.make(path)
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		x, err := Open(t.Context(), path)
		if err == nil { // damage may lie where only a check looks
			err = x.Check(t.Context())
			if err := x.Close(); err != nil {
				t.Error(err)
			}
		}
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s: the file was changed (%v)", tt.name, err)
		}
	}
	other := filepath.Join(dir, "other")
	statement(`CREATE TABLE posts (id)`)(other)
	if _, err := Open(t.Context(), other); !errors.Is(err, ErrForeign) {
		t.Errorf("another database: %v, want %v", err, ErrForeign)
	}
	if _, err := Open(t.Context(), filepath.Join(dir, "no", "folder")); err == nil {
		t.Error("opened a file in no folder")
	}
	write(nil)(filepath.Join(dir, "empty"))
	open(t, filepath.Join(dir, "empty"))
}

// Erased text, and every token made of it, must be gone from the raw files: also
// where its term began a page of the word index, among thousands of other terms.
func TestErasedTextLeavesNoBytes(t *testing.T) {
	dir := t.TempDir()
	x := open(t, filepath.Join(dir, "index"))
	var ids []string
	var docs []search.Doc
	for i := range 3000 {
		secret := fmt.Sprintf("q%05dkanarienvogel%05dzz", i*7919%100000, i) // spread over the terms
		d := doc(fmt.Sprintf("canaryid%d", i), "男孩 "+secret+" 鸝鸞鱻龘", search.Fingerprint{Algo: "a", Bits: []byte("bitbits" + string(rune('a'+i%26)))})
		d.Place, d.Source, d.Status = secret+"place", secret+"source", secret+"status"
		d.Photos[0].ID = secret
		keep := doc(fmt.Sprint("keep", i), fmt.Sprintf("q%05dkept 女孩", i*104729%100000), print(byte(i)))
		docs, ids = append(docs, d, keep), append(ids, d.ID)
	}
	for batch := range slices.Chunk(docs, 500) {
		put(t, x, batch...)
	}
	put(t, x, doc("edited", "edelkastanie 男孩"))
	put(t, x, doc("edited", "女孩"))
	canaries := []string{"kanarienvogel", "canaryid", "bitbits", "6b616e617269656e766f67656c", "edelkastanie", "鸝鸞", "鱻龘"}
	if err := x.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range canaries[:4] {
		if !inFiles(t, dir, c) {
			t.Fatalf("%q is not in the files before it is erased: the test sees nothing", c)
		}
	}
	for batch := range slices.Chunk(ids, 700) {
		if err := x.Delete(t.Context(), batch...); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range canaries {
		if inFiles(t, dir, c) {
			t.Errorf("%q is still in the files", c)
		}
	}
	if got := len(found(t, x, search.Text("女孩"))); got != 50 {
		t.Errorf("found %d, want a page of 50", got)
	}
	if err := x.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func inFiles(t *testing.T, dir, s string) bool {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(s)) {
			t.Logf("%q is in %s, %d times", s, e.Name(), bytes.Count(b, []byte(s)))
			return true
		}
	}
	return false
}

func TestCancelledCallsEnd(t *testing.T) {
	x := open(t, filepath.Join(t.TempDir(), "index"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := x.Put(ctx, doc("a", "")); !errors.Is(err, context.Canceled) {
		t.Errorf("Put: %v", err)
	}
	if _, err := x.Find(ctx, search.And{}, search.Page{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Find: %v", err)
	}
	if _, err := x.Similar(ctx, print(0), 3); !errors.Is(err, context.Canceled) {
		t.Errorf("Similar: %v", err)
	}
}
