// Package blob keeps bytes under random names: the derivatives of photos and what
// else is too large for a row. It knows nothing of what the bytes mean; the record
// holds the names.
//
// [Files] keeps each blob as one file. [Sealed] wraps any store so that each blob is
// encrypted under a key of its own, and [Keys] holds those keys in a folder apart from
// data and backups: a copy of the data without that folder shows nothing, and deleting
// a blob's key makes every copy of the blob unreadable, old backups included.
//
//	keys, err := blob.OpenKeys(keyDir)
//	files, err := blob.OpenFiles(dataDir)
//	pictures := &blob.Sealed{Store: files, Keys: keys}
//
// Write the blob first and the row that names it after: a crash between the two leaves
// a blob without a row, which can be found and deleted, never a row without its blob.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Store keeps blobs by key. All methods may be called at once from many goroutines;
// Put and Delete of one key at the same time may end in either order. The suite that
// each implementation passes is in package blobtest.
type Store interface {
	// Put stores what r gives under key, in place of what was there. The blob is
	// durable and whole when Put returns nil; after an error or a crash the key holds
	// what it held before, or the new blob whole, never a part. Put does not close r.
	Put(ctx context.Context, key string, r io.Reader) error
	// Open returns the blob from its start, or an error that wraps [ErrNotFound]. The
	// caller closes it. It reads one version to the end, even if Put replaces it.
	Open(ctx context.Context, key string) (io.ReadCloser, error)
	// Delete removes the blob durably. An unknown key is no error.
	Delete(ctx context.Context, key string) error
	// List calls fn with every key, in no order, and stops at fn's first error, which
	// it returns. Blobs put or deleted meanwhile may or may not be among them; fn may
	// delete.
	List(ctx context.Context, fn func(key string) error) error
}

var (
	// ErrNotFound says that no blob has the key.
	ErrNotFound = errors.New("no such blob")
	// ErrKey says that a key is not one: 16 to 64 characters a-z and 0-9. At least 16,
	// since keys are random and must not meet or be guessed.
	ErrKey = errors.New("not a blob key")
	// ErrCorrupt says that sealed bytes are not what was sealed: altered, cut,
	// swapped with another blob's, or sealed under another key.
	ErrCorrupt = errors.New("sealed bytes do not open")
	// ErrTooLarge says that a blob is larger than [MaxSealed].
	ErrTooLarge = errors.New("blob too large to seal")
)

func checkKey(key string) error {
	ok := len(key) >= 16 && len(key) <= 64
	for i := 0; ok && i < len(key); i++ {
		c := key[i]
		ok = 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
	}
	if !ok {
		return fmt.Errorf("%w: %.80q", ErrKey, key)
	}
	return nil
}

// contextReader ends a copy soon after its context does.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
