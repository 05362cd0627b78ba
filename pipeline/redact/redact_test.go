package redact

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestMaskedTextByShape(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", "", ""},
		{"letters for digits", "打l39 OOOO 0000", "打•••"},
		{"words for digits", "call one three nine, zero zero zero zero, zero zero zero zero", "call •••"},
		{"words that count", "one of three or four children, two boys and one girl of six or seven", "one of three or four children, two boys and one girl of six or seven"},
		{"a number over two lines", "1390000\n0000", "•••"},
		{"lines of years", "2009\n2010\n2011", "2009\n2010\n2011"},
		{"a traditional word", "電話：９１２３　４５６７", "電話：•••"},
		{"a traditional plate", "車牌 AAA-0000", "車牌 •••"},
		{"a plate with a dash", "粤A—00000", "•••"},
		{"a plate of an embassy", "使001·000", "•••"},
		{"an identity number in parts of a day that is none", "000000 20101332 1234", "•••"},
		{"an account by its first character", "薇：example00，加微 example_1", "薇：•••，加微 •••"},
		{"an account with its sign", "telegram @example", "telegram @•••"},
		{"a mail address in words", "example艾特qq点com", "•••"},
		{"a plain sentence", "小男孩，约5岁，身高105CM，左眉有痣。", "小男孩，约5岁，身高105CM，左眉有痣。"},
		{"a number right after a date", "2011-01-25 13800138000", "2011-01-25 •••"},
		{"a number right after a height", "身高1.35 13800138000", "身高1.35 •••"},
		{"a spaced number right after a height", "身高1.35 138 0013 8000", "身高1.35 •••"},
		{"two numbers", "13800138000/13900139000", "•••/•••"},
		{"other digits of the world", "call ١٣٨٠٠١٣٨٠٠٠", "call •••"},
		{"keycap digits", "1️⃣3️⃣8️⃣0️⃣0️⃣1️⃣3️⃣8️⃣0️⃣0️⃣0️⃣", "•••"},
		{"a Hong Kong number", "致电 9123 4567", "致电 •••"},
		{"a short number after a word", "Phone: 555-0142", "Phone: •••"},
		{"public short numbers stay", "请拨打110或12338", "请拨打110或12338"},
		{"a half-starred number", "138****8000", "•••"},
		{"a passport", "护照号码 E12345678 已丢失", "护照号码 ••• 已丢失"},
		{"years are no card", "2009 2010 2011 2012 都来过", "2009 2010 2011 2012 都来过"},
		{"an account by number", "加我扣扣一二三四五六七八", "加我扣扣•••"},
		{"a service alone", "微信和QQ都可以", "微信和QQ都可以"},
		{"a service in English", "Facebook and WeChat groups", "Facebook and WeChat groups"},
		{"an account with ID", "WeChat ID lilymama please", "WeChat ID ••• please"},
		{"a plate of the armed police", "WJ粤·12345 经过", "••• 经过"},
		{"a plate in full width", "粤Ａ·１２３４５", "•••"},
		{"part of a plate", "车牌尾号 345", "车牌尾号 •••"},
		{"a link with a user", "https://user:secret@example.com/a", "https://•••@example.com/a"},
		{"a link to a post", "https://weibo.com/2011012345/4501234567890123", "https://weibo.com/2011012345/4501234567890123"},
		{"a link that opens a chat", "https://wa.me/447700900123", "https://wa.me/•••"},
		{"a mail address in full width", "ａｎｎ＠ｅｘａｍｐｌｅ．ｃｏｍ", "•••"},
		{"a village", "湖南省新化县石冲口镇大湾村三组", "湖南省新化县•••"},
		{"cities that end like villages", "新乡市、景德镇市、宁波市镇海区", "新乡市、景德镇市、宁波市镇海区"},
		{"house after street without a word", "人民路208", "•••"},
		{"a year after a street", "2009年在人民路2011年又来", "2009年在•••2011年又来"},
		{"a day", "25号走失", "25号走失"},
		{"a house alone", "208号", "•••"},
		{"rooms of a flat", "两室一厅，2室1厅", "两室一厅，2室1厅"},
		{"a line break stays", "第一行\n第二行\t完", "第一行\n第二行\t完"},
		{"a family emoji stays whole", "👨‍👩‍👧 团圆", "👨‍👩‍👧 团圆"},
		{"invisible characters", "a\u200bb\u202ec\ufeff\u00ad\u0000\u2066", "a⟦U+200B⟧b⟦U+202E⟧c⟦U+FEFF⟧⟦U+00AD⟧⟦U+0000⟧⟦U+2066⟧"},
		{"a joiner at the end", "👨‍", "👨⟦U+200D⟧"},
		{"bytes that are no text", "a\xffb", "a\uFFFDb"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Text(tc.text, View{}); got != tc.want {
				t.Errorf("Text(%q) = %q, want %q", tc.text, got, tc.want)
			}
		})
	}
}

