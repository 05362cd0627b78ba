package record

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"xunqin/pipeline/facts"
	"xunqin/search"
)

// A Ref names a post or report.
type Ref struct{ ID, Kind string } // Kind: post or report

func scanRef(r scanner, v *Ref) error { return r.Scan(&v.ID, &v.Kind) }

// SetFacts stores what the words of a post or report say, by the present rules, with the keys of the numbers in them. Where
// facts of these rules are there already nothing changes: a post or report that is saved or changed loses its facts first.
func (s *Store) SetFacts(ctx context.Context, tx *sql.Tx, of Ref, f facts.Facts) error {
	b, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("set facts: %w", err)
	}
	table, column := "posts", "post_id"
	if of.Kind == "report" {
		table, column = "reports", "report_id"
	}
	n, err := exec(ctx, "set facts", tx, `UPDATE `+table+` SET facts=$1, facts_version=$2 WHERE id=$3 AND facts_version<$2`, string(b), facts.Version, of.ID)
	if err != nil || n == 0 {
		return err
	}
	if _, err := exec(ctx, "set facts", tx, `DELETE FROM numbers WHERE `+column+`=$1`, of.ID); err != nil {
		return err
	}
	seen := map[string]bool{"": true} // without a key there is none
	for _, m := range f.Masked {
		if seen[m.Key] {
			continue
		}
		seen[m.Key] = true
		if _, err := exec(ctx, "set facts", tx, `INSERT INTO numbers (mark, `+column+`) VALUES ($1,$2)`, m.Key, of.ID); err != nil {
			return err
		}
	}
	return nil
}

// Facts reads what the words of a post or report say. Before they were read for the first time they say nothing.
func (s *Store) Facts(ctx context.Context, tx *sql.Tx, of Ref) (facts.Facts, error) {
	table := "posts"
	if of.Kind == "report" {
		table = "reports"
	}
	return one("facts", s.from(tx).QueryRowContext(ctx, `SELECT facts FROM `+table+` WHERE id=$1`, of.ID), scanFacts)
}

func scanFacts(r scanner, f *facts.Facts) error {
	var text string
	if err := r.Scan(&text); err != nil {
		return err
	}
	return json.Unmarshal([]byte(text), f)
}

// Unread lists posts and reports whose words were not read by the present rules.
func (s *Store) Unread(ctx context.Context, tx *sql.Tx, most int) ([]Ref, error) {
	posts, err := all(ctx, "unread posts", s.from(tx), scanRef, `SELECT id, 'post' FROM posts WHERE facts_version<$1 ORDER BY facts_version LIMIT $2`, facts.Version, most)
	if err != nil || len(posts) == most {
		return posts, err
	}
	reports, err := all(ctx, "unread reports", s.from(tx), scanRef, `SELECT id, 'report' FROM reports WHERE facts_version<$1 ORDER BY facts_version LIMIT $2`, facts.Version, most-len(posts))
	return append(posts, reports...), err
}

// CountUnread counts what Unread would list.
func (s *Store) CountUnread(ctx context.Context, tx *sql.Tx) (int64, error) {
	return one("unread", s.from(tx).QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM posts WHERE facts_version<$1) + (SELECT COUNT(*) FROM reports WHERE facts_version<$1)`, facts.Version), scanInt)
}

// SameNumber lists the other posts and reports in whose words one of the numbers stands that stand in those of a post or
// report, in whatever way it is written: they are copies, or of one hand.
func (s *Store) SameNumber(ctx context.Context, tx *sql.Tx, of Ref, most int) ([]Ref, error) {
	column := "post_id"
	if of.Kind == "report" {
		column = "report_id"
	}
	return all(ctx, "same number", s.from(tx), scanRef, `SELECT DISTINCT COALESCE(post_id, report_id) AS id, CASE WHEN post_id IS NULL THEN 'report' ELSE 'post' END AS kind
		FROM numbers WHERE mark IN (SELECT mark FROM numbers WHERE `+column+`=$1) AND COALESCE(post_id, report_id)<>$1 ORDER BY id LIMIT $2`, of.ID, most)
}

// EachFacts calls fn with the facts of every post and report, the version of the rules they were read by, how many numbers are
// kept of it, and how long the text is that their words are spans of.
func (s *Store) EachFacts(ctx context.Context, fn func(FactsRow) error) error {
	scan := func(r scanner, v *FactsRow) error {
		return r.Scan(&v.ID, &v.Kind, &v.Facts, &v.Version, &v.Numbers, &v.Length)
	}
	err := each(ctx, "facts", s.read, scan, fn, `SELECT id, 'post', facts, facts_version, (SELECT COUNT(*) FROM numbers WHERE post_id=posts.id), OCTET_LENGTH(text) FROM posts ORDER BY id`)
	if err != nil {
		return err
	}
	return each(ctx, "facts", s.read, scan, fn, `SELECT id, 'report', facts, facts_version, (SELECT COUNT(*) FROM numbers WHERE report_id=reports.id), OCTET_LENGTH(features) FROM reports ORDER BY id`)
}

// A FactsRow is the stored form of facts.
type FactsRow struct {
	Ref
	Facts   string
	Version int64
	Numbers int64
	Length  int
}

// searchable makes of facts what an index takes of them. Where somebody comes from, and what happened to others, is left out; of
// a division that was abolished, or split, all that stand in its place may be meant.
func searchable(f facts.Facts) search.Facts {
	var out search.Facts
	for _, p := range f.Places {
		if p.Role == facts.From || p.Role == facts.Other {
			continue
		}
		spot := search.Spot{Grade: search.Possible, Role: search.Role(p.Role)}
		switch {
		case p.Grade >= facts.Sure:
			spot.Grade = search.Sure
		case p.Grade >= facts.Likely:
			spot.Grade = search.Likely
		}
		now := p.Present()
		if len(now) == 0 {
			now = []*facts.Division{p.Division} // all that is known is what it lay in
		}
		for _, d := range now {
			s := spot
			if len(now) > 1 {
				s.Grade = search.Possible
			}
			for _, outer := range d.Path() {
				s.Path = append(s.Path, outer.Code)
			}
			if len(s.Path) > 0 && len(out.Places) < mostSpots {
				out.Places = append(out.Places, s)
			}
		}
	}
	if m := f.Time(); m != nil {
		out.When = search.Span(m.Dates)
	}
	out.Born = search.Span(f.Born())
	switch f.Sex {
	case "male":
		out.Sex = search.Male
	case "female":
		out.Sex = search.Female
	}
	return out
}

// mostSpots is how many places an index takes of one text; one with more is a list.
const mostSpots = 200
