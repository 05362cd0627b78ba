package pipeline

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"xunqin/pipeline/photo"
	"xunqin/pipeline/record"
	"xunqin/search"
)

// How many documents of each kind are held against the record one by one, and how long that may take: an erasure waits for it.
const (
	sampled    = 100
	sampleTime = 20 * time.Second
)

// A Difference is something in which an index is not what the record is.
type Difference struct {
	Doc  string `json:"doc,omitempty"` // empty where it is about all
	What string `json:"what"`          // a count, or the field that was asked for
	Want string `json:"want"`
	Got  string `json:"got"`
}

// Unequal is an index that is not what the record is, and so was not let answer.
type Unequal struct {
	Differences []Difference // the first hundred
	Checked     int          // documents
}

// Error names the first difference.
func (u *Unequal) Error() string {
	d := u.Differences[0]
	return fmt.Sprintf("the index is not what the record is, in %d things of %d documents looked at; %s %s: want %s, got %s", len(u.Differences), u.Checked, d.Doc, d.What, d.Want, d.Got)
}

const mostDifferences = 100

// check holds an index against one state of the record: all counts, and a random sample of documents by every way in which they
// are found, of which [search.Match] says what is right. It says how many documents it looked at; a difference is *Unequal.
func (p *Pipeline) check(ctx context.Context, x search.Index) (int, error) {
	if c, ok := x.(interface{ Check(context.Context) error }); ok {
		if err := c.Check(ctx); err != nil {
			return 0, err
		}
	}
	p.rebuild.walk.Lock()
	defer p.rebuild.walk.Unlock()
	want, docs, err := p.freeze(ctx, x)
	if err != nil {
		return 0, err
	}
	c := &checker{x: x, docs: docs}
	if err := c.counts(ctx, want); err != nil {
		return 0, err
	}
	end := time.Now().Add(sampleTime)
	for i, d := range docs {
		if i > 0 && time.Now().After(end) {
			break
		}
		if err := c.document(ctx, d, docs[rand.IntN(len(docs))]); err != nil {
			return i, err
		}
		c.checked++
	}
	if len(c.found) > 0 {
		return c.checked, &Unequal{c.found, c.checked}
	}
	return c.checked, nil
}

// freeze brings an index to one state of the record, and reads in the same state what it has to hold and a sample.
func (p *Pipeline) freeze(ctx context.Context, x search.Index) (want record.Searchable, docs []search.Doc, err error) {
	for {
		if err := p.followFrom(ctx, x, -1); err != nil {
			return want, nil, err
		}
		info, err := x.Info(ctx)
		if err != nil {
			return want, nil, err
		}
		var rest batch
		err = p.Records.Snapshot(ctx, func(tx *sql.Tx) error {
			if rest, err = p.batch(ctx, tx, info.Seq, followed); err != nil || rest.n == followed {
				return err
			}
			if want, err = p.Records.Searchable(ctx, tx); err != nil {
				return err
			}
			docs, err = p.sample(ctx, tx)
			return err
		})
		if err != nil {
			return want, nil, err
		}
		if rest.n == followed {
			continue // too much came: once more
		}
		if rest.n > 0 {
			err = x.Apply(ctx, rest.seq, rest.put, rest.del)
		}
		return want, docs, err
	}
}

// sample reads documents that are drawn at random, posts and reports. Ids are random, so those after another random one will do.
func (p *Pipeline) sample(ctx context.Context, tx *sql.Tx) (docs []search.Doc, err error) {
	for _, kind := range []string{"post", "report"} {
		refs := map[string]record.Change{}
		for n := range sampled + 1 {
			from, most := record.NewID(), 1
			if n == 0 { // all, if there are no more
				from, most = "", sampled
			}
			list, err := p.Records.From(ctx, tx, kind, from, most)
			if err != nil {
				return nil, err
			}
			for _, c := range list {
				if n > 0 || len(list) < sampled {
					refs[c.DocID] = c
				}
			}
			if n == 0 && len(list) < sampled {
				break
			}
		}
		for _, id := range slices.Sorted(maps.Keys(refs)) {
			d, ok, err := p.Records.Doc(ctx, tx, refs[id])
			if err != nil {
				return nil, err
			}
			if ok {
				docs = append(docs, d)
			}
		}
	}
	rand.Shuffle(len(docs), func(i, j int) { docs[i], docs[j] = docs[j], docs[i] })
	return docs, nil
}

