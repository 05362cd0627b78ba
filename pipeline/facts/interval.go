package facts

import (
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

// A Reason is why facts meet or do not, for words in any language.
type Reason struct {
	Code   string       // of [Reasons]
	Days   [2]Dates     // the two, of times and births
	Places [2]*Division // the two, of places
	Km     int          // how far apart they are
}

// Reasons lists the codes of a Reason.
func Reasons() []string {
	return []string{"unknown", "same_day", "overlap", "apart", "born_same", "born_meet", "born_apart", "same_place", "inside", "near", "far", "no_distance",
		"brought", "elsewhere", "seen_before", "seen_after", "seen_both", "same_sex", "other_sex"}
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
		return MustDiffer, Reason{Code: apart, Days: [2]Dates{d, e}}
	case d == e && !d.From.IsZero() && !d.To.IsZero() && d.To.Sub(d.From) <= 24*time.Hour:
		return Same, Reason{Code: same, Days: [2]Dates{d, e}}
	}
	return MayBeSame, Reason{Code: overlap, Days: [2]Dates{d, e}}
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
		return Same, Reason{Code: "same_place", Places: [2]*Division{a.In[0], b.In[0]}}
	}
	for _, x := range a.In {
		for _, y := range b.In {
			if x.Within(y) || y.Within(x) || slices.ContainsFunc(x.Present(), func(d *Division) bool { return d.Within(y) || slices.Contains(y.Next, d.Code) }) {
				return MayBeSame, Reason{Code: "inside", Places: [2]*Division{x, y}}
			}
		}
	}
	slack := a.Slack + b.Slack
	for _, x := range a.In {
		for _, y := range b.In {
			km, known := nearest(x, y)
			if !known {
				return MayBeSame, Reason{Code: "no_distance", Places: [2]*Division{x, y}}
			}
			if km <= slack {
				return MayBeSame, Reason{Code: "near", Places: [2]*Division{x, y}}
			}
		}
	}
	return MustDiffer, Reason{Code: "far", Places: [2]*Division{a.In[0], b.In[0]}}
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
