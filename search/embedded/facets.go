package embedded

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"xunqin/search"
)

// Facets reads the documents it counts, some microseconds each.
func (x *Index) Facets(ctx context.Context, q search.Query, f search.Facet) (search.Facets, error) {
	counts, err := x.facets(ctx, compile(q), f)
	if err != nil {
		return search.Facets{}, fmt.Errorf("count facets: %w", damaged(err))
	}
	return counts, nil
}

func (x *Index) facets(ctx context.Context, pl plan, f search.Facet) (search.Facets, error) {
	text, args := pl.sql(`docs.row, docs.id, docs.at, docs.kind, docs.source, docs.status, docs.sex, docs.time0, docs.time1, docs.age0, docs.age1, docs.spots`, pl.rows)
	rows, err := x.read.QueryContext(ctx, text+` ORDER BY terms.rowid DESC`, args...)
	if err != nil {
		return search.Facets{}, err
	}
	defer rows.Close()
	// Documents of a quarter come in no order, so those of one are put in order when it is over.
	type counted struct {
		key search.Key
		doc search.Faceted
	}
	c, left, more := f.Counter(), f.Size(), false
	var quarter []counted
	count := func() {
		if len(quarter) > left { // else all are counted, in whatever order
			slices.SortFunc(quarter, func(a, b counted) int { return a.key.Compare(b.key) })
			quarter, more = quarter[:left], true
		}
		for _, d := range quarter {
			c.Add(d.doc)
		}
		left -= len(quarter)
		quarter = quarter[:0]
	}
	last := int64(0)
	for rows.Next() && !more {
		var row, at int64
		var d counted
		var spots sql.RawBytes
		if err := rows.Scan(&row, &d.key.ID, &at, &d.doc.Kind, &d.doc.Source, &d.doc.Status, &d.doc.Sex,
			&d.doc.Time.First, &d.doc.Time.Last, &d.doc.Age.First, &d.doc.Age.Last, &spots); err != nil {
			return search.Facets{}, err
		}
		if row>>slotBits != last {
			count()
			last = row >> slotBits
		}
		d.key.At = timeOf(at)
		for path := range strings.FieldsSeq(string(spots)) {
			d.doc.Paths = append(d.doc.Paths, strings.Split(path, "/"))
		}
		quarter = append(quarter, d)
	}
	count()
	return c.Facets(more), rows.Err()
}
