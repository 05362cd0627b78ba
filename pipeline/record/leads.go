package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// The states of a lead. None but unchecked is reached without a person.
const (
	LeadUnchecked = "unchecked" // nobody has looked
	LeadFirst     = "first"     // one person has said "same picture" or "same child likely": waits for a second
	LeadAgreed    = "agreed"    // two different people agree
	LeadDisputed  = "disputed"  // they do not: a reviewer decides
	LeadDifferent = "different" // not this child; it never comes back
	LeadUnsure    = "unsure"    // "cannot tell": stays with people, released to nobody
	LeadHarmful   = "harmful"   // flagged as harmful: no preview
)

// The decisions a verdict can hold.
const (
	Same      = "same"
	Likely    = "likely"
	Different = "different"
	Unsure    = "unsure"
	Harmful   = "harmful"
)

// ByFacts is the kind of a lead whose two sides have no photo in common: what they say agrees.
const ByFacts = "facts"

// Lead is a pair to be checked: a photo of a report, and a picture (all its copies together); or, of the kind ByFacts, a report
// and a post or another report. It is unique by the two.
type Lead struct {
	ID, ReportID, ReportPhotoID, PictureID string
	PostID, OtherID                        string // of the kind ByFacts one of them, else neither
	Pair                                   string // sighting, found or duplicate: what the picture's copies are
	Kind                                   string // what a copy is to the report's photo: a word of package feature, or same
	Distance                               int    // least Hamming distance of any copy, or FeatureDistance; for ordering and tests, never shown
	State, Owner                           string
	NextAt                                 time.Time // by when somebody has to look
	MergedInto                             string    // the lead that took over when two pictures turned out to be one
	CreatedAt, UpdatedAt                   time.Time
	Version                                int64
}

// Sides are the two that verdicts on a lead hang on: photo and picture, or report and document.
func (l Lead) Sides() (report, other string) {
	if l.Kind == ByFacts {
		return l.ReportID, l.PostID + l.OtherID
	}
	return l.ReportPhotoID, l.PictureID
}

const leadColumns = `id, report_id, report_photo_id, picture_id, post_id, other_id, pair, kind, distance, state, owner, next_at, merged_into, created_at, updated_at, version`

func scanLead(r scanner, l *Lead) error {
	return r.Scan(&l.ID, &l.ReportID, text{&l.ReportPhotoID}, text{&l.PictureID}, text{&l.PostID}, text{&l.OtherID}, &l.Pair, &l.Kind, &l.Distance, &l.State, &l.Owner, when{&l.NextAt}, &l.MergedInto,
		when{&l.CreatedAt}, when{&l.UpdatedAt}, &l.Version)
}

// AddLead stores the lead of a pair, or finds the one there is, and says which. A nearer copy lowers its distance; one of the
// same bytes names its kind, whichever came first.
func (s *Store) AddLead(ctx context.Context, tx *sql.Tx, l Lead) (id string, fresh bool, err error) {
	now := s.now()
	id = NewID()
	n, err := exec(ctx, "add lead", tx, `INSERT INTO leads (`+leadColumns+`) VALUES ($1,$2,$3,$4,NULL,NULL,$5,$6,$7,$8,'',$9,'',$10,$10,1)
		ON CONFLICT (report_photo_id, picture_id) WHERE merged_into = '' DO NOTHING`,
		id, l.ReportID, l.ReportPhotoID, l.PictureID, l.Pair, l.Kind, l.Distance, LeadUnchecked, ms(l.NextAt), now)
	if err != nil || n == 1 {
		return id, n == 1, err
	}
	_, err = exec(ctx, "add lead", tx, `UPDATE leads SET kind=$1, distance=$2, updated_at=$3 WHERE report_photo_id=$4 AND picture_id=$5 AND merged_into='' AND (distance > $2 OR distance = $2 AND $1 = 'same')`,
		l.Kind, l.Distance, now, l.ReportPhotoID, l.PictureID)
	if err != nil {
		return "", false, err
	}
	id, err = one("add lead", tx.QueryRowContext(ctx, `SELECT id FROM leads WHERE report_photo_id=$1 AND picture_id=$2 AND merged_into=''`, l.ReportPhotoID, l.PictureID), scanString)
	return id, false, err
}

