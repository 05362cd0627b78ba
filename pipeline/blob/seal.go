package blob

import (
	"crypto/rand"

	"golang.org/x/crypto/chacha20poly1305"
)

const (
	sealVersion  = 1
	sealOverhead = 1 + chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead
)

// seal returns a version byte, a random nonce and plain encrypted under a 256-bit key.
// What is sealed opens only with the same format and name: the one keeps kinds of sealed
// bytes apart, the other things of one kind.
func seal(key, plain []byte, format, name string) []byte {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		panic(err) // the key is not 32 bytes long
	}
	out := make([]byte, 1+aead.NonceSize(), len(plain)+sealOverhead)
	out[0] = sealVersion
	nonce := out[1:]
	rand.Read(nonce)
	return aead.Seal(out, nonce, plain, []byte(format+"\x00"+name))
}

// unseal undoes seal. Its only error is [ErrCorrupt].
func unseal(key, sealed []byte, format, name string) ([]byte, error) {
	if len(sealed) < sealOverhead || sealed[0] != sealVersion {
		return nil, ErrCorrupt
	}
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		panic(err)
	}
	nonce, box := sealed[1:1+aead.NonceSize()], sealed[1+aead.NonceSize():]
	plain, err := aead.Open(nil, nonce, box, []byte(format+"\x00"+name))
	if err != nil {
		return nil, ErrCorrupt
	}
	return plain, nil
}
