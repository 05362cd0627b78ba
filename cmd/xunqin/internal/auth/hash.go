package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// The cost of one hash: 64 MiB and three passes, the second choice of RFC 9106 on one lane, 0.2 s of one core of a small
// server (BenchmarkHash), above the 19 MiB and two
// passes that OWASP's password storage cheat sheet gives as the least. A stored hash names its own cost.
const (
	hashMemory  = 64 * 1024 // KiB
	hashPasses  = 3
	hashThreads = 1
	saltBytes   = 16
	keyBytes    = 32
)

// hashWidth hashes run at once, hashQueue more wait at most hashWait for their turn: a flood of sign-ins takes 128 MiB
// and leaves the rest of the machine to the others.
const (
	hashWidth = 2
	hashQueue = 16
	hashWait  = 5 * time.Second
)

type hasher struct{ slots, queue chan struct{} }

func newHasher() hasher {
	return hasher{slots: make(chan struct{}, hashWidth), queue: make(chan struct{}, hashWidth+hashQueue)}
}

// turn waits for a slot; the caller gives it back with done.
func (h hasher) turn(ctx context.Context) (done func(), err error) {
	select {
	case h.queue <- struct{}{}:
	default:
		return nil, ErrBusy
	}
	t := time.NewTimer(hashWait)
	defer t.Stop()
	select {
	case h.slots <- struct{}{}:
		return func() { <-h.slots; <-h.queue }, nil
	case <-t.C:
		err = ErrBusy
	case <-ctx.Done():
		err = ctx.Err()
	}
	<-h.queue
	return nil, err
}

// hash is the PHC string of a passphrase under a fresh salt.
func (h hasher) hash(ctx context.Context, passphrase string) (string, error) {
	done, err := h.turn(ctx)
	if err != nil {
		return "", fmt.Errorf("hash passphrase: %w", err)
	}
	defer done()
	salt := make([]byte, saltBytes)
	rand.Read(salt)
	key := argon2.IDKey(cleanPassphrase(passphrase), salt, hashPasses, hashMemory, hashThreads, keyBytes)
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemory, hashPasses, hashThreads, enc.EncodeToString(salt), enc.EncodeToString(key)), nil
}

// verify reports whether the passphrase belongs to the hash. A hash that cannot be read is an error: it is never right.
func (h hasher) verify(ctx context.Context, hash, passphrase string) (bool, error) {
	p, err := parsePHC(hash)
	if err != nil {
		return false, err
	}
	done, err := h.turn(ctx)
	if err != nil {
		return false, fmt.Errorf("check passphrase: %w", err)
	}
	defer done()
	if len(passphrase) > maxPassphrase {
		passphrase = "" // the same work, never right: no stored passphrase is so short
	}
	key := argon2.IDKey(cleanPassphrase(passphrase), p.salt, p.passes, p.memory, p.threads, uint32(len(p.key)))
	return subtle.ConstantTimeCompare(key, p.key) == 1, nil
}

type phc struct {
	memory, passes uint32
	threads        uint8
	salt, key      []byte
}

// parsePHC reads $argon2id$v=19$m=65536,t=3,p=1$salt$key. Costs beyond 1 GiB or 16 passes are refused, so that a row
// that was tampered with cannot stop the program.
func parsePHC(s string) (phc, error) {
	var p phc
	bad := func(what string) (phc, error) { return phc{}, fmt.Errorf("stored passphrase hash: %s", what) }
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return bad("not argon2id in PHC form")
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.passes, &p.threads); err != nil {
		return bad("no costs")
	}
	if p.memory < 8 || p.memory > 1<<20 || p.passes < 1 || p.passes > 16 || p.threads < 1 || p.threads > 16 {
		return bad("costs out of range")
	}
	var err error
	if p.salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil || len(p.salt) < 8 || len(p.salt) > 64 {
		return bad("no salt")
	}
	if p.key, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil || len(p.key) < 16 || len(p.key) > 64 {
		return bad("no key")
	}
	return p, nil
}

// maxPassphrase bounds the work of normalising what a stranger sends.
const maxPassphrase = 1024 // bytes

// cleanPassphrase makes one form of what different keyboards send for the same letters.
func cleanPassphrase(s string) []byte { return []byte(norm.NFKC.String(s)) }

// Codes of a PassphraseError.
const (
	PassphraseShort  = "short"
	PassphraseLong   = "long"
	PassphraseName   = "name"   // holds the person's own name, and little else
	PassphraseSimple = "simple" // fewer than five different characters
)

// PassphraseError says why a passphrase is not taken.
type PassphraseError struct {
	Code  string
	Least int // characters asked for
}

func (e *PassphraseError) Error() string { return "passphrase: " + e.Code }

// Hash is the stored form of a passphrase, for an account that is made without a link.
func (g *Gate) Hash(ctx context.Context, passphrase string) (string, error) {
	return g.hashing.hash(ctx, passphrase)
}

// CheckPassphrase refuses, with a *PassphraseError, what is shorter than the policy asks or easily guessed.
func (g *Gate) CheckPassphrase(name, passphrase string) error {
	least := g.opts.Policy.Limits.Passphrase
	refuse := func(code string) error { return &PassphraseError{Code: code, Least: least} }
	if len(passphrase) > maxPassphrase {
		return refuse(PassphraseLong)
	}
	clean := strings.ToLower(string(cleanPassphrase(passphrase)))
	name = strings.ToLower(CleanName(name))
	different := map[rune]bool{}
	for _, r := range clean {
		different[r] = true
	}
	switch {
	case utf8.RuneCountInString(clean) < least:
		return refuse(PassphraseShort)
	case len(different) < 5:
		return refuse(PassphraseSimple)
	case name != "" && utf8.RuneCountInString(strings.ReplaceAll(clean, name, "")) < least/2:
		return refuse(PassphraseName)
	}
	return nil
}
