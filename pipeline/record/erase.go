package record

import (
	"context"
	"database/sql"
	"slices"
	"time"
)

// held is true of a post's photo that a lead holds: as long as it does, nothing of it expires.
const held = `EXISTS (SELECT 1 FROM sightings s JOIN leads l ON l.id=s.lead_id WHERE s.photo_id=photos.id AND l.merged_into='' AND l.state<>'different')`

// ExpiredBytes lists kept photos of posts whose derivative has lived its life and that no lead holds.
func (s *Store) ExpiredBytes(ctx context.Context, tx *sql.Tx, before time.Time, most int) ([]Photo, error) {
	return all(ctx, "expired bytes", s.from(tx), scanPhoto, `SELECT `+photoColumns+` FROM photos WHERE state='kept' AND post_id IS NOT NULL AND kept_at < $1 AND NOT `+held+`
		ORDER BY kept_at, id LIMIT $2`, ms(before), most)
}

// DropBytes notes that a photo's derivatives are gone; its fingerprints and grey picture stay until their own time.
func (s *Store) DropBytes(ctx context.Context, tx *sql.Tx, photoID string) error {
	return must(ctx, "drop bytes", tx, ErrNotFound, `UPDATE photos SET state='gone', sharp='', blurred='' WHERE id=$1`, photoID)
}

// ExpiredPrints lists photos of posts whose fingerprints have lived their life and that no lead holds.
func (s *Store) ExpiredPrints(ctx context.Context, tx *sql.Tx, before time.Time, most int) ([]Photo, error) {
	return all(ctx, "expired fingerprints", s.from(tx), scanPhoto, `SELECT `+photoColumns+` FROM photos WHERE post_id IS NOT NULL AND kept_at > 0 AND kept_at < $1 AND NOT `+held+`
		AND EXISTS (SELECT 1 FROM prints p WHERE p.photo_id=photos.id) ORDER BY kept_at, id LIMIT $2`, ms(before), most)
}

// DropPrints deletes a photo's fingerprints and notes that no bytes of it are left.
func (s *Store) DropPrints(ctx context.Context, tx *sql.Tx, p Photo) error {
	for _, q := range []string{`DELETE FROM prints WHERE photo_id=$1`, `DELETE FROM features WHERE photo_id=$1`, `DELETE FROM ties WHERE query_id=$1 OR known_id=$1`} {
		if _, err := exec(ctx, "drop fingerprints", tx, q, p.ID); err != nil {
			return err
		}
	}
	if err := must(ctx, "drop fingerprints", tx, ErrNotFound, `UPDATE photos SET state='gone', sharp='', blurred='', grey='', sha256='', matchable=FALSE WHERE id=$1`, p.ID); err != nil {
		return err
	}
	return s.Changed(ctx, tx, p.PostID, "post")
}

// ExpiredPosts lists ids of posts whose text has lived its life and which no lead holds: of one by facts that nobody has looked
// at, which is a guess, the post goes when its time has come.
func (s *Store) ExpiredPosts(ctx context.Context, tx *sql.Tx, before time.Time, most int) ([]string, error) {
	return all(ctx, "expired posts", s.from(tx), scanString, `SELECT id FROM posts WHERE seen_at < $1 AND NOT EXISTS (SELECT 1 FROM photos WHERE photos.post_id=posts.id AND `+held+`)
		AND NOT EXISTS (SELECT 1 FROM leads l WHERE l.post_id=posts.id AND l.state NOT IN ('unchecked','different')) ORDER BY seen_at, id LIMIT $2`, ms(before), most)
}

// ExpiredReports lists ids of reports that were closed before the given instant.
func (s *Store) ExpiredReports(ctx context.Context, tx *sql.Tx, before time.Time, most int) ([]string, error) {
	return all(ctx, "expired reports", s.from(tx), scanString, `SELECT id FROM reports WHERE status='closed' AND closed_at < $1 ORDER BY closed_at, id LIMIT $2`, ms(before), most)
}

