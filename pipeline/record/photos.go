package record

import (
	"context"
	"database/sql"
	"fmt"
	"image"
	"strings"
	"time"

	"xunqin/search"
)

// The states of a photo.
const (
	PhotoWanted  = "wanted"  // its address is known, its bytes are not
	PhotoKept    = "kept"    // derivatives stored, fingerprints made
	PhotoRefused = "refused" // will not be kept; Why is a word: a limit, a format, robots, a tombstone
	PhotoGone    = "gone"    // its life has ended: no bytes are left
)

// Photo is one photo of a post or of a report. The original is never kept: Sharp (at most 640 px), Blurred and Grey
// (128 px, for the matcher only) are keys of sealed blobs.
type Photo struct {
	ID, PostID, ReportID string
	Ordinal              int
	URL                  string // of a report's photo: a name made from its bytes
	Fallback             []string
	Alt                  string
	State, Why           string
	SHA256               string // of the bytes as they came, hexadecimal
	Format               string
	Width, Height        int // upright, of the original
	Sharp, Blurred, Grey string
	PictureID            string // the cluster of copies it belongs to; empty until related
	Matchable            bool   // false for flat and tiny ones: their fingerprints mean nothing
	CreatedAt, KeptAt    time.Time
	Looked               int64 // the generation of a first, quick look at a post's photo; see Store.Generation
	Generation           int64 // the generation it was last compared with by every means; 0: kept before there were features
	Prints               []search.Fingerprint
	Features             search.Features // stored with the photo, and read by Store.Features alone
}

const photoColumns = `id, post_id, report_id, ordinal, url, fallback, alt, state, why, sha256, format, width, height, sharp, blurred, grey, picture_id, matchable, created_at, kept_at, looked, generation`

func scanPhoto(r scanner, p *Photo) error {
	var fallback string
	err := r.Scan(&p.ID, text{&p.PostID}, text{&p.ReportID}, &p.Ordinal, &p.URL, &fallback, &p.Alt, &p.State, &p.Why, &p.SHA256, &p.Format, &p.Width, &p.Height,
		&p.Sharp, &p.Blurred, &p.Grey, text{&p.PictureID}, &p.Matchable, when{&p.CreatedAt}, when{&p.KeptAt}, &p.Looked, &p.Generation)
	if fallback != "" {
		p.Fallback = strings.Split(fallback, "\n")
	}
	return err
}

// KeepPhoto stores what was made of a wanted photo: its keys, measures and fingerprints. ErrStale when it is not wanted
// any more (kept already by an earlier try, or erased meanwhile): the caller then deletes the blobs it has put.
func (s *Store) KeepPhoto(ctx context.Context, tx *sql.Tx, p Photo) error {
	err := must(ctx, "keep photo", tx, ErrStale, `UPDATE photos SET state=$1, why='', sha256=$2, format=$3, width=$4, height=$5, sharp=$6, blurred=$7, grey=$8, matchable=$9, kept_at=$10,
		looked=$11, generation=$12 WHERE id=$13 AND state=$14`, PhotoKept, p.SHA256, p.Format, p.Width, p.Height, p.Sharp, p.Blurred, p.Grey, p.Matchable, s.now(), p.Looked, p.Generation, p.ID, PhotoWanted)
	if err != nil {
		return err
	}
	return s.addPrints(ctx, tx, p)
}

func (s *Store) addPrints(ctx context.Context, tx *sql.Tx, p Photo) error {
	for _, f := range p.Prints {
		_, err := exec(ctx, "add fingerprint", tx, `INSERT INTO prints (photo_id, algo, x0, y0, x1, y1, bits) VALUES ($1,$2,$3,$4,$5,$6,$7)
			ON CONFLICT (photo_id, algo, x0, y0, x1, y1) DO UPDATE SET bits=excluded.bits`, p.ID, f.Algo, f.Part.Min.X, f.Part.Min.Y, f.Part.Max.X, f.Part.Max.Y, f.Bits)
		if err != nil {
			return err
		}
	}
	return s.setFeatures(ctx, tx, p.ID, p.Features)
}

