package searchtest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"xunqin/search"
)

// country is a small one: 福建 with 泉州 and 福州 and their parts, 北京 with its own, and
// two divisions of the name 鼓楼. Seats with codes of the same length are a hundred
// kilometres apart for each step in the order of codes.
type country struct{}

var paths = [][]string{
	{"110000"}, {"110000", "110101"}, {"110000", "110105"},
	{"320000"}, {"320000", "320100"}, {"320000", "320100", "320106"},
	{"350000"}, {"350000", "350100"}, {"350000", "350100", "350102"}, {"350000", "350500"}, {"350000", "350500", "350503"}, {"350000", "350500", "350582"},
}

func (country) Lookup(name string) (found []search.Division) {
	names := map[string][]string{
		"北京": {"110000"}, "朝阳": {"110105"}, "江苏": {"320000"}, "福建": {"350000"}, "福州": {"350100"}, "鼓楼": {"320106", "350102"},
		"泉州": {"350500"}, "quanzhou": {"350500"}, "丰泽": {"350503"}, "晋江": {"350582"},
	}
	for _, code := range names[name] {
		found = append(found, search.Division{Code: code, Name: name})
	}
	for _, p := range paths {
		if p[len(p)-1] == name {
			found = append(found, search.Division{Code: name, Name: name})
		}
	}
	return found
}

func (country) Near(code string, km int) (codes []string) {
	at := slices.IndexFunc(paths, func(p []string) bool { return p[len(p)-1] == code })
	for i, p := range paths {
		if max(i-at, at-i)*100 <= km {
			codes = append(codes, p[len(p)-1])
		}
	}
	return codes
}

func (country) Begin(string, int) []search.Division { return nil }

func spots(codes ...string) (list []search.Spot) {
	for _, code := range codes {
		for _, p := range paths {
			if p[len(p)-1] == code {
				list = append(list, search.Spot{Path: p, Grade: search.Possible})
			}
		}
	}
	return list
}

func places(t *testing.T, x search.Index) {
	doc := func(id string, codes ...string) search.Doc {
		d := post(id, "男孩")
		d.Facts.Places = spots(codes...)
		return d
	}
	put(t, x, doc("1", "350503"), doc("2", "350582", "110105"), doc("3", "350500"), doc("4", "350000"), doc("5", "320106"), doc("6", "350102", "320106"), doc("7"))
	wantIDs(t, x, map[string]string{
		"地点:福建":                "1 2 3 4 6",
		"place:quanzhou":       "1 2 3",
		"place:丰泽":             "1",
		"place:350500":         "1 2 3",
		"place:鼓楼":             "5 6",
		"place:北京 place:泉州":    "2",
		"-地点:福建":               "5 7",
		"地点:丰泽 or 地点:朝阳 男孩":    "1 2",
		"place:350501":         "",
		"near:350500,1km":      "1 2 3", // and what lies in it
		"near:晋江,1km":          "2",
		"near:晋江,100km":        "1 2",
		"附近：晋江，200公里":          "1 2 3",
		"near:鼓楼,1km":          "5 6",
		"near:350500,400km":    "1 2 3 4 5 6",
		"-near:350500,400km":   "7",
		"near:朝阳,100km -地点:泉州": "",
	})
}

func china(y, m, d int) time.Time {
	return time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.FixedZone("", 8*3600))
}

func ranges(t *testing.T, x search.Index) {
	doc := func(id string, f search.Facts) search.Doc {
		d := post(id, "男孩") // of 2011-01-25
		d.Facts = f
		return d
	}
	when := func(from, to time.Time) search.Facts { return search.Facts{When: search.Span{From: from, To: to}} }
	born := func(from, to time.Time) search.Facts { return search.Facts{Born: search.Span{From: from, To: to}} }
	put(t, x,
		doc("1", search.Facts{}),
		doc("2", when(china(2010, 5, 1), china(2010, 5, 2))),
		doc("3", when(china(2008, 1, 1), china(2011, 1, 1))),
		doc("4", when(time.Time{}, china(2009, 1, 1))),
		doc("5", when(china(2012, 1, 1), time.Time{})),
		doc("6", when(china(2010, 1, 1), china(2009, 1, 1))), // says nothing
		doc("7", born(china(2006, 1, 1), china(2007, 1, 1))),
		doc("8", born(china(2005, 6, 1), china(2008, 6, 1))),
		doc("9", born(china(2009, 1, 1), time.Time{})),
		doc("a", born(time.Time{}, china(1990, 1, 1))),
		doc("b", search.Facts{Sex: search.Male}), doc("c", search.Facts{Sex: search.Female}),
	)
	wantIDs(t, x, map[string]string{
		"date:2010-05-01":             "2 3",
		"date:2010-05-02..":           "1 3 5 6 7 8 9 a b c",
		"date:..2007":                 "4",
		"date:2009":                   "3",
		"date:1900":                   "4",
		"date:2500":                   "5",
		"date:2010-12-31":             "3",
		"date:2011-01-01":             "",
		"date:2008-12-31 男孩":          "3 4",
		"-date:2011":                  "2 3 4 5",
		"date:2011-01-25":             "1 6 7 8 9 a b c",
		"posted:2011-01-25 date:2010": "2 3",
		"发布:2011-01-26..":             "",
		"-posted:2011":                "",
		"born:2006":                   "7 8",
		"born:2007":                   "8",
		"born:2005-05":                "",
		"born:2008-05-31":             "8",
		"born:2008-06-01":             "",
		"born:2011..":                 "9",
		"born:1989-12-31..2008":       "7 8 a",
		"born:1900":                   "a",
		"-born:1900..2100":            "1 2 3 4 5 6 b c",
		"-born:2006 date:2009":        "3",
		"born:2006 or date:2009":      "3 7 8",
		"sex:m":                       "b",
		"性别：女":                        "c",
		"-sex:m -sex:f born:2006":     "7 8",
		"sex:m or born:2007 or x":     "8 b",
	})
}

