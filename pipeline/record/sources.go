package record

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"xunqin/crawler"
)

// Source is a place that is crawled, with the account of why it may be. It cannot be enabled without purpose, basis,
// approver and review date (the table refuses it too).
type Source struct {
	ID, Name, Reader string
	Config           json.RawMessage
	Cron, TimeZone   string
	Jitter           time.Duration // start at most this much later than the schedule says
	Rate             crawler.Rate
	Enabled          bool
	Purpose, Basis   string
	ApprovedBy       string // user id
	ReviewAt         time.Time
	Place            string          // where its posts are from when they do not say
	Cursor           json.RawMessage // moves only in the transaction that saves the page it stands for
	ScheduledAt      time.Time       // the instant of the schedule that NextRun carries out, before jitter
	NextRun          time.Time
	LastRun, LastNew time.Time
	CreatedAt        time.Time
	UpdatedAt        time.Time
	Version          int64
}

// Approved reports whether the source carries all that enabling it asks for at the given instant.
func (s Source) Approved(now time.Time) bool {
	return s.Purpose != "" && s.Basis != "" && s.ApprovedBy != "" && s.ReviewAt.After(now)
}

// Crawl is the source as the crawler sees it.
func (s Source) Crawl() crawler.Source {
	return crawler.Source{ID: s.ID, Name: s.Name, Reader: s.Reader, Cron: s.Cron, TimeZone: s.TimeZone, Config: s.Config, Cursor: s.Cursor,
		Enabled: s.Enabled, NextRun: s.NextRun, Rate: s.Rate}
}

const sourceColumns = `id, name, reader, config, cron, time_zone, jitter_ms, rate_every_ms, rate_parallel, enabled, purpose, basis, approved_by, review_at,
	place, cursor, scheduled_at, next_run, last_run, last_new, created_at, updated_at, version`

func scanSource(r scanner, s *Source) error {
	var config, cursor string
	var jitter, every, parallel int64
	err := r.Scan(&s.ID, &s.Name, &s.Reader, &config, &s.Cron, &s.TimeZone, &jitter, &every, &parallel, &s.Enabled, &s.Purpose, &s.Basis, &s.ApprovedBy,
		when{&s.ReviewAt}, &s.Place, &cursor, when{&s.ScheduledAt}, when{&s.NextRun}, when{&s.LastRun}, when{&s.LastNew}, when{&s.CreatedAt}, when{&s.UpdatedAt}, &s.Version)
	s.Config, s.Jitter = json.RawMessage(config), time.Duration(jitter)*time.Millisecond
	s.Rate = crawler.Rate{Every: time.Duration(every) * time.Millisecond, Parallel: int(parallel)}
	if every < 0 {
		s.Rate.Every = crawler.NoPause
	}
	if cursor != "" {
		s.Cursor = json.RawMessage(cursor)
	}
	return err
}

// everyMS is the stored form of a pause: no pause is -1.
func everyMS(r crawler.Rate) int64 {
	if r.Every < 0 {
		return -1
	}
	return r.Every.Milliseconds()
}

// AddSource stores a new source and gives it its id. A taken name is ErrExists.
func (s *Store) AddSource(ctx context.Context, tx *sql.Tx, src Source) (string, error) {
	src.ID = NewID()
	now := s.now()
	_, err := exec(ctx, "add source "+src.Name, tx, `INSERT INTO sources (`+sourceColumns+`)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,'',$16,$17,0,0,$18,$18,1)`,
		src.ID, src.Name, src.Reader, string(src.Config), src.Cron, src.TimeZone, src.Jitter.Milliseconds(), everyMS(src.Rate), src.Rate.Width(),
		src.Enabled, src.Purpose, src.Basis, src.ApprovedBy, ms(src.ReviewAt), src.Place, ms(src.ScheduledAt), ms(src.NextRun), now)
	return src.ID, err
}

