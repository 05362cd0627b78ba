package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/jpeg"
	"runtime"
	"sync"
	"time"

	"xunqin/cmd/xunqin/internal/demo"
	"xunqin/cmd/xunqin/internal/demo/draw"
	"xunqin/pipeline/record"
)

// Intake measures posts with a megapixel each through all five steps, from a site in this same process. Size is their number.
func Intake(ctx context.Context, size int) (_ []Result, err error) {
	if size == 0 {
		size = 2000
	}
	in, err := newInstall(ctx, demo.Posts(size))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	src, err := in.source(ctx, "mastodon", "@every 1h", map[string]any{"server": in.url, "timeline": "tag", "tag": demo.Tag, "backfill": size/pageSize + 1})
	if err != nil {
		return nil, err
	}
	runtime.GC()
	forgetPeak()
	start, used := time.Now(), processorTime()
	run, err := in.Pipeline.CrawlNow(ctx, src.ID, "bench")
	if err != nil {
		return nil, err
	}
	err = in.WorkUntil(ctx, func() (bool, error) {
		r, err := in.Records.Run(ctx, nil, run)
		if err != nil || r.EndedAt.IsZero() {
			return false, err
		}
		waiting, err := in.Pipeline.Waiting(ctx)
		delete(waiting, "compare") // the thorough look, which comes later
		return len(waiting) == 0, err
	})
	if err != nil {
		return nil, err
	}
	took, spent := time.Since(start), processorTime()-used
	peak := peakMemory()
	kept := 0
	err = in.Records.EachPhoto(ctx, func(p record.Photo) error {
		if p.State == record.PhotoKept && p.PictureID != "" {
			kept++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if kept != size {
		return nil, fmt.Errorf("bench: %d of %d photos went through", kept, size)
	}
	base, err := decodeRate(min(size, 200))
	if err != nil {
		return nil, err
	}
	rate := float64(size) / took.Seconds()
	return []Result{{
		Bench: "intake", What: fmt.Sprintf("%d posts with a 1 MP JPEG each: crawled, recorded, fetched, decoded, sealed, indexed, compared", size),
		Figures: []Figure{{"photos", rate, "/s"}, {"peak memory, with the site", peak, "MiB"}, {"in all", took.Seconds(), "s"},
			{"processor time a photo", spent.Seconds() * 1000 / float64(size), "ms"}},
		Baseline: "image/jpeg decoding of such pictures, on as many cores", Base: Figure{"decoding alone", base, "/s"},
		Ratio: base / rate, Goal: "25 photos/s or more on two cores, at most 512 MiB",
	}}, nil
}

// decodeRate is how many megapixel pictures image/jpeg decodes in a second on all cores.
func decodeRate(n int) (float64, error) {
	made := draw.NewComposites(2011, n)
	todo := make(chan int)
	failed := make(chan error, n)
	var workers sync.WaitGroup
	start := time.Now()
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range todo {
				if _, err := jpeg.Decode(bytes.NewReader(made.JPEG(i))); err != nil {
					failed <- err
				}
			}
		})
	}
	for i := range n {
		todo <- i
	}
	close(todo)
	workers.Wait()
	select {
	case err := <-failed:
		return 0, fmt.Errorf("bench: %w", err)
	default:
		return float64(n) / time.Since(start).Seconds(), nil
	}
}
