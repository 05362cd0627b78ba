package pipeline_test

import (
	"database/sql"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"xunqin/pipeline"
	"xunqin/pipeline/record"
	"xunqin/search"
	"xunqin/search/embedded"
)

func TestAPostWithACopyOfAReportsPhotoBecomesOneLead(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.work(t)
		r.report(t, "林示例", jpg(draw(1), 90))
		r.site.post("天桥 男孩", jpg(draw(1), 60))
		r.site.post("别的", jpg(draw(2), 60))
		run := r.crawl(t)
		if run.State != record.RunDone || run.Fresh != 2 || run.Asked == 0 {
			t.Errorf("run: %+v", run)
		}
		leads := r.all(t)
		if len(leads) != 1 || leads[0].State != record.LeadUnchecked || leads[0].Pair != "sighting" {
			t.Fatalf("leads: %+v", leads)
		}
		// Further copies join the lead as sightings, and a second crawl of the same posts adds nothing.
		r.site.post("转发", jpg(draw(1), 40))
		r.crawl(t)
		run = r.crawl(t)
		if run.Fresh != 0 {
			t.Errorf("third run: %+v", run)
		}
		leads = r.all(t)
		sightings, err := r.Records.Sightings(t.Context(), nil, leads[0].ID)
		if err != nil || len(leads) != 1 || len(sightings) != 2 {
			t.Errorf("%d leads, %d sightings, %v", len(leads), len(sightings), err)
		}
		r.verified(t)
	})
}

func TestAReportFindsOldPosts(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.work(t)
		r.site.post("天桥", jpg(draw(1), 60))
		r.site.post("转发", jpg(draw(1), 50))
		r.crawl(t)
		r.report(t, "林示例", jpg(draw(1), 90))
		r.quiet(t)
		leads := r.all(t)
		if len(leads) != 1 {
			t.Fatalf("leads: %+v", leads)
		}
		sightings, err := r.Records.Sightings(t.Context(), nil, leads[0].ID)
		if err != nil || len(sightings) != 2 {
			t.Errorf("%d sightings, %v", len(sightings), err)
		}
	})
}

func TestTwoReportsWithOnePhotoAreAskedAbout(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.work(t)
		r.report(t, "林示例", jpg(draw(1), 90))
		r.quiet(t)
		r.report(t, "王示例", jpg(draw(1), 70))
		r.quiet(t)
		leads := r.all(t)
		if len(leads) != 1 || leads[0].Pair != "duplicate" {
			t.Errorf("leads: %+v", leads)
		}
	})
}

func TestSamePictureInPostsAloneIsNoLead(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.work(t)
		r.site.post("a", jpg(draw(3), 60))
		r.site.post("b", jpg(draw(3), 50))
		r.crawl(t)
		if leads := r.all(t); len(leads) != 0 {
			t.Errorf("leads: %+v", leads)
		}
		a, err := r.SearchPhoto(t.Context(), jpg(draw(3), 80))
		if err != nil || len(a.Groups) != 1 || len(a.Groups[0].Copies) != 2 {
			t.Errorf("search by photo: %+v, %v", a, err)
		}
	})
}

func TestDistanceZeroWaitsForPeople_S25(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.work(t)
		same := jpg(draw(1), 90)
		r.report(t, "林示例", same)
		r.site.post("天桥", same)
		r.crawl(t)
		leads := r.all(t)
		if len(leads) != 1 || leads[0].State != record.LeadUnchecked || leads[0].Kind != "same" {
			t.Errorf("leads: %+v", leads)
		}
	})
}

