package record

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"
)

// Why a picture is put aside.
const (
	AsideFlood    = "flood"    // it would have made more leads than a picture may
	AsideHarmless = "harmless" // it is on the list of pictures known to be harmless
	AsideNever    = "never"    // somebody looked and let it make as many leads as it does; it is not aside
)

// Picture is a cluster of copies of one picture.
type Picture struct {
	ID        string
	Reference string // the photo that every other member is a copy of; empty before the first joins
	Aside     string // why it makes no leads; empty, or AsideNever, when it does
	AsideAt   time.Time
	CreatedAt time.Time
}

// PutAside reports whether the picture makes no leads for now.
func (p Picture) PutAside() bool { return p.Aside == AsideFlood || p.Aside == AsideHarmless }

const pictureColumns = `id, reference_id, aside, aside_at, created_at`

func scanPicture(r scanner, p *Picture) error {
	return r.Scan(&p.ID, &p.Reference, &p.Aside, when{&p.AsideAt}, when{&p.CreatedAt})
}

// AddPicture makes a picture of which a photo is the first member and the reference.
func (s *Store) AddPicture(ctx context.Context, tx *sql.Tx, reference string) (string, error) {
	id := NewID()
	if _, err := exec(ctx, "add picture", tx, `INSERT INTO pictures (id, reference_id, created_at) VALUES ($1,$2,$3)`, id, reference, s.now()); err != nil {
		return "", err
	}
	if reference == "" {
		return id, nil
	}
	return id, s.JoinPicture(ctx, tx, reference, id)
}

// Picture reads one picture.
func (s *Store) Picture(ctx context.Context, tx *sql.Tx, id string) (Picture, error) {
	return one("picture", s.from(tx).QueryRowContext(ctx, `SELECT `+pictureColumns+` FROM pictures WHERE id=$1`, id), scanPicture)
}

// Pictures reads the pictures of the given ids, the oldest first.
func (s *Store) Pictures(ctx context.Context, tx *sql.Tx, ids []string) ([]Picture, error) {
	list, err := in(ctx, "pictures", s.from(tx), scanPicture, `SELECT `+pictureColumns+` FROM pictures WHERE id IN `, ids)
	sortPictures(list)
	return list, err
}

// PicturesAside lists pictures that make no leads, the latest first.
func (s *Store) PicturesAside(ctx context.Context, tx *sql.Tx, most int) ([]Picture, error) {
	return all(ctx, "pictures aside", s.from(tx), scanPicture, `SELECT `+pictureColumns+` FROM pictures WHERE aside IN ('flood','harmless') ORDER BY aside_at DESC, id LIMIT $1`, most)
}

// CopiesAndReports counts the photos of a picture, and the reports with a photo that it was found to have to do with.
func (s *Store) CopiesAndReports(ctx context.Context, tx *sql.Tx, id string) (copies, reports int64, err error) {
	copies, err = one("copies", s.from(tx).QueryRowContext(ctx, `SELECT COUNT(*) FROM photos WHERE picture_id=$1`, id), scanInt)
	if err != nil {
		return 0, 0, err
	}
	reports, err = one("reports of picture", s.from(tx).QueryRowContext(ctx, `SELECT COUNT(*) FROM (
		SELECT k.report_id FROM photos q JOIN ties ON ties.query_id=q.id JOIN photos k ON k.id=ties.known_id WHERE q.picture_id=$1 AND k.report_id IS NOT NULL
		UNION SELECT k.report_id FROM photos q JOIN ties ON ties.known_id=q.id JOIN photos k ON k.id=ties.query_id WHERE q.picture_id=$1 AND k.report_id IS NOT NULL) AS found`, id), scanInt)
	return copies, reports, err
}

// SetAside notes why a picture makes no leads, or AsideNever that it does for good.
func (s *Store) SetAside(ctx context.Context, tx *sql.Tx, id, why string) error {
	return must(ctx, "put picture aside", tx, ErrNotFound, `UPDATE pictures SET aside=$1, aside_at=$2 WHERE id=$3`, why, s.now(), id)
}

