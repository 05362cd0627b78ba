package embedded

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"xunqin/search"
)

// Put replaces documents by ID.
func (x *Index) Put(ctx context.Context, docs ...search.Doc) error {
	return x.Apply(ctx, 0, docs, nil)
}

// Delete forgets documents.
func (x *Index) Delete(ctx context.Context, ids ...string) error {
	return x.Apply(ctx, 0, nil, ids)
}

// Apply is one transaction. Its cost beyond the documents is a commit, so many
// documents are best put at once: a thousand or so, as writers wait for each other.
func (x *Index) Apply(ctx context.Context, seq int64, put []search.Doc, del []string) error {
	for _, d := range put {
		if err := d.Check(); err != nil {
			return fmt.Errorf("put into search index: %w", err)
		}
	}
	if err := x.apply(ctx, seq, put, del); err != nil {
		return fmt.Errorf("change search index: %w", damaged(err))
	}
	// It is committed: if memory cannot follow now, the next search makes it.
	x.mu.Lock()
	defer x.mu.Unlock()
	defer x.settle()
	_ = x.follow(context.WithoutCancel(ctx))
	return nil
}

func (x *Index) apply(ctx context.Context, seq int64, put []search.Doc, del []string) error {
	tx, err := x.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing to undo after Commit
	c := &change{tx: tx, stmt: x.stmt, segment: x.segment, classes: make(map[ballotKey]*numbering)}
	defer c.undo()
	var mark int64
	if err := tx.QueryRowContext(ctx, `SELECT seq, gen + 1 FROM meta`).Scan(&mark, &c.gen); err != nil {
		return err
	}
	if seq != 0 && seq < mark {
		return search.ErrBehind
	}
	for _, id := range del {
		old, err := c.remove(ctx, id)
		if err == nil {
			_, err = c.pictures(ctx, old, 0, search.Doc{})
		}
		if err != nil {
			return err
		}
	}
	for _, d := range put {
		if err := c.put(ctx, d); err != nil {
			return fmt.Errorf("put %s: %w", d.ID, err)
		}
	}
	if err := c.seal(ctx, x.sealAt); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE meta SET seq = max(seq, $1), gen = gen + $2, docs = docs + $3, photos = photos + $4, prints = prints + $5, features = features + $6`,
		seq, c.touched, c.docs, c.photos, c.prints, c.features); err != nil {
		return err
	}
	if c.touched {
		// A snapshot is followed further.
		for _, old := range []string{
			`UPDATE meta SET kept = max(kept, min($1, (SELECT coalesce(min(gen), $1) FROM snapshots)))`,
			`DELETE FROM changes WHERE $1 > 0 AND gen <= (SELECT kept FROM meta)`,
			`DELETE FROM dead WHERE sealed = 0 AND gen <= $1`,
		} {
			if _, err := tx.ExecContext(ctx, old, c.gen-changesKept); err != nil {
				return err
			}
		}
	}
	c.made = nil // a commit that fails may yet have happened; the next Open will know
	if err := tx.Commit(); err != nil {
		return err
	}
	x.forget(segmentSuffix, c.obsolete)
	return nil
}

// changesKept is how far memory may be behind before it reads everything again.
const changesKept = 1000

// statements are prepared once, on the writing connection.
type statements struct {
	old, insert, slot, unindex, index, drop, dropPrints, addPrint, changed               *sql.Stmt
	class, picturesOf, addPicture, addPoints, movePicture, dropPicture, dropPoints, bury *sql.Stmt
}

func prepare(ctx context.Context, db *sql.DB) (s statements, err error) {
	for _, p := range []struct {
		to   **sql.Stmt
		text string
	}{
		{&s.old, `SELECT row, at, kind, source, status, photos, prints, features, place, text, time0, time1, born0, born1, age0, age1, sex, spots FROM docs WHERE id = $1`},
		{&s.slot, `SELECT coalesce(max(row) + 1, $1) FROM docs WHERE row BETWEEN $1 AND $2`},
		{&s.insert, `INSERT INTO docs (row, id, at, kind, source, status, photos, prints, features, place, text, time0, time1, born0, born1, age0, age1, sex, spots)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`},
		{&s.drop, `DELETE FROM docs WHERE row = $1`},
		{&s.index, `INSERT INTO terms (rowid, words) VALUES ($1, $2)`},
		{&s.unindex, `INSERT INTO terms (terms, rowid, words) VALUES ('delete', $1, $2)`},
		{&s.addPrint, `INSERT INTO prints (doc, n, photo, kind, algo, bits, x0, y0, x1, y1) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`},
		{&s.dropPrints, `DELETE FROM prints WHERE doc = $1`},
		{&s.changed, `INSERT INTO changes (gen, doc, fresh) VALUES ($1, $2, $3) ON CONFLICT DO UPDATE SET fresh = min(fresh, excluded.fresh)`},
		{&s.class, `INSERT INTO classes (algo, kind) VALUES ($1, $2) ON CONFLICT DO UPDATE SET algo = algo RETURNING id, next, unsealed`},
		{&s.picturesOf, `SELECT slot, photo, sum FROM pictures WHERE doc = $1 ORDER BY slot`},
		{&s.addPicture, `INSERT INTO pictures (slot, doc, photo, sum) VALUES ($1, $2, $3, $4)`},
		{&s.addPoints, `INSERT INTO unsealed (slot, points) VALUES ($1, $2)`},
		{&s.movePicture, `UPDATE pictures SET doc = $2 WHERE slot = $1`},
		{&s.dropPicture, `DELETE FROM pictures WHERE slot = $1`},
		{&s.dropPoints, `DELETE FROM unsealed WHERE slot = $1`},
		{&s.bury, `INSERT INTO dead (slot, gen, sealed) VALUES ($1, $2, $3)`},
	} {
		if *p.to, err = db.PrepareContext(ctx, p.text); err != nil {
			return s, err
		}
	}
	return s, nil
}

// A change is a transaction under way, and what it has done to the counts.
type change struct {
	tx                             *sql.Tx
	stmt                           statements
	gen                            int64
	touched                        bool // prints or features
	docs, photos, prints, features int64

	segment        func(file string) string // its path
	classes        map[ballotKey]*numbering
	made, obsolete []string // files of segments
}

func (c *change) exec(ctx context.Context, s *sql.Stmt, args ...any) error {
	_, err := c.tx.StmtContext(ctx, s).ExecContext(ctx, args...)
	return err
}

// A stored document is a row of docs, or what was read of it.
type stored struct {
	row, at, photos, prints, features     int64
	id, kind, source, status, place, text string
	time, born, age                       search.Range
	sex, spots                            string
	subject                               *search.Subject // made where it is needed
}

// remove forgets a document but for its pictures, and returns what it was, nil if
// there was none.
func (c *change) remove(ctx context.Context, id string) (*stored, error) {
	var s stored
	err := c.tx.StmtContext(ctx, c.stmt.old).QueryRowContext(ctx, id).Scan(&s.row, &s.at, &s.kind, &s.source, &s.status, &s.photos, &s.prints, &s.features, &s.place, &s.text,
		&s.time.First, &s.time.Last, &s.born.First, &s.born.Last, &s.age.First, &s.age.Last, &s.sex, &s.spots)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := c.terms(ctx, c.stmt.unindex, s); err != nil {
		return nil, err
	}
	if err := c.exec(ctx, c.stmt.drop, s.row); err != nil {
		return nil, err
	}
	if s.prints > 0 {
		if err := c.exec(ctx, c.stmt.dropPrints, s.row); err != nil {
			return nil, err
		}
	}
	if s.prints+s.features > 0 {
		if err := c.exec(ctx, c.stmt.changed, c.gen, s.row, false); err != nil {
			return nil, err
		}
		c.touched = true
	}
	c.docs, c.photos, c.prints = c.docs-1, c.photos-s.photos, c.prints-s.prints
	return &s, nil
}

func (c *change) put(ctx context.Context, d search.Doc) error {
	old, err := c.remove(ctx, d.ID)
	if err != nil {
		return err
	}
	s := stored{at: d.At.UnixMilli(), photos: int64(len(d.Photos)), kind: d.Kind, source: d.Source, status: d.Status, place: d.Place, text: d.Text,
		time: d.Time(), born: d.Born(), age: d.Age(), sex: d.Facts.Sex, spots: spots(d.Facts.Places)}
	if old != nil && stepAt(old.row) == stepOf(s.at) {
		s.row = old.row
	} else if s.row, err = c.slot(ctx, stepOf(s.at)); err != nil {
		return err
	}
	for _, p := range d.Photos {
		for _, f := range p.Prints {
			if err := c.exec(ctx, c.stmt.addPrint, s.row, s.prints, p.ID, d.Kind, f.Algo, f.Bits,
				f.Part.Min.X, f.Part.Min.Y, f.Part.Max.X, f.Part.Max.Y); err != nil {
				return err
			}
			s.prints++
		}
	}
	if s.features, err = c.pictures(ctx, old, s.row, d); err != nil {
		return err
	}
	if s.prints+s.features > 0 {
		if err := c.exec(ctx, c.stmt.changed, c.gen, s.row, true); err != nil {
			return err
		}
		c.touched = true
	}
	if err := c.exec(ctx, c.stmt.insert, s.row, d.ID, s.at, s.kind, s.source, s.status, s.photos, s.prints, s.features, s.place, s.text,
		s.time.First, s.time.Last, s.born.First, s.born.Last, s.age.First, s.age.Last, s.sex, s.spots); err != nil {
		return err
	}
	c.docs, c.photos, c.prints = c.docs+1, c.photos+s.photos, c.prints+s.prints
	return c.terms(ctx, c.stmt.index, s)
}

// slot is a free row of a step.
func (c *change) slot(ctx context.Context, step int64) (row int64, err error) {
	s := span{step, step}
	for _, rows := range []func() (first, last int64){s.rows, s.attic} {
		first, last := rows()
		if err := c.tx.StmtContext(ctx, c.stmt.slot).QueryRowContext(ctx, first, last).Scan(&row); err != nil || row <= last {
			return row, err
		}
	}
	return 0, errors.New("more than a million documents of eight hours")
}

// terms adds the tokens of a document to the words, or takes them out.
func (c *change) terms(ctx context.Context, do *sql.Stmt, s stored) error {
	facts := []string{factAll, sourceFact(s.source), statusFact(s.status), kindFact(s.kind)}
	if s.photos > 0 {
		facts = append(facts, factPhoto)
	}
	facts = append(facts, spotFacts(s.spots)...)
	if s.sex != "" {
		facts = append(facts, sexFact(s.sex))
	}
	facts = append(facts, times().words(s.time)...)
	facts = append(facts, births().words(s.born)...)
	facts = append(facts, ages().words(s.age)...)
	var tokens []string
	for _, f := range facts {
		tokens = append(tokens, factWord(f))
	}
	words, singles := search.Tokens(s.text)
	for _, w := range slices.Concat(words, singles) {
		tokens = append(tokens, textWord(w))
	}
	_, place := search.Tokens(s.place)
	for _, w := range place {
		tokens = append(tokens, placeWord(w))
	}
	slices.Sort(tokens)
	return c.exec(ctx, do, s.row, spaced(slices.Compact(tokens)))
}

// Words of the text, of the place, and facts are told apart by their first character, which no word of a text has.
func textWord(w string) string  { return w }
func placeWord(w string) string { return "_" + w }
func factWord(f string) string  { return "." + f }

func spaced(tokens []string) string { return strings.Join(tokens, " ") }

// Facts. Names are written in hex: they hold spaces.
const (
	factAll   = "all"
	factNone  = "none" // no document has it
	factPhoto = "photo"
)

func sourceFact(s string) string { return "s" + hex.EncodeToString([]byte(search.Name(s))) }
func statusFact(s string) string { return "t" + hex.EncodeToString([]byte(search.Name(s))) }
func kindFact(s string) string   { return "k" + hex.EncodeToString([]byte(s)) }

func sexFact(s string) string     { return "sex" + s }
func spotFact(code string) string { return "p" + code }
func seatFact(code string) string { return "q" + code } // the finest that is known

// coarse are the beginnings of codes that have a fact of their own, for places of many divisions: with four digits they are
// prefectures, with two provinces.
var coarse = [...]int{4, 2}

func coarseFact(code string, digits int) string {
	return fmt.Sprint("o", digits, ".", code[:min(digits, len(code))])
}

// spots writes the paths of places, one after the other.
func spots(places []search.Spot) string {
	var paths []string
	for _, p := range places {
		paths = append(paths, strings.Join(p.Path, "/"))
	}
	slices.Sort(paths)
	return spaced(slices.Compact(paths))
}

func spotFacts(spots string) (facts []string) {
	for path := range strings.FieldsSeq(spots) {
		codes := strings.Split(path, "/")
		for _, code := range codes {
			facts = append(facts, spotFact(code))
			for _, digits := range coarse {
				facts = append(facts, coarseFact(code, digits))
			}
		}
		facts = append(facts, seatFact(codes[len(codes)-1]))
	}
	slices.Sort(facts)
	return slices.Compact(facts)
}

// distinct sorts ids and leaves each once.
func distinct(ids []int64) []int64 {
	slices.Sort(ids)
	return slices.Compact(ids)
}
