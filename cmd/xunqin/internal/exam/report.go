package exam

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"xunqin/pipeline"
)

// A Report is what was measured.
type Report struct {
	Edits      map[string]*Count                      `json:"edits"`
	Classes    map[string]*Count                      `json:"classes"`
	Mean       float64                                `json:"mean"`     // of the edits' rates
	MeanFit    float64                                `json:"mean_fit"` // the same without pictures under the quality gate
	Pairs      int                                    `json:"pairs"`
	FalsePairs int                                    `json:"false_pairs"`
	FalseRate  [2]float64                             `json:"false_rate_95"` // false pairs a pair, with 95 % confidence
	ScenePairs int                                    `json:"scene_pairs"`   // not the same by the program's word, and shown apart
	Series     Negatives                              `json:"series"`
	Layouts    map[string]*Negatives                  `json:"layouts"` // by kind of page
	Kinds      map[string]pipeline.KindRate           `json:"kinds"`
	Reaches    map[pipeline.Reach]pipeline.ReachRates `json:"reaches"`
	Milli      Milliseconds                           `json:"ms"`
	Plain      Latency                                `json:"ms_plain"`    // of queries that are a picture
	Embedded   Latency                                `json:"ms_embedded"` // of posters, collages, screenshots and photos of prints
	Bytes      Bytes                                  `json:"bytes"`
	References int                                    `json:"references"`
	Queries    int                                    `json:"queries"`
	Unfit      []string                               `json:"unfit"` // pictures under the quality gate: too flat, too small or refused
	Missed     []string                               `json:"missed"`
	Wrong      [][2]string                            `json:"wrong"` // false pairs: query and photo
	edits      []string                               // in the order of the set
	class      map[string]string                      // of an edit
	plain      spreads
	embedded   spreads
}

// A Count is how many copies were found of how many.
type Count struct {
	Found int     `json:"found"`
	Of    int     `json:"of"`
	Low   float64 `json:"low"` // bounds of the rate with 95 % confidence
	High  float64 `json:"high"`
	Hash  int     `json:"by_hash"` // of those found, by fingerprints alone
	Apart int     `json:"apart"`   // of those not found, shown as the same scene or layout
	Unfit int     `json:"unfit"`   // of those not found, copies of pictures under the quality gate, or under it themselves
}

// Negatives are pairs of pictures that have much in common and are no copies.
type Negatives struct {
	Pairs      int         `json:"pairs"`
	CalledSame int         `json:"called_same"`
	Apart      int         `json:"shown_apart"` // as the same scene or the same layout
	Low        float64     `json:"low"`         // bounds of the rate called the same, with 95 % confidence
	High       float64     `json:"high"`
	Called     [][2]string `json:"called"` // which
}

// Milliseconds are means over the queries, of processor time where the system tells it.
type Milliseconds struct {
	Decode     float64 `json:"decode"`     // reading the file, and all that is kept of any photo
	Hash       float64 `json:"hash"`       // looking for fingerprints among all
	Features   float64 `json:"features"`   // all that a photo is looked for by, fingerprints of its parts among it
	Candidates float64 `json:"candidates"` // the votes of the index
	Verify     float64 `json:"verify"`     // comparing the candidates
}

func (m Milliseconds) all() float64 { return m.Decode + m.Hash + m.Features + m.Candidates + m.Verify }

func (m *Milliseconds) add(o Milliseconds, weight float64) {
	m.Decode += weight * o.Decode
	m.Hash += weight * o.Hash
	m.Features += weight * o.Features
	m.Candidates += weight * o.Candidates
	m.Verify += weight * o.Verify
}

// Bytes are means over the references.
type Bytes struct {
	Reference float64 `json:"reference"` // features and fingerprints of a photo of a report
	Crawled   float64 `json:"crawled"`   // the same of any other, see photo.CrawledPoints
}

// Latency is how long queries of one sort take, in milliseconds of processor time.
type Latency struct {
	Queries    int    `json:"queries"`
	Decode     Spread `json:"decode"`
	Hash       Spread `json:"hash"`
	Features   Spread `json:"features"`
	Candidates Spread `json:"candidates"`
	Verify     Spread `json:"verify"`
	Asking     Spread `json:"asking"` // all of these but decoding
	All        Spread `json:"all"`
}