// SetReference names the photo that a picture's members are copies of.
func (s *Store) SetReference(ctx context.Context, tx *sql.Tx, id, photoID string) error {
	return must(ctx, "set reference", tx, ErrNotFound, `UPDATE pictures SET reference_id=$1 WHERE id=$2`, photoID, id)
}

// JoinPicture puts a photo into a picture.
func (s *Store) JoinPicture(ctx context.Context, tx *sql.Tx, photoID, pictureID string) error {
	return must(ctx, "join picture", tx, ErrNotFound, `UPDATE photos SET picture_id=$1 WHERE id=$2`, pictureID, photoID)
}

// SplitPicture makes a picture of its own of some members of another, the first of them its reference. What people have said
// of the old picture they have said of the new one too, since it was among what they saw; its leads are made again with the
// copies that went over as their sightings.
func (s *Store) SplitPicture(ctx context.Context, tx *sql.Tx, from string, photos []string) (string, error) {
	id, err := s.AddPicture(ctx, tx, photos[0])
	if err != nil {
		return "", err
	}
	for _, p := range photos[1:] {
		if err := s.JoinPicture(ctx, tx, p, id); err != nil {
			return "", err
		}
	}
	verdicts, err := all(ctx, "split picture", tx, scanVerdict, `SELECT `+verdictColumns+` FROM verdicts WHERE picture_id=$1 ORDER BY created_at, id`, from)
	if err != nil {
		return "", err
	}
	for _, v := range verdicts {
		_, err := exec(ctx, "split picture", tx, `INSERT INTO verdicts (`+verdictColumns+`) VALUES ($1,$2,$3,$4,$5,$6,$7,$8)`,
			NewID(), v.ReportPhotoID, id, v.UserID, v.Decision, v.Reason, ms(v.CreatedAt), ms(v.UndoneAt))
		if err != nil {
			return "", err
		}
	}
	leads, err := s.LeadsOfPicture(ctx, tx, from)
	if err != nil {
		return "", err
	}
	for _, l := range leads {
		copies, err := s.Sightings(ctx, tx, l.ID)
		if err != nil {
			return "", err
		}
		fresh, stay := "", 0
		for _, c := range copies {
			went := false
			for _, p := range photos {
				went = went || p == c.PhotoID
			}
			if !went {
				stay++
				continue
			}
			if fresh == "" {
				fresh = NewID()
				_, err := exec(ctx, "split picture", tx, `INSERT INTO leads (`+leadColumns+`) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,'',$11,$12,1)`,
					fresh, l.ReportID, l.ReportPhotoID, id, l.Pair, c.Kind, c.Distance, l.State, l.Owner, ms(l.NextAt), ms(l.CreatedAt), s.now())
				if err != nil {
					return "", err
				}
			}
			if _, err := exec(ctx, "split picture", tx, `UPDATE sightings SET lead_id=$1 WHERE lead_id=$2 AND photo_id=$3`, fresh, l.ID, c.PhotoID); err != nil {
				return "", err
			}
		}
		if fresh == "" || stay > 0 {
			continue
		}
		// All its copies went: links to it lead to the new one.
		if _, err := exec(ctx, "split picture", tx, `UPDATE leads SET merged_into=$1, updated_at=$2 WHERE id=$3`, fresh, s.now(), l.ID); err != nil {
			return "", err
		}
	}
	return id, nil
}

// LeadsFor counts the leads of a picture, and of a photo of a report.
func (s *Store) LeadsFor(ctx context.Context, tx *sql.Tx, pictureID, reportPhotoID string) (ofPicture, ofPhoto int64, err error) {
	ofPicture, err = one("leads of picture", s.from(tx).QueryRowContext(ctx, `SELECT COUNT(*) FROM leads WHERE picture_id=$1 AND merged_into=''`, pictureID), scanInt)
	if err != nil {
		return 0, 0, err
	}
	ofPhoto, err = one("leads of photo", s.from(tx).QueryRowContext(ctx, `SELECT COUNT(*) FROM leads WHERE report_photo_id=$1 AND merged_into=''`, reportPhotoID), scanInt)
	return ofPicture, ofPhoto, err
}

func sortPictures(list []Picture) {
	slices.SortFunc(list, func(a, b Picture) int { return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID)) })
}