// A checker gathers differences.
type checker struct {
	x       search.Index
	docs    []search.Doc
	found   []Difference
	checked int
}

func (c *checker) differ(doc, what string, want, got any) {
	if len(c.found) < mostDifferences {
		c.found = append(c.found, Difference{doc, what, fmt.Sprint(want), fmt.Sprint(got)})
	}
}

func (c *checker) counts(ctx context.Context, want record.Searchable) error {
	info, err := c.x.Info(ctx)
	if err != nil {
		return err
	}
	all := int64(0)
	for _, kind := range slices.Sorted(maps.Keys(want.Docs)) {
		n := want.Docs[kind]
		all += n
		r, err := c.find(ctx, search.Kind(kind), search.Page{Limit: 1, Count: int(n) + 1000})
		if err != nil {
			return err
		}
		if int64(r.Total) != n {
			c.differ("", "count "+kind, n, r.Total)
		}
	}
	for _, n := range []struct {
		what      string
		want, got int64
	}{{"count documents", all, info.Docs}, {"count photos", want.Photos, info.Photos}, {"count fingerprints", want.Prints, info.Prints}} {
		if n.want != n.got {
			c.differ("", n.what, n.want, n.got)
		}
	}
	return nil
}

// document asks for one document by all that is known of it, and by what is known of another one.
func (c *checker) document(ctx context.Context, d, other search.Doc) error {
	subject := search.Analyse(d)
	for _, q := range append(questions(d), questions(other)...) {
		want := subject.Match(q.query)
		got, err := c.accepts(ctx, q.query, d)
		if err != nil {
			return err
		}
		if want != got {
			c.differ(d.ID, q.field, want, got)
		}
	}
	for _, ph := range d.Photos {
		if err := c.prints(ctx, d, ph); err != nil {
			return err
		}
		if err := c.features(ctx, d, ph); err != nil {
			return err
		}
	}
	return nil
}

// accepts reports whether a query finds the document, as it is: what stands where it has to stand in the answer is looked at.
func (c *checker) accepts(ctx context.Context, q search.Query, d search.Doc) (bool, error) {
	last := len(d.ID) - 1
	before := d.ID[:last] + string(d.ID[last]-1) + "~" // ids are small letters and digits
	r, err := c.find(ctx, q, search.Page{After: search.Key{At: d.At, ID: before}, Limit: 1})
	if err != nil {
		return false, err
	}
	return len(r.Found) == 1 && r.Found[0].ID == d.ID && r.Found[0].Kind == d.Kind && r.Found[0].At.UnixMilli() == d.At.UnixMilli(), nil
}

// find asks the whole index: from half an answer nothing follows.
func (c *checker) find(ctx context.Context, q search.Query, page search.Page) (search.Result, error) {
	r, err := c.x.Find(ctx, q, page)
	if err == nil && r.Partial {
		err = fmt.Errorf("check: %w: part of it", search.ErrUnavailable)
	}
	return r, err
}

// A question is a query about one field.
type question struct {
	field string
	query search.Query
}

// mostWords of a document are asked for, a few at a time, and so many characters of it in a row.
const (
	mostWords  = 400
	wordsAsked = 20
	phrase     = 12
)

