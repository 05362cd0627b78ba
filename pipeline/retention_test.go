package pipeline_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"xunqin/pipeline/record"
	"xunqin/pipeline/record/policy"
	"xunqin/search"
)

// holdings is how much is there of everything that has a life.
type holdings struct {
	Posts, Photos, Printed, Features, Ties, Reports, Leads, Verdicts, Alerts int64 // Printed: photos with fingerprints
	Blobs, Keys                                                              int
	Docs                                                                     int64
}

func (r *rig) holdings(t *testing.T) holdings {
	t.Helper()
	if err := r.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	var h holdings
	for table, n := range map[string]*int64{"posts": &h.Posts, "photos": &h.Photos, "(SELECT DISTINCT photo_id FROM prints) AS printed": &h.Printed, "features": &h.Features, "ties": &h.Ties, "reports": &h.Reports, "leads": &h.Leads, "verdicts": &h.Verdicts, "deliveries": &h.Alerts} {
		if err := r.Records.DB().QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+table).Scan(n); err != nil {
			t.Fatal(err)
		}
	}
	count := func(n *int) func(string) error {
		return func(string) error { *n++; return nil }
	}
	if err := r.Blobs.List(t.Context(), count(&h.Blobs)); err != nil {
		t.Fatal(err)
	}
	if err := r.Keys.List(t.Context(), count(&h.Keys)); err != nil {
		t.Fatal(err)
	}
	info, err := r.Index.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h.Docs = info.Docs
	return h
}

