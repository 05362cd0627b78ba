package pair

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"xunqin/pipeline/facts"
)

func date(y, m, d int) time.Time { return time.Date(y, time.Month(m), d, 0, 0, 0, 0, zone) }

func oneDay(y, m, d int) facts.Dates { return facts.Dates{From: date(y, m, d), To: date(y, m, d+1)} }

func in(t testing.TB, codes ...string) []Place {
	t.Helper()
	var out []Place
	for _, c := range codes {
		d := facts.Lookup(c)
		if d == nil {
			t.Fatal(c)
		}
		out = append(out, Place{d, 0.97})
	}
	return out
}

// about draws an interval that holds a day, as uncertain as it likes.
func about(t *rapid.T, day time.Time, name string) facts.Dates {
	days := func(what string) int { return rapid.IntRange(0, 900).Draw(t, name+what) }
	d := facts.Dates{From: day.AddDate(0, 0, -days(" before")), To: day.AddDate(0, 0, 1+days(" after"))}
	if rapid.IntRange(0, 5).Draw(t, name+" open") == 0 {
		d.From = time.Time{}
	}
	if rapid.IntRange(0, 5).Draw(t, name+" ends") == 0 {
		d.To = time.Time{}
	}
	return d
}

// A child, as it is, and what a document may truly say of it.
type truth struct {
	sex               string
	born, lost, found time.Time
}

var anyTruth = rapid.Custom(func(t *rapid.T) truth {
	born := date(1980, 1, 1).AddDate(0, 0, rapid.IntRange(0, 14000).Draw(t, "born"))
	lost := born.AddDate(0, 0, rapid.IntRange(0, 5000).Draw(t, "age"))
	return truth{rapid.SampledFrom([]string{"male", "female"}).Draw(t, "sex"), born, lost, lost.AddDate(0, 0, rapid.IntRange(0, 5000).Draw(t, "days"))}
})

func (c truth) says(t *rapid.T, side Side, codes []string) Doc {
	name := fmt.Sprint(side)
	d := Doc{ID: name, Side: side, Report: side == Seeks || rapid.Bool().Draw(t, name+" report"), Born: about(t, c.born, name+" born")}
	d.Event = about(t, c.lost, name+" event")
	if side == Finds {
		d.Event = about(t, c.found, name+" event")
	}
	if rapid.Bool().Draw(t, name+" sexed") {
		d.Sex = c.sex
	}
	for range rapid.IntRange(0, 2).Draw(t, name+" places") {
		d.Places = append(d.Places, Place{facts.Lookup(rapid.SampledFrom(codes).Draw(t, name+" place")), 0.5})
	}
	for range rapid.IntRange(0, 2).Draw(t, name+" marks") {
		d.Marks = append(d.Marks, Mark{Kind: concept(rapid.IntRange(1, len(kinds)-1).Draw(t, "kind")), Part: concept(rapid.IntRange(0, len(parts)-1).Draw(t, "part"))})
	}
	return d
}

var someCodes = []string{"440106", "440104", "440100", "440000", "510105", "510100", "110102", "650102", "350582"}

// Documents that tell the truth of one child are never kept apart, however
// little they say, and wherever it was brought.
func TestTruePairsAreAlwaysCandidates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyTruth.Draw(t, "child")
		a, b := c.says(t, Seeks, someCodes), c.says(t, Finds, someCodes)
		if r, no := Contradict(a, b); no {
			t.Fatalf("kept apart by %s: %v", r.Code, r.Days)
		}
		var x Index
		x.Put(a)
		x.Put(b)
		if x.Rank(a, b.ID) != 0 || x.Rank(b, a.ID) != 0 {
			t.Fatal("no candidates")
		}
	})
}

