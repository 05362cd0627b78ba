package search

import (
	"strings"
	"testing"
)

func TestComplete(t *testing.T) {
	for _, tt := range []struct {
		text string // with a | at the cursor
		lang string
		want string
	}{
		{"pl|", "en", "0 place:"},
		{"男孩 地|", "en", "3 地点:"},
		{"男孩地|", "zh", "2 地点:"},
		{"(-s|", "en", "2 sex: 2 source: 2 status:"},
		{"|", "zh", "0 出生: 0 发布: 0 地点: 0 年龄: 0 性别: 0 日期: 0 有: 0 来源: 0 状态: 0 类型: 0 附近:"},
		{"|", "en", "0 age: 0 born: 0 date: 0 has: 0 kind: 0 near: 0 place: 0 posted: 0 sex: 0 source: 0 status:"},
		{"xyz|", "en", ""},
		{"kind:|", "en", "5 notice 5 post 5 report"},
		{"类型：|", "zh", "3 公告 3 帖子 3 登记"},
		{"kind:r|", "zh", "5 report"},
		{"KIND:re|xyz", "zh", "5 report"},
		{"place:泉|", "zh", "6 福建省泉州市"},
		{"地点：jin|", "en", "3 福建省泉州市晋江市"},
		{`place:"quan|`, "en", "6 福建省泉州市"},
		{"near:泉|", "zh", "5 福建省泉州市,50km"},
		{"near:泉州,|", "zh", ""},
		{"地点:朝|", "zh", "3 辽宁省朝阳市 3 北京市朝阳区"},
		{"place:|", "zh", ""},
		{"place:“a” k|", "en", "10 kind:"},
		{`"pl|`, "en", ""},
		{"date:2|", "en", ""},
	} {
		before, after, _ := strings.Cut(tt.text, "|")
		var got []string
		cursor := len([]rune(before))
		for _, c := range Complete(before+after, cursor, tt.lang, country()) {
			if c.To != cursor {
				t.Errorf("%s: %+v does not end at the cursor", tt.text, c)
			}
			got = append(got, string(rune('0'+c.From%10))+" "+c.Text)
		}
		if s := strings.Join(got, " "); s != strings.ReplaceAll(tt.want, "10 ", "0 ") {
			t.Errorf("%s: %s, want %s", tt.text, s, tt.want)
		}
	}
}

// What is completed can be read.
func FuzzComplete(f *testing.F) {
	for _, s := range []string{"男孩地", "place:泉", "kind:“r", "-(sex:", "near:朝", "\xff:\"", "有"} {
		f.Add(s, 2)
	}
	f.Fuzz(func(t *testing.T, s string, cursor int) {
		for _, c := range Complete(s, cursor, "zh", country()) {
			if n := len([]rune(s)); c.From < 0 || c.From > c.To || c.To > n || c.Text == "" {
				t.Errorf("%q at %d: %+v", s, cursor, c)
			}
		}
	})
}

func TestExplain(t *testing.T) {
	for query, want := range map[string][2]string{
		"":                                    {"everything", "全部"},
		"男孩 -地点:泉州":                           {"the words “男孩” and not in Quanzhou City, Fujian Province", "含“男孩”，且不是：在福建省泉州市"},
		"place:泉洲湾":                           {"the words “泉洲湾” in the place (no division of that name)", "地点文字含“泉洲湾”（没有这个名称的行政区划）"},
		"place:朝阳":                            {"in Chaoyang City, Liaoning Province or Chaoyang District, Beijing", "在辽宁省朝阳市或北京市朝阳区"},
		"near:晋江,10km":                        {"within 10 km of Jinjiang City, Quanzhou City, Fujian Province", "距福建省泉州市晋江市 10 公里以内"},
		"age:3..6 or age:..6m":                {"perhaps aged 3 to 6 years or perhaps aged up to 6 months", "年龄可能为 3 至 6 岁，或年龄可能为 6 个月 以下"},
		"age:3 (age:4.. or sex:f)":            {"perhaps aged 3 years and (perhaps aged 4 years and more or a girl)", "年龄可能为 3 岁，且（年龄可能为 4 岁 以上，或女孩）"},
		"born:2006.. date:..2011":             {"perhaps born 2006-01-01 or later and perhaps of 2011-12-31 or earlier", "可能生于 2006-01-01 以后，且时间可能为 2011-12-31 以前"},
		"date:2011 kind:post sex:m has:photo": {"perhaps of 2011 and posts and a boy and with a photo", "时间可能为 2011，且帖子，且男孩，且有照片"},
		"source:a -status:open":               {"from “a” and not of status “open”", "来源“a”，且不是：状态“open”"},
	} {
		q, err := Parse(query, country())
		if err != nil {
			t.Fatal(err)
		}
		if en, zh := Explain(q, "en", country()), Explain(q, "zh-CN", country()); en != want[0] || zh != want[1] {
			t.Errorf("%q: %q, %q", query, en, zh)
		}
	}
	for key, text := range phrases {
		if text[0] == "" || text[1] == "" {
			t.Errorf("%s is not said in both languages", key)
		}
	}
}
