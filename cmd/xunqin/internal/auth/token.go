package auth

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
	"time"

	"xunqin/pipeline/record"
)

// A token is tokenPrefix, 26 characters of base 32 that are 130 random bits, and 7 that check them: whoever finds one knows what it
// is, and what was mistyped is refused without a look into the record.
const (
	tokenPrefix = "xunqin_"
	tokenRandom = 26
	tokenCheck  = 7
)

// seeEvery is how exactly the last use of a token is noted.
const seeEvery = time.Minute

func tokenSum(random string) string {
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(random)))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum))
}

// goodToken reports whether a text is written as a token is.
func goodToken(s string) bool {
	s, ok := strings.CutPrefix(s, tokenPrefix)
	return ok && len(s) == tokenRandom+tokenCheck && tokenSum(s[:tokenRandom]) == s[tokenRandom:]
}

func (g *Gate) newToken() (secret, mark string) {
	random := strings.ToLower(rand.Text())
	secret = tokenPrefix + random + tokenSum(random)
	return secret, g.opts.Mark("api-token", secret)
}

// NewToken makes a token of t's person, name, scopes and end, and gives the secret, which is shown now or never: the record holds a
// mark of it. Audit it in the same transaction.
func (g *Gate) NewToken(ctx context.Context, tx *sql.Tx, t record.Token) (id, secret string, err error) {
	secret, t.Mark = g.newToken()
	id, err = g.opts.Records.AddToken(ctx, tx, t)
	return id, secret, err
}

// OfferToken makes a token that its person has to take: nobody else ever sees what it opens. Audit it in the same transaction.
func (g *Gate) OfferToken(ctx context.Context, tx *sql.Tx, t record.Token) (id string, err error) {
	t.Mark = ""
	return g.opts.Records.AddToken(ctx, tx, t)
}

// TakeToken gives a person the secret of a token that was made for them, once; another's is record.ErrNotFound, as one that is not
// there. Audit it in the same transaction.
func (g *Gate) TakeToken(ctx context.Context, tx *sql.Tx, user record.User, id string) (secret string, err error) {
	t, err := g.opts.Records.Token(ctx, tx, id)
	if err != nil {
		return "", err
	}
	if t.UserID != user.ID {
		return "", record.ErrNotFound
	}
	secret, mark := g.newToken()
	return secret, g.opts.Records.TakeToken(ctx, tx, id, mark)
}

// Bearer finds whose the token in an Authorization header is, and notes its use. ErrRefused for everything that is no token that
// works now.
func (g *Gate) Bearer(ctx context.Context, header string) (record.User, record.Token, error) {
	scheme, secret, _ := strings.Cut(header, " ")
	secret = strings.TrimSpace(secret)
	if !strings.EqualFold(scheme, "Bearer") || !goodToken(secret) {
		return record.User{}, record.Token{}, ErrRefused
	}
	t, err := g.opts.Records.TokenMarked(ctx, nil, g.opts.Mark("api-token", secret))
	if errors.Is(err, record.ErrNotFound) {
		return record.User{}, t, ErrRefused
	}
	if err != nil {
		return record.User{}, t, err
	}
	user, err := g.opts.Records.User(ctx, nil, t.UserID)
	if errors.Is(err, record.ErrNotFound) || err == nil && !user.DisabledAt.IsZero() {
		return record.User{}, t, ErrRefused
	}
	if err == nil && g.opts.Now().Sub(t.UsedAt) >= seeEvery {
		err = g.opts.Records.Tx(ctx, func(tx *sql.Tx) error { return g.opts.Records.SeeToken(ctx, tx, t.ID) })
	}
	return user, t, err
}
