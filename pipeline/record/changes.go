package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Change says that a post or report was stored, changed or erased. There is one for each, its newest: following the
// changes from zero rebuilds an index, following them from the last one applied brings it up to date.
type Change struct {
	DocID, Kind string // Kind: post or report
	Seq         int64
}

func scanChange(r scanner, c *Change) error { return r.Scan(&c.DocID, &c.Kind, &c.Seq) }

// next counts up. The counter's row stays locked until the transaction ends, so numbers become visible in their order,
// and whoever holds one is alone.
func next(ctx context.Context, tx *sql.Tx, counter string) (n int64, err error) {
	err = tx.QueryRowContext(ctx, `UPDATE counters SET n=n+1 WHERE name=$1 RETURNING n`, counter).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", counter, err)
	}
	return n, nil
}

// Changed notes a change for the indexes to follow. Call it last in a transaction: on PostgreSQL the others that change
// documents wait from here to the commit.
func (s *Store) Changed(ctx context.Context, tx *sql.Tx, docID, kind string) error {
	n, err := next(ctx, tx, "changes")
	if err != nil {
		return err
	}
	_, err = exec(ctx, "note change", tx, `INSERT INTO changes (doc_id, kind, seq) VALUES ($1,$2,$3) ON CONFLICT (doc_id) DO UPDATE SET seq=excluded.seq`, docID, kind, n)
	return err
}

// Changes lists changes after seq, in order.
func (s *Store) Changes(ctx context.Context, tx *sql.Tx, after int64, most int) ([]Change, error) {
	return all(ctx, "changes", s.from(tx), scanChange, `SELECT doc_id, kind, seq FROM changes WHERE seq > $1 ORDER BY seq LIMIT $2`, after, most)
}

// LastChange is the number of the newest change.
func (s *Store) LastChange(ctx context.Context, tx *sql.Tx) (int64, error) {
	return one("last change", s.from(tx).QueryRowContext(ctx, `SELECT n FROM counters WHERE name='changes'`), scanInt)
}

// LockRelate makes this transaction the only one that joins pictures and makes leads until it ends.
func (s *Store) LockRelate(ctx context.Context, tx *sql.Tx) error {
	_, err := next(ctx, tx, "relate")
	return err
}

// IsNotFound reports whether err says that something is not there.
func IsNotFound(err error) bool { return errors.Is(err, ErrNotFound) }

// CountChanges counts the changes after seq.
func (s *Store) CountChanges(ctx context.Context, tx *sql.Tx, after int64) (int64, error) {
	return one("count changes", s.from(tx).QueryRowContext(ctx, `SELECT COUNT(*) FROM changes WHERE seq > $1`, after), scanInt)
}

// ErasedSince reports whether any document was erased after a change, or lost fingerprints.
func (s *Store) ErasedSince(ctx context.Context, tx *sql.Tx, seq int64) (bool, error) {
	n, err := one("erased", s.from(tx).QueryRowContext(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM changes c WHERE seq > $1 AND (
		NOT EXISTS (SELECT 1 FROM posts WHERE id=c.doc_id AND state='live') AND NOT EXISTS (SELECT 1 FROM reports WHERE id=c.doc_id)
		OR EXISTS (SELECT 1 FROM photos WHERE post_id=c.doc_id AND state='gone' AND NOT matchable)) LIMIT 1) erased`, seq), scanInt)
	return n > 0, err
}

// Snapshot runs fn in a transaction that sees the record as it was at its first look, and keeps nobody from writing. fn must
// change nothing.
func (s *Store) Snapshot(ctx context.Context, fn func(*sql.Tx) error) error {
	var o *sql.TxOptions
	if s.dialect == Postgres {
		o = &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	}
	tx, err := s.read.BeginTx(ctx, o)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() // it only reads
	return fn(tx)
}

// HoldChanges runs fn while no other process can commit a change. Others wait for it, so it is for moments.
func (s *Store) HoldChanges(ctx context.Context, fn func() error) error {
	return s.once(ctx, func(tx *sql.Tx) error {
		if _, err := exec(ctx, "hold changes", tx, `UPDATE counters SET n=n WHERE name='changes'`); err != nil {
			return err
		}
		return fn()
	})
}

// Searchable is how much of the record an index holds that has followed it.
type Searchable struct {
	Docs           map[string]int64 // by kind of document
	Photos, Prints int64
}

// Searchable counts what an index has to hold. It reads the photos and fingerprints of the whole record.
func (s *Store) Searchable(ctx context.Context, tx *sql.Tx) (Searchable, error) {
	type row struct {
		kind string
		n    int64
	}
	n := Searchable{Docs: map[string]int64{}}
	rows, err := all(ctx, "count documents", s.from(tx), func(r scanner, v *row) error { return r.Scan(&v.kind, &v.n) },
		`SELECT kind, COUNT(*) FROM posts WHERE state='live' GROUP BY kind UNION ALL SELECT 'report', COUNT(*) FROM reports`)
	if err != nil {
		return n, err
	}
	for _, r := range rows {
		n.Docs[r.kind] += r.n
	}
	const photos = `FROM photos WHERE matchable AND state IN ('kept','gone') AND (report_id IS NOT NULL OR EXISTS (SELECT 1 FROM posts WHERE posts.id=photos.post_id AND posts.state='live'))`
	n.Photos, err = one("count photos", s.from(tx).QueryRowContext(ctx, `SELECT COUNT(*) `+photos+` AND EXISTS (SELECT 1 FROM prints WHERE prints.photo_id=photos.id)`), scanInt)
	if err != nil {
		return n, err
	}
	n.Prints, err = one("count fingerprints", s.from(tx).QueryRowContext(ctx, `SELECT COUNT(*) FROM prints WHERE photo_id IN (SELECT id `+photos+`)`), scanInt)
	return n, err
}

// From lists posts or reports from an id on, in the order of their ids, which is none: with a new id as the beginning, it is a
// random sample.
func (s *Store) From(ctx context.Context, tx *sql.Tx, kind, id string, most int) ([]Change, error) {
	query := `SELECT id, 'post', 0 FROM posts WHERE id >= $1 ORDER BY id LIMIT $2`
	if kind == "report" {
		query = `SELECT id, 'report', 0 FROM reports WHERE id >= $1 ORDER BY id LIMIT $2`
	}
	return all(ctx, "sample", s.from(tx), scanChange, query, id, most)
}
