// Package embedded is the search index of one machine: one SQLite file for the
// words, with the fingerprints in memory as well.
//
// The words are an FTS5 table over search.Tokens, cut at white space and folded no
// further, so that the file and search.Match cannot disagree about a character. It
// knows which words a document has and not where they stand, which takes a third of
// the room: what it finds of a longer text is read and compared. Facts of a document
// are words too, so that one expression answers a whole query. Its
// row numbers are made of the documents' times: read backwards they give the newest
// first, however late an old post arrives, and a page costs what it holds.
//
// Fingerprints are found by their bands, or read through where that is cheaper:
// exactly either way, see package hamming. Memory follows the file by the number of
// its last change, looked at before each search, so several processes may open one file.
// What is in memory is written from time to time to a file beside the index, which a
// start reads faster than the table it was made of.
//
// Local features are kept by word in segments, files beside the index that are mapped
// and never changed; those that came last are in the file itself until they are worth
// a segment. The file lists the segments, so a change of both is one transaction.
//
// What is deleted is overwritten, all but scraps: Purge is for those.
package embedded

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"sync"
	"time"

	"modernc.org/sqlite"

	"xunqin/search"
)

// What can be wrong with a file. Of these, ErrOutdated and ErrCorrupt are cured by
// building a new file from the record; any method may find ErrCorrupt.
var (
	ErrNewer    = errors.New("search index was written by a newer version of the program")
	ErrOutdated = errors.New("search index was written under other rules for words")
	ErrCorrupt  = errors.New("search index is damaged")
	ErrForeign  = errors.New("file is not a search index")
)

const (
	application = 0x78756e71 // "xunq", in the header of the file
	version     = 6
)

// An Index is a search.Index in a file.
type Index struct {
	path  string
	write *sql.DB // one connection
	read  *sql.DB

	mu    sync.RWMutex
	gen   int64 // the change of the file that mem and votes have followed; -1: none
	mem   memory
	votes votes
	stmt  statements

	sealAt     int64 // how many pictures are worth a segment
	snapshotAt int   // how many changes of fingerprints are worth a snapshot
	since      int   // changes of fingerprints since the snapshot

	settling bool
	work     sync.WaitGroup // of settle
}

var _ search.Index = (*Index)(nil)

// Open opens the index in the file at path, and makes one where there is none. The
// fingerprints are read into memory: about 65 bytes for one of 64 bits, 115 for one of 256.
// The segments lie beside it, named after it; the index may be renamed within its folder.
func Open(ctx context.Context, path string) (*Index, error) {
	return openAt(ctx, path, 4096, snapshotLeast)
}

func openAt(ctx context.Context, path string, sealAt int64, snapshotAt int) (*Index, error) {
	x := &Index{gen: -1, votes: make(votes), sealAt: sealAt, snapshotAt: snapshotAt}
	if err := x.open(ctx, path); err != nil {
		return nil, fmt.Errorf("open search index %s: %w", path, errors.Join(damaged(err), x.Close()))
	}
	return x, nil
}

func (x *Index) open(ctx context.Context, path string) (err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return err
	}
	x.path = path
	file := "file:" + (&url.URL{Path: path}).EscapedPath() + "?_pragma=busy_timeout(10000)&_pragma=temp_store(memory)"
	// NORMAL may lose the last changes when the power fails, and the mark with them.
	if x.write, err = sql.Open("sqlite", file+"&_txlock=immediate&_pragma=secure_delete(1)&_pragma=synchronous(normal)&_pragma=cache_size(-16000)"); err != nil {
		return err
	}
	x.write.SetMaxOpenConns(1)
	if x.read, err = sql.Open("sqlite", file+"&_pragma=query_only(1)"); err != nil {
		return err
	}
	x.read.SetMaxOpenConns(8)
	x.read.SetMaxIdleConns(8)
	if err := identify(ctx, x.write); err != nil {
		return err
	}
	if _, err := x.write.ExecContext(ctx, `PRAGMA journal_mode = wal`); err != nil {
		return err
	}
	if err := create(ctx, x.write); err != nil {
		return err
	}
	if err := x.tidy(ctx); err != nil {
		return err
	}
	if x.stmt, err = prepare(ctx, x.write); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.follow(ctx); err != nil {
		return err
	}
	x.settle()
	return nil
}

// identify changes nothing, so that a wrong path does no harm.
func identify(ctx context.Context, db *sql.DB) error {
	var app, v, tables int64
	if err := db.QueryRowContext(ctx, `SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
		FROM pragma_application_id, pragma_user_version`).Scan(&app, &v, &tables); err != nil {
		return err
	}
	switch {
	case app == 0 && v == 0 && tables == 0:
		return nil
	case app != application:
		return ErrForeign
	case v > version:
		return ErrNewer
	}
	var analyser string
	if err := db.QueryRowContext(ctx, `SELECT analyser FROM meta`).Scan(&analyser); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if v < version || analyser != search.Analyser() {
		return ErrOutdated
	}
	return nil
}

