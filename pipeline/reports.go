package pipeline

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"xunqin/crawler"
	"xunqin/pipeline/photo"
	"xunqin/pipeline/record"
	"xunqin/pipeline/report"
)

// PhotoProblem says why one of the photos given with a report was not kept; the report was, with the others.
type PhotoProblem struct {
	Index  int    // of the photo as given, from 0
	Reason string // a word of package photo or of a crawler.Refusal, or twice, too-many, not-found
}

// MostReportPhotos is how many photos a report may have.
const MostReportPhotos = 10

// Contact is whom to ask about a report. It is sealed in the record and shown to reviewers alone.
type Contact struct {
	Name  string `json:"name"`
	Phone string `json:"phone"`
}

// SealContact makes the stored form of a contact; an empty one is nil.
func (p *Pipeline) SealContact(c Contact) []byte {
	if c == (Contact{}) {
		return nil
	}
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // two strings
	}
	return p.Keys.Seal("contact", b)
}

// OpenContact reads the stored form of a contact.
func (p *Pipeline) OpenContact(sealed []byte) (Contact, error) {
	var c Contact
	if len(sealed) == 0 {
		return c, nil
	}
	b, err := p.Keys.Open("contact", sealed)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		return c, fmt.Errorf("open contact: %w", err)
	}
	return c, nil
}

// FromDraft makes a report of a draft that has been checked.
func (p *Pipeline) FromDraft(d report.Draft) record.Report {
	kind := record.ReportMissing
	if d.Category != report.FamilySeeksChild {
		kind = record.ReportFound
	}
	return record.Report{Kind: kind, Number: d.Number, Name: d.Name, OtherNames: strings.Join(d.OtherNames, " "), Sex: d.Sex, Birth: d.BirthText, LostText: d.MissingText,
		LostFrom: d.Missing.From, LostTo: d.Missing.To, Place: d.Place, HeightCM: d.HeightCM, Features: d.Features, DNA: d.DNA, Police: d.Police,
		Contact: p.SealContact(Contact{d.ContactName, d.ContactPhone}), SourceName: d.SourceName, SourceURL: d.SourceURL}
}

// AddReport stores a report with its photos, and queues its comparison with all that is there. Photos that cannot be read are
// left out and named; what is stored is durable when AddReport returns. A number its source has used before is
// record.ErrExists.
func (p *Pipeline) AddReport(ctx context.Context, actor string, r record.Report, photos [][]byte) (id string, problems []PhotoProblem, err error) {
	rows, problems, err := p.prepareAll(ctx, photos, nil)
	if err != nil {
		return "", nil, err
	}
	r.CreatedBy = actor
	err = p.Records.Tx(ctx, func(tx *sql.Tx) error {
		var err error
		if id, err = p.Records.AddReport(ctx, tx, r); err != nil {
			return err
		}
		r.ID = id
		if err := p.setReportFacts(ctx, tx, r); err != nil {
			return err
		}
		return p.addPhotos(ctx, tx, actor, "report-added", id, rows)
	})
	if err != nil {
		p.discardRefused(ctx, rows, err)
		return "", nil, err
	}
	return id, problems, nil
}

// changeReport stores what a report says now, and the photos it did not have. One that says the same as before, with no new
// photo, is left as it is.
func (p *Pipeline) changeReport(ctx context.Context, actor string, r record.Report, same bool, photos [][]byte) (problems []PhotoProblem, changed bool, err error) {
	have, err := p.Records.PhotosOf(ctx, nil, r.ID)
	if err != nil {
		return nil, false, err
	}
	rows, problems, err := p.prepareAll(ctx, photos, have)
	if err != nil || same && len(rows) == 0 {
		return problems, false, err
	}
	err = p.Records.Tx(ctx, func(tx *sql.Tx) error {
		if err := p.Records.ChangeReport(ctx, tx, r); err != nil {
			return err
		}
		if err := p.setReportFacts(ctx, tx, r); err != nil {
			return err
		}
		return p.addPhotos(ctx, tx, actor, "report-changed", r.ID, rows)
	})
	if err != nil {
		p.discardRefused(ctx, rows, err)
		return nil, false, err
	}
	return problems, true, nil
}

// prepareAll decodes photos and stores their derivatives. Those that a report has already are left out silently.
func (p *Pipeline) prepareAll(ctx context.Context, photos [][]byte, have []record.Photo) (rows []record.Photo, problems []PhotoProblem, err error) {
	seen := map[string]bool{}
	for _, ph := range have {
		seen[ph.SHA256] = true
	}
	for i, b := range photos {
		ready, err := p.prepare(ctx, b)
		var bad *photo.Refused
		if errors.As(err, &bad) {
			problems = append(problems, PhotoProblem{i, bad.Reason})
			continue
		}
		if err != nil {
			p.discardAll(ctx, rows)
			return nil, nil, err
		}
		name := fmt.Sprintf("%x", ready.SHA256)
		switch {
		case seen[name]:
			if len(have) == 0 {
				problems = append(problems, PhotoProblem{i, "twice"})
			}
			continue
		case len(have)+len(rows) == MostReportPhotos:
			problems = append(problems, PhotoProblem{i, "too-many"})
			continue
		}
		seen[name] = true
		row := record.Photo{Ordinal: len(have) + len(rows), URL: name}
		if err := p.store(ctx, ready, &row); err != nil {
			p.discardAll(ctx, rows)
			return nil, nil, err
		}
		rows = append(rows, row)
	}
	return rows, problems, nil
}

