package pipeline_test

import (
	"bytes"
	"database/sql"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"xunqin/crawler"
	"xunqin/pipeline"
	"xunqin/pipeline/facts"
	"xunqin/pipeline/record"
	"xunqin/pipeline/record/recordtest"
	"xunqin/search"
)

// accept records posts as a crawl does and gives their ids.
func (r *rig) accept(t *testing.T, posts ...crawler.Post) []string {
	t.Helper()
	src, err := r.Records.Source(t.Context(), nil, r.source)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Accept(t.Context(), src, "", crawler.Page{Posts: posts}); err != nil {
		t.Fatal(err)
	}
	ids := make([]string, len(posts))
	err = r.Records.EachPost(t.Context(), func(p record.Post) error {
		if i := slices.IndexFunc(posts, func(q crawler.Post) bool { return q.NativeID == p.NativeID }); i >= 0 {
			ids[i] = p.ID
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func (r *rig) factsOf(t *testing.T, kind, id string) facts.Facts {
	t.Helper()
	f, err := r.Records.Facts(t.Context(), nil, record.Ref{ID: id, Kind: kind})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// said is where, when, of whom and born when, in a line.
func said(f facts.Facts) string {
	place, when := "-", "-"
	if p := f.Place(); p != nil {
		place = p.Code + " " + string(p.Role)
	}
	if m := f.Time(); m != nil {
		when = m.Dates.String() + " " + string(m.Role)
	}
	return strings.Join([]string{place, when, "born " + f.Born().String(), f.Sex}, ", ")
}

var writtenAt = time.Date(2011, 1, 25, 10, 0, 0, 0, time.FixedZone("", 8*3600))

func TestAPostIsKeptWithWhatItsWordsSay(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		post := crawler.Post{NativeID: "1", Text: "昨天下午3点，广州天河岗顶天桥，男孩，约5岁", At: writtenAt, Precision: crawler.PrecisionSecond}
		id := r.accept(t, post)[0]
		if got, want := said(r.factsOf(t, "post", id)), "440106 seen, 2011-01-24 seen, born 2004-01-24/2007-01-24, male"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		// An edited post says what it says now.
		post.Text = "更正：前天下午，泉州晋江，女孩"
		r.accept(t, post)
		if got, want := said(r.factsOf(t, "post", id)), "350582 seen, 2011-01-23 seen, born , female"; got != want {
			t.Errorf("edited: got %s, want %s", got, want)
		}
		r.verified(t)
	})
}

func TestWhatHasNoDateSaysNothingOfYesterday(t *testing.T) {
	r := newRig(t, recordtest.Open(t))
	id := r.accept(t, crawler.Post{NativeID: "1", Text: "昨天下午3点，广州天河岗顶天桥，男孩，约5岁"})[0]
	if got, want := said(r.factsOf(t, "post", id)), "440106 seen, -, born , male"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTheSourcesPlaceDecidesASharedName(t *testing.T) {
	r := newRig(t, recordtest.Open(t))
	src, err := r.Records.Source(t.Context(), nil, r.source)
	if err != nil {
		t.Fatal(err)
	}
	src.Place = "江苏南京"
	if err := r.Records.Tx(t.Context(), func(tx *sql.Tx) error { return r.Records.ChangeSource(t.Context(), tx, src) }); err != nil {
		t.Fatal(err)
	}
	id := r.accept(t, crawler.Post{NativeID: "1", Text: "在鼓楼区看到一个男孩乞讨", At: writtenAt})[0]
	if p := r.factsOf(t, "post", id).Place(); p == nil || p.Code != "320106" {
		t.Errorf("place %+v, want 鼓楼区 of Nanjing", p)
	}
}

func TestAReportSaysWhatItsFieldsAndFeaturesSay(t *testing.T) {
	day := func(y, m, d int) time.Time { return time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC) }
	each(t, func(t *testing.T, r *rig) {
		for want, rep := range map[string]record.Report{
			"350582 lost, 2010-05-01 lost, born 2003-03-12, female":                     {Kind: record.ReportMissing, Sex: "female", Birth: "2003-03-12", LostText: "2010-5-1", LostFrom: day(2010, 5, 1), LostTo: day(2010, 5, 2), Place: "福建省泉州市晋江市青阳街道", Features: "左脸胎记，像男孩"},
			"431322 lost, 2008-03-01/2008-03-31 lost, born 2003-03-01/2005-03-31, male": {Kind: record.ReportMissing, LostText: "2008年3月", LostFrom: day(2008, 3, 1), LostTo: day(2008, 4, 1), Place: "湖南省娄底市新化县", Features: "男孩，走失时4岁"},
			"420600 lost, 2010-02-06 lost, born , ":                                     {Kind: record.ReportMissing, LostText: "农历2009年腊月廿三", Place: "湖北襄樊"},
			"-, -, born 2006-03-29/2006-04-27, ":                                        {Kind: record.ReportMissing, Birth: "2006年农历三月"},
			"510107 seen, 1990-01-01/1990-12-31 seen, born ../1987-12-31, male":         {Kind: record.ReportFound, Sex: "male", Birth: "1987", LostText: "1990", LostFrom: day(1990, 1, 1), LostTo: day(1991, 1, 1), Place: "四川省成都市武侯区"},
		} {
			rep.SourceName = "registry"
			id, _, err := r.AddReport(t.Context(), "tester", rep, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := said(r.factsOf(t, "report", id)); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			for _, n := range r.factsOf(t, "report", id).Notes {
				if w := n.Words.In(rep.Features); !strings.Contains(w, "胎记") {
					t.Errorf("a note is %q of the features", w)
				}
			}
		}
		r.verified(t)
	})
}

func TestAnIndexIsGivenWhatWordsSay(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		day := func(s string) time.Time {
			at, err := time.ParseInLocation(time.DateOnly, s, writtenAt.Location())
			if err != nil {
				t.Fatal(err)
			}
			return at
		}
		spot := func(grade search.Grade, role search.Role, path ...string) search.Spot {
			return search.Spot{Path: path, Grade: grade, Role: role}
		}
		for text, want := range map[string]search.Facts{
			"昨天在广州天河岗顶，老家四川的男孩，约5岁": {Places: []search.Spot{spot(search.Sure, search.Seen, "440000", "440100", "440106")}, Sex: search.Male,
				When: search.Span{From: day("2011-01-24"), To: day("2011-01-25")}, Born: search.Span{From: day("2004-01-24"), To: day("2007-01-25")}},
			"女孩，1989年7月在北京宣武区走失": {Places: []search.Spot{spot(search.Sure, search.Lost, "110000", "110102")}, Sex: search.Female,
				When: search.Span{From: day("1989-07-01"), To: day("1989-08-01")}},
			"在鼓楼区看到": {Places: []search.Spot{spot(search.Possible, search.Seen, "320000", "320100", "320106"), spot(search.Possible, search.Seen, "350000", "350100", "350102"),
				spot(search.Possible, search.Seen, "320000", "320300", "320302"), spot(search.Possible, search.Seen, "410000", "410200", "410204")}},
			"没有人知道": {},
		} {
			id := r.accept(t, crawler.Post{NativeID: record.NewID(), Text: text, At: writtenAt})[0]
			doc, ok, err := r.Records.Doc(t.Context(), nil, record.Change{DocID: id, Kind: "post"})
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			if err := doc.Check(); err != nil {
				t.Error(err)
			}
			byPath := cmpopts.SortSlices(func(a, b search.Spot) bool { return a.Path[len(a.Path)-1] < b.Path[len(b.Path)-1] })
			if d := cmp.Diff(want, doc.Facts, byPath); d != "" {
				t.Errorf("%s: want, got:\n%s", text, d)
			}
		}
	})
}

func TestWordsOfOlderRulesAreReadAgainInPortions(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		var posts []crawler.Post
		for i := range 450 {
			posts = append(posts, crawler.Post{NativeID: record.NewID(), Text: "昨天在广州天河，男孩" + strings.Repeat("。", i%7), At: writtenAt})
		}
		ids := r.accept(t, posts...)
		report := r.report(t, "林示例")
		for _, q := range []string{`UPDATE posts SET facts='{}', facts_version=0`, `UPDATE reports SET facts='{}', facts_version=0`, `DELETE FROM numbers`} {
			if _, err := r.Records.DB().ExecContext(ctx, q); err != nil {
				t.Fatal(err)
			}
		}
		before, err := r.Records.LastChange(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := r.Verify(ctx); err != nil || v.Unread != 451 {
			t.Errorf("%d wait to be read, %v", v.Unread, err)
		}
		stop := r.work(t)
		eventually(t, "all read", func() bool {
			n, err := r.Records.CountUnread(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			return n == 0
		})
		r.quiet(t)
		stop()
		for _, id := range ids {
			if p := r.factsOf(t, "post", id).Place(); p == nil || p.Code != "440106" {
				t.Fatalf("post %s: place %+v", id, p)
			}
		}
		changed, err := r.Records.Changes(ctx, nil, before, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(changed, func(c record.Change) bool { return c.DocID == report }) || len(changed) < 451 {
			t.Errorf("the index is told of %d documents", len(changed))
		}
		var jobs int
		if err := r.Records.DB().QueryRowContext(ctx, `SELECT COUNT(*) FROM river_job WHERE kind='reread'`).Scan(&jobs); err != nil || jobs != 3 {
			t.Errorf("%d portions, want 3, %v", jobs, err)
		}
		r.verified(t)
	})
}

func TestNumbersInWordsAreKeptAsKeyedMarksAlone_S48(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		ids := r.accept(t,
			crawler.Post{NativeID: "1", Text: "有消息请打138-0013-8000", At: writtenAt},
			crawler.Post{NativeID: "2", Text: "电话一三八零零一三八零零零，微信同号", At: writtenAt},
			crawler.Post{NativeID: "3", Text: "电话13900139000", At: writtenAt})
		report, _, err := r.AddReport(ctx, "tester", record.Report{Kind: record.ReportMissing, Name: "林示例", Features: "家属 +86 138 0013 8000", SourceName: "form"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		same, err := r.Records.SameNumber(ctx, nil, record.Ref{ID: ids[0], Kind: "post"}, 10)
		if err != nil {
			t.Fatal(err)
		}
		want := []record.Ref{{ID: ids[1], Kind: "post"}, {ID: report, Kind: "report"}}
		slices.SortFunc(want, func(a, b record.Ref) int { return strings.Compare(a.ID, b.ID) })
		if d := cmp.Diff(want, same); d != "" {
			t.Errorf("with the same number: want, got:\n%s", d)
		}
		same, err = r.Records.SameNumber(ctx, nil, record.Ref{ID: report, Kind: "report"}, 10)
		if err != nil || len(same) != 2 {
			t.Errorf("of the report: %v, %v", same, err)
		}
		marks := map[string]bool{}
		rows, err := r.Records.DB().QueryContext(ctx, `SELECT mark FROM numbers UNION ALL SELECT facts FROM posts UNION ALL SELECT facts FROM reports`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var s string
			if err := rows.Scan(&s); err != nil {
				t.Fatal(err)
			}
			marks[s] = true
			for _, number := range []string{"0013", "8000", "一三八", "139"} {
				if strings.Contains(s, number) {
					t.Errorf("%q holds %s", s, number)
				}
			}
		}
		// Under other keys they are other marks.
		for _, m := range facts.Read("13800138000", writtenAt, facts.Context{Key: []byte("another")}).Masked {
			if marks[m.Key] {
				t.Error("a mark is the same under another key")
			}
		}
		var dump bytes.Buffer
		if err := r.Dump(ctx, &dump); err != nil {
			t.Fatal(err)
		}
		for m := range marks {
			if strings.Contains(dump.String(), m) {
				t.Errorf("the dump holds %q", m)
			}
		}
		if !strings.Contains(dump.String(), `"type":"facts"`) {
			t.Error("the dump says nothing of facts")
		}
		// They go with what they stand in.
		for _, id := range append(ids, report) {
			if err := r.Erase(ctx, "command", id, "asked"); err != nil {
				t.Fatal(err)
			}
		}
		var n int
		if err := r.Records.DB().QueryRowContext(ctx, `SELECT COUNT(*) FROM numbers`).Scan(&n); err != nil || n != 0 {
			t.Errorf("%d marks outlive what they stood in, %v", n, err)
		}
	})
}

func TestVerifyFindsFactsThatAreNotOfTheirText(t *testing.T) {
	r := newRig(t, recordtest.Open(t))
	id := r.accept(t, crawler.Post{NativeID: "1", Text: "男孩", At: writtenAt})[0]
	for _, bad := range []string{`{"s":"male","sw":[3,900]}`, `{"s":`} {
		if _, err := r.Records.DB().ExecContext(t.Context(), `UPDATE posts SET facts=$1`, bad); err != nil {
			t.Fatal(err)
		}
		v, err := r.Verify(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(v.Problems, func(p pipeline.Problem) bool { return p.Kind == "facts" && p.ID == id }) {
			t.Errorf("%s of %s is no problem", bad, id)
		}
	}
}
