package coverage_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"xunqin/crawler"
	"xunqin/pipeline/coverage"
)

// at is an instant some hours into a day.
func at(hours float64) time.Time {
	return time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(hours * float64(time.Hour)))
}

func span(from, to float64) coverage.Span { return coverage.Span{From: at(from), To: at(to)} }

func TestARunJoinsOnToTheLastUnlessItCannot(t *testing.T) {
	for _, c := range []struct {
		name         string
		last, since  time.Time
		anew, capped bool
		want         coverage.Span
	}{
		{"first run that can tell", time.Time{}, at(-48), true, false, span(-48, 10)},
		{"first run that cannot tell", time.Time{}, time.Time{}, true, false, span(10, 10)},
		{"went on from the last", at(9), time.Time{}, false, false, span(9, 10)},
		{"went on, and shows more than it must", at(9), at(7), false, false, span(7, 10)},
		{"a cap between", at(5), at(8), false, true, span(8, 10)},
		{"a cap, and cannot tell", at(5), time.Time{}, false, true, span(10, 10)},
		{"set up in another way", at(9), at(9.5), true, false, span(9.5, 10)},
		{"an answer from the future", at(9), at(12), false, false, span(9, 10)},
	} {
		if got := coverage.Read(c.last, at(10), c.since, c.anew, c.capped); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestAGapSaysWhy(t *testing.T) {
	spans := []coverage.Span{span(2, 5), span(9, 12)}
	for _, c := range []struct {
		name  string
		hours []coverage.Hour
		want  string
	}{
		{"nobody asked", nil, coverage.Unasked},
		{"it was down, then had a cap", []coverage.Hour{{At: at(6), Down: 1}, {At: at(7), Down: 1}, {At: at(12), Capped: 1}}, coverage.Down},
		{"it refused more often than it was down", []coverage.Hour{{At: at(6), Down: 1, Refused: 2}}, coverage.Refused},
		{"only its newest posts", []coverage.Hour{{At: at(5), Asked: 1}, {At: at(9), Asked: 1, Capped: 1}}, coverage.Capped},
		{"only its newest posts, found some hours later", []coverage.Hour{{At: at(5), Asked: 1}, {At: at(12), Asked: 1, Capped: 1}}, coverage.Capped},
		{"due, and not asked", []coverage.Hour{{At: at(7), Skipped: 3}}, coverage.Skipped},
		{"asked, and no word how far back", []coverage.Hour{{At: at(9), Asked: 1}}, coverage.Unknown},
		{"what came before and after does not count", []coverage.Hour{{At: at(3), Down: 9}, {At: at(11), Refused: 9}}, coverage.Unasked},
	} {
		got := coverage.Gaps(span(3, 11), spans, c.hours)
		if diff := cmp.Diff([]coverage.Gap{{Span: span(5, 9), Why: c.want}}, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestNothingBetweenRunsIsNoGap(t *testing.T) {
	if got := coverage.Gaps(span(0, 10), []coverage.Span{span(0, 4), span(4.01, 10)}, nil); len(got) != 0 {
		t.Errorf("36 seconds are told as a gap: %v", got)
	}
}

func TestSpansAndGapsMakeTheWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		minute := func(name string) int { return rapid.IntRange(0, 60).Draw(t, name) }
		var spans []coverage.Span
		seen := [60]bool{}
		for range rapid.IntRange(0, 6).Draw(t, "spans") {
			from := minute("from")
			to := rapid.IntRange(from, 60).Draw(t, "to")
			spans = append(spans, coverage.Span{From: at(0).Add(time.Duration(from) * time.Minute), To: at(0).Add(time.Duration(to) * time.Minute)})
			for m := from; m < to; m++ {
				seen[m] = true
			}
		}
		from := minute("window from")
		to := rapid.IntRange(from, 60).Draw(t, "window to")
		window := coverage.Span{From: at(0).Add(time.Duration(from) * time.Minute), To: at(0).Add(time.Duration(to) * time.Minute)}
		missing := [60]bool{}
		for _, g := range coverage.Gaps(window, spans, nil) {
			if g.From.Before(window.From) || g.To.After(window.To) {
				t.Fatalf("gap %v outside of %v", g, window)
			}
			for m := range missing {
				if i := at(0).Add(time.Duration(m) * time.Minute); !i.Before(g.From) && i.Before(g.To) {
					missing[m] = true
				}
			}
		}
		for m := from; m < to; m++ {
			if seen[m] == missing[m] {
				t.Fatalf("minute %d of %v: seen %t, missing %t", m, window, seen[m], missing[m])
			}
		}
	})
}

func TestWhatFailedIsTold(t *testing.T) {
	for name, want := range map[string]string{
		crawler.RefusedUnreachable: coverage.Down, crawler.RefusedServer: coverage.Down, crawler.RefusedTimeout: coverage.Down, crawler.RefusedCut: coverage.Down,
		crawler.RefusedLogin: coverage.Refused, crawler.RefusedRobots: coverage.Refused, crawler.RefusedRate: coverage.Refused, "": coverage.Refused,
	} {
		if got := coverage.Failed(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestHoursWithAGapAreLeftOutOfTheEstimate(t *testing.T) {
	hours := []coverage.Catch{{At: at(1)}, {At: at(2)}, {At: at(3)}, {At: at(4)}}
	got := coverage.WholeHours(hours, []coverage.Span{span(0, 4.5)}, []coverage.Span{span(2, 2.5), span(2.5, 10)})
	if diff := cmp.Diff([]coverage.Catch{{At: at(2)}, {At: at(3)}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTooFewPostsInCommonGiveNoEstimate(t *testing.T) {
	e := coverage.Overlap([]coverage.Catch{{First: 100, Second: 90, Both: coverage.MinBoth - 1}})
	if e.Enough || e.Posts != float64(e.Seen) || e.Seen != 184 {
		t.Errorf("%+v", e)
	}
}

func TestTwoRoutesThatAgreeStillDoNotSayThatTheySawAll(t *testing.T) {
	e := coverage.Overlap([]coverage.Catch{{First: 50, Second: 50, Both: 50}})
	if !e.Enough || e.High < 52 || e.Low != 50 {
		t.Errorf("%+v", e)
	}
}

// 600 and 480 posts with 90 in common: by hand from the formulas, 3,176 with a standard deviation of 275.
func TestEstimateOfOneGroup(t *testing.T) {
	var hours []coverage.Catch
	hours = append(hours, coverage.Catch{First: 600, Second: 480, Both: 90})
	e := coverage.Overlap(hours)
	if want := 601.0*481/91 - 1; e.Posts != want {
		t.Errorf("%v posts, want %v", e.Posts, want)
	}
	if e.Low > 2750 || e.Low < 2650 || e.High < 3650 || e.High > 3850 {
		t.Errorf("interval %v to %v", e.Low, e.High)
	}
}