func TestARefusalKeepsTheCursorAndIsNamed(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.work(t)
		r.site.post("a", jpg(draw(1), 60))
		r.crawl(t)
		before, err := r.Records.Source(t.Context(), nil, r.source)
		if err != nil {
			t.Fatal(err)
		}
		r.site.post("b", jpg(draw(2), 60))
		for name, refuse := range map[string]func(http.ResponseWriter, *http.Request) bool{
			"forbidden": func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(403); return true },
			"not-json": func(w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Content-Type", "text/html")
				w.Write([]byte("<html><body>hello</body></html>"))
				return true
			},
		} {
			r.site.mu.Lock()
			r.site.refuse = refuse
			r.site.mu.Unlock()
			run := r.crawl(t)
			if run.State != record.RunFailed || run.Why == "" {
				t.Errorf("%s: run %+v", name, run)
			}
			after, err := r.Records.Source(t.Context(), nil, r.source)
			if err != nil || string(after.Cursor) != string(before.Cursor) {
				t.Errorf("%s: cursor %s, was %s, %v", name, after.Cursor, before.Cursor, err)
			}
		}
		r.site.mu.Lock()
		r.site.refuse = nil
		r.site.mu.Unlock()
		if run := r.crawl(t); run.Fresh != 1 {
			t.Errorf("after the refusals: %+v", run)
		}
	})
}

func TestAPhotoThatCannotBeReadIsRefusedWithAWordAndThePostStays(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.work(t)
		r.site.post("无法读取的图片", []byte("<html>no picture</html>"), jpg(draw(1), 60))
		r.crawl(t)
		a, err := r.SearchWords(t.Context(), parse(t, "无法读取"), search.Page{})
		if err != nil || len(a.Groups) != 1 {
			t.Fatalf("search: %+v, %v", a, err)
		}
		photos, err := r.Records.PhotosOf(t.Context(), nil, a.Groups[0].Copies[0].Post.ID)
		if err != nil || len(photos) != 2 || photos[0].State != record.PhotoRefused || photos[0].Why == "" || photos[1].State != record.PhotoKept {
			t.Errorf("photos: %+v, %v", photos, err)
		}
		r.verified(t)
	})
}

func parse(t *testing.T, s string) search.Query {
	t.Helper()
	q, err := search.Parse(s, pipeline.Divisions{})
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestDueSourcesAreDispatchedOnceAndMissedRunsMadeUpOnce(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		src, err := r.Records.Source(t.Context(), nil, r.source)
		if err != nil {
			t.Fatal(err)
		}
		r.clock.advance(48 * time.Hour) // asleep for two days, with a run every five seconds
		now := r.clock.now()
		n, err := r.DispatchDue(t.Context(), now)
		if err != nil || n != 1 {
			t.Fatalf("dispatched %d, %v", n, err)
		}
		if n, err = r.DispatchDue(t.Context(), now); err != nil || n != 0 {
			t.Errorf("again: dispatched %d, %v", n, err)
		}
		// While that run goes on the next one is skipped, and its turn is past.
		later := now.Add(6 * time.Second)
		if n, err = r.DispatchDue(t.Context(), later); err != nil || n != 0 {
			t.Errorf("during a run: dispatched %d, %v", n, err)
		}
		after, err := r.Records.Source(t.Context(), nil, r.source)
		if err != nil || !after.NextRun.After(later) || after.NextRun.Before(src.NextRun) {
			t.Errorf("next run %v at %v, %v", after.NextRun, later, err)
		}
	})
}

func TestAWrongClockSetRightLosesNoSchedule(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.clock.advance(10 * 365 * 24 * time.Hour / 2)
		if _, err := r.DispatchDue(t.Context(), r.clock.now()); err != nil {
			t.Fatal(err)
		}
		r.clock.advance(-10 * 365 * 24 * time.Hour / 2)
		now := r.clock.now()
		if _, err := r.DispatchDue(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		src, err := r.Records.Source(t.Context(), nil, r.source)
		if err != nil || src.NextRun.After(now.Add(6*time.Second)) {
			t.Errorf("next run %v, now %v, %v", src.NextRun, now, err)
		}
	})
}

