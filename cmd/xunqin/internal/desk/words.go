package desk

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/pipeline/facts"
	"xunqin/pipeline/redact"
)

// part is a part of a text as it is shown; with a kind it is marked as the words of a fact.
type part struct{ Text, Kind string }

// spoken is a fact that was read from words: what kind, what it says in the person's language, how sure that is, of what, and
// in which words. Value is empty where the words do not say.
type spoken struct {
	Kind, Value, Grade, Role, Words string
}

// readView is a text from outside as the person may read it, with what was read from it.
type readView struct {
	Parts   []part
	Facts   []spoken
	Numbers int // telephone numbers and the like
}

// china is the zone of the days that words speak of.
var china = time.FixedZone("UTC+8", 8*3600)

// read makes the view of a text with its facts. Marks and words are taken from the text as the person may read it: what is
// hidden there is neither marked nor repeated.
func (p *Page) read(text string, f facts.Facts, v redact.View) readView {
	pieces := redact.Pieces(text, v)
	list := p.spoken(pieces, f)
	view := readView{Parts: mark(pieces, len(text), list), Numbers: len(f.Masked)}
	for _, s := range list {
		view.Facts = append(view.Facts, s.spoken)
	}
	return view
}

// text is the whole, without marks.
func (v readView) text() string {
	var out strings.Builder
	for _, p := range v.Parts {
		out.WriteString(p.Text)
	}
	return out.String()
}

// factAt is a fact with its words.
type factAt struct {
	spoken
	at facts.Span
}

// mark splits a text as it is shown into parts. Where words of several facts overlap, those of the fact that stands first win.
func mark(pieces []redact.Piece, length int, of []factAt) []part {
	kinds := make([]int, length) // 1 and more: whose words they are
	for i, f := range slices.Backward(of) {
		for at := max(0, f.at.From); at < min(length, f.at.To); at++ {
			kinds[at] = i + 1
		}
	}
	var parts []part
	add := func(text string, kind int) {
		name := ""
		if kind > 0 {
			name = of[kind-1].Kind
		}
		if n := len(parts); n > 0 && name == "" && parts[n-1].Kind == "" {
			parts[n-1].Text += text
			return
		}
		parts = append(parts, part{text, name})
	}
	for _, piece := range pieces {
		if piece.From < 0 {
			add(piece.Text, 0)
			continue
		}
		from := 0
		for i := 1; i <= len(piece.Text); i++ {
			if i == len(piece.Text) || utf8.RuneStart(piece.Text[i]) && kinds[piece.From+i] != kinds[piece.From+from] {
				add(piece.Text[from:i], kinds[piece.From+from])
				from = i
			}
		}
	}
	return parts
}

// shownWords are words of a text as far as they are shown.
func shownWords(pieces []redact.Piece, at facts.Span) string {
	var parts []string
	for _, p := range pieces {
		from, to := max(p.From, at.From), min(p.To, at.To)
		if p.From < 0 || from >= to {
			continue
		}
		parts = append(parts, strings.ToValidUTF8(p.Text[from-p.From:to-p.From], ""))
	}
	return strings.Join(parts, "…")
}

// The facts of a kind that are listed, and the places that one name may mean.
const (
	mostSpoken  = 6
	mostMeaning = 6
)

// spoken lists facts: places, times, births and sex, each kind once at least, then what else was said.
func (p *Page) spoken(pieces []redact.Piece, f facts.Facts) []factAt {
	var list []factAt
	n := 0
	add := func(s spoken, at facts.Span) {
		if at.To > at.From {
			s.Words = shownWords(pieces, at)
		}
		if n++; n <= mostSpoken && !slices.ContainsFunc(list, func(l factAt) bool { return l.spoken == s }) {
			list = append(list, factAt{s, at})
		}
	}
	end := func(kind string) {
		if n == 0 {
			list = append(list, factAt{spoken: spoken{Kind: kind}})
		}
		n = 0
	}
	for i := range f.Places {
		if i > 0 && f.Places[i].Words == f.Places[i-1].Words && f.Places[i].Role == f.Places[i-1].Role {
			continue // another meaning of the same name
		}
		value, grade := p.meanings(f.Places[i:])
		add(spoken{Kind: "place", Value: value, Grade: grade, Role: string(f.Places[i].Role)}, f.Places[i].Words)
	}
	end("place")
	born := func(m facts.Moment) bool { return m.Role == facts.From }
	for _, m := range f.Moments {
		if !born(m) {
			add(spoken{Kind: "time", Value: p.dates(m.Dates), Role: string(m.Role)}, m.Words)
		}
	}
	end("time")
	for _, a := range f.Ages {
		add(spoken{Kind: "age", Value: p.age(a)}, a.Words)
	}
	end("age")
	if f.Sex != "" {
		add(spoken{Kind: "sex", Value: p.T("sex." + f.Sex)}, f.SexAt)
	}
	end("sex")
	if f.Height.Max > 0 {
		add(spoken{Kind: "height", Value: p.T("factsay.cm", "min", f.Height.Min, "max", f.Height.Max)}, f.Height.Words)
		n = 0
	}
	for _, note := range f.Notes {
		if words := shownWords(pieces, note.Words); words != "" {
			list = append(list, factAt{spoken{Kind: note.Kind, Value: words}, note.Words})
		}
	}
	return list
}

