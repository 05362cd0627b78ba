package locale

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode"
)

func TestBothLanguagesHaveTheSameTexts(t *testing.T) {
	if _, err := Load(); err != nil {
		t.Error(err)
	}
}

func TestNoTextIsLeftUntranslated(t *testing.T) {
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	han := func(s string) bool {
		return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) })
	}
	letters := func(s string) bool {
		return strings.ContainsFunc(placeholder.ReplaceAllString(s, ""), unicode.IsLetter)
	}
	for _, key := range c.Keys() {
		zh, en := c.texts[Chinese][key], c.texts[English][key]
		if strings.HasPrefix(key, "language.") {
			continue // each names itself
		}
		if letters(zh) && !han(zh) {
			t.Errorf("%s in Chinese has no Chinese: %q", key, zh)
		}
		if han(en) {
			t.Errorf("%s in English has Chinese: %q", key, en)
		}
		if letters(zh) && zh == en {
			t.Errorf("%s is the same in both: %q", key, zh)
		}
	}
}

// The words that must never be said of a likeness or of a person (the shared vocabulary).
func TestTextsNeverSayWhatTheyMustNot(t *testing.T) {
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for lang, never := range map[string][]string{
		Chinese: {"被拐儿童", "匹配成功", "人贩子", "相似度", "查无此人", "已立案", "已解救", "%"},
		English: {"abducted child", "match found", "trafficker", "similar", "not in our system", "case opened", "rescued", "%"},
	} {
		for key, text := range c.texts[lang] {
			for _, word := range never {
				if strings.Contains(strings.ToLower(text), word) {
					t.Errorf("%s in %s says %q: %s", key, lang, word, text)
				}
			}
		}
	}
}

func TestBrokenCatalogsAreRefused(t *testing.T) {
	catalog := func(zh, en map[string]string) error {
		return (&Catalog{texts: map[string]map[string]string{Chinese: zh, English: en}}).check()
	}
	for name, err := range map[string]error{
		"missing in English":  catalog(map[string]string{"a.b": "一"}, nil),
		"missing in Chinese":  catalog(nil, map[string]string{"a.b": "one"}),
		"another placeholder": catalog(map[string]string{"a.b": "{n} 个"}, map[string]string{"a.b": "{m}"}),
	} {
		if err == nil {
			t.Errorf("%s: loads", name)
		}
	}
	if err := catalog(map[string]string{"a.b": "{n} 个"}, map[string]string{"a.b": "{n} {n|thing|things}"}); err != nil {
		t.Error(err)
	}
	for name, files := range map[string]fstest.MapFS{
		"key in two files": {"en/a.toml": {Data: []byte("[x]\ny = \"1\"")}, "en/b.toml": {Data: []byte("[x]\ny = \"2\"")}},
		"no TOML":          {"en/a.toml": {Data: []byte("[x")}},
	} {
		if _, err := read(files, "en"); err == nil {
			t.Errorf("%s: loads", name)
		}
	}
}

func TestPlaceholdersAndPlurals(t *testing.T) {
	c := &Catalog{texts: map[string]map[string]string{English: {"x.runs": "{n} {n|run|runs} of {name}"}}}
	for n, want := range map[int]string{0: "0 runs of well", 1: "1 run of well", 2: "2 runs of well", 1234567: "1,234,567 runs of well"} {
		if got := c.T(English, "x.runs", "n", n, "name", "well"); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	// What people wrote is not read for placeholders again.
	if got := c.T(English, "x.runs", "n", 1, "name", "{n}"); got != "1 run of {n}" {
		t.Errorf("got %q", got)
	}
	if got := c.T(English, "x.nosuch"); got != "⟦x.nosuch⟧" {
		t.Errorf("got %q", got)
	}
}

func TestLanguageIsChosenFromWhatTheBrowserAccepts(t *testing.T) {
	for header, want := range map[string]string{
		"": Chinese, "zh-CN,zh;q=0.9,en;q=0.8": Chinese, "en-US,en;q=0.5": English, "zh-TW": Chinese, "zh-Hant-HK, en;q=0.3": Chinese,
		"de, en;q=0.5": English, "de": Chinese, "*": Chinese, "not a header;;;": Chinese, "en;q=0.1, zh;q=0.9": Chinese,
	} {
		if got := Accepted(header); got != want {
			t.Errorf("Accepted(%q) = %s, want %s", header, got, want)
		}
	}
	for tag, want := range map[string]string{"en": English, "en-GB": English, "zh-CN": Chinese, "zh": Chinese, "fr": "", "": "", "../en": ""} {
		got, ok := Known(tag)
		if ok != (want != "") || ok && got != want {
			t.Errorf("Known(%q) = %q, %v", tag, got, ok)
		}
	}
}

func TestTimesAreWrittenInTheZoneWithItsOffset(t *testing.T) {
	at := time.Date(2011, 2, 3, 20, 5, 0, 0, time.UTC)
	for _, tc := range []struct{ lang, zone, want, machine string }{
		{Chinese, "Asia/Shanghai", "2011年2月4日 04:05 UTC+8", "2011-02-04T04:05:00+08:00"},
		{English, "Asia/Kolkata", "4 Feb 2011, 01:35 UTC+5:30", "2011-02-04T01:35:00+05:30"},
		{English, "America/St_Johns", "3 Feb 2011, 16:35 UTC-3:30", "2011-02-03T16:35:00-03:30"},
		{English, "UTC", "3 Feb 2011, 20:05 UTC", "2011-02-03T20:05:00Z"},
	} {
		zone, err := time.LoadLocation(tc.zone)
		if err != nil {
			t.Fatal(err)
		}
		if got := At(tc.lang, at, zone); got != (Moment{tc.machine, tc.want}) {
			t.Errorf("%s in %s: %+v", tc.lang, tc.zone, got)
		}
	}
	if got := At(English, time.Time{}, time.UTC); got != (Moment{}) {
		t.Errorf("no time: %+v", got)
	}
	shanghai := time.FixedZone("", 8*3600)
	if got := Day(Chinese, at, shanghai); got != (Moment{"2011-02-04", "2011年2月4日"}) {
		t.Errorf("day: %+v", got)
	}
}

func TestSpansAreWrittenInTheirLargestUnit(t *testing.T) {
	for d, want := range map[time.Duration][2]string{
		0: {"0 秒", "0 s"}, 59 * time.Second: {"59 秒", "59 s"}, 61 * time.Second: {"1 分钟", "1 min"}, 5 * time.Hour: {"5 小时", "5 h"}, 72 * time.Hour: {"3 天", "3 d"}, -time.Hour: {"0 秒", "0 s"},
	} {
		if zh, en := Span(Chinese, d), Span(English, d); zh != want[0] || en != want[1] {
			t.Errorf("%v: %q, %q", d, zh, en)
		}
	}
}