// questions are queries about every field of a document; those whose answer is no for it are among them.
func questions(d search.Doc) (list []question) {
	ask := func(field string, q search.Query) { list = append(list, question{field, q}) }
	ask("kind", search.Kind(d.Kind))
	ask("source", search.Source(d.Source))
	ask("status", search.Status(d.Status))
	ask("photos", search.HasPhoto{})
	for _, sex := range []string{search.Male, search.Female} {
		ask("sex", search.Sex(sex))
	}
	if d.Place != "" {
		ask("place", search.Place(d.Place))
	}
	words, _ := search.Tokens(d.Text)
	words = slices.DeleteFunc(words, func(w string) bool { return w == search.Break })
	for part := range slices.Chunk(words[:min(len(words), mostWords)], wordsAsked) {
		var all search.And
		for _, w := range part {
			all = append(all, search.Text(w))
		}
		ask("words", all)
	}
	if text := []rune(d.Text); len(text) > 0 {
		i := rand.IntN(len(text))
		ask("text", search.Text(text[i:min(len(text), i+phrase)]))
	}
	var codes []string
	for _, s := range d.Facts.Places {
		codes = append(codes, s.Path...)
		ask("divisions", search.Near{Seats: s.Path[len(s.Path)-1:]})
	}
	slices.Sort(codes)
	for _, code := range slices.Compact(codes) {
		ask("divisions", search.Within{Codes: []string{code}})
	}
	for _, r := range []struct {
		field string
		of    search.Range
		query func(from, to time.Time) search.Query
	}{
		{"time", d.Time(), func(from, to time.Time) search.Query { return search.Date{From: from, To: to} }},
		{"birth", d.Born(), func(from, to time.Time) search.Query { return search.Born{From: from, To: to} }},
		{"written", search.Range{First: d.At.UnixMilli(), Last: d.At.UnixMilli()}, func(from, to time.Time) search.Query { return search.Posted{From: from, To: to} }},
	} {
		for _, day := range days(r.of) {
			ask(r.field, r.query(day, day.AddDate(0, 0, 1)))
		}
	}
	if r := d.Age(); !r.Empty() {
		for _, m := range []int64{r.First - 1, r.First, r.Last, r.Last + 1} {
			if m >= 0 && m < search.MaxAge {
				ask("age", search.Age{From: int(m), To: int(m) + 1})
			}
		}
	}
	return list
}

// days are the first and last day of a range and those outside it, as they begin in China.
func days(r search.Range) (list []time.Time) {
	if r.Empty() {
		return nil
	}
	for _, ms := range []int64{r.First, r.Last} {
		t := time.UnixMilli(ms).In(china)
		if t.Year() < 1 || t.Year() > 9998 { // an open end
			continue
		}
		day := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, china)
		list = append(list, day.AddDate(0, 0, -1), day, day.AddDate(0, 0, 1))
	}
	return list
}

// printsAsked of a photo are looked for, drawn at random.
const printsAsked = 4

func (c *checker) prints(ctx context.Context, d search.Doc, ph search.PhotoRef) error {
	for n, i := range rand.Perm(len(ph.Prints)) {
		if n == printsAsked {
			break
		}
		hits, err := c.x.Similar(ctx, ph.Prints[i], 0, d.Kind)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(hits, func(h search.Hit) bool {
			return h.Doc == d.ID && h.Photo == ph.ID && h.Distance == 0 && h.Kind == d.Kind
		}) {
			c.differ(d.ID, "fingerprint "+ph.Prints[i].Algo, "found", "not found")
		}
	}
	return nil
}

// mostVoted candidates are looked at. A picture that has so many copies says nothing of one of them.
const mostVoted = 50

func (c *checker) features(ctx context.Context, d search.Doc, ph search.PhotoRef) error {
	for _, f := range ph.Features {
		alone, err := search.Vote([]search.Doc{d}, f, 1)
		if err != nil {
			return err
		}
		if len(alone) == 0 {
			continue // too little in it
		}
		list, err := c.x.Votes(ctx, f, mostVoted, d.Kind)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(list, func(v search.Candidate) bool { return v.Doc == d.ID && v.Photo == ph.ID }) {
			continue
		}
		copies, err := c.copiesOf(ctx, ph)
		if err != nil {
			return err
		}
		if copies < mostVoted/2 && len(list) < mostVoted {
			c.differ(d.ID, "features "+f.Algo, "found", "not found")
		}
	}
	return nil
}

func (c *checker) copiesOf(ctx context.Context, ph search.PhotoRef) (int, error) {
	for _, f := range ph.Prints {
		if f.Algo == photo.Perception {
			hits, err := c.x.Similar(ctx, f, photo.PerceptionRadius)
			return len(hits), err
		}
	}
	return 0, nil
}
