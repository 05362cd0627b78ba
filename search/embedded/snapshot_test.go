package embedded

import (
	"bufio"
	"bytes"
	"fmt"
	"hash/crc32"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"xunqin/search"
)

// large is a fingerprint of 256 bits.
func large(r *rand.Rand) search.Fingerprint {
	f := search.Fingerprint{Algo: "large", Bits: make([]byte, 32)}
	for i := range f.Bits {
		f.Bits[i] = byte(r.Uint32())
	}
	return f
}

// prints are the fingerprints in memory, by class and document.
func (x *Index) prints() map[class]map[int64][][]uint64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	all := make(map[class]map[int64][][]uint64)
	for c, s := range x.mem {
		if s.Len() > 0 {
			all[c] = make(map[int64][][]uint64)
		}
		_, sorted := s.Sorted()
		for doc, code := range sorted {
			all[c][doc] = append(all[c][doc], slices.Clone(code))
		}
	}
	for _, docs := range all {
		for _, codes := range docs {
			slices.SortFunc(codes, slices.Compare)
		}
	}
	return all
}

// fromTable are the fingerprints of the table alone.
func fromTable(t *testing.T, x *Index) map[class]map[int64][][]uint64 {
	t.Helper()
	tx, err := x.read.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	y := &Index{mem: make(memory)}
	if err := y.mem.load(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	return y.prints()
}

// withSnapshot makes an index of some fingerprints with a snapshot, a few changes after it, and says where the snapshot is.
func withSnapshot(t *testing.T, path string) (file string) {
	t.Helper()
	x, err := openAt(t.Context(), path, 3, 100)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 10 {
		var docs []search.Doc
		for j := range 10 {
			d := doc(fmt.Sprint(i, "/", j), "", print(byte(r.Uint32())), large(r), large(r))
			d.Kind = []string{search.KindPost, search.KindReport}[j%2]
			docs = append(docs, d)
		}
		put(t, x, docs...)
	}
	x.work.Wait()
	if err := x.snapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	put(t, x, doc("later", "", print(3)), doc("1/1", "", print(4)))
	if err := x.Delete(t.Context(), "2/2"); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	list := snapshotFiles(t, path)
	if len(list) != 1 {
		t.Fatalf("snapshots %v", list)
	}
	return list[0]
}

func snapshotFiles(t *testing.T, path string) []string {
	t.Helper()
	list, err := filepath.Glob(path + "-*" + snapshotSuffix)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestStartReadsTheSnapshotAndWhatCameAfter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index")
	withSnapshot(t, path)
	x := open(t, path)
	if d := cmp.Diff(fromTable(t, x), x.prints()); d != "" {
		t.Errorf("in memory (-table +memory):\n%s", d)
	}
	if x.since == 0 || x.since > 20 {
		t.Errorf("%d changes since the snapshot: it was not read", x.since)
	}
}

func TestSnapshotThatLeadsToAnotherNumberIsNotUsed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index")
	withSnapshot(t, path)
	x, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.write.Exec(`UPDATE meta SET prints = prints - 1; DELETE FROM prints WHERE doc = (SELECT min(doc) FROM prints) AND n = 0`); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	x = open(t, path)
	if d := cmp.Diff(fromTable(t, x), x.prints()); d != "" {
		t.Errorf("in memory (-table +memory):\n%s", d)
	}
}

