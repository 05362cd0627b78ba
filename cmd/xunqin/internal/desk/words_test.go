package desk

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/pipeline/facts"
	"xunqin/pipeline/record"
	"xunqin/pipeline/redact"
)

// pageIn is a page without a request, for what only writes.
func pageIn(t testing.TB, lang string) *Page {
	t.Helper()
	texts, err := locale.Load()
	if err != nil {
		t.Fatal(err)
	}
	return &Page{s: &Server{Texts: texts}, Lang: lang}
}

// A text with its marks, the marks taken away, is the text as the person may read it, and neither marks nor words tell what is
// hidden.
func TestMarksNeitherChangeNorTellATextsSecrets(t *testing.T) {
	pages := []*Page{pageIn(t, locale.Chinese), pageIn(t, locale.English)}
	secrets := []string{"13800138000", "一三八零零一三八零零零", "138 0013 8000", "440106200508121234", "粤A·12345", "微信 lily_2010", "天河路208号", "岗顶街道石牌村三组", "Apt 4B, 12 Market Road"}
	pieces := slices.Concat(secrets, []string{"昨天下午3点", "广州天河", "广州市天河区", "泉州", "鼓楼区", "在", "走失", "看到", "男孩", "女儿", "约5岁", "三四岁", "2005年3月12日出生", "身高105厘米", "左眉有黑痣", "穿红色外套",
		"，", "。", "\n", " ", "\u202e", "\u200b", "\xff", "电话", "车牌", "a boy about 5 years old", "Tianhe District, Guangzhou", "yesterday", "\U0001f466", "二零零五", "一三八", "0"})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 14).Draw(t, "text"), rapid.SampledFrom([]string{"", "，", " "}).Draw(t, "between"))
		f := facts.Read(text, time.Date(2011, 1, 25, 10, 0, 0, 0, china), facts.Context{Kind: "post"})
		if rapid.Bool().Draw(t, "of another text") {
			f.Move(rapid.IntRange(-9, 9).Draw(t, "by")) // as of a text that was edited meanwhile
		}
		view := redact.View{ShowContacts: rapid.Bool().Draw(t, "contacts"), ShowStreet: rapid.Bool().Draw(t, "street")}
		want := redact.Text(text, view)
		for _, p := range pages {
			read := p.read(text, f, view)
			if got := read.text(); got != want {
				t.Fatalf("%q: %q without marks, want %q", text, got, want)
			}
			for _, part := range read.Parts {
				if part.Kind != "" && (strings.Contains(part.Text, redact.Mask) || !strings.Contains(text, part.Text)) {
					t.Fatalf("%q: %q is marked as %s", text, part.Text, part.Kind)
				}
			}
			for _, s := range read.Facts {
				words := s.Words
				switch s.Kind {
				case "place", "time", "age", "sex", "height":
				default:
					words += "…" + s.Value
				}
				for w := range strings.SplitSeq(words, "…") {
					if !strings.Contains(want, w) {
						t.Fatalf("%q, shown as %q: the %s has the words %q", text, want, s.Kind, w)
					}
				}
			}
		}
	})
}

func TestFactsAreWrittenInBothLanguages(t *testing.T) {
	posted := time.Date(2011, 1, 25, 10, 0, 0, 0, china)
	for _, tc := range []struct {
		text   string
		zh, en []string
	}{
		{"昨天下午3点，广州天河岗顶天桥，男孩，约5岁，左眉有黑痣，身高105厘米", []string{
			"place 见到 广东省广州市天河区 sure [广州天河岗顶]", "time 见到 2011年1月24日 14:00–16:00 [昨天下午3点]", "age 4–6 岁（2011年1月24日） [5岁]", "sex 男 [男孩]", "height 99–111 厘米 [105厘米]", "mark 左眉有黑痣"}, []string{
			"place seen Tianhe District, Guangzhou City, Guangdong Province sure [广州天河岗顶]", "time seen 24 Jan 2011 14:00–16:00 [昨天下午3点]", "age 4–6 years (24 Jan 2011) [5岁]", "sex male [男孩]", "height 99–111 cm [105厘米]", "mark 左眉有黑痣"}},
		{"在鼓楼区看到", []string{"place 见到 河南省开封市鼓楼区 / 福建省福州市鼓楼区 / 江苏省徐州市鼓楼区 / 江苏省南京市鼓楼区 possible [鼓楼区]", "time", "age", "sex"}, nil},
		{"1989年7月淮阴县走失，1985年出生", []string{"place 走失 江苏省淮安市淮阴县（今 淮阴区） sure [淮阴县]", "time 走失 1989年7月 [1989年7月]", "age 1985年 出生 [1985年]", "sex"}, nil},
		{"五个月大的女婴", []string{"place", "time", "age 4–6 个月（2011年1月25日） [五个月大]", "sex 女 [女婴]"}, []string{"place", "time", "age 4–6 months (25 Jan 2011) [五个月大]", "sex female [女婴]"}},
		{"没有人知道", []string{"place", "time", "age", "sex"}, []string{"place", "time", "age", "sex"}},
	} {
		f := facts.Read(tc.text, posted, facts.Context{Kind: "post"})
		for lang, want := range map[string][]string{locale.Chinese: tc.zh, locale.English: tc.en} {
			var got []string
			for _, s := range pageIn(t, lang).read(tc.text, f, redact.View{ShowStreet: true}).Facts {
				words := ""
				if s.Words != "" {
					words = "[" + s.Words + "]"
				}
				role := ""
				if s.Role != "" {
					role = pageIn(t, lang).T("factrole." + s.Role)
				}
				got = append(got, strings.Join(strings.Fields(strings.Join([]string{s.Kind, role, s.Value, s.Grade, words}, " ")), " "))
			}
			if want != nil && !slices.Equal(got, want) {
				t.Errorf("%s:\n got %q\nwant %q", tc.text, got, want)
			}
		}
	}
}

