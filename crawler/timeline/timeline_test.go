package timeline_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"xunqin/crawler"
	"xunqin/crawler/timeline"
)

var start = time.Date(2011, 1, 25, 0, 0, 0, 0, time.UTC)

// list is a source: entries by number, the newest last, an hour apart.
type list struct {
	ids   []int
	size  int // of a page
	asked []timeline.Ask
	says  map[int]string
}

func (l *list) fetch(_ context.Context, ask timeline.Ask) (timeline.Listing, error) {
	l.asked = append(l.asked, ask)
	var out timeline.Listing
	for i := len(l.ids) - 1; i >= 0; i-- {
		id := l.ids[i]
		if before, err := strconv.Atoi(ask.Older); err == nil && id >= before {
			continue
		}
		if len(out.Entries) == l.size {
			out.Older = strconv.Itoa(l.ids[i+1])
			break
		}
		out.Entries = append(out.Entries, l.entry(id))
	}
	return out, nil
}

func (l *list) entry(id int) timeline.Entry {
	n := strconv.Itoa(id)
	return timeline.Entry{ID: n, At: start.Add(time.Duration(id) * time.Hour), Posts: []crawler.Post{{NativeID: n, Text: l.says[id]}}}
}

var errBroken = errors.New("could not commit")

// read runs once and commits at most so many pages.
func read(t interface{ Fatal(...any) }, cursor *json.RawMessage, rules timeline.Rules, l *list, pages int) (ids []int, more bool) {
	err := timeline.Read(context.Background(), *cursor, rules, l.fetch, func(p crawler.Page) error {
		if pages == 0 {
			return errBroken
		}
		pages--
		*cursor, more = p.Cursor, p.More
		for _, post := range p.Posts {
			n, _ := strconv.Atoi(post.NativeID)
			ids = append(ids, n)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	return ids, more || errors.Is(err, errBroken)
}

// TestNothingIsLost lets a list grow, lose entries and break off at any page:
// once a run comes to its end, all that stood in it then has been seen.
func TestNothingIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := &list{size: rapid.IntRange(1, 7).Draw(t, "size")}
		next := 1
		for range rapid.IntRange(0, 20).Draw(t, "before") {
			l.ids = append(l.ids, next)
			next++
		}
		var cursor json.RawMessage
		seen := map[int]bool{}
		rules := timeline.Rules{Backfill: 100}
		for range rapid.IntRange(1, 8).Draw(t, "runs") {
			for range rapid.IntRange(0, 20).Draw(t, "grown") {
				l.ids = append(l.ids, next)
				next++
			}
			if len(l.ids) > 0 && rapid.Bool().Draw(t, "lost") {
				i := rapid.IntRange(0, len(l.ids)-1).Draw(t, "which")
				l.ids = slices.Delete(l.ids, i, i+1)
			}
			for {
				ids, more := read(t, &cursor, rules, l, rapid.IntRange(0, 3).Draw(t, "commits"))
				for _, id := range ids {
					seen[id] = true
				}
				if !more {
					break
				}
			}
			for _, id := range l.ids {
				if !seen[id] {
					t.Fatalf("%d was not seen of %v", id, l.ids)
				}
			}
		}
	})
}

func TestLaterPassStopsAtTheFirstKnownPage(t *testing.T) {
	l := &list{size: 5}
	for id := range 50 {
		l.ids = append(l.ids, id)
	}
	var cursor json.RawMessage
	rules := timeline.Rules{Backfill: 2}
	read(t, &cursor, rules, l, 100)
	l.ids = append(l.ids, 50, 51, 52, 53, 54, 55, 56)
	l.asked = nil
	got, _ := read(t, &cursor, rules, l, 100)
	if diff := cmp.Diff([]int{56, 55, 54, 53, 52, 51, 50}, got); diff != "" || len(l.asked) != 2 {
		t.Errorf("%d pages were asked for\n%s", len(l.asked), diff)
	}
	if got, _ := read(t, &cursor, rules, l, 100); len(got) != 0 {
		t.Errorf("what is known came again: %v", got)
	}
}

func TestEditOnTheNewestPageIsAnotherVersion(t *testing.T) {
	l := &list{size: 5, ids: []int{1, 2, 3}, says: map[int]string{}}
	var cursor json.RawMessage
	read(t, &cursor, timeline.Rules{}, l, 100)
	l.says[2] = "edited"
	if got, _ := read(t, &cursor, timeline.Rules{}, l, 100); !cmp.Equal(got, []int{2}) {
		t.Errorf("got %v", got)
	}
}

func TestPassEndsThoughAllThatWasKnownIsDeleted(t *testing.T) {
	l := &list{size: 5}
	for id := range 300 {
		l.ids = append(l.ids, id)
	}
	var cursor json.RawMessage
	read(t, &cursor, timeline.Rules{}, l, 100)
	l.ids = append(l.ids[:295], 300)
	l.asked = nil
	got, _ := read(t, &cursor, timeline.Rules{}, l, 100)
	if n := len(l.asked); n > 12 || !slices.Contains(got, 300) {
		t.Errorf("%d pages were asked for, got %v", n, got)
	}
}