// RefusePhoto notes why a wanted photo will not be kept.
func (s *Store) RefusePhoto(ctx context.Context, tx *sql.Tx, id, why string) error {
	_, err := exec(ctx, "refuse photo", tx, `UPDATE photos SET state=$1, why=$2 WHERE id=$3 AND state=$4`, PhotoRefused, why, id, PhotoWanted)
	return err
}

// AddReportPhoto stores a photo that came with a report, prepared already. The same bytes twice in one report are one photo: ErrExists.
func (s *Store) AddReportPhoto(ctx context.Context, tx *sql.Tx, p Photo) (string, error) {
	p.ID = NewID()
	_, err := exec(ctx, "add report photo", tx, `INSERT INTO photos (id, report_id, ordinal, url, state, sha256, format, width, height, sharp, blurred, grey, matchable, created_at, kept_at, generation)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$14,$15)`,
		p.ID, p.ReportID, p.Ordinal, p.URL, PhotoKept, p.SHA256, p.Format, p.Width, p.Height, p.Sharp, p.Blurred, p.Grey, p.Matchable, s.now(), p.Generation)
	if err != nil {
		return "", err
	}
	return p.ID, s.addPrints(ctx, tx, p)
}

// Photo reads one photo with its fingerprints.
func (s *Store) Photo(ctx context.Context, tx *sql.Tx, id string) (Photo, error) {
	p, err := one("photo", s.from(tx).QueryRowContext(ctx, `SELECT `+photoColumns+` FROM photos WHERE id=$1`, id), scanPhoto)
	if err != nil {
		return p, err
	}
	list := []Photo{p}
	err = s.fillPrints(ctx, tx, list)
	return list[0], err
}

// PhotosOf lists the photos of a post or report, in its order, with their fingerprints.
func (s *Store) PhotosOf(ctx context.Context, tx *sql.Tx, docID string) ([]Photo, error) {
	list, err := all(ctx, "photos", s.from(tx), scanPhoto, `SELECT `+photoColumns+` FROM photos WHERE post_id=$1 OR report_id=$1 ORDER BY ordinal, id`, docID)
	if err != nil {
		return nil, err
	}
	return list, s.fillPrints(ctx, tx, list)
}

// Photos reads the photos of the given ids, without fingerprints, in the order of the ids.
func (s *Store) Photos(ctx context.Context, tx *sql.Tx, ids []string) ([]Photo, error) {
	list, err := in(ctx, "photos", s.from(tx), scanPhoto, `SELECT `+photoColumns+` FROM photos WHERE id IN `, ids)
	return ordered(list, ids, func(p Photo) string { return p.ID }), err
}