// meanings is what the first of some places may mean, together with those after it that have its words, and how sure that is.
func (p *Page) meanings(places []facts.Place) (value, grade string) {
	first := places[0]
	var names []string
	more := false
	for _, q := range places {
		if q.Words != first.Words || q.Role != first.Role || len(names) > 0 && first.Grade >= facts.Likely {
			break
		}
		if name := p.divisionName(q.Division); len(names) == mostMeaning {
			more = true
		} else if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	value = strings.Join(names, " / ")
	if more {
		value += " / …"
	}
	switch {
	case first.Grade >= facts.Sure:
		return value, "sure"
	case first.Grade >= facts.Likely:
		return value, "likely"
	}
	return value, "possible"
}

// divisionName is a division with what it lies in, as the language writes it, and what an abolished one is today.
func (p *Page) divisionName(d *facts.Division) string {
	var parts []string
	chinese := p.Lang == locale.Chinese
	for outer := d; outer != nil; outer = outer.Parent() {
		name := outer.Name
		if !chinese {
			name = outer.English()
		}
		parts = append(parts, name)
	}
	name := strings.Join(parts, ", ")
	if chinese {
		slices.Reverse(parts)
		name = strings.Join(parts, "")
	}
	if d.Current() {
		return name
	}
	var now []string
	for _, n := range d.Present() {
		if now = append(now, n.Name); !chinese {
			now[len(now)-1] = n.English()
		}
	}
	if len(now) == 0 {
		return p.T("factsay.former", "name", name)
	}
	return p.T("factsay.now", "name", name, "now", strings.Join(now, " / "))
}

// dates is an interval in words, empty where nothing is known. Days are those of China.
func (p *Page) dates(d facts.Dates) string {
	days := ""
	if d.Known() {
		days = locale.Days(p.Lang, d.From, d.To, china)
	}
	switch {
	case days == "":
	case d.From.IsZero():
		return p.T("factsay.until", "day", days)
	case d.To.IsZero():
		return p.T("factsay.since", "day", days)
	}
	return days
}

// age is an age at its day, or when somebody was born.
func (p *Page) age(a facts.AgeFact) string {
	if a.Birth.Known() {
		return p.T("factsay.born", "days", p.dates(a.Birth))
	}
	between := func(low, high int) string {
		if low == high {
			return fmt.Sprint(high)
		}
		return fmt.Sprintf("%d–%d", low, high)
	}
	age := p.T("factsay.years", "n", between(a.Min/12, a.Max/12))
	if a.Max < 24 {
		age = p.T("factsay.months", "n", between(a.Min, a.Max))
	}
	at := a.At
	if at.Known() && !at.From.IsZero() && !at.To.IsZero() { // an age is of a day, not of an hour
		midnight := func(t time.Time) time.Time {
			t = t.In(china)
			return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, china)
		}
		at = facts.Dates{From: midnight(at.From), To: midnight(at.To.Add(-time.Second)).AddDate(0, 0, 1)}
	}
	if day := p.dates(at); day != "" {
		return p.T("factsay.at", "age", age, "day", day)
	}
	return age
}

// compared is a fact of the report beside one of a copy, and what the two say together.
type compared struct {
	Kind, Report, Copy, Verdict, Reason, Source string
}

// compare holds the facts of a copy against those of the report.
func (p *Page) compare(report, other facts.Facts, source string) []compared {
	var list []compared
	for _, c := range facts.Compare(report, other) {
		list = append(list, compared{Kind: c.Kind, Report: p.claim(c.Kind, report), Copy: p.claim(c.Kind, other), Verdict: string(c.Verdict), Reason: p.because(c.Reason), Source: source})
	}
	return list
}

// claim is what facts say of a kind, in short.
func (p *Page) claim(kind string, f facts.Facts) string {
	switch kind {
	case "place":
		if at := f.Place(); at != nil {
			i := slices.IndexFunc(f.Places, func(q facts.Place) bool { return q == *at })
			value, _ := p.meanings(f.Places[i:])
			return value
		}
	case "time":
		if m := f.Time(); m != nil {
			return p.dates(m.Dates)
		}
	case "birth":
		return p.dates(f.Born())
	case "sex":
		if f.Sex != "" {
			return p.T("sex." + f.Sex)
		}
	}
	return ""
}

// because is a reason in the person's language.
func (p *Page) because(r facts.Reason) string {
	args := []any{"km", r.Km}
	for i, name := range []string{"a", "b"} {
		said := p.dates(r.Days[i])
		if d := r.Places[i]; d != nil {
			if said = d.Name; p.Lang != locale.Chinese {
				said = d.English()
			}
		}
		args = append(args, name, said)
	}
	return p.T("reason."+r.Code, args...)
}

// coarse is facts as somebody may know them who may not read the whole report: of a birth, the year.
func coarse(f facts.Facts) facts.Facts {
	born := f.Born()
	if !born.Known() {
		return f
	}
	if !born.From.IsZero() {
		born.From = time.Date(born.From.In(china).Year(), 1, 1, 0, 0, 0, 0, china)
	}
	if !born.To.IsZero() {
		born.To = time.Date(born.To.In(china).Add(-time.Second).Year()+1, 1, 1, 0, 0, 0, 0, china)
	}
	f.Ages = []facts.AgeFact{{Birth: born}}
	return f
}