// A Spread is what half of the queries stay under, and what all but one in a hundred do.
type Spread struct {
	Median float64 `json:"median"`
	P99    float64 `json:"p99"`
}

// spreads are the times of queries.
type spreads []Milliseconds

func (s spreads) latency() Latency {
	of := func(f func(Milliseconds) float64) Spread {
		v := make([]float64, len(s))
		for i, m := range s {
			v[i] = f(m)
		}
		return spread(v)
	}
	return Latency{
		Queries:    len(s),
		Decode:     of(func(m Milliseconds) float64 { return m.Decode }),
		Hash:       of(func(m Milliseconds) float64 { return m.Hash }),
		Features:   of(func(m Milliseconds) float64 { return m.Features }),
		Candidates: of(func(m Milliseconds) float64 { return m.Candidates }),
		Verify:     of(func(m Milliseconds) float64 { return m.Verify }),
		Asking:     of(func(m Milliseconds) float64 { return m.all() - m.Decode }),
		All:        of(Milliseconds.all),
	}
}

func spread(v []float64) Spread {
	if len(v) == 0 {
		return Spread{}
	}
	slices.Sort(v)
	return Spread{v[(len(v)-1)/2], v[(len(v)*99-1)/100]}
}

func newReport() Report {
	return Report{
		Edits: map[string]*Count{}, Classes: map[string]*Count{}, Layouts: map[string]*Negatives{}, class: map[string]string{},
		Kinds: map[string]pipeline.KindRate{}, Reaches: map[pipeline.Reach]pipeline.ReachRates{},
		Unfit: []string{}, Missed: []string{}, Wrong: [][2]string{}, Series: Negatives{Called: [][2]string{}},
	}
}

// embeds reports whether an edit puts a picture into another or photographs it: such queries have many parts to look at.
func embeds(class, edit string) bool {
	return strings.HasPrefix(class, "F-") || strings.HasPrefix(class, "G-") || edit == "combo_shot"
}

// count counts one query of an edit and returns the edit's counts and its class's.
func (r *Report) count(edit, class string) (of [2]*Count) {
	if r.Edits[edit] == nil {
		r.Edits[edit] = &Count{}
		r.edits = append(r.edits, edit)
		r.class[edit] = class
	}
	if r.Classes[class] == nil {
		r.Classes[class] = &Count{}
	}
	r.Queries++
	of = [2]*Count{r.Edits[edit], r.Classes[class]}
	for _, c := range of {
		c.Of++
	}
	return of
}

// took notes what a query cost.
func (r *Report) took(edit string, ms Milliseconds) {
	r.Milli.add(ms, 1)
	if embeds(r.class[edit], edit) {
		r.embedded = append(r.embedded, ms)
	} else {
		r.plain = append(r.plain, ms)
	}
}

// finish makes rates and bounds of counts.
func (r *Report) finish() {
	total := r.Milli
	r.Milli = Milliseconds{}
	r.Milli.add(total, 1/float64(max(1, r.Queries)))
	r.Plain, r.Embedded = r.plain.latency(), r.embedded.latency()
	for _, c := range r.Edits {
		r.Mean += c.rate() / float64(len(r.Edits))
		r.MeanFit += c.rateFit() / float64(len(r.Edits))
		c.Low, c.High = interval(c.Found, c.Of)
	}
	for _, c := range r.Classes {
		c.Low, c.High = interval(c.Found, c.Of)
	}
	r.FalseRate[0], r.FalseRate[1] = interval(r.FalsePairs, r.Pairs)
	r.Series.Low, r.Series.High = interval(r.Series.CalledSame, r.Series.Pairs)
	for _, n := range r.Layouts {
		n.Low, n.High = interval(n.CalledSame, n.Pairs)
	}
}

func (c *Count) rate() float64 { return float64(c.Found) / float64(max(1, c.Of)) }

func (c *Count) rateFit() float64 {
	if c.Of == c.Unfit {
		return 1
	}
	return float64(c.Found) / float64(c.Of-c.Unfit)
}

