package blob

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
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func newKeys(t *testing.T) *Keys {
	t.Helper()
	k, err := CreateKeys(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	return k
}

func name(n int) string {
	return fmt.Sprintf("%016x%04x", rand.New(rand.NewPCG(1, uint64(n))).Uint64(), n)
}

func makeKey(t *testing.T, k *Keys, blob string) []byte {
	t.Helper()
	key, err := k.make(context.Background(), blob)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func wrapped(t *testing.T, k *Keys, blob string) []byte {
	t.Helper()
	var b []byte
	if err := k.db.QueryRow(`SELECT wrapped FROM keys WHERE blob = $1`, blob).Scan(&b); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestKeysSurviveReopening(t *testing.T) {
	k := newKeys(t)
	want := makeKey(t, k, name(1))
	sealed, mark := k.Seal("contact", []byte("x")), k.Fingerprint()
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	k, err := OpenKeys(k.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	got, err := k.find(context.Background(), name(1))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the blob's key is another one: %v", err)
	}
	if _, err := k.Open("contact", sealed); err != nil {
		t.Error(err)
	}
	if k.Fingerprint() != mark {
		t.Error("the fingerprint changed")
	}
}

// Every deleted key, and no other, must be gone from the raw bytes: not only from its
// row but from every page that SQLite moved it through while the tree grew and shrank.
func TestDeletedKeyLeavesNoTraceInTheFile(t *testing.T) {
	k := newKeys(t)
	ctx := context.Background()
	r := rand.New(rand.NewPCG(2011, 125))
	live, dead := map[string][]byte{}, map[string][]byte{}
	for batch := range 25 {
		var rows []keyRow
		for i := range 100 {
			blob := name(batch*100 + i)
			row := keyRow{blob, seal(k.wrap, make([]byte, 32), keyFormat, blob)}
			rows = append(rows, row)
			live[blob] = bytes.Clone(row.wrapped)
		}
		if err := k.insert(rows); err != nil {
			t.Fatal(err)
		}
		for blob, w := range live {
			if r.IntN(100) < 20 {
				if err := k.Delete(ctx, blob); err != nil {
					t.Fatal(err)
				}
				dead[blob] = w
				delete(live, blob)
			}
		}
	}
	raw := map[string][]byte{}
	entries, err := os.ReadDir(k.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(k.dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		raw[e.Name()] = b
	}
	count := func(w []byte) (n int) {
		for _, b := range raw {
			n += bytes.Count(b, w[30:50])
		}
		return n
	}
	for blob, w := range dead {
		if n := count(w); n != 0 {
			t.Errorf("the deleted key of %s is in the folder %d times", blob, n)
		}
	}
	for blob, w := range live {
		if n := count(w); n != 1 {
			t.Errorf("the key of %s is in the folder %d times: a copy would outlive its deletion", blob, n)
		}
	}
	t.Logf("%d keys deleted, %d live", len(dead), len(live))
}

func TestKeyIsMadeOnceHoweverManyAskAtOnce(t *testing.T) {
	k := newKeys(t)
	var mu sync.Mutex
	got := map[string]map[string]bool{}
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			blob := name(i % 16)
			key, err := k.make(context.Background(), blob)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if got[blob] == nil {
				got[blob] = map[string]bool{}
			}
			got[blob][string(key)] = true
		})
	}
	wg.Wait()
	all := map[string]bool{}
	for blob, keys := range got {
		if len(keys) != 1 {
			t.Errorf("%s has %d keys", blob, len(keys))
		}
		for key := range keys {
			all[key] = true
		}
	}
	if len(all) != 16 {
		t.Errorf("16 blobs have %d keys between them", len(all))
	}
}

func TestKeysMadeAtOnceShareCommits(t *testing.T) {
	k := newKeys(t)
	k.writing.Lock() // a commit is under way
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if _, err := k.make(context.Background(), name(i)); err != nil {
				t.Error(err)
			}
		})
	}
	for gathered := 0; gathered < 50; {
		k.mu.Lock()
		if k.next != nil {
			gathered = len(k.next.rows)
		}
		k.mu.Unlock()
	}
	batch := k.next
	k.writing.Unlock()
	wg.Wait()
	if len(batch.rows) != 50 {
		t.Errorf("the commit made %d keys, want all 50", len(batch.rows))
	}
}

