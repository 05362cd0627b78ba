package elastic

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"xunqin/search"
)

// polled is how many documents of a kind vote: those that share most with the query. Where the
// kind has no more, what Votes says is what Vote says.
const polled = 200

// counted is how many words are looked at for stop-words where there are more documents.
const counted = 100

// Votes lets the server find the documents of each kind that share words with the query, rare
// words most, and counts the votes of their pictures here. Where a kind has more than 200, the
// rest is taken to meet no point: a score is then somewhat higher than Vote's, and photos that
// meet points of the query by chance alone are others than Vote's. How often a word was in
// other pictures is remembered for a minute.
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
		return nil, unanswered("find candidates", err)
	}
	return found, nil
}

// class is the pictures that are compared, and counted for stop-words, together: those of a
// method, in documents of a kind.
func class(algo, kind string) string { return method(algo + "\x00" + kind) }

// A server looks words up that are whole, so a point has several: parts of its descriptor, of
// which two descriptors that are near share one or the other. The first part is Point.Word,
// and by it Vote lets points meet. As with words that may differ in one bit, two descriptors
// 20 bits apart share one in 60 of 100 cases, and 40 apart in 20, but four words cost a server
// a tenth of the time that the nineteen cost which a word is near.
const wordsOfPoint = 4

// sought is how many words are asked for: servers with little memory take no query of more than
// 1,024 parts.
const sought = 1000

// part is a part of a descriptor, the first of which is the word.
func part(p *search.Point, n int) uint32 {
	var v uint32
	for i := range search.WordBits {
		bit := n*search.WordBits + i
		v |= uint32(p.Desc[bit/8]>>(bit%8)&1) << i
	}
	return v
}

// wordTerm is the term of the n-th part.
func wordTerm(n int, v uint32) string {
	return string(rune('a'+n)) + strconv.FormatUint(uint64(v), 36)
}

// appendWords appends the terms of a point.
func appendWords(terms []string, p *search.Point) []string {
	for n := range wordsOfPoint {
		terms = append(terms, wordTerm(n, part(p, n)))
	}
	return terms
}

// soughtWords are the terms that documents are asked for: of the first points, which are the best.
func soughtWords(f search.Features) string {
	var terms []string
	for _, p := range f.Voting() {
		if terms = appendWords(terms, &p); len(terms) >= sought {
			break
		}
	}
	return spaced(distinct(terms))
}

func (x *Index) candidates(ctx context.Context, f search.Features, most int, kinds []string) ([]search.Candidate, error) {
	if len(kinds) == 0 {
		var err error
		if kinds, err = x.kinds(ctx); err != nil {
			return nil, err
		}
	}
	kinds = distinct(slices.Clone(kinds))
	size := min(max(most, polled), 10_000)
	polls, err := x.polls(ctx, f, kinds, size)
	if err != nil {
		return nil, err
	}
	var found []search.Candidate
	for i, kind := range kinds {
		c, err := x.poll(ctx, f, kind, polls[i], size)
		if err != nil {
			return nil, err
		}
		found = append(found, c...)
	}
	slices.SortFunc(found, search.Candidate.Compare)
	return found[:min(most, len(found))], nil
}

// kinds are all that documents have.
func (x *Index) kinds(ctx context.Context) (kinds []string, err error) {
	var answer struct {
		Aggregations struct {
			Kinds struct{ Buckets []struct{ Key string } }
		}
	}
	err = x.search(ctx, object{"size": 0, "query": accepted(everything), "aggs": object{"Kinds": object{"terms": object{"field": "kind", "size": 10_000}}}}, &answer)
	for _, b := range answer.Aggregations.Kinds.Buckets {
		kinds = append(kinds, b.Key)
	}
	return kinds, err
}

// A pollAnswer is who votes of a class, best first, and how many pictures the class has.
type pollAnswer struct {
	pictures int
	voters   []read
}

