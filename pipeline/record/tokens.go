package record

import (
	"context"
	"database/sql"
	"strings"
	"time"
)

// Token is what a program asks with in a person's name. Mark is a hash of what the program shows, which itself is stored nowhere;
// it is empty for one that was made for a person who has not taken it yet.
type Token struct {
	ID, UserID, Name     string
	Scopes               []string
	Mark, CreatedBy      string
	CreatedAt, ExpiresAt time.Time
	UsedAt, RevokedAt    time.Time
}

const tokenColumns = `id, user_id, name, scopes, mark, created_by, created_at, expires_at, used_at, revoked_at`

func scanToken(r scanner, t *Token) error {
	var scopes string
	err := r.Scan(&t.ID, &t.UserID, &t.Name, &scopes, &t.Mark, &t.CreatedBy, when{&t.CreatedAt}, when{&t.ExpiresAt}, when{&t.UsedAt}, when{&t.RevokedAt})
	t.Scopes = strings.Fields(scopes)
	return err
}

// AddToken stores a token.
func (s *Store) AddToken(ctx context.Context, tx *sql.Tx, t Token) (string, error) {
	id := NewID()
	_, err := exec(ctx, "add token", tx, `INSERT INTO tokens (`+tokenColumns+`) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,0,0)`,
		id, t.UserID, t.Name, strings.Join(t.Scopes, " "), t.Mark, t.CreatedBy, s.now(), ms(t.ExpiresAt))
	return id, err
}

// TakeToken gives a token that waits for its person its mark, once: ErrNotFound when it was taken, revoked or has expired.
func (s *Store) TakeToken(ctx context.Context, tx *sql.Tx, id, mark string) error {
	return must(ctx, "take token", tx, ErrNotFound, `UPDATE tokens SET mark=$1 WHERE id=$2 AND mark='' AND revoked_at=0 AND expires_at > $3`, mark, id, s.now())
}

// Token reads one token, whatever its state.
func (s *Store) Token(ctx context.Context, tx *sql.Tx, id string) (Token, error) {
	return one("token", s.from(tx).QueryRowContext(ctx, `SELECT `+tokenColumns+` FROM tokens WHERE id=$1`, id), scanToken)
}

// TokenMarked reads the token of a mark that can still be used; unknown, revoked and expired ones are ErrNotFound alike.
func (s *Store) TokenMarked(ctx context.Context, tx *sql.Tx, mark string) (Token, error) {
	return one("token", s.from(tx).QueryRowContext(ctx, `SELECT `+tokenColumns+` FROM tokens WHERE mark=$1 AND mark <> '' AND revoked_at=0 AND expires_at > $2`, mark, s.now()), scanToken)
}

// Tokens lists the tokens of a person, or of everybody where userID is empty, the newest first.
func (s *Store) Tokens(ctx context.Context, tx *sql.Tx, userID string) ([]Token, error) {
	return all(ctx, "tokens", s.from(tx), scanToken, `SELECT `+tokenColumns+` FROM tokens WHERE $1='' OR user_id=$1 ORDER BY created_at DESC, id`, userID)
}

// SeeToken notes that a token is used.
func (s *Store) SeeToken(ctx context.Context, tx *sql.Tx, id string) error {
	_, err := exec(ctx, "see token", tx, `UPDATE tokens SET used_at=$1 WHERE id=$2`, s.now(), id)
	return err
}

// RevokeToken ends a token for good; ErrNotFound when it is not there or ended before.
func (s *Store) RevokeToken(ctx context.Context, tx *sql.Tx, id string) error {
	return must(ctx, "revoke token", tx, ErrNotFound, `UPDATE tokens SET revoked_at=$1 WHERE id=$2 AND revoked_at=0`, s.now(), id)
}

// RevokeTokensOf ends all tokens of a person, or of everybody where userID is empty.
func (s *Store) RevokeTokensOf(ctx context.Context, tx *sql.Tx, userID string) error {
	_, err := exec(ctx, "revoke tokens", tx, `UPDATE tokens SET revoked_at=$1 WHERE revoked_at=0 AND ($2='' OR user_id=$2)`, s.now(), userID)
	return err
}