// Sighting is one copy of a lead's picture.
type Sighting struct {
	LeadID, PhotoID, Kind string
	Distance              int
	CreatedAt             time.Time
}

func scanSighting(r scanner, v *Sighting) error {
	return r.Scan(&v.LeadID, &v.PhotoID, &v.Kind, &v.Distance, when{&v.CreatedAt})
}

// AddSighting joins a copy to a lead, and says whether it was not there yet.
func (s *Store) AddSighting(ctx context.Context, tx *sql.Tx, v Sighting) (bool, error) {
	n, err := exec(ctx, "add sighting", tx, `INSERT INTO sightings (lead_id, photo_id, kind, distance, created_at) VALUES ($1,$2,$3,$4,$5)
		ON CONFLICT (lead_id, photo_id) DO NOTHING`, v.LeadID, v.PhotoID, v.Kind, v.Distance, s.now())
	return n == 1, err
}

// Sightings lists the copies of a lead, the earliest seen first.
func (s *Store) Sightings(ctx context.Context, tx *sql.Tx, leadID string) ([]Sighting, error) {
	return all(ctx, "sightings", s.from(tx), scanSighting, `SELECT lead_id, photo_id, kind, distance, created_at FROM sightings WHERE lead_id=$1 ORDER BY created_at, photo_id`, leadID)
}

// Lead reads one lead, following it where it was merged into another.
func (s *Store) Lead(ctx context.Context, tx *sql.Tx, id string) (Lead, error) {
	for range 100 {
		l, err := one("lead", s.from(tx).QueryRowContext(ctx, `SELECT `+leadColumns+` FROM leads WHERE id=$1`, id), scanLead)
		if err != nil || l.MergedInto == "" {
			return l, err
		}
		id = l.MergedInto
	}
	return Lead{}, errors.New("lead: merged in a circle")
}

// LeadFilter chooses leads. The zero value means all that were not merged away.
type LeadFilter struct {
	States   []string
	Owner    string
	ReportID string
	After    Lead // page after this one (CreatedAt and ID are read)
	Most     int  // 0: 50
}

// waits is false of a lead nobody has looked at while its picture is put aside.
const waits = `NOT (state='unchecked' AND EXISTS (SELECT 1 FROM pictures WHERE pictures.id=leads.picture_id AND aside IN ('flood','harmless')))`

// Leads lists leads, oldest first: who waits longest comes first.
func (s *Store) Leads(ctx context.Context, tx *sql.Tx, f LeadFilter) ([]Lead, error) {
	q := `SELECT ` + leadColumns + ` FROM leads WHERE merged_into='' AND (created_at, id) > ($1, $2) AND ` + waits
	args := []any{ms(f.After.CreatedAt), f.After.ID}
	add := func(cond string, v any) {
		args = append(args, v)
		q += fmt.Sprintf(" AND "+cond, len(args))
	}
	if f.Owner != "" {
		add("owner=$%d", f.Owner)
	}
	if f.ReportID != "" {
		add("report_id=$%d", f.ReportID)
	}
	if len(f.States) > 0 {
		q += " AND state IN ("
		for i, st := range f.States {
			if i > 0 {
				q += ","
			}
			args = append(args, st)
			q += fmt.Sprintf("$%d", len(args))
		}
		q += ")"
	}
	if f.Most == 0 {
		f.Most = 50
	}
	args = append(args, f.Most)
	q += fmt.Sprintf(" ORDER BY created_at, id LIMIT $%d", len(args))
	return all(ctx, "leads", s.from(tx), scanLead, q, args...)
}

// LeadsOfPicture lists the leads a picture has part in.
func (s *Store) LeadsOfPicture(ctx context.Context, tx *sql.Tx, pictureID string) ([]Lead, error) {
	return all(ctx, "leads of picture", s.from(tx), scanLead, `SELECT `+leadColumns+` FROM leads WHERE picture_id=$1 AND merged_into='' ORDER BY created_at, id`, pictureID)
}

