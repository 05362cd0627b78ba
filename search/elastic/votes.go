package elastic

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"xunqin/search"
)

// polled is how many documents of a kind vote: those that have words near most points of the
// query. Where no more have any, what Votes says is what Vote says.
const polled = 200

// counted is how many words are looked at for stop-words where more have any.
const counted = 100

// Votes lets the server find the documents of each kind with words near most points of the
// query, and counts the votes of their pictures here. Where more than 200 have such words, as
// in any large index, the rest is taken to meet no point: a score is then somewhat higher than
// Vote's, and a photo that shares few of the words, if most of their bits, may be missing.
func (x *Index) Votes(ctx context.Context, f search.Features, most int, kinds ...string) ([]search.Candidate, error) {
	err := search.CheckVotes(f, most)
	if err == nil {
		err = x.ready(ctx)
	}
	var found []search.Candidate
	if err == nil && len(f.Points) > 0 {
		found, err = x.candidates(ctx, f, most, kinds)
	}
	if err != nil {
		return nil, fmt.Errorf("find candidates: %w", err)
	}
	return found, nil
}

// ballot is the field that counts the pictures of a method.
func ballot(algo string) string { return "b_" + method(algo) }

// voter is the term of a word in pictures of a method and documents of a kind.
func voter(algo, kind string, word uint32) string {
	return method(algo + "\x00" + kind)[:8] + strconv.FormatUint(uint64(word), 36)
}

func (x *Index) candidates(ctx context.Context, f search.Features, most int, kinds []string) ([]search.Candidate, error) {
	field := ballot(f.Algo)
	if has, err := x.has(ctx, field); err != nil || !has {
		return nil, err
	}
	electorate, err := x.electorate(ctx, field, kinds)
	if err != nil {
		return nil, err
	}
	var found []search.Candidate
	for kind, n := range electorate {
		c, err := x.poll(ctx, f, kind, n, min(max(most, polled), 10_000))
		if err != nil {
			return nil, err
		}
		found = append(found, c...)
	}
	slices.SortFunc(found, search.Candidate.Compare)
	return found[:min(most, len(found))], nil
}

// electorate counts the pictures of a method by kind of document.
func (x *Index) electorate(ctx context.Context, field string, kinds []string) (map[string]int, error) {
	filter := everything
	if len(kinds) > 0 {
		filter = terms("kind", kinds)
	}
	var answer struct {
		Aggregations struct {
			Kinds struct {
				Buckets []struct {
					Key      string
					Pictures struct{ Value float64 }
				}
			}
		}
	}
	err := x.search(ctx, object{"size": 0, "query": accepted(filter), "aggs": object{
		"Kinds": object{"terms": object{"field": "kind", "size": 1000}, "aggs": object{"Pictures": object{"sum": object{"field": "ballot." + field}}}},
	}}, &answer)
	n := make(map[string]int)
	for _, b := range answer.Aggregations.Kinds.Buckets {
		if b.Pictures.Value > 0 {
			n[b.Key] = int(b.Pictures.Value)
		}
	}
	return n, err
}

func (x *Index) poll(ctx context.Context, f search.Features, kind string, n, most int) ([]search.Candidate, error) {
	p := f.Poll()
	var points []object
	for _, words := range p.Words() {
		list := make([]string, len(words))
		for i, w := range words {
			list[i] = voter(f.Algo, kind, w)
		}
		points = append(points, object{"constant_score": object{"filter": object{"terms": object{"voting": list}}}})
	}
	var answer sources
	if err := x.search(ctx, object{
		"size": most, "track_total_hits": false, "query": object{"bool": object{"should": points}}, "_source": []string{"id", "kind", "pictures"},
	}, &answer); err != nil {
		return nil, err
	}
	type photo struct{ doc, photo string }
	var of []photo
	for _, d := range answer.docs() {
		for _, stored := range d.Pictures {
			known, err := stored.features()
			if err != nil {
				return nil, err
			}
			if known.Algo == f.Algo {
				p.Add(known)
				of = append(of, photo{d.ID, stored.Photo})
			}
		}
	}
	var stop map[uint32]bool
	if len(answer.Hits.Hits) == most { // there may be others
		var err error
		if stop, err = x.stopWords(ctx, f.Algo, kind, p.Common(counted), search.StopWord(n)); err != nil {
			return nil, err
		}
	}
	best := make(map[photo]int)
	for i, score := range p.Scores(n, stop) {
		best[of[i]] = max(best[of[i]], score)
	}
	var found []search.Candidate
	for photo, score := range best {
		if score > 0 {
			found = append(found, search.Candidate{Doc: photo.doc, Photo: photo.photo, Kind: kind, Score: score})
		}
	}
	return found, nil
}

// stopWords are those of words that more than most documents of a kind have.
func (x *Index) stopWords(ctx context.Context, algo, kind string, words []uint32, most int) (map[uint32]bool, error) {
	filters := make(object, len(words))
	for _, w := range words {
		filters[strconv.FormatUint(uint64(w), 10)] = object{"term": object{"voting": voter(algo, kind, w)}}
	}
	if len(filters) == 0 {
		return nil, nil
	}
	var answer struct {
		Aggregations struct {
			Words struct {
				Buckets map[string]struct {
					Docs int `json:"doc_count"`
				}
			}
		}
	}
	if err := x.search(ctx, object{"size": 0, "aggs": object{"Words": object{"filters": object{"filters": filters}}}}, &answer); err != nil {
		return nil, err
	}
	stop := make(map[uint32]bool)
	for _, w := range words {
		stop[w] = answer.Aggregations.Words.Buckets[strconv.FormatUint(uint64(w), 10)].Docs > most
	}
	return stop, nil
}

func (p picture) features() (f search.Features, err error) {
	err = f.UnmarshalBinary(p.Points)
	return f, err
}
