package embedded

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"xunqin/search"
)

// Similar scans the fingerprints of the method of f, then reads the documents
// within the radius from the file, in one state of both.
func (x *Index) Similar(ctx context.Context, f search.Fingerprint, radius int, kinds ...string) ([]search.Hit, error) {
	err := f.Check()
	if err == nil && radius < 0 {
		err = fmt.Errorf("radius %d", radius)
	}
	var hits []search.Hit
	if err == nil {
		err = x.current(ctx, func(tx *sql.Tx) error {
			hits, err = x.similar(ctx, tx, f, radius, kinds)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("find similar photos: %w", damaged(err))
	}
	return hits, nil
}

// current answers from memory and file in one state of both.
func (x *Index) current(ctx context.Context, answer func(tx *sql.Tx) error) error {
	x.mu.RLock()
	behind, err := x.attempt(ctx, answer)
	x.mu.RUnlock()
	if err != nil || !behind {
		return err
	}
	// Another process wrote. Nobody here moves memory while we hold the lock, and
	// should the other one write again, then after this search began.
	x.mu.Lock()
	defer x.mu.Unlock()
	for behind {
		if err := x.follow(ctx); err != nil {
			return err
		}
		if behind, err = x.attempt(ctx, answer); err != nil {
			return err
		}
	}
	return nil
}

// attempt answers, unless memory is behind the file. The caller holds the lock,
// and the transaction begins under it, so it cannot see less than memory does.
func (x *Index) attempt(ctx context.Context, answer func(tx *sql.Tx) error) (behind bool, err error) {
	tx, err := x.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return false, err
	}
	defer tx.Rollback() // it only reads
	var gen int64
	if err := tx.QueryRowContext(ctx, `SELECT gen FROM meta`).Scan(&gen); err != nil || gen != x.gen {
		return true, err
	}
	return false, answer(tx)
}

func (x *Index) similar(ctx context.Context, tx *sql.Tx, f search.Fingerprint, radius int, kinds []string) (hits []search.Hit, err error) {
	docs := x.mem.near(f, radius, kinds)
	if len(docs) == 0 {
		return nil, nil
	}
	read, err := tx.PrepareContext(ctx, `SELECT docs.id, docs.kind, prints.photo, prints.bits, x0, y0, x1, y1
		FROM prints JOIN docs ON docs.row = prints.doc WHERE prints.doc = $1 AND prints.algo = $2 ORDER BY prints.n`)
	if err != nil {
		return nil, err
	}
	defer read.Close()
	for _, doc := range docs {
		if hits, err = photos(ctx, read, doc, f, radius, hits); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(hits, search.Hit.Compare)
	return hits, nil
}

// photos adds the photos of a document within the radius to hits, each once.
func photos(ctx context.Context, read *sql.Stmt, doc int64, f search.Fingerprint, radius int, hits []search.Hit) ([]search.Hit, error) {
	rows, err := read.QueryContext(ctx, doc, f.Algo)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	best := make(map[string]int) // where the photo stands in hits
	for rows.Next() {
		h := search.Hit{Fingerprint: search.Fingerprint{Algo: f.Algo}}
		part := &h.Fingerprint.Part
		if err := rows.Scan(&h.Doc, &h.Kind, &h.Photo, &h.Fingerprint.Bits, &part.Min.X, &part.Min.Y, &part.Max.X, &part.Max.Y); err != nil {
			return nil, err
		}
		if h.Distance = search.Hamming(h.Fingerprint.Bits, f.Bits); h.Distance > radius || len(h.Fingerprint.Bits) != len(f.Bits) {
			continue
		}
		if i, ok := best[h.Photo]; !ok {
			best[h.Photo] = len(hits)
			hits = append(hits, h)
		} else if h.Distance < hits[i].Distance {
			hits[i] = h
		}
	}
	return hits, rows.Err()
}

// follow brings memory to the last change of the file. The caller holds the lock.
func (x *Index) follow(ctx context.Context) error {
	for {
		err := x.followOnce(ctx)
		if err == nil {
			return nil
		}
		x.gen = -1 // until it is done
		var gone missingSegment
		if !errors.As(err, &gone) {
			return err
		}
		// Another process may have replaced the segment since the file was read.
		var listed bool
		if err := x.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM segments WHERE file = $1)`, gone.file).Scan(&listed); err != nil {
			return err
		}
		if listed {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
	}
}

func (x *Index) followOnce(ctx context.Context) error {
	tx, err := x.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer tx.Rollback() // it only reads
	var gen, kept int64
	if err := tx.QueryRowContext(ctx, `SELECT gen, (SELECT coalesce(min(gen), 0) FROM changes) FROM meta`).Scan(&gen, &kept); err != nil {
		return err
	}
	switch {
	case gen == x.gen:
		return nil
	case x.gen < 0 || kept > x.gen+1:
		mem := make(memory)
		if err := mem.load(ctx, tx, `true`); err != nil {
			return err
		}
		x.mem = mem
		if err := x.votes.follow(ctx, tx, -1, x.segment); err != nil {
			return err
		}
	default:
		docs, gone, err := changed(ctx, tx, x.gen)
		if err != nil {
			return err
		}
		from := x.gen
		x.gen = -1 // until it is done
		if err := x.votes.follow(ctx, tx, from, x.segment); err != nil {
			return err
		}
		x.mem.drop(gone)
		for _, doc := range docs {
			if err := x.mem.load(ctx, tx, `doc = $1`, doc); err != nil {
				return err
			}
		}
	}
	x.gen = gen
	return nil
}

// changed gives the documents whose prints or features changed after gen, and those among
// them that may be in memory already.
func changed(ctx context.Context, tx *sql.Tx, gen int64) (docs []int64, gone map[int64]bool, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT doc, min(fresh) FROM changes WHERE gen > $1 GROUP BY doc`, gen)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	gone = make(map[int64]bool)
	for rows.Next() {
		var doc int64
		var fresh bool
		if err := rows.Scan(&doc, &fresh); err != nil {
			return nil, nil, err
		}
		docs = append(docs, doc)
		if !fresh {
			gone[doc] = true
		}
	}
	return docs, gone, rows.Err()
}

// memory holds the fingerprints that can be compared with each other together.
type memory map[class]*bucket

type class struct {
	algo, kind string
	size       int // bytes
}

type bucket struct {
	words []uint64 // one or four a fingerprint
	docs  []int64  // one a fingerprint: the row of its document
}

func (m memory) load(ctx context.Context, tx *sql.Tx, where string, args ...any) error {
	rows, err := tx.QueryContext(ctx, `SELECT doc, kind, algo, bits FROM prints WHERE `+where, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var doc int64
	var c class
	var b sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&doc, &c.kind, &c.algo, &b); err != nil {
			return err
		}
		c.size = len(b)
		if m[c] == nil {
			m[c] = new(bucket)
		}
		m[c].docs = append(m[c].docs, doc)
		m[c].words = appendWords(m[c].words, b)
	}
	return rows.Err()
}

