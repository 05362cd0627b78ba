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

// BenchmarkFindFacts asks a million documents for places, dates and ages. Half of them
// know the birth to a year, a third the day of the event, all a county of 3,000.
func BenchmarkFindFacts(b *testing.B) {
	const n = 1_000_000
	path := filepath.Join(b.TempDir(), "index")
	x := open(b, path)
	r := rand.New(rand.NewPCG(1, 2))
	day := func(t time.Time, days int) search.Span {
		return search.Span{From: t, To: t.AddDate(0, 0, days)}
	}
	start := time.Now()
	docs := make([]search.Doc, 1000)
	for i := range n / len(docs) {
		for j := range docs {
			at := time.Unix(1230768000+int64(r.IntN(3e8)), 0) // ten years
			county := r.IntN(3000)
			d := search.Doc{ID: fmt.Sprint(i, "/", j), Kind: search.KindPost, Source: "weibo", Text: "寻找孩子", At: at, Facts: search.Facts{
				Places: []search.Spot{{Grade: search.Sure, Path: []string{fmt.Sprintf("%02d0000", 10+county/100), fmt.Sprintf("%04d00", 1000+county/10), fmt.Sprintf("%06d", 100001+county)}}},
			}}
			if r.IntN(2) == 0 {
				d.Facts.Born = day(at.AddDate(-r.IntN(15), 0, -r.IntN(365)), 365)
			}
			if r.IntN(3) == 0 {
				d.Facts.When = day(at.AddDate(0, 0, -r.IntN(400)), 1)
			}
			docs[j] = d
		}
		if err := x.Put(b.Context(), docs...); err != nil {
			b.Fatal(err)
		}
	}
	built := time.Since(start)
	file, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d documents: built in %.0f s, %d bytes each on disk", n, built.Seconds(), file.Size()/n)
	year := func(y int) time.Time { return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC) }
	province, prefecture := search.Within{Codes: []string{"200000"}}, search.Within{Codes: []string{"111100"}}
	near := search.Near{Around: []string{"111100"}}
	for i := range 800 {
		near.Seats = append(near.Seats, fmt.Sprint(100001+i*3))
	}
	months := search.Date{From: year(2012), To: year(2012).AddDate(0, 2, 0)}
	small := search.Age{From: 36, To: 84}
	for _, bb := range []struct {
		name string
		q    search.Query
	}{
		{"prefecture", prefecture},
		{"prefecture date age", search.And{prefecture, months, small}},
		{"province date age", search.And{province, months, small}},
		{"date age", search.And{months, small}},
		{"day", search.Date{From: year(2012), To: year(2012).AddDate(0, 0, 1)}},
		{"age", small},
		{"born long ago", search.Born{From: year(1994), To: year(1995)}},
		{"near 800 seats", near},
		{"near date age", search.And{near, months, small}},
		{"not age", search.And{prefecture, search.Not{Query: small}}},
	} {
		for _, do := range []struct {
			name string
			ask  func() error
		}{
			{"page", func() error { _, err := x.Find(b.Context(), bb.q, search.Page{}); return err }},
			{"count", func() error { _, err := x.Find(b.Context(), bb.q, search.Page{Count: 1000}); return err }},
			{"facets", func() error { _, err := x.Facets(b.Context(), bb.q, search.Facet{}); return err }},
		} {
			b.Run(bb.name+"/"+do.name, func(b *testing.B) {
				var took []time.Duration
				for b.Loop() {
					start := time.Now()
					if err := do.ask(); err != nil {
						b.Fatal(err)
					}
					took = append(took, time.Since(start))
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			})
		}
	}
}
