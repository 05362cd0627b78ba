package pipeline

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sync"

	"xunqin/pipeline/facts"
	"xunqin/pipeline/facts/pair"
	"xunqin/pipeline/record"
)

// MostPairs is how many leads by facts a report may have open: what two people can go through in an hour.
const MostPairs = 20

// LeastBits is how much likelier, as a binary logarithm, two documents must agree as they do if they speak of one child than by
// chance, for a lead by facts. It keeps a small record, where any twenty are the best there are, from asking about pairs of
// which hardly anything is known; among 50,000 documents it is less than the twentieth of most reports has.
const LeastBits = 6

// pairing is what documents say, in memory: some 300 bytes a document, made of the record at first use and brought up to date
// by its changes.
type pairing struct {
	mu    sync.Mutex
	seq   int64
	index pair.Index
}

// followPairs brings the pairing up to date with the record's changes. The first time it reads every document, five hundred at
// a time.
func (p *Pipeline) followPairs(ctx context.Context) error {
	p.pairs.mu.Lock()
	defer p.pairs.mu.Unlock()
	for {
		list, err := p.Records.Changes(ctx, nil, p.pairs.seq, 500)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return nil
		}
		var posts, reports []string
		for _, c := range list {
			if c.Kind == "report" {
				reports = append(reports, c.DocID)
			} else {
				posts = append(posts, c.DocID)
			}
		}
		docs, err := p.pairDocs(ctx, posts, reports)
		if err != nil {
			return fmt.Errorf("follow for pairs: %w", err)
		}
		for _, c := range list {
			if d, ok := docs[c.DocID]; ok {
				p.pairs.index.Put(d)
			} else {
				p.pairs.index.Remove(c.DocID)
			}
		}
		p.pairs.seq = list[len(list)-1].Seq
	}
}

// pairDocs is what posts and reports say; without those that are erased, hidden or closed, or say nothing that could be rare.
func (p *Pipeline) pairDocs(ctx context.Context, postIDs, reportIDs []string) (map[string]pair.Doc, error) {
	numbers, err := p.Records.NumbersOf(ctx, nil, append(slices.Clone(postIDs), reportIDs...))
	if err != nil {
		return nil, err
	}
	out := map[string]pair.Doc{}
	keep := func(d pair.Doc) {
		d.Keys = append(d.Keys, numbers[d.ID]...)
		if d.Report || d.Born.Known() || len(d.Places)+len(d.Homes)+len(d.Marks)+len(d.Keys) > 0 {
			out[d.ID] = d
		}
	}
	posts, err := p.Records.Posts(ctx, nil, postIDs)
	if err != nil {
		return nil, err
	}
	said, err := p.Records.FactsOf(ctx, nil, "post", postIDs)
	if err != nil {
		return nil, err
	}
	for _, post := range posts {
		if post.State != record.PostLive {
			continue
		}
		f, ok := read(said[post.ID])
		if !ok {
			f = p.FactsOfPost(post)
		}
		keep(pair.FromFacts(post.ID, f, post.Text, post.Kind, post.PostedAt))
	}
	reports, err := p.Records.ReportsByID(ctx, nil, reportIDs)
	if err != nil {
		return nil, err
	}
	if said, err = p.Records.FactsOf(ctx, nil, "report", reportIDs); err != nil {
		return nil, err
	}
	for _, r := range reports {
		if r.Status != record.ReportOpen {
			continue
		}
		f, ok := read(said[r.ID])
		if !ok {
			f = p.FactsOfReport(r)
		}
		d := pair.FromReport(r.ID, r.Kind == record.ReportMissing, f, r.Features, r.CreatedAt)
		d.Keys = append(d.Keys, p.contactKeys(r)...)
		keep(d)
	}
	return out, nil
}

// read is what is stored of a document's facts, if the present rules have read it and its words are spans of the same text.
func read(row record.FactsRow) (facts.Facts, bool) {
	var f facts.Facts
	if row.Version != facts.Version {
		return f, false
	}
	return f, json.Unmarshal([]byte(row.Facts), &f) == nil
}

// contactKeys are the keys of a family's own telephone, which a child may know by heart. A contact that does not open has none.
func (p *Pipeline) contactKeys(r record.Report) []string {
	c, err := p.OpenContact(r.Contact)
	if err != nil || c.Phone == "" {
		return nil
	}
	var keys []string
	for _, m := range p.FactsOfPost(record.Post{Text: c.Phone}).Masked {
		keys = append(keys, m.Key)
	}
	return keys
}

