package blob

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Keys holds the secrets of one installation in a folder of mode 0700 that is kept apart
// from the data and from its backups:
//
//   - master.key: 32 random bytes, made once and never changed. All else here is derived
//     from it or wrapped under it: without it every blob is lost. Copy it by hand to a
//     place of its own; [Keys.Backup] leaves it out.
//   - keys.db: a SQLite file with a row for each blob, the blob's own key, wrapped.
//     Deleting the row makes the blob unreadable for good. SQLite overwrites what it
//     deletes with zeros and removes its rollback journal at each commit.
//
// A backup of keys.db remembers what was deleted after it was made. So it must not live
// longer than an erasure may take to become final, nor lie beside a backup of the data.
//
// All methods may be called at once, and several processes may have one folder open.
type Keys struct {
	dir    string
	db     *sql.DB
	master []byte
	wrap   []byte // wraps the blobs' keys

	writing sync.Mutex // held by the commit under way
	mu      sync.Mutex
	next    *keyBatch // gathers while another commit is under way
}

// ErrWrongKey says that keys.db, or a backup of it, was made under another master.key
// than the one beside it, or that master.key is gone.
var ErrWrongKey = errors.New("the key file belongs to another master key")

const (
	masterFile = "master.key"
	masterSize = 32
	keyFile    = "keys.db"

	keyFormat   = "xunqin wrapped key 1"
	fieldFormat = "xunqin sealed field 1"

	keySchemaVersion = 1
	keySchema        = `
CREATE TABLE master (fingerprint TEXT NOT NULL);
CREATE TABLE keys (blob TEXT PRIMARY KEY, wrapped BLOB NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1`
)

// CreateKeys makes the folder, a master key and an empty key file, and opens them. If
// there is a key file already, the error wraps [fs.ErrExist] and nothing changes. A master
// key that is there already is used.
//
// Call it only where no blob exists yet: if blobs exist and [OpenKeys] says
// [fs.ErrNotExist], the folder was lost or not mounted, and new keys would hide that.
func CreateKeys(dir string) (*Keys, error) {
	if err := createKeys(dir); err != nil {
		return nil, fmt.Errorf("create keys: %w", err)
	}
	return OpenKeys(dir)
}