// A file that was cut, changed in any bit, taken away or exchanged is as good as none.
func TestDamagedSnapshotIsNotTrusted(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "index")
	file := withSnapshot(t, path)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other")
	exchanged, err := os.ReadFile(withSnapshot(t, other))
	if err != nil {
		t.Fatal(err)
	}
	exchanged[len(exchanged)-1] ^= 1
	damages := map[string][]byte{"gone": nil, "empty": {}, "longer": append(slices.Clone(whole), 0), "another's": exchanged, "doubled": append(slices.Clone(whole), whole...)}
	for i := 0; i < len(whole); i += 1 + i/8 {
		damages[fmt.Sprint("cut at ", i)] = whole[:i]
		flipped := slices.Clone(whole)
		flipped[i] ^= 1 << (i % 8)
		damages[fmt.Sprint("flipped at ", i)] = flipped
		high := slices.Clone(whole)
		high[i] ^= 0x80 // makes counts huge
		damages[fmt.Sprint("high at ", i)] = high
	}
	for _, name := range slices.Sorted(maps.Keys(damages)) {
		if err := os.Remove(file); err != nil && name != "gone" {
			t.Fatal(err)
		}
		if b := damages[name]; b != nil {
			if err := os.WriteFile(file, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		x, err := Open(t.Context(), path)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d := cmp.Diff(fromTable(t, x), x.prints()); d != "" {
			t.Errorf("%s: in memory (-table +memory):\n%s", name, d)
		}
		if x.since < 200 {
			t.Errorf("%s: %d changes since the snapshot: it was read", name, x.since)
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A process may end between any two writes: with a file that is not listed yet, in part or whole; with two of them; with a list
// that names one that was not written to disk.
func TestWhatADeadProcessLeftOfASnapshotIsTidiedAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index")
	file := withSnapshot(t, path)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, left := range [][]byte{{}, whole[:100], whole} {
		if err := os.WriteFile(fmt.Sprint(path, "-left", i, snapshotSuffix), left, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open(t, path)
	if got := snapshotFiles(t, path); !slices.Equal(got, []string{file}) {
		t.Errorf("files %v, want %s", got, file)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	x := open(t, path)
	if d := cmp.Diff(fromTable(t, x), x.prints()); d != "" {
		t.Errorf("in memory (-table +memory):\n%s", d)
	}
	if err := x.snapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	x = open(t, path)
	if x.since != 0 {
		t.Errorf("%d changes since the snapshot: it was not read", x.since)
	}
}

// Whatever is put and deleted, and wherever snapshots and purges come between, a start leads to what the table has.
func TestSnapshotsFollowAllChanges(t *testing.T) {
	for seed := range uint64(4) {
		path := filepath.Join(t.TempDir(), "index")
		r := rand.New(rand.NewPCG(seed, 7))
		at := []int{1, 20, 200, 1 << 30}[seed]
		x, err := openAt(t.Context(), path, 3, at)
		if err != nil {
			t.Fatal(err)
		}
		for range 150 {
			switch r.IntN(10) {
			case 0:
				err = x.Delete(t.Context(), fmt.Sprint(r.IntN(60)), fmt.Sprint(r.IntN(60)))
			case 1:
				if err = x.Close(); err == nil {
					x, err = openAt(t.Context(), path, 3, at)
				}
				if err == nil {
					if d := cmp.Diff(fromTable(t, x), x.prints()); d != "" {
						t.Fatalf("in memory (-table +memory):\n%s", d)
					}
				}
			case 2:
				if r.IntN(3) == 0 {
					err = x.Purge(t.Context())
				}
			case 3:
				if r.IntN(2) == 0 {
					err = x.snapshot(t.Context())
				}
			default:
				d := doc(fmt.Sprint(r.IntN(60)), "", []search.Fingerprint{print(byte(r.Uint32())), large(r), large(r)}[:r.IntN(4)]...)
				d.At = d.At.AddDate(0, 0, r.IntN(3))
				err = x.Put(t.Context(), d)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A snapshot is followed from however far back; one that cannot be, because the changes are gone, is not listed.
func TestSnapshotIsFollowedBeyondTheChangesKeptForMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index")
	x, err := openAt(t.Context(), path, 3, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	first := doc("first", "", print(0))
	first.At = first.At.AddDate(1, 0, 0) // in a row that no other takes
	put(t, x, first)
	if err := x.snapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := x.Delete(t.Context(), "first"); err != nil {
		t.Fatal(err)
	}
	for i := range changesKept + 5 {
		put(t, x, doc(fmt.Sprint(i%7), "", print(byte(i))))
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	x = open(t, path)
	if d := cmp.Diff(fromTable(t, x), x.prints()); d != "" {
		t.Errorf("in memory (-table +memory):\n%s", d)
	}
	if x.since != 8 {
		t.Errorf("%d changes since the snapshot, want 8", x.since)
	}
	if _, err := x.write.Exec(`DELETE FROM snapshots`); err != nil {
		t.Fatal(err)
	}
	put(t, x, doc("last", "", print(0)))
	if _, err := x.listSnapshot(t.Context(), filepath.Base(path), 1, 0); err == nil {
		t.Error("a snapshot was listed that is too far behind")
	}
}

func TestErasedFingerprintsLeaveTheSnapshot(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "index")
	withSnapshot(t, path)
	x := open(t, path)
	secret := search.Fingerprint{Algo: "large", Bits: []byte("canary bits of thirty-two bytes!")}
	put(t, x, doc("canary", "", secret), doc("edited", "", secret))
	if err := x.snapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	swapped := slices.Clone(secret.Bits) // as words are written
	for i := 0; i < len(swapped); i += 8 {
		slices.Reverse(swapped[i : i+8])
	}
	if !inFiles(t, dir, string(swapped)) {
		t.Fatal("the bits are not in the files before they are erased: the test sees nothing")
	}
	put(t, x, doc("edited", "", print(1)))
	if err := x.Delete(t.Context(), "canary"); err != nil {
		t.Fatal(err)
	}
	if err := x.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{secret.Bits, swapped} {
		if inFiles(t, dir, string(b)) {
			t.Errorf("%q is still in the files", b)
		}
	}
	if n := len(snapshotFiles(t, path)); n != 1 {
		t.Errorf("%d snapshots, want one", n)
	}
	if y := open(t, path); y.since != 0 {
		t.Errorf("%d changes since the snapshot: it was not read", y.since)
	}
}

// Where it cannot be written anew, the snapshot goes.
func TestSnapshotThatCannotBeWrittenAnewIsErased(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index")
	withSnapshot(t, path)
	x := open(t, path)
	x.mu.Lock()
	x.gen = -1
	x.mu.Unlock()
	if err := x.purgeSnapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list := snapshotFiles(t, path); len(list) > 0 {
		t.Errorf("snapshots %v, want none", list)
	}
}

func FuzzReadSnapshot(f *testing.F) {
	dir := f.TempDir()
	path := filepath.Join(dir, "seed")
	x := open(f, filepath.Join(dir, "index"))
	put(f, x, doc("a", "", print(1)), doc("b", "", print(2), large(rand.New(rand.NewPCG(1, 1)))))
	all := make(map[class]prints)
	for c, s := range x.mem {
		n, sorted := s.Sorted()
		all[c] = prints{n, sorted}
	}
	if _, err := createSnapshot(f.Context(), path, all); err != nil {
		f.Fatal(err)
	}
	seed, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add(seed[:20])
	f.Add([]byte(snapshotMagic + "\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := snapshotReader{in: bufio.NewReaderSize(bytes.NewReader(b), 1<<20), left: int64(len(b)), hash: crc32.New(castagnoli)}
		for c, p := range r.sets() {
			if len(p.words)*8 != len(p.docs)*c.size {
				t.Errorf("%v: %d words of %d documents", c, len(p.words), len(p.docs))
			}
		}
	})
}
