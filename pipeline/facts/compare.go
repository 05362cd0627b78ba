package facts

import (
	"math"
)

// A Comparison is what one kind of fact says about whether two texts speak of
// one child.
type Comparison struct {
	Kind string // place, time, birth, sex
	Verdict
	Reason
}

// Compare holds the facts of a text against those of a report, one comparison
// for each kind, in the order place, time, birth, sex. Where both speak of the
// loss it must have been one day and one place, give or take [Slack]; a child
// that was seen elsewhere may have been brought there, but not before it was
// lost. It costs up to some milliseconds.
func Compare(report, other Facts) []Comparison {
	out := []Comparison{comparePlaces(report, other), compareTimes(report, other)}
	v, r := MeetBirths(report.Born(), other.Born())
	out = append(out, Comparison{"birth", v, r})
	switch {
	case report.Sex == "" || other.Sex == "":
		v, r = MayBeSame, Reason{Code: "unknown"}
	case report.Sex == other.Sex:
		v, r = Same, Reason{Code: "same_sex"}
	default:
		v, r = MustDiffer, Reason{Code: "other_sex"}
	}
	return append(out, Comparison{"sex", v, r})
}

// Slack is how far apart, in kilometres, people may put one place.
const Slack = 50

// alternatives is how many divisions of one name are looked at.
const alternatives = 16

// area is all that the words of a place may mean.
func (f Facts) area(p *Place) Area {
	var a Area
	if p == nil {
		return a
	}
	for i := range f.Places {
		if q := &f.Places[i]; q.Words == p.Words && q.Role == p.Role && len(a.In) < alternatives {
			a.In = append(a.In, q.Division)
		}
	}
	return a
}

// lost is where or when the child was lost, by the words; nil if they do not say.
func (f Facts) lostPlace() *Place {
	for i := range f.Places {
		if f.Places[i].Role == Lost {
			return &f.Places[i]
		}
	}
	return nil
}

func (f Facts) lostTime() *Moment {
	for i := range f.Moments {
		if f.Moments[i].Role == Lost {
			return &f.Moments[i]
		}
	}
	return nil
}

func comparePlaces(report, other Facts) Comparison {
	p, q := report.lostPlace(), other.lostPlace()
	both := p != nil && q != nil
	if !both {
		p, q = report.Place(), other.Place()
	}
	a, b := report.area(p), other.area(q)
	v, r := a.Meet(b)
	if v == MustDiffer && both {
		a.Slack = Slack
		v, r = a.Meet(b)
	}
	switch one := len(a.In) == 1 && len(b.In) == 1; {
	case v == MustDiffer && !both: // brought there
		v, r.Code = MayBeSame, "elsewhere"
		if km, known := nearest(a.In[0], b.In[0]); known && one {
			r.Code, r.Km = "brought", int(math.Round(km))
		}
	case one && a.In[0] == b.In[0]:
		v, r = Same, Reason{Code: "same_place", Places: [2]*Division{a.In[0], b.In[0]}}
	case one && r.Code == "inside":
		v = Same
	}
	if v == Same && (p.Grade < Sure || q.Grade < Sure) {
		v = MayBeSame
	}
	return Comparison{"place", v, r}
}

func compareTimes(report, other Facts) Comparison {
	if p, q := report.lostTime(), other.lostTime(); p != nil && q != nil {
		v, r := p.Meet(q.Dates)
		return Comparison{"time", v, r}
	}
	p, q := report.Time(), other.Time()
	if p == nil || q == nil || !p.Known() || !q.Known() {
		return Comparison{"time", MayBeSame, Reason{Code: "unknown"}}
	}
	lost, seen := p, q
	if q.Role == Lost {
		lost, seen = q, p
	}
	r := Reason{Code: "overlap", Days: [2]Dates{p.Dates, q.Dates}}
	switch {
	case lost.Role != Lost:
		r.Code = "seen_both" // a child is seen on many days
	case seen.Role == Seen && !seen.To.IsZero() && !seen.To.After(lost.From):
		return Comparison{"time", MustDiffer, Reason{Code: "seen_before", Days: [2]Dates{seen.Dates, lost.Dates}}}
	case !lost.To.IsZero() && !seen.From.Before(lost.To):
		r = Reason{Code: "seen_after", Days: [2]Dates{seen.Dates, lost.Dates}}
	}
	return Comparison{"time", MayBeSame, r}
}
