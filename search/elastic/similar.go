package elastic

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
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
		return nil, unanswered("find similar photos", err)
	}
	return hits, nil
}

// nearest are how many documents are asked for: first so many, and if there are as many, more.
var nearest = []int{100, 10_000}

func (x *Index) similar(ctx context.Context, f search.Fingerprint, radius int, kinds []string) ([]search.Hit, error) {
	field := vector(f.Algo, len(f.Bits))
	if has, err := x.has(ctx, "vectors."+field); err != nil || !has {
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
			if err := s.look(&d); err != nil {
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

// printed asks for what a seeker looks at.
var printed = object{"_source": false, "stored_fields": "_none_", "docvalue_fields": []string{"id", "kind", "prints"}, "track_total_hits": false}

// near asks for the documents with the nearest fingerprints.
func (x *Index) near(ctx context.Context, f search.Fingerprint, radius int, kinds []string, k int) ([]read, error) {
	var filter []object
	if len(kinds) > 0 {
		filter = append(filter, terms("kind", kinds))
	}
	// So many errors leave a part of 16 bits whole, or with one error.
	if parts := len(f.Bits) / 2; radius < parts {
		filter = append(filter, terms("bands", appendBands(nil, f, 0)))
	} else if radius < 2*parts {
		filter = append(filter, terms("bands", appendBands(nil, f, 1)))
	}
	knn := object{
		"field": "vectors." + vector(f.Algo, len(f.Bits)), "query_vector": hex.EncodeToString(f.Bits), "similarity": radius, "k": k, "num_candidates": k,
	}
	if len(filter) > 0 {
		knn["filter"] = filter
	}
	ask := maps.Clone(printed)
	ask["knn"], ask["size"] = knn, k
	var answer reads
	err := x.search(ctx, ask, &answer)
	return answer.Hits.Hits, err
}

// reads is an answer of documents.
type reads struct {
	PIT  string `json:"pit_id"`
	Hits struct{ Hits []read }
}

// scanned is how many documents are read at once.
const scanned = 1000

// scan reads all documents with a fingerprint of a method, as they are at one instant.
func (x *Index) scan(ctx context.Context, field string, kinds []string, look func(*read) error) (err error) {
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
	ask := maps.Clone(printed)
	ask["size"], ask["query"], ask["sort"] = scanned, all(filter, nil), []object{{"_shard_doc": "asc"}}
	for {
		ask["pit"] = object{"id": pit.ID, "keep_alive": keep}
		var answer reads
		if err := x.search(ctx, ask, &answer); err != nil {
			return err
		}
		for i := range answer.Hits.Hits {
			if err := look(&answer.Hits.Hits[i]); err != nil {
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
func (s *seeker) look(d *read) error {
	id, err := d.text("id")
	if err != nil {
		return err
	}
	kind, err := d.text("kind")
	if err != nil {
		return err
	}
	prints, err := d.blob("prints")
	if err != nil {
		return err
	}
	best := make(map[string]int) // where the photo stands in hits
	return eachPrint(prints, func(photo string, f search.Fingerprint) {
		if f.Algo != s.print.Algo || len(f.Bits) != len(s.print.Bits) {
			return
		}
		h := search.Hit{Doc: id, Photo: photo, Kind: kind, Distance: search.Hamming(f.Bits, s.print.Bits), Fingerprint: f}
		if h.Distance > s.radius {
			return
		}
		if i, ok := best[h.Photo]; !ok {
			best[h.Photo] = len(s.hits)
			s.hits = append(s.hits, h)
		} else if h.Distance < s.hits[i].Distance {
			s.hits[i] = h
		}
	})
}

func (s *seeker) sorted() []search.Hit {
	slices.SortFunc(s.hits, search.Hit.Compare)
	return s.hits
}