func (p *Pipeline) addPhotos(ctx context.Context, tx *sql.Tx, actor, action, id string, rows []record.Photo) error {
	for _, row := range rows {
		row.ReportID = id
		row.Generation = 1
		if _, err := p.Records.AddReportPhoto(ctx, tx, row); err != nil {
			return err
		}
	}
	if len(rows) > 0 {
		if err := p.compareAgain(ctx, tx); err != nil {
			return err
		}
	}
	if err := p.enqueue(ctx, tx, relateJob{Doc: id, Of: "report"}); err != nil {
		return err
	}
	if err := p.Records.Changed(ctx, tx, id, "report"); err != nil {
		return err
	}
	return p.Records.Audit(ctx, tx, actor, action, id, fmt.Sprintf("photos %d", len(rows)))
}

// discardRefused deletes the pictures of rows that were refused. After any other error nobody knows whether they were committed:
// they are left to Sweep.
func (p *Pipeline) discardRefused(ctx context.Context, rows []record.Photo, err error) {
	if errors.Is(err, record.ErrExists) || errors.Is(err, record.ErrStale) {
		p.discardAll(ctx, rows)
	}
}

func (p *Pipeline) discardAll(ctx context.Context, rows []record.Photo) {
	for _, row := range rows {
		p.discard(ctx, row)
	}
}

// CloseReport ends a report; from here the clock of its erasure runs.
func (p *Pipeline) CloseReport(ctx context.Context, actor, id string, version int64) error {
	return p.Records.Tx(ctx, func(tx *sql.Tx) error {
		if err := p.Records.CloseReport(ctx, tx, id, version); err != nil {
			return err
		}
		return p.Records.Audit(ctx, tx, actor, "report-closed", id, "")
	})
}

// Import takes the rows of a table one by one, each in a transaction of its own, and says of each what became of it; a row
// that is not taken keeps none of the others from being taken. A number that its source has given before changes that report.
// Photos that are addresses are fetched politely; file reads those that are names. With dry nothing is stored or fetched.
// each, when not nil, is called after every row.
func (p *Pipeline) Import(ctx context.Context, actor string, t report.Table, file func(name string) ([]byte, error), dry bool, each func(done int)) ([]report.Result, []string, error) {
	results := make([]report.Result, len(t.Rows))
	var ids []string
	for i := range t.Rows {
		row := &t.Rows[i]
		id, res, err := p.importRow(ctx, actor, row, file, dry)
		if err != nil {
			return nil, ids, fmt.Errorf("line %d: %w", row.Line, err)
		}
		results[i] = res
		if id != "" {
			ids = append(ids, id)
		}
		if each != nil {
			each(i + 1)
		}
	}
	return results, ids, nil
}

func (p *Pipeline) importRow(ctx context.Context, actor string, row *report.Row, file func(string) ([]byte, error), dry bool) (string, report.Result, error) {
	if report.Refused(row.Problems) {
		return "", report.Result{Outcome: report.Rejected}, nil
	}
	r := p.FromDraft(row.Report)
	old, err := p.Records.ReportNumbered(ctx, nil, r.SourceName, r.Number)
	known := err == nil
	if err != nil && !record.IsNotFound(err) {
		return "", report.Result{}, err
	}
	if known && old.Status != record.ReportOpen {
		return "", report.Result{Outcome: report.Unchanged, Why: "closed"}, nil
	}
	if dry {
		if known {
			return "", report.Result{Outcome: report.Updated}, nil
		}
		return "", report.Result{Outcome: report.Added}, nil
	}
	photos, refs := p.loadPhotos(ctx, row, file)
	var bad []PhotoProblem
	id, outcome := old.ID, report.Added
	if known {
		outcome = report.Updated
		r.ID, r.Version = old.ID, old.Version
		var changed bool
		if bad, changed, err = p.changeReport(ctx, actor, r, p.sameReport(old, r), photos); err != nil {
			return "", report.Result{}, err
		}
		if !changed {
			outcome = report.Unchanged
		}
	} else if id, bad, err = p.AddReport(ctx, actor, r, photos); err != nil {
		return "", report.Result{}, err
	}
	for _, b := range bad {
		row.Problems = append(row.Problems, report.Problem{Code: report.ProblemUnread, Field: "photo_urls", Value: refs[b.Index], Warning: true})
	}
	return id, report.Result{Outcome: outcome}, nil
}

func (p *Pipeline) sameReport(a, b record.Report) bool {
	ca, err := p.OpenContact(a.Contact)
	if err != nil {
		return false
	}
	cb, err := p.OpenContact(b.Contact)
	if err != nil || ca != cb {
		return false
	}
	return a.Kind == b.Kind && a.Name == b.Name && a.OtherNames == b.OtherNames && a.Sex == b.Sex && a.Birth == b.Birth && a.LostText == b.LostText && a.Place == b.Place &&
		a.HeightCM == b.HeightCM && a.Features == b.Features && a.DNA == b.DNA && a.Police == b.Police && a.SourceURL == b.SourceURL
}

// loadPhotos reads a row's photos; those it cannot are noted as the row's problems. refs names what was read, in order.
func (p *Pipeline) loadPhotos(ctx context.Context, row *report.Row, file func(string) ([]byte, error)) (photos [][]byte, refs []string) {
	for _, ref := range row.Report.PhotoRefs {
		var b []byte
		var err error
		if strings.HasPrefix(ref, "http://") || strings.HasPrefix(ref, "https://") {
			var pic crawler.Picture
			pic, err = p.Door.Picture(ctx, crawler.Source{Name: "import"}, ref)
			b = pic.Bytes
		} else {
			b, err = file(ref)
		}
		if err != nil {
			row.Problems = append(row.Problems, report.Problem{Code: report.ProblemUnread, Field: "photo_urls", Value: ref, Warning: true})
			continue
		}
		photos, refs = append(photos, b), append(refs, ref)
	}
	return photos, refs
}
