package desk

import (
	"bytes"
	"database/sql"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/pipeline/record"
)

func TestSharpPicturesAreNotSentUntilAsked(t *testing.T) {
	c := newCase(t)
	c.person(t, "li", record.Volunteer)
	b := c.as(t, "li")
	isSharp := func(a answer) bool {
		return bytes.Contains([]byte(a.body), c.sharp[0]) || bytes.Contains([]byte(a.body), c.sharp[1])
	}
	l, err := c.Records.Lead(t.Context(), nil, c.lead)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, path := range []string{"/today", "/leads", "/leads/" + c.lead, "/reports/" + c.report, "/pictures/" + l.PictureID, "/search?q=胎记"} {
		page := b.get(path)
		pictures, _ := b.pictures(page)
		for _, a := range append(pictures, page) {
			if isSharp(a) {
				t.Errorf("%s sends a sharp picture unasked", path)
			}
		}
		for _, a := range pictures {
			seen++
			if a.status != http.StatusOK || a.header.Get("Content-Type") != "image/jpeg" || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: picture: %d %v", path, a.status, a.header)
			}
		}
	}
	if seen < 6 {
		t.Errorf("%d blurred pictures were shown, want some on each page", seen)
	}
	if n := c.audited(t, "reveal"); n != 0 {
		t.Fatalf("%d reveals are logged before any", n)
	}

	page := b.post("/leads/"+c.lead+"/show", nil)
	pictures, _ := b.pictures(page)
	if len(pictures) < 2 || pictures[0].body != string(c.sharp[0]) || pictures[1].body != string(c.sharp[1]) {
		t.Fatalf("asked for, the pair is not shown: status %d, %d pictures", page.status, len(pictures))
	}
	wants(t, "the shown pair", page, http.StatusOK, []string{`http-equiv="refresh" content="30;url=/leads/` + c.lead, `data-seconds="30"`}, nil)
	if n := c.audited(t, "reveal"); n != 1 {
		t.Errorf("%d reveals are logged for one pair", n)
	}
	if pictures, _ := b.pictures(b.get("/leads/" + c.lead)); isSharp(pictures[0]) {
		t.Error("the page stays sharp")
	}
}

func TestLinkToAPictureIsWorthNothingElsewhereOrLater(t *testing.T) {
	c := newCase(t)
	c.person(t, "li", record.Volunteer)
	c.person(t, "wu", record.Reviewer)
	b := c.as(t, "li")
	_, links := b.pictures(b.post("/leads/"+c.lead+"/show", nil))
	if len(links) == 0 {
		t.Fatal("no links")
	}
	link := links[0]
	wants(t, "the link", b.get(link), http.StatusOK, nil, nil)
	wants(t, "the same person's other session", c.as(t, "li").get(link), http.StatusForbidden, nil, []string{string(c.sharp[0])})
	wants(t, "another person's session", c.as(t, "wu").get(link), http.StatusForbidden, nil, []string{string(c.sharp[0])})
	blurred, _ := b.pictures(b.get("/leads/" + c.lead))
	if len(blurred) == 0 {
		t.Fatal("no blurred pictures")
	}
	_, soft := b.pictures(b.get("/leads/" + c.lead))
	wants(t, "a blurred link made sharp", b.get(strings.Replace(soft[0], "/blurred", "/sharp", 1)), http.StatusForbidden, nil, nil)
	c.pass(c.Policy.Lives.Link.D() - time.Second)
	wants(t, "the link just before its end", b.get(link), http.StatusOK, nil, nil)
	c.pass(time.Second)
	wants(t, "the link after its end", b.get(link), http.StatusForbidden, nil, nil)
}

func TestTwoHundredViewsStopAndAlarm(t *testing.T) {
	c := newCase(t)
	c.person(t, "li", record.Volunteer)
	b := c.as(t, "li")
	most := c.Policy.Limits.ViewsAnHour
	for i := range 200 {
		path := "/leads/" + c.lead + "/show"
		if i%2 == 1 {
			path = "/photos/" + c.photo.ID + "/show"
		}
		a := b.post(path, nil)
		if want := map[bool]int{true: http.StatusOK, false: http.StatusTooManyRequests}[i < most]; a.status != want {
			t.Fatalf("view %d: status %d, want %d", i+1, a.status, want)
		}
		if i >= most && strings.Contains(a.body, "/sharp?") {
			t.Fatalf("view %d is refused and shown", i+1)
		}
	}
	if n := c.audited(t, "view-alarm"); n != 1 {
		t.Errorf("%d alarms, want one", n)
	}
	if n := c.audited(t, "reveal"); n != most {
		t.Errorf("%d reveals, want %d", n, most)
	}
	c.pass(time.Hour + time.Second)
	wants(t, "an hour later", c.as(t, "li").post("/leads/"+c.lead+"/show", nil), http.StatusOK, nil, nil)
}