// Whoever says less loses no pair, true or not.
func TestSayingLessNeverRemovesACandidate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyTruth.Draw(t, "one").says(t, Seeks, someCodes), anyTruth.Draw(t, "other").says(t, Finds, someCodes)
		if _, no := Contradict(a, b); no {
			return
		}
		less := &a
		if rapid.Bool().Draw(t, "of the finder") {
			less = &b
		}
		wider := func(d facts.Dates, name string) facts.Dates {
			if !d.From.IsZero() {
				d.From = d.From.AddDate(0, 0, -rapid.IntRange(0, 900).Draw(t, name+" earlier"))
			}
			if !d.To.IsZero() {
				d.To = d.To.AddDate(0, 0, rapid.IntRange(0, 900).Draw(t, name+" later"))
			}
			switch rapid.IntRange(0, 4).Draw(t, name+" opens") {
			case 0:
				d.From = time.Time{}
			case 1:
				d.To = time.Time{}
			}
			return d
		}
		less.Born, less.Event = wider(less.Born, "born"), wider(less.Event, "event")
		if rapid.Bool().Draw(t, "no sex") {
			less.Sex = ""
		}
		if rapid.Bool().Draw(t, "no place") {
			less.Places = nil
		}
		if rapid.Bool().Draw(t, "no mark") {
			less.Marks = nil
		}
		if r, no := Contradict(a, b); no {
			t.Fatalf("kept apart by %s: %v", r.Code, r.Days)
		}
		var x Index
		x.Put(a)
		x.Put(b)
		if x.Rank(a, b.ID) < 0 || x.Rank(b, a.ID) < 0 {
			t.Fatal("no candidates any more")
		}
	})
}

func TestOnlyWhatMustDifferExcludes(t *testing.T) {
	seeks := Doc{ID: "a", Side: Seeks, Report: true, Sex: "male", Born: oneDay(2003, 5, 1), Event: oneDay(2008, 3, 5), Places: in(t, "440106")}
	finds := func(change func(*Doc)) Doc {
		d := Doc{ID: "b", Side: Finds, Sex: "male", Born: facts.Dates{From: date(2002, 6, 1), To: date(2004, 6, 1)}, Event: oneDay(2011, 2, 3), Places: in(t, "440104")}
		change(&d)
		return d
	}
	for _, tc := range []struct {
		name   string
		change func(*Doc)
		want   string
	}{
		{"nothing differs", func(*Doc) {}, ""},
		{"the other sex", func(d *Doc) { d.Sex = "female" }, "sex"},
		{"five years younger", func(d *Doc) { d.Born = oneDay(2008, 5, 1) }, "born"},
		{"some months beside a guess", func(d *Doc) { d.Born = facts.Dates{From: date(2004, 1, 1), To: date(2006, 1, 1)} }, ""},
		{"found a year before it was lost", func(d *Doc) { d.Event = oneDay(2007, 3, 5) }, "before"},
		{"a memory of it a year off", func(d *Doc) { d.Event, d.Report = oneDay(2007, 3, 5), true }, ""},
		{"found before it was born", func(d *Doc) { d.Born, d.Event, d.Report = facts.Dates{}, facts.Dates{To: date(2001, 1, 1)}, true }, "before"},
		{"at the other end of the country", func(d *Doc) { d.Places = in(t, "650102") }, ""},
		{"with other marks", func(d *Doc) { d.Marks = []Mark{{Kind: 1, Part: 2}} }, ""},
	} {
		r, no := Contradict(seeks, finds(tc.change))
		if no != (tc.want != "") || r.Code != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, r.Code, tc.want)
		}
		if s, again := Contradict(finds(tc.change), seeks); again != no || s.Code != r.Code {
			t.Errorf("%s: turned round %q", tc.name, s.Code)
		}
	}
}

// marksOf are the marks of a text without their words.
func marksOf(text string) []Mark {
	f := facts.Read(text, date(2011, 1, 1), facts.Context{})
	var out []Mark
	for _, m := range Marks(f, text) {
		m.Words = ""
		out = append(out, m)
	}
	return out
}

func TestMarksInOtherWordsAreOneMark(t *testing.T) {
	for _, same := range [][]string{
		{"左耳后有红色胎记", "左边耳朵背后一块红胎记", "左耳朵后面有硬币大的暗红色胎记", "左耳後有紅色胎記", "a red birthmark behind the left ear"},
		{"额头上有疤", "前额一道疤痕", "脑门有约两厘米长的伤疤", "a scar on the forehead"},
		{"右膝盖烫伤的疤痕", "右膝处有开水烫伤留下的疤", "a burn scar on the right knee"},
		{"右手六指", "右手有六个手指"},
		{"笑起来有酒窝", "两个酒窝", "has dimples"},
		{"走路左脚跛", "左腿瘸"},
		{"背上有手掌大的青色胎记", "后背巴掌大一块青胎记"},
	} {
		want := marksOf(same[0])
		if len(want) != 1 {
			t.Errorf("%s: %v", same[0], want)
		}
		for _, s := range same[1:] {
			if d := cmp.Diff(want, marksOf(s)); d != "" {
				t.Errorf("%s and %s:\n%s", same[0], s, d)
			}
		}
	}
}

