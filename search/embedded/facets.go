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
	tx, err := x.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return search.Facets{}, err
	}
	defer tx.Rollback() // it only reads
	// Documents of a step come in no order, so those of one are put in order when it is over.
	type counted struct {
		key search.Key
		doc search.Faceted
	}
	c, left, more := f.Counter(), f.Size(), false
	var step []counted
	count := func() {
		if len(step) > left { // else all are counted, in whatever order
			slices.SortFunc(step, func(a, b counted) int { return a.key.Compare(b.key) })
			step, more = step[:left], true
		}
		for _, d := range step {
			c.Add(d.doc)
		}
		left -= len(step)
		step = step[:0]
	}
	last := int64(0)
	err = pl.read(ctx, tx, nameColumns|spotColumns|timeColumns|ageColumns, func(d *stored) bool {
		if stepAt(d.row) != last {
			count()
			last = stepAt(d.row)
		}
		f := search.Faceted{Kind: d.kind, Source: d.source, Status: d.status, Sex: d.sex, Time: d.time, Age: d.age}
		for path := range strings.FieldsSeq(d.spots) {
			f.Paths = append(f.Paths, strings.Split(path, "/"))
		}
		step = append(step, counted{search.Key{At: timeOf(d.at), ID: d.id}, f})
		return !more
	})
	count()
	return c.Facets(more), err
}
