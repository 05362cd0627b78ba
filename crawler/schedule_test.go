package crawler

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestScheduleRunsAtTheTimesItNames(t *testing.T) {
	const form = "2006-01-02 15:04 MST"
	for _, tc := range []struct {
		name, expr, zone, after string
		want                    []string
	}{
		{"Shanghai has no change of the clock", "30 2 * * *", "Asia/Shanghai", "2026-03-07T20:00:00Z",
			[]string{"2026-03-09 02:30 CST", "2026-03-10 02:30 CST"}},
		{"an empty zone is UTC", "0 6 * * *", "", "2026-03-07T20:00:00Z", []string{"2026-03-08 06:00 UTC"}},
		{"a time in the gap runs at the first instant after it, that day", "30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z",
			[]string{"2026-03-08 03:00 EDT", "2026-03-09 02:30 EDT"}},
		{"several times in one gap run once", "0,20,40 2 * * *", "America/New_York", "2026-03-07T12:00:00Z",
			[]string{"2026-03-08 03:00 EDT", "2026-03-09 02:00 EDT"}},
		{"a time in the fold runs the first time", "30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z",
			[]string{"2026-11-01 01:30 EDT", "2026-11-02 01:30 EST"}},
		{"asked between the two, it does not run again", "30 1 * * *", "America/New_York", "2026-11-01T06:10:00Z",
			[]string{"2026-11-02 01:30 EST"}},
		{"every half hour keeps its pace through the fold", "*/30 * * * *", "America/New_York", "2026-11-01T05:10:00Z",
			[]string{"2026-11-01 01:30 EDT", "2026-11-01 01:00 EST", "2026-11-01 01:30 EST", "2026-11-01 02:00 EST"}},
		{"and through the gap", "*/30 * * * *", "America/New_York", "2026-03-08T06:10:00Z",
			[]string{"2026-03-08 01:30 EST", "2026-03-08 03:00 EDT", "2026-03-08 03:30 EDT"}},
		{"the half hour that Lord Howe skips", "15 2 * * *", "Australia/Lord_Howe", "2026-10-02T20:00:00Z",
			[]string{"2026-10-04 02:30 +11", "2026-10-05 02:15 +11"}},
		{"the half hour that Lord Howe repeats", "45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z",
			[]string{"2026-04-05 01:45 +11", "2026-04-06 01:45 +1030"}},
		{"midnight in the gap", "0 0 * * *", "Asia/Beirut", "2026-03-28T00:00:00Z",
			[]string{"2026-03-29 01:00 EEST", "2026-03-30 00:00 EEST"}},
		{"the day that Samoa left out", "0 12 30 12 *", "Pacific/Apia", "2011-12-01T00:00:00Z",
			[]string{"2011-12-31 00:00 +14", "2012-12-30 12:00 +14"}},
		{"leap day", "0 0 29 2 *", "Asia/Shanghai", "2026-01-01T00:00:00Z",
			[]string{"2028-02-29 00:00 CST", "2032-02-29 00:00 CST"}},
		{"leap day across the year 2100", "0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", []string{"2104-02-29 00:00 UTC"}},
		{"the end of a leap year past the zone's table", "*/30 * 1 1 *", "America/New_York", "2096-12-30T00:00:00Z",
			[]string{"2097-01-01 00:00 EST", "2097-01-01 00:30 EST"}},
		{"the same by named hours", "0 5 31 12 *", "America/New_York", "2096-12-30T00:00:00Z", []string{"2096-12-31 05:00 EST"}},
		{"7 is Sunday", "0 0 * * 7", "UTC", "2026-03-01T00:00:00Z", []string{"2026-03-08 00:00 UTC", "2026-03-15 00:00 UTC"}},
		{"Saturday to Sunday", "0 0 * * 6-7", "UTC", "2026-03-02T00:00:00Z", []string{"2026-03-07 00:00 UTC", "2026-03-08 00:00 UTC"}},
		{"the same by name", "0 0 * * sat-sun", "UTC", "2026-03-02T00:00:00Z", []string{"2026-03-07 00:00 UTC", "2026-03-08 00:00 UTC"}},
		{"descriptors", "@daily", "Asia/Shanghai", "2026-03-02T00:00:00Z", []string{"2026-03-03 00:00 CST"}},
		{"fractions of a second do not bring a run forward", "* * * * *", "UTC", "2026-03-02T00:00:59.9Z", []string{"2026-03-02 00:01 UTC"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := ParseSchedule(tc.expr, tc.zone, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			after, err := time.Parse(time.RFC3339, tc.after)
			if err != nil {
				t.Fatal(err)
			}
			loc, err := time.LoadLocation(tc.zone)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, at := range NextRuns(s, after, len(tc.want)) {
				got = append(got, at.In(loc).Format(form))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("runs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryRunsFromTheTimeAsked(t *testing.T) {
	s, err := ParseSchedule("@every 2s", "Asia/Shanghai", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	want := []time.Time{start.Add(2 * time.Second), start.Add(4 * time.Second)}
	if diff := cmp.Diff(want, NextRuns(s, start, 2)); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
}

func TestScheduleRefusalsNameTheFault(t *testing.T) {
	for _, tc := range []struct{ expr, zone, code, field string }{
		{"", "UTC", ScheduleEmpty, ""},
		{"  ", "UTC", ScheduleEmpty, ""},
		{"TZ=UTC", "UTC", ScheduleZoneInside, ""},
		{"CRON_TZ=Asia/Shanghai", "UTC", ScheduleZoneInside, ""},
		{"TZ=UTC 0 0 * * *", "UTC", ScheduleZoneInside, ""},
		{"0 0 * * *", "Asia/Nowhere", ScheduleZone, "zone"},
		{"0 0 * * *", "Local", ScheduleZone, "zone"},
		{"0 0 * * *", "../etc/passwd", ScheduleZone, "zone"},
		{"0 0 * *", "UTC", ScheduleFields, ""},
		{"0 0 0 * * *", "UTC", ScheduleFields, ""},
		{"60 0 * * *", "UTC", ScheduleField, "minute"},
		{"0 24 * * *", "UTC", ScheduleField, "hour"},
		{"0 0 0 * *", "UTC", ScheduleField, "day"},
		{"0 0 * 13 *", "UTC", ScheduleField, "month"},
		{"0 0 * * 8", "UTC", ScheduleField, "weekday"},
		{"0 0 * * 7-8", "UTC", ScheduleField, "weekday"},
		{"0 0 * * 0-8", "UTC", ScheduleField, "weekday"},
		{"0 0 * foo *", "UTC", ScheduleField, "month"},
		{"0 0 * anf *", "UTC", ScheduleField, "month"},
		{"1,,2 0 * * *", "UTC", ScheduleField, "minute"},
		{", , , , ,", "UTC", ScheduleField, "minute"},
		{"*-5 0 * * *", "UTC", ScheduleField, "minute"},
		{"? 0 * * *", "UTC", ScheduleField, "minute"},
		{"5-1 0 * * *", "UTC", ScheduleField, "minute"},
		{"*/0 0 * * *", "UTC", ScheduleField, "minute"},
		{"*/90 * * * *", "UTC", ScheduleStep, "minute"},
		{"0 */24 * * *", "UTC", ScheduleStep, "hour"},
		{"0 0 10-20/11 * *", "UTC", ScheduleStep, "day"},
		{"0 0 * * fri-sat/3", "UTC", ScheduleStep, "weekday"},
		{"@often", "UTC", ScheduleDescriptor, ""},
		{"@reboot", "UTC", ScheduleDescriptor, ""},
		{"@every", "UTC", ScheduleEvery, ""},
		{"@every soon", "UTC", ScheduleEvery, ""},
		{"@every -5m", "UTC", ScheduleEvery, ""},
		{"@every 500ms", "UTC", ScheduleEvery, ""},
		{"@every 90500ms", "UTC", ScheduleEvery, ""},
		{"@every 2m", "UTC", ScheduleOften, ""},
		{"*/4 * * * *", "UTC", ScheduleOften, ""},
		{"0,3 1 1 1 *", "UTC", ScheduleOften, ""},
		{"58,0 0,23 * * *", "UTC", ScheduleOften, ""},
		{"0 0 31 2 *", "UTC", ScheduleNever, ""},
		{"0 0 31 4,6,9,11 *", "UTC", ScheduleNever, ""},
	} {
		t.Run(tc.expr+" "+tc.zone, func(t *testing.T) {
			s, err := ParseSchedule(tc.expr, tc.zone, 5*time.Minute)
			var got *ScheduleError
			if !errors.As(err, &got) {
				t.Fatalf("got schedule %v, error %v", s, err)
			}
			if got.Code != tc.code || got.Field != tc.field {
				t.Errorf("code %q field %q, want %q %q", got.Code, got.Field, tc.code, tc.field)
			}
			zh, en := got.Message("zh-CN"), got.Message("en")
			if zh == en || zh == got.Code || en == got.Code || strings.Contains(zh+en, "%!") {
				t.Errorf("messages %q and %q", zh, en)
			}
		})
	}
}

func TestShortestIntervalIsMeasuredAcrossMidnightAndMonths(t *testing.T) {
	for _, tc := range []struct {
		expr string
		want time.Duration
	}{
		{"0 0 * * *", 24 * time.Hour},
		{"0 1,23 * * *", 2 * time.Hour},
		{"0 0 * * 1", 7 * 24 * time.Hour},
		{"0 0 1,31 * *", 24 * time.Hour},
		{"0 0 29 2 *", 4*365*24*time.Hour + 24*time.Hour},
		{"59 23 * * *", 24 * time.Hour},
		{"*/7 * * * *", 4 * time.Minute},
	} {
		if _, err := ParseSchedule(tc.expr, "UTC", tc.want); err != nil {
			t.Errorf("%s with least %s: %v", tc.expr, tc.want, err)
		}
		if _, err := ParseSchedule(tc.expr, "UTC", tc.want+time.Second); err == nil {
			t.Errorf("%s is accepted with least %s", tc.expr, tc.want+time.Second)
		}
	}
}

func TestNextIsLaterAndNeverStepsOverARun(t *testing.T) {
	zones := []string{"Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "Europe/Dublin", "Africa/Casablanca", "Pacific/Apia", "America/Havana", "UTC"}
	rapid.Check(t, func(t *rapid.T) {
		field := func(label string, low, high int) string {
			switch rapid.IntRange(0, 3).Draw(t, label+" kind") {
			case 0:
				return "*"
			case 1:
				return "*/" + rapid.SampledFrom([]string{"2", "3", "5"}).Draw(t, label+" step")
			}
			return rapid.StringMatching(`[0-9]{1,2}`).Filter(func(s string) bool {
				n := 0
				for _, c := range s {
					n = n*10 + int(c-'0')
				}
				return n >= low && n <= high
			}).Draw(t, label)
		}
		expr := strings.Join([]string{field("minute", 0, 59), field("hour", 0, 23), field("day", 1, 31), field("month", 1, 12), field("weekday", 0, 7)}, " ")
		s, err := ParseSchedule(expr, rapid.SampledFrom(zones).Draw(t, "zone"), 0)
		if err != nil {
			t.Skip(err)
		}
		at := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "at"), rapid.Int64Range(0, 1e9-1).Draw(t, "nanoseconds"))
		next := s.Next(at)
		if !next.After(at) {
			t.Fatalf("%s: Next(%s) = %s", expr, at, next)
		}
		if again := s.Next(at); !again.Equal(next) {
			t.Fatalf("%s: Next(%s) = %s, then %s", expr, at, next, again)
		}
		between := at.Add(time.Duration(rapid.Int64Range(0, int64(next.Sub(at))-1).Draw(t, "between")))
		if got := s.Next(between); !got.Equal(next) {
			t.Fatalf("%s: Next(%s) = %s but Next(%s) = %s", expr, at, next, between, got)
		}
	})
}

func TestJitterIsFixedForASourceAndSpreadsTheRest(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if Jitter("a", at, 0) != 0 || Jitter("a", at, -time.Second) != 0 {
		t.Error("jitter without room is not zero")
	}
	quarters := make([]int, 4)
	for i := range 4000 {
		id := strings.Repeat("s", i%7) + time.Duration(i).String()
		d := Jitter(id, at, time.Minute)
		if d < 0 || d >= time.Minute || d != Jitter(id, at.In(time.FixedZone("", 3600)), time.Minute) {
			t.Fatalf("jitter of %s is %s", id, d)
		}
		quarters[d/(15*time.Second)]++
	}
	for i, n := range quarters {
		if n < 800 || n > 1200 {
			t.Errorf("quarter %d of the minute holds %d of 4000", i, n)
		}
	}
}

func FuzzParseSchedule(f *testing.F) {
	for _, s := range []string{"* * * * *", "TZ=UTC", "@every 1h", "0 0 31 2 *", "0 0 * * 5-7/2", "1-59/58 ? ? * sun", "@", ",,,, , , , ,"} {
		f.Add(s, "America/New_York")
	}
	f.Fuzz(func(t *testing.T, expr, zone string) {
		s, err := ParseSchedule(expr, zone, time.Minute)
		if err != nil {
			var e *ScheduleError
			if !errors.As(err, &e) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		at := time.Date(2026, 3, 8, 5, 0, 0, 0, time.UTC)
		for range 3 {
			next := s.Next(at)
			if !next.After(at) {
				t.Fatalf("Next(%s) = %s", at, next)
			}
			at = next
		}
	})
}
