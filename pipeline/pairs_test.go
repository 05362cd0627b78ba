package pipeline_test

import (
	"database/sql"
	"fmt"
	"testing"
	"time"

	"xunqin/pipeline"
	"xunqin/pipeline/facts/pair"
	"xunqin/pipeline/record"
	"xunqin/pipeline/report"
)

const mark = "左耳后有红色胎记"

// seeks is a family's report without a photo.
func (r *rig) seeks(t *testing.T, change func(*record.Report)) string {
	t.Helper()
	f := record.Report{Kind: record.ReportMissing, Name: "林示例", SourceName: "form", Sex: "male", Birth: "2003-05-01", LostText: "2008-03-05", Place: "广东省广州市天河区", Features: mark,
		LostFrom: time.Date(2008, 3, 5, 0, 0, 0, 0, time.UTC), LostTo: time.Date(2008, 3, 6, 0, 0, 0, 0, time.UTC)}
	if change != nil {
		change(&f)
	}
	id, _, err := r.AddReport(t.Context(), "tester", f, nil)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// notice is a text that agrees with what seeks says, and no other is the same.
func notice(n int) string {
	return fmt.Sprintf("2011年2月%d日在广州市天河区看到一个男孩，约7岁，左边耳朵背后有一块红胎记", n)
}

// numbered is what seeks says, as a line of a table that may come again.
func (r *rig) numbered(t *testing.T, sex, features string) (id string) {
	t.Helper()
	birth, _ := report.ParseDate("2003-05-01")
	lost, _ := report.ParseDate("2008-03-05")
	d := report.Draft{Number: "1", Category: report.FamilySeeksChild, Name: "林示例", SourceName: "table", Sex: sex, BirthText: "2003-05-01", Birth: birth, MissingText: "2008-03-05", Missing: lost,
		Place: "广东省广州市天河区", Features: features}
	results, ids, err := r.Import(t.Context(), "tester", report.Table{Rows: []report.Row{{Line: 1, Report: d}}}, nil, false, nil)
	if err != nil || len(ids) != 1 {
		t.Fatalf("%+v, %v", results, err)
	}
	r.quiet(t)
	return ids[0]
}

func TestWhatAReportAndAPostSayMakesALeadWhicheverCameFirst(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.work(t)
		first := r.seeks(t, nil)
		r.quiet(t)
		r.site.post(notice(1))
		r.site.post("天河区今天下雨")
		r.site.post("2011年2月3日在广州市天河区看到一个女孩，约7岁，" + mark) // of the other sex
		r.crawl(t)
		second := r.seeks(t, func(f *record.Report) { f.Name = "王小样" })
		r.quiet(t)
		list := r.all(t)
		if len(list) != 2 || list[0].ReportID != first || list[1].ReportID != second {
			t.Fatalf("%+v", list)
		}
		for _, l := range list {
			if l.Kind != record.ByFacts || l.Pair != "sighting" || l.PostID == "" || l.OtherID != "" || l.ReportPhotoID != "" || l.PictureID != "" || l.State != record.LeadUnchecked || l.NextAt.IsZero() {
				t.Errorf("%+v", l)
			}
			a, b, err := r.PairDocs(t.Context(), l)
			if err != nil || a.ID != l.ReportID || b.ID != l.PostID || len(pair.Explain(a, b)) < 5 {
				t.Errorf("%+v, %+v, %v", a, b, err)
			}
		}
		r.verified(t)
	})
}

func TestTwoReportsThatAgreeAreALeadOfTheFamilys(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.work(t)
		grown := r.seeks(t, func(f *record.Report) {
			f.Kind, f.Birth, f.Place, f.Features = record.ReportFound, "", "广东省广州市", "只记得小时候的事，左耳朵后面有胎记"
		})
		r.quiet(t)
		family := r.seeks(t, nil)
		r.quiet(t)
		list := r.all(t)
		if len(list) != 1 || list[0].ReportID != family || list[0].OtherID != grown || list[0].Pair != "found" {
			t.Fatalf("%+v", list)
		}
		if err := r.CloseReport(t.Context(), "tester", grown, 1); err != nil {
			t.Fatal(err)
		}
		r.seeks(t, func(f *record.Report) { f.Name = "王小样" })
		r.quiet(t)
		if list := r.all(t); len(list) != 1 {
			t.Errorf("a closed report makes leads: %+v", list)
		}
		r.verified(t)
	})
}

