package pipeline

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"xunqin/pipeline/blob"
	"xunqin/pipeline/facts"
	"xunqin/pipeline/record"
	"xunqin/search"
)

// Problem is one thing that Verify found wrong.
type Problem struct {
	Kind string `json:"kind"` // record, audit, blob, key, index, step, delivery, facts
	ID   string `json:"id,omitempty"`
	What string `json:"what"`
}

// Verified is what Verify looked at, and what it found.
type Verified struct {
	Posts       int       `json:"posts"`
	Photos      int       `json:"photos"`
	Reports     int       `json:"reports"`
	Leads       int       `json:"leads"`
	Deliveries  int       `json:"deliveries"`
	Unread      int       `json:"unread"` // posts and reports whose words wait to be read by the present rules
	Blobs       int       `json:"blobs"`
	AuditLines  int64     `json:"audit_lines"`
	IndexDocs   int64     `json:"index_docs"`
	IndexBehind int64     `json:"index_behind"`
	Orphans     int       `json:"orphan_blobs"` // blobs no row names: left by a process that was killed; Sweep removes them
	At          time.Time `json:"at"`
	Problems    []Problem `json:"problems"`
}

// Verify checks the stores against each other: the database's own integrity, the audit chain, every blob a row names (that it
// is there and opens), facts against the text that their words stand in, work that is due against queued jobs, every document against the index. It changes nothing. Something
// being behind (the index, work in the queue) is no problem; something lost is.
func (p *Pipeline) Verify(ctx context.Context) (Verified, error) {
	v := Verified{At: p.Now().UTC(), Problems: []Problem{}}
	add := func(kind, id, format string, args ...any) {
		v.Problems = append(v.Problems, Problem{kind, id, fmt.Sprintf(format, args...)})
	}
	if err := p.Records.Integrity(ctx); err != nil {
		add("record", "", "%v", err)
	}
	var err error
	if v.AuditLines, err = p.Records.VerifyAudit(ctx); err != nil {
		add("audit", "", "%v", err)
	}
	named := map[string]bool{}
	open := func(photo, key string) {
		if key == "" {
			return
		}
		named[key] = true
		r, err := p.Blobs.Open(ctx, key)
		if err != nil {
			add("blob", photo, "picture %s: %v", key, err)
			return
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			add("blob", photo, "picture %s: %v", key, err)
		}
		if err := r.Close(); err != nil {
			add("blob", photo, "picture %s: %v", key, err)
		}
	}
	err = p.Records.EachPhoto(ctx, func(ph record.Photo) error {
		v.Photos++
		open(ph.ID, ph.Sharp)
		open(ph.ID, ph.Blurred)
		open(ph.ID, ph.Grey)
		return nil
	})
	if err != nil {
		return v, err
	}
	err = p.Blobs.List(ctx, func(key string) error {
		v.Blobs++
		if !named[key] {
			v.Orphans++
		}
		return nil
	})
	if err != nil {
		return v, err
	}
	if err := p.verifySteps(ctx, &v, add); err != nil {
		return v, err
	}
	if err := p.verifyFacts(ctx, &v, add); err != nil {
		return v, err
	}
	info, err := p.index().Info(ctx)
	if errors.Is(err, search.ErrUnavailable) {
		p.Log.Warn("the index does not answer", "err", err)
		add("index", "", "it does not answer; nothing is lost by that, and words are searched for in the record meanwhile")
		return v, nil
	}
	if err != nil {
		return v, err
	}
	v.IndexDocs = info.Docs
	last, err := p.Records.LastChange(ctx, nil)
	if err != nil {
		return v, err
	}
	v.IndexBehind = last - info.Seq
	if v.IndexBehind < 0 {
		add("index", "", "the index is at change %d, the record at %d: it is of another record; reindex", info.Seq, last)
	}
	if v.IndexBehind == 0 && info.Docs != int64(v.Posts+v.Reports) {
		add("index", "", "%d documents, %d posts and reports", info.Docs, v.Posts+v.Reports)
	}
	return v, nil
}