// The words keep no copy of the text (content=”), so deleting a row takes the
// tokens it was made of: they are made again from docs, which is why an analyser
// other than the file's may not open it. The tokenizer "ascii" takes every
// character beyond ASCII as part of a token and folds none.
const schema = `
CREATE TABLE meta (
	one      INTEGER PRIMARY KEY CHECK (one = 1),
	analyser TEXT    NOT NULL,
	seq      INTEGER NOT NULL DEFAULT 0,
	gen      INTEGER NOT NULL DEFAULT 0, -- counts the changes of prints and features
	kept     INTEGER NOT NULL DEFAULT 0, -- the changes after this one are in changes
	docs     INTEGER NOT NULL DEFAULT 0,
	photos   INTEGER NOT NULL DEFAULT 0,
	prints   INTEGER NOT NULL DEFAULT 0,
	features INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE docs (
	row    INTEGER PRIMARY KEY,          -- see rows.go
	id     TEXT    NOT NULL UNIQUE,
	at     INTEGER NOT NULL,             -- Unix ms
	kind   TEXT    NOT NULL,
	source TEXT    NOT NULL,
	status TEXT    NOT NULL,
	photos INTEGER NOT NULL,             -- how many
	prints INTEGER NOT NULL,             -- how many
	features INTEGER NOT NULL,           -- how many
	time0 INTEGER NOT NULL, time1 INTEGER NOT NULL, -- search.Doc's ranges
	born0 INTEGER NOT NULL, born1 INTEGER NOT NULL,
	age0  INTEGER NOT NULL, age1  INTEGER NOT NULL,
	sex   TEXT    NOT NULL,
	spots TEXT    NOT NULL,              -- paths, such as 350000/350500
	place  TEXT    NOT NULL,
	text   TEXT    NOT NULL
);
CREATE TABLE prints (
	doc   INTEGER NOT NULL,
	n     INTEGER NOT NULL,              -- their order in the document
	photo TEXT    NOT NULL,
	kind  TEXT    NOT NULL,              -- of the document
	algo  TEXT    NOT NULL,
	bits  BLOB    NOT NULL,
	x0 INTEGER NOT NULL, y0 INTEGER NOT NULL, x1 INTEGER NOT NULL, y1 INTEGER NOT NULL,
	PRIMARY KEY (doc, n)
) WITHOUT ROWID;
CREATE TABLE snapshots (                 -- of prints: one at most, see snapshot.go
	file TEXT    NOT NULL,
	gen  INTEGER NOT NULL,               -- the change it was made after
	sum  INTEGER NOT NULL                -- CRC-32C of the file
);
CREATE TABLE changes (                   -- the last ones, for memory to follow
	gen   INTEGER NOT NULL,
	doc   INTEGER NOT NULL,
	fresh INTEGER NOT NULL,              -- the document had no prints before
	PRIMARY KEY (gen, doc)
) WITHOUT ROWID;
CREATE TABLE classes (                   -- of pictures
	id       INTEGER PRIMARY KEY,
	algo     TEXT    NOT NULL,
	kind     TEXT    NOT NULL,           -- of the document
	next     INTEGER NOT NULL DEFAULT 0, -- the number of its next picture
	unsealed INTEGER NOT NULL DEFAULT 0, -- how many
	UNIQUE (algo, kind)
);
CREATE TABLE pictures (                  -- Features, those of a document together
	slot  INTEGER PRIMARY KEY,           -- class and number, never used again
	doc   INTEGER NOT NULL,
	photo TEXT    NOT NULL,
	sum   BLOB    NOT NULL               -- of the points
);
CREATE INDEX pictures_doc ON pictures (doc);
CREATE TABLE unsealed (                  -- pictures not yet in a segment
	slot   INTEGER PRIMARY KEY,
	points BLOB    NOT NULL
);
CREATE TABLE segments (
	id    INTEGER PRIMARY KEY AUTOINCREMENT,
	class INTEGER NOT NULL,
	first INTEGER NOT NULL,              -- the number of its first picture
	n     INTEGER NOT NULL,              -- numbers it spans
	file  TEXT    NOT NULL,              -- see (*Index).segment
	sum   INTEGER NOT NULL               -- CRC-32C of the file
);
CREATE TABLE dead (                      -- deleted pictures
	slot   INTEGER PRIMARY KEY,
	gen    INTEGER NOT NULL,
	sealed INTEGER NOT NULL              -- 1: in a segment; 0: kept for memory to follow
);
CREATE INDEX dead_gen ON dead (gen);
CREATE INDEX dead_unsealed ON dead (gen) WHERE sealed = 0;
CREATE VIRTUAL TABLE terms USING fts5 (words, content='', columnsize=0, detail=none, tokenize="ascii tokenchars '._'");
INSERT INTO terms (terms, rank) VALUES ('secure-delete', 1);
`

