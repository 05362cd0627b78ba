package facts

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var same = cmp.Options{cmp.Comparer(func(a, b *Division) bool { return a == b }), cmpopts.EquateApproxTime(time.Second), cmpopts.IgnoreFields(Masked{}, "Key")}

func TestStoredFactsComeBackWhole(t *testing.T) {
	for _, q := range readExam(t, "exam-a.jsonl") {
		want := Read(q.Text, q.Posted, Context{Kind: "post", Place: q.City, Key: []byte("key")})
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Facts
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, same); d != "" {
			t.Errorf("%s: want, got:\n%s", q.ID, d)
		}
		if !got.Within(len(q.Text)) {
			t.Errorf("%s: words outside the text", q.ID)
		}
		for _, m := range want.Masked {
			for _, secret := range []string{m.Key, m.Words.In(q.Text)} {
				if strings.Contains(string(b), secret) {
					t.Errorf("%s: the stored form holds %q", q.ID, secret)
				}
			}
		}
	}
}

func TestAnAbolishedDivisionComesBackAsItself(t *testing.T) {
	n := 0
	for i := range china().all {
		d := &china().all[i]
		b, err := json.Marshal(Facts{Places: []Place{{Division: d, Grade: 1}}})
		if err != nil {
			t.Fatal(err)
		}
		var f Facts
		if err := json.Unmarshal(b, &f); err != nil || len(f.Places) != 1 || f.Places[0].Division != d {
			t.Errorf("%s %s: %s is %+v, %v", d.Code, d.Name, b, f.Places, err)
		}
		n++
	}
	if n < 3000 {
		t.Errorf("%d divisions", n)
	}
}

func TestAPathLeadsDownThroughWhatStandsToday(t *testing.T) {
	for code, want := range map[string]string{
		"440106": "440000 440100 440106", "110101": "110000 110101", "350000": "350000", "429004": "420000 429004",
		"110104": "110000",        // 宣武区, which 西城区 took up
		"320821": "320000 320800", // 淮阴县, now 淮阴区
	} {
		var got []string
		for _, d := range Lookup(code).Path() {
			got = append(got, d.Code)
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %s, want %s", code, s, want)
		}
	}
	for i := range china().all {
		d := &china().all[i]
		for _, n := range append(d.Present(), d) {
			for _, outer := range n.Path() {
				if !outer.Current() || !n.Within(outer) {
					t.Errorf("%s %s: %s %s is on its path", n.Code, n.Name, outer.Code, outer.Name)
				}
			}
		}
	}
}

func TestBirthsOfOneChildMeet(t *testing.T) {
	for text, want := range map[string]string{
		"男孩，约5岁": "2004-01-25/2007-01-25",
		"男孩，2005年3月12日出生，今年5岁":               "2005-03-12",
		"男孩，生于2005年":                         "2005-01-01/2005-12-31",
		"福利院公告：女婴，2011年1月3日入院，出生日期2011年1月3日": "../2011-01-03",
		"一男一女，男孩3岁，女孩10岁":                    "1998-01-25/2009-01-25",
		"昨天在广州看到":                            "",
	} {
		if got := Read(text, posted, Context{Kind: "post"}).Born(); got.String() != want {
			t.Errorf("%s: born %s, want %s", text, got, want)
		}
	}
}

func TestFactsAreWeighedByKind(t *testing.T) {
	report := Read("男孩，2005年3月12日出生，2010年5月1日在福建省泉州市晋江市走失", posted, Context{Kind: "report"})
	for text, want := range map[string]string{
		"昨天下午3点，广州天河岗顶天桥，男孩，约5岁":              "place may_be_same brought, time may_be_same seen_after, birth may_be_same born_meet, sex same same_sex",
		"2010年4月3日在泉州见到一个女孩，约12岁":             "place same inside, time must_differ seen_before, birth must_differ born_apart, sex must_differ other_sex",
		"寻子：儿子2010年5月1日在泉州晋江市走失，2005年3月12日出生": "place same same_place, time same same_day, birth same born_same, sex same same_sex",
		"寻女：2009年6月走失，地点成都市武侯区":               "place must_differ far, time must_differ apart, birth may_be_same unknown, sex must_differ other_sex",
		"看到一个孩子": "place may_be_same unknown, time may_be_same unknown, birth may_be_same unknown, sex may_be_same unknown",
	} {
		var got []string
		for _, c := range Compare(report, Read(text, posted, Context{Kind: "post"})) {
			got = append(got, c.Kind+" "+string(c.Verdict)+" "+c.Code)
			if !slices.Contains(Reasons(), c.Code) {
				t.Errorf("%s is no reason", c.Code)
			}
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("%s:\n got %s\nwant %s", text, s, want)
		}
	}
}
