package search

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestTokens(t *testing.T) {
	for _, tt := range []struct{ in, words, singles string }{
		{"", "", ""},
		{"!?…\x00", "", ""},
		{"寻找孩子", "寻找 找孩 孩子", "寻 找 孩 子"},
		{"张", "张", "张"},
		{"3岁男孩abc", "3 岁男 男孩 abc", "3 岁 男 孩 abc"},
		{"a在b", "a 在 b", "a 在 b"},
		{"寻找，孩子", "寻找 。 孩子", "寻 找 。 孩 子"},
		{"寻找 孩子", "寻找 。 孩子", "寻 找 。 孩 子"},
		{"姓名：张　伟", "姓名 。 张伟", "姓 名 。 张 伟"},
		{"寻 人\n启 事", "寻人 人启 启事", "寻 人 启 事"},
		{"张，伟", "张 。 伟", "张 。 伟"},
		{"小张 伟", "小张 。 伟", "小 张 。 伟"},
		{"Élan ÉLAN E\u0301lan", "élan élan élan", "élan élan élan"},
		{"Elan", "elan", "elan"},
		{"ＡＢＣ１２３", "abc123", "abc123"},
		{"ﾊﾝｶｸ", "ハン ンカ カク", "ハ ン カ ク"},
		{"寻\u200b亲\ufeff", "寻亲", "寻 亲"},
		{"co\u00adop", "coop", "coop"},
		{"葛\U000e0100城", "葛城", "葛 城"},
		{"🙏寻🙏🏽a👨‍👩‍👧", "🙏 寻 🙏 a 👨 👩 👧", "🙏 寻 🙏 a 👨 👩 👧"},
		{"foo_bar@x.org", "foo bar x org", "foo bar x org"},
		{"H\u0331", "ẖ", "ẖ"},
		{"한국어", "한국 국어", "한 국 어"},
		{"ไทย", "ไท ทย", "ไ ท ย"},
		{"𠮷野", "𠮷野", "𠮷 野"},
		{"コーヒー", "コー ーヒ ヒー", "コ ー ヒ ー"},
		{strings.Repeat("x", 130), strings.Repeat("x", 64) + " " + strings.Repeat("x", 64) + " xx", strings.Repeat("x", 64) + " " + strings.Repeat("x", 64) + " xx"},
	} {
		words, singles := Tokens(tt.in)
		if d := cmp.Diff(tt.words, strings.Join(words, " ")); d != "" {
			t.Errorf("words of %q (-want +got):\n%s", tt.in, d)
		}
		if d := cmp.Diff(tt.singles, strings.Join(singles, " ")); d != "" {
			t.Errorf("singles of %q (-want +got):\n%s", tt.in, d)
		}
	}
}

func FuzzTokens(f *testing.F) {
	for _, s := range []string{"寻找 孩子 3岁", "张　伟", "É\u0301\u200b", "🙏🏽", "\xff\x00。", strings.Repeat("\u0301", 40), "ไทย ก็ a\u20dd"} {
		f.Add(s, 3)
	}
	f.Fuzz(func(t *testing.T, s string, cut int) {
		words, singles := Tokens(s)
		for _, token := range slices.Concat(words, singles) {
			if token == Break {
				continue
			}
			// What lets engines split at white space and fold nothing.
			if !utf8.ValidString(token) || strings.ContainsFunc(token, func(r rune) bool {
				return unicode.IsSpace(r) || unicode.IsPunct(r) || unicode.IsControl(r) || r < 0x80 && unicode.ToLower(r) != r
			}) {
				t.Errorf("token %q of %q", token, s)
			}
			if n := utf8.RuneCountInString(token); n == 0 || n > wordLimit {
				t.Errorf("token of %d characters of %q", n, s)
			}
		}
		if (len(words) == 0) != (len(singles) == 0) || len(words) > len(singles) {
			t.Errorf("%q: words %q, singles %q", s, words, singles)
		}
		if !Match(Text(s), Doc{Text: s}) || !Match(Text(s), Doc{Text: "a, " + s + " ,b"}) {
			t.Errorf("%q does not find itself", s)
		}
		if strings.Join(singles, "") != "" && !contains(singles, singles[:1+abs(cut)%len(singles)]) {
			t.Errorf("%q does not hold its beginning", s)
		}
	})
}

func abs(n int) int { return max(n, -(n + 1)) }

func TestMatch(t *testing.T) {
	doc := Doc{
		ID: "a", Kind: KindPost, Source: "Weibo  街拍", Status: "ＯＰＥＮ", Place: "福建省泉州市", At: china(2011, 1, 25),
		Text:   "看到一个3岁男孩，左脸有胎记。姓名：张　伟 Near the Old Station",
		Photos: []PhotoRef{{ID: "p"}},
	}
	for _, q := range []string{
		"", "男孩", "3岁", "3岁男", "岁", "张伟", "张 伟", "station", `"old station"`, "the-old", "男孩 胎记", "男孩或女孩", "-女孩", "-女孩 -李四",
		"地点:泉州", "place:福建省", "source:“weibo 街拍”", "状态:open", "kind:post", "has:photo", "-(女孩 男孩)", "“男孩，左脸”",
		"date:2011-01-25", "date:..2011-01-25", "date:2011-01-25..", "date:2011", "date:2011-01", "-date:2010",
	} {
		if !matches(t, q, doc) {
			t.Errorf("%q does not accept the document", q)
		}
	}
	for _, q := range []string{
		"女孩", "孩左", "男 女", "岁女", "-男孩", "old-the", `"near station"`, "stat", "地点:厦门", "place:州泉", "source:weibo", "status:closed",
		"kind:report", "-has:photo", "date:2011-01-24", "date:2011-01-26..", "date:..2011-01-24", "date:2010", "女孩或李四", "-(女孩或男孩)",
	} {
		if matches(t, q, doc) {
			t.Errorf("%q accepts the document", q)
		}
	}
}

func matches(t *testing.T, s string, d Doc) bool {
	t.Helper()
	q, err := Parse(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return Match(q, d)
}

func TestHamming(t *testing.T) {
	if got := Hamming([]byte("\xff\x00\x00\x00\x00\x00\x00\x00\x01"), []byte("\x00\x00\x00\x00\x00\x00\x00\x01\x00")); got != 10 {
		t.Errorf("Hamming = %d, want 10", got)
	}
	if Hamming(make([]byte, 8), make([]byte, 32)) < 256 {
		t.Error("fingerprints of different length are near")
	}
}

func TestKeySurvivesAnAddress(t *testing.T) {
	for _, k := range []Key{{}, {At: china(1969, 1, 1).UTC(), ID: "a.b"}, {At: china(2011, 1, 25).UTC(), ID: "x"}} {
		got, err := ParseKey(k.String())
		if err != nil || !got.At.Equal(k.At) || got.ID != k.ID {
			t.Errorf("%v became %v, %v", k, got, err)
		}
	}
	if _, err := ParseKey("soon"); err == nil {
		t.Error("nonsense is a key")
	}
}