// ChangeSource stores what an admin edits: all but the times of runs. A source that is read in another way loses its cursor, which meant
// nothing else. ErrStale when src.Version is not the one stored.
func (s *Store) ChangeSource(ctx context.Context, tx *sql.Tx, src Source) error {
	return must(ctx, "change source "+src.Name, tx, ErrStale, `UPDATE sources SET name=$1, reader=$2, config=$3, cron=$4, time_zone=$5, jitter_ms=$6, rate_every_ms=$7,
		rate_parallel=$8, enabled=$9, purpose=$10, basis=$11, approved_by=$12, review_at=$13, place=$14, scheduled_at=$15, next_run=$16, updated_at=$17,
		cursor=CASE WHEN reader=$2 AND config=$3 THEN cursor ELSE '' END, version=version+1
		WHERE id=$18 AND version=$19`,
		src.Name, src.Reader, string(src.Config), src.Cron, src.TimeZone, src.Jitter.Milliseconds(), everyMS(src.Rate), src.Rate.Width(), src.Enabled,
		src.Purpose, src.Basis, src.ApprovedBy, ms(src.ReviewAt), src.Place, ms(src.ScheduledAt), ms(src.NextRun), s.now(), src.ID, src.Version)
}

// Source reads one source.
func (s *Store) Source(ctx context.Context, tx *sql.Tx, id string) (Source, error) {
	return one("source", s.from(tx).QueryRowContext(ctx, `SELECT `+sourceColumns+` FROM sources WHERE id=$1`, id), scanSource)
}

// SourceNamed reads one source by its name.
func (s *Store) SourceNamed(ctx context.Context, tx *sql.Tx, name string) (Source, error) {
	return one("source "+name, s.from(tx).QueryRowContext(ctx, `SELECT `+sourceColumns+` FROM sources WHERE name=$1`, name), scanSource)
}

// Sources lists all sources by name.
func (s *Store) Sources(ctx context.Context, tx *sql.Tx) ([]Source, error) {
	return all(ctx, "sources", s.from(tx), scanSource, `SELECT `+sourceColumns+` FROM sources ORDER BY name`)
}

// DueSources lists enabled sources whose next run has come, the longest waiting first.
func (s *Store) DueSources(ctx context.Context, tx *sql.Tx, now time.Time, most int) ([]Source, error) {
	return all(ctx, "due sources", s.from(tx), scanSource,
		`SELECT `+sourceColumns+` FROM sources WHERE enabled AND next_run > 0 AND next_run <= $1 ORDER BY next_run, id LIMIT $2`, ms(now), most)
}

// ClaimRun moves a source's next run on, if it is still the one that was read: of several processes one succeeds, the
// others get ErrStale.
func (s *Store) ClaimRun(ctx context.Context, tx *sql.Tx, src Source, scheduled, next time.Time) error {
	return must(ctx, "claim run of "+src.Name, tx, ErrStale, `UPDATE sources SET scheduled_at=$1, next_run=$2 WHERE id=$3 AND next_run=$4 AND enabled`,
		ms(scheduled), ms(next), src.ID, ms(src.NextRun))
}

// MoveCursor stores where the next read begins. It belongs in the transaction that saves the page.
func (s *Store) MoveCursor(ctx context.Context, tx *sql.Tx, sourceID string, cursor json.RawMessage) error {
	return must(ctx, "move cursor", tx, ErrNotFound, `UPDATE sources SET cursor=$1 WHERE id=$2`, string(cursor), sourceID)
}

// The states of a run.
const (
	RunWaiting = "waiting" // queued
	RunGoing   = "going"
	RunDone    = "done"
	RunFailed  = "failed" // Why says the reason as a word, Detail in full
	RunLost    = "lost"   // its process died; the work was taken over
)

// Run is one crawl of one source and its account. Fresh counts posts new or changed.
type Run struct {
	ID, SourceID                                                         string
	Cause                                                                string // schedule, hand or command
	State                                                                string
	ScheduledAt, StartedAt, EndedAt                                      time.Time
	Asked, Fetched, NotModified, Fresh, Duplicate, Refused, FailedPhotos int64
	Why, Detail                                                          string

	Anew          bool      // it began without a cursor
	Shown, Capped int64     // posts on its pages, known ones too; times the source ended before anything known
	Since         time.Time // the source has shown everything since then, as far as its reader can tell
}

const runColumns = `id, source_id, cause, state, scheduled_at, started_at, ended_at, asked, fetched, not_modified, fresh, duplicate, refused, failed, why, detail, anew, shown, capped, since_at`

func scanRun(r scanner, v *Run) error {
	return r.Scan(&v.ID, &v.SourceID, &v.Cause, &v.State, when{&v.ScheduledAt}, when{&v.StartedAt}, when{&v.EndedAt}, &v.Asked, &v.Fetched, &v.NotModified,
		&v.Fresh, &v.Duplicate, &v.Refused, &v.FailedPhotos, &v.Why, &v.Detail, &v.Anew, &v.Shown, &v.Capped, when{&v.Since})
}

