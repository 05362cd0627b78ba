package embedded

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"xunqin/search"
)

// Find reads the words backwards until the page is full, and on to the end of the
// quarter of an hour it ends in. Counting costs the more, the higher Page.Count is.
func (x *Index) Find(ctx context.Context, q search.Query, p search.Page) (search.Result, error) {
	r, err := x.find(ctx, compile(q), p)
	if err != nil {
		return search.Result{}, fmt.Errorf("find: %w", damaged(err))
	}
	return r, nil
}

func (x *Index) find(ctx context.Context, pl plan, p search.Page) (r search.Result, err error) {
	tx, err := x.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return r, err
	}
	defer tx.Rollback() // it only reads
	if p.Count > 0 {
		text, args := pl.sql(`1`, pl.rows)
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM (`+text+` LIMIT ?)`, append(args, p.Count)...).Scan(&r.Total); err != nil {
			return r, err
		}
	}
	rows := pl.rows
	if !p.After.IsZero() {
		rows.last = min(rows.last, lastRow(p.After.At.UnixMilli()))
	}
	text, args := pl.sql(`docs.row, docs.id, docs.kind, docs.at`, rows)
	found, err := tx.QueryContext(ctx, text+` ORDER BY terms.rowid DESC`, args...)
	if err != nil {
		return r, err
	}
	defer found.Close()
	quarter := int64(0) // of the document before
	for found.Next() {
		var row, at int64
		var f search.Found
		if err := found.Scan(&row, &f.ID, &f.Kind, &at); err != nil {
			return r, err
		}
		if len(r.Found) > p.Size() && row>>slotBits != quarter {
			break
		}
		quarter = row >> slotBits
		f.At = timeOf(at)
		if p.After.IsZero() || f.Key().Compare(p.After) > 0 {
			r.Found = append(r.Found, f)
		}
	}
	if err := found.Err(); err != nil {
		return r, err
	}
	slices.SortFunc(r.Found, func(a, b search.Found) int { return a.Key().Compare(b.Key()) })
	if n := p.Size(); len(r.Found) > n {
		r.Found = r.Found[:n:n]
		r.Next = r.Found[n-1].Key()
	}
	return r, nil
}

// A plan is a query as an FTS5 expression of which the answer is a part, and as SQL what
// the expression leaves open: the ends of ranges.
type plan struct {
	match string
	rows  span // that Posted allows
	where []string
	args  []any
}

func (pl plan) sql(columns string, rows span) (string, []any) {
	where := append([]string{`terms MATCH ?`, `terms.rowid BETWEEN ? AND ?`}, pl.where...)
	return `SELECT ` + columns + ` FROM terms CROSS JOIN docs ON docs.row = terms.rowid WHERE ` + strings.Join(where, ` AND `),
		append([]any{pl.match, rows.first, rows.last}, pl.args...)
}

func compile(q search.Query) plan {
	pl := plan{rows: everything()}
	parts, ok := q.(search.And)
	if !ok && q != nil {
		parts = search.And{q}
	}
	for _, part := range parts {
		if p, ok := part.(search.Posted); ok {
			pl.rows = pl.rows.within(p.Range())
		}
		if ranged(part) {
			pl.where = append(pl.where, pl.predicate(part))
		}
	}
	pl.match = expression(parts)
	return pl
}

// ranged reports whether there is a range in q.
func ranged(q search.Query) bool {
	switch q := q.(type) {
	case search.Date, search.Born, search.Posted, search.Age:
		return true
	case search.Not:
		return ranged(q.Query)
	case search.And:
		return slices.ContainsFunc(q, ranged)
	case search.Or:
		return slices.ContainsFunc(q, ranged)
	}
	return false
}

// predicate is q as an SQL expression.
func (pl *plan) predicate(q search.Query) string {
	if !ranged(q) {
		pl.args = append(pl.args, expression(q))
		return `docs.row IN (SELECT rowid FROM terms WHERE terms MATCH ?)`
	}
	all := func(parts []search.Query, operator string) string {
		texts := make([]string, len(parts))
		for i, p := range parts {
			texts[i] = pl.predicate(p)
		}
		return `(` + strings.Join(texts, operator) + `)`
	}
	meets := func(column string, r search.Range) string {
		if r.Empty() {
			return `false`
		}
		pl.args = append(pl.args, r.Last, r.First)
		return strings.ReplaceAll(`(docs.X0 <= docs.X1 AND docs.X0 <= ? AND docs.X1 >= ?)`, `X`, column)
	}
	switch q := q.(type) {
	case search.And:
		return all(q, ` AND `)
	case search.Or:
		return all(q, ` OR `)
	case search.Not:
		return `NOT ` + pl.predicate(q.Query)
	case search.Date:
		return meets(`time`, q.Range())
	case search.Posted:
		r := q.Range()
		pl.args = append(pl.args, r.First, r.Last)
		return `(docs.at BETWEEN ? AND ?)`
	case search.Born:
		return meets(`born`, q.Range())
	case search.Age:
		return meets(`age`, q.Range())
	}
	panic(fmt.Sprintf("embedded: range of type %T", q))
}

// expression is q in the language of FTS5, where a range is one of the words of its
// ladder: it accepts what q accepts, and exactly that if there is no range in q.
func expression(q search.Query) string {
	switch q := q.(type) {
	case search.And:
		var with, without []string
		for _, p := range q {
			not, ok := p.(search.Not)
			switch {
			case !ok:
				with = append(with, expression(p))
			case !ranged(not.Query): // of too many, too many must not be taken away
				without = append(without, expression(not.Query))
			}
		}
		if len(with) == 0 {
			with = []string{phrase("facts", factAll)}
		}
		text := group(with, " AND ")
		if len(without) > 0 {
			text = "(" + text + " NOT " + group(without, " OR ") + ")"
		}
		return text
	case search.Or:
		if len(q) == 0 {
			return phrase("facts", factNone)
		}
		texts := make([]string, len(q))
		for i, p := range q {
			texts[i] = expression(p)
		}
		return group(texts, " OR ")
	case search.Not:
		return expression(search.And{q})
	case search.Text:
		return text(string(q))
	case search.Place:
		_, singles := search.Tokens(string(q))
		return phrase("place", singles...)
	case search.Within:
		return one(q.Codes, spotFact)
	case search.Near:
		return group([]string{one(q.Around, spotFact), one(q.Seats, seatFact)}, " OR ")
	case search.Date:
		return one(times().query(q.Range()), nil)
	case search.Born:
		return one(births().query(q.Range()), nil)
	case search.Posted:
		return phrase("facts", factAll) // the rows or the columns decide
	case search.Age:
		return one(ages().query(q.Range()), nil)
	case search.Sex:
		return phrase("facts", sexFact(string(q)))
	case search.Source:
		return phrase("facts", sourceFact(string(q)))
	case search.Status:
		return phrase("facts", statusFact(string(q)))
	case search.Kind:
		return phrase("facts", kindFact(string(q)))
	case search.HasPhoto:
		return phrase("facts", factPhoto)
	}
	panic(fmt.Sprintf("embedded: query of type %T", q))
}

// one asks for one of some facts.
func one(facts []string, word func(string) string) string {
	texts := make([]string, 0, len(facts))
	for _, f := range facts {
		if word != nil {
			f = word(f)
		}
		texts = append(texts, phrase("facts", f))
	}
	if len(texts) == 0 {
		return phrase("facts", factNone)
	}
	return group(texts, " OR ")
}

// text asks for the pairs of Chinese characters where that is the same as asking
// for the characters, and where not, for both: pairs are rarer, so it is faster.
func text(s string) string {
	run, words, singles := search.Sought(s)
	if run {
		return phrase("words", words...)
	}
	texts := []string{phrase("singles", singles...)}
	for _, w := range words {
		texts = append(texts, phrase("words", w))
	}
	return group(texts, " AND ")
}

func phrase(column string, tokens ...string) string {
	if len(tokens) == 0 { // says nothing, accepts everything
		return phrase("facts", factAll)
	}
	return column + `:"` + spaced(tokens) + `"` // tokens hold no quotation marks
}

func group(texts []string, operator string) string {
	if len(texts) == 1 {
		return texts[0]
	}
	return "(" + strings.Join(texts, operator) + ")"
}
