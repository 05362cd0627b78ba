package search

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func china(y, m, d int) time.Time {
	return time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.FixedZone("", 8*3600))
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want Query
	}{
		{"", And{}},
		{" 　\n", And{}},
		{"张三", Text("张三")},
		{"张三 泉州", And{Text("张三"), Text("泉州")}},
		{"张三　泉州", And{Text("张三"), Text("泉州")}},
		{`"张三 在 泉州"`, Text("张三 在 泉州")},
		{"“左脸 胎记”", Text("左脸 胎记")},
		{"「左脸 胎记」男孩", And{Text("左脸 胎记"), Text("男孩")}},
		{"-男孩", Not{Text("男孩")}},
		{"－男孩", Not{Text("男孩")}},
		{"泉州 －“男孩”", And{Text("泉州"), Not{Text("男孩")}}},
		{`"泉州"-男孩`, And{Text("泉州"), Not{Text("男孩")}}},
		{"--a", Not{Not{Text("a")}}},
		{"a-b", Text("a-b")},
		{"a - b", And{Text("a"), Text("b")}},
		{"a ~ ！ b", And{Text("a"), Text("b")}},
		{"a or b", Or{Text("a"), Text("b")}},
		{"a OR b", Or{Text("a"), Text("b")}},
		{"a ｏｒ b", Or{Text("a"), Text("b")}},
		{"a 或 b", Or{Text("a"), Text("b")}},
		{"泉州或晋江", Or{Text("泉州"), Text("晋江")}},
		{"泉州或者晋江或是石狮", Or{Text("泉州"), Text("晋江"), Text("石狮")}},
		{"（泉州）或（晋江）", Or{Text("泉州"), Text("晋江")}},
		{"或许 他或许在 或多或少", And{Text("或许"), Text("他或许在"), Text("或多或少")}},
		{"或晋江", Text("或晋江")},
		{`"泉州或晋江"`, Text("泉州或晋江")},
		{"-or", Not{Text("or")}},
		{"order for", And{Text("order"), Text("for")}},
		{"a b or c d", Or{And{Text("a"), Text("b")}, And{Text("c"), Text("d")}}},
		{"a (b or c) d", And{Text("a"), Or{Text("b"), Text("c")}, Text("d")}},
		{"a（b或c）d", And{Text("a"), Or{Text("b"), Text("c")}, Text("d")}},
		{"(a b) (c (d))", And{Text("a"), Text("b"), Text("c"), Text("d")}},
		{"(a or b) or c", Or{Text("a"), Text("b"), Text("c")}},
		{"a or !!!", Text("a")},
		{"-(a b)", Not{And{Text("a"), Text("b")}}},
		{"-(a) -(!!)", Not{Text("a")}},
		{"place:泉州", Within{"泉州", []string{"350500"}}},
		{"地点：泉州", Within{"泉州", []string{"350500"}}},
		{"地点： 泉州", Within{"泉州", []string{"350500"}}},
		{"男孩地点:泉州", And{Text("男孩"), Within{"泉州", []string{"350500"}}}},
		{"地点:泉州性别:女", And{Within{"泉州", []string{"350500"}}, Sex("f")}},
		{"性别：女3岁", And{Sex("f"), Text("3岁")}},
		{"性别:女３岁 红衣", And{Sex("f"), Text("３岁"), Text("红衣")}},
		{"有:照片2张", And{HasPhoto{}, Text("2张")}},
		{"来源:微博类型:公告", And{Source("微博"), Kind(KindNotice)}},
		{"source:http://a.example/x:1", Source("http://a.example/x:1")},
		{"地点:\"泉州性别:女\"", Place("泉州性别:女")},
		{"男孩place:泉州", And{Text("男孩"), Within{"泉州", []string{"350500"}}}},
		{`PLACE:"福建 泉州"`, Place("福建 泉州")},
		{"source:weibo 来源:“街拍 组”", And{Source("weibo"), Source("街拍 组")}},
		{"status:open状态", Status("open状态")},
		{"kind:post 类型：登记 类型:公告", And{Kind("post"), Kind("report"), Kind("notice")}},
		{"has:photo", HasPhoto{}},
		{"-有：照片", Not{HasPhoto{}}},
		{"日期:2011男孩", And{Date{china(2011, 1, 1), china(2012, 1, 1)}, Text("男孩")}},
		{"date:2011-01-25", Date{china(2011, 1, 25), china(2011, 1, 26)}},
		{"date:2011-1", Date{china(2011, 1, 1), china(2011, 2, 1)}},
		{"日期：２０１１年１月２５日", Date{china(2011, 1, 25), china(2011, 1, 26)}},
		{"date:2011-01-25..2011-02-10", Date{china(2011, 1, 25), china(2011, 2, 11)}},
		{"date:2011.1.25～2011/2", Date{china(2011, 1, 25), china(2011, 3, 1)}},
		{"日期:2011年1月至2012年", Date{china(2011, 1, 1), china(2013, 1, 1)}},
		{"date:2011-01-25..", Date{From: china(2011, 1, 25)}},
		{"date:..2011-01-25", Date{To: china(2011, 1, 26)}},
		{"date:2012-02-29", Date{china(2012, 2, 29), china(2012, 3, 1)}},
		{"place:福建泉", Place("福建泉")},
		{"地点：朝阳", Within{"朝阳", []string{"211300", "110105"}}},
		{"地点:晋江男孩", Place("晋江男孩")},
		{"place:JINJIANG 男孩", And{Within{"JINJIANG", []string{"350582"}}, Text("男孩")}},
		{"place:“Jinjiang　City”", Within{"Jinjiang　City", []string{"350582"}}},
		{"place:３５０５８２", Within{"３５０５８２", []string{"350582"}}},
		{"near:晋江,10km", Near{"晋江", 10, []string{"350582"}, []string{"350500", "350503", "350582"}}},
		{"附近：晋江，10公里 男孩", And{Near{"晋江", 10, []string{"350582"}, []string{"350500", "350503", "350582"}}, Text("男孩")}},
		{"附近:晋江10千米", Near{"晋江", 10, []string{"350582"}, []string{"350500", "350503", "350582"}}},
		{`near:"Jinjiang City, 10"`, Near{"jinjiang city", 10, []string{"350582"}, []string{"350500", "350503", "350582"}}},
		{"near:辽宁", Near{"辽宁", 50, []string{"210000"}, []string{"210000", "211300"}}},
		{"near:350582,10km", Near{"350582", 10, []string{"350582"}, []string{"350500", "350503", "350582"}}},
		{"age:3", Age{36, 48}},
		{"年龄：３岁男孩", And{Age{36, 48}, Text("男孩")}},
		{"age:3..6", Age{36, 84}},
		{"age:3-6", Age{36, 84}},
		{"年龄:3到6周岁", Age{36, 84}},
		{"age:3～6", Age{36, 84}},
		{"age:..6", Age{0, 84}},
		{"age:0", Age{0, 12}},
		{"age:0..", Age{}},
		{"age:16..", Age{From: 192}},
		{"age:6m", Age{6, 7}},
		{"年龄:6个月", Age{6, 7}},
		{"年龄:6..18个月", Age{6, 19}},
		{"age:6months..2", Age{6, 36}},
		{"age:18m..", Age{From: 18}},
		{"age:149", Age{1788, 1800}},
		{"born:2006", Born{china(2006, 1, 1), china(2007, 1, 1)}},
		{"出生：2006至2008男孩", And{Born{china(2006, 1, 1), china(2009, 1, 1)}, Text("男孩")}},
		{"born:2006-05..", Born{From: china(2006, 5, 1)}},
		{"posted:2011-01-25 发布：2012", And{Posted{china(2011, 1, 25), china(2011, 1, 26)}, Posted{china(2012, 1, 1), china(2013, 1, 1)}}},
		{"sex:m 性别：女", And{Sex("m"), Sex("f")}},
		{"性别:男孩 sex:GIRL", And{Sex("m"), Sex("f")}},
		{"状态:进行中", Status("open")},
		{"10:30 https://example.org/a", And{Text("10:30"), Text("https://example.org/a")}},
		{"🙏", Text("🙏")},
	} {
		got, err := Parse(tt.in, country())
		if err != nil {
			t.Errorf("Parse(%q): %v", tt.in, err)
			continue
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("Parse(%q) (-want +got):\n%s", tt.in, d)
		}
		again, err := Parse(got.String(), country())
		if err != nil {
			t.Errorf("Parse(%q) of %q: %v", got.String(), tt.in, err)
		} else if d := cmp.Diff(got, again); d != "" {
			t.Errorf("%q reads back from %q otherwise:\n%s", tt.in, got.String(), d)
		}
	}
}

