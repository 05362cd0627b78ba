package pipeline

import (
	"context"
	"database/sql"
	"slices"

	"xunqin/pipeline/photo"
	"xunqin/pipeline/photo/feature"
	"xunqin/pipeline/record"
)

// A picture is all copies of one photo. Each is a copy of the picture's reference, not merely of some other copy: copies of
// copies drift, and a chain of them would in the end join what nobody would call one picture. A photo that matches two
// pictures joins the older; the two become one only if every copy in the younger matches the older's reference.

// joinPicture gives a post's photo its picture: that of its copies, or a new one of its own.
func (p *Pipeline) joinPicture(ctx context.Context, tx *sql.Tx, ph record.Photo, found []near) (string, error) {
	// Rows are read again here, inside the transaction, since another may have joined them since they were found.
	ids := []string{ph.ID}
	ties := map[string]record.Tie{}
	for _, n := range found {
		if n.photo.PostID != "" && joins(n.tie.Kind) {
			ids = append(ids, n.photo.ID)
			ties[n.photo.ID] = n.tie
		}
	}
	rows, err := p.Records.Photos(ctx, tx, ids)
	if err != nil {
		return "", err
	}
	var own string
	var near []string
	for _, r := range rows {
		switch {
		case r.ID == ph.ID:
			own = r.PictureID
		case r.PictureID != "" && !slices.Contains(near, r.PictureID):
			near = append(near, r.PictureID)
		}
	}
	if own != "" && !slices.Contains(near, own) {
		near = append(near, own)
	}
	pictures, err := p.Records.Pictures(ctx, tx, near)
	if err != nil {
		return "", err
	}
	var keep record.Picture
	for _, pic := range pictures {
		if pic, err = p.withReference(ctx, tx, pic); err != nil {
			return "", err
		}
		if keep.ID == "" {
			ok := pic.ID == own
			if !ok {
				if ok, err = p.matches(ctx, tx, ph, pic.Reference, ties); err != nil {
					return "", err
				}
			}
			if !ok {
				continue
			}
			keep = pic
			if own == "" {
				if err := p.Records.JoinPicture(ctx, tx, ph.ID, pic.ID); err != nil {
					return "", err
				}
			}
			continue
		}
		all, err := p.allMatch(ctx, tx, pic.ID, keep.Reference)
		if err != nil {
			return "", err
		}
		if !all {
			continue
		}
		if err := p.Records.MergePictures(ctx, tx, keep.ID, pic.ID); err != nil {
			return "", err
		}
		if err := p.settlePicture(ctx, tx, keep.ID); err != nil {
			return "", err
		}
		if pic.ID == own {
			own = keep.ID
		}
	}
	picture := own
	if picture == "" {
		picture = keep.ID
	}
	if picture == "" {
		if picture, err = p.Records.AddPicture(ctx, tx, ph.ID); err != nil {
			return "", err
		}
	}
	return picture, p.gatherIn(ctx, tx, picture, rows, ties)
}

// gatherIn gives a picture those of the rows that have none yet and are copies of its reference. Such a copy is being compared at this
// moment, and may have been looked for before this one could be found: it would make a picture, and leads, of its own.
func (p *Pipeline) gatherIn(ctx context.Context, tx *sql.Tx, picture string, rows []record.Photo, ties map[string]record.Tie) error {
	var reference string
	for _, r := range rows {
		if _, found := ties[r.ID]; !found || r.PictureID != "" {
			continue
		}
		if reference == "" {
			pictures, err := p.Records.Pictures(ctx, tx, []string{picture})
			if err != nil || len(pictures) == 0 {
				return err
			}
			pic, err := p.withReference(ctx, tx, pictures[0])
			if err != nil {
				return err
			}
			reference = pic.Reference
		}
		copied, err := p.Records.Photo(ctx, tx, r.ID) // with its fingerprints
		if err != nil {
			return err
		}
		ok, err := p.matches(ctx, tx, copied, reference, nil)
		if err != nil {
			return err
		}
		if ok {
			if err := p.Records.JoinPicture(ctx, tx, r.ID, picture); err != nil {
				return err
			}
		}
	}
	return nil
}

// joins reports whether a copy of this kind belongs to the picture it is a copy of: what shows more than the picture, or shows
// it at an angle, is a picture of its own.
func joins(kind string) bool {
	switch kind {
	case photo.Same, feature.Edited, feature.Mirrored, feature.Turned, feature.Part:
		return true
	}
	return false
}

// pictureOf is the picture that a photo belongs to, made when it has none; empty when the photo is gone.
func (p *Pipeline) pictureOf(ctx context.Context, tx *sql.Tx, photoID string) (string, error) {
	ph, err := p.Records.Photo(ctx, tx, photoID)
	if record.IsNotFound(err) {
		return "", nil
	}
	if err != nil || ph.PictureID != "" {
		return ph.PictureID, err
	}
	return p.Records.AddPicture(ctx, tx, photoID)
}

