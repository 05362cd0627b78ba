package facts

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var posted = time.Date(2011, 1, 25, 10, 0, 0, 0, zone)

// brief writes facts in one line each, without grades.
func brief(text string, f Facts) []string {
	var out []string
	for _, p := range f.Places {
		sure := ""
		if p.Grade < Sure {
			sure = "?"
		}
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s%s %s%s %s", p.Code, sure, p.Name, strings.TrimSuffix(" "+string(p.Role), " "), "["+p.Words.In(text)+"]")))
	}
	for _, m := range f.Moments {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s [%s]", m.From.Format("2006-01-02T15"), m.To.Format("2006-01-02T15"), m.Role, m.Words.In(text))))
	}
	for _, a := range f.Ages {
		out = append(out, fmt.Sprintf("%d-%d months on %s [%s]", a.Min, a.Max, a.At, a.Words.In(text)))
	}
	if f.Sex != "" {
		out = append(out, f.Sex+" ["+f.SexAt.In(text)+"]")
	}
	if f.Height.Max > 0 {
		out = append(out, fmt.Sprintf("%d-%d cm [%s]", f.Height.Min, f.Height.Max, f.Height.Words.In(text)))
	}
	for _, n := range f.Notes {
		out = append(out, n.Kind+" ["+n.Words.In(text)+"]")
	}
	for _, m := range f.Masked {
		out = append(out, m.Kind+" ["+m.Words.In(text)+"]")
	}
	return out
}

func TestReadSaysWhatTheWordsSay(t *testing.T) {
	for _, tc := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{"昨天下午3点，广州天河岗顶天桥，男孩，约5岁", []string{
			"440106 天河区 seen [广州天河岗顶]", "2011-01-24T14 2011-01-24T16 seen [昨天下午3点]", "48-83 months on 2011-01-24 [5岁]", "male [男孩]"}},
		{"廣州市天河區石牌橋附近，看到一個小女孩乞討，大約七八歲，穿紅色外套", []string{
			"440106 天河区 seen [廣州市天河區石牌橋]", "60-131 months on 2011-01-25 [七八歲]", "female [小女孩]", "clothes [穿紅色外套]"}},
		{"儿子2008年3月5日在湖南省娄底市新化县石冲口镇走失，走失时4岁，身高105厘米，左眉有黑痣，联系电话13800138000", []string{
			"431322 新化县 lost [湖南省娄底市新化县石冲口镇]", "2008-03-05T00 2008-03-06T00 lost [2008年3月5日]", "36-59 months on 2008-03-05 [4岁]", "male [儿子]",
			"99-111 cm [105厘米]", "mark [左眉有黑痣]", "phone [13800138000]"}},
		{"老家四川凉山，在北京西站乞讨，女孩，六七岁", []string{
			"110000 北京市 seen [北京西站]", "513400 凉山彝族自治州 from [四川凉山]", "72-95 months on 2011-01-25 [六七岁]", "female [女孩]"}},
		{"去年腊月廿三在襄樊走丢，虚岁6岁", []string{"420600 襄樊市 lost [襄樊]", "2010-02-06T00 2010-02-07T00 lost [去年腊月廿三]", "48-71 months on 2010-02-06 [虚岁6岁]"}},
		{"Yesterday afternoon at 3pm, Tianhe District, Guangzhou: a boy begging, about 5 years old.", []string{
			"440106 天河区 seen [Tianhe District, Guangzhou]", "2011-01-24T14 2011-01-24T16 seen [Yesterday afternoon at 3pm]", "48-83 months on 2011-01-24 [5 years old]", "male [boy]"}},
		{"My daughter went missing from Chengdu, Sichuan on May 12, 2008, aged 3.", []string{
			"510100 成都市 lost [Chengdu, Sichuan]", "2008-05-12T00 2008-05-13T00 lost [May 12, 2008]", "24-47 months on 2008-05-12 [aged 3]", "female [daughter]"}},
		{"淮阴县走失男孩，1989年7月", []string{"320821 淮阴县 lost [淮阴县]", "1989-07-01T00 1989-08-01T00 lost [1989年7月]", "male [男孩]"}},
		{"商城门口一个男孩跪着要钱，车牌粤A12345", []string{"male [男孩]", "plate [粤A12345]"}},
		{"寻女：2009年6月在成都市武侯区走失", []string{"510107 武侯区 lost [成都市武侯区]", "2009-06-01T00 2009-07-01T00 lost [2009年6月]", "female [寻女]"}},
		{"他穿着女孩的衣服，其实是男孩", []string{"male [男孩]"}},
		{"兰州拉面馆门口，人民公园，北京路", nil},
		{"一个妇女带着男孩和女孩", nil},
	} {
		if d := cmp.Diff(tc.want, brief(tc.text, Read(tc.text, posted, Context{Kind: "post"}))); d != "" {
			t.Errorf("%s: want, got:\n%s", tc.text, d)
		}
	}
}

