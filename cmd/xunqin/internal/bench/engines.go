package bench

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"xunqin/search"
	"xunqin/search/elastic"
	"xunqin/search/embedded"
)

// Engines is what both engines are asked on the same invented documents, in turns. Hosts are those of Elasticsearch, prints
// how many photos have a fingerprint, votes how many have local features; an index of its own is made there and dropped.
func Engines(ctx context.Context, hosts []string, prints, votes int) (_ []Result, err error) {
	dir, err := os.MkdirTemp("", "xunqin-bench-")
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var out []Result
	for _, part := range []struct {
		name string
		size int
		run  func(context.Context, *engines, int) ([]Result, error)
	}{{"prints", prints, benchPrints}, {"votes", votes, benchVotes}} {
		if part.size == 0 {
			continue
		}
		e, err := openEngines(ctx, hosts, filepath.Join(dir, part.name+".db"))
		if err != nil {
			return nil, err
		}
		results, err := part.run(ctx, e, part.size)
		if err := errors.Join(err, e.close(ctx)); err != nil {
			return nil, err
		}
		out = append(out, results...)
	}
	return out, nil
}

// engines are both, holding the same.
type engines struct {
	cfg                   elastic.Config
	elastic               *elastic.Index
	embedded              *embedded.Index
	elasticIn, embeddedIn time.Duration // spent putting
	rnd                   *mathrand.Rand
	textures              [][4]uint64
	features              []search.Features // some of those put
	fingerprints          [][]byte          // some of those put
	texts                 []string
}

func openEngines(ctx context.Context, hosts []string, path string) (*engines, error) {
	e := &engines{cfg: elastic.Config{Hosts: hosts, Index: "bench-" + strings.ToLower(rand.Text()[:10])}, rnd: mathrand.New(mathrand.NewPCG(2011, 1))}
	var err error
	if e.elastic, err = elastic.Open(ctx, e.cfg); err != nil {
		return nil, err
	}
	if e.embedded, err = embedded.Open(ctx, path); err != nil {
		return nil, errors.Join(err, e.elastic.Close())
	}
	return e, nil
}

func (e *engines) close(ctx context.Context) error {
	return errors.Join(e.embedded.Close(), e.elastic.Close(), elastic.Drop(context.WithoutCancel(ctx), e.cfg))
}

func (e *engines) put(ctx context.Context, docs []search.Doc) error {
	start := time.Now()
	if err := e.elastic.Put(ctx, docs...); err != nil {
		return err
	}
	e.elasticIn += time.Since(start)
	start = time.Now()
	err := e.embedded.Put(ctx, docs...)
	e.embeddedIn += time.Since(start)
	return err
}

// compare asks both in turns, and holds the answers against each other: the share of the embedded engine's that the other has.
func (e *engines) compare(n int, ask func(x search.Index, i int) (answer []string, err error)) (ours, theirs times, found float64, err error) {
	const warm = 5
	want, have := 0, 0
	for i := range n + warm {
		start := time.Now()
		a, err := ask(e.embedded, i)
		if err != nil {
			return nil, nil, 0, err
		}
		middle := time.Now()
		b, err := ask(e.elastic, i)
		if err != nil {
			return nil, nil, 0, err
		}
		if i < warm {
			continue
		}
		ours, theirs = append(ours, middle.Sub(start)), append(theirs, time.Since(middle))
		want += len(a)
		for _, s := range a {
			if slices.Contains(b, s) {
				have++
			}
		}
	}
	return ours, theirs, float64(have) / float64(max(1, want)), nil
}

func (e *engines) result(what string, n int, goal string, ask func(x search.Index, i int) ([]string, error)) (Result, error) {
	ours, theirs, found, err := e.compare(n, ask)
	return Result{
		Bench: "engines", What: what,
		Figures:  []Figure{{"elastic p50", theirs.percentile(0.5), "ms"}, {"elastic p99", theirs.percentile(0.99), "ms"}, {"of the embedded engine's answers", found, "found"}},
		Baseline: "the embedded engine", Base: Figure{"embedded p50", ours.percentile(0.5), "ms"},
		Ratio: theirs.percentile(0.5) / ours.percentile(0.5), Goal: goal,
	}, err
}

