package embedded

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"xunqin/search"
)

// Find reads the words backwards until the page is full, and on to the end of the eight hours it ends in. Counting costs the more,
// the higher Page.Count is.
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
	toCount := 0
	if pl.accepts != nil {
		toCount = p.Count // each has to be looked at
	} else if r.Total, err = pl.count(ctx, tx, p.Count); err != nil {
		return r, err
	}
	if !p.After.IsZero() && toCount == 0 {
		pl.steps.last = min(pl.steps.last, stepOf(p.After.At.UnixMilli()))
	}
	full := false
	last := int64(0) // the step of the document before
	err = pl.read(ctx, tx, 0, func(d *stored) bool {
		full = full || len(r.Found) > p.Size() && stepAt(d.row) != last
		if full && r.Total >= toCount {
			return false
		}
		last = stepAt(d.row)
		if r.Total < toCount {
			r.Total++
		}
		f := search.Found{ID: d.id, Kind: d.kind, At: timeOf(d.at)}
		if !full && (p.After.IsZero() || f.Key().Compare(p.After) > 0) {
			r.Found = append(r.Found, f)
		}
		return true
	})
	if err != nil {
		return r, err
	}
	slices.SortFunc(r.Found, func(a, b search.Found) int { return a.Key().Compare(b.Key()) })
	if n := p.Size(); len(r.Found) > n {
		r.Found = r.Found[:n:n]
		r.Next = r.Found[n-1].Key()
	}
	return r, nil
}

// A plan is a query as an FTS5 expression of which the answer is a part, and what the expression leaves open: the ends of
// ranges, the order of words, the finer places.
type plan struct {
	match   string
	steps   span               // that Posted allows
	accepts func(*stored) bool // nil: the expression is the answer
	needs   columns            // of accepts
}

// columns are those of a document that are read beside its key.
type columns uint

const (
	textColumns columns = 1 << iota // text and place
	nameColumns                     // source, status, sex, number of photos
	spotColumns
	timeColumns
	bornColumns
	ageColumns
)

func compile(q search.Query) plan {
	pl := plan{steps: everything()}
	parts, ok := q.(search.And)
	if !ok && q != nil {
		parts = search.And{q}
	}
	var open search.And
	for _, part := range parts {
		if p, ok := part.(search.Posted); ok {
			pl.steps = pl.steps.within(p.Range())
		}
		if _, exact := expression(part); !exact {
			open = append(open, part)
			pl.needs |= needs(part)
		}
	}
	pl.match, _ = expression(parts)
	if len(open) > 0 {
		pl.accepts = accepts(open)
	}
	return pl
}

// spans are the rows that can be in the answer, those in the attic apart if there is anything in it.
func (pl *plan) spans(ctx context.Context, tx *sql.Tx) (spans [][2]int64, err error) {
	first, last := pl.steps.rows()
	spans = append(spans, [2]int64{first, last})
	var attic bool
	if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM docs WHERE row >= $1)`, atticLeast).Scan(&attic); err != nil {
		return nil, err
	}
	if attic {
		first, last = pl.steps.attic()
		spans = append(spans, [2]int64{first, last})
	}
	return spans, nil
}

// count counts the documents that the expression accepts, up to most.
func (pl *plan) count(ctx context.Context, tx *sql.Tx, most int) (n int, err error) {
	if most <= 0 {
		return 0, nil
	}
	spans, err := pl.spans(ctx, tx)
	if err != nil {
		return 0, err
	}
	for _, s := range spans {
		var some int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT 1 FROM terms WHERE terms MATCH $1 AND rowid BETWEEN $2 AND $3 LIMIT $4)`,
			pl.match, s[0], s[1], most-n).Scan(&some); err != nil {
			return 0, err
		}
		n += some
	}
	return n, nil
}

// read calls with the documents of the answer, the newest step first and those of a step in no order, until it returns false.
func (pl *plan) read(ctx context.Context, tx *sql.Tx, also columns, call func(*stored) bool) error {
	spans, err := pl.spans(ctx, tx)
	if err != nil {
		return err
	}
	with := pl.needs | also
	list, _ := (&stored{}).columns(with)
	var readers []*reader
	defer func() {
		for _, r := range readers {
			r.rows.Close() // its error was taken
		}
	}()
	for _, s := range spans {
		rows, err := tx.QueryContext(ctx, `SELECT `+list+` FROM terms CROSS JOIN docs ON docs.row = terms.rowid
			WHERE terms MATCH $1 AND terms.rowid BETWEEN $2 AND $3 ORDER BY terms.rowid DESC`, pl.match, s[0], s[1])
		if err != nil {
			return err
		}
		r := &reader{rows: rows}
		_, r.to = r.columns(with)
		readers = append(readers, r)
		if err := r.next(); err != nil {
			return err
		}
	}
	for {
		var newest *reader
		for _, r := range readers {
			if !r.over && (newest == nil || stepAt(r.row) > stepAt(newest.row)) {
				newest = r
			}
		}
		if newest == nil {
			return nil
		}
		if (pl.accepts == nil || pl.accepts(&newest.stored)) && !call(&newest.stored) {
			return nil
		}
		if err := newest.next(); err != nil {
			return err
		}
	}
}

