package desk

import (
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/pipeline/record"
)

func reportFields() map[string]string {
	return map[string]string{"category": "family_seeks_child", "full_name": "赵某某", "sex": "female", "date_of_birth": "2003-04", "missing_date": "2010-05-06", "missing_place": "福建省泉州市",
		"features": "右手有疤", "contact_name": "赵父", "contact_phone": kin}
}

var reportPath = regexp.MustCompile(`^/reports/[a-z0-9]{26}$`)

func TestReportByFormIsStoredAndItsContactSealed(t *testing.T) {
	c := newCase(t)
	c.person(t, "li", record.Volunteer)
	c.person(t, "wu", record.Reviewer)
	li, wu := c.as(t, "li"), c.as(t, "wu")
	picture := jpg(draw(90), 80)
	a := li.send("/reports", reportFields(), upload{Field: "photos", Name: "one.jpg", Bytes: picture}, upload{Field: "photos", Name: "two.heic", Bytes: []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic")})
	path := a.header.Get("Location")
	if a.status != http.StatusSeeOther || !reportPath.MatchString(path) {
		t.Fatalf("status %d to %q: %s", a.status, path, a.body)
	}
	page := li.get(path)
	wants(t, "the volunteer's page", page, 200, []string{"赵某某", "右手有疤", "two.heic", c.Texts.T(locale.Chinese, "photoreason.heic"), c.Texts.T(locale.Chinese, "report.byform")}, []string{kin, "赵父"})
	if pictures, _ := li.pictures(page); len(pictures) != 1 {
		t.Errorf("%d photos, want the one that can be read", len(pictures))
	}
	wants(t, "a volunteer asks for the contact", li.post(path+"/contact", nil), 404, nil, []string{kin})
	wants(t, "the reviewer's page", wu.get(path), 200, nil, []string{kin})
	wants(t, "the contact, asked for", wu.post(path+"/contact", nil), 200, []string{kin, "赵父"}, nil)
	if n := c.audited(t, "view-contact"); n != 1 {
		t.Errorf("%d looks at the contact are logged", n)
	}
	if list := holding(t, filepath.Dir(t.TempDir()), []byte(kin)); len(list) > 0 {
		t.Errorf("the telephone number can be read in %v", list)
	}
	if strings.Contains(c.log.String(), kin) || strings.Contains(c.log.String(), "赵某某") {
		t.Error("the log says who")
	}
}

func TestReportWithAMistakeIsNotStoredAndKeepsWhatWasWritten(t *testing.T) {
	c := newCase(t)
	c.person(t, "li", record.Volunteer)
	b := c.as(t, "li")
	for name, test := range map[string]struct{ field, value, zh, en string }{
		"future":    {"missing_date", "2031-01-01", "日期在将来", "in the future"},
		"ambiguous": {"date_of_birth", "8/12/2003", "可能是两个日子", "can be two days"},
		"height":    {"height_cm", "9000", "不是厘米数", "not a height"},
		"no number": {"height_cm", "tall", "请填写整数", "whole number"},
		"long":      {"full_name", strings.Repeat("长", 101), "最多 100", "100 characters"},
		"category":  {"category", "none", "无法识别", "not known"},
	} {
		fields := reportFields()
		fields[test.field] = test.value
		wants(t, name, b.send("/reports?lang=zh-CN", fields), 422, []string{test.zh, "右手有疤", `id="` + test.field + `-bad"`}, nil)
		wants(t, name, b.send("/reports?lang=en", fields), 422, []string{test.en, "右手有疤"}, nil)
	}
	many := make([]upload, 11)
	for i := range many {
		many[i] = upload{Field: "photos", Name: "x.jpg", Bytes: []byte("x")}
	}
	wants(t, "eleven photos", b.send("/reports", reportFields(), many...), 422, []string{`id="photos-bad"`}, nil)
	list, err := c.Records.ReportsByID(t.Context(), nil, []string{c.report})
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	all := 0
	if err := c.Records.EachReport(t.Context(), func(record.Report) error { all++; return nil }); err != nil || all != 1 {
		t.Errorf("%d reports are stored (%v), want the one from before", all, err)
	}
}

const table = "寻亲编号,寻亲类别,姓名,失踪时间,失踪地点,联系电话,照片\r\n" +
	"T-1,家寻宝贝,钱某,2009-01-02,江苏省南京市," + kin + ",a.jpg\r\n" +
	"T-2,家寻宝贝,孙某,2041-01-02,江苏省南京市,,\r\n" +
	"T-3,宝贝寻家,李某,2001,,,gone.jpg\r\n"

func TestTableIsCheckedBeforeItIsTakenIn(t *testing.T) {
	c := newCase(t)
	c.person(t, "wu", record.Reviewer)
	c.person(t, "li", record.Volunteer)
	b := c.as(t, "wu")
	files := []upload{{Field: "table", Name: "t.csv", Bytes: []byte(table)}, {Field: "photos", Name: "a.jpg", Bytes: jpg(draw(95), 80)}}
	stored := func() (n int) {
		if err := c.Records.EachReport(t.Context(), func(record.Report) error { n++; return nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	wants(t, "the check", b.send("/reports/import?lang=en", map[string]string{"do": "check"}, files...), 200, []string{"nothing was saved", "T-1", "T-2", "in the future", "rejected"}, []string{kin})
	if n := stored(); n != 1 {
		t.Fatalf("the check stored %d reports", n-1)
	}
	a := b.send("/reports/import?lang=zh-CN", map[string]string{"do": "take", "answer": "file"}, files...)
	wants(t, "the result", a, 200, []string{"\ufeff行,编号,结果,原因\r\n", "T-1,已添加", "T-2,未收下", "T-3,已添加", "gone.jpg"}, []string{kin})
	if got := a.header.Get("Content-Disposition"); got != `attachment; filename="result.csv"` || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", a.header)
	}
	if n := stored(); n != 3 {
		t.Errorf("%d reports are stored, want 3", n)
	}
	wants(t, "the same table again", b.send("/reports/import?lang=en", map[string]string{"do": "take"}, files...), 200, []string{"unchanged"}, nil)
	wants(t, "no table", b.send("/reports/import?lang=en", nil), 422, []string{"Choose a table"}, nil)
	wants(t, "not a table", b.send("/reports/import?lang=en", nil, upload{Field: "table", Name: "t", Bytes: []byte("a,b\n1,2\n")}), 422, []string{`id="table-bad"`}, nil)
	wants(t, "a volunteer", c.as(t, "li").send("/reports/import", nil, files...), 404, nil, nil)
}

func TestReportIsClosedByAReviewerOnce(t *testing.T) {
	c := newCase(t)
	c.person(t, "wu", record.Reviewer)
	c.person(t, "li", record.Volunteer)
	b := c.as(t, "wu")
	m := regexp.MustCompile(`name="version" value="(\d+)"`).FindStringSubmatch(b.get("/reports/" + c.report).body)
	if m == nil {
		t.Fatal("no form to close")
	}
	form := url.Values{"version": {m[1]}}
	wants(t, "a volunteer", c.as(t, "li").post("/reports/"+c.report+"/close", form), 404, nil, nil)
	wants(t, "closed", b.post("/reports/"+c.report+"/close", form), 303, nil, nil)
	wants(t, "closed twice", b.post("/reports/"+c.report+"/close", form), 409, nil, nil)
	wants(t, "the page", b.get("/reports/"+c.report), 200, []string{c.Texts.T(locale.Chinese, "reportstatus.closed")}, []string{`name="version"`})
}
