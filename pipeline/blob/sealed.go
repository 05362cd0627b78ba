package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// MaxSealed is the size in bytes of the largest blob that [Sealed] stores. A blob is
// sealed in one piece, so Put and Open hold it in memory twice.
const MaxSealed = 64 << 20

// Sealed encrypts the blobs of another store, each with XChaCha20-Poly1305 under a
// random 256-bit key of its own that is kept in Keys and nowhere else.
//
// A blob of the inner store is a version byte, a 24-byte nonce and the ciphertext with
// its tag; the blob's key is authenticated with it, so a file under another's name does
// not open. What is sealed is 41 bytes longer than what was put.
//
// Put and Delete add to what [Store] says: the key is durable before the blob is, and is
// gone before the blob is. So after a crash there may be a key without a blob, which is
// nothing, or a blob without a key, which nobody can read: List still names it, Open says
// [ErrNotFound], and a second Delete removes it.
type Sealed struct {
	Store Store
	Keys  *Keys
}

const blobFormat = "xunqin sealed blob 1"

// Put implements [Store]. More than [MaxSealed] bytes give [ErrTooLarge].
func (s *Sealed) Put(ctx context.Context, key string, r io.Reader) error {
	if err := checkKey(key); err != nil {
		return err
	}
	plain, err := io.ReadAll(io.LimitReader(contextReader{ctx, r}, MaxSealed+1))
	if err != nil {
		return fmt.Errorf("seal blob %s: %w", key, err)
	}
	if len(plain) > MaxSealed {
		return fmt.Errorf("seal blob %s: %w", key, ErrTooLarge)
	}
	secret, err := s.Keys.make(ctx, key)
	if err != nil {
		return fmt.Errorf("seal blob %s: %w", key, err)
	}
	return s.Store.Put(ctx, key, bytes.NewReader(seal(secret, plain, blobFormat, key)))
}

// Open implements [Store]. It reads and checks the whole blob before it returns; a blob
// that is not what was put gives [ErrCorrupt], one whose key was deleted [ErrNotFound].
func (s *Sealed) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	secret, err := s.Keys.find(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("open blob %s: %w", key, err)
	}
	r, err := s.Store.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	sealed, err := io.ReadAll(io.LimitReader(r, MaxSealed+sealOverhead+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("open blob %s: %w", key, err)
	}
	plain, err := unseal(secret, sealed, blobFormat, key)
	if err != nil {
		return nil, fmt.Errorf("open blob %s: %w", key, err)
	}
	return io.NopCloser(bytes.NewReader(plain)), nil
}

// Delete implements [Store]. Once it has deleted the key, an error of the inner store
// leaves bytes that nobody can read; call it again to remove them.
func (s *Sealed) Delete(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := s.Keys.Delete(ctx, key); err != nil {
		return err
	}
	return s.Store.Delete(ctx, key)
}

// List implements [Store].
func (s *Sealed) List(ctx context.Context, fn func(key string) error) error {
	return s.Store.List(ctx, fn)
}
