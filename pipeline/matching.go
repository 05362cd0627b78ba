package pipeline

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"image"
	"slices"
	"time"

	"xunqin/pipeline/blob"
	"xunqin/pipeline/match"
	"xunqin/pipeline/photo"
	"xunqin/pipeline/photo/feature"
	"xunqin/pipeline/record"
	"xunqin/search"
)

// mostRectangles is how many rectangles of a photo have fingerprints of their own, the largest first: a poster has one or two,
// a collage nine.
const mostRectangles = 16

// kept is the fingerprints that are stored of a photo: of the whole and its middle, and of each rectangle in it that may be a
// photo of its own, so that a report finds the posters and collages that were there before it.
func kept(ready photo.Photo) []search.Fingerprint {
	list := slices.Clone(ready.Fingerprints)
	if ready.Probe == nil {
		return list
	}
	area := func(r image.Rectangle) int { return r.Dx() * r.Dy() }
	var parts []search.Fingerprint
	for _, f := range ready.Probe.Fingerprints {
		// A rectangle that is nearly the whole picture has nearly its fingerprint.
		if f.Orientation == 1 && !ready.Probe.Whole(f.Fingerprint) && area(f.Part) < ready.Width*ready.Height*9/10 {
			parts = append(parts, f.Fingerprint)
		}
	}
	slices.SortStableFunc(parts, func(a, b search.Fingerprint) int { return area(b.Part) - area(a.Part) })
	return append(list, parts[:min(len(parts), mostRectangles)]...)
}

// finder looks among all that is indexed.
func (p *Pipeline) finder() *match.Finder {
	return &match.Finder{Index: p.index(), Load: p.known}
}

// known reads what is stored of photos. Brightness comes from the grey picture, which outlives the derivative.
func (p *Pipeline) known(ctx context.Context, ids []string) (map[string]match.Known, error) {
	list, err := p.Records.PrintedPhotos(ctx, nil, ids)
	if err != nil {
		return nil, err
	}
	features, err := p.Records.Features(ctx, nil, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[string]match.Known, len(list))
	for _, ph := range list {
		k := match.Known{Photo: asPhoto(ph)}
		k.Features = features[ph.ID]
		k.Brightness = func() (*image.Gray, error) {
			if ph.Grey == "" {
				return nil, nil
			}
			b, err := p.Picture(ctx, ph.Grey)
			if errors.Is(err, blob.ErrNotFound) {
				return nil, nil // erased since the row was read
			}
			if err != nil {
				return nil, err
			}
			return photo.Brightness(b)
		}
		out[ph.ID] = k
	}
	return out, nil
}

func asPhoto(ph record.Photo) photo.Photo {
	out := photo.Photo{Width: ph.Width, Height: ph.Height, Fingerprints: ph.Prints}
	copy(out.SHA256[:], rawHash(ph.SHA256))
	return out
}

// lookFor looks for what a post's photo shows while its bytes are at hand: among the photos of reports by every means, among
// those of posts for whole copies that are turned or mirrored. It says with what generation of reports it was compared. When
// the index cannot answer that is zero, and Relate looks again, at what is kept of it. The look is quick: Compare looks again
// in windows when there is time.
func (p *Pipeline) lookFor(ctx context.Context, id string, ready photo.Photo) ([]record.Tie, int64) {
	if ready.Probe == nil {
		return nil, 0
	}
	generation, err := p.Records.Generation(ctx, nil)
	if err == nil {
		err = p.Follow(ctx)
	}
	var ties []record.Tie
	if err == nil {
		ties, err = p.tiesOfPost(ctx, id, ready, false)
	}
	if err != nil {
		if ctx.Err() == nil {
			p.Log.Warn("a photo is compared later", "photo", id, "err", err)
		}
		return nil, 0
	}
	return ties, generation
}

// mostCopies is how many copies among posts are looked at to find the picture that a photo belongs to.
const mostCopies = 50

func (p *Pipeline) tiesOfPost(ctx context.Context, id string, ready photo.Photo, windows bool) ([]record.Tie, error) {
	f := p.finder()
	f.Windows = windows
	found, err := f.Find(ctx, ready, search.KindReport)
	if err != nil {
		return nil, err
	}
	f.Whole, f.Most = true, mostCopies // by fingerprints alone
	whole, err := f.Find(ctx, ready, search.KindPost, search.KindNotice)
	if err != nil {
		return nil, err
	}
	for _, v := range whole {
		if v.Mirrored || v.Kind == feature.Turned {
			found = append(found, v)
		}
	}
	return tiesOf(id, found), nil
}

// tiesOf is what is stored of what was found for a photo.
func tiesOf(id string, found []match.Found) []record.Tie {
	var list []record.Tie
	for _, v := range found {
		if v.ID != id {
			list = append(list, record.NewTie(id, v.ID, v.Match))
		}
	}
	return list
}

func (p *Pipeline) addTies(ctx context.Context, tx *sql.Tx, ties []record.Tie) error {
	for _, t := range ties {
		if err := p.Records.AddTie(ctx, tx, t); err != nil {
			return err
		}
	}
	return nil
}

// fromDerivative prepares a photo again from what is kept of it. It is false when that is nothing, or cannot be read.
func (p *Pipeline) fromDerivative(ctx context.Context, ph record.Photo) (photo.Photo, bool, error) {
	if ph.Sharp == "" {
		return photo.Photo{}, false, nil
	}
	b, err := p.Picture(ctx, ph.Sharp)
	if errors.Is(err, blob.ErrNotFound) {
		return photo.Photo{}, false, nil
	}
	if err != nil {
		return photo.Photo{}, false, err
	}
	lim := p.limits()
	lim.Size = image.Pt(ph.Width, ph.Height)
	ready, err := photo.Prepare(ctx, b, lim)
	var bad *photo.Refused
	if errors.As(err, &bad) {
		p.Log.Warn("a stored picture cannot be read", "photo", ph.ID, "err", err)
		return ready, false, nil
	}
	if err != nil {
		return ready, false, err
	}
	copy(ready.SHA256[:], rawHash(ph.SHA256))
	return ready, ready.Probe != nil, nil
}

