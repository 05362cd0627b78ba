package embedded

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"xunqin/search"
	"xunqin/search/hamming"
)

// Similar looks among the fingerprints in memory, then reads the documents within
// the radius from the file, in one state of both.
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
	defer x.settle()
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
	var gen, kept, prints int64
	if err := tx.QueryRowContext(ctx, `SELECT gen, kept, prints FROM meta`).Scan(&gen, &kept, &prints); err != nil {
		return err
	}
	switch {
	case gen == x.gen:
		return nil
	case x.gen < 0 || kept > x.gen:
		if err := x.loadPrints(ctx, tx, prints); err != nil {
			return err
		}
		if err := x.votes.follow(ctx, tx, -1, x.segment); err != nil {
			return err
		}
	default:
		from := x.gen
		x.gen = -1 // until it is done
		if err := x.votes.follow(ctx, tx, from, x.segment); err != nil {
			return err
		}
		changed, err := x.mem.follow(ctx, tx, from)
		if err != nil {
			return err
		}
		x.since += changed
	}
	x.gen = gen
	return nil
}

// loadPrints reads all fingerprints: from the snapshot and what has changed since, if that leads to so many, or from the table.
func (x *Index) loadPrints(ctx context.Context, tx *sql.Tx, n int64) error {
	mem, gen, err := x.fromSnapshot(ctx, tx)
	if err != nil {
		return err
	}
	if mem != nil {
		if x.since, err = mem.follow(ctx, tx, gen); err != nil {
			return err
		}
		if int64(mem.len()) == n {
			x.mem = mem
			return nil
		}
	}
	x.mem = make(memory)
	err = x.mem.load(ctx, tx)
	x.since = x.mem.len()
	return err
}

// memory holds the fingerprints that can be compared with each other together, by the rows of their documents.
type memory map[class]*hamming.Set

type class struct {
	algo, kind string
	size       int // bytes
}

func (c class) compare(other class) int {
	return cmp.Or(strings.Compare(c.algo, other.algo), strings.Compare(c.kind, other.kind), cmp.Compare(c.size, other.size))
}

func (m memory) len() (n int) {
	for _, s := range m {
		n += s.Len()
	}
	return n
}

// read calls add with each fingerprint.
func (m memory) read(ctx context.Context, tx *sql.Tx, add func(c class, doc int64, bits []byte), where string, args ...any) error {
	rows, err := tx.QueryContext(ctx, `SELECT doc, kind, algo, bits FROM prints WHERE `+where, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var doc int64
	var kind, algo, b sql.RawBytes
	var c class
	for rows.Next() {
		if err := rows.Scan(&doc, &kind, &algo, &b); err != nil {
			return err
		}
		if string(kind) != c.kind || string(algo) != c.algo || len(b) != c.size { // mostly they are those of the row before
			c = class{algo: string(algo), kind: string(kind), size: len(b)}
		}
		add(c, doc, b)
	}
	return rows.Err()
}

// load reads all fingerprints, which the file has in the order of documents.
func (m memory) load(ctx context.Context, tx *sql.Tx) error {
	all := make(map[class]*loaded)
	var c class
	var p *loaded
	err := m.read(ctx, tx, func(of class, doc int64, bits []byte) {
		if p == nil || of != c {
			c = of
			if p = all[c]; p == nil {
				p = new(loaded)
				all[c] = p
			}
		}
		p.docs = append(p.docs, doc)
		p.words = hamming.AppendWords(p.words, bits)
	}, `true`)
	if err != nil {
		return err
	}
	for c, p := range all {
		delete(all, c) // the next one needs memory
		// What slices grow by is up to a quarter of them.
		m[c] = hamming.Of(c.size, append(make([]int64, 0, len(p.docs)), p.docs...), append(make([]uint64, 0, len(p.words)), p.words...))
	}
	return nil
}

// follow brings memory from change gen to the state that tx sees, and returns how many fingerprints came and went.
func (m memory) follow(ctx context.Context, tx *sql.Tx, gen int64) (changed int, err error) {
	var gone []int64
	if err := eachRow(ctx, tx, func(doc int64) { gone = append(gone, doc) }, `SELECT DISTINCT doc FROM changes WHERE gen > $1 AND NOT fresh`, gen); err != nil {
		return 0, err
	}
	before := m.len()
	if len(gone) > 0 {
		for _, s := range m {
			s.Delete(gone...)
		}
	}
	changed = before - m.len()
	err = m.read(ctx, tx, func(c class, doc int64, bits []byte) {
		if m[c] == nil {
			m[c] = hamming.New(c.size)
		}
		m[c].Add(doc, bits)
		changed++
	}, `doc IN (SELECT doc FROM changes WHERE gen > $1)`, gen)
	return changed, err
}

// near gives the documents with a fingerprint within the radius, each once.
func (m memory) near(f search.Fingerprint, radius int, kinds []string) []int64 {
	var docs []int64
	for c, s := range m {
		if c.algo == f.Algo && c.size == len(f.Bits) && (len(kinds) == 0 || slices.Contains(kinds, c.kind)) {
			docs = s.Near(docs, f.Bits, radius)
		}
	}
	return distinct(docs)
}

// settle makes searches and the next start fast again after many changes, meanwhile and not at once. One at a time is enough: what
// came while it was busy, the one after the next change finds. The caller holds the lock.
func (x *Index) settle() {
	if x.settling {
		return
	}
	x.settling = true
	sets := slices.Collect(maps.Values(x.mem))
	due := x.snapshotDue()
	x.work.Go(func() {
		for _, s := range sets {
			s.Settle()
		}
		if due {
			_ = x.snapshot(context.Background()) // the next change tries again, and all of it is in the table
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		x.settling = false
	})
}