func TestLostOrForeignMasterKeyIsNamed(t *testing.T) {
	k := newKeys(t)
	makeKey(t, k, name(1))
	k.Close()
	master := filepath.Join(k.dir, masterFile)
	own, err := os.ReadFile(master)
	if err != nil {
		t.Fatal(err)
	}

	if err := os.Remove(master); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKeys(k.dir); !errors.Is(err, ErrWrongKey) {
		t.Errorf("master key gone: %v, want ErrWrongKey", err)
	}
	if _, err := CreateKeys(k.dir); !errors.Is(err, fs.ErrExist) {
		t.Errorf("CreateKeys over a key file: %v, want fs.ErrExist", err)
	}
	if _, err := os.Stat(master); !errors.Is(err, fs.ErrNotExist) {
		t.Error("CreateKeys made a master key for a key file that has one elsewhere")
	}

	for name, b := range map[string][]byte{"foreign": bytes.Repeat([]byte{7}, 32), "short": own[:31], "empty": {}} {
		if err := os.WriteFile(master, b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := OpenKeys(k.dir)
		if err == nil || name == "foreign" != errors.Is(err, ErrWrongKey) {
			t.Errorf("%s master key: %v", name, err)
		}
	}

	if err := os.WriteFile(master, own, 0o600); err != nil {
		t.Fatal(err)
	}
	k, err = OpenKeys(k.dir)
	if err != nil {
		t.Fatalf("with its own master key again: %v", err)
	}
	k.Close()
}

func TestNoKeysIsNotExist(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenKeys(filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v, want fs.ErrNotExist", err)
	}
	// Killed between the two files, or within the second one's first write.
	if _, err := createMaster(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKeys(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no key file: %v, want fs.ErrNotExist", err)
	}
	if err := os.WriteFile(filepath.Join(dir, keyFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKeys(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("empty key file: %v, want fs.ErrNotExist", err)
	}
	// Killed within the commit, which SQLite then took back.
	db, err := openKeyFile(filepath.Join(dir, keyFile))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE half (x); DROP TABLE half"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKeys(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("key file without tables: %v, want fs.ErrNotExist", err)
	}
	k, err := CreateKeys(dir)
	if err != nil {
		t.Fatalf("CreateKeys does not finish what was begun: %v", err)
	}
	k.Close()
}

func TestKeysAreForTheOwnerAlone(t *testing.T) {
	k := newKeys(t)
	makeKey(t, k, name(1))
	for _, file := range []string{"", masterFile, keyFile} {
		info, err := os.Stat(filepath.Join(k.dir, file))
		if err != nil {
			t.Fatal(err)
		}
		if !private(info) {
			t.Errorf("%q has mode %v", file, info.Mode())
		}
	}
	if err := os.Chmod(filepath.Join(k.dir, masterFile), 0o640); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(k.dir, masterFile)); err != nil || private(info) {
		t.Skip("this file system has no modes")
	}
	if _, err := OpenKeys(k.dir); err == nil || !strings.Contains(err.Error(), "others may read it") {
		t.Errorf("master key that others may read: %v", err)
	}
}

func TestFolderNamesMayHoldAnything(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "密钥 a?b#c%20d&mode=memory")
	k, err := CreateKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	makeKey(t, k, name(1))
	if info, err := os.Stat(filepath.Join(dir, keyFile)); err != nil || info.Size() == 0 {
		t.Errorf("the key file is not where it should be: %v", err)
	}
}

func TestKeyFileOfANewerVersionIsRefused(t *testing.T) {
	k := newKeys(t)
	if _, err := k.db.Exec(`PRAGMA user_version = 2`); err != nil {
		t.Fatal(err)
	}
	k.Close()
	if _, err := OpenKeys(k.dir); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("OpenKeys: %v", err)
	}
}