func createKeys(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(dir)); err != nil {
		return err
	}
	path := filepath.Join(dir, keyFile)
	// SQLite would make the file readable by all.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	db, err := openKeyFile(path)
	if err != nil {
		return err
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var version int
	if err := tx.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version != 0 { // it was there, or another process was faster
		return fmt.Errorf("%s: %w", path, fs.ErrExist)
	}
	master, err := createMaster(dir)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(keySchema); err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO master (fingerprint) VALUES ($1)`, fingerprint(master)); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	return syncFolder(dir)
}

// createMaster returns the master key in dir and makes it first if there is none. Of two
// processes that make one at once, both get the same.
func createMaster(dir string) ([]byte, error) {
	master, err := readMaster(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return master, err
	}
	master = make([]byte, masterSize)
	rand.Read(master)
	path := filepath.Join(dir, masterFile)
	own := path + "-" + rand.Text()
	if err := writeFile(dir, own, bytes.NewReader(master)); err != nil {
		return nil, err
	}
	err = os.Link(own, path) // unlike a rename it replaces nothing
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, errors.Join(err, os.Remove(own))
	}
	if err := errors.Join(os.Remove(own), syncFolder(dir)); err != nil {
		return nil, err
	}
	return readMaster(dir)
}

func readMaster(dir string) ([]byte, error) {
	path := filepath.Join(dir, masterFile)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !private(info) {
		return nil, fmt.Errorf("%s has mode %v: others may read it, it must be 0600", path, info.Mode().Perm())
	}
	master, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(master) != masterSize {
		return nil, fmt.Errorf("%s is %d bytes long, not %d", path, len(master), masterSize)
	}
	return master, nil
}

// OpenKeys opens the keys in dir. If there are none, the error wraps [fs.ErrNotExist]; if
// the two files do not belong together, [ErrWrongKey].
func OpenKeys(dir string) (*Keys, error) {
	k, err := openKeys(dir, filepath.Join(dir, keyFile))
	if err != nil {
		return nil, fmt.Errorf("open keys: %w", err)
	}
	return k, nil
}

func openKeys(dir, path string) (*Keys, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() == 0 { // as below; SQLite would open it
		return nil, fmt.Errorf("%s is empty: %w", path, fs.ErrNotExist)
	}
	master, err := readMaster(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrWrongKey, err)
	}
	if err != nil {
		return nil, err
	}
	db, err := openKeyFile(path)
	if err != nil {
		return nil, err
	}
	if err := checkMaster(db, master); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Keys{dir: dir, db: db, master: master, wrap: derive(master, "xunqin key wrap 1")}, nil
}

func checkMaster(db *sql.DB, master []byte) error {
	var version int
	if err := db.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version == 0 {
		var tables int
		if err := db.QueryRow("SELECT COUNT(*) FROM sqlite_schema").Scan(&tables); err != nil {
			return err
		}
		if tables == 0 { // the process was killed while it created the file
			return fmt.Errorf("the key file holds nothing yet: %w", fs.ErrNotExist)
		}
	}
	if version != keySchemaVersion {
		return fmt.Errorf("key file has version %d, this program knows %d", version, keySchemaVersion)
	}
	var made string
	if err := db.QueryRow(`SELECT fingerprint FROM master`).Scan(&made); err != nil {
		return err
	}
	if made != fingerprint(master) {
		return ErrWrongKey
	}
	return nil
}

// openKeyFile opens the SQLite file at path, which must exist. A rollback journal rather
// than a write-ahead log: the log would keep deleted rows until its next checkpoint.
func openKeyFile(path string) (*sql.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/keys
	}
	dsn := url.URL{Scheme: "file", Path: path, OmitHost: true, RawQuery: url.Values{
		"mode":    {"rw"},
		"_txlock": {"immediate"},
		"_pragma": {"busy_timeout(10000)", "journal_mode(delete)", "synchronous(full)", "secure_delete(on)", "temp_store(memory)"},
	}.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // a rollback journal has no readers beside a writer
	return db, nil
}

// Close closes the key file.
func (k *Keys) Close() error { return k.db.Close() }

// Fingerprint identifies the master key and tells nothing of it: 32 hexadecimal digits.
// Stored beside the blobs, it lets the caller see at start that the keys are theirs.
func (k *Keys) Fingerprint() string { return fingerprint(k.master) }

func fingerprint(master []byte) string {
	return hex.EncodeToString(derive(master, "xunqin fingerprint 1")[:16])
}

// derive returns the 256-bit key for one use.
func derive(master []byte, use string) []byte {
	key, err := hkdf.Key(sha256.New, master, nil, use, 32)
	if err != nil {
		panic(err) // the length is out of HKDF's range
	}
	return key
}

// Seal encrypts a small field, such as a contact or a webhook's secret, under a key that
// is derived from the master key for this purpose; the result is 41 bytes longer. A
// purpose that names the row as well ("contact/42") keeps sealed fields from being
// swapped between rows.
func (k *Keys) Seal(purpose string, plain []byte) []byte {
	return seal(derive(k.master, "xunqin field 1 "+purpose), plain, fieldFormat, purpose)
}

// Open undoes [Keys.Seal] for the same purpose. Its only error is [ErrCorrupt].
func (k *Keys) Open(purpose string, sealed []byte) ([]byte, error) {
	return unseal(derive(k.master, "xunqin field 1 "+purpose), sealed, fieldFormat, purpose)
}

// Pseudonym returns 26 characters a-z and 2-7 (130 bits) that stand for s: the same for
// the same purpose and s, and without the master key neither to be undone nor guessed.
func (k *Keys) Pseudonym(purpose, s string) string {
	mac := hmac.New(sha256.New, derive(k.master, "xunqin pseudonym 1 "+purpose))
	mac.Write([]byte(s))
	return strings.ToLower(base32.StdEncoding.EncodeToString(mac.Sum(nil)))[:26]
}

// keyBatch is the keys that one commit makes. Whoever starts a batch commits it; those
// who come while an earlier commit is under way join it and wait.
type keyBatch struct {
	rows []keyRow
	done chan struct{}
	err  error
}

type keyRow struct {
	blob    string
	wrapped []byte
}

// make returns the blob's key, made and durable if it had none. Made by many goroutines
// at once, keys share commits.
func (k *Keys) make(ctx context.Context, blob string) ([]byte, error) {
	fresh := make([]byte, 32)
	rand.Read(fresh)
	row := keyRow{blob, seal(k.wrap, fresh, keyFormat, blob)}

	k.mu.Lock()
	batch := k.next
	first := batch == nil
	if first {
		batch = &keyBatch{done: make(chan struct{})}
		k.next = batch
	}
	i := len(batch.rows)
	batch.rows = append(batch.rows, row)
	k.mu.Unlock()

	if first {
		k.commit(batch)
	}
	select {
	case <-batch.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if batch.err != nil {
		return nil, fmt.Errorf("make key: %w", batch.err)
	}
	return unseal(k.wrap, batch.rows[i].wrapped, keyFormat, blob)
}

func (k *Keys) commit(batch *keyBatch) {
	k.writing.Lock()
	defer k.writing.Unlock()
	k.mu.Lock()
	k.next = nil
	k.mu.Unlock()
	batch.err = k.insert(batch.rows)
	close(batch.done)
}

// insert adds the rows and puts the key of a blob that had one in its row. It has no
// context: the rows are not those of one caller.
func (k *Keys) insert(rows []keyRow) error {
	tx, err := k.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for i, row := range rows {
		err := tx.QueryRow(`
INSERT INTO keys (blob, wrapped) VALUES ($1, $2)
ON CONFLICT (blob) DO UPDATE SET wrapped = keys.wrapped
RETURNING wrapped`, row.blob, row.wrapped).Scan(&rows[i].wrapped)
		if err != nil {
			return err
		}
	}
	return tx.Commit()
}

// find returns the blob's key, or [ErrNotFound].
func (k *Keys) find(ctx context.Context, blob string) ([]byte, error) {
	var wrapped []byte
	err := k.db.QueryRowContext(ctx, `SELECT wrapped FROM keys WHERE blob = $1`, blob).Scan(&wrapped)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find key: %w", err)
	}
	return unseal(k.wrap, wrapped, keyFormat, blob)
}

// Delete forgets the blob's key for good. An unknown blob is no error.
func (k *Keys) Delete(ctx context.Context, blob string) error {
	if _, err := k.db.ExecContext(ctx, `DELETE FROM keys WHERE blob = $1`, blob); err != nil {
		return fmt.Errorf("delete key of %s: %w", blob, err)
	}
	return nil
}

// List calls fn with every blob that has a key, in order, and stops at fn's first error,
// which it returns; fn may delete.
func (k *Keys) List(ctx context.Context, fn func(blob string) error) error {
	return k.each(ctx, func(row keyRow) error { return fn(row.blob) })
}

// Check reads the whole key file and unwraps every key.
func (k *Keys) Check(ctx context.Context) error {
	var report string
	if err := k.db.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&report); err != nil {
		return fmt.Errorf("check keys: %w", err)
	}
	if report != "ok" {
		return fmt.Errorf("check keys: %s", report)
	}
	return k.each(ctx, func(row keyRow) error {
		if _, err := unseal(k.wrap, row.wrapped, keyFormat, row.blob); err != nil {
			return fmt.Errorf("check key of %s: %w", row.blob, err)
		}
		return nil
	})
}

// each reads a thousand rows at a time, so that writers wait for no more.
func (k *Keys) each(ctx context.Context, fn func(keyRow) error) error {
	after := ""
	for {
		rows, err := k.page(ctx, after)
		if err != nil {
			return fmt.Errorf("list keys: %w", err)
		}
		for _, row := range rows {
			if err := fn(row); err != nil {
				return err
			}
		}
		if len(rows) == 0 {
			return nil
		}
		after = rows[len(rows)-1].blob
	}
}

func (k *Keys) page(ctx context.Context, after string) ([]keyRow, error) {
	rows, err := k.db.QueryContext(ctx, `SELECT blob, wrapped FROM keys WHERE blob > $1 ORDER BY blob LIMIT 1000`, after)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var page []keyRow
	for rows.Next() {
		var row keyRow
		if err := rows.Scan(&row.blob, &row.wrapped); err != nil {
			return nil, err
		}
		page = append(page, row)
	}
	return page, rows.Err()
}

// Backup writes a consistent copy of the key file to w; Put waits while it is made (a
// second for some hundred thousand keys), not while w is slow. The master key is not in
// it. Mind how long the copy lives: see [Keys].
func (k *Keys) Backup(ctx context.Context, w io.Writer) error {
	if err := k.backup(ctx, w); err != nil {
		return fmt.Errorf("back up keys: %w", err)
	}
	return nil
}

func (k *Keys) backup(ctx context.Context, w io.Writer) (err error) {
	temp, err := os.CreateTemp(k.dir, "backup-*.db")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, temp.Close(), os.Remove(temp.Name())) }()
	if _, err := k.db.ExecContext(ctx, `VACUUM INTO $1`, temp.Name()); err != nil {
		return err
	}
	_, err = io.Copy(w, contextReader{ctx, temp})
	return err
}

// RestoreKeys puts a key file that [Keys.Backup] wrote into dir, where master.key is and
// keys.db is not: an existing one gives [fs.ErrExist], another master key [ErrWrongKey].
// It checks every key first. Blobs erased since the backup have their keys back: erase
// them again before anything is served.
func RestoreKeys(ctx context.Context, dir string, r io.Reader) error {
	if err := restoreKeys(ctx, dir, r); err != nil {
		return fmt.Errorf("restore keys: %w", err)
	}
	return nil
}

func restoreKeys(ctx context.Context, dir string, r io.Reader) error {
	path := filepath.Join(dir, keyFile)
	if _, err := os.Stat(path); err == nil {
		return fmt.Errorf("%s: %w", path, fs.ErrExist)
	}
	temp := filepath.Join(dir, "restore-"+rand.Text()+".db")
	if err := writeFile(dir, temp, contextReader{ctx, r}); err != nil {
		return err
	}
	k, err := openKeys(dir, temp)
	if err == nil {
		err = errors.Join(k.Check(ctx), k.Close())
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	// SQLite would take the journal of the lost file for one of this file's.
	if err := os.Remove(path + "-journal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return syncFolder(dir)
}