// PairDocs is what the two sides of a lead by facts say. A side that is gone, hidden or closed says nothing but its id.
func (p *Pipeline) PairDocs(ctx context.Context, l record.Lead) (report, other pair.Doc, err error) {
	posts, reports := []string{l.PostID}, []string{l.ReportID}
	if l.PostID == "" {
		posts, reports = nil, append(reports, l.OtherID)
	}
	docs, err := p.pairDocs(ctx, posts, reports)
	if err != nil {
		return report, other, fmt.Errorf("read both sides: %w", err)
	}
	side := func(id string, s pair.Side) pair.Doc {
		if d, ok := docs[id]; ok {
			return d
		}
		return pair.Doc{ID: id, Side: s}
	}
	report = side(l.ReportID, pair.Seeks)
	other = side(l.PostID+l.OtherID, 1-report.Side)
	return report, other, nil
}

// pairs are what a document is found to have to do with others: candidates for leads by facts, the rarest agreement first, and
// leads there are that would not be made any more.
type pairs struct {
	found []pair.Candidate
	stale []record.Lead
}

// findPairs looks for documents that may speak of the same child. Like a photo's copies they are looked for after the document
// itself is in the pairing, so that of two that arrive at once one sees the other.
func (p *Pipeline) findPairs(ctx context.Context, of record.Ref) (pairs, error) {
	var out pairs
	if err := p.followPairs(ctx); err != nil {
		return out, err
	}
	posts, reports := []string{of.ID}, []string(nil)
	if of.Kind == "report" {
		posts, reports = reports, posts
	}
	docs, err := p.pairDocs(ctx, posts, reports)
	if err != nil {
		return out, fmt.Errorf("look for pairs: %w", err)
	}
	if d, ok := docs[of.ID]; ok {
		// Some will be copies of others, or joined by a photo already.
		out.found = p.pairs.index.Candidates(d, 2*MostPairs)
		out.found = slices.DeleteFunc(out.found, func(c pair.Candidate) bool { return c.Bits < LeastBits })
	}
	have, err := p.Records.FactsLeads(ctx, nil, of.ID)
	if err != nil {
		return out, err
	}
	for _, l := range have {
		other := l.PostID + l.OtherID
		if other == of.ID {
			other = l.ReportID
		}
		if l.Owner != "" || slices.ContainsFunc(out.found, func(c pair.Candidate) bool { return c.ID == other }) {
			continue
		}
		a, b, err := p.PairDocs(ctx, l) // it may stand in the other's list alone
		if err != nil {
			return out, err
		}
		if _, no := pair.Contradict(a, b); no || p.pairs.index.Bits(a, b) < LeastBits {
			out.stale = append(out.stale, l)
		}
	}
	return out, nil
}

// joinPairs makes leads of a document and those found for it. Leads that nobody has looked at, and that would not be made
// today, go; a report's places go to what agrees more rarely, and nothing that a person has judged or taken loses its place.
func (p *Pipeline) joinPairs(ctx context.Context, tx *sql.Tx, of record.Ref, found pairs) ([]string, error) {
	for _, l := range found.stale {
		if _, err := p.Records.DropUntouched(ctx, tx, l); err != nil {
			return nil, err
		}
	}
	if of.Kind == "report" {
		if err := p.Records.SetPaired(ctx, tx, of.ID, pair.Version); err != nil {
			return nil, err
		}
	}
	var fresh []string
	made := 0
	for _, c := range found.found {
		l, ok, err := p.pairLead(ctx, tx, of, c)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		id, isNew, err := p.addPair(ctx, tx, l)
		if err != nil {
			return nil, err
		}
		if isNew {
			fresh = append(fresh, id)
		}
		if made++; made == MostPairs {
			break
		}
	}
	return fresh, nil
}

