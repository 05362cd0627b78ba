package app

import (
	"archive/tar"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"xunqin/pipeline/blob"
	"xunqin/pipeline/record"
)

// manifest is the first entry of a backup.
type manifest struct {
	Format  int       `json:"format"`
	Version string    `json:"version"`
	Keys    string    `json:"keys"` // fingerprint of the master key its pictures are sealed under
	At      time.Time `json:"at"`
}

const backupFormat = 1

// Backed is what a backup or a restore held.
type Backed struct {
	Pictures int       `json:"pictures"`
	Erased   int       `json:"erased"` // of a restore: posts and reports erased since, and so not brought back
	At       time.Time `json:"at"`
}

// Backup writes record and sealed pictures as a tar, while everything goes on: first a consistent copy of the database, then
// the pictures it names, which are there unless erased meanwhile. Keys are not in it, so whoever finds it sees nothing.
func (a *App) Backup(ctx context.Context, w io.Writer) (Backed, error) {
	n := Backed{At: a.Now().UTC()}
	dir, err := os.MkdirTemp(a.Options.Data, "backup-")
	if err != nil {
		return n, fmt.Errorf("backup: %w", err)
	}
	defer os.RemoveAll(dir)
	copied := filepath.Join(dir, "xunqin.db")
	if err := a.Records.BackupTo(ctx, copied); err != nil {
		return n, err
	}
	t := tar.NewWriter(w)
	m, err := json.Marshal(manifest{backupFormat, Version, a.Keys.Fingerprint(), n.At})
	if err != nil {
		return n, err
	}
	if err := addFile(t, "manifest.json", int64(len(m)), bytes.NewReader(m)); err != nil {
		return n, err
	}
	f, err := os.Open(copied)
	if err != nil {
		return n, fmt.Errorf("backup: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return n, fmt.Errorf("backup: %w", err)
	}
	if err := addFile(t, "xunqin.db", st.Size(), f); err != nil {
		return n, err
	}
	err = a.Blobs.Store.List(ctx, func(key string) error {
		r, err := a.Blobs.Store.Open(ctx, key) // sealed, as it lies on disk
		if errors.Is(err, blob.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		defer r.Close()
		b, err := io.ReadAll(r)
		if err != nil {
			return fmt.Errorf("backup: %w", err)
		}
		n.Pictures++
		return addFile(t, "pictures/"+key, int64(len(b)), bytes.NewReader(b))
	})
	if err != nil {
		return n, err
	}
	if err := t.Close(); err != nil {
		return n, fmt.Errorf("backup: %w", err)
	}
	// The doctor asks when the last one was.
	if err := os.WriteFile(filepath.Join(a.Options.Data, "last-backup"), nil, 0o600); err != nil {
		return n, fmt.Errorf("backup: %w", err)
	}
	return n, a.Audit(ctx, "command", "backup", "", fmt.Sprintf("pictures %d", n.Pictures))
}

func addFile(t *tar.Writer, name string, size int64, r io.Reader) error {
	if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size, Typeflag: tar.TypeReg}); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if _, err := io.CopyN(t, r, size); err != nil {
		return fmt.Errorf("backup %s: %w", name, err)
	}
	return nil
}

var pictureEntry = regexp.MustCompile(`^pictures/[a-z0-9]{16,64}$`)

// Restore fills an empty data folder from a backup, with the keys that are there. Before anything is served, what was erased
// since the backup is erased from it: a picture whose key was destroyed cannot be read any more, and its post or report goes;
// from, when given, is the data folder whose tombstones are taken over as well. What has outlived its life since goes too. A
// restore that fails leaves the folder empty.
func Restore(ctx context.Context, o Options, log *slog.Logger, r io.Reader, from string) (n Backed, err error) {
	if o.Database != "" {
		return n, &Trouble{Code: "postgres"}
	}
	if err := o.check(); err != nil {
		return n, err
	}
	if old, err := os.ReadDir(o.Data); err == nil && len(old) > 0 {
		return n, &Trouble{Code: "not-empty", Detail: o.Data}
	}
	keys, err := blob.OpenKeys(o.Keys)
	if err != nil {
		return n, err
	}
	fingerprint := keys.Fingerprint()
	if err := keys.Close(); err != nil {
		return n, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, empty(o.Data))
		}
	}()
	m, pictures, err := unpack(ctx, o.Data, r, func(m manifest) error {
		if m.Keys != fingerprint {
			return &Trouble{Code: "keys-other", Detail: o.Keys, Err: blob.ErrWrongKey}
		}
		return nil
	})
	if err != nil {
		return n, err
	}
	n.At, n.Pictures = m.At, pictures
	var graves []record.Tombstone
	if from != "" {
		if graves, err = tombstones(ctx, from); err != nil {
			return n, err
		}
	}
	a, err := New(ctx, o, log)
	if err != nil {
		return n, err
	}
	if n.Erased, err = a.Pipeline.EraseLost(ctx, graves); err == nil {
		_, err = a.Pipeline.Expire(ctx)
	}
	if err == nil { // those that were revoked since would be good again
		err = a.Records.Tx(ctx, func(tx *sql.Tx) error { return a.Records.RevokeTokensOf(ctx, tx, "") })
	}
	return n, errors.Join(err, a.Close())
}

// empty deletes what lies in a folder.
func empty(dir string) error {
	list, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, e := range list {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}

// unpack writes a backup's files into a folder, once check has accepted the manifest, which comes first.
func unpack(ctx context.Context, dir string, r io.Reader, check func(manifest) error) (m manifest, pictures int, err error) {
	t := tar.NewReader(r)
	h, err := t.Next()
	if err != nil || h.Name != "manifest.json" {
		return m, 0, &Trouble{Code: "no-backup", Err: err}
	}
	if err := json.NewDecoder(io.LimitReader(t, 1<<20)).Decode(&m); err != nil {
		return m, 0, fmt.Errorf("restore: %w", err)
	}
	if m.Format != backupFormat {
		return m, 0, fmt.Errorf("restore: %w: its format is %d", record.ErrNewer, m.Format)
	}
	if err := check(m); err != nil {
		return m, 0, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "pictures"), 0o700); err != nil {
		return m, 0, fmt.Errorf("restore: %w", err)
	}
	files, err := blob.OpenFiles(filepath.Join(dir, "pictures"))
	if err != nil {
		return m, 0, err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	whole := false
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return m, 0, fmt.Errorf("restore: %w", err)
		}
		switch {
		case h.Name == "xunqin.db":
			if err := writeTo(filepath.Join(dir, "xunqin.db"), t); err != nil {
				return m, 0, err
			}
			whole = true
		case pictureEntry.MatchString(h.Name):
			if err := files.Put(ctx, strings.TrimPrefix(h.Name, "pictures/"), t); err != nil {
				return m, 0, err
			}
			pictures++
		default:
			return m, 0, fmt.Errorf("restore: %q does not belong in a backup", h.Name)
		}
	}
	if !whole {
		return m, 0, &Trouble{Code: "no-backup"}
	}
	return m, pictures, nil
}

func writeTo(path string, r io.Reader) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	_, err = io.Copy(f, r)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return nil
}

// tombstones reads those of another data folder's record.
func tombstones(ctx context.Context, dir string) (list []record.Tombstone, err error) {
	path := filepath.Join(dir, "xunqin.db")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, &Trouble{Code: "no-record", Detail: dir}
	}
	s, err := record.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return s.Tombstones(ctx, nil)
}