func TestBackupRestores(t *testing.T) {
	ctx := context.Background()
	k := newKeys(t)
	for i := range 20 {
		makeKey(t, k, name(i))
	}
	want := makeKey(t, k, name(21))
	var backup bytes.Buffer
	if err := k.Backup(ctx, &backup); err != nil {
		t.Fatal(err)
	}
	if err := RestoreKeys(ctx, k.dir, bytes.NewReader(backup.Bytes())); !errors.Is(err, fs.ErrExist) {
		t.Errorf("restore over a key file: %v, want fs.ErrExist", err)
	}
	if bytes.Contains(backup.Bytes(), k.master) {
		t.Error("the backup holds the master key")
	}
	makeKey(t, k, name(99)) // after the backup
	k.Close()

	if err := os.Remove(filepath.Join(k.dir, keyFile)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(k.dir, keyFile+"-journal"), []byte("of the lost file"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{nil, []byte("no database"), backup.Bytes()[:backup.Len()/2]} {
		if err := RestoreKeys(ctx, k.dir, bytes.NewReader(bad)); err == nil {
			t.Errorf("%d bytes of no backup were restored", len(bad))
		}
	}
	if err := RestoreKeys(ctx, newKeysFolder(t), bytes.NewReader(backup.Bytes())); !errors.Is(err, ErrWrongKey) {
		t.Errorf("restore beside a foreign master key: %v, want ErrWrongKey", err)
	}
	if err := RestoreKeys(ctx, k.dir, bytes.NewReader(backup.Bytes())); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(k.dir, keyFile+"-journal")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the lost file's journal lies beside the restored file")
	}
	k, err := OpenKeys(k.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if got, err := k.find(ctx, name(21)); err != nil || !bytes.Equal(got, want) {
		t.Errorf("a backed up key: %v", err)
	}
	if _, err := k.find(ctx, name(99)); !errors.Is(err, ErrNotFound) {
		t.Errorf("a key newer than the backup: %v, want ErrNotFound", err)
	}
	entries, err := os.ReadDir(k.dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("the folder holds %v, want the two files: %v", entries, err)
	}
}

// newKeysFolder returns a folder with a master key and no key file.
func newKeysFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := createMaster(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestCheckFindsADamagedKey(t *testing.T) {
	ctx := context.Background()
	k := newKeys(t)
	for i := range 30 {
		makeKey(t, k, name(i))
	}
	if err := k.Check(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := k.db.Exec(`UPDATE keys SET wrapped = $1 WHERE blob = $2`, wrapped(t, k, name(2)), name(1)); err != nil {
		t.Fatal(err)
	}
	if err := k.Check(ctx); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), name(1)) {
		t.Errorf("Check with another blob's key in a row: %v", err)
	}
}

func TestListNamesEveryKeyInOrderWhileTheyAreDeleted(t *testing.T) {
	ctx := context.Background()
	k := newKeys(t)
	var rows []keyRow
	for i := range 2500 {
		rows = append(rows, keyRow{name(i), seal(k.wrap, make([]byte, 32), keyFormat, name(i))})
	}
	if err := k.insert(rows); err != nil {
		t.Fatal(err)
	}
	n, last := 0, ""
	err := k.List(ctx, func(blob string) error {
		if blob <= last {
			t.Errorf("%s comes after %s", blob, last)
		}
		n, last = n+1, blob
		if n%100 == 0 {
			return k.Delete(ctx, blob)
		}
		return nil
	})
	if err != nil || n != 2500 {
		t.Errorf("List named %d of 2500: %v", n, err)
	}
}

func TestSealedFieldOpensForItsPurposeAlone(t *testing.T) {
	k, other := newKeys(t), newKeys(t)
	rapid.Check(t, func(t *rapid.T) {
		purpose := rapid.String().Draw(t, "purpose")
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		sealed := k.Seal(purpose, plain)
		if got, err := k.Open(purpose, sealed); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("Open: %q, %v", got, err)
		}
		if bytes.Equal(sealed, k.Seal(purpose, plain)) {
			t.Fatal("sealing twice gives the same bytes")
		}
		if _, err := k.Open(purpose+"x", sealed); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("another purpose: %v", err)
		}
		if _, err := other.Open(purpose, sealed); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("another master key: %v", err)
		}
		i := rapid.IntRange(0, len(sealed)-1).Draw(t, "byte")
		sealed[i] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := k.Open(purpose, sealed); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("bit flipped in byte %d: %v", i, err)
		}
	})
}

func TestPseudonymIsStableAndKeyed(t *testing.T) {
	k, other := newKeys(t), newKeys(t)
	p := k.Pseudonym("poster", "@somebody")
	if len(p) != 26 || strings.Trim(p, "abcdefghijklmnopqrstuvwxyz234567") != "" {
		t.Errorf("pseudonym %q", p)
	}
	if k.Pseudonym("poster", "@somebody") != p {
		t.Error("the same name has two pseudonyms")
	}
	for name, q := range map[string]string{
		"another name":       k.Pseudonym("poster", "@somebody2"),
		"another purpose":    k.Pseudonym("session", "@somebody"),
		"another master key": other.Pseudonym("poster", "@somebody"),
	} {
		if q == p {
			t.Errorf("%s has the same pseudonym", name)
		}
	}
}
