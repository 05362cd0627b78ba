package record

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// Audit is one line of the log of who did what to which object. It holds ids and machine words only: no text, no name, no
// picture, so that the line of an erased child still verifies and says nothing of the child.
type Audit struct {
	Seq           int64
	Segment       string // the month, 2011-02: segments are closed and dropped whole
	At            time.Time
	Actor, Action string // user id or "system"; a word such as reveal, verdict, sign-in
	Object        string // id
	Detail        string // machine words and ids
	Hash          string // chains the line to the one before it
}

const auditColumns = `seq, segment, at, actor, action, object, detail, hash`

func scanAudit(r scanner, a *Audit) error {
	return r.Scan(&a.Seq, &a.Segment, when{&a.At}, &a.Actor, &a.Action, &a.Object, &a.Detail, &a.Hash)
}

func (s *Store) auditHash(prev string, a Audit) string {
	h := hmac.New(sha256.New, s.AuditKey)
	fmt.Fprintf(h, "%q %d %q %d %q %q %q %q", prev, a.Seq, a.Segment, ms(a.At), a.Actor, a.Action, a.Object, a.Detail)
	return hex.EncodeToString(h.Sum(nil))
}

// Audit appends a line. Lines of concurrent transactions take their places one after the other: call it last.
func (s *Store) Audit(ctx context.Context, tx *sql.Tx, actor, action, object, detail string) error {
	seq, err := next(ctx, tx, "audit")
	if err != nil {
		return err
	}
	var prev string
	err = tx.QueryRowContext(ctx, `SELECT last_hash FROM audit_segments WHERE last_seq=$1`, seq-1).Scan(&prev)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("audit: %w", err)
	}
	a := Audit{Seq: seq, At: s.Now().UTC().Truncate(time.Millisecond), Actor: actor, Action: action, Object: object, Detail: detail}
	a.Segment = a.At.Format("2006-01")
	a.Hash = s.auditHash(prev, a)
	if _, err := exec(ctx, "audit", tx, `INSERT INTO audit (`+auditColumns+`) VALUES ($1,$2,$3,$4,$5,$6,$7,$8)`, a.Seq, a.Segment, ms(a.At), a.Actor, a.Action, a.Object, a.Detail, a.Hash); err != nil {
		return err
	}
	// A clock set back must not write into a segment that is closed: the line then joins the newest one.
	_, err = exec(ctx, "audit", tx, `INSERT INTO audit_segments (segment, first_seq, last_seq, last_hash) VALUES ($1,$2,$2,$3)
		ON CONFLICT (segment) DO UPDATE SET last_seq=excluded.last_seq, last_hash=excluded.last_hash`, a.Segment, a.Seq, a.Hash)
	return err
}

// AuditLog lists lines, newest first, before seq where it is not 0, of one actor where it is named.
func (s *Store) AuditLog(ctx context.Context, tx *sql.Tx, before int64, actor string, most int) ([]Audit, error) {
	if before == 0 {
		before = 1 << 62
	}
	return all(ctx, "audit log", s.from(tx), scanAudit, `SELECT `+auditColumns+` FROM audit WHERE seq < $1 AND ($2='' OR actor=$2) ORDER BY seq DESC LIMIT $3`, before, actor, most)
}

// CountAudit counts a person's lines of one action since an instant: how many pictures they have revealed in an hour.
func (s *Store) CountAudit(ctx context.Context, tx *sql.Tx, actor, action string, since time.Time) (int64, error) {
	return one("count audit", s.from(tx).QueryRowContext(ctx, `SELECT COUNT(*) FROM audit WHERE actor=$1 AND action=$2 AND at > $3`, actor, action, ms(since)), scanInt)
}

type segment struct {
	name        string
	first, last int64
	hash        string
	dropped     time.Time
}

func scanSegment(r scanner, v *segment) error {
	return r.Scan(&v.name, &v.first, &v.last, &v.hash, when{&v.dropped})
}

// VerifyAudit walks the whole log and says where it was tampered with: a changed, dropped, reordered or cut-off line, or
// a segment that is missing. It returns how many lines stand.
func (s *Store) VerifyAudit(ctx context.Context) (int64, error) {
	segments, err := all(ctx, "audit segments", s.read, scanSegment, `SELECT segment, first_seq, last_seq, last_hash, dropped_at FROM audit_segments ORDER BY first_seq`)
	if err != nil {
		return 0, err
	}
	last, err := one("audit counter", s.read.QueryRowContext(ctx, `SELECT n FROM counters WHERE name='audit'`), scanInt)
	if err != nil {
		return 0, err
	}
	var lines, seq int64
	prev := ""
	for _, g := range segments {
		if g.first != seq+1 {
			return lines, fmt.Errorf("audit: segment %s begins at line %d, line %d was due", g.name, g.first, seq+1)
		}
		if !g.dropped.IsZero() {
			seq, prev = g.last, g.hash
			continue
		}
		err := each(ctx, "audit", s.read, scanAudit, func(a Audit) error {
			if a.Seq != seq+1 {
				return fmt.Errorf("audit: line %d is missing", seq+1)
			}
			if a.Hash != s.auditHash(prev, a) {
				return fmt.Errorf("audit: line %d does not follow from the one before it", a.Seq)
			}
			seq, prev = a.Seq, a.Hash
			lines++
			return nil
		}, `SELECT `+auditColumns+` FROM audit WHERE segment=$1 ORDER BY seq`, g.name)
		if err != nil {
			return lines, err
		}
		if seq != g.last || prev != g.hash {
			return lines, fmt.Errorf("audit: segment %s ends at line %d, line %d was due", g.name, seq, g.last)
		}
	}
	if seq != last {
		return lines, fmt.Errorf("audit: the log ends at line %d, line %d was written", seq, last)
	}
	strays, err := one("audit", s.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM audit WHERE segment NOT IN (SELECT segment FROM audit_segments WHERE dropped_at=0)`), scanInt)
	if err == nil && strays > 0 {
		err = fmt.Errorf("audit: %d lines stand outside every segment", strays)
	}
	return lines, err
}

// DropAudit drops every closed segment that ended before the given month (2006-01) whole; its last hash and its count
// stay, so that the chain goes on. It returns how many lines went.
func (s *Store) DropAudit(ctx context.Context, tx *sql.Tx, before string) (int64, error) {
	n, err := exec(ctx, "drop audit", tx, `DELETE FROM audit WHERE segment < $1`, before)
	if err != nil {
		return 0, err
	}
	_, err = exec(ctx, "drop audit", tx, `UPDATE audit_segments SET dropped_at=$1 WHERE segment < $2 AND dropped_at=0`, s.now(), before)
	return n, err
}