// OpenRun begins a run of a source. While one is open there is no second: ErrExists.
func (s *Store) OpenRun(ctx context.Context, tx *sql.Tx, sourceID, cause string, scheduled time.Time) (string, error) {
	id := NewID()
	n, err := exec(ctx, "open run", tx, `INSERT INTO runs (id, source_id, cause, state, scheduled_at) VALUES ($1,$2,$3,$4,$5)
		ON CONFLICT (source_id) WHERE ended_at = 0 DO NOTHING`, id, sourceID, cause, RunWaiting, ms(scheduled))
	if err != nil {
		return "", err
	}
	if n == 0 {
		return "", fmt.Errorf("open run: %w", ErrExists)
	}
	return id, nil
}

// StartRun notes that a process works on the run, and the first time whether it begins anew.
func (s *Store) StartRun(ctx context.Context, tx *sql.Tx, id string) error {
	return must(ctx, "start run", tx, ErrNotFound, `UPDATE runs SET state=$1, started_at=CASE WHEN started_at=0 THEN $2 ELSE started_at END,
		anew=CASE WHEN started_at=0 THEN COALESCE((SELECT cursor='' FROM sources WHERE sources.id=runs.source_id), TRUE) ELSE anew END WHERE id=$3 AND ended_at=0`, RunGoing, s.now(), id)
}

// CountRun adds to the run's account: of v only the counters are read, and Since, which replaces the one before unless it is zero.
func (s *Store) CountRun(ctx context.Context, tx *sql.Tx, id string, v Run) error {
	return must(ctx, "count run", tx, ErrNotFound, `UPDATE runs SET asked=asked+$1, fetched=fetched+$2, not_modified=not_modified+$3, fresh=fresh+$4, duplicate=duplicate+$5,
		refused=refused+$6, failed=failed+$7, shown=shown+$8, capped=capped+$9, since_at=CASE WHEN CAST($10 AS BIGINT)=0 THEN since_at ELSE CAST($10 AS BIGINT) END WHERE id=$11`,
		v.Asked, v.Fetched, v.NotModified, v.Fresh, v.Duplicate, v.Refused, v.FailedPhotos, v.Shown, v.Capped, ms(v.Since), id)
}

// EndRun closes the run and notes it at its source. A run that is closed already stays as it is.
func (s *Store) EndRun(ctx context.Context, tx *sql.Tx, id, state, why, detail string) error {
	now := s.now()
	n, err := exec(ctx, "end run", tx, `UPDATE runs SET state=$1, why=$2, detail=$3, ended_at=$4 WHERE id=$5 AND ended_at=0`, state, why, detail, now, id)
	if err != nil || n == 0 {
		return err
	}
	_, err = exec(ctx, "end run", tx, `UPDATE sources SET last_run=$1,
		last_new=CASE WHEN (SELECT fresh FROM runs WHERE id=$2) > 0 THEN $1 ELSE last_new END
		WHERE id=(SELECT source_id FROM runs WHERE id=$2)`, now, id)
	return err
}

// Run reads one run.
func (s *Store) Run(ctx context.Context, tx *sql.Tx, id string) (Run, error) {
	return one("run", s.from(tx).QueryRowContext(ctx, `SELECT `+runColumns+` FROM runs WHERE id=$1`, id), scanRun)
}

// Runs lists runs, newest first, of one source or (with an empty id) of all, before the given one where it is named.
func (s *Store) Runs(ctx context.Context, tx *sql.Tx, sourceID string, before time.Time, most int) ([]Run, error) {
	b := ms(before)
	if b == 0 {
		b = 1 << 62
	}
	return all(ctx, "runs", s.from(tx), scanRun, `SELECT `+runColumns+` FROM runs WHERE ($1='' OR source_id=$1) AND scheduled_at < $2
		ORDER BY scheduled_at DESC, id LIMIT $3`, sourceID, b, most)
}

// OpenRuns lists runs that have not ended.
func (s *Store) OpenRuns(ctx context.Context, tx *sql.Tx) ([]Run, error) {
	return all(ctx, "open runs", s.from(tx), scanRun, `SELECT `+runColumns+` FROM runs WHERE ended_at=0 ORDER BY scheduled_at, id`)
}