func TestViewOpensWhatItNamesAndNothingElse(t *testing.T) {
	const text = "电话13800138000，微信 lily_2010，天河路208号，身份证440106200508121234，粤A·12345"
	for _, tc := range []struct {
		view View
		want string
	}{
		{View{}, "电话•••，微信 •••，•••，身份证•••，•••"},
		{View{ShowContacts: true}, "电话13800138000，微信 lily_2010，•••，身份证•••，•••"},
		{View{ShowStreet: true}, "电话•••，微信 •••，天河路208号，身份证•••，•••"},
		{View{ShowContacts: true, ShowStreet: true}, "电话13800138000，微信 lily_2010，天河路208号，身份证•••，•••"},
	} {
		if got := Text(text, tc.view); got != tc.want {
			t.Errorf("%+v: %q, want %q", tc.view, got, tc.want)
		}
	}
}

func TestPiecesKnowWhereTheyStood(t *testing.T) {
	const text = "女孩\xff，电话138 0013 8000\u202e，天河路208号附近"
	var got []string
	for _, p := range Pieces(text, View{}) {
		got = append(got, fmt.Sprintf("%s %d-%d", p.Text, p.From, p.To))
	}
	want := []string{"女孩 0-6", "\uFFFD -1--1", "，电话 7-16", "•••⟦U+202E⟧ -1--1", "， 32-35", "••• -1--1", "附近 50-56"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{
		"请联系 1\u200b3800138000", "粤A·12345", "天河路208号3栋", "https://a:b@c.de/?token=1", "微信号：abc", "\xff\u202e⟦U+200B⟧",
		"12 Market Road Apt 4B", "1\u200d\ufe0f😀\u200d😀", "身份证440106200508121234", "一三八零零一三八零零零",
	} {
		f.Add(s, false, false)
		f.Add(s, true, false)
	}
	f.Fuzz(func(t *testing.T, s string, contacts, street bool) {
		v := View{ShowContacts: contacts, ShowStreet: street}
		once := Text(s, v)
		if !utf8.ValidString(once) {
			t.Fatalf("%q: not UTF-8: %q", s, once)
		}
		if twice := Text(once, v); twice != once {
			t.Fatalf("%q: once %q, twice %q", s, once, twice)
		}
		if strings.ContainsAny(once, "\u202e\u200b\u0000") {
			t.Fatalf("%q: invisible in %q", s, once)
		}
		var whole strings.Builder
		end := 0
		for _, p := range Pieces(s, v) {
			whole.WriteString(p.Text)
			if p.From < 0 {
				continue
			}
			if p.From < end || p.To > len(s) || s[p.From:p.To] != p.Text {
				t.Fatalf("%q: piece %+v after %d", s, p, end)
			}
			end = p.To
		}
		if whole.String() != once {
			t.Fatalf("%q: pieces %q, text %q", s, whole.String(), once)
		}
		for _, level := range []Level{Province, Prefecture, County} {
			place := Place(s, level)
			if !utf8.ValidString(place) || Place(place, level) != place {
				t.Fatalf("%q at %d: %q, again %q", s, level, place, Place(place, level))
			}
		}
	})
}
