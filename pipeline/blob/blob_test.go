package blob_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"xunqin/pipeline/blob"
	"xunqin/pipeline/blob/blobtest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("BLOB_TEST_PUT_INTO"); dir != "" {
		if err := putUntilKilled(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func TestFilesPassTheSuite(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store { return openFiles(t, t.TempDir()) })
}

func TestSealedFilesPassTheSuite(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store {
		return &blob.Sealed{Store: openFiles(t, t.TempDir()), Keys: createKeys(t, t.TempDir())}
	})
}

func TestFilesRemoveLeftoversUnlessTheyMayBeAnothersWork(t *testing.T) {
	dir := t.TempDir()
	first, err := blob.OpenFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	leftover := filepath.Join(dir, "tmp", "half-written")
	if err := os.WriteFile(leftover, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	second, err := blob.OpenFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(leftover); err != nil {
		t.Errorf("a temporary file was removed while another had the folder open: %v", err)
	}
	if err := errors.Join(first.Close(), second.Close()); err != nil {
		t.Fatal(err)
	}
	openFiles(t, dir)
	if _, err := os.Stat(leftover); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a leftover is still there for the only one who has the folder open: %v", err)
	}
}

func TestFilesAreReadableByTheOwnerAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	s := openFiles(t, dir)
	if err := s.Put(context.Background(), blobtest.Key(1), strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	ownerOnly(t, dir)
}

// A killed process leaves every blob whose Put returned, no blob in part, and nothing
// that the next start does not clean up.
func TestKillWhilePuttingLeavesNoHalfBlob(t *testing.T) {
	dir := t.TempDir()
	createKeys(t, filepath.Join(dir, "keys")).Close()
	promised := map[string]bool{}
	for round := range 8 {
		promise(t, dir, 3+5*round, promised)

		files, err := blob.OpenFiles(filepath.Join(dir, "data"))
		if err != nil {
			t.Fatal(err)
		}
		keys, err := blob.OpenKeys(filepath.Join(dir, "keys"))
		if err != nil {
			t.Fatal(err)
		}
		sealed := &blob.Sealed{Store: files, Keys: keys}
		found := map[string]bool{}
		err = sealed.List(context.Background(), func(key string) error {
			found[key] = true
			if b := read(t, sealed, key); !bytes.Equal(b, content(key)) {
				t.Errorf("blob %s holds %d bytes that were never put", key, len(b))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for key := range promised {
			if !found[key] {
				t.Errorf("blob %s was stored and is gone", key)
			}
		}
		if err := keys.Check(context.Background()); err != nil {
			t.Error(err)
		}
		left, err := os.ReadDir(filepath.Join(dir, "data", "tmp"))
		if err != nil || len(left) != 0 {
			t.Errorf("%d temporary files are left, error %v", len(left), err)
		}
		if err := errors.Join(files.Close(), keys.Close()); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d blobs", len(promised))
}

// promise runs a child that puts blobs, kills it after n of them, and adds their keys.
func promise(t *testing.T, dir string, n int, promised map[string]bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "BLOB_TEST_PUT_INTO="+dir, fmt.Sprintf("BLOB_TEST_FROM=%d", len(promised)*1000))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for seen := 0; lines.Scan(); {
		promised[lines.Text()] = true
		if seen++; seen == n {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Exited() {
		t.Fatalf("the child ended by itself: %v", err)
	}
}

// putUntilKilled puts blobs from four goroutines and prints each key once it is stored.
func putUntilKilled(dir string) error {
	files, err := blob.OpenFiles(filepath.Join(dir, "data"))
	if err != nil {
		return err
	}
	keys, err := blob.OpenKeys(filepath.Join(dir, "keys"))
	if err != nil {
		return err
	}
	sealed := &blob.Sealed{Store: files, Keys: keys}
	var from int
	if _, err := fmt.Sscan(os.Getenv("BLOB_TEST_FROM"), &from); err != nil {
		return err
	}
	failed := make(chan error)
	var print sync.Mutex
	for w := range 4 {
		go func() {
			for n := from + w; ; n += 4 {
				key := blobtest.Key(n)
				if err := sealed.Put(context.Background(), key, bytes.NewReader(content(key))); err != nil {
					failed <- err
				}
				print.Lock()
				fmt.Println(key)
				print.Unlock()
			}
		}()
	}
	return <-failed
}

// content is what the test puts under a key: up to 300 kB that follow from it.
func content(key string) []byte {
	h := sha256.Sum256([]byte(key))
	return blobtest.Bytes(int(h[0])<<8|int(h[1]), 300_000*int(h[2])/255)
}

func openFiles(t *testing.T, dir string) *blob.Files {
	t.Helper()
	f, err := blob.OpenFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func createKeys(t *testing.T, dir string) *blob.Keys {
	t.Helper()
	k, err := blob.CreateKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	return k
}

func read(t *testing.T, s blob.Store, key string) []byte {
	t.Helper()
	r, err := s.Open(context.Background(), key)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Error(err)
	}
	return b
}

func ownerOnly(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
