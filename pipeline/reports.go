package pipeline

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"xunqin/pipeline/photo"
	"xunqin/pipeline/record"
)

// PhotoProblem says why one of the photos given with a report was not kept; the report was, with the others.
type PhotoProblem struct {
	Index  int    // of the photo as given, from 0
	Reason string // a word of package photo, or "twice"
}

// MostReportPhotos is how many photos a report may have.
const MostReportPhotos = 10

// AddReport stores a report with its photos, and queues its comparison with all that is there. Photos that cannot be read are
// left out and named; what is stored is durable when AddReport returns. A number its source has used before is
// record.ErrExists.
func (p *Pipeline) AddReport(ctx context.Context, actor string, r record.Report, photos [][]byte) (id string, problems []PhotoProblem, err error) {
	var rows []record.Photo
	seen := map[string]bool{}
	for i, b := range photos {
		ready, err := p.prepare(ctx, b)
		var bad *photo.Refused
		if errors.As(err, &bad) {
			problems = append(problems, PhotoProblem{i, bad.Reason})
			continue
		}
		if err != nil {
			p.discardAll(ctx, rows)
			return "", nil, err
		}
		name := fmt.Sprintf("%x", ready.SHA256)
		switch {
		case seen[name]:
			problems = append(problems, PhotoProblem{i, "twice"})
			continue
		case len(rows) == MostReportPhotos:
			problems = append(problems, PhotoProblem{i, "too-many"})
			continue
		}
		seen[name] = true
		row := record.Photo{Ordinal: len(rows), URL: name}
		if err := p.store(ctx, ready, &row); err != nil {
			p.discardAll(ctx, rows)
			return "", nil, err
		}
		rows = append(rows, row)
	}
	err = p.Records.Tx(ctx, func(tx *sql.Tx) error {
		var err error
		if id, err = p.Records.AddReport(ctx, tx, r); err != nil {
			return err
		}
		for _, row := range rows {
			row.ReportID = id
			if _, err := p.Records.AddReportPhoto(ctx, tx, row); err != nil {
				return err
			}
		}
		if err := p.enqueue(ctx, tx, relateJob{Doc: id, Of: "report"}); err != nil {
			return err
		}
		return p.Records.Audit(ctx, tx, actor, "report-added", id, fmt.Sprintf("photos %d", len(rows)))
	})
	if err != nil {
		p.discardAll(ctx, rows)
		return "", nil, err
	}
	return id, problems, nil
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
