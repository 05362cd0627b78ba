package blob_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"xunqin/pipeline/blob"
	"xunqin/pipeline/blob/blobtest"
)

func TestNothingReadableIsOnDisk(t *testing.T) {
	dir := t.TempDir()
	s := &blob.Sealed{Store: openFiles(t, filepath.Join(dir, "data")), Keys: createKeys(t, filepath.Join(dir, "keys"))}
	canary := []byte("canary: 示例省例城市样本区")
	put(t, s, blobtest.Key(1), canary)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, canary[:12]) {
			t.Errorf("%s shows the canary", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAlteredBlobDoesNotOpen(t *testing.T) {
	ctx := context.Background()
	files := openFiles(t, t.TempDir())
	s := &blob.Sealed{Store: files, Keys: createKeys(t, t.TempDir())}
	key := blobtest.Key(1)
	put(t, s, key, blobtest.Bytes(1, 300))
	whole := read(t, files, key)
	altered := map[string][]byte{
		"empty":         {},
		"cut":           whole[:len(whole)-1],
		"longer":        append(bytes.Clone(whole), 0),
		"newer version": append([]byte{2}, whole[1:]...),
	}
	for _, i := range []int{0, 1, 24, 25, len(whole) / 2, len(whole) - 1} {
		b := bytes.Clone(whole)
		b[i] ^= 1
		altered[fmt.Sprint("bit flipped in byte ", i)] = b
	}
	for name, b := range altered {
		put(t, files, key, b)
		if _, err := s.Open(ctx, key); !errors.Is(err, blob.ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", name, err)
		}
	}
	put(t, files, key, whole)
	if got := read(t, s, key); !bytes.Equal(got, blobtest.Bytes(1, 300)) {
		t.Error("the blob itself no longer opens")
	}
}

func TestSwappedFilesDoNotOpen(t *testing.T) {
	files := openFiles(t, t.TempDir())
	s := &blob.Sealed{Store: files, Keys: createKeys(t, t.TempDir())}
	put(t, s, blobtest.Key(1), []byte("one"))
	put(t, s, blobtest.Key(2), []byte("two"))
	one, two := read(t, files, blobtest.Key(1)), read(t, files, blobtest.Key(2))
	put(t, files, blobtest.Key(1), two)
	put(t, files, blobtest.Key(2), one)
	for n := 1; n <= 2; n++ {
		if _, err := s.Open(context.Background(), blobtest.Key(n)); !errors.Is(err, blob.ErrCorrupt) {
			t.Errorf("blob %d opens from the other one's file: %v", n, err)
		}
	}
}

func TestBlobWithoutItsKeyIsGoneEvenIfTheFileCameBack(t *testing.T) {
	ctx := context.Background()
	files := openFiles(t, t.TempDir())
	s := &blob.Sealed{Store: files, Keys: createKeys(t, t.TempDir())}
	key := blobtest.Key(1)
	put(t, s, key, []byte("erase me"))
	backup := read(t, files, key)
	if err := s.Delete(ctx, key); err != nil {
		t.Fatal(err)
	}
	put(t, files, key, backup)
	if _, err := s.Open(ctx, key); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("an erased blob restored from a backup: %v, want ErrNotFound", err)
	}
	if err := s.Delete(ctx, key); err != nil {
		t.Fatal(err)
	}
	if _, err := files.Open(ctx, key); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("a second Delete leaves the file: %v", err)
	}
}

func TestBlobOverTheLimitIsRefused(t *testing.T) {
	s := &blob.Sealed{Store: openFiles(t, t.TempDir()), Keys: createKeys(t, t.TempDir())}
	zeros := strings.NewReader(strings.Repeat("\x00", blob.MaxSealed+1))
	if err := s.Put(context.Background(), blobtest.Key(1), zeros); !errors.Is(err, blob.ErrTooLarge) {
		t.Errorf("Put: %v, want ErrTooLarge", err)
	}
}

// FuzzOpen gives Open bytes that were never sealed.
func FuzzOpen(f *testing.F) {
	k, err := blob.CreateKeys(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	defer k.Close()
	sealed := k.Seal("contact", []byte("000-0000-0000"))
	f.Add([]byte{})
	f.Add([]byte{1})
	f.Add(sealed[:len(sealed)-1])
	f.Add(bytes.Repeat([]byte{1}, 41))
	f.Fuzz(func(t *testing.T, b []byte) {
		if plain, err := k.Open("contact", b); !errors.Is(err, blob.ErrCorrupt) {
			t.Errorf("Open: %q, %v", plain, err)
		}
	})
}

func put(t *testing.T, s blob.Store, key string, b []byte) {
	t.Helper()
	if err := s.Put(context.Background(), key, bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkSealedPut(b *testing.B) {
	files, err := blob.OpenFiles(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer files.Close()
	keys, err := blob.CreateKeys(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer keys.Close()
	s := &blob.Sealed{Store: files, Keys: keys}
	picture := blobtest.Bytes(1, 60_000)
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := s.Put(context.Background(), blobtest.Key(rand.Int()), bytes.NewReader(picture)); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "blobs/s")
}