// ExpireRest drops what has outlived itself without holding anything of a child: sessions, tokens, spent links, attempts, robots.txt.
func (s *Store) ExpireRest(ctx context.Context, tx *sql.Tx) error {
	now := s.now()
	for _, q := range []string{`DELETE FROM sessions WHERE expires_at <= $1`, `DELETE FROM links WHERE expires_at <= $1`, `DELETE FROM robots WHERE expires_at <= $1`, `DELETE FROM tombstones WHERE expires_at <= $1`, `DELETE FROM tokens WHERE expires_at <= $1`} {
		if _, err := exec(ctx, "expire", tx, q, now); err != nil {
			return err
		}
	}
	_, err := exec(ctx, "expire", tx, `DELETE FROM attempts WHERE at < $1`, now-24*3600*1000)
	return err
}

// remains is what must go with the photos of an erased post or report: the keys of their blobs, and the pictures that may be
// empty without them.
func (s *Store) remains(ctx context.Context, tx *sql.Tx, docID string) (photos []Photo, blobs, pictures []string, err error) {
	photos, err = s.PhotosOf(ctx, tx, docID)
	for _, p := range photos {
		for _, k := range []string{p.Sharp, p.Blurred, p.Grey} {
			if k != "" {
				blobs = append(blobs, k)
			}
		}
		if p.PictureID != "" && !slices.Contains(pictures, p.PictureID) {
			pictures = append(pictures, p.PictureID)
		}
	}
	return photos, blobs, pictures, err
}

// ErasePost deletes a post with its photos, fingerprints, sightings and the alerts about it, and returns the keys of the
// blobs that must go as well. A lead whose last copy it was goes too, and every one by facts. Tombstones are the caller's.
func (s *Store) ErasePost(ctx context.Context, tx *sql.Tx, id string) (blobs []string, err error) {
	_, blobs, pictures, err := s.remains(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	for _, q := range []string{`DELETE FROM deliveries WHERE subject=$1 OR subject IN (SELECT id FROM leads WHERE post_id=$1)`, `DELETE FROM leads WHERE post_id=$1`,
		`DELETE FROM verdicts WHERE picture_id=$1`, `DELETE FROM photos WHERE post_id=$1`, `DELETE FROM posts WHERE id=$1`} {
		if _, err := exec(ctx, "erase post", tx, q, id); err != nil {
			return nil, err
		}
	}
	return blobs, s.erased(ctx, tx, id, "post", pictures)
}

// EraseReport deletes a report with its photos, fingerprints, leads and verdicts, and returns the keys of the blobs that
// must go as well.
func (s *Store) EraseReport(ctx context.Context, tx *sql.Tx, id string) (blobs []string, err error) {
	photos, blobs, pictures, err := s.remains(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	for _, p := range photos {
		if _, err := exec(ctx, "erase report", tx, `DELETE FROM verdicts WHERE report_photo_id=$1`, p.ID); err != nil {
			return nil, err
		}
	}
	for _, q := range []string{`DELETE FROM deliveries WHERE subject=$1 OR subject IN (SELECT id FROM leads WHERE report_id=$1 OR other_id=$1)`,
		`DELETE FROM leads WHERE report_id=$1 OR other_id=$1`, `DELETE FROM verdicts WHERE report_photo_id=$1 OR picture_id=$1`,
		`DELETE FROM photos WHERE report_id=$1`, `DELETE FROM reports WHERE id=$1`} {
		if _, err := exec(ctx, "erase report", tx, q, id); err != nil {
			return nil, err
		}
	}
	return blobs, s.erased(ctx, tx, id, "report", pictures)
}

// erased drops pictures that have no photo left, with their leads and verdicts, and tells the indexes.
func (s *Store) erased(ctx context.Context, tx *sql.Tx, id, kind string, pictures []string) error {
	for _, p := range pictures {
		n, err := one("picture", tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM photos WHERE picture_id=$1`, p), scanInt)
		if err != nil {
			return err
		}
		if n > 0 {
			continue
		}
		for _, q := range []string{`DELETE FROM deliveries WHERE subject IN (SELECT id FROM leads WHERE picture_id=$1)`, `DELETE FROM leads WHERE picture_id=$1`,
			`DELETE FROM verdicts WHERE picture_id=$1`, `DELETE FROM pictures WHERE id=$1`} {
			if _, err := exec(ctx, "drop picture", tx, q, p); err != nil {
				return err
			}
		}
	}
	return s.Changed(ctx, tx, id, kind)
}