// person adds somebody who works at the desk.
func (r *rig) person(t *testing.T, name string, roles ...record.Role) string {
	t.Helper()
	var id string
	err := r.Records.Tx(t.Context(), func(tx *sql.Tx) (err error) {
		id, err = r.Records.AddUser(t.Context(), tx, record.User{Name: name, Roles: roles})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// subscribe has somebody told in their inbox of what a query accepts.
func (r *rig) subscribe(t *testing.T, user, query string) {
	t.Helper()
	ctx := t.Context()
	err := r.Records.Tx(ctx, func(tx *sql.Tx) error {
		q, err := r.Records.AddSavedQuery(ctx, tx, record.SavedQuery{UserID: user, Name: "q", Query: query})
		if err != nil {
			return err
		}
		_, err = r.Records.AddSubscription(ctx, tx, record.Subscription{UserID: user, SavedQueryID: q, Channel: record.Inbox})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The days of four years on which the nightly walk is looked at: every one near the end of a life, one in nine of the others.
func nights() []int {
	var days []int
	for d := 0; d <= 4*365+1; d++ {
		near := false
		for _, end := range []int{90, 100, 130, 365, 3 * 365} {
			near = near || d >= end-2 && d <= end+2
		}
		if near || d%9 == 0 {
			days = append(days, d)
		}
	}
	return days
}

func TestEverythingEndsWithItsLifeOverFourYears_S36(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		stop := r.work(t)
		one, two := r.person(t, "a", record.Volunteer), r.person(t, "b", record.Volunteer)
		r.subscribe(t, one, "天桥")
		r.report(t, "林示例", jpg(draw(2), 90), jpg(draw(3), 90)) // stays open
		closing := r.report(t, "王示例", jpg(draw(4), 90))
		r.site.post("天桥 一", jpg(draw(1), 60)) // matches nothing
		r.site.post("天桥 二", jpg(draw(2), 60)) // held by a lead of the open report
		r.site.post("天桥 三", jpg(draw(3), 60)) // its lead is judged different: holds nothing
		r.site.post("天桥 四", jpg(draw(4), 60)) // held until the closed report is gone
		r.site.post("天桥 五")                   // no photo
		r.crawl(t)
		for _, l := range r.all(t) {
			photos, err := r.Records.PhotosOf(ctx, nil, l.ReportID)
			if err != nil {
				t.Fatal(err)
			}
			if l.ReportPhotoID == photos[len(photos)-1].ID && len(photos) == 2 {
				for _, who := range []string{one, two} {
					if _, _, err := r.Decide(ctx, who, l.ID, record.Different, ""); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		stop()
		// want is what the defaults of SAFETY.md leave on a day. The walk of the night on which a report goes ends the hold on
		// its sightings, whose pictures go in the next one.
		want := func(day int) holdings {
			h := holdings{Posts: 1, Photos: 3, Reports: 1, Leads: 1, Ties: 1, Alerts: 1, Blobs: 9} // the open report's two photos and the post its lead holds
			h.Printed = 3
			sighting := func(pictures bool) {
				h.Posts, h.Photos, h.Alerts = h.Posts+1, h.Photos+1, h.Alerts+1
				h.Printed++
				if h.Blobs++; pictures {
					h.Blobs += 2
				}
			}
			if day < 365 {
				h.Posts, h.Alerts = h.Posts+1, h.Alerts+1 // the one without a photo
				sighting(day < 90)                        // unmatched
				sighting(day < 90)                        // judged different
				h.Leads, h.Verdicts, h.Ties = h.Leads+1, h.Verdicts+2, h.Ties+1
				sighting(day <= 130)
			}
			if day < 130 {
				h.Reports, h.Leads, h.Photos, h.Blobs = h.Reports+1, h.Leads+1, h.Photos+1, h.Blobs+3
				h.Printed++
				h.Ties++
			}
			h.Features, h.Keys, h.Docs = h.Printed, h.Blobs, h.Posts+h.Reports
			return h
		}
		was := 0
		for _, day := range nights() {
			r.clock.advance(time.Duration(day-was) * 24 * time.Hour)
			was = day
			if day == 100 {
				rep, err := r.Records.Report(ctx, nil, closing)
				if err != nil {
					t.Fatal(err)
				}
				if err := r.CloseReport(ctx, one, closing, rep.Version); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := r.Expire(ctx); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want(day), r.holdings(t)); diff != "" {
				t.Fatalf("day %d: want -, got +\n%s", day, diff)
			}
			r.verified(t)
			oldest := r.clock.now().AddDate(0, -37, 0).UnixMilli()
			var old int
			if err := r.Records.DB().QueryRowContext(ctx, `SELECT COUNT(*) FROM audit WHERE at < $1`, oldest).Scan(&old); err != nil || old > 0 {
				t.Fatalf("day %d: %d lines of the log are older than 37 months, %v", day, old, err)
			}
		}
	})
}

func loadPolicy(t *testing.T, text string) (policy.Policy, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "policy.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return policy.Load(path)
}

func TestAShorterPolicyIsObeyed_S36(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		p, err := loadPolicy(t, "[lives]\nderivative=\"24h\"\nfingerprint=\"48h\"\ntext=\"72h\"\n")
		if err != nil {
			t.Fatal(err)
		}
		r.Policy = p
		stop := r.work(t)
		r.site.post("天桥", jpg(draw(1), 60))
		r.crawl(t)
		stop()
		for day, want := range []holdings{{Posts: 1, Blobs: 3}, {Posts: 1, Blobs: 1}, {Posts: 1}, {}} {
			if day > 0 {
				r.clock.advance(24 * time.Hour)
			}
			if _, err := r.Expire(t.Context()); err != nil {
				t.Fatal(err)
			}
			h := r.holdings(t)
			if h.Posts != want.Posts || h.Blobs != want.Blobs || h.Keys != want.Blobs {
				t.Errorf("day %d: got %d posts, %d pictures, %d keys, want %d, %d", day, h.Posts, h.Blobs, h.Keys, want.Posts, want.Blobs)
			}
		}
	})
}

func TestALongerLifeNeedsAReason_S36(t *testing.T) {
	for _, life := range []string{`derivative="2161h"`, `fingerprint="9000h"`, `text="9000h"`, `closed="721h"`, `audit_months=37`} {
		if _, err := loadPolicy(t, "[lives]\n"+life+"\n"); err == nil {
			t.Errorf("%s is taken without a reason", life)
		}
		name, _, _ := strings.Cut(life, "=")
		if _, err := loadPolicy(t, "[lives]\n"+life+"\n[reasons]\n"+name+"=\"the prosecutor asked, letter 7\"\n"); err != nil {
			t.Errorf("%s with its reason: %v", life, err)
		}
	}
}

// raw is every file of the rig: the record, the index and what SQLite keeps beside them, sealed pictures and the key folder.
func (r *rig) raw(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	read := func(path string) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[path] = b
	}
	err := filepath.WalkDir(r.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			read(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Records.Dialect() == record.SQLite {
		var n int
		var name, path string
		if err := r.Records.DB().QueryRowContext(t.Context(), `PRAGMA database_list`).Scan(&n, &name, &path); err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{path, path + "-wal"} {
			if _, err := os.Stat(p); err == nil {
				read(p)
			}
		}
		return files
	}
	// Of PostgreSQL's files only the server's owner reads; what it answers is all there is to see.
	rows, err := r.Records.DB().QueryContext(t.Context(), `SELECT table_name FROM information_schema.tables WHERE table_schema='public'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var tables []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		tables = append(tables, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		var s sql.NullString
		if err := r.Records.DB().QueryRowContext(t.Context(), `SELECT STRING_AGG(x::text, E'\n') FROM `+table+` x`).Scan(&s); err != nil {
			t.Fatal(err)
		}
		files["table "+table] = []byte(s.String)
	}
	return files
}

// absent fails for every file in which one of the words stands.
func absent(t *testing.T, files map[string][]byte, words ...string) {
	t.Helper()
	if len(files) < 3 {
		t.Fatalf("only %d files were looked at", len(files))
	}
	for name, b := range files {
		for _, w := range words {
			if i := bytes.Index(b, []byte(w)); i >= 0 {
				t.Errorf("%s holds %q: %q", filepath.Base(name), w, b[max(0, i-40):min(len(b), i+len(w)+40)])
			}
		}
	}
}

// present fails when one of the words stands nowhere: a search for what must be gone proves something only then.
func present(t *testing.T, files map[string][]byte, words ...string) {
	t.Helper()
next:
	for _, w := range words {
		for _, b := range files {
			if bytes.Contains(b, []byte(w)) {
				continue next
			}
		}
		t.Errorf("%q stands nowhere from the start", w)
	}
}

// canaries publishes a post with words that stand nowhere else, one photo that is kept and one that its host never gives, and
// adds a report with such words whose photo the post carries when match is set.
func (r *rig) canaries(t *testing.T, match bool) (words []string, report string) {
	t.Helper()
	id := r.site.post("天桥 quailtext 孩子", jpg(draw(1), 60), []byte("never"))
	r.site.mu.Lock()
	post := r.site.posts[len(r.site.posts)-1]
	post["uri"], post["url"] = r.site.URL+"/p/quailnative", r.site.URL+"/@a/quailaddress"
	post["tags"] = []any{map[string]any{"name": "quailtag"}}
	media := post["media_attachments"].([]map[string]any)
	media[0]["description"] = "quailalt"
	media[1]["url"] = r.site.URL + "/media/quailbroken.jpg"
	r.site.refuse = func(w http.ResponseWriter, q *http.Request) bool {
		if !strings.Contains(q.URL.Path, "quailbroken") {
			return false
		}
		panic(http.ErrAbortHandler) // ends the connection without an answer
	}
	r.site.mu.Unlock()
	seed := uint64(9)
	if match {
		seed = 1
	}
	report, _, err := r.AddReport(t.Context(), "tester", record.Report{Kind: record.ReportMissing, Number: "quailnumber", Name: "quailname", OtherNames: "quailother", Birth: "quailbirth", LostText: "quaillost", Place: "quailplace",
		Features: "quailfeatures", Police: "quailpolice", DNA: "quaildna", SourceName: "quailregistry", SourceURL: "https://registry.example.org/quailsource"}, [][]byte{jpg(draw(seed), 90)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.CrawlNow(t.Context(), r.source, "hand"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first try of the post's photos and the comparison of both", func() bool {
		var failed int
		if err := r.Records.DB().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM river_job WHERE kind='gather' AND state='retryable'`).Scan(&failed); err != nil {
			t.Fatal(err)
		}
		rep, err := r.Records.Report(t.Context(), nil, report)
		if err != nil {
			t.Fatal(err)
		}
		a, err := r.SearchPhoto(t.Context(), jpg(draw(1), 80))
		if err != nil {
			t.Fatal(err)
		}
		// The photo can be found a moment before it is compared: its lead comes after.
		return failed == 1 && rep.Step == record.StepRelated && len(a.Groups) == 1 && (!match || len(r.all(t)) == 1)
	})
	return []string{"quailtext", "quailnative", "quailaddress", "quailtag", "quailalt", "quailbroken", "/media/" + id, "quailnumber", "quailname", "quailother", "quailbirth", "quaillost", "quailplace",
		"quailfeatures", "quailpolice", "quaildna", "quailregistry", "quailsource"}, report
}

func TestNothingIsLeftOfWhatHasExpired_S37(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		user := r.person(t, "a", record.Activist)
		r.subscribe(t, user, "天桥")
		stop := r.work(t)
		words, report := r.canaries(t, true)
		stop()
		if len(r.all(t)) != 1 {
			t.Fatalf("leads: %+v", r.all(t))
		}
		present(t, r.raw(t), words...)
		rep, err := r.Records.Report(ctx, nil, report)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.CloseReport(ctx, user, report, rep.Version); err != nil {
			t.Fatal(err)
		}
		r.clock.advance(366 * 24 * time.Hour)
		for range 2 { // the second walk ends what the report had held in the first
			if _, err := r.Expire(ctx); err != nil {
				t.Fatal(err)
			}
		}
		absent(t, r.raw(t), words...)
		if diff := cmp.Diff(holdings{}, r.holdings(t)); diff != "" {
			t.Errorf("want -, got +\n%s", diff)
		}
		if n, err := r.Waiting(ctx); err != nil || len(n) > 0 {
			t.Errorf("jobs of what is gone: %v, %v", n, err)
		}
		r.verified(t)
	})
}

func TestNothingIsLeftOfWhatWasErased_S38(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		r.subscribe(t, r.person(t, "a", record.Activist), "天桥")
		stop := r.work(t)
		words, report := r.canaries(t, false)
		a, err := r.SearchWords(ctx, parse(t, "quailtext"), search.Page{})
		if err != nil || len(a.Groups) != 1 {
			t.Fatalf("%+v, %v", a, err)
		}
		stop()
		present(t, r.raw(t), words...)
		for _, id := range []string{a.Groups[0].Copies[0].Post.ID, report} {
			if err := r.Erase(ctx, "command", id, "asked"); err != nil {
				t.Fatal(err)
			}
		}
		absent(t, r.raw(t), words...)
		if diff := cmp.Diff(holdings{}, r.holdings(t)); diff != "" {
			t.Errorf("want -, got +\n%s", diff)
		}
		if n, err := r.Waiting(ctx); err != nil || len(n) > 0 {
			t.Errorf("jobs of what is gone: %v, %v", n, err)
		}
		r.verified(t)
	})
}

