package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
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
	err := x.prepare(ctx)
	if err == nil {
		err = x.follow(ctx, seq, put, del)
	}
	if err != nil {
		x.forget() // it may have failed for what was believed of the index
		return unanswered("change search index", err)
	}
	return nil
}

func (x *Index) follow(ctx context.Context, seq int64, put []search.Doc, del []string) error {
	mark, err := x.mark(ctx)
	if err != nil {
		return err
	}
	if seq != 0 && seq < mark {
		return search.ErrBehind
	}
	last := make(map[string]int, len(put)) // of documents with one ID
	for i, d := range put {
		last[d.ID] = i
	}
	changes := make([]change, 0, len(last)+len(del))
	gone := make(map[string]bool, len(del))
	for _, id := range del {
		if _, comes := last[id]; comes || gone[id] {
			continue // to put is to replace
		}
		gone[id] = true
		changes = append(changes, change{id: id})
	}
	for i := range put {
		if last[put[i].ID] == i {
			changes = append(changes, change{id: put[i].ID, put: &put[i]})
		}
	}
	if len(changes) > 0 {
		x.dirty = true
		x.common.clear()
		x.photos.forget(changes)
		if err := x.write(ctx, max(seq, mark), changes); err != nil {
			return err
		}
	}
	if x.dirty && !x.building {
		if err := x.show(ctx); err != nil {
			return err
		}
		x.dirty = false
	}
	if seq <= mark {
		return nil
	}
	return x.setMark(ctx, seq)
}

// A change of a document: it is put, or deleted if there is nothing to put.
type change struct {
	id  string
	put *search.Doc
}

// Changes are written by several at once, each of which has so many to write at least, as the
// server too works on several requests at once.
const (
	writers     = 4
	writerShare = 100
)

// write sends changes, in no order.
func (x *Index) write(ctx context.Context, version int64, changes []change) error {
	n := min(writers, 1+len(changes)/writerShare)
	share := (len(changes) + n - 1) / n
	errs := make([]error, n)
	var wait sync.WaitGroup
	for i := range n {
		part := changes[min(i*share, len(changes)):min((i+1)*share, len(changes))]
		wait.Go(func() { errs[i] = x.writePart(ctx, version, part) })
	}
	wait.Wait()
	return errors.Join(errs...)
}

func (x *Index) writePart(ctx context.Context, version int64, changes []change) error {
	b := bulk{x: x, version: version}
	for _, c := range changes {
		if c.put == nil {
			if err := b.add(ctx, "delete", c.id, nil); err != nil {
				return err
			}
			continue
		}
		doc, fields, err := encode(*c.put)
		if err != nil {
			return fmt.Errorf("put %s: %w", c.id, err)
		}
		if err := x.need(ctx, fields); err != nil {
			return err
		}
		if err := b.add(ctx, "index", c.id, doc); err != nil {
			return err
		}
	}
	return b.send(ctx)
}

// show lets what was written be seen.
func (x *Index) show(ctx context.Context) error {
	var r struct {
		Shards struct{ Failed int } `json:"_shards"`
	}
	if _, err := x.do(ctx, esapi.IndicesRefreshRequest{Index: []string{x.name}}, &r); err != nil {
		return err
	}
	if r.Shards.Failed > 0 {
		return fmt.Errorf("%w: %d shards do not show the change", search.ErrUnavailable, r.Shards.Failed)
	}
	return nil
}

// mark is the number of the last change.
func (x *Index) mark(ctx context.Context) (int64, error) {
	var r struct {
		Fields struct{ Seq []int64 }
	}
	_, err := x.do(ctx, esapi.GetRequest{Index: x.name, DocumentID: markID, StoredFields: []string{"seq"}}, &r)
	var answer *Error
	if errors.As(err, &answer) && answer.Status == http.StatusNotFound && answer.Type == "" { // there is none yet
		return 0, nil
	}
	if len(r.Fields.Seq) == 0 {
		return 0, err
	}
	return r.Fields.Seq[0], err
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
}

func (b *bulk) add(ctx context.Context, action, id string, doc []byte) error {
	quoted, err := json.Marshal(docID(id))
	if err != nil {
		return err
	}
	fmt.Fprintf(&b.buffer, `{%q:{"_id":%s,"version":%d,"version_type":"external_gte"}}`+"\n", action, quoted, b.version)
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
