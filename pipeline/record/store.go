package record

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the PostgreSQL driver
	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the SQLite driver
)

var (
	// ErrNotFound: no such row, or none the question may see.
	ErrNotFound = errors.New("not found")
	// ErrStale: somebody else changed the row first; read it again and decide again.
	ErrStale = errors.New("changed by somebody else meanwhile")
	// ErrExists: a row with this name or number is there already.
	ErrExists = errors.New("exists already")
	// ErrNewer: the database was written by a newer version of the program, which alone can read it.
	ErrNewer = errors.New("the database belongs to a newer version of xunqin")
)

// Dialect names the database behind a Store.
type Dialect string

// The two databases.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

// Store is the system of record. Its methods are safe for concurrent use.
type Store struct {
	// Now is the one clock; set it right after Open and before other use. It defaults to time.Now.
	Now func() time.Time
	// AuditKey, when set before the first Audit, keys the hash chain of the audit log, so that one who can write the
	// database but does not hold the key file cannot make a chain that verifies.
	AuditKey []byte

	dialect     Dialect
	path        string
	write, read *sql.DB
}

//go:embed schema
var schema embed.FS

// Open opens the record at dsn, a file path (SQLite; made when absent, its folder too, readable by the owner alone) or a
// PostgreSQL URL, and migrates it forward. A database of a newer version gives ErrNewer and is left untouched.
func Open(ctx context.Context, dsn string) (*Store, error) {
	s := &Store{Now: time.Now}
	if strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") {
		s.dialect = Postgres
		db, err := sql.Open("pgx", dsn)
		if err != nil {
			return nil, fmt.Errorf("open record: %w", err)
		}
		db.SetMaxOpenConns(20)
		db.SetMaxIdleConns(10)
		s.write, s.read = db, db
	} else {
		s.dialect, s.path = SQLite, dsn
		if err := os.MkdirAll(filepath.Dir(dsn), 0o700); err != nil {
			return nil, fmt.Errorf("open record: %w", err)
		}
		f, err := os.OpenFile(dsn, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("open record: %w", err)
		}
		if err := f.Close(); err != nil {
			return nil, fmt.Errorf("open record: %w", err)
		}
		if s.write, err = openSQLite(dsn, false); err != nil {
			return nil, err
		}
		if s.read, err = openSQLite(dsn, true); err != nil {
			return nil, errors.Join(err, s.write.Close())
		}
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// openSQLite opens one handle: a single writing connection whose transactions take the write lock when they begin, or a
// pool that can only read. secure_delete overwrites what is deleted, so that erased text leaves no bytes behind.
func openSQLite(path string, readOnly bool) (*sql.DB, error) {
	v := url.Values{}
	for _, p := range []string{"busy_timeout(15000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "secure_delete(1)", "temp_store(MEMORY)"} {
		v.Add("_pragma", p)
	}
	if readOnly {
		v.Add("_pragma", "query_only(1)")
	} else {
		v.Set("_txlock", "immediate")
	}
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: v.Encode()}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, fmt.Errorf("open record: %w", err)
	}
	if readOnly {
		db.SetMaxOpenConns(8)
		db.SetMaxIdleConns(8)
	} else {
		db.SetMaxOpenConns(1)
	}
	db.SetConnMaxLifetime(0)
	return db, nil
}

func (s *Store) start(ctx context.Context) error {
	if err := s.write.PingContext(ctx); err != nil {
		return fmt.Errorf("open record: %w", err)
	}
	if s.dialect == SQLite {
		for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "secure_delete": "1"} {
			var got string
			if err := s.write.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&got); err != nil {
				return fmt.Errorf("open record: %s: %w", pragma, err)
			}
			if got != want {
				return fmt.Errorf("open record: %s is %s, must be %s", pragma, got, want)
			}
		}
	}
	sub, err := fs.Sub(schema, "schema/"+string(s.dialect))
	if err != nil {
		return fmt.Errorf("open record: %w", err)
	}
	dialect := goose.DialectSQLite3
	if s.dialect == Postgres {
		dialect = goose.DialectPostgres
	}
	p, err := goose.NewProvider(dialect, s.write, sub)
	if err != nil {
		return fmt.Errorf("migrate record: %w", err)
	}
	have, newest, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("migrate record: %w", err)
	}
	if have > newest {
		return fmt.Errorf("%w: it has schema %d, this program knows %d", ErrNewer, have, newest)
	}
	if have < newest {
		if err := s.migrate(ctx, p); err != nil {
			return fmt.Errorf("migrate record: %w", err)
		}
	}
	return nil
}

// migrate applies what is missing. On PostgreSQL several processes may start at once: one migrates, the others wait.
func (s *Store) migrate(ctx context.Context, p *goose.Provider) error {
	if s.dialect == Postgres {
		conn, err := s.write.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock(7813001)"); err != nil {
			return err
		}
		defer conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock(7813001)")
	}
	_, err := p.Up(ctx)
	return err
}

// Close releases the database. On SQLite it also folds the write-ahead log into the file.
func (s *Store) Close() error {
	if s.dialect == Postgres {
		return s.write.Close()
	}
	var err error
	if s.read != nil {
		err = s.read.Close()
	}
	return errors.Join(err, s.write.Close())
}

// Dialect says which database this is; the queue needs it to choose its driver.
func (s *Store) Dialect() Dialect { return s.dialect }

