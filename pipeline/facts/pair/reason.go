package pair

import (
	"math"

	"xunqin/pipeline/facts"
)

// Stands says what a reason does for a pair.
type Stands uint8

// What a reason can do.
const (
	For Stands = iota
	Against
	Unknown // one of the two does not say it
)

// A Reason is one thing that speaks for a pair, against it, or is not known.
// Its code, one of [Reasons], names the text that says it. Of each pair of
// fields the first is the seeker's and the second the finder's; those are set
// that the reason is about. Words are as they were written, not redacted. N is
// a number of days, years or kilometres.
type Reason struct {
	Code   string
	Stands Stands
	Words  [2]string
	Days   [2]facts.Dates
	Places [2]*facts.Division
	N      int
}

// Reasons are all codes.
func Reasons() []string {
	return []string{
		"phone", "mark", "likemark", "hand", "colour", "othermarks", "nomark", "samecounty", "sameprefecture", "sameprovince", "far", "noplace", "samehome", "otherhome",
		"bornmeet", "bornbeside", "born", "noborn", "unborn", "sametime", "soonafter", "after", "yearsafter", "beforebeside", "before", "notime", "male", "female", "sex", "nosex", "clothes",
	}
}

// Explain says what agrees between two documents, what speaks against their
// being of one child, and what is not known, in that order.
func Explain(a, b Doc) []Reason {
	if a.Side != Seeks {
		a, b = b, a
	}
	var by [3][]Reason
	say := func(stands Stands, r Reason) {
		r.Stands = stands
		by[stands] = append(by[stands], r)
	}
	if r, no := Contradict(a, b); no && r.Code != "side" {
		say(Against, r)
	}
	for _, k := range a.Keys {
		for _, l := range b.Keys {
			if k == l {
				say(For, Reason{Code: "phone"})
			}
		}
	}
	explainMarks(a, b, say)
	explainPlaces(a, b, say)
	explainTimes(a, b, say)
	switch {
	case a.Sex == "" || b.Sex == "":
		say(Unknown, Reason{Code: "nosex"})
	case a.Sex == b.Sex:
		say(For, Reason{Code: a.Sex})
	}
	for _, v := range a.Wears {
		for _, w := range b.Wears {
			if v.Garment == w.Garment && v.Colour == w.Colour && v.Colour != 0 && soon(a, b) {
				say(For, Reason{Code: "clothes", Words: [2]string{v.Words, w.Words}})
			}
		}
	}
	return append(append(by[For], by[Against]...), by[Unknown]...)
}

func soon(a, b Doc) bool {
	lost, found := spanOf(a.Event), spanOf(b.Event)
	return lost.to != never && found.from != ever && found.from-lost.to < 30
}

func explainMarks(a, b Doc, say func(Stands, Reason)) {
	if len(a.Marks) == 0 || len(b.Marks) == 0 {
		say(Unknown, Reason{Code: "nomark"})
		return
	}
	any := false
	for _, m := range a.Marks {
		for _, n := range b.Marks {
			hands := m.Hand == n.Hand || m.Hand == 0 || n.Hand == 0
			same := m.Kind != 0 && m.Kind == n.Kind && m.Part == n.Part
			switch {
			case same && !hands:
				any = true
				say(Against, Reason{Code: "hand", Words: [2]string{m.Words, n.Words}})
			case same && m.Colour != 0 && n.Colour != 0 && m.Colour != n.Colour:
				any = true
				say(For, Reason{Code: "likemark", Words: [2]string{m.Words, n.Words}})
				say(Against, Reason{Code: "colour", Words: [2]string{m.Words, n.Words}})
			case same:
				any = true
				say(For, Reason{Code: "mark", Words: [2]string{m.Words, n.Words}})
			case hands && (m.Part != 0 && m.Part == n.Part && (m.Kind == 0 || n.Kind == 0 || akin(m.Kind, n.Kind)) || m.Kind != 0 && m.Kind == n.Kind && (m.Part == 0 || n.Part == 0)):
				any = true
				say(For, Reason{Code: "likemark", Words: [2]string{m.Words, n.Words}})
			}
		}
	}
	if !any {
		say(Against, Reason{Code: "othermarks", Words: [2]string{a.Marks[0].Words, b.Marks[0].Words}})
	}
}

