package record_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"xunqin/crawler"
	"xunqin/crawler/crawlertest"
	"xunqin/pipeline/record"
	"xunqin/pipeline/record/recordtest"
	"xunqin/search"
)

func tx(t *testing.T, s *record.Store, fn func(tx *sql.Tx) error) {
	t.Helper()
	if err := s.Tx(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// in1 runs one change that returns a value in a transaction of its own.
func in1[T any](t *testing.T, s *record.Store, fn func(tx *sql.Tx) (T, error)) T {
	t.Helper()
	var v T
	tx(t, s, func(tx *sql.Tx) (err error) {
		v, err = fn(tx)
		return err
	})
	return v
}

func addSource(t *testing.T, s *record.Store, name string) string {
	t.Helper()
	return in1(t, s, func(tx *sql.Tx) (string, error) {
		return s.AddSource(t.Context(), tx, record.Source{Name: name, Reader: "feed", Config: []byte(`{}`), Cron: "0 * * * *", TimeZone: "Asia/Shanghai", NextRun: time.UnixMilli(1000),
			Enabled: true, Purpose: "p", Basis: "b", ApprovedBy: "a", ReviewAt: time.Now().Add(time.Hour)})
	})
}

func addPost(t *testing.T, s *record.Store, source, native string, urls ...string) (string, bool) {
	t.Helper()
	p := record.Post{SourceID: source, NativeID: native, Kind: "post", Text: "昨天下午 " + native, PostedAt: time.Now(), SeenAt: time.Now(), State: record.PostLive}
	for _, u := range urls {
		p.Photos = append(p.Photos, crawler.PhotoURL{URL: u})
	}
	var id string
	var changed bool
	tx(t, s, func(tx *sql.Tx) (err error) {
		id, changed, err = s.SavePost(t.Context(), tx, p)
		return err
	})
	return id, changed
}

func keep(t *testing.T, s *record.Store, photo record.Photo) record.Photo {
	t.Helper()
	photo.SHA256, photo.Sharp, photo.Blurred, photo.Grey, photo.Matchable = "00", record.NewID(), record.NewID(), record.NewID(), true
	photo.Prints = []search.Fingerprint{{Algo: "x/1", Bits: make([]byte, 8)}}
	tx(t, s, func(tx *sql.Tx) error { return s.KeepPhoto(t.Context(), tx, photo) })
	p, err := s.Photo(t.Context(), nil, photo.ID)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func addReport(t *testing.T, s *record.Store, name string) (report, photo string) {
	t.Helper()
	report = in1(t, s, func(tx *sql.Tx) (string, error) {
		return s.AddReport(t.Context(), tx, record.Report{Kind: record.ReportMissing, Name: name, Number: name, SourceName: "form", CreatedBy: "u"})
	})
	photo = in1(t, s, func(tx *sql.Tx) (string, error) {
		return s.AddReportPhoto(t.Context(), tx, record.Photo{ReportID: report, URL: "sha", SHA256: "11", Sharp: record.NewID(), Blurred: record.NewID(), Matchable: true})
	})
	return report, photo
}

func TestBothSchemasHaveTheSameTablesAndColumns(t *testing.T) {
	have := map[string]string{}
	for _, dialect := range []string{"sqlite", "postgres"} {
		files, err := filepath.Glob(filepath.Join("schema", dialect, "*.sql"))
		if err != nil || len(files) == 0 {
			t.Fatalf("migrations of %s: %v, %v", dialect, files, err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.NewReplacer("BYTEA", "BLOB").Replace(string(b))
			name := filepath.Base(f)
			if other, ok := have[name]; ok {
				if d := cmp.Diff(other, text); d != "" {
					t.Errorf("%s differs between the databases:\n%s", name, d)
				}
				delete(have, name)
			} else {
				have[name] = text
			}
		}
	}
	for name := range have {
		t.Errorf("%s is there for one database only", name)
	}
}

func TestANewerDatabaseIsLeftUntouched(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	s, err := record.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.DB().Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := record.Open(t.Context(), path); !errors.Is(err, record.ErrNewer) {
		t.Fatalf("Open: %v, want ErrNewer", err)
	}
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !cmp.Equal(before, after) {
		t.Error("the file changed")
	}
}

func TestASourceCannotBeEnabledWithoutApproval_S1(t *testing.T) {
	recordtest.Each(t, func(t *testing.T, s *record.Store) {
		whole := record.Source{Name: "n", Reader: "feed", Config: []byte(`{}`), Cron: "@daily", TimeZone: "UTC", Enabled: true, Purpose: "p", Basis: "b", ApprovedBy: "a", ReviewAt: time.Now()}
		for name, strip := range map[string]func(*record.Source){
			"purpose":  func(s *record.Source) { s.Purpose = "" },
			"basis":    func(s *record.Source) { s.Basis = "" },
			"approver": func(s *record.Source) { s.ApprovedBy = "" },
			"review":   func(s *record.Source) { s.ReviewAt = time.Time{} },
		} {
			src := whole
			strip(&src)
			if err := s.Tx(t.Context(), func(tx *sql.Tx) error { _, err := s.AddSource(t.Context(), tx, src); return err }); err == nil {
				t.Errorf("a source without %s was enabled", name)
			}
		}
		tx(t, s, func(tx *sql.Tx) error { _, err := s.AddSource(t.Context(), tx, whole); return err })
	})
}

func TestOfTwoWhoClaimARunOneSucceeds(t *testing.T) {
	recordtest.Each(t, func(t *testing.T, s *record.Store) {
		addSource(t, s, "a")
		due, err := s.DueSources(t.Context(), nil, time.UnixMilli(2000), 10)
		if err != nil || len(due) != 1 {
			t.Fatalf("due: %v, %v", due, err)
		}
		claim := func() error {
			return s.Tx(t.Context(), func(tx *sql.Tx) error {
				return s.ClaimRun(t.Context(), tx, due[0], time.UnixMilli(5000), time.UnixMilli(5001))
			})
		}
		if err := claim(); err != nil {
			t.Fatal(err)
		}
		if err := claim(); !errors.Is(err, record.ErrStale) {
			t.Fatalf("second claim: %v, want ErrStale", err)
		}
	})
}

func TestASourceHasOneOpenRun(t *testing.T) {
	recordtest.Each(t, func(t *testing.T, s *record.Store) {
		id := addSource(t, s, "a")
		open := func() (string, error) {
			var run string
			err := s.Tx(t.Context(), func(tx *sql.Tx) (err error) {
				run, err = s.OpenRun(t.Context(), tx, id, "schedule", time.Now())
				return err
			})
			return run, err
		}
		run, err := open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := open(); !errors.Is(err, record.ErrExists) {
			t.Fatalf("second run: %v, want ErrExists", err)
		}
		tx(t, s, func(tx *sql.Tx) error {
			return errors.Join(s.StartRun(t.Context(), tx, run), s.CountRun(t.Context(), tx, run, record.Run{Fresh: 2, Asked: 1}), s.EndRun(t.Context(), tx, run, record.RunDone, "", ""))
		})
		src, err := s.Source(t.Context(), nil, id)
		if err != nil || src.LastNew.IsZero() {
			t.Fatalf("last new %v, %v", src.LastNew, err)
		}
		if _, err := open(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestThePostThatComesAgainIsNoWork(t *testing.T) {
	recordtest.Each(t, func(t *testing.T, s *record.Store) {
		src := addSource(t, s, "a")
		id, changed := addPost(t, s, src, "1", "http://h/a.jpg")
		if !changed {
			t.Fatal("a new post is no change")
		}
		again, changed := addPost(t, s, src, "1", "http://h/a.jpg")
		if changed || again != id {
			t.Fatalf("came again: changed %v, id kept %v", changed, again == id)
		}
		_, changed = addPost(t, s, src, "1", "http://h/a.jpg", "http://h/b.jpg")
		photos, err := s.PhotosOf(t.Context(), nil, id)
		if !changed || err != nil || len(photos) != 2 {
			t.Fatalf("edited: changed %v, %d photos, %v", changed, len(photos), err)
		}
	})
}

func TestFutureDatesAreNotBelieved(t *testing.T) {
	seen := time.Date(2011, 2, 1, 0, 0, 0, 0, time.UTC)
	p := record.FromCrawl("s", crawler.Post{NativeID: "1", AuthorID: "42", At: seen.AddDate(10, 0, 0)}, seen, func(s string) string { return "k" + s[:1] })
	if !p.PostedAt.Equal(seen) || p.Precision != "unknown" {
		t.Errorf("posted %v, precision %q", p.PostedAt, p.Precision)
	}
	if p.Author != "ks" {
		t.Errorf("author %q is not what the pseudonym gave", p.Author)
	}
}

func TestChangesKeepOnlyTheNewestOfEachAndTheirOrder(t *testing.T) {
	recordtest.Each(t, func(t *testing.T, s *record.Store) {
		src := addSource(t, s, "a")
		a, _ := addPost(t, s, src, "1")
		b, _ := addPost(t, s, src, "2")
		tx(t, s, func(tx *sql.Tx) error { return s.Changed(t.Context(), tx, a, "post") })
		list, err := s.Changes(t.Context(), nil, 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		want := []record.Change{{DocID: b, Kind: "post", Seq: 2}, {DocID: a, Kind: "post", Seq: 3}}
		if d := cmp.Diff(want, list); d != "" {
			t.Error(d)
		}
	})
}

func TestConcurrentChangesBecomeVisibleInOrder(t *testing.T) {
	recordtest.Each(t, func(t *testing.T, s *record.Store) {
		ctx := t.Context()
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 25 {
					if err := s.Tx(ctx, func(tx *sql.Tx) error { return s.Changed(ctx, tx, record.NewID(), "post") }); err != nil {
						t.Error(err)
					}
				}
			})
		}
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		seen := int64(0)
		for {
			list, err := s.Changes(ctx, nil, seen, 1000)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range list {
				if c.Seq != seen+1 {
					t.Fatalf("change %d came after %d: a follower would miss one", c.Seq, seen)
				}
				seen = c.Seq
			}
			select {
			case <-done:
				if seen == 100 {
					return
				}
			default:
			}
		}
	})
}

func TestALeadIsOnePerReportPhotoAndPicture(t *testing.T) {
	recordtest.Each(t, func(t *testing.T, s *record.Store) {
		ctx := t.Context()
		_, photo := addReport(t, s, "r1")
		report, err := s.Photo(ctx, nil, photo)
		if err != nil {
			t.Fatal(err)
		}
		pic := in1(t, s, func(tx *sql.Tx) (string, error) { return s.AddPicture(ctx, tx, "") })
		add := func(distance int) (id string, fresh bool) {
			tx(t, s, func(tx *sql.Tx) (err error) {
				id, fresh, err = s.AddLead(ctx, tx, record.Lead{ReportID: report.ReportID, ReportPhotoID: photo, PictureID: pic, Pair: "sighting", Kind: "edited", Distance: distance})
				return err
			})
			return id, fresh
		}
		first, fresh := add(6)
		again, fresh2 := add(2)
		if !fresh || fresh2 || first != again {
			t.Fatalf("first %v, again %v, same %v", fresh, fresh2, first == again)
		}
		l, err := s.Lead(ctx, nil, first)
		if err != nil || l.Distance != 2 || l.State != record.LeadUnchecked {
			t.Fatalf("lead %+v, %v", l, err)
		}
	})
}

func TestMergedPicturesKeepVerdictsSightingsAndLinks(t *testing.T) {
	recordtest.Each(t, func(t *testing.T, s *record.Store) {
		ctx := t.Context()
		src := addSource(t, s, "a")
		user := in1(t, s, func(tx *sql.Tx) (string, error) {
			return s.AddUser(ctx, tx, record.User{Name: "v", Roles: []record.Role{record.Volunteer}})
		})
		report, photo := addReport(t, s, "r1")
		var pics, leads, photos [2]string
		for i := range 2 {
			id, _ := addPost(t, s, src, string(rune('1'+i)), "http://h/a.jpg")
			list, err := s.PhotosOf(ctx, nil, id)
			if err != nil {
				t.Fatal(err)
			}
			photos[i] = keep(t, s, list[0]).ID
			tx(t, s, func(tx *sql.Tx) (err error) {
				if pics[i], err = s.AddPicture(ctx, tx, ""); err != nil {
					return err
				}
				if err := s.JoinPicture(ctx, tx, photos[i], pics[i]); err != nil {
					return err
				}
				leads[i], _, err = s.AddLead(ctx, tx, record.Lead{ReportID: report, ReportPhotoID: photo, PictureID: pics[i], Kind: "edited", Distance: 5 - i})
				if err != nil {
					return err
				}
				_, err = s.AddSighting(ctx, tx, record.Sighting{LeadID: leads[i], PhotoID: photos[i]})
				return err
			})
		}
		tx(t, s, func(tx *sql.Tx) error {
			_, err := s.AddVerdict(ctx, tx, record.Verdict{ReportPhotoID: photo, PictureID: pics[1], UserID: user, Decision: record.Different})
			return err
		})
		tx(t, s, func(tx *sql.Tx) error { return s.MergePictures(ctx, tx, pics[0], pics[1]) })
		var got []record.Lead
		for _, id := range leads {
			l, err := s.Lead(ctx, nil, id)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, l)
		}
		if got[0].ID != got[1].ID || got[0].PictureID != pics[0] || got[0].Distance != 4 {
			t.Errorf("leads after merging: %+v", got)
		}
		sightings, err := s.Sightings(ctx, nil, got[0].ID)
		if err != nil || len(sightings) != 2 {
			t.Errorf("%d sightings, %v", len(sightings), err)
		}
		verdicts, err := s.Verdicts(ctx, nil, photo, pics[0])
		if err != nil || len(verdicts) != 1 {
			t.Errorf("verdicts %v, %v", verdicts, err)
		}
	})
}

func TestAVerdictCanBeTakenBackByItsGiverAlone(t *testing.T) {
	recordtest.Each(t, func(t *testing.T, s *record.Store) {
		ctx := t.Context()
		user := in1(t, s, func(tx *sql.Tx) (string, error) { return s.AddUser(ctx, tx, record.User{Name: "v"}) })
		id := in1(t, s, func(tx *sql.Tx) (string, error) {
			return s.AddVerdict(ctx, tx, record.Verdict{ReportPhotoID: "p", PictureID: "q", UserID: user, Decision: record.Same})
		})
		undo := func(who string, since time.Time) error {
			return s.Tx(ctx, func(tx *sql.Tx) error { return s.UndoVerdict(ctx, tx, id, who, since) })
		}
		if err := undo("other", time.Time{}); !errors.Is(err, record.ErrStale) {
			t.Errorf("undone by another: %v", err)
		}
		if err := undo(user, time.Now().Add(time.Hour)); !errors.Is(err, record.ErrStale) {
			t.Errorf("undone too late: %v", err)
		}
		if err := undo(user, time.Now().Add(-time.Minute)); err != nil {
			t.Error(err)
		}
	})
}

func TestAnAlertIsNotMadeTwice(t *testing.T) {
	recordtest.Each(t, func(t *testing.T, s *record.Store) {
		ctx := t.Context()
		user := in1(t, s, func(tx *sql.Tx) (string, error) { return s.AddUser(ctx, tx, record.User{Name: "v"}) })
		q := in1(t, s, func(tx *sql.Tx) (string, error) {
			return s.AddSavedQuery(ctx, tx, record.SavedQuery{UserID: user, Name: "q", Query: "天桥"})
		})
		sub := in1(t, s, func(tx *sql.Tx) (string, error) {
			return s.AddSubscription(ctx, tx, record.Subscription{UserID: user, SavedQueryID: q, Channel: record.Mail, Target: []byte("sealed")})
		})
		for i, want := range []bool{true, false} {
			var fresh bool
			tx(t, s, func(tx *sql.Tx) (err error) {
				_, fresh, err = s.AddDelivery(ctx, tx, record.Delivery{SubscriptionID: sub, UserID: user, SavedQueryID: q, Subject: "post", SubjectKind: "post", Channel: record.Mail})
				return err
			})
			if fresh != want {
				t.Errorf("time %d: new %v, want %v", i+1, fresh, want)
			}
		}
		list, err := s.DeliveriesOfQuery(ctx, nil, q, 10)
		if err != nil || len(list) != 1 || list[0].State != record.DeliveryWaiting {
			t.Fatalf("%+v, %v", list, err)
		}
		tx(t, s, func(tx *sql.Tx) error { return s.DropSavedQuery(ctx, tx, q) })
		if list, err = s.DeliveriesOfQuery(ctx, nil, q, 10); err != nil || len(list) != 0 {
			t.Fatalf("after dropping the query: %+v, %v", list, err)
		}
	})
}

func TestSessionsEndWhenRolesChange_S17(t *testing.T) {
	recordtest.Each(t, func(t *testing.T, s *record.Store) {
		ctx := t.Context()
		id := in1(t, s, func(tx *sql.Tx) (string, error) {
			return s.AddUser(ctx, tx, record.User{Name: "v", Roles: []record.Role{record.Volunteer}})
		})
		session := func() {
			tx(t, s, func(tx *sql.Tx) error {
				return s.SaveSession(ctx, tx, record.Session{Mark: "m", UserID: id, Data: []byte("d"), ExpiresAt: time.Now().Add(time.Hour)})
			})
		}
		change := func(fn func(*record.User)) {
			u, err := s.User(ctx, nil, id)
			if err != nil {
				t.Fatal(err)
			}
			fn(&u)
			tx(t, s, func(tx *sql.Tx) error { return s.ChangeUser(ctx, tx, u) })
		}
		session()
		change(func(u *record.User) { u.Lang = "en" })
		if _, err := s.Session(ctx, nil, "m"); err != nil {
			t.Errorf("a new language ended the session: %v", err)
		}
		for name, fn := range map[string]func(*record.User){
			"roles":    func(u *record.User) { u.Roles = append(u.Roles, record.Reviewer) },
			"password": func(u *record.User) { u.Password += "x" },
			"factor":   func(u *record.User) { u.Factor = append(u.Factor, 1) },
			"disabled": func(u *record.User) { u.DisabledAt = time.Now() },
		} {
			session()
			change(fn)
			if _, err := s.Session(ctx, nil, "m"); !errors.Is(err, record.ErrNotFound) {
				t.Errorf("changed %s, session: %v, want ErrNotFound", name, err)
			}
		}
	})
}

func TestALinkAndACodeAreUsedOnce(t *testing.T) {
	recordtest.Each(t, func(t *testing.T, s *record.Store) {
		ctx := t.Context()
		id := in1(t, s, func(tx *sql.Tx) (string, error) { return s.AddUser(ctx, tx, record.User{Name: "v"}) })
		tx(t, s, func(tx *sql.Tx) error {
			return s.AddLink(ctx, tx, record.Link{Mark: "l", Purpose: "invite", ExpiresAt: time.Now().Add(time.Hour)})
		})
		use := func() error { return s.Tx(ctx, func(tx *sql.Tx) error { return s.UseLink(ctx, tx, "l") }) }
		if err := use(); err != nil {
			t.Fatal(err)
		}
		if err := use(); !errors.Is(err, record.ErrNotFound) {
			t.Errorf("link used twice: %v", err)
		}
		code := func(n int64) error {
			return s.Tx(ctx, func(tx *sql.Tx) error { return s.UseFactorStep(ctx, tx, id, n) })
		}
		if err := code(7); err != nil {
			t.Fatal(err)
		}
		for _, n := range []int64{7, 6} {
			if err := code(n); !errors.Is(err, record.ErrStale) {
				t.Errorf("code of step %d after 7: %v", n, err)
			}
		}
	})
}

func TestTamperedAuditIsFound_S45(t *testing.T) {
	for name, change := range map[string][]string{
		"whole":    nil,
		"tamper":   {`UPDATE audit SET actor='other' WHERE seq=3`},
		"drop":     {`DELETE FROM audit WHERE seq=4`},
		"reorder":  {`UPDATE audit SET seq=-seq WHERE seq IN (2,3)`, `UPDATE audit SET seq=5+seq WHERE seq<0`},
		"truncate": {`DELETE FROM audit WHERE seq>7`},
		"segment":  {`DELETE FROM audit WHERE segment='2011-01'`},
		"forge":    {`INSERT INTO audit SELECT 10, segment, at, actor, action, object, detail, hash FROM audit WHERE seq=9`},
		"rehash":   {`UPDATE audit SET hash='00' WHERE seq=9`, `UPDATE audit_segments SET last_hash='00' WHERE last_seq=9`},
	} {
		t.Run(name, func(t *testing.T) {
			recordtest.Each(t, func(t *testing.T, s *record.Store) {
				ctx := t.Context()
				s.AuditKey = []byte("key")
				now := time.Date(2011, 1, 30, 0, 0, 0, 0, time.UTC)
				s.Now = func() time.Time { return now }
				for i := range 9 {
					if i == 5 {
						now = now.AddDate(0, 0, 10)
					}
					tx(t, s, func(tx *sql.Tx) error { return s.Audit(ctx, tx, "user", "reveal", record.NewID(), "") })
				}
				for _, q := range change {
					if _, err := s.DB().ExecContext(ctx, q); err != nil {
						t.Fatal(err)
					}
				}
				n, err := s.VerifyAudit(ctx)
				if change == nil && (err != nil || n != 9) {
					t.Errorf("a whole log: %d lines, %v", n, err)
				}
				if change != nil && err == nil {
					t.Error("not found")
				}
			})
		})
	}
}

func TestADroppedSegmentLeavesAChainThatVerifies_S45(t *testing.T) {
	recordtest.Each(t, func(t *testing.T, s *record.Store) {
		ctx := t.Context()
		now := time.Date(2011, 1, 30, 0, 0, 0, 0, time.UTC)
		s.Now = func() time.Time { return now }
		for range 6 {
			tx(t, s, func(tx *sql.Tx) error { return s.Audit(ctx, tx, "user", "reveal", "id", "") })
			now = now.AddDate(0, 0, 14)
		}
		dropped := in1(t, s, func(tx *sql.Tx) (int64, error) { return s.DropAudit(ctx, tx, "2011-03") })
		n, err := s.VerifyAudit(ctx)
		if err != nil || dropped == 0 || n+dropped != 6 {
			t.Errorf("%d dropped, %d stand, %v", dropped, n, err)
		}
	})
}

func TestErasingAPostReachesEverythingMadeOfIt_S37(t *testing.T) {
	recordtest.Each(t, func(t *testing.T, s *record.Store) {
		ctx := t.Context()
		src := addSource(t, s, "a")
		report, photo := addReport(t, s, "r1")
		id, _ := addPost(t, s, src, "1", "http://h/a.jpg")
		list, err := s.PhotosOf(ctx, nil, id)
		if err != nil {
			t.Fatal(err)
		}
		p := keep(t, s, list[0])
		var lead string
		tx(t, s, func(tx *sql.Tx) error {
			pic, err := s.AddPicture(ctx, tx, "")
			if err != nil {
				return err
			}
			if err := s.JoinPicture(ctx, tx, p.ID, pic); err != nil {
				return err
			}
			lead, _, err = s.AddLead(ctx, tx, record.Lead{ReportID: report, ReportPhotoID: photo, PictureID: pic})
			if err != nil {
				return err
			}
			_, err = s.AddSighting(ctx, tx, record.Sighting{LeadID: lead, PhotoID: p.ID})
			return err
		})
		blobs := in1(t, s, func(tx *sql.Tx) ([]string, error) { return s.ErasePost(ctx, tx, id) })
		if d := cmp.Diff([]string{p.Sharp, p.Blurred, p.Grey}, blobs); d != "" {
			t.Error(d)
		}
		for _, table := range []string{"posts", "photos WHERE post_id IS NOT NULL", "leads", "sightings", "pictures", "prints"} {
			var n int
			if err := s.DB().QueryRowContext(ctx, "SELECT COUNT(*) FROM "+table).Scan(&n); err != nil || n != 0 {
				t.Errorf("%s: %d left, %v", table, n, err)
			}
		}
		if _, ok, err := s.Doc(ctx, nil, record.Change{DocID: id, Kind: "post"}); ok || err != nil {
			t.Errorf("the index would keep it: %v, %v", ok, err)
		}
	})
}

func TestErasedTextLeavesNoBytesInTheFile_S37(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	s, err := record.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	src := addSource(t, s, "a")
	const canary = "CANARYTEXT7781"
	var ids []string
	for i := range 50 {
		id, _ := addPost(t, s, src, canary+string(rune('a'+i)))
		ids = append(ids, id)
	}
	tx(t, s, func(tx *sql.Tx) error {
		for _, id := range ids {
			if _, err := s.ErasePost(t.Context(), tx, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err := s.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{path, path + "-wal"} {
		b, err := os.ReadFile(f)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if strings.Contains(string(b), canary) {
			t.Errorf("%s still holds erased text", filepath.Base(f))
		}
	}
}

func TestBackupIsWholeWhileOthersWrite(t *testing.T) {
	s := recordtest.Open(t)
	src := addSource(t, s, "a")
	stop, wrote := make(chan struct{}), make(chan struct{}, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				addPost(t, s, src, record.NewID())
				select {
				case wrote <- struct{}{}:
				default:
				}
			}
		}
	})
	<-wrote
	path := filepath.Join(t.TempDir(), "backup.db")
	err := s.BackupTo(t.Context(), path)
	close(stop)
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
	b, err := record.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Integrity(t.Context()); err != nil {
		t.Error(err)
	}
	posts, last := 0, int64(0)
	if err := b.EachPost(t.Context(), func(record.Post) error { posts++; return nil }); err != nil {
		t.Fatal(err)
	}
	if last, err = b.LastChange(t.Context(), nil); err != nil || int64(posts) != last || posts == 0 {
		t.Errorf("%d posts, %d changes, %v", posts, last, err)
	}
}

func TestPaceIsWhatTheCrawlerAsksOfIt(t *testing.T) {
	recordtest.Each(t, func(t *testing.T, s *record.Store) {
		crawlertest.Pace(t, func() crawler.Pace {
			if _, err := s.DB().ExecContext(t.Context(), `DELETE FROM pace_hosts`); err != nil {
				t.Fatal(err)
			}
			if _, err := s.DB().ExecContext(t.Context(), `DELETE FROM pace`); err != nil {
				t.Fatal(err)
			}
			return &record.Pace{Store: s}
		})
	})
}

func TestAHostIsAskedByOneAtATimeAndNotBeforeItsTime(t *testing.T) {
	recordtest.Each(t, func(t *testing.T, s *record.Store) {
		ctx := t.Context()
		now := time.Unix(1000, 0)
		var mu sync.Mutex
		s.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
		advance := func(d time.Duration) { mu.Lock(); now = now.Add(d); mu.Unlock() }
		p := &record.Pace{Store: s}
		blocked := func() bool {
			short, cancel := context.WithTimeout(ctx, 60*time.Millisecond)
			defer cancel()
			release, err := p.Acquire(short, "h", crawler.Rate{})
			if err == nil {
				release(time.Time{})
			}
			return errors.Is(err, context.DeadlineExceeded)
		}
		release, err := p.Acquire(ctx, "h", crawler.Rate{})
		if err != nil {
			t.Fatal(err)
		}
		advance(2 * time.Second)
		if !blocked() {
			t.Error("a second request while the first is in flight")
		}
		release(time.Time{})
		if !blocked() {
			t.Error("no pause after the answer")
		}
		advance(time.Second)
		release, err = p.Acquire(ctx, "h", crawler.Rate{})
		if err != nil {
			t.Fatal(err)
		}
		release(now.Add(time.Hour))
		var refusal *crawler.Refusal
		if _, err := p.Acquire(ctx, "h", crawler.Rate{}); !errors.As(err, &refusal) || refusal.RetryAfter.IsZero() {
			t.Errorf("while the host wants to be left alone: %v", err)
		}
		advance(time.Hour)
		if _, err = p.Acquire(ctx, "h", crawler.Rate{}); err != nil {
			t.Fatal(err)
		}
		advance(crawler.LeaseLife + time.Second) // its holder died
		if _, err := p.Acquire(ctx, "h", crawler.Rate{}); err != nil {
			t.Errorf("after the lease of a dead process: %v", err)
		}
	})
}