// PrintedPhotos reads the photos of the given ids with their fingerprints, in the order of the ids.
func (s *Store) PrintedPhotos(ctx context.Context, tx *sql.Tx, ids []string) ([]Photo, error) {
	list, err := s.Photos(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	return list, s.fillPrints(ctx, tx, list)
}

// PhotosOfDocs lists the kept photos of many posts or reports, without fingerprints.
func (s *Store) PhotosOfDocs(ctx context.Context, tx *sql.Tx, docIDs []string) ([]Photo, error) {
	posts, err := in(ctx, "photos", s.from(tx), scanPhoto, `SELECT `+photoColumns+` FROM photos WHERE state='kept' AND post_id IN `, docIDs)
	if err != nil {
		return nil, err
	}
	reports, err := in(ctx, "photos", s.from(tx), scanPhoto, `SELECT `+photoColumns+` FROM photos WHERE state='kept' AND report_id IN `, docIDs)
	return append(posts, reports...), err
}

// PhotosOfPicture lists the copies of one picture.
func (s *Store) PhotosOfPicture(ctx context.Context, tx *sql.Tx, pictureID string) ([]Photo, error) {
	return all(ctx, "photos of picture", s.from(tx), scanPhoto, `SELECT `+photoColumns+` FROM photos WHERE picture_id=$1 ORDER BY created_at, id`, pictureID)
}

// EachPhoto calls fn for every photo, without fingerprints.
func (s *Store) EachPhoto(ctx context.Context, fn func(Photo) error) error {
	return each(ctx, "photos", s.read, scanPhoto, fn, `SELECT `+photoColumns+` FROM photos ORDER BY created_at, id`)
}

// PrintsOf reads the fingerprints of one photo.
func (s *Store) PrintsOf(ctx context.Context, tx *sql.Tx, photoID string) ([]search.Fingerprint, error) {
	list := []Photo{{ID: photoID}}
	err := s.fillPrints(ctx, tx, list)
	return list[0].Prints, err
}

type printRow struct {
	photo string
	f     search.Fingerprint
}

func scanPrint(r scanner, p *printRow) error {
	var x0, y0, x1, y1 int
	err := r.Scan(&p.photo, &p.f.Algo, &x0, &y0, &x1, &y1, &p.f.Bits)
	p.f.Part = image.Rect(x0, y0, x1, y1)
	return err
}

func (s *Store) fillPrints(ctx context.Context, tx *sql.Tx, list []Photo) error {
	ids := make([]string, len(list))
	index := make(map[string]int, len(list))
	for i, p := range list {
		ids[i], index[p.ID] = p.ID, i
	}
	rows, err := in(ctx, "fingerprints", s.from(tx), scanPrint, `SELECT photo_id, algo, x0, y0, x1, y1, bits FROM prints WHERE photo_id IN `, ids)
	if err != nil {
		return err
	}
	for _, r := range rows {
		i := index[r.photo]
		list[i].Prints = append(list[i].Prints, r.f)
	}
	return nil
}

// postDoc is the searchable form of a post by itself.
func postDoc(p Post, source string) search.Doc {
	return search.Doc{ID: p.ID, Kind: p.Kind, Source: source, Text: strings.TrimSpace(p.Text + "\n" + strings.Join(p.Tags, " ")), Place: p.Place, At: p.PostedAt}
}

// reportDoc is the searchable form of a report by itself.
func reportDoc(r Report) search.Doc {
	return search.Doc{ID: r.ID, Kind: search.KindReport, Source: r.SourceName, Status: r.Status, Text: r.Text(), Place: r.Place, At: r.At()}
}

// Doc makes the searchable form of a post or report. It is false when there is none (any more): the index then drops it.
func (s *Store) Doc(ctx context.Context, tx *sql.Tx, c Change) (search.Doc, bool, error) {
	var d search.Doc
	switch c.Kind {
	case "post":
		p, err := s.Post(ctx, tx, c.DocID)
		if IsNotFound(err) || (err == nil && p.State != PostLive) {
			return d, false, nil
		}
		if err != nil {
			return d, false, err
		}
		src, err := s.Source(ctx, tx, p.SourceID)
		if err != nil {
			return d, false, err
		}
		d = postDoc(p, src.Name)
	case "report":
		r, err := s.Report(ctx, tx, c.DocID)
		if IsNotFound(err) {
			return d, false, nil
		}
		if err != nil {
			return d, false, err
		}
		d = reportDoc(r)
	default:
		return d, false, fmt.Errorf("searchable form of %s %s: unknown kind", c.Kind, c.DocID)
	}
	said, err := s.Facts(ctx, tx, Ref{c.DocID, c.Kind})
	if IsNotFound(err) { // erased meanwhile
		return d, false, nil
	}
	if err != nil {
		return d, false, err
	}
	d.Facts = searchable(said)
	photos, err := s.PhotosOf(ctx, tx, c.DocID)
	if err != nil {
		return d, false, err
	}
	var ids []string
	for _, p := range photos {
		if p.Matchable {
			ids = append(ids, p.ID)
		}
	}
	features, err := s.Features(ctx, tx, ids)
	if err != nil {
		return d, false, err
	}
	for _, p := range photos {
		if !p.Matchable || len(p.Prints) == 0 || p.State != PhotoKept && p.State != PhotoGone {
			continue
		}
		ref := search.PhotoRef{ID: p.ID, Prints: p.Prints}
		if f, ok := features[p.ID]; ok {
			ref.Features = []search.Features{f}
		}
		d.Photos = append(d.Photos, ref)
	}
	return d, true, nil
}