func TestPinnedEntryEndsNothing(t *testing.T) {
	l := &list{size: 5}
	for id := range 10 {
		l.ids = append(l.ids, id)
	}
	fetch := func(ctx context.Context, ask timeline.Ask) (timeline.Listing, error) {
		out, err := l.fetch(ctx, ask)
		if ask.Older == "" {
			e := l.entry(0)
			e.Pinned = true
			out.Entries = append([]timeline.Entry{e}, out.Entries...)
		}
		return out, err
	}
	var cursor json.RawMessage
	var got []string
	run := func() {
		got = nil
		if err := timeline.Read(t.Context(), cursor, timeline.Rules{}, fetch, func(p crawler.Page) error {
			cursor = p.Cursor
			for _, post := range p.Posts {
				got = append(got, post.NativeID)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	run()
	for id := 10; id < 18; id++ {
		l.ids = append(l.ids, id)
	}
	run()
	if diff := cmp.Diff([]string{"17", "16", "15", "14", "13", "12", "11", "10"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestSourceThatRepeatsItselfIsLeft(t *testing.T) {
	n := 0
	var warnings []string
	err := timeline.Read(t.Context(), nil, timeline.Rules{Backfill: 1000}, func(context.Context, timeline.Ask) (timeline.Listing, error) {
		n++
		return timeline.Listing{Entries: []timeline.Entry{{ID: "1", Posts: []crawler.Post{{NativeID: "1"}}}}, Older: fmt.Sprint("token ", n)}, nil
	}, func(p crawler.Page) error { warnings = append(warnings, p.Warnings...); return nil })
	if err != nil || n != 2 || len(warnings) != 1 {
		t.Errorf("%d pages, %v, %v", n, warnings, err)
	}
}

func TestPassHasALimit(t *testing.T) {
	n := 0
	var cursor json.RawMessage
	var warnings []string
	endless := func(context.Context, timeline.Ask) (timeline.Listing, error) {
		n++
		return timeline.Listing{Entries: []timeline.Entry{{ID: fmt.Sprint(n), Posts: []crawler.Post{{NativeID: fmt.Sprint(n)}}}}, Older: fmt.Sprint(n)}, nil
	}
	take := func(p crawler.Page) error { cursor = p.Cursor; warnings = append(warnings, p.Warnings...); return nil }
	for range 2 {
		if err := timeline.Read(t.Context(), cursor, timeline.Rules{}, endless, take); err != nil {
			t.Fatal(err)
		}
	}
	if n != 1+timeline.MaxCatchUp || len(warnings) != 1 {
		t.Errorf("%d pages, %v", n, warnings)
	}
}

func TestPastIsReadBesideAtItsOwnPaceAndOnce(t *testing.T) {
	l := &list{size: 10}
	for id := range 24 * 20 {
		l.ids = append(l.ids, id)
	}
	var cursor json.RawMessage
	rules := timeline.Rules{Past: &timeline.Past{From: "2011-01-27", To: "2011-01-28", Pages: 3, Every: 30}}
	if err := rules.Past.Check(); err != nil {
		t.Fatal(err)
	}
	got := map[int]int{}
	for run := 0; ; run++ {
		l.asked = nil
		ids, _ := read(t, &cursor, rules, l, 100)
		for _, id := range ids {
			got[id]++
		}
		if len(l.asked) == 1 {
			break
		}
		if len(l.asked) > 4 || l.asked[1].Every != 30*time.Second {
			t.Fatalf("run %d: got %+v", run, l.asked)
		}
		if run > 50 {
			t.Fatal("it does not come to an end")
		}
	}
	for id := 48; id < 96; id++ {
		if got[id] != 1 {
			t.Errorf("%d came %d times", id, got[id])
		}
	}
	if len(got) != 48+10 { // the newest page as well
		t.Errorf("%d posts came", len(got))
	}
}

func TestRangeOfThePastIsChecked(t *testing.T) {
	for _, p := range []timeline.Past{{}, {From: "2011-01-25"}, {From: "2011-02-25", To: "2011-01-25"}, {From: "2011-01-25", To: "2011-02-30"},
		{From: "2011-01-25", To: "2011-01-25", Pages: 21}, {From: "2011-01-25", To: "2011-01-25", Every: -1}} {
		if p.Check() == nil {
			t.Errorf("%+v passed", p)
		}
	}
}

func TestOddEntryHarmsItselfAlone(t *testing.T) {
	type entry struct {
		ID   string `json:"id"`
		User struct {
			Name string `json:"name"`
		} `json:"user"`
		Text string `json:"text"`
	}
	got, odd := timeline.Decode[entry]([]json.RawMessage{
		[]byte(`{"id":"1","user":{"name":7},"text":"a"}`), []byte(`null`), []byte(`[]`), []byte(`{"id":"2","user":[],"text":"b"}`),
	})
	if len(got) != 2 || got[0].ID != "1" || got[0].Text != "a" || got[1].Text != "b" {
		t.Errorf("got %+v", got)
	}
	want := []string{"2 entries could not be read", "1 entries with another type of user than was due", "1 entries with another type of user.name than was due"}
	if diff := cmp.Diff(want, odd.Warnings()); diff != "" {
		t.Error(diff)
	}
}

func TestRunSaysSinceWhenItShowsEverything(t *testing.T) {
	l := &list{size: 5}
	for id := range 12 {
		l.ids = append(l.ids, id)
	}
	var since []time.Time
	take := func(p crawler.Page) error { since = append(since, p.Since); return nil }
	if err := timeline.Read(t.Context(), nil, timeline.Rules{Backfill: 10}, l.fetch, take); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]time.Time{start.Add(7 * time.Hour), start.Add(2 * time.Hour), crawler.Beginning()}, since); diff != "" {
		t.Error(diff)
	}
}
