package elastic

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"xunqin/search"
)

// Similar lets the server compare fingerprints: those that share a part with f or with one
// that differs from f in a bit of it, where none else can be as near, and otherwise all. The
// distances are counted here. More documents than the server gives at once, ten thousand,
// are read one after the other, all of the method.
func (x *Index) Similar(ctx context.Context, f search.Fingerprint, radius int, kinds ...string) ([]search.Hit, error) {
	err := f.Check()
	if err == nil && radius < 0 {
		err = fmt.Errorf("radius %d", radius)
	}
	if err == nil {
		err = x.ready(ctx)
	}
	var hits []search.Hit
	if err == nil {
		hits, err = x.similar(ctx, f, min(radius, 8*len(f.Bits)), kinds)
	}
	if err != nil {
		return nil, fmt.Errorf("find similar photos: %w", err)
	}
	return hits, nil
}

// nearest are how many documents are asked for: first so many, and if there are as many, more.
var nearest = []int{100, 10_000}

func (x *Index) similar(ctx context.Context, f search.Fingerprint, radius int, kinds []string) ([]search.Hit, error) {
	field := vector(f.Algo, len(f.Bits))
	if has, err := x.has(ctx, field); err != nil || !has {
		return nil, err
	}
	s := seeker{print: f, radius: radius}
	for _, k := range nearest {
		docs, err := x.near(ctx, f, radius, kinds, k)
		if err != nil {
			return nil, err
		}
		if len(docs) == k {
			continue
		}
		for _, d := range docs {
			if err := s.look(d); err != nil {
				return nil, err
			}
		}
		return s.sorted(), nil
	}
	if err := x.scan(ctx, field, kinds, s.look); err != nil {
		return nil, err
	}
	return s.sorted(), nil
}

// near asks for the documents with the nearest fingerprints.
func (x *Index) near(ctx context.Context, f search.Fingerprint, radius int, kinds []string, k int) ([]stored, error) {
	var filter []object
	if len(kinds) > 0 {
		filter = append(filter, terms("kind", kinds))
	}
	// So many errors leave a part of 16 bits whole, or with one error.
	if parts := len(f.Bits) / 2; radius < parts {
		filter = append(filter, terms("bands", bands(f, 0)))
	} else if radius < 2*parts {
		filter = append(filter, terms("bands", bands(f, 1)))
	}
	knn := object{
		"field": "prints." + vector(f.Algo, len(f.Bits)), "query_vector": hex.EncodeToString(f.Bits), "similarity": radius, "k": k, "num_candidates": k,
	}
	if len(filter) > 0 {
		knn["filter"] = filter
	}
	var answer sources
	err := x.search(ctx, object{"knn": knn, "size": k, "track_total_hits": false, "_source": []string{"id", "kind", "prints"}}, &answer)
	return answer.docs(), err
}

// sources is an answer of documents as they are stored.
type sources struct {
	PIT  string `json:"pit_id"`
	Hits struct {
		Total struct{ Value int }
		Hits  []struct {
			Source stored `json:"_source"`
			Sort   []json.RawMessage
		}
	}
}

func (s *sources) docs() []stored {
	list := make([]stored, len(s.Hits.Hits))
	for i := range list {
		list[i] = s.Hits.Hits[i].Source
	}
	return list
}

// scanned is how many documents are read at once.
const scanned = 1000

// scan reads all documents with a fingerprint of a method, as they are at one instant.
func (x *Index) scan(ctx context.Context, field string, kinds []string, look func(stored) error) (err error) {
	const keep = "1m"
	var pit struct{ ID string }
	if _, err := x.do(ctx, esapi.OpenPointInTimeRequest{Index: []string{x.name}, KeepAlive: keep}, &pit); err != nil {
		return err
	}
	defer func() {
		if b, e := body(object{"id": pit.ID}); e == nil {
			// It goes by itself a minute later.
			_, _ = x.do(context.WithoutCancel(ctx), esapi.ClosePointInTimeRequest{Body: b}, nil)
		}
	}()
	filter := []object{terms("methods", []string{field})}
	if len(kinds) > 0 {
		filter = append(filter, terms("kind", kinds))
	}
	ask := object{
		"size": scanned, "query": all(filter, nil), "sort": []object{{"_shard_doc": "asc"}}, "track_total_hits": false,
		"_source": []string{"id", "kind", "prints"},
	}
	for {
		ask["pit"] = object{"id": pit.ID, "keep_alive": keep}
		var answer sources
		if err := x.search(ctx, ask, &answer); err != nil {
			return err
		}
		for _, d := range answer.docs() {
			if err := look(d); err != nil {
				return err
			}
		}
		n := len(answer.Hits.Hits)
		if n < scanned {
			return nil
		}
		ask["search_after"] = answer.Hits.Hits[n-1].Sort
		if answer.PIT != "" {
			pit.ID = answer.PIT
		}
	}
}

// A seeker collects the photos within a radius of a fingerprint.
type seeker struct {
	print  search.Fingerprint
	radius int
	hits   []search.Hit
}

// look adds the photos of a document, each once.
func (s *seeker) look(d stored) error {
	best := make(map[string]int) // where the photo stands in hits
	for _, p := range d.Prints {
		if p.About.Algo != s.print.Algo || len(p.bits) != 2*len(s.print.Bits) {
			continue
		}
		f, err := p.fingerprint()
		if err != nil {
			return err
		}
		h := search.Hit{Doc: d.ID, Photo: p.About.Photo, Kind: d.Kind, Distance: search.Hamming(f.Bits, s.print.Bits), Fingerprint: f}
		if h.Distance > s.radius {
			continue
		}
		if i, ok := best[h.Photo]; !ok {
			best[h.Photo] = len(s.hits)
			s.hits = append(s.hits, h)
		} else if h.Distance < s.hits[i].Distance {
			s.hits[i] = h
		}
	}
	return nil
}

func (s *seeker) sorted() []search.Hit {
	slices.SortFunc(s.hits, search.Hit.Compare)
	return s.hits
}