// lookAgain looks for what a stored photo shows, as lookFor does, and for a photo of a report among all there is.
func (p *Pipeline) lookAgain(ctx context.Context, ph record.Photo) ([]record.Tie, error) {
	ready, ok, err := p.fromDerivative(ctx, ph)
	if err != nil || !ok {
		return nil, err
	}
	if ph.PostID != "" {
		return p.tiesOfPost(ctx, ph.ID, ready, false)
	}
	f := p.finder()
	f.Windows = true
	found, err := f.Find(ctx, ready)
	return tiesOf(ph.ID, found), err
}

// compareAgain says that there is something new to compare photos with, and has those that were kept before compared with it.
func (p *Pipeline) compareAgain(ctx context.Context, tx *sql.Tx) error {
	if err := p.Records.NextGeneration(ctx, tx); err != nil {
		return err
	}
	return p.queueCompare(ctx, tx)
}

// queueCompare queues the comparing of photos that are behind, unless it is queued already. The job looks for what is left when
// it begins, so one that waits will do.
func (p *Pipeline) queueCompare(ctx context.Context, tx *sql.Tx) error {
	waiting, err := p.compareWaits(ctx, tx)
	if err != nil || waiting {
		return err
	}
	return p.enqueueAfter(ctx, tx, p.SecondLook, compareJob{})
}

// queueBehind queues the comparing of photos that are behind, if there are any.
func (p *Pipeline) queueBehind(ctx context.Context, tx *sql.Tx) error {
	waiting, err := p.compareWaits(ctx, tx)
	if err != nil || waiting {
		return err
	}
	if list, err := p.Records.BehindPhotos(ctx, tx, 1); err != nil || len(list) == 0 {
		return err
	}
	return p.enqueueAfter(ctx, tx, p.SecondLook, compareJob{})
}

func (p *Pipeline) compareWaits(ctx context.Context, tx *sql.Tx) (bool, error) {
	var waiting int
	err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM river_job WHERE kind='compare' AND state IN ('available','pending','scheduled')`).Scan(&waiting)
	if err != nil {
		return false, fmt.Errorf("look for compare job: %w", err)
	}
	return waiting > 0, nil
}

const (
	compareBatch = 50
	compareTurn  = 20 * time.Second // after which a compare job makes way for itself
)

// Compare compares photos of posts with the photos of reports by every means, from their derivatives: each once after it came, and
// again when there are new reports. It makes anew what is stored of photos kept before there were features. It works for a while
// and queues itself for the rest, so a process may end at any time; what was compared is noted photo by photo.
func (p *Pipeline) Compare(ctx context.Context, _ compareJob, _ int, done done) error {
	began, compared := p.Now(), 0
	until := began.Add(compareTurn)
	end := func(tx *sql.Tx) error {
		if err := p.noteRate(ctx, tx, compared, p.Now().Sub(began)); err != nil {
			return err
		}
		return done(tx)
	}
	for {
		list, err := p.Records.BehindPhotos(ctx, nil, compareBatch)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return p.Records.Tx(ctx, end)
		}
		generation, err := p.Records.Generation(ctx, nil)
		if err != nil {
			return err
		}
		if err := p.Follow(ctx); err != nil {
			return err
		}
		for _, ph := range list {
			if err := p.compareOne(ctx, ph, generation); err != nil {
				return err
			}
			compared++
			if p.Now().After(until) {
				return p.Records.Tx(ctx, func(tx *sql.Tx) error {
					if err := p.enqueue(ctx, tx, compareJob{}); err != nil {
						return err
					}
					return end(tx)
				})
			}
		}
	}
}

func (p *Pipeline) compareOne(ctx context.Context, ph record.Photo, generation int64) error {
	ready, ok, err := p.fromDerivative(ctx, ph)
	if err != nil {
		return err
	}
	if !ok {
		return p.Records.Tx(ctx, func(tx *sql.Tx) error { return p.Records.SetGeneration(ctx, tx, ph.ID, generation) })
	}
	fresh := ph.Generation == 0 // kept before there were features, or while the index could not answer
	var ties []record.Tie
	if ph.PostID != "" {
		if ties, err = p.tiesOfPost(ctx, ph.ID, ready, true); err != nil {
			return err
		}
	}
	return p.Records.Tx(ctx, func(tx *sql.Tx) error {
		if err := p.Records.SetGeneration(ctx, tx, ph.ID, generation); err != nil {
			return err
		}
		if fresh {
			ph.Prints, ph.Features = kept(ready), trimmed(ready.Features, ph)
			if err := p.Records.Reprint(ctx, tx, ph); err != nil {
				return err
			}
		}
		if err := p.addTies(ctx, tx, ties); err != nil {
			return err
		}
		if !fresh && len(ties) == 0 {
			return nil
		}
		doc, kind := ph.PostID, "post"
		if doc == "" {
			doc, kind = ph.ReportID, "report"
		}
		if err := p.enqueue(ctx, tx, relateJob{Doc: doc, Of: kind}); err != nil {
			return err
		}
		return p.Records.Changed(ctx, tx, doc, kind)
	})
}

// trimmed is as much of a photo's features as is stored of it: all of a report's, the best of a post's.
func trimmed(f search.Features, ph record.Photo) search.Features {
	if ph.PostID != "" {
		f.Points = f.Points[:min(len(f.Points), photo.CrawledPoints)]
	}
	return f
}
