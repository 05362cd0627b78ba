package pipeline

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"xunqin/pipeline/facts"
	"xunqin/pipeline/record"
	"xunqin/pipeline/report"
)

// numberKey keys the marks under which numbers in words are kept.
func (p *Pipeline) numberKey() []byte { return []byte(p.Keys.Pseudonym("number in words", "")) }

// FactsOfPost reads what the words of a post say. Of a post whose source gave no time nothing is known that its words say
// relative to the day they were written.
func (p *Pipeline) FactsOfPost(post record.Post) facts.Facts { return ReadPost(post, p.numberKey()) }

// ReadPost is FactsOfPost with a key for the numbers in the words.
func ReadPost(post record.Post, key []byte) facts.Facts {
	written := post.PostedAt
	if post.Precision == "unknown" {
		written = time.Time{}
	}
	return facts.Read(post.Text, written, facts.Context{Kind: post.Kind, Place: post.Place, Key: key})
}

// FactsOfReport reads what a report says: its fields, each as the fact that it is, and its features. Words are spans of the
// features; a fact of a field of its own has none. When a report was written is not known, since it may come from a registry.
func (p *Pipeline) FactsOfReport(r record.Report) facts.Facts { return ReadReport(r, p.numberKey()) }

// ReadReport is FactsOfReport with a key for the numbers in the words.
func ReadReport(r record.Report, key []byte) facts.Facts {
	role, happened := facts.Lost, "走失"
	if r.Kind == record.ReportFound {
		role, happened = facts.Seen, "发现"
	}
	lost := facts.Dates{From: inChina(r.LostFrom), To: inChina(r.LostTo)}
	lostText := r.LostText
	if s, ok := calendar(lost); ok {
		lostText = s
	}
	birth := r.Birth
	if b, _ := report.ParseDate(r.Birth); !b.IsZero() {
		birth, _ = calendar(facts.Dates{From: inChina(b.From), To: inChina(b.To)})
	}
	// The fields stand before the features as somebody writes them in one, so that 走失时4岁 finds its day.
	var text strings.Builder
	for _, f := range []struct{ label, value string }{{happened + "时间：", lostText}, {happened + "地点：", r.Place}, {"出生日期：", birth}} {
		if f.value != "" {
			text.WriteString(f.label + f.value + "。\n")
		}
	}
	head := text.Len()
	text.WriteString(r.Features)
	f := facts.Read(text.String(), time.Time{}, facts.Context{Kind: "report", Place: r.Place, Key: key})
	f.Move(-head)
	for i := range f.Places {
		if x := &f.Places[i]; x.Words == (facts.Span{}) {
			x.Role = role
		}
	}
	if lost.Known() {
		f.Moments = append([]facts.Moment{{Dates: lost, Role: role}}, f.Moments...)
		for i := len(f.Moments) - 1; i > 0; i-- {
			if m := f.Moments[i]; m.Words == (facts.Span{}) && m.Role != facts.From {
				f.Moments = append(f.Moments[:i], f.Moments[i+1:]...)
			}
		}
	}
	if r.Kind == record.ReportFound { // adoptive families and homes set birthdays
		for i := range f.Ages {
			if a := &f.Ages[i]; a.Birth.Known() {
				a.Birth = facts.AssignedBirthday(a.Birth)
			}
		}
	}
	if r.Sex != "" {
		f.Sex, f.SexAt = r.Sex, facts.Span{}
	}
	if r.HeightCM > 0 {
		f.Height = facts.Height{Min: r.HeightCM - heightSlack, Max: r.HeightCM + heightSlack}
	}
	return f
}

// heightSlack is by how many centimetres people err who write down a height.
const heightSlack = 6

// china is the zone of the days that reports name.
var china = time.FixedZone("+08:00", 8*3600)

// inChina makes a day of the calendar, kept as its beginning in UTC, the day in China.
func inChina(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, china)
}

// calendar writes a day, month or year; it is false of any other interval.
func calendar(d facts.Dates) (string, bool) {
	switch {
	case d.From.IsZero() || d.To.IsZero():
	case d.To.Equal(d.From.AddDate(0, 0, 1)):
		return d.From.Format("2006年1月2日"), true
	case d.From.Day() == 1 && d.To.Equal(d.From.AddDate(0, 1, 0)):
		return d.From.Format("2006年1月"), true
	case d.From.YearDay() == 1 && d.To.Equal(d.From.AddDate(1, 0, 0)):
		return d.From.Format("2006年"), true
	}
	return "", false
}

// setReportFacts stores what the words of a report say.
func (p *Pipeline) setReportFacts(ctx context.Context, tx *sql.Tx, r record.Report) error {
	return p.Records.SetFacts(ctx, tx, record.Ref{ID: r.ID, Kind: "report"}, p.FactsOfReport(r))
}

// rereadBatch is how many posts and reports one transaction reads again: some tens of milliseconds of work.
const rereadBatch = 200

// Reread reads the words again of what an older version of the rules has read, or none: a batch, after which the rest is a job
// of its own. Where it stands is in the rows, so it may be stopped anywhere.
func (p *Pipeline) Reread(ctx context.Context, _ rereadJob, _ int, done done) error {
	var n int
	err := p.Records.Tx(ctx, func(tx *sql.Tx) error {
		n = 0
		list, err := p.Records.Unread(ctx, tx, rereadBatch)
		if err != nil {
			return err
		}
		for _, of := range list {
			if err := p.reread(ctx, tx, of); err != nil {
				return err
			}
		}
		if n = len(list); n == rereadBatch {
			if err := p.enqueue(ctx, tx, rereadJob{}); err != nil {
				return err
			}
		}
		if err := done(tx); err != nil {
			return err
		}
		for _, of := range list {
			if err := p.Records.Changed(ctx, tx, of.ID, of.Kind); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read words again: %w", err)
	}
	left, err := p.Records.CountUnread(ctx, nil)
	if err == nil {
		p.Log.Info("words read again", "rules", facts.Version, "read", n, "left", left)
	}
	return nil // what was read is committed
}

func (p *Pipeline) reread(ctx context.Context, tx *sql.Tx, of record.Ref) error {
	if of.Kind == "report" {
		r, err := p.Records.Report(ctx, tx, of.ID)
		if err != nil {
			return ignore(err, record.ErrNotFound)
		}
		return p.setReportFacts(ctx, tx, r)
	}
	post, err := p.Records.Post(ctx, tx, of.ID)
	if err != nil {
		return ignore(err, record.ErrNotFound)
	}
	return p.Records.SetFacts(ctx, tx, of, p.FactsOfPost(post))
}

// rereadLater queues the reading of words that the present rules have not read, unless it is queued.
func (p *Pipeline) rereadLater(ctx context.Context) error {
	return p.Records.Tx(ctx, func(tx *sql.Tx) error {
		list, err := p.Records.Unread(ctx, tx, 1)
		if err != nil || len(list) == 0 {
			return err
		}
		queued, err := p.queued(ctx, tx, rereadJob{}.Kind())
		if err != nil || queued {
			return err
		}
		return p.enqueue(ctx, tx, rereadJob{})
	})
}
