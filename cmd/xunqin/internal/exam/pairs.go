package exam

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"xunqin/cmd/xunqin/internal/exam/families"
	"xunqin/pipeline"
	"xunqin/pipeline/facts/pair"
	"xunqin/pipeline/record"
)

// Pairs is how well documents of one child are brought together by what they say.
type Pairs struct {
	Seed      uint64 `json:"seed"`
	Families  int    `json:"families"`
	Documents int    `json:"documents"`
	// Found is the share of the planted pairs that are among the first twenty of their report.
	Found    float64 `json:"found"`
	First    float64 `json:"first"`    // the share that is the very first
	Excluded int     `json:"excluded"` // planted pairs that were taken to contradict
	// Open is how many documents do not contradict a report, Shown how many are shown for it; the cut is their quotient.
	Open  float64 `json:"open"`
	Shown float64 `json:"shown"`
	Cut   float64 `json:"cut"`
	// OtherWay is the share of planted pairs whose report is among the first twenty of the other document.
	OtherWay float64 `json:"other_way"`

	ReadPerSecond float64     `json:"read_per_second"` // documents of which the facts are read, for a second of processor time
	PutMicros     float64     `json:"put_micros"`      // to add one
	P50Millis     float64     `json:"p50_millis"`      // of processor time, to find the candidates of one among all
	P99Millis     float64     `json:"p99_millis"`
	BytesPerDoc   float64     `json:"bytes_per_document"`
	Traits        []PairTrait `json:"traits"`
}

// PairTrait is how many of the planted pairs with one difficulty are found.
type PairTrait struct {
	Trait string  `json:"trait"`
	Pairs int     `json:"pairs"`
	Found float64 `json:"found"`
}

// TakePairs invents families and others from a seed and looks for the pairs. It takes some 12 seconds of one core for 500 families
// among 50,000 others.
func TakePairs(ctx context.Context, seed uint64, count, others int) (Pairs, error) {
	set := families.Invent(seed, count, others)
	out := Pairs{Seed: seed, Families: count, Documents: len(set.Reports) + len(set.Posts)}
	key := []byte("exam")
	docs := make([]pair.Doc, 0, out.Documents)
	begun := spent()
	for _, r := range set.Reports {
		docs = append(docs, pair.FromReport(r.ID, r.Kind == record.ReportMissing, pipeline.ReadReport(r, key), r.Features, r.CreatedAt))
	}
	for _, p := range set.Posts {
		docs = append(docs, pair.FromFacts(p.ID, pipeline.ReadPost(p, key), p.Text, p.Kind, p.PostedAt))
	}
	out.ReadPerSecond = float64(len(docs)) / (spent() - begun).Seconds()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var x pair.Index
	begun = spent()
	at := map[string]pair.Doc{}
	for _, d := range docs {
		x.Put(d)
	}
	out.PutMicros = float64((spent() - begun).Microseconds()) / float64(len(docs))
	runtime.GC()
	runtime.ReadMemStats(&after)
	out.BytesPerDoc = float64(after.HeapAlloc-min(before.HeapAlloc, after.HeapAlloc)) / float64(len(docs))
	for _, d := range docs {
		at[d.ID] = d
	}
	traits := map[string]*PairTrait{}
	var times []time.Duration
	rank := func(of, wanted string) (place, shown int) {
		begun := spent()
		list := x.Candidates(at[of], pipeline.MostPairs)
		times = append(times, spent()-begun)
		list = slices.DeleteFunc(list, func(c pair.Candidate) bool { return c.Bits < pipeline.LeastBits })
		return slices.IndexFunc(list, func(c pair.Candidate) bool { return c.ID == wanted }), len(list)
	}
	for _, p := range set.Pairs {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		r, shown := rank(p.Report, p.Other)
		out.Shown += float64(shown)
		found := 0.0
		if r >= 0 {
			found = 1
			out.Found++
		}
		if r == 0 {
			out.First++
		}
		if r, _ := rank(p.Other, p.Report); r >= 0 {
			out.OtherWay++
		}
		if _, no := pair.Contradict(at[p.Report], at[p.Other]); no {
			out.Excluded++
		}
		out.Open += float64(x.Open(at[p.Report]))
		for _, t := range p.Traits {
			if traits[t] == nil {
				traits[t] = &PairTrait{Trait: t}
			}
			traits[t].Pairs++
			traits[t].Found += found
		}
	}
	n := float64(max(1, len(set.Pairs)))
	out.Cut = out.Open / max(1, out.Shown)
	out.Found, out.First, out.OtherWay, out.Open, out.Shown = out.Found/n, out.First/n, out.OtherWay/n, out.Open/n, out.Shown/n
	for _, t := range traits {
		t.Found /= float64(t.Pairs)
		out.Traits = append(out.Traits, *t)
	}
	slices.SortFunc(out.Traits, func(a, b PairTrait) int { return strings.Compare(a.Trait, b.Trait) })
	slices.Sort(times)
	if len(times) > 0 {
		ms := func(share float64) float64 {
			return float64(times[int(share*float64(len(times)-1))].Microseconds()) / 1000
		}
		out.P50Millis, out.P99Millis = ms(0.5), ms(0.99)
	}
	return out, nil
}

// Print writes the figures for a reader.
func (p Pairs) Print(w io.Writer) {
	fmt.Fprintf(w, "seed %d: %d families among %d documents\n", p.Seed, p.Families, p.Documents)
	fmt.Fprintf(w, "found among the first %d: %.3f (the very first %.3f, excluded %d, from the other document %.3f)\n", pipeline.MostPairs, p.Found, p.First, p.Excluded, p.OtherWay)
	fmt.Fprintf(w, "shown for a report: %.1f of %.0f that do not contradict, cut %.0f times\n", p.Shown, p.Open, p.Cut)
	fmt.Fprintf(w, "%.0f read a second, %.1f µs to add, %.2f ms to find (p99 %.2f), %.0f bytes a document\n", p.ReadPerSecond, p.PutMicros, p.P50Millis, p.P99Millis, p.BytesPerDoc)
	for _, t := range p.Traits {
		fmt.Fprintf(w, "  %-18s %4d  %.3f\n", t.Trait, t.Pairs, t.Found)
	}
}
