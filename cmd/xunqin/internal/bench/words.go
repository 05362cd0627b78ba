package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"xunqin/pipeline"
	"xunqin/pipeline/facts"
	"xunqin/search"
	"xunqin/search/embedded"
)

// WordsOptions say what Words measures.
type WordsOptions struct {
	N   int    // posts
	Dir string // keeps the index for a later run; empty: a temporary folder
}

// WordsCase is what queries of one kind take among N posts.
type WordsCase struct {
	Case      string  `json:"case"`
	Query     string  `json:"query"` // one of them
	N         int     `json:"n"`
	Queries   int     `json:"queries"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	Found     float64 `json:"found"`  // on a page of fifty, the mean
	Recall    float64 `json:"recall"` // of the newest thousand that search.Match accepts, for some of the queries
	BytesEach float64 `json:"bytes_each"`
	PutPerS   float64 `json:"put_per_s,omitempty"` // posts, in batches of a thousand; none if they were there
}

// Print writes c on a line.
func (c WordsCase) Print(w io.Writer) {
	fmt.Fprintf(w, "%-34s p50 %7.3f ms, p99 %7.3f ms, recall %.4f, %4.1f found; %.0f bytes a post over its text  (%s)\n", c.Case, c.P50, c.P99, c.Recall, c.Found, c.BytesEach, c.Query)
}

const (
	wordsAsked   = 100 // queries of a case
	wordsRounds  = 2
	wordsChecked = 4    // queries of a case held against search.Match
	newest       = 1000 // of their answers
)

// Words measures the search for words and facts in the embedded index, queries of all cases in turn, and calls done with each case.
func Words(ctx context.Context, o WordsOptions, done func(WordsCase) error) (err error) {
	if o.Dir == "" {
		if o.Dir, err = os.MkdirTemp("", "xunqin-bench-"); err != nil {
			return fmt.Errorf("bench: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.Dir)) }()
	} else if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	l := newLanguage()
	path := filepath.Join(o.Dir, "index.db")
	perSecond, err := l.fill(ctx, path, o.N)
	if err != nil {
		return err
	}
	stored, err := size(o.Dir)
	if err != nil {
		return err
	}
	x, err := embedded.Open(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	cases, err := l.cases(o.N)
	if err != nil {
		return err
	}
	text := l.match(cases, o.N)
	for _, c := range cases {
		if err := c.check(ctx, x); err != nil {
			return err
		}
	}
	runtime.GC()
	for range wordsRounds {
		for i := range wordsAsked {
			for _, c := range cases {
				if i < len(c.queries) {
					if err := c.ask(ctx, x, c.queries[i]); err != nil {
						return err
					}
				}
			}
		}
	}
	for _, c := range cases {
		c.N, c.Queries, c.Query = o.N, len(c.queries), c.queries[0].String()
		c.P50, c.P99, c.Found = c.took.percentile(0.5), c.took.percentile(0.99), c.Found/float64(len(c.took))
		c.BytesEach, c.PutPerS = float64(stored-text)/float64(o.N), perSecond
		if err := done(c.WordsCase); err != nil {
			return err
		}
	}
	return nil
}

// size is the bytes of the files of a folder.
func size(dir string) (n int64, err error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("bench: %w", err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			return 0, fmt.Errorf("bench: %w", err)
		}
		n += info.Size()
	}
	return n, nil
}

// fill puts posts into the index, unless an earlier run has.
func (l *language) fill(ctx context.Context, path string, n int) (perSecond float64, err error) {
	x, err := embedded.Open(ctx, path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	info, err := x.Info(ctx)
	if err != nil {
		return 0, err
	}
	if info.Docs > 0 {
		if info.Docs != int64(n) {
			return 0, fmt.Errorf("bench: %s has %d posts, not %d", path, info.Docs, n)
		}
		return 0, nil
	}
	const batch = 1000
	took := time.Duration(0)
	for i := 0; i < n; i += batch {
		docs := make([]search.Doc, 0, batch)
		for j := i; j < min(n, i+batch); j++ {
			docs = append(docs, l.post(j))
		}
		start := time.Now()
		if err := x.Put(ctx, docs...); err != nil {
			return 0, err
		}
		took += time.Since(start)
	}
	return float64(n) / took.Seconds(), nil
}

// A wordsCase is queries of one kind, and what search.Match says of the first of them.
type wordsCase struct {
	WordsCase
	page    search.Page
	queries []search.Query
	want    [][]search.Key // of those checked
	took    times
}

func (c *wordsCase) ask(ctx context.Context, x search.Index, q search.Query) error {
	start := time.Now()
	r, err := x.Find(ctx, q, c.page)
	c.took = append(c.took, time.Since(start))
	c.Found += float64(len(r.Found))
	return err
}

// check holds the newest answers against search.Match.
func (c *wordsCase) check(ctx context.Context, x search.Index) error {
	want, found := 0, 0
	for i, keys := range c.want {
		r, err := x.Find(ctx, c.queries[i], search.Page{Limit: newest})
		if err != nil {
			return err
		}
		want += len(keys)
		for _, f := range r.Found {
			if _, ok := slices.BinarySearchFunc(keys, f.Key(), search.Key.Compare); ok {
				found++
			} else if len(keys) < newest || f.Key().Compare(keys[len(keys)-1]) < 0 {
				return fmt.Errorf("bench: %s finds %s, which it should not", c.queries[i], f.ID)
			}
		}
	}
	c.Recall = 1
	if want > 0 {
		c.Recall = float64(found) / float64(want)
	}
	return nil
}

// match asks search.Match about all posts, and adds up the bytes of their texts.
func (l *language) match(cases []*wordsCase, n int) (text int64) {
	for _, c := range cases {
		c.want = make([][]search.Key, min(wordsChecked, len(c.queries)))
	}
	var mu sync.Mutex // of text and want
	var work sync.WaitGroup
	cores := runtime.GOMAXPROCS(0)
	for core := range cores {
		work.Go(func() {
			bytes := int64(0)
			for i := core; i < n; i += cores {
				d := l.post(i)
				bytes += int64(len(d.Text) + len(d.Place))
				s := search.Analyse(d)
				for _, c := range cases {
					for k := range c.want {
						if s.Match(c.queries[k]) {
							mu.Lock()
							if c.want[k] = append(c.want[k], search.Key{At: d.At, ID: d.ID}); len(c.want[k]) >= 8*newest {
								c.want[k] = newestOf(c.want[k])
							}
							mu.Unlock()
						}
					}
				}
			}
			mu.Lock()
			text += bytes
			mu.Unlock()
		})
	}
	work.Wait()
	for _, c := range cases {
		for k := range c.want {
			c.want[k] = newestOf(c.want[k])
		}
	}
	return text
}

func newestOf(keys []search.Key) []search.Key {
	slices.SortFunc(keys, search.Key.Compare)
	return keys[:min(len(keys), newest)]
}

// cases are the queries. Words are named by their rank among those of the language: the fifty commonest are in up to two thirds
// of the posts, those behind the 40,000th in some dozens of a million.
func (l *language) cases(n int) (cases []*wordsCase, err error) {
	r := rand.New(rand.NewPCG(5, 8))
	word := func(from, to int) string { return l.words[from+r.IntN(to-from)] }
	rare, middle, common := func() string { return word(40_000, len(l.words)) }, func() string { return word(1000, 4000) }, func() string { return word(0, 50) }
	other := func(word func() string, than string) string { // X -X finds nothing
		for {
			if w := word(); w != than {
				return w
			}
		}
	}
	part := func() string { // of a post
		text := []rune(l.post(r.IntN(n)).Text)
		from := r.IntN(max(1, len(text)-8))
		return strings.Trim(string(text[from:min(len(text), from+8)]), "，。 ")
	}
	// near are the names of counties that have some number of seats around them.
	near := func(km, least int) func() string {
		var names []string
		for tries := 0; len(names) < 10 && tries < 400; tries++ {
			d := l.counties[r.IntN(len(l.counties))]
			if seats := (pipeline.Divisions{}).Near(d.Code, km); len(seats) >= least {
				names = append(names, fmt.Sprintf("near:%s,%dkm", d.Code, km))
			}
		}
		return func() string {
			if len(names) == 0 {
				return "near:110000,10km"
			}
			return names[r.IntN(len(names))]
		}
	}
	near50, near200, near500 := near(50, 5), near(200, 100), near(500, 500)
	county := func() string { return "place:" + l.counties[l.county(r)].Code }
	prefecture := func() string { return "place:" + l.counties[l.county(r)].Code[:4] + "00" }
	province := func() string { return "place:" + l.counties[l.county(r)].Code[:2] + "0000" }
	month := func() string { return fmt.Sprintf("date:%d-%02d", 2009+r.IntN(9), 1+r.IntN(12)) }
	for _, c := range []struct {
		name  string
		count int
		query func() string
	}{
		{"rare word", 0, rare},
		{"middle word", 0, middle},
		{"common word", 0, common},
		{"one character", 0, func() string { return string(l.characters[r.IntN(200)]) }},
		{"name of two characters", 0, func() string { return l.name(r, 1) }},
		{"name of three characters", 0, func() string { return l.name(r, 2) }},
		{"phrase of eight characters", 0, func() string { return `"` + part() + `"` }},
		{"two common words", 0, func() string { return common() + " " + common() }},
		{"rare and common word", 0, func() string { return rare() + " " + common() }},
		{"two middle words", 0, func() string { return middle() + " " + middle() }},
		{"common not common", 0, func() string { w := common(); return w + " -" + other(common, w) }},
		{"rare not common", 0, func() string { return rare() + " -" + common() }},
		{"only not", 0, func() string { return "-" + common() }},
		{"three words or another", 0, func() string { return rare() + " or " + middle() + " or " + common() }},
		{"group", 0, func() string {
			return "(" + middle() + " or " + rare() + ") (" + common() + " or " + middle() + ") -" + middle()
		}},
		{"everything", 0, func() string { return "" }},
		{"kind, source, photo", 0, func() string { return fmt.Sprintf("kind:report source:s%d has:photo", r.IntN(12)) }},
		{"county", 0, county},
		{"prefecture", 0, prefecture},
		{"day", 0, func() string { return month() + fmt.Sprintf("-%02d", 1+r.IntN(28)) }},
		{"month", 0, month},
		{"day of writing", 0, func() string {
			return strings.Replace(month(), "date", "posted", 1) + fmt.Sprintf("-%02d", 1+r.IntN(28))
		}},
		{"age", 0, func() string { return fmt.Sprintf("age:%d..%d", 2+r.IntN(5), 7+r.IntN(6)) }},
		{"rare age", 0, func() string { return fmt.Sprintf("age:%d", 17+r.IntN(20)) }},
		{"year of birth", 0, func() string { return fmt.Sprintf("born:%d", 1998+r.IntN(16)) }},
		{"rare year of birth", 0, func() string { return fmt.Sprintf("born:%d", 1975+r.IntN(17)) }},
		{"month of birth", 0, func() string { return fmt.Sprintf("born:%d-%02d", 1998+r.IntN(16), 1+r.IntN(12)) }},
		{"sex, age, province", 0, func() string { return "sex:f age:3..6 " + province() }},
		{"prefecture, month, age", 0, func() string { return prefecture() + " " + month() + " age:3..6" }},
		{"province, month, age", 0, func() string { return province() + " " + month() + " age:3..6" }},
		{"near, 50 km", 0, near50},
		{"near, 200 km", 0, near200},
		{"near, 500 km", 0, near500},
		{"near, 500 km, month, age", 0, func() string { return near500() + " " + month() + " age:3..6" }},
		{"near, 500 km, middle word", 0, func() string { return near500() + " " + middle() }},
		{"near, 500 km, rare word", 0, func() string { return near500() + " " + rare() }},
		{"not near, middle word", 0, func() string { return "-" + near500() + " " + middle() }},
		{"not age, prefecture", 0, func() string { return "-age:3..6 " + prefecture() }},
		{"near or word", 0, func() string { return near500() + " or " + middle() }},
		{"middle word, counted to 2000", 2000, middle},
		{"common word, counted to 2000", 2000, common},
		{"near, 500 km, counted to 2000", 2000, near500},
		{"month, age, counted to 2000", 2000, func() string { return month() + " age:3..6" }},
	} {
		w := &wordsCase{WordsCase: WordsCase{Case: c.name}, page: search.Page{Count: c.count}}
		asked := make(map[string]bool)
		for range wordsAsked {
			text := c.query()
			if asked[text] {
				continue
			}
			asked[text] = true
			q, err := search.Parse(text, pipeline.Divisions{})
			if err != nil {
				return nil, fmt.Errorf("bench: %s: %w", text, err)
			}
			w.queries = append(w.queries, q)
		}
		cases = append(cases, w)
	}
	return cases, nil
}

// A language is invented: words of Chinese characters that no one would understand, as unequally common as those of Chinese. The
// nth word is as common as 1/(n+3) says (Zipf, Mandelbrot), and so are characters within words, family names and given ones.
type language struct {
	characters []rune
	words      []string
	upTo       []float64 // the chance of the words up to one
	family     []rune
	given      []rune
	counties   []*facts.Division
}

func newLanguage() *language {
	r := rand.New(rand.NewPCG(1, 2))
	l := &language{characters: []rune{}, family: []rune("王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤")}
	for c := rune(0x4e00); len(l.characters) < 3500; c += rune(1 + r.IntN(8)) {
		l.characters = append(l.characters, c)
	}
	r.Shuffle(len(l.characters), func(i, j int) { l.characters[i], l.characters[j] = l.characters[j], l.characters[i] })
	l.given = l.characters[100:600]
	had := make(map[string]bool)
	for len(l.words) < 60_000 {
		length := [...]int{1, 2, 2, 2, 2, 2, 2, 3, 3, 4}[r.IntN(10)]
		if len(l.words) < 50 {
			length = 1 + len(l.words)%2
		}
		word := make([]rune, length)
		for i := range word {
			word[i] = l.characters[zipf(r, len(l.characters))]
		}
		if w := string(word); !had[w] {
			had[w] = true
			l.words = append(l.words, w)
		}
	}
	sum := 0.
	for i := range l.words {
		sum += 1 / float64(i+3)
		l.upTo = append(l.upTo, sum)
	}
	for _, d := range facts.All() {
		if d.Current() && d.Level == facts.County {
			l.counties = append(l.counties, d)
		}
	}
	r.Shuffle(len(l.counties), func(i, j int) { l.counties[i], l.counties[j] = l.counties[j], l.counties[i] })
	return l
}

// zipf draws a number less than n, i as often as 1/(i+3) says, or nearly so.
func zipf(r *rand.Rand, n int) int {
	return min(n-1, int(3*math.Pow(float64(n+3)/3, r.Float64()))-3)
}

func (l *language) word(r *rand.Rand) string {
	return l.words[sort.SearchFloat64s(l.upTo, r.Float64()*l.upTo[len(l.upTo)-1])]
}

func (l *language) name(r *rand.Rand, given int) string {
	name := []rune{l.family[zipf(r, len(l.family))]}
	for range given {
		name = append(name, l.given[zipf(r, len(l.given))])
	}
	return string(name)
}

// county draws one, some being ten times as likely as others.
func (l *language) county(r *rand.Rand) int {
	return int(float64(len(l.counties)) * math.Pow(r.Float64(), 1.5))
}

// post is the nth post, always the same. Most are of 15 to 60 words in short sentences; a third name somebody; nine in ten know a county or what
// is around it, a third the day of the event, half the birth to a year or two.
func (l *language) post(n int) search.Doc {
	r := rand.New(rand.NewPCG(2011, uint64(n)))
	var text strings.Builder
	words := min(90, max(4, int(28*math.Exp(0.5*r.NormFloat64()))))
	named := r.IntN(3 * words)
	for i := range words {
		if i == named {
			text.WriteString(l.name(r, 1+min(1, r.IntN(4))))
		}
		text.WriteString(l.word(r))
		if r.IntN(7) == 0 {
			text.WriteString([...]string{"，", "。", " "}[r.IntN(3)])
		}
	}
	at := time.UnixMilli(1230739200000 + r.Int64N(9*365*24*3600*1000)).UTC() // nine years from 2009 on
	d := search.Doc{
		ID: fmt.Sprintf("%016x", r.Uint64()), Kind: search.KindPost, Source: fmt.Sprint("s", zipf(r, 12)), Text: text.String(), At: at,
	}
	switch r.IntN(20) {
	case 0:
		d.Kind = search.KindReport
	case 1:
		d.Kind = search.KindNotice
	}
	if r.IntN(3) > 0 {
		d.Photos = make([]search.PhotoRef, 1)
		d.Photos[0].ID = fmt.Sprintf("%016x", r.Uint64())
	}
	if r.IntN(10) > 0 {
		path := l.counties[l.county(r)].Path()
		path = path[:len(path)-min(len(path)-1, max(0, r.IntN(5)-2))]
		spot := search.Spot{Grade: search.Sure}
		for _, p := range path {
			spot.Path = append(spot.Path, p.Code)
			d.Place += p.Name
		}
		d.Facts.Places = []search.Spot{spot}
	}
	if r.IntN(3) == 0 {
		from := at.AddDate(0, 0, -r.IntN(400)).Truncate(24 * time.Hour)
		d.Facts.When = search.Span{From: from, To: from.AddDate(0, 0, 1+r.IntN(3)*r.IntN(15))}
	}
	if r.IntN(2) == 0 {
		years := 1 + r.IntN(14)
		if r.IntN(200) == 0 {
			years += r.IntN(20)
		}
		from := at.AddDate(-years, 0, -r.IntN(365))
		d.Facts.Born = search.Span{From: from, To: from.AddDate(0, 0, [...]int{1, 31, 365, 730}[r.IntN(4)])}
	}
	d.Facts.Sex = [...]string{search.Male, search.Female, ""}[r.IntN(3)]
	return d
}