// A reader stands on a document.
type reader struct {
	stored
	rows *sql.Rows
	to   []any // the fields that are read
	over bool
}

func (r *reader) next() error {
	if r.over = !r.rows.Next(); r.over {
		return r.rows.Err()
	}
	r.subject = nil
	return r.rows.Scan(r.to...)
}

// columns are the names of columns, and the fields they are read into.
func (d *stored) columns(with columns) (names string, to []any) {
	names, to = `docs.row, docs.id, docs.kind, docs.at`, []any{&d.row, &d.id, &d.kind, &d.at}
	for _, c := range []struct {
		of    columns
		names string
		to    []any
	}{
		{textColumns, `, docs.text, docs.place`, []any{&d.text, &d.place}},
		{nameColumns, `, docs.source, docs.status, docs.sex, docs.photos`, []any{&d.source, &d.status, &d.sex, &d.photos}},
		{spotColumns, `, docs.spots`, []any{&d.spots}},
		{timeColumns, `, docs.time0, docs.time1`, []any{&d.time.First, &d.time.Last}},
		{bornColumns, `, docs.born0, docs.born1`, []any{&d.born.First, &d.born.Last}},
		{ageColumns, `, docs.age0, docs.age1`, []any{&d.age.First, &d.age.Last}},
	} {
		if with&c.of != 0 {
			names, to = names+c.names, append(to, c.to...)
		}
	}
	return names, to
}

// needs are the columns that accepts looks at.
func needs(q search.Query) (c columns) {
	switch q := q.(type) {
	case search.And:
		for _, p := range q {
			c |= needs(p)
		}
	case search.Or:
		for _, p := range q {
			c |= needs(p)
		}
	case search.Not:
		return needs(q.Query)
	case search.Text, search.Place:
		return textColumns
	case search.Source, search.Status, search.Sex, search.HasPhoto:
		return nameColumns
	case search.Within, search.Near:
		return spotColumns
	case search.Date:
		return timeColumns
	case search.Born:
		return bornColumns
	case search.Age:
		return ageColumns
	}
	return c // kind and time of the document are always there
}

// accepts is search.Match over what is stored of a document.
func accepts(q search.Query) func(*stored) bool {
	all := func(parts []search.Query) (list []func(*stored) bool) {
		for _, p := range parts {
			list = append(list, accepts(p))
		}
		return list
	}
	switch q := q.(type) {
	case search.And:
		list := all(q)
		return func(d *stored) bool {
			return !slices.ContainsFunc(list, func(a func(*stored) bool) bool { return !a(d) })
		}
	case search.Or:
		list := all(q)
		return func(d *stored) bool {
			return slices.ContainsFunc(list, func(a func(*stored) bool) bool { return a(d) })
		}
	case search.Not:
		a := accepts(q.Query)
		return func(d *stored) bool { return !a(d) }
	case search.Text, search.Place:
		return func(d *stored) bool {
			if d.subject == nil {
				d.subject = search.Analyse(search.Doc{Text: d.text, Place: d.place})
			}
			return d.subject.Match(q)
		}
	case search.Within:
		return spotted(q.Codes, nil)
	case search.Near:
		return spotted(q.Around, q.Seats)
	case search.Date:
		r := q.Range()
		return func(d *stored) bool { return d.time.Meets(r) }
	case search.Born:
		r := q.Range()
		return func(d *stored) bool { return d.born.Meets(r) }
	case search.Posted:
		r := q.Range()
		return func(d *stored) bool { return r.Meets(search.Range{First: d.at, Last: d.at}) }
	case search.Age:
		r := q.Range()
		return func(d *stored) bool { return d.age.Meets(r) }
	case search.Sex:
		return func(d *stored) bool { return q != "" && string(q) == d.sex }
	case search.Source:
		return func(d *stored) bool { return search.Same(string(q), d.source) }
	case search.Status:
		return func(d *stored) bool { return search.Same(string(q), d.status) }
	case search.Kind:
		return func(d *stored) bool { return string(q) == d.kind }
	case search.HasPhoto:
		return func(d *stored) bool { return d.photos > 0 }
	}
	panic(fmt.Sprintf("embedded: query of type %T", q))
}

// spotted accepts documents with a place in a division, or whose finest one is among seats.
func spotted(in, seats []string) func(*stored) bool {
	set := func(codes []string) map[string]bool {
		m := make(map[string]bool, len(codes))
		for _, c := range codes {
			m[c] = true
		}
		return m
	}
	around, finest := set(in), set(seats)
	return func(d *stored) bool {
		for path := range strings.FieldsSeq(d.spots) {
			last := ""
			for last = range strings.SplitSeq(path, "/") {
				if around[last] {
					return true
				}
			}
			if finest[last] {
				return true
			}
		}
		return false
	}
}