func TestPlacesAndContactsAreShownByRole(t *testing.T) {
	c := newCase(t)
	c.person(t, "li", record.Volunteer)
	c.person(t, "wu", record.Reviewer)
	li, wu := c.as(t, "li"), c.as(t, "wu")
	page := "/leads/" + c.lead
	county := []string{"广东省广州市天河区", "福建省泉州市晋江市"}
	wants(t, "a volunteer's lead", li.get(page), http.StatusOK, county, []string{street, "青阳街道", phone, kin})
	wants(t, "a reviewer's lead", wu.get(page), http.StatusOK, []string{street, phone}, []string{kin})
	for name, b := range map[string]*browser{"volunteer": li, "reviewer": wu} {
		wants(t, name+"'s search", b.get("/search?q=胎记"), http.StatusOK, []string{"女孩"}, []string{phone, kin})
	}
	wants(t, "taken", li.post(page+"/take", nil), http.StatusSeeOther, nil, nil)
	wants(t, "a lead of one's own", li.get(page), http.StatusOK, []string{street, "青阳街道"}, []string{phone, kin})
	wants(t, "given back", li.post(page+"/back", nil), http.StatusSeeOther, nil, nil)
	wants(t, "a lead given back", li.get(page), http.StatusOK, county, []string{street})
}

func TestNobodyReadsWhereAChildIsNow(t *testing.T) {
	c := newCase(t)
	c.person(t, "wu", record.Volunteer, record.Reviewer)
	b := c.as(t, "wu")
	_, ph := c.seedPost(t, c.source(t), record.Post{Text: "刚才看到", Place: "广东省广州市天河区石牌桥", PostedAt: c.clock().Add(-time.Hour)}, jpg(draw(31), 80))
	lead := c.seedLead(t, c.seedReport(t, record.Report{Name: "某某"}, jpg(draw(31), 95)), ph)
	b.post("/leads/"+lead+"/take", nil)
	wants(t, "a post of this hour", b.get("/leads/"+lead), http.StatusOK, []string{"天河区"}, []string{"石牌桥"})
	c.pass(24 * time.Hour)
	wants(t, "the same post a day later", c.as(t, "wu").get("/leads/"+lead), http.StatusOK, []string{"石牌桥"}, nil)
}

func (s *site) source(t testing.TB) string {
	t.Helper()
	src, err := s.Records.SourceNamed(t.Context(), nil, "Brunnen")
	if err != nil {
		t.Fatal(err)
	}
	return src.ID
}

func TestVolunteerSeesTheirAreaAndWhatTheyTook(t *testing.T) {
	c := newCase(t)
	l, err := c.Records.Lead(t.Context(), nil, c.lead)
	if err != nil {
		t.Fatal(err)
	}
	paths := []string{"/leads/" + c.lead, "/reports/" + c.report, "/pictures/" + l.PictureID}
	for area, want := range map[string][]int{
		"":       {200, 200, 200},
		"福建":     {200, 200, 404},
		"福建省泉州市": {200, 200, 404},
		"广东广州":   {200, 404, 200},
		"北京":     {404, 404, 404},
		"福建省厦门":  {404, 404, 404},
		"Fujian": {404, 404, 404},
	} {
		b := c.working(t, "of "+area+"x", area, record.Volunteer)
		for i, path := range paths {
			if a := b.get(path); a.status != want[i] {
				t.Errorf("area %q, %s: status %d, want %d", area, path, a.status, want[i])
			}
		}
		if want[0] == 404 {
			for _, path := range []string{"/today", "/leads", "/reports", "/search?q=胎记"} {
				wants(t, area+" "+path, b.get(path), http.StatusOK, nil, []string{c.lead, "A-17", "女孩"})
			}
			for _, path := range []string{"/leads/" + c.lead + "/show", "/photos/" + c.photo.ID + "/show", "/leads/" + c.lead + "/take"} {
				wants(t, area+" "+path, b.post(path, nil), http.StatusNotFound, nil, nil)
			}
		}
	}
	b := c.working(t, "far", "北京", record.Volunteer)
	u, err := c.Records.UserNamed(t.Context(), nil, "far")
	if err != nil {
		t.Fatal(err)
	}
	l.Owner = u.ID
	c.set(t, l)
	for _, path := range paths {
		wants(t, "taken: "+path, b.get(path), http.StatusOK, nil, nil)
	}
}