// marks are the marked words on a page, with their kinds.
func marks(t *testing.T, page answer) []string {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page.body))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode || n.Data != "mark" {
			continue
		}
		for _, a := range n.Attr {
			if a.Key == "data-kind" {
				list = append(list, a.Val+" "+n.FirstChild.Data)
			}
		}
	}
	return list
}

func TestPagesShowWhatWordsSayAndMarkThem(t *testing.T) {
	c := newCase(t)
	c.person(t, "li", record.Volunteer)
	b := c.as(t, "li")
	source, err := c.Records.SourceNamed(t.Context(), nil, "Brunnen")
	if err != nil {
		t.Fatal(err)
	}
	_, ph := c.seedPost(t, source.ID, record.Post{Text: "昨天下午3点，广州市天河区天河路208号，男孩，约9岁，电话" + phone, PostedAt: c.clock().Add(-72 * time.Hour)}, jpg(draw(11), 65))
	l, err := c.Records.Lead(t.Context(), nil, c.lead)
	if err != nil {
		t.Fatal(err)
	}
	c.join(t, ph.ID, l.PictureID)
	want := []string{"时间 昨天下午3点", "地点 广州市天河区", "性别 男孩", "年龄 9岁"}
	for _, path := range []string{"/pictures/" + l.PictureID, "/leads/" + c.lead + "?copy=" + ph.ID} {
		page := b.get(path)
		got := marks(t, page)
		for _, m := range want {
			if !slices.Contains(got, m) {
				t.Errorf("%s marks %q, not %s", path, got, m)
			}
		}
		wants(t, path, page, http.StatusOK, []string{"广东省广州市天河区", "文中有 1 个号码或账号", "不详"}, []string{phone, "天河路208号"})
	}
	wants(t, "the compare page", b.get("/leads/"+c.lead+"?copy="+ph.ID), http.StatusOK,
		[]string{"相距", "孩子可能被带到那里", "晚于走失", "出生，"}, []string{"%"})
	wants(t, "the compare page in English", b.get("/leads/"+c.lead+"?lang=en&copy="+ph.ID), http.StatusOK,
		[]string{"a child can be brought that far", "after the loss", "may be", "Tianhe District, Guangzhou City"}, nil)
}

func TestWhatContradictsAReportSpeaksAgainstTheLead(t *testing.T) {
	c := newCase(t)
	c.person(t, "li", record.Volunteer)
	b := c.as(t, "li")
	source, err := c.Records.SourceNamed(t.Context(), nil, "Brunnen")
	if err != nil {
		t.Fatal(err)
	}
	_, ph := c.seedPost(t, source.ID, record.Post{Text: "2009年3月在泉州晋江市见到，一个大约20岁的男孩", PostedAt: c.clock().Add(-72 * time.Hour)}, jpg(draw(11), 65))
	l, err := c.Records.Lead(t.Context(), nil, c.lead)
	if err != nil {
		t.Fatal(err)
	}
	c.join(t, ph.ID, l.PictureID)
	page := b.get("/leads/" + c.lead)
	wants(t, "the lead", page, http.StatusOK, []string{"时间：2009年3月 见到，早于走失（2010年5月）。", "不会是同一个人。", "地点：都在晋江市。", "相矛盾", "支持"}, nil)
}

func TestWhoMayNotReadAReportLearnsTheYearOfBirthAtMost(t *testing.T) {
	birth := facts.Dates{From: time.Date(2003, 3, 12, 0, 0, 0, 0, china), To: time.Date(2003, 3, 13, 0, 0, 0, 0, china)}
	f := coarse(facts.Facts{Ages: []facts.AgeFact{{Birth: birth}}})
	if got := f.Born().String(); got != "2003-01-01/2003-12-31" {
		t.Errorf("born %s", got)
	}
	if open := coarse(facts.Facts{Ages: []facts.AgeFact{{Birth: facts.Dates{To: birth.To}}}}); open.Born().String() != "../2003-12-31" {
		t.Errorf("born %s", open.Born())
	}
	if v, _ := facts.MeetBirths(f.Born(), birth); v != facts.MayBeSame {
		t.Errorf("it does not meet the birth: %s", v)
	}
}
