package desk

import (
	"cmp"
	"slices"
	"time"

	"xunqin/pipeline"
	"xunqin/pipeline/facts"
	"xunqin/pipeline/facts/pair"
	"xunqin/pipeline/record"
)

// mayOther reports whether the other side of a lead by facts is within the person's work.
func (s *Server) mayOther(p *Page, l record.Lead) (bool, error) {
	if l.OtherID != "" {
		r, err := s.Records.Report(p.Context(), nil, l.OtherID)
		return err == nil && theirs(p.User, r.Place), err
	}
	post, err := s.Records.Post(p.Context(), nil, l.PostID)
	return err == nil && post.State == record.PostLive && theirs(p.User, post.Place), err
}

// pairPage fills in the page of a lead by facts: both documents with what was read from them, and what speaks for and against.
func (s *Server) pairPage(p *Page, l record.Lead, r record.Report, v *LeadView) error {
	said, err := s.Records.Facts(p.Context(), nil, record.Ref{ID: r.ID, Kind: "report"})
	if err != nil {
		return err
	}
	if !v.MayReport {
		said = coarse(said)
	}
	v.ByFacts = true
	v.Report.Read = p.read(r.Features, said, p.reading(r.At(), v.Mine))
	of := pipeline.Copy{Photo: record.Photo{ReportID: l.OtherID}}
	if l.PostID != "" {
		if of.Post, err = s.Records.Post(p.Context(), nil, l.PostID); err != nil {
			return err
		}
	}
	// Whoever may see a lead sees both sides: to compare them is the work.
	if v.Copies, _, err = s.copies(p, []pipeline.Copy{of}, true, v.Mine); err != nil {
		return err
	}
	a, b, err := s.Pipeline.PairDocs(p.Context(), l)
	if err != nil {
		return err
	}
	at := [2]time.Time{r.At(), {}}
	v.Against = append(v.Against, p.T("factslead.family"), p.T("measured.never"))
	if l.Pair == "found" {
		v.Against = append(v.Against, p.T("weighpair.found"))
	}
	if len(v.Copies) == 0 { // hidden at its source meanwhile: a reviewer sees it
		v.Against = append(v.Against, p.T("factslead.gone"))
		return nil
	}
	v.Copy = v.Copies[0]
	at[1] = v.Copy.at
	for _, x := range pair.Explain(a, b) {
		line := p.pairReason(x, at, v.Mine, v.MayReport)
		to := &v.For
		switch x.Stands {
		case pair.Against:
			to = &v.Against
		case pair.Unknown:
			to = &v.Unknown
		}
		if !slices.Contains(*to, line) {
			*to = append(*to, line)
		}
	}
	return nil
}

// pairReason says a reason in the person's language, with words as the person may read them and, for whom the report is not
// theirs, of a birth the year.
func (p *Page) pairReason(x pair.Reason, at [2]time.Time, own, whole bool) string {
	args := []any{"n", x.N}
	for i, name := range []string{"a", "b"} {
		days := x.Days[i]
		if born := x.Code == "bornmeet" || x.Code == "bornbeside" || x.Code == "born" || x.Code == "unborn" && i == 0; born && !whole {
			days = coarse(facts.Facts{Ages: []facts.AgeFact{{Birth: days}}}).Born()
		}
		said := p.dates(days)
		if x.Places[i] != nil {
			said = p.divisionName(x.Places[i])
		}
		args = append(args, name, cmp.Or(p.words(x.Words[i], at[i], own), said))
	}
	return p.T("pairreason."+x.Code, args...)
}