// EachLead calls fn for every lead that was not merged away.
func (s *Store) EachLead(ctx context.Context, fn func(Lead) error) error {
	return each(ctx, "leads", s.read, scanLead, fn, `SELECT `+leadColumns+` FROM leads WHERE merged_into='' ORDER BY created_at, id`)
}

// LeadCounts counts leads by state.
func (s *Store) LeadCounts(ctx context.Context, tx *sql.Tx) (map[string]int64, error) {
	type row struct {
		state string
		n     int64
	}
	list, err := all(ctx, "lead counts", s.from(tx), func(r scanner, v *row) error { return r.Scan(&v.state, &v.n) }, `SELECT state, COUNT(*) FROM leads WHERE merged_into='' AND `+waits+` GROUP BY state`)
	counts := make(map[string]int64, len(list))
	for _, v := range list {
		counts[v.state] = v.n
	}
	return counts, err
}

// DropUntouched deletes a lead nobody has looked at, with the alerts about it. It says whether there was one.
func (s *Store) DropUntouched(ctx context.Context, tx *sql.Tx, l Lead) (bool, error) {
	report, other := l.Sides()
	n, err := exec(ctx, "drop lead", tx, `DELETE FROM leads WHERE id=$1 AND state='unchecked' AND merged_into=''
		AND NOT EXISTS (SELECT 1 FROM verdicts WHERE report_photo_id=$2 AND picture_id=$3)`, l.ID, report, other)
	if err != nil || n == 0 {
		return false, err
	}
	_, err = exec(ctx, "drop lead", tx, `DELETE FROM deliveries WHERE subject=$1`, l.ID)
	return true, err
}

// SetLead stores state, owner and next date of a lead. ErrStale when l.Version is not the one stored.
func (s *Store) SetLead(ctx context.Context, tx *sql.Tx, l Lead) error {
	return must(ctx, "set lead", tx, ErrStale, `UPDATE leads SET state=$1, owner=$2, next_at=$3, updated_at=$4, version=version+1 WHERE id=$5 AND version=$6`,
		l.State, l.Owner, ms(l.NextAt), s.now(), l.ID, l.Version)
}

// Verdict is what one person said of a pair of report photo and picture, or of the sides of a lead by facts, which then stand
// in their places. It hangs on the pair, not on the lead, and so outlives reindexing, new copies and merges.
type Verdict struct {
	ID, ReportPhotoID, PictureID, UserID, Decision, Reason string
	CreatedAt, UndoneAt                                    time.Time
}

const verdictColumns = `id, report_photo_id, picture_id, user_id, decision, reason, created_at, undone_at`

func scanVerdict(r scanner, v *Verdict) error {
	return r.Scan(&v.ID, &v.ReportPhotoID, &v.PictureID, &v.UserID, &v.Decision, &v.Reason, when{&v.CreatedAt}, when{&v.UndoneAt})
}

// AddVerdict stores a verdict. Each person has one standing verdict on a pair: an earlier one is marked undone, not lost.
func (s *Store) AddVerdict(ctx context.Context, tx *sql.Tx, v Verdict) (string, error) {
	now := s.now()
	if _, err := exec(ctx, "add verdict", tx, `UPDATE verdicts SET undone_at=$1 WHERE report_photo_id=$2 AND picture_id=$3 AND user_id=$4 AND undone_at=0`,
		now, v.ReportPhotoID, v.PictureID, v.UserID); err != nil {
		return "", err
	}
	id := NewID()
	_, err := exec(ctx, "add verdict", tx, `INSERT INTO verdicts (`+verdictColumns+`) VALUES ($1,$2,$3,$4,$5,$6,$7,0)`, id, v.ReportPhotoID, v.PictureID, v.UserID, v.Decision, v.Reason, now)
	return id, err
}

// UndoVerdict takes a person's own verdict back, if it was given after since. ErrStale when there is none to take back.
func (s *Store) UndoVerdict(ctx context.Context, tx *sql.Tx, id, userID string, since time.Time) error {
	return must(ctx, "undo verdict", tx, ErrStale, `UPDATE verdicts SET undone_at=$1 WHERE id=$2 AND user_id=$3 AND undone_at=0 AND created_at >= $4`, s.now(), id, userID, ms(since))
}

