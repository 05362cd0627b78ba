package record

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"xunqin/crawler"
)

// The states of a post.
const (
	PostLive   = "live"
	PostHidden = "hidden" // gone at its source, or asked to be: seen by nobody but a reviewer of an open lead
)

// How far a post or report has come. Each step's job sets the next in the transaction that holds its result.
const (
	StepAccepted = "accepted" // recorded, photos not all fetched
	StepGathered = "gathered" // photos kept or refused, not yet compared
	StepRelated  = "related"  // indexed and compared with what was there
)

// Post is what is kept of a public post, and no more: the poster stands in it only as a keyed pseudonym.
type Post struct {
	ID, SourceID, NativeID, URL string
	Kind                        string // post, report or notice
	Author                      string // keyed pseudonym
	Text, Place, Lang           string
	Tags                        []string
	QuotedID, RawAt             string
	PostedAt                    time.Time
	Precision                   string
	EditedAt, SeenAt            time.Time
	Sensitive                   bool
	State, Step                 string
	ExpiresAt                   time.Time
	Photos                      []crawler.PhotoURL // only on the way in: SavePost makes photo rows of them
}

// FromCrawl makes a post of what a reader handed on. pseudonym turns the poster's id into a keyed one. A post without
// a date has the time of first sight; a date in the future is not believed and treated likewise.
func FromCrawl(sourceID string, p crawler.Post, seen time.Time, pseudonym func(string) string) Post {
	r := Post{SourceID: sourceID, NativeID: p.NativeID, URL: p.URL, Kind: p.Kind, Text: p.Text, Place: p.Place, Lang: p.Lang, Tags: p.Tags, QuotedID: p.QuotedID,
		RawAt: p.RawAt, PostedAt: p.At, Precision: string(p.Precision), EditedAt: p.EditedAt, SeenAt: seen, Sensitive: p.Sensitive, State: PostLive, Photos: p.Photos}
	if r.Kind == "" {
		r.Kind = "post"
	}
	if p.AuthorID != "" {
		r.Author = pseudonym(sourceID + "\x00" + p.AuthorID)
	}
	if r.PostedAt.IsZero() || r.PostedAt.After(seen.Add(24*time.Hour)) {
		r.PostedAt, r.Precision = seen, "unknown"
	}
	return r
}

// digest tells whether a post that comes again has changed.
func (p Post) digest() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q %q %d", p.Kind, p.Text, p.Place, p.Tags, p.QuotedID, ms(p.EditedAt))
	for _, ph := range p.Photos {
		fmt.Fprintf(h, " %q", ph.URL)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

const postColumns = `id, source_id, native_id, url, kind, author, text, place, lang, tags, quoted_id, raw_at, posted_at, precision, edited_at, seen_at, sensitive, state, step, expires_at`

func scanPost(r scanner, p *Post) error {
	var tags string
	err := r.Scan(&p.ID, &p.SourceID, &p.NativeID, &p.URL, &p.Kind, &p.Author, &p.Text, &p.Place, &p.Lang, &tags, &p.QuotedID, &p.RawAt, when{&p.PostedAt}, &p.Precision,
		when{&p.EditedAt}, when{&p.SeenAt}, &p.Sensitive, &p.State, &p.Step, when{&p.ExpiresAt})
	p.Tags = strings.Fields(tags)
	return err
}

// SavePost stores a post under (source, native id) with a row for each of its photos, and reports whether it is new or
// changed: only then is there work to do. A changed post keeps its id, its first time of sight and the photos it had, and loses
// its facts: the caller sets them anew.
func (s *Store) SavePost(ctx context.Context, tx *sql.Tx, p Post) (id string, changed bool, err error) {
	digest := p.digest()
	var had string
	err = tx.QueryRowContext(ctx, `SELECT id, digest FROM posts WHERE source_id=$1 AND native_id=$2`, p.SourceID, p.NativeID).Scan(&id, &had)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", false, fmt.Errorf("save post: %w", err)
	}
	if id != "" && had == digest {
		return id, false, nil
	}
	tags := strings.Join(p.Tags, " ")
	if id == "" {
		id = NewID()
		_, err = exec(ctx, "save post", tx, `INSERT INTO posts (`+postColumns+`, digest) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21)`,
			id, p.SourceID, p.NativeID, p.URL, p.Kind, p.Author, p.Text, p.Place, p.Lang, tags, p.QuotedID, p.RawAt, ms(p.PostedAt), p.Precision, ms(p.EditedAt), ms(p.SeenAt),
			p.Sensitive, p.State, StepAccepted, ms(p.ExpiresAt), digest)
	} else {
		_, err = exec(ctx, "save post", tx, `UPDATE posts SET url=$1, kind=$2, text=$3, place=$4, lang=$5, tags=$6, quoted_id=$7, edited_at=$8, sensitive=$9, step=$10, digest=$11,
			facts='{}', facts_version=0 WHERE id=$12`,
			p.URL, p.Kind, p.Text, p.Place, p.Lang, tags, p.QuotedID, ms(p.EditedAt), p.Sensitive, StepAccepted, digest, id)
	}
	if err != nil {
		return "", false, err
	}
	for i, ph := range p.Photos {
		_, err := exec(ctx, "save photo", tx, `INSERT INTO photos (id, post_id, ordinal, url, fallback, alt, state, created_at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8)
			ON CONFLICT (post_id, url) WHERE post_id IS NOT NULL DO NOTHING`, NewID(), id, i, ph.URL, strings.Join(ph.Fallback, "\n"), ph.Alt, PhotoWanted, s.now())
		if err != nil {
			return "", false, err
		}
	}
	return id, true, s.Changed(ctx, tx, id, "post")
}