func agesAtTheTime(t *testing.T, x search.Index) {
	doc := func(id string, born, when search.Span) search.Doc {
		d := post(id, "男孩")
		d.Facts = search.Facts{Born: born, When: when}
		return d
	}
	on := func(y, m, d int) search.Span {
		return search.Span{From: china(y, m, d), To: china(y, m, d).AddDate(0, 0, 1)}
	}
	put(t, x,
		doc("1", on(2008, 1, 25), search.Span{}),                                                                    // three that day
		doc("2", on(2008, 1, 26), search.Span{}),                                                                    // three the day after
		doc("3", on(2008, 1, 25), on(2010, 1, 24)),                                                                  // one year old
		doc("4", search.Span{From: china(2008, 2, 1), To: china(2010, 2, 1)}, search.Span{}),                        // 11 to 35 months
		doc("5", search.Span{From: china(2004, 1, 1)}, search.Span{}),                                               // seven or less
		doc("6", search.Span{To: china(2004, 1, 1)}, search.Span{}),                                                 // seven or more
		doc("7", on(2012, 1, 1), search.Span{}),                                                                     // not born
		doc("8", on(2010, 8, 31), on(2011, 2, 28)),                                                                  // five months and some days
		doc("9", on(1800, 1, 1), search.Span{}),                                                                     // as old as one can be
		doc("a", on(2008, 1, 25), search.Span{From: china(2009, 1, 25), To: china(2013, 1, 25)}),                    // from one to four
		doc("b", search.Span{}, on(2011, 1, 1)),                                                                     // nobody knows
		doc("c", search.Span{From: china(2010, 1, 1)}, search.Span{From: china(2009, 1, 1), To: china(2010, 6, 1)}), // less than half a year
	)
	wantIDs(t, x, map[string]string{
		"age:3":           "1 5 a",
		"age:2":           "2 4 5 a",
		"年龄:1岁":           "3 4 5 a",
		"age:0":           "4 5 8 c",
		"age:4":           "5 a",
		"age:5个月":         "5 8",
		"age:4m":          "5 c",
		"age:5m..11m":     "4 5 8",
		"age:36m":         "1 5 a",
		"age:35m":         "2 4 5 a",
		"age:7":           "5 6",
		"age:8":           "6",
		"age:149":         "6 9",
		"age:0..":         "1 2 3 4 5 6 8 9 a c",
		"-age:0..":        "7 b",
		"age:..2":         "2 3 4 5 8 a c",
		"age:3..6 男孩":     "1 5 a",
		"-age:3..6 男孩":    "2 3 4 6 7 8 9 b c",
		"age:3 born:2008": "1 5 a",
	})
}

func factsFollow(t *testing.T, x search.Index) {
	d := post("a", "男孩")
	d.Facts = search.Facts{Places: spots("350503"), Sex: search.Male, Born: search.Span{From: china(2006, 1, 1), To: china(2007, 1, 1)}, When: search.Span{To: china(2010, 1, 1)}}
	put(t, x, d, post("b", "男孩"))
	all := []string{"place:泉州", "sex:m", "born:2006", "age:3", "date:2009", "near:丰泽,1km"}
	for _, q := range all {
		wantIDs(t, x, map[string]string{q: "a", "-" + q: "b"})
	}
	put(t, x, post("a", "男孩"))
	for _, q := range all {
		wantIDs(t, x, map[string]string{q: "", "-" + q: "a b"})
	}
	put(t, x, d)
	if err := x.Delete(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	for _, q := range all {
		wantIDs(t, x, map[string]string{q: "", "-" + q: "b"})
	}
	for _, f := range []search.Facts{
		{Sex: "male"}, {Places: []search.Spot{{}}}, {Places: []search.Spot{{Path: []string{"35 00"}, Grade: search.Sure}}},
		{Places: []search.Spot{{Path: []string{"350000"}}}}, {Places: []search.Spot{{Path: []string{"350000"}, Grade: search.Sure, Role: "from"}}},
	} {
		d.Facts = f
		if err := x.Put(t.Context(), d); err == nil {
			t.Errorf("facts %+v are taken", f)
		}
	}
	if strings.Contains(ids(t, x, ""), "a") {
		t.Error("a document with bad facts is there")
	}
}
