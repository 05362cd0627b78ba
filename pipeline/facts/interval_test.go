package facts

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func date(y, m, d int) time.Time { return time.Date(y, time.Month(m), d, 0, 0, 0, 0, zone) }

var anyDates = rapid.Custom(func(t *rapid.T) Dates {
	from := date(1980, 1, 1).AddDate(0, 0, rapid.IntRange(0, 15000).Draw(t, "day"))
	d := Dates{from, from.AddDate(0, 0, rapid.IntRange(1, 800).Draw(t, "days"))}
	if rapid.IntRange(0, 9).Draw(t, "open") == 0 {
		d.From = time.Time{}
	}
	if rapid.IntRange(0, 9).Draw(t, "ends") == 0 {
		d.To = time.Time{}
	}
	return d
})

// about draws an interval that holds an instant, as uncertain as it likes.
func about(t *rapid.T, x time.Time, name string) Dates {
	days := func(what string) time.Duration {
		return time.Duration(rapid.IntRange(0, 900*24).Draw(t, name+what)) * time.Hour
	}
	d := Dates{x.Add(-days(" before")), x.Add(days(" after") + 1)}
	if rapid.IntRange(0, 5).Draw(t, name+" open") == 0 {
		d.From = time.Time{}
	}
	if rapid.IntRange(0, 5).Draw(t, name+" ends") == 0 {
		d.To = time.Time{}
	}
	return d
}

func instant(t *rapid.T, name string) time.Time {
	return date(1980, 1, 1).Add(time.Duration(rapid.IntRange(0, 15000*24).Draw(t, name)) * time.Hour)
}

// Two facts that hold one truth never differ, however uncertain they are.
func TestUncertaintyNeverRemovesATruePair(t *testing.T) {
	t.Run("dates", rapid.MakeCheck(func(t *rapid.T) {
		x := instant(t, "event")
		a, b := about(t, x, "a"), about(t, x, "b")
		if v, r := a.Meet(b); v == MustDiffer {
			t.Fatalf("both hold %s: %s", x, r.Code)
		}
	}))
	t.Run("ages", rapid.MakeCheck(func(t *rapid.T) {
		born := instant(t, "born")
		age := func(name string) Age {
			day := born.AddDate(0, 0, rapid.IntRange(0, 7000).Draw(t, name+" day"))
			months := monthsBetween(born, day)
			return Age{
				max(0, months-rapid.IntRange(0, 24).Draw(t, name+" younger")),
				months + rapid.IntRange(0, 24).Draw(t, name+" elder"), about(t, day, name+" at"),
			}
		}
		a, b := age("a"), age("b")
		if v, r := a.Meet(b); v == MustDiffer {
			t.Fatalf("both born %s: %s", born, r.Code)
		}
	}))
	t.Run("places", rapid.MakeCheck(func(t *rapid.T) {
		all := china().all
		any := func(name string) *Division { return &all[rapid.IntRange(0, len(all)-1).Draw(t, name)] }
		is := any("is")
		area := func(name string) Area {
			d := is
			if now := is.Present(); len(now) > 0 && rapid.Bool().Draw(t, name+" today") {
				d = now[0]
			}
			for range rapid.IntRange(0, 2).Draw(t, name+" up") {
				if p := d.Parent(); p != nil {
					d = p
				}
			}
			a := Area{In: []*Division{d}}
			if rapid.Bool().Draw(t, name+" or") {
				a.In = append([]*Division{any(name + " other")}, a.In...)
			}
			if rapid.Bool().Draw(t, name+" near") { // another, with the distance as slack
				o := any(name + " neighbour")
				a = Area{[]*Division{o}, Distance(o, is) + 1}
				for _, now := range is.Present() {
					a.Slack = max(a.Slack, Distance(o, now)+1)
				}
			}
			return a
		}
		a, b := area("a"), area("b")
		if v, r := a.Meet(b); v == MustDiffer {
			t.Fatalf("both are %s %s: %s", is.Code, is.Name, r.Code)
		}
	}))
}

