package bench

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"image/jpeg"
	"net/http"
	"strings"
	"sync"
	"time"

	"xunqin/cmd/xunqin/internal/demo/draw"
	"xunqin/pipeline/record"
)

const (
	latencyRate  = 5 // photos a second
	pollEvery    = 5 * time.Second
	pollRepeats  = 5
	latencyLimit = time.Minute
)

// board is a JSON feed whose posts each carry the photo of a report of its own, so that each makes a lead.
type board struct {
	pictures *draw.Composites

	mu       sync.Mutex
	shown    int
	sent     map[int]time.Time // the end of a picture's transfer
	reported map[string]int    // the post that carries a report's photo
	arrived  chan arrival
}

type arrival struct {
	post int
	at   time.Time
}

func (b *board) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case path == "/feed.json":
		b.mu.Lock()
		n := b.shown
		b.mu.Unlock()
		items := []map[string]any{}
		for i := n - 1; i >= max(0, n-100); i-- {
			url := fmt.Sprintf("http://%s/%d", r.Host, i)
			items = append(items, map[string]any{"id": url, "url": url, "content_text": "街头", "attachments": []map[string]any{{"url": url + ".jpg", "mime_type": "image/jpeg"}}})
		}
		w.Header().Set("Content-Type", "application/feed+json")
		if err := json.NewEncoder(w).Encode(map[string]any{"version": "https://jsonfeed.org/version/1.1", "title": "bench", "items": items}); err != nil {
			return // the reader went away
		}
	case strings.HasSuffix(path, ".jpg"):
		var i int
		if _, err := fmt.Sscanf(path, "/%d.jpg", &i); err != nil || i < 0 {
			http.NotFound(w, r)
			return
		}
		if _, err := w.Write(b.pictures.JPEG(i)); err != nil {
			return
		}
		b.mu.Lock()
		b.sent[i] = time.Now()
		b.mu.Unlock()
	default:
		http.NotFound(w, r)
	}
}

func (b *board) show() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shown++
}

// Latency measures how long it takes to a lead: from the end of a picture's transfer at five a second, and from the moment a
// post can be seen under a schedule. Size is seconds of the former.
func Latency(ctx context.Context, size int) (_ []Result, err error) {
	repeats := pollRepeats
	if size == 0 {
		size = 30
	} else {
		repeats = min(repeats, size)
	}
	n := size*latencyRate + repeats
	b := &board{pictures: draw.NewComposites(2012, n), sent: map[int]time.Time{}, reported: map[string]int{}, arrived: make(chan arrival, n)}
	in, err := newInstall(ctx, b)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	var decode times
	for i := range n {
		start := time.Now()
		if _, err := jpeg.Decode(bytes.NewReader(b.pictures.JPEG(i))); err != nil {
			return nil, err
		}
		decode = append(decode, time.Since(start))
		id, problems, err := in.Pipeline.AddReport(ctx, "bench", record.Report{Kind: record.ReportMissing, Number: fmt.Sprint(i), SourceName: "bench"}, [][]byte{b.pictures.JPEG(i)})
		if err != nil || len(problems) > 0 {
			return nil, fmt.Errorf("bench: report %d: %v, %w", i, problems, err)
		}
		b.reported[id] = i
	}
	in.Pipeline.OnLead = func(l record.Lead) { b.arrived <- arrival{b.reported[l.ReportID], time.Now()} }
	if err := in.WorkUntil(ctx, func() (bool, error) {
		waiting, err := in.Pipeline.Waiting(ctx)
		delete(waiting, "compare") // the thorough look, which comes later
		return len(waiting) == 0, err
	}); err != nil {
		return nil, err
	}
	src, err := in.source(ctx, "feed", "@every 1s", map[string]any{"url": in.url + "/feed.json"})
	if err != nil {
		return nil, err
	}
	var steady, seen times
	working, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- in.Work(working) }()
	if steady, err = b.steady(ctx, size*latencyRate); err == nil {
		err = in.Records.Tx(ctx, func(tx *sql.Tx) error {
			if src, err = in.Records.Source(ctx, tx, src.ID); err != nil {
				return err
			}
			src.Cron = "@every " + pollEvery.String()
			return in.Records.ChangeSource(ctx, tx, src)
		})
	}
	if err == nil {
		seen, err = b.polled(ctx, repeats)
	}
	stop()
	if err := errors.Join(err, <-ended); err != nil {
		return nil, err
	}
	return []Result{{
		Bench: "latency", What: fmt.Sprintf("from the end of a picture's transfer to its lead, %d photos a second for %d s", latencyRate, size),
		Figures:  []Figure{{"transfer to lead p50", steady.percentile(0.5), "ms"}, {"transfer to lead p99", steady.percentile(0.99), "ms"}},
		Baseline: "image/jpeg decoding of the picture", Base: Figure{"decoding p50", decode.percentile(0.5), "ms"},
		Ratio: steady.percentile(0.5) / decode.percentile(0.5), Goal: "p99 at most 2 s",
	}, {
		Bench: "latency", What: fmt.Sprintf("from a post being there to its lead, read every %v; %d posts", pollEvery, repeats),
		Figures:  []Figure{{"served to lead at most", seen.percentile(1), "ms"}, {"served to lead p50", seen.percentile(0.5), "ms"}},
		Baseline: "the interval between two readings", Base: Figure{"interval", float64(pollEvery.Milliseconds()), "ms"},
		Ratio: seen.percentile(1) / float64(pollEvery.Milliseconds()), Goal: "at most the interval and 3 s",
	}}, nil
}

// steady shows n posts at the rate and waits for their leads.
func (b *board) steady(ctx context.Context, n int) (times, error) {
	tick := time.NewTicker(time.Second / latencyRate)
	defer tick.Stop()
	late := time.NewTimer(time.Duration(n)*time.Second/latencyRate + latencyLimit)
	defer late.Stop()
	var out times
	for shown := 0; len(out) < n; {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-late.C:
			return nil, fmt.Errorf("bench: %d of %d leads came", len(out), n)
		case <-tick.C:
			if shown < n {
				b.show()
				shown++
			}
		case a := <-b.arrived:
			b.mu.Lock()
			out = append(out, a.at.Sub(b.sent[a.post]))
			b.mu.Unlock()
		}
	}
	return out, nil
}

// polled shows posts one at a time, at moments spread over the interval, and waits for the lead of each.
func (b *board) polled(ctx context.Context, n int) (times, error) {
	var out times
	for i := range n {
		wait := time.NewTimer(pollEvery * time.Duration(2*i+1) / time.Duration(2*n))
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-wait.C:
		}
		start := time.Now()
		b.show()
		late := time.NewTimer(latencyLimit)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-late.C:
			return nil, errors.New("bench: the lead of a polled post never came")
		case a := <-b.arrived:
			out = append(out, a.at.Sub(start))
		}
		late.Stop()
	}
	return out, nil
}