// polls asks about all kinds at once.
func (x *Index) polls(ctx context.Context, f search.Features, kinds []string, size int) ([]pollAnswer, error) {
	words := soughtWords(f)
	var asks []object
	for _, kind := range kinds {
		class := class(f.Algo, kind)
		field := "words_of." + class
		ofClass := object{"exists": object{"field": field}}
		asks = append(asks,
			object{"size": 0, "query": ofClass, "aggs": object{"Pictures": object{"sum": object{"field": "count_of." + class}}}},
			object{
				// Every document of the class is an answer, so that of a small one all are.
				"query": object{"bool": object{"should": []object{
					{"match": object{field: words}}, {"constant_score": object{"filter": ofClass, "boost": 0}},
				}}},
				// Only where all are counted does the server add the words up in bulk.
				"size": size, "track_total_hits": true,
				"_source": false, "stored_fields": "_none_", "docvalue_fields": []string{"id"}, "seq_no_primary_term": true,
			})
	}
	var answers struct {
		Responses []struct {
			Error        *struct{ Type string }
			Status       int
			Hits         struct{ Hits []read }
			Aggregations struct{ Pictures struct{ Value float64 } }
		}
	}
	if err := x.searchAll(ctx, asks, &answers); err != nil || len(asks) == 0 {
		return nil, err
	}
	if len(answers.Responses) != len(asks) {
		return nil, fmt.Errorf("%w: %d answers to %d questions", search.ErrUnavailable, len(answers.Responses), len(asks))
	}
	for _, r := range answers.Responses {
		if r.Error != nil {
			return nil, itemError(r.Status, r.Error.Type)
		}
	}
	polls := make([]pollAnswer, len(kinds))
	for i := range polls {
		polls[i] = pollAnswer{int(answers.Responses[2*i].Aggregations.Pictures.Value), answers.Responses[2*i+1].Hits.Hits}
	}
	return polls, nil
}

// searchAll runs several queries over all shards.
func (x *Index) searchAll(ctx context.Context, asks []object, out any) error {
	if len(asks) == 0 {
		return nil
	}
	head, err := json.Marshal(object{"index": x.name, "allow_partial_search_results": false})
	if err != nil {
		return err
	}
	var lines bytes.Buffer
	for _, ask := range asks {
		ask["timeout"] = fmt.Sprintf("%dms", x.serverTimeout().Milliseconds())
		b, err := json.Marshal(ask)
		if err != nil {
			return err
		}
		for _, part := range [][]byte{head, b} {
			lines.Write(part)
			lines.WriteByte('\n')
		}
	}
	_, err = x.do(ctx, esapi.MsearchRequest{Body: &lines, FilterPath: []string{
		"responses.status", "responses.error.type", "responses.hits.hits", "responses.aggregations",
	}}, out)
	return err
}

func (x *Index) poll(ctx context.Context, f search.Features, kind string, of pollAnswer, size int) ([]search.Candidate, error) {
	pictures, err := x.pictures(ctx, method(f.Algo), of.voters)
	if err != nil {
		return nil, err
	}
	type photo struct{ doc, photo string }
	var photos []photo
	p := f.Poll()
	for _, d := range pictures {
		if err := eachPicture(d.pictures, func(name string, points []search.Point) {
			p.Add(search.Features{Algo: f.Algo, Points: points})
			photos = append(photos, photo{d.id, name})
		}); err != nil {
			return nil, err
		}
	}
	var stop map[uint32]bool
	if len(of.voters) == size { // there may be others
		if stop, err = x.stopWords(ctx, class(f.Algo, kind), p.Common(counted), search.StopWord(of.pictures)); err != nil {
			return nil, err
		}
	}
	best := make(map[photo]int)
	for i, score := range p.Scores(of.pictures, stop) {
		best[photos[i]] = max(best[photos[i]], score)
	}
	var found []search.Candidate
	for photo, score := range best {
		if score > 0 {
			found = append(found, search.Candidate{Doc: photo.doc, Photo: photo.photo, Kind: kind, Score: score})
		}
	}
	return found, nil
}

