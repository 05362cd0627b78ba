package exam

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"net/http"
	"os"

	"github.com/corona10/goimagehash"
	"golang.org/x/image/webp"
)

// Hashes are goimagehash's 64-bit perceptual hashes of files, made as its README shows: the file decoded in full, and the hash of
// that. They are for comparing it with the matcher.
type Hashes struct {
	Hashes []string `json:"hashes"` // in hexadecimal, in the order of the files; empty for what cannot be decoded
	Milli  float64  `json:"ms"`     // processor time a file, of decoding and hashing
}

// HashesOf hashes files. A file that cannot be opened is an error, one that is no picture is not.
func HashesOf(ctx context.Context, files []string) (h Hashes, err error) {
	h.Hashes = make([]string, len(files))
	for i, file := range files {
		if err := ctx.Err(); err != nil {
			return h, err
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return h, err
		}
		var clock stopwatch
		clock.lap()
		m, err := decoded(b)
		if err != nil || m.Bounds().Empty() { // an empty picture would end the process
			continue
		}
		hash, err := goimagehash.PerceptionHash(m)
		if err != nil {
			return h, fmt.Errorf("%s: %w", file, err)
		}
		h.Hashes[i] = hex.EncodeToString(binary.BigEndian.AppendUint64(nil, hash.GetHash()))
		h.Milli += clock.lap() / float64(len(files))
	}
	return h, nil
}

func decoded(b []byte) (image.Image, error) {
	r := bytes.NewReader(b)
	switch http.DetectContentType(b) {
	case "image/png":
		return png.Decode(r)
	case "image/webp":
		return webp.Decode(r)
	}
	return jpeg.Decode(r)
}
