// Package facts reads what the words of a post, a report or a notice say:
// where and when, how old, of which sex, with which marks. What it finds are
// intervals with the words they come from, so that a person can look; where
// the words do not say, there is nothing. It reads Chinese, in both scripts,
// and English, and only China has places finer than a country.
//
// [Read] does it all. [Dates], [Age] and [Area] are the intervals, and their
// Meet says whether two can speak of one child. [Named] finds divisions by
// name.
package facts

import (
	"math"
	"time"
)

// A Span is a part of a text, in bytes.
type Span struct{ From, To int }

// In is the part of text.
func (s Span) In(text string) string { return text[s.From:s.To] }

// A Role says what happened at a place or a time.
type Role string

// The roles. A place or time about which nothing is said has none.
const (
	Seen  Role = "seen"  // the child was seen, photographed or found
	Lost  Role = "lost"  // the child was lost, or taken
	From  Role = "from"  // the child, or its family, comes from there; of a time: was born
	Other Role = "other" // somebody else is there, or it was passed through, or told as a rumour; of a time: of a notice
)

// A Place is a division that words may mean. Several with the same words are
// the candidates for a name that is shared.
type Place struct {
	*Division
	Grade float64 // how likely the words mean this one; from Sure on it is taken as said
	Role  Role
	Words Span
}

// Sure is the grade from which a place is taken as said, Likely that from which
// it is likelier than all others together.
const (
	Sure   = 0.9
	Likely = 0.5
)

// A Moment is a time in the words.
type Moment struct {
	Dates
	Role  Role
	Words Span
}

// An AgeFact is an age in the words.
type AgeFact struct {
	Age
	Birth Dates // of a day, month or year of birth that is said; open where an institution set it
	Words Span
}

// Born is when somebody of whom that is said was born.
func (a AgeFact) Born() Dates {
	if a.Birth.Known() {
		return a.Birth
	}
	return a.Age.Born()
}

// A Note is something said of a child in words that are kept as they are.
type Note struct {
	Kind  string // mark, scar, clothes, hair, speech, disability
	Words Span
	Grade float64
}

// Place is where it happened: the likeliest place where the child was seen, or
// else lost, or else about which nothing is said; nil if there is none.
func (f Facts) Place() *Place {
	for i := range f.Places {
		if r := f.Places[i].Role; r != From && r != Other {
			return &f.Places[i]
		}
	}
	return nil
}

// Time is when it happened, likewise.
func (f Facts) Time() *Moment {
	for i := range f.Moments {
		if r := f.Moments[i].Role; r != From && r != Other {
			return &f.Moments[i]
		}
	}
	return nil
}

// Facts are what a text says.
type Facts struct {
	Places  []Place  // where it happened first, of that what is said most directly; of shared names the likeliest
	Moments []Moment // likewise
	Ages    []AgeFact
	Sex     string // "male", "female", or "" where the words do not say or speak of several
	SexAt   Span
	Height  Height
	Notes   []Note
	Masked  []Masked
}

// A Height is in centimetres, both ends included; zero where nothing is said.
type Height struct {
	Min, Max int
	Words    Span
}

// A Context is what is known of a text besides its words.
type Context struct {
	Kind  string // "post", "report" or "notice": what a place without a word about it is
	Place string // where the poster or the source is, as written; it decides between places that share a name
	Key   []byte // for the keyed digests of [Masked]; without it there are none
}

// zone is that of all of China. It has no summer time since 1992.
var zone = time.FixedZone("+08:00", 8*3600)

// longest is how much of a text is read, in bytes; posts are far shorter.
const longest = 64 << 10

// most is how many places, times or words of one kind are read in one text: a
// text with more is a list, and says nothing of one child.
const most = 64

// long is the age of a day from which it is more likely that of a loss.
const long = 2 * 365 * day

// Read is what text says. posted is when it was written, to which "yesterday"
// and "five years old" refer; with a zero posted they say nothing. It never
// fails, costs some tens of microseconds for an ordinary post, and reads no
// more than the first 64 kB.
func Read(text string, posted time.Time, c Context) Facts {
	var f Facts
	if len(text) > longest {
		text = text[:longest]
	}
	f.Masked = mask(text, c.Key)
	r := reader{folded: fold(text), text: text, context: c}
	if !posted.IsZero() {
		r.posted = posted.In(zone)
	}
	r.hide(f.Masked)
	r.scan()
	f.Moments, f.Ages = r.times()
	// Who writes of a day years ago writes of a loss.
	if m := f.Time(); m != nil && !r.posted.IsZero() && r.posted.Sub(m.To) > long {
		r.old = true
		f.Moments, f.Ages = r.times()
	}
	f.Places = r.places()
	f.Sex, f.SexAt = r.sex()
	f.Height = r.height()
	f.Notes = r.notes()
	return f
}

