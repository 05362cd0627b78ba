package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"xunqin/search"
)

// Put replaces documents by ID.
func (x *Index) Put(ctx context.Context, docs ...search.Doc) error { return x.Apply(ctx, 0, docs, nil) }

// Delete forgets documents.
func (x *Index) Delete(ctx context.Context, ids ...string) error { return x.Apply(ctx, 0, nil, ids) }

// Apply writes all documents, then lets them be seen, then sets the mark. Nothing is seen of
// a change under way, and all of it from one instant on in an index of one shard; in one of
// several the shards follow each other. A change that fails half way leaves the mark alone
// and may be seen in part after the next: it is to be applied again.
//
// Documents carry the number of their change, so that of two processes that apply changes at
// once the older one has no effect on what the newer one wrote or deleted.
func (x *Index) Apply(ctx context.Context, seq int64, put []search.Doc, del []string) error {
	for _, d := range put {
		if err := d.Check(); err != nil {
			return fmt.Errorf("put into search index: %w", err)
		}
	}
	x.apply.Lock()
	defer x.apply.Unlock()
	err := x.ready(ctx)
	if err == nil {
		err = x.change(ctx, seq, put, del)
	}
	if err != nil {
		x.forget() // it may have failed for what was believed of the index
		return fmt.Errorf("change search index: %w", err)
	}
	return nil
}

func (x *Index) change(ctx context.Context, seq int64, put []search.Doc, del []string) error {
	mark, err := x.mark(ctx)
	if err != nil {
		return err
	}
	if seq != 0 && seq < mark {
		return search.ErrBehind
	}
	b := bulk{x: x, version: max(seq, mark)}
	last := make(map[string]int, len(put)) // of documents with one ID
	for i, d := range put {
		last[d.ID] = i
	}
	gone := make(map[string]bool, len(del))
	for _, id := range del {
		if _, comes := last[id]; comes || gone[id] {
			continue // to put is to replace
		}
		gone[id] = true
		if err := b.add(ctx, "delete", id, nil); err != nil {
			return err
		}
	}
	for i, d := range put {
		if last[d.ID] != i {
			continue
		}
		doc, fields, err := encode(d)
		if err != nil {
			return fmt.Errorf("put %s: %w", d.ID, err)
		}
		if err := x.need(ctx, fields); err != nil {
			return err
		}
		if err := b.add(ctx, "index", d.ID, doc); err != nil {
			return err
		}
	}
	if err := b.send(ctx); err != nil {
		return err
	}
	if b.sent {
		var r struct {
			Shards struct{ Failed int } `json:"_shards"`
		}
		if _, err := x.do(ctx, esapi.IndicesRefreshRequest{Index: []string{x.name}}, &r); err != nil {
			return err
		}
		if r.Shards.Failed > 0 {
			return fmt.Errorf("%w: %d shards do not show the change", search.ErrUnavailable, r.Shards.Failed)
		}
	}
	if seq <= mark {
		return nil
	}
	return x.setMark(ctx, seq)
}

// mark is the number of the last change.
func (x *Index) mark(ctx context.Context) (int64, error) {
	var r struct {
		Source struct{ Seq int64 } `json:"_source"`
	}
	_, err := x.do(ctx, esapi.GetRequest{Index: x.name, DocumentID: markID}, &r)
	var answer *Error
	if errors.As(err, &answer) && answer.Status == http.StatusNotFound && answer.Type == "" { // there is none yet
		return 0, nil
	}
	return r.Source.Seq, err
}

func (x *Index) setMark(ctx context.Context, seq int64) error {
	b, err := body(object{"seq": seq})
	if err != nil {
		return err
	}
	version, must := int(seq), true
	_, err = x.do(ctx, esapi.IndexRequest{Index: x.name, DocumentID: markID, Body: b, Version: &version, VersionType: "external_gte", RequireAlias: x.aliasOnly(&must)}, nil)
	var answer *Error
	if errors.As(err, &answer) && answer.Status == http.StatusConflict { // another process has come further
		return nil
	}
	return err
}

