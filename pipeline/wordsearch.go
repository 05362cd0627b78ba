package pipeline

import (
	"context"
	"errors"
	"time"

	"xunqin/pipeline/record"
	"xunqin/search"
)

// WordAnswer is a page of what a query accepts: posts grouped by picture in the order of their newest, and reports.
type WordAnswer struct {
	Groups  []Group
	Reports []ReportHit
	Next    search.Key
	Total   int       // counted up to MostCounted; from the record, of this page alone
	More    bool      // there are more than Total
	Behind  int64     // changes the index had not taken in yet; -1: nobody knows how many
	UpTo    time.Time // what was seen until then it had taken in; zero: all
	Partial bool      // part of the index did not answer
	Missing float64   // the share of it that did not, up to 1; 0 where that is not known
	Record  *FromRecord
}

// FromRecord says that the index did not answer, and the record itself was read instead, newest first.
type FromRecord struct {
	Down  time.Time // since when the index does not answer; zero: it does, but not this query
	To    time.Time // the record was read back to then, or until the page was full; zero: all of it
	Index IndexState
}

// MostCounted bounds the count of a search's answer.
const MostCounted = 1000

// wordPatience is how long the index has to answer a search by words, followPatience to take in what is new before.
const (
	wordPatience   = 5 * time.Second
	followPatience = 2 * time.Second
)

// SearchWords answers a query, whatever the state of the index: where it does not answer the record is read. Each page is grouped
// by itself. An error is the record's, or the caller's own end.
func (p *Pipeline) SearchWords(ctx context.Context, q search.Query, page search.Page) (WordAnswer, error) {
	var a WordAnswer
	var err error
	if a.Behind, a.UpTo, err = p.fresh(ctx); err != nil {
		return a, err
	}
	page.Count = MostCounted + 1
	res, err := watched{p, wordPatience}.Find(ctx, q, page)
	if errors.Is(err, search.ErrUnavailable) {
		a.Behind, a.UpTo = 0, time.Time{} // the record holds all
		a.Record = &FromRecord{}
		res, a.Record.To, err = p.findInRecord(ctx, q, page)
		if err == nil {
			a.Record.Index, err = p.indexState(ctx, -1)
			a.Record.Down = a.Record.Index.Down
		}
	}
	if err != nil {
		return a, err
	}
	a.Next, a.Partial, a.Missing = res.Next, res.Partial, res.Missing
	a.Total, a.More = min(res.Total, MostCounted), res.Total > MostCounted || a.Record != nil && !res.Next.IsZero()
	return a, p.fillWords(ctx, &a, res.Found)
}

// fresh lets the index take in what is new, if that does not take long, and says how far behind it is.
func (p *Pipeline) fresh(ctx context.Context) (behind int64, upTo time.Time, err error) {
	last, err := p.Records.LastChange(ctx, nil)
	if err != nil {
		return 0, upTo, err
	}
	behind = -1
	if info, failed := (watched{p, followPatience}).Info(ctx); failed == nil {
		if behind = max(0, last-info.Seq); behind == 0 {
			return 0, upTo, nil
		}
		soon, cancel := context.WithTimeout(ctx, followPatience)
		defer cancel()
		if failed := p.Follow(soon); failed == nil {
			return 0, upTo, nil
		}
	}
	if err := ctx.Err(); err != nil {
		return behind, upTo, err
	}
	state, err := p.indexState(ctx, behind)
	return behind, state.UpTo, err
}

// Limits of reading the record for words. One search takes the time of a busy database's other work, so few are read at once.
const (
	browseTime   = 2 * time.Second
	browseRows   = 500 // times a window of posts
	browseAtOnce = 3
)