func TestATelephoneThatAChildKnowsFindsItsFamily(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.work(t)
		id := r.seeks(t, func(f *record.Report) {
			*f = record.Report{Kind: record.ReportMissing, Name: "林示例", SourceName: "form", Contact: r.SealContact(pipeline.Contact{Name: "林", Phone: "139 0000 0000"})}
		})
		r.quiet(t)
		r.site.post("火车站有个孩子，能说出一个电话139-0000-0000")
		r.site.post("火车站有个孩子，能说出一个电话139-0000-0001")
		r.crawl(t)
		if list := r.all(t); len(list) != 1 || list[0].ReportID != id {
			t.Errorf("%+v", list)
		}
	})
}

func TestAReportHasAtMostTwentyOpenLeadsByFactsAndTheRarestStay(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.work(t)
		// Posts that agree in less: of no mark.
		for i := range 25 {
			r.site.post(fmt.Sprintf("2008年3月%d日在广州市天河区看到一个男孩，约5岁，穿着旧衣服第%d次", 6+i%5, i))
		}
		r.crawl(t)
		id := r.seeks(t, nil)
		r.quiet(t)
		list := r.all(t)
		if len(list) != 20 {
			t.Fatalf("%d leads", len(list))
		}
		judge := r.person(t, "a")
		// Two of the weakest are touched: one judged, one taken.
		have, err := r.Records.FactsLeads(t.Context(), nil, id)
		if err != nil {
			t.Fatal(err)
		}
		judged, taken := have[19], have[18]
		if _, _, err := r.Decide(t.Context(), judge, judged.ID, record.Unsure, ""); err != nil {
			t.Fatal(err)
		}
		taken.Owner = judge
		if err := r.Records.Tx(t.Context(), func(tx *sql.Tx) error { return r.Records.SetLead(t.Context(), tx, taken) }); err != nil {
			t.Fatal(err)
		}
		for n := range 3 {
			r.site.post(notice(n + 1))
		}
		r.crawl(t)
		have, err = r.Records.FactsLeads(t.Context(), nil, id)
		if err != nil {
			t.Fatal(err)
		}
		if len(have) != 20 {
			t.Errorf("%d leads", len(have))
		}
		left := map[string]bool{}
		for i, l := range have {
			left[l.ID] = true
			a, b, err := r.PairDocs(t.Context(), l)
			if err != nil {
				t.Fatal(err)
			}
			if i < 3 && (len(a.Marks) == 0 || len(b.Marks) == 0) {
				t.Errorf("%d is without the mark", i)
			}
		}
		if !left[judged.ID] || !left[taken.ID] {
			t.Error("a lead that somebody touched has lost its place")
		}
		r.verified(t)
	})
}

func TestAPairThatIsDifferentNeverComesBack(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.work(t)
		id := r.numbered(t, "male", mark)
		r.site.post(notice(1))
		r.crawl(t)
		a, b := r.person(t, "a"), r.person(t, "b")
		lead := r.all(t)[0].ID
		l, verdict, err := r.Decide(t.Context(), a, lead, record.Same, "")
		if err != nil || l.State != record.LeadFirst {
			t.Fatalf("%+v, %v", l, err)
		}
		if l, _, err = r.Decide(t.Context(), b, lead, record.Same, ""); err != nil || l.State != record.LeadAgreed {
			t.Fatalf("two people: %+v, %v", l, err)
		}
		if err := r.Undo(t.Context(), a, lead, verdict); err != nil {
			t.Fatal(err)
		}
		if l, _, err = r.Decide(t.Context(), b, lead, record.Different, ""); err != nil || l.State != record.LeadDifferent {
			t.Fatalf("%+v, %v", l, err)
		}
		// Not even when it is changed so that nothing agrees, and back.
		r.numbered(t, "female", "")
		r.numbered(t, "male", mark)
		list, err := r.Records.FactsLeads(t.Context(), nil, id)
		if err != nil || len(list) != 1 || list[0].State != record.LeadDifferent || list[0].ID != lead {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

func TestAnUntouchedLeadGoesWhenItsReportIsSetRight(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.work(t)
		r.numbered(t, "male", mark)
		r.site.post(notice(1))
		r.crawl(t)
		if n := len(r.all(t)); n != 1 {
			t.Fatalf("%d leads", n)
		}
		r.numbered(t, "female", mark)
		if list := r.all(t); len(list) != 0 {
			t.Errorf("%+v", list)
		}
	})
}

