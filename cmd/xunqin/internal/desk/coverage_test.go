package desk

import (
	"database/sql"
	"html"
	"strings"
	"testing"
	"time"

	"xunqin/pipeline/coverage"
	"xunqin/pipeline/record"
)

// Results, reports and the inbox say what was read and what not, and the page of coverage says all of it.
func TestPagesSayWhatWasReadAndWhatNot(t *testing.T) {
	s := newSite(t)
	whole := s.seedSource(t, "Brunnen", "feed", `{"url":"https://example.org/feed"}`)
	gappy := s.seedSource(t, "Teich", "feed", `{"url":"https://example.org/other"}`)
	hour := func(n int) time.Time { return s.now.Add(time.Duration(n) * time.Hour) }
	err := s.Records.Tx(t.Context(), func(tx *sql.Tx) error {
		for _, v := range []struct {
			source   string
			from, to int
		}{{whole, -30, -1}, {gappy, -20, -12}, {gappy, -6, -1}} {
			if err := s.Records.AddSpan(t.Context(), tx, v.source, coverage.Span{From: hour(v.from), To: hour(v.to)}); err != nil {
				return err
			}
		}
		if err := s.Records.AddHour(t.Context(), tx, coverage.Hour{Source: gappy, At: hour(-10), Down: 1}); err != nil {
			return err
		}
		for _, source := range []string{whole, gappy} { // the last run went well
			run, err := s.Records.OpenRun(t.Context(), tx, source, "hand", hour(-1))
			if err != nil {
				return err
			}
			if err := s.Records.EndRun(t.Context(), tx, run, record.RunDone, "", ""); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s.person(t, "li", record.Volunteer, record.Reviewer, record.Activist)
	b := s.as(t, "li")
	report := s.seedReport(t, record.Report{Kind: record.ReportMissing, Name: "林示例", SourceName: "form"})
	for _, c := range []struct {
		lang string
		want []string
	}{
		{"en", []string{"1 of 2 sources without a gap", "read since 1 Mar 2026, 21:00 UTC+8 only", "2 Mar 2026, 05:00 UTC+8 to 2 Mar 2026, 11:00 UTC+8 (6 h):", "the source did not answer"}},
		{"zh-CN", []string{"2个来源中有1个没有缺口", "从2026年3月1日 21:00 UTC+8起才开始读取", "2026年3月2日 05:00 UTC+8至2026年3月2日 11:00 UTC+8（6 小时）：", "来源没有回应"}},
	} {
		b.get("/account?lang=" + c.lang)
		for _, path := range []string{"/search?q=x", "/reports/" + report} {
			a := b.get(path)
			for _, w := range c.want {
				if !strings.Contains(html.UnescapeString(a.body), w) {
					t.Errorf("%s in %s does not say %q", path, c.lang, w)
				}
			}
		}
		for path, want := range map[string][]string{"/inbox": c.want[2:], "/coverage": c.want[2:]} {
			a := b.get(path)
			for _, w := range want {
				if !strings.Contains(html.UnescapeString(a.body), w) {
					t.Errorf("%s in %s does not say %q", path, c.lang, w)
				}
			}
		}
	}
}