func TestASourceWhoseReviewDateHasPassedIsPaused_S1(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.clock.advance(2001 * 24 * time.Hour)
		n, err := r.DispatchDue(t.Context(), r.clock.now())
		if err != nil || n != 0 {
			t.Errorf("dispatched %d, %v", n, err)
		}
		src, err := r.Records.Source(t.Context(), nil, r.source)
		if err != nil || src.Enabled {
			t.Errorf("enabled %v, %v", src.Enabled, err)
		}
		var bad *pipeline.SourceError
		if _, err := r.CrawlNow(t.Context(), r.source, "hand"); !errors.As(err, &bad) || bad.Field != "approval" {
			t.Errorf("by hand: %v", err)
		}
	})
}

func TestALostIndexIsBuiltAgainFromTheRecord(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.work(t)
		for i := range 5 {
			r.site.post("天桥", jpg(draw(uint64(i)), 60))
		}
		r.crawl(t)
		was, err := r.SearchWords(t.Context(), parse(t, "天桥"), search.Page{})
		if err != nil {
			t.Fatal(err)
		}
		fresh, err := embedded.Open(t.Context(), filepath.Join(r.dir, "index2.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer fresh.Close()
		old := r.Index
		r.Index = fresh
		defer func() { r.Index = old }()
		now, err := r.SearchWords(t.Context(), parse(t, "天桥"), search.Page{})
		if err != nil || len(now.Groups) != 5 || now.Groups[0].Copies[0].Post.ID != was.Groups[0].Copies[0].Post.ID {
			t.Errorf("%d groups, had %d, %v", len(now.Groups), len(was.Groups), err)
		}
		a, err := r.SearchPhoto(t.Context(), jpg(draw(3), 80))
		if err != nil || len(a.Groups) != 1 {
			t.Errorf("by photo: %+v, %v", a, err)
		}
		r.verified(t)
	})
}

func TestASavedQueryTellsItsOwnerOnce(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		var user string
		err := r.Records.Tx(ctx, func(tx *sql.Tx) error {
			var err error
			if user, err = r.Records.AddUser(ctx, tx, record.User{Name: "a", Roles: []record.Role{record.Activist}}); err != nil {
				return err
			}
			q, err := r.Records.AddSavedQuery(ctx, tx, record.SavedQuery{UserID: user, Name: "q", Query: "天桥 男孩"})
			if err != nil {
				return err
			}
			_, err = r.Records.AddSubscription(ctx, tx, record.Subscription{UserID: user, SavedQueryID: q, Channel: record.Inbox})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		r.work(t)
		r.site.post("天桥上有一个男孩", jpg(draw(1), 60))
		r.site.post("别的地方", jpg(draw(2), 60))
		r.crawl(t)
		r.crawl(t)
		inbox, err := r.Records.InboxOf(ctx, nil, user, time.Time{}, 10)
		if err != nil || len(inbox) != 1 || inbox[0].PictureID == "" || inbox[0].Why == "" {
			t.Errorf("inbox: %+v, %v", inbox, err)
		}
	})
}

func TestVerdictsMoveALeadAndCanBeTakenBack(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		r.work(t)
		r.report(t, "林示例", jpg(draw(1), 90))
		r.site.post("天桥", jpg(draw(1), 60))
		r.crawl(t)
		var a, b string
		err := r.Records.Tx(ctx, func(tx *sql.Tx) (err error) {
			if a, err = r.Records.AddUser(ctx, tx, record.User{Name: "a", Roles: []record.Role{record.Volunteer}}); err != nil {
				return err
			}
			b, err = r.Records.AddUser(ctx, tx, record.User{Name: "b", Roles: []record.Role{record.Volunteer}})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		id := r.all(t)[0].ID
		if _, _, err := r.Decide(ctx, a, id, record.Likely, ""); !errors.Is(err, pipeline.ErrReason) {
			t.Errorf("likely without a reason: %v", err)
		}
		l, verdict, err := r.Decide(ctx, a, id, record.Same, "")
		if err != nil || l.State != record.LeadFirst {
			t.Fatalf("%+v, %v", l, err)
		}
		if l, _, err = r.Decide(ctx, b, id, record.Same, ""); err != nil || l.State != record.LeadAgreed {
			t.Fatalf("%+v, %v", l, err)
		}
		if err := r.Undo(ctx, a, id, verdict); err != nil {
			t.Fatal(err)
		}
		if l = r.all(t)[0]; l.State != record.LeadFirst {
			t.Errorf("after undo: %+v", l)
		}
		r.clock.advance(11 * time.Minute)
		l, verdict, err = r.Decide(ctx, a, id, record.Different, "")
		if err != nil || l.State != record.LeadDisputed {
			t.Fatalf("%+v, %v", l, err)
		}
		r.clock.advance(11 * time.Minute)
		if err := r.Undo(ctx, a, id, verdict); !errors.Is(err, record.ErrStale) {
			t.Errorf("undo after eleven minutes: %v", err)
		}
	})
}

