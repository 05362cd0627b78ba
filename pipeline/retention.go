package pipeline

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"xunqin/pipeline/blob"
	"xunqin/pipeline/record"
)

// Expired counts what one walk of Expire ended.
type Expired struct {
	Derivatives, Fingerprints, Posts, Reports, AuditLines int64
}

const expireBatch = 200

// Expire ends what has lived its life by the policy: derivatives, then fingerprints, then whole posts, unless a lead holds
// them; closed reports with all that hangs on them; old segments of the audit log. What was made of an expired thing (index
// entries, blobs and their keys, alerts) goes with it. It may be stopped anywhere and goes on at the next walk.
func (p *Pipeline) Expire(ctx context.Context) (Expired, error) {
	var n Expired
	now := p.Now()
	life := p.Policy.Lives
	for {
		photos, err := p.Records.ExpiredBytes(ctx, nil, now.Add(-life.Derivative.D()), expireBatch)
		if err != nil {
			return n, err
		}
		for _, ph := range photos {
			err := p.Records.Tx(ctx, func(tx *sql.Tx) error { return p.Records.DropBytes(ctx, tx, ph.ID) })
			if err != nil {
				return n, err
			}
			p.dropBlobs(ctx, []string{ph.Sharp, ph.Blurred})
			n.Derivatives++
		}
		if len(photos) < expireBatch {
			break
		}
	}
	for {
		photos, err := p.Records.ExpiredPrints(ctx, nil, now.Add(-life.Fingerprint.D()), expireBatch)
		if err != nil {
			return n, err
		}
		for _, ph := range photos {
			err := p.Records.Tx(ctx, func(tx *sql.Tx) error { return p.Records.DropPrints(ctx, tx, ph) })
			if err != nil {
				return n, err
			}
			p.dropBlobs(ctx, []string{ph.Sharp, ph.Blurred, ph.Grey})
			n.Fingerprints++
		}
		if len(photos) < expireBatch {
			break
		}
	}
	for {
		ids, err := p.Records.ExpiredPosts(ctx, nil, now.Add(-life.Text.D()), expireBatch)
		if err != nil {
			return n, err
		}
		for _, id := range ids {
			if err := p.erase(ctx, "system", "expired", id, p.Records.ErasePost); err != nil {
				return n, err
			}
			n.Posts++
		}
		if len(ids) < expireBatch {
			break
		}
	}
	for {
		ids, err := p.Records.ExpiredReports(ctx, nil, now.Add(-life.Closed.D()), expireBatch)
		if err != nil {
			return n, err
		}
		for _, id := range ids {
			if err := p.erase(ctx, "system", "expired", id, p.Records.EraseReport); err != nil {
				return n, err
			}
			n.Reports++
		}
		if len(ids) < expireBatch {
			break
		}
	}
	err := p.Records.Tx(ctx, func(tx *sql.Tx) error {
		var err error
		n.AuditLines, err = p.Records.DropAudit(ctx, tx, now.AddDate(0, -life.AuditMonths, 0).Format("2006-01"))
		if err != nil {
			return err
		}
		return p.Records.ExpireRest(ctx, tx)
	})
	if err != nil {
		return n, err
	}
	if n.Derivatives+n.Fingerprints+n.Posts+n.Reports == 0 {
		return n, nil
	}
	return n, p.scrub(ctx)
}

// erase removes a post or report from the record, then its blobs and their keys.
func (p *Pipeline) erase(ctx context.Context, actor, why, id string, from func(context.Context, *sql.Tx, string) ([]string, error)) error {
	var blobs []string
	err := p.Records.Tx(ctx, func(tx *sql.Tx) error {
		var err error
		if blobs, err = from(ctx, tx, id); err != nil {
			return err
		}
		return p.Records.Audit(ctx, tx, actor, "erased", id, why)
	})
	if err != nil {
		return err
	}
	p.dropBlobs(ctx, blobs)
	return nil
}

// scrub makes erasure reach the queue and the bytes on disk: jobs are forgotten, the indexes follow, that which answers and
// those beside it, and the logs beside the files are folded in and emptied.
func (p *Pipeline) scrub(ctx context.Context) error {
	if err := p.forgetJobs(ctx); err != nil {
		return err
	}
	// One that fails keeps the others from nothing.
	return errors.Join(p.Follow(ctx), p.followPairs(ctx), p.scrubIndexes(ctx), p.Records.Checkpoint(ctx))
}

