package elastic

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"xunqin/search"
)

// format changes when the mapping does, or what is put into it.
const format = 2

// markID is the document that holds the mark; documents of the record have others.
const markID = "mark"

func docID(id string) string { return "d" + id }

// mapping is all of an index that is there from the beginning; methods come with the first
// document that has them. It is strict, so that nothing is stored that could not be found.
// No source is stored: what is read of a document are its doc values.
func (c Config) mapping(settings object) object {
	keyword := object{"type": "keyword"}
	counted := object{"type": "keyword", "index": false}
	terms := object{"type": "keyword", "doc_values": false}
	number := object{"type": "integer", "index": false}
	ranged := object{"type": "long_range", "doc_values": false}
	tokens := object{"type": "text", "analyzer": "whitespace", "norms": false, "index_options": "positions"}
	index := object{
		"number_of_shards": max(c.Shards, 1), "number_of_replicas": c.Replicas,
		// What is written is seen when Apply says so, and not before.
		"refresh_interval": "-1",
		// A late batch must not bring back what was deleted: how long deletions keep their version.
		"gc_deletes": "1h",
		// Purge is to reach the segment of a single deletion.
		"merge": object{"policy": object{"expunge_deletes_allowed": 0}},
	}
	maps.Copy(index, settings)
	return object{
		"settings": object{"index": index},
		"mappings": object{
			"dynamic": "strict",
			"_meta":   object{"application": "xunqin", "format": format, "analyser": search.Analyser(), "owner": c.Owner},
			"_source": object{"enabled": false},
			"properties": object{
				"seq": object{"type": "long", "index": false, "doc_values": false, "store": true}, // of the mark alone

				"id": counted, "at": object{"type": "long"}, "kind": keyword, "source": keyword, "status": keyword, "sex": keyword,
				"words": tokens, "singles": tokens, "place": tokens,
				"path": terms, "seat": terms,
				"time": ranged, "born": ranged, "age": ranged,
				"photos": object{"type": "integer"}, "print_count": number, "picture_count": number,

				"facet": object{"properties": object{"division": counted, "month": counted, "age": counted}},

				"bands": terms, "methods": terms,
				"vectors": object{"type": "nested", "dynamic": "strict", "properties": object{}},
				"prints":  object{"type": "binary", "doc_values": true},

				"words_of": object{"dynamic": "strict", "properties": object{}},
				"pictures": object{"dynamic": "strict", "properties": object{}},
				"count_of": object{"dynamic": "strict", "properties": object{}},
			},
		},
	}
}

// method is the name of a method in names of fields and in terms: any text may name one.
func method(algo string) string {
	sum := sha256.Sum256([]byte(algo))
	return hex.EncodeToString(sum[:6])
}

// vector is the field of fingerprints of a method.
func vector(algo string, size int) string { return fmt.Sprintf("h%d_%s", 8*size, method(algo)) }

// need maps the fields of methods that were never seen before.
func (x *Index) need(ctx context.Context, fields []string) error {
	x.mu.Lock()
	fields = slices.DeleteFunc(slices.Clone(fields), func(f string) bool { return x.fields[f] })
	x.mu.Unlock()
	if len(fields) == 0 {
		return nil
	}
	groups := object{}
	for _, f := range fields {
		group, name, _ := strings.Cut(f, ".")
		g, ok := groups[group].(object)
		if !ok {
			g = object{"properties": object{}}
			if group == "vectors" {
				g["type"] = "nested"
			}
			groups[group] = g
		}
		g["properties"].(object)[name] = methodMapping(group, name)
	}
	b, err := body(object{"properties": groups})
	if err != nil {
		return err
	}
	if _, err := x.do(ctx, esapi.IndicesPutMappingRequest{Index: []string{x.name}, Body: b}, nil); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, f := range fields {
		x.fields[f] = true
	}
	return nil
}

// methodMapping is of a field that comes with a method.
func methodMapping(group, name string) object {
	switch group {
	case "vectors":
		dims := 64
		if strings.HasPrefix(name, "h256_") {
			dims = 256
		}
		return object{"type": "dense_vector", "element_type": "bit", "dims": dims, "similarity": "l2_norm", "index": true, "index_options": object{"type": "flat"}}
	case "words_of":
		return object{"type": "text", "analyzer": "whitespace", "norms": false, "index_options": "docs"}
	case "pictures":
		return object{"type": "binary", "doc_values": true}
	}
	return object{"type": "integer", "index": false}
}

