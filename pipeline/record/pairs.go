package record

import (
	"context"
	"database/sql"
)

// AddFactsLead stores a lead by facts, or finds the one there is of the same report and document, and says which. The distance
// of one that nobody has looked at becomes the new one.
func (s *Store) AddFactsLead(ctx context.Context, tx *sql.Tx, l Lead) (id string, fresh bool, err error) {
	old, err := one("facts lead", tx.QueryRowContext(ctx, `SELECT `+leadColumns+` FROM leads WHERE kind='facts' AND report_id=$1 AND COALESCE(post_id, other_id)=$2`,
		l.ReportID, l.PostID+l.OtherID), scanLead)
	switch {
	case IsNotFound(err):
		id, now := NewID(), s.now()
		_, err := exec(ctx, "add facts lead", tx, `INSERT INTO leads (`+leadColumns+`) VALUES ($1,$2,NULL,NULL,$3,$4,$5,'facts',$6,$7,'',$8,'',$9,$9,1)`,
			id, l.ReportID, null(l.PostID), null(l.OtherID), l.Pair, l.Distance, LeadUnchecked, ms(l.NextAt), now)
		return id, err == nil, err
	case err != nil || old.State != LeadUnchecked || old.Distance == l.Distance:
		return old.ID, false, err
	}
	_, err = exec(ctx, "change facts lead", tx, `UPDATE leads SET distance=$1 WHERE id=$2`, l.Distance, old.ID)
	return old.ID, false, err
}

// FactsLeads lists all leads by facts that a document is a side of, the nearest first.
func (s *Store) FactsLeads(ctx context.Context, tx *sql.Tx, docID string) ([]Lead, error) {
	return all(ctx, "facts leads", s.from(tx), scanLead, `SELECT `+leadColumns+` FROM leads WHERE kind='facts' AND (report_id=$1 OR post_id=$1 OR other_id=$1)
		ORDER BY distance, created_at, id`, docID)
}

// Joined reports whether a report and a document need no lead by facts: a lead by a photo joins them, or there is one by facts
// of the report and another copy of a picture that the document shows.
func (s *Store) Joined(ctx context.Context, tx *sql.Tx, reportID, docID string) (bool, error) {
	n, err := one("joined", s.from(tx).QueryRowContext(ctx, `SELECT
		(SELECT COUNT(*) FROM leads l JOIN sightings s ON s.lead_id=l.id JOIN photos p ON p.id=s.photo_id WHERE l.merged_into='' AND l.report_id=$1 AND (p.post_id=$2 OR p.report_id=$2)) +
		(SELECT COUNT(*) FROM leads l JOIN sightings s ON s.lead_id=l.id JOIN photos p ON p.id=s.photo_id WHERE l.merged_into='' AND l.report_id=$2 AND p.report_id=$1) +
		(SELECT COUNT(*) FROM leads l JOIN photos a ON a.post_id=l.post_id JOIN photos b ON b.picture_id=a.picture_id WHERE l.kind='facts' AND l.report_id=$1 AND b.post_id=$2 AND a.post_id<>$2)`,
		reportID, docID), scanInt)
	return n > 0, err
}

// NumbersOf lists, for each of the documents that has any, the keyed marks of the numbers in its words.
func (s *Store) NumbersOf(ctx context.Context, tx *sql.Tx, ids []string) (map[string][]string, error) {
	type row struct{ id, mark string }
	out := map[string][]string{}
	for _, column := range []string{"post_id", "report_id"} {
		list, err := in(ctx, "numbers", s.from(tx), func(r scanner, v *row) error { return r.Scan(&v.id, &v.mark) }, `SELECT `+column+`, mark FROM numbers WHERE `+column+` IN `, ids)
		if err != nil {
			return nil, err
		}
		for _, v := range list {
			out[v.id] = append(out[v.id], v.mark)
		}
	}
	return out, nil
}

// FactsOf reads what the words of posts or reports say, by id.
func (s *Store) FactsOf(ctx context.Context, tx *sql.Tx, kind string, ids []string) (map[string]FactsRow, error) {
	table := "posts"
	if kind == "report" {
		table = "reports"
	}
	list, err := in(ctx, "facts", s.from(tx), func(r scanner, v *FactsRow) error { return r.Scan(&v.ID, &v.Facts, &v.Version) }, `SELECT id, facts, facts_version FROM `+table+` WHERE id IN `, ids)
	out := make(map[string]FactsRow, len(list))
	for _, v := range list {
		v.Kind = kind
		out[v.ID] = v
	}
	return out, err
}

// Unpaired lists open reports whose pairs were not looked for by a version of the rules.
func (s *Store) Unpaired(ctx context.Context, tx *sql.Tx, version int64, most int) ([]string, error) {
	return all(ctx, "unpaired reports", s.from(tx), scanString, `SELECT id FROM reports WHERE paired<$1 AND status='open' ORDER BY paired, id LIMIT $2`, version, most)
}

// SetPaired notes that a report's pairs were looked for.
func (s *Store) SetPaired(ctx context.Context, tx *sql.Tx, id string, version int64) error {
	_, err := exec(ctx, "set paired", tx, `UPDATE reports SET paired=$1 WHERE id=$2`, version, id)
	return err
}
