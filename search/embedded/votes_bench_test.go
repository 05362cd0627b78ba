package embedded

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"xunqin/search"
)

// A world draws pictures whose points resemble each other as those of photographs do: of 1,630 photos a word has 2.3 times as many
// others near as among random descriptors, and of 57,666 points half are within 52 bits of at most one other, a tenth of 27 or
// more, a hundredth of 149 or more. Here it is 2.2 times, and 6, 35 and 210.
type world struct {
	r        *rand.Rand
	textures [][4]uint64
}

func newWorld() *world {
	w := &world{r: rand.New(rand.NewPCG(2011, 1)), textures: make([][4]uint64, 2_000)}
	for i := range w.textures {
		for j := range w.textures[i] {
			w.textures[i][j] = w.r.Uint64()
		}
	}
	return w
}

// flipped flips n bits, some of them back.
func (w *world) flipped(d [4]uint64, n int) [4]uint64 {
	for range n {
		i := w.r.IntN(256)
		d[i/64] ^= 1 << (i % 64)
	}
	return d
}

func (w *world) picture(n int) search.Features {
	f := search.Features{Algo: search.OrientedBinary, W: 512, H: 512, Points: make([]search.Point, n)}
	for i := range f.Points {
		u := w.r.Float64()
		f.Points[i] = point(w.r, w.flipped(w.textures[int(u*u*float64(len(w.textures)))], 20+w.r.IntN(40)))
	}
	return f
}

func point(r *rand.Rand, d [4]uint64) search.Point {
	p := search.Point{X: uint16(r.IntN(4096)), Y: uint16(r.IntN(4096)), Angle: uint8(r.Uint32()), Level: uint8(r.IntN(8))}
	for i, v := range d {
		for j := range 8 {
			p.Desc[8*i+j] = byte(v >> (8 * j))
		}
	}
	return p
}

// copyOf is a query of n points, a third of which are those of a picture, turned, smaller, and with 10 to 50 bits flipped.
func (w *world) copyOf(f search.Features, n int) search.Features {
	q := w.picture(n)
	turn := uint8(w.r.Uint32())
	for i := range min(n/3, len(f.Points)/2) {
		p := f.Points[w.r.IntN(len(f.Points))]
		for range 10 + w.r.IntN(40) {
			b := w.r.IntN(256)
			p.Desc[b/8] ^= 1 << (b % 8)
		}
		p.Angle += turn + uint8(w.r.IntN(12))
		q.Points[i] = p
	}
	w.r.Shuffle(n, func(i, j int) { q.Points[i], q.Points[j] = q.Points[j], q.Points[i] })
	return q
}

// BenchmarkVotes asks an index of many pictures of 250 points, and compares with looking at every descriptor, in the same run.
// XUNQIN_PICTURES says how many pictures, 4,000 if unset: 100,000 take some minutes and a gigabyte of disk.
func BenchmarkVotes(b *testing.B) {
	n := 4000
	if s := os.Getenv("XUNQIN_PICTURES"); s != "" {
		if _, err := fmt.Sscan(s, &n); err != nil {
			b.Fatal(err)
		}
	}
	dir := b.TempDir()
	x := open(b, filepath.Join(dir, "index"))
	w := newWorld()
	kept := make([]search.Features, 0, 200)
	var plain []uint64 // the descriptors of one picture in twenty
	var drawn, built time.Duration
	for i := 0; i < n; {
		start := time.Now()
		docs := make([]search.Doc, min(500, n-i))
		for j := range docs {
			f := w.picture(250)
			if (i+j)%(n/200) == 0 {
				kept = append(kept, f)
			}
			if (i+j)%20 == 0 {
				for _, q := range queryPoints(f) {
					plain = append(plain, q.desc[:]...)
				}
			}
			docs[j] = search.Doc{ID: fmt.Sprint(i + j), Kind: search.KindReport, At: time.Unix(int64(i+j)*60, 0),
				Photos: []search.PhotoRef{{ID: "photo", Features: []search.Features{f}}}}
		}
		drawn += time.Since(start)
		start = time.Now()
		if err := x.Put(b.Context(), docs...); err != nil {
			b.Fatal(err)
		}
		built += time.Since(start)
		i += len(docs)
	}
	var size int64
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			b.Fatal(err)
		}
		if !strings.HasSuffix(f, "-wal") {
			size += info.Size()
		}
	}
	start := time.Now()
	again := open(b, filepath.Join(dir, "index"))
	loaded := time.Since(start)
	set := again.votes[ballotKey{search.OrientedBinary, search.KindReport}]
	b.Logf("%d pictures of 250 points: put in %.1f s (%.0f/s), %d bytes each in %d segments, opened in %.2f s", n, built.Seconds(),
		float64(n)/built.Seconds(), size/int64(n), len(set.segments), loaded.Seconds())
	for _, points := range []int{250, 600, 1500} {
		b.Run(fmt.Sprint(points), func(b *testing.B) {
			queries := make([]search.Features, len(kept))
			for i := range queries {
				queries[i] = w.copyOf(kept[i], points)
			}
			var took []time.Duration
			first, asked := 0, 0
			for b.Loop() {
				i := asked % len(queries)
				asked++
				start := time.Now()
				found, err := x.Votes(b.Context(), queries[i], 12)
				took = append(took, time.Since(start))
				if err != nil {
					b.Fatal(err)
				}
				if len(found) > 0 && found[0].Doc == fmt.Sprint(i*(n/200)) {
					first++
				}
			}
			slices.Sort(took)
			start := time.Now()
			near := 0
			for _, q := range queryPoints(queries[0])[:points/10] {
				near += within(plain, q.desc, search.MaxDistance)
			}
			all := time.Since(start) * 20 * 10 // of all descriptors, for all points
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			compared := 0
			for _, q := range queryPoints(queries[0]) {
				for _, near := range search.NearWords(q.word) {
					for _, p := range set.parts() {
						compared += p.size(near)
					}
				}
			}
			b.ReportMetric(float64(first)/float64(asked), "first")
			b.ReportMetric(float64(compared)/float64(points)/(float64(n)*250*(search.WordBits+1)/words), "compared-of-random")
			b.ReportMetric(float64(took[len(took)/2])/float64(all), "of-every-descriptor")
			if near < 0 {
				b.Error("the loop was optimised away")
			}
		})
	}
}

//go:noinline
func within(descs []uint64, q [4]uint64, most int) (n int) {
	for ; len(descs) >= 4; descs = descs[4:] {
		if bits.OnesCount64(descs[0]^q[0])+bits.OnesCount64(descs[1]^q[1])+bits.OnesCount64(descs[2]^q[2])+bits.OnesCount64(descs[3]^q[3]) <= most {
			n++
		}
	}
	return n
}
