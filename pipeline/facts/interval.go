package facts

import (
	"fmt"
	"slices"
	"time"
)

// Dates are the instants from From up to To, without To. A zero end is open:
// nothing is known on that side.
type Dates struct{ From, To time.Time }

// Known reports that the interval excludes anything.
func (d Dates) Known() bool { return !d.From.IsZero() || !d.To.IsZero() }

// An Age is a range of whole months, both ends included, that somebody has
// lived at some time of At. Where At is not known the age excludes nothing.
type Age struct {
	Min, Max int
	At       Dates
}

// Born is when somebody of that age was born.
func (a Age) Born() Dates {
	var d Dates
	if !a.At.From.IsZero() {
		d.From = a.At.From.AddDate(0, -a.Max-1, 0)
	}
	if !a.At.To.IsZero() {
		d.To = a.At.To.AddDate(0, -a.Min, 0)
	}
	return d
}

// On is the range of ages at a day, in months.
func (a Age) On(t time.Time) (youngest, eldest int) {
	born := a.Born()
	eldest = 12 * oldest
	if !born.To.IsZero() {
		youngest = max(0, monthsBetween(born.To, t))
	}
	if !born.From.IsZero() {
		eldest = max(0, monthsBetween(born.From, t))
	}
	return youngest, eldest
}

// AssignedBirthday is when a child was born whose birthday an institution set:
// it gives the day of arrival, or guesses late, so that the child is that old
// at least.
func AssignedBirthday(d Dates) Dates { return Dates{To: d.To} }

// An Area is where something happened: in one of some divisions, or no
// farther than Slack kilometres from one. Without divisions nothing is known.
type Area struct {
	In    []*Division
	Slack float64
}

// A Verdict says whether two facts can be of one child.
type Verdict string

// The verdicts.
const (
	MustDiffer Verdict = "must_differ"
	MayBeSame  Verdict = "may_be_same"
	Same       Verdict = "same" // as exactly as a fact can be: the same day, the same county
)

// A Reason is why facts meet or do not.
type Reason struct {
	Code    string // one of those of Message
	A, B, C string // the two, where they are named, and a number
}

// Message is the reason in "zh-CN" or, for any other lang, in English.
func (r Reason) Message(lang string) string {
	texts := map[string][2]string{
		"unknown":     {"one of the two is not known", "其中一方不详"},
		"same_day":    {"the same day: %s", "同一天：%s"},
		"overlap":     {"%s and %s overlap", "%s 与 %s 有重叠"},
		"apart":       {"%s and %s do not overlap", "%s 与 %s 没有重叠"},
		"born_same":   {"born on the same day: %s", "出生日期相同：%s"},
		"born_meet":   {"born %s and born %s can be one child", "出生于 %s 与出生于 %s，可能是同一孩子"},
		"born_apart":  {"born %s and born %s cannot be one child", "出生于 %s 与出生于 %s，不可能是同一孩子"},
		"same_place":  {"the same place: %s", "同一地点：%s"},
		"inside":      {"%s and %s lie within one another", "%s 与 %s 互相包含"},
		"near":        {"%s and %s are near enough", "%s 与 %s 相距够近"},
		"far":         {"%s and %s are too far apart", "%s 与 %s 相距太远"},
		"brought":     {"%s and %s are %s km apart; a child can be brought that far", "%s 与 %s 相距 %s 公里；孩子可能被带到那里"},
		"elsewhere":   {"%s and %s are elsewhere; a child can be brought there", "%s 与 %s 不在一处；孩子可能被带到那里"},
		"seen_before": {"seen %s, before the loss %s", "%s 见到，早于走失时间 %s"},
		"seen_after":  {"seen %s, after the loss %s", "%s 见到，晚于走失时间 %s"},
		"seen_both":   {"%s and %s", "%s 与 %s"},
		"same_sex":    {"the same sex", "性别相同"},
		"other_sex":   {"not the same sex", "性别不同"},
		"no_distance": {"the distance of %s and %s is not known", "%s 与 %s 的距离不详"},
	}
	t := texts[r.Code]
	text, a, b := t[0], r.A, r.B
	if lang == "zh-CN" {
		text = t[1]
	} else {
		for _, s := range []*string{&a, &b} {
			if d := Named(*s); len(d) > 0 && *s != "" && han([]rune(*s)[0]) {
				*s = d[0].English()
			}
		}
	}
	switch {
	case r.A == "":
		return text
	case r.B == "":
		return fmt.Sprintf(text, a)
	case r.C != "":
		return fmt.Sprintf(text, a, b, r.C)
	}
	return fmt.Sprintf(text, a, b)
}