func TestSharedNameStaysOpenUntilSomethingDecides(t *testing.T) {
	const shared = "在鼓楼区看到一个男孩乞讨"
	open := Read(shared, posted, Context{})
	if len(open.Places) != 4 {
		t.Errorf("%d candidates, want 4", len(open.Places))
	}
	for _, p := range open.Places {
		if p.Grade >= 0.5 {
			t.Errorf("%s has grade %.2f of four", p.Code, p.Grade)
		}
	}
	for name, f := range map[string]Facts{
		"another place": Read(shared+"，南京", posted, Context{}),
		"its source":    Read(shared, posted, Context{Place: "江苏南京"}),
		"words beside":  Read("在南京市鼓楼区看到一个男孩乞讨", posted, Context{}),
	} {
		if len(f.Places) == 0 || f.Places[0].Code != "320106" || f.Places[0].Grade < 0.85 {
			t.Errorf("%s does not decide: %+v", name, f.Places)
		}
	}
}

func TestWithoutTheDayOfThePostNothingIsRelative(t *testing.T) {
	f := Read("昨天在广州看到，3月5日走失，2008年5月出生", time.Time{}, Context{})
	if len(f.Moments) != 1 || f.Moments[0].Role != From {
		t.Errorf("moments %v", f.Moments)
	}
}

func TestOneNumberWrittenInTwoWaysHasOneKey(t *testing.T) {
	key := []byte("0123456789abcdef")
	a := Read("电话138-0013-8000", posted, Context{Key: key}).Masked
	b := Read("请打一三八零零一三八零零零", posted, Context{Key: key}).Masked
	c := Read("电话13800138000", posted, Context{Key: []byte("another key")}).Masked
	if len(a) != 1 || len(b) != 1 || len(c) != 1 || a[0].Key != b[0].Key || a[0].Key == c[0].Key || a[0].Key == "" {
		t.Errorf("keys %v %v %v", a, b, c)
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{
		"", "😀👨‍👩‍👧", "\u202e昨天\u202c在广州", "0年0月0日 9999年99月99日 0000-00-00", "\xff\xfe广州", strings.Repeat("鼓楼区", 12), "去年闰月三十 农历1949年正月", "123456789012345678901234567890",
		"1.2.3.4.5", "年月日岁点分", "一二三四五六七八九十百千", "a year ago 99999 years ago", "身高米", "虚岁", "30岁", "周", "上周末", "3月3月3月", "Xi'an’s", "2011年2月30日", "24点 晚上12点半", "前后左右",
	} {
		f.Add(s, int64(1295920800))
		f.Add(s, int64(-62135596800))
		f.Add(s, int64(253402214400))
	}
	f.Fuzz(func(t *testing.T, s string, at int64) {
		got := Read(s, time.Unix(at%253402214400, 0), Context{Kind: "post", Place: "广州"})
		check := func(p Span) {
			if p.From < 0 || p.To > len(s) || p.From > p.To || utf8.ValidString(s) && !utf8.ValidString(s[p.From:p.To]) {
				t.Fatalf("%q: words %v", s, p)
			}
		}
		for _, p := range got.Places {
			check(p.Words)
			if p.Grade < 0 || p.Grade > 1 {
				t.Fatalf("%q: grade %f", s, p.Grade)
			}
		}
		for _, m := range got.Moments {
			check(m.Words)
			if !m.To.After(m.From) {
				t.Fatalf("%q: empty time %s", s, m.Dates)
			}
		}
		for _, a := range got.Ages {
			check(a.Words)
			if a.Min < 0 || a.Max < a.Min {
				t.Fatalf("%q: age %d to %d", s, a.Min, a.Max)
			}
		}
		for _, n := range got.Notes {
			check(n.Words)
		}
	})
}