func explainPlaces(a, b Doc, say func(Stands, Reason)) {
	if len(a.Places) == 0 || len(b.Places) == 0 {
		say(Unknown, Reason{Code: "noplace"})
	} else {
		p, q := nearest(a.Places, b.Places)
		places := [2]*facts.Division{p, q}
		level := min(p.Level, q.Level)
		switch {
		case p.Within(q) || q.Within(p):
			code := [...]string{"sameprovince", "sameprefecture", "samecounty"}[level]
			say(For, Reason{Code: code, Places: places})
		case level >= facts.Prefecture && p.Code[:4] == q.Code[:4]:
			say(For, Reason{Code: "sameprefecture", Places: places})
		case p.Code[:2] == q.Code[:2]:
			say(For, Reason{Code: "sameprovince", Places: places})
		default:
			say(Against, Reason{Code: "far", Places: places, N: int(math.Round(facts.Distance(p, q)/10)) * 10})
		}
	}
	if len(b.Homes) == 0 {
		return
	}
	homes := a.Homes
	if len(homes) == 0 {
		homes = a.Places
	}
	if len(homes) == 0 {
		return
	}
	p, q := nearest(homes, b.Homes)
	places := [2]*facts.Division{p, q}
	if p.Code[:2] == q.Code[:2] {
		say(For, Reason{Code: "samehome", Places: places})
	} else {
		say(Against, Reason{Code: "otherhome", Places: places})
	}
}

// nearest are those of the candidates that agree best.
func nearest(a, b []Place) (p, q *facts.Division) {
	best := -1.0
	for _, x := range a {
		for _, y := range b {
			v := x.Grade * y.Grade
			switch {
			case x.Within(y.Division) || y.Within(x.Division):
				v += 3
			case x.Code[:4] == y.Code[:4]:
				v += 2
			case x.Code[:2] == y.Code[:2]:
				v++
			}
			if v > best {
				best, p, q = v, x.Division, y.Division
			}
		}
	}
	return p, q
}

func explainTimes(a, b Doc, say func(Stands, Reason)) {
	x, y := spanOf(a.Born), spanOf(b.Born)
	switch {
	case !a.Born.Known() || !b.Born.Known():
		say(Unknown, Reason{Code: "noborn"})
	case x.from < y.to && y.from < x.to:
		say(For, Reason{Code: "bornmeet", Days: [2]facts.Dates{a.Born, b.Born}})
	case !apart(x, y):
		say(Against, Reason{Code: "bornbeside", Days: [2]facts.Dates{a.Born, b.Born}})
	}
	lost, found := spanOf(a.Event), spanOf(b.Event)
	days := int(found.from - lost.from)
	switch {
	case lost.from == ever || found.from == ever:
		say(Unknown, Reason{Code: "notime"})
	case found.to <= lost.from && !before(found, lost, b.Report):
		say(Against, Reason{Code: "beforebeside", Days: [2]facts.Dates{a.Event, b.Event}})
	case b.Report && lost.from < found.to && found.from < lost.to:
		say(For, Reason{Code: "sametime", Days: [2]facts.Dates{a.Event, b.Event}})
	case days < 60 && found.to-lost.from < 400:
		say(For, Reason{Code: "soonafter", Days: [2]facts.Dates{a.Event, b.Event}, N: max(0, days)})
	case days > 5*365:
		say(Against, Reason{Code: "yearsafter", Days: [2]facts.Dates{a.Event, b.Event}, N: days / 365})
	case !before(found, lost, b.Report):
		say(For, Reason{Code: "after", Days: [2]facts.Dates{a.Event, b.Event}})
	}
}