func create(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing to undo after Commit
	var tables int
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema`).Scan(&tables); err != nil {
		return err
	}
	if tables > 0 { // also if another process was faster
		return nil
	}
	if _, err := tx.ExecContext(ctx, schema+fmt.Sprintf(`PRAGMA application_id = %d; PRAGMA user_version = %d`, application, version)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO meta (one, analyser) VALUES (1, $1)`, search.Analyser()); err != nil {
		return err
	}
	return tx.Commit()
}

// Info counts what the index holds. Engine is "embedded".
func (x *Index) Info(ctx context.Context) (search.Info, error) {
	i := search.Info{Engine: "embedded"}
	err := x.read.QueryRowContext(ctx, `SELECT docs, photos, prints, features, seq FROM meta`).Scan(&i.Docs, &i.Photos, &i.Prints, &i.Features, &i.Seq)
	if err != nil {
		return search.Info{}, fmt.Errorf("describe search index: %w", damaged(err))
	}
	return i, nil
}

// Purge overwrites what deleted text may have left behind: beginnings of words in
// the inner nodes of the word index, copies in the free parts of pages, and the
// write-ahead log. It writes the file anew, which takes as much memory as the file
// has bytes and keeps other writers waiting; readers are not kept, but an answer
// still being read after ten seconds makes it fail with all but the log purged.
// Segments with deleted pictures are written anew without them, and so is the snapshot of fingerprints.
func (x *Index) Purge(ctx context.Context) error {
	if err := x.purgeSegments(ctx); err != nil {
		return fmt.Errorf("purge search index: %w", damaged(err))
	}
	// A mapped file keeps its bytes on disk; if this fails, the next search lets go of it.
	x.mu.Lock()
	_ = x.follow(context.WithoutCancel(ctx))
	x.mu.Unlock()
	if err := x.purgeSnapshot(ctx); err != nil {
		return fmt.Errorf("purge search index: %w", damaged(err))
	}
	if err := x.purge(ctx); err != nil {
		return fmt.Errorf("purge search index: %w", damaged(err))
	}
	return nil
}

// purgeWait is how long Purge tries to empty the log while others read or empty it.
const purgeWait = 10 * time.Second

func (x *Index) purge(ctx context.Context) error {
	conn, err := x.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() // back to the pool
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing to undo after Commit
	for _, statement := range []string{
		// A word index of one part would be left as it is: give it a second. No query
		// asks for this row, being after the last.
		`INSERT INTO terms (rowid, words) VALUES (1 << 62, '.none')`,
		`INSERT INTO terms (terms) VALUES ('optimize')`,
		`INSERT INTO terms (terms, rowid, words) VALUES ('delete', 1 << 62, '.none')`,
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, `VACUUM`); err != nil {
		return err
	}
	// SQLite waits for readers here, but not for another that folds in the log at the same time.
	for begun := time.Now(); ; {
		var busy, log, done int
		if err := conn.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &log, &done); err != nil {
			return err
		}
		if busy == 0 {
			break
		}
		if time.Since(begun) > purgeWait {
			return errors.New("an earlier state is still being read")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// Check reads the whole file and returns ErrCorrupt if it is not sound.
func (x *Index) Check(ctx context.Context) error {
	var found string
	if err := x.write.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&found); err != nil {
		return fmt.Errorf("check search index: %w", damaged(err))
	}
	if found != "ok" {
		return fmt.Errorf("check search index: %w: %s", ErrCorrupt, found)
	}
	if _, err := x.write.ExecContext(ctx, `INSERT INTO terms (terms) VALUES ('integrity-check')`); err != nil {
		return fmt.Errorf("check search index: %w", damaged(err))
	}
	if err := x.checkSegments(ctx); err != nil {
		return fmt.Errorf("check search index: %w", damaged(err))
	}
	return nil
}

// Close closes the file.
func (x *Index) Close() error {
	x.work.Wait()
	errs := []error{x.votes.close()}
	for _, db := range []*sql.DB{x.read, x.write} { // the writer last: it then clears the log away
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// damaged makes ErrCorrupt of what SQLite says of a damaged file.
func damaged(err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff {
		case 11, 26: // SQLITE_CORRUPT, SQLITE_NOTADB
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
	}
	return err
}
