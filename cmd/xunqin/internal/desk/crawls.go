package desk

import (
	"context"
	"time"

	"xunqin/crawler"
	"xunqin/pipeline/record"
)

// Crawls is what the admin's pages ask of the pipeline.
type Crawls interface {
	// CrawlNow queues a run of a source beside its schedule; record.ErrExists while one is open.
	CrawlNow(ctx context.Context, sourceID, cause string) (runID string, err error)
	// Try reads one page of a source and stores nothing.
	Try(ctx context.Context, src record.Source) ([]crawler.Post, crawler.Stats, error)
	// CheckSource says what is wrong with a source's reader, configuration or schedule.
	CheckSource(src record.Source) error
	// Dead lists work that was given up.
	Dead(ctx context.Context) ([]DeadJob, error)
	// RunAgain queues given-up work once more; record.ErrNotFound for none.
	RunAgain(ctx context.Context, jobID int64) error
}

// DeadJob is a piece of work that was given up. Subject is an id and Why a reason without texts of posts.
type DeadJob struct {
	ID                 int64
	Kind, Subject, Why string
	At                 time.Time
	Tries              int
}