func TestMarksAreNotSeenWhereThereAreNone(t *testing.T) {
	for _, s := range []string{"", "无疤痕", "身上没有胎记", "他记得家在山里，有一条河", "穿红色上衣，背着书包", "联系人张记者，登记在案", "手机号码不记得"} {
		if m := marksOf(s); len(m) > 0 {
			t.Errorf("%s: %v", s, m)
		}
	}
	if m := marksOf("左脸有痣，右腿有疤，双眼皮"); len(m) != 3 {
		t.Errorf("three marks are %v", m)
	}
}

func TestNoWordMeansTwoThings(t *testing.T) {
	for _, list := range vocabulary() {
		for i := 1; i < len(list); i++ {
			if slices.Equal(list[i].runes, list[i-1].runes) {
				t.Errorf("%s is %+v and %+v", string(list[i].runes), list[i-1].meaning, list[i].meaning)
			}
		}
	}
}

// crowd is an index of many children that have little to do with one another.
func crowd(t testing.TB) *Index {
	t.Helper()
	var x Index
	r := rand.New(rand.NewPCG(1, 2))
	codes := []string{"440106", "440104", "440304", "510105", "510107", "110102", "110105", "650102", "350582", "350583", "420106", "430102", "610102", "370102"}
	for i := range 2000 {
		born := date(1995, 1, 1).AddDate(0, 0, r.IntN(4000))
		d := Doc{ID: fmt.Sprintf("x%04d", i), Side: Finds, Sex: []string{"male", "female"}[r.IntN(2)], Born: facts.Dates{From: born, To: born.AddDate(2, 0, 0)},
			Event: facts.Dates{From: born.AddDate(8, 0, 0), To: born.AddDate(8, 0, 1)}, Places: in(t, codes[r.IntN(len(codes))])}
		if i%2 == 0 {
			d.Marks = []Mark{{Kind: 2, Part: concept(1 + r.IntN(5)), Hand: 'l'}}
		}
		if i%10 == 0 {
			d.Keys = []string{"the office's"}
		}
		x.Put(d)
	}
	return &x
}

func TestTheRarerAgreementComesFirst(t *testing.T) {
	seeks := Doc{ID: "a", Side: Seeks, Report: true, Sex: "male", Born: oneDay(2000, 5, 1), Event: oneDay(2005, 3, 5), Places: in(t, "440106"),
		Marks: []Mark{{Kind: 1, Part: 11, Hand: 'l', Colour: 'r'}, {Kind: 2, Part: 1, Hand: 'l'}}, Keys: []string{"the family's", "the office's"}, Wears: []Wear{{Garment: 1, Colour: 'r'}}}
	base := Doc{Side: Finds, Sex: "male", Born: facts.Dates{From: date(1999, 1, 1), To: date(2002, 1, 1)}, Event: oneDay(2009, 8, 1), Places: in(t, "650102"), Marks: []Mark{{Kind: 3, Part: 25}}}
	with := func(id string, change func(*Doc)) Doc {
		d := base
		d.ID = id
		change(&d)
		return d
	}
	for _, tc := range [][2]Doc{
		{with("the same number", func(d *Doc) { d.Keys = []string{"the family's"} }), with("that of an office", func(d *Doc) { d.Keys = []string{"the office's"} })},
		{with("a rare mark", func(d *Doc) { d.Marks = seeks.Marks[:1] }), with("a common mark", func(d *Doc) { d.Marks = seeks.Marks[1:] })},
		{with("a mark of the same colour", func(d *Doc) { d.Marks = seeks.Marks[:1] }), with("of another", func(d *Doc) { d.Marks = []Mark{{Kind: 1, Part: 11, Hand: 'l', Colour: 'k'}} })},
		{with("on the same side", func(d *Doc) { d.Marks = seeks.Marks[:1] }), with("on the other", func(d *Doc) { d.Marks = []Mark{{Kind: 1, Part: 11, Hand: 'r'}} })},
		{with("both marks", func(d *Doc) { d.Marks = seeks.Marks }), with("one of two", func(d *Doc) { d.Marks = seeks.Marks[:1] })},
		{with("the county", func(d *Doc) { d.Places = in(t, "440106") }), with("the prefecture", func(d *Doc) { d.Places = in(t, "440104") })},
		{with("the prefecture", func(d *Doc) { d.Places = in(t, "440104") }), with("the province", func(d *Doc) { d.Places = in(t, "440304") })},
		{with("the province", func(d *Doc) { d.Places = in(t, "440304") }), with("far away", func(d *Doc) {})},
		{with("near, in another province", func(d *Doc) { d.Places = in(t, "450103") }), with("far away", func(d *Doc) {})},
		{with("a birth to the month", func(d *Doc) { d.Born = facts.Dates{From: date(2000, 5, 1), To: date(2000, 6, 1)} }), with("to three years", func(d *Doc) {})},
		{with("two days later", func(d *Doc) { d.Event = oneDay(2005, 3, 7) }), with("years later", func(d *Doc) {})},
		{with("in the same clothes next day", func(d *Doc) { d.Event, d.Wears = oneDay(2005, 3, 6), seeks.Wears }), with("in others", func(d *Doc) { d.Event, d.Wears = oneDay(2005, 3, 6), []Wear{{Garment: 2, Colour: 'k'}} })},
		{with("speaks as at home", func(d *Doc) { d.Homes = in(t, "440000") }), with("speaks otherwise", func(d *Doc) { d.Homes = in(t, "650000") })},
		{with("sex known", func(d *Doc) {}), with("sex not known", func(d *Doc) { d.Sex = "" })},
	} {
		x := crowd(t)
		x.Put(seeks)
		x.Put(tc[0])
		x.Put(tc[1])
		first, second := x.Rank(seeks, tc[0].ID), x.Rank(seeks, tc[1].ID)
		if first < 0 || second < 0 || first >= second {
			t.Errorf("%s is at %d, %s at %d", tc[0].ID, first, tc[1].ID, second)
		}
	}
}

