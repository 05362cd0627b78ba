package elastic

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"time"
	"unicode/utf8"

	"xunqin/search"
)

// Find lets the server read its postings; counting costs the more, the higher Page.Count is.
// Where shards fail or time runs out, the Result is of the others, and says so.
func (x *Index) Find(ctx context.Context, q search.Query, p search.Page) (search.Result, error) {
	var r search.Result
	err := x.ready(ctx)
	if err == nil {
		r, err = x.find(ctx, q, p)
	}
	if err != nil {
		return search.Result{}, unanswered("find", err)
	}
	return r, nil
}

// newest is the order of answers.
var newest = []object{{"at": object{"order": "desc"}}, {"id": object{"order": "asc"}}}

// A sorted hit is one of an answer in the order of answers.
type sorted struct {
	Sort   []json.RawMessage
	Fields struct{ Kind []string }
}

func (h sorted) found() (f search.Found, err error) {
	var ms int64
	if len(h.Sort) != 2 || len(h.Fields.Kind) != 1 {
		return f, fmt.Errorf("%w: half an answer", search.ErrUnavailable)
	}
	if err := json.Unmarshal(h.Sort[0], &ms); err != nil {
		return f, err
	}
	if err := json.Unmarshal(h.Sort[1], &f.ID); err != nil {
		return f, err
	}
	f.At, f.Kind = time.UnixMilli(ms).UTC(), h.Fields.Kind[0]
	return f, nil
}

func (x *Index) find(ctx context.Context, q search.Query, p search.Page) (r search.Result, err error) {
	size := p.Size()
	ask := object{
		"size": size + 1, "query": accepted(compile(q)), "sort": newest,
		"_source": false, "stored_fields": "_none_", "docvalue_fields": []string{"kind"}, "track_total_hits": false,
	}
	if p.Count > 0 {
		ask["track_total_hits"] = p.Count
	}
	if !p.After.IsZero() {
		ask["search_after"] = []any{p.After.At.UnixMilli(), p.After.ID}
	}
	var answer struct {
		TimedOut bool                            `json:"timed_out"`
		Shards   struct{ Total, Successful int } `json:"_shards"`
		Hits     struct {
			Total struct{ Value int }
			Hits  []sorted
		}
	}
	if err := x.searchSome(ctx, ask, &answer); err != nil {
		return r, err
	}
	if s := answer.Shards; s.Successful < s.Total {
		if s.Successful == 0 {
			return r, fmt.Errorf("%w: none of %d shards does", search.ErrUnavailable, s.Total)
		}
		r.Partial, r.Missing = true, float64(s.Total-s.Successful)/float64(s.Total)
	}
	r.Partial = r.Partial || answer.TimedOut
	for _, h := range answer.Hits.Hits {
		f, err := h.found()
		if err != nil {
			return r, err
		}
		r.Found = append(r.Found, f)
	}
	if len(r.Found) > size {
		r.Found = r.Found[:size:size]
		r.Next = r.Found[size-1].Key()
	}
	r.Total = min(answer.Hits.Total.Value, max(p.Count, 0))
	return r, nil
}

// accepted leaves the mark out of an answer.
func accepted(q object) object {
	return object{"bool": object{"filter": q, "must_not": object{"ids": object{"values": []string{markID}}}}}
}

var (
	everything = object{"match_all": object{}}
	nothing    = object{"match_none": object{}}
)

// compile writes q in the language of Elasticsearch.
func compile(q search.Query) object {
	switch q := q.(type) {
	case nil:
		return everything
	case search.And:
		var with, without []object
		for _, p := range q {
			if not, ok := p.(search.Not); ok {
				without = append(without, compile(not.Query))
			} else {
				with = append(with, compile(p))
			}
		}
		return all(with, without)
	case search.Or:
		return one(q)
	case search.Not:
		return all(nil, []object{compile(q.Query)})
	case search.Text:
		return text(string(q))
	case search.Place:
		_, singles := search.Tokens(string(q))
		return phrase("place", singles)
	case search.Within:
		return terms("path", q.Codes)
	case search.Near:
		return object{"bool": object{"should": []object{terms("path", q.Around), terms("seat", q.Seats)}}}
	case search.Date:
		return meets("time", q.Range())
	case search.Posted:
		r := q.Range()
		return object{"range": object{"at": object{"gte": r.First, "lte": r.Last}}}
	case search.Born:
		return meets("born", q.Range())
	case search.Age:
		return meets("age", q.Range())
	case search.Sex:
		if q == "" {
			return nothing
		}
		return term("sex", string(q))
	case search.Source:
		return term("source", search.Name(string(q)))
	case search.Status:
		return term("status", search.Name(string(q)))
	case search.Kind:
		return term("kind", string(q))
	case search.HasPhoto:
		return object{"range": object{"photos": object{"gte": 1}}}
	}
	panic(fmt.Sprintf("elastic: query of type %T", q))
}

