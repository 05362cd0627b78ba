// Package pair finds documents that may speak of one child by what they say:
// a family's report, and the notice, the sighting or the report of a child
// that was found. A photo joins copies of a picture; here nothing but facts
// joins, so that a pair is never more than two people may look at.
//
// [FromFacts] and [FromReport] make a [Doc] of what was read in a text. An [Index] holds them
// and knows how common each thing is among them: [Index.Candidates] are those
// that do not contradict a document, the rarest agreement first. [Explain]
// says in words what agrees, what speaks against and what is not known.
//
// Only what must differ excludes: the sex, a birth in one interval and not in
// the other, found before lost. What is not said excludes nothing, and where a
// child is found excludes nothing either: children are brought far. To say
// less may lower the rank of a pair and never removes it.
package pair

import (
	"slices"
	"time"

	"xunqin/pipeline/facts"
)

// Version is that of the rules: what a lower one has paired has to be paired again.
const Version = 1

// A Side says which end of a search a document stands at.
type Side uint8

// The sides. Documents of one side are never paired.
const (
	Seeks Side = iota // somebody looks for the child
	Finds             // somebody has it, saw it, or is it
)

// A Doc is what one document says of one child. What it does not say is zero.
type Doc struct {
	ID     string
	Side   Side
	Report bool // rather than a post; of a pair one at least is
	Close  bool // its writer knows the child's body: a notice, or a report
	Sex    string
	Born   facts.Dates
	Given  bool        // Born is open before a birthday that was given to the child, which is not far from the true one
	Event  facts.Dates // when it was lost, or seen or found
	Places []Place     // where that was: of a shared name the candidates
	Homes  []Place     // where it comes from, by its words or its speech
	Height facts.Height
	Marks  []Mark // scars and all else that stays with a body
	Wears  []Wear
	Keys   []string // of telephone numbers, as facts.Masked has them
}

// A Place is a division with how likely it is the one meant.
type Place struct {
	*facts.Division
	Grade float64
}

// mostPlaces is how many candidates of one name are looked at.
const mostPlaces = 3

// passedThrough is how likely a child was where its text only says that
// somebody passed, lives or was told of it.
const passedThrough = 0.7

// zone is that of all of China.
var zone = time.FixedZone("+08:00", 8*3600)

// FromFacts makes a document of what was read in the text of a post. kind is
// that of [facts.Context]; written is when it was, which no event in it comes
// after. It seeks if it tells of a loss, and finds otherwise.
func FromFacts(id string, f facts.Facts, text, kind string, written time.Time) Doc {
	d := Doc{ID: id, Side: Finds, Close: kind != "post"}
	event, place := f.Time(), f.Place()
	if kind != "notice" && (place != nil && place.Role == facts.Lost || place == nil && event != nil && event.Role == facts.Lost) {
		d.Side = Seeks
	}
	d.fill(f, text, written)
	return d
}

// FromReport makes a document of what a report says, in its fields and in the
// text that words are spans of.
func FromReport(id string, seeks bool, f facts.Facts, text string, written time.Time) Doc {
	d := Doc{ID: id, Side: Finds, Report: true, Close: true}
	if seeks {
		d.Side = Seeks
	}
	d.fill(f, text, written)
	return d
}

// fill takes over what was read, for a document whose side is known.
func (d *Doc) fill(f facts.Facts, text string, written time.Time) {
	d.Sex, d.Height = f.Sex, f.Height
	want := facts.Seen
	if d.Side == Seeks {
		want = facts.Lost
	}
	for _, m := range f.Moments {
		if m.Role == want || m.Role == "" && !d.Event.Known() {
			if d.Event = m.Dates; m.Role == want {
				break
			}
		}
	}
	if !d.Event.Known() && !written.IsZero() {
		d.Event.To = written.Add(24 * time.Hour)
	}
	place := f.Place()
	if place == nil { // of one that was only passed through it is better than none
		for i := range f.Places {
			if f.Places[i].Role == facts.Other {
				place = &f.Places[i]
				break
			}
		}
	}
	d.Places = placesOf(f, func(p facts.Place) bool {
		return place != nil && p.Words == place.Words && p.Role == place.Role
	})
	if place != nil && place.Role == facts.Other {
		for i := range d.Places {
			d.Places[i].Grade *= passedThrough
		}
	}
	d.Homes = placesOf(f, func(p facts.Place) bool { return p.Role == facts.From })
	d.Born, d.Given = born(f, *d, written)
	d.Marks, d.Wears = Marks(f, text), wears(f, text)
	for _, m := range f.Masked {
		if m.Key != "" && !slices.Contains(d.Keys, m.Key) {
			d.Keys = append(d.Keys, m.Key)
		}
	}
}

