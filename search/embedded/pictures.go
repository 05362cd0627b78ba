package embedded

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"xunqin/search"
)

// A numbering counts the pictures of a class.
type numbering struct{ id, next, unsealed int64 }

func (n *numbering) slot(number int64) int64 { return n.id<<numberBits + number }

// class reads, or makes, the numbering of a class.
func (c *change) class(ctx context.Context, key ballotKey) (*numbering, error) {
	if n := c.classes[key]; n != nil {
		return n, nil
	}
	n := new(numbering)
	if err := c.tx.StmtContext(ctx, c.stmt.class).QueryRowContext(ctx, key.algo, key.kind).Scan(&n.id, &n.next, &n.unsealed); err != nil {
		return nil, err
	}
	c.classes[key] = n
	return n, nil
}

// pictures makes the pictures of d, whose row is given, of those of the document before, and returns how many there are. Where
// the points are the same nothing moves: documents are put again more often than their photos change.
func (c *change) pictures(ctx context.Context, old *stored, row int64, d search.Doc) (n int64, err error) {
	var had []known
	if old != nil && old.features > 0 {
		if had, err = c.known(ctx, old.row); err != nil {
			return 0, err
		}
	}
	for _, p := range d.Photos {
		for _, f := range p.Features {
			if len(f.Points) == 0 {
				continue
			}
			n++
			class, err := c.class(ctx, ballotKey{f.Algo, d.Kind})
			if err != nil {
				return 0, err
			}
			points := storePoints(f)
			sum := sha256.Sum256(points)
			i := slices.IndexFunc(had, func(k known) bool {
				return k.slot>>numberBits == class.id && k.photo == p.ID && bytes.Equal(k.sum, sum[:16])
			})
			if i >= 0 {
				if row != old.row {
					err = c.exec(ctx, c.stmt.movePicture, had[i].slot, row)
				}
				had = slices.Delete(had, i, i+1)
			} else {
				err = c.addPicture(ctx, class, known{photo: p.ID, sum: sum[:16]}, row, points)
			}
			if err != nil {
				return 0, err
			}
		}
	}
	for _, k := range had {
		if err := c.dropPicture(ctx, k.slot); err != nil {
			return 0, err
		}
	}
	c.features += n
	if old != nil {
		c.features -= old.features
	}
	return n, nil
}

// A known picture is a row of pictures.
type known struct {
	slot  int64
	photo string
	sum   []byte
}

func (c *change) known(ctx context.Context, row int64) (had []known, err error) {
	rows, err := c.tx.StmtContext(ctx, c.stmt.picturesOf).QueryContext(ctx, row)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var k known
		if err := rows.Scan(&k.slot, &k.photo, &k.sum); err != nil {
			return nil, err
		}
		had = append(had, k)
	}
	return had, rows.Err()
}

func (c *change) addPicture(ctx context.Context, class *numbering, k known, row int64, points []byte) error {
	slot := class.slot(class.next)
	class.next++
	class.unsealed++
	if err := c.exec(ctx, c.stmt.addPicture, slot, row, k.photo, k.sum); err != nil {
		return err
	}
	return c.exec(ctx, c.stmt.addPoints, slot, points)
}

func (c *change) dropPicture(ctx context.Context, slot int64) error {
	if err := c.exec(ctx, c.stmt.dropPicture, slot); err != nil {
		return err
	}
	r, err := c.tx.StmtContext(ctx, c.stmt.dropPoints).ExecContext(ctx, slot)
	if err != nil {
		return err
	}
	unsealed, err := r.RowsAffected()
	if err != nil {
		return err
	}
	if err := c.exec(ctx, c.stmt.bury, slot, c.gen, 1-unsealed); err != nil {
		return err
	}
	for _, class := range c.classes {
		if class.id == slot>>numberBits {
			class.unsealed -= unsealed
			return nil
		}
	}
	_, err = c.tx.ExecContext(ctx, `UPDATE classes SET unsealed = unsealed - $2 WHERE id = $1`, slot>>numberBits, unsealed)
	return err
}

// seal writes the numberings back, after making segments of the pictures of classes that have enough of them.
func (c *change) seal(ctx context.Context, enough int64) error {
	for _, class := range c.classes {
		for class.unsealed >= enough {
			if err := c.sealClass(ctx, class, enough); err != nil {
				return fmt.Errorf("seal pictures: %w", err)
			}
		}
		if _, err := c.tx.ExecContext(ctx, `UPDATE classes SET next = $2, unsealed = $3 WHERE id = $1`, class.id, class.next, class.unsealed); err != nil {
			return err
		}
	}
	return nil
}

