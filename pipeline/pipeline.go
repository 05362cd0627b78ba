// Package pipeline carries a post from its source to an alert, in five steps that are methods of [Pipeline]:
//
//	DispatchDue   finds sources that are due and queues a crawl of each
//	Crawl         reads a source; Accept records each page with its cursor and queues the work on its posts
//	Gather        fetches a post's photos, makes derivatives and fingerprints, forgets the bytes
//	Relate        indexes a post or report, finds copies, makes leads and alerts
//	Notify        sends one alert
//
// A step commits its result, the work that follows and the completion of its own job in one transaction, so a process may be
// killed anywhere and nothing is lost or doubled: a step that did not commit runs again, and every step may run again. No
// transaction spans a network call. Reports enter at Relate, by the same code.
//
// Fill a Pipeline's fields, call [Pipeline.Open] once, then [Pipeline.Start] in a process that works on jobs. jobs.go is the
// only file that knows the queue.
package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"xunqin/crawler"
	"xunqin/pipeline/blob"
	"xunqin/pipeline/notify"
	"xunqin/pipeline/photo"
	"xunqin/pipeline/record"
	"xunqin/pipeline/record/policy"
	"xunqin/search"
)

// Pipeline is the five steps and what they stand on. All fields must be set before Open except where noted.
type Pipeline struct {
	Records *record.Store
	Index   search.Index
	// Shelves keep this record's indexes, that of Index first, which is a *search.Switch then; without any there is no Reindex.
	// An erasure reaches all that they keep.
	Shelves []search.Shelf
	Blobs   blob.Store // sealed
	Keys    *blob.Keys
	Door    *crawler.Door
	Readers map[string]crawler.Reader
	Senders map[string]notify.Sender // by channel: mail, webhook; a missing one leaves its deliveries waiting
	Policy  policy.Policy
	Budget  *photo.Budget // bytes that decoding may use at once, in the whole process
	Log     *slog.Logger
	Now     func() time.Time
	BaseURL string // of the desk, for links in alerts
	// LeastEvery is the shortest period a schedule may have; 0 means a minute. The demo alone shortens it.
	LeastEvery time.Duration
	// SecondLook is how long photos wait for the thorough look that takes many times the first, so that it does not compete with
	// the arrival of others of their kind; 0 is no time.
	SecondLook time.Duration
	// Alone says that no other process works on this record's jobs (SQLite): jobs found running at start are taken over at once.
	Alone bool
	// OnLead, when set, is called after a new lead has been committed.
	OnLead func(record.Lead)

	queue   queue
	worker  string
	follow  turns // of one
	rebuild rebuild
	browse  turns // see browseAtOnce
	health  indexHealth
	queries queryCache
	pairs   pairing
	hosts   hostTurns
}

// Picture reads a sealed blob whole: a derivative, at most a few hundred kilobytes.
func (p *Pipeline) Picture(ctx context.Context, key string) ([]byte, error) {
	r, err := p.Blobs.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read picture: %w", err)
	}
	return b, nil
}

// store puts the derivatives of a prepared photo under new keys and fills them in. The caller stores the row after, and
// discards the blobs if it cannot.
func (p *Pipeline) store(ctx context.Context, ready photo.Photo, row *record.Photo) error {
	row.SHA256 = fmt.Sprintf("%x", ready.SHA256)
	row.Format, row.Width, row.Height, row.Matchable = ready.Format, ready.Width, ready.Height, ready.Matchable()
	row.Prints, row.Features = kept(ready), trimmed(ready.Features, *row)
	// At once, so that their keys share a commit.
	var g errgroup.Group
	for _, b := range []struct {
		key  *string
		data []byte
	}{{&row.Sharp, ready.Derivative}, {&row.Blurred, ready.Blurred}, {&row.Grey, ready.Grey}} {
		*b.key = record.NewID()
		g.Go(func() error { return p.Blobs.Put(ctx, *b.key, bytes.NewReader(b.data)) })
	}
	if err := g.Wait(); err != nil {
		p.discard(ctx, *row)
		return fmt.Errorf("store picture: %w", err)
	}
	return nil
}

// discard deletes the blobs of a photo row that will not be stored. What it cannot delete is found by Verify and swept.
func (p *Pipeline) discard(ctx context.Context, row record.Photo) {
	p.dropBlobs(context.WithoutCancel(ctx), []string{row.Sharp, row.Blurred, row.Grey})
}

func (p *Pipeline) dropBlobs(ctx context.Context, keys []string) {
	for _, k := range keys {
		if k == "" {
			continue
		}
		if err := p.Blobs.Delete(ctx, k); err != nil {
			p.Log.Error("delete blob", "key", k, "err", err)
		}
	}
}

// prepare decodes untrusted bytes within the process's budget, into pictures no larger than the policy lets them be, and what
// the picture is looked for and found by.
func (p *Pipeline) prepare(ctx context.Context, b []byte) (photo.Photo, error) {
	return photo.Prepare(ctx, b, p.limits())
}

func (p *Pipeline) limits() photo.Limits {
	return photo.Limits{Budget: p.Budget, Side: p.Policy.Limits.Side, Grey: p.Policy.Limits.Grey, Features: true, Probe: true}
}

// mark is the keyed hash under which a tombstone knows a thing.
func (p *Pipeline) mark(kind, s string) string { return p.Keys.Pseudonym("tombstone "+kind, s) }