func TestJobsHoldIdsAlone_S37(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.work(t)
		r.canaries(t, true)
		query := `SELECT kind, args::text, metadata::text, tags::text FROM river_job`
		if r.Records.Dialect() == record.SQLite {
			query = `SELECT kind, json(args), json(metadata), json(tags) FROM river_job`
		}
		rows, err := r.Records.DB().QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		kinds := map[string]int{}
		for rows.Next() {
			var kind, args, meta, tags string
			if err := rows.Scan(&kind, &args, &meta, &tags); err != nil {
				t.Fatal(err)
			}
			kinds[kind]++
			for field, value := range jsonStrings(t, args) {
				if value != "post" && value != "report" && !isID(value) {
					t.Errorf("%s: %s is %q", kind, field, value)
				}
			}
			for _, word := range []string{"quail", "天桥", "spotter", "127.0.0.1"} {
				if strings.Contains(args+meta+tags, word) {
					t.Errorf("%s holds %q: %s %s %s", kind, word, args, meta, tags)
				}
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		if kinds["crawl"] == 0 || kinds["gather"] == 0 || kinds["relate"] == 0 {
			t.Errorf("jobs seen: %v", kinds)
		}
	})
}

func TestAnOldBackupForgetsItsOwnExpiryNotItsText_S38(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		stop := r.work(t)
		r.site.post("天桥", jpg(draw(1), 60))
		r.crawl(t)
		stop()
		a, err := r.SearchWords(ctx, parse(t, "天桥"), search.Page{})
		if err != nil || len(a.Groups) != 1 {
			t.Fatalf("%+v, %v", a, err)
		}
		ph := a.Groups[0].Copies[0].Photo
		// What a restore finds after the derivatives' life has ended since: rows that name them, and blobs that are gone.
		for _, key := range []string{ph.Sharp, ph.Blurred} {
			if err := r.Blobs.Delete(ctx, key); err != nil {
				t.Fatal(err)
			}
		}
		n, err := r.EraseLost(ctx, nil)
		if err != nil || n != 0 {
			t.Errorf("erased %d, %v", n, err)
		}
		a, err = r.SearchWords(ctx, parse(t, "天桥"), search.Page{})
		if err != nil || len(a.Groups) != 1 {
			t.Fatalf("the post went with its picture: %+v, %v", a, err)
		}
		if got, err := r.Records.Photo(ctx, nil, ph.ID); err != nil || got.State != record.PhotoGone || got.Grey != ph.Grey {
			t.Errorf("%+v, %v", got, err)
		}
		r.verified(t)
		// A person's erasure takes the grey one as well: then the whole post goes.
		if err := r.Blobs.Delete(ctx, ph.Grey); err != nil {
			t.Fatal(err)
		}
		if n, err := r.EraseLost(ctx, nil); err != nil || n != 1 {
			t.Errorf("erased %d, %v", n, err)
		}
		r.verified(t)
	})
}

func isID(s string) bool {
	return len(s) == 26 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

func jsonStrings(t *testing.T, s string) map[string]string {
	t.Helper()
	out := map[string]string{}
	if err := json.Unmarshal([]byte(s), &out); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", s, err))
	}
	return out
}