// DB is the handle that writes, for the queue, which lives in the same database. On SQLite it is one connection: whoever
// holds it keeps everybody else from writing, so no transaction on it may span a network call.
func (s *Store) DB() *sql.DB { return s.write }

// Tx runs fn in one transaction and commits when fn returns nil. On PostgreSQL fn runs again after a serialization
// failure or a deadlock, up to five times: it must do nothing but change the record. On SQLite fn must not use the Store
// without the transaction for writing: there is one writer, and it would wait for itself.
func (s *Store) Tx(ctx context.Context, fn func(*sql.Tx) error) error {
	for try := 1; ; try++ {
		err := s.once(ctx, fn)
		var pg *pgconn.PgError
		if err == nil || try == 5 || !errors.As(err, &pg) || (pg.Code != "40001" && pg.Code != "40P01") {
			return err
		}
	}
}

func (s *Store) once(ctx context.Context, fn func(*sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() // no effect after Commit
	if err := fn(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// Checkpoint folds SQLite's write-ahead log into the database file and empties it, so that what was deleted leaves no
// bytes in the log. On PostgreSQL it does nothing.
func (s *Store) Checkpoint(ctx context.Context) error {
	if s.dialect != SQLite {
		return nil
	}
	var busy, logged, moved int64
	if err := s.write.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &logged, &moved); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

// Integrity asks the database to check itself and its foreign keys. It reads the whole file: seconds per gigabyte.
func (s *Store) Integrity(ctx context.Context) error {
	if s.dialect != SQLite {
		return s.read.PingContext(ctx)
	}
	var got string
	if err := s.read.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&got); err != nil {
		return fmt.Errorf("integrity check: %w", err)
	}
	if got != "ok" {
		return fmt.Errorf("integrity check: %s", got)
	}
	rows, err := s.read.QueryContext(ctx, "PRAGMA foreign_key_check")
	if err != nil {
		return fmt.Errorf("foreign key check: %w", err)
	}
	defer rows.Close()
	if rows.Next() {
		return errors.New("foreign key check: a row refers to one that is not there")
	}
	return rows.Err()
}

// BackupTo writes a consistent copy of a SQLite record to path, which must not exist, while others go on writing.
func (s *Store) BackupTo(ctx context.Context, path string) error {
	if s.dialect != SQLite {
		return errors.New("back up PostgreSQL with pg_dump")
	}
	db, err := openSQLite(s.path, false) // a connection of its own: the copy takes long, and only reads
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, "VACUUM INTO $1", path); err != nil {
		return fmt.Errorf("back up record: %w", err)
	}
	return os.Chmod(path, 0o600)
}

// querier is what *sql.Tx and *sql.DB have in common.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// from gives the transaction to ask, or the read pool where there is none.
func (s *Store) from(tx *sql.Tx) querier {
	if tx != nil {
		return tx
	}
	return s.read
}

// NewID makes an id: 130 random bits as 26 characters of base 32, lower case, fit for URLs, file names and blob keys.
func NewID() string { return strings.ToLower(rand.Text()) }

// ms is the stored form of a time.
func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// at reads a stored time.
func at(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func (s *Store) now() int64 { return s.Now().UnixMilli() }

type scanner interface{ Scan(dest ...any) error }

// one reads a single row; a missing one is ErrNotFound.
func one[T any](what string, row *sql.Row, scan func(scanner, *T) error) (T, error) {
	var t T
	err := scan(row, &t)
	if errors.Is(err, sql.ErrNoRows) {
		return t, fmt.Errorf("%s: %w", what, ErrNotFound)
	}
	if err != nil {
		return t, fmt.Errorf("%s: %w", what, err)
	}
	return t, nil
}

// all reads every row.
func all[T any](ctx context.Context, what string, q querier, scan func(scanner, *T) error, query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		var t T
		if err := scan(rows, &t); err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		list = append(list, t)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return list, nil
}

func scanString(r scanner, s *string) error { return r.Scan(s) }
func scanInt(r scanner, n *int64) error     { return r.Scan(n) }

// exec runs a change and wraps its error; unique violations become ErrExists.
func exec(ctx context.Context, what string, q querier, query string, args ...any) (int64, error) {
	res, err := q.ExecContext(ctx, query, args...)
	if err != nil {
		if isUnique(err) {
			return 0, fmt.Errorf("%s: %w", what, ErrExists)
		}
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	return n, nil
}

func isUnique(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "23505"
	}
	return strings.Contains(err.Error(), "UNIQUE constraint failed")
}

// must is exec for a change that has to meet exactly one row: none is the given error.
func must(ctx context.Context, what string, q querier, none error, query string, args ...any) error {
	n, err := exec(ctx, what, q, query, args...)
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("%s: %w", what, none)
	}
	return nil
}

func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// text reads a column that may be null.
type text struct{ s *string }

func (t text) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*t.s = ""
	case string:
		*t.s = v
	case []byte:
		*t.s = string(v)
	default:
		return fmt.Errorf("text column holds %T", v)
	}
	return nil
}

// when reads a stored time.
type when struct{ t *time.Time }

func (w when) Scan(v any) error {
	n, ok := v.(int64)
	if !ok {
		return fmt.Errorf("time column holds %T", v)
	}
	*w.t = at(n)
	return nil
}