// Verdicts lists the standing verdicts on a pair, in the order they were given.
func (s *Store) Verdicts(ctx context.Context, tx *sql.Tx, reportPhotoID, pictureID string) ([]Verdict, error) {
	return all(ctx, "verdicts", s.from(tx), scanVerdict, `SELECT `+verdictColumns+` FROM verdicts WHERE report_photo_id=$1 AND picture_id=$2 AND undone_at=0 ORDER BY created_at, id`, reportPhotoID, pictureID)
}

// MergePictures makes two pictures that turned out to be one into one: photos, verdicts and leads of gone go over to keep.
// Where both had a lead with the same report photo, the older lead stays, with both leads' sightings; the other points to
// it, so that links to it still lead there.
func (s *Store) MergePictures(ctx context.Context, tx *sql.Tx, keep, gone string) error {
	if keep == gone {
		return nil
	}
	if _, err := exec(ctx, "merge pictures", tx, `UPDATE photos SET picture_id=$1 WHERE picture_id=$2`, keep, gone); err != nil {
		return err
	}
	if _, err := exec(ctx, "merge pictures", tx, `UPDATE verdicts SET picture_id=$1 WHERE picture_id=$2`, keep, gone); err != nil {
		return err
	}
	kept, err := s.LeadsOfPicture(ctx, tx, keep)
	if err != nil {
		return err
	}
	byPhoto := make(map[string]Lead, len(kept))
	for _, l := range kept {
		byPhoto[l.ReportPhotoID] = l
	}
	moved, err := s.LeadsOfPicture(ctx, tx, gone)
	if err != nil {
		return err
	}
	for _, l := range moved {
		stay, both := byPhoto[l.ReportPhotoID]
		if !both {
			if _, err := exec(ctx, "merge pictures", tx, `UPDATE leads SET picture_id=$1, updated_at=$2 WHERE id=$3`, keep, s.now(), l.ID); err != nil {
				return err
			}
			continue
		}
		if l.CreatedAt.Before(stay.CreatedAt) || (l.CreatedAt.Equal(stay.CreatedAt) && l.ID < stay.ID) {
			stay, l = l, stay
		}
		if err := s.mergeLead(ctx, tx, stay, l, keep); err != nil {
			return err
		}
	}
	// Leads merged away earlier still name the picture; they follow so that its row can go.
	if _, err := exec(ctx, "merge pictures", tx, `UPDATE leads SET picture_id=$1 WHERE picture_id=$2`, keep, gone); err != nil {
		return err
	}
	_, err = exec(ctx, "merge pictures", tx, `DELETE FROM pictures WHERE id=$1`, gone)
	return err
}

func (s *Store) mergeLead(ctx context.Context, tx *sql.Tx, stay, gone Lead, picture string) error {
	if _, err := exec(ctx, "merge leads", tx, `INSERT INTO sightings (lead_id, photo_id, kind, distance, created_at)
		SELECT $1, photo_id, kind, distance, created_at FROM sightings WHERE lead_id=$2 ON CONFLICT (lead_id, photo_id) DO NOTHING`, stay.ID, gone.ID); err != nil {
		return err
	}
	if _, err := exec(ctx, "merge leads", tx, `DELETE FROM sightings WHERE lead_id=$1`, gone.ID); err != nil {
		return err
	}
	if _, err := exec(ctx, "merge leads", tx, `UPDATE leads SET merged_into=$1, updated_at=$2 WHERE id=$3`, stay.ID, s.now(), gone.ID); err != nil {
		return err
	}
	kind, distance := stay.Kind, stay.Distance
	if gone.Distance < distance {
		kind, distance = gone.Kind, gone.Distance
	}
	state := stay.State
	if state == LeadUnchecked {
		state = gone.State // what a person has said of either is said of both
	}
	return must(ctx, "merge leads", tx, ErrNotFound, `UPDATE leads SET picture_id=$1, kind=$2, distance=$3, state=$4, updated_at=$5, version=version+1 WHERE id=$6`,
		picture, kind, distance, state, s.now(), stay.ID)
}
