package bench

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"xunqin/crawler"
	"xunqin/pipeline/record"
)

const pageSize = 40

// Accept measures how long a page of 40 new posts takes to be recorded, with photos, jobs and cursor, in one transaction. Size
// is the number of pages.
func Accept(ctx context.Context, size int) (_ []Result, err error) {
	if size == 0 {
		size = 200
	}
	in, err := newInstall(ctx, http.NotFoundHandler())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	src, err := in.source(ctx, "feed", "@every 1h", map[string]any{"url": in.url})
	if err != nil {
		return nil, err
	}
	bare, err := record.Open(ctx, filepath.Join(in.dir, "bare", "bare.db"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bare.Close()) }()
	if _, err := bare.DB().ExecContext(ctx, `CREATE TABLE bare (id TEXT PRIMARY KEY, text TEXT NOT NULL)`); err != nil {
		return nil, err
	}
	text := strings.Repeat("街头看到一个孩子，请转发。", 6)
	var ours, theirs times
	for page := range size {
		p := crawler.Page{Cursor: json.RawMessage(fmt.Sprintf(`{"page":%d}`, page))}
		for i := range pageSize {
			id := fmt.Sprint(page*pageSize + i)
			p.Posts = append(p.Posts, crawler.Post{NativeID: id, URL: in.url + "/p/" + id, AuthorID: "a" + id, Text: text, Lang: "zh", At: in.Now(), Photos: []crawler.PhotoURL{{URL: in.url + "/m/" + id}}})
		}
		start := time.Now()
		if err := in.Pipeline.Accept(ctx, src, "", p); err != nil {
			return nil, err
		}
		ours = append(ours, time.Since(start))
		start = time.Now()
		err := bare.Tx(ctx, func(tx *sql.Tx) error {
			for range pageSize {
				if _, err := tx.ExecContext(ctx, `INSERT INTO bare (id, text) VALUES ($1, $2)`, record.NewID(), text); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		theirs = append(theirs, time.Since(start))
	}
	return []Result{{
		Bench: "accept", What: fmt.Sprintf("a page of %d posts with a photo each, its jobs and its cursor in one transaction; %d pages", pageSize, size),
		Figures:  []Figure{{"page p50", ours.percentile(0.5), "ms"}, {"page p99", ours.percentile(0.99), "ms"}},
		Baseline: "40 bare inserts in one transaction under the same settings", Base: Figure{"bare inserts p50", theirs.percentile(0.5), "ms"},
		Ratio: ours.percentile(0.5) / theirs.percentile(0.5), Goal: "one transaction",
	}}, nil
}
