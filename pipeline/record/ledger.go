package record

import (
	"context"
	"database/sql"
	"time"

	"xunqin/pipeline/coverage"
)

// AddHour adds to the account of a source for the hour in which h.At lies. Hours of sources that are gone are dropped.
func (s *Store) AddHour(ctx context.Context, tx *sql.Tx, h coverage.Hour) error {
	_, err := exec(ctx, "add to ledger", tx, `INSERT INTO ledger (source_id, hour, asked, shown, capped, refused, skipped, down)
		SELECT id, $2, $3, $4, $5, $6, $7, $8 FROM sources WHERE id=$1
		ON CONFLICT (source_id, hour) DO UPDATE SET asked=ledger.asked+excluded.asked, shown=ledger.shown+excluded.shown, capped=ledger.capped+excluded.capped,
		refused=ledger.refused+excluded.refused, skipped=ledger.skipped+excluded.skipped, down=ledger.down+excluded.down`,
		h.Source, ms(h.At.Truncate(time.Hour)), h.Asked, h.Shown, h.Capped, h.Refused, h.Skipped, h.Down)
	return err
}

// Hours lists what the ledger holds of a source from one instant to another, the earliest first.
func (s *Store) Hours(ctx context.Context, tx *sql.Tx, sourceID string, window coverage.Span) ([]coverage.Hour, error) {
	return all(ctx, "ledger", s.from(tx), func(r scanner, h *coverage.Hour) error {
		return r.Scan(&h.Source, when{&h.At}, &h.Asked, &h.Shown, &h.Capped, &h.Refused, &h.Skipped, &h.Down)
	}, `SELECT source_id, hour, asked, shown, capped, refused, skipped, down FROM ledger WHERE source_id=$1 AND hour > $2 AND hour <= $3 ORDER BY hour`,
		sourceID, window.From.Add(-time.Hour).UnixMilli(), window.To.UnixMilli())
}

// Spans lists the time whose posts a source has shown to the end, the earliest first.
func (s *Store) Spans(ctx context.Context, tx *sql.Tx, sourceID string) ([]coverage.Span, error) {
	return all(ctx, "spans", s.from(tx), func(r scanner, v *coverage.Span) error {
		var from int64 // the beginning of time is an instant here, not the lack of one
		err := r.Scan(&from, when{&v.To})
		v.From = time.UnixMilli(from).UTC()
		return err
	}, `SELECT from_at, to_at FROM spans WHERE source_id=$1 ORDER BY from_at`, sourceID)
}

// AddSpan joins a span to those of a source, in one transaction with what it rests on.
func (s *Store) AddSpan(ctx context.Context, tx *sql.Tx, sourceID string, span coverage.Span) error {
	spans, err := s.Spans(ctx, tx, sourceID)
	if err != nil {
		return err
	}
	for _, old := range spans {
		if !old.From.After(span.To) && !span.From.After(old.To) {
			if _, err := exec(ctx, "add span", tx, `DELETE FROM spans WHERE source_id=$1 AND from_at=$2`, sourceID, old.From.UnixMilli()); err != nil {
				return err
			}
			span = coverage.Join([]coverage.Span{old, span})[0]
		}
	}
	_, err = exec(ctx, "add span", tx, `INSERT INTO spans (source_id, from_at, to_at) VALUES ($1,$2,$3)`, sourceID, span.From.UnixMilli(), span.To.UnixMilli())
	return err
}

// Overlaps counts, for each hour of posts in the window, what either of two sources showed and what both did, by the address
// of the post. Posts that have expired are counted no more.
func (s *Store) Overlaps(ctx context.Context, tx *sql.Tx, first, second string, window coverage.Span) ([]coverage.Catch, error) {
	return all(ctx, "overlaps", s.from(tx), func(r scanner, c *coverage.Catch) error {
		return r.Scan(when{&c.At}, &c.First, &c.Second, &c.Both)
	}, `SELECT hour, SUM(a), SUM(b), SUM(a*b) FROM (
			SELECT MIN(posted_at) - MIN(posted_at) % 3600000 AS hour, MAX(CASE WHEN source_id=$1 THEN 1 ELSE 0 END) AS a, MAX(CASE WHEN source_id=$2 THEN 1 ELSE 0 END) AS b
			FROM posts WHERE source_id IN ($1,$2) AND posted_at >= $3 AND posted_at < $4 AND url <> '' GROUP BY url) seen
		GROUP BY hour ORDER BY hour`, first, second, ms(window.From), ms(window.To))
}
