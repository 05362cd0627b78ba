package pair

import (
	"strings"
	"time"

	"xunqin/pipeline/facts"
	"xunqin/pipeline/record"
	"xunqin/pipeline/report"
)

// OfPost is what a post says. place is that of its source; key is for
// telephone numbers, which without it are left out. It costs as much as
// [facts.Read].
func OfPost(p record.Post, place string, key []byte) Doc {
	if p.Place != "" {
		place = p.Place
	}
	f := facts.Read(p.Text, p.PostedAt, facts.Context{Kind: p.Kind, Place: place, Key: key})
	return FromFacts(p.ID, f, p.Text, p.Kind, p.PostedAt)
}

// OfReport is what a report says in its fields and in its words. phone is that
// of its contact, which joins it to whoever knows the number by heart.
func OfReport(r record.Report, phone string, key []byte) Doc {
	text := r.Features
	if phone != "" {
		text += "\n" + phone
	}
	if r.LostFrom.IsZero() && r.LostText != "" {
		text += "\n" + r.LostText
	}
	read := func(text string) facts.Facts {
		return facts.Read(text, r.CreatedAt, facts.Context{Kind: "report", Place: r.Place, Key: key})
	}
	f := read(text)
	// An age in a report is that of the loss, or of the day of the report, if
	// the words do not say which.
	lost := calendar(r.LostFrom, r.LostTo)
	for i, a := range f.Ages {
		if a.At.Known() && !a.At.To.Before(r.CreatedAt) && birthday(f, a) == nil {
			f.Ages[i].At = facts.Dates{From: lost.From, To: a.At.To}
		}
	}
	d := FromFacts(r.ID, f, text, "report", r.CreatedAt)
	d.Report, d.Side = true, Seeks
	if r.Kind == record.ReportFound {
		d.Side = Finds
	}
	if lost.Known() {
		d.Event = lost
	}
	d.Born, d.Given = born(f, d) // once more, for it depends on side and event
	if r.Birth != "" {
		b, given := d.birth(r.Birth, read)
		d.Born = Agree(d.Born, b)
		d.Given = (d.Given || given) && d.Born.From.IsZero()
	}
	if r.Sex != "" {
		d.Sex = r.Sex
	}
	if r.HeightCM > 0 {
		d.Height = facts.Height{Min: r.HeightCM - 3, Max: r.HeightCM + 3}
	}
	if r.Place != "" {
		at := read("在" + r.Place)
		if p := at.Place(); p != nil {
			d.Places = placesOf(at, func(q facts.Place) bool { return q.Words == p.Words })
		}
	}
	return d
}

// birth reads a birth date as it was written: of the calendar, of the lunar
// one, or in other words. That of a found child was given to it.
func (d Doc) birth(written string, read func(string) facts.Facts) (b facts.Dates, given bool) {
	if i, problem := report.ParseDate(written); problem == "" && !i.IsZero() {
		b := calendar(i.From, i.To)
		if d.Side == Finds && i.Precision == "day" {
			return facts.AssignedBirthday(b), true
		}
		return b, false
	}
	f := read("出生于" + strings.TrimSpace(written))
	return born(f, d)
}

// calendar makes days that are written as of Greenwich those of China.
func calendar(from, to time.Time) facts.Dates {
	shift := func(t time.Time) time.Time {
		if t.IsZero() {
			return t
		}
		t = t.UTC()
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, zone)
	}
	return facts.Dates{From: shift(from), To: shift(to)}
}