// A reader goes through one text.
type reader struct {
	folded
	text    string
	context Context
	posted  time.Time
	undated bool  // what is read was written on a day that is not known
	old     bool  // the text is about a day long ago
	hits    []hit // places, and other words that speak of a person, in order
	cues    []hit
	clauses []int // where each clause ends
}

// A hit is a word of the lexicon.
type hit struct {
	from, to int // runes
	kind     uint8
	entries  []entry
}

// hide blanks what is masked: a telephone number holds no date.
func (r *reader) hide(masked []Masked) {
	for _, m := range masked {
		for i := range r.runes {
			if at := int(r.at[i]); at >= m.Words.From && at < m.Words.To {
				r.runes[i] = '•'
			}
		}
	}
}

// scan finds the words of the lexicon, the longest at each place, from the
// left, and where clauses end.
func (r *reader) scan() {
	x := words()
	for i := 0; i < len(r.runes); {
		c := r.runes[i]
		switch c {
		case '。', '！', '？', '!', '?', ';', '；', '\n', ',', '，':
			r.clauses = append(r.clauses, i)
			i++
			continue
		case '.':
			if !digit(r.rune(i + 1)) {
				r.clauses = append(r.clauses, i)
			}
			i++
			continue
		}
		if !han(c) && c < 0x1f000 && (!letter(c) || letter(r.rune(i-1))) {
			i++
			continue
		}
		h := hit{from: i}
		x.match(&r.folded, i, func(to int, e entry) {
			if to > h.to {
				h.to, h.entries, h.kind = to, h.entries[:0], e.kind
			}
			h.entries = append(h.entries, e)
			h.kind = min(h.kind, e.kind)
		})
		if h.to == 0 {
			i++
			continue
		}
		switch h.kind {
		case placeName, townName, word:
			if len(r.hits) < 2*most {
				r.hits = append(r.hits, h)
			}
		case cue:
			// 寻女 is a cue, and says of whom.
			said := hit{from: h.from, to: h.to, kind: word}
			at := hit{from: h.from, to: h.to, kind: cue}
			for _, e := range h.entries {
				switch e.kind {
				case cue:
					at.entries = append(at.entries, e)
				case word:
					said.entries = append(said.entries, e)
				}
			}
			if len(r.cues) < 2*most {
				r.cues = append(r.cues, at)
			}
			if len(said.entries) > 0 && len(r.hits) < 2*most {
				r.hits = append(r.hits, said)
			}
		}
		i = h.to
	}
	r.clauses = append(r.clauses, len(r.runes))
}

// AgeOn is the range of ages, in whole months, that the text leaves open for a
// day: what its ages agree on, or else, as of several children, all that any of
// them says. Without an age it is everything.
func (f Facts) AgeOn(t time.Time) (youngest, eldest int) {
	eldest = 12 * oldest
	for i, a := range f.Ages {
		lo, hi := a.On(t)
		common := min(hi, eldest) - max(lo, youngest)
		if i > 0 && 2*common < min(hi-lo, eldest-youngest) {
			youngest, eldest = min(lo, youngest), max(hi, eldest)
			continue
		}
		youngest, eldest = max(youngest, lo), min(eldest, hi)
	}
	return youngest, eldest
}

// Born is when the child was born, by the words: what its ages agree on, or
// else, as of several children, all that any of them says. Without an age it
// is open.
func (f Facts) Born() Dates {
	var all Dates
	for _, a := range f.Ages {
		b := a.Born()
		switch {
		case !b.Known():
		case !all.Known():
			all = b
		default:
			both := Dates{later(all.From, b.From), earlier(all.To, b.To)}
			common := both.length()
			if common <= 0 || 2*common < min(all.length(), b.length()) {
				both = Dates{}
				if !all.From.IsZero() && !b.From.IsZero() {
					both.From = earlier(all.From, b.From)
				}
				if !all.To.IsZero() && !b.To.IsZero() {
					both.To = later(all.To, b.To)
				}
			}
			all = both
		}
	}
	return all
}

// length is that of an interval; an open one has the longest there is.
func (d Dates) length() time.Duration {
	if d.From.IsZero() || d.To.IsZero() {
		return math.MaxInt64 / 4
	}
	return d.To.Sub(d.From)
}

// earlier and later leave out an end that is open.
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