// sealClass makes a segment of the first unsealed pictures of a class and of the segments before it that span no more than what
// is behind them, so that there are few segments and a picture is written a handful of times.
func (c *change) sealClass(ctx context.Context, class *numbering, enough int64) (err error) {
	pictures, err := c.unsealed(ctx, class, enough)
	if err != nil {
		return err
	}
	fresh, err := makeSegment(pictures)
	if err != nil {
		return err
	}
	before, err := listed(ctx, c.tx, `class = $1`, class.id)
	if err != nil {
		return err
	}
	end := fresh.first + int64(fresh.n)
	first, fold := fresh.first, len(before)
	for fold > 0 && before[fold-1].n <= end-first && end-before[fold-1].first <= maxPictures {
		fold--
		first = before[fold].first
	}
	in, release, err := c.open(ctx, class.id, before[fold:])
	if err == nil {
		err = c.replace(ctx, class.id, append(in, fresh), first, end)
	}
	if err = errors.Join(err, release()); err != nil {
		return err
	}
	r, err := c.tx.ExecContext(ctx, `DELETE FROM unsealed WHERE slot BETWEEN $1 AND $2`, class.slot(fresh.first), class.slot(end-1))
	if err != nil {
		return err
	}
	n, err := r.RowsAffected()
	class.unsealed -= n
	return err
}

// unsealed reads the first so many unsealed pictures of a class that one segment can hold.
func (c *change) unsealed(ctx context.Context, class *numbering, enough int64) (pictures []picture, err error) {
	rows, err := c.tx.QueryContext(ctx, `SELECT slot, points FROM unsealed WHERE slot BETWEEN $1 AND $2 ORDER BY slot LIMIT $3`,
		class.slot(0), class.slot(1<<numberBits-1), enough)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var slot int64
		var p picture
		if err := rows.Scan(&slot, &p.points); err != nil {
			return nil, err
		}
		p.number = slot & (1<<numberBits - 1)
		if len(pictures) > 0 && p.number-pictures[0].number >= maxPictures {
			break
		}
		pictures = append(pictures, p)
	}
	return pictures, rows.Err()
}

// A listing is a row of segments.
type listing struct {
	id, class, first, n int64
	file                string
	sum                 uint32
}