func TestAreaHoldsPlaces(t *testing.T) {
	for _, test := range []struct {
		area, place string
		want        bool
	}{
		{"", "北京市海淀区", true},
		{"福建省泉州市", "", true},
		{"福建省泉州市", "福建泉州晋江", true},
		{"福建泉州", "中国 福建省 泉州市 晋江市", true},
		{"福建省泉州市", "福建省", false},
		{"泉州", "福建省泉州市", false},
		{"广西", "广西壮族自治区南宁市", true},
		{"Fujian", "Jinjiang City, Quanzhou, Fujian, China", true},
		{"Quanzhou,Fujian", "Jinjiang City, Quanzhou , fujian", true},
		{"Fujian", "Fujian", true},
		{"jian", "Fujian", false},
		{"Fujian", "Fujian Road, Shanghai", false},
	} {
		for _, role := range record.Roles() {
			want := role == record.Reviewer || role == record.Volunteer && test.want
			if got := theirs(record.User{Area: test.area, Roles: []record.Role{role}}, test.place); got != want {
				t.Errorf("%s of %q at %q: %v, want %v", role, test.area, test.place, got, want)
			}
		}
	}
}

var seenField = regexp.MustCompile(`name="seen" value="([^"]+)"`)

// verdict opens a lead and gives a verdict as its form does.
func (b *browser) verdict(lead, decision, reason string) answer {
	b.t.Helper()
	return b.verdictSeen(lead, b.seen(lead), decision, reason)
}

func (b *browser) seen(lead string) string {
	b.t.Helper()
	if m := seenField.FindStringSubmatch(b.get("/leads/" + lead).body); m != nil {
		return m[1]
	}
	return ""
}

func (b *browser) verdictSeen(lead, seen, decision, reason string) answer {
	b.t.Helper()
	return b.post("/leads/"+lead+"/verdict", url.Values{"decision": {decision}, "reason": {reason}, "seen": {seen}})
}

func (s *site) state(t testing.TB, lead string) string {
	t.Helper()
	l, err := s.Records.Lead(t.Context(), nil, lead)
	if err != nil {
		t.Fatal(err)
	}
	return l.State
}

func TestSecondPersonJudgesWithoutKnowingTheFirst(t *testing.T) {
	c := newCase(t)
	c.person(t, "li", record.Volunteer)
	c.person(t, "hu", record.Volunteer)
	c.person(t, "wu", record.Reviewer)
	li, hu, wu := c.as(t, "li"), c.as(t, "hu"), c.as(t, "wu")
	page := "/leads/" + c.lead
	wants(t, "likely without its reason", li.verdict(c.lead, record.Likely, " "), http.StatusUnprocessableEntity, []string{`id="reason-bad"`}, nil)
	wants(t, "the first verdict", li.verdict(c.lead, record.Likely, "同一件红衣服"), http.StatusSeeOther, nil, nil)
	if got := c.state(t, c.lead); got != record.LeadFirst {
		t.Fatalf("state %q after one verdict", got)
	}
	wants(t, "another volunteer", hu.get(page), http.StatusOK, []string{c.Texts.T(locale.Chinese, "whynot.reviewer")}, []string{"同一件红衣服", "name=\"decision\""})
	wants(t, "another volunteer's verdict", hu.verdict(c.lead, record.Same, ""), http.StatusForbidden, nil, nil)
	wants(t, "the reviewer before", wu.get(page), http.StatusOK, []string{`name="decision"`}, []string{"同一件红衣服", ">li<"})
	wants(t, "the second verdict", wu.verdict(c.lead, record.Same, ""), http.StatusSeeOther, nil, nil)
	if got := c.state(t, c.lead); got != record.LeadAgreed {
		t.Fatalf("state %q after two verdicts", got)
	}
	wants(t, "the reviewer after", wu.get(page), http.StatusOK, []string{"同一件红衣服", "li"}, []string{`name="decision"`})
}

func TestVerdictGivenWhileSomebodyWasFasterIsKept(t *testing.T) {
	c := newCase(t)
	c.person(t, "li", record.Volunteer)
	c.person(t, "hu", record.Volunteer)
	li, hu := c.as(t, "li"), c.as(t, "hu")
	seen := hu.seen(c.lead)
	li.verdict(c.lead, record.Different, "")
	wants(t, "the slower verdict", hu.verdictSeen(c.lead, seen, record.Same, ""), http.StatusSeeOther, nil, nil)
	wants(t, "its page", hu.get("/leads/"+c.lead), http.StatusOK, []string{c.Texts.T(locale.Chinese, "verdict.meanwhile")}, nil)
	l, err := c.Records.Lead(t.Context(), nil, c.lead)
	if err != nil {
		t.Fatal(err)
	}
	verdicts, err := c.Records.Verdicts(t.Context(), nil, l.ReportPhotoID, l.PictureID)
	if err != nil || len(verdicts) != 2 || l.State != record.LeadDisputed {
		t.Errorf("%d verdicts stand and the lead is %q (%v), want both and a dispute", len(verdicts), l.State, err)
	}
}