func TestALeadByFactsGoesWithEitherSide_S37(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		r.work(t)
		a := r.person(t, "a")
		id := r.seeks(t, nil)
		other := r.seeks(t, func(f *record.Report) { f.Name, f.Kind = "周示例", record.ReportFound })
		r.site.post(notice(1))
		r.site.post(notice(2))
		r.crawl(t)
		list := r.all(t)
		if len(list) != 3 {
			t.Fatalf("%+v", list)
		}
		for _, l := range list {
			if _, _, err := r.Decide(ctx, a, l.ID, record.Same, ""); err != nil {
				t.Fatal(err)
			}
		}
		gone := func(what, erased string, want int) {
			t.Helper()
			if err := r.Erase(ctx, a, erased, "asked"); err != nil {
				t.Fatal(err)
			}
			if n := len(r.all(t)); n != want {
				t.Errorf("%s erased: %d leads, want %d", what, n, want)
			}
			var verdicts int
			if err := r.Records.DB().QueryRow(`SELECT COUNT(*) FROM verdicts`).Scan(&verdicts); err != nil || verdicts != want {
				t.Errorf("%s erased: %d verdicts, %v", what, verdicts, err)
			}
			r.verified(t)
		}
		for _, l := range list {
			if l.PostID != "" {
				gone("a post", l.PostID, 2)
				break
			}
		}
		gone("the other report", other, 1)
		gone("the report", id, 0)
	})
}

func TestAGuessHoldsNoPostAndAVerdictDoes_S36(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		r.work(t)
		r.seeks(t, nil)
		r.site.post(notice(1))
		r.site.post(notice(2))
		r.crawl(t)
		list := r.all(t)
		if len(list) != 2 {
			t.Fatalf("%+v", list)
		}
		if _, _, err := r.Decide(ctx, r.person(t, "a"), list[0].ID, record.Same, ""); err != nil {
			t.Fatal(err)
		}
		r.clock.advance(r.Policy.Lives.Text.D() + 48*time.Hour)
		if _, err := r.Expire(ctx); err != nil {
			t.Fatal(err)
		}
		if left := r.all(t); len(left) != 1 || left[0].ID != list[0].ID {
			t.Errorf("%+v", left)
		}
		if _, err := r.Records.Post(ctx, nil, list[1].PostID); !record.IsNotFound(err) {
			t.Errorf("the post of a guess is there: %v", err)
		}
		r.verified(t)
	})
}

func TestReportsThatWereThereBeforeTheRulesArePaired(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		stop := r.work(t)
		r.seeks(t, nil)
		r.site.post(notice(1))
		r.crawl(t)
		if n := len(r.all(t)); n != 1 {
			t.Fatalf("%d leads", n)
		}
		stop()
		err := r.Records.Tx(t.Context(), func(tx *sql.Tx) error {
			for _, q := range []string{`DELETE FROM leads`, `UPDATE reports SET paired=0`} {
				if _, err := tx.Exec(q); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		r.work(t)
		eventually(t, "a lead", func() bool { return len(r.all(t)) == 1 })
		r.quiet(t)
	})
}

func TestAPhotoThatJoinsTwoNeedsNoLeadByFacts(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.work(t)
		r.site.post(notice(1), jpg(draw(1), 60))
		r.crawl(t)
		_, _, err := r.AddReport(t.Context(), "tester", record.Report{Kind: record.ReportMissing, Name: "林示例", SourceName: "form", Sex: "male", Birth: "2003-05-01", Place: "广东省广州市天河区", Features: mark,
			LostFrom: time.Date(2008, 3, 5, 0, 0, 0, 0, time.UTC), LostTo: time.Date(2008, 3, 6, 0, 0, 0, 0, time.UTC)}, [][]byte{jpg(draw(1), 90)})
		if err != nil {
			t.Fatal(err)
		}
		r.quiet(t)
		if list := r.all(t); len(list) != 1 || list[0].Kind == record.ByFacts {
			t.Errorf("%+v", list)
		}
	})
}

func TestCopiesOfOnePictureTakeOnePlaceAmongThePairs(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.work(t)
		r.seeks(t, nil)
		for n := range 4 {
			r.site.post(notice(n+1), jpg(draw(5), 60+n))
			r.crawl(t)
		}
		if list := r.all(t); len(list) != 1 {
			t.Errorf("%d leads of one picture", len(list))
		}
	})
}
