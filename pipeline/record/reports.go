package record

import (
	"context"
	"database/sql"
	"strings"
	"time"
)

// The kinds of a report.
const (
	ReportMissing = "missing" // a family seeks a child
	ReportFound   = "found"   // a child, or a grown one, seeks a family; or an institution gives notice
)

// The states of a report.
const (
	ReportOpen   = "open"
	ReportClosed = "closed"
)

// Report is a missing-child or found-child report. Contact is sealed by the caller and never indexed.
type Report struct {
	ID, Kind            string
	Number              string // at SourceName; unique there where given
	Name, OtherNames    string
	Sex                 string // male, female or empty
	Birth, LostText     string // as written
	LostFrom, LostTo    time.Time
	Place               string
	HeightCM            int
	Features            string
	DNA, Police         string
	Contact             []byte
	SourceName          string
	SourceURL           string
	Status, Step        string
	CreatedBy           string
	CreatedAt           time.Time
	UpdatedAt, ClosedAt time.Time
	Version             int64
}

// Text is what of a report can be searched by words. Contacts are not in it.
func (r Report) Text() string {
	var parts []string
	for _, s := range []string{r.Name, r.OtherNames, r.Number, r.Features, r.LostText} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, "\n")
}

// At is the time a report is filed under in a search: when the child was lost, else when the report was made.
func (r Report) At() time.Time {
	if !r.LostFrom.IsZero() {
		return r.LostFrom
	}
	return r.CreatedAt
}

const reportColumns = `id, kind, number, name, other_names, sex, birth, lost_text, lost_from, lost_to, place, height_cm, features, dna, police, contact, source_name, source_url,
	status, step, created_by, created_at, updated_at, closed_at, version`

func scanReport(r scanner, v *Report) error {
	return r.Scan(&v.ID, &v.Kind, &v.Number, &v.Name, &v.OtherNames, &v.Sex, &v.Birth, &v.LostText, when{&v.LostFrom}, when{&v.LostTo}, &v.Place, &v.HeightCM, &v.Features,
		&v.DNA, &v.Police, &v.Contact, &v.SourceName, &v.SourceURL, &v.Status, &v.Step, &v.CreatedBy, when{&v.CreatedAt}, when{&v.UpdatedAt}, when{&v.ClosedAt}, &v.Version)
}

// AddReport stores a new report. A number that its source has used already is ErrExists.
func (s *Store) AddReport(ctx context.Context, tx *sql.Tx, r Report) (string, error) {
	r.ID = NewID()
	now := s.now()
	_, err := exec(ctx, "add report", tx, `INSERT INTO reports (`+reportColumns+`)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22,$22,0,1)`,
		r.ID, r.Kind, r.Number, r.Name, r.OtherNames, r.Sex, r.Birth, r.LostText, ms(r.LostFrom), ms(r.LostTo), r.Place, r.HeightCM, r.Features, r.DNA, r.Police, r.Contact,
		r.SourceName, r.SourceURL, ReportOpen, StepGathered, r.CreatedBy, now)
	if err != nil {
		return "", err
	}
	return r.ID, s.Changed(ctx, tx, r.ID, "report")
}

// ChangeReport stores what a report says, from its kind to its source's address; its facts go, and are the caller's to set anew.
// ErrStale when r.Version is not the one stored.
func (s *Store) ChangeReport(ctx context.Context, tx *sql.Tx, r Report) error {
	err := must(ctx, "change report", tx, ErrStale, `UPDATE reports SET kind=$1, name=$2, other_names=$3, sex=$4, birth=$5, lost_text=$6, lost_from=$7, lost_to=$8, place=$9,
		height_cm=$10, features=$11, dna=$12, police=$13, contact=$14, source_url=$15, updated_at=$16, step=$17, facts='{}', facts_version=0, version=version+1 WHERE id=$18 AND version=$19`,
		r.Kind, r.Name, r.OtherNames, r.Sex, r.Birth, r.LostText, ms(r.LostFrom), ms(r.LostTo), r.Place, r.HeightCM, r.Features, r.DNA, r.Police, r.Contact, r.SourceURL,
		s.now(), StepGathered, r.ID, r.Version)
	if err != nil {
		return err
	}
	return s.Changed(ctx, tx, r.ID, "report")
}

// CloseReport ends a report, from which its clock of erasure runs.
func (s *Store) CloseReport(ctx context.Context, tx *sql.Tx, id string, version int64) error {
	now := s.now()
	if err := must(ctx, "close report", tx, ErrStale, `UPDATE reports SET status=$1, closed_at=$2, updated_at=$2, version=version+1 WHERE id=$3 AND version=$4 AND status=$5`,
		ReportClosed, now, id, version, ReportOpen); err != nil {
		return err
	}
	return s.Changed(ctx, tx, id, "report")
}

// MoveReport is MovePost for a report.
func (s *Store) MoveReport(ctx context.Context, tx *sql.Tx, id, from, to string) error {
	_, err := exec(ctx, "report step", tx, `UPDATE reports SET step=$1 WHERE id=$2 AND step=$3`, to, id, from)
	return err
}

// Report reads one report.
func (s *Store) Report(ctx context.Context, tx *sql.Tx, id string) (Report, error) {
	return one("report", s.from(tx).QueryRowContext(ctx, `SELECT `+reportColumns+` FROM reports WHERE id=$1`, id), scanReport)
}

// ReportNumbered finds a report by the number its source gave it.
func (s *Store) ReportNumbered(ctx context.Context, tx *sql.Tx, source, number string) (Report, error) {
	return one("report", s.from(tx).QueryRowContext(ctx, `SELECT `+reportColumns+` FROM reports WHERE source_name=$1 AND number=$2 AND number<>''`, source, number), scanReport)
}

// Reports lists reports, newest first; the page after the report that (created, id) names, all from the start when zero.
func (s *Store) Reports(ctx context.Context, tx *sql.Tx, created time.Time, id string, most int) ([]Report, error) {
	c := ms(created)
	if c == 0 {
		c = 1 << 62
	}
	return all(ctx, "reports", s.from(tx), scanReport, `SELECT `+reportColumns+` FROM reports WHERE (created_at, id) < ($1, $2) ORDER BY created_at DESC, id DESC LIMIT $3`, c, id, most)
}

// ReportsByID reads the reports of the given ids, in their order.
func (s *Store) ReportsByID(ctx context.Context, tx *sql.Tx, ids []string) ([]Report, error) {
	list, err := in(ctx, "reports", s.from(tx), scanReport, `SELECT `+reportColumns+` FROM reports WHERE id IN `, ids)
	return ordered(list, ids, func(r Report) string { return r.ID }), err
}

// EachReport calls fn for every report.
func (s *Store) EachReport(ctx context.Context, fn func(Report) error) error {
	return each(ctx, "reports", s.read, scanReport, fn, `SELECT `+reportColumns+` FROM reports ORDER BY created_at, id`)
}
