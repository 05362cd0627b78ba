// Package blobtest holds the suite that every [blob.Store] passes. A new case goes here,
// not into one store's own test.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"xunqin/pipeline/blob"
)

// Run checks the stores that open returns. Each call of open gives a new, empty store,
// which open closes by t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) blob.Store) {
	ctx := context.Background()

	t.Run("a blob comes back as it was put", func(t *testing.T) {
		s := open(t)
		for i, size := range []int{0, 1, 40, 4096, 3<<20 + 7} {
			key, want := Key(i), Bytes(i, size)
			put(t, s, key, want)
			if got := get(t, s, key); !bytes.Equal(got, want) {
				t.Errorf("blob of %d bytes came back as %d other bytes", len(want), len(got))
			}
		}
	})

	t.Run("a second put replaces the blob whole", func(t *testing.T) {
		s := open(t)
		put(t, s, Key(1), Bytes(1, 5000))
		put(t, s, Key(1), Bytes(2, 70))
		if got := get(t, s, Key(1)); !bytes.Equal(got, Bytes(2, 70)) {
			t.Errorf("got %d bytes, want the 70 of the second put", len(got))
		}
	})

	t.Run("an unknown key is not found, and its deletion no error", func(t *testing.T) {
		s := open(t)
		missing(t, s, Key(1))
		if err := s.Delete(ctx, Key(1)); err != nil {
			t.Errorf("Delete: %v", err)
		}
	})

	t.Run("a deleted blob is gone and the others stay", func(t *testing.T) {
		s := open(t)
		put(t, s, Key(1), Bytes(1, 100))
		put(t, s, Key(2), Bytes(2, 100))
		if err := s.Delete(ctx, Key(1)); err != nil {
			t.Fatal(err)
		}
		missing(t, s, Key(1))
		if diff := cmp.Diff([]string{Key(2)}, list(t, s)); diff != "" {
			t.Errorf("List (-want +got):\n%s", diff)
		}
		get(t, s, Key(2))
		put(t, s, Key(1), Bytes(3, 100))
		if got := get(t, s, Key(1)); !bytes.Equal(got, Bytes(3, 100)) {
			t.Error("a key that was deleted cannot be put again")
		}
	})

	t.Run("list names every blob once and stops at an error", func(t *testing.T) {
		s := open(t)
		var want []string
		for i := range 50 {
			put(t, s, Key(i), Bytes(i, 10))
			want = append(want, Key(i))
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, list(t, s)); diff != "" {
			t.Errorf("List (-want +got):\n%s", diff)
		}
		stop, calls := errors.New("stop"), 0
		err := s.List(ctx, func(string) error { calls++; return stop })
		if !errors.Is(err, stop) || calls != 1 {
			t.Errorf("List after an error: %d calls, error %v", calls, err)
		}
		err = s.List(ctx, func(key string) error { return s.Delete(ctx, key) })
		if err != nil || len(list(t, s)) != 0 {
			t.Errorf("deleting while listing: %v, %d left", err, len(list(t, s)))
		}
	})

	t.Run("what is no key is refused", func(t *testing.T) {
		s := open(t)
		for _, key := range []string{
			"", "short", strings.Repeat("a", 15), strings.Repeat("a", 65), "../../../../etc/passwd0",
			"aaaaaaaaaaaaaaaa/b", "AAAAAAAAAAAAAAAAAAAA", "aaaaaaaaaaaaaaa\x00a", "一二三四五六七八九十一二三四五六",
		} {
			if err := s.Put(ctx, key, strings.NewReader("x")); !errors.Is(err, blob.ErrKey) {
				t.Errorf("Put(%q): %v", key, err)
			}
			if _, err := s.Open(ctx, key); !errors.Is(err, blob.ErrKey) {
				t.Errorf("Open(%q): %v", key, err)
			}
			if err := s.Delete(ctx, key); !errors.Is(err, blob.ErrKey) {
				t.Errorf("Delete(%q): %v", key, err)
			}
		}
		put(t, s, strings.Repeat("z", 16), []byte("x"))
		put(t, s, strings.Repeat("9", 64), []byte("x"))
	})

	t.Run("a put that fails halfway leaves what was there", func(t *testing.T) {
		s := open(t)
		put(t, s, Key(1), Bytes(1, 100))
		broken := errors.New("broken")
		for _, key := range []string{Key(1), Key(2)} {
			r := io.MultiReader(bytes.NewReader(Bytes(9, 200_000)), iotest.ErrReader(broken))
			if err := s.Put(ctx, key, r); !errors.Is(err, broken) {
				t.Errorf("Put: %v, want the reader's error", err)
			}
		}
		if got := get(t, s, Key(1)); !bytes.Equal(got, Bytes(1, 100)) {
			t.Error("a failed put changed the blob")
		}
		missing(t, s, Key(2))
		if diff := cmp.Diff([]string{Key(1)}, list(t, s)); diff != "" {
			t.Errorf("List (-want +got):\n%s", diff)
		}
	})

	t.Run("a done context stops every call", func(t *testing.T) {
		s := open(t)
		put(t, s, Key(1), Bytes(1, 100))
		done, cancel := context.WithCancel(ctx)
		cancel()
		_, openErr := s.Open(done, Key(1))
		for name, err := range map[string]error{
			"Put":    s.Put(done, Key(2), bytes.NewReader(Bytes(2, 100))),
			"Open":   openErr,
			"Delete": s.Delete(done, Key(1)),
			"List":   s.List(done, func(string) error { return nil }),
		} {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", name, err)
			}
		}
		get(t, s, Key(1))
		missing(t, s, Key(2))
	})

	t.Run("many put, read and delete at once", func(t *testing.T) {
		s := open(t)
		var wg sync.WaitGroup
		for w := range 16 {
			wg.Go(func() {
				for i := range 12 {
					n := w*100 + i
					if err := s.Put(ctx, Key(n), bytes.NewReader(Bytes(n, 500+n))); err != nil {
						t.Error(err)
					}
					if got := get(t, s, Key(n)); !bytes.Equal(got, Bytes(n, 500+n)) {
						t.Errorf("blob %d came back different", n)
					}
					if i%2 == 0 {
						if err := s.Delete(ctx, Key(n)); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		wg.Wait()
		if n := len(list(t, s)); n != 16*6 {
			t.Errorf("%d blobs are left, want %d", n, 16*6)
		}
	})

	t.Run("a reader sees one version whole", func(t *testing.T) {
		s := open(t)
		versions := [][]byte{Bytes(1, 200_000), Bytes(2, 90_000)}
		put(t, s, Key(1), versions[0])
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := range 20 {
				if err := s.Put(ctx, Key(1), bytes.NewReader(versions[i%2])); err != nil {
					t.Error(err)
				}
			}
		})
		for range 40 {
			got := get(t, s, Key(1))
			if !bytes.Equal(got, versions[0]) && !bytes.Equal(got, versions[1]) {
				t.Errorf("read %d bytes that were never put", len(got))
			}
		}
		wg.Wait()
	})
}

// Key returns a blob key for n.
func Key(n int) string {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	key := make([]byte, 26)
	for i := range key {
		key[i] = "abcdefghijklmnopqrstuvwxyz234567"[r.IntN(32)]
	}
	return string(key)
}

// Bytes returns size bytes that look random and are the same for one n.
func Bytes(n, size int) []byte {
	var seed [32]byte
	copy(seed[:], fmt.Sprint("blob ", n))
	b := make([]byte, size)
	rand.NewChaCha8(seed).Read(b)
	return b
}

func put(t *testing.T, s blob.Store, key string, b []byte) {
	t.Helper()
	if err := s.Put(context.Background(), key, bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, s blob.Store, key string) []byte {
	t.Helper()
	r, err := s.Open(context.Background(), key)
	if err != nil {
		t.Error(err)
		return nil
	}
	b, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Error(err)
	}
	return b
}

func missing(t *testing.T, s blob.Store, key string) {
	t.Helper()
	r, err := s.Open(context.Background(), key)
	if err == nil {
		r.Close()
	}
	if !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("Open of a key without a blob: %v", err)
	}
}

// list returns the keys in order.
func list(t *testing.T, s blob.Store) []string {
	t.Helper()
	seen := map[string]int{}
	err := s.List(context.Background(), func(key string) error { seen[key]++; return nil })
	if err != nil {
		t.Fatal(err)
	}
	for key, n := range seen {
		if n != 1 {
			t.Errorf("List named %s %d times", key, n)
		}
	}
	return slices.Sorted(maps.Keys(seen))
}