func placesOf(f facts.Facts, is func(facts.Place) bool) []Place {
	var out []Place
	for _, p := range f.Places {
		if is(p) && len(out) < mostPlaces && !slices.ContainsFunc(out, func(o Place) bool { return o.Division == p.Division }) {
			out = append(out, Place{p.Division, p.Grade})
		}
	}
	return out
}

// born is when the child was, by all ages of a text: what they agree on, or
// else, as of several children, all that any of them says. An age of no stated
// day is that at the event. The birthday of a found child is taken as one that
// was given to it, as is one that an institution set.
func born(f facts.Facts, d Doc, written time.Time) (all facts.Dates, given bool) {
	for _, a := range f.Ages {
		b := a.Birth
		switch {
		case b.Known() && (d.Side == Finds && exact(b) || b.From.IsZero()):
			b, given = facts.AssignedBirthday(b), true
		case b.Known():
		default:
			if !a.At.Known() {
				if a.At = d.Event; a.At.To.IsZero() {
					a.At.To = written
				}
			}
			b = a.Age.Born()
		}
		all = Agree(all, b)
	}
	return all, given && all.From.IsZero()
}

// exact reports that an interval is a day.
func exact(d facts.Dates) bool {
	return !d.From.IsZero() && !d.To.IsZero() && d.To.Sub(d.From) <= 25*time.Hour
}

// Agree is what two statements of one thing have in common, or else all that
// either says.
func Agree(a, b facts.Dates) facts.Dates {
	switch {
	case !a.Known():
		return b
	case !b.Known():
		return a
	}
	x, y := spanOf(a), spanOf(b)
	if both := (span{max(x.from, y.from), min(x.to, y.to)}); both.to > both.from {
		return facts.Dates{From: later(a.From, b.From), To: earlier(a.To, b.To)}
	}
	var hull facts.Dates
	if !a.From.IsZero() && !b.From.IsZero() {
		hull.From = earlier(a.From, b.From)
	}
	if !a.To.IsZero() && !b.To.IsZero() {
		hull.To = later(a.To, b.To)
	}
	return hull
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// A span is an interval in days since 1970, without its end.
type span struct{ from, to int32 }

// The ends of an open span.
const (
	ever  = -70 * 365
	never = 130 * 366
)

const day = 24 * 3600

func spanOf(d facts.Dates) span {
	s := span{ever, never}
	if !d.From.IsZero() {
		s.from = int32((d.From.Unix() + 8*3600) / day)
	}
	if !d.To.IsZero() {
		s.to = int32((d.To.Unix() + 8*3600 + day - 1) / day)
	}
	s.from = min(max(s.from, ever), never-1)
	s.to = min(max(s.to, s.from+1), never)
	return s
}

func (s span) and(t span) span { return span{max(s.from, t.from), min(s.to, t.to)} }

func (s span) widen(days int32) span { return span{max(ever, s.from-days), min(never, s.to+days)} }

// What people get wrong by so many days is no contradiction.
const (
	// ageSlack: a stranger's guess, and the calendar of an institution that
	// gives each child the first of January.
	ageSlack = 400
	// memorySlack: the year in which a grown child believes it was lost.
	memorySlack = 550
	// daySlack: the day of a report, which may be that of another calendar.
	daySlack = 45
)

// orderSlack is by how many days a find may come before the loss: a memory
// errs by a year, a dated find by the way the loss is dated.
func orderSlack(finds bool) int32 {
	if finds {
		return memorySlack
	}
	return daySlack
}

// Contradict reports the first reason for which a seeker's and a finder's
// document cannot speak of one child.
func Contradict(a, b Doc) (Reason, bool) {
	if a.Side != Seeks {
		a, b = b, a
	}
	x, y := spanOf(a.Born), spanOf(b.Born)
	lost, found := spanOf(a.Event), spanOf(b.Event)
	switch {
	case a.Side == b.Side:
		return Reason{Code: "side"}, true
	case a.Sex != "" && b.Sex != "" && a.Sex != b.Sex:
		return Reason{Code: "sex", Stands: Against}, true
	case apart(x, y):
		return Reason{Code: "born", Stands: Against, Days: [2]facts.Dates{a.Born, b.Born}}, true
	case before(found, lost, b.Report):
		return Reason{Code: "before", Stands: Against, Days: [2]facts.Dates{a.Event, b.Event}}, true
	case unborn(x, found):
		return Reason{Code: "unborn", Stands: Against, Days: [2]facts.Dates{a.Born, b.Event}}, true
	}
	return Reason{}, false
}

func apart(x, y span) bool { return x.from >= y.to+ageSlack || y.from >= x.to+ageSlack }

func before(found, lost span, memory bool) bool { return found.to+orderSlack(memory) <= lost.from }

func unborn(born, found span) bool { return born.from >= found.to+memorySlack }