// expression is q in the language of FTS5: it accepts what q accepts, and exactly that if it is exact. A text of several words
// is all of them in any order, a range the words of its ladder, a place of many divisions those around them.
func expression(q search.Query) (text string, exact bool) {
	switch q := q.(type) {
	case search.And:
		var with, without []string
		exact = true
		for _, p := range q {
			not, ok := p.(search.Not)
			if ok {
				p = not.Query
			}
			text, is := expression(p)
			exact = exact && is
			switch {
			case !ok:
				with = append(with, text)
			case is: // of too many, too many must not be taken away
				without = append(without, text)
			}
		}
		if len(with) == 0 {
			with = []string{fact(factAll)}
		}
		text := group(with, " AND ")
		if len(without) > 0 {
			text = "(" + text + " NOT " + group(without, " OR ") + ")"
		}
		return text, exact
	case search.Or:
		if len(q) == 0 {
			return fact(factNone), true
		}
		texts := make([]string, len(q))
		exact = true
		for i, p := range q {
			is := false
			texts[i], is = expression(p)
			exact = exact && is
		}
		return group(texts, " OR "), exact
	case search.Not:
		return expression(search.And{q})
	case search.Text:
		return sought(string(q))
	case search.Place:
		_, singles := search.Tokens(string(q))
		return together(singles, placeWord), len(singles) < 2
	case search.Within:
		return places(q.Codes, nil)
	case search.Near:
		return places(q.Around, q.Seats)
	case search.Date:
		return ranged(times(), q.Range())
	case search.Born:
		return ranged(births(), q.Range())
	case search.Posted:
		return fact(factAll), false // the rows or the columns decide
	case search.Age:
		return ranged(ages(), q.Range())
	case search.Sex:
		return fact(sexFact(string(q))), true
	case search.Source:
		return fact(sourceFact(string(q))), true
	case search.Status:
		return fact(statusFact(string(q))), true
	case search.Kind:
		return fact(kindFact(string(q))), true
	case search.HasPhoto:
		return fact(factPhoto), true
	}
	panic(fmt.Sprintf("embedded: query of type %T", q))
}

func ranged(l ladder, r search.Range) (text string, exact bool) {
	return one(l.query(r), func(f string) string { return f }), r.Empty()
}

// mostPlaces is how many divisions are asked for by their own words. Each word of a query takes a tenth of a millisecond.
const mostPlaces = 24

// places asks for a place in one of some divisions, or with its finest in seats. Of many, all that have the beginning of one of
// their codes are looked at.
func places(in, seats []string) (text string, exact bool) {
	if len(in)+len(seats) <= mostPlaces {
		texts := make([]string, 0, 2)
		if len(in) > 0 || len(seats) == 0 {
			texts = append(texts, one(in, spotFact))
		}
		if len(seats) > 0 {
			texts = append(texts, one(seats, seatFact))
		}
		return group(texts, " OR "), true
	}
	for _, digits := range coarse {
		var begin []string
		for _, code := range slices.Concat(in, seats) {
			begin = append(begin, coarseFact(code, digits))
		}
		slices.Sort(begin)
		if begin = slices.Compact(begin); len(begin) <= mostPlaces || digits == coarse[len(coarse)-1] {
			return one(begin, func(f string) string { return f }), false
		}
	}
	panic("embedded: no beginnings of codes")
}

// one asks for one of some facts.
func one(facts []string, word func(string) string) string {
	texts := make([]string, 0, len(facts))
	for _, f := range facts {
		texts = append(texts, fact(word(f)))
	}
	if len(texts) == 0 {
		return fact(factNone)
	}
	return group(texts, " OR ")
}

// sought asks for the pairs of Chinese characters and for what is in no pair. A character or a pair alone is exact, but
// for marks, which may be a word or half a pair.
func sought(s string) (text string, exact bool) {
	run, words, singles := search.Sought(s)
	if run {
		return together(words, textWord), len(words) == 1
	}
	all := slices.Clone(words)
	for _, s := range singles {
		if s != search.Break && !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(w, s) }) {
			all = append(all, s)
		}
	}
	return together(all, textWord), len(singles) == 0 || len(singles) == 1 && !startsWithMark(singles[0])
}

func startsWithMark(s string) bool {
	for _, r := range s {
		return unicode.IsMark(r)
	}
	return false
}

// together asks for all of some words.
func together(tokens []string, word func(string) string) string {
	var texts []string
	for _, t := range tokens {
		if t != search.Break {
			texts = append(texts, quoted(word(t)))
		}
	}
	if len(texts) == 0 { // says nothing, accepts everything
		return fact(factAll)
	}
	slices.Sort(texts)
	return group(slices.Compact(texts), " AND ")
}

func fact(f string) string { return quoted(factWord(f)) }

func quoted(token string) string { return `"` + token + `"` } // tokens hold no quotation marks

func group(texts []string, operator string) string {
	if len(texts) == 1 {
		return texts[0]
	}
	return "(" + strings.Join(texts, operator) + ")"
}
