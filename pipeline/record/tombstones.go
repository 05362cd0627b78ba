package record

import (
	"context"
	"database/sql"
	"time"
)

// The kinds of a tombstone: what of an erased thing must not come back.
const (
	TombNative = "native" // source and native id of a post
	TombURL    = "url"    // address of a photo
	TombBytes  = "bytes"  // exact bytes of a photo
	TombPrint  = "print"  // fingerprints, sealed; matched inside intake only
)

// Tombstone keeps an erased thing from returning. It holds no picture and no name: Mark is a keyed hash, Sealed holds
// fingerprints under a key that is kept outside the database, and only intake asks, which answers refuse or accept.
type Tombstone struct {
	ID, Kind, Mark       string
	Sealed               []byte
	Reason               string // a machine word
	CreatedAt, ExpiresAt time.Time
}

// AddTombstone stores a tombstone.
func (s *Store) AddTombstone(ctx context.Context, tx *sql.Tx, t Tombstone) error {
	_, err := exec(ctx, "add tombstone", tx, `INSERT INTO tombstones (id, kind, mark, sealed, reason, created_at, expires_at) VALUES ($1,$2,$3,$4,$5,$6,$7)`,
		NewID(), t.Kind, t.Mark, t.Sealed, t.Reason, s.now(), ms(t.ExpiresAt))
	return err
}

// Buried reports whether a living tombstone of the kind carries the mark.
func (s *Store) Buried(ctx context.Context, tx *sql.Tx, kind, mark string) (bool, error) {
	n, err := one("tombstones", s.from(tx).QueryRowContext(ctx, `SELECT COUNT(*) FROM tombstones WHERE kind=$1 AND mark=$2 AND expires_at > $3`, kind, mark, s.now()), scanInt)
	return n > 0, err
}

// Tombstones lists all living ones, for a restore alone, which takes them over into another record: no page and no other
// command shows them.
func (s *Store) Tombstones(ctx context.Context, tx *sql.Tx) ([]Tombstone, error) {
	return all(ctx, "tombstones", s.from(tx), func(r scanner, t *Tombstone) error {
		return r.Scan(&t.ID, &t.Kind, &t.Mark, &t.Sealed, &t.Reason, when{&t.CreatedAt}, when{&t.ExpiresAt})
	}, `SELECT id, kind, mark, sealed, reason, created_at, expires_at FROM tombstones WHERE expires_at > $1`, s.now())
}

// CountTombstones counts the living ones.
func (s *Store) CountTombstones(ctx context.Context, tx *sql.Tx) (int64, error) {
	return one("tombstones", s.from(tx).QueryRowContext(ctx, `SELECT COUNT(*) FROM tombstones WHERE expires_at > $1`, s.now()), scanInt)
}
