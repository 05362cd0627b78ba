package embedded

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"xunqin/search"
)

// posts makes n synthetic posts of some 85 Chinese characters, a rare name in one
// of 5,000 of them.
func posts(n int) []search.Doc {
	r := rand.New(rand.NewPCG(1, 2))
	common := []rune("的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经")
	names := []rune("王李张刘陈杨黄赵周吴徐孙马朱胡郭何高林罗")
	docs := make([]search.Doc, n)
	for i := range docs {
		text := make([]rune, 0, 90)
		for range 80 {
			text = append(text, common[int(r.ExpFloat64()*12)%len(common)])
		}
		text = append(text, '，', names[r.IntN(len(names))], rune(0x5000+r.IntN(250)))
		docs[i] = search.Doc{ID: fmt.Sprintf("%016x", r.Uint64()), Kind: search.KindPost, Source: "weibo", Place: "福建省泉州市", Text: string(text),
			At: time.Unix(1295884800+int64(r.IntN(1e8)), 0)}
	}
	return docs
}

func BenchmarkFind(b *testing.B) {
	const n = 50_000
	path := filepath.Join(b.TempDir(), "index")
	x := open(b, path)
	docs := posts(n)
	text := 0
	for _, d := range docs {
		text += len(d.Text)
	}
	start := time.Now()
	for batch := range slices.Chunk(docs, 1000) {
		if err := x.Put(b.Context(), batch...); err != nil {
			b.Fatal(err)
		}
	}
	built := time.Since(start)
	start = time.Now()
	if err := x.Purge(b.Context()); err != nil {
		b.Fatal(err)
	}
	purged := time.Since(start)
	file, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d posts, %.1f MB of text: built in %.1f s, purged in %.1f s, %.1f MB on disk", n, float64(text)/1e6, built.Seconds(), purged.Seconds(), float64(file.Size())/1e6)
	first := []rune(docs[7].Text)
	name := string(first[len(first)-2:])
	for _, bb := range []struct{ name, query string }{
		{"rare name", name},
		{"common word", "的一"},
		{"one character", "的"},
		{"two words", "的一 在不"},
		{"rare but not common", name + " -的一"},
		{"only not", "-" + name},
		{"common of a year", "的一 date:2012"},
		{"everything", ""},
	} {
		b.Run(bb.name, func(b *testing.B) {
			q, err := search.Parse(bb.query, nil)
			if err != nil {
				b.Fatal(err)
			}
			var took []time.Duration
			for b.Loop() {
				start := time.Now()
				if _, err := x.Find(b.Context(), q, search.Page{Limit: 20}); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

// BenchmarkSimilar searches a million fingerprints and compares with the plainest
// loop over as many words in memory, in the same run.
func BenchmarkSimilar(b *testing.B) {
	const n = 1_000_000
	for _, size := range []int{8, 32} {
		b.Run(fmt.Sprint(8*size), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "index")
			x := open(b, path)
			r := rand.New(rand.NewPCG(1, 2))
			random := func() search.Fingerprint {
				f := search.Fingerprint{Algo: "a", Bits: make([]byte, size)}
				for i := range f.Bits {
					f.Bits[i] = byte(r.Uint32())
				}
				return f
			}
			start := time.Now()
			for i := range n / 10_000 {
				docs := make([]search.Doc, 100)
				for j := range docs {
					docs[j] = search.Doc{ID: fmt.Sprint(i, "/", j), Kind: search.KindPost, At: time.Unix(int64(i), 0)}
					for k := range 100 {
						docs[j].Photos = append(docs[j].Photos, search.PhotoRef{ID: fmt.Sprint(k), Prints: []search.Fingerprint{random()}})
					}
				}
				if err := x.Put(b.Context(), docs...); err != nil {
					b.Fatal(err)
				}
			}
			put := time.Since(start)
			start = time.Now()
			open(b, path)
			load := time.Since(start)

			plain := make([]uint64, n*size/8)
			for i := range plain {
				plain[i] = r.Uint64()
			}
			q := r.Uint64()
			var ours, loop []time.Duration
			count, f := 0, random()
			for b.Loop() {
				start := time.Now()
				count += popcount(plain, q)
				loop = append(loop, time.Since(start))
				start = time.Now()
				if _, err := x.Similar(b.Context(), f, size); err != nil {
					b.Fatal(err)
				}
				ours = append(ours, time.Since(start))
			}
			slices.Sort(ours)
			slices.Sort(loop)
			b.ReportMetric(float64(ours[len(ours)/2])/float64(loop[len(loop)/2]), "of-plain-loop")
			b.ReportMetric(float64(ours[0])/float64(loop[0]), "of-plain-loop-at-best")
			b.ReportMetric(float64(ours[len(ours)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(n/put.Seconds(), "put/s")
			b.ReportMetric(load.Seconds(), "load-s")
			if count == 0 {
				b.Error("the loop was optimised away")
			}
		})
	}
}

//go:noinline
func popcount(words []uint64, q uint64) (n int) {
	for _, w := range words {
		n += bits.OnesCount64(w ^ q)
	}
	return n
}