func TestParseErrorsNameTheCharacterInBothLanguages(t *testing.T) {
	for _, tt := range []struct {
		in     string
		offset int
		code   Code
		says   string // in English
	}{
		{`泉州 "男孩`, 3, QuoteNotClosed, "partner"},
		{"泉州 （男孩", 3, NotClosed, "not closed"},
		{"泉州）男孩", 2, NotOpened, "opening"},
		{"a ()", 2, GroupEmpty, "between"},
		{"或 男孩", 0, OrLeft, "Before"},
		{"a or or b", 5, OrLeft, "Before"},
		{"a (or b)", 3, OrLeft, "Before"},
		{"a or", 4, OrRight, "After"},
		{"(a or ) b", 6, OrRight, "After"},
		{"？！", 0, NothingToFind, "letter"},
		{"男孩 颜色:红", 3, FieldUnknown, "age, born, date, has, kind, near, place, posted, sex, source, status"},
		{"远:泉州", 0, FieldUnknown, "远"},
		{"a plcae:泉州", 2, FieldUnknown, "Did you mean “place”?"},
		{"姓别:男", 0, FieldUnknown, "Did you mean “性别”?"},
		{"时间:2011", 0, FieldUnknown, "Did you mean “date”?"},
		{"sex:gril", 4, ValueUnknown, "Did you mean “girl”?"},
		{"性别:女孩子", 5, ValueGlued, "Is it “sex:女孩”? Then put a space before “子”."},
		{"类型:登记女孩", 5, ValueGlued, "“女孩”"},
		{`性别:"女3岁"`, 3, ValueUnknown, "女3岁"},
		{"男\x07孩", 1, Unprintable, "U+0007"},
		{"a\u0085b \x7f", 4, Unprintable, "U+007F"},
		{"near:泉洲,50km", 5, PlaceUnknown, "泉洲"},
		{"near:,50km", 5, PlaceUnknown, ""},
		{"near:泉州,0km", 5, DistanceBad, "1 to 500"},
		{"附近:泉州，501公里", 3, DistanceBad, "1 to 500"},
		{"near:", 5, ValueMissing, "near"},
		{strings.Repeat("near:泉州 ", 11), 80, TooManyTerms, "200"},
		{"age:三", 4, AgeBad, "三"},
		{"age:3d", 4, AgeBad, "3d"},
		{"age:150", 4, AgeBad, "150"},
		{"age:99999", 4, AgeBad, "99999"},
		{"age:..", 4, ValueMissing, "age"},
		{"男 age:6..3", 6, AgeReversed, "6"},
		{"born:soon", 5, DateBad, "soon"},
		{"born:2008..2006", 5, DateReversed, "2008"},
		{"born:..", 5, ValueMissing, "born"},
		{"sex:x", 4, ValueUnknown, "boy, f, female"},
		{"没有:照片", 0, FieldUnknown, "没有"},
		{"place:", 6, ValueMissing, "place"},
		{"地点:（泉州）", 3, ValueMissing, "place"},
		{`source:"!"`, 7, ValueMissing, "source"},
		{"kind:human", 5, ValueUnknown, "notice, post, report"},
		{"有:声音", 2, ValueUnknown, "photo"},
		{"date:2011-02-30", 5, DateBad, "2011-02-30"},
		{"date:2011-13", 5, DateBad, "2011-13"},
		{"date:soon", 5, DateBad, "soon"},
		{"date:20110125", 5, DateBad, "20110125"},
		{"date:..", 5, ValueMissing, "date"},
		{"a date:2012..2011", 7, DateReversed, "2012"},
		{strings.Repeat("a", 2001), 2000, TooLong, "2000"},
		{strings.Repeat("a ", 10000), 2000, TooLong, "2000"},
		{strings.Repeat("a ", 201), 400, TooManyTerms, "200"},
		{strings.Repeat("(", 13) + "a" + strings.Repeat(")", 13), 13, TooDeep, "12"},
		{strings.Repeat("-", 1999) + "a", 12, TooDeep, "12"},
		{strings.Repeat("a-b ", 400) + "c", 800, TooManyTerms, "200"},
	} {
		_, err := Parse(tt.in, country())
		var pe *ParseError
		if !errors.As(err, &pe) {
			t.Errorf("Parse(%.40q) = %v, want a ParseError", tt.in, err)
			continue
		}
		if pe.Offset != tt.offset || pe.Code != tt.code {
			t.Errorf("Parse(%.40q): %s at %d, want %s at %d", tt.in, pe.Code, pe.Offset, tt.code, tt.offset)
		}
		en, zh := pe.Message("en"), pe.Message("zh-CN")
		if !strings.Contains(en, tt.says) {
			t.Errorf("Parse(%.40q): %q does not say %q", tt.in, en, tt.says)
		}
		if strings.ContainsAny(en+zh, "{}") || !strings.Contains(zh, "。") {
			t.Errorf("Parse(%.40q): %q, %q", tt.in, en, zh)
		}
	}
}

