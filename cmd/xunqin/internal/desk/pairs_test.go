package desk

import (
	"database/sql"
	"net/http"
	"strings"
	"testing"
	"time"

	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/pipeline/record"
)

// byFacts puts a lead by facts into the record: of a report in Fujian and a post about Guangzhou, neither with a photo.
func (s *site) byFacts(t testing.TB) (lead string) {
	t.Helper()
	report := s.seedReport(t, record.Report{Kind: record.ReportMissing, Name: "王小明", Number: "B-7", Sex: "male", Birth: "2003-05-01", Place: "福建省泉州市晋江市青阳街道", LostText: "2008-03-05",
		LostFrom: time.Date(2008, 3, 5, 0, 0, 0, 0, time.UTC), LostTo: time.Date(2008, 3, 6, 0, 0, 0, 0, time.UTC), Features: "左耳后有红色胎记，家里电话" + phone})
	post, _ := s.seedPost(t, s.source(t), record.Post{Kind: "post", Text: "2011年2月3日在广州市天河区看到一个男孩，约7岁，左边耳朵背后有一块红胎记，会说电话" + phone, PostedAt: time.Date(2011, 2, 4, 12, 0, 0, 0, time.UTC), Place: "广东省"}, jpg(draw(71), 60))
	err := s.Records.Tx(t.Context(), func(tx *sql.Tx) (err error) {
		lead, _, err = s.Records.AddFactsLead(t.Context(), tx, record.Lead{ReportID: report, PostID: post, Pair: "sighting", NextAt: s.clock().Add(time.Hour)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return lead
}

func TestALeadByFactsShowsBothSidesAndWhatSpeaksForAndAgainst_S29(t *testing.T) {
	c := newCase(t)
	lead := c.byFacts(t)
	c.person(t, "li", record.Volunteer)
	c.person(t, "wu", record.Reviewer)
	for _, name := range []string{"li", "wu"} {
		b := c.as(t, name)
		for _, lang := range locale.Langs() {
			said := func(key string, args ...any) string { return c.Texts.T(lang, key, args...) }
			page := b.get("/leads/" + lead + "?lang=" + lang)
			mark := said("pairreason.mark", "a", "左耳后有红色胎记", "b", "左边耳朵背后有一块红胎记")
			wants(t, name+"'s lead", page, http.StatusOK, []string{said("likeness.facts"), said("factslead.unchecked"), said("factslead.report"), said("factslead.post"), said("pairreason.male"), said("pairreason.phone"), mark,
				said("factslead.family"), said("decision.likely"), said("decision.different"), "<mark class=\"fact"}, []string{"<img src=\"/photos", `value="same"`, `value="harmful"`, "/show\""})
			if name == "li" && strings.Contains(page.body, phone) {
				t.Error("a volunteer reads a telephone number")
			}
			wants(t, "the list", b.get("/leads?lang="+lang), http.StatusOK, []string{said("likeness.facts"), "/leads/" + lead}, nil)
		}
	}
	wants(t, "asking for pictures", c.as(t, "li").post("/leads/"+lead+"/show", nil), http.StatusGone, nil, nil)
	far := c.working(t, "zhao", "西藏自治区", record.Volunteer)
	wants(t, "out of one's area", far.get("/leads/"+lead), http.StatusNotFound, nil, []string{"王小明"})
}

func TestALeadByFactsTakesTwoPeople_S23(t *testing.T) {
	c := newCase(t)
	lead := c.byFacts(t)
	c.person(t, "li", record.Volunteer)
	c.person(t, "wu", record.Reviewer)
	c.as(t, "li").verdict(lead, record.Likely, "胎记相同")
	if got := c.state(t, lead); got != record.LeadFirst {
		t.Fatalf("after one person: %s", got)
	}
	page := c.as(t, "wu").get("/leads/" + lead)
	wants(t, "the second's page", page, http.StatusOK, nil, []string{"胎记相同"})
	c.as(t, "wu").verdict(lead, record.Likely, "胎记、电话相同")
	if got := c.state(t, lead); got != record.LeadAgreed {
		t.Errorf("after two: %s", got)
	}
}

func TestWhoMayNotReadAReportReadsTheYearOfItsBirth(t *testing.T) {
	c := newCase(t)
	lead := c.byFacts(t)
	b := c.working(t, "zhao", "广东省", record.Volunteer)
	page := b.get("/leads/" + lead)
	wants(t, "a lead of another's report", page, http.StatusOK, nil, []string{"/reports/", "2003年5月1日", "青阳街道"})
	for _, line := range strings.Split(page.body, "\n") {
		if strings.Contains(line, "2003-05-01") {
			t.Error(line)
		}
	}
}