func TestAnIndexAnswersAlikeInWhateverOrderItWasFilled(t *testing.T) {
	a := crowd(t)
	var docs []Doc
	b := &Index{}
	r := rand.New(rand.NewPCG(3, 4))
	// Rebuilt with detours: some put twice, some taken out again.
	x := crowd(t)
	for i := range 2000 {
		docs = append(docs, Doc{ID: fmt.Sprintf("x%04d", i)})
	}
	r.Shuffle(len(docs), func(i, j int) { docs[i], docs[j] = docs[j], docs[i] })
	for _, d := range docs {
		x.Remove(d.ID)
	}
	if x.Len() != 0 {
		t.Fatalf("%d left", x.Len())
	}
	b = crowd(t)
	for i := range 300 {
		b.Put(Doc{ID: fmt.Sprintf("y%d", i), Side: Finds, Sex: "male", Places: in(t, "440106"), Marks: []Mark{{Kind: 5, Part: 3}}, Keys: []string{"k"}, Wears: []Wear{{Garment: 2}}, Born: oneDay(2000, 1, 1), Event: oneDay(2009, 1, 1)})
	}
	for i := range 300 {
		b.Remove(fmt.Sprintf("y%d", 299-i))
	}
	q := Doc{ID: "q", Side: Seeks, Report: true, Sex: "male", Born: oneDay(2000, 5, 1), Event: oneDay(2005, 3, 5), Places: in(t, "440106"), Marks: []Mark{{Kind: 2, Part: 1, Hand: 'l'}}}
	if d := cmp.Diff(a.Candidates(q, 20), b.Candidates(q, 20)); d != "" {
		t.Error(d)
	}
	b.Remove("not there")
}

func TestPostsAreNotPairedWithPosts(t *testing.T) {
	var x Index
	x.Put(Doc{ID: "plea", Side: Seeks})
	x.Put(Doc{ID: "sighting", Side: Finds})
	if c := x.Candidates(Doc{ID: "plea", Side: Seeks}, 20); len(c) > 0 {
		t.Error(c)
	}
	if c := x.Candidates(Doc{ID: "report", Side: Seeks, Report: true}, 20); len(c) != 1 || c[0].ID != "sighting" {
		t.Error(c)
	}
}