func TestVerdictCanBeUndoneForTenMinutes(t *testing.T) {
	c := newCase(t)
	c.person(t, "li", record.Volunteer)
	b := c.as(t, "li")
	b.verdict(c.lead, record.Same, "")
	wants(t, "a second verdict on top", b.verdictSeen(c.lead, "", record.Different, ""), http.StatusForbidden, nil, nil)
	wants(t, "undone", b.post("/leads/"+c.lead+"/undo", nil), http.StatusSeeOther, nil, nil)
	if got := c.state(t, c.lead); got != record.LeadUnchecked {
		t.Fatalf("state %q after the undoing", got)
	}
	b.verdict(c.lead, record.Same, "")
	c.pass(c.Policy.Lives.Undo.D() + time.Second)
	wants(t, "too late", b.post("/leads/"+c.lead+"/undo", nil), http.StatusConflict, nil, nil)
	if got := c.state(t, c.lead); got != record.LeadFirst {
		t.Errorf("state %q after the undoing came too late", got)
	}
}

func TestOwnReportIsNotReviewedByWhoTookItIn(t *testing.T) {
	c := newCase(t)
	u := c.person(t, "wu", record.Reviewer)
	c.person(t, "li", record.Volunteer)
	report, _, err := c.Pipeline.AddReport(t.Context(), u.ID, record.Report{Kind: record.ReportMissing, Name: "甲"}, [][]byte{jpg(draw(41), 90)})
	if err != nil {
		t.Fatal(err)
	}
	_, ph := c.seedPost(t, c.source(t), record.Post{Text: "x", PostedAt: c.clock().Add(-48 * time.Hour)}, jpg(draw(41), 60))
	lead := c.seedLead(t, report, ph)
	c.as(t, "li").verdict(lead, record.Same, "")
	wants(t, "the own report", c.as(t, "wu").get("/leads/"+lead), http.StatusOK, []string{c.Texts.T(locale.Chinese, "whynot.ownreport")}, []string{`name="decision"`})
}

func TestHarmfulPictureIsShownToNobodyAnyMore(t *testing.T) {
	c := newCase(t)
	c.person(t, "li", record.Volunteer)
	c.person(t, "wu", record.Reviewer)
	li := c.as(t, "li")
	_, links := li.pictures(li.get("/leads/" + c.lead))
	li.verdict(c.lead, record.Harmful, "")
	for _, link := range links {
		wants(t, "a link given before", li.get(link), http.StatusNotFound, nil, nil)
	}
	for _, name := range []string{"li", "wu"} {
		b := c.as(t, name)
		for _, path := range []string{"/leads/" + c.lead, "/search?q=胎记", "/reports/" + c.report} {
			wants(t, name+" "+path, b.get(path), http.StatusOK, nil, []string{"<img src=\"/photos"})
		}
		wants(t, name+" asks", b.post("/leads/"+c.lead+"/show", nil), http.StatusGone, nil, nil)
	}
}

func TestLeadOfExactCopyWaitsForPeople(t *testing.T) {
	c := newCase(t)
	c.person(t, "wu", record.Volunteer, record.Reviewer)
	b := c.as(t, "wu")
	same := jpg(draw(51), 90)
	_, ph := c.seedPost(t, c.source(t), record.Post{Text: "x", PostedAt: c.clock().Add(-48 * time.Hour)}, same)
	lead := c.seedLead(t, c.seedReport(t, record.Report{Name: "乙"}, same), ph)
	for _, lang := range locale.Langs() {
		wants(t, "the lead", b.get("/leads/"+lead+"?lang="+lang), http.StatusOK, []string{c.Texts.T(lang, "leadstate.unchecked"), c.Texts.T(lang, "lead.unchecked"), c.Texts.T(lang, "frame.danger")}, nil)
	}
	if got := c.state(t, lead); got != record.LeadUnchecked {
		t.Errorf("state %q without a person", got)
	}
}

