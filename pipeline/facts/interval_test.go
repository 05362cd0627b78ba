package facts

import (
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

// widen makes an interval less certain.
func widen(t *rapid.T, d Dates) Dates {
	if !d.From.IsZero() {
		d.From = d.From.AddDate(0, 0, -rapid.IntRange(0, 400).Draw(t, "earlier"))
	}
	if !d.To.IsZero() {
		d.To = d.To.AddDate(0, 0, rapid.IntRange(0, 400).Draw(t, "later"))
	}
	if rapid.Bool().Draw(t, "unknown") {
		d.To = time.Time{}
	}
	return d
}

func TestUncertaintyNeverRemovesAPair(t *testing.T) {
	t.Run("dates", rapid.MakeCheck(func(t *rapid.T) {
		a, b := anyDates.Draw(t, "a"), anyDates.Draw(t, "b")
		if v, _ := a.Meet(b); v == MustDiffer {
			return
		}
		if v, r := widen(t, a).Meet(widen(t, b)); v == MustDiffer {
			t.Fatalf("%s and %s meet, wider ones do not: %s", a, b, r.Message("en"))
		}
	}))
	t.Run("ages", rapid.MakeCheck(func(t *rapid.T) {
		draw := func(name string) Age {
			least := rapid.IntRange(0, 200).Draw(t, name)
			return Age{least, least + rapid.IntRange(0, 30).Draw(t, name+" wide"), anyDates.Draw(t, name+" at")}
		}
		a, b := draw("a"), draw("b")
		if v, _ := a.Meet(b); v == MustDiffer {
			return
		}
		wide := func(a Age) Age {
			return Age{max(0, a.Min-rapid.IntRange(0, 24).Draw(t, "younger")), a.Max + rapid.IntRange(0, 24).Draw(t, "elder"), widen(t, a.At)}
		}
		if v, r := wide(a).Meet(wide(b)); v == MustDiffer {
			t.Fatalf("%+v and %+v meet, wider ones do not: %s", a, b, r.Message("en"))
		}
	}))
	t.Run("places", rapid.MakeCheck(func(t *rapid.T) {
		all := china().all
		draw := func(name string) Area {
			in := []*Division{&all[rapid.IntRange(0, len(all)-1).Draw(t, name)]}
			if rapid.IntRange(0, 3).Draw(t, "kin") == 0 && in[0].Parent() != nil {
				in[0] = in[0].Parent()
			}
			return Area{in, float64(rapid.IntRange(0, 300).Draw(t, name+" km"))}
		}
		a, b := draw("a"), draw("b")
		if v, _ := a.Meet(b); v == MustDiffer {
			return
		}
		wide := func(a Area) Area {
			a.Slack += float64(rapid.IntRange(0, 100).Draw(t, "km"))
			switch rapid.IntRange(0, 2).Draw(t, "how") {
			case 0:
				a.In = append([]*Division{&all[rapid.IntRange(0, len(all)-1).Draw(t, "or")]}, a.In...)
			case 1:
				if p := a.In[0].Parent(); p != nil {
					a.In = []*Division{p}
				}
			}
			return a
		}
		wa, wb := wide(a), wide(b)
		if v, r := wa.Meet(wb); v == MustDiffer {
			t.Fatalf("%s and %s meet, wider ones do not: %s", a.In[0].Code+a.In[0].Name, b.In[0].Code+b.In[0].Name, r.Message("en"))
		}
	}))
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
			t.Errorf("%s: %s (%s)", tc.name, got, r.Message("en"))
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
			t.Errorf("%s: %s (%s)", tc.name, got, r.Message("zh-CN"))
		}
		if r.Message("zh-CN") == "" || r.Message("en") == "" || r.Message("zh-CN") == r.Message("en") {
			t.Errorf("%s: reasons %q and %q", tc.name, r.Message("zh-CN"), r.Message("en"))
		}
	}
}