func TestChineseErrorsNameChineseFields(t *testing.T) {
	_, err := Parse("颜色:红", nil)
	if got := err.(*ParseError).Message("zh"); !strings.Contains(got, "可用的字段：出生、发布、地点、年龄、性别、日期、有、来源、状态、类型、附近") {
		t.Error(got)
	}
	_, err = Parse("kind:人", nil)
	if got := err.(*ParseError).Message("zh"); got != "“类型：”不能是“人”。可以是：公告、帖子、登记。" {
		t.Error(got)
	}
}

func TestWhatIsSavedCanBeReadAgainHoweverLong(t *testing.T) {
	// Each 或 grows by three characters in the canonical form.
	if q, err := Parse(strings.Repeat("寻找孩子地点泉州天安门或", 166)+"子", nil); err == nil {
		if _, err := Parse(q.String(), nil); err != nil {
			t.Error(err)
		}
	} else if err.(*ParseError).Code != TooLong {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`男孩 -"左脸 胎记" (泉州 或 晋江)`, "地点：泉州日期:2011-01-25..", "a or -(b --c)", "有:照片 类型:登记", "他或许在或多或少",
		"kind:post status:“open”", "10:30 http://a/b", "--－（x）", "date:2011年1月至2012年", "\u200b-\x00\"\xff\"", "or or or", "source:\"a\u034fb\"",
		"附近：“Quanzhou City，50公里”年龄:6..18个月", "born:2006..2008 sex:男 place:朝阳", "age:3-6岁 near:350500", "地点:泉州性别:女3岁来源:a类型:公告", "性别:女孩子", "near:\"a\u2033,3\"",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := Parse(s, country())
		if err != nil {
			e := err.(*ParseError)
			if e.Offset < 0 || e.Offset > len([]rune(s)) || e.Message("zh") == "" {
				t.Errorf("Parse(%q): %#v", s, e)
			}
			return
		}
		again, err := Parse(q.String(), country())
		if err != nil {
			t.Fatalf("Parse(%q) gives %q, which is refused: %v", s, q, err)
		}
		if d := cmp.Diff(q, again); d != "" {
			t.Errorf("Parse(%q) gives %q, which reads otherwise:\n%s", s, q, d)
		}
	})
}
