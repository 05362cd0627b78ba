package made

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"image"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// Write writes a set of n originals of the given size and all edited copies of each, as the benchmark's generator does, to a
// folder that is new or empty.
func Write(dir string, seed uint64, n, w, h int) error {
	lines := [][]string{{"query", "transform", "class", "original"}}
	put := func(name string, b []byte) error {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		return os.WriteFile(path, b, 0o644)
	}
	for i := range uint64(n) {
		m := Photo(seed<<32+i, w, h)
		original := fmt.Sprintf("originals/%04d.jpg", i)
		if err := put(original, JPEG(m, 90)); err != nil {
			return err
		}
		for k, e := range Edits() {
			r := rand.New(rand.NewPCG(seed<<32+i, uint64(k)+1))
			other := func() *image.RGBA { return Photo(1<<63|r.Uint64(), 480, 360) }
			query := fmt.Sprintf("queries/%s/%04d.jpg", e.Name, i)
			if err := put(query, e.Apply(r, m, other)); err != nil {
				return err
			}
			lines = append(lines, []string{query, e.Name, e.Class, original})
		}
	}
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(lines); err != nil {
		return err
	}
	return put("truth.csv", b.Bytes())
}