func listed(ctx context.Context, tx *sql.Tx, where string, args ...any) (list []listing, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT id, class, first, n, file, sum FROM segments WHERE `+where+` ORDER BY class, first`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var l listing
		if err := rows.Scan(&l.id, &l.class, &l.first, &l.n, &l.file, &l.sum); err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	return list, rows.Err()
}

// open opens segments with their dead and crosses them off the list. release must be called.
func (c *change) open(ctx context.Context, class int64, list []listing) (in []*segment, release func() error, err error) {
	release = func() error {
		var errs []error
		for _, s := range in {
			if s.release != nil {
				errs = append(errs, s.release())
			}
		}
		return errors.Join(errs...)
	}
	for _, l := range list {
		s, err := openSegment(c.segment(l.file))
		if err != nil {
			return nil, release, lost(l.file, err)
		}
		in = append(in, s)
		s.first = l.first
		first := class<<numberBits + l.first
		if err := eachRow(ctx, c.tx, func(slot int64) { s.kill(slot - class<<numberBits) },
			`SELECT slot FROM dead WHERE slot BETWEEN $1 AND $2`, first, first+int64(s.n)-1); err != nil {
			return nil, release, err
		}
		if _, err := c.tx.ExecContext(ctx, `DELETE FROM segments WHERE id = $1`, l.id); err != nil {
			return nil, release, err
		}
		c.obsolete = append(c.obsolete, l.file)
	}
	return in, release, nil
}

// replace writes the segment that takes the place of others; none, if nothing in them lives.
func (c *change) replace(ctx context.Context, class int64, in []*segment, first, end int64) error {
	if _, err := c.tx.ExecContext(ctx, `DELETE FROM dead WHERE slot BETWEEN $1 AND $2`, class<<numberBits+first, class<<numberBits+end-1); err != nil {
		return err
	}
	c.touched = true // whoever follows must see the new list
	if !slices.ContainsFunc(in, func(s *segment) bool { return s.live() > 0 }) {
		return nil
	}
	file := strings.ToLower(rand.Text())
	_, sum, err := createSegment(c.segment(file), in, first, int(end-first))
	if err != nil {
		return err
	}
	c.made = append(c.made, file)
	_, err = c.tx.ExecContext(ctx, `INSERT INTO segments (class, first, n, file, sum) VALUES ($1, $2, $3, $4, $5)`, class, first, end-first, file, sum)
	return err
}

// undo deletes the files of a change that was not made.
func (c *change) undo() {
	for _, file := range c.made {
		_ = os.Remove(c.segment(file)) // or the next Open does
	}
}

const segmentSuffix = ".points"

// segment is the path of a segment's file.
func (x *Index) segment(file string) string { return x.beside(file, segmentSuffix) }

// beside is the path of a file that belongs to the index.
func (x *Index) beside(file, suffix string) string { return x.path + "-" + file + suffix }

// A missingSegment is a file that the list of segments names and the folder has not.
type missingSegment struct {
	file string
	err  error
}

func (m missingSegment) Error() string { return m.err.Error() }
func (m missingSegment) Unwrap() error { return m.err }

// lost makes a missingSegment of an error of opening one, if it is that.
func lost(file string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return missingSegment{file, err}
	}
	return err
}

// forget deletes files that the file of the index no longer lists. The log must be on disk before, or a power failure could
// bring the list back and not the files.
func (x *Index) forget(suffix string, files []string) {
	if len(files) == 0 {
		return
	}
	var busy, log, done int
	if err := x.write.QueryRow(`PRAGMA wal_checkpoint(PASSIVE)`).Scan(&busy, &log, &done); err != nil {
		return // the next Open deletes them
	}
	for _, f := range files {
		_ = os.Remove(x.beside(f, suffix)) // or the next Open does
	}
}

// tidy gives the files of a renamed index its name, and deletes those that no list names: what a process left behind that
// ended in the middle of a change.
func (x *Index) tidy(ctx context.Context) error {
	tx, err := x.write.BeginTx(ctx, nil) // nobody makes segments meanwhile
	if err != nil {
		return err
	}
	defer tx.Rollback() // it only reads
	segments, err := files(tx.QueryContext(ctx, `SELECT file FROM segments`))
	if err != nil {
		return err
	}
	snapshots, err := files(tx.QueryContext(ctx, `SELECT file FROM snapshots`))
	if err != nil {
		return err
	}
	return errors.Join(x.tidyFiles(segmentSuffix, segments), x.tidyFiles(snapshotSuffix, snapshots))
}

func (x *Index) tidyFiles(suffix string, list []string) error {
	dir, base := filepath.Split(x.path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), suffix)
		i := strings.LastIndexByte(name, '-')
		if !ok || i < 0 {
			continue
		}
		own := name[:i] == base
		known := slices.Contains(list, name[i+1:])
		switch {
		case own && !known:
			err = os.Remove(filepath.Join(dir, e.Name()))
		case !own && known:
			err = os.Rename(filepath.Join(dir, e.Name()), x.beside(name[i+1:], suffix))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// purgeSegments writes segments with dead pictures anew without them.
func (x *Index) purgeSegments(ctx context.Context) error {
	tx, err := x.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing to undo after Commit
	list, err := listed(ctx, tx, `EXISTS (SELECT 1 FROM dead WHERE slot BETWEEN (class << $1) + first AND (class << $1) + first + n - 1)`, numberBits)
	if err != nil || len(list) == 0 {
		return err
	}
	c := &change{tx: tx, segment: x.segment}
	defer c.undo()
	for _, l := range list {
		in, release, err := c.open(ctx, l.class, []listing{l})
		if err == nil {
			err = c.replace(ctx, l.class, in, l.first, l.first+l.n)
		}
		if err := errors.Join(err, release()); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, `UPDATE meta SET gen = gen + 1`); err != nil {
		return err
	}
	c.made = nil // as in apply
	if err := tx.Commit(); err != nil {
		return err
	}
	x.forget(segmentSuffix, c.obsolete)
	return nil
}

// checkSegments reads all segments.
func (x *Index) checkSegments(ctx context.Context) error {
	tx, err := x.write.BeginTx(ctx, nil) // nobody replaces segments meanwhile
	if err != nil {
		return err
	}
	defer tx.Rollback() // it only reads
	list, err := listed(ctx, tx, `true`)
	if err != nil {
		return err
	}
	for _, l := range list {
		s, err := openSegment(x.segment(l.file))
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		if err != nil {
			return err
		}
		sum := crc32.Checksum(s.data, castagnoli)
		if err := s.release(); err != nil {
			return err
		}
		if sum != l.sum || int64(s.n) != l.n {
			return fmt.Errorf("%w: segment %s is not what was written", ErrCorrupt, l.file)
		}
	}
	return nil
}