func all(with, without []object) object {
	switch {
	case len(with)+len(without) == 0:
		return everything
	case len(with) == 1 && len(without) == 0:
		return with[0]
	}
	parts := object{}
	if len(with) > 0 {
		parts["filter"] = with
	}
	if len(without) > 0 {
		parts["must_not"] = without
	}
	return object{"bool": parts}
}

func one(parts []search.Query) object {
	if len(parts) == 0 {
		return nothing
	}
	list := make([]object, len(parts))
	for i, p := range parts {
		list[i] = compile(p)
	}
	return object{"bool": object{"should": list}}
}

func term(field, value string) object {
	if !utf8.ValidString(value) { // no document has it
		return nothing
	}
	return object{"term": object{field: value}}
}

func terms(field string, values []string) object {
	values = slices.DeleteFunc(slices.Clone(values), func(s string) bool { return !utf8.ValidString(s) })
	if len(values) == 0 {
		return nothing
	}
	return object{"terms": object{field: values}}
}

func meets(field string, r search.Range) object {
	if r.Empty() {
		return nothing
	}
	return object{"range": object{field: object{"gte": r.First, "lte": r.Last, "relation": "intersects"}}}
}

func phrase(field string, tokens []string) object {
	switch len(tokens) {
	case 0: // says nothing, accepts everything
		return everything
	case 1:
		return object{"term": object{field: tokens[0]}}
	}
	return object{"match_phrase": object{field: spaced(tokens)}}
}

// text asks for words where that is the same as asking for singles; elsewhere for both, as
// words are rarer.
func text(s string) object {
	run, words, singles := search.Sought(s)
	if run {
		return phrase("words", words)
	}
	with := []object{phrase("singles", singles)}
	for _, w := range words {
		with = append(with, object{"term": object{"words": w}})
	}
	return all(with, nil)
}

// Facets asks the server for the last document that counts, and then for the counts.
func (x *Index) Facets(ctx context.Context, q search.Query, f search.Facet) (search.Facets, error) {
	var counts search.Facets
	err := x.ready(ctx)
	if err == nil {
		counts, err = x.facets(ctx, compile(q), f)
	}
	if err != nil {
		return search.Facets{}, unanswered("count facets", err)
	}
	return counts, nil
}

// mostValues is more than documents of an answer can have, but of months, of which there are
// as many only in answers from a thousand years.
const mostValues = 10_000

var digits = regexp.MustCompile(`^[0-9]*$`)

func (x *Index) facets(ctx context.Context, q object, f search.Facet) (search.Facets, error) {
	q, more, err := x.first(ctx, q, f.Size())
	if err != nil {
		return search.Facets{}, err
	}
	values := func(field string) object { return object{"terms": object{"field": field, "size": mostValues}} }
	below := f.Below
	if !digits.MatchString(below) {
		below = "none" // no division is called so
	}
	divisions := object{"terms": object{"field": "facet.division", "size": mostValues, "include": below + "/.*"}}
	ask := object{"size": 0, "track_total_hits": true, "query": accepted(q), "aggs": object{
		search.BySource: values("source"), search.ByStatus: values("status"), search.ByKind: values("kind"), search.BySex: values("sex"),
		search.ByMonth: values("facet.month"), search.ByAge: values("facet.age"), search.ByDivision: divisions,
	}}
	var answer struct {
		Hits         struct{ Total struct{ Value int } }
		Aggregations map[string]struct {
			Buckets []struct {
				Key   string
				Count int `json:"doc_count"`
			}
		}
	}
	if err := x.search(ctx, ask, &answer); err != nil {
		return search.Facets{}, err
	}
	counts := make(map[string]map[string]int, len(answer.Aggregations))
	for by, values := range answer.Aggregations {
		counts[by] = make(map[string]int, len(values.Buckets))
		for _, b := range values.Buckets {
			value := b.Key
			if by == search.ByDivision {
				value = value[len(f.Below)+1:]
			}
			if value != "" { // nothing is said
				counts[by][value] = b.Count
			}
		}
	}
	return f.Of(counts, answer.Hits.Total.Value, more), nil
}

// first narrows q to the first n documents of its answer, and says whether there are more.
func (x *Index) first(ctx context.Context, q object, n int) (object, bool, error) {
	var answer struct {
		Hits struct {
			Total struct{ Value int }
			Hits  []sorted
		}
	}
	err := x.search(ctx, object{
		"from": n - 1, "size": 1, "query": accepted(q), "sort": newest, "track_total_hits": n + 1,
		"_source": false, "stored_fields": "_none_", "docvalue_fields": []string{"kind"},
	}, &answer)
	if err != nil || answer.Hits.Total.Value <= n || len(answer.Hits.Hits) == 0 {
		return q, false, err
	}
	last, err := answer.Hits.Hits[0].found()
	if err != nil {
		return nil, false, err
	}
	at := last.At.UnixMilli()
	return all([]object{q, {"bool": object{"should": []object{
		{"range": object{"at": object{"gt": at}}},
		all([]object{{"term": object{"at": at}}, {"range": object{"id": object{"lte": last.ID}}}}, nil),
	}}}}, nil), true, nil
}