// Meet says whether an event at d and one at e can be the same.
func (d Dates) Meet(e Dates) (Verdict, Reason) {
	return d.meet(e, "same_day", "overlap", "apart")
}

func (d Dates) meet(e Dates, same, overlap, apart string) (Verdict, Reason) {
	before := func(a, b Dates) bool { return !a.To.IsZero() && !b.From.IsZero() && !a.To.After(b.From) }
	switch {
	case !d.Known() || !e.Known():
		return MayBeSame, Reason{Code: "unknown"}
	case before(d, e), before(e, d):
		return MustDiffer, Reason{Code: apart, A: d.String(), B: e.String()}
	case d == e && !d.From.IsZero() && !d.To.IsZero() && d.To.Sub(d.From) <= 24*time.Hour:
		return Same, Reason{Code: same, A: d.String()}
	}
	return MayBeSame, Reason{Code: overlap, A: d.String(), B: e.String()}
}

// String is the days of d, as 2011-01-25, 2011-01/2011-02-03 or 2011-01-25/..
func (d Dates) String() string {
	day := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.In(zone).Format(time.DateOnly)
	}
	from, to := day(d.From), ""
	if !d.To.IsZero() {
		to = day(d.To.Add(-time.Second))
	}
	if from == to {
		return from
	}
	if from == "" {
		from = ".."
	}
	if to == "" {
		to = ".."
	}
	return from + "/" + to
}

// Meet says whether somebody can have both ages, each on its day.
func (a Age) Meet(b Age) (Verdict, Reason) { return MeetBirths(a.Born(), b.Born()) }

// MeetBirths says whether somebody can be born in both intervals.
func MeetBirths(a, b Dates) (Verdict, Reason) {
	return a.meet(b, "born_same", "born_meet", "born_apart")
}

// Meet says whether two places can be the same: one lies in the other, or
// took up the other, or they are no farther apart than their slack. Of a
// prefecture or province any county counts. It costs up to a millisecond for
// two provinces.
func (a Area) Meet(b Area) (Verdict, Reason) {
	if len(a.In) == 0 || len(b.In) == 0 {
		return MayBeSame, Reason{Code: "unknown"}
	}
	if len(a.In) == 1 && len(b.In) == 1 && a.In[0] == b.In[0] && a.Slack == 0 && b.Slack == 0 && a.In[0].Level == County {
		return Same, Reason{Code: "same_place", A: a.In[0].Name}
	}
	for _, x := range a.In {
		for _, y := range b.In {
			if x.Within(y) || y.Within(x) || slices.ContainsFunc(x.Present(), func(d *Division) bool { return d.Within(y) || slices.Contains(y.Next, d.Code) }) {
				return MayBeSame, Reason{Code: "inside", A: x.Name, B: y.Name}
			}
		}
	}
	slack := a.Slack + b.Slack
	for _, x := range a.In {
		for _, y := range b.In {
			km, known := nearest(x, y)
			if !known {
				return MayBeSame, Reason{Code: "no_distance", A: x.Name, B: y.Name}
			}
			if km <= slack {
				return MayBeSame, Reason{Code: "near", A: x.Name, B: y.Name}
			}
		}
	}
	return MustDiffer, Reason{Code: "far", A: a.In[0].Name, B: b.In[0].Name}
}

// nearest is how near two divisions come: of any two counties in them.
func nearest(x, y *Division) (km float64, known bool) {
	km = 1e9
	xs, ys := x.points(), y.points()
	for _, p := range xs {
		for _, q := range ys {
			km = min(km, Distance(p, q))
		}
	}
	return km, len(xs) > 0 && len(ys) > 0
}

// points are the divisions in d whose seats are known, and d itself.
func (d *Division) points() []*Division {
	if d.Level == County {
		if d.Lat == 0 {
			return nil
		}
		return []*Division{d}
	}
	var in []*Division
	a := china()
	for i := range a.all {
		if e := &a.all[i]; e.Lat != 0 && e.Within(d) {
			in = append(in, e)
		}
	}
	return in
}