// WriteTo writes the report as a table for people.
func (r Report) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%d queries, %d photos known, %d pairs of pictures that do not belong together\n\n", r.Queries, r.References, r.Pairs)
	row := func(class, name string, c *Count) {
		fmt.Fprintf(&b, "%-16s  %-14s  %5d/%5d  %.3f  %.3f to %.3f", class, name, c.Found, c.Of, c.rate(), c.Low, c.High)
		fmt.Fprintf(&b, "  %7.3f  %5d  %10d\n", float64(c.Hash)/float64(max(1, c.Of)), c.Apart, c.Unfit)
	}
	fmt.Fprintf(&b, "%-16s  %-14s  %11s  %5s  %-14s  %7s  %5s  %10s\n", "class", "edit", "found", "", "95 %", "by hash", "apart", "under gate")
	names := slices.Clone(r.edits)
	slices.SortStableFunc(names, func(a, b string) int { return strings.Compare(r.class[a], r.class[b]) })
	for _, name := range names {
		row(r.class[name], name, r.Edits[name])
	}
	b.WriteByte('\n')
	for i, name := range names {
		if class := r.class[name]; i == 0 || class != r.class[names[i-1]] {
			row(class, "", r.Classes[class])
		}
	}
	fmt.Fprintf(&b, "\nmean of the edits  %.4f", r.Mean)
	if r.MeanFit > r.Mean {
		fmt.Fprintf(&b, ", %.4f without what is under the quality gate", r.MeanFit)
	}
	fmt.Fprintf(&b, "\nfalse pairs        %d, 95 %%: %.1e to %.1e a pair\n", r.FalsePairs, r.FalseRate[0], r.FalseRate[1])
	fmt.Fprintf(&b, "shown apart        %d unrelated pairs as the same scene or layout; %.2f unrelated pairs shown in 1,000 queries\n",
		r.ScenePairs, 1000*float64(r.FalsePairs+r.ScenePairs)/float64(max(1, r.Queries)))
	negatives := func(name string, n Negatives) {
		fmt.Fprintf(&b, "%-18s %d of %d pairs called the same picture, 95 %%: %.4f to %.4f; %d shown as the same scene or layout\n",
			name, n.CalledSame, n.Pairs, n.Low, n.High, n.Apart)
	}
	if r.Series.Pairs > 0 {
		negatives("other shots", r.Series)
	}
	all := Negatives{}
	for _, name := range sorted(r.Layouts) {
		n := *r.Layouts[name]
		negatives("same "+name, n)
		all.Pairs, all.CalledSame, all.Apart = all.Pairs+n.Pairs, all.CalledSame+n.CalledSame, all.Apart+n.Apart
	}
	if len(r.Layouts) > 0 {
		all.Pairs, all.CalledSame, all.Apart = all.Pairs+r.Series.Pairs, all.CalledSame+r.Series.CalledSame, all.Apart+r.Series.Apart
		all.Low, all.High = interval(all.CalledSame, all.Pairs)
		negatives("all of these", all)
	}
	fmt.Fprintf(&b, "\nms a query, median and 99th of 100   %8s  %14s  %14s  %14s  %14s  %14s  %14s\n", "queries", "decode", "hash", "features", "candidates", "verify", "all")
	for _, l := range []struct {
		name string
		Latency
	}{{"plain photos", r.Plain}, {"posters, collages, screens, prints", r.Embedded}} {
		fmt.Fprintf(&b, "  %-34s %8d", l.name, l.Queries)
		for _, s := range []Spread{l.Decode, l.Hash, l.Features, l.Candidates, l.Verify, l.All} {
			fmt.Fprintf(&b, "  %6.1f %7.1f", s.Median, s.P99)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "bytes a photo      %.0f of a report, %.0f crawled\n", r.Bytes.Reference, r.Bytes.Crawled)
	for _, list := range []struct {
		name  string
		files []string
	}{{"under the quality gate", r.Unfit}, {"missed", r.Missed}} {
		if len(list.files) > 0 {
			fmt.Fprintf(&b, "\n%s:\n  %s\n", list.name, strings.Join(list.files, "\n  "))
		}
	}
	pairs := func(name string, list [][2]string) {
		if len(list) > 0 {
			fmt.Fprintf(&b, "\n%s:\n", name)
		}
		for _, p := range list {
			fmt.Fprintf(&b, "  %s\n    and %s\n", p[0], p[1])
		}
	}
	pairs("false pairs", r.Wrong)
	pairs("other shots called the same", r.Series.Called)
	for _, name := range sorted(r.Layouts) {
		pairs("same "+name+", another photo, called the same", r.Layouts[name].Called)
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

func sorted[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