func benchPrints(ctx context.Context, e *engines, size int) ([]Result, error) {
	const algo, batch = "bench256/1", 1000
	words := []rune("天桥地铁站男孩女孩岁乞讨卖花残疾广州深圳泉州晋江福州街头看到拍照转发请大家扩散寻找家人衣服红蓝黄左脸胎记")
	places := [][]string{{"350000", "350500", "350582"}, {"350000", "350100", "350102"}, {"440000", "440100", "440106"}, {"110000", "110105"}}
	for i := 0; i < size; i += batch {
		var docs []search.Doc
		for j := i; j < min(size, i+batch); j++ {
			b := make([]byte, 32)
			for k := 0; k < 32; k += 8 {
				binary.BigEndian.PutUint64(b[k:], e.rnd.Uint64())
			}
			var text strings.Builder
			for range 30 + e.rnd.IntN(60) {
				text.WriteRune(words[e.rnd.IntN(len(words))])
			}
			if j%(size/200+1) == 0 {
				e.fingerprints = append(e.fingerprints, b)
				r := []rune(text.String())
				e.texts = append(e.texts, string(r[4:7]))
			}
			docs = append(docs, search.Doc{
				ID: fmt.Sprintf("%08d", j), Kind: search.KindPost, Source: "bench", Text: text.String(), At: time.Unix(int64(1296000000+j*61), 0),
				Photos: []search.PhotoRef{{ID: fmt.Sprintf("p%08d", j), Prints: []search.Fingerprint{{Algo: algo, Bits: b}}}},
				Facts:  search.Facts{Places: []search.Spot{{Path: places[j%len(places)], Grade: search.Sure}}},
			})
		}
		if err := e.put(ctx, docs); err != nil {
			return nil, err
		}
	}
	out := []Result{{
		Bench: "engines", What: fmt.Sprintf("taking in %d posts with a 256-bit fingerprint each, %d at once", size, batch),
		Figures:  []Figure{{"elastic", float64(size) / e.elasticIn.Seconds(), "photos/s"}},
		Baseline: "the embedded engine", Base: Figure{"embedded", float64(size) / e.embeddedIn.Seconds(), "photos/s"},
		Ratio: e.elasticIn.Seconds() / e.embeddedIn.Seconds(), Goal: "elastic at least 5000 photos/s at a million",
	}}
	if err := e.elastic.Purge(ctx); err != nil { // segments settle as they do in time
		return nil, err
	}
	for _, radius := range []int{15, 31, 48} {
		r, err := e.result(fmt.Sprintf("all of %d 256-bit fingerprints within %d bits of one", size, radius), 100, "elastic at radius 31 at most 0.35 of itself at 48, a plain scan", func(x search.Index, i int) ([]string, error) {
			b := slices.Clone(e.fingerprints[i%len(e.fingerprints)])
			rnd := mathrand.New(mathrand.NewPCG(uint64(i), uint64(radius)))
			for _, bit := range rnd.Perm(256)[:rnd.IntN(radius+1)] {
				b[bit/8] ^= 1 << (bit % 8)
			}
			hits, err := x.Similar(ctx, search.Fingerprint{Algo: algo, Bits: b}, radius)
			var list []string
			for _, h := range hits {
				list = append(list, fmt.Sprint(h.Photo, h.Distance))
			}
			return list, err
		})
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	for name, ask := range map[string]func(i int) search.Query{
		"three characters": func(i int) search.Query { return search.Text(e.texts[i%len(e.texts)]) },
		"two characters and a division": func(i int) search.Query {
			return search.And{search.Text([]rune(e.texts[i%len(e.texts)])[:2]), search.Within{Codes: []string{"350500"}}}
		},
		"one character": func(i int) search.Query { return search.Text([]rune(e.texts[i%len(e.texts)])[:1]) },
	} {
		r, err := e.result(fmt.Sprintf("the first fifty of %d posts with %s, none counted", size, name), 100, "none", func(x search.Index, i int) ([]string, error) {
			found, err := x.Find(ctx, ask(i), search.Page{})
			var list []string
			for _, f := range found.Found {
				list = append(list, f.ID)
			}
			return list, err
		})
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func (e *engines) flipped(d [4]uint64, n int) [4]uint64 {
	for range n {
		i := e.rnd.IntN(256)
		d[i/64] ^= 1 << (i % 64)
	}
	return d
}

// picture has points that resemble those of others as in photographs.
func (e *engines) picture(n int) search.Features {
	f := search.Features{Algo: search.OrientedBinary, W: 512, H: 512, Points: make([]search.Point, n)}
	for i := range f.Points {
		u := e.rnd.Float64()
		d := e.flipped(e.textures[int(u*u*float64(len(e.textures)))], 20+e.rnd.IntN(40))
		p := &f.Points[i]
		*p = search.Point{X: uint16(e.rnd.IntN(4096)), Y: uint16(e.rnd.IntN(4096)), Angle: uint8(e.rnd.Uint32()), Level: uint8(e.rnd.IntN(8))}
		for j, v := range d {
			binary.LittleEndian.PutUint64(p.Desc[8*j:], v)
		}
	}
	return f
}

// copyOf has n points, a third of which are those of a picture, turned, smaller, and with 10 to 50 bits flipped.
func (e *engines) copyOf(f search.Features, n int) search.Features {
	q := e.picture(n)
	turn := uint8(e.rnd.Uint32())
	for i := range min(n/3, len(f.Points)/2) {
		p := f.Points[e.rnd.IntN(len(f.Points))]
		for range 10 + e.rnd.IntN(40) {
			b := e.rnd.IntN(256)
			p.Desc[b/8] ^= 1 << (b % 8)
		}
		p.Angle += turn + uint8(e.rnd.IntN(12))
		q.Points[i] = p
	}
	return q
}

func benchVotes(ctx context.Context, e *engines, size int) ([]Result, error) {
	const points, batch = 250, 500
	e.textures = make([][4]uint64, 2000)
	for i := range e.textures {
		for j := range e.textures[i] {
			e.textures[i][j] = e.rnd.Uint64()
		}
	}
	var names []string
	for i := 0; i < size; i += batch {
		var docs []search.Doc
		for j := i; j < min(size, i+batch); j++ {
			f := e.picture(points)
			if j%(size/100+1) == 0 {
				e.features, names = append(e.features, f), append(names, fmt.Sprint(j))
			}
			docs = append(docs, search.Doc{ID: fmt.Sprint(j), Kind: search.KindReport, At: time.Unix(int64(j)*60, 0), Photos: []search.PhotoRef{{ID: "photo", Features: []search.Features{f}}}})
		}
		if err := e.put(ctx, docs); err != nil {
			return nil, err
		}
	}
	if err := e.elastic.Purge(ctx); err != nil {
		return nil, err
	}
	queries := make([]search.Features, len(e.features))
	for i, f := range e.features {
		queries[i] = e.copyOf(f, points)
	}
	planted := map[string]int{}
	r, err := e.result(fmt.Sprintf("the first 20 candidates for a copy among %d photos of %d points", size, points), 50, "ratio at most 3 at a hundred thousand", func(x search.Index, i int) ([]string, error) {
		i %= len(queries)
		found, err := x.Votes(ctx, queries[i], 20)
		var list []string
		for _, c := range found {
			list = append(list, c.Doc)
		}
		if len(list) > 0 && list[0] == names[i] {
			planted[fmt.Sprintf("%T", x)]++
		}
		return list, err
	})
	for _, x := range []string{"elastic", "embedded"} {
		r.Figures = append(r.Figures, Figure{"planted copies first, " + x, float64(planted["*"+x+".Index"]) / 55, "of all"})
	}
	return []Result{r, {
		Bench: "engines", What: fmt.Sprintf("taking in %d photos of %d points each", size, points),
		Figures:  []Figure{{"elastic", float64(size) / e.elasticIn.Seconds(), "photos/s"}},
		Baseline: "the embedded engine", Base: Figure{"embedded", float64(size) / e.embeddedIn.Seconds(), "photos/s"},
		Ratio: e.elasticIn.Seconds() / e.embeddedIn.Seconds(), Goal: "none",
	}}, err
}