func appendWords(words []uint64, b []byte) []uint64 {
	for ; len(b) >= 8; b = b[8:] {
		words = append(words, binary.BigEndian.Uint64(b))
	}
	return words
}

// drop forgets the fingerprints of documents, moving the last one into each gap.
func (m memory) drop(gone map[int64]bool) {
	if len(gone) == 0 {
		return
	}
	for c, b := range m {
		n := c.size / 8
		for i := 0; i < len(b.docs); {
			if !gone[b.docs[i]] {
				i++
				continue
			}
			last := len(b.docs) - 1
			b.docs[i] = b.docs[last]
			copy(b.words[i*n:i*n+n], b.words[last*n:])
			b.docs, b.words = b.docs[:last], b.words[:last*n]
		}
	}
}

// near gives the documents with a fingerprint within the radius, each once.
func (m memory) near(f search.Fingerprint, radius int, kinds []string) []int64 {
	var docs []int64
	q := appendWords(nil, f.Bits)
	for c, b := range m {
		if c.algo == f.Algo && c.size == len(f.Bits) && (len(kinds) == 0 || slices.Contains(kinds, c.kind)) {
			docs = b.scan(docs, q, radius)
		}
	}
	return distinct(docs)
}

// scan adds the documents within the radius to docs.
func (b *bucket) scan(docs []int64, q []uint64, radius int) []int64 {
	first := func(words []uint64) int { return first64(words, q[0], radius) }
	if len(q) == 4 {
		first = func(words []uint64) int { return first256(words, [4]uint64(q), radius) }
	}
	for i := 0; ; i++ {
		if i += first(b.words[i*len(q):]); i >= len(b.docs) {
			return docs
		}
		docs = append(docs, b.docs[i])
	}
}

// first64 is the index of the first fingerprint within the radius, or their
// number. In loops as small as this one and the next everything stays in registers.
func first64(words []uint64, q uint64, radius int) int {
	for i, w := range words {
		if bits.OnesCount64(w^q) <= radius {
			return i
		}
	}
	return len(words)
}

func first256(words []uint64, q [4]uint64, radius int) int {
	i := 0
	for q0, q1, q2, q3 := q[0], q[1], q[2], q[3]; len(words) >= 4; words = words[4:] {
		if bits.OnesCount64(words[0]^q0)+bits.OnesCount64(words[1]^q1)+bits.OnesCount64(words[2]^q2)+bits.OnesCount64(words[3]^q3) <= radius {
			return i
		}
		i++
	}
	return i
}
