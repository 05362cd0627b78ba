package demo

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"xunqin/cmd/xunqin/internal/demo/draw"
)

// Posts returns a Mastodon-style server of n posts, each with a picture of a megapixel that
// differs from all others, for measuring throughput: all are there from the start, and the
// pictures are put together when asked for, so they cost little time and hold 5 MB however
// many they are. It takes two seconds for 2,000.
func Posts(n int) http.Handler {
	const seed = 2011
	pictures := draw.NewComposites(seed, n)
	r := rand.New(rand.NewPCG(seed, 1))
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var w wall
	for i := range n {
		p := post{
			n:      i,
			id:     strconv.FormatUint(uint64(115_000_000_000)<<20|uint64(i)<<18, 10),
			at:     start.Add(time.Duration(i) * time.Minute),
			author: pick(r, accounts),
			tags:   []string{Tag},
		}
		p.text, p.language = words(r, sighting{female: r.IntN(2) == 0, age: 3 + r.IntN(9)}, p.at)
		p.pictures = []picture{{p.id + ".jpg", draw.CompositeWidth, draw.CompositeHeight, func() []byte { return pictures.JPEG(i) }}}
		w.add(p)
	}
	return mastodonHandler(&w)
}