// Post reads one post.
func (s *Store) Post(ctx context.Context, tx *sql.Tx, id string) (Post, error) {
	return one("post", s.from(tx).QueryRowContext(ctx, `SELECT `+postColumns+` FROM posts WHERE id=$1`, id), scanPost)
}

// Posts reads the posts of the given ids; those that are gone are left out. The order is that of the ids.
func (s *Store) Posts(ctx context.Context, tx *sql.Tx, ids []string) ([]Post, error) {
	list, err := in(ctx, "posts", s.from(tx), scanPost, `SELECT `+postColumns+` FROM posts WHERE id IN `, ids)
	return ordered(list, ids, func(p Post) string { return p.ID }), err
}

// EachPost calls fn for every post in order of time of sight.
func (s *Store) EachPost(ctx context.Context, fn func(Post) error) error {
	return each(ctx, "posts", s.read, scanPost, fn, `SELECT `+postColumns+` FROM posts ORDER BY seen_at, id`)
}

// MovePost notes that a post has come from one step to the next. One that is at another step (it was edited meanwhile, and
// its own work is queued) is left as it is.
func (s *Store) MovePost(ctx context.Context, tx *sql.Tx, id, from, to string) error {
	_, err := exec(ctx, "post step", tx, `UPDATE posts SET step=$1 WHERE id=$2 AND step=$3`, to, id, from)
	return err
}

// in runs a query that ends in "IN " with the list of values, in portions, since databases bound the number of parameters.
func in[T any](ctx context.Context, what string, q querier, scan func(scanner, *T) error, query string, ids []string) ([]T, error) {
	var list []T
	for len(ids) > 0 {
		n := min(len(ids), 500)
		marks := make([]string, n)
		args := make([]any, n)
		for i := range n {
			marks[i], args[i] = fmt.Sprintf("$%d", i+1), ids[i]
		}
		part, err := all(ctx, what, q, scan, query+"("+strings.Join(marks, ",")+")", args...)
		if err != nil {
			return nil, err
		}
		list, ids = append(list, part...), ids[n:]
	}
	return list, nil
}

// ordered puts a list in the order of the ids.
func ordered[T any](list []T, ids []string, id func(T) string) []T {
	by := make(map[string]T, len(list))
	for _, t := range list {
		by[id(t)] = t
	}
	out := make([]T, 0, len(list))
	for _, k := range ids {
		if t, ok := by[k]; ok {
			out = append(out, t)
			delete(by, k)
		}
	}
	return out
}

// each streams rows to fn.
func each[T any](ctx context.Context, what string, q querier, scan func(scanner, *T) error, fn func(T) error, query string, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer rows.Close()
	for rows.Next() {
		var t T
		if err := scan(rows, &t); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if err := fn(t); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
