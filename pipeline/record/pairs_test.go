package record_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/pressly/goose/v3"

	"xunqin/pipeline/record"
)

// Leads of before there were any by facts come through the making of their table anew, with their sightings.
func TestLeadsSurviveTheirNewTable(t *testing.T) {
	ctx, path := t.Context(), filepath.Join(t.TempDir(), "old.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, os.DirFS("schema/sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(ctx, 3); err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{
		`INSERT INTO reports (id, kind, number, name, other_names, sex, birth, lost_text, lost_from, lost_to, place, height_cm, features, dna, police, source_name, source_url, status, step, created_by, created_at, updated_at)
			VALUES ('r','missing','','','','','','',0,0,'',0,'','','','','','open','related','',1,1)`,
		`INSERT INTO pictures (id, created_at) VALUES ('pic',1)`,
		`INSERT INTO photos (id, report_id, ordinal, url, state, created_at) VALUES ('ph','r',0,'a','wanted',1), ('copy','r',1,'b','wanted',1)`,
		`INSERT INTO leads (id, report_id, report_photo_id, picture_id, pair, kind, distance, state, created_at, updated_at) VALUES ('l','r','ph','pic','sighting','edited',3,'first',1,1)`,
		`INSERT INTO sightings (lead_id, photo_id, kind, distance, created_at) VALUES ('l','copy','edited',3,1)`,
	} {
		if _, err := db.Exec(q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := record.Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l, err := s.Lead(ctx, nil, "l")
	if err != nil || l.ReportPhotoID != "ph" || l.PictureID != "pic" || l.State != record.LeadFirst || l.Distance != 3 {
		t.Errorf("%+v, %v", l, err)
	}
	if list, err := s.Sightings(ctx, nil, "l"); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	if err := s.Integrity(ctx); err != nil {
		t.Error(err)
	}
	// A sighting still goes with its lead, and no lead is of neither kind.
	if _, err := s.DB().Exec(`UPDATE leads SET picture_id=NULL WHERE id='l'`); err == nil {
		t.Error("a lead without a picture was taken")
	}
	if _, err := s.DB().Exec(`DELETE FROM leads WHERE id='l'`); err != nil {
		t.Error(err)
	}
	if list, err := s.Sightings(ctx, nil, "l"); err != nil || len(list) != 0 {
		t.Errorf("left: %+v, %v", list, err)
	}
}