func TestATextOfALossSeeksAndAnyOtherFinds(t *testing.T) {
	read := func(kind, text string) Doc {
		f := facts.Read(text, date(2011, 3, 1), facts.Context{Kind: kind, Key: []byte("key")})
		return FromFacts("p", f, text, kind, date(2011, 3, 1))
	}
	n := read("notice", "公告：男童，2011年2月3日在广州市越秀区火车站捡拾，约7岁，左边耳朵背后有胎记，能说出一个电话139 0000 0000")
	if n.Side != Finds || n.Report || !n.Close || n.Event.String() != "2011-02-03" || n.Places[0].Code != "440104" || len(n.Keys) != 1 || len(n.Marks) != 1 {
		t.Errorf("%+v", n)
	}
	plea := read("post", "寻子：2008年3月5日在广州天河区走失，男，5岁，左耳后有胎记，电话139-0000-0000")
	if plea.Side != Seeks || plea.Event.String() != "2008-03-05" || !slices.Equal(plea.Keys, n.Keys) || len(plea.Marks) != 1 || plea.Marks[0].Kind != n.Marks[0].Kind {
		t.Errorf("%+v", plea)
	}
	// Whoever only passes by was there all the same, and what has no day was before it was written.
	d := read("post", "路过广州天河区，有个约六岁的男孩在乞讨")
	if d.Side != Finds || len(d.Places) != 1 || d.Places[0].Code != "440106" || !d.Event.From.IsZero() || d.Event.To.After(date(2011, 3, 2)) {
		t.Errorf("%+v", d)
	}
	// The birthday that a home gave leaves open how much older the child is.
	d = read("notice", "公告：女，2010年5月2日在福利院门口捡拾，出生日期暂定2010年5月1日")
	if !d.Given || !d.Born.From.IsZero() || d.Born.To.IsZero() {
		t.Errorf("%+v", d)
	}
}

func TestAPairIsExplained(t *testing.T) {
	a := Doc{ID: "a", Side: Seeks, Report: true, Sex: "male", Born: oneDay(2003, 5, 1), Event: oneDay(2008, 3, 5), Places: in(t, "440106"), Marks: []Mark{{Kind: 1, Part: 11, Hand: 'l', Words: "左耳后胎记"}}, Keys: []string{"k"}}
	b := Doc{ID: "b", Side: Finds, Sex: "male", Born: facts.Dates{From: date(2002, 1, 1), To: date(2005, 1, 1)}, Event: oneDay(2011, 2, 3), Places: in(t, "440104"), Marks: []Mark{{Kind: 1, Part: 11, Hand: 'l', Words: "左耳朵后面一块记"}}, Keys: []string{"k"}}
	codes := func(a, b Doc) string {
		var out []string
		for _, r := range Explain(a, b) {
			out = append(out, fmt.Sprintf("%d%s", r.Stands, r.Code))
		}
		return strings.Join(out, " ")
	}
	if got, want := codes(a, b), "0phone 0mark 0sameprefecture 0bornmeet 0after 0male"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	c := Doc{ID: "c", Side: Finds, Places: in(t, "650102"), Homes: in(t, "650000"), Marks: []Mark{{Kind: 1, Part: 11, Hand: 'r'}}}
	if got, want := codes(c, a), "1hand 1far 1otherhome 2noborn 2notime 2nosex"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestEveryReasonIsListed(t *testing.T) {
	source, err := os.ReadFile("reason.go")
	if err != nil {
		t.Fatal(err)
	}
	more, err := os.ReadFile("pair.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`Reason\{Code: "(\w+)"`).FindAllStringSubmatch(string(source)+string(more), -1) {
		if code := m[1]; code != "side" && !slices.Contains(Reasons(), code) {
			t.Errorf("%s is not listed", code)
		}
	}
}

func BenchmarkCandidates(b *testing.B) {
	x := crowd(b)
	q := Doc{ID: "q", Side: Seeks, Report: true, Sex: "male", Born: oneDay(2000, 5, 1), Event: oneDay(2005, 3, 5), Places: in(b, "440106"), Marks: []Mark{{Kind: 2, Part: 1, Hand: 'l'}}}
	for b.Loop() {
		x.Candidates(q, 20)
	}
}

func FuzzMarks(f *testing.F) {
	for _, s := range []string{"左耳后有红色胎记，右膝疤", "a scar on the left knee", "记", "左左左", "\xff胎记", "无"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, m := range Marks(facts.Read(s, date(2011, 1, 1), facts.Context{}), s) {
			if m.Kind == 0 && m.Part == 0 || !strings.Contains(s, m.Words) {
				t.Errorf("%+v", m)
			}
		}
	})
}
