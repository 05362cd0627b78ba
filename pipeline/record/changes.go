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