// verifyFacts reads every fact that is kept: its words must lie in the text, and those that older rules have read are counted,
// since the next process that works on jobs reads them again.
func (p *Pipeline) verifyFacts(ctx context.Context, v *Verified, add func(kind, id, format string, args ...any)) error {
	return p.Records.EachFacts(ctx, func(row record.FactsRow) error {
		var f facts.Facts
		if row.Version < facts.Version {
			v.Unread++
		}
		if err := json.Unmarshal([]byte(row.Facts), &f); err != nil {
			add("facts", row.ID, "facts of a %s: %v", row.Kind, err)
		} else if !f.Within(row.Length) {
			add("facts", row.ID, "facts of a %s: words outside its text", row.Kind)
		}
		return nil
	})
}

// verifySteps holds every row that is on its way against the queue: what waits for a step must have a job for it.
func (p *Pipeline) verifySteps(ctx context.Context, v *Verified, add func(kind, id, format string, args ...any)) error {
	jobs := map[string]map[string]bool{}
	for kind, field := range map[string]string{"crawl": "Run", "gather": "Post", "relate": "Doc", "notify": "Delivery"} {
		list, err := p.alive(ctx, kind, field)
		if err != nil {
			return err
		}
		jobs[kind] = list
	}
	err := p.Records.EachPost(ctx, func(post record.Post) error {
		if post.State == record.PostLive {
			v.Posts++
		}
		if post.Step == record.StepAccepted && !jobs["gather"][post.ID] || post.Step == record.StepGathered && !jobs["relate"][post.ID] {
			add("step", post.ID, "post is %s and nothing is queued for it", post.Step)
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = p.Records.EachReport(ctx, func(r record.Report) error {
		v.Reports++
		if r.Step == record.StepGathered && !jobs["relate"][r.ID] {
			add("step", r.ID, "report is %s and nothing is queued for it", r.Step)
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = p.Records.EachLead(ctx, func(l record.Lead) error {
		v.Leads++
		if l.Kind == record.ByFacts {
			return nil // the database itself keeps both sides
		}
		s, err := p.Records.Sightings(ctx, nil, l.ID)
		if err == nil && len(s) == 0 {
			add("record", l.ID, "lead without a sighting")
		}
		return err
	})
	if err != nil {
		return err
	}
	err = p.Records.EachDelivery(ctx, func(d record.Delivery) error {
		v.Deliveries++
		if d.State == record.DeliveryWaiting && !jobs["notify"][d.ID] {
			add("delivery", d.ID, "alert waits and nothing is queued for it")
		}
		return nil
	})
	if err != nil {
		return err
	}
	runs, err := p.Records.OpenRuns(ctx, nil)
	if err != nil {
		return err
	}
	for _, r := range runs {
		if !jobs["crawl"][r.ID] {
			add("step", r.ID, "run is open and nothing is queued for it")
		}
	}
	return nil
}

// Sweep deletes blobs that no row names, left by a process that was killed between a blob and its row. A blob younger than an
// hour may be on its way to its row; since blobs carry no time, Sweep looks twice, the wait between being the caller's: it
// returns those found now, and deletes those that were in the earlier list as well.
func (p *Pipeline) Sweep(ctx context.Context, earlier map[string]bool) (now map[string]bool, deleted int, err error) {
	named := map[string]bool{}
	err = p.Records.EachPhoto(ctx, func(ph record.Photo) error {
		named[ph.Sharp], named[ph.Blurred], named[ph.Grey] = true, true, true
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	now = map[string]bool{}
	err = p.Blobs.List(ctx, func(key string) error {
		if named[key] {
			return nil
		}
		if !earlier[key] {
			now[key] = true
			return nil
		}
		deleted++
		return p.Blobs.Delete(ctx, key)
	})
	return now, deleted, err
}

func rawHash(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}

var _ blob.Store = (*blob.Sealed)(nil)