func TestWhatWasErasedDoesNotComeBack_S37(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		r.work(t)
		pic := jpg(draw(1), 60)
		r.site.post("天桥", pic)
		r.crawl(t)
		a, err := r.SearchWords(ctx, parse(t, "天桥"), search.Page{})
		if err != nil || len(a.Groups) != 1 {
			t.Fatalf("%+v, %v", a, err)
		}
		c := a.Groups[0].Copies[0]
		if err := r.Erase(ctx, "system", c.Post.ID, "asked"); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Picture(ctx, c.Photo.Sharp); err == nil {
			t.Error("its picture can still be read")
		}
		// The same post again, and the same bytes in another post.
		err = r.Records.Tx(ctx, func(tx *sql.Tx) error { return r.Records.MoveCursor(ctx, tx, r.source, []byte("")) })
		if err != nil {
			t.Fatal(err)
		}
		r.site.post("转发", pic)
		r.crawl(t)
		a, err = r.SearchWords(ctx, parse(t, "天桥 or 转发"), search.Page{})
		if err != nil || len(a.Groups) != 1 || !strings.Contains(a.Groups[0].Copies[0].Post.Text, "转发") || a.Groups[0].Copies[0].Photo.State == record.PhotoKept {
			t.Errorf("%+v, %v", a, err)
		}
		found, err := r.SearchPhoto(ctx, pic)
		if err != nil || len(found.Groups) != 0 {
			t.Errorf("by photo: %+v, %v", found, err)
		}
		r.verified(t)
	})
}

func TestARunWhoseJobWasGivenUpDoesNotHoldItsSource(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		id, err := r.CrawlNow(ctx, r.source, "hand")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Records.DB().ExecContext(ctx, `UPDATE river_job SET state='discarded', finalized_at=scheduled_at WHERE kind='crawl'`); err != nil {
			t.Fatal(err)
		}
		r.work(t)
		eventually(t, "the run has ended", func() bool {
			run, err := r.Records.Run(ctx, nil, id)
			if err != nil {
				t.Fatal(err)
			}
			return run.State == record.RunLost
		})
		if run := r.crawl(t); run.State != record.RunDone {
			t.Errorf("the next run: %+v", run)
		}
	})
}

func TestTheJobOfADeadProcessIsTakenOver(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		r.site.post("天桥", jpg(draw(1), 60))
		id, err := r.CrawlNow(ctx, r.source, "hand")
		if err != nil {
			t.Fatal(err)
		}
		by := `'{ghost}'`
		if r.Records.Dialect() == record.SQLite {
			by = `jsonb('["ghost"]')`
		}
		if _, err := r.Records.DB().ExecContext(ctx, `UPDATE river_job SET state='running', attempt=1, attempted_at=scheduled_at, attempted_by=`+by+` WHERE kind='crawl'`); err != nil {
			t.Fatal(err)
		}
		r.work(t)
		r.quiet(t)
		run, err := r.Records.Run(ctx, nil, id)
		if err != nil || run.State != record.RunDone || run.Fresh != 1 {
			t.Errorf("run %+v, %v", run, err)
		}
	})
}
