package record_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"xunqin/pipeline/record"
	"xunqin/pipeline/record/recordtest"
	"xunqin/search"
)

// fill stores n posts by one statement: the first half at one instant, the others a minute apart, every hundredth hidden.
func fill(t *testing.T, s *record.Store, source string, n int) {
	t.Helper()
	_, err := s.DB().ExecContext(t.Context(), `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i<$1-1)
		INSERT INTO posts (id, source_id, native_id, url, kind, author, text, place, lang, tags, quoted_id, raw_at, posted_at, precision, edited_at, seen_at, sensitive, state, step, digest)
		SELECT 'post' || (1000000+i), $2, 'n' || i, '', 'post', '', CASE i%50 WHEN 0 THEN '走失的孩子' ELSE '天桥' END, '', '', 'tag', '', '', CASE WHEN i<$1/2 THEN 1700000000000 ELSE 1700000000000-60000*i END, 'second', 0, 0, FALSE,
			CASE WHEN i%100=99 THEN 'hidden' ELSE 'live' END, 'related', '' FROM n`, n, source)
	if err != nil {
		t.Fatal(err)
	}
}

// Whatever is stored is read once, in the order of answers, from any place on; and where the reading is given up it goes on.
func TestTheRecordIsReadInTheOrderOfAnswers(t *testing.T) {
	recordtest.Each(t, func(t *testing.T, s *record.Store) {
		source := addSource(t, s, "forum")
		const n = 21_000
		fill(t, s, source, n)
		for i := range 250 {
			_, err := s.DB().ExecContext(t.Context(), `INSERT INTO reports (id, kind, number, name, other_names, sex, birth, lost_text, lost_from, lost_to, place, height_cm, features, dna, police, source_name, source_url, status, step, created_by, created_at, updated_at)
				VALUES ($1,'missing','',$2,'','','','',$3,0,'',0,'','','','form','','open','related','',$4,0)`,
				fmt.Sprint("report", i), "林示例", map[bool]int64{true: 1700000000000 - 600000*int64(i)}[i%2 == 0], 1700000000000-600000*int64(i)+60000)
			if err != nil {
				t.Fatal(err)
			}
		}
		all := func(narrow record.Narrow, end func() bool) (list []search.Key) {
			for after := (search.Key{}); ; {
				reached, err := s.Browse(t.Context(), after, narrow, end, func(d search.Doc) bool {
					list = append(list, search.Key{At: d.At, ID: d.ID})
					return true
				})
				if err != nil {
					t.Fatal(err)
				}
				if reached.IsZero() {
					return list
				}
				if !after.IsZero() && reached.Compare(after) <= 0 {
					t.Fatalf("no step on from %s", after)
				}
				after = reached
			}
		}
		never := func() bool { return false }
		list := all(record.Narrow{}, never)
		if len(list) != n-n/100+250 {
			t.Errorf("%d read, want %d", len(list), n-n/100+250)
		}
		if !slices.IsSortedFunc(list, search.Key.Compare) {
			t.Error("not in order")
		}
		if d := cmp.Diff(list, all(record.Narrow{}, func() bool { return true })); d != "" {
			t.Errorf("in pieces:\n%s", d)
		}
		if d := cmp.Diff(list, all(record.Narrow{}, func() bool { return rand.IntN(2) == 0 })); d != "" {
			t.Errorf("in pieces at random:\n%s", d)
		}
		for name, narrow := range map[string]record.Narrow{
			"kind": {Kind: search.KindReport}, "words": {Holds: [][]string{{"孩"}, {"子", "在"}}}, "time": {From: time.UnixMilli(1700000000000 - 60000*15000), To: time.UnixMilli(1700000000000)}, "nothing": {Holds: [][]string{{"無"}}},
			"one instant": {From: time.UnixMilli(1700000000000), To: time.UnixMilli(1700000000001)},
		} {
			var want []search.Key
			for _, k := range list {
				report := strings.HasPrefix(k.ID, "report")
				var i int
				if !report {
					fmt.Sscanf(k.ID, "post1%06d", &i)
				}
				if narrow.Kind != "" && !report || narrow.Holds != nil && (report || i%50 != 0 || narrow.Holds[0][0] != "孩") ||
					!narrow.From.IsZero() && k.At.Before(narrow.From) || !narrow.To.IsZero() && !k.At.Before(narrow.To) {
					continue
				}
				want = append(want, k)
			}
			if d := cmp.Diff(want, all(narrow, never)); d != "" {
				t.Errorf("%s (-want +got):\n%s", name, d)
			}
		}
	})
}

// What is read is what an index is given, but for what photos are found by.
func TestWhatIsReadIsWhatAnIndexIsGiven(t *testing.T) {
	recordtest.Each(t, func(t *testing.T, s *record.Store) {
		source := addSource(t, s, "forum")
		post, _ := addPost(t, s, source, "a", "https://example.org/1.jpg")
		photos, err := s.PhotosOf(t.Context(), nil, post)
		if err != nil {
			t.Fatal(err)
		}
		keep(t, s, photos[0])
		addPost(t, s, source, "b")
		addReport(t, s, "林示例")
		n := 0
		_, err = s.Browse(t.Context(), search.Key{}, record.Narrow{}, func() bool { return false }, func(got search.Doc) bool {
			n++
			kind := "post"
			if got.Kind == search.KindReport {
				kind = "report"
			}
			want, ok, err := s.Doc(t.Context(), nil, record.Change{DocID: got.ID, Kind: kind})
			if err != nil || !ok {
				t.Fatal(err, ok)
			}
			if len(got.Photos) != min(1, len(want.Photos)) {
				t.Errorf("%s: %d photos, want %d", got.ID, len(got.Photos), len(want.Photos))
			}
			got.Photos, want.Photos = nil, nil
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("-index +record:\n%s", d)
			}
			return true
		})
		if err != nil || n != 3 {
			t.Errorf("%d read, %v", n, err)
		}
	})
}
