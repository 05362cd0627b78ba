package embedded

import (
	"bufio"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"iter"
	"maps"
	"math"
	"os"
	"slices"
	"strings"

	"xunqin/search/hamming"
)

// A snapshot is a file of all fingerprints in memory as they were after some change of the index, because reading ten million
// of them from the table prints takes longer than anyone wants to wait for a start. The index lists the newest, its checksum
// and its change; later changes are then read from the table. Where the file is missing, or is not what was written, or does
// not lead to as many fingerprints as there are, the table alone is read. It holds, numbers being little-endian:
//
//	header   "xunqprt1", classes as uint32
//	classes  algo and kind, each behind its length as uint32; bytes of a fingerprint as uint32; fingerprints as uint64
//	prints   of one class after the other, by document: its row as int64, then the words of hamming.AppendWords
const (
	snapshotMagic  = "xunqprt1"
	snapshotSuffix = ".prints"
)

// snapshotLeast is how many fingerprints must have changed since a snapshot for it to be worth another. Beyond it a
// sixteenth of all must, which is read from the table in a second where there are ten million.
const snapshotLeast = 1 << 16

// snapshotDue reports whether so much has changed since the snapshot that the next start would notice. The caller holds the lock.
func (x *Index) snapshotDue() bool {
	return x.gen >= 0 && x.since >= max(x.snapshotAt, x.mem.len()/16)
}

// snapshot writes a snapshot of what is in memory, and lists it.
func (x *Index) snapshot(ctx context.Context) error {
	x.mu.RLock()
	gen, since := x.gen, x.since
	frozen := make(map[class]prints, len(x.mem))
	for c, s := range x.mem {
		n, all := s.Sorted()
		frozen[c] = prints{n, all}
	}
	x.mu.RUnlock()
	if gen < 0 {
		return errors.New("memory is behind the file")
	}
	file := strings.ToLower(rand.Text())
	path := x.beside(file, snapshotSuffix)
	sum, err := createSnapshot(ctx, path, frozen)
	if err != nil {
		return err
	}
	old, err := x.listSnapshot(ctx, file, gen, sum)
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	x.forget(snapshotSuffix, old)
	x.mu.Lock()
	x.since -= since
	x.mu.Unlock()
	return nil
}

// listSnapshot makes a file the snapshot, and says which were it before.
func (x *Index) listSnapshot(ctx context.Context, file string, gen int64, sum uint32) (old []string, err error) {
	tx, err := x.write.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() // nothing to undo after Commit
	// Another process that has just opened the index has tidied away what was not listed yet.
	if _, err := os.Stat(x.beside(file, snapshotSuffix)); err != nil {
		return nil, err
	}
	var kept int64
	if err := tx.QueryRowContext(ctx, `SELECT kept FROM meta`).Scan(&kept); err != nil {
		return nil, err
	}
	if kept > gen {
		return nil, errors.New("too much has changed while it was written")
	}
	if old, err = files(tx.QueryContext(ctx, `DELETE FROM snapshots RETURNING file`)); err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO snapshots (file, gen, sum) VALUES ($1, $2, $3)`, file, gen, sum); err != nil {
		return nil, err
	}
	return old, tx.Commit()
}

// purgeSnapshot writes the snapshot anew if anything in it has been deleted since. If that cannot be done there is none.
func (x *Index) purgeSnapshot(ctx context.Context) error {
	stale, err := x.snapshotStale(ctx)
	if err != nil || !stale {
		return err
	}
	_ = x.snapshot(ctx) // what counts is what is listed now
	if stale, err = x.snapshotStale(ctx); err != nil || !stale {
		return err
	}
	old, err := files(x.write.QueryContext(ctx, `DELETE FROM snapshots RETURNING file`))
	if err != nil {
		return err
	}
	x.forget(snapshotSuffix, old)
	return nil
}

// snapshotStale reports whether there is something in the snapshot that has been deleted since.
func (x *Index) snapshotStale(ctx context.Context) (stale bool, err error) {
	err = x.write.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM snapshots JOIN changes ON changes.gen > snapshots.gen WHERE NOT fresh)`).Scan(&stale)
	return stale, err
}

func files(rows *sql.Rows, err error) (list []string, _ error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var f string
		if err := rows.Scan(&f); err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, rows.Err()
}

// prints are fingerprints of one class.
type prints struct {
	n   int
	all iter.Seq2[int64, []uint64]
}

// createSnapshot writes the file, for good, and returns its checksum.
func createSnapshot(ctx context.Context, path string, of map[class]prints) (sum uint32, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	hash := crc32.New(castagnoli)
	err = writeSnapshot(ctx, io.MultiWriter(f, hash), of)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, errors.Join(err, os.Remove(path))
	}
	return hash.Sum32(), nil
}