// pictureBeside is pictureOf a photo that was found together with pictures of posts. Where much is compared at once, as after an
// index was away, copies of one photo may not have been held against each other yet; they are one picture all the same, or a lead
// would be made of each.
func (p *Pipeline) pictureBeside(ctx context.Context, tx *sql.Tx, ph record.Photo, beside []string) (string, error) {
	row, err := p.Records.Photo(ctx, tx, ph.ID)
	if record.IsNotFound(err) {
		return "", nil
	}
	if err != nil || row.PictureID != "" || row.PostID == "" {
		return p.pictureOf(ctx, tx, ph.ID)
	}
	pictures, err := p.Records.Pictures(ctx, tx, beside)
	if err != nil {
		return "", err
	}
	for _, pic := range pictures {
		if pic, err = p.withReference(ctx, tx, pic); err != nil {
			return "", err
		}
		ok, err := p.matches(ctx, tx, ph, pic.Reference, nil)
		if err != nil {
			return "", err
		}
		if ok {
			return pic.ID, p.Records.JoinPicture(ctx, tx, ph.ID, pic.ID)
		}
	}
	return p.pictureOf(ctx, tx, ph.ID)
}

// matches reports whether a photo is a copy of a picture's reference.
func (p *Pipeline) matches(ctx context.Context, tx *sql.Tx, ph record.Photo, reference string, ties map[string]record.Tie) (bool, error) {
	if ph.ID == reference {
		return true, nil
	}
	if _, ok := ties[reference]; ok {
		return true, nil
	}
	ref, err := p.Records.Photo(ctx, tx, reference)
	if err != nil {
		return false, ignore(err, record.ErrNotFound)
	}
	return p.copyOf(ctx, tx, ph, ref)
}

// copyOf reports whether one photo is a copy of the other, by what is stored of both.
func (p *Pipeline) copyOf(ctx context.Context, tx *sql.Tx, ph, ref record.Photo) (bool, error) {
	if _, ok := photo.Verify(asPhoto(ph), asPhoto(ref)); ok {
		return true, nil
	}
	t, err := p.Records.TieOf(ctx, tx, ph.ID, ref.ID)
	if err != nil {
		return false, ignore(err, record.ErrNotFound)
	}
	return joins(t.Kind), nil
}

// mostMoved bounds the copies of a picture that are held against another's reference: a larger one stays as it is.
const mostMoved = 2000

// allMatch reports whether every copy in a picture is a copy of a reference.
func (p *Pipeline) allMatch(ctx context.Context, tx *sql.Tx, picture, reference string) (bool, error) {
	members, err := p.members(ctx, tx, picture)
	if err != nil || len(members) == 0 || len(members) > mostMoved {
		return false, err
	}
	ref, err := p.Records.Photo(ctx, tx, reference)
	if err != nil {
		return false, ignore(err, record.ErrNotFound)
	}
	for _, m := range members {
		if ok, err := p.copyOf(ctx, tx, m, ref); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// members are the copies in a picture, with their fingerprints, the earliest first.
func (p *Pipeline) members(ctx context.Context, tx *sql.Tx, picture string) ([]record.Photo, error) {
	list, err := p.Records.PhotosOfPicture(ctx, tx, picture)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(list))
	for i, m := range list {
		ids[i] = m.ID
	}
	return p.Records.PrintedPhotos(ctx, tx, ids)
}

// withReference gives a picture whose reference is gone a new one: of its earliest copies the one that most others match. Those
// that do not match it become a picture of their own, and so on, without losing what people have said of them.
func (p *Pipeline) withReference(ctx context.Context, tx *sql.Tx, pic record.Picture) (record.Picture, error) {
	if pic.Reference != "" {
		ref, err := p.Records.Photo(ctx, tx, pic.Reference)
		if err != nil && !record.IsNotFound(err) {
			return pic, err
		}
		if err == nil && ref.PictureID == pic.ID && len(ref.Prints) > 0 {
			return pic, nil
		}
	}
	members, err := p.members(ctx, tx, pic.ID)
	if err != nil {
		return pic, err
	}
	// Copies whose fingerprints have expired can be held against nothing: they stay.
	members = slices.DeleteFunc(members, func(m record.Photo) bool { return len(m.Prints) == 0 })
	rest := members
	for first := true; len(rest) > 0; first = false {
		var best, left []record.Photo
		for _, ref := range rest[:min(len(rest), 10)] {
			in, out := []record.Photo{ref}, []record.Photo(nil)
			for _, m := range rest {
				if m.ID == ref.ID {
					continue
				}
				ok, err := p.copyOf(ctx, tx, m, ref)
				if err != nil {
					return pic, err
				}
				if ok {
					in = append(in, m)
				} else {
					out = append(out, m)
				}
			}
			if len(in) > len(best) {
				best, left = in, out
			}
		}
		rest = left
		if first {
			pic.Reference = best[0].ID
			if err := p.Records.SetReference(ctx, tx, pic.ID, pic.Reference); err != nil {
				return pic, err
			}
			continue
		}
		ids := make([]string, len(best))
		for i, m := range best {
			ids[i] = m.ID
		}
		id, err := p.Records.SplitPicture(ctx, tx, pic.ID, ids)
		if err != nil {
			return pic, err
		}
		if err := p.settlePicture(ctx, tx, id); err != nil {
			return pic, err
		}
	}
	return pic, nil
}