// pictures are those of a method in documents, from memory where they have not changed.
func (x *Index) pictures(ctx context.Context, algo string, docs []read) ([]pictured, error) {
	var list []pictured
	var missing []string
	for i := range docs {
		id, err := docs[i].text("id")
		if err != nil {
			return nil, err
		}
		if p, ok := x.photos.get(pictureKey{docs[i].Index, algo, id}, docs[i].Seq, docs[i].Term); ok {
			list = append(list, p)
		} else {
			missing = append(missing, docID(id))
		}
	}
	if len(missing) == 0 {
		return list, nil
	}
	some := false
	var answer bytes.Buffer
	ask := object{
		"size": len(missing), "query": object{"ids": object{"values": missing}}, "track_total_hits": false,
		"_source": false, "stored_fields": "_none_", "docvalue_fields": []string{"id", "pictures." + algo}, "seq_no_primary_term": true,
	}
	b, err := body(ask)
	if err != nil {
		return nil, err
	}
	if _, err := x.do(ctx, esapi.SearchRequest{
		Index: []string{x.name}, Body: b, AllowPartialSearchResults: &some, Timeout: x.serverTimeout(),
		FilterPath: []string{"hits.hits._index", "hits.hits._seq_no", "hits.hits._primary_term", "hits.hits.fields"},
	}, &answer); err != nil {
		return nil, err
	}
	text, blobs := blobsApart(answer.Bytes(), "pictures."+algo)
	var r reads
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("%w: half an answer: %w", search.ErrUnavailable, err)
	}
	for i := range r.Hits.Hits {
		d := &r.Hits.Hits[i]
		id, err := d.text("id")
		if err != nil {
			return nil, err
		}
		n, err := d.text("pictures." + algo)
		if err != nil {
			return nil, err
		}
		if n == "" {
			continue // it has changed meanwhile, and has none now
		}
		at, err := strconv.Atoi(n)
		if err != nil || at >= len(blobs) {
			return nil, errStored
		}
		p := pictured{id: id, pictures: make([]byte, base64.StdEncoding.DecodedLen(len(blobs[at])))}
		size, err := base64.StdEncoding.Decode(p.pictures, blobs[at])
		if err != nil {
			return nil, errStored
		}
		p.pictures = p.pictures[:size]
		x.photos.put(pictureKey{d.Index, algo, id}, d.Seq, d.Term, p)
		list = append(list, p)
	}
	return list, nil
}

// blobsApart takes the values of a binary field out of an answer and leaves their numbers there:
// to read megabytes of them as JSON would take longer than the search.
func blobsApart(answer []byte, field string) (text []byte, blobs [][]byte) {
	// Within a text there would be a stroke before the marks.
	before := []byte(`"` + field + `":["`)
	for {
		i := bytes.Index(answer, before)
		if i < 0 {
			return append(text, answer...), blobs
		}
		i += len(before)
		n := bytes.IndexByte(answer[i:], '"')
		if n < 0 {
			return append(text, answer...), blobs
		}
		text = strconv.AppendInt(append(text, answer[:i]...), int64(len(blobs)), 10)
		blobs = append(blobs, answer[i:i+n])
		answer = answer[i+n:]
	}
}

// stopWords are those of words that more than most documents of a class have.
func (x *Index) stopWords(ctx context.Context, class string, words []uint32, most int) (map[uint32]bool, error) {
	n, unknown := x.common.get(class, words)
	if len(unknown) > 0 {
		filters := make(object, len(unknown))
		for _, w := range unknown {
			filters[wordTerm(0, w)] = object{"term": object{"words_of." + class: wordTerm(0, w)}}
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
		for _, w := range unknown {
			n[w] = answer.Aggregations.Words.Buckets[wordTerm(0, w)].Docs
		}
		x.common.put(class, unknown, n)
	}
	stop := make(map[uint32]bool)
	for _, w := range words {
		stop[w] = n[w] > most
	}
	return stop, nil
}