// The words for likeness are fixed, and none is a number.
func TestNoTextClaimsMoreThanIsKnown(t *testing.T) {
	texts, err := locale.Load()
	if err != nil {
		t.Fatal(err)
	}
	never := regexp.MustCompile(`(?i)%|％|匹配成功|相似度|人贩子|被拐儿童|查无此人|已解救|已立案|match found|similar|traffick|abducted|rescued|go there|前往现场`)
	for _, lang := range locale.Langs() {
		for _, key := range texts.Keys() {
			if m := never.FindString(texts.T(lang, key)); m != "" {
				t.Errorf("%s says %q in %s", key, m, lang)
			}
		}
	}
}

func TestHostileTextStaysText(t *testing.T) {
	c := newCase(t)
	c.person(t, "wu", record.Reviewer)
	b := c.as(t, "wu")
	report := c.seedReport(t, record.Report{Name: `"><script>alert(2)</script>`, Number: "<b>9</b>", Features: "{{.}} <svg onload=alert(3)>"}, jpg(draw(61), 90))
	bad := []string{"<img src=x", "<script>alert", "<svg", "<b>9", "\u202e"}
	for _, path := range []string{"/leads/" + c.lead, "/search?q=胎记", "/reports", "/reports/" + report, "/search?q=" + url.QueryEscape(`<script>alert(1)</script>`), "/search?q=" + url.QueryEscape(`"<b>9`)} {
		a := b.get(path)
		for _, s := range bad {
			if strings.Contains(a.body, s) {
				t.Errorf("%s holds %q unescaped", path, s)
			}
		}
	}
	wants(t, "the lead", b.get("/leads/"+c.lead), http.StatusOK, []string{"&lt;img src=x onerror=alert(1)&gt;", "⟦U&#43;202E⟧"}, nil)
}

func TestLeadsArePagedWithoutRepeating(t *testing.T) {
	c := newCase(t)
	c.person(t, "wu", record.Reviewer)
	b := c.as(t, "wu")
	report := c.seedReport(t, record.Report{Name: "丙"}, jpg(draw(71), 90))
	for range pageLength + 4 {
		c.seedLead(t, report)
	}
	link, seen := "/leads", map[string]bool{}
	for pages := 0; link != ""; pages++ {
		if pages == 3 {
			t.Fatal("it never ends")
		}
		a := b.get(link)
		for _, m := range regexp.MustCompile(`href="/leads/([a-z0-9]{26})"`).FindAllStringSubmatch(a.body, -1) {
			if seen[m[1]] {
				t.Errorf("%s is listed twice", m[1])
			}
			seen[m[1]] = true
		}
		link = ""
		if m := regexp.MustCompile(`href="(/leads\?after=[^"&]+&amp;list=review)"`).FindStringSubmatch(a.body); m != nil {
			link = strings.ReplaceAll(m[1], "&amp;", "&")
		}
	}
	if len(seen) != pageLength+5 {
		t.Errorf("%d leads are listed, want %d", len(seen), pageLength+5)
	}
}

func TestDueDateIsTheOwnersToSet(t *testing.T) {
	c := newCase(t)
	c.person(t, "li", record.Volunteer)
	c.person(t, "hu", record.Volunteer)
	li, hu := c.as(t, "li"), c.as(t, "hu")
	path := "/leads/" + c.lead
	li.post(path+"/take", nil)
	wants(t, "somebody else takes it", hu.post(path+"/take", nil), http.StatusConflict, nil, nil)
	for day, status := range map[string]int{"2026-03-09": http.StatusSeeOther, "2026-02-01": http.StatusUnprocessableEntity, "2027-03-09": http.StatusUnprocessableEntity, "soon": http.StatusUnprocessableEntity} {
		wants(t, day, li.post(path+"/due", url.Values{"due": {day}}), status, nil, nil)
		wants(t, day+" by another", hu.post(path+"/due", url.Values{"due": {day}}), http.StatusConflict, nil, nil)
	}
	l, err := c.Records.Lead(t.Context(), nil, c.lead)
	if err != nil {
		t.Fatal(err)
	}
	if got := l.NextAt.In(c.Zone).Format(time.DateTime); got != "2026-03-09 23:59:59" {
		t.Errorf("due at %s", got)
	}
	c.pass(8 * 24 * time.Hour)
	wants(t, "overdue", c.as(t, "li").get("/today"), http.StatusOK, []string{c.Texts.T(locale.Chinese, "lead.late")}, nil)
}

func (s *site) set(t testing.TB, l record.Lead) {
	t.Helper()
	if err := s.Records.Tx(t.Context(), func(tx *sql.Tx) error { return s.Records.SetLead(t.Context(), tx, l) }); err != nil {
		t.Fatal(fmt.Errorf("set lead: %w", err))
	}
}