// aliasOnly keeps the server from making an index of the name where the alias is gone.
func (x *Index) aliasOnly(yes *bool) *bool {
	if x.name == x.cfg.Index {
		return yes
	}
	return nil
}

// bulkBytes is how much is sent at once.
const bulkBytes = 4 << 20

// A bulk sends changes of documents a few megabytes at a time.
type bulk struct {
	x       *Index
	version int64
	buffer  bytes.Buffer
	lines   []int // where in the buffer each change ends
	sent    bool
}

func (b *bulk) add(ctx context.Context, action, id string, doc []byte) error {
	line, err := json.Marshal(object{action: object{"_id": docID(id), "version": b.version, "version_type": "external_gte"}})
	if err != nil {
		return err
	}
	b.buffer.Write(line)
	b.buffer.WriteByte('\n')
	if doc != nil {
		b.buffer.Write(doc)
		b.buffer.WriteByte('\n')
	}
	b.lines = append(b.lines, b.buffer.Len())
	if b.buffer.Len() < bulkBytes {
		return nil
	}
	return b.send(ctx)
}

// send sends what there is, and again what the server had no room for.
func (b *bulk) send(ctx context.Context) error {
	for try := 1; len(b.lines) > 0; try++ {
		b.sent = true
		rest, err := b.once(ctx)
		var answer *Error
		if try < tries && errors.As(err, &answer) && answer.Status == http.StatusServiceUnavailable {
			rest, err = len(b.lines), nil // a node that begins, or has lost its master
		}
		if err != nil {
			return err
		}
		if rest == 0 {
			break
		}
		if try == tries {
			return fmt.Errorf("%w: no room for %d documents", search.ErrUnavailable, rest)
		}
		t := time.NewTimer(backoff(try))
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
	}
	b.buffer.Reset()
	b.lines = b.lines[:0]
	return nil
}

// once sends the buffer and leaves in it what is to be sent again: so many changes.
func (b *bulk) once(ctx context.Context) (int, error) {
	must := true
	var r struct {
		Errors bool
		Items  []map[string]struct {
			Status int
			Error  struct{ Type string }
		}
	}
	_, err := b.x.do(ctx, esapi.BulkRequest{
		Index: b.x.name, Body: bytes.NewReader(b.buffer.Bytes()), RequireAlias: b.x.aliasOnly(&must),
		Timeout:    b.x.cfg.Timeout / 2, // for a shard without a node
		FilterPath: []string{"errors", "items.*.status", "items.*.error.type"},
	}, &r)
	if err != nil {
		return 0, err
	}
	if len(r.Items) != len(b.lines) {
		return 0, fmt.Errorf("%w: %d answers to %d changes", search.ErrUnavailable, len(r.Items), len(b.lines))
	}
	if !r.Errors {
		return 0, nil
	}
	var again bytes.Buffer
	var lines []int
	from := 0
	for i, item := range r.Items {
		to := b.lines[i]
		for action, a := range item {
			switch {
			case a.Status < 300:
			case a.Status == http.StatusConflict: // a newer change is there
			case a.Status == http.StatusNotFound && action == "delete" && a.Error.Type == "":
			case a.Status == http.StatusTooManyRequests || a.Status == http.StatusServiceUnavailable:
				again.Write(b.buffer.Bytes()[from:to])
				lines = append(lines, again.Len())
			default:
				return 0, fmt.Errorf("change %d of %d: %w", i+1, len(r.Items), itemError(a.Status, a.Error.Type))
			}
		}
		from = to
	}
	b.buffer, b.lines = again, lines
	return len(lines), nil
}

func itemError(status int, kind string) error {
	if !errorType.MatchString(kind) {
		kind = strconv.Itoa(status)
	}
	return &Error{Status: status, Type: kind}
}