// What may be the same may be it still when one side says less.
func TestSayingLessNeverRemovesAPair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := instant(t, "event")
		a, b := about(t, x, "a"), about(t, x.AddDate(0, 0, rapid.IntRange(-900, 900).Draw(t, "apart")), "b")
		if v, _ := a.Meet(b); v == MustDiffer {
			return
		}
		wide := a
		if !wide.From.IsZero() {
			wide.From = wide.From.AddDate(0, 0, -rapid.IntRange(0, 400).Draw(t, "earlier"))
		}
		if rapid.Bool().Draw(t, "open") {
			wide.To = time.Time{}
		}
		if v, r := wide.Meet(b); v == MustDiffer {
			t.Fatalf("%s meets %s and %s does not: %s", a, b, wide, r.Code)
		}
	})
}

func TestMeetingIsMutual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyDates.Draw(t, "a"), anyDates.Draw(t, "b")
		v, _ := a.Meet(b)
		if w, _ := b.Meet(a); v != w {
			t.Fatalf("%s, and turned round %s", v, w)
		}
	})
}

func TestAgesMeetAcrossYears(t *testing.T) {
	day := func(y int) Dates { return oneDay(date(y, 6, 1)) }
	at := func(years, y int) Age { return Age{12 * years, 12*years + 11, day(y)} }
	for _, tc := range []struct {
		name string
		a, b Age
		want Verdict
	}{
		{"four then and seven three years later", at(4, 2008), at(7, 2011), MayBeSame},
		{"four then and ten three years later", at(4, 2008), at(10, 2011), MustDiffer},
		{"no day", at(4, 2008), Age{Min: 120, Max: 131}, MayBeSame},
	} {
		if got, r := tc.a.Meet(tc.b); got != tc.want {
			t.Errorf("%s: %s (%s)", tc.name, got, r.Code)
		}
	}
}

// A child that came to a home on its assigned birthday may be older, not younger.
func TestAssignedBirthdayExcludesOnlyTheYounger(t *testing.T) {
	set := AssignedBirthday(oneDay(date(2010, 3, 1)))
	if v, _ := MeetBirths(set, oneDay(date(2008, 1, 1))); v != MayBeSame {
		t.Errorf("born two years before: %s", v)
	}
	if v, _ := MeetBirths(set, oneDay(date(2011, 1, 1))); v != MustDiffer {
		t.Errorf("born a year after: %s", v)
	}
}

func TestPlacesMeetByTreeAndDistance(t *testing.T) {
	area := func(slack float64, codes ...string) Area {
		a := Area{Slack: slack}
		for _, c := range codes {
			d := Lookup(c)
			if d == nil {
				t.Fatal(c)
			}
			a.In = append(a.In, d)
		}
		return a
	}
	old := func(name string) Area { return Area{In: Named(name)[:1]} }
	for _, tc := range []struct {
		name string
		a, b Area
		want Verdict
	}{
		{"one county", area(0, "440106"), area(0, "440106"), Same},
		{"a county and its city", area(0, "440106"), area(0, "440100"), MayBeSame},
		{"neighbours", area(0, "440106"), area(0, "440104"), MustDiffer},
		{"neighbours within ten kilometres", area(10, "440106"), area(0, "440104"), MayBeSame},
		{"two provinces", area(0, "440000"), area(0, "510000"), MustDiffer},
		{"one of several", area(0, "320106", "350102"), area(0, "350100"), MayBeSame},
		{"abolished and what took it up", old("宣武区"), area(0, "110102"), MayBeSame},
		{"renamed", old("襄樊市"), area(0, "420600"), MayBeSame},
		{"in what it belonged to", old("淮阴县"), old("淮阴市"), MayBeSame},
		{"unknown", Area{}, area(0, "440106"), MayBeSame},
	} {
		got, r := tc.a.Meet(tc.b)
		if got != tc.want {
			t.Errorf("%s: %s (%s)", tc.name, got, r.Code)
		}
		if !slices.Contains(Reasons(), r.Code) {
			t.Errorf("%s: %q is no reason", tc.name, r.Code)
		}
	}
}