// pairLead is the lead of a document and a candidate; false where none is to be made. Of two reports it is the family's.
func (p *Pipeline) pairLead(ctx context.Context, tx *sql.Tx, of record.Ref, c pair.Candidate) (record.Lead, bool, error) {
	l := record.Lead{ReportID: of.ID, Pair: "sighting", Kind: record.ByFacts, Distance: rarity(c), NextAt: p.Now().Add(firstLook)}
	other, err := p.Records.Report(ctx, tx, c.ID)
	switch {
	case err == nil && of.Kind == "post":
		l.ReportID, l.PostID = c.ID, of.ID
	case err == nil:
		l.OtherID, l.Pair = c.ID, "found"
		if other.Kind == record.ReportMissing {
			l.ReportID, l.OtherID = c.ID, of.ID
		}
	case !record.IsNotFound(err):
		return l, false, err
	default:
		l.PostID = c.ID
	}
	r, err := p.Records.Report(ctx, tx, l.ReportID)
	if err != nil || r.Status != record.ReportOpen {
		return l, false, ignore(err, record.ErrNotFound)
	}
	if l.OtherID != "" {
		if other, err = p.Records.Report(ctx, tx, l.OtherID); err != nil || other.Status != record.ReportOpen {
			return l, false, ignore(err, record.ErrNotFound)
		}
	} else if post, err := p.Records.Post(ctx, tx, l.PostID); err != nil || post.State != record.PostLive {
		return l, false, ignore(err, record.ErrNotFound)
	}
	joined, err := p.Records.Joined(ctx, tx, l.ReportID, l.PostID+l.OtherID)
	return l, !joined, err
}

// rarity orders leads by facts as distance orders others: the rarer the agreement, the less.
func rarity(c pair.Candidate) int { return int(-math.Round(100 * c.Bits)) }

// addPair stores a lead if its report has room for it, or a lead that nobody has touched and that agrees less rarely.
func (p *Pipeline) addPair(ctx context.Context, tx *sql.Tx, l record.Lead) (id string, fresh bool, err error) {
	have, err := p.Records.FactsLeads(ctx, tx, l.ReportID)
	if err != nil {
		return "", false, err
	}
	open := 0
	for _, h := range have {
		if h.ReportID == l.ReportID && h.PostID == l.PostID && h.OtherID == l.OtherID {
			return p.Records.AddFactsLead(ctx, tx, l)
		}
		if h.ReportID == l.ReportID && openPair(h) {
			open++
		}
	}
	for _, h := range slices.Backward(have) {
		if open < MostPairs {
			break
		}
		if h.ReportID != l.ReportID || !openPair(h) || h.Owner != "" {
			continue
		}
		if h.Distance <= l.Distance {
			return "", false, nil
		}
		gone, err := p.Records.DropUntouched(ctx, tx, h)
		if err != nil {
			return "", false, err
		}
		if gone {
			open--
		}
	}
	if open >= MostPairs {
		return "", false, nil
	}
	return p.Records.AddFactsLead(ctx, tx, l)
}

func openPair(l record.Lead) bool {
	switch l.State {
	case record.LeadAgreed, record.LeadDifferent, record.LeadHarmful:
		return false
	}
	return true
}

// pairBatch is how many reports one job looks for the pairs of.
const pairBatch = 50

// Pair looks for the pairs of reports that were there before the rules, or when they were others: a batch, after which the rest
// is a job of its own.
func (p *Pipeline) Pair(ctx context.Context, _ pairJob, _ int, done done) error {
	ids, err := p.Records.Unpaired(ctx, nil, pair.Version, pairBatch)
	if err != nil {
		return err
	}
	found := make([]pairs, len(ids))
	for i, id := range ids {
		if found[i], err = p.findPairs(ctx, record.Ref{ID: id, Kind: "report"}); err != nil {
			return err
		}
	}
	return p.Records.Tx(ctx, func(tx *sql.Tx) error {
		if err := p.Records.LockRelate(ctx, tx); err != nil {
			return err
		}
		for i, id := range ids {
			fresh, err := p.joinPairs(ctx, tx, record.Ref{ID: id, Kind: "report"}, found[i])
			if err != nil {
				return err
			}
			if err := p.alertOfLeads(ctx, tx, fresh); err != nil {
				return err
			}
		}
		if len(ids) == pairBatch {
			if err := p.enqueue(ctx, tx, pairJob{}); err != nil {
				return err
			}
		}
		return done(tx)
	})
}

// pairLater queues the pairing of reports whose pairs the present rules have not looked for, unless it is queued.
func (p *Pipeline) pairLater(ctx context.Context) error {
	return p.Records.Tx(ctx, func(tx *sql.Tx) error {
		list, err := p.Records.Unpaired(ctx, tx, pair.Version, 1)
		if err != nil || len(list) == 0 {
			return err
		}
		queued, err := p.queued(ctx, tx, pairJob{}.Kind())
		if err != nil || queued {
			return err
		}
		return p.enqueue(ctx, tx, pairJob{})
	})
}