// Erase removes a post or report by a person's decision, hides it at once, and keeps its post, addresses and exact bytes from
// coming back.
func (p *Pipeline) Erase(ctx context.Context, actor, id, reason string) error {
	until := p.Now().Add(p.Policy.Lives.Tombstone.D())
	bury := func(ctx context.Context, tx *sql.Tx, photos []record.Photo) error {
		for _, ph := range photos {
			if ph.SHA256 != "" {
				if err := p.bury(ctx, tx, record.TombBytes, string(rawHash(ph.SHA256)), reason, until); err != nil {
					return err
				}
			}
			if ph.PostID != "" {
				if err := p.bury(ctx, tx, record.TombURL, ph.URL, reason, until); err != nil {
					return err
				}
			}
		}
		return nil
	}
	err := p.erase(ctx, actor, reason, id, func(ctx context.Context, tx *sql.Tx, id string) ([]string, error) {
		photos, err := p.Records.PhotosOf(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		if err := bury(ctx, tx, photos); err != nil {
			return nil, err
		}
		post, err := p.Records.Post(ctx, tx, id)
		if record.IsNotFound(err) {
			if _, err := p.Records.Report(ctx, tx, id); err != nil {
				return nil, err
			}
			if err := p.bury(ctx, tx, record.TombNative, buriedReport+id, reason, until); err != nil {
				return nil, err
			}
			return p.Records.EraseReport(ctx, tx, id)
		}
		if err != nil {
			return nil, err
		}
		if err := p.bury(ctx, tx, record.TombNative, post.SourceID+"\x00"+post.NativeID, reason, until); err != nil {
			return nil, err
		}
		return p.Records.ErasePost(ctx, tx, id)
	})
	if err != nil {
		return err
	}
	return p.scrub(ctx)
}

// buriedReport begins what the tombstone of a report is made of; that of a post begins with its source's id.
const buriedReport = "report\x00"

func (p *Pipeline) bury(ctx context.Context, tx *sql.Tx, kind, what, reason string, until time.Time) error {
	return p.Records.AddTombstone(ctx, tx, record.Tombstone{Kind: kind, Mark: p.mark(kind, what), Reason: reason, ExpiresAt: until})
}

// EraseLost makes a restored record forget what was erased since its backup: tombstones of the record it replaces are taken
// over and obeyed, and what names a picture whose key was destroyed goes. A photo that has lost its derivatives alone has
// outlived them since, no more: its post stays. It says how many posts and reports went.
func (p *Pipeline) EraseLost(ctx context.Context, graves []record.Tombstone) (int, error) {
	err := p.Records.Tx(ctx, func(tx *sql.Tx) error {
		for _, t := range graves {
			known, err := p.Records.Buried(ctx, tx, t.Kind, t.Mark)
			if err != nil {
				return err
			}
			if known {
				continue
			}
			if err := p.Records.AddTombstone(ctx, tx, t); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	gone := map[string]bool{}
	err = p.Records.EachPost(ctx, func(post record.Post) error {
		buried, err := p.Records.Buried(ctx, nil, record.TombNative, p.mark(record.TombNative, post.SourceID+"\x00"+post.NativeID))
		if buried {
			gone[post.ID] = true
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	err = p.Records.EachReport(ctx, func(r record.Report) error {
		buried, err := p.Records.Buried(ctx, nil, record.TombNative, p.mark(record.TombNative, buriedReport+r.ID))
		if buried {
			gone[r.ID] = true
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	var outlived []record.Photo
	err = p.Records.EachPhoto(ctx, func(ph record.Photo) error {
		lost, err := p.lost(ctx, ph.Grey)
		if err != nil {
			return err
		}
		shown, err := p.lost(ctx, ph.Sharp, ph.Blurred)
		if err != nil {
			return err
		}
		if shown && ph.ReportID != "" {
			lost = true
		} else if shown && !lost {
			outlived = append(outlived, ph)
		}
		if ph.SHA256 != "" && !lost {
			var err error
			if lost, err = p.Records.Buried(ctx, nil, record.TombBytes, p.mark(record.TombBytes, string(rawHash(ph.SHA256)))); err != nil {
				return err
			}
		}
		if lost {
			gone[ph.PostID+ph.ReportID] = true // one of them
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, ph := range outlived {
		err := p.Records.Tx(ctx, func(tx *sql.Tx) error { return p.Records.DropBytes(ctx, tx, ph.ID) })
		if err != nil {
			return 0, err
		}
		p.dropBlobs(ctx, []string{ph.Sharp, ph.Blurred})
	}
	for id := range gone {
		from := p.Records.ErasePost
		if _, err := p.Records.Post(ctx, nil, id); record.IsNotFound(err) {
			from = p.Records.EraseReport
		} else if err != nil {
			return 0, err
		}
		if err := p.erase(ctx, "system", "restored", id, from); err != nil {
			return 0, err
		}
	}
	return len(gone), p.scrub(ctx)
}

// lost reports whether one of the named blobs is gone, or the key it was sealed under.
func (p *Pipeline) lost(ctx context.Context, keys ...string) (bool, error) {
	for _, key := range keys {
		if key == "" {
			continue
		}
		r, err := p.Blobs.Open(ctx, key)
		if errors.Is(err, blob.ErrNotFound) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		if err := r.Close(); err != nil {
			return false, err
		}
	}
	return false, nil
}
