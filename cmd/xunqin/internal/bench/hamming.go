package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"xunqin/pipeline/photo"
	"xunqin/search"
	"xunqin/search/embedded"
)

// Hamming measures the search of all stored fingerprints near one. Size is how many there are.
func Hamming(ctx context.Context, size int) (_ []Result, err error) {
	if size == 0 {
		size = 1_000_000
	}
	dir, err := os.MkdirTemp("", "xunqin-bench-")
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	x, err := embedded.Open(ctx, filepath.Join(dir, "index.db"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	r := rand.New(rand.NewPCG(1, 2))
	random := func() search.Fingerprint {
		return search.Fingerprint{Algo: photo.Perception, Bits: binary.BigEndian.AppendUint64(nil, r.Uint64())}
	}
	const each, batch = 100, 100 // photos of a document, documents at once
	for left := size; left > 0; {
		var docs []search.Doc
		for range batch {
			d := search.Doc{ID: fmt.Sprintf("%08d", left), Kind: search.KindPost, At: time.Unix(int64(left), 0)}
			for k := range min(each, left) {
				d.Photos = append(d.Photos, search.PhotoRef{ID: fmt.Sprint(left, "-", k), Prints: []search.Fingerprint{random()}})
				left--
			}
			if len(d.Photos) > 0 {
				docs = append(docs, d)
			}
		}
		if err := x.Put(ctx, docs...); err != nil {
			return nil, err
		}
	}
	plain := make([]uint64, size)
	for i := range plain {
		plain[i] = r.Uint64()
	}
	var ours, loop times
	sink := 0
	for range 50 {
		q := random()
		start := time.Now()
		sink += popcount(plain, binary.BigEndian.Uint64(q.Bits))
		loop = append(loop, time.Since(start))
		start = time.Now()
		hits, err := x.Similar(ctx, q, photo.PerceptionRadius)
		if err != nil {
			return nil, err
		}
		ours = append(ours, time.Since(start))
		sink += len(hits)
	}
	if sink == 0 {
		return nil, errors.New("bench: nothing was counted")
	}
	return []Result{{
		Bench: "hamming", What: fmt.Sprintf("all of %d 64-bit fingerprints within %d bits of one", size, photo.PerceptionRadius),
		Figures:  []Figure{{"search p50", ours.percentile(0.5), "ms"}, {"search p99", ours.percentile(0.99), "ms"}},
		Baseline: "a plain popcount loop over as many words", Base: Figure{"loop p50", loop.percentile(0.5), "ms"},
		Ratio: ours.percentile(0.5) / loop.percentile(0.5), Goal: "ratio at most 1.5 at a million",
	}}, nil
}

// popcount is the least that any exact search does.
//
//go:noinline
func popcount(words []uint64, q uint64) (n int) {
	for _, w := range words {
		n += bits.OnesCount64(w ^ q)
	}
	return n
}