// findInRecord is Index.Find by reading the record, newest first and for a bounded time. It says back to when it has read; zero
// is all. Where time ran out before the page was full, the next page goes on from there. The total is of this page.
func (p *Pipeline) findInRecord(ctx context.Context, q search.Query, page search.Page) (res search.Result, to time.Time, err error) {
	done, err := p.browse.take(ctx, browseAtOnce)
	if err != nil {
		return res, to, err
	}
	defer done()
	ends, windows := time.Now().Add(browseTime), 0
	end := func() bool {
		windows++
		return windows >= browseRows || !time.Now().Before(ends)
	}
	full := false
	reached, err := p.Records.Browse(ctx, page.After, narrow(q), end, func(d search.Doc) bool {
		if !search.Match(q, d) {
			return true
		}
		if full = len(res.Found) == page.Size(); full {
			return false
		}
		res.Found = append(res.Found, search.Found{ID: d.ID, Kind: d.Kind, At: d.At})
		return true
	})
	if err != nil {
		return search.Result{}, to, err
	}
	res.Total = len(res.Found)
	switch {
	case full:
		res.Next = res.Found[len(res.Found)-1].Key()
		to = res.Next.At
	case !reached.IsZero():
		res.Next, to = reached, reached.At
	}
	return res, to, nil
}

// narrow is what of q a database can be asked for cheaply.
func narrow(q search.Query) (n record.Narrow) {
	n.Holds = search.Holding(q)
	parts, ok := q.(search.And)
	if !ok {
		parts = search.And{q}
	}
	for _, part := range parts {
		switch part := part.(type) {
		case search.Kind:
			n.Kind = string(part)
		case search.Posted:
			if part.From.After(n.From) {
				n.From = part.From
			}
			if !part.To.IsZero() && (n.To.IsZero() || part.To.Before(n.To)) {
				n.To = part.To
			}
		}
	}
	return n
}

// fillWords adds what stands behind what was found.
func (p *Pipeline) fillWords(ctx context.Context, a *WordAnswer, found []search.Found) error {
	at := map[string]int{} // picture to its group
	for _, f := range found {
		if f.Kind == search.KindReport {
			if r, err := p.Records.Report(ctx, nil, f.ID); err == nil {
				a.Reports = append(a.Reports, ReportHit{Report: r})
				continue
			} else if !record.IsNotFound(err) {
				return err
			}
		}
		post, err := p.Records.Post(ctx, nil, f.ID)
		if record.IsNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		photos, err := p.Records.PhotosOf(ctx, nil, f.ID)
		if err != nil {
			return err
		}
		shown := false
		for _, ph := range photos {
			if ph.PictureID == "" || ph.State != record.PhotoKept {
				continue
			}
			shown = true
			i, ok := at[ph.PictureID]
			if !ok {
				i = len(a.Groups)
				at[ph.PictureID] = i
				leads, err := p.Records.LeadsOfPicture(ctx, nil, ph.PictureID)
				if err != nil {
					return err
				}
				a.Groups = append(a.Groups, Group{PictureID: ph.PictureID, Leads: leads})
			}
			a.Groups[i].Copies = append([]Copy{{Photo: ph, Post: post}}, a.Groups[i].Copies...) // found newest first
		}
		if !shown {
			g := Group{Copies: []Copy{{Post: post}}}
			for _, ph := range photos {
				if ph.State == record.PhotoKept {
					g.Copies[0].Photo = ph
					break
				}
			}
			a.Groups = append(a.Groups, g)
		}
	}
	return nil
}

// CountWords is how many documents a query accepts, counted up to most. Only the index counts: while it does not answer, all of it, the
// error is search.ErrUnavailable.
func (p *Pipeline) CountWords(ctx context.Context, q search.Query, most int) (int, error) {
	res, err := watched{p, wordPatience}.Find(ctx, q, search.Page{Limit: 1, Count: most})
	if err == nil && res.Partial {
		return 0, search.ErrUnavailable // no count at all is better than one that is too low
	}
	return res.Total, err
}

// Facets counts what a query accepts by its facets, see search.Index. Only the index counts: while it does not answer the error is
// search.ErrUnavailable.
func (p *Pipeline) Facets(ctx context.Context, q search.Query, f search.Facet) (search.Facets, error) {
	return watched{p, wordPatience}.Facets(ctx, q, f)
}
