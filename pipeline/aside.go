package pipeline

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"xunqin/pipeline/photo"
	"xunqin/pipeline/record"
)

// harmless reports whether a photo as a whole is a copy of one on the list of pictures known to be harmless.
func harmless(list []record.Harmless, ph record.Photo) bool {
	ph.Prints = wholly(ph.Prints)
	for _, h := range list {
		if _, ok := photo.Verify(asPhoto(ph), photo.Photo{Fingerprints: wholly(h.Prints)}); ok {
			return true
		}
	}
	return false
}

// putAside keeps a picture from making leads, unless somebody has said that it may.
func (p *Pipeline) putAside(ctx context.Context, tx *sql.Tx, picture, why string) error {
	pic, err := p.Records.Picture(ctx, tx, picture)
	if err != nil || pic.Aside != "" {
		return err
	}
	if err := p.Records.SetAside(ctx, tx, picture, why); err != nil {
		return err
	}
	return p.Records.Audit(ctx, tx, "system", "picture-put-aside", picture, why)
}

// flooded reports whether a lead may not be made of a picture and a photo of a report: the picture is put aside, or would make
// one lead more than a picture or a photo may, and is put aside now. A pair that is a lead already is no flood.
func (p *Pipeline) flooded(ctx context.Context, tx *sql.Tx, picture, reportPhoto string) (bool, error) {
	pic, err := p.Records.Picture(ctx, tx, picture)
	if err != nil {
		return false, err
	}
	if pic.Aside == record.AsideNever {
		return false, nil
	}
	if pic.PutAside() {
		return true, nil
	}
	ofPicture, ofPhoto, err := p.Records.LeadsFor(ctx, tx, picture, reportPhoto)
	if err != nil || max(ofPicture, ofPhoto) < int64(p.Policy.Limits.Flood) {
		return false, err
	}
	leads, err := p.Records.LeadsOfPicture(ctx, tx, picture)
	if err != nil {
		return false, err
	}
	for _, l := range leads {
		if l.ReportPhotoID == reportPhoto {
			return false, nil
		}
	}
	return true, p.putAside(ctx, tx, picture, record.AsideFlood)
}

// Release lets a picture that was put aside make leads for good, by a person's decision, and has its copies compared again.
func (p *Pipeline) Release(ctx context.Context, actor, picture string) error {
	return p.Records.Tx(ctx, func(tx *sql.Tx) error {
		pic, err := p.Records.Picture(ctx, tx, picture)
		if err != nil {
			return err
		}
		if !pic.PutAside() {
			return fmt.Errorf("release picture: %w", record.ErrStale)
		}
		if err := p.Records.SetAside(ctx, tx, picture, record.AsideNever); err != nil {
			return err
		}
		if err := p.relateCopies(ctx, tx, picture); err != nil {
			return err
		}
		return p.Records.Audit(ctx, tx, actor, "picture-released", picture, pic.Aside)
	})
}

// relateCopies queues the relating of all documents that carry a picture.
func (p *Pipeline) relateCopies(ctx context.Context, tx *sql.Tx, picture string) error {
	photos, err := p.Records.PhotosOfPicture(ctx, tx, picture)
	if err != nil {
		return err
	}
	var work []job
	seen := map[string]bool{}
	for _, ph := range photos {
		doc, of := ph.PostID, "post"
		if doc == "" {
			doc, of = ph.ReportID, "report"
		}
		if !seen[doc] {
			seen[doc] = true
			work = append(work, relateJob{Doc: doc, Of: of})
		}
	}
	return p.enqueue(ctx, tx, work...)
}

// ErrNothingToKnow is returned for a picture that is too flat or too small to be recognised again.
var ErrNothingToKnow = errors.New("the picture is too flat or too small to be recognised")

// AddHarmless puts a picture on the list of those known to be harmless, by the decision of two people: copies of it, those that
// are there and those to come, are put aside.
func (p *Pipeline) AddHarmless(ctx context.Context, tx *sql.Tx, h record.Harmless) error {
	if h.Prints = wholly(h.Prints); len(h.Prints) == 0 {
		return ErrNothingToKnow
	}
	id, err := p.Records.AddHarmless(ctx, tx, h)
	if err != nil {
		return err
	}
	pictures, err := p.picturesOf(ctx, tx, h, "")
	if err != nil {
		return err
	}
	for _, pic := range pictures {
		if err := p.putAside(ctx, tx, pic.ID, record.AsideHarmless); err != nil {
			return err
		}
	}
	return p.Records.Audit(ctx, tx, h.ApprovedBy, "harmless-added", id, fmt.Sprintf("pictures %d", len(pictures)))
}
