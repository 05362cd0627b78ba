// Package searchtest is the suite every search.Index passes. A new engine calls Run
// from a test of its own; a new claim about searching goes here, not into the test
// of one engine.
package searchtest

import (
	"context"
	"fmt"
	"image"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"xunqin/search"
)

// Run runs the suite. open returns an empty index each time and closes it when its
// test ends.
func Run(t *testing.T, open func(t *testing.T) search.Index) {
	for _, c := range []struct {
		name string
		test func(*testing.T, search.Index)
	}{
		{"EmptyIndexAnswers", emptyIndex},
		{"WordsAreFoundAsPeopleWriteThem", words},
		{"PartsOfATextAreNotTheText", parts},
		{"FactsNarrow", facts},
		{"DatesAreDaysInChina", dates},
		{"PlacesAreDivisionsAndAllBelow", places},
		{"RangesAreMetByWhatIsPossible", ranges},
		{"AgesAreThoseAtTheTime", agesAtTheTime},
		{"FactsFollowChanges", factsFollow},
		{"FacetsCountWhatTheyFind", facetsCount},
		{"NewestFirstThenByID", order},
		{"PagesJoinToTheWhole", pages},
		{"PagingWhileWriting", pagingWhileWriting},
		{"TotalStopsCounting", total},
		{"PutReplaces", replace},
		{"DeleteForgets", remove},
		{"ApplyIsWholeAndMarked", apply},
		{"BadDocumentsChangeNothing", refused},
		{"SimilarReachesTheRadiusAndNoFurther", radius},
		{"SimilarFindsErrorsHoweverTheyLie", spread},
		{"SimilarKeepsMethodsAndKindsApart", kinds},
		{"SimilarFollowsChanges", similarFollows},
		{"EveryLimitOfAQueryIsHeld", limits},
		{"VotesReachTheDistanceAndNoFurther", votesReach},
		{"VotesFindTheTurnedAndScaled", votesFindTurnedAndScaled},
		{"VotesOfEqualPointsAreFew", votesOfEqualPoints},
		{"VotesKeepMethodsAndKindsApart", votesKeepMethodsAndKindsApart},
		{"VotesFollowChanges", votesFollowChanges},
		{"VotesComeBestFirstThenByName", votesInOrder},
		{"VotesDropStopWords", votesDropStopWords},
		{"VotesOfNothingAndTooMuch", votesRefuse},
		{"FacetsOfALargeAnswer", facetsOfMany},
		{"FindIsMatch", findIsMatch},
		{"FacetsAreCounts", facetsAreCounts},
		{"SimilarIsHamming", similarIsHamming},
		{"VotesAreVote", votesAreVote},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

// At is a time for documents that need one: n hours into the campaign of 2011.
func at(n int) time.Time {
	return time.Date(2011, 1, 25, n, 0, 0, 0, time.UTC)
}

func post(id, text string) search.Doc {
	return search.Doc{ID: id, Kind: search.KindPost, Text: text, At: at(0)}
}

func put(t *testing.T, x search.Index, docs ...search.Doc) {
	t.Helper()
	if err := x.Put(t.Context(), docs...); err != nil {
		t.Fatal(err)
	}
}

func parse(t *testing.T, s string) search.Query {
	t.Helper()
	q, err := search.Parse(s, country{})
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return q
}

// find reads all pages, of size documents.
func find(ctx context.Context, x search.Index, q search.Query, size int) ([]search.Found, error) {
	var all []search.Found
	p := search.Page{Limit: size}
	for {
		r, err := x.Find(ctx, q, p)
		if err != nil {
			return nil, err
		}
		all = append(all, r.Found...)
		if r.Next.IsZero() {
			return all, nil
		}
		if len(r.Found) != size {
			return nil, fmt.Errorf("a page of %d, want %d, is not the last", len(r.Found), size)
		}
		if !p.After.IsZero() && r.Next.Compare(p.After) <= 0 {
			return nil, fmt.Errorf("the page after %v ends at %v", p.After, r.Next)
		}
		p.After = r.Next
	}
}

func ids(t *testing.T, x search.Index, query string) string {
	t.Helper()
	found, err := find(t.Context(), x, parse(t, query), 3)
	if err != nil {
		t.Fatalf("%q: %v", query, err)
	}
	list := make([]string, len(found))
	for i, f := range found {
		list[i] = f.ID
	}
	return strings.Join(list, " ")
}

// want maps a query to the IDs it finds, in order.
func wantIDs(t *testing.T, x search.Index, want map[string]string) {
	t.Helper()
	for query, w := range want {
		if got := ids(t, x, query); got != w {
			t.Errorf("%q finds %q, want %q", query, got, w)
		}
	}
}

func emptyIndex(t *testing.T, x search.Index) {
	wantIDs(t, x, map[string]string{"": "", "男孩": "", "-男孩": "", "date:2011 or -has:photo": ""})
	if hits := similar(t, x, print("a", 0), 64); len(hits) > 0 {
		t.Errorf("hits: %v", hits)
	}
	i := info(t, x)
	if i.Engine == "" {
		t.Error("the engine has no name")
	}
	if i.Engine = ""; i != (search.Info{}) {
		t.Errorf("Info = %+v", i)
	}
	if err := x.Put(t.Context()); err != nil {
		t.Errorf("put nothing: %v", err)
	}
}

func words(t *testing.T, x search.Index) {
	put(t, x,
		post("01", "张三在泉州走失"),
		post("02", "找到张三丰的照片"),
		post("03", "张。三人"),
		post("04", "姓名：张　三"),
		post("05", "三张照片"),
		post("06", "3岁男孩，穿ＡＢＣ字样T恤"),
		post("07", "Café near the OLD station"),
		post("08", "cafe CAFE\u0301 old-station"),
		post("09", "🙏请大家转发🆘"),
		post("10", "寻\u200b亲启\ufe0f事"),
		post("11", "Иван, ΑΘΗΝΑ, 서울에서, ประเทศไทย"),
		post("12", "在 a在b"),
		post("13", "\"quoted\" -minus (brackets) or AND NOT NEAR col:umn *"),
		post("14", ""),
		post("15", "𠮷野家 𝒳 ﬁne Ⅷ ㍿"),
		post("16", "nul\x00nul \xff\xfe end"),
	)
	wantIDs(t, x, map[string]string{
		"张三":                  "01 02 04",
		"三":                   "01 02 03 04 05",
		"张三丰":                 "02",
		"“张三” -三丰":            "01 04",
		"张":                   "01 02 03 04 05",
		"“张 三”":               "01 02 04",
		"“张，三”":               "03",
		"3岁":                  "06",
		"3岁男孩":                "06",
		"abc":                 "06",
		"字样t":                 "06",
		"孩穿":                  "",
		"café":                "07 08",
		"cafe":                "08",
		"ＣＡＦＥ":                "08",
		"caf":                 "",
		`"old station"`:       "07 08",
		`"station old"`:       "",
		"old-station":         "07 08",
		"🙏":                   "09",
		"🆘 🙏":                 "09",
		"转发🆘":                 "09",
		"寻亲":                  "10",
		"启事":                  "10",
		"иван":                "11",
		"αθηνα":               "11",
		"서울":                  "11",
		"ไทย":                 "11",
		"在":                   "01 12",
		"a在":                  "12",
		"a在b":                 "12",
		"b在":                  "",
		"quoted minus":        "13",
		`"or"`:                "13",
		`"and not near"`:      "13",
		`"col:umn"`:           "13",
		"near":                "07 13",
		"𠮷野":                  "15",
		"x fine viii":         "15",
		"株式":                  "15",
		"nul end":             "16",
		"泉州 or 3岁 or 𠮷":       "01 06 15",
		"张三 (泉州 or 照片)":       "01 02",
		"泉州或三张":               "01 05",
		"-张 -a -\"三\" -or":    "06 07 08 09 10 11 14 15 16",
		"-(张 or 岁) -(old 在)":  "07 08 09 10 11 12 13 14 15 16",
		"张三 -泉州 or old -cafe": "02 04 07",
		"--张三":                "01 02 04",
	})
}

// Engines that know the words of a text and not where they stand have to look.
func parts(t *testing.T, x search.Index) {
	put(t, x,
		post("1", "张三丰"),
		post("2", "张三，三丰"),
		post("3", "三丰和张三"),
		post("4", "丰\u0301\u0308"),  // characters of a dense run
		post("5", "a \u0301\u0308"), // one word
	)
	wantIDs(t, x, map[string]string{
		"张三丰":         "1",
		"张三 三丰":       "1 2 3",
		"-张三丰":        "2 3 4 5",
		"-张三丰 三丰":     "2 3",
		"张三丰 or a":    "1 5",
		"“三丰，和”":      "",
		"“三丰和张”":      "3",
		"张三 -(三丰和 a)": "1 2 3",
	})
	for q, want := range map[search.Text]string{"\u0301\u0308": "5", "丰\u0301": "4", "\u0301": "4"} {
		found, err := find(t.Context(), x, q, 3)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, f := range found {
			got += f.ID
		}
		if got != want {
			t.Errorf("%+q finds %q, want %q", string(q), got, want)
		}
	}
}

func facts(t *testing.T, x search.Index) {
	photo := []search.PhotoRef{{ID: "p"}}
	put(t, x,
		search.Doc{ID: "1", Kind: search.KindPost, Source: "微博 街拍", Status: "live", Place: "福建省泉城市", Text: "男孩", At: at(0), Photos: photo},
		search.Doc{ID: "2", Kind: search.KindReport, Source: "Weibo", Status: "Open", Place: "泉城", Text: "男孩", At: at(0)},
		search.Doc{ID: "3", Kind: search.KindNotice, Source: "weibo2", Status: "", Place: "Quancheng Licheng District", Text: "泉州", At: at(0), Photos: photo},
	)
	wantIDs(t, x, map[string]string{
		"地点:泉城":                       "1 2",
		"place:城泉":                    "",
		`place:"licheng district"`:    "3",
		"-地点：泉城":                      "3",
		"source:weibo":                "2",
		"来源:ＷＥＩＢＯ":                    "2",
		"来源:“微博　街拍”":                  "1",
		"来源:微博":                       "",
		"status:open":                 "2",
		"-status:open":                "1 3",
		"kind:post":                   "1",
		"类型:登记 or 类型:公告":              "2 3",
		"has:photo":                   "1 3",
		"-有:照片":                       "2",
		"男孩 (kind:report or 有:照片)":    "1 2",
		"泉州":                          "3",
		"-kind:post -kind:report":     "3",
		"source:x or place:x or 男孩 x": "",
	})
}

func dates(t *testing.T, x search.Index) {
	china := time.FixedZone("", 8*3600)
	for i, at := range []time.Time{
		time.Date(2011, 1, 24, 23, 59, 59, 999e6, china),
		time.Date(2011, 1, 25, 0, 0, 0, 0, china),
		time.Date(2011, 1, 25, 23, 59, 59, 999999999, china),
		time.Date(2011, 1, 26, 0, 0, 0, 0, china),
		time.Date(1969, 12, 31, 23, 59, 59, 5e8, china),
		time.Date(1200, 1, 1, 0, 0, 0, 0, china),
		{},
		time.Date(2500, 6, 1, 0, 0, 0, 0, china),
		time.Date(9999, 12, 31, 23, 0, 0, 0, china),
	} {
		put(t, x, search.Doc{ID: fmt.Sprint(i), Kind: search.KindPost, At: at, Text: "男孩"})
	}
	wantIDs(t, x, map[string]string{
		"":                           "8 7 3 2 1 0 4 5 6",
		"date:2011-01-25":            "2 1",
		"男孩 日期:2011-01-25":           "2 1",
		"date:2011-01":               "3 2 1 0",
		"date:..2011-01-24":          "0 4 5 6",
		"date:2011-01-26..":          "8 7 3",
		"date:1969":                  "4",
		"date:1000..1300":            "5",
		"date:..1000":                "6",
		"date:2400..2600":            "7",
		"date:9999-12-31":            "8",
		"-date:2011":                 "8 7 4 5 6",
		"date:2011-01-25 or 女孩":      "2 1",
		"-(date:2011-01-25.. or 女孩)": "0 4 5 6",
		"date:2011 date:2011-01-26":  "3",
		"date:2011 -(date:2011-01-25 or date:2011-01-26)": "0",
		"date:2011 date:1969":                             "",
	})
}

func order(t *testing.T, x search.Index) {
	ms := time.Millisecond
	for _, d := range []search.Doc{ // old ones arrive late
		{ID: "m", At: at(5)}, {ID: "b", At: at(9)}, {ID: "z", At: at(1)}, {ID: "a", At: at(5)}, {ID: "y", At: at(5)},
		{ID: "c", At: at(5).Add(ms)}, {ID: "d", At: at(5).Add(-ms)}, {ID: "A", At: at(5)}, {ID: "é", At: at(5)},
		{ID: "e", At: at(5).Add(ms / 2)}, // within the millisecond of the others
	} {
		d.Text = "男孩"
		put(t, x, d)
	}
	wantIDs(t, x, map[string]string{
		"":   "b c A a e m y é d z",
		"男孩": "b c A a e m y é d z",
	})
}

func pages(t *testing.T, x search.Index) {
	var want []string
	var docs []search.Doc
	for i := range 60 {
		d := post(fmt.Sprintf("%02d", i), "男孩")
		d.At = at(0).Add(-time.Duration(i/20) * time.Second) // twenty of one time
		docs, want = append(docs, d), append(want, d.ID)
	}
	slices.Reverse(docs)
	put(t, x, docs...)
	for _, size := range []int{1, 7, 19, 20, 21, 59, 60, 61} {
		found, err := find(t.Context(), x, search.Text("男孩"), size)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range found {
			got = append(got, f.ID)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("pages of %d (-want +got):\n%s", size, d)
		}
	}
	r, err := x.Find(t.Context(), search.And{}, search.Page{})
	if err != nil || len(r.Found) != 50 {
		t.Errorf("a page of no given size holds %d, want 50 (%v)", len(r.Found), err)
	}
	k := search.Key{At: at(-100), ID: "x"}
	if r, err = x.Find(t.Context(), search.And{}, search.Page{After: k}); err != nil || len(r.Found) > 0 || !r.Next.IsZero() {
		t.Errorf("after the last: %v, %v", r, err)
	}
}

// What was there all along is seen once, whatever else comes and goes.
func pagingWhileWriting(t *testing.T, x search.Index) {
	for i := range 40 {
		d := post(fmt.Sprintf("stays%02d", i), "男孩")
		d.At = at(i / 4)
		put(t, x, d)
	}
	seen := make(map[string]int)
	var p search.Page
	p.Limit = 3
	for n := 0; ; n++ {
		r, err := x.Find(t.Context(), search.Text("男孩"), p)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Found {
			seen[f.ID]++
		}
		if r.Next.IsZero() {
			break
		}
		p.After = r.Next
		d := post(fmt.Sprintf("new%d", n), "男孩")
		d.At = at(n * 7 % 11)
		put(t, x, d)
		if err := x.Delete(t.Context(), fmt.Sprintf("new%d", n-2), r.Next.ID); err != nil { // the very key, too
			t.Fatal(err)
		}
	}
	for i := range 40 {
		if id := fmt.Sprintf("stays%02d", i); seen[id] != 1 {
			t.Errorf("%s seen %d times", id, seen[id])
		}
	}
}

func total(t *testing.T, x search.Index) {
	for i := range 12 {
		put(t, x, post(fmt.Sprint(i), "男孩"))
	}
	for _, tt := range []struct{ count, want int }{{0, 0}, {5, 5}, {12, 12}, {100, 12}} {
		for _, q := range []search.Query{search.Text("男孩"), search.And{}, search.Date{From: at(-1)}} {
			r, err := x.Find(t.Context(), q, search.Page{Limit: 2, Count: tt.count, After: search.Key{At: at(0), ID: "3"}})
			if err != nil || r.Total != tt.want {
				t.Errorf("%s counted to %d: %d, want %d (%v)", q, tt.count, r.Total, tt.want, err)
			}
		}
	}
}

func replace(t *testing.T, x search.Index) {
	put(t, x, post("a", "张三"), post("b", "张三"))
	d := post("a", "李四")
	put(t, x, d)
	wantIDs(t, x, map[string]string{"张三": "b", "李四": "a", "": "a b"})
	d.At, d.Kind, d.Source, d.Place = at(-50), search.KindReport, "s", "泉城"
	put(t, x, d)
	wantIDs(t, x, map[string]string{"李四": "a", "": "b a", "kind:report source:s place:泉城": "a", "kind:post": "b", "date:2011-01-25": "b"})
	put(t, x, post("b", "1"), post("b", "2"), post("b", "3"))
	wantIDs(t, x, map[string]string{"1 or 2": "", "3": "b"})
	if i := info(t, x); i.Docs != 2 {
		t.Errorf("Info = %+v", i)
	}
}

func remove(t *testing.T, x search.Index) {
	d := post("a", "张三")
	d.Photos = []search.PhotoRef{{ID: "p", Prints: []search.Fingerprint{print("a", 0)}}, {ID: "q"}}
	put(t, x, d, post("b", "张三"))
	if i := info(t, x); i.Docs != 2 || i.Photos != 2 || i.Prints != 1 {
		t.Errorf("Info = %+v", i)
	}
	for range 2 { // the second time it is unknown
		if err := x.Delete(t.Context(), "a", "nobody"); err != nil {
			t.Fatal(err)
		}
		wantIDs(t, x, map[string]string{"张三": "b", "": "b", "has:photo": ""})
		if hits := similar(t, x, print("a", 0), 64); len(hits) > 0 {
			t.Errorf("hits: %v", hits)
		}
		if i := info(t, x); i.Docs != 1 || i.Photos != 0 || i.Prints != 0 {
			t.Errorf("Info = %+v", i)
		}
	}
	put(t, x, post("a", "张三"))
	wantIDs(t, x, map[string]string{"张三": "a b"})
}

func apply(t *testing.T, x search.Index) {
	ctx := t.Context()
	if err := x.Apply(ctx, 7, []search.Doc{post("a", "张三"), post("b", "张三")}, []string{"b", "c"}); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, x, map[string]string{"张三": "a b"}) // deletes come first
	if err := x.Apply(ctx, 7, []search.Doc{post("a", "李四")}, []string{"b"}); err != nil {
		t.Errorf("the same change again: %v", err)
	}
	if err := x.Apply(ctx, 6, []search.Doc{post("a", "王五")}, []string{"b"}); err == nil {
		t.Error("a change from before the mark is taken")
	}
	wantIDs(t, x, map[string]string{"": "a", "李四": "a"})
	put(t, x, post("c", ""))
	if i := info(t, x); i.Seq != 7 {
		t.Errorf("Put moved the mark from 7 to %d", i.Seq)
	}
	if err := x.Apply(ctx, 9, nil, nil); err != nil {
		t.Fatal(err)
	}
	if i := info(t, x); i.Seq != 9 {
		t.Errorf("Seq = %d, want 9", i.Seq)
	}
}

func refused(t *testing.T, x search.Index) {
	bad := post("b", "")
	bad.Photos = []search.PhotoRef{{ID: "p", Prints: []search.Fingerprint{{Algo: "a", Bits: make([]byte, 7)}}}}
	for _, d := range []search.Doc{bad, {Text: "no ID"}, {ID: "c", Source: strings.Repeat("x", 2000)}} {
		if err := x.Apply(t.Context(), 5, []search.Doc{post("a", ""), d}, nil); err == nil {
			t.Errorf("%.40v is taken", d)
		}
	}
	if i := info(t, x); i.Docs != 0 || i.Seq != 0 {
		t.Errorf("Info = %+v", i)
	}
	for _, f := range []search.Fingerprint{{}, {Algo: "a"}, {Bits: make([]byte, 8)}, {Algo: "a", Bits: make([]byte, 16)}} {
		if _, err := x.Similar(t.Context(), f, 3); err == nil {
			t.Errorf("searched for %v", f)
		}
	}
	if _, err := x.Similar(t.Context(), print("a", 0), -1); err == nil {
		t.Error("searched with a negative radius")
	}
}

// print is a fingerprint of 64 bits whose n first are set.
func print(algo string, n int) search.Fingerprint { return bits(algo, 8, n) }

func bits(algo string, size, n int) search.Fingerprint {
	f := search.Fingerprint{Algo: algo, Bits: make([]byte, size), Part: image.Rect(n, -1, n+100, 640)}
	for i := range n {
		f.Bits[i/8] |= 1 << (i % 8)
	}
	return f
}

func similar(t *testing.T, x search.Index, f search.Fingerprint, radius int, kinds ...string) []search.Hit {
	t.Helper()
	hits, err := x.Similar(t.Context(), f, radius, kinds...)
	if err != nil {
		t.Fatal(err)
	}
	return hits
}

func info(t *testing.T, x search.Index) search.Info {
	t.Helper()
	i, err := x.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// names writes hits as "document/photo=distance".
func names(hits []search.Hit) string {
	var list []string
	for _, h := range hits {
		list = append(list, fmt.Sprintf("%s/%s=%d", h.Doc, h.Photo, h.Distance))
	}
	return strings.Join(list, " ")
}

func radius(t *testing.T, x search.Index) {
	for _, size := range []int{8, 32} {
		algo := fmt.Sprint("m", size)
		far := 8 * size
		d := func(id string, ns ...int) search.Doc {
			d := search.Doc{ID: id + algo, Kind: search.KindPost, At: at(0)}
			for i, n := range ns {
				d.Photos = append(d.Photos, search.PhotoRef{ID: fmt.Sprint("p", i), Prints: []search.Fingerprint{bits(algo, size, n)}})
			}
			return d
		}
		put(t, x, d("d", 10), d("c", 11), d("b", 10, 0, far), d("a", 10))
		two := d("e", 40) // one photo, nearest by its second part
		two.Photos[0].Prints = append(two.Photos[0].Prints, bits(algo, size, 5), bits(algo, size, 6))
		put(t, x, two)
		is := func(s string) string { return strings.ReplaceAll(s, "/", algo+"/") }
		for r, want := range map[int]string{
			0:       is("b/p1=0"),
			4:       is("b/p1=0"),
			5:       is("b/p1=0 e/p0=5"),
			10:      is("b/p1=0 e/p0=5 a/p0=10 b/p0=10 d/p0=10"),
			11:      is("b/p1=0 e/p0=5 a/p0=10 b/p0=10 d/p0=10 c/p0=11"),
			far - 1: is("b/p1=0 e/p0=5 a/p0=10 b/p0=10 d/p0=10 c/p0=11"),
			far:     is("b/p1=0 e/p0=5 a/p0=10 b/p0=10 d/p0=10 c/p0=11 b/p2=" + fmt.Sprint(far)),
			9999:    is("b/p1=0 e/p0=5 a/p0=10 b/p0=10 d/p0=10 c/p0=11 b/p2=" + fmt.Sprint(far)),
		} {
			hits := similar(t, x, bits(algo, size, 0), r)
			if got := names(hits); got != want {
				t.Errorf("%d bits within %d: %s, want %s", far, r, got, want)
			}
			for _, h := range hits {
				if h.Photo == "p0" && h.Doc == "e"+algo {
					if d := cmp.Diff(bits(algo, size, 5), h.Fingerprint); d != "" {
						t.Errorf("the nearest part (-want +got):\n%s", d)
					}
				}
			}
		}
	}
}

// Engines look for parts that are whole, or nearly: errors in each part, as evenly as can be, leave the fewest.
func spread(t *testing.T, x search.Index) {
	for _, size := range []int{8, 32} {
		parts := size / 2 // of 16 bits
		f := bits(fmt.Sprint("s", size), size, 3*size)
		var docs []search.Doc
		for n := range 8*size/2 + 1 {
			g := search.Fingerprint{Algo: f.Algo, Bits: slices.Clone(f.Bits)}
			for i := range n {
				bit := i%parts*16 + (i/parts*7+i)%16
				g.Bits[bit/8] ^= 1 << (bit % 8)
			}
			docs = append(docs, search.Doc{ID: fmt.Sprintf("%d-%03d", size, n), Kind: search.KindPost, At: at(0), Photos: []search.PhotoRef{{ID: "p", Prints: []search.Fingerprint{g}}}})
		}
		put(t, x, docs...)
		for radius := range 8*size/2 + 1 {
			got, want := similar(t, x, f, radius), near(docs, f, radius, nil)
			if d := cmp.Diff(want, got); d != "" || len(want) != radius+1 {
				t.Errorf("within %d of %d bits, %d there (-want +got):\n%s", radius, 8*size, len(want), d)
			}
		}
	}
}

func kinds(t *testing.T, x search.Index) {
	doc := func(id, kind string, f ...search.Fingerprint) search.Doc {
		return search.Doc{ID: id, Kind: kind, At: at(0), Photos: []search.PhotoRef{{ID: "p", Prints: f}}}
	}
	put(t, x,
		doc("1", search.KindPost, print("a/1", 1)), doc("2", search.KindReport, print("a/1", 2)), doc("3", search.KindNotice, print("a/1", 3)),
		doc("4", search.KindPost, print("a/2", 0)), doc("5", search.KindPost, bits("a/1", 32, 0)), doc("6", search.KindPost),
	)
	f := print("a/1", 0)
	for _, tt := range []struct {
		kinds []string
		want  string
	}{
		{nil, "1/p=1 2/p=2 3/p=3"},
		{[]string{search.KindPost}, "1/p=1"},
		{[]string{search.KindReport, search.KindNotice}, "2/p=2 3/p=3"},
		{[]string{search.KindReport, search.KindReport}, "2/p=2"},
		{[]string{"other"}, ""},
	} {
		hits := similar(t, x, f, 10, tt.kinds...)
		if got := names(hits); got != tt.want {
			t.Errorf("of kinds %v: %s, want %s", tt.kinds, got, tt.want)
		}
		for _, h := range hits {
			if want := map[string]string{"1": "post", "2": "report", "3": "notice"}[h.Doc]; h.Kind != want {
				t.Errorf("hit %s is a %s, want %s", h.Doc, h.Kind, want)
			}
		}
	}
	if got := names(similar(t, x, bits("a/1", 32, 0), 0)); got != "5/p=0" {
		t.Errorf("of 256 bits: %s", got)
	}
	put(t, x, doc("1", search.KindReport, print("a/1", 1))) // it was a report after all
	if got := names(similar(t, x, f, 10, search.KindReport)); got != "1/p=1 2/p=2" {
		t.Errorf("after a change of kind: %s", got)
	}
}

func similarFollows(t *testing.T, x search.Index) {
	doc := func(i, n int) search.Doc {
		return search.Doc{ID: fmt.Sprint(i), Kind: search.KindPost, At: at(i % 3), Photos: []search.PhotoRef{{ID: "p", Prints: []search.Fingerprint{print("a", n)}}}}
	}
	for i := range 10 {
		put(t, x, doc(i, i))
	}
	if err := x.Apply(t.Context(), 0, []search.Doc{doc(2, 60), doc(3, 1), {ID: "4", Kind: search.KindPost}}, []string{"9", "1", "0"}); err != nil {
		t.Fatal(err)
	}
	put(t, x, doc(0, 2)) // takes a place that was left
	if got, want := names(similar(t, x, print("a", 0), 64)), "3/p=1 0/p=2 5/p=5 6/p=6 7/p=7 8/p=8 2/p=60"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// The longest and deepest queries that Parse lets through are answered.
func limits(t *testing.T, x search.Index) {
	long := strings.Repeat("甲乙丙丁", search.MaxRunes/4)
	put(t, x, post("a", long), post("b", "a b c"))
	deep := strings.Repeat("-(a or -b 寻找 or ", search.MaxDepth/2-1) + "c" + strings.Repeat(")", search.MaxDepth/2-1)
	many := strings.TrimSpace(strings.Repeat("b-c or ", search.MaxTerms-1)) + " " + long[:3]
	for _, s := range []string{
		long, deep, many, "-(" + many + ")", "date:2011 or " + deep, strings.Repeat("-", search.MaxDepth) + "a",
		strings.Repeat("(", search.MaxDepth) + "a" + strings.Repeat(")", search.MaxDepth), strings.TrimSpace(strings.Repeat("-b ", search.MaxTerms)),
		strings.TrimSuffix(strings.Repeat("date:2011 or -date:2012 or ", search.MaxTerms/4), " or "),
	} {
		q := parse(t, s)
		found, err := find(t.Context(), x, q, 10)
		if err != nil {
			t.Errorf("%.60s…: %v", s, err)
		}
		var want []search.Found
		for _, d := range []search.Doc{post("a", long), post("b", "a b c")} {
			if search.Match(q, d) {
				want = append(want, search.Found{ID: d.ID, Kind: d.Kind, At: d.At})
			}
		}
		if d := cmp.Diff(want, found, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%.60s… (-want +got):\n%s", s, d)
		}
	}
}