// has reports whether any document was ever put that has a field of methods.
func (x *Index) has(ctx context.Context, field string) (bool, error) {
	x.mu.Lock()
	known := x.fields[field]
	x.mu.Unlock()
	if known {
		return true, nil
	}
	if _, err := x.look(ctx); err != nil { // another process may have put it
		return false, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.fields[field], nil
}

// forget makes the fields be looked at again: the alias may point elsewhere.
func (x *Index) forget() {
	x.mu.Lock()
	defer x.mu.Unlock()
	clear(x.fields)
}

// look reads the mapping of the index and gives the index's own name.
func (x *Index) look(ctx context.Context) (string, error) {
	var indices map[string]struct {
		Mappings struct {
			Meta struct {
				Application, Analyser, Owner string
				Format                       int
			} `json:"_meta"`
			Properties map[string]struct {
				Type       string
				Properties map[string]any
			}
		}
	}
	if _, err := x.do(ctx, esapi.IndicesGetMappingRequest{Index: []string{x.name}}, &indices); err != nil {
		return "", err
	}
	if len(indices) != 1 {
		return "", ErrForeign
	}
	for name, i := range indices {
		switch meta := i.Mappings.Meta; {
		case meta.Application != "xunqin":
			return "", ErrForeign
		case meta.Owner != x.cfg.Owner:
			return "", ErrOwner
		case meta.Format > format:
			return "", ErrNewer
		case meta.Format < format || meta.Analyser != search.Analyser():
			return "", ErrOutdated
		}
		for name, want := range x.cfg.mapping(nil)["mappings"].(object)["properties"].(object) {
			// The server names the type of an object only while that is empty.
			kind, _ := want.(object)["type"].(string)
			if got := i.Mappings.Properties[name].Type; got != kind && !(kind == "" && got == "object") {
				return "", fmt.Errorf("%w: field %s was changed", ErrOutdated, name)
			}
		}
		x.mu.Lock()
		for group, p := range i.Mappings.Properties {
			for f := range p.Properties {
				x.fields[group+"."+f] = true
			}
		}
		x.mu.Unlock()
		return name, nil
	}
	return "", ErrForeign
}

// open looks at the index, or makes it.
func (x *Index) open(ctx context.Context) error {
	name, err := x.look(ctx)
	switch {
	case errors.Is(err, ErrMissing):
		// Two processes may do this at once: the alias is made with the index, of a name that both know.
		err := x.create(ctx, x.cfg.Index+"-1", x.cfg.Index, nil, nil)
		var answer *Error
		if errors.As(err, &answer) && answer.Type == "resource_already_exists_exception" {
			_, err = x.look(ctx)
		}
		return err
	case err == nil && name == x.name:
		return ErrForeign // an index in the place of the alias cannot be exchanged
	}
	return err
}

// create makes an empty index with an alias, and says more of it in its _meta.
func (x *Index) create(ctx context.Context, name, alias string, settings, about object) error {
	what := x.cfg.mapping(settings)
	maps.Copy(what["mappings"].(object)["_meta"].(object), about)
	what["aliases"] = object{alias: object{}}
	b, err := body(what)
	if err != nil {
		return err
	}
	_, err = x.do(ctx, esapi.IndicesCreateRequest{Index: name, Body: b}, nil)
	return err
}

// Purge takes what was deleted before it off the disks of the server: the segments that hold
// it are written anew without it, and the log of operations is emptied. If
// anything was deleted, that waits for what the copies of a shard keep for each other, which
// Elasticsearch lets go of every thirty seconds; where a copy is behind or its node is down,
// it fails, and is to be called again. Snapshots that somebody took are not reached.
func (x *Index) Purge(ctx context.Context) error {
	err := x.ready(ctx)
	if err == nil {
		err = x.purge(ctx)
	}
	if err != nil {
		return unanswered("purge search index", err)
	}
	return nil
}

// purgeWait is how long Purge waits for copies of a shard.
const purgeWait = 45 * time.Second

func (x *Index) purge(ctx context.Context) error {
	yes := true
	x.photos.clear()
	last, _, err := x.operations(ctx) // of shards in which anything was deleted
	if err != nil {
		return err
	}
	for begun := time.Now(); ; {
		_, kept, err := x.operations(ctx)
		if err != nil {
			return err
		}
		free := true
		for shard, n := range last {
			free = free && kept[shard] > n
		}
		if free {
			break
		}
		if time.Since(begun) > purgeWait {
			return errors.New("what was deleted is still kept for copies of a shard")
		}
		t := time.NewTimer(200 * time.Millisecond)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
	}
	if _, err := x.ask(ctx, esapi.IndicesFlushRequest{Index: []string{x.name}, Force: &yes, WaitIfOngoing: &yes}, nil); err != nil {
		return err
	}
	var r struct {
		Shards struct{ Failed int } `json:"_shards"`
	}
	if _, err := x.ask(ctx, esapi.IndicesForcemergeRequest{Index: []string{x.name}, OnlyExpungeDeletes: &yes, Flush: &yes}, &r); err != nil {
		return err
	}
	if r.Shards.Failed > 0 {
		return fmt.Errorf("%d shards are not purged", r.Shards.Failed)
	}
	return nil
}

// operations gives, by shard, the number of the last one, and that of the first which some copy keeps.
func (x *Index) operations(ctx context.Context) (last, kept map[string]int64, err error) {
	var r struct {
		Indices map[string]struct {
			Shards map[string][]struct {
				Routing struct{ Primary bool }
				Docs    struct{ Deleted int64 }
				SeqNo   struct {
					Max int64 `json:"max_seq_no"`
				} `json:"seq_no"`
				Leases struct {
					Leases []struct {
						From int64 `json:"retaining_seq_no"`
					}
				} `json:"retention_leases"`
			}
		}
	}
	if _, err := x.do(ctx, esapi.IndicesStatsRequest{Index: []string{x.name}, Metric: []string{"docs"}, Level: "shards"}, &r); err != nil {
		return nil, nil, err
	}
	last, kept = make(map[string]int64), make(map[string]int64)
	for index, i := range r.Indices {
		for n, copies := range i.Shards {
			shard := index + "/" + n
			for _, c := range copies {
				if c.Routing.Primary && c.Docs.Deleted > 0 {
					last[shard] = c.SeqNo.Max
				}
				for _, l := range c.Leases.Leases {
					if k, ok := kept[shard]; !ok || l.From < k {
						kept[shard] = l.From
					}
				}
			}
		}
	}
	return last, kept, nil
}

// clientTLS is what hosts are asked for at least.
func clientTLS() *tls.Config { return &tls.Config{MinVersion: tls.VersionTLS12} }
