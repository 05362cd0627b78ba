package auth

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/base32"
	"errors"
	"fmt"
	"image/png"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"
	"golang.org/x/text/unicode/norm"

	"xunqin/pipeline/record"
)

// The second factor is TOTP (RFC 6238): SHA-1, six digits, steps of 30 s, the step before and the one after accepted, each
// code once.
const (
	factorStep   = 30 * time.Second
	factorIssuer = "xunqin"
	secretBytes  = 20
)

// Enrolment is a second factor that is shown to its person before they confirm it with a first code.
type Enrolment struct {
	URI    string // otpauth://totp/…
	Secret string // base 32 in groups of four, to be typed
	secret []byte
}

// enrol derives the secret from what only this page and the keys know, so that the page and its answer agree without
// anything stored between them.
func (g *Gate) enrol(purpose, subject, account string) (Enrolment, error) {
	mac := hmac.New(sha256.New, []byte(g.opts.Mark(purpose, subject)))
	mac.Write([]byte("totp"))
	secret := mac.Sum(nil)[:secretBytes]
	key, err := totp.Generate(totp.GenerateOpts{Issuer: factorIssuer, AccountName: account, Secret: secret})
	if err != nil {
		return Enrolment{}, fmt.Errorf("enrol second factor: %w", err)
	}
	var groups []string
	for s := key.Secret(); s != ""; {
		n := min(4, len(s))
		groups, s = append(groups, s[:n]), s[n:]
	}
	return Enrolment{URI: key.String(), Secret: strings.Join(groups, " "), secret: secret}, nil
}

// QR draws the enrolment as a PNG.
func (e Enrolment) QR() ([]byte, error) {
	key, err := otp.NewKeyFromURL(e.URI)
	if err != nil {
		return nil, fmt.Errorf("draw second factor: %w", err)
	}
	img, err := key.Image(264, 264)
	if err != nil {
		return nil, fmt.Errorf("draw second factor: %w", err)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return nil, fmt.Errorf("draw second factor: %w", err)
	}
	return b.Bytes(), nil
}

// NewFactor is a second factor for one who is signed in, the same as long as neither session nor account changes.
func (g *Gate) NewFactor(ctx context.Context, user record.User) (Enrolment, error) {
	return g.enrol("new-factor", fmt.Sprintf("%s %d %s", user.ID, user.Version, g.sessions.Token(ctx)), user.Name)
}

// SetFactor puts a new second factor in the old one's place, once its first code is right; all other sessions end.
// Errors: ErrCode, *WaitError, record.ErrStale.
func (g *Gate) SetFactor(ctx context.Context, user record.User, code, addr string) error {
	e, err := g.NewFactor(ctx, user)
	if err != nil {
		return err
	}
	return g.throttled(ctx, []string{g.nameMark(user.Name), g.addrMark(addr)}, func() error {
		step, ok := matchCode(e.secret, code, g.opts.Now())
		if !ok {
			return ErrCode
		}
		user.Factor, user.FactorStep = g.opts.Seal(factorPurpose, e.secret), step
		return g.change(ctx, user, "factor")
	})
}

const factorPurpose = "second-factor"

// useCode spends a code; one that is wrong or was used before is ErrRefused.
func (g *Gate) useCode(ctx context.Context, user record.User, code string) error {
	if len(user.Factor) == 0 {
		return ErrRefused
	}
	secret, err := g.opts.Open(factorPurpose, user.Factor)
	if err != nil {
		return fmt.Errorf("open second factor: %w", err)
	}
	step, ok := matchCode(secret, code, g.opts.Now())
	if !ok {
		return ErrRefused
	}
	err = g.opts.Records.Tx(ctx, func(tx *sql.Tx) error { return g.opts.Records.UseFactorStep(ctx, tx, user.ID, step) })
	if errors.Is(err, record.ErrStale) {
		return ErrRefused
	}
	return err
}

// matchCode finds the time step a code belongs to.
func matchCode(secret []byte, code string, now time.Time) (int64, bool) {
	code = strings.ReplaceAll(norm.NFKC.String(code), " ", "")
	step := now.Unix() / int64(factorStep/time.Second)
	for _, s := range []int64{step, step - 1, step + 1} {
		if subtle.ConstantTimeCompare([]byte(codeOf(secret, s)), []byte(code)) == 1 {
			return s, true
		}
	}
	return 0, false
}

func codeOf(secret []byte, step int64) string {
	code, err := hotp.GenerateCode(base32Secret(secret), uint64(step))
	if err != nil {
		panic("totp: " + err.Error()) // only for a secret that is no base 32
	}
	return code
}

func base32Secret(secret []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
}