func writeSnapshot(ctx context.Context, w io.Writer, of map[class]prints) error {
	classes := slices.SortedFunc(maps.Keys(of), class.compare)
	out := bufio.NewWriterSize(w, 1<<20)
	head := binary.LittleEndian.AppendUint32([]byte(snapshotMagic), uint32(len(classes)))
	for _, c := range classes {
		for _, s := range []string{c.algo, c.kind} {
			head = binary.LittleEndian.AppendUint32(head, uint32(len(s)))
			head = append(head, s...)
		}
		head = binary.LittleEndian.AppendUint32(head, uint32(c.size))
		head = binary.LittleEndian.AppendUint64(head, uint64(of[c].n))
	}
	if _, err := out.Write(head); err != nil {
		return err
	}
	var b []byte
	for _, c := range classes {
		written := 0
		for doc, code := range of[c].all {
			b = binary.LittleEndian.AppendUint64(b[:0], uint64(doc))
			for _, word := range code {
				b = binary.LittleEndian.AppendUint64(b, word)
			}
			if _, err := out.Write(b); err != nil {
				return err
			}
			if written++; written%(1<<16) == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	return out.Flush()
}

// readSnapshot reads the file into memory.
func readSnapshot(path string, sum uint32) (memory, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	r := snapshotReader{in: bufio.NewReaderSize(f, 1<<20), left: info.Size(), hash: crc32.New(castagnoli)}
	sets := r.sets()
	if r.err == nil && r.left > 0 {
		r.err = errors.New("bytes behind the last fingerprint")
	}
	if r.err == nil && r.hash.Sum32() != sum {
		r.err = errors.New("not what was written")
	}
	if r.err != nil {
		return nil, fmt.Errorf("snapshot %s: %w", path, r.err)
	}
	mem := make(memory, len(sets))
	for c, p := range sets {
		delete(sets, c) // the next one needs memory
		mem[c] = hamming.Of(c.size, p.docs, p.words)
	}
	return mem, nil
}

// A snapshotReader reads until its first error. Nothing it has read may be used before the checksum was compared, and it asks for no
// more memory than the file has bytes.
type snapshotReader struct {
	in   *bufio.Reader
	left int64 // bytes of the file
	hash hash.Hash32
	err  error
}

// next is the next n bytes, valid until the call after it; nil after an error. n is at most the size of the buffer.
func (r *snapshotReader) next(n int64) []byte {
	if r.err == nil && n > min(r.left, int64(r.in.Size())) {
		r.err = io.ErrUnexpectedEOF
	}
	if r.err != nil {
		return nil
	}
	b, err := r.in.Peek(int(n))
	if err != nil {
		r.err = err
		return nil
	}
	r.hash.Write(b)
	r.left -= n
	_, r.err = r.in.Discard(int(n)) // b stays until the next Peek
	return b
}

func (r *snapshotReader) uint32() uint32 {
	if b := r.next(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// A loaded is the fingerprints of a class by their documents.
type loaded struct {
	docs  []int64
	words []uint64
}

func (r *snapshotReader) sets() map[class]loaded {
	if magic := r.next(int64(len(snapshotMagic))); r.err == nil && string(magic) != snapshotMagic {
		r.err = errors.New("no snapshot")
	}
	type counted struct {
		class
		n int64
	}
	var classes []counted
	for range r.uint32() {
		algo := string(r.next(int64(r.uint32())))
		kind := string(r.next(int64(r.uint32())))
		size := r.uint32()
		n := r.next(8)
		if r.err != nil {
			return nil
		}
		c := counted{class{algo: algo, kind: kind, size: int(size)}, int64(binary.LittleEndian.Uint64(n))}
		if size != 8 && size != 32 || c.n < 0 || c.n > math.MaxInt64/64 {
			r.err = errors.New("no class of fingerprints")
			return nil
		}
		classes = append(classes, c)
	}
	sets := make(map[class]loaded, len(classes))
	for _, c := range classes {
		words := int64(c.size / 8)
		each := 8 + 8*words
		if c.n*each > r.left {
			r.err = io.ErrUnexpectedEOF
			return nil
		}
		p := loaded{docs: make([]int64, 0, c.n), words: make([]uint64, 0, c.n*words)}
		const atOnce = 1 << 14
		for left := c.n; left > 0; {
			n := min(left, atOnce)
			b := r.next(n * each)
			if r.err != nil {
				return nil
			}
			for left -= n; len(b) > 0; {
				p.docs = append(p.docs, int64(binary.LittleEndian.Uint64(b)))
				b = b[8:]
				for range words {
					p.words = append(p.words, binary.LittleEndian.Uint64(b))
					b = b[8:]
				}
			}
		}
		sets[c.class] = p
	}
	return sets
}

// fromSnapshot reads the snapshot of the state that tx sees, and which change it was made after; a nil memory if there is
// none that can be used.
func (x *Index) fromSnapshot(ctx context.Context, tx *sql.Tx) (mem memory, gen int64, err error) {
	var file string
	var sum uint32
	err = tx.QueryRowContext(ctx, `SELECT file, gen, sum FROM snapshots`).Scan(&file, &gen, &sum)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	if mem, err = readSnapshot(x.beside(file, snapshotSuffix), sum); err != nil {
		return nil, 0, nil // all of it is in the table too
	}
	return mem, gen, nil
}
